#include "cli/reproduce.h"

#include <stdio.h>

#include "base/json_out.h"
#include "base/memory.h"
#include "cli/batch.h"
#include "cli/keys.h"
#include "io/file.h"
#include "io/lock.h"
#include "io/process.h"
#include "plan/plan.h"
#include "warehouse/ask.h"
#include "warehouse/reproduce.h"

/* ---- What was ---- */

/* The chain; and the file must hold what its last run left, for a run adds to the digests of the one before it. */
static enum status
read_chain(const struct graph *graph, struct str run_id, struct run_chain *ret_chain, struct error *err)
{
    struct run_chain      chain      = { .count = 0 };
    struct db            *db         = NULL;
    struct db_connection *connection = NULL;
    enum status           status     = warehouse_open_read_only(io_system(), &graph->batch.warehouse, &db, err);

    if (status != ST_OK && err->code == ERR_BUSY)
        error_hint(err, "what is made again is read from the file itself: try when nobody owns it");
    if (status == ST_OK)
        status = db_connect(db, &connection, err);
    if (status == ST_OK)
        status = run_chain_read(connection, run_id, &chain, err);
    if (status == ST_OK)
        status = digest_check(connection, graph->model, err);
    if (status == ST_OK)
        *ret_chain = chain;
    else
        run_chain_release(&chain);
    db_disconnect(connection);
    db_free(db);
    return status;
}

/* ---- One run again ---- */

/* The plan of the run, into the scratch warehouse and without its streaming leg. */
static enum status
load_plan(const struct run_record *record, const struct graph *now, const char *path, struct plan *ret_plan, struct error *err)
{
    struct config_errors errors = CONFIG_ERRORS_EMPTY;
    char                 name[128], digest[HASH128_TEXT_SIZE];

    snprintf(name, sizeof name, "the configuration of run %.*s", STR_PRINTF(record->run_id));
    enum status status = plan_load_text(io_system(), record->configuration, name, &errors, ret_plan, err);
    config_errors_release(&errors);
    if (status != ST_OK)
        return status;
    ret_plan->graph->batch.warehouse.path = str_from(path);
    ret_plan->graph->batch.warehouse.publish.is_bound = false;
    ret_plan->graph->batch.warehouse.encryption = now->batch.warehouse.encryption; /* Holds what that holds. */
    ret_plan->graph->bindings_folder      = now->bindings_folder; /* So files have the names that they had. */
    ret_plan->graph->has_streaming        = false;
    hash128_print(ret_plan->model->digest, digest);
    if (!str_equal(record->model_digest, str_from(digest))) {
        plan_release(ret_plan);
        error_set(err, ERR_NO, "the model is not that of run %.*s: its digest is %s, and was %.*s", STR_PRINTF(record->run_id), digest,
                  STR_PRINTF(record->model_digest));
        error_hint(err, "the run was made by heddle %.*s; this is " HEDDLE_VERSION, STR_PRINTF(record->program_version));
        return ST_ERROR;
    }
    return ST_OK;
}

static enum status
compare(struct warehouse *warehouse, const struct run_record *record, struct error *err)
{
    struct db_connection *connection = NULL;
    enum status           status     = db_connect(warehouse_db(warehouse), &connection, err);

    if (status == ST_OK)
        status = run_record_compare(connection, record, err);
    db_disconnect(connection);
    return status;
}

static enum status
make_again(const struct run_record *record, const struct graph *now, const char *path, struct error *err)
{
    struct plan          plan      = PLAN_EMPTY;
    struct siphash_key   key       = { { 0 } };
    struct warehouse    *warehouse = NULL;
    struct batch_summary summary   = { 0 };
    enum status          status    = load_plan(record, now, path, &plan, err);

    if (status == ST_OK)
        status = person_key_obtain(io_system(), plan.graph, &key, err);
    if (status == ST_OK) {
        const struct warehouse_options options = { io_system(), process_clock(), plan.graph, &key };
        status                                 = warehouse_open(&options, &warehouse, err);
    }
    if (status == ST_OK)
        status = batch_run_files(warehouse, record->logical_date, &record->manifest, &summary, err);
    if (status == ST_OK && !summary.is_published)
        status = error_set(err, ERR_NO, "run %.*s is not the same again: it was published, and now its gate says: %.*s",
                           STR_PRINTF(record->run_id), STR_PRINTF(summary.gate));
    if (status == ST_OK)
        status = compare(warehouse, record, err);
    batch_summary_release(&summary);
    warehouse_close(warehouse);
    memory_wipe(&key, sizeof key);
    plan_release(&plan);
    return status;
}

