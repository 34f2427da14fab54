#!/usr/bin/env python3
"""The batch leg on a generated world: counts as the oracle's, the same digest whatever the threads and chunks, nothing added by
the same input, a second day with changed rows, a run that is not published, a locked warehouse, questions to its owner."""
import fcntl
import json
import os
import pathlib
import signal
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/oracle"))
import oracle  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
WAREHOUSE = "ENTERPRISE_DATA_WAREHOUSE"
BINDINGS = {
    "pipeline": {"name": "edw", "zone": "America/New_York"},
    "bindings": {
        "EHR_RAW": "in/ehr/**", "CLAIMS_RAW": "in/claims/**", "LAB_RESULTS_RAW": "in/lab/*.hl7", "KAFKA_EDW_EVENTS": "events/*.ndjson",
        WAREHOUSE: {"type": "duckdb", "path": "warehouse.db", "encryption": "none"},
        "REALTIME_ANALYTICS_STORE": {"type": "sqlite", "path": "store.db", "key": "file:store.key"},
        "ALERTING_SERVICE": {"type": "file", "path": "alerts.ndjson"}}}


def heddle(folder, *words, code=0):
    made = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == code, f"{words}: exit {made.returncode}, expected {code}\n{made.stdout}{made.stderr}"
    return made


def batch(folder, *more, code=0):
    made = heddle(folder, "batch", "pipeline.json", "--for", "2026-03-05", "--format", "json", *more, code=code)
    return json.loads(made.stdout.splitlines()[0]) if made.stdout else None


def ask(folder, sql, *more):
    out = heddle(folder, "query", WAREHOUSE, sql, "--format", "json", *more).stdout
    return [json.loads(line) for line in out.splitlines()]


def world(folder, seed):
    heddle(folder, "generate", "--seed", str(seed), "--patients", "200", "--days", "3", "--out", ".")
    shutil.copy(ROOT / "examples/hybrid/pipeline.json", folder)
    shutil.copytree(ROOT / "examples/hybrid/model/mappings", pathlib.Path(folder) / "model/mappings")
    (pathlib.Path(folder) / "bindings.json").write_text(json.dumps({**BINDINGS, "model": ["model/**"]}))


def copy_inputs(source, target):
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("warehouse.db*", "audit*", "store*"))


def counts_equal_the_oracle(folder):
    summary = batch(folder)
    assert summary["published"] and summary["encryption"] == "none"
    truth = oracle.expectations(folder, "2026-03-05")["history"]
    for source in summary["sources"]:
        assert source["received"] == sum(source[name] for name in ("loaded", "deduplicated", "filtered", "quarantined")), source
        assert source["received"] == truth["received"].get(source["source"], 0), source
    reasons = {row["name"]: row["n"] for row in ask(folder, "SELECT coalesce(nullif(entity, ''), source) || '/' || reason_code AS name, sum(row_count)::BIGINT AS n "
                                                            "FROM meta.accounting_reason GROUP BY ALL")}
    for name, count in truth["reasons"].items():
        assert reasons.get(name) == count, (name, count, reasons.get(name))
    worked_out = ("EHR_RAW/", "encounter/", "lab_result/", "patient/")
    assert all(name in truth["reasons"] for name in reasons if name.startswith(worked_out)), (reasons, truth["reasons"])
    quality = {f"{row['entity']}/{'' if row['reason_code'] == 'missing_column' else row['column_name']}/{row['reason_code']}": row["row_count"]
               for row in ask(folder, "SELECT entity, column_name, reason_code, row_count FROM meta.quality")}
    missing = {name: count for name, count in truth["quality"].items() if quality.get(name) != count}
    assert set(quality) <= set(truth["quality"]) and not missing, (quality, truth["quality"])
    patients_equal(folder, truth["patients"])
    tables = {table["table"]: table for table in summary["tables"]}
    assert tables["lab_result"]["versions"] == truth["lab_result_versions"]
    assert tables["encounter"]["current"] == truth["encounters"]
    assert ask(folder, "SELECT count(DISTINCT lab_result_id) AS n FROM core.lab_result_version")[0]["n"] == truth["lab_results"]
    assert ask(folder, "SELECT count(*) AS n FROM meta.quarantine WHERE bytes IS NULL OR (length > 0 AND octet_length(bytes) = 0)")[0]["n"] == 0
    return summary


