/* SQLite's file layer over the simulated disk, for the share of worlds that have the real store: its writes are torn and lost, its syncs fail, and
 * its locks end with their process. Index memory (-shm) lives as long as a process has it open. */
#ifndef HEDDLE_TESTS_SIM_SQLITE_VFS_H
#define HEDDLE_TESTS_SIM_SQLITE_VFS_H

#include "sim/host.h"

/* From now on SQLite opens files there and nowhere else. */
void sqlite_vfs_register(void);
/* Whose calls follow. Gives whose were before. */
struct host *sqlite_vfs_use(struct host *host);

#endif
