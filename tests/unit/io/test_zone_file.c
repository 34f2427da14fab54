/* Zones by name, shared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/zone_file.h"
#include "support/sweep.h"

static void
test_hold_is_shared(void **state)
{
    (void)state;
    const struct zone *first = NULL, *second = NULL, *other = NULL;
    struct io_failing  counting;
    uint64_t           before = memory_live_count();
    io_failing_init(&counting, 0, 0);
    assert_int_equal(zone_hold(&counting.io, STR("Europe/Berlin"), &first, NULL), ST_OK);
    uint64_t call_count = counting.call_count;
    assert_true(call_count > 0);
    assert_int_equal(zone_hold(&counting.io, STR("Europe/Berlin"), &second, NULL), ST_OK);
    assert_int_equal(counting.call_count, call_count); /* No second reading. */
    assert_ptr_equal(first, second);
    assert_int_equal(zone_hold(&counting.io, STR("UTC"), &other, NULL), ST_OK);
    assert_ptr_not_equal(first, other);
    zone_drop(first);
    assert_int_equal(zone_offset_s(second, 0), 3600); /* Still there. */
    zone_drop(other);
    zone_drop(second);
    zone_drop(NULL);
    assert_int_equal(memory_live_count(), before);
}

static enum status
hold_and_drop(struct io *io, void *context, struct error *err)
{
    (void)context;
    const struct zone *zone = NULL;
    enum status        status = zone_hold(io, STR("Asia/Kolkata"), &zone, err);
    zone_drop(zone);
    return status;
}

static void
test_sweep(void **state)
{
    (void)state;
    sweep_run(hold_and_drop, NULL);
}

static void
test_names(void **state)
{
    (void)state;
    const struct zone *zone = NULL;
    struct error       err = ERROR_EMPTY;
    assert_int_equal(zone_hold(io_system(), STR("Mars/Olympus_Mons"), &zone, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(zone_hold(io_system(), STR("../../etc/passwd"), &zone, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(zone);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hold_is_shared), cmocka_unit_test(test_sweep),
                                        cmocka_unit_test(test_names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
