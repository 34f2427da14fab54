#include "live/live.h"

#include "base/memory.h"
#include "io/process.h"
#include "live/runtime/runtime_int.h"

static enum status
run(struct runtime *runtime, const struct live_options *options, struct error *err)
{
    bool needs_start = false;
    if (runtime_init(runtime, options, err) != ST_OK || recover(runtime, &needs_start, err) != ST_OK)
        return ST_ERROR;
    if (runtime->committed == 0 && options->history.next != NULL && history_feed(runtime, err) != ST_OK)
        return ST_ERROR;
    if (top_open(runtime, err) != ST_OK)
        return ST_ERROR;
    enum status status = committer_run(runtime, needs_start ? "start" : NULL, err);
    runtime_stop(runtime);
    return status;
}

enum status
live_run(const struct live_options *options, struct live_summary *ret_summary, struct error *err)
{
    int64_t         begin_us = clock_monotonic_us(options->clock), cpu_us = process_usage().cpu_us;
    struct runtime *runtime  = memory_alloc_zero(sizeof(*runtime));
    *ret_summary             = (struct live_summary){ .account.source = options->source->name };
    if (runtime == NULL)
        return error_no_memory(err);
    enum status status = run(runtime, options, err);
    *ret_summary       = runtime->summary;
    runtime_release(runtime);
    memory_free(runtime);
    ret_summary->duration_us = clock_monotonic_us(options->clock) - begin_us;
    ret_summary->cpu_us      = process_usage().cpu_us - cpu_us;
    if (status != ST_OK)
        error_context(err, "running the streaming leg");
    return status;
}
