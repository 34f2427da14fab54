/* Generated worlds: same seed, same bytes; another seed, another world; every allocation and call may fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "io/io.h"
#include "source/generate/world.h"
#include "support/support.h"

static const struct world_options small = { .seed = 7, .patient_count = 200, .day_count = 2, .start_date = 20514 };

static void
make_world(const struct world_options *options, const char *folder)
{
    struct world world;
    struct error err = ERROR_EMPTY;
    assert_int_equal(world_init(&world, options, &err), ST_OK);
    assert_int_equal(world_write(&world, io_system(), folder, &err), ST_OK);
    world_release(&world);
}

static bool
same_file(const char *a_folder, const char *b_folder, const char *name)
{
    char   path[512];
    size_t a_size, b_size;
    snprintf(path, sizeof(path), "%s/%s", a_folder, name);
    unsigned char *a = support_read_file(path, &a_size);
    snprintf(path, sizeof(path), "%s/%s", b_folder, name);
    unsigned char *b = support_read_file(path, &b_size);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(a_size > 100);
    bool same = a_size == b_size && memcmp(a, b, a_size) == 0;
    support_free(a);
    support_free(b);
    return same;
}

static const char *const files[] = { "truth.json",          "events/part-0.ndjson",        "events/part-3.ndjson",
                                     "in/ehr/patients.csv", "in/ehr/encounters.csv",       "in/ehr/providers.csv",       "in/ehr/annex.csv",
                                     "in/lab/2026-03-02-STE.hl7", "days/2026-03-03/ehr/patients.csv" };

static void
test_same_seed_same_bytes(void **state)
{
    (void)state;
    char a[TEMP_DIR_SIZE_MAX], b[TEMP_DIR_SIZE_MAX], c[TEMP_DIR_SIZE_MAX];
    temp_dir_init(a);
    temp_dir_init(b);
    temp_dir_init(c);
    struct world_options other = small;
    other.seed = 8;
    make_world(&small, a);
    make_world(&small, b);
    make_world(&other, c);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        assert_true(same_file(a, b, files[i]));
    assert_false(same_file(a, c, "events/part-0.ndjson"));
    temp_dir_release(a);
    temp_dir_release(b);
    temp_dir_release(c);
}

static void
test_local_time(void **state)
{
    (void)state;
    int32_t offset = 0;
    int64_t us = 0;
    /* 2026: daylight saving time from 8 March 07:00 UTC to 1 November 06:00 UTC. */
    static const struct {
        const char *utc;
        int32_t     offset;
    } rows[] = { { "2026-03-08T06:59:59Z", -300 }, { "2026-03-08T07:00:00Z", -240 }, { "2026-11-01T05:59:59Z", -240 },
                 { "2026-11-01T06:00:00Z", -300 }, { "2027-03-14T07:00:00Z", -240 }, { "2027-03-14T06:59:59Z", -300 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(time_parse_utc(str_from(rows[i].utc), &us));
        assert_int_equal(world_local_us(us, &offset), us + rows[i].offset * US_PER_MINUTE);
        assert_int_equal(offset, rows[i].offset);
    }
}

static void
test_without_memory(void **state)
{
    (void)state;
    struct world_options tiny = small;
    tiny.patient_count = 60;
    for (uint64_t n = 1; n < 200; n++) {
        struct world world;
        struct error err = ERROR_EMPTY;
        uint64_t     before = memory_live_count();
        memory_fail_after(n);
        enum status status = world_init(&world, &tiny, &err);
        bool        has_failed = memory_has_failed();
        memory_fail_after(0);
        world_release(&world);
        assert_int_equal(memory_live_count(), before);
        if (!has_failed) {
            assert_int_equal(status, ST_OK);
            return;
        }
        assert_int_equal(status, ST_ERROR);
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    fail_msg("the sweep never passed");
}

static void
test_full_disk(void **state)
{
    (void)state;
    struct world_options tiny = small;
    char                 folder[TEMP_DIR_SIZE_MAX];
    struct world         world;
    tiny.patient_count = 60;
    temp_dir_init(folder);
    assert_int_equal(world_init(&world, &tiny, NULL), ST_OK);
    uint64_t passed = 0;
    for (uint64_t n = 1; n < 2000 && passed == 0; n += 17) {
        struct io_failing failing;
        struct error      err = ERROR_EMPTY;
        io_failing_init(&failing, n, ENOSPC);
        enum status status = world_write(&world, &failing.io, folder, &err);
        assert_int_equal(failing.open_count, 0);
        if (!failing.has_failed)
            passed = n;
        else if (status != ST_OK)
            assert_int_equal(err.code, ERR_FULL);
    }
    assert_true(passed > 50);
    world_release(&world);
    temp_dir_release(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_local_time),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
