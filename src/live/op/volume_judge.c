/* Which units are beyond their limits (V2 to V4 of access_volume.h).
 *
 * Units are sorted by role, department, user and day. A *run* is those of one group of peers; for each day of it that is judged, the values of all of its units in
 * the days compared are sorted once, and what is the user's own is taken out for each unit that may be an alert. Runs of whole roles come behind, for
 * those that have too few peers in their department. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "live/op/volume_int.h"

/* A rank grows with z up to so many times the limit. */
#define RANK_TIMES_MAX 3

void
volume_bench_release(struct volume_bench *bench)
{
    if (bench == NULL)
        return;
    memory_free(bench->places);
    memory_free(bench->verdicts);
    memory_free(bench->numbers);
    memory_free(bench->values);
    memory_free(bench->others);
}

enum volume_stage
volume_stage_of(const struct access_volume *op, const struct epoch_decision *decision, int64_t day)
{
    const struct volume_day moments = volume_day_of(op, day);
    const bool              has_time = decision->watermark_us != INT64_MIN;
    if (moments.final_us <= decision->freed_us) /* Judged for good, and what it was compared with may be gone. */
        return VOLUME_STAGE_COUNT;
    if (decision->is_drain || (has_time && moments.final_us <= decision->watermark_us))
        return VOLUME_LATE;
    return has_time && moments.settled_us <= decision->watermark_us ? VOLUME_FIRST : VOLUME_STAGE_COUNT;
}

/* ---- Order ---- */

static int
compare_users(const struct volume_place *a, const struct volume_place *b)
{
    if (a->user != b->user)
        return a->user < b->user ? -1 : 1;
    return a->day < b->day ? -1 : a->day > b->day;
}

static int
compare_in_department(const void *left, const void *right)
{
    const struct volume_place *a = left, *b = right;
    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    if (a->department != b->department)
        return a->department < b->department ? -1 : 1;
    return compare_users(a, b);
}

static int
compare_in_role(const void *left, const void *right)
{
    const struct volume_place *a = left, *b = right;
    if (a->role != b->role)
        return a->role < b->role ? -1 : 1;
    const int order = compare_users(a, b);
    if (order != 0)
        return order;
    return a->department < b->department ? -1 : a->department > b->department;
}

static int
compare_numbers(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* ---- Candidates ---- */

static uint32_t
count_of(const struct volume_unit *unit, int measure, enum volume_stage stage)
{
    return unit->counts[measure][VOLUME_FIRST] + (stage == VOLUME_LATE ? unit->counts[measure][VOLUME_LATE] : 0);
}

/* Whether it can be an alert, or is one. */
static bool
is_candidate(const struct access_volume *op, const struct volume_unit *unit)
{
    bool is_any = unit->told != VOLUME_UNTOLD;
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++)
        is_any |= op->limits->measures[i].weight > 0 && count_of(unit, i, VOLUME_LATE) >= (uint32_t)op->limits->measures[i].at_least;
    return is_any;
}

static enum status
reserve(struct volume_bench *bench, size_t candidate_count, struct error *err)
{
    if (bench->verdict_capacity < candidate_count) {
        memory_free(bench->verdicts);
        bench->verdict_capacity = 0;
        bench->verdicts         = memory_alloc_array(candidate_count * 2, VOLUME_STAGE_COUNT * sizeof(*bench->verdicts));
        if (bench->verdicts == NULL)
            return error_no_memory(err);
        bench->verdict_capacity = candidate_count * 2;
    }
    if (bench->number_capacity >= bench->count)
        return ST_OK;
    memory_free(bench->numbers);
    memory_free(bench->values);
    memory_free(bench->others);
    bench->number_capacity = 0;
    bench->numbers         = memory_alloc_array(bench->count * 2, sizeof(*bench->numbers));
    bench->values          = memory_alloc_array(bench->count * 2, sizeof(*bench->values));
    bench->others          = memory_alloc_array(bench->count * 2, sizeof(*bench->others));
    if (bench->numbers == NULL || bench->values == NULL || bench->others == NULL)
        return error_no_memory(err);
    bench->number_capacity = bench->count * 2;
    return ST_OK;
}

