/* Entity programs over small raw chunks: what is loaded, filtered, quarantined, nulled and repaired, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/memory.h"
#include "base/time.h"
#include "model/program.h"

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

#define HL7_ADT "message_type=ADT", "event=A01", "event_recorded=20260102030405", "patient=p"
#define HL7_ADT_EVENT "message_type=ADT", "event=A01", "event_recorded=20260102030405"
#define HL7_OF(type, event) "message_type=" type, "event=" event, "event_recorded=20260102030405", "patient=p"

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
    { "json_medication", { "type=medication", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "status=Entered-in-error", "source_code_type=RxNorm",
        "source_code=36567", "days_supply=-3", "medication_type=Pill", "medication_start_time=2026-01-03T00:00:00Z", "medication_end_time=2026-01-01T00:00:00Z" },
      "loaded", { "medication_id=e", "status_action=retract", "rxnorm_code=36567", "days_supply=", "medication_type=", "medication_end_time=", "effective_time=2026-01-03T00:00:00.000000Z" },
      "repaired medication_type repair;bad_code medication_type null;repaired status repair;out_of_range days_supply null;inconsistent medication_end_time null;" },
    { "json_medication", { "type=medication", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "source_code_type=NDC", "source_code=01151327" }, "loaded",
      { "normalized_code_type=ndc", "normalized_code=", "ndc_code=", "rxnorm_code=" }, "" },
    { "json_appointment", { "type=appointment", "event_id=e", "event_time=2026-01-02T03:04:05Z", "patient_id=p", "status=Cancelled",
        "start_time=2026-01-03T09:00:00Z", "end_time=2026-01-03T08:00:00Z", "department=CARD" },
      "loaded", { "appointment_id=e", "status_action=retract", "effective_time=2026-01-03T09:00:00.000000Z", "end_time=", "department=CARD" },
      "inconsistent end_time null;" },
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
    { "rif_institutional_claims", { "bene=-1", "clm=-9", "final=F", "begin_day=19-Mar-2017", "end_day=20-MAR-2017", "processed=24-Mar-2017", "fac=1", "classification=1", "freq=1", "paid=33248.67", "dx_version=0", "dx1=I4891", "drg=375" }, "loaded", { "claim_start_date=2017-03-19", "claim_end_date=2017-03-20", "bill_type_code=111", "paid_amount=33248.67", "normalized_diagnosis_code_type=icd-10-cm", "diagnosis_code_1=I4891", "event_time=2017-03-24T04:00:00.000000Z", "status_action=upsert" }, "" },
    { "rif_institutional_claims", { "bene=-1", "clm=-9", "final=N", "begin_day=19-Mar-2017", "end_day=18-Mar-2017", "processed= " }, "loaded", { "claim_end_date=", "status_action=retract" }, "inconsistent claim_end_date null;" },
    { "rif_institutional_lines", { "bene=-1", "clm=-9", "final=F", "begin_day=19-Mar-2017", "end_day=19-Mar-2017", "line=1", "revenue=0001", "hcpcs=99221", "charge=2.345" }, "loaded", { "claim_line_number=1", "hcpcs_code=99221", "charge_amount=2.35" }, "" },
    { "rif_professional_claims", { "bene=-1", "clm=-9", "final=F", "begin_day=30-May-2015", "end_day=30-May-2015", "paid=563.36", "dx_version=9", "dx1=4019" }, "loaded", { "claim_type=professional", "normalized_diagnosis_code_type=icd-9-cm", "paid_amount=563.36" }, "" },
    { "rif_professional_lines", { "bene=-1", "clm=-9", "final=F", "begin_day=30-May-2015", "end_day=30-May-2015", "line=x" }, "quarantined bad_number claim_line_number", { NULL }, "" },
    { "rif_pde_claims", { "bene=-1", "pde=-8", "final=F", "served=01-Mar-2015", "covered=1.00" }, "loaded", { "claim_system=urn:test:pde", "claim_type=pharmacy", "paid_amount=1.00" }, "" },
    { "rif_pde_lines", { "bene=-1", "pde=-8", "final=F", "served=01-Mar-2015", "ndc=50090443201", "days=90" }, "loaded", { "claim_line_number=1", "ndc_code=50090443201", "days_supply=90" }, "" },
    { "rif_beneficiaries", { "bene=-1", "year=2012", "birth=17-Jan-1942", "sex_code=2", "race_code=1", "zip=1730" }, "loaded", { "birth_date=1942-01-17", "sex=female", "race=white", "zip_code=01730" }, "repaired zip_code repair;" },
    { "rif_part_a", { "bene=-1", "year=2012", "months=12" }, "loaded", { "coverage_type=part a", "enrollment_end_date=2012-12-31", "coverage_months=12" }, "" },
    { "rif_part_a", { "bene=-1", "year=2012", "months=0" }, "none", { NULL }, "" },
    { "rif_part_b", { "bene=-1", "year=2012", "months=3" }, "loaded", { "coverage_type=part b" }, "" },
    { "rif_part_d", { "bene=-1", "year=2012", "months=3" }, "loaded", { "coverage_type=part d" }, "" },
    { "rif_mbi", { "bene=-1", "year=2012", "number=1S00E00AA06" }, "loaded", { "identifier_value=1S00E00AA06", "identifier_type=MC" }, "" },
    { "rif_hicn", { "bene=-1", "year=2012", "number= " }, "none", { NULL }, "" },
    { "idr_claims", { "bene=8", "clm=64", "kind=40", "begin_day=2022-01-20", "final=Y", "latest=N", "number=c", "original=c", "inserted=2024-10-21 17:16:42.119283", "charge=416484.63" }, "loaded", { "claim_type=institutional", "charge_amount=416484.63", "replaces_claim_id=", "status_action=retract" }, "" },
    { "idr_claim_lines", { "clm=64", "kind=3", "line=1", "claim_day=2022-01-20", "ndc=00264780020" }, "loaded", { "patient_id=", "claim_line_number=1", "ndc_code=00264780020" }, "" },
    { "idr_beneficiaries", { "bene=8", "birth=1943-03-21", "sex_code=1", "effective=2020-09-08T07:36:12.441931" }, "loaded", { "sex=male", "birth_date=1943-03-21" }, "" },
    { "idr_mbi", { "bene=8", "mbi=3O70AK7EV90", "effective=2020-09-08T07:36:12.441931" }, "loaded", { "identifier_value=3O70AK7EV90" }, "" },
    { "idr_entitlements", { "bene=8", "part=A", "begin_day=2019-01-09", "end_day=9999-12-31", "effective=2019-01-09T00:00:00.000000" }, "loaded", { "coverage_type=part a", "enrollment_end_date=" }, "" },
    { "idr_enrollments", { "bene=8", "contract=S0001", "pbp=003", "begin_day=2019-02-18", "end_day=9999-12-31", "effective=2019-02-18T00:00:00.000000" }, "loaded", { "plan=S0001003", "enrollment_end_date=" }, "" },
    { "cclf_beneficiaries", { "mbi=1S00A00AA00" }, "loaded", { "patient_id=1S00A00AA00" }, "" },
    { "cclf_identifiers", { "kind=M", "current=203031401M", "previous=203031401A", "begin_day=1959-12-31" }, "loaded", { "identifier_value=203031401A", "identifier_system=http://hl7.org/fhir/sid/us-mbi" }, "" },
    { "synthea_claims", { "id=c", "patient=p", "served=2023-01-27T16:17:47Z", "kind=2", "owed=0" }, "loaded", { "claim_type=institutional", "outstanding_amount=0.00" }, "" },
    { "synthea_claim_lines", { "id=t", "claim=c", "charge=1", "patient=p", "kind=CHARGE", "amount=77.49", "begin_time=2023-01-27T16:17:47Z" }, "loaded", { "charge_amount=77.49", "claim_line_number=1" }, "" },
    { "synthea_claim_payments", { "id=t", "claim=c", "charge=1", "patient=p", "kind=PAYMENT", "paid=77.49", "begin_time=2023-01-27T16:17:47Z" }, "loaded", { "paid_amount=77.49", "payment_type=payment" }, "repaired payment_type repair;" },
    { "synthea_payers", { "id=o", "title=Medicare" }, "loaded", { "name=Medicare", "organization_type=payer" }, "" },
    { "synthea_payer_transitions", { "patient=p", "begin_time=2014-10-14T04:17:47Z", "end_time=2015-10-20T04:17:47Z", "payer_key=o" }, "loaded", { "enrollment_start_date=2014-10-14", "payer_id=o" }, "" },
    { "synthea_conditions", { "patient=p", "encounter=v", "start=2020-01-02", "stop=2020-01-01", "code=44054006" }, "loaded",
      { "onset_date=2020-01-02", "resolved_date=", "status=resolved", "normalized_code_type=snomed-ct", "labels=" }, "inconsistent resolved_date null;" },
    { "synthea_procedures", { "patient=p", "start=2020-01-02T00:00:00Z", "code=430193006", "cost=1.5" }, "loaded", { "base_cost=1.50", "procedure_date=2020-01-02" }, "" },
    { "synthea_procedures", { "patient=p", "start=yesterday", "code=430193006" }, "quarantined bad_timestamp event_time", { NULL }, "" },
    { "synthea_medications", { "patient=p", "start=2020-01-02T00:00:00Z", "code=197361", "dispenses=many" }, "loaded", { "rxnorm_code=197361", "dispense_count=", "status=active" },
      "bad_number dispense_count null;" },
    { "synthea_immunizations", { "patient=p", "date=2020-01-02T00:00:00Z", "code=08" }, "loaded", { "normalized_code=08", "normalized_code_type=cvx" }, "" },
    { "synthea_allergies", { "patient=p", "start=2020-01-02", "code=7980", "system=RxNorm", "severity_1=MILD" }, "loaded", { "normalized_code_type=rxnorm", "reaction_1_severity=mild" },
      "repaired reaction_1_severity repair;" },
    { "synthea_organizations", { "id=o", "north=91", "postcode=685041234" }, "loaded", { "latitude=", "zip_code=68504-1234" }, "repaired zip_code repair;out_of_range latitude null;" },
    { "synthea_patient_drivers", { "id=x", "licence=S999" }, "loaded", { "identifier_system=urn:test:DL", "identifier_type=DL" }, "" },
    { "synthea_patient_drivers", { "id=x" }, "none", { NULL }, "" },
    { "synthea_patient_passports", { "id=x", "passport=X9" }, "loaded", { "identifier_system=urn:test:PPN", "identifier_type=PPN" }, "" },
    { "fhir_patient", { "resource_type=Patient", "id=7", "full_url=http://a.example/fhir/Patient/7", "updated=2026-01-02T03:04:05Z", "birth=1970-01-02", "gender=female", "race=White",
        "region=Massachusetts", "dead_time=2026-01-01T00:00:00Z", "security=R,42CFRPart2", "marital=M" },
      "loaded", { "patient_system=http://a.example/fhir", "patient_id=Patient/7", "sex=female", "race=white", "normalized_state=MA", "death_date=2026-01-01", "death_flag=true",
        "labels=42CFRPart2,R", "normalized_marital_status=married" }, "" },
    { "fhir_patient", { "resource_type=Patient", "id=7" }, "loaded", { "patient_system=urn:test", "event_time=2026-01-05T00:00:00.000000Z" }, "" },
    { "fhir_patient_identity", { "resource_type=Patient", "full_url=urn:uuid:AB", "id=7" }, "loaded", { "patient_id=ab", "identifier_value=ab", "identifier_system=urn:test" }, "" },
    { "fhir_patient_identifier", { "resource_type=Patient", "id=7", "identifier=999-53-1762", "assigner=http://hl7.org/fhir/sid/us-ssn" }, "loaded", { "identifier_type=SS" }, "" },
    { "fhir_patient_identifier", { "resource_type=Patient", "id=7", "identifier=A1", "kind=MR" }, "loaded", { "identifier_system=urn:test:MR", "patient_id=Patient/7" }, "" },
    { "fhir_patient_identifier", { "resource_type=Patient", "id=7" }, "none", { NULL }, "" },
    { "fhir_patient_link", { "resource_type=Patient", "id=7", "other=Patient/8" }, "loaded", { "identifier_value=Patient/8", "identifier_system=urn:test" }, "" },
    { "fhir_patient_link", { "resource_type=Patient", "id=7", "other=RelatedPerson/8" }, "none", { NULL }, "" },
    { "fhir_practitioner", { "resource_type=Practitioner", "id=7", "number=160", "family=Lee" }, "loaded", { "npi=", "last_name=Lee", "practitioner_id=Practitioner/7" }, "bad_code npi null;" },
    { "fhir_practitioner_role", { "resource_type=PractitionerRole", "id=7", "number=1234567893", "number_system=http://hl7.org/fhir/sid/us-npi" }, "loaded", { "npi=1234567893" }, "" },
    { "fhir_location", { "resource_type=Location", "id=7", "organization_ref=Organization/3" }, "loaded", { "organization_id=Organization/3", "organization_system=urn:test" }, "" },
    { "fhir_organization", { "resource_type=Organization", "id=7", "postcode=670358120", "telephone=978-741-1215" }, "loaded", { "zip_code=67035-8120", "normalized_phone=+19787411215" },
      "repaired zip_code repair;" },
    { "fhir_encounter", { "resource_type=Encounter", "id=7", "patient_ref=Patient/1", "klass=AMB", "begin=2020-01-02T03:04:05+01:00", "status=finished", "updated=2020-01-03T00:00:00Z" }, "loaded",
      { "encounter_type=AMB", "encounter_start_time=2020-01-02T02:04:05.000000Z", "patient_id=Patient/1", "encounter_id=Encounter/7", "source_updated_at=2020-01-03T00:00:00.000000Z" }, "" },
    { "fhir_encounter", { "resource_type=Encounter", "id=7", "patient_ref=Patient/1", "status=planned" }, "quarantined missing_required encounter_start_time", { NULL }, "" },
    { "fhir_condition", { "resource_type=Condition", "id=7", "patient_ref_value=9", "patient_ref_system=urn:mrn", "code=e11.9", "code_system=http://hl7.org/fhir/sid/icd-10-cm", "onset=2019-05",
        "verification=entered-in-error" }, "loaded",
      { "patient_system=urn:mrn", "patient_id=9", "normalized_code=E119", "onset_date=", "effective_time=2019-05-01T04:00:00.000000Z", "status_action=retract" }, "bad_date onset_date null;" },
    { "fhir_procedure", { "resource_type=Procedure", "id=7", "patient_ref=urn:uuid:p", "begin=2020-01-02" }, "loaded", { "patient_id=p", "procedure_date=2020-01-02" }, "" },
    { "fhir_lab_result", { "resource_type=Observation", "category=laboratory", "id=7", "patient_ref=Patient/1", "own_status=final", "status=final", "loinc=718-7", "quantity=14.10", "unit=g/dL",
        "effective=2020-01-02", "version=3" }, "loaded",
      { "normalized_value=14.100000", "status=F", "result=14.10", "lab_result_id=Observation/7", "source_version=3", "status_rank=2" }, "" },
    { "fhir_lab_result", { "resource_type=Observation", "category=laboratory", "id=7", "patient_ref=Patient/1", "status=corrected", "code=x", "over=1", "under=128", "effective=2020" }, "loaded",
      { "result=1/128", "source_value=", "status=C", "status_rank=3" }, "" },
    { "fhir_lab_result", { "resource_type=Observation", "category=laboratory", "id=7", "patient_ref=Patient/1", "own_status=final", "status=final", "code=x", "effective=2020" }, "filtered no_result", { NULL }, "" },
    { "fhir_lab_result", { "resource_type=Observation", "category=vital-signs", "id=7" }, "none", { NULL }, "" },
    { "fhir_observation", { "resource_type=Observation", "category=vital-signs", "id=7", "patient_ref=Patient/1", "status=final", "loinc=8480-6", "quantity=120", "unit=mm[Hg]", "effective=2020" }, "loaded",
      { "panel_id=Observation/7", "normalized_code=8480-6", "source_value=120.000000" }, "" },
    { "fhir_observation", { "resource_type=Observation", "id=7", "status=cancelled" }, "filtered status_ignored", { NULL }, "" },
    { "fhir_diagnostic_report", { "resource_type=DiagnosticReport", "id=7", "patient_ref=Patient/1", "code=x", "words=Normal", "issued=2020" }, "loaded", { "result=Normal" }, "" },
    { "fhir_diagnostic_report", { "resource_type=DiagnosticReport", "id=7", "patient_ref=Patient/1", "code=x", "issued=2020" }, "filtered no_result", { NULL }, "" },
    { "fhir_medication_request", { "resource_type=MedicationRequest", "id=7", "patient_ref=Patient/1", "authored=2020-01-02", "drug=1191", "drug_system=http://www.nlm.nih.gov/research/umls/rxnorm" },
      "loaded", { "medication_type=prescription", "rxnorm_code=1191", "prescribing_date=2020-01-02" }, "" },
    { "fhir_medication_dispense", { "resource_type=MedicationDispense", "id=7", "patient_ref=Patient/1", "handed=2020-01-02", "drug=0069-2587-10", "drug_system=http://hl7.org/fhir/sid/ndc" }, "loaded",
      { "ndc_code=00069258710", "dispensing_date=2020-01-02" }, "" },
    { "fhir_medication_administration", { "resource_type=MedicationAdministration", "id=7", "patient_ref=Patient/1", "begin=2020-01-02" }, "loaded", { "medication_type=administration" }, "" },
    { "fhir_medication_statement", { "resource_type=MedicationStatement", "id=7", "patient_ref=Patient/1", "begin=2020-01-02", "status=entered-in-error" }, "loaded", { "status_action=retract" }, "" },
    { "fhir_medication_order", { "resource_type=MedicationRequest", "id=7", "patient_ref=Patient/1", "authored=2020-01-02", "status=cancelled" }, "loaded",
      { "status_action=retract", "order_type=medication" }, "repaired status repair;" },
    { "fhir_service_request", { "resource_type=ServiceRequest", "id=7", "patient_ref=Patient/1", "authored=2020-01-02", "status=active" }, "loaded", { "status=ACTIVE" }, "repaired status repair;" },
    { "fhir_allergy", { "resource_type=AllergyIntolerance", "id=7", "patient_ref=Patient/1", "recorded=1996-12-27T04:21:52-05:00", "code=1191", "code_system=http://www.nlm.nih.gov/research/umls/rxnorm" },
      "loaded", { "normalized_code_type=rxnorm", "recorded_date=1996-12-27" }, "" },
    { "fhir_immunization", { "resource_type=Immunization", "id=7", "patient_ref=Patient/1", "given=2020-01-02", "code=8", "code_system=http://hl7.org/fhir/sid/cvx", "primary=true" }, "loaded",
      { "normalized_code=08", "is_primary_source=true" }, "" },
    { "fhir_appointment", { "resource_type=Appointment", "id=7", "actor=Patient/1", "status=noshow", "begin=2020-01-02T00:00:00Z" }, "loaded", { "normalized_status=noshow", "patient_id=Patient/1" }, "" },
    { "fhir_appointment", { "resource_type=Appointment", "id=7", "actor=Practitioner/1" }, "none", { NULL }, "" },
    { "fhir_claim", { "resource_type=Claim", "id=7", "patient_ref=Patient/1", "status=active", "use=claim", "kind=oral", "created=2020-01-03T00:00:00Z", "begin=2020-01-02T00:00:00Z",
        "charged=125.5", "dx1=e11.9", "code_system=http://hl7.org/fhir/sid/icd-10-cm", "prior=Claim/6" }, "loaded",
      { "claim_id=Claim/7", "claim_type=dental", "charge_amount=125.50", "diagnosis_code_1=E11.9", "normalized_diagnosis_code_type=icd-10-cm", "replaces_claim_id=Claim/6",
        "effective_time=2020-01-02T00:00:00.000000Z" }, "repaired diagnosis_code_1 repair;" },
    { "fhir_claim", { "resource_type=Claim", "id=7", "patient_ref=Patient/1", "status=active", "use=preauthorization" }, "filtered status_ignored", { NULL }, "" },
    { "fhir_claim", { "resource_type=Claim", "id=7", "patient_ref=Patient/1", "status=cancelled", "use=claim", "created=2020-01-03" }, "loaded", { "status_action=retract", "claim_type=undetermined" }, "" },
    { "fhir_claim_line", { "resource_type=Claim", "id=7", "status=active", "use=claim", "number=2", "created=2020-01-03", "begin=2020-01-02", "code=99213", "code_system=http://www.ama-assn.org/go/cpt", "net=10" },
      "loaded", { "claim_line_number=2", "charge_amount=10.00", "hcpcs_code=99213", "claim_line_start_date=2020-01-02" }, "" },
    { "fhir_claim_line", { "resource_type=Claim", "id=7", "status=active", "use=claim", "number=x", "created=2020-01-03" }, "quarantined bad_number claim_line_number", { NULL }, "" },
    { "fhir_explanation_of_benefit", { "resource_type=ExplanationOfBenefit", "id=9", "patient_ref=Patient/1", "claim_ref=Claim/7", "status=active", "use=claim", "kind=pharmacy", "created=2020-01-04",
        "charged=125", "paid=100.004", "copaid=5" }, "loaded", { "claim_id=Claim/7", "paid_amount=100.00", "copayment_amount=5.00", "claim_type=pharmacy" }, "" },
    { "fhir_explanation_of_benefit", { "resource_type=ExplanationOfBenefit", "id=9", "patient_ref=Patient/1", "status=active", "use=claim", "created=2020-01-04", "benefit=3" }, "loaded",
      { "claim_id=ExplanationOfBenefit/9", "paid_amount=3.00" }, "" },
    { "fhir_explanation_of_benefit_line", { "resource_type=ExplanationOfBenefit", "id=9", "claim_ref=Claim/7", "status=active", "use=claim", "number=1", "created=2020-01-04", "net=125", "charged=130", "coinsured=25.00" },
      "loaded", { "claim_id=Claim/7", "charge_amount=130.00", "coinsurance_amount=25.00" }, "" },
    { "fhir_explanation_of_benefit_payment", { "resource_type=ExplanationOfBenefit", "id=9", "patient_ref=Patient/1", "claim_ref=Claim/7", "status=active", "use=claim", "paid=100", "paid_on=2020-02-01", "created=2020-01-04" },
      "loaded", { "claim_id=Claim/7", "payment_id=ExplanationOfBenefit/9", "payment_date=2020-02-01", "paid_amount=100.00" }, "" },
    { "fhir_explanation_of_benefit_payment", { "resource_type=ExplanationOfBenefit", "id=9", "status=active", "use=claim" }, "none", { NULL }, "" },
    { "fhir_claim_response", { "resource_type=ClaimResponse", "id=9", "patient_ref=Patient/1", "claim_ref_value=C7", "claim_ref_system=urn:claims", "status=active", "use=claim", "paid=100", "adjusted=-5", "created=2020-01-04" },
      "loaded", { "claim_id=C7", "claim_system=urn:claims", "adjustment_amount=-5.00" }, "" },
    { "fhir_coverage", { "resource_type=Coverage", "id=9", "patient_ref=Patient/1", "state=active", "begin=2020-01-01", "finish=2020-12-31", "holder=S1", "payer_ref=Organization/2", "kind=EHCPOL" }, "loaded",
      { "eligibility_id=Coverage/9", "subscriber_id=S1", "payer_id=Organization/2", "coverage_type=EHCPOL", "enrollment_end_date=2020-12-31" }, "" },
    { "fhir_coverage", { "resource_type=Coverage", "id=9", "patient_ref=Patient/1", "state=active" }, "quarantined missing_required event_time", { NULL }, "" },
    { "fhir_consent", { "resource_type=Consent", "id=7", "patient_ref=Patient/1", "given=2020-01-02", "decided=deny", "within=permit" }, "loaded", { "decision=deny", "has_exceptions=true" }, "" },
    { "fhir_access_event", { "resource_type=AuditEvent", "id=7", "what=Patient/1", "recorded=2020-01-02T00:00:00Z", "alternate=jdoe", "act=R" }, "loaded", { "user_id=jdoe", "action=view", "source_action=R" }, "" },
    { "fhir_access_event", { "resource_type=AuditEvent", "id=7", "what=Library/1" }, "none", { NULL }, "" },
    { "hl7v2_lab_result", { "message_type=ORU", "message_time=20260102030405", "patient=p", "loinc=777-3", "filler=f", "value_first=1", "value_whole=1", "confidentiality=ETH" },
      "loaded", { "labels=ETH" }, "" },
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
    { "hl7v2_condition", { HL7_ADT, "visit=v", "code=e11.9", "code_system=I10C", "text=Diabetes", "kind=A", "rank=1", "diagnosed=20251231", "confidential=Y" }, "loaded",
      { "condition_type=admitting", "normalized_code=E119", "normalized_code_type=icd-10-cm", "source_description=Diabetes", "condition_rank=1", "onset_date=2025-12-31", "labels=R",
        "effective_time=2025-12-31T05:00:00.000000Z", "event_time=2026-01-02T08:04:05.000000Z", "status_action=upsert" }, "" },
    { "hl7v2_condition", { HL7_ADT, "number=D1", "code=x", "kind=ZZ", "action=D" }, "loaded", { "condition_id=D1", "condition_type=zz", "status_action=retract" }, "repaired condition_type repair;" },
    { "hl7v2_condition", { HL7_ADT, "visit=v", "kind=A" }, "none", { NULL }, "" },
    { "hl7v2_condition", { HL7_OF("ADT", "A45"), "code=x" }, "none", { NULL }, "" },
    { "hl7v2_allergy", { HL7_ADT, "kind=DA", "code=7980", "code_text=Penicillin", "severity=SV", "reaction=Rash", "second=Hives", "noticed=20250101" }, "loaded",
      { "category=medication", "reaction_1_severity=severe", "reaction_1_description=Rash", "reaction_2_description=Hives", "onset_date=2025-01-01", "source_allergy_type=DA" }, "" },
    { "hl7v2_allergy", { HL7_ADT, "kind=MA", "code_text=Dust", "severity=U" }, "loaded", { "category=", "reaction_1_severity=", "source_description=Dust" }, "" },
    { "hl7v2_allergy", { HL7_ADT, "kind=DA" }, "none", { NULL }, "" },
    { "hl7v2_adverse_reaction", { HL7_OF("ADT", "A60"), "number=7", "kind=FA", "code=12345", "code_text=Peanut", "severity=MI", "began=20180501", "clinical=C" }, "loaded",
      { "allergy_id=7", "category=food", "verification_status=confirmed", "onset_date=2018-05-01", "reaction_1_severity=mild" }, "" },
    { "hl7v2_adverse_reaction", { HL7_OF("ADT", "A60"), "number=7", "code=12345", "action=D" }, "loaded", { "status_action=retract" }, "" },
    { "hl7v2_procedure", { HL7_ADT, "code=99221", "code_system=C4", "begin=20260101", "doer=7", "first=RT" }, "loaded",
      { "procedure_date=2026-01-01", "practitioner_id=7", "practitioner_system=urn:test", "modifier_1=RT" }, "" },
    { "hl7v2_procedure", { HL7_ADT, "text=Biopsy", "number=P1", "action=D" }, "loaded", { "procedure_id=P1", "status_action=retract", "effective_time=2026-01-02T08:04:05.000000Z" }, "" },
    { "hl7v2_location", { "message_type=ADT", "event=A01", "event_recorded=20260102", "ward=3E", "room=12", "bed=B", "site=GHH", "kind=N" }, "loaded",
      { "name=3E 12 B", "facility_type=N", "parent_location_id=GHH", "location_system=urn:test" }, "" },
    { "hl7v2_location", { "message_type=ADT", "event=A01", "event_recorded=20260102" }, "none", { NULL }, "" },
    { "hl7v2_appointment_location", { "message_type=SIU", "event=S12", "event_recorded=20260102", "ward=OFFICE", "text=Main Office" }, "loaded", { "name=Main Office" }, "" },
    { "hl7v2_appointment", { HL7_OF("SIU", "S12"), "filler=F1", "placer=P1", "begin=20260201083000", "finish=20260201090000", "lasts=30", "lasts_unit=min", "person=9", "ward=OPD" }, "loaded",
      { "appointment_id=F1", "source_status=Booked", "normalized_status=booked", "start_time=2026-02-01T13:30:00.000000Z", "duration_minutes=30", "practitioner_id=9", "status_action=upsert" }, "" },
    { "hl7v2_appointment", { HL7_OF("SIU", "S15"), "placer=P1", "said=Cancelled", "lasts=7200", "lasts_unit=s", "change=Patient" }, "loaded",
      { "appointment_id=P1", "normalized_status=cancelled", "duration_minutes=120", "cancellation_reason=Patient", "start_time=" }, "" },
    { "hl7v2_appointment", { HL7_OF("SIU", "S26"), "filler=F1", "lasts=2", "lasts_unit=HR" }, "loaded", { "normalized_status=noshow", "duration_minutes=120" }, "" },
    { "hl7v2_appointment", { HL7_OF("SIU", "S17"), "filler=F1" }, "loaded", { "status_action=retract" }, "" },
    { "hl7v2_appointment", { HL7_OF("SIU", "S12") }, "quarantined missing_required appointment_id", { NULL }, "" },
    { "hl7v2_immunization", { HL7_OF("VXU", "V04"), "filler=F1", "given=20260101", "cvx=8", "cvx_text=Hep B", "code=58160-0820", "code_system=NDC", "amount=0.5", "unit=mL", "origin=00", "completion=CP", "maker=GSK" }, "loaded",
      { "immunization_id=F1", "normalized_code=08", "normalized_code_type=cvx", "status=completed", "is_primary_source=true", "source_dose=0.5", "occurrence_date=2026-01-01" }, "" },
    { "hl7v2_immunization", { HL7_OF("VXU", "V04"), "filler=9999", "given=20260101", "code=49281021588", "code_system=NDC", "amount=999", "origin=01", "completion=RE", "refused=Parental" }, "loaded",
      { "normalized_code=49281021588", "status=not-done", "is_primary_source=false", "source_dose=", "status_reason=Parental" }, "" },
    { "hl7v2_immunization", { HL7_OF("VXU", "V04"), "filler=F1", "cvx=998" }, "filtered status_ignored", { NULL }, "" },
    { "hl7v2_immunization", { HL7_OF("VXU", "V04"), "filler=F1", "cvx=08", "action=D" }, "loaded", { "status_action=retract", "is_primary_source=" }, "" },
    { "hl7v2_clinical_order", { HL7_OF("OML", "O21"), "placer=O1", "filler=F1", "control=NW", "code=L1", "loinc=57698-3", "urgency=S", "entered=20260101120000", "orderer=9" }, "loaded",
      { "clinical_order_id=O1", "order_type=laboratory", "source_code=57698-3", "source_code_type=LN", "priority=stat", "status=NW", "ordering_practitioner_id=9", "status_action=upsert" }, "" },
    { "hl7v2_clinical_order", { HL7_OF("ORM", "O01"), "filler=F1", "control=CA", "section=RAD" }, "loaded", { "clinical_order_id=F1", "status_action=retract", "order_type=rad" }, "repaired order_type repair;" },
    { "hl7v2_clinical_order", { HL7_OF("OML", "O21"), "placer=O1", "control=PR" }, "filtered status_ignored", { NULL }, "" },
    { "hl7v2_medication_order", { HL7_OF("ORM", "O01"), "placer=O1", "control=NW", "code=1191", "urgency=R" }, "loaded", { "order_type=medication", "priority=routine" }, "" },
    { "hl7v2_medication", { HL7_OF("RDE", "O11"), "number=PN1", "placer=O1", "control=DC", "code=00143963401", "code_system=NDC", "strong=250", "strong_unit=mg", "refills=2", "prescriber=9" }, "loaded",
      { "medication_id=PN1", "ndc_code=00143963401", "status=stopped", "strength=250 mg", "dispense_count=2", "medication_type=prescription" }, "" },
    { "hl7v2_medication_dispense", { HL7_OF("RDS", "O13"), "number=PN1", "count=1", "handed=20260101", "code=308191", "code_system=RXNORM", "amount=10" }, "loaded",
      { "rxnorm_code=308191", "dispensing_date=2026-01-01", "quantity=10.000000", "medication_type=dispense" }, "" },
    { "hl7v2_eligibility", { HL7_ADT, "plan=HMO", "payer_id=31572", "payer_name=Aetna", "policy=W1", "member=M1", "begin=20250101", "finish=20241231", "holder=SEL" }, "loaded",
      { "payer=Aetna", "member_id=M1", "subscriber_id=W1", "enrollment_start_date=2025-01-01", "enrollment_end_date=", "relationship=SEL", "payer_system=urn:test" }, "inconsistent enrollment_end_date null;" },
    { "hl7v2_eligibility", { HL7_ADT, "policy=W1" }, "none", { NULL }, "" },
    { "hl7v2_payer", { HL7_ADT_EVENT, "payer_id=31572", "payer_name=Aetna", "postcode=405124079", "region=Kentucky" }, "loaded",
      { "organization_id=31572", "organization_type=payer", "zip_code=40512-4079", "normalized_state=KY" }, "repaired zip_code repair;" },
    { "hl7v2_payer", { HL7_ADT_EVENT, "payer_name=Aetna" }, "none", { NULL }, "" },
    { "hl7v2_observation", { HL7_ADT, "visit=v", "value_type=NM", "loinc=8867-4", "value_whole=44", "value_first=44", "unit=/min", "range=60-100", "flag=L", "observed=20260101" }, "loaded",
      { "normalized_code=8867-4", "source_value=44.000000", "source_reference_range_high=100", "effective_time=2026-01-01T05:00:00.000000Z" }, "" },
    { "hl7v2_observation", { HL7_ADT, "code=x", "value_whole=a", "value_first=a", "result_status=D" }, "loaded", { "status_action=retract" }, "repaired status repair;" },
    { "hl7v2_observation", { HL7_ADT, "code=x" }, "filtered no_result", { NULL }, "" },
    { "hl7v2_primary_practitioner", { "message_type=ADT", "event=A31", "event_recorded=20260102", "primary_care=88", "family=Hippo" }, "loaded", { "last_name=Hippo", "practitioner_id=88" }, "" },
    { "hl7v2_role_practitioner", { "message_type=ADT", "event=A31", "event_recorded=20260102", "person=121", "assigner=1.2" }, "loaded", { "practitioner_system=1.2" }, "" },
    { "hl7v2_order_practitioner", { "message_type=ORM", "event=O01", "event_recorded=20260102", "orderer=1234567893", "kind=NPI" }, "loaded", { "npi=1234567893" }, "" },
    { "hl7v2_immunization_practitioner", { "message_type=VXU", "event=V04", "event_recorded=20260102", "giver=7824" }, "loaded", { "practitioner_id=7824" }, "" },
    { "hl7v2_appointment_practitioner", { "message_type=SIU", "event=S12", "event_recorded=20260102", "person=600" }, "loaded", { "practitioner_id=600" }, "" },
    { "hl7v2_practitioner", { "message_type=ORU", "message_time=20260102", "orderer=1234567892", "kind=NPI" }, "loaded", { "npi=" }, "bad_code npi null;" },
};
#define SCENARIO_COUNT (sizeof(SCENARIOS) / sizeof(*SCENARIOS))

static const struct program_context CONTEXT = { .system = STR_INIT("urn:test"), .zone = STR_INIT("America/New_York"),
                                                .facility = STR_INIT("STE"), .data_source = STR_INIT("ds"), .name = STR_INIT("B"),
                                                .has_logical_time = true, .logical_time_us = 20458 * US_PER_DAY };

static void
print_cell(const struct chunk *chunk, uint32_t column, uint32_t row, char *out, size_t size)
{
    struct vector vector = chunk_vector(chunk, column);
    out[0]               = '\0';
    if (!vector_is_valid(&vector, row))
        return;
    switch (vector.type.kind) {
    case TYPE_BOOL:
        snprintf(out, size, "%s", ((const uint8_t *)vector.data)[row] != 0 ? "true" : "false");
        break;
    case TYPE_INT64:
        snprintf(out, size, "%lld", (long long)((const int64_t *)vector.data)[row]);
        break;
    case TYPE_DECIMAL:
        decimal_print(((const int64_t *)vector.data)[row], vector.type.scale, out);
        break;
    case TYPE_TIMESTAMP:
        time_print(((const int64_t *)vector.data)[row], out);
        break;
    case TYPE_DATE:
        date_print(((const int32_t *)vector.data)[row], out);
        break;
    default: {
        const struct text *text = &((const struct text *)vector.data)[row];
        snprintf(out, size, "%.*s", (int)text->size, text_data(text));
    }
    }
}

static const char *
outcome_of(const struct program *program, const struct program_result *result, uint32_t row)
{
    static char                  text[200];
    uint32_t                     count;
    const struct program_issue  *issues  = program_issues(program, &count);
    const struct program_filter *filters = program_filters(program, &count);
    switch (result->outcomes[row]) {
    case PROGRAM_NO_ROW:
        return "none";
    case PROGRAM_LOADED:
        return "loaded";
    case PROGRAM_FILTERED:
        snprintf(text, sizeof(text), "filtered %s", filters[result->causes[row]].reason->code);
        return text;
    default:
        snprintf(text, sizeof(text), "quarantined %s %s", issues[result->causes[row]].reason->code,
                 program_schema(program)->columns[issues[result->causes[row]].column].name);
        return text;
    }
}

static void
check_row(const struct scenario *scenario, const struct program *program, const struct program_result *result,
          const struct chunk *out, uint32_t row, const bool *wanted)
{
    uint32_t                    count;
    const struct program_issue *issues = program_issues(program, &count);
    char                        found[400] = "";
    assert_string_equal(outcome_of(program, result, row), scenario->outcome);
    for (uint32_t i = 0; i < result->found_count; i++) {
        const struct program_issue *issue = &issues[result->found[i].issue];
        if (result->found[i].row == row)
            snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s %s %s;", issue->reason->code,
                     program_schema(program)->columns[issue->column].name, model_action_name(issue->action));
    }
    assert_string_equal(found, scenario->issues);
    for (size_t i = 0; i < 16 && scenario->columns[i] != NULL; i++) {
        char        cell[300];
        char        name[64];
        const char *equals = strchr(scenario->columns[i], '=');
        snprintf(name, sizeof(name), "%.*s", (int)(equals - scenario->columns[i]), scenario->columns[i]);
        int32_t column = schema_find(program_schema(program), name);
        if (column < 0 && wanted != NULL)
            continue; /* Key and hash. */
        assert_true(column >= 0);
        print_cell(out, (uint32_t)column, row, cell, sizeof(cell));
        if (wanted != NULL && (uint32_t)column < program_mapping(program)->entity->column_count && !wanted[column] && cell[0] == '\0')
            continue;
        if (strcmp(cell, equals + 1) != 0)
            fail_msg("%s: %s is '%s', not '%s'", scenario->mapping, name, cell, equals + 1);
    }
}

