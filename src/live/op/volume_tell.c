/* What is told of a unit (V5 of access_volume.h). */
#include "base/check.h"
#include "base/json_out.h"
#include "base/time.h"
#include "live/op/access_flags.h"
#include "live/op/volume_int.h"

static struct str
text_of(const struct volume_place *place, uint32_t number)
{
    return records_text(place->entry, sizeof(struct volume_unit), place->unit, number);
}

/* ---- Which alert it is ---- */

/* All that an alert shows of a verdict. */
static uint64_t
hash_of(const struct volume_verdict *verdict, enum volume_told told)
{
    uint64_t hash = hash64_combine(told, hash64_combine((uint64_t)verdict->is_by_role << 16 | (uint64_t)verdict->is_compared << 8 | verdict->beyond,
                                                        (uint64_t)(uint32_t)verdict->peers << 32 | (uint32_t)verdict->days_seen));
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++) {
        const struct robust *robust = &verdict->robust[i];
        hash = hash64_combine(hash, hash64_combine(verdict->values[i], (uint64_t)robust->count));
        hash = hash64_combine(hash, hash64_combine((uint64_t)robust->median2, hash64_combine((uint64_t)robust->mad4, robust->mad4 > 0 ? 0 : (uint64_t)robust->deviations2)));
    }
    return hash;
}

/* What both judgements come to, up to the stage. */
static enum volume_told
told_of(const struct volume_verdict verdicts[VOLUME_STAGE_COUNT], enum volume_stage stage)
{
    const bool first = verdicts[VOLUME_FIRST].beyond != 0, late = verdicts[VOLUME_LATE].beyond != 0;
    if (stage == VOLUME_FIRST)
        return first ? VOLUME_OPEN : VOLUME_UNTOLD;
    if (!late)
        return first ? VOLUME_RETRACTED : VOLUME_UNTOLD;
    return first && hash_of(&verdicts[VOLUME_FIRST], VOLUME_OPEN) != hash_of(&verdicts[VOLUME_LATE], VOLUME_OPEN) ? VOLUME_REVISED : VOLUME_OPEN;
}

/* ---- The explanation ---- */

static void
key_decimal(struct json_out *json, const char *key, int64_t value, unsigned scale)
{
    json_out_key(json, str_from(key));
    json_out_decimal(json, value, scale);
}

static void
print_measure(const struct access_volume *op, const struct volume_verdict *verdict, int measure, struct json_out *json)
{
    const struct access_measure_rule *rule   = &op->limits->measures[measure];
    const struct robust              *robust = &verdict->robust[measure];
    const bool                        is_beyond = (verdict->beyond >> measure & 1) != 0;
    json_out_object_begin(json);
    json_out_key_cstr(json, "measure", access_measure_name((enum access_measure)measure));
    json_out_key_bool(json, "is_beyond", is_beyond);
    json_out_key_int(json, "weight", rule->weight);
    json_out_key_int(json, "value", verdict->values[measure]);
    if (robust->count > 0) {
        const int64_t z = robust_z(robust, verdict->values[measure]);
        key_decimal(json, "median", robust->median2 * 5, 1);
        key_decimal(json, "spread", robust_spread(robust), 4);
        json_out_key_cstr(json, "spread_by", robust->mad4 > 0 ? "median_deviation" : robust->deviations2 > 0 ? "mean_deviation" : "none");
        if (z == INT64_MAX || z == INT64_MIN)
            json_out_key_null(json, "z");
        else
            key_decimal(json, "z", z, 3);
    }
    key_decimal(json, "limit", rule->z, 6);
    if (rule->times > 0)
        key_decimal(json, "times", rule->times, 6);
    json_out_key_int(json, "at_least", rule->at_least);
    json_out_object_end(json);
}

/* The counts below which nothing would have fired. */
static void
print_way_out(const struct access_volume *op, const struct volume_verdict *verdict, struct json_out *json)
{
    json_out_key_object(json, "not_fired_if");
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++) {
        const struct access_measure_rule *rule = &op->limits->measures[i];
        if (rule->weight == 0 || !verdict->is_compared)
            continue;
        json_out_key_int(json, i == ACCESS_MEASURE_VOLUME ? "volume_below" : "breadth_below", volume_least(rule, &verdict->robust[i]));
    }
    json_out_object_end(json);
}

static void
print_peers(const struct access_volume *op, const struct volume_verdict *verdict, struct json_out *json)
{
    json_out_key_object(json, "peers");
    json_out_key_cstr(json, "of", verdict->is_by_role ? "role" : "role_and_department");
    json_out_key_int(json, "users", verdict->peers);
    json_out_key_int(json, "at_least", op->limits->peers);
    json_out_key_int(json, "user_days", verdict->robust[ACCESS_MEASURE_VOLUME].count);
    json_out_key_int(json, "days", op->limits->day_count);
    json_out_key_int(json, "days_seen", verdict->days_seen);
    json_out_object_end(json);
}

static const char *
fired_by(const struct access_volume *op, const struct volume_verdict *verdict)
{
    int heaviest = -1;
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++)
        if ((verdict->beyond >> i & 1) != 0 && (heaviest < 0 || op->limits->measures[i].weight > op->limits->measures[heaviest].weight))
            heaviest = i;
    return heaviest < 0 ? "nothing" : access_measure_name((enum access_measure)heaviest);
}

