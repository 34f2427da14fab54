#include "live/op/critical_value.h"

#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "base/time.h"
#include "live/op/critical_limit.h"
#include "live/op/records.h"
#include "live/op/rule.h"
#include "live/rule/critical.h"

/* A result that is not critical matters only where it corrects one that is, or where that one is read later. Two days are
 * more than partitions are apart, and results that are not critical are nearly all. */
#define NORMAL_KEPT_US (2 * US_PER_DAY)

/* Texts of a record. The last ones are kept of critical results only. */
enum {
    TEXT_SYSTEM,
    TEXT_ID,
    TEXT_PARTITION,
    TEXT_RESULT,
    TEXT_RESULT_UNIT,
    TEXT_RANGE,
    TEXT_PATIENT_SYSTEM,
    TEXT_PATIENT_ID,
    TEXT_PERSON,
    TEXT_ENCOUNTER,
    TEXT_LOCATION,
    TEXT_PRACTITIONER,
    TEXT_CODE,
    TEXT_UNIT,
    TEXT_FLAG,
    TEXT_COMPARATOR,
    TEXT_COUNT
};
#define TEXT_COUNT_NORMAL TEXT_PATIENT_SYSTEM
_Static_assert(TEXT_COUNT <= RECORD_TEXT_COUNT_MAX, "the texts of a record");

#define HAS_LOW   1u
#define HAS_HIGH  2u
#define HAS_VALUE 4u

/* What the world was told last of the alert that a result fires. */
struct told {
    uint64_t latest_low; /* Identity of the version that it showed. */
    uint8_t  state;      /* enum alert_state */
    uint8_t  severity;
    uint8_t  is_live;
    uint8_t  is_delivered; /* A sink has got a revision of it. */
    uint32_t arrival;      /* Not told, but here is room: the result's place in the order in which the entry's rows came. */
};

/* A version of a result. The records of an entry ascend by critical_compare. */
struct record {
    struct record_texts texts;
    int64_t             effective_us;
    int64_t             event_us;
    int64_t             known_us;
    int64_t             position;
    struct hash128      identity;
    struct hash128      result_key;
    struct hash128      subject;
    int64_t             value; /* Millionths, in TEXT_UNIT. */
    int64_t             low;   /* The limit that it is beyond. */
    int64_t             high;
    struct told         told;
    uint8_t             numbers; /* HAS_… */
    uint8_t             severity;
    uint8_t             is_withdrawn;
    uint8_t             is_critical;
    uint8_t             is_shadow; /* Critical by limits alone, which nobody had approved when it came. */
    uint8_t             is_born;   /* It has fired an alert, at some time of the log. */
    uint8_t             is_old;    /* Within a barrier only: it goes. */
    uint8_t             is_judged; /* Whether it was born is known. */
};

/* The texts' head ends where a number of 8 bytes may begin: there is no padding. */
_Static_assert(sizeof(struct record) == sizeof(struct record_texts) + 4 * 8 + 3 * 16 + 3 * 8 + sizeof(struct told) + 8, "no padding");

enum alert_state { ALERT_UNTOLD, ALERT_OPEN, ALERT_REVISED, ALERT_CORRECTED, ALERT_WITHDRAWN, ALERT_COOLING, ALERT_SUPERSEDED };

static const struct {
    const char *status;
    const char *reason;
} state_names[] = {
    [ALERT_UNTOLD]     = { "", "" },
    [ALERT_OPEN]       = { "open", "" },
    [ALERT_REVISED]    = { "revised", "corrected" },
    [ALERT_CORRECTED]  = { "retracted", "corrected" },
    [ALERT_WITHDRAWN]  = { "retracted", "withdrawn" },
    [ALERT_COOLING]    = { "closed", "cooldown" },
    [ALERT_SUPERSEDED] = { "retracted", "superseded" }, /* An earlier version of the result is critical, read later. */
};

