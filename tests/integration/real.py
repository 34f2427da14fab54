#!/usr/bin/env python3
"""examples/real over the sample data: one run loads all of it, what became of each source adds up and equals what other means count in
the raw files, and twenty questions of an analyst have the answers that Python finds in the raw files."""
import collections
import csv
import decimal
import datetime
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import format_counts  # noqa: E402
from hybrid import ROOT, expect, failures, heddle, query  # noqa: E402

WAREHOUSE, STORE = "ENTERPRISE_DATA_WAREHOUSE", "REALTIME_ANALYTICS_STORE"
DATA = format_counts.DATA.resolve()
A, B = "urn:example:hospital-a", "urn:example:hospital-b"
FOLDERS = {A: DATA / "synthea_csv/ohdsi-dbt-synthea/synthea", B: DATA / "synthea_csv/unmc-crane"}


# ---- The raw files, by other means ----

def table(name, system=None):
    """Rows of a Synthea table, of one hospital or of both, each once, with the hospital."""
    for hospital in [system] if system else [A, B]:
        path = FOLDERS[hospital] / f"{name}.csv"
        seen = set()
        for row in csv.DictReader(path.open(newline="", encoding="utf-8-sig")) if path.exists() else ():
            if tuple(row.items()) not in seen:
                seen.add(tuple(row.items()))
                yield {**row, "hospital": hospital}


def resources(folder, kind):
    """Resources of one type in NDJSON files and bundles."""
    for path in sorted((DATA / folder).rglob("*")):
        if path.suffix == ".ndjson":
            found = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        elif path.suffix == ".json":
            found = [entry["resource"] for entry in json.loads(path.read_text())["entry"]]
        else:
            continue
        yield from (one for one in found if one.get("resourceType") == kind)


def money(text):
    return decimal.Decimal(text or "0").quantize(decimal.Decimal("0.01"))


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def grouped(rows, *keys):
    return sorted((*key, count) for key, count in collections.Counter(tuple(row[k] for k in keys) for row in rows).items())


def commonest(counts, size):
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:size]


def patients_of(pairs):
    """Of (key, patient) how many patients a key has."""
    found = collections.defaultdict(set)
    for key, patient in pairs:
        found[key].add(patient)
    return {key: len(value) for key, value in found.items()}


def last_of_each(rows, patient, time):
    last = {}
    for row in rows:
        if row[patient] not in last or instant(row[time]) > instant(last[row[patient]][time]):
            last[row[patient]] = row
    return last


def medicare():
    """Carrier and DME claims: of each the newest statement, as the files say it."""
    claims = {}
    for path in sorted((DATA / "claims/cms-bfd-rif").rglob("*")):
        if path.suffix not in (".csv", ".txt"):
            continue
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        names = lines[0].split("|") if lines else []
        if not {"CARR_NUM", "LINE_NUM"} <= set(names):
            continue
        for line in lines[1:]:
            row = dict(zip(names, line.split("|")))
            if row.get("FINAL_ACTION", "").strip() != "N":
                claims[row["CLM_ID"]] = row
    return claims.values()


