/* The batch leg as the commands batch and run have it: opened with its control socket, run with progress, summed up. */
#ifndef HEDDLE_CLI_BATCH_H
#define HEDDLE_CLI_BATCH_H

#include "base/str_builder.h"
#include "warehouse/warehouse.h"

struct control;

/* Obtains the person key, says aloud where nothing is encrypted, opens the warehouse and answers questions beside it. The
 * caller ends with control_stop, then warehouse_close; graph and key outlive both. */
enum status batch_open(const struct graph *graph, struct siphash_key *person_key, struct warehouse **ret_warehouse,
                       struct control **ret_control, struct error *err);

/* The day that --for gives; empty: today, in UTC. */
enum status batch_logical_date(struct str text, int32_t *ret_date, struct error *err);

/* One run with a progress line; stopped by the signals that process_signals_init notes (ERR_INTERRUPTED or ERR_TERMINATED).
 * The caller releases the summary on success. */
enum status batch_run(struct warehouse *warehouse, int32_t logical_date, struct batch_summary *ret_summary, struct error *err);
/* The same over just these files. */
enum status batch_run_files(struct warehouse *warehouse, int32_t logical_date, const struct batch_manifest *manifest,
                            struct batch_summary *ret_summary, struct error *err);

enum status batch_print(const struct batch_summary *summary, const struct graph *graph, bool is_json, struct str_builder *out,
                        struct error *err);

#endif
