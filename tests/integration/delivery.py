#!/usr/bin/env python3
"""Alerts over the network: to webhooks, an Alertmanager and a mail server that answer, refuse, hang, close, lie and echo. No revision of an alert is lost,
none comes before an older one of its alert, each carries its key, and one receiver that hangs slows no other.

    HEDDLE_KILLS=100 HEDDLE_SEED=7 widens it."""
import base64
import collections
import datetime
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, ROOT, expect, failures, heddle, query  # noqa: E402

STORE = "REALTIME_ANALYTICS_STORE"
BEGIN = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.timezone.utc)
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
KILLS = int(os.environ.get("HEDDLE_KILLS", "8"))
PATIENTS = 12
RUNS_MAX = 60
LIMIT_S = 240  # For what must happen at some time; nothing depends on when.
SMALL_EPOCHS = ("--set", "runtime.epoch.rows=5", "--set", "runtime.chunk_rows=1")  # Revisions come one after the other.
RETRY = {"first": "100ms", "max": "200ms", "give_up": "24h"}
SIGN = "a key of the test"
PATIENT = "PATIENT-"  # What must stand in no message.


# ---- The receiver ----

class Receiver(http.server.ThreadingHTTPServer):
    """Records what it is sent, and answers as `behave(request number, its key)` says."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, behave=lambda number, key: "200", tls=None):
        self.behave, self.lock, self.requests, self.over = behave, threading.Lock(), [], threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.server_port}/alerts"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # Clients that are killed, or do not like the certificate.

    def stop(self):
        self.over.set()
        self.shutdown()
        self.server_close()

    def taken(self):
        with self.lock:
            return [request for request in self.requests if request["answer"] == "200"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            answer = self.server.behave(len(self.server.requests), self.headers["Idempotency-Key"])
            self.server.requests.append({"path": self.path, "key": self.headers["Idempotency-Key"], "body": body, "headers": dict(self.headers), "answer": answer})
        getattr(self, "do_" + answer.split(":")[0])(body, *answer.split(":")[1:])

    def say(self, bytes_, and_close=False):
        try:
            self.connection.sendall(bytes_)
        except OSError:
            and_close = True
        self.close_connection |= and_close

    def do_200(self, body):
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def do_status(self, body, status):
        """An echo: nothing of it may come to a log or into the store."""
        self.say(b"HTTP/1.1 %s %s\r\nX-Echo: %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), body[:200], body[:200], len(body), body))

    def do_later(self, body, status, after):
        if after == "date":
            after = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 120))
        self.say(f"HTTP/1.1 {status} Later\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n".encode())

    def do_hang(self, body):
        self.server.over.wait(LIMIT_S)
        self.close_connection = True

    def do_close(self, body):
        self.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", True)

    def do_nothing(self, body):
        self.close_connection = True

    def do_garbage(self, body):
        self.say(b"\x00\xff" * 2000 + b"\r\n\r\n", True)

    def do_redirect(self, body):
        self.say(f"HTTP/1.1 307 There\r\nLocation: {self.server.elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())

    def do_interim(self, body):
        """1xx answers without end, until the client has enough."""
        while not self.server.over.is_set() and not self.close_connection:
            self.say(b"HTTP/1.1 102 Processing\r\nX-Pad: " + b"x" * 500 + b"\r\n\r\n")

    def do_headers(self, body):
        self.say(b"HTTP/1.1 200 OK\r\n")
        while not self.server.over.is_set() and not self.close_connection:
            self.say(b"X-Pad: " + b"x" * 500 + b"\r\n")

    def log_message(self, *arguments):
        pass


# What is not taken, whatever status it begins with.
BAD = ["status:500", "status:503", "status:429", "later:429:1", "later:503:0", "status:400", "status:408", "hang", "close", "nothing", "garbage", "interim", "headers"]


# ---- A mail server ----

class MailServer(socketserver.ThreadingTCPServer):
    """Takes mails as `behave(mail number)` says, over STARTTLS where it has a certificate."""
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, behave=lambda number: "250 taken", tls=None):
        self.behave, self.tls, self.lock, self.mails, self.logins = behave, tls, threading.Lock(), [], []
        super().__init__(("127.0.0.1", 0), MailSession)
        self.url = f"smtp://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def stop(self):
        self.shutdown()
        self.server_close()


class MailSession(socketserver.BaseRequestHandler):
    def say(self, text):
        self.request.sendall(text.encode() + b"\r\n")

    def handle(self):
        file, is_clear, mail = self.request.makefile("rb"), True, {}
        self.say("220 test")
        for line in file:
            word = line.decode().split()[0].upper() if line.strip() else ""
            if word == "EHLO":
                self.say("250-test\r\n250-AUTH PLAIN" + ("\r\n250 STARTTLS" if self.server.tls and is_clear else "\r\n250 8BITMIME"))
            elif word == "STARTTLS":
                self.say("220 go on")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.server.tls)
                self.request, is_clear = context.wrap_socket(self.request, server_side=True), False
                return self.handle_rest(self.request.makefile("rb"))
            elif not self.command(word, line, file, mail, is_clear):
                return None
        return None

    def handle_rest(self, file):
        mail = {}
        for line in file:
            word = line.decode().split()[0].upper() if line.strip() else ""
            if word == "EHLO":
                self.say("250-test\r\n250 AUTH PLAIN")
            elif not self.command(word, line, file, mail, False):
                return

    def command(self, word, line, file, mail, is_clear):
        if word == "AUTH":
            self.say("334 ")
            self.server.logins.append((is_clear, base64.b64decode(file.readline())))
            self.say("235 you are")
        elif word == "MAIL":
            mail.update({"from": line.decode(), "to": []})
            self.say("250 ok")
        elif word == "RCPT":
            mail["to"].append(line.decode().split("<")[1].split(">")[0])
            self.say("250 ok")
        elif word == "DATA":
            self.say("354 go on")
            lines = []
            while (line := file.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b".") else line)
            with self.server.lock:
                answer = self.server.behave(len(self.server.mails))
                self.server.mails.append({**mail, "answer": answer, "message": email.message_from_bytes(b"".join(lines), policy=email.policy.default)})
            if answer == "close":
                return False
            self.say(answer)
        elif word == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("250 ok")
        return True


# ---- The world ----

def lab(number, patient, value, minute, result=None, status="F"):
    at = (BEGIN + datetime.timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps({"event_id": f"L{number}", "type": "lab_result", "event_time": at, "facility": "STE", "patient_id": f"{PATIENT}{patient}",
                       "lab_result_id": f"R{patient if result is None else result}", "source_order_code": "2823-3", "source_component_code": "2823-3",
                       "result": value, "source_units": "mmol/L", "status": status}) + "\n"


def log(patients):
    """A critical potassium of each; of every second one a correction that is critical too, of every third one that is not."""
    lines = [lab(p, p, "7.4", p) for p in range(patients)]
    lines += [lab(1000 + p, p, "7.9", 100 + p, status="C") for p in range(0, patients, 2)]
    lines += [lab(2000 + p, p, "4.1", 200 + p, status="C") for p in range(0, patients, 3)]
    return "".join(lines)


def make(base, name, routes, text):
    folder = base / name
    shutil.copytree(ROOT / "examples/hybrid", folder)
    (folder / "events").mkdir()
    (folder / "events/a.ndjson").write_text(text)
    bind(folder, routes)
    (folder / "sign.key").touch(0o600)
    (folder / "sign.key").write_text(SIGN + "\n")
    return folder


def bind(folder, routes):
    path = folder / "bindings.json"
    bindings = json.loads((ROOT / "examples/hybrid/bindings.json").read_text())
    bindings["bindings"]["ALERTING_SERVICE"] = {"routes": routes}
    path.write_text(json.dumps(bindings))


def webhook(receiver, **more):
    return {"type": "webhook", "url": receiver.url, "retry": RETRY, "timeout": "1s", **more}


def stream(folder, *more, codes=(0,)):
    done = subprocess.run([HEDDLE, "stream", "pipeline.json", "--once", "--format", "json", *SMALL_EPOCHS, *more], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=LIMIT_S)
    expect(f"exit of the stream ({done.stderr[-500:]})", done.returncode in codes, True)
    expect("patients in what is printed", PATIENT in done.stdout + done.stderr, False)
    return (json.loads(done.stdout) if done.returncode == 0 else None), done.stderr


def until_delivered(folder):
    for _ in range(RUNS_MAX):
        told, _ = stream(folder)
        if told["waiting_deliveries"] == 0:
            return
    failures.append(f"{folder.name}: after {RUNS_MAX} runs alerts still wait")


def outbox(folder, where="1"):
    return query(folder, STORE, f"select * from alert_outbox where {where} order by alert_id, revision, sink")


def keys_of(rows):
    return {f"{row['alert_id']}:{row['revision']}" for row in rows}


def check_requests(what, receiver, rows, retries=True):
    """Each revision was taken, none while an older one of its alert was not; repeats are equal."""
    taken = collections.defaultdict(set)
    bodies = {}
    for request in receiver.requests:
        alert_id, revision = request["key"].rsplit(":", 1)
        older = {int(row["revision"]) for row in rows if row["alert_id"] == alert_id and row["revision"] < int(revision)}
        expect(f"{what}: older revisions of {request['key']} that were not taken before", older - taken[alert_id], set())
        told = json.loads(request["body"])
        expect(f"{what}: the body is what its key says", (told["alert_id"], str(told["revision"])), (alert_id, revision))
        expect(f"{what}: a repeat is equal", bodies.setdefault(request["key"], request["body"]), request["body"])
        if request["answer"] in ("200", "close"):  # Of the second the sender cannot know.
            taken[alert_id] |= {int(revision)} if request["answer"] == "200" else set()
    expect(f"{what}: revisions taken", {f"{a}:{r}" for a, revisions in taken.items() for r in revisions}, keys_of(rows))
    expect(f"{what}: status of all", {row["status"] for row in rows}, {"delivered"})
    expect(f"{what}: there was something to deliver", len(rows) >= PATIENTS, True)
    if retries:
        expect(f"{what}: some were tried again", any(row["attempts"] > 1 for row in rows), True)
    expect(f"{what}: patients in last_error", [row["last_error"] for row in rows if row["last_error"] and PATIENT in row["last_error"]], [])


def check_signatures(receiver):
    for request in receiver.requests:
        at, signature = (part.split("=", 1)[1] for part in request["headers"]["X-Heddle-Signature"].split(","))
        expect("signature", signature, hmac.new(SIGN.encode(), at.encode() + b"." + request["body"], hashlib.sha256).hexdigest())
        expect("its time is now", abs(int(at) - time.time()) < 2 * LIMIT_S, True)


# ---- The cases ----

def quiet(base):
    """The body is the line that a file gets, but for the sink's name; the headers are those that were asked for."""
    receiver = Receiver()
    folder = make(base, "quiet", [webhook(receiver, phi="full", sign="file:sign.key", headers={"Authorization": "env:TOKEN", "X-Team": "lab"}),
                                  {"type": "file", "path": "alerts.ndjson", "phi": "full"}], log(PATIENTS))
    os.environ["TOKEN"] = "Bearer of the test"
    told, errors = stream(folder)
    expect("what went wrong", (errors, told["failed_deliveries"], told["waiting_deliveries"]), ("", 0, 0))
    rows = outbox(folder, "sink = 'ALERTING_SERVICE.1'")
    check_requests("quiet", receiver, rows, retries=False)
    check_signatures(receiver)
    expect("some alerts have several revisions", max(row["revision"] for row in rows) > 1, True)
    lines = {f"{line['alert_id']}:{line['revision']}": {**line, "sink": ""} for line in map(json.loads, (folder / "alerts.ndjson").read_text().splitlines())}
    expect("bodies and the file's lines", {r["key"]: {**json.loads(r["body"]), "sink": ""} for r in receiver.requests}, lines)
    expect("a patient in what phi full sends", all(PATIENT.encode() in r["body"] for r in receiver.requests), True)
    for request in receiver.requests:
        found = {name: request["headers"].get(name) for name in ("Authorization", "X-Team", "Content-Type")}
        expect("headers", found, {"Authorization": "Bearer of the test", "X-Team": "lab", "Content-Type": "application/json"})
    before = len(receiver.requests)
    stream(folder)
    expect("requests of a run that has nothing new", len(receiver.requests), before)
    receiver.stop()


