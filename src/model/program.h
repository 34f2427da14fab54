/* The entity program: what takes the fields of a mapping to the columns of its entity, in both legs (I4, I6).
 *
 *     raw chunk (text fields)
 *        | when        not true: the mapping makes no row of it
 *        | map         mapping.columns; what the mapping leaves out takes the field of that name, X_system the
 *        |             binding's system, status_action 'upsert', data_source and facility the binding's; else null
 *        | cleanse     over `this`, where the mapped value is text; default nullif(trim(this), '')
 *        | convert     to the column's type
 *        | filters     status_action = 'ignore', then the entity's own: the row is filtered by the first that is true
 *        | issues      missing, unreadable, failed checks: quarantined by the first in column order that says so, else
 *        |             the value is nulled; repairs and warnings are counted
 *        | standard    from what is left
 *        v
 *     entity chunk, key text, content hash
 *
 * One object is built for a mapping and a context, which is constant for an input (zone and system are literals in it).
 * Both legs run it over chunks. Printed as one SELECT over the same bound expressions, it is what `explain` shows and tests hold equal.
 *
 * P1  Checks and filters see converted values, as they were before any check nulled one: their order among each other
 *     does not matter. Standard columns see the values that are left.
 * P2  A filter goes before quarantine: what is not wanted is not examined.
 * P3  Of a row that does not go on, only its cause is told; issues are counted for rows that are loaded.
 * P4  A required column that would be nulled quarantines its row instead, with the same reason. */
#ifndef HEDDLE_MODEL_PROGRAM_H
#define HEDDLE_MODEL_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "base/str_builder.h"
#include "column/chunk.h"
#include "model/model.h"

/* What expressions know as binding.… and run.…; constant for an input. Texts are copied. An empty text is null. */
struct program_context {
    struct str system;      /* binding.system */
    struct str zone;        /* binding.zone, an IANA name that io/zone_file.h finds */
    struct str facility;    /* binding.facility */
    struct str data_source; /* binding.data_source */
    struct str name;        /* binding.name */
    struct str labels;      /* binding.labels, commas between: every row gets them. */
    bool       has_logical_time;
    int64_t    logical_time_us; /* run.logical_date, a timestamp: midnight of the logical date, in UTC. */
};

/* Which columns come behind those of the entity. */
struct program_options {
    bool with_event; /* event_system, event_id (text), required: the live leg's identity of an event. */
    bool with_key;   /* business_key (text): one text of the entity's key columns; equal keys, equal texts. */
    bool with_hash;  /* content_hash (text): over what content means, see model/README.md. */

    /* Live: by the entity's columns, which ones the caller looks at; NULL: all. The others are null in the result, but for those that
     * they are computed from. What is checked of a column is checked all the same. */
    const bool *wanted;
};

enum issue_kind {
    ISSUE_MISSING,  /* Required, and nothing was there. */
    ISSUE_BAD,      /* Text was there, a value is not. */
    ISSUE_REPAIRED, /* Cleansing changed more than surrounding blanks. */
    ISSUE_CHECK,    /* A check is false. */
};

/* One way in which one column can be at fault. In column order, and in the order of the enum within a column. */
struct program_issue {
    uint32_t             column; /* Index into program_schema: path of a quarantined row. */
    enum issue_kind      kind;
    const struct reason *reason;
    enum model_action    action; /* QUARANTINE where it rejects the row (P4 applied). */
};

struct program_filter {
    const struct reason *reason;
};

struct program;

/* Builds the program; the caller frees *ret_program. `mapping` must outlive it. Expressions were checked by model_load; what
 * can still fail is a zone that is not known, and memory. */
enum status program_build(const struct mapping *mapping, const struct program_context *context,
                          const struct program_options *options, struct program **ret_program, struct error *err);
void        program_free(struct program *program);

const struct mapping *program_mapping(const struct program *program);

/* Columns of the result: the entity's (same indices), then event_system, event_id, business_key, content_hash as the
 * options say. -1 where there is none. */
const struct schema         *program_schema(const struct program *program);
int32_t                      program_event_system_column(const struct program *program);
int32_t                      program_event_id_column(const struct program *program);
int32_t                      program_key_column(const struct program *program);
int32_t                      program_hash_column(const struct program *program);
const struct program_issue  *program_issues(const struct program *program, uint32_t *ret_count);
const struct program_filter *program_filters(const struct program *program, uint32_t *ret_count);

