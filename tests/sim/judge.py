#!/usr/bin/env python3
"""Judges simulated worlds: what heddle-sim says came of each is held against what the oracle works out from its logs alone.

    judge.py PROGRAM SEEDS…           SEEDS: N, A..B, or a file with one a line (what follows a # is why it is there)

Each processor takes its share of the seeds. heddle-sim itself judges what needs no oracle: that the store's contract was kept, that nothing ended
without a reason, and that the recorded cuts and decisions give the same again."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
from collections import Counter, defaultdict

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
import oracle  # noqa: E402
import volume  # noqa: E402

CHUNK = 50
# The rule of tests/sim/model/access_volume.json.
volume.PEERS, volume.DAYS, volume.SETTLE, volume.LATE = 2, 2, volume.HOUR // 6, 3 * volume.HOUR
volume.MEASURES = {"volume": (20, 2, volume.Fraction(3, 2), 0), "breadth": (30, 2, volume.Fraction(1), volume.Fraction(3, 2))}
MIN = -(1 << 63)


def places_of(logs):
    """Event id by (partition, position)."""
    found = {}
    for partition, text in logs.items():
        position = 0
        for line in text.split(b"\n")[:-1]:
            try:
                found[partition, position] = json.loads(line)["event_id"]
            except (ValueError, KeyError):
                pass
            position += len(line) + 1
    return found


def decimal(scaled):
    if scaled is None:
        return None
    return f"{'-' if scaled < 0 else ''}{abs(scaled) // 1_000_000}.{abs(scaled) % 1_000_000:06d}"


class Said:
    """What the committed epochs said, in their order: of windows and alerts the newest revision counts."""

    def __init__(self, lines, places):
        self.windows, self.open, self.alerts, self.reasons = {}, set(), {}, Counter()
        self.letters, self.late, self.accounts = [], [], defaultdict(list)
        self.revisions, self.volumes = Counter(), {}
        for kind, *values in lines:
            getattr(self, f"take_{kind}")(*values)
        self.places = places

    def take_window(self, begin, end, facility, kind, code, unit, *values):
        key = json.dumps((begin, facility or None, kind, code or None, unit or None))
        self.windows[key] = [*values[:3], *(decimal(v) for v in values[3:6])]
        (self.open.discard if values[6] else self.open.add)(key)

    def take_alert(self, alert_id, rule, status, severity, status_reason, subject, code, value, unit, evidence, explanation, event, effective):
        self.revisions[alert_id] += 1
        self.alerts[alert_id] = (rule, status, status_reason, evidence, [subject, code or None, value or None, unit or None, event, effective])
        if rule == "access_volume":
            why = json.loads(explanation)
            key = "/".join([subject, why["user_role"], why.get("user_department", ""), why["day"]])
            self.volumes[key] = [status, severity, why["rank"], sorted(measure["measure"] for measure in why["measures"] if measure["is_beyond"])]

    def take_account(self, partition, entity, *numbers):
        self.accounts[partition, entity].append(numbers)

    def take_reason(self, entity, outcome, code, count):
        self.reasons[entity, outcome, code] += count

    def take_letter(self, partition, position, reason):
        self.letters.append((partition, position, reason))

    def take_late(self, partition, position, reason):
        self.late.append((partition, position))

    def alerts_of(self, rule):
        """(status, facts) by the event that fired."""
        found = {}
        for name, status, reason, evidence, facts in self.alerts.values():
            if name == rule:
                first = json.loads(evidence)["events"][0]
                found[self.places.get((first["partition_id"], first["position"]))] = (reason if rule == "unevaluated_result" else status, facts)
        return found


def raised_by(headers):
    """From which position on each partition's watermark was at least what: it begins with the smallest one of the header before it appeared, and is raised
    where it was idle."""
    raised, before = defaultdict(list), None
    for header in headers:
        for partition, position in header["cuts"].items():
            if before is not None and partition not in before["cuts"] and before["decisions"]["min_watermark"] > MIN:
                raised[partition].append((0, before["decisions"]["min_watermark"]))
            if partition in header["decisions"]["idle_raised"]:
                raised[partition].append((position, header["decisions"]["idle_raised"][partition]))
        before = header
    return raised


def differences(what, found, wanted):
    if found == wanted:
        return
    keys = sorted({str(k) for k in found.keys() ^ wanted.keys()} | {str(k) for k in found.keys() & wanted.keys() if found[k] != wanted[k]})
    first = next(k for k in [*found, *wanted] if str(k) == keys[0])
    yield f"{what}: {len(keys)} differ; {first}: found {found.get(first)}, the oracle says {wanted.get(first)}"


def judge_rule(rule, found, wanted, facts, may_be_told):
    """`may_be_told`: an access whose explanation was in time may have been told and retracted all the same: where a partition counted as idle, time went on
    without it (P3)."""
    if may_be_told and rule == "unusual_access":
        found = {event: told for event, told in found.items() if event in wanted or told[0] != "retracted"}
    yield from differences(rule, {event: told[0] for event, told in found.items()}, wanted)
    yield from differences(f"facts of {rule}", {event: told[1] for event, told in found.items()}, facts)


def judge_counts(said, logs, streamed):
    sums = Counter()
    for (partition, entity), rows in sorted(said.accounts.items()):
        if entity:
            continue
        ends = [row[1] for row in rows]
        if [row[0] for row in rows] != [0, *ends[:-1]] or ends[-1] != len(logs[partition]):
            yield f"{partition}: moved by {[row[:2] for row in rows]} of {len(logs[partition])} bytes"
        for row in rows:
            sums.update(dict(zip(("received", "loaded", "deduplicated", "filtered", "quarantined", "late", "bytes"), row[2:])))
    lines = sum(1 for text in logs.values() for line in text.split(b"\n")[:-1] if line)
    wanted = {"received": lines, "deduplicated": streamed["deduplicated"], "quarantined": len(streamed["dead_letters"]), "late": len(streamed["late_events"]),
              "bytes": sum(len(text) for text in logs.values()), "filtered": sum(n for key, n in streamed["told"].items() if "/filtered/" in key)}
    wanted["loaded"] = lines - wanted["deduplicated"] - wanted["quarantined"] - wanted["filtered"]
    yield from differences("sums of records", {key: sums[key] for key in wanted}, wanted)
    told = {f"{e}/{o}/{c}": n for (e, o, c), n in said.reasons.items() if e and o in ("filtered", "field")}
    yield from differences("what was filtered and mended", told, dict(streamed["told"]))


def judge_sink(world, said):
    """Each revision that went to the sink stands in its file once, and in its order."""
    try:
        lines = [(line["alert_id"], line["revision"]) for line in map(json.loads, world["sink"].splitlines())]
    except ValueError:
        yield f"the sink's file is damaged: {world['sink'][:200]!r}"
        return
    if any(status != "delivered" for _, _, status in world["deliveries"]):
        yield f"deliveries that wait: {[d for d in world['deliveries'] if d[2] != 'delivered'][:3]}"
    yield from differences("lines of the sink", Counter(lines), Counter((alert, revision) for alert, revision, _ in world["deliveries"]))
    newest = {}
    for alert, revision in lines:
        if revision <= newest.get(alert, 0):
            yield f"{alert}: revision {revision} behind {newest[alert]}"
        newest[alert] = revision
        if revision > said.revisions[alert]:
            yield f"{alert}: revision {revision} of {said.revisions[alert]}"


def judge_tables(tables, said, epochs):
    """The real store's tables say what its epochs said."""
    yield from differences("table of alerts", {a: status for a, status, _ in tables["alerts"]}, {a: told[1] for a, told in said.alerts.items()})
    yield from differences("table of windows", {json.dumps((int(w[0]), w[1] or None, w[2], w[3] or None, w[4] or None)): int(w[5]) for w in tables["windows"]},
                           {key: row[0] for key, row in said.windows.items()})
    yield from differences("table of letters", Counter((p, int(at), why) for p, at, why in tables["letters"]), Counter(said.letters))
    yield from differences("table of late events", Counter((p, int(at)) for p, at in tables["late"]), Counter(said.late))
    sums = [sum(row[2 + i] for (_, entity), rows in said.accounts.items() if not entity for row in rows) for i in range(3)]
    if [int(n) for n in tables["sums"][0]] != sums or [int(n) for n in tables["epochs"][0]] != [epochs, epochs]:
        yield f"sums of the table: {tables['sums']}, {tables['epochs']}; told {sums}, {epochs}"