def misbehaving(base):
    chance = random.Random(SEED)
    receiver = Receiver(lambda number, key: BAD[number % len(BAD)] if number < len(BAD) else chance.choice(BAD + ["200"] * 8))
    folder = make(base, "misbehaving", [webhook(receiver, phi="none", sign="file:sign.key")], log(PATIENTS))
    until_delivered(folder)
    check_requests("misbehaving", receiver, outbox(folder))
    check_signatures(receiver)
    expect("each way to misbehave was met", {r["answer"] for r in receiver.requests} >= set(BAD), True)
    told = b"".join(r["body"] for r in receiver.requests)
    expect("who it is about, with phi none", [word for word in (b"person_id", b"subject", b"2823-3", PATIENT.encode()) if word in told], [])
    receiver.stop()


def refused(base):
    """What a receiver does not want is kept, named, and taken when it wants it; other alerts are not held up."""
    wanted, unwanted = [False], []

    def behave(number, key):
        unwanted.append(key.rsplit(":")[0])
        return "200" if wanted[0] or not key.startswith(unwanted[0]) else "status:422"

    receiver = Receiver(behave)
    folder = make(base, "refused", [webhook(receiver, phi="minimum", retry={"first": "100ms", "max": "1h", "give_up": "24h"})], log(PATIENTS))
    told, errors = stream(folder)
    waits = [row for row in outbox(folder) if row["status"] == "waiting"]
    expect("what waits is the refused alert", {row["alert_id"] for row in waits}, {unwanted[0]})
    expect("why", [row["last_error"] for row in waits if row["attempts"] > 0], ["HTTP 422"])
    expect("the summary tells", (told["waiting_deliveries"] > 0, "ALERTING_SERVICE (127.0.0.1) has not taken an alert: HTTP 422" in errors), (True, True))
    wanted[0] = True
    until_delivered(folder)
    check_requests("refused", receiver, outbox(folder))
    receiver.stop()

    elsewhere = Receiver()
    receiver = Receiver(lambda number, key: "redirect")
    receiver.elsewhere = elsewhere.url
    folder = make(base, "redirected", [webhook(receiver)], log(3))
    _, errors = stream(folder)
    expect("a redirect is not followed, and said", (len(elsewhere.requests), "HTTP 307, a redirect" in errors), (0, True))
    receiver.stop()
    elsewhere.stop()


