#!/usr/bin/env python3
"""HL7 v2 ADT through `heddle batch`: what each event A01 to A62 does, what an empty field and `""` do to what was known, merges over several runs (re-keyed
facts, late facts, digests, reproduce), identifiers that stand for nobody, and counts of batches.
With names of parts, only those."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
PIPELINE = {"pipeline": {"batch": {"sources": ["EHR"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"],
                                   "gates": {"quarantined_max": 1}, "sink": "W"}}}
# Events whose PID says what the patient is, those that also say what a visit is, and merges of persons. All others are refused by name.
PERSON = {f"A{n:02}" for n in (*range(1, 19), 21, 22, 25, 26, 27, 28, 30, 31, 34, 36, 38, 40, 60)}
VISIT = {f"A{n:02}" for n in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 17, 21, 22)}
# Refused ones that would link, merge, move, renumber or delete, which must be said.
CHANGE = {f"A{n:02}" for n in (19, 20, 23, 24, 29, 35, 37, 39, *range(41, 52))}
MERGE = {"A18", "A30", "A34", "A36", "A40"}
FAILED = []


def expect(what, found, wanted):
    if found != wanted:
        FAILED.append(f"{what}:\n  found  {found}\n  wanted {wanted}")


class Site:
    def __init__(self, base, name, **binding):
        self.folder = base / name
        self.folder.mkdir()
        (self.folder / "pipeline.json").write_text(json.dumps(PIPELINE))
        source = {"type": "file", "path": "in/*", "format": "hl7v2", **binding}
        (self.folder / "bindings.json").write_text(json.dumps(
            {"pipeline": {"name": "site", "zone": "UTC"},
             "bindings": {"EHR": {"inputs": [source]}, "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}}}))
        (self.folder / "in").mkdir()
        self.day = 0

    def heddle(self, *words):
        done = subprocess.run([HEDDLE, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self, *messages):
        """One run over these messages and those before, which then add nothing."""
        self.day += 1
        (self.folder / f"in/{self.day:02}.hl7").write_text("".join(messages))
        return self.heddle("batch", "pipeline.json", "--for", f"2026-02-{self.day:02}", "--format", "json")[-1]

    def ask(self, sql):
        return [tuple(row.values()) for row in self.heddle("query", "W", sql, "--format", "json")]

    def reasons(self, entity=""):
        return dict(self.ask(f"SELECT reason_code, sum(row_count)::INTEGER FROM meta.accounting_reason WHERE coalesce(entity, '') = '{entity}' GROUP BY ALL ORDER BY 1"))


def adt(event, *segments, at="20260101100000", structure="ADT_A01", trigger=None, processing="P"):
    """A message whose MSH-9.3 says another structure than the event's own, as many senders do."""
    kind = "ADT" if event is None else f"ADT^{event}^{structure}"
    return "\r".join([f"MSH|^~\\&|ADT|STE|HUB|HUB|{at}||{kind}|M{at}|{processing}|2.5.1", f"EVN|{trigger or event}|{at}", *segments]) + "\r"


def pid(patient, family="Doe", given="Jane", **fields):
    cells = [""] * 31
    cells[3], cells[5], cells[7], cells[8] = f"{patient}^^^STE^MR" if patient and "^" not in patient else patient, f"{family}^{given}", "19700101", "F"
    for name, value in fields.items():
        cells[int(name[1:])] = value
    return "|".join(["PID", *cells[1:]]).rstrip("|")


def pv1(visit, **fields):
    cells = [""] * 46
    cells[2], cells[19] = "I", visit
    for name, value in fields.items():
        cells[int(name[1:])] = value
    return "|".join(["PV1", *cells[1:]]).rstrip("|")


def oru(patient, result, at="20260101120000"):
    return (f"MSH|^~\\&|LAB|STE|HUB|HUB|{at}||ORU^R01^ORU_R01|L{result}|P|2.5.1\rPID|1||{patient}^^^STE^MR||Doe^Jane\r"
            f"OBR|1||F{result}|2823-3^Potassium^LN|||{at}\rOBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|||||F|||{at}|||||||{result}\r")


