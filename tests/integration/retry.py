#!/usr/bin/env python3
"""heddle letters retry: a record that was refused, and is right since the model was corrected, comes to windows and alerts as if
it had been right from the beginning; one that is still wrong stays a letter. Beside a stream that runs, twice, through kill -9."""
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, ROOT, delivered, expect, failures, heddle, query  # noqa: E402

STORE = "REALTIME_ANALYTICS_STORE"
BEGIN = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)
KILLS = int(os.environ.get("HEDDLE_KILLS", "12"))


def result(number, minute, status="F", value="4.1", patient="P1", **more):
    """A potassium; above 6.5 it is critical. The status Q is none that the model knows, until it is corrected."""
    time = (BEGIN + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"event_id": f"L{number}", "type": "lab_result", "event_time": time, "facility": "STE", "patient_id": patient,
                       "lab_result_id": f"R{number}", "source_order_code": "2823-3", "source_component_code": "2823-3", "result": value,
                       "source_units": "mmol/L", "status": status, **more})


def make(base, name, logs):
    folder = base / name
    shutil.copytree(ROOT / "examples/hybrid", folder)
    (folder / "events").mkdir()
    for log, lines in logs.items():
        (folder / "events" / log).write_text("".join(line + "\n" for line in lines))
    keep_key(base, folder)
    return folder


def keep_key(base, folder):
    """Persons and alerts have the same ids in every folder."""
    if (base / "person.key").exists():
        shutil.copy(base / "person.key", folder / "person.key")


def correct(folder):
    text = (ROOT / "model/entities/lab_result.json").read_text()
    (folder / "model/entities").mkdir()
    (folder / "model/entities/lab_result.json").write_text(text.replace("status in ('F',", "status in ('Q','F',"))


def stream(folder, *more):
    """Its summary counts each revision of an alert that its epochs hold, those too that the store makes of resolved letters."""
    told = json.loads(heddle("stream", "pipeline.json", "--once", "--format", "json", *more, folder=folder))
    held = query(folder, STORE, f"select count(*) as n from alert_revisions where epoch between {told['epoch_first']} and {told['epoch_last']}")
    expect("revisions of alerts in the summary", told["alert_revisions"], held[0]["n"])
    if not (folder.parent / "person.key").exists():
        shutil.copy(folder / "person.key", folder.parent / "person.key")


