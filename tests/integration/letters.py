#!/usr/bin/env python3
"""heddle letters over a store made from its schema: what a sender wrote is shown only where it is asked for, and then the
audit file knows of it first."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEDDLE = os.environ["HEDDLE"]
PIPELINE = {"pipeline": {"streaming": {"source": "LOG", "transforms": ["enrich_with_patient_master", "validate_event"], "windows": "5m", "sink": ["STORE"]}}}
BINDINGS = {"pipeline": {"name": "edw", "zone": "UTC"},
            "bindings": {"LOG": "events/*.ndjson", "STORE": {"type": "sqlite", "path": "store.db", "encryption": "none"}}}
SECRET = "MRN4711"


def letters(folder, *words, code=0):
    done = subprocess.run([HEDDLE, "letters", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != code:
        raise SystemExit(f"{words}: exit {done.returncode} instead of {code}\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found}, expected {wanted}")


def audited(folder):
    lines = [json.loads(line) for path in folder.glob("*audit*") if not path.name.endswith(".head") for line in path.read_text().splitlines()]
    return [(line["action"], line["binding"], line["detail"]) for line in lines]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))
        expect("no store yet", "there is no store" in letters(folder, code=74), True)
        store = sqlite3.connect(folder / "store.db")
        store.executescript((ROOT / "src/store/schema.sql").read_text())
        store.execute("insert into dead_letter values ('LOG', 'a.ndjson', 17, 0, 'decode', '', null, null, ?, null, 1767312000000000, "
                      "'malformed_record', 'cut', ?, 'p', 'open', 0, null, 3)", (SECRET, b'{"patient_id":"%s"' % SECRET.encode()))
        store.commit()
        store.close()
        expect("summary", [(row["reason_code"], row["letter_count"]) for row in map(json.loads, letters(folder, "--format", "json").splitlines())],
               [("malformed_record", 1)])
        for words in ([], ["list"], ["list", "malformed_record"], ["show", "a.ndjson:17"]):
            text = letters(folder, *words)
            expect(f"{words} names the reason", "malformed_record" in text, True)
            expect(f"{words} shows patient data", SECRET in text, False)
        expect("audited: show alone", audited(folder), [("letters", "STORE", "show a.ndjson:17")])
        shown = json.loads(letters(folder, "show", "a.ndjson:17", "--show-bytes", "--format", "json"))
        expect("bytes", shown["bytes"], '{"patient_id":"%s"' % SECRET)
        expect("key", shown["event_key"], SECRET)
        expect("audited: with what the sender wrote", audited(folder)[1:], [("letters", "STORE", "show a.ndjson:17 --show-bytes")])
        expect("in words", SECRET in letters(folder, "show", "a.ndjson:17", "--show-bytes"), True)
        expect("no such letter", "no letter" in letters(folder, "show", "a.ndjson:18", code=2), True)
        expect("no name", "PARTITION:POSITION" in letters(folder, "show", "a.ndjson", code=2), True)
        letters(folder, "--show-bytes", code=2)
        letters(folder, "burn", code=2)
        # Where the audit cannot be written nothing is shown.
        for path in folder.glob("*audit*"):
            path.unlink()
        audit = next(line for line in subprocess.run([HEDDLE, "explain", "pipeline.json", "--format", "json"], cwd=folder, capture_output=True,
                                                     text=True).stdout.split('"') if "audit" in line and line.startswith("/"))
        os.mkdir(audit)
        expect("shown without audit", SECRET in letters(folder, "show", "a.ndjson:17", "--show-bytes", code=74), False)
        expect("told without audit", "malformed_record" in letters(folder, "show", "a.ndjson:17", code=74), False)
    print("letters: counted, listed, shown; bytes only where asked for and audited")
    return 0


if __name__ == "__main__":
    sys.exit(main())
