/* Loading the model: the embedded files are good, and what is wrong with a file is told with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/time.h"
#include "model/model.h"

struct reports {
    char     text[16384];
    size_t   size;
    uint32_t count;
};

static void
report(void *context, const struct error *err)
{
    struct reports *reports = context;
    reports->count++;
    reports->size += error_print(err, reports->text + reports->size, sizeof(reports->text) - reports->size);
    if (reports->size + 1 < sizeof(reports->text))
        reports->text[reports->size++] = '\n';
    reports->text[reports->size] = '\0';
}

static void
test_embedded(void **state)
{
    (void)state;
    static struct reports reports;
    struct error          err   = ERROR_EMPTY;
    struct model         *model = NULL;
    uint64_t              live  = memory_live_count();
    if (model_load(NULL, 0, report, &reports, &model, &err) != ST_OK)
        fail_msg("%s", reports.text);
    static const char *const ENTITIES[] = { "access_event",  "allergy",    "appointment",    "clinical_order",     "condition",
                                            "consent",       "encounter",  "immunization",   "lab_result",         "location",
                                            "medication",    "observation", "organization",  "patient",            "patient_identifier",
                                            "practitioner",  "procedure",  "workforce_user" };
    for (size_t i = 0; i < sizeof(ENTITIES) / sizeof(*ENTITIES); i++)
        if (model_entity(model, str_from(ENTITIES[i])) == NULL)
            fail_msg("no entity %s", ENTITIES[i]);
    assert_int_equal(model->rule_count, 7);
    const struct entity *lab = model_entity(model, STR("lab_result"));
    assert_non_null(lab);
    assert_int_equal(lab->kind, ENTITY_FACT);
    assert_int_equal(lab->key_count, 3);
    assert_string_equal(lab->columns[lab->key[2]].name, "lab_result_id");
    assert_string_equal(lab->columns[lab->event_time_column].name, "event_time");
    assert_string_equal(lab->columns[lab->column_count - 1].name, "labels");
    assert_int_equal(lab->columns[entity_column_find(lab, "source_value")].carries, CARRIES_VALUE);
    assert_int_equal(lab->columns[entity_column_find(lab, "source_value")].type.scale, 6);
    const struct mapping *mapping = model_mapping(model, STR("hl7v2_lab_result"));
    assert_non_null(mapping);
    assert_int_equal(mapping->format, MODEL_HL7V2);
    assert_ptr_equal(mapping->entity, lab);
    assert_int_equal(mapping->each_count, 1);
    assert_int_equal(mapping->fields[mapping_field_find(mapping, "placer")].path_count, 2);
    const struct rule_pack *rule = model_rule(model, STR("abnormal_lab_trends"));
    assert_false(rule->is_approved);
    assert_int_equal(rule->cooldown_us, US_PER_DAY);
    assert_int_equal(rule->limit_count, 16);
    assert_int_equal(rule->limits[0].low, 2800000);
    assert_int_equal(rule->limits[0].high, 6200000);
    assert_false(rule->limits[15].has_low);
    const struct rule_pack *delta = model_rule(model, STR("delta_check")), *trend = model_rule(model, STR("relative_trend"));
    assert_false(delta->is_approved || trend->is_approved);
    assert_int_equal(delta->series_count, 1);
    assert_int_equal(delta->deltas[0].limits[MEASURE_ABSOLUTE][DIRECTION_FALL], 2000000);
    assert_int_equal(trend->series_count, 1);
    assert_int_equal(trend->trends[0].limits[DIRECTION_FALL], 50000000);
    const struct rule_pack *access = model_rule(model, STR("unusual_access"));
    assert_int_equal(access->before_us, 30 * US_PER_DAY);
    assert_int_equal(access->explained_by_count, 3);
    assert_non_null(model_reason(model, STR("missing_required")));
    model_free(model);
    assert_int_equal(memory_live_count(), live);
}

/* A site approves the limits that it has read. */
static void
test_approval(void **state)
{
    (void)state;
    struct error            err   = ERROR_EMPTY;
    struct model           *model = NULL;
    struct model           *plain = NULL;
    const struct model_file files[] = { { .path = "site.json", .text = STR("{ \"rule\": \"abnormal_lab_trends\", \"approved\": { \"version\": \"kost-1990.2\", "
                                                           "\"by\": \"Dr. A\", \"on\": \"2026-01-15\" } }") } };
    assert_int_equal(model_load(files, 1, NULL, NULL, &model, &err), ST_OK);
    assert_int_equal(model_load(NULL, 0, NULL, NULL, &plain, &err), ST_OK);
    const struct rule_pack *rule = model_rule(model, STR("abnormal_lab_trends"));
    assert_true(rule->is_approved);
    assert_string_equal(rule->approved_by, "Dr. A");
    assert_int_equal(rule->limit_count, 16);
    assert_true(memcmp(&model->digest, &plain->digest, sizeof(model->digest)) != 0);
    model_free(model);
    model_free(plain);
}

