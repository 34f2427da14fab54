/* What a run cost, step by step: wall clock, processor time of user and system, the most that was resident.
 *
 * The processor time is that of the whole process: where the program does something else beside (the streaming leg, a query), that
 * is in it, too. */
#include <inttypes.h>
#include <string.h>

#include "io/process.h"
#include "warehouse/run_int.h"

static void
add_up(struct run *run)
{
    struct run_meter          *meter = &run->meter;
    const struct process_usage now   = process_usage();
    const int64_t              wall  = clock_monotonic_us(run->warehouse->options.clock);

    if (meter->count > 0) {
        struct run_step *step = &meter->steps[meter->current];
        step->wall_us += wall - meter->wall_us;
        step->user_us += now.user_us - meter->before.user_us;
        step->system_us += now.system_us - meter->before.system_us;
        step->resident_bytes_max = now.resident_bytes_max;
    }
    meter->wall_us = wall;
    meter->before  = now;
}

void
run_step(struct run *run, const char *name)
{
    struct run_meter *meter = &run->meter;
    uint32_t          i     = 0;

    add_up(run);
    while (i < meter->count && strcmp(meter->steps[i].name, name) != 0)
        i++;
    if (i == RUN_STEP_COUNT_MAX)
        return; /* The one before takes it: nothing is lost. */
    if (i == meter->count)
        meter->steps[meter->count++] = (struct run_step){ .name = name };
    meter->current = i;
}

enum status
run_write_steps(struct run *run, struct error *err)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status;

    add_up(run);
    if (run->meter.count == 0)
        return ST_OK;
    str_builder_append_cstr(&sql, "INSERT INTO meta.run_step (run_id, number, step, duration_us, user_us, system_us, resident_bytes_max) VALUES");
    for (uint32_t i = 0; i < run->meter.count; i++) {
        const struct run_step *step = &run->meter.steps[i];
        str_builder_printf(&sql, "%s\n  ('%s', %" PRIu32 ", '%s', %" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 ")", i == 0 ? "" : ",", run->id, i + 1,
                           step->name, step->wall_us, step->user_us, step->system_us, step->resident_bytes_max);
    }
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = db_run(run->connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}
