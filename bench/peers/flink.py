#!/usr/bin/env python3
"""heddle's live leg beside Flink SQL on the same events (bench/live.py's world, four log files), in turn: events a second of processor time and the most memory.
Flink does the windows alone, and its results go nowhere; heddle does them, deduplication, late events, dead letters, all rules, and commits everything to an encrypted
store (FlinkWindows.java says what is left out). Of Flink the rounds after the first count, in one virtual machine: its first one is a warm-up.

Needs a Java 17 with javac, and pip, which fetches Flink 2.2.1 (313 MB) into FOLDER where it is not there yet.

    bench/peers/flink.py FOLDER [HEDDLE [PATIENTS [PARALLELISM [ROUNDS]]]]"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else sys.exit(__doc__)
PARALLELISM = sys.argv[4] if len(sys.argv) > 4 else "1"
ROUNDS = int(sys.argv[5]) if len(sys.argv) > 5 else 3
sys.argv = [sys.argv[0], *sys.argv[2:4]]  # live.py takes the program and the patients from here.
sys.path.insert(0, str(HERE.parent))
import live

OPENED = ["java.lang", "java.util", "java.net", "java.io", "java.nio", "java.text", "java.time", "java.lang.reflect", "java.util.concurrent",
          "java.util.concurrent.atomic", "java.util.concurrent.locks", "sun.net.util"]


def fetch():
    lib = FOLDER / "pyflink/lib"
    if not lib.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(FOLDER), "apache-flink-libraries==2.2.1"], check=True)
        with zipfile.ZipFile(next(FOLDER.glob("apache_flink_libraries-*.whl"))) as wheel:
            wheel.extractall(FOLDER)
    subprocess.run(["javac", "-cp", f"{lib}/*", "-d", str(FOLDER / "classes"), str(HERE / "FlinkWindows.java")], check=True)
    return f"{FOLDER / 'classes'}:{lib}/*"


def flink(classes, events, patients):
    opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    process = subprocess.Popen(["java", "-Xmx4g", *opens, "-cp", classes, "FlinkWindows", str(events), str(patients), PARALLELISM, str(ROUNDS + 1)],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    rounds = [json.loads(line) for line in process.stdout.read().splitlines() if line.startswith(b"{")]
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or len(rounds) != ROUNDS + 1:
        sys.exit("Flink did not get to its end")
    return rounds[1:], usage.ru_maxrss / 1024


def main():
    classes = fetch()
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "world"
        shutil.copytree(live.ROOT / "examples/hybrid", folder)
        live.run("generate", "--seed", "3", "--patients", live.PATIENTS, "--days", "3", "--out", ".", cwd=folder)
        live.run("batch", "pipeline.json", cwd=folder)
        (folder / "events").rename(folder / "full")
        (folder / "events").mkdir()
        (folder / "patients").write_text("".join(f"P{number:06d}\n" for number in range(int(live.PATIENTS) + 1)))
        ours = []
        for _ in range(ROUNDS):
            told, memory = live.one_round(folder)
            ours.append(told["received"] / told["cpu_us"])
        print(f"heddle: {' '.join(f'{rate:.3f}' for rate in ours)} M events a CPU second, {told['received'] / told['duration_us']:.3f} M a second, {memory:.0f} MB at most")
        rounds, memory = flink(classes, folder / "full", folder / "patients")
        theirs = [told["received"] / done["cpu_seconds"] / 1e6 for done in rounds]
        print(f"Flink:  {' '.join(f'{rate:.3f}' for rate in theirs)} M events a CPU second, {told['received'] / rounds[-1]['seconds'] / 1e6:.3f} M a second, {memory:.0f} MB at most")
        print(f"ratio of medians {statistics.median(ours) / statistics.median(theirs):.2f}")


if __name__ == "__main__":
    main()
