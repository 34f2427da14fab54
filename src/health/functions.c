/* The field's rows of the function table. Each help says where the rule comes from. */
#include "health/functions.h"

#include "health/kernels_int.h"

const struct function health_functions[] = {
    { .name = "to_timestamp",
      .help = "The instant that a text names: ISO 8601 (FHIR, JSON, CSV) or HL7 v2 (YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]), "
              "or a day as CMS writes it (17-Jan-1942). "
              "Without an offset it is a local time of the zone, which must be a constant; a date is local midnight.",
      .signature = "(text, text?) -> timestamp", .null_rule = NULL_STRICT, .kernel = kernel_to_timestamp,
      .bind = bind_to_timestamp, .unbind = unbind_to_timestamp },
    { .name = "loinc_is_valid",
      .help = "Whether the code has the form and check digit of a LOINC code, or is one of the 14 deprecated ones that break "
              "it (LOINC Users' Guide).",
      .signature = "(text) -> bool", .null_rule = NULL_STRICT, .kernel = kernel_loinc_is_valid },
    { .name = "npi_is_valid",
      .help = "Whether the ten digits are a US National Provider Identifier: 1 or 2 first, Luhn's digit over 80840 and the "
              "nine (CMS).",
      .signature = "(text) -> bool", .null_rule = NULL_STRICT, .kernel = kernel_npi_is_valid },
    { .name = "digits", .help = "The ASCII digits of the text, nothing else; null where it has none.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_digits },
    { .name = "zip_code",
      .help = "A US ZIP code: five digits, nine as 5-4; four get back the leading zero that spreadsheets take; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_zip_code },
    { .name = "sex_code",
      .help = "FHIR's administrative gender of a code of HL7 table 0001 (HL7 v2-to-FHIR, AdministrativeSex); else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_sex_code },
    { .name = "code_system",
      .help = "The word that the model uses for a code system: of its URI in FHIR R4, its name in HL7 table 0396, its OID, or a "
              "common spelling; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_code_system },
    { .name = "encounter_class",
      .help = "The class in HL7 v3 ActCode of a code of HL7 table 0004 (HL7 v2-to-FHIR, PatientClass) or a word of "
              "Synthea's; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_encounter_class },
    { .name = "name_key",
      .help = "Names to compare: Unicode letters and digits in upper case without marks, words parted by one blank; null "
              "where nothing is left.",
      .signature = "(text...) -> text", .null_rule = NULL_SEEN, .kernel = kernel_name_key },
    { .name = "abnormal_flag", .help = "The code of HL7 table 0078 in upper case; null where it is none or says nothing.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_abnormal_flag },
    { .name = "specimen_condition",
      .help = "The codes of HL7 table 0493 that stand in it as whole components, with commas between, in the table's order; hemolyzed and its spellings are "
              "HEM. Null where there is none: words such as not hemolyzed say nothing.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_specimen_condition },
    { .name = "result_number",
      .help = "The number of a result: 7.2, <0.01, >= 5; null where it is words, a range, a ratio, or has a decimal comma.",
      .signature = "(text) -> decimal(18,6)", .null_rule = NULL_STRICT, .kernel = kernel_result_number },
    { .name = "result_comparator",
      .help = "<, <=, >, >= where the result begins with it and goes on with a number or not at all; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_result_comparator },
    { .name = "range_low", .help = "Lower bound of a reference range (HL7 v2 OBX-7): 3.5-5.1, 13 to 18, >10; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_range_low },
    { .name = "range_high", .help = "Upper bound of a reference range (HL7 v2 OBX-7): 3.5-5.1, 13 to 18, <5; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_range_high },
    { .name = "result_status_rank",
      .help = "Order of statuses of HL7 table 0085: nothing yet 0, preliminary 1, final 2, corrected 3, withdrawn 4.",
      .signature = "(text) -> int64", .null_rule = NULL_STRICT, .kernel = kernel_result_status_rank },
    { .name = "unit_standard",
      .help = "The UCUM unit in which results of the LOINC code are kept, if the given unit can be brought to it; without a "
              "known code the unit itself in UCUM's spelling (model/terms/units.json).",
      .signature = "(text, text) -> text", .null_rule = NULL_SEEN, .kernel = kernel_unit_standard },
    { .name = "unit_convert",
      .help = "The value, given in a unit, in that of unit_standard for the LOINC code: exact factors, rounded half away from "
              "zero to six places; null where units do not fit.",
      .signature = "(decimal(18,6), text, text) -> decimal(18,6)", .null_rule = NULL_SEEN, .kernel = kernel_unit_convert },
    { .name = "mbi_is_valid",
      .help = "Whether the 11 characters are a Medicare Beneficiary Identifier: 1-9, A, AN, N, A, AN, N, A, A, N, "
              "N, letters without S, L, O, I, B, Z, no hyphens (CMS). Synthetic ones have an S second and are none.",
      .signature = "(text) -> bool", .null_rule = NULL_STRICT, .kernel = kernel_mbi_is_valid },
    { .name = "ssn_is_valid",
      .help = "Whether nine digits, or 3-2-4 with hyphens, can be a Social Security number: the area is not 000, "
              "666 or 900 to 999, the group not 00, the serial not 0000 (SSA). Synthetic ones begin with 999.",
      .signature = "(text) -> bool", .null_rule = NULL_STRICT, .kernel = kernel_ssn_is_valid },
    { .name = "icd10cm_is_valid",
      .help = "Whether the text has the form of an ICD-10-CM code, with or without its dot: letter, digit, digit or "
              "letter (a letter in C4A, C7A, C7B, D3A, M1A, O9A and Z3A only), up to four more (NCHS, FY2019 file). "
              "Whether there is such a code is not told.",
      .signature = "(text) -> bool", .null_rule = NULL_STRICT, .kernel = kernel_icd10cm_is_valid },
    { .name = "icd10cm_code",
      .help = "An ICD-10-CM code as it is kept: upper case without the dot; null where it has no such form.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_icd10cm_code },
    { .name = "icd10cm_display",
      .help = "An ICD-10-CM code as it is shown: upper case with the dot after the third character; null where it "
              "has no such form.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_icd10cm_display },
    { .name = "ndc_11",
      .help = "A National Drug Code in eleven digits: 4-4-2 is filled first, 5-3-2 second, 5-4-1 third; 5-4-2 and "
              "eleven digits as they are; null otherwise, for ten digits without hyphens are ambiguous (FDA, 21 CFR "
              "207.33).",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_ndc_11 },
    { .name = "cvx_code",
      .help = "A vaccine code of CVX, two or three digits; one digit gets back the leading zero that spreadsheets "
              "take (CDC); else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_cvx_code },
    { .name = "phone_number",
      .help = "A telephone number in E.164: +1 and ten digits of the North American plan, area and exchange "
              "beginning with 2 to 9 (NANPA), a + and up to 15 digits of elsewhere; an extension is left out; else "
              "null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_phone_number },
    { .name = "email_address",
      .help = "An address of electronic mail without the blanks around it and in lower case (ASCII); null where it "
              "has not one @ with something before it and a domain with a dot behind it.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_email_address },
    { .name = "state_code",
      .help = "Two letters of a state, a territory or the armed forces, from them or the name (USPS Publication 28, "
              "appendix B); else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_state_code },
    { .name = "state_name",
      .help = "The name of a state, a territory or the armed forces, from its two letters or the name (USPS "
              "Publication 28, appendix B); else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_state_name },
    { .name = "race_code",
      .help = "The category of OMB, as a code of CDC's Race and Ethnicity code set (HL7 table 0005): 1002-5, "
              "2028-9, 2054-5, 2076-8, 2106-3, or 2131-1, UNK, ASKU. From a code of the set, also of a detailed "
              "race, a name, or a word of Synthea's; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_race_code },
    { .name = "race_name",
      .help = "The name of race_code in lower case: white, black or african american, …; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_race_name },
    { .name = "ethnicity_code",
      .help = "2135-2 (Hispanic or Latino), 2186-5 (not), UNK or ASKU: from a code of CDC's Race and Ethnicity code "
              "set, of HL7 table 0189, a name, or a word of Synthea's; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_ethnicity_code },
    { .name = "ethnicity_name",
      .help = "The name of ethnicity_code in lower case: hispanic or latino, not hispanic or latino, …; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_ethnicity_name },
    { .name = "marital_status",
      .help = "What a code of HL7 v2 table 0002 says, in lower case: single, married, divorced, …; L and UNK of HL7 "
              "v3 are taken too, its A, P, T and U are not told from those of v2; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_marital_status },
    { .name = "name_suffix",
      .help = "The suffixes that a name ends in, in one form each: JR, SR, II, III, IV, V, MD, RN, … (CAQH CORE rule 258 and "
              "further degrees); else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_name_suffix },
    { .name = "last_name_key",
      .help = "A last name to compare: as name_key, without titles, suffixes, blanks, hyphens and apostrophes (CAQH CORE rule "
              "258): ODONNELLGRISWOLD; null where nothing is left.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_last_name_key },
    { .name = "address_key",
      .help = "A street address to compare: upper case letters without marks, directionals, suffixes, secondary units and post "
              "office boxes in the forms of USPS Publication 28; null where nothing is left.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_address_key },
    { .name = "sha256", .help = "SHA-256 of the text's bytes (FIPS 180-4), 64 hexadecimal digits.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_sha256 },
    { .name = "local_date", .help = "The date of an instant on the calendar of a zone, which must be a constant.",
      .signature = "(timestamp, text) -> date", .null_rule = NULL_STRICT, .kernel = kernel_local_date, .constants = 1u << 1,
      .bind = bind_to_timestamp, .unbind = unbind_to_timestamp },
    { .name = "person_hash",
      .help = "person_id of an identifier (system, value) under a key of 32 hexadecimal digits: SipHash-2-4-128.",
      .signature = "(text, text, text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_person_hash,
      .bind = bind_person_hash, .unbind = unbind_person_hash },
    { .name = "reference_id",
      .help = "The identity that a FHIR reference names, of (reference, fullUrl of its entry, own identity): Type/id of a relative or "
              "RESTful one without /_history, the id of urn:uuid: and urn:oid:, own identity and #id of a contained one; null of a "
              "conditional one (FHIR R4, References and Bundle: resolving references).",
      .signature = "(text, text?, text?) -> text", .null_rule = NULL_SEEN, .kernel = kernel_reference_id },
    { .name = "reference_system",
      .help = "The base that a FHIR reference is read against, of (reference, fullUrl of its entry): of a RESTful URL what stands before "
              "Type/id, of a relative or contained one the fullUrl's; null where there is none, so of urn: too.",
      .signature = "(text, text?) -> text", .null_rule = NULL_SEEN, .kernel = kernel_reference_system },
    { .name = "reference_type", .help = "The type of resource that a FHIR reference names: of Type/id, a RESTful URL or Type?query; else null.",
      .signature = "(text) -> text", .null_rule = NULL_STRICT, .kernel = kernel_reference_type },
    { .name = "resource_id",
      .help = "The identity of a FHIR resource, of (type, id, fullUrl, id as contained): what reference_id makes of the fullUrl, else "
              "Type/id; of a contained one its container's and #id. So references find it by equality.",
      .signature = "(text, text, text?, text?) -> text", .null_rule = NULL_SEEN, .kernel = kernel_resource_id },
};
const size_t health_function_count = sizeof(health_functions) / sizeof(*health_functions);
