#include "warehouse/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "expr/expr.h"

static const char META[] =
    "CREATE SCHEMA IF NOT EXISTS raw; CREATE SCHEMA IF NOT EXISTS core; CREATE SCHEMA IF NOT EXISTS meta;\n"
    "CREATE TABLE IF NOT EXISTS meta.warehouse (name VARCHAR, value VARCHAR);\n"
    "CREATE TABLE IF NOT EXISTS meta.run (\n"
    "  run_id VARCHAR, number BIGINT, logical_date DATE, status VARCHAR, status_reason VARCHAR, published BOOLEAN,\n"
    "  parent_run_id VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, recorded_at TIMESTAMP,\n"
    "  program_version VARCHAR, model_digest VARCHAR, configuration VARCHAR, configuration_digest VARCHAR,\n"
    "  input_digest VARCHAR);\n"
    "CREATE TABLE IF NOT EXISTS meta.run_step (\n"
    "  run_id VARCHAR, step VARCHAR, duration_us BIGINT, number BIGINT, user_us BIGINT, system_us BIGINT,\n"
    "  resident_bytes_max BIGINT);\n"
    "CREATE TABLE IF NOT EXISTS meta.run_digest (\n"
    "  run_id VARCHAR, table_name VARCHAR, row_count BIGINT, digest VARCHAR);\n"
    "CREATE TABLE IF NOT EXISTS meta.input (\n"
    "  run_id VARCHAR, source VARCHAR, file VARCHAR, size_bytes BIGINT, digest VARCHAR, format VARCHAR, status VARCHAR,\n"
    "  reason_code VARCHAR, reason VARCHAR, record_count BIGINT, row_count BIGINT, decoded_bytes BIGINT,\n"
    "  record_bytes BIGINT, between_bytes BIGINT);\n"
    "CREATE TABLE IF NOT EXISTS meta.accounting (\n"
    "  run_id VARCHAR, source VARCHAR, entity VARCHAR, received BIGINT, loaded BIGINT, deduplicated BIGINT,\n"
    "  filtered BIGINT, quarantined BIGINT, bytes BIGINT);\n"
    "CREATE TABLE IF NOT EXISTS meta.accounting_reason (\n"
    "  run_id VARCHAR, source VARCHAR, entity VARCHAR, outcome VARCHAR, reason_code VARCHAR, row_count BIGINT);\n"
    "CREATE TABLE IF NOT EXISTS meta.quarantine (\n"
    "  run_id VARCHAR, source VARCHAR, file VARCHAR, position BIGINT, length BIGINT, row_number BIGINT, entity VARCHAR,\n"
    "  path VARCHAR, reason_code VARCHAR, reason VARCHAR, bytes BLOB);\n"
    "CREATE TABLE IF NOT EXISTS meta.quality (\n"
    "  run_id VARCHAR, source VARCHAR, entity VARCHAR, column_name VARCHAR, action VARCHAR, reason_code VARCHAR,\n"
    "  row_count BIGINT, sample_file VARCHAR, sample_position BIGINT, samples VARCHAR);\n"
    "CREATE TABLE IF NOT EXISTS core.person_identifier (\n"
    "  identifier_system VARCHAR, identifier_value VARCHAR, provisional_person_id VARCHAR, person_id VARCHAR,\n"
    "  recorded_from TIMESTAMP, run_id VARCHAR);\n"
    "CREATE TABLE IF NOT EXISTS core.person_merge (\n"
    "  from_person_id VARCHAR, to_person_id VARCHAR, recorded_from TIMESTAMP, run_id VARCHAR);\n";

/* What tables of meta have gained since a warehouse may have been made. */
static const char META_GAINED[] =
    "ALTER TABLE meta.run_step ADD COLUMN IF NOT EXISTS number BIGINT;\n"
    "ALTER TABLE meta.run_step ADD COLUMN IF NOT EXISTS user_us BIGINT;\n"
    "ALTER TABLE meta.run_step ADD COLUMN IF NOT EXISTS system_us BIGINT;\n"
    "ALTER TABLE meta.run_step ADD COLUMN IF NOT EXISTS resident_bytes_max BIGINT;\n"
    "ALTER TABLE meta.quality ADD COLUMN IF NOT EXISTS samples VARCHAR";

