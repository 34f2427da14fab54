/* Sets of keys against a plain array of expiries: what is there, what has expired, what a set read back from its sections holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "live/state_set.h"

#define KEY_COUNT 4000u
#define NOT_THERE INT64_MIN

static struct state_set set, restored;
static int64_t          expected[KEY_COUNT];
static struct error     err;

static int
open_sets(void **state)
{
    (void)state;
    state_set_init(&set);
    state_set_init(&restored);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        expected[i] = NOT_THERE;
    return 0;
}

static int
close_sets(void **state)
{
    (void)state;
    state_set_release(&set);
    state_set_release(&restored);
    return 0;
}

/* Many keys share a group and differ in one word. */
static struct hash128
key_of(uint64_t number)
{
    return (struct hash128){ hash64_integer(number / 8), hash64_integer(number % 8) };
}

static bool
add(struct state_set *to, uint64_t number, int64_t expires_us, int64_t watermark_us)
{
    struct hash128 key    = key_of(number);
    bool           is_new = false;
    state_set_prefetch(to, &key);
    assert_int_equal(state_set_add(to, &key, expires_us, watermark_us, &is_new, &err), ST_OK);
    return is_new;
}

static void
read_all(struct state_set *into, const struct str_builder *bytes)
{
    struct str rest = str_builder_text(bytes);
    while (rest.size > 0) {
        size_t used = 0;
        assert_int_equal(state_set_read_groups(into, rest, 0, STATE_GROUP_COUNT, &used, &err), ST_OK);
        rest = str_slice(rest, used, rest.size);
    }
}

/* Asks by adding: an expiry says whether a key was there, and until when. Spoils the set. */
static void
assert_holds(struct state_set *holds)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        count += expected[i] != NOT_THERE;
    assert_int_equal(holds->key_count, count);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        assert_int_equal(add(holds, i, INT64_MAX, expected[i] - (expected[i] != NOT_THERE)), expected[i] == NOT_THERE);
        if (expected[i] != NOT_THERE)
            assert_true(add(holds, i, INT64_MAX, expected[i]));
    }
}

static void
expire(int64_t watermark_us, uint32_t group)
{
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        struct hash128 key = key_of(i);
        if ((group == STATE_GROUP_COUNT || state_group_of(state_hash(&key, sizeof(key))) == group) && expected[i] <= watermark_us)
            expected[i] = NOT_THERE;
    }
}

static void
a_set_equals_a_plain_array(void **state)
{
    (void)state;
    struct random      random;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    random_init(&random, 7);
    for (int64_t epoch = 0; epoch < 60; epoch++) {
        for (uint32_t i = 0; i < 300; i++) {
            uint64_t number = random_below(&random, KEY_COUNT);
            int64_t  expires_us = epoch + (int64_t)random_below(&random, 30), watermark_us = epoch - 5;
            bool     is_new = expected[number] == NOT_THERE || expected[number] <= watermark_us;
            assert_int_equal(add(&set, number, expires_us, watermark_us), is_new);
            if (is_new)
                expected[number] = expires_us;
        }
        assert_int_equal(state_set_write_delta(&set, &bytes, &err), ST_OK);
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t group = (uint32_t)random_below(&random, STATE_GROUP_COUNT);
            assert_int_equal(state_set_write_snapshot(&set, group, epoch - 5, &bytes, &err), ST_OK);
            expire(epoch - 5, group);
        }
    }
    read_all(&restored, &bytes);
    assert_holds(&restored);
    assert_holds(&set);
    str_builder_release(&bytes);
}

static void
a_sweep_frees_what_has_expired(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        expected[i] = 100 + i % 7;
        assert_true(add(&set, i, expected[i], INT64_MIN));
    }
    assert_int_equal(state_set_write_delta(&set, &bytes, &err), ST_OK);
    state_set_sweep(&set, 102);
    expire(102, STATE_GROUP_COUNT);
    uint64_t left = set.key_count;
    state_set_sweep(&set, 104); /* It has not doubled since. */
    assert_int_equal(set.key_count, left);
    assert_holds(&set);
    str_builder_release(&bytes);
}

