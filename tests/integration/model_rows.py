#!/usr/bin/env python3
"""Mappings of the model over small inputs: files whose headers are all but alike each find their own, what an entity makes of
their rows, and what becomes of files without an entity."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
PEERS = pathlib.Path(__file__).resolve().parents[2] / "bench/peers"
CODED = "PATIENT,ENCOUNTER,CODE,DESCRIPTION"
FILES = {
    "patients.csv": "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,FIRST,LAST,MARITAL,GENDER,STATE,ZIP\n"
                    "p1,1970-01-02,,999-11-2222,S99911111,X1X,Ann,Lee,M,F,Massachusetts,2155\n"
                    "p2,1980-01-02,,999-11-2222,,,Bob,Lee,,M,Massachusetts,02155\n",
    "conditions.csv": f"START,STOP,{CODED}\n2020-01-02,2020-01-09,p1,e1,195662009,Pharyngitis\n2020-03-01,,p1,e2,44054006,Diabetes\n",
    "conditions_new.csv": "START,STOP,PATIENT,ENCOUNTER,SYSTEM,CODE,DESCRIPTION\n2020-01-05,2020-01-04,p2,e3,http://hl7.org/fhir/sid/icd-10-cm,e11.9,Diabetes\n",
    "procedures.csv": f"START,STOP,{CODED},BASE_COST,REASONCODE,REASONDESCRIPTION\n2020-01-02T10:00:00Z,2020-01-02T10:30:00Z,p1,e1,430193006,Medication Reconciliation,735.405,,\n",
    "medications.csv": "START,STOP,PATIENT,PAYER,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,PAYER_COVERAGE,DISPENSES,TOTALCOST,REASONCODE,REASONDESCRIPTION\n"
                       "2020-01-02T10:00:00Z,2020-01-02T10:00:00Z,p1,y,e1,197361,Amlodipine,25.31,0.00,1,25.31,,\n"
                       "2020-01-02T10:00:00Z,,p1,y,e1,197361,Amlodipine,25.31,0.00,12,303.72,,\n",
    "immunizations.csv": f"DATE,{CODED},BASE_COST\n2020-01-02T04:00:00Z,p1,e1,08,Hep B,136.00\n",
    "allergies_old.csv": f"START,STOP,{CODED}\n",
    "allergies.csv": "START,STOP,PATIENT,ENCOUNTER,CODE,SYSTEM,DESCRIPTION,TYPE,CATEGORY,REACTION1,DESCRIPTION1,SEVERITY1,REACTION2,DESCRIPTION2,SEVERITY2\n"
                     "2009-09-27,,p1,e1,7980,RxNorm,Penicillin,allergy,medication,271807003,Rash,MILD,,,\n",
    "observations.csv": "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE\n2020-01-02T04:00:00Z,p1,e1,social-history,72166-2,Smoking,Never smoker,,text\n"
                        "2020-01-02T04:00:00Z,p1,,,QALY,QALY,48.9,a,numeric\n2020-01-02T04:00:00Z,p1,e1,laboratory,2160-0,Creatinine,1.1,mg/dL,numeric\n",
    "organizations.csv": "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION\no1,CLINIC,1 MAIN ST,LINCOLN,NE,685041234,40.8,-96.7,,0,1\n",
    "providers.csv": "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,UTILIZATION\nd1,o1,Ann Doe,F,GENERAL PRACTICE,1 MAIN ST,LINCOLN,NE,2703,,,1\n",
    "careplans.csv": f"Id,START,STOP,{CODED},REASONCODE,REASONDESCRIPTION\nc1,2020-01-02,,p1,e1,384758001,Self-care,,\n",
    "devices.csv": f"START,STOP,{CODED},UDI\n2020-01-02T04:00:00Z,,p1,e1,705643001,Stent,(01)1\n",
    "supplies.csv": f"DATE,{CODED},QUANTITY\n2020-01-02,p1,e1,409534002,Respirator,2\n",
    "imaging_studies.csv": "Id,DATE,PATIENT,ENCOUNTER,SERIES_UID,BODYSITE_CODE,BODYSITE_DESCRIPTION,MODALITY_CODE,MODALITY_DESCRIPTION,INSTANCE_UID,SOP_CODE,SOP_DESCRIPTION,PROCEDURE_CODE\n"
                           "i1,2020-01-02T04:00:00Z,p1,e1,1.2,51185008,Chest,DX,Radiography,1.3,1.4,X,399208008\n",
}
# Of each question the rows, columns joined by "|".
EXPECTED = [
    ("SELECT patient_id, condition_type, source_code, normalized_code, normalized_code_type, status, onset_date, resolved_date, event_time FROM core.condition ORDER BY source_code, patient_id",
     ["p1|encounter-diagnosis|195662009|195662009|snomed-ct|resolved|2020-01-02|2020-01-09|2020-01-09 05:00:00",
      "p1|encounter-diagnosis|44054006|44054006|snomed-ct|active|2020-03-01|-|2020-03-01 05:00:00",
      "p2|encounter-diagnosis|e11.9|E119|icd-10-cm|resolved|2020-01-05|-|2020-01-04 05:00:00"]),
    ("SELECT reason_code, row_count FROM meta.quality WHERE entity = 'condition' AND reason_code = 'inconsistent'", ["inconsistent|1"]),
    ("SELECT normalized_code, base_cost, procedure_date, procedure_end_time FROM core.procedure", ["430193006|735.41|2020-01-02|2020-01-02 10:30:00"]),
    ("SELECT rxnorm_code, medication_type, status, dispense_count, total_cost, medication_end_time FROM core.medication ORDER BY dispense_count",
     ["197361|prescription|completed|1|25.31|2020-01-02 10:00:00", "197361|prescription|active|12|303.72|-"]),
    ("SELECT normalized_code_type, normalized_code, occurrence_date FROM core.immunization", ["cvx|08|2020-01-02"]),
    ("SELECT normalized_code_type, category, status, reaction_1_description, reaction_1_severity, reaction_2_code, onset_date FROM core.allergy",
     ["rxnorm|medication|active|Rash|mild|-|2009-09-27"]),
    ("SELECT source_code, result, source_value, encounter_id FROM core.observation ORDER BY source_code", ["72166-2|Never smoker|-|e1", "QALY|48.9|48.9|-"]),
    ("SELECT source_component_code, normalized_value FROM core.lab_result", ["2160-0|1.1"]),
    ("SELECT organization_id, zip_code, latitude FROM core.organization", ["o1|68504-1234|40.8"]),
    ("SELECT practitioner_id, first_name, sex, zip_code, department, name_key FROM core.practitioner", ["d1|Ann|female|02703|o1|DOE ANN"]),
    # One social security number of two people does not make them one; a licence and a passport are theirs all the same.
    ("SELECT count(DISTINCT person_id), min(zip_code), max(zip_code) FROM core.patient", ["2|02155|02155"]),
    ("SELECT patient_id, identifier_type, identifier_system, identifier_value FROM core.patient_identifier ORDER BY ALL",
     ["p1|DL|urn:site:DL|S99911111", "p1|MR|urn:site|p1", "p1|PPN|urn:site:PPN|X1X", "p2|MR|urn:site|p2"]),
    ("SELECT outcome, reason_code, row_count FROM meta.accounting_reason WHERE entity = '' ORDER BY ALL", ["filtered|no_entity|4"]),
    ("SELECT id, code FROM raw.synthea_careplans UNION ALL SELECT code, udi FROM raw.synthea_devices UNION ALL SELECT code, quantity FROM raw.synthea_supplies "
     "UNION ALL SELECT id, modality FROM raw.synthea_imaging_studies", ["c1|384758001", "705643001|(01)1", "409534002|2", "i1|DX"]),
]


# --- Labels: of the record, of the binding, of both ---------------------------------------------------------------------

SITE_MAPPING = {"mapping": "site_conditions", "format": "csv", "entity": "condition", "help": "A site's own file.", "detect": {"header": ["who", "code", "secret"]},
                "fields": {"who": "who", "code": "code", "secret": "secret"},
                "columns": {"patient_id": "who", "condition_id": "code", "source_code": "code", "event_time": "run.logical_date", "effective_time": "run.logical_date",
                            "labels": "secret"}}
LABELLED = {"conditions.csv": 'who,code,secret\np1,c1,\np1,c2,R\np1,c3,"V , 42CFRPart2,R,V"\np1,c4,"ETH"\n',
            "results.hl7": "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|1|P|2.5.1\rPID|1||p1^^^^MR\r"
                           "ORC|RE|||||||||||||||||||||||||||ETH^Alcohol^HL70177\rOBR|1||A1|2823-3^Potassium^LN|||20260302110000-0500\r"
                           "OBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R1\r"}
LABELS = [("SELECT source_code, labels FROM core.condition ORDER BY 1", ["c1|42CFRPart2,N", "c2|42CFRPart2,N,R", "c3|42CFRPart2,N,R,V", "c4|42CFRPart2,ETH,N"]),
          ("SELECT labels FROM core.lab_result UNION ALL SELECT DISTINCT labels FROM core.patient", ["42CFRPart2,ETH,N", "42CFRPart2,N"])]
UNLABELLED = [("SELECT source_code, labels FROM core.condition ORDER BY 1", ["c1|-", "c2|R", "c3|42CFRPart2,R,V", "c4|ETH"])]


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def differences(folder, expected):
    for sql, wanted in expected:
        rows = heddle(folder, "query", "W", sql, "--format", "json")
        found = ["|".join("-" if value is None else str(value) for value in row.values()) for row in rows]
        if found != wanted:
            yield f"{sql}\n  found    {found}\n  expected {wanted}"


def put(folder, files):
    for name, text in files.items():
        (folder / "in" / name).write_text(text)


def run(folder, files, binding, expected, mapping=SITE_MAPPING):
    folder = pathlib.Path(folder)
    (folder / "in").mkdir(parents=True)
    put(folder, files)
    (folder / "pipeline.json").write_text(json.dumps({"pipeline": {"batch": {
        "sources": ["IN"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"], "gates": {"quarantined_max": 1}, "sink": "W"}}}))
    (folder / "site.json").write_text(json.dumps(mapping))
    (folder / "bindings.json").write_text(json.dumps({"pipeline": {"name": "site", "zone": "America/New_York"}, "model": ["site.json"], "bindings": {
        "IN": {"inputs": [{"type": "file", "path": "in/*", "system": "urn:site", **binding}]}, "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}))
    heddle(folder, "batch", "pipeline.json", "--for", "2026-03-05", "--format", "json")
    yield from differences(folder, expected)


# --- Raw: what each run took in, day by day -----------------------------------------------------------------------------

SITE_HEAD = "who,code,secret\n"
DEVICES_HEAD = "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,UDI\n"
DAYS = [
    ({"conditions.csv": SITE_HEAD + "p1,c1,N\np1,c2,N\n,c3,N\n", "devices.csv": DEVICES_HEAD + "2020-01-02T10:00:00Z,,p1,e1,1,Stent,u1\n"},
     [("SELECT who, code, file, position, run_id FROM raw.site_conditions ORDER BY position",
       ["p1|c1|in/conditions.csv|16|20260305-1", "p1|c2|in/conditions.csv|24|20260305-1", "-|c3|in/conditions.csv|32|20260305-1"]),
      ("SELECT udi, run_id FROM raw.synthea_devices", ["u1|20260305-1"])]),
    # c1 stands again where it stood, c2 elsewhere; c4 is new. What core has is not kept twice; what is set aside each time is.
    ({"conditions.csv": SITE_HEAD + "p1,c1,N\np1,c4,N\np1,c2,N\n,c3,N\n", "devices.csv": DEVICES_HEAD + "2020-01-03T10:00:00Z,,p1,e1,1,Stent,u2\n"},
     [("SELECT who, code, run_id FROM raw.site_conditions ORDER BY run_id, position",
       ["p1|c1|20260305-1", "p1|c2|20260305-1", "-|c3|20260305-1", "p1|c4|20260306-1", "-|c3|20260306-1"]),
      ("SELECT outcome, reason_code, row_count FROM meta.accounting_reason WHERE run_id = '20260306-1' AND entity = 'condition' ORDER BY ALL",
       ["deduplicated|exact_repeat|2", "quarantined|missing_required|1"]),
      ("SELECT c.source_code, r.who FROM core.condition c JOIN raw.site_conditions r USING (source, file, position, row_number, run_id) ORDER BY 1",
       ["c1|p1", "c2|p1", "c4|p1"]),
      ("SELECT udi, run_id FROM raw.synthea_devices", ["u2|20260306-1"])]),
    # The mapping has learnt a field.
    ({"conditions.csv": "who,code,secret,ward\np1,c5,N,W7\n"},
     [("SELECT code, ward FROM raw.site_conditions WHERE run_id = '20260307-1'", ["c5|W7"]), ("SELECT count(ward) FROM raw.site_conditions", ["1"])]),
]


def raw_days(folder):
    folder, mapping = pathlib.Path(folder), json.loads(json.dumps(SITE_MAPPING))
    mapping["columns"]["event_time"] = mapping["columns"]["effective_time"] = "to_timestamp('2020-01-02 03:04:05', binding.zone)"
    yield from run(folder, DAYS[0][0], {}, DAYS[0][1], mapping)
    # As an earlier program left it: rows of a run in the file, and a view of them.
    (folder / "old.sql").write_text("DROP TABLE raw.synthea_devices;\nCREATE SCHEMA run_1;\nCREATE TABLE run_1.d (udi VARCHAR);\n"
                                    "CREATE VIEW raw.synthea_devices AS SELECT udi FROM run_1.d;\nSELECT 1 AS n;\n")
    subprocess.run([sys.executable, str(PEERS / "duckdb_shell.py"), "w.db", "old.sql"], cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for day, (files, expected) in enumerate(DAYS[1:], 6):
        put(folder, files)
        if day == 7:
            mapping["fields"]["ward"] = mapping["columns"]["facility"] = "ward"
            (folder / "site.json").write_text(json.dumps(mapping))
        heddle(folder, "batch", "pipeline.json", "--for", f"2026-03-0{day}", "--format", "json")
        yield from differences(folder, expected)


def main():
    with tempfile.TemporaryDirectory() as folder:
        failed = list(run(f"{folder}/synthea", FILES, {}, EXPECTED))
        failed += run(f"{folder}/labelled", LABELLED, {"labels": ["N", "42CFRPart2"]}, LABELS)
        failed += run(f"{folder}/unlabelled", LABELLED, {}, UNLABELLED)
        failed += raw_days(f"{folder}/raw")
    print("\n".join(failed + [f"{len(failed)} differences"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
