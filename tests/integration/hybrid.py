#!/usr/bin/env python3
"""Both legs over generated worlds: warehouse, windows, alerts, late events and dead letters equal what the oracle works out
from the files alone, for any number of workers and any size of chunks; a second run changes nothing.

    HEDDLE_WORLDS="seed:patients:days …" and HEDDLE_SHAPES="workers:rows …" widen it (the defaults are small enough for a sanitized
    program; CMakeLists.txt adds 5,000 patients and 3 days in every shape where nothing slows it down)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/oracle"))
import oracle  # noqa: E402

HEDDLE = os.environ["HEDDLE"]
WORLDS = os.environ.get("HEDDLE_WORLDS", "11:300:2")
SHAPES = [tuple(map(int, shape.split(":"))) for shape in os.environ.get("HEDDLE_SHAPES", "1:2048 2:7 4:2048 2:1").split()]
# Those that the oracle works out; a record has others where no row of it was loaded.
RESULT_REASONS = ("missing_required", "bad_code", "status_ignored", "exact_repeat", "no_result")
RECORD_REASONS = ("wrong_processing_id", "no_entity", "unknown_type", "no_mapping")
failures = []


def heddle(*arguments, folder, codes=(0,), with_errors=False):
    done = subprocess.run([HEDDLE, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)
    if done.returncode not in codes:
        raise SystemExit(f"heddle {' '.join(arguments)}: exit {done.returncode}\n{done.stdout.decode()[-2000:]}{done.stderr.decode()[-4000:]}")
    return done.stdout.decode() + (done.stderr.decode() if with_errors else "")


def query(folder, binding, sql):
    return [json.loads(line) for line in heddle("query", binding, sql, "--format", "json", folder=folder).splitlines()]


def expect(what, found, wanted):
    if found == wanted:
        return
    if isinstance(found, (set, dict)) and isinstance(wanted, (set, dict)):
        missing = [key for key in wanted if key not in found]
        extra = [key for key in found if key not in wanted]
        other = [] if isinstance(found, set) else [(k, found[k], wanted[k]) for k in wanted if k in found and found[k] != wanted[k]]
        detail = f"{len(missing)} missing {missing[:3]}, {len(extra)} too many {extra[:3]}, {len(other)} differ {other[:3]}"
    else:
        detail = f"found {found}, the oracle says {wanted}"
    failures.append(f"{what}: {detail}")


def event_ids(world):
    """Event id by (partition, position)."""
    ids = {}
    for path in (world / "events").glob("*.ndjson"):
        position = 0
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                ids[path.name, position] = json.loads(line)["event_id"]
            except (ValueError, KeyError, TypeError):
                pass
            position += len(line) + 1
    return ids


def reasons_and_counts(folder):
    """Rows that have a reason, and rows that must have one: by entity ('' for records) and outcome (I1)."""
    outcomes = ("deduplicated", "filtered", "quarantined", "late")
    told = query(folder, "REALTIME_ANALYTICS_STORE",
                 "select entity, outcome, sum(row_count) as n from accounting_reason group by entity, outcome order by 1, 2")
    counted = query(folder, "REALTIME_ANALYTICS_STORE",
                    "select entity, " + ", ".join(f"sum({o}) as {o}" for o in outcomes) + " from epoch group by entity order by 1")
    return ({(row["entity"] or "", row["outcome"]): row["n"] for row in told if row["outcome"] in outcomes},
            {(row["entity"] or "", o): row[o] for row in counted for o in outcomes if row[o] > 0})


def volumes(folder):
    """Alerts of access_volume by user, role, department and day: status, severity, rank, measures; each names an access of the user's."""
    found = {}
    for alert in query(folder, "REALTIME_ANALYTICS_STORE", "select * from alert where rule = 'access_volume'"):
        why = json.loads(alert["explanation"])
        key = "/".join([alert["subject_id"], why["user_role"], why.get("user_department", ""), why["day"]])
        found[key] = [alert["status"], alert["severity"], why["rank"], sorted(measure["measure"] for measure in why["measures"] if measure["is_beyond"])]
        first = json.loads(alert["evidence"])["events"][0]
        with (folder / "events" / first["partition_id"]).open("rb") as log:
            log.seek(first["position"])
            expect(f"who the access behind {key} is of", json.loads(log.readline())["user_id"], alert["subject_id"])
    return found


