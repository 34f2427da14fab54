/* Any bytes as both configuration files: a line `%%` parts pipeline.json from bindings.json; without one they are both. Read as
 * JSON, printed, read again; then the whole plan, and its long form read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "plan/plan.h"

static void
print(const struct json *root, struct str_builder *out)
{
    struct json_out json;
    json_out_init(&json, out, 0);
    json_print(root, &json);
}

/* What is read prints to what reads to the same. */
static void
check_json(struct str text, struct arena *arena)
{
    const struct json *root = NULL, *again = NULL;
    struct error       err  = ERROR_EMPTY;
    struct str_builder once = STR_BUILDER_EMPTY, twice = STR_BUILDER_EMPTY;
    if (json_parse(text, "fuzz.json", arena, &root, &err) == ST_OK) {
        print(root, &once);
        if (json_parse(str_builder_text(&once), "fuzz.json", arena, &again, NULL) != ST_OK)
            abort();
        print(again, &twice);
        if (!str_equal(str_builder_text(&once), str_builder_text(&twice)))
            abort();
    } else if (err.code != ERR_CONFIG || err.line == 0) {
        abort();
    }
    str_builder_release(&once);
    str_builder_release(&twice);
}

/* The two files as one kept configuration, which is how plan_load_text takes them: no file system is touched but for time
 * zones and what "model" names. */
static void
check_plan(struct str pipeline, struct str bindings)
{
    struct config_errors errors = CONFIG_ERRORS_EMPTY, none = CONFIG_ERRORS_EMPTY;
    struct plan          plan = PLAN_EMPTY, again = PLAN_EMPTY;
    struct error         err  = ERROR_EMPTY;
    struct str_builder   both = STR_BUILDER_EMPTY;
    str_builder_append_cstr(&both, "{\"pipeline\":");
    str_builder_append(&both, pipeline);
    str_builder_append_cstr(&both, "\n,\"bindings\":");
    str_builder_append(&both, bindings);
    str_builder_append_cstr(&both, "\n}");
    if (plan_load_text(io_system(), str_builder_text(&both), "fuzz.json", &errors, &plan, &err) == ST_OK) {
        if (plan_load_text(io_system(), plan.graph->configuration, "kept.json", &none, &again, NULL) != ST_OK ||
            !str_equal(plan.graph->digest, again.graph->digest))
            abort();
    } else if (err.message[0] == '\0') {
        abort();
    }
    plan_release(&plan);
    plan_release(&again);
    config_errors_release(&errors);
    config_errors_release(&none);
    str_builder_release(&both);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str   text = str_of((const char *)bytes, size);
    size_t       cut  = str_find(text, STR("%%\n"));
    struct arena arena;
    /* "model" may name any file of the machine, and what lies there is not the input's to judge. */
    if (str_find(text, STR("model")) != STR_NOT_FOUND)
        return 0;
    arena_init(&arena, 0);
    check_json(str_slice(text, 0, cut), &arena);
    check_plan(str_slice(text, 0, cut), cut == STR_NOT_FOUND ? text : str_slice(text, cut + 3, size));
    arena_release(&arena);
    return 0;
}
