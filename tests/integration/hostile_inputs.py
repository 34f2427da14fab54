#!/usr/bin/env python3
"""Inputs of the batch leg as nobody should send them: what is no file in a file's place, names of any bytes, files that change under the run's hands, cut
and bloated archives, ten thousand files; and two runs at once. Nothing stops the run: what cannot be read is one refused record by name, the rest is loaded."""
import gzip
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batch_inputs  # noqa: E402
from batch_inputs import HEDDLE, OLD, Site, expect, patient  # noqa: E402

IS_OPTIMISED = "release" in pathlib.Path(HEDDLE).parts
ANY = {"quarantined_max": 1}
NOBODY = 65534


def table(first, count):
    return OLD + "\n" + "".join(patient(number) for number in range(first, first + count))


def counts(summary):
    return [summary["sources"][0][key] for key in ("inputs", "received", "loaded", "deduplicated", "quarantined")]


def refused(summary):
    return {row["file"]: row["reason"] for row in summary["refused"]}


def names_of_any_bytes(base):
    """Line ends, quotes, escapes, no UTF-8, 244 bytes; empty; and what is no file: all are listed, none stops the run, none steers a terminal."""
    site = Site(base / "names", {"A": "in/**"}, ANY)
    names = ("good.csv", "new\nline.csv", "quote'\".csv", "esc\x1b[2J.csv", "l" * 240 + ".csv")
    for number, name in enumerate(names):
        site.put(f"in/{name}", table(10 * number, 5))
    folder = site.folder / "in"
    pathlib.Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff\xfe.csv")).write_text(table(90, 5))
    site.put("in/empty.csv", b"")
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to("good.csv")
    (folder / "self").symlink_to(".")
    (folder / "dangling\x1b[2J.csv").symlink_to("nowhere")
    (folder / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(folder / "pipe.csv")
    here = os.getcwd()
    os.chdir(folder)  # A socket's path is short.
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("socket.csv")
    os.chdir(here)
    wanted = {"in/dangling\x1b[2J.csv": "the file cannot be read: No such file or directory", "in/loop.csv": "the file cannot be read: Too many levels of symbolic links",
              "in/pipe.csv": "the file cannot be read: it is no regular file", "in/socket.csv": "the file cannot be read: No such device or address"}
    summary, _ = site.batch()
    expect("names: counts", counts(summary), [12, 39, 30, 5, 4])  # link.csv is good.csv again.
    expect("names: refused", refused(summary), wanted)
    files = [row["file"] for row in site.ask("SELECT file FROM meta.input ORDER BY ALL")]
    expect("names: files", files, sorted(["in/" + name for name in (*names, "bad\\xff\\xfe.csv", "empty.csv", "link.csv")] + list(wanted)))
    for words in (("batch", "pipeline.json"), ("runs", "show", "20260305-1")):
        expect(f"names: what {words[0]} prints steers no terminal", "\x1b" in site.heddle(*words).stdout, False)
    listening.close()


def not_to_be_read(base):
    """Root reads all, so that the run is another user's then."""
    site = Site(base / "unreadable", {"A": "in/**"}, ANY)
    site.put("in/a.csv", table(0, 5))
    site.put("in/b.csv", table(10, 5))
    (site.folder / "in/deep").mkdir()
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    for path in (site.folder, *site.folder.rglob("*")):
        if who:
            os.chown(path, NOBODY, NOBODY)
    run = lambda: subprocess.run([HEDDLE, "batch", "pipeline.json", "--format", "json"], cwd=site.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, **who)
    (site.folder / "in/b.csv").chmod(0)
    made = run()
    expect("unreadable: exit", made.returncode, 0)
    summary = json.loads(made.stdout)
    expect("unreadable: counts", (counts(summary), refused(summary)), ([2, 6, 5, 0, 1], {"in/b.csv": "the file cannot be read: Permission denied"}))
    (site.folder / "in/deep").chmod(0)  # What lies in there nobody knows: no run.
    made = run()
    expect("unreadable folder", (made.returncode, "cannot read folder" in made.stderr, "in/deep: Permission denied" in made.stderr, "give the user" in made.stderr), (74, True, True, True))


def files_read(pid):
    """Names of the files that the process has open."""
    found = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.add(os.path.basename(os.readlink(f"/proc/{pid}/fd/{fd}")))
            except OSError:
                pass
    except OSError:
        pass
    return found


def stopped_at(process, name, times):
    """Stops the process while it reads the file for the n-th time (1: it is digested, 2: decoded); False: it was missed."""
    seen, was_open = 0, False
    while process.poll() is None:
        is_open = name in files_read(process.pid)
        seen += is_open and not was_open
        was_open = is_open
        if seen == times:
            process.send_signal(signal.SIGSTOP)
            if name in files_read(process.pid):
                return True
            process.send_signal(signal.SIGCONT)
            return False
    return False


CHANGES = {
    "gone.csv": ("the file cannot be read: No such file or directory", lambda path: path.unlink()),
    "cut.csv": ("the file became shorter while it was read", lambda path: os.truncate(path, path.stat().st_size // 2)),
    "grown.csv": ("the file became longer while it was read", lambda path: path.open("a").write(patient(1))),
    "same_size.csv": ("the file was written to after it was listed", lambda path: path.open("r+").write(OLD.lower())),
    "replaced.csv": ("another file took its place after it was listed", lambda path: (path.with_suffix(".new").write_bytes(path.read_bytes()), path.with_suffix(".new").replace(path))),
    "piped.csv": ("the file cannot be read: it is no regular file", lambda path: (path.unlink(), os.mkfifo(path))),
}


def files_that_change(base):
    """Between its listing and its end each file becomes another one: none of it is loaded under a digest that is not its own. The first file is large, and the
    run is stopped while it is decoded."""
    for attempt in range(20):
        site = Site(base / f"changes-{attempt}", {"A": "in/*.csv"}, ANY)
        site.put("in/a_large.csv", table(1000, 120_000))
        for number, name in enumerate((*CHANGES, "kept.csv")):
            site.put(f"in/{name}", table(10 * number, 5))
        process = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--format", "json", "--set", "runtime.workers=1"], cwd=site.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        is_stopped = stopped_at(process, "a_large.csv", 2)
        if is_stopped:
            for name, (_, change) in CHANGES.items():
                change(site.folder / "in" / name)
            process.send_signal(signal.SIGCONT)
        out, errors = process.communicate()
        if is_stopped:
            break
    expect("changes: stopped in time", is_stopped, True)
    expect("changes: exit", (process.returncode, errors.count("\n")), (0, 1))
    summary = json.loads(out)
    expect("changes: refused", refused(summary), {f"in/{name}": reason for name, (reason, _) in CHANGES.items()})
    expect("changes: counts", counts(summary), [8, 120_011, 120_005, 0, 6])
    expect("changes: rows of changed files", site.ask("SELECT count(*) AS n FROM core.patient_version WHERE file NOT IN ('in/a_large.csv', 'in/kept.csv')"), [{"n": 0}])


def a_run_is_reproduced_while_a_file_is_replaced(base):
    """The second run of a chain of two, when the first one's file is already read: refused by the file's name."""
    for attempt in range(20):
        site = Site(base / f"reproduce-{attempt}", {"A": "in/*.csv"}, ANY)
        site.put("in/a.csv", table(1000, 60_000))
        site.put("in/b.csv", table(0, 5))
        summary, _ = site.batch("--set", "runtime.workers=1")
        process = subprocess.Popen([HEDDLE, "runs", "reproduce", summary["run_id"]], cwd=site.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        is_stopped = stopped_at(process, "a.csv", 3)  # Looked at, listed, decoded.
        if is_stopped:
            site.put("in/b.new", table(0, 5).replace("Smith", "Smyth"))
            (site.folder / "in/b.new").rename(site.folder / "in/b.csv")
            process.send_signal(signal.SIGCONT)
        _, errors = process.communicate()
        if is_stopped:
            break
    expect("reproduce: stopped in time", is_stopped, True)
    expect(f"reproduce: {errors}", (process.returncode, "in/b.csv" in errors or "not the same again" in errors), (1, True))


def bomb(start, size_mib, byte):
    compress, block = zlib.compressobj(1, zlib.DEFLATED, 31), byte * (1 << 20)
    return b"".join([compress.compress(start)] + [compress.compress(block) for _ in range(size_mib)] + [compress.flush()])


def archives(base):
    """A stream that is cut, one that is no stream, and some MiB that are a GiB once read: in bounded memory, each one refused record."""
    site = Site(base / "archives", {"A": "in/**"}, ANY)
    size, largest = (128, 1024) if IS_OPTIMISED else (64, 64)
    whole = gzip.compress(table(0, 200).encode())
    site.put("in/good.csv", table(0, 5))
    site.put("in/cut.csv.gz", whole[:len(whole) // 2])
    site.put("in/head.csv.gz", whole[:4])
    site.put("in/zeros.csv.gz", bomb(b"", size, b"\0"))
    site.put("in/quote.csv.gz", bomb(f'{OLD}\nP1,"'.encode(), largest, b"a"))
    site.put("in/text.ndjson.gz", bomb(b'{"resourceType":"Patient","id":"', size, b"0"))
    site.put("in/field.hl7.gz", bomb(b"MSH|^~\\&|", size, b"0"))
    process = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--format", "json"], cwd=site.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = process.stdout.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    expect("archives: exit", process.returncode, 0)
    expect("archives: counts", counts(json.loads(out)), [7, 11, 5, 0, 6])
    kept = site.ask("SELECT file, reason_code, length, octet_length(bytes) AS kept FROM meta.quarantine ORDER BY file")
    expect("archives: reasons", [(row["file"].split("/")[1], row["reason_code"]) for row in kept],
           [("cut.csv.gz", "truncated"), ("field.hl7.gz", "too_large"), ("head.csv.gz", "truncated"), ("quote.csv.gz", "too_large"), ("text.ndjson.gz", "too_large"),
            ("zeros.csv.gz", "no_mapping")])
    expect("archives: what is kept", max(row["kept"] for row in kept) <= 64 << 10, True)
    expect("archives: lengths", [row["length"] > size << 20 for row in kept], [False, True, False, True, True, False])
    if IS_OPTIMISED:  # Sanitizers need memory of their own.
        expect(f"archives: {usage.ru_maxrss >> 10} MiB resident", usage.ru_maxrss < 256 << 10, True)


def many_small_files(base):
    """Ten thousand files of one row: memory goes with what they hold, not with how many they are."""
    count = 10_000 if IS_OPTIMISED else 2_000
    site = Site(base / "many", {"A": "in/**"})
    for number in range(count):
        site.put(f"in/{number // 100}/{number}.csv", OLD + "\n" + patient(number))
    process = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--format", "json"], cwd=site.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    expect("many: exit", process.returncode, 0)
    expect("many: counts", counts(json.loads(out)), [count, count, count, 0, 0])
    if IS_OPTIMISED:
        expect(f"many: {usage.ru_maxrss >> 10} MiB resident", usage.ru_maxrss < 256 << 10, True)


def the_same_file_twice(base):
    """Under two names: the digest of one."""
    digests = set()
    for copies in (1, 2):
        site = Site(base / f"copies-{copies}", {"A": "in/*"})
        site.put("person.key", "0123456789abcdef" * 4)
        (site.folder / "person.key").chmod(0o600)
        for name in ("a.csv", "b.csv")[:copies]:
            site.put(f"in/{name}", table(0, 50))
        summary, _ = site.batch()
        expect(f"{copies} copies: counts", counts(summary), [copies, 50 * copies, 50, 50 * (copies - 1), 0])
        digests.add(summary["digest"])
    expect("copies: digests", len(digests), 1)


def two_runs_at_once(base):
    """The second one is refused by the first one's name, whatever the first one does at the moment, and the first one goes through."""
    site = Site(base / "two", {"A": "in/*"})
    site.put("in/a.csv", table(0, 60_000))
    first = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--for", "2026-03-05", "--format", "json"], cwd=site.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    lock = site.folder / "w.db.lock"
    while first.poll() is None and not (lock.exists() and lock.read_text()):
        os.sched_yield()
    told = []
    second = threading.Thread(target=lambda: told.append(site.heddle("batch", "pipeline.json", code=75).stderr))
    first.send_signal(signal.SIGSTOP)
    second.start()
    second.join()
    first.send_signal(signal.SIGCONT)
    out, _ = first.communicate()
    expect("two runs: the second", bool(told) and f"held by process {first.pid}" in told[0], True)
    expect("two runs: the first", (first.returncode, counts(json.loads(out))), (0, [1, 60_000, 60_000, 0, 0]))


def main():
    tests = (names_of_any_bytes, not_to_be_read, files_that_change, a_run_is_reproduced_while_a_file_is_replaced, archives, many_small_files, the_same_file_twice,
             two_runs_at_once)
    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o755)
        for test in tests:
            if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
                test(pathlib.Path(base))
    print("\n".join(batch_inputs.failures + [f"{len(tests)} tests, {len(batch_inputs.failures)} differences"]))
    return 1 if batch_inputs.failures else 0


if __name__ == "__main__":
    sys.exit(main())
