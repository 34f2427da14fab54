/* Owning a warehouse: lock, file, schemas, and what an earlier owner left (R2). */
#include "warehouse/warehouse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "health/person.h"
#include "warehouse/copy_int.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/export.h"
#include "warehouse/file.h"
#include "warehouse/run_int.h"
#include "warehouse/schema.h"

static enum status
take_lock(struct warehouse *warehouse, const char *path, struct error *err)
{
    struct str_builder name   = STR_BUILDER_EMPTY;
    enum status        status;

    str_builder_printf(&name, "%s.lock", path);
    status = str_builder_status(&name, err);
    if (status == ST_OK)
        status = lock_take(&warehouse->lock, warehouse->options.io, str_builder_cstr(&name), 0, err);
    str_builder_release(&name);
    return status;
}

/* ---- Bounds ---- */

struct run_bounds
warehouse_bounds(const struct graph_runtime *runtime)
{
    const int64_t memory  = runtime->warehouse_memory_bytes;
    const int64_t most    = memory / BATCH_THREAD_MEMORY;
    const int64_t threads = most < 1 ? 1 : most < runtime->worker_count ? most : runtime->worker_count;
    const int64_t share   = memory / 4 / threads < DECODE_THREAD_SIZE ? memory / 4 / threads : DECODE_THREAD_SIZE;
    const int64_t rest    = memory - threads * BATCH_THREAD_MEMORY;
    const int64_t stage   = rest < 0 ? 0 : rest / STAGE_SHARE;
    const int64_t range   = share / 4 < DECODE_RANGE_SIZE ? share / 4 : DECODE_RANGE_SIZE;

    return (struct run_bounds){ .thread_count = (uint32_t)threads,
                                .range_size   = (uint32_t)range,
                                .append_size  = share - range,
                                .stage_size   = stage,
                                .known_size   = memory / KNOWN_SHARE,
                                .memory_bytes = memory - threads * share - stage };
}

/* ---- Opening ---- */

static enum status
open_file(struct warehouse *warehouse, const char *path, struct error *err)
{
    const struct graph_runtime *runtime = &warehouse->options.graph->runtime;
    const struct run_bounds     bounds  = warehouse_bounds(runtime);
    const struct graph_publish *publish = &warehouse->options.graph->batch.warehouse.publish;
    struct str_builder          temp    = STR_BUILDER_EMPTY;
    struct str_builder          beside  = STR_BUILDER_EMPTY;
    struct key                  key     = { { 0 } };
    const struct key           *used    = NULL;
    enum status                 status;

    str_builder_printf(&temp, "%s.tmp", path);
    status = str_builder_status(&temp, err);
    if (status == ST_OK && publish->is_bound) {
        copy_path_beside(publish, &beside);
        status = str_builder_status(&beside, err);
    }
    if (status == ST_OK)
        status = warehouse_take_key(warehouse->options.io, &warehouse->options.graph->batch.warehouse, &key, &used, err);
    if (status == ST_OK) {
        const struct db_options options = { .path = path, .temp_folder = str_builder_cstr(&temp), .thread_count = bounds.thread_count,
                                            .memory_limit_bytes = bounds.memory_bytes, .temp_space_bytes = runtime->temp_space_bytes,
                                            .key = used, .copy_path = publish->is_bound ? str_builder_cstr(&beside) : NULL,
                                            .register_functions = duckdb_functions_register };
        status = db_open(&warehouse->db, &options, err);
    }
    key_clear(&key);
    str_builder_release(&temp);
    str_builder_release(&beside);
    if (status == ST_OK)
        status = db_connect(warehouse->db, &warehouse->connection, err);
    return status == ST_OK ? stage_register(&warehouse->stage, warehouse->connection, err) : status;
}

/* What the warehouse was made with under `name`; noted where it is not known yet. *ret_is_same: it is `value`. */
static enum status
check_fact(struct warehouse *warehouse, struct str name, struct str value, struct arena *arena, bool *ret_is_same, struct str *ret_found,
           struct error *err)
{
    struct db_result result = DB_RESULT_EMPTY;
    struct sql_names names;
    uint32_t         row_count = 0;

    sql_names_init(&names);
    sql_set_text(&names, "name", name);
    sql_set_text(&names, "value", value);
    enum status status = sql_run(warehouse->connection, &names, err,
                                 "INSERT INTO meta.warehouse SELECT {name}, {value} WHERE NOT EXISTS (SELECT 1 FROM meta.warehouse WHERE name = {name})");
    if (status == ST_OK)
        status = sql_query(warehouse->connection, &names, &result, err, "SELECT value FROM meta.warehouse WHERE name = {name}");
    if (status == ST_OK)
        status = db_next(&result, &row_count, err);
    if (status == ST_OK && !arena_text(arena, row_count == 1 ? db_text(&result, 0, 0) : STR_EMPTY, ret_found))
        status = error_no_memory(err);
    if (status == ST_OK)
        *ret_is_same = row_count == 1 && str_equal(*ret_found, value);
    db_result_release(&result);
    sql_names_release(&names);
    return status;
}

