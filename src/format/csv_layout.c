/* The head of a CSV file: delimiter, columns by name, which mappings fit. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/csv_int.h"

/* ---- Plan ---- */

static enum status
compile_details(struct decode_plan *plan, struct plan_mapping *entry, struct error *err)
{
    const struct mapping *mapping = entry->mapping;

    entry->missing_details = ARENA_ARRAY(&plan->arena, const char *, mapping->detect_header_count);
    if (entry->missing_details == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < mapping->detect_header_count; i++) {
        entry->missing_details[i] = arena_printf(&plan->arena, "no mapping fits the header; %s comes nearest, and misses the column \"%.*s\"",
                                                 mapping->name, STR_PRINTF(str_trim(mapping->detect_headers[i].text)));
        if (entry->missing_details[i] == NULL)
            return error_no_memory(err);
    }
    return ST_OK;
}

enum status
csv_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err)
{
    uint32_t path_count = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        for (uint32_t f = 0; f < mapping->field_count; f++)
            path_count += mapping->fields[f].path_count;
    }
    plan->csv = ARENA_NEW(&plan->arena, struct csv_plan);
    if (plan->csv == NULL)
        return error_no_memory(err);
    plan->csv->paths = ARENA_ARRAY(&plan->arena, struct str, path_count);
    if (plan->csv->paths == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        if (compile_details(plan, &plan->mappings[i], err) != ST_OK)
            return ST_ERROR;
        if (mapping->each_count > 0)
            plan_error(errors, mapping, &mapping->each[0], "a CSV row makes one row: `each` has no meaning");
        for (uint32_t f = 0; f < mapping->field_count; f++) {
            const struct mapping_field *field = &mapping->fields[f];
            plan->mappings[i].fields[f].first_path = plan->csv->path_count;
            plan->mappings[i].fields[f].path_count = field->path_count;
            for (uint32_t k = 0; k < field->path_count; k++) {
                struct str name = str_trim(field->paths[k].text);
                if (name.size == 0)
                    plan_error(errors, mapping, &field->paths[k], "the name of a header is empty");
                plan->csv->paths[plan->csv->path_count++] = name;
            }
        }
    }
    return ST_OK;
}

/* ---- Header ---- */

/* The candidate that stands most often outside quotes in the first line; the comma where none does. */
static char
find_delimiter(struct str head)
{
    static const char CANDIDATES[] = { ',', ';', '\t', '|' };
    size_t            counts[4]    = { 0 };
    size_t            best         = 0;
    bool              is_quoted    = false;

    for (size_t i = 0; i < head.size; i++) {
        char c = head.data[i];
        if (c == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (c == '\n' || c == '\r'))
            break;
        for (size_t k = 0; k < 4 && !is_quoted; k++)
            counts[k] += c == CANDIDATES[k];
    }
    for (size_t k = 1; k < 4; k++) {
        if (counts[k] > counts[best])
            best = k;
    }
    return CANDIDATES[best];
}

struct header {
    struct str *names;
    uint32_t    count;
};

/* Names without quotes and blanks, in UTF-8, in memory of `arena`. */
static enum status
header_names(const struct csv_reader *reader, const struct csv_row *row, struct str line, enum charset charset,
             struct arena *arena, struct header *ret_header, struct error *err)
{
    struct str *names = ARENA_ARRAY(arena, struct str, row->cell_count);
    if (names == NULL)
        return error_no_memory(err);

    for (uint32_t i = 0; i < row->cell_count; i++) {
        const struct csv_cell *cell = &reader->cells[i];
        struct str             raw  = str_of(line.data + cell->begin, cell->size);
        char                  *text = arena_alloc(arena, 4 * raw.size + 1, 1);
        if (text == NULL)
            return error_no_memory(err);
        size_t size = raw.size;
        if (cell->has_doubled_quote)
            size = csv_unquote(raw, text);
        else
            memcpy(text, raw.data, raw.size);
        if (charset != CHARSET_UTF8) {
            /* The converted text goes behind the raw one: 3 bytes at most for each of its own. */
            char *converted = text + size;
            size            = charset_to_utf8(charset, str_of(text, size), converted);
            text            = converted;
        }
        names[i] = str_trim(str_of(text, size));
    }
    ret_header->names = names;
    ret_header->count = row->cell_count;
    return ST_OK;
}

/* Where a name stands twice, the first is meant. */
static int32_t
header_find(const struct header *header, struct str name)
{
    for (uint32_t i = 0; i < header->count; i++) {
        if (str_equal(header->names[i], name))
            return (int32_t)i;
    }
    return -1;
}

static bool
field_is_there(const struct csv_layout *csv, const struct plan_field *field)
{
    for (uint32_t i = 0; i < field->path_count; i++) {
        if (csv->columns[field->first_path + i] >= 0)
            return true;
    }
    return false;
}

/* All headers of `detect` and all required fields must be there, none of `absent`, and some field at all. */
static bool
mapping_fits(const struct plan_mapping *entry, const struct csv_layout *csv, const struct header *header)
{
    const struct mapping *mapping = entry->mapping;
    bool                  has_any = false;

    for (uint32_t i = 0; i < mapping->detect_header_count; i++) {
        if (header_find(header, str_trim(mapping->detect_headers[i].text)) < 0)
            return false;
    }
    for (uint32_t i = 0; i < mapping->absent_header_count; i++) {
        if (header_find(header, str_trim(mapping->absent_headers[i].text)) >= 0)
            return false;
    }
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        bool is_there = field_is_there(csv, &entry->fields[i]);
        if (entry->fields[i].is_required && !is_there)
            return false;
        has_any = has_any || is_there;
    }
    return has_any;
}