def compare_store(folder, wanted, ids, what):
    live = wanted["live"]
    dead = query(folder, "REALTIME_ANALYTICS_STORE", "select partition_id, position, reason_code from dead_letter")
    expect(f"{what}: dead letters", {(d["partition_id"], d["position"], d["reason_code"]) for d in dead}, set(live["dead_letters"]))
    late = query(folder, "REALTIME_ANALYTICS_STORE", "select partition_id, position from late_event")
    expect(f"{what}: late events", {(e["partition_id"], e["position"]) for e in late}, set(live["late_events"]))
    counted = query(folder, "REALTIME_ANALYTICS_STORE",
                    "select sum(received) as received, sum(loaded) as loaded, sum(deduplicated) as deduplicated, sum(filtered) as filtered, "
                    "sum(quarantined) as quarantined, sum(late) as late, sum(bytes) as bytes from epoch where entity = ''")[0]
    expect(f"{what}: deduplicated", counted["deduplicated"], live["deduplicated"])
    expect(f"{what}: I1 of the stream", counted["received"],
           counted["loaded"] + counted["deduplicated"] + counted["filtered"] + counted["quarantined"])
    expect(f"{what}: reasons of each outcome", *reasons_and_counts(folder))
    told = query(folder, "REALTIME_ANALYTICS_STORE", "select entity || '/' || outcome || '/' || reason_code as told, sum(row_count) as n "
                 "from accounting_reason where outcome in ('filtered', 'field') and entity <> '' group by 1")
    expect(f"{what}: what was filtered and mended", {row["told"]: row["n"] for row in told}, live["told"])
    rows = query(folder, "REALTIME_ANALYTICS_STORE",
                 "select window_start, facility, event_type, code, unit, event_count, patient_count, abnormal_count, value_min, value_avg, value_max, closed "
                 "from window_5m")
    windows = {json.dumps((r["window_start"], r["facility"] or None, r["event_type"], r["code"] or None, r["unit"] or None)):
               [r["event_count"], r["patient_count"], r["abnormal_count"], r["value_min"], r["value_avg"], r["value_max"]] for r in rows}
    expect(f"{what}: windows", windows, live["windows"])
    expect(f"{what}: open windows after --drain", sum(1 for r in rows if not r["closed"]), 0)
    for rule in ("abnormal_lab_trends", "acute_kidney_injury", "delta_check", "relative_trend", "unusual_access"):
        alerts = query(folder, "REALTIME_ANALYTICS_STORE", f"select * from alert where rule = '{rule}'")
        found, facts, ranks = {}, {}, {}
        for alert in alerts:
            first = json.loads(alert["evidence"])["events"][0]
            event = ids.get((first["partition_id"], first["position"]))
            found[event] = alert["status"]
            facts[event] = [alert[name] for name in ("subject_id", "code", "value", "unit", "event_time", "effective_time")]
            why = json.loads(alert["explanation"])
            if "rank" in why:
                ranks[event] = [why["rank"], alert["severity"], sorted(flag["flag"] for flag in why["flags"])]
            # How far back the warehouse told of encounters, orders and results; critical values need nothing of it.
            history_from = json.loads(alert["evidence"])["history_from"]
            if (history_from is not None) != (rule != "abnormal_lab_trends"):
                sys.exit(f"{what}: {rule} could see back to {history_from}")
        expect(f"{what}: {rule}", found, wanted["alerts"][rule])
        expect(f"{what}: facts of {rule}", facts, wanted["facts"][rule])
        if rule == "unusual_access":
            expect(f"{what}: ranks of {rule}", ranks, wanted["ranks"])
    expect(f"{what}: access_volume", volumes(folder), wanted["volume"])
    alerts = query(folder, "REALTIME_ANALYTICS_STORE", "select status_reason, evidence from alert where rule = 'unevaluated_result' and status = 'open'")
    found = {"{partition_id}:{position}".format(**json.loads(alert["evidence"])["events"][0]): alert["status_reason"] for alert in alerts}
    expect(f"{what}: unevaluated_result", found, wanted["alerts"]["unevaluated_result"])


def compare_warehouse(folder, wanted, what):
    history = wanted["history"]
    tables = query(folder, "ENTERPRISE_DATA_WAREHOUSE",
                   "select (select count(*) from core.lab_result_version) as versions, (select count(*) from core.lab_result) as results, "
                   "(select count(*) from core.encounter) as encounters, "
                   "(select count(*) from core.patient_version) as patient_versions, (select count(*) from core.patient) as patients")[0]
    expect(f"{what}: versions of results", tables["versions"], history["lab_result_versions"])
    expect(f"{what}: encounters", tables["encounters"], history["encounters"])
    expect(f"{what}: patients", tables["patients"], len(history["patients"]))
    expect(f"{what}: versions of patients", tables["patient_versions"], sum(len(versions) for versions in history["patients"].values()))
    reasons = query(folder, "ENTERPRISE_DATA_WAREHOUSE", "select source, entity, reason_code, row_count from meta.accounting_reason")
    of_results = {f"lab_result/{r['reason_code']}": r["row_count"] for r in reasons if r["entity"] == "lab_result" and r["reason_code"] in RESULT_REASONS}
    of_records = {f"{r['source']}/{r['reason_code']}": r["row_count"] for r in reasons if not r["entity"] and r["reason_code"] in RECORD_REASONS}
    expect(f"{what}: reasons of results", of_results, {k: n for k, n in history["reasons"].items() if k.startswith("lab_result/")})
    expect(f"{what}: reasons of records", of_records, {k: n for k, n in history["reasons"].items() if k.split("/")[1] in RECORD_REASONS})
    for row in query(folder, "ENTERPRISE_DATA_WAREHOUSE",
                     "select source, received, loaded, deduplicated, filtered, quarantined from meta.accounting where entity = '' order by run_id, source"):
        expect(f"{what}: I1 of {row['source']}", row["received"], row["loaded"] + row["deduplicated"] + row["filtered"] + row["quarantined"])
        expect(f"{what}: received of {row['source']}", row["received"], history["received"].get(row["source"], 0))


