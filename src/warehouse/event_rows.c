#include "warehouse/event_rows.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/time.h"
#include "live/event.h"
#include "live/op/access_facts.h"
#include "live/op/intake.h"
#include "warehouse/schema.h"

/* Behind the event columns of the statement. */
enum { TAIL_SOURCE, TAIL_FILE, TAIL_POSITION, TAIL_ROW_NUMBER, TAIL_PURPOSE, TAIL_REASON, TAIL_VIP = TAIL_PURPOSE };

#define NUMBER_DIGITS 19

struct event_rows {
    struct db_connection  *connection;
    const struct model    *model;
    const struct entity   *entity;
    const struct graph    *graph; /* Of the rules that the rows are for. */
    struct db_result       result;
    enum event_column      columns[EVENT_COLUMN_COUNT]; /* What stands where in the result. */
    uint32_t               column_count;
    uint32_t               row_count; /* Of the result's present rows. */
    uint32_t               row;       /* Of these, the next. */
    int64_t                number;    /* Of the next row, over all readings. */
    struct map             files;     /* "file:<source>/<file>" to its place among the ids. */
    struct str            *ids;
    uint32_t               id_capacity;
    struct partition_names names;
    uint32_t               last_file; /* Of the row before, mostly the next one's too. */
    struct str_builder     key;
};

enum status
event_rows_new(struct db *db, const struct graph *graph, struct str binding, struct event_rows **ret_rows, struct error *err)
{
    struct event_rows *rows = memory_alloc_zero(sizeof *rows);

    if (rows == NULL)
        return error_no_memory(err);
    rows->model        = graph->model;
    rows->graph        = graph;
    rows->result       = DB_RESULT_EMPTY;
    rows->key          = STR_BUILDER_EMPTY;
    rows->names.source = binding;
    map_init(&rows->files);
    enum status status = db_connect(db, &rows->connection, err);
    if (status == ST_OK)
        status = schema_check_stored(rows->connection, graph->model, err);
    /* The same as of the patient master: of several dates the smallest. */
    if (status == ST_OK)
        status = db_runf(rows->connection, err,
                         "CREATE OR REPLACE TEMP TABLE event_birth AS SELECT person_id, min(birth_date) AS birth_date FROM core.patient\n"
                         "WHERE birth_date IS NOT NULL AND person_id IS NOT NULL GROUP BY person_id");
    if (status == ST_OK)
        *ret_rows = rows;
    else
        event_rows_free(rows);
    return status;
}

void
event_rows_free(struct event_rows *rows)
{
    if (rows == NULL)
        return;
    db_result_release(&rows->result);
    db_disconnect(rows->connection);
    map_release(&rows->files);
    str_builder_release(&rows->key);
    memory_free(rows->ids);
    memory_free(rows);
}

const struct partition_names *
event_rows_files(const struct event_rows *rows)
{
    return &rows->names;
}

bool
event_rows_has(const struct entity *entity)
{
    return entity_has_person(entity) && entity->event_time_column >= 0;
}

/* ---- The statement ---- */

/* Candidates for an event column, in the order in which they stand in for one another. */
struct candidates {
    struct str_builder *out; /* coalesce(e."a", e."b" */
    bool                is_any;
};

static void
add_candidate(struct candidates *candidates, const struct entity *entity, int32_t column, enum event_column to)
{
    if (column < 0 || !type_equal(entity->columns[column].type, event_schema.columns[to].type))
        return;
    str_builder_append_cstr(candidates->out, candidates->is_any ? ", e." : "coalesce(e.");
    sql_append_name(candidates->out, str_from(entity->columns[column].name));
    candidates->is_any = true;
}

static void
add_named(struct candidates *candidates, const struct entity *entity, unsigned extras, enum event_column to)
{
    enum event_column found;
    const char       *name;
    for (size_t i = 0; intake_column(i, extras, &found, &name); i++)
        if (found == to)
            add_candidate(candidates, entity, entity_column_find(entity, name), to);
}

/* The times that stand in where the entity has no such column or no value there. */
static void
add_times(struct candidates *candidates, const struct entity *entity, enum event_column to)
{
    if (to == EVENT_END_TIME && entity_column_find(entity, ENTITY_DRUG_END) >= 0)
        return;
    if (to == EVENT_END_TIME)
        add_named(candidates, entity, 0, EVENT_BEGIN_TIME);
    if (to != EVENT_TIME)
        add_candidate(candidates, entity, entity->effective_time_column, to);
    add_candidate(candidates, entity, entity->event_time_column, to);
}

