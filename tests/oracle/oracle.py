#!/usr/bin/env python3
"""What a generated world must lead to, computed straight from its files.

Shares no code with heddle: its own CSV, HL7 and JSON reading, its own arithmetic (fractions), its own idea of time. Only
the meaning is shared, from ARCHITECTURE.md ("Time", "Alerts are a function of history") and model/README.md.

    oracle.py DIR              prints the expectations as JSON
    oracle.py --summary DIR    their counts only, for people
"""
import csv
import datetime as dt
import io
import json
import pathlib
import sys
from collections import Counter, defaultdict
from fractions import Fraction
from zoneinfo import ZoneInfo

import course
import volume

ZONE = ZoneInfo("America/New_York")
UTC = dt.timezone.utc
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
WINDOW, LATENESS, DISORDER = 5 * MINUTE, HOUR, MINUTE
COOLDOWN = DAY

# Adult limits (Kost 1990): (code) -> (low, high); the pack's age band begins at 18 years.
LIMITS = {"2823-3": ("2.8", "6.2"), "2951-2": ("120", "158"), "2345-7": ("46", "484"), "17861-6": ("6.6", "12.9"),
          "2028-9": ("11", "40"), "19123-9": ("1.0", "4.9"), "718-7": ("6.6", "19.9"), "777-3": ("37", "910"),
          "6690-2": ("2.0", "37"), "2524-7": (None, "3.4")}
FLAGS_CRITICAL = {"LL", "HH", "AA"}
STATUSES = set("FCABVUPRSIONXDW")
UNITS = {"mEq/L": "mmol/L", "K/uL": "10*3/uL", "10^3/mm3": "10*3/uL", **{unit: unit for unit in ("mmol/L", "mg/dL", "g/dL", "10*3/uL", "umol/L")}}
FILTERED = ("status_ignored", "no_result")
RECORD_SIZE = 1 << 20
csv.field_size_limit(4 * RECORD_SIZE)


def micros(moment):
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def iso(text):
    """Microseconds of an ISO instant, or None."""
    try:
        return micros(dt.datetime.fromisoformat(text.replace("Z", "+00:00")))
    except (ValueError, AttributeError, TypeError):
        return None


def date(text):
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def number(text):
    try:
        return Fraction(text)
    except (TypeError, ValueError):
        return None


def hl7_time(text):
    """Microseconds of an HL7 time; without an offset it is the hospital's local time."""
    if not text:
        return None
    offset = None
    for sign in "+-":
        if sign in text:
            text, zone = text.split(sign)
            offset = dt.timezone((1 if sign == "+" else -1) * dt.timedelta(hours=int(zone[:2]), minutes=int(zone[2:])))
    whole, _, part = text.partition(".")
    moment = dt.datetime.strptime(whole, "%Y%m%d%H%M%S")
    moment = moment.replace(microsecond=int((part + "000000")[:6]), tzinfo=offset or ZONE)
    return micros(moment.astimezone(UTC))


# ---- History ---------------------------------------------------------------------------------------------------------

def read_messages(path):
    """Messages of a file, as lists of segments; runs of bytes that are no message come as strings; what trailers of batches say and what came."""
    found, junk, trailers, begin = [], [], [], 0
    for segment in path.read_bytes().decode().split("\r"):
        if segment.startswith("BHS|"):
            begin = len(found)
        elif segment.startswith("BTS|"):
            trailers.append((int(segment.split("|")[1]), len(found) - begin))
        elif segment.startswith("MSH|"):
            found.append([segment.split("|")])
        elif segment and found:
            found[-1].append(segment.split("|"))
        elif segment:
            junk.append(segment)
    return found, junk, trailers


def field(segment, number):
    return segment[number] if number < len(segment) else ""