static int32_t
find_column(const struct entity *entity, const char *name)
{
    for (uint32_t i = 0; i < entity->column_count; i++)
        if (strcmp(entity->columns[i].name, name) == 0)
            return (int32_t)i;
    return -1;
}

bool
entity_has_person(const struct entity *entity)
{
    return find_column(entity, "patient_system") >= 0 && find_column(entity, "patient_id") >= 0;
}

int32_t
entity_status_action(const struct entity *entity)
{
    return find_column(entity, "status_action");
}

void
columns_append(struct str_builder *out, const struct entity *entity, const uint32_t *indices, uint32_t count,
               const char *before, const char *after, const char *separator)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = indices != NULL ? indices[i] : i;

        if (i != 0)
            str_builder_append_cstr(out, separator);
        str_builder_append_cstr(out, before);
        sql_append_name(out, str_from(entity->columns[column].name));
        str_builder_append_cstr(out, after);
    }
}

/* Runs what the builder holds. */
static enum status
run_built(struct db_connection *connection, const struct str_builder *sql, struct error *err)
{
    enum status status = str_builder_status(sql, err);

    return status == ST_OK ? db_run(connection, str_builder_text(sql), err) : status;
}

static void
append_own_columns(struct str_builder *sql, const struct entity *entity)
{
    if (entity_has_person(entity))
        str_builder_append_cstr(sql, ",\n  person_id VARCHAR");
    str_builder_append_cstr(sql, ",\n  source VARCHAR, file VARCHAR, position BIGINT, length BIGINT, "
                                 "row_number BIGINT, content_hash VARCHAR");
    if (entity->kind == ENTITY_DIMENSION)
        str_builder_append_cstr(sql, ",\n  valid_from TIMESTAMP, valid_to TIMESTAMP");
    str_builder_append_cstr(sql, ",\n  recorded_from TIMESTAMP, recorded_to TIMESTAMP, is_current BOOLEAN, run_id VARCHAR");
}

static void
append_entity_table(struct str_builder *sql, const struct entity *entity)
{
    char type[32];

    str_builder_printf(sql, "CREATE TABLE IF NOT EXISTS core.\"%s_version\" (", entity->name);
    for (uint32_t i = 0; i < entity->column_count; i++) {
        str_builder_append_cstr(sql, i == 0 ? "\n  " : ",\n  ");
        sql_append_name(sql, str_from(entity->columns[i].name));
        str_builder_printf(sql, " %s", type_duckdb_name(entity->columns[i].type, type, sizeof type));
    }
    append_own_columns(sql, entity);
    str_builder_append_cstr(sql, ")");
}

static void
append_entity_view(struct str_builder *sql, const struct entity *entity)
{
    str_builder_printf(sql, "CREATE OR REPLACE VIEW core.\"%s\" AS SELECT * FROM core.\"%s_version\" WHERE is_current",
                       entity->name, entity->name);
}

static enum status
create_entity(struct db_connection *connection, const struct entity *entity, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    enum status        status;

    append_entity_table(&sql, entity);
    status = run_built(connection, &sql, err);
    str_builder_release(&sql);
    return status;
}

static enum status
view_entity(struct db_connection *connection, const struct entity *entity, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    enum status        status;

    append_entity_view(&sql, entity);
    status = run_built(connection, &sql, err);
    str_builder_release(&sql);
    return status;
}

#define STORED_TYPE_SIZE 64

/* The types that the entity's columns have in the file, in the order of the model, each in STORED_TYPE_SIZE bytes of `types`;
 * empty where there is none. One query for all: one a column would look through the whole catalog each time. */
