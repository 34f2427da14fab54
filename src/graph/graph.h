/* The plan of a pipeline as data: what plan/ builds from pipeline.json and bindings.json, and warehouse/ (batch leg) and
 * live/ (streaming leg) execute.
 *
 *     graph ─┬─ batch ──────┬─ sources ── inputs          (EHR_RAW, CLAIMS_RAW, …; each lists files)
 *            │              ├─ transforms                 (cleanse, standardize, deduplicate, conform)
 *            │              ├─ gates
 *            │              └─ warehouse
 *            └─ streaming ──┬─ source ── inputs           (the event log)
 *                           ├─ transforms                 (enrich_with_patient_master, validate_event)
 *                           ├─ window
 *                           ├─ rules
 *                           ├─ store
 *                           └─ routes                     (which alert goes to which sink)
 *
 * Everything is resolved: short forms are long, defaults are filled in, names are found, paths are absolute, durations
 * are microseconds, sizes are bytes. Nothing here was opened. A graph is read-only and may be shared by threads; all of
 * it, texts too, lies in one arena and lives until graph_free. Texts are NUL-terminated behind their size; a text that
 * was not given and has no default is empty. */
#ifndef HEDDLE_GRAPH_GRAPH_H
#define HEDDLE_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct model;

/* Where in the configuration something was written, for errors at run time: error_at(err, file, line, column). */
struct graph_origin {
    struct str file; /* As the user named it. */
    uint32_t   line; /* 0: it came from a default. */
    uint32_t   column;
};

struct graph_names {
    const struct str *items;
    size_t            count;
};

/* Where a secret is kept; never the secret itself. io/key.h reads it. */
enum graph_secret_kind {
    GRAPH_SECRET_NONE,
    GRAPH_SECRET_FILE, /* `name` is an absolute path. */
    GRAPH_SECRET_ENV,  /* `name` is a variable of the environment. */
};

struct graph_secret {
    enum graph_secret_kind kind;
    struct str             name;
    struct str             text; /* The reference resolved, "file:/abs/path" or "env:NAME", as io/key.h takes it. */
    struct graph_origin    origin;
};

/* Not encrypted is only what says so in writing: "encryption": "none". */
struct graph_encryption {
    bool                is_encrypted;
    struct graph_secret key; /* kind NONE exactly where not encrypted. */
};

/* ---- Sources -------------------------------------------------------------------------------------------------------- */

enum graph_input_type {
    GRAPH_INPUT_FILE,  /* Files, in batch whole, in the streaming leg followed as they grow. */
    GRAPH_INPUT_KAFKA, /* Topics; the streaming leg alone. */
};

enum graph_sasl {
    GRAPH_SASL_PLAIN,
    GRAPH_SASL_SCRAM_SHA_256,
    GRAPH_SASL_SCRAM_SHA_512,
    GRAPH_SASL_GSSAPI,
    GRAPH_SASL_OAUTHBEARER,
    GRAPH_SASL_NONE,
};

/* Where a partition begins that nothing was committed of when the store was new. */
enum graph_start {
    GRAPH_START_EARLIEST,
    GRAPH_START_LATEST,
    GRAPH_START_TIME, /* At the first message that is not older. */
};

struct graph_offset {
    struct str partition; /* "edw.events/0" */
    int64_t    offset;
};

struct graph_kafka {
    struct str                 brokers; /* "k1:9093,k2:9093" */
    struct graph_names         topics;  /* Names, or patterns that begin with '^'. */
    struct str                 group;   /* What positions are told under. */
    enum graph_start           start;
    int64_t                    start_us;
    const struct graph_offset *offsets; /* Before `start`, for the partitions that it names. */
    size_t                     offset_count;
    bool                       has_tls;
    struct graph_secret        ca, certificate, key; /* PEM; kind NONE: the system's authorities, no certificate. */
    enum graph_sasl            sasl;
    struct graph_secret        username, password; /* PLAIN, SCRAM; of OAUTHBEARER the client's id and secret. */
    struct str                 principal, keytab, service; /* GSSAPI; empty: the library's own defaults. */
    struct str                 token_url, scope;           /* OAUTHBEARER */
};

