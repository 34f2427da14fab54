/* Prints a program as one SELECT (warehouse). Each step is a SELECT over the one before it, so that expressions refer to
 * columns by name and nothing is computed twice. */
#include <stdio.h>

#include "base/check.h"
#include "model/program_int.h"

struct printer {
    const struct program *program;
    const struct str     *passed;
    uint32_t              passed_count;
    struct str_builder   *out;
    bool                  needs_comma;
};

static void
begin_item(struct printer *printer)
{
    str_builder_append_cstr(printer->out, printer->needs_comma ? ", " : "");
    printer->needs_comma = true;
}

static void
print_quoted(struct printer *printer, const char *prefix, const char *name)
{
    char quoted[96];
    int  size = snprintf(quoted, sizeof(quoted), "%s%s", prefix, name);
    CHECK(size > 0 && (size_t)size < sizeof(quoted)); /* Names have at most 63 bytes. */
    sql_print_name(str_from(quoted), printer->out);
}

/* "SELECT " and the columns that go through: what the caller passes, and once it is there `row_emptied`. */
static void
begin_select(struct printer *printer, bool is_first)
{
    str_builder_append_cstr(printer->out, "SELECT ");
    printer->needs_comma = false;
    for (uint32_t i = 0; i < printer->passed_count; i++) {
        begin_item(printer);
        sql_print_name(printer->passed[i], printer->out);
    }
    if (!is_first && printer->program->mapping->keeps_empty) {
        begin_item(printer);
        str_builder_append_cstr(printer->out, "row_emptied");
    }
}

static void
print_as(struct printer *printer, const struct expr *bound, const char *prefix, const char *name)
{
    begin_item(printer);
    expr_print_duckdb(bound, NULL, printer->out);
    str_builder_append_cstr(printer->out, " AS ");
    print_quoted(printer, prefix, name);
}

static void
print_numbered(struct printer *printer, const struct expr *bound, const char *prefix, uint32_t number)
{
    char name[16];
    snprintf(name, sizeof(name), "%u", number);
    print_as(printer, bound, prefix, name);
}

/* ---- Steps, the innermost first ---- */

/* The columns that the record empties, each between bars. Records without any, nearly all, cost one chain of OR. */
static void
print_emptied(struct printer *printer)
{
    const struct program *program   = printer->program;
    const char           *separator = "CASE WHEN ";
    begin_item(printer);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < program->set_count; i++) {
            const struct set_column *set = &program->set[i];
            if (set->said == NULL)
                continue;
            str_builder_append_cstr(printer->out, separator);
            expr_print_duckdb(set->said, NULL, printer->out);
            str_builder_append_cstr(printer->out, " = '\"\"'");
            if (pass == 1)
                str_builder_printf(printer->out, " THEN '|%s|' ELSE '' END", set->column->name);
            separator = pass == 0 ? " OR " : " || CASE WHEN ";
        }
        separator = " THEN CASE WHEN ";
    }
    str_builder_append_cstr(printer->out, " ELSE '' END AS row_emptied");
}

static void
print_sources(struct printer *printer, struct str from)
{
    const struct program *program = printer->program;
    begin_select(printer, true);
    for (uint32_t i = 0; i < program->set_count; i++)
        print_as(printer, program->set[i].source, "s.", program->set[i].column->name);
    if (program->mapping->keeps_empty)
        print_emptied(printer);
    str_builder_append_cstr(printer->out, " FROM ");
    str_builder_append(printer->out, from);
    if (program->when != NULL) {
        str_builder_append_cstr(printer->out, " WHERE ");
        expr_print_duckdb(program->when, NULL, printer->out);
    }
}

static void
print_values(struct printer *printer)
{
    const struct program *program = printer->program;
    begin_select(printer, false);
    for (uint32_t i = 0; i < program->set_count; i++) {
        const struct set_column *set = &program->set[i];
        if (set->keeps_source) {
            begin_item(printer);
            print_quoted(printer, "s.", set->column->name);
        }
        print_as(printer, set->value_sql, "v.", set->column->name);
    }
}

static void
print_conditions(struct printer *printer)
{
    const struct program *program = printer->program;
    begin_select(printer, false);
    for (uint32_t i = 0; i < program->set_count; i++) {
        begin_item(printer);
        print_quoted(printer, "v.", program->set[i].column->name);
    }
    for (uint32_t i = 0; i < program->filter_count; i++)
        print_numbered(printer, program->filter_conditions[i].sql, "f.", i);
    for (uint32_t i = 0; i < program->issue_count; i++)
        print_numbered(printer, program->issue_conditions[i].sql, "b.", i);
}

