#!/usr/bin/env python3
"""Drug interactions in a generated world, told as systems do: prescriptions, dispensings and orders by code and by name, corrected, stopped, cancelled, late, twice and
in disorder, over a warehouse that knows of drugs before. The live leg's alerts equal what an oracle works out from the files alone, for any number of workers and any
size of chunks; a backtest over the same facts tells the same."""
import collections
import csv
import datetime as dt
import json
import pathlib
import random
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import courses  # noqa: E402
import hybrid  # noqa: E402
from hybrid import expect, heddle, query  # noqa: E402
sys.path.insert(0, str(hybrid.ROOT / "tests/oracle"))
import interaction  # noqa: E402

RULE, STORE, WAREHOUSE = "medication_interactions", "REALTIME_ANALYTICS_STORE", "ENTERPRISE_DATA_WAREHOUSE"
WORLDS = ((31, 150, 3), (32, 150, 4))
COUNT = 50  # Patients with drugs.
# As senders write them: (code system, code, text), and what that is.
FORMS = [
    (("RxNorm", "36567", None), {"simvastatin"}), (("http://www.nlm.nih.gov/research/umls/rxnorm", "314231", "Simvastatin 10 MG Oral Tablet"), {"simvastatin"}),
    ((None, None, "lovastatin 20 mg daily"), {"lovastatin"}), (("LOCAL", "CLA500", "CLARITHROMYCIN 500MG TAB"), {"clarithromycin"}),
    (("RXNORM", "21212", None), {"clarithromycin"}), (("RxNorm", "897685", None), {"verapamil"}),
    (("NDC", "00074-6799-22", "Lopinavir 200 MG / Ritonavir 50 MG Oral Tablet"), {"ritonavir"}), (("RxNorm", "703", None), {"amiodarone"}),
    ((None, None, "Sotalol hydrochloride 80 MG"), {"sotalol"}), (("RxNorm", "73689", "febuxostat"), {"febuxostat"}), (("RxNorm", "1256", None), {"azathioprine"}),
    (("RxNorm", "57258", None), {"tizanidine"}), ((None, None, "Ciprofloxacin"), {"ciprofloxacin"}), (("RxNorm", "83367", "atorvastatin 40 MG"), set()),
    (("NDC", "00093-7155-98", None), set()), (("LOCAL", "X17", None), set()),
]
UNKNOWN = {("NDC", "00093-7155-98", None), ("LOCAL", "X17", None)}


def micros(moment):
    return int((moment - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)) / dt.timedelta(microseconds=1))