/* The column that a finding at the field is about, by index into program_schema: of those that read it the one of its name, else
 * the first; -1 where only `when` reads it, or nothing. */
int32_t program_field_column(const struct program *program, uint32_t field);

/* ---- Running it (live) ---- */

enum program_outcome {
    PROGRAM_NO_ROW, /* `when` is not true. */
    PROGRAM_LOADED,
    PROGRAM_FILTERED,    /* cause: index into program_filters. */
    PROGRAM_QUARANTINED, /* cause: index into program_issues. */
};

struct program_found {
    uint16_t row;
    uint16_t issue; /* Index into program_issues. */
};

/* What one run said; points into the state, until its next run. */
struct program_result {
    const uint8_t              *outcomes; /* enum program_outcome of each row of the raw chunk. */
    const uint16_t             *causes;   /* Of rows that are filtered or quarantined. */
    const struct program_found *found;    /* Issues of loaded rows, by issue, then row. */
    uint32_t                    found_count;
    uint32_t                    loaded_count;
};

/* What one thread needs to run one program. */
struct program_state;
enum status program_state_create(const struct program *program, struct program_state **ret_state, struct error *err);
void        program_state_free(struct program_state *state);

/* `raw` is a raw chunk of the mapping (position, length, row_number, then the fields as text); its selection is not
 * looked at: all row_count rows are computed. `out` was made with program_schema and the same capacity or more; it gets
 * row_count rows, row i from row i, and a selection of the loaded ones. In rows that are not selected, columns that mappings
 * set hold what was converted (so a dead letter can name its event); standard columns have no meaning there. Texts of `out` are its own: `raw` may be cleared. Fails only where memory runs out; allocates nothing a
 * row once its arenas have grown. */
#define PROGRAM_RAW_FIELD_FIRST 3 /* Field i of the mapping is column PROGRAM_RAW_FIELD_FIRST + i of a raw chunk. */
enum status program_run(struct program_state *state, const struct chunk *raw, struct chunk *out,
                        struct program_result *ret_result, struct error *err);

/* Of the last run: appends the columns that the row empties, as "|a||b|", where the mapping has `"empty": "keep"` and the program is
 * not the live leg's (with_event); else nothing. */
void program_row_emptied(const struct program_state *state, uint32_t row, struct str_builder *out);

/* ---- Printing it (warehouse) ---- */

/* One SELECT over `from` (a table's name, or a query in parentheses, as SQL), nested so that nothing is computed twice:
 *
 *     raw fields -> "s.col" source values -> "v.col" converted -> "b.n", "f.n" issues and filters -> columns -> standard
 *
 * `from` has the mapping's fields as VARCHAR columns of their names, and the columns `passed` (position, row_number, …),
 * which go through unchanged. Rows whose `when` is not true are left out. The result has, in this order: `passed`; the
 * columns of program_schema; row_outcome INTEGER (enum program_outcome); row_cause INTEGER, null for loaded rows;
 * row_issues VARCHAR: empty, or the loaded row's issues as three decimal digits each ("004017"). No semicolon. Of a mapping
 * with `"empty": "keep"` row_emptied VARCHAR stands behind `passed`: the columns that the record empties, as "|a||b|". */
enum status program_print_select(const struct program *program, struct str from, const struct str *passed,
                                 uint32_t passed_count, struct str_builder *out, struct error *err);

/* The standard columns computed again over `from`, "(SELECT …)" with all columns that mappings set, and no others of the entity. */
void program_print_derived(const struct program *program, struct str from, struct str_builder *out);

/* Takes the first issue off a row_issues text. False at its end. */
bool program_issues_next(struct str *issues, uint32_t *ret_issue);

/* "CASE row_cause WHEN 0 THEN 'bad_number' … END" over the column names given: reason code and column of a quarantined
 * row, reason of a filtered one, for queries that write meta.quarantine and meta.accounting_reason. */
void program_print_quarantine_reason_sql(const struct program *program, struct str cause, struct str_builder *out);
void program_print_quarantine_path_sql(const struct program *program, struct str cause, struct str_builder *out);
void program_print_filter_reason_sql(const struct program *program, struct str cause, struct str_builder *out);

#endif
