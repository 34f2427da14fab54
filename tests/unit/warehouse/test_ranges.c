/* A run whose files are decoded in ranges of bytes: wherever ranges end and however many threads decode them, it gives the same
 * rows, records, bytes and tables. A file that turns out to be unreadable is one refused record, as if nothing had been decoded of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <zlib.h>

#include "base/str_builder.h"
#include "io/file.h"
#include "io/process.h"
#include "plan/plan.h"
#include "source/generate/write.h"
#include "support/support.h"
#include "warehouse/db.h"
#include "warehouse/warehouse.h"

#define LONG_ROW_SIZE (3 << 20)

static char folder[TEMP_DIR_SIZE_MAX];

static const struct siphash_key KEY = { "0123456789abcde" };

static const char *
path_of(const char *name)
{
    static char path[TEMP_DIR_SIZE_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- The inputs ---- */

static void
write_text(const char *name, struct str_builder *text)
{
    assert_int_equal(str_builder_status(text, NULL), ST_OK);
    assert_true(support_write_file(path_of(name), str_builder_text(text).data, text->size));
    str_builder_clear(text);
}

static void
append_file(struct str_builder *text, const char *name)
{
    size_t         size;
    unsigned char *bytes = support_read_file(path_of(name), &size);

    assert_non_null(bytes);
    str_builder_append(text, str_of((const char *)bytes, size));
    support_free(bytes);
}

/* Notes behind a BOM, whose texts have line ends and quotes; one row is longer than a row may be. */
static void
append_notes(struct str_builder *text, bool has_long_row)
{
    str_builder_append_cstr(text, "\xEF\xBB\xBFId,BIRTHDATE,SSN,FIRST,LAST,GENDER\r\n");
    for (int i = 0; i < 800; i++) {
        str_builder_printf(text, "q%d,19%02d-02-03,,\"A \"\"%d\"\"\nB\r\n,C\",\"O'Hara\n\",F%s", i, i % 90 + 10, i, i % 7 == 0 ? "\r\n\r\n" : "\n");
        for (int k = 0; has_long_row && i == 400 && k < LONG_ROW_SIZE; k++)
            str_builder_append_cstr(text, "x");
        if (has_long_row && i == 400)
            str_builder_append_cstr(text, ",\n");
    }
    str_builder_append_cstr(text, "last,1950-01-01,,\"not closed,X,F\n");
}

static void
write_gzip(const char *name, struct str_builder *text, size_t cut_size)
{
    gzFile file = gzopen(path_of(name), "wb");

    assert_non_null(file);
    assert_int_equal(gzwrite(file, str_builder_text(text).data, (unsigned)text->size), (int)text->size);
    assert_int_equal(gzclose(file), Z_OK);
    if (cut_size > 0) {
        size_t         size;
        unsigned char *bytes = support_read_file(path_of(name), &size);
        assert_true(size > cut_size);
        assert_true(support_write_file(path_of(name), bytes, size - cut_size));
        support_free(bytes);
    }
}

