/* SQLite's calls to the system, of which the n-th fails: what io_failing is to the rest of the program. Registered as the default
 * VFS while it is in use, so it is under SQLCipher, whose pages come to it sealed. For one use at a time. */
#ifndef HEDDLE_TESTS_FAILING_VFS_H
#define HEDDLE_TESTS_FAILING_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum failing_vfs_kind { FAILING_VFS_IO, FAILING_VFS_FULL };

/* From now on the n-th call (from 1; 0: none) to open, read, write, truncate, sync or delete a file fails without being made: as an
 * error of the disk, or, where it writes, as a full one. */
void failing_vfs_begin(uint64_t n, enum failing_vfs_kind kind);

/* Ends that. Returns how many calls there were; *ret_has_failed whether one failed. No connection is open any more. */
uint64_t failing_vfs_end(bool *ret_has_failed);

#endif