static bool
append_column(struct str_builder *out, const struct entity *entity, unsigned extras, enum event_column to)
{
    struct candidates candidates = { .out = out };

    if (to == EVENT_SYSTEM)
        add_candidate(&candidates, entity, entity_column_find(entity, "patient_system"), to);
    else
        add_named(&candidates, entity, extras, to);
    if (to == EVENT_TIME || to == EVENT_EFFECTIVE_TIME || to == EVENT_BEGIN_TIME || to == EVENT_END_TIME)
        add_times(&candidates, entity, to);
    if (candidates.is_any)
        str_builder_append_char(out, ')');
    return candidates.is_any;
}

/* As the live leg writes it: "3.5-5.1"; with one bound "<5.1" or ">3.5". */
static bool
append_range(struct str_builder *out, const struct entity *entity)
{
    if (entity_column_find(entity, "source_reference_range_low") < 0 || entity_column_find(entity, "source_reference_range_high") < 0)
        return false;
    str_builder_append_cstr(out, "CASE WHEN coalesce(e.source_reference_range_low, '') = '' THEN '<' || nullif(e.source_reference_range_high, '')\n"
                                 "WHEN coalesce(e.source_reference_range_high, '') = '' THEN '>' || e.source_reference_range_low\n"
                                 "ELSE e.source_reference_range_low || '-' || e.source_reference_range_high END");
    return true;
}

static bool
append_any(struct str_builder *out, const struct entity *entity, unsigned extras, enum event_column to)
{
    switch (to) {
    case EVENT_PERSON_ID: str_builder_append_cstr(out, "e.person_id"); return true;
    case EVENT_BIRTH_DATE: str_builder_append_cstr(out, "b.birth_date"); return true;
    case EVENT_REFERENCE_RANGE: return append_range(out, entity);
    default: return append_column(out, entity, extras, to);
    }
}

static bool
is_access(const struct entity *entity)
{
    return entity_column_find(entity, "user_id") >= 0 && entity_column_find(entity, "purpose_of_use") >= 0 && entity_column_find(entity, "reason") >= 0;
}

static bool
has_vip(const struct entity *entity)
{
    return entity_column_find(entity, "vip_indicator") >= 0;
}

static void
set_columns(struct event_rows *rows, struct sql_names *names)
{
    const unsigned     extras = intake_extras(rows->graph, rows->entity);
    struct str_builder list      = STR_BUILDER_EMPTY;

    rows->column_count = 0;
    for (int column = EVENT_SYSTEM; column < EVENT_COLUMN_COUNT; column++) {
        if (column == EVENT_ID || column == EVENT_WATERMARK || column == EVENT_IS_LATE
            || !append_any(&list, rows->entity, extras, (enum event_column)column))
            continue;
        str_builder_append_cstr(&list, ", ");
        rows->columns[rows->column_count++] = (enum event_column)column;
    }
    str_builder_append_cstr(&list, "e.source, e.file, e.position, e.row_number");
    if (is_access(rows->entity))
        str_builder_append_cstr(&list, ", e.purpose_of_use, e.reason");
    else if (has_vip(rows->entity))
        str_builder_append_cstr(&list, ", e.vip_indicator");
    sql_set(names, "columns", str_builder_text(&list));
    names->has_failed |= !str_builder_is_ok(&list);
    str_builder_release(&list);
}

/* That of core's versions, but by event time first. */
static void
set_order(struct sql_names *names, const struct entity *entity)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&text, "e.");
    sql_append_name(&text, str_from(entity->columns[entity->event_time_column].name));
    for (uint32_t i = 0; i < entity->version_count; i++) {
        if ((int32_t)entity->version[i] == entity->event_time_column)
            continue;
        str_builder_append_cstr(&text, ", e.");
        sql_append_name(&text, str_from(entity->columns[entity->version[i]].name));
        str_builder_append_cstr(&text, " NULLS FIRST");
    }
    str_builder_append_cstr(&text, ", e.source, e.file, e.position, e.row_number");
    sql_set(names, "order", str_builder_text(&text));
    names->has_failed |= !str_builder_is_ok(&text);
    str_builder_release(&text);
}

