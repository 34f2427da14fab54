#!/usr/bin/env python3
"""Claims of the sample data: rows of each file, distinct claims and lines and the money of each kind of claim, counted here by
splitting lines and cells in Python, against core and the accounting. Of heddle nothing is read but what it prints."""
import collections
import csv
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HEDDLE = os.environ["HEDDLE"]
DATA = pathlib.Path(os.environ.get("HEDDLE_DATA", "../shared/data")).resolve()
RIF = DATA / "claims/cms-bfd-rif/rif-synthea"
IDR = DATA / "claims/cms-bfd-idr/bfd-pipeline-idr/test_samples1"
CCLF = DATA / "claims/cms-bcda/shared_files/cclf/files/synthetic/test/small"
SYNTHEA = DATA / "synthea_csv/ohdsi-dbt-synthea/synthea"
SOURCES = {"RIF": f"{RIF}/*", "IDR": f"{IDR}/*", "CCLF": f"{CCLF}/*", "SYN": f"{SYNTHEA}/*.csv", "SAMPLES": f"{DATA}/claims/cms-bfd-rif/rif-static-samples/*"}
KINDS = {"inpatient": "institutional", "outpatient": "institutional", "snf": "institutional", "hha": "institutional", "hospice": "institutional",
         "carrier": "professional", "dme": "professional", "pde": "pharmacy"}


