#!/usr/bin/env python3
"""The streaming leg over a store in PostgreSQL: content equals SQLite's of the same world, whatever becomes of processes, connections and server.

    HEDDLE_KILLS=100 HEDDLE_CUTS=100 HEDDLE_SEED=7 widens it."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/cluster"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cluster  # noqa: E402
import hybrid  # noqa: E402
import kill  # noqa: E402

STORE = "REALTIME_ANALYTICS_STORE"
KILLS = int(os.environ.get("HEDDLE_KILLS", "6"))
CUTS = int(os.environ.get("HEDDLE_CUTS", "8"))
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
SMALL_EPOCHS = ("--set", "runtime.epoch.rows=50", "--set", "runtime.epoch.interval=10ms")
STREAM = ("stream", "pipeline.json", *SMALL_EPOCHS)
LIMIT_S = 120


class Proxy:
    """Stands between heddle and the server, and cuts both ends at what it was told: a message of the client that begins with these bytes."""

    def __init__(self, port):
        self.port, self.rule, self.is_deaf, self.heard = port, None, False, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, wanted, count, is_behind):
        """The count-th time that the client sends `wanted`: before the server has it, or when it has it and the answer is on its way."""
        self.rule = [wanted, count, is_behind]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _met(self, data):
        rule = self.rule
        if rule is None or rule[0] not in data:
            return False
        rule[1] -= 1
        return rule[1] == 0

    def _forward(self, client, server):
        try:
            while data := client.recv(1 << 20):
                if self._met(data):
                    rule, self.rule = self.rule, None
                    if rule[2]: # The server's answer comes, and nobody gets it.
                        self.is_deaf = True
                        server.sendall(data)
                        self.heard.wait(LIMIT_S)
                        self.is_deaf = False
                    break
                server.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _back(self, server, client):
        try:
            while data := server.recv(1 << 20):
                if self.is_deaf:
                    self.heard.set()
                    break
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    @staticmethod
    def _end(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def bind(folder, schema):
    """The folder's pipeline writes to a schema of its own."""
    path = folder / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"][STORE] = {"type": "postgres", "conninfo": "env:STORE_DSN", "schema": schema}
    path.write_text(json.dumps(bindings))


def copy(base, world, schema):
    folder = base / schema
    shutil.copytree(world, folder)
    bind(folder, schema)
    return folder


def expect(what, found, wanted):
    if found != wanted:
        hybrid.failures.append(f"{what}: found {found}, wanted {wanted}")


