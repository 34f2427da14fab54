/* What pipeline.json may say. */
#include "base/limits.h"
#include "base/time.h"
#include "plan/tables_int.h"

#define NAME_HELP "Its name: state and tables are kept under it. By default what the step is called."

static const struct option SCHEDULE_OPTIONS[] = {
    { .name = "cron", .type = OPTION_TEXT, .is_required = true, .min = 1, .max = 200,
      .help = "When a batch run starts: \"daily\" (02:00), \"hourly\", or the five fields of cron: minute, hour, day of "
              "the month, month, day of the week. It is checked and explained; this version does not start runs by it.",
      OPTION_FIELD(struct schedule_config, cron) },
    { .name = "zone", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "Whose clock the schedule follows, like \"America/New_York\". By default the pipeline's zone.",
      OPTION_FIELD(struct schedule_config, zone) },
};
const struct option_table SCHEDULE_TABLE = OPTION_TABLE("schedule", SCHEDULE_OPTIONS, struct schedule_config,
    .help = "When batch runs start.", .short_form = "cron");

static const struct option STEP_OPTIONS[] = {
    { .name = "name", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = NAME_HELP,
      OPTION_FIELD(struct step_config, name) },
};
static const struct option_table STEP_TABLE = OPTION_TABLE("transform", STEP_OPTIONS, struct step_config,
    .help = "Options of a step that has none but its name.");

#define BATCH_TRANSFORM(name_, index_, help_)                                                   \
    { .name = (name_), .type = OPTION_OBJECT, .table = &STEP_TABLE, .help = help_,              \
      .offset = offsetof(struct batch_transform_config, steps) + (index_) * sizeof(struct step_config), \
      .given_offset = offsetof(struct batch_transform_config, is_given) + (index_) + 1 }

/* In the order of enum model_action. */
const char *const CLEANSE_ACTION_NAMES[] = { "null", "quarantine", "warn", NULL };

static const struct option CLEANSE_RULE_OPTIONS[] = {
    { .name = "entity", .type = OPTION_TEXT, .is_required = true, .min = 1, .max = PLAN_NAME_SIZE_MAX,
      .help = "The entity.", OPTION_FIELD(struct cleanse_rule_config, entity) },
    { .name = "column", .type = OPTION_TEXT, .is_required = true, .min = 1, .max = PLAN_NAME_SIZE_MAX,
      .help = "Its column.", OPTION_FIELD(struct cleanse_rule_config, column) },
    { .name = "repair", .type = OPTION_TEXT, .min = 1, .max = PLAN_TEXT_SIZE_MAX,
      .help = "An expression over \"this\", the text as the mapping gave it: what is read instead. It replaces the entity's own.",
      OPTION_FIELD(struct cleanse_rule_config, repair) },
    { .name = "on_bad", .type = OPTION_ENUM, .names = CLEANSE_ACTION_NAMES, .default_text = "null",
      .help = "What happens where a value is there and cannot be read. By default what the entity says.",
      OPTION_FIELD(struct cleanse_rule_config, on_bad), OPTION_GIVEN(struct cleanse_rule_config, has_on_bad) },
    { .name = "that", .type = OPTION_TEXT, .min = 1, .max = PLAN_TEXT_SIZE_MAX,
      .help = "A condition over the entity's columns that must not be false, besides those of the entity.",
      OPTION_FIELD(struct cleanse_rule_config, that), OPTION_GIVEN(struct cleanse_rule_config, has_that) },
    { .name = "reason", .type = OPTION_TEXT, .default_text = "inconsistent", .min = 1, .max = PLAN_NAME_SIZE_MAX,
      .help = "What is counted where \"that\" is false: a reason of docs/reference/reasons.md.",
      OPTION_FIELD(struct cleanse_rule_config, reason) },
    { .name = "action", .type = OPTION_ENUM, .names = CLEANSE_ACTION_NAMES, .default_text = "null",
      .help = "What happens where \"that\" is false: the value is nulled, the row quarantined (columns that carry something only), or it is "
              "counted alone.",
      OPTION_FIELD(struct cleanse_rule_config, action) },
};
static const struct option_table CLEANSE_RULE_TABLE = OPTION_TABLE("cleanse rules", CLEANSE_RULE_OPTIONS, struct cleanse_rule_config,
    .help = "A rule for one column: repair, on_bad and that, at least one of them. Both legs follow it.");

