/* Retried letters: a partition of its own, whose records the committer reads from the store (R4).
 *
 *     committer                                             its worker
 *     look ── store_letters_waiting ──▶ items
 *     no epoch under way: their watermark, offered = n ──▶  takes one after the other, as batches of one record
 *     announces nothing meanwhile ◀──────────────────────── taken = n
 *
 * So all of an offer are of the epoch behind the last header, and late by that header's smallest watermark (P3): state is
 * freed by no greater one before they are seen. Dedup and windows are as right for a letter as for an event of the log. */
#include "base/check.h"
#include "base/limits.h"
#include "live/runtime/runtime_int.h"

#define LOOK_INTERVAL_US 200000

/* ---- The source ---- */

static enum status
identity(struct source_partition *partition, struct str *ret_identity, struct error *err)
{
    (void)partition, (void)err;
    *ret_identity = STR(""); /* The store keeps them itself. */
    return ST_OK;
}

static void
close_partition(struct source_partition *partition)
{
    (void)partition; /* It lies in the runtime. */
}

/* It is not listed, opened or polled: letters_open and letters_next do that. */
static const struct source_kind kind = { .name = STORE_LETTERS_SOURCE, .counts_records = true, .identity = identity, .close = close_partition };

static void
outputs_tell(struct runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct actor *actors[] = { &runtime->workers[i].actor, &runtime->stage1[i].actor, &runtime->stage2[i].actor };
        for (int j = 0; j < 3 * EPOCHS_UNDER_WAY; j++)
            actors[j / EPOCHS_UNDER_WAY]->outputs[j % EPOCHS_UNDER_WAY].letters = runtime->partition_names.letters;
    }
}

enum status
letters_open(struct runtime *runtime, const struct store_position *position, struct error *err)
{
    struct letters *letters = &runtime->letters;
    uint32_t        index   = atomic_load(&runtime->partition_count);
    if (runtime->options->store->kind->letters_waiting == NULL)
        return ST_OK;
    struct partition *partition = ARENA_NEW(&runtime->arena, struct partition);
    if (partition == NULL)
        return error_no_memory(err);
    CHECK(index < PARTITION_CAPACITY);
    letters->source = (struct source){ .kind = &kind, .name = STORE_LETTERS_SOURCE };
    letters->opened = (struct source_partition){ &letters->source, runtime->options->source->name,
                                                 position == NULL ? STORE_LETTERS_NUMBER_FIRST : position->position };
    *partition = (struct partition){ .intake  = { index, STORE_TIME_NONE, INT64_MIN, NULL }, .id = letters->opened.partition_id,
                                     .source  = &letters->opened, .begin = letters->opened.position, .end = -1,
                                     .is_done = true };
    atomic_store(&letters->offered, partition->begin);
    atomic_store(&letters->taken, partition->begin);
    letters->partition               = partition;
    letters->worker                  = index % runtime->worker_count;
    runtime->partition_names.letters = index + 1;
    runtime->partition_ids[index]    = str_from(partition->id);
    runtime->partitions[index]       = partition;
    atomic_fetch_add(&runtime->workers[letters->worker].done_count, 1);
    atomic_store(&runtime->partition_count, index + 1);
    outputs_tell(runtime);
    return ST_OK;
}

/* ---- The committer's side ---- */

static enum status
look(struct runtime *runtime, int64_t monotonic_us, struct error *err)
{
    struct letters     *letters = &runtime->letters;
    struct store       *store   = runtime->options->store;
    const bool          is_due  = !letters->is_empty || monotonic_us - letters->looked_at_us >= LOOK_INTERVAL_US;
    if (letters->count > 0 || !is_due)
        return ST_OK;
    arena_clear(&letters->arena);
    letters->looked_at_us = monotonic_us;
    if (store->kind->letters_waiting(store, str_from(letters->opened.partition_id), atomic_load(&letters->taken), LIVE_LETTER_COUNT_MAX,
                                     LIVE_LETTER_BYTES_MAX, &letters->arena, &letters->items, &letters->count, err) != ST_OK)
        return ST_ERROR;
    letters->is_empty = letters->count == 0;
    return ST_OK;
}

enum status
letters_offer(struct runtime *runtime, int64_t monotonic_us, bool *ret_is_held, struct error *err)
{
    struct letters *letters = &runtime->letters;
    *ret_is_held            = false;
    if (letters->partition == NULL)
        return ST_OK;
    if (letters->is_offered && atomic_load(&letters->taken) == atomic_load(&letters->offered)) {
        letters->is_offered = false;
        letters->count      = 0;
    }
    if (look(runtime, monotonic_us, err) != ST_OK)
        return ST_ERROR;
    *ret_is_held = letters->count > 0;
    if (letters->count == 0 || letters->is_offered || runtime->committed != atomic_load(&runtime->announced))
        return ST_OK;
    letters->is_offered                     = true;
    letters->partition->intake.watermark_us = runtime->min_watermark_us;
    atomic_store(&letters->offered, letters->items[0].number + (int64_t)letters->count);
    waker_wake(&runtime->threads[letters->worker].waker);
    return ST_OK;
}

/* ---- The worker's side ---- */

bool
letters_wait(const struct worker *worker)
{
    const struct letters *letters = &worker->runtime->letters;
    return letters->partition != NULL && letters->worker == worker->index
           && letters->opened.position < atomic_load(&letters->offered);
}

/* Whose system, zone and labels its record has: those of the partition that it first stood in. */
static uint32_t
input_of(const struct runtime *runtime, struct str partition_id)
{
    uint32_t count = atomic_load(&runtime->partition_count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_letters(runtime, runtime->partitions[i]) && str_equal(runtime->partition_ids[i], partition_id))
            return runtime->partitions[i]->input;
    return 0;
}

/* With the line end that it had in its log: what is cut off there is not what is cut off here. */
enum status
letters_next(struct runtime *runtime, struct record_batch *ret_batch, struct error *err)
{
    struct letters            *letters = &runtime->letters;
    int64_t                    number  = letters->opened.position;
    const struct store_letter *letter  = &letters->items[number - letters->items[0].number];
    CHECK(letter->number == number);
    str_builder_clear(&letters->line);
    str_builder_append(&letters->line, letter->bytes);
    str_builder_append_char(&letters->line, '\n');
    if (str_builder_status(&letters->line, err) != ST_OK)
        return ST_ERROR;
    letters->record                   = (struct record){ .size = (uint32_t)letter->bytes.size };
    letters->partition->intake.letter = letter;
    letters->partition->input         = input_of(runtime, letter->partition_id);
    *ret_batch                        = (struct record_batch){ .data = letters->line.data, .records = &letters->record, .record_count = 1,
                                                               .position = number, .position_next = number + 1, .bytes = (int64_t)letters->line.size };
    return ST_OK;
}

void
letters_taken(struct runtime *runtime)
{
    struct letters *letters = &runtime->letters;
    atomic_store(&letters->taken, ++letters->opened.position);
    if (letters->opened.position == atomic_load(&letters->offered))
        waker_wake(&runtime->committer);
}