def asked_to_wait(base):
    """Retry-After holds the receiver, in both of its forms, and no longer than an hour."""
    for status, after, seconds in (("429", "120", 120), ("503", "date", 120), ("429", "99999999", 3600), ("500", "120", 0.2), ("429", "soon", 0.2)):
        receiver = Receiver(lambda number, key: f"later:{status}:{after}")
        folder = make(base, f"asked_{status}_{after}", [webhook(receiver)], lab(1, 1, "7.4", 1))
        stream(folder)
        due = max(row["next_attempt_at"] for row in outbox(folder, "attempts > 0")) / 1e6 - time.time()
        expect(f"{status} with Retry-After {after}: due in {due} s", seconds - 60 < due <= seconds + 1, True)
        receiver.stop()


def given_up(base):
    receiver = Receiver(lambda number, key: "status:500")
    folder = make(base, "given_up", [webhook(receiver, retry={"first": "100ms", "max": "1s", "give_up": "1s"})], log(PATIENTS))
    told, _ = stream(folder)
    expect("delivered", told["delivered"], 0)
    given = 0
    for _ in range(RUNS_MAX):
        told, _ = stream(folder)
        given += told["given_up"]
        if told["waiting_deliveries"] == 0:
            break
    rows = outbox(folder)
    expect("all are given up, and that is told", ({row["status"] for row in rows}, given), ({"given_up"}, len(rows)))
    expect("for what", {row["last_error"] for row in rows}, {"HTTP 500"})
    receiver.stop()


