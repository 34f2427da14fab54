#include "live/top.h"

#include "base/json_out.h"

#define SAMPLE_INTERVAL_US 1000000

/* ---- Rates ---- */

static void
take_sample(const struct live_top *top, int64_t monotonic_us, struct live_top_sample *sample)
{
    sample->at_us = monotonic_us;
    sample->bytes = top->bytes;
    for (uint32_t i = 0; i < top->step_count; i++)
        sample->rows[i] = top->steps[i].row_count;
}

static int64_t
per_second(int64_t count, int64_t duration_us)
{
    return duration_us > 0 ? (int64_t)((double)count * 1e6 / (double)duration_us + 0.5) : 0;
}

void
live_top_tick(struct live_top *top, int64_t monotonic_us)
{
    if (!top->is_running) { /* The first one. */
        take_sample(top, monotonic_us, &top->last);
        top->before     = top->last;
        top->is_running = true;
    }
    if (monotonic_us - top->last.at_us >= SAMPLE_INTERVAL_US) {
        top->before = top->last;
        take_sample(top, monotonic_us, &top->last);
    }
    const int64_t duration_us = monotonic_us - top->before.at_us;
    top->bytes_per_s          = per_second(top->bytes - top->before.bytes, duration_us);
    for (uint32_t i = 0; i < top->step_count; i++)
        top->steps[i].rows_per_s = per_second(top->steps[i].row_count - top->before.rows[i], duration_us);
}

/* ---- Who holds time back ---- */

uint32_t
live_top_holder(const struct live_top *top)
{
    uint32_t holder = UINT32_MAX;
    int64_t  ahead  = INT64_MIN;

    for (uint32_t i = 0; i < top->partition_count; i++) {
        const struct live_top_partition *partition = &top->partitions[i];
        ahead = partition->watermark_us > ahead ? partition->watermark_us : ahead;
        if (!partition->is_idle && (holder == UINT32_MAX || partition->watermark_us < top->partitions[holder].watermark_us))
            holder = i;
    }
    return holder != UINT32_MAX && top->partitions[holder].watermark_us < ahead ? holder : UINT32_MAX;
}

/* ---- Printing ---- */

static void
print_time(struct json_out *json, const char *key, int64_t time_us)
{
    json_out_key(json, str_from(key));
    if (time_us == INT64_MIN)
        json_out_null(json);
    else
        json_out_time(json, time_us);
}

static void
print_step(struct json_out *json, const struct live_top_step *step)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "step", step->name);
    json_out_key_int(json, "events", step->row_count);
    json_out_key_int(json, "events_per_s", step->rows_per_s);
    json_out_key_int(json, "state_bytes", step->state_bytes);
    json_out_key_int(json, "state_entries", step->state_entries);
    json_out_object_end(json);
}

static void
print_partition(struct json_out *json, const struct live_top_partition *partition, bool is_holder)
{
    json_out_object_begin(json);
    json_out_key_text(json, "partition_id", partition->id);
    json_out_key_int(json, "position", partition->position);
    json_out_key(json, STR("lag"));
    if (partition->end < 0)
        json_out_null(json);
    else
        json_out_int(json, partition->end > partition->position ? partition->end - partition->position : 0);
    print_time(json, "watermark", partition->watermark_us);
    json_out_key_bool(json, "idle", partition->is_idle);
    json_out_key_bool(json, "holds_back", is_holder);
    json_out_object_end(json);
}

static void
print_queue(struct json_out *json, const struct live_top_queue *queue)
{
    json_out_object_begin(json);
    json_out_key_cstr(json, "from", queue->from);
    json_out_key_cstr(json, "to", queue->to);
    json_out_key_uint(json, "used", queue->used);
    json_out_key_uint(json, "capacity", (uint64_t)queue->ring_count * queue->ring_capacity);
    json_out_key_object(json, "fullest");
    json_out_key_uint(json, "from_thread", queue->fullest_from);
    json_out_key_uint(json, "to_thread", queue->fullest_to);
    json_out_key_uint(json, "used", queue->fullest_used);
    json_out_key_uint(json, "capacity", queue->ring_capacity);
    json_out_object_end(json);
    json_out_object_end(json);
}

void
live_top_print(const struct live_top *top, struct str_builder *out)
{
    const uint32_t  holder = live_top_holder(top);
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_uint(&json, "generation", top->generation);
    json_out_key_uint(&json, "epoch", top->epoch);
    print_time(&json, "committed_at", top->committed_at_us);
    json_out_key_int(&json, "epoch_us", top->epoch_us);
    json_out_key_int(&json, "commit_us", top->commit_us);
    json_out_key_int(&json, "bytes", top->bytes);
    json_out_key_int(&json, "bytes_per_s", top->bytes_per_s);
    print_time(&json, "watermark", top->watermark_us);
    json_out_key(&json, STR("held_back_by"));
    if (holder == UINT32_MAX)
        json_out_null(&json);
    else
        json_out_text(&json, top->partitions[holder].id);
    json_out_key_int(&json, "state_bytes", top->state.bytes);
    json_out_key_bool(&json, "state_is_full", top->state.is_full);
    json_out_key(&json, STR("largest_step"));
    if (top->state.largest == NULL)
        json_out_null(&json);
    else
        json_out_text(&json, str_from(top->state.largest));
    json_out_key_array(&json, "steps");
    for (uint32_t i = 0; i < top->step_count; i++)
        print_step(&json, &top->steps[i]);
    json_out_array_end(&json);
    json_out_key_array(&json, "queues");
    for (uint32_t i = 0; i < LIVE_TOP_QUEUE_COUNT; i++)
        print_queue(&json, &top->queues[i]);
    json_out_array_end(&json);
    json_out_key_array(&json, "partitions");
    for (uint32_t i = 0; i < top->partition_count; i++)
        print_partition(&json, &top->partitions[i], i == holder);
    json_out_array_end(&json);
    json_out_object_end(&json);
}
