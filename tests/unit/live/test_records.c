/* Records of keys as state: what is written of entries that grow, shrink and change gives the table back, from its beginning and from a round of
 * snapshots on, and is little where they only grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "live/op/records.h"

#define KEY_COUNT   40u
#define EPOCH_COUNT 60u
#define TEXT_COUNT  3u

struct item {
    struct record_texts texts;
    uint64_t            number;
    uint64_t            mark;
};

static struct state_table   table, restored;
static struct records_watch watch;
static struct error         err;

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
    records_watch_release(&watch);
    return 0;
}

static struct state_entry *
find(struct state_table *in, uint64_t number)
{
    const uint64_t key = hash64_integer(number);
    return state_find(in, state_hash(&key, 8), &key, 8);
}

static void
insert(uint64_t key_number, uint32_t index, uint64_t number)
{
    const uint64_t      key   = hash64_integer(key_number);
    struct state_entry *entry = find(&table, key_number);
    char                buffers[TEXT_COUNT][32];
    struct str          texts[TEXT_COUNT];
    for (uint32_t i = 0; i < TEXT_COUNT; i++)
        texts[i] = str_of(buffers[i], (size_t)snprintf(buffers[i], sizeof(buffers[i]), "%.*s", (int)((number + i) % 7), "abcdefgh"));
    const uint64_t    hash   = state_hash(&key, 8);
    const enum status status = index == (entry == NULL ? 0 : records_head(entry)->record_count)
                                   ? records_append(&table, entry, hash, &key, 8, sizeof(struct item), texts, TEXT_COUNT, 100, &entry, &err)
                                   : records_insert(&table, entry, hash, &key, 8, sizeof(struct item), index, texts, TEXT_COUNT, 100, &entry, &err);
    assert_int_equal(status, ST_OK);
    ((struct item *)records_of(entry))[index].number = number;
}

static uint32_t
count_of(uint64_t key_number)
{
    struct state_entry *entry = find(&table, key_number);
    return entry == NULL ? 0 : records_head(entry)->record_count;
}

/* As barriers do: marks, or takes out, one of the records, or leaves them as they are. */
static void
look_at(struct state_entry *entry, struct random *random)
{
    struct records_head *head = records_head(entry);
    assert_int_equal(records_watch_begin(&watch, &table, entry, &err), ST_OK);
    if (random_below(random, 6) == 0)
        ((struct item *)records_of(entry))[random_below(random, head->record_count)].mark++;
    if (random_below(random, 6) == 0 && head->record_count > 1)
        records_remove(entry, sizeof(struct item), (uint32_t)random_below(random, head->record_count));
    head->flags++;
    assert_int_equal(records_touch(&table, entry, sizeof(struct item), 100, &err), ST_OK);
    records_watch_end(&watch, &table, entry);
}

static void
change(struct random *random, uint64_t *number)
{
    for (uint32_t i = 0; i < 30; i++) {
        const uint64_t key   = random_below(random, KEY_COUNT);
        const uint32_t count = count_of(key);
        insert(key, random_below(random, 8) == 0 ? (uint32_t)random_below(random, count + 1) : count, (*number)++);
    }
    for (uint32_t i = 0; i < table.dirty_count; i++)
        look_at(table.dirty[i].entry, random);
}

static bool
is_all_of(const struct state_table *a, struct state_table *b)
{
    uint64_t count = 0;
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++) {
        uint32_t            cursor = 0;
        struct state_entry *mine;
        for (; (mine = state_next(a, group, &cursor)) != NULL; count++) {
            struct state_entry *theirs = state_find(b, state_hash(state_key(mine), mine->key_size), state_key(mine), mine->key_size);
            if (theirs == NULL || mine->value_size != theirs->value_size || memcmp(state_value(mine), state_value(theirs), mine->value_size) != 0)
                return false;
        }
    }
    return count == b->entry_count;
}

static void
read_all(struct state_table *into, struct str bytes)
{
    while (bytes.size > 0) {
        size_t used = 0;
        assert_int_equal(state_read(into, bytes, &used, &err), ST_OK);
        bytes = str_slice(bytes, used, bytes.size);
    }
}

