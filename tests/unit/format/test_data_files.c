/* The sample data, as a run decodes it: the model's mappings over whole files.
 *
 * Without arguments a test: every byte and record of every file is accounted for, and a file gives the same whole, in
 * pieces and in ranges. With a format ("csv", "hl7v2", "fhir") as its argument it reads paths from its input, a line each, and
 * prints what it counts of each as a line of JSON, for tests/integration/format_counts.py, which counts by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_out.h"
#include "column/kernel.h"
#include "format/decoder.h"
#include "io/walk.h"
#include "support/support.h"

#define MAPPING_COUNT_MAX 128
#define FIELD_COUNT_MAX   192

struct tally {
    const struct decode_plan *plan;
    struct decode_counts      counts;
    int64_t                   rows[MAPPING_COUNT_MAX];
    int64_t                   texts[MAPPING_COUNT_MAX][FIELD_COUNT_MAX]; /* Values that are not null. */
    int64_t                   bytes[MAPPING_COUNT_MAX][FIELD_COUNT_MAX]; /* Of those values. */
    int64_t                   outcomes;
};

static struct model       *model;
static struct decode_plan *plans[3]; /* CSV, HL7 v2, FHIR. */

static enum status
take_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    struct tally *tally = context;
    (void)err;
    tally->rows[mapping_index] += chunk->row_count;
    for (uint32_t f = 0; f < decode_plan_mapping(tally->plan, mapping_index)->field_count; f++) {
        struct vector vector = chunk_vector(chunk, RAW_FIELD_OFFSET + f);
        for (uint32_t row = 0; row < chunk->row_count; row++) {
            if (!vector_is_valid(&vector, row))
                continue;
            tally->texts[mapping_index][f]++;
            tally->bytes[mapping_index][f] += vector_text(&vector, row)->size;
        }
    }
    return ST_OK;
}

static enum status
take_outcome(void *context, const struct record_outcome *outcome, struct error *err)
{
    (void)outcome, (void)err;
    ((struct tally *)context)->outcomes++;
    return ST_OK;
}

static void
decode_range(const struct decode_plan *plan, const struct decode_layout *layout, const char *bytes, size_t begin, size_t end,
             size_t piece_size, uint32_t chunk_capacity, struct tally *tally)
{
    const struct decoder_options options = { .chunk_capacity = chunk_capacity };
    const struct decode_sink     sink    = { tally, take_rows, take_outcome, NULL };
    struct decoder              *decoder = NULL;
    size_t                       at = begin, there = begin;
    assert_int_equal(decoder_open(plan, layout, &options, &sink, &decoder, NULL), ST_OK);
    do {
        size_t used = 0;
        there       = piece_size == 0 || end - there < piece_size ? end : there + piece_size;
        assert_int_equal(decoder_decode(decoder, bytes + at, there - at, (int64_t)at, there == end, 0, &used, NULL), ST_OK);
        at += used;
    } while (there < end);
    assert_int_equal(at, end);
    assert_int_equal(decoder_flush(decoder, NULL), ST_OK);
    const struct decode_counts *counts = decoder_counts(decoder);
    int64_t                    *sum    = (int64_t *)&tally->counts;
    for (size_t i = 0; i < sizeof(*counts) / sizeof(int64_t); i++)
        sum[i] += ((const int64_t *)counts)[i];
    decoder_free(decoder);
}

static void
decode(const struct decode_plan *plan, const char *bytes, size_t size, uint32_t range_count, size_t piece_size,
       uint32_t chunk_capacity, struct tally *tally)
{
    struct decode_layout *layout = NULL;
    size_t                ends[8];
    uint32_t              count = 0;
    memset(tally, 0, sizeof *tally);
    tally->plan = plan;
    assert_int_equal(decode_layout_open(plan, STR_EMPTY, bytes, size, true, NULL, &layout, NULL), ST_OK);
    for (size_t at = 0; count == 0 || at < size; at = ends[count++]) {
        assert_int_equal(decode_split(plan, layout, bytes + at, size - at, (int64_t)at, true, size / range_count + 1, &ends[count], NULL), ST_OK);
        ends[count] += at;
    }
    for (uint32_t i = 0; i < count; i++)
        decode_range(plan, layout, bytes, i == 0 ? 0 : ends[i - 1], ends[i], piece_size, chunk_capacity, tally);
    decode_layout_free(layout);

    int64_t told = tally->counts.yielded_count + tally->outcomes;
    assert_int_equal(tally->counts.record_bytes + tally->counts.between_bytes, size);
    assert_int_equal(tally->counts.record_count, told);
}

/* ---- The test ---- */

