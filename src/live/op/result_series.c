#include "live/op/result_series.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/op/series_int.h"

struct result_series {
    struct rule               rule;
    const struct series_kind *kind;
    struct series_codes       codes;
    struct hash128           *keys; /* Of pack->series: the second half of a state's key. */
    struct critical_history   history;
    struct records_watch      watch;      /* Of the entry in hand. */
    struct series_views       views;      /* Both of the entry in hand, and */
    int64_t                   changed_us; /* the effective time from which on what came since the last barrier may change a verdict. */
};

static struct state_table *
patients_of(struct result_series *op)
{
    return &op->rule.op.states[0];
}

/* How long a result is kept: as long as one that sees it is judged. */
static int64_t
kept_us(const struct result_series *op)
{
    return op->rule.pack->history_us + SERIES_REVISED_US;
}

/* ---- Rows ---- */

struct series_row {
    struct critical_key key;
    int32_t             code;
};

static bool
is_wanted(const struct result_series *op, const struct chunk *chunk, uint32_t row, struct series_row *ret_row)
{
    if (event_int64(chunk, EVENT_ENTITY, row) != op->rule.entity_index)
        return false;
    const int32_t code = series_code_find(&op->codes, chunk, row);
    if (code < 0 || str_equal(event_text(chunk, EVENT_STATUS_ACTION, row), STR("ignore")))
        return false;
    *ret_row = (struct series_row){ { rule_hash(chunk, EVENT_PATIENT_LOW, row), op->keys[op->codes.series[code]] }, code };
    return true;
}

/* History fires nothing, so an alert shows of it no more than what corrected a result; it stands before what the log says of the same time. */
static uint32_t
texts_of(const struct result_series *op, const struct chunk *chunk, uint32_t row, const struct critical_record *record,
         char buffers[2][RECORD_TEXT_SIZE_MAX + 1], struct str texts[TEXT_COUNT])
{
    const bool is_history = (record->traits & SERIES_HISTORY) != 0;
    critical_texts_of(&op->rule, chunk, row, buffers, texts, is_history ? TEXT_COUNT_NORMAL : TEXT_COUNT);
    if (is_history)
        texts[TEXT_SYSTEM] = STR_EMPTY;
    return is_history ? TEXT_COUNT_NORMAL : TEXT_COUNT;
}

static enum status
take_row(struct result_series *op, const struct chunk *chunk, uint32_t row, const struct series_row *new, uint64_t hash, struct error *err)
{
    char                   buffers[2][RECORD_TEXT_SIZE_MAX + 1];
    struct str             texts[TEXT_COUNT];
    struct critical_record record;
    struct state_entry    *entry = state_find(patients_of(op), hash, &new->key, sizeof(new->key));
    uint32_t               index = 0, count = 0;

    if (critical_has(entry, rule_hash(chunk, EVENT_IDENTITY_LOW, row))) /* A copy. */
        return ST_OK;
    series_record_of(&op->rule, &op->rule.pack->series[op->codes.series[new->code]], op->codes.codes[new->code], chunk, row, &record);
    const uint32_t text_count = texts_of(op, chunk, row, &record, buffers, texts);
    if (entry != NULL) {
        count = records_head(entry)->record_count;
        critical_make_room(&op->rule, entry);
        index = critical_place_of(entry, &record.version, texts[TEXT_SYSTEM], texts[TEXT_ID]);
    }
    const int64_t     until_us = record.version.known_us + kept_us(op);
    const enum status status   = index == count ? records_append(patients_of(op), entry, hash, &new->key, sizeof(new->key), sizeof(record), texts, text_count, until_us, &entry, err)
                                                : records_insert(patients_of(op), entry, hash, &new->key, sizeof(new->key), sizeof(record), index, texts, text_count, until_us, &entry, err);
    if (status != ST_OK)
        return ST_ERROR;
    struct critical_record *stored = critical_records(entry) + index;
    record.version.texts           = stored->version.texts;
    record.told.arrival            = critical_next_arrival(entry, index);
    *stored                        = record;
    return ST_OK;
}

