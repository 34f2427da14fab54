#include "cli/slow.h"

#include <stdio.h>

#include "base/check.h"
#include "cli/table.h"

#define PART_NAME_SIZE (PLAN_NAME_SIZE_MAX + 16)

/* What a part is, and what helps where it takes the most. */
static const struct {
    const char *name;
    const char *what;
    const char *advice;
} fixed_parts[COST_STEP] = {
    [COST_START]     = { "start", "reading back the state, and history from the warehouse", "it is paid once a start: let the stream run on instead of starting it for a few events" },
    [COST_READ]      = { "read", "reading the log", "let the log lie on a disk of this machine" },
    [COST_DECODE]    = { "decode", "finding fields in the bytes of records",
                         "name in the binding the \"mapping\" that an input needs, and let its events be flat JSON objects without escapes, which are read where they lie" },
    [COST_PROGRAM]   = { "program", "fields to columns: mapping, cleansing, checks, standards", "look for expressions of your own mappings and rules that take long, like regular expressions" },
    [COST_ROWS]      = { "rows", "order, lateness, event rows, dead letters", "look with heddle letters whether many records are refused; else it is the work itself: give runtime.workers more threads" },
    [COST_PERSONS]   = { "persons", "looking persons up in the patient master", "give the machine memory enough for the master's file; else it is the work itself: give runtime.workers more threads" },
    [COST_SEND]      = { "exchange", "handing rows to the shards that own their keys", "give runtime.workers fewer threads: with one nothing is copied" },
    [COST_SEAL]      = { "seal", "writing down what changed in the state", "let epochs be longer: runtime.epoch.interval, runtime.epoch.rows" },
    [COST_BARRIER]   = { "barrier", "the ends of epochs", "let epochs be longer: runtime.epoch.interval, runtime.epoch.rows" },
    [COST_LOOP]      = { "loop", "looking for work", "the threads have little to do: nothing needs help, and runtime.workers may be fewer" },
    [COST_MERGE]     = { "merge", "bringing together what the threads told of an epoch", "let epochs be longer: runtime.epoch.interval, runtime.epoch.rows" },
    [COST_RECORD]    = { "record", "sealing and writing the state's record", "let epochs be longer: runtime.epoch.interval, runtime.epoch.rows" },
    [COST_COMMIT]    = { "commit", "transactions of the store", "let epochs be longer: runtime.epoch.interval, runtime.epoch.rows; and see which rule tells so many alerts, or window so many rows" },
    [COST_DELIVER]   = { "deliver", "the outbox, and commands of others", "see which sink gets so many alerts: heddle alerts list" },
    [COST_COMMITTER] = { "committer", "the committer's look for work", "the stream has little to do: nothing needs help" },
};

/* The part's name, in `text` where it is of a step. */
static const char *
part_name(const struct live_cost *cost, unsigned part, char text[PART_NAME_SIZE])
{
    if (part < COST_STEP)
        return fixed_parts[part].name;
    snprintf(text, PART_NAME_SIZE, "%s %s", cost->step_names[(part - COST_STEP) / 2], (part - COST_STEP) % 2 == 0 ? "rows" : "barrier");
    return text;
}

/* Parts in the order in which a record comes to them; the steps stand between exchange and seal. False: no more. */
static bool
part_at(const struct live_cost *cost, unsigned index, unsigned *ret_part)
{
    const unsigned steps = 2 * cost->step_count;

    if (index >= COST_STEP + steps)
        return false;
    if (index <= COST_SEND)
        *ret_part = index;
    else
        *ret_part = index <= COST_SEND + steps ? COST_STEP + index - COST_SEND - 1 : index - steps;
    return true;
}

/* ---- Numbers ---- */

/* Of the whole process. What no meter saw: threads of receivers and of the control socket, and the end of the leg. */
static int64_t
total_ns(const struct live_summary *summary)
{
    return summary->cpu_us * 1000;
}

static int64_t
other_ns(const struct live_cost *cost, const struct live_summary *summary)
{
    int64_t rest = total_ns(summary);

    for (unsigned i = 0; i < COST_PART_COUNT; i++)
        rest -= cost->ns[i];
    return rest > 0 ? rest : 0;
}

