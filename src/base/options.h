/* Typed option tables: the one place that says what can be configured.
 *
 * From one table come the defaults, the parsing of a value, its error text with "did you mean", the JSON Schema
 * that editors use, and the reference page. Nothing here knows JSON *input*: config/ walks the file and hands each
 * value over as bool, integer or text; so command lines (--set) and tests use the same door.
 *
 *     struct window_config { int64_t size_us; int64_t lateness_us; int type; };
 *
 *     static const struct option WINDOW_OPTIONS[] = {
 *         { .name = "size", .type = OPTION_DURATION, .min = US_PER_SECOND, .max = 7 * US_PER_DAY, .is_required = true,
 *           .help = "How long a window is.", OPTION_FIELD(struct window_config, size_us) },
 *         { .name = "lateness", .type = OPTION_DURATION, .default_text = "1h", .max = 30 * US_PER_DAY,
 *           .help = "How late an event may be and still revise its window.",
 *           OPTION_FIELD(struct window_config, lateness_us) },
 *         ...
 *     };
 *     static const struct option_table WINDOW_TABLE = OPTION_TABLE("windows", WINDOW_OPTIONS, struct window_config,
 *         .help = "...", .short_form = "size");         -- so "windows": "5m" means {"size": "5m"}
 * / */
#ifndef HEDDLE_BASE_OPTIONS_H
#define HEDDLE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json_out.h"
#include "base/str.h"
#include "base/str_builder.h"

enum option_type {
    OPTION_BOOL,     /* stored as bool                         true, false */
    OPTION_INT,      /*           int64_t                      42 */
    OPTION_SIZE,     /*           int64_t, bytes               "64MiB", "1GB", 4096 */
    OPTION_DURATION, /*           int64_t, microseconds        "5m" (a bare number is refused, but for 0) */
    OPTION_DECIMAL,  /*           int64_t, millionths          0.05 is 50,000: exact, no doubles */
    OPTION_TEXT,     /*           struct str                   any text */
    OPTION_ENUM,     /*           int, the index in `names`    one of the names */
    OPTION_PATH,     /*           struct str                   as written; who opens it resolves it */
    OPTION_SECRET,   /*           struct str                   "env:NAME" or "file:PATH", never the secret itself */
    OPTION_OBJECT,   /*           the table's struct, in place { ... } by `table` */
    OPTION_LIST,     /*           struct option_list           [ ... ] of item_type, by `table` where that is OBJECT */
    OPTION_MAP,      /*           const void *                 { name: value, ... }, free names; the binder's node */
    OPTION_ANY,      /*           const void *                 any value; the binder's node, checked by its reader */
};

/* Items lie one after the other in the binder's arena, each stored as its type says. */
struct option_list {
    void  *items;
    size_t count;
};

struct option {
    const char       *name;
    enum option_type  type;
    enum option_type  item_type;    /* Of a LIST's items or a MAP's values. */
    const char       *help;         /* One or two full sentences. */
    const char       *unit;         /* "rows", "%"; NULL: none, or said by the type. */
    const char       *default_text; /* As a user would write it; NULL: none (zero, empty, absent). Static. */
    int64_t           min;          /* Range of numbers, sizes (bytes), durations (µs), decimals (millionths), text */
    int64_t           max;          /* lengths (bytes), list counts. min = 0: not negative; max = 0: no bound. */
    const char *const *names;       /* ENUM, or TEXT that has known values besides others: ends with NULL. */
    const struct option_table *table; /* OBJECT, LIST and MAP of OBJECT. With ANY: the name of one of the table's
                                         options, or an object with exactly one of them. */
    const struct option_table *const *alternatives; /* ANY: the tables one of which binds the value; ends with NULL. */
    bool              is_required;
    bool              is_secret;    /* The value is never shown. (A SECRET is: it is only a reference.) */
    size_t            offset;       /* Of the stored value in the table's struct. */
    size_t            given_offset; /* Of a bool that says the file gave it; 0: none (never the first field). */
};

struct option_table {
    const char          *name; /* As in the reference: "windows". */
    const char          *help;
    const struct option *options;
    size_t               option_count; /* At most OPTION_COUNT_MAX. */
    size_t               struct_size_bytes;
    const char          *short_form; /* The option that a scalar (or list) in place of the object sets; NULL: none. */
};