class History:
    """What files of history hold. `reasons` by source or entity; `quality` by entity and column; `patients` as they are stated."""

    def __init__(self, snapshots):
        """Of folders like `in/`, each with the microseconds of its logical date."""
        self.received, self.reasons, self.quality = Counter(), Counter(), Counter()
        self.results, self.encounters, self.patients, self.users = {}, {}, defaultdict(list), {}
        for logical, folder in snapshots:
            for path in sorted((folder / "lab").glob("*.hl7")):
                self.read_lab(path)
            for path in sorted((folder / "ehr").glob("*.csv")):
                self.read_csv(path, logical)
        self.versions = {key: versions_of(stated) for key, stated in self.patients.items()}
        self.reasons["patient", "exact_repeat"] = sum(len(s) - len(self.versions[key]) for key, s in self.patients.items())

    def read_lab(self, path):
        messages, junk, trailers = read_messages(path)
        self.quality["//batch_count"] += sum(told != came for told, came in trailers)
        self.received["LAB_RESULTS_RAW"] += len(messages) + len(junk)
        self.reasons["LAB_RESULTS_RAW", "malformed_record"] += len(junk)
        for message in messages:
            self.quality["//stray_line"] += any(len(segment[0]) != 3 for segment in message)
            kind, mode = message[0][8].split("^")[0], field(message[0], 10)
            if mode not in ("P", ""):
                self.reasons["LAB_RESULTS_RAW", "wrong_processing_id"] += 1
            elif kind == "ACK":
                self.reasons["LAB_RESULTS_RAW", "no_entity"] += 1
            elif kind != "ORU":
                self.reasons["LAB_RESULTS_RAW", "unknown_type"] += 1
            else:
                self.lab_message(message)

    def lab_message(self, message):
        patient = ""
        for segment in message:
            if segment[0] == "PID":
                patient = field(segment, 3).split("^")[0]
                self.lab_patient(patient, hl7_time(message[0][6]), segment)
            elif segment[0] == "OBX":
                self.lab_result(patient, segment)

    def lab_patient(self, patient, stated, segment):
        if not patient:
            self.reasons["patient", "missing_required"] += 1
            return
        for identifier in field(segment, 3).split("~")[1:]:
            self.reasons["patient_identifier", "stop_identifier"] += len(set(identifier.split("^")[0].replace("-", ""))) == 1
        name, street = (field(segment, number).split("^") + 5 * [""] for number in (5, 11))
        born, dead = field(segment, 7), field(segment, 30)
        if dead not in ("", "Y", "N"):
            self.quality["patient/source_death_flag/bad_boolean"] += 1
        self.patients[f"LAB_RESULTS_RAW/{patient}"].append((stated, none_if_empty(
            name[1], name[2], name[0], field(segment, 8), born and f"{born[:4]}-{born[4:6]}-{born[6:]}", "", "", street[0], street[2], street[4])
            + [dead == "Y"]))

    def lab_result(self, patient, segment):
        status, unit = field(segment, 11), field(segment, 6).replace("\\S\\", "^")
        if status in "IONX":
            self.reasons["lab_result", "status_ignored"] += 1
        elif not field(segment, 5):
            self.reasons["lab_result", "no_result"] += 1
        elif not patient or status not in STATUSES:
            self.reasons["lab_result", "missing_required" if not patient else "bad_code"] += 1
        else:
            version = tuple(segment[1:])
            versions = self.results.setdefault((patient, field(segment, 21)), {})
            self.reasons["lab_result", "exact_repeat"] += version in versions
            self.quality["lab_result/source_units/unknown_unit"] += unit not in UNITS
            versions[version] = {"event": hl7_time(field(segment, 19)), "value": field(segment, 5), "status": status, "unit": unit,
                                 "effective": hl7_time(field(segment, 14)), "code": field(segment, 3).split("^")[0]}

    def read_csv(self, path, logical):
        text = path.read_bytes().decode("utf-8", "surrogateescape").lstrip("\ufeff")
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        if header[0] == "USER_ID":
            self.received["EHR_RAW"] += len(rows)
            self.users = {row[0]: dict(zip(header, row)) for row in rows}
            return
        if header[0] != "Id":
            self.received["EHR_RAW"] += 1
            self.reasons["EHR_RAW", "no_mapping"] += 1
            return
        self.received["EHR_RAW"] += len(rows)
        if "START" in header and "REASONDESCRIPTION" not in header:
            self.quality["encounter//missing_column"] += 1
        for row in rows:
            whole = ",".join(row)
            reason = ("too_large" if len(whole) > RECORD_SIZE else "malformed_record" if len(row) > len(header)
                      else "bad_encoding" if any("\udc80" <= c <= "\udcff" for c in whole)
                      else "truncated" if row is rows[-1] and text.count('"') % 2 else None)
            named = dict(zip(header, row))
            if reason is None and "START" in header:
                reason = self.encounter(named)
            elif reason is None and "BIRTHDATE" in header:
                reason = self.patient(named, logical)
            if reason:
                self.reasons["EHR_RAW", reason] += 1

    def encounter(self, row):
        begin, end = iso(row["START"]), iso(row["STOP"])
        reason = ("missing_required" if not row["PATIENT"] else "bad_timestamp" if begin is None
                  else "exact_repeat" if row["Id"] in self.encounters else None)
        if reason:
            self.reasons["encounter", reason] += 1
            return reason
        self.quality["encounter/encounter_end_time/inconsistent"] += end is not None and end < begin
        self.quality["encounter/total_cost/bad_number"] += number(row["TOTAL_CLAIM_COST"]) is None
        self.encounters[row["Id"]] = {"patient": row["PATIENT"], "user": row["PROVIDER"], "department": row["ORGANIZATION"], "begin": begin,
                                      "end": max(end or begin, begin), "known": begin}
        return None

    def patient(self, row, logical):
        if not row["Id"]:
            for entity in ("patient", "patient_identifier"):
                self.reasons[entity, "missing_required"] += 1
            return "missing_required"
        notes, ssn, code = [], row["SSN"].replace("-", ""), row["ZIP"].rjust(5, "0") if row["ZIP"] else ""
        born, dead = date(row["BIRTHDATE"]), date(row["DEATHDATE"])
        if row["BIRTHDATE"] and born is None:
            notes.append("birth_date/bad_date")
        if born is not None and dead is not None and dead < born:
            notes, dead = notes + ["death_date/inconsistent"], None
        if born is not None and born.year < 1850:
            notes, born = notes + ["birth_date/out_of_range"], None
        notes += ["social_security_number/repaired"] * (ssn != row["SSN"]) + ["zip_code/repaired"] * (code != row["ZIP"])
        if len(ssn) != 9:
            notes, ssn = notes + ["social_security_number/bad_code"], ""
        self.quality.update(f"patient/{note}" for note in notes)
        self.patients[f"EHR_RAW/{row['Id']}"].append((logical, none_if_empty(
            row["FIRST"], row["MIDDLE"], row["LAST"], row["GENDER"], str(born or ""), str(dead or ""), ssn, row["ADDRESS"], row["CITY"], code)
            + [dead is not None]))
        return None


