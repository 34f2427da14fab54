#!/usr/bin/env python3
"""heddle tap: rows that come to each step of a stream that runs, masked so that nothing of the log that tells of a patient is in them; unmasked only where
the audit file was told first; and the stream goes on as if nobody had looked."""
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from alerts import audited  # noqa: E402
from hybrid import HEDDLE, ROOT, expect, failures, heddle, query  # noqa: E402

STORE = "REALTIME_ANALYTICS_STORE"
STEPS = ("decode", "dedup", "window_5m", "abnormal_lab_trends", "acute_kidney_injury", "unusual_access")
# What of an event says when, where and of what kind it is. All other values of the log are somebody's.
OPEN = {"type", "event_time", "facility", "source_component_code", "source_order_code", "component_code", "order_code", "source_units", "status", "abnormal_flag", "source_interpretation",
        "department", "user_department", "sent_time", "interpretation"}
# A tap has begun long before the log ends, also that of a sanitized program on a machine with much to do.
LINES_AT_ONCE = 1


def tap_command(*words):
    return [HEDDLE, "tap", *words]


def tap(folder, *words, code=0):
    done = subprocess.run(tap_command(*words), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if code is not None:
        expect(f"exit of tap {' '.join(words)} ({done.stderr})", done.returncode, code)
    return done


class Log:
    """The events that a world would have brought, a few at a time."""

    def __init__(self, folder):
        self.paths = sorted((folder / "events").glob("*.ndjson"))
        self.lines = {path: path.read_bytes().splitlines(keepends=True) for path in self.paths}
        self.at = 0
        for path in self.paths:
            path.write_bytes(b"")

    def bring(self, count=LINES_AT_ONCE):
        """More of each log; False: there is no more."""
        for path in self.paths:
            with path.open("ab") as log:
                log.writelines(self.lines[path][self.at:self.at + count])
        self.at += count
        return any(len(lines) > self.at for lines in self.lines.values())

    def secrets(self):
        """Each value of the log that may tell of a patient, and is long enough to be told from a number that stands there by chance."""
        found = set()
        for lines in self.lines.values():
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                found |= {str(value) for key, value in event.items() if key not in OPEN and isinstance(value, str) and len(value) >= 5}
        return {value for value in found if not value.startswith("20")}  # Times are shown.


def tapped(folder, log, step, *more):
    """What a tap shows while the log goes on."""
    process = subprocess.Popen(tap_command(step, *more, "--timeout", "5m"), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        if not log.bring():
            failures.append(f"the log ended before {step} had its rows")
            process.kill()
            break
        try:
            process.wait(timeout=0.05)  # Rows are to come from now on, not before it asked.
        except subprocess.TimeoutExpired:
            pass
    output, errors = process.communicate()
    expect(f"exit of tap {step} ({errors})", process.returncode, 0)
    return output


def look_at(folder, log, step, secrets):
    output = tapped(folder, log, step, "--rows", "6", "--format", "json")
    rows = [json.loads(line) for line in output.splitlines()]
    expect(f"rows of {step}", len(rows), 6)
    expect(f"secrets in rows of {step}", [value for value in secrets if value in output], [])
    logs = {path.name for path in log.paths}
    expect(f"places of {step}", [row for row in rows if row["partition"] not in logs or row["position"] < 0 or not row["event_time"] or not row["entity"]], [])
    for column in ("event_id", "patient_id", "person_id", "result", "value", "user_id", "encounter_id", "result_id", "location"):
        expect(f"{column} of {step}", [row[column] for row in rows if row[column] is not None and not row[column].startswith("#")], [])
    expect(f"somebody in {step}", any(row["patient_id"] for row in rows), True)
    return rows


def masked(folder, log, secrets):
    rows = []
    for step in STEPS:
        rows += look_at(folder, log, step, secrets)
    expect("kinds of rows", {"lab_result"} <= {row["entity"] for row in rows}, True)
    expect("codes and units are shown", any(row["code"] and not row["code"].startswith("#") and row["unit"] for row in rows), True)
    text = tapped(folder, log, "dedup", "pipeline.json", "--rows", "3")
    expect("secrets in the table", [value for value in secrets if value in text], [])
    expect("the table", [word for word in ("partition", "event_time", "#1", "--unmask") if word not in text], [])
    expect("nothing to audit", audited(folder, "tap"), [])


def unmasked(folder, log, secrets):
    text = tapped(folder, log, "dedup", "--rows", "4", "--unmask", "--format", "json")
    expect("unmasked", any(value in text for value in secrets), True)
    expect("audited", audited(folder, "tap"), ["dedup --rows 4 --unmask"])
    audit = next(path for path in folder.glob("*audit*") if not path.name.endswith(".head"))
    whole = audit.read_bytes()
    audit.write_bytes(whole[:-40] + b"\n")
    refused = tap(folder, "dedup", "--unmask", "--timeout", "0", code=74)
    expect("shown without an audit", refused.stdout, "")
    tap(folder, "dedup", "--timeout", "0")  # What is masked needs none.
    audit.write_bytes(whole)


def wrong(folder):
    told = tap(folder, "window", "--timeout", "0", code=2).stderr
    expect("steps are named", [step for step in ("did you mean", "window_5m") if step not in told], [])
    tap(folder, code=2)
    tap(folder, "dedup", "pipeline.json", "more", code=2)
    tap(folder, "dedup", "--rows", "0", code=2)
    tap(folder, "dedup", "--rows", "1001", code=2)
    nothing = tap(folder, "dedup", "--timeout", "50ms")
    expect("nothing came", (nothing.stdout, "0 rows came in time" in nothing.stderr), ("", True))


def asker_goes(folder):
    """The next asker finds the tap free, though the one before wanted to wait for an hour."""
    process = subprocess.Popen(tap_command("dedup", "--timeout", "1h"), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while "somebody else" not in (told := subprocess.run(tap_command("dedup", "--timeout", "0"), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)).stderr:
        expect("before it has begun", told.returncode, 0)
    expect("busy", told.returncode, 75)
    process.send_signal(signal.SIGINT)
    process.wait()
    while (told := subprocess.run(tap_command("dedup", "--timeout", "0"), cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)).returncode == 75:
        pass
    expect("free again", told.returncode, 0)


CONTENT = ("select partition_id, position, reason_code from dead_letter order by 1, 2", "select alert_id, status, severity from alert order by 1",
           "select * from window_5m order by window_start, facility, code, unit")


def content(folder):
    rows = [query(folder, STORE, sql) for sql in CONTENT]
    for row in rows[2]:
        row.pop("revision", None)
        row.pop("updated_epoch", None)
        row.pop("epoch", None)
    return rows


def main():
    with tempfile.TemporaryDirectory() as base:
        folder, untapped = pathlib.Path(base) / "tapped", pathlib.Path(base) / "untapped"
        shutil.copytree(ROOT / "examples/hybrid", folder)
        heddle("generate", "--seed", "5", "--patients", "600", "--days", "2", "--out", ".", folder=folder)
        heddle("check", "pipeline.json", folder=folder)
        expect("nobody streams", "no stream runs" in tap(folder, "dedup", code=69).stderr, True)
        heddle("batch", "pipeline.json", folder=folder, codes=(0, 1))
        shutil.copytree(folder, untapped)
        log = Log(folder)
        secrets = log.secrets()
        expect("the log has secrets", len(secrets) > 100, True)
        process = subprocess.Popen([HEDDLE, "stream", "pipeline.json", "--set", "runtime.workers=2"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            while not (folder / "store.db.socket").exists() and process.poll() is None:
                pass
            while tap(folder, "dedup", "--timeout", "0", code=None).returncode == 75 and process.poll() is None:
                pass
            wrong(folder)
            asker_goes(folder)
            masked(folder, log, secrets)
            unmasked(folder, log, secrets)
            while log.bring(1000):
                pass
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate()
        expect(f"end of the stream ({errors.decode()})", process.returncode, 0)
        expect("nobody streams any more", "no stream runs" in tap(folder, "dedup", code=69).stderr, True)
        for where in (folder, untapped):
            heddle("stream", "pipeline.json", "--drain", folder=where)
        expect("content", content(folder), content(untapped))
    for failure in failures:
        print(failure)
    print(f"rows of {len(STEPS)} steps looked at, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