static double
share_of(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

static double
per_event(int64_t ns, const struct live_summary *summary)
{
    const int64_t count = summary->account.received + summary->letters.received;

    return count > 0 ? (double)ns / (double)count : 0;
}

/* Rows and barriers of a step count together. The place is that of its rows. */
static unsigned
largest_part(const struct live_cost *cost, int64_t *ret_ns)
{
    unsigned largest = 0;

    *ret_ns = cost->ns[0];
    for (unsigned i = 1; i < COST_PART_COUNT; i += i < COST_STEP ? 1 : 2) {
        const int64_t ns = i < COST_STEP ? cost->ns[i] : cost->ns[i] + cost->ns[i + 1];
        if (ns <= *ret_ns)
            continue;
        largest = i;
        *ret_ns = ns;
    }
    return largest;
}

static int64_t
waited_us(const struct live_cost *cost, enum cost_wait wait)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < cost->thread_count; i++)
        sum += cost->threads[i].wait_us[wait];
    return sum;
}

static int64_t
wall_us(const struct live_cost *cost)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < cost->thread_count; i++)
        sum += cost->threads[i].wall_us;
    return sum;
}

/* ---- The sentence ---- */

/* How much of their time the threads must have waited for one thing that it is told first. */
#define WAIT_SHARE 0.5

static const char *
wait_advice(enum cost_wait wait)
{
    switch (wait) {
    case COST_IDLE:
        return "had nothing to read: the stream keeps up with its log";
    case COST_RING_DEDUP:
        return "waited for room in the ring from decode to dedup: the threads behind it are the narrow place";
    case COST_RING_STEPS:
        return "waited for room in the ring from dedup to windows and rules: the threads behind it are the narrow place";
    case COST_EPOCH:
        return "waited for a commit, for the epoch was full: give runtime.epoch.rows more, or see why commits take long";
    case COST_AHEAD:
        return "waited for slower partitions of other threads: give runtime.ahead more, or the log partitions of one size";
    case COST_STATE_FULL:
        return "waited, for state is beyond its budget: heddle top shows which step has most of it; give runtime.state more, or windows less lateness";
    case COST_WAIT_COUNT:
        break;
    }
    return "";
}

static void
print_advice(const struct live_cost *cost, const struct live_summary *summary, struct str_builder *out)
{
    int64_t        ns;
    const unsigned largest = largest_part(cost, &ns);

    for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
        if (share_of(waited_us(cost, (enum cost_wait)wait), wall_us(cost)) >= WAIT_SHARE)
            str_builder_printf(out, "%.0f %% of their time the threads %s. ", 100 * share_of(waited_us(cost, (enum cost_wait)wait), wall_us(cost)),
                               wait_advice((enum cost_wait)wait));
    str_builder_printf(out, "Most of the processor's time, %.0f %%, went to ", 100 * share_of(ns, total_ns(summary)));
    if (largest < COST_STEP)
        str_builder_printf(out, "%s, %s; what helps: %s.", fixed_parts[largest].name, fixed_parts[largest].what, fixed_parts[largest].advice);
    else
        str_builder_printf(out, "%s, %s; what helps: %s.", cost->step_names[(largest - COST_STEP) / 2],
                           cost->ns[largest] >= cost->ns[largest + 1] ? "mostly to what the step does with each row" : "mostly to what the step closes and tells at the end of an epoch",
                           cost->ns[largest] >= cost->ns[largest + 1] ? "more threads (runtime.workers), for its state is shared out among them; heddle top shows how large that is"
                                                                      : "longer epochs: runtime.epoch.interval, runtime.epoch.rows");
}

/* ---- As tables ---- */

