/* Keyed state: what was put is found, a table read back from its sections is equal, every cut section is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/random.h"
#include "live/state.h"

#define KEY_COUNT 20000u

static struct state_table table, restored;
static struct error       err;

static void
put(struct state_table *into, uint64_t number, size_t value_size, int64_t expires_us)
{
    struct state_entry *entry = NULL;
    uint64_t            key   = hash64_integer(number); /* Keys begin with the hash of an exchange. */
    assert_int_equal(
        state_put(into, state_hash(&key, 8), &key, 8, value_size, expires_us, &entry, NULL, &err), ST_OK);
    memset(state_value(entry), (int)(number & 0xff), value_size);
}

static struct state_entry *
find(const struct state_table *in, uint64_t number)
{
    uint64_t key = hash64_integer(number);
    return state_find(in, state_hash(&key, 8), &key, 8);
}

static void
assert_same(const struct state_table *a, const struct state_table *b)
{
    assert_int_equal(a->entry_count, b->entry_count);
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++) {
        uint32_t            cursor = 0;
        struct state_entry *mine;
        while ((mine = state_next(a, group, &cursor)) != NULL) {
            struct state_entry *theirs = state_find(b, state_hash(state_key(mine), mine->key_size), state_key(mine), mine->key_size);
            assert_non_null(theirs);
            assert_int_equal(mine->expires_us, theirs->expires_us);
            assert_int_equal(mine->value_size, theirs->value_size);
            assert_memory_equal(state_value(mine), state_value(theirs), mine->value_size);
        }
    }
}

static void
read_all(struct state_table *into, const struct str_builder *bytes)
{
    struct str rest = str_builder_text(bytes);
    while (rest.size > 0) {
        size_t used = 0;
        assert_int_equal(state_read(into, rest, &used, &err), ST_OK);
        rest = str_slice(rest, used, rest.size);
    }
}

static int
open_tables(void **state)
{
    (void)state;
    state_table_init(&table);
    state_table_init(&restored);
    return 0;
}

static int
close_tables(void **state)
{
    (void)state;
    state_table_release(&table);
    state_table_release(&restored);
    return 0;
}

static void
what_was_put_is_found(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < KEY_COUNT; i++)
        put(&table, i, 8 + i % 200, STATE_FOREVER);
    assert_int_equal(table.entry_count, KEY_COUNT);
    for (uint64_t i = 0; i < KEY_COUNT; i++) {
        struct state_entry *entry = find(&table, i);
        assert_non_null(entry);
        assert_int_equal(entry->value_size, 8 + i % 200);
        assert_int_equal(((uint8_t *)state_value(entry))[7 + i % 200], i & 0xff);
    }
    assert_null(find(&table, KEY_COUNT));
}

static void
a_value_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    uint64_t            key   = hash64_integer(7);
    struct state_entry *entry = NULL;
    bool                is_new = true;
    put(&table, 7, 10, 5);
    assert_int_equal(state_put(&table, state_hash(&key, 8), &key, 8, 5000, 6, &entry, &is_new, &err), ST_OK);
    assert_false(is_new);
    assert_int_equal(((uint8_t *)state_value(entry))[9], 7);
    assert_int_equal(((uint8_t *)state_value(entry))[10], 0);
    assert_ptr_equal(find(&table, 7), entry);
    assert_int_equal(table.dirty_count, 1);
    assert_int_equal(entry->expires_us, 6);
}

/* Every size has a slab that it fits, and that is at most a quarter too large. */
static void
values_of_all_sizes_keep_their_bytes(void **state)
{
    (void)state;
    for (size_t size = 0; size <= STATE_ENTRY_SIZE_MAX - 64; size += size < 3000 ? 1 : size / 7) {
        put(&table, size, size, STATE_FOREVER);
        assert_int_equal(find(&table, size)->value_size, size);
    }
    for (size_t size = 1; size < 3000; size++)
        assert_int_equal(((uint8_t *)state_value(find(&table, size)))[size - 1], size & 0xff);
    assert_true(arena_used_bytes(&table.arena) < 5 * 14 * (size_t)STATE_ENTRY_SIZE_MAX);
}