/* Gives each unit that is judged now, and may be an alert, its place for verdicts. */
static enum status
find_candidates(struct access_volume *op, const struct epoch_decision *decision, struct error *err)
{
    struct volume_bench *bench = op->bench;
    size_t               count = 0;
    int64_t              day = INT64_MIN;
    enum volume_stage    stage = VOLUME_STAGE_COUNT;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1 && reserve(bench, count, err) != ST_OK)
            return ST_ERROR;
        count = 0;
        for (size_t i = 0; i < bench->count; i++) {
            struct volume_place *place = &bench->places[i];
            if (place->day != day)
                stage = volume_stage_of(op, decision, place->day);
            day = place->day;
            if (stage == VOLUME_STAGE_COUNT || !is_candidate(op, place->unit))
                continue;
            if (pass == 1)
                place->verdicts = &bench->verdicts[count * VOLUME_STAGE_COUNT];
            count++;
        }
    }
    bench->verdict_count = count;
    if (count > 0)
        memset(bench->verdicts, 0, count * VOLUME_STAGE_COUNT * sizeof(*bench->verdicts));
    return ST_OK;
}

/* ---- Values ---- */

/* What is compared: units [begin, end) of a group of peers, as they stand for a day and a stage. */
struct view {
    struct access_volume *op;
    size_t                begin, end;
    int64_t               day;
    enum volume_stage     stage;
    size_t                value_counts[ACCESS_MEASURE_COUNT]; /* Into the bench's values, one measure behind the other. */
    int32_t               users;
    int32_t               days;
};

static bool
is_within(const struct view *view, int64_t day)
{
    return day <= view->day && day > view->day - view->op->limits->day_count;
}

/* The unit's value of the measure in the view; 0: none. */
static uint32_t
value_of(const struct view *view, const struct volume_place *place, int measure)
{
    if (!is_within(view, place->day))
        return 0;
    return count_of(place->unit, measure, place->day == view->day ? view->stage : VOLUME_FIRST);
}

/* Ascending, each once. */
static size_t
sort_values(const struct view *view, int measure, struct robust_value *values)
{
    struct volume_bench *bench = view->op->bench;
    size_t               count = 0, kept = 0;
    for (size_t i = view->begin; i < view->end; i++) {
        const uint32_t value = value_of(view, &bench->places[i], measure);
        if (value > 0)
            bench->numbers[count++] = value;
    }
    if (count > 1)
        qsort(bench->numbers, count, sizeof(*bench->numbers), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || values[kept - 1].value != bench->numbers[i])
            values[kept++] = (struct robust_value){ bench->numbers[i], 0 };
        values[kept - 1].count++;
    }
    return kept;
}

/* Users with a unit in the view, and days of which there are units. */
static void
count_users(struct view *view)
{
    const struct volume_bench *bench = view->op->bench;
    const struct volume_place *last  = NULL;
    bool                       seen[VOLUME_DAY_COUNT_MAX] = { false };
    view->users = view->days = 0;
    for (size_t i = view->begin; i < view->end; i++) {
        const struct volume_place *place = &bench->places[i];
        if (value_of(view, place, ACCESS_MEASURE_VOLUME) == 0)
            continue;
        view->users += last == NULL || last->user != place->user;
        view->days += !seen[view->day - place->day];
        seen[view->day - place->day] = true;
        last                         = place;
    }
}

static void
look(struct view *view)
{
    struct volume_bench *bench = view->op->bench;
    count_users(view);
    view->value_counts[0] = sort_values(view, 0, bench->values);
    view->value_counts[1] = sort_values(view, 1, bench->others); /* Copied behind the first. */
    memcpy(bench->values + view->value_counts[0], bench->others, view->value_counts[1] * sizeof(*bench->others));
}

/* ---- Verdicts ---- */

/* The user's units in the view, which lie behind one another. */
struct own {
    size_t begin, end;
    bool   is_user; /* Whether the user is among the view's. */
};

static struct own
own_of(const struct view *view, size_t index)
{
    const struct volume_place *places = view->op->bench->places;
    struct own                 own    = { index, index + 1, false };
    while (own.begin > view->begin && places[own.begin - 1].user == places[index].user)
        own.begin--;
    while (own.end < view->end && places[own.end].user == places[index].user)
        own.end++;
    for (size_t i = own.begin; i < own.end; i++)
        own.is_user |= value_of(view, &places[i], ACCESS_MEASURE_VOLUME) > 0;
    return own;
}

/* Values of all but the user. */
static void
compare_measure(const struct view *view, const struct own *own, int measure, struct robust *robust)
{
    struct volume_bench       *bench  = view->op->bench;
    const size_t               count  = view->value_counts[measure];
    const struct robust_value *values = bench->values + (measure == 0 ? 0 : view->value_counts[0]);
    memcpy(bench->others, values, count * sizeof(*values));
    for (size_t i = own->begin; i < own->end; i++) {
        const uint32_t value = value_of(view, &bench->places[i], measure);
        size_t         low = 0, high = count;
        if (value == 0)
            continue;
        while (high - low > 1) {
            const size_t middle = (low + high) / 2;
            low  = values[middle].value <= value ? middle : low;
            high = values[middle].value <= value ? high : middle;
        }
        CHECK(bench->others[low].value == value && bench->others[low].count > 0);
        bench->others[low].count--;
    }
    robust_of(bench->others, count, robust);
}