def wait_for(what, is_so, process):
    begin, never = time.monotonic(), threading.Event()
    while not is_so():
        if time.monotonic() - begin > LIMIT_S or process.poll() is not None:
            failures.append(f"{what}: did not happen; the stream's exit is {process.poll()}")
            return
        never.wait(0.02)


def running(folder):
    return subprocess.Popen([HEDDLE, "stream", "pipeline.json", *SMALL_EPOCHS, "--set", "runtime.epoch.interval=20ms"], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def hanging(base):
    """One receiver hangs and one is not there; epochs go on, and the third gets all while the stream runs."""
    hangs, serves = Receiver(lambda number, key: "hang"), Receiver()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        routes = [webhook(hangs, timeout="5m"), {**webhook(serves), "url": f"http://127.0.0.1:{closed.getsockname()[1]}/"}, webhook(serves)]
        folder = make(base, "hanging", routes, "")
        process = running(folder)
        for patient in range(3 * PATIENTS):
            with open(folder / "events/a.ndjson", "a") as file:
                file.write(lab(patient, patient, "7.4", patient))
            wait_for(f"alert {patient} came to the one that serves", lambda: len(serves.taken()) > patient, process)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)
    expect("exit", process.returncode, 0)
    waiting = collections.Counter(row["sink"] for row in outbox(folder, "status = 'waiting'"))
    expect("what waits", waiting, {"ALERTING_SERVICE.1": 3 * PATIENTS, "ALERTING_SERVICE.2": 3 * PATIENTS})
    expect("who had not answered is named", b"ALERTING_SERVICE.1 (127.0.0.1) had not answered" in errors, True)
    expect("requests to the one that hangs", 0 < len(hangs.requests) <= 17, True)
    hangs.stop()
    serves.stop()


