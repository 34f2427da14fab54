#include "warehouse/history_int.h"

#include <inttypes.h>
#include <stdio.h>

#include "warehouse/schema.h"

/* ---- Names ---- */

static void
set_list(struct sql_names *names, const char *name, const struct entity *entity, const uint32_t *indices,
         uint32_t count, const char *before, const char *after, const char *separator)
{
    struct str_builder list = STR_BUILDER_EMPTY;

    columns_append(&list, entity, indices, count, before, after, separator);
    if (str_builder_is_ok(&list))
        sql_set(names, name, str_builder_text(&list));
    else
        names->has_failed = true;
    str_builder_release(&list);
}

/* n."k1" = c."k1" AND n."k2" = c."k2": keys are never null (a row without one is quarantined). */
static void
set_key_condition(struct sql_names *names, const struct entity *entity)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    for (uint32_t i = 0; i < entity->key_count; i++) {
        struct str column = str_from(entity->columns[entity->key[i]].name);

        str_builder_append_cstr(&text, i == 0 ? "n." : " AND n.");
        sql_append_name(&text, column);
        str_builder_append_cstr(&text, " = c.");
        sql_append_name(&text, column);
    }
    if (str_builder_is_ok(&text))
        sql_set(names, "keys_equal", str_builder_text(&text));
    else
        names->has_failed = true;
    str_builder_release(&text);
}

/* The columns that ordering needs besides the fixed ones: keys, versions and the event's time, each once. */
static uint32_t
order_columns(const struct entity *entity, uint32_t *ret_columns)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < entity->column_count; i++) {
        bool is_wanted = (int32_t)i == entity->event_time_column;

        for (uint32_t k = 0; k < entity->key_count; k++)
            is_wanted = is_wanted || entity->key[k] == i;
        for (uint32_t v = 0; v < entity->version_count; v++)
            is_wanted = is_wanted || entity->version[v] == i;
        if (is_wanted)
            ret_columns[count++] = i;
    }
    return count;
}

static void
set_order(struct sql_names *names, const struct entity *entity)
{
    uint32_t columns[64];
    uint32_t count;

    if (entity->key_count + entity->version_count + 1 > 64) {
        names->has_failed = true;
        return;
    }
    count = order_columns(entity, columns);
    set_list(names, "parts", entity, columns, count, "", "", ", ");
    set_list(names, "n_parts", entity, columns, count, "n.", "", ", ");
    set_list(names, "c_parts", entity, columns, count, "c.", "", ", ");
    set_list(names, "versions", entity, entity->version, entity->version_count, "", " NULLS FIRST, ", "");
    sql_setf(names, "order",
             "%ssource, file, position, row_number, recorded_from NULLS LAST, content_hash",
             (const char *)map_get_pointer(&names->map, STR("versions")));
}

/* Is it current, if nothing follows it? And what core has besides the entity's columns, in the order of the schema. */
static void
set_own_columns(struct sql_names *names, const struct entity *entity)
{
    bool has_person   = entity_has_person(entity);
    bool is_dimension = entity->kind == ENTITY_DIMENSION;

    sql_set(names, "stays", entity_status_action(entity) >= 0
                                ? STR("(s.row_id IS NULL AND n.status_action IS DISTINCT FROM 'retract')")
                                : STR("(s.row_id IS NULL)"));
    sql_set(names, "person", has_person ? STR("coalesce(p.person_id, n.person_id) AS person_id, ") : STR(""));
    sql_set(names, "person_join",
            has_person ? STR("LEFT JOIN (SELECT provisional_person_id, person_id FROM core.person_identifier "
                             "WHERE provisional_person_id <> person_id) p ON p.provisional_person_id = n.person_id")
                       : STR(""));
    if (is_dimension) {
        char time[128];
        snprintf(time, sizeof time, "%s", entity->columns[entity->event_time_column].name);
        sql_setf(names, "validity", "n.\"%s\" AS valid_from, s.next_time AS valid_to, ", time);
    } else {
        sql_set(names, "validity", STR(""));
    }
    sql_set(names, "valid_to", is_dimension ? STR("c.valid_to") : STR("NULL::TIMESTAMP"));
    sql_set(names, "moves", is_dimension ? STR("(is_current OR valid_to IS DISTINCT FROM next_time)") : STR("is_current"));
    sql_set(names, "set_validity", is_dimension ? STR(", valid_to = n.next_time") : STR(""));
}

