/* Real files with bytes cut out, flipped and doubled: no decoder faults, every byte and record stays accounted for, and the records
 * around the damage come out as they were.
 *
 * What "around" means: everything that ends before the record in front of the damage, and everything behind the record after
 * it, moved by what the damage added or took. Two things are left out, for there the format itself says that more is meant: the
 * head of a CSV file (it names the columns), and damage that adds or takes a quote where quotes may span lines, or anything
 * between the brackets that hold several records together (CSV, documents of JSON). What was compared is counted and has a floor.
 *
 * HEDDLE_MUTATIONS says how many (default 200,000, with a sanitizer a tenth of it); HEDDLE_SEED which. A failure prints file, mutation and seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "column/kernel.h"
#include "format/decoder.h"
#include "io/walk.h"
#include "support/support.h"

#define MAPPING_COUNT_MAX 128
#define PART_SIZE_MAX     (32 * 1024)
#define DAMAGE_SIZE_MAX   64
#ifdef __SANITIZE_ADDRESS__
#define MUTATION_COUNT 20000
#else
#define MUTATION_COUNT 200000
#endif

/* A record, and all that a decoder told of it as one sum: of rows, or its outcome. */
struct record {
    int64_t  position, length;
    uint64_t sum;
};

struct records {
    const struct decode_plan *plan;
    struct record            *items;
    size_t                    count, capacity;
};

struct sample {
    char           *path;
    char           *bytes;
    size_t          size;
    unsigned        kind;
    struct records  records;
};

struct damage {
    size_t at, removed, added; /* `removed` bytes at `at` became `added` bytes. */
    bool   has_quote;          /* A quote came or went. */
};

/* Which files, and what holds their records apart. */
static const struct kind {
    const char       *pattern;
    enum model_format format;
    bool              is_document; /* Taken whole: what lies between records holds them together. */
    bool              is_joined;   /* Small files are put together, a line end between them. */
    bool              has_head;    /* The first line says what the others mean. */
    bool              has_quotes;  /* A quote may reach over line ends. */
    size_t            size_max;    /* Of a file of lines the lines that fit; a document is taken whole, or not at all. What costs more has less. */
} kinds[] = {
    { "synthea_csv/**/*.csv", MODEL_CSV, false, false, true, true, PART_SIZE_MAX },
    { "claims/cms-bfd-rif/**", MODEL_CSV, false, false, true, true, PART_SIZE_MAX },
    { "claims/cms-bfd-idr/**/*.csv", MODEL_CSV, false, false, true, true, PART_SIZE_MAX },
    { "hl7v2/**/*.hl7", MODEL_HL7V2, false, true, false, false, PART_SIZE_MAX },
    { "fhir/smart-bulk-10-patients/[A-Z]*.ndjson", MODEL_FHIR_R4, false, false, true, false, 8 * 1024 },
    { "fhir/hl7-r4-examples/*.json", MODEL_FHIR_R4, true, false, false, true, 8 * 1024 }, /* Resources and bundles. */
    { "claims/cms-bcda/**/ZC[89]", MODEL_FIXED, false, false, false, false, 4 * 1024 },
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

static struct model       *model;
static struct decode_plan *plans[MODEL_FORMAT_COUNT];
static struct sample      *samples;
static size_t              sample_count;
static size_t              first_samples[KIND_COUNT + 1]; /* Of each kind, into samples. */
static size_t              compared_count; /* Records that were held against the original's. */

/* ---- Decoding ---- */

static void
add_record(struct records *records, int64_t position, int64_t length, uint64_t part)
{
    if (records->count == records->capacity) {
        records->capacity = records->capacity == 0 ? 1024 : records->capacity * 2;
        records->items    = realloc(records->items, records->capacity * sizeof *records->items);
        if (records->items == NULL)
            abort();
    }
    records->items[records->count++] = (struct record){ position, length, part };
}

static enum status
take_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    struct records *records = context;
    (void)err;
    const int64_t *positions = chunk->columns[RAW_POSITION].data, *lengths = chunk->columns[RAW_LENGTH].data;
    const int64_t *numbers = chunk->columns[RAW_ROW_NUMBER].data;
    for (uint32_t row = 0; row < chunk->row_count; row++) {
        uint64_t sum = hash64_combine(mapping_index, (uint64_t)numbers[row]);
        for (uint32_t f = 0; f < decode_plan_mapping(records->plan, mapping_index)->field_count; f++) {
            struct vector vector = chunk_vector(chunk, RAW_FIELD_OFFSET + f);
            if (!vector_is_valid(&vector, row))
                continue;
            const struct text *text = vector_text(&vector, row);
            sum = hash64_combine(sum, hash64_seeded(text_data(text), text->size, f));
        }
        add_record(records, positions[row], lengths[row], sum);
    }
    return ST_OK;
}

