#!/usr/bin/env python3
"""The stream killed, torn, failed and stopped inside its system calls: what stands in the store afterwards equals a quiet run over the whole log, and each revision
of an alert was delivered once (I2). Calls are met by a library that is preloaded (tests/shim/fault_shim.c, FAULT_SHIM); exit 77 without it.

    TORTURE_POINTS=10000 TORTURE_SEED=7 widens it (`make torture`)."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hybrid  # noqa: E402
import kill  # noqa: E402

SHIM = os.environ.get("FAULT_SHIM", "")
POINTS = int(os.environ.get("TORTURE_POINTS", "200"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
SLICES = 50  # Of the log, a run each, before a life is judged.
CALLS_MAX = 300  # A run of one slice makes about as many.
SMALL_EPOCHS = ("--set", "runtime.epoch.rows=20", "--set", "runtime.epoch.interval=10ms")
STREAM = ("stream", "pipeline.json", *SMALL_EPOCHS)


def expect(what, found, wanted):
    if found != wanted:
        hybrid.failures.append(f"{what}: found {found}, wanted {wanted}")


def environment(folder, fault, at, log=None):
    named = {"LD_PRELOAD": SHIM, "FAULT_UNDER": str(folder), "FAULT": fault, "FAULT_AT": str(at)}
    return {**os.environ, **named, **({"FAULT_LOG": str(log)} if log else {})}


def met(folder, fault, at, *words, log=None):
    """A run in which a fault may be met."""
    return subprocess.run([hybrid.HEDDLE, *STREAM, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                          env=environment(folder, fault, at, log))


def judge(folder, quiet, what):
    """A last run without faults ends it."""
    hybrid.heddle(*STREAM, "--drain", folder=folder)
    before = len(hybrid.failures)
    kill.compare(hybrid.content(folder), quiet)
    hybrid.delivered(folder, what)
    lines = Counter((line["alert_id"], line["revision"]) for line in map(json.loads, (folder / "alerts.ndjson").read_text().splitlines()))
    expect(f"{what}: lines that stand twice", [key for key, count in lines.items() if count > 1], [])
    hybrid.failures[before:] = [f"{what}: {failure}" for failure in hybrid.failures[before:]]


def killed(base, world, quiet, chance):
    """One life after the other, killed in many calls, while its log grows."""
    points = runs = lives = 0
    while points < POINTS and not hybrid.failures and runs < 20 * POINTS + 100:
        folder = base / "torn"
        shutil.copytree(world, folder)
        logs = {path: path.read_bytes() for path in sorted((folder / "events").glob("*.ndjson"))}
        cuts = {path: kill.slices(len(text), SLICES - 1, chance) for path, text in logs.items()}
        first, lives = points, lives + 1
        for cut in range(SLICES):
            for path, text in logs.items():
                kill.grow(path, text, cuts[path][cut], cut == 0)
            fault, at = chance.choice(("kill", "kill_after", "tear")), int(CALLS_MAX ** chance.random())
            done = met(folder, fault, at, "--once", "--set", f"runtime.workers={chance.choice((1, 2, 4))}")
            runs += 1
            points += done.returncode == -signal.SIGKILL
            if done.returncode not in (0, -signal.SIGKILL):
                hybrid.failures.append(f"{fault} at {at}: exit {done.returncode}: {done.stderr.decode()[-1000:]}")
                break
        judge(folder, quiet, f"life {lives} (seed {SEED}, points from {first})")
        shutil.rmtree(folder)
    return points, runs, lives


def failing(base, world, quiet, chance, fault, share):
    """Each call, or a share of them, fails once, in a first start."""
    folder, count, failed = base / "failing", 0, 0
    shutil.copytree(world, folder)
    log = base / "calls"
    log.unlink(missing_ok=True)
    expect("a run whose calls are noted", met(folder, fault, 0, "--once", log=log).returncode, 0)
    calls = [line.split()[0] for line in log.read_text().splitlines()]
    total = sum(call == "sync" for call in calls) if fault == "sync" else len(calls)
    shutil.rmtree(folder)
    for at in range(1, total + 1):
        if chance.random() >= share:
            continue
        shutil.copytree(world, folder)
        log.unlink(missing_ok=True)
        done = met(folder, fault, at, "--once", log=log)
        count += 1
        failed += done.returncode != 0
        told = done.stderr.decode()
        what = f"{fault} at {at}"
        # A sink that fails is tried again; what cannot be done else ends the process, and says so.
        if done.returncode not in (0, 74) or (done.returncode == 74 and "heddle: " not in told):
            hybrid.failures.append(f"{what}: exit {done.returncode}: {told[-1000:]}")
        noted = [line.split() for line in log.read_text().splitlines()]
        where = next((i for i, words in enumerate(noted) if words[-1] == "!"), None)
        if fault == "sync" and where is not None and noted[where][1].startswith("state-"):
            expect(f"{what}: calls on {noted[where][1]} behind its sync that failed (P8)", [w for w in noted[where + 1:] if w[1] == noted[where][1]], [])
        judge(folder, quiet, what)
        shutil.rmtree(folder)
    return count, failed


def stopped_at(folder, on, at):
    """A stream that stands still before the n-th such call."""
    process = subprocess.Popen([hybrid.HEDDLE, *STREAM, "--once"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**environment(folder, "stop", at), "FAULT_ON": on})
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return process


def goes_on(process):
    process.send_signal(signal.SIGCONT)
    process.wait(timeout=120)
    return process.returncode, process.stderr.read().decode()


def overtaken(base, world, quiet):
    """Stopped while it seals an epoch, before BEGIN: another process takes over (the lock is out of the way, as on another machine). The first one is fenced, and
    neither commits nor delivers."""
    folder = base / "overtaken"
    shutil.copytree(world, folder)
    process = stopped_at(folder, "sync state-", 2)
    held = hybrid.heddle(*STREAM, "--once", folder=folder, codes=(75,), with_errors=True)
    expect("a store that is locked", f"held by process {process.pid}" in held, True)
    (folder / "store.db.lock").unlink()
    hybrid.heddle(*STREAM, "--drain", folder=folder)
    before = hybrid.content(folder), (folder / "alerts.ndjson").read_bytes()
    code, told = goes_on(process)
    expect("the one that was overtaken", (code, "another process took the store over" in told), (75, True))
    expect("what it changed", (hybrid.content(folder), (folder / "alerts.ndjson").read_bytes()) == before, True)
    judge(folder, quiet, "overtaken")
    shutil.rmtree(folder)


def stopped_in_commit(base, world, quiet):
    """Stopped between BEGIN and the end of COMMIT: nobody takes over, for the store is being written; then it goes on as the owner."""
    folder = base / "committing"
    shutil.copytree(world, folder)
    process = stopped_at(folder, "write store.db-wal", 40)
    (folder / "store.db.lock").unlink()
    hybrid.heddle(*STREAM, "--once", folder=folder, codes=(75,))
    expect("the one that was stopped in its commit", goes_on(process)[0], 0)
    judge(folder, quiet, "stopped in its commit")
    shutil.rmtree(folder)


def stopped_in_delivery(base, world, quiet):
    """Stopped when a line is about to be written: the other one waits for the file's lock; the line stands there once."""
    folder = base / "delivering"
    shutil.copytree(world, folder)
    process = stopped_at(folder, "write alerts.ndjson", 1)
    (folder / "store.db.lock").unlink()
    with subprocess.Popen([hybrid.HEDDLE, *STREAM, "--once"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as second:
        while second.poll() is None and not hybrid.query(folder, "REALTIME_ANALYTICS_STORE", "select value from store_meta where name = 'generation' and value = '2'"):
            os.sched_yield()
        expect("the one that was stopped while it delivered", goes_on(process)[0] in (0, 75), True)
        expect("the one that waited", (second.wait(timeout=120), second.stderr.read().decode()), (0, ""))
    judge(folder, quiet, "stopped while it delivered")
    shutil.rmtree(folder)


def main():
    if not SHIM or not pathlib.Path(SHIM).exists():
        print("skipped: no library to preload (FAULT_SHIM)")
        return 77
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base).resolve()
        world = hybrid.make("11", "120", "1", base)
        kill.hold_silent_logs(world)
        hybrid.heddle("batch", "pipeline.json", folder=world)
        folder = base / "quiet"
        shutil.copytree(world, folder)
        hybrid.heddle(*STREAM, "--drain", folder=folder)
        quiet = hybrid.content(folder)
        for case in (overtaken, stopped_in_commit, stopped_in_delivery):
            case(base, world, quiet)
        if len(sys.argv) > 1:
            print(hybrid.failures)
            return 1
        points, runs, lives = killed(base, world, quiet, chance)
        print(f"killed at {points} points in {runs} runs of {lives} lives", flush=True)
        shares = {"sync": 1, "eio": POINTS / 4000, "enospc": POINTS / 4000}
        for fault, share in shares.items():
            print("{}: {} runs, {} of them failed".format(fault, *failing(base, world, quiet, chance, fault, share)), flush=True)
    for failure in hybrid.failures:
        print(failure[:2000])
    print(f"{len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
