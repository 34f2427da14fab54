/* The event log in files: batches, growth, the incomplete last line, and logs that are no longer the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "source/eventlog.h"
#include "support/support.h"

static char          folder[TEMP_DIR_SIZE_MAX];
static struct source *source;

/* Every file of the folder. */
static char                pattern[TEMP_DIR_SIZE_MAX + 4];
static struct graph_input  input;
static struct graph_source binding = { .name = STR_INIT("EVENTS"), .inputs = &input, .input_count = 1 };
static struct error   err;

static void
write_log(const char *name, const char *text)
{
    char path[TEMP_DIR_SIZE_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_true(support_write_file(path, text, strlen(text)));
}

static struct source_partition *
open_at(int64_t position, const char *identity)
{
    struct source_partition *partition = NULL;
    return source->kind->open(source, "p0", position, str_from(identity), &partition, &err) == ST_OK ? partition : NULL;
}

/* The records of one poll joined by '|'; "" where there was nothing, NULL where it failed. */
static const char *
poll_text(struct source_partition *partition, uint32_t count_max, char *out, size_t size)
{
    struct record_batch batch;
    enum poll_result    result;
    size_t              used = 0;
    if (source->kind->poll(partition, count_max, &batch, &result, &err) != ST_OK)
        return NULL;
    out[0] = '\0';
    assert_true((result == POLL_RECORDS) == (batch.bytes > 0));
    assert_int_equal(batch.position_next, batch.position + batch.bytes);
    assert_int_equal(partition->position, batch.position_next);
    for (uint32_t i = 0; i < batch.record_count; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i == 0 ? "" : "|", (int)batch.records[i].size,
                                 batch.data + batch.records[i].offset);
    return out;
}

static int
open_source(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(pattern, sizeof(pattern), "%s/p*", folder);
    input.root = str_from(folder);
    input.path = str_from(pattern);
    return eventlog_create(io_system(), &binding, &source, &err) == ST_OK ? 0 : -1;
}

static int
close_source(void **state)
{
    (void)state;
    source->kind->free(source);
    temp_dir_release(folder);
    return 0;
}

static void
partitions_are_the_files_of_the_pattern(void **state)
{
    (void)state;
    const struct source_listing *listings = NULL;
    size_t                       count    = 0;
    struct arena                 arena;
    arena_init(&arena, 0);
    assert_int_equal(source->kind->list(source, &arena, &listings, &count, &err), ST_OK);
    assert_int_equal(count, 0);
    write_log("p1", "");
    write_log("p0", "");
    write_log("other", "");
    assert_int_equal(source->kind->list(source, &arena, &listings, &count, &err), ST_OK);
    assert_int_equal(count, 2);
    assert_string_equal(listings[0].partition_id, "p0");
    assert_string_equal(listings[1].partition_id, "p1");
    arena_release(&arena);
}

static void
lines_come_in_batches_and_an_incomplete_one_waits(void **state)
{
    (void)state;
    char text[64];
    write_log("p0", "a\nbb\n\r\n\nccc\nddd");
    struct source_partition *partition = open_at(0, "");
    assert_non_null(partition);
    assert_string_equal(poll_text(partition, 2, text, sizeof(text)), "a|bb");
    assert_int_equal(partition->position, 5);
    assert_string_equal(poll_text(partition, 2, text, sizeof(text)), "ccc");
    assert_int_equal(partition->position, 12);
    assert_string_equal(poll_text(partition, 2, text, sizeof(text)), "");
    source->kind->close(partition);

    partition = open_at(5, "");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "ccc");
    assert_int_equal(source->kind->seek(partition, 2, &err), ST_OK);
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "bb|ccc");
    int64_t end = 0;
    assert_int_equal(source->kind->end(partition, &end, &err), ST_OK);
    assert_int_equal(end, 15);
    source->kind->close(partition);
}

static void
append(const char *text)
{
    char  path[TEMP_DIR_SIZE_MAX + 32];
    FILE *file;
    snprintf(path, sizeof(path), "%s/p0", folder);
    file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void
a_log_is_followed_as_it_grows(void **state)
{
    (void)state;
    char text[64];
    write_log("p0", "");
    struct source_partition *partition = open_at(0, "");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "");
    append("on");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "");
    append("e\ntwo\nth");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "one|two");
    append("ree\n");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "three");
    source->kind->close(partition);
}