#define RULE_OF(name, rules)                                                                              \
    "{ \"rule\": \"" name                                                                                 \
    "\", \"kind\": \"critical_value\", \"entity\": \"lab_result\", \"version\": \"1\", \"help\": \"x\", " \
    "\"limits\": [ { \"code\": \"2345-7\", \"unit\": \"mg/dL\", \"low\": 1 } ], \"rules\": " rules " }"

static void
assert_members(const struct model *model, const char *name, const char *const *wanted, uint32_t count)
{
    const struct rule_pack *rule = model_rule(model, str_from(name));
    assert_non_null(rule);
    assert_int_equal(rule->member_count, count);
    for (uint32_t i = 0; i < count; i++)
        assert_string_equal(rule->members[i]->name, wanted[i]);
}

/* Members of members belong to it, each once; what a later file says takes the place of what an earlier one said. */
static void
test_members(void **state)
{
    (void)state;
    struct error            err     = ERROR_EMPTY;
    struct model           *model   = NULL;
    const char *const       all[]   = {"b", "unusual_access", "c", "access_volume"};
    const struct model_file files[] = {
        {.path = "a", .text = STR(RULE_OF("a", "[\"b\", \"unusual_access\", \"b\"]"))},
        {.path = "b", .text = STR(RULE_OF("b", "[\"c\", \"unusual_access\"]"))},
        {.path = "c", .text = STR(RULE_OF("c", "[\"b\"]"))},
        {.path = "site", .text = STR("{ \"rule\": \"c\", \"rules\": [] }")},
    };
    assert_int_equal(model_load(files, 4, NULL, NULL, &model, &err), ST_OK);
    assert_members(model, "a", all, 4);
    assert_members(model, "c", NULL, 0);
    model_free(model);
}

static void
test_member_cycle(void **state)
{
    (void)state;
    static struct reports   reports;
    struct error            err     = ERROR_EMPTY;
    struct model           *model   = NULL;
    const struct model_file files[] = {
        {.path = "a", .text = STR(RULE_OF("a", "[\"b\"]"))},
        {.path = "b", .text = STR(RULE_OF("b", "[\"unusual_access\", \"c\"]"))},
        {.path = "c", .text = STR(RULE_OF("c", "[\"b\"]"))},
    };
    assert_int_equal(model_load(files, 3, report, &reports, &model, &err), ST_ERROR);
    assert_int_equal(reports.count, 2); /* a leads to a cycle, but is on none. */
    assert_non_null(strstr(reports.text, "rule \"b\" belongs to itself by way of \"c\""));
    assert_non_null(strstr(reports.text, "rule \"c\" belongs to itself by way of \"b\""));
}

