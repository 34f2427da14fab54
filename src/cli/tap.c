/* heddle tap: rows that come to a step of a stream that runs. */
#include <stdio.h>

#include "base/json_out.h"
#include "cli/ask.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "config/json.h"
#include "io/terminal.h"
#include "server/commands.h"

struct tap_options {
    struct str bindings;
    int64_t    row_count;
    int64_t    timeout_us;
    bool       is_unmasked;
};

static const struct option options[] = {
    { .name = "rows", .type = OPTION_INT, .default_text = "20", .min = 1, .max = LIVE_TAP_ROW_COUNT_MAX, .unit = "rows", .help = "How many, at most.",
      OPTION_FIELD(struct tap_options, row_count) },
    { .name = "timeout", .type = OPTION_DURATION, .default_text = "10s", .max = COMMANDS_TAP_TIMEOUT_US_MAX,
      .help = "How long rows are waited for; those that have come by then are shown.", OPTION_FIELD(struct tap_options, timeout_us) },
    { .name = "unmask", .type = OPTION_BOOL, .default_text = "false", .help = "Shows values as they are, patient data among them. The audit file is told of it first.",
      OPTION_FIELD(struct tap_options, is_unmasked) },
    PIPELINE_BINDINGS_OPTION(struct tap_options, bindings),
};

static const struct option_table table = OPTION_TABLE("tap", options, struct tap_options, .help = "How many rows, for how long, and how much of them.");

/* ---- Showing ---- */

/* A member as the table has it; an empty text where it is null. */
static struct str
cell_of(const struct json *member)
{
    if (member->type == JSON_BOOL)
        return member->is_true ? STR("yes") : STR("no");
    return member->type == JSON_NULL ? STR_EMPTY : member->text;
}

static bool
is_empty_column(const struct json *rows, const char *key)
{
    for (const struct json *row = rows->first; row != NULL; row = row->next)
        if (json_find(row, key)->type != JSON_NULL)
            return false;
    return true;
}

/* Columns without a value are left out. */
static enum status
show_table(const struct json *rows, unsigned width, struct str_builder *out, struct error *err)
{
    struct table_column columns[TABLE_COLUMN_COUNT_MAX];
    size_t              count = 0;
    struct arena        arena;
    struct table        shown;

    for (const struct json *member = rows->first->first; member != NULL && count < TABLE_COLUMN_COUNT_MAX; member = member->next)
        if (!is_empty_column(rows, member->key.data))
            columns[count++] = (struct table_column){ member->key.data, member->type == JSON_NUMBER };
    arena_init(&arena, 0);
    table_init(&shown, columns, count, &arena);
    for (const struct json *row = rows->first; row != NULL; row = row->next)
        for (size_t i = 0; i < count; i++)
            table_add(&shown, cell_of(json_find(row, columns[i].title)));
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

/* One object a row. */
static enum status
show_lines(const struct json *rows, struct str_builder *out, struct error *err)
{
    for (const struct json *row = rows->first; row != NULL; row = row->next) {
        struct json_out json;
        json_out_init(&json, out, 0);
        json_print(row, &json);
        str_builder_append_char(out, '\n');
    }
    return str_builder_status(out, err);
}

static enum status
show(const struct ask *ask, const struct tap_options *given, struct str text, struct str_builder *out, struct error *err)
{
    const struct terminal terminal = terminal_of(1);
    const struct json    *root = NULL, *rows;
    struct arena          arena;
    enum status           status;

    arena_init(&arena, 0);
    status = json_parse(text, "answer", &arena, &root, err);
    rows   = status == ST_OK ? json_find(root, "rows") : NULL;
    if (status == ST_OK && (rows == NULL || rows->type != JSON_ARRAY))
        status = error_set(err, ERR_CORRUPT, "what the stream says of its rows is not understood");
    if (status == ST_OK && (int64_t)rows->count < given->row_count)
        fprintf(stderr, "heddle: %u rows came in time; --timeout waits longer\n", rows->count);
    if (status == ST_OK && ask->is_json)
        status = show_lines(rows, out, err);
    else if (status == ST_OK && rows->count > 0)
        status = show_table(rows, terminal.is_terminal ? terminal.width : 0, out, err);
    if (status == ST_OK && rows->count > 0 && !ask->is_json && !given->is_unmasked)
        str_builder_append_cstr(out, "\n#1, #2, … are masked: the first, the second different value of the column; --unmask shows them, and tells the audit file\n");
    arena_release(&arena);
    return status == ST_OK ? str_builder_status(out, err) : status;
}

/* ---- The verb ---- */

static enum status
look(const struct ask *ask, const struct tap_options *given, struct str step, struct error *err)
{
    const char               *path        = ask->plan.graph->streaming.store.path.data;
    const struct commands_tap asked       = { step, (uint32_t)given->row_count, given->timeout_us, given->is_unmasked };
    struct str_builder        text        = STR_BUILDER_EMPTY, shown = STR_BUILDER_EMPTY;
    bool                      is_answered = false;
    enum status               status      = commands_ask_tap(io_system(), path, &asked, &is_answered, &text, err);

    if (status == ST_OK && !is_answered) {
        status = error_set(err, ERR_UNAVAILABLE, "no stream runs that owns the store %s", path);
        error_hint(err, "heddle stream or heddle run starts one");
    }
    if (status == ST_OK)
        status = show(ask, given, str_builder_text(&text), &shown, err);
    if (status == ST_OK && shown.size > 0 && (fwrite(shown.data, 1, shown.size, stdout) != shown.size || fflush(stdout) != 0))
        status = error_set(err, ERR_IO, "cannot write the output");
    str_builder_release(&shown);
    str_builder_release(&text);
    return status;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct tap_options *given = call->options;
    const struct ask_options  which = { call->argument_count > 1 ? str_from(call->arguments[1]) : STR("pipeline.json"), given->bindings };
    struct ask                ask   = ASK_EMPTY;
    enum status               status;

    if (call->argument_count == 0 || call->argument_count > 2) {
        error_set(err, ERR_USAGE, "heddle tap looks at one step of one pipeline");
        error_hint(err, "heddle top shows what the steps are called");
        return ST_ERROR;
    }
    status = ask_open(&ask, &which, call, err);
    if (status == ST_OK && !ask.plan.graph->has_streaming)
        status = error_set(err, ERR_USAGE, "the pipeline has no streaming leg");
    if (status == ST_OK && str_from(call->arguments[0]).size > PLAN_NAME_SIZE_MAX)
        status = error_set(err, ERR_USAGE, "no step has so long a name");
    if (status == ST_OK)
        status = look(&ask, given, str_from(call->arguments[0]), err);
    ask_release(&ask);
    return status;
}

const struct verb verb_tap = {
    .name = "tap",
    .arguments = "STEP [PIPELINE]",
    .help = "Shows rows that come to a step of a stream that runs, masked.",
    .argument_help = "STEP is named as heddle top names it; of decode the rows that it makes are shown, of all others those that come to it. PIPELINE is pipeline.json where it is not given. The first "
                     "rows that come from now on are taken; the stream does not wait for it. Codes, units, times, flags and places in the log are shown; of all that tells whose a row is or what was "
                     "found, only which values of the sample are the same.",
    .example = "heddle tap abnormal_lab_trends pipeline.json --rows 5",
    .options = &table,
    .reads_pipeline = true,
    .run = run,
};
