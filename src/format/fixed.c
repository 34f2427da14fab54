/* Fixed width to rows: a record a line, columns at fixed places, no header; the file's name tells which mappings fit.
 *
 * A path is START:LENGTH, START counted from 1 in bytes, as record layouts are written. A line that ends before a column gives
 * what is there of it, or null: senders leave blanks at a line's end away. Blanks around a value are filling, not the value. */
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/format_int.h"

struct fixed_column {
    uint32_t begin; /* From 0. */
    uint32_t size;
};

struct fixed_plan {
    struct fixed_column *columns; /* One a path. */
    uint32_t             count;
};

struct fixed_state {
    char  *scratch; /* A value converted to UTF-8. */
    size_t capacity;
};

/* ---- Plan ---- */

static bool
read_path(struct str path, struct fixed_column *ret_column)
{
    size_t   colon = str_find_byte(path, ':');
    uint64_t start;
    uint64_t size;

    if (colon >= path.size || !str_to_uint64(str_slice(path, 0, colon), &start)
        || !str_to_uint64(str_slice(path, colon + 1, path.size), &size))
        return false;
    if (start < 1 || size < 1 || start > FORMAT_FIXED_RECORD_SIZE_MAX || size > FORMAT_FIXED_RECORD_SIZE_MAX)
        return false;
    *ret_column = (struct fixed_column){ (uint32_t)start - 1, (uint32_t)size };
    return true;
}

static void
compile_field(struct decode_plan *plan, const struct mapping *mapping, const struct mapping_field *field,
              struct plan_field *entry, struct plan_errors *errors)
{
    struct fixed_plan *fixed = plan->fixed;

    entry->first_path = fixed->count;
    entry->path_count = field->path_count;
    for (uint32_t k = 0; k < field->path_count; k++, fixed->count++)
        if (!read_path(field->paths[k].text, &fixed->columns[fixed->count]))
            plan_error(errors, mapping, &field->paths[k], "a path of fixed width is START:LENGTH, START from 1 (\"12:40\"), at most %u",
                       FORMAT_FIXED_RECORD_SIZE_MAX);
}

static enum status
fixed_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    uint32_t path_count = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++)
        for (uint32_t f = 0; f < plan->mappings[i].mapping->field_count; f++)
            path_count += plan->mappings[i].mapping->fields[f].path_count;
    plan->fixed = ARENA_NEW(&plan->arena, struct fixed_plan);
    if (plan->fixed == NULL)
        return error_no_memory(err);
    *plan->fixed         = (struct fixed_plan){ 0 };
    plan->fixed->columns = ARENA_ARRAY(&plan->arena, struct fixed_column, path_count);
    if (plan->fixed->columns == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        if (mapping->each_count > 0)
            plan_error(errors, mapping, &mapping->each[0], "a line makes one row: `each` has no meaning");
        for (uint32_t f = 0; f < mapping->field_count; f++)
            compile_field(plan, mapping, &mapping->fields[f], &plan->mappings[i].fields[f], errors);
    }
    return ST_OK;
}

/* ---- Layout ---- */

/* `*` any bytes, `?` one. Each star is tried again one byte further, the last one first: at most pattern times name. */
static bool
name_is_like(struct str name, struct str pattern)
{
    size_t at    = 0;
    size_t p     = 0;
    size_t star  = SIZE_MAX;
    size_t again = 0;

    while (at < name.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star  = p++;
            again = at;
        } else if (p < pattern.size && (pattern.data[p] == '?' || pattern.data[p] == name.data[at])) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p  = star + 1;
            at = ++again;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

static bool
mapping_names(const struct mapping *mapping, struct str name)
{
    size_t slash = str_find_last_byte(name, '/');
    if (slash < name.size)
        name = str_slice(name, slash + 1, name.size);
    for (uint32_t i = 0; i < mapping->detect_file_count; i++)
        if (name_is_like(name, mapping->detect_files[i].text))
            return true;
    return false;
}

bool
decode_plan_names(const struct decode_plan *plan, struct str name)
{
    bool is_named = false;
    for (uint32_t i = 0; plan != NULL && plan->fixed != NULL && i < plan->mapping_count; i++)
        is_named = is_named || mapping_names(plan->mappings[i].mapping, name);
    return is_named;
}

static enum status
fixed_layout_open(struct decode_layout *layout, struct str head, bool is_whole, const struct decode_sink *sink,
                  struct error *err)
{
    const struct decode_plan *plan    = layout->plan;
    bool                      has_any = false;
    (void)head;
    (void)is_whole;
    (void)sink;

    layout->fixed_fits = memory_alloc_array_zero(plan->mapping_count, sizeof layout->fixed_fits[0]);
    if (layout->fixed_fits == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        layout->fixed_fits[i] = layout->name.size == 0 || mapping_names(plan->mappings[i].mapping, layout->name);
        has_any               = has_any || layout->fixed_fits[i];
    }
    if (!has_any) {
        layout->is_readable = false;
        layout->reason      = DECODE_NO_MAPPING;
        layout->detail      = "no mapping of fixed width is for files of this name";
    }
    return ST_OK;
}

static void
fixed_layout_free(struct decode_layout *layout)
{
    memory_free(layout->fixed_fits);
}

/* ---- Decoder ---- */

static enum status
fixed_open(struct decoder *decoder, struct error *err)
{
    decoder->fixed = memory_alloc_zero(sizeof *decoder->fixed);
    return decoder->fixed == NULL ? error_no_memory(err) : ST_OK;
}

static void
fixed_reset(struct decoder *decoder)
{
    (void)decoder;
}

static void
fixed_close(struct decoder *decoder)
{
    if (decoder->fixed != NULL)
        memory_free(decoder->fixed->scratch);
    memory_free(decoder->fixed);
}

/* Lines of blanks lie between records. */
static enum status
fixed_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
            struct frame *ret_frame, struct error *err)
{
    const size_t size_max = decoder->plan->record_size_max;
    struct frame frame    = { .kind = FRAME_BETWEEN };
    size_t       at       = begin;
    (void)err;

