/* Codes: check digits, and senders' codes to one list each. */
#include "health/codes.h"

#include <stdio.h>
#include <string.h>

#include "health/kernels_int.h"

/* ---- Check digits ---- */

unsigned
luhn_digit(struct str digits, unsigned sum)
{
    bool is_doubled = true; /* The digit next to the check digit is doubled, then every second. */
    for (size_t i = digits.size; i-- > 0; is_doubled = !is_doubled) {
        unsigned digit = (unsigned)(digits.data[i] - '0');
        if (is_doubled)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return (10 - sum % 10) % 10;
}

bool
all_digits(struct str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!ascii_is_digit(text.data[i]))
            return false;
    return true;
}

/* Deprecated codes that were given out with a wrong digit (LOINC Users' Guide). */
static const char *const LOINC_EXCEPTIONS[] = { "11491-6", "11501-6", "5895-7", "5896-5", "5897-3", "5928-1", "6028-3",
                                                "6415-5",  "6580-7",  "6645-7", "6646-5", "6647-3", "6648-1", "6649-9" };

bool
loinc_is_valid(struct str code)
{
    if (code.size < 3 || code.size > 9 || code.data[code.size - 2] != '-')
        return false;
    struct str number = str_slice(code, 0, code.size - 2);
    char       digit  = code.data[code.size - 1];
    if (!all_digits(number) || !ascii_is_digit(digit))
        return false;
    if (luhn_digit(number, 0) == (unsigned)(digit - '0'))
        return true;
    for (size_t i = 0; i < sizeof(LOINC_EXCEPTIONS) / sizeof(*LOINC_EXCEPTIONS); i++)
        if (str_equal(code, str_from(LOINC_EXCEPTIONS[i])))
            return true;
    return false;
}

bool
npi_is_valid(struct str code)
{
    if (code.size != 10 || !all_digits(code) || (code.data[0] != '1' && code.data[0] != '2'))
        return false;
    /* The prefix 80840 of health cards in the United States adds 24 (CMS, NPI check digit calculation). */
    return luhn_digit(str_slice(code, 0, 9), 24) == (unsigned)(code.data[9] - '0');
}

/* ---- Lists ---- */

/* The longest of our lists is "Native Hawaiian or Other Pacific Islander". */
#define CODE_SIZE_MAX 48

const struct code_pair *
find_pair(const struct code_pair *pairs, size_t count, struct str text)
{
    text = str_trim(text);
    if (text.size == 0 || text.size > CODE_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (str_equal_ignore_case(text, str_from(pairs[i].from)))
            return &pairs[i];
    return NULL;
}

void
run_pairs(const struct code_pair *pairs, size_t count, const struct vector *args, uint32_t row_count,
          struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        const struct code_pair *pair = find_pair(pairs, count, vector_str(&args[0], row));
        if (pair == NULL)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, pair->to, strlen(pair->to));
    }
}

/* HL7 v2 table 0001 to FHIR's administrative gender, as HL7's own map has it (v2-to-FHIR, AdministrativeSex); and FHIR's
 * words themselves. */
static const struct code_pair SEX_CODES[] = {
    { "F", "female" },    { "M", "male" },   { "O", "other" }, { "U", "unknown" },       { "A", "other" }, { "N", "other" },
    { "female", "female" }, { "male", "male" }, { "other", "other" }, { "unknown", "unknown" },
};

/* HL7 v2 table 0004 as HL7's map has it (v2-to-FHIR, PatientClass; R, B, C, N, U have no class there), the codes of HL7 v3
 * ActCode themselves, and Synthea's words. */
static const struct code_pair ENCOUNTER_CODES[] = {
    { "AMB", "AMB" },         { "IMP", "IMP" },         { "EMER", "EMER" },     { "OBSENC", "OBSENC" },
    { "HH", "HH" },           { "VR", "VR" },           { "PRENC", "PRENC" },   { "SS", "SS" },
    { "FLD", "FLD" },         { "ACUTE", "ACUTE" },     { "NONAC", "NONAC" },   { "E", "EMER" },
    { "I", "IMP" },           { "O", "AMB" },           { "P", "PRENC" },       { "ambulatory", "AMB" },
    { "outpatient", "AMB" },  { "wellness", "AMB" },    { "urgentcare", "AMB" }, { "emergency", "EMER" },
    { "inpatient", "IMP" },   { "home", "HH" },         { "snf", "NONAC" },     { "virtual", "VR" },
};

/* HL7 table 0078, Interpretation Codes (v2-to-FHIR, InterpretationCodes). Its code "null" (no range defined) says
 * nothing. */
