/* The functions of the field, by table: arguments and result as text. Boundary values stand beside the rule they test. */
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/time.h"
#include "column/kernel.h"
#include "health/functions.h"

struct row {
    const char *function;
    const char *args[4]; /* NULL: null. */
    const char *expected;
};

#define ZONE "America/New_York"

static const struct row ROWS[] = {
    /* HL7 v2: every precision; a date is local midnight. */
    { "to_timestamp", { "2024", ZONE }, "2024-01-01T05:00:00.000000Z" },
    { "to_timestamp", { "202407", ZONE }, "2024-07-01T04:00:00.000000Z" },
    { "to_timestamp", { "20240704", ZONE }, "2024-07-04T04:00:00.000000Z" },
    { "to_timestamp", { "2024070409", ZONE }, "2024-07-04T13:00:00.000000Z" },
    { "to_timestamp", { "202407040930", ZONE }, "2024-07-04T13:30:00.000000Z" },
    { "to_timestamp", { "20240704093015", ZONE }, "2024-07-04T13:30:15.000000Z" },
    { "to_timestamp", { "20240704093015.5", ZONE }, "2024-07-04T13:30:15.500000Z" },
    { "to_timestamp", { "20240704093015.1234567", ZONE }, "2024-07-04T13:30:15.123456Z" },
    { "to_timestamp", { "20240704093015+0200", ZONE }, "2024-07-04T07:30:15.000000Z" },
    { "to_timestamp", { "202407040930-0500", ZONE }, "2024-07-04T14:30:00.000000Z" },
    { "to_timestamp", { "20240704+0000", ZONE }, "2024-07-04T00:00:00.000000Z" },
    { "to_timestamp", { "2024-0500", ZONE }, "2024-01-01T05:00:00.000000Z" },
    { "to_timestamp", { "20240704093060", ZONE }, "2024-07-04T13:31:00.000000Z" },
    { "to_timestamp", { "20240704093061", ZONE }, NULL },
    { "to_timestamp", { "2024070424", ZONE }, NULL },
    { "to_timestamp", { "20240230", ZONE }, NULL },
    { "to_timestamp", { "20230229", ZONE }, NULL },
    { "to_timestamp", { "20241301", ZONE }, NULL },
    { "to_timestamp", { "00000101", ZONE }, NULL },
    { "to_timestamp", { "99991231235959", ZONE }, "+010000-01-01T04:59:59.000000Z" },
    { "to_timestamp", { "202407040930.5", ZONE }, NULL },
    { "to_timestamp", { "20240704093015.", ZONE }, NULL },
    { "to_timestamp", { "2024070409301", ZONE }, NULL },
    { "to_timestamp", { "20240704093015+1401", ZONE }, NULL },
    { "to_timestamp", { "20240704093015+02", ZONE }, NULL },
    { "to_timestamp", { "20240704093015Z", ZONE }, NULL },
    { "to_timestamp", { "Aug 15, 1942", ZONE }, NULL },
    { "to_timestamp", { "", ZONE }, NULL },
    /* ISO 8601. */
    { "to_timestamp", { "2024-07-04", ZONE }, "2024-07-04T04:00:00.000000Z" },
    { "to_timestamp", { "2024-07", ZONE }, "2024-07-01T04:00:00.000000Z" },
    { "to_timestamp", { "2024-07-04T09:30:15Z", ZONE }, "2024-07-04T09:30:15.000000Z" },
    { "to_timestamp", { "2024-07-04T09:30:15.25+02:00", ZONE }, "2024-07-04T07:30:15.250000Z" },
    { "to_timestamp", { "2024-07-04 09:30:15", ZONE }, "2024-07-04T13:30:15.000000Z" },
    { "to_timestamp", { "2024-07-04T24:00:00Z", ZONE }, NULL },
    /* The hour that the clock showed twice is the first of the two; the one that it never showed goes on. */
    { "to_timestamp", { "2024-11-03T01:30:00", ZONE }, "2024-11-03T05:30:00.000000Z" },
    { "to_timestamp", { "2024-03-10T02:30:00", ZONE }, "2024-03-10T07:30:00.000000Z" },
    { "to_timestamp", { NULL, ZONE }, NULL },

    { "loinc_is_valid", { "718-7" }, "true" },
    { "loinc_is_valid", { "2345-7" }, "true" },
    { "loinc_is_valid", { "2345-8" }, "false" },
    { "loinc_is_valid", { "11491-6" }, "true" },
    { "loinc_is_valid", { "6649-9" }, "true" },
    { "loinc_is_valid", { "6649-7" }, "false" },
    { "loinc_is_valid", { "-7" }, "false" },
    { "loinc_is_valid", { "LP6118-6" }, "false" },
    { "loinc_is_valid", { "23457" }, "false" },
    { "loinc_is_valid", { "" }, "false" },
    { "loinc_is_valid", { "12345678-1" }, "false" },
    { "loinc_is_valid", { NULL }, NULL },

    { "npi_is_valid", { "1234567893" }, "true" },
    { "npi_is_valid", { "1234567892" }, "false" },
    { "npi_is_valid", { "9999999992" }, "false" },
    { "npi_is_valid", { "123456789" }, "false" },
    { "npi_is_valid", { "12345678930" }, "false" },
    { "npi_is_valid", { "123456789X" }, "false" },

    { "digits", { "999-12-3456" }, "999123456" },
    { "digits", { "none" }, NULL },
    { "digits", { "(555) 123 4567 ext. 89 and more than twelve" }, "555123456789" },

    /* FHIR R4: References, and the example bundle-references. */
    { "reference_id", { "Patient/7", NULL, NULL }, "Patient/7" },
    { "reference_id", { " Patient/7/_history/2", NULL, NULL }, "Patient/7" },
    { "reference_id", { "https://a.b/fhir/Patient/7/_history/2", NULL, NULL }, "Patient/7" },
    { "reference_id", { "urn:uuid:0C3151BD-1CBF-4D64-B04D-CD9187A4C6E0", NULL, NULL }, "0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0" },
    { "reference_id", { "urn:oid:1.2.3", NULL, NULL }, "1.2.3" },
    { "reference_id", { "#x", NULL, "Claim/1" }, "Claim/1#x" },
    { "reference_id", { "#x", NULL, "Claim/1#y" }, "Claim/1#x" },
    { "reference_id", { "#", NULL, "Claim/1#y" }, "Claim/1" },
    { "reference_id", { "#x", NULL, NULL }, NULL },
    { "reference_id", { "Patient?identifier=a|7", NULL, NULL }, NULL },
    { "reference_id", { "https://a.b/c?d=e", NULL, NULL }, "https://a.b/c?d=e" },
    { "reference_id", { "words", NULL, NULL }, NULL },
    { "reference_id", { "Patient/", NULL, NULL }, NULL },
    { "reference_id", { NULL, NULL, NULL }, NULL },
    { "reference_system", { "https://a.b/fhir/Patient/7", NULL }, "https://a.b/fhir" },
    { "reference_system", { "Patient/7", "https://a.b/fhir/Observation/1" }, "https://a.b/fhir" },
    { "reference_system", { "#x", "https://a.b/fhir/Observation/1" }, "https://a.b/fhir" },
    { "reference_system", { "https://c/Patient/7", "https://a.b/fhir/Observation/1" }, "https://c" },
    { "reference_system", { "Patient/7", "urn:uuid:1" }, NULL },
    { "reference_system", { "urn:uuid:2", "https://a.b/fhir/Observation/1" }, NULL },
    { "reference_type", { "https://a.b/fhir/Patient/7" }, "Patient" },
    { "reference_type", { "Patient?a=b" }, "Patient" },
    { "reference_type", { "urn:uuid:2" }, NULL },
    { "resource_id", { "Patient", "7", NULL, NULL }, "Patient/7" },
    { "resource_id", { "Patient", "7", "urn:uuid:AB", NULL }, "ab" },
    { "resource_id", { "Patient", "7", "https://a.b/fhir/Patient/8", NULL }, "Patient/8" },
    { "resource_id", { "Claim", "1", NULL, "x" }, "Claim/1#x" },
    { "resource_id", { "Claim", "1", "urn:uuid:AB", "x" }, "ab#x" },
    { "resource_id", { "Claim", NULL, NULL, "x" }, NULL },

    { "zip_code", { "02138" }, "02138" },
    { "zip_code", { " 02138 " }, "02138" },
    { "zip_code", { "1730" }, "01730" },
    { "zip_code", { "021381234" }, "02138-1234" },
    { "zip_code", { "02138-1234" }, "02138-1234" },
    { "zip_code", { "173" }, NULL },
    { "zip_code", { "21381234" }, NULL },
    { "zip_code", { "0213-81234" }, NULL },
    { "zip_code", { "K1A 0B1" }, NULL },
    { "zip_code", { "0213812345" }, NULL },

    { "mbi_is_valid", { "1EG4TE5MK73" }, "true" }, /* CMS's own example, without its hyphens. */
    { "mbi_is_valid", { "1EG4-TE5-MK73" }, "false" },
    { "mbi_is_valid", { "0EG4TE5MK73" }, "false" },
    { "mbi_is_valid", { "1SG4TE5MK73" }, "false" },
    { "mbi_is_valid", { "1EG4TE5MK7" }, "false" },
    { "mbi_is_valid", { "1EG4TE5MK7A" }, "false" },
    { "mbi_is_valid", { "1E94TE5MK73" }, "true" },
    { "mbi_is_valid", { "1eg4te5mk73" }, "false" },

    { "ssn_is_valid", { "123-45-6789" }, "true" },
    { "ssn_is_valid", { "899999999" }, "true" },
    { "ssn_is_valid", { "900-12-3456" }, "false" },
    { "ssn_is_valid", { "999-12-3456" }, "false" },
    { "ssn_is_valid", { "000-12-3456" }, "false" },
    { "ssn_is_valid", { "666123456" }, "false" },
    { "ssn_is_valid", { "665123456" }, "true" },
    { "ssn_is_valid", { "123-00-4567" }, "false" },
    { "ssn_is_valid", { "123-45-0000" }, "false" },
    { "ssn_is_valid", { "123-456-789" }, "false" },
    { "ssn_is_valid", { "" }, "false" },

    { "icd10cm_is_valid", { "E11.9" }, "true" },
    { "icd10cm_is_valid", { "C4A.0" }, "true" },
    { "icd10cm_is_valid", { "C5A.0" }, "false" },
    { "icd10cm_is_valid", { "250.00" }, "false" },
    { "icd10cm_is_valid", { "E1" }, "false" },
    { "icd10cm_code", { "E11.9" }, "E119" },
    { "icd10cm_code", { " t36.0x1a " }, "T360X1A" },
    { "icd10cm_code", { "T360X1AB" }, NULL },
    { "icd10cm_code", { "I10" }, "I10" },
    { "icd10cm_code", { "I10." }, NULL },
    { "icd10cm_code", { "I1.0" }, NULL },
    { "icd10cm_code", { "E11.9.1" }, NULL },
    { "icd10cm_code", { "O9A2" }, "O9A2" },
    { "icd10cm_code", { "" }, NULL },
    { "icd10cm_display", { "T360X1A" }, "T36.0X1A" },
    { "icd10cm_display", { "I10" }, "I10" },
    { "icd10cm_display", { "e119" }, "E11.9" },
    { "icd10cm_display", { "E-119" }, NULL },

    { "ndc_11", { "1234-5678-90" }, "01234567890" },
    { "ndc_11", { "12345-678-90" }, "12345067890" },
    { "ndc_11", { "12345-6789-0" }, "12345678900" },
    { "ndc_11", { "12345-6789-01" }, "12345678901" },
    { "ndc_11", { "12345678901" }, "12345678901" },
    { "ndc_11", { "1234567890" }, NULL },
    { "ndc_11", { "1234-567-90" }, NULL },
    { "ndc_11", { "123456-7890-12" }, NULL },
    { "ndc_11", { "12345-6789" }, NULL },
    { "ndc_11", { "12345-6789-01-1" }, NULL },
    { "ndc_11", { "1234A-678-90" }, NULL },
    { "ndc_11", { "" }, NULL },

    { "cvx_code", { "8" }, "08" },
    { "cvx_code", { "08" }, "08" },
    { "cvx_code", { " 140 " }, "140" },
    { "cvx_code", { "1400" }, NULL },
    { "cvx_code", { "0x8" }, NULL },
    { "cvx_code", { "" }, NULL },

    { "phone_number", { "(617) 555-0123" }, "+16175550123" },
    { "phone_number", { "1-617-555-0123" }, "+16175550123" },
    { "phone_number", { "+1 617 555 0123 ext. 45" }, "+16175550123" },
    { "phone_number", { "617.555.0123x45" }, "+16175550123" },
    { "phone_number", { "tel:+16175550123" }, "+16175550123" },
    { "phone_number", { "+49 30 123456" }, "+4930123456" },
    { "phone_number", { "+123456789012345" }, NULL },
    { "phone_number", { "+234567890123456" }, "+234567890123456" },
    { "phone_number", { "+2345678901234567" }, NULL },
    { "phone_number", { "117-555-0123" }, NULL },
    { "phone_number", { "617-155-0123" }, NULL },
    { "phone_number", { "555-0123" }, NULL },
    { "phone_number", { "none" }, NULL },
    { "phone_number", { "" }, NULL },

    { "email_address", { " Jane.Doe@Example.ORG " }, "jane.doe@example.org" },
    { "email_address", { "jane@localhost" }, NULL },
    { "email_address", { "@example.org" }, NULL },
    { "email_address", { "jane@.org" }, NULL },
    { "email_address", { "jane@example." }, NULL },
    { "email_address", { "jane doe@example.org" }, NULL },
    { "email_address", { "jane@x@example.org" }, NULL },
    { "email_address", { "" }, NULL },


    { "state_code", { "Massachusetts" }, "MA" },
    { "state_code", { " ma " }, "MA" },
    { "state_code", { "PUERTO RICO" }, "PR" },
    { "state_code", { "U.S. Virgin Islands" }, "VI" },
    { "state_code", { "DC" }, "DC" },
    { "state_code", { "AE" }, "AE" },
    { "state_code", { "XX" }, NULL },
    { "state_code", { "Bavaria" }, NULL },
    { "state_code", { "" }, NULL },
    { "state_name", { "mp" }, "Northern Mariana Islands" },
    { "state_name", { "new york" }, "New York" },
    { "state_name", { "Micronesia" }, "Federated States of Micronesia" },
    { "state_name", { "NEW" }, NULL },

    { "race_code", { "2106-3" }, "2106-3" },
    { "race_code", { "2034-7" }, "2028-9" }, /* Chinese. */
    { "race_code", { "2034-8" }, NULL },
    { "race_code", { "2500-7" }, "2076-8" },
    { "race_code", { "native" }, "1002-5" },
    { "race_code", { "Black or African American" }, "2054-5" },
    { "race_code", { "Native Hawaiian or Other Pacific Islander" }, "2076-8" },
    { "race_code", { "UNK" }, "UNK" },
    { "race_code", { "2135-2" }, NULL },
    { "race_code", { "" }, NULL },
    { "race_name", { "white" }, "white" },
    { "race_name", { "asian" }, "asian" },
    { "race_name", { "2054-5" }, "black or african american" },
    { "race_name", { "other" }, "other race" },
    { "race_name", { "martian" }, NULL },
    { "ethnicity_code", { "H" }, "2135-2" },
    { "ethnicity_code", { "nonhispanic" }, "2186-5" },
    { "ethnicity_code", { "2148-5" }, "2135-2" }, /* Mexican. */
    { "ethnicity_code", { "2186-5" }, "2186-5" },
    { "ethnicity_code", { "2187-3" }, NULL },
    { "ethnicity_name", { "hispanic" }, "hispanic or latino" },
    { "ethnicity_name", { "Not Hispanic or Latino" }, "not hispanic or latino" },
    { "ethnicity_name", { "U" }, "unknown" },
    { "ethnicity_name", { "white" }, NULL },
    { "marital_status", { "M" }, "married" },
    { "marital_status", { "s" }, "single" },
    { "marital_status", { "Never Married" }, "single" },
    { "marital_status", { "L" }, "legally separated" },
    { "marital_status", { "Q" }, NULL },
    { "marital_status", { "" }, NULL },

    { "name_suffix", { "Smith, Jr." }, "JR" },
    { "name_suffix", { "Smith Junior M.D." }, "JR MD" },
    { "name_suffix", { "III" }, "III" },
    { "name_suffix", { "Burn" }, NULL },
    { "name_suffix", { "" }, NULL },
    { "last_name_key", { "O'Donnell-Griswold" }, "ODONNELLGRISWOLD" },
    { "last_name_key", { "de la Cruz" }, "DELACRUZ" },
    { "last_name_key", { "DeLaCruz, Sr." }, "DELACRUZ" },
    { "last_name_key", { "Dr. M\303\274ller III" }, "MULLER" },
    { "last_name_key", { "Burn" }, "BURN" },
    { "last_name_key", { "Do" }, "DO" }, /* A family name: a sole word stays. */
    { "last_name_key", { "MR JR" }, "MR" },
    { "last_name_key", { " - " }, NULL },
    { "last_name_key", { "\xff\xfe" }, NULL },

    { "address_key", { "123 North Main Street, Apt. 4" }, "123 N MAIN ST APT 4" },
    { "address_key", { "123 n. main st #4" }, "123 N MAIN ST # 4" },
    { "address_key", { "12 North Street" }, "12 NORTH ST" },
    { "address_key", { "12 Avenue Road Northeast" }, "12 AVENUE RD NE" },
    { "address_key", { "12-34 1/2 Oak Boulevard Suite 500" }, "12-34 1/2 OAK BLVD STE 500" },
    { "address_key", { "P.O. Box 12" }, "PO BOX 12" },
    { "address_key", { "post office box 12" }, "PO BOX 12" },
    { "address_key", { "Box 12" }, "PO BOX 12" },
    { "address_key", { "7 \303\211cole Lane" }, "7 ECOLE LN" },
    { "address_key", { "1 Floor" }, "1 FLOOR" },
    { "address_key", { "Street" }, "STREET" },
    { "address_key", { ",, ;" }, NULL },
    { "address_key", { "" }, NULL },

    { "local_date", { "2024-07-04T03:59:59Z", ZONE }, "2024-07-03" },
    { "local_date", { "2024-07-04T04:00:00Z", ZONE }, "2024-07-04" },
    { "local_date", { "1969-12-31T23:59:59Z", ZONE }, "1969-12-31" },
    { "local_date", { NULL, ZONE }, NULL },

    { "sha256", { "" }, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }, /* FIPS 180-4's examples. */
    { "sha256", { "abc" }, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },

    { "code_system", { "http://snomed.info/sct" }, "snomed-ct" },
    { "code_system", { " Snomed-CT " }, "snomed-ct" },
    { "code_system", { "urn:oid:2.16.840.1.113883.6.90" }, "icd-10-cm" },
    { "code_system", { "2.16.840.1.113883.6.88" }, "rxnorm" },
    { "code_system", { "I10C" }, "icd-10-cm" },
    { "code_system", { "LN" }, "loinc" },
    { "code_system", { "http://snomed.info/sct/731000124108" }, NULL },
    { "code_system", { "L" }, NULL },
    { "code_system", { "" }, NULL },
    { "sex_code", { "F" }, "female" },
    { "sex_code", { "m" }, "male" },
    { "sex_code", { "Female" }, "female" },
    { "sex_code", { "A" }, "other" },
    { "sex_code", { "N" }, "other" },
    { "sex_code", { "U" }, "unknown" },
    { "sex_code", { "X" }, NULL },
    { "sex_code", { "" }, NULL },

    { "encounter_class", { "wellness" }, "AMB" },
    { "encounter_class", { "urgentcare" }, "AMB" },
    { "encounter_class", { "inpatient" }, "IMP" },
    { "encounter_class", { "emergency" }, "EMER" },
    { "encounter_class", { "virtual" }, "VR" },
    { "encounter_class", { "I" }, "IMP" },
    { "encounter_class", { "imp" }, "IMP" },
    { "encounter_class", { "R" }, NULL },
    { "encounter_class", { "hospice" }, NULL },

    { "name_key", { "M\xc3\xbcller", "J\xc3\xb6rg" }, "MULLER JORG" },
    { "name_key", { "Mu\xcc\x88ller", "JORG" }, "MULLER JORG" },
    { "name_key", { "O'Brien", "Mary-Ann" }, "OBRIEN MARY ANN" },
    { "name_key", { "O\xe2\x80\x99" "Brien", NULL }, "OBRIEN" },
    { "name_key", { "Stra\xc3\x9f" "er", "S\xc3\xb8ren" }, "STRASSER SOREN" },
    { "name_key", { "\xc5\x81ukasz", "\xc3\x86" }, "LUKASZ AE" },
    { "name_key", { "Abe604", "  " }, "ABE604" },
    { "name_key", { NULL, "  " }, NULL },
    { "name_key", { "\xff\xfe" "A", "b" }, "A B" },
    { "name_key", { "\xe6\x9d\x8e", "\xe5\xb0\x8f\xe9\xbe\x99" }, "\xe6\x9d\x8e \xe5\xb0\x8f\xe9\xbe\x99" },

    { "abnormal_flag", { "hh" }, "HH" },
    { "abnormal_flag", { " A " }, "A" },
    { "abnormal_flag", { ">" }, ">" },
    { "abnormal_flag", { "null" }, NULL },
    { "abnormal_flag", { "1" }, NULL },
    { "abnormal_flag", { "" }, NULL },

    { "specimen_condition", { "HEM" }, "HEM" },
    { "specimen_condition", { "hem^Hemolyzed^HL70493" }, "HEM" },
    { "specimen_condition", { "AUT^Autolyzed^HL70493^CLOT~HEM" }, "AUT,CLOT,HEM" },
    { "specimen_condition", { "ROOM,HEM,ROOM" }, "HEM,ROOM" },
    { "specimen_condition", { " Haemolysed " }, "HEM" },
    { "specimen_condition", { "118128002^Hemolyzed^SCT" }, "HEM" },
    { "specimen_condition", { "not hemolyzed" }, NULL },
    { "specimen_condition", { "hemolyzed: none" }, NULL },
    { "specimen_condition", { "44639001^Dry Ice^SCT" }, NULL },
    { "specimen_condition", { "AUT,CFU,CLOT,CON,COOL,FROZ,HEM,LIVE,ROOM,SNR" }, "AUT,CFU,CLOT,CON,COOL,FROZ,HEM,LIVE,ROOM,SNR" },
    { "specimen_condition", { "^~," }, NULL },
    { "specimen_condition", { "" }, NULL },

    { "result_number", { "7.20" }, "7.200000" },
    { "result_number", { "-0.5" }, "-0.500000" },
    { "result_number", { "<0.01" }, "0.010000" },
    { "result_number", { ">= 5" }, "5.000000" },
    { "result_number", { "> 1000" }, "1000.000000" },
    { "result_number", { "\xe2\x89\xa4" "3" }, "3.000000" },
    { "result_number", { "1.5e3" }, "1500.000000" },
    { "result_number", { "0.0000005" }, "0.000001" },
    { "result_number", { "999999999999.999999" }, "999999999999.999999" },
    { "result_number", { "1000000000000" }, NULL },
    { "result_number", { "7,2" }, NULL },
    { "result_number", { "10-20" }, NULL },
    { "result_number", { "1:128" }, NULL },
    { "result_number", { "+++" }, NULL },
    { "result_number", { "HEMOLYZED" }, NULL },
    { "result_number", { "" }, NULL },

    { "result_comparator", { "<0.01" }, "<" },
    { "result_comparator", { ">=5" }, ">=" },
    { "result_comparator", { "> 1000" }, ">" },
    { "result_comparator", { "<=" }, "<=" },
    { "result_comparator", { "=" }, NULL },
    { "result_comparator", { "7.2" }, NULL },
    { "result_comparator", { "<see note" }, NULL },
    { "result_comparator", { "" }, NULL },

    { "range_low", { "3.5-5.1" }, "3.5" },
    { "range_high", { "3.5-5.1" }, "5.1" },
    { "range_low", { "0.0 - 5.6" }, "0.0" },
    { "range_high", { "0.0 - 5.6" }, "5.6" },
    { "range_low", { "-2--1" }, "-2" },
    { "range_high", { "-2--1" }, "-1" },
    { "range_low", { "13 to 18" }, "13" },
    { "range_high", { "13 to 18" }, "18" },
    { "range_low", { "<5" }, NULL },
    { "range_high", { "<5" }, "5" },
    { "range_low", { ">10" }, "10" },
    { "range_high", { ">=10" }, NULL },
    { "range_high", { "<= 5.0" }, "5.0" },
    { "range_low", { "70_105" }, NULL },
    { "range_high", { "<1 = Susceptible, >= 1 = Resistant" }, NULL },
    { "range_high", { "<10 = Negative" }, NULL },
    { "range_low", { "Negative" }, NULL },
    { "range_low", { "5" }, NULL },
    { "range_low", { "3.5-" }, NULL },
    { "range_low", { "-" }, NULL },
    { "range_low", { "" }, NULL },

    { "result_status_rank", { "P" }, "1" },
    { "result_status_rank", { "F" }, "2" },
    { "result_status_rank", { "C" }, "3" },
    { "result_status_rank", { "W" }, "4" },
    { "result_status_rank", { "X" }, "0" },
    { "result_status_rank", { "f" }, NULL },
    { "result_status_rank", { "FF" }, NULL },

    { "unit_standard", { "2345-7", "mg/dL" }, "mg/dL" },
    { "unit_standard", { "2345-7", "MG/DL" }, "mg/dL" },
    { "unit_standard", { "2345-7", "g/L" }, "mg/dL" },
    { "unit_standard", { "2345-7", "mmol/L" }, NULL }, /* A molar unit under a mass code is a wrong code. */
    { "unit_standard", { "14749-6", "mg/dL" }, "mmol/L" },
    { "unit_standard", { "2823-3", "mEq/L" }, "mmol/L" },
    { "unit_standard", { "6690-2", "K/uL" }, "10*3/uL" },
    { "unit_standard", { "6690-2", "10^3/mm3" }, "10*3/uL" },
    { "unit_standard", { "6690-2", "10*9/L" }, "10*3/uL" },
    { "unit_standard", { "8480-6", "mm Hg" }, "mm[Hg]" },
    { "unit_standard", { NULL, "mcg" }, "ug" },
    { "unit_standard", { NULL, "IU/L" }, "[IU]/L" },
    { "unit_standard", { "1742-6", "IU/L" }, NULL }, /* International units convert to nothing else. */
    { "unit_standard", { NULL, "cc" }, "mL" },
    { "unit_standard", { "99999-9", "ng/mL" }, "ng/mL" },
    { "unit_standard", { NULL, "enzyme units" }, NULL },
    { "unit_standard", { NULL, "" }, NULL },
    { "unit_standard", { "2345-7", NULL }, NULL },
    { "unit_standard", { "2744-1", NULL }, "[pH]" },
    { "unit_standard", { "2744-1", "" }, "[pH]" },

    { "unit_convert", { "100", "mg/dL", "2345-7" }, "100.000000" },
    { "unit_convert", { "1", "g/L", "2345-7" }, "100.000000" },
    { "unit_convert", { "100", "mg/dL", "14749-6" }, "5.551000" },
    { "unit_convert", { "1", "g/L", "14749-6" }, "5.551000" },
    { "unit_convert", { "5.5", "mmol/L", "2345-7" }, NULL },
    { "unit_convert", { "1", "mg/dL", "14682-9" }, "88.400000" },
    { "unit_convert", { "0.1", "mmol/L", "14682-9" }, "100.000000" },
    { "unit_convert", { "4.2", "meq/L", "2823-3" }, "4.200000" },
    { "unit_convert", { "5", "mEq/L", "2000-8" }, "2.500000" },
    { "unit_convert", { "5", "meq/L", "17861-6" }, NULL },
    { "unit_convert", { "1", "mg/dL", "2524-7" }, "0.111000" },
    { "unit_convert", { "7.5", "10*9/L", "6690-2" }, "7.500000" },
    { "unit_convert", { "7500", "/uL", "6690-2" }, "7.500000" },
    { "unit_convert", { "150", "g/L", "718-7" }, "15.000000" },
    { "unit_convert", { "98.6", "degF", "8310-5" }, "37.000000" },
    { "unit_convert", { "-40", "[degF]", "8310-5" }, "-40.000000" },
    { "unit_convert", { "310.15", "K", "8310-5" }, "37.000000" },
    { "unit_convert", { "1", "lb", "29463-7" }, "0.453592" },
    { "unit_convert", { "7.4", NULL, "2744-1" }, "7.400000" },
    { "unit_convert", { "3", "ng/mL", NULL }, "3.000000" },
    { "unit_convert", { "3", "foo", NULL }, NULL },
    { "unit_convert", { NULL, "mg/dL", "2345-7" }, NULL },
    { "unit_convert", { "999999999999", "g/L", "2345-7" }, NULL }, /* 20 digits. */
    { "unit_convert", { "0.000001", "/L", "6690-2" }, "0.000000" },

    /* Computed by another implementation: key 00 01 … 0f, bytes 05 00 00 00 "urn:a" "7". */
    { "person_hash", { "urn:a", "7", "000102030405060708090a0b0c0d0e0f" }, "2305a5295bf093da7d0eb8b155e79da8" },
    { "person_hash", { "urn:a7", "", "000102030405060708090a0b0c0d0e0f" }, "different" },
    { "person_hash", { "urn:a", "7", "short" }, NULL },
    { "person_hash", { NULL, "7", "000102030405060708090a0b0c0d0e0f" }, NULL },
};
#define ROW_COUNT (sizeof(ROWS) / sizeof(*ROWS))
#define ROWS_AT_ONCE 16