static const struct option CLEANSE_OPTIONS[] = {
    { .name = "name", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = NAME_HELP, OPTION_FIELD(struct cleanse_config, name) },
    { .name = "rules", .type = OPTION_LIST, .item_type = OPTION_OBJECT, .table = &CLEANSE_RULE_TABLE, .max = PLAN_CLEANSE_RULE_COUNT_MAX,
      .help = "Rules for columns, besides those of the model. What they do is counted in meta.quality and shown by \"runs show\".",
      OPTION_FIELD(struct cleanse_config, rules) },
};
static const struct option_table CLEANSE_TABLE = OPTION_TABLE("cleanse", CLEANSE_OPTIONS, struct cleanse_config,
    .help = "Repairs or nulls what is wrong with a value, with a reason.");

static const struct option BATCH_TRANSFORM_OPTIONS[] = {
    { .name = "cleanse", .type = OPTION_OBJECT, .table = &CLEANSE_TABLE, .help = "Repairs or nulls what is wrong with a value, with a reason.",
      OPTION_FIELD(struct batch_transform_config, cleanse),
      .given_offset = offsetof(struct batch_transform_config, is_given) + GRAPH_CLEANSE + 1 },
    BATCH_TRANSFORM("standardize", GRAPH_STANDARDIZE,
                    "Brings names, codes, dates and units to one form, beside the value as it was sent."),
    BATCH_TRANSFORM("deduplicate", GRAPH_DEDUPLICATE,
                    "Takes exact repeats out and orders the versions of a fact; every version is loaded."),
    BATCH_TRANSFORM("conform", GRAPH_CONFORM, "Joins references, gives the person id, and keeps history."),
};
const struct option_table BATCH_TRANSFORM_TABLE =
    OPTION_TABLE("batch transforms", BATCH_TRANSFORM_OPTIONS, struct batch_transform_config,
                 .help = "The steps of the batch leg: a name, or an object of the name and its options.");

static const char *const NO_INPUT_NAMES[] = { "refuse", "accept", NULL };

static const struct option GATES_OPTIONS[] = {
    { .name = "quarantined_max", .type = OPTION_DECIMAL, .default_text = "0.05", .max = 1000000,
      .help = "The largest share of received records that may be quarantined; with more the run is not published.",
      OPTION_FIELD(struct gates_config, quarantined_max) },
    { .name = "no_input", .type = OPTION_ENUM, .names = NO_INPUT_NAMES, .default_text = "refuse",
      .help = "Whether a run that finds no input file at all is published.",
      OPTION_FIELD(struct gates_config, no_input) },
};
static const struct option_table GATES_TABLE = OPTION_TABLE("gates", GATES_OPTIONS, struct gates_config,
    .help = "What keeps a batch run from being published.");

static const struct option BATCH_OPTIONS[] = {
    { .name = "schedule", .type = OPTION_OBJECT, .table = &SCHEDULE_TABLE,
      .help = "When runs start; without it they are started by hand.",
      OPTION_FIELD(struct batch_config, schedule), OPTION_GIVEN(struct batch_config, has_schedule) },
    { .name = "sources", .type = OPTION_LIST, .item_type = OPTION_TEXT, .is_required = true, .min = 1,
      .max = PLAN_SOURCE_COUNT_MAX, .help = "The bindings that are read.", OPTION_FIELD(struct batch_config, sources) },
    { .name = "transforms", .type = OPTION_LIST, .item_type = OPTION_ANY, .is_required = true,
      .table = &BATCH_TRANSFORM_TABLE, .max = PLAN_STEP_COUNT_MAX,
      .help = "The steps, in the order in which they run: cleanse, standardize, deduplicate, conform.",
      OPTION_FIELD(struct batch_config, transforms) },
    { .name = "gates", .type = OPTION_OBJECT, .table = &GATES_TABLE, .help = "What keeps a run from being published.",
      OPTION_FIELD(struct batch_config, gates) },
    { .name = "sink", .type = OPTION_TEXT, .is_required = true, .min = 1, .help = "The binding of the warehouse.",
      OPTION_FIELD(struct batch_config, sink) },
};
static const struct option_table BATCH_TABLE = OPTION_TABLE("batch", BATCH_OPTIONS, struct batch_config,
    .help = "The batch leg: files to the warehouse.");