def judge(world):
    """Yields what is wrong."""
    if world["tables"]:
        world["deliveries"] = [(a, int(revision), status) for a, revision, status in world["tables"]["deliveries"]]
    logs = {name: text.encode("latin-1") for name, text in world["logs"].items()}
    places = places_of(logs)
    said = Said(world["said"], places)
    streamed, accepted, unevaluated = oracle.live(logs, raised_by(world["headers"]))
    nobody = oracle.History(())
    yield from differences("windows", said.windows, streamed["windows"])
    if said.open:
        yield f"windows that are open: {len(said.open)}"
    yield from differences("dead letters", Counter(said.letters), Counter(streamed["dead_letters"]))
    yield from differences("late events", Counter(said.late), Counter(streamed["late_events"]))
    yield from judge_counts(said, logs, streamed)
    results = {"abnormal_lab_trends": oracle.lab_alerts(accepted, {}), "unusual_access": oracle.access_alerts(accepted, {}, oracle.People(nobody))[:2],
               **{rule: oracle.course_alerts(accepted, nobody, *how) for rule, how in oracle.course_rules({}).items()}}
    for rule, wanted in results.items():
        yield from judge_rule(rule, said.alerts_of(rule), *wanted, len(logs) > 1)
    wanted = volume.alerts([event for event in accepted if event["type"] == "access_event"], oracle.UTC)
    # As of accesses: time may have gone on without a partition; and a stream that was declared ended has judged days that then went on.
    is_strict = len(logs) == 1 and not any(header["decisions"]["drain"] for header in world["headers"][:-1])
    found = {key: says for key, says in said.volumes.items() if key in wanted or is_strict or says[0] != "retracted"}
    yield from differences("access_volume", found, wanted)
    # A result that is rejected twice has one alert.
    wanted = {places[place.rpartition(":")[0], int(place.rpartition(":")[2])]: reason for place, reason in unevaluated.items()}
    yield from differences("unevaluated results", {event: told[0] for event, told in said.alerts_of("unevaluated_result").items()}, wanted)
    yield from judge_sink(world, said)
    if world["tables"]:
        yield from judge_tables(world["tables"], said, len(world["headers"]))


