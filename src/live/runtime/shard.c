#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "live/event.h"
#include "live/runtime/runtime_int.h"

void
shard_state_name(const struct operator *op, const char *state, char name[STATE_NAME_SIZE])
{
    int size = snprintf(name, STATE_NAME_SIZE, "%s%s%s/%s", op->step_name, op->definition == NULL ? "" : "@",
                        op->definition == NULL ? "" : op->definition, state);
    CHECK(size > 0 && size < STATE_NAME_SIZE);
}

void
shard_decide(const struct runtime *runtime, uint64_t epoch, const struct time_view *view, int64_t *watermark_us,
             int64_t *min_watermark_us, struct epoch_decision *ret_decision)
{
    const struct announcement *announcement = &runtime->announcements[epoch % EPOCHS_UNDER_WAY];
    /* Where nobody holds time back any more, the newest partition says how late it is. */
    int64_t watermark = view->active_count > 0 ? view->active_min_us : view->max_us;
    int64_t minimum   = view->min_us == INT64_MAX ? INT64_MIN : view->min_us;
    int64_t freed     = *min_watermark_us;
    if (watermark > *watermark_us)
        *watermark_us = watermark;
    if (minimum > *min_watermark_us)
        *min_watermark_us = minimum;
    *ret_decision = (struct epoch_decision){ .epoch            = epoch,
                                             .watermark_us     = *watermark_us,
                                             .min_watermark_us = *min_watermark_us,
                                             .freed_us         = freed,
                                             .history_from_us  = runtime->history_from_us,
                                             .now_us           = announcement->now_us,
                                             .is_drain         = announcement->is_drain };
}

/* The place of its operator among all keyed steps: dedup is 0, behind it come those of stage 2. */
static uint32_t
shard_step_index(const struct shard *shard, uint32_t op)
{
    return shard->stage == 1 ? 0 : op + 1;
}

/* ---- Barrier ---- */

/* The groups whose turn it is in the round of snapshots, of those that this shard owns. */
struct group_turn {
    uint32_t begin;
    uint32_t end;
};

static struct group_turn
turn_of(const struct shard *shard, uint64_t epoch)
{
    const uint32_t    first = (uint32_t)((epoch - 1) * LIVE_SNAPSHOT_GROUP_COUNT % STATE_GROUP_COUNT);
    const uint32_t    count = shard->runtime->worker_count;
    struct group_turn turn  = { shard_group_begin(shard->index, count), shard_group_begin(shard->index + 1, count) };
    turn.begin              = turn.begin > first ? turn.begin : first;
    turn.end                = turn.end < first + LIVE_SNAPSHOT_GROUP_COUNT ? turn.end : first + LIVE_SNAPSHOT_GROUP_COUNT;
    return turn;
}

