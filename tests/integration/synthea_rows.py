#!/usr/bin/env python3
"""The Synthea tables of the sample data, row by row: what each row must become is worked out here with Python's csv module,
and compared with core, entity by entity. Of heddle nothing is read but what `heddle query` prints."""
import collections
import csv
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
DATA = pathlib.Path(os.environ.get("HEDDLE_DATA", "../shared/data")).resolve() / "synthea_csv"
FOLDERS = {"old": DATA / "ohdsi-dbt-synthea" / "synthea", "new": DATA / "unmc-crane"}
SNOMED = "snomed-ct"
PIPELINE = {"pipeline": {"batch": {"sources": list(map(str.upper, FOLDERS)), "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
BINDINGS = {"pipeline": {"name": "synthea", "zone": "America/New_York"},
            "bindings": {"W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}
            | {name.upper(): {"inputs": [{"type": "file", "path": f"{folder}/*.csv", "system": f"urn:{name}", "data_source": name}]}
               for name, folder in FOLDERS.items()}}


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(name, which):
    path = FOLDERS[which] / f"{name}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


# --- What a row must become: core's columns as `heddle query` prints them ------------------------------------------------

def moment(text):
    """UTC of an instant, or of a date's midnight in the pipeline's zone."""
    if not text:
        return None
    if "T" in text:
        return text.replace("T", " ").replace("Z", "")
    day = datetime.datetime.fromisoformat(text).replace(tzinfo=ZONE)
    return day.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def rounded(text, places):
    """Half away from zero."""
    return str(decimal.Decimal(text).quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)) if text else None


def money(text):
    return rounded(text, 2)


def end(row):
    """One end of the sample lies before its start: it is nulled, and counted as inconsistent."""
    return moment(row["STOP"]) if row["STOP"] >= row["START"] else None


def zip_code(text):
    text = text.strip()
    if len(text) == 9:
        return f"{text[:5]}-{text[5:]}"
    return text.zfill(5) if len(text) == 4 else text or None


def condition(row):
    return {"encounter_id": row["ENCOUNTER"], "source_code": row["CODE"], "normalized_code_type": SNOMED, "source_description": row["DESCRIPTION"],
            "status": "resolved" if row["STOP"] else "active", "onset_date": row["START"], "resolved_date": row["STOP"],
            "event_time": moment(row["STOP"] or row["START"]), "effective_time": moment(row["START"])}


def procedure(row):
    return {"encounter_id": row["ENCOUNTER"], "source_code": row["CODE"], "normalized_code": row["CODE"], "normalized_code_type": SNOMED, "base_cost": money(row["BASE_COST"]),
            "source_reason_code": row["REASONCODE"], "procedure_start_time": moment(row["START"]), "procedure_end_time": moment(row["STOP"]),
            "procedure_date": row["START"][:10]}


def medication(row):
    return {"encounter_id": row["ENCOUNTER"], "rxnorm_code": row["CODE"], "source_description": row["DESCRIPTION"], "dispense_count": row["DISPENSES"],
            "base_cost": money(row["BASE_COST"]), "total_cost": money(row["TOTALCOST"]), "medication_type": "prescription", "source_reason_code": row["REASONCODE"],
            "medication_start_time": moment(row["START"]), "medication_end_time": end(row)}


def immunization(row):
    return {"encounter_id": row["ENCOUNTER"], "normalized_code": row["CODE"], "normalized_code_type": "cvx", "occurrence_date": row["DATE"][:10],
            "base_cost": money(row["BASE_COST"]), "effective_time": moment(row["DATE"])}


def allergy(row):
    return {"encounter_id": row["ENCOUNTER"], "source_code": row["CODE"], "normalized_code_type": {"SNOMED-CT": SNOMED, "RxNorm": "rxnorm"}.get(row["SYSTEM"]),
            "category": row["CATEGORY"], "reaction_1_code": row["REACTION1"], "reaction_1_severity": row["SEVERITY1"].lower(),
            "reaction_2_description": row["DESCRIPTION2"], "onset_date": row["START"]}


def encounter(row):
    classes = {"ambulatory": "AMB", "outpatient": "AMB", "wellness": "AMB", "urgentcare": "AMB", "emergency": "EMER", "inpatient": "IMP", "home": "HH", "snf": "NONAC",
               "virtual": "VR"}
    return {"encounter_id": row["Id"], "encounter_type": classes.get(row["ENCOUNTERCLASS"]), "organization_id": row["ORGANIZATION"],
            "attending_practitioner_id": row["PROVIDER"], "encounter_start_time": moment(row["START"]), "encounter_end_time": moment(row["STOP"]),
            "base_cost": money(row["BASE_ENCOUNTER_COST"]), "total_cost": money(row["TOTAL_CLAIM_COST"]), "payer_coverage": money(row["PAYER_COVERAGE"])}


def result(row):
    number = row["VALUE"] if row["TYPE"] == "numeric" else ""
    return {"encounter_id": row["ENCOUNTER"], "result": row["VALUE"], "source_units": row["UNITS"], "effective_time": moment(row["DATE"]),
            "source_value": rounded(number, 6)}


def patient(row):
    return {"patient_id": row["Id"], "birth_date": row["BIRTHDATE"], "death_date": row["DEATHDATE"], "first_name": row["FIRST"], "last_name": row["LAST"],
            "sex": {"M": "male", "F": "female"}[row["GENDER"]], "social_security_number": row["SSN"].replace("-", ""), "state": row["STATE"], "zip_code": zip_code(row["ZIP"]),
            "marital_status": row["MARITAL"], "maiden_name": row["MAIDEN"]}


def practitioner(row):
    return {"practitioner_id": row["Id"], "last_name": row["NAME"].split(" ")[1], "sex": {"M": "male", "F": "female"}[row["GENDER"]], "specialty": row["SPECIALITY"],
            "department": row["ORGANIZATION"], "zip_code": zip_code(row["ZIP"]), "state": row["STATE"]}


def organization(row):
    return {"organization_id": row["Id"], "name": row["NAME"], "zip_code": zip_code(row["ZIP"]), "latitude": rounded(row["LAT"], 6)}


def payer(row):
    return {"organization_id": row["Id"], "name": row["NAME"], "zip_code": zip_code(row["ZIP"]), "latitude": None}


def identifier(column, kind, system):
    return lambda row: {"patient_id": row["Id"], "identifier_value": row[column], "identifier_type": kind, "identifier_system": system}


def with_patient(make, extra=None):
    return lambda row: make(row) | {"patient_id": row["PATIENT"]} | (extra(row) if extra else {})


def is_laboratory(row):
    return row["CATEGORY"] == "laboratory"


def wanted(which):
    """(entity, table, which of its rows, what each becomes)."""
    yield "condition", "conditions", None, with_patient(condition)
    yield "procedure", "procedures", None, with_patient(procedure)
    yield "medication", "medications", None, with_patient(medication)
    yield "immunization", "immunizations", None, with_patient(immunization)
    yield "allergy", "allergies", None, with_patient(allergy)
    yield "encounter", "encounters", None, with_patient(encounter)
    yield "lab_result", "observations", is_laboratory, with_patient(result, lambda row: {"source_component_code": row["CODE"]})
    yield "observation", "observations", lambda row: not is_laboratory(row), with_patient(result, lambda row: {"source_code": row["CODE"], "source_observation_type": row["CATEGORY"]})
    yield "patient", "patients", None, patient
    yield "practitioner", "providers", None, practitioner
    yield "organization", "organizations", None, organization
    yield "organization", "payers", None, payer
    yield "patient_identifier", "patients", None, identifier("Id", "MR", f"urn:{which}")
    yield "patient_identifier", "patients", lambda row: row["DRIVERS"], identifier("DRIVERS", "DL", f"urn:{which}:DL")
    yield "patient_identifier", "patients", lambda row: row["PASSPORT"], identifier("PASSPORT", "PPN", f"urn:{which}:PPN")


def expected():
    """{(source, entity): rows}, and of the columns of those rows a Counter."""
    found = collections.defaultdict(list)
    for which in FOLDERS:
        for entity, name, is_wanted, make in wanted(which):
            found[which, entity] += [{key: value or None for key, value in make(row).items()} for row in table(name, which) if is_wanted is None or is_wanted(row)]
    return found


# --- The comparison ------------------------------------------------------------------------------------------------------

def compare_rows(folder, which, entity, rows):
    names = sorted(rows[0])
    selected = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in names)
    core = query(folder, f"SELECT {selected} FROM core.{entity} WHERE data_source = '{which}'")
    ours = collections.Counter(json.dumps({name: row[name] for name in names}) for row in core)
    theirs = collections.Counter(json.dumps({name: row[name] for name in names}) for row in rows)
    if ours != theirs:
        yield f"{which} {entity}: {sum((ours - theirs).values())} rows of {len(core)} that should not be, {sum((theirs - ours).values())} of {len(rows)} missing; " \
              f"such as\n  {next(iter(ours - theirs), None)}\n  {next(iter(theirs - ours), None)}"


def query(folder, sql):
    return heddle(folder, "query", "W", sql, "--format", "json")


def compare_accounts(folder, rows):
    found = {(row["source"].lower(), row["entity"]): row for row in query(folder, "SELECT * FROM meta.accounting WHERE entity <> '' AND entity NOT IN "
                                                                                  "('claim', 'claim_line', 'claim_payment', 'eligibility')")}
    for key, made in rows.items():
        account = found.pop(key, None) if made else None
        if made and (account is None or int(account["received"]) != len(made) or int(account["loaded"]) != len(made)):
            yield f"{key}: {account}, not {len(made)} received and loaded"
    # Organizations may come from payers, too: those are the claims' affair.
    yield from (f"{key}: {account} is not expected" for key, account in found.items())


def compare_kept(folder):
    """Tables without an entity: each row in raw, each record filtered."""
    told = {row["source"].lower(): int(row["n"]) for row in query(folder, "SELECT source, sum(row_count) AS n FROM meta.accounting_reason WHERE entity = '' "
                                                                         "AND outcome = 'filtered' AND reason_code = 'no_entity' GROUP BY source")}
    kept = ("careplans", "devices", "supplies", "imaging_studies")
    for which in FOLDERS:
        counts = [len(table(name, which)) for name in kept]
        if told.get(which, 0) != sum(counts):
            yield f"{which}: {told.get(which)} records of no entity, not {sum(counts)}"
    for name in kept:
        count = sum(len(table(name, which)) for which in FOLDERS)
        found = int(query(folder, f"SELECT count(*) AS n FROM raw.synthea_{name}")[0]["n"])
        if found != count:
            yield f"raw.synthea_{name}: {found} rows, not {count}"


def compare_persons(folder):
    people = sum(len(table("patients", which)) for which in FOLDERS)
    found = query(folder, "SELECT count(DISTINCT person_id) AS n FROM core.patient")[0]["n"]
    if int(found) != people:
        yield f"{found} persons, not {people}"
    lost = query(folder, "SELECT count(*) AS n FROM core.condition c ANTI JOIN core.patient p ON p.person_id = c.person_id")[0]["n"]
    if int(lost) != 0:
        yield f"{lost} conditions of no patient"


def main():
    global ZONE
    if not DATA.is_dir():
        print(f"skipped: {DATA} is absent")
        return 77
    import zoneinfo
    ZONE = zoneinfo.ZoneInfo("America/New_York")
    rows = expected()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))
        heddle(folder, "batch", "pipeline.json", "--format", "json")
        failed = [line for (which, entity), made in rows.items() if made for line in compare_rows(folder, which, entity, made)]
        failed += [*compare_accounts(folder, rows), *compare_kept(folder), *compare_persons(folder)]
    print("\n".join(failed + [f"{sum(map(len, rows.values()))} rows, {len(failed)} differences"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
