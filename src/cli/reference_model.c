/* The pages of the built-in model: entities, mappings, rules; reasons. */
#include <stdio.h>

#include "base/decimal.h"
#include "base/markdown.h"
#include "base/time.h"
#include "cli/reference_int.h"

/* ---- Entities ---- */

static const char *
carries_name(enum column_carries carries)
{
    static const char *const NAMES[] = {
        [CARRIES_NOTHING] = NULL,       [CARRIES_PATIENT] = "patient", [CARRIES_EVENT] = "event",
        [CARRIES_TIME]    = "time", [CARRIES_VALUE]   = "value",   [CARRIES_UNIT]  = "unit",
    };
    return NAMES[carries];
}

static void
append_word(struct str_builder *out, bool *is_first, const char *word)
{
    str_builder_printf(out, "%s%s", *is_first ? "" : ", ", word);
    *is_first = false;
}

static bool
is_of_key(const struct entity *entity, uint32_t column)
{
    for (uint32_t i = 0; i < entity->key_count; i++)
        if (entity->key[i] == column)
            return true;
    return false;
}

static void
print_column(const struct entity *entity, uint32_t index, struct str_builder *out)
{
    const struct entity_column *column   = &entity->columns[index];
    bool                        is_first = true;
    char                        type[32];
    str_builder_printf(out, "| `%s` | %s | ", column->name, type_name(column->type, type, sizeof(type)));
    if (is_of_key(entity, index))
        append_word(out, &is_first, "key");
    if (column->is_required)
        append_word(out, &is_first, "required");
    if (column->is_phi)
        append_word(out, &is_first, "patient data");
    if (carries_name(column->carries) != NULL) {
        append_word(out, &is_first, "carries ");
        str_builder_append_cstr(out, carries_name(column->carries));
    }
    str_builder_append_cstr(out, " | ");
    markdown_cell(out, column->help);
    str_builder_append_cstr(out, " |\n");
}

static void
print_expression_row(const char *column, const char *what, struct model_text expression, const char *end, struct str_builder *out)
{
    str_builder_printf(out, "| `%s` | %s | `", column, what);
    markdown_cell(out, expression.text.data);
    str_builder_printf(out, "` | %s |\n", end);
}

/* How columns are cleansed, checked and derived, where something is said of it. */
static void
print_column_rules(const struct entity_column *column, struct str_builder *out)
{
    char end[64];
    if (column->cleanse.text.data != NULL)
        print_expression_row(column->name, "is cleansed by", column->cleanse, "", out);
    if (column->standard.text.data != NULL)
        print_expression_row(column->name, "is made by", column->standard, "", out);
    for (uint32_t i = 0; i < column->check_count; i++) {
        snprintf(end, sizeof(end), "%s, `%s`", model_action_name(column->checks[i].action), column->checks[i].reason->code);
        print_expression_row(column->name, "must hold", column->checks[i].that, end, out);
    }
}

static bool
has_rules(const struct entity *entity)
{
    for (uint32_t i = 0; i < entity->column_count; i++)
        if (entity->columns[i].cleanse.text.data != NULL || entity->columns[i].standard.text.data != NULL || entity->columns[i].check_count > 0)
            return true;
    return false;
}

static void
print_names(const struct entity *entity, const char *what, const uint32_t *columns, uint32_t count, struct str_builder *out)
{
    for (uint32_t i = 0; i < count; i++)
        str_builder_printf(out, "%s`%s`", i == 0 ? what : ", ", entity->columns[columns[i]].name);
    if (count > 0)
        str_builder_append_cstr(out, ".\n");
}

static void
print_time(const struct entity *entity, const char *what, int32_t column, struct str_builder *out)
{
    if (column >= 0)
        str_builder_printf(out, "%s`%s`.\n", what, entity->columns[column].name);
}