def none_if_empty(*values):
    return [value or None for value in values]


def versions_of(stated):
    """[valid_from, values] in the order of time; what only repeats the version before it is none."""
    versions = []
    for time, values in sorted(stated, key=lambda each: each[0]):
        if not versions or versions[-1][1] != values:
            versions.append([time, values])
    return versions


# ---- Live ------------------------------------------------------------------------------------------------------------

def parse_event(raw):
    """(event, reason): the event as a dict with times in microseconds; why it is a dead letter or filtered."""
    if len(raw) > RECORD_SIZE:
        return None, "too_large"
    try:
        event = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "bad_encoding"
    except ValueError:
        return None, "malformed_record"
    if "type" not in event:
        return None, "malformed_record"
    if event["type"] not in ("lab_result", "clinical_order", "encounter", "appointment", "access_event"):
        return None, "unknown_type"
    odd = [name for name, value in event.items() if isinstance(value, (dict, list))]
    event.update({name: None for name in odd}, notes=["wrong_shape"] * len(odd))
    if event["type"] == "lab_result":
        status, event["status"] = event["status"], event["status"].upper()
        event["notes"] += ["repaired"] * (status != event["status"]) + ["unknown_unit"] * (event["source_units"] not in UNITS)
        if status in "IONX":
            return event, "status_ignored"
        if event.get("source_value", event["result"]) is None and status not in "DWU":
            return event, "no_result"
    for name in ("event_id", "patient_id", "event_time"):
        if not event.get(name):
            return event, "missing_required"
    event["time"] = iso(event["event_time"])
    event["effective"] = iso(event.get("effective_time")) or event["time"]
    if event["time"] is None:
        return event, "bad_timestamp"
    if event["type"] == "lab_result":
        if not event.get("source_component_code"):
            return event, "missing_required"
        if number(event.get("source_value", event["result"])) is None:
            return event, "bad_number"
        if event["status"] not in STATUSES:
            return event, "bad_code"
    return event, None


