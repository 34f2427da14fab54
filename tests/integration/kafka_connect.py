#!/usr/bin/env python3
"""What heddle check --connect says of a broker: right by each way of logging in, and of each thing that is wrong one sentence and what to do."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tools/broker"))
import broker  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
SECRETS = {"KU": "reader", "KP": "reader-secret", "WRONG": "not-it"}
failures = []


def ask(folder, **binding):
    """What is said of the source."""
    bindings = json.loads((ROOT / "examples/hybrid/bindings.json").read_text())
    bindings["bindings"]["KAFKA_EDW_EVENTS"] = {"type": "kafka", "topics": ["edw.events"], **binding}
    (folder / "bindings.json").write_text(json.dumps(bindings))
    done = subprocess.run([HEDDLE, "check", "pipeline.json", "--connect"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**os.environ, **SECRETS})
    text = done.stdout + done.stderr
    at = text.find("KAFKA_EDW_EVENTS: kafka")
    said = text[at:].split("\nREALTIME_ANALYTICS_STORE")[0] if at >= 0 else text
    for secret in ("reader-secret", "not-it"):
        if secret in text:
            failures.append(f"a secret is told: {said}")
    return done.returncode, said


def expect(what, answer, code, *words):
    if answer[0] != code or not all(word in answer[1] for word in words):
        failures.append(f"{what}: exit {answer[0]}, not {code} with {words}: {answer[1]}")


def login(mechanism, password="env:KP"):
    return {"mechanism": mechanism, "username": "env:KU", "password": password}


def right(folder, at):
    there = "1 topic, 2 partitions"
    expect("plain", ask(folder, brokers=[at["plain"]]), 0, there)
    expect("TLS", ask(folder, brokers=[at["tls"]], tls={"ca": "file:ca.pem"}), 0, there)
    expect("TLS with our certificate", ask(folder, brokers=[at["mtls"]], tls={"ca": "file:ca.pem", "certificate": "file:client.pem", "key": "file:client.key"}), 0, there)
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        expect(mechanism, ask(folder, brokers=[at["sasl"]], tls={"ca": "file:ca.pem"}, sasl=login(mechanism)), 0, there)
    expect("SCRAM without TLS, on this machine", ask(folder, brokers=[at["clear"]], sasl=login("SCRAM-SHA-512")), 0, there)


def wrong(folder, at, kafka):
    tls, scram = {"ca": "file:ca.pem"}, login("SCRAM-SHA-512")
    expect("wrong host", ask(folder, brokers=["no-such-host.invalid:9092"], encryption="none"), 69, "the name of a broker cannot be resolved", 'correct the host in "brokers"')
    expect("wrong port", ask(folder, brokers=[f"127.0.0.1:{broker.free_port()}"]), 69, "nothing listens at the port of a broker", 'correct the port in "brokers"')
    expect("TLS on a plain port", ask(folder, brokers=[at["plain"]], tls=tls), 78, "the port does not speak TLS", 'take "tls" out')
    expect("no TLS on a TLS port", ask(folder, brokers=[at["tls"]]), 69, "a port that speaks TLS is so to who does not", 'add "tls" to the binding')
    expect("wrong authority", ask(folder, brokers=[at["tls"]], tls={"ca": "file:other-ca.pem"}), 78, "not one that the authorities of the binding vouch for", 'by "ca" of tls')
    expect("no certificate of ours", ask(folder, brokers=[at["mtls"]], tls=tls), 78, "the broker wants a certificate of ours", '"certificate" and "key" of tls')
    expect("wrong password", ask(folder, brokers=[at["sasl"]], tls=tls, sasl=login("SCRAM-SHA-512", "env:WRONG")), 78, "does not take who we say we are", '"password"')
    expect("wrong password, PLAIN", ask(folder, brokers=[at["sasl"]], tls=tls, sasl=login("PLAIN", "env:WRONG")), 78, "does not take who we say we are", '"password"')
    expect("missing topic", ask(folder, brokers=[at["plain"]], topics=["edw.evnts"]), 74, "there is no topic edw.evnts", 'correct "topics"')
    expect("no right to read", ask(folder, brokers=[at["sasl"]], tls=tls, sasl=scram, topics=["secret"]), 78, "no right to read the topic secret", "Read and Describe")
    kafka.allow("reader", "secret", "DESCRIBE")
    expect("a right to describe alone", ask(folder, brokers=[at["sasl"]], tls=tls, sasl=scram, topics=["secret"]), 78, "no right to read the topic secret", "Read and Describe")
    expect("a password that is not there", ask(folder, brokers=[at["sasl"]], tls=tls, sasl=login("PLAIN", "env:NOWHERE")), 77, "NOWHERE")


def without_a_broker(folder):
    """What the plan refuses before anybody is asked."""
    expect("in clear over a network", ask(folder, brokers=["k1.example:9092"]), 78, "cross the network in clear", '"encryption": "none"')
    expect("a password in clear", ask(folder, brokers=["k1.example:9092"], encryption="none", sasl=login("PLAIN")), 78, "the password would cross the network in clear")
    expect("no port", ask(folder, brokers=["k1.example"]), 78, "not the address of a broker", "host:port")
    expect("no topic's name", ask(folder, brokers=["127.0.0.1:1"], topics=["a b"]), 78, "not the name of a topic")
    expect("no pattern", ask(folder, brokers=["127.0.0.1:1"], topics=["^(a"]), 78, "is no pattern")
    expect("no place to start", ask(folder, brokers=["127.0.0.1:1"], start="newest"), 78, "no place to start at", "earliest")
    expect("no password", ask(folder, brokers=["127.0.0.1:1"], sasl={"mechanism": "PLAIN", "username": "env:KU"}), 78, '"username" and "password"')
    expect("a file's option", ask(folder, brokers=["127.0.0.1:1"], path="x"), 78, 'of type "kafka" has no "path"')


def main():
    broker.skip_unless_there()
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(shutil.copytree(ROOT / "examples/hybrid", pathlib.Path(base) / "site"))
        without_a_broker(folder)
        with broker.Broker.start() as kafka:
            for name in ("ca.pem", "other-ca.pem", "client.pem", "client.key"):
                shutil.copy(kafka.folder / name, folder / name)
            (folder / "client.key").chmod(0o600)
            for topic in ("edw.events", "secret"):
                kafka.topic(topic, 2)
            kafka.allow("reader", "edw.events", "READ")
            right(folder, kafka.addresses)
            wrong(folder, kafka.addresses, kafka)
    for failure in failures:
        print(failure)
    print(f"{len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