struct key {
    struct hash128 patient; /* Rows are exchanged by its low half. */
    struct hash128 code;
};

struct critical_value {
    struct rule             rule;
    struct critical_result *results; /* Room for all that an entry may have: judging allocates nothing. */
    struct critical_alert  *alerts;
};

static struct str
text_of(struct state_entry *entry, const struct record *record, uint32_t number)
{
    return records_text(entry, sizeof(struct record), record, number);
}

/* ---- Judging ---- */

static struct critical_result
result_of(struct state_entry *entry, const struct record *record)
{
    return (struct critical_result){ .effective_us = record->effective_us,
                                     .event_us     = record->event_us,
                                     .event_system = text_of(entry, record, TEXT_SYSTEM),
                                     .event_id     = text_of(entry, record, TEXT_ID),
                                     .result_key   = record->result_key,
                                     .is_withdrawn = record->is_withdrawn,
                                     .is_critical  = record->is_critical,
                                     .is_shadow    = record->is_shadow,
                                     .severity     = (enum severity)record->severity };
}

/* The alerts of the entry's history, into op->alerts. */
static size_t
judge(struct critical_value *op, struct state_entry *entry)
{
    const uint32_t       count   = records_head(entry)->record_count;
    const struct record *records = records_of(entry);
    bool                 fires   = false;
    for (uint32_t i = 0; i < count; i++)
        fires |= records[i].is_critical && !records[i].is_withdrawn;
    if (!fires)
        return 0;
    for (uint32_t i = 0; i < count; i++)
        op->results[i] = result_of(entry, &records[i]);
    return critical_judge(op->results, count, op->rule.pack->cooldown_us, op->alerts);
}

/* Whether `record` stood before `other` or is it: in one partition by its position, between partitions by which came first. */
static bool
is_before(struct state_entry *entry, const struct record *record, const struct record *other)
{
    if (str_equal(text_of(entry, record, TEXT_PARTITION), text_of(entry, other, TEXT_PARTITION)))
        return record->position <= other->position;
    return record->told.arrival <= other->told.arrival;
}

/* Whether the result fired an alert when it came: by the history that stood before it. Which alerts were ever born is a matter of
 * the log, and neither of the barriers nor of the order in which rows of one partition come here: each goes through the shard
 * of its event, so with several shards a later one may overtake. */
static bool
was_born(struct critical_value *op, struct state_entry *entry, uint32_t index)
{
    const uint32_t       count   = records_head(entry)->record_count;
    const struct record *records = records_of(entry);
    size_t               before  = 0, place = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_before(entry, &records[i], &records[index]))
            continue;
        if (i == index)
            place = before;
        op->results[before++] = result_of(entry, &records[i]);
    }
    size_t alert_count = critical_judge(op->results, before, op->rule.pack->cooldown_us, op->alerts);
    for (size_t i = 0; i < alert_count; i++)
        if (op->alerts[i].firing_index == place)
            return true;
    return false;
}

/* At the first barrier behind a result: all that stands before it in its partition is here then. */
static void
judge_births(struct critical_value *op, struct state_entry *entry)
{
    struct record *records = records_of(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        if (!records[i].is_judged && !records[i].is_born && records[i].is_critical && !records[i].is_withdrawn)
            records[i].is_born = was_born(op, entry, i);
        records[i].is_judged = 1;
    }
}

/* ---- Rows ---- */

static bool
same_result(const struct record *a, const struct record *b)
{
    return hash128_equal(a->result_key, b->result_key);
}

/* Removes the results that stand first, with all their versions, until another record fits. Whether anything had to go. */
static bool
make_room(struct state_entry *entry)
{
    struct records_head *head    = records_head(entry);
    struct record       *records = records_of(entry);
    const size_t         size_max = STATE_ENTRY_SIZE_MAX - (64u << 10);
    const uint32_t       count    = head->record_count;
    while (head->record_count >= RULE_RECORD_COUNT_MAX
           || (head->record_count > 0 && head->record_count * sizeof(struct record) + head->texts_size > size_max)) {
        struct record first = records[0];
        for (uint32_t i = head->record_count; i-- > 0;)
            if (same_result(&records[i], &first))
                records_remove(entry, sizeof(struct record), i);
    }
    return head->record_count < count;
}