static const char *const AS_OF_NAMES[] = { "epoch", NULL };

static const struct option ENRICH_OPTIONS[] = {
    { .name = "name", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = NAME_HELP,
      OPTION_FIELD(struct enrich_config, name) },
    { .name = "as_of", .type = OPTION_ENUM, .names = AS_OF_NAMES, .default_text = "epoch",
      .help = "Which patient master is asked: \"epoch\" is the one that is known when the event is processed.",
      OPTION_FIELD(struct enrich_config, as_of) },
};
static const struct option_table ENRICH_TABLE = OPTION_TABLE("enrich_with_patient_master", ENRICH_OPTIONS,
    struct enrich_config, .help = "Adds the person to each event.");

static const struct option STREAMING_TRANSFORM_OPTIONS[] = {
    { .name = "enrich_with_patient_master", .type = OPTION_OBJECT, .table = &ENRICH_TABLE,
      .help = "Looks the local patient identifier up in the patient master and adds the person id.",
      OPTION_FIELD(struct streaming_transform_config, enrich),
      OPTION_GIVEN(struct streaming_transform_config, has_enrich) },
    { .name = "validate_event", .type = OPTION_OBJECT, .table = &STEP_TABLE,
      .help = "Checks each event against its entity; what fails goes to the dead letters.",
      OPTION_FIELD(struct streaming_transform_config, validate),
      OPTION_GIVEN(struct streaming_transform_config, has_validate) },
};
const struct option_table STREAMING_TRANSFORM_TABLE =
    OPTION_TABLE("streaming transforms", STREAMING_TRANSFORM_OPTIONS, struct streaming_transform_config,
                 .help = "The steps of the streaming leg: a name, or an object of the name and its options.");

static const char *const WINDOW_TYPE_NAMES[] = { "tumbling", NULL };
static const char *const WINDOW_KEY_NAMES[]  = { "facility", "event_type", "code", "unit", NULL };
static const char *const AGGREGATE_NAMES[]   = { "event_count", "patient_count", "abnormal_count", "value_min",
                                                 "value_avg",   "value_max",     NULL };

static const struct option WINDOW_OPTIONS[] = {
    { .name = "name", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "Its name: the store's tables are named by it. By default \"window_\" and the size: window_5m.",
      OPTION_FIELD(struct window_config, name) },
    { .name = "type", .type = OPTION_ENUM, .names = WINDOW_TYPE_NAMES, .default_text = "tumbling",
      .help = "Tumbling windows follow one another without a gap; each event is in one.",
      OPTION_FIELD(struct window_config, type) },
    { .name = "size", .type = OPTION_DURATION, .is_required = true, .min = US_PER_SECOND, .max = 7 * US_PER_DAY,
      .help = "How long a window is.", OPTION_FIELD(struct window_config, size) },
    { .name = "offset", .type = OPTION_DURATION, .default_text = "0", .max = 7 * US_PER_DAY,
      .help = "Shifts the grid, which otherwise starts at midnight UTC. Less than the size.",
      OPTION_FIELD(struct window_config, offset) },
    { .name = "lateness", .type = OPTION_DURATION, .default_text = "1h", .max = 31 * US_PER_DAY,
      .help = "How far behind the watermark an event may be and still revise its window. Later ones go to late_event.",
      OPTION_FIELD(struct window_config, lateness) },
    { .name = "disorder", .type = OPTION_DURATION, .default_text = "1m", .max = US_PER_DAY,
      .help = "How far the watermark stays behind the newest event of a partition: what comes within it is in order.",
      OPTION_FIELD(struct window_config, disorder) },
    { .name = "keys", .type = OPTION_LIST, .item_type = OPTION_ENUM, .names = WINDOW_KEY_NAMES, .min = 1, .max = 4,
      .help = "What rows of a window are grouped by. By default all: facility, event_type, code, unit.",
      OPTION_FIELD(struct window_config, keys), OPTION_GIVEN(struct window_config, has_keys) },
    { .name = "aggregates", .type = OPTION_LIST, .item_type = OPTION_ENUM, .names = AGGREGATE_NAMES, .min = 1, .max = 6,
      .help = "What is computed for each group. By default all. The value_ ones need the keys code and unit, for units "
              "never mix.",
      OPTION_FIELD(struct window_config, aggregates), OPTION_GIVEN(struct window_config, has_aggregates) },
};
const struct option_table WINDOW_TABLE = OPTION_TABLE("windows", WINDOW_OPTIONS, struct window_config,
    .help = "Counts and values by stretches of time.", .short_form = "size");

