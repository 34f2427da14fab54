#!/usr/bin/env python3
"""Who looks at far more charts than peers: over generated worlds with such users, whose accesses also come twice (by another partition, known sooner or later), late
within and beyond their day, and in disorder, the live leg's alerts equal what the oracle works out from the files alone, for any number of workers and any
size of chunks; a backtest over the same facts tells them, too, and an interrupted stream ends where an uninterrupted one does.

    HEDDLE_WORLDS="seed:patients:days …" widens it."""
import datetime as dt
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hybrid  # noqa: E402
import oracle  # noqa: E402

WORLDS = os.environ.get("HEDDLE_WORLDS", "35:250:4").split()
SHAPES = ((1, 2048), (2, 7), (4, 1))
# A small hospital's own version: few peers, and more than one department that is compared by itself.
RULE = {"rule": "access_volume", "version": "test", "peers": 4, "days": 3, "settle": "2h", "late": "30h", "approved": {"version": "test", "by": "A test", "on": "2026-01-15"},
        "volume": {"weight": 20, "at_least": 12, "z": 2.5}, "breadth": {"weight": 30, "at_least": 8, "z": 2.5, "times": 1.5}}


def use_rule(folder):
    """Gives the world the rule, and the oracle its numbers."""
    (folder / "model/rules/access_volume.json").write_text(json.dumps(RULE))
    of = oracle.volume
    of.PEERS, of.DAYS, of.SETTLE, of.LATE = RULE["peers"], RULE["days"], 2 * of.HOUR, 30 * of.HOUR
    of.MEASURES = {name: (RULE[name]["weight"], RULE[name]["at_least"], of.Fraction(str(RULE[name]["z"])), of.Fraction(str(RULE[name].get("times", 0)))) for name in of.MEASURES}


