/* The row of one mapping. Most of its values are those of its row before, or come from segments that the message has not, or from
 * fields that are empty or have no parts: each of these is told by a look at little memory, before a path is read. */
#include <string.h>

#include "base/check.h"
#include "format/hl7_int.h"

/* ---- The plan ---- */

static enum status
add_row_name(struct hl7_row *row, uint16_t name, uint64_t *names, struct error *err)
{
    uint32_t at = 0;

    while (at < row->name_count && row->names[at] != name)
        at++;
    if (at == HL7_ROW_NAME_COUNT_MAX)
        return error_set(err, ERR_FULL, "a mapping of HL7 v2 reads more than %d segments", HL7_ROW_NAME_COUNT_MAX);
    row->names[at]  = name;
    row->name_count = at == row->name_count ? at + 1 : row->name_count;
    *names |= (uint64_t)1 << at;
    return ST_OK;
}

/* MSH-1 is the first separator itself, and MSH-2 has no parts: they are left to the path. */
static struct hl7_probe
probe_of(const struct hl7_plan *hl7, const struct hl7_path *path)
{
    struct hl7_probe probe = { .name = path->name, .repetition = (uint8_t)path->repetition, .plain = (uint8_t)path->plain,
                               .is_of_first = path->is_of_first };

    if (path->kind == HL7_VALUE && path->plain != HL7_PLAIN_UNKNOWN)
        probe.field = (uint16_t)(path->field - (path->name == hl7->msh ? 1 : 0));
    return probe;
}

enum status
hl7_rows_compile(struct decode_plan *plan, struct error *err)
{
    struct hl7_plan *hl7 = plan->hl7;

    hl7->probes = ARENA_ARRAY(&plan->arena, struct hl7_probe, hl7->path_count);
    hl7->rows   = ARENA_ARRAY(&plan->arena, struct hl7_row, plan->mapping_count);
    if (hl7->probes == NULL || hl7->rows == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < hl7->path_count; i++)
        hl7->probes[i] = probe_of(hl7, &hl7->paths[i]);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct plan_mapping *entry = &plan->mappings[i];
        struct hl7_row            *row   = &hl7->rows[i];
        *row        = (struct hl7_row){ .name_count = 0 };
        row->fields = ARENA_ARRAY(&plan->arena, struct hl7_row_field, entry->mapping->field_count);
        if (row->fields == NULL)
            return error_no_memory(err);
        for (uint32_t f = 0; f < entry->mapping->field_count; f++) {
            const struct hl7_path *path  = &hl7->paths[entry->fields[f].first_path];
            struct hl7_row_field  *field = &row->fields[f];
            *field                       = (struct hl7_row_field){ .names = 0 };
            for (uint32_t k = 0; k < entry->fields[f].path_count; k++) {
                field->has_each = field->has_each || path[k].repetition == HL7_EACH;
                if (add_row_name(row, path[k].name, &field->names, err) != ST_OK)
                    return ST_ERROR;
            }
        }
    }
    return ST_OK;
}

/* ---- Values ---- */

/* The value of the row before; its bytes live as long as the chunk's rows. */
static inline void
repeat_value(struct column *column, uint32_t row)
{
    struct text *texts = column->data;

    if (!column->all_valid && !validity_get(column->validity, row - 1))
        column->validity[row >> 6] &= ~((uint64_t)1 << (row & 63));
    else
        texts[row] = texts[row - 1];
}

/* Most results have no notes. */
static bool
is_followed(const struct hl7_message *message, const struct hl7_path *path, size_t segment_index)
{
    return segment_index + 1 < message->segment_count && message->segments[segment_index + 1].name == path->following;
}

/* The value where it needs no change, nor a search among repetitions that is not remembered: nearly always. False: ask hl7_value. */
static inline bool
quick_value(const struct hl7_plan *plan, struct hl7_message *message, uint32_t path_index, int32_t segment_index, struct str repetition,
            struct str *ret_text)
{
    const struct hl7_probe *probe = &plan->probes[path_index];
    const struct hl7_path  *path  = &plan->paths[path_index];
    struct str              text  = repetition;