static void
print_entity(const struct entity *entity, struct str_builder *out)
{
    str_builder_printf(out, "### %s\n\n%s `%s`\n\n", entity->name, entity->help, entity->file);
    str_builder_append_cstr(out, entity->kind == ENTITY_FACT
                                     ? "* A fact: every version is loaded, an exact repeat is deduplicated, the latest version is current.\n"
                                     : "* A dimension: versions follow one another in time; one that is equal to the one before is deduplicated.\n");
    print_names(entity, "* Key: ", entity->key, entity->key_count, out);
    print_names(entity, "* Its versions are ordered by ", entity->version, entity->version_count, out);
    print_time(entity, "* When it became known: ", entity->event_time_column, out);
    print_time(entity, "* When it was true: ", entity->effective_time_column, out);
    for (uint32_t i = 0; i < entity->filter_count; i++)
        str_builder_printf(out, "* Filtered, `%s`: rows where `%s`.\n", entity->filters[i].reason->code, entity->filters[i].when.text.data);
    str_builder_append_char(out, '\n');
    markdown_table_head(out, "column|type|is|what it says");
    for (uint32_t i = 0; i < entity->column_count; i++)
        print_column(entity, i, out);
    str_builder_append_char(out, '\n');
    if (!has_rules(entity))
        return;
    markdown_table_head(out, "column||expression|where it does not hold");
    for (uint32_t i = 0; i < entity->column_count; i++)
        print_column_rules(&entity->columns[i], out);
    str_builder_append_char(out, '\n');
}

/* ---- Mappings and rules ---- */

static void
print_mappings(const struct model *model, struct str_builder *out)
{
    str_builder_append_cstr(out, "## Mappings\n\n");
    markdown_table_head(out, "mapping|format|entity|what it reads|file");
    for (uint32_t i = 0; i < model->mapping_count; i++) {
        const struct mapping *mapping = &model->mappings[i];
        str_builder_printf(out, "| `%s` | %s | ", mapping->name, model_format_name(mapping->format));
        if (mapping->entity != NULL)
            str_builder_printf(out, "[%s](#%s) | ", mapping->entity->name, mapping->entity->name);
        else
            str_builder_append_cstr(out, "none: raw | ");
        markdown_cell(out, mapping->help != NULL ? mapping->help : "");
        str_builder_printf(out, " | `%s` |\n", mapping->file);
    }
    str_builder_append_char(out, '\n');
}

static void
print_value(int64_t value, struct str_builder *out)
{
    char   text[DECIMAL_TEXT_SIZE];
    size_t size = decimal_print(value, 6, text);
    while (text[size - 1] == '0')
        size--;
    if (text[size - 1] == '.')
        size--;
    str_builder_append(out, str_of(text, size));
}

static void
print_bound(bool is_there, int64_t value, struct str_builder *out)
{
    if (is_there)
        print_value(value, out);
    str_builder_append_cstr(out, " | ");
}

static void
print_limits(const struct rule_pack *rule, struct str_builder *out)
{
    markdown_table_head(out, "code|analyte|unit|below|above|haemolysed|ages");
    for (uint32_t i = 0; i < rule->limit_count; i++) {
        const struct rule_limit *limit = &rule->limits[i];
        str_builder_printf(out, "| %s | %s | %s | ", limit->code, limit->help != NULL ? limit->help : "", limit->unit);
        print_bound(limit->has_low, limit->low, out);
        print_bound(limit->has_high, limit->high, out);
        if (limit->has_haemolysed) {
            str_builder_printf(out, "%s up to ", severity_name(limit->haemolysed_severity));
            print_value(limit->haemolysed_high, out);
        }
        str_builder_printf(out, " | from %d", limit->age_min_years);
        if (limit->age_max_years > 0)
            str_builder_printf(out, " to below %d", limit->age_max_years);
        str_builder_append_cstr(out, " |\n");
    }
    str_builder_append_char(out, '\n');
}

static void
print_duration(const char *what, int64_t duration_us, struct str_builder *out)
{
    char text[DURATION_TEXT_SIZE];
    duration_print(duration_us, text);
    str_builder_printf(out, "%s%s", what, text);
}

static void
print_severities(const struct access_rule *rule, struct str_builder *out)
{
    str_builder_append_cstr(out, "\n* Severities by weight:");
    for (uint32_t i = 0; rule->has_severities && i < SEVERITY_COUNT; i++)
        if (rule->severity_from[i] != INT32_MAX)
            str_builder_printf(out, " %s from %d;", severity_name((enum severity)i), rule->severity_from[i]);
}

static void
print_access_rule(const struct access_rule *rule, struct str_builder *out)
{
    if (rule->shortly_after_us > 0)
        print_duration("; by one of anybody that begins up to ", rule->shortly_after_us, out);
    str_builder_printf(out, "%s.\n* It is an alert from weight %d on. Weights of its flags:", rule->shortly_after_us > 0 ? " after it" : "", rule->alert_from);
    for (uint32_t i = 0; i < ACCESS_FLAG_COUNT; i++)
        if (rule->flags[i].weight > 0)
            str_builder_printf(out, " `%s` %d%s;", access_flag_name((enum access_flag)i), rule->flags[i].weight, rule->flags[i].stands ? " (also beside an explanation)" : "");
    print_severities(rule, out);
}

