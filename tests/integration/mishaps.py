#!/usr/bin/env python3
"""What must not happen to an unlucky user: each case is one mishap, and then the exit code, the message and what is left."""
import fcntl
import json
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
    foreign = [line for line in (done.stderr or "").splitlines() if not line.startswith(("heddle: ", "  ", "{", "pipeline.json:", "bindings.json:"))
               and not line.endswith((" thing is wrong", " things are wrong"))]
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


def a_warehouse_opens_with_its_key_alone(folder):
    """Wrong, lost, open to others; and a binding that says of the file what it is not. Nothing tells the key."""
    key, bindings, database = folder / "warehouse.key", folder / "bindings.json", folder / "warehouse.db"
    heddle(folder, "batch", "pipeline.json")
    made, kept = key.read_text().strip(), database.read_bytes()
    expect("the made key", (len(made), key.stat().st_mode & 0o777), (64, 0o600))
    expect("names in the file", b"Springfield" in kept or b"patient_version" in kept, False)
    commands = (("batch", "pipeline.json"), ("query", "ENTERPRISE_DATA_WAREHOUSE", PATIENTS), ("runs",), ("check", "pipeline.json", "--connect"))

    def refused(said):
        for words in commands:
            printed = heddle(folder, *words, code=77, said="" if words[0] == "check" else said)
            expect(f"what check says, {said}", words[0] != "check" or said in printed, True)
            expect("a key that is told", made in printed, False)

    key.write_text("34" * 32)
    refused("the key does not open the file: it was made with another one")
    key.chmod(0o644)
    refused("can be read by others")
    key.unlink()
    refused("the warehouse is there and was made with that key: put it back")
    expect("a new key", key.exists(), False)

    with_key = bindings.read_text()
    bindings.write_text(with_key.replace('"key": "file:warehouse.key"', '"encryption": "none"'))
    refused('the warehouse is encrypted, and its binding says "encryption": "none"')
    database.rename(folder / "encrypted.db")
    heddle(folder, "batch", "pipeline.json", said='is not encrypted ("encryption": "none")')
    bindings.write_text(with_key)
    refused("the warehouse is not encrypted, and its binding has a key")
    (folder / "encrypted.db").replace(database)
    key.write_text(made)
    key.chmod(0o600)
    told = json.loads(heddle(folder, "batch", "pipeline.json", "--format", "json").splitlines()[-1])
    expect("the summary", (told["published"], told["encryption"]), (True, "key"))
    for table in ("duckdb_settings()", "duckdb_databases()", "duckdb_variables()", "meta.warehouse", "meta.run"):
        expect(f"rows of {table} with the key",
               heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", f"select count(*) as n from {table} x where contains(x::varchar, '{made[:40]}' || '{made[40:]}')",
                      "--format", "json"), '{"n":0}\n')


def rebind(folder, name, path):
    """One binding's file is another one."""
    bindings = folder / "bindings.json"
    kept = bindings.read_text()
    file = {"ENTERPRISE_DATA_WAREHOUSE": "warehouse.db", "REALTIME_ANALYTICS_STORE": "store.db", "ALERTING_SERVICE": "alerts.ndjson"}[name]
    bindings.write_text(kept.replace(f'"path": "{file}"', f'"path": "{path}"'))
    return lambda: bindings.write_text(kept)


def a_file_that_is_no_warehouse_is_refused(folder):
    """DuckDB takes a CSV file for a database in memory: the run was published, and gone."""
    patients = folder / "patients.csv"
    shutil.copy(folder / "in/ehr/patients.csv", patients)
    kept = patients.read_bytes()
    (folder / "person.key").write_text("56" * 32)
    (folder / "person.key").chmod(0o600)
    rebind(folder, "ENTERPRISE_DATA_WAREHOUSE", "patients.csv")
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