enum graph_format {
    GRAPH_FORMAT_AUTO, /* Found from the content of each file. */
    GRAPH_FORMAT_CSV,
    GRAPH_FORMAT_HL7V2,
    GRAPH_FORMAT_JSON, /* One JSON value a line. */
    GRAPH_FORMAT_FHIR_R4,
    GRAPH_FORMAT_FIXED, /* Lines of columns at fixed places, told by the file's name. */
    GRAPH_FORMAT_COUNT
};

struct graph_input {
    struct graph_origin   origin;
    enum graph_input_type type;
    struct graph_kafka    kafka;   /* Of type KAFKA; then root and pattern are empty, and path is only to be shown. */
    struct str            root;    /* Absolute folder, to be taken literally: "/srv/edw". */
    struct str            pattern; /* Path below root, with *, **, ? and [...]: "in/lab/?*.hl7". */
    struct str            path;    /* Root and pattern joined, as walk_files takes it (wildcards of the root escaped). */
    enum graph_format     format;
    struct str            mapping;     /* A mapping's name, or what several begin with ("synthea": synthea_patients, …);
                                          empty: every mapping of the format that fits the content. */
    struct str            system;      /* Who assigned identifiers that name no system. Never empty. */
    struct str            data_source; /* Column data_source of every row. Never empty; default: the binding's name. */
    struct str            zone;        /* IANA name of local times without an offset. Never empty. */
    struct str            facility;    /* Column facility where the record names none; may be empty. */
    struct graph_names    labels;      /* Sensitivity labels that every row gets, like 42CFRPart2. */
    struct str            label_text;  /* The same, one comma between two. */
    struct graph_names    processing_ids; /* HL7 v2, MSH-11: others are filtered (training and debugging messages). */
    struct str            charset;        /* "utf-8", "windows-1252", "iso-8859-1"; empty: from the content. */
    char                  delimiter;      /* CSV; 0: from the header line. */
    struct str            log_time;       /* Event logs: path of the member that says when the event was written; empty: none. */
    bool                  is_log_time_beside; /* The log says it beside each record; log_time is then what it is called. */
    int64_t               log_time_skew_us; /* So far an event's time may lie beyond it. */
    bool                  is_empty_error; /* No file matches: true fails the run, false counts 0 and names it. */
};

/* A binding that a leg reads. */
struct graph_source {
    struct graph_origin       origin;
    struct str                name; /* "EHR_RAW": column source everywhere. */
    const struct graph_input *inputs;
    size_t                    input_count; /* At least one. */
};

/* ---- Steps ---------------------------------------------------------------------------------------------------------- */

/* What every step has. State and tables are named by it; names are unique in a leg. */
struct graph_step {
    struct graph_origin origin;
    struct str          name; /* "cleanse", "window_5m", "unusual_access". */
};

/* What the cleanse step does with one column besides what its entity says, as it was written; it is applied to the model, which both legs
 * run by. Empty: not given. */
struct graph_cleanse_rule {
    struct str entity;
    struct str column;
    struct str repair; /* An expression over `this`. */
    struct str on_bad; /* "null", "quarantine" or "warn". */
    struct str that;   /* An expression over the entity's columns. */
    struct str reason; /* Where `that` is false. */
    struct str action;
};

/* In the order in which they run. Each is there exactly once in a batch leg. */
enum graph_transform {
    GRAPH_CLEANSE,
    GRAPH_STANDARDIZE,
    GRAPH_DEDUPLICATE,
    GRAPH_CONFORM,
    GRAPH_TRANSFORM_COUNT
};

/* What keeps a run from being published (I9). */
struct graph_gates {
    int64_t quarantined_max;      /* Largest share of received records, in millionths: 50,000 is 5 %. */
    bool    is_no_input_accepted; /* A run without a single input file is published. */
};