static void
lines_longer_than_a_read_are_whole(void **state)
{
    (void)state;
    struct str_builder log = STR_BUILDER_EMPTY;
    struct record_batch batch;
    enum poll_result    result;
    size_t              sizes[] = { 300000, 5, 1000000, 262144 };
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            str_builder_append_char(&log, (char)('a' + i));
        str_builder_append_char(&log, '\n');
    }
    write_log("p0", str_builder_cstr(&log));
    struct source_partition *partition = open_at(0, "");
    for (size_t i = 0; i < 4;) {
        assert_int_equal(source->kind->poll(partition, 9, &batch, &result, &err), ST_OK);
        assert_int_equal(result, POLL_RECORDS);
        for (uint32_t j = 0; j < batch.record_count; j++, i++) {
            assert_int_equal(batch.records[j].size, sizes[i]);
            assert_int_equal(batch.data[batch.records[j].offset + sizes[i] - 1], 'a' + (int)i);
        }
    }
    source->kind->close(partition);
    str_builder_release(&log);
}

/* It comes alone and cut, its bytes are all accounted for, and what is behind it is read as ever. */
static void
a_line_beyond_the_limit_comes_cut(void **state)
{
    (void)state;
    const size_t        sizes[] = { EVENTLOG_LINE_SIZE_MAX - 1, EVENTLOG_LINE_SIZE_MAX, 2 * EVENTLOG_LINE_SIZE_MAX + 12345 };
    char                text[64];
    struct record_batch batch;
    enum poll_result    result;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct str_builder log = STR_BUILDER_EMPTY;
        str_builder_append_cstr(&log, "one\n");
        for (size_t j = 0; j < sizes[i]; j++)
            str_builder_append_char(&log, (char)('a' + j % 26));
        write_log("p0", str_builder_cstr(&log));
        struct source_partition *partition = open_at(0, "");
        assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "one");
        for (int j = 0; j < 2; j++) { /* It has no end yet. */
            assert_int_equal(source->kind->poll(partition, 9, &batch, &result, &err), ST_OK);
            assert_int_equal(result, POLL_EMPTY);
            assert_int_equal(partition->position, 4);
        }
        append("\ntwo\n");
        assert_int_equal(source->kind->poll(partition, 1, &batch, &result, &err), ST_OK);
        assert_int_equal(result, POLL_RECORDS);
        assert_int_equal(batch.record_count, 1);
        assert_int_equal(batch.position, 4);
        bool is_cut = sizes[i] >= EVENTLOG_LINE_SIZE_MAX;
        assert_int_equal(batch.cut_size, is_cut ? sizes[i] : 0);
        if (is_cut) {
            assert_int_equal(batch.bytes, sizes[i] + 1);
            assert_int_equal(batch.position_next, 4 + (int64_t)sizes[i] + 1);
            assert_int_equal(batch.records[0].size, FORMAT_KEPT_SIZE_MAX);
            assert_memory_equal(batch.data + batch.records[0].offset, log.data + 4, FORMAT_KEPT_SIZE_MAX);
        }
        assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "two");
        assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "");
        assert_int_equal(source->kind->seek(partition, 0, &err), ST_OK);
        assert_string_equal(poll_text(partition, 1, text, sizeof(text)), "one");
        source->kind->close(partition);
        str_builder_release(&log);
    }
}

static void
another_log_in_its_place_is_named(void **state)
{
    (void)state;
    char       text[64], identity[128], copied[160];
    struct str found = STR_EMPTY;
    write_log("p0", "one\ntwo\n");
    struct source_partition *partition = open_at(0, "");
    assert_string_equal(poll_text(partition, 1, text, sizeof(text)), "one");
    assert_int_equal(source->kind->identity(partition, &found, &err), ST_OK);
    snprintf(identity, sizeof(identity), "%.*s", STR_PRINTF(found));
    source->kind->close(partition);

    partition = open_at(4, identity);
    assert_non_null(partition);
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "two");
    append("three\n");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "three");
    source->kind->close(partition);

    /* Written anew in place; shorter than what was read; another file under the name; no identity of ours. */
    write_log("p0", "uno\ntwo\n");
    assert_null(open_at(4, identity));
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.message, "p0"));
    write_log("p0", "on");
    assert_null(open_at(4, identity));
    write_log("p0", "one\ntwo\n");
    assert_null(open_at(4, "inode 1 head 4 0"));
    /* A copy that was put back. */
    snprintf(copied, sizeof(copied), "inode 1%s", strchr(identity + strlen("inode "), ' '));
    partition = open_at(4, copied);
    assert_non_null(partition);
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "two");
    source->kind->close(partition);
    assert_null(open_at(4, "nonsense"));
    partition = open_at(4, identity);
    assert_non_null(partition);
    source->kind->close(partition);
}

