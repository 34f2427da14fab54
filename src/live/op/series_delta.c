/* Delta checks as a rule about the course of any analyte (live/rule/delta.h). */
#include "base/check.h"
#include "base/decimal.h"
#include "base/time.h"
#include "live/op/series_int.h"

static const struct rule_delta *
check_of(const struct series_view *view)
{
    return &view->pack->deltas[series_index(view)];
}

static void
judge(const struct series_view *view, struct series_verdict *ret_verdict)
{
    struct series_verdict verdict = { 0 };
    if ((view->record->traits & SERIES_MINOR) == 0) {
        delta_judge(view->points, view->count, view->effective_us, view->value, check_of(view), &verdict.delta);
        verdict.fires    = verdict.delta.fires;
        series_evidence(&verdict, verdict.delta.from[verdict.delta.direction]);
        verdict.severity = !verdict.fires ? SEVERITY_LOW : series_is_doubtful(view, &verdict, check_of(view)->has_haemolysed) ? check_of(view)->haemolysed_severity : check_of(view)->severity;
    }
    *ret_verdict = verdict;
}

static const char *const DIRECTIONS[] = { "rise", "fall" };

/* What the result is compared with, by how much it differs, and the limit that this is beyond. */
static void
print_change(const struct delta_finding *finding, const struct rule_delta *rule, const char *unit, int64_t value, struct json_out *json)
{
    static const char *const   MEASURES[] = { "absolute", "percent", "reference_change" };
    const enum rule_direction  direction  = finding->direction;
    const struct series_point *from       = finding->from[direction];
    int64_t                    percent;
    json_out_key_cstr(json, "fired_by", finding->fires ? MEASURES[finding->measure] : "nothing");
    json_out_key_cstr(json, "direction", finding->fires ? DIRECTIONS[direction] : NULL);
    json_out_key_cstr(json, "unit", unit);
    series_print_decimal(json, "value", value);
    json_out_key_cstr(json, "compared_with", !rule->is_against_extreme ? "previous" : direction == DIRECTION_RISE ? "lowest" : "highest");
    series_print_point(json, "earlier", from);
    if (from == NULL)
        return;
    series_print_decimal(json, "change", value - from->value);
    if (decimal_is_ok(decimal_divide(value - from->value, 6, from->value, 6, 8, &percent)))
        series_print_decimal(json, "change_percent", percent);
    if (finding->fires)
        series_print_decimal(json, finding->measure == MEASURE_ABSOLUTE ? "limit" : "limit_percent", rule->limits[finding->measure][direction]);
}

/* CVs and z, from which the limit follows. */
static void
print_reference_change(const struct reference_change *change, struct json_out *json)
{
    json_out_key_object(json, "reference_change");
    series_print_decimal(json, "analytical_cv", change->analytical_cv);
    series_print_decimal(json, "within_person_cv", change->within_person_cv);
    series_print_decimal(json, "z", change->z);
    json_out_key_cstr(json, "distribution", change->is_skewed ? "skewed" : "symmetric");
    json_out_object_end(json);
}

/* Between which numbers the result would have fired nothing. */
static void
print_otherwise(const struct delta_finding *finding, const struct rule_delta *rule, struct json_out *json)
{
    const struct series_point *high = finding->from[DIRECTION_FALL], *low = finding->from[DIRECTION_RISE];
    int64_t                    distance;
    json_out_key_object(json, "no_alert_if");
    if (delta_distance(rule, DIRECTION_FALL, high, &distance))
        series_print_decimal(json, rule->reaches ? "above" : "at_least", high->value - distance);
    if (delta_distance(rule, DIRECTION_RISE, low, &distance) && distance <= DECIMAL_VALUE_MAX - low->value)
        series_print_decimal(json, rule->reaches ? "below" : "at_most", low->value + distance);
    json_out_object_end(json);
}

static void
explain(const struct series_view *view, const struct series_verdict *verdict, struct json_out *json)
{
    const struct rule_delta *rule = check_of(view);
    print_change(&verdict->delta, rule, view->series->unit, view->value, json);
    series_print_specimen(json, view->is_haemolysed);
    if (series_is_doubtful(view, verdict, check_of(view)->has_haemolysed))
        json_out_key_cstr(json, "note", SERIES_HAEMOLYSIS_NOTE);
    json_out_key_int(json, "within_hours", rule->within_us / US_PER_HOUR);
    if (verdict->fires && verdict->delta.measure == MEASURE_REFERENCE_CHANGE)
        print_reference_change(&rule->change, json);
    if (verdict->fires)
        print_otherwise(&verdict->delta, rule, json);
}

const struct series_kind series_delta = { judge, explain };
