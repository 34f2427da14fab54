/* Paths into HL7 v2 messages: model/README.md has the table. */
#include <string.h>

#include "base/limits.h"
#include "format/hl7_int.h"

struct path_reader {
    const char              *next;
    const char              *end;
    const struct mapping    *mapping;
    const struct model_text *source;
    struct plan_errors      *errors;
    struct decode_plan      *plan;
    const struct hl7_each   *each;
    bool                     is_out_of_memory;
};

static bool
wrong(struct path_reader *reader, const char *why)
{
    plan_error(reader->errors, reader->mapping, reader->source, "path \"%.*s\": %s",
               STR_PRINTF(reader->source->text), why);
    return false;
}

static bool
is_at(const struct path_reader *reader, char c)
{
    return reader->next < reader->end && *reader->next == c;
}

static bool
take(struct path_reader *reader, char c)
{
    bool is_there = is_at(reader, c);
    reader->next += is_there;
    return is_there;
}

static int32_t
name_add(struct hl7_plan *plan, uint32_t code)
{
    int32_t known = hl7_name_find(plan, code);
    if (known >= 0)
        return known;
    if (plan->name_count == HL7_NAME_COUNT_MAX)
        return -1;

    uint32_t at = code * 2654435761u >> 22;
    while (plan->slots[at] != 0)
        at = (at + 1) % HL7_NAME_SLOTS;
    plan->names[plan->name_count++] = code;
    plan->slots[at]                 = (uint8_t)plan->name_count;
    return (int32_t)plan->name_count - 1;
}

static bool
is_name_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || ascii_is_digit(c);
}

static bool
read_segment(struct path_reader *reader, uint16_t *ret_name)
{
    const char *at = reader->next;

    if (reader->end - at < 3 || !is_name_letter(at[0]) || !is_name_letter(at[1]) || !is_name_letter(at[2]))
        return wrong(reader, "a segment is three capital letters or digits");
    int32_t name = name_add(reader->plan->hl7, hl7_name_code(at));
    if (name < 0)
        return wrong(reader, "too many segments in the mappings of one format");
    reader->next += 3;
    *ret_name = (uint16_t)name;
    return true;
}

static bool
read_number(struct path_reader *reader, uint16_t *ret_number)
{
    uint32_t number = 0;
    size_t   digits = 0;

    for (; reader->next < reader->end && ascii_is_digit(*reader->next) && digits < 4; reader->next++, digits++)
        number = number * 10 + (uint32_t)(*reader->next - '0');
    if (digits == 0 || number == 0 || number > FORMAT_PATH_NUMBER_MAX)
        return wrong(reader, "a number from 1 to 999 is missing");
    *ret_number = (uint16_t)number;
    return true;
}

/* The alternatives of [5=MR|PI|]. */
static bool
read_alternatives(struct path_reader *reader, struct str text, struct hl7_path *path)
{
    struct str_split split = str_split_init(text, '|');
    struct str       part  = STR_EMPTY;
    uint16_t         count = 0;

    while (str_split_next(&split, &part))
        count++;
    struct str *alternatives = ARENA_ARRAY(&reader->plan->arena, struct str, count);
    if (alternatives == NULL) {
        reader->is_out_of_memory = true;
        return false;
    }
    split = str_split_init(text, '|');
    for (uint16_t i = 0; i < count; i++)
        (void)str_split_next(&split, &alternatives[i]);
    path->alternatives      = alternatives;
    path->alternative_count = count;
    return true;
}

static bool
read_repetition(struct path_reader *reader, struct hl7_path *path)
{
    const char *close = memchr(reader->next, ']', (size_t)(reader->end - reader->next));

    if (close == NULL)
        return wrong(reader, "a bracket is not closed");
    if (take(reader, '#')) {
        if (reader->each->name != path->name || reader->each->field != path->field)
            return wrong(reader, "[#] is the repetition that `each` stands on, and `each` is not this field");
        path->repetition = HL7_EACH;
    } else if (take(reader, '*')) {
        path->repetition = HL7_ALL;
    } else {
        uint16_t number = 0;
        if (!read_number(reader, &number))
            return false;
        path->repetition        = HL7_INDEX;
        path->repetition_number = number;
        if (reader->next < close) {
            path->repetition      = HL7_MATCH;
            path->match_component = number;
            if (take(reader, '.') && !read_number(reader, &path->match_subcomponent))
                return false;
            if (!take(reader, '='))
                return wrong(reader, "brackets hold a number, #, *, or component=text|text");
            if (!read_alternatives(reader, str_of(reader->next, (size_t)(close - reader->next)), path))
                return false;
            reader->next = close;
        }
    }
    return take(reader, ']') || wrong(reader, "brackets hold a number, #, *, or component=text|text");
}

