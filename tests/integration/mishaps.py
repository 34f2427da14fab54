#!/usr/bin/env python3
"""What must not happen to an unlucky user: each case is one mishap, and then the exit code, the message and what is left."""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEDDLE = os.environ["HEDDLE"]
PATIENTS = "select count(*) as n from core.patient"


def heddle(folder, *words, code=0, said="", timeout=60, **how):
    """Runs it, demands the exit code, that the message says something, and that no library wrote a line of its own, and gives what was printed."""
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    done = subprocess.run([HEDDLE, *words], cwd=folder, text=True, timeout=timeout, **how)
    if done.returncode != code or said not in (done.stderr or ""):
        raise SystemExit(f"{words}: exit {done.returncode} instead of {code}, or not {said!r}\n{done.stdout}{done.stderr}")
    foreign = [line for line in (done.stderr or "").splitlines() if not line.startswith(("heddle: ", "  ", "{", "pipeline.json:", "bindings.json:"))]
    expect(f"lines that are not heddle's, of {words}", foreign, [])
    return done.stdout


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found}, expected {wanted}")


def close_standard_files():
    for fd in range(3):
        os.close(fd)


def closed_standard_files_do_not_become_ours(folder):
    """With stdout closed the warehouse was opened as file 1, and the summary was written over its head."""
    heddle(folder, "batch", "pipeline.json")
    patients = heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", PATIENTS)
    for words in (("batch", "pipeline.json"), ("run", "pipeline.json", "--drain")):
        heddle(folder, *words, code=74, preexec_fn=close_standard_files)
    expect("patients", heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", PATIENTS), patients)


def output_that_cannot_be_written_is_told(folder):
    with open("/dev/full", "w") as full:
        heddle(folder, "explain", "pipeline.json", code=74, said="cannot write the output", stdout=full)


def a_second_stream_leaves_the_first_alone(folder):
    """The second one took the store over and the first ended; its last state record then kept both from starting."""
    with subprocess.Popen([HEDDLE, "stream", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as first:
        lock = folder / "store.db.lock"
        while first.poll() is None and not (lock.exists() and lock.read_text()):
            os.sched_yield()
        heddle(folder, "stream", "pipeline.json", "--once", code=75, said=f"held by process {first.pid}")
        first.send_signal(signal.SIGINT)
        expect("the first one's end", (first.wait(timeout=60), first.stderr.read()), (0, ""))
    heddle(folder, "stream", "pipeline.json", "--once")


def persons_keep_their_key(folder):
    """A lost person key was made anew, and from then on each patient was a second person."""
    heddle(folder, "run", "pipeline.json", "--once")
    key = folder / "person.key"
    kept = folder / "kept.key"
    key.rename(kept)
    for words in (("batch", "pipeline.json"), ("stream", "pipeline.json", "--once")):
        heddle(folder, *words, code=77, said="the warehouse is there and was made with that key: put it back")
    expect("a new key", key.exists(), False)
    expect("what check says", "the warehouse is there" in heddle(folder, "check", "pipeline.json", "--connect", code=77), True)
    key.write_text("34" * 32)
    key.chmod(0o600)
    heddle(folder, "batch", "pipeline.json", code=77, said="the warehouse was made with another person key")
    heddle(folder, "stream", "pipeline.json", "--once", code=77, said="the patient master was made with another person key")
    kept.replace(key)
    heddle(folder, "run", "pipeline.json", "--once")


def keys_say_what_is_wrong_with_them(folder):
    heddle(folder, "stream", "pipeline.json", "--once")
    key = folder / "store.key"
    key.chmod(0o644)
    heddle(folder, "stream", "pipeline.json", "--once", code=77, said="chmod 600")
    key.write_text("34" * 32)
    key.chmod(0o600)
    for words in (("stream", "pipeline.json", "--once"), ("query", "REALTIME_ANALYTICS_STORE", "select 1"), ("letters",)):
        heddle(folder, *words, code=77, said="the key does not open the store")
    key.unlink()
    heddle(folder, "stream", "pipeline.json", "--once", code=77, said="the store is there and was made with that key: put it back")


def rebind(folder, name, path):
    """One binding's file is another one."""
    bindings = folder / "bindings.json"
    kept = bindings.read_text()
    file = {"ENTERPRISE_DATA_WAREHOUSE": "warehouse.db", "REALTIME_ANALYTICS_STORE": "store.db", "ALERTING_SERVICE": "alerts.ndjson"}[name]
    bindings.write_text(kept.replace(f'"path": "{file}"', f'"path": "{path}"'))
    return lambda: bindings.write_text(kept)


def a_file_that_is_no_warehouse_is_refused(folder):
    """DuckDB takes a CSV file for a database in memory: the run was published, and gone."""
    patients = folder / "in/ehr/patients.csv"
    kept = patients.read_bytes()
    (folder / "person.key").write_text("56" * 32)
    (folder / "person.key").chmod(0o600)
    rebind(folder, "ENTERPRISE_DATA_WAREHOUSE", "in/ehr/patients.csv")
    for words in (("batch", "pipeline.json"), ("query", "ENTERPRISE_DATA_WAREHOUSE", PATIENTS)):
        heddle(folder, *words, code=74, said="the file is there and is no DuckDB database")
    heddle(folder, "check", "pipeline.json", "--connect", code=74)
    expect("the file", patients.read_bytes() == kept, True)


def a_database_s_message_is_read_as_it_is_meant(folder):
    """DuckDB's messages have lines; they were one line with \\x0a in it. What could steer a terminal stays escaped."""
    heddle(folder, "batch", "pipeline.json")
    heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", "select frm x", code=2, said="\n  LINE 1: select frm x\n                 ^\n")
    heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", 'select "\x1b[2J"', code=2, said="\\x1b[2J")
    heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", "select frm x", "--format", "json", code=2, said="\\u000a")


def pipes_and_devices_are_no_files(folder):
    """Opening a pipe waited for its other end, and not even SIGTERM ended it."""
    os.mkfifo(folder / "pipe")
    (folder / "person.key").write_text("56" * 32)
    (folder / "person.key").chmod(0o600)
    for path in ("pipe", "/dev/full"):
        for name, words in (("ENTERPRISE_DATA_WAREHOUSE", ("batch", "pipeline.json")), ("REALTIME_ANALYTICS_STORE", ("stream", "pipeline.json", "--once"))):
            undo = rebind(folder, name, path)
            if path == "pipe":
                heddle(folder, *words, code=74, said="pipe is no regular file", timeout=20)
                heddle(folder, "query", name, "select 1", code=74, said="pipe is no regular file", timeout=20)
            expect(f"check of {path}", "is no regular file" in heddle(folder, "check", "pipeline.json", "--connect", code=74, timeout=20), True)
            undo()
        undo = rebind(folder, "ALERTING_SERVICE", path)
        heddle(folder, "stream", "pipeline.json", "--once", said="is no regular file" if path == "pipe" else "", timeout=20)
        undo()


def a_warehouse_that_another_program_has_open_is_busy(folder):
    heddle(folder, "batch", "pipeline.json")
    with open(folder / "warehouse.db", "r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        for words in (("batch", "pipeline.json"), ("query", "ENTERPRISE_DATA_WAREHOUSE", PATIENTS), ("runs",)):
            heddle(folder, *words, code=75, said="close the program that has the file open")
    heddle(folder, "batch", "pipeline.json")


def a_log_that_is_gone_is_named(folder):
    heddle(folder, "stream", "pipeline.json", "--once")
    log = folder / "events/part-1.ndjson"
    log.rename(folder / "part-1")
    heddle(folder, "stream", "pipeline.json", "--once", code=74, said=f"heddle: cannot open {log}")
    (folder / "part-1").rename(log)
    heddle(folder, "stream", "pipeline.json", "--once")


CASES = (
    closed_standard_files_do_not_become_ours,
    output_that_cannot_be_written_is_told,
    a_second_stream_leaves_the_first_alone,
    persons_keep_their_key,
    keys_say_what_is_wrong_with_them,
    a_file_that_is_no_warehouse_is_refused,
    a_database_s_message_is_read_as_it_is_meant,
    pipes_and_devices_are_no_files,
    a_warehouse_that_another_program_has_open_is_busy,
    a_log_that_is_gone_is_named,
)


def main():
    with tempfile.TemporaryDirectory() as name:
        world = pathlib.Path(name) / "world"
        shutil.copytree(ROOT / "examples/hybrid", world)
        heddle(world, "generate", "--seed", "5", "--patients", "120", "--days", "1", "--out", ".")
        (world / "store.key").write_text("12" * 32)
        (world / "store.key").chmod(0o600)
        for case in CASES:
            folder = pathlib.Path(name) / case.__name__
            shutil.copytree(world, folder)
            case(folder)
            print(f"{case.__name__}: as it should be")


if __name__ == "__main__":
    sys.exit(main())
