/* What the files of plan/ share while a graph is built. */
#ifndef HEDDLE_PLAN_PLAN_INT_H
#define HEDDLE_PLAN_PLAN_INT_H

#include "config/bind.h"
#include "plan/plan.h"
#include "plan/tables_int.h"

/* What the pipeline takes a binding for. */
enum binding_role {
    ROLE_UNUSED,
    ROLE_SOURCE,
    ROLE_WAREHOUSE,
    ROLE_STORE,
    ROLE_ALERTS,
};

/* One document: a file, or a part of one. */
struct document {
    const struct json   *root; /* NULL: could not be read. */
    struct config_binder binder;
};

struct builder {
    struct io                  *io;
    struct arena               *arena; /* The graph's. */
    struct graph               *graph;
    struct config_errors       *errors;
    struct document             pipeline;
    struct document             bindings;
    struct pipeline_file_config pipeline_config;
    struct bindings_file_config bindings_config;
    enum binding_role          *roles; /* Of each binding, in the order of the file. */
    const struct model         *model;
    const struct plan_request  *request; /* NULL: a kept configuration. */
    struct str                  zone_known; /* The last zone that was found to exist. */
};

/* A complaint about a value of either document; true statements of what to do go into the hint of what is returned. */
#define complain(document_, value, ...) config_complain(&(document_)->binder, (value), __VA_ARGS__)

/* ---- resolve.c ---- */

/* Remembers that memory has run out; always false. */
bool plan_no_memory(struct builder *builder);
/* A copy in the arena; false: no memory (remembered). */
bool plan_text(struct builder *builder, struct str text, struct str *ret_text);
struct graph_origin plan_origin(const struct document *document, const struct json *value);
/* A list of texts, copied. */
bool plan_names(struct builder *builder, const struct option_list *list, struct graph_names *ret_names);
/* An absolute path: relative ones start from the folder of the bindings. */
bool plan_path(struct builder *builder, struct str written, struct str *ret_path);
/* Where a secret is, its path made absolute. */
bool plan_secret(struct builder *builder, struct str reference, const struct json *value, struct graph_secret *ret_secret);
/* Whether a time zone of that name exists; complains at the value. */
bool plan_zone(struct builder *builder, const struct document *document, const struct json *value, struct str zone);
/* A name of letters, digits, '_', '-' and '.', that begins with a letter or digit; complains at the value. */
bool plan_check_name(const struct document *document, const struct json *value, const char *what, struct str name);
/* A lower-case SQL identifier. */
bool plan_check_identifier(const struct document *document, const struct json *value, const char *what,
                           struct str name);

/* ---- binding.c ---- */

/* The binding that `reference` (a text of the pipeline file) names, with what it borrows by "use" filled in; NULL where
 * it is not bound, was taken for something else before, or borrows in a circle: complained of. */
const struct json *plan_binding(struct builder *builder, const struct json *reference, enum binding_role role);
/* Fills in what a part of a binding (an input, a route) borrows. NULL: complained of. */
const struct json *plan_use(struct builder *builder, const struct json *value);
/* A binding that is a list of parts under `name` ("inputs", "routes"), or one part itself. *ret_first is NULL where there
 * are none: complained of. The count is what to walk by: a binding has others behind it. */
bool plan_parts(struct builder *builder, const struct json *binding, const struct option_table *table, const char *name,
                const struct json **ret_first, size_t *ret_count);
/* Complains where the value's "type" is one that a later version will have. True where that is so. */
bool plan_is_not_built(struct builder *builder, const struct json *value, const char *const *types,
                       const char *built_types);

/* ---- source.c, kafka.c, sink.c, route.c, schedule.c, set.c ---- */

bool plan_source(struct builder *builder, const struct json *reference, bool is_event_log,
                 struct graph_source *ret_source);
/* Options of an input that its type has not: complained of. */
bool plan_kafka_options(struct builder *builder, const struct json *value, enum graph_input_type type);
bool plan_kafka(struct builder *builder, const struct json *value, const struct input_config *config, bool is_event_log,
                struct graph_input *input);
/* Brokers, TLS and SASL of who reads or writes topics. *ret_is_clear: they go over a network in clear, as was said in writing. */
bool plan_kafka_connection(struct builder *builder, const struct json *value, const struct kafka_config *config, struct graph_kafka *kafka,
                           bool *ret_is_clear);
bool plan_is_topic(struct str name);
bool plan_warehouse(struct builder *builder, const struct json *reference, struct graph_warehouse *ret_warehouse);
bool plan_store(struct builder *builder, const struct json *reference, const struct json *binding,
                struct graph_store *ret_store);
/* The path of a binding that must have one, made absolute; complains where it is not given. */
bool plan_required_path(struct builder *builder, const struct json *value, const struct option_table *table, bool has_path,
                        struct str written, struct str *ret_path);
/* Adds the binding's routes to those that are there. */
bool plan_routes(struct builder *builder, const struct json *reference, const struct json *binding,
                 struct graph_streaming *streaming);
bool plan_schedule(struct builder *builder, const struct json *value, const struct schedule_config *config,
                   struct graph_schedule *ret_schedule);

/* A tree with the member at the path replaced: "path=value". The value is JSON where it parses as such, else a text. What
 * is not on the path is shared with the old tree. *ret_is_pipeline says which file the path is of. */
enum status plan_set(struct str set, const struct json *pipeline, const struct json *bindings, struct arena *arena,
                     bool *ret_is_pipeline, const struct json **ret_root, struct error *err);

/* ---- model_files.c ---- */

/* The rules that the pipeline gives to its cleanse step, not yet bound; NULL: none. */
const struct json *plan_cleanse_list(const struct builder *builder);
/* The built-in model with the site's files; NULL where it cannot be loaded: complained of. */
struct model *plan_model(struct builder *builder, const struct json *patterns);

/* ---- batch.c, streaming.c ---- */

void plan_batch(struct builder *builder, const struct json *value);
void plan_streaming(struct builder *builder, const struct json *value);

/* Which transform of the table an item of the list is, by its name or its one member; its options go into `config`, the
 * table's struct. False: complained of. */
bool plan_transform(struct builder *builder, const struct json *item, const struct option_table *table, void *config,
                    size_t *ret_index);
/* The step's name: what was given, else `fallback`. Complains where it is no identifier. */
bool plan_step(struct builder *builder, const struct json *value, struct str given, struct str fallback,
               struct graph_step *ret_step);

#endif
