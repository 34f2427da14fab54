/* heddle top: a stream that runs, as it sees itself. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json_out.h"
#include "cli/ask.h"
#include "cli/table.h"
#include "cli/verb.h"
#include "config/json.h"
#include "io/process.h"
#include "io/terminal.h"
#include "io/thread.h"
#include "server/commands.h"

#define REFRESH_US 1000000
#define LOOK_US    100000 /* How soon a Ctrl-C is seen. */

struct top_options {
    struct str bindings;
    bool       is_once;
};

static const struct option options[] = {
    { .name = "once", .type = OPTION_BOOL, .default_text = "false", .help = "Shows it once; else, on a terminal, anew each second until it is stopped.",
      OPTION_FIELD(struct top_options, is_once) },
    PIPELINE_BINDINGS_OPTION(struct top_options, bindings),
};

static const struct option_table table = OPTION_TABLE("top", options, struct top_options, .help = "How often, and where the names lead.");

/* ---- Asking ---- */

#define WAITING STR("select sink, count(*) as waiting, count(*) filter (where attempts > 0) as failed_before from alert_outbox where status = 'waiting' group by sink order by sink")

/* {"stream":{…},"outbox":[{…},…]} */
static enum status
look(const struct ask *ask, struct str_builder *out, struct error *err)
{
    const char        *path        = ask->plan.graph->streaming.store.path.data;
    struct str_builder stream      = STR_BUILDER_EMPTY;
    struct str_builder outbox      = STR_BUILDER_EMPTY;
    bool               is_answered = false;
    uint64_t           count       = 0;
    struct json_out    json;
    enum status        status = commands_ask_top(io_system(), path, &is_answered, &stream, err);

    if (status == ST_OK && !is_answered) {
        status = error_set(err, ERR_UNAVAILABLE, "no stream runs that owns the store %s", path);
        error_hint(err, "heddle stream or heddle run starts one; heddle query asks the store of what was");
    }
    if (status == ST_OK)
        status = ask_store_text(ask, WAITING, &outbox, &count, err);
    if (status == ST_OK) {
        json_out_init(&json, out, 0);
        json_out_object_begin(&json);
        json_out_key(&json, STR("stream"));
        json_out_raw(&json, str_builder_text(&stream));
        json_out_key_array(&json, "outbox");
        struct str rest = str_builder_text(&outbox);
        for (size_t end; (end = str_find_byte(rest, '\n')) != STR_NOT_FOUND; rest = str_slice(rest, end + 1, rest.size))
            json_out_raw(&json, str_slice(rest, 0, end));
        json_out_array_end(&json);
        json_out_object_end(&json);
        status = str_builder_status(out, err);
    }
    str_builder_release(&outbox);
    str_builder_release(&stream);
    return status;
}

/* ---- Showing ---- */

/* The member's text as it stands in the JSON; "-" where it is null. */
static struct str
member(const struct json *object, const char *key)
{
    const struct json *found = json_find(object, key);

    if (found == NULL || found->type == JSON_NULL)
        return STR("-");
    if (found->type == JSON_BOOL)
        return found->is_true ? STR("yes") : STR("no");
    return found->text;
}

static int64_t
number(const struct json *object, const char *key)
{
    int64_t value = 0;

    return str_to_int64(member(object, key), &value) ? value : 0;
}

struct shown_column {
    const char *key;
    bool        is_number; /* A count, with commas. */
};

/* The items of an array, a column for each key. */
static enum status
show_items(const struct json *array, const struct shown_column *shown, const struct table_column *columns, size_t count, unsigned width,
           struct str_builder *out, struct error *err)
{
    struct arena arena;
    struct table items;
    enum status  status;

    arena_init(&arena, 0);
    table_init(&items, columns, count, &arena);
    for (const struct json *item = array->first; item != NULL; item = item->next)
        for (size_t i = 0; i < count; i++)
            if (shown[i].is_number && !str_equal(member(item, shown[i].key), STR("-")))
                table_add_count(&items, (uint64_t)number(item, shown[i].key));
            else
                table_add(&items, member(item, shown[i].key));
    status = table_print(&items, width, out, err);
    arena_release(&arena);
    return status;
}

static enum status
show_tables(const struct json *stream, const struct json *outbox, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct shown_column steps[]             = { { "step", false }, { "events_per_s", true }, { "events", true }, { "state_bytes", true }, { "state_entries", true } };
    static const struct table_column step_columns[]      = { { "step", false }, { "events/s", true }, { "events", true }, { "state bytes", true }, { "entries", true } };
    static const struct shown_column partitions[]        = { { "partition_id", false }, { "lag", true }, { "watermark", false }, { "idle", false }, { "holds_back", false } };
    static const struct table_column partition_columns[] = { { "partition", false }, { "lag bytes", true }, { "watermark", false }, { "idle", false }, { "holds back", false } };
    static const struct shown_column sinks[]             = { { "sink", false }, { "waiting", true }, { "failed_before", true } };
    static const struct table_column sink_columns[]      = { { "sink", false }, { "waiting", true }, { "failed before", true } };
    enum status                      status              = show_items(json_find(stream, "steps"), steps, step_columns, 5, width, out, err);

    str_builder_append_char(out, '\n');
    if (status == ST_OK)
        status = show_items(json_find(stream, "partitions"), partitions, partition_columns, 5, width, out, err);
    str_builder_append_char(out, '\n');
    if (outbox->first == NULL)
        str_builder_append_cstr(out, "no delivery waits\n");
    else if (status == ST_OK)
        status = show_items(outbox, sinks, sink_columns, 3, width, out, err);
    return status;
}