/* What the row says, without its texts. */
static struct record
record_of(const struct critical_value *op, const struct chunk *chunk, uint32_t row)
{
    const struct rule_pack *pack   = op->rule.pack;
    struct critical_cause   cause  = critical_cause(pack, chunk, row);
    struct record           record = { 0 };
    struct str              action = event_text(chunk, EVENT_STATUS_ACTION, row);
    struct str              status = event_text(chunk, EVENT_STATUS, row);

    record.effective_us = event_int64(chunk, EVENT_EFFECTIVE_TIME, row);
    record.event_us     = event_int64(chunk, EVENT_TIME, row);
    record.known_us     = rule_known_us(chunk, row);
    record.position     = event_int64(chunk, EVENT_POSITION, row);
    record.identity     = rule_hash(chunk, EVENT_IDENTITY_LOW, row);
    record.subject      = rule_hash(chunk, EVENT_PATIENT_LOW, row);
    record.result_key   = event_is_null(chunk, EVENT_RESULT_ID, row) ? record.identity : rule_text_hash(event_text(chunk, EVENT_RESULT_ID, row));
    record.is_withdrawn = str_equal(action, STR("retract")) || str_equal(status, STR("D")) || str_equal(status, STR("W"));
    record.value        = event_int64(chunk, EVENT_VALUE, row);
    record.numbers      = event_is_null(chunk, EVENT_VALUE, row) ? 0 : HAS_VALUE;
    record.is_critical  = cause.limit != NULL || cause.is_flagged;
    record.is_shadow    = cause.limit != NULL && !cause.is_flagged && !pack->is_approved;
    record.severity     = (uint8_t)cause.severity;
    if (cause.limit != NULL) {
        record.low     = cause.limit->has_low ? cause.limit->low : 0;
        record.high    = cause.limit->has_high ? cause.limit->high : 0;
        record.numbers = (uint8_t)(record.numbers | (cause.limit->has_low ? HAS_LOW : 0u) | (cause.limit->has_high ? HAS_HIGH : 0u));
    }
    return record;
}

static void
texts_of(const struct critical_value *op, const struct chunk *chunk, uint32_t row, char buffers[2][RECORD_TEXT_SIZE_MAX + 1],
         struct str texts[TEXT_COUNT])
{
    static const enum event_column columns[TEXT_COUNT] = {
        [TEXT_RESULT] = EVENT_RESULT,         [TEXT_RESULT_UNIT] = EVENT_RESULT_UNIT,  [TEXT_RANGE] = EVENT_REFERENCE_RANGE,
        [TEXT_PATIENT_SYSTEM] = EVENT_PATIENT_SYSTEM, [TEXT_PATIENT_ID] = EVENT_PATIENT_ID, [TEXT_PERSON] = EVENT_PERSON_ID,
        [TEXT_ENCOUNTER] = EVENT_ENCOUNTER_ID, [TEXT_LOCATION] = EVENT_LOCATION, [TEXT_PRACTITIONER] = EVENT_PRACTITIONER_ID,
        [TEXT_CODE] = EVENT_CODE,             [TEXT_UNIT] = EVENT_UNIT,                [TEXT_FLAG] = EVENT_FLAG,
        [TEXT_COMPARATOR] = EVENT_COMPARATOR,
    };
    texts[TEXT_SYSTEM]    = rule_identifier(chunk, EVENT_SYSTEM, row, buffers[0]);
    texts[TEXT_ID]        = rule_identifier(chunk, EVENT_ID, row, buffers[1]);
    texts[TEXT_PARTITION] = rule_partition_id(&op->rule, chunk, row);
    for (uint32_t i = TEXT_RESULT; i < TEXT_COUNT; i++)
        texts[i] = rule_text(chunk, columns[i], row);
}

