#!/usr/bin/env python3
"""What a laboratory says of a specimen, from HL7 v2 (SPM-24), FHIR (a contained Specimen) and JSON events, in the warehouse's columns; and what becomes of potassium
from haemolysed specimens: told, with a lower severity where burst cells may have made it, the same by the live leg and by a backtest."""
import json
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import ROOT, expect, failures, heddle, query  # noqa: E402

WAREHOUSE, STORE = "ENTERPRISE_DATA_WAREHOUSE", "REALTIME_ANALYTICS_STORE"
# Result, value, what SPM-24 says, or None: no SPM.
RESULTS = (("R1", "7.1", "HEM^Hemolyzed^HL70493"), ("R2", "8.1", "AUT^Autolyzed^HL70493~HEM"), ("R3", "7.1", None), ("R4", "7.1", "ROOM"), ("R5", "4.1", "HEM"))
CODES = {"R1": "HEM", "R2": "AUT,HEM", "R3": None, "R4": "ROOM", "R5": "HEM"}
SEVERITIES = {"R1": "high", "R2": "critical", "R3": "critical", "R4": "critical"}


def obx(result, value):
    return f"OBX|1|NM|2823-3^Potassium^LN||{value}|mmol/L|3.5-5.1|H|||F|||20260303081438|||||20260303091438||{result}"


def message(number, patient, orders):
    lines = [f"MSH|^~\\&|LAB|STE|EDW|H|20260303091500-0500||ORU^R01^ORU_R01|M{number}|P|2.5.1", f"PID|1||{patient}^^^STE^MR||Doe^Jo||19600101|F"]
    for at, (result, value, condition) in enumerate(orders, 1):
        lines += ["ORC|RE", f"OBR|{at}||F{number}{at}|24323-8^Panel^LN|||20260303081438", obx(result, value)]
        if condition is not None:
            lines.append("SPM|1|||SER" + "|" * 20 + condition)
    return "\r".join(lines) + "\r"


def event(result, value, condition):
    told = {"event_id": f"E{result}", "type": "lab_result", "event_time": "2026-03-03T14:14:38Z", "effective_time": "2026-03-03T13:14:38Z", "patient_id": f"J{result}",
            "facility": "STE", "lab_result_id": result, "source_component_code": "2823-3", "result": value, "source_units": "mmol/L", "status": "F"}
    return json.dumps(told | ({} if condition is None else {"specimen_condition": condition})) + "\n"


def fhir(base):
    """Of FHIR the condition of a contained specimen, where there is one."""
    folder = base / "fhir"
    folder.mkdir()
    specimen = {"resourceType": "Specimen", "id": "s", "condition": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0493", "code": "HEM"}]}]}
    plain = {"resourceType": "Observation", "id": "o1", "status": "final", "category": [{"coding": [{"code": "laboratory"}]}],
             "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}, "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2026-03-03T13:14:38Z",
             "valueQuantity": {"value": 7.1, "code": "mmol/L"}}
    told = [plain, {**plain, "id": "o2", "contained": [{"resourceType": "Practitioner", "id": "x"}, specimen], "specimen": {"reference": "#s"}}]
    (folder / "observations.ndjson").write_text("".join(json.dumps(each) + "\n" for each in told))
    (folder / "pipeline.json").write_text(json.dumps({"pipeline": {"batch": {"sources": ["FHIR"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                                                             "gates": {"quarantined_max": 1}, "sink": "W"}}}))
    (folder / "bindings.json").write_text(json.dumps({"pipeline": {"name": "fhir", "zone": "America/New_York"}, "bindings": {
        "W": {"type": "duckdb", "path": "w.db", "encryption": "none"},
        "FHIR": {"inputs": [{"type": "file", "path": "observations.ndjson", "format": "fhir-r4", "system": "urn:f"}]}}}))
    heddle("batch", "pipeline.json", folder=folder)
    rows = query(folder, "W", "select normalized_specimen_condition as code from core.lab_result order by lab_result_id")
    expect("codes of FHIR", [row["code"] for row in rows], [None, "HEM"])


def make(base):
    folder = base / "site"
    shutil.copytree(ROOT / "examples/hybrid", folder)
    (folder / "in/lab").mkdir(parents=True)
    (folder / "events").mkdir()
    alone = "".join(message(number, f"H{result[0]}", [result]) for number, result in enumerate(RESULTS, 1))
    both = message(9, "HB", [("B1", "7.1", "HEM"), ("B2", "7.2", None)])  # The first order's specimen is not the second's.
    (folder / "in/lab/a.hl7").write_text(alone + both)
    (folder / "events/a.ndjson").write_text("".join(event(*result) for result in RESULTS))
    return folder


def conditions(folder):
    rows = query(folder, WAREHOUSE, "select lab_result_id, source_specimen_condition as said, normalized_specimen_condition as code from core.lab_result")
    expect("codes of HL7 v2", {row["lab_result_id"]: row["code"] for row in rows}, CODES | {"B1": "HEM", "B2": None})
    expect("as received", {row["said"] for row in rows}, {None, "ROOM", "HEM", "HEM^Hemolyzed^HL70493", "AUT^Autolyzed^HL70493~HEM"})


def alerts(folder):
    rows = query(folder, STORE, "select subject_id, severity, status, explanation from alert where rule = 'abnormal_lab_trends'")
    expect("severities", {row["subject_id"].removeprefix("J"): row["severity"] for row in rows}, SEVERITIES)
    said = {row["subject_id"].removeprefix("J"): json.loads(row["explanation"]) for row in rows}
    expect("what is said of the specimen", {result: (why.get("specimen"), why.get("haemolysed_high"), "note" in why) for result, why in said.items()},
           {"R1": ("haemolysed", 8.0, True), "R2": ("haemolysed", 8.0, True), "R3": (None, None, False), "R4": (None, None, False)})
    history = [json.loads(line) for line in heddle("backtest", "abnormal_lab_trends", "--list", "--phi", "--format", "json", folder=folder).splitlines()]
    found = {alert["subject_id"].removeprefix("H"): (alert["severity"], "haemolysed" in json.dumps(alert["explanation"])) for alert in history
             if alert["rule"] == "abnormal_lab_trends" and alert["subject_id"] != "HB"}
    expect("a backtest", found, {result: (severity, result in ("R1", "R2")) for result, severity in SEVERITIES.items()})


def main():
    with tempfile.TemporaryDirectory() as base:
        folder = make(pathlib.Path(base))
        heddle("run", "pipeline.json", "--drain", folder=folder)
        conditions(folder)
        alerts(folder)
        fhir(pathlib.Path(base))
    for failure in failures:
        print(failure)
    print(f"{len(RESULTS)} results, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