static const struct option ALERTS_OPTIONS[] = {
    { .name = "enabled", .type = OPTION_BOOL, .default_text = "true",
      .help = "Whether rules are judged and alerts are sent at all.", OPTION_FIELD(struct alerts_config, enabled) },
    { .name = "rules", .type = OPTION_LIST, .item_type = OPTION_TEXT, .is_required = true, .min = 1,
      .max = PLAN_RULE_COUNT_MAX, .help = "The rules of the model that are judged.",
      OPTION_FIELD(struct alerts_config, rules) },
};
static const struct option_table ALERTS_TABLE = OPTION_TABLE("alerts", ALERTS_OPTIONS, struct alerts_config,
    .help = "Which rules raise alerts.");

static const struct option STREAMING_OPTIONS[] = {
    { .name = "source", .type = OPTION_TEXT, .is_required = true, .min = 1, .help = "The binding of the event log.",
      OPTION_FIELD(struct streaming_config, source) },
    { .name = "transforms", .type = OPTION_LIST, .item_type = OPTION_ANY, .is_required = true,
      .table = &STREAMING_TRANSFORM_TABLE, .max = PLAN_STEP_COUNT_MAX,
      .help = "The steps, in the order in which they run: enrich_with_patient_master, validate_event.",
      OPTION_FIELD(struct streaming_config, transforms) },
    { .name = "idle_keep", .type = OPTION_DURATION, .default_text = "1d", .max = 366 * US_PER_DAY,
      .help = "How far behind the time that windows close by a partition without news may hold up that state is freed. What it then brings and "
              "is too late for that goes to late_event, with reason source_idle. 0: without end.",
      OPTION_FIELD(struct streaming_config, idle_keep) },
    { .name = "windows", .type = OPTION_OBJECT, .table = &WINDOW_TABLE,
      .help = "Counts and values by stretches of time; none without it.",
      OPTION_FIELD(struct streaming_config, windows), OPTION_GIVEN(struct streaming_config, has_windows) },
    { .name = "alerts", .type = OPTION_OBJECT, .table = &ALERTS_TABLE, .help = "Which rules raise alerts; none without it.",
      OPTION_FIELD(struct streaming_config, alerts), OPTION_GIVEN(struct streaming_config, has_alerts) },
    { .name = "sink", .type = OPTION_LIST, .item_type = OPTION_TEXT, .is_required = true, .min = 1,
      .max = PLAN_SOURCE_COUNT_MAX, .help = "The bindings of the store and of the alerting services.",
      OPTION_FIELD(struct streaming_config, sink) },
};
static const struct option_table STREAMING_TABLE = OPTION_TABLE("streaming", STREAMING_OPTIONS, struct streaming_config,
    .help = "The streaming leg: events to the store, and alerts.");

static const struct option PIPELINE_OPTIONS[] = {
    { .name = "batch", .type = OPTION_OBJECT, .table = &BATCH_TABLE, .help = "The batch leg.",
      OPTION_FIELD(struct pipeline_config, batch), OPTION_GIVEN(struct pipeline_config, has_batch) },
    { .name = "streaming", .type = OPTION_OBJECT, .table = &STREAMING_TABLE, .help = "The streaming leg.",
      OPTION_FIELD(struct pipeline_config, streaming), OPTION_GIVEN(struct pipeline_config, has_streaming) },
};
static const struct option_table PIPELINE_TABLE = OPTION_TABLE("pipeline", PIPELINE_OPTIONS, struct pipeline_config,
    .help = "The two legs; either may be left out.");

static const struct option PIPELINE_FILE_OPTIONS[] = {
    { .name = "pipeline", .type = OPTION_OBJECT, .table = &PIPELINE_TABLE, .is_required = true,
      .help = "What runs. The names in it are bound in bindings.json.",
      OPTION_FIELD(struct pipeline_file_config, pipeline) },
};
const struct option_table PIPELINE_FILE_TABLE =
    OPTION_TABLE("pipeline.json", PIPELINE_FILE_OPTIONS, struct pipeline_file_config,
                 .help = "What a pipeline does, the same from laptop to production.");
