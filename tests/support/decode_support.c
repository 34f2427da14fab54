#include "support/decode_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- Plans ---- */

static uint32_t
count_paths(const char *paths)
{
    uint32_t count = 1;
    for (; *paths != '\0'; paths++)
        count += *paths == ';';
    return count;
}

static void
fill_mapping(const struct test_mapping *from, struct mapping *to, struct mapping_field **fields,
             struct model_text **texts)
{
    *to = (struct mapping){ .name = from->name, .file = "test.json", .format = from->format };
    if (from->when != NULL)
        to->when = (struct model_text){ str_from(from->when), 1, 1 };
    if (from->each != NULL) {
        struct str_split split = str_split_init(str_from(from->each), ';');
        struct str       part  = STR_EMPTY;
        to->each = *texts;
        while (str_split_next(&split, &part))
            (*texts)[to->each_count++] = (struct model_text){ part, 1, 1 };
        *texts += to->each_count;
    }
    if (from->detect != NULL) {
        **texts                 = (struct model_text){ str_from(from->detect), 1, 1 };
        to->detect_headers      = (*texts)++;
        to->detect_header_count = 1;
    }
    to->fields = *fields;
    for (const struct test_field *field = from->fields; field->name != NULL; field++) {
        struct mapping_field *target = (*fields)++;
        struct str_split      split  = str_split_init(str_from(field->paths), ';');
        struct str            part   = STR_EMPTY;

        *target = (struct mapping_field){ .name = field->name, .paths = *texts, .line = 2, .column = 3 };
        while (str_split_next(&split, &part)) {
            *(*texts)++ = (struct model_text){ part, 2 + to->field_count, 3 };
            target->path_count++;
        }
        to->field_count++;
    }
}

enum status
test_plan_compile(const struct decode_plan_options *options, const struct test_mapping *mappings, uint32_t count,
                  struct test_plan *ret_plan, struct error *err)
{
    uint32_t field_count = 0;
    uint32_t text_count  = 0;

    for (uint32_t i = 0; i < count; i++) {
        text_count += 1 + (mappings[i].each != NULL ? count_paths(mappings[i].each) : 0);
        for (const struct test_field *field = mappings[i].fields; field->name != NULL; field++) {
            field_count++;
            text_count += count_paths(field->paths);
        }
    }
    *ret_plan          = (struct test_plan){ 0 };
    ret_plan->mappings = calloc(count + 1, sizeof *ret_plan->mappings);
    ret_plan->pointers = calloc(count + 1, sizeof *ret_plan->pointers);
    ret_plan->fields   = calloc(field_count + 1, sizeof *ret_plan->fields);
    ret_plan->texts    = calloc(text_count + 1, sizeof *ret_plan->texts);
    if (!ret_plan->mappings || !ret_plan->pointers || !ret_plan->fields || !ret_plan->texts)
        abort();

    struct mapping_field *fields = ret_plan->fields;
    struct model_text    *texts  = ret_plan->texts;
    for (uint32_t i = 0; i < count; i++) {
        fill_mapping(&mappings[i], &ret_plan->mappings[i], &fields, &texts);
        ret_plan->pointers[i] = &ret_plan->mappings[i];
    }
    return decode_plan_compile(options, ret_plan->pointers, count, NULL, NULL, &ret_plan->plan, err);
}

void
test_plan_release(struct test_plan *plan)
{
    decode_plan_free(plan->plan);
    free(plan->mappings);
    free(plan->pointers);
    free(plan->fields);
    free(plan->texts);
    *plan = (struct test_plan){ 0 };
}

/* ---- What is told ---- */

#define MAPPINGS_MAX 8

struct record_of_all {
    const struct decode_plan *plan;
    struct str_builder        rows[MAPPINGS_MAX];
    struct str_builder        outcomes;
    int64_t                   row_count;
};

static enum status
take_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    struct record_of_all *all = context;
    struct str_builder   *out = &all->rows[mapping_index];
    (void)err;

    if (chunk->row_count == 0 || chunk->row_count > chunk->capacity)
        abort();
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        str_builder_printf(out, "%s", decode_plan_mapping(all->plan, mapping_index)->name);
        for (uint32_t i = 0; i < RAW_FIELD_OFFSET; i++)
            str_builder_printf(out, " %lld", (long long)((const int64_t *)chunk->columns[i].data)[row]);
        for (uint32_t i = RAW_FIELD_OFFSET; i < chunk->schema->column_count; i++) {
            const struct column *column = &chunk->columns[i];
            str_builder_append_char(out, '|');
            if (!column->all_valid && !validity_get(column->validity, row))
                continue;
            const struct text *text = &((const struct text *)column->data)[row];
            str_builder_append(out, str_of(text_data(text), text->size));
        }
        str_builder_append_char(out, '\n');
    }
    all->row_count += chunk->row_count;
    return ST_OK;
}

static enum status
take_outcome(void *context, const struct record_outcome *outcome, struct error *err)
{
    struct record_of_all *all = context;
    (void)err;

    str_builder_printf(&all->outcomes, "%s %lld %lld\n", decode_reason_code(outcome->reason),
                       (long long)outcome->position, (long long)outcome->length);
    if ((int64_t)outcome->bytes.size > outcome->length || outcome->detail == NULL)
        abort();
    return ST_OK;
}

static enum status
take_note(void *context, const struct decode_note *note, struct error *err)
{
    static const char *const NAMES[] = { "missing_column", "wrong_shape", "batch_count", "stray_line", "unended_bundle" };
    struct record_of_all    *all     = context;
    (void)err;

    str_builder_printf(&all->outcomes, "%s %d %d\n", NAMES[note->kind], note->mapping_index, note->field_index);
    return ST_OK;
}

