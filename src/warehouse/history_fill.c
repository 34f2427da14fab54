/* H6: rows that leave empty what did not change get it from the version before them.
 *
 * The versions of a touched key are gone through in their order; for each column the last that says something is taken. A stored
 * version says everything, an empty value included. */
#include "warehouse/history_int.h"
#include "warehouse/schema.h"

/* What a row says itself: its key, what orders its versions, and what it does. */
static bool
is_own(const struct entity *entity, uint32_t column)
{
    bool is_own = (int32_t)column == entity_status_action(entity);

    for (uint32_t i = 0; i < entity->key_count; i++)
        is_own = is_own || entity->key[i] == column;
    for (uint32_t i = 0; i < entity->version_count; i++)
        is_own = is_own || entity->version[i] == column;
    return is_own;
}

/* Standard columns follow from the others, where there is a program to say how. */
static bool
is_derived(const struct entity *entity, const struct history_keep *keep, uint32_t column)
{
    return keep->program != NULL && entity->columns[column].standard.text.data != NULL;
}

/* A value is wrapped, so that one that is known to be none can be told from one that is not said. */
static const char SAID[] = "last_value(CASE WHEN emptied IS NULL OR \"%s\" IS NOT NULL OR emptied LIKE '%%|%s|%%' THEN {'is': \"%s\"} END\n"
                           "  IGNORE NULLS) OVER w AS \"%s\"";

static void
print_lists(const struct entity *entity, const struct history_keep *keep, struct str_builder *said, struct str_builder *taken,
            struct str_builder *replaced)
{
    for (uint32_t i = 0; i < entity->column_count; i++) {
        const char *name = entity->columns[i].name;
        if (is_own(entity, i) && !is_derived(entity, keep, i)) {
            str_builder_printf(said, ", \"%s\"", name);
            str_builder_printf(taken, ", \"%s\"", name);
            continue;
        }
        if (!is_derived(entity, keep, i)) {
            str_builder_append_cstr(said, ", ");
            str_builder_printf(said, SAID, name, name, name, name);
            str_builder_printf(taken, ", \"%s\".\"is\" AS \"%s\"", name, name);
        }
        str_builder_printf(replaced, "%sCASE WHEN f.row_id IS NULL THEN n.\"%s\" ELSE f.\"%s\" END AS \"%s\"",
                           replaced->size == 0 ? "" : ", ", name, name, name);
    }
}

/* Null: the row says everything; else the columns that it empties. */
static const char *
emptied_sql(const struct entity *entity, const struct history_keep *keep)
{
    if (entity_status_action(entity) < 0)
        return keep->has_emptied ? "row_emptied" : "NULL::VARCHAR";
    return keep->has_emptied ? "CASE WHEN status_action = 'promote' THEN coalesce(row_emptied, '') ELSE row_emptied END"
                             : "CASE WHEN status_action = 'promote' THEN '' END";
}

static const char FROM[] =
    "(SELECT row_id{taken} FROM (\n"
    "SELECT row_id, emptied{said}\n"
    "FROM (\n"
    "  SELECT NULL::BIGINT AS row_id, {c_columns}, c.source, c.file, c.position, c.row_number, c.recorded_from, c.content_hash,\n"
    "    NULL::VARCHAR AS emptied\n"
    "  FROM {version} c SEMI JOIN {touched} n ON {keys_equal}\n"
    "  UNION ALL\n"
    "  SELECT n.row_id, {n_columns}, i.source, i.file, n.position, n.row_number, NULL, n.content_hash, {emptied}\n"
    "  FROM {new} n JOIN {run}.input i ON i.input_number = n.input_number SEMI JOIN {touched} c ON {keys_equal})\n"
    "WINDOW w AS (PARTITION BY {keys} ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))\n"
    "WHERE row_id IS NOT NULL AND emptied IS NOT NULL)";
static const char FULL[] =
    "CREATE TABLE {full} AS SELECT n.* REPLACE ({replaced}) FROM {new} n LEFT JOIN ({filled}) f ON f.row_id = n.row_id";
static const char NOTHING_TO_FILL[] = "CREATE VIEW {full} AS SELECT * FROM {new}";

/* Whether some row of a touched key leaves out what a version before it may have. */
static const char KEEPER_COUNT[] = "SELECT count(*) FROM {new} n SEMI JOIN {touched} c ON {keys_equal} WHERE {emptied} IS NOT NULL";

static enum status
set_texts(struct sql_names *names, const struct entity *entity, const struct history_keep *keep, struct error *err)
{
    struct str_builder said = STR_BUILDER_EMPTY, taken = STR_BUILDER_EMPTY, replaced = STR_BUILDER_EMPTY;
    struct str_builder columns = STR_BUILDER_EMPTY, from = STR_BUILDER_EMPTY, filled = STR_BUILDER_EMPTY;
    enum status        status;

    print_lists(entity, keep, &said, &taken, &replaced);
    columns_append(&columns, entity, NULL, entity->column_count, "c.", "", ", ");
    sql_set(names, "said", str_builder_text(&said));
    sql_set(names, "taken", str_builder_text(&taken));
    sql_set(names, "replaced", str_builder_text(&replaced));
    sql_set(names, "c_columns", str_builder_text(&columns));
    status = sql_fill(names, FROM, &from, err);
    if (status == ST_OK && keep->program != NULL)
        program_print_derived(keep->program, str_builder_text(&from), &filled);
    if (status == ST_OK)
        sql_set(names, "filled", keep->program != NULL ? str_builder_text(&filled) : str_builder_text(&from));
    if (status == ST_OK &&
        !(str_builder_is_ok(&said) && str_builder_is_ok(&taken) && str_builder_is_ok(&replaced) && str_builder_is_ok(&columns) &&
          str_builder_is_ok(&filled)))
        status = error_no_memory(err);
    str_builder_release(&said);
    str_builder_release(&taken);
    str_builder_release(&replaced);
    str_builder_release(&columns);
    str_builder_release(&from);
    str_builder_release(&filled);
    return status;
}

enum status
history_fill(struct db_connection *connection, struct sql_names *names, const struct entity *entity,
             const struct history_keep *keep, struct error *err)
{
    int64_t     keeper_count = 0;
    enum status status       = ST_OK;

    sql_set(names, "emptied", str_from(emptied_sql(entity, keep)));
    if (keep->has_emptied || entity_status_action(entity) >= 0)
        status = sql_int64(connection, names, &keeper_count, err, KEEPER_COUNT);
    if (status == ST_OK && keeper_count == 0)
        status = sql_run(connection, names, err, NOTHING_TO_FILL);
    else if (status == ST_OK && (status = set_texts(names, entity, keep, err)) == ST_OK)
        status = sql_run(connection, names, err, FULL);
    if (status != ST_OK)
        error_context(err, "filling the versions of %s", entity->name);
    return status;
}
