#include "warehouse/live_history.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/event.h"
#include "live/op/intake.h"
#include "model/model.h"
#include "warehouse/schema.h"

#define CANDIDATE_COUNT_MAX 6

/* Which of an entity's columns an event column is: the first that is not null of those that the entity has in the event
 * column's type. The same names as the live leg's intake goes by. */
static const struct column_source {
    enum event_column column;
    const char       *names[CANDIDATE_COUNT_MAX];
} SOURCES[] = {
    { EVENT_TIME, { "event_time" } },
    { EVENT_EFFECTIVE_TIME, { "effective_time", "event_time" } },
    { EVENT_SYSTEM, { "patient_system" } },
    { EVENT_PATIENT_SYSTEM, { "patient_system" } },
    { EVENT_PATIENT_ID, { "patient_id" } },
    { EVENT_FACILITY, { "facility" } },
    { EVENT_ENCOUNTER_ID, { "encounter_id" } },
    { EVENT_LOCATION, { "location" } },
    { EVENT_STATUS, { "status" } },
    { EVENT_STATUS_ACTION, { "status_action" } },
    { EVENT_CODE, { "normalized_component_code" } },
    { EVENT_VALUE, { "normalized_value" } },
    { EVENT_UNIT, { "normalized_units" } },
    { EVENT_COMPARATOR, { "source_comparator" } },
    { EVENT_CONDITION, { "normalized_specimen_condition" } },
    { EVENT_RESULT, { "result" } },
    { EVENT_RESULT_UNIT, { "source_units" } },
    { EVENT_RESULT_ID, { "lab_result_id", "clinical_order_id", "appointment_id", "medication_id" } },
    { EVENT_PRACTITIONER_ID, { "ordering_practitioner_id", "attending_practitioner_id", "practitioner_id" } },
    { EVENT_USER_SYSTEM, { "practitioner_system", "patient_system" } }, /* Of the practitioner. */
    { EVENT_DEPARTMENT, { "department" } },
    { EVENT_BEGIN_TIME, { "encounter_start_time", "start_time", "medication_start_time", "effective_time", "event_time" } },
    { EVENT_END_TIME, { "encounter_end_time", "end_time", "encounter_start_time", "start_time", "effective_time", "event_time" } },
};
#define SOURCE_COUNT (sizeof SOURCES / sizeof *SOURCES)

/* Besides, where a rule judges the entity's drugs. A drug without an end goes on. */
static const struct column_source DRUG_SOURCES[] = {
    { EVENT_DRUG_SYSTEM, { "source_code_type" } },
    { EVENT_DRUG_CODE, { "source_code" } },
    { EVENT_DRUG_NAME, { "source_description" } },
    { EVENT_DRUG_TYPE, { "medication_type", "order_type" } },
    { EVENT_DRUG_DAYS, { "days_supply" } },
};
#define DRUG_SOURCE_COUNT (sizeof DRUG_SOURCES / sizeof *DRUG_SOURCES)
static const struct column_source DRUG_END = { EVENT_END_TIME, { ENTITY_DRUG_END } };

/* What is wanted of an entity. */
struct wanted {
    const struct entity *entity;
    int64_t              history_us; /* 0: nothing. */
    int64_t              newest_us;  /* What it is counted back from; INT64_MIN: not read, or nothing is there. */
};

/* Where nothing is there what is read makes no difference. */
static int64_t
counted_from(const struct wanted *wanted)
{
    return wanted->newest_us == INT64_MIN ? 0 : wanted->newest_us;
}

/* Columns of the present result: event_columns[i] for i < column_count - 1, then the key's text. */
struct warehouse_history {
    struct db_connection *connection;
    const struct graph   *graph;
    const struct model   *model;
    struct wanted        *wanted; /* By the model's entities. */
    uint32_t              entity; /* The one that is read, or is to be opened next. */
    struct db_result      result;
    enum event_column     event_columns[SOURCE_COUNT + DRUG_SOURCE_COUNT + 1];
    uint32_t              column_count; /* Of the event columns. */
    uint32_t              row_count;    /* Of the result's present rows. */
    uint32_t              row;          /* Of these, the next. */
    int64_t               position;
    struct str_builder    event_id;
};

/* ---- What is wanted ---- */

static void
want(struct warehouse_history *history, const struct entity *entity, int64_t history_us)
{
    struct wanted *wanted = &history->wanted[entity - history->model->entities];

    if (!entity_has_person(entity) || entity->event_time_column < 0 || entity->key_count == 0)
        return;
    wanted->entity = entity;
    if (history_us > wanted->history_us)
        wanted->history_us = history_us;
}