static int
setup(void **state)
{
    const struct world_options wanted = { .seed = 5, .patient_count = 100, .day_count = 1, .start_date = 20500 };
    struct world               world;
    struct error               err  = ERROR_EMPTY;
    struct str_builder         text = STR_BUILDER_EMPTY;

    (void)state;
    temp_dir_init(folder);
    assert_int_equal(world_init(&world, &wanted, &err), ST_OK);
    assert_int_equal(world_write(&world, io_system(), folder, &err), ST_OK);
    world_release(&world);
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/pipeline.json"), path_of("pipeline.json"), &err), ST_OK);
    assert_int_equal(io_file_copy(io_system(), source_path("tests/pipelines/base/bindings.json"), path_of("bindings.json"), &err), ST_OK);

    append_notes(&text, false);
    write_text("in/ehr/quoted.csv", &text);
    append_notes(&text, true);
    write_text("in/ehr/long.csv", &text);
    append_notes(&text, false);
    write_gzip("in/ehr/quoted.csv.gz", &text, 0);
    write_gzip("in/ehr/cut.csv.gz", &text, 100);
    str_builder_clear(&text);
    str_builder_append_cstr(&text, "FHS|^~\\&|A\rBHS|^~\\&|A\r");
    append_file(&text, "in/lab/2026-02-16-STE.hl7");
    str_builder_append_cstr(&text, "\rBTS|7\rFTS|1\r");
    append_file(&text, "in/lab/2026-02-16-STE.hl7");
    write_text("in/lab/batch.hl7", &text);
    str_builder_append_cstr(&text, "\xFF\xFE");
    for (int i = 0; i < 1500000; i++)
        str_builder_append_cstr(&text, "a");
    write_text("in/ehr/utf16.csv", &text);
    str_builder_release(&text);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

/* ---- A run ---- */

static int64_t
ask(struct db_connection *connection, const char *sql)
{
    struct error err   = ERROR_EMPTY;
    int64_t      value = 0;

    if (db_query_int64(connection, &value, &err, "%s", sql) != ST_OK)
        fail_msg("%s", err.message);
    return value;
}

/* What a run has left, as numbers that any difference changes. */
static const char *const QUESTIONS[] = {
    "SELECT coalesce(CAST(bit_xor(hash(i) >> 1) AS BIGINT), -1) FROM (SELECT * EXCLUDE run_id FROM meta.input) i",
    "SELECT coalesce(CAST(bit_xor(hash(q) >> 1) AS BIGINT), -1) FROM (SELECT * EXCLUDE run_id FROM meta.quarantine) q",
    "SELECT coalesce(CAST(bit_xor(hash(a) >> 1) AS BIGINT), -1) FROM (SELECT * EXCLUDE run_id FROM meta.accounting) a",
    "SELECT coalesce(CAST(bit_xor(hash(r) >> 1) AS BIGINT), -1) FROM raw.synthea_patients r",
    "SELECT coalesce(CAST(bit_xor(hash(r) >> 1) AS BIGINT), -1) FROM raw.synthea_encounters r",
    "SELECT coalesce(CAST(bit_xor(hash(r) >> 1) AS BIGINT), -1) FROM raw.hl7v2_lab_result r",
    /* The identity of I1 in bytes, of every file. */
    "SELECT count(*) FROM meta.input WHERE decoded_bytes <> record_bytes + between_bytes",
    /* Of a file that is cut off there is its one record. */
    "SELECT count(*) FROM meta.quarantine WHERE file = 'in/ehr/cut.csv.gz' AND reason_code = 'truncated' AND position = 0",
    "SELECT count(*) FROM meta.quarantine WHERE file = 'in/ehr/cut.csv.gz'",
    "SELECT count(*) FROM meta.quarantine WHERE file = 'in/ehr/long.csv' AND reason_code = 'too_large'",
    "SELECT count(*) FROM meta.quarantine WHERE file = 'in/ehr/utf16.csv' AND reason_code = 'bad_encoding'",
};
enum { QUESTION_COUNT = sizeof QUESTIONS / sizeof *QUESTIONS };

struct left {
    struct hash128 digest;
    int64_t        answers[QUESTION_COUNT];
    int64_t        extra; /* Of the question of its own. */
};

static void
run(struct io *io, int worker_count, uint32_t range_size, const char *question, struct left *ret_left)
{
    struct plan          plan;
    struct config_errors errors = CONFIG_ERRORS_EMPTY;
    struct error         err    = ERROR_EMPTY;
    char                 path[TEMP_DIR_SIZE_MAX + 64], workers[32];

    snprintf(path, sizeof path, "%s", path_of("pipeline.json"));
    snprintf(workers, sizeof workers, "runtime.workers=%d", worker_count);
    const char *const         sets[]  = { workers, "pipeline.batch.gates.quarantined_max=1" };
    const struct plan_request request = { .pipeline_path = path, .sets = sets, .set_count = 2 };
    if (plan_load(io_system(), &request, &errors, &plan, &err) != ST_OK)
        fail_msg("%s", err.message);
    config_errors_release(&errors);
    assert_int_equal(io_tree_remove(io_system(), path_of("warehouse.db"), &err), ST_OK);

    const struct warehouse_options options    = { io, process_clock(), plan.graph, &KEY };
    const struct batch_options     with       = { .logical_date = 20502, .range_size = range_size };
    struct warehouse              *warehouse  = NULL;
    struct db_connection          *connection = NULL;
    struct batch_summary           summary    = { 0 };
    if (warehouse_open(&options, &warehouse, &err) != ST_OK || warehouse_run(warehouse, &with, &summary, &err) != ST_OK)
        fail_msg("%s", err.message);
    assert_true(summary.is_published);
    ret_left->digest = summary.digest;
    batch_summary_release(&summary);
    assert_int_equal(db_connect(warehouse_db(warehouse), &connection, &err), ST_OK);
    for (size_t i = 0; i < QUESTION_COUNT; i++)
        ret_left->answers[i] = ask(connection, QUESTIONS[i]);
    ret_left->extra = ask(connection, question);
    db_disconnect(connection);
    warehouse_close(warehouse);
    plan_release(&plan);
}

static void
ranges_and_threads_shape_nothing(void **state)
{
    static const struct {
        int      worker_count;
        uint32_t range_size;
#if defined(__SANITIZE_THREAD__) /* Slow, and about threads alone: many ranges, each thread has each file. */
    } WAYS[] = { { 4, 1777 } };
#else
    } WAYS[] = { { 1, 300 }, { 2, 0 }, { 2, 5000 }, { 4, 1777 }, { 4, 100000 } };
#endif
    struct left expected, found;

    (void)state;
    run(io_system(), 1, 0, "SELECT count(*) FROM meta.run", &expected);
    for (int i = 0; i < 6; i++) /* There is something to compare. */
        if (expected.answers[i] == -1)
            fail_msg("no rows: %s", QUESTIONS[i]);
    assert_int_equal(expected.answers[6], 0);
    for (int i = 7; i < QUESTION_COUNT; i++)
        assert_int_equal(expected.answers[i], 1);
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        run(io_system(), WAYS[i].worker_count, WAYS[i].range_size, "SELECT count(*) FROM meta.run", &found);
        for (int k = 0; k < QUESTION_COUNT; k++)
            if (found.answers[k] != expected.answers[k])
                fail_msg("%d workers, ranges of %u bytes: %s differs", WAYS[i].worker_count, WAYS[i].range_size, QUESTIONS[k]);
        assert_memory_equal(&found.digest, &expected.digest, sizeof found.digest);
    }
}

