#!/usr/bin/env python3
"""The FHIR R4 sets of the sample data through `heddle batch`: rows of each entity, and their values, against a reading by Python's json
module here. Of heddle nothing is read but what `heddle query` prints."""
import collections
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
DATA = pathlib.Path(os.environ.get("HEDDLE_DATA", "../shared/data")).resolve()
SETS = {"ten": "fhir/smart-bulk-10-patients/[A-Z]*.ndjson", "thousand": "fhir/smart-bulk-1000-patients/[A-Z]*.ndjson",
        "bundles": "fhir/smart-generated-r4/**/*.json", "examples": "fhir/hl7-r4-examples/*.json", "access": "access_consent/hl7-r4-examples/*.json"}
OURS = ("Patient Encounter Condition Procedure Observation DiagnosticReport MedicationRequest MedicationDispense MedicationAdministration MedicationStatement ServiceRequest "
        "AllergyIntolerance Immunization Appointment Practitioner PractitionerRole Location Organization Consent AuditEvent "
        "Claim ClaimResponse ExplanationOfBenefit Coverage").split()
ENTITY = {"Patient": "patient", "Encounter": "encounter", "Condition": "condition", "Procedure": "procedure", "DiagnosticReport": "observation", "MedicationDispense": "medication",
          "MedicationAdministration": "medication", "MedicationStatement": "medication", "ServiceRequest": "clinical_order", "AllergyIntolerance": "allergy",
          "Immunization": "immunization", "Practitioner": "practitioner", "PractitionerRole": "practitioner", "Location": "location", "Organization": "organization",
          "Consent": "consent", "Claim": "claim", "ExplanationOfBenefit": "claim", "ClaimResponse": "claim_payment", "Coverage": "eligibility"}
