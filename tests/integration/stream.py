#!/usr/bin/env python3
"""What changes between two starts of the live leg: the definition of a window, the log's files, the patient master. And what
lies in the folder then."""
import json
import os
import pathlib
import shutil
import stat
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hybrid  # noqa: E402

WINDOW = {"type": "tumbling", "name": "window_5m"}


def set_window(folder, **options):
    path = folder / "pipeline.json"
    plan = json.loads((hybrid.ROOT / "examples/hybrid/pipeline.json").read_text())
    plan["pipeline"]["streaming"]["windows"] = {**WINDOW, **options}
    path.write_text(json.dumps(plan))


def store(folder, sql):
    return hybrid.query(folder, "REALTIME_ANALYTICS_STORE", sql)


def changed_window(world):
    """A changed definition starts a new table: nothing that was counted for the old one's windows comes into it."""
    set_window(world, size="5m")
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    old = store(world, "select count(*) as n, sum(not closed) as open from window_5m")[0]
    hybrid.expect("some windows are open", old["open"] > 0, True)
    set_window(world, size="10m")
    hybrid.heddle("stream", "pipeline.json", "--drain", "--accept-state-loss", "window_5m", folder=world)
    hybrid.expect("rows of the new table that are none of its windows",
                  store(world, "select * from window_5m where window_start % 600000000 <> 0 or window_end - window_start <> 600000000"), [])
    tables = [row["name"] for row in store(world, "select name from sqlite_master where name like 'window_5m_%_revisions'")]
    hybrid.expect("tables of old definitions", len(tables), 1)
    kept = store(world, f"select count(distinct window_start || facility || event_type || code || unit) as n from {tables[0]}")
    hybrid.expect("rows of the old table", kept, [{"n": old["n"]}])


def time_goes_on(world):
    """Windows are closed by the watermark that the header decided, idle partitions do not hold it back, and it never goes back."""
    logs = {path: path.read_bytes().split(b"\n")[:-1] for path in sorted((world / "events").glob("*.ndjson"))}
    for parts in range(1, 4):  # Each partition goes on at another time, and each start cuts an epoch before it has polled any.
        for number, (path, lines) in enumerate(logs.items()):
            end = len(lines) if number == parts else len(lines) * parts // 4
            path.write_bytes(b"".join(line + b"\n" for line in lines[: max(end, len(path.read_bytes().split(b"\n")) - 1 if parts > 1 else 0)]))
        hybrid.heddle("stream", "pipeline.json", "--once", "--set", f"runtime.workers={parts}", folder=world)
        headers = store(world, "select watermark from epoch_header where watermark is not null order by epoch")
        marks = [row["watermark"] for row in headers]
        hybrid.expect("watermarks of headers, in their order", marks, sorted(marks))
        hybrid.expect("windows that are closed before the watermark or open behind it",
                      store(world, f"select window_start, closed from window_5m where closed <> (window_end <= {marks[-1]})"), [])
        newest = store(world, "select max(watermark) as w from source_position")[0]["w"]
        hybrid.expect("with all partitions idle time is the newest one's", marks[-1], newest)


def nothing_yet(world):
    """A stream that began before there was any partition has missed nothing and closed nothing."""
    other = world.parent / "begun_later"
    shutil.copytree(world, other)
    (other / "events").rename(other / "kept")
    (other / "events").mkdir()
    hybrid.heddle("stream", "pipeline.json", "--once", folder=other)
    for path in (other / "kept").iterdir():
        path.rename(other / "events" / path.name)
    for folder in (world, other):
        hybrid.heddle("stream", "pipeline.json", "--drain", folder=folder)
    hybrid.expect("content of a stream that began with nothing", hybrid.content(other), hybrid.content(world))