static bool
read_coding(struct path_reader *reader, struct hl7_path *path)
{
    const char *begin = reader->next;

    while (reader->next < reader->end && *reader->next != '.')
        reader->next++;
    path->coding = str_of(begin, (size_t)(reader->next - begin));
    if (path->coding.size == 0)
        return wrong(reader, "the coding system is missing behind @");
    if (!take(reader, '.') || !read_number(reader, &path->component) || path->component > 3)
        return wrong(reader, "of a coding, .1 is the code, .2 the text, .3 the system");
    return true;
}

static bool
read_field(struct path_reader *reader, struct hl7_path *path)
{
    path->component = 1;
    if (!read_number(reader, &path->field))
        return false;
    if (take(reader, '[') && !read_repetition(reader, path))
        return false;
    if (path->repetition == HL7_ALL) {
        path->is_whole = true;
        return true;
    }
    if (take(reader, '@'))
        return read_coding(reader, path);
    if (!take(reader, '.'))
        return true;
    if (take(reader, '*')) {
        path->is_whole = true;
        return true;
    }
    return read_number(reader, &path->component) && (!take(reader, '.') || read_number(reader, &path->subcomponent));
}

static bool
read_path(struct path_reader *reader, struct hl7_path *path)
{
    if (take(reader, '^')) {
        /* MSH is in scope throughout. */
        path->kind = HL7_OF_MESSAGE;
        path->name = reader->plan->hl7->msh;
        if (!read_segment(reader, &path->following))
            return false;
    } else if (!read_segment(reader, &path->name)) {
        return false;
    }
    if (path->kind == HL7_VALUE && reader->next == reader->end) {
        path->kind = HL7_PRESENT;
        return true;
    }
    if (path->kind == HL7_VALUE && take(reader, '>')) {
        path->kind = take(reader, '>') ? HL7_WITHIN : HL7_FOLLOWING;
        if (!read_segment(reader, &path->following))
            return false;
    }
    if (!take(reader, '-'))
        return wrong(reader, "a segment is followed by - and the field's number");
    if (!read_field(reader, path))
        return false;
    return reader->next == reader->end || wrong(reader, "there is more behind the path's end");
}

static struct path_reader
reader_init(struct decode_plan *plan, const struct mapping *mapping, const struct model_text *source,
            const struct hl7_each *each, struct plan_errors *errors)
{
    return (struct path_reader){
        .next = source->text.data,
        .end = source->text.data + source->text.size,
        .mapping = mapping,
        .source = source,
        .errors = errors,
        .plan = plan,
        .each = each,
    };
}

static void
read_each(struct decode_plan *plan, const struct mapping *mapping, struct hl7_each *each, struct plan_errors *errors)
{
    *each = (struct hl7_each){ .name = -1 };
    if (mapping->each_count == 0)
        return;

    struct path_reader reader = reader_init(plan, mapping, &mapping->each[0], each, errors);
    uint16_t           name   = 0;
    uint16_t           field  = 0;
    if (mapping->each_count > 1) {
        plan_error(errors, mapping, &mapping->each[1], "`each` of HL7 v2 is one segment or one field");
        return;
    }
    if (!read_segment(&reader, &name) || (take(&reader, '-') && !read_number(&reader, &field)))
        return;
    if (reader.next != reader.end) {
        (void)wrong(&reader, "`each` is a segment or a field of it, such as OBX or PID-3");
        return;
    }
    *each = (struct hl7_each){ name, field };
}

static enum status
read_paths(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    struct hl7_plan *hl7 = plan->hl7;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        struct plan_mapping  *entry   = &plan->mappings[i];
        const struct mapping *mapping = entry->mapping;

        read_each(plan, mapping, &hl7->each[i], errors);
        for (uint32_t f = 0; f < mapping->field_count; f++) {
            const struct mapping_field *field = &mapping->fields[f];
            entry->fields[f].first_path       = hl7->path_count;
            entry->fields[f].path_count       = field->path_count;
            for (uint32_t k = 0; k < field->path_count; k++) {
                struct path_reader reader = reader_init(plan, mapping, &field->paths[k], &hl7->each[i], errors);
                struct hl7_path   *path   = &hl7->paths[hl7->path_count++];
                *path                     = (struct hl7_path){ .kind = HL7_VALUE };
                (void)read_path(&reader, path);
                if (reader.is_out_of_memory)
                    return error_no_memory(err);
            }
        }
    }
    return ST_OK;
}