def killed(base):
    """kill -9 while alerts are under way, again and again; then a quiet run."""
    chance = random.Random(SEED)
    receiver = Receiver(lambda number, key: chance.choice(["200", "200", "200", "status:500", "close"]))
    folder = make(base, "killed", [webhook(receiver)], log(5 * PATIENTS))
    for _ in range(KILLS):
        goal = len(receiver.requests) + chance.randrange(1, 12)
        process = running(folder)
        wait_for("a request came", lambda: len(receiver.requests) >= goal or not outbox_waits(folder, process), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    receiver.behave = lambda number, key: "200"
    until_delivered(folder)
    check_requests("killed", receiver, outbox(folder))
    receiver.stop()


def outbox_waits(folder, process):
    """Whether anything is left to send; asked beside the stream."""
    try:
        return query(folder, STORE, "select count(*) as n from alert_outbox where status <> 'delivered'")[0]["n"] > 0 or not outbox(folder)
    except SystemExit:
        return True  # It is just being made.


def alertmanager(base):
    receiver = Receiver(lambda number, key: "200" if number != 1 else "status:503")
    receiver.url = receiver.url[: -len("alerts")]
    folder = make(base, "alertmanager", [{"type": "alertmanager", "url": receiver.url, "phi": "minimum", "retry": RETRY}], log(PATIENTS))
    until_delivered(folder)
    expect("paths", {r["path"] for r in receiver.requests}, {"/api/v2/alerts"})
    now = datetime.datetime.now(datetime.timezone.utc)
    state, labels = {}, collections.defaultdict(set)
    for request in receiver.taken():
        for entry in json.loads(request["body"]):
            firing = datetime.datetime.fromisoformat(entry["endsAt"].replace("Z", "+00:00")) > now + datetime.timedelta(days=1)
            alert_id, severity = entry["labels"]["alert_id"], entry["labels"]["severity"]
            state[alert_id, severity] = firing
            labels[alert_id].add(json.dumps({key: value for key, value in entry["labels"].items() if key != "severity"}, sort_keys=True))
            expect("starts before it ends", entry["startsAt"] < entry["endsAt"], True)
            expect("annotations are texts", {type(value) for value in entry["annotations"].values()}, {str})
    stored = {row["alert_id"]: row for row in query(folder, STORE, "select * from alert where alert_id in (select alert_id from alert_outbox)")}
    expect("firing at the end", {key for key, firing in state.items() if firing},
           {(row["alert_id"], row["severity"]) for row in stored.values() if row["status"] not in ("retracted", "closed")})
    expect("some are resolved", len({alert_id for alert_id, _ in state}) > sum(state.values()) > 0, True)
    expect("labels of an alert never change", max(len(texts) for texts in labels.values()), 1)
    expect("all delivered", {row["status"] for row in outbox(folder)}, {"delivered"})
    expect("who it is about is no label", any("person" in text or PATIENT in text for texts in labels.values() for text in texts), False)
    receiver.stop()


def rate(base):
    """No more in a time than the route says."""
    receiver = Receiver()
    folder = make(base, "rate", [webhook(receiver, rate={"max": 2, "per": "1h"})], log(PATIENTS))
    told, _ = stream(folder)
    expect("requests within an hour", (len(receiver.requests), told["delivered"]), (2, 2))
    expect("the rest waits", told["waiting_deliveries"] > 0, True)
    receiver.stop()


def certificates(base):
    """Made on the spot: an authority, and one certificate for this machine."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=base, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=localhost")
    (base / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "tls.pem")
    return str(base / "tls.pem"), str(base / "tls.key")


def alerts_of(mail):
    """The JSON objects of its text."""
    text, found = mail["message"].get_content(), []
    while "{" in text:
        alert, end = json.JSONDecoder().raw_decode(text[text.index("{"):])
        found.append(alert)
        text = text[text.index("{") + end:]
    return found


def mailed(base):
    """Several alerts in one mail, revisions of one in a thread; refused, cut off and put off mails come again."""
    bad = ["451 later", "close", "554 no"]
    server = MailServer(lambda number: bad[number] if number < len(bad) else "250 taken")
    folder = make(base, "mailed", [{"type": "smtp", "url": server.url, "from": "heddle@clinic.example", "to": ["a@clinic.example", "b@clinic.example"],
                                    "phi": "full", "group": 3, "retry": RETRY, "timeout": "5s"}], log(PATIENTS))
    until_delivered(folder)
    rows, seen, ids = outbox(folder), collections.defaultdict(list), {}
    for mail in server.mails:
        message, alerts = mail["message"], alerts_of(mail)
        keys = [f"{alert['alert_id']}:{alert['revision']}" for alert in alerts]
        expect("envelope", (mail["from"].split("<")[1].split(">")[0], mail["to"]), ("heddle@clinic.example", ["a@clinic.example", "b@clinic.example"]))
        expect("alerts in a mail", 0 < len(alerts) <= 3, True)
        expect("threads", [word.strip("<>").split("@")[0] for word in message["References"].split()], [alert["alert_id"] for alert in alerts])
        expect("a mail's id is that of what it says", ids.setdefault(message["Message-ID"], keys), keys)
        expect("patients in the headers", [str(v) for v in message.values() if PATIENT in str(v)], [])
        expect("patients in the text, with phi full", all(alert["subject_id"].startswith(PATIENT) for alert in alerts), True)
        for alert in alerts if mail["answer"] == "250 taken" else []:
            seen[alert["alert_id"]].append(alert["revision"])
    expect("revisions, in their order, once each", {k: v for k, v in seen.items()},
           {row["alert_id"]: sorted(r["revision"] for r in rows if r["alert_id"] == row["alert_id"]) for row in rows})
    expect("several in one", max(len(keys) for keys in ids.values()) > 1, True)
    expect("status", {row["status"] for row in rows}, {"delivered"})
    server.stop()

    files = certificates(base)
    server = MailServer(tls=files)
    os.environ.update(MAIL_USER="heddle", MAIL_PASSWORD="hunter2")
    route = {"type": "smtp", "url": server.url, "from": "heddle@clinic.example", "to": ["a@clinic.example"], "user": "env:MAIL_USER", "password": "env:MAIL_PASSWORD",
             "tls": {"ca": f"file:{base / 'ca.pem'}"}, "retry": RETRY}
    folder = make(base, "mailed_tls", [route], log(3))
    until_delivered(folder)
    expect("logins, none of them in clear", set(server.logins), {(False, b"\0heddle\0hunter2")})
    check(folder, 0)
    server.tls = None
    before = len(server.mails)
    with open(folder / "events/a.ndjson", "a") as file:
        file.write(lab(5000, 99, "7.4", 300))
    _, errors = stream(folder)
    expect("without STARTTLS nothing is said", (len(server.mails), set(server.logins), "ALERTING_SERVICE" in errors),
           (before, {(False, b"\0heddle\0hunter2")}, True))
    server.stop()


def check(folder, code):
    return heddle("check", "pipeline.json", "--connect", folder=folder, codes=(code,), with_errors=True)


def encrypted(base):
    receiver = Receiver(tls=certificates(base))
    folder = make(base, "encrypted", [webhook(receiver, tls={"ca": f"file:{base / 'ca.pem'}"})], log(PATIENTS))
    expect("check --connect", "ALERTING_SERVICE" in check(folder, 0), True)
    expect("connecting sends nothing", receiver.requests, [])
    until_delivered(folder)
    check_requests("encrypted", receiver, outbox(folder), retries=False)
    before = len(receiver.requests)
    folder = make(base, "untrusted", [webhook(receiver)], log(3))
    told = check(folder, 69)
    expect("check --connect names sink and reason", [word for word in ("ALERTING_SERVICE", "127.0.0.1", "certificate") if word not in told], [])
    _, errors = stream(folder)
    expect("whom nobody vouches for gets nothing", (len(receiver.requests), "certificate" in errors), (before, True))
    receiver.stop()
    told = check(folder, 69)
    expect("nobody listens", "Connection refused" in told, True)


def wrong(base):
    """What check refuses, and what a start does."""
    def told(**route):
        bind(folder, [{"type": "webhook", "url": "https://pager.example/alerts", **route}])
        return heddle("check", "pipeline.json", folder=folder, codes=(0, 78), with_errors=True)

    folder = make(base, "wrong", [], "")
    for words, route in {"clear-text": {"url": "http://pager.example/alerts"},
                         "user or a password": {"url": "http://127.0.0.1:80@pager.example/alerts"},
                         "scheme": {"url": "ftp://pager.example/"},
                         "not a url": {"url": "http://127.0.0.1 .pager.example/"},
                         "this is not a url": {"url": "https://"},
                         "needs the option \"url\"": {"url": None},
                         "is a secret and stands in clear": {"headers": {"Authorization": "Bearer 123"}},
                         "cannot be set as a header": {"headers": {"Content-Length": "1"}},
                         "must be one line": {"headers": {"X-A": "a\r\nX-B: b"}},
                         "go together": {"tls": {"key": "file:tls.key"}},
                         "has no \"path\"": {"path": "alerts.ndjson"},
                         "has no \"sign\"": {"type": "alertmanager", "sign": "env:TOKEN"},
                         "clear-text http": {"url": "http://pager.example/", "phi": "none", "headers": {"X-Team": "lab"}}}.items():
        found = told(**{key: value for key, value in route.items()}) if route.get("url", "") is not None else None
        if found is None:
            bind(folder, [{"type": "webhook"}])
            found = heddle("check", "pipeline.json", folder=folder, codes=(0, 78), with_errors=True)
        expect(f"{route} is refused with \"{words}\" ({found[-300:]})", words in found, True)
        expect(f"the secret of {route} is in the message", "123" in found, False)
    mail = {"type": "smtp", "url": "smtp://mail.example", "from": "a@b.example", "to": ["c@d.example"]}
    for words, route in {"not one of the route's type": {"url": "https://mail.example"}, "needs the options": {"to": None}, "address of a mailbox": {"to": ["c@d.example\r\nDATA"]},
                         "the address": {"from": "A <a@b.example>"}, "go together": {"user": "env:MAIL_USER"}, "has no \"headers\"": {"headers": {}}}.items():
        bind(folder, [{key: value for key, value in {**mail, **route}.items() if value is not None}])
        found = heddle("check", "pipeline.json", folder=folder, codes=(0, 78), with_errors=True)
        expect(f"mail with {route} is refused with \"{words}\" ({found[-300:]})", words in found, True)
    for route in (mail, {"url": "http://pager.example/", "phi": "none"}, {"url": "http://127.0.0.2:9/"}, {"url": "http://[::1]:9/x"}, {}):
        expect(f"{route} is accepted", "webhook" in told(**route) or "error" not in told(**route), True)
    os.environ.pop("NOT_SET", None)
    bind(folder, [{"type": "webhook", "url": "https://127.0.0.1:9/", "headers": {"Authorization": "env:NOT_SET"}}])
    expect("a start without the secret", "NOT_SET is not set" in heddle("stream", "pipeline.json", "--once", folder=folder, codes=(77,), with_errors=True), True)
    expect("check --connect without the secret", "NOT_SET is not set" in check(folder, 77), True)


def example(base):
    """The receiver of the guide takes what is signed with its key, once, and nothing else."""
    (base / "sign.key").write_text(SIGN + "\n")
    receiver = subprocess.Popen([sys.executable, str(ROOT / "examples/receiver/receiver.py"), str(base / "sign.key"), "0"], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, text=True)
    url = receiver.stdout.readline().split()[-1]
    folder = make(base, "example", [{"type": "webhook", "url": url, "sign": "file:sign.key", "retry": RETRY}], log(PATIENTS))
    stream(folder)
    (folder / "sign.key").write_text("another key\n")
    with open(folder / "events/a.ndjson", "a") as file:
        file.write(lab(5000, 99, "7.4", 300))
    _, errors = stream(folder)
    receiver.terminate()
    printed, _ = receiver.communicate(timeout=LIMIT_S)
    expect("lines of the example", len(printed.splitlines()), len(outbox(folder, "status = 'delivered'")))
    expect("one of them", "abnormal_lab_trends critical open revision 1" in printed.splitlines(), True)
    expect("another key is refused", ("HTTP 401" in errors, [row["attempts"] > 0 for row in outbox(folder, "status <> 'delivered'")]), (True, [True]))


def main():
    with tempfile.TemporaryDirectory() as base:
        for case in (quiet, misbehaving, refused, asked_to_wait, given_up, hanging, killed, alertmanager, rate, encrypted, mailed, wrong, example):
            case(pathlib.Path(base))
    for failure in failures:
        print(failure)
    print(f"{len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
