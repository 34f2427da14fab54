/* Names of code systems: what senders call one, to the one word that the model uses for it. */
#include "health/codes.h"
#include "health/kernels_int.h"

/* The words are those of Tuva's input layer (code_type). URIs: FHIR R4, "Using Codes" (terminologies-systems). Names of
 * HL7 v2: table 0396. OIDs: HL7's OID registry. The rest is how Synthea and claims files write them. */
static const struct code_pair CODE_SYSTEMS[] = {
    { "http://snomed.info/sct", "snomed-ct" },
    { "http://loinc.org", "loinc" },
    { "http://www.nlm.nih.gov/research/umls/rxnorm", "rxnorm" },
    { "http://hl7.org/fhir/sid/cvx", "cvx" },
    { "http://hl7.org/fhir/sid/icd-10-cm", "icd-10-cm" },
    { "http://hl7.org/fhir/sid/icd-9-cm", "icd-9-cm" },
    { "http://hl7.org/fhir/sid/icd-10", "icd-10" },
    { "http://hl7.org/fhir/sid/ndc", "ndc" },
    { "http://www.ama-assn.org/go/cpt", "cpt" },
    { "http://www.cms.gov/Medicare/Coding/ICD10", "icd-10-pcs" },
    { "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "hcpcs" },
    { "http://www.whocc.no/atc", "atc" },
    { "http://unitsofmeasure.org", "ucum" },
    { "http://nucc.org/provider-taxonomy", "nucc" },
    { "SCT", "snomed-ct" },
    { "SNOMED-CT", "snomed-ct" },
    { "SNOMED", "snomed-ct" },
    { "SNM", "snomed" },
    { "LN", "loinc" },
    { "LOINC", "loinc" },
    { "RXNORM", "rxnorm" },
    { "CVX", "cvx" },
    { "I10C", "icd-10-cm" },
    { "ICD-10-CM", "icd-10-cm" },
    { "ICD10CM", "icd-10-cm" },
    { "I10P", "icd-10-pcs" },
    { "ICD-10-PCS", "icd-10-pcs" },
    { "I9C", "icd-9-cm" },
    { "I9CDX", "icd-9-cm" },
    { "ICD-9-CM", "icd-9-cm" },
    { "I9CP", "icd-9-pcs" },
    { "ICD-9-PCS", "icd-9-pcs" },
    { "I10", "icd-10" },
    { "ICD-10", "icd-10" },
    { "NDC", "ndc" },
    { "C4", "cpt" },
    { "CPT", "cpt" },
    { "CPT4", "cpt" },
    { "HCPCS", "hcpcs" },
    { "HPC", "hcpcs" },
    { "ATC", "atc" },
    { "UCUM", "ucum" },
    { "NUCC", "nucc" },
    { "2.16.840.1.113883.6.96", "snomed-ct" },
    { "2.16.840.1.113883.6.1", "loinc" },
    { "2.16.840.1.113883.6.88", "rxnorm" },
    { "2.16.840.1.113883.12.292", "cvx" },
    { "2.16.840.1.113883.6.90", "icd-10-cm" },
    { "2.16.840.1.113883.6.4", "icd-10-pcs" },
    { "2.16.840.1.113883.6.103", "icd-9-cm" },
    { "2.16.840.1.113883.6.104", "icd-9-pcs" },
    { "2.16.840.1.113883.6.3", "icd-10" },
    { "2.16.840.1.113883.6.69", "ndc" },
    { "2.16.840.1.113883.6.12", "cpt" },
    { "2.16.840.1.113883.6.285", "hcpcs" },
    { "2.16.840.1.113883.6.73", "atc" },
};

const char *
code_system_word(struct str name)
{
    name = str_trim(name);
    if (str_starts_with(name, STR("urn:oid:")))
        name = str_slice(name, 8, name.size);
    for (size_t i = 0; i < sizeof(CODE_SYSTEMS) / sizeof(*CODE_SYSTEMS); i++)
        if (str_equal_ignore_case(name, str_from(CODE_SYSTEMS[i].from)))
            return CODE_SYSTEMS[i].to;
    return NULL;
}

KERNEL(code_system)
{
    (void)context;
    (void)argument_count;
    struct str  before = STR_EMPTY; /* Rows of a mapping name one or two systems over and over. */
    const char *word   = NULL;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str name = vector_str(&args[0], row);
        if (row == 0 || !str_equal(name, before))
            word = code_system_word(name);
        before = name;
        if (word == NULL)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, word, strlen(word));
    }
}
