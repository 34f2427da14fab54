/* The state's record file: what is on disk when an append returns (S2), what is read back, what is removed (S3), and that
 * a changed or missing byte is an error and never a part of a state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errno.h>
#include <cmocka.h>

#include "io/io.h"
#include "live/segment.h"
#include "support/support.h"

#define GENERATION 7

static const uint8_t key[KEY_SIZE] = { 3, 1, 4 };
static char          folder[TEMP_DIR_SIZE_MAX];
static struct error  err;

/* ---- Calls, in their order ---- */

/* 'w' a write, 'd' fdatasync, 's' fsync. */
static char  calls[64];
static char  failing; /* Which of them fails. */
static struct io recorded;
static int       direct_error;  /* What asking for writes past the page cache fails with; 0: nothing. */
static int       refused_writes; /* So many writes past the page cache fail with EINVAL. */

static bool
record(char call)
{
    size_t size = strlen(calls);
    assert_true(size + 1 < sizeof(calls));
    calls[size]     = call;
    calls[size + 1] = '\0';
    return call != failing;
}

static ssize_t
recorded_write(struct io *io, int fd, const void *bytes, size_t size)
{
    if (refused_writes > 0) {
        refused_writes--;
        errno = EINVAL;
        return -1;
    }
    return record('w') ? io_system()->write(io, fd, bytes, size) : -1;
}

static int
recorded_set_direct(struct io *io, int fd, bool is_direct)
{
    errno = direct_error;
    return direct_error == 0 ? io_system()->set_direct(io, fd, is_direct) : -1;
}

static int
recorded_sync_data(struct io *io, int fd)
{
    return record('d') ? io_system()->sync_data(io, fd) : -1;
}

static int
recorded_sync(struct io *io, int fd)
{
    return record('s') ? io_system()->sync(io, fd) : -1;
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    recorded           = *io_system();
    recorded.set_direct = recorded_set_direct;
    recorded.write     = recorded_write;
    recorded.sync_data = recorded_sync_data;
    recorded.sync      = recorded_sync;
    failing            = '\0';
    direct_error       = 0;
    refused_writes     = 0;
    calls[0]           = '\0';
    error_clear(&err);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

/* ---- Records ---- */

/* "1:body 2:body " of all that is read back. */
static char found[512];

static enum status
take(void *context, uint64_t epoch, struct str body, struct error *error)
{
    (void)context, (void)error;
    size_t size = strlen(found);
    snprintf(found + size, sizeof(found) - size, "%d:%.*s ", (int)epoch, STR_PRINTF(body));
    return ST_OK;
}

static enum status
open_at(struct segment *segment, uint64_t generation, const char *reference)
{
    found[0] = '\0';
    error_clear(&err);
    return segment_open(segment, &recorded, folder, key, generation, str_from(reference), take, NULL, &err);
}

static enum status
append(struct segment *segment, uint64_t epoch, bool begins_round, char reference[SEGMENT_REFERENCE_SIZE])
{
    char body[32];
    snprintf(body, sizeof(body), "body%d", (int)epoch);
    const struct str whole = str_from(body);
    const size_t     half  = whole.size / 2;
    const struct str parts[] = { str_slice(whole, 0, half), str_slice(whole, half, whole.size) };
    return segment_append(segment, epoch, begins_round, parts, 2, reference, &err);
}

static uint32_t
file_count(void)
{
    uint32_t count = 0;
    char     path[TEMP_DIR_SIZE_MAX + 64];
    for (int generation = GENERATION; generation < GENERATION + 2; generation++)
        for (int number = 0; number < 16; number++) {
            snprintf(path, sizeof(path), "%s/state-%016x-%016x", folder, generation, number);
            count += access(path, F_OK) == 0;
        }
    return count;
}

static void
a_record_is_on_disk_when_append_returns(void **state)
{
    (void)state;
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE];
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    calls[0] = '\0';
    assert_int_equal(append(&segment, 1, true, reference), ST_OK);
    assert_string_equal(calls, "swd"); /* The folder knows the name, the file has the bytes. */
    calls[0] = '\0';
    assert_int_equal(append(&segment, 2, false, reference), ST_OK);
    assert_string_equal(calls, "wd");
    /* A sync that failed is told, and not tried again. */
    failing  = 'd';
    calls[0] = '\0';
    assert_int_equal(append(&segment, 3, false, reference), ST_ERROR);
    assert_string_equal(calls, "wd");
    segment_release(&segment);
}

static void
what_the_store_refers_to_is_read_back(void **state)
{
    (void)state;
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE], second[SEGMENT_REFERENCE_SIZE], third[SEGMENT_REFERENCE_SIZE];
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    assert_int_equal(append(&segment, 1, true, reference), ST_OK);
    assert_int_equal(append(&segment, 2, false, second), ST_OK);
    assert_int_equal(append(&segment, 3, false, third), ST_OK);
    segment_release(&segment);

    /* Epoch 3 was never committed: it is cut, and the next generation seals an epoch 3 of its own. */
    assert_int_equal(open_at(&segment, GENERATION + 1, second), ST_OK);
    assert_string_equal(found, "1:body1 2:body2 ");
    assert_int_equal(segment.epoch, 2);
    assert_int_equal(append(&segment, 3, false, reference), ST_OK);
    segment_release(&segment);
    assert_int_equal(open_at(&segment, GENERATION + 1, third), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    segment_release(&segment);
    assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_OK);
    assert_string_equal(found, "1:body1 2:body2 3:body3 ");
    segment_release(&segment);
}

