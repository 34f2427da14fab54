/* The SELECT of every mapping's program runs in DuckDB over our functions, and tells the same outcomes as the live leg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "expr/expr.h"
#include "model/program.h"
#include "warehouse/duckdb_functions.h"

static struct model *model;

static int
load(void **state)
{
    struct error err = ERROR_EMPTY;
    (void)state;
    return model_load(NULL, 0, NULL, NULL, &model, &err) == ST_OK ? 0 : -1;
}

static int
unload(void **state)
{
    (void)state;
    model_free(model);
    return 0;
}

/* One run: fields as "name=value" texts, one row; `expected` columns as "name=value" ("name=" is null). */
struct scenario {
    const char *mapping;
    const char *fields[16];
    const char *outcome; /* "loaded", "none", "filtered REASON", "quarantined REASON COLUMN" */
    const char *columns[16];
    const char *issues; /* "REASON COLUMN ACTION;…" of a loaded row. */
};

#define LAB_OK "type=lab_result", "event_id=e1", "event_time=2026-01-02T03:04:05Z", "patient_id=p1", "source_component_code=2823-3", "source_units=mEq/L"

static const struct scenario SCENARIOS[] = {
    { "json_lab_result", { LAB_OK, "number=4.20" }, "loaded",
      { "patient_system=urn:test", "event_system=urn:test", "source_value=4.200000", "normalized_value=4.200000",
        "normalized_units=mmol/L", "status=F", "status_action=upsert", "status_rank=2", "facility=STE", "data_source=ds",
        "effective_time=2026-01-02T03:04:05.000000Z", "normalized_component_type=LOINC" }, "" },
    { "json_lab_result", { LAB_OK, "result=<0.5" }, "loaded", { "source_value=0.500000", "source_comparator=<" }, "" },
    { "json_lab_result", { LAB_OK, "number=abc" }, "quarantined bad_number source_value", { NULL }, "" },
    { "json_lab_result", { LAB_OK, "result=HEMOLYZED" }, "loaded", { "source_value=", "result=HEMOLYZED", "normalized_value=" }, "" },
    { "json_lab_result", { LAB_OK, "number=4", "result_status=f" }, "loaded", { "status=F" }, "repaired status repair;" },
    { "json_lab_result", { LAB_OK, "number=4", "result_status=Q" }, "quarantined bad_code status", { NULL }, "" },
    { "json_lab_result", { LAB_OK, "number=4", "result_status=W" }, "loaded", { "status_action=retract", "status_rank=4" }, "" },
    { "json_lab_result", { LAB_OK, "result_status=X" }, "filtered status_ignored", { NULL }, "" },
    { "json_lab_result", { LAB_OK }, "filtered no_result", { NULL }, "" },
    { "json_lab_result", { LAB_OK, "number=4", "collection_datetime=yesterday" }, "quarantined bad_timestamp effective_time", { NULL }, "" },
    { "json_lab_result", { LAB_OK, "number=4", "effective_time=2026-01-01", "collection_datetime=yesterday" }, "loaded",
      { "collection_datetime=", "effective_time=2026-01-01T05:00:00.000000Z" }, "bad_timestamp collection_datetime null;" },
    { "json_lab_result", { "type=lab_result", "event_id=e1", "event_time=2026-01-02T03:04:05Z", "patient_id=p1", "source_component_code=2345-7", "source_units=mmol/L", "number=5" },
      "loaded", { "normalized_value=", "normalized_units=", "source_value=5.000000" }, "unknown_unit source_units warn;" },
    { "json_lab_result", { "type=lab_result", "event_id=e1", "event_time=2026-01-02T03:04:05Z", "patient_id=  ", "source_component_code=2345-7", "number=5" },
      "quarantined missing_required patient_id", { NULL }, "" },
    { "json_lab_result", { "type=lab_result", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "source_component_code=2345-7", "number=5", "lab_result_id=l" },
      "quarantined missing_required event_id", { NULL }, "" },
    { "json_lab_result", { "type=encounter" }, "none", { NULL }, "" },
    { "json_encounter", { "type=encounter", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "encounter_id=v", "source_encounter_type=inpatient",
        "encounter_start_time=2026-01-02T00:00:00Z", "encounter_end_time=2026-01-01T00:00:00Z", "facility=NORTH" },
      "loaded", { "encounter_type=IMP", "encounter_end_time=", "facility=NORTH" }, "inconsistent encounter_end_time null;" },
    { "json_clinical_order", { "type=clinical_order", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "status=CA" }, "loaded",
      { "clinical_order_id=e", "status_action=retract" }, "" },
    { "json_access_event", { "type=access_event", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "user_id=u", "action=Peek" }, "loaded",
      { "action=", "user_system=urn:test" }, "repaired action repair;bad_code action null;" },
    { "synthea_patients", { "id=x", "birth=1990-02-30", "ssn=999-12-3456", "gender=M", "first=Abe", "last=O'Brien", "postcode=1730" }, "loaded",
      { "birth_date=", "social_security_number=999123456", "sex=male", "name_key=OBRIEN ABE", "zip_code=01730", "death_flag=false", "event_time=2026-01-05T00:00:00.000000Z" },
      "bad_date birth_date null;repaired social_security_number repair;repaired zip_code repair;" },
    { "synthea_patients", { "id=x", "birth=1990-02-20", "death=1980-01-01" }, "loaded", { "death_date=", "birth_date=1990-02-20" }, "inconsistent death_date null;" },
    { "synthea_patient_identifiers", { "id=x" }, "loaded", { "identifier_system=urn:test", "identifier_type=MR" }, "" },
    { "synthea_providers", { "id=x", "name=Ann Lee" }, "loaded", { "first_name=Ann", "last_name=Lee" }, "" },
    { "synthea_encounters", { "id=v", "patient=p", "start=2020-01-01T00:00:00Z", "class=wellness", "cost=12.345" }, "loaded", { "total_cost=12.35", "encounter_type=AMB" }, "" },
    { "synthea_lab_results", { "date=2020-01-01T00:00:00Z", "patient=p", "category=laboratory", "code=718-7", "value=14.1", "unit=g/dL", "kind=numeric" }, "loaded",
      { "normalized_value=14.100000", "status=F" }, "" },
    { "synthea_observations", { "date=2020-01-01T00:00:00Z", "patient=p", "category=laboratory", "code=718-7", "value=14.1" }, "none", { NULL }, "" },
    { "synthea_observations", { "date=2020-01-01T00:00:00Z", "patient=p", "category=vital-signs", "code=8302-2", "value=180", "unit=cm", "kind=numeric" }, "loaded",
      { "normalized_value=180.000000", "normalized_code=8302-2" }, "" },
    { "hl7v2_lab_result", { "message_type=ORU", "message_time=20260102030405", "patient=p", "value_type=NM", "value_whole=>1000", "value_first=>1000", "loinc=777-3", "unit=K/uL", "range=150-400", "flag=HH", "filler=f" },
      "loaded", { "source_value=1000.000000", "source_comparator=>", "normalized_units=10*3/uL", "normalized_reference_range_low=150.000000", "normalized_abnormal_flag=HH", "event_time=2026-01-02T08:04:05.000000Z" }, "" },
    { "hl7v2_lab_result", { "message_type=ORU", "message_time=20260102", "patient=p", "value_type=SN", "value_whole=^1^:^128", "value_second=1", "value_separator=:", "loinc=777-3", "filler=f" },
      "loaded", { "source_value=", "result=^1^:^128" }, "" },
    { "hl7v2_lab_result", { "message_type=ORU", "message_time=20260102", "patient=p", "value_type=NM", "value_whole=n/a", "value_first=n/a", "loinc=777-3", "filler=f" },
      "quarantined bad_number source_value", { NULL }, "" },
    { "hl7v2_lab_result", { "message_type=ORU", "spm=1", "message_time=20260102", "patient=p" }, "none", { NULL }, "" },
    { "hl7v2_patient", { "message_type=ORU", "message_time=20260102", "patient=p", "patient_assigner=1.2.3", "family=M\xc3\xbcller", "given=J", "birth=19450612", "sex=F" }, "loaded",
      { "patient_system=1.2.3", "birth_date=1945-06-12", "name_key=MULLER J", "sex=female" }, "" },
    { "hl7v2_patient", { "message_type=ORU", "message_time=20260102", "patient=p", "is_dead=Y" }, "loaded", { "source_death_flag=true", "death_flag=true" }, "" },
    { "hl7v2_patient", { "message_type=ORU", "message_time=20260102", "patient=p", "death=20260101", "is_dead=perhaps" }, "loaded",
      { "source_death_flag=", "death_flag=true" }, "bad_boolean source_death_flag null;" },
    { "hl7v2_patient_identifier", { "message_type=ORU", "message_time=20260102", "patient=p", "identifier=9", "assigner=1.2", "kind=DL" }, "loaded",
      { "identifier_system=1.2", "identifier_value=9", "patient_system=urn:test" }, "" },
    { "hl7v2_patient_identifier", { "message_type=ORU", "message_time=20260102", "patient=p", "identifier=9", "kind=SS" }, "filtered stop_identifier", { NULL }, "" },
    { "hl7v2_adt_patient", { "message_type=ADT", "event=A08", "event_recorded=20260102", "patient=p", "family=Doe", "home_phone=\"\"", "birth=\"\"" }, "loaded",
      { "last_name=Doe", "phone=", "birth_date=" }, "" },
    { "hl7v2_adt_patient", { "message_type=ADT", "event=A24", "event_recorded=20260102", "patient=p" }, "none", { NULL }, "" },
    { "hl7v2_adt_patient_identifier", { "message_type=ADT", "event=A31", "event_recorded=20260102", "patient=p", "identifier=77", "kind=DL" }, "loaded",
      { "identifier_system=urn:test:DL", "identifier_value=77" }, "" },
    { "hl7v2_adt_patient_identifier", { "message_type=ADT", "event=A31", "event_recorded=20260102", "patient=p", "identifier=999-99-9999", "kind=SS" },
      "filtered stop_identifier", { NULL }, "" },
    { "hl7v2_adt_merge", { "message_type=ADT", "event=A40", "event_recorded=20260102", "patient=p", "merged=w", "kind=MR" }, "loaded",
      { "identifier_value=w", "identifier_use=old", "patient_id=p" }, "" },
    { "hl7v2_adt_merge", { "message_type=ADT", "event=A45", "event_recorded=20260102", "patient=p", "merged=w" }, "none", { NULL }, "" },
    { "hl7v2_adt_encounter", { "message_type=ADT", "event=A13", "event_recorded=20260102", "patient=p", "visit=v", "class=I", "discharged=20260101" }, "loaded",
      { "encounter_end_time=", "encounter_start_time=", "encounter_type=IMP", "status_action=upsert" }, "" },
    { "hl7v2_adt_encounter", { "message_type=ADT", "event=A11", "event_recorded=20260102", "patient=p", "visit=v" }, "loaded", { "status_action=retract" }, "" },
    { "hl7v2_adt_encounter", { "message_type=ADT", "event=A01", "event_recorded=20260102030405", "patient=p", "visit=v" }, "loaded",
      { "encounter_start_time=2026-01-02T08:04:05.000000Z", "effective_time=2026-01-02T08:04:05.000000Z" }, "" },
    { "hl7v2_adt_practitioner", { "message_type=ADT", "event=A01", "event_recorded=20260102", "attending=1234567893", "kind=NPI" }, "loaded", { "npi=1234567893" }, "" },
    { "hl7v2_practitioner", { "message_type=ORU", "message_time=20260102", "orderer=1234567892", "kind=NPI" }, "loaded", { "npi=" }, "bad_code npi null;" },
};
#define SCENARIO_COUNT (sizeof(SCENARIOS) / sizeof(*SCENARIOS))