/* A site changes one flag; the others stay. A rule of its own that names none has one. */
static void
test_flags(void **state)
{
    (void)state;
    struct error            err     = ERROR_EMPTY;
    struct model           *model   = NULL;
    const struct model_file files[] = {
        { .path = "a.json", .text = STR("{ \"rule\": \"unusual_access\", \"version\": \"x\", \"alert_from\": 30, \"flags\": { \"vip\": { \"weight\": 0 },\n"
                                        "  \"deceased\": { \"weight\": 7, \"after\": \"90d\", \"stands\": true },\n"
                                        "  \"after_hours\": { \"weight\": 3, \"zone\": \"America/Chicago\", \"hours\": [\n"
                                        "    { \"department\": \"BILLING\", \"from\": \"07:30\", \"to\": \"24:00\", \"days\": [\"mon\", \"sun\"] }, { \"department\": \"LAB\", \"from\": \"22:00\", \"to\": \"06:00\" } ] } },\n"
                                        "  \"house_wide\": { \"departments\": [\"BILLING\"], \"within\": \"180d\" } }") },
        { .path = "b.json", .text = STR("{ \"rule\": \"mine\", \"kind\": \"no_treatment_relationship\", \"entity\": \"access_event\", \"help\": \"h\", \"version\": \"1\", \"explained_by\": [\"encounter\"] }") }
    };
    if (model_load(files, 2, NULL, NULL, &model, &err) != ST_OK)
        fail_msg("%u:%u %s", err.line, err.column, err.message);
    const struct access_rule *rule = &model_rule(model, STR("unusual_access"))->access;
    assert_int_equal(rule->alert_from, 30);
    assert_int_equal(rule->flags[ACCESS_FLAG_VIP].weight, 0);
    assert_int_equal(rule->flags[ACCESS_FLAG_OWN_CHART].weight, 40);
    assert_int_equal(rule->flags[ACCESS_FLAG_DECEASED].after_us, 90 * US_PER_DAY);
    assert_true(rule->flags[ACCESS_FLAG_DECEASED].stands);
    assert_int_equal(rule->flags[ACCESS_FLAG_SAME_SURNAME].at_most, 20);
    assert_string_equal(rule->zone, "America/Chicago");
    assert_int_equal(rule->hours_count, 2);
    assert_int_equal(rule->hours[0].from_minute, 450);
    assert_int_equal(rule->hours[0].to_minute, 1440);
    assert_int_equal(rule->hours[0].days, 0x41);
    assert_int_equal(rule->hours[1].days, 0x7f);
    assert_int_equal(rule->severity_from[SEVERITY_HIGH], 45);
    assert_int_equal(rule->shortly_after_us, 4 * US_PER_HOUR);
    assert_int_equal(rule->house_wide_us, 180 * US_PER_DAY);
    assert_string_equal(rule->house_wide[0], "BILLING");
    rule = &model_rule(model, STR("mine"))->access;
    assert_int_equal(rule->flags[ACCESS_FLAG_NO_TREATMENT_RELATIONSHIP].weight, 1);
    assert_int_equal(rule->alert_from, 1);
    assert_false(rule->has_severities);
    model_free(model);
}

/* A file of the site's with the name of an embedded one takes its place. */
static void
test_override(void **state)
{
    (void)state;
    struct error            err   = ERROR_EMPTY;
    struct model           *model = NULL;
    const struct model_file files[] = {
        { .path = "site.json", .text = STR("{ \"mapping\": \"synthea_providers\", \"format\": \"csv\", \"entity\": \"practitioner\", \"help\": \"x\",\n"
                           "  \"detect\": { \"header\": [\"ID\"] }, \"fields\": { \"id\": { \"path\": \"ID\", \"required\": true } },\n"
                           "  \"columns\": { \"practitioner_id\": \"id\", \"event_time\": \"run.logical_date\" } }") }
    };
    if (model_load(files, 1, NULL, NULL, &model, &err) != ST_OK)
        fail_msg("%u:%u %s", err.line, err.column, err.message);
    const struct mapping *mapping = model_mapping(model, STR("synthea_providers"));
    assert_int_equal(mapping->field_count, 1);
    assert_true(mapping->fields[0].is_required);
    assert_string_equal(mapping->file, "site.json");
    model_free(model);
}

