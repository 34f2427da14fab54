#include "warehouse/known_int.h"

#include "base/memory.h"
#include "base/str_builder.h"

/* Linear probing, at most 2/3 full. */
static struct hash128 *
find_slot(const struct known *known, struct hash128 hash)
{
    uint64_t at = hash.low & known->mask;

    while ((known->slots[at].low | known->slots[at].high) != 0 &&
           (known->slots[at].low != hash.low || known->slots[at].high != hash.high))
        at = (at + 1) & known->mask;
    return &known->slots[at];
}

bool
known_has(const struct known *known, struct hash128 hash)
{
    if (known->slots == NULL)
        return false;
    if ((hash.low | hash.high) == 0)
        return known->has_zero;
    const struct hash128 *slot = find_slot(known, hash);
    return (slot->low | slot->high) != 0;
}

static enum status
fill(struct known *known, struct db_connection *connection, const struct entity *entity, struct error *err)
{
    struct db_result   result = DB_RESULT_EMPTY;
    struct str_builder sql    = STR_BUILDER_EMPTY;
    uint32_t           row_count = 1;
    enum status        status;

    str_builder_printf(&sql, "SELECT content_hash FROM core.\"%s_version\"", entity->name);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&sql), &result, err);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
            struct hash128 hash;
            if (!hash128_parse(db_text(&result, 0, row), &hash))
                continue;
            if ((hash.low | hash.high) == 0)
                known->has_zero = true;
            else
                *find_slot(known, hash) = hash;
        }
    }
    db_result_release(&result);
    str_builder_release(&sql);
    return status;
}

enum status
known_load(struct known *known, struct db_connection *connection, const struct entity *entity, int64_t size_max, struct error *err)
{
    int64_t  count = 0;
    uint64_t slots = 1024;

    *known = (struct known){ 0 };
    if (db_query_int64(connection, &count, err, "SELECT count(*) FROM core.\"%s_version\"", entity->name) != ST_OK)
        return ST_ERROR;
    while (slots < (uint64_t)count + (uint64_t)count / 2)
        slots *= 2;
    if (count == 0 || slots * sizeof *known->slots > (uint64_t)size_max)
        return ST_OK;
    known->slots = memory_alloc_array_zero(slots, sizeof *known->slots);
    known->mask  = slots - 1;
    enum status status = known->slots == NULL ? error_no_memory(err) : fill(known, connection, entity, err);
    if (status != ST_OK)
        known_release(known);
    return status;
}

void
known_release(struct known *known)
{
    memory_free(known->slots);
    *known = (struct known){ 0 };
}
