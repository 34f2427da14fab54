/* Which mappings read a message: told by its type (MSH-9.1) and its event, before anything of it is extracted.
 *
 * The event is MSH-9.2, else EVN-1, as the structure (MSH-9.3) is shared: A04, A08 and A13 come as ADT_A01. A mapping's `when`
 * names both by conjuncts of the form `field in ('A01', …)` over fields with these very paths. Mappings are bits of words: a
 * message's are those of its type and of its event, and a segment makes rows of those that stand on it. */
#include <string.h>

#include "format/hl7_int.h"

static bool
is_part_of_msh9(const struct hl7_plan *hl7, const struct hl7_path *path, uint16_t component)
{
    return path->kind == HL7_VALUE && path->name == hl7->msh && path->field == 9 && path->repetition == HL7_FIRST
           && path->component == component && path->subcomponent == 0 && !path->is_whole && path->coding.size == 0;
}

static const struct plan_field *
field_of(const struct type_field_query *query, uint32_t field_index)
{
    return &query->plan->mappings[query->mapping_index].fields[field_index];
}

static bool
is_type_field(const struct type_field_query *query, uint32_t field_index)
{
    const struct hl7_plan   *hl7   = query->plan->hl7;
    const struct plan_field *field = field_of(query, field_index);

    return field->path_count == 1 && is_part_of_msh9(hl7, &hl7->paths[field->first_path], 1);
}

/* ["MSH-9.2", "EVN-1"] */
static bool
is_event_field(const struct type_field_query *query, uint32_t field_index)
{
    const struct hl7_plan   *hl7   = query->plan->hl7;
    const struct plan_field *field = field_of(query, field_index);
    const struct hl7_path   *path  = &hl7->paths[field->first_path];

    return field->path_count == 2 && is_part_of_msh9(hl7, path, 2) && path[1].kind == HL7_VALUE
           && path[1].name == hl7->evn && path[1].field == 1 && path[1].repetition == HL7_FIRST && path[1].component == 1
           && path[1].subcomponent == 0 && !path[1].is_whole && path[1].coding.size == 0;
}

/* A type's or event's bytes as a number. What is longer than any is all ones, which is no text. */
static uint64_t
key_code(struct str text)
{
    uint64_t code = 0;

    if (text.size > sizeof code)
        return UINT64_MAX;
    for (size_t i = 0; i < text.size; i++)
        code = code << 8 | (unsigned char)text.data[i];
    return code;
}

static const struct hl7_key *
key_find(const struct hl7_keys *keys, uint64_t code)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        if (keys->keys[i].code == code)
            return &keys->keys[i];
    }
    return NULL;
}

static void
add_bit(uint64_t *words, uint32_t mapping_index)
{
    words[mapping_index >> 6] |= (uint64_t)1 << (mapping_index & 63);
}

static enum status
add_key(struct hl7_keys *keys, uint32_t mapping_index, struct str text, struct error *err)
{
    uint64_t              code  = key_code(text);
    const struct hl7_key *known = key_find(keys, code);
    uint32_t              index = known != NULL ? (uint32_t)(known - keys->keys) : keys->count;

    if (index == HL7_KEY_COUNT_MAX)
        return error_set(err, ERR_FULL, "mappings of HL7 v2 name more than %d types or events", HL7_KEY_COUNT_MAX);
    keys->count            = index == keys->count ? index + 1 : keys->count;
    keys->keys[index].code = code;
    add_bit(keys->keys[index].readers, mapping_index);
    return ST_OK;
}

/* Adds the mapping to the keys that its `when` holds the field to; to those of any where it names none. */
static enum status
add_keys(struct decode_plan *plan, struct hl7_keys *keys, uint32_t mapping_index, is_type_field_fn *is_field,
         struct error *err)
{
    struct type_field_query query = { plan, mapping_index };
    struct str             *texts = NULL;
    uint32_t                count = 0;

    if (when_dispatch(plan->mappings[mapping_index].mapping, is_field, &query, &plan->arena, &texts, &count, err) != ST_OK)
        return ST_ERROR;
    if (count == 0)
        add_bit(keys->any, mapping_index);
    for (uint32_t i = 0; i < count; i++) {
        if (add_key(keys, mapping_index, texts[i], err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
hl7_dispatch_compile(struct decode_plan *plan, struct error *err)
{
    struct hl7_plan *hl7   = plan->hl7;
    size_t           words = (hl7->name_count + 1u) * HL7_MAPPING_WORDS;

    hl7->readers_at = ARENA_ARRAY(&plan->arena, uint64_t, words);
    if (hl7->readers_at == NULL)
        return error_no_memory(err);
    memset(hl7->readers_at, 0, words * sizeof(uint64_t));
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        if (add_keys(plan, &hl7->types, i, is_type_field, err) != ST_OK
            || add_keys(plan, &hl7->triggers, i, is_event_field, err) != ST_OK)
            return ST_ERROR;
        add_bit(hl7->readers_at + (size_t)(hl7->each[i].name + 1) * HL7_MAPPING_WORDS, i);
    }
    return ST_OK;
}

struct str
hl7_message_event(const struct hl7_plan *plan, const struct hl7_message *message)
{
    struct str type  = hl7_part(hl7_field(plan, message, 0, 9), message->delimiters.repetition, 1);
    struct str event = hl7_part(type, message->delimiters.component, 2);

    for (size_t i = 1; event.size == 0 && i < message->segment_count; i++) {
        if (message->segments[i].name == plan->evn)
            return hl7_part(hl7_field(plan, message, i, 1), message->delimiters.component, 1);
    }
    return event;
}

bool
hl7_dispatch(const struct hl7_plan *plan, struct str type, struct str event, uint64_t ret_active[HL7_MAPPING_WORDS])
{
    const struct hl7_key *of_type  = key_find(&plan->types, key_code(type));
    const struct hl7_key *of_event = key_find(&plan->triggers, key_code(event));
    uint64_t              all      = 0;

    for (size_t i = 0; i < HL7_MAPPING_WORDS; i++) {
        uint64_t readers = plan->types.any[i] | (of_type != NULL ? of_type->readers[i] : 0);
        ret_active[i]    = readers & (plan->triggers.any[i] | (of_event != NULL ? of_event->readers[i] : 0));
        all |= ret_active[i];
    }
    return all != 0;
}
