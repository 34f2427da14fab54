/* What the files of expr/ know of one another: the tree. */
#ifndef HEDDLE_EXPR_EXPR_INT_H
#define HEDDLE_EXPR_EXPR_INT_H

#include "expr/expr.h"
#include "expr/function.h"

/* The text that a tree was parsed from; nodes point to it, so that a message can say line and column. */
struct expr_source {
    struct str         text;
    struct expr_origin origin;
};

enum expr_kind {
    EXPR_LITERAL,  /* value */
    EXPR_NAME,     /* name; parsed trees only */
    EXPR_SLOT,     /* name, slot; bound trees only */
    EXPR_CALL,     /* name, args; bound: function */
    EXPR_OPERATOR, /* op, args */
    EXPR_CAST,     /* args[0], type; parsed trees only (bound: a call of to_…) */
};

/* Those of the arithmetic group, LIKE and CONCAT become calls of the function table when bound (I4); the negated forms
 * become NOT of the plain one; the rest stays operators, which DuckDB computes alike. */
enum expr_op {
    OP_OR,  /* n arguments, at least 2 */
    OP_AND, /* n arguments, at least 2 */
    OP_NOT,
    OP_IS_NULL,
    OP_IS_NOT_NULL,
    OP_IS_TRUE,
    OP_IS_NOT_TRUE,
    OP_IS_FALSE,
    OP_IS_NOT_FALSE,
    OP_DISTINCT,
    OP_NOT_DISTINCT,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_IN, /* args[0] in args[1..] */
    OP_NOT_IN,
    OP_BETWEEN, /* args[0] between args[1] and args[2] */
    OP_NOT_BETWEEN,
    OP_LIKE, /* args[0] like args[1] [escape args[2]] */
    OP_NOT_LIKE,
    OP_CONCAT,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MODULO,
    OP_NEGATE,
    OP_CASE,        /* when, then, when, then, …, else (always there once bound) */
    OP_CASE_SIMPLE, /* operand, when, then, …, else */
    OP_COALESCE,
    OP_NULLIF,
    OP_COUNT
};

struct expr {
    enum expr_kind            kind;
    enum expr_op              op;
    bool                      has_else; /* The CASE forms. */
    bool                      is_bare_null; /* The word null: of any type. What was computed or cast to null has its type. */
    bool                      is_try;   /* try_cast: for printing, the cast is total anyway. */
    uint16_t                  depth;    /* 1 for a leaf. */
    struct type               type;     /* Bound trees; EXPR_CAST: the target. */
    uint32_t                  slot;
    uint32_t                  offset; /* Of the node's first byte in the source's text. */
    const struct expr_source *source; /* NULL: made by hand. */
    struct str                name;
    struct expr_value         value;
    const struct function    *function;
    struct expr             **args;
    uint32_t                  arg_count;
};

/* Binding strength, as PostgreSQL has it; a larger number binds tighter. */
enum {
    PRECEDENCE_LOWEST     = 1,
    PRECEDENCE_OR         = 1,
    PRECEDENCE_AND        = 2,
    PRECEDENCE_NOT        = 3,
    PRECEDENCE_IS         = 4,
    PRECEDENCE_COMPARISON = 5,
    PRECEDENCE_RANGE      = 6, /* between, in, like */
    PRECEDENCE_CONCAT     = 7,
    PRECEDENCE_ADD        = 8,
    PRECEDENCE_MULTIPLY   = 9,
    PRECEDENCE_UNARY      = 10,
    PRECEDENCE_ATOM       = 11,
};

/* Tokens. */
enum token_kind { TOKEN_END, TOKEN_NAME, TOKEN_QUOTED_NAME, TOKEN_NUMBER, TOKEN_TEXT, TOKEN_SYMBOL };

struct token {
    enum token_kind kind;
    uint32_t        offset;
    struct str      raw;  /* As written. */
    struct str      text; /* NAME as written; QUOTED_NAME and TEXT unquoted, in the arena. */
};

struct lexer {
    struct arena             *arena;
    const struct expr_source *source;
    size_t                    position;
};

enum status lexer_next(struct lexer *lexer, struct token *ret_token, struct error *err);

/* Whether the word, in any case, can only be a keyword: a name spelled like it must be quoted. */
bool lexer_is_reserved(struct str word);
/* Whether the name needs no quotes: letters, digits, '_', parts joined by '.', no keyword. */
bool lexer_is_plain_name(struct str name);

/* Fills err with ERR_CONFIG at the place in the source; returns ST_ERROR. */
enum status expr_error(const struct expr_source *source, uint32_t offset, struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
enum status expr_error_at(const struct expr *node, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes a node whose depth is that of its arguments plus one; fails beyond EXPR_DEPTH_MAX. `args` is copied. */
enum status expr_node(struct arena *arena, const struct expr *prototype, struct expr *const *args, uint32_t arg_count,
                      struct expr **ret_node, struct error *err);

/* The text that printers write for an operator between its operands: "=", "and". */
const char *expr_op_text(enum expr_op op);

/* The kernel of a bound operator; and and or take two arguments at a time. */
kernel_fn       *operator_kernel(enum expr_op op);
extern kernel_fn kernel_copy;
extern kernel_fn kernel_trim_to_null; /* What the compiler makes of nullif(trim(x), ''). */
/* Total order of two rows of the same type, as DuckDB compares: NaN above everything and equal to itself. */
int vector_compare_rows(const struct vector *a, uint32_t row_a, const struct vector *b, uint32_t row_b);

extern const struct aggregate aggregate_table[];
extern const size_t           aggregate_table_count;

/* A value over one row of a vector, and the reverse: a constant vector's storage. */
union expr_storage {
    uint8_t     boolean;
    int64_t     int64;
    int32_t     date;
    double      float64;
    struct text text;
};
void expr_value_store(const struct expr_value *value, union expr_storage *ret_storage);
/* The text stays a view into the vector. */
struct expr_value expr_value_of(const struct vector *vector, uint32_t row);

/* Replaces a bound node, all of whose arguments are constants, by its value. */
enum status expr_fold(struct arena *arena, struct expr *bound, struct expr **ret_folded, struct error *err);

/* The function that casts to the type: to_text, to_int64 … */
struct str cast_function_name(struct type type);

#endif
