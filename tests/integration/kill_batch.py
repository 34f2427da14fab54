#!/usr/bin/env python3
"""kill -9 at random points of a batch run: the last published run stays readable with its digests, nothing that the killed run made is
left behind by the next start, and the run that goes through has the digests that it has without kills (I5, I9, R2). A run that is
asked to stop ends with 143 or 130, and publishes nothing.

    HEDDLE_KILLS=200 HEDDLE_SEED=7 widens it."""
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
import batch_run  # noqa: E402

KILLS = int(os.environ.get("HEDDLE_KILLS", "9"))
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
DAYS = ("2026-03-02", "2026-03-03", "2026-03-04")
STAYS = {"warehouse.db", "warehouse.db.lock"}  # Of the warehouse's own files, after a run that ended by itself.


def take_day(folder, days, day):
    shutil.rmtree(folder / "in", ignore_errors=True)
    shutil.copytree(days / day, folder / "in")


def start(folder, day):
    return subprocess.Popen([batch_run.HEDDLE, "batch", "pipeline.json", "--for", day], cwd=folder,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended_by(folder, day, after, number):
    """The exit code of a run that is sent the signal after so many seconds; 0: it was done before."""
    process = start(folder, day)
    try:
        _, errors = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        _, errors = process.communicate()
    assert process.returncode in (0, -number, 128 + number), (process.returncode, errors.decode()[-2000:])
    return process.returncode


def published(folder):
    """The digests of the last published run, each table's; None: there is none yet."""
    made = subprocess.run([batch_run.HEDDLE, "query", batch_run.WAREHOUSE,
                           "SELECT table_name, row_count, digest FROM meta.run_digest WHERE run_id = (SELECT max_by(run_id, number) FROM meta.run WHERE published) "
                           "ORDER BY ALL", "--format", "json"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == 0 or "there is no warehouse at" in made.stderr, made.stderr
    return [json.loads(line) for line in made.stdout.splitlines()] or None


def nothing_is_left(folder):
    left = {path.name for path in folder.iterdir() if path.name.startswith("warehouse.db")} - STAYS
    assert not left, left
    assert not batch_run.ask(folder, "SELECT schema_name FROM duckdb_schemas() WHERE starts_with(schema_name, 'run_')")
    assert batch_run.ask(folder, "SELECT count(*) AS n FROM meta.run WHERE status = 'running'")[0]["n"] == 0


def is_asked_to_stop(folder, day, whole, wanted, chance):
    """SIGTERM and SIGINT: the first one, at any moment, is enough. What is published is as before, or all of the run: the signal may come behind its commit, while the
    patient master is left."""
    before = published(folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        for _ in range(20):
            code = ended_by(folder, day, chance.uniform(0, whole) / 2, number)
            if code != 0:
                break
        # A signal before the program has begun to listen ends it as by default.
        assert code in (128 + number, -number), code
        if code == 128 + number:
            assert published(folder) in (before, wanted)


def main():
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        quiet, torn = base / "quiet", base / "torn"
        quiet.mkdir()
        batch_run.heddle(quiet, "generate", "--seed", "11", "--patients", "400", "--days", "3", "--out", ".")
        shutil.copy(batch_run.ROOT / "examples/hybrid/pipeline.json", quiet)
        (quiet / "bindings.json").write_text(json.dumps(batch_run.BINDINGS))
        days = quiet / "days"
        shutil.copytree(quiet, torn)
        wanted, whole = {}, {}
        for day in DAYS:
            take_day(quiet, days, day)
            begin = time.monotonic()
            batch_run.heddle(quiet, "batch", "pipeline.json", "--for", day)
            whole[day] = time.monotonic() - begin
            wanted[day] = published(quiet)
        shutil.copy(quiet / "person.key", torn / "person.key")
        killed = 0
        for i, day in enumerate(DAYS):
            take_day(torn, days, day)
            before, runs, done = published(torn), 0, False
            goal = KILLS * (i + 1) // len(DAYS)
            while killed < goal and runs < 4 * KILLS:
                runs += 1
                code = ended_by(torn, day, chance.uniform(0, whole[day]), signal.SIGKILL)
                killed += code == -signal.SIGKILL
                now = published(torn)
                # A kill may fall behind the commit: then the whole of the run is there, and from then on it adds nothing.
                assert now in (before, wanted[day]), (day, now, before)
                assert not (before == wanted[day] and now != before), day
                before = now
            if i == len(DAYS) - 1:
                is_asked_to_stop(torn, day, whole[day], wanted[day], chance)
            batch_run.heddle(torn, "batch", "pipeline.json", "--for", day)
            assert published(torn) == wanted[day], day
            nothing_is_left(torn)
        assert killed >= KILLS, killed
        print(f"{killed} kills over {len(DAYS)} days (seed {SEED}): the digests are those of {len(DAYS)} quiet runs")


if __name__ == "__main__":
    main()