static void
set_expression(struct sql_names *names, const char *name, const struct entity *entity, enum event_column column)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    append_column(&text, entity, 0, column);
    sql_set(names, name, str_builder_text(&text));
    names->has_failed |= !str_builder_is_ok(&text);
    str_builder_release(&text);
}

static void
append_bound(struct str_builder *out, const char *event, const char *comparison, int64_t time_us)
{
    str_builder_printf(out, " AND %s %s make_timestamp(%" PRId64 "::BIGINT)", event, comparison, time_us);
}

/* The table, its event time as it is stored (so that blocks of other times are not read), and the range; ends of all time bound nothing. */
static void
set_entity(struct sql_names *names, const struct entity *entity, struct event_range range)
{
    struct str_builder event = STR_BUILDER_EMPTY, within = STR_BUILDER_EMPTY;

    str_builder_append_cstr(&event, "e.");
    sql_append_name(&event, str_from(entity->columns[entity->event_time_column].name));
    str_builder_append_cstr(&within, "true");
    if (range.begin_us > INT64_MIN)
        append_bound(&within, str_builder_cstr(&event), ">=", range.begin_us);
    if (range.end_us < INT64_MAX)
        append_bound(&within, str_builder_cstr(&event), "<", range.end_us);
    sql_setf(names, "table", "core.\"%s_version\"", entity->name);
    sql_set(names, "event", str_builder_text(&event));
    sql_set(names, "within", str_builder_text(&within));
    names->has_failed |= !str_builder_is_ok(&event) || !str_builder_is_ok(&within);
    str_builder_release(&event);
    str_builder_release(&within);
}

enum status
event_rows_days(struct event_rows *rows, const struct entity *entity, struct event_range range,
                void (*add)(void *context, int64_t day_us, int64_t count), void *context, struct error *err)
{
    struct sql_names names;
    struct db_result result    = DB_RESULT_EMPTY;
    uint32_t         row_count = 1;

    CHECK(event_rows_has(entity));
    sql_names_init(&names);
    set_entity(&names, entity, range);
    enum status status = sql_query(rows->connection, &names, &result, err,
                                   "SELECT epoch_us(date_trunc('day', {event}))::BIGINT AS day, count(*)::BIGINT AS n FROM {table} e\n"
                                   "WHERE {within} GROUP BY 1 ORDER BY 1");
    while (status == ST_OK && row_count > 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++)
            add(context, db_int64(&result, 0, row), db_int64(&result, 1, row));
    }
    db_result_release(&result);
    sql_names_release(&names);
    return status;
}

enum status
event_rows_patients(struct event_rows *rows, int64_t *ret_count, struct error *err)
{
    return db_query_int64(rows->connection, ret_count, err,
                          "SELECT count(DISTINCT coalesce(person_id, patient_system || ' ' || patient_id))::BIGINT FROM core.patient");
}

enum status
event_rows_open(struct event_rows *rows, const struct entity *entity, struct event_range range, bool reaches_in, struct error *err)
{
    struct sql_names names;

    CHECK(event_rows_has(entity));
    db_result_release(&rows->result);
    rows->entity = entity;
    rows->row = rows->row_count = 0;
    sql_names_init(&names);
    set_entity(&names, entity, range);
    set_columns(rows, &names);
    set_order(&names, entity);
    set_expression(&names, "end", entity, EVENT_END_TIME);
    sql_setf(&names, "begin", "make_timestamp(%" PRId64 "::BIGINT)", range.begin_us);
    enum status status = sql_query(rows->connection, &names, &rows->result, err,
                                   reaches_in ? "SELECT {columns} FROM {table} e LEFT JOIN event_birth b ON b.person_id = e.person_id\n"
                                                "WHERE {event} < {begin} AND {end} >= {begin}\n"
                                                "ORDER BY {order}"
                                              : "SELECT {columns} FROM {table} e LEFT JOIN event_birth b ON b.person_id = e.person_id\n"
                                                "WHERE {within}\n"
                                                "ORDER BY {order}");
    if (status != ST_OK)
        error_context(err, "reading the history of %s", entity->name);
    sql_names_release(&names);
    return status;
}

/* ---- The rows ---- */

