#!/usr/bin/env python3
"""A warehouse whose model has changed since it was made (rules S1 to S5 of src/warehouse/schema.h): it follows, or says what to do; nothing is stored under a
definition that it was not made by. The model's part that changes is an entity of the site's own."""
import copy
import json
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batch_inputs  # noqa: E402
from batch_inputs import OLD, Site, expect, patient  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTE = {"entity": "note", "kind": "fact", "help": "A remark of the ward.", "key": ["patient_system", "patient_id", "note_id"], "version": ["event_time"],
        "time": {"event": "event_time", "effective": "event_time"},
        "columns": [{"name": "patient_system", "type": "text", "required": True, "carries": "patient", "help": "Who assigned patient_id."},
                    {"name": "patient_id", "type": "text", "required": True, "carries": "patient", "help": "The patient."},
                    {"name": "note_id", "type": "text", "required": True, "carries": "event", "help": "The note."},
                    {"name": "amount", "type": "int64", "help": "A number."},
                    {"name": "remark", "type": "text", "help": "What was remarked."},
                    {"name": "event_time", "type": "timestamp", "required": True, "carries": "time", "help": "When."},
                    {"name": "status_action", "type": "text", "required": True, "carries": "event", "help": "upsert or retract."}]}
MAPPING = {"mapping": "site_note", "format": "csv", "entity": "note", "help": "The ward's file.", "detect": {"header": ["NOTE", "REMARK"]},
           "fields": {"note": "NOTE", "who": "WHO", "amount_of": "AMOUNT", "said": "REMARK", "at": "AT", "place_of": "PLACE"},
           "columns": {"patient_id": "who", "note_id": "note", "amount": "amount_of", "remark": "said", "event_time": "at"}}
HEAD = "NOTE,WHO,AMOUNT,REMARK,AT,PLACE\n"
ROW = "N{0},P{0},{0},quiet,2026-03-02T10:00:00Z,W{0}\n"


def changed(**how):
    """The entity with its parts replaced: columns=… gets the list of columns to change."""
    entity = copy.deepcopy(NOTE)
    for part, value in how.items():
        if part == "columns":
            value(entity["columns"])
        else:
            entity[part] = value
    return entity


class Ward(Site):
    def __init__(self, folder):
        super().__init__(folder, {"A": "in/*.csv"})
        bindings = json.loads((self.folder / "bindings.json").read_text())
        bindings["model"] = ["model/*.json"]
        (self.folder / "bindings.json").write_text(json.dumps(bindings))
        self.put("in/notes.csv", HEAD + "".join(ROW.format(number) for number in range(5)))
        self.put("in/patients.csv", OLD + "\n" + "".join(patient(number) for number in range(5)))
        self.put("model/same.json", (ROOT / "model/mappings/fhir/consent.json").read_bytes())  # For a pattern must find something.
        self.model(NOTE, MAPPING)

    def model(self, entity, mapping):
        for name, what in (("note", entity), ("site_note", mapping)):
            path = self.folder / "model" / f"{name}.json"
            if what is None:
                path.unlink(missing_ok=True)
            else:
                self.put(f"model/{name}.json", json.dumps(what))

    def is_refused(self, what, *said):
        """Not a byte of the file changes."""
        before = (self.folder / "w.db").read_bytes()
        _, told = self.batch(code=78)
        expect(f"{what}: told", [part for part in said if part not in told], [])
        expect(f"{what}: what is stored", (self.folder / "w.db").read_bytes() == before, True)
        self.model(NOTE, MAPPING)


def a_column_is_gained(base):
    """S1, S5: null in what was stored; who is sent again has a new version; the run from before is reproduced under its own model alone."""
    ward = Ward(base / "gained")
    first, _ = ward.batch()
    ward.model(changed(columns=lambda columns: columns.insert(4, {"name": "place", "type": "text", "help": "Where."})),
               {**MAPPING, "columns": {**MAPPING["columns"], "place": "place_of"}})
    ward.put("in/notes.csv", HEAD + ROW.format(0) + ROW.format(9))
    ward.batch()
    expect("gained: current", ward.ask("SELECT note_id, place FROM core.note ORDER BY 1"),
           [{"note_id": "N0", "place": "W0"}] + [{"note_id": f"N{number}", "place": None} for number in range(1, 5)] + [{"note_id": "N9", "place": "W9"}])
    expect("gained: versions", ward.ask("SELECT count(*) AS n, count(place) AS places FROM core.note_version"), [{"n": 7, "places": 2}])
    expect("gained: as it was", ward.ask("SELECT count(*) AS n FROM core.note_version WHERE recorded_from <= (SELECT min(recorded_at) FROM meta.run WHERE published)"), [{"n": 5}])
    again, _ = ward.batch()
    expect("gained: again", [table["added"] for table in again["tables"] if table["table"] == "note"], [0])
    told = ward.heddle("runs", "reproduce", first["run_id"], code=1).stderr
    expect(f"gained: reproduced under another model: {told}", "the model is not that of run" in told or "has changed" in told, True)
    ward.put("in/notes.csv", HEAD + "".join(ROW.format(number) for number in range(5)))
    told = ward.heddle("runs", "reproduce", first["run_id"], code=1).stderr
    expect("gained: refused by name", "the model is not that of run 20260305-1" in told, True)
    ward.model(NOTE, MAPPING)
    expect("gained: reproduced under its own", "the same again" in ward.heddle("runs", "reproduce", first["run_id"]).stdout, True)