def logs_of(directory):
    """The bytes of each partition."""
    return {path.name: path.read_bytes() for path in sorted((directory / "events").glob("*.ndjson"))}


def read_log(logs, raised):
    """Every record of every partition with its position, its own watermark there, and its reason if it is bad. `raised`: by partition, from which positions
    on its watermark was at least what the stream had decided: it appeared late, or had been idle for long."""
    for partition, text in sorted(logs.items()):
        position, newest, floors = 0, None, sorted(raised.get(partition, ()))
        for line in text.split(b"\n")[:-1]:
            while floors and floors[0][0] <= position:
                newest = max(newest or 0, floors.pop(0)[1] + DISORDER)
            if not line:
                position += 1
                continue
            event, reason = parse_event(line)
            watermark = None if newest is None else newest - DISORDER
            yield partition, position, event, reason, watermark
            if reason is None:
                newest = event["time"] if newest is None else max(newest, event["time"])
            position += len(line) + 1


def window_of(event):
    begin = event["time"] // WINDOW * WINDOW
    unit = UNITS.get(event.get("source_units"), event.get("source_units"))
    return begin, event.get("facility"), event["type"], event.get("source_component_code"), unit


def live(logs, raised=None):
    """What the log leads to. A result that no rule can judge raises an alert, known by where the result stands. An event is known from its own time
    on, or, where its partition had passed that already, from the partition's; of copies the one that was known first counts."""
    dead, late, windows, duplicates = [], [], defaultdict(list), 0
    seen, accepted, told, unevaluated = {}, [], Counter(), {}
    for partition, position, event, reason, watermark in read_log(logs, raised or {}):
        is_result = event is not None and event["type"] == "lab_result"
        if reason in FILTERED:
            told[f"{event['type']}/filtered/{reason}"] += 1
            continue
        if is_result and (reason or "unknown_unit" in event["notes"] and event["source_component_code"] in LIMITS):
            unevaluated[f"{partition}:{position}"] = reason or "unknown_unit"
        if reason:
            dead.append((partition, position, reason))
            continue
        told.update(f"{event['type']}/field/{note}" for note in event["notes"])
        event["known"] = event["time"] if watermark is None else max(event["time"], watermark)
        is_late = watermark is not None and event["time"] // WINDOW * WINDOW + WINDOW + LATENESS <= watermark
        if is_late:
            late.append((partition, position))
        elif event["event_id"] in seen:
            duplicates += 1
            seen[event["event_id"]]["known"] = min(seen[event["event_id"]]["known"], event["known"])
            continue
        else:
            seen[event["event_id"]] = event
            windows[window_of(event)].append(event)
        accepted.append(event)
    return {"dead_letters": dead, "late_events": late, "deduplicated": duplicates, "told": told, "windows": window_rows(windows)}, accepted, unevaluated


