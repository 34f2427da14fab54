#!/usr/bin/env python3
"""The store's unit tests once more, over PostgreSQL: they find it by STORE_DSN (tests/support/stores.h)."""
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/cluster"))
import cluster  # noqa: E402

TESTS = ("test_sqlite", "test_letters_retry", "test_alerts")


def main():
    folder = pathlib.Path(os.environ["HEDDLE"]).parent / "tests"
    failed = []
    with cluster.Cluster.start(settings=("fsync = off",)) as server:
        for name in TESTS:
            done = subprocess.run([folder / name], env={**os.environ, "STORE_DSN": server.dsn()}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=300)
            if done.returncode != 0 or " test(s) run." not in done.stdout + done.stderr:
                failed.append(name)
                print(name, done.returncode, (done.stdout + done.stderr)[-3000:])
    return 1 if failed else 0


if __name__ == "__main__":
    cluster.skip_unless_there()
    sys.exit(main())