/* A pipeline's name is its identity, and its person key that of its persons: both stay. */
static enum status
check_identity(struct warehouse *warehouse, struct error *err)
{
    struct str     name    = warehouse->options.graph->name, found;
    bool           is_same = false;
    char           check[HASH128_TEXT_SIZE];
    struct arena   arena;

    hash128_print(person_key_check(warehouse->options.person_key), check);
    arena_init(&arena, 0);
    enum status status = check_fact(warehouse, STR("pipeline"), name, &arena, &is_same, &found, err);
    if (status == ST_OK && !is_same) {
        status = error_set(err, ERR_CONFIG, "the warehouse was made for the pipeline \"%.*s\", and this one is \"%.*s\"", STR_PRINTF(found),
                           STR_PRINTF(name));
        error_hint(err, "give the pipeline its old name in the bindings, or bind another warehouse");
    }
    if (status == ST_OK)
        status = check_fact(warehouse, STR("person_key_check"), str_from(check), &arena, &is_same, &found, err);
    if (status == ST_OK && !is_same) {
        status = error_set(err, ERR_KEY, "the warehouse was made with another person key");
        error_hint(err, "put that key back: under this one each patient would be a second person");
    }
    arena_release(&arena);
    return status;
}

/* What a program left that kept a run's rows in the warehouse's file, in schemas that views in raw showed: tables are there now (R3). */
static const char OLD_STAGES[] =
    "SELECT concat('DROP VIEW raw.\"', view_name, '\"; ') FROM duckdb_views() WHERE database_name = '" DB_CATALOG "' AND schema_name = 'raw'\n"
    "UNION ALL SELECT concat('DROP SCHEMA ', schema_name, ' CASCADE; ') FROM duckdb_schemas()\n"
    "WHERE database_name = '" DB_CATALOG "' AND starts_with(schema_name, 'run_')";

static enum status
drop_old_stages(struct db_connection *connection, struct error *err)
{
    struct db_result   result    = DB_RESULT_EMPTY;
    struct str_builder sql       = STR_BUILDER_EMPTY;
    uint32_t           row_count = 1;
    enum status        status    = db_query(connection, str_from(OLD_STAGES), &result, err);

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++)
            str_builder_append(&sql, db_text(&result, 0, row));
    }
    db_result_release(&result);
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    if (status == ST_OK && sql.size != 0)
        status = db_run(connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

/* R2 */
static enum status
recover(struct warehouse *warehouse, struct error *err)
{
    struct db_connection *connection = warehouse->connection;

    if (drop_old_stages(connection, err) != ST_OK)
        return ST_ERROR;
    return db_run(connection, STR("UPDATE meta.run SET status = 'failed', status_reason = 'the program ended before the run did' WHERE status = 'running'"),
                  err);
}

/* In no statement that is kept anywhere, and on this connection only. */
static enum status
give_person_key(struct warehouse *warehouse, struct error *err)
{
    char text[2 * sizeof warehouse->options.person_key->bytes + 1];
    char sql[128];

    hex_encode(warehouse->options.person_key->bytes, sizeof warehouse->options.person_key->bytes, text);
    snprintf(sql, sizeof sql, "SET VARIABLE person_key = '%s'", text);
    enum status status = db_run(warehouse->connection, str_from(sql), err);
    memory_wipe(text, sizeof text);
    memory_wipe(sql, sizeof sql);
    return status;
}

enum status
warehouse_write_master(struct warehouse *warehouse, struct error *err)
{
    const struct graph *graph = warehouse->options.graph;
    int64_t             recorded_us = 0;

    if (!graph->has_streaming)
        return ST_OK;
    enum status status = db_query_int64(warehouse->connection, &recorded_us, err,
                                        "SELECT coalesce(max(epoch_us(recorded_at)), 0) FROM meta.run WHERE published");
    if (status == ST_OK && recorded_us > 0)
        status = warehouse_export_master(warehouse->connection, warehouse->options.io, graph->streaming.store.path.data,
                                         (uint64_t)recorded_us, warehouse->options.person_key, err);
    return status;
}

enum status
warehouse_open(const struct warehouse_options *options, struct warehouse **ret_warehouse, struct error *err)
{
    const char       *path      = options->graph->batch.warehouse.path.data;
    struct warehouse *warehouse = memory_alloc_zero(sizeof *warehouse);
    enum status       status;

    CHECK(options->graph->has_batch);
    if (warehouse == NULL)
        return error_no_memory(err);
    warehouse->options = *options;
    warehouse->lock    = LOCK_EMPTY;
    status             = take_lock(warehouse, path, err);
    if (status == ST_OK)
        status = warehouse_check_file(options->io, &options->graph->batch.warehouse, err);
    if (status == ST_OK)
        status = copy_check(options->io, &options->graph->batch.warehouse.publish, err);
    if (status == ST_OK)
        status = open_file(warehouse, path, err);
    if (status == ST_OK)
        status = schema_prepare(warehouse->connection, options->graph->model, err);
    if (status == ST_OK)
        status = check_identity(warehouse, err);
    if (status == ST_OK)
        status = recover(warehouse, err);
    if (status == ST_OK)
        status = give_person_key(warehouse, err);
    if (status == ST_OK)
        status = warehouse_write_master(warehouse, err);
    if (status != ST_OK) {
        error_context(err, "opening the warehouse %s", path);
        warehouse_close(warehouse);
        return status;
    }
    copy_catch_up(warehouse);
    *ret_warehouse = warehouse;
    return ST_OK;
}

void
warehouse_close(struct warehouse *warehouse)
{
    if (warehouse == NULL)
        return;
    db_disconnect(warehouse->connection);
    db_free(warehouse->db);
    lock_release(&warehouse->lock);
    memory_free(warehouse);
}

struct db *
warehouse_db(struct warehouse *warehouse)
{
    return warehouse->db;
}