static void
want_rule(struct warehouse_history *history, const struct rule_pack *rule)
{
    const struct entity *entity;
    for (uint32_t i = 0; (entity = rule_other_entity(rule, i)) != NULL; i++)
        want(history, entity, rule->history_us);
    if (rule_has_past(rule))
        want(history, rule->entity, rule->history_us);
}

enum status
warehouse_history_open(struct db *db, const struct graph *graph, struct warehouse_history **ret_history, struct error *err)
{
    struct warehouse_history *history = memory_alloc_zero(sizeof *history);
    enum status               status  = ST_OK;

    if (history == NULL)
        return error_no_memory(err);
    history->graph    = graph;
    history->model    = graph->model;
    history->result   = DB_RESULT_EMPTY;
    history->event_id = STR_BUILDER_EMPTY;
    history->wanted   = memory_alloc_array(graph->model->entity_count, sizeof *history->wanted);
    if (history->wanted == NULL)
        status = error_no_memory(err);
    for (uint32_t i = 0; status == ST_OK && i < graph->model->entity_count; i++)
        history->wanted[i] = (struct wanted){ NULL, 0, INT64_MIN };
    for (size_t i = 0; status == ST_OK && i < graph->streaming.rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, graph->streaming.rules[i].step.name);
        if (rule != NULL)
            want_rule(history, rule);
    }
    if (status == ST_OK)
        status = db_connect(db, &history->connection, err);
    if (status == ST_OK)
        status = schema_check_stored(history->connection, history->model, err);
    if (status != ST_OK) {
        warehouse_history_close(history);
        return status;
    }
    *ret_history = history;
    return ST_OK;
}

void
warehouse_history_close(struct warehouse_history *history)
{
    if (history == NULL)
        return;
    db_result_release(&history->result);
    db_disconnect(history->connection);
    str_builder_release(&history->event_id);
    memory_free(history->wanted);
    memory_free(history);
}

/* ---- The statement ---- */

/* Which of an entity's sources is the one at `index`; NULL: no more. */
static const struct column_source *
source_at(const struct warehouse_history *history, const struct entity *entity, uint32_t index)
{
    if (index >= SOURCE_COUNT)
        return (intake_extras(history->graph, entity) & INTAKE_DRUGS) != 0 && index < SOURCE_COUNT + DRUG_SOURCE_COUNT ? &DRUG_SOURCES[index - SOURCE_COUNT] : NULL;
    return SOURCES[index].column == EVENT_END_TIME && entity_column_find(entity, ENTITY_DRUG_END) >= 0 ? &DRUG_END : &SOURCES[index];
}

/* Writes coalesce(e."a", e."b"); nothing where the entity has none of them. */
static bool
append_source(struct str_builder *out, const struct entity *entity, const struct column_source *source)
{
    const struct type wanted = event_schema.columns[source->column].type;
    bool              is_any = false;

    for (uint32_t i = 0; i < CANDIDATE_COUNT_MAX && source->names[i] != NULL; i++) {
        int32_t column = entity_column_find(entity, source->names[i]);
        if (column < 0 || entity->columns[column].type.kind != wanted.kind || entity->columns[column].type.scale != wanted.scale)
            continue;
        str_builder_append_cstr(out, is_any ? ", e." : "coalesce(e.");
        sql_append_name(out, str_from(source->names[i]));
        is_any = true;
    }
    if (is_any)
        str_builder_append_char(out, ')');
    return is_any;
}

static void
append_column(const struct warehouse_history *history, struct str_builder *out, const struct entity *entity, enum event_column column)
{
    const struct column_source *source;
    for (uint32_t i = 0; (source = source_at(history, entity, i)) != NULL; i++)
        if (source->column == column)
            append_source(out, entity, source);
}

static void
set_source(const struct warehouse_history *history, struct sql_names *names, const char *name, const struct entity *entity, enum event_column column)
{
    struct str_builder text = STR_BUILDER_EMPTY;

    append_column(history, &text, entity, column);
    sql_set(names, name, str_builder_text(&text));
    names->has_failed |= !str_builder_is_ok(&text);
    str_builder_release(&text);
}

