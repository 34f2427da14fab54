#!/usr/bin/env python3
"""heddle generate --scale: the same seed gives the same bytes, and day 2 is day 1 with 4 % of its rows changed and 1 % new. The batch leg makes of both
days what bench/peers/duckdb_batch.sql, which shares no code with it, makes of them."""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from batch import Bench  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
ROWS = 20_000


def generate(folder, *words, code=0):
    made = subprocess.run([HEDDLE, "generate", "--scale", str(ROWS), *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert made.returncode == code, (words, made.returncode, made.stderr)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def days_are_as_told(base):
    for name, *words in (("one",), ("same",), ("other", "--seed", "2"), ("two", "--day", "2")):
        generate(base, "--out", name, *words)
    one, two = files(base / "one"), files(base / "two")
    assert one == files(base / "same")
    assert all(one[name] != other for name, other in files(base / "other").items())
    for name, text in one.items():
        before, after = text.splitlines(), two[name].splitlines()
        changed = sum(a != b for a, b in zip(before, after))
        assert all(len(a) <= len(b) for a, b in zip(before, after)), name  # Positions in the file never go back.
        assert 0 <= changed / len(before) < 0.08 and (changed > 0 or name == "patients.csv"), (name, changed)
        assert 1.005 < len(after) / len(before) < 1.015, name
    generate(base, "--out", "no", "--from", "W", code=2)
    generate(base, "--out", "no", "--day", "3", code=2)


def peer_agrees(base):
    options = argparse.Namespace(whole=False, rows=ROWS, threads=2, memory="1GB", heddle=HEDDLE)
    bench = Bench(options, base)
    for day in (1, 2):
        bench.generate(day)
        subprocess.run(bench.heddle_day(day), cwd=base, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        subprocess.run(bench.peer_day(day), cwd=base, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        ours, theirs = bench.found()
        assert theirs["observation"].split()[0] != "0" and theirs["quarantine"] != "0", theirs
        assert ours == theirs, (day, ours, theirs)


def main():
    with tempfile.TemporaryDirectory() as base:
        days_are_as_told(pathlib.Path(base))
    with tempfile.TemporaryDirectory() as base:
        peer_agrees(pathlib.Path(base))


if __name__ == "__main__":
    main()
