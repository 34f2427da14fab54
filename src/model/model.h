/* What the field knows, as data: entities, mappings, rules and reasons (model/README.md is the grammar).
 *
 * The embedded files are read first, then those that the site gives; a file with the name of an earlier one replaces
 * it (a rule is merged into it, so that a site can approve limits without repeating them). Everything is checked here:
 * a model that loads has only names that exist, and expressions that parse and fit their columns.
 *
 * The structs are read-only and live as long as the model; every text ends in NUL and lies in the model's arena. */
#ifndef HEDDLE_MODEL_MODEL_H
#define HEDDLE_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "model/access_rule.h"
#include "model/interaction_rule.h"
#include "column/type.h"
#include "health/reference_change.h"

struct unit_conversion; /* health/units.h */

/* An expression, a path or a name, and where it stands. `text.data` NULL: the file does not give it. `column` is that
 * of the opening quote. */
struct model_text {
    struct str text;
    uint32_t   line;
    uint32_t   column;
};

/* ---- Reasons ---- */

enum outcome {
    OUTCOME_LOADED,
    OUTCOME_DEDUPLICATED,
    OUTCOME_FILTERED,
    OUTCOME_QUARANTINED,
    OUTCOME_LATE,  /* Not an outcome of I1: where a loaded event went besides. */
    OUTCOME_FIELD, /* A value was repaired, nulled or warned of; its row went on. */
    OUTCOME_LOST,  /* Nor this: records of a log that were gone before they were read. */
};
#define OUTCOME_COUNT 7

/* "loaded", "deduplicated", "filtered", "quarantined", "late", "field", "lost". */
const char *outcome_name(enum outcome outcome);

/* One of the closed list of model/terms/reasons.json. */
struct reason {
    const char *code;
    uint32_t    index;    /* In model->reasons: small, dense, for counters. Not stable between versions. */
    uint32_t    outcomes; /* Bit 1 << outcome: those that it may explain. */
    const char *help;     /* What it means. */
    const char *remedy;   /* What to do. */
};

/* ---- Entities ---- */

enum entity_kind {
    ENTITY_FACT,      /* Every version is loaded, an exact repeat is deduplicated, the latest is current. */
    ENTITY_DIMENSION, /* Versions follow one another in time; equal content to the one before is deduplicated. */
};

/* What is done about a value. NULLED is "null" in the files. */
enum model_action {
    ACTION_NULLED,
    ACTION_QUARANTINE,
    ACTION_WARN,
    ACTION_REPAIR,
};
#define ACTION_COUNT 4
const char *model_action_name(enum model_action action); /* "null", "quarantine", "warn", "repair" */

/* What a column means for its event. Only a column that carries something may reject its row: a bad field is not a
 * lost alarm. */
enum column_carries {
    CARRIES_NOTHING,
    CARRIES_PATIENT, /* Whose it is. */
    CARRIES_EVENT,   /* What it is: its identity, code, status. */
    CARRIES_TIME,
    CARRIES_VALUE, /* What rules judge. */
    CARRIES_UNIT,
};

struct entity_check {
    struct model_text    that; /* False fails; null passes. */
    const struct reason *reason;
    enum model_action    action; /* NULLED, QUARANTINE or WARN. */
};

struct entity_column {
    const char                *name;
    const char                *help;
    struct type                type;
    struct model_text          cleanse;  /* Over `this`; none: nullif(trim(this), ''). */
    struct model_text          standard; /* None: a column that mappings set. */
    const struct entity_check *checks;
    uint32_t                   check_count;
    enum model_action          on_bad; /* NULLED, QUARANTINE or WARN. */
    enum column_carries        carries;
    bool                       is_required;
    bool                       is_phi;
    bool                       is_implicit; /* data_source, facility: added to every entity. */
    uint32_t                   line;
    uint32_t                   column;
};

/* Which rows of an entity are not wanted, whatever else is wrong with them. */
struct entity_filter {
    struct model_text    when; /* True filters. */
    const struct reason *reason;
};

