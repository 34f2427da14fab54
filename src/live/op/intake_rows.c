/* One group of rows: in the order of positions, each judged by its partition's watermark where it stands; then column by
 * column into event rows. */
#include <string.h>

#include "base/check.h"
#include "live/op/intake_int.h"
#include "live/op/lateness.h"

/* ---- Records ---- */

static struct output_count *
counts_of(const struct intake *intake, uint32_t entity)
{
    return output_counts(intake->call.output, intake->call.partition->index, entity);
}

enum status
intake_record_end(struct intake *intake, struct error *err)
{
    struct record_work  *record  = &intake->record;
    const uint32_t       entity  = output_record_entity(intake->call.output);
    struct output_count *records = counts_of(intake, entity);

    if (!record->is_open)
        return ST_OK;
    record->is_open = false;
    switch (record->rank) {
    case RECORD_LOADED: /* Counted behind the exchange. */
        return ST_OK;
    case RECORD_QUARANTINED:
        records->quarantined++;
        output_reason_add(intake->call.output, entity, OUTCOME_QUARANTINED, record->reason_index, 1);
        return ST_OK;
    case RECORD_FILTERED:
        records->filtered++;
        output_reason_add(intake->call.output, entity, OUTCOME_FILTERED, record->reason_index, 1);
        return ST_OK;
    case RECORD_REFUSED:
        records->quarantined++;
        output_reason_add(intake->call.output, entity, OUTCOME_QUARANTINED, intake->unknown_type->index, 1);
        return intake_letter_unknown(intake, record, err);
    }
    return ST_OK;
}

static enum status
record_of_row(struct intake *intake, const struct intake_lane *lane, uint32_t row, struct error *err)
{
    struct record_work *record = &intake->record;
    if (record->is_open && record->position == lane->positions[row])
        return ST_OK;
    if (intake_record_end(intake, err) != ST_OK)
        return ST_ERROR;
    *record = (struct record_work){ .is_open = true, .position = lane->positions[row], .length = lane->lengths[row], .rank = RECORD_REFUSED };
    return ST_OK;
}

static void
record_rank(struct record_work *record, enum record_rank rank, const struct reason *reason)
{
    if (rank >= record->rank)
        return;
    record->rank         = rank;
    record->reason_index = reason == NULL ? 0 : reason->index;
}

/* ---- Rows ---- */

static enum status
quarantine_row(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason, uint32_t column,
               struct error *err)
{
    counts_of(intake, lane->entity_index)->quarantined++;
    output_reason_add(intake->call.output, lane->entity_index, OUTCOME_QUARANTINED, reason->index, 1);
    record_rank(&intake->record, RECORD_QUARANTINED, reason);
    return intake_letter_row(intake, lane, row, reason, column, err);
}

static void
filter_row(struct intake *intake, const struct intake_lane *lane, uint32_t row)
{
    uint32_t                     count;
    const struct program_filter *filters = program_filters(lane->program, &count);
    const struct reason         *reason  = filters[lane->result.causes[row]].reason;

    counts_of(intake, lane->entity_index)->filtered++;
    output_reason_add(intake->call.output, lane->entity_index, OUTCOME_FILTERED, reason->index, 1);
    record_rank(&intake->record, RECORD_FILTERED, reason);
}

/* A number of an analyte with limits whose unit could not be brought to the limits' own: no rule can judge it. */
static bool
is_unevaluated(const struct intake *intake, const struct intake_lane *lane, uint32_t row)
{
    if (!lane->is_lab_result || lane->normalized_value < 0 || lane_has(lane, lane->normalized_value, row) ||
        !lane_has(lane, lane->source_value, row) || !str_equal(lane_event_text(lane, EVENT_STATUS_ACTION, row), STR("upsert")))
        return false;
    struct str code = lane_event_text(lane, EVENT_CODE, row);
    for (uint32_t i = 0; i < intake->limit_code_count; i++)
        if (str_equal(code, intake->limit_codes[i]))
            return true;
    return false;
}

