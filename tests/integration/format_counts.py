#!/usr/bin/env python3
"""The decoders' counts over the sample data against a count by other means: Python's csv and json modules, and HL7 v2 split here.

Records, what became of them, rows a mapping, and for CSV also the values of each field and their bytes. No code is
shared: of heddle only the mapping files are read."""
import collections
import csv
import io
import json
import os
import pathlib
import re
import subprocess
import sys

DATA = pathlib.Path(os.environ.get("HEDDLE_DATA", "../shared/data"))
PROGRAM = pathlib.Path(os.environ["HEDDLE"]).parent / "tests" / "test_data_files"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def mappings(folder):
    for path in sorted((ROOT / "model" / "mappings" / folder).glob("*.json")):
        text = re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', lambda match: match.group(1) or "", path.read_text())
        yield json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def heddle_counts(format, paths):
    output = subprocess.run([PROGRAM, format], input="".join(f"{path}\n" for path in paths), stdout=subprocess.PIPE, text=True, check=True).stdout
    return {found["path"]: found for found in map(json.loads, output.splitlines())}


# --- CSV -------------------------------------------------------------------------------------------------------------

def field_paths(field):
    field = field["path"] if isinstance(field, dict) else field
    return field if isinstance(field, list) else [field]


def csv_expected(path, models):
    """(records, reasons, {mapping: {rows, fields}}) of one file."""
    text = path.read_bytes()
    if not text.strip():
        return 0, {}, {}
    rows = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    header = [name.strip() for name in next(rows)]
    fitting = [model for model in models if set(model["detect"]["header"]) <= set(header) and not set(model["detect"].get("absent", [])) & set(header)]
    if not fitting:
        return 1, {"no_mapping": 1}, {}
    found = {model["mapping"]: {"rows": 0, "fields": {name: [0, 0] for name in model["fields"]}} for model in fitting}
    records, reasons = 0, collections.Counter()
    for row in rows:
        if not row:
            continue
        records += 1
        if len(row) < len(header) or any(row[len(header):]):
            reasons["malformed_record"] += 1
            continue
        for model in fitting:
            entry = found[model["mapping"]]
            entry["rows"] += 1
            for name, field in model["fields"].items():
                cells = [row[header.index(wanted)] for wanted in field_paths(field) if wanted in header]
                value = next((cell for cell in cells if cell), "")
                entry["fields"][name][0] += value != ""
                entry["fields"][name][1] += len(value.encode())
    return records, dict(reasons), {name: entry for name, entry in found.items() if entry["rows"]}


# --- HL7 v2 ----------------------------------------------------------------------------------------------------------

BETWEEN = b"\r\n \t\x0b\x1c"
HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(MSH|FHS|BHS|BTS|FTS)[^A-Za-z0-9\x00- \x7f-\xff]")


def hl7_records(text):
    """Messages, and runs of bytes that are none: ("MSH" or "", bytes). Batch segments lie between."""
    pieces, kind = [], None
    for line in re.findall(rb"[^\r\n\x0b\x1c]*[\r\n\x0b\x1c]?", text):
        header = HEADER.match(line)
        framing = line[-1:] in (b"\x0b", b"\x1c")
        if header and header.group(1) != b"MSH":
            kind = None
        elif header:
            pieces.append(["MSH", b""])
            kind = "MSH"
        elif kind is None and line.strip(BETWEEN + b"\xef\xbb\xbf"):
            pieces.append(["", b""])
            kind = ""
        if kind is not None:
            pieces[-1][1] += line
        if framing:
            kind = None
    return pieces


def delimiters_are_right(message):
    marks = message[3:8]
    return (len(message) >= 8 and len(set(marks)) == 5 and all(0x20 < mark < 0x7f and not chr(mark).isalnum() for mark in marks)
            and re.fullmatch(rb"[^A-Za-z0-9]?(?:%s.*)?" % re.escape(message[3:4]), re.split(rb"[\r\n]", message[8:])[0], re.S) is not None)


def encoding_is_right(message, declared):
    if message.isascii():
        return True
    names = {"": None, "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8", "ASCII": "ascii", "8859/1": "latin-1", "8859/15": "iso8859-15"}
    encoding = names.get(declared.upper(), "ascii")
    if encoding is None:
        return True
    try:
        message.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


# Events of ADT whose patient, visit and merge are read, and what else is read of which type; others are of an unknown type.
PERSON = {f"A{number:02}" for number in (*range(1, 19), 21, 22, 25, 26, 27, 28, 30, 31, 34, 36, 38, 40, 60)}
VISIT = {f"A{number:02}" for number in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 17, 21, 22)}
MERGE = {"A18", "A30", "A34", "A36", "A40"}
EVENTS = {"ADT": PERSON, "SIU": {"S12", "S13", "S14", "S15", "S16", "S17", "S26"}, "VXU": {"V04"}, "ORM": {"O01"}, "OMG": {"O19"}, "OML": {"O21"},
          "RDE": {"O11", "O25"}, "RDS": {"O13"}}
