#include "live/op/no_treatment_relationship.h"

#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "io/io.h"
#include "io/zone_file.h"
#include "live/op/access_arrivals.h"
#include "live/op/rule.h"

/* Goes up with each change of struct access_record: state of another layout is passed over, not misread. */
#define RECORD_LAYOUT "2"

/* Patients with accesses that are not judged yet. An index into the state and no state of its own: it is made anew from the
 * entries' flags when the step is used first. */
struct pending {
    struct hash128 *patients;
    size_t          count;
    size_t          capacity;
    bool            is_known;
};

struct no_treatment_relationship {
    struct rule            rule;
    struct pending         pending;
    struct access_arrivals arrivals; /* Accesses since the last barrier. */
    struct access_departments departments;
    void                  *desk;     /* Where a patient's entry is judged together with its arrivals. */
    size_t                 desk_size;
    struct records_watch   watch; /* Of the entry that is judged where it lies. */
    const struct zone *zone; /* Of the departments' hours. */
    const struct zone *held; /* NULL: it is UTC. */
};

static struct state_table *
table_of(struct no_treatment_relationship *op)
{
    return &op->rule.op.states[0];
}

static struct state_entry *
find_patient(struct no_treatment_relationship *op, const struct hash128 *patient)
{
    return state_find(table_of(op), state_hash(patient, sizeof(*patient)), patient, sizeof(*patient));
}

/* ---- Who waits ---- */

static enum status
pending_add(struct pending *pending, const struct hash128 *patient, struct error *err)
{
    if (pending->count == pending->capacity) {
        size_t          capacity = pending->capacity == 0 ? 64 : pending->capacity * 2;
        struct hash128 *patients = memory_resize_array(pending->patients, capacity, sizeof(*patients));
        if (patients == NULL)
            return error_no_memory(err);
        pending->patients = patients;
        pending->capacity = capacity;
    }
    pending->patients[pending->count++] = *patient;
    return ST_OK;
}

static enum status
pending_find(struct no_treatment_relationship *op, struct error *err)
{
    for (uint32_t group = 0; group < STATE_GROUP_COUNT && !op->pending.is_known; group++) {
        struct state_entry *entry;
        uint32_t            cursor = 0;
        while ((entry = state_next(table_of(op), group, &cursor)) != NULL)
            if ((records_head(entry)->flags & ACCESS_IS_PENDING) != 0 && pending_add(&op->pending, state_key(entry), err) != ST_OK)
                return ST_ERROR;
    }
    op->pending.is_known = true;
    return ST_OK;
}