static enum status
stored_types(struct db_connection *connection, const struct entity *entity, char *types, struct error *err)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    struct db_result   result = DB_RESULT_EMPTY;
    uint32_t           row_count;
    enum status        status;

    str_builder_printf(&sql, "SELECT name, type FROM pragma_table_info('core.\"%s_version\"')", entity->name);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&sql), &result, err);
    while (status == ST_OK) {
        status = db_next(&result, &row_count, err);
        if (status != ST_OK || row_count == 0)
            break;
        for (uint32_t row = 0; row < row_count; row++) {
            struct str type = db_text(&result, 1, row);
            for (uint32_t i = 0; i < entity->column_count; i++)
                if (str_equal(db_text(&result, 0, row), str_from(entity->columns[i].name)))
                    snprintf(types + (size_t)i * STORED_TYPE_SIZE, STORED_TYPE_SIZE, "%.*s", STR_PRINTF(type));
        }
    }
    db_result_release(&result);
    str_builder_release(&sql);
    return status;
}

static enum status
check_stored(struct db_connection *connection, const struct entity *entity, struct error *err)
{
    char       *types  = memory_alloc_array_zero(entity->column_count, STORED_TYPE_SIZE);
    int64_t     count  = 0;
    enum status status = types == NULL ? error_no_memory(err)
                                       : db_query_int64(connection, &count, err, "SELECT count(*) FROM duckdb_tables() WHERE database_name = '" DB_CATALOG
                                                        "' AND schema_name = 'core' AND table_name = '%s_version'", entity->name);

    if (status == ST_OK && count > 0)
        status = stored_types(connection, entity, types, err);
    for (uint32_t i = 0; status == ST_OK && i < entity->column_count; i++) {
        if (types[(size_t)i * STORED_TYPE_SIZE] != '\0')
            continue;
        status = error_set(err, ERR_CONFIG, "the warehouse was made before the model had column %s of %s", entity->columns[i].name, entity->name);
        error_hint(err, "the next heddle batch or heddle run adds it");
    }
    memory_free(types);
    return status;
}

