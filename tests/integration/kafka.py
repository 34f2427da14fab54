#!/usr/bin/env python3
"""The live leg reads its events from a broker of Apache Kafka: the same content as from files, whatever is killed, and nothing lost in silence.

    HEDDLE_KILLS=100 HEDDLE_SEED=7 widens the killing; names of cases as arguments run these alone."""
import base64
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tools/broker")]
import broker  # noqa: E402
import hybrid  # noqa: E402
import kill  # noqa: E402

KILLS = int(os.environ.get("HEDDLE_KILLS", "100"))
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
LIMIT_S = 60
LARGE = {"max.message.bytes": "20000000"}
LARGE_PRODUCER = {"max.request.size": "20000000", "buffer.memory": "60000000", "batch.size": "20000"}
SMALL_EPOCHS = ("--set", "runtime.epoch.rows=20", "--set", "runtime.epoch.interval=10ms")


# ---- Worlds and their content ----

class Ground:
    """One broker, one small world, and what that world's files lead to."""

    def __init__(self, base, kafka):
        self.base, self.kafka = base, kafka
        self.world = hybrid.make("11", "300", "2", base)
        hybrid.heddle("batch", "pipeline.json", folder=self.world)
        self.files = self.copy("files")
        hybrid.heddle("stream", "pipeline.json", "--drain", folder=self.files)
        self.logs = [[line + b"\n" for line in path.read_bytes().split(b"\n")[:-1]] for path in sorted((self.world / "events").glob("*.ndjson"))]

    def copy(self, name):
        return pathlib.Path(shutil.copytree(self.world, self.base / name))

    def bound(self, name, **options):
        """A copy of the world whose events come from the topic of that name."""
        folder = self.copy(name)
        bindings = json.loads((folder / "bindings.json").read_text())
        bindings["bindings"]["KAFKA_EDW_EVENTS"] = {"type": "kafka", "brokers": [self.kafka.addresses["plain"]], "topics": [name], **options}
        (folder / "bindings.json").write_text(json.dumps(bindings))
        return folder

    def lines(self, topic, partition, lines, **how):
        """Each line is a message."""
        path = self.base / "lines"
        path.write_bytes(b"".join(lines))
        return self.kafka.produce_lines(topic, partition, path, **how)


def store(folder, sql):
    return hybrid.query(folder, "REALTIME_ANALYTICS_STORE", sql)


def content(folder):
    """Without positions: what no mapping could name is told by its bytes."""
    return {
        "windows": store(folder, "select window_start, facility, event_type, code, unit, event_count, patient_count, abnormal_count, value_min, value_avg, value_max, closed from window_5m"),
        "alerts": store(folder, "select alert_id, rule, status, severity, code, value, unit, person_id, subject_id, mode from alert where rule <> 'unevaluated_result'"),
        "unevaluated": store(folder, "select substr(alert_id, 1, 16) as at, status_reason, code, value, unit, person_id, subject_id from alert where rule = 'unevaluated_result'"),
        "letters": store(folder, "select event_id, row_number, reason_code, hex(bytes) as bytes from dead_letter"),
        "late": store(folder, "select event_time, watermark, hex(bytes) as bytes from late_event"),
        "sums": store(folder, "select entity, sum(received), sum(loaded), sum(deduplicated), sum(filtered), sum(quarantined), sum(late) from epoch group by entity"),
    }


def compare(what, found, wanted):
    for part, rows in content(wanted).items():
        have = {json.dumps(row, sort_keys=True) for row in content(found)[part]}
        want = {json.dumps(row, sort_keys=True) for row in rows}
        hybrid.expect(f"{what}: {part}", sorted(have - want)[:2], sorted(want - have)[:2])


def positions(folder):
    return {row["partition_id"]: row["position"] for row in store(folder, "select partition_id, position from source_position where source = 'KAFKA_EDW_EVENTS'")}


def sums(folder):
    return store(folder, "select sum(received) as received, sum(loaded) as loaded, sum(deduplicated) as deduplicated, sum(filtered) as filtered, "
                         "sum(quarantined) as quarantined, sum(bytes) as bytes, sum(position_end - position_begin) as moved from epoch where entity = '' and source = 'KAFKA_EDW_EVENTS'")[0]


def reasons(folder):
    return {f"{row['outcome']}/{row['reason_code']}": row["n"]
            for row in store(folder, "select outcome, reason_code, sum(row_count) as n from accounting_reason where entity = '' and source = 'KAFKA_EDW_EVENTS' group by 1, 2")}