/* ---- A file that changes ---- */

/* The system's calls; one file gets another size when its second reader (the first one digests it) has read a piece. */
static struct changing {
    struct io   io;
    const char *name;
    const char *path;
    int64_t     new_size;
    int         open_count, fd;
    bool        is_changed;
} changing;

static int
changing_open(struct io *io, const char *path, int flags, mode_t mode)
{
    int fd = io_system()->open(io_system(), path, flags, mode);

    (void)io;
    if (str_ends_with(str_from(path), str_from(changing.name)) && ++changing.open_count == 2) {
        changing.fd   = fd;
        changing.path = path;
    }
    return fd;
}

static ssize_t
changing_pread(struct io *io, int fd, void *buffer, size_t size, int64_t offset)
{
    (void)io;
    if (fd == changing.fd && offset > 0 && !changing.is_changed) {
        int other = io_system()->open(io_system(), changing.path, O_WRONLY, 0);
        assert_true(other >= 0);
        assert_int_equal(io_system()->truncate(io_system(), other, changing.new_size), 0);
        io_system()->close(io_system(), other);
        changing.is_changed = true;
    }
    return io_system()->pread(io_system(), fd, buffer, size, offset);
}

static void
changes(int64_t new_size, const char *question)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct error       err  = ERROR_EMPTY;
    struct left     left;

    append_notes(&text, false);
    while (text.size < 900000)
        str_builder_append_cstr(&text, "n,1950-01-01,,A,B,F\n");
    write_text("in/ehr/changing.csv", &text);
    str_builder_release(&text);
    changing          = (struct changing){ .io = *io_system(), .name = "changing.csv", .new_size = new_size, .fd = -1 };
    changing.io.open  = changing_open;
    changing.io.pread = changing_pread;
    run(&changing.io, 1, 20000, question, &left);
    assert_true(changing.is_changed);

    assert_int_equal(left.answers[6], 0);
    assert_int_equal(left.extra, 1);
    assert_int_equal(io_tree_remove(io_system(), path_of("in/ehr/changing.csv"), &err), ST_OK);
}

static void
a_file_that_changes_is_named(void **state)
{
    (void)state;
#if defined(__SANITIZE_THREAD__)
    skip(); /* One thread. */
#endif
    changes(400000, "SELECT count(*) FROM meta.input i JOIN meta.quarantine q USING (file) WHERE file = 'in/ehr/changing.csv' AND i.reason_code = 'truncated' AND row_count = 0 AND "
                    "record_count = 1 AND i.reason LIKE '%became shorter%'");
    changes(1200000, "SELECT count(*) FROM meta.input i JOIN meta.quarantine q USING (file) WHERE file = 'in/ehr/changing.csv' AND i.reason_code = 'malformed_record' AND row_count = 0 AND "
                     "record_count = 1 AND i.reason LIKE '%became longer%'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(ranges_and_threads_shape_nothing), cmocka_unit_test(a_file_that_changes_is_named) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
