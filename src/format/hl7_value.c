/* Values: the repetition, the component, then escapes, once.
 *
 * What is taken whole (OBX-5.*, OBX-5[*]) has its escapes resolved only where it holds one component: else a resolved \S\
 * could no longer be told from a separator, and the text stays as sent. */
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "format/hl7_int.h"

static enum status
scratch_append(struct hl7_scratch *scratch, const char *bytes, size_t size, struct error *err)
{
    void *grown = scratch->bytes;

    if (size == 0)
        return ST_OK;
    if (scratch_grow(&grown, &scratch->capacity, scratch->size + size, 1, err) != ST_OK)
        return ST_ERROR;
    scratch->bytes = grown;
    memcpy(scratch->bytes + scratch->size, bytes, size);
    scratch->size += size;
    return ST_OK;
}

/* ---- Escapes ---- */

/* \Xhh..\: pairs of hexadecimal digits. What is not UTF-8, or would put a NUL into a text, is not resolved. */
static size_t
hex_escape(struct str digits, char *out, size_t out_size)
{
    size_t size = digits.size / 2;

    if (size == 0 || digits.size % 2 != 0 || size > out_size || !hex_decode(digits, out, size))
        return 0;
    return memchr(out, '\0', size) == NULL && utf8_is_valid(str_of(out, size)) ? size : 0;
}

#define ESCAPE_OUT_SIZE 256

/* What the code between two escape characters stands for; 0: nothing that is known here. */
static size_t
resolve(const struct hl7_delimiters *delimiters, struct str code, char out[ESCAPE_OUT_SIZE])
{
    if (code.size == 1) {
        switch (code.data[0]) {
        case 'F': out[0] = delimiters->field; return 1;
        case 'S': out[0] = delimiters->component; return 1;
        case 'T': out[0] = delimiters->subcomponent; return 1;
        case 'R': out[0] = delimiters->repetition; return 1;
        case 'E': out[0] = delimiters->escape; return 1;
        default: return 0;
        }
    }
    if (str_equal(code, STR(".br"))) {
        out[0] = '\n';
        return 1;
    }
    if (code.size > 1 && code.data[0] == 'X')
        return hex_escape(str_slice(code, 1, code.size), out, ESCAPE_OUT_SIZE);
    return 0;
}

/* Escapes that the standard knows and that have no text of their own here: highlighting, truncation, formatting,
 * character sets, local ones, and hexadecimal ones that could not be resolved. */
static bool
is_known_escape(struct str code)
{
    if (code.size == 1)
        return memchr("HNP", code.data[0], 3) != NULL;
    if (code.size == 0 || memchr(".CMXZ", code.data[0], 5) == NULL)
        return false;
    for (size_t i = 1; i < code.size; i++) {
        char c = code.data[i];
        if (!ascii_is_letter(c) && !ascii_is_digit(c) && c != '+' && c != '-')
            return false;
    }
    return true;
}

/* Appends the text with its escapes resolved; unknown and lone ones stay as they are and are counted. */
static enum status
append_unescaped(const struct hl7_delimiters *delimiters, struct str text, struct hl7_scratch *scratch,
                 struct error *err)
{
    if (text.size == 0)
        return ST_OK;

    const char *at  = text.data;
    const char *end = text.data + text.size;
    while (at < end) {
        const char *open  = memchr(at, delimiters->escape, (size_t)(end - at));
        const char *close = open == NULL ? NULL : memchr(open + 1, delimiters->escape, (size_t)(end - open - 1));
        char        out[ESCAPE_OUT_SIZE];

        if (close == NULL) {
            scratch->kept_escape_count += open != NULL;
            return scratch_append(scratch, at, (size_t)(end - at), err);
        }
        size_t size = resolve(delimiters, str_of(open + 1, (size_t)(close - open - 1)), out);
        if (scratch_append(scratch, at, (size_t)(open - at), err) != ST_OK)
            return ST_ERROR;
        if (size > 0) {
            if (scratch_append(scratch, out, size, err) != ST_OK)
                return ST_ERROR;
            at = close + 1;
            continue;
        }
        /* Of a known escape both ends are kept; else the closing one may open the next: C:\dir \F\. */
        const char *kept_end = is_known_escape(str_of(open + 1, (size_t)(close - open - 1))) ? close + 1 : close;
        scratch->kept_escape_count++;
        if (scratch_append(scratch, open, (size_t)(kept_end - open), err) != ST_OK)
            return ST_ERROR;
        at = kept_end;
    }
    return ST_OK;
}

/* ---- Choosing ---- */

