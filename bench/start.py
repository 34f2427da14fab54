#!/usr/bin/env python3
"""How long the live leg takes from its start to its end over a log of one event, and the most memory it held: with a patient master of
100,000 patients, the first start (history into the rules' state) and a later one. The limits are for the start alone.

    bench/start.py [HEDDLE [PATIENTS]]"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build/release/heddle")
PATIENTS = sys.argv[2] if len(sys.argv) > 2 else "100000"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def timed(folder):
    """(seconds of wall time, seconds of processor time, MB resident at most)"""
    begin = time.monotonic()
    process = subprocess.Popen([HEDDLE, "stream", "pipeline.json", "--once"], cwd=folder, **QUIET)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        shutil.copytree(ROOT / "examples/hybrid", folder)
        subprocess.run([HEDDLE, "generate", "--seed", "3", "--patients", PATIENTS, "--days", "1", "--out", "."], cwd=folder, check=True, **QUIET)
        logs = sorted((folder / "events").glob("*.ndjson"))
        lines = [log.read_bytes().splitlines(keepends=True) for log in logs]
        for log in logs:
            log.write_bytes(b"")
        logs[0].write_bytes(lines[0][0])
        subprocess.run([HEDDLE, "batch", "pipeline.json"], cwd=folder, check=True, **QUIET)
        for what, line in (("first start", 0), ("later start", 1), ("later start", 2)):
            if line > 0:
                with logs[0].open("ab") as log:
                    log.write(lines[0][line])
            wall, cpu, memory = timed(folder)
            print(f"{what}: {wall:.3f} s, {cpu:.3f} s of processor time, {memory:.0f} MB at most; {PATIENTS} patients")


if __name__ == "__main__":
    main()
