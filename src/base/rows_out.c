#include "base/rows_out.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/str_builder.h"

#define GAP         2 /* Blanks between columns. */
#define WIDTH_LEAST 4 /* No column is made narrower: a letter or three and the "…". */

struct rows_out {
    struct rows_out_options options;
    struct arena            arena;
    struct str             *names;
    uint32_t                column_count;
    uint32_t                column; /* Of the next cell. */
    uint64_t                row_count;
    struct str_builder      text; /* Waits to be written. */

    /* Table only: cells as they will be shown, the header first. */
    bool               is_measured;
    uint32_t          *widths;
    struct str_builder held;
    size_t            *held_ends; /* Where each cell ends in `held`. */
    size_t             held_count;
    uint32_t           held_row_count;
};

static uint32_t
character_count(struct str text)
{
    uint32_t count = 0;

    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static struct str
first_characters(struct str text, uint32_t count)
{
    size_t end = 0;

    for (; end < text.size; end++) {
        bool is_first_byte = ((unsigned char)text.data[end] & 0xc0) != 0x80;
        if (is_first_byte && count == 0)
            break;
        count -= is_first_byte;
    }
    return str_slice(text, 0, end);
}

/* ---- Table ---- */

/* A cell that is escaped already, padded or cut to its column. */
static void
table_cell(struct rows_out *rows, uint32_t column, struct str text)
{
    uint32_t width = character_count(text);
    uint32_t wanted = rows->widths[column];

    for (int i = 0; column != 0 && i < GAP; i++)
        str_builder_append_char(&rows->text, ' ');
    if (rows->options.width_max != 0 && width > wanted) {
        str_builder_append(&rows->text, first_characters(text, wanted - 1));
        str_builder_append_cstr(&rows->text, "…");
        return;
    }
    str_builder_append(&rows->text, text);
    for (; column + 1 < rows->column_count && width < wanted; width++)
        str_builder_append_char(&rows->text, ' ');
}

static struct str
held_cell(const struct rows_out *rows, size_t index)
{
    return str_slice(str_builder_text(&rows->held), index == 0 ? 0 : rows->held_ends[index - 1], rows->held_ends[index]);
}

/* The largest width that columns may have so that the line fits. */
static void
fit(struct rows_out *rows)
{
    uint32_t width_max = rows->options.width_max;
    uint64_t total;
    uint32_t most = 0;

    for (uint32_t column = 0; column < rows->column_count; column++)
        most = rows->widths[column] > most ? rows->widths[column] : most;
    most = most > width_max ? width_max : most;
    for (; width_max != 0 && most > WIDTH_LEAST; most--) {
        total = (uint64_t)GAP * (rows->column_count - 1);
        for (uint32_t column = 0; column < rows->column_count; column++)
            total += rows->widths[column] < most ? rows->widths[column] : most;
        if (total <= width_max)
            break;
    }
    for (uint32_t column = 0; width_max != 0 && column < rows->column_count; column++)
        rows->widths[column] = rows->widths[column] < most ? rows->widths[column] : most;
}

static void
write_held(struct rows_out *rows)
{
    for (size_t i = 0; i < rows->held_count; i++) {
        uint32_t column = (uint32_t)(i % rows->column_count);
        uint32_t width  = character_count(held_cell(rows, i));
        rows->widths[column] = width > rows->widths[column] ? width : rows->widths[column];
    }
    fit(rows);
    for (size_t i = 0; i < rows->held_count; i++) {
        uint32_t column = (uint32_t)(i % rows->column_count);
        table_cell(rows, column, held_cell(rows, i));
        if (column + 1 == rows->column_count)
            str_builder_append_char(&rows->text, '\n');
    }
    rows->is_measured = true;
}

static void
hold(struct rows_out *rows, struct str text)
{
    str_builder_append_escaped(&rows->held, text);
    rows->held_ends[rows->held_count++] = rows->held.size;
}

/* A cell behind the held ones: escaped at the end of `held`, which is nobody's then. */
static void
table_later_cell(struct rows_out *rows, struct str text)
{
    str_builder_truncate(&rows->held, 0);
    str_builder_append_escaped(&rows->held, text);
    if (str_builder_is_ok(&rows->held))
        table_cell(rows, rows->column, str_builder_text(&rows->held));
}

/* ---- JSON and CSV ---- */

/* What JSON has no word for; each engine spells it in its own case. */
static bool
is_no_json_number(struct str text)
{
    return str_equal_ignore_case(text, STR("nan")) || str_equal_ignore_case(text, STR("inf")) ||
           str_equal_ignore_case(text, STR("-inf"));
}

static void
json_cell(struct rows_out *rows, struct str text, bool is_bare)
{
    str_builder_append_char(&rows->text, rows->column == 0 ? '{' : ',');
    json_out_quote(&rows->text, rows->names[rows->column]);
    str_builder_append_char(&rows->text, ':');
    if (text.data == NULL || (is_bare && is_no_json_number(text)))
        str_builder_append_cstr(&rows->text, "null");
    else if (is_bare)
        str_builder_append(&rows->text, text);
    else
        json_out_quote(&rows->text, text);
}

static void
csv_cell(struct rows_out *rows, uint32_t column, struct str text)
{
    if (column != 0)
        str_builder_append_char(&rows->text, ',');
    bool is_plain = true;
    for (size_t i = 0; i < text.size && is_plain; i++)
        is_plain = text.data[i] != ',' && text.data[i] != '"' && text.data[i] != '\n' && text.data[i] != '\r';
    if (is_plain) {
        str_builder_append(&rows->text, text);
        return;
    }
    str_builder_append_char(&rows->text, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            str_builder_append_char(&rows->text, '"');
        str_builder_append_char(&rows->text, text.data[i]);
    }
    str_builder_append_char(&rows->text, '"');
}

/* ---- Rows ---- */

static enum status
flush(struct rows_out *rows, struct error *err)
{
    enum status status = str_builder_status(&rows->text, err);

    if (status == ST_OK)
        status = str_builder_status(&rows->held, err);
    if (status == ST_OK && rows->text.size != 0)
        status = rows->options.write(rows->options.context, str_builder_text(&rows->text), err);
    str_builder_clear(&rows->text);
    return status;
}

static enum status
init(struct rows_out *rows, const struct str *names, struct error *err)
{
    const uint32_t count = rows->column_count;

    rows->names     = ARENA_ARRAY(&rows->arena, struct str, count);
    rows->widths    = ARENA_ARRAY(&rows->arena, uint32_t, count);
    rows->held_ends = ARENA_ARRAY(&rows->arena, size_t, (size_t)count * (ROWS_OUT_HELD_COUNT_MAX + 1));
    if (rows->names == NULL || rows->widths == NULL || rows->held_ends == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (!arena_text(&rows->arena, names[i], &rows->names[i]))
            return error_no_memory(err);
        if (rows->options.format == ROWS_TABLE)
            hold(rows, names[i]);
        else if (rows->options.format == ROWS_CSV)
            csv_cell(rows, i, names[i]);
    }
    if (rows->options.format == ROWS_CSV)
        str_builder_append_char(&rows->text, '\n');
    return ST_OK;
}

enum status
rows_out_new(const struct rows_out_options *options, const struct str *names, uint32_t column_count,
             struct rows_out **ret_rows, struct error *err)
{
    CHECK(column_count > 0 && options->write != NULL);
    struct rows_out *rows = memory_alloc_zero(sizeof *rows);

    if (rows == NULL)
        return error_no_memory(err);
    rows->options      = *options;
    rows->column_count = column_count;
    arena_init(&rows->arena, 0);
    if (init(rows, names, err) != ST_OK) {
        rows_out_free(rows);
        return ST_ERROR;
    }
    *ret_rows = rows;
    return ST_OK;
}

void
rows_out_free(struct rows_out *rows)
{
    if (rows == NULL)
        return;
    str_builder_release(&rows->text);
    str_builder_release(&rows->held);
    arena_release(&rows->arena);
    memory_free(rows);
}

void
rows_out_cell(struct rows_out *rows, struct str text, bool is_bare)
{
    CHECK(rows->column < rows->column_count);
    struct str shown = text.data == NULL ? STR("NULL") : text;

    if (rows->options.format == ROWS_JSON)
        json_cell(rows, text, is_bare);
    else if (rows->options.format == ROWS_CSV)
        csv_cell(rows, rows->column, text);
    else if (rows->is_measured)
        table_later_cell(rows, shown);
    else
        hold(rows, shown);
    rows->column++;
}

enum status
rows_out_row_end(struct rows_out *rows, struct error *err)
{
    CHECK(rows->column == rows->column_count);
    rows->column = 0;
    rows->row_count++;
    if (rows->options.format == ROWS_JSON)
        str_builder_append_cstr(&rows->text, "}\n");
    else if (rows->options.format == ROWS_CSV || rows->is_measured)
        str_builder_append_char(&rows->text, '\n');
    else if (++rows->held_row_count == ROWS_OUT_HELD_COUNT_MAX || rows->held.size > ROWS_OUT_BLOCK_SIZE) {
        if (str_builder_status(&rows->held, err) != ST_OK)
            return ST_ERROR;
        write_held(rows);
    }
    return rows->text.size >= ROWS_OUT_BLOCK_SIZE || rows->text.has_failed || rows->held.has_failed ? flush(rows, err) : ST_OK;
}

enum status
rows_out_end(struct rows_out *rows, struct error *err)
{
    if (str_builder_status(&rows->held, err) != ST_OK)
        return ST_ERROR;
    if (rows->options.format == ROWS_TABLE && !rows->is_measured)
        write_held(rows);
    return flush(rows, err);
}

uint64_t
rows_out_count(const struct rows_out *rows)
{
    return rows->row_count;
}