def heddle(folder, *words):
    done = subprocess.run([HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]


def pipes(path):
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    head = lines[0].split("|")
    return [dict(zip(head, line.split("|"))) for line in lines[1:] if line]


def commas(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def cents(texts):
    return sum((decimal.Decimal(text) for text in texts if text.strip()), decimal.Decimal(0))


def rif():
    """{kind: (claims, lines, money of the claims, money of the lines)}"""
    found = collections.defaultdict(lambda: [0, 0, decimal.Decimal(0), decimal.Decimal(0)])
    for name, kind in KINDS.items():
        rows = pipes(RIF / f"{name}.csv")
        claims = {row["PDE_ID" if name == "pde" else "CLM_ID"]: row["CVRD_D_PLAN_PD_AMT" if name == "pde" else "CLM_PMT_AMT"] for row in rows}
        money = {"professional": "LINE_NCH_PMT_AMT", "pharmacy": "CVRD_D_PLAN_PD_AMT", "institutional": "REV_CNTR_PMT_AMT_AMT"}[kind]
        entry = found[kind]
        entry[0] += len(claims)
        entry[1] += len(rows)
        entry[2] += cents(claims.values())
        entry[3] += cents(row.get(money, "") for row in rows)
    return {kind: tuple(map(str, entry)) for kind, entry in found.items()}


def compare(what, found, wanted, failures):
    if found != wanted:
        failures.append(f"{what}: {found}, counted here {wanted}")


def check(folder):
    failures = []

    def ask(sql):
        return [tuple("" if value is None else str(value) for value in row.values()) for row in heddle(folder, "query", "W", sql, "--format", "json")]

    wanted = rif()
    claims = {row[0]: row[1:] for row in ask("SELECT claim_type, count(*), sum(paid_amount) FROM core.claim WHERE source = 'RIF' GROUP BY 1")}
    lines = {row[0]: row[1:] for row in ask("SELECT claim_type, count(*), coalesce(sum(paid_amount), 0) FROM core.claim_line WHERE source = 'RIF' GROUP BY 1")}
    for kind, (claim_count, line_count, paid, line_paid) in wanted.items():
        compare(f"RIF {kind} claims", (claims[kind][0], decimal.Decimal(claims[kind][1])), (claim_count, decimal.Decimal(paid)), failures)
        compare(f"RIF {kind} lines", (lines[kind][0], decimal.Decimal(lines[kind][1])), (line_count, decimal.Decimal(line_paid)), failures)

    # Two of the files, of 2018 and 2019, are of the same reference year.
    years = {(row["BENE_ID"], row["RFRNC_YR"]): row for path in sorted(RIF.glob("beneficiary_2*.csv")) for row in pipes(path)}
    months = collections.Counter()
    for row in years.values():
        for part, column in (("part a", "A_MO_CNT"), ("part b", "B_MO_CNT"), ("part d", "PLAN_CVRG_MO_CNT")):
            months[part] += int(row[column].strip() or 0)
    found = dict(ask("SELECT coverage_type, sum(coverage_months)::bigint FROM core.eligibility WHERE source = 'RIF' GROUP BY 1"))
    compare("RIF months covered", found, {part: str(count) for part, count in months.items() if count > 0}, failures)
    births = {(row["BENE_ID"], row["BENE_BIRTH_DT"]) for row in pipes(RIF / "beneficiary_2011.csv")}
    compare("RIF births", {row for row in ask("SELECT DISTINCT patient_id, strftime(birth_date, '%d-%b-%Y') FROM core.patient WHERE source = 'RIF'")}, births, failures)

    # Four are no longer the latest of their claim: they are withdrawn.
    idr = {row["CLM_UNIQ_ID"]: row for row in commas(IDR / "SYNTHETIC_CLM.csv") if row["CLM_FINL_ACTN_IND"] != "N" and row["CLM_LTST_CLM_IND"] != "N"}
    found = ask("SELECT count(*), sum(paid_amount), sum(charge_amount) FROM (SELECT DISTINCT claim_id, paid_amount, charge_amount FROM core.claim WHERE source = 'IDR')")[0]
    compare("IDR claims", (found[0], decimal.Decimal(found[1]), decimal.Decimal(found[2])),
            (str(len(idr)), cents(row["CLM_PMT_AMT"] for row in idr.values()), cents(row["CLM_SBMT_CHRG_AMT"] for row in idr.values())), failures)
    idr_lines = {(row["CLM_UNIQ_ID"], row["CLM_LINE_NUM"]): row for row in commas(IDR / "SYNTHETIC_CLM_LINE.csv")}
    found = ask("SELECT count(*), sum(charge_amount) FROM core.claim_line WHERE source = 'IDR'")[0]
    compare("IDR lines", (found[0], decimal.Decimal(found[1])), (str(len(idr_lines)), cents(row["CLM_LINE_SBMT_CHRG_AMT"] for row in idr_lines.values())), failures)

    money = commas(SYNTHEA / "claims_transactions.csv")
    charges = [row["AMOUNT"] for row in money if row["TYPE"] == "CHARGE"]
    found = ask("SELECT count(*), sum(charge_amount) FROM core.claim_line WHERE source = 'SYN'")[0]
    compare("Synthea charges", (found[0], decimal.Decimal(found[1])), (str(len(charges)), cents(charges)), failures)
    others = [row for row in money if row["TYPE"] != "CHARGE"]
    found = ask("SELECT count(*), sum(paid_amount) FROM core.claim_payment WHERE source = 'SYN'")[0]
    compare("Synthea payments", (found[0], decimal.Decimal(found[1])), (str(len(others)), cents(row["PAYMENTS"] for row in others)), failures)
    compare("Synthea claims", ask("SELECT count(*) FROM core.claim WHERE source = 'SYN'")[0][0], str(len(commas(SYNTHEA / "claims.csv"))), failures)
    compare("Synthea covers", ask("SELECT count(*) FROM core.eligibility WHERE source = 'SYN'")[0][0], str(len(commas(SYNTHEA / "payer_transitions.csv"))), failures)

    numbers = {line[:11].strip() for line in (CCLF / "ZC8").read_bytes().split(b"\n") if line.strip()}
    compare("CCLF8", ask("SELECT count(DISTINCT patient_id) FROM core.patient WHERE source = 'CCLF'")[0][0], str(len(numbers)), failures)
    earlier = {(line[1:12].strip().decode(), line[12:23].strip().decode()) for line in (CCLF / "ZC9").read_bytes().split(b"\n") if line.strip()}
    compare("CCLF9", set(ask("SELECT patient_id, identifier_value FROM core.patient_identifier WHERE source = 'CCLF'")), earlier, failures)
    return failures


def main():
    if not RIF.exists():
        print("no sample data", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "pipeline.json").write_text(json.dumps({"pipeline": {"batch": {
            "sources": list(SOURCES), "transforms": ["cleanse", "standardize", "deduplicate", "conform"], "gates": {"quarantined_max": 1}, "sink": "W"}}}))
        (folder / "bindings.json").write_text(json.dumps({
            "pipeline": {"name": "claims", "zone": "America/New_York"}, "bindings": {"W": {"type": "duckdb", "path": "w.db", "encryption": "none"}} | {
                source: {"inputs": [{"type": "file", "path": path, "system": f"urn:{source.lower()}"}]} for source, path in SOURCES.items()}}))
        heddle(folder, "batch", "pipeline.json", "--format", "json")
        failures = check(folder)
    print("\n".join(failures) or "claims: counts and money agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
