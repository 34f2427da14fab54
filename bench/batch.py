#!/usr/bin/env python3
"""The batch leg beside the same job hand-written in DuckDB SQL (bench/peers/), in turn over the same files: a first day, and a second one on which 4 % of
the rows are changed and 1 % new. Wall time, processor time, the most memory held; what both leave is compared. Then, with --cost, the
instructions of a first day of 1, 10 and 100 times 20,000 observations (perf stat, or valgrind where the machine has no counters). With --encryption,
the first day without and with a key, three times in turn.

With --whole the peer keeps as many columns of an observation as heddle does, and the fields as received.

    bench/batch.py [--rows 1000000] [--whole] [--threads 2] [--memory 2GB] [--heddle PATH] [--folder DIR] [--cost] [--encryption]"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEERS = ROOT / "bench/peers"
PIPELINE = {"pipeline": {"batch": {"sources": ["E"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
BINDINGS = {"pipeline": {"name": "speed", "zone": "America/New_York"},
            "bindings": {"E": "in/*", "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}
# What the peer's SQL is filled in with: its own job, and one whose rows are as wide as heddle's.
MORE = {"patient_system": "'urn:e'", "panel_id": "NULL", "source_code_type": "'http://loinc.org'", "source_comparator": "NULL", "source_reference_range_low": "NULL",
        "source_reference_range_high": "NULL", "source_abnormal_flag": "NULL", "status": "'F'", "body_site": "NULL", "practitioner_system": "'urn:e'",
        "practitioner_id": "NULL", "effective_time": "event_time", "source_version": "NULL", "source_updated_at": "NULL", "status_action": "'upsert'",
        "data_source": "'E'", "facility": "NULL", "labels": "NULL", "source": "'E'", "file": "'in/observations.csv'", "position": "0", "length": "0",
        "row_number": "0", "recorded_from": "TIMESTAMP '2026-02-01'", "recorded_to": "NULL", "run_id": "'20260201-1'"}
TYPES = {"effective_time": "TIMESTAMP", "source_updated_at": "TIMESTAMP", "position": "BIGINT", "length": "BIGINT", "row_number": "BIGINT",
         "recorded_from": "TIMESTAMP", "recorded_to": "TIMESTAMP"}
LEAN = {"more": "", "more_values": "", "hash": "hash(", "hash_end": ")", "hash_type": "UBIGINT", "raw": ""}
WHOLE = {"more": "".join(f", {name} {TYPES.get(name, 'VARCHAR')}" for name in MORE), "more_values": "".join(f", {value}" for value in MORE.values()),
         "hash": "md5(concat_ws('|', ", "hash_end": "))", "hash_type": "VARCHAR",
         "raw": "CREATE TABLE \"raw_{date}\" AS SELECT * FROM read_csv('{folder}/observations.csv', all_varchar = true, header = true);"}
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
# What both must leave. The names on the left are heddle's, on the right the peer's table; columns are named the same in both.
SUMS = {"patient": "count(DISTINCT person_id), bit_xor(hash(patient_id, address, social_security_number, birth_date))",
        "encounter": "sum(total_cost), bit_xor(hash(encounter_id, patient_id, encounter_start_time, encounter_end_time, encounter_type))",
        "observation": "sum(normalized_value), bit_xor(hash(patient_id, encounter_id, source_code, event_time, result, normalized_units))",
        "lab_result": "sum(normalized_value), bit_xor(hash(patient_id, encounter_id, source_code, event_time, result, normalized_units))"}


def measure(command, folder):
    """(seconds of wall time, of processor time, MB resident at most)"""
    begin = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, **QUIET)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed: {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def comparison(is_heddle):
    """One row a table: counts of versions and current rows, and sums over chosen columns; quarantined rows."""
    parts = []
    for name, sums in SUMS.items():
        table = f'core."{name}_version"' if is_heddle else f"{name}_version"
        if is_heddle and name == "lab_result":
            sums = sums.replace("source_code", "source_component_code")
        parts.append(f"SELECT '{name}' AS name, concat_ws(' ', count(*), count(*) FILTER (is_current), {sums}) AS found FROM {table}")
    quarantined = "meta.quarantine" if is_heddle else "quarantine"
    parts.append(f"SELECT 'quarantine', concat_ws(' ', count(*)) FROM {quarantined}")
    return " UNION ALL ".join(parts) + " ORDER BY name"


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.heddle = os.path.abspath(options.heddle)
        (folder / "in").mkdir()
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))

    def generate(self, day, rows=None):
        subprocess.run([self.heddle, "generate", "--scale", str(rows or self.options.rows), "--day", str(day), "--out", f"day{day}"],
                       cwd=self.folder, check=True, **QUIET)

    def offer(self, day):
        for path in (self.folder / "in").iterdir():
            path.unlink()
        for path in (self.folder / f"day{day}").iterdir():
            (self.folder / "in" / path.name).hardlink_to(path)

    def heddle_day(self, day):
        self.offer(day)
        return [self.heddle, "batch", "pipeline.json", "--for", f"2026-02-0{day}", "--set", f"runtime.workers={self.options.threads}"]

    def peer(self, *words):
        return [sys.executable, str(PEERS / "duckdb_shell.py"), "peer.db", *words]

    def peer_day(self, day):
        names = {"folder": f"day{day}", "date": f"2026-02-0{day}"}
        fill = {name: text.replace("{date}", names["date"]).replace("{folder}", names["folder"]) for name, text in (WHOLE if self.options.whole else LEAN).items()}
        return self.peer(*(f"{name}={text}" for name, text in fill.items()), f"folder=day{day}", f"date=2026-02-0{day}", f"threads={self.options.threads}", f"memory={self.options.memory}",
                         str(PEERS / "duckdb_batch.sql"))

    def found(self):
        """What heddle left, what the peer left: the name of a table to its sums."""
        (self.folder / "compare.sql").write_text(comparison(False))
        ours = subprocess.run([self.heddle, "query", "W", "--format", "json", comparison(True)], cwd=self.folder, check=True, capture_output=True, text=True).stdout
        theirs = subprocess.run(self.peer("compare.sql"), cwd=self.folder, check=True, capture_output=True, text=True).stdout
        return [{row["name"]: row["found"] for row in map(json.loads, text.splitlines())} for text in (ours, theirs)]

    def compare(self, day):
        ours, theirs = self.found()
        for name, sums in theirs.items():
            if ours[name] != sums:
                print(f"day {day}, {name} differs: heddle {ours[name]}, DuckDB {sums}")
        return ours == theirs

    def days(self):
        is_equal, results = True, {}
        for day in (1, 2):
            self.generate(day)
            for name, command in (("heddle", self.heddle_day(day)), ("DuckDB", self.peer_day(day))):
                results[name, day] = wall, processor, memory = measure(command, self.folder)
                print(f"day {day}, {name}: {wall:.1f} s, {processor:.1f} s of processor time, {memory:.0f} MB resident at most", flush=True)
            is_equal = self.compare(day) and is_equal
            ratio = [results["DuckDB", day][i] / results["heddle", day][i] for i in range(3)]
            print(f"day {day}: {ratio[0]:.2f} x of DuckDB's speed by wall time, {ratio[1]:.2f} x by processor time", flush=True)
        print(f"day 2 takes {results['heddle', 2][1] / results['heddle', 1][1]:.2f} of day 1's processor time, DuckDB's "
              f"{results['DuckDB', 2][1] / results['DuckDB', 1][1]:.2f}")
        return is_equal

    def encryption(self):
        """What a key costs: a first day, and reading every row of a table that was not read since."""
        self.generate(1)
        for turn in range(3):
            for name, secret in (("no key", {"encryption": "none"}), ("a key", {"key": "file:w.key"})):
                bindings = json.loads(json.dumps(BINDINGS))
                bindings["bindings"]["W"] = {"type": "duckdb", "path": "w.db", **secret}
                (self.folder / "bindings.json").write_text(json.dumps(bindings))
                for old in self.folder.glob("w.db*"):
                    old.unlink()
                wall, processor, memory = measure(self.heddle_day(1), self.folder)
                sums = "SELECT count(DISTINCT content_hash), sum(normalized_value) FROM core.observation_version"
                asked = measure([self.heddle, "query", "W", sums], self.folder)
                print(f"{name}: {wall:.1f} s, {processor:.1f} s of processor time, {memory:.0f} MB resident at most, {(self.folder / 'w.db').stat().st_size / 1e6:.0f} MB; "
                      f"a query of all observations {asked[0]:.2f} s, {asked[1]:.2f} s", flush=True)

    def cost(self):
        """Instructions of a first day, by rows."""
        for rows in (20_000, 200_000, 2_000_000):
            self.generate(1, rows)
            for old in self.folder.glob("w.db*"):
                old.unlink()
            count = instructions(self.heddle_day(1), self.folder)
            print(f"{rows} observations: {count / 1e9:.2f} G instructions, {count / rows:.0f} a row", flush=True)


def instructions(command, folder):
    """Of user space, by the machine's counters; by valgrind where it has none, as virtual machines often do."""
    done = subprocess.run(["perf", "stat", "-x", ",", "-e", "instructions:u", *command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(r"^(\d+),", done.stderr, re.M)
    if found:
        return int(found.group(1))
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", *command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=True)
    return int(re.search(r"Collected\s*:\s*(\d+)", done.stderr).group(1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="2GB", help="what DuckDB is allowed in the peer")
    parser.add_argument("--heddle", default=str(ROOT / "build/release/heddle"))
    parser.add_argument("--folder", help="where the files go; default: the temporary folder")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--encryption", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as base:
        bench = Bench(options, pathlib.Path(base))
        if options.cost:
            bench.cost()
        elif options.encryption:
            bench.encryption()
        elif not bench.days():
            sys.exit("what heddle and DuckDB left differs")


if __name__ == "__main__":
    main()
