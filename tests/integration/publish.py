#!/usr/bin/env python3
"""The copy that a published run leaves for others (`publish` of the binding): a stock DuckDB, the library alone without anything of heddle, opens it with its key
while `heddle run` has the warehouse open; and what becomes of a run whose copy cannot be left."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEDDLE = os.environ["HEDDLE"]
W = "ENTERPRISE_DATA_WAREHOUSE"
sys.path.insert(0, str(ROOT / "bench/peers"))
import duckdb_shell  # noqa: E402

DUCKDB = duckdb_shell.library()


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found}, expected {wanted}")


def heddle(folder, *words, code=0, said=""):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode != code or said not in done.stderr:
        raise SystemExit(f"{words}: exit {done.returncode} instead of {code}, or not {said!r}\n{done.stdout}{done.stderr}")
    return done.stdout


def ask(folder, sql):
    return [json.loads(line) for line in heddle(folder, "query", W, "--format", "json", sql).splitlines()]


class Analyst:
    """Any program with DuckDB in it."""

    def __init__(self, path, key):
        self.handle, self.connection = ctypes.c_void_p(), ctypes.c_void_p()
        if DUCKDB.duckdb_open(b":memory:", ctypes.byref(self.handle)) or DUCKDB.duckdb_connect(self.handle, ctypes.byref(self.connection)):
            raise SystemExit("DuckDB does not start")
        self.ask(f"ATTACH '{path}' AS p (READ_ONLY, ENCRYPTION_KEY '{key.read_text().strip()}')")

    def ask(self, sql):
        return duckdb_shell.run(DUCKDB, self.connection, sql)

    def close(self):
        DUCKDB.duckdb_disconnect(ctypes.byref(self.connection))
        DUCKDB.duckdb_close(ctypes.byref(self.handle))


def asked_once(path, key, sql):
    analyst = Analyst(path, key)
    try:
        return analyst.ask(sql)
    finally:
        analyst.close()


def refused(path, key):
    try:
        Analyst(path, key).close()
    except SystemExit as error:
        return str(error)
    return "it opened"


def world(folder, path="published.db"):
    shutil.copytree(ROOT / "examples/hybrid", folder)
    heddle(folder, "generate", "--seed", "5", "--patients", "200", "--days", "1", "--out", ".")
    bindings = folder / "bindings.json"
    text = bindings.read_text()
    changed = text.replace('"key": "file:warehouse.key" }', f'"key": "file:warehouse.key", "publish": {{ "path": "{path}", "key": "file:bi.key" }} }}')
    expect("the binding is changed", text != changed, True)
    bindings.write_text(changed)


COUNTS = "SELECT (SELECT count(*) FROM {0}core.patient) AS a, (SELECT count(*) FROM {0}core.lab_result_version) AS b, (SELECT count(*) FROM {0}meta.quarantine) AS c"


def counts_equal(folder, what):
    ours = ask(folder, COUNTS.format(""))[0]
    theirs = asked_once(folder / "published.db", folder / "bi.key", COUNTS.format("p."))[0]
    expect(what, {name: int(value) for name, value in theirs.items()}, ours)
    expect(f"{what}: some rows", ours["a"] > 100 and ours["b"] > 100 and ours["c"] > 0, True)


def long_form_holds(folder):
    first = json.loads(heddle(folder, "explain", "pipeline.json", "--format", "json"))
    with tempfile.TemporaryDirectory() as other:
        for part in ("pipeline", "bindings"):
            (pathlib.Path(other) / f"{part}.json").write_text(json.dumps(first[part]))
        second = json.loads(heddle(pathlib.Path(other), "explain", "pipeline.json", "--format", "json"))
    expect("what the long form says of the copy", first["bindings"]["bindings"][W]["publish"], {"path": str(folder / "published.db"), "key": f"file:{folder / 'bi.key'}"})
    expect("the long form's plan", second["digest"], first["digest"])


def opened_while_heddle_runs(folder):
    (folder / "published.db.new").write_bytes(b"what a killed run left")
    (folder / "published.db.new.wal").write_bytes(b"what a killed run left")
    (folder / "published.db.wal").write_bytes(b"what somebody left who opened it for writing")
    with subprocess.Popen([HEDDLE, "run", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        head = [process.stdout.readline() for _ in range(2)]
        expect("the run", head[0].endswith(": published\n"), True)
        counts_equal(folder, "the copy while heddle runs")
        expect("it runs still", process.poll(), None)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    expect("what lies beside", sorted(path.name for path in folder.glob("published*")), ["published.db"])
    expect("its mode", (folder / "published.db").stat().st_mode & 0o777, 0o600)
    expect("names in clear", b"patient_version" in (folder / "published.db").read_bytes(), False)
    expect("the warehouse's own key", "Wrong encryption key" in refused(folder / "published.db", folder / "warehouse.key"), True)
    raw = asked_once(folder / "published.db", folder / "bi.key", "SELECT count(*) AS n FROM p.raw.synthea_patients WHERE id IS NOT NULL")
    expect("raw rows", int(raw[0]["n"]) > 100, True)


def replaced_whole(folder):
    """Who had the old one open reads it on; who opens it now sees the new run."""
    kept = (folder / "published.db").read_bytes()
    heddle(folder, "runs", "reproduce", ask(folder, "SELECT max(run_id) AS r FROM meta.run")[0]["r"])
    expect("the copy is not touched by a run that is made again", (folder / "published.db").read_bytes() == kept, True)
    before = Analyst(folder / "published.db", folder / "bi.key")
    patients = folder / "in/ehr/patients.csv"
    last = patients.read_bytes().splitlines()[-1]
    patients.write_bytes(patients.read_bytes().rstrip(b"\n") + b"\n" + last.replace(b"P0", b"Q0") + b"\n")
    heddle(folder, "batch", "pipeline.json")
    runs = "SELECT count(*) AS n FROM p.meta.run WHERE published"
    expect("runs of the old copy", before.ask(runs)[0]["n"], "1")
    before.close()
    expect("runs of the new copy", asked_once(folder / "published.db", folder / "bi.key", runs)[0]["n"], "2")
    counts_equal(folder, "the new copy")


def a_copy_is_a_warehouse(folder, parent):
    """Nothing is lost: put in the place of the warehouse, under its own key, it goes on with the same digests. So a warehouse gets another key."""
    moved = pathlib.Path(parent) / "moved"
    shutil.copytree(folder, moved, ignore=shutil.ignore_patterns("store.db*", "state-*", "warehouse.*", "*.socket", "*.lock"))
    (moved / "published.db").rename(moved / "warehouse.db")
    (moved / "bi.key").rename(moved / "warehouse.key")
    for place in (folder, moved):
        heddle(place, "batch", "pipeline.json", "--for", "2026-03-09")
    digests = "SELECT r.logical_date, d.table_name, d.row_count, d.digest FROM meta.run_digest d JOIN meta.run r USING (run_id) ORDER BY r.number, d.table_name"
    ours, theirs = ask(folder, digests), ask(moved, digests)
    expect("digests of three runs", (ours == theirs, len({row["logical_date"] for row in ours}) >= 2), (True, True))
    for view in ("core.patient", "raw.synthea_patients", "meta.quarantine"):
        expect(f"rows of {view}", ask(moved, f"SELECT count(*) AS n FROM {view}"), ask(folder, f"SELECT count(*) AS n FROM {view}"))


def a_warehouse_in_clear_gets_a_key(folder):
    bindings = folder / "bindings.json"
    with_key = bindings.read_text()
    bindings.write_text(with_key.replace('"key": "file:warehouse.key"', '"encryption": "none"'))
    heddle(folder, "batch", "pipeline.json", said='is not encrypted ("encryption": "none")')
    counts_equal(folder, "the encrypted copy of a warehouse in clear")
    before = ask(folder, COUNTS.format(""))
    expect("in clear", b"patient_version" in (folder / "warehouse.db").read_bytes(), True)
    expect("the log of the old one", (folder / "warehouse.db.wal").exists(), False)
    (folder / "published.db").rename(folder / "warehouse.db")
    (folder / "bi.key").rename(folder / "warehouse.key")
    bindings.write_text(with_key)
    expect("the same rows", ask(folder, COUNTS.format("")), before)
    heddle(folder, "batch", "pipeline.json")
    expect("in clear now", b"patient_version" in (folder / "warehouse.db").read_bytes(), False)


def killed_while_it_copies(folder):
    """C1, C3: the copy is always of one published run, whole; what is left beside goes with the next."""
    beside, runs = folder / "published.db.new", "SELECT count(*) AS n FROM p.meta.run WHERE published"
    behind = 0
    for delay in range(6):
        with subprocess.Popen([HEDDLE, "batch", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as made:
            while made.poll() is None and not beside.exists():
                pass
            until = time.monotonic() + delay * 0.05
            while made.poll() is None and time.monotonic() < until:
                pass
            made.kill()
        copied = int(asked_once(folder / "published.db", folder / "bi.key", runs)[0]["n"])
        published = ask(folder, "SELECT count(*) AS n FROM meta.run WHERE published")[0]["n"]
        expect("a run that the copy has is published", copied <= published, True)
        if copied < published:  # C4: a command that publishes nothing, for there is no input, leaves what is missing.
            behind += 1
            (folder / "in").rename(folder / "away")
            subprocess.run([HEDDLE, "batch", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
            (folder / "away").rename(folder / "in")
            expect("the copy that was missing", int(asked_once(folder / "published.db", folder / "bi.key", runs)[0]["n"]), published)
    expect("some kills came between the run and its copy", behind > 0, True)
    heddle(folder, "batch", "pipeline.json")
    counts_equal(folder, "the copy behind kills")
    expect("what lies beside", sorted(path.name for path in folder.glob("published*")), ["published.db"])


def a_lost_key_is_told_before_the_run(folder):
    key = folder / "bi.key"
    kept = key.read_text()
    key.unlink()
    heddle(folder, "batch", "pipeline.json", code=77, said="the copy is there and was made with that key: put it back")
    expect("a new key", key.exists(), False)
    (folder / "published.db").unlink()
    heddle(folder, "batch", "pipeline.json")
    expect("another key, for another copy", key.read_text() != kept, True)
    counts_equal(folder, "the copy under another key")


def a_copy_that_cannot_be_left_undoes_nothing(folder):
    """There is no such folder. The run is published, the stream runs to its end, and then the command says 74."""
    heddle(folder, "check", "pipeline.json", "--connect", code=74)
    printed = heddle(folder, "run", "pipeline.json", "--once", code=74, said="is published all the same")
    expect("both legs", ": published\n" in printed and "rows of windows" in printed and "copy for others" not in printed, True)
    expect("the run", ask(folder, "SELECT status, published FROM meta.run"), [{"status": "published", "published": True}])
    told = json.loads(heddle(folder, "batch", "pipeline.json", "--format", "json", code=74).splitlines()[-1])
    expect("the summary", (told["published"], "copy" in told), (True, False))


def a_full_device_undoes_nothing(folder):
    """A file system of 2 MB, which only this command sees; where that may not be made, nothing is shown."""
    full = folder / "gone"
    full.mkdir()
    for old in (*folder.glob("store.db*"), *folder.glob("state-*")):  # So that the stream's first start reads history from the warehouse behind it.
        old.unlink()
    script = 'mount -t tmpfs -o size=2m none gone || exit 99; "$0" run pipeline.json --once; code=$?; ls -A gone >&2; exit $code'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, HEDDLE], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode == 99 or "unshare" in done.stderr:
        print("a full device: not shown, for a file system cannot be mounted here")
        return
    expect("the stream", "rows of windows" in done.stdout, True)
    expect("exit code and message", (done.returncode, "is published all the same" in done.stderr, "free space on its device" in done.stderr), (74, True, True))
    expect("what is left", done.stderr.rstrip().endswith("published.db.new"), False)
    expect("runs", ask(folder, "SELECT count(*) AS n FROM meta.run WHERE published"), [{"n": 3}])
    heddle(folder, "batch", "pipeline.json")
    expect("there is room now", int(asked_once(full / "published.db", folder / "bi.key", "SELECT count(*) AS n FROM p.meta.run WHERE published")[0]["n"]), 4)


def main():
    with tempfile.TemporaryDirectory() as name:
        site = pathlib.Path(name) / "site"
        world(site)
        long_form_holds(site)
        opened_while_heddle_runs(site)
        replaced_whole(site)
        a_copy_is_a_warehouse(site, name)
        killed_while_it_copies(site)
        a_lost_key_is_told_before_the_run(site)
        clear = pathlib.Path(name) / "clear"
        world(clear)
        a_warehouse_in_clear_gets_a_key(clear)
        other = pathlib.Path(name) / "other"
        world(other, "gone/published.db")
        a_copy_that_cannot_be_left_undoes_nothing(other)
        a_full_device_undoes_nothing(other)
    print("the copy is what it should be")


if __name__ == "__main__":
    main()