static enum status
take_outcome(void *context, const struct record_outcome *outcome, struct error *err)
{
    (void)err;
    add_record(context, outcome->position, outcome->length, 1 + (uint64_t)outcome->reason);
    return ST_OK;
}

static int
by_position(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* One entry a record, in their order; each byte at most one record's. */
static bool
merge_records(struct records *records)
{
    size_t count = 0;
    if (records->count > 0)
        qsort(records->items, records->count, sizeof *records->items, by_position);
    for (size_t i = 0; i < records->count; i++) {
        struct record *last = count == 0 ? NULL : &records->items[count - 1];
        if (last != NULL && last->position == records->items[i].position && last->length == records->items[i].length)
            last->sum += records->items[i].sum;
        else if (last != NULL && last->position + last->length > records->items[i].position)
            return false;
        else
            records->items[count++] = records->items[i];
    }
    records->count = count;
    return true;
}

/* False where an account does not hold. The file's name tells the mappings of fixed width. */
static bool
decode(const struct decode_plan *plan, const char *path, const char *bytes, size_t size, struct records *records)
{
    const struct decoder_options options = { .is_borrowing = true, .chunk_capacity = 64 }; /* Chunks cost more than what is in them here. */
    const struct decode_sink     sink    = { records, take_rows, take_outcome, NULL };
    struct decode_layout        *layout  = NULL;
    struct decoder              *decoder = NULL;
    size_t                       used    = 0;

    *records = (struct records){ plan, records->items, 0, records->capacity };
    assert_int_equal(decode_layout_open(plan, str_from(path), bytes, size, true, NULL, &layout, NULL), ST_OK);
    assert_int_equal(decoder_open(plan, layout, &options, &sink, &decoder, NULL), ST_OK);
    assert_int_equal(decoder_decode(decoder, bytes, size, 0, true, 0, &used, NULL), ST_OK);
    assert_int_equal(decoder_flush(decoder, NULL), ST_OK);
    const struct decode_counts counts = *decoder_counts(decoder);
    int64_t                    told   = counts.yielded_count, lengths = 0;
    for (unsigned i = 0; i < DECODE_REASON_COUNT; i++)
        told += counts.reason_counts[i];
    decoder_free(decoder);
    decode_layout_free(layout);
    bool is_merged = merge_records(records);
    for (size_t i = 0; i < records->count; i++)
        lengths += records->items[i].length;
    return is_merged && used == size && counts.record_bytes + counts.between_bytes == (int64_t)size && counts.record_count == told &&
           (int64_t)records->count == told && lengths == counts.record_bytes;
}

/* ---- Damage ---- */

static size_t
count_quotes(const char *bytes, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == '"';
    return count;
}

/* Cuts bytes out, flips one to three, or doubles a run. `out` has room for DAMAGE_SIZE_MAX more than the sample. */
static struct damage
make_damage(const struct sample *sample, struct random *random, char *out, size_t *ret_size)
{
    struct damage damage = { .at = random_below(random, sample->size) };
    size_t        room = sample->size - damage.at, size = 1 + random_below(random, random_chance(random, 0.5) ? 3 : DAMAGE_SIZE_MAX);
    uint64_t      way = random_below(random, 3);
    if (size > room)
        size = room;
    if (way == 1 && size > 3)
        size = 3;
    damage.removed = way == 2 ? 0 : size;
    damage.added   = way == 0 ? 0 : size;
    memcpy(out, sample->bytes, damage.at);
    memcpy(out + damage.at, sample->bytes + damage.at, damage.added);
    if (way == 1)
        for (size_t i = 0; i < size; i++)
            out[damage.at + i] = (char)(out[damage.at + i] ^ (1 << random_below(random, 8)));
    memcpy(out + damage.at + damage.added, sample->bytes + damage.at + damage.removed, room - damage.removed);
    *ret_size        = sample->size - damage.removed + damage.added;
    damage.has_quote = count_quotes(sample->bytes, sample->size) != count_quotes(out, *ret_size) ||
                       count_quotes(sample->bytes + damage.at, damage.removed) > 0;
    return damage;
}

static const struct record *
find_record(const struct records *records, int64_t position)
{
    struct record wanted = { .position = position };
    return records->count == 0 ? NULL : bsearch(&wanted, records->items, records->count, sizeof wanted, by_position);
}

/* The first record of the original that is not what it was though the damage is elsewhere; NULL: none. */
static const struct record *
find_lost(const struct sample *sample, const struct records *now, const struct damage *damage)
{
    const struct kind    *kind = &kinds[sample->kind];
    const struct records *was  = &sample->records;
    const int64_t         begin = (int64_t)damage->at, end = (int64_t)(damage->at + damage->removed);
    const int64_t         moved = (int64_t)damage->added - (int64_t)damage->removed;
    size_t                first = 0, last;

    while (first < was->count && was->items[first].position + was->items[first].length < begin)
        first++;
    last = first;
    while (last < was->count && was->items[last].position <= end)
        last++;
    if (damage->at < 4 || (kind->has_head && (was->count == 0 || begin < was->items[0].position)))
        return NULL; /* A byte order mark, or the head. */
    for (size_t i = 0; i + 1 < first; i++, compared_count++) {
        const struct record *found = find_record(now, was->items[i].position);
        if (found == NULL || found->length != was->items[i].length || found->sum != was->items[i].sum)
            return &was->items[i];
    }
    if (kind->is_document || (kind->has_quotes && damage->has_quote))
        return NULL;
    for (size_t i = last + 1; i < was->count; i++, compared_count++) {
        const struct record *found = find_record(now, was->items[i].position + moved);
        if (found == NULL || found->length != was->items[i].length || found->sum != was->items[i].sum)
            return &was->items[i];
    }
    return NULL;
}

/* ---- The test ---- */

/* Takes over the bytes. */
static void
add_sample(const char *path, unsigned kind, char *bytes, size_t size)
{
    struct sample *sample;

    samples = realloc(samples, (sample_count + 1) * sizeof *samples);
    if (samples == NULL)
        abort();
    sample  = &samples[sample_count++];
    *sample = (struct sample){ .path = strdup(path), .bytes = bytes, .size = size, .kind = kind };
    if (!decode(plans[kinds[kind].format], path, bytes, size, &sample->records))
        fail_msg("%s is not accounted for as it is", path);
}

/* A file's bytes, or of lines those that fit; NULL where it is empty or does not fit. */
static char *
read_part(const char *path, const struct kind *kind, size_t *ret_size)
{
    char *bytes = (char *)support_read_file(path, ret_size);

    assert_non_null(bytes);
    if (*ret_size > kind->size_max && !kind->is_document)
        for (*ret_size = kind->size_max; *ret_size > 0 && bytes[*ret_size - 1] != '\n' && bytes[*ret_size - 1] != '\r';)
            (*ret_size)--;
    if (*ret_size > 0 && *ret_size <= kind->size_max)
        return bytes;
    support_free(bytes);
    return NULL;
}

/* Files that are joined: many hold one record, and damage wants neighbours. */
struct joined {
    char  *bytes;
    size_t size;
};

static void
end_joined(struct joined *joined, const char *path, unsigned kind)
{
    if (joined->size > 0)
        add_sample(path, kind, joined->bytes, joined->size);
    *joined = (struct joined){ 0 };
}

static void
join(struct joined *joined, const char *path, unsigned kind, char *bytes, size_t size)
{
    if (joined->size + size + 1 > PART_SIZE_MAX)
        end_joined(joined, path, kind);
    joined->bytes = realloc(joined->bytes, joined->size + size + 1);
    if (joined->bytes == NULL)
        abort();
    memcpy(joined->bytes + joined->size, bytes, size);
    joined->size += size;
    joined->bytes[joined->size++] = '\n';
    support_free(bytes);
}

static void
add_samples(unsigned kind)
{
    struct joined joined = { 0 };
    struct arena  arena;
    struct walk   walk;
    arena_init(&arena, 0);
    assert_int_equal(walk_files(io_system(), data_path(kinds[kind].pattern), &arena, &walk, NULL), ST_OK);
    assert_true(walk.count > 0);
    first_samples[kind] = sample_count;
    for (size_t i = 0; i < walk.count; i++) {
        size_t size  = 0;
        char  *bytes = read_part(walk.paths[i], &kinds[kind], &size);
        if (bytes != NULL && kinds[kind].is_joined)
            join(&joined, walk.paths[i], kind, bytes, size);
        else if (bytes != NULL)
            add_sample(walk.paths[i], kind, bytes, size);
    }
    end_joined(&joined, walk.paths[walk.count - 1], kind);
    first_samples[kind + 1] = sample_count;
    assert_true(first_samples[kind] < sample_count);
    arena_release(&arena);
}

/* Each kind is as likely as the others, however many files it has. */
static const struct sample *
choose_sample(struct random *random)
{
    const uint64_t kind = random_below(random, KIND_COUNT);

    return &samples[first_samples[kind] + random_below(random, first_samples[kind + 1] - first_samples[kind])];
}

static uint64_t
setting(const char *name, uint64_t or_else)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : or_else;
}