def later_partition(world):
    """It begins with the smallest watermark of the last header, so what is older than the lateness is late."""
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    line = next(line for path in sorted((world / "events").glob("*.ndjson")) for line in path.read_bytes().split(b"\n")
                if b'"lab_result"' in line)
    (world / "events" / "part-9.ndjson").write_bytes(json.dumps({**json.loads(line), "event_id": "of-another-partition"}).encode() + b"\n")
    smallest = json.loads(store(world, "select decisions from epoch_header order by epoch desc limit 1")[0]["decisions"])["min_watermark"]
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("late events of the partition", store(world, "select watermark from late_event where partition_id = 'part-9.ndjson'"),
                  [{"watermark": smallest}])


def decided_anew(world):
    """Another plan or master stands in a header before a row uses it (P3)."""
    def first_cut():
        generation = store(world, "select max(generation) as g from epoch_header")[0]["g"]
        return store(world, f"select cut_reason from epoch_header where generation = {generation} order by epoch limit 1")[0]["cut_reason"]

    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("with nothing changed the first epoch is cut by", first_cut() != "start", True)
    set_window(world, size="5m", lateness="2h")
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("with another plan the first epoch is cut by", first_cut(), "start")
    hybrid.heddle("batch", "pipeline.json", folder=world)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("with another master the first epoch is cut by", first_cut(), "start")


def labelled(world):
    """What an alert goes by carries the labels of its input."""
    path = world / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"]["KAFKA_EDW_EVENTS"] = {"inputs": [{"type": "file", "path": "events/*.ndjson", "labels": ["42CFRPart2", "B"]}]}
    path.write_text(json.dumps(bindings))
    hybrid.heddle("stream", "pipeline.json", "--drain", folder=world)
    hybrid.expect("labels of alerts by rule", store(world, "select distinct rule, labels from alert_revisions order by rule"),
                  [{"rule": rule, "labels": "42CFRPart2,B"} for rule in ("abnormal_lab_trends", "unevaluated_result", "unusual_access")])


def private_files(world):
    """What holds patient data or a key is for its owner alone."""
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    for pattern in ("*.key", "store.db*", "state-*", "alerts.ndjson", "audit.ndjson*", "person.key"):
        for path in world.glob(pattern):
            hybrid.expect(f"mode of {path.name}", oct(stat.S_IMODE(path.stat().st_mode)), oct(0o600))
    patient = json.loads(next(iter(world.glob("events/*.ndjson"))).read_bytes().split(b"\n")[0])["patient_id"].encode()
    for path in [world / "store.db", *world.glob("state-*"), *world.glob("store.db.master.*")]:
        hybrid.expect(f"a patient's id in {path.name}", patient in path.read_bytes(), False)


def changed_log(world):
    """A log that is not the one that was read is named, and nothing of it is read."""
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    path = sorted((world / "events").glob("*.ndjson"))[0]
    text, other = path.read_bytes(), world / "events" / "other"
    before = hybrid.content(world)

    def refused(what, words):
        told = hybrid.heddle("stream", "pipeline.json", "--once", folder=world, codes=(74,), with_errors=True)
        hybrid.expect(f"{what} is told as", [word for word in (path.name, *words) if word not in told], [])
        hybrid.expect(f"content after a log {what}", hybrid.content(world), before)

    os.truncate(path, len(text) // 2)
    refused("truncated", ["truncated"])
    path.write_bytes(b" " + text)
    refused("written anew", ["no longer begins as it did"])
    other.write_bytes(text)
    path.rename(world / "rotated")
    other.rename(path)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("content with a copy in the log's place", hybrid.content(world), before)
    path.unlink()
    refused("gone", ["cannot open"])
    (world / "rotated").rename(path)
    path.write_bytes(text)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=world)
    hybrid.expect("content with the log put back", hybrid.content(world), before)


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        world = hybrid.make("5", "200", "1", base)
        hybrid.heddle("batch", "pipeline.json", folder=world)
        for case in (changed_window, time_goes_on, nothing_yet, later_partition, decided_anew, labelled, private_files, changed_log):
            copy = base / case.__name__
            shutil.copytree(world, copy)
            case(copy)
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
