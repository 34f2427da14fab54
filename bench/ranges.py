#!/usr/bin/env python3
"""What one large file costs the batch leg, plain and compressed: wall time, processor time, and the most memory it held. The encounters of
60,000 patients, each with 8 KB in a column that no mapping reads, so that little of the memory is the warehouse's.

    bench/ranges.py [HEDDLE [WORKERS]]"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build/release/heddle")
WORKERS = sys.argv[2] if len(sys.argv) > 2 else "2"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PIPELINE = {"pipeline": {"batch": {"sources": ["E"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
BINDINGS = {"pipeline": {"name": "ranges", "zone": "America/New_York"},
            "bindings": {"E": "in/*", "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}


def timed(folder):
    """(seconds of wall time, seconds of processor time, MB resident at most)"""
    for old in folder.glob("w.db*"):
        old.unlink()
    begin = time.monotonic()
    process = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--for", "2026-02-01", "--set", f"runtime.workers={WORKERS}"], cwd=folder, **QUIET)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base)
        subprocess.run([HEDDLE, "generate", "--seed", "7", "--patients", "60000", "--days", "1", "--out", "world"], cwd=folder, check=True, **QUIET)
        head, *rows = (folder / "world/in/ehr/encounters.csv").read_bytes().splitlines()
        (folder / "in").mkdir()
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))
        # Row by row: a process begins with the memory of the one that it was forked from.
        for name, open_file in (("wide.csv", open), ("wide.csv.gz", lambda path, mode: gzip.open(path, mode, 1))):
            path = folder / "in" / name
            with open_file(path, "wb") as file:
                size = file.write(head + b",NOTE\n")
                for row in rows:
                    size += file.write(row + b"," + b"0123456789abcdef" * 512 + b"\n")
            for wall, processor, memory in sorted(timed(folder) for _ in range(3))[:1]:
                print(f"{name}, {size / 1e6:.0f} MB decompressed, {WORKERS} workers: {wall:.1f} s, {processor:.1f} s of processor time, {memory:.0f} MB resident at most")
            path.unlink()


if __name__ == "__main__":
    main()