/* The select list, and in event_columns what stands where. */
static void
set_columns(struct warehouse_history *history, struct sql_names *names, const struct entity *entity)
{
    struct str_builder          list = STR_BUILDER_EMPTY;
    const struct column_source *source;

    history->column_count = 0;
    for (uint32_t i = 0; (source = source_at(history, entity, i)) != NULL; i++)
        if (append_source(&list, entity, source)) {
            str_builder_append_cstr(&list, ", ");
            history->event_columns[history->column_count++] = source->column;
        }
    str_builder_append_cstr(&list, "e.person_id, ");
    history->event_columns[history->column_count++] = EVENT_PERSON_ID;
    str_builder_append_cstr(&list, "e.");
    sql_append_name(&list, str_from(entity->columns[entity->key[entity->key_count - 1]].name));
    sql_set(names, "columns", str_builder_text(&list));
    names->has_failed |= !str_builder_is_ok(&list);
    str_builder_release(&list);
}

/* A rule's own codes, as far back as that rule looks: "(e.code IN ('2160-0', '38483-4') AND e.effective_time >= …)". */
static void
append_series(const struct warehouse_history *history, const struct rule_pack *rule, int64_t newest_us, struct str_builder *out)
{
    str_builder_append_cstr(out, out->size > 0 ? " OR (e.normalized_component_code IN (" : "(e.normalized_component_code IN (");
    for (uint32_t i = 0; i < rule->series_count; i++) {
        for (uint32_t k = 0; k < rule->series[i].code_count; k++) {
            str_builder_append_cstr(out, i + k > 0 ? ", " : "");
            sql_append_text(out, str_from(rule->series[i].codes[k].code));
        }
    }
    str_builder_append_cstr(out, ") AND ");
    append_column(history, out, rule->entity, EVENT_EFFECTIVE_TIME);
    str_builder_printf(out, " >= make_timestamp(%" PRId64 "::BIGINT))", newest_us - rule->history_us);
}

/* Of results only those of rules' series: nothing where no rule has any. */
static void
set_series(struct warehouse_history *history, struct sql_names *names, const struct wanted *wanted)
{
    struct str_builder  list  = STR_BUILDER_EMPTY;
    const struct graph *graph = history->graph;

    for (size_t i = 0; i < graph->streaming.rule_count; i++) {
        const struct rule_pack *rule = model_rule(graph->model, graph->streaming.rules[i].step.name);
        if (rule != NULL && rule_has_series(rule) && rule->entity == wanted->entity)
            append_series(history, rule, counted_from(wanted), &list);
    }
    sql_setf(names, "of_series", list.size > 0 ? " AND (%.*s)" : "%.*s", STR_PRINTF(str_builder_text(&list)));
    names->has_failed |= !str_builder_is_ok(&list);
    str_builder_release(&list);
}

static enum status
ask(struct warehouse_history *history, struct wanted *wanted, struct error *err)
{
    struct sql_names names;

    sql_names_init(&names);
    sql_setf(&names, "table", "core.\"%s\"", wanted->entity->name);
    set_source(history, &names, "event", wanted->entity, EVENT_TIME);
    set_source(history, &names, "effective", wanted->entity, EVENT_EFFECTIVE_TIME);
    set_source(history, &names, "end", wanted->entity, EVENT_END_TIME);
    set_columns(history, &names, wanted->entity);
    /* What is dated later than it was recorded is a mistake of its sender, and would move all the others out of sight. */
    enum status status = sql_int64(history->connection, &names, &wanted->newest_us, err,
                                   "SELECT coalesce(max(epoch_us({effective})), -9223372036854775807 - 1) FROM {table} e\n"
                                   "WHERE {effective} <= (SELECT max(recorded_at) FROM meta.run WHERE published)");
    sql_setf(&names, "from", "make_timestamp(%" PRId64 "::BIGINT)", counted_from(wanted) - wanted->history_us);
    set_series(history, &names, wanted);
    if (status == ST_OK)
        status = sql_query(history->connection, &names, &history->result, err,
                           "SELECT {columns} FROM {table} e\n"
                           "WHERE ({effective} >= {from} OR {end} >= {from}){of_series}\n"
                           "ORDER BY {effective}, {event}, e.source, e.file, e.position, e.row_number, e.content_hash");
    sql_names_release(&names);
    return status;
}

/* ---- The rows ---- */

static enum status
set_value(const struct vector *from, uint32_t from_row, struct chunk *chunk, enum event_column column, struct error *err)
{
    const uint32_t row  = chunk->row_count;
    const void    *data = from->data;

    if (!vector_is_valid(from, from_row)) {
        chunk_set_null(chunk, column, row);
        return ST_OK;
    }
    if (from->type.kind == TYPE_TEXT) {
        const struct text *text = &((const struct text *)data)[from_row];
        return chunk_set_text(chunk, column, row, text_data(text), text->size, err);
    }
    chunk_set_int64(chunk, column, row, ((const int64_t *)data)[from_row]);
    return ST_OK;
}

