#!/usr/bin/env python3
"""What docs/guide/own-csv.md says of examples/own-csv happens: each `$ heddle …` of the page is run over a copy, and the lines below it must come in that
order; `X` written (or renamed) `Y` in the text above changes the mapping (or the file) first, and a mapping is put back afterwards."""
import os
import pathlib
import re
import subprocess
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
HEDDLE = os.environ["HEDDLE"]
EXAMPLE = ROOT / "examples/own-csv"
MAPPING, FILE = "model/mappings/mylab_results.json", "results/2026-03-14.csv"


PAGE = (ROOT / "docs/guide/own-csv.md").read_text()
OPTIONS = re.compile(r"^```json\n(.*?)^```\n", re.M | re.S)


def parts():
    """(text, block of commands) of the page, in order."""
    pieces = re.split(r"^```\n(.*?)^```\n", OPTIONS.sub("", PAGE), flags=re.M | re.S)
    return zip(pieces[0::2], pieces[1::2])


def options_fit(folder):
    """Whether the transforms that the page shows are right."""
    text = (folder / "pipeline.json").read_text()
    shown, = OPTIONS.findall(PAGE)
    (folder / "other.json").write_text(re.sub(r'"transforms": \[.*?\]', lambda _: shown.strip(), text))
    done = subprocess.run([HEDDLE, "check", "other.json"], cwd=folder, capture_output=True, text=True)
    return [] if done.returncode == 0 and shown.strip() in (folder / "other.json").read_text() else [done.stdout + done.stderr]


def change(folder, name, text, word):
    """Makes the changes that the text tells of; how many."""
    changes = re.findall(rf"`([^`]+)` {word} `([^`]+)`", text)
    for old, new in changes:
        content = (folder / name).read_text()
        if content.count(old) != 1:
            raise SystemExit(f"{name} has {content.count(old)} places of {old}")
        (folder / name).write_text(content.replace(old, new))
    return len(changes)


def commands(block):
    command, lines = None, []
    for line in block.splitlines() + ["$ "]:
        if not line.startswith("$ "):
            lines.append(line.strip())
            continue
        if command:
            yield command, lines
        command, lines = line[2:], []


def main():
    failures, count, changed = [], 0, 0
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base).resolve() / "own-csv"
        shutil.copytree(EXAMPLE, folder)
        failures += options_fit(folder)
        for text, block in parts():
            written = change(folder, MAPPING, text, "written")
            changed += written + change(folder, FILE, text, "renamed")
            for command, lines in commands(block):
                done = subprocess.run(command.replace("heddle", f"'{HEDDLE}'", 1), shell=True, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
                printed = iter(line.strip() for line in (done.stdout + done.stderr).replace(f"{folder}/", "").splitlines())
                failures += [f"{command} does not print, or not there: {line}" for line in lines if line not in printed]
                failures += [f"{command}: exit {done.returncode}"] if (done.returncode == 0) == any("wrong" in line or "NOT" in line for line in lines) else []
                count += 1
            if written:
                shutil.copy(EXAMPLE / MAPPING, folder / MAPPING)
    if count < 6 or changed != 3:
        failures.append(f"the page has {count} commands and {changed} changes")
    print("\n".join(failures) or f"{count} commands of the page print what it shows")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
