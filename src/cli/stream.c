/* heddle stream: the live leg alone. */
#include "cli/stream.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/json_out.h"
#include "base/memory.h"
#include "cli/keys.h"
#include "cli/pipeline.h"
#include "cli/slow.h"
#include "cli/table.h"
#include "io/file.h"
#include "io/process.h"
#include "io/terminal.h"
#include "match/master_files.h"
#include "server/commands.h"
#include "source/eventlog.h"
#include "source/kafka/kafka.h"
#include "store/open.h"
#include "store/outbox.h"
#include "warehouse/ask.h"
#include "warehouse/live_history.h"

struct stream_verb_options {
    struct str bindings;
    bool       is_once;
    bool       is_drain;
    bool       is_explained;
    struct str accepted_losses;
    bool       accepts_loss;
};

static const struct option options[] = {
    { .name = "once", .type = OPTION_BOOL, .help = "Ends at the log's present end; open windows stay open, to be resumed.",
      OPTION_FIELD(struct stream_verb_options, is_once) },
    { .name = "drain", .type = OPTION_BOOL, .help = "Like --once, and closes the windows as if the stream had ended.",
      OPTION_FIELD(struct stream_verb_options, is_drain) },
    { .name = "explain-slow", .type = OPTION_BOOL, .help = "Tells at the end where the processor's time went, part by part and step by step, and what the threads waited for. Costs some 2 % more.",
      OPTION_FIELD(struct stream_verb_options, is_explained) },
    STREAM_ACCEPT_OPTION(struct stream_verb_options, accepted_losses),
    STREAM_ACCEPT_LOSS_OPTION(struct stream_verb_options, accepts_loss),
    PIPELINE_BINDINGS_OPTION(struct stream_verb_options, bindings),
};

static const struct option_table table = OPTION_TABLE("stream", options, struct stream_verb_options, .help = "How far, and where the names lead.");

enum live_end
stream_end(bool is_once, bool is_drain)
{
    return is_drain ? LIVE_DRAIN : is_once ? LIVE_ONCE : LIVE_UNTIL_STOPPED;
}

/* ---- History ---- */

/* Looked for only when the runtime asks, which it does at the first start of a store. */
struct history {
    const struct graph       *graph;
    struct db                *db; /* Borrowed, or `opened`. */
    struct db                *opened;
    struct warehouse_history *reader;
};

static enum status
history_open(struct history *history, struct error *err)
{
    if (history->db == NULL) {
        if (warehouse_open_read_only(io_system(), &history->graph->batch.warehouse, &history->opened, err) != ST_OK)
            return ST_ERROR;
        history->db = history->opened;
    }
    return warehouse_history_open(history->db, history->graph, &history->reader, err);
}

static enum status
history_next(void *context, struct chunk *chunk, struct error *err)
{
    struct history *history = context;

    if (!history->graph->has_batch)
        return ST_OK;
    if (history->reader == NULL && history_open(history, err) != ST_OK) {
        if (err->code != ERR_NOT_FOUND)
            return ST_ERROR;
        error_clear(err); /* No batch run yet: there is no history. */
        return ST_OK;
    }
    const struct live_history face = warehouse_history_face(history->reader);
    return face.next(face.context, chunk, err);
}

static int64_t
history_begin(void *context, size_t rule)
{
    struct history *history = context;
    return history->reader == NULL ? INT64_MIN : warehouse_history_face(history->reader).begin(history->reader, rule);
}

static void
history_close(struct history *history)
{
    warehouse_history_close(history->reader);
    db_free(history->opened);
}

/* ---- While it runs ---- */

static bool
is_stopping(void *context)
{
    (void)context;
    return process_stop_signal() != 0;
}

/* Who watches it. */
struct watch {
    struct progress     line;
    const struct graph *graph;
    bool                has_told; /* Of state beyond its budget, once. */
};

/* The stream goes on, but somebody must hear of it. */
static void
tell_state(struct watch *watch, const struct live_state *state)
{
    if (!state->is_full || watch->has_told)
        return;
    watch->has_told = true;
    progress_clear(&watch->line);
    fprintf(stderr, "heddle: the steps remember %" PRId64 " bytes, more than runtime.state (%" PRId64 "): the largest step is %s, with %" PRId64 " bytes; logs are read slowly until it is less (docs/guide/time.md)\n",
            state->bytes, watch->graph->runtime.state_bytes_max, state->largest, state->largest_bytes);
}