def every_event(base):
    """Each event alone, with all segments: its rows, or its name among what is refused."""
    for kind in ("of MSH-9", "of EVN-1"):
        site = Site(base, f"events {kind}")
        events = [f"A{n:02}" for n in range(1, 63)]
        texts = []
        for number, event in enumerate(events):
            segments = (pid(f"P{event}"), f"MRG|W{event}^^^STE^MR", pv1(f"V{event}", f44="20260101080000"))
            named = event if kind == "of MSH-9" else None
            texts.append(adt(named, *segments, trigger=event, at=f"202601011{number // 6 % 10}{number % 6}000"))
        site.run(*texts)
        expect(f"patients {kind}", {row[0] for row in site.ask("SELECT patient_id FROM core.patient")}, {f"P{event}" for event in PERSON})
        expect(f"visits {kind}", {row[0] for row in site.ask("SELECT encounter_id FROM core.encounter")}, {f"V{event}" for event in VISIT - {"A11"}})
        expect(f"retracted {kind}", site.ask("SELECT encounter_id FROM core.encounter_version WHERE NOT is_current"), [("VA11",)])
        expect(f"merged {kind}", {row[0] for row in site.ask("SELECT identifier_value FROM core.patient_identifier WHERE identifier_use = 'old'")},
               {f"W{event}" for event in MERGE})
        expect(f"reasons {kind}", site.reasons(), {"unknown_type": len(events) - len(PERSON)})
        told = [row[0].split(": ", 1) for row in site.ask("SELECT reason FROM meta.quarantine WHERE reason_code = 'unknown_type'")]
        expect(f"names {kind}", {name for name, *_ in told}, {f"no mapping reads messages of type ADT^{event}" for event in set(events) - PERSON})
        expect(f"what they would change {kind}", {name[-3:] for name, *what in told if what and what[0].endswith(", which is not applied")}, CHANGE)
        expect(f"no column is lost {kind}", site.ask("SELECT count(*)::INTEGER FROM core.encounter WHERE encounter_start_time IS NULL"), [(0,)])


def visit_states(base):
    """Admission, transfer, its cancellation, discharge, its cancellation, cancelled admission: in one run and in a run each."""
    story = [
        ("A01", dict(f3="3E^1^A", f44="20260101080000", f7="851^West^Rob"), ("3E", "2026-01-01 08:00:00", None, "851")),
        ("A02", dict(f3="CCU^2^B"), ("CCU", "2026-01-01 08:00:00", None, "851")),
        ("A12", dict(f3="3E^1^A"), ("3E", "2026-01-01 08:00:00", None, "851")),
        ("A03", dict(f45="20260103090000"), ("3E", "2026-01-01 08:00:00", "2026-01-03 09:00:00", "851")),
        ("A13", dict(f45="20260103090000"), ("3E", "2026-01-01 08:00:00", None, "851")),
        ("A08", dict(f7='""'), ("3E", "2026-01-01 08:00:00", None, None)),
        ("A11", dict(), None),
    ]
    look = "SELECT department, encounter_start_time::VARCHAR, encounter_end_time::VARCHAR, attending_practitioner_id FROM core.encounter"
    versions = look + "_version ORDER BY event_time"
    messages = [adt(event, pid("P1"), pv1("V1", **fields), at=f"202601{10 + i}100000") for i, (event, fields, _) in enumerate(story)]
    apart = Site(base, "visit apart")
    for message, (event, _, state) in zip(messages, story):
        apart.run(message)
        expect(f"after {event}", apart.ask(look), [state] if state else [])
    together = Site(base, "visit together")
    together.run(*messages)
    expect("all versions", together.ask(versions), apart.ask(versions))
    expect("a visit without a number", (Site(base, "no visit").run(adt("A04", pid("P1"), pv1("")))["sources"][0]["loaded"]), 1)
    # A discharge that tells no time has that of its event.
    plain = Site(base, "discharge")
    plain.run(adt("A01", pid("P1"), pv1("V1"), at="20260101080000"), adt("A03", pid("P1"), pv1("V1"), at="20260102090000"))
    expect("times of events", plain.ask(look), [(None, "2026-01-01 08:00:00", "2026-01-02 09:00:00", None)])