/* Texts stay where DuckDB has them. */
static void
copy_column(const struct event_rows *rows, const struct vector *from, struct chunk *chunk, enum event_column to, uint32_t count)
{
    struct column *column = &chunk->columns[to];
    const size_t   size   = type_value_size(column->type);

    memcpy(column->data, (const char *)from->data + rows->row * size, count * size);
    chunk_set_all_valid(chunk, to);
    if (from->validity == NULL)
        return;
    if (rows->row % 64 == 0) {
        memcpy(column->validity, from->validity + rows->row / 64, (count + 63) / 64 * sizeof(uint64_t));
        column->all_valid = false;
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!validity_get(from->validity, rows->row + i))
            chunk_set_null(chunk, to, i);
}

static enum status
add_file(struct event_rows *rows, struct str name, uint32_t *ret_file, struct error *err)
{
    uint64_t place;

    if (map_get_number(&rows->files, name, &place)) {
        *ret_file = (uint32_t)place;
        return ST_OK;
    }
    if (rows->names.count == rows->id_capacity) {
        uint32_t    capacity = rows->id_capacity == 0 ? 64 : rows->id_capacity * 2;
        struct str *ids      = memory_resize_array(rows->ids, capacity, sizeof *ids);
        if (ids == NULL)
            return error_no_memory(err);
        rows->ids         = ids;
        rows->names.ids   = ids;
        rows->id_capacity = capacity;
    }
    if (!map_put_number(&rows->files, name, rows->names.count))
        return error_no_memory(err);
    rows->ids[rows->names.count] = map_find(&rows->files, name)->key;
    *ret_file                    = rows->names.count++;
    return ST_OK;
}

static enum status
find_file(struct event_rows *rows, struct str source, struct str file, uint32_t *ret_file, struct error *err)
{
    if (rows->last_file < rows->names.count) {
        struct str last = str_slice(rows->ids[rows->last_file], sizeof PARTITION_FILE_PREFIX - 1, rows->ids[rows->last_file].size);
        if (last.size == source.size + 1 + file.size && last.data[source.size] == '/' && str_starts_with(last, source) && str_ends_with(last, file)) {
            *ret_file = rows->last_file;
            return ST_OK;
        }
    }
    str_builder_clear(&rows->key);
    str_builder_append_cstr(&rows->key, PARTITION_FILE_PREFIX);
    str_builder_append(&rows->key, source);
    str_builder_append_char(&rows->key, '/');
    str_builder_append(&rows->key, file);
    if (str_builder_status(&rows->key, err) != ST_OK || add_file(rows, str_builder_text(&rows->key), ret_file, err) != ST_OK)
        return ST_ERROR;
    rows->last_file = *ret_file;
    return ST_OK;
}

static enum status
set_event_id(struct event_rows *rows, struct chunk *chunk, uint32_t row, struct error *err)
{
    char    digits[NUMBER_DIGITS];
    int64_t number = rows->number++;

    for (int i = NUMBER_DIGITS; i-- > 0; number /= 10)
        digits[i] = (char)('0' + number % 10);
    return chunk_set_text(chunk, EVENT_ID, row, digits, sizeof digits, err);
}

/* Where the rows came from, and what follows from it. */
static enum status
fill_origins(struct event_rows *rows, struct chunk *chunk, uint32_t count, struct error *err)
{
    int64_t       *partitions = chunk->columns[EVENT_PARTITION].data, *positions = chunk->columns[EVENT_POSITION].data;
    int64_t       *numbers = chunk->columns[EVENT_ROW_NUMBER].data, *entities = chunk->columns[EVENT_ENTITY].data;
    const uint32_t tail    = rows->column_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t file = 0, row = rows->row + i;
        if (find_file(rows, db_text(&rows->result, tail + TAIL_SOURCE, row), db_text(&rows->result, tail + TAIL_FILE, row), &file, err) != ST_OK)
            return ST_ERROR;
        partitions[i] = file;
        positions[i]  = db_int64(&rows->result, tail + TAIL_POSITION, row);
        numbers[i]    = db_int64(&rows->result, tail + TAIL_ROW_NUMBER, row);
        entities[i]   = rows->entity - rows->model->entities;
        if (set_event_id(rows, chunk, i, err) != ST_OK)
            return ST_ERROR;
    }
    for (int column = EVENT_PARTITION; column <= EVENT_ENTITY; column++)
        chunk_set_all_valid(chunk, (uint32_t)column);
    return ST_OK;
}