ORDERS = ("ORM", "OML", "OMG")
# (segment, the field whose repetitions are rows, or 0: the segment is one, types, events or all, mapping)
EVENT_ROWS = [
    ("PID", 0, EVENTS, None, "hl7v2_adt_patient"), ("PID", 3, EVENTS, None, "hl7v2_adt_patient_identifier"), ("MRG", 1, ["ADT"], MERGE, "hl7v2_adt_merge"),
    ("PV1", 0, ["ADT"], VISIT, "hl7v2_adt_encounter"), ("PV1", 7, ["ADT"], VISIT, "hl7v2_adt_practitioner"), ("PV1", 0, EVENTS, None, "hl7v2_location"),
    ("PD1", 4, EVENTS, None, "hl7v2_primary_practitioner"), ("ROL", 4, EVENTS, None, "hl7v2_role_practitioner"), ("DG1", 0, EVENTS, None, "hl7v2_condition"),
    ("AL1", 0, EVENTS, None, "hl7v2_allergy"), ("IN1", 0, EVENTS, None, "hl7v2_eligibility"), ("IN1", 0, EVENTS, None, "hl7v2_payer"), ("OBX", 0, ["ADT"], None, "hl7v2_observation"), ("PR1", 0, ["ADT"], None, "hl7v2_procedure"), ("IAM", 0, ["ADT"], {"A60"}, "hl7v2_adverse_reaction"),
    ("PID", 0, ["SIU"], None, "hl7v2_appointment"), ("AIL", 0, ["SIU"], None, "hl7v2_appointment_location"), ("AIP", 3, ["SIU"], None, "hl7v2_appointment_practitioner"),
    ("RXA", 0, ["VXU"], None, "hl7v2_immunization"), ("RXA", 10, ["VXU"], None, "hl7v2_immunization_practitioner"), ("OBR", 0, ORDERS, None, "hl7v2_clinical_order"),
    ("OBR", 16, ORDERS, None, "hl7v2_order_practitioner"), ("RXO", 0, ["ORM", "RDE"], None, "hl7v2_medication_order"), ("RXE", 0, ["RDE"], None, "hl7v2_medication"),
    ("RXD", 0, ["RDS"], None, "hl7v2_medication_dispense"),
]


def event_rows(kind, event, segments, of, repetition):
    """Rows of a message whose event tells what it is, by mapping. `of` gives a field of a segment."""
    rows = collections.Counter()
    for name, field, kinds, events, mapping in EVENT_ROWS:
        if kind in kinds and (events is None or event in events):
            for segment in segments:
                if segment[0] == name:
                    rows[mapping] += 1 if field == 0 else len(of(segment, field).split(repetition)) if of(segment, field) else 0
    return rows


def message_outcome(message, found):
    """The reason why it yields nothing, or None; adds its rows to `found`."""
    if not delimiters_are_right(message):
        return "malformed_record"
    field, component, repetition = (message[at:at + 1].decode() for at in (3, 4, 5))
    lines = [line for line in re.split(r"[\r\n]", message.decode("latin-1")) if re.match(r"[A-Za-z0-9]{3}(?:%s|$)" % re.escape(field), line)]
    segments = [line.split(field) for line in lines]
    head = [field, *segments[0]]

    def of(segment, number):
        segment = head if segment is segments[0] else segment
        return segment[number] if number < len(segment) else ""

    if not encoding_is_right(message, of(segments[0], 18).split(repetition)[0].strip()):
        return "bad_encoding"
    if of(segments[0], 11).split(component)[0] not in ("", "P"):
        return "wrong_processing_id"
    kind = of(segments[0], 9).split(repetition)[0].split(component)[0]
    if kind in EVENTS:
        named = (of(segments[0], 9).split(repetition)[0].split(component) + [""])[1]
        said = next((of(segment, 1).split(component)[0] for segment in segments if segment[0] == "EVN"), "")
        if (named or said) not in EVENTS[kind]:
            return "unknown_type"
        rows = event_rows(kind, named or said, segments, of, repetition)
        found.update(rows)
        return None if sum(rows.values()) else "no_entity"
    if kind != "ORU":
        return "no_entity" if kind == "ACK" else "unknown_type"
    rows = collections.Counter()
    for segment in segments:
        if segment[0] == "OBX":
            rows["hl7v2_lab_result"] += 1
        elif segment[0] == "PID":
            rows["hl7v2_patient"] += 1
            rows["hl7v2_patient_identifier"] += len(of(segment, 3).split(repetition)) if of(segment, 3) else 0
        elif segment[0] == "OBR":
            rows["hl7v2_practitioner"] += len(of(segment, 16).split(repetition)) if of(segment, 16) else 0
    found.update(rows)
    return None if sum(rows.values()) else "no_entity"


def hl7_expected(path):
    records, reasons, rows = 0, collections.Counter(), collections.Counter()
    for kind, message in hl7_records(path.read_bytes()):
        records += 1
        message = message.strip(b"\r\n\x0b\x1c")
        message = message[3:] if message.startswith(b"\xef\xbb\xbf") else message
        reason = message_outcome(message, rows) if kind else "malformed_record"
        if reason:
            reasons[reason] += 1
    return records, dict(reasons), {name: {"rows": count} for name, count in rows.items() if count}


