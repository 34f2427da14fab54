#include "cli/table.h"

#include <string.h>

#include <utf8proc.h>

#include "base/check.h"
#include "base/utf8.h"

#define GAP 2 /* Blanks between columns. */
/* No column is cut below this: a table of dots says nothing, a line that wraps is still read. */
#define COLUMN_WIDTH_MIN 8

void
table_init(struct table *table, const struct table_column *columns, size_t column_count, struct arena *arena)
{
    CHECK(column_count > 0 && column_count <= TABLE_COLUMN_COUNT_MAX);
    *table = (struct table){ .columns = columns, .column_count = column_count, .arena = arena };
}

static bool
table_grow(struct table *table)
{
    size_t      capacity = table->cell_capacity == 0 ? 16 * table->column_count : table->cell_capacity * 2;
    struct str *cells = arena_alloc(table->arena, capacity * sizeof(*cells), _Alignof(struct str));
    if (cells == NULL)
        return false;
    if (table->cell_count > 0)
        memcpy(cells, table->cells, table->cell_count * sizeof(*cells));
    table->cells = cells;
    table->cell_capacity = capacity;
    return true;
}

void
table_add(struct table *table, struct str text)
{
    struct str_builder escaped = STR_BUILDER_EMPTY;
    str_builder_append_escaped(&escaped, text);
    struct str clean = str_builder_text(&escaped);
    char      *copy = arena_alloc(table->arena, clean.size + 1, 1);
    if (!str_builder_is_ok(&escaped) || copy == NULL ||
        (table->cell_count == table->cell_capacity && !table_grow(table))) {
        table->has_failed = true;
    } else {
        if (clean.size > 0)
            memcpy(copy, clean.data, clean.size);
        table->cells[table->cell_count++] = str_of(copy, clean.size);
    }
    str_builder_release(&escaped);
}

void
table_add_count(struct table *table, uint64_t count)
{
    char   text[COUNT_TEXT_SIZE];
    size_t size = count_format(count, text);
    table_add(table, str_of(text, size));
}

/* The bytes of `text` that fit `columns_max`, and the columns they take: wide characters take two, combining ones none. */
static size_t
fitting_size(struct str text, size_t columns_max, size_t *ret_columns)
{
    size_t at = 0, columns = 0;
    while (at < text.size) {
        uint32_t character = 0;
        size_t   size = utf8_decode(str_of(text.data + at, text.size - at), &character);
        int      width = size == 0 ? 1 : utf8proc_charwidth((utf8proc_int32_t)character);
        if (columns + (size_t)width > columns_max)
            break;
        columns += (size_t)width;
        at += size == 0 ? 1 : size;
    }
    *ret_columns = columns;
    return at;
}

static size_t
text_width(struct str text)
{
    size_t columns = 0;
    fitting_size(text, SIZE_MAX, &columns);
    return columns;
}

/* Takes columns away from the widest text, one at a time, until the table fits or nothing is left to take. */
static void
shrink(const struct table *table, size_t *widths, unsigned width)
{
    size_t sum = GAP * (table->column_count - 1);
    for (size_t c = 0; c < table->column_count; c++)
        sum += widths[c];
    while (sum > width) {
        size_t widest = SIZE_MAX;
        for (size_t c = 0; c < table->column_count; c++)
            if (!table->columns[c].is_right && widths[c] > COLUMN_WIDTH_MIN &&
                (widest == SIZE_MAX || widths[c] > widths[widest]))
                widest = c;
        if (widest == SIZE_MAX)
            return;
        widths[widest]--;
        sum--;
    }
}

static void
append_blanks(struct str_builder *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        str_builder_append_char(out, ' ');
}

static void
print_cell(const struct table *table, size_t column, const size_t *widths, struct str text, struct str_builder *out)
{
    size_t columns = 0, width = widths[column];
    bool   is_last = column + 1 == table->column_count;
    size_t size = fitting_size(text, width, &columns);
    bool   is_cut = size < text.size;
    if (is_cut)
        size = fitting_size(text, width - 1, &columns);
    if (table->columns[column].is_right)
        append_blanks(out, width - columns - (is_cut ? 1 : 0));
    str_builder_append(out, str_slice(text, 0, size));
    if (is_cut)
        str_builder_append_cstr(out, "…");
    /* Nothing behind the last column: blanks at a line's end are noise in a copied text. */
    if (!is_last && !table->columns[column].is_right)
        append_blanks(out, width - columns - (is_cut ? 1 : 0));
    if (is_last)
        str_builder_append_char(out, '\n');
    else
        append_blanks(out, GAP);
}

enum status
table_print(const struct table *table, unsigned width, struct str_builder *out, struct error *err)
{
    size_t widths[TABLE_COLUMN_COUNT_MAX] = { 0 };
    if (table->has_failed)
        return error_no_memory(err);
    CHECK(table->cell_count % table->column_count == 0);
    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = text_width(str_from(table->columns[c].title));
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t columns = text_width(table->cells[i]);
        size_t *widest = &widths[i % table->column_count];
        *widest = columns > *widest ? columns : *widest;
    }
    if (width > 0)
        shrink(table, widths, width);
    for (size_t c = 0; c < table->column_count; c++)
        print_cell(table, c, widths, str_from(table->columns[c].title), out);
    for (size_t i = 0; i < table->cell_count; i++)
        print_cell(table, i % table->column_count, widths, table->cells[i], out);
    return str_builder_status(out, err);
}