static struct str
match_repetition(const struct hl7_message *message, const struct hl7_path *path, struct str field)
{
    const struct hl7_delimiters *delimiters = &message->delimiters;

    for (uint16_t a = 0; a < path->alternative_count; a++) {
        struct str_split split      = str_split_init(field, delimiters->repetition);
        struct str       repetition = STR_EMPTY;
        while (str_split_next(&split, &repetition)) {
            struct str part = hl7_piece(message, repetition, delimiters->component, path->match_component);
            if (path->match_subcomponent > 0)
                part = hl7_piece(message, part, delimiters->subcomponent, path->match_subcomponent);
            if (repetition.size > 0 && str_equal(part, path->alternatives[a]))
                return repetition;
        }
    }
    return STR_EMPTY;
}

static struct str
choose_repetition(const struct hl7_message *message, const struct hl7_path *path, struct str field,
                  struct str each_repetition)
{
    char delimiter = message->delimiters.repetition;

    switch (path->repetition) {
    case HL7_FIRST: return hl7_piece(message, field, delimiter, 1);
    case HL7_INDEX: return hl7_piece(message, field, delimiter, path->repetition_number);
    case HL7_MATCH: return match_repetition(message, path, field);
    case HL7_EACH: return each_repetition;
    case HL7_ALL:
    default: return field;
    }
}

/* Of a coded field the part of the coding whose system is wanted: components 1 to 3 or 4 to 6. */
static struct str
choose_coding(const struct hl7_message *message, const struct hl7_path *path, struct str repetition)
{
    char delimiter = message->delimiters.component;

    for (uint32_t first = 1; first <= 4; first += 3) {
        if (str_equal(hl7_piece(message, repetition, delimiter, first + 2), path->coding))
            return hl7_piece(message, repetition, delimiter, first + path->component - 1);
    }
    return STR_EMPTY;
}

/* The piece of the message that the path leads to, as sent. *ret_is_plain: escapes may be resolved. */
static struct str
raw_value(const struct hl7_plan *plan, const struct hl7_message *message, const struct hl7_path *path,
          uint16_t name, size_t segment_index, struct str each_repetition, bool *ret_is_plain)
{
    const struct hl7_delimiters *delimiters = &message->delimiters;
    struct str                   field      = hl7_field(plan, message, segment_index, path->field);

    *ret_is_plain = true;
    if (name == plan->msh && path->field <= 2) {
        *ret_is_plain = false; /* They are the delimiters. */
        return field;
    }
    struct str text = choose_repetition(message, path, field, each_repetition);
    if (path->is_whole) {
        *ret_is_plain = hl7_inner_find(message, text, delimiters->component) == text.size
                        && hl7_inner_find(message, text, delimiters->subcomponent) == text.size
                        && hl7_inner_find(message, text, delimiters->repetition) == text.size;
        return text;
    }
    if (path->coding.size > 0)
        return choose_coding(message, path, text);
    text = hl7_piece(message, text, delimiters->component, path->component);
    return path->subcomponent > 0 ? hl7_piece(message, text, delimiters->subcomponent, path->subcomponent) : text;
}

/* ---- Quick values ---- */

void
hl7_pieces_walk(struct hl7_message *message, struct str field)
{
    struct hl7_pieces     *pieces     = &message->pieces;
    struct hl7_delimiters  delimiters = message->delimiters;
    const char            *bytes      = message->bytes;
    size_t                 begin      = (size_t)(field.data - bytes);
    size_t                 end        = begin + field.size;
    uint32_t               count      = 0;
    size_t                 at         = begin;

    *pieces = (struct hl7_pieces){ .field = field.data };
    while ((at = hl7_inner_next(message, at, end)) < end) {
        char c = bytes[at];
        if (c == delimiters.repetition)
            break;
        if (c == delimiters.component) {
            pieces->ends[count++] = bytes + at;
            if (count == HL7_PIECE_COUNT_MAX) {
                pieces->is_cut = true;
                break;
            }
        } else if (c == delimiters.escape) {
            pieces->has_escape = true;
        } else {
            pieces->has_subcomponents = true;
        }
        at++;
    }
    if (!pieces->is_cut)
        pieces->ends[count++] = bytes + at;
    pieces->count = count;
}

static inline struct str
pieces_component(const struct hl7_pieces *pieces, uint32_t component)
{
    if (component > pieces->count)
        return STR_EMPTY;
    const char *begin = component == 1 ? pieces->field : pieces->ends[component - 2] + 1;
    return str_of(begin, (size_t)(pieces->ends[component - 1] - begin));
}

struct str
hl7_match(struct hl7_message *message, const struct hl7_path *path, struct str field)
{
    struct hl7_matched *matched = &message->matched[path->match_id % HL7_MATCH_COUNT_MAX];

    if (path->match_id == HL7_MATCH_COUNT_MAX)
        return match_repetition(message, path, field);
    if (matched->field != field.data)
        *matched = (struct hl7_matched){ field.data, match_repetition(message, path, field) };
    return matched->repetition;
}