def window_rows(windows):
    rows = {}
    for key, events in windows.items():
        values = [Fraction(e["result"]) for e in events if e["type"] == "lab_result" and e["source_units"] in UNITS]
        abnormal = sum(1 for e in events if e.get("source_abnormal_flag") not in (None, "", "N"))
        mean = sum(values) / len(values) if values else None
        rows[json.dumps(key)] = [len(events), len({e["patient_id"] for e in events}), abnormal,
                                 places(min(values)) if values else None, places(mean), places(max(values)) if values else None]
    return rows


def places(value):
    """Six places, half away from zero."""
    if value is None:
        return None
    scaled = abs(value) * 1_000_000
    whole = int(scaled + Fraction(1, 2))
    return f"{'-' if value < 0 else ''}{whole // 1_000_000}.{whole % 1_000_000:06d}"


# ---- Rules -----------------------------------------------------------------------------------------------------------

def is_critical(event, birth_dates):
    if event["source_abnormal_flag"] in FLAGS_CRITICAL:
        return True
    born = birth_dates.get(event["patient_id"])
    if born is not None:
        if age_years(born, event["effective"]) < 18:
            return False
    low, high = LIMITS.get(event["source_component_code"], (None, None))
    value = number(event["result"]) if event["source_units"] in UNITS else None
    return value is not None and ((low is not None and value < Fraction(low)) or (high is not None and value > Fraction(high)))


def lab_alerts(accepted, birth_dates):
    """event id of the firing event -> newest status, from history in its order."""
    by_key = defaultdict(dict)
    for event in accepted:
        if event["type"] == "lab_result":
            by_key[event["patient_id"], event["source_component_code"]][event["event_id"]] = event
    alerts, facts = {}, {}
    for events in by_key.values():
        versions = defaultdict(list)
        for event in sorted(events.values(), key=lambda e: (e["effective"], e["time"], e["event_id"])):
            versions[event["lab_result_id"]].append(event)
        last_fired = None
        for chain in versions.values():
            firing, status, latest = None, None, None
            for event in chain:
                if event["status"] == "U" and (status in ("open", "revised") or not is_critical(event, birth_dates)):
                    continue  # "Now final" says nothing new.
                if event["status"] in "DW" or not is_critical(event, birth_dates):
                    status = "retracted" if firing else status
                elif firing is None:
                    firing, status = event, "open"
                else:
                    status = "revised"
                latest = event
            if firing is None:
                continue
            if last_fired is not None and firing["effective"] - last_fired < COOLDOWN:
                status = "closed"
            elif status != "retracted":
                last_fired = firing["effective"]
            alerts[firing["event_id"]] = status
            facts[firing["event_id"]] = [firing["patient_id"], firing["source_component_code"], latest.get("source_value", latest["result"]),
                                         latest.get("source_units"), firing["time"], firing["effective"]]
    return alerts, facts


# By LOINC: the series' first code, and what brings a result's unit to that of the series.
CREATININE = {"2160-0": Fraction("88.4"), "14682-9": Fraction(1)}
HAEMOGLOBIN, PLATELETS = {"718-7": Fraction(1)}, {"777-3": Fraction(1)}


def age_years(born, micros_):
    day = dt.datetime.fromtimestamp(micros_ / 1_000_000, UTC).date()
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def version_of(source, factor, is_live):
    value = number(source.get("value", source.get("source_value", source.get("result")))) if source["unit"] in UNITS else None
    return course.Version(source, source["result_id"], source.get("event_id", ""), source["time"], source["effective"],
                          value * factor if value is not None and value > 0 else None, source["status"], is_live)


def known_results(history, codes):
    """What the warehouse holds of the codes when the stream begins: the newest version of each result, by patient."""
    known = defaultdict(list)
    for (patient, result), versions in history.results.items():
        newest = max(versions.values(), key=lambda v: (v["event"], "PRSFUVCABDW".find(v["status"])))
        if newest["code"] in codes and newest["status"] not in "DW":
            known[patient].append(version_of({**newest, "result_id": result, "time": newest["event"]}, codes[newest["code"]], False))
    return known