/* A file a record; rounds of two epochs. What no epoch needs goes only behind a commit. */
static void
files_go_when_no_epoch_needs_them(void **state)
{
    (void)state;
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE];
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    segment.file_size_max = 1;
    for (uint64_t epoch = 1; epoch <= 8; epoch++) {
        /* Needed are the last complete round and the one that goes on. */
        static const uint32_t before[] = { 1, 2, 3, 4, 5, 4, 5, 4 }, after[] = { 1, 2, 3, 4, 3, 4, 3, 4 };
        assert_int_equal(append(&segment, epoch, epoch % 2 == 1, reference), ST_OK);
        assert_int_equal(file_count(), before[epoch - 1]);
        assert_int_equal(segment_committed(&segment, &err), ST_OK);
        assert_int_equal(file_count(), after[epoch - 1]);
    }
    segment_release(&segment);
    assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_OK);
    assert_string_equal(found, "5:body5 6:body6 7:body7 8:body8 ");
    segment_release(&segment);
}

static void
any_changed_or_missing_byte_is_damage(void **state)
{
    (void)state;
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE], path[TEMP_DIR_SIZE_MAX + 64];
    size_t         size = 0;
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    assert_int_equal(append(&segment, 1, true, reference), ST_OK);
    assert_int_equal(append(&segment, 2, false, reference), ST_OK);
    snprintf(path, sizeof(path), "%s/%s", folder, segment.file);
    segment_release(&segment);
    char *bytes = (char *)support_read_file(path, &size);
    assert_non_null(bytes);
    assert_null(memmem(bytes, size, "body", 4)); /* It is sealed. */
    /* All bytes of both records, some of the zeros behind them. */
    for (size_t i = 0; i < size; i += i % FILE_BLOCK_SIZE < 80 ? 1 : 101) {
        bytes[i] ^= 1;
        assert_true(support_write_file(path, bytes, size));
        bytes[i] ^= 1;
        assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_ERROR);
        assert_true(err.message[0] != '\0' && strstr(found, "2:") == NULL);
        segment_release(&segment);
        assert_true(support_write_file(path, bytes, i));
        assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_ERROR);
        segment_release(&segment);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_ERROR);
    segment_release(&segment);
    support_free((unsigned char *)bytes);
}

/* Bodies that end at, before and behind the end of the buffer, with the tag in one piece or two, and of several buffers. */
static char *large;
static size_t large_size;

static enum status
take_large(void *context, uint64_t epoch, struct str body, struct error *error)
{
    (void)context, (void)epoch, (void)error;
    assert_int_equal(body.size, large_size);
    assert_memory_equal(body.data, large, large_size);
    snprintf(found, sizeof(found), "large");
    return ST_OK;
}

static void
large_record_is_read_back(size_t size)
{
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE];
    large_size = size;
    calls[0]   = '\0';
    temp_dir_init(folder);
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    const struct str parts[] = { str_of(large, size / 3), str_of(large + size / 3, size - size / 3) };
    assert_int_equal(segment_append(&segment, 1, true, parts, 2, reference, &err), ST_OK);
    assert_int_equal(segment.writer.offset % FILE_BLOCK_SIZE, 0);
    segment_release(&segment);
    found[0] = '\0';
    assert_int_equal(segment_open(&segment, &recorded, folder, key, GENERATION + 1, str_from(reference), take_large, NULL, &err), ST_OK);
    assert_string_equal(found, "large");
    segment_release(&segment);
    temp_dir_release(folder);
}

static void
records_of_any_size_are_read_back(void **state)
{
    (void)state;
    const size_t buffer = 2u << 20, head = 40, tag = 16;
    large = malloc(3 * buffer);
    assert_non_null(large);
    for (size_t i = 0; i < 3 * buffer; i++)
        large[i] = (char)(i * 7 + i / 251);
    static const size_t offsets[] = { 0, 1, 15, 16, 17, 24, 4095, 4096 };
    temp_dir_release(folder);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        large_record_is_read_back(buffer - head - offsets[i]);
        large_record_is_read_back(buffer - head - tag + offsets[i]);
        large_record_is_read_back(FILE_BLOCK_SIZE + tag - offsets[i] % 64);
    }
    large_record_is_read_back(3 * buffer);
    large_record_is_read_back(0);
    free(large);
    temp_dir_init(folder);
}

/* A file system without writes past the page cache says so at once, or at the first write. */
static void
writes_go_through_the_page_cache_where_they_must(void **state)
{
    (void)state;
    struct segment segment;
    char           reference[SEGMENT_REFERENCE_SIZE];
    direct_error = EINVAL;
    assert_int_equal(open_at(&segment, GENERATION, ""), ST_OK);
    assert_int_equal(append(&segment, 1, true, reference), ST_OK);
    assert_false(segment.writer.is_direct);
    segment_release(&segment);
    direct_error   = 0;
    assert_int_equal(open_at(&segment, GENERATION + 1, reference), ST_OK);
    refused_writes = 1;
    assert_int_equal(append(&segment, 2, true, reference), ST_OK);
    assert_false(segment.writer.is_direct);
    segment_release(&segment);
    assert_int_equal(open_at(&segment, GENERATION + 2, reference), ST_OK);
    assert_string_equal(found, "1:body1 2:body2 ");
    refused_writes = 2; /* Not because of that, then. */
    assert_int_equal(append(&segment, 3, true, reference), ST_ERROR);
    segment_release(&segment);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_is_on_disk_when_append_returns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_store_refers_to_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_go_when_no_epoch_needs_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_changed_or_missing_byte_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_of_any_size_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_go_through_the_page_cache_where_they_must, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