/* Where the record belongs. False: the event is known already. */
static bool
find_place(struct state_entry *entry, const struct record *record, struct str system, struct str id, uint32_t *ret_index)
{
    struct critical_result new = { .effective_us = record->effective_us, .event_us = record->event_us, .event_system = system, .event_id = id };
    const struct record   *records = records_of(entry);
    uint32_t               index   = records_head(entry)->record_count;
    for (uint32_t i = 0; i < index; i++)
        if (hash128_equal(records[i].identity, record->identity))
            return false;
    for (; index > 0; index--) {
        struct critical_result before = result_of(entry, &records[index - 1]);
        int                    order  = critical_compare(&before, &new);
        if (order == 0)
            return false;
        if (order < 0)
            break;
    }
    *ret_index = index;
    return true;
}

/* Behind all others of the entry. */
static uint32_t
next_arrival(struct state_entry *entry, uint32_t index)
{
    const struct record *records = records_of(entry);
    uint32_t             last    = 0;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (i != index && records[i].told.arrival > last)
            last = records[i].told.arrival;
    return last + 1;
}

static enum status
take_result(struct critical_value *op, const struct chunk *chunk, uint32_t row, struct error *err)
{
    char                buffers[2][RECORD_TEXT_SIZE_MAX + 1];
    struct str          texts[TEXT_COUNT];
    struct state_table *table  = &op->rule.op.states[0];
    struct record       record = record_of(op, chunk, row);
    struct key          key    = { record.subject, rule_text_hash(event_text(chunk, EVENT_CODE, row)) };
    struct state_entry *entry  = state_find(table, state_hash(&key, sizeof(key)), &key, sizeof(key));
    uint32_t            index  = 0;
    int64_t             kept   = record.is_critical ? op->rule.pack->history_us : NORMAL_KEPT_US;

    texts_of(op, chunk, row, buffers, texts);
    if (entry != NULL && !find_place(entry, &record, texts[TEXT_SYSTEM], texts[TEXT_ID], &index))
        return ST_OK;
    if (entry != NULL && make_room(entry))
        CHECK(find_place(entry, &record, texts[TEXT_SYSTEM], texts[TEXT_ID], &index));
    if (records_insert(table, &key, sizeof(key), sizeof(record), index, texts, record.is_critical ? TEXT_COUNT : TEXT_COUNT_NORMAL,
                       record.known_us + kept, &entry, err) != ST_OK)
        return ST_ERROR;
    struct record *stored = (struct record *)records_of(entry) + index;
    record.texts          = stored->texts;
    record.told.arrival   = next_arrival(entry, index);
    *stored               = record;
    return ST_OK;
}

