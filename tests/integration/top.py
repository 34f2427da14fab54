#!/usr/bin/env python3
"""heddle top: a stream that runs says what it has committed, where its time stands, what its state takes and what waits for a sink."""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, expect, failures  # noqa: E402
from retry import make, result  # noqa: E402

FIRST = [result(n, n % 50, patient=f"P{n % 7}") for n in range(1, 40)] + [result(90, 50, value="7.4", patient="P90")]
SECOND = [result(100 + n, n % 20, patient=f"P{n % 5}") for n in range(1, 11)]


def top(folder, *words, code=0):
    done = subprocess.run([HEDDLE, "top", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect(f"exit of top {' '.join(words)} ({done.stderr})", done.returncode, code)
    return done.stdout if code == 0 else done.stderr


def seen(folder):
    return json.loads(top(folder, "--once", "--format", "json"))


def until(process, folder, what):
    """Asks until the answer is as wanted, or the stream has ended."""
    told = seen(folder)
    while not what(told) and process.poll() is None:
        told = seen(folder)
    return told


def look(folder, process):
    told = until(process, folder, lambda t: t["stream"]["steps"][0]["events"] == 50 and t["outbox"])
    stream = told["stream"]
    steps = {step["step"]: step for step in stream["steps"]}
    expect("steps", list(steps), ["decode", "dedup", "window_5m", "abnormal_lab_trends", "acute_kidney_injury", "delta_check", "relative_trend", "unusual_access", "access_volume"])
    expect("events", [steps[name]["events"] for name in ("decode", "dedup", "window_5m", "abnormal_lab_trends")], [50, 50, 50, 50])
    expect("identities", steps["dedup"]["state_entries"], 50)
    expect("state", [name for name, step in steps.items() if (step["state_bytes"] > 0) != (name not in ("decode", "acute_kidney_injury", "delta_check", "relative_trend", "unusual_access", "access_volume"))], [])
    expect("partitions", {p["partition_id"]: (p["position"], p["lag"], p["watermark"], p["holds_back"]) for p in stream["partitions"]},
           {log: ((folder / "events" / log).stat().st_size, 0, time, False)
            for log, time in (("a.ndjson", "2026-03-02T12:49:00.000000Z"), ("b.ndjson", "2026-03-02T12:09:00.000000Z"))})
    expect("nobody holds", stream["held_back_by"], None)
    expect("waits for the sink that cannot take it", [(row["sink"], row["waiting"]) for row in told["outbox"]], [("ALERTING_SERVICE", 1)])
    expect("in bytes", stream["bytes"], sum((folder / "events" / log).stat().st_size for log in ("a.ndjson", "b.ndjson")))
    expect("rings", [(q["from"], q["to"], q["capacity"], q["fullest"]["capacity"]) for q in stream["queues"]], [("decode", "dedup", 16, 4), ("dedup", "steps", 16, 4)])
    expect("rings that are not fuller than they can be", [q for q in stream["queues"] if not 0 <= q["fullest"]["used"] <= q["used"] <= q["capacity"]], [])
    expect("an epoch", (stream["epoch"] > 0, stream["epoch_us"] > 0, stream["commit_us"] > 0, stream["generation"]), (True, True, True, 1))
    text = top(folder, "pipeline.json")
    expect("as a table", [word for word in ("events/s", "abnormal_lab_trends", "b.ndjson", "ALERTING_SERVICE", "held back by -", "rings: decode to dedup ", " of 16 chunks") if word not in text], [])
    expect("no patient", [word for word in ("P1", "7.4", "R90") if word in text + json.dumps(told)], [])
    return stream


def watch(folder, process):
    while not (folder / "store.db.socket").exists() and process.poll() is None:
        pass
    before = look(folder, process)
    with (folder / "events/b.ndjson").open("a") as log:
        log.write(result(200, 30, patient="P3") + "\n")
    told = until(process, folder, lambda t: t["stream"]["steps"][0]["events"] > 50)
    expect("one more", (told["stream"]["steps"][0]["events"], told["stream"]["epoch"] > before["epoch"], told["stream"]["steps"][0]["events_per_s"] > 0), (51, True, True))
    expect("nothing more comes", until(process, folder, lambda t: t["stream"]["bytes_per_s"] == 0)["stream"]["steps"][0]["events_per_s"], 0)


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = make(pathlib.Path(base), "world", {"a.ndjson": FIRST, "b.ndjson": SECOND})
        (folder / "alerts.ndjson").mkdir()  # No file to write to: what is due waits.
        expect("nobody streams", "no stream runs" in top(folder, code=69), True)
        process = subprocess.Popen([HEDDLE, "stream", "pipeline.json", "--set", "runtime.workers=2"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            watch(folder, process)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate()
        expect(f"end of the stream ({errors.decode()})", process.returncode, 0)
        expect("nobody streams any more", "no stream runs" in top(folder, code=69), True)
        top(folder, "pipeline.json", "more", code=2)
    for failure in failures:
        print(failure)
    print(f"a stream looked at, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