static void
print_measure(enum access_measure measure, const struct access_measure_rule *rule, struct str_builder *out)
{
    if (rule->weight == 0)
        return;
    str_builder_printf(out, "\n* `%s` (weight %d): %s, from %d on, where their robust z is ", access_measure_name(measure), rule->weight,
                       measure == ACCESS_MEASURE_VOLUME ? "accesses" : "different patients", rule->at_least);
    print_value(rule->z, out);
    str_builder_append_cstr(out, " or more");
    if (rule->times > 0) {
        str_builder_append_cstr(out, " and they are ");
        print_value(rule->times, out);
        str_builder_append_cstr(out, " times the median or more");
    }
    str_builder_append_char(out, '.');
}

static void
print_volume_rule(const struct rule_pack *rule, struct str_builder *out)
{
    const struct access_volume_rule *volume = &rule->volume;
    str_builder_printf(out, "* A user's day is compared with those of other users of the role and department of %d days, that day among them; of the role alone, where there are "
                            "fewer than %d others; with nobody, where these are too few.", volume->day_count, volume->peers);
    for (int i = 0; i < ACCESS_MEASURE_COUNT; i++)
        print_measure((enum access_measure)i, &volume->measures[i], out);
    print_duration("\n* A day is judged ", volume->settle_us, out);
    print_duration(" after its end, and for good ", volume->late_us, out);
    str_builder_append_cstr(out, " after it.");
    print_severities(&rule->access, out);
}

static void
print_codes(const struct rule_series *series, struct str_builder *out)
{
    for (uint32_t i = 0; i < series->code_count; i++)
        str_builder_printf(out, "%s%s", i == 0 ? "" : ", ", series->codes[i].code);
    str_builder_printf(out, ", compared in %s", series->unit);
}

/* "above 354", "from 354 on". */
static void
print_threshold(int64_t value, bool reaches, struct str_builder *out)
{
    str_builder_append_cstr(out, reaches ? "from " : "above ");
    print_value(value, out);
    str_builder_append_cstr(out, reaches ? " on" : "");
}

static void
print_kidney(const struct rule_pack *rule, struct str_builder *out)
{
    const struct rule_kidney *kidney = &rule->kidney;
    str_builder_append_cstr(out, "* C1 is a creatinine: ");
    print_codes(rule->series, out);
    str_builder_printf(out, ". RV1 is the lowest of days 0 to %d before it, RV2 the median of the days then to %d; days are counted %s.\n* The ratio is that %s. Stage 1: ",
                       kidney->recent_days, kidney->look_back_days, kidney->counts_whole_days ? "whole" : "as 24 hours each",
                       kidney->prefers_recent ? "to RV1, where there is none to RV2" : "to the lower of both");
    for (int i = 0; i < 3; i++) {
        print_threshold(kidney->ratios[i], kidney->ratio_reaches, out);
        str_builder_append_cstr(out, i == 0 ? ". Stage 2: " : i == 1 ? ". Stage 3: " : ", or by stage 1 and C1 ");
    }
    print_threshold(kidney->level, kidney->level_reaches, out);
    str_builder_printf(out, "; under %d years C1 in upper limits of its reference range ", rule->adult_years);
    print_threshold(kidney->level_multiple, kidney->level_reaches, out);
    print_duration(".\n* Without such a ratio, stage 1 by C1 minus the lowest of ", kidney->rise_window_us, out);
    str_builder_append_cstr(out, " before ");
    print_threshold(kidney->rise, kidney->rise_reaches, out);
}

/* " fall from 2 g/dL on;", " fall above 50 %;" */
static void
print_limit_of(const char *name, int64_t limit, bool reaches, const char *unit, struct str_builder *out)
{
    if (limit == 0)
        return;
    str_builder_printf(out, " %s %s ", name, reaches ? "from" : "above");
    print_value(limit, out);
    str_builder_printf(out, " %s%s;", unit, reaches ? " on" : "");
}