static enum status
critical_value_rows(struct operator *op, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct critical_value *critical = (struct critical_value *)op;
    uint32_t               count    = event_count(chunk);
    (void)output;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t   row    = event_row(chunk, i);
        struct str action = event_text(chunk, EVENT_STATUS_ACTION, row);
        /* What was before the stream fires nothing, and neither hides nor changes what the stream fires: it is passed by. A
         * promotion ("now final") brings no value. */
        if (event_int64(chunk, EVENT_ENTITY, row) != critical->rule.entity_index
            || event_int64(chunk, EVENT_PARTITION, row) == EVENT_PARTITION_HISTORY || str_equal(action, STR("promote"))
            || str_equal(action, STR("ignore")))
            continue;
        if (take_result(critical, chunk, row, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* ---- Telling ---- */

static void
explain(struct critical_value *op, struct state_entry *entry, const struct record *firing)
{
    struct json_out json;
    struct str      comparator = text_of(entry, firing, TEXT_COMPARATOR);
    bool            is_beyond  = (firing->numbers & (HAS_LOW | HAS_HIGH)) != 0;
    str_builder_clear(&op->rule.explanation);
    json_out_init(&json, &op->rule.explanation, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "fired_by", is_beyond ? "limit" : "laboratory_flag");
    if ((firing->numbers & HAS_VALUE) != 0) {
        json_out_key(&json, STR("value"));
        json_out_decimal(&json, firing->value, 6);
        json_out_key_text(&json, "unit", text_of(entry, firing, TEXT_UNIT));
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
    if (text_of(entry, firing, TEXT_FLAG).size > 0)
        json_out_key_text(&json, "flag", text_of(entry, firing, TEXT_FLAG));
    json_out_object_end(&json);
}

static enum status
tell(struct critical_value *op, struct state_entry *entry, const struct record *firing, const struct record *latest, int64_t now_us,
     struct epoch_output *output, struct error *err)
{
    const struct rule_evidence  events[]   = { { text_of(entry, firing, TEXT_PARTITION), firing->position },
                                               { text_of(entry, latest, TEXT_PARTITION), latest->position } };
    const struct alert_identity identity   = { .pipeline = op->rule.graph->name, .rule = str_from(op->rule.pack->name),
                                               .event_us = firing->event_us, .subject = firing->subject, .event = firing->identity };
    struct store_alert          alert      = {
        .severity = str_from(severity_name((enum severity)firing->told.severity)),
        .status = str_from(state_names[firing->told.state].status), .status_reason = str_from(state_names[firing->told.state].reason),
        .person_id = text_of(entry, firing, TEXT_PERSON), .subject_system = text_of(entry, firing, TEXT_PATIENT_SYSTEM),
        .subject_id = text_of(entry, firing, TEXT_PATIENT_ID), .encounter_id = text_of(entry, firing, TEXT_ENCOUNTER),
        .location = text_of(entry, firing, TEXT_LOCATION), .ordering_practitioner_id = text_of(entry, firing, TEXT_PRACTITIONER),
        .code = text_of(entry, firing, TEXT_CODE), .value = text_of(entry, latest, TEXT_RESULT),
        .unit = text_of(entry, latest, TEXT_RESULT_UNIT), .reference_range = text_of(entry, latest, TEXT_RANGE),
        .effective_time_us = firing->effective_us, .detected_at_us = now_us, .is_delivered = firing->told.is_delivered,
    };
    alert.evidence = rule_print_evidence(&op->rule, events, firing == latest ? 1 : 2);
    explain(op, entry, firing);
    return rule_tell(&op->rule, &alert, &identity, firing->told.is_live, output, err);
}

static enum alert_state
state_of(const struct critical_alert *alert, const struct record *records)
{
    switch (alert->status) {
    case CRITICAL_OPEN:
        return ALERT_OPEN;
    case CRITICAL_REVISED:
        return ALERT_REVISED;
    case CRITICAL_RETRACTED:
        return records[alert->latest_index].is_withdrawn ? ALERT_WITHDRAWN : ALERT_CORRECTED;
    case CRITICAL_CLOSED:
        return ALERT_COOLING;
    }
    CHECK(false);
    return ALERT_UNTOLD;
}

/* Tells what the alert of a record says now, unless it said so last. */
static enum status
tell_change(struct critical_value *op, struct state_entry *entry, struct record *firing, const struct record *latest, struct told now,
            int64_t now_us, struct epoch_output *output, struct error *err)
{
    const struct told before = firing->told;
    bool is_sent = now.state == ALERT_OPEN || now.state == ALERT_REVISED;
    /* Who has got the alert must hear what becomes of it. */
    now.is_delivered = (now.is_live && is_sent) || before.is_delivered;
    now.latest_low   = latest->identity.low;
    now.arrival      = before.arrival;
    if (before.state == now.state && before.severity == now.severity && before.is_live == now.is_live && before.latest_low == now.latest_low)
        return ST_OK;
    firing->told = now;
    if (tell(op, entry, firing, latest, now_us, output, err) == ST_OK)
        return ST_OK;
    firing->told = before;
    return ST_ERROR;
}

static enum status
tell_entry(struct critical_value *op, struct state_entry *entry, int64_t now_us, struct epoch_output *output, struct error *err)
{
    struct record *records = records_of(entry);
    size_t         count   = judge(op, entry);
    for (size_t i = 0; i < count; i++) {
        const struct critical_alert *alert  = &op->alerts[i];
        struct record               *firing = &records[alert->firing_index];
        const struct told now = { .state = (uint8_t)state_of(alert, records), .severity = (uint8_t)alert->severity, .is_live = !alert->is_shadow };
        firing->is_born = 2; /* And still is. */
        if (tell_change(op, entry, firing, &records[alert->latest_index], now, now_us, output, err) != ST_OK)
            return ST_ERROR;
    }
    judge_births(op, entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        struct record *firing = &records[i];
        const struct told now = { .state = ALERT_SUPERSEDED, .severity = firing->severity, .is_live = !firing->is_shadow };
        if (firing->is_born == 1 && tell_change(op, entry, firing, firing, now, now_us, output, err) != ST_OK)
            return ST_ERROR;
        firing->is_born = firing->is_born != 0;
    }
    return ST_OK;
}

/* Until when the record is kept: the versions of a result go together, for what is left would fire anew. */
static int64_t
kept_until(const struct critical_value *op, const struct record *records, uint32_t count, const struct record *of)
{
    bool    is_critical = false;
    int64_t known_us    = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        if (!same_result(&records[i], of))
            continue;
        is_critical |= records[i].is_critical;
        known_us = records[i].known_us > known_us ? records[i].known_us : known_us;
    }
    return known_us + (is_critical ? op->rule.pack->history_us : NORMAL_KEPT_US);
}

/* Marks what goes first and takes it out then: while a result's versions are looked at, all of them must be there. */
static enum status
forget(struct critical_value *op, struct state_entry *entry, int64_t watermark_us, struct error *err)
{
    struct record *records    = records_of(entry);
    uint32_t       count      = records_head(entry)->record_count;
    int64_t        expires_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int64_t until_us     = kept_until(op, records, count, &records[i]);
        records[i].is_old    = until_us <= watermark_us;
        expires_us           = until_us > expires_us ? until_us : expires_us;
    }
    for (uint32_t i = count; i-- > 0;)
        if (records[i].is_old)
            records_remove(entry, sizeof(struct record), i);
    return records_touch(&op->rule.op.states[0], entry, sizeof(struct record), expires_us, err);
}

static enum status
critical_value_barrier(struct operator *op, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct critical_value *critical = (struct critical_value *)op;
    for (uint32_t i = 0; i < op->states[0].dirty_count; i++) {
        if (tell_entry(critical, op->states[0].dirty[i], decision->now_us, output, err) != ST_OK
            || forget(critical, op->states[0].dirty[i], decision->min_watermark_us, err) != ST_OK)
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
    memory_free(critical->results);
    memory_free(critical->alerts);
    memory_free(critical);
}

static const struct operator_kind kind = {
    .name        = "critical_value",
    .state_names = { "patients" },
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
    op->results        = memory_alloc_array(RULE_RECORD_COUNT_MAX, sizeof(*op->results));
    op->alerts         = memory_alloc_array(RULE_RECORD_COUNT_MAX, sizeof(*op->alerts));
    enum status status = op->results == NULL || op->alerts == NULL ? error_no_memory(err) : ST_OK;
    if (status == ST_OK)
        status = rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err);
    if (status == ST_OK)
        *ret_operator = &op->rule.op;
    else
        critical_value_free(&op->rule.op);
    return status;
}