enum graph_as_of {
    GRAPH_AS_OF_EPOCH, /* The patient master as it is known when the epoch is processed. */
};

struct graph_enrich {
    struct graph_step step;
    enum graph_as_of  as_of;
};

struct graph_validate {
    struct graph_step step;
};

enum graph_window_type {
    GRAPH_WINDOW_TUMBLING,
};

/* Columns that rows of a window are grouped by; they come in this order in the window's table. */
enum graph_window_key {
    GRAPH_KEY_FACILITY,
    GRAPH_KEY_EVENT_TYPE,
    GRAPH_KEY_CODE,
    GRAPH_KEY_UNIT,
    GRAPH_WINDOW_KEY_COUNT
};

enum graph_aggregate {
    GRAPH_EVENT_COUNT,    /* Accepted events. */
    GRAPH_PATIENT_COUNT,  /* Distinct (patient_system, patient_id). */
    GRAPH_ABNORMAL_COUNT, /* Interpretation other than normal. */
    GRAPH_VALUE_MIN,      /* Of normalized values without a comparator; these three never without the keys */
    GRAPH_VALUE_AVG,      /* code and unit. */
    GRAPH_VALUE_MAX,
    GRAPH_AGGREGATE_COUNT
};

struct graph_window {
    struct graph_step      step; /* Names the tables: window_5m and window_5m_revisions. A plain SQL identifier. */
    enum graph_window_type type;
    int64_t                size_us;     /* > 0. */
    int64_t                offset_us;   /* Shifts the grid; 0 <= offset < size. */
    int64_t                lateness_us; /* An event so late still revises its window (I3); >= 0. */
    int64_t                disorder_us; /* A partition's watermark lies so far behind its newest event; >= 0. */
    bool                   has_key[GRAPH_WINDOW_KEY_COUNT];
    bool                   has_aggregate[GRAPH_AGGREGATE_COUNT];
};

/* A rule pack that is switched on. The model knows what it says. */
struct graph_rule {
    struct graph_step step; /* Named as the rule: column rule of the alerts. */
};

/* Alerts about results that could not be judged; it comes from validate_event, not from a pack, and is routed like a
 * rule. */
#define GRAPH_RULE_UNEVALUATED_RESULT "unevaluated_result"

/* ---- Sinks ---------------------------------------------------------------------------------------------------------- */

enum graph_warehouse_type {
    GRAPH_WAREHOUSE_DUCKDB,
};

/* After each published run: a copy of the warehouse that others read while the pipeline's own process has that open. */
struct graph_publish {
    bool                    is_bound;
    struct graph_origin     origin;
    struct str              path; /* Absolute. */
    struct graph_encryption encryption; /* As the warehouse's, unless it has a key of its own. */
};

struct graph_warehouse {
    struct graph_origin       origin;
    struct str                name; /* "ENTERPRISE_DATA_WAREHOUSE". */
    enum graph_warehouse_type type;
    struct str                path; /* Absolute. */
    struct graph_encryption   encryption;
    struct graph_publish      publish;
};

enum graph_store_type {
    GRAPH_STORE_SQLITE,
    GRAPH_STORE_POSTGRES,
};

struct graph_store {
    struct graph_origin     origin;
    struct str              name; /* "REALTIME_ANALYTICS_STORE". */
    enum graph_store_type   type;
    struct str              path; /* Absolute. State segments and the patient master lie beside it. POSTGRES: there is no such file, but lock,
                                     socket and patient master of this machine begin with it. */
    struct graph_encryption encryption;
    struct graph_secret     conninfo; /* POSTGRES: what to connect with. */
    struct str              schema;   /* POSTGRES. */
};

enum graph_route_type {
    GRAPH_ROUTE_FILE,         /* One JSON object a line, appended. */
    GRAPH_ROUTE_WEBHOOK,      /* One JSON object a request. */
    GRAPH_ROUTE_ALERTMANAGER, /* Prometheus Alertmanager's API v2. */
    GRAPH_ROUTE_SMTP,         /* A mail of one alert or several. */
    GRAPH_ROUTE_KAFKA,        /* A message in a topic. */
};