def empty_fields(base):
    """Empty: no change. Two quotes: none from now on. Standard columns follow the filled ones, and a repeat stays one."""
    look = "SELECT first_name, last_name, name_key, birth_date::VARCHAR, sex, phone, city FROM core.patient"
    full = adt("A01", pid("P1", f13="555", f11="1 Main^^Troy^NY"), at="20260101100000")
    for name in ("apart", "together"):
        site = Site(base, f"empty {name}")
        steps = [full, adt("A08", pid("P1", family="Roe", given="", f7="", f8="", f11="^^Rome"), at="20260102100000"),
                 adt("A31", pid("P1", family="", given="", f13='""', f7=""), at="20260103100000")]
        for batch in ([[step] for step in steps] if name == "apart" else [steps]):
            site.run(*batch)
        expect(f"filled {name}", site.ask(look), [("Jane", "Roe", "ROE JANE", "1970-01-01", "female", None, "Rome")])
        again = site.run(*steps)
        expect(f"again {name}", again["sources"][0]["loaded"], 0)
        site.run(adt("A08", pid("P1", f13="556"), at="20260104100000"), adt("A08", pid("P1", f13=""), at="20260105100000"))
        expect(f"after it {name}", site.ask(look), [("Jane", "Doe", "DOE JANE", "1970-01-01", "female", "556", "Rome")])
    emptied = Site(base, "emptied")
    emptied.run(adt("A01", pid("P1", f13="555"), at="20260101100000"), adt("A08", pid("P1"), at="20260102100000"), adt("A08", pid("P1", f13='""'), at="20260103100000"))
    expect("emptied after the same without it", emptied.ask(look), [("Jane", "Doe", "DOE JANE", "1970-01-01", "female", None, None)])
    late = Site(base, "emptied in the past")
    late.run(adt("A01", pid("P1", f13="555"), at="20260103100000"))
    late.run(adt("A08", pid("P1", f13=""), at="20260101100000"))
    expect("a row of the past fills nothing later", late.ask("SELECT phone FROM core.patient_version ORDER BY event_time"), [(None,), ("555",)])


def persons(site):
    return dict(site.ask("SELECT concat(identifier_system, '/', identifier_value), person_id FROM core.person_identifier"))


def merges(base):
    """The wrong record is known longer, has facts, gets more after the merge; the right one's person survives."""
    site = Site(base, "merge")
    site.run(adt("A28", pid("WRONG"), at="20260101100000"), oru("WRONG", "R1"))
    site.run(adt("A28", pid("RIGHT"), at="20260102100000"), oru("RIGHT", "R2"))
    before = persons(site)
    expect("strangers before", len(set(before.values())), 2)
    merge = adt("A40", pid("RIGHT"), "MRG|WRONG^^^STE^MR", at="20260103100000", structure="ADT_A39")
    site.run(merge)
    expect("one person", persons(site), {"STE/WRONG": before["STE/RIGHT"], "STE/RIGHT": before["STE/RIGHT"]})
    expect("the merge", site.ask("SELECT from_person_id, to_person_id FROM core.person_merge"), [(before["STE/WRONG"], before["STE/RIGHT"])])
    site.run(oru("WRONG", "R3", at="20260104120000"))
    expect("facts follow", site.ask("SELECT lab_result_id, patient_id, person_id FROM core.lab_result ORDER BY 1"),
           [(result, patient, before["STE/RIGHT"]) for result, patient in (("R1", "WRONG"), ("R2", "RIGHT"), ("R3", "WRONG"))])
    expect("every version", site.ask("SELECT DISTINCT person_id FROM core.lab_result_version UNION SELECT person_id FROM core.patient_version"), [(before["STE/RIGHT"],)])
    expect("still found", site.ask("SELECT patient_id, identifier_use FROM core.patient_identifier WHERE identifier_value = 'WRONG' ORDER BY 1"),
           [("RIGHT", "old"), ("WRONG", None)])
    last = site.ask("SELECT run_id FROM meta.run ORDER BY 1 DESC LIMIT 1")[0][0]
    expect("reproduced", [line["reproduced"] for line in site.heddle("runs", "reproduce", last, "--format", "json")], [True])
    together = Site(base, "merge in one run")
    together.run(merge, oru("WRONG", "R1"), adt("A28", pid("RIGHT"), at="20260102100000"), adt("A28", pid("WRONG"), at="20260101100000"))
    expect("in one run", len(set(persons(together).values())), 1)
    expect("nobody was known", together.ask("SELECT count(*)::INTEGER FROM core.person_merge"), [(0,)])


