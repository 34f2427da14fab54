/* Expressions in both legs: what our evaluation gives and what DuckDB gives for the printed SQL must be the same bytes.
 * For cmocka tests: everything fails the test where it finds a difference. */
#ifndef HEDDLE_TESTS_LEGS_H
#define HEDDLE_TESTS_LEGS_H

#include "base/random.h"
#include "column/chunk.h"
#include "column/function.h"

/* One DuckDB in memory with our functions and a table of the schema, which outlives it. At most 32 columns. */
void legs_open(const struct schema *schema);
void legs_close(void);

/* The rows that expressions are computed over from now on, in DuckDB; the chunk is of the schema. */
void legs_store(const struct chunk *chunk);

/* Parses, prints, parses and prints again (the texts must be equal), binds, evaluates over the chunk that was stored, and
 * compares each row with DuckDB's. */
void legs_check(const char *text, const struct chunk *chunk);

/* The aggregate over an expression, by groups: ours from states that are filled at random and merged in a random order, a group
 * without rows too, against DuckDB's GROUP BY. False: the aggregate does not take the expression's type. */
bool legs_check_aggregate(const struct aggregate *aggregate, const char *text, const struct chunk *chunk, struct random *random);

#endif