/* The delta, then snapshots. */
static enum status
table_seal(struct epoch_output *output, const char *name, struct state_table *table, struct group_turn turn, int64_t watermark_us, struct error *err)
{
    if (output_state_delta(output, name, table, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t group = turn.begin; group < turn.end; group++)
        if (output_state_snapshot(output, name, table, group, watermark_us, err) != ST_OK)
            return ST_ERROR;
    state_sweep(table, watermark_us);
    return ST_OK;
}

static enum status
set_seal(struct epoch_output *output, const char *name, struct state_set *set, struct group_turn turn, int64_t watermark_us, struct error *err)
{
    if (output_set_delta(output, name, set, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t group = turn.begin; group < turn.end; group++)
        if (output_set_snapshot(output, name, set, group, watermark_us, err) != ST_OK)
            return ST_ERROR;
    state_set_sweep(set, watermark_us);
    return ST_OK;
}

/* Takes the memory of the last epoch whose state is in the record file, mostly the one before: tens of megabytes that are there already
 * are filled again, instead of as many for each epoch under way. */
static void
reuse_sealed(struct shard *shard, struct epoch_output *output)
{
    const uint64_t epoch = shard->actor.epoch, sealed = atomic_load(&shard->runtime->sealed);
    for (uint64_t back = 1; back < EPOCHS_UNDER_WAY && back < epoch; back++) {
        struct epoch_output *before = &shard->actor.outputs[(epoch - back) % EPOCHS_UNDER_WAY];
        if (epoch - back > sealed)
            continue;
        struct str_builder used = before->state;
        before->state = output->state;
        output->state = used;
        str_builder_clear(&output->state);
        return;
    }
}

/* Where state is beyond its budget nothing is kept that is not needed. */
static void
expire(struct operator *op, int64_t watermark_us)
{
    for (uint32_t state = 0; op->kind->state_names[state] != NULL; state++)
        state_expire(&op->states[state], watermark_us);
    for (uint32_t set = 0; op->kind->set_names[set] != NULL; set++)
        state_set_expire(&op->sets[set], watermark_us);
}

/* What its state holds, for who looks on. */
static void
measure(const struct operator *op, struct output_step *step)
{
    for (uint32_t state = 0; op->kind->state_names[state] != NULL; state++) {
        step->state_bytes += (int64_t)op->states[state].arena.held_bytes;
        step->state_used_bytes += (int64_t)state_used_bytes(&op->states[state]);
        step->state_entries += (int64_t)op->states[state].entry_count;
    }
    for (uint32_t set = 0; op->kind->set_names[set] != NULL; set++) {
        step->state_bytes += (int64_t)state_set_bytes(&op->sets[set]);
        step->state_used_bytes += (int64_t)state_set_used_bytes(&op->sets[set]);
        step->state_entries += (int64_t)op->sets[set].key_count;
    }
}

static enum status
shard_seal(struct shard *shard, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    const struct group_turn turn    = turn_of(shard, decision->epoch);
    const int64_t           free_us = decision->min_watermark_us;
    reuse_sealed(shard, output);
    for (uint32_t i = 0; i < shard->operator_count; i++) {
        struct operator *op = shard->operators[i];
        char             name[STATE_NAME_SIZE];
        for (uint32_t state = 0; op->kind->state_names[state] != NULL; state++) {
            shard_state_name(op, op->kind->state_names[state], name);
            if (table_seal(output, name, &op->states[state], turn, free_us, err) != ST_OK)
                return ST_ERROR;
        }
        for (uint32_t set = 0; op->kind->set_names[set] != NULL; set++) {
            shard_state_name(op, op->kind->set_names[set], name);
            if (set_seal(output, name, &op->sets[set], turn, free_us, err) != ST_OK)
                return ST_ERROR;
        }
        if (atomic_load(&shard->runtime->is_state_full))
            expire(op, free_us);
        measure(op, &output->steps[i]);
    }
    return ST_OK;
}

static enum status
shard_barrier(struct shard *shard, struct error *err)
{
    struct epoch_output  *output = &shard->actor.outputs[shard->actor.epoch % EPOCHS_UNDER_WAY];
    struct runtime       *runtime = shard->runtime;
    struct epoch_decision decision;
    shard_decide(runtime, shard->actor.epoch, &shard->view, &shard->watermark_us, &shard->min_watermark_us, &decision);
    for (uint32_t i = 0; i < shard->operator_count; i++) {
        struct operator *op = shard->operators[i];
        if (op->kind->barrier(op, &decision, output, err) != ST_OK) {
            error_context(err, "closing an epoch of %s", op->step_name);
            return ST_ERROR;
        }
        cost_lap(shard->meter, cost_barrier(shard_step_index(shard, i)));
    }
    if (shard_seal(shard, &decision, output, err) != ST_OK)
        return ST_ERROR;
    cost_lap(shard->meter, COST_SEAL);
    if (shard->stage == 1) {
        for (uint32_t i = 0; i < runtime->port_count; i++)
            exchange_flush(&shard->exchanges[i]);
        for (uint32_t i = 0; i < runtime->worker_count; i++)
            lane_barrier(runtime->stage2[i].inputs[shard->index], shard->actor.epoch, &shard->view);
    }
    memset(shard->is_aligned, 0, runtime->worker_count * sizeof(*shard->is_aligned));
    shard->aligned_count = 0;
    shard->view          = TIME_VIEW_EMPTY;
    enum status status   = actor_report(&shard->actor, runtime, err);
    cost_lap(shard->meter, COST_BARRIER);
    return status;
}

/* ---- Rows ---- */

static enum status
shard_rows(struct shard *shard, struct parcel *parcel, struct error *err)
{
    struct epoch_output *output = &shard->actor.outputs[shard->actor.epoch % EPOCHS_UNDER_WAY];
    for (uint32_t i = 0; i < shard->operator_count; i++) {
        struct operator *op = shard->operators[i];
        if (shard->stage == 2 && (parcel->ports >> shard->runtime->operator_ports[i] & 1) == 0)
            continue;
        output->steps[i].row_count += event_count(&parcel->chunk);
        live_tap_rows(shard->runtime->options->tap, shard_step_index(shard, i) + 1, &parcel->chunk, shard->runtime->partition_ids);
        if (op->kind->rows(op, &parcel->chunk, output, err) != ST_OK) {
            error_context(err, "giving rows to %s", op->step_name);
            return ST_ERROR;
        }
        cost_lap(shard->meter, cost_rows(shard_step_index(shard, i)));
    }
    runtime_look_for_alerts(shard->runtime, output, shard->actor.epoch);
    return ST_OK;
}

/* Stage 1: sends the parcel in hand on to stage 2. */
static enum status
shard_forward(struct shard *shard, bool *ret_is_done, struct error *err)
{
    struct runtime *runtime = shard->runtime;
    *ret_is_done            = true;
    if (runtime->worker_count == 1 && runtime->port_count > 0) {
        if (lane_move(runtime->stage2[0].inputs[0], &shard->parcel->chunk, UINT32_MAX, ret_is_done, err) != ST_OK)
            return ST_ERROR;
    } else {
        for (uint32_t i = 0; i < runtime->port_count; i++) {
            bool is_done;
            if (exchange_go(&shard->exchanges[i], &is_done, err) != ST_OK)
                return ST_ERROR;
            *ret_is_done &= is_done;
        }
    }
    if (*ret_is_done) {
        lane_return(shard->parcel_lane, shard->parcel);
        shard->parcel = NULL;
    }
    cost_lap(shard->meter, COST_SEND);
    return ST_OK;
}

static enum status
shard_take(struct shard *shard, struct lane *lane, struct parcel *parcel, struct error *err)
{
    bool is_done;
    if (shard_rows(shard, parcel, err) != ST_OK)
        return ST_ERROR;
    if (shard->stage == 2) {
        lane_return(lane, parcel);
        return ST_OK;
    }
    shard->parcel      = parcel;
    shard->parcel_lane = lane;
    if (shard->runtime->worker_count > 1)
        for (uint32_t i = 0; i < shard->runtime->port_count; i++)
            exchange_begin(&shard->exchanges[i], &parcel->chunk);
    return shard_forward(shard, &is_done, err);
}

/* The next parcel of those lanes whose barrier has not come (P4). NULL: none. */
static struct parcel *
shard_next(struct shard *shard, uint32_t *ret_input)
{
    uint32_t count = shard->runtime->worker_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t input = (shard->turn + i) % count;
        if (shard->is_aligned[input])
            continue;
        struct parcel *parcel = ring_pop(&shard->inputs[input]->full);
        if (parcel != NULL) {
            shard->turn = input + 1;
            *ret_input  = input;
            return parcel;
        }
    }
    return NULL;
}

enum status
shard_step(struct shard *shard, enum step_result *ret_result, struct error *err)
{
    uint32_t       input;
    bool           is_done = true;
    struct parcel *parcel;
    *ret_result = STEP_PROGRESS;
    if (shard->parcel != NULL && shard_forward(shard, &is_done, err) != ST_OK)
        return ST_ERROR;
    if (!is_done) {
        *ret_result = STEP_BLOCKED;
        return ST_OK;
    }
    parcel = shard_next(shard, &input);
    if (parcel == NULL) {
        for (uint32_t i = 0; shard->stage == 1 && i < shard->runtime->port_count; i++)
            exchange_flush(&shard->exchanges[i]);
        *ret_result = STEP_IDLE;
        return ST_OK;
    }
    if (parcel->barrier == 0)
        return shard_take(shard, shard->inputs[input], parcel, err);
    CHECK(parcel->barrier == shard->actor.epoch && !shard->is_aligned[input]); /* P4 */
    shard->is_aligned[input] = true;
    time_view_add(&shard->view, &parcel->view);
    return ++shard->aligned_count == shard->runtime->worker_count ? shard_barrier(shard, err) : ST_OK;
}
