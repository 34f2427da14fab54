#!/usr/bin/env python3
"""How long the live leg takes to have its state again: a log of so many events whose ids, windows and patients all are within the lateness (31 days), read once; then a
start over one event more, from exec to the end of the process, beside one over a store with next to no state. What the start takes beyond that is recovery.

    bench/recover.py [HEDDLE [EVENTS]]"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build/release/heddle")
EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
PIPELINE = {"pipeline": {"streaming": {"source": "LOG", "transforms": ["enrich_with_patient_master", "validate_event"], "windows": {"size": "5m", "lateness": "31d"}, "sink": ["STORE"]}}}
BINDINGS = {"pipeline": {"name": "edw", "zone": "UTC"}, "bindings": {"LOG": {"type": "file", "path": "events/*.ndjson"}, "ALERTS": {"type": "file", "path": "alerts.ndjson"}, "STORE": {"type": "sqlite", "path": "store.db", "key": "file:store.key"}}}


def event(number, has_rule):
    second = number * 86400 * 20 // EVENTS  # Over 20 days.
    day, second = divmod(second, 86400)
    if has_rule:  # Each patient has one: as many keys of the rule, which remembers what explains accesses, as events.
        return (f'{{"event_id":"e{number}","type":"encounter","event_time":"2026-01-{day + 1:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",'
                f'"patient_id":"P{number}","encounter_id":"V{number}","department":"ICU","facility":"STE"}}\n')
    return (f'{{"event_id":"e{number}","type":"access_event","event_time":"2026-01-{day + 1:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z",'
            f'"patient_id":"P{number * 7919 % 100000}","user_id":"U{number % 997}","facility":"STE"}}\n')


def timed(folder):
    """(seconds of wall time, seconds of processor time, MB resident at most, what it tells)"""
    begin = time.monotonic()
    process = subprocess.Popen([HEDDLE, "stream", "pipeline.json", "--once", "--format", "json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(told)


def world(base, name, count, has_rule):
    folder = pathlib.Path(base) / name
    plan   = json.loads(json.dumps(PIPELINE))
    if has_rule:
        plan["pipeline"]["streaming"].update(alerts={"enabled": True, "rules": ["unusual_access"]}, sink=["STORE", "ALERTS"])
    (folder / "events").mkdir(parents=True)
    (folder / "pipeline.json").write_text(json.dumps(plan))
    (folder / "bindings.json").write_text(json.dumps(BINDINGS))
    with (folder / "events/a.ndjson").open("w") as log:
        log.writelines(event(number, has_rule) for number in range(EVENTS - count, EVENTS))
    return folder


def main():
    with tempfile.TemporaryDirectory() as base:
        for name, count, has_rule in (("small", 10, False), ("large", EVENTS, False), ("with a rule", EVENTS, True)):
            folder = world(base, name, count, has_rule)
            timed(folder)
            for start in range(3):
                with (folder / "events/a.ndjson").open("a") as log:
                    log.write(event(EVENTS + start, has_rule))
                wall, cpu, memory, told = timed(folder)
                print(f"{name}: {told['state']['entries']} entries, {told['state']['bytes'] / 1e6:.1f} MB of state: {wall:.3f} s, {cpu:.3f} s of processor time, {memory:.0f} MB at most")
            print(f"{name}: records of state {sum(path.stat().st_size for path in folder.glob('state-*')) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