struct entity {
    const char                 *name;
    const char                 *help;
    const char                 *file; /* "model/entities/lab_result.json": what errors name. */
    enum entity_kind            kind;
    const struct entity_column *columns; /* Order of the file, then the implicit ones. */
    uint32_t                    column_count;
    const uint32_t             *key; /* Indices into columns. */
    uint32_t                    key_count;
    const uint32_t             *version;
    uint32_t                    version_count;
    int32_t                     event_time_column;     /* -1: none. */
    int32_t                     effective_time_column; /* -1: none. */
    const struct entity_filter *filters;
    uint32_t                    filter_count;
};

/* -1 where there is none. */
int32_t entity_column_find(const struct entity *entity, const char *name);

/* ---- Mappings ---- */

enum model_format {
    MODEL_CSV,
    MODEL_HL7V2,
    MODEL_JSON,
    MODEL_FHIR_R4,
    MODEL_X12,
    MODEL_FIXED,
};
#define MODEL_FORMAT_COUNT 6
const char *model_format_name(enum model_format format);
bool        model_format_find(struct str name, enum model_format *ret_format);

/* A name for a path: a text column of the raw chunk. The first path that is there and not empty gives the value. */
struct mapping_field {
    const char              *name;
    const struct model_text *paths; /* At least one. */
    uint32_t                 path_count;
    bool                     is_required; /* CSV: a file without the header is not of this mapping. */
    uint32_t                 line;
    uint32_t                 column;
};

struct mapping_column {
    uint32_t          entity_column; /* Index into entity->columns. */
    struct model_text expression;
};

struct mapping {
    const struct model          *model; /* That it is of. */
    const char                  *name;
    const char                  *help;
    const char                  *file;
    enum model_format            format;
    const struct entity         *entity; /* NULL (CSV and fixed width): its rows stay in raw, its records are filtered, no_entity. */
    const struct model_text     *detect_headers; /* CSV: all must be there. */
    uint32_t                     detect_header_count;
    const struct model_text     *absent_headers; /* CSV: none may be there. */
    uint32_t                     absent_header_count;
    const struct model_text     *detect_files; /* Fixed width: what the file's name is like, with * and ?. */
    uint32_t                     detect_file_count;
    bool                         has_no_quotes; /* CSV: a quote is a letter like others. */
    struct model_text            when;
    bool                         keeps_empty; /* An empty value means that nothing changed: the version before it tells. */
    const struct model_text     *each; /* What makes a row, in order; none: the record itself. */
    uint32_t                     each_count;
    const struct mapping_field  *fields;
    uint32_t                     field_count;
    const struct mapping_column *columns; /* As the file gives them. */
    uint32_t                     column_count;
    struct model_text            event_system; /* Who numbered event_id. None: the field of that name, else the binding. */
    struct model_text            event_id;     /* The event's identity in the live leg. None: the field of that name. */
};

int32_t mapping_field_find(const struct mapping *mapping, const char *name);

/* ---- Rules ---- */

enum rule_kind {
    RULE_CRITICAL_VALUE,            /* A result beyond a limit, or flagged so by its laboratory. */
    RULE_NO_TREATMENT_RELATIONSHIP, /* An access that no encounter or order explains. */
    RULE_ACUTE_KIDNEY_INJURY,       /* A creatinine that is high beside the patient's earlier ones. */
    RULE_DELTA_CHECK,               /* A result that differs much from an earlier one. */
    RULE_RELATIVE_TREND,            /* Results whose line falls or rises by a share of itself. */
    RULE_MEDICATION_INTERACTION,    /* Two drugs at the same time that are not to be taken together. */
    RULE_ACCESS_VOLUME,             /* More accesses, or patients, of a user's day than of peers. */
};
#define RULE_KIND_COUNT 7

enum severity {
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
};
#define SEVERITY_COUNT 4
const char *severity_name(enum severity severity); /* "low" … "critical" */

/* Fires where the value is below `low` or above `high` (neither: never), in `unit`, the analyte's normalized one, and
 * the patient's age at the effective time lies in [age_min_years, age_max_years). */