/* `"b.3" OR "b.7"` over the issues with the action; nothing where there is none. Of one column, or of all (-1). */
static void
print_any_issue(struct printer *printer, int32_t column, const bool is_wanted[ACTION_COUNT])
{
    const struct program *program = printer->program;
    uint32_t              count   = 0;
    for (uint32_t i = 0; i < program->issue_count; i++) {
        const struct program_issue *issue = &program->issues[i];
        if (!is_wanted[issue->action] || (column >= 0 && issue->column != (uint32_t)column))
            continue;
        str_builder_printf(printer->out, "%s\"b.%u\"", count++ == 0 ? "" : " OR ", i);
    }
}

static bool
has_nulling(const struct program *program, uint32_t column)
{
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].column == column && program->issues[i].action == ACTION_NULLED)
            return true;
    return false;
}

static void
print_kept_value(struct printer *printer, const struct set_column *set)
{
    const bool is_nulled[ACTION_COUNT] = { [ACTION_NULLED] = true };
    begin_item(printer);
    if (has_nulling(printer->program, set->index)) {
        str_builder_append_cstr(printer->out, "CASE WHEN ");
        print_any_issue(printer, (int32_t)set->index, is_nulled);
        str_builder_append_cstr(printer->out, " THEN NULL ELSE ");
        print_quoted(printer, "v.", set->column->name);
        str_builder_append_cstr(printer->out, " END");
    } else {
        print_quoted(printer, "v.", set->column->name);
    }
    str_builder_append_cstr(printer->out, " AS ");
    print_quoted(printer, "", set->column->name);
}

/* One CASE over filters and then quarantining issues: the row's outcome, or the number of what decided. */
static void
print_first_cause(struct printer *printer, bool is_outcome)
{
    const struct program *program = printer->program;
    uint32_t              count   = 0;
    str_builder_append_cstr(printer->out, "CAST(");
    for (uint32_t i = 0; i < program->filter_count; i++)
        str_builder_printf(printer->out, "%sWHEN \"f.%u\" THEN %u", count++ == 0 ? "CASE " : " ", i,
                           is_outcome ? (uint32_t)PROGRAM_FILTERED : i);
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].action == ACTION_QUARANTINE)
            str_builder_printf(printer->out, "%sWHEN \"b.%u\" THEN %u", count++ == 0 ? "CASE " : " ", i,
                               is_outcome ? (uint32_t)PROGRAM_QUARANTINED : i);
    str_builder_append_cstr(printer->out, count == 0 ? "" : " ELSE ");
    if (is_outcome)
        str_builder_printf(printer->out, "%u", (uint32_t)PROGRAM_LOADED);
    else
        str_builder_append_cstr(printer->out, "NULL");
    str_builder_append_cstr(printer->out, count == 0 ? " AS INTEGER)" : " END AS INTEGER)");
}

/* The issues' numbers one behind the other. Rows without any, nearly all, cost one chain of OR. */
static void
print_issues(struct printer *printer)
{
    const struct program *program               = printer->program;
    const bool            is_told[ACTION_COUNT] = { [ACTION_NULLED] = true, [ACTION_WARN] = true, [ACTION_REPAIR] = true };
    uint32_t              count                 = 0;
    for (uint32_t i = 0; i < program->issue_count; i++)
        count += is_told[program->issues[i].action] ? 1 : 0;
    if (count == 0) {
        str_builder_append_cstr(printer->out, "''");
        return;
    }
    str_builder_append_cstr(printer->out, "CASE WHEN ");
    print_any_issue(printer, -1, is_told);
    str_builder_append_cstr(printer->out, " THEN ");
    count = 0;
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (is_told[program->issues[i].action])
            str_builder_printf(printer->out, "%sCASE WHEN \"b.%u\" THEN '%03u' ELSE '' END", count++ == 0 ? "" : " || ",
                               i, i);
    str_builder_append_cstr(printer->out, " ELSE '' END");
}

static void
print_judgement(struct printer *printer)
{
    const struct program *program = printer->program;
    begin_select(printer, false);
    for (uint32_t i = 0; i < program->set_count; i++)
        print_kept_value(printer, &program->set[i]);
    begin_item(printer);
    print_first_cause(printer, true);
    str_builder_append_cstr(printer->out, " AS row_outcome");
    begin_item(printer);
    print_first_cause(printer, false);
    str_builder_append_cstr(printer->out, " AS row_cause");
    begin_item(printer);
    print_issues(printer);
    str_builder_append_cstr(printer->out, " AS all_issues");
}

