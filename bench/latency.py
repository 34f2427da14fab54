#!/usr/bin/env python3
"""From an event's moment to its alert at a webhook: laboratory results are written to four logs at a steady rate, one in a thousand with the
laboratory's own HH; a receiver on loopback notes when each alert comes, committed and posted. The rates are shares of what the stream takes when
the same log lies there whole. Latency counts from the moment at which the event was due by the rate, not from when it was written, so what a
stalled writer or a stream that falls behind holds back counts too (coordinated omission).

    bench/latency.py [HEDDLE [SECONDS [SHARE ...]]]        shares in percent: 10 50 90"""
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEDDLE = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else str(ROOT / "build/heddle")
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
SHARES = [int(share) for share in sys.argv[3:]] or [10, 50, 90]
PATIENTS, PARTITIONS, ONE_IN, WARM_UP, SLICE_S = 100_000, 4, 1000, 3.0, 0.002
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
EVENT = ('{"event_id":"L%08d","type":"lab_result","event_time":"%sZ","effective_time":"%sZ","facility":"STW","patient_id":"P%06d","encounter_id":"V%08d",'
         '"lab_result_id":"R%08d","accession_number":"A%08d","source_order_code":"51990-0","source_component_code":"2823-3","result":"%s","source_units":"mmol/L",'
         '"source_abnormal_flag":"%s","status":"F","ordering_practitioner_id":"U0001"}\n')


def event(number):
    """The same rate in event time as in a hospital of 100,000 patients: 2,000 events in five minutes; who has an alert has no other."""
    moment = 1_772_000_000_000 + number * 150
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000)) + f".{moment % 1000:03d}"
    is_alert = number % ONE_IN == ONE_IN - 1
    patient = PATIENTS + number // ONE_IN if is_alert else number * 7919 % PATIENTS
    return (EVENT % (number, when, when, patient, number, number, number, "7.4" if is_alert else "4.%d" % (number % 10), "HH" if is_alert else "N")).encode()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    arrivals = {}

    def do_POST(self):
        now = time.monotonic()
        alert = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Receiver.arrivals.setdefault(alert["subject_id"], now)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def make_world(folder, port):
    shutil.copytree(ROOT / "examples/hybrid", folder)
    subprocess.run([HEDDLE, "generate", "--seed", "3", "--patients", "2000", "--days", "1", "--out", "."], cwd=folder, check=True, **QUIET)
    shutil.rmtree(folder / "events")
    (folder / "events").mkdir()
    subprocess.run([HEDDLE, "batch", "pipeline.json"], cwd=folder, check=True, **QUIET)
    text = (folder / "bindings.json").read_text()
    route = f'"ALERTING_SERVICE": {{ "type": "webhook", "url": "http://127.0.0.1:{port}/", "phi": "full" }} }} }}'
    (folder / "bindings.json").write_text(text[:text.index('"ALERTING_SERVICE"')] + route)


def start_anew(folder):
    for path in [*folder.glob("store.db*"), *folder.glob("state-*")]:
        if ".master." not in path.name:
            path.unlink(missing_ok=True)
    for part in range(PARTITIONS):
        (folder / "events" / f"part-{part}.ndjson").write_bytes(b"")


def find_rate(folder, count):
    """Events a second of wall time, with the log there from the beginning."""
    start_anew(folder)
    for part in range(PARTITIONS):
        (folder / "events" / f"part-{part}.ndjson").write_bytes(b"".join(event(number) for number in range(part, count, PARTITIONS)))
    told = subprocess.run([HEDDLE, "stream", "pipeline.json", "--once", "--format", "json"], cwd=folder, check=True, capture_output=True)
    return count / json.loads(told.stdout.splitlines()[-1])["duration_us"] * 1e6


def slices_of(rate, count):
    """What is written each SLICE_S, by log, made beforehand so that writing takes little of the processors."""
    slices, first = [], 0
    while first < count:
        end = min(count, int((len(slices) + 1) * SLICE_S * rate))
        slices.append([b"".join(event(number) for number in range(first + (part - first) % PARTITIONS, end, PARTITIONS)) for part in range(PARTITIONS)])
        first = end
    return slices


def write_at(folder, slices):
    """Returns when event 0 was due. An event is due in its slice, which is written when all of it is."""
    logs = [open(folder / "events" / f"part-{part}.ndjson", "ab", buffering=0) for part in range(PARTITIONS)]
    begin = time.monotonic()
    for number, texts in enumerate(slices, 1):
        wait = begin + number * SLICE_S - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        for log, text in zip(logs, texts):
            if text:
                log.write(text)
    for log in logs:
        log.close()
    return begin


def measure(folder, rate):
    start_anew(folder)
    Receiver.arrivals.clear()
    count = int(rate * (WARM_UP + SECONDS))
    slices = slices_of(rate, count)
    process = subprocess.Popen([HEDDLE, "stream", "pipeline.json"], cwd=folder, **QUIET)
    time.sleep(1.0)
    begin = write_at(folder, slices)
    time.sleep(5.0)
    process.send_signal(signal.SIGTERM)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    wanted = range(int(rate * WARM_UP) // ONE_IN * ONE_IN + ONE_IN - 1, count, ONE_IN)
    taken = {f"P{PATIENTS + number // ONE_IN:06d}": begin + number / rate for number in wanted}
    latencies = sorted(Receiver.arrivals[subject] - due for subject, due in taken.items() if subject in Receiver.arrivals)
    return latencies, len(taken) - len(latencies), usage.ru_maxrss / 1024


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        make_world(folder, server.server_port)
        rate = find_rate(folder, 1_000_000)
        print(f"at most {rate / 1000:.0f} thousand events a second, two processors shared with writer and receiver")
        for share in SHARES:
            latencies, missing, memory = measure(folder, rate * share / 100)
            at = lambda part: latencies[min(len(latencies) - 1, int(part * len(latencies)))] * 1000 if latencies else float("nan")
            print(f"{share:3d} %, {rate * share / 100000:.0f} thousand events a second: {len(latencies)} alerts, p50 {at(0.5):.1f} ms, p90 {at(0.9):.1f}, p99 {at(0.99):.1f}, "
                  f"most {at(1.0):.1f}; {missing} not come; {memory:.0f} MB")
    server.shutdown()


if __name__ == "__main__":
    main()
