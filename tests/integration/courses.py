#!/usr/bin/env python3
"""Courses of creatinine, haemoglobin and platelets in a generated world, told as laboratories do: preliminary, final, corrected, withdrawn, promoted, late and
twice, creatinine by mass and by amount.
The live leg's alerts equal what the oracle works out from the files alone, for any number of workers and any size of chunks."""
import datetime as dt
import json
import pathlib
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hybrid  # noqa: E402

WORLDS = ((21, 200, 3), (22, 300, 4))
RULES = ("acute_kidney_injury", "delta_check", "relative_trend")
COUNT = 60  # Patients with a course of each.


class Creatinine:
    code, bases, factors, days = "2160-0", (0.6, 0.8, 0.95, 1.1, 2.4), (1, 1, 1, 1.1, 1.3, 1.45, 1.5, 1.6, 2, 2.4, 3, 3.5), 0.67

    @staticmethod
    def write(rng, value, by_amount):
        upper = {"source_reference_range_high": "115" if by_amount else "1.3"} if rng.random() < 0.5 else {}
        return {"source_component_code": "14682-9" if by_amount else "2160-0", "result": f"{value * 88.4:.1f}" if by_amount else f"{value:.2f}",
                "source_units": "umol/L" if by_amount else "mg/dL"} | upper


class Haemoglobin:
    code, bases, factors, days = "718-7", (9.6, 11.5, 13, 15.5), (1, 1, 1.02, 0.95, 0.9, 0.87, 0.85, 0.84, 0.8, 0.7), 1

    @staticmethod
    def write(rng, value, _):
        return {"source_component_code": "718-7", "result": f"{value:.1f}", "source_units": "g/dL"}


class Platelets:
    code, bases, factors, days = "777-3", (160, 240, 380), (1, 0.9, 0.8, 0.6, 0.5, 0.45, 0.4, 0.3, 0.2), 2.2

    @staticmethod
    def write(rng, value, _):
        return {"source_component_code": "777-3", "result": f"{value:.0f}", "source_units": rng.choice(("10*3/uL", "10^3/mm3"))}


def instant(text):
    try:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None


def read(path):
    """(time, line) of each line; what tells no time has that of the line before."""
    lines, last = [], None
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            last = instant(json.loads(line).get("event_time")) or last
        except (ValueError, AttributeError):
            pass
        lines.append((last, line))
    return lines


def homes(world):
    """Patient -> the partition that tells of him."""
    found = {}
    for path in sorted((world / "events").glob("*.ndjson")):
        for line in path.read_bytes().split(b"\n"):
            try:
                found.setdefault(json.loads(line).get("patient_id"), path)
            except (ValueError, AttributeError):
                pass
    return {patient: path for patient, path in found.items() if isinstance(patient, str) and patient.startswith("P")}


class Course:
    def __init__(self, rng, analyte, patient, begin, serial):
        self.rng, self.analyte, self.patient, self.at, self.serial, self.events = rng, analyte, patient, begin, serial, []
        self.base, self.falls = rng.choice(analyte.bases), rng.random() < 0.5

    def value(self, number):
        """Platelets fall step by step, or as anything else do what they want."""
        factors = self.analyte.factors
        return self.base * (factors[min(number + self.rng.randint(0, 2), len(factors) - 1)] if self.falls and self.analyte is Platelets else self.rng.choice(factors))

    def say(self, result, value, status, at, effective):
        """One version, as an event that arrives at `at`, or hours later."""
        self.serial += 1
        event = {"event_id": f"C{self.serial:07}", "type": "lab_result", "event_time": stamp(at), "effective_time": stamp(effective), "facility": "STE",
                 "patient_id": self.patient, "lab_result_id": result, "source_abnormal_flag": "N", "status": status}
        event |= self.analyte.write(self.rng, value, self.by_amount)
        arrives = at + dt.timedelta(hours=self.rng.choice((0, 0, 0, 0, 0, 3, 9)))
        self.events.append((arrives, json.dumps(event).encode()))
        if self.rng.random() < 0.1:
            self.events.append((arrives + dt.timedelta(minutes=2), json.dumps(event).encode()))

    def tell(self):
        for number in range(self.rng.randint(2, 7)):
            self.at += dt.timedelta(minutes=self.rng.randint(60, int(60 * 24 * self.analyte.days)))
            self.by_amount = self.rng.random() < 0.25
            result, effective = f"RC{self.analyte.code}{self.patient}-{number}", self.at - dt.timedelta(minutes=self.rng.randint(20, 240))
            value = self.value(number)
            story = self.rng.random()
            self.say(result, value, "P" if story < 0.25 else "F", self.at, effective)
            later = self.at + dt.timedelta(minutes=self.rng.randint(30, 600))
            if story < 0.1:
                self.say(result, value, "F", later, effective)
            elif story < 0.18:
                self.say(result, value, "U", later, effective)
            elif 0.25 < story < 0.45:
                self.say(result, self.value(number), "C", later, effective)
            elif 0.45 < story < 0.55:
                self.say(result, value, self.rng.choice("DW"), later, effective)
        return self.events


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def add_courses(world):
    """Puts the courses' events where their arrival belongs."""
    home, serial, added = homes(world), 0, {}
    rng = random.Random(len(home))
    begin = min(time for path in home.values() for time, _ in read(path)[:50] if time is not None)
    for analyte in (Creatinine, Haemoglobin, Platelets):
        for patient in rng.sample(sorted(home), COUNT):
            course = Course(rng, analyte, patient, begin + dt.timedelta(hours=rng.randint(0, 30)), serial)
            added.setdefault(home[patient], []).extend(course.tell())
            serial = course.serial
    for path, events in added.items():
        lines = read(path)
        last = next(time for time, _ in lines if time is not None)
        merged = sorted(events, key=lambda each: each[0])
        out = []
        for time, line in lines:
            last = max(last, time or last)
            while merged and merged[0][0] <= last:
                out.append(merged.pop(0)[1])
            out.append(line)
        path.write_bytes(b"".join(line + b"\n" for line in out + [line for _, line in merged]))


def main():
    found = {}
    for seed, patients, days in WORLDS:
        wanted = hybrid.one_world(str(seed), str(patients), str(days), add_courses)
        for rule in RULES:
            for status in wanted["alerts"][rule].values():
                found[rule, status] = found.get((rule, status), 0) + 1
    hybrid.expect("kinds of outcomes", sorted(found), sorted((rule, status) for rule in RULES for status in ("closed", "open", "retracted", "revised")))
    for failure in hybrid.failures:
        print(failure)
    print(f"{len(WORLDS)} worlds, alerts {found}, {len(hybrid.failures)} differences")
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    sys.exit(main())