/* Time of an accepted row, and what follows from it. */
static enum status
time_row(struct intake *intake, const struct intake_lane *lane, uint32_t row, uint32_t place, struct error *err)
{
    const struct graph_streaming *streaming = &intake->options.graph->streaming;
    struct intake_partition      *partition = intake->call.partition;
    const int64_t                 event_us  = lane_int64(lane, lane->sources[EVENT_TIME].first, row);
    const int64_t                 watermark = partition->watermark_us;
    const bool                    is_late   = streaming->has_window && watermark != INT64_MIN && window_late_from(&streaming->window, event_us) <= watermark;

    ((int64_t *)intake->events.columns[EVENT_POSITION].data)[place] = lane->positions[row];
    ((uint8_t *)intake->events.columns[EVENT_IS_LATE].data)[place]  = is_late;
    ((int64_t *)intake->events.columns[EVENT_WATERMARK].data)[place] = watermark;
    if (watermark == INT64_MIN)
        chunk_set_null(&intake->events, EVENT_WATERMARK, place);
    if (is_late && intake_late(intake, lane, row, event_us, err) != ST_OK)
        return ST_ERROR;
    if (partition->letter == NULL && event_us - streaming->window.disorder_us > watermark)
        partition->watermark_us = event_us - streaming->window.disorder_us;
    return ST_OK;
}

static enum status
accept_row(struct intake *intake, struct intake_lane *lane, uint32_t row, struct error *err)
{
    for (uint32_t i = 0; i < lane->needed_count; i++)
        if (!lane_has(lane, (int32_t)lane->needed[i], row))
            return quarantine_row(intake, lane, row, intake->missing_required, lane->needed[i], err);
    uint32_t             wrong;
    const struct reason *refusal = lane->log_times == NULL ? NULL : intake_log_time_refusal(intake, lane, row, &wrong);
    if (refusal != NULL)
        return quarantine_row(intake, lane, row, refusal, wrong, err);
    if (intake->record.loaded_by != NULL) {
        error_set(err, ERR_CONFIG, "mappings %s and %s both take one record: an event of the stream is of one mapping",
                  intake->record.loaded_by->name, lane->mapping->name);
        error_hint(err, "let their \"when\" exclude each other");
        error_at(err, lane->mapping->file, lane->mapping->when.line, lane->mapping->when.column);
        return ST_ERROR;
    }
    intake->record.loaded_by = lane->mapping;
    record_rank(&intake->record, RECORD_LOADED, NULL);

    CHECK(intake->events.row_count < intake->events.capacity); /* One a record, and a group has no more of them. */
    const uint32_t place = intake->events.row_count++;
    lane->loaded[lane->loaded_count]   = (uint16_t)row;
    lane->places[lane->loaded_count++] = (uint16_t)place;
    if (time_row(intake, lane, row, place, err) != ST_OK)
        return ST_ERROR;
    if (!is_unevaluated(intake, lane, row))
        return ST_OK;
    int32_t unit = lane->sources[EVENT_RESULT_UNIT].first;
    return intake_unevaluated(intake, lane, row, intake->unknown_unit, (uint32_t)(unit >= 0 ? unit : lane->source_value), err);
}

static enum status
take_row(struct intake *intake, struct intake_lane *lane, uint32_t row, struct error *err)
{
    const enum program_outcome outcome = (enum program_outcome)lane->result.outcomes[row];

    if (record_of_row(intake, lane, row, err) != ST_OK)
        return ST_ERROR;
    if (outcome == PROGRAM_NO_ROW)
        return ST_OK;
    intake->record.row_count++;
    counts_of(intake, lane->entity_index)->received++;
    if (outcome == PROGRAM_FILTERED) {
        filter_row(intake, lane, row);
        return ST_OK;
    }
    if (outcome == PROGRAM_LOADED)
        return accept_row(intake, lane, row, err);
    uint32_t                    count;
    const struct program_issue *issue = &program_issues(lane->program, &count)[lane->result.causes[row]];
    return quarantine_row(intake, lane, row, issue->reason, issue->column, err);
}

/* All rows in the order of positions; rows of one record in the order of the plan's mappings. */
static enum status
take_rows(struct intake *intake, struct error *err)
{
    for (;;) {
        struct intake_lane *next = NULL;
        int64_t             until = INT64_MAX; /* Where another lane's turn is. */
        for (uint32_t i = 0; i < intake->lane_count; i++) {
            struct intake_lane *lane = &intake->lanes[i];
            if (lane->cursor == lane->rows.row_count)
                continue;
            int64_t position = lane->positions[lane->cursor];
            if (next == NULL || position < next->positions[next->cursor]) {
                until = next == NULL ? INT64_MAX : next->positions[next->cursor];
                next  = lane;
            } else if (position < until) {
                until = position;
            }
        }
        if (next == NULL)
            return ST_OK;
        do {
            if (take_row(intake, next, next->cursor, err) != ST_OK)
                return ST_ERROR;
            next->cursor++;
        } while (next->cursor < next->rows.row_count && next->positions[next->cursor] < until);
    }
}

