#!/usr/bin/env python3
"""The streaming leg over a store in PostgreSQL: content equals SQLite's of the same world, whatever becomes of processes, connections and server.

    HEDDLE_KILLS=100 HEDDLE_SEED=7 widens it."""
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/cluster"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cluster  # noqa: E402
import hybrid  # noqa: E402

STORE = "REALTIME_ANALYTICS_STORE"


def bind(folder, schema):
    """The folder's pipeline writes to a schema of its own."""
    path = folder / "bindings.json"
    bindings = json.loads(path.read_text())
    bindings["bindings"][STORE] = {"type": "postgres", "conninfo": "env:STORE_DSN", "schema": schema}
    path.write_text(json.dumps(bindings))


def main():
    with tempfile.TemporaryDirectory() as base, cluster.Cluster.start() as server:
        base = pathlib.Path(base)
        os.environ["STORE_DSN"] = server.dsn()
        world = hybrid.make("11", "300", "2", base)
        quiet = base / "quiet"
        shutil.copytree(world, quiet)
        hybrid.heddle("run", "pipeline.json", "--drain", folder=quiet)
        moved = base / "moved"
        shutil.copytree(world, moved)
        shutil.copy(quiet / "person.key", moved / "person.key")
        bind(moved, "realtime")
        hybrid.heddle("run", "pipeline.json", "--drain", folder=moved)
        hybrid.expect("content", hybrid.content(moved), hybrid.content(quiet))
        hybrid.delivered(moved, "postgres")
    for failure in hybrid.failures:
        print(failure)
    return 1 if hybrid.failures else 0


if __name__ == "__main__":
    cluster.skip_unless_there()
    sys.exit(main())