void
history_names(struct sql_names *names, const struct entity *entity, const char *run_schema, const char *run_id,
              int64_t recorded_us)
{
    sql_set(names, "run", str_from(run_schema));
    sql_set(names, "entity", str_from(entity->name));
    sql_set_text(names, "run_id", str_from(run_id));
    sql_setf(names, "now", "make_timestamp(%" PRId64 "::BIGINT)", recorded_us);
    sql_setf(names, "version", "core.\"%s_version\"", entity->name);
    sql_setf(names, "rows", "%s.\"row_%s\"", run_schema, entity->name);
    sql_setf(names, "judged", "%s.\"judged_%s\"", run_schema, entity->name);
    sql_setf(names, "repeat", "%s.\"repeat_%s\"", run_schema, entity->name);
    sql_setf(names, "new", "%s.\"new_%s\"", run_schema, entity->name);
    sql_setf(names, "full", "%s.\"full_%s\"", run_schema, entity->name);
    sql_setf(names, "touched", "%s.\"touched_%s\"", run_schema, entity->name);
    sql_setf(names, "sequence", "%s.\"sequence_%s\"", run_schema, entity->name);
    sql_setf(names, "closed", "%s.\"closed_%s\"", run_schema, entity->name);
    set_list(names, "columns", entity, NULL, entity->column_count, "", "", ", ");
    set_list(names, "n_columns", entity, NULL, entity->column_count, "n.", "", ", ");
    set_list(names, "keys", entity, entity->key, entity->key_count, "", "", ", ");
    set_list(names, "n_keys", entity, entity->key, entity->key_count, "n.", "", ", ");
    set_key_condition(names, entity);
    if (entity->event_time_column >= 0)
        sql_set_name(names, "time", str_from(entity->columns[entity->event_time_column].name));
    else
        sql_set(names, "time", STR("NULL::TIMESTAMP"));
    set_order(names, entity);
    set_own_columns(names, entity);
}

/* ---- Before publishing ---- */

/* H2. The first of equal contents in the order is kept; equal content means equal version columns, so only where they
 * came from decides. Only contents that occur twice are sorted. */
static const char FACT_REPEAT[] =
    "CREATE TABLE {repeat} AS\n"
    "SELECT n.row_id FROM {rows} n\n"
    "SEMI JOIN {version} c ON n.content_hash = c.content_hash AND {keys_equal} WHERE n.row_outcome = 1\n"
    "UNION\n"
    "SELECT row_id FROM (\n"
    "  SELECT n.row_id, row_number() OVER (PARTITION BY {n_keys}, n.content_hash\n"
    "    ORDER BY i.input_rank, n.position, n.row_number, n.mapping_number) AS nth\n"
    "  FROM {rows} n JOIN {run}.input i ON i.input_number = n.input_number\n"
    "  SEMI JOIN (SELECT content_hash FROM {rows} WHERE row_outcome = 1 GROUP BY content_hash HAVING count(*) > 1) d\n"
    "    ON d.content_hash = n.content_hash\n"
    "  WHERE n.row_outcome = 1)\n"
    "WHERE nth > 1";

/* H3, over the stored versions of the keys and all rows of the run. That the version before may itself be a repeat does
 * not matter: it then has the content of the one before it. */
static const char DIMENSION_REPEAT[] =
    "CREATE TABLE {repeat} AS\n"
    "SELECT row_id FROM (\n"
    "  SELECT row_id, content_hash, lag(content_hash) OVER (PARTITION BY {keys} ORDER BY {order}) AS before_hash\n"
    "  FROM (\n"
    "    SELECT NULL::BIGINT AS row_id, {c_parts}, c.source, c.file, c.position, c.row_number, c.recorded_from,\n"
    "      c.content_hash\n"
    "    FROM {version} c SEMI JOIN (SELECT {keys} FROM {rows} WHERE row_outcome = 1) n ON {keys_equal}\n"
    "    UNION ALL\n"
    "    SELECT n.row_id, {n_parts}, i.source, i.file, n.position, n.row_number, NULL, n.content_hash\n"
    "    FROM {rows} n JOIN {run}.input i ON i.input_number = n.input_number WHERE n.row_outcome = 1))\n"
    "WHERE row_id IS NOT NULL AND content_hash = before_hash";