/* ---- Columns ---- */

static inline void
set_null(struct column *column, uint32_t row)
{
    column->all_valid = false;
    column->validity[row >> 6] &= ~((uint64_t)1 << (row & 63));
}

static inline void
copy_value(struct column *to, uint32_t place, const struct column *from, uint32_t row)
{
    if (to->type.kind == TYPE_TEXT)
        ((struct text *)to->data)[place] = ((const struct text *)from->data)[row];
    else
        ((int64_t *)to->data)[place] = ((const int64_t *)from->data)[row];
}

static void
copy_values(struct column *to, const struct column *from, const struct intake_lane *lane)
{
    const uint16_t *places = lane->places, *rows = lane->loaded;
    if (to->type.kind == TYPE_TEXT) {
        struct text       *values = to->data;
        const struct text *source = from->data;
        for (uint32_t i = 0; i < lane->loaded_count; i++)
            values[places[i]] = source[rows[i]];
    } else {
        int64_t       *values = to->data;
        const int64_t *source = from->data;
        for (uint32_t i = 0; i < lane->loaded_count; i++)
            values[places[i]] = source[rows[i]];
    }
}

/* The places of a lane's rows, a bit each, so that a column which it has not is made null by words. */
struct places {
    uint64_t words[CHUNK_ROW_COUNT_MAX / 64];
    uint32_t word_count;
};

static void
find_places(const struct intake *intake, const struct intake_lane *lane, struct places *ret_places)
{
    ret_places->word_count = (intake->events.row_count + 63) / 64;
    memset(ret_places->words, 0, ret_places->word_count * sizeof(uint64_t));
    for (uint32_t i = 0; i < lane->loaded_count; i++)
        ret_places->words[lane->places[i] >> 6] |= (uint64_t)1 << (lane->places[i] & 63);
}

static void
set_nulls(struct column *column, const struct places *places)
{
    column->all_valid = false;
    for (uint32_t i = 0; i < places->word_count; i++)
        column->validity[i] &= ~places->words[i];
}

/* The lane has no such column, or no value in it. */
static bool
is_missing(const struct intake_lane *lane, int32_t column)
{
    const uint32_t row_count = lane->rows.row_count;
    uint64_t       any       = 0;
    if (column < 0)
        return true;
    if (lane->rows.columns[column].all_valid)
        return row_count == 0;
    for (uint32_t i = 0; i < row_count / 64; i++)
        any |= lane->rows.columns[column].validity[i];
    if (row_count % 64 != 0) /* Behind the last row the bits mean nothing. */
        any |= lane->rows.columns[column].validity[row_count / 64] << (64 - row_count % 64);
    return any == 0;
}

/* The lane's rows of one event column. Texts stay where the program put them. */
static void
fill_column(struct intake *intake, const struct intake_lane *lane, enum event_column column, const struct places *places)
{
    struct column            *to     = &intake->events.columns[column];
    const struct lane_source *source = &lane->sources[column];

    if (is_missing(lane, source->first) && is_missing(lane, source->second)) {
        set_nulls(to, places);
        return;
    }
    const struct column *first = &lane->rows.columns[source->first];
    copy_values(to, first, lane);
    for (uint32_t i = 0; !first->all_valid && i < lane->loaded_count; i++) {
        if (validity_get(first->validity, lane->loaded[i]))
            continue;
        if (lane_has(lane, source->second, lane->loaded[i]))
            copy_value(to, lane->places[i], &lane->rows.columns[source->second], lane->loaded[i]);
        else
            set_null(to, lane->places[i]);
    }
}

static enum status
fill_ranges(struct intake *intake, const struct intake_lane *lane, const struct places *places, struct error *err)
{
    if (is_missing(lane, lane->range_low) && is_missing(lane, lane->range_high)) {
        set_nulls(&intake->events.columns[EVENT_REFERENCE_RANGE], places);
        return ST_OK;
    }
    for (uint32_t i = 0; i < lane->loaded_count; i++) {
        size_t size = lane_range_size(lane, lane->loaded[i]);
        if (size == 0) {
            set_null(&intake->events.columns[EVENT_REFERENCE_RANGE], lane->places[i]);
            continue;
        }
        char *bytes = arena_alloc(&intake->events.arena, size, 1);
        if (bytes == NULL)
            return error_no_memory(err);
        lane_range_print(lane, lane->loaded[i], bytes);
        chunk_set_text_leased(&intake->events, EVENT_REFERENCE_RANGE, lane->places[i], bytes, size);
    }
    return ST_OK;
}

