#!/usr/bin/env python3
"""Small claims files made here: quotes that are letters, lines that repeat their claim, fixed width, and a CSV of a site's own
mapping. What must come of them stands in this file."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
RIF = """DML_IND|BENE_ID|CLM_ID|FINAL_ACTION|CARR_NUM|CLM_FROM_DT|CLM_THRU_DT|CLM_PMT_AMT|LINE_NUM|LINE_NCH_PMT_AMT|HCPCS_CD|TAX_NUM
INSERT|-1|-9|F|7|30-May-2015|31-MAY-2015|3.00|1|1.00| |"9
INSERT|-1|-9|F|7|30-May-2015|31-MAY-2015|3.00|2|2.00|99213|8"
UPDATE|-1|-8|N|7|01-Jun-2015|01-Jun-2015|5.00|4|5.00|99213|
"""
SITE = {"mapping": "site_claims", "format": "csv", "entity": "claim", "help": "A payer's own extract.", "detect": {"header": ["member", "claim no", "from", "paid"]},
        "fields": {"member": "member", "number": "claim no", "begin_day": "from", "paid": "paid"},
        "columns": {"patient_id": "member", "claim_id": "number", "claim_start_date": "begin_day", "paid_amount": "paid", "event_time": "begin_day", "effective_time": "begin_day"}}


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path, text in {"in/carrier.txt": RIF, "in/ZC9": "M12345678901" + "10987654321" + "1959-12-312016-12-31\nH1234567890 1098\n",
                           "in/site.csv": 'member;claim no;from;paid\nM1;"C;1";20240229;1,5\nM2;C2;2024-02-30;2.50\nM3;C3;2024-02-29;2.50\n', "model/site.json": json.dumps(SITE)}.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        (folder / "pipeline.json").write_text(json.dumps({"pipeline": {"batch": {
            "sources": ["S"], "transforms": ["cleanse", "standardize", "deduplicate", "conform"], "gates": {"quarantined_max": 1}, "sink": "W"}}}))
        (folder / "bindings.json").write_text(json.dumps({"pipeline": {"name": "small", "zone": "UTC"}, "model": ["model/**"], "bindings": {
            "W": {"type": "duckdb", "path": "w.db", "encryption": "none"}, "S": {"inputs": [{"type": "file", "path": "in/*", "system": "urn:s"}]}}}))
        heddle(folder, "batch", "pipeline.json", "--format", "json")

        def ask(sql):
            return [tuple(None if value is None else str(value) for value in row.values()) for row in heddle(folder, "query", "W", sql, "--format", "json")]

        wanted = {
            "SELECT claim_id, paid_amount, claim_end_date FROM core.claim ORDER BY 1": [("-9", "3.00", "2015-05-31"), ("C3", "2.50", None), ("C;1", None, None)],
            "SELECT claim_id, claim_line_number, paid_amount, hcpcs_code, rendering_tin FROM core.claim_line ORDER BY 2":
                [("-9", "1", "1.00", None, '"9'), ("-9", "2", "2.00", "99213", '8"')],
            "SELECT patient_id, identifier_value FROM core.patient_identifier": [("12345678901", "10987654321")],
            "SELECT entity, outcome, reason_code, row_count FROM meta.accounting_reason WHERE entity <> '' AND outcome <> 'loaded' ORDER BY ALL":
                [("claim", "deduplicated", "exact_repeat", "1"), ("claim", "quarantined", "bad_timestamp", "1"), ("patient_identifier", "quarantined", "missing_required", "1")],
        }
        failures = [f"{sql}: {found}, wanted {rows}" for sql, rows in wanted.items() if (found := ask(sql)) != rows]
    print("\n".join(failures) or "small claims: as written")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
