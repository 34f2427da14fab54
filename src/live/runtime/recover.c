/* P1 and P10: own the store, read epoch, decisions and positions, build the state again, open the source where it ended. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/op/access_lookup.h"
#include "live/event.h"
#include "live/runtime/runtime_int.h"

/* ---- State ---- */

static bool
is_called(const struct operator *op, const char *state, struct str name)
{
    char own[STATE_NAME_SIZE];
    shard_state_name(op, state, own);
    return str_equal(name, str_from(own));
}

/* Gives a section to the operator's table or set of that name, its shard's key groups. */
static enum status
operator_read(struct operator *op, struct str name, struct str section, uint32_t group_begin, uint32_t group_end, size_t *ret_used,
              struct error *err)
{
    for (uint32_t i = 0; op->kind->state_names[i] != NULL; i++)
        if (is_called(op, op->kind->state_names[i], name))
            return state_read_groups(&op->states[i], section, group_begin, group_end, ret_used, err);
    for (uint32_t i = 0; op->kind->set_names[i] != NULL; i++)
        if (is_called(op, op->kind->set_names[i], name))
            return state_set_read_groups(&op->sets[i], section, group_begin, group_end, ret_used, err);
    return ST_OK;
}

/* Gives a section to those of that name, each shard its key groups. *ret_used 0: no step has that name. */
static enum status
read_section(struct runtime *runtime, struct shard *shards, struct str name, struct str section, size_t *ret_used,
             struct error *err)
{
    const uint32_t count = runtime->worker_count;
    for (uint32_t s = 0; s < count; s++)
        for (uint32_t i = 0; i < shards[s].operator_count; i++)
            if (operator_read(shards[s].operators[i], name, section, shard_group_begin(s, count), shard_group_begin(s + 1, count), ret_used,
                              err) != ST_OK)
                return ST_ERROR;
    return ST_OK;
}

/* Patches without what they are of are before the last round of snapshots only. */
static enum status
check_whole(const struct runtime *runtime, const struct shard *shards, struct error *err)
{
    for (uint32_t s = 0; s < runtime->worker_count; s++)
        for (uint32_t i = 0; i < shards[s].operator_count; i++) {
            const struct operator *op = shards[s].operators[i];
            for (uint32_t state = 0; op->kind->state_names[state] != NULL; state++)
                if (!state_is_whole(&op->states[state]))
                    return error_set(err, ERR_CORRUPT, "the state's record lacks what entries of %s are made of", op->step_name);
        }
    return ST_OK;
}

/* A step that is no longer there: its section is passed over, by a table that owns no group. */
static enum status
skip_section(struct str section, size_t *ret_used, struct error *err)
{
    struct state_table *none = memory_alloc(sizeof(*none));
    if (none == NULL)
        return error_no_memory(err);
    state_table_init(none);
    enum status status = state_read_groups(none, section, 0, 0, ret_used, err);
    state_table_release(none);
    memory_free(none);
    return status;
}

static enum status
read_record(void *context, uint64_t epoch, struct str body, struct error *err)
{
    struct runtime *runtime = context;
    (void)epoch;
    while (body.size > 0) {
        size_t name_size = (uint8_t)body.data[0], used = 0;
        if (body.size < 1 + name_size)
            return error_set(err, ERR_CORRUPT, "the state's record ends inside a step's name");
        struct str name    = str_of(body.data + 1, name_size);
        struct str section = str_slice(body, 1 + name_size, body.size);
        if (read_section(runtime, runtime->stage1, name, section, &used, err) != ST_OK
            || (used == 0 && read_section(runtime, runtime->stage2, name, section, &used, err) != ST_OK)
            || (used == 0 && skip_section(section, &used, err) != ST_OK))
            return ST_ERROR;
        body = str_slice(section, used, section.size);
    }
    return ST_OK;
}

bool
begins_round(uint64_t epoch)
{
    return (epoch - 1) * LIVE_SNAPSHOT_GROUP_COUNT % STATE_GROUP_COUNT == 0;
}

/* ---- Partitions ---- */

static const struct store_position *
position_find(const struct store_state *state, struct str source, const char *partition_id)
{
    for (size_t i = 0; state != NULL && i < state->position_count; i++)
        if (str_equal(state->positions[i].source, source) && str_equal(state->positions[i].partition_id, str_from(partition_id)))
            return &state->positions[i];
    return NULL;
}

static bool
is_open(const struct runtime *runtime, const char *partition_id)
{
    uint32_t count = atomic_load(&runtime->partition_count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_letters(runtime, runtime->partitions[i]) && strcmp(runtime->partitions[i]->id, partition_id) == 0)
            return true;
    return false;
}