static enum status
fill_lane(struct intake *intake, const struct intake_lane *lane, struct error *err)
{
    int64_t      *entities = intake->events.columns[EVENT_ENTITY].data;
    struct places places;

    find_places(intake, lane, &places);
    for (uint32_t i = 0; i < lane->loaded_count; i++)
        entities[lane->places[i]] = lane->entity_index;
    for (int column = EVENT_SYSTEM; column < EVENT_COLUMN_COUNT; column++)
        if (column != EVENT_WATERMARK && column != EVENT_IS_LATE && column != EVENT_PERSON_ID && column != EVENT_BIRTH_DATE &&
            column != EVENT_REFERENCE_RANGE)
            fill_column(intake, lane, (enum event_column)column, &places);
    return fill_ranges(intake, lane, &places, err);
}

/* ---- Persons ---- */

static void
fill_person(struct intake *intake, uint32_t row)
{
    struct chunk  *events = &intake->events;
    struct hash128 person = event_hash(events, EVENT_PATIENT_LOW, row);
    int32_t        birth  = MASTER_DAY_UNKNOWN;

    if (event_is_null(events, EVENT_PATIENT_ID, row)) {
        set_null(&events->columns[EVENT_PERSON_ID], row);
        set_null(&events->columns[EVENT_BIRTH_DATE], row);
        return;
    }
    if (intake->master == NULL || !master_find(intake->master, person, &person, &birth))
        intake->call.output->unknown_patient_count++;
    hash128_print(person, intake->persons[row]);
    text_set(&((struct text *)events->columns[EVENT_PERSON_ID].data)[row], intake->persons[row], HASH128_TEXT_SIZE - 1);
    ((int32_t *)events->columns[EVENT_BIRTH_DATE].data)[row] = birth;
    if (birth == MASTER_DAY_UNKNOWN)
        set_null(&events->columns[EVENT_BIRTH_DATE], row);
}

static void
fill_persons(struct intake *intake)
{
    event_hash_identities(&intake->events, intake->options.person_key);
    for (uint32_t row = 0; intake->master != NULL && row < intake->events.row_count; row++)
        master_prefetch(intake->master, event_hash(&intake->events, EVENT_PATIENT_LOW, row));
    for (uint32_t row = 0; row < intake->events.row_count; row++)
        fill_person(intake, row);
}

/* ---- The group ---- */

static enum status
give_rows(struct intake *intake, struct error *err)
{
    struct chunk *events = &intake->events;

    if (events->row_count == 0)
        return ST_OK;
    for (uint32_t row = 0; row < events->row_count; row++) {
        ((int64_t *)events->columns[EVENT_PARTITION].data)[row]  = intake->call.partition->index;
        ((int64_t *)events->columns[EVENT_ROW_NUMBER].data)[row] = 0; /* An event is one row of its record. */
    }
    for (uint32_t i = 0; i < intake->lane_count; i++)
        if (intake->lanes[i].loaded_count > 0 && fill_lane(intake, &intake->lanes[i], err) != ST_OK)
            return ST_ERROR;
    cost_lap(intake->options.meter, COST_ROWS);
    fill_persons(intake);
    for (uint32_t i = 0; i < intake->lane_count; i++)
        intake_access_facts(intake, &intake->lanes[i]);
    cost_lap(intake->options.meter, COST_PERSONS);
    return intake->call.rows(intake->call.context, events, err);
}

enum status
intake_group(struct intake *intake, struct error *err)
{
    if (intake->last_lane < 0)
        return ST_OK;
    cost_lap(intake->options.meter, COST_DECODE);
    enum status status = take_rows(intake, err);
    if (status == ST_OK)
        status = give_rows(intake, err);
    chunk_clear(&intake->events);
    for (uint32_t i = 0; i < intake->lane_count; i++) {
        chunk_clear(&intake->lanes[i].rows);
        intake->lanes[i].cursor = intake->lanes[i].loaded_count = 0;
    }
    intake->last_lane = -1;
    cost_lap(intake->options.meter, COST_ROWS);
    return status;
}