PIPELINE = {"pipeline": {"batch": {"sources": [name.upper() for name in SETS], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
BINDINGS = {"pipeline": {"name": "fhir", "zone": "America/New_York"},
            "bindings": {"W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}
            | {name.upper(): {"inputs": [{"type": "file", "path": f"{DATA}/{path}", "format": "fhir-r4", "system": f"urn:{name}", "data_source": name}]}
               for name, path in SETS.items()}}


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def query(folder, sql):
    return heddle(folder, "query", "W", sql, "--format", "json")


# --- The resources, in order: (resource, fullUrl) ------------------------------------------------------------------------

def unwrap(resource, url=None):
    if resource.get("resourceType") == "Bundle":
        for entry in resource.get("entry", []):
            if "resource" in entry:
                yield from unwrap(entry["resource"], entry.get("fullUrl"))
    elif resource.get("resourceType") == "Parameters" and any("resource" in part for part in resource.get("parameter", [])):
        for part in resource["parameter"]:
            if "resource" in part:
                yield from unwrap(part["resource"])
    else:
        yield resource, url


def resources(name):
    for path in sorted(DATA.glob(SETS[name])):
        text = path.read_text(encoding="utf-8-sig")
        for line in text.splitlines() if path.suffix == ".ndjson" else [text]:
            if line.strip():
                yield from unwrap(json.loads(line, parse_float=decimal.Decimal))


def is_patient(reference, kind=None):
    words = (reference or "").split("/")
    return kind == "Patient" or (kind is None and len(words) > 1 and "Patient" in words[:-1])


def rows_of(resource):
    """Entities of the rows that a resource makes."""
    kind = resource["resourceType"]
    if kind in ENTITY and (kind != "ClaimResponse" or resource.get("payment")):
        yield ENTITY[kind]
    if kind in ("Claim", "ExplanationOfBenefit"):
        yield from ["claim_line"] * len(resource.get("item", []))
    if kind == "ExplanationOfBenefit" and resource.get("payment"):
        yield "claim_payment"
    if kind == "Patient":
        yield "patient_identifier"
        yield from ("patient_identifier" for identifier in resource.get("identifier", []) if identifier.get("value"))
        yield from ("patient_identifier" for link in resource.get("link", []) if is_patient(link["other"].get("reference")))
    elif kind == "Observation":
        categories = [(category.get("coding") or [{}])[0].get("code") for category in resource.get("category", [])]
        yield from ["lab_result" if "laboratory" in categories else "observation"] * (1 + len(resource.get("component", [])))
    elif kind == "MedicationRequest":
        yield "medication"
        yield "clinical_order"
    elif kind == "Appointment":
        yield from ("appointment" for one in resource.get("participant", []) if is_patient(one.get("actor", {}).get("reference"), one.get("actor", {}).get("type")))
    elif kind == "AuditEvent":
        yield from ("access_event" for one in resource.get("entity", [])
                    if is_patient(one.get("what", {}).get("reference"), one.get("what", {}).get("type")) or one.get("role", {}).get("code") == "1")


def compare_counts(folder):
    told = query(folder, "SELECT source, entity, received, loaded, deduplicated, filtered, quarantined FROM meta.accounting")
    found = {(row["source"].lower(), row["entity"] or ""): row for row in told}
    for name in SETS:
        wanted = collections.Counter(entity for resource, _ in resources(name) if resource["resourceType"] in OURS for entity in rows_of(resource))
        for entity, count in wanted.items():
            row = found.get((name, entity), {"received": 0})
            if int(row["received"]) != count:
                yield f"{name}: {row['received']} rows of {entity}, not {count}"
            elif int(row["received"]) != sum(int(row[key]) for key in ("loaded", "deduplicated", "filtered", "quarantined")):
                yield f"{name}: {row} does not add up"
        others = sum(1 for resource, _ in resources(name) if resource["resourceType"] not in OURS)
        unmapped = query(folder, f"SELECT coalesce(sum(row_count), 0) AS n FROM meta.accounting_reason WHERE source = '{name.upper()}' AND entity = '' AND reason_code IN "
                                 "('unmapped_type', 'unknown_type')")[0]["n"]
        if int(unmapped) != others:
            yield f"{name}: {unmapped} resources of types that no mapping reads, not {others}"


# --- Values: of the bundles, whose resources all have a urn:uuid -----------------------------------------------------------

def moment(text):
    return datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S") if text else None


def uuid(reference):
    return reference["reference"].removeprefix("urn:uuid:") if reference else None


def six(value):
    return str(decimal.Decimal(value).quantize(decimal.Decimal("0.000001"), decimal.ROUND_HALF_UP)) if value is not None else None


def cents(value):
    return str(decimal.Decimal(value).quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP))


def coding(concept):
    return concept["coding"][0]


def extension(resource, name):
    for one in resource.get("extension", []):
        if one["url"].endswith(name):
            return one
    return {}


VALUES = {
    "patient": lambda r: {"patient_id": r["id"], "birth_date": r["birthDate"], "sex": r["gender"], "last_name": r["name"][0]["family"], "first_name": r["name"][0]["given"][0],
                          "source_birth_sex": extension(r, "us-core-birthsex").get("valueCode"), "state": r["address"][0]["state"],
                          "source_race": next((x["valueCoding"]["display"] for x in extension(r, "us-core-race").get("extension", []) if x["url"] == "ombCategory"), None),
                          "social_security_number": next(i["value"].replace("-", "") for i in r["identifier"] if i["system"].endswith("us-ssn"))},
    "encounter": lambda r: {"patient_id": uuid(r["subject"]), "encounter_id": r["id"], "encounter_type": r["class"]["code"], "encounter_start_time": moment(r["period"]["start"]),
                            "encounter_end_time": moment(r["period"]["end"]), "source_code": coding(r["type"][0])["code"], "organization_id": uuid(r.get("serviceProvider")),
                            "attending_practitioner_id": uuid(r.get("participant", [{}])[0].get("individual"))},
    "condition": lambda r: {"patient_id": uuid(r["subject"]), "encounter_id": uuid(r["encounter"]), "condition_id": r["id"], "source_code": coding(r["code"])["code"],
                            "normalized_code_type": "snomed-ct", "onset_date": r["onsetDateTime"][:10], "status": coding(r["clinicalStatus"])["code"],
                            "effective_time": moment(r["onsetDateTime"])},
    "procedure": lambda r: {"patient_id": uuid(r["subject"]), "source_code": coding(r["code"])["code"], "status": r["status"], "procedure_start_time": moment(r["performedPeriod"]["start"]),
                            "procedure_end_time": moment(r["performedPeriod"]["end"])},
    "immunization": lambda r: {"patient_id": uuid(r["patient"]), "normalized_code": coding(r["vaccineCode"])["code"], "normalized_code_type": "cvx",
                               "effective_time": moment(r["occurrenceDateTime"])},
    "medication": lambda r: {"patient_id": uuid(r["subject"]), "rxnorm_code": (coding(r["medicationCodeableConcept"])["code"]), "status": r["status"],
                             "medication_start_time": moment(r["authoredOn"]), "practitioner_id": uuid(r["requester"])},
    "allergy": lambda r: {"patient_id": uuid(r["patient"]), "source_code": coding(r["code"])["code"], "category": r["category"][0], "criticality": r["criticality"]},
}
TYPES = {"patient": "Patient", "encounter": "Encounter", "condition": "Condition", "procedure": "Procedure", "immunization": "Immunization", "medication": "MedicationRequest",
         "allergy": "AllergyIntolerance"}


def lab_results():
    for resource, _ in resources("bundles"):
        if resource["resourceType"] != "Observation" or not any(coding(category)["code"] == "laboratory" for category in resource["category"]):
            continue
        for part in resource.get("component", []) + [resource]:
            quantity = part.get("valueQuantity", {})
            words = part.get("valueString") or (coding(part["valueCodeableConcept"])["display"] if "valueCodeableConcept" in part else None)
            if quantity or words:
                yield {"patient_id": uuid(resource["subject"]), "source_component_code": coding(part["code"])["code"], "source_value": six(quantity.get("value")),
                       "source_units": quantity.get("code"), "effective_time": moment(resource["effectiveDateTime"])}


def claims():
    """Rows of claims, of lines and of payments: what a payer made of a claim is the claim's later version."""
    whole, lines, payments = {}, {}, []
    for resource, _ in resources("bundles"):
        kind = resource["resourceType"]
        if kind not in ("Claim", "ExplanationOfBenefit"):
            continue
        is_claim = kind == "Claim"
        claim = resource["id"] if is_claim else uuid(resource["claim"])
        patient = uuid(resource["patient"])
        total = resource["total"]["value"] if is_claim else resource["total"][0]["amount"]["value"]
        paid = None if is_claim else cents(resource["payment"]["amount"]["value"])
        encounter = next((uuid(one["encounter"][0]) for one in resource.get("item", [])[:1] if "encounter" in one), None)
        whole[claim] = {"patient_id": patient, "claim_id": claim, "claim_type": coding(resource["type"])["code"], "charge_amount": cents(total), "paid_amount": paid, "encounter_id": encounter,
                        "claim_start_date": resource["billablePeriod"]["start"][:10], "practitioner_id": uuid(resource["provider"] if "reference" in resource["provider"] else None),
                        "effective_time": moment(resource["billablePeriod"]["start"])}
        for item in resource.get("item", []):
            amounts = {coding(one["category"])["code"].rsplit("/", 1)[-1]: cents(one["amount"]["value"]) for one in item.get("adjudication", []) if "amount" in one}
            net = cents(item["net"]["value"]) if "net" in item else None
            lines[claim, item["sequence"]] = {
                "patient_id": patient, "claim_id": claim, "claim_line_number": str(item["sequence"]), "source_code": coding(item["productOrService"])["code"],
                "charge_amount": amounts.get("line_sbmtd_chrg_amt", net), "allowed_amount": amounts.get("line_alowd_chrg_amt"), "coinsurance_amount": amounts.get("line_coinsrnc_amt"),
                "deductible_amount": amounts.get("line_bene_ptb_ddctbl_amt"), "paid_amount": amounts.get("line_prvdr_pmt_amt")}
        if not is_claim:
            payments.append({"patient_id": patient, "claim_id": claim, "payment_id": resource["id"], "paid_amount": paid, "charge_amount": cents(total), "effective_time": moment(resource["created"])})
    return {"claim": list(whole.values()), "claim_line": list(lines.values()), "claim_payment": payments}


def compare_values(folder, entity, rows):
    names = sorted(rows[0])
    selected = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in names)
    ours = collections.Counter(json.dumps({name: row[name] for name in names}) for row in query(folder, f"SELECT {selected} FROM core.{entity} WHERE data_source = 'bundles'"))
    theirs = collections.Counter(json.dumps({name: row[name] for name in names}) for row in rows)
    if ours != theirs:
        yield f"{entity}: {sum((ours - theirs).values())} rows that should not be, {sum((theirs - ours).values())} of {len(rows)} missing; such as\n" \
              f"  {next(iter(ours - theirs), None)}\n  {next(iter(theirs - ours), None)}"


def compare(folder):
    yield from compare_counts(folder)
    for entity, kind in TYPES.items():
        yield from compare_values(folder, entity, [VALUES[entity](resource) for resource, _ in resources("bundles") if resource["resourceType"] == kind])
    yield from compare_values(folder, "lab_result", list(lab_results()))
    for entity, rows in claims().items():
        yield from compare_values(folder, entity, rows)
    for entity in ("condition", "lab_result", "encounter", "medication", "claim", "claim_line", "claim_payment"):
        lost = query(folder, f"SELECT count(*) AS n FROM core.{entity} c ANTI JOIN core.patient p ON p.person_id = c.person_id WHERE c.data_source IN ('ten', 'bundles')")[0]["n"]
        if int(lost) != 0:
            yield f"{lost} rows of {entity} of no patient"


def main():
    if not DATA.is_dir():
        print(f"skipped: {DATA} is absent")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        (folder / "bindings.json").write_text(json.dumps(BINDINGS))
        heddle(folder, "batch", "pipeline.json", "--format", "json")
        failed = list(compare(folder))
        if "-v" in sys.argv:
            for row in query(folder, "SELECT source, entity, received, loaded, deduplicated, filtered, quarantined FROM meta.accounting ORDER BY ALL"):
                print(*row.values())
            for row in query(folder, "SELECT source, entity, outcome, reason_code, row_count FROM meta.accounting_reason WHERE outcome <> 'deduplicated' ORDER BY ALL"):
                print(*row.values())
            for row in query(folder, "SELECT source, entity, path, reason_code, count(*) FROM meta.quarantine GROUP BY ALL ORDER BY ALL"):
                print(*row.values())
            for row in query(folder, "SELECT source, entity, column_name, reason_code, n FROM (SELECT * EXCLUDE (row_count), row_count AS n FROM meta.quality) ORDER BY ALL"):
                print(*row.values())
    print("\n".join(failed + [f"{len(failed)} differences"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
