#!/usr/bin/env python3
"""The Synthea tables and HL7 v2 files of the sample data through `heddle batch`: nothing crashes, every record and byte is
accounted for, what the decoders alone decide equals format_counts.py's own count, and a second run adds nothing."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import format_counts  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
DATA = format_counts.DATA.resolve()
PIPELINE = {"pipeline": {"batch": {"sources": ["SYNTHEA", "LABS"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
BINDINGS = {"pipeline": {"name": "data", "zone": "America/New_York"},
            "bindings": {"SYNTHEA": f"{DATA}/synthea_csv/**/*.csv", "LABS": f"{DATA}/hl7v2/**/*.hl7",
                         "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}
# Outcomes that a decoder decides; of the rest an entity's program does.
DECODED = ("no_mapping", "unknown_type", "wrong_processing_id", "bad_encoding", "malformed_record", "truncated", "too_large")


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def query(folder, sql):
    return heddle(folder, "query", "W", sql, "--format", "json")


def expected():
    """Records, bytes and outcomes of each source, counted by other means."""
    models = list(format_counts.mappings("synthea"))
    sources = {"SYNTHEA": [(path, format_counts.csv_expected(path, models)) for path in sorted((DATA / "synthea_csv").rglob("*.csv"))],
               "LABS": [(path, format_counts.hl7_expected(path)) for path in sorted((DATA / "hl7v2").rglob("*.hl7")) if path.is_file()]}
    for source, files in sources.items():
        reasons = collections.Counter()
        for _, (_, found, _) in files:
            reasons.update({reason: count for reason, count in found.items() if reason in DECODED})
        yield source, len(files), sum(counts[0] for _, counts in files), sum(path.stat().st_size for path, _ in files), dict(reasons)


def accounts(folder, run):
    sql = f"SELECT source, received, loaded, deduplicated, filtered, quarantined, bytes FROM meta.accounting WHERE run_id = '{run}' AND coalesce(entity, '') = ''"
    return {row["source"]: {key: int(value) for key, value in row.items() if key != "source"} for row in query(folder, sql)}


def compare(folder, run):
    found = accounts(folder, run)
    inputs = {row["source"]: row for row in query(folder, f"SELECT source, count(*) AS files, sum(size_bytes) AS size FROM meta.input WHERE run_id = '{run}' GROUP BY source")}
    told = collections.defaultdict(dict)
    for row in query(folder, "SELECT source, reason_code, sum(row_count) AS n FROM meta.accounting_reason WHERE "
                             f"run_id = '{run}' AND coalesce(entity, '') = '' AND outcome <> 'deduplicated' GROUP BY source, reason_code"):
        if row["reason_code"] in DECODED:
            told[row["source"]][row["reason_code"]] = int(row["n"])
    for source, files, records, size, reasons in expected():
        account = found[source]
        if account["received"] != records:
            yield f"{source}: {account['received']} records, not {records}"
        if account["received"] != sum(account[key] for key in ("loaded", "deduplicated", "filtered", "quarantined")):
            yield f"{source}: {account} does not add up"
        if (int(inputs[source]["files"]), int(inputs[source]["size"])) != (files, size):
            yield f"{source}: {inputs[source]} is not {files} files of {size} bytes"
        if told[source] != reasons:
            yield f"{source}: {told[source]}, not {reasons}"


def tables(folder):
    names = [row["table_name"] for row in query(folder, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'core' AND table_name LIKE '%\\_version' ESCAPE '\\' ORDER BY 1")]
    return {name: query(folder, f"SELECT count(*) AS n FROM core.{name}")[0]["n"] for name in names}


def main():
    if not DATA.is_dir():
        print(f"skipped: {DATA} is absent")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))
        first = heddle(folder, "batch", "pipeline.json", "--format", "json")
        runs = [row["run_id"] for row in query(folder, "SELECT run_id FROM meta.run ORDER BY run_id")]
        failed = list(compare(folder, runs[0]))
        rows = tables(folder)
        second = heddle(folder, "batch", "pipeline.json", "--format", "json")
        runs = [row["run_id"] for row in query(folder, "SELECT run_id FROM meta.run ORDER BY run_id")]
        failed += list(compare(folder, runs[1]))
        if tables(folder) != rows or not any(int(count) for count in rows.values()):
            failed.append(f"the second run changed {rows} to {tables(folder)}")
        if first[0].get("digest") != second[0].get("digest"):
            failed.append("the second run has another digest")
        if any(account["loaded"] for account in accounts(folder, runs[1]).values()):
            failed.append("the second run loaded something")
    print("\n".join(failed + [f"{rows}, {len(failed)} differences"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