def patients_equal(folder, truth):
    """Every version of every patient: what it says, from when, until when, and which one is current."""
    found = {}
    for row in ask(folder, "SELECT source || '/' || patient_id AS key, epoch_us(valid_from) AS valid_from, epoch_us(valid_to) AS valid_to, is_current, "
                           "json_array(first_name, middle_name, last_name, source_sex, birth_date::VARCHAR, death_date::VARCHAR, social_security_number, address, city, "
                           "zip_code, death_flag) AS said FROM core.patient_version ORDER BY key, valid_from"):
        found.setdefault(row["key"], []).append((row["valid_from"], row["valid_to"], row["is_current"], json.loads(row["said"])))
    assert found.keys() == truth.keys(), found.keys() ^ truth.keys()
    for key, versions in truth.items():
        ends = [version[0] for version in versions[1:]] + [None]
        wanted = [(begin, end, end is None, said) for (begin, said), end in zip(versions, ends)]
        assert found[key] == wanted, (key, found[key], wanted)


def planted_rows_are_found(folder):
    """Every bad row of history that truth.json lists is told with its reason: quarantined with its file, or counted, or noted of its column."""
    truth = json.loads((pathlib.Path(folder) / "truth.json").read_text())
    quarantined = {(row["file"], row["reason_code"]) for row in ask(folder, "SELECT DISTINCT file, reason_code FROM meta.quarantine")}
    counted = {row["reason_code"] for row in ask(folder, "SELECT DISTINCT reason_code FROM meta.accounting_reason UNION SELECT DISTINCT reason_code FROM meta.quality")}
    outcomes = {reason["code"]: reason["outcomes"] for reason in reasons_of_the_model()}
    planted = [plant for plant in truth["planted"] if "file" in plant]
    assert len({plant["reason"] for plant in planted}) >= 20, planted
    for plant in planted:
        assert plant["reason"] in counted, plant
        if outcomes[plant["reason"]] == ["quarantined"]:
            assert any(file.startswith(f"in/{plant['file'].removesuffix('/STE')}") and reason == plant["reason"] for file, reason in quarantined), (plant, quarantined)
    sample = ask(folder, "SELECT sample_file, sample_position FROM meta.quality WHERE entity = 'patient' AND reason_code = 'bad_date'")[0]
    assert (pathlib.Path(folder) / sample["sample_file"]).read_bytes()[sample["sample_position"]:].startswith(b"P9999995,"), sample
    assert ask(folder, "SELECT count(*) AS n FROM meta.quality WHERE sample_position IS NULL")[0]["n"] == 0
    moved = [plant["patient_id"] for plant in truth["planted"] if plant["kind"] == "patient_moved"]
    streets = ask(folder, "SELECT patient_id, address FROM core.patient WHERE source = 'EHR_RAW' AND address ILIKE '%new harbor%'")
    assert moved and {row["patient_id"] for row in streets} == set(moved), (moved, streets)


def reasons_of_the_model():
    text = "".join(line.split("//")[0] if line.lstrip().startswith("//") else line for line in open(ROOT / "model/terms/reasons.json"))
    return json.loads(text)["reasons"]


def days_of_snapshots(folder, parent):
    """The days that the world lists, one run each: who moved has a version that was closed and one that is open, with the day's dates."""
    copy = os.path.join(parent, "days")
    copy_inputs(folder, copy)
    shutil.rmtree(os.path.join(copy, "in"))
    moved = {plant["patient_id"] for plant in json.loads((pathlib.Path(copy) / "truth.json").read_text())["planted"] if plant["kind"] == "patient_moved"}
    for day in sorted(os.listdir(os.path.join(copy, "days"))):
        shutil.rmtree(os.path.join(copy, "in"), ignore_errors=True)
        shutil.copytree(os.path.join(copy, "days", day), os.path.join(copy, "in"))
        heddle(copy, "batch", "pipeline.json", "--for", day)
    patients_equal(copy, oracle.patients_over_days(copy))
    rows = ask(copy, "SELECT patient_id, count(*) AS versions, count(*) FILTER (is_current) AS current, min(valid_to) AS closed, max(valid_from) AS opened "
                     "FROM core.patient_version WHERE source = 'EHR_RAW' GROUP BY patient_id HAVING count(*) > 1")
    assert {row["patient_id"] for row in rows} == moved, (rows, moved)
    for row in rows:
        assert row["versions"] == 2 and row["current"] == 1 and row["closed"] == row["opened"], row


