/* PUBLISHED, raw: the fields as received (R3). */
#include "warehouse/run_int.h"

/* Behind those of the stage: which file, which run. */
static const char PLACES[] = "source VARCHAR, file VARCHAR, position BIGINT, length BIGINT, row_number BIGINT";

/* Tables and columns that are there, by name: "table", "table.column". One statement for all, for each would look through the whole catalog. */
static enum status
list_stored(struct run *run, struct map *stored, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    uint32_t         row_count = 1;
    enum status      status    = db_query(run->connection,
                                          STR("SELECT unnest([table_name, concat(table_name, '.', column_name)]) FROM duckdb_columns()\n"
                                              "WHERE database_name = '" DB_CATALOG "' AND schema_name = 'raw'"),
                                          &result, err);

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++)
            if (!map_put_number(stored, db_text(&result, 0, row), 1))
                status = error_no_memory(err);
    }
    db_result_release(&result);
    return status;
}

/* A mapping that has gained a field gains a column; one that it lost stays, null from here on. */
static enum status
prepare_table(struct run *run, const struct mapping *mapping, const struct map *stored, struct error *err)
{
    const bool         is_there = map_find(stored, str_from(mapping->name)) != NULL;
    struct str_builder sql      = STR_BUILDER_EMPTY, name = STR_BUILDER_EMPTY;
    enum status        status   = ST_OK;

    if (!is_there)
        str_builder_printf(&sql, "CREATE TABLE raw.\"%s\" (%s", mapping->name, PLACES);
    for (uint32_t i = 0; status == ST_OK && i < mapping->field_count; i++) {
        str_builder_clear(&name);
        str_builder_printf(&name, "%s.%s", mapping->name, mapping->fields[i].name);
        status = str_builder_status(&name, err);
        if (status != ST_OK || map_find(stored, str_builder_text(&name)) != NULL)
            continue;
        if (is_there)
            str_builder_printf(&sql, "ALTER TABLE raw.\"%s\" ADD COLUMN IF NOT EXISTS ", mapping->name);
        else
            str_builder_append_cstr(&sql, ", ");
        sql_append_name(&sql, str_from(mapping->fields[i].name));
        str_builder_append_cstr(&sql, is_there ? " VARCHAR; " : " VARCHAR");
    }
    str_builder_append_cstr(&sql, is_there ? "" : ", run_id VARCHAR)");
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    if (status == ST_OK && sql.size != 0)
        status = db_run(run->connection, str_builder_text(&sql), err);
    str_builder_release(&name);
    str_builder_release(&sql);
    return status;
}

enum status
run_prepare_raw(struct run *run, struct error *err)
{
    const struct model *model = run->graph->model;
    struct map          stored;

    map_init(&stored);
    enum status status = list_stored(run, &stored, err);
    for (uint32_t i = 0; status == ST_OK && i < model->mapping_count; i++)
        if (run->raw[i] != NULL)
            status = prepare_table(run, &model->mappings[i], &stored, err);
    map_release(&stored);
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