def a_line_beyond_the_limit_is_a_dead_letter(folder):
    """It stopped the stream for good: what stood behind it could not be reached."""
    before = json.loads(heddle(folder, "stream", "pipeline.json", "--once", "--format", "json"))
    log = folder / "events/part-1.ndjson"
    kept = log.read_bytes()
    size = 17 * 2**20
    with open(log, "ab") as more:
        more.write(b'{"type":"' + b"x" * (size - 9) + b"\n")
        more.write(kept.splitlines(keepends=True)[-1])
    after = json.loads(heddle(folder, "stream", "pipeline.json", "--once", "--format", "json"))
    expect("records and bytes", [after[name] for name in ("received", "deduplicated", "quarantined", "dead_letters", "bytes")],
           [2, 1, 1, 1, log.stat().st_size - len(kept)])
    letter = json.loads(heddle(folder, "query", "REALTIME_ANALYTICS_STORE", "--format", "json",
                               f"select reason_code, reason, length(bytes) as size from dead_letter where position = {len(kept)}"))
    expect("the letter", letter, {"reason_code": "too_large", "reason": f"the line has {size} bytes, the first 65536 are kept", "size": 65536})
    expect("received before", before["received"] > 0, True)


def refused_files_are_named(folder):
    """A file that could not be read was one quarantined record among others, and nobody was told which file."""
    (folder / "in/ehr/broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(range(60)))
    (folder / "in/ehr/strange.csv").write_text("a,b\n1,2\n")
    summary = json.loads(heddle(folder, "batch", "pipeline.json", "--format", "json"))
    expect("published", summary["published"], True)
    expect("refused", [(row["source"], row["file"], row["reason_code"], row["reason"] != "") for row in summary["refused"]],
           [("EHR_RAW", "in/ehr/broken.csv.gz", "truncated", True), ("EHR_RAW", "in/ehr/notes.csv", "no_mapping", True),
            ("EHR_RAW", "in/ehr/strange.csv", "no_mapping", True)])
    text = heddle(folder, "batch", "pipeline.json")
    expect("the summary for eyes", "refused files: 3\n  in/ehr/broken.csv.gz: the compressed stream is damaged (truncated)" in text, True)
    shown = [json.loads(line) for line in heddle(folder, "runs", "show", summary["run_id"], "--format", "json").splitlines()]
    expect("runs show", [row["reason"] for row in shown if row["part"] == "inputs" and row["status"] == "refused"],
           ["the compressed stream is damaged", "no mapping fits the header", "no mapping fits the header"])


def a_backup_that_is_put_back_goes_on(folder):
    """A copy of a log has another inode, and counted as rotated."""
    heddle(folder, "stream", "pipeline.json", "--once")
    copy = folder / "copy"
    shutil.copytree(folder / "events", copy)
    shutil.rmtree(folder / "events")
    (folder / "new").write_text("takes an inode")
    shutil.copytree(copy, folder / "events")
    heddle(folder, "stream", "pipeline.json", "--once")
    log = folder / "events/part-1.ndjson"
    kept = log.read_bytes()
    log.write_bytes(b" " + kept)
    heddle(folder, "stream", "pipeline.json", "--once", code=74, said="no longer begins as it did")
    log.write_bytes(kept[:len(kept) // 2])
    heddle(folder, "stream", "pipeline.json", "--once", code=74, said="truncated below what was read already")


def outputs_are_no_inputs(folder):
    """A warehouse in an input's folder was read by the run after, alerts went into the log that they came from."""
    for name, path, said in (("ENTERPRISE_DATA_WAREHOUSE", "in/ehr/deep/warehouse.db", "the warehouse would be an input of EHR_RAW"),
                             ("REALTIME_ANALYTICS_STORE", "in/claims/store.db", "the store would be an input of CLAIMS_RAW"),
                             ("ALERTING_SERVICE", "events/part-1.ndjson", "alerts would be an input of KAFKA_EDW_EVENTS")):
        undo = rebind(folder, name, path)
        heddle(folder, "check", "pipeline.json", code=78, said=said)
        undo()
    undo = rebind(folder, "ALERTING_SERVICE", "events/deep/part-1.ndjson")
    heddle(folder, "check", "pipeline.json")
    undo()


def a_lost_patient_master_is_told(folder):
    """The stream went on, and all patients were unknown."""
    heddle(folder, "run", "pipeline.json", "--once")
    masters = sorted(folder.glob("store.db.master.*"))
    for path in masters:
        path.unlink()
    heddle(folder, "stream", "pipeline.json", "--once", code=74, said="the patient master with which the stream went on so far is gone")
    heddle(folder, "batch", "pipeline.json")
    heddle(folder, "stream", "pipeline.json", "--once")
    for path in folder.glob("store.db*"):
        if path.is_file():
            path.unlink()
        else:
            shutil.rmtree(path)
    heddle(folder, "stream", "pipeline.json", "--once", said="there is no patient master beside the store")


def alerts_that_wait_are_counted_and_tried_at_the_end(folder):
    """Nothing said that alerts wait, and until their backoff was over no start tried them."""
    os.mkfifo(folder / "pipe")
    undo = rebind(folder, "ALERTING_SERVICE", "pipe")
    first = json.loads(heddle(folder, "stream", "pipeline.json", "--drain", "--format", "json", timeout=20))
    expect("delivered to a pipe, and some wait", (first["delivered"], first["waiting_deliveries"] > 0), (0, True))
    text = heddle(folder, "stream", "pipeline.json", "--drain", timeout=20)
    expect("for eyes", f"waiting {first['waiting_deliveries']}\n" in text, True)
    undo()
    then = json.loads(heddle(folder, "stream", "pipeline.json", "--drain", "--format", "json"))
    expect("once it is a file", (then["delivered"], then["waiting_deliveries"]), (first["waiting_deliveries"], 0))
    expect("lines", len((folder / "alerts.ndjson").read_text().splitlines()), then["delivered"])


def sql_that_fails_over_its_rows_is_its_authors(folder):
    """It ended as a defect of ours (70), of "kind 2"."""
    heddle(folder, "batch", "pipeline.json")
    name = json.loads(heddle(folder, "query", "ENTERPRISE_DATA_WAREHOUSE", "--format", "json", "select last_name as n from core.patient limit 1"))["n"]
    for sql, said in (("select cast(last_name as int) from core.patient", "a value cannot be converted"),
                      ("select cast(length(last_name) * 100 as tinyint) from core.patient", "DuckDB: a value")):
        done = subprocess.run([HEDDLE, "query", "ENTERPRISE_DATA_WAREHOUSE", sql], cwd=folder, capture_output=True, text=True, check=False)
        expect(sql, (done.returncode, said in done.stderr, name in done.stderr), (2, True, False))


def sql_over_the_store_is_its_authors(folder):
    """What is wrong with a statement ends with 2 and is named, also where it fails over its rows (that was 74); nothing is written, no value of a row is told."""
    heddle(folder, "stream", "pipeline.json", "--once")
    store, patient = "REALTIME_ANALYTICS_STORE", json.loads(heddle(folder, "query", "REALTIME_ANALYTICS_STORE", "--format", "json",
                                                                   "select subject_id as n from alert where subject_id is not null limit 1"))["n"]
    before = {path.name: path.read_bytes() for path in folder.glob("store.db*") if path.is_file()}
    for sql, said in (("select * from nowhere", "no such table: nowhere"), ("select nowhere from alert", "no such column: nowhere"),
                      ("selec 1", 'near "selec": syntax error'), ("select nowhere(1)", "no such function: nowhere"), ("", "there is no statement"),
                      ("delete from alert_revisions", "only a statement that reads"), ("update store_meta set value = '9'", "only a statement that reads"),
                      ("drop table dead_letter", "only a statement that reads"), ("pragma journal_mode = delete", "only a statement that reads"),
                      ("attach 'other.db' as other", "only a statement that reads"), ("vacuum", "only a statement that reads"), ("select 1; delete from epoch", "more than one statement"),
                      ("select json(subject_id) from alert where subject_id is not null", "malformed JSON"),
                      ("select subject_id ->> '$[' from alert where subject_id is not null", "fails over its rows"),
                      ("select sum(9223372036854775807) from alert", "integer overflow"), ("select zeroblob(3000000000)", "string or blob too big")):
        done = subprocess.run([HEDDLE, "query", store, sql], cwd=folder, capture_output=True, text=True, check=False)
        expect(f"{sql}: {done.stderr}", (done.returncode, said in done.stderr, patient in done.stderr, done.stdout.strip()), (2, True, False, ""))
    expect("files of the store", {path.name: path.read_bytes() for path in folder.glob("store.db*") if path.is_file()}, before)
    expect("another file", (folder / "other.db").exists(), False)


def a_reader_that_leaves_ends_a_query(folder):
    """A million rows into head -1: the query ends there with the pipe's signal and no word, in both databases; into a full disk it says so."""
    heddle(folder, "run", "pipeline.json", "--drain")
    for binding, numbers in (("REALTIME_ANALYTICS_STORE", "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) select i"),
                             ("ENTERPRISE_DATA_WAREHOUSE", "with n as (select unnest(range(1, 1000001)) as i) select i")):
        rows = numbers + ", 'a row of some length' as said from n"
        for more in ((), ("--format", "json")):
            with subprocess.Popen([HEDDLE, "query", binding, rows, *more], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
                first = asked.stdout.readline()
                asked.stdout.close()
                said = asked.stderr.read().decode()
            expect(f"first line of {binding}", first.split()[:1] in ([b"i"], [b'{"i":1,"said":"a']), True)
            expect(f"{binding} {more}: {said}", (asked.returncode, said), (-signal.SIGPIPE, ""))
        with open("/dev/full", "w") as full:
            heddle(folder, "query", binding, rows, code=74, said="cannot write the output", stdout=full)
        expect("asked again", heddle(folder, "query", binding, "select 1 as one").split(), ["one", "1"])


def inputs_that_are_no_files_are_named(folder):
    """A folder without a pattern, a pipe or a device counted 0."""
    os.mkfifo(folder / "pipe")
    bindings = folder / "bindings.json"
    kept = bindings.read_text()
    for old, path in (("in/ehr/**", "in/ehr"), ("in/ehr/**", "pipe"), ("in/ehr/**", "/dev/null"), ("events/*.ndjson", "events")):
        bindings.write_text(kept.replace(f'"{old}"', f'"{path}"'))
        said = "is no regular file" if path in ("pipe", "/dev/null") else "is a folder"
        expect(f"check of {path}", said in heddle(folder, "check", "pipeline.json", "--connect", code=74, timeout=20), True)
        words = ("stream", "pipeline.json", "--once") if path == "events" else ("batch", "pipeline.json")
        heddle(folder, *words, code=74, said=said, timeout=20)


CASES = (
    closed_standard_files_do_not_become_ours,
    output_that_cannot_be_written_is_told,
    a_second_stream_leaves_the_first_alone,
    persons_keep_their_key,
    keys_say_what_is_wrong_with_them,
    a_warehouse_opens_with_its_key_alone,
    a_file_that_is_no_warehouse_is_refused,
    a_database_s_message_is_read_as_it_is_meant,
    pipes_and_devices_are_no_files,
    a_warehouse_that_another_program_has_open_is_busy,
    a_log_that_is_gone_is_named,
    a_line_beyond_the_limit_is_a_dead_letter,
    refused_files_are_named,
    a_backup_that_is_put_back_goes_on,
    outputs_are_no_inputs,
    a_lost_patient_master_is_told,
    alerts_that_wait_are_counted_and_tried_at_the_end,
    sql_that_fails_over_its_rows_is_its_authors,
    sql_over_the_store_is_its_authors,
    a_reader_that_leaves_ends_a_query,
    inputs_that_are_no_files_are_named,
)


def main():
    with tempfile.TemporaryDirectory() as name:
        world = pathlib.Path(name) / "world"
        shutil.copytree(ROOT / "examples/hybrid", world)
        heddle(world, "generate", "--seed", "5", "--patients", "200", "--days", "1", "--out", ".")
        (world / "store.key").write_text("12" * 32)
        (world / "store.key").chmod(0o600)
        for case in CASES:
            if len(sys.argv) > 1 and case.__name__ not in sys.argv[1:]:
                continue
            folder = pathlib.Path(name) / case.__name__
            shutil.copytree(world, folder)
            case(folder)
            print(f"{case.__name__}: as it should be")


if __name__ == "__main__":
    sys.exit(main())
