#include "live/op/critical_value.h"

#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "live/op/critical_history.h"
#include "live/op/result_alert.h"
#include "live/op/rule.h"

struct critical_value {
    struct rule             rule;
    struct critical_limits  limits;
    struct critical_history history; /* Of the entry in hand. */
};

static struct state_table *
patients_of(struct critical_value *op)
{
    return &op->rule.op.states[CRITICAL_STATE_PATIENTS];
}

static struct state_table *
normals_of(struct critical_value *op)
{
    return &op->rule.op.states[CRITICAL_STATE_NORMALS];
}

/* ---- Rows ---- */

static bool
has_result(struct state_entry *entry, struct hash128 result_key)
{
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (hash128_equal(critical_records(entry)[i].result_key, result_key))
            return true;
    return false;
}

static bool
has_normal(struct state_entry *normals, struct hash128 identity)
{
    for (uint32_t i = 0; normals != NULL && i < records_head(normals)->record_count; i++)
        if (hash128_equal(((const struct critical_version *)records_of(normals))[i].identity, identity))
            return true;
    return false;
}

static enum status
take_critical(struct critical_value *op, struct state_entry *entry, uint64_t hash, const struct critical_row *new, const struct str *texts,
              struct error *err)
{
    uint32_t index = 0;
    if (entry != NULL) {
        critical_make_room(&op->rule, entry);
        index = critical_place_of(entry, &new->record.version, texts[TEXT_SYSTEM], texts[TEXT_ID]);
    }
    if (records_insert(patients_of(op), entry, hash, &new->key, sizeof(new->key), sizeof(new->record), index, texts, TEXT_COUNT,
                       new->record.version.known_us + op->rule.pack->history_us, &entry, err) != ST_OK)
        return ST_ERROR;
    struct critical_record *stored = critical_records(entry) + index;
    struct critical_record  record = new->record;
    record.version.texts           = stored->version.texts;
    record.told.arrival            = critical_next_arrival(entry, index);
    *stored                        = record;
    return ST_OK;
}

/* `entry` has the critical versions of the patient and analyte, or is NULL. */
static enum status
take_normal(struct critical_value *op, struct state_entry *entry, struct state_entry *normals, uint64_t hash, const struct critical_row *new,
            const struct str *texts, struct error *err)
{
    if (entry != NULL && has_result(entry, new->record.result_key) /* Corrects it, maybe: the barrier tells. */
        && records_touch(patients_of(op), entry, sizeof(struct critical_record), entry->expires_us, err) != ST_OK)
        return ST_ERROR;
    uint32_t count = normals == NULL ? 0 : records_head(normals)->record_count;
    if (count >= RULE_VERSION_COUNT_MAX) {
        records_remove(normals, sizeof(struct critical_version), 0);
        count--;
    }
    if (records_insert(normals_of(op), normals, hash, &new->normal_key, sizeof(new->normal_key), sizeof(struct critical_version), count, texts,
                       TEXT_COUNT_NORMAL, new->record.version.known_us + CRITICAL_NORMAL_KEPT_US, &normals, err) != ST_OK)
        return ST_ERROR;
    struct critical_version *stored  = (struct critical_version *)records_of(normals) + count;
    struct critical_version  version = new->record.version;
    version.texts                    = stored->texts;
    *stored                          = version;
    return ST_OK;
}

static enum status
take_row(struct critical_value *op, const struct chunk *chunk, uint32_t row, const struct critical_row *new, uint64_t hash, struct epoch_output *output,
         struct error *err)
{
    char                  buffers[2][RECORD_TEXT_SIZE_MAX + 1];
    struct str            texts[TEXT_COUNT];
    const struct hash128  identity = new->record.version.identity;
    const uint64_t        own      = state_hash(&new->key, sizeof(new->key));
    struct state_entry   *entry    = state_find(patients_of(op), own, &new->key, sizeof(new->key));
    struct state_entry   *normals  = state_find(normals_of(op), hash, &new->normal_key, sizeof(new->normal_key));

    if (critical_has(entry, identity) || has_normal(normals, identity)) /* A copy. */
        return ST_OK;
    output->awaits_alert |= new->is_critical && !new->record.is_shadow;
    critical_texts_of(&op->rule, chunk, row, buffers, texts, new->is_critical ? TEXT_COUNT : TEXT_COUNT_NORMAL);
    return new->is_critical ? take_critical(op, entry, own, new, texts, err) : take_normal(op, entry, normals, hash, new, texts, err);
}

/* What was before the stream fires nothing, and neither hides nor changes what the stream fires: it is passed by. */
static bool
is_wanted(const struct critical_value *op, const struct chunk *chunk, uint32_t row)
{
    return event_int64(chunk, EVENT_ENTITY, row) == op->rule.entity_index && event_int64(chunk, EVENT_PARTITION, row) != EVENT_PARTITION_HISTORY
           && !str_equal(event_text(chunk, EVENT_STATUS_ACTION, row), STR("ignore"));
}