/* How much patient data leaves with an alert. */
enum graph_phi {
    GRAPH_PHI_NONE,    /* Neither person nor identifiers, values or evidence. */
    GRAPH_PHI_MINIMUM, /* What finding the case needs: person_id, encounter, location, code; no clear identifier. */
    GRAPH_PHI_FULL,    /* The alert row. */
};

struct graph_header {
    struct str          name;
    struct str          text;   /* Its value, where it is no secret. */
    struct graph_secret secret; /* Else where that is kept. */
};

/* Of routes that leave over the network. */
/* What a message says an alert in. */
enum graph_alert_form {
    GRAPH_ALERT_JSON,
    GRAPH_ALERT_CLOUDEVENTS, /* CloudEvents 1.0 in structured mode, around that JSON. */
};

struct graph_receiver {
    struct str                 url; /* io/url.h takes it. */
    const struct graph_header *headers;
    size_t                     header_count;
    struct graph_secret        sign; /* The key of X-Heddle-Signature; kind NONE: not signed. */
    struct graph_secret        ca, certificate, key; /* PEM; kind NONE: the system's authorities, no certificate. */
    int64_t                    timeout_us; /* Of one request. */
    struct str                 from; /* SMTP: addresses, without names. */
    struct graph_names         to;
    struct graph_secret        user, password; /* SMTP: of its login; kind NONE: none. */
    int64_t                    group_count_max; /* SMTP: alerts in one mail. */
    int64_t                    rate_count; /* Requests in rate_per_us; 0: no limit. */
    int64_t                    rate_per_us;
    struct graph_kafka         kafka; /* KAFKA: brokers and who we are; the rest is empty. `url` is for people then: "kafka k1:9093: alerts". */
    struct str                 topic;
    enum graph_alert_form      form;
};

struct graph_route {
    struct graph_origin   origin;
    struct str            name;  /* Column sink of alert_outbox: the binding's name, or "NAME.2" for its second route. */
    struct str            binding; /* "ALERTING_SERVICE": routes of one binding stand together. */
    struct graph_names    rules; /* Whose alerts it takes; empty: every rule's. */
    enum graph_route_type type;
    struct str            path; /* FILE: absolute. */
    struct graph_receiver receiver; /* Of the others. */
    enum graph_phi        phi;
    int64_t               retry_first_us; /* Waits after the first failure, doubling up to … */
    int64_t               retry_max_us;
    int64_t               give_up_us; /* After so long the row becomes given_up. */
};

/* ---- Schedule ------------------------------------------------------------------------------------------------------- */

/* A cron expression as sets of bits: bit n of `minutes` is minute n. Checked and explained; not yet kept. */
struct graph_schedule {
    struct str text;     /* The five fields: "0 2 * * *". */
    struct str zone;     /* Whose clock. */
    uint64_t   minutes;  /* Bits 0 to 59. */
    uint32_t   hours;    /* 0 to 23. */
    uint32_t   days;     /* 1 to 31. */
    uint16_t   months;   /* 1 to 12. */
    uint8_t    weekdays; /* 0 (Sunday) to 6. */
    bool       is_either_day; /* Both day fields are restricted: a day that fits either one counts, as in cron. */
};

/* ---- The whole ------------------------------------------------------------------------------------------------------ */

struct graph_batch {
    struct graph_origin        origin;
    bool                       has_schedule;
    struct graph_schedule      schedule;
    const struct graph_source *sources;
    size_t                     source_count; /* At least one. */
    struct graph_step          transforms[GRAPH_TRANSFORM_COUNT];
    const struct graph_cleanse_rule *cleanse_rules;
    size_t                     cleanse_rule_count;
    struct graph_gates         gates;
    struct graph_warehouse     warehouse;
};