static enum status
result_series_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct result_series *op    = (struct result_series *)base;
    const uint32_t        count = event_count(chunk);
    struct series_row     rows[STATE_PREFETCH_COUNT];
    struct state_ahead    ahead;
    (void)output;
    for (uint32_t next = 0; next < count;) {
        ahead.count = 0;
        for (; next < count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            const uint32_t     row = event_row(chunk, next);
            struct series_row *new = &rows[ahead.count];
            if (is_wanted(op, chunk, row, new))
                state_ahead_add(&ahead, patients_of(op), row, state_hash(&new->key, sizeof(new->key)));
        }
        state_ahead_entries(&ahead, patients_of(op));
        for (uint32_t i = 0; i < ahead.count; i++)
            if (take_row(op, chunk, ahead.rows[i], &rows[i], ahead.hashes[i], err) != ST_OK)
                return ST_ERROR;
    }
    return ST_OK;
}

/* ---- Judging ---- */

static const struct rule_series *
series_of(const struct result_series *op, struct state_entry *entry)
{
    const struct critical_key *key = state_key(entry);
    for (uint32_t i = 0; i < op->rule.pack->series_count; i++)
        if (hash128_equal(op->keys[i], key->code))
            return &op->rule.pack->series[i];
    return NULL; /* The rule has it no longer. */
}

static bool
judge_version(struct result_series *op, const struct rule_series *series, struct state_entry *entry, uint32_t index,
              const struct critical_record *limit, struct series_view *ret_view, struct series_verdict *ret_verdict)
{
    *ret_verdict = (struct series_verdict){ .fires = false };
    if (!series_view_of(&op->views, &op->rule, series, entry, index, limit, ret_view))
        return false;
    op->kind->judge(ret_view, ret_verdict);
    return true;
}

/* Whether nothing can come any more that the version would see (S2). */
static bool
is_settled(const struct critical_record *record, int64_t freed_us)
{
    return record->is_judged && record->version.known_us + SERIES_REVISED_US <= freed_us;
}

/* The earliest time of what came since the last barrier, and of the versions that it stands beside. */
static int64_t
find_changed(struct state_entry *entry)
{
    const struct critical_record *records    = critical_records(entry);
    const uint32_t                count      = records_head(entry)->record_count;
    int64_t                       changed_us = INT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; !records[i].is_judged && k < count; k++)
            if (critical_same_result(&records[k], &records[i]) && records[k].version.effective_us < changed_us)
                changed_us = records[k].version.effective_us;
    }
    return changed_us;
}

/* Whether the version's verdict is the one that it had: nothing came that it sees (S2), or nothing but what is later than it. */
static bool
is_as_before(const struct result_series *op, const struct critical_record *record, int64_t freed_us)
{
    return is_settled(record, freed_us) || (record->is_judged && record->version.effective_us < op->changed_us);
}

/* Judges what may have changed, and fills the history for critical_judge. */
static enum status
judge_versions(struct result_series *op, const struct rule_series *series, struct state_entry *entry, int64_t freed_us, struct error *err)
{
    struct critical_record *records = critical_records(entry);
    const uint32_t          count   = records_head(entry)->record_count;
    struct series_view      view;
    struct series_verdict   verdict;

    for (uint32_t i = 0; i < count; i++) {
        if (is_as_before(op, &records[i], freed_us))
            continue;
        judge_version(op, series, entry, i, NULL, &view, &verdict);
        records[i].traits   = (uint8_t)((records[i].traits & ~SERIES_FIRES) | (verdict.fires ? SERIES_FIRES : 0));
        records[i].severity = (uint8_t)verdict.severity;
    }
    if (critical_history_of_records(&op->history, entry, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++)
        op->history.results[i].is_critical = (records[i].traits & SERIES_FIRES) != 0;
    return ST_OK;
}

/* The earliest time of the version's result, as it stood in the log: from there on others may be judged anew by it. */
static int64_t
begin_of(struct state_entry *entry, const struct critical_record *version)
{
    const struct critical_record *records  = critical_records(entry);
    int64_t                       begin_us = version->version.effective_us;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (critical_same_result(&records[i], version) && critical_is_before(entry, &records[i], version)
            && records[i].version.effective_us < begin_us)
            begin_us = records[i].version.effective_us;
    return begin_us;
}

/* The effective time of the result's last version. */
static int64_t
last_us(const struct result_series *op, const struct critical_record *records, uint32_t index)
{
    while (op->views.later[index] != UINT32_MAX)
        index = op->views.later[index];
    return records[index].version.effective_us;
}

/* Bears the alerts that held when `version` had come, of the results that it could change. */
static void
judge_births(struct result_series *op, const struct rule_series *series, struct state_entry *entry, const struct critical_record *version,
             int64_t freed_us)
{
    struct critical_record *records  = critical_records(entry);
    const int64_t           begin_us = begin_of(entry, version);
    struct series_view      view;
    struct series_verdict   verdict;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        /* A result is looked at from its first version on. */
        for (uint32_t k = op->views.sooner[i] == UINT32_MAX && last_us(op, records, i) >= begin_us ? i : UINT32_MAX; k != UINT32_MAX;
             k = op->views.later[k]) {
            if (!critical_is_before(entry, &records[k], version) || is_settled(&records[k], freed_us)
                || !judge_version(op, series, entry, k, version, &view, &verdict) || !verdict.fires)
                continue;
            const uint32_t born = (uint32_t)verdict.severity << SERIES_BORN_SHIFT;
            records[k].traits   = (uint8_t)((records[k].traits & ~(3u << SERIES_BORN_SHIFT)) | born);
            records[k].is_born  = records[k].is_born != 0 ? records[k].is_born : 1;
            break;
        }
    }
}

