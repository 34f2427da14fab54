/* How DuckDB's files are encrypted: AES-256-GCM through OpenSSL.
 *
 * DuckDB's own implementation may only read: to write it wants an extension fetched from a network. So it is given ours, by
 * its C++ classes, for which its C API has no way: encryption.cpp is the only file that is not C. It depends on how exactly
 * the pinned version lays out its classes. Therefore:
 *
 *   E1  The library's version is compared before anything of it is touched (db_open).
 *   E2  encryption_install proves what it did: the cipher gives the known answer of its specification, a changed byte is
 *       found, and the library, asked by a function of its own, gives back what was put in.
 *   E3  Who attaches an encrypted file sees by encryption_count that it went through here. */
#ifndef HEDDLE_WAREHOUSE_ENCRYPTION_H
#define HEDDLE_WAREHOUSE_ENCRYPTION_H

#include <duckdb/duckdb.h>
#include <stdint.h>

/* In the text of DuckDB's error where a block does not have the seal that it was written with. */
#define ENCRYPTION_DAMAGED "heddle: a block was changed since it was sealed"

#ifdef __cplusplus
extern "C" {
#endif

/* For the connection's whole instance, before its first encrypted file: everything that it seals or opens from now on goes
 * through OpenSSL. NULL, or what is wrong, a text of static storage; then nothing may be attached. */
const char *encryption_install(duckdb_connection connection);

/* How many pieces the instance has sealed or opened through what was installed. */
uint64_t encryption_count(duckdb_connection connection);

#ifdef __cplusplus
}
#endif

#endif