# --- FHIR ------------------------------------------------------------------------------------------------------------

def fhir_resources(value):
    """Resources, or entries without one, that a resource holds: a bundle's, of Parameters those of its parameters, else itself."""
    kind = value.get("resourceType")
    if kind == "Bundle":
        for entry in value.get("entry", []):
            yield from fhir_resources(entry["resource"]) if "resource" in entry else [entry]
    elif kind == "Parameters" and '"resource"' in json.dumps(value):
        for parameter in value.get("parameter", []):
            if "resource" in parameter:
                yield from fhir_resources(parameter["resource"])
    else:
        yield value


def fhir_expected(path):
    """Records, and how many of them are no JSON object that has a type. What else became of them is not counted here."""
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        values = [json.loads(text)]
        lines = [text] if isinstance(values[0], dict) else text.split(b"\n")
    except ValueError:
        lines = text.split(b"\n")
    records, bad = 0, 0
    for line in filter(bytes.strip, lines):
        try:
            value = json.loads(line.decode())
        except ValueError:
            value = None
        if not isinstance(value, dict):
            records, bad = records + 1, bad + 1
            continue
        for resource in fhir_resources(value):
            records += 1
            bad += "resourceType" not in resource and "request" not in resource and "response" not in resource
    return records, bad


def compare_fhir(paths):
    failed = records = 0
    found = heddle_counts("fhir", paths)
    reasons = collections.Counter()
    for path in paths:
        ours, wanted = found[str(path)], fhir_expected(path)
        bad = sum(ours["reasons"].get(reason, 0) for reason in ("malformed_record", "bad_encoding", "truncated", "too_large"))
        name = path.relative_to(DATA)
        is_r4 = "old-versions" not in str(name) and "cms-bcda" not in str(name)
        if (ours["records"], bad) != wanted:
            print(f"{name}: {ours['records']} records, {bad} of them bad, not {wanted}")
            failed += 1
        if ours["yielded"] + sum(ours["reasons"].values()) != ours["records"]:
            print(f"{name}: records do not add up")
            failed += 1
        if is_r4 and "unsupported_version" in ours["reasons"]:
            print(f"{name}: R4 is taken for an older version")
            failed += 1
        if "old-versions" in str(name) and path.suffix == ".json" and ours["reasons"].get("unsupported_version") != ours["records"]:
            print(f"{name}: not all of DSTU2 is refused: {ours['reasons']}")
            failed += 1
        records += wanted[0]
        reasons.update(ours["reasons"])
    print(f"fhir: {len(paths)} files, {records} records, {dict(reasons)}")
    return failed


# --- The comparison --------------------------------------------------------------------------------------------------

def differences(found, expected):
    records, reasons, rows = expected
    if found["records"] != records:
        yield f"{found['records']} records, not {records}"
    if found["yielded"] + sum(found["reasons"].values()) != found["records"]:
        yield "records do not add up"
    if found["reasons"] != reasons:
        yield f"reasons {found['reasons']}, not {reasons}"
    for name in sorted(rows.keys() | found["mappings"].keys()):
        ours, theirs = found["mappings"].get(name, {}), rows.get(name, {})
        for key in theirs.keys() | {"rows"}:
            if ours.get(key) != theirs.get(key):
                yield f"{name}: {key} {ours.get(key)}, not {theirs.get(key)}"


def compare(format, paths, expected):
    totals, failed = collections.Counter(), 0
    found = heddle_counts(format, paths)
    for path in paths:
        wanted = expected(path)
        totals["files"] += 1
        totals["records"] += wanted[0]
        totals.update({f"  {reason}": count for reason, count in wanted[1].items()})
        totals.update({f"  rows of {name}": entry["rows"] for name, entry in wanted[2].items()})
        for difference in differences(found[str(path)], wanted):
            print(f"{path.relative_to(DATA)}: {difference}")
            failed += 1
    print(format + ": " + ", ".join(f"{count} {name.strip()}" for name, count in totals.items()))
    return failed


def main():
    if not DATA.is_dir() or not PROGRAM.exists():
        print(f"skipped: {DATA} or {PROGRAM} is absent")
        return 77
    models = list(mappings("synthea"))
    tables = sorted((DATA / "synthea_csv").rglob("*.csv"))
    messages = sorted(path for path in (DATA / "hl7v2").rglob("*")
                      if path.is_file() and (path.suffix == ".hl7" or HEADER.match(path.read_bytes()[:64].lstrip(BETWEEN))))
    failed = compare("csv", tables, lambda path: csv_expected(path, models))
    failed += compare("hl7v2", messages, hl7_expected)
    folders = ("fhir", "claims/cms-bcda", "access_consent/hl7-r4-examples")
    failed += compare_fhir(sorted(path for folder in folders for path in (DATA / folder).rglob("*") if path.is_file()))
    print(f"{failed} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
