/* What the rule of drug interactions keeps of a row, and the records of one entry. */
#include "base/limits.h"
#include "live/op/interaction_int.h"

struct drug_record
drug_record_of(const struct rule *rule, const struct drug_row *drug, const struct chunk *chunk, uint32_t row)
{
    const uint64_t     entity = (uint64_t)event_int64(chunk, EVENT_ENTITY, row);
    struct drug_record record = { .event_us    = event_int64(chunk, EVENT_TIME, row),
                                  .begin_us    = drug->begin_us,
                                  .end_us      = drug->end_us,
                                  .known_us    = rule_known_us(chunk, row),
                                  .position    = event_int64(chunk, EVENT_POSITION, row),
                                  .identity    = rule_hash(chunk, EVENT_IDENTITY_LOW, row),
                                  .drug        = rule_hash(chunk, EVENT_IDENTITY_LOW, row),
                                  .ingredients = drug->ingredients,
                                  .use         = (uint8_t)drug->use,
                                  .found       = (uint8_t)drug->found,
                                  .names_drug  = drug->names_drug,
                                  .is_history  = event_int64(chunk, EVENT_PARTITION, row) == EVENT_PARTITION_HISTORY,
                                  .is_shadow   = !rule->pack->is_approved };
    if (!event_is_null(chunk, EVENT_RESULT_ID, row))
        record.drug = rule_text_hash(event_text(chunk, EVENT_RESULT_ID, row));
    record.drug.low ^= (entity + 1) * UINT64_C(0x9e3779b97f4a7c15); /* An order and a prescription of one number are two. */
    return record;
}

void
drug_texts_of(const struct rule *rule, const struct chunk *chunk, uint32_t row, char buffers[2][RECORD_TEXT_SIZE_MAX + 1], struct str *texts,
              uint32_t count)
{
    static const enum event_column columns[DRUG_TEXT_COUNT] = {
        [DRUG_TEXT_NAME] = EVENT_DRUG_NAME,   [DRUG_TEXT_CODE] = EVENT_DRUG_CODE,       [DRUG_TEXT_PATIENT_SYSTEM] = EVENT_PATIENT_SYSTEM,
        [DRUG_TEXT_PATIENT_ID] = EVENT_PATIENT_ID, [DRUG_TEXT_PERSON] = EVENT_PERSON_ID, [DRUG_TEXT_ENCOUNTER] = EVENT_ENCOUNTER_ID,
        [DRUG_TEXT_PRACTITIONER] = EVENT_PRACTITIONER_ID,
    };
    texts[DRUG_TEXT_SYSTEM]    = rule_identifier(chunk, EVENT_SYSTEM, row, buffers[0]);
    texts[DRUG_TEXT_ID]        = rule_identifier(chunk, EVENT_ID, row, buffers[1]);
    texts[DRUG_TEXT_PARTITION] = rule_partition_id(rule, chunk, row);
    if (event_int64(chunk, EVENT_PARTITION, row) == EVENT_PARTITION_HISTORY) /* Before what the log says of the same time. */
        texts[DRUG_TEXT_SYSTEM] = STR_EMPTY;
    if (count > DRUG_TEXT_ENTITY)
        texts[DRUG_TEXT_ENTITY] = str_from(rule->graph->model->entities[event_int64(chunk, EVENT_ENTITY, row)].name);
    for (uint32_t i = DRUG_TEXT_NAME; i < count; i++)
        texts[i] = rule_text(chunk, columns[i], row);
}

struct interaction_key
drug_other_key(const struct hash128 *patient, struct hash128 drug)
{
    const struct hash128 parts[2] = { *patient, drug };
    return (struct interaction_key){ patient->low, hash128(parts, sizeof(parts)) };
}

/* ---- The records of one entry ---- */

uint32_t
drug_find(struct state_entry *entry, struct hash128 identity)
{
    for (uint32_t i = 0; entry != NULL && i < records_head(entry)->record_count; i++)
        if (hash128_equal(((const struct drug_record *)records_of(entry))[i].identity, identity))
            return i;
    return UINT32_MAX;
}

enum drug_copy
drug_take_copy(struct state_entry *entry, uint32_t index, struct drug_record *copy, struct str partition)
{
    struct drug_record *known    = (struct drug_record *)records_of(entry) + index;
    const int           order    = str_compare(partition, drug_text(entry, known, DRUG_TEXT_PARTITION));
    const bool          is_first = order < 0 || (order == 0 && copy->position < known->position);
    const bool          is_news  = copy->known_us < known->known_us || (order != 0 && !known->is_elsewhere);
    copy->known_us     = copy->known_us < known->known_us ? copy->known_us : known->known_us;
    copy->is_elsewhere = known->is_elsewhere || order != 0;
    copy->is_shadow    = known->is_shadow;
    if (is_first)
        return DRUG_COPY_REPLACES;
    known->known_us     = copy->known_us;
    known->is_elsewhere = copy->is_elsewhere;
    return is_news ? DRUG_COPY_CHANGES : DRUG_COPY_SAME;
}

