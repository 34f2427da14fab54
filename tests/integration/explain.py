#!/usr/bin/env python3
"""heddle explain: its long form reads back to the same plan, also from another folder; its schema accepts the example."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


def explain(*words):
    return subprocess.run([HEDDLE, "explain", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True).stdout


def long_forms_agree(pipeline, *words):
    """What differs between a plan and the plan of its long form."""
    first = json.loads(explain(pipeline, "--format", "json", *words))
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.json").write_text(json.dumps(first["pipeline"]))
        (folder / "bindings.json").write_text(json.dumps(first["bindings"]))
        second = json.loads(explain(folder / "pipeline.json", "--format", "json"))
    return [f"{pipeline} {words}: {key} differs" for key in first if first[key] != second[key]]


def texts_hold(pipeline):
    text = explain(pipeline)
    wanted = ("with all that was left out", "├─ batch, at \"0 2 * * *\" in America/New_York", "source LAB_RESULTS_RAW", "warehouse.db, encrypted",
              "window_5m: every 300 s, up to 3600 s late", "rule unusual_access", "-- hl7v2_lab_result of ", "hd_unit_standard(")
    sql = explain(pipeline, "--as", "duckdb")
    return [f"explain lacks {part!r}" for part in wanted if part not in text] + ([] if sql in text and sql.startswith("-- ") else ["--as duckdb is another SQL"])


def schema_names(schema, name):
    """The properties that a schema has at a name, wherever it lies in an alternative."""
    for option in (schema["properties"][name], *schema["properties"][name].get("anyOf", [])):
        if "properties" in option:
            return option
    raise KeyError(name)


def schema_holds():
    schema = json.loads(explain("--schema", "--format", "json"))
    pipeline = schema_names(schema["pipeline"], "pipeline")
    found = {"batch", "streaming"} <= pipeline["properties"].keys() and "schedule" in schema_names(pipeline, "batch")["properties"]
    return [] if found and "bindings" in schema["bindings"]["properties"] else ["the schema lacks its main parts"]


def main():
    example = ROOT / "examples" / "hybrid" / "pipeline.json"
    base = ROOT / "tests" / "pipelines" / "base" / "pipeline.json"
    failed = long_forms_agree(example) + long_forms_agree(base) + texts_hold(example) + schema_holds()
    for words in (["--set", "pipeline.streaming.windows=90s"], ["--set", "pipeline.batch.schedule=hourly"], ["--set", "runtime.workers=3"]):
        failed += long_forms_agree(base, *words)
    if json.loads(explain(base, "--format", "json"))["digest"] != json.loads(explain(base, "--format", "json", "--set", "runtime.workers=3"))["digest"]:
        failed.append("the digest covers runtime, on which no result depends")
    if json.loads(explain(base, "--format", "json"))["digest"] == json.loads(explain(base, "--format", "json", "--set", "pipeline.streaming.windows=90s"))["digest"]:
        failed.append("the digest does not cover the windows")
    print("\n".join(failed + [f"{len(failed)} failed"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
