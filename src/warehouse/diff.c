#include "warehouse/diff_int.h"

#include <inttypes.h>

#include "base/suggest.h"
#include "warehouse/schema.h"

/* ---- Names ---- */

static enum status
find_time(struct db_connection *connection, struct str run_id, struct sql_names *names, int64_t *ret_time_us, struct error *err)
{
    int64_t     count  = 0;
    enum status status;

    sql_set_text(names, "run", run_id);
    status = sql_int64(connection, names, &count, err, "SELECT count(*) FROM meta.run WHERE run_id = {run} AND published");
    if (status == ST_OK && count == 0) {
        error_set(err, ERR_USAGE, "there is no published run %.*s", STR_PRINTF(run_id));
        error_hint(err, "`heddle runs` lists them, with what was published");
        return ST_ERROR;
    }
    return status == ST_OK ? sql_int64(connection, names, ret_time_us, err, "SELECT epoch_us(recorded_at) FROM meta.run WHERE run_id = {run}") : status;
}

static enum status
check_entity(const struct model *model, struct str name, struct error *err)
{
    struct suggestion suggestion = suggestion_init(name);

    if (model_entity(model, name) != NULL)
        return ST_OK;
    error_set(err, ERR_USAGE, "the model has no entity %.*s", STR_PRINTF(name));
    for (uint32_t i = 0; i < model->entity_count; i++)
        suggestion_offer(&suggestion, str_from(model->entities[i].name));
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

enum status
diff_names(struct db_connection *connection, const struct model *model, const struct run_pair *pair, struct sql_names *names, struct error *err)
{
    int64_t     first_us = 0, second_us = 0;
    enum status status = pair->entity.size == 0 ? ST_OK : check_entity(model, pair->entity, err);

    if (status == ST_OK)
        status = find_time(connection, pair->first, names, &first_us, err);
    if (status == ST_OK)
        status = find_time(connection, pair->second, names, &second_us, err);
    sql_set_text(names, "first", pair->first);
    sql_set_text(names, "second", pair->second);
    sql_setf(names, "a", "make_timestamp(%" PRId64 "::BIGINT)", first_us);
    sql_setf(names, "b", "make_timestamp(%" PRId64 "::BIGINT)", second_us);
    sql_setf(names, "from", "make_timestamp(%" PRId64 "::BIGINT)", first_us < second_us ? first_us : second_us);
    sql_setf(names, "to", "make_timestamp(%" PRId64 "::BIGINT)", first_us < second_us ? second_us : first_us);
    return status;
}

/* ---- Statements ---- */

static const char RUNS[] =
    "SELECT {part}run_id, logical_date, recorded_at, configuration_digest, model_digest, program_version\n"
    "FROM meta.run WHERE run_id IN ({first}, {second}) ORDER BY run_id <> {first}";

enum status
diff_print_runs(const struct sql_names *names, struct str_builder *out, struct error *err)
{
    return sql_fill(names, RUNS, out, err);
}

static void
append_keys(struct str_builder *out, const struct entity *entity)
{
    for (uint32_t i = 0; i < entity->key_count; i++) {
        const char *name = entity->columns[entity->key[i]].name;
        str_builder_printf(out, "%sa.\"%s\" = b.\"%s\"", i == 0 ? "" : " AND ", name, name);
    }
}

/* The versions of an entity that are current as of `at` ("{a}") and were moved between the two runs. */
static void
append_side(struct str_builder *out, const struct entity *entity, const char *at)
{
    str_builder_printf(out,
                       "(SELECT * FROM core.\"%s_version\"\n"
                       "    WHERE ((recorded_from > {from} AND recorded_from <= {to}) OR (recorded_to > {from} AND recorded_to <= {to}))\n"
                       "      AND recorded_from <= %s AND (recorded_to IS NULL OR recorded_to > %s))",
                       entity->name, at, at);
}

static void
append_join(struct str_builder *out, const struct entity *entity)
{
    append_side(out, entity, "{a}");
    str_builder_append_cstr(out, " a FULL OUTER JOIN\n  ");
    append_side(out, entity, "{b}");
    str_builder_append_cstr(out, " b ON ");
    append_keys(out, entity);
}

static enum status
fill(const struct sql_names *names, struct str_builder *text, struct str_builder *out, struct error *err)
{
    enum status status = str_builder_status(text, err);

    if (status == ST_OK)
        status = sql_fill(names, str_builder_cstr(text), out, err);
    str_builder_release(text);
    return status;
}

enum status
diff_print_tables(const struct sql_names *names, const struct model *model, struct str_builder *out, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&text, "SELECT {part}* FROM (");
    for (uint32_t i = 0; i < model->entity_count; i++) {
        const struct entity *entity = &model->entities[i];
        str_builder_printf(&text,
                           "%sSELECT '%s' AS entity, count(*) FILTER (WHERE a.content_hash IS NULL) AS added,\n"
                           "  count(*) FILTER (WHERE a.content_hash <> b.content_hash) AS changed,\n"
                           "  count(*) FILTER (WHERE b.content_hash IS NULL) AS removed,\n"
                           "  (SELECT count(*) FROM core.\"%s_version\" WHERE recorded_from > {from} AND recorded_from <= {to}) AS versions\n"
                           "FROM ",
                           i == 0 ? "" : "\nUNION ALL\n", entity->name, entity->name);
        append_join(&text, entity);
    }
    str_builder_append_cstr(&text, ")\nWHERE added + changed + removed + versions > 0 ORDER BY entity");
    return fill(names, &text, out, err);
}

