#!/usr/bin/env python3
"""Whether the live leg grows: a day of a generated world's log is written again and again, each time a day later and with other ids, as fast as the stream
takes it, for MINUTES; what was read is taken from the files again (holes), so that they take no room. Behind the rules' horizon, 365 days of event time,
what the steps remember is as large as it gets, and from then on the process must be, too.

    bench/growth.py [HEDDLE [MINUTES [PATIENTS]]]        30 minutes, 1,000 patients"""
import ctypes
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else str(ROOT / "build/heddle")
MINUTES = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
PATIENTS = sys.argv[3] if len(sys.argv) > 3 else "1000"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
AHEAD_BYTES = 64 << 20  # Written, but not read yet.
KEPT_BYTES = 1 << 20    # A log is known by its beginning.
DATE = re.compile(rb"20\d\d-\d\d-\d\d")
# What names one thing of a day; persons, users and places are the same each day.
IDENTITY = re.compile(rb'"((?:event|encounter|lab_result|order|clinical_order|medication|appointment|access|access_event)_id|accession_number|order_number|placer_order_number)":"')
PUNCH = 0x03  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]


class Log:
    """A partition: its day as a template, whose dates and ids are marked."""

    def __init__(self, path):
        text = path.read_bytes()
        self.dates = sorted(set(DATE.findall(text)))
        for number, date in enumerate(self.dates):
            text = text.replace(date, b"@date%04d@" % number)
        self.template = IDENTITY.sub(rb'"\1":"@day@', text)
        path.write_bytes(b"")
        self.file, self.size, self.freed, self.name = path.open("ab", buffering=0), 0, KEPT_BYTES, path.name

    def write(self, day):
        text = self.template.replace(b"@day@", b"%05d" % day)
        for number, date in enumerate(self.dates):
            moved = datetime.date.fromisoformat(date.decode()) + datetime.timedelta(days=day)
            text = text.replace(b"@date%04d@" % number, moved.isoformat().encode())
        self.file.write(text)
        self.size += len(text)

    def free(self, position):
        """What was read, in whole pages."""
        end = position // 4096 * 4096
        if end > self.freed:
            if libc.fallocate(self.file.fileno(), PUNCH, self.freed, end - self.freed) != 0:
                raise OSError(ctypes.get_errno(), "fallocate")
            self.freed = end


def make_world(folder):
    shutil.copytree(ROOT / "examples/hybrid", folder)
    subprocess.run([HEDDLE, "generate", "--seed", "3", "--patients", PATIENTS, "--days", "1", "--out", "."], cwd=folder, check=True, **QUIET)
    subprocess.run([HEDDLE, "batch", "pipeline.json"], cwd=folder, check=True, **QUIET)
    return [Log(path) for path in sorted((folder / "events").glob("*.ndjson"))]


def resident_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def look(folder):
    """What the stream says of itself; None while it starts."""
    done = subprocess.run([HEDDLE, "top", "--once", "--format", "json", "pipeline.json"], cwd=folder, capture_output=True)
    return json.loads(done.stdout)["stream"] if done.returncode == 0 else None


def feed(logs, told, day):
    """Frees what was read, and writes a further day where little waits. The day, and whether one was written."""
    positions = {partition["partition_id"].rsplit("/", 1)[-1]: partition["position"] for partition in told["partitions"]}
    for log in logs:
        log.free(positions.get(log.name, 0))
    waiting = sum(log.size - positions.get(log.name, 0) for log in logs)
    if waiting < AHEAD_BYTES:
        day += 1
        for log in logs:
            log.write(day)
    return day, waiting < AHEAD_BYTES


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        logs = make_world(folder)
        stream = subprocess.Popen([HEDDLE, "stream", "pipeline.json"], cwd=folder, **QUIET)
        begin, day, printed = time.monotonic(), 0, 0
        print("minute  days  M events  state MB  resident MB  beside the state MB  outbox and store MB", flush=True)
        while time.monotonic() - begin < MINUTES * 60 and stream.poll() is None:
            told = look(folder)
            was_short = True
            while told is not None and was_short and day < 99999:
                day, was_short = feed(logs, told, day)
                if sum(log.size for log in logs) > sum(partition["position"] for partition in told["partitions"]) + AHEAD_BYTES:
                    break
            if told is not None and time.monotonic() - begin > printed * MINUTES * 60 / 30:
                printed += 1
                events = next(step["events"] for step in told["steps"] if step["step"] == "decode")
                state, resident = told["state_bytes"] / 1e6, resident_mb(stream.pid)
                store = sum(path.stat().st_size for path in folder.glob("store.db*")) / 1e6
                print(f"{(time.monotonic() - begin) / 60:6.1f}  {day:4d}  {events / 1e6:8.1f}  {state:8.0f}  {resident:11.0f}  {resident - state:19.0f}  {store:19.0f}", flush=True)
            time.sleep(0.05)
        stream.send_signal(signal.SIGTERM)
        stream.wait()
        if stream.returncode != 0:
            sys.exit(f"the stream ended with {stream.returncode}")


if __name__ == "__main__":
    main()