static enum status
add_row(struct warehouse_history *history, const struct vector *columns, struct chunk *chunk, struct error *err)
{
    const struct entity *entity = history->wanted[history->entity].entity;
    const uint32_t       row    = chunk->row_count;
    enum status          status = ST_OK;

    for (uint32_t i = 0; i < EVENT_COLUMN_COUNT; i++)
        chunk_set_null(chunk, i, row);
    chunk_set_int64(chunk, EVENT_PARTITION, row, EVENT_PARTITION_HISTORY);
    chunk_set_int64(chunk, EVENT_POSITION, row, history->position++);
    chunk_set_int64(chunk, EVENT_ROW_NUMBER, row, 0);
    chunk_set_int64(chunk, EVENT_ENTITY, row, history->entity);
    chunk_set_bool(chunk, EVENT_IS_LATE, row, false);
    for (uint32_t i = 0; status == ST_OK && i < history->column_count; i++)
        status = set_value(&columns[i], history->row, chunk, history->event_columns[i], err);
    str_builder_clear(&history->event_id);
    str_builder_printf(&history->event_id, "%s:", entity->name);
    str_builder_append(&history->event_id, db_text(&history->result, history->column_count, history->row));
    if (status == ST_OK)
        status = str_builder_status(&history->event_id, err);
    if (status == ST_OK)
        status = chunk_set_text(chunk, EVENT_ID, row, history->event_id.data, history->event_id.size, err);
    if (status == ST_OK)
        chunk->row_count++;
    history->row++;
    return status;
}

static enum status
add_rows(struct warehouse_history *history, struct chunk *chunk, struct error *err)
{
    struct vector columns[SOURCE_COUNT + DRUG_SOURCE_COUNT + 1];
    enum status   status = ST_OK;

    for (uint32_t i = 0; i < history->column_count; i++)
        columns[i] = db_vector(&history->result, i, event_schema.columns[history->event_columns[i]].type);
    while (status == ST_OK && chunk->row_count < chunk->capacity && history->row < history->row_count)
        status = add_row(history, columns, chunk, err);
    return status;
}

/* Opens the next entity's rows, takes the next of them, or goes on to the next entity. */
static enum status
advance(struct warehouse_history *history, struct error *err)
{
    struct wanted *wanted = &history->wanted[history->entity];
    enum status          status = ST_OK;

    if (wanted->entity != NULL && !history->result.is_open)
        status = ask(history, wanted, err);
    history->row = history->row_count = 0;
    if (status == ST_OK && wanted->entity != NULL)
        status = db_next(&history->result, &history->row_count, err);
    if (status != ST_OK) {
        error_context(err, "reading the history of %s", wanted->entity->name);
    } else if (history->row_count == 0) {
        db_result_release(&history->result);
        history->entity++;
    }
    return status;
}

static enum status
next(void *context, struct chunk *chunk, struct error *err)
{
    struct warehouse_history *history = context;
    enum status               status  = ST_OK;

    CHECK(chunk->row_count == 0);
    while (status == ST_OK && chunk->row_count < chunk->capacity && history->entity < history->model->entity_count)
        status = history->row < history->row_count ? add_rows(history, chunk, err) : advance(history, err);
    return status;
}

/* The latest of the entities that the rule goes by. */
static int64_t
begin(void *context, size_t index)
{
    const struct warehouse_history *history = context;
    const struct rule_pack *rule = model_rule(history->model, history->graph->streaming.rules[index].step.name);
    int64_t from_us = INT64_MIN;

    for (uint32_t i = 0; rule != NULL && i < history->model->entity_count; i++) {
        const struct wanted *wanted = &history->wanted[i];
        const struct entity *entity;
        bool is_its = rule_has_past(rule) && rule->entity == wanted->entity;
        for (uint32_t k = 0; (entity = rule_other_entity(rule, k)) != NULL; k++)
            is_its |= entity == wanted->entity;
        if (wanted->entity != NULL && is_its && wanted->newest_us != INT64_MIN && wanted->newest_us - rule->history_us > from_us)
            from_us = wanted->newest_us - rule->history_us;
    }
    return from_us;
}

struct live_history
warehouse_history_face(struct warehouse_history *history)
{
    return (struct live_history){ history, next, begin };
}
