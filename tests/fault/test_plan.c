/* Reading a pipeline with each allocation, then each system call, failing in turn: an error that says what, nothing leaked,
 * nothing open; and with each byte of a file damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "plan/plan.h"
#include "support/support.h"
#include "support/sweep.h"

static enum status
load(struct io *io, const char *pipeline, const char *const *sets, size_t set_count, struct error *err)
{
    struct config_errors      errors  = CONFIG_ERRORS_EMPTY;
    struct plan               plan    = PLAN_EMPTY;
    const struct plan_request request = { .pipeline_path = pipeline, .sets = sets, .set_count = set_count };
    enum status               status  = plan_load(io, &request, &errors, &plan, err);
    if (status == ST_OK)
        assert_int_equal(config_errors_count(&errors), 0);
    plan_release(&plan);
    config_errors_release(&errors);
    return status;
}

static enum status
load_example(struct io *io, void *context, struct error *err)
{
    static const char *const sets[] = { "runtime.workers=2", "pipeline.streaming.windows=10m" };
    return load(io, context, sets, 2, err);
}

static void
example_sweep(void **state)
{
    char path[512];
    (void)state;
    snprintf(path, sizeof path, "%s", source_path("examples/hybrid/pipeline.json"));
    sweep_run(load_example, path);
}

/* A configuration with mistakes in both files says so whatever fails besides; memory that runs out is nobody's mistake. */
static void
wrong_sweep(void **state)
{
    static const char *const sets[] = { "pipeline.batch.sink=NOBODY", "runtime.workers=-1" };
    char                     path[512];
    (void)state;
    snprintf(path, sizeof path, "%s", source_path("tests/pipelines/base/pipeline.json"));
    for (uint64_t n = 1; n < 100000; n++) {
        struct error err    = ERROR_EMPTY;
        uint64_t     blocks = memory_live_count();
        memory_fail_after(n);
        enum status status     = load(io_system(), path, sets, 2, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        assert_int_equal(status, ST_ERROR);
        assert_int_equal(memory_live_count(), blocks);
        assert_true(err.code == ERR_CONFIG || (has_failed && err.code == ERR_NO_MEMORY));
        assert_true(err.message[0] != '\0');
        if (!has_failed)
            return;
    }
    fail_msg("the sweep never passed");
}

/* Beginnings of the bindings, and bindings with a byte changed: refused with a place, or read. */
static void
damaged_files(void **state)
{
    char           folder[TEMP_DIR_SIZE_MAX], pipeline[512], bindings[512];
    struct random  random;
    size_t         size = 0, pipeline_size = 0;
    unsigned char *text = support_read_file(source_path("tests/pipelines/base/bindings.json"), &size);
    unsigned char *of_pipeline = support_read_file(source_path("tests/pipelines/base/pipeline.json"), &pipeline_size);
    (void)state;
    assert_true(text != NULL && of_pipeline != NULL);
    random_init(&random, 3);
    temp_dir_init(folder);
    snprintf(pipeline, sizeof pipeline, "%s/pipeline.json", folder);
    snprintf(bindings, sizeof bindings, "%s/bindings.json", folder);
    assert_true(support_write_file(pipeline, of_pipeline, pipeline_size));
    for (size_t i = 0; i < 2 * size; i += 3) {
        struct error err  = ERROR_EMPTY;
        unsigned char kept = 0;
        if (i >= size) {
            kept           = text[i - size];
            text[i - size] = (unsigned char)random_below(&random, 256);
        }
        assert_true(support_write_file(bindings, text, i < size ? i : size));
        if (load(io_system(), pipeline, NULL, 0, &err) != ST_OK) {
            assert_int_equal(err.code, ERR_CONFIG);
            assert_true(err.message[0] != '\0' && err.file[0] != '\0' && err.line > 0);
        }
        if (i >= size)
            text[i - size] = kept;
    }
    support_free(text);
    support_free(of_pipeline);
    temp_dir_release(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(example_sweep), cmocka_unit_test(wrong_sweep), cmocka_unit_test(damaged_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
