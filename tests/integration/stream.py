#!/usr/bin/env python3
"""What changes between two starts of the live leg: the definition of a window, the log's files. And what lies in the folder then."""
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
    hybrid.heddle("stream", "pipeline.json", "--drain", folder=world)
    hybrid.expect("rows of the new table that are none of its windows",
                  store(world, "select * from window_5m where window_start % 600000000 <> 0 or window_end - window_start <> 600000000"), [])
    tables = [row["name"] for row in store(world, "select name from sqlite_master where name like 'window_5m_%_revisions'")]
    hybrid.expect("tables of old definitions", len(tables), 1)
    kept = store(world, f"select count(distinct window_start || facility || event_type || code || unit) as n from {tables[0]}")
    hybrid.expect("rows of the old table", kept, [{"n": old["n"]}])


def private_files(world):
    """What holds patient data or a key is for its owner alone."""
    for pattern in ("*.key", "store.db*", "state-*", "alerts.ndjson", "audit.ndjson*", "person.key"):
        for path in world.glob(pattern):
            hybrid.expect(f"mode of {path.name}", oct(stat.S_IMODE(path.stat().st_mode)), oct(0o600))
    patient = json.loads(next(iter(world.glob("events/*.ndjson"))).read_bytes().split(b"\n")[0])["patient_id"].encode()
    for path in [world / "store.db", *world.glob("state-*"), *world.glob("store.db.master.*")]:
        hybrid.expect(f"a patient's id in {path.name}", patient in path.read_bytes(), False)


def changed_log(world):
    """A log that is not the one that was read is named, and nothing of it is read."""
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
    refused("rotated", ["rotated"])
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
        for case in (changed_window, private_files, changed_log):
            copy = base / case.__name__
            shutil.copytree(world, copy)
            if case != changed_window:
                hybrid.heddle("stream", "pipeline.json", "--once", folder=copy)
            case(copy)
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
