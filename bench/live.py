#!/usr/bin/env python3
"""The whole live leg from files with committed results: a generated world of 100,000 patients, its history in the warehouse, its log through
`heddle stream --drain`, both rules, exactly once into the encrypted store. A first start over one event a partition fills the rules' state from the
warehouse, which a store does once (bench/start.py measures it); the log then grows to its full length, and that is measured: events a second of
processor time (the floor is 0.4 M), of wall time, and the most memory.

    bench/live.py [HEDDLE [PATIENTS [WORKERS [ROUNDS]]]]"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else str(ROOT / "build/heddle")
PATIENTS = sys.argv[2] if len(sys.argv) > 2 else "100000"
WORKERS = sys.argv[3] if len(sys.argv) > 3 else "1"
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 3


def run(*arguments, cwd):
    """What the command wrote, and the most memory that it held, in MB."""
    process = subprocess.Popen([HEDDLE, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"heddle {' '.join(arguments)} ended with {process.returncode}: {process.stderr.read().decode()}")
    return text, usage.ru_maxrss / 1024


def stream(folder, end):
    text, memory = run("stream", "pipeline.json", end, "--format", "json", "--set", f"runtime.workers={WORKERS}", cwd=folder)
    return json.loads(text.splitlines()[-1]), memory


def one_round(folder):
    """From a store that has seen one event a partition to the end of the log."""
    for path in [*folder.glob("store.db*"), *folder.glob("state-*"), folder / "alerts.ndjson"]:
        if ".master." not in path.name:
            path.unlink(missing_ok=True)
    for path in (folder / "full").glob("*.ndjson"):
        with path.open("rb") as full:
            (folder / "events" / path.name).write_bytes(full.readline())
    stream(folder, "--once")
    for path in (folder / "full").glob("*.ndjson"):
        with path.open("rb") as full, (folder / "events" / path.name).open("ab") as log:
            full.seek(log.tell())
            shutil.copyfileobj(full, log)
    return stream(folder, "--drain")


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        shutil.copytree(ROOT / "examples/hybrid", folder)
        run("generate", "--seed", "3", "--patients", PATIENTS, "--days", "3", "--out", ".", cwd=folder)
        run("batch", "pipeline.json", cwd=folder)
        (folder / "events").rename(folder / "full")
        (folder / "events").mkdir()
        rates = []
        for _ in range(ROUNDS):
            told, memory = one_round(folder)
            cpu, wall = told["cpu_us"] / 1e6, told["duration_us"] / 1e6
            rates.append(told["received"] / cpu / 1e6)
            print(f"{told['received']} events, {told['bytes'] / 1e6:.0f} MB, {WORKERS} workers: {rates[-1]:.3f} M events a CPU second, "
                  f"{told['received'] / wall / 1e6:.3f} M a second, {memory:.0f} MB at most")
        print(f"median {statistics.median(rates):.3f} M events a CPU second; loaded {told['loaded']}, quarantined {told['quarantined']}, late {told['late']}, "
              f"window rows {told['window_rows']}, epochs {told['epoch_last']}, revisions of alerts {told['alert_revisions']}")


if __name__ == "__main__":
    main()