def merge_forms(base):
    """Several pairs in one message; old forms; what is no merge of persons."""
    site = Site(base, "merge forms")
    site.run(adt("A40", pid("R1"), "MRG|W1^^^STE^MR~X1^^^STE^MR", pid("R2"), "MRG|W2^^^STE^MR", structure="ADT_A39"),
             *(adt(event, pid(f"R{event}"), f"MRG|W{event}^^^STE^MR") for event in ("A18", "A34", "A36")))
    found = persons(site)
    expect("pairs", [found[f"STE/{a}"] == found[f"STE/{b}"] for a, b in (("R1", "W1"), ("R1", "X1"), ("R2", "W2"), ("R1", "R2"))], [True, True, True, False])
    expect("old forms", [found[f"STE/R{event}"] == found[f"STE/W{event}"] for event in ("A18", "A34", "A36")], [True] * 3)
    no = Site(base, "no merge")
    no.run(*(adt("A28", pid(patient)) for patient in ("A", "B")),
           adt("A24", pid("A"), pid("B"), structure="ADT_A24"), adt("A37", pid("A"), pid("B"), structure="ADT_A37"),
           *(adt(event, pid("A"), "MRG|B^^^STE^MR||ACC1||V1", pv1("V1")) for event in ("A41", "A42", "A43", "A44", "A45", "A47", "A51")),
           adt("A40", pid("A"), "MRG|B^^^STE^AN"))
    expect("no merge", len(set(persons(no).values())), 2)
    expect("refused", no.reasons(), {"unknown_type": 9, "exact_repeat": 1})
    expect("an account is no person", no.reasons("patient_identifier")["stop_identifier"], 1)


def message(kind, *segments, at="20260101100000"):
    return "\r".join([f"MSH|^~\\&|APP|STE|HUB|HUB|{at}||{kind}|M{at}|P|2.5.1", *segments]) + "\r"


