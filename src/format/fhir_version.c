/* Which types are of R4, and what tells a resource of an older version: a type or a member that R4 has not (FHIR R4 4.0.1, "Differences
 * to STU3" and "to DSTU2" of each resource's page). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "format/fhir_int.h"

/* Sorted by bytes. */
static const char *const R4_TYPES[] = {
    "Account", "ActivityDefinition", "AdverseEvent", "AllergyIntolerance", "Appointment", "AppointmentResponse", "AuditEvent", "Basic", "Binary",
    "BiologicallyDerivedProduct", "BodyStructure", "Bundle", "CapabilityStatement", "CarePlan", "CareTeam", "CatalogEntry", "ChargeItem",
    "ChargeItemDefinition", "Claim", "ClaimResponse", "ClinicalImpression", "CodeSystem", "Communication", "CommunicationRequest",
    "CompartmentDefinition", "Composition", "ConceptMap", "Condition", "Consent", "Contract", "Coverage", "CoverageEligibilityRequest",
    "CoverageEligibilityResponse", "DetectedIssue", "Device", "DeviceDefinition", "DeviceMetric", "DeviceRequest", "DeviceUseStatement",
    "DiagnosticReport", "DocumentManifest", "DocumentReference", "EffectEvidenceSynthesis", "Encounter", "Endpoint", "EnrollmentRequest",
    "EnrollmentResponse", "EpisodeOfCare", "EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "ExplanationOfBenefit",
    "FamilyMemberHistory", "Flag", "Goal", "GraphDefinition", "Group", "GuidanceResponse", "HealthcareService", "ImagingStudy", "Immunization",
    "ImmunizationEvaluation", "ImmunizationRecommendation", "ImplementationGuide", "InsurancePlan", "Invoice", "Library", "Linkage", "List",
    "Location", "Measure", "MeasureReport", "Media", "Medication", "MedicationAdministration", "MedicationDispense", "MedicationKnowledge",
    "MedicationRequest", "MedicationStatement", "MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication",
    "MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction", "MedicinalProductManufactured",
    "MedicinalProductPackaged", "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "MessageDefinition", "MessageHeader",
    "MolecularSequence", "NamingSystem", "NutritionOrder", "Observation", "ObservationDefinition", "OperationDefinition", "OperationOutcome",
    "Organization", "OrganizationAffiliation", "Parameters", "Patient", "PaymentNotice", "PaymentReconciliation", "Person", "PlanDefinition",
    "Practitioner", "PractitionerRole", "Procedure", "Provenance", "Questionnaire", "QuestionnaireResponse", "RelatedPerson", "RequestGroup",
    "ResearchDefinition", "ResearchElementDefinition", "ResearchStudy", "ResearchSubject", "RiskAssessment", "RiskEvidenceSynthesis", "Schedule",
    "SearchParameter", "ServiceRequest", "Slot", "Specimen", "SpecimenDefinition", "StructureDefinition", "StructureMap", "Subscription",
    "Substance", "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial",
    "SubstanceSpecification", "SupplyDelivery", "SupplyRequest", "Task", "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet",
    "VerificationResult", "VisionPrescription",
};

static int
compare_type(const void *wanted, const void *type)
{
    const struct str *a = wanted;
    const char       *b = *(const char *const *)type;
    int               order = strncmp(a->data, b, a->size);

    return order != 0 ? order : b[a->size] == '\0' ? 0 : -1;
}

bool
fhir_type_is_r4(struct str type)
{
    return type.size > 0
           && bsearch(&type, R4_TYPES, sizeof R4_TYPES / sizeof *R4_TYPES, sizeof *R4_TYPES, compare_type) != NULL;
}

#define EITHER "STU3 or DSTU2"

static const struct {
    const char *type, *version;
} OLD_TYPES[] = {
    { "MedicationOrder", "DSTU2" },        { "DiagnosticOrder", "DSTU2" },   { "Conformance", "DSTU2" },     { "Order", "DSTU2" },
    { "OrderResponse", "DSTU2" },          { "DeviceUseRequest", "DSTU2" },  { "ImagingObjectSelection", "DSTU2" },
    { "ReferralRequest", EITHER },         { "ProcedureRequest", EITHER },   { "EligibilityRequest", EITHER }, { "EligibilityResponse", EITHER },
    { "ProcessRequest", EITHER },          { "ProcessResponse", EITHER },    { "BodySite", EITHER },         { "DataElement", EITHER },
    { "DeviceComponent", EITHER },         { "ImagingManifest", "STU3" },    { "Sequence", "STU3" },         { "ServiceDefinition", "STU3" },
    { "ExpansionProfile", "STU3" },
};