def start(folder, *words, dsn=None):
    environment = {**os.environ, **({"STORE_DSN": dsn} if dsn else {})}
    return subprocess.Popen([hybrid.HEDDLE, *STREAM, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            env=environment)


def end_of(process):
    _, told = process.communicate(timeout=LIMIT_S)
    return process.returncode, told.decode()


def judge(folder, quiet, what):
    """A last run without trouble ends it."""
    hybrid.heddle(*STREAM, "--drain", folder=folder)
    before = len(hybrid.failures)
    kill.compare(hybrid.content(folder), quiet)
    hybrid.delivered(folder, what)
    hybrid.failures[before:] = [f"{what}: {failure}" for failure in hybrid.failures[before:]]


def whole_world(base, world, wanted):
    """Both legs, and what is asked beside them."""
    folder = copy(base, world, "whole")
    hybrid.heddle("run", "pipeline.json", "--drain", folder=folder)
    hybrid.expect("content", hybrid.content(folder), wanted)
    hybrid.delivered(folder, "both legs")
    hybrid.again(folder, "both legs")
    return folder


def same_answers(moved, quiet):
    """What heddle's own commands show is the same, but for what is of the moment."""
    def shown(folder, *words):
        text = hybrid.heddle(*words, folder=folder)
        return [{k: v for k, v in json.loads(line).items() if k not in ("epoch", "received_at", "detected_at", "first_received_at", "last_received_at", "told_at",
                                                                       "revision", "delivered_at", "attempts", "plan_digest")} for line in text.splitlines()]
    alert = shown(quiet, "alerts", "list", "--format", "json")[0]["alert_id"]
    letter = shown(quiet, "letters", "list", "--format", "json")[0]["letter"]
    for words in (("alerts", "list"), ("alerts", "list", "--phi", "full"), ("letters",), ("letters", "list"), ("letters", "show", letter, "--show-bytes")):
        hybrid.expect(" ".join(words), shown(moved, *words, "--format", "json"), shown(quiet, *words, "--format", "json"))
    fields = [[line.split()[:3] for line in hybrid.heddle("alerts", "show", alert[:24], "--phi", "full", folder=folder).splitlines() if "." in line.split(" ")[0]]
              for folder in (moved, quiet)]
    hybrid.expect("alerts show", fields[0], fields[1])


def letters_and_alerts(folder):
    """Persons' acts and retried letters, while no stream runs."""
    alert = json.loads(hybrid.heddle("alerts", "list", "--status", "open", "--format", "json", folder=folder).splitlines()[0])["alert_id"]
    hybrid.heddle("alerts", "ack", alert, "--by", "ann", "--comment", 'said "so"', folder=folder)
    rows = hybrid.query(folder, STORE, f"select status, acknowledged_by, explanation from alert where alert_id = '{alert}'")
    expect("an alert that was acknowledged", [(row["status"], row["acknowledged_by"], json.loads(row["explanation"])["handled"]["comment"]) for row in rows],
           [("acknowledged", "ann", 'said "so"')])
    letter = json.loads(hybrid.heddle("letters", "list", "bad_code", "--format", "json", folder=folder).splitlines()[0])["letter"]
    hybrid.heddle("letters", "retry", letter, folder=folder)
    hybrid.heddle(*STREAM, "--once", folder=folder)
    rows = hybrid.query(folder, STORE, "select status, attempts from dead_letter where attempts > 0")
    expect("a letter that was retried", [(row["status"], row["attempts"]) for row in rows], [("open", 1)])


def refused(folder, server):
    """One sentence each, of what is wrong and what to do; and no password in it."""
    def check(dsn, code, *words, schema=None):
        if schema:
            bind(folder, schema)
        done = subprocess.run([hybrid.HEDDLE, "check", "pipeline.json", "--connect"], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=60, env={**os.environ, "STORE_DSN": dsn})
        told = done.stdout + done.stderr
        expect(f"check with {words}: exit", done.returncode, code)
        for word in words:
            if word not in told:
                hybrid.failures.append(f"check with {words}: {told[-1500:]}")
                return
        if "secret" in told:
            hybrid.failures.append(f"a password was told: {told}")
    tls = server.dsn(host="store.example", more="hostaddr=127.0.0.1")
    check(server.dsn(), 0, "a store")
    check(server.dsn(password="secret-but-wrong"), 77, "password authentication failed", "the login is wrong")
    check(server.dsn(database="nowhere"), 78, 'database "nowhere" does not exist', "make the database")
    check(server.dsn(port=cluster.free_port()), 69, "does not answer", "is it up")
    check("host=127.0.0.1 secret-word", 78, "no conninfo of PostgreSQL")
    check(tls + " sslmode=require", 78, "does not prove which one answers", "sslmode=verify-full")
    check(tls, 78, "root", "sslrootcert")
    check(f"{tls} sslrootcert={server.folder}/other-ca.pem", 78, "certificate verify failed", "the authority that signed")
    check(server.dsn(host="other.example", more=f"hostaddr=127.0.0.1 sslrootcert={server.folder}/ca.pem"), 78, "certificate for", "the name it has")
    check(f"{tls} sslrootcert={server.folder}/ca.pem", 0, "a store")
    server.sql("alter system set ssl = off")
    server.sql("select pg_reload_conf()")
    while server.sql("show ssl").strip() != "off":
        os.sched_yield()
    check(f"{tls} sslrootcert={server.folder}/ca.pem", 78, "does not support SSL", "turn TLS on")
    server.sql("alter system reset ssl")
    server.sql("select pg_reload_conf()")
    check(server.dsn(user="reader"), 78, "has no right", "docs/guide/postgres.md")
    bind(folder, "unmade")
    done = subprocess.run([hybrid.HEDDLE, *STREAM, "--once"], cwd=folder, capture_output=True, text=True, timeout=60, env={**os.environ, "STORE_DSN": server.dsn(user="reader")})
    expect("a schema that the role cannot make", (done.returncode, 'create schema "unmade" authorization "reader"' in done.stderr), (78, True))
    bind(folder, "whole")


def locked(folder, server):
    """A second process is refused while the first one lives, wherever its folder is."""
    other = folder.parent / "elsewhere"
    shutil.copytree(folder, other)
    process = start(folder)
    while not server.store_sql("select 1 from pg_locks where locktype = 'advisory'"):
        os.sched_yield()
    told = hybrid.heddle(*STREAM, "--once", folder=other, codes=(75,), with_errors=True)
    expect("a store that is owned", ("another process owns the store: session" in told, "pg_terminate_backend" in told), (True, True))
    process.send_signal(signal.SIGTERM)
    expect("the owner", end_of(process)[0], 0)
    hybrid.heddle(*STREAM, "--once", folder=other)


def killed(base, world, wanted, chance):
    """-9 at any moment; the log grows from run to run."""
    folder = copy(base, world, "killed")
    logs = {path: path.read_bytes() for path in sorted((folder / "events").glob("*.ndjson"))}
    cuts = {path: kill.slices(len(text), 4 * KILLS, chance) for path, text in logs.items()}
    count, runs, until = 0, 0, 0.4
    while count < KILLS and runs < 4 * KILLS:
        for path, text in logs.items():
            kill.grow(path, text, cuts[path][runs], runs == 0)
        begin = time.monotonic()
        if kill.killed_run("stream", folder, chance.uniform(0.02, until), chance.choice((1, 2))):
            count += 1
        else: # One that had less to do is over sooner.
            until = max(0.04, min(until, time.monotonic() - begin))
        runs += 1
    for path, text in logs.items():
        kill.grow(path, text, len(text), False)
    expect("processes that were killed", count, KILLS)
    judge(folder, wanted, "killed")


def cut_off(base, world, wanted, server, chance):
    """The connection is cut at a message. Around COMMIT the process ends, and the next one finds the epoch there or not; before its writes it
    goes on by itself."""
    folder = copy(base, world, "cutoff")
    unknown = went_on = 0
    for i in range(CUTS):
        proxy = Proxy(server.port)
        at_commit, is_behind = i % 2 == 0, i % 4 == 0
        # The names of statements and the words of transactions stand in the messages as they are.
        proxy.cut(b"commit\0" if at_commit else b"begin\0", chance.randrange(2, 8), is_behind)
        code, told = end_of(start(folder, "--once", "--set", "runtime.workers=1", dsn=server.dsn(port=proxy.address, more="sslmode=disable")))
        was_cut = proxy.rule is None
        proxy.close()
        if not was_cut:
            expect(f"cut {i}, which was not met", code, 0)
        elif at_commit:
            expect(f"cut {i} at COMMIT", (code, "not knowing whether it is there" in told), (69, True))
            unknown += 1
        else:
            expect(f"cut {i} at BEGIN: {told[-300:]}", code, 0)
            went_on += 1
    expect("cuts of both kinds", (unknown > 0, went_on > 0), (True, True))
    for is_behind in (False, True):
        proxy = Proxy(server.port)
        proxy.cut(b"p.revision < w.revision", 1, is_behind)
        code, told = end_of(start(folder, "--once", dsn=server.dsn(port=proxy.address, more="sslmode=disable")))
        expect(f"a cut while it asks what is due: {told[-300:]}", (code, proxy.rule), (0, None))
        proxy.close()
    judge(folder, wanted, "cut off")


class Follower:
    """A stream that goes on until it is stopped, over logs that grow by so many lines a step."""

    def __init__(self, folder, server, step_count):
        self.folder, self.server, self.step_count, self.step = folder, server, step_count, 0
        self.logs = {path: path.read_bytes() for path in sorted((folder / "events").glob("*.ndjson"))}
        self._cut(True)
        self.process = start(folder)

    def _cut(self, is_first):
        self.step += 1
        for path, text in self.logs.items():
            lines = text.splitlines(True)
            kill.grow(path, text, len(b"".join(lines[: len(lines) * self.step // self.step_count])), is_first)

    def grow(self):
        self._cut(False)

    def wait(self, what, sql):
        """Until the statement gives a row."""
        limit = time.monotonic() + LIMIT_S
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                if self.server.store_sql(sql):
                    return
            except subprocess.CalledProcessError: # There is no table yet.
                pass
        self.process.kill()
        raise SystemExit(f"{what}: not within {LIMIT_S} s, or the stream ended: {end_of(self.process)} {self.server.store_sql('select * from restarted.source_position')}")

    def wait_for_all(self, what):
        """Until all that lies there is committed, and all that was found is delivered."""
        there = " and ".join(f"exists (select 1 from restarted.source_position where partition_id = '{path.name}' and position = {path.stat().st_size})" for path in self.logs)
        self.wait(what, f"select 1 where {there} and not exists (select 1 from restarted.alert_outbox where status = 'waiting')")


# How the server goes, and where the stream is then: idle, or its epoch waits at a lock where it asks, or where it writes. (A server that goes otherwise
# than at once may let an epoch that waits through to its COMMIT first.)
RESTARTS = (("fast", None), ("immediate", "access exclusive"), ("kill", None), ("immediate", "exclusive"))


def restarted(base, world, wanted, server):
    """The server goes and comes while a stream follows growing logs: the same process goes on, but where rows were on their way; then the next one does."""
    follower = Follower(copy(base, world, "restarted"), server, len(RESTARTS) + 1)
    follower.wait_for_all("before any restart")
    for how, mode in RESTARTS:
        what = f"the server restarted ({how}, {mode or 'idle'})"
        if mode is not None:
            holder = server.hold(f"begin; lock table restarted.source_position in {mode} mode")
            follower.grow()
            follower.wait(what, "select 1 from pg_locks where relation = 'restarted.source_position'::regclass and not granted")
        if how == "kill":
            server.kill()
        else:
            server.down(how)
        if mode is None:
            follower.grow()
        else:
            holder.communicate(timeout=LIMIT_S)
        server.up()
        if mode == "exclusive":
            code, told = end_of(follower.process)
            expect(f"{what}: {told[-300:]}", (code, "committing epoch" in told), (69, True))
            follower.process = start(follower.folder)
        follower.wait_for_all(f"after {what}")
    follower.process.send_signal(signal.SIGTERM)
    code, _ = end_of(follower.process)
    expect("a stream whose server was restarted", code, 0)
    judge(follower.folder, wanted, "restarted")


def main():
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as base, cluster.Cluster.start() as server:
        base = pathlib.Path(base)
        os.environ["STORE_DSN"] = server.dsn()
        world = hybrid.make("11", "120", "1", base)
        quiet = base / "quiet"
        shutil.copytree(world, quiet)
        hybrid.heddle("run", "pipeline.json", "--drain", folder=quiet)
        shutil.copy(quiet / "person.key", world / "person.key")
        whole = whole_world(base, world, hybrid.content(quiet))
        same_answers(whole, quiet)
        letters_and_alerts(whole)
        refused(whole, server)
        locked(whole, server)
        # The stream alone, beside a warehouse that has its history.
        hybrid.heddle("batch", "pipeline.json", folder=world)
        alone = base / "alone"
        shutil.copytree(world, alone)
        hybrid.heddle(*STREAM, "--drain", folder=alone)
        for folder in (world, alone):
            for path in folder.glob("store.db.master.*"):
                if folder == world:
                    for schema in ("killed", "cutoff", "restarted"):
                        shutil.copy(path, world / path.name.replace("store.db", schema))
        wanted = hybrid.content(alone)
        killed(base, world, wanted, chance)
        cut_off(base, world, wanted, server, chance)
        restarted(base, world, wanted, server)
    for failure in hybrid.failures:
        print(failure)
    print(f"{KILLS} kills, {CUTS} cuts, {len(RESTARTS)} restarts, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    cluster.skip_unless_there()
    sys.exit(main())