def letters(folder, *words, code=0):
    done = subprocess.run([HEDDLE, "letters", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect(f"exit of letters {' '.join(words)} ({done.stderr})", done.returncode, code)
    return done.stdout if code == 0 else done.stderr


def retried(folder, *words):
    told = json.loads(letters(folder, "retry", *words, "--format", "json"))
    return told["retried"], told["waiting"], told["settled"], told["streaming"]


def state(folder, position=None):
    where = "" if position is None else f" where position = {position}"
    return [(r["status"], r["attempts"], r["resolved_by"], r["reason_code"]) for r in
            query(folder, STORE, f"select status, attempts, resolved_by, reason_code from dead_letter{where} order by partition_id, position")]


def counts(folder, source):
    row = query(folder, STORE, "select sum(received) as r, sum(loaded) as l, sum(deduplicated) as d, sum(filtered) as f, sum(quarantined) as q, "
                f"sum(late) as late, sum(position_end - position_begin) as moved from epoch where source = '{source}' and entity = ''")[0]
    if row["r"] is not None:
        expect(f"I1 of {source}", row["r"], row["l"] + row["d"] + row["f"] + row["q"])
        if source == "letters":
            expect("the letters' position counts them", row["moved"], row["r"])
    return {key: row[key] for key in ("r", "l", "d", "q", "late")}


def content(folder):
    """Windows and alerts of rules; without epochs, revisions and where an event stood."""
    window = query(folder, STORE, "select window_start, facility, event_type, code, unit, event_count, patient_count, abnormal_count, value_min, value_avg, "
                   "value_max from window_5m order by 1, 2, 3, 4, 5")
    alerts = query(folder, STORE, "select alert_id, rule, status, severity, code, value, unit, person_id, subject_id, mode from alert "
                   "where rule <> 'unevaluated_result' order by 1")
    return json.dumps([window, alerts])


def position_of(lines, index):
    return sum(len(line) + 1 for line in lines[:index])


def audited(folder):
    lines = [json.loads(line) for path in folder.glob("*audit*") if not path.name.endswith(".head") for line in path.read_text().splitlines()]
    return [line["detail"] for line in lines if line["action"] == "letters"]


LOG = [result(1, 0), result(2, 3, value="4.4"), result(3, 4, status="Q", value="7.4", patient="P2"), result(4, 6, value="5.0"), "{broken",
       result(5, 7, patient="P2"), result(9, 8)[:-40]]
BAD, BROKEN = position_of(LOG, 2), position_of(LOG, 4)


def corrected(base):
    """Refused, the model corrected, retried: as if it had been right from the beginning. Then everything that is refused."""
    folder = make(base, "corrected", {"a.ndjson": LOG})
    expect("no store yet", "there is no store" in letters(folder, "retry", "--all", code=74), True)
    stream(folder)
    expect("letters of the log", state(folder), [("open", 0, None, "bad_code"), ("open", 0, None, "malformed_record"), ("open", 0, None, "malformed_record")])
    correct(folder)
    name = f"a.ndjson:{BAD}"
    text = letters(folder, "retry", name)
    expect("what is told", ("letters to be retried: 1" in text, "next heddle stream" in text), (True, True))
    expect("a second time", retried(folder, name), (0, 1, 0, False))
    expect("waits", state(folder, BAD), [("retried", 0, None, "bad_code")])
    stream(folder)
    expect("resolved", state(folder, BAD), [("resolved", 1, "letters/KAFKA_EDW_EVENTS:1", "bad_code")])
    expect("a third time", retried(folder, name), (0, 0, 1, False))
    expect("account of letters", counts(folder, "letters"), {"r": 1, "l": 1, "d": 0, "q": 0, "late": 0})
    expect("account of the log", counts(folder, "KAFKA_EDW_EVENTS"), {"r": 7, "l": 4, "d": 0, "q": 3, "late": 0})

    told = query(folder, STORE, "select status, status_reason, revision from alert_revisions where rule = 'unevaluated_result' order by revision")
    expect("what was told of the refused result", told, [{"status": "open", "status_reason": "bad_code", "revision": 1},
                                                         {"status": "retracted", "status_reason": "letter_resolved", "revision": 2}])
    delivered(folder, "after the retry")

    right = make(base, "right", {"a.ndjson": LOG})
    correct(right)
    stream(right)
    expect("content after the retry", content(folder), content(right))
    evidence = [json.loads(r["evidence"])["events"][0] for r in query(folder, STORE, "select evidence from alert where rule = 'abnormal_lab_trends'")]
    expect("evidence", evidence, [{"source": "letters", "partition_id": "KAFKA_EDW_EVENTS", "position": 1}])
    still_wrong(folder)
    expect("audited", audited(folder)[:3], [f"retry {name}"] * 3)
    refused(folder)


def still_wrong(folder):
    """One that is cut off is as wrong as it was where a line followed."""
    expect("by reason", retried(folder, "--reason", "malformed_record"), (2, 0, 0, False))
    stream(folder)
    expect("open again", state(folder)[1:], [("open", 1, None, "malformed_record")] * 2)
    expect("account of letters", counts(folder, "letters"), {"r": 3, "l": 1, "d": 0, "q": 2, "late": 0})
    reasons = query(folder, STORE, "select outcome, reason_code, row_count from accounting_reason where source = 'letters' and outcome = 'quarantined'")
    expect("its reason", reasons, [{"outcome": "quarantined", "reason_code": "malformed_record", "row_count": 2}])
    expect("all", retried(folder, "--all"), (2, 0, 0, False))
    stream(folder)
    expect("open once more", state(folder, BROKEN), [("open", 2, None, "malformed_record")])
    expect("none of that reason", retried(folder, "--reason", "bad_code"), (0, 0, 0, False))
    expect("counted", [(r["reason_code"], r["open_count"], r["waiting_count"], r["resolved_count"])
                       for r in map(json.loads, letters(folder, "--format", "json").splitlines())],
           [("malformed_record", 2, 0, 0), ("bad_code", 0, 0, 1)])


def refused(folder):
    expect("no such letter", "there is no letter a.ndjson:1\n" in letters(folder, "retry", f"a.ndjson:{BROKEN}", "a.ndjson:1", code=74), True)
    expect("all or none", state(folder, BROKEN)[0][0], "open")
    expect("no name", "PARTITION:POSITION" in letters(folder, "retry", "a.ndjson", code=2), True)
    expect("no reason", 'did you mean "bad_code"' in letters(folder, "retry", "--reason", "bad_cod", code=2), True)
    for words in ((), ("--all", "--reason", "bad_code"), ("a.ndjson:1", "--all")):
        expect(f"{words}", "which letters" in letters(folder, "retry", *words, code=2), True)
    letters(folder, "list", "--all", code=2)


def lateness(base):
    """Late by the smallest watermark of all partitions, not by its own; beyond it to late_event, and rules judge it all the same."""
    ahead = [result(1, 0), result(2, 5 * 60), result(3, 2 * 60, status="Q", value="7.4", patient="P2"),
             result(4, -8 * 60, status="Q", value="7.5", patient="P3"), result(5, 0, value="4.2")]
    behind = [result(6, 0, patient="P9"), result(7, 2 * 60, patient="P9")]
    seen = set()
    for workers, rows in ((1, 2048), (2, 7), (2, 1)):
        folder = make(base, f"late-{workers}-{rows}", {"a.ndjson": ahead, "b.ndjson": behind})
        shape = ("--set", f"runtime.workers={workers}", "--set", f"runtime.chunk_rows={rows}")
        stream(folder, *shape)
        expect("the log's own late event", [(r["source"], r["partition_id"]) for r in query(folder, STORE, "select source, partition_id from late_event")],
               [("KAFKA_EDW_EVENTS", "a.ndjson")])
        late = query(folder, STORE, "select partition_id || ':' || position as letter from late_event")[0]["letter"]
        told = letters(folder, "retry", late, code=2)
        expect("late events are refused", "only dead letters are retried" in told, True)
        correct(folder)
        expect("two letters", retried(folder, "--all"), (2, 0, 0, False))
        smallest = json.loads(query(folder, STORE, "select decisions from epoch_header order by epoch desc limit 1")[0]["decisions"])["min_watermark"]
        stream(folder, *shape)
        expect("account of letters", counts(folder, "letters"), {"r": 2, "l": 2, "d": 0, "q": 0, "late": 1})
        expect("too late", query(folder, STORE, "select partition_id, position, watermark from late_event where source = 'letters'"),
               [{"partition_id": "KAFKA_EDW_EVENTS", "position": 2, "watermark": smallest}])
        window = query(folder, STORE, "select event_count, value_max from window_5m where value_max = '7.400000'")
        expect("not late by the partition that is behind", window, [{"event_count": 2, "value_max": "7.400000"}])
        expect("judged", sorted(r["value"] for r in query(folder, STORE, "select value from alert where rule = 'abnormal_lab_trends'")), ["7.4", "7.5"])
        after = query(folder, STORE, "select partition_id, position, watermark from source_position where source <> 'letters' order by 1")
        late_events = query(folder, STORE, "select source, partition_id, position, event_time, watermark from late_event order by 1, 2, 3")
        seen.add(content(folder) + json.dumps([after, late_events]))
    expect("different contents over shapes", len(seen), 1)


def sent_again(base):
    """The sender was quicker: the corrected event is in the log already, so the letter's is a copy."""
    log = [result(1, 0), result(2, 1, status="Q", value="7.4")]
    folder = make(base, "again", {"a.ndjson": log})
    stream(folder)
    with (folder / "events/a.ndjson").open("a") as more:
        more.write(result(2, 1, value="7.4") + "\n")
    stream(folder)
    correct(folder)
    before = content(folder)
    expect("retried", retried(folder, "--all"), (1, 0, 0, False))
    stream(folder)
    expect("a copy changes nothing", content(folder), before)
    expect("account of letters", counts(folder, "letters"), {"r": 1, "l": 0, "d": 1, "q": 0, "late": 0})
    expect("reason of the copy", query(folder, STORE, "select entity, reason_code from accounting_reason where source = 'letters' and outcome = 'deduplicated'"),
           [{"entity": entity, "reason_code": "same_event"} for entity in ("", "lab_result")])
    expect("resolved", state(folder)[0][0], "resolved")


def still_unevaluated(base):
    """Accepted, but its unit is none that the rule could judge by: what is told of it stays, as one more revision."""
    folder = make(base, "unit", {"a.ndjson": [result(1, 0), result(2, 1, status="Q", value="7.4", source_units="furlongs")]})
    stream(folder)
    correct(folder)
    expect("retried", retried(folder, "--all"), (1, 0, 0, False))
    stream(folder)
    expect("resolved", state(folder)[0][0], "resolved")
    told = query(folder, STORE, "select status, status_reason, revision from alert_revisions where rule = 'unevaluated_result' order by revision")
    expect("still told", told, [{"status": "open", "status_reason": "bad_code", "revision": 1}, {"status": "open", "status_reason": "unknown_unit", "revision": 2}])


def two_refusals(base):
    """Two mappings take one event and both refuse it: two letters of one record, retried as one, each with what became of its row."""
    event = result(2, 1, status="Q", value="7.4", kind="call")
    folder = make(base, "two", {"a.ndjson": [result(1, 0), event]})
    (folder / "model/mappings").mkdir(exist_ok=True)
    (folder / "model/mappings/call.json").write_text(json.dumps(
        {"mapping": "json_call", "format": "json", "entity": "access_event", "help": "h", "when": "kind = 'call'",
         "fields": {name: name for name in ("kind", "event_id", "event_time", "patient_id", "user_id")},
         "columns": {"access_event_id": "event_id", "effective_time": "event_time"}}))
    stream(folder)
    found = "select row_number, entity, reason_code, status, attempts from dead_letter order by row_number"

    def rows(*pairs):
        return [{"row_number": i, "entity": entity, "reason_code": reason, "status": status, "attempts": attempts}
                for i, (entity, reason, status, attempts) in enumerate(pairs)]

    expect("two letters", query(folder, STORE, found), rows(("access_event", "missing_required", "open", 0), ("lab_result", "bad_code", "open", 0)))
    expect("account of the log", counts(folder, "KAFKA_EDW_EVENTS"), {"r": 2, "l": 1, "d": 0, "q": 1, "late": 0})
    expect("accounts of rows", query(folder, STORE, "select entity, sum(received) as r, sum(loaded) as l, sum(quarantined) as q from epoch where entity <> '' "
                                     "group by entity order by entity"),
           [{"entity": "access_event", "r": 1, "l": 0, "q": 1}, {"entity": "lab_result", "r": 2, "l": 1, "q": 1}])
    expect("one retry", retried(folder, f"a.ndjson:{len(result(1, 0)) + 1}"), (1, 0, 0, False))
    stream(folder)
    expect("both refused again", query(folder, STORE, found), rows(("access_event", "missing_required", "open", 1), ("lab_result", "bad_code", "open", 1)))
    correct(folder)
    expect("by the reason of one", retried(folder, "--reason", "bad_code"), (1, 0, 0, False))
    stream(folder)
    expect("one came in", query(folder, STORE, found), rows(("access_event", "missing_required", "open", 2), ("lab_result", "bad_code", "resolved", 2)))
    expect("account of letters", counts(folder, "letters"), {"r": 2, "l": 1, "d": 0, "q": 1, "late": 0})


def beside(base):
    """A stream runs: it owns the store, takes the command, and retries at once."""
    folder = make(base, "beside", {"a.ndjson": LOG})
    stream(folder)
    correct(folder)
    process = subprocess.Popen([HEDDLE, "stream", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (folder / "store.db.socket").exists() and process.poll() is None:
        pass
    told = retried(folder, f"a.ndjson:{BAD}")
    expect("told to the owner", told, (1, 0, 0, True))
    expect("an error comes back", "there is no letter a.ndjson:1" in letters(folder, "retry", "a.ndjson:1", code=74), True)
    second = subprocess.run([HEDDLE, "stream", "pipeline.json", "--once"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect(f"a second owner ({second.stderr})", second.returncode, 75)
    while state(folder, BAD)[0][0] == "retried" and process.poll() is None:
        pass
    expect("resolved by the stream that runs", state(folder, BAD)[0][:3], ("resolved", 1, "letters/KAFKA_EDW_EVENTS:1"))
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate()
    expect(f"end of the stream ({errors.decode()})", process.returncode, 0)
    expect("letters in its summary", any(line.split()[:2] == ["letters", "1"] for line in out.decode().splitlines()), True)
    expect("content", content(folder), content(base / "right"))


def killed(base):
    """kill -9 of the request and of the stream that takes: each letter once, as after a quiet retry."""
    chance = random.Random(3)
    lines = [result(n, n % 50, status="Q" if n % 3 == 0 else "F", value="7.4" if n % 9 == 0 else "4.1", patient=f"P{n % 7}") for n in range(1, 400)]
    shape = ("--set", "runtime.epoch.rows=10", "--set", "runtime.workers=2")
    quiet = make(base, "quiet", {"a.ndjson": lines})
    stream(quiet)
    correct(quiet)
    torn = base / "torn"
    shutil.copytree(quiet, torn)
    # A copied log is another file: its own first start reads it.
    for path in torn.glob("store.db*"):
        path.unlink()
    shutil.rmtree(torn / "model/entities")
    stream(torn, *shape)
    correct(torn)
    expect("all", retried(quiet, "--all"), (133, 0, 0, False))
    stream(quiet)
    count = 0
    for kill in range(KILLS):
        words = ("letters", "retry", "--all") if kill % 4 == 0 else ("stream", "pipeline.json", "--once", *shape)
        process = subprocess.Popen([HEDDLE, *words], cwd=torn, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, errors = process.communicate(timeout=chance.uniform(0.005, 0.05 if kill % 4 == 0 else 0.2))
            expect(f"{words} ({errors.decode()})", process.returncode, 0)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            count += 1
    heddle("letters", "retry", "--all", folder=torn)
    stream(torn, *shape)
    expect("content after kills", content(torn), content(quiet))
    expect("letters after kills", [s[:2] for s in state(torn)], [("resolved", 1)] * 133)
    told = [query(f, STORE, "select status, count(*) as n from alert_revisions where rule = 'unevaluated_result' group by 1 order by 1") for f in (torn, quiet)]
    expect("retracted once each", told[0], [{"status": "open", "n": 133}, {"status": "retracted", "n": 133}])
    expect("retracted alike", told[0], told[1])
    delivered(torn, "after kills")
    expect("accounts after kills", counts(torn, "letters"), counts(quiet, "letters"))
    if count == 0:
        failures.append("nothing was killed: the test has tested nothing")


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        for case in (corrected, lateness, sent_again, still_unevaluated, two_refusals, beside, killed):
            case(base)
    for failure in failures:
        print(failure)
    print(f"letters retried in 7 worlds, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
