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


def micros(moment):
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def iso(text):
    """Microseconds of an ISO instant, or None."""
    try:
        return micros(dt.datetime.fromisoformat(text.replace("Z", "+00:00")))
    except (ValueError, AttributeError, TypeError):
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
    """Messages of a file, as lists of segments; runs of bytes that are no message come as strings."""
    found, junk = [], []
    for segment in path.read_bytes().decode().split("\r"):
        if segment.startswith("MSH|"):
            found.append([segment.split("|")])
        elif segment and found:
            found[-1].append(segment.split("|"))
        elif segment:
            junk.append(segment)
    return found, junk


def field(segment, number):
    return segment[number] if number < len(segment) else ""


def history(directory):
    """Counts of what `in/` holds, by source; the distinct versions of results; encounters."""
    sources = {"EHR_RAW": Counter(), "LAB_RESULTS_RAW": Counter()}
    reasons = Counter()
    results, encounters = {}, {}
    for path in sorted((directory / "in/lab").glob("*.hl7")):
        messages, junk = read_messages(path)
        sources["LAB_RESULTS_RAW"]["received"] += len(messages) + len(junk)
        reasons["LAB_RESULTS_RAW", "malformed_record"] += len(junk)
        for message in messages:
            header = message[0]
            kind, mode = header[8].split("^")[0], field(header, 10)
            if mode not in ("P", ""):
                reasons["LAB_RESULTS_RAW", "wrong_processing_id"] += 1
            elif kind == "ACK":
                reasons["LAB_RESULTS_RAW", "no_entity"] += 1
            elif kind != "ORU":
                reasons["LAB_RESULTS_RAW", "unknown_type"] += 1
            else:
                lab_message(message, results, reasons)
    for path in sorted((directory / "in/ehr").glob("*.csv")):
        text = path.read_bytes().decode("utf-8", "surrogateescape").lstrip("\ufeff")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        if rows[0][0] != "Id":
            sources["EHR_RAW"]["received"] += 1
            reasons["EHR_RAW", "no_mapping"] += 1
            continue
        sources["EHR_RAW"]["received"] += len(rows) - 1
        if path.name == "encounters.csv":
            for row in rows[1:]:
                if len(row) == len(rows[0]) and row[3] and iso(row[1]) is not None:
                    encounters[row[0]] = {"patient": row[3], "user": row[5], "department": row[4], "begin": iso(row[1]),
                                          "end": iso(row[2]) or iso(row[1]), "known": iso(row[1])}
    return sources, reasons, results, encounters


def lab_message(message, results, reasons):
    patient = ""
    for segment in message:
        if segment[0] == "PID":
            patient = field(segment, 3).split("^")[0]
        if segment[0] != "OBX":
            continue
        status = field(segment, 11)
        if not patient or status not in STATUSES:
            reasons["lab_result", "missing_required" if not patient else "bad_code"] += 1
        elif status in "IONX":
            reasons["lab_result", "status_ignored"] += 1
        else:
            version = tuple(segment[1:])
            versions = results.setdefault((patient, field(segment, 21)), {})
            if version in versions:
                reasons["lab_result", "exact_repeat"] += 1
            versions[version] = {"event": hl7_time(field(segment, 19)), "value": field(segment, 5), "status": status}


# ---- Live ------------------------------------------------------------------------------------------------------------

def parse_event(raw):
    """(event, reason): the event as a dict with times in microseconds, or the reason of its dead letter."""
    try:
        event = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "bad_encoding"
    except ValueError:
        return None, "malformed_record"
    if "type" not in event:
        return None, "malformed_record"
    if event["type"] not in ("lab_result", "clinical_order", "encounter", "access_event"):
        return None, "unknown_type"
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


def number(text):
    try:
        return Fraction(text)
    except ValueError:
        return None


def read_log(directory):
    """Every record of every partition with its position, its own watermark there, and its reason if it is bad."""
    for path in sorted((directory / "events").glob("*.ndjson")):
        position, newest = 0, None
        for line in path.read_bytes().split(b"\n")[:-1]:
            event, reason = parse_event(line)
            watermark = None if newest is None else newest - DISORDER
            yield path.name, position, event, reason, watermark
            if reason is None:
                newest = event["time"] if newest is None else max(newest, event["time"])
            position += len(line) + 1


def window_of(event):
    begin = event["time"] // WINDOW * WINDOW
    unit = {"mEq/L": "mmol/L", "K/uL": "10*3/uL", "10^3/mm3": "10*3/uL"}.get(event.get("source_units"), event.get("source_units"))
    return begin, event.get("facility"), event["type"], event.get("source_component_code"), unit