static void
show_progress(void *context, const struct live_progress *progress)
{
    struct watch    *watch = context;
    struct progress *line  = &watch->line;

    tell_state(watch, &progress->state);
    if (line->unit == PROGRESS_BYTES)
        progress_update(line, (uint64_t)progress->moved, (uint64_t)progress->move_total);
    else
        progress_update(line, (uint64_t)progress->event_count, 0);
}

/* What the committer does between epochs (P9). */
struct errands {
    struct outbox   *outbox;
    struct commands *commands;
    struct live_top  top;
    struct live_tap  tap;
};

static enum status
errands_step(void *context, bool is_last, int64_t now_us, struct error *err)
{
    const struct errands *errands = context;

    if (commands_step(errands->commands, now_us, err) != ST_OK)
        return ST_ERROR;
    return outbox_step(errands->outbox, is_last, now_us, err);
}

static bool
errands_have_news(void *context)
{
    return outbox_has_news(((const struct errands *)context)->outbox);
}

/* A stream may begin before the first run; but where a warehouse is there, somebody expects its patients. */
static void
tell_no_master(const struct graph *graph)
{
    struct error err  = ERROR_EMPTY;
    uint64_t     size = 0;

    if (io_file_check_regular(io_system(), graph->batch.warehouse.path.data, &size, &err) == ST_OK && size > 0)
        fprintf(stderr, "heddle: there is no patient master beside the store %.*s, though there is a warehouse: all patients are unknown; heddle batch leaves it there\n",
                STR_PRINTF(graph->streaming.store.path));
}

static enum status
run_opened(const struct graph *graph, const struct siphash_key *person_key, struct db *warehouse, const struct stream_how *how, struct source *source,
           struct store *store, struct errands *errands, struct stream_summary *ret_summary, struct error *err)
{
    struct terminal     terminal = terminal_of(2);
    struct watch        watch   = { .graph = graph };
    struct history      history = { .graph = graph, .db = warehouse };
    struct str_builder  master  = STR_BUILDER_EMPTY;
    bool                is_found = false;
    uint64_t            version;
    enum status         status = master_file_newest(io_system(), graph->streaming.store.path.data, &master, &is_found, &version, err);
    struct live_options with   = { .io          = io_system(),
                                   .clock       = process_clock(),
                                   .graph       = graph,
                                   .source      = source,
                                   .store       = store,
                                   .person_key  = person_key,
                                   .history     = { &history, history_next, history_begin },
                                   .delivery    = { errands, errands_step, errands_have_news },
                                   .top         = &errands->top,
                                   .tap         = &errands->tap,
                                   .cost        = ret_summary->cost,
                                   .accepted_losses = how->accepted_losses,
                                   .end         = how->end,
                                   .is_stopping = is_stopping,
                                   .progress    = show_progress,
                                   .context     = &watch };

    if (status == ST_OK && !is_found && graph->has_batch)
        tell_no_master(graph);
    with.master_path = is_found ? str_builder_cstr(&master) : NULL;
    progress_begin(&watch.line, io_system(), &terminal, process_clock(), "streaming", how->end == LIVE_UNTIL_STOPPED ? PROGRESS_ITEMS : PROGRESS_BYTES);
    if (status == ST_OK)
        status = live_run(&with, &ret_summary->live, err);
    progress_clear(&watch.line);
    history_close(&history);
    str_builder_release(&master);
    return status;
}

/* A sink's trouble is no trouble of the stream: its rows wait in the outbox. But somebody must hear of it. */
static void
take_delivery(const struct outbox *outbox, struct stream_summary *summary)
{
    struct outbox_summary told = outbox_summary(outbox);
    char                  text[ERROR_TEXT_SIZE];

    summary->delivered_count = told.delivered_count;
    summary->failed_count    = told.failed_count;
    summary->given_up_count  = told.given_up_count;
    if (told.failed_count == 0)
        return;
    error_print(told.last_error, text, sizeof text);
    fprintf(stderr, "heddle: %" PRId64 " deliveries of alerts failed, the last one so: %s\n", told.failed_count, text);
}

static void
tell_waiting(void *context, const struct error *err)
{
    char text[ERROR_TEXT_SIZE];

    (void)context;
    error_print(err, text, sizeof text);
    fprintf(stderr, "heddle: %s; nothing is lost, it is tried again\n", text);
}

static enum status
start_commands(const struct graph *graph, struct store *store, struct errands *errands, struct error *err)
{
    const struct commands_options with = { .io = io_system(), .clock = process_clock(), .graph = graph, .store = store, .top = &errands->top, .tap = &errands->tap };

    return commands_start(&with, &errands->commands, err);
}

