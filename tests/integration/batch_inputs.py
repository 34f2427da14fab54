#!/usr/bin/env python3
"""Inputs of the batch leg as senders send them: plain, gzip, zstd, BOM, any line end, line ends inside quotes, both headers of Synthea,
several inputs a binding, a file that several threads share; sources without files; and the gates that keep a run back."""
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
OLD = "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON"
NEW = OLD.replace("FIRST,LAST", "FIRST,MIDDLE,LAST").replace("COUNTY,ZIP", "COUNTY,FIPS,ZIP") + ",HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE,INCOME"
ENCOUNTERS = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION"
ORU = ("MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|{id}|P|2.5.1\rPID|1||{patient}^^^^MR||Smith^Mary\r"
       "OBR|1||A{id}|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R{id}\r")
failures = []


def expect(what, found, wanted):
    if found != wanted:
        failures.append(f"{what}: {found}, expected {wanted}")


class Site:
    """One pipeline in a folder of its own."""

    def __init__(self, folder, sources, gates=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        batch = {"sources": list(sources), "transforms": ["cleanse", "standardize", "deduplicate", "conform"], "sink": "W"}
        (self.folder / "pipeline.json").write_text(json.dumps({"pipeline": {"batch": {**batch, **({"gates": gates} if gates else {})}}}))
        (self.folder / "bindings.json").write_text(json.dumps({"pipeline": {"name": "site", "zone": "America/New_York"}, "bindings": {
            **sources, "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}))

    def put(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def heddle(self, *words, code=0):
        done = subprocess.run([HEDDLE, *words], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != code:
            raise SystemExit(f"{words}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
        return done

    def batch(self, *more, code=0):
        done = self.heddle("batch", "pipeline.json", "--for", "2026-03-05", "--format", "json", *more, code=code)
        expect("the warehouse is said to be in clear", 'w.db is not encrypted ("encryption": "none")' in done.stderr, True)
        return (json.loads(done.stdout.splitlines()[0]) if done.stdout else None), done.stderr

    def ask(self, sql):
        return [json.loads(line) for line in self.heddle("query", "W", sql, "--format", "json").stdout.splitlines()]

    def digest(self, table):
        return [row["digest"] for row in self.ask("SELECT digest FROM meta.run_digest JOIN meta.run r USING (run_id) "
                                                  f"WHERE table_name LIKE '%{table}%' AND r.number = (SELECT max(number) FROM meta.run) ORDER BY table_name")]


def patient(number, header=OLD, name="Smith"):
    row = {"Id": f"P{number}", "BIRTHDATE": "1950-01-01", "SSN": f"999-99-{number:04}", "FIRST": "Ann", "MIDDLE": "May", "LAST": name, "RACE": "white", "GENDER": "F",
           "ADDRESS": '"1 Main Street, upper\nfloor"', "CITY": "Attleboro", "STATE": "Massachusetts", "ZIP": "02703"}
    return ",".join(row.get(column, "") for column in header.split(",")) + "\n"


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def the_same_however_it_is_wrapped(base):
    """One table in every wrapping: the same rows of core."""
    plain = (OLD + "\n" + "".join(patient(number) for number in range(20))).encode()
    wrapped = {"plain.csv": plain, "bom.csv": b"\xef\xbb\xbf" + plain, "gzip.csv.gz": gzip.compress(plain), "two_members.csv.gz": gzip.compress(plain[:700]) + gzip.compress(plain[700:]),
               "bom_in_gzip.gz": gzip.compress(b"\xef\xbb\xbf" + plain), "lines.csv": plain.replace(b"\n", b"\r\n").replace(b"upper\r\n", b"upper\n"),
               "no_last_end.csv": plain[:-1]}
    if shutil.which("zstd"):
        wrapped["zstd.csv.zst"] = zstd(plain)
    found = {}
    for name, data in wrapped.items():
        site = Site(base / name, {"A": "in/*"})
        site.put(f"in/{name}", data)
        summary, _ = site.batch()
        expect(f"{name}: counts", [summary["sources"][0][key] for key in ("received", "loaded", "quarantined")], [20, 20, 0])
        row = site.ask("SELECT count(*) AS n, count(DISTINCT patient_id) AS ids, min(address) AS street, min(middle_name) AS middle FROM core.patient")[0]
        expect(f"{name}: rows", (row["n"], row["ids"], row["street"].split()[-1].lower(), row["middle"]), (20, 20, "floor", None))
        found[name] = json.dumps(site.ask("SELECT patient_id, first_name, last_name, birth_date, address, city, zip_code, social_security_number FROM core.patient ORDER BY 1"))
    expect("contents", len(set(found.values())), 1)
    damaged = Site(base / "damaged", {"A": "in/*"}, {"quarantined_max": 1})
    damaged.put("in/cut.csv.gz", wrapped["gzip.csv.gz"][:-20])
    damaged.put("in/good.csv", plain)
    summary, _ = damaged.batch()
    expect("damaged: counts", [summary["sources"][0][key] for key in ("received", "loaded", "quarantined")], [21, 20, 1])
    expect("damaged: reason", damaged.ask("SELECT reason_code, file FROM meta.quarantine"), [{"reason_code": "truncated", "file": "in/cut.csv.gz"}])


def both_headers(base):
    site = Site(base / "headers", {"A": "in/*.csv"})
    site.put("in/old.csv", OLD + "\n" + patient(1))
    site.put("in/new.csv", NEW + "\n" + patient(2, NEW))
    site.batch()
    expect("headers", site.ask("SELECT patient_id, middle_name, zip_code FROM core.patient ORDER BY 1"),
           [{"patient_id": "P1", "middle_name": None, "zip_code": "02703"}, {"patient_id": "P2", "middle_name": "May", "zip_code": "02703"}])


def notes_are_counted(base):
    """What a decoder notes of a field stands in meta.quality beside what programs find: a column that the header lacks once a file, at its head;
    an object where one value is expected at its record."""
    site = Site(base / "notes", {"A": "in/*.csv", "B": {"inputs": [{"type": "file", "path": "in/*.ndjson", "format": "json"}]}}, {"quarantined_max": 1})
    site.put("in/a.csv", OLD + "\n" + patient(1))
    site.put("in/b.csv", OLD.replace(",SUFFIX", "") + "\n" + patient(2, OLD.replace(",SUFFIX", "")))
    event = {"event_id": "L1", "type": "lab_result", "event_time": "2026-03-02T12:00:00Z", "patient_id": "P1", "lab_result_id": "R1", "source_component_code": "2823-3",
             "result": "4.0", "source_units": "mmol/L", "status": "F"}
    lines = [json.dumps({**event, "event_id": f"L{number}", "lab_result_id": f"R{number}", **more}) + "\n" for number, more in enumerate((
        {}, {"accession_number": {"no": 1}}, {"accession_number": ["a", "b"]}, {"accession_number": {"no": 2}, "patient_id": None}))]
    site.put("in/c.ndjson", "".join(lines))
    site.batch()
    found = site.ask("SELECT source, entity, column_name, action, reason_code, row_count, sample_file, sample_position FROM meta.quality "
                     "WHERE reason_code IN ('missing_column', 'wrong_shape') AND entity IN ('patient', 'lab_result') ORDER BY ALL")
    expect("notes", [tuple(row.values()) for row in found],
           [("A", "patient", "middle_name", "null", "missing_column", 2, "in/a.csv", 0), ("A", "patient", "name_suffix", "null", "missing_column", 1, "in/b.csv", 0),
            ("B", "lab_result", "accession_number", "null", "wrong_shape", 2, "in/c.ndjson", len(lines[0]))])


def samples_of_findings(base):
    """Up to five places of each finding, the first by file and position, each once, in meta.quality and in `runs show`; no value."""
    site = Site(base / "samples", {"A": "in/*.csv"}, {"quarantined_max": 1})
    bad = [patient(number).replace("02703", "secret") for number in range(1, 8)]
    site.put("in/a.csv", OLD + "\n" + "".join(bad[:3]))
    site.put("in/b.csv", OLD + "\n" + patient(8) + "".join(bad[3:]))
    summary, _ = site.batch()
    begin, size, good = len(OLD) + 1, len(bad[0]), len(patient(8))
    places = [f"in/a.csv:{begin + size * number}" for number in range(3)] + [f"in/b.csv:{begin + good + size * number}" for number in range(2)]
    found = site.ask("SELECT action, reason_code, row_count, samples FROM meta.quality WHERE column_name = 'zip_code'")
    expect("samples", [tuple(row.values()) for row in found], [("null", "bad_code", 7, ", ".join(places))])
    shown = [json.loads(line) for line in site.heddle("runs", "show", summary["run_id"], "--format", "json").stdout.splitlines()]
    part = [row for row in shown if row["part"] == "quality" and row["column_name"] == "zip_code"]
    expect("samples shown", [(row["source"], row["entity"], row["reason_code"], row["samples"]) for row in part], [("A", "patient", "bad_code", ", ".join(places))])
    expect("samples without values", "secret" in json.dumps(shown), False)


def rules_of_the_pipeline(base):
    """Rules of the cleanse step for columns: the four actions, counted with the places of what they found, in rows that add up. The rules are part of the run's
    configuration, so that it can be made again."""
    rules = [{"entity": "lab_result", "column": "source_value", "repair": "replace(this, ',', '.')"},
             {"entity": "lab_result", "column": "source_units", "repair": "replace(this, 'MMOL', 'mmol')"},
             {"entity": "lab_result", "column": "accession_number", "that": "accession_number <> '0'", "reason": "bad_code", "action": "null"},
             {"entity": "lab_result", "column": "source_value", "that": "source_value < 100", "reason": "out_of_range", "action": "quarantine"},
             {"entity": "lab_result", "column": "collection_datetime", "that": "collection_datetime <= event_time", "action": "warn"}]
    site = Site(base / "rules", {"A": {"inputs": [{"type": "file", "path": "in/*.ndjson", "format": "json"}]}}, {"quarantined_max": 1})
    pipeline = json.loads((site.folder / "pipeline.json").read_text())
    pipeline["pipeline"]["batch"]["transforms"][0] = {"cleanse": {"rules": rules}}
    (site.folder / "pipeline.json").write_text(json.dumps(pipeline))
    event = {"type": "lab_result", "event_time": "2026-03-02T12:00:00Z", "patient_id": "P1", "source_component_code": "2823-3", "source_value": "4.0", "source_units": "mmol/L",
             "accession_number": "7"}
    lines = [json.dumps({**event, "event_id": f"L{number}", "lab_result_id": f"R{number}", **more}) + "\n" for number, more in enumerate((
        {}, {"source_value": "4,5"}, {"source_units": "MMOL/L"}, {"accession_number": "0"}, {"source_value": "400"}, {"collection_datetime": "2026-03-03T12:00:00Z"}))]
    site.put("in/a.ndjson", "".join(lines))
    summary, _ = site.batch()
    account = site.ask("SELECT received, loaded, quarantined FROM meta.accounting WHERE entity = 'lab_result'")
    expect("rules: account", [tuple(row.values()) for row in account], [(6, 5, 1)])
    place = [f"in/a.ndjson:{sum(map(len, lines[:number]))}" for number in range(6)]
    found = site.ask("SELECT column_name, reason_code, action, row_count, samples FROM meta.quality WHERE entity = 'lab_result' ORDER BY ALL")
    expect("rules: quality", [tuple(row.values()) for row in found],
           [("accession_number", "bad_code", "null", 1, place[3]), ("collection_datetime", "inconsistent", "warn", 1, place[5]),
            ("source_units", "repaired", "repair", 1, place[2]), ("source_value", "repaired", "repair", 1, place[1])])
    expect("rules: quarantine", [tuple(row.values()) for row in site.ask("SELECT path, reason_code, position FROM meta.quarantine")],
           [("source_value", "out_of_range", sum(map(len, lines[:4])))])
    values = site.ask("SELECT lab_result_id AS id, source_value::VARCHAR AS v, source_units AS u, accession_number AS a FROM core.lab_result ORDER BY 1")
    expect("rules: values", [tuple(row.values()) for row in values],
           [("R0", "4.000000", "mmol/L", "7"), ("R1", "4.500000", "mmol/L", "7"), ("R2", "4.000000", "mmol/L", "7"), ("R3", "4.000000", "mmol/L", None),
            ("R5", "4.000000", "mmol/L", "7")])
    made = site.heddle("runs", "reproduce", summary["run_id"], "--format", "json").stdout
    expect("rules: reproduced", [json.loads(line)["reproduced"] for line in made.splitlines()], [True])


def notes_of_records(base):
    """What is noted of no field stands at the source's records: lines that are no segments, a batch's trailer that counts otherwise than what came.
    Of a file that is refused as a whole nothing is noted."""
    site = Site(base / "notes-of-records", {"A": "in/*.hl7"}, {"quarantined_max": 1})
    first, stray = ORU.format(id=1, patient="P1"), ORU.format(id=2, patient="P2").replace("\rOBX", "\rand a line that is no segment\rOBX")
    batch = "FHS|^~\\&|LIS\rBHS|^~\\&|LIS\r" + first + stray + "BTS|3\rFTS|1\r"
    site.put("in/a.hl7", stray)
    site.put("in/b.hl7", batch)
    site.put("in/c.hl7", gzip.compress(batch.encode())[:-9])
    summary, _ = site.batch()
    expect("notes of records: counts", [summary["sources"][0][key] for key in ("inputs", "received", "loaded", "deduplicated", "quarantined")], [3, 4, 2, 1, 1])
    found = site.ask("SELECT source, entity, column_name, action, reason_code, row_count, sample_file, sample_position FROM meta.quality "
                     "WHERE reason_code IN ('batch_count', 'stray_line') ORDER BY ALL")
    expect("notes of records", [tuple(row.values()) for row in found],
           [("A", "", "", "warn", "batch_count", 1, "in/b.hl7", batch.index("BTS")), ("A", "", "", "warn", "stray_line", 2, "in/a.hl7", 0)])


def character_sets(base):
    """The one that a binding names is the one that is read: 0xA4 is the euro sign of ISO 8859-15, and the currency sign of its elder."""
    for charset, sign in (("iso-8859-15", "\u20ac"), ("iso-8859-1", "\u00a4")):
        site = Site(base / charset, {"A": {"inputs": [{"type": "file", "path": "in/*.csv", "format": "csv", "charset": charset}]}})
        site.put("in/a.csv", (OLD + "\n" + patient(1).replace("Attleboro", "Attleb\u20acro")).encode("iso-8859-15"))
        site.batch()
        expect(f"read as {charset}", [row["city"].lower() for row in site.ask("SELECT city FROM core.patient")], [f"attleb{sign}ro"])


def several_inputs(base):
    """Each input of a binding has its own system and formats; the source is one."""
    site = Site(base / "several", {"A": {"inputs": [{"type": "file", "path": "csv/*.csv", "format": "csv", "mapping": "synthea", "system": "urn:oid:1.1", "data_source": "archive"},
                                                    {"type": "file", "path": "lab/*", "format": "hl7v2", "system": "urn:oid:1.2", "facility": "STW", "labels": ["42CFRPart2"]}]}})
    site.put("csv/patients.csv", OLD + "\n" + patient(1) + patient(2))
    site.put("lab/a.hl7", ORU.format(id=1, patient="P1"))
    # Several messages in one file, a BOM, Windows' line ends, the framing of MLLP.
    site.put("lab/b.txt", b"\xef\xbb\xbf" + "".join(ORU.format(id=number, patient="P2") for number in (2, 3)).replace("\r", "\r\n").encode())
    site.put("lab/c.dat", b"\x0b" + ORU.format(id=4, patient="P3").replace("\r", "\n").encode() + b"\x1c\r")
    site.put("lab/d.hl7", ORU.format(id=5, patient="P3").replace("|STE|EDW|HUB|", "||EDW|HUB|"))
    summary, _ = site.batch()
    expect("several: counts", [summary["sources"][0][key] for key in ("inputs", "received", "loaded", "quarantined")], [5, 7, 7, 0])
    expect("several: systems", [(row["patient_system"], row["data_source"], row["n"]) for row in site.ask(
        "SELECT patient_system, data_source, count(*) AS n FROM core.patient GROUP BY ALL ORDER BY 1")], [("urn:oid:1.1", "archive", 2), ("urn:oid:1.2", "A", 3)])
    expect("several: results", [row["patient_id"] for row in site.ask("SELECT patient_id FROM core.lab_result ORDER BY ALL")], ["P1", "P2", "P2", "P3", "P3"])
    # A result is of the facility that its message names; only of one that names none the binding's.
    expect("several: facilities", site.ask("SELECT facility, count(*) AS n FROM core.lab_result GROUP BY ALL ORDER BY 1"), [{"facility": "STE", "n": 4}, {"facility": "STW", "n": 1}])
    expect("several: whose facility", site.ask("SELECT DISTINCT facility FROM core.patient WHERE patient_system = 'urn:oid:1.2'"), [{"facility": "STW"}])
    expect("several: labels", site.ask("SELECT DISTINCT labels FROM core.lab_result"), [{"labels": "42CFRPart2"}])


def a_file_is_shared(base):
    """Several megabytes in one file, with line ends inside quotes: cut into ranges of bytes, whoever decodes them. What is bad keeps its place."""
    lines = [ENCOUNTERS + "\n"]
    for number in range(40000):
        lines.append(f'V{number},2026-03-0{1 + number % 5}T10:00:00Z,,P{number % 700},ED,U1,,emergency,185345009,"Encounter, said ""twice""\nand\n{"x" * (number % 90)}",77.49,100.00,0.00,,\n')
        if number % 1000 == 999:
            lines.append(f"V{number},2026-03-01T10:00:00Z,,P1,ED,U1,,emergency,185345009,too many,1,2,3,,,4,5\n")
    text = "".join(lines).encode()
    assert len(text) > 4 << 20
    digests, places = set(), set()
    for workers, name, data in ((1, "e.csv", text), (2, "e.csv", text), (4, "e.csv", text), (3, "e.csv", gzip.compress(text, 1))):
        site = Site(base / f"shared-{workers}", {"A": "in/*"})
        site.put(f"in/{name}", data)
        site.put("person.key", "0123456789abcdef" * 4)
        (site.folder / "person.key").chmod(0o600)
        summary, _ = site.batch("--set", f"runtime.workers={workers}")
        expect(f"{workers} workers", [summary["sources"][0][key] for key in ("received", "loaded", "quarantined", "bytes")], [40040, 40000, 40, len(text) - len(ENCOUNTERS) - 1 - 40040])
        digests.add(tuple(site.digest("encounter_version")))
        rows = site.ask("SELECT position, length, reason_code, octet_length(bytes) AS size FROM meta.quarantine ORDER BY position")
        expect(f"{workers} workers: kept bytes", [row["size"] for row in rows], [row["length"] for row in rows])
        expect(f"{workers} workers: places", all(text[int(row["position"]):].startswith(b"V") and b"too many" in text[int(row["position"]):][:int(row["length"])] for row in rows), True)
        places.add(json.dumps(rows))
    expect("digests of encounters", len(digests), 1)
    expect("places", len(places), 1)


def sources_without_files(base):
    site = Site(base / "empty", {"A": "in/a/*.csv", "B": "in/b/**", "C": {"path": "nowhere/*.csv"}})
    site.put("in/a/p.csv", OLD + "\n" + patient(1))
    site.put("in/b/nothing.csv", b"")
    summary, _ = site.batch()
    expect("empty: sources", [(source["source"], source["inputs"], source["received"]) for source in summary["sources"]], [("A", 1, 1), ("B", 1, 0), ("C", 0, 0)])
    shown = site.heddle("batch", "pipeline.json").stdout
    expect("empty: named in the summary", any(line.split() == ["C", "0", "0", "0", "0", "0", "0"] for line in shown.splitlines()), True)
    site = Site(base / "empty_error", {"A": "in/*.csv", "C": {"path": "nowhere/*.csv", "empty": "error"}})
    site.put("in/p.csv", OLD + "\n" + patient(1))
    _, told = site.batch(code=74)
    told = json.loads(told.splitlines()[-1])
    expect("empty error: told", (told["file"], told["line"], "C has no file at" in told["message"], '"empty": "error"' in told["hint"]), ("bindings.json", 1, True, True))
    expect("empty error: run", [(row["status"], row["published"]) for row in site.ask("SELECT status, published FROM meta.run")], [("failed", False)])
    expect("empty error: core", site.ask("SELECT count(*) AS n FROM core.patient"), [{"n": 0}])


def gates(base):
    """More than five in a hundred keep the run back, five do not; another share may be allowed."""
    bad = OLD.count(",") * "," + "\n"
    table = lambda good, wrong: OLD + "\n" + "".join(patient(number) for number in range(good)) + wrong * bad.replace(",", ",x", 1)
    site = Site(base / "gate", {"A": "in/*.csv"})
    site.put("in/p.csv", table(95, 5))
    summary, _ = site.batch()
    expect("gate: five of a hundred", (summary["published"], summary["sources"][0]["quarantined"]), (True, 5))
    site.put("in/p.csv", table(94, 6))
    summary, told = site.batch(code=1)
    expect("gate: six of a hundred", (summary["published"], summary["gate"]), (False, "6 of 100 records are quarantined, more than 5.00 %"))
    expect("gate: told", "was not published" in told and "heddle runs show" in told, True)
    expect("gate: the last good run stays", site.ask("SELECT count(*) AS n FROM core.patient"), [{"n": 95}])
    expect("gate: kept", site.ask("SELECT count(DISTINCT position) AS n FROM meta.quarantine JOIN meta.run USING (run_id) WHERE NOT published"), [{"n": 6}])
    loose = Site(base / "loose", {"A": "in/*.csv"}, {"quarantined_max": 0.06})
    loose.put("in/p.csv", table(94, 6))
    expect("gate: allowed", loose.batch()[0]["published"], True)
    bare = Site(base / "bare", {"A": "in/*.csv"}, {"no_input": "accept"})
    expect("gate: no input accepted", bare.batch()[0]["published"], True)


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        tests = (the_same_however_it_is_wrapped, both_headers, notes_are_counted, samples_of_findings, rules_of_the_pipeline, notes_of_records, character_sets, several_inputs, a_file_is_shared, sources_without_files, gates)
        for test in tests:
            test(base)
    print("\n".join(failures + [f"{len(tests)} tests, {len(failures)} differences"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