static enum status
critical_value_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct critical_value *op    = (struct critical_value *)base;
    const uint32_t         count = event_count(chunk);
    struct critical_row    rows[STATE_PREFETCH_COUNT];
    struct state_ahead     ahead;
    for (uint32_t next = 0; next < count;) {
        ahead.count = 0;
        for (; next < count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            uint32_t             row = event_row(chunk, next);
            struct critical_row *new = &rows[ahead.count];
            if (!is_wanted(op, chunk, row))
                continue;
            critical_row_of(&op->rule, &op->limits, chunk, row, new);
            if ((new->record.numbers & IS_PROMOTION) != 0 && !new->is_critical)
                continue; /* "Now final" takes nothing back. */
            state_ahead_add(&ahead, normals_of(op), row, state_hash(&new->normal_key, sizeof(new->normal_key)));
        }
        state_ahead_entries(&ahead, normals_of(op));
        for (uint32_t i = 0; i < ahead.count; i++)
            if (take_row(op, chunk, ahead.rows[i], &rows[i], ahead.hashes[i], output, err) != ST_OK)
                return ST_ERROR;
    }
    return ST_OK;
}

/* ---- Telling ---- */

/* What the sender says of the specimen, and what that means for the analyte; `limit` NULL: nothing is known of that. */
static void
explain_haemolysis(const struct rule_limit *limit, struct json_out *json)
{
    json_out_key_cstr(json, "specimen", "haemolysed");
    if (limit == NULL)
        return;
    json_out_key(json, STR("haemolysed_high"));
    json_out_decimal(json, limit->haemolysed_high, 6);
    json_out_key_cstr(json, "note", "burst cells release it: the number may be too high; a new specimen tells");
}

static void
explain(struct critical_value *op, struct state_entry *entry, const struct critical_record *firing)
{
    struct json_out json;
    struct str      comparator = critical_text(entry, firing, TEXT_COMPARATOR);
    bool            is_beyond  = (firing->numbers & (HAS_LOW | HAS_HIGH)) != 0;
    str_builder_clear(&op->rule.explanation);
    json_out_init(&json, &op->rule.explanation, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "fired_by", is_beyond ? "limit" : "laboratory_flag");
    if ((firing->numbers & HAS_VALUE) != 0) {
        json_out_key(&json, STR("value"));
        json_out_decimal(&json, firing->value, 6);
        json_out_key_text(&json, "unit", critical_text(entry, firing, TEXT_UNIT));
    }
    if (comparator.size > 0)
        json_out_key_text(&json, "comparator", comparator);
    if ((firing->numbers & HAS_LOW) != 0) {
        json_out_key(&json, STR("low"));
        json_out_decimal(&json, firing->low, 6);
    }
    if ((firing->numbers & HAS_HIGH) != 0) {
        json_out_key(&json, STR("high"));
        json_out_decimal(&json, firing->high, 6);
    }
    if (critical_text(entry, firing, TEXT_FLAG).size > 0)
        json_out_key_text(&json, "flag", critical_text(entry, firing, TEXT_FLAG));
    if ((firing->traits & RECORD_HAEMOLYSED) != 0)
        explain_haemolysis(critical_limit_of_haemolysis(&op->limits, critical_text(entry, firing, TEXT_CODE)), &json);
    json_out_object_end(&json);
}

/* Tells what the alert of a record says now, unless it said so last. */
static enum status
tell_change(struct critical_value *op, struct state_entry *entry, struct critical_record *firing, const struct critical_place *latest,
            struct critical_told now, int64_t now_us, struct epoch_output *output, struct error *err)
{
    const struct rule_evidence events[] = { { critical_text(entry, firing, TEXT_PARTITION), firing->version.position },
                                            { critical_place_text(latest, TEXT_PARTITION), latest->version->position } };
    struct result_alert        alert    = { entry, firing, latest, now, &firing->version == latest->version ? 1 : 2, events };
    alert.told.shown = latest->version->identity.low;
    if (!result_alert_is_news(&alert))
        return ST_OK;
    explain(op, entry, firing);
    return result_alert_tell(&op->rule, &alert, now_us, output, err);
}

