#!/usr/bin/env python3
"""kill -9 at random moments of both legs while the log grows: what stands in warehouse and store afterwards equals one quiet
run over the whole, and each revision of an alert was delivered (I2).

    HEDDLE_KILLS=100 HEDDLE_SEED=7 widens it."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hybrid  # noqa: E402

KILLS = int(os.environ.get("HEDDLE_KILLS", "30"))
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
RUNS_MAX = 4 * KILLS  # A run that ends before it is killed does not count.
SMALL_EPOCHS = ("--set", "runtime.epoch.rows=50")


def slices(size, count, chance):
    """Places to cut a file at, anywhere, the middle of a line too."""
    return sorted(chance.randrange(size) for _ in range(count)) + [size]


def killed_run(verb, folder, after, workers):
    """Whether it was still running when its time was up."""
    once = () if verb == "batch" else ("--once", *SMALL_EPOCHS, "--set", f"runtime.workers={workers}")
    process = subprocess.Popen([hybrid.HEDDLE, verb, "pipeline.json", *once], cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    if process.returncode != 0:
        hybrid.failures.append(f"{verb}: exit {process.returncode}: {errors.decode()[-2000:]}")
    return False


def main():
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        world = hybrid.make("11", "300", "2", base)
        hold_silent_logs(world)
        quiet = base / "quiet"
        shutil.copytree(world, quiet)
        begin = time.monotonic()
        hybrid.heddle("run", "pipeline.json", "--drain", *SMALL_EPOCHS, folder=quiet)
        whole = time.monotonic() - begin

        torn = base / "torn"
        shutil.copytree(world, torn)
        shutil.copy(quiet / "person.key", torn / "person.key")
        logs = {path: path.read_bytes() for path in sorted((torn / "events").glob("*.ndjson"))}
        cuts = {path: slices(len(text), RUNS_MAX, chance) for path, text in logs.items()}
        killed = runs = 0
        until = {"batch": whole, "run": whole, "stream": whole / 2}  # A run of which much is done already is over sooner.
        history_is_there = False
        while killed < KILLS and runs < RUNS_MAX:
            for path, text in logs.items():
                grow(path, text, cuts[path][runs], runs == 0)
            if killed >= KILLS // 3 and not history_is_there:
                hybrid.heddle("batch", "pipeline.json", folder=torn)  # The stream takes history at its first start, so it is there.
                history_is_there = True
            verb = chance.choice(("run", "stream", "stream")) if history_is_there else "batch"
            begin = time.monotonic()
            if killed_run(verb, torn, chance.uniform(0, until[verb]), chance.choice((1, 2, 4))):
                killed += 1
            else:
                until[verb] = min(until[verb], time.monotonic() - begin)
            runs += 1
        for path, text in logs.items():
            grow(path, text, len(text), False)
        hybrid.heddle("run", "pipeline.json", "--drain", folder=torn)
        compare(hybrid.content(torn), hybrid.content(quiet))
        hybrid.delivered(torn, "after kills")
        if killed < KILLS:
            hybrid.failures.append(f"only {killed} runs of {runs} were killed, the others ended before")
    for failure in hybrid.failures:
        print(failure)
    print(f"{killed} of {runs} runs killed, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


def compare(torn, quiet):
    """Part by part, row by row: what differs is told, not all there is."""
    parts = ("windows", "alerts", "digests", "dead letters", "late events", "sums of counters")
    for part, found, wanted in zip(parts, json.loads(torn), json.loads(quiet)):
        found, wanted = ({json.dumps(row, sort_keys=True) for row in rows} for rows in (found, wanted))
        hybrid.expect(f"{part} after kills", sorted(found - wanted)[:3], sorted(wanted - found)[:3])


def hold_silent_logs(world):
    """A log that grows late here is one that is silent: beyond idle_keep what it then brings would be late by design (source_idle), which it is not where the
    whole log lies there at once."""
    path = world / "pipeline.json"
    text = path.read_text()
    hybrid.expect("legs in the pipeline", text.count('"streaming": {'), 1)
    path.write_text(text.replace('"streaming": {', '"streaming": { "idle_keep": "0s",'))


def grow(path, text, size, is_first):
    """The log's file stays the same file: its identity tells a rotated one."""
    if is_first:
        path.write_bytes(text[:size])
        return
    with path.open("ab") as log:
        log.write(text[log.tell() : size])


if __name__ == "__main__":
    sys.exit(main())
