#include "warehouse/export.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "base/time.h"
#include "io/file.h"
#include "live/event.h"
#include "live/op/access_facts.h"
#include "match/master.h"
#include "match/master_files.h"

/* What is read, before it is written. */
struct content {
    struct master_entry   *entries;
    int32_t               *births;
    struct master_patient *patients;
    size_t                 entry_count;
    struct master_user    *users;
    size_t                 user_count;
};

static void
content_release(struct content *content)
{
    memory_free(content->entries);
    memory_free(content->births);
    memory_free(content->patients);
    memory_free(content->users);
}

/* Whether the table has all of the columns, for a site may have an entity of its own in place of ours. */
static enum status
has_columns(struct db_connection *connection, const char *table, const char *columns, int64_t wanted, bool *ret_has, struct error *err)
{
    int64_t     count  = 0;
    enum status status = db_query_int64(connection, &count, err, "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'core' AND table_name = '%s' AND column_name IN (%s)", table, columns);

    *ret_has = count == wanted;
    return status;
}

/* ---- Persons ---- */

/* A person of several birth dates has the smallest, of several deaths the largest, of several names and addresses the newest: any order of rows gives the
 * same. */
#define BIRTHS "SELECT person_id, min(birth_date - DATE '1970-01-01')::BIGINT AS days FROM core.patient WHERE birth_date IS NOT NULL GROUP BY person_id"
#define DEATHS "SELECT person_id, max(death_date - DATE '1970-01-01')::BIGINT AS days FROM core.patient WHERE death_date IS NOT NULL GROUP BY person_id"
#define NEWEST "QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY event_time DESC, data_source, patient_system, patient_id) = 1"
#define SURNAMES "SELECT person_id, hd_last_name_key(last_name) AS surname FROM core.patient WHERE hd_last_name_key(last_name) IS NOT NULL " NEWEST
#define HOMES "SELECT person_id, hd_address_key(address) || '|' || left(zip_code, 5) AS home FROM core.patient\n" \
              "WHERE hd_address_key(address) IS NOT NULL AND zip_code IS NOT NULL " NEWEST
#define CONTACTS "SELECT person_id, max(least(epoch_us(coalesce(encounter_end_time, encounter_start_time)), %llu)) AS us,\n" \
                 "  max(CASE WHEN vip_indicator IS NOT NULL AND upper(trim(vip_indicator)) NOT IN ('', 'N', 'NO', '0', 'FALSE') THEN 1 ELSE 0 END)::BIGINT AS vip\n" \
                 "FROM core.encounter WHERE epoch_us(encounter_start_time) <= %llu GROUP BY person_id"
#define NOTHING(COLUMNS) "SELECT NULL::VARCHAR AS person_id, " COLUMNS " WHERE false"

static const char PATIENT_COLUMNS[]   = "'death_date', 'last_name', 'address', 'zip_code', 'event_time', 'data_source', 'patient_system', 'patient_id'";
static const char ENCOUNTER_COLUMNS[] = "'encounter_start_time', 'encounter_end_time', 'vip_indicator', 'person_id'";
static const char USER_COLUMNS[]      = "'user_system', 'user_id', 'last_name', 'user_department', 'end_date', 'patient_system', 'patient_id', 'practitioner_system', "
                                        "'practitioner_id', 'event_time', 'data_source'";

/* 32 bits under the key, not 0. */
static uint32_t
hash_of(const struct siphash_key *key, struct str text)
{
    uint32_t hash = (uint32_t)siphash128(key, text.data, text.size).low;

    return hash == 0 ? 1 : hash;
}

static int32_t
day_at(const struct db_result *result, uint32_t column, uint32_t row)
{
    return db_is_null(result, column, row) ? MASTER_DAY_UNKNOWN : (int32_t)db_int64(result, column, row);
}

static enum status
read_entry(const struct db_result *result, uint32_t row, const struct siphash_key *key, struct content *content, size_t place,
           struct error *err)
{
    struct master_patient *patient = &content->patients[place];

    if (!hash128_parse(db_text(result, 0, row), &content->entries[place].identifier) ||
        !hash128_parse(db_text(result, 1, row), &content->entries[place].person))
        return error_set(err, ERR_CORRUPT, "core.person_identifier holds a person_id that is not one");
    content->births[place] = day_at(result, 2, row);
    *patient = (struct master_patient){.death_day = day_at(result, 3, row), .contact_day = MASTER_DAY_UNKNOWN};
    if (!db_is_null(result, 4, row))
        patient->contact_day = (int32_t)(db_int64(result, 4, row) / US_PER_DAY);
    if (!db_is_null(result, 5, row) && db_int64(result, 5, row) > 0)
        patient->flags |= MASTER_PATIENT_VIP;
    if (!db_is_null(result, 6, row))
        patient->surname = hash_of(key, db_text(result, 6, row));
    if (!db_is_null(result, 7, row))
        patient->household = hash_of(key, db_text(result, 7, row));
    return ST_OK;
}

