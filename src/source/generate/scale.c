#include "source/generate/scale.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/time.h"
#include "io/file.h"
#include "io/stream.h"

#define BUFFER_SIZE  (1u << 20)
#define ROW_SIZE_MAX 1024

/* What a row's hash is for: rows of different tables, and what is told of one row, are independent. */
enum purpose { OF_PATIENT, OF_ENCOUNTER, OF_OBSERVATION, OF_PRACTITIONER, OF_CHANGE, OF_VALUE, OF_MISTAKE };

/* A file that is being written. */
struct out {
    struct file_writer file;
    char              *bytes;
    size_t             size;
    int64_t            row_count;
};

struct scale {
    const struct scale_options *options;
    struct io                  *io;
    const char                 *folder;
    int64_t                     patient_count, encounter_count; /* Of day 1. */
};

struct measure {
    const char *category, *code, *text, *unit;
    unsigned    low, high, scale; /* Values are low to high - 1, the last digit behind a point where scale is 10. All have as many digits. */
};

static const struct measure measures[SCALE_ENCOUNTER_OBSERVATIONS] = {
    { "vital-signs", "8302-2", "Body Height", "cm", 1400, 2000, 10 },
    { "vital-signs", "29463-7", "Body Weight", "kg", 400, 990, 10 },
    { "vital-signs", "39156-5", "Body Mass Index", "kg/m2", 180, 420, 10 },
    { "vital-signs", "8462-4", "Diastolic Blood Pressure", "mm[Hg]", 60, 99, 1 },
    { "vital-signs", "8480-6", "Systolic Blood Pressure", "mm[Hg]", 100, 180, 1 },
    { "vital-signs", "8867-4", "Heart rate", "/min", 50, 99, 1 },
    { "vital-signs", "9279-1", "Respiratory rate", "/min", 12, 25, 1 },
    { "vital-signs", "72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}", 0, 9, 1 },
    { "laboratory", "2339-0", "Glucose", "mg/dL", 650, 999, 10 },
    { "laboratory", "6299-2", "Urea Nitrogen", "mg/dL", 10, 30, 1 },
    { "laboratory", "38483-4", "Creatinine", "mg/dL", 5, 35, 10 },
    { "laboratory", "49765-1", "Calcium", "mg/dL", 80, 99, 10 },
    { "laboratory", "2947-0", "Sodium", "mmol/L", 1300, 1450, 10 },
    { "laboratory", "6298-4", "Potassium", "mmol/L", 35, 55, 10 },
    { "laboratory", "2069-3", "Chloride", "mmol/L", 1000, 1100, 10 },
    { "laboratory", "20565-8", "Carbon Dioxide", "mmol/L", 200, 300, 10 },
    { "laboratory", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 120, 179, 10 },
    { "laboratory", "6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 35, 99, 10 },
    { "survey", "72166-2", "Tobacco smoking status NHIS", NULL, 0, 0, 0 },
    { "survey", "55758-7", "Patient Health Questionnaire 2 item (PHQ-2) total score [Reported]", "{score}", 0, 6, 1 },
};
static const char *const smoking[] = { "Never smoker", "Former smoker", "Smokes daily", "Not known" };

static const char PATIENT_HEADER[] =
    "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,"
    "ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE\n";
static const char ENCOUNTER_HEADER[] =
    "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,BASE_ENCOUNTER_COST,TOTAL_CLAIM_COST,PAYER_COVERAGE,"
    "REASONCODE,REASONDESCRIPTION\n";
static const char OBSERVATION_HEADER[] = "DATE,PATIENT,ENCOUNTER,CATEGORY,CODE,DESCRIPTION,VALUE,UNITS,TYPE\n";

/* ---- Rows' bytes ---- */

static uint64_t
hash_of(const struct scale *scale, enum purpose purpose, int64_t number)
{
    return hash64_combine(hash64_combine(scale->options->seed, (uint64_t)purpose), (uint64_t)number);
}

static void
put(struct out *out, const char *text)
{
    size_t size = strlen(text);

    memcpy(out->bytes + out->size, text, size);
    out->size += size;
}

static void
put_char(struct out *out, char c)
{
    out->bytes[out->size++] = c;
}

static void
put_number(struct out *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        out->bytes[out->size + i] = (char)('0' + value % 10);
    out->size += digits;
}

/* 8-4-4-4-12 hexadecimal digits. */
static void
put_uuid(struct out *out, uint64_t hash)
{
    const uint64_t parts[2] = { hash, hash64_integer(hash) };

    for (unsigned i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            put_char(out, '-');
        put_char(out, "0123456789abcdef"[parts[i / 16] >> (60 - 4 * (i % 16)) & 15]);
    }
}

static void
put_time(struct out *out, int64_t time_us)
{
    char text[TIME_TEXT_SIZE];

    time_print(time_us, text); /* Whole seconds, as Synthea writes them: without the fraction. */
    text[19] = 'Z';
    text[20] = '\0';
    put(out, text);
}

/* Whether day 2 states it anew: 4 in 100, of those that day 1 had. */
static bool
is_changed(const struct scale *scale, enum purpose purpose, int64_t number, int64_t first_count)
{
    return scale->options->day == 2 && number < first_count &&
           hash_of(scale, OF_CHANGE, (number << 3) | (int64_t)purpose) % 100 < 4;
}

/* ---- Tables ---- */

static void
put_patient(struct scale *scale, struct out *out, int64_t number)
{
    static const char *const first[]  = { "Maynard46", "Ana", "Ileana918", "Robert", "Xiomara243", "Lee", "Teodora374", "Jon" };
    static const char *const last[]   = { "Mosciski958", "Ortiz186", "Kim", "Abernathy524", "Nguyen", "Smith", "Dach178", "Lindgren255" };
    static const char *const races[]  = { "white", "black", "asian", "other" };
    uint64_t                 hash     = hash_of(scale, OF_PATIENT, number);
    bool                     has_moved = is_changed(scale, OF_PATIENT, number, scale->patient_count);
    char                     birth[DATE_TEXT_SIZE];

    date_print(scale->options->start_date - 1000 - (int32_t)(hash % 30000), birth);
    put_uuid(out, hash);
    put_char(out, ',');
    put(out, birth);
    put(out, ",,999-");
    put_number(out, (uint64_t)number / 10000 % 90 + 10, 2);
    put_char(out, '-');
    put_number(out, (uint64_t)number % 10000, 4);
    put(out, ",,,,");
    put(out, first[hash >> 8 & 7]);
    put_char(out, ',');
    put(out, last[hash >> 16 & 7]);
    put(out, ",,,,");
    put(out, races[hash >> 24 & 3]);
    put(out, hash >> 26 & 1 ? ",nonhispanic," : ",hispanic,");
    put_char(out, hash >> 27 & 1 ? 'F' : 'M');
    put(out, ",Boston  Massachusetts  US,");
    put_number(out, 100 + hash % 900, 3);
    put(out, has_moved ? " Stamm Lock Unit 46,Somerville,Massachusetts,Middlesex County,0" : " Main St,Somerville,Massachusetts,Middlesex County,0");
    put_number(out, 2100 + (hash >> 32) % 60, 4);
    put(out, ",42.");
    put_number(out, (hash >> 40) % 1000000, 6);
    put(out, ",-71.");
    put_number(out, (hash >> 20) % 1000000, 6);
    put(out, ",227761.06,2546.04\n");
}

/* When it began; observations are of that time. */
static int64_t
encounter_start(const struct scale *scale, int64_t number)
{
    int64_t second = (int64_t)(hash_of(scale, OF_ENCOUNTER, number) % (1000 * 86400));

    return date_to_time(scale->options->start_date) - (1000 * 86400 - second) * INT64_C(1000000);
}

static void
put_encounter(struct scale *scale, struct out *out, int64_t number)
{
    static const char *const classes[] = { "ambulatory", "wellness", "outpatient", "emergency" };
    uint64_t                 hash      = hash_of(scale, OF_ENCOUNTER, number);
    int64_t                  start_us  = encounter_start(scale, number);
    bool                     has_ended = is_changed(scale, OF_ENCOUNTER, number, scale->encounter_count);

    put_uuid(out, hash);
    put_char(out, ',');
    put_time(out, start_us);
    put_char(out, ',');
    if (has_ended || hash >> 8 & 1)
        put_time(out, start_us + (has_ended && hash >> 8 & 1 ? 1800 : 900) * INT64_C(1000000));
    put_char(out, ',');
    put_uuid(out, hash_of(scale, OF_PATIENT, number / SCALE_PATIENT_ENCOUNTERS));
    put_char(out, ',');
    put_uuid(out, hash_of(scale, OF_PRACTITIONER, (int64_t)(hash >> 16 & 63)));
    put_char(out, ',');
    put_uuid(out, hash_of(scale, OF_PRACTITIONER, 64 + (int64_t)(hash >> 16 & 1023)));
    put(out, ",42c4fca7-f8a9-3cd1-982a-dd9751bf3e2a,");
    put(out, classes[hash >> 32 & 3]);
    put(out, ",185345009,Encounter for symptom,77.49,");
    put_number(out, 100 + (hash >> 36) % 900, 3);
    put_char(out, '.');
    put_number(out, (hash >> 44) % 100, 2);
    put(out, ",0.00,195662009,Acute viral pharyngitis (disorder)\n");
}

static void
put_value(struct scale *scale, struct out *out, const struct measure *measure, int64_t number)
{
    uint64_t hash  = hash_of(scale, OF_VALUE, number);
    bool     other = is_changed(scale, OF_OBSERVATION, number, scale->encounter_count * SCALE_ENCOUNTER_OBSERVATIONS);
    unsigned range = measure->high - measure->low;
    unsigned value = range == 0 ? 0 : measure->low + (unsigned)((hash + other) % range);

    if (measure->unit == NULL) {
        put(out, smoking[hash & 3]);
        put(out, other ? " as asked again" : "");
        put(out, ",,text\n");
        return;
    }
    put_number(out, value / measure->scale, value / measure->scale >= 100 ? 3 : value / measure->scale >= 10 ? 2 : 1);
    if (measure->scale == 10) {
        put_char(out, '.');
        put_char(out, (char)('0' + value % 10));
    }
    put_char(out, ',');
    put(out, measure->unit);
    put(out, ",numeric\n");
}

static void
put_observation(struct scale *scale, struct out *out, int64_t number)
{
    int64_t               encounter = number / SCALE_ENCOUNTER_OBSERVATIONS;
    const struct measure *measure   = &measures[number % SCALE_ENCOUNTER_OBSERVATIONS];
    uint64_t              mistake   = hash_of(scale, OF_MISTAKE, number);
    size_t                begin     = out->size;

    if (mistake % 1000 == 0)
        put(out, "the other day");
    else
        put_time(out, encounter_start(scale, encounter));
    put_char(out, ',');
    put_uuid(out, hash_of(scale, OF_PATIENT, encounter / SCALE_PATIENT_ENCOUNTERS));
    put_char(out, ',');
    put_uuid(out, hash_of(scale, OF_ENCOUNTER, encounter));
    put_char(out, ',');
    put(out, measure->category);
    put_char(out, ',');
    put(out, measure->code);
    put_char(out, ',');
    put(out, measure->text);
    put_char(out, ',');
    put_value(scale, out, measure, number);
    if (mistake % 500 == 1) {
        memcpy(out->bytes + out->size, out->bytes + begin, out->size - begin);
        out->size += out->size - begin;
        out->row_count++;
    }
}

/* ---- Files ---- */

static enum status
flush(struct out *out, struct error *err)
{
    enum status status = file_writer_write(&out->file, str_of(out->bytes, out->size), err);

    out->size = 0;
    return status;
}

static enum status
write_table(struct scale *scale, const char *name, const char *header, int64_t count,
            void (*put_row)(struct scale *scale, struct out *out, int64_t number), int64_t *ret_row_count, struct error *err)
{
    struct out  out    = { .file = FILE_WRITER_EMPTY, .bytes = memory_alloc(BUFFER_SIZE) };
    enum status status = out.bytes == NULL ? error_no_memory(err) : ST_OK;
    char        path[1200];

    snprintf(path, sizeof path, "%s/%s", scale->folder, name);
    if (status == ST_OK)
        status = file_writer_open(&out.file, scale->io, path, FILE_TRUNCATE, err);
    if (status == ST_OK)
        put(&out, header);
    for (int64_t i = 0; status == ST_OK && i < count; i++) {
        put_row(scale, &out, i);
        out.row_count++;
        if (out.size > BUFFER_SIZE - 2 * ROW_SIZE_MAX)
            status = flush(&out, err);
    }
    if (status == ST_OK)
        status = flush(&out, err);
    if (status == ST_OK)
        status = file_writer_close(&out.file, err);
    file_writer_release(&out.file);
    memory_free(out.bytes);
    *ret_row_count = out.row_count;
    return status;
}

enum status
scale_write(const struct scale_options *options, struct io *io, const char *folder, struct scale_counts *ret_counts, struct error *err)
{
    const int64_t patients = (options->observation_count + SCALE_PATIENT_ENCOUNTERS * SCALE_ENCOUNTER_OBSERVATIONS - 1) /
                             (SCALE_PATIENT_ENCOUNTERS * SCALE_ENCOUNTER_OBSERVATIONS);
    struct scale  scale    = { .options = options, .io = io, .folder = folder, .patient_count = patients,
                               .encounter_count = patients * SCALE_PATIENT_ENCOUNTERS };
    const int64_t wanted   = patients + (options->day == 2 ? patients / 100 : 0);
    enum status   status   = io_folder_make(io, folder, err);

    if (status == ST_OK)
        status = write_table(&scale, "patients.csv", PATIENT_HEADER, wanted, put_patient, &ret_counts->patients, err);
    if (status == ST_OK)
        status = write_table(&scale, "encounters.csv", ENCOUNTER_HEADER, wanted * SCALE_PATIENT_ENCOUNTERS, put_encounter, &ret_counts->encounters, err);
    if (status == ST_OK)
        status = write_table(&scale, "observations.csv", OBSERVATION_HEADER, wanted * SCALE_PATIENT_ENCOUNTERS * SCALE_ENCOUNTER_OBSERVATIONS, put_observation,
                             &ret_counts->observations, err);
    return status;
}