static void
explain(struct access_volume *op, const struct volume_place *place, const struct volume_verdict *verdict, enum volume_stage stage)
{
    const struct volume_day day = volume_day_of(op, place->unit->day);
    struct json_out         json;
    str_builder_clear(&op->rule.explanation);
    json_out_init(&json, &op->rule.explanation, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "fired_by", fired_by(op, verdict));
    json_out_key_int(&json, "rank", verdict->rank);
    json_out_key(&json, STR("day"));
    json_out_date(&json, (int32_t)day.day);
    json_out_key_cstr(&json, "zone", zone_name(op->zone));
    json_out_key_text(&json, "user_role", text_of(place, VOLUME_TEXT_ROLE));
    if (text_of(place, VOLUME_TEXT_DEPARTMENT).size > 0)
        json_out_key_text(&json, "user_department", text_of(place, VOLUME_TEXT_DEPARTMENT));
    json_out_key_array(&json, "measures");
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++)
        if (op->limits->measures[i].weight > 0)
            print_measure(op, verdict, i, &json);
    json_out_array_end(&json);
    print_peers(op, verdict, &json);
    print_way_out(op, verdict, &json);
    json_out_key(&json, STR("known_before"));
    json_out_time(&json, stage == VOLUME_FIRST ? day.settled_us : day.final_us);
    json_out_object_end(&json);
}

/* ---- Telling ---- */

static enum status
tell(struct access_volume *op, const struct volume_place *place, const struct volume_verdict *verdict, int64_t now_us, struct epoch_output *output,
     struct error *err)
{
    static const char *const    statuses[] = { [VOLUME_OPEN] = "open", [VOLUME_REVISED] = "revised", [VOLUME_RETRACTED] = "retracted" };
    const struct volume_unit   *unit       = place->unit;
    const struct volume_day     day        = volume_day_of(op, unit->day);
    const struct hash128       *key        = state_key(place->entry);
    const struct rule_evidence  first      = { text_of(place, VOLUME_TEXT_PARTITION), unit->position };
    const struct alert_identity identity   = { .pipeline = op->rule.graph->name, .rule = str_from(op->rule.pack->name), .event_us = day.begin_us,
                                               .subject = unit->user, .event = *key };
    struct store_alert          alert      = {
        .severity          = str_from(severity_name(access_severity(&op->rule.pack->access, verdict->rank, op->rule.pack->severity))),
        .status            = str_from(statuses[unit->told]),
        .status_reason     = unit->told == VOLUME_OPEN ? STR_EMPTY : STR("late"),
        .subject_system    = text_of(place, VOLUME_TEXT_USER_SYSTEM),
        .subject_id        = text_of(place, VOLUME_TEXT_USER_ID),
        .effective_time_us = day.begin_us,
        .detected_at_us    = now_us,
        .is_delivered      = unit->is_delivered,
    };
    alert.evidence = rule_print_evidence(&op->rule, &first, 1);
    return rule_tell(&op->rule, &alert, &identity, !unit->is_shadow, output, err);
}

/* The stage whose numbers are shown: the first, where the second says the same. */
static enum volume_stage
shown_stage(const struct access_volume *op, const struct volume_place *place, const struct epoch_decision *decision)
{
    enum volume_stage stage = volume_stage_of(op, decision, place->unit->day);
    CHECK(stage < VOLUME_STAGE_COUNT);
    if (place->unit->told != VOLUME_UNTOLD && stage < (enum volume_stage)place->unit->stage) /* Behind a stream that was declared ended. */
        stage = (enum volume_stage)place->unit->stage;
    return hash_of(&place->verdicts[VOLUME_FIRST], VOLUME_OPEN) == hash_of(&place->verdicts[VOLUME_LATE], VOLUME_OPEN) ? VOLUME_FIRST : stage;
}

enum status
volume_tell(struct access_volume *op, const struct volume_place *place, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct volume_unit          *unit    = place->unit;
    const enum volume_stage      stage   = shown_stage(op, place, decision);
    const struct volume_verdict *verdict = &place->verdicts[stage];
    enum volume_told             now     = told_of(place->verdicts, stage);
    if (now == VOLUME_UNTOLD && unit->told != VOLUME_UNTOLD)
        now = VOLUME_RETRACTED;
    const uint64_t shown = hash64_combine(hash_of(verdict, now), stage);
    if (now == VOLUME_UNTOLD || (unit->told != VOLUME_UNTOLD && unit->shown == shown))
        return ST_OK;
    if (unit->told == VOLUME_UNTOLD)
        unit->is_shadow = !op->rule.pack->is_approved;
    unit->is_delivered = unit->is_delivered || (now != VOLUME_RETRACTED && !unit->is_shadow); /* Who got it hears of its end. */
    unit->told         = (uint8_t)now;
    unit->stage        = (uint8_t)stage;
    unit->shown        = shown;
    if (state_touch(&op->rule.op.states[0], place->entry, place->entry->value_size, place->entry->expires_us, err) != ST_OK)
        return ST_ERROR;
    explain(op, place, verdict, stage);
    return tell(op, place, verdict, decision->now_us, output, err);
}
