#!/usr/bin/env python3
"""Runs the text tests of tests/pipelines/ (its README says what one looks like).

With --accept it writes what was found into the tests instead: look at the difference before you commit it."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1] / "pipelines"
HEDDLE = pathlib.Path(os.environ.get("HEDDLE", ROOT.parents[1] / "build" / "heddle")).resolve()


def sections(text):
    """[(heading, body)] of the lines `--- heading` and what follows each; what stands before the first is the comment."""
    parts = re.split(r"^--- (.*)\n", text, flags=re.M)
    return parts[0], list(zip(parts[1::2], parts[2::2]))


def change(folder, name, body):
    """OLD, a line `=>`, NEW: replaces the one place of OLD in the file."""
    old, new = (part.strip("\n") for part in re.split(r"^=>$", body, maxsplit=1, flags=re.M))
    text = (folder / name).read_text()
    if text.count(old) != 1:
        raise SystemExit(f"{name} has {text.count(old)} places of {old!r}, not one")
    (folder / name).write_text(text.replace(old, new))


def prepare(folder, parts):
    shutil.copytree(ROOT / "base", folder, dirs_exist_ok=True)
    for heading, body in parts:
        words = heading.split()
        if words[0] == "file":
            (folder / words[1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / words[1]).write_text(body)
        elif words[0] == "change":
            change(folder, words[1], body)


def run(folder, command):
    """(exit code, what was printed) with the folder's path taken out."""
    done = subprocess.run([HEDDLE, *shlex.split(command)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    text = (done.stdout + done.stderr).replace(str(folder), "FOLDER")
    text = re.sub(r"\b[0-9a-f]{32}\b", "DIGEST", text)  # It covers absolute paths.
    return done.returncode, text if text.endswith("\n") or not text else text + "\n"


def check(path, accept):
    """The differences of one test."""
    text = path.read_text()
    _, parts = sections(text)
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve() / "edw"
        prepare(folder, parts)
        command = next(body.strip() for heading, body in parts if heading == "command")
        code, printed = run(folder, command)
    heading = f"exit {code}"
    wanted = next(((head, body) for head, body in parts if head.startswith("exit ")), ("exit ?", ""))
    if accept:
        path.write_text(text.split("--- exit", 1)[0] + f"--- {heading}\n{printed}")
    elif (heading, printed) != wanted:
        found.append(f"{path.relative_to(ROOT)}: {command}\n  expected {wanted[0]}\n{wanted[1]}  found {heading}\n{printed}")
    return found


def main():
    accept = "--accept" in sys.argv[1:]
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    paths = [path for path in sorted(ROOT.rglob("*.test")) if not named or any(word in str(path) for word in named)]
    failures = [difference for path in paths for difference in check(path, accept)]
    print("\n".join(failures + [f"{len(paths) - len(failures)} passed, {len(failures)} failed"]))
    return 1 if failures or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