int64_t
volume_least(const struct access_measure_rule *rule, const struct robust *robust)
{
    const int64_t limits[] = { rule->at_least, robust_least(robust, rule->z), robust_least_times(robust, rule->times) };
    int64_t       least    = 0;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        least = limits[i] > least ? limits[i] : least;
    return least;
}

/* The weight, as often as z is the limit, up to RANK_TIMES_MAX times. */
static int32_t
rank_of(const struct access_measure_rule *rule, const struct robust *robust, uint32_t value)
{
    const int64_t z = robust_z(robust, value), limit = rule->z / 1000;
    if (z >= RANK_TIMES_MAX * limit || limit == 0)
        return rule->weight * RANK_TIMES_MAX;
    return (int32_t)(rule->weight * z / limit);
}

static void
judge_unit(const struct view *view, size_t index, bool is_by_role, struct volume_verdict *verdict)
{
    const struct access_volume_rule *limits = view->op->limits;
    const struct volume_unit        *unit   = view->op->bench->places[index].unit;
    const struct own                 own    = own_of(view, index);
    *verdict                                = (struct volume_verdict){ .is_by_role = is_by_role, .peers = view->users - own.is_user, .days_seen = view->days };
    verdict->is_compared                    = verdict->peers >= limits->peers;
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++) {
        const struct access_measure_rule *rule = &limits->measures[i];
        verdict->values[i]                     = count_of(unit, i, view->stage);
        if (!verdict->is_compared)
            continue;
        compare_measure(view, &own, i, &verdict->robust[i]);
        if (rule->weight == 0 || verdict->values[i] < volume_least(rule, &verdict->robust[i]))
            continue;
        verdict->beyond |= (uint8_t)(1u << i);
        verdict->rank += rank_of(rule, &verdict->robust[i], verdict->values[i]);
    }
}

/* Those of the run that are judged on the day, each with what its department says unless that is too little. */
static void
judge_day(struct access_volume *op, size_t begin, size_t end, int64_t day, bool is_by_role)
{
    const struct volume_place *places = op->bench->places;
    for (int stage = 0; stage < VOLUME_STAGE_COUNT; stage++) {
        struct view view = { .op = op, .begin = begin, .end = end, .day = day, .stage = (enum volume_stage)stage };
        bool        is_seen = false;
        for (size_t i = begin; i < end; i++) {
            const struct volume_place *place = &places[i];
            if (place->verdicts == NULL || place->day != day || place->verdicts[stage].is_compared || (!is_by_role && place->department == 0))
                continue;
            if (!is_seen)
                look(&view);
            is_seen = true;
            judge_unit(&view, i, is_by_role, &place->verdicts[stage]);
        }
    }
}

static bool
are_peers(const struct volume_place *a, const struct volume_place *b, bool is_by_role)
{
    return a->role == b->role && (is_by_role || a->department == b->department);
}

static void
judge_runs(struct access_volume *op, bool is_by_role)
{
    const struct volume_bench *bench = op->bench;
    for (size_t begin = 0, end = 0; begin < bench->count; begin = end) {
        int64_t first = INT64_MAX, last = INT64_MIN;
        for (end = begin; end < bench->count && are_peers(&bench->places[begin], &bench->places[end], is_by_role); end++) {
            const struct volume_place *place = &bench->places[end];
            if (place->verdicts == NULL || (place->verdicts[VOLUME_FIRST].is_compared && place->verdicts[VOLUME_LATE].is_compared))
                continue;
            first = place->day < first ? place->day : first;
            last  = place->day > last ? place->day : last;
        }
        for (int64_t day = first; day <= last; day++)
            judge_day(op, begin, end, day, is_by_role);
    }
}

/* Whether some department has too few peers. */
static bool
wants_roles(const struct volume_bench *bench)
{
    for (size_t i = 0; i < bench->verdict_count * VOLUME_STAGE_COUNT; i++)
        if (!bench->verdicts[i].is_compared)
            return true;
    return false;
}

enum status
volume_judge(struct access_volume *op, const struct epoch_decision *decision, struct error *err)
{
    struct volume_bench *bench = op->bench;
    if (find_candidates(op, decision, err) != ST_OK)
        return ST_ERROR;
    if (bench->verdict_count == 0)
        return ST_OK;
    qsort(bench->places, bench->count, sizeof(*bench->places), compare_in_department);
    judge_runs(op, false);
    if (!wants_roles(bench))
        return ST_OK;
    qsort(bench->places, bench->count, sizeof(*bench->places), compare_in_role);
    judge_runs(op, true);
    return ST_OK;
}
