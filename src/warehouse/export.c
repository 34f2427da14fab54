#include "warehouse/export.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "match/master.h"
#include "warehouse/schema.h"

/* Fills `entries` and `births`, which have room for entry_count. A person of several birth dates has the smallest: any order
 * of rows gives the same. */
static enum status
read_entries(struct db_connection *connection, struct master_entry *entries, int32_t *births, size_t entry_count,
             struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    size_t           place     = 0;
    uint32_t         row_count = 1;
    enum status      status    = db_query(
        connection,
        STR("SELECT i.provisional_person_id, i.person_id, b.days FROM core.person_identifier i\n"
            "LEFT JOIN (SELECT person_id, min(birth_date - DATE '1970-01-01')::BIGINT AS days FROM core.patient\n"
            "           WHERE birth_date IS NOT NULL GROUP BY person_id) b ON b.person_id = i.person_id"),
        &result, err);

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++, place++) {
            CHECK(place < entry_count);
            if (!hash128_parse(db_text(&result, 0, row), &entries[place].identifier) ||
                !hash128_parse(db_text(&result, 1, row), &entries[place].person))
                status = error_set(err, ERR_CORRUPT, "core.person_identifier holds a person_id that is not one");
            births[place] = db_is_null(&result, 2, row) ? MASTER_BIRTH_UNKNOWN : (int32_t)db_int64(&result, 2, row);
        }
    }
    CHECK(status != ST_OK || place == entry_count);
    db_result_release(&result);
    return status;
}

enum status
warehouse_export_master(struct db_connection *connection, struct io *io, const char *store_path, uint64_t version,
                        const struct siphash_key *key, struct error *err)
{
    struct str_builder   path    = STR_BUILDER_EMPTY;
    struct master_entry *entries = NULL;
    int32_t             *births  = NULL;
    int64_t              count   = 0;
    enum status          status  = db_query_int64(connection, &count, err, "SELECT count(*) FROM core.person_identifier");

    if (status == ST_OK) {
        entries = memory_alloc_array((size_t)count, sizeof *entries);
        births  = memory_alloc_array((size_t)count, sizeof *births);
        if (entries == NULL || births == NULL)
            status = error_no_memory(err);
    }
    if (status == ST_OK)
        status = read_entries(connection, entries, births, (size_t)count, err);
    str_builder_printf(&path, "%s.master.%" PRIu64, store_path, version);
    if (status == ST_OK)
        status = str_builder_status(&path, err);
    if (status == ST_OK)
        status = master_write(io, str_builder_cstr(&path), version, key, entries, births, (size_t)count, err);
    if (status != ST_OK)
        error_context(err, "exporting the patient master");
    memory_free(births);
    memory_free(entries);
    str_builder_release(&path);
    return status;
}

static enum status
ask_history(struct db_connection *connection, const struct entity *entity, const uint32_t *columns,
            uint32_t column_count, int64_t from_us, struct db_result *ret_result, struct error *err)
{
    struct sql_names   names;
    struct str_builder list = STR_BUILDER_EMPTY;
    enum status        status;

    CHECK(entity->event_time_column >= 0);
    sql_names_init(&names);
    columns_append(&list, entity, columns, column_count, "", "", ", ");
    sql_set(&names, "columns", str_builder_text(&list));
    sql_setf(&names, "version", "core.\"%s_version\"", entity->name);
    sql_set_name(&names, "event", str_from(entity->columns[entity->event_time_column].name));
    sql_setf(&names, "from", "make_timestamp(%" PRId64 "::BIGINT)", from_us);
    if (entity->effective_time_column >= 0)
        sql_setf(&names, "effective", "coalesce(\"%s\", \"%s\")",
                 entity->columns[entity->effective_time_column].name, entity->columns[entity->event_time_column].name);
    else
        sql_set_name(&names, "effective", str_from(entity->columns[entity->event_time_column].name));
    status = str_builder_status(&list, err);
    if (status == ST_OK)
        status = sql_query(connection, &names, ret_result, err,
                           "SELECT {columns} FROM {version} WHERE {effective} >= {from}\n"
                           "ORDER BY {effective}, {event}, source, file, position, row_number, content_hash");
    str_builder_release(&list);
    sql_names_release(&names);
    return status;
}

enum status
warehouse_read_history(struct db_connection *connection, const struct entity *entity, const uint32_t *columns,
                       uint32_t column_count, int64_t from_us, history_rows_fn *rows, void *context, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    struct vector   *vectors   = memory_alloc_array(column_count, sizeof *vectors);
    uint32_t         row_count = 1;
    enum status      status    = ST_OK;

    if (vectors == NULL)
        return error_no_memory(err);
    status = ask_history(connection, entity, columns, column_count, from_us, &result, err);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t i = 0; status == ST_OK && row_count != 0 && i < column_count; i++)
            vectors[i] = db_vector(&result, i, entity->columns[columns[i]].type);
        if (status == ST_OK && row_count != 0)
            status = rows(context, vectors, row_count, err);
    }
    if (status != ST_OK)
        error_context(err, "reading the history of %s", entity->name);
    db_result_release(&result);
    memory_free(vectors);
    return status;
}
