#!/usr/bin/env python3
"""Time and state of the live leg, over logs made here: a month of lateness to the microsecond, a log that is silent for long, events of the future, and
state beyond its budget. What must come is worked out here from the events alone."""
import collections
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
DAY, HOUR, MINUTE = 86400, 3600, 60
BEGIN = int(datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc).timestamp())


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}:\n  found    {found}\n  expected {wanted}")


def iso(second):
    return datetime.datetime.fromtimestamp(BEGIN + second, datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def access(name, second, **more):
    return {"event_id": name, "type": "access_event", "event_time": iso(second), "patient_id": f"P{second % 7}", "user_id": "U1", "facility": "STE", **more}


class World:
    def __init__(self, folder, streaming=(), log=()):
        self.folder = pathlib.Path(folder)
        (self.folder / "edw/events").mkdir(parents=True)
        self.folder = self.folder / "edw"
        streaming = {"source": "LOG", "transforms": ["enrich_with_patient_master", "validate_event"],
                     "windows": {"size": "5m", "disorder": "1m", "lateness": "1h", "keys": ["facility"], "aggregates": ["event_count"]}, "sink": ["STORE"], **dict(streaming)}
        bindings = {"pipeline": {"name": "edw", "zone": "UTC"}, "bindings": {"LOG": {"type": "file", "path": "events/*.ndjson", **dict(log)},
                                                                             "STORE": {"type": "sqlite", "path": "store.db", "encryption": "none"}}}
        (self.folder / "pipeline.json").write_text(json.dumps({"pipeline": {"streaming": streaming}}))
        (self.folder / "bindings.json").write_text(json.dumps(bindings))

    def append(self, log, events):
        with open(self.folder / "events" / log, "a") as out:
            for event in events:
                out.write(json.dumps(event, separators=(",", ":")) + "\n")

    def heddle(self, *arguments, code=0):
        done = subprocess.run([HEDDLE, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != code:
            raise SystemExit(f"heddle {arguments}: {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        self.told = done.stderr
        return done.stdout

    def stream(self, *arguments):
        return json.loads(self.heddle("stream", "pipeline.json", "--once", "--format", "json", *arguments))

    def query(self, sql):
        return [json.loads(line) for line in self.heddle("query", "STORE", sql, "--format", "json").splitlines()]

    def windows(self):
        return {(row["window_start"] - BEGIN * 1000000) // 1000000: row["event_count"] for row in self.query("select window_start, event_count from window_5m")}

    def late(self):
        return [(row["n"], row["reason_code"]) for row in self.query("select json_extract(cast(bytes as text), '$.event_id') as n, reason_code from late_event order by partition_id, position")]

    def decided(self, what):
        return self.query(f"select json_extract(decisions, '$.{what}') as d from epoch_header order by epoch desc limit 1")[0]["d"]


def window_of(second):
    return second - second % (5 * MINUTE)


def a_month_late(folder):
    """The window of a result that comes 31 days after it is still open to it, and not an instant longer; its copies are told, its window has one more revision."""
    world = World(folder, {"windows": {"size": "5m", "disorder": "1m", "lateness": "31d", "keys": ["facility"], "aggregates": ["event_count"]}})
    ids    = list(range(0, 33 * DAY, 10 * MINUTE))  # Its own window each: 4,752 of them.
    events = [access(f"e{second}", second) for second in ids]
    newest = ids[-1]
    world.append("a.ndjson", events)
    first = world.stream("--set", "runtime.epoch.rows=500")
    mark  = newest - MINUTE
    # Late from window end + 31 days on.
    edge = window_of(mark - 31 * DAY - 5 * MINUTE)
    assert edge + 5 * MINUTE + 31 * DAY <= mark < edge + 10 * MINUTE + 31 * DAY
    late, kept = access("late", edge + 299), access("kept", edge + 300)
    world.append("a.ndjson", [late, kept, kept, access("copy", edge + 301), access(f"e{ids[-2]}", ids[-2])])
    second = world.stream()
    wanted = collections.Counter(window_of(at) for at in ids)
    wanted.update([edge + 300, edge + 300])
    expect("windows", world.windows(), dict(wanted))
    expect("late events", world.late(), [("late", "too_late")])
    expect("counts", [second[key] for key in ("received", "loaded", "deduplicated", "late")], [5, 3, 2, 1])
    expect("the window's row", world.query(f"select closed, event_count as n from window_5m where window_start = {(BEGIN + edge + 300) * 1000000}"), [{"closed": 1, "n": wanted[edge + 300]}])
    # Identities and windows of 31 days, the hour before them that no sweep need have reached, patients of windows: none of 33 days.
    live = sum(window_of(at) + 5 * MINUTE + 31 * DAY > mark for at in ids)
    expect("state of the lateness at least", first["state"]["entries"] >= 2 * live, True)
    full = world.stream("--set", "runtime.state=1")
    expect("and at most, where nothing else is kept", 0 < world.stream("--set", "runtime.state=1")["state"]["entries"] <= 2 * (live + 4), True)
    expect("the step that is named", full["state"]["largest_step"], "window_5m")


def silence(folder):
    """Beside a log that goes on, a silent one keeps state for idle_keep; what it then brings is late by that, and says so."""
    world = World(folder, {"idle_keep": "6h"})
    world.append("a.ndjson", [access(f"a{second}", second) for second in range(0, 2 * DAY, MINUTE)])
    world.append("b.ndjson", [access("b0", 0)])
    world.stream()
    world.stream()
    floor = 2 * DAY - MINUTE - MINUTE - 6 * HOUR
    expect("smallest watermark", world.decided("min_watermark"), (BEGIN + floor) * 1000000)
    edge = window_of(floor - HOUR - 5 * MINUTE)
    world.append("b.ndjson", [access("b1", edge + 299), access("b2", edge + 300), access("b3", 2 * DAY), access("b4", edge + 299)])
    world.stream()
    expect("late events", world.late(), [("b1", "source_idle"), ("b4", "too_late")])
    expect("the one in time", world.windows()[edge + 300], 6)
    expect("reasons are counted", world.query("select reason_code, sum(row_count) as n from accounting_reason where entity = '' group by 1 order by 1"),
           [{"reason_code": "source_idle", "n": 1}, {"reason_code": "too_late", "n": 1}])


def future(folder):
    """An event that was written before its own time is a dead letter; the windows of the others stay open."""
    world = World(folder, log={"log_time": "meta.written", "log_time_skew": "10m"})

    def written(name, second, at):
        return access(name, second, meta={"written": iso(at)} if at is not None else {})
    world.append("a.ndjson", [written("a", 60, 60), written("b", 400 * DAY, 61), written("c", 62 + 600, 62), written("d", 63 + 601, 63), written("e", 64, None), written("f", 65, 65)])
    told = world.stream()
    expect("counts", [told[key] for key in ("received", "loaded", "quarantined", "late")], [6, 3, 3, 0])
    expect("letters", world.query("select event_id as id, reason_code as why, path from dead_letter order by position"),
           [{"id": "b", "why": "future_time", "path": "event_time"}, {"id": "d", "why": "future_time", "path": "event_time"}, {"id": "e", "why": "missing_required", "path": "meta.written"}])
    expect("watermark", world.decided("watermark"), (BEGIN + 662 - 60) * 1000000)


def budget(folder):
    """Beyond its budget the stream goes on, names the largest step on stderr once, and tells the same."""
    worlds = []
    for name, more in (("free", ()), ("bound", ("--set", "runtime.state=64KiB"))):
        world = World(pathlib.Path(folder) / name)
        for log in ("a", "b"):
            world.append(f"{log}.ndjson", [access(f"{log}{number}", number // 3) for number in range(6000)])
        told = world.stream("--set", "runtime.epoch.rows=1000", *more)
        said = world.told
        worlds.append((world.windows(), world.late(), [told[key] for key in ("received", "loaded", "deduplicated", "late")]))
        found = re.findall(r"the steps remember \d+ bytes, more than runtime.state \((\d+)\): the largest step is (\w+), with \d+ bytes", said)
        expect("what stderr says", found, [("65536", "dedup")] if more else [])
        expect("epochs beyond it", told["state"]["epochs_beyond_budget"] > 0, bool(more))
    expect("content", worlds[1], worlds[0])


def changed_pipeline(folder):
    """What a changed pipeline would lose of the state is told, stops a start, and is lost only where that is accepted by name."""
    world = World(folder, {"alerts": {"enabled": True, "rules": ["unusual_access"]}, "sink": ["STORE", "ALERTS"]})
    bindings = json.loads((world.folder / "bindings.json").read_text())
    bindings["bindings"]["ALERTS"] = {"type": "file", "path": "alerts.ndjson"}
    (world.folder / "bindings.json").write_text(json.dumps(bindings))
    plan   = (world.folder / "pipeline.json").read_text()
    events = [access(f"a{second}", second) for second in range(0, HOUR, MINUTE)]

    def check(code):
        told = world.heddle("check", "pipeline.json", "--against", "STORE", "--format", "json", code=code)
        told = json.loads(told)
        return told["is_state_known"], {step["step"]: step["becomes"] for step in told["state"]}

    def write(**changes):
        changed = json.loads(plan)
        changed["pipeline"]["streaming"].update(changes)
        (world.folder / "pipeline.json").write_text(json.dumps(changed))

    expect("before there is a store", check(0), (False, {"dedup": "begins", "window_5m": "begins", "unusual_access": "begins", "access_volume": "begins"}))
    world.append("a.ndjson", events[:30])
    world.stream()
    expect("the same pipeline", check(0), (True, {"dedup": "kept", "window_5m": "kept", "unusual_access": "kept", "access_volume": "kept"}))
    window = json.loads(plan)["pipeline"]["streaming"]["windows"]
    write(windows={**window, "lateness": "2h", "disorder": "2m"}, idle_keep="2d")
    expect("lateness is of no definition", check(0), (True, {"dedup": "kept", "window_5m": "kept", "unusual_access": "kept", "access_volume": "kept"}))

    # A window of another size and name, and a rule less: three steps, two of them lost.
    write(windows={**window, "size": "10m"}, alerts={"enabled": True, "rules": ["abnormal_lab_trends"]})
    expect("a changed pipeline", {name: what for name, what in check(1)[1].items() if name in ("dedup", "window_5m", "window_10m", "unusual_access")},
           {"dedup": "kept", "window_5m": "dropped", "window_10m": "begins", "unusual_access": "dropped"})
    write(windows={**window, "name": "window_5m", "size": "10m"})
    expect("a window of that name", check(1)[1]["window_5m"], "begins anew")

    content = world.query("select epoch, generation from epoch_header order by epoch"), world.windows()
    world.append("a.ndjson", events[30:])
    for accepted in ((), ("--accept-state-loss", "window"), ("--accept-state-loss", "dedup,unusual_access")):
        world.heddle("stream", "pipeline.json", "--once", *accepted, code=78)
        if "the state of step window_5m would be lost" not in world.told or "--accept-state-loss window_5m" not in world.told:
            raise SystemExit(world.told)
    expect("nothing is changed by a refused start", (world.query("select epoch, generation from epoch_header order by epoch"), world.windows()), content)
    told = world.stream("--accept-state-loss", "dedup, window_5m")
    expect("what went on", [told["received"], told["loaded"]], [30, 30])
    expect("windows of the new definition", world.windows(), {1800: 10, 2400: 10, 3000: 10})
    expect("and it is lost once", check(0), (True, {"dedup": "kept", "window_5m": "kept", "unusual_access": "kept", "access_volume": "kept"}))
    world.heddle("check", "pipeline.json", "--against", "LOG", code=2)


def main():
    for test in (a_month_late, silence, future, budget, changed_pipeline):
        with tempfile.TemporaryDirectory() as folder:
            test(folder)
        print(f"{test.__name__}: as it must be")


if __name__ == "__main__":
    main()
