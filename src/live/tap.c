#include "live/tap.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "live/event.h"

/* ---- Columns ---- */

/* A text that is shown is a code: longer ones, and those with blanks, may be what somebody wrote, and are masked. */
#define CODE_SIZE_MAX 32

/* Those that a row has for people. One that is not here is not shown: a new column is added where somebody has thought of what it tells. Of drugs, result_unit
 * and comparator are system and code (EVENT_DRUG_SYSTEM, EVENT_DRUG_CODE), result and location name and type; of accesses result is the user's role. */
struct tap_column {
    enum event_column column;
    bool              is_shown; /* Also masked. All else tells whose row it is, or what was found. */
};

static const struct tap_column columns[] = {
    { EVENT_PARTITION, true },        { EVENT_POSITION, true },         { EVENT_ENTITY, true },          { EVENT_TIME, true },
    { EVENT_EFFECTIVE_TIME, true },   { EVENT_WATERMARK, true },        { EVENT_IS_LATE, true },         { EVENT_SYSTEM, false },
    { EVENT_ID, false },              { EVENT_PATIENT_SYSTEM, false },  { EVENT_PATIENT_ID, false },     { EVENT_PERSON_ID, false },
    { EVENT_BIRTH_DATE, false },      { EVENT_FACILITY, true },         { EVENT_ENCOUNTER_ID, false },   { EVENT_LOCATION, false },
    { EVENT_CODE, true },             { EVENT_VALUE, false },           { EVENT_UNIT, true },            { EVENT_COMPARATOR, true },
    { EVENT_FLAG, true },             { EVENT_RESULT, false },          { EVENT_RESULT_UNIT, true },     { EVENT_REFERENCE_RANGE, false },
    { EVENT_CONDITION, true },        { EVENT_STATUS, true },           { EVENT_STATUS_ACTION, true },    { EVENT_RESULT_ID, false },      { EVENT_PRACTITIONER_ID, false },
    { EVENT_USER_SYSTEM, false },     { EVENT_USER_ID, false },         { EVENT_DEPARTMENT, true },      { EVENT_BEGIN_TIME, true },
    { EVENT_END_TIME, true },
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

enum cell_kind { CELL_NULL, CELL_MASKED, CELL_NUMBER, CELL_TEXT };

struct cell {
    enum cell_kind kind;
    uint32_t       size;   /* Of the whole text. */
    int64_t        number; /* Of a masked one a hash. */
    char           text[LIVE_TAP_TEXT_SIZE];
};

struct live_tap_row {
    _Atomic(bool) is_ready;
    struct cell   cells[COLUMN_COUNT];
};

/* ---- Copying ---- */

static bool
is_code(struct str text)
{
    if (text.size > CODE_SIZE_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] >= 0x7f)
            return false;
    return true;
}

static void
copy_text(struct cell *cell, struct str text)
{
    cell->kind = CELL_TEXT;
    cell->size = text.size > UINT32_MAX ? UINT32_MAX : (uint32_t)text.size;
    for (size_t i = 0; i < text.size && i < sizeof cell->text; i++)
        cell->text[i] = text.data[i] == '\0' ? '?' : text.data[i]; /* What reads the answer wants no NUL. */
}

static void
mask(struct cell *cell, const void *bytes, size_t size)
{
    cell->kind   = CELL_MASKED;
    cell->number = (int64_t)hash64(bytes, size);
}

static int64_t
number_of(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    const struct column *values = &chunk->columns[column];

    switch (values->type.kind) {
    case TYPE_BOOL:
        return ((const uint8_t *)values->data)[row];
    case TYPE_DATE:
        return ((const int32_t *)values->data)[row];
    default:
        CHECK(type_value_size(values->type) == sizeof(int64_t));
        return ((const int64_t *)values->data)[row];
    }
}