static void
print_check_head(const struct rule_series *series, const char *help, int64_t within_us, enum severity severity, struct str_builder *out)
{
    str_builder_printf(out, "* %s (", help);
    print_codes(series, out);
    print_duration("), within ", within_us, out);
    str_builder_printf(out, ", severity %s:", severity_name(severity));
}

static void
print_deltas(const struct rule_pack *rule, struct str_builder *out)
{
    for (uint32_t i = 0; i < rule->series_count; i++) {
        const struct rule_delta *delta = &rule->deltas[i];
        print_check_head(&rule->series[i], delta->help, delta->within_us, delta->severity, out);
        for (enum rule_measure measure = 0; measure < MEASURE_COUNT; measure++) {
            const char *unit = measure == MEASURE_ABSOLUTE ? rule->series[i].unit : measure == MEASURE_PERCENT ? "%" : "% (reference change)";
            print_limit_of("rise", delta->limits[measure][DIRECTION_RISE], delta->reaches, unit, out);
            print_limit_of("fall", delta->limits[measure][DIRECTION_FALL], delta->reaches, unit, out);
        }
        str_builder_printf(out, " compared with the %s\n", delta->is_against_extreme ? "highest for a fall, the lowest for a rise." : "result before it.");
    }
}

static void
print_trends(const struct rule_pack *rule, struct str_builder *out)
{
    for (uint32_t i = 0; i < rule->series_count; i++) {
        const struct rule_trend *trend = &rule->trends[i];
        print_check_head(&rule->series[i], trend->help, trend->within_us, trend->severity, out);
        print_limit_of("rise of the line", trend->limits[DIRECTION_RISE], trend->reaches, "%", out);
        print_limit_of("fall of the line", trend->limits[DIRECTION_FALL], trend->reaches, "%", out);
        str_builder_printf(out, " by at least %d results.\n", trend->result_count);
    }
}

static void
print_checks(const struct rule_pack *rule, struct str_builder *out)
{
    if (rule->kind == RULE_DELTA_CHECK)
        print_deltas(rule, out);
    else if (rule->kind == RULE_RELATIVE_TREND)
        print_trends(rule, out);
    else
        return;
    str_builder_printf(out, "* Who is younger than %d years is not judged", rule->adult_years);
}

static void
print_words(const char *what, const struct rule_words *words, struct str_builder *out)
{
    str_builder_append_cstr(out, what);
    for (uint32_t i = 0; i < words->count; i++)
        str_builder_printf(out, "%s`%s`", i == 0 ? "" : ", ", words->items[i]);
}

static void
print_side(const struct interaction_rule *rule, const struct ingredients *side, struct str_builder *out)
{
    bool is_first = true;
    for (uint32_t i = 0; i < rule->ingredient_count; i++) {
        if (!ingredients_have(side, i))
            continue;
        str_builder_append_cstr(out, is_first ? "" : ", ");
        markdown_cell(out, rule->ingredients[i].name);
        is_first = false;
    }
}

static void
print_interactions(const struct interaction_rule *rule, struct str_builder *out)
{
    for (uint32_t i = 0; i < rule->order_count; i++)
        str_builder_printf(out, "%s[%s](#%s)", i == 0 ? "* Of orders, too: " : ", ", rule->orders[i]->name, rule->orders[i]->name);
    print_words(" of types ", &rule->order_types, out);
    print_words(", or of none.\n* Of types of medication: ", &rule->types, out);
    print_words("\n* Statuses of what never was taken: ", &rule->not_taken, out);
    print_words(". Stopped: ", &rule->stopped, out);
    print_words(". Completed: ", &rule->completed, out);
    print_duration(".\n* A drug whose stated end is its beginning counts for ", rule->single_dose_us, out);
    str_builder_printf(out, ".\n* Source: %s", rule->source);
}

static void
print_pairs(const struct interaction_rule *rule, struct str_builder *out)
{
    markdown_table_head(out, "pair|severity|of these|with these|why");
    for (uint32_t i = 0; i < rule->pair_count; i++) {
        str_builder_printf(out, "| `%s` | %s | ", rule->pairs[i].name, severity_name((enum severity)rule->pairs[i].severity));
        print_side(rule, &rule->pairs[i].left, out);
        str_builder_append_cstr(out, " | ");
        print_side(rule, &rule->pairs[i].right, out);
        str_builder_append_cstr(out, " | ");
        markdown_cell(out, rule->pairs[i].help);
        str_builder_append_cstr(out, " |\n");
    }
    str_builder_append_char(out, '\n');
}