struct graph_streaming {
    struct graph_origin       origin;
    struct graph_source       source;
    struct graph_enrich       enrich;
    struct graph_validate     validate;
    int64_t                   idle_keep_us; /* An idle partition's watermark lies at most so far behind what windows close by; 0: any way. */
    bool                      has_window;
    struct graph_window       window;
    const struct graph_rule  *rules; /* None where alerts are not enabled. */
    size_t                    rule_count;
    struct graph_store        store;
    const struct graph_route *routes; /* Every rule and unevaluated_result has at least one, where alerts are enabled. */
    size_t                    route_count;
};

/* How epochs are cut (P2): by whichever comes first. */
struct graph_epoch {
    int64_t interval_us;
    int64_t row_count_max; /* Rows that the workers have taken since the last cut. */
};

/* Results do not depend on anything in here. */
struct graph_runtime {
    int64_t worker_count;           /* Threads of a leg; at least 1. */
    bool    is_worker_count_given;  /* False: it is the machine's number of processors. */
    int64_t chunk_row_count_max;    /* 1 to CHUNK_ROW_COUNT_MAX; smaller ones are for tests. */
    int64_t warehouse_memory_bytes; /* What a batch run may hold before it spills: DuckDB and the decoding threads together. */
    int64_t temp_space_bytes;       /* What it may spill; 0: DuckDB's own bound, 90 % of what is free. */
    int64_t ahead_us;               /* Partitions of the live leg further ahead of the slowest one's watermark wait. */
    int64_t state_bytes_max;        /* What the live leg's steps may remember before logs are read slowly; 0: any amount. */
    struct graph_epoch epoch;
};

struct graph {
    struct arena           arena;
    struct str             name;         /* The pipeline's identity: alert ids, locks, the default system. */
    bool                   is_name_given; /* False: it is the folder's name, and what the store kept goes first. */
    struct str             environment;  /* "production"; may be empty. */
    struct str             zone;         /* May be empty where every input has its own. */
    struct str             facility;
    struct str             owner;
    struct str             system;     /* "urn:heddle:<name>": default of every input. */
    struct graph_secret    person_key; /* Of person_id; a file that is missing is made at the first start, mode 0600. */
    struct str             audit_path; /* The hash-chained audit file, absolute. */
    struct graph_names     model_patterns; /* Model files that the site adds, absolute, with wildcards. */
    struct str             pipeline_file; /* Absolute paths of what was read. */
    struct str             bindings_file;
    struct str             bindings_folder; /* Relative paths start here. */
    bool                   has_batch;
    struct graph_batch     batch;
    bool                   has_streaming;
    struct graph_streaming streaming;
    struct graph_runtime   runtime;
    const struct model    *model; /* Built in and overridden; borrowed, lives as long as the graph (plan/plan.h). */
    /* The long form of both files as one JSON object, {"pipeline": …, "bindings": …}; plan/ reads it back to an
     * equal graph. The digest (32 hexadecimal digits) covers all of it but `runtime`. For meta.run and the epoch's
     * plan_digest. */
    struct str configuration;
    struct str digest;
};

/* Accepts NULL. */
void graph_free(struct graph *graph);

/* Names as the configuration and the tables write them. */
const char *graph_format_name(enum graph_format format);
const char *graph_transform_name(enum graph_transform transform);
const char *graph_window_key_name(enum graph_window_key key);
const char *graph_aggregate_name(enum graph_aggregate aggregate);
const char *graph_phi_name(enum graph_phi phi);
const char *graph_route_type_name(enum graph_route_type type);
const char *graph_sasl_name(enum graph_sasl sasl); /* As Kafka calls it; not of NONE. */

/* Whether the route takes alerts of this rule (or of GRAPH_RULE_UNEVALUATED_RESULT). */
bool graph_route_takes(const struct graph_route *route, struct str rule);

/* The source or sink of that binding's name, in either leg, or NULL. */
const struct graph_source *graph_source_find(const struct graph *graph, struct str name);

#endif
