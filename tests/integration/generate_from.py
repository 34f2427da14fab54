#!/usr/bin/env python3
"""heddle generate --from WAREHOUSE: live events about living adults whom the warehouse knows. The same seed gives the same bytes, the
stream knows every patient, and what is planted in the events comes of them."""
import collections
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, ROOT, expect, failures, heddle, query  # noqa: E402

WAREHOUSE, STORE = "ENTERPRISE_DATA_WAREHOUSE", "REALTIME_ANALYTICS_STORE"
START = "2026-03-09"


def make(base, number=0):
    """A warehouse with keys of its own: whom the stories are about follows from the person key."""
    folder = base / f"w{number}"
    shutil.copytree(ROOT / "examples/hybrid", folder)
    heddle("generate", "--patients", "600", "--days", "1", "--out", ".", folder=folder)
    for key in ("store.key", "warehouse.key", "person.key"):
        (folder / key).write_text(hashlib.sha256(b"%d" % number).hexdigest())  # The same persons, and so the same events, each time.
        (folder / key).chmod(0o600)
    heddle("batch", "pipeline.json", folder=folder)
    shutil.rmtree(folder / "events")
    return folder


def refused(folder, *words):
    done = subprocess.run([HEDDLE, "generate", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stderr


def events(folder, name):
    return {path.name: path.read_bytes() for path in sorted((folder / name / "events").iterdir())}


def patients(logs):
    """Of events that the model knows; planted bad lines are none."""
    for log in logs.values():
        for line in log.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if event.get("type") in ("encounter", "clinical_order", "lab_result", "access_event") and event.get("patient_id"):
                yield event.get("patient_system"), event["patient_id"]


def check_events(folder):
    for name in ("a", "b"):
        heddle("generate", "--from", WAREHOUSE, "--start", START, "--days", "2", "--seed", "5", "--patients", "400", "--out", name, folder=folder)
    logs = events(folder, "a")
    expect("the same seed, the same bytes", logs == events(folder, "b"), True)
    expect("no files of history", sorted(path.name for path in (folder / "a").iterdir()), ["events", "truth.json"])
    known = {(row["patient_system"], row["patient_id"]) for row in query(
        folder, WAREHOUSE, "SELECT patient_system, patient_id FROM core.patient WHERE death_date IS NULL AND NOT death_flag "
                           f"AND birth_date <= DATE '{START}' - INTERVAL 18 YEAR")}
    used = set(patients(logs))
    expect("patients who are unknown, dead or children", len(used - known), 0)
    expect("patients with events", len(used) > 200, True)


def check_stream(folder):
    (folder / "a" / "events").rename(folder / "events")
    told = json.loads(heddle("stream", "pipeline.json", "--drain", "--format", "json", folder=folder))
    expect("unknown patients", told["unknown_patients"], 0)
    planted = collections.Counter(("abnormal_lab_trends" if "code" in plant else "unusual_access", plant["expect"])
                                  for plant in json.loads((folder / "a" / "truth.json").read_text())["planted"]
                                  if plant["expect"] in ("open", "revised", "retracted", "closed"))
    # Ordinary results may rise and fall, too: what must come of that, the oracle says (hybrid.py).
    found = {(row["rule"], row["status"]): int(row["n"]) for row in query(
        folder, STORE, "SELECT rule, status, count(*) AS n FROM alert WHERE rule NOT IN ('unevaluated_result', 'acute_kidney_injury', 'delta_check', 'relative_trend') GROUP BY 1, 2")}
    expect("alerts by rule and status", found, dict(planted))


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = make(pathlib.Path(base))
        check_events(folder)
        check_stream(folder)
        code, told = refused(folder, "--from", "EHR_RAW", "--out", "x")
        expect("a binding that is no warehouse", (code, WAREHOUSE in told), (2, True))
        code, told = refused(folder, "--from", WAREHOUSE, "--start", "1920-01-01", "--out", "x")
        expect("nobody was born yet", (code, "living adults" in told), (2, True))
        expect("nothing is written then", (folder / "x").exists(), False)
        for number in range(1, 4):
            folder = make(pathlib.Path(base), number)
            heddle("generate", "--from", WAREHOUSE, "--start", START, "--days", "2", "--seed", "5", "--patients", "400", "--out", "a", folder=folder)
            check_stream(folder)
    print("\n".join(failures + [f"{len(failures)} differences"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