def judge_seeds(program, first, last):
    """Problems, and what heddle-sim counted."""
    done = subprocess.run([program, "--judge", f"{first}..{last}"], stdin=subprocess.DEVNULL, capture_output=True)
    *problems, counts = done.stderr.decode("utf-8", "replace").splitlines() or [""]
    if done.returncode not in (0, 1):
        problems += [counts, f"seeds {first}..{last}: exit {done.returncode}"]
    told, seen = list(problems), 0
    for line in done.stdout.splitlines():
        world = json.loads(line)
        seen += 1
        problems += [f"seed {world['seed']}: {problem}" for problem in judge(world)]
    if seen + sum(problem.startswith("seed ") for problem in told) != last - first + 1:
        problems.append(f"seeds {first}..{last}: {seen} worlds came, exit {done.returncode}: {counts}")
    return problems, counts


def ranges(words):
    for word in words:
        if pathlib.Path(word).is_file():
            yield from ranges(line.split("#")[0].strip() for line in pathlib.Path(word).read_text().splitlines() if line.split("#")[0].strip())
            continue
        first, _, last = word.partition("..")
        last = int(last or first)
        yield from ((begin, min(begin + CHUNK - 1, last)) for begin in range(int(first), last + 1, CHUNK))


def main():
    program, *words = sys.argv[1:]
    wrong = worlds = 0
    sums = Counter()
    with concurrent.futures.ProcessPoolExecutor(int(os.environ.get("HEDDLE_JOBS", os.cpu_count()))) as pool:
        for problems, counts in pool.map(judge_seeds, *zip(*((program, *each) for each in ranges(words)))):
            for problem in problems:
                print(problem[:1500])
            wrong += len(problems)
            words_of = counts.replace(":", ",").replace(";", ",").split(", ")
            for word in words_of:
                number = [int(part) for part in word.split() if part.isdigit()]
                if number:
                    sums[" ".join(part for part in word.split() if not part.isdigit())] += number[0]
    print(", ".join(f"{what} {count:,}" for what, count in sums.items()) + f"; {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