/* Each of two readers takes its groups. */
static void
groups_are_shared_out(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    struct state_set   none;
    size_t             used[3];
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        add(&set, i, 100, INT64_MIN);
    assert_int_equal(state_set_write_delta(&set, &bytes, &err), ST_OK);
    state_set_release(&set);
    state_set_init(&set);
    state_set_init(&none);
    assert_int_equal(state_set_read_groups(&set, str_builder_text(&bytes), 0, 300, &used[0], &err), ST_OK);
    assert_int_equal(state_set_read_groups(&restored, str_builder_text(&bytes), 300, STATE_GROUP_COUNT, &used[1], &err), ST_OK);
    assert_int_equal(state_set_read_groups(&none, str_builder_text(&bytes), 0, 0, &used[2], &err), ST_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(used[i], bytes.size);
    assert_true(set.key_count > 0 && restored.key_count > 0);
    assert_int_equal(set.key_count + restored.key_count, KEY_COUNT);
    assert_int_equal(none.key_count, 0);
    str_builder_release(&bytes);
}

static void
what_is_no_section_is_refused(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    struct random      random;
    struct state_set   other;
    size_t             used;
    random_init(&random, 2);
    for (uint32_t i = 0; i < 5; i++)
        add(&set, i, 100, INT64_MIN);
    assert_int_equal(state_set_write_delta(&set, &bytes, &err), ST_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        char *copy = memory_copy(bytes.data, size);
        assert_int_equal(state_set_read_groups(&restored, str_of(copy, size), 0, STATE_GROUP_COUNT, &used, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        memory_free(copy);
    }
    for (uint32_t round = 0; round < 2000; round++) {
        char *copy = memory_copy(bytes.data, bytes.size);
        copy[random_below(&random, bytes.size)] = (char)random_next(&random);
        if (state_set_read_groups(&restored, str_of(copy, bytes.size), 0, STATE_GROUP_COUNT, &used, &err) == ST_OK)
            assert_true(used <= bytes.size);
        memory_free(copy);
    }
    /* Keys of another size, in a section of a table. */
    struct state_table  table;
    struct state_entry *entry;
    const uint64_t      key = 7;
    state_table_init(&table);
    str_builder_clear(&bytes);
    assert_int_equal(state_put(&table, state_hash(&key, sizeof(key)), &key, sizeof(key), 0, 100, &entry, NULL, &err), ST_OK);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    state_set_init(&other);
    assert_int_equal(state_set_read_groups(&other, str_builder_text(&bytes), 0, STATE_GROUP_COUNT, &used, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    state_table_release(&table);
    state_set_release(&other);
    str_builder_release(&bytes);
}

static void
no_memory_leaves_the_set_as_it_was(void **state)
{
    (void)state;
    uint64_t live_count = memory_live_count();
    bool     has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct state_set   small;
        struct hash128     key    = key_of(1);
        struct str_builder bytes  = STR_BUILDER_EMPTY;
        bool               is_new = false;
        state_set_init(&small);
        memory_fail_after(n);
        enum status status = state_set_add(&small, &key, 100, INT64_MIN, &is_new, &err);
        assert_int_equal(small.key_count, status == ST_OK ? 1 : 0);
        if (status == ST_OK && state_set_write_delta(&small, &bytes, &err) != ST_OK)
            assert_int_equal(small.added_count, 1); /* Nothing is forgotten. */
        has_failed = memory_has_failed();
        memory_fail_after(0);
        state_set_release(&small);
        str_builder_release(&bytes);
        assert_int_equal(memory_live_count(), live_count);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_set_equals_a_plain_array, open_sets, close_sets),
        cmocka_unit_test_setup_teardown(a_sweep_frees_what_has_expired, open_sets, close_sets),
        cmocka_unit_test_setup_teardown(groups_are_shared_out, open_sets, close_sets),
        cmocka_unit_test_setup_teardown(what_is_no_section_is_refused, open_sets, close_sets),
        cmocka_unit_test_setup_teardown(no_memory_leaves_the_set_as_it_was, open_sets, close_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