bool
drug_has_drug(struct state_entry *entry, struct hash128 drug)
{
    for (uint32_t i = 0; entry != NULL && i < records_head(entry)->record_count; i++)
        if (hash128_equal(((const struct drug_record *)records_of(entry))[i].drug, drug))
            return true;
    return false;
}

static struct drug_version
order_of(int64_t event_us, struct str system, struct str id)
{
    return (struct drug_version){ .event_us = event_us, .event_system = system, .event_id = id };
}

uint32_t
drug_place_of(struct state_entry *entry, const struct drug_record *record, struct str system, struct str id)
{
    const struct drug_version new     = order_of(record->event_us, system, id);
    const struct drug_record *records = records_of(entry);
    uint32_t                  index   = records_head(entry)->record_count;
    for (; index > 0; index--) {
        const struct drug_record *before  = &records[index - 1];
        const struct drug_version version = order_of(before->event_us, drug_text(entry, before, DRUG_TEXT_SYSTEM), drug_text(entry, before, DRUG_TEXT_ID));
        if (drug_compare(&version, &new) < 0)
            break;
    }
    return index;
}

/* When the drug's last statement was known. */
static int64_t
last_known_us(struct state_entry *entry, struct hash128 drug)
{
    const struct drug_record *records = records_of(entry);
    int64_t                   last_us = INT64_MIN;
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++)
        if (hash128_equal(records[i].drug, drug) && records[i].known_us > last_us)
            last_us = records[i].known_us;
    return last_us;
}

static void
remove_old(struct state_entry *entry)
{
    for (uint32_t i = records_head(entry)->record_count; i-- > 0;)
        if (((const struct drug_record *)records_of(entry))[i].is_old)
            records_remove(entry, sizeof(struct drug_record), i);
}

void
drug_make_room(struct state_entry *entry)
{
    const size_t size_max = STATE_ENTRY_SIZE_MAX - (64u << 10);
    for (;;) {
        struct drug_record *records = records_of(entry);
        const uint32_t      count   = records_head(entry)->record_count;
        if (count < RULE_RECORD_COUNT_MAX && count * sizeof(*records) + records_head(entry)->texts_size <= size_max)
            return;
        uint32_t first = 0;
        for (uint32_t i = 1; i < count; i++)
            if (last_known_us(entry, records[i].drug) < last_known_us(entry, records[first].drug))
                first = i;
        const struct hash128 drug = records[first].drug;
        for (uint32_t i = 0; i < count; i++)
            records[i].is_old = hash128_equal(records[i].drug, drug);
        remove_old(entry);
    }
}

struct drug_life
drug_life_of(struct state_entry *entry, int64_t known_us, int64_t kept_us)
{
    const struct drug_record *records = records_of(entry);
    struct drug_life          life    = { known_us, known_us + kept_us };
    for (bool has_grown = true; has_grown;) {
        has_grown = false;
        for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
            const int64_t begin_us = records[i].known_us, end_us = records[i].known_us + kept_us;
            if (begin_us >= life.end_us || end_us <= life.begin_us || (begin_us >= life.begin_us && end_us <= life.end_us))
                continue;
            life.begin_us = begin_us < life.begin_us ? begin_us : life.begin_us;
            life.end_us   = end_us > life.end_us ? end_us : life.end_us;
            has_grown     = true;
        }
    }
    return life;
}

void
drug_forget(struct state_entry *entry, int64_t kept_us, int64_t freed_us)
{
    struct drug_record *records  = records_of(entry);
    const uint32_t      count    = records_head(entry)->record_count;
    int64_t             first_us = INT64_MAX;
    for (uint32_t i = 0; i < count; i++)
        first_us = records[i].known_us < first_us ? records[i].known_us : first_us;
    if (freed_us == INT64_MIN || count == 0 || first_us + kept_us > freed_us)
        return;
    /* Marked first: while a life is looked at, all of it must be there. */
    for (uint32_t i = 0; i < count; i++)
        records[i].is_old = drug_life_of(entry, records[i].known_us, kept_us).end_us <= freed_us;
    remove_old(entry);
}
