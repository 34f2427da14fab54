#!/usr/bin/env python3
"""heddle backtest: over three weeks with late, corrected, withdrawn and disordered results history tells what the live leg told of the same facts; the differences
that may be are named, and are the only ones. And what it does with times, files of rules, names, keys and owners."""
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, ROOT, expect, failures, query  # noqa: E402

WAREHOUSE, STORE = "ENTERPRISE_DATA_WAREHOUSE", "REALTIME_ANALYTICS_STORE"
LAB, ACCESS = "abnormal_lab_trends", "unusual_access"
SAYS = ("rule", "subject_system", "subject_id", "code", "effective_time", "value", "severity", "status", "status_reason")
# Of the truth file: late, corrected, withdrawn, repeated and disordered results are all there.
STORIES = ("late_critical", "late_within_lateness", "late_beyond_lateness", "critical_corrected_away", "corrected_to_critical", "critical_preliminary_then_final",
           "critical_wrong_patient", "critical_repeat_in_cooldown", "critical_collected_three_days_before", "duplicate_same_partition", "duplicate_other_partition",
           "duplicate_late_copy", "access_explained_later", "snooping_after_old_encounter")
PATIENTS, DAYS = os.environ.get("HEDDLE_BACKTEST", "240:21").split(":")


def heddle(folder, *words, code=0, said=""):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    if done.returncode != code or said not in done.stderr:
        sys.exit(f"heddle {' '.join(words)}: exit {done.returncode}, not {code} with {said!r}\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout


def listed(folder, *words, code=0):
    return [json.loads(line) for line in heddle(folder, "backtest", *words, "--list", "--format", "json", code=code).splitlines()]


def content(alerts):
    return collections.Counter(tuple(alert.get(name) or "" for name in SAYS) for alert in alerts)


def told_live(folder, *rules):
    """Of the rules and those that belong to them."""
    summary = json.loads(heddle(folder, "backtest", *rules, "--to", "1999-01-01", "--format", "json"))
    names = ", ".join(f"'{rule['rule']}'" for rule in summary["rules"])
    alerts = query(folder, STORE, f"select *, strftime('%Y-%m-%dT%H:%M:%S', effective_time / 1000000, 'unixepoch') || printf('.%06dZ', effective_time % 1000000) "
                                  f"as effective from alert where rule in ({names})")
    return [{**alert, "effective_time": alert["effective"]} for alert in alerts]


def make(base, name, sources):
    """A world whose warehouse has read these inputs, and whose store has the log."""
    folder = base / name
    shutil.copytree(base / "world", folder)
    path = folder / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"].update(sources)
    path.write_text(json.dumps(bindings))
    heddle(folder, "run", "pipeline.json", "--drain")
    return folder


def log_event(folder, evidence):
    """The line of the log that a piece of evidence points to."""
    with (folder / "events" / evidence["partition_id"]).open("rb") as log:
        log.seek(evidence["position"])
        return json.loads(log.readline())


def same_as_live(folder):
    """The warehouse has read the log itself, and the same results once more from the laboratories' messages: no difference at all."""
    planted = collections.Counter(story["kind"] for story in json.loads((folder / "truth.json").read_text())["planted"])
    for kind in STORIES:
        expect(f"stories of {kind}", planted[kind] > 0, True)
    live, history = told_live(folder, LAB, ACCESS), listed(folder, LAB, ACCESS, "--phi")
    said = collections.Counter((alert["rule"], alert["status"], alert["status_reason"] or "") for alert in live)
    for wanted in ((LAB, "open", ""), (LAB, "revised", "corrected"), (LAB, "retracted", "corrected"), (LAB, "retracted", "withdrawn"), (LAB, "closed", "cooldown"),
                   ("acute_kidney_injury", "open", ""), ("delta_check", "open", ""), ("relative_trend", "open", ""),
                   (ACCESS, "open", ""), (ACCESS, "retracted", "explained")):
        expect(f"the live leg told alerts that are {wanted}", said[wanted] > 0, True)
    expect("alerts of history that the live leg did not tell", content(history) - content(live), collections.Counter())
    # What the live leg alone may have told: an alert that it took back, for it had read a later version first.
    missing = content(live) - content(history)
    superseded = {says: n for says, n in missing.items() if says[-1] == "superseded"}
    expect("alerts of the live leg that history does not tell", dict(missing), superseded)
    missing_count = sum(superseded.values())
    expect("modes", {alert["mode"] for alert in history}, {"replay"})
    counted = json.loads(heddle(folder, "backtest", LAB, ACCESS, "--compare", STORE, "--format", "json", code=1 if missing_count else 0))
    expect("--compare counts", (counted["live"], counted["history"], counted["same"]), (len(live), len(history), len(history)))
    expect("--compare names", {name: n for name, n in counted["differences"].items() if n > 0}, {"superseded": missing_count} if missing_count else {})


def more_than_the_log(folder):
    """The warehouse knows stays from a file, too, which says of each that it was known when it began. So what the log told behind an access explains it from the
    start: the one difference, and named."""
    live, history = told_live(folder, LAB, ACCESS), listed(folder, LAB, ACCESS, "--phi")
    expect("alerts of history alone", content(history) - content(live), collections.Counter())
    missing = content(live) - content(history)
    others = [alert for alert in live if content([alert]).keys() & missing.keys()]
    expect("there is such a difference", len(others) > 0, True)
    for alert in others:
        expect("what the live leg alone told", (alert["rule"], alert["status"], alert["status_reason"]), (ACCESS, "retracted", "explained"))
        access, explanation = (log_event(folder, event) for event in json.loads(alert["evidence"])["events"])
        expect("the log explains it later", explanation["event_time"] > access["event_time"], True)
        expect("the file says that it began before", explanation["effective_time"] <= access["event_time"], True)
    counted = json.loads(heddle(folder, "backtest", LAB, ACCESS, "--compare", STORE, "--format", "json", code=1, said=f"tell {len(others)} alerts differently"))
    expect("--compare counts more", (counted["live"], counted["history"], counted["same"]), (len(live), len(history), len(history)))
    expect("--compare names more", {name: n for name, n in counted["differences"].items() if n > 0}, {"explained": len(others)})
    differences = [json.loads(line) for line in heddle(folder, "backtest", LAB, ACCESS, "--compare", STORE, "--list", "--format", "json", code=1).splitlines()]
    expect("--compare --list", sorted(d["live"]["alert_id"] for d in differences), sorted(alert["alert_id"] for alert in others))


def same_from_files(folder):
    """The warehouse knows the results from the laboratories' HL7 messages alone, day by day: other files, other bytes, the same facts."""
    expect("alerts by HL7", content(listed(folder, LAB, "--phi")), content(told_live(folder, LAB)))
    heddle(folder, "backtest", LAB, "--compare", STORE)
    # The files say nothing of accesses, so every alert of the live leg is its alone, and no reason is made up.
    expect("accesses by HL7", listed(folder, ACCESS), [])
    counted = json.loads(heddle(folder, "backtest", ACCESS, "--compare", STORE, "--format", "json", code=1))
    expect("of accesses the same", (counted["same"], counted["history"]), (0, 0))


def always_the_same(folder):
    outputs = {heddle(folder, "backtest", LAB, ACCESS, "--list", "--phi", "--format", "json", *words)
               for words in ((), (), ("--set", "runtime.chunk_rows=1"), ("--set", "runtime.chunk_rows=7", "--set", "runtime.workers=1"), ("--set", "runtime.workers=4"))}
    expect("outputs of five runs", len(outputs), 1)
    expect("the order of rules", content(listed(folder, ACCESS, LAB, LAB)), content(listed(folder, LAB, ACCESS)))


def times(folder):
    whole = listed(folder, LAB, ACCESS)
    middle = whole[len(whole) // 2]["event_time"]
    behind = listed(folder, LAB, ACCESS, "--from", middle)
    expect("from the middle", behind, [alert for alert in whole if alert["event_time"] >= middle])
    before = listed(folder, LAB, ACCESS, "--to", middle)
    expect("to the middle", sorted(a["alert_id"] for a in before if a["status"] == "open"),
           sorted(a["alert_id"] for a in before if a["status"] == "open" and a["event_time"] < middle))
    expect("some fired before the middle", len(before) > 5, True)
    for words in (("--from", "2031-01-01"), ("--to", "1999-01-01"), ("--from", "2026-03-02T05:00:00Z", "--to", "2026-03-02T05:00:00.000001Z")):
        expect(f"alerts {words}", listed(folder, LAB, *words), [])
    expect("what is said of no facts", "there are no facts" in heddle(folder, "backtest", LAB, "--to", "1999-01-01"), True)
    heddle(folder, "backtest", LAB, "--from", "2026-03-09", "--to", "2026-03-09", code=2, said="--from is not before --to")
    heddle(folder, "backtest", LAB, "--from", "yesterday", code=2, said="neither a day nor a time")


def counts(folder):
    alerts = listed(folder, LAB, ACCESS)
    summary = json.loads(heddle(folder, "backtest", LAB, ACCESS, "--format", "json"))
    wanted = collections.Counter((a["rule"], a["severity"], a["status"], a.get("status_reason", ""), a["sent"]) for a in alerts)
    found = collections.Counter()
    for row in summary["alerts"]:
        found[row["rule"], row["severity"], row["status"], row["status_reason"], True] += row["sent"]
        found[row["rule"], row["severity"], row["status"], row["status_reason"], False] += row["alerts"] - row["sent"]
    expect("counts", +found, wanted)
    expect("rules", {(rule["rule"], rule["approved"]) for rule in summary["rules"]} >= {(LAB, True), (ACCESS, True)}, True)
    facts = query(folder, WAREHOUSE, "select (select count(*) from core.lab_result_version) + (select count(*) from core.access_event_version) + "
                                     "(select count(*) from core.encounter_version) + (select count(*) from core.clinical_order_version) + (select count(*) from core.appointment_version) as n")
    expect("facts", summary["facts"], facts[0]["n"])


def files_of_rules(folder):
    """Other limits, before anybody approves them; the model itself stays as it is."""
    rule = folder / "stricter.json"
    limits = [{"code": "2823-3", "help": "Potassium", "unit": "mmol/L", "low": 3.6, "high": 5.0}]
    rule.write_text(json.dumps({"rule": LAB, "version": "stricter.1", "approved": False, "limits": limits}))
    alerts = listed(folder, "stricter.json", "--phi")
    versions = {(alert["rule_version"], alert["limits_approved"]) for alert in alerts if alert["rule"] == LAB}
    expect("versions of stricter limits", versions, {("stricter.1", False)})
    beyond = query(folder, WAREHOUSE, "select count(distinct lab_result_id) as n from core.lab_result_version where normalized_component_code = '2823-3' "
                                      "and status_action = 'upsert' and (normalized_value > 5.0 or normalized_value < 3.6)")[0]["n"]
    potassium = {a["subject_id"] for a in alerts if a["rule"] == LAB and a["code"] == "2823-3"}
    expect("stricter limits fire more", beyond > 20 and len(potassium) > 20, True)
    expect("what nobody approved is not sent but by the laboratory's flags", all("flag" in a["explanation"] for a in alerts if a["sent"]), True)
    counted = json.loads(heddle(folder, "backtest", "stricter.json", "--compare", STORE, "--format", "json", code=1))
    expect("stricter limits differ by the rule", counted["differences"]["rule"] > 0, True)
    rule.write_text(json.dumps({"rule": LAB, "version": "2", "limits": [{"code": "2823-3", "unit": "mg/dL", "high": 5}]}))
    done = subprocess.run([HEDDLE, "backtest", "stricter.json"], cwd=folder, capture_output=True, text=True)
    expect("a limit in another unit", (done.returncode, "stricter.json:1:" in done.stderr and "mmol/L" in done.stderr), (78, True))
    (folder / "none.json").write_text('{ "reasons": [] }')
    done = subprocess.run([HEDDLE, "backtest", "none.json"], cwd=folder, capture_output=True, text=True)
    expect("a file without a rule", done.returncode in (2, 78), True)
    heddle(folder, "backtest", "missing.json", code=74, said="missing.json")


def phi(folder):
    """Nothing of a patient is shown unless asked for, and the audit file is told first."""
    def entries():
        return [json.loads(line) for line in (folder / "audit.ndjson").read_text().splitlines() if json.loads(line)["action"] == "backtest"]

    before = len(entries())
    patients = {row["patient_id"] for row in query(folder, WAREHOUSE, "select patient_id from core.patient")} | {
        row["user_id"] for row in query(folder, WAREHOUSE, "select distinct user_id from core.access_event")}
    for words in ((), ("--list",), ("--compare", STORE), ("--compare", STORE, "--list")):
        for form in ("text", "json"):
            done = subprocess.run([HEDDLE, "backtest", LAB, ACCESS, *words, "--format", form], cwd=folder, capture_output=True, text=True)
            text = done.stdout + done.stderr
            expect(f"patients or users in {words} as {form}", [name for name in patients if name in text], [])
    expect("entries of the audit for nothing of a patient", len(entries()), before)
    heddle(folder, "backtest", LAB, "--list", "--phi", "--from", "2026-03-09")
    expect("entries of the audit", len(entries()), before + 1)
    expect("what it says", all(word in entries()[-1]["detail"] for word in (LAB, "2026-03-09", "--phi")), True)
    heddle(folder, "backtest", LAB, "--phi", code=2, said="--list --phi")
    (folder / "audit.ndjson").rename(folder / "kept")
    (folder / "audit.ndjson").mkdir()  # Cannot be written: nothing is shown.
    done = subprocess.run([HEDDLE, "backtest", LAB, "--list", "--phi"], cwd=folder, capture_output=True, text=True)
    expect("shown without an audit", (done.returncode != 0, done.stdout), (True, ""))
    (folder / "audit.ndjson").rmdir()
    (folder / "kept").rename(folder / "audit.ndjson")


def what_is_refused(folder, base):
    heddle(folder, "backtest", code=2, said="which rules?")
    heddle(folder, "backtest", "abnormal_lab_trend", code=2, said=LAB)
    heddle(folder, "backtest", LAB, "--compare", WAREHOUSE, code=2, said="is not the store")
    empty = base / "empty"
    shutil.copytree(ROOT / "examples/hybrid", empty)
    heddle(empty, "backtest", LAB, code=74, said="there is no warehouse")
    expect("what a refused backtest leaves", sorted(path.name for path in empty.iterdir()), ["bindings.json", "model", "pipeline.json"])
    key = folder / "warehouse.key"
    right = key.read_text()
    key.write_text("0" * 64)
    heddle(folder, "backtest", LAB, code=77)
    key.write_text(right)


def owned(folder):
    """While a process owns the warehouse its copy is read, where there is one."""
    wanted = heddle(folder, "backtest", LAB, "--list", "--format", "json")
    path = folder / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"][WAREHOUSE]["publish"] = {"path": "copy.db", "key": "file:copy.key"}
    both = folder / "both.json"
    both.write_text(json.dumps(bindings))
    with subprocess.Popen([HEDDLE, "run", "pipeline.json", "--bindings", "both.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        head = process.stdout.readline()
        expect("the run", head.endswith(": published\n"), True)
        heddle(folder, "backtest", LAB, code=75, said="owns the warehouse")
        done = heddle(folder, "backtest", LAB, "--bindings", "both.json", "--list", "--format", "json", said="its copy")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    expect("the copy says the same", done, wanted)


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        shutil.copytree(ROOT / "examples/hybrid", base / "world")
        heddle(base, "generate", "--seed", "7", "--patients", PATIENTS, "--days", DAYS, "--out", "world")
        files = make(base, "files", {})
        events = {"type": "file", "path": "events/*.ndjson"}
        log = make(base, "log", {"EHR_RAW": {"inputs": [{"type": "file", "path": "in/ehr/patients.csv"}, events]}})
        more = make(base, "more", {"EHR_RAW": {"inputs": [{"type": "file", "path": "in/ehr/**"}, events]}})
        same_as_live(log)
        more_than_the_log(more)
        same_from_files(files)
        always_the_same(log)
        times(log)
        counts(log)
        files_of_rules(log)
        phi(log)
        what_is_refused(log, base)
        owned(files)
    for failure in failures:
        print(failure)
    print(f"{len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