#define ENTITY_HEAD "{ \"entity\": \"thing\", \"help\": \"x\", \"kind\": \"fact\", \"key\": [\"id\"], \"version\": [\"at\"], \"time\": { \"event\": \"at\" },\n\"columns\": [\n" \
                    "{ \"name\": \"id\", \"type\": \"text\", \"help\": \"x\", \"required\": true, \"carries\": \"event\" },\n" \
                    "{ \"name\": \"at\", \"type\": \"timestamp\", \"help\": \"x\", \"required\": true, \"carries\": \"time\" },\n"
#define ACCESS_FLAG(FLAG) "{ \"rule\": \"unusual_access\", \"flags\": { " FLAG " } }"
#define MAPPING_HEAD "{ \"mapping\": \"m\", \"format\": \"json\", \"entity\": \"access_event\", \"help\": \"x\",\n"
#define MAPPING_FIELDS "\"fields\": { \"event_time\": \"t\", \"effective_time\": \"t\", \"patient_id\": \"p\", \"user_id\": \"u\", \"access_event_id\": \"a\" },\n"

/* What stands in the file, where the error is, and what it says. */
static const struct {
    const char *text;
    const char *place;
    const char *message;
} BAD[] = {
    { "{ \"entity\": \"thing\",", "f:1:", "" },
    { "[]", "f:1:1", "names what it describes" },
    { "{ \"entity\": 7 }", "f:1:13", "names what it describes" },
    { "{ \"terms\": \"reasons\", \"reasons\": [] }", "f:1:12", "cannot replace" },
    { "{ \"entity\": \"Thing\" }", "f:1:13", "is no name" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"typ\": \"text\", \"help\": \"x\" } ] }", "f:5:16", "unknown key \"typ\"" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"txt\", \"help\": \"x\" } ] }", "f:5:24", "did you mean \"text\"" },
    { ENTITY_HEAD "{ \"name\": \"id\", \"type\": \"text\", \"help\": \"x\" } ] }", "f:5:11", "already" },
    { ENTITY_HEAD "{ \"name\": \"run_id\", \"type\": \"text\", \"help\": \"x\" } ] }", "f:5:11", "from the program" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"required\": true } ] }", "f:5:57", "may not reject" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"on_bad\": \"nul\" } ] }", "f:5:55", "did you mean \"null\"" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"checks\": [ { \"that\": \"x = 'a'\", \"reason\": \"bad_cod\" } ] } ] }", "f:5:88", "did you mean \"bad_code\"" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"checks\": [ { \"that\": \"x = 'a'\", \"reason\": \"same_event\" } ] } ] }", "f:5:88", "no reason for" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"checks\": [ { \"that\": \"y = 'a'\", \"reason\": \"bad_code\" } ] } ] }", "f:5:68", "y" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"checks\": [ { \"that\": \"upper(x)\", \"reason\": \"bad_code\" } ] } ] }", "f:5:67", "gives text, not bool" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"cleanse\": \"uper(this)\" } ] }", "f:5:57", "uper" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"cleanse\": \"upper(this\" } ] }", "f:5:", "" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"standard\": \"y\" },\n{ \"name\": \"y\", \"type\": \"text\", \"help\": \"x\", \"standard\": \"x\" } ] }", "f:5:58", "stands further down" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"standard\": \"x\" } ] }", "f:5:58", "stands further down" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"standard\": \"id\", \"phi\": 1 } ] }", "f:5:70", "a number" },
    { ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"standard\": \"id\", \"checks\": [] } ] }", "f:5:63", "standard column" },
    { "{ \"entity\": \"thing\", \"help\": \"x\", \"kind\": \"fact\", \"key\": [\"ide\"], \"version\": [\"id\"], \"time\": { },\n\"columns\": [ { \"name\": \"id\", \"type\": \"text\", \"help\": \"x\" } ] }", "f:1:59", "did you mean \"id\"" },
    { MAPPING_HEAD MAPPING_FIELDS "\"columns\": { \"user_idd\": \"user_id\" } }", "f:3:14", "did you mean \"user_id\"" },
    { MAPPING_HEAD MAPPING_FIELDS "\"columns\": { \"user_id\": \"user_i\" } }", "f:3:26", "user_i" },
    { MAPPING_HEAD MAPPING_FIELDS "\"columns\": { \"user_id\": \"length(user_id)\" } }", "f:3:25", "gives int64, not text" },
    { MAPPING_HEAD MAPPING_FIELDS "\"when\": \"patient_id\" }", "f:3:9", "gives text, not bool" },
    { MAPPING_HEAD MAPPING_FIELDS "\"columns\": { \"user_id\": 7 } }", "f:3:25", "not an expression" },
    { MAPPING_HEAD MAPPING_FIELDS "\"detect\": { \"header\": [\"a\"] } }", "f:3:1", "is for csv" },
    { MAPPING_HEAD "\"fields\": { \"event_time\": [], \"patient_id\": \"p\", \"user_id\": \"u\", \"access_event_id\": \"a\", \"effective_time\": \"t\" } }", "f:2:27", "empty" },
    { MAPPING_HEAD "\"fields\": { \"event_time\": \"t\" } }", "f:1:1", "gives no \"patient_id\"" },
    { "{ \"mapping\": \"m\", \"format\": \"json\", \"entity\": \"acces_event\", \"help\": \"x\", \"fields\": { \"a\": \"a\" } }", "f:1:47", "did you mean \"access_event\"" },
    { "{ \"mapping\": \"m\", \"format\": \"json\", \"help\": \"x\", \"fields\": { \"a\": \"a\" } }", "f:1:1", "only rows of csv" },
    { "{ \"mapping\": \"m\", \"format\": \"csv\", \"help\": \"x\", \"detect\": { \"header\": [\"a\"] }, \"fields\": { \"a\": \"a\" }, \"when\": \"a = 'x'\" }", "f:1:104", "makes no rows" },
    { "{ \"mapping\": \"m\", \"format\": \"csv\", \"help\": \"x\", \"detect\": { \"header\": [\"a\"], \"absent\": [] }, \"fields\": { \"a\": \"a\" } }", "f:1:88", "empty" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"approved\": { \"version\": \"old\", \"by\": \"x\", \"on\": \"2026-01-01\" } }", "f:1:59", "approved anew" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"approved\": true }", "f:1:46", "by whom" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"version\": \"2\", \"limits\": [ { \"code\": \"2345-8\", \"unit\": \"mg/dL\", \"low\": 1 } ] }", "f:1:72", "check digit" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"version\": \"2\", \"limits\": [ { \"code\": \"2345-7\", \"unit\": \"mmol/L\", \"low\": 1 } ] }", "f:1:90", "kept in mg/dL" },
    { "{ \"rule\": \"unusual_access\", \"before\": \"30\" }", "f:1:39", "no duration" },
    { ACCESS_FLAG("\"vipp\": { \"weight\": 1 }"), "f:1:40", "vipp" },
    { ACCESS_FLAG("\"vip\": { }"), "f:1:47", "\"weight\" is missing" },
    { ACCESS_FLAG("\"vip\": { \"weight\": -1 }"), "f:1:59", "no whole number" },
    { ACCESS_FLAG("\"vip\": { \"weight\": 1, \"after\": \"3d\" }"), "f:1:62", "after" },
    { ACCESS_FLAG("\"no_treatment_relationship\": { \"weight\": 1, \"stands\": true }"), "f:1:84", "stands" },
    { ACCESS_FLAG("\"after_hours\": { \"weight\": 1, \"hours\": [ { \"department\": \"A\", \"from\": \"7:00\", \"to\": \"19:00\" } ] }"), "f:1:110", "no time of day" },
    { ACCESS_FLAG("\"after_hours\": { \"weight\": 1, \"hours\": [ { \"department\": \"A\", \"from\": \"07:00\", \"to\": \"24:01\" } ] }"), "f:1:125", "no time of day" },
    { ACCESS_FLAG("\"after_hours\": { \"weight\": 1, \"hours\": [ { \"department\": \"A\", \"from\": \"07:00\", \"to\": \"07:00\" } ] }"), "f:1:81", "the same" },
    { ACCESS_FLAG("\"after_hours\": { \"weight\": 1, \"hours\": [ { \"department\": \"A\", \"from\": \"07:00\", \"to\": \"08:00\", \"days\": [\"Mon\"] } ] }"), "f:1:143", "a day is" },
    { "{ \"rule\": \"unusual_access\", \"severities\": { \"low\": 5, \"high\": 4 } }", "f:1:63", "below the one before" },
    { "{ \"rule\": \"unusual_access\", \"house_wide\": { \"departments\": [7] } }", "f:1:61", "a department is a text" },
    { "{ \"rule\": \"unusual_access\", \"history\": \"30d\" }", "f:1:1", "31 days" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"alert_from\": 3 }", "f:1:34", "has no \"alert_from\"" },
    { "{ \"rule\": \"acute_kidney_injury\", \"ratios\": [2, 1.5, 3] }", "f:1:44", "three ascending" },
    { "{ \"rule\": \"acute_kidney_injury\", \"codes\": [\"2160-0\", \"2823-3\"] }", "f:1:54", "cannot be brought to mg/dL" },
    { "{ \"rule\": \"acute_kidney_injury\", \"codes\": [\"2160-1\"] }", "f:1:44", "check digit" },
    { "{ \"rule\": \"acute_kidney_injury\", \"codes\": [\"2160-0\", \"2160-0\"] }", "f:1:54", "named twice" },
    { "{ \"rule\": \"acute_kidney_injury\", \"rise\": 0 }", "f:1:42", "no number above 0" },
    { "{ \"rule\": \"acute_kidney_injury\", \"history\": \"300d\" }", "f:1:45", "shorter than the 365 days" },
    { "{ \"rule\": \"acute_kidney_injury\", \"recent_days\": 400 }", "f:1:49", "look_back_days" },
    { "{ \"rule\": \"delta_check\", \"checks\": [] }", "f:1:36", "is empty" },
    { "{ \"rule\": \"delta_check\", \"limits\": [] }", "f:1:26", "a rule of kind delta_check has no \"limits\"" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"rise\": 1 } ] }", "f:1:38", "\"within\" is missing" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\" } ] }", "f:1:38", "a check has a limit" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"33d\", \"rise\": 1 } ] }", "f:1:84", "not longer than \"within\"" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"fall_percent\": 100 } ] }", "f:1:106", "falls by 100 %" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"rise_percent\": 1000.1 } ] }", "f:1:106", "above 1,000" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"rise\": 1 }, { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"rise\": 1 } ] }", "f:1:114", "2823-3 is in an earlier check" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"reference_change\": { \"analytical_cv\": 1 } } ] }", "f:1:110", "\"within_person_cv\" is missing" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"reference_change\": { \"analytical_cv\": 1, \"within_person_cv\": 4, \"z\": 11 } } ] }", "f:1:160", "\"z\" is above 10" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"reference_change\": { \"analytical_cv\": 1001, \"within_person_cv\": 4 } } ] }", "f:1:129", "above 1,000" },
    { "{ \"rule\": \"delta_check\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"results\": 4, \"rise\": 1 } ] }", "f:1:90", "results" },
    { "{ \"rule\": \"relative_trend\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"results\": 3, \"rise_percent\": 50 } ] }", "f:1:104", "at least 4 results" },
    { "{ \"rule\": \"relative_trend\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"results\": 33, \"rise_percent\": 50 } ] }", "f:1:104", "from 0 to 32" },
    { "{ \"rule\": \"relative_trend\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\" } ] }", "f:1:41", "a check has a limit" },
    { "{ \"rule\": \"relative_trend\", \"history\": \"400d\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"367d\", \"rise_percent\": 50 } ] }", "f:1:106", "at most 366 days" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"version\": \"2\", \"limits\": [ { \"code\": \"2823-3\", \"unit\": \"mmol/L\", \"high\": 6, \"haemolysed\": { \"high\": 6 } } ] }", "f:1:125", "not above the limit" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"version\": \"2\", \"limits\": [ { \"code\": \"2823-3\", \"unit\": \"mmol/L\", \"low\": 3, \"haemolysed\": { \"high\": 6 } } ] }", "f:1:124", "not above the limit" },
    { "{ \"rule\": \"abnormal_lab_trends\", \"version\": \"2\", \"limits\": [ { \"code\": \"2823-3\", \"unit\": \"mmol/L\", \"high\": 6, \"haemolysed\": { \"severity\": \"low\" } } ] }", "f:1:125", "\"high\" is missing" },
    { "{ \"rule\": \"relative_trend\", \"checks\": [ { \"codes\": [\"2823-3\"], \"help\": \"K\", \"within\": \"1d\", \"rise_percent\": 9, \"haemolysed\": { \"high\": 8 } } ] }", "f:1:128", "high" },
    { "{ \"rule\": \"acute_kidney_injury\", \"limits\": [] }", "f:1:34", "a rule of kind acute_kidney_injury has no \"limits\"" },
    { "{ \"rule\": \"medication_interactions\", \"ingredients\": [ { \"name\": \"a\" }, { \"name\": \"a\" } ] }", "f:1:82", "named twice" },
    { "{ \"rule\": \"medication_interactions\", \"ingredients\": [ { \"name\": \"a\", \"code\": \"SIM\" } ] }", "f:1:78", "no RxCUI" },
    { "{ \"rule\": \"medication_interactions\", \"ingredients\": [ { \"name\": \"a\", \"products\": [\"1a\"] } ] }", "f:1:82", "no RxCUI" },
    { "{ \"rule\": \"medication_interactions\", \"groups\": { \"maoi\": [\"phenelzin\"] } }", "f:1:59", "did you mean \"phenelzine\"" },
    { "{ \"rule\": \"medication_interactions\", \"groups\": { \"a\": [\"b\"], \"b\": [\"phenelzine\"] } }", "f:1:56", "no group that stands above it" },
    { "{ \"rule\": \"medication_interactions\", \"pairs\": [ { \"pair\": \"x\", \"left\": [\"maoi\"], \"help\": \"x\" } ] }", "f:1:49", "\"right\"" },
    { "{ \"rule\": \"medication_interactions\", \"types\": \"dispense\" }", "f:1:47", "not a list" },
    { "{ \"rule\": \"medication_interactions\", \"orders\": [\"encounter\"] }", "f:1:49", "clinical_order_id" },
    { "{ \"rule\": \"medication_interactions\", \"cooldown\": \"366d\" }", "f:1:1", "longer than the history" },
    { "{ \"rule\": \"medication_interactions\", \"entity\": \"lab_result\" }", "f:1:48", "medication_id" },
    { "{ \"rule\": \"access_volume\", \"days\": 0 }", "f:1:36", "is 0" },
    { "{ \"rule\": \"access_volume\", \"days\": 93 }", "f:1:36", "from 0 to 92" },
    { "{ \"rule\": \"access_volume\", \"days\": 30 }", "f:1:1", "\"history\" is shorter" },
    { "{ \"rule\": \"access_volume\", \"peers\": 1 }", "f:1:37", "below 2" },
    { "{ \"rule\": \"access_volume\", \"late\": \"30m\" }", "f:1:36", "shorter than \"settle\"" },
    { "{ \"rule\": \"access_volume\", \"volume\": { \"z\": 3 } }", "f:1:38", "\"weight\" is missing" },
    { "{ \"rule\": \"access_volume\", \"breadth\": { \"weight\": 1, \"z\": 0 } }", "f:1:59", "no number above 0" },
    { "{ \"rule\": \"access_volume\", \"breadth\": { \"weight\": 1, \"z\": 1000.1 } }", "f:1:59", "nobody would ever reach it" },
    { "{ \"rule\": \"access_volume\", \"breadth\": { \"weight\": 1, \"times\": 1001 } }", "f:1:63", "nobody would ever reach it" },
    { "{ \"rule\": \"access_volume\", \"breadth\": { \"weight\": 1, \"at_leats\": 7 } }", "f:1:54", "did you mean \"at_least\"" },
    { "{ \"rule\": \"access_volume\", \"flags\": { } }", "f:1:28", "a rule of kind access_volume has no \"flags\"" },
    { "{ \"rule\": \"access_volume\", \"entity\": \"lab_result\" }", "f:1:38", "user_role" },
    { "{ \"rule\": \"unusual_access\", \"days\": 3 }", "f:1:29", "has no \"days\"" },
    { "{ \"rule\": \"unusual_access\", \"pairs\": [] }", "f:1:29", "has no \"pairs\"" },
    { "{ \"rule\": \"unusual_access\", \"rules\": [\"abnormal_lab_trend\"] }", "f:1:39", "did you mean \"abnormal_lab_trends\"" },
    { "{ \"rule\": \"unusual_access\", \"rules\": [\"unusual_access\"] }", "f:1:39", "cannot belong to itself" },
    { "{ \"rule\": \"unusual_access\", \"rules\": \"abnormal_lab_trends\" }", "f:1:38", "not a list" },
    { "{ \"rule\": \"unusual_access\", \"rules\": [7] }", "f:1:39", "by text" },
};

