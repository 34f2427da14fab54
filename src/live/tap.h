/* Rows that pass a step of a stream that runs, for somebody who looks on (heddle tap): the first ones that come after he asked.
 *
 *      asker's thread                                  threads of the stream
 *        │ live_tap_begin ── step = k ─────────────▶     │ a chunk comes to step k: each row is claimed, copied, ready
 *        │ live_tap_is_full? …                           │ the last row: step = 0
 *        │ live_tap_end ──── step = 0 ─────────────▶     │ one atomic look a chunk and step
 *        │ live_tap_print
 *
 * What is always true:
 *   T1  While nobody taps, a chunk costs one relaxed load a step. A row never waits, and nothing is locked or allocated for it.
 *   T2  Bounded (I10): at most LIVE_TAP_ROW_COUNT_MAX rows, of a text at most LIVE_TAP_TEXT_SIZE bytes. One asker at a time.
 *   T3  Masked, of what may tell of a patient not even a copy is made: a hash, and what is printed is which values of the sample are the same.
 *   T4  Rows of an earlier tap are never taken for those of a later one: none begins while a thread still copies. */
#ifndef HEDDLE_LIVE_TAP_H
#define HEDDLE_LIVE_TAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/str_builder.h"
#include "column/chunk.h"
#include "model/model.h"

/* Decode, dedup, and the keyed steps behind it; in the order of live/top.h. */
#define LIVE_TAP_STEP_COUNT_MAX (STEP_COUNT_MAX + 2)

struct live_tap_row;

/* Zeroed before use; live_tap_release gives back what it holds. */
struct live_tap {
    _Atomic(uint32_t)    step;      /* 1 + the step that is looked at; 0: none. */
    _Atomic(uint32_t)    copying;   /* Threads that may write rows. */
    _Atomic(uint32_t)    claimed;   /* Rows. */
    _Atomic(uint32_t)    ready;
    struct live_tap_row *rows;      /* The asker's, as the following; they change only while nobody copies (T4). */
    uint32_t             row_count;
    bool                 is_unmasked;
    uint32_t             asked_step;

    _Atomic(uint32_t) step_count; /* 0: the stream has not begun yet. */
    char              names[LIVE_TAP_STEP_COUNT_MAX][PLAN_NAME_SIZE_MAX + 1];
};

/* ---- The stream's side ---- */

/* Before the first row, in order; then live_tap_open. */
void live_tap_name(struct live_tap *tap, uint32_t step, const char *name);
void live_tap_open(struct live_tap *tap, uint32_t step_count);

/* The selected rows of a chunk of event_schema come to the step. `partitions` are the names of EVENT_PARTITION. */
void live_tap_copy(struct live_tap *tap, uint32_t step, const struct chunk *chunk, const struct str *partitions);

static inline void
live_tap_rows(struct live_tap *tap, uint32_t step, const struct chunk *chunk, const struct str *partitions)
{
    if (tap != NULL && atomic_load_explicit(&tap->step, memory_order_relaxed) == step + 1)
        live_tap_copy(tap, step, chunk, partitions);
}

/* ---- The asker's side: one thread at a time ---- */

/* ERR_USAGE where there is no such step, with those that there are; ERR_BUSY where the stream has not begun yet, or rows of the tap before are
 * still being copied. row_count is 1 to LIVE_TAP_ROW_COUNT_MAX. */
enum status live_tap_begin(struct live_tap *tap, struct str step, uint32_t row_count, bool is_unmasked, struct error *err);
bool        live_tap_is_full(const struct live_tap *tap);
void        live_tap_end(struct live_tap *tap);
/* Behind the end: {"step":"dedup","unmasked":false,"rows":[{…},…]}, in the order in which they were claimed. A masked value is "#n": the n-th different one of its
 * column in the sample. `model` names the entities. */
void live_tap_print(struct live_tap *tap, const struct model *model, struct str_builder *out);
/* Forgets the rows, where nobody copies any more; else the next begin does. */
void live_tap_clear(struct live_tap *tap);
/* The stream has ended. */
void live_tap_release(struct live_tap *tap);

#endif