def live(directory):
    dead, late, windows, duplicates = [], [], defaultdict(list), 0
    seen, accepted = set(), []
    for partition, position, event, reason, watermark in read_log(directory):
        if reason:
            dead.append((partition, position, reason))
            continue
        is_late = watermark is not None and event["time"] // WINDOW * WINDOW + WINDOW + LATENESS <= watermark
        if is_late:
            late.append((partition, position))
        elif event["event_id"] in seen:
            duplicates += 1
            continue
        else:
            seen.add(event["event_id"])
            windows[window_of(event)].append(event)
        accepted.append(event)
    return dead, late, windows, duplicates, accepted


def window_rows(windows):
    rows = {}
    for key, events in windows.items():
        values = [Fraction(e["result"]) for e in events if e["type"] == "lab_result"]
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
        day = dt.datetime.fromtimestamp(event["effective"] / 1_000_000, UTC).date()
        if day.year - born.year - ((day.month, day.day) < (born.month, born.day)) < 18:
            return False
    low, high = LIMITS.get(event["source_component_code"], (None, None))
    value = number(event["result"])
    return (low is not None and value < Fraction(low)) or (high is not None and value > Fraction(high))


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


def access_alerts(accepted, encounters):
    explanations = defaultdict(list)
    for entry in encounters.values():
        explanations[entry["patient"]].append((entry["begin"], entry["end"], entry["known"], entry["department"], entry["user"]))
    for event in accepted:
        if event["type"] == "encounter":
            begin = iso(event["encounter_start_time"])
            explanations[event["patient_id"]].append((begin, begin, event["time"], event["department"], event["attending_practitioner_id"]))
        elif event["type"] == "clinical_order":
            explanations[event["patient_id"]].append(
                (event["effective"], event["effective"], event["time"], event["department"], event["ordering_practitioner_id"]))
    alerts, facts = {}, {}
    for event in accepted:
        if event["type"] != "access_event":
            continue
        fits = [known for begin, end, known, department, user in explanations[event["patient_id"]]
                if (department == event["user_department"] or user == event["user_id"])
                and begin <= event["effective"] + 7 * DAY and end >= event["effective"] - 30 * DAY]
        if not any(known <= event["time"] for known in fits):
            alerts[event["event_id"]] = "retracted" if fits else "open"
            facts[event["event_id"]] = [event["user_id"], None, None, None, event["time"], event["effective"]]
    return alerts, facts


def birth_dates_of(directory):
    dates = {}
    text = (directory / "in/ehr/patients.csv").read_bytes().decode("utf-8", "replace")
    for row in csv.DictReader(io.StringIO(text, newline="")):
        try:
            dates[row["Id"]] = dt.date.fromisoformat(row["BIRTHDATE"])
        except ValueError:
            pass
    return dates


def expectations(directory):
    directory = pathlib.Path(directory)
    sources, reasons, results, encounters = history(directory)
    # What the run of history knows before the stream begins are the encounters of the snapshot; an encounter that is
    # also an event is known from its event on, whichever came first in the files.
    dead, late, windows, duplicates, accepted = live(directory)
    live_ids = {e["encounter_id"] for e in accepted if e["type"] == "encounter"}
    before = {key: value for key, value in encounters.items() if key not in live_ids}
    lab, lab_facts = lab_alerts(accepted, birth_dates_of(directory))
    access, access_facts = access_alerts(accepted, before)
    return {
        "history": {"received": {name: counts["received"] for name, counts in sources.items()},
                    "reasons": {"/".join(key): count for key, count in sorted(reasons.items())},
                    "lab_result_versions": sum(len(v) for v in results.values()), "lab_results": len(results),
                    "encounters": len(encounters)},
        "live": {"dead_letters": dead, "late_events": late, "deduplicated": duplicates, "windows": window_rows(windows)},
        "alerts": {"abnormal_lab_trends": lab, "unusual_access": access},
        # Whom or what the alert is of: subject, code, value and unit of the newest version, event and effective time of the firing one.
        "facts": {"abnormal_lab_trends": lab_facts, "unusual_access": access_facts},
    }


def summary(wanted):
    history_, live_ = wanted["history"], wanted["live"]
    yield f"encounters {history_['encounters']:,}, lab results {history_['lab_results']:,} in {history_['lab_result_versions']:,} versions"
    yield (f"rows of windows {len(live_['windows']):,}, late events {len(live_['late_events'])}, dead letters {len(live_['dead_letters'])}, "
           f"duplicates {live_['deduplicated']}")
    for rule, alerts in sorted(wanted["alerts"].items()):
        yield f"alerts of {rule}: " + ", ".join(f"{status} {count}" for status, count in sorted(Counter(alerts.values()).items()))


if __name__ == "__main__":
    if sys.argv[1] == "--summary":
        print("\n".join(summary(expectations(sys.argv[2]))))
    else:
        json.dump(expectations(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
        print()
