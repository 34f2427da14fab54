/* The patient master's snapshot: what is written is found, what is damaged is refused; and its export. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "match/master.h"
#include "support/support.h"
#include "warehouse/export.h"
#include "warehouse/schema.h"

#define ENTRY_COUNT 5000

static const struct siphash_key KEY   = {{1, 2, 3}};
static const struct siphash_key OTHER = {{9}};

struct fixture {
    char                folder[TEMP_DIR_SIZE_MAX];
    char                path[TEMP_DIR_SIZE_MAX + 32];
    struct master_entry entries[ENTRY_COUNT];
    int32_t             births[ENTRY_COUNT];
};

static void
check(enum status status, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    if (status == ST_OK)
        return;
    error_print(err, text, sizeof text);
    fail_msg("%s", text);
}

static int
setup(void **state)
{
    static struct fixture fixture;
    struct error          err = ERROR_EMPTY;

    temp_dir_init(fixture.folder);
    snprintf(fixture.path, sizeof fixture.path, "%s/store.db.master.7", fixture.folder);
    for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
        uint32_t person                = i / 2;
        fixture.entries[i].identifier = siphash128(&KEY, &i, sizeof i);
        fixture.entries[i].person     = siphash128(&KEY, &person, sizeof person);
        fixture.births[i]             = i % 5 == 0 ? MASTER_BIRTH_UNKNOWN : (int32_t)i - 20000;
    }
    check(master_write(io_system(), fixture.path, 7, &KEY, fixture.entries, fixture.births, ENTRY_COUNT, &err), &err);
    *state = &fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;

    temp_dir_release(fixture->folder);
    return 0;
}

static void
every_entry_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct master   master  = MASTER_EMPTY;
    struct hash128  person;
    int32_t         birth = 0;
    struct error    err   = ERROR_EMPTY;

    check(master_open(io_system(), fixture->path, &KEY, &master, &err), &err);
    assert_int_equal(master.version, 7);
    assert_int_equal(master.entry_count, ENTRY_COUNT);
    for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
        master_prefetch(&master, fixture->entries[i].identifier);
        assert_true(master_find(&master, fixture->entries[i].identifier, &person, &birth));
        assert_memory_equal(&person, &fixture->entries[i].person, sizeof person);
        assert_int_equal(birth, fixture->births[i]);
    }
    for (uint32_t i = ENTRY_COUNT; i < 2 * ENTRY_COUNT; i++)
        assert_false(master_find(&master, siphash128(&KEY, &i, sizeof i), &person, &birth));
    master_release(io_system(), &master);
}

static void
empty_master_finds_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct master   master  = MASTER_EMPTY;
    struct hash128  person;
    int32_t         birth = 0;
    struct error    err   = ERROR_EMPTY;

    check(master_write(io_system(), fixture->path, 8, &KEY, NULL, NULL, 0, &err), &err);
    check(master_open(io_system(), fixture->path, &KEY, &master, &err), &err);
    assert_false(master_find(&master, fixture->entries[0].identifier, &person, &birth));
    master_release(io_system(), &master);
}

static void
another_key_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct master   master  = MASTER_EMPTY;
    struct error    err     = ERROR_EMPTY;

    assert_int_equal(master_open(io_system(), fixture->path, &OTHER, &master, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
}

static void
damage_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct master   master  = MASTER_EMPTY;
    struct error    err     = ERROR_EMPTY;
    size_t          size;
    unsigned char  *bytes = support_read_file(fixture->path, &size);

    for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 9973) {
        assert_true(support_write_file(fixture->path, bytes, cut));
        assert_int_equal(master_open(io_system(), fixture->path, &KEY, &master, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
    for (size_t place = 0; place < size; place += place < 64 ? 1 : 4999) {
        if (place >= 16 && place < 32)
            continue; /* Version and count of entries say nothing that could lead astray. */
        bytes[place] ^= 0x10;
        assert_true(support_write_file(fixture->path, bytes, size));
        assert_int_equal(master_open(io_system(), fixture->path, &KEY, &master, &err), ST_ERROR);
        bytes[place] ^= 0x10;
    }
    support_free(bytes);
}

static void
failed_write_leaves_the_old_one(void **state)
{
    struct fixture *fixture = *state;
    struct error    err     = ERROR_EMPTY;

    for (uint64_t n = 1;; n++) {
        struct io_failing failing;
        struct master     master = MASTER_EMPTY;
        enum status       status;

        io_failing_init(&failing, n, 28);
        status = master_write(&failing.io, fixture->path, 9, &KEY, fixture->entries, fixture->births, 10, &err);
        assert_int_equal(failing.open_count, 0);
        check(master_open(io_system(), fixture->path, &KEY, &master, &err), &err);
        assert_true(master.version == 9 || (status == ST_ERROR && master.version == 7));
        master_release(io_system(), &master);
        if (!failing.has_failed) {
            assert_int_equal(status, ST_OK);
            break;
        }
    }
}

static void
export_has_the_crosswalk(void **state)
{
    struct fixture         *fixture    = *state;
    const struct db_options options    = {.thread_count = 1};
    const struct model      model      = {.entity_count = 0};
    struct db              *db         = NULL;
    struct db_connection   *connection = NULL;
    struct master           master     = MASTER_EMPTY;
    struct hash128          identifier = {.low = 0xab, .high = 0};
    struct hash128          person;
    int32_t                 birth = 0;
    struct error            err   = ERROR_EMPTY;
    char                    store[TEMP_DIR_SIZE_MAX + 32], path[sizeof store + 16];

    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &model, &err), &err);
    check(db_run(connection,
                 STR("INSERT INTO core.person_identifier BY NAME SELECT lpad('ab', 32, '0') AS provisional_person_id, "
                     "lpad('cd', 32, '0') AS person_id;"
                     "CREATE TABLE core.patient AS SELECT lpad('cd', 32, '0') AS person_id, unnest([NULL, DATE '1970-01-11', "
                     "DATE '1970-01-21']) AS birth_date"),
                 &err),
          &err);
    snprintf(store, sizeof store, "%s/not/yet/store.db", fixture->folder);
    snprintf(path, sizeof path, "%s.master.7", store);
    check(warehouse_export_master(connection, io_system(), store, 7, &KEY, &err), &err);
    check(master_open(io_system(), path, &KEY, &master, &err), &err);
    assert_true(master_find(&master, identifier, &person, &birth));
    assert_int_equal(person.low, 0xcd);
    assert_int_equal(person.high, 0);
    assert_int_equal(birth, 10); /* Two dates are told of the person: the smaller one. */
    master_release(io_system(), &master);
    check(db_run(connection, STR("UPDATE core.person_identifier SET person_id = 'Miller'"), &err), &err);
    /* A version that is there is not written again. */
    check(warehouse_export_master(connection, io_system(), store, 7, &KEY, &err), &err);
    assert_int_equal(warehouse_export_master(connection, io_system(), store, 8, &KEY, &err), ST_ERROR);
    assert_null(strstr(err.message, "Miller"));
    db_disconnect(connection);
    db_free(db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_entry_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_master_finds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(another_key_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_write_leaves_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(export_has_the_crosswalk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