/* "decode to dedup 3 of 16 chunks (fullest: thread 0 to 1, 2 of 4)" */
static void
show_queues(const struct json *queues, struct str_builder *out)
{
    const char *before = "rings: ";

    for (const struct json *queue = queues->first; queue != NULL; queue = queue->next) {
        const struct json *fullest = json_find(queue, "fullest");
        str_builder_printf(out, "%s%.*s to %.*s %.*s of %.*s chunks", before, STR_PRINTF(member(queue, "from")), STR_PRINTF(member(queue, "to")), STR_PRINTF(member(queue, "used")),
                           STR_PRINTF(member(queue, "capacity")));
        if (number(fullest, "used") > 0)
            str_builder_printf(out, " (fullest: thread %.*s to %.*s, %.*s of %.*s)", STR_PRINTF(member(fullest, "from_thread")), STR_PRINTF(member(fullest, "to_thread")),
                               STR_PRINTF(member(fullest, "used")), STR_PRINTF(member(fullest, "capacity")));
        before = ", ";
    }
    str_builder_append_cstr(out, "\n\n");
}

static enum status
show(struct str text, unsigned width, struct str_builder *out, struct error *err)
{
    const struct json *root = NULL, *stream;
    struct arena       arena;
    enum status        status;

    arena_init(&arena, 0);
    status = json_parse(text, "answer", &arena, &root, err);
    stream = status == ST_OK ? json_find(root, "stream") : NULL;
    if (status == ST_OK && (stream == NULL || json_find(stream, "steps") == NULL || json_find(stream, "queues") == NULL || json_find(stream, "partitions") == NULL))
        status = error_set(err, ERR_CORRUPT, "what the stream says of itself is not understood");
    if (status == ST_OK) {
        str_builder_printf(out, "epoch %.*s, ", STR_PRINTF(member(stream, "epoch")));
        if (str_equal(member(stream, "committed_at"), STR("-")))
            str_builder_append_cstr(out, "of an earlier start; ");
        else
            str_builder_printf(out, "%.1f s after the one before, commit %.1f ms; ", (double)number(stream, "epoch_us") / 1e6, (double)number(stream, "commit_us") / 1e3);
        str_builder_printf(out, "watermark %.*s, held back by %.*s\n", STR_PRINTF(member(stream, "watermark")), STR_PRINTF(member(stream, "held_back_by")));
        if (str_equal(member(stream, "state_is_full"), STR("yes")))
            str_builder_printf(out, "state is beyond runtime.state: %.*s bytes, the largest step is %.*s; logs are read slowly\n", STR_PRINTF(member(stream, "state_bytes")),
                               STR_PRINTF(member(stream, "largest_step")));
        show_queues(json_find(stream, "queues"), out);
        status = show_tables(stream, json_find(root, "outbox"), width, out, err);
    }
    arena_release(&arena);
    return status == ST_OK ? str_builder_status(out, err) : status;
}

static enum status
show_once(const struct ask *ask, const struct terminal *terminal, bool is_refreshing, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY, shown = STR_BUILDER_EMPTY;
    enum status        status = look(ask, &text, err);

    if (status == ST_OK && is_refreshing && !ask->is_json)
        str_builder_append_cstr(&shown, "\x1b[H\x1b[J"); /* From the top, on an empty screen. */
    if (status == ST_OK && !ask->is_json)
        status = show(str_builder_text(&text), terminal->is_terminal ? terminal->width : 0, &shown, err);
    else if (status == ST_OK)
        str_builder_printf(&shown, "%.*s\n", STR_PRINTF(str_builder_text(&text)));
    if (status == ST_OK)
        status = str_builder_status(&shown, err);
    if (status == ST_OK && (fwrite(shown.data, 1, shown.size, stdout) != shown.size || fflush(stdout) != 0))
        status = error_set(err, ERR_IO, "cannot write the output");
    str_builder_release(&shown);
    str_builder_release(&text);
    return status;
}

/* ---- The verb ---- */

static void
wait_a_second(void)
{
    struct waker waker;

    waker_init(&waker);
    for (int i = 0; i < REFRESH_US / LOOK_US && process_stop_signal() == 0; i++)
        waker_sleep(&waker, waker_look(&waker), LOOK_US);
    waker_release(&waker);
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct top_options *given    = call->options;
    const struct terminal     terminal = terminal_of(1);
    const bool                is_once  = given->is_once || !terminal.is_terminal;
    const struct ask_options  which    = { call->argument_count > 0 ? str_from(call->arguments[0]) : STR("pipeline.json"), given->bindings };
    struct ask                ask      = ASK_EMPTY;
    enum status               status   = ST_OK;

    if (call->argument_count > 1)
        return error_set(err, ERR_USAGE, "heddle top looks at one pipeline");
    status = ask_open(&ask, &which, call, err);
    if (status == ST_OK && !ask.plan.graph->has_streaming)
        status = error_set(err, ERR_USAGE, "the pipeline has no streaming leg");
    while (status == ST_OK && process_stop_signal() == 0) {
        status = show_once(&ask, &terminal, !is_once, err);
        if (is_once)
            break;
        if (status == ST_OK)
            wait_a_second();
    }
    ask_release(&ask);
    return status;
}

const struct verb verb_top = {
    .name = "top",
    .arguments = "[PIPELINE]",
    .help = "Shows a stream that runs: how fast its steps are, what their state takes, lag and watermark of its partitions, how full its rings are, and what waits for a sink.",
    .argument_help = "PIPELINE is pipeline.json where it is not given. The stream itself is asked, over its control socket, and answers of what is committed; \"held back by\" names the partition whose "
                     "watermark the others wait for. Where the output is no terminal it is shown once.",
    .example = "heddle top pipeline.json --once --format json",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