static void
print_rule(const struct rule_pack *rule, struct str_builder *out)
{
    str_builder_printf(out, "### %s\n\n%s `%s`, version %s\n\n* Of [%s](#%s), severity %s.\n", rule->name, rule->help, rule->file, rule->version, rule->entity->name,
                       rule->entity->name, severity_name(rule->severity));
    if (rule->kind != RULE_ACCESS_VOLUME) /* An alert a day at most. */
        print_duration("* After an alert it is silent for ", rule->cooldown_us, out);
    print_duration(rule->kind == RULE_ACCESS_VOLUME ? "* It remembers " : ", but for a higher severity; it remembers ", rule->history_us, out);
    str_builder_printf(out, " of the past.\n* %s\n", rule->is_approved ? "Approved: its alerts are sent."
                                                                        : "Not approved: it runs in shadow (its alerts are kept and shown, not sent) until a site approves it.");
    for (uint32_t i = 0; i < rule->member_count; i++)
        str_builder_printf(out, "%s[%s](#%s)%s", i == 0 ? "* To it belong " : ", ", rule->members[i]->name, rule->members[i]->name,
                           i + 1 == rule->member_count ? ".\n" : "");
    if (rule->kind == RULE_ACUTE_KIDNEY_INJURY)
        print_kidney(rule, out);
    print_checks(rule, out);
    if (rule->kind == RULE_MEDICATION_INTERACTION)
        print_interactions(&rule->interaction, out);
    for (uint32_t i = 0; i < rule->laboratory_flag_count; i++)
        str_builder_printf(out, "%s%s", i == 0 ? "* The laboratory's own flags fire in any case: " : ", ", rule->laboratory_flags[i]);
    if (rule->kind == RULE_NO_TREATMENT_RELATIONSHIP) {
        for (uint32_t i = 0; i < rule->explained_by_count; i++)
            str_builder_printf(out, "%s[%s](#%s)", i == 0 ? "* An access is explained by " : " or ", rule->explained_by[i]->name, rule->explained_by[i]->name);
        print_duration(" from ", rule->before_us, out);
        print_duration(" before it to ", rule->after_us, out);
        str_builder_append_cstr(out, " after it");
        print_access_rule(&rule->access, out);
    }
    if (rule->kind == RULE_ACCESS_VOLUME)
        print_volume_rule(rule, out);
    str_builder_append_cstr(out, ".\n\n");
    if (rule->limit_count > 0)
        print_limits(rule, out);
    if (rule->interaction.pair_count > 0)
        print_pairs(&rule->interaction, out);
}

void
reference_model(const struct model *model, struct str_builder *out)
{
    str_builder_append_cstr(out, "A site adds to it, or overrides it, by files that its bindings name under `model`; `model/README.md` has their grammar.\n\n"
                                 "## Entities\n\nA bad value is nulled and counted, unless its column carries what decides over its row. `must hold` is a check: where it is false, the value is made "
                                 "null (`null`), the row quarantined (`quarantine`) or only counted (`warn`), with the reason beside it.\n\n");
    for (uint32_t i = 0; i < model->entity_count; i++)
        print_entity(&model->entities[i], out);
    print_mappings(model, out);
    str_builder_append_cstr(out, "## Rules\n\n");
    for (uint32_t i = 0; i < model->rule_count; i++)
        print_rule(&model->rules[i], out);
}

/* ---- Reasons ---- */

void
reference_reasons(const struct model *model, struct str_builder *out)
{
    str_builder_append_cstr(out, "Outcomes: a record is `loaded`, `deduplicated`, `filtered` or `quarantined`; `late` is where a loaded event went besides; `field` means that a value was "
                                 "repaired, nulled or warned of while its row went on.\n\n");
    markdown_table_head(out, "reason|explains|what it means|what to do");
    for (uint32_t i = 0; i < model->reason_count; i++) {
        const struct reason *reason   = &model->reasons[i];
        bool                 is_first = true;
        str_builder_printf(out, "| `%s` | ", reason->code);
        for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++)
            if ((reason->outcomes & 1u << outcome) != 0)
                append_word(out, &is_first, outcome_name((enum outcome)outcome));
        str_builder_append_cstr(out, " | ");
        markdown_cell(out, reason->help);
        str_builder_append_cstr(out, " | ");
        markdown_cell(out, reason->remedy);
        str_builder_append_cstr(out, " |\n");
    }
}