static const struct code_pair FLAG_CODES[] = {
    { "N", "N" },     { "L", "L" },     { "H", "H" },     { "LL", "LL" },       { "HH", "HH" },       { "A", "A" },
    { "AA", "AA" },   { "LU", "LU" },   { "HU", "HU" },   { "<", "<" },         { ">", ">" },         { "U", "U" },
    { "D", "D" },     { "B", "B" },     { "W", "W" },     { "S", "S" },         { "R", "R" },         { "I", "I" },
    { "MS", "MS" },   { "VS", "VS" },   { "POS", "POS" }, { "NEG", "NEG" },     { "IND", "IND" },     { "DET", "DET" },
    { "ND", "ND" },   { "E", "E" },     { "EX", "EX" },   { "EXP", "EXP" },     { "UNE", "UNE" },     { "IE", "IE" },
    { "NS", "NS" },   { "SDD", "SDD" }, { "NR", "NR" },   { "RR", "RR" },       { "WR", "WR" },       { "AC", "AC" },
    { "CAR", "CAR" }, { "HM", "HM" },   { "NCL", "NCL" }, { "OBX", "OBX" },     { "QCF", "QCF" },     { "TOX", "TOX" },
    { "SYN-R", "SYN-R" },               { "SYN-S", "SYN-S" },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* HL7 table 0493, in its order, and what laboratories write in its place. */
static const char *const SPECIMEN_CONDITIONS[] = { "AUT", "CFU", "CLOT", "CON", "COOL", "FROZ", "HEM", "LIVE", "ROOM", "SNR" };
static const struct {
    const char *word;
    const char *code;
} CONDITION_WORDS[] = {
    { "HEMOLYZED", "HEM" }, { "HEMOLYSED", "HEM" }, { "HAEMOLYSED", "HEM" }, { "HAEMOLYZED", "HEM" }, { "HEMOLYSIS", "HEM" }, { "HAEMOLYSIS", "HEM" },
};

/* A bit a code; 0: none of them. */
static uint32_t
condition_bits(struct str word)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < COUNT(CONDITION_WORDS); i++)
        if (str_equal_ignore_case(word, str_from(CONDITION_WORDS[i].word)))
            word = str_from(CONDITION_WORDS[i].code);
    for (size_t i = 0; i < COUNT(SPECIMEN_CONDITIONS); i++)
        if (str_equal_ignore_case(word, str_from(SPECIMEN_CONDITIONS[i])))
            bits = 1u << i;
    return bits;
}

/* Of whole components alone: "not hemolyzed" is none. */
static uint32_t
conditions_of(struct str text)
{
    uint32_t bits  = 0;
    size_t   begin = 0;
    for (size_t at = 0; at <= text.size; at++) {
        if (at < text.size && memchr("^~,&", text.data[at], 4) == NULL)
            continue;
        bits |= condition_bits(str_trim(str_slice(text, begin, at)));
        begin = at + 1;
    }
    return bits;
}

int64_t
result_status_rank(struct str status)
{
    if (status.size != 1)
        return -1;
    /* HL7 table 0085. */
    switch (status.data[0]) {
    case 'I': /* Pending. */
    case 'O': /* Order only. */
    case 'N': /* Not asked. */
    case 'X': /* Not obtainable. */
        return 0;
    case 'P': /* Preliminary. */
    case 'R': /* Entered, not verified. */
    case 'S': /* Partial. */
        return 1;
    case 'F': /* Final. */
    case 'U': /* A preliminary one is now final. */
    case 'V': /* Verified, unchanged. */
        return 2;
    case 'C': /* Correction. */
    case 'A': /* Amended. */
    case 'B': /* Appended. */
        return 3;
    case 'D': /* Deleted. */
    case 'W': /* Wrong, such as the wrong patient. */
        return 4;
    default:
        return -1;
    }
}

/* ---- Kernels ---- */

CHECK_KERNEL(loinc_is_valid)
CHECK_KERNEL(npi_is_valid)

KERNEL(sex_code)
{
    (void)context;
    (void)argument_count;
    run_pairs(SEX_CODES, COUNT(SEX_CODES), args, row_count, out);
}

KERNEL(encounter_class)
{
    (void)context;
    (void)argument_count;
    run_pairs(ENCOUNTER_CODES, COUNT(ENCOUNTER_CODES), args, row_count, out);
}

KERNEL(abnormal_flag)
{
    (void)context;
    (void)argument_count;
    run_pairs(FLAG_CODES, COUNT(FLAG_CODES), args, row_count, out);
}

KERNEL(result_status_rank)
{
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        int64_t rank = result_status_rank(vector_str(&args[0], row));
        if (rank < 0)
            vector_out_null(out, row);
        else
            vector_out_int64(out, row, rank);
    }
}

KERNEL(specimen_condition)
{
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        char   list[64];
        size_t size = 0;
        if (!vector_is_valid(&args[0], row))
            continue;
        const uint32_t bits = conditions_of(vector_str(&args[0], row));
        for (size_t i = 0; i < COUNT(SPECIMEN_CONDITIONS); i++)
            if ((bits & 1u << i) != 0)
                size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%s", size == 0 ? "" : ",", SPECIMEN_CONDITIONS[i]);
        if (size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, list, size);
    }
}
