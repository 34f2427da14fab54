/* The parts of a rule about the course of results: what only this folder sees of it. See result_series.h. */
#ifndef HEDDLE_LIVE_OP_SERIES_INT_H
#define HEDDLE_LIVE_OP_SERIES_INT_H

#include "base/json_out.h"
#include "live/op/critical_history.h"
#include "live/op/result_alert.h"
#include "live/rule/delta.h"
#include "live/rule/kidney.h"
#include "live/rule/trend.h"

/* How long after a result was known its alert may still follow what else comes: as long as results may be late. */
#define SERIES_REVISED_US (31 * US_PER_DAY)

/* Of a record (critical_record.traits). The severity at birth is what an alert says that history no longer bears out. */
#define SERIES_HISTORY     1u /* The warehouse gave it: it counts, and fires nothing. */
#define SERIES_PRELIMINARY 2u
#define SERIES_PROMOTION   4u /* What was preliminary is final now: it brings no value. */
#define SERIES_MINOR       8u
#define SERIES_FIRES       16u
#define SERIES_BORN_SHIFT  5u /* enum severity, two bits. */

/* ---- Which rows ---- */

/* The codes of all series, as a column has them. */
struct series_codes {
    uint64_t          filter; /* A bit for each code's slot: what has none of them set is no code of the rule. */
    struct text      *texts;
    const struct rule_code **codes;
    uint32_t         *series; /* By the same index. */
    uint32_t          count;
};

/* `codes` is zeroed. On failure it can be released. */
enum status series_codes_init(struct series_codes *codes, const struct rule_pack *pack, struct error *err);
void        series_codes_release(struct series_codes *codes);
/* Which code the row has; -1: none of the rule's. */
int32_t series_code_find(const struct series_codes *codes, const struct chunk *chunk, uint32_t row);

/* What is kept of a row, its value brought to the unit of the series. What has no exact number above 0 has no value. */
void series_record_of(const struct rule *rule, const struct rule_series *series, const struct rule_code *code, const struct chunk *chunk,
                      uint32_t row, struct critical_record *ret_record);

/* ---- What a version sees ---- */

/* One version of a result, and the results before it as they stood for it. */
struct series_view {
    const struct rule_pack       *pack;
    const struct rule_series     *series;
    struct state_entry           *entry;
    const struct critical_record *record;
    int64_t                       effective_us;
    int64_t                       value;
    bool                          is_haemolysed; /* The specimen of the version judged. */
    struct series_point          *points; /* The results before it, in the order of their effective times; place: which record. */
    uint32_t                      count;
    const struct series_point   **scratch;
};

/* Memory for views, from one use to the next, and which versions of the entry in hand are of one result. */
struct series_views {
    uint32_t                   *later;  /* The next version of the same result; UINT32_MAX: none. */
    uint32_t                   *sooner;
    struct series_point        *points;
    const struct series_point **scratch;
    uint32_t                    capacity;
};

void series_views_release(struct series_views *views);
/* Of the entry in hand. */
enum status series_views_find(struct series_views *views, struct state_entry *entry, struct error *err);

/* Fills the view of record `index`. False where the version has no value that could be judged. `limit`: only what stood before that
 * record in the log, or is it; NULL: all.
 *
 * A version sees what was known up to SERIES_REVISED_US after it, and no older than the rule's history. So what it sees
 * follows from the log alone: what is freed is no longer seen by any version that is still judged. */
bool series_view_of(const struct series_views *views, const struct rule *rule, const struct rule_series *series, struct state_entry *entry,
                    uint32_t index, const struct critical_record *limit, struct series_view *ret_view);

/* ---- The kinds ---- */

#define SERIES_EVIDENCE_MAX TREND_POINT_COUNT_MAX

struct series_verdict {
    bool          fires;
    enum severity severity;
    union { /* By kind. */
        struct kidney_finding kidney;
        struct delta_finding  delta;
        struct trend_finding  trend;
    };
    /* Records that it goes by, besides the one judged. */
    uint32_t      places[SERIES_EVIDENCE_MAX];
    uint32_t      place_count;
};

struct series_kind {
    void (*judge)(const struct series_view *view, struct series_verdict *ret_verdict);
    /* Writes the members of an object. */
    void (*explain)(const struct series_view *view, const struct series_verdict *verdict, struct json_out *json);
};

extern const struct series_kind series_kidney;
extern const struct series_kind series_delta;
extern const struct series_kind series_trend;

#define SERIES_HAEMOLYSIS_NOTE "burst cells release it: a number of a haemolysed specimen may be too high; a new specimen tells"

/* Where the check `knows_haemolysis`: whether the version judged or a record of the evidence so far has a haemolysed specimen. Burst cells may have made
 * the change then, or may hide it. */
bool series_is_doubtful(const struct series_view *view, const struct series_verdict *verdict, bool knows_haemolysis);
/* "specimen":"haemolysed" of the version judged; else nothing. */
void series_print_specimen(struct json_out *json, bool is_haemolysed);

/* Which of the rule's series the view is of, and so which of its checks. */
static inline uint32_t
series_index(const struct series_view *view)
{
    return (uint32_t)(view->series - view->pack->series);
}

/* Adds the point's record to the evidence. NULL adds nothing, nor does one that is in it. */
void series_evidence(struct series_verdict *verdict, const struct series_point *point);
void series_print_decimal(struct json_out *json, const char *key, int64_t value);
/* "key":{"value":…,"time":…}, with "specimen":"haemolysed" where it is; null where there is none. */
void series_print_point(struct json_out *json, const char *key, const struct series_point *point);

#endif
