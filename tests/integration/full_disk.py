#!/usr/bin/env python3
"""A disk that is full, or may not be written. A run on it ends with 74 and says which file found no room and what to do; what was published before is
there with its digests, and once there is room the next run has the digests that it has without (I5, I9).

File systems of a few MiB are mounted where only this test and what it starts sees them. Exit 77 where the system lets nobody do that."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batch_run  # noqa: E402

NOBODY = 65534
DAYS = ("2026-03-02", "2026-03-03")
DIGESTS = ("SELECT table_name, row_count, digest FROM meta.run_digest WHERE run_id = (SELECT max_by(run_id, number) FROM meta.run WHERE published) ORDER BY ALL")
KIB_MORE = 100  # A file system needs some room for itself.


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found}, expected {wanted}")


def heddle(folder, *words, **how):
    return subprocess.run([batch_run.HEDDLE, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **how)


def is_told(made, *said, code=74):
    """The exit code, the parts of what was said, what to do next; and that it did not end by a signal or a sanitizer."""
    if made.returncode != code or any(part not in made.stderr for part in said) or "\n  " not in made.stderr:
        raise SystemExit(f"exit {made.returncode}, expected {code} and {said}\n{made.stdout}{made.stderr}")


def mount(folder, size_kib):
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=755", "tmpfs", folder], check=True)


def give_room(folder):
    subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)


def size_kib(folder):
    return int(subprocess.run(["du", "-sk", folder], check=True, capture_output=True, text=True).stdout.split()[0])


def published(folder):
    made = heddle(folder, "query", batch_run.WAREHOUSE, DIGESTS, "--format", "json")
    assert made.returncode == 0, made.stderr
    rows = [json.loads(line) for line in made.stdout.splitlines()]
    assert rows
    return rows


def day_of_a_world(base):
    """(folder with the first day published and the second one's files, digests of the first, of the second day, what the second one needs in KiB)"""
    world = base / "world"
    world.mkdir()
    batch_run.heddle(world, "generate", "--seed", "11", "--patients", "120", "--days", "2", "--out", ".")
    shutil.copy(batch_run.ROOT / "examples/hybrid/pipeline.json", world)
    (world / "bindings.json").write_text(json.dumps(batch_run.BINDINGS))
    (world / "store.key").write_text("12" * 32)
    (world / "store.key").chmod(0o600)
    shutil.rmtree(world / "in")
    shutil.copytree(world / "days" / DAYS[0], world / "in")
    batch_run.heddle(world, "batch", "pipeline.json", "--for", DAYS[0])
    first = published(world)
    shutil.rmtree(world / "in")
    shutil.move(world / "days" / DAYS[1], world / "in")
    before = size_kib(world)
    shutil.copytree(world, base / "quiet")
    batch_run.heddle(base / "quiet", "batch", "pipeline.json", "--for", DAYS[1])
    return world, first, published(base / "quiet"), size_kib(base / "quiet") - before


def fills_at_any_point(base, world, first, second, needed):
    """The same run with ever more room: it fills the disk while it decodes, stages, publishes, tidies up; with enough it goes through."""
    failed = 0
    for share in (0, 0.05, 0.14, 0.8, 2):
        full = base / f"full-{share}"
        mount(full, size_kib(world) + KIB_MORE + int(needed * share))
        shutil.copytree(world, full, dirs_exist_ok=True)
        made = heddle(full, "batch", "pipeline.json", "--for", DAYS[1])
        if made.returncode != 0:
            failed += 1
            is_told(made, "No space left on device", str(full / "warehouse.db"), "free space on its device")
        assert made.returncode == 0 or share < 2, made.stderr
        give_room(full)
        is_there = "which is published" in made.stderr or made.returncode == 0
        expect(f"published with a share of {share}", published(full), second if is_there else first)
        batch_run.heddle(full, "batch", "pipeline.json", "--for", DAYS[1])
        expect(f"published behind a share of {share}", published(full), second)
        subprocess.run(["umount", full], check=True)
    assert failed >= 3, failed


def both_legs(base, world, second):
    """run --once: where the batch leg has room and the stream has not, the run is published and the stream goes on later."""
    full = base / "legs"
    mount(full, size_kib(world) + KIB_MORE + 50)
    shutil.copytree(world, full, dirs_exist_ok=True)
    is_told(heddle(full, "run", "pipeline.json", "--once", "--for", DAYS[1]), "No space left on device", "free space on")
    give_room(full)
    batch_run.heddle(full, "batch", "pipeline.json", "--for", DAYS[1])
    room = size_kib(full) + KIB_MORE + 200
    subprocess.run(["mount", "-o", f"remount,size={room}k", full], check=True)
    made = heddle(full, "stream", "pipeline.json", "--once")
    is_told(made, "free space on")
    give_room(full)
    expect("published beside a stream without room", published(full), second)
    batch_run.heddle(full, "stream", "pipeline.json", "--once")
    subprocess.run(["umount", full], check=True)


def not_to_be_written(base, world, first, second):
    """A folder, or a warehouse, that the user may only read: refused by name, as it is afterwards."""
    folder = base / "read-only"
    shutil.copytree(world, folder)
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    for path in (folder, *folder.rglob("*")):
        if who:
            os.chown(path, NOBODY, NOBODY)
    folder.chmod(0o555)
    is_told(heddle(folder, "batch", "pipeline.json", "--for", DAYS[1], **who), "warehouse.db", "Permission denied")
    folder.chmod(0o755)
    (folder / "warehouse.db").chmod(0o444)
    is_told(heddle(folder, "batch", "pipeline.json", "--for", DAYS[1], **who), "warehouse.db", "Permission denied")
    (folder / "warehouse.db").chmod(0o600)
    (folder / "warehouse.db.lock").chmod(0o000)
    is_told(heddle(folder, "batch", "pipeline.json", "--for", DAYS[1], **who), "warehouse.db.lock", "Permission denied")
    (folder / "warehouse.db.lock").chmod(0o600)
    expect("published in a folder that was not to be written", published(folder), first)
    made = heddle(folder, "batch", "pipeline.json", "--for", DAYS[1], **who)
    expect("once it is to be written", (made.returncode, published(folder)), (0, second))


def main():
    with tempfile.TemporaryDirectory() as base:
        base = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else base)
        if len(sys.argv) > 1:
            world, first, second, needed = json.loads((base / "facts").read_text())
            fills_at_any_point(base, pathlib.Path(world), first, second, needed)
            both_legs(base, pathlib.Path(world), second)
            return 0
        base.chmod(0o755)
        world, first, second, needed = day_of_a_world(base)
        not_to_be_written(base, world, first, second)
        (base / "facts").write_text(json.dumps((str(world), first, second, needed)))
        words = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        probe = [*words, "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"]
        if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode != 0:
            print("skipped: no file system can be mounted here")
            return 77
        return subprocess.run([*words, sys.executable, __file__, base]).returncode


if __name__ == "__main__":
    sys.exit(main())