/* Versions that came since the last barrier, in the order of the log. */
static void
judge_new(struct result_series *op, const struct rule_series *series, struct state_entry *entry, int64_t freed_us)
{
    struct critical_record *records = critical_records(entry);
    for (;;) {
        struct critical_record *first = NULL;
        for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
            if (!records[i].is_judged && (first == NULL || critical_is_before(entry, &records[i], first)))
                first = &records[i];
        if (first == NULL)
            return;
        judge_births(op, series, entry, first, freed_us);
        first->is_judged = 1;
    }
}

/* ---- Telling ---- */

void
series_evidence(struct series_verdict *verdict, const struct series_point *point)
{
    for (uint32_t i = 0; point != NULL && i < verdict->place_count; i++)
        if (verdict->places[i] == point->place)
            return;
    if (point != NULL && verdict->place_count < SERIES_EVIDENCE_MAX)
        verdict->places[verdict->place_count++] = point->place;
}

bool
series_is_doubtful(const struct series_view *view, const struct series_verdict *verdict, bool knows_haemolysis)
{
    bool is_haemolysed = view->is_haemolysed;
    for (uint32_t i = 0; i < view->count; i++)
        for (uint32_t k = 0; view->points[i].is_haemolysed && k < verdict->place_count; k++)
            is_haemolysed |= verdict->places[k] == view->points[i].place;
    return knows_haemolysis && is_haemolysed;
}

void
series_print_specimen(struct json_out *json, bool is_haemolysed)
{
    if (is_haemolysed)
        json_out_key_cstr(json, "specimen", "haemolysed");
}

void
series_print_decimal(struct json_out *json, const char *key, int64_t value)
{
    json_out_key(json, str_from(key));
    json_out_decimal(json, value, 6);
}

void
series_print_point(struct json_out *json, const char *key, const struct series_point *point)
{
    json_out_key(json, str_from(key));
    if (point == NULL) {
        json_out_null(json);
        return;
    }
    json_out_object_begin(json);
    series_print_decimal(json, "value", point->value);
    json_out_key(json, STR("time"));
    json_out_time(json, point->effective_us);
    series_print_specimen(json, point->is_haemolysed);
    json_out_object_end(json);
}

/* How many days before the result it could see: what the warehouse told and the log together. */
static void
print_seen(const struct result_series *op, struct json_out *json, int64_t effective_us)
{
    const int64_t from_us = op->rule.history_from_us;
    json_out_key(json, STR("days_seen"));
    if (from_us == INT64_MIN || from_us > effective_us) {
        json_out_null(json);
        return;
    }
    const int64_t seen_us = effective_us - from_us;
    json_out_int(json, (seen_us < op->rule.pack->history_us ? seen_us : op->rule.pack->history_us) / US_PER_DAY);
}