/* The row looks for what matches, and for the repetition of [#], before it looks into it. */
static bool
is_first_repetition(const struct hl7_path *path)
{
    return path->repetition == HL7_FIRST || path->repetition == HL7_EACH || path->repetition == HL7_MATCH || (path->repetition == HL7_INDEX && path->repetition_number == 1);
}

static enum hl7_plain
plain_of(const struct hl7_plan *plan, const struct hl7_path *path)
{
    bool is_first = is_first_repetition(path);

    if (path->kind != HL7_VALUE || (path->name == plan->msh && path->field <= 2) )
        return HL7_PLAIN_UNKNOWN;
    if (path->is_whole && (is_first || path->repetition == HL7_ALL))
        return HL7_PLAIN_FIELD;
    if (!is_first)
        return path->repetition == HL7_INDEX ? HL7_PLAIN_EMPTY : HL7_PLAIN_UNKNOWN;
    if (path->coding.size > 0 || path->component > 1 || path->subcomponent > 1)
        return HL7_PLAIN_EMPTY;
    return HL7_PLAIN_FIELD;
}

static bool
is_same_match(const struct hl7_path *a, const struct hl7_path *b)
{
    bool is_same = b->repetition == HL7_MATCH && a->match_component == b->match_component && a->match_subcomponent == b->match_subcomponent
                   && a->alternative_count == b->alternative_count;
    for (uint16_t i = 0; is_same && i < a->alternative_count; i++)
        is_same = str_equal(a->alternatives[i], b->alternatives[i]);
    return is_same;
}

static void
number_matches(struct hl7_plan *hl7)
{
    uint16_t count = 0;

    for (uint32_t i = 0; i < hl7->path_count; i++) {
        struct hl7_path *path = &hl7->paths[i];
        uint32_t         k    = 0;
        if (path->repetition != HL7_MATCH)
            continue;
        while (k < i && !is_same_match(path, &hl7->paths[k]))
            k++;
        path->match_id = k < i ? hl7->paths[k].match_id : count;
        if (k == i && count < HL7_MATCH_COUNT_MAX)
            count++;
    }
}

enum status
hl7_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    uint32_t path_count = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        for (uint32_t f = 0; f < mapping->field_count; f++)
            path_count += mapping->fields[f].path_count;
    }
    plan->hl7 = ARENA_NEW(&plan->arena, struct hl7_plan);
    if (plan->hl7 == NULL)
        return error_no_memory(err);
    plan->hl7->paths = ARENA_ARRAY(&plan->arena, struct hl7_path, path_count);
    plan->hl7->each  = ARENA_ARRAY(&plan->arena, struct hl7_each, plan->mapping_count);
    if (plan->hl7->paths == NULL || plan->hl7->each == NULL)
        return error_no_memory(err);
    plan->hl7->msh = (uint16_t)name_add(plan->hl7, hl7_name_code("MSH"));
    plan->hl7->evn = (uint16_t)name_add(plan->hl7, hl7_name_code("EVN"));
    plan->hl7->pid = (uint16_t)name_add(plan->hl7, hl7_name_code("PID"));
    plan->hl7->orc = (uint16_t)name_add(plan->hl7, hl7_name_code("ORC"));
    plan->hl7->obr = (uint16_t)name_add(plan->hl7, hl7_name_code("OBR"));
    if (read_paths(plan, errors, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < plan->hl7->path_count; i++) {
        struct hl7_path *path  = &plan->hl7->paths[i];
        uint32_t         last  = path->coding.size > 0 ? path->component + 3u : path->component;
        path->plain            = plain_of(plan->hl7, path);
        path->is_of_first      = path->plain != HL7_PLAIN_UNKNOWN && is_first_repetition(path) && last <= HL7_PIECE_COUNT_MAX;
    }
    number_matches(plan->hl7);
    return hl7_rows_compile(plan, err) == ST_OK ? hl7_dispatch_compile(plan, err) : ST_ERROR;
}
