/* Which window an event lies in, and from which watermark on it is too late for it. One place, for intake, dedup and window must
 * agree to the microsecond. */
#ifndef HEDDLE_LIVE_OP_LATENESS_H
#define HEDDLE_LIVE_OP_LATENESS_H

#include <stdint.h>

#include "graph/graph.h"

/* Start of the tumbling window [start, start + size) that holds the instant; floor, also before 1970. */
static inline int64_t
window_start_of(const struct graph_window *window, int64_t time_us)
{
    int64_t shifted   = time_us - window->offset_us;
    int64_t remainder = shifted % window->size_us;
    return time_us - (remainder < 0 ? remainder + window->size_us : remainder);
}

/* An event is late where its own partition's watermark has reached this: window end plus lateness (I3). */
static inline int64_t
window_late_from(const struct graph_window *window, int64_t time_us)
{
    return window_start_of(window, time_us) + window->size_us + window->lateness_us;
}

#endif