static void
require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "decode_support: %s\n", what);
    abort();
}

static void
check_counts(const struct decode_counts *counts, size_t size)
{
    int64_t told = counts->yielded_count;
    for (unsigned i = 0; i < DECODE_REASON_COUNT; i++)
        told += counts->reason_counts[i];
    require(counts->record_bytes + counts->between_bytes == (int64_t)size, "bytes do not add up");
    require(counts->record_count == told, "records do not add up");
}

static void
add_counts(struct decode_counts *sum, const struct decode_counts *counts)
{
    sum->record_count += counts->record_count;
    sum->record_bytes += counts->record_bytes;
    sum->between_bytes += counts->between_bytes;
    sum->yielded_count += counts->yielded_count;
    sum->row_count += counts->row_count;
    sum->kept_escape_count += counts->kept_escape_count;
    sum->batch_segment_count += counts->batch_segment_count;
    for (unsigned i = 0; i < DECODE_REASON_COUNT; i++)
        sum->reason_counts[i] += counts->reason_counts[i];
}

/* Each piece lies in memory of its own, so that the sanitizer sees a read beyond it. */
static enum status
decode_piece(struct decoder *decoder, const char *bytes, size_t size, int64_t position, bool is_last, size_t *used,
             struct error *err)
{
    char       *copy   = malloc(size > 0 ? size : 1);
    enum status status = ST_OK;

    require(copy != NULL, "no memory");
    if (size > 0)
        memcpy(copy, bytes, size);
    status = decoder_decode(decoder, copy, size, position, is_last, 0, used, err);
    free(copy);
    require(status != ST_OK || !is_last || *used == size, "the end is not used up");
    return status;
}

static enum status
decode_range(struct decoder *decoder, const char *bytes, size_t begin, size_t end, size_t piece_size,
             struct error *err)
{
    size_t there = begin;
    size_t at    = begin;

    do {
        size_t used = 0;
        there       = piece_size == 0 || end - there < piece_size ? end : there + piece_size;
        if (decode_piece(decoder, bytes + at, there - at, (int64_t)at, there == end, &used, err) != ST_OK)
            return ST_ERROR;
        at += used;
    } while (there < end);
    return decoder_flush(decoder, err);
}

/* The end as all bytes tell it, and the same as a part of them does: of a stream no more may be there yet. */
static enum status
find_range_end(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, size_t position,
               size_t place, size_t *ret_end, struct error *err)
{
    size_t size = place < bytes.size ? place : bytes.size;
    size_t end  = 0;

    if (decode_split(plan, layout, bytes.data, bytes.size, (int64_t)position, true, place, ret_end, err) != ST_OK)
        return ST_ERROR;
    while (end == 0 && size < bytes.size) {
        size += 1 + (bytes.size - size) / 64;
        if (decode_split(plan, layout, bytes.data, size, (int64_t)position, false, place, &end, err) != ST_OK)
            return ST_ERROR;
    }
    /* JSON can tell an end with the last byte. */
    require(end == 0 || end == *ret_end, "a range ends elsewhere where fewer bytes are there");
    return ST_OK;
}

static enum status
decode_all(const struct decode_plan *plan, const struct decode_layout *layout, const char *bytes, size_t size,
           struct test_cut cut, const struct decode_sink *sink, struct decode_counts *sum, struct error *err)
{
    size_t                       ends[16];
    uint32_t                     count   = 0;
    const struct decoder_options options = { .chunk_capacity = cut.chunk_capacity, .is_borrowing = cut.is_borrowing };

    for (size_t at = 0; count == 0 || at < size; at = ends[count++]) {
        size_t place = size / (cut.range_count == 0 ? 1 : cut.range_count) + 1;
        if (find_range_end(plan, layout, str_of(bytes + at, size - at), at, place, &ends[count], err) != ST_OK)
            return ST_ERROR;
        ends[count] += at;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct decoder *decoder = NULL;
        if (decoder_open(plan, layout, &options, sink, &decoder, err) != ST_OK)
            return ST_ERROR;
        enum status status = decode_range(decoder, bytes, i == 0 ? 0 : ends[i - 1], ends[i], cut.piece_size, err);
        add_counts(sum, decoder_counts(decoder));
        decoder_free(decoder);
        if (status != ST_OK)
            return ST_ERROR;
    }
    check_counts(sum, size);
    return ST_OK;
}

enum status
test_decode(const struct decode_plan *plan, const void *bytes, size_t size, struct test_cut cut,
            struct str_builder *out, struct decode_counts *ret_counts, struct error *err)
{
    struct record_of_all  all    = { .plan = plan };
    struct decode_sink    sink   = { &all, take_rows, take_outcome, take_note };
    struct decode_layout *layout = NULL;
    struct decode_counts  sum    = { 0 };

    require(decode_plan_mapping_count(plan) <= MAPPINGS_MAX, "too many mappings");
    enum status status = decode_layout_open(plan, STR_EMPTY, bytes, size, true, &sink, &layout, err);
    if (status == ST_OK)
        status = decode_all(plan, layout, bytes, size, cut, &sink, &sum, err);
    if (status == ST_OK) {
        require(all.row_count == sum.row_count, "rows do not add up");
        for (uint32_t i = 0; i < MAPPINGS_MAX; i++)
            str_builder_append(out, str_builder_text(&all.rows[i]));
        str_builder_append(out, str_builder_text(&all.outcomes));
        *ret_counts = sum;
    }
    for (uint32_t i = 0; i < MAPPINGS_MAX; i++)
        str_builder_release(&all.rows[i]);
    str_builder_release(&all.outcomes);
    decode_layout_free(layout);
    return status;
}
