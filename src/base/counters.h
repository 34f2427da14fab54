/* Metrics as a struct: each part of the program has one struct of counters and one table that describes it.
 *
 *     struct worker_counters { struct counter rows_received; struct counter queue_rows; };
 *     static const struct counter_info WORKER_COUNTERS[] = {
 *         { COUNTER(struct worker_counters, rows_received), .unit = "rows", .help = "Rows received." },
 *         { GAUGE(struct worker_counters, queue_rows), .unit = "rows", .help = "Rows waiting in rings." },
 *     };
 *
 * Adding costs one relaxed atomic addition; a struct that one thread alone writes uses counter_add_own, which costs a
 * plain addition. Readers may see counters of one struct at slightly different times. */
#ifndef HEDDLE_BASE_COUNTERS_H
#define HEDDLE_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_out.h"
#include "base/str_builder.h"

struct counter {
    _Atomic(int64_t) value;
};

enum counter_kind {
    COUNTER_TOTAL, /* Only grows. */
    COUNTER_GAUGE, /* Goes up and down. */
};

struct counter_info {
    const char       *name;
    enum counter_kind kind;
    size_t            offset;
    const char       *unit; /* "rows", "bytes", "us"; NULL: none. */
    const char       *help;
};

#define COUNTER(type_, field_) .name = #field_, .kind = COUNTER_TOTAL, .offset = offsetof(type_, field_)
#define GAUGE(type_, field_)   .name = #field_, .kind = COUNTER_GAUGE, .offset = offsetof(type_, field_)

static inline void
counter_add(struct counter *counter, int64_t amount)
{
    atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

/* The caller is the only thread that ever writes this counter. */
static inline void
counter_add_own(struct counter *counter, int64_t amount)
{
    int64_t value = atomic_load_explicit(&counter->value, memory_order_relaxed);
    atomic_store_explicit(&counter->value, value + amount, memory_order_relaxed);
}

static inline void
counter_set(struct counter *counter, int64_t value)
{
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

static inline int64_t
counter_get(const struct counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* The value of the described counter in the struct at `counters`. */
int64_t counter_read(const struct counter_info *info, const void *counters);

/* "name value" lines in the table's order, and one JSON object {name: value, ...}. */
void counters_print(const struct counter_info *infos, size_t count, const void *counters, struct str_builder *out);
void counters_print_json(const struct counter_info *infos, size_t count, const void *counters, struct json_out *json);

#endif
