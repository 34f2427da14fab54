/* What making a run again takes (I5): the chain of published runs that led to it, each with its configuration, its files and the
 * digests of the tables that it left. */
#ifndef HEDDLE_WAREHOUSE_REPRODUCE_H
#define HEDDLE_WAREHOUSE_REPRODUCE_H

#include "base/arena.h"
#include "base/error.h"
#include "io/io.h"
#include "warehouse/db.h"
#include "warehouse/warehouse.h"

struct run_table {
    struct str name; /* "core.\"lab_result_version\"" */
    int64_t    row_count;
    struct str digest;
};

struct run_record {
    struct str              run_id;
    int64_t                 number;
    int32_t                 logical_date;
    struct str              program_version;
    struct str              model_digest;
    struct str              configuration; /* As graph->configuration. */
    struct batch_manifest   manifest;
    const struct run_table *tables; /* By name. */
    size_t                  table_count;
};

struct run_chain {
    struct arena             arena; /* Of all below. */
    const struct run_record *runs;  /* The first published one first. */
    size_t                   count; /* At least one. */
};

/* ERR_USAGE where there is no such run, ERR_NO where it was not published. On success the caller releases the chain. */
enum status run_chain_read(struct db_connection *connection, struct str run_id, struct run_chain *ret_chain, struct error *err);
void        run_chain_release(struct run_chain *chain);

/* ERR_NO, naming the first, where a file of a run is missing or has other bytes now. Relative names start from `folder`. */
enum status run_chain_check_files(struct io *io, const struct run_chain *chain, struct str folder, struct error *err);

/* ERR_NO, naming the first, where a table of core is another one than the last published run left: all tables are read whole. Nothing is
 * looked at where that run was made under another model, whose columns may have been others. */
enum status digest_check(struct db_connection *connection, const struct model *model, struct error *err);

/* ERR_NO, naming the first difference, where the last published run behind the connection left other tables than the record. */
enum status run_record_compare(struct db_connection *connection, const struct run_record *record, struct error *err);

#endif