/* Of the newest version that can be judged; fills the evidence behind its first two. */
static uint32_t
explain(struct result_series *op, const struct rule_series *series, struct state_entry *entry, const struct critical_record *firing,
        const struct critical_place *latest, struct rule_evidence *events)
{
    const struct critical_record *records = critical_records(entry);
    struct series_view            view;
    struct series_verdict         verdict;
    struct json_out               json;
    uint32_t                      count = 0;

    events[count++] = (struct rule_evidence){ critical_text(entry, firing, TEXT_PARTITION), firing->version.position };
    if (latest->record != firing)
        events[count++] = (struct rule_evidence){ critical_place_text(latest, TEXT_PARTITION), latest->version->position };
    str_builder_clear(&op->rule.explanation);
    json_out_init(&json, &op->rule.explanation, 0);
    json_out_object_begin(&json);
    if (judge_version(op, series, entry, (uint32_t)(latest->record - records), NULL, &view, &verdict)
        || judge_version(op, series, entry, (uint32_t)(firing - records), NULL, &view, &verdict)) {
        op->kind->explain(&view, &verdict, &json);
        print_seen(op, &json, view.effective_us);
    }
    json_out_object_end(&json);
    for (uint32_t i = 0; i < verdict.place_count; i++)
        events[count++] = (struct rule_evidence){ critical_text(entry, &records[verdict.places[i]], TEXT_PARTITION), records[verdict.places[i]].version.position };
    return count;
}

/* The hash of all that it says, so that it is told again when any of it changes. */
static uint64_t
hash_shown(const struct result_series *op, const struct critical_place *latest, const struct rule_evidence *events, uint32_t count)
{
    const struct str explanation = str_builder_text(&op->rule.explanation);
    uint64_t         shown       = hash64(explanation.data, explanation.size) ^ latest->version->identity.low;
    for (uint32_t i = 0; i < count; i++)
        shown = shown * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)events[i].position;
    return shown;
}

/* Tells what the alert of a record says now, unless it said so last. What has not changed has been told. */
static enum status
tell_change(struct result_series *op, const struct rule_series *series, struct state_entry *entry, struct critical_record *firing,
            const struct critical_place *latest, struct critical_told now, const struct epoch_decision *decision, struct epoch_output *output,
            struct error *err)
{
    struct rule_evidence events[SERIES_EVIDENCE_MAX + 2];
    struct result_alert  alert = { entry, firing, latest, now, 0, events };
    if (is_as_before(op, firing, decision->freed_us) && is_as_before(op, latest->record, decision->freed_us))
        alert.told.shown = firing->told.shown;
    else {
        alert.event_count = explain(op, series, entry, firing, latest, events);
        alert.told.shown  = hash_shown(op, latest, events, alert.event_count);
    }
    if (!result_alert_is_news(&alert))
        return ST_OK;
    if (alert.event_count == 0)
        alert.event_count = explain(op, series, entry, firing, latest, events);
    return result_alert_tell(&op->rule, &alert, decision->now_us, output, err);
}