/* Marks as changed the patients with an access whose time the watermark has passed. */
static enum status
pending_mark(struct no_treatment_relationship *op, const struct epoch_decision *decision, struct error *err)
{
    for (size_t i = 0; i < op->pending.count; i++) {
        struct state_entry *entry = find_patient(op, &op->pending.patients[i]);
        if (entry != NULL && access_is_due(entry, decision)
            && records_touch(table_of(op), entry, sizeof(struct access_record), entry->expires_us, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static void
pending_drop_judged(struct no_treatment_relationship *op)
{
    size_t kept = 0;
    for (size_t i = 0; i < op->pending.count; i++) {
        struct state_entry *entry = find_patient(op, &op->pending.patients[i]);
        if (entry != NULL && (records_head(entry)->flags & ACCESS_IS_PENDING) != 0)
            op->pending.patients[kept++] = op->pending.patients[i];
    }
    op->pending.count = kept;
}

/* ---- Rows ---- */

static bool
is_explanation(const struct no_treatment_relationship *op, int64_t entity_index)
{
    const struct rule_pack *pack = op->rule.pack;
    for (uint32_t i = 0; i < pack->explained_by_count; i++)
        if (pack->explained_by[i] == &op->rule.graph->model->entities[entity_index])
            return true;
    return false;
}

/* The event is there already. A copy may be known earlier: true. */
static bool
take_copy(struct access_record *known, const struct access_record *copy)
{
    if (known->is_history || copy->known_us >= known->known_us)
        return false;
    known->known_us = copy->known_us;
    return true;
}

static enum status
take_explanation(struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row, uint64_t hash, struct error *err)
{
    char                  buffer[RECORD_TEXT_SIZE_MAX + 1];
    struct str            texts[ACCESS_TEXT_COUNT];
    struct hash128        patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    struct state_entry   *entry   = state_find(table_of(op), hash, &patient, sizeof(patient));
    struct access_record  record  = access_record_of(&op->rule, &op->departments, chunk, row, false);
    struct access_record *copy    = entry == NULL ? NULL : access_find(entry, record.identity);

    if (copy != NULL && !take_copy(copy, &record))
        return ST_OK;
    if (copy != NULL)
        return records_touch(table_of(op), entry, sizeof(record), entry->expires_us, err);
    bool is_changed = entry != NULL && !record.is_history && access_replace_history(&op->rule, entry, &record);
    is_changed |= entry != NULL && access_make_room(&op->rule, entry);
    if (is_changed && records_touch(table_of(op), entry, sizeof(record), entry->expires_us, err) != ST_OK)
        return ST_ERROR;
    access_texts_of(&op->rule, chunk, row, false, buffer, texts);
    if (records_append(table_of(op), entry, hash, &patient, sizeof(patient), sizeof(record), texts, ACCESS_TEXT_COUNT_EXPLANATION,
                       access_kept_until(&op->rule, &record), &entry, err) != ST_OK)
        return ST_ERROR;
    access_set_last(entry, &record);
    return ST_OK;
}

/* Not a copy, nor late: most rows. */
static bool
is_first_of_its_event(const struct chunk *chunk, uint32_t row)
{
    return ((const uint8_t *)chunk->columns[EVENT_IS_LATE].data)[row] == 0;
}

static enum status
take_access(struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row, uint64_t hash, struct error *err)
{
    char                 buffer[RECORD_TEXT_SIZE_MAX + 1];
    struct str           texts[ACCESS_TEXT_COUNT];
    struct hash128       patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    struct access_record record  = access_record_of(&op->rule, &op->departments, chunk, row, true);
    if (is_first_of_its_event(chunk, row)
        && access_is_explained_for_good(&op->rule, state_find(table_of(op), hash, &patient, sizeof(patient)), &record))
        return ST_OK;
    access_texts_of(&op->rule, chunk, row, true, buffer, texts);
    return access_arrivals_add(&op->arrivals, &patient, hash, &record, texts, err);
}

static bool
is_access(const struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row)
{
    return event_int64(chunk, EVENT_ENTITY, row) == op->rule.entity_index;
}

/* An access before the stream is nobody's to judge now. */
static bool
is_wanted(const struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row)
{
    return is_access(op, chunk, row) ? event_int64(chunk, EVENT_PARTITION, row) != EVENT_PARTITION_HISTORY
                                     : is_explanation(op, event_int64(chunk, EVENT_ENTITY, row));
}

/* Of an access's patient the records that came last, of an explanation's all, for the entry may move. */
static void
prefetch_records(const struct no_treatment_relationship *op, const struct chunk *chunk, const struct state_ahead *ahead)
{
    for (uint32_t i = 0; i < ahead->count; i++) {
        if (ahead->entries[i] == NULL)
            continue;
        if (is_access(op, chunk, ahead->rows[i]))
            access_prefetch_last(ahead->entries[i]);
        else
            state_prefetch_rest(ahead->entries[i]);
    }
}

/* The next rows that are wanted; their patients' entries are on their way then. */
static enum status
take_batch(struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t *next, struct error *err)
{
    struct state_ahead ahead = { .count = 0 };
    for (; *next < event_count(chunk) && ahead.count < STATE_PREFETCH_COUNT; ++*next) {
        const uint32_t       row     = event_row(chunk, *next);
        const struct hash128 patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
        if (is_wanted(op, chunk, row))
            state_ahead_add(&ahead, table_of(op), row, state_hash(&patient, sizeof(patient)));
    }
    state_ahead_entries(&ahead, table_of(op));
    prefetch_records(op, chunk, &ahead);
    for (uint32_t i = 0; i < ahead.count; i++) {
        const enum status status = is_access(op, chunk, ahead.rows[i]) ? take_access(op, chunk, ahead.rows[i], ahead.hashes[i], err)
                                                                       : take_explanation(op, chunk, ahead.rows[i], ahead.hashes[i], err);
        if (status != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

static enum status
no_treatment_relationship_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct no_treatment_relationship *op = (struct no_treatment_relationship *)base;
    (void)output;
    if (pending_find(op, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t next = 0; next < event_count(chunk);)
        if (take_batch(op, chunk, &next, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

/* ---- Telling ---- */

/* The heaviest flag, the first of equals. */
static const char *
heaviest(const struct access_rule *rule, uint32_t flags)
{
    uint32_t first = ACCESS_FLAG_COUNT;
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++)
        if ((flags & (1u << i)) != 0 && (first == ACCESS_FLAG_COUNT || rule->flags[i].weight > rule->flags[first].weight))
            first = i;
    return first == ACCESS_FLAG_COUNT ? "" : access_flag_name((enum access_flag)first);
}

/* What would have made it not fire: an explanation, unless what counts stands beside one; fewer flags in any case. */
static void
print_way_out(const struct rule_pack *pack, bool is_explained, struct json_out *json)
{
    json_out_key_object(json, "not_fired_if");
    if (!is_explained) {
        json_out_key_array(json, "explained_by");
        for (uint32_t i = 0; i < pack->explained_by_count; i++)
            json_out_text(json, str_from(pack->explained_by[i]->name));
        json_out_array_end(json);
        json_out_key_int(json, "before_us", pack->before_us);
        json_out_key_int(json, "after_us", pack->after_us);
        json_out_key_int(json, "shortly_after_us", pack->access.shortly_after_us);
    }
    json_out_key_int(json, "rank_below", pack->access.alert_from);
    json_out_object_end(json);
}

static void
explain(struct no_treatment_relationship *op, struct state_entry *entry, const struct access_record *access,
        const struct access_record *explanation, const struct access_weight *weight)
{
    const struct rule_pack *pack       = op->rule.pack;
    struct access_facts     facts      = access_facts_unpack(access->facts);
    struct str              department = access_text(entry, access, ACCESS_TEXT_DEPARTMENT);
    struct json_out         json;
    str_builder_clear(&op->rule.explanation);
    json_out_init(&json, &op->rule.explanation, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "fired_by", heaviest(&pack->access, weight->flags));
    json_out_key_int(&json, "rank", weight->rank);
    json_out_key_array(&json, "flags");
    access_print_flags(&pack->access, weight->flags, &facts, op->zone, department, access->effective_us, &json);
    json_out_array_end(&json);
    if (department.size > 0)
        json_out_key_text(&json, "user_department", department);
    print_way_out(pack, explanation != NULL || access_is_explained_by_master(access), &json);
    if (explanation != NULL) {
        json_out_key_text(&json, "explained_by", access_text(entry, explanation, ACCESS_TEXT_ENTITY));
        json_out_key_cstr(&json, "explained_how", access_how_name(access_how(&op->rule, explanation, access)));
        json_out_key(&json, STR("known_from"));
        json_out_time(&json, explanation->known_us);
    }
    json_out_object_end(&json);
}

static enum status
tell(struct no_treatment_relationship *op, struct state_entry *entry, const struct access_record *access,
     const struct access_record *explanation, const struct access_weight *weight, int64_t now_us, struct epoch_output *output, struct error *err)
{
    const bool                  is_open  = access->told == ACCESS_OPEN;
    const struct access_record *second   = explanation == NULL ? access : explanation;
    const struct rule_evidence  events[] = { { access_text(entry, access, ACCESS_TEXT_PARTITION), access->position },
                                             { access_text(entry, second, ACCESS_TEXT_PARTITION), second->position } };
    const struct alert_identity identity = { .pipeline = op->rule.graph->name, .rule = str_from(op->rule.pack->name),
                                             .event_us = access->event_us, .subject = access->thing, .event = access->identity };
    struct store_alert          alert    = {
        .severity = str_from(severity_name(weight->severity)),
        .status = is_open ? STR("open") : STR("retracted"),
        .status_reason = is_open ? STR_EMPTY : STR("explained"),
        .person_id = access_text(entry, access, ACCESS_TEXT_PERSON), .subject_system = access_text(entry, access, ACCESS_TEXT_USER_SYSTEM),
        .subject_id = access_text(entry, access, ACCESS_TEXT_USER_ID), .encounter_id = access_text(entry, access, ACCESS_TEXT_ENCOUNTER),
        .location = access_text(entry, access, ACCESS_TEXT_LOCATION), .effective_time_us = access->effective_us,
        .detected_at_us = now_us, .is_delivered = access->is_delivered,
    };
    alert.evidence = rule_print_evidence(&op->rule, events, explanation == NULL ? 1 : 2);
    explain(op, entry, access, explanation, weight);
    return rule_tell(&op->rule, &alert, &identity, !access->is_shadow, output, err);
}

/* Judges one access whose time has come; tells what changed. An access that was one to tell when it was made has an alert, if only a
 * retracted one: the status is of history, not of when we look. */
static enum status
judge_access(struct no_treatment_relationship *op, struct state_entry *entry, struct access_record *access, int64_t now_us,
             struct epoch_output *output, struct error *err)
{
    const struct rule_pack *pack = op->rule.pack;
    if (access->stage == ACCESS_WAITS)
        access_assess(&op->rule, op->zone, entry, access);
    const bool                  is_known    = access_is_explained_by_master(access);
    const struct access_record *explanation = access_explanation(&op->rule, entry, access);
    const bool                  is_in_time  = is_known || (explanation != NULL && explanation->known_us <= access->event_us);
    const struct access_weight  bare        = access_weigh(&pack->access, access->flags, false, pack->severity);
    const struct access_weight  explained   = access_weigh(&pack->access, access->flags, true, pack->severity);
    const bool                  is_alert    = explanation != NULL || is_known ? explained.is_alert : bare.is_alert;
    const bool                  was_alert   = is_in_time ? explained.is_alert : bare.is_alert;
    const struct access_weight *weight      = is_alert && (explanation != NULL || is_known) ? &explained : &bare;
    const enum access_told      now         = is_alert ? ACCESS_OPEN : ACCESS_EXPLAINED;
    const uint64_t              shown_low   = explanation == NULL ? 0 : explanation->identity.low;

    access->stage   = ACCESS_JUDGED;
    access->is_done = !bare.is_alert || (!explained.is_alert && (is_known || (is_in_time && !explanation->is_history)));
    if (!is_alert && !was_alert && access->told == ACCESS_UNTOLD)
        return ST_OK;
    if (access->told == now && access->shown_low == shown_low && access->shown_rank == weight->rank)
        return ST_OK;
    access->is_delivered = access->is_delivered || (now == ACCESS_OPEN && !access->is_shadow); /* Who got it hears of its end. */
    access->told         = (uint8_t)now;
    access->shown_low    = shown_low;
    access->shown_rank   = weight->rank;
    return tell(op, entry, access, explanation, weight, now_us, output, err);
}

/* Judges the entry's accesses, and lets go what is done with; returns when the entry expires then. */
static enum status
judge_entry(struct no_treatment_relationship *op, struct state_entry *entry, const struct epoch_decision *decision,
            struct epoch_output *output, int64_t *ret_expires_us, struct error *err)
{
    struct records_head  *head    = records_head(entry);
    struct access_record *records = records_of(entry);
    access_forget(&op->rule, entry, decision->freed_us);
    head->flags &= ~ACCESS_IS_PENDING;
    for (uint32_t i = 0; i < head->record_count; i++) {
        if (!records[i].is_access || records[i].stage == ACCESS_SETTLED)
            continue;
        if (records[i].stage == ACCESS_WAITS && !access_time_has_come(&records[i], decision))
            head->flags |= ACCESS_IS_PENDING;
        else if (judge_access(op, entry, &records[i], decision->now_us, output, err) != ST_OK)
            return ST_ERROR;
    }
    *ret_expires_us = access_keep(&op->rule, entry);
    return ST_OK;
}

static enum status
judge_patient(struct no_treatment_relationship *op, struct state_entry *entry, const struct epoch_decision *decision,
              struct epoch_output *output, struct error *err)
{
    int64_t expires_us;
    if ((records_head(entry)->flags & ACCESS_IS_JUDGED) != 0) {
        records_head(entry)->flags &= ~ACCESS_IS_JUDGED;
        return ST_OK;
    }
    if (records_watch_begin(&op->watch, table_of(op), entry, err) != ST_OK || judge_entry(op, entry, decision, output, &expires_us, err) != ST_OK
        || records_touch(table_of(op), entry, sizeof(struct access_record), expires_us, err) != ST_OK)
        return ST_ERROR;
    records_watch_end(&op->watch, table_of(op), entry);
    return ST_OK;
}

/* ---- Arrivals ---- */

/* The patient's entry, or none, on the desk, with room for its arrivals. */
static struct state_entry *
lay_out(struct no_treatment_relationship *op, const struct access_patient *patient, struct state_entry *entry, struct error *err)
{
    const size_t head = sizeof(struct records_head), arrived = patient->count * sizeof(struct access_record) + patient->texts_size;
    const size_t value_size = (entry == NULL ? head : entry->value_size) + arrived;
    const size_t size       = state_entry_size(sizeof(patient->patient), value_size);
    if (size > op->desk_size) {
        void *larger = memory_alloc_aligned(16, size * 2);
        if (larger == NULL) {
            error_no_memory(err);
            return NULL;
        }
        memory_free(op->desk);
        op->desk      = larger;
        op->desk_size = size * 2;
    }
    return state_entry_make(op->desk, &patient->patient, sizeof(patient->patient), value_size, entry);
}

/* Adds the arrivals to the entry on the desk. Whether records that were there are changed by it. */
static bool
add_arrivals(struct no_treatment_relationship *op, const struct access_patient *patient, struct state_entry *desk)
{
    bool is_changed = false;
    for (uint32_t i = patient->first; i != ACCESS_ARRIVAL_NONE; i = op->arrivals.arrivals[i].next) {
        const struct access_arrival *arrival = &op->arrivals.arrivals[i];
        struct records_head         *head    = records_head(desk);
        struct access_record        *copy    = access_find(desk, arrival->record.identity);
        const uint32_t               count   = head->record_count;
        struct str                   texts[ACCESS_TEXT_COUNT];
        if (copy != NULL) {
            is_changed |= take_copy(copy, &arrival->record);
            continue;
        }
        access_make_room(&op->rule, desk);
        is_changed |= head->record_count != count;
        access_arrival_texts(&op->arrivals, arrival, texts);
        records_add(desk, sizeof(struct access_record), head->record_count, texts, ACCESS_TEXT_COUNT);
        access_set_last(desk, &arrival->record);
    }
    return is_changed;
}

/* From the desk into the state. */
static enum status
put_back(struct no_treatment_relationship *op, const struct access_patient *patient, struct state_entry *desk, int64_t expires_us, struct error *err)
{
    const size_t        size = records_size(desk, sizeof(struct access_record));
    struct state_entry *entry;
    if (state_put(table_of(op), patient->hash, &patient->patient, sizeof(patient->patient), size, expires_us, &entry, NULL, err) != ST_OK)
        return ST_ERROR;
    const bool was_pending = (records_head(entry)->flags & ACCESS_IS_PENDING) != 0;
    records_head(desk)->flags |= ACCESS_IS_JUDGED;
    memcpy(state_value(entry), state_value(desk), size);
    if (was_pending || (records_head(entry)->flags & ACCESS_IS_PENDING) == 0)
        return ST_OK;
    return pending_add(&op->pending, &patient->patient, err);
}

/* Judges a patient with arrivals. Where none of them is wanted further, nearly always, its entry stays as it lies. */
static enum status
judge_arrivals_of(struct no_treatment_relationship *op, const struct access_patient *patient, const struct epoch_decision *decision,
                  struct epoch_output *output, struct error *err)
{
    struct state_entry *entry = state_find(table_of(op), patient->hash, &patient->patient, sizeof(patient->patient));
    struct state_entry *desk  = lay_out(op, patient, entry, err);
    bool                is_changed = entry != NULL && (state_is_changed(entry) || access_has_any(entry));
    int64_t             expires_us;
    if (desk == NULL)
        return ST_ERROR;
    is_changed |= add_arrivals(op, patient, desk);
    if (judge_entry(op, desk, decision, output, &expires_us, err) != ST_OK)
        return ST_ERROR;
    return is_changed || access_has_any(desk) ? put_back(op, patient, desk, expires_us, err) : ST_OK;
}

static enum status
judge_arrivals(struct no_treatment_relationship *op, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    const struct access_arrivals *arrivals = &op->arrivals;
    for (uint32_t next = 0; next < arrivals->patient_count;) {
        struct state_ahead ahead = { .count = 0 };
        for (; next < arrivals->patient_count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            const char *first = (const char *)&arrivals->arrivals[arrivals->patients[next].first];
            for (size_t at = 0; at < sizeof(struct access_arrival); at += 64)
                PREFETCH(first + at);
            state_ahead_add(&ahead, table_of(op), next, arrivals->patients[next].hash);
        }
        state_ahead_entries(&ahead, table_of(op));
        state_ahead_rest(&ahead);
        for (uint32_t i = 0; i < ahead.count; i++)
            if (judge_arrivals_of(op, &arrivals->patients[ahead.rows[i]], decision, output, err) != ST_OK)
                return ST_ERROR;
    }
    access_arrivals_clear(&op->arrivals);
    return ST_OK;
}

static enum status
no_treatment_relationship_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output,
                                  struct error *err)
{
    struct no_treatment_relationship *op = (struct no_treatment_relationship *)base;
    rule_take_decision(&op->rule, decision);
    if (pending_find(op, err) != ST_OK || pending_mark(op, decision, err) != ST_OK || judge_arrivals(op, decision, output, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < base->states[0].dirty_count; i++) {
        state_dirty_prefetch(&base->states[0], i);
        if (judge_patient(op, base->states[0].dirty[i].entry, decision, output, err) != ST_OK)
            return ST_ERROR;
    }
    pending_drop_judged(op);
    return ST_OK;
}

/* ---- The step ---- */

static void
no_treatment_relationship_free(struct operator *base)
{
    struct no_treatment_relationship *op = (struct no_treatment_relationship *)base;
    rule_release(&op->rule);
    zone_drop(op->held);
    access_arrivals_release(&op->arrivals);
    memory_free(op->desk);
    records_watch_release(&op->watch);
    memory_free(op->pending.patients);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "no_treatment_relationship",
    .state_names = { "patients" },
    .exchange    = rule_exchange,
    .rows        = no_treatment_relationship_rows,
    .barrier     = no_treatment_relationship_barrier,
    .free        = no_treatment_relationship_free,
};

/* The rule's zone, else the pipeline's, else UTC. */
static enum status
hold_zone(struct no_treatment_relationship *op, const struct graph *graph, const struct rule_pack *rule, struct error *err)
{
    struct str name = rule->access.zone != NULL ? str_from(rule->access.zone) : graph->zone;
    op->zone        = zone_utc();
    if (name.size == 0 || rule->access.hours_count == 0)
        return ST_OK;
    if (zone_hold(io_system(), name, &op->held, err) != ST_OK) {
        error_context(err, "reading the hours of rule %s", rule->name);
        return ST_ERROR;
    }
    op->zone = op->held;
    return ST_OK;
}

enum status
no_treatment_relationship_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                                 const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    struct no_treatment_relationship *op = memory_alloc_zero(sizeof(*op));
    CHECK(rule->kind == RULE_NO_TREATMENT_RELATIONSHIP);
    if (op == NULL)
        return error_no_memory(err);
    if (rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err) != ST_OK || hold_zone(op, graph, rule, err) != ST_OK) {
        no_treatment_relationship_free(&op->rule.op);
        return ST_ERROR;
    }
    op->rule.op.definition = RECORD_LAYOUT;
    *ret_operator = &op->rule.op;
    return ST_OK;
}