static enum status
ask_persons(struct db_connection *connection, uint64_t version, struct db_result *result, struct error *err)
{
    struct str_builder sql         = STR_BUILDER_EMPTY;
    bool               has_patient = false, has_encounter = false;
    enum status        status      = has_columns(connection, "patient", PATIENT_COLUMNS, 8, &has_patient, err);

    if (status == ST_OK)
        status = has_columns(connection, "encounter", ENCOUNTER_COLUMNS, 4, &has_encounter, err);
    if (status != ST_OK)
        return status;
    str_builder_append_cstr(&sql, "SELECT i.provisional_person_id, i.person_id, b.days, d.days, c.us, c.vip, s.surname, h.home FROM core.person_identifier i\n"
                                  "LEFT JOIN (" BIRTHS ") b ON b.person_id = i.person_id\nLEFT JOIN (");
    str_builder_append_cstr(&sql, has_patient ? DEATHS : NOTHING("NULL::BIGINT AS days"));
    str_builder_append_cstr(&sql, ") d ON d.person_id = i.person_id\nLEFT JOIN (");
    if (has_encounter)
        str_builder_printf(&sql, CONTACTS, (unsigned long long)version, (unsigned long long)version);
    else
        str_builder_append_cstr(&sql, NOTHING("NULL::BIGINT AS us, NULL::BIGINT AS vip"));
    str_builder_append_cstr(&sql, ") c ON c.person_id = i.person_id\nLEFT JOIN (");
    str_builder_append_cstr(&sql, has_patient ? SURNAMES : NOTHING("NULL::VARCHAR AS surname"));
    str_builder_append_cstr(&sql, ") s ON s.person_id = i.person_id\nLEFT JOIN (");
    if (has_patient)
        str_builder_printf(&sql, "SELECT person_id, home FROM (" HOMES ") QUALIFY count(*) OVER (PARTITION BY home) <= %d", MASTER_HOUSEHOLD_MAX);
    else
        str_builder_append_cstr(&sql, NOTHING("NULL::VARCHAR AS home"));
    str_builder_append_cstr(&sql, ") h ON h.person_id = i.person_id");
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&sql), result, err);
    str_builder_release(&sql);
    return status;
}

static enum status
read_persons(struct db_connection *connection, uint64_t version, const struct siphash_key *key, struct content *content, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    size_t           place     = 0;
    uint32_t         row_count = 1;
    int64_t          count     = 0;
    enum status      status    = db_query_int64(connection, &count, err, "SELECT count(*) FROM core.person_identifier");

    content->entry_count = (size_t)count;
    if (status == ST_OK) {
        content->entries  = memory_alloc_array((size_t)count, sizeof *content->entries);
        content->births   = memory_alloc_array((size_t)count, sizeof *content->births);
        content->patients = memory_alloc_array((size_t)count, sizeof *content->patients);
        if (content->entries == NULL || content->births == NULL || content->patients == NULL)
            status = error_no_memory(err);
    }
    if (status == ST_OK)
        status = ask_persons(connection, version, &result, err);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++, place++) {
            CHECK(place < content->entry_count);
            status = read_entry(&result, row, key, content, place, err);
        }
    }
    CHECK(status != ST_OK || place == content->entry_count);
    db_result_release(&result);
    return status;
}

/* ---- Users ---- */

/* The columns of the users' statement. Person, household and flags come from the patients' entries. */
enum { USER_SYSTEM, USER_ID, USER_SURNAME, USER_SURNAME_PERSONS, USER_DEPARTMENT, USER_END_DAY, USER_PATIENT_SYSTEM, USER_PATIENT_ID,
       USER_PRACTITIONER_SYSTEM, USER_PRACTITIONER_ID };

static const char USERS[] = "SELECT u.user_system, u.user_id, hd_last_name_key(u.last_name), n.persons, u.user_department, (u.end_date - DATE '1970-01-01')::BIGINT,\n"
                            "  u.patient_system, u.patient_id, u.practitioner_system, u.practitioner_id FROM core.workforce_user u\n"
                            "LEFT JOIN (SELECT surname, count(*) AS persons FROM (" SURNAMES ") GROUP BY surname) n ON n.surname = hd_last_name_key(u.last_name)\n"
                            "QUALIFY row_number() OVER (PARTITION BY u.user_system, u.user_id ORDER BY u.event_time DESC, u.data_source) = 1\n"
                            "ORDER BY u.user_system, u.user_id";