class Story:
    """The drugs of one patient."""

    def __init__(self, rng, patient, begin, serial):
        self.rng, self.patient, self.begin, self.serial, self.events, self.told = rng, patient, begin, serial, [], []

    def moment(self, hours):
        return self.begin + dt.timedelta(hours=self.rng.uniform(0, hours))

    def say(self, drug, is_order, form, status, at, begin=None, end=None, kind=None):
        """One statement, as an event that arrives at `at`, or hours later."""
        self.serial += 1
        system, code, text = form or (None, None, None)
        event = {"event_id": f"D{self.serial:07}", "type": "clinical_order" if is_order else "medication", "event_time": courses.stamp(at), "facility": "STE",
                 "patient_id": self.patient, ("clinical_order_id" if is_order else "medication_id"): drug, "status": status,
                 "source_code_type": system, "source_code": code, "source_description": text}
        if is_order:
            event["order_type"] = kind
        else:
            event |= {"medication_type": kind, "medication_start_time": courses.stamp(begin) if begin else None,
                      "medication_end_time": courses.stamp(end) if end else None}
            if not end and self.rng.random() < 0.2:
                event["days_supply"] = self.rng.choice((1, 2, 30))
        event = {name: value for name, value in event.items() if value is not None}
        arrives = at + dt.timedelta(hours=self.rng.choice((0, 0, 0, 0, 0, 3, 9)))
        self.events.append((arrives, json.dumps(event).encode()))
        if self.rng.random() < 0.1:
            self.events.append((arrives + dt.timedelta(minutes=2), json.dumps(event).encode()))

    def tell(self):
        for number in range(self.rng.randint(2, 5)):
            is_order, at = self.rng.random() < 0.4, self.moment(48)
            drug, form = f"M{self.patient}-{number}", self.rng.choice(FORMS)[0]
            kind = self.rng.choice(("medication", "Pharmacy", None)) if is_order else self.rng.choice(("prescription", "dispense", "statement", None))
            begin = at + dt.timedelta(hours=self.rng.randint(-30, 10)) if self.rng.random() < 0.3 else None
            end = (begin or at) + dt.timedelta(hours=self.rng.choice((0, 5, 40))) if self.rng.random() < 0.3 else None
            self.say(drug, is_order, form, "NW" if is_order else "active", at, begin, end, kind)
            for _ in range(self.rng.choice((0, 0, 1, 1, 2))):
                at += dt.timedelta(minutes=self.rng.randint(10, 1200))
                story = self.rng.random()
                if story < 0.3:
                    self.say(drug, is_order, None, "CA" if is_order else self.rng.choice(("cancelled", "not-taken", "entered-in-error")), at, kind=kind)
                elif story < 0.55:
                    self.say(drug, is_order, self.rng.choice((None, form)), "DC" if is_order else "stopped", at, begin, end, kind)
                elif story < 0.8:
                    self.say(drug, is_order, self.rng.choice(FORMS)[0], "XO" if is_order else "active", at, begin, end, kind)
                else:
                    self.say(drug, is_order, form, "XO" if is_order else "active", at, begin, end, kind)
        if self.rng.random() < 0.2:  # What is no drug's, or was only given.
            self.say(f"X{self.patient}", True, ("LN", "2160-0", "simvastatin level"), "NW", self.moment(48))
            self.say(f"Y{self.patient}", False, FORMS[0][0], "completed", self.moment(48), kind="administration")
        return self.events


