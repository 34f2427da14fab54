#!/usr/bin/env python3
"""heddle alerts: listed, shown, acknowledged and closed; without a stream, beside one that runs, twice, and through kill -9. What a rule tells
afterwards of an alert on which a person has acted is told anew where it says more, and stays silent where it does not."""
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hybrid import HEDDLE, delivered, expect, failures, heddle, query  # noqa: E402
from retry import STORE, make, result  # noqa: E402

KILLS = int(os.environ.get("HEDDLE_KILLS", "12"))
LOG = [result(1, 0), result(2, 1, value="7.4"), result(3, 2, value="7.2", patient="P2"), result(4, 3, value="6.9", patient="P3"), result(9, 4, status="Q")]


def world(base, name, lines=LOG):
    folder = make(base, name, {"a.ndjson": lines})
    heddle("stream", "pipeline.json", "--once", folder=folder)
    if not (base / "person.key").exists():
        shutil.copy(folder / "person.key", base / "person.key")
    return folder


def go_on(folder, *lines):
    with (folder / "events/a.ndjson").open("a") as log:
        log.write("".join(line + "\n" for line in lines))
    heddle("stream", "pipeline.json", "--once", folder=folder)


def alerts(folder, *words, code=0):
    done = subprocess.run([HEDDLE, "alerts", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect(f"exit of alerts {' '.join(words)} ({done.stderr})", done.returncode, code)
    return done.stdout if code == 0 else done.stderr


def lines_of(folder, *words):
    return [json.loads(line) for line in alerts(folder, *words, "--format", "json").splitlines()]


def id_of(folder, value):
    return query(folder, STORE, f"select alert_id from alert where value = '{value}'")[0]["alert_id"]


def revisions(folder, alert_id):
    return [(r["status"], r["acknowledged_by"]) for r in
            query(folder, STORE, f"select status, acknowledged_by from alert_revisions where alert_id = '{alert_id}' order by revision")]


def sent(folder, alert_id):
    """What the sink's file has of the alert."""
    rows = [json.loads(line) for line in (folder / "alerts.ndjson").read_text().splitlines()]
    return [(r["revision"], r["status"], r.get("acknowledged_by")) for r in rows if r["alert_id"] == alert_id]


def audited(folder, action="alerts"):
    lines = [json.loads(line) for path in folder.glob("*audit*") if not path.name.endswith(".head") for line in path.read_text().splitlines()]
    return [line["detail"] for line in lines if line["action"] == action]


def looked_at(base):
    """Masked until it is asked for; then the audit is told first."""
    folder = world(base, "looked")
    text = alerts(folder) + alerts(folder, "list", "--format", "json")
    expect("all are listed", text.count("\n"), 1 + 4 + 4)
    alert_id = id_of(folder, "7.4")
    secrets = ("P1", "P2", "7.4", "6.200000", "a.ndjson")
    masked = text + alerts(folder, "show", alert_id) + alerts(folder, "show", alert_id, "--format", "json")
    expect("masked", [s for s in (*secrets, "2823-3") if s in masked], [])
    expect("nothing to audit", audited(folder), [])
    minimum = alerts(folder, "list", "--phi", "minimum") + alerts(folder, "show", alert_id, "--phi", "minimum")
    expect("minimum", ("2823-3" in minimum, [s for s in secrets if s in minimum]), (True, []))
    full = alerts(folder, "show", alert_id[:24], "--phi", "full")
    for field in ("value                           7.4", "explanation.high", "explanation.fired_by", "rule_version", "kost-1990.2", "evidence.events[0].position", "evidence.history_from",
                  "ALERTING_SERVICE  delivered"):
        expect(f"shown: {field}", " ".join(field.split()) in " ".join(full.split()), True)
    expect("audited", audited(folder), ["list --phi minimum", f"show {alert_id} --phi minimum", f"show {alert_id[:24]} --phi full"])
    alerts(folder, "list", "--phi", "full", "--rule", "abnormal_lab_trends")
    expect("with what was asked", audited(folder)[-1], "list --phi full --rule abnormal_lab_trends")
    filters(folder)
    damage(folder, alert_id)


def filters(folder):
    def count(*words):
        return len(lines_of(folder, "list", *words))

    expect("by rule", (count("--rule", "abnormal_lab_trends"), count("--rule", "unevaluated_result")), (3, 1))
    expect("by status", (count("--status", "open"), count("--status", "closed")), (4, 0))
    expect("by severity", (count("--severity", "critical"), count("--severity", "low")), (3, 0))
    expect("by mode", (count("--mode", "live"), count("--mode", "shadow")), (4, 0))
    expect("since", (count("--since", "1h"), count("--since", "2100-01-01T00:00:00Z")), (4, 0))
    expect("limit", (count("--limit", "2"), count("--limit", "0")), (2, 4))
    done = subprocess.run([HEDDLE, "alerts", "list", "--limit", "2"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect("there may be more", "there may be more" in done.stderr, True)
    expect("misspelt rule", 'did you mean "abnormal_lab_trends"' in alerts(folder, "list", "--rule", "abnormal_lab_trend", code=2), True)
    expect("misspelt status", 'did you mean "open"' in alerts(folder, "list", "--status", "opn", code=2), True)
    expect("no time", "neither a time nor a duration" in alerts(folder, "list", "--since", "yesterday", code=2), True)
    for words in (("show",), ("look",), ("list", "x"), ("show", "80", "--limit", "1"), ("ack", "80", "--phi", "full"), ("list", "--by", "ann"), ("close", "80"),
                  ("ack", "80", "--reason", "r"), ("close", "80", "--reason", "r", "--comment", "c"), ("ack",), ("ack", "80", "--comment", "a\tb")):
        alerts(folder, *words, code=2)


def damage(folder, alert_id):
    """Where the audit cannot be written nothing is shown, and nothing is done."""
    audit = next(path for path in folder.glob("*audit*") if not path.name.endswith(".head"))
    whole = audit.read_bytes()
    audit.write_bytes(whole[:-40] + b"\n")
    done = subprocess.run([HEDDLE, "alerts", "show", alert_id, "--phi", "full"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    expect("nothing is shown without the audit", (done.returncode != 0, "7.4" in done.stdout), (True, False))
    done = subprocess.run([HEDDLE, "alerts", "ack", alert_id], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    audit.write_bytes(whole)
    expect("nothing is done without the audit", (done.returncode != 0, revisions(folder, alert_id)), (True, [("open", None)]))


def acted_on(base):
    """Without a stream: the command owns the store; the next stream delivers."""
    folder = world(base, "acted")
    first, second, third = (id_of(folder, value) for value in ("7.4", "7.2", "6.9"))
    told = lines_of(folder, "ack", first[:24], "--by", "ann", "--comment", "ward 3 called")
    expect("acknowledged", [(t["alert_id"], t["revision"], t["new"], t["status"], t["acknowledged_by"], t["streaming"]) for t in told],
           [(first, 2, True, "acknowledged", "ann", False)])
    expect("twice", "nothing to do, it is already acknowledged, revision 2, acknowledged by ann" in alerts(folder, "ack", first, "--by", "bob"), True)
    expect("closed", [t["status"] for t in lines_of(folder, "close", second, third, "--reason", "treated")], ["closed", "closed"])
    expect("by the process's user", revisions(folder, second)[1][1], query(folder, STORE, f"select acknowledged_by as u from alert where alert_id = '{third}'")[0]["u"])
    expect("the comment", json.loads(query(folder, STORE, f"select explanation from alert where alert_id = '{first}'")[0]["explanation"])["handled"]["comment"], "ward 3 called")
    expect("audited", audited(folder), [f"ack {first[:24]} --by ann", f"ack {first} --by bob", f"close {second} {third} --by {revisions(folder, second)[1][1]}"])
    refused(folder, first)
    go_on(folder)
    expect("the sink hears of it", sent(folder, first), [(1, "open", None), (2, "acknowledged", "ann")])
    delivered(folder, "after the acts")

    # The same value again stays silent; another one, and a retraction, do not.
    go_on(folder, result(22, 5, value="7.4", lab_result_id="R2", status="C"), result(23, 5, value="7.2", patient="P2", lab_result_id="R3", status="C"))
    expect("silent", (revisions(folder, first), revisions(folder, second)), ([("open", None), ("acknowledged", "ann"), ("acknowledged", "ann")],
                                                                          [("open", None), ("closed", revisions(folder, second)[1][1]), ("closed", revisions(folder, second)[1][1])]))
    expect("nothing is sent", (len(sent(folder, first)), len(sent(folder, second))), (2, 2))
    go_on(folder, result(32, 6, value="7.9", lab_result_id="R2", status="C"), result(33, 6, value="8.1", patient="P2", lab_result_id="R3", status="C"),
          result(34, 6, value="4.0", patient="P3", lab_result_id="R4", status="C"))
    expect("another value", (revisions(folder, first)[3:], revisions(folder, second)[3:]), ([("revised", "ann")], [("revised", revisions(folder, second)[1][1])]))
    expect("retracted", revisions(folder, third)[2][0], "retracted")
    expect("sent", (sent(folder, first)[2], [s[1] for s in sent(folder, third)]), ((4, "revised", "ann"), ["open", "closed", "retracted"]))
    expect("an older revision", "the newest revision of alert" in alerts(folder, "ack", f"{first}:2", code=2), True)
    expect("anew", [(t["new"], t["revision"], t["acknowledged_by"]) for t in lines_of(folder, "ack", f"{first}:4", "--by", "bob")], [(True, 5, "bob")])
    expect("a retraction", [(t["new"], t["status"]) for t in lines_of(folder, "ack", third, third)], [(True, "retracted"), (False, "retracted")])
    go_on(folder)
    delivered(folder, "in the end")


def refused(folder, alert_id):
    before = query(folder, STORE, "select count(*) as n from alert_revisions")
    expect("unknown", "heddle alerts list shows their ids" in alerts(folder, "ack", alert_id, "80ffff", code=74), True)
    expect("unknown to show", "there is no alert 80ffff" in alerts(folder, "show", "80ffff", code=74), True)
    expect("ambiguous", "more than one alert begins with 80" in alerts(folder, "ack", "80", code=2), True)
    expect("ambiguous to show", "more than one alert begins with 80" in alerts(folder, "show", "80", code=2), True)
    expect("no name", "hexadecimal" in alerts(folder, "close", "events:1", "--reason", "r", code=2), True)
    expect("all or none", query(folder, STORE, "select count(*) as n from alert_revisions"), before)


def content(folder):
    """Newest revisions without what the clock and a restart's epochs decide, and how many revisions of each status there are."""
    newest = query(folder, STORE, "select alert_id, status, status_reason, severity, value, acknowledged_by, json_extract(explanation, '$.handled.action') as act from alert order by 1")
    counts = query(folder, STORE, "select alert_id, status, count(*) as n from alert_revisions group by 1, 2 order by 1, 2")
    return json.dumps([newest, counts, query(folder, STORE, "select alert_id, revision, sink from alert_outbox order by 1, 2, 3")])


def beside(base):
    """A stream runs: it owns the store, takes the commands of two processes, and delivers at once."""
    folder = world(base, "beside")
    first, second = id_of(folder, "7.4"), id_of(folder, "7.2")
    process = subprocess.Popen([HEDDLE, "stream", "pipeline.json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (folder / "store.db.socket").exists() and process.poll() is None:
        pass
    both = [subprocess.Popen([HEDDLE, "alerts", "ack", first, second, "--by", name, "--format", "json"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            for name in ("ann", "bob")]
    told = [[json.loads(line) for line in one.communicate()[0].splitlines()] for one in both]
    expect("by one of the two", sorted(t["new"] for answer in told for t in answer), [False, False, True, True])
    expect("told to the owner", {t["streaming"] for answer in told for t in answer}, {True})
    expect("both hear who did", len({t["acknowledged_by"] for answer in told for t in answer}), 1)
    expect("an error comes back", "there is no alert 80ffff" in alerts(folder, "ack", "80ffff", code=74), True)
    while len(sent(folder, first)) < 2 and process.poll() is None:
        pass
    expect("delivered while it runs", [s[1] for s in sent(folder, first)], ["open", "acknowledged"])
    with (folder / "events/a.ndjson").open("a") as log:
        log.write(result(32, 6, value="7.9", lab_result_id="R2", status="C") + "\n")
    while len(revisions(folder, first)) < 3 and process.poll() is None:
        pass
    expect("told anew while it runs", revisions(folder, first)[2][0], "revised")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate()
    expect(f"end of the stream ({errors.decode()})", process.returncode, 0)
    delivered(folder, "beside")


def kill_at_random(folder, chance, words):
    process = subprocess.Popen([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=chance.uniform(0.005, 0.08))
        expect(f"{words[:2]} ({errors.decode()})", process.returncode, 0)
        return 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return 1


def killed(base):
    """kill -9 of the acts and of the stream: each act once, as after quiet ones."""
    chance = random.Random(4)
    lines = [result(n, n % 50, value=f"7.{n % 9}", patient=f"P{n}") for n in range(1, 60)]
    quiet = world(base, "quiet", lines)
    torn = world(base, "torn", lines)
    ids = [r["alert_id"] for r in query(quiet, STORE, "select alert_id from alert order by 1")]
    expect("alerts", len(ids), 59)
    later = [result(100 + n, 51, value="9.9" if n % 2 else f"7.{n % 9}", patient=f"P{n}", lab_result_id=f"R{n}", status="C") for n in range(1, 60)]
    acts = [("ack", *ids[:40], "--by", "ann"), ("close", *ids[40:], "--by", "ann", "--reason", "r")]
    for words in acts:
        alerts(quiet, *words)
    go_on(quiet, *later)
    stream = ("stream", "pipeline.json", "--once", "--set", "runtime.epoch.rows=10")
    count = sum(kill_at_random(torn, chance, stream if kill % 3 == 2 else ("alerts", *acts[kill % 3])) for kill in range(KILLS))
    for words in acts:
        alerts(torn, *words)
    with (torn / "events/a.ndjson").open("a") as log:
        log.write("".join(line + "\n" for line in later))
    count += sum(kill_at_random(torn, chance, stream) for _ in range(KILLS))
    heddle("stream", "pipeline.json", "--once", folder=torn)
    expect("content after kills", content(torn), content(quiet))
    delivered(torn, "after kills")
    if count == 0:
        failures.append("nothing was killed: the test has tested nothing")


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(base)
        for case in (looked_at, acted_on, beside, killed):
            case(base)
    for failure in failures:
        print(failure)
    print(f"alerts of 5 worlds, {len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
