#include "warehouse/export.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "io/file.h"
#include "match/master.h"
#include "match/master_files.h"

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

static enum status
write_snapshot(struct db_connection *connection, struct io *io, const char *path, uint64_t version,
               const struct siphash_key *key, struct error *err)
{
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
    if (status == ST_OK)
        status = master_write(io, path, version, key, entries, births, (size_t)count, err);
    memory_free(births);
    memory_free(entries);
    return status;
}

/* The store's folder may not be there before the live leg's first start. */
static enum status
make_folder(struct io *io, const char *store_path, struct error *err)
{
    struct str         path   = str_from(store_path);
    size_t             slash  = str_find_last_byte(path, '/');
    struct str_builder folder = STR_BUILDER_EMPTY;

    if (slash == STR_NOT_FOUND || slash == 0)
        return ST_OK;
    str_builder_append(&folder, str_slice(path, 0, slash));
    enum status status = str_builder_status(&folder, err);
    if (status == ST_OK)
        status = io_folder_make(io, str_builder_cstr(&folder), err);
    str_builder_release(&folder);
    return status;
}

enum status
warehouse_export_master(struct db_connection *connection, struct io *io, const char *store_path, uint64_t version,
                        const struct siphash_key *key, struct error *err)
{
    struct str_builder path     = STR_BUILDER_EMPTY, newest_path = STR_BUILDER_EMPTY;
    bool               is_found = false;
    uint64_t           newest   = 0;
    enum status        status   = master_file_newest(io, store_path, &newest_path, &is_found, &newest, err);

    str_builder_release(&newest_path);
    if (status == ST_OK && is_found && newest == version)
        return ST_OK;
    master_file_path(&path, store_path, version);
    if (status == ST_OK)
        status = str_builder_status(&path, err);
    if (status == ST_OK)
        status = make_folder(io, store_path, err);
    if (status == ST_OK)
        status = write_snapshot(connection, io, str_builder_cstr(&path), version, key, err);
    if (status == ST_OK)
        status = master_file_prune(io, store_path, err);
    if (status != ST_OK)
        error_context(err, "exporting the patient master");
    str_builder_release(&path);
    return status;
}
