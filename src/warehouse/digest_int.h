/* The digests of core's tables: what each run leaves in meta.run_digest (ARCHITECTURE.md, "The digest of a table").
 *
 * A digest is a sum of the hashes of rows, so a run need not read what it does not change:
 *
 *     digest = that of the run before + rows gained - changed rows as they were + changed rows as they became
 *
 * G1  Rows gained are read where they lie: those recorded now. Nothing is ever removed.
 * G2  Rows change by two statements only: persons that are joined take their rows along (conform_apply), and versions that have a
 *     successor are closed (history_apply). Both changes are added up before the statement runs, over the rows that it is about to change.
 * G3  A table is read whole where there is no run before; where that one was made under another model or by another program, for its
 *     columns may have been others; and where a run is made again, so that `runs reproduce` holds sums against whole tables.
 * G4  What lies in the file is compared with the last run's digests by digest_check alone. */
#ifndef HEDDLE_WAREHOUSE_DIGEST_INT_H
#define HEDDLE_WAREHOUSE_DIGEST_INT_H

#include "warehouse/run_int.h"

/* All within the publishing transaction, in this order. */
enum status digest_begin(struct run *run, struct error *err);
/* Before conform_apply. */
enum status digest_join_persons(struct run *run, struct error *err);
/* Before history_apply; `names` are those of history_names. */
enum status digest_close_versions(struct run *run, struct sql_names *names, const struct entity *entity, struct error *err);
/* Once core is as the run leaves it: meta.run_digest. */
enum status digest_write(struct run *run, struct error *err);

#endif