static void
fill_row(struct chunk *raw, const struct mapping *mapping, const struct scenario *scenario, uint32_t row)
{
    struct error err = ERROR_EMPTY;
    for (uint32_t i = 0; i < 3; i++)
        chunk_set_int64(raw, i, row, (int64_t)row);
    for (uint32_t i = 0; i < mapping->field_count; i++)
        chunk_set_null(raw, PROGRAM_RAW_FIELD_FIRST + i, row);
    for (size_t i = 0; i < 16 && scenario->fields[i] != NULL; i++) {
        char        name[64];
        const char *equals = strchr(scenario->fields[i], '=');
        snprintf(name, sizeof(name), "%.*s", (int)(equals - scenario->fields[i]), scenario->fields[i]);
        int32_t field = mapping_field_find(mapping, name);
        if (field < 0)
            fail_msg("%s has no field %s", mapping->name, name);
        assert_int_equal(chunk_set_text(raw, PROGRAM_RAW_FIELD_FIRST + (uint32_t)field, row, equals + 1, strlen(equals + 1), &err), ST_OK);
    }
}

/* Rows of the scenarios, from the one behind by `shift` on. */
static void
fill_rows(struct chunk *raw, const struct mapping *mapping, const struct scenario *const *of_row, uint32_t row_count, uint32_t shift)
{
    chunk_clear(raw);
    for (uint32_t row = 0; row < row_count; row++)
        fill_row(raw, mapping, of_row[(row + shift) % row_count], row);
    raw->row_count = row_count;
}

