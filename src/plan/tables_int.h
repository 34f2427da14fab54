/* The option tables of pipeline.json and bindings.json, and the structs that they fill.
 *
 * These are the files as they are written: names not yet looked up, paths not yet resolved. plan/ makes the graph of
 * them. Fields are named as the options are. */
#ifndef HEDDLE_PLAN_TABLES_INT_H
#define HEDDLE_PLAN_TABLES_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "graph/graph.h"

/* ---- pipeline.json ---- */

struct schedule_config {
    struct str cron;
    struct str zone;
};

/* One item of `transforms`: its name alone, or an object with one member. Each transform's own options follow. */
struct step_config {
    struct str name;
};

struct cleanse_rule_config {
    struct str entity;
    struct str column;
    struct str repair;
    int        on_bad;
    struct str that;
    struct str reason;
    int        action;
    bool       has_on_bad;
    bool       has_that;
};

struct cleanse_config {
    struct str         name;
    struct option_list rules;
};

struct batch_transform_config {
    struct cleanse_config cleanse;
    struct step_config steps[GRAPH_TRANSFORM_COUNT]; /* Of the others. */
    bool               is_given[GRAPH_TRANSFORM_COUNT + 1]; /* Shifted by one: an offset of 0 would mean "no flag". */
};

struct gates_config {
    int64_t quarantined_max;
    int     no_input;
};

struct batch_config {
    struct schedule_config schedule;
    struct option_list     sources;
    struct option_list     transforms;
    struct gates_config    gates;
    struct str             sink;
    bool                   has_schedule;
};

struct enrich_config {
    struct str name;
    int        as_of;
};

struct streaming_transform_config {
    struct enrich_config enrich;
    struct step_config   validate;
    bool                 has_enrich;
    bool                 has_validate;
};

struct window_config {
    struct str         name;
    int                type;
    int64_t            size;
    int64_t            offset;
    int64_t            lateness;
    int64_t            disorder;
    struct option_list keys;
    struct option_list aggregates;
    bool               has_keys;
    bool               has_aggregates;
};

struct alerts_config {
    bool               enabled;
    struct option_list rules;
};

struct streaming_config {
    struct str           source;
    struct option_list   transforms;
    int64_t              idle_keep;
    struct window_config windows;
    struct alerts_config alerts;
    struct option_list   sink;
    bool                 has_windows;
    bool                 has_alerts;
};

struct pipeline_config {
    struct batch_config     batch;
    struct streaming_config streaming;
    bool                    has_batch;
    bool                    has_streaming;
};

struct pipeline_file_config {
    struct pipeline_config pipeline;
};

/* ---- bindings.json ---- */

struct site_config {
    struct str name;
    struct str environment;
    struct str zone;
    struct str facility;
    struct str owner;
    struct str person_key;
    struct str audit;
    bool       has_name;
};

struct epoch_config {
    int64_t interval;
    int64_t rows;
};

struct runtime_config {
    int64_t             workers;
    int64_t             chunk_rows;
    int64_t             memory;
    int64_t             temp_space;
    int64_t             ahead;
    int64_t             state;
    struct epoch_config epoch;
};

struct bindings_file_config {
    int64_t               version;
    struct option_list    model;
    struct site_config    pipeline;
    struct runtime_config runtime;
    const void           *bindings;
};

struct tls_config {
    struct str ca;
    struct str certificate;
    struct str key;
};

struct sasl_config {
    int        mechanism;
    struct str username;
    struct str password;
    struct str principal;
    struct str keytab;
    struct str service;
    struct str token_url;
    struct str scope;
};

/* How brokers of Kafka are reached, and who we are to them: options of inputs and of routes. */
struct kafka_config {
    const struct option_table *table; /* Whose options they are. */
    struct option_list         brokers;
    struct tls_config          tls;
    struct sasl_config         sasl;
    int                        encryption;
    bool                       has_tls;
    bool                       has_sasl;
};

struct input_config {
    int                type;
    struct str         use;
    struct str         path;
    int                format;
    struct str         mapping;
    struct str         system;
    struct str         data_source;
    struct str         zone;
    struct str         facility;
    struct option_list labels;
    struct option_list processing_ids;
    int                charset;
    struct str         delimiter;
    int                empty;
    struct str         log_time;
    int64_t            log_time_skew;
    struct option_list brokers;
    struct option_list topics;
    struct str         start;
    const void        *offsets;
    struct str         group;
    struct tls_config  tls;
    struct sasl_config sasl;
    int                encryption;
    bool               message_time;
    bool               has_message_time;
    bool               has_tls;
    bool               has_sasl;
    bool               has_path;
    bool               has_processing_ids;
};

struct source_config {
    struct option_list inputs;
};

struct publish_config {
    struct str path;
    struct str key;
    bool       has_key;
};

/* Of a warehouse or a store, which has no `publish`. */
struct database_config {
    int        type;
    struct str use;
    struct str path;
    struct str key;
    int        encryption;
    bool       has_key;
    bool       has_path;
    struct publish_config publish;
    bool       has_publish;
    struct str conninfo; /* Stores. */
    bool       has_conninfo;
    struct str schema;
    bool       has_schema;
    bool       has_encryption;
};

struct retry_config {
    int64_t first;
    int64_t max;
    int64_t give_up;
};

struct rate_config {
    int64_t max;
    int64_t per;
};

struct route_config {
    struct option_list  rules;
    int                 type;
    struct str          use;
    struct str          path;
    struct str          url;
    const void         *headers;
    struct str          sign;
    struct str          from;
    struct option_list  to;
    struct str          user;
    struct str          password;
    int64_t             group;
    struct tls_config   tls;
    int64_t             timeout;
    struct rate_config  rate;
    int                 phi;
    struct retry_config retry;
    struct option_list  brokers;
    struct str          topic;
    struct sasl_config  sasl;
    int                 encryption;
    int                 format;
    bool                has_tls;
    bool                has_sasl;
    bool                has_path;
};

struct routes_config {
    struct option_list routes;
};

enum encryption_choice {
    ENCRYPTION_KEY,
    ENCRYPTION_NONE,
};

/* The charset's index in its table; 0 is "auto". */
extern const char *const PLAN_CHARSET_NAMES[];

extern const struct option_table PIPELINE_FILE_TABLE;
extern const struct option_table BATCH_TRANSFORM_TABLE;
extern const struct option_table STREAMING_TRANSFORM_TABLE;
extern const struct option_table WINDOW_TABLE;
extern const struct option_table SCHEDULE_TABLE;
extern const char *const         CLEANSE_ACTION_NAMES[];

extern const struct option_table BINDINGS_FILE_TABLE;
extern const struct option_table SITE_TABLE;
extern const struct option_table SOURCE_TABLE;
extern const struct option_table INPUT_TABLE;
extern const struct option_table WAREHOUSE_TABLE;
extern const struct option_table STORE_TABLE;
extern const struct option_table ROUTES_TABLE;
extern const struct option_table ROUTE_TABLE;

#endif