static void
damage_costs_itself(void **state)
{
    (void)state;
    const uint64_t seed = setting("HEDDLE_SEED", 1), count = setting("HEDDLE_MUTATIONS", MUTATION_COUNT);
    struct records now = { 0 };
    struct random  random;
    char          *bytes = malloc(PART_SIZE_MAX + 1 + DAMAGE_SIZE_MAX);
    if (!data_present())
        skip();
    assert_non_null(bytes);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++)
        add_samples(kind);
    random_init(&random, seed);
    for (uint64_t i = 0; i < count; i++) {
        const struct sample *sample = choose_sample(&random);
        size_t               size;
        struct damage        damage = make_damage(sample, &random, bytes, &size);
        char                *own = malloc(size > 0 ? size : 1); /* So that the sanitizer sees a read beyond it. */
        assert_non_null(own);
        memcpy(own, bytes, size);
        if (!decode(plans[kinds[sample->kind].format], sample->path, own, size, &now))
            fail_msg("%s, %zu bytes at %zu became %zu (mutation %llu of seed %llu): not accounted for", sample->path, damage.removed, damage.at,
                     damage.added, (unsigned long long)i, (unsigned long long)seed);
        const struct record *lost = find_lost(sample, &now, &damage);
        if (lost != NULL)
            fail_msg("%s, %zu bytes at %zu became %zu (mutation %llu of seed %llu): the record at %lld is another", sample->path, damage.removed,
                     damage.at, damage.added, (unsigned long long)i, (unsigned long long)seed, (long long)lost->position);
        free(own);
    }
    print_message("%llu mutations of %zu samples, %zu records compared\n", (unsigned long long)count, sample_count, compared_count);
    assert_true(compared_count > count * 5);
    for (size_t i = 0; i < sample_count; i++) {
        free(samples[i].path);
        free(samples[i].records.items);
        support_free(samples[i].bytes);
    }
    free(samples);
    free(now.items);
    free(bytes);
}

static bool
make_plan(enum model_format format, struct decode_plan **ret_plan)
{
    const struct decode_plan_options options = { .format = format };
    const struct mapping            *mappings[MAPPING_COUNT_MAX];
    uint32_t                         count = 0;
    for (uint32_t i = 0; i < model->mapping_count; i++)
        if (model->mappings[i].format == format && count < MAPPING_COUNT_MAX)
            mappings[count++] = &model->mappings[i];
    return decode_plan_compile(&options, mappings, count, NULL, NULL, ret_plan, NULL) == ST_OK;
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(damage_costs_itself) };
    if (model_load(NULL, 0, NULL, NULL, &model, NULL) != ST_OK)
        return 1;
    for (unsigned i = 0; i < KIND_COUNT; i++)
        if (plans[kinds[i].format] == NULL && !make_plan(kinds[i].format, &plans[kinds[i].format]))
            return 1;
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    for (unsigned i = 0; i < MODEL_FORMAT_COUNT; i++)
        decode_plan_free(plans[i]);
    model_free(model);
    return result;
}