static void
copy_cell(const struct chunk *chunk, uint32_t row, const struct tap_column *column, bool is_unmasked, struct cell *cell)
{
    *cell = (struct cell){ .kind = CELL_NULL };
    if (event_is_null(chunk, column->column, row))
        return;
    if (chunk->columns[column->column].type.kind == TYPE_TEXT) {
        const struct str text = event_text(chunk, column->column, row);
        if (is_unmasked || (column->is_shown && is_code(text)))
            copy_text(cell, text);
        else
            mask(cell, text.data, text.size);
        return;
    }
    cell->kind   = CELL_NUMBER;
    cell->number = number_of(chunk, column->column, row);
    if (!is_unmasked && !column->is_shown)
        mask(cell, &cell->number, sizeof cell->number);
}

static void
copy_row(const struct live_tap *tap, const struct chunk *chunk, uint32_t row, const struct str *partitions, struct live_tap_row *to)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        copy_cell(chunk, row, &columns[i], tap->is_unmasked, &to->cells[i]);
    CHECK(columns[0].column == EVENT_PARTITION);
    if (to->cells[0].kind == CELL_NUMBER && to->cells[0].number >= 0)
        copy_text(&to->cells[0], partitions[to->cells[0].number]);
    else
        to->cells[0].kind = CELL_NULL; /* Of the warehouse. */
}

void
live_tap_copy(struct live_tap *tap, uint32_t step, const struct chunk *chunk, const struct str *partitions)
{
    const uint32_t count = event_count(chunk);

    atomic_fetch_add(&tap->copying, 1);
    for (uint32_t i = 0; i < count && atomic_load(&tap->step) == step + 1; i++) { /* The look behind the entry is the one that counts (T4). */
        const uint32_t place = atomic_fetch_add(&tap->claimed, 1);
        if (place >= tap->row_count)
            break;
        copy_row(tap, chunk, event_row(chunk, i), partitions, &tap->rows[place]);
        atomic_store(&tap->rows[place].is_ready, true);
        if (atomic_fetch_add(&tap->ready, 1) + 1 == tap->row_count)
            atomic_store(&tap->step, 0);
    }
    atomic_fetch_sub(&tap->copying, 1);
}

void
live_tap_name(struct live_tap *tap, uint32_t step, const char *name)
{
    CHECK(step < LIVE_TAP_STEP_COUNT_MAX);
    snprintf(tap->names[step], sizeof tap->names[step], "%s", name);
}

void
live_tap_open(struct live_tap *tap, uint32_t step_count)
{
    CHECK(step_count <= LIVE_TAP_STEP_COUNT_MAX);
    atomic_store(&tap->step_count, step_count);
}

/* ---- Asking ---- */

static enum status
find_step(const struct live_tap *tap, struct str name, uint32_t *ret_step, struct error *err)
{
    const uint32_t    count      = atomic_load(&tap->step_count);
    struct suggestion suggestion = suggestion_init(name);
    char              list[256]  = "";
    size_t            size       = 0;

    if (count == 0)
        return error_set(err, ERR_BUSY, "the stream has not begun yet; try again");
    for (uint32_t i = 0; i < count; i++) {
        if (str_equal(name, str_from(tap->names[i]))) {
            *ret_step = i;
            return ST_OK;
        }
        suggestion_offer(&suggestion, str_from(tap->names[i]));
        if (size < sizeof list)
            size += (size_t)snprintf(list + size, sizeof list - size, "%s%s", i == 0 ? "" : ", ", tap->names[i]);
    }
    error_set(err, ERR_USAGE, "the stream has no step %.*s", (int)(name.size < 64 ? name.size : 64), name.data);
    error_hint(err, "its steps are %s", list);
    suggestion_hint(&suggestion, err);
    return ST_ERROR;
}

void
live_tap_clear(struct live_tap *tap)
{
    if (atomic_load(&tap->copying) != 0)
        return;
    if (tap->rows != NULL)
        memory_wipe(tap->rows, tap->row_count * sizeof *tap->rows);
    memory_free(tap->rows);
    tap->rows      = NULL;
    tap->row_count = 0;
}