def answers():
    """Of each question, by its number, the rows as lists of text."""
    sex = {"M": "male", "F": "female"}
    patients = list(table("patients"))
    encounters = list(table("encounters"))
    conditions = list(table("conditions"))
    inpatient = [row for row in encounters if row["ENCOUNTERCLASS"] == "inpatient"]
    diabetic = {row["PATIENT"] for row in conditions if row["CODE"] in ("44054006", "15777000") and row["hospital"] == A}
    yield 1, sorted((*key, n) for key, n in collections.Counter((sex[row["GENDER"]], int(row["BIRTHDATE"][:4]) // 10 * 10) for row in patients).items())
    yield 2, grouped(encounters, "hospital", "ENCOUNTERCLASS")
    yield 3, commonest(patients_of((row["CODE"], row["PATIENT"]) for row in conditions), 5)
    a1c = last_of_each((row for row in table("observations", A) if row["CODE"] == "4548-4" and row["PATIENT"] in diabetic), "PATIENT", "DATE")
    yield 4, sorted((patient, f"{decimal.Decimal(row['VALUE']):.6f}", row["UNITS"]) for patient, row in a1c.items())
    types = collections.defaultdict(list)
    for row in medicare():
        types[row["NCH_CLM_TYPE_CD"]].append(row)
    yield 5, sorted((kind, len(rows), sum(money(row["NCH_CARR_CLM_ALOWD_AMT"]) for row in rows), sum(money(row["CLM_PMT_AMT"]) for row in rows))
                    for kind, rows in types.items())
    yield 6, sorted((*key, n) for key, n in collections.Counter((row["hospital"], bool(row["DEATHDATE"])) for row in patients).items())
    yield 7, commonest(collections.Counter(row["CODE"] for row in table("medications")), 10)
    yield 8, grouped(table("immunizations"), "CODE")
    allergies = list(table("allergies"))
    yield 9, sorted((hospital, len({row["PATIENT"] for row in allergies if row["hospital"] == hospital}), n)
                    for hospital, n in collections.Counter(row["hospital"] for row in allergies).items())
    procedures = [row.get("START") or row["DATE"] for row in table("procedures")]
    yield 10, sorted(collections.Counter(int(time[:4]) for time in procedures).items())
    both = collections.defaultdict(set)
    for row in conditions:
        both[row["hospital"], row["PATIENT"]].add(row["CODE"])
    yield 11, sorted(collections.Counter(hospital for (hospital, _), codes in both.items() if {"44054006", "59621000"} <= codes).items())
    yield 12, commonest(collections.Counter(row["PATIENT"] for row in encounters if row["ENCOUNTERCLASS"] == "emergency"), 5)
    yield 13, sorted((hospital, n, sum(int((instant(row["STOP"]) - instant(row["START"])).total_seconds()) for row in inpatient if row["hospital"] == hospital))
                     for hospital, n in collections.Counter(row["hospital"] for row in inpatient).items())
    again, ended = collections.Counter(), {}
    for row in sorted(inpatient, key=lambda row: (row["hospital"], row["PATIENT"], instant(row["START"]), row["Id"])):
        key, start = (row["hospital"], row["PATIENT"]), instant(row["START"])
        again[row["hospital"]] += key in ended and ended[key] <= start <= ended[key] + datetime.timedelta(days=30)
        ended[key] = instant(row["STOP"])
    yield 14, sorted((hospital, n) for hospital, n in again.items() if n)
    classes = {row["ENCOUNTERCLASS"] for row in encounters if row["hospital"] == A}
    yield 15, sorted((kind, *(sum(money(row[column]) for row in encounters if row["hospital"] == A and row["ENCOUNTERCLASS"] == kind)
                              for column in ("TOTAL_CLAIM_COST", "PAYER_COVERAGE"))) for kind in classes)
    yield 16, commonest(collections.Counter(row["PROVIDER"] for row in encounters), 5)
    yield 17, sorted(collections.Counter(one["clinicalStatus"]["coding"][0]["code"] for one in resources("fhir/smart-bulk-10-patients", "Condition")).items())
    loinc = collections.Counter()
    for one in resources("fhir/smart-generated-r4", "Observation"):
        if "laboratory" in [coding["code"] for category in one.get("category", []) for coding in category["coding"]]:
            loinc.update([one["code"]["coding"][0]["code"]])
    yield 18, commonest(loinc, 10)
    bmi = last_of_each((row for row in table("observations", A) if row["CODE"] == "39156-5"), "PATIENT", "DATE")
    yield 19, sorted((patient, f"{decimal.Decimal(row['VALUE']):.6f}") for patient, row in bmi.items() if decimal.Decimal(row["VALUE"]) > 30)
    moves = [row for row in table("claims_transactions", A) if row["TYPE"] != "CHARGE"]
    yield 20, sorted((kind.lower(), n, *(sum(money(row[column]) for row in moves if row["TYPE"] == kind and row[column]) if
                                 any(row[column] for row in moves if row["TYPE"] == kind) else None for column in ("PAYMENTS", "TRANSFERS")))
                     for kind, n in collections.Counter(row["TYPE"] for row in moves).items())


# ---- The test ----

def text(value):
    return "NULL" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def ask(folder):
    questions = re.split(r"^-- (\d+)\. ", (ROOT / "examples/real/questions.sql").read_text(), flags=re.M)
    wanted = dict(answers())
    numbers = [int(number) for number in questions[1::2]]
    expect("the questions", numbers, sorted(wanted))
    for number, question in zip(numbers, questions[2::2]):
        title, sql = question.split("\n", 1)
        lines = heddle("query", WAREHOUSE, sql, "--format", "json", folder=folder).splitlines()
        found = [tuple(text(value) for value in json.loads(line, parse_float=str).values()) for line in lines]
        expect(f"{number}. {title}", found, [tuple(text(value) for value in row) for row in wanted[number]])
        if not found:
            failures.append(f"{number}. {title}: nothing to compare")


def count_records(path, form):
    """Records of a file, as its format says what one is."""
    if form == "hl7v2":
        return format_counts.hl7_expected(path)[0]
    if form == "csv" and "cms-bfd-rif" not in path.parts:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return sum(1 for row in csv.reader(file) if row) - 1
    if form == "fhir-r4" and path.suffix == ".json":
        return len(json.loads(path.read_text())["entry"])
    lines = sum(1 for line in path.read_bytes().split(b"\n") if line.strip())
    return lines - (form == "csv")  # RIF has a header and no quotes; NDJSON and CCLF have none of either.


def check_accounts(folder):
    """Each source adds up, in records, in rows of each entity, and in bytes; each file has the records that Python counts."""
    for row in query(folder, WAREHOUSE, "SELECT * FROM meta.accounting"):
        counts = [int(row[key]) for key in ("loaded", "deduplicated", "filtered", "quarantined")]
        expect(f"{row['source']} {row['entity'] or 'records'}: received", int(row["received"]), sum(counts))
    inputs = query(folder, WAREHOUSE, "SELECT file, format, status, record_count, decoded_bytes, record_bytes + between_bytes AS told FROM meta.input")
    received = {row["file"]: int(row["record_count"]) for row in inputs}
    wanted = {row["file"]: 1 if row["status"] == "refused" else count_records((folder / row["file"]).resolve(), row["format"]) for row in inputs}
    expect("files", len(inputs) > 700, True)
    expect("records of each file", received, wanted)
    expect("bytes that are not told of", sum(abs(int(row["decoded_bytes"]) - int(row["told"])) for row in inputs), 0)


def reproduce(folder):
    """I5: made again, from the same files in whatever order threads take them, each table has the same digest."""
    run = json.loads(heddle("runs", "--format", "json", folder=folder).splitlines()[0])["run_id"]
    told = json.loads(heddle("runs", "reproduce", run, "--format", "json", folder=folder).splitlines()[-1])
    if not told.get("reproduced"):
        failures.append(f"not reproduced: {told}")


def main():
    if not DATA.is_dir():
        print(f"skipped: {DATA} is absent")
        return 77
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        (base / "shared").mkdir()
        (base / "shared/data").symlink_to(DATA)
        folder = base / "a/b/real"
        shutil.copytree(ROOT / "examples/real", folder)
        for key in ("store.key", "warehouse.key"):
            (folder / key).write_text(os.urandom(32).hex())
            (folder / key).chmod(0o600)
        heddle("batch", "pipeline.json", folder=folder)
        check_accounts(folder)
        ask(folder)
        reproduce(folder)
    print("\n".join(failures + [f"{len(failures)} differences"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
