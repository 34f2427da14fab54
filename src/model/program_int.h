/* What a program is made of: shared by building, running and printing. */
#ifndef HEDDLE_MODEL_PROGRAM_INT_H
#define HEDDLE_MODEL_PROGRAM_INT_H

#include "base/arena.h"
#include "expr/expr.h"
#include "model/program.h"

/* A column that the mapping sets (or a default of it): entity columns without `standard`, event_system, event_id. */
struct set_column {
    const struct entity_column *column;
    uint32_t                    index;  /* In the schema. */
    struct expr                *said;   /* HL7 v2: what the message says, `""` where it empties the column; else NULL. */
    struct expr                *empties; /* Whether it says so, where the mapping tells an empty value from none; else NULL. */
    struct expr                *source; /* Over the raw chunk: what it says without that. */
    struct expr                *value;  /* Over the raw chunk: cleansed and converted. */
    struct expr                *value_sql; /* The same over "s.<name>". */
    bool                        is_text;   /* The source is text: it is cleansed, and may be bad. */
    bool                        keeps_source; /* Issues look at "s.<name>". */
};

/* A column computed from the result's columns: standard ones, the key, the hash. */
struct derived_column {
    uint32_t     index; /* In the schema. */
    struct expr *value; /* Over the schema's columns. */
    uint32_t     level; /* 1: from set columns alone; n: from derived ones of level n - 1 and below. */
};

/* A condition, for both legs. */
struct condition {
    struct expr *live; /* Over the raw chunk. */
    struct expr *sql;  /* Over "s.<name>" and "v.<name>". */
};

struct program {
    struct arena           arena;
    const struct mapping  *mapping;
    struct program_context context;
    struct program_options options;

    struct schema              schema;
    const struct entity_column *columns; /* Of the entity, then the event's; as many as the schema's but key and hash. */
    uint32_t                    column_count;
    int32_t                     event_system_column;
    int32_t                     event_id_column;
    int32_t                     key_column;
    int32_t                     hash_column;

    struct expr           *when; /* NULL: every row. */
    struct set_column     *set;
    uint32_t               set_count;
    struct derived_column *derived;
    uint32_t               derived_count;
    uint32_t               level_count;

    struct program_issue  *issues;
    struct condition      *issue_conditions;
    uint32_t               issue_count;
    struct program_filter *filters;
    struct condition      *filter_conditions;
    uint32_t               filter_count;

    int32_t *field_columns; /* By field: see program_field_column. */
    bool    *is_computed;   /* By the schema's columns: live, the value is looked at. */

    uint32_t emptied_count; /* Set columns with `empties`. */

    /* Roots of `first`, over the raw chunk: when (if any), filters, issues, `empties`, then values of set columns; of `second`,
     * over the result's columns: derived ones; of both only those that are computed. NULL where there is no root. */
    struct expr_program *first;
    struct expr_program *second;
};

/* Fills the conditions of filters and issues; set columns and schema are there (program_issues.c). */
enum status program_build_conditions(struct program *program, struct error *err);

#endif