/* All scenarios of the mapping, over and over until `row_count` rows are full; behind a run over other rows, whose values still lie where nulls are now. */
static void
run(const struct mapping *mapping, uint32_t row_count, const bool *wanted)
{
    static struct schema_column  columns[256];
    const struct program_options options = { .with_event = mapping->format == MODEL_JSON, .with_key = wanted == NULL,
                                             .with_hash = wanted == NULL, .wanted = wanted };
    const struct scenario       *of_row[CHUNK_ROW_COUNT_MAX];
    struct error                 err     = ERROR_EMPTY;
    struct program              *program = NULL;
    struct program_state        *state   = NULL;
    struct program_result        result;
    struct chunk                 raw;
    struct chunk                 out;
    for (uint32_t i = 0; i < 3; i++)
        columns[i] = (struct schema_column){ "n", TYPE(TYPE_INT64) };
    for (uint32_t i = 0; i < mapping->field_count; i++)
        columns[3 + i] = (struct schema_column){ mapping->fields[i].name, TYPE(TYPE_TEXT) };
    struct schema schema = { columns, 3 + mapping->field_count };
    if (program_build(mapping, &CONTEXT, &options, &program, &err) != ST_OK)
        fail_msg("%s: %s", mapping->name, err.message);
    assert_int_equal(program_state_create(program, &state, &err), ST_OK);
    assert_int_equal(chunk_init(&raw, &schema, row_count, &err), ST_OK);
    assert_int_equal(chunk_init(&out, program_schema(program), row_count, &err), ST_OK);
    size_t next = 0;
    for (uint32_t row = 0; row < row_count; next++) {
        const struct scenario *scenario = &SCENARIOS[next % SCENARIO_COUNT];
        if (next > 0 && next % SCENARIO_COUNT == 0 && row == 0)
            fail_msg("mapping %s has no scenario", mapping->name);
        if (strcmp(scenario->mapping, mapping->name) == 0) {
            of_row[row++] = scenario;
        }
    }
    uint32_t loaded = 0;
    for (uint32_t shift = row_count < 3 ? row_count : 3; shift-- > 0;) {
        fill_rows(&raw, mapping, of_row, row_count, shift);
        assert_int_equal(program_run(state, &raw, &out, &result, &err), ST_OK);
    }
    for (uint32_t row = 0; row < row_count; row++) {
        check_row(of_row[row], program, &result, &out, row, wanted);
        loaded += strcmp(of_row[row]->outcome, "loaded") == 0 ? 1 : 0;
    }
    assert_int_equal(result.loaded_count, loaded);
    chunk_release(&out);
    chunk_release(&raw);
    program_state_free(state);
    program_free(program);
}

