#include "live/op/access.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/time.h"

static const struct hash128 nobody = { 0, 0 };

static bool
are_same(struct hash128 a, struct hash128 b)
{
    return hash128_equal(a, b) && !hash128_equal(a, nobody);
}

/* ---- Rows ---- */

/* The encounter or order that the row speaks of; the event itself where it has no name. */
static struct hash128
thing_of(const struct rule *rule, const struct chunk *chunk, uint32_t row)
{
    const struct entity *entity  = &rule->graph->model->entities[event_int64(chunk, EVENT_ENTITY, row)];
    enum event_column    column  = event_is_null(chunk, EVENT_RESULT_ID, row) ? EVENT_ENCOUNTER_ID : EVENT_RESULT_ID;
    struct hash128       names[] = { rule_text_hash(str_from(entity->name)), rule_text_hash(event_text(chunk, EVENT_PATIENT_SYSTEM, row)),
                                     rule_text_hash(event_text(chunk, column, row)) };
    return event_is_null(chunk, column, row) ? rule_hash(chunk, EVENT_IDENTITY_LOW, row) : hash128(names, sizeof(names));
}

static int64_t
time_or(const struct chunk *chunk, enum event_column column, uint32_t row, int64_t otherwise)
{
    return event_is_null(chunk, column, row) ? otherwise : event_int64(chunk, column, row);
}

static struct access_department
department_make(const struct rule *rule, struct str department)
{
    return (struct access_department){ .hash          = rule_text_hash(department),
                                       .number        = master_short(access_department_hash(&rule->person_key, department)),
                                       .is_house_wide = access_is_house_wide(&rule->pack->access, department) };
}