enum shape { ANY, TEXT, OBJECT, ARRAY };

/* A member of the resource, or of the first element of that member, with a shape that it does not have in R4. */
static const struct {
    const char *type, *member, *inner;
    enum shape  shape;
    const char *version;
} OLD_MEMBERS[] = {
    { "Patient", "animal", NULL, ANY, EITHER },
    { "Patient", "careProvider", NULL, ANY, "DSTU2" },
    { "Patient", "name", "family", ARRAY, "DSTU2" },
    { "Practitioner", "name", NULL, OBJECT, "DSTU2" },
    { "Practitioner", "practitionerRole", NULL, ANY, "DSTU2" },
    { "RelatedPerson", "name", NULL, OBJECT, "DSTU2" },
    { "Observation", "related", NULL, ANY, EITHER },
    { "Observation", "comment", NULL, ANY, "STU3" },
    { "Observation", "comments", NULL, ANY, "DSTU2" },
    { "Observation", "context", NULL, ANY, "STU3" },
    { "Observation", "category", NULL, OBJECT, "DSTU2" },
    { "Observation", "interpretation", NULL, OBJECT, EITHER },
    { "Encounter", "class", NULL, TEXT, "DSTU2" },
    { "Encounter", "patient", NULL, ANY, "DSTU2" },
    { "Encounter", "indication", NULL, ANY, "DSTU2" },
    { "Encounter", "reason", NULL, ANY, EITHER },
    { "Encounter", "incomingReferral", NULL, ANY, EITHER },
    { "Condition", "patient", NULL, ANY, "DSTU2" },
    { "Condition", "dateRecorded", NULL, ANY, "DSTU2" },
    { "Condition", "assertedDate", NULL, ANY, "STU3" },
    { "Condition", "context", NULL, ANY, "STU3" },
    { "Condition", "clinicalStatus", NULL, TEXT, EITHER },
    { "Condition", "verificationStatus", NULL, TEXT, EITHER },
    { "AllergyIntolerance", "substance", NULL, ANY, "DSTU2" },
    { "AllergyIntolerance", "assertedDate", NULL, ANY, "STU3" },
    { "AllergyIntolerance", "clinicalStatus", NULL, TEXT, "STU3" },
    { "AllergyIntolerance", "verificationStatus", NULL, TEXT, "STU3" },
    { "AllergyIntolerance", "category", NULL, TEXT, "DSTU2" },
    { "Procedure", "notPerformed", NULL, ANY, "DSTU2" },
    { "Procedure", "notDone", NULL, ANY, "STU3" },
    { "Procedure", "context", NULL, ANY, "STU3" },
    { "MedicationRequest", "context", NULL, ANY, "STU3" },
    { "MedicationRequest", "requester", "agent", ANY, "STU3" },
    { "MedicationStatement", "patient", NULL, ANY, "DSTU2" },
    { "MedicationStatement", "wasNotTaken", NULL, ANY, "DSTU2" },
    { "MedicationStatement", "taken", NULL, ANY, "STU3" },
    { "MedicationAdministration", "patient", NULL, ANY, "DSTU2" },
    { "MedicationAdministration", "notGiven", NULL, ANY, "STU3" },
    { "MedicationAdministration", "prescription", NULL, ANY, EITHER },
    { "MedicationDispense", "patient", NULL, ANY, "DSTU2" },
    { "MedicationDispense", "notDone", NULL, ANY, "STU3" },
    { "Immunization", "date", NULL, ANY, EITHER },
    { "Immunization", "wasNotGiven", NULL, ANY, "DSTU2" },
    { "Immunization", "notGiven", NULL, ANY, "STU3" },
    { "Immunization", "explanation", NULL, ANY, EITHER },
    { "DiagnosticReport", "codedDiagnosis", NULL, ANY, EITHER },
    { "DiagnosticReport", "image", NULL, ANY, EITHER },
    { "DiagnosticReport", "context", NULL, ANY, "STU3" },
    { "Claim", "information", NULL, ANY, "STU3" },
    { "Claim", "employmentImpacted", NULL, ANY, "STU3" },
    { "Claim", "item", "careTeamLinkId", ANY, "STU3" },
    { "ExplanationOfBenefit", "information", NULL, ANY, "STU3" },
    { "ExplanationOfBenefit", "insurance", NULL, OBJECT, "STU3" },
    { "ExplanationOfBenefit", "totalCost", NULL, ANY, "STU3" },
    { "ExplanationOfBenefit", "employmentImpacted", NULL, ANY, "STU3" },
    { "ExplanationOfBenefit", "item", "careTeamLinkId", ANY, "STU3" },
    { "ExplanationOfBenefit", "item", "diagnosisLinkId", ANY, "STU3" },
    { "ClaimResponse", "totalCost", NULL, ANY, "STU3" },
    { "ClaimResponse", "requestProvider", NULL, ANY, "STU3" },
    { "Coverage", "grouping", NULL, ANY, "STU3" },
    { "Coverage", "plan", NULL, TEXT, "DSTU2" },
    { "Coverage", "issuer", NULL, ANY, "DSTU2" },
    { "Goal", "status", NULL, ANY, EITHER },
    { "CarePlan", "context", NULL, ANY, "STU3" },
    { "CareTeam", "context", NULL, ANY, "STU3" },
    { "DocumentReference", "indexed", NULL, ANY, EITHER },
    { "DocumentReference", "class", NULL, ANY, EITHER },
    { "Appointment", "reason", NULL, ANY, EITHER },
    { "Schedule", "actor", NULL, OBJECT, "DSTU2" },
    { "Device", "udi", NULL, ANY, EITHER },
    { "ImagingStudy", "accession", NULL, ANY, EITHER },
    { "ImagingStudy", "availability", NULL, ANY, EITHER },
    { "QuestionnaireResponse", "context", NULL, ANY, "STU3" },
    { "QuestionnaireResponse", "group", NULL, ANY, "DSTU2" },
    { "Questionnaire", "group", NULL, ANY, "DSTU2" },
    { "Provenance", "agent", "whoReference", ANY, "STU3" },
    { "AuditEvent", "event", NULL, ANY, "DSTU2" },
    { "AuditEvent", "agent", "userId", ANY, "STU3" },
    { "Consent", "consentingParty", NULL, ANY, "STU3" },
    { "Consent", "except", NULL, ANY, "STU3" },
    { "Composition", "class", NULL, ANY, EITHER },
    { "List", "note", NULL, TEXT, "DSTU2" },
};