/* What is touched goes into the next delta, with its new size and time. */
static void
what_is_touched_is_written_again(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    put(&table, 1, 100, 5);
    put(&table, 2, 100, 5);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    assert_int_equal(state_touch(&table, find(&table, 2), 60, 9, &err), ST_OK);
    assert_int_equal(state_touch(&table, find(&table, 2), 50, 7, &err), ST_OK);
    assert_int_equal(table.dirty_count, 1);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    read_all(&restored, &bytes);
    assert_int_equal(find(&restored, 2)->value_size, 50);
    assert_int_equal(find(&restored, 2)->expires_us, 7);
    assert_same(&table, &restored);
    str_builder_release(&bytes);
}

static void
deltas_and_snapshots_give_the_table_back(void **state)
{
    (void)state;
    struct random      random;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    random_init(&random, 1);
    for (uint32_t epoch = 0; epoch < 40; epoch++) {
        for (uint32_t i = 0; i < 500; i++) {
            uint64_t number = random_below(&random, 3000);
            put(&table, number, random_below(&random, 400), (int64_t)(epoch * 10 + number % 100));
        }
        assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
        for (uint32_t group = 0; group < 64; group++)
            assert_int_equal(state_write_snapshot(&table, (epoch * 64 + group) % STATE_GROUP_COUNT, epoch * 10, &bytes, &err),
                             ST_OK);
    }
    read_all(&restored, &bytes);
    assert_same(&table, &restored);
    str_builder_release(&bytes);
}

static void
a_snapshot_frees_what_has_expired(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    for (uint64_t i = 0; i < KEY_COUNT; i++)
        put(&table, i, 16, (int64_t)(i % 2 == 0 ? 100 : 101));
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++)
        assert_int_equal(state_write_snapshot(&table, group, 100, &bytes, &err), ST_OK);
    assert_int_equal(table.entry_count, KEY_COUNT / 2);
    for (uint64_t i = 0; i < KEY_COUNT; i++)
        assert_true((find(&table, i) != NULL) == (i % 2 == 1));
    read_all(&restored, &bytes);
    assert_same(&table, &restored);
    str_builder_release(&bytes);
}

