/* Values found through the steps that paths share, against each path followed by itself; and how deep a record may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/str_builder.h"
#include "format/json_int.h"
#include "support/decode_support.h"

static const struct test_field RECORD_FIELDS[] = {
    { "a", "type" }, { "b", "code.coding[0].code;code.coding[0].display;code.text" }, { "c", "code.coding[1].code" },
    { "d", "code.coding[code=x].display" }, { "e", "code.coding[code=y].display" }, { "f", "code.coding[display=x].code" },
    { "g", "code.coding[text.code=x]" }, { "h", "code.coding[text.code=y].text.code" }, { "i", "code" }, { "j", "code.code.code" },
    { "k", "coding[code.coding.text=1].code" }, { "l", "coding[0][1].text" }, { "m", "coding[*].code" }, { "n", "." }, { "o", "[0].code" },
    { NULL, NULL },
};
static const struct test_field ELEMENT_FIELDS[] = {
    { "a", "^.type" }, { "b", "code.coding[0].code;code.text" }, { "c", "coding[code=x].code" }, { "d", "." }, { "e", "text" }, { "f", "^.coding[1]" },
    { "g", "[1].code" }, { "h", "coding[*].text.code" }, { NULL, NULL },
};
static const struct test_mapping MAPPINGS[] = {
    { "record", MODEL_JSON, NULL, NULL, NULL, RECORD_FIELDS },
    { "elements", MODEL_JSON, NULL, "coding", NULL, ELEMENT_FIELDS },
    { "either", MODEL_JSON, NULL, "coding;.", NULL, ELEMENT_FIELDS },
};
#define MAPPING_COUNT 3

static struct test_plan plan;

static int
set_up(void **unused)
{
    const struct decode_plan_options options = { .format = MODEL_JSON };
    struct error                     err     = ERROR_EMPTY;
    (void)unused;
    assert_int_equal(test_plan_compile(&options, MAPPINGS, MAPPING_COUNT, &plan, &err), ST_OK);
    return 0;
}

static int
tear_down(void **unused)
{
    (void)unused;
    test_plan_release(&plan);
    return 0;
}

/* ---- Values ---- */

/* The path followed step by step, up to a [*]. */
static yyjson_val *
follow(const struct json_path *path, yyjson_val *value)
{
    for (uint32_t i = 0; i < path->step_count && path->steps[i].kind != JSON_ALL && value != NULL; i++)
        value = json_step_follow(&path->steps[i], value);
    return value;
}

/* Compares all paths of a mapping for one element; how many led to a value. */
static uint32_t
compare_paths(struct json_state *json, const struct plan_mapping *entry, yyjson_val *element)
{
    const struct json_plan *json_plan = plan.plan->json;
    bool                    is_self   = entry->may_be_self && element == json->root;
    uint32_t                count     = 0;

    json->element    = element;
    json->numbers[1] = ++json->number;
    for (uint32_t f = 0; f < entry->mapping->field_count; f++) {
        for (uint32_t k = 0; k < entry->fields[f].path_count; k++) {
            uint32_t                index    = entry->fields[f].first_path + k;
            const struct json_path *path     = &json_plan->paths[index];
            yyjson_val             *expected = follow(path, path->is_from_record ? json->root : element);
            assert_ptr_equal(json_probe_value(json, json_plan->nodes, &json_plan->probes[index], is_self), expected);
            count += expected != NULL;
        }
    }
    return count;
}

static uint32_t
compare_record(struct json_state *json, yyjson_val *root)
{
    const struct decode_plan *decode_plan = plan.plan;
    uint32_t                  count       = 0;

    json->root = root;
    json_find_members(json, &decode_plan->json->keys);
    json->numbers[0] = ++json->number;
    for (uint32_t i = 0; i < decode_plan->mapping_count; i++) {
        const struct plan_mapping *entry    = &decode_plan->mappings[i];
        yyjson_val                *elements = json_member(root, STR("coding"));
        yyjson_arr_iter            iter     = yyjson_arr_iter_with(elements);
        yyjson_val                *element  = NULL;
        if (entry->each_count != 1)
            count += compare_paths(json, entry, root);
        while (entry->each_count > 0 && (element = yyjson_arr_iter_next(&iter)) != NULL)
            count += compare_paths(json, entry, element);
    }
    return count;
}

static void
make_value(struct random *random, struct str_builder *text, uint32_t depth)
{
    static const char *const names[]   = { "code", "coding", "text", "display", "type", "codes", "" };
    static const char *const scalars[] = { "\"x\"", "\"y\"", "1", "\"\"", "null", "true" };
    uint64_t                 kind      = depth == 0 ? 2 : depth >= 5 ? 0 : random_below(random, 4);
    uint64_t                 count     = random_below(random, 6);

    if (kind == 0) {
        str_builder_printf(text, "%s", scalars[random_below(random, sizeof(scalars) / sizeof(scalars[0]))]);
        return;
    }
    str_builder_append_char(text, kind == 1 ? '[' : '{');
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            str_builder_append_char(text, ',');
        if (kind != 1)
            str_builder_printf(text, "\"%s\":", names[random_below(random, sizeof(names) / sizeof(names[0]))]);
        make_value(random, text, depth + 1);
    }
    str_builder_append_char(text, kind == 1 ? ']' : '}');
}