def refused(what, folder, words, *arguments):
    """The stream ends, says why, and leaves the store as it was."""
    before = positions(folder)
    done = subprocess.run([hybrid.HEDDLE, "stream", "pipeline.json", "--once", *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    hybrid.expect(f"{what}: exit code", done.returncode, 74)
    hybrid.expect(f"{what}: {words} in {done.stderr}", words in done.stderr, True)
    hybrid.expect(f"{what}: positions", positions(folder), before)


def access(number, text="", minute=0):
    return (f'{{"event_id":"{text}{number}","type":"access_event","event_time":"2026-03-02T10:{minute:02}:{number % 60:02}Z",'
            f'"patient_id":"P1","user_id":"U1"}}\n').encode()


class Follower:
    """A stream that follows its topic until it is stopped."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.process = subprocess.Popen([hybrid.HEDDLE, "stream", "pipeline.json", *SMALL_EPOCHS, *arguments], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def until(self, what, wanted):
        """Asks the store until it says so."""
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise SystemExit(f"{what}: the stream ended with {self.process.returncode}: {self.process.stderr.read()}")
            if (self.folder / "store.db").exists():
                try:
                    if wanted():
                        return
                except SystemExit:  # The store is being made.
                    pass
            time.sleep(0.05)
        hybrid.failures.append(f"{what}: not within {LIMIT_S} s; positions {positions(self.folder)}")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=LIMIT_S)
        return errors


# ---- Cases ----

def verbatim(ground):
    """Compressed in each way, in transactions of which some are aborted, as one batch or many: what is committed, and nothing else, is read once."""
    topic = "verbatim"
    ground.kafka.topic(topic, len(ground.logs), LARGE)
    for partition, (lines, codec) in enumerate(zip(ground.logs, ("gzip", "snappy", "lz4", "zstd"))):
        settings = {**LARGE_PRODUCER, "compression.type": codec}
        half = len(lines) // 2
        ground.lines(topic, partition, lines[:half], settings=settings, transaction=f"first-{partition}")
        ground.lines(topic, partition, [access(i, "never") for i in range(30)], settings=settings, transaction=f"second-{partition}", how="abort")
        ground.lines(topic, partition, lines[half:], settings=settings)
    example = hybrid.ROOT / "examples/kafka"
    hybrid.expect("the example's pipeline", (example / "pipeline.json").read_text(), (hybrid.ROOT / "examples/hybrid/pipeline.json").read_text())
    options = json.loads((example / "bindings.json").read_text())["bindings"]["KAFKA_EDW_EVENTS"]
    folder = ground.bound(topic, **{**options, "brokers": [ground.kafka.addresses["plain"]], "topics": [topic]})
    hybrid.heddle("stream", "pipeline.json", "--drain", folder=folder)
    compare("as from files", folder, ground.files)
    ends = {f"{topic}/{number}": end for number, (_, end) in ground.kafka.offsets(topic).items()}
    hybrid.expect("positions are the log's ends", positions(folder), ends)
    count = sum(len(lines) for lines in ground.logs)
    hybrid.expect("received, moved and bytes", (sums(folder)["received"], sums(folder)["moved"], sums(folder)["bytes"]),
                  (count, sum(ends.values()), sum(len(line) - 1 for lines in ground.logs for line in lines)))
    hybrid.expect("what the group was told", ground.kafka.group("heddle-edw"), {name.replace("/", "-"): end for name, end in ends.items()})


def kills(ground):
    """kill -9 at random moments while the topic grows."""
    topic, chance = "kills", random.Random(SEED)
    ground.kafka.topic(topic, len(ground.logs), LARGE)
    folder = ground.bound(topic)
    kill.hold_silent_logs(folder)
    begin = time.monotonic()
    hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
    patience = 2 * (time.monotonic() - begin)
    cuts = [[0, *sorted(chance.randrange(len(lines)) for _ in range(KILLS - 1)), len(lines)] for lines in ground.logs]
    for number in range(KILLS):
        for partition, lines in enumerate(ground.logs):
            part = lines[cuts[partition][number] : cuts[partition][number + 1]]
            if part:
                ground.lines(topic, partition, part, settings=LARGE_PRODUCER)
        process = subprocess.Popen([hybrid.HEDDLE, "stream", "pipeline.json", *SMALL_EPOCHS, "--set", f"runtime.workers={chance.choice((1, 2, 4))}"], cwd=folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=chance.uniform(0, patience))
            hybrid.failures.append(f"a stream that follows ended by itself with {process.returncode}: {errors}")
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    hybrid.heddle("stream", "pipeline.json", "--drain", folder=folder)
    compare("after kills", folder, ground.files)
    epochs = store(folder, "select count(*) as n, max(generation) as g from epoch_header")[0]
    hybrid.expect(f"epochs of several generations: {epochs}", epochs["n"] > KILLS // 3 and epochs["g"] > KILLS // 3, True)


def strange_messages(ground):
    """Each has its outcome, with a reason; keys and headers go with the letters. Copies are told by their event id."""
    topic = "strange"
    ground.kafka.topic(topic, 1, LARGE)
    large = b'{"event_id":"large","type":"access_event","event_time":"2026-03-02T10:00:00Z","patient_id":"P1","user_id":"U1","filler":"' + b"x" * 9_000_000 + b'"}'
    fits = large[:-2 - 9_000_000] + b"x" * (1 << 20)
    fits = fits[: (1 << 20) - 2] + b'"}'
    values = [access(1)[:-1], None, b"", fits, large, b"{ no event", access(1)[:-1], access(2)[:-1], b"\xff\xfe\x00"]
    records = [{"partition": 0, "key": f"k{i}", "headers": [["site", "north"]], **({} if value is None else {"value_base64": base64.b64encode(value).decode()})}
               for i, value in enumerate(values)]
    ground.kafka.produce(topic, records, settings=LARGE_PRODUCER)
    far = {"partition": 0, "value": access(3).decode(), "timestamp": 1740000000000}  # Of 2025: the event's time lies far beyond.
    ground.kafka.produce(topic, [far])
    folder = ground.bound(topic)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
    found = sums(folder)
    hybrid.expect("strange messages", {name: found[name] for name in ("received", "loaded", "deduplicated", "filtered", "quarantined", "moved")},
                  {"received": 10, "loaded": 3, "deduplicated": 1, "filtered": 1, "quarantined": 5, "moved": 10})
    hybrid.expect("their reasons", reasons(folder), {"deduplicated/same_event": 1, "filtered/tombstone": 1, "quarantined/empty_record": 1, "quarantined/too_large": 1,
                                                     "quarantined/malformed_record": 1, "quarantined/bad_encoding": 1, "quarantined/future_time": 1})
    letters = store(folder, "select position, reason_code, event_key, headers, length(bytes) as size from dead_letter order by position")
    hybrid.expect("letters", [(row["position"], row["event_key"], row["size"]) for row in letters],
                  [(2, "k2", 0), (4, "k4", 65536), (5, "k5", 10), (8, "k8", 3), (9, None, len(access(3)))])
    hybrid.expect("headers of letters", [json.loads(row["headers"])["headers"] for row in letters], [[["site", "north"]]] * 4 + [[]])
    hybrid.expect("a letter's time", json.loads(letters[4]["headers"])["timestamp"], "2025-02-19T21:20:00.000000Z")


def retention(ground):
    """Offsets that were deleted before they were read: refused with what is lost, passed over only when that is said, and then counted."""
    topic = "retention"
    ground.kafka.topic(topic, 2)
    ground.lines(topic, 0, [access(i, "a") for i in range(100)])
    folder = ground.bound(topic)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
    ground.lines(topic, 0, [access(i, "b", 5) for i in range(50)])
    ground.kafka.delete_records(topic, 0, 120)
    refused("deleted", folder, "offsets 100 to 119 of retention/0 were deleted")
    hybrid.heddle("stream", "pipeline.json", "--once", "--accept-loss", folder=folder)
    hybrid.expect("positions behind the loss", positions(folder), {"retention/0": 150, "retention/1": 0})
    hybrid.expect("what is accounted for", (sums(folder)["received"], sums(folder)["moved"], reasons(folder).get("lost/deleted_unread")), (130, 150, 20))
    ground.lines(topic, 0, [access(i, "c", 9) for i in range(10)])
    hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
    hybrid.expect("it goes on", (positions(folder)["retention/0"], sums(folder)["received"]), (160, 140))


def starts(ground):
    """Where the first start begins; what comes later is read from its beginning, whatever that says."""
    topic = "starts"
    ground.kafka.topic(topic, 2)
    for partition in (0, 1):
        ground.kafka.produce(topic, [{"partition": partition, "value": access(i, f"p{partition}-").decode(), "timestamp": 1772445600000 + i * 1000} for i in range(60)])
    for name, options, wanted in (("latest", {"start": "latest"}, 0), ("time", {"start": "2026-03-02T10:00:40Z"}, 40),
                                  ("offsets", {"start": "latest", "offsets": {"starts/1": 50}}, 10)):
        folder = ground.bound(f"starts-{name}", topics=[topic], **options)
        hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
        hybrid.expect(f"received from {name}", sums(folder)["received"] or 0, wanted)
        hybrid.expect(f"positions from {name}", positions(folder), {"starts/0": 60, "starts/1": 60})
    follower = Follower(ground.base / "starts-latest")
    ground.kafka.add_partitions(topic, 3)
    ground.lines(topic, 2, [access(i, "p2-") for i in range(30)])
    ground.lines(topic, 0, [access(i, "more-", 2) for i in range(5)])
    follower.until("a partition that comes later", lambda: positions(follower.folder) == {"starts/0": 65, "starts/1": 60, "starts/2": 30})
    follower.stop()
    hybrid.expect("all of a later partition is received", sums(follower.folder)["received"], 35)
    pattern = ground.bound("starts-pattern", topics=["^start[s].?$"])
    hybrid.heddle("stream", "pipeline.json", "--once", folder=pattern)
    hybrid.expect("a pattern finds topics", positions(pattern), {"starts/0": 65, "starts/1": 60, "starts/2": 30})


def made_anew(ground):
    topic = "anew"
    ground.kafka.topic(topic)
    ground.lines(topic, 0, [access(i) for i in range(10)])
    folder = ground.bound(topic)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=folder)
    ground.kafka.delete_topic(topic)
    gone = subprocess.run([hybrid.HEDDLE, "stream", "pipeline.json", "--once"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    hybrid.expect(f"a topic that is gone: {gone.stderr}", (gone.returncode, "there is no topic anew" in gone.stderr), (74, True))
    ground.kafka.topic(topic)
    ground.lines(topic, 0, [access(i, "new") for i in range(20)])
    refused("made anew", folder, "the topic was deleted and made anew")


def truncated_and_restarted(ground):
    """The broker is killed under a stream that follows; what it then lost is told, and what it kept is read on."""
    topic, short = "restarted", "truncated"
    ground.kafka.topic(topic, len(ground.logs), LARGE)
    ground.kafka.topic(short)
    ground.lines(short, 0, [access(i) for i in range(40)])
    kept = ground.kafka.log_size(short, 0)
    ground.lines(short, 0, [access(i, "lost") for i in range(40)])
    cut = ground.bound(short)
    hybrid.heddle("stream", "pipeline.json", "--once", folder=cut)
    folder = ground.bound(topic)
    kill.hold_silent_logs(folder)
    follower = Follower(folder)
    for partition, lines in enumerate(ground.logs):
        ground.lines(topic, partition, lines[: len(lines) // 2], settings=LARGE_PRODUCER)
    follower.until("half of it", lambda: (sums(follower.folder)["received"] or 0) >= sum(len(lines) // 2 for lines in ground.logs))
    ground.kafka.close_client()
    ground.kafka.kill()
    ground.kafka.truncate(short, 0, kept)
    ground.kafka.up()
    refused("truncated", cut, "truncated/0 ends at offset 40, but was read up to 80")
    ground.lines(short, 0, [access(i, "other") for i in range(60)])
    refused("truncated and written again", cut, "truncated/0 was truncated below offset 80")
    for partition, lines in enumerate(ground.logs):
        ground.lines(topic, partition, lines[len(lines) // 2 :], settings=LARGE_PRODUCER)
    follower.until("the rest", lambda: sums(follower.folder)["received"] >= sum(len(lines) for lines in ground.logs))
    errors = follower.stop()
    hybrid.expect(f"what the stream said: {errors}", (errors.count("no broker answers; it is waited for"), errors.count("brokers answer again")), (1, 1))
    hybrid.heddle("stream", "pipeline.json", "--drain", folder=follower.folder)
    compare("over a broker's restart", follower.folder, ground.files)


CASES = (verbatim, strange_messages, retention, starts, made_anew, kills, truncated_and_restarted)


def main():
    broker.skip_unless_there()
    chosen = [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as base, broker.Broker.start() as kafka:
        ground = Ground(pathlib.Path(base), kafka)
        for case in chosen:
            begin = time.monotonic()
            case(ground)
            print(f"{case.__name__}: {time.monotonic() - begin:.1f} s")
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(chosen)} cases, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