#define OPTION_FIELD(type_, field_) .offset = offsetof(type_, field_)
#define OPTION_GIVEN(type_, field_) .given_offset = offsetof(type_, field_)
#define OPTION_TABLE(name_, options_, type_, ...)                                                     \
    {                                                                                                 \
        .name = (name_), .options = (options_), .option_count = sizeof(options_) / sizeof(*(options_)), \
        .struct_size_bytes = sizeof(type_), __VA_ARGS__                                               \
    }

/* Checks a table itself: names unique, help there, defaults parse and lie in range, short form and nested tables
 * exist. For a unit test over all tables; tables are code, so a fault ends in ERR_INTERNAL. */
enum status option_table_check(const struct option_table *table, struct error *err);

/* Zeroes the struct and fills in the defaults, nested objects too. Defaults of lists are not allowed, so it cannot
 * fail for a table that option_table_check accepts. */
void option_defaults(const struct option_table *table, void *target);

/* The option of that name, or NULL. */
const struct option *option_find(const struct option_table *table, struct str name);
/* Its place in the table: the bit in a mask of what was given. */
size_t option_index(const struct option_table *table, const struct option *option);
/* ERR_CONFIG: unknown option "sorce" in <table>, with the nearest name or the list of all as the hint. */
enum status option_unknown(const struct option_table *table, struct str name, struct error *err);
/* ERR_CONFIG for the first option that is required and whose bit is not in `given_mask`. */
enum status option_check_required(const struct option_table *table, uint64_t given_mask, struct error *err);

/* Each stores one value at `target` (the struct's address) and sets the given flag, or reports ERR_CONFIG: wrong
 * type, not in range, not one of the names (with "did you mean"); nothing is stored then. Text is not copied: it
 * must live as long as the struct. The caller adds file, line and column with error_at. */
enum status option_set_bool(const struct option *option, void *target, bool value, struct error *err);
enum status option_set_int(const struct option *option, void *target, int64_t value, struct error *err);
/* A number as the file writes it, for decimals (INT, SIZE and DURATION "0" too). */
enum status option_set_number(const struct option *option, void *target, struct str number, struct error *err);
enum status option_set_text(const struct option *option, void *target, struct str text, struct error *err);
/* MAP and ANY: keeps the binder's node. `node` must live as long as the struct. */
enum status option_set_node(const struct option *option, void *target, const void *node, struct error *err);
/* From a command line, where everything is text: also bools, numbers, and lists of scalars separated by commas. */
enum status option_set_from_text(const struct option *option, void *target, struct str text, struct arena *arena,
                                 struct error *err);

/* A list: makes `count` zeroed items (OBJECTs with their defaults) in the arena and stores them. Fill item i
 * through the option from option_item and the target option_item_at(list, option, i); objects by the binder with
 * option->table. */
enum status   option_set_list(const struct option *option, void *target, size_t count, struct arena *arena,
                              struct error *err);
struct option option_item(const struct option *list);
void         *option_item_at(const struct option *list, const void *target, size_t index);
/* What a value of the wrong JSON type is told: <name> must be a duration such as "5m", not a list. */
enum status option_wrong_type(const struct option *option, const char *given_type, struct error *err);

/* Bytes a value takes in its struct. */
size_t option_size_bytes(const struct option *option);

/* "64MiB", "1GB", "512" to bytes: KB MB GB TB are powers of 1000, KiB MiB GiB TiB of 1024. False: not a size. */
bool option_parse_size(struct str text, int64_t *ret_bytes);

/* One object schema (JSON Schema 2020-12), nested tables inside it: types, ranges, enums, defaults, help, required,
 * "additionalProperties": false, and the short form as an alternative. */
void option_schema(const struct option_table *table, struct json_out *json);

/* The long form of a struct: every option with its value, defaults included, in the table's order, as `heddle
 * explain` prints it. MAP and ANY are written by `print_node` (which may be NULL: they are left out). */
typedef void (*option_node_printer)(const struct option *option, const void *node, struct json_out *json);
void option_print(const struct option_table *table, const void *target, option_node_printer print_node,
                  struct json_out *json);

/* A Markdown table (name, type, default, range, help), and one for each nested table below it. */
void option_reference(const struct option_table *table, struct str_builder *out);
/* The Markdown table alone, each name behind the prefix: "--" for what a command line takes. */
void option_reference_rows(const struct option_table *table, const char *prefix, struct str_builder *out);

#endif
