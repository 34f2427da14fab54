/* Rules of the live leg over the warehouse's history: what they would have told.
 *
 *     core.<entity>_version ─ slice by slice of event time ─▶ event rows ─▶ rules, as a shard makes them ─ barrier a slice ─▶ newest revision of each alert
 *
 * B1  A fact is an event at its event time, and known from then on: the warehouse does not know when a log would have brought it. So the watermark of a
 *     slice's barrier is the slice's end, nothing is late, and an access is judged when its time is over.
 * B2  Alerts are a function of history, so neither how it is cut into slices and chunks nor how often a rule was asked shapes what comes out. What a rule said
 *     in between does not come out: only the newest revision of each alert does.
 * B3  What may fire lies from from_us to before to_us, by the event time of what fires it. Facts of the longest history of a rule before from_us come
 *     first, as events too: what they fire is not told, but starts cooldowns and explains. Of entities whose facts last (a stay) those come, too, that reach
 *     into that time.
 * B4  What comes behind to_us is not known: an alert stands as it stood then.
 *
 * B5  A fact that two sources state alike is one event; the warehouse keeps it as two versions.
 *
 * alert_id is stable over backtests of one warehouse, and another one than the live leg's, which goes by the event's own id. mode is `replay`. */
#ifndef HEDDLE_HYBRID_BACKTEST_H
#define HEDDLE_HYBRID_BACKTEST_H

#include "base/error.h"
#include "base/hash.h"
#include "graph/graph.h"
#include "live/output.h"
#include "match/master.h"
#include "model/model.h"
#include "warehouse/db.h"

struct backtest_options {
    struct db                     *db;
    const struct graph            *graph; /* Of the pipeline; its streaming leg, if it has one, says how its inputs are labelled. */
    const struct siphash_key      *person_key;
    const struct master           *master; /* What rules of accesses ask of users and patients, as the stream's; NULL: nothing is known. */
    const struct rule_pack *const *rules; /* Of graph->model; each once. */
    size_t                         rule_count;
    int64_t                        from_us; /* INT64_MIN: from the first fact. */
    int64_t                        to_us;   /* INT64_MAX: to the last. */
    int64_t                        slice_row_count; /* About; 0: BACKTEST_SLICE_ROW_COUNT. */
    bool (*is_stopping)(void *context); /* Asked between slices. */
    void (*progress)(void *context, int64_t row_count, int64_t row_total); /* NULL: nobody looks. */
    void *context;
};

struct backtest_result {
    struct epoch_output       kept; /* Where the alerts lie. */
    const struct store_alert *alerts; /* By event time, then id. is_delivered: somebody would have got it. */
    size_t                    alert_count;
    int64_t                   row_count;     /* Facts that were looked at. */
    int64_t                   patient_count; /* Of the warehouse. */
    int64_t                   begin_us;      /* The time that was looked at: from_us and to_us, or the first and behind the last day with a fact. */
    int64_t                   end_us;        /* Not above begin_us: there are no facts. */
    int64_t                   history_us;    /* From when on facts came that fire nothing. */
};

/* ERR_CONFIG where a rule judges facts that have no patient, ERR_FULL beyond BACKTEST_ALERT_COUNT_MAX alerts, ERR_INTERRUPTED. The caller releases
 * *ret_result, also on failure. */
enum status backtest_run(const struct backtest_options *options, struct backtest_result *ret_result, struct error *err);
void        backtest_result_release(struct backtest_result *result);

#endif
