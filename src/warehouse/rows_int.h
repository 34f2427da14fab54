/* From the fields of records to rows of entities, while files are decoded: the entity program runs over each chunk, as in the live leg
 * (I4, I6). Part of the step DECODED (run_int.h).
 *
 * Makes, as views of the run's schema over its stage (stage_int.h),
 *     <mapping>   the fields as received, of the rows that the mapping takes: input_number, position, length, row_number, fields
 *     row_E       input_number, row_id (unique in the run), mapping_number, row_outcome, row_code, row_path, row_issues (three digits an
 *                 issue), row_emptied (null: an empty value says that there is none), person_id, position, length, row_number, the
 *                 columns of E, content_hash
 *     aside       what is neither: input_number, entity_number, position, length, code
 *
 * row_number counts the rows that a mapping makes of a record, from 0. Of a dimension, where several mappings may make versions of one key
 * from one record, those of the second mapping of the format count from ROW_NUMBER_STEP, and so on: versions are in one order (H1).
 *
 * row_code is what became of a row: '0' loaded, '1' quarantined, '2' deduplicated, '3' filtered, '4' refused by the mapping's `when`;
 * behind the digit the reason. The smallest of a record's rows is the record's (ARCHITECTURE.md, "Outcome of a record"); equal digits are
 * told apart by the reason's bytes, so no order of rows matters (I5). Rows of '4', rows of mappings without an entity, and rows whose
 * content core has (known_int.h) stand in `aside` alone. */
#ifndef HEDDLE_WAREHOUSE_ROWS_INT_H
#define HEDDLE_WAREHOUSE_ROWS_INT_H

#include "warehouse/run_int.h"

/* Of `aside`, for mappings without an entity. */
#define ROWS_NO_ENTITY (-1)

/* What a row has besides where it lies in its file, the entity's columns and content_hash. */
enum own_column { OWN_INPUT, OWN_ROW_NUMBER, OWN_ROW_ID, OWN_MAPPING, OWN_OUTCOME, OWN_CODE, OWN_PATH, OWN_ISSUES, OWN_EMPTIED, OWN_PERSON, OWN_COUNT };
extern const struct schema rows_own_schema;
enum aside_column { ASIDE_INPUT, ASIDE_ENTITY, ASIDE_POSITION, ASIDE_LENGTH, ASIDE_CODE, ASIDE_COUNT };
extern const struct schema rows_aside_schema;
#define ROWS_PLACE_COUNT 2 /* position, length: the first columns of a raw chunk; row_number stands behind them. */

/* Room for the programs of all mappings in all specs; none is built. */
enum status rows_prepare(struct run *run, struct error *err);
/* Builds the mapping's program for the spec, and makes its tables, where that was not done. By one thread at a time. */
enum status rows_need(struct run *run, struct db_connection *connection, uint32_t spec_index, const struct mapping *mapping, struct error *err);

/* Once all threads have handed over their rows: takes out those of an input. */
void rows_withdraw(struct run *run, const struct run_input *input);
/* Then: a view of each table. */
enum status rows_finish(struct run *run, struct error *err);

/* One thread's; `thread` is its number. */
struct rows;
enum status rows_open(struct run *run, uint32_t thread, struct rows **ret_rows, struct error *err);
/* `raw` is a chunk of a mapping that was needed; its texts live as long as the call. */
enum status rows_take(struct rows *rows, const struct run_input *input, const struct mapping *mapping,
                      const struct chunk *raw, struct error *err);
/* Hands over what waits. */
enum status rows_flush(struct rows *rows, struct error *err);
void        rows_free(struct rows *rows);

#endif