def clinical(base):
    """Diagnoses, allergies, procedures, insurances, places and people of ADT; appointments, vaccines, orders and drugs of their own messages."""
    site = Site(base, "clinical", zone="UTC")
    site.run(
        adt("A01", "PD1||||88^Hippo^Rold", "ROL|1|AD|PP|121^Phoeb^Harold", pid("P1"), pv1("V1", f3="3E^12^B^GHH", f7="9^West^Rob"),
            "DG1|1||E11.9^Diabetes^I10C||20251231|A|||||||||1|20^Stewart^Pat|||20260101|D1|A", "DG1|2||J45^Asthma^I10|||||||||||||||Y", "DG1|3",
            "AL1|1|DA^Drug^HL70127|7980^Penicillin^RXNORM|SV|Rash~Hives|20200101", "AL1|2", "PR1|1||99221^Care^C4||20260101090000||||||7^Cut^Ann|||||RT~LT|||PR9",
            "IN1|1|HMO^Health plan|31572^^^AETNA|Aetna||||G1|Group|||20250101|20261231|||Doe^Jane|SEL" + "|" * 19 + "W1", "OBX|1|NM|8867-4^Heart rate^LN||44|/min|60-100|L|||F|||20260101083000"),
        adt("A60", pid("P1"), "IAM|1|FA|12345^Peanut^L|MI||A|77", "IAM|2|FA|12346^Milk^L|MI||A|78", at="20260102100000"),
        adt("A60", pid("P1"), "IAM|1|FA|12345^Peanut^L|MI||D|77", at="20260103100000"),
        message("SIU^S12^SIU_S12", "SCH|P1|F1||||ROUTINE|CHECKUP^Check-up|Normal|30|min|^^^20260201083000^20260201090000", pid("P1"), pid("P2"), "RGS|1", "AIS|1||X",
                "AIL|1||OPD^2^^GHH", "AIP|1||600^GP^Linda|11^General practice", "RGS|2", "AIL|2||LAB"),
        message("SIU^S15^SIU_S12", "SCH|P1|F1||||WHY^Ill|CHECKUP|Normal|30|min|^^^20260201083000^20260201090000", pid("P2"), at="20260102100000"),
        message("SIU^S12", "SCH|P2|F2|||||||2|h|^^^20260301083000", pid("P1")), message("SIU^S17", "SCH|P2|F2", pid("P1"), at="20260102100000"),
        message("SIU^S18", "SCH|P2|F2", pid("P3")),
        message("VXU^V04^VXU_V04", pid("P1"), "ORC|RE||I1", "RXA|0|1|20260101||58160-0820^Engerix^NDC^08^HepB^CVX|0.5|mL||00|7824^Jackson^Lily|||||L1||MSD^Merck^MVX|||CP|A",
                "RXR|IM^Intramuscular|RD^Right Deltoid", "ORC|RE||I2", "RXA|0|1|20260101||88^Influenza^CVX|999|||01|||||||||||RE", "ORC|RE||9999", "RXA|0|1|20260101||998^None^CVX|999"),
        message("OML^O21^OML_O21", pid("P1"), "ORC|NW|O1||||||||20260101090000", "TQ1|1||||||||S", "OBR|1|O1||57698-3^Lipids^LN||||||||||||1234567893^Doc^Ann^^^^^^^^^^NPI",
                "ORC|PR|O0", "OBR|1|O0||1^Old^L"),
        message("ORM^O01", pid("P1"), "ORC|NW|O2", "OBR|1|O2||71020^Chest^C4||||||||||||||||||||RAD", "ORC|NW|O3", "RXO|1191^Aspirin^RXNORM"),
        message("ORM^O01", pid("P1"), "ORC|CA|O2", "OBR|1|O2||71020^Chest^C4", at="20260102100000"),
        message("RDE^O11^RDE_O11", pid("P1"), "ORC|NW|O4", "RXE||00143963401^Nicardipine^NDC|1||||^Daily|||10|caps|2|13^Pre^Scriber||PN1", "RXR|PO^oral"),
        message("RDS^O13^RDS_O13", pid("P1"), "ORC|NW|O4", "RXD|1|00143963401^Nicardipine^NDC|20260105|10|caps||PN1"))
    for what, sql, wanted in [
        ("conditions", "SELECT condition_id, condition_type, normalized_code, encounter_id, practitioner_id, labels, recorded_date::VARCHAR FROM core.condition ORDER BY source_code",
         [("D1", "admitting", "E119", "V1", "20", None, "2026-01-01"), ("V1|J45|\\0", None, "J45", "V1", None, "R", None)]),
        ("allergies", "SELECT source_code, category, reaction_1_severity, reaction_2_description FROM core.allergy ORDER BY source_code",
         [("12346", "food", "mild", None), ("7980", "medication", "severe", "Hives")]),
        ("procedures", "SELECT procedure_id, source_code, modifier_2, practitioner_id, procedure_date::VARCHAR FROM core.procedure", [("PR9", "99221", "LT", "7", "2026-01-01")]),
        ("insurances", "SELECT payer_system, payer_id, plan, subscriber_id, relationship, enrollment_end_date::VARCHAR FROM core.eligibility",
         [("AETNA", "31572", "Health plan", "W1", "SEL", "2026-12-31")]),
        ("the payer", "SELECT organization_id, name, organization_type, organization_system FROM core.organization", [("31572", "Aetna", "payer", "AETNA")]),
        ("observations", "SELECT normalized_code, result, source_units, encounter_id, effective_time::VARCHAR FROM core.observation",
         [("8867-4", "44", "/min", "V1", "2026-01-01 08:30:00")]),
        ("places", "SELECT name, parent_location_id, location_id IN (SELECT location_id FROM core.encounter) FROM core.location ORDER BY name",
         [("3E 12 B", "GHH", True), ("LAB", None, False), ("OPD 2", "GHH", False)]),
        ("people", "SELECT practitioner_id, last_name FROM core.practitioner ORDER BY practitioner_id",
         [("121", "Phoeb"), ("1234567893", "Doc"), ("600", "GP"), ("7824", "Jackson"), ("88", "Hippo"), ("9", "West")]),
        ("appointments", "SELECT appointment_id, patient_id, normalized_status, practitioner_id, location_id IN (SELECT location_id FROM core.location), start_time::VARCHAR, duration_minutes "
         "FROM core.appointment ORDER BY 2", [("F1", "P1", "booked", "600", True, "2026-02-01 08:30:00", 30), ("F1", "P2", "cancelled", "600", True, "2026-02-01 08:30:00", 30)]),
        ("a deleted appointment", "SELECT DISTINCT appointment_id, duration_minutes FROM core.appointment_version WHERE status_action = 'retract'", [("F2", 120)]),
        ("vaccines", "SELECT immunization_id, source_code, status, route, is_primary_source, source_dose, manufacturer FROM core.immunization ORDER BY 1",
         [("I1", "08", "completed", "Intramuscular", True, "0.5", "Merck"), ("I2", "88", "not-done", None, False, None, None)]),
        ("orders", "SELECT clinical_order_id, order_type, source_code, priority, ordering_practitioner_id FROM core.clinical_order ORDER BY 1",
         [("O1", "laboratory", "57698-3", "stat", "1234567893"), ("O3", "medication", "1191", None, None)]),
        ("drugs", "SELECT medication_type, ndc_code, status, dosage, route, quantity::VARCHAR, practitioner_id FROM core.medication ORDER BY 1",
         [("dispense", "00143963401", "completed", None, None, "10.000000", None), ("prescription", "00143963401", "active", "Daily", "oral", "10.000000", "13")]),
        ("whose", "SELECT patient_id FROM core.patient ORDER BY 1", [("P1",), ("P2",)]),
        ("refused", "SELECT reason FROM meta.quarantine", [("no mapping reads messages of type SIU^S18",)]),
    ]:
        expect(what, site.ask(sql), wanted)


