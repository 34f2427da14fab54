/* The patient master's snapshot: what is written is found, what is damaged is refused; and its export. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "live/event.h"
#include "live/op/access_lookup.h"
#include "match/master.h"
#include "support/support.h"
#include "support/sweep.h"
#include "warehouse/duckdb_functions.h"
#include "warehouse/export.h"
#include "warehouse/schema.h"

#define ENTRY_COUNT 5000
#define USER_COUNT  300

static const struct siphash_key KEY   = {{1, 2, 3}};
static const struct siphash_key OTHER = {{9}};

struct fixture {
    char                folder[TEMP_DIR_SIZE_MAX];
    char                path[TEMP_DIR_SIZE_MAX + 32];
    struct master_entry entries[ENTRY_COUNT];
    int32_t               births[ENTRY_COUNT];
    struct master_patient patients[ENTRY_COUNT];
    struct master_user    users[USER_COUNT];
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

static enum status
write_master(const struct fixture *fixture, struct io *io, uint64_t version, size_t entry_count, size_t user_count, struct error *err)
{
    const struct master_content content = {fixture->entries, fixture->births, fixture->patients, entry_count, fixture->users, user_count};

    return master_write(io, fixture->path, version, &KEY, &content, err);
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
        fixture.births[i]             = i % 5 == 0 ? MASTER_DAY_UNKNOWN : (int32_t)i - 20000;
    }
    for (uint32_t i = 0; i < ENTRY_COUNT; i++)
        fixture.patients[i] = (struct master_patient){i * 3, i * 5, (int32_t)i - 9, (int32_t)i - 8, i & 3};
    for (uint32_t i = 0; i < USER_COUNT; i++) {
        const char name[2] = {(char)i, (char)(i >> 8)};
        fixture.users[i]   = (struct master_user){.pair = siphash128(&KEY, name, 2), .user = i, .end_day = (int32_t)i - 7};
    }
    check(write_master(&fixture, io_system(), 7, ENTRY_COUNT, USER_COUNT, &err), &err);
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
        assert_memory_equal(master_patient_find(&master, fixture->entries[i].identifier, &person), &fixture->patients[i], sizeof fixture->patients[i]);
        assert_memory_equal(&person, &fixture->entries[i].person, sizeof person);
    }
    for (uint32_t i = 0; i < USER_COUNT; i++)
        assert_memory_equal(master_user_find(&master, fixture->users[i].pair), &fixture->users[i], sizeof fixture->users[i]);
    assert_null(master_user_find(&master, fixture->entries[0].identifier));
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

    check(write_master(fixture, io_system(), 8, 0, 0, &err), &err);
    check(master_open(io_system(), fixture->path, &KEY, &master, &err), &err);
    assert_false(master_find(&master, fixture->entries[0].identifier, &person, &birth));
    assert_null(master_patient_find(&master, fixture->entries[0].identifier, &person));
    assert_null(master_user_find(&master, fixture->users[0].pair));
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
        if ((place >= 16 && place < 32) || (place >= 64 && place < 72))
            continue; /* Version and counts of entries and users say nothing that could lead astray. */
        bytes[place] ^= 0x10;
        assert_true(support_write_file(fixture->path, bytes, size));
        assert_int_equal(master_open(io_system(), fixture->path, &KEY, &master, &err), ST_ERROR);
        bytes[place] ^= 0x10;
    }
    support_free(bytes);
}

