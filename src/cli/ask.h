/* What the commands share that look into a pipeline's warehouse and store without running it: query, runs, letters, alerts. */
#ifndef HEDDLE_CLI_ASK_H
#define HEDDLE_CLI_ASK_H

#include "cli/pipeline.h"
#include "warehouse/ask.h"

/* Which pipeline is meant. First member of the options of such a command, its rows in their table by ASK_OPTIONS. */
struct ask_options {
    struct str pipeline;
    struct str bindings;
};

#define ASK_OPTIONS(type_, field_)                                                                                      \
    { .name = "pipeline", .type = OPTION_PATH, .default_text = "pipeline.json", .help = "The pipeline whose bindings are meant.", \
      OPTION_FIELD(type_, field_.pipeline) },                                                                           \
    PIPELINE_BINDINGS_OPTION(type_, field_.bindings)

struct ask {
    struct plan plan;
    bool        is_json;
};
#define ASK_EMPTY ((struct ask){ .plan = PLAN_EMPTY })

/* Reads the plan; opens nothing that it names. */
enum status ask_open(struct ask *ask, const struct ask_options *options, const struct verb_call *call, struct error *err);
void        ask_release(struct ask *ask);

/* Asks the binding of that name and prints the answer. ERR_USAGE where it is neither the warehouse nor the store. */
enum status ask_query(const struct ask *ask, struct str binding, struct str sql, struct str as_of, struct error *err);
/* Asks the warehouse, whoever owns it, and prints the answer. ERR_BUSY where its owner does not answer. */
enum status ask_warehouse(const struct ask *ask, enum warehouse_question question, struct str text, struct str as_of,
                          struct error *err);
/* Asks the warehouse what differs between two of its runs and prints it; ERR_NO where something does. With shows_values, which wants an
 * entity, keys and values of its rows are shown, and the audit file is told first. */
enum status ask_diff(const struct ask *ask, struct str first, struct str second, struct str entity, bool shows_values, struct error *err);
/* Asks the warehouse with a statement of heddle's own, audited as a user's: `write` is given the rows as JSON lines. ERR_USAGE where
 * `binding` is not its name. */
enum status ask_warehouse_rows(const struct ask *ask, struct str binding, struct str sql,
                               enum status (*write)(void *context, struct str bytes, struct error *err), void *context,
                               struct error *err);
/* Asks the store with a statement of heddle's own: `write` is given the rows as JSON lines. It shows nothing itself, so nothing is audited: who shows what
 * came tells the audit before he asks. */
enum status ask_store_rows(const struct ask *ask, struct str sql, enum status (*write)(void *context, struct str bytes, struct error *err), void *context,
                           struct error *err);
/* Asks the store with a statement of heddle's own and prints the answer. Where it shows what a sender wrote, `detail` says of
 * what, and the audit file is told first; empty: it shows nothing of a patient. */
enum status ask_store(const struct ask *ask, struct str action, struct str detail, struct str sql, uint64_t *ret_row_count,
                      struct error *err);
/* Asks the store, which the pipeline has, for what is no patient's; JSON lines are appended to `out`. */
enum status ask_store_text(const struct ask *ask, struct str sql, struct str_builder *out, uint64_t *ret_row_count, struct error *err);

#endif
