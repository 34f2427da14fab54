#!/usr/bin/env python3
"""heddle stream --explain-slow: the parts are all of the process's time, the sentence names the largest, and what the stream makes is the same."""
import json
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import ROOT, expect, failures, heddle, query  # noqa: E402

FIXED = ["start", "read", "decode", "program", "rows", "persons", "exchange"]
STEPS = ["dedup", "window_5m", "abnormal_lab_trends", "acute_kidney_injury", "unusual_access"]
COMMITTER = ["seal", "barrier", "loop", "merge", "record", "commit", "deliver", "committer", "others"]
WAITS = ["idle", "ring to dedup", "ring to steps", "epoch full", "ahead", "state full"]


def make(base, name):
    folder = base / name
    if (base / "world").exists():
        shutil.copytree(base / "world", folder)
    return folder


def stream(folder, *more):
    return heddle("stream", "pipeline.json", "--drain", *more, folder=folder)


def adds_up(told, workers):
    slow, events = told["explain_slow"], told["received"] + told["letters"]["received"]
    parts = {part["part"]: part for part in slow["parts"]}
    steps = [part for part in parts if part not in FIXED + COMMITTER]
    expect("parts", list(parts), FIXED + steps + COMMITTER)
    expect("steps", [step for step in STEPS if f"{step} rows" not in steps or f"{step} barrier" not in steps], [])
    expect("all of the time", slow["cpu_ns"], told["cpu_us"] * 1000)
    sums = sum(part["cpu_ns"] for part in parts.values())
    # Meters and the process's clock are read one after the other: some calls lie between.
    expect(f"sum of the parts {sums} of {slow['cpu_ns']}", abs(sums - slow["cpu_ns"]) <= 0.05 * slow["cpu_ns"], True)
    expect("most of it is known", parts["others"]["cpu_ns"] < 0.5 * slow["cpu_ns"], True)
    expect("shares", [p["part"] for p in parts.values() if abs(p["share"] - p["cpu_ns"] / slow["cpu_ns"]) > 1e-9], [])
    expect("of an event", [p["part"] for p in parts.values() if abs(p["ns_per_event"] - p["cpu_ns"] / events) > 1e-3], [])
    expect("nothing is free", [name for name in ("read", "decode", "program", "rows", "persons", "exchange", "dedup rows", "seal", "record", "commit") if parts[name]["cpu_ns"] <= 0], [])
    together = {}  # Rows and barriers of a step.
    for name, part in parts.items():
        step = name.removesuffix(" rows").removesuffix(" barrier")
        together[step] = together.get(step, 0) + (part["cpu_ns"] if name != "others" else 0)
    largest = max(together, key=together.get)
    expect("the largest is named", f"{100 * (together[largest] / slow['cpu_ns']):.0f} %, went to {largest}, " in slow["advice"] and "what helps: " in slow["advice"], True)
    expect("threads", [list(thread["waited_us"]) for thread in slow["threads"]], [WAITS] * workers)
    expect("waits", [thread for thread in slow["threads"] if not 0 <= sum(thread["waited_us"].values()) <= thread["wall_us"]], [])


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        world = base / "world"
        shutil.copytree(ROOT / "examples/hybrid", world)
        heddle("generate", "--seed", "8", "--patients", "300", "--days", "2", "--out", ".", folder=world)
        heddle("check", "pipeline.json", folder=world)
        heddle("batch", "pipeline.json", folder=world, codes=(0, 1))
        contents = []
        for workers in (1, 2):
            folder = make(base, f"explained{workers}")
            told = json.loads(stream(folder, "--explain-slow", "--format", "json", "--set", f"runtime.workers={workers}"))
            adds_up(told, workers)
            contents.append(query(folder, "REALTIME_ANALYTICS_STORE", "select alert_id, status, severity from alert order by 1"))
        plain = make(base, "plain")
        told = json.loads(stream(plain, "--format", "json"))
        expect("nobody asked", "explain_slow" in told, False)
        contents.append(query(plain, "REALTIME_ANALYTICS_STORE", "select alert_id, status, severity from alert order by 1"))
        expect("alerts", len(contents[0]) > 0, True)
        expect("the same alerts", [content == contents[0] for content in contents], [True] * 3)
        text = stream(plain, "--explain-slow")  # Nothing new: no event, and no division by none.
        expect("as a table", [word for word in ("where the processor's time went", "dedup rows", "ring to steps", "all ", "100.0 %", "what helps: ") if word not in text], [])
    for failure in failures:
        print(failure)
    print(f"where the time goes, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