static void
print_level(struct printer *printer, uint32_t level)
{
    const struct program *program = printer->program;
    str_builder_append_cstr(printer->out, "SELECT *");
    printer->needs_comma = true;
    for (uint32_t i = 0; i < program->derived_count; i++)
        if (program->derived[i].level == level)
            print_as(printer, program->derived[i].value, "", program->schema.columns[program->derived[i].index].name);
}

/* Derived columns of the entity alone, without key and hash. */
void
program_print_derived(const struct program *program, struct str from, struct str_builder *out)
{
    for (uint32_t level = program->level_count; level > 0; level--) {
        str_builder_append_cstr(out, "SELECT *");
        for (uint32_t i = 0; i < program->derived_count; i++) {
            const struct derived_column *derived = &program->derived[i];
            if (derived->level != level || derived->index >= program->column_count)
                continue;
            str_builder_append_cstr(out, ", ");
            expr_print_duckdb(derived->value, NULL, out);
            str_builder_append_cstr(out, " AS ");
            sql_print_name(str_from(program->schema.columns[derived->index].name), out);
        }
        str_builder_append_cstr(out, " FROM (");
    }
    str_builder_append(out, from);
    for (uint32_t level = program->level_count; level > 0; level--)
        str_builder_append_char(out, ')');
}

static void
print_result(struct printer *printer)
{
    begin_select(printer, false);
    for (uint32_t i = 0; i < printer->program->schema.column_count; i++) {
        begin_item(printer);
        print_quoted(printer, "", printer->program->schema.columns[i].name);
    }
    begin_item(printer);
    str_builder_append_cstr(printer->out,
                            "row_outcome, row_cause, CASE WHEN row_outcome = 1 THEN all_issues ELSE '' END AS row_issues");
}

enum status
program_print_select(const struct program *program, struct str from, const struct str *passed, uint32_t passed_count,
                     struct str_builder *out, struct error *err)
{
    struct printer printer = { .program = program, .passed = passed, .passed_count = passed_count, .out = out };
    print_result(&printer);
    str_builder_append_cstr(out, " FROM (");
    for (uint32_t level = program->level_count; level > 0; level--) {
        print_level(&printer, level);
        str_builder_append_cstr(out, " FROM (");
    }
    print_judgement(&printer);
    str_builder_append_cstr(out, " FROM (");
    print_conditions(&printer);
    str_builder_append_cstr(out, " FROM (");
    print_values(&printer);
    str_builder_append_cstr(out, " FROM (");
    print_sources(&printer, from);
    for (uint32_t i = 0; i < program->level_count + 4; i++)
        str_builder_append_char(out, ')');
    return str_builder_status(out, err);
}

/* ---- Reading it back ---- */

bool
program_issues_next(struct str *issues, uint32_t *ret_issue)
{
    uint64_t number;
    if (issues->size < 3 || !str_to_uint64(str_slice(*issues, 0, 3), &number))
        return false;
    *ret_issue = (uint32_t)number;
    *issues    = str_slice(*issues, 3, issues->size);
    return true;
}

/* "CASE cause WHEN 0 THEN 'x' … END"; NULL where there is nothing to choose from. */
struct choice {
    struct str_builder *out;
    bool                has_any;
};

static void
add_choice(struct choice *choice, struct str cause, uint32_t number, const char *text)
{
    if (!choice->has_any)
        str_builder_printf(choice->out, "CASE %.*s", STR_PRINTF(cause));
    choice->has_any = true;
    str_builder_printf(choice->out, " WHEN %u THEN ", number);
    sql_print_text(str_from(text), choice->out);
}

static void
end_choice(struct choice *choice)
{
    str_builder_append_cstr(choice->out, choice->has_any ? " END" : "CAST(NULL AS VARCHAR)");
}

void
program_print_quarantine_reason_sql(const struct program *program, struct str cause, struct str_builder *out)
{
    struct choice choice = { .out = out };
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].action == ACTION_QUARANTINE)
            add_choice(&choice, cause, i, program->issues[i].reason->code);
    end_choice(&choice);
}

void
program_print_quarantine_path_sql(const struct program *program, struct str cause, struct str_builder *out)
{
    struct choice choice = { .out = out };
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].action == ACTION_QUARANTINE)
            add_choice(&choice, cause, i, program->schema.columns[program->issues[i].column].name);
    end_choice(&choice);
}

void
program_print_filter_reason_sql(const struct program *program, struct str cause, struct str_builder *out)
{
    struct choice choice = { .out = out };
    for (uint32_t i = 0; i < program->filter_count; i++)
        add_choice(&choice, cause, i, program->filters[i].reason->code);
    end_choice(&choice);
}