/* As the intake finds them, but for what it asks the patient master. */
static void
fill_access_facts(const struct event_rows *rows, struct chunk *chunk, uint32_t count)
{
    const uint32_t tail   = rows->column_count;
    const bool     access = is_access(rows->entity);

    for (uint32_t i = 0; (access || has_vip(rows->entity)) && i < count; i++) {
        const uint32_t row   = rows->row + i;
        const int64_t  facts = access ? access_facts_of(db_text(&rows->result, tail + TAIL_PURPOSE, row), db_text(&rows->result, tail + TAIL_REASON, row))
                                      : treatment_facts_pack(access_is_vip(db_text(&rows->result, tail + TAIL_VIP, row)), 0, 0);
        if (facts != 0)
            chunk_set_int64(chunk, EVENT_ACCESS_FACTS, i, facts);
    }
}

enum status
event_rows_next(struct event_rows *rows, struct chunk *chunk, struct error *err)
{
    CHECK(chunk->row_count == 0 && rows->result.is_open);
    if (rows->row == rows->row_count) {
        rows->row = 0;
        if (db_next(&rows->result, &rows->row_count, err) != ST_OK)
            return ST_ERROR;
    }
    const uint32_t left  = rows->row_count - rows->row;
    const uint32_t count = left < chunk->capacity ? left : chunk->capacity;
    for (uint32_t column = 0; column < EVENT_COLUMN_COUNT; column++)
        chunk_set_all_null(chunk, column);
    for (uint32_t i = 0; count > 0 && i < rows->column_count; i++) {
        const struct vector from = db_vector(&rows->result, i, event_schema.columns[rows->columns[i]].type);
        copy_column(rows, &from, chunk, rows->columns[i], count);
    }
    for (uint32_t i = 0; i < count; i++)
        chunk_set_bool(chunk, EVENT_IS_LATE, i, false);
    if (fill_origins(rows, chunk, count, err) != ST_OK)
        return ST_ERROR;
    fill_access_facts(rows, chunk, count);
    chunk->row_count = count;
    rows->row += count;
    return ST_OK;
}

/* ---- Identities ---- */

/* What makes two statements one. Where and under whom it happened is left to either: senders differ in that. */
static const enum event_column STATED[] = { EVENT_ENTITY,     EVENT_TIME,          EVENT_EFFECTIVE_TIME, EVENT_PATIENT_SYSTEM, EVENT_PATIENT_ID, EVENT_ENCOUNTER_ID,
                                            EVENT_CODE,       EVENT_VALUE,         EVENT_COMPARATOR,     EVENT_FLAG,           EVENT_RESULT,     EVENT_RESULT_UNIT,
                                            EVENT_STATUS,     EVENT_STATUS_ACTION, EVENT_RESULT_ID,      EVENT_USER_SYSTEM,    EVENT_USER_ID,    EVENT_DEPARTMENT,
                                            EVENT_BEGIN_TIME, EVENT_END_TIME,      EVENT_PRACTITIONER_ID, EVENT_ACCESS_FACTS,
                                            EVENT_CONDITION };

/* Parts of one size, so that no two rows give the same bytes. */
static struct hash128
hash_row(const struct chunk *chunk, uint32_t row)
{
    struct hash128 parts[sizeof STATED / sizeof *STATED];

    for (size_t i = 0; i < sizeof STATED / sizeof *STATED; i++) {
        const enum event_column column = STATED[i];
        parts[i]                       = (struct hash128){ 0, 0 };
        if (event_is_null(chunk, column, row))
            continue;
        if (event_schema.columns[column].type.kind == TYPE_TEXT) {
            struct str text = event_text(chunk, column, row);
            parts[i]        = hash128(text.data, text.size);
        } else {
            parts[i] = (struct hash128){ (uint64_t)event_int64(chunk, column, row), 1 };
        }
    }
    return hash128(parts, sizeof parts);
}

void
event_rows_hash(struct chunk *chunk, const struct siphash_key *person_key)
{
    int64_t *lows = chunk->columns[EVENT_IDENTITY_LOW].data, *highs = chunk->columns[EVENT_IDENTITY_HIGH].data;

    event_hash_identities(chunk, person_key);
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        struct hash128 hash = hash_row(chunk, row);
        lows[row]           = (int64_t)hash.low;
        highs[row]          = (int64_t)hash.high;
    }
}