/* The row's department, which it has. A text that lies elsewhere is not remembered. */
static struct access_department
department_of(const struct rule *rule, struct access_departments *departments, const struct chunk *chunk, uint32_t row)
{
    const struct text *text = &((const struct text *)chunk->columns[EVENT_DEPARTMENT].data)[row];
    uint64_t           words[2];
    memcpy(words, text, sizeof(words));
    if (text->size > TEXT_INLINE_SIZE || text->size == 0)
        return department_make(rule, event_text(chunk, EVENT_DEPARTMENT, row));
    struct access_department *known = &departments->known[((words[0] ^ words[1]) * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
    if (memcmp(&known->text, text, sizeof(*text)) != 0) {
        *known      = department_make(rule, event_text(chunk, EVENT_DEPARTMENT, row));
        known->text = *text;
    }
    return *known;
}

struct access_record
access_record_of(const struct rule *rule, struct access_departments *departments, const struct chunk *chunk, uint32_t row, bool is_access)
{
    struct access_record record = { 0 };
    record.event_us     = event_int64(chunk, EVENT_TIME, row);
    record.effective_us = event_int64(chunk, EVENT_EFFECTIVE_TIME, row);
    record.known_us     = rule_known_us(chunk, row);
    record.begin_us     = time_or(chunk, EVENT_BEGIN_TIME, row, record.effective_us);
    record.end_us       = time_or(chunk, EVENT_END_TIME, row, record.begin_us);
    record.replaced_us  = INT64_MAX;
    record.position     = event_int64(chunk, EVENT_POSITION, row);
    record.identity     = rule_hash(chunk, EVENT_IDENTITY_LOW, row);
    record.user         = event_user(&rule->person_key, chunk, is_access ? EVENT_USER_ID : EVENT_PRACTITIONER_ID, row);
    record.thing        = is_access ? record.user : thing_of(rule, chunk, row);
    record.is_access    = is_access;
    record.is_history   = event_int64(chunk, EVENT_PARTITION, row) == EVENT_PARTITION_HISTORY;
    record.is_void      = !is_access && str_equal(event_text(chunk, EVENT_STATUS_ACTION, row), STR("retract"));
    record.is_shadow    = !rule->pack->is_approved;
    record.facts        = event_int64(chunk, EVENT_ACCESS_FACTS, row);
    if (is_access && !event_is_null(chunk, EVENT_USER_ID, row))
        record.user_short = master_short(record.user.low);
    if (event_is_null(chunk, EVENT_DEPARTMENT, row))
        return record;
    const struct access_department department = department_of(rule, departments, chunk, row);
    record.department       = department.hash;
    record.department_short = is_access ? department.number : 0;
    record.flags            = is_access && department.is_house_wide ? ACCESS_IS_HOUSE_WIDE : 0;
    return record;
}

void
access_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, bool is_access, char buffer[RECORD_TEXT_SIZE_MAX + 1],
                struct str texts[ACCESS_TEXT_COUNT])
{
    const struct entity *entity   = &rule->graph->model->entities[event_int64(chunk, EVENT_ENTITY, row)];
    texts[ACCESS_TEXT_PARTITION]  = rule_partition_id(rule, chunk, row);
    texts[ACCESS_TEXT_ENTITY]     = str_slice(str_from(entity->name), 0, RECORD_TEXT_SIZE_MAX);
    if (!is_access)
        return;
    texts[ACCESS_TEXT_USER_SYSTEM] = rule_text(chunk, EVENT_USER_SYSTEM, row);
    texts[ACCESS_TEXT_USER_ID]     = rule_identifier(chunk, EVENT_USER_ID, row, buffer);
    texts[ACCESS_TEXT_PERSON]      = rule_text(chunk, EVENT_PERSON_ID, row);
    texts[ACCESS_TEXT_ENCOUNTER]   = rule_text(chunk, EVENT_ENCOUNTER_ID, row);
    texts[ACCESS_TEXT_LOCATION]    = rule_text(chunk, EVENT_LOCATION, row);
    texts[ACCESS_TEXT_DEPARTMENT]  = rule_text(chunk, EVENT_DEPARTMENT, row);
}

/* ---- Records ---- */

static uint32_t
filter_bit(struct hash128 identity)
{
    return 1u << (identity.high & 31);
}

void
access_note(struct state_entry *entry, struct hash128 identity)
{
    records_head(entry)->filter |= filter_bit(identity);
}

struct access_record *
access_find(struct state_entry *entry, struct hash128 identity)
{
    struct access_record *records = records_of(entry);
    if ((records_head(entry)->filter & filter_bit(identity)) == 0)
        return NULL;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (hash128_equal(records[i].identity, identity))
            return &records[i];
    return NULL;
}

void
access_set_last(struct state_entry *entry, const struct access_record *record)
{
    struct access_record *last  = (struct access_record *)records_of(entry) + records_head(entry)->record_count - 1;
    struct record_texts   texts = last->texts;
    *last                       = *record;
    last->texts                 = texts;
    access_note(entry, record->identity);
}

bool
access_has_any(struct state_entry *entry)
{
    const struct access_record *records = records_of(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (records[i].is_access)
            return true;
    return false;
}

bool
access_replace_history(const struct rule *rule, struct state_entry *entry, const struct access_record *statement)
{
    struct access_record *records    = records_of(entry);
    bool                  is_changed = false;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (records[i].is_history && !records[i].is_access && hash128_equal(records[i].thing, statement->thing)
            && statement->known_us < records[i].replaced_us && statement->known_us < access_kept_until(rule, &records[i])) {
            records[i].replaced_us = statement->known_us;
            is_changed             = true;
        }
    return is_changed;
}

/* ---- Judging ---- */

bool
access_time_has_come(const struct access_record *access, const struct epoch_decision *decision)
{
    return decision->is_drain || decision->watermark_us > access->event_us;
}

bool
access_is_due(struct state_entry *entry, const struct epoch_decision *decision)
{
    const struct access_record *records = records_of(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (records[i].is_access && records[i].stage == ACCESS_WAITS && access_time_has_come(&records[i], decision))
            return true;
    return false;
}

const char *
access_how_name(enum access_how how)
{
    static const char *const names[] = { "", "department", "user", "care_team", "house_wide", "shortly_after" };
    return names[how];
}

/* Whether the explanation, which is of the user's own people, is near enough in time. */
static bool
is_near(const struct access_record *explanation, const struct access_record *access, int64_t before_us, int64_t after_us)
{
    return explanation->begin_us <= access->effective_us + after_us && explanation->end_us >= access->effective_us - before_us;
}

static bool
is_shortly_after(const struct access_record *explanation, const struct access_record *access, int64_t within_us)
{
    return within_us > 0 && explanation->begin_us >= access->effective_us && explanation->begin_us <= access->effective_us + within_us;
}

static bool
is_of_care_team(const struct access_record *explanation, const struct access_record *access)
{
    uint32_t user = treatment_user(explanation->facts), department = treatment_department(explanation->facts);
    return (user != 0 && user == access->user_short) || (department != 0 && department == access->department_short);
}

enum access_how
access_how(const struct rule *rule, const struct access_record *explanation, const struct access_record *access)
{
    const struct rule_pack *pack = rule->pack;
    if (is_near(explanation, access, pack->before_us, pack->after_us)) {
        if (are_same(explanation->department, access->department))
            return ACCESS_HOW_DEPARTMENT;
        if (are_same(explanation->user, access->user))
            return ACCESS_HOW_USER;
        if (is_of_care_team(explanation, access))
            return ACCESS_HOW_CARE_TEAM;
    }
    if ((access->flags & ACCESS_IS_HOUSE_WIDE) != 0 && is_near(explanation, access, pack->access.house_wide_us, pack->after_us))
        return ACCESS_HOW_HOUSE_WIDE;
    return is_shortly_after(explanation, access, pack->access.shortly_after_us) ? ACCESS_HOW_SHORTLY_AFTER : ACCESS_HOW_NOT;
}

static bool
fits(const struct rule *rule, const struct access_record *explanation, const struct access_record *access)
{
    return access_kept_until(rule, explanation) > access->known_us && access_kept_until(rule, access) > explanation->known_us
           && explanation->replaced_us >= access_kept_until(rule, access) && !explanation->is_access && !explanation->is_void
           && access_how(rule, explanation, access) != ACCESS_HOW_NOT;
}

/* The same one in any order of arrival. */
static bool
is_before(const struct access_record *a, const struct access_record *b)
{
    if (a->known_us != b->known_us)
        return a->known_us < b->known_us;
    if (a->identity.high != b->identity.high)
        return a->identity.high < b->identity.high;
    return a->identity.low < b->identity.low;
}

const struct access_record *
access_explanation(const struct rule *rule, struct state_entry *entry, const struct access_record *access)
{
    const struct access_record *records = records_of(entry);
    const struct access_record *first   = NULL;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (fits(rule, &records[i], access) && (first == NULL || is_before(&records[i], first)))
            first = &records[i];
    return first;
}

/* ---- Flags ---- */

/* What the entry's encounters and orders, as far as they were known when the access was made, add to what the master knows. */
static void
add_contacts(const struct rule *rule, struct state_entry *entry, const struct access_record *access, struct access_facts *facts)
{
    const struct access_record *records = records_of(entry);
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        if (records[i].is_access || records[i].is_void || records[i].known_us > access->event_us
            || access_kept_until(rule, &records[i]) <= access->known_us)
            continue;
        int64_t since_us = access->effective_us - records[i].end_us;
        int32_t days     = since_us < 0 ? 0 : since_us / US_PER_DAY > ACCESS_DAYS_MAX ? ACCESS_DAYS_MAX : (int32_t)(since_us / US_PER_DAY);
        if (facts->contact_days < 0 || days < facts->contact_days)
            facts->contact_days = days;
        if (treatment_is_vip(records[i].facts))
            facts->bits |= ACCESS_FACT_VIP;
    }
}

void
access_assess(const struct rule *rule, const struct zone *zone, struct state_entry *entry, struct access_record *access)
{
    const struct access_rule *flags    = &rule->pack->access;
    struct access_facts       facts    = access_facts_unpack(access->facts);
    const bool                is_house = (access->flags & ACCESS_IS_HOUSE_WIDE) != 0;
    const bool is_known = is_house && facts.contact_days >= 0 && facts.contact_days * US_PER_DAY <= flags->house_wide_us;
    int64_t    local_us;

    add_contacts(rule, entry, access, &facts);
    bool is_after_hours = access_after_hours(flags, zone, access_text(entry, access, ACCESS_TEXT_DEPARTMENT), access->effective_us, &local_us) != NULL;
    access->facts       = access_facts_pack(&facts);
    access->flags       = access_flags_of(flags, &facts, is_after_hours) | (is_house ? ACCESS_IS_HOUSE_WIDE : 0) | (is_known ? ACCESS_IS_KNOWN_TO_MASTER : 0);
}

bool
access_is_explained_by_master(const struct access_record *access)
{
    return (access->flags & ACCESS_IS_KNOWN_TO_MASTER) != 0;
}

bool
access_is_explained_for_good(const struct rule *rule, struct state_entry *entry, const struct access_record *access)
{
    const struct access_facts facts = access_facts_unpack(access->facts);
    if (entry == NULL || access_may_stand(&rule->pack->access, &facts))
        return false;
    const struct access_record *records = records_of(entry);
    uint32_t                    i       = records_head(entry)->record_count; /* What came last explains most. */
    while (i > 0 && (records[i - 1].known_us > access->event_us || records[i - 1].is_history || !fits(rule, &records[i - 1], access)))
        i--;
    return i > 0 && access_find(entry, access->identity) == NULL;
}

void
access_prefetch_last(const struct state_entry *entry)
{
    const struct access_record *records = (const struct access_record *)(records_head((struct state_entry *)entry) + 1);
    const uint32_t              count   = records_head((struct state_entry *)entry)->record_count;
    const char                 *begin   = (const char *)(records + (count < 2 ? 0 : count - 2));
    for (size_t at = 0; at < 2 * sizeof(*records) + 64; at += 64)
        PREFETCH(begin + at);
}

/* ---- Forgetting ---- */

int64_t
access_kept_until(const struct rule *rule, const struct access_record *record)
{
    int64_t last_us = !record->is_access && record->end_us > record->known_us ? record->end_us : record->known_us;
    return last_us + rule->pack->history_us;
}

/* An access whose explanation goes keeps what was said of it. */
static void
remove_record(const struct rule *rule, struct state_entry *entry, uint32_t index)
{
    struct access_record *records = records_of(entry);
    for (uint32_t i = 0; !records[index].is_access && i < records_head(entry)->record_count; i++)
        if (records[i].is_access && records[i].stage == ACCESS_JUDGED && access_explanation(rule, entry, &records[i]) == &records[index])
            records[i].stage = ACCESS_SETTLED;
    records_remove(entry, sizeof(*records), index);
}

void
access_forget(const struct rule *rule, struct state_entry *entry, int64_t freed_us)
{
    const struct access_record *records = records_of(entry);
    for (uint32_t i = records_head(entry)->record_count; i-- > 0;)
        if (access_kept_until(rule, &records[i]) <= freed_us)
            remove_record(rule, entry, i);
}

int64_t
access_keep(const struct rule *rule, struct state_entry *entry)
{
    const struct access_record *records    = records_of(entry);
    int64_t                     expires_us = INT64_MIN;
    records_head(entry)->filter = 0;
    for (uint32_t i = records_head(entry)->record_count; i-- > 0;) {
        if (records[i].is_done) {
            records_remove(entry, sizeof(*records), i);
            continue;
        }
        int64_t until_us = access_kept_until(rule, &records[i]);
        expires_us       = until_us > expires_us ? until_us : expires_us;
        access_note(entry, records[i].identity);
    }
    return expires_us;
}

/* What is missed least: lower goes first. */
static int
weight_of(const struct access_record *record)
{
    if (!record->is_access)
        return 1;
    return record->stage == ACCESS_WAITS ? 2 : 0;
}

bool
access_make_room(const struct rule *rule, struct state_entry *entry)
{
    const struct access_record *records  = records_of(entry);
    const struct records_head  *head     = records_head(entry);
    const size_t                size_max = STATE_ENTRY_SIZE_MAX - (64u << 10);
    bool                        is_changed = false;
    while (head->record_count >= RULE_ACCESS_COUNT_MAX
           || (head->record_count > 0 && head->record_count * sizeof(*records) + head->texts_size > size_max)) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < head->record_count; i++) {
            int order = weight_of(&records[i]) - weight_of(&records[first]);
            if (order < 0 || (order == 0 && records[i].known_us < records[first].known_us))
                first = i;
        }
        remove_record(rule, entry, first);
        is_changed = true;
    }
    return is_changed;
}
