#!/usr/bin/env python3
"""The live leg from a real broker of Kafka beside a bare consumer that only counts, and beside the same events in files: one topic of four partitions with a
generated world's log (bench/live.py's), a broker on this machine. In turn, each round: the bare consumer, the whole pipeline from the topic, the whole
pipeline from files; every rule, exactly once into the encrypted store. Nanoseconds of the process's own time an event; the broker's is apart.

    bench/kafka.py [HEDDLE [PATIENTS [ROUNDS]]]        100,000 patients, 3 rounds"""
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
sys.argv = sys.argv[:3]  # live.py takes the program and the patients from here.
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools/broker")]
import broker
import live

TOPIC, PARTITIONS = "edw.events", 4
BARE = pathlib.Path(live.HEDDLE).resolve().parent / "bench/bench_kafka"


def bind(folder, kafka):
    path = folder / "bindings.json"
    source = {"type": "kafka", "brokers": [kafka.addresses["plain"]], "topics": [TOPIC], "format": "json"}
    text = path.read_text()
    line = '"KAFKA_EDW_EVENTS": "events/*.ndjson"'
    assert line in text
    path.write_text(text.replace(line, f'"KAFKA_EDW_EVENTS": {json.dumps(source)}'))


def first_lines(folder, kafka):
    """One event a partition, and a start over it, which fills the rules' state; what lies there then is where each round begins."""
    for number, path in enumerate(sorted((folder / "full").glob("*.ndjson"))):
        with path.open("rb") as full:
            (folder / "one").write_bytes(full.readline())
            (folder / "rest").write_bytes(full.read())
        kafka.produce_lines(TOPIC, number % PARTITIONS, folder / "one")
        (folder / f"rest.{number}").write_bytes((folder / "rest").read_bytes())
    live.stream(folder, "--once")
    for number, path in enumerate(sorted(folder.glob("rest.*"))):
        kafka.produce_lines(TOPIC, number % PARTITIONS, path, {"batch.size": "131072", "linger.ms": "20"})
        path.unlink()


def from_topic(folder, base):
    """One round over a copy of the world as the first start left it."""
    copy = base / "round"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("full", "rest*", "one", "events"))
    told, memory = live.stream(copy, "--drain")
    shutil.rmtree(copy)
    return told, memory


def bare(kafka):
    return json.loads(subprocess.run([str(BARE), kafka.addresses["plain"], TOPIC, str(PARTITIONS)], check=True, capture_output=True).stdout)


def main():
    with broker.Broker.start() as kafka, tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        kafka.topic(TOPIC, partitions=PARTITIONS)
        files = base / "files"
        shutil.copytree(live.ROOT / "examples/hybrid", files)
        live.run("generate", "--seed", "3", "--patients", live.PATIENTS, "--days", "3", "--out", ".", cwd=files)
        live.run("batch", "pipeline.json", cwd=files)
        (files / "events").rename(files / "full")
        (files / "events").mkdir()
        topic = base / "topic"
        shutil.copytree(files, topic)
        bind(topic, kafka)
        first_lines(topic, kafka)
        found = {"bare consumer": [], "heddle from the topic": [], "heddle from files": []}
        for _ in range(ROUNDS):
            counted = bare(kafka)
            found["bare consumer"].append(counted["cpu_us"] * 1000 / counted["messages"])
            told, memory = from_topic(topic, base)
            found["heddle from the topic"].append(told["cpu_us"] * 1000 / told["received"])
            of_files, _ = live.one_round(files)
            found["heddle from files"].append(of_files["cpu_us"] * 1000 / of_files["received"])
        print(f"{counted['messages']} messages of {counted['bytes'] / counted['messages']:.0f} bytes in {PARTITIONS} partitions")
        for name, costs in found.items():
            print(f"{name:22} {statistics.median(costs):6.0f} ns an event ({' '.join(f'{cost:.0f}' for cost in costs)})")
        print(f"from the topic: {1000 / statistics.median(found['heddle from the topic']):.3f} M events a CPU second, {told['received'] / told['duration_us']:.3f} M a second, {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
