/* heddle generate: a small hospital and its truth, or live events about the patients of a warehouse. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/generate_people.h"
#include "cli/verb.h"
#include "io/io.h"
#include "source/generate/scale.h"
#include "source/generate/world.h"

#define PATIENT_COUNT_MIN 100

struct generate_options {
    struct ask_options ask;
    struct str from;
    int64_t    scale;
    int64_t    day;
    int64_t    seed;
    int64_t    patients;
    int64_t    days;
    int64_t    snoopers;
    struct str start;
    struct str out;
};

static const struct option options[] = {
    { .name = "seed", .type = OPTION_INT, .default_text = "1", .help = "What the world is made from: the same seed gives the same bytes.", OPTION_FIELD(struct generate_options, seed) },
    { .name = "patients", .type = OPTION_INT, .default_text = "500", .min = PATIENT_COUNT_MIN, .max = 1000000, .help = "How many patients the hospital knows.",
      OPTION_FIELD(struct generate_options, patients) },
    { .name = "days", .type = OPTION_INT, .default_text = "3", .min = 1, .max = 366, .help = "Days of live events; 60 quiet days lie before them.",
      OPTION_FIELD(struct generate_options, days) },
    { .name = "start", .type = OPTION_TEXT, .default_text = "2026-03-02", .help = "The first of the days, YYYY-MM-DD.",
      OPTION_FIELD(struct generate_options, start) },
    { .name = "snoopers", .type = OPTION_INT, .default_text = "0", .min = 0, .max = 100, .help = "Users who look at far more charts than others on one day, each explained.",
      OPTION_FIELD(struct generate_options, snoopers) },
    { .name = "from", .type = OPTION_TEXT, .help = "The binding of a warehouse: the events are about adults whom it knows, and no files of history are written.",
      OPTION_FIELD(struct generate_options, from) },
    { .name = "scale", .type = OPTION_INT, .default_text = "0", .min = 0, .max = INT64_C(1000000000), .help = "Instead: snapshots of about so many observations, for measuring; 0: none.",
      OPTION_FIELD(struct generate_options, scale) },
    { .name = "day", .type = OPTION_INT, .default_text = "1", .min = 1, .max = 2, .help = "With --scale: 2 is the same a day later, 4 % of it changed and 1 % new.",
      OPTION_FIELD(struct generate_options, day) },
    ASK_OPTIONS(struct generate_options, ask),
    { .name = "out", .type = OPTION_PATH, .is_required = true, .help = "The folder to write to; it is made where it is not there.",
      OPTION_FIELD(struct generate_options, out) },
};

static const struct option_table table = OPTION_TABLE("generate", options, struct generate_options,
                                                      .help = "What kind of hospital to make up.");

static void
report(const struct world *world, const struct verb_call *call, const char *out)
{
    const struct generate_options *given = call->options;
    size_t live_count = 0, history_count = 0;
    for (size_t i = 0; i < world->fact_count; i++) {
        live_count += world->facts[i].is_live;
        history_count += world->facts[i].is_history;
    }
    if (call->is_json)
        printf("{\"patients\":%lld,\"live_events\":%zu,\"history_facts\":%zu,\"planted\":%zu}\n",
               (long long)world->options.patient_count, live_count, history_count, world->plant_count);
    else if (world->options.people != NULL)
        printf("%lld patients of %.*s, %zu live events, %zu planted stories\n"
               "live log: %s/events   what must come of it: %s/truth.json\n",
               (long long)world->options.patient_count, STR_PRINTF(given->from), live_count, world->plant_count, out, out);
    else
        printf("%lld patients, %zu live events, %zu facts of history, %zu planted stories\n"
               "history: %s/in   live log: %s/events   what must come of it: %s/truth.json\n",
               (long long)world->options.patient_count, live_count, history_count, world->plant_count, out, out, out);
}

/* Asks the warehouse whom the events are to be about. */
static enum status
find_people(const struct verb_call *call, const struct generate_options *given, struct arena *arena, struct world_options *wanted,
            struct error *err)
{
    struct ask  ask    = ASK_EMPTY;
    enum status status = ask_open(&ask, &given->ask, call, err);

    if (status == ST_OK)
        status = generate_people(&ask, given->from, wanted->start_date, PATIENT_COUNT_MIN, given->patients, arena, &wanted->people,
                                 &wanted->patient_count, err);
    ask_release(&ask);
    return status;
}

static enum status
make(const struct verb_call *call, const struct world_options *wanted, const char *out, struct error *err)
{
    struct world world;
    enum status  status = world_init(&world, wanted, err);

    if (status == ST_OK)
        status = world_write(&world, io_system(), out, err);
    if (status == ST_OK)
        report(&world, call, out);
    else
        error_context(err, "generating a world into %s", out);
    world_release(&world);
    return status;
}

static enum status
make_scale(const struct verb_call *call, const struct generate_options *given, int32_t start_date, const char *out, struct error *err)
{
    const struct scale_options wanted = { .seed = (uint64_t)given->seed, .observation_count = given->scale, .day = given->day, .start_date = start_date };
    struct scale_counts        counts = { 0 };

    if (given->scale < SCALE_OBSERVATIONS_MIN)
        return error_set(err, ERR_USAGE, "--scale is at least %d", SCALE_OBSERVATIONS_MIN);
    if (scale_write(&wanted, io_system(), out, &counts, err) != ST_OK) {
        error_context(err, "generating snapshots into %s", out);
        return ST_ERROR;
    }
    printf(call->is_json ? "{\"patients\":%lld,\"encounters\":%lld,\"observations\":%lld}\n" : "%lld patients, %lld encounters, %lld observations\n",
           (long long)counts.patients, (long long)counts.encounters, (long long)counts.observations);
    return ST_OK;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct generate_options *given = call->options;
    struct world_options           wanted = { .seed = (uint64_t)given->seed, .patient_count = given->patients, .day_count = given->days,
                                              .snooper_count = given->snoopers };
    struct arena                   arena;
    enum status                    status = ST_OK;
    char                           out[1024];
    if (!date_parse(given->start, &wanted.start_date)) {
        error_set(err, ERR_USAGE, "--start is not a date");
        error_hint(err, "write it as 2026-03-02");
        return ST_ERROR;
    }
    if (given->out.size >= sizeof(out) - 64)
        return error_set(err, ERR_USAGE, "--out is longer than %zu bytes", sizeof(out) - 64);
    memcpy(out, given->out.data, given->out.size);
    out[given->out.size] = '\0';
    if (given->snoopers > 0 && (given->scale > 0 || given->from.size > 0))
        return error_set(err, ERR_USAGE, "--snoopers wants the stays of a hospital that is made up: not with --scale or --from");
    if (given->scale > 0 && given->from.size > 0)
        return error_set(err, ERR_USAGE, "--scale and --from exclude each other");
    if (given->scale > 0)
        return make_scale(call, given, wanted.start_date, out, err);
    arena_init(&arena, 0);
    if (given->from.size > 0)
        status = find_people(call, given, &arena, &wanted, err);
    if (status == ST_OK)
        status = make(call, &wanted, out, err);
    arena_release(&arena);
    return status;
}

const struct verb verb_generate = {
    .name = "generate",
    .arguments = "",
    .help = "Writes a small hospital: history, live events, and the truth about both; or events about a warehouse's patients.",
    .example = "heddle generate --seed 3 --patients 1000 --days 3 --out demo",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