struct rule_limit {
    const char   *code; /* LOINC. */
    const char   *help;
    const char   *unit;
    int64_t       low;  /* decimal(18,6) */
    int64_t       high; /* decimal(18,6) */
    bool          has_low;
    bool          has_high;
    int32_t       age_min_years; /* 0: from birth. */
    int32_t       age_max_years; /* Exclusive; 0: no end. */
    enum severity severity;
    bool          has_haemolysed;      /* In a haemolysed specimen what is above `high`, but not above this, is less severe. */
    int64_t       haemolysed_high;     /* decimal(18,6) */
    enum severity haemolysed_severity;
    uint32_t      line;
    uint32_t      column;
};

/* A code of a series, and how its normalized values come to the unit of the series. */
struct rule_code {
    const char                   *code; /* LOINC. */
    const struct unit_conversion *conversion;
};

/* Results that are one thing to a rule about their course, whatever their codes. */
struct rule_series {
    const struct rule_code *codes; /* At least one; the first names the series, and is kept in its unit. */
    uint32_t                code_count;
    const char             *unit;
};

/* How acute kidney injury is told (live/rule/kidney.h). */
struct rule_kidney {
    bool    prefers_recent;    /* RV2 counts only where there is no RV1; else the higher ratio of both. */
    bool    counts_whole_days; /* Day 7 ends where the eighth begins; else 168 hours before. */
    int32_t recent_days;       /* RV1: days 0 to this one. */
    int32_t look_back_days;    /* RV2: the days from there to this one. */
    int64_t ratios[3];         /* Of the three stages, ascending, millionths. */
    bool    ratio_reaches;     /* A ratio that is met exactly counts. */
    int64_t rise;              /* In the unit of the series, millionths. */
    bool    rise_reaches;
    int64_t rise_window_us;
    int64_t level;             /* Stage 3 above it. */
    bool    level_reaches;
    int64_t level_multiple;    /* Minors have a level of their own: the upper limit of the reference range times this, millionths. */
};

enum rule_direction { DIRECTION_RISE, DIRECTION_FALL };
#define DIRECTION_COUNT 2
enum rule_measure { MEASURE_ABSOLUTE, MEASURE_PERCENT, MEASURE_REFERENCE_CHANGE };
#define MEASURE_COUNT 3

/* What a difference to an earlier result of its series must be (live/rule/delta.h). */
struct rule_delta {
    const char             *help;
    int64_t                 within_us;          /* How old the earlier result may be. */
    bool                    is_against_extreme; /* The highest (for a fall) or lowest of these; else the last. */
    bool                    reaches;            /* A limit that is met exactly counts. */
    enum severity           severity;
    int64_t                 limits[MEASURE_COUNT][DIRECTION_COUNT]; /* Millionths; in the unit of the series, else percent. 0: none. */
    bool                    has_haemolysed;      /* A haemolysed specimen, of either result, makes it less severe. */
    enum severity           haemolysed_severity;
    struct reference_change change; /* What the limits of MEASURE_REFERENCE_CHANGE follow from. */
};

/* What the line through the results of its series must be (live/rule/trend.h). */
struct rule_trend {
    const char   *help;
    int64_t       within_us;    /* How old its first result may be; at most TREND_DAYS_MAX. */
    int32_t       result_count; /* Of different minutes, at least; from 4 on. */
    bool          reaches;
    enum severity severity;
    bool          has_haemolysed; /* A haemolysed specimen, of any of its results, makes it less severe. */
    enum severity haemolysed_severity;
    int64_t       limits[DIRECTION_COUNT]; /* Percent, millionths. 0: none. */
};

struct rule_pack {
    const char          *name;
    const char          *help;
    const char          *file; /* Of the last file that had a say. */
    enum rule_kind       kind;
    const struct entity *entity;  /* Whose rows fire it. */
    const char          *version; /* Of the limits; goes into each alert. */
    enum severity        severity; /* Where a limit or flag says nothing else. */
    int64_t              cooldown_us;
    int64_t              history_us; /* How much of the past is kept, and loaded at the start. */