enum status
diff_print_sources(const struct sql_names *names, const struct model *model, struct str_builder *out, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&text, "SELECT {part}entity, source, count(*) AS versions FROM (");
    for (uint32_t i = 0; i < model->entity_count; i++)
        str_builder_printf(&text, "%sSELECT '%s' AS entity, source FROM core.\"%s_version\" WHERE recorded_from > {from} AND recorded_from <= {to}",
                           i == 0 ? "" : "\nUNION ALL ", model->entities[i].name, model->entities[i].name);
    str_builder_append_cstr(&text, ")\nGROUP BY entity, source ORDER BY entity, source");
    return fill(names, &text, out, err);
}

/* What the two runs themselves counted, where that differs. */
static const char COUNTS[] =
    "WITH counted AS (\n"
    "  SELECT run_id, source, entity, 'received' AS outcome, '' AS reason_code, received AS n FROM meta.accounting UNION ALL\n"
    "  SELECT run_id, source, entity, 'loaded', '', loaded FROM meta.accounting UNION ALL\n"
    "  SELECT run_id, source, entity, outcome, reason_code, row_count FROM meta.accounting_reason)\n"
    "SELECT {part}source, entity, outcome, reason_code, coalesce(a.n, 0) AS first, coalesce(b.n, 0) AS second\n"
    "FROM (SELECT * FROM counted WHERE run_id = {first}) a FULL OUTER JOIN (SELECT * FROM counted WHERE run_id = {second}) b\n"
    "  USING (source, entity, outcome, reason_code)\n"
    "WHERE coalesce(a.n, 0) <> coalesce(b.n, 0) ORDER BY source, entity, outcome, reason_code";

enum status
diff_print_counts(const struct sql_names *names, struct str_builder *out, struct error *err)
{
    return sql_fill(names, COUNTS, out, err);
}

/* ---- Rows ---- */

static void
append_key(struct str_builder *out, const struct entity *entity, bool shows_values)
{
    if (!shows_values)
        str_builder_append_cstr(out, "'***'"); /* Where the row stands, its source, file and position say. */
    for (uint32_t i = 0; shows_values && i < entity->key_count; i++) {
        const char *name = entity->columns[entity->key[i]].name;
        str_builder_printf(out, "%scoalesce(a.\"%s\"::VARCHAR, b.\"%s\"::VARCHAR)", i == 0 ? "" : " || ', ' || ", name, name);
    }
}

static void
append_columns(struct str_builder *out, const struct entity *entity, bool shows_values)
{
    for (uint32_t i = 0; i < entity->column_count; i++) {
        const char *name = entity->columns[i].name;
        str_builder_printf(out, "%s{'name': '%s', 'differs': a.\"%s\" IS DISTINCT FROM b.\"%s\"", i == 0 ? "" : ",\n    ", name, name, name);
        if (shows_values)
            str_builder_printf(out, ", 'was': a.\"%s\"::VARCHAR, 'is': b.\"%s\"::VARCHAR", name, name);
        str_builder_append_char(out, '}');
    }
}

enum status
diff_print_rows(const struct sql_names *names, const struct entity *entity, bool shows_values, struct str_builder *out, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY, from = STR_BUILDER_EMPTY;

    append_join(&from, entity);
    enum status status = str_builder_status(&from, err);
    /* Braces of structs are none of names: only the inner part is filled. */
    if (status == ST_OK)
        status = sql_fill(names, str_builder_cstr(&from), &text, err);
    str_builder_release(&from);
    if (status == ST_OK)
        status = sql_fill(names, "SELECT {part}", out, err);
    str_builder_append_cstr(out, "change, key, source, file, position, c.name AS column_name");
    str_builder_append_cstr(out, shows_values ? ", c.was AS \"first\", c.is AS \"second\"" : "");
    str_builder_append_cstr(out, "\nFROM (SELECT CASE WHEN a.content_hash IS NULL THEN 'added' WHEN b.content_hash IS NULL THEN 'removed' ELSE 'changed' END AS change,\n  ");
    append_key(out, entity, shows_values);
    str_builder_append_cstr(out, " AS key, coalesce(b.source, a.source) AS source, coalesce(b.file, a.file) AS file,\n"
                                 "  coalesce(b.position, a.position) AS position, coalesce(b.row_number, a.row_number) AS row_number, [");
    append_columns(out, entity, shows_values);
    str_builder_printf(out, "] AS columns\nFROM %s\nWHERE a.content_hash IS DISTINCT FROM b.content_hash) r,\n", str_builder_cstr(&text));
    /* A row that only one side has is one line; what changed is a line a column. */
    str_builder_append_cstr(out, "LATERAL (SELECT unnest(CASE WHEN change = 'changed' THEN list_filter(columns, lambda x: x.differs) ELSE [NULL] END) AS c) l\n"
                                 "ORDER BY change, source, file, position, row_number, column_name");
    str_builder_release(&text);
    return status == ST_OK ? str_builder_status(out, err) : status;
}
