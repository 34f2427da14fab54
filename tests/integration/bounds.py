#!/usr/bin/env python3
"""What `runtime` bounds is bounded (I10): memory resident, threads, what is spilled; and a FHIR bundle of any size is read in the memory of its largest
resource. What is promised stands in ARCHITECTURE.md, Bounds. Sanitizers take memory of their own: there smaller inputs are read, and only contents compared."""
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batch_inputs  # noqa: E402
from batch_inputs import HEDDLE, Site, expect  # noqa: E402

IS_OPTIMISED = "release" in pathlib.Path(HEDDLE).parts
MIB = 1 << 20
BEYOND = 160  # MiB that the process may take beside runtime.memory.


def spilled_bytes(site, pid):
    """What DuckDB spills, and the file without a name that rows are spilled to."""
    paths = list((site.folder / "w.db.tmp").glob("*"))
    paths += [path for path in pathlib.Path(f"/proc/{pid}/fd").iterdir() if "w.db.spill" in os.readlink(path)]
    return sum(path.stat().st_blocks * 512 for path in set(paths))


def measured(site, *more):
    """(exit code, printed, said, MiB resident at most, threads at most, MiB spilled at most)"""
    process = subprocess.Popen([HEDDLE, "batch", "pipeline.json", "--for", "2026-03-05", "--format", "json", *more], cwd=site.folder, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    threads = spilled = pid = 0
    while pid == 0:  # Looks as often as it can: what it sees is at most what there is.
        try:
            found = re.search(r"Threads:\s+(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text())
            threads = max(threads, int(found.group(1)) if found else 0)
            spilled = max(spilled, spilled_bytes(site, process.pid))
        except OSError:
            pass  # A file that is gone by now.
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, process.stdout.read(), process.stderr.read(), usage.ru_maxrss >> 10, threads, spilled / MIB


def generated(folder, rows):
    site = Site(folder, {"A": "in/*"}, {"quarantined_max": 1})
    site.heddle("generate", "--scale", str(rows), "--out", "in")
    site.put("person.key", "0123456789abcdef" * 4)
    (site.folder / "person.key").chmod(0o600)
    return site


def empty(site):
    for path in site.folder.glob("w.db*"):
        path.unlink()


def memory_and_threads(base):
    """The same rows with little memory and with much: the same digest, in the memory that is promised, by as many threads as are promised."""
    rows = 200_000 if IS_OPTIMISED else 20_000
    site, digests = generated(base / "memory", rows), set()
    # What was spilled of a file that turns out to be cut is withdrawn.
    packed = gzip.compress((site.folder / "in/observations.csv").read_bytes()[:8 << 20], 1)
    (site.folder / "in/cut.csv.gz").write_bytes(packed[:len(packed) // 2])
    for memory, workers, most in ((128, 4, 1), (512, 4, 4), (512, 1, 1)):
        code, out, said, resident, threads, _ = measured(site, "--set", f"runtime.memory={memory}MiB", "--set", f"runtime.workers={workers}")
        expect(f"{memory} MiB: {said}", code, 0)
        digests.add(json.loads(out)["digest"])
        expect(f"{memory} MiB: the cut file", "cut.csv.gz" in out, True)
        # The main thread works along in decoding, others wait then; one more answers other processes.
        expect(f"{memory} MiB, {workers} workers: {threads} threads", 1 <= threads <= 2 * most, True)
        if IS_OPTIMISED:
            expect(f"{memory} MiB: {resident} MiB resident", resident <= memory + BEYOND, True)
        empty(site)
    expect("memory: digests", len(digests), 1)


def temp_space(base):
    """With little memory it spills: no more than it may, and what needs more is refused by the option's name, with the last good state there."""
    if not IS_OPTIMISED:
        return
    site = generated(base / "temp", 600_000)
    code, _, said, _, _, spilled = measured(site, "--set", "runtime.memory=128MiB", "--set", "runtime.temp_space=1MiB")
    expect(f"temp space: exit {code}, {said}", (code, "runtime.temp_space" in said, "allow more with runtime.temp_space" in said), (74, True, True))
    expect(f"temp space: {spilled} MiB spilled", spilled <= 2, True)
    expect("temp space: nothing is published", site.ask("SELECT count(*) AS n FROM meta.run WHERE published"), [{"n": 0}])


def bundle(path, resources, indent):
    """A transaction Bundle of patients and their observations, valid, written entry by entry."""
    dump = lambda value: json.dumps(value, indent=indent, separators=None if indent else (",", ":"))
    with open(path, "w") as out:
        out.write('{"resourceType":"Bundle","type":"transaction","entry":[' if not indent else '{\n "resourceType": "Bundle",\n "type": "transaction",\n "entry": [\n')
        for number in range(resources):
            person = number // 20
            if number % 20 == 0:
                resource = {"resourceType": "Patient", "id": f"p{person}", "identifier": [{"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
                            "system": "urn:oid:1.2.3", "value": f"M{person}"}], "name": [{"family": f"Family{person}", "given": ["Ann"]}], "gender": "female", "birthDate": "1950-01-01"}
            else:
                resource = {"resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
                            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
                            "subject": {"reference": f"urn:uuid:p{person}"}, "effectiveDateTime": "2026-03-02T10:00:00Z", "note": [{"text": "x" * 200}],
                            "valueQuantity": {"value": 60 + number % 40, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}}
            entry = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
            out.write(("," if number else "") + ("\n" if indent else "") + dump(entry))
        out.write("\n ]\n}\n" if indent else "]}")
    return path.stat().st_size


def a_bundle_of_any_size(base):
    """64 MiB as one transaction, as written by machines and as printed for eyes: each resource counted, memory as for any file."""
    digests = set()
    for name, indent, resources in (("minified", None, 100_000), ("pretty", 2, 20_000)):
        resources = resources if IS_OPTIMISED else resources // 50
        site = Site(base / name, {"A": {"inputs": [{"type": "file", "path": "in/*.json", "format": "fhir-r4"}]}})
        (site.folder / "in").mkdir()
        size = bundle(site.folder / "in/bundle.json", resources, indent)
        code, out, said, resident, _, _ = measured(site, "--set", "runtime.memory=128MiB")
        expect(f"{name}: {said}", code, 0)
        source = json.loads(out)["sources"][0]
        expect(f"{name}: counts", [source[key] for key in ("received", "loaded", "quarantined")], [resources, resources, 0])
        expect(f"{name}: rows", site.ask("SELECT (SELECT count(*) FROM core.patient) AS p, (SELECT count(*) FROM core.observation) AS o, (SELECT count(DISTINCT person_id) FROM core.observation) AS w"),
               [{"p": resources // 20, "o": resources - resources // 20, "w": resources // 20}])
        if IS_OPTIMISED:
            expect(f"{name}: {size // MIB} MiB of file", size >= (64 if indent is None else 16) * MIB, True)
            expect(f"{name}: {resident} MiB resident", resident <= 128 + BEYOND, True)
        print(f"{name}: {size // MIB} MiB, {resident} MiB resident")


def main():
    tests = (memory_and_threads, temp_space, a_bundle_of_any_size)
    with tempfile.TemporaryDirectory() as base:
        for test in tests:
            if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
                test(pathlib.Path(base))
    print("\n".join(batch_inputs.failures + [f"{len(tests)} tests, {len(batch_inputs.failures)} differences"]))
    return 1 if batch_inputs.failures else 0


if __name__ == "__main__":
    sys.exit(main())