static enum status
note_missing(const struct decode_plan *plan, const struct csv_layout *csv, uint32_t mapping_index,
             const struct decode_sink *sink, struct error *err)
{
    const struct plan_mapping *entry = &plan->mappings[mapping_index];

    if (sink == NULL || sink->note == NULL)
        return ST_OK;
    for (uint32_t i = 0; i < entry->mapping->field_count; i++) {
        if (field_is_there(csv, &entry->fields[i]))
            continue;
        const struct decode_note note = {
            .kind = NOTE_MISSING_COLUMN,
            .mapping_index = (int32_t)mapping_index,
            .field_index = (int32_t)i,
            .detail = "the header lacks the column",
        };
        if (sink->note(sink->context, &note, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* Names the mapping that comes nearest, and the first column that it misses. Names of the file's own columns are not shown: without a
 * header they are data. */
static const char *
no_mapping_detail(const struct decode_plan *plan, const struct header *header)
{
    const char *detail = "no mapping fits the header";
    uint32_t    most   = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        const struct mapping *mapping = plan->mappings[i].mapping;
        const char           *missing = NULL;
        uint32_t              found   = 0;
        for (uint32_t k = mapping->detect_header_count; k > 0; k--) {
            if (header_find(header, str_trim(mapping->detect_headers[k - 1].text)) < 0)
                missing = plan->mappings[i].missing_details[k - 1];
            else
                found++;
        }
        if (missing != NULL && found > most) {
            detail = missing;
            most   = found;
        }
    }
    return detail;
}

static enum status
bind_header(struct decode_layout *layout, const struct header *header, const struct decode_sink *sink,
            struct error *err)
{
    const struct decode_plan *plan    = layout->plan;
    struct csv_layout        *csv     = layout->csv;
    bool                      has_any = false;

    csv->column_count = header->count;
    for (uint32_t i = 0; i < plan->csv->path_count; i++)
        csv->columns[i] = header_find(header, plan->csv->paths[i]);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        csv->fits[i] = mapping_fits(&plan->mappings[i], csv, header);
        has_any      = has_any || csv->fits[i];
        csv->has_no_quotes |= csv->fits[i] && plan->mappings[i].mapping->has_no_quotes;
        if (csv->fits[i] && note_missing(plan, csv, i, sink, err) != ST_OK)
            return ST_ERROR;
    }
    if (!has_any) {
        layout->is_readable = false;
        layout->reason      = DECODE_NO_MAPPING;
        layout->detail      = no_mapping_detail(plan, header);
    }
    return ST_OK;
}

static enum status
layout_alloc(struct decode_layout *layout, struct error *err)
{
    const struct decode_plan *plan = layout->plan;

    layout->csv = memory_alloc_zero(sizeof *layout->csv);
    if (layout->csv == NULL)
        return error_no_memory(err);
    layout->csv->columns = memory_alloc_array(plan->csv->path_count, sizeof layout->csv->columns[0]);
    layout->csv->fits    = memory_alloc_array_zero(plan->mapping_count, sizeof layout->csv->fits[0]);
    if (layout->csv->columns == NULL || layout->csv->fits == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < plan->csv->path_count; i++)
        layout->csv->columns[i] = -1;
    return ST_OK;
}

enum status
csv_layout_open(struct decode_layout *layout, struct str head, bool is_whole, const struct decode_sink *sink,
                struct error *err)
{
    const struct decode_plan *plan = layout->plan;
    if (layout_alloc(layout, err) != ST_OK)
        return ST_ERROR;

    size_t begin           = layout->records_begin;
    layout->csv->charset   = plan->charset == CHARSET_UNKNOWN || begin > 0 ? CHARSET_UTF8 : plan->charset;
    begin += csv_line_ends(head.data, begin, head.size);
    layout->csv->delimiter = plan->delimiter != 0 ? plan->delimiter : find_delimiter(str_slice(head, begin, head.size));
    layout->records_begin  = begin;
    if (begin == head.size)
        return ST_OK; /* An input without anything. */

    struct csv_reader reader;
    struct csv_row    row    = { .kind = CSV_MORE };
    struct header     header = { NULL, 0 };
    struct arena      arena;
    enum status       status;

    arena_init(&arena, 0);
    csv_reader_init(&reader, head.data, head.size, layout->csv->delimiter, false, FORMAT_HEAD_SIZE_MAX, true);
    status = csv_read_row(&reader, begin, is_whole, &row, err);
    if (status != ST_OK)
        goto out;
    if (row.kind != CSV_ROW || row.has_stray || row.cell_count > FORMAT_CSV_COLUMN_COUNT_MAX) {
        layout->is_readable = false;
        layout->reason      = DECODE_NO_MAPPING;
        layout->detail      = "the first line is no header";
        goto out;
    }
    status = header_names(&reader, &row, str_of(head.data + begin, row.size), layout->csv->charset, &arena, &header,
                          err);
    if (status != ST_OK)
        goto out;
    layout->records_begin = begin + row.size;
    status                = bind_header(layout, &header, sink, err);

out:
    csv_reader_release(&reader);
    arena_release(&arena);
    return status;
}

void
csv_layout_free(struct decode_layout *layout)
{
    if (layout->csv == NULL)
        return;
    memory_free(layout->csv->columns);
    memory_free(layout->csv->fits);
    memory_free(layout->csv);
}