static void
truncation_and_rotation_while_following_are_errors(void **state)
{
    (void)state;
    char text[64], from[TEMP_DIR_SIZE_MAX + 32], to[TEMP_DIR_SIZE_MAX + 32];
    write_log("p0", "one\ntwo\n");
    struct source_partition *partition = open_at(0, "");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "one|two");
    write_log("p0", "one\n");
    assert_null(poll_text(partition, 9, text, sizeof(text)));
    assert_int_equal(err.code, ERR_CORRUPT);
    source->kind->close(partition);

    partition = open_at(0, "");
    assert_string_equal(poll_text(partition, 9, text, sizeof(text)), "one");
    snprintf(from, sizeof(from), "%s/p0", folder);
    snprintf(to, sizeof(to), "%s/p0.1", folder);
    assert_int_equal(rename(from, to), 0);
    write_log("p0", "new\n");
    assert_null(poll_text(partition, 9, text, sizeof(text)));
    assert_int_equal(err.code, ERR_CORRUPT);
    source->kind->close(partition);
}

/* Cut and grown beyond where we are before anybody looked: no size tells of it, the beginning does. */
static void
a_log_written_anew_while_followed_is_an_error(void **state)
{
    (void)state;
    char       text[64];
    struct str identity;
    for (int round = 0; round < 2; round++) {
        write_log("p0", "one\ntwo\n");
        struct source_partition *partition = open_at(0, "");
        assert_string_equal(poll_text(partition, 1, text, sizeof(text)), "one");
        assert_int_equal(source->kind->identity(partition, &identity, &err), ST_OK);
        if (round == 1) { /* As recovery opens it. */
            char found[128];
            snprintf(found, sizeof(found), "%.*s", STR_PRINTF(identity));
            source->kind->close(partition);
            partition = open_at(4, found);
            assert_non_null(partition);
        }
        append("three\n");
        while (*poll_text(partition, 9, text, sizeof(text)) != '\0') {
        }
        assert_int_equal(partition->position, 14);
        assert_int_equal(source->kind->identity(partition, &identity, &err), ST_OK);
        write_log("p0", "uno\ndue\ntre\nquattro\ncinque\n");
        poll_text(partition, 9, text, sizeof(text));
        assert_int_equal(source->kind->identity(partition, &identity, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_non_null(strstr(err.message, "p0"));
        source->kind->close(partition);
    }
}

static enum status
read_once(struct io *io)
{
    struct source           *failing   = NULL;
    struct source_partition *partition = NULL;
    struct record_batch      batch;
    enum poll_result         result;
    struct str               identity;
    enum status              status = eventlog_create(io, &binding, &failing, &err);
    if (status != ST_OK)
        return status;
    status = failing->kind->open(failing, "p0", 0, STR_EMPTY, &partition, &err);
    for (int i = 0; i < 2 && status == ST_OK; i++)
        status = failing->kind->poll(partition, 9, &batch, &result, &err);
    if (status == ST_OK)
        status = failing->kind->identity(partition, &identity, &err);
    failing->kind->close(partition);
    failing->kind->free(failing);
    return status;
}

static void
every_failing_call_and_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    struct io_failing failing;
    bool              has_failed = true;
    uint64_t          live_count = memory_live_count();
    write_log("p0", "one\ntwo\n");
    for (uint64_t n = 1; has_failed; n++) {
        io_failing_init(&failing, n, 5);
        enum status status = read_once(&failing.io);
        has_failed         = failing.has_failed;
        /* An error of close, after everything was read, loses nothing. */
        if (!has_failed)
            assert_int_equal(status, ST_OK);
        assert_int_equal(failing.open_count, 0);
        assert_int_equal(memory_live_count(), live_count);
    }
    has_failed = true;
    for (uint64_t n = 1; has_failed; n++) {
        memory_fail_after(n);
        enum status status = read_once(io_system());
        has_failed         = memory_has_failed();
        memory_fail_after(0);
        assert_int_equal(status, has_failed ? ST_ERROR : ST_OK);
        assert_int_equal(memory_live_count(), live_count);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(partitions_are_the_files_of_the_pattern, open_source, close_source),
        cmocka_unit_test_setup_teardown(lines_come_in_batches_and_an_incomplete_one_waits, open_source, close_source),
        cmocka_unit_test_setup_teardown(a_log_is_followed_as_it_grows, open_source, close_source),
        cmocka_unit_test_setup_teardown(lines_longer_than_a_read_are_whole, open_source, close_source),
        cmocka_unit_test_setup_teardown(a_line_beyond_the_limit_comes_cut, open_source, close_source),
        cmocka_unit_test_setup_teardown(another_log_in_its_place_is_named, open_source, close_source),
        cmocka_unit_test_setup_teardown(truncation_and_rotation_while_following_are_errors, open_source, close_source),
        cmocka_unit_test_setup_teardown(a_log_written_anew_while_followed_is_an_error, open_source, close_source),
        cmocka_unit_test_setup_teardown(every_failing_call_and_allocation_is_reported_and_nothing_leaks, open_source,
                                        close_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
