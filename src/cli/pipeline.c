#include "cli/pipeline.h"

#include <stdio.h>

#include "base/arena.h"
#include "io/io.h"

static void
print_errors(const struct config_errors *errors, bool is_json)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    char               one[ERROR_TEXT_SIZE];
    if (is_json) {
        for (size_t i = 0; i < errors->count; i++) {
            error_print_json(&errors->items[i], one, sizeof(one));
            fprintf(stderr, "%s\n", one);
        }
        return;
    }
    config_errors_print(errors, &text);
    fputs(str_builder_cstr(&text), stderr);
    str_builder_release(&text);
    size_t count = config_errors_count(errors);
    fprintf(stderr, "%zu %s wrong\n", count, count == 1 ? "thing is" : "things are");
}

enum status
pipeline_load(const struct verb_call *call, struct str pipeline, struct str bindings, struct plan *ret_plan,
              struct error *err)
{
    return pipeline_load_model(call, pipeline, bindings, NULL, 0, ret_plan, err);
}

enum status
pipeline_load_model(const struct verb_call *call, struct str pipeline, struct str bindings, const char *const *model_paths,
                    size_t model_path_count, struct plan *ret_plan, struct error *err)
{
    struct config_errors errors = CONFIG_ERRORS_EMPTY;
    struct arena         arena;
    struct plan_request  request = { .sets             = call->sets,
                                    .set_count        = call->set_count,
                                    .model_paths      = model_paths,
                                    .model_path_count = model_path_count };
    enum status          status;

    arena_init(&arena, 0);
    request.pipeline_path = arena_cstr(&arena, pipeline);
    if (bindings.size > 0)
        request.bindings_path = arena_cstr(&arena, bindings);
    if (request.pipeline_path == NULL || (bindings.size > 0 && request.bindings_path == NULL))
        status = error_no_memory(err);
    else
        status = plan_load(io_system(), &request, &errors, ret_plan, err);
    /* One that is no list, such as a file that is not there, is told by main like any other. */
    if (status != ST_OK && err->code == ERR_CONFIG && config_errors_count(&errors) > 0) {
        print_errors(&errors, call->is_json);
        err->message[0] = '\0';
    }
    config_errors_release(&errors);
    arena_release(&arena);
    return status;
}

enum status
pipeline_load_argument(const struct verb_call *call, struct str bindings, struct plan *ret_plan, struct error *err)
{
    if (call->argument_count != 1) {
        error_set(err, ERR_USAGE, call->argument_count == 0 ? "which pipeline?" : "one pipeline at a time");
        error_hint(err, "name its file, such as pipeline.json");
        return ST_ERROR;
    }
    return pipeline_load(call, str_from(call->arguments[0]), bindings, ret_plan, err);
}