/* A round of snapshots takes 16 epochs. */
static void
what_is_written_gives_records_back_from_any_round_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct str_builder bytes = STR_BUILDER_EMPTY;
        struct random      random;
        uint64_t           number = 1;
        size_t             rounds[EPOCH_COUNT / 16 + 1];
        open_tables(NULL);
        random_init(&random, seed);
        for (uint32_t epoch = 0; epoch < EPOCH_COUNT; epoch++) {
            if (epoch % 16 == 0)
                rounds[epoch / 16] = bytes.size;
            change(&random, &number);
            assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
            for (uint32_t group = epoch % 16 * 64; group < epoch % 16 * 64 + 64; group++)
                assert_int_equal(state_write_snapshot(&table, group, 0, &bytes, &err), ST_OK);
        }
        for (uint32_t round = 0; round < EPOCH_COUNT / 16; round++) { /* The last one is not complete. */
            state_table_init(&restored);
            read_all(&restored, str_slice(str_builder_text(&bytes), rounds[round], bytes.size));
            assert_true(state_is_whole(&restored));
            assert_true(is_all_of(&table, &restored));
            state_table_release(&restored);
        }
        str_builder_release(&bytes);
        close_tables(NULL);
    }
}

static void
what_only_grew_is_written_as_what_is_new(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    for (uint32_t i = 0; i < 100; i++)
        insert(1, i, i);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    const size_t whole = bytes.size;
    insert(1, 100, 100);
    insert(1, 101, 101);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    assert_in_range(bytes.size - whole, 2 * sizeof(struct item), 200);
    insert(1, 0, 102); /* Before others: all moves. */
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    assert_true(bytes.size > 2 * whole);
    read_all(&restored, str_builder_text(&bytes));
    assert_true(is_all_of(&table, &restored));
    str_builder_release(&bytes);
}

static void
a_patch_without_what_it_is_of_is_told(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY;
    insert(1, 0, 1);
    state_forget_changes(&table);
    insert(1, 1, 2);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    read_all(&restored, str_builder_text(&bytes));
    assert_false(state_is_whole(&restored));
    str_builder_clear(&bytes);
    assert_int_equal(state_write_snapshot(&table, state_group_of(hash64_integer(1)), 0, &bytes, &err), ST_OK);
    read_all(&restored, str_builder_text(&bytes));
    assert_true(state_is_whole(&restored));
    assert_true(is_all_of(&table, &restored));
    str_builder_release(&bytes);
}

static void
every_cut_and_every_changed_byte_of_a_patch_is_survived(void **state)
{
    (void)state;
    struct str_builder bytes = STR_BUILDER_EMPTY, first = STR_BUILDER_EMPTY;
    struct random      random;
    random_init(&random, 3);
    insert(1, 0, 1);
    assert_int_equal(state_write_delta(&table, &first, &err), ST_OK);
    insert(1, 1, 2);
    assert_int_equal(state_write_delta(&table, &bytes, &err), ST_OK);
    for (uint32_t round = 0; round < 4000; round++) {
        const bool         is_cut = round < bytes.size;
        const size_t       size   = is_cut ? round : bytes.size;
        size_t             used   = 0;
        char              *copy   = memory_copy(bytes.data, size);
        struct state_table changed;
        if (!is_cut)
            copy[random_below(&random, size)] = (char)random_next(&random);
        state_table_init(&changed);
        read_all(&changed, str_builder_text(&first));
        const enum status status = state_read(&changed, str_of(copy, size), &used, &err);
        if (is_cut)
            assert_int_equal(status, ST_ERROR);
        if (status == ST_OK)
            assert_true(used <= size);
        state_table_release(&changed);
        memory_free(copy);
    }
    str_builder_release(&first);
    str_builder_release(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_gives_records_back_from_any_round_on),
        cmocka_unit_test_setup_teardown(what_only_grew_is_written_as_what_is_new, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(a_patch_without_what_it_is_of_is_told, open_tables, close_tables),
        cmocka_unit_test_setup_teardown(every_cut_and_every_changed_byte_of_a_patch_is_survived, open_tables, close_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