def digests(folder):
    rows = ask(folder, "SELECT table_name, row_count, digest FROM meta.run_digest d JOIN meta.run r USING (run_id) "
                       "WHERE number = (SELECT max(number) FROM meta.run WHERE published) ORDER BY ALL")
    assert rows
    return rows


def snapshots(folder):
    return sorted(pathlib.Path(folder).glob("store.db.master.*"))


def master_lies_beside_the_store(folder):
    """Its entries are the crosswalk's; the last two are kept, and one that is missing is made when the warehouse is opened."""
    kept = snapshots(folder)
    assert len(kept) == 2, kept  # Three runs were published.
    newest = kept[-1].read_bytes()
    entries = int.from_bytes(newest[24:32], "little")
    assert newest[:8] == b"HDMASTER" and entries == ask(folder, "SELECT count(*) AS n FROM core.person_identifier")[0]["n"] > 0
    kept[-1].unlink()
    os.rename(os.path.join(folder, "in"), os.path.join(folder, "away"))
    batch(folder, code=1)
    os.rename(os.path.join(folder, "away"), os.path.join(folder, "in"))
    assert snapshots(folder) == kept and kept[-1].read_bytes() == newest


def threads_and_chunks_do_not_matter(folder, parent, expected):
    for workers, rows in ((1, 1), (2, 7), (4, 2048)):
        copy = os.path.join(parent, f"w{workers}")
        copy_inputs(folder, copy)
        batch(copy, "--set", f"runtime.workers={workers}", "--set", f"runtime.chunk_rows={rows}")
        assert digests(copy) == expected, (workers, rows)
        shutil.rmtree(copy)


def same_input_adds_nothing(folder, first):
    second = batch(folder)
    assert all(table["added"] == 0 for table in second["tables"]), second
    assert all(source["loaded"] == 0 for source in second["sources"]), second
    assert second["digest"] == first["digest"]


def second_day(folder):
    before = ask(folder, "SELECT patient_id, last_name FROM core.patient WHERE source = 'EHR_RAW' ORDER BY ALL LIMIT 1")[0]
    path = pathlib.Path(folder) / "in/ehr/patients.csv"
    text = path.read_text(errors="surrogateescape")
    head, *lines = text.splitlines(keepends=True)
    line = next(line for line in lines if before["patient_id"] in line)
    path.write_text(head + line.replace(before["last_name"], "Zzyzx", 1), errors="surrogateescape")
    heddle(folder, "batch", "pipeline.json", "--for", "2026-03-06")
    now = ask(folder, f"SELECT count(*) AS n, count(*) FILTER (is_current) AS current, max(last_name) FILTER (is_current) AS name "
                      f"FROM core.patient_version WHERE source = 'EHR_RAW' AND patient_id = '{before['patient_id']}'")[0]
    assert now["current"] == 1 and now["n"] >= 2 and now["name"].upper() == "ZZYZX", now
    first = ask(folder, "SELECT min(run_id) AS id FROM meta.run WHERE published")[0]["id"]
    then = ask(folder, f"SELECT last_name FROM core.patient WHERE patient_id = '{before['patient_id']}' AND source = 'EHR_RAW'", "--as-of", first)
    assert [row["last_name"] for row in then] == [before["last_name"]], then
    path.write_text(text, errors="surrogateescape")


def reproduced(folder):
    """Every published run of the chain, whatever was put there since; a file that is changed or missing is named."""
    ids = [json.loads(line) for line in heddle(folder, "runs", "--format", "json").stdout.splitlines()]
    ids = [run["run_id"] for run in ids if run["published"]]
    more = pathlib.Path(folder, "in/lab/zz_later.hl7")
    more.write_bytes(next(iter(sorted(pathlib.Path(folder, "in/lab").glob("*.hl7")))).read_bytes())
    for count, run_id in enumerate(ids[:2], 1):
        made = json.loads(heddle(folder, "runs", "reproduce", run_id, "--format", "json").stdout)
        assert made["run_id"] == run_id and made["reproduced"] and made["runs"] == count and made["tables"] > 5, made
    more.unlink()
    # The third was made of other bytes, which second_day took back.
    told = heddle(folder, "runs", "reproduce", ids[2], code=1).stderr
    assert "in/ehr/patients.csv" in told and "has changed" in told, told
    path = pathlib.Path(folder, "in/ehr/encounters.csv")
    path.rename(path.with_suffix(".away"))
    told = heddle(folder, "runs", "reproduce", ids[0], code=1).stderr
    assert "in/ehr/encounters.csv" in told and "not there" in told, told
    path.with_suffix(".away").rename(path)
    key = pathlib.Path(folder, "person.key")
    kept = key.read_bytes()
    key.write_bytes(bytes(reversed(kept)))
    told = heddle(folder, "runs", "reproduce", ids[0], code=1).stderr
    assert "not the same again" in told and "core." in told, told
    key.write_bytes(kept)
    assert "there is no run" in heddle(folder, "runs", "reproduce", "nonsense", code=2).stderr
    assert not list(pathlib.Path(folder).glob("warehouse.db.reproduce*"))


