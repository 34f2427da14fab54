/* What `heddle letters` asks the store: statements over dead letters and late events.
 *
 * A letter is named PARTITION:POSITION, after the record's place in its source. What the sender wrote (bytes, headers, the
 * event's id and key) is shown only where it is asked for: that is patient data. */
#ifndef HEDDLE_STORE_LETTERS_H
#define HEDDLE_STORE_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str_builder.h"
#include "graph/graph.h"

/* What a letter's name says, as views. ERR_USAGE where it is no such name. */
enum status letters_parse_name(struct str letter, struct str *ret_partition_id, int64_t *ret_position, struct error *err);

/* All write one SELECT for store_query_run; memory that runs out is remembered by the builder. */

/* How many letters there are, by step, entity and reason. */
void letters_summary_sql(struct str_builder *sql);

/* One row a letter; `reason_code` empty: of every reason. */
void letters_list_sql(struct str_builder *sql, struct str reason_code);

/* All of the letters with that name: several where a record made more than one row, or more than one step refused it.
 * `for_eyes`: one row a field, what is empty left out; else one row a letter. ERR_USAGE where it is no such name. */
enum status letters_show_sql(struct str_builder *sql, struct str letter, bool with_bytes, bool for_eyes, enum graph_store_type store,
                             struct error *err);

#endif