def a_column_is_lost(base):
    """S2: it stays, and is null in what comes."""
    ward = Ward(base / "lost")
    ward.batch()
    ward.model(changed(columns=lambda columns: columns.pop(3)), {**MAPPING, "columns": {name: text for name, text in MAPPING["columns"].items() if name != "amount"}})
    ward.put("in/notes.csv", HEAD + ROW.format(9))
    ward.batch()
    expect("lost: what stays", ward.ask("SELECT note_id, amount FROM core.note ORDER BY 1"),
           [{"note_id": f"N{number}", "amount": number} for number in range(5)] + [{"note_id": "N9", "amount": None}])


def what_cannot_follow(base):
    """S2, S3: refused by the entity's name, with what to do; and nothing of it is stored."""
    ward = Ward(base / "refused")
    ward.batch()
    ward.model(changed(columns=lambda columns: columns[3].update(type="text")), MAPPING)
    ward.is_refused("type", "note: column amount is VARCHAR in the model and BIGINT in the warehouse", "new warehouse")
    ward.model(changed(key=["patient_system", "patient_id", "note_id", "event_time"]), MAPPING)
    ward.is_refused("wider key", "entity note", "key (patient_system, patient_id, note_id, event_time)", "stored as", "new warehouse")
    ward.model(changed(key=["note_id"]), MAPPING)
    ward.is_refused("narrower key", "entity note", "key (note_id)", "stored as", "new warehouse")
    ward.model(changed(version=["event_time", "amount"]), MAPPING)
    ward.is_refused("order", "entity note", "order (event_time, amount)", "new warehouse")
    ward.model(changed(kind="dimension"), MAPPING)
    ward.is_refused("kind", "entity note is dimension", "stored as fact", "new warehouse")
    summary, _ = ward.batch()
    expect("once it is put back", [table["added"] for table in summary["tables"] if table["table"] == "note"], [0])


def an_entity_comes_and_goes(base):
    """S4: a new one gets its table; one that is gone loses it where it holds nothing, and else is refused. What it took in stays in raw."""
    ward = Ward(base / "entity")
    ward.model(None, None)
    (ward.folder / "in/notes.csv").rename(ward.folder / "notes.csv")
    ward.batch()
    ward.model(NOTE, MAPPING)
    ward.batch()
    expect("entity: made", ward.ask("SELECT count(*) AS n FROM core.note_version"), [{"n": 0}])
    ward.model(None, None)
    ward.batch()
    expect("entity: dropped", ward.ask("SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'note_version'"), [{"n": 0}])
    ward.model(NOTE, MAPPING)
    (ward.folder / "notes.csv").rename(ward.folder / "in/notes.csv")
    ward.batch()
    expect("entity: raw", ward.ask("SELECT count(*) AS n FROM raw.site_note"), [{"n": 5}])
    ward.model(None, None)
    ward.is_refused("entity", "holds 5 versions of note, which the model does not have", "put the entity back")
    ward.model(NOTE, None)
    (ward.folder / "in/notes.csv").unlink()
    ward.batch()
    expect("entity: raw of a mapping that is gone", ward.ask("SELECT count(*) AS n FROM raw.site_note"), [{"n": 5}])
    expect("entity: what it loaded stays", ward.ask("SELECT count(*) AS n FROM core.note"), [{"n": 5}])


def questions_before_the_first_run(base):
    """A newer model, and no run yet: what is stored is read as it was stored."""
    ward = Ward(base / "asked")
    ward.batch()
    ward.put("in/patients.csv", OLD + "\n" + "".join(patient(number, name="Jones") for number in range(5)))
    ward.batch()
    ward.model(changed(columns=lambda columns: columns.insert(4, {"name": "place", "type": "text", "help": "Where."})), MAPPING)
    expect("asked: query", ward.ask("SELECT count(*) AS n FROM core.note"), [{"n": 5}])
    ward.heddle("runs")
    ward.heddle("runs", "show", "20260305-1")
    for more in ((), ("--rows", "patient")):
        told = ward.heddle("runs", "diff", "20260305-1", "20260305-2", *more, code=78).stderr
        expect("asked: diff", "made before the model had column place of note" in told and "the next heddle batch" in told, True)
    ward.batch()
    ward.heddle("runs", "diff", "20260305-1", "20260305-2", "--rows", "patient", code=1)
    ward.heddle("check", "pipeline.json", "--connect")


def main():
    tests = (a_column_is_gained, a_column_is_lost, what_cannot_follow, an_entity_comes_and_goes, questions_before_the_first_run)
    with tempfile.TemporaryDirectory() as base:
        for test in tests:
            if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
                test(pathlib.Path(base))
    print("\n".join(batch_inputs.failures + [f"{len(tests)} tests, {len(batch_inputs.failures)} differences"]))
    return 1 if batch_inputs.failures else 0


if __name__ == "__main__":
    sys.exit(main())
