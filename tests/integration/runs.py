#!/usr/bin/env python3
"""What `heddle runs` tells of three days: show with its cost by step, diff by counts and rows, reproduce of each day, and what each says
where a file was tampered with, the digest is another, or something else wrote to the warehouse."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batch_run  # noqa: E402

DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
HEAD = "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP"
# Who there is on each day, with the street: 3 moves on the second day, 1 is corrected on the third; each day has a new one, and 2 stays.
STREETS = ({1: "1 Elm", 2: "2 Elm", 3: "3 Elm"}, {1: "1 Elm", 2: "2 Elm", 3: "9 Oak", 4: "4 Elm"}, {1: "1 Elm Street", 2: "2 Elm", 3: "9 Oak", 4: "4 Elm", 5: "5 Elm"})
STEPS = ["list", "decode", "stage", "history", "conform", "account", "gates", "publish", "digest", "clear"]


def runs(folder, *words, code=0):
    made = batch_run.heddle(folder, "runs", *words, "--format", "json", code=code)
    return [json.loads(line) for line in made.stdout.splitlines()], made.stderr


def part(lines, name):
    return [{key: value for key, value in line.items() if key != "part"} for line in lines if line["part"] == name]


def add_day(folder, number):
    """A day has a folder of its own, so that each run's files stay there to be made again; the day's bindings read that folder alone."""
    rows = [f"P{patient},1980-01-0{patient},,999-00-000{patient},,,,Ann{patient},Smith,,,,white,nonhispanic,F,,{street},Springfield,Massachusetts,,01101"
            for patient, street in STREETS[number].items()]
    path = folder / "in" / "ehr" / DAYS[number] / "patients.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join([HEAD, *rows, ""]))
    bindings = {**batch_run.BINDINGS["bindings"], "EHR_RAW": f"in/ehr/{DAYS[number]}/**"}
    (folder / "bindings.json").write_text(json.dumps({**batch_run.BINDINGS, "bindings": bindings}))
    batch_run.heddle(folder, "batch", "pipeline.json", "--for", DAYS[number])
    return f"{DAYS[number].replace('-', '')}-1"


def make(folder):
    folder.mkdir()
    shutil.copy(batch_run.ROOT / "examples/hybrid/pipeline.json", folder)
    return [add_day(folder, number) for number in range(3)]


def show_tells_the_cost(folder, ids):
    lines, _ = runs(folder, "show", ids[2])
    steps = part(lines, "steps")
    assert [step["step"] for step in steps] == STEPS, steps
    for step in steps:
        assert step["seconds"] >= 0 and step["user_seconds"] >= 0 and step["system_seconds"] >= 0 and step["resident_bytes_max"] > 1 << 20, step
    (cost,) = part(lines, "cost")
    rows = sum(line["received"] for line in part(lines, "accounting") if line["entity"])
    assert cost["row_count"] == rows > 0 and cost["bytes"] == sum(line["size_bytes"] for line in part(lines, "inputs")), cost
    cpu = sum(step["user_seconds"] + step["system_seconds"] for step in steps)
    assert abs(cost["cpu_seconds"] - cpu) < 0.02 and cost["resident_bytes_max"] == max(step["resident_bytes_max"] for step in steps), (cost, steps)
    assert abs(cost["cpu_seconds_per_million_rows"] - cost["cpu_seconds"] / rows * 1e6) <= 0.002 / rows * 1e6, cost
    assert all(len(line["digest"]) == 64 for line in part(lines, "inputs")), lines
    assert part(lines, "reasons"), lines
    text = batch_run.heddle(folder, "runs", "show", ids[2]).stdout
    assert all(f"\n{step}" in text for step in STEPS), text


def diff_counts(folder, ids):
    patients = lambda lines: {line["entity"]: line for line in part(lines, "tables")}["patient"]  # noqa: E731
    lines, said = runs(folder, "diff", ids[0], ids[1], code=1)
    assert patients(lines) == {"entity": "patient", "added": 1, "changed": 1, "removed": 0, "versions": 2}, lines
    assert "other content" in said, said
    assert [line["run_id"] for line in part(lines, "runs")] == ids[:2]
    assert {"entity": "patient", "source": "EHR_RAW", "versions": 2} in part(lines, "sources"), lines
    # The other way round what was added is missing.
    lines, _ = runs(folder, "diff", ids[1], ids[0], code=1)
    assert patients(lines) == {"entity": "patient", "added": 0, "changed": 1, "removed": 1, "versions": 2}, lines
    lines, _ = runs(folder, "diff", ids[0], ids[2], code=1)
    assert patients(lines) == {"entity": "patient", "added": 2, "changed": 2, "removed": 0, "versions": 4}, lines
    lines, _ = runs(folder, "diff", ids[1], ids[1])
    assert not part(lines, "tables") and not part(lines, "counts"), lines


def diff_rows(folder, ids):
    audit = folder / "audit.log"
    lines, _ = runs(folder, "diff", ids[0], ids[1], "--rows", "patient", code=1)
    rows = part(lines, "rows")
    assert [row for row in rows if row["change"] == "added"] == [
        {"change": "added", "key": "***", "source": "EHR_RAW", "file": f"in/ehr/{DAYS[1]}/patients.csv", "position": rows[0]["position"], "column_name": None}], rows
    changed = [row for row in rows if row["change"] == "changed"]
    assert "address" in {row["column_name"] for row in changed} and all(row["key"] == "***" and "first" not in row for row in changed), rows
    before = sum(len(path.read_text().splitlines()) for path in folder.glob("audit*") if not path.name.endswith(".head"))
    lines, _ = runs(folder, "diff", ids[0], ids[1], "--rows", "patient", "--show-values", code=1)
    shown = {row["column_name"]: row for row in part(lines, "rows") if row["change"] == "changed"}
    assert (shown["address"]["first"], shown["address"]["second"]) == ("3 Elm", "9 Oak") and "P3" in shown["address"]["key"], lines
    after = [line for path in folder.glob("audit*") if not path.name.endswith(".head") for line in path.read_text().splitlines()]
    assert len(after) > before and "patient" in after[-1], (before, after)
    batch_run.heddle(folder, "runs", "diff", ids[0], ids[1], "--rows", "patients", code=2)
    batch_run.heddle(folder, "runs", "diff", ids[0], ids[1], "--show-values", code=2)
    assert "there is no published run" in batch_run.heddle(folder, "runs", "diff", ids[0], "20260101-1", code=2).stderr
    text = batch_run.heddle(folder, "runs", "diff", ids[0], ids[1], code=1).stdout
    assert "tables:\n" in text and "patient" in text and "P3" not in text, text


def reproduce(folder, ids):
    for count, run_id in enumerate(ids, 1):
        lines, _ = runs(folder, "reproduce", run_id)
        assert lines == [{"run_id": run_id, "reproduced": True, "runs": count, "tables": lines[0]["tables"]}], lines
    # A file of the second day is not what it was: the first day is still the same again, those behind it are not, and the file is named.
    path = folder / "in" / "ehr" / DAYS[1] / "patients.csv"
    text = path.read_text()
    path.write_text(text.replace("9 Oak", "8 Oak"))
    runs(folder, "reproduce", ids[0])
    for run_id in ids[1:]:
        said = batch_run.heddle(folder, "runs", "reproduce", run_id, code=1).stderr
        assert f"in/ehr/{DAYS[1]}/patients.csv" in said and "has changed" in said and "8 Oak" not in said, said
    path.unlink()
    assert "is not there any more" in batch_run.heddle(folder, "runs", "reproduce", ids[2], code=1).stderr
    path.write_text(text)
    runs(folder, "reproduce", ids[2])
    # Another person key makes other persons: the warehouse of the chain begins with it, and the first table that differs is named.
    key = folder / "person.key"
    kept = key.read_text()
    key.write_text("7" * len(kept.strip()) + "\n")
    said = batch_run.heddle(folder, "runs", "reproduce", ids[2], code=1).stderr
    assert "is not the same again" in said and "digest" in said, said
    key.write_text(kept)
    assert not list(folder.glob("warehouse.db.reproduce*")), list(folder.iterdir())


def written_by_others(folder, ids):
    """A run adds to the digests of the one before it and does not read what lies there: that something else wrote to the file is told here."""
    warehouse = folder / "warehouse.db"
    kept = warehouse.read_bytes()
    for sql in ("UPDATE core.patient_version SET last_name = 'Other' WHERE patient_id = 'P2'", "DELETE FROM core.patient_version WHERE patient_id = 'P2'",
                "UPDATE core.patient_version SET is_current = true WHERE patient_id = 'P3'"):
        (folder / "other.sql").write_text(sql)
        subprocess.run([sys.executable, batch_run.ROOT / "bench/peers/duckdb_shell.py", warehouse, "other.sql"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        said = batch_run.heddle(folder, "runs", "reproduce", ids[0], code=1).stderr
        assert 'is not as its last run left it: core."patient_version"' in said and "Other" not in said, said
        warehouse.write_bytes(kept)
    runs(folder, "reproduce", ids[0])


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "site"
        ids = make(folder)
        show_tells_the_cost(folder, ids)
        diff_counts(folder, ids)
        diff_rows(folder, ids)
        reproduce(folder, ids)
        written_by_others(folder, ids)
    print("three days: shown, compared, made again")


if __name__ == "__main__":
    main()
