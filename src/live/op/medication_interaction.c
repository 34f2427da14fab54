#include "live/op/medication_interaction.h"

#include "base/check.h"
#include "base/memory.h"
#include "live/op/interaction_int.h"
#include "live/op/interaction_tell.h"

/* Goes up with each change of the records: state of another layout is passed over, not misread. */
#define RECORD_LAYOUT "1"

struct medication_interaction {
    struct rule              rule;
    struct drug_lookup       lookup;
    uint32_t                 unknown_reason; /* Of unknown_drug. */
    struct drug_groups       groups;         /* Of the patient in hand, and */
    struct interaction_finds finds;          /* the alerts that follow. */
};

static struct state_table *
table_of(struct medication_interaction *op, uint32_t state)
{
    return &op->rule.op.states[state];
}

/* How long a life lasts behind its last statement. */
static int64_t
kept_us(const struct medication_interaction *op)
{
    return op->rule.pack->history_us + INTERACTION_OTHER_KEPT_US;
}

/* ---- Rows ---- */

/* Puts the record with its texts before the one at `index`. `entry` may be NULL. */
static enum status
insert(struct state_table *table, struct state_entry *entry, uint64_t hash, const void *key, size_t key_size, uint32_t index, const struct drug_record *new,
       const struct str *texts, uint32_t text_count, int64_t expires_us, struct error *err)
{
    if (records_insert(table, entry, hash, key, key_size, sizeof(*new), index, texts, text_count, expires_us, &entry, err) != ST_OK)
        return ST_ERROR;
    struct drug_record *stored = (struct drug_record *)records_of(entry) + index;
    struct drug_record  record = *new;
    record.texts               = stored->texts;
    *stored                    = record;
    return ST_OK;
}

/* A drug that the rule knows. */
static enum status
take_known(struct medication_interaction *op, const struct hash128 *patient, uint64_t hash, struct state_entry *entry, struct drug_record *new,
           const struct str *texts, struct error *err)
{
    struct state_table *table = table_of(op, INTERACTION_STATE_PATIENTS);
    const uint32_t      known = drug_find(entry, new->identity);
    uint32_t            index = 0;
    if (known != UINT32_MAX) {
        const enum drug_copy copy = drug_take_copy(entry, known, new, texts[DRUG_TEXT_PARTITION]);
        if (copy != DRUG_COPY_REPLACES)
            return copy == DRUG_COPY_SAME ? ST_OK : records_touch(table, entry, sizeof(*new), entry->expires_us, err);
        records_remove(entry, sizeof(*new), known);
    }
    if (entry != NULL) {
        drug_make_room(entry);
        index = drug_place_of(entry, new, texts[DRUG_TEXT_SYSTEM], texts[DRUG_TEXT_ID]);
    }
    return insert(table, entry, hash, patient, sizeof(*patient), index, new, texts, DRUG_TEXT_COUNT, new->known_us + kept_us(op), err);
}

/* Any other statement. `entry` has the patient's known drugs, or is NULL. */
static enum status
take_other(struct medication_interaction *op, const struct hash128 *patient, struct state_entry *entry, struct drug_record *new, const struct str *texts,
           bool *ret_is_copy, struct error *err)
{
    const struct interaction_key key    = drug_other_key(patient, new->drug);
    const uint64_t               hash   = state_hash(&key, sizeof(key));
    struct state_table          *table  = table_of(op, INTERACTION_STATE_OTHERS);
    struct state_entry          *others = state_find(table, hash, &key, sizeof(key));
    const uint32_t               known  = drug_find(others, new->identity);
    enum drug_copy               copy   = DRUG_COPY_REPLACES;
    *ret_is_copy                        = known != UINT32_MAX;
    if (known != UINT32_MAX)
        copy = drug_take_copy(others, known, new, texts[DRUG_TEXT_PARTITION]);
    if (copy == DRUG_COPY_SAME)
        return ST_OK;
    if (drug_has_drug(entry, new->drug) /* Corrects it, maybe: the barrier tells. */
        && records_touch(table_of(op, INTERACTION_STATE_PATIENTS), entry, sizeof(*new), entry->expires_us, err) != ST_OK)
        return ST_ERROR;
    if (copy == DRUG_COPY_CHANGES)
        return records_touch(table, others, sizeof(*new), others->expires_us, err);
    if (known != UINT32_MAX)
        records_remove(others, sizeof(*new), known);
    else if (others != NULL && records_head(others)->record_count >= RULE_VERSION_COUNT_MAX)
        records_remove(others, sizeof(*new), 0);
    return insert(table, others, hash, &key, sizeof(key), others == NULL ? 0 : records_head(others)->record_count, new, texts, DRUG_TEXT_COUNT_OTHER,
                  new->known_us + INTERACTION_OTHER_KEPT_US, err);
}

static enum status
take_row(struct medication_interaction *op, const struct chunk *chunk, uint32_t row, const struct drug_row *drug, uint64_t hash,
         struct epoch_output *output, struct error *err)
{
    char                 buffers[2][RECORD_TEXT_SIZE_MAX + 1];
    struct str           texts[DRUG_TEXT_COUNT];
    const struct hash128 patient  = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    struct drug_record   record   = drug_record_of(&op->rule, drug, chunk, row);
    const bool           is_known = ingredients_any(&drug->ingredients);
    struct state_entry  *entry    = state_find(table_of(op, INTERACTION_STATE_PATIENTS), hash, &patient, sizeof(patient));
    bool                 is_copy  = false;