static const struct program_context CONTEXT = { .system = STR_INIT("urn:test"), .zone = STR_INIT("America/New_York"),
                                                .facility = STR_INIT("STE"), .data_source = STR_INIT("ds"), .name = STR_INIT("B"),
                                                .has_logical_time = true, .logical_time_us = 20458 * US_PER_DAY };


static void
query(duckdb_connection connection, const char *sql, duckdb_result *ret_result)
{
    if (duckdb_query(connection, sql, ret_result) != DuckDBSuccess)
        fail_msg("%s\n%s", duckdb_result_error(ret_result), sql);
}

static void
check_sql(duckdb_connection connection, const struct scenario *scenario)
{
    const struct mapping         *mapping = model_mapping(model, str_from(scenario->mapping));
    const struct program_options  options = { .with_event = mapping->format == MODEL_JSON, .with_key = true, .with_hash = true };
    struct error                  err     = ERROR_EMPTY;
    struct program               *program = NULL;
    struct str_builder            from;
    struct str_builder            sql;
    duckdb_result                 result;
    str_builder_init(&from);
    str_builder_init(&sql);
    assert_int_equal(program_build(mapping, &CONTEXT, &options, &program, &err), ST_OK);
    str_builder_append_cstr(&from, "(SELECT 0 AS position");
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        const char *value = NULL;
        size_t      size  = strlen(mapping->fields[i].name);
        for (size_t j = 0; j < 16 && scenario->fields[j] != NULL; j++)
            if (strncmp(scenario->fields[j], mapping->fields[i].name, size) == 0 && scenario->fields[j][size] == '=')
                value = scenario->fields[j] + size + 1;
        str_builder_append_cstr(&from, ", CAST(");
        if (value == NULL)
            str_builder_append_cstr(&from, "NULL");
        else
            sql_print_text(str_from(value), &from);
        str_builder_printf(&from, " AS VARCHAR) AS \"%s\"", mapping->fields[i].name);
    }
    str_builder_append_cstr(&from, ")");
    const struct str passed[] = { STR("position") };
    assert_int_equal(program_print_select(program, str_builder_text(&from), passed, 1, &sql, &err), ST_OK);
    query(connection, str_builder_cstr(&sql), &result);
    uint64_t row_count = duckdb_row_count(&result);
    assert_int_equal(row_count, strcmp(scenario->outcome, "none") == 0 ? 0 : 1);
    if (row_count == 1) {
        idx_t   last    = duckdb_column_count(&result);
        int32_t outcome = duckdb_value_int32(&result, last - 3, 0);
        int32_t wanted  = scenario->outcome[0] == 'l' ? PROGRAM_LOADED : scenario->outcome[0] == 'f' ? PROGRAM_FILTERED : PROGRAM_QUARANTINED;
        assert_int_equal(outcome, wanted);
        char *issues = duckdb_value_varchar(&result, last - 1, 0);
        size_t issue_count = 0;
        for (const char *c = scenario->issues; *c != '\0'; c++)
            issue_count += *c == ';' ? 1 : 0;
        assert_int_equal(strlen(issues), 3 * issue_count);
        duckdb_free(issues);
    }
    duckdb_destroy_result(&result);
    str_builder_release(&from);
    str_builder_release(&sql);
    program_free(program);
}

static void
test_sql(void **state)
{
    (void)state;
    duckdb_database   database;
    duckdb_connection connection;
    struct error      err = ERROR_EMPTY;
    assert_int_equal(duckdb_open(NULL, &database), DuckDBSuccess);
    assert_int_equal(duckdb_connect(database, &connection), DuckDBSuccess);
    assert_int_equal(duckdb_functions_register(connection, &err), ST_OK);
    for (size_t i = 0; i < SCENARIO_COUNT; i++)
        check_sql(connection, &SCENARIOS[i]);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_sql) };
    return cmocka_run_group_tests(tests, load, unload);
}