static enum status
partition_open(struct runtime *runtime, const struct source_listing *listing, const struct store_position *position,
               int64_t watermark_us, const struct decisions *decisions, struct error *err)
{
    struct source    *source    = runtime->options->source;
    uint32_t          index     = atomic_load(&runtime->partition_count);
    struct partition *partition = ARENA_NEW(&runtime->arena, struct partition);
    char             *id        = arena_cstr(&runtime->arena, str_from(listing->partition_id));
    if (partition == NULL || id == NULL)
        return error_no_memory(err);
    if (index == LIVE_PARTITION_COUNT_MAX + (runtime->letters.partition != NULL ? 1 : 0))
        return error_set(err, ERR_FULL, "%s has more than %d partitions", source->name, LIVE_PARTITION_COUNT_MAX);
    int64_t    begin    = position == NULL ? 0 : position->position;
    struct str identity = position == NULL ? STR_EMPTY : position->identity;
    if (source->kind->open(source, id, begin, identity, &partition->source, err) != ST_OK)
        return ST_ERROR;
    partition->begin  = partition->source->position;
    partition->end    = -1;
    if (source->kind->watch != NULL)
        source->kind->watch(partition->source, &runtime->threads[index % runtime->worker_count].waker);
    partition->input  = listing->input;
    partition->id     = id;
    partition->intake = (struct intake_partition){ index, position == NULL ? watermark_us : position->watermark_us, decisions_raised(decisions, id), NULL };
    runtime->partition_ids[index] = str_from(id);
    runtime->partitions[index] = partition;
    atomic_store(&runtime->partition_count, index + 1);
    if (runtime->options->end == LIVE_UNTIL_STOPPED)
        return ST_OK;
    if (source->kind->end(partition->source, &partition->end, err) != ST_OK)
        return ST_ERROR;
    runtime->move_total += partition->end - partition->begin;
    return ST_OK;
}

enum status
partitions_open(struct runtime *runtime, const struct store_state *state, const struct decisions *decisions, int64_t watermark_us,
                struct error *err)
{
    struct source               *source   = runtime->options->source;
    const struct source_listing *listings = NULL;
    size_t                       count    = 0;
    struct arena                 arena;
    arena_init(&arena, 0);
    for (size_t i = 0; state != NULL && i < state->position_count; i++)
        source->is_resumed |= str_equal(state->positions[i].source, str_from(source->name));
    enum status status = source->kind->list(source, &arena, &listings, &count, err);
    for (size_t i = 0; i < count && status == ST_OK; i++)
        if (!is_open(runtime, listings[i].partition_id))
            status = partition_open(runtime, &listings[i],
                                    position_find(state, str_from(source->name), listings[i].partition_id), watermark_us, decisions, err);
    /* A log that was read and is gone is no reason to forget how far: opening it says so. */
    for (size_t i = 0; state != NULL && i < state->position_count && status == ST_OK; i++) {
        const struct store_position *position = &state->positions[i];
        struct source_listing        gone     = { position->partition_id.data, 0 };
        if (str_equal(position->source, str_from(source->name)) && !is_open(runtime, gone.partition_id))
            status = partition_open(runtime, &gone, position, watermark_us, decisions, err);
    }
    arena_release(&arena);
    source->is_resumed = true;
    return status;
}

/* ---- Start ---- */

static void
actors_place(struct runtime *runtime, uint64_t epoch)
{
    CHECK(runtime->records.epoch == epoch); /* P10 */
    runtime->committed = epoch;
    atomic_store(&runtime->announced, epoch);
    atomic_store(&runtime->sealed, epoch);
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct actor *actors[] = { &runtime->workers[i].actor, &runtime->stage1[i].actor, &runtime->stage2[i].actor };
        struct shard *shards[] = { &runtime->stage1[i], &runtime->stage2[i] };
        for (int j = 0; j < 3; j++) {
            actors[j]->epoch = epoch + 1;
            atomic_store(&actors[j]->reported, epoch);
        }
        for (int j = 0; j < 2; j++) {
            shards[j]->watermark_us     = runtime->watermark_us;
            shards[j]->min_watermark_us = runtime->min_watermark_us;
        }
        runtime->workers[i].partition_count = atomic_load(&runtime->partition_count);
        align_tell(&runtime->workers[i]);
    }
}

static enum status
outputs_clear(struct runtime *runtime, struct error *err)
{
    uint32_t count = atomic_load(&runtime->partition_count);
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct actor *actors[] = { &runtime->workers[i].actor, &runtime->stage1[i].actor, &runtime->stage2[i].actor };
        for (int j = 0; j < 3 * EPOCHS_UNDER_WAY; j++)
            if (output_clear(&actors[j / EPOCHS_UNDER_WAY]->outputs[j % EPOCHS_UNDER_WAY], count, err) != ST_OK)
                return ST_ERROR;
    }
    return ST_OK;
}

/* The versions of patient masters ascend. One that is older than the last epoch's, or none, would silently turn known patients
 * into unknown ones. */
static enum status
check_master(const struct runtime *runtime, const struct decisions *decisions, struct error *err)
{
    uint64_t version = runtime->has_master ? runtime->master.version : 0;

    if (version >= decisions->master_version)
        return ST_OK;
    error_set(err, ERR_NOT_FOUND, "the patient master with which the stream went on so far is gone: it was version %llu, %s",
              (unsigned long long)decisions->master_version, runtime->has_master ? "what is left is older" : "there is none");
    error_hint(err, "heddle batch leaves the one of the published run beside the store, or put the file back");
    return ST_ERROR;
}

