/* Acute kidney injury as a rule about the course of creatinine (live/rule/kidney.h). */
#include "base/check.h"
#include "base/decimal.h"
#include "live/op/series_int.h"

static void
judge(const struct series_view *view, struct series_verdict *ret_verdict)
{
    const struct kidney_result result  = { view->effective_us, view->value, (view->record->traits & SERIES_MINOR) != 0,
                                           (view->record->numbers & HAS_HIGH) != 0, view->record->high };
    struct series_verdict      verdict = { 0 };
    kidney_judge(view->points, view->count, &result, &view->pack->kidney, view->scratch, &verdict.kidney);
    const int32_t severity = (int32_t)view->pack->severity + verdict.kidney.stage - 1;
    verdict.fires          = verdict.kidney.stage > 0;
    verdict.severity       = !verdict.fires ? SEVERITY_LOW : severity > SEVERITY_CRITICAL ? SEVERITY_CRITICAL : (enum severity)severity;
    series_evidence(&verdict, verdict.kidney.recent);
    series_evidence(&verdict, verdict.kidney.median[0]);
    series_evidence(&verdict, verdict.kidney.median[1]);
    series_evidence(&verdict, verdict.kidney.lowest);
    *ret_verdict = verdict;
}

/* RV2, rounded for people. */
static void
print_median(struct json_out *json, const struct kidney_finding *finding)
{
    const int64_t doubled = kidney_reference_doubled(finding, KIDNEY_MEDIAN);
    json_out_key(json, STR("rv2"));
    if (doubled == 0) {
        json_out_null(json);
        return;
    }
    json_out_object_begin(json);
    series_print_decimal(json, "median", doubled / 2 + doubled % 2);
    json_out_key_int(json, "results", finding->median_count);
    json_out_object_end(json);
}

static void
print_ratio(struct json_out *json, const struct kidney_finding *finding, int64_t value)
{
    const int64_t doubled = kidney_reference_doubled(finding, finding->reference);
    int64_t       ratio;
    if (doubled == 0 || !decimal_is_ok(decimal_divide(2 * value, 6, doubled, 6, 6, &ratio)))
        return;
    series_print_decimal(json, "ratio", ratio);
    json_out_key_cstr(json, "ratio_to", finding->reference == KIDNEY_RECENT ? "rv1" : "rv2");
}

/* What C1 would have had to be: below the first ratio, and no more than the rise above the lowest. */
static void
print_otherwise(struct json_out *json, const struct kidney_finding *finding, const struct rule_kidney *rule)
{
    int64_t limit;
    json_out_key_object(json, "no_alert_if");
    if (decimal_is_ok(decimal_multiply(kidney_reference_doubled(finding, finding->reference) / 2, 6, rule->ratios[0], 6, 6, &limit)))
        series_print_decimal(json, rule->ratio_reaches ? "c1_below" : "c1_at_most", limit);
    if (finding->lowest != NULL)
        series_print_decimal(json, rule->rise_reaches ? "and_below" : "and_at_most", finding->lowest->value + rule->rise);
    json_out_object_end(json);
}

static void
explain(const struct series_view *view, const struct series_verdict *verdict, struct json_out *json)
{
    static const char *const     CAUSES[] = { "nothing", "ratio", "level", "rise" };
    const struct kidney_finding *finding  = &verdict->kidney;
    json_out_key_cstr(json, "fired_by", CAUSES[finding->cause]);
    json_out_key_int(json, "stage", finding->stage);
    json_out_key_cstr(json, "unit", view->series->unit);
    series_print_decimal(json, "c1", view->value);
    series_print_specimen(json, view->is_haemolysed);
    series_print_point(json, "rv1", finding->recent);
    print_median(json, finding);
    print_ratio(json, finding, view->value);
    series_print_point(json, "lowest_of_window", finding->lowest);
    if ((view->record->traits & SERIES_MINOR) != 0) {
        json_out_key(json, STR("upper_limit"));
        if ((view->record->numbers & HAS_HIGH) != 0)
            json_out_decimal(json, view->record->high, 6);
        else
            json_out_null(json);
    }
    if (finding->stage > 0)
        print_otherwise(json, finding, &view->pack->kidney);
}

const struct series_kind series_kidney = { judge, explain };