/* Brokers that are away are waited for, but somebody must hear of it. */
static void
tell_notice(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "heddle: %s\n", text);
}

static enum status
open_source(const struct graph_source *binding, const struct stream_how *how, struct source **ret_source, struct error *err)
{
    const struct kafka_options with = { .io = io_system(), .binding = binding, .accepts_loss = how->accepts_loss, .notice = tell_notice };

    return binding->inputs[0].type == GRAPH_INPUT_KAFKA ? kafka_create(&with, ret_source, err) : eventlog_create(io_system(), binding, ret_source, err);
}

enum status
stream_run(const struct graph *graph, const struct siphash_key *person_key, struct db *warehouse, const struct stream_how *how,
           struct stream_summary *ret_summary, struct error *err)
{
    const struct graph_store *bound   = &graph->streaming.store;
    struct source            *source  = NULL;
    struct store             *store   = NULL;
    struct errands            errands = { .outbox = NULL };
    struct lock               lock    = LOCK_EMPTY;
    enum status               status;

    *ret_summary = (struct stream_summary){ .cost = ret_summary->cost };
    if (bound->type == GRAPH_STORE_SQLITE && !bound->encryption.is_encrypted)
        fprintf(stderr, "heddle: the store %.*s is not encrypted (\"encryption\": \"none\")\n", STR_PRINTF(bound->path));
    status = store_lock_graph(io_system(), graph, &lock, err);
    if (status == ST_OK)
        status = open_source(&graph->streaming.source, how, &source, err);
    if (status == ST_OK)
        status = store_open_graph(io_system(), graph, &store, err);
    if (status == ST_OK) {
        store->is_stopping  = is_stopping;
        store->tell_waiting = tell_waiting;
    }
    if (status == ST_OK)
        status = outbox_new(io_system(), process_clock(), store, graph, &errands.outbox, err);
    if (status == ST_OK)
        status = start_commands(graph, store, &errands, err);
    if (status == ST_OK)
        status = run_opened(graph, person_key, warehouse, how, source, store, &errands, ret_summary, err);
    if (errands.outbox != NULL)
        take_delivery(errands.outbox, ret_summary);
    commands_stop(errands.commands);
    live_tap_release(&errands.tap);
    outbox_free(errands.outbox);
    store_close(store);
    lock_release(&lock);
    if (source != NULL)
        source->kind->free(source);
    return status;
}

/* ---- What is printed ---- */

/* Counts show no patient, so no audit is due; the store's face asks for one. */
static enum status
no_audit(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    return ST_OK;
}

static enum status
append(void *context, struct str bytes, struct error *err)
{
    str_builder_append(context, bytes);
    return str_builder_status(context, err);
}

/* What a statement counts in the store, as a table or as JSON objects one a line. */
static enum status
count_in_store(const struct graph *graph, struct str sql, bool is_json, unsigned width, struct str_builder *out, struct error *err)
{
    uint64_t           row_count;
    struct store_query query = { .sql   = sql,
                                 .rows  = { .format = is_json ? ROWS_JSON : ROWS_TABLE, .width_max = width, .write = append, .context = out },
                                 .audit = no_audit };

    return store_query_graph(io_system(), &graph->streaming.store, &query, &row_count, err);
}

#define ALERTS STR("select rule, severity, status, count(*) as alerts from alert group by 1, 2, 3 order by 1, 2, 3")

/* Revisions of alerts that no sink has yet, of earlier starts too. */
static enum status
count_waiting(const struct graph *graph, int64_t *ret_count, struct error *err)
{
    struct str_builder text   = STR_BUILDER_EMPTY;
    enum status        status = count_in_store(graph, STR("select count(*) as n from alert_outbox where status = 'waiting'"), true, 0, &text, err);
    struct str         row    = str_trim(str_of(text.data, text.size));
    struct str         head   = STR("{\"n\":");

    if (status == ST_OK && !(str_starts_with(row, head) && str_to_int64(str_slice(row, head.size, row.size - 1), ret_count)))
        status = error_set(err, ERR_INTERNAL, "the store does not count what waits");
    str_builder_release(&text);
    return status;
}

static void
print_state(const struct live_summary *live, struct json_out *json)
{
    const struct live_state *state = &live->state;

    json_out_key_object(json, "state");
    json_out_key_int(json, "bytes", state->bytes);
    json_out_key_int(json, "entries", state->entry_count);
    json_out_key(json, STR("largest_step"));
    if (state->largest == NULL)
        json_out_null(json);
    else
        json_out_text(json, str_from(state->largest));
    json_out_key_int(json, "epochs_beyond_budget", live->state_full_epoch_count);
    json_out_object_end(json);
}