enum status
schema_check_stored(struct db_connection *connection, const struct model *model, struct error *err)
{
    for (uint32_t i = 0; i < model->entity_count; i++)
        if (check_stored(connection, &model->entities[i], err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

/* Adds the column where it is not stored; refuses one of another type. */
static enum status
adapt_column(struct db_connection *connection, const struct entity *entity, const struct entity_column *column,
             const char *stored, struct error *err)
{
    char wanted[32];

    type_duckdb_name(column->type, wanted, sizeof wanted);
    if (stored[0] == '\0')
        return db_runf(connection, err, "ALTER TABLE core.\"%s_version\" ADD COLUMN \"%s\" %s", entity->name, column->name,
                       wanted);
    if (strcmp(stored, wanted) == 0)
        return ST_OK;
    error_set(err, ERR_CONFIG, "entity %s: column %s is %s in the model and %s in the warehouse", entity->name, column->name,
              wanted, stored);
    error_at(err, entity->file, column->line, column->column);
    error_hint(err, "put the type back, give the column another name, or start a new warehouse from the same files");
    return ST_ERROR;
}

/* S1, S2 */
static enum status
adapt_entity(struct db_connection *connection, const struct entity *entity, struct error *err)
{
    char       *types  = memory_alloc_array_zero(entity->column_count, STORED_TYPE_SIZE);
    enum status status = types == NULL ? error_no_memory(err) : stored_types(connection, entity, types, err);

    for (uint32_t i = 0; status == ST_OK && i < entity->column_count; i++)
        status = adapt_column(connection, entity, &entity->columns[i], types + (size_t)i * STORED_TYPE_SIZE, err);
    memory_free(types);
    return status == ST_OK ? view_entity(connection, entity, err) : status;
}

enum status
schema_check_version(struct db_connection *connection, struct error *err)
{
    int64_t version;

    if (db_query_int64(connection, &version, err,
                       "SELECT coalesce(max(value::BIGINT), 0) FROM meta.warehouse WHERE name = 'schema_version'") !=
        ST_OK)
        return ST_ERROR;
    if (version <= SCHEMA_VERSION)
        return ST_OK;
    error_set(err, ERR_CONFIG, "the warehouse has schema version %" PRId64 ", and this program knows up to %d", version,
              SCHEMA_VERSION);
    error_hint(err, "use the newer heddle that wrote it");
    return ST_ERROR;
}

/* ---- What must stay (S3, S4) ---- */

static void
append_list(struct str_builder *out, const struct entity *entity, const uint32_t *indices, uint32_t count)
{
    str_builder_append_char(out, '(');
    for (uint32_t i = 0; i < count; i++)
        str_builder_printf(out, "%s%s", i == 0 ? "" : ", ", entity->columns[indices[i]].name);
    str_builder_append_char(out, ')');
}

/* What stored versions were told apart, ordered and given to persons by: "fact, key (a, b), order (c), time d, of persons". */
static void
append_identity(struct str_builder *out, const struct entity *entity)
{
    str_builder_append_cstr(out, entity->kind == ENTITY_DIMENSION ? "dimension, key " : "fact, key ");
    append_list(out, entity, entity->key, entity->key_count);
    str_builder_append_cstr(out, ", order ");
    append_list(out, entity, entity->version, entity->version_count);
    if (entity->event_time_column >= 0)
        str_builder_printf(out, ", time %s", entity->columns[entity->event_time_column].name);
    str_builder_append_cstr(out, entity_has_person(entity) ? ", of persons" : "");
}

static enum status
compare_identity(const struct entity *entity, const struct str_builder *now, struct db_result *stored, struct error *err)
{
    uint32_t    row_count = 0;
    enum status status    = db_next(stored, &row_count, err);

    if (status != ST_OK || row_count == 0 || str_equal(db_text(stored, 0, 0), str_builder_text(now)))
        return status;
    struct str was = db_text(stored, 0, 0);
    error_set(err, ERR_CONFIG, "entity %s is %.*s in the model, and what the warehouse holds was stored as %.*s", entity->name,
              STR_PRINTF(str_builder_text(now)), STR_PRINTF(was));
    error_at(err, entity->file, 0, 0);
    error_hint(err, "put its definition back, give the changed entity another name, or start a new warehouse from the same files");
    return ST_ERROR;
}

/* Under another key, order or time what is current would have to be found anew in all that is stored. */
static enum status
keep_identity(struct db_connection *connection, const struct entity *entity, struct error *err)
{
    struct str_builder now    = STR_BUILDER_EMPTY;
    struct db_result   stored = DB_RESULT_EMPTY;
    struct sql_names   names;

    sql_names_init(&names);
    append_identity(&now, entity);
    enum status status = str_builder_status(&now, err);
    sql_setf(&names, "name", "'entity %s'", entity->name);
    if (status == ST_OK) {
        sql_set_text(&names, "value", str_builder_text(&now));
        status = sql_query(connection, &names, &stored, err, "SELECT value FROM meta.warehouse WHERE name = {name}");
    }
    if (status == ST_OK)
        status = compare_identity(entity, &now, &stored, err);
    db_result_release(&stored);
    if (status == ST_OK)
        status = sql_run(connection, &names, err, "INSERT INTO meta.warehouse SELECT {name}, {value} WHERE NOT EXISTS (SELECT 1 FROM meta.warehouse WHERE name = {name})");
    sql_names_release(&names);
    str_builder_release(&now);
    return status;
}

static bool
has_entity(const struct model *model, struct str name)
{
    for (uint32_t i = 0; i < model->entity_count; i++)
        if (str_equal(name, str_from(model->entities[i].name)))
            return true;
    return false;
}

static enum status
drop_entity(struct db_connection *connection, const char *name, struct error *err)
{
    int64_t row_count = 0;

    if (db_query_int64(connection, &row_count, err, "SELECT count(*) FROM core.\"%s_version\"", name) != ST_OK)
        return ST_ERROR;
    if (row_count == 0)
        return db_runf(connection, err, "DROP VIEW IF EXISTS core.\"%s\"; DROP TABLE core.\"%s_version\"; DELETE FROM meta.warehouse WHERE name = 'entity %s'",
                       name, name, name);
    error_set(err, ERR_CONFIG, "the warehouse holds %" PRId64 " versions of %s, which the model does not have", row_count, name);
    error_hint(err, "put the entity back into the model (\"model\" in the bindings), use the heddle that knows it, or start a new warehouse from the same files");
    return ST_ERROR;
}

/* An entity that is gone and has rows: nobody would follow them, persons that are joined least of all. */
static enum status
drop_entities(struct db_connection *connection, const struct model *model, struct error *err)
{
    struct db_result stored    = DB_RESULT_EMPTY;
    uint32_t         row_count = 1;
    char             name[128];
    enum status      status = db_query(connection, STR("SELECT substr(name, 8) FROM meta.warehouse WHERE starts_with(name, 'entity ') ORDER BY name"), &stored, err);

    while (status == ST_OK && row_count > 0) {
        status = db_next(&stored, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
            snprintf(name, sizeof name, "%.*s", STR_PRINTF(db_text(&stored, 0, row)));
            if (!has_entity(model, str_from(name)))
                status = drop_entity(connection, name, err);
        }
    }
    db_result_release(&stored);
    return status;
}

static enum status
prepare_entities(struct db_connection *connection, const struct model *model, struct error *err)
{
    for (uint32_t i = 0; i < model->entity_count; i++)
        if (create_entity(connection, &model->entities[i], err) != ST_OK ||
            adapt_entity(connection, &model->entities[i], err) != ST_OK || keep_identity(connection, &model->entities[i], err) != ST_OK)
            return ST_ERROR;
    return drop_entities(connection, model, err);
}

/* Does nothing where the file was prepared for the same entities before: it is told by a digest of their statements. */
static enum status
prepare_entities_once(struct db_connection *connection, const struct model *model, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    char               digest[HASH128_TEXT_SIZE];
    int64_t            is_prepared = 0;
    enum status        status;

    schema_print(model, &text);
    for (uint32_t i = 0; i < model->entity_count; i++)
        append_identity(&text, &model->entities[i]);
    status = str_builder_status(&text, err);
    if (status == ST_OK)
        hash128_print(hash128(text.data, text.size), digest);
    str_builder_release(&text);
    if (status == ST_OK)
        status = db_query_int64(connection, &is_prepared, err,
                                "SELECT count(*) FROM meta.warehouse WHERE name = 'schema_digest' AND value = '%s'", digest);
    if (status == ST_OK && is_prepared == 0) {
        status = prepare_entities(connection, model, err);
        if (status == ST_OK)
            status = db_runf(connection, err,
                             "DELETE FROM meta.warehouse WHERE name = 'schema_digest';\n"
                             "INSERT INTO meta.warehouse VALUES ('schema_digest', '%s')", digest);
    }
    return status;
}

static enum status
prepare(struct db_connection *connection, const struct model *model, struct error *err)
{
    if (db_run(connection, str_from(META), err) != ST_OK || schema_check_version(connection, err) != ST_OK ||
        db_run(connection, str_from(META_GAINED), err) != ST_OK)
        return ST_ERROR;
    if (db_runf(connection, err,
                "INSERT INTO meta.warehouse SELECT 'schema_version', '%d' WHERE NOT EXISTS "
                "(SELECT 1 FROM meta.warehouse WHERE name = 'schema_version')",
                SCHEMA_VERSION) != ST_OK)
        return ST_ERROR;
    return prepare_entities_once(connection, model, err);
}

enum status
schema_prepare(struct db_connection *connection, const struct model *model, struct error *err)
{
    enum status status = db_run(connection, STR("BEGIN"), err);

    if (status == ST_OK)
        status = prepare(connection, model, err);
    if (status == ST_OK)
        status = db_run(connection, STR("COMMIT"), err);
    else
        db_run(connection, STR("ROLLBACK"), NULL);
    if (status != ST_OK)
        error_context(err, "preparing the schemas of the warehouse");
    return status;
}

void
schema_print(const struct model *model, struct str_builder *out)
{
    str_builder_append_cstr(out, META);
    for (uint32_t i = 0; i < model->entity_count; i++) {
        append_entity_table(out, &model->entities[i]);
        str_builder_append_cstr(out, ";\n");
        append_entity_view(out, &model->entities[i]);
        str_builder_append_cstr(out, ";\n");
    }
}