bool
hl7_pieces_value(const struct hl7_message *message, const struct hl7_path *path, struct str *ret_text)
{
    const struct hl7_pieces *pieces = &message->pieces;

    if (pieces->has_escape)
        return false;
    if (path->is_whole) {
        *ret_text = str_of(pieces->field, (size_t)(pieces->ends[pieces->count - 1] - pieces->field));
        return !pieces->is_cut;
    }
    if (path->coding.size > 0) {
        for (uint32_t first = 1; first <= 4; first += 3) {
            if (str_equal(pieces_component(pieces, first + 2), path->coding)) {
                *ret_text = pieces_component(pieces, first + path->component - 1u);
                break;
            }
        }
        return true;
    }
    if (path->subcomponent > 0 && pieces->has_subcomponents)
        return false;
    if (path->subcomponent <= 1)
        *ret_text = pieces_component(pieces, path->component);
    return true;
}

/* ---- The value ---- */

static enum status
append_following(const struct hl7_plan *plan, const struct hl7_message *message, const struct hl7_path *path,
                 size_t segment_index, struct hl7_scratch *scratch, struct error *err)
{
    bool has_text = false;

    for (size_t i = segment_index + 1; i < message->segment_count; i++) {
        if (message->segments[i].name != path->following)
            break;
        bool       is_plain = true;
        struct str text     = raw_value(plan, message, path, path->following, i, STR_EMPTY, &is_plain);
        if (i > segment_index + 1 && scratch_append(scratch, "\n", 1, err) != ST_OK)
            return ST_ERROR;
        has_text = has_text || text.size > 0;
        if ((is_plain ? append_unescaped(&message->delimiters, text, scratch, err)
                      : scratch_append(scratch, text.data, text.size, err))
            != ST_OK)
            return ST_ERROR;
    }
    if (!has_text)
        scratch->size = 0;
    return ST_OK;
}

/* All repetitions as sent are joined by ~, also where the message separates them by something else. */
static enum status
append_all(const struct hl7_message *message, struct str text, struct hl7_scratch *scratch, struct error *err)
{
    if (scratch_append(scratch, text.data, text.size, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < scratch->size; i++) {
        if (scratch->bytes[i] == message->delimiters.repetition)
            scratch->bytes[i] = '~';
    }
    return ST_OK;
}

/* The segment that a group has once. Of several it is not told which belongs to what: then -1, as where there is none. */
static int32_t
find_within(const struct hl7_plan *plan, const struct hl7_message *message, const struct hl7_path *path, int32_t segment_index)
{
    int32_t found = -1;

    for (size_t i = (size_t)segment_index + 1; i < message->segment_count; i++) {
        const int32_t name = message->segments[i].name;
        if (name == path->name || name == plan->pid || name == plan->orc || name == plan->obr)
            break;
        if (name != path->following)
            continue;
        if (found >= 0)
            return -1;
        found = (int32_t)i;
    }
    return found;
}

enum status
hl7_value(const struct hl7_plan *plan, const struct hl7_message *message, const struct hl7_path *path,
          int32_t segment_index, struct str repetition, struct hl7_scratch *scratch, struct str *ret_text,
          bool *ret_is_scratch, struct error *err)
{
    enum status status   = ST_OK;
    bool        is_plain = true;

    *ret_text       = STR_EMPTY;
    *ret_is_scratch = false;
    if (path->kind == HL7_OF_MESSAGE)
        segment_index = message->first[path->following];
    else if (path->kind == HL7_WITHIN && segment_index >= 0)
        segment_index = find_within(plan, message, path, segment_index);
    if (segment_index < 0)
        return ST_OK;
    if (path->kind == HL7_PRESENT) {
        *ret_text = STR("1");
        return ST_OK;
    }
    scratch->size = 0;
    if (path->kind == HL7_FOLLOWING) {
        status = append_following(plan, message, path, (size_t)segment_index, scratch, err);
    } else {
        uint16_t   name = path->kind == HL7_OF_MESSAGE || path->kind == HL7_WITHIN ? path->following : path->name;
        struct str text = raw_value(plan, message, path, name, (size_t)segment_index, repetition, &is_plain);
        bool       is_changed = is_plain && hl7_inner_find(message, text, message->delimiters.escape) < text.size;
        bool       is_joined  = path->repetition == HL7_ALL && message->delimiters.repetition != '~';

        if (!is_changed && !is_joined) {
            *ret_text = text;
            return ST_OK;
        }
        status = is_changed ? append_unescaped(&message->delimiters, text, scratch, err)
                            : append_all(message, text, scratch, err);
    }
    if (status == ST_OK) {
        *ret_text       = str_of(scratch->bytes, scratch->size);
        *ret_is_scratch = true;
    }
    return status;
}