/* An identifier and where its entry lies. */
struct found {
    struct hash128 identifier;
    size_t         place;
};

static int
compare_found(const void *a, const void *b)
{
    const struct hash128 *x = &((const struct found *)a)->identifier, *y = &((const struct found *)b)->identifier;

    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return x->low < y->low ? -1 : x->low > y->low;
}

static struct found *
sort_entries(const struct content *content, bool by_person)
{
    struct found *index = memory_alloc_array(content->entry_count + 1, sizeof *index);

    for (size_t i = 0; index != NULL && i < content->entry_count; i++)
        index[i] = (struct found){by_person ? content->entries[i].person : content->entries[i].identifier, i};
    if (index != NULL)
        qsort(index, content->entry_count, sizeof *index, compare_found);
    return index;
}

static void
read_user(const struct db_result *result, uint32_t row, const struct siphash_key *key, const struct content *content,
          const struct found *index, struct master_user *user)
{
    *user      = (struct master_user){.end_day = day_at(result, USER_END_DAY, row)};
    user->pair = event_pair_hash(key, db_text(result, USER_SYSTEM, row), db_text(result, USER_ID, row));
    user->user = master_short(user->pair.low);
    if (!db_is_null(result, USER_DEPARTMENT, row))
        user->department = master_short(access_department_hash(key, db_text(result, USER_DEPARTMENT, row)));
    if (!db_is_null(result, USER_SURNAME, row))
        user->surname = hash_of(key, db_text(result, USER_SURNAME, row));
    if (!db_is_null(result, USER_SURNAME_PERSONS, row))
        user->surname_persons = (uint32_t)db_int64(result, USER_SURNAME_PERSONS, row);
    if (db_is_null(result, USER_PATIENT_SYSTEM, row) || db_is_null(result, USER_PATIENT_ID, row))
        return;
    const struct found wanted = {.identifier = event_pair_hash(key, db_text(result, USER_PATIENT_SYSTEM, row), db_text(result, USER_PATIENT_ID, row))};
    const struct found *found = bsearch(&wanted, index, content->entry_count, sizeof *index, compare_found);
    if (found == NULL)
        return;
    user->person    = content->entries[found->place].person;
    user->household = content->patients[found->place].household;
}

/* The same user under the practitioner's pair, where that is another one. */
static void
add_practitioner(const struct db_result *result, uint32_t row, const struct siphash_key *key, struct content *content)
{
    struct master_user user = content->users[content->user_count - 1];

    if (db_is_null(result, USER_PRACTITIONER_SYSTEM, row) || db_is_null(result, USER_PRACTITIONER_ID, row))
        return;
    user.pair = event_pair_hash(key, db_text(result, USER_PRACTITIONER_SYSTEM, row), db_text(result, USER_PRACTITIONER_ID, row));
    content->users[content->user_count++] = user;
}

static int
compare_users(const void *a, const void *b)
{
    const struct found x = {.identifier = ((const struct master_user *)a)->pair}, y = {.identifier = ((const struct master_user *)b)->pair};
    const uint32_t     p = ((const struct master_user *)a)->user, q = ((const struct master_user *)b)->user;
    const int          order = compare_found(&x, &y);

    return order != 0 ? order : p < q ? -1 : p > q;
}

/* Of users under one pair stays the one whose own pair it is, else the first: a practitioner with two accounts is one of them. */
static void
keep_one_a_pair(struct content *content)
{
    size_t kept = 0;

    if (content->user_count > 0)
        qsort(content->users, content->user_count, sizeof *content->users, compare_users);
    for (size_t i = 0; i < content->user_count; i++) {
        struct master_user *user = &content->users[i], *last = kept == 0 ? NULL : &content->users[kept - 1];
        if (last == NULL || last->pair.low != user->pair.low || last->pair.high != user->pair.high)
            content->users[kept++] = *user;
        else if (user->user == master_short(user->pair.low))
            *last = *user;
    }
    content->user_count = kept;
}

/* Patients who are of the workforce, under each of their identifiers. */
static enum status
mark_workforce(struct content *content, struct error *err)
{
    struct found *index = sort_entries(content, true);

    if (index == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < content->user_count; i++) {
        const struct found  wanted = {.identifier = content->users[i].person};
        const struct found *found  = bsearch(&wanted, index, content->entry_count, sizeof *index, compare_found);
        if (found == NULL)
            continue;
        while (found > index && compare_found(found - 1, &wanted) == 0)
            found--;
        for (; found < index + content->entry_count && compare_found(found, &wanted) == 0; found++)
            content->patients[found->place].flags |= MASTER_PATIENT_OF_WORKFORCE;
    }
    memory_free(index);
    return ST_OK;
}