/* What an earlier program left is refused with what to do, and written anew by the next run though its version is there. */
static void
another_format_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct master   master  = MASTER_EMPTY;
    struct error    err     = ERROR_EMPTY;
    size_t          size;
    unsigned char  *bytes = support_read_file(fixture->path, &size);

    bytes[8] = 2;
    assert_true(support_write_file(fixture->path, bytes, size));
    assert_int_equal(master_open(io_system(), fixture->path, &KEY, &master, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_non_null(strstr(err.message, "format 2"));
    assert_non_null(strstr(err.hint, "heddle batch"));
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
        status = write_master(fixture, &failing.io, 9, 10, 5, &err);
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

/* Persons: 1 P1 and P9 (Smith, of the workforce), 2 P2 (Smith of the same house), 3 P3 (Jones, a VIP, dead, other house), 4 P4 (Smyth-Jones). */
static const char WORLD[] =
    "CREATE TABLE core.patient AS SELECT *, 'EHR' AS data_source, 's' AS patient_system FROM (VALUES\n"
    "  ('%s', 'P1', TIMESTAMP '2026-01-02', DATE '1970-01-11', NULL::DATE, 'Smith', '12 North Main Street', '02155'),\n"
    "  ('%s', 'P9', TIMESTAMP '2026-01-01', NULL, NULL, 'Maiden', '1 Elsewhere', '02155'),\n"
    "  ('%s', 'P2', TIMESTAMP '2026-01-01', NULL, NULL, 'SMITH Jr.', '12 N. Main St', '02155-1234'),\n"
    "  ('%s', 'P3', TIMESTAMP '2026-01-01', NULL, DATE '1970-02-01', 'Jones', '12 North Main Street', '10471'))\n"
    "  v(person_id, patient_id, event_time, birth_date, death_date, last_name, address, zip_code);\n"
    "CREATE TABLE core.encounter AS SELECT * FROM (VALUES ('%s', TIMESTAMP '1970-01-03', TIMESTAMP '1970-01-05', 'V'),\n"
    "  ('%s', TIMESTAMP '1970-01-02', NULL, 'n'), ('%s', TIMESTAMP '2300-01-01', NULL, 'Y')) v(person_id, encounter_start_time, encounter_end_time, vip_indicator);\n"
    "CREATE TABLE core.workforce_user AS SELECT *, 'HR' AS data_source, 'u' AS user_system, 's' AS patient_system, 'npi' AS practitioner_system FROM (VALUES\n"
    "  ('U1', TIMESTAMP '2026-01-01', 'Smith', 'MED', NULL::DATE, 'P9', 'D1'), ('U1', TIMESTAMP '2025-01-01', 'Smith', 'OLD', NULL, NULL, NULL),\n"
    "  ('U2', TIMESTAMP '2026-01-01', 'Jones', 'ICU', DATE '1970-03-01', 'nobody', 'D1'), ('U3', TIMESTAMP '2026-01-01', 'Rare', NULL, NULL, NULL, NULL))\n"
    "  v(user_id, event_time, last_name, user_department, end_date, patient_id, practitioner_id)";

static struct hash128
pair(const char *system, const char *value)
{
    return event_pair_hash(&KEY, str_from(system), str_from(value));
}

static void
make_persons(struct db_connection *connection)
{
    static const char *const ids[] = {"P1", "P9", "P2", "P3"};
    static const int         persons[] = {1, 1, 2, 3};
    char                     sql[4096], texts[4][HASH128_TEXT_SIZE];
    struct error             err = ERROR_EMPTY;

    for (uint64_t i = 0; i < 4; i++) {
        char identifier[HASH128_TEXT_SIZE];
        hash128_print((struct hash128){.low = i}, texts[i]);
        hash128_print(pair("s", ids[i]), identifier);
        snprintf(sql, sizeof sql, "INSERT INTO core.person_identifier BY NAME SELECT '%s' AS provisional_person_id, lpad('%d', 32, '0') AS person_id", identifier, persons[i]);
        check(db_run(connection, str_from(sql), &err), &err);
    }
    for (int i = 1; i < 4; i++)
        snprintf(texts[i], HASH128_TEXT_SIZE, "%032d", i);
    snprintf(sql, sizeof sql, WORLD, texts[1], texts[1], texts[2], texts[3], texts[3], texts[1], texts[2]);
    check(db_run(connection, str_from(sql), &err), &err);
}

static struct access_facts
look_up(const struct master *master, const char *user, const char *patient, int64_t day)
{
    struct access_facts facts = {.dead_days = -1, .contact_days = -1};

    access_lookup(master, pair("u", user), pair("s", patient), day, &facts);
    return facts;
}

static void
check_facts(const struct master *master, const char *user, const char *patient, int64_t day, struct access_facts wanted)
{
    struct access_facts facts = look_up(master, user, patient, day);

    if (memcmp(&facts, &wanted, sizeof facts) != 0)
        fail_msg("%s at %s: bits %u dead %d contact %d ended %d surname %d", user, patient, facts.bits, facts.dead_days, facts.contact_days,
                 facts.ended_days, facts.surname_persons);
}

static void
users_are_compared_with_patients(void **state)
{
    struct fixture         *fixture    = *state;
    const struct db_options options    = {.thread_count = 1, .register_functions = duckdb_functions_register};
    const struct model      model      = {.entity_count = 0};
    struct db              *db         = NULL;
    struct db_connection   *connection = NULL;
    struct master           master     = MASTER_EMPTY;
    struct error            err        = ERROR_EMPTY;
    const uint64_t          version    = 100 * UINT64_C(86400000000);
    char                    store[TEMP_DIR_SIZE_MAX + 32], path[sizeof store + 40];

    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &model, &err), &err);
    make_persons(connection);
    snprintf(store, sizeof store, "%s/store.db", fixture->folder);
    snprintf(path, sizeof path, "%s.master.%llu", store, (unsigned long long)version);
    check(warehouse_export_master(connection, io_system(), store, version, &KEY, &err), &err);
    check(master_open(io_system(), path, &KEY, &master, &err), &err);
    /* Smith has two persons, the newest name of each counting; Jones one. */
    check_facts(&master, "U1", "P1", 50, (struct access_facts){ACCESS_FACT_OWN_CHART | ACCESS_FACT_SAME_HOUSEHOLD | ACCESS_FACT_COWORKER, -1, 49, 0, 2});
    check_facts(&master, "U1", "P9", 50, (struct access_facts){ACCESS_FACT_OWN_CHART | ACCESS_FACT_SAME_HOUSEHOLD | ACCESS_FACT_COWORKER, -1, 49, 0, 2});
    check_facts(&master, "U1", "P2", 50, (struct access_facts){ACCESS_FACT_SAME_HOUSEHOLD, -1, -1, 0, 2});
    check_facts(&master, "U1", "P3", 50, (struct access_facts){ACCESS_FACT_VIP, 19, 46, 0, 0});
    check_facts(&master, "U1", "P3", 30, (struct access_facts){ACCESS_FACT_VIP, -1, 26, 0, 0}); /* Not dead yet. */
    check_facts(&master, "U2", "P3", 59, (struct access_facts){ACCESS_FACT_VIP, 28, 55, 0, 1}); /* The last day is a day of work. */
    check_facts(&master, "U2", "P3", 60, (struct access_facts){ACCESS_FACT_VIP, 29, 56, 1, 1});
    check_facts(&master, "U3", "P2", 50, (struct access_facts){0, -1, -1, 0, 0});
    check_facts(&master, "U9", "P1", 50, (struct access_facts){ACCESS_FACT_COWORKER, -1, 49, 0, 0});
    check_facts(&master, "U2", "P8", 60, (struct access_facts){0, -1, -1, 1, 0});
    /* A master that is old says nothing of dealings. */
    check_facts(&master, "U1", "P3", 131, (struct access_facts){ACCESS_FACT_VIP, 100, 127, 0, 0});
    check_facts(&master, "U1", "P3", 132, (struct access_facts){ACCESS_FACT_VIP, 101, -1, 0, 0});
    /* D1 is U1 and U2: one of them, always the same. */
    const struct master_user *practitioner = master_user_find(&master, pair("npi", "D1"));
    const struct master_user *one = master_user_find(&master, pair("u", "U1")), *two = master_user_find(&master, pair("u", "U2"));
    assert_true(practitioner->user == (one->user < two->user ? one->user : two->user));
    assert_int_equal(one->department, master_short(access_department_hash(&KEY, STR("MED"))));
    assert_int_equal(master_user_find(&master, pair("u", "U3"))->department, 0);
    master_release(io_system(), &master);
    db_disconnect(connection);
    db_free(db);
}