static void
check_folder(const struct decode_plan *plan, const char *pattern, uint32_t file_count_min)
{
    struct arena arena;
    struct walk  walk;
    arena_init(&arena, 0);
    assert_int_equal(walk_files(io_system(), data_path(pattern), &arena, &walk, NULL), ST_OK);
    assert_true(walk.count >= file_count_min);
    for (size_t i = 0; i < walk.count; i++) {
        size_t         size  = 0;
        unsigned char *bytes = support_read_file(walk.paths[i], &size);
        struct tally   whole, pieces, ranges;
        assert_non_null(bytes);
        decode(plan, (const char *)bytes, size, 1, 0, 0, &whole);
        decode(plan, (const char *)bytes, size, 1, 1000, 7, &pieces);
        decode(plan, (const char *)bytes, size, 3, 0, 2000, &ranges);
        if (memcmp(&whole, &pieces, sizeof whole) != 0 || memcmp(&whole, &ranges, sizeof whole) != 0)
            fail_msg("%s differs whole, in pieces and in ranges", walk.paths[i]);
        support_free(bytes);
    }
    arena_release(&arena);
}

static void
every_byte_is_accounted_for(void **state)
{
    (void)state;
    if (!data_present())
        skip();
    check_folder(plans[0], "synthea_csv/**/*.csv", 40);
    check_folder(plans[0], "claims/**/*", 190);
    check_folder(plans[1], "hl7v2/**/*.hl7", 500);
    check_folder(plans[2], "fhir/**", 500);
    check_folder(plans[2], "claims/cms-bcda/**", 20);
    check_folder(plans[2], "access_consent/hl7-r4-examples/**", 30);
}

/* ---- The counts ---- */

static void
print_mapping(struct json_out *json, const struct tally *tally, uint32_t index)
{
    const struct mapping *mapping = decode_plan_mapping(tally->plan, index);
    json_out_key_object(json, mapping->name);
    json_out_key_int(json, "rows", tally->rows[index]);
    json_out_key_object(json, "fields");
    for (uint32_t f = 0; f < mapping->field_count; f++) {
        json_out_key_array(json, mapping->fields[f].name);
        json_out_int(json, tally->texts[index][f]);
        json_out_int(json, tally->bytes[index][f]);
        json_out_array_end(json);
    }
    json_out_object_end(json);
    json_out_object_end(json);
}

static void
print_tally(const char *path, size_t size, const struct tally *tally)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct json_out    json;
    json_out_init(&json, &text, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "path", path);
    json_out_key_uint(&json, "size", size);
    json_out_key_int(&json, "records", tally->counts.record_count);
    json_out_key_int(&json, "yielded", tally->counts.yielded_count);
    json_out_key_object(&json, "reasons");
    for (unsigned i = 0; i < DECODE_REASON_COUNT; i++)
        if (tally->counts.reason_counts[i] > 0)
            json_out_key_int(&json, decode_reason_code((enum decode_reason)i), tally->counts.reason_counts[i]);
    json_out_object_end(&json);
    json_out_key_object(&json, "mappings");
    for (uint32_t i = 0; i < decode_plan_mapping_count(tally->plan); i++)
        if (tally->rows[i] > 0)
            print_mapping(&json, tally, i);
    json_out_object_end(&json);
    json_out_object_end(&json);
    printf("%s\n", str_builder_cstr(&text));
    str_builder_release(&text);
}

static int
print_counts(const struct decode_plan *plan)
{
    char path[4096];
    while (fgets(path, sizeof path, stdin) != NULL) {
        struct tally tally;
        size_t       size = 0;
        path[strcspn(path, "\n")] = '\0';
        unsigned char *bytes = support_read_file(path, &size);
        if (bytes == NULL)
            return 1;
        decode(plan, (const char *)bytes, size, 1, 0, 0, &tally);
        print_tally(path, size, &tally);
        support_free(bytes);
    }
    return 0;
}

static bool
make_plan(enum model_format format, struct decode_plan **ret_plan)
{
    const struct decode_plan_options options = { .format = format };
    const struct mapping            *mappings[MAPPING_COUNT_MAX];
    uint32_t                         count = 0;
    for (uint32_t i = 0; i < model->mapping_count; i++) {
        if (model->mappings[i].format != format)
            continue;
        if (count == MAPPING_COUNT_MAX || model->mappings[i].field_count > FIELD_COUNT_MAX)
            return false;
        mappings[count++] = &model->mappings[i];
    }
    return decode_plan_compile(&options, mappings, count, NULL, NULL, ret_plan, NULL) == ST_OK;
}

int
main(int argument_count, char **arguments)
{
    int result = 1;
    if (model_load(NULL, 0, NULL, NULL, &model, NULL) != ST_OK || !make_plan(MODEL_CSV, &plans[0]) || !make_plan(MODEL_HL7V2, &plans[1])
        || !make_plan(MODEL_FHIR_R4, &plans[2]))
        return 1;
    if (argument_count > 1) {
        result = print_counts(plans[strcmp(arguments[1], "fhir") == 0 ? 2 : strcmp(arguments[1], "hl7v2") == 0 ? 1 : 0]);
    } else {
        const struct CMUnitTest tests[] = { cmocka_unit_test(every_byte_is_accounted_for) };
        result                          = cmocka_run_group_tests(tests, NULL, NULL);
    }
    decode_plan_free(plans[0]);
    decode_plan_free(plans[1]);
    decode_plan_free(plans[2]);
    model_free(model);
    return result;
}