def gate_keeps_a_run_back(folder, parent):
    copy = os.path.join(parent, "gate")
    copy_inputs(folder, copy)
    shutil.rmtree(os.path.join(copy, "in"))
    summary = batch(copy, code=1)
    assert not summary["published"] and "no input" in summary["gate"]
    runs = [json.loads(line) for line in heddle(copy, "runs", "--format", "json").stdout.splitlines()]
    assert [(run["status"], run["published"]) for run in runs] == [("refused", False)]
    assert not snapshots(copy)


def locked(folder):
    with open(os.path.join(folder, "warehouse.db.lock"), "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "held by process" in heddle(folder, "batch", "pipeline.json", code=75).stderr
        assert "does not answer" in heddle(folder, "query", WAREHOUSE, "SELECT 1", code=75).stderr


def audited(folder):
    entries = [json.loads(line) for line in open(os.path.join(folder, "audit.ndjson"))]
    assert entries[-1]["action"] == "query" and entries[-1]["binding"] == WAREHOUSE
    ask(folder, "SELECT 1 AS one")
    more = [json.loads(line) for line in open(os.path.join(folder, "audit.ndjson"))]
    assert len(more) == len(entries) + 1 and more[-1]["detail"] == "SELECT 1 AS one" and more[-1]["previous"] == entries[-1]["hash"]


def killed_at_its_first_writes(folder, parent, expected):
    """A run killed while it notes itself leaves nothing that the next one trips over."""
    copy = os.path.join(parent, "begun")
    copy_inputs(folder, copy)
    for delay in range(8):
        made = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--for", "2026-03-05"], cwd=copy, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        made.stderr.readline()
        while made.poll() is None and not os.path.exists(os.path.join(copy, "warehouse.db.socket")):
            pass
        until = time.monotonic() + delay * 0.003
        while time.monotonic() < until:
            pass
        made.kill()
        made.stderr.read()
        assert made.wait() == -9
    batch(copy)
    assert digests(copy) == expected


def killed_and_interrupted(folder, parent, expected):
    copy = os.path.join(parent, "killed")
    copy_inputs(folder, copy)
    for stop, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
        made = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--for", "2026-03-05"], cwd=copy, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        made.stderr.readline()  # It says that nothing is encrypted before it opens the warehouse.
        while made.poll() is None and not os.path.exists(os.path.join(copy, "warehouse.db.socket")):
            pass
        made.send_signal(stop)
        told = made.stderr.read()
        assert made.wait() in (code, 0), (stop, made.returncode, told)
    batch(copy)
    assert digests(copy) == expected
    statuses = {row["status"] for row in ask(copy, "SELECT status FROM meta.run")}
    assert statuses <= {"published", "failed"}, statuses


def main():
    with tempfile.TemporaryDirectory() as parent:
        folder = os.path.join(parent, "world")
        os.mkdir(folder)
        world(folder, 3)
        first = counts_equal_the_oracle(folder)
        expected = digests(folder)
        threads_and_chunks_do_not_matter(folder, parent, expected)
        planted_rows_are_found(folder)
        days_of_snapshots(folder, parent)
        same_input_adds_nothing(folder, first)
        audited(folder)
        second_day(folder)
        reproduced(folder)
        master_lies_beside_the_store(folder)
        gate_keeps_a_run_back(folder, parent)
        locked(folder)
        killed_at_its_first_writes(folder, parent, expected)
        killed_and_interrupted(folder, parent, expected)
    return 0


if __name__ == "__main__":
    sys.exit(main())