def add_drugs(world):
    """Puts the events where their arrival belongs, some into another partition than the patient's, and writes what the warehouse knows before."""
    home, serial, added, past = courses.homes(world), 0, {}, []
    rng = random.Random(len(home))
    begin = min(time for path in home.values() for time, _ in courses.read(path)[:50] if time is not None)
    partitions = sorted(set(home.values()))
    for patient in rng.sample(sorted(home), COUNT):
        story = Story(rng, patient, begin, serial)
        for event in story.tell():
            added.setdefault(home[patient] if rng.random() < 0.8 else rng.choice(partitions), []).append(event)
        serial = story.serial
        for _ in range(rng.choice((0, 1, 1, 2))):
            form = rng.choice([f[0] for f in FORMS if f[0][0] in ("RxNorm", "RXNORM")])
            start = begin - dt.timedelta(days=rng.choice((1, 30, 200, 360)), seconds=rng.randint(0, 80000))
            stop = rng.choice((None, None, start + dt.timedelta(days=rng.choice((10, 200, 361)))))
            past.append({"START": start.strftime("%Y-%m-%dT%H:%M:%SZ"), "STOP": stop.strftime("%Y-%m-%dT%H:%M:%SZ") if stop else "", "PATIENT": patient, "PAYER": "",
                         "ENCOUNTER": f"past-{len(past)}", "CODE": form[1], "DESCRIPTION": form[2] or "", "BASE_COST": "1", "PAYER_COVERAGE": "0", "DISPENSES": "1",
                         "TOTALCOST": "1", "REASONCODE": "", "REASONDESCRIPTION": ""})
    for path, events in added.items():
        lines, out = courses.read(path), []
        last, waiting = next(time for time, _ in lines if time is not None), sorted(events, key=lambda each: each[0])
        for time, line in lines:
            last = max(last, time or last)
            while waiting and waiting[0][0] <= last:
                out.append(waiting.pop(0)[1])
            out.append(line)
        path.write_bytes(b"".join(line + b"\n" for line in out + [line for _, line in waiting]))
    with (world / "in/ehr/medications.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(past[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(past)
    path = world / "pipeline.json"
    pipeline = json.loads(path.read_text())
    pipeline["pipeline"]["streaming"]["alerts"]["rules"].append(RULE)
    path.write_text(json.dumps(pipeline))
    (world / "model/rules").mkdir(exist_ok=True)
    (world / "model/rules/drugs.json").write_text(json.dumps({"rule": RULE, "approved": {"version": "onc-2012.1", "by": "Dr. A. Example", "on": "2026-01-15"}}))


# ---- What the oracle reads of the files ----

def ingredients_of(system, code, text):
    if not (code or text):
        return None
    for (of_system, of_code, of_text), found in FORMS:
        if code and (system or "").lower().endswith("rxnorm") and of_code == code:
            return found
        if text and of_text == text:
            return found
    return set()


def logged(path, seen):
    """Statements of one partition, by patient, each event once; and how many drugs were not understood. What stands in several may be read with any."""
    found, position = collections.defaultdict(list), 0
    unknown = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        here, position = position, position + len(line) + 1
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if not isinstance(event, dict) or not str(event.get("event_id", "")).startswith("D"):
            continue
        if event["event_id"] in seen:
            if seen[event["event_id"]] is not None and seen[event["event_id"]].partition != path.name:
                seen[event["event_id"]].partition = "all of " + event["event_id"]
            continue
        seen[event["event_id"]] = None
        is_order = event["type"] == "clinical_order"
        named = ingredients_of(event.get("source_code_type"), event.get("source_code"), event.get("source_description"))
        status = event.get("status", "")
        ends = status.lower() in interaction.NEVER | interaction.STOPPED | interaction.COMPLETED
        if event.get("medication_type") == "administration" or event.get("source_code_type") == "LN" or (named is None and not ends):
            continue
        at = micros(courses.instant(event["event_time"]))
        start = micros(courses.instant(event["medication_start_time"])) if "medication_start_time" in event else at
        end = micros(courses.instant(event["medication_end_time"])) if "medication_end_time" in event else None
        if end is None and "days_supply" in event:
            end = start + event["days_supply"] * interaction.DAY
        if end == start:
            end = start + interaction.DAY
        key = (event.get("source_code_type"), event.get("source_code"), event.get("source_description"))
        unknown += key in UNKNOWN and (not is_order or "order_type" in event)
        seen[event["event_id"]] = interaction.Statement(f"{event['type']}/{event.get('clinical_order_id') or event.get('medication_id')}", event["event_id"], at, start, end,
                                                        status, named, path.name, here)
        found[event["patient_id"]].append(seen[event["event_id"]])
    return found, unknown


def wanted_of(world):
    statements, unknown = collections.defaultdict(list), 0
    with (world / "in/ehr/medications.csv").open() as file:
        for number, row in enumerate(csv.DictReader(file)):
            start = micros(courses.instant(row["START"]))
            stop = micros(courses.instant(row["STOP"])) if row["STOP"] else None
            named = ingredients_of("RxNorm", row["CODE"], row["DESCRIPTION"])
            if named:
                statements[row["PATIENT"]].append(interaction.Statement(f"past/{number}", "", stop or start, start, stop, "completed" if stop else "active", named, None, 0))
    seen = {}
    for path in sorted((world / "events").glob("*.ndjson")):
        found, count = logged(path, seen)
        unknown += count
        for patient, told in found.items():
            statements[patient] += told
    alerts = collections.Counter()
    for patient, told in statements.items():
        # The rule has nothing of drugs that it never knew.
        known = {s.drug for s in told if s.ingredients}
        for alert in interaction.alerts_of([s for s in told if s.drug in known]):
            alerts[(patient, *alert)] += 1
    return alerts, unknown


def found_in(folder, ids):
    alerts = collections.Counter()
    for alert in query(folder, STORE, f"select * from alert where rule = '{RULE}'"):
        first = json.loads(alert["evidence"])["events"][0]
        why = json.loads(alert["explanation"])
        alerts[alert["subject_id"], ids.get((first["partition_id"], first["position"])), alert["code"], alert["value"], alert["status"], alert["status_reason"] or ""] += 1
        expect("what it says", (why["fired_by"], " + ".join(drug["ingredient"] for drug in why["drugs"]), "ONC" in why["source"], alert["severity"], alert["mode"],
                                json.loads(alert["evidence"])["history_from"] is not None),
               (alert["code"], alert["value"], True, "high", "live", True))
    return alerts


def one_world(base, seed, patients, days):
    world = hybrid.make(str(seed), str(patients), str(days), base)
    add_drugs(world)
    wanted, unknown = wanted_of(world)
    ids, contents = hybrid.event_ids(world), set()
    for workers, rows in hybrid.SHAPES:
        folder = base / f"run-{workers}-{rows}"
        hybrid.shutil.copytree(world, folder)
        what = f"seed {seed}, {workers} workers, chunks of {rows}"
        if (base / "person.key").exists():
            hybrid.shutil.copy(base / "person.key", folder / "person.key")
        heddle("run", "pipeline.json", "--drain", "--set", f"runtime.workers={workers}", "--set", f"runtime.chunk_rows={rows}", folder=folder)
        if not (base / "person.key").exists() and (folder / "person.key").exists():
            hybrid.shutil.copy(folder / "person.key", base / "person.key")
        found = found_in(folder, ids)
        expect(f"{what}: alerts that the oracle does not know", dict(found - wanted), {})
        expect(f"{what}: alerts that are missing", dict(wanted - found), {})
        counted = query(folder, STORE, "select coalesce(sum(row_count), 0) as n from accounting_reason where reason_code = 'unknown_drug'")[0]["n"]
        expect(f"{what}: drugs that were not understood", counted, unknown)
        contents.add(json.dumps(query(folder, STORE, f"select alert_id, status, status_reason, value, explanation, evidence from alert where rule = '{RULE}' order by 1")))
        hybrid.delivered(folder, what)
    expect(f"seed {seed}: contents of all shapes", len(contents), 1)
    return wanted


SAYS = ("subject_id", "code", "effective_time", "value", "severity", "status", "status_reason")


def looked_back(base, seed, patients, days):
    """The warehouse has read the log itself: a backtest tells what the live leg told; what that alone told it had taken back, for it had read a later statement first."""
    folder = hybrid.make(str(seed), str(patients), str(days), base)
    add_drugs(folder)
    path = folder / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"]["EHR_RAW"] = {"inputs": [{"type": "file", "path": "in/ehr/patients.csv"}, {"type": "file", "path": "events/*.ndjson"}]}
    path.write_text(json.dumps(bindings))
    heddle("run", "pipeline.json", "--drain", folder=folder)
    live = query(folder, STORE, "select *, strftime('%Y-%m-%dT%H:%M:%S', effective_time / 1000000, 'unixepoch') || printf('.%06dZ', effective_time % 1000000) as effective "
                                f"from alert where rule = '{RULE}'")
    live = [{**alert, "effective_time": alert["effective"]} for alert in live]
    history = [json.loads(line) for line in heddle("backtest", RULE, "--list", "--phi", "--format", "json", folder=folder).splitlines()]
    found, told = (collections.Counter(tuple(alert.get(name) or "" for name in SAYS) for alert in alerts) for alerts in (history, live))
    expect("what a backtest alone tells", dict(found - told), {})
    expect("what the live leg alone tells", {says[-1] for says in told - found}, {"superseded"})
    expect("a backtest tells something", len(history) > 20, True)
    counted = json.loads(heddle("backtest", RULE, "--compare", STORE, "--format", "json", folder=folder, codes=(1,)))
    expect("--compare", {name for name, count in counted["differences"].items() if count > 0}, {"superseded"})
    expect("chunks of a backtest", heddle("backtest", RULE, "--list", "--phi", "--format", "json", "--set", "runtime.chunk_rows=3", folder=folder),
           heddle("backtest", RULE, "--list", "--phi", "--format", "json", folder=folder))


def main():
    told = collections.Counter()
    with tempfile.TemporaryDirectory() as base:
        looked_back(pathlib.Path(base), 33, 150, 3)
    for seed, patients, days in WORLDS:
        with tempfile.TemporaryDirectory() as base:
            for alert, count in one_world(pathlib.Path(base), seed, patients, days).items():
                told[alert[-2], alert[-1]] += count
    expect("kinds of outcomes", set(told) >= {("open", ""), ("revised", "corrected"), ("closed", "stopped"), ("closed", "cooldown"), ("retracted", "withdrawn"),
                                              ("retracted", "corrected"), ("retracted", "superseded")}, True)
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(WORLDS)} worlds, alerts {dict(told)}, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
