#!/usr/bin/env python3
"""A receiver of alerts to begin with: checks the signature, drops repeats, prints what is new.

    receiver.py KEYFILE [PORT]      PORT 0: any free one; it is printed

What a receiver must do is in `take`; docs/guide/delivery.md says why. It listens on this machine alone."""
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time

KEY = open(sys.argv[1], "rb").read().strip()
AGE_MAX_S = 300  # An older signature may be one that somebody recorded.
newest = {}  # alert_id: its newest revision. A real receiver keeps this where it keeps the alerts.
one_by_one = threading.Lock()


def is_signed(header, body):
    """"t=SECONDS,v1=HEX": HMAC-SHA-256 over SECONDS, a full stop and the bytes as they came."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    wanted = hmac.new(KEY, parts.get("t", "").encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, parts.get("v1", "")) and abs(time.time() - int(parts["t"])) < AGE_MAX_S


def take(headers, body):
    """The status to answer with. 2xx says that the alert is ours now, so it is said last."""
    if not is_signed(headers.get("X-Heddle-Signature", ""), body):
        return 401
    alert_id, revision = headers["Idempotency-Key"].rsplit(":", 1)
    with one_by_one:
        if int(revision) <= newest.get(alert_id, 0):
            return 200  # A repeat: heddle did not hear that we took it.
        alert = json.loads(body)
        print(alert["rule"], alert["severity"], alert["status"], f"revision {revision}", flush=True)
        newest[alert_id] = int(revision)
    return 200


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # noqa: N802
        self.send_response(take(self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


# Several connections are open at once, and stay so: who serves one after the other lets the second wait for the first.
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 8181), Handler)
print(f"listening at http://127.0.0.1:{server.server_port}/", flush=True)
server.serve_forever()
