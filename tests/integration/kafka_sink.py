#!/usr/bin/env python3
"""Alerts to a topic of Kafka, by a real broker: each revision stands there, none before an older one of its alert, with its key and headers; a producer that is
killed loses none, and what it repeats says by its headers that it is the same. A broker that is away, a topic that is missing and a right that is not there
keep alerts waiting, and say so.

    HEDDLE_KILLS=100 HEDDLE_SEED=7 widens it."""
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tools/broker")]
import broker  # noqa: E402
from delivery import PATIENT, PATIENTS, RETRY, RUNS_MAX, SMALL_EPOCHS, bind, keys_of, log, make, outbox, stream, until_delivered  # noqa: E402
from hybrid import HEDDLE, expect, failures, heddle  # noqa: E402

SEED = int(os.environ.get("HEDDLE_SEED", "1"))
KILLS = int(os.environ.get("HEDDLE_KILLS", "6"))


def route(kafka, topic, listener="plain", **more):
    return {"type": "kafka", "brokers": [kafka.addresses[listener]], "topic": topic, "retry": RETRY, "timeout": "2s", **more}


def headers_of(record):
    return dict(record["headers"])


def check_records(what, kafka, topic, rows, repeats=False):
    """What the topic has is what the outbox says was delivered."""
    taken, count = collections.defaultdict(list), collections.Counter()
    records = kafka.consume(topic)
    for record in records:
        headers, body = headers_of(record), json.loads(record["value"])
        alert_id, revision = headers["alert_id"], int(headers["revision"])
        expect(f"{what}: the body is what the headers say", (body["alert_id"], body["revision"]), (alert_id, revision))
        expect(f"{what}: the key for repeats", headers["Idempotency-Key"], f"{alert_id}:{revision}")
        expect(f"{what}: the pipeline", headers["pipeline"], "edw")
        count[alert_id, revision] += 1
        if count[alert_id, revision] == 1:
            taken[alert_id].append(revision)
    expect(f"{what}: revisions in the topic", {f"{a}:{r}" for a, revisions in taken.items() for r in revisions}, keys_of(rows))
    expect(f"{what}: alerts whose revisions are out of order", [a for a, revisions in taken.items() if revisions != sorted(revisions)], [])
    expect(f"{what}: there was something to deliver", len(rows) >= PATIENTS, True)
    if not repeats:
        expect(f"{what}: revisions that stand twice", [key for key, n in count.items() if n > 1], [])
    return records


def whole(base, kafka):
    """Twice the same alerts, as the alert's JSON and as CloudEvents, one topic with several partitions."""
    kafka.topic("alerts", partitions=3)
    kafka.topic("events")
    folder = make(base, "whole", [route(kafka, "alerts", phi="full"), route(kafka, "events", phi="none", format="cloudevents")], log(PATIENTS))
    until_delivered(folder)
    rows = outbox(folder)
    records = check_records("whole", kafka, "alerts", [row for row in rows if row["sink"] == "ALERTING_SERVICE.1"])
    for record in records:
        body = json.loads(record["value"])
        expect("the key is the subject", record["key"], f"{body['subject_system']}|{body['subject_id']}")
        expect("what the body is", headers_of(record)["Content-Type"], "application/json")
    by_key = collections.defaultdict(set)
    for record in records:
        by_key[record["key"]].add(record["partition"])
    expect("subjects whose alerts are in several partitions", [key for key, partitions in by_key.items() if len(partitions) > 1], [])
    check_cloud_events(kafka, [row for row in rows if row["sink"] == "ALERTING_SERVICE.2"])


def check_cloud_events(kafka, rows):
    records = kafka.consume("events")
    for record in records:
        event = json.loads(record["value"])
        headers = headers_of(record)
        expect("members of a CloudEvent", {name: event[name] for name in ("specversion", "id", "source", "datacontenttype")},
               {"specversion": "1.0", "id": headers["Idempotency-Key"], "source": "/heddle/edw", "datacontenttype": "application/json"})
        expect("its type", event["type"], f"heddle.alert.{event['data']['status']}")
        expect("what the body is", headers["Content-Type"], "application/cloudevents+json; charset=UTF-8")
        expect("patients where phi is none", PATIENT in json.dumps(record), False)
        expect("the key where nobody may be told who it is about", record["key"], event["data"]["alert_id"])
    expect("CloudEvents", {headers_of(record)["Idempotency-Key"] for record in records}, keys_of(rows))