/* ---- The scratch ---- */

/* A folder beside the warehouse, for it holds what the warehouse holds, and the lock that says whose it is. */
struct scratch {
    struct lock        lock;
    struct str_builder folder, path, lock_path;
};

static enum status
scratch_open(struct scratch *scratch, const char *warehouse_path, struct error *err)
{
    *scratch = (struct scratch){ .lock = LOCK_EMPTY, .folder = STR_BUILDER_EMPTY, .path = STR_BUILDER_EMPTY, .lock_path = STR_BUILDER_EMPTY };
    str_builder_printf(&scratch->lock_path, "%s.reproduce.lock", warehouse_path);
    str_builder_printf(&scratch->folder, "%s.reproduce", warehouse_path);
    str_builder_printf(&scratch->path, "%s.reproduce/warehouse.db", warehouse_path);
    enum status status = str_builder_status(&scratch->lock_path, err);
    if (status == ST_OK)
        status = str_builder_status(&scratch->folder, err);
    if (status == ST_OK)
        status = str_builder_status(&scratch->path, err);
    if (status == ST_OK)
        status = lock_take(&scratch->lock, io_system(), str_builder_cstr(&scratch->lock_path), 0, err);
    if (status == ST_OK) /* What a killed one left. */
        status = io_tree_remove(io_system(), str_builder_cstr(&scratch->folder), err);
    if (status == ST_OK)
        status = io_folder_make(io_system(), str_builder_cstr(&scratch->folder), err);
    return status;
}

static enum status
scratch_close(struct scratch *scratch, struct error *err)
{
    enum status status = ST_OK;

    if (scratch->lock.fd >= 0)
        status = io_tree_remove(io_system(), str_builder_cstr(&scratch->folder), err);
    lock_remove(&scratch->lock, str_builder_cstr(&scratch->lock_path));
    str_builder_release(&scratch->folder);
    str_builder_release(&scratch->path);
    str_builder_release(&scratch->lock_path);
    return status;
}

/* ---- The whole ---- */

static enum status
print(const struct run_chain *chain, bool is_json, struct error *err)
{
    const struct run_record *last = &chain->runs[chain->count - 1];
    struct str_builder       text = STR_BUILDER_EMPTY;

    if (is_json) {
        struct json_out json;
        json_out_init(&json, &text, 0);
        json_out_object_begin(&json);
        json_out_key_text(&json, "run_id", last->run_id);
        json_out_key_bool(&json, "reproduced", true);
        json_out_key_uint(&json, "runs", chain->count);
        json_out_key_uint(&json, "tables", last->table_count);
        json_out_object_end(&json);
        str_builder_append_char(&text, '\n');
    } else {
        str_builder_printf(&text, "run %.*s is the same again: %zu %s made from %s own files, and all %zu tables have the digests that they had\n",
                           STR_PRINTF(last->run_id), chain->count, chain->count == 1 ? "run" : "runs", chain->count == 1 ? "its" : "their",
                           last->table_count);
    }
    enum status status = str_builder_status(&text, err);
    if (status == ST_OK && fwrite(text.data, 1, text.size, stdout) != text.size)
        status = error_set(err, ERR_IO, "cannot write the output");
    str_builder_release(&text);
    return status;
}

enum status
reproduce(const struct graph *graph, struct str run_id, bool is_json, struct error *err)
{
    const char      *path    = graph->batch.warehouse.path.data;
    struct run_chain chain   = { .count = 0 };
    struct scratch   scratch = { .lock = LOCK_EMPTY };

    if (!graph->has_batch)
        return error_set(err, ERR_USAGE, "the pipeline has no batch leg, and so no runs");
    if (read_chain(graph, run_id, &chain, err) != ST_OK)
        return ST_ERROR;
    enum status status = run_chain_check_files(io_system(), &chain, graph->bindings_folder, err);
    if (status == ST_OK)
        status = scratch_open(&scratch, path, err);
    for (size_t i = 0; status == ST_OK && i < chain.count; i++)
        status = make_again(&chain.runs[i], graph, str_builder_cstr(&scratch.path), err);
    enum status closed = scratch_close(&scratch, status == ST_OK ? err : NULL);
    if (status == ST_OK)
        status = closed;
    if (status == ST_OK)
        status = print(&chain, is_json, err);
    run_chain_release(&chain);
    return status;
}