def logged_results(accepted, codes):
    """What the log says of the codes, by patient, in its order; copies once."""
    logged = defaultdict(dict)
    for event in accepted:
        if event["type"] == "lab_result" and event["source_component_code"] in codes:
            logged[event["patient_id"]].setdefault(event["event_id"], version_of(
                {**event, "result_id": event["lab_result_id"], "unit": event["source_units"]}, codes[event["source_component_code"]], True))
    return {patient: list(events.values()) for patient, events in logged.items()}


def minors(birth_dates):
    def is_minor(version):
        born = birth_dates.get(version.source["patient_id"])
        return born is not None and age_years(born, version.source["effective"]) < 18
    return is_minor


def creatinine_upper(version):
    upper = number(version.source.get("source_reference_range_high"))
    return None if upper is None else upper * CREATININE[version.source["source_component_code"]]


def course_rules(birth_dates):
    """Rule -> the codes of its series, and how it judges, as delivered."""
    is_minor = minors(birth_dates)
    return {"acute_kidney_injury": (CREATININE, course.kidney(creatinine_upper, is_minor)),
            "delta_check": (HAEMOGLOBIN, course.fall_from_highest(2, 48 * HOUR, is_minor)),
            "relative_trend": (PLATELETS, course.line_falls(50, 10 * DAY, 4, is_minor))}


def course_alerts(accepted, history, codes, judge):
    known = known_results(history, codes)
    alerts, facts = {}, {}
    for patient, logged in logged_results(accepted, codes).items():
        for firing, (status, _, newest) in course.course_alerts(known[patient], logged, judge).items():
            event, shown = firing.source, newest.source
            alerts[event["event_id"]] = status
            facts[event["event_id"]] = [patient, event["source_component_code"], shown.get("value", shown.get("source_value", shown.get("result"))),
                                        shown["unit"], event["time"], event["effective"]]
    return alerts, facts


# Weights of the delivered rule's flags, and of severities.
ACCESS_WEIGHTS = {"no_treatment_relationship": 20, "break_glass_without_reason": 30}
# Weights of the delivered rule's flags, and of severities; the example's departments that work for all, and its office's hours.
ACCESS_WEIGHTS = {"no_treatment_relationship": 20, "break_glass_without_reason": 30, "own_chart": 40, "same_household": 40, "same_surname": 15,
                  "coworker": 25, "vip": 25, "deceased": 20, "long_discharged": 10, "terminated_user": 60, "after_hours": 10}
ACCESS_SEVERITIES = (("critical", 80), ("high", 45), ("medium", 20))
HOUSE_WIDE, HOUSE_WIDE_DAYS = {"BILLING", "REGISTRATION", "FLOAT"}, 180
RARE_SURNAME, HOUSEHOLD = 20, 12


