#include "live/op/no_treatment_relationship.h"

#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "io/io.h"
#include "io/zone_file.h"
#include "live/op/access.h"
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
    struct rule        rule;
    struct pending     pending;
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

/* The event is there already. A copy may be known earlier. */
static enum status
take_copy(struct no_treatment_relationship *op, struct state_entry *entry, struct access_record *known, const struct access_record *copy,
          struct error *err)
{
    if (known->is_history || copy->known_us >= known->known_us)
        return ST_OK;
    known->known_us = copy->known_us;
    return records_touch(table_of(op), entry, sizeof(*known), entry->expires_us, err);
}

static enum status
take_record(struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row, uint64_t hash, bool is_access, struct error *err)
{
    char                  buffer[RECORD_TEXT_SIZE_MAX + 1];
    struct str            texts[ACCESS_TEXT_COUNT];
    struct hash128        patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    struct state_entry   *entry   = state_find(table_of(op), hash, &patient, sizeof(patient));
    struct access_record  record  = access_record_of(&op->rule, chunk, row, is_access);
    struct access_record *copy    = entry == NULL ? NULL : access_find(entry, record.identity);

    if (copy != NULL)
        return take_copy(op, entry, copy, &record, err);
    if (entry != NULL && !record.is_access && !record.is_history)
        access_replace_history(&op->rule, entry, &record);
    if (entry != NULL)
        access_make_room(&op->rule, entry);
    access_texts_of(&op->rule, chunk, row, is_access, buffer, texts);
    if (records_insert(table_of(op), entry, hash, &patient, sizeof(patient), sizeof(record), entry == NULL ? 0 : records_head(entry)->record_count, texts,
                       is_access ? ACCESS_TEXT_COUNT : ACCESS_TEXT_COUNT_EXPLANATION, access_kept_until(&op->rule, &record), &entry, err)
        != ST_OK)
        return ST_ERROR;
    struct records_head  *head   = records_head(entry);
    struct access_record *stored = (struct access_record *)records_of(entry) + head->record_count - 1;
    record.texts                 = stored->texts;
    *stored                      = record;
    access_note(entry, record.identity);
    if (!is_access || (head->flags & ACCESS_IS_PENDING) != 0)
        return ST_OK;
    head->flags |= ACCESS_IS_PENDING;
    return pending_add(&op->pending, &patient, err);
}

/* An access before the stream is nobody's to judge now. */
static bool
is_wanted(const struct no_treatment_relationship *op, const struct chunk *chunk, uint32_t row)
{
    int64_t entity = event_int64(chunk, EVENT_ENTITY, row);
    return entity == op->rule.entity_index ? event_int64(chunk, EVENT_PARTITION, row) != EVENT_PARTITION_HISTORY : is_explanation(op, entity);
}

static enum status
no_treatment_relationship_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct no_treatment_relationship *op    = (struct no_treatment_relationship *)base;
    const uint32_t                    count = event_count(chunk);
    struct state_ahead                ahead;
    (void)output;
    if (pending_find(op, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t next = 0; next < count;) {
        ahead.count = 0;
        for (; next < count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            uint32_t       row     = event_row(chunk, next);
            struct hash128 patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
            if (is_wanted(op, chunk, row))
                state_ahead_add(&ahead, table_of(op), row, state_hash(&patient, sizeof(patient)));
        }
        state_ahead_entries(&ahead, table_of(op));
        state_ahead_rest(&ahead);
        for (uint32_t i = 0; i < ahead.count; i++)
            if (take_record(op, chunk, ahead.rows[i], ahead.hashes[i], event_int64(chunk, EVENT_ENTITY, ahead.rows[i]) == op->rule.entity_index, err) != ST_OK)
                return ST_ERROR;
    }
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

static enum status
judge_patient(struct no_treatment_relationship *op, struct state_entry *entry, const struct epoch_decision *decision,
              struct epoch_output *output, struct error *err)
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
    return records_touch(table_of(op), entry, sizeof(*records), access_keep(&op->rule, entry), err);
}

static enum status
no_treatment_relationship_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output,
                                  struct error *err)
{
    struct no_treatment_relationship *op = (struct no_treatment_relationship *)base;
    rule_take_decision(&op->rule, decision);
    if (pending_find(op, err) != ST_OK || pending_mark(op, decision, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < base->states[0].dirty_count; i++) {
        state_dirty_prefetch(&base->states[0], i);
        if (judge_patient(op, base->states[0].dirty[i], decision, output, err) != ST_OK)
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
