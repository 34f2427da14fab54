#include "sim/memory_store.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

struct memory_store {
    struct store   store; /* Its first member. */
    struct server *server;
    struct journal *journal;
    struct host   *host;
    uint64_t       generation;
};

void
server_init(struct server *server)
{
    *server = (struct server){ 0 };
    arena_init(&server->arena, 0);
}

void
server_release(struct server *server)
{
    arena_release(&server->arena);
    memory_free(server->deliveries);
    memory_free(server->alerts);
    *server = (struct server){ 0 };
}

static struct memory_store *
memory_of(struct store *store)
{
    return (struct memory_store *)store;
}

static struct str
keep(struct server *server, struct str text)
{
    struct str copy = STR_EMPTY;
    if (text.size > 0)
        CHECK(arena_text(&server->arena, text, &copy));
    return copy;
}

/* A call that may not reach the server, or whose answer may not come back. */
static enum status
unavailable(struct error *err)
{
    return error_set(err, ERR_UNAVAILABLE, "the simulated store does not answer");
}

static enum status
check_generation(const struct memory_store *memory, uint64_t generation, struct error *err)
{
    if (generation == memory->server->generation)
        return ST_OK;
    return error_set(err, ERR_FENCED, "generation %llu owns the store now, this process is of generation %llu",
                     (unsigned long long)memory->server->generation, (unsigned long long)generation);
}

/* ---- Start ---- */

static enum status
own(struct store *store, uint64_t *ret_generation, struct error *err)
{
    struct memory_store *memory = memory_of(store);
    enum host_mishap     mishap = host_call(memory->host, HOST_STORE);
    if (mishap == HOST_ERROR)
        return unavailable(err);
    memory->generation = ++memory->server->generation;
    journal_owned(memory->journal, memory->generation);
    if (mishap != HOST_NONE)
        return unavailable(err);
    *ret_generation = memory->generation;
    return ST_OK;
}

static enum status
load(struct store *store, struct arena *arena, struct store_state *ret_state, struct error *err)
{
    struct memory_store *memory = memory_of(store);
    struct server       *server = memory->server;
    if (host_call(memory->host, HOST_STORE) != HOST_NONE)
        return unavailable(err);
    struct store_position *positions = ARENA_ARRAY(arena, struct store_position, JOURNAL_PARTITION_MAX);
    CHECK(positions != NULL);
    memcpy(positions, server->positions, server->position_count * sizeof(*positions));
    *ret_state = (struct store_state){ server->epoch, server->segment, server->decisions, positions, server->position_count };
    if (memory->generation == server->generation)
        journal_loaded(memory->journal, ret_state);
    return ST_OK;
}

/* ---- An epoch ---- */

static struct store_position *
position_find(struct server *server, struct str partition_id)
{
    for (size_t i = 0; i < server->position_count; i++)
        if (str_equal(server->positions[i].partition_id, partition_id))
            return &server->positions[i];
    return NULL;
}

/* P7, I1. */
static enum status
check_commit(struct memory_store *memory, const struct epoch_commit *commit, struct error *err)
{
    struct server *server = memory->server;
    if (check_generation(memory, commit->generation, err) != ST_OK)
        return ST_ERROR;
    if (commit->epoch != server->epoch + 1)
        return error_set(err, ERR_INTERNAL, "epoch %llu follows epoch %llu", (unsigned long long)commit->epoch, (unsigned long long)server->epoch);
    for (size_t i = 0; i < commit->account_count; i++) {
        const struct store_account  *account  = &commit->accounts[i];
        const struct store_position *position = position_find(server, account->partition_id);
        if (account->entity.size == 0 && position != NULL && position->position != account->position_begin)
            return error_set(err, ERR_INTERNAL, "a partition begins at %lld, the last epoch ended at %lld", (long long)account->position_begin,
                             (long long)position->position);
        if (account->received != account->loaded + account->deduplicated + account->filtered + account->quarantined)
            return error_set(err, ERR_INTERNAL, "an account does not add up");
    }
    return ST_OK;
}

static void
put_positions(struct server *server, const struct epoch_commit *commit)
{
    for (size_t i = 0; i < commit->position_count; i++) {
        const struct store_position *new      = &commit->positions[i];
        struct store_position       *position = position_find(server, new->partition_id);
        if (position == NULL) {
            CHECK(server->position_count < JOURNAL_PARTITION_MAX);
            position = &server->positions[server->position_count++];
        }
        *position = (struct store_position){ keep(server, new->source), keep(server, new->partition_id), new->position, new->watermark_us,
                                             keep(server, new->identity) };
    }
}

static struct store_alert
alert_copy(struct server *server, const struct store_alert *alert)
{
    struct store_alert copy    = *alert;
    struct str *const  texts[] = { &copy.alert_id, &copy.rule, &copy.rule_version, &copy.mode, &copy.severity, &copy.status, &copy.status_reason,
                                   &copy.person_id, &copy.subject_system, &copy.subject_id, &copy.encounter_id, &copy.location,
                                   &copy.ordering_practitioner_id, &copy.code, &copy.value, &copy.unit, &copy.reference_range,
                                   &copy.explanation, &copy.evidence, &copy.labels, &copy.acknowledged_by };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = keep(server, *texts[i]);
    copy.revision = 1;
    for (size_t i = 0; i < server->alert_count; i++)
        copy.revision += str_equal(server->alerts[i].alert_id, copy.alert_id);
    return copy;
}