/* The alerts that follow from the history that was gathered. */
static enum status
tell_alerts(struct critical_value *op, struct state_entry *entry, int64_t now_us, struct epoch_output *output, struct error *err)
{
    const struct critical_history *history = &op->history;
    const size_t count = critical_judge(history->results, history->count, op->rule.pack->cooldown_us, history->alerts);
    for (size_t i = 0; i < count; i++) {
        const struct critical_alert *alert  = &history->alerts[i];
        const struct critical_place *latest = &history->places[alert->latest_index];
        struct critical_record      *firing = history->places[alert->firing_index].record;
        const struct critical_told   now    = { .state = (uint8_t)result_alert_state(alert, latest), .severity = (uint8_t)alert->severity, .is_live = !alert->is_shadow };
        firing->is_born = 2; /* And still is. */
        if (tell_change(op, entry, firing, latest, now, now_us, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* Alerts that were born and that history no longer knows. */
static enum status
tell_superseded(struct critical_value *op, struct state_entry *entry, int64_t now_us, struct epoch_output *output, struct error *err)
{
    struct critical_record *records = critical_records(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        struct critical_record     *firing = &records[i];
        const struct critical_place itself = { entry, &firing->version, firing };
        const struct critical_told  now    = { .state = ALERT_SUPERSEDED, .severity = firing->severity, .is_live = !firing->is_shadow };
        if (firing->is_born == 1 && tell_change(op, entry, firing, &itself, now, now_us, output, err) != ST_OK)
            return ST_ERROR;
        firing->is_born = firing->is_born != 0;
    }
    return ST_OK;
}

/* At the first barrier behind a version: all that stands before it in its partition is here then. */
static void
judge_births(struct critical_value *op, struct state_entry *entry)
{
    struct critical_record *records = critical_records(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        if (!records[i].is_judged && !records[i].is_born && !records[i].version.is_withdrawn)
            records[i].is_born = critical_was_born(&op->history, &op->rule, entry, &records[i]);
        records[i].is_judged = 1;
    }
}

/* ---- Forgetting ---- */

/* What corrects a critical version stays as long as it. */
static enum status
keep_normals(struct critical_value *op, struct state_entry *entry, const struct critical_record *of, int64_t until_us, struct error *err)
{
    const struct normal_key key     = critical_normal_key(state_key(entry), of->result_key);
    struct state_entry     *normals = state_find(normals_of(op), state_hash(&key, sizeof(key)), &key, sizeof(key));
    if (normals == NULL || normals->expires_us >= until_us)
        return ST_OK;
    return records_touch(normals_of(op), normals, sizeof(struct critical_version), until_us, err);
}

/* Says until when the entry and what belongs to it must stay. */
static enum status
keep(struct critical_value *op, struct state_entry *entry, struct error *err)
{
    const struct critical_record *records    = critical_records(entry);
    const uint32_t                count      = records_head(entry)->record_count;
    int64_t                       expires_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int64_t until_us = critical_kept_until(op->rule.pack->history_us, records, count, &records[i]);
        expires_us       = until_us > expires_us ? until_us : expires_us;
        if (keep_normals(op, entry, &records[i], until_us, err) != ST_OK)
            return ST_ERROR;
    }
    return records_touch(patients_of(op), entry, sizeof(*records), expires_us, err);
}

static enum status
judge_entry(struct critical_value *op, struct state_entry *entry, const struct epoch_decision *decision, struct epoch_output *output,
            struct error *err)
{
    critical_forget(&op->rule, entry, op->rule.pack->history_us, decision->freed_us);
    if (critical_history_gather(&op->history, &op->rule, entry, err) != ST_OK
        || tell_alerts(op, entry, decision->now_us, output, err) != ST_OK)
        return ST_ERROR;
    judge_births(op, entry);
    if (tell_superseded(op, entry, decision->now_us, output, err) != ST_OK)
        return ST_ERROR;
    return keep(op, entry, err);
}

static enum status
critical_value_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct critical_value *op = (struct critical_value *)base;
    for (uint32_t i = 0; i < patients_of(op)->dirty_count; i++) {
        state_dirty_prefetch(patients_of(op), i);
        if (judge_entry(op, patients_of(op)->dirty[i].entry, decision, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* ---- The step ---- */

static void
critical_value_free(struct operator *op)
{
    struct critical_value *critical = (struct critical_value *)op;
    rule_release(&critical->rule);
    critical_history_release(&critical->history);
    critical_limits_release(&critical->limits);
    memory_free(critical);
}

static const struct operator_kind kind = {
    .name        = "critical_value",
    .state_names = { [CRITICAL_STATE_PATIENTS] = "patients", [CRITICAL_STATE_NORMALS] = "normals" },
    .exchange    = rule_exchange,
    .rows        = critical_value_rows,
    .barrier     = critical_value_barrier,
    .free        = critical_value_free,
};

enum status
critical_value_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                      const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    struct critical_value *op = memory_alloc_zero(sizeof(*op));
    CHECK(rule->kind == RULE_CRITICAL_VALUE);
    if (op == NULL)
        return error_no_memory(err);
    enum status status = rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err);
    if (status == ST_OK)
        status = critical_limits_init(&op->limits, rule, err);
    if (status == ST_OK)
        *ret_operator = &op->rule.op;
    else
        critical_value_free(&op->rule.op);
    return status;
}