def strangers(base):
    """An identifier that stands for nobody, or has no assigner, joins nobody."""
    shared = ["000-00-0000^^^SSA^SS", "999999999^^^STATE^EI", "UNKNOWN^^^STATE^EI", "6789^^^SSA^SS", "123-45-6789^^^SSA^SS", "000^^^STATE^EI", "666-12-3456^^^SSA^SS",
              "4711^^^STE^AN"]
    site = Site(base, "stop")
    site.run(*(adt("A28", pid(f"{patient}{number}^^^STE^MR~{identifier}"), at=f"2026010{day}100000")
               for number, identifier in enumerate(shared) for day, patient in ((1, "A"), (2, "B"))))
    found = persons(site)
    expect("strangers", [identifier for number, identifier in enumerate(shared) if found[f"STE/A{number}"] == found[f"STE/B{number}"]], [])
    expect("their reason", site.reasons("patient_identifier"), {"stop_identifier": 2 * len(shared)})
    real = Site(base, "real number")
    real.run(*(adt("A28", pid(f"{patient}^^^STE^MR~ENT-77^^^STATE^EI~219-45-1234^^^SSA^SS")) for patient in "AB"))
    expect("a real number joins", len(set(persons(real).values())), 1)
    expect("a social security number is kept", len(real.ask("SELECT 1 FROM core.patient_identifier WHERE identifier_type = 'SS'")), 2)
    other = Site(base, "no assigner", system="urn:site")
    other.run(adt("A28", pid("12345^^^^MR")), adt("A28", pid("7^^^^MR~12345^^^^EI")))
    expect("another kind without assigner", sorted(persons(other)), ["urn:site/12345", "urn:site/7", "urn:site:EI/12345"])
    expect("two persons", len(set(persons(other).values())), 2)


def batches(base):
    """BTS-1 and FTS-1 are held against what came; MSH-11 by binding."""
    one = adt("A28", pid("A"))
    site = Site(base, "batches")
    site.run("FHS|^~\\&|A\rBHS|^~\\&|A\r", one, adt("A28", pid("B")), "BTS|2\r", "BHS|^~\\&|A\r", adt("A28", pid("C")), "BTS|7\r", "FTS|3\r")
    expect("counts", site.ask("SELECT reason_code, row_count FROM meta.quality WHERE reason_code = 'batch_count'"), [("batch_count", 2)])
    expect("all loaded", site.ask("SELECT count(*)::INTEGER FROM core.patient"), [(3,)])
    right = Site(base, "right batch")
    right.run("BHS|^~\\&|A\r", one, "BTS|1\r")
    expect("right counts", right.ask("SELECT count(*)::INTEGER FROM meta.quality"), [(0,)])
    texts = [adt("A28", pid(f"P{kind}"), processing=kind) for kind in ("P", "T", "D", "P^A", "")]
    plain = Site(base, "processing")
    plain.run(*texts)
    expect("production alone", (plain.reasons(), plain.ask("SELECT count(*)::INTEGER FROM core.patient")), ({"wrong_processing_id": 2}, [(3,)]))
    admitted = Site(base, "processing all", processing_ids=["P", "T", "D"])
    admitted.run(*texts)
    expect("admitted", admitted.ask("SELECT count(*)::INTEGER FROM core.patient"), [(5,)])


def main():
    with tempfile.TemporaryDirectory() as folder:
        wanted = set(sys.argv[1:])
        for part in (every_event, visit_states, empty_fields, merges, merge_forms, clinical, strangers, batches):
            if not wanted or part.__name__ in wanted:
                part(pathlib.Path(folder))
    for text in FAILED:
        print(text)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