static enum status
tell_alerts(struct result_series *op, const struct rule_series *series, struct state_entry *entry, const struct epoch_decision *decision,
            struct epoch_output *output, struct error *err)
{
    const struct critical_history *history = &op->history;
    const size_t count = critical_judge(history->results, history->count, op->rule.pack->cooldown_us, history->alerts);
    for (size_t i = 0; i < count; i++) {
        const struct critical_alert *alert  = &history->alerts[i];
        const struct critical_place *latest = &history->places[alert->latest_index];
        struct critical_record      *firing = history->places[alert->firing_index].record;
        const struct critical_told   now    = { .state = (uint8_t)result_alert_state(alert, latest), .severity = (uint8_t)alert->severity,
                                                .is_live = !alert->is_shadow };
        firing->is_born = 2; /* And still is. */
        if (tell_change(op, series, entry, firing, latest, now, decision, output, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* Alerts that were born and that the history no longer bears out. */
static enum status
tell_superseded(struct result_series *op, const struct rule_series *series, struct state_entry *entry, const struct epoch_decision *decision,
                struct epoch_output *output, struct error *err)
{
    struct critical_record *records = critical_records(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        struct critical_record     *firing = &records[i];
        const struct critical_place itself = { entry, &firing->version, firing };
        const struct critical_told  now    = { .state = ALERT_SUPERSEDED, .severity = (firing->traits >> SERIES_BORN_SHIFT) & 3u,
                                               .is_live = !firing->is_shadow };
        if (firing->is_born == 1 && tell_change(op, series, entry, firing, &itself, now, decision, output, err) != ST_OK)
            return ST_ERROR;
        firing->is_born = firing->is_born != 0;
    }
    return ST_OK;
}

static enum status
keep(struct result_series *op, struct state_entry *entry, struct error *err)
{
    const struct critical_record *records    = critical_records(entry);
    const uint32_t                count      = records_head(entry)->record_count;
    int64_t                       expires_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        const int64_t until_us = records[i].version.known_us + kept_us(op);
        expires_us             = until_us > expires_us ? until_us : expires_us;
    }
    return records_touch(patients_of(op), entry, sizeof(*records), expires_us, err);
}

static enum status
judge_entry(struct result_series *op, struct state_entry *entry, const struct epoch_decision *decision, struct epoch_output *output,
            struct error *err)
{
    const struct rule_series *series = series_of(op, entry);
    critical_forget(&op->rule, entry, kept_us(op), decision->freed_us);
    if (series == NULL)
        return keep(op, entry, err);
    op->changed_us = find_changed(entry);
    if (series_views_find(&op->views, entry, err) != ST_OK || judge_versions(op, series, entry, decision->freed_us, err) != ST_OK
        || tell_alerts(op, series, entry, decision, output, err) != ST_OK)
        return ST_ERROR;
    judge_new(op, series, entry, decision->freed_us);
    if (tell_superseded(op, series, entry, decision, output, err) != ST_OK)
        return ST_ERROR;
    return keep(op, entry, err);
}

static enum status
result_series_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct result_series *op = (struct result_series *)base;
    rule_take_decision(&op->rule, decision);
    for (uint32_t i = 0; i < patients_of(op)->dirty_count; i++) {
        state_dirty_prefetch(patients_of(op), i);
        struct state_entry *entry = patients_of(op)->dirty[i].entry;
        if (records_watch_begin(&op->watch, patients_of(op), entry, err) != ST_OK || judge_entry(op, entry, decision, output, err) != ST_OK)
            return ST_ERROR;
        records_watch_end(&op->watch, patients_of(op), entry);
    }
    return ST_OK;
}

/* ---- The step ---- */

static void
result_series_free(struct operator *base)
{
    struct result_series *op = (struct result_series *)base;
    rule_release(&op->rule);
    series_codes_release(&op->codes);
    series_views_release(&op->views);
    records_watch_release(&op->watch);
    critical_history_release(&op->history);
    memory_free(op->keys);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "result_series",
    .state_names = { "patients" },
    .exchange    = rule_exchange,
    .rows        = result_series_rows,
    .barrier     = result_series_barrier,
    .free        = result_series_free,
};

static const struct series_kind *
kind_of(const struct rule_pack *pack)
{
    CHECK(rule_has_series(pack));
    return pack->kind == RULE_DELTA_CHECK ? &series_delta : pack->kind == RULE_RELATIVE_TREND ? &series_trend : &series_kidney;
}

/* A series goes by its first code. */
static enum status
find_keys(struct result_series *op, const struct rule_pack *pack, struct error *err)
{
    op->keys = memory_alloc_array(pack->series_count + 1, sizeof(*op->keys));
    if (op->keys == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < pack->series_count; i++)
        op->keys[i] = rule_text_hash(str_from(pack->series[i].codes[0].code));
    return ST_OK;
}

enum status
result_series_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                     const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    struct result_series *op = memory_alloc_zero(sizeof(*op));
    if (op == NULL)
        return error_no_memory(err);
    enum status status = rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err);
    op->kind           = kind_of(rule);
    if (status == ST_OK)
        status = series_codes_init(&op->codes, rule, err);
    if (status == ST_OK)
        status = find_keys(op, rule, err);
    if (status == ST_OK)
        *ret_operator = &op->rule.op;
    else
        result_series_free(&op->rule.op);
    return status;
}