static const char NEW[] =
    "CREATE VIEW {new} AS SELECT n.* FROM {rows} n ANTI JOIN {repeat} r ON r.row_id = n.row_id\n"
    "WHERE n.row_outcome = 1";

static const char TOUCHED[] =
    "CREATE TABLE {touched} AS\n"
    "SELECT {n_keys} FROM {new} n SEMI JOIN {version} c ON {keys_equal}\n"
    "UNION\n"
    "SELECT {keys} FROM {new} GROUP BY {keys} HAVING count(*) > 1";

static const char SEQUENCE[] =
    "CREATE TABLE {sequence} AS\n"
    "SELECT *, lead({time}) OVER w AS next_time, lead(1) OVER w IS NULL AS is_last\n"
    "FROM (\n"
    "  SELECT NULL::BIGINT AS row_id, c.rowid AS stored_id, {c_parts}, c.source, c.file, c.position, c.row_number, c.recorded_from,\n"
    "    c.content_hash, c.is_current, {valid_to} AS valid_to\n"
    "  FROM {version} c SEMI JOIN {touched} n ON {keys_equal}\n"
    "  UNION ALL\n"
    "  SELECT n.row_id, NULL, {n_parts}, i.source, i.file, n.position, n.row_number, NULL, n.content_hash, NULL, NULL\n"
    "  FROM {new} n JOIN {run}.input i ON i.input_number = n.input_number SEMI JOIN {touched} c ON {keys_equal})\n"
    "WINDOW w AS (PARTITION BY {keys} ORDER BY {order})";

/* H4, H5: the stored versions that change, by their place in the table, which stays: nothing is deleted, and no run goes on beside this one. */
static const char CLOSED[] =
    "CREATE VIEW {closed} AS SELECT stored_id, next_time FROM {sequence} WHERE row_id IS NULL AND NOT is_last AND {moves}";

enum status
history_plan(struct db_connection *connection, struct sql_names *names, const struct entity *entity,
             const struct history_keep *keep, struct error *err)
{
    const char *const steps[] = {entity->kind == ENTITY_FACT ? FACT_REPEAT : DIMENSION_REPEAT, NEW, TOUCHED, SEQUENCE, CLOSED};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (sql_run(connection, names, err, steps[i]) != ST_OK) {
            error_context(err, "ordering the versions of %s", entity->name);
            return ST_ERROR;
        }
    return history_fill(connection, names, entity, keep, err);
}

/* ---- Publishing ---- */

/* H4, H5. */
static const char CLOSE[] =
    "UPDATE {version} AS c SET is_current = false, recorded_to = coalesce(c.recorded_to, {now}){set_validity}\n"
    "FROM {closed} n WHERE c.rowid = n.stored_id";

static const char INSERT[] =
    "INSERT INTO {version} BY NAME\n"
    "SELECT {n_columns}, {person}i.source, i.file, n.position, n.length, n.row_number, n.content_hash,\n"
    "  {validity}{now} AS recorded_from, CASE WHEN {stays} THEN NULL ELSE {now} END AS recorded_to,\n"
    "  {stays} AS is_current, {run_id} AS run_id\n"
    "FROM {full} n JOIN {run}.input i ON i.input_number = n.input_number\n"
    "LEFT JOIN (SELECT row_id, next_time FROM {sequence} WHERE row_id IS NOT NULL AND NOT is_last) s\n"
    "  ON s.row_id = n.row_id\n"
    "{person_join}";

enum status
history_apply(struct db_connection *connection, const struct sql_names *names, const struct entity *entity,
              struct error *err)
{
    enum status status = sql_run(connection, names, err, CLOSE);

    if (status == ST_OK)
        status = sql_run(connection, names, err, INSERT);
    if (status != ST_OK)
        error_context(err, "writing the history of %s", entity->name);
    return status;
}