    if (segment_index < 0)
        return true;
    if (probe->field == 0 && path->kind == HL7_WITHIN)
        return message->first[path->following] < 0;
    if (probe->field == 0)
        return path->kind == HL7_FOLLOWING && !is_followed(message, path, (size_t)segment_index);
    if (probe->repetition != HL7_EACH) {
        const struct hl7_segment *segment = &message->segments[segment_index];
        if (probe->field > segment->separator_count)
            return true;
        const uint32_t *separators = message->separators + segment->separator + probe->field;
        uint32_t        begin      = separators[-1] + 1;
        text = str_of(message->bytes + begin, (probe->field < segment->separator_count ? separators[0] : segment->end) - begin);
    }
    if (text.size > 0 && probe->repetition == HL7_MATCH)
        text = hl7_match(message, path, text);
    if (text.size == 0)
        return true;
    if (message->pieces.field != text.data) {
        size_t begin = (size_t)(text.data - message->bytes), end = begin + text.size;
        if (hl7_inner_next(message, begin, end) == end) {
            if (probe->plain == HL7_PLAIN_FIELD)
                *ret_text = text;
            return true;
        }
        if (!probe->is_of_first)
            return false;
        hl7_pieces_walk(message, text);
    }
    return probe->is_of_first && hl7_pieces_value(message, path, ret_text);
}

/* The first value with text among the field's paths. */
static enum status
set_field(struct decoder *decoder, struct chunk *chunk, const struct plan_field *field, uint32_t field_index,
          struct str repetition, struct error *err)
{
    struct hl7_state      *state      = decoder->hl7;
    const struct hl7_plan *plan       = decoder->plan->hl7;
    const struct hl7_path *path       = &plan->paths[field->first_path];
    struct str             text       = STR_EMPTY;
    bool                   is_scratch = false;

    for (uint32_t count = field->path_count; count > 0 && text.size == 0; count--, path++) {
        if (hl7_value(plan, &state->message, path, state->scope[path->name], repetition, &state->scratch, &text,
                      &is_scratch, err)
            != ST_OK)
            return ST_ERROR;
    }
    /* A converted message and the scratch are overwritten by what comes next. */
    enum value_life life = is_scratch || state->is_converted ? LIFE_CALL : LIFE_INPUT;
    return row_set(decoder, chunk, field_index, text, life, err);
}

/* ---- The row ---- */

/* Which of the row's segments are in scope, and which are others than at the mapping's last row; remembers those of now. */
static inline void
look_at_scopes(const struct hl7_row *row, const int32_t *scopes, int32_t *before, uint64_t *ret_present, uint64_t *ret_moved)
{
    uint64_t present = 0, moved = 0;

    for (uint32_t n = 0, count = row->name_count; n < count; n++) {
        int32_t scope = scopes[row->names[n]];
        present |= (uint64_t)(scope >= 0) << n;
        moved |= (uint64_t)(scope != before[n]) << n;
        before[n] = scope;
    }
    *ret_present = present;
    *ret_moved   = moved;
}

enum status
hl7_make_row(struct decoder *decoder, uint32_t mapping_index, struct str repetition, struct error *err)
{
    struct hl7_state           *state  = decoder->hl7;
    const struct hl7_plan      *plan   = decoder->plan->hl7;
    const struct plan_mapping  *entry  = &decoder->plan->mappings[mapping_index];
    const struct hl7_row       *of     = &plan->rows[mapping_index];
    const struct hl7_row_field *look   = of->fields;
    const struct plan_field    *field  = entry->fields;
    struct chunk               *chunk  = &decoder->chunks[mapping_index];
    struct column              *to     = &chunk->columns[RAW_FIELD_OFFSET];
    uint32_t                    row    = chunk->row_count;
    bool                        lives_long = decoder->options.is_borrowing && !state->is_converted;
    uint64_t                    present = 0, moved = 0;

    look_at_scopes(of, state->scope, &state->row_scopes[(size_t)mapping_index * HL7_ROW_NAME_COUNT_MAX], &present, &moved);
    if (row == 0 || state->row_message[mapping_index] != state->message_number)
        moved = ~(uint64_t)0;
    for (uint32_t f = 0, count = entry->mapping->field_count; f < count; f++, look++, field++, to++) {
        struct str text = STR_EMPTY;
        uint32_t   at = field->first_path, end = at + field->path_count;

        if ((look->names & moved) == 0 && !look->has_each) {
            repeat_value(to, row);
            continue;
        }
        while ((look->names & present) != 0 && at < end && text.size == 0
               && quick_value(plan, &state->message, at, state->scope[plan->probes[at].name], repetition, &text))
            at++;
        if ((at == end || text.size > 0 || (look->names & present) == 0) && row_put(to, row, text, lives_long))
            continue;
        if (set_field(decoder, chunk, field, f, repetition, err) != ST_OK)
            return ST_ERROR;
    }
    state->row_message[mapping_index] = state->message_number;
    return row_end(decoder, mapping_index, state->row_numbers[mapping_index]++, err);
}
