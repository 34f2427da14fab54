#include "live/op/access_arrivals.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

#define COUNT_MIN      64u
#define TEXTS_SIZE_MIN ((size_t)4096)

/* ---- Room ---- */

static enum status
reserve(void **memory, uint32_t *capacity, uint32_t count, size_t item_size, struct error *err)
{
    if (count < *capacity)
        return ST_OK;
    uint32_t larger = *capacity == 0 ? COUNT_MIN : *capacity * 2;
    void    *moved  = memory_resize_array(*memory, larger, item_size);
    if (moved == NULL)
        return error_no_memory(err);
    *memory   = moved;
    *capacity = larger;
    return ST_OK;
}

static enum status
reserve_texts(struct access_arrivals *arrivals, size_t size, struct error *err)
{
    size_t capacity = arrivals->texts_capacity == 0 ? TEXTS_SIZE_MIN : arrivals->texts_capacity;
    while (capacity - arrivals->texts_size < size)
        capacity *= 2;
    if (capacity == arrivals->texts_capacity)
        return ST_OK;
    char *moved = memory_resize_array(arrivals->texts, capacity, 1);
    if (moved == NULL)
        return error_no_memory(err);
    arrivals->texts          = moved;
    arrivals->texts_capacity = capacity;
    return ST_OK;
}

static enum status
reserve_slots(struct access_arrivals *arrivals, struct error *err)
{
    if (arrivals->patient_count * 2 < arrivals->slot_count)
        return ST_OK;
    uint32_t  count = arrivals->slot_count == 0 ? COUNT_MIN * 2 : arrivals->slot_count * 2;
    uint32_t *slots = memory_alloc_array_zero(count, sizeof(*slots));
    if (slots == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < arrivals->patient_count; i++) {
        uint32_t slot = (uint32_t)arrivals->patients[i].hash & (count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (count - 1);
        slots[slot] = i + 1;
    }
    memory_free(arrivals->slots);
    arrivals->slots      = slots;
    arrivals->slot_count = count;
    return ST_OK;
}

/* ---- Adding ---- */

/* The patient's place; a new one has no arrival yet. There is room for it. */
static struct access_patient *
patient_of(struct access_arrivals *arrivals, const struct hash128 *patient, uint64_t hash)
{
    const uint32_t mask = arrivals->slot_count - 1;
    uint32_t       slot = (uint32_t)hash & mask;
    for (; arrivals->slots[slot] != 0; slot = (slot + 1) & mask) {
        struct access_patient *known = &arrivals->patients[arrivals->slots[slot] - 1];
        if (known->hash == hash && hash128_equal(known->patient, *patient))
            return known;
    }
    struct access_patient *new = &arrivals->patients[arrivals->patient_count];
    *new                       = (struct access_patient){ .patient = *patient, .hash = hash, .first = ACCESS_ARRIVAL_NONE };
    arrivals->slots[slot]      = ++arrivals->patient_count;
    return new;
}

enum status
access_arrivals_add(struct access_arrivals *arrivals, const struct hash128 *patient, uint64_t hash, const struct access_record *record,
                    const struct str texts[ACCESS_TEXT_COUNT], struct error *err)
{
    void  *items = arrivals->arrivals, *patients = arrivals->patients;
    size_t size  = 0;

    for (uint32_t i = 0; i < ACCESS_TEXT_COUNT; i++)
        size += texts[i].size;
    enum status status = reserve(&items, &arrivals->capacity, arrivals->count, sizeof(struct access_arrival), err);
    arrivals->arrivals = items;
    if (status == ST_OK)
        status = reserve(&patients, &arrivals->patient_capacity, arrivals->patient_count, sizeof(struct access_patient), err);
    arrivals->patients = patients;
    if (status != ST_OK || reserve_texts(arrivals, size, err) != ST_OK || reserve_slots(arrivals, err) != ST_OK)
        return ST_ERROR;

    struct access_patient *of    = patient_of(arrivals, patient, hash);
    const uint32_t         index = arrivals->count++;
    struct access_arrival *new   = &arrivals->arrivals[index];
    new->record                  = *record;
    new->texts_at                = arrivals->texts_size;
    new->next                    = ACCESS_ARRIVAL_NONE;
    for (uint32_t i = 0; i < ACCESS_TEXT_COUNT; i++) {
        CHECK(texts[i].size <= RECORD_TEXT_SIZE_MAX);
        new->record.texts.sizes[i] = (uint8_t)texts[i].size;
        if (texts[i].size > 0)
            memcpy(arrivals->texts + arrivals->texts_size, texts[i].data, texts[i].size);
        arrivals->texts_size += texts[i].size;
    }
    if (of->first == ACCESS_ARRIVAL_NONE)
        of->first = index;
    else
        arrivals->arrivals[of->last].next = index;
    of->last = index;
    of->count++;
    of->texts_size += size;
    return ST_OK;
}

void
access_arrival_texts(const struct access_arrivals *arrivals, const struct access_arrival *arrival, struct str ret_texts[ACCESS_TEXT_COUNT])
{
    const char *at = arrivals->texts + arrival->texts_at;
    for (uint32_t i = 0; i < ACCESS_TEXT_COUNT; i++) {
        ret_texts[i] = str_of(at, arrival->record.texts.sizes[i]);
        at += arrival->record.texts.sizes[i];
    }
}

void
access_arrivals_clear(struct access_arrivals *arrivals)
{
    if (arrivals->slot_count > 0)
        memset(arrivals->slots, 0, arrivals->slot_count * sizeof(*arrivals->slots));
    arrivals->count = arrivals->patient_count = 0;
    arrivals->texts_size                      = 0;
}

void
access_arrivals_release(struct access_arrivals *arrivals)
{
    memory_free(arrivals->arrivals);
    memory_free(arrivals->patients);
    memory_free(arrivals->slots);
    memory_free(arrivals->texts);
    *arrivals = (struct access_arrivals){ 0 };
}