/* What clears one group must not fill another. */
static void
a_snapshot_of_another_group_is_refused(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    uint32_t           group = 0;
    size_t             used;
    put(&table, 1, 16, 100);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    while (table.groups[group].entry_count == 0)
        group++;
    str_builder_clear(&bytes);
    assert_int_equal(state_write_snapshot(&table, group, 0, &bytes, &err), ST_OK);
    assert_int_equal(state_read(&restored, str_builder_text(&bytes), &used, &err), ST_OK);
    bytes.data[1] ^= 1; /* The group's low byte, behind the kind. */
    assert_int_equal(state_read(&restored, str_builder_text(&bytes), &used, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    str_builder_release(&bytes);
}

static void
every_cut_and_every_changed_byte_is_survived(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    struct random      random;
    random_init(&random, 2);
    for (uint64_t i = 0; i < 5; i++)
        put(&table, i, 20, 100);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    for (size_t size = 0; size < bytes.size; size++) {
        struct state_table cut;
        size_t             used = 0;
        char              *copy = memory_copy(bytes.data, size);
        state_table_init(&cut);
        assert_int_equal(state_read(&cut, str_of(copy, size), &used, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_int_equal(used, 0);
        state_table_release(&cut);
        memory_free(copy);
    }
    for (uint32_t round = 0; round < 2000; round++) {
        struct state_table changed;
        size_t             used = 0;
        char              *copy = memory_copy(bytes.data, bytes.size);
        copy[random_below(&random, bytes.size)] = (char)random_next(&random);
        state_table_init(&changed);
        if (state_read(&changed, str_of(copy, bytes.size), &used, &err) == ST_OK)
            assert_true(used <= bytes.size);
        state_table_release(&changed);
        memory_free(copy);
    }
    str_builder_release(&bytes);
}

static void
no_memory_leaves_the_table_as_it_was(void **state)
{
    (void)state;
    uint64_t key = 1, live_count = memory_live_count();
    bool     has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        struct state_table  small;
        struct state_entry *entry = NULL;
        state_table_init(&small);
        memory_fail_after(n);
        enum status status = state_put(&small, state_hash(&key, 8), &key, 8, 100, 0, &entry, NULL, &err);
        has_failed         = memory_has_failed();
        memory_fail_after(0);
        assert_int_equal(status, has_failed ? ST_ERROR : ST_OK);
        assert_int_equal(small.entry_count, has_failed ? 0 : 1);
        assert_int_equal(small.dirty_count, has_failed ? 0 : 1);
        state_table_release(&small);
        assert_int_equal(memory_live_count(), live_count);
    }
}

static void
an_entry_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    uint64_t            key   = 1;
    struct state_entry *entry = NULL;
    assert_int_equal(state_put(&table, state_hash(&key, 8), &key, 8, (size_t)4 << 20, 0, &entry, NULL, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FULL);
    assert_int_equal(table.entry_count, 0);
}

/* What a step does at a barrier that looks for what has come to its end. */
static void
entries_can_be_put_again_while_they_are_gone_through(void **state)
{
    (void)state;
    for (uint64_t count = 1; count <= 64; count++) {
        struct state_entry *entry;
        uint32_t            cursor = 0, seen = 0;
        uint64_t            key[2] = { 7, count }; /* One group: it is the first word that says which. */
        assert_int_equal(state_put(&table, state_hash(key, 16), key, 16, 8, 0, &entry, NULL, &err), ST_OK);
        const uint32_t group = state_group_of(state_hash(key, 16));
        while ((entry = state_next(&table, group, &cursor)) != NULL) {
            uint64_t hash = state_hash(state_key(entry), entry->key_size);
            seen++;
            assert_int_equal(state_put(&table, hash, state_key(entry), entry->key_size, entry->value_size, 0, &entry, NULL, &err), ST_OK);
            assert_int_equal(state_touch(&table, entry, entry->value_size, 0, &err), ST_OK);
        }
        assert_int_equal(seen, count);
    }
}

/* And what changes later is. */
static void
what_is_forgotten_is_not_written(void **state)
{
    struct str_builder bytes = STR_BUILDER_EMPTY;

    (void)state;
    put(&table, 1, 10, 100);
    put(&table, 2, 10, 100);
    state_forget_changes(&table);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    assert_int_equal(bytes.size, 0);
    assert_non_null(find(&table, 1));
    put(&table, 2, 20, 100);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    read_all(&restored, &bytes);
    assert_null(find(&restored, 1));
    assert_int_equal(find(&restored, 2)->value_size, 20);
    str_builder_release(&bytes);
}

/* What a table is said to take follows its entries, also those that grew, were freed, or were read back. */
static void
used_bytes_are_of_entries_alone(void **state)
{
    struct str_builder bytes = STR_BUILDER_EMPTY;
    (void)state;
    assert_int_equal(state_used_bytes(&table), 0);
    put(&table, 1, 10, 100);
    const uint64_t small = state_used_bytes(&table);
    assert_in_range(small, sizeof(struct state_entry) + 8 + 10, 128);
    put(&table, 2, 1000, 200);
    put(&table, 1, 1000, 200);
    const uint64_t large = state_used_bytes(&table);
    assert_in_range(large, 2 * 1000, 2 * 1400);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    read_all(&restored, &bytes);
    assert_int_equal(state_used_bytes(&restored), large);
    state_expire(&table, 199);
    assert_int_equal(state_used_bytes(&table), large);
    state_expire(&table, 200);
    assert_int_equal(state_used_bytes(&table), 0);
    put(&table, 3, 10, 300); /* In memory that is held. */
    assert_int_equal(state_used_bytes(&table), small);
    str_builder_release(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_found, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(a_value_grows_and_keeps_its_bytes, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(values_of_all_sizes_keep_their_bytes, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(what_is_touched_is_written_again, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(deltas_and_snapshots_give_the_table_back, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_not_written, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(a_snapshot_frees_what_has_expired, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(a_snapshot_of_another_group_is_refused, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(every_cut_and_every_changed_byte_is_survived, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(entries_can_be_put_again_while_they_are_gone_through, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(no_memory_leaves_the_table_as_it_was, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(an_entry_beyond_the_limit_is_refused, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(used_bytes_are_of_entries_alone, open_tables, close_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