static enum status
read_user_rows(struct db_connection *connection, const struct siphash_key *key, struct content *content, const struct found *index,
               size_t count_max, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    uint32_t         row_count = 1;
    enum status      status    = db_query(connection, str_from(USERS), &result, err);

    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++) {
            CHECK(content->user_count + 2 <= count_max);
            read_user(&result, row, key, content, index, &content->users[content->user_count++]);
            add_practitioner(&result, row, key, content);
        }
    }
    db_result_release(&result);
    return status;
}

static enum status
read_users(struct db_connection *connection, const struct siphash_key *key, struct content *content, struct error *err)
{
    bool          has_users = false, has_patient = false;
    int64_t       count     = 0;
    struct found *index     = NULL;
    enum status   status    = has_columns(connection, "workforce_user", USER_COLUMNS, 11, &has_users, err);

    if (status == ST_OK)
        status = has_columns(connection, "patient", PATIENT_COLUMNS, 8, &has_patient, err);
    if (status != ST_OK || !has_users || !has_patient)
        return status;
    status = db_query_int64(connection, &count, err, "SELECT count(*) FROM core.workforce_user");
    if (status != ST_OK || count == 0)
        return status;
    index          = sort_entries(content, false);
    content->users = memory_alloc_array((size_t)count * 2 + 2, sizeof *content->users);
    if (index == NULL || content->users == NULL)
        status = error_no_memory(err);
    if (status == ST_OK)
        status = read_user_rows(connection, key, content, index, (size_t)count * 2 + 2, err);
    memory_free(index);
    if (status != ST_OK)
        return status;
    keep_one_a_pair(content);
    return mark_workforce(content, err);
}

static enum status
write_snapshot(struct db_connection *connection, struct io *io, const char *path, uint64_t version,
               const struct siphash_key *key, struct error *err)
{
    struct content content = {.entry_count = 0};
    enum status    status  = read_persons(connection, version, key, &content, err);

    if (status == ST_OK)
        status = read_users(connection, key, &content, err);
    if (status == ST_OK) {
        const struct master_content whole = {content.entries, content.births, content.patients, content.entry_count, content.users, content.user_count};
        status = master_write(io, path, version, key, &whole, err);
    }
    content_release(&content);
    return status;
}

/* Whether the file is there, whole and of this program's format. One of another format is written anew. */
static bool
is_readable(struct io *io, const char *path, const struct siphash_key *key)
{
    struct master master = MASTER_EMPTY;
    struct error  err    = ERROR_EMPTY;
    bool          is_ok  = master_open(io, path, key, &master, &err) == ST_OK || err.code != ERR_CORRUPT;

    master_release(io, &master);
    return is_ok;
}

/* The store's folder may not be there before the live leg's first start. */
static enum status
make_folder(struct io *io, const char *store_path, struct error *err)
{
    struct str         path   = str_from(store_path);
    size_t             slash  = str_find_last_byte(path, '/');
    struct str_builder folder = STR_BUILDER_EMPTY;

    if (slash == STR_NOT_FOUND || slash == 0)
        return ST_OK;
    str_builder_append(&folder, str_slice(path, 0, slash));
    enum status status = str_builder_status(&folder, err);
    if (status == ST_OK)
        status = io_folder_make(io, str_builder_cstr(&folder), err);
    str_builder_release(&folder);
    return status;
}

enum status
warehouse_export_master(struct db_connection *connection, struct io *io, const char *store_path, uint64_t version,
                        const struct siphash_key *key, struct error *err)
{
    struct str_builder path     = STR_BUILDER_EMPTY, newest_path = STR_BUILDER_EMPTY;
    bool               is_found = false;
    uint64_t           newest   = 0;
    enum status        status   = master_file_newest(io, store_path, &newest_path, &is_found, &newest, err);

    if (status == ST_OK && is_found && newest == version && is_readable(io, str_builder_cstr(&newest_path), key)) {
        str_builder_release(&newest_path);
        return ST_OK;
    }
    str_builder_release(&newest_path);
    master_file_path(&path, store_path, version);
    if (status == ST_OK)
        status = str_builder_status(&path, err);
    if (status == ST_OK)
        status = make_folder(io, store_path, err);
    if (status == ST_OK)
        status = write_snapshot(connection, io, str_builder_cstr(&path), version, key, err);
    if (status == ST_OK)
        status = master_file_prune(io, store_path, err);
    if (status != ST_OK)
        error_context(err, "exporting the patient master");
    str_builder_release(&path);
    return status;
}