static void
put_alerts(struct server *server, const struct epoch_commit *commit)
{
    size_t first       = server->alert_count;
    server->alerts     = sim_grow(server->alerts, first + commit->alert_count + 1, sizeof(*server->alerts));
    server->deliveries = sim_grow(server->deliveries, server->delivery_count + commit->delivery_count + 1, sizeof(*server->deliveries));
    for (size_t i = 0; i < commit->alert_count; i++) {
        struct store_alert copy               = alert_copy(server, &commit->alerts[i]);
        server->alerts[server->alert_count++] = copy;
    }
    for (size_t i = 0; i < commit->delivery_count; i++)
        server->deliveries[server->delivery_count++] =
            (struct server_delivery){ .alert = server->alerts[first + commit->deliveries[i].alert_index], .sink = keep(server, commit->deliveries[i].sink),
                                      .status = STORE_OUTBOX_WAITING, .next_at_us = commit->committed_at_us, .since_us = commit->committed_at_us };
}

static enum store_outcome
submit(struct store *store, const struct epoch_commit *commit, struct error *err)
{
    struct memory_store *memory = memory_of(store);
    struct server       *server = memory->server;
    struct journal_epoch  epoch;
    enum host_mishap     mishap  = host_call(memory->host, HOST_STORE);
    enum store_outcome   outcome = mishap == HOST_NONE ? STORE_COMMITTED : STORE_UNKNOWN;
    if (mishap == HOST_ERROR) {
        unavailable(err); /* Not done, and not always known to be. */
        return errno == ENOSPC ? STORE_FAILED : STORE_UNKNOWN;
    }
    if (check_commit(memory, commit, err) != ST_OK)
        return STORE_FAILED;
    journal_epoch_make(&epoch, commit);
    server->epoch     = commit->epoch;
    server->segment   = keep(server, commit->segment);
    server->decisions = keep(server, commit->decisions);
    put_positions(server, commit);
    put_alerts(server, commit);
    journal_outcome(memory->journal, &epoch, outcome);
    if (outcome != STORE_COMMITTED)
        unavailable(err);
    return outcome;
}

/* ---- Outbox ---- */

/* Whether an older revision of the alert goes to the sink before it: one that waits. */
static bool
is_behind(const struct server *server, const struct server_delivery *delivery, int64_t now_us)
{
    for (size_t i = 0; i < server->delivery_count; i++) {
        const struct server_delivery *other = &server->deliveries[i];
        if (other->status == STORE_OUTBOX_WAITING && other->alert.revision < delivery->alert.revision
            && str_equal(other->alert.alert_id, delivery->alert.alert_id) && str_equal(other->sink, delivery->sink) && other->next_at_us > now_us)
            return true;
    }
    return false;
}

static enum status
outbox_due(struct store *store, struct str sink, int64_t now_us, size_t count_max, bool is_first_only, struct arena *arena,
           struct store_outbox_row **ret_rows, size_t *ret_count, struct error *err)
{
    struct memory_store     *memory = memory_of(store);
    struct server           *server = memory->server;
    struct store_outbox_row *rows   = ARENA_ARRAY(arena, struct store_outbox_row, count_max);
    size_t                   count  = 0;
    CHECK(rows != NULL && !is_first_only); /* Of receivers beyond the network alone. */
    if (host_call(memory->host, HOST_STORE) != HOST_NONE)
        return unavailable(err);
    if (check_generation(memory, memory->generation, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < server->delivery_count && count < count_max; i++) {
        const struct server_delivery *delivery = &server->deliveries[i];
        if (delivery->status == STORE_OUTBOX_WAITING && str_equal(delivery->sink, sink) && delivery->next_at_us <= now_us
            && !is_behind(server, delivery, now_us))
            rows[count++] = (struct store_outbox_row){ delivery->alert, delivery->attempts, delivery->since_us };
    }
    *ret_rows  = rows;
    *ret_count = count;
    return ST_OK;
}

static void
mark(struct server *server, const struct store_outbox_mark *mark)
{
    for (size_t i = 0; i < server->delivery_count; i++) {
        struct server_delivery *delivery = &server->deliveries[i];
        if (delivery->status != STORE_OUTBOX_WAITING || delivery->alert.revision != mark->revision
            || !str_equal(delivery->alert.alert_id, mark->alert_id) || !str_equal(delivery->sink, mark->sink))
            continue;
        delivery->status     = mark->status;
        delivery->next_at_us = mark->next_attempt_at_us;
        delivery->attempts++;
    }
}

static enum status
outbox_mark(struct store *store, const struct store_outbox_mark *marks, size_t count, struct error *err)
{
    struct memory_store *memory = memory_of(store);
    enum host_mishap     mishap = host_call(memory->host, HOST_STORE);
    if (mishap == HOST_ERROR)
        return unavailable(err);
    if (check_generation(memory, memory->generation, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < count; i++)
        mark(memory->server, &marks[i]);
    return mishap == HOST_NONE ? ST_OK : unavailable(err);
}

static void
close_memory(struct store *store)
{
    memory_free(store);
}

struct store *
memory_store_open(struct server *server, struct journal *journal, struct host *host, const char *segment_folder)
{
    static const struct store_kind kind = { .name = "memory", .own = own, .load = load, .submit = submit, .outbox_due = outbox_due,
                                            .outbox_mark = outbox_mark, .close = close_memory };
    struct memory_store           *memory = sim_alloc(sizeof(*memory));
    *memory = (struct memory_store){ .store = { .kind = &kind, .segment_folder = segment_folder }, .server = server, .journal = journal, .host = host };
    memset(memory->store.segment_key, 7, sizeof(memory->store.segment_key));
    return &memory->store;
}
