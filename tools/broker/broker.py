"""A broker of Apache Kafka for development and tests: one node, in a folder, on loopback and free ports.

    with broker.Broker.start() as kafka:
        kafka.topic("edw.events", partitions=4)
        kafka.produce("edw.events", [{"partition": 0, "key": "k", "value": "{}", "headers": [["a", "b"]], "timestamp": 1772400000000}])
        … "brokers": [kafka.addresses["plain"]] …

Its listeners, in `addresses`:

    plain    no encryption, nobody is asked who he is
    tls      TLS, no certificate of the client is wanted
    mtls     TLS, the client shows a certificate of the same authority
    sasl     TLS, a user and his password: SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN
    clear    a user and his password without TLS, likewise

The folder has `ca.pem`, `client.pem`, `client.key`, `other-ca.pem` (an authority that signed nothing here). Users: `reader` with the password
`reader-secret`, who has only the rights that `allow` gives him, and `admin` (`admin-secret`) with all. Who comes by plain, tls and mtls may do all.

What asks of the broker goes through Kafka's own clients (Client.java), which share no code with heddle."""
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
JARS = sorted((ROOT / ".deps").glob("kafka-*/libs"))
HERE = pathlib.Path(__file__).resolve().parent
START_LIMIT_S = 60
ANSWER_LIMIT_S = 90
LISTENERS = {"plain": "PLAINTEXT", "tls": "SSL", "mtls": "SSL", "sasl": "SASL_SSL", "clear": "SASL_PLAINTEXT", "control": "PLAINTEXT"}
USERS = {"reader": "reader-secret", "admin": "admin-secret"}
LOGIN = "org.apache.kafka.common.security"
# What a client compiles to once saves a second of two; a broker of tests lives for seconds, so the first compiler is enough.
JAVA = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]


def missing():
    """What keeps a broker from being started; empty: nothing."""
    if shutil.which("javac") is None:
        return "no Java compiler (javac)"
    if not JARS:
        return "no broker in .deps (tools/setup fetches it where Maven is)"
    return ""


def skip_unless_there():
    """Ends a test that needs a broker: skipped (CTest's 77), or failed under CI=true."""
    why = missing()
    if why:
        print(f"skipped: {why}")
        raise SystemExit(1 if os.environ.get("CI") == "true" else 77)