def time_of(line, last):
    try:
        return dt.datetime.fromisoformat(json.loads(line)["event_time"].replace("Z", "+00:00"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return last


def read(path):
    """[time that orders it, line]: what tells no time has that of the line before."""
    lines, last = [], dt.datetime.min.replace(tzinfo=dt.timezone.utc)
    for line in path.read_bytes().split(b"\n")[:-1]:
        last = max(last, time_of(line, last))
        lines.append([last, line])
    return lines


def disturb(folder, seed, in_order=False):
    """Of accesses some come again by another partition, some stand hours or days behind their place, some were made the day before they were told.
    `in_order`: none stands behind its place, so that history, which knows an access from its event time, knows them as the log does."""
    rng = random.Random(seed)
    logs = {path: read(path) for path in sorted((folder / "events").glob("*.ndjson"))}
    added = {path: [] for path in logs}
    for path, lines in logs.items():
        for entry in lines:
            if b'"type":"access_event"' not in entry[1]:
                continue
            dice = rng.random()
            if dice < 0.05:
                added[rng.choice(list(logs))].append([entry[0] + dt.timedelta(hours=0 if in_order else rng.choice((-1, 0, 3, 20, 60))), entry[1]])
            elif dice < 0.10 and not in_order:
                entry[0] += dt.timedelta(hours=rng.choice((0.5, 2, 12, 40)))
            elif dice < 0.20:
                event = json.loads(entry[1])
                made = dt.datetime.fromisoformat(event["effective_time"].replace("Z", "+00:00")) - dt.timedelta(hours=rng.choice((3, 10, 24, 50)))
                event["effective_time"] = made.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                entry[1] = json.dumps(event).encode()
    for path, lines in logs.items():
        ordered = sorted(lines + added[path], key=lambda entry: entry[0])
        path.write_bytes(b"".join(line + b"\n" for _, line in ordered))


def run(folder, workers, rows, *more, codes=(0,)):
    return hybrid.heddle("stream", "pipeline.json", "--set", f"runtime.workers={workers}", "--set", f"runtime.chunk_rows={rows}", *more, folder=folder, codes=codes)


def content(folder):
    """All that an alert says but where its evidence stands, by id."""
    rows = hybrid.query(folder, "REALTIME_ANALYTICS_STORE", "select alert_id, status, severity, status_reason, subject_id, explanation from alert where rule = 'access_volume'")
    return {row.pop("alert_id"): json.dumps(row) for row in rows}


def in_two_parts(world, base, wanted):
    """The first halves of the logs, then all of them, in another shape. Where the first halves end all logs are idle, and time goes on by the newest: what was told
    then without the others' rest may have been retracted; nothing else may differ."""
    folder = base / "parts"
    shutil.copytree(world, folder)
    shutil.copy(base / "person.key", folder / "person.key")
    whole = {path.name: path.read_bytes() for path in (folder / "events").glob("*.ndjson")}
    for name, text in whole.items():
        half = text.rfind(b"\n", 0, len(text) // 2) + 1
        (folder / "events" / name).write_bytes(text[:half])
    run(folder, 2, 7, "--once")
    for name, text in whole.items():
        (folder / "events" / name).write_bytes(text)
    run(folder, 1, 2048, "--drain")
    return {alert: says for alert, says in content(folder).items() if alert in wanted or json.loads(says)["status"] != "retracted"}


def make(base, name, seed, patients, days, in_order):
    world = base / name
    shutil.copytree(hybrid.ROOT / "examples/hybrid", world)
    subprocess.run([hybrid.HEDDLE, "generate", "--seed", seed, "--patients", patients, "--days", days, "--snoopers", "3", "--out", world], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    use_rule(world)
    disturb(world, int(seed), in_order)
    return world


def judged_plainly(world):
    accepted = oracle.live(oracle.logs_of(world))[1]
    return json.loads(json.dumps(oracle.volume.alerts([event for event in accepted if event["type"] == "access_event"], oracle.ZONE)))


def shapes(base, seed, patients, days):
    world, contents = make(base, "world", seed, patients, days, False), []
    wanted = judged_plainly(world)
    for workers, rows in SHAPES:
        folder = base / f"run-{workers}-{rows}"
        shutil.copytree(world, folder)
        if contents:
            shutil.copy(base / "person.key", folder / "person.key")
        run(folder, workers, rows, "--drain")
        shutil.copy(folder / "person.key", base / "person.key")
        hybrid.expect(f"seed {seed}, {workers} workers, chunks of {rows}: access_volume", hybrid.volumes(folder), wanted)
        contents.append(content(folder))
        hybrid.expect(f"seed {seed}, {workers} workers, chunks of {rows}: content", contents[-1], contents[0])
    hybrid.expect(f"seed {seed}: in two parts", in_two_parts(world, base, contents[0]), contents[0])
    return wanted


def backtest(base, seed, patients, days):
    """The warehouse reads the log itself; the store has it from the live leg."""
    world = make(base, "history", seed, patients, days, True)
    bindings = json.loads((world / "bindings.json").read_text())
    bindings["bindings"]["EHR_RAW"] = "events/*.ndjson"
    (world / "bindings.json").write_text(json.dumps(bindings))
    hybrid.heddle("run", "pipeline.json", "--drain", folder=world, codes=(0, 1))
    live = content(world)
    hybrid.expect(f"seed {seed}: access_volume in order", hybrid.volumes(world), judged_plainly(world))
    for more in ((), ("--set", "runtime.chunk_rows=7")):
        told = [json.loads(line) for line in hybrid.heddle("backtest", "access_volume", "--list", "--phi", "--format", "json", *more, folder=world).splitlines()]
        hybrid.expect(f"seed {seed}: of history", {alert["alert_id"]: (alert["status"], alert["severity"], alert["subject_id"]) for alert in told},
                      {alert: tuple(json.loads(says)[name] for name in ("status", "severity", "subject_id")) for alert, says in live.items()})
    hybrid.heddle("backtest", "access_volume", "--compare", "REALTIME_ANALYTICS_STORE", folder=world)


def one_world(seed, patients, days):
    with tempfile.TemporaryDirectory() as base:
        wanted = shapes(pathlib.Path(base), seed, patients, days)
        backtest(pathlib.Path(base), seed, patients, days)
        return [status for status, *_ in wanted.values()]


def main():
    statuses = [status for world in WORLDS for status in one_world(*world.split(":"))]
    for status in ("open", "revised", "retracted"):
        hybrid.expect(f"there are alerts that are {status}", status in statuses, True)
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(WORLDS)} worlds, {len(SHAPES)} shapes each, {len(statuses)} alerts, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