static void
test_scenarios(void **state)
{
    (void)state;
    static const uint32_t ROW_COUNTS[] = { 1, 7, 40, CHUNK_ROW_COUNT_MAX };
    uint64_t              live         = memory_live_count();
    for (uint32_t i = 0; i < model->mapping_count; i++)
        for (size_t j = 0; j < 4 && model->mappings[i].entity != NULL; j++)
            run(&model->mappings[i], ROW_COUNTS[j], NULL);
    assert_int_equal(memory_live_count(), live);
}

/* Who looks at some columns only gets the same of these, and the same outcomes and issues. */
static void
test_wanted_columns(void **state)
{
    (void)state;
    for (uint32_t pattern = 0; pattern < 8; pattern++) {
        bool wanted[256];
        for (uint32_t i = 0; i < 256; i++)
            wanted[i] = (i * 2654435761u >> (8 + pattern) & 1) != 0;
        for (uint32_t i = 0; i < model->mapping_count; i++)
            if (model->mappings[i].entity != NULL)
                run(&model->mappings[i], 40, wanted);
    }
}

/* A zone that does not exist is told when the program is built. */
static void
test_unknown_zone(void **state)
{
    (void)state;
    struct program_context context = CONTEXT;
    struct program_options options = { .with_key = true };
    struct program        *program = NULL;
    struct error           err     = ERROR_EMPTY;
    context.zone                   = STR("Mars/Olympus_Mons");
    assert_int_equal(program_build(model_mapping(model, STR("hl7v2_patient")), &context, &options, &program, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "Mars"));
}

