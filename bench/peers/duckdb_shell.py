#!/usr/bin/env python3
"""Runs SQL files by the pinned DuckDB library, statement by statement, and prints the last result as JSON lines. Nothing of heddle is in it.

    bench/peers/duckdb_shell.py DATABASE NAME=VALUE… FILE.sql…      {NAME} in a file is replaced; DATABASE may be :memory:"""
import ctypes
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Result(ctypes.Structure):
    _fields_ = [("columns", ctypes.c_uint64), ("rows", ctypes.c_uint64), ("changed", ctypes.c_uint64), ("data", ctypes.c_void_p),
                ("message", ctypes.c_char_p), ("internal", ctypes.c_void_p)]


def library():
    path = os.environ.get("LIBDUCKDB") or next((ROOT / ".deps").glob("duckdb-*/lib/libduckdb.so"))
    duckdb = ctypes.CDLL(str(path))
    duckdb.duckdb_result_error.restype = duckdb.duckdb_column_name.restype = ctypes.c_char_p
    duckdb.duckdb_column_count.restype = duckdb.duckdb_row_count.restype = ctypes.c_uint64
    duckdb.duckdb_column_name.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    duckdb.duckdb_value_varchar.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
    duckdb.duckdb_value_varchar.restype = ctypes.c_void_p
    duckdb.duckdb_free.argtypes = [ctypes.c_void_p]
    return duckdb


def text_of(duckdb, result, column, row):
    pointer = duckdb.duckdb_value_varchar(ctypes.byref(result), column, row)
    if not pointer:
        return None
    text = ctypes.string_at(pointer).decode()
    duckdb.duckdb_free(pointer)
    return text


def run(duckdb, connection, sql):
    """The rows of the statement's result, as dictionaries of texts."""
    result = Result()
    failed = duckdb.duckdb_query(connection, sql.encode(), ctypes.byref(result))
    try:
        if failed:
            sys.exit(f"{duckdb.duckdb_result_error(ctypes.byref(result)).decode()}\nin: {sql}")
        names = [duckdb.duckdb_column_name(ctypes.byref(result), i).decode() for i in range(duckdb.duckdb_column_count(ctypes.byref(result)))]
        return [{name: text_of(duckdb, result, i, row) for i, name in enumerate(names)} for row in range(duckdb.duckdb_row_count(ctypes.byref(result)))]
    finally:
        duckdb.duckdb_destroy_result(ctypes.byref(result))


def main():
    database, *rest = sys.argv[1:]
    names = dict(word.split("=", 1) for word in rest if "=" in word)
    duckdb, handle, connection = library(), ctypes.c_void_p(), ctypes.c_void_p()
    if duckdb.duckdb_open(database.encode(), ctypes.byref(handle)) or duckdb.duckdb_connect(handle, ctypes.byref(connection)):
        sys.exit(f"cannot open {database}")
    rows = []
    for path in (word for word in rest if "=" not in word):
        sql = pathlib.Path(path).read_text()
        for name, value in names.items():
            sql = sql.replace("{" + name + "}", value)
        for statement in sql.split(";\n"):
            if statement.strip():
                rows = run(duckdb, connection, statement)
    for row in rows:
        print(json.dumps(row))
    duckdb.duckdb_disconnect(ctypes.byref(connection))
    duckdb.duckdb_close(ctypes.byref(handle))


if __name__ == "__main__":
    main()
