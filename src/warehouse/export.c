#include "warehouse/export.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "match/master.h"

/* Fills `entries`, which has room for entry_count. */
static enum status
read_entries(struct db_connection *connection, struct master_entry *entries, size_t entry_count, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    size_t           place     = 0;
    uint32_t         row_count = 1;
    enum status      status    = db_query(
        connection, STR("SELECT provisional_person_id, person_id FROM core.person_identifier"), &result, err);

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++, place++) {
            CHECK(place < entry_count);
            if (!hash128_parse(db_text(&result, 0, row), &entries[place].identifier) ||
                !hash128_parse(db_text(&result, 1, row), &entries[place].person))
                status = error_set(err, ERR_CORRUPT, "core.person_identifier holds a person_id that is not one");
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
    int64_t              count   = 0;
    enum status          status  = db_query_int64(connection, &count, err, "SELECT count(*) FROM core.person_identifier");

    if (status == ST_OK) {
        entries = memory_alloc_array((size_t)count, sizeof *entries);
        if (entries == NULL)
            status = error_no_memory(err);
    }
    if (status == ST_OK)
        status = read_entries(connection, entries, (size_t)count, err);
    str_builder_printf(&path, "%s.master.%" PRIu64, store_path, version);
    if (status == ST_OK)
        status = str_builder_status(&path, err);
    if (status == ST_OK)
        status = master_write(io, str_builder_cstr(&path), version, key, entries, (size_t)count, err);
    if (status != ST_OK)
        error_context(err, "exporting the patient master");
    memory_free(entries);
    str_builder_release(&path);
    return status;
}