static bool
has_shape(yyjson_val *value, enum shape shape)
{
    switch (shape) {
    case TEXT: return yyjson_is_str(value);
    case OBJECT: return yyjson_is_obj(value);
    case ARRAY: return yyjson_is_arr(value);
    default: return value != NULL;
    }
}

#define OLD_MEMBER_COUNT (sizeof OLD_MEMBERS / sizeof *OLD_MEMBERS)

uint32_t
fhir_old_member_count(void)
{
    return OLD_MEMBER_COUNT;
}

struct str
fhir_old_member(uint32_t index)
{
    CHECK(index < OLD_MEMBER_COUNT);
    return str_from(OLD_MEMBERS[index].member);
}

struct fhir_old
fhir_old_of(struct str type)
{
    struct fhir_old old = { NULL, 0, 0 };

    for (size_t i = 0; i < sizeof OLD_TYPES / sizeof *OLD_TYPES; i++) {
        if (str_equal(type, str_from(OLD_TYPES[i].type)))
            old.type_version = OLD_TYPES[i].version;
    }
    for (uint32_t i = 0; i < OLD_MEMBER_COUNT; i++) {
        if (!str_equal(type, str_from(OLD_MEMBERS[i].type)))
            continue;
        CHECK(old.end == 0 || old.end == i); /* Those of a type stand together. */
        old.begin = old.end == 0 ? i : old.begin;
        old.end   = i + 1;
    }
    return old;
}

bool
fhir_is_old(yyjson_val *resource, struct str type, const struct fhir_old *old, const struct json_plan *plan,
            const struct json_state *json, char ret_detail[DECODE_DETAIL_SIZE])
{
    if (old->type_version != NULL) {
        (void)snprintf(ret_detail, DECODE_DETAIL_SIZE, "%s, told by its type %.*s", old->type_version, STR_PRINTF(type));
        return true;
    }
    for (uint32_t i = old->begin; i < old->end; i++) {
        yyjson_val *value = json != NULL ? json->slots[plan->old_slots[i]] : json_member(resource, str_from(OLD_MEMBERS[i].member));
        const char *inner = OLD_MEMBERS[i].inner;
        if (inner != NULL && yyjson_is_arr(value))
            value = yyjson_arr_get_first(value);
        if (inner != NULL)
            value = yyjson_is_obj(value) ? json_member(value, str_from(inner)) : NULL;
        if (!has_shape(value, OLD_MEMBERS[i].shape))
            continue;
        (void)snprintf(ret_detail, DECODE_DETAIL_SIZE, "%s, told by %s.%s%s%s", OLD_MEMBERS[i].version, OLD_MEMBERS[i].type,
                       OLD_MEMBERS[i].member, inner == NULL ? "" : ".", inner == NULL ? "" : inner);
        return true;
    }
    return false;
}