    if (position + (int64_t)begin == 0 && str_starts_with(str_of(bytes, size), STR("\xEF\xBB\xBF")))
        at += 3;
    while (at < size) {
        size_t line_size = 0;
        bool   is_ended  = false;
        if (!line_find(bytes, at, size, size_max, is_last, &line_size, &is_ended)) {
            frame.kind = FRAME_MORE;
            break;
        }
        if (line_size > size_max) {
            frame.kind   = FRAME_PASSED;
            frame.reason = DECODE_TOO_LARGE;
            frame.detail = "the line is longer than the limit";
            break;
        }
        if (str_trim(str_of(bytes + at, line_size)).size > 0) {
            frame.kind  = FRAME_RECORD;
            frame.after = is_ended ? 1 : 0;
            if (bytes[at + line_size - 1] == '\r') {
                line_size--;
                frame.after++;
            }
            frame.size = line_size;
            break;
        }
        at += line_size + (is_ended ? 1 : 0);
    }
    frame.before = at - begin;
    *ret_frame   = frame;
    return ST_OK;
}

/* The first of the field's columns that is not blank. */
static enum status
set_field(struct decoder *decoder, struct chunk *chunk, const struct plan_field *field, uint32_t field_index,
          struct str record, bool is_converted, struct error *err)
{
    const struct fixed_column *column = &decoder->plan->fixed->columns[field->first_path];
    struct str                 text   = STR_EMPTY;

    for (uint32_t i = 0; i < field->path_count && text.size == 0; i++, column++)
        text = str_trim(str_slice(record, column->begin, (size_t)column->begin + column->size));
    if (!is_converted)
        return row_set(decoder, chunk, field_index, text, LIFE_INPUT, err);

    void *scratch = decoder->fixed->scratch;
    if (scratch_grow(&scratch, &decoder->fixed->capacity, 3 * text.size, 1, err) != ST_OK)
        return ST_ERROR;
    decoder->fixed->scratch = scratch;
    text = str_of(scratch, charset_to_utf8(decoder->plan->charset, text, scratch));
    return row_set(decoder, chunk, field_index, text, LIFE_CALL, err);
}

/* Columns are counted in bytes, so a character of several bytes must not be cut: then the row is refused. */
static bool
columns_are_whole(const struct fixed_plan *plan, const struct plan_mapping *entry, struct str record)
{
    for (uint32_t f = 0; f < entry->mapping->field_count; f++)
        for (uint32_t k = 0; k < entry->fields[f].path_count; k++) {
            const struct fixed_column *column = &plan->columns[entry->fields[f].first_path + k];
            struct str text = str_slice(record, column->begin, (size_t)column->begin + column->size);
            if (utf8_valid_prefix(text) < text.size)
                return false;
        }
    return true;
}

static bool
is_ascii(struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

static enum status
fixed_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    const struct decode_plan *plan         = decoder->plan;
    const bool                is_plain     = is_ascii(record);
    const bool                is_converted = !is_plain && plan->charset != CHARSET_UNKNOWN && plan->charset != CHARSET_UTF8;
    (void)position;

    for (uint32_t i = 0; i < plan->mapping_count && !is_plain && !is_converted; i++)
        if (decoder->layout->fixed_fits[i] && !columns_are_whole(plan->fixed, &plan->mappings[i], record))
            return decoder_outcome(decoder, DECODE_BAD_ENCODING, record, "a column is not UTF-8, or cuts a character", err);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct plan_mapping *entry = &plan->mappings[i];
        if (!decoder->layout->fixed_fits[i])
            continue;
        for (uint32_t f = 0; f < entry->mapping->field_count; f++)
            if (set_field(decoder, &decoder->chunks[i], &entry->fields[f], f, record, is_converted, err) != ST_OK)
                return ST_ERROR;
        if (row_end(decoder, i, 0, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

const struct format_kind FIXED_KIND = {
    .format = MODEL_FIXED,
    .record_size_max = FORMAT_FIXED_RECORD_SIZE_MAX,
    .compile = fixed_compile,
    .layout = fixed_layout_open,
    .layout_free = fixed_layout_free,
    .open = fixed_open,
    .reset = fixed_reset,
    .close = fixed_close,
    .frame = fixed_frame,
    .decode = fixed_decode,
    .skip = line_skip,
    .split = line_split,
};