def killed(base, kafka):
    chance = random.Random(SEED)
    kafka.topic("killed")
    folder = make(base, "killed", [route(kafka, "killed", phi="full")], log(PATIENTS))
    kills = 0
    for _ in range(20 * KILLS):
        process = subprocess.Popen([HEDDLE, "stream", "pipeline.json", "--once", *SMALL_EPOCHS], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=chance.uniform(0, 0.3))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        if kills == KILLS:
            break
    until_delivered(folder)
    check_records("killed", kafka, "killed", outbox(folder), repeats=True)


def away(base, kafka):
    """Nothing is lost while nobody answers; the stream goes on, and says who does not take its alerts."""
    kafka.topic("away")
    folder = make(base, "away", [route(kafka, "away", phi="full")], log(PATIENTS))
    kafka.down()
    looked_at(folder, (69,), "nothing listens at the port of a broker")
    told, errors = stream(folder)
    expect("alerts that wait while the broker is away", told["waiting_deliveries"] >= PATIENTS, True)
    expect("who is said to be away", kafka.addresses["plain"] in errors or "away" in errors, True)
    kafka.up()
    until_delivered(folder)
    check_records("away", kafka, "away", outbox(folder), repeats=True)


def looked_at(folder, codes, wanted):
    """Several times: a broker's rights hold some time after they were given."""
    for _ in range(RUNS_MAX):
        text = heddle("check", "--connect", "pipeline.json", folder=folder, codes=codes, with_errors=True)
        if wanted in text:
            return
    expect(f"what check --connect says ({text[-600:]})", wanted in text, True)


def refused(base, kafka):
    """What only a person can mend is named, and tried again once he has."""
    os.environ["KAFKA_USER"], os.environ["KAFKA_PASSWORD"] = "reader", broker.USERS["reader"]
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "env:KAFKA_USER", "password": "env:KAFKA_PASSWORD"}
    secure = {"tls": {"ca": f"file:{kafka.folder / 'ca.pem'}"}, "sasl": sasl, "phi": "full"}
    folder = make(base, "refused", [route(kafka, "later", listener="sasl", **secure)], log(PATIENTS))
    looked_at(folder, (78,), "no right to write to the topic later")
    _, errors = stream(folder)
    expect(f"a topic that is missing ({errors[-300:]})", "topic later: " in errors, True)
    kafka.topic("later")
    _, errors = stream(folder)
    expect(f"a right that is not there ({errors[-300:]})", "topic later: " in errors, True)
    for operation in ("WRITE", "DESCRIBE"):
        kafka.allow("reader", "later", operation)
    looked_at(folder, (0, 78), "answers")
    until_delivered(folder)
    check_records("refused", kafka, "later", outbox(folder), repeats=True)


def configuration(base, kafka):
    """Borrowed brokers, and what is refused before anything starts."""
    folder = make(base, "configuration", [], "")
    for what, options, told in (("no topic", {"brokers": ["localhost:1"]}, 'needs the option "topic"'),
                                ("no brokers", {"topic": "alerts"}, 'needs the option "brokers"'),
                                ("in clear", {"brokers": ["k1.hospital.example:9092"], "topic": "alerts"}, "in clear"),
                                ("another's option", {"brokers": ["localhost:1"], "topic": "alerts", "url": "https://example.org"}, 'has no "url"')):
        bind(folder, [{"type": "kafka", **options}])
        text = heddle("check", "pipeline.json", folder=folder, codes=(78,), with_errors=True)
        expect(f"{what} ({text[-400:]})", told in text, True)


def main():
    broker.skip_unless_there()
    with broker.Broker.start() as kafka, tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base).resolve()
        for case in (configuration, whole, killed, away, refused):
            case(base, kafka)
            print(f"{case.__name__}: {len(failures)} failures")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
