/* SQL scalar expressions: text to tree, tree to typed tree, typed tree to steps over vectors or to DuckDB's SQL.
 *
 *     "upper(nullif(trim(this), ''))"
 *        | expr_parse      names and positions, no types
 *        v
 *      struct expr
 *        | expr_bind       names to slots or constants (scope), types, coercions, constants folded
 *        v
 *      struct expr (bound) ----- expr_print_duckdb ---> hd_upper(nullif(hd_trim("this"), ''))
 *        | expr_compile    several roots together; nodes that they share are computed once
 *        v
 *      struct expr_program  --- expr_evaluate(state, slots, rows) ---> one vector_out a root
 *
 * A *slot* is an index into the vectors that the caller gives to expr_evaluate; a schema's column index serves. A slot
 * may hold a constant vector, such as the context of an input. Trees lie in the caller's arena and are immutable;
 * programs are immutable and may be shared by threads, states not.
 *
 * The language, its three-valued logic and the rules of decimals stand in this folder's README. */
#ifndef HEDDLE_EXPR_EXPR_H
#define HEDDLE_EXPR_EXPR_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/str_builder.h"
#include "column/chunk.h"
#include "column/vector.h"

struct expr;
struct expr_program;

/* Where the text stands, for messages: its first character's place in a file. `file` lives as long as the tree. */
struct expr_origin {
    const char *file; /* NULL: not known. */
    uint32_t    line; /* From 1; 0: the expression's own lines are told. */
    uint32_t    column;
};

/* Parses one whole expression. Its text (which is copied) is at most EXPR_TEXT_SIZE_MAX bytes of UTF-8, its nesting at
 * most EXPR_DEPTH_MAX. Errors are ERR_CONFIG with line and column. */
enum status expr_parse(struct arena *arena, struct str text, const struct expr_origin *origin, struct expr **ret_expr,
                       struct error *err);

/* A value of its own, for named constants. `text` is a view. */
struct expr_value {
    struct type type;
    bool        is_null;
    union {
        bool        boolean;
        int64_t     int64; /* INT64, DECIMAL, TIMESTAMP, DATE */
        double      float64;
        struct str  text;
    } as;
};

/* What a name stands for. */
enum expr_name_kind {
    EXPR_NAME_SLOT,     /* A column: `slot` and `type`. Printed by the caller's name printer. */
    EXPR_NAME_CONSTANT, /* `value` (copied). Printed as a literal. */
    EXPR_NAME_BOUND,    /* Another bound expression, of the same or a longer-lived arena: `this`, an earlier column. */
};

struct expr_name {
    enum expr_name_kind kind;
    uint32_t            slot;
    struct type         type;
    struct expr_value   value;
    struct expr        *bound;
};

struct expr_scope {
    void *context;
    /* False: no such name. Names come as written; qualified ones with their dots ("binding.zone"). */
    bool (*find)(void *context, struct str name, struct expr_name *ret_name);
    /* Calls offer(into, name) for each name there is; for "did you mean". May be NULL. */
    void (*each)(void *context, void (*offer)(void *into, struct str name), void *into);
};

/* Over a schema: slot = column index. */
struct expr_scope expr_scope_of_schema(const struct schema *schema);

/* Types the tree. Errors are ERR_CONFIG with line and column: unknown name or function (with the nearest one), wrong
 * types. The bound tree lies in `arena`; `tree` may be bound again with another scope. */
enum status expr_bind(struct arena *arena, const struct expr *tree, const struct expr_scope *scope,
                      struct expr **ret_bound, struct error *err);
/* Both at once. */
enum status expr_parse_bind(struct arena *arena, struct str text, const struct expr_origin *origin,
                            const struct expr_scope *scope, struct expr **ret_bound, struct error *err);

/* Builds bound nodes by hand, for programs that are derived (a column's conversion). Positions are those of the first
 * argument. */
enum status expr_make_slot(struct arena *arena, struct str name, uint32_t slot, struct type type,
                           struct expr **ret_bound, struct error *err);
enum status expr_make_constant(struct arena *arena, const struct expr_value *value, struct expr **ret_bound,
                               struct error *err);
enum status expr_make_call(struct arena *arena, struct str function, struct expr *const *arguments,
                           uint32_t argument_count, struct expr **ret_bound, struct error *err);
/* The same as cast(x as type); the expression itself where it has the type already. From text to timestamp the text
 * must carry its offset: to_timestamp(text, zone) is for the rest. */
enum status expr_make_cast(struct arena *arena, struct expr *bound, struct type type, struct expr **ret_bound,
                           struct error *err);

/* Of a bound tree. A bare `null` is text. */
struct type expr_type(const struct expr *bound);
bool        expr_is_constant(const struct expr *bound);
/* Whether the value is a bare null, which fits every type (expr_make_cast gives it one). */
bool expr_is_null(const struct expr *bound);
/* Calls used(context, slot, name) for each slot that the tree reads, each slot once a place where it stands. */
void expr_slots_used(const struct expr *bound, void (*used)(void *context, uint32_t slot, struct str name),
                     void *context);

/* Canonical text, which parses back to an equal tree; of trees as parsed (a bound one prints its folded form). */
void expr_print(const struct expr *tree, struct str_builder *out);

/* DuckDB's SQL over the registered functions; equal to the evaluation in every byte of a valid row. `print_slot` writes
 * what the slot is called there (quoted as need be); NULL prints the name as a quoted identifier. */
struct expr_slot_printer {
    void *context;
    void (*print_slot)(void *context, uint32_t slot, struct str name, struct str_builder *out);
};
void expr_print_duckdb(const struct expr *bound, const struct expr_slot_printer *printer, struct str_builder *out);

/* The name of the type in DuckDB: DECIMAL(18,6), VARCHAR … */
const char *type_duckdb_name(struct type type, char *buffer, size_t buffer_size);
/* A quoted identifier, and a quoted text. */
void sql_print_name(struct str name, struct str_builder *out);
void sql_print_text(struct str text, struct str_builder *out);

/* Steps over vectors. Owned by the caller; expr_program_free accepts NULL. The roots' arena may go afterwards. */
enum status expr_compile(struct expr *const *roots, uint32_t root_count, struct expr_program **ret_program,
                         struct error *err);
void        expr_program_free(struct expr_program *program);
uint32_t    expr_program_step_count(const struct expr_program *program);

/* What one thread needs to evaluate one program: its intermediate vectors. */
struct expr_state {
    const struct expr_program *program;
    void                     **buffers; /* CHUNK_ROW_COUNT_MAX values of 16 bytes each, then their validity. */
    struct arena               texts;
    struct arena               scratch;
};
enum status expr_state_init(struct expr_state *state, const struct expr_program *program, struct error *err);
void        expr_state_release(struct expr_state *state);

/* Computes row_count (at most CHUNK_ROW_COUNT_MAX) rows of every root into outs[root]. outs[i].validity is set
 * wholly. Texts of the result are copied by outs[i].text_copy, or point to what the slots' texts point to where
 * vector_out_text_shared allows it. Fails only where memory runs out; allocates nothing a row once its arenas
 * have grown. */
enum status expr_evaluate(struct expr_state *state, const struct vector *slots, uint32_t row_count,
                          struct vector_out *outs, struct error *err);

#endif
