#!/usr/bin/env python3
"""What README.md shows is what happens: every `$ heddle …` and `$ python3 …` of it is run over the demo's world, and the lines below must come in
that order. tools/demo runs the same. What differs from one run to the next (numbers of runs, revisions) is masked."""
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEDDLE = os.environ["HEDDLE"]
MASKED = ((r"\b\d{8}-\d+\b", "RUN"), (r"rows of windows \d+", "rows of windows N"), (r"revisions of alerts \d+, delivered \d+", "revisions of alerts N"),
          (r"epochs 1 to \d+", "epochs 1 to N"))


def masked(line):
    for pattern, name in MASKED:
        line = re.sub(pattern, name, line)
    return line.strip()


def shown():
    """(command, lines below it) of each command of the README, in its order."""
    for block in re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S):
        command, lines = None, []
        for line in block.splitlines() + ["$ "]:
            if not line.startswith("$ "):
                lines.append(line)
                continue
            if command:
                yield command, [masked(text) for text in lines if text.strip() and text.strip() != "..."]
            command, lines = line[2:], []


def missing(lines, printed):
    at = iter(masked(line) for line in printed.splitlines())
    return [line for line in lines if line not in at]


def main():
    failures, commands = [], []
    demo = (ROOT / "tools/demo").read_text()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "demo"
        shutil.copytree(ROOT / "examples/hybrid", folder)
        key = folder / "store.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
        for command, lines in shown():
            here = command.replace("heddle", f"'{HEDDLE}'", 1).replace("tests/oracle", f"{ROOT}/tests/oracle").replace("build/demo", ".")
            done = subprocess.run(here, shell=True, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            commands.append(command)
            if done.returncode != 0:
                failures.append(f"{command}: exit {done.returncode}\n{done.stderr}")
            for line in missing(lines, done.stdout):
                failures.append(f"{command} does not print, or not there: {line}")
            if " query " not in command and not all(word in demo for word in command.split()):
                failures.append(f"tools/demo does not run: {command}")
    if len(commands) < 5:
        failures.append(f"the README shows only {commands}")
    print("\n".join(failures) or f"{len(commands)} commands of the README print what it shows")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
