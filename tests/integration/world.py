#!/usr/bin/env python3
"""The oracle, which reads only a world's files, finds every planted story of truth.json and no alert beside them."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import Counter

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import oracle  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
ALERT_STATES = ("open", "revised", "retracted", "closed")
REASONS = pathlib.Path(__file__).resolve().parents[2] / "model/terms/reasons.json"
OF_FHIR = {"no_resource", "unended_bundle", "unmapped_type", "unsupported_version"}  # No world has FHIR; tests/unit/format/test_decoder.c has.
NOT_OF_FILES = {"future_time", "source_idle", "tombstone", "empty_record", "deleted_unread"}  # Its events carry no time of writing, its logs are there from the start, and none is silent for long or has messages.
OF_DRUGS = {"unknown_drug"}  # Told by medication_interactions, which the example does not name; tests/integration/interactions.py has it.


def generate(folder, *options):
    subprocess.run([HEDDLE, "generate", "--out", folder, *options], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def compare_reasons(folder, truth, found):
    """Yields the reasons that are not planted, and the planted ones that the oracle tells otherwise."""
    planted = truth["planted"]
    missing = set(re.findall(r'"code": "(\w+)"', REASONS.read_text())) - NOT_OF_FILES - OF_FHIR - OF_DRUGS - {plant.get("reason") for plant in planted}
    if missing:
        yield f"not planted: {sorted(missing)}"
    for outcome in ("filtered", "field"):
        told = {key.rpartition("/")[2]: count for key, count in found["live"]["told"].items() if f"/{outcome}/" in key}
        wanted = Counter(plant["reason"] for plant in planted if plant["expect"] == outcome)
        if told != wanted:
            yield f"{outcome}: {told} found, {dict(wanted)} planted"
    unevaluated = Counter(found["alerts"]["unevaluated_result"].values())
    wanted = Counter(plant["reason"] for plant in planted if plant.get("alert") == "unevaluated_result")
    if unevaluated != wanted:
        yield f"unevaluated results: {dict(unevaluated)} found, {dict(wanted)} planted"
    told = {key.rpartition("/")[2] for what in ("reasons", "quality") for key in found["history"][what]} | {"exact_repeat"}
    lost = {plant["reason"] for plant in planted if "file" in plant} - told
    if lost:
        yield f"not found in history: {sorted(lost)}"
    moved = {f"EHR_RAW/{plant['patient_id']}" for plant in planted if plant["kind"] == "patient_moved"}
    changed = {key for key, versions in oracle.patients_over_days(folder).items() if key.startswith("EHR_RAW/") and len(versions) > 1}
    if moved != changed:
        yield f"patients that moved: {len(changed)} found, {len(moved)} planted"


def compare(folder):
    """Yields what differs."""
    truth = json.loads((pathlib.Path(folder) / "truth.json").read_text())
    found = oracle.expectations(folder)
    alerts = {**found["alerts"]["abnormal_lab_trends"], **found["alerts"]["unusual_access"]}
    planted = {"dead_letter": [], "late_event": [], "deduplicated": []}
    stories = set()
    for plant in truth["planted"]:
        if plant["expect"] in ALERT_STATES:
            stories.add(plant["event_id"])
            if alerts.get(plant["event_id"]) != plant["expect"]:
                yield f"{plant['kind']}: alert is {alerts.get(plant['event_id'])}, planted as {plant['expect']}"
        elif plant["expect"] == "none" and plant["event_id"] in alerts:
            yield f"{plant['kind']}: raises an alert"
        planted.get(plant["expect"], []).append(plant.get("reason"))
        if plant["kind"] == "late_critical":
            planted["late_event"].append(None)
    for event_id in alerts.keys() - stories:
        yield f"{event_id}: alert without a planted story"
    live = found["live"]
    if sorted(reason for _, _, reason in live["dead_letters"]) != sorted(planted["dead_letter"]):
        yield f"dead letters: {len(live['dead_letters'])} found, {len(planted['dead_letter'])} planted"
    if len(live["late_events"]) != len(planted["late_event"]):
        yield f"late events: {len(live['late_events'])} found, {len(planted['late_event'])} planted"
    if live["deduplicated"] != len(planted["deduplicated"]):
        yield f"deduplicated: {live['deduplicated']} found, {len(planted['deduplicated'])} planted"
    yield from compare_reasons(folder, truth, found)
    if len(stories) < 20:
        yield f"only {len(stories)} stories: the world is too small to show anything"


def main():
    passed = failed = 0
    for seed, patients, days in ((1, 500, 3), (2, 1000, 2), (3, 2000, 3), (4, 300, 5)):
        with tempfile.TemporaryDirectory() as folder:
            generate(folder, "--seed", str(seed), "--patients", str(patients), "--days", str(days))
            differences = list(compare(folder))
        for difference in differences:
            print(f"seed {seed}, {patients} patients: {difference}")
        passed += not differences
        failed += bool(differences)
    refused = subprocess.run([HEDDLE, "generate", "--patients", "5", "--out", "/nowhere"], capture_output=True, stdin=subprocess.DEVNULL)
    if refused.returncode == 2 and b"patients" in refused.stderr:
        passed += 1
    else:
        print(f"5 patients: exit {refused.returncode}, {refused.stderr!r}")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
