/* Trends as a rule about the course of any analyte (live/rule/trend.h). */
#include "base/decimal.h"
#include "base/time.h"
#include "live/op/series_int.h"

#define HUNDRED_PERCENT INT64_C(100000000)

static const struct rule_trend *
check_of(const struct series_view *view)
{
    return &view->pack->trends[series_index(view)];
}

static void
judge(const struct series_view *view, struct series_verdict *ret_verdict)
{
    struct series_verdict verdict = { 0 };
    if ((view->record->traits & SERIES_MINOR) == 0) {
        trend_judge(view->points, view->count, view->effective_us, view->value, check_of(view), &verdict.trend);
        verdict.fires    = verdict.trend.fires;
        for (uint32_t i = 0; i < verdict.trend.point_count; i++)
            series_evidence(&verdict, &verdict.trend.points[i]);
        verdict.severity = !verdict.fires ? SEVERITY_LOW : series_is_doubtful(view, &verdict, check_of(view)->has_haemolysed) ? check_of(view)->haemolysed_severity : check_of(view)->severity;
    }
    *ret_verdict = verdict;
}

static void
print_line(const struct trend_finding *finding, struct json_out *json)
{
    json_out_key_object(json, "line");
    series_print_decimal(json, "begin", finding->begin);
    series_print_decimal(json, "end", finding->end);
    series_print_decimal(json, "per_day", finding->per_day);
    json_out_key(json, STR("change_percent"));
    if (finding->begin > 0)
        json_out_decimal(json, finding->change_percent, 6);
    else
        json_out_null(json);
    json_out_object_end(json);
}

/* Where the line would have had to end, or the result to be. */
static void
print_otherwise(const struct trend_finding *finding, const struct rule_trend *rule, struct json_out *json)
{
    const bool    is_rise = finding->direction == DIRECTION_RISE;
    const int64_t limit   = rule->limits[finding->direction];
    int64_t       end;
    json_out_key_object(json, "no_alert_if");
    if (finding->begin > 0 && decimal_is_ok(decimal_multiply(finding->begin, 6, is_rise ? HUNDRED_PERCENT + limit : HUNDRED_PERCENT - limit, 8, 6, &end)))
        series_print_decimal(json, is_rise ? rule->reaches ? "line_or_value_below" : "line_or_value_at_most" : rule->reaches ? "line_or_value_above" : "line_or_value_at_least", end);
    json_out_key_int(json, "or_results_below", rule->result_count);
    json_out_object_end(json);
}

static void
explain(const struct series_view *view, const struct series_verdict *verdict, struct json_out *json)
{
    const struct trend_finding *finding = &verdict->trend;
    const struct rule_trend    *rule    = check_of(view);
    json_out_key_cstr(json, "fired_by", !finding->fires ? "nothing" : finding->direction == DIRECTION_RISE ? "rise" : "fall");
    json_out_key_cstr(json, "unit", view->series->unit);
    series_print_decimal(json, "value", view->value);
    series_print_specimen(json, view->is_haemolysed);
    if (series_is_doubtful(view, verdict, check_of(view)->has_haemolysed))
        json_out_key_cstr(json, "note", SERIES_HAEMOLYSIS_NOTE);
    json_out_key_int(json, "results", finding->time_count);
    series_print_point(json, "first", finding->point_count > 0 ? finding->points : NULL);
    if (finding->has_line)
        print_line(finding, json);
    json_out_key_int(json, "within_hours", rule->within_us / US_PER_HOUR);
    if (finding->fires) {
        series_print_decimal(json, "limit_percent", rule->limits[finding->direction]);
        print_otherwise(finding, rule, json);
    }
}

const struct series_kind series_trend = { judge, explain };