static enum status
print_json(const struct stream_summary *summary, const struct graph *graph, struct str_builder *out, struct error *err)
{
    const struct live_summary *live    = &summary->live;
    const struct live_account *account = &live->account;
    struct str_builder         alerts  = STR_BUILDER_EMPTY;
    struct json_out            json;
    int64_t                    waiting = 0;
    enum status                status = count_in_store(graph, ALERTS, true, 0, &alerts, err);

    if (status == ST_OK)
        status = count_waiting(graph, &waiting, err);

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "leg", "streaming");
    json_out_key_uint(&json, "epoch_first", live->epoch_first);
    json_out_key_uint(&json, "epoch_last", live->epoch_last);
    json_out_key_bool(&json, "interrupted", live->is_interrupted);
    json_out_key_text(&json, "source", graph->streaming.source.name);
    json_out_key_int(&json, "received", account->received);
    json_out_key_int(&json, "loaded", account->loaded);
    json_out_key_int(&json, "deduplicated", account->deduplicated);
    json_out_key_int(&json, "filtered", account->filtered);
    json_out_key_int(&json, "quarantined", account->quarantined);
    json_out_key_int(&json, "late", account->late);
    json_out_key_int(&json, "bytes", account->bytes);
    json_out_key_int(&json, "window_rows", live->window_row_count);
    json_out_key_int(&json, "windows_closed", live->window_closed_count);
    json_out_key_int(&json, "alert_revisions", live->alert_revision_count);
    json_out_key_int(&json, "delivered", summary->delivered_count);
    json_out_key_int(&json, "failed_deliveries", summary->failed_count);
    json_out_key_int(&json, "given_up", summary->given_up_count);
    json_out_key_int(&json, "waiting_deliveries", waiting);
    json_out_key_int(&json, "dead_letters", live->dead_letter_count);
    json_out_key_int(&json, "late_events", live->late_event_count);
    json_out_key_int(&json, "unknown_patients", live->unknown_patient_count);
    json_out_key_object(&json, "letters");
    json_out_key_int(&json, "received", live->letters.received);
    json_out_key_int(&json, "loaded", live->letters.loaded);
    json_out_key_int(&json, "deduplicated", live->letters.deduplicated);
    json_out_key_int(&json, "filtered", live->letters.filtered);
    json_out_key_int(&json, "quarantined", live->letters.quarantined);
    json_out_key_int(&json, "late", live->letters.late);
    json_out_object_end(&json);
    print_state(live, &json);
    json_out_key_array(&json, "alerts");
    struct str rest = str_of(alerts.data, alerts.size);
    for (size_t end; (end = str_find_byte(rest, '\n')) != STR_NOT_FOUND; rest = str_slice(rest, end + 1, rest.size))
        json_out_raw(&json, str_slice(rest, 0, end));
    json_out_array_end(&json);
    json_out_key_int(&json, "duration_us", live->duration_us);
    json_out_key_int(&json, "cpu_us", live->cpu_us);
    if (summary->cost != NULL) {
        json_out_key(&json, STR("explain_slow"));
        slow_print_json(summary->cost, live, &json);
    }
    json_out_object_end(&json);
    str_builder_append_char(out, '\n');
    str_builder_release(&alerts);
    return status == ST_OK ? str_builder_status(out, err) : status;
}

static void
add_account(struct table *shown, struct str source, const struct live_account *account)
{
    const int64_t counts[] = { account->received, account->loaded, account->deduplicated, account->filtered, account->quarantined, account->late };

    table_add(shown, source);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        table_add_count(shown, (uint64_t)counts[i]);
}

/* Retried letters only where there are some. */
static enum status
print_account(const struct live_summary *live, const struct graph *graph, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "source", false },     { "received", true },      { "= loaded", true }, { "+ deduplicated", true },
                                                   { "+ filtered", true }, { "+ quarantined", true }, { "late", true } };
    struct arena arena;
    struct table shown;

    arena_init(&arena, 0);
    table_init(&shown, columns, sizeof(columns) / sizeof(columns[0]), &arena);
    add_account(&shown, graph->streaming.source.name, &live->account);
    if (live->letters.received > 0)
        add_account(&shown, STR(STORE_LETTERS_SOURCE), &live->letters);
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