enum status
live_tap_begin(struct live_tap *tap, struct str step, uint32_t row_count, bool is_unmasked, struct error *err)
{
    uint32_t found = 0;

    CHECK(row_count >= 1 && row_count <= LIVE_TAP_ROW_COUNT_MAX && atomic_load(&tap->step) == 0);
    if (find_step(tap, step, &found, err) != ST_OK)
        return ST_ERROR;
    if (atomic_load(&tap->copying) != 0)
        return error_set(err, ERR_BUSY, "rows of the tap before are still being copied; try again");
    live_tap_clear(tap);
    tap->rows = memory_alloc_array_zero(row_count, sizeof *tap->rows);
    if (tap->rows == NULL)
        return error_no_memory(err);
    tap->row_count   = row_count;
    tap->is_unmasked = is_unmasked;
    tap->asked_step  = found;
    atomic_store(&tap->claimed, 0);
    atomic_store(&tap->ready, 0);
    atomic_store(&tap->step, found + 1);
    return ST_OK;
}

bool
live_tap_is_full(const struct live_tap *tap)
{
    return atomic_load(&tap->ready) == tap->row_count;
}

void
live_tap_end(struct live_tap *tap)
{
    atomic_store(&tap->step, 0);
}

void
live_tap_release(struct live_tap *tap)
{
    CHECK(atomic_load(&tap->copying) == 0);
    live_tap_clear(tap);
}

/* ---- Printing ---- */

/* Masked cells say which of the different values of their column in the sample they are, from 1, in the order in which they came: in `size`. */
static void
number_values(struct live_tap *tap, size_t column)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < tap->row_count; i++) {
        struct cell *cell = &tap->rows[i].cells[column];
        if (!atomic_load(&tap->rows[i].is_ready) || cell->kind != CELL_MASKED)
            continue;
        cell->size = 0;
        for (uint32_t k = 0; k < i && cell->size == 0; k++) {
            const struct cell *other = &tap->rows[k].cells[column];
            if (atomic_load(&tap->rows[k].is_ready) && other->kind == CELL_MASKED && other->number == cell->number)
                cell->size = other->size;
        }
        if (cell->size == 0)
            cell->size = ++count;
    }
}

static void
print_number(struct json_out *json, enum event_column column, int64_t number, const struct model *model)
{
    const struct type type = event_schema.columns[column].type;

    if (column == EVENT_ENTITY && number >= 0 && (uint64_t)number < model->entity_count)
        json_out_text(json, str_from(model->entities[number].name));
    else if (type.kind == TYPE_TIMESTAMP)
        json_out_time(json, number);
    else if (type.kind == TYPE_DATE)
        json_out_date(json, (int32_t)number);
    else if (type.kind == TYPE_BOOL)
        json_out_bool(json, number != 0);
    else if (type.kind == TYPE_DECIMAL)
        json_out_decimal(json, number, type.scale);
    else
        json_out_int(json, number);
}

static void
print_cell(struct json_out *json, const struct cell *cell, enum event_column column, const struct model *model)
{
    char text[LIVE_TAP_TEXT_SIZE + sizeof "…"];

    switch (cell->kind) {
    case CELL_NULL:
        json_out_null(json);
        return;
    case CELL_MASKED:
        json_out_text(json, str_of(text, (size_t)snprintf(text, sizeof text, "#%u", cell->size)));
        return;
    case CELL_NUMBER:
        print_number(json, column, cell->number, model);
        return;
    case CELL_TEXT:
        if (cell->size <= sizeof cell->text)
            json_out_text(json, str_of(cell->text, cell->size));
        else
            json_out_text(json, str_of(text, (size_t)snprintf(text, sizeof text, "%.*s…", (int)sizeof cell->text, cell->text)));
        return;
    }
}

void
live_tap_print(struct live_tap *tap, const struct model *model, struct str_builder *out)
{
    struct json_out json;

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        number_values(tap, i);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "step", tap->names[tap->asked_step]);
    json_out_key_bool(&json, "unmasked", tap->is_unmasked);
    json_out_key_array(&json, "rows");
    for (uint32_t row = 0; row < tap->row_count; row++) {
        if (!atomic_load(&tap->rows[row].is_ready))
            continue;
        json_out_object_begin(&json);
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            json_out_key(&json, str_from(event_schema.columns[columns[i].column].name));
            print_cell(&json, &tap->rows[row].cells[i], columns[i].column, model);
        }
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_object_end(&json);
}