    if (record.is_history && !is_known)
        return ST_OK;
    drug_texts_of(&op->rule, chunk, row, buffers, texts, is_known ? DRUG_TEXT_COUNT : DRUG_TEXT_COUNT_OTHER);
    if (is_known)
        return take_known(op, &patient, hash, entry, &record, texts, err);
    if (take_other(op, &patient, entry, &record, texts, &is_copy, err) != ST_OK)
        return ST_ERROR;
    if (drug->is_unknown && !is_copy) {
        output_reasons_of(output, (uint32_t)event_int64(chunk, EVENT_PARTITION, row));
        output_reason_add(output, (uint32_t)event_int64(chunk, EVENT_ENTITY, row), OUTCOME_FIELD, op->unknown_reason, 1);
    }
    return ST_OK;
}

static bool
is_wanted(struct medication_interaction *op, const struct chunk *chunk, uint32_t row, struct drug_row *ret_drug)
{
    const struct entity *entity = &op->rule.graph->model->entities[event_int64(chunk, EVENT_ENTITY, row)];
    return rule_judges_drugs_of(op->rule.pack, entity) && drug_row_of(&op->lookup, chunk, row, ret_drug);
}

static enum status
medication_interaction_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct medication_interaction *op    = (struct medication_interaction *)base;
    const uint32_t                 count = event_count(chunk);
    struct drug_row                rows[STATE_PREFETCH_COUNT];
    struct state_ahead             ahead;
    for (uint32_t next = 0; next < count;) {
        ahead.count = 0;
        for (; next < count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            const uint32_t row = event_row(chunk, next);
            if (!is_wanted(op, chunk, row, &rows[ahead.count]))
                continue;
            const struct hash128 patient = rule_hash(chunk, EVENT_PATIENT_LOW, row);
            state_ahead_add(&ahead, table_of(op, INTERACTION_STATE_PATIENTS), row, state_hash(&patient, sizeof(patient)));
        }
        state_ahead_entries(&ahead, table_of(op, INTERACTION_STATE_PATIENTS));
        for (uint32_t i = 0; i < ahead.count; i++)
            if (take_row(op, chunk, ahead.rows[i], &rows[i], ahead.hashes[i], output, err) != ST_OK)
                return ST_ERROR;
    }
    return ST_OK;
}

/* ---- Barriers ---- */

/* What belongs to the drugs stays as long as they do. */
static enum status
keep(struct medication_interaction *op, struct state_entry *entry, struct error *err)
{
    struct state_table *table      = table_of(op, INTERACTION_STATE_OTHERS);
    int64_t             expires_us = INT64_MIN;
    for (uint32_t i = 0; i < op->groups.count; i++) {
        const struct drug_group     *group  = &op->groups.groups[i];
        const struct interaction_key key    = drug_other_key(state_key(entry), op->groups.places[group->begin].record->drug);
        struct state_entry          *others = state_find(table, state_hash(&key, sizeof(key)), &key, sizeof(key));
        expires_us                          = group->life.end_us > expires_us ? group->life.end_us : expires_us;
        if (others != NULL && others->expires_us < group->life.end_us
            && records_touch(table, others, sizeof(struct drug_record), group->life.end_us + kept_us(op), err) != ST_OK)
            return ST_ERROR;
    }
    return records_touch(table_of(op, INTERACTION_STATE_PATIENTS), entry, sizeof(struct drug_record), expires_us, err);
}

static enum status
judge_entry(struct medication_interaction *op, struct state_entry *entry, const struct epoch_decision *decision, struct epoch_output *output,
            struct error *err)
{
    drug_forget(entry, kept_us(op), decision->freed_us);
    if (drug_groups_gather(&op->groups, &op->rule, kept_us(op), entry, err) != ST_OK
        || interaction_find(&op->finds, &op->rule, &op->groups, err) != ST_OK
        || interaction_tell(&op->finds, &op->rule, &op->groups, entry, decision->now_us, output, err) != ST_OK)
        return ST_ERROR;
    return keep(op, entry, err);
}

static enum status
medication_interaction_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct medication_interaction *op    = (struct medication_interaction *)base;
    struct state_table            *table = table_of(op, INTERACTION_STATE_PATIENTS);
    rule_take_decision(&op->rule, decision);
    for (uint32_t i = 0; i < table->dirty_count; i++) {
        state_dirty_prefetch(table, i);
        if (judge_entry(op, table->dirty[i].entry, decision, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* ---- The step ---- */

static void
medication_interaction_free(struct operator *base)
{
    struct medication_interaction *op = (struct medication_interaction *)base;
    rule_release(&op->rule);
    drug_lookup_release(&op->lookup);
    drug_groups_release(&op->groups);
    interaction_finds_release(&op->finds);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "medication_interaction",
    .state_names = { [INTERACTION_STATE_PATIENTS] = "patients", [INTERACTION_STATE_OTHERS] = "others", [INTERACTION_STATE_TOLD] = "told" },
    .exchange    = rule_exchange,
    .rows        = medication_interaction_rows,
    .barrier     = medication_interaction_barrier,
    .free        = medication_interaction_free,
};

enum status
medication_interaction_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                              const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    const struct reason           *reason = model_reason(graph->model, STR("unknown_drug"));
    struct medication_interaction *op     = memory_alloc_zero(sizeof(*op));
    CHECK(rule->kind == RULE_MEDICATION_INTERACTION && reason != NULL); /* The list of reasons is closed and built in. */
    if (op == NULL)
        return error_no_memory(err);
    op->unknown_reason = reason->index;
    enum status status = rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err);
    if (status == ST_OK)
        status = drug_lookup_init(&op->lookup, graph->model, rule, err);
    if (status != ST_OK) {
        medication_interaction_free(&op->rule.op);
        return status;
    }
    op->rule.op.definition = RECORD_LAYOUT;
    *ret_operator          = &op->rule.op;
    return ST_OK;
}
