#include "support/flat_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct test_field FIELDS[] = {
    { "type", "type" }, { "b", "event_id" }, { "c", "value" }, { "d", "a.b[1].c" }, { "e", "x" }, { "f", "a_name_of_more_than_16_bytes" },
    { "g", "a_name_that_is_longer_than_a_literal" }, { NULL, NULL },
};
static const struct test_mapping MAPPINGS[] = { { "row", MODEL_JSON, "type = 'lab_result'", NULL, NULL, FIELDS } };

/* Not assert: it must hold in every build, and a fuzzer wants the abort. */
static void
must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "flat lines: %s\n", what);
    abort();
}

void
flat_reader_init(struct flat_reader *reader)
{
    const struct decode_plan_options options = { .format = MODEL_JSON };
    memset(reader, 0, sizeof *reader);
    must(test_plan_compile(&options, MAPPINGS, 1, &reader->plan, NULL) == ST_OK, "the plan does not compile");
    must(reader->plan.plan->json->keys.count <= FLAT_KEY_COUNT_MAX && reader->plan.plan->json->type_slot >= 0, "the plan is another one");
    reader->state = (struct json_state){ .slots = reader->slots, .flat = reader->flat, .follows = reader->follows };
}

void
flat_reader_release(struct flat_reader *reader)
{
    test_plan_release(&reader->plan);
}

static void
must_have_same_members(const struct flat_reader *reader, yyjson_val *root)
{
    const struct json_keys *keys = &reader->plan.plan->json->keys;
    must(yyjson_is_obj(root), "yyjson has no object");
    for (uint32_t i = 0; i < keys->count; i++) {
        const struct json_step step     = { .kind = JSON_MEMBER, .name = keys->names[i] };
        yyjson_val            *expected = json_step_follow(&step, root), *found = reader->slots[i];
        struct str             a = STR_EMPTY, b = STR_EMPTY;
        bool                   a_shape = false, b_shape = false;
        must(yyjson_get_type(found) == yyjson_get_type(expected), "a member is of another type");
        must(json_scalar_text(found, &a, &a_shape) == json_scalar_text(expected, &b, &b_shape), "a member is a text for one only");
        must(str_equal(a, b) && !a_shape && !b_shape, "a member has another text");
    }
}

bool
flat_reader_compare(struct flat_reader *reader, struct str line)
{
    /* The line lies at the very end of a block of its own: a byte too far is found. */
    char *block = memory_alloc(line.size);
    must(block != NULL, "no memory");
    if (line.size > 0)
        memcpy(block, line.data, line.size);
    const bool was_flat = json_flat_read(&reader->state, reader->plan.plan->json, str_of(block, line.size));
    if (was_flat) {
        yyjson_read_err err;
        yyjson_doc     *doc = yyjson_read_opts(block, line.size, YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
        must(doc != NULL, "yyjson refuses the line");
        must_have_same_members(reader, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
    memory_free(block);
    return was_flat;
}
