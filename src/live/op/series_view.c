/* What a version of a result sees of the others. */
#include "base/memory.h"
#include "live/op/series_int.h"

void
series_views_release(struct series_views *views)
{
    memory_free(views->later);
    memory_free(views->sooner);
    memory_free(views->points);
    memory_free(views->scratch);
    *views = (struct series_views){ 0 };
}

static enum status
reserve(struct series_views *views, uint32_t count, struct error *err)
{
    if (count <= views->capacity)
        return ST_OK;
    uint32_t capacity = views->capacity == 0 ? 64 : views->capacity;
    while (capacity < count)
        capacity *= 2;
    uint32_t                   *later   = memory_resize_array(views->later, capacity, sizeof(*later));
    views->later                        = later != NULL ? later : views->later;
    uint32_t                   *sooner  = memory_resize_array(views->sooner, capacity, sizeof(*sooner));
    views->sooner                       = sooner != NULL ? sooner : views->sooner;
    struct series_point        *points  = memory_resize_array(views->points, capacity, sizeof(*points));
    views->points                       = points != NULL ? points : views->points;
    const struct series_point **scratch = memory_resize_array(views->scratch, capacity, sizeof(*scratch));
    views->scratch                      = scratch != NULL ? scratch : views->scratch;
    if (later == NULL || sooner == NULL || points == NULL || scratch == NULL)
        return error_no_memory(err);
    views->capacity = capacity;
    return ST_OK;
}

enum status
series_views_find(struct series_views *views, struct state_entry *entry, struct error *err)
{
    const struct critical_record *records = critical_records(entry);
    const uint32_t                count   = records_head(entry)->record_count;
    if (reserve(views, count, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = i;
        while (before > 0 && !critical_same_result(&records[before - 1], &records[i]))
            before--;
        views->later[i]  = UINT32_MAX;
        views->sooner[i] = before == 0 ? UINT32_MAX : before - 1;
        if (before > 0)
            views->later[before - 1] = i;
    }
    return ST_OK;
}

struct viewer {
    const struct series_views    *views;
    const struct rule            *rule;
    struct state_entry           *entry;
    const struct critical_record *records;
    const struct critical_record *judged;
    const struct critical_record *limit;
};

static bool
is_seen(const struct viewer *viewer, uint32_t index)
{
    const struct critical_record *record = &viewer->records[index];
    return record->version.known_us < viewer->judged->version.known_us + SERIES_REVISED_US
           && record->version.known_us + viewer->rule->pack->history_us > viewer->judged->version.known_us
           && (viewer->limit == NULL || critical_is_before(viewer->entry, record, viewer->limit));
}

/* Whether a later version of the same result is seen: then that one counts. */
static bool
is_replaced(const struct viewer *viewer, uint32_t index)
{
    for (uint32_t i = viewer->views->later[index]; i != UINT32_MAX; i = viewer->views->later[i])
        if (is_seen(viewer, i))
            return true;
    return false;
}

/* The version's time and value: a promotion has those of the version that it makes final. */
static bool
find_value(const struct viewer *viewer, uint32_t index, struct series_point *ret_point)
{
    const struct critical_record *record = &viewer->records[index];
    if (record->version.is_withdrawn || (record->traits & SERIES_PRELIMINARY) != 0)
        return false;
    uint32_t from = index;
    while ((viewer->records[from].traits & SERIES_PROMOTION) != 0) {
        do
            from = viewer->views->sooner[from];
        while (from != UINT32_MAX && !is_seen(viewer, from));
        if (from == UINT32_MAX || viewer->records[from].version.is_withdrawn)
            return false;
    }
    record = &viewer->records[from];
    if ((record->numbers & HAS_VALUE) == 0)
        return false;
    *ret_point = (struct series_point){ record->version.effective_us, record->value, index,
                                        ((record->traits | viewer->records[index].traits) & RECORD_HAEMOLYSED) != 0 };
    return true;
}

bool
series_view_of(const struct series_views *views, const struct rule *rule, const struct rule_series *series, struct state_entry *entry,
               uint32_t index, const struct critical_record *limit, struct series_view *ret_view)
{
    const struct critical_record *records = critical_records(entry);
    const struct viewer           viewer  = { views, rule, entry, records, &records[index], limit };
    struct series_point           judged, point;
    uint32_t                      count = 0;

    if ((records[index].traits & SERIES_HISTORY) != 0 || !find_value(&viewer, index, &judged))
        return false;
    /* The records are in the order of their effective times, but a promotion stands for an earlier one. */
    for (uint32_t i = 0; i < records_head(entry)->record_count; i++) {
        if (critical_same_result(&records[i], &records[index]) || !is_seen(&viewer, i) || is_replaced(&viewer, i)
            || !find_value(&viewer, i, &point) || point.effective_us >= judged.effective_us)
            continue;
        uint32_t at = count++;
        for (; at > 0 && views->points[at - 1].effective_us > point.effective_us; at--)
            views->points[at] = views->points[at - 1];
        views->points[at] = point;
    }
    *ret_view = (struct series_view){ rule->pack, series, entry, &records[index], judged.effective_us, judged.value,
                                      judged.is_haemolysed, views->points, count, views->scratch };
    return true;
}