    bool        is_approved; /* Else limits are computed and shown (mode shadow), not sent. */
    const char *approved_by; /* NULL while not approved. */
    int32_t     approved_on; /* Days since 1970. */

    /* Rules that belong to it: who names it, in a pipeline or a route, means these too. Those of its members are among them, each
     * once, and itself is not. */
    const struct rule_pack *const *members;
    uint32_t                       member_count;

    /* RULE_CRITICAL_VALUE */
    const struct rule_limit *limits;
    uint32_t                 limit_count;
    const char *const       *laboratory_flags; /* Normalized: LL, HH, AA. They fire whether limits are approved or not. */
    uint32_t                 laboratory_flag_count;

    /* RULE_NO_TREATMENT_RELATIONSHIP: an explanation by `explained_by` from `before` before to `after` after. */
    int64_t                     before_us;
    int64_t                     after_us;
    const struct entity *const *explained_by;
    uint32_t                    explained_by_count;
    struct access_rule         access;

    /* Rules about the course of results. */
    const struct rule_series *series;
    uint32_t                  series_count;
    int32_t                   adult_years; /* Who is younger is a minor: has a level of his own, or is not judged. */
    struct rule_kidney        kidney; /* RULE_ACUTE_KIDNEY_INJURY */
    const struct rule_delta  *deltas; /* RULE_DELTA_CHECK: one a series. */
    const struct rule_trend  *trends; /* RULE_RELATIVE_TREND: one a series. */

    struct interaction_rule interaction; /* RULE_MEDICATION_INTERACTION */

    struct access_volume_rule volume; /* RULE_ACCESS_VOLUME; its severities are those of `access`. */
};

/* Entities whose rows the rule goes by besides its own entity's, one after the other: what explains accesses, orders of drugs. NULL: no more. */
const struct entity *rule_other_entity(const struct rule_pack *rule, uint32_t index);

/* Whether the warehouse's rows of its own entity count as what came before the stream, too. */
bool rule_has_past(const struct rule_pack *rule);

/* Whether the rule judges what the entity's rows say of drugs. */
bool rule_judges_drugs_of(const struct rule_pack *rule, const struct entity *entity);

/* Whether the rule judges a result by those before it: it then keeps all of its series. */
bool rule_has_series(const struct rule_pack *rule);

/* ---- The model ---- */

struct model {
    const struct entity    *entities; /* Each sorted by name. */
    uint32_t                entity_count;
    const struct mapping   *mappings;
    uint32_t                mapping_count;
    const struct rule_pack *rules;
    uint32_t                rule_count;
    const struct reason    *reasons; /* Order of the file; reason->index is the place. */
    uint32_t                reason_count;
    struct hash128          digest; /* Of all files' paths and bytes, in order of reading: for manifests (I5). */
};

const struct entity    *model_entity(const struct model *model, struct str name);
const struct mapping   *model_mapping(const struct model *model, struct str name);
const struct rule_pack *model_rule(const struct model *model, struct str name);
const struct reason    *model_reason(const struct model *model, struct str code);

/* A file of the site's: its text must live as long as the call only. */
struct json;

struct model_file {
    const char *path; /* For errors. */
    struct str  text;
    /* In place of a text: rules for columns, a list of objects with texts at entity, column and repair, on_bad, that, reason, action
     * (docs/reference/pipeline.md). What is of another form is left to who bound the list. Not kept. */
    const struct json *cleanse_rules;
};

/* Called once for each error, with file:line:column; `err` lives as long as the call. */
typedef void model_report_fn(void *context, const struct error *err);

/* The embedded files and then `files`, in their order. All errors go to `report` (which may be NULL), the first one to
 * `err` as well. On success the caller frees *ret_model with model_free. */
enum status model_load(const struct model_file *files, size_t file_count, model_report_fn *report,
                       void *report_context, struct model **ret_model, struct error *err);
void        model_free(struct model *model);

#endif