static const struct function *
find(const char *name)
{
    for (size_t i = 0; i < health_function_count; i++)
        if (strcmp(health_functions[i].name, name) == 0)
            return &health_functions[i];
    fail_msg("no function %s", name);
    return NULL;
}

static struct type
result_type(const struct function *function)
{
    struct type type = TYPE(TYPE_TEXT);
    const char *arrow = strstr(function->signature, "-> ");
    assert_non_null(arrow);
    assert_true(type_parse(arrow + 3, strlen(arrow + 3), &type));
    return type;
}

/* One argument over the rows of a run; a constant one where `is_constant`. */
struct argument {
    struct text   texts[ROWS_AT_ONCE];
    int64_t       numbers[ROWS_AT_ONCE];
    uint64_t      validity;
    struct vector vector;
};

static void
fill(struct argument *argument, const struct row *rows, size_t count, size_t index, struct type type, bool is_constant)
{
    argument->validity = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = rows[i].args[index];
        if (text == NULL)
            continue;
        argument->validity |= (uint64_t)1 << i;
        argument->texts[i] = text_view(text, strlen(text));
        if (type.kind == TYPE_TIMESTAMP)
            assert_true(time_parse_utc(str_from(text), &argument->numbers[i]));
        if (type.kind == TYPE_DECIMAL)
            assert_true(decimal_is_ok(decimal_parse(str_from(text), 6, &argument->numbers[i])));
    }
    argument->vector = (struct vector){ .type        = type,
                                        .is_constant = is_constant,
                                        .data = type.kind == TYPE_TEXT ? (const void *)argument->texts : (const void *)argument->numbers,
                                        .validity = &argument->validity };
}

