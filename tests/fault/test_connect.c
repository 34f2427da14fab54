/* check --connect with each allocation and each system call failing in turn: every binding is still told of, what failed is
 * named, nothing leaks, nothing stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "cli/connect.h"
#include "plan/plan.h"
#include "support/support.h"
#include "support/sweep.h"

static struct plan plan;

static int
setup(void **state)
{
    static char               path[512];
    struct config_errors      errors = CONFIG_ERRORS_EMPTY;
    const struct plan_request request = { .pipeline_path = path };
    (void)state;
    snprintf(path, sizeof path, "%s", source_path("tests/pipelines/base/pipeline.json"));
    int failed = plan_load(io_system(), &request, &errors, &plan, NULL) != ST_OK;
    config_errors_release(&errors);
    return failed;
}

static int
teardown(void **state)
{
    (void)state;
    plan_release(&plan);
    return 0;
}

static enum status
connect_scenario(struct io *io, void *context, struct error *err)
{
    struct connections connections = { 0 };
    struct arena       arena;
    (void)context;
    arena_init(&arena, 0);
    enum status status = connect_all(io, plan.graph, &arena, &connections, err);
    if (status == ST_OK)
        assert_int_equal(connections.count, 10);
    arena_release(&arena);
    return status;
}

static void
everything_fails_in_turn(void **state)
{
    (void)state;
    sweep_run(connect_scenario, NULL);
}

/* A call that fails makes one binding wrong and no other. */
static void
a_failure_has_a_name(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (uint64_t n = 1; n < 1000; n++) {
        struct connections connections = { 0 };
        struct io_failing  failing;
        struct arena       arena;
        arena_init(&arena, 0);
        io_failing_init(&failing, n, EACCES);
        assert_int_equal(connect_all(&failing.io, plan.graph, &arena, &connections, NULL), ST_OK);
        assert_true(connections.wrong_count <= 1);
        for (size_t i = 0; i < connections.count; i++) {
            const struct connection *item = &connections.items[i];
            assert_true((item->found.size > 0) == (item->err.code == ERR_NONE));
            assert_true(item->err.code == ERR_NONE || item->err.message[0] != '\0');
        }
        wrong += connections.wrong_count > 0;
        arena_release(&arena);
        if (!failing.has_failed) {
            assert_true(wrong > 5);
            return;
        }
    }
    fail_msg("the sweep never passed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(everything_fails_in_turn), cmocka_unit_test(a_failure_has_a_name) };
    return cmocka_run_group_tests(tests, setup, teardown);
}