/* The SELECT names what goes through, every column and the three of the outcome. */
static void
test_select(void **state)
{
    (void)state;
    struct program_options options   = { .with_key = true, .with_hash = true };
    const struct str       passed[]  = { STR("position"), STR("row_number") };
    struct error           err       = ERROR_EMPTY;
    struct str_builder     sql;
    for (uint32_t i = 0; i < model->mapping_count; i++) {
        struct program *program = NULL;
        if (model->mappings[i].entity == NULL)
            continue;
        str_builder_init(&sql);
        assert_int_equal(program_build(&model->mappings[i], &CONTEXT, &options, &program, &err), ST_OK);
        assert_int_equal(program_print_select(program, STR("raw.t"), passed, 2, &sql, &err), ST_OK);
        const char *text = str_builder_cstr(&sql);
        assert_int_equal(strncmp(text, "SELECT \"position\", \"row_number\", ", 33), 0);
        assert_non_null(strstr(text, "row_outcome, row_cause"));
        assert_non_null(strstr(text, " FROM raw.t"));
        int depth = 0;
        for (const char *c = text; *c != '\0'; c++)
            depth += *c == '(' ? 1 : *c == ')' ? -1 : 0;
        assert_int_equal(depth, 0);
        str_builder_release(&sql);
        program_free(program);
    }
    struct str issues = STR("004017");
    uint32_t   issue;
    assert_true(program_issues_next(&issues, &issue));
    assert_int_equal(issue, 4);
    assert_true(program_issues_next(&issues, &issue));
    assert_int_equal(issue, 17);
    assert_false(program_issues_next(&issues, &issue));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios),
        cmocka_unit_test(test_wanted_columns),
        cmocka_unit_test(test_unknown_zone),
        cmocka_unit_test(test_select),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