class People:
    """What the patient master knows of patients and users, after the run over history."""

    def __init__(self, history):
        self.users, self.surname, self.home, self.died, self.contact = history.users, {}, {}, {}, {}
        for key, versions in sorted(history.versions.items(), reverse=True):  # The laboratory's first: the other's statement is as good.
            first, middle, last, sex, born, died, ssn, street, city, code, dead = versions[-1][1]
            patient = key.partition("/")[2]
            self.surname[patient] = last.upper() if last else None
            self.home[patient] = (street.upper(), code[:5]) if street and code else None
            if died:
                self.died[patient] = micros(dt.datetime.fromisoformat(died).replace(tzinfo=UTC)) // DAY
        self.persons, homes = Counter(self.surname.values()), Counter(self.home.values())
        self.home = {patient: home for patient, home in self.home.items() if home and homes[home] <= HOUSEHOLD}
        for entry in history.encounters.values():
            self.contact[entry["patient"]] = max(self.contact.get(entry["patient"], 0), entry["end"] // DAY)
        self.workforce = {user["PATIENT_ID"] for user in self.users.values() if user["PATIENT_ID"]}

    def department(self, who):
        return self.users[who]["DEPARTMENT"] if who in self.users else None

    def contact_days(self, patient, day):
        return max(day - self.contact[patient], 0) if patient in self.contact else None

    def flags(self, event):
        """Those that follow from who looks at whom and when."""
        patient, day, flags = event["patient_id"], event["effective"] // DAY, set()
        user = self.users.get(event["user_id"], {"PATIENT_ID": "", "LAST": "", "LAST_DAY": ""})
        if user["PATIENT_ID"] == patient:
            flags.add("own_chart")
        else:
            if user["PATIENT_ID"] and patient in self.home and self.home.get(user["PATIENT_ID"]) == self.home[patient]:
                flags.add("same_household")
            if user["LAST"] and user["LAST"].upper() == self.surname.get(patient) and self.persons[user["LAST"].upper()] <= RARE_SURNAME:
                flags.add("same_surname")
            if patient in self.workforce:
                flags.add("coworker")
        if patient in self.died and day - self.died[patient] > 30:
            flags.add("deceased")
        if user["LAST_DAY"] and micros(dt.datetime.fromisoformat(user["LAST_DAY"]).replace(tzinfo=UTC)) // DAY < day:
            flags.add("terminated_user")
        local = dt.datetime.fromtimestamp(event["effective"] / 1_000_000, ZONE)
        if event["user_department"] == "BILLING" and (local.weekday() > 4 or not 7 <= local.hour < 19):
            flags.add("after_hours")
        if event.get("purpose_of_use") in ("ETREAT", "BTG") and not (event.get("reason") or "").strip():
            flags.add("break_glass_without_reason")
        return flags


def explanations_of(accepted, encounters):
    """patient -> [(begin, end, known, department, who, VIP)] of encounters, orders and appointments."""
    found = defaultdict(list)
    for entry in encounters.values():
        found[entry["patient"]].append((entry["begin"], entry["end"], entry["known"], entry["department"], entry["user"], False))
    for event in accepted:
        if event["type"] == "encounter":
            begin, end, who = iso(event["encounter_start_time"]), None, event["attending_practitioner_id"]
        elif event["type"] == "clinical_order":
            begin, end, who = event["effective"], None, event["ordering_practitioner_id"]
        elif event["type"] == "appointment":
            begin, end, who = iso(event["start_time"]), iso(event["end_time"]), event["practitioner_id"]
        else:
            continue
        found[event["patient_id"]].append((begin, end or begin, event["known"], event["department"], who, "vip_indicator" in event))
    return found


def explains(event, people, begin, end, department, who):
    at, own = event["effective"], event["user_department"]
    is_near = begin <= at + 7 * DAY and end >= at - 30 * DAY
    if is_near and (department == own or who == event["user_id"] or people.department(who) == own):
        return True
    return at <= begin <= at + 4 * HOUR or (own in HOUSE_WIDE and begin <= at + 7 * DAY and end >= at - HOUSE_WIDE_DAYS * DAY)


def access_alerts(accepted, encounters, people):
    """`encounters`: those of history that the stream does not speak of."""
    dealings = explanations_of(accepted, encounters)
    alerts, facts, ranks = {}, {}, {}
    for event in accepted:
        if event["type"] != "access_event":
            continue
        at, patient = event["effective"], event["patient_id"]
        fits = [known for begin, end, known, department, who, _ in dealings[patient] if explains(event, people, begin, end, department, who)]
        contact = people.contact_days(patient, at // DAY)
        if event["user_department"] in HOUSE_WIDE and contact is not None and contact <= HOUSE_WIDE_DAYS:
            fits.append(event["time"])
        flags = people.flags(event)
        # History is remembered for 38 days.
        known = [(end, vip) for _, end, known, _, _, vip in dealings[patient] if known <= event["time"] and max(known, end) + 38 * DAY > event["time"]]
        days = [max((at - end) // DAY, 0) for end, _ in known] + ([contact] if contact is not None else [])
        if days and min(days) > 60:
            flags.add("long_discharged")
        if any(vip for _, vip in known):
            flags.add("vip")
        stands = flags & {"terminated_user"}
        if any(known <= event["time"] for known in fits) and not stands:
            continue
        if not (fits and stands):
            flags.add("no_treatment_relationship")
        flags = stands if fits and stands else flags
        rank = sum(ACCESS_WEIGHTS[flag] for flag in flags)
        alerts[event["event_id"]] = "retracted" if fits and not stands else "open"
        facts[event["event_id"]] = [event["user_id"], None, None, None, event["time"], event["effective"]]
        ranks[event["event_id"]] = [rank, next(name for name, least in ACCESS_SEVERITIES if rank >= least), sorted(flags)]
    return alerts, facts, ranks


def patients_over_days(directory):
    """Versions of patients after a run a day over days/, with the day as its logical date."""
    days = sorted(pathlib.Path(directory, "days").iterdir())
    return History((iso(f"{day.name}T00:00:00Z"), day) for day in days).versions


def expectations(directory, logical="1970-01-01"):
    """`logical`: the date of the run over in/, from which its snapshots' patients are valid."""
    directory = pathlib.Path(directory)
    told = History([(iso(f"{logical}T00:00:00Z"), directory / "in")])
    born = {key.removeprefix("EHR_RAW/"): date(versions[-1][1][4] or "") for key, versions in told.versions.items() if key.startswith("EHR")}
    # What the run of history knows before the stream begins are the encounters of the snapshot; an encounter that is
    # also an event is known from its event on, whichever came first in the files.
    streamed, accepted, unevaluated = live(logs_of(directory))
    live_ids = {e["encounter_id"] for e in accepted if e["type"] == "encounter"}
    before = {key: value for key, value in told.encounters.items() if key not in live_ids}
    lab, lab_facts = lab_alerts(accepted, born)
    access, access_facts, ranks = access_alerts(accepted, before, People(told))
    courses = {rule: course_alerts(accepted, told, *how) for rule, how in course_rules(born).items()}
    return {
        "history": {"received": told.received,
                    "reasons": {"/".join(key): count for key, count in sorted(told.reasons.items()) if count},
                    "quality": {key: count for key, count in sorted(told.quality.items()) if count},
                    "lab_result_versions": sum(len(v) for v in told.results.values()), "lab_results": len(told.results),
                    "encounters": len(told.encounters), "patients": told.versions},
        "live": streamed,
        "alerts": {"abnormal_lab_trends": lab, "unusual_access": access, "unevaluated_result": unevaluated,
                   **{rule: alerts for rule, (alerts, _) in courses.items()}},
        # Whom or what the alert is of: subject, code, value and unit of the newest version, event and effective time of the firing one.
        "facts": {"abnormal_lab_trends": lab_facts, "unusual_access": access_facts, **{rule: facts for rule, (_, facts) in courses.items()}},
        "ranks": ranks,  # Rank, severity and flags of alerts of accesses.
        # By user, role, department and day: status, severity, rank, measures.
        "volume": volume.alerts([event for event in accepted if event["type"] == "access_event"], ZONE),
    }


def summary(wanted):
    history, streamed = wanted["history"], wanted["live"]
    yield (f"patients {len(history['patients']):,} in {sum(len(v) for v in history['patients'].values()):,} versions, "
           f"encounters {history['encounters']:,}, lab results {history['lab_results']:,} in {history['lab_result_versions']:,} versions")
    yield (f"rows of windows {len(streamed['windows']):,}, late events {len(streamed['late_events'])}, dead letters {len(streamed['dead_letters'])}, "
           f"duplicates {streamed['deduplicated']}, filtered {sum(n for key, n in streamed['told'].items() if '/filtered/' in key)}")
    for rule, alerts in sorted(wanted["alerts"].items()):
        states = ["open"] * len(alerts) if rule == "unevaluated_result" else alerts.values()
        yield f"alerts of {rule}: " + ", ".join(f"{status} {count}" for status, count in sorted(Counter(states).items())) + ("" if alerts else "none")


if __name__ == "__main__":
    if sys.argv[1] == "--summary":
        print("\n".join(summary(expectations(sys.argv[2]))))
    else:
        json.dump(expectations(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
        print()
