#!/usr/bin/env python3
"""What docs/guide/streaming.md shows is what happens: each `$ …` of it is run over a copy of examples/hybrid, and the lines below must come in that order. Of
the part that looks at a stream which runs, and of where its time goes, words must be there; numbers are of the moment."""
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guide/streaming.md").read_text()
HEDDLE = pathlib.Path(os.environ["HEDDLE"]).resolve()


def commands():
    """(command, lines below it), in the page's order."""
    for block in re.findall(r"^```\n(.*?)^```", PAGE, re.M | re.S):
        command, lines = None, []
        for line in block.splitlines() + ["$ "]:
            if not line.startswith("$ "):
                lines.append(line)
                continue
            if command:
                yield command, lines
            command, lines = line[2:], []


def words_of(line):
    """Its words in order; numbers are N."""
    return re.sub(r"\b\d[\d,.]*(?![\w-])", "N", line).split()


def fits(line, wanted, is_of_the_moment):
    if not is_of_the_moment:
        return line.split()[:len(wanted.split())] == wanted.split()
    return f" {' '.join(words_of(wanted))} " in f" {' '.join(words_of(line))} "


def missing(lines, printed, is_of_the_moment):
    at = iter(printed.splitlines())
    return [wanted for wanted in lines if not any(fits(line, wanted, is_of_the_moment) for line in at)]


class Guide:
    def __init__(self, base):
        self.folder = base / "hybrid"
        shutil.copytree(ROOT / "examples/hybrid", self.folder)
        (base / "bin").mkdir()
        (base / "bin/heddle").symlink_to(HEDDLE)
        key = self.folder / "store.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
        self.environment = {**os.environ, "PATH": f"{base / 'bin'}:{os.environ['PATH']}"}
        self.background = []
        self.failures = []

    def shell(self, command, **more):
        return {"args": ["bash", "-c", command], "cwd": self.folder, "env": self.environment, "stdin": subprocess.DEVNULL, **more}

    def begin(self, command):
        """In the background, in a group of its own; where it is the stream, until it has committed something of its own."""
        process = subprocess.Popen(**self.shell(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))
        self.background.append(process)
        if "stream" in command:
            while process.poll() is None and b"part-1.ndjson" not in subprocess.run(**self.shell("heddle top", capture_output=True)).stdout:
                pass

    def run(self, command, lines):
        if command.endswith(" &"):
            self.begin(command[:-2])
            return
        done = subprocess.run(**self.shell(command, capture_output=True, text=True))
        if done.returncode not in ((0, 137, -signal.SIGKILL) if command.startswith("timeout -s KILL") else (0,)):
            self.failures.append(f"{command}: exit {done.returncode}\n{done.stderr}")
        is_of_the_moment = any(word in command for word in ("heddle top", "heddle tap", "--explain-slow"))
        absent = missing(lines, done.stdout, is_of_the_moment)
        self.failures += [f"{command} does not print, or not there: {line}" for line in absent] + ([done.stdout] if absent else [])

    def end(self):
        for process in self.background:
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            process.wait()


def main():
    count = 0
    with tempfile.TemporaryDirectory() as base:
        guide = Guide(pathlib.Path(base))
        try:
            for command, lines in commands():
                guide.run(command, [line for line in lines if line.strip()])
                count += 1
        finally:
            guide.end()
    if count < 20:
        guide.failures.append(f"the page shows only {count} commands")
    print("\n".join(guide.failures) or f"{count} commands of the page print what it shows")
    return 1 if guide.failures else 0


if __name__ == "__main__":
    sys.exit(main())