enum status
recover(struct runtime *runtime, bool *ret_needs_start, struct error *err)
{
    struct store      *store = runtime->options->store;
    struct store_state state = { 0 };
    struct decisions   decisions;
    if (store_own(store, &runtime->generation, err) != ST_OK || store_load(store, &runtime->load_arena, &state, err) != ST_OK
        || decisions_read(state.decisions, &runtime->load_arena, &decisions, err) != ST_OK
        || check_master(runtime, &decisions, err) != ST_OK || carry_check(runtime, &decisions, &runtime->load_arena, err) != ST_OK)
        return ST_ERROR;
    runtime->watermark_us     = decisions.watermark_us;
    runtime->min_watermark_us = decisions.min_watermark_us;
    decisions_history(&decisions, runtime->graph, runtime->history_from_us);
    if (records_open(&runtime->records, runtime->options->io, store, runtime->generation, &state, begins_round, read_record, runtime, err) != ST_OK)
        return ST_ERROR;
    if (runtime->records.epoch != state.epoch)
        return error_set(err, ERR_CORRUPT, "the store is at epoch %llu, its state's record at %llu",
                         (unsigned long long)state.epoch, (unsigned long long)runtime->records.epoch);
    if (check_whole(runtime, runtime->stage1, err) != ST_OK || check_whole(runtime, runtime->stage2, err) != ST_OK)
        return ST_ERROR;
    if (partitions_open(runtime, &state, &decisions, state.epoch == 0 ? STORE_TIME_NONE : runtime->min_watermark_us, err) != ST_OK
        || letters_open(runtime, position_find(&state, STR(STORE_LETTERS_SOURCE), runtime->options->source->name), err) != ST_OK
        || outputs_clear(runtime, err) != ST_OK)
        return ST_ERROR;
    actors_place(runtime, state.epoch);
    *ret_needs_start = state.epoch == 0 || atomic_load(&runtime->partition_count) != state.position_count
                       || decisions.shard_count != runtime->worker_count
                       || decisions.master_version != (runtime->has_master ? runtime->master.version : 0)
                       || !str_equal(decisions.plan_digest, runtime->graph->digest);
    return ST_OK;
}

/* ---- History ---- */

/* Selects the rows of one shard. */
static void
select_rows(struct chunk *chunk, const uint64_t *hashes, uint32_t shard, uint32_t shard_count)
{
    chunk->selection      = chunk->selection_memory;
    chunk->selected_count = 0;
    for (uint32_t row = 0; row < chunk->row_count; row++)
        if (shard_of_group(state_group_of(hashes[row]), shard_count) == shard)
            chunk->selection[chunk->selected_count++] = (uint16_t)row;
}

static enum status
history_chunk(struct runtime *runtime, struct chunk *chunk, uint64_t *hashes, struct error *err)
{
    for (uint32_t i = 0; i < runtime->steps[0].operator_count; i++) {
        if (runtime->steps[0].operators[i] == runtime->steps[0].window)
            continue;
        runtime->steps[0].operators[i]->kind->exchange(runtime->steps[0].operators[i], chunk, hashes);
        for (uint32_t s = 0; s < runtime->worker_count; s++) {
            struct operator *op    = runtime->steps[s].operators[i];
            struct actor    *actor = &runtime->stage2[s].actor;
            select_rows(chunk, hashes, s, runtime->worker_count);
            if (op->kind->rows(op, chunk, &actor->outputs[actor->epoch % EPOCHS_UNDER_WAY], err) != ST_OK)
                return ST_ERROR;
        }
    }
    return ST_OK;
}

enum status
history_feed(struct runtime *runtime, struct error *err)
{
    const struct live_history *history = &runtime->options->history;
    struct chunk               chunk   = { 0 };
    uint64_t                  *hashes  = memory_alloc_array(CHUNK_ROW_COUNT_MAX, sizeof(*hashes));
    enum status                status  = hashes == NULL ? error_no_memory(err) : ST_OK;
    if (status == ST_OK)
        status = chunk_init(&chunk, &event_schema, CHUNK_ROW_COUNT_MAX, err);
    while (status == ST_OK) {
        chunk_clear(&chunk);
        status = history->next(history->context, &chunk, err);
        if (status != ST_OK || chunk.row_count == 0)
            break;
        event_hash_identities(&chunk, runtime->options->person_key);
        access_lookup_rows(runtime->has_master ? &runtime->master : NULL, runtime->options->person_key, &chunk, false);
        status = history_chunk(runtime, &chunk, hashes, err);
    }
    if (status != ST_OK)
        error_context(err, "filling the rules' state from history");
    for (size_t i = 0; status == ST_OK && i < runtime->graph->streaming.rule_count; i++)
        runtime->history_from_us[i] = history->begin(history->context, i);
    chunk_release(&chunk);
    memory_free(hashes);
    return status;
}