struct export_of {
    struct db_connection *connection;
    const char           *store;
};

static enum status
export_scenario(struct io *io, void *context, struct error *err)
{
    const struct export_of *of = context;

    return warehouse_export_master(of->connection, io, of->store, 100 * UINT64_C(86400000000), &KEY, err);
}

/* Persons, homes and users: each allocation and each system call fails in turn, and nothing is left open. */
static void
any_step_of_an_export_may_fail(void **state)
{
    struct fixture         *fixture    = *state;
    const struct db_options options    = {.thread_count = 1, .register_functions = duckdb_functions_register};
    const struct model      model      = {.entity_count = 0};
    struct db              *db         = NULL;
    struct db_connection   *connection = NULL;
    struct error            err        = ERROR_EMPTY;
    char                    store[TEMP_DIR_SIZE_MAX + 32];

    check(db_open(&db, &options, &err), &err);
    check(db_connect(db, &connection, &err), &err);
    check(schema_prepare(connection, &model, &err), &err);
    make_persons(connection);
    snprintf(store, sizeof store, "%s/swept.db", fixture->folder);
    sweep_run(export_scenario, &(struct export_of){connection, store});
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
        cmocka_unit_test_setup_teardown(another_format_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(users_are_compared_with_patients, setup, teardown),
        cmocka_unit_test_setup_teardown(any_step_of_an_export_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_write_leaves_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(export_has_the_crosswalk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