static void
test_bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        static struct reports reports;
        struct error          err   = ERROR_EMPTY;
        struct model         *model = NULL;
        struct model_file     file  = { .path = "f", .text = str_from(BAD[i].text) };
        memset(&reports, 0, sizeof(reports));
        assert_int_equal(model_load(&file, 1, report, &reports, &model, &err), ST_ERROR);
        assert_true(reports.count >= 1);
        assert_int_equal(err.code, ERR_CONFIG);
        if (strstr(reports.text, BAD[i].place) == NULL || strstr(reports.text, BAD[i].message) == NULL)
            fail_msg("%s\nshould say %s ... %s, but says:\n%s", BAD[i].text, BAD[i].place, BAD[i].message, reports.text);
    }
}

/* Every truncation of a good file is refused or good, without a crash or a leak. */
static void
test_truncations(void **state)
{
    (void)state;
    static const char text[] = ENTITY_HEAD "{ \"name\": \"x\", \"type\": \"text\", \"help\": \"x\", \"cleanse\": \"upper(this)\" } ] }";
    uint64_t          live   = memory_live_count();
    for (size_t size = 0; size < sizeof(text) - 1; size += 7) {
        struct model     *model = NULL;
        struct model_file file  = { .path = "f", .text = str_of(text, size) };
        assert_int_equal(model_load(&file, 1, NULL, NULL, &model, NULL), ST_ERROR);
    }
    assert_int_equal(memory_live_count(), live);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedded), cmocka_unit_test(test_approval),    cmocka_unit_test(test_flags), cmocka_unit_test(test_override),
        cmocka_unit_test(test_members),  cmocka_unit_test(test_member_cycle),
        cmocka_unit_test(test_bad_files), cmocka_unit_test(test_truncations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