def free_port():
    """Below those that outgoing connections get, so that none takes it before the broker does, or while it is down."""
    while True:
        port = random.randrange(15000, 30000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def end_with_parent():
    """In the child: a test that is killed leaves no broker behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def make_certificates(folder):
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    for name in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")
    for name, names in (("server", "DNS:localhost,IP:127.0.0.1"), ("client", "DNS:client")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
                "-out", f"{name}.pem")
    (folder / "server-chain.pem").write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())


def properties(folder, ports, settings):
    users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    lines = {
        "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@127.0.0.1:{ports['control']}",
        "listeners": ",".join(f"{name.upper()}://127.0.0.1:{port}" for name, port in ports.items()),
        "advertised.listeners": ",".join(f"{name.upper()}://127.0.0.1:{port}" for name, port in ports.items() if name != "control"),
        "listener.security.protocol.map": ",".join(f"{name.upper()}:{protocol}" for name, protocol in LISTENERS.items()),
        "controller.listener.names": "CONTROL", "inter.broker.listener.name": "PLAIN", "log.dirs": folder / "data",
        "offsets.topic.replication.factor": 1, "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1, "share.coordinator.state.topic.min.isr": 1,
        # One that was killed is let in again once its session is over.
        "broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500,
        "offsets.topic.num.partitions": 1, "transaction.state.log.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0, "log.retention.hours": -1, "auto.create.topics.enable": "false",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS;User:admin;User:CN=client",
        "ssl.keystore.type": "PEM", "ssl.keystore.location": folder / "server-chain.pem", "ssl.truststore.type": "PEM",
        "ssl.truststore.location": folder / "ca.pem", "listener.name.mtls.ssl.client.auth": "required",
    }
    for name in ("sasl", "clear"):
        lines[f"listener.name.{name}.sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN"
        lines[f"listener.name.{name}.plain.sasl.jaas.config"] = f"{LOGIN}.plain.PlainLoginModule required {users};"
        for mechanism in ("scram-sha-256", "scram-sha-512"):
            lines[f"listener.name.{name}.{mechanism}.sasl.jaas.config"] = f"{LOGIN}.scram.ScramLoginModule required;"
    lines.update(settings)
    return "".join(f"{name}={value}\n" for name, value in lines.items())


class Broker:
    """start() makes one; attach(FOLDER) finds one that runs. As a context it is ended, and its folder removed, where it was started."""

    def __init__(self, folder, ports, stays=False):
        self.folder, self.ports, self.stays = pathlib.Path(folder), ports, stays
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items() if name != "control"}
        self.pid, self.process, self.client = None, None, None

    # ---- The broker's life ----

    @classmethod
    def start(cls, folder=None, settings=None, stays=False):
        """`settings`: of server.properties, besides those above. stays: also when the process that started it has ended."""
        folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="heddle-kafka."))
        folder.mkdir(parents=True, exist_ok=True)
        make_certificates(folder)
        broker = cls(folder, {name: free_port() for name in LISTENERS}, stays)
        (folder / "server.properties").write_text(properties(folder, broker.ports, settings or {}))
        users = [f"--add-scram=SCRAM-SHA-{bits}=[name={name},password={password}]" for name, password in USERS.items() for bits in (256, 512)]
        subprocess.run([*JAVA, "-cp", f"{JARS[-1]}/*", "kafka.tools.StorageTool", "format", "-t", "aGVkZGxlaGVkZGxlaGVkZA", "-c",
                        str(folder / "server.properties"), *users], check=True, stdout=subprocess.DEVNULL)
        broker.up()
        return broker

    @classmethod
    def attach(cls, folder):
        state = json.loads((pathlib.Path(folder) / "broker.json").read_text())
        broker = cls(folder, state["ports"])
        broker.pid = state["pid"]
        return broker

    def up(self):
        """Starts it, again after down() or kill(), with the same ports and data, and waits until it answers."""
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen([*JAVA, "-Xmx512m", "-cp", f"{JARS[-1]}/*", "kafka.Kafka", str(self.folder / "server.properties")],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                                            preexec_fn=None if self.stays else end_with_parent)
        self.pid = self.process.pid
        (self.folder / "broker.json").write_text(json.dumps({"pid": self.pid, "ports": self.ports, "addresses": self.addresses}))
        limit = time.monotonic() + START_LIMIT_S
        while not all(self.listens(port) for port in self.ports.values()):
            if self.process.poll() is not None or time.monotonic() > limit:
                self.kill()
                raise RuntimeError("the broker does not start:\n" + (self.folder / "broker.log").read_text()[-4000:])
            time.sleep(0.05)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def signal(self, number):
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def wait(self):
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            if self.process is not None and self.process.poll() is not None:
                return
            if self.process is None and not pathlib.Path(f"/proc/{self.pid}").exists():
                return
            time.sleep(0.02)
        self.signal(signal.SIGKILL)

    def down(self):
        """Ends it in order; up() starts it again."""
        self.signal(signal.SIGTERM)
        self.wait()

    def kill(self):
        """Ends it at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def truncate(self, topic, partition, size):
        """Cuts a partition's newest segment to `size` bytes, as a broker loses what it had not replicated. While it is down."""
        segment = sorted((self.folder / "data" / f"{topic}-{partition}").glob("*.log"))[-1]
        os.truncate(segment, size)

    def log_size(self, topic, partition):
        return sorted((self.folder / "data" / f"{topic}-{partition}").glob("*.log"))[-1].stat().st_size

    def end(self):
        self.close_client()
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    # ---- What it is asked, by Kafka's own clients ----

    def close_client(self):
        if self.client is not None:
            self.client.stdin.close()
            self.client.wait(timeout=ANSWER_LIMIT_S)
            self.client.stdout.close()
            self.client = None

    def ask(self, **request):
        if self.client is None or self.client.poll() is not None:
            self.client = subprocess.Popen([*JAVA, "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{JARS[-1]}/*", str(HERE / "Client.java"),
                                            self.addresses["plain"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.client.stdin.write(json.dumps(request) + "\n")
        self.client.stdin.flush()
        line = self.client.stdout.readline()
        if not line:
            raise RuntimeError("Kafka's client ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{request['op']}: {answer['error']}")
        return answer

    def topic(self, topic, partitions=1, config=None):
        self.ask(op="topic", topic=topic, partitions=partitions, config=config or {})

    def delete_topic(self, topic):
        self.ask(op="delete_topic", topic=topic)

    def add_partitions(self, topic, count):
        """To `count` in all."""
        self.ask(op="partitions", topic=topic, count=count)

    def delete_records(self, topic, partition, before):
        """As retention does: what lies before that offset is gone."""
        self.ask(op="delete_records", topic=topic, partition=partition, before=before)

    def offsets(self, topic):
        """[first, behind the last] by partition."""
        return {int(name): pair for name, pair in self.ask(op="offsets", topic=topic)["partitions"].items()}

    def group(self, group):
        """What a group has committed, by "topic-partition"."""
        return self.ask(op="group", group=group)

    def allow(self, user, name, operation, is_group=False):
        """A right of a user on a topic or a group: READ, WRITE, DESCRIBE …"""
        self.ask(op="acl", user=user, topic=name, operation=operation, group=is_group)

    def produce(self, topic, records, settings=None, transaction=None, how="commit"):
        """Offsets of the records. Each has partition, and may have key, value (both also as …_base64; without a value it is a tombstone), headers and
        timestamp (milliseconds). `settings`: the producer's (compression.type …). `transaction`: its id; `how` it ends: commit, abort, or open."""
        return self.ask(op="produce", topic=topic, records=records, settings=settings or {}, transaction=transaction, how=how)["offsets"]

    def finish(self, transaction, how):
        """Ends a transaction that was left open."""
        self.ask(op="finish", transaction=transaction, how=how)

    def produce_lines(self, topic, partition, path, settings=None, transaction=None, how="commit"):
        """Each line of a file is a message. How many."""
        return self.ask(op="lines", topic=topic, partition=partition, path=str(path), settings=settings or {}, transaction=transaction, how=how)["count"]

    def consume(self, topic, isolation="read_committed"):
        """All records that are there now: partition, offset, timestamp, key, value, headers."""
        return self.ask(op="consume", topic=topic, isolation=isolation)["records"]
