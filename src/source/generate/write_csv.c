/* History as files: a full snapshot a day of patients, encounters and providers, with Synthea's headers. */
#include "source/generate/write.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"

static const char *const races[] = { "white", "black", "asian", "other" };

static void
patient_row(const struct world *world, const struct patient *patient, int32_t day, struct str_builder *out)
{
    char birth[DATE_TEXT_SIZE], death[DATE_TEXT_SIZE] = "";
    bool has_moved = patient->moves_on > 0 && day - world->options.start_date >= patient->moves_on;
    date_print(patient->birth_date, birth);
    if (patient->died_on != 0)
        date_print(patient->died_on, death);
    str_builder_printf(out, "%s,%s,%s,999-%02u-%04u,,,,%s,%s,%s,,,,%s,nonhispanic,%c,,%u %s,%s,Massachusetts,Essex County,25009,%s,0,0,0,0,0\n",
                       patient->id, birth, death, patient->ssn_serial / 10000 % 100, patient->ssn_serial % 10000, patient->first,
                       patient->middle, patient->last, races[patient->race], patient->is_female ? 'F' : 'M', patient->street_number,
                       has_moved ? patient->new_street : patient->street, patient->city, patient->zip);
}

/* Rows that a batch run must refuse, mend or count; the last day's snapshot only. */
static void
bad_patient_rows(struct world *world, const char *file, uint32_t line, struct str_builder *out)
{
    static const struct {
        const char *kind, *reason, *row;
    } rows[] = {
        { "row_without_id", "missing_required", ",1950-01-01,,999-99-0001,,,,Nobody,,Known,,,,white,nonhispanic,F,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "too_many_cells", "malformed_record", "P9999991,1950-01-01,,999-99-0002,,,,Over,,Long,,,,white,nonhispanic,F,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0,one,too,many\n" },
        { "bad_bytes", "bad_encoding", "P9999992,1950-01-01,,999-99-0003,,,,Br\xff\xfeken,,Bytes,,,,white,nonhispanic,F,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "short_ssn", "bad_code", "P9999993,1950-01-01,,999-99-03,,,,Short,,Number,,,,white,nonhispanic,F,,\"1 Main Street, upper\nfloor\",Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "birth_out_of_range", "out_of_range", "P9999994,1750-01-01,,999-99-0005,,,,Very,,Old,,,,white,nonhispanic,M,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "bad_birth_date", "bad_date", "P9999995,1950-02-30,,999-99-0006,,,,No,,Day,,,,white,nonhispanic,M,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "death_before_birth", "inconsistent", "P9999996,1950-01-01,1949-01-01,999-99-0007,,,,Time,,Traveller,,,,white,nonhispanic,M,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n" },
        { "zip_without_its_zero", "repaired", "P9999997,1950-01-01,,999-99-0008,,,,Spread,,Sheet,,,,white,nonhispanic,M,,1 Main Street,Attleboro,Massachusetts,Essex County,25009,2703,0,0,0,0,0\n" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        str_builder_append_cstr(out, rows[i].row);
        world_plant_in_file(world, rows[i].kind, file, line++, rows[i].reason);
    }
    str_builder_printf(out, "P9999998,1950-01-01,,999-99-0009,,,,Long,,Address,,,,white,nonhispanic,M,,%*s,Attleboro,Massachusetts,Essex County,25009,02703,0,0,0,0,0\n",
                       (int)FORMAT_CSV_RECORD_SIZE_MAX, "");
    world_plant_in_file(world, "long_row", file, line, "too_large");
}

static void
encounter_row(const struct world *world, const struct fact *fact, int64_t until_us, struct str_builder *out)
{
    static const char *const classes[] = { "emergency", "inpatient", "ambulatory", "inpatient", "outpatient", "ambulatory" };
    char                     start[TIME_TEXT_SIZE], stop[TIME_TEXT_SIZE] = "";
    const struct user       *user = &world->users[fact->user];
    time_print(fact->effective_us, start);
    if (fact->end_us <= until_us)
        time_print(fact->end_us, stop);
    str_builder_printf(out, "V%07u,%s,%s,%s,%s,%s,,%s,185345009,Encounter,77.49,%u.%02u,0.00,,\n", fact->encounter, start, stop,
                       world->patients[fact->patient].id, fact->department != NULL ? fact->department : user->department, user->id, classes[fact->encounter % 6],
                       100 + fact->encounter % 4000, fact->encounter % 100);
}

static void
bad_encounter_rows(struct world *world, const char *file, uint32_t line, const char *first_row, size_t first_row_size,
                   struct str_builder *out)
{
    static const struct {
        const char *kind, *reason, *row;
    } rows[] = {
        { "stop_before_start", "inconsistent", "V9999991,2026-01-05T10:00:00Z,2026-01-04T10:00:00Z,P000001,ED,U0001,,emergency,185345009,Encounter,77.49,100.00,0.00,,\n" },
        { "bad_start", "bad_timestamp", "V9999992,yesterday,,P000001,ED,U0001,,emergency,185345009,Encounter,77.49,100.00,0.00,,\n" },
        { "encounter_without_patient", "missing_required", "V9999993,2026-01-05T10:00:00Z,,,ED,U0001,,emergency,185345009,Encounter,77.49,100.00,0.00,,\n" },
        { "bad_cost", "bad_number", "V9999994,2026-01-05T10:00:00Z,,P000001,ED,U0001,,emergency,185345009,Encounter,77.49,much,0.00,,\n" },
    };
    str_builder_append(out, str_of(first_row, first_row_size));
    world_plant_in_file(world, "repeated_row", file, line++, "exact_repeat");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        str_builder_append_cstr(out, rows[i].row);
        world_plant_in_file(world, rows[i].kind, file, line++, rows[i].reason);
    }
    str_builder_append_cstr(out, "V9999995,2026-01-05T10:00:00Z,,P000001,ED,U0001,,\"emergency,185345009,Encounter,77.49");
    world_plant_in_file(world, "file_ends_in_quote", file, line, "truncated");
}

static enum status
write_patients(struct world *world, struct io *io, const char *folder, int32_t day, bool is_last, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    str_builder_append_cstr(&out, "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,MIDDLE,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,"
                                  "BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,FIPS,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE,INCOME\n");
    for (uint32_t i = 0; i < (uint32_t)world->options.patient_count; i++)
        patient_row(world, &world->patients[i], day, &out);
    snprintf(path, sizeof(path), "%s/patients.csv", folder);
    if (is_last)
        bad_patient_rows(world, "ehr/patients.csv", (uint32_t)world->options.patient_count + 2, &out);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

static enum status
write_encounters(struct world *world, struct io *io, const char *folder, int64_t until_us, bool is_last, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    uint32_t           line = 2;
    str_builder_append_cstr(&out, "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,"
                                  "TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION\n");
    size_t first_begin = out.size, first_size = 0;
    for (size_t i = 0; i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i];
        if (fact->kind != FACT_ENCOUNTER || !fact->is_history || fact->event_us >= until_us)
            continue;
        encounter_row(world, fact, until_us, &out);
        if (first_size == 0)
            first_size = out.size - first_begin;
        line++;
    }
    if (is_last && first_size > 0 && first_size < 512) {
        char first[512]; /* A copy: appending moves the text. */
        memcpy(first, out.data + first_begin, first_size);
        bad_encounter_rows(world, "ehr/encounters.csv", line, first, first_size, &out);
    }
    snprintf(path, sizeof(path), "%s/encounters.csv", folder);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

static enum status
write_providers(struct world *world, struct io *io, const char *folder, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    str_builder_append_cstr(&out, "\xef\xbb\xbfId,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,ENCOUNTERS,PROCEDURES\r\n");
    for (uint32_t i = 0; i < world->user_count; i++)
        str_builder_printf(&out, "%s,%s,%s %s,,%s,1 Hospital Way,Somerville,MA,02155,0,0,0,0\r\n", world->users[i].id,
                           world->users[i].department, world->users[i].first, world->users[i].last,
                           world->users[i].is_physician ? "PHYSICIAN" : "NURSING");
    snprintf(path, sizeof(path), "%s/providers.csv", folder);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

/* The workforce: who is whom as a patient, and whose last day was when. */
static enum status
write_users(struct world *world, struct io *io, const char *folder, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    str_builder_append_cstr(&out, "USER_ID,FIRST,LAST,ROLE,DEPARTMENT,LAST_DAY,PATIENT_ID\n");
    for (uint32_t i = 0; i < world->user_count + world->extra_count; i++) {
        const struct user *user = &world->users[i];
        char               end[DATE_TEXT_SIZE] = "";
        if (user->ends_on != INT32_MAX)
            date_print(world->options.start_date + user->ends_on, end);
        str_builder_printf(&out, "%s,%s,%s,%s,%s,%s,%s\n", user->id, user->first, user->last, user->is_physician ? "physician" : "nurse", user->department, end,
                           user->patient < UINT32_MAX - 1 ? world->patients[user->patient].id : "");
    }
    snprintf(path, sizeof(path), "%s/users.csv", folder);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

static enum status
write_stray(struct world *world, struct io *io, const char *folder, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    str_builder_append_cstr(&out, "topic,remark\nparking,closed on Monday\n");
    world_plant_in_file(world, "stray_file", "ehr/notes.csv", 1, "no_mapping");
    snprintf(path, sizeof(path), "%s/notes.csv", folder);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

/* What an annex exports whose system knows no reason's text. */
static enum status
write_annex(struct world *world, struct io *io, const char *folder, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               path[WORLD_PATH_SIZE];
    str_builder_append_cstr(&out, "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,"
                                  "TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE\n"
                                  "V9999996,2026-01-05T10:00:00Z,2026-01-05T11:00:00Z,P000001,ED,U0001,,emergency,185345009,Encounter,77.49,100.00,0.00,\n");
    world_plant_in_file(world, "header_without_column", "ehr/annex.csv", 1, "missing_column");
    snprintf(path, sizeof(path), "%s/annex.csv", folder);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

static enum status
write_snapshot(struct world *world, struct io *io, const char *folder, int64_t day, bool is_last, struct error *err)
{
    enum status status = world_make_folder(io, folder, err);
    if (status == ST_OK)
        status = write_patients(world, io, folder, world->options.start_date + (int32_t)day, is_last, err);
    if (status == ST_OK)
        status = write_encounters(world, io, folder, world->start_us + (day + 1) * US_PER_DAY, is_last, err);
    if (status == ST_OK)
        status = write_providers(world, io, folder, err);
    if (status == ST_OK)
        status = write_users(world, io, folder, err);
    if (status == ST_OK && is_last)
        status = write_stray(world, io, folder, err);
    if (status == ST_OK && is_last)
        status = write_annex(world, io, folder, err);
    return status;
}

enum status
world_write_csv(struct world *world, struct io *io, const char *directory, struct error *err)
{
    enum status status = ST_OK;
    char        folder[WORLD_PATH_SIZE];
    for (int64_t day = 0; day < world->options.day_count && status == ST_OK; day++) {
        char date[DATE_TEXT_SIZE];
        date_print(world->options.start_date + (int32_t)day, date);
        snprintf(folder, sizeof(folder), "%s/days/%s/ehr", directory, date);
        status = write_snapshot(world, io, folder, day, false, err);
    }
    snprintf(folder, sizeof(folder), "%s/in/ehr", directory);
    if (status == ST_OK)
        status = write_snapshot(world, io, folder, world->options.day_count - 1, true, err);
    snprintf(folder, sizeof(folder), "%s/in/claims", directory);
    if (status == ST_OK)
        status = world_make_folder(io, folder, err);
    return status;
}
