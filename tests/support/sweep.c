#include "support/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/memory.h"

#define RUN_COUNT_MAX 100000

static void
check_run(enum status status, const struct error *err, const struct io_failing *io, uint64_t blocks)
{
    assert_int_equal(io->open_count, 0);
    assert_int_equal(memory_live_count(), blocks);
    if (status != ST_OK) {
        assert_int_not_equal(err->code, ERR_NONE);
        assert_int_not_equal(err->message[0], '\0');
    }
}

static void
sweep_memory(sweep_scenario scenario, void *context)
{
    for (uint64_t n = 1; n < RUN_COUNT_MAX; n++) {
        struct io_failing io;
        struct error      err    = ERROR_EMPTY;
        uint64_t          blocks = memory_live_count();
        io_failing_init(&io, 0, 0);
        memory_fail_after(n);
        enum status status     = scenario(&io.io, context, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        check_run(status, &err, &io, blocks);
        if (status != ST_OK)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        if (!has_failed) {
            assert_int_equal(status, ST_OK);
            return;
        }
    }
    fail_msg("the sweep over allocations never passed");
}

static void
sweep_io(sweep_scenario scenario, void *context, int error_number)
{
    for (uint64_t n = 1; n < RUN_COUNT_MAX; n++) {
        struct io_failing io;
        struct error      err    = ERROR_EMPTY;
        uint64_t          blocks = memory_live_count();
        io_failing_init(&io, n, error_number);
        enum status status = scenario(&io.io, context, &err);
        check_run(status, &err, &io, blocks);
        if (!io.has_failed) {
            assert_int_equal(status, ST_OK);
            return;
        }
    }
    fail_msg("the sweep over system calls never passed");
}

void
sweep_run(sweep_scenario scenario, void *context)
{
    sweep_memory(scenario, context);
    sweep_io(scenario, context, EIO);
    sweep_io(scenario, context, ENOSPC);
    sweep_io(scenario, context, EINTR);
}