enum status
stream_print(const struct stream_summary *summary, const struct graph *graph, bool is_json, struct str_builder *out, struct error *err)
{
    const struct live_summary *live     = &summary->live;
    struct terminal            terminal = terminal_of(1);
    unsigned                   width    = terminal.is_terminal ? terminal.width : 0;
    struct str                 store    = graph->streaming.store.name;
    int64_t                    waiting  = 0;
    enum status                status;

    if (is_json)
        return print_json(summary, graph, out, err);
    if (live->epoch_last == 0)
        str_builder_printf(out, "stream: nothing new\n\n");
    else
        str_builder_printf(out, "stream: epochs %" PRIu64 " to %" PRIu64 "\n\n", live->epoch_first, live->epoch_last);
    status = print_account(live, graph, width, out, err);
    if (status == ST_OK)
        status = count_waiting(graph, &waiting, err);
    str_builder_printf(out,
                       "\nrows of windows %" PRId64 " (%" PRId64 " closed), dead letters %" PRId64 ", late events %" PRId64
                       ", unknown patients %" PRId64 "\nrevisions of alerts %" PRId64 ", delivered %" PRId64 ", failed deliveries %" PRId64 ", waiting %" PRId64 "\n\nalerts of the store:\n",
                       live->window_row_count, live->window_closed_count, live->dead_letter_count, live->late_event_count,
                       live->unknown_patient_count, live->alert_revision_count, summary->delivered_count, summary->failed_count, waiting);
    if (status == ST_OK)
        status = count_in_store(graph, ALERTS, false, width, out, err);
    if (status == ST_OK && summary->cost != NULL)
        status = slow_print(summary->cost, live, width, out, err);
    str_builder_printf(out, "\n%.1f s, %.1f s of processor\nlook next: heddle query %.*s \"SELECT * FROM alert\"\n", (double)live->duration_us / 1e6,
                       (double)live->cpu_us / 1e6, STR_PRINTF(store));
    return status == ST_OK ? str_builder_status(out, err) : status;
}

enum status
stream_check_end(const struct stream_summary *summary, struct error *err)
{
    if (!summary->live.is_interrupted)
        return ST_OK;
    error_set(err, process_stop_signal() == SIGTERM ? ERR_TERMINATED : ERR_INTERRUPTED, "stopped before the end of the log");
    error_hint(err, "what was committed stays; the same command goes on from there");
    return ST_ERROR;
}

/* ---- The verb ---- */

static enum status
run_and_print(const struct graph *graph, const struct siphash_key *person_key, const struct stream_how *how, struct live_cost *cost, bool is_json, struct error *err)
{
    struct stream_summary summary = { .cost = cost };
    struct str_builder  text   = STR_BUILDER_EMPTY;
    enum status         status = stream_run(graph, person_key, NULL, how, &summary, err);

    if (status == ST_OK)
        status = stream_print(&summary, graph, is_json, &text, err);
    if (status == ST_OK)
        fwrite(text.data, 1, text.size, stdout);
    str_builder_release(&text);
    return status == ST_OK ? stream_check_end(&summary, err) : status;
}

static enum status
run(const struct verb_call *call, struct error *err)
{
    const struct stream_verb_options *given      = call->options;
    struct plan                       plan       = PLAN_EMPTY;
    struct siphash_key                person_key = { { 0 } };
    static struct live_cost           cost; /* Of the one stream of this process; 20 KB. */
    const struct stream_how           how        = { stream_end(given->is_once, given->is_drain), given->accepted_losses, given->accepts_loss };
    enum status                       status     = pipeline_load_argument(call, given->bindings, &plan, err);

    if (status == ST_OK && !plan.graph->has_streaming)
        status = error_set(err, ERR_USAGE, "the pipeline has no streaming leg");
    cost = (struct live_cost){ .now_ns = process_thread_cpu_ns };
    if (status == ST_OK)
        status = person_key_obtain(io_system(), plan.graph, &person_key, err);
    if (status == ST_OK)
        status = run_and_print(plan.graph, &person_key, &how, given->is_explained ? &cost : NULL, call->is_json, err);
    memory_wipe(&person_key, sizeof person_key);
    plan_release(&plan);
    return status;
}

const struct verb verb_stream = {
    .name = "stream",
    .arguments = "PIPELINE",
    .help = "The live leg: events to windows and alerts, until it is stopped.",
    .example = "heddle stream pipeline.json --set runtime.workers=2",
    .options = &table,
    .reads_pipeline = true,
    .is_stoppable = true,
    .run = run,
};