def delivered(folder, what):
    """Every alert that the store says was delivered is in the file of alerts, under its id and revision."""
    lines = [json.loads(line) for line in (folder / "alerts.ndjson").read_text().splitlines()]
    found = {(line["alert_id"], line["revision"]) for line in lines}
    rows = query(folder, "REALTIME_ANALYTICS_STORE", "select alert_id, revision, status from alert_outbox")
    expect(f"{what}: alerts waiting", [r for r in rows if r["status"] != "delivered"], [])
    expect(f"{what}: alerts delivered", found, {(r["alert_id"], r["revision"]) for r in rows})
    if not found:
        failures.append(f"{what}: nothing was delivered")


def content(folder):
    """What must be equal whatever the workers, the chunks and the restarts: without epochs, revisions and clocks."""
    window = query(folder, "REALTIME_ANALYTICS_STORE",
                   "select window_start, facility, event_type, code, unit, event_count, patient_count, abnormal_count, value_min, value_avg, value_max, closed "
                   "from window_5m order by 1, 2, 3, 4, 5")
    alerts = query(folder, "REALTIME_ANALYTICS_STORE",
                   "select alert_id, rule, status, severity, code, value, unit, person_id, subject_id, mode from alert order by 1")
    digest = query(folder, "ENTERPRISE_DATA_WAREHOUSE", "select d.table_name, d.digest from meta.run_digest d join meta.run r using (run_id) where r.number = (select max(number) from meta.run where published) order by 1")
    letters = query(folder, "REALTIME_ANALYTICS_STORE", "select partition_id, position, row_number, reason_code from dead_letter order by 1, 2, 3")
    late = query(folder, "REALTIME_ANALYTICS_STORE", "select partition_id, position, event_time, watermark from late_event order by 1, 2")
    sums = query(folder, "REALTIME_ANALYTICS_STORE",
                 "select entity, sum(received) as a, sum(loaded) as b, sum(deduplicated) as c, sum(filtered) as d, sum(quarantined) as e, sum(late) as f, "
                 "sum(bytes) as g from epoch group by entity order by 1")
    return json.dumps([window, alerts, digest, letters, late, sums])


def make(seed, patients, days, base):
    folder = base / "world"
    shutil.copytree(ROOT / "examples/hybrid", folder)
    subprocess.run([HEDDLE, "generate", "--seed", seed, "--patients", patients, "--days", days, "--out", folder], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    return folder


def one_world(seed, patients, days, change=None):
    """Gives what the oracle wants. `change` may add to the world before anybody reads it."""
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        world = make(seed, patients, days, base)
        if change is not None:
            change(world)
        wanted = json.loads(json.dumps(oracle.expectations(world)))
        wanted["live"]["dead_letters"] = [tuple(d) for d in wanted["live"]["dead_letters"]]
        wanted["live"]["late_events"] = [tuple(e) for e in wanted["live"]["late_events"]]
        ids = event_ids(world)
        contents = set()
        for workers, rows in SHAPES:
            folder = base / f"run-{workers}-{rows}"
            shutil.copytree(world, folder)
            what = f"seed {seed}, {workers} workers, chunks of {rows}"
            # Alert ids are under the pipeline's name, persons under its key: both are the same in every copy.
            if (base / "person.key").exists():
                shutil.copy(base / "person.key", folder / "person.key")
            heddle("run", "pipeline.json", "--drain", "--set", f"runtime.workers={workers}", "--set", f"runtime.chunk_rows={rows}", folder=folder)
            if not (base / "person.key").exists():
                shutil.copy(folder / "person.key", base / "person.key")
            compare_store(folder, wanted, ids, what)
            compare_warehouse(folder, wanted, what)
            delivered(folder, what)
            contents.add(content(folder))
        expect(f"seed {seed}: different contents over {len(SHAPES)} shapes", len(contents), 1)
        again(folder, f"seed {seed}")
        return wanted


def again(folder, what):
    """The same input a second time: nothing new."""
    before = content(folder), (folder / "alerts.ndjson").read_bytes()
    versions = "select (select count(*) from core.lab_result_version) + (select count(*) from core.patient_version) as n"
    count = query(folder, "ENTERPRISE_DATA_WAREHOUSE", versions)
    heddle("run", "pipeline.json", "--drain", folder=folder)
    expect(f"{what}: content after a second run", content(folder), before[0])
    expect(f"{what}: alerts after a second run", (folder / "alerts.ndjson").read_bytes(), before[1])
    expect(f"{what}: versions after a second run", query(folder, "ENTERPRISE_DATA_WAREHOUSE", versions), count)


def main():
    for world in WORLDS.split():
        one_world(*world.split(":"))
    for failure in failures:
        print(failure)
    print(f"{len(WORLDS.split())} worlds, {len(SHAPES)} shapes each, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
