#!/usr/bin/env python3
"""The whole live leg from files with committed results: a generated log, grown by repeating it with new ids, through
`heddle stream --drain`. Events a second of processor time (the floor is 0.4 M), of wall time, and the most memory.

    bench/live.py [HEDDLE [EVENTS [WORKERS]]]"""
import json
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/heddle")
EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
WORKERS = sys.argv[3] if len(sys.argv) > 3 else "1"


def run(*arguments, cwd):
    return subprocess.run([HEDDLE, *arguments], cwd=cwd, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout.decode()


def grow(folder):
    """Copies of the log behind the log, each three days on, under ids of their own: time moves as in a longer log."""
    logs = sorted((folder / "events").glob("*.ndjson"))
    lines = [path.read_text(errors="replace").splitlines() for path in logs]
    copies = EVENTS // sum(map(len, lines))
    day = re.compile(r"2026-(\d\d)-(\d\d)T")
    from datetime import date, timedelta
    for path, own in zip(logs, lines):
        with path.open("a") as log:
            for copy in range(1, copies):
                shift = timedelta(days=3 * copy)

                def later(match):
                    return (date(2026, int(match[1]), int(match[2])) + shift).strftime("%Y-%m-%dT")
                for line in own:
                    log.write(day.sub(later, line).replace('"event_id":"', f'"event_id":"c{copy}-').replace('"event_id": "', f'"event_id": "c{copy}-') + "\n")


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        shutil.copytree(ROOT / "examples/hybrid", folder)
        run("generate", "--seed", "3", "--patients", "5000", "--days", "3", "--out", ".", cwd=folder)
        run("batch", "pipeline.json", cwd=folder)
        grow(folder)
        size = sum(path.stat().st_size for path in (folder / "events").glob("*.ndjson"))
        told = json.loads(run("stream", "pipeline.json", "--drain", "--format", "json", "--set", f"runtime.workers={WORKERS}", cwd=folder).splitlines()[-1])
        cpu, wall = told["cpu_us"] / 1e6, told["duration_us"] / 1e6
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{told['received']} events, {size / 1e6:.0f} MB, {WORKERS} workers: {told['received'] / cpu / 1e6:.3f} M events a CPU second, "
              f"{told['received'] / wall / 1e6:.3f} M a second, {memory:.0f} MB at most (the batch run before it included)")
        print(f"loaded {told['loaded']}, quarantined {told['quarantined']}, late {told['late']}, window rows {told['window_rows']}, "
              f"epochs {told['epoch_last']}, alerts {told['alert_revisions']}")


if __name__ == "__main__":
    main()
