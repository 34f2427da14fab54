/* The records of one entry: where one belongs, which is there already, what goes. */
#include "base/limits.h"
#include "live/op/result_alert.h"

bool
critical_same_result(const struct critical_record *a, const struct critical_record *b)
{
    return hash128_equal(a->result_key, b->result_key);
}

/* What the alert of `gone` has closed by its cooldown stays closed when nobody knows it any more. */
static void
leave_cooldown(const struct rule *rule, struct state_entry *entry, const struct critical_record *gone)
{
    struct critical_record *records = critical_records(entry);
    if (gone->told.state != ALERT_OPEN && gone->told.state != ALERT_REVISED)
        return;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        const int64_t past_us  = records[i].version.effective_us - gone->version.effective_us;
        const uint8_t severity = records[i].told.state != ALERT_UNTOLD ? records[i].told.severity : records[i].severity;
        if (past_us >= 0 && past_us < rule->pack->cooldown_us && severity <= gone->told.severity
            && (gone->told.is_live || records[i].is_shadow) && !critical_same_result(&records[i], gone))
            records[i].is_cooled = 1;
    }
}

static void
remove_record(const struct rule *rule, struct state_entry *entry, uint32_t index)
{
    const struct critical_record gone = critical_records(entry)[index];
    records_remove(entry, sizeof(gone), index);
    leave_cooldown(rule, entry, &gone);
}

void
critical_make_room(const struct rule *rule, struct state_entry *entry)
{
    struct records_head          *head     = records_head(entry);
    const struct critical_record *records  = critical_records(entry);
    const size_t                  size_max = STATE_ENTRY_SIZE_MAX - (64u << 10);
    while (head->record_count >= RULE_RECORD_COUNT_MAX
           || (head->record_count > 0 && head->record_count * sizeof(*records) + head->texts_size > size_max)) {
        const struct critical_record first = records[0];
        for (uint32_t i = head->record_count; i-- > 0;)
            if (critical_same_result(&records[i], &first))
                remove_record(rule, entry, i);
    }
}

bool
critical_has(struct state_entry *entry, struct hash128 identity)
{
    for (uint32_t i = 0; entry != NULL && i < records_head(entry)->record_count; i++)
        if (hash128_equal(critical_records(entry)[i].version.identity, identity))
            return true;
    return false;
}

uint32_t
critical_place_of(struct state_entry *entry, const struct critical_version *version, struct str system, struct str id)
{
    struct critical_result new = { .effective_us = version->effective_us, .event_us = version->event_us, .event_system = system, .event_id = id };
    struct critical_record *records = critical_records(entry);
    uint32_t                index   = records_head(entry)->record_count;
    for (; index > 0; index--) {
        const struct critical_record *record = &records[index - 1];
        struct critical_result        before = { .effective_us = record->version.effective_us, .event_us = record->version.event_us,
                                                 .event_system = critical_text(entry, record, TEXT_SYSTEM), .event_id = critical_text(entry, record, TEXT_ID) };
        if (critical_compare(&before, &new) < 0)
            break;
    }
    return index;
}

uint32_t
critical_next_arrival(struct state_entry *entry, uint32_t index)
{
    const struct critical_record *records = critical_records(entry);
    uint32_t                      last    = 0;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (i != index && records[i].told.arrival > last)
            last = records[i].told.arrival;
    return last + 1;
}

bool
critical_is_before(struct state_entry *entry, const struct critical_record *record, const struct critical_record *other)
{
    const struct str partition = critical_text(entry, record, TEXT_PARTITION);
    if (str_equal(partition, critical_text(entry, other, TEXT_PARTITION)) && partition_has_order(partition))
        return record->version.position <= other->version.position;
    return record->told.arrival <= other->told.arrival;
}

int64_t
critical_kept_until(int64_t kept_us, const struct critical_record *records, uint32_t count, const struct critical_record *of)
{
    int64_t known_us = INT64_MIN;
    for (uint32_t i = 0; i < count; i++)
        if (critical_same_result(&records[i], of) && records[i].version.known_us > known_us)
            known_us = records[i].version.known_us;
    return known_us + kept_us;
}

void
critical_forget(const struct rule *rule, struct state_entry *entry, int64_t kept_us, int64_t freed_us)
{
    struct critical_record *records = critical_records(entry);
    const uint32_t          count   = records_head(entry)->record_count;
    /* Marked first: while a result's versions are looked at, all of them must be there. */
    for (uint32_t i = 0; i < count; i++)
        records[i].is_old = critical_kept_until(kept_us, records, count, &records[i]) <= freed_us;
    for (uint32_t i = count; i-- > 0;)
        if (records[i].is_old)
            remove_record(rule, entry, i);
}
