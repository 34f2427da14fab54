/* PUBLISHED, raw: the fields as received (R3). */
#include <inttypes.h>

#include "warehouse/run_int.h"

/* Behind those of the stage: which file, which run. */
static const char PLACES[] = "source VARCHAR, file VARCHAR, position BIGINT, length BIGINT, row_number BIGINT";

static enum status
add_columns(struct run *run, const struct mapping *mapping, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY;

    for (uint32_t i = 0; i < mapping->field_count; i++) {
        str_builder_printf(&sql, "ALTER TABLE raw.\"%s\" ADD COLUMN IF NOT EXISTS ", mapping->name);
        sql_append_name(&sql, str_from(mapping->fields[i].name));
        str_builder_append_cstr(&sql, " VARCHAR;");
    }
    enum status status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(run->connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

static enum status
make_table(struct run *run, const struct mapping *mapping, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY;

    str_builder_printf(&sql, "CREATE TABLE raw.\"%s\" (%s", mapping->name, PLACES);
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        str_builder_append_cstr(&sql, ", ");
        sql_append_name(&sql, str_from(mapping->fields[i].name));
        str_builder_append_cstr(&sql, " VARCHAR");
    }
    str_builder_append_cstr(&sql, ", run_id VARCHAR)");
    enum status status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(run->connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

/* A mapping that has gained a field gains a column; one that it lost stays, null from here on. */
static enum status
prepare_table(struct run *run, const struct mapping *mapping, struct error *err)
{
    struct str_builder sql   = STR_BUILDER_EMPTY;
    int64_t            found = 0, known = 0;
    enum status        status = db_query_int64(run->connection, &found, err,
                                               "SELECT count(*) FROM duckdb_columns() WHERE database_name = '" DB_CATALOG "' AND schema_name = 'raw' AND table_name = '%s'",
                                               mapping->name);

    if (status == ST_OK && found == 0)
        return make_table(run, mapping, err);
    str_builder_printf(&sql, "SELECT count(*) FROM duckdb_columns() WHERE database_name = '" DB_CATALOG "' AND schema_name = 'raw' AND table_name = '%s' AND column_name IN (''",
                       mapping->name);
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        str_builder_append_cstr(&sql, ", ");
        sql_append_text(&sql, str_from(mapping->fields[i].name));
    }
    str_builder_append_cstr(&sql, ")");
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_query_int64(run->connection, &known, err, "%s", str_builder_cstr(&sql));
    str_builder_release(&sql);
    return status == ST_OK && known < (int64_t)mapping->field_count ? add_columns(run, mapping, err) : status;
}

enum status
run_prepare_raw(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = ST_OK;

    for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++)
        if (run->raw[i] != NULL)
            status = prepare_table(run, &model->mappings[i], err);
    return status;
}

enum status
run_publish_raw(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = ST_OK;

    for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++) {
        const struct mapping *mapping = &model->mappings[i];
        if (run->raw[i] == NULL)
            continue;
        if (mapping->entity == NULL)
            status = db_runf(run->connection, err, "DELETE FROM raw.\"%s\"", mapping->name);
        if (status == ST_OK)
            status = db_runf(run->connection, err,
                             "INSERT INTO raw.\"%s\" BY NAME SELECT i.source, i.file, r.* EXCLUDE (input_number), '%s' AS run_id\n"
                             "FROM %s.\"%s\" r JOIN %s.input i ON i.input_number = r.input_number",
                             mapping->name, run->id, run->prefix, mapping->name, run->prefix);
        if (status != ST_OK)
            error_context(err, "keeping the fields of %s as received", mapping->name);
    }
    return status;
}