static const char *
copy_text(void *owner, const char *bytes, size_t size)
{
    char *copy = arena_alloc(owner, size, 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    return copy;
}

static void
print_value(struct type type, const void *data, uint32_t row, char *out, size_t size)
{
    switch (type.kind) {
    case TYPE_BOOL:
        snprintf(out, size, "%s", ((const uint8_t *)data)[row] != 0 ? "true" : "false");
        break;
    case TYPE_INT64:
        snprintf(out, size, "%lld", (long long)((const int64_t *)data)[row]);
        break;
    case TYPE_DECIMAL:
        decimal_print(((const int64_t *)data)[row], type.scale, out);
        break;
    case TYPE_DATE:
        date_print(((const int32_t *)data)[row], out);
        break;
    case TYPE_TIMESTAMP:
        time_print(((const int64_t *)data)[row], out);
        break;
    default: {
        const struct text *text = &((const struct text *)data)[row];
        snprintf(out, size, "%.*s", (int)text->size, text_data(text));
    }
    }
}

/* Runs one function over `count` rows at once and compares. Junk stands in the data of null rows. */
static void
run(const struct row *rows, size_t count, bool is_last_constant)
{
    const struct function *function = find(rows[0].function);
    struct type            type     = result_type(function);
    static struct argument arguments[4];
    struct vector          vectors[4];
    struct arena           scratch;
    struct error           err           = ERROR_EMPTY;
    uint32_t               argument_count = 1;
    uint64_t               validity       = UINT64_MAX;
    _Alignas(16) char      data[ROWS_AT_ONCE * sizeof(struct text)];
    memset(data, 0xa5, sizeof(data));
    memset(arguments, 0x5a, sizeof(arguments));
    for (const char *comma = function->signature; (comma = strstr(comma, ", ")) != NULL; comma++)
        argument_count++;
    if (strcmp(function->name, "unit_convert") == 0 || strcmp(function->name, "person_hash") == 0)
        argument_count = 3;
    if (strcmp(function->name, "name_key") == 0)
        argument_count = 2;
    arena_init(&scratch, 0);
    for (uint32_t i = 0; i < argument_count; i++) {
        struct type type_of = i > 0                                          ? TYPE(TYPE_TEXT)
                              : strcmp(function->name, "unit_convert") == 0 ? TYPE_DECIMAL_OF(6)
                              : strcmp(function->name, "local_date") == 0   ? TYPE(TYPE_TIMESTAMP)
                                                                            : TYPE(TYPE_TEXT);
        fill(&arguments[i], rows, count, i, type_of, is_last_constant && i + 1 == argument_count);
        vectors[i] = arguments[i].vector;
    }
    struct kernel_context context = { .bound = NULL, .scratch = &scratch };
    void                 *bound   = NULL;
    if (function->bind != NULL) {
        struct vector constants[4];
        for (uint32_t i = 0; i < argument_count; i++) {
            constants[i] = vectors[i];
            if (!vectors[i].is_constant)
                constants[i].data = NULL;
        }
        assert_int_equal(function->bind(constants, argument_count, &bound, &err), ST_OK);
        context.bound = bound;
    }
    struct vector_out out = { .type = type, .data = data, .validity = &validity, .text_copy = copy_text, .text_owner = &scratch };
    function->kernel(&context, vectors, argument_count, (uint32_t)count, &out);
    assert_false(out.failed);
    for (uint32_t i = 0; i < count; i++) {
        char text[600];
        bool is_null = !validity_get(&validity, i) ||
                       (function->null_rule == NULL_STRICT && !vectors_are_valid(vectors, argument_count, i));
        if (is_null)
            snprintf(text, sizeof(text), "(null)");
        else
            print_value(type, data, i, text, sizeof(text));
        const char *expected = rows[i].expected == NULL ? "(null)" : rows[i].expected;
        if (strcmp(expected, "different") == 0)
            assert_string_not_equal(text, rows[i - 1].expected);
        else if (strcmp(text, expected) != 0)
            fail_msg("%s('%s', '%s', '%s') is %s, not %s", function->name, rows[i].args[0], rows[i].args[1], rows[i].args[2],
                     text, expected);
    }
    if (function->unbind != NULL)
        function->unbind(bound);
    arena_release(&scratch);
}

/* Rows of one function together, at most ROWS_AT_ONCE; the zone and a valid key are constants. */
static void
test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROW_COUNT;) {
        size_t count = 1;
        while (i + count < ROW_COUNT && count < ROWS_AT_ONCE && strcmp(ROWS[i].function, ROWS[i + count].function) == 0)
            count++;
        bool is_time = strcmp(ROWS[i].function, "to_timestamp") == 0 || strcmp(ROWS[i].function, "local_date") == 0;
        run(&ROWS[i], count, is_time);
        for (size_t j = 0; j < count; j++) /* And one by one, bound. */
            if (strcmp(ROWS[i + j].function, "person_hash") != 0 || j == 0)
                run(&ROWS[i + j], 1, is_time || strcmp(ROWS[i].function, "person_hash") == 0);
        i += count;
    }
}

/* Every function is in the table of rows above. */
static void
test_all_functions_have_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < health_function_count; i++) {
        bool is_there = false;
        for (size_t j = 0; j < ROW_COUNT; j++)
            is_there |= strcmp(ROWS[j].function, health_functions[i].name) == 0;
        if (!is_there)
            fail_msg("%s is not tested", health_functions[i].name);
        assert_non_null(health_functions[i].help);
    }
}

/* A zone that does not exist is refused when it is bound, not taken for another. */
static void
test_unknown_zone(void **state)
{
    (void)state;
    struct error  err         = ERROR_EMPTY;
    struct text   zone        = text_view("Mars/Olympus_Mons", 17);
    struct vector constants[] = { { .type = TYPE(TYPE_TEXT), .data = NULL },
                                  { .type = TYPE(TYPE_TEXT), .data = &zone, .is_constant = true } };
    void         *bound       = NULL;
    assert_int_equal(find("to_timestamp")->bind(constants, 2, &bound, &err), ST_ERROR);
    assert_non_null(strstr(err.message, "Mars"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all_functions_have_rows),
        cmocka_unit_test(test_unknown_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