static void
add_part(struct table *shown, const char *name, int64_t ns, const struct live_summary *summary)
{
    char text[64];

    table_add(shown, str_from(name));
    table_add(shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f", (double)ns / 1e6)));
    table_add(shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f %%", 100 * share_of(ns, total_ns(summary)))));
    table_add(shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f", per_event(ns, summary))));
}

static enum status
print_parts(const struct live_cost *cost, const struct live_summary *summary, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "part", false }, { "processor ms", true }, { "share", true }, { "ns/event", true } };
    struct arena arena;
    struct table shown;
    unsigned     part = 0;

    arena_init(&arena, 0);
    table_init(&shown, columns, sizeof columns / sizeof *columns, &arena);
    for (unsigned i = 0; part_at(cost, i, &part); i++) {
        char name[PART_NAME_SIZE];
        add_part(&shown, part_name(cost, part, name), cost->ns[part], summary);
    }
    add_part(&shown, "others", other_ns(cost, summary), summary);
    add_part(&shown, "all", total_ns(summary), summary);
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

static const char *const wait_names[COST_WAIT_COUNT] = { "idle", "ring to dedup", "ring to steps", "epoch full", "ahead", "state full" };

static enum status
print_waits(const struct live_cost *cost, unsigned width, struct str_builder *out, struct error *err)
{
    static const struct table_column columns[] = { { "thread", true }, { "seconds", true }, { "at work", true }, { "idle", true }, { "ring to dedup", true },
                                                   { "ring to steps", true }, { "epoch full", true }, { "ahead", true }, { "state full", true } };
    struct arena arena;
    struct table shown;
    char         text[64];

    _Static_assert(sizeof columns / sizeof *columns == COST_WAIT_COUNT + 3, "a column for each wait");
    arena_init(&arena, 0);
    table_init(&shown, columns, sizeof columns / sizeof *columns, &arena);
    for (uint32_t i = 0; i < cost->thread_count; i++) {
        const struct cost_thread *thread = &cost->threads[i];
        int64_t                   work   = thread->wall_us;
        for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
            work -= thread->wait_us[wait];
        table_add_count(&shown, i);
        table_add(&shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f", (double)thread->wall_us / 1e6)));
        table_add(&shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f %%", 100 * share_of(work, thread->wall_us))));
        for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
            table_add(&shown, str_of(text, (size_t)snprintf(text, sizeof text, "%.1f %%", 100 * share_of(thread->wait_us[wait], thread->wall_us))));
    }
    enum status status = table_print(&shown, width, out, err);
    arena_release(&arena);
    return status;
}

enum status
slow_print(const struct live_cost *cost, const struct live_summary *summary, unsigned width, struct str_builder *out, struct error *err)
{
    enum status status;

    str_builder_append_cstr(out, "\nwhere the processor's time went:\n");
    status = print_parts(cost, summary, width, out, err);
    str_builder_append_cstr(out, "\nwhat the threads waited for:\n");
    if (status == ST_OK)
        status = print_waits(cost, width, out, err);
    str_builder_append_char(out, '\n');
    print_advice(cost, summary, out);
    str_builder_append_char(out, '\n');
    return status == ST_OK ? str_builder_status(out, err) : status;
}

/* ---- As JSON ---- */

static void
print_part_json(struct json_out *json, const char *name, int64_t ns, const struct live_summary *summary)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "part", name);
    json_out_key_int(json, "cpu_ns", ns);
    json_out_key(json, STR("share"));
    json_out_double(json, share_of(ns, total_ns(summary)));
    json_out_key(json, STR("ns_per_event"));
    json_out_double(json, per_event(ns, summary));
    json_out_object_end(json);
}

static void
print_thread_json(struct json_out *json, const struct cost_thread *thread)
{
    json_out_object_begin(json);
    json_out_key_int(json, "wall_us", thread->wall_us);
    json_out_key_object(json, "waited_us");
    for (int wait = 0; wait < COST_WAIT_COUNT; wait++)
        json_out_key_int(json, wait_names[wait], thread->wait_us[wait]);
    json_out_object_end(json);
    json_out_object_end(json);
}

void
slow_print_json(const struct live_cost *cost, const struct live_summary *summary, struct json_out *json)
{
    struct str_builder advice = STR_BUILDER_EMPTY;
    unsigned           part   = 0;

    json_out_object_begin(json);
    json_out_key_int(json, "cpu_ns", total_ns(summary));
    json_out_key_array(json, "parts");
    for (unsigned i = 0; part_at(cost, i, &part); i++) {
        char name[PART_NAME_SIZE];
        print_part_json(json, part_name(cost, part, name), cost->ns[part], summary);
    }
    print_part_json(json, "others", other_ns(cost, summary), summary);
    json_out_array_end(json);
    json_out_key_array(json, "threads");
    for (uint32_t i = 0; i < cost->thread_count; i++)
        print_thread_json(json, &cost->threads[i]);
    json_out_array_end(json);
    print_advice(cost, summary, &advice);
    json_out_key_text(json, "advice", str_builder_text(&advice));
    json_out_object_end(json);
    str_builder_release(&advice);
}