/* Codings of which several match. */
static void
make_codings(struct random *random, struct str_builder *text)
{
    str_builder_append_char(text, '[');
    for (uint64_t i = 0, count = random_below(random, 5); i < count; i++) {
        const char code = "xy"[random_below(random, 2)], inner = "xy"[random_below(random, 2)];
        str_builder_printf(text, "%s{\"code\":\"%c\",\"display\":\"%c\",\"text\":", i > 0 ? "," : "", code, inner);
        if (random_below(random, 2) == 0)
            str_builder_printf(text, "{\"code\":\"%c\"}}", inner);
        else
            str_builder_printf(text, "[1,{\"code\":\"%c\"},{\"code\":\"%c\"}]}", inner, code);
    }
    str_builder_append_char(text, ']');
}

static void
make_record(struct random *random, struct str_builder *text)
{
    str_builder_clear(text);
    if (random_below(random, 2) == 0) {
        make_value(random, text, 0);
        return;
    }
    str_builder_printf(text, "{\"type\":\"x\",\"code\":{\"text\":\"x\",\"coding\":");
    make_codings(random, text);
    str_builder_printf(text, "},\"coding\":");
    make_codings(random, text);
    str_builder_append_char(text, '}');
}

/* Members of a name that stand twice are among them. */
static void
shared_steps_lead_where_each_path_leads(void **unused)
{
    const struct json_plan *json_plan = plan.plan->json;
    struct json_state       json      = { .slots = memory_alloc_array_zero(json_plan->keys.count + 1u, sizeof(yyjson_val *)),
                                          .follows = memory_alloc_array_zero((json_plan->keys.count + 1u) * JSON_ORDER_COUNT, sizeof(uint16_t)),
                                          .found = memory_alloc_array_zero(json_plan->node_count, sizeof(struct json_found)) };
    struct str_builder      text      = STR_BUILDER_EMPTY;
    struct random           random;
    uint32_t                count = 0;
    (void)unused;
    random_init(&random, 5);
    for (uint32_t round = 0; round < 20000; round++) {
        make_record(&random, &text);
        yyjson_doc *doc = yyjson_read(text.data, text.size, YYJSON_READ_NUMBER_AS_RAW);
        assert_non_null(doc);
        count += compare_record(&json, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
    assert_in_range(count, 50000, UINT32_MAX);
    str_builder_release(&text);
    memory_free(json.slots);
    memory_free(json.follows);
    memory_free(json.found);
}

/* ---- Depth ---- */

/* Appends a value that is `depth` containers deep, the deep one among others that are not; none of them in the innermost `bare`. */
static void
make_deep(struct random *random, struct str_builder *text, uint32_t depth, uint32_t bare)
{
    uint64_t before = depth > bare ? random_below(random, 4) : 0, behind = depth > bare ? random_below(random, 4) : 0;

    if (depth == 1 && bare > 0) {
        str_builder_printf(text, "[]");
        return;
    }
    if (depth == 0) {
        str_builder_printf(text, "1");
        return;
    }
    str_builder_append_char(text, '[');
    for (uint64_t i = 0; i < before; i++)
        str_builder_printf(text, "%s,", depth > 4 && random_below(random, 3) == 0 ? "[[2],{}]" : "\"[[[\"");
    make_deep(random, text, depth - 1, bare);
    for (uint64_t i = 0; i < behind; i++)
        str_builder_printf(text, ",%s", depth > 4 && random_below(random, 3) == 0 ? "{\"[\":[[]]}" : "3");
    str_builder_append_char(text, ']');
}

/* The record's own bracket counts. */
static void
records_are_bounded_in_depth(void **unused)
{
    struct str_builder line = STR_BUILDER_EMPTY, out = STR_BUILDER_EMPTY;
    struct random      random;
    (void)unused;
    random_init(&random, 6);
    for (uint32_t round = 0; round < 2000; round++) {
        uint32_t             depth  = JSON_DEPTH_MAX - 4 + (uint32_t)random_below(&random, 6);
        struct decode_counts counts = { 0 };
        struct error         err    = ERROR_EMPTY;
        str_builder_clear(&line);
        str_builder_clear(&out);
        str_builder_printf(&line, "{\"type\":");
        make_deep(&random, &line, depth, (uint32_t)random_below(&random, JSON_DEPTH_MAX));
        str_builder_append_char(&line, '}');
        assert_int_equal(test_decode(plan.plan, line.data, line.size, (struct test_cut){ 0 }, &out, &counts, &err), ST_OK);
        assert_int_equal(counts.reason_counts[DECODE_MALFORMED], depth + 1 > JSON_DEPTH_MAX ? 1 : 0);
    }
    str_builder_release(&line);
    str_builder_release(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_steps_lead_where_each_path_leads),
        cmocka_unit_test(records_are_bounded_in_depth),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
