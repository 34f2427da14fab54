/* Race, ethnicity, marital status and state: what senders write, to one list each. */
#include "health/kernels_int.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Categories of OMB (1997 standards) by their codes in CDC's Race and Ethnicity code set, which are those of HL7 v2 table 0005
 * too, and the null flavours of HL7 v3 that US Core allows beside them. The second is the name that we write. */
static const struct code_pair RACES[] = {
    { "1002-5", "american indian or alaska native" },
    { "2028-9", "asian" },
    { "2054-5", "black or african american" },
    { "2076-8", "native hawaiian or other pacific islander" },
    { "2106-3", "white" },
    { "2131-1", "other race" },
    { "UNK", "unknown" },
    { "ASKU", "asked but unknown" },
};

/* Words of Synthea, and other spellings of the names. */
static const struct code_pair RACE_WORDS[] = {
    { "native", "1002-5" },          { "american indian", "1002-5" }, { "alaska native", "1002-5" },
    { "black", "2054-5" },           { "african american", "2054-5" }, { "hawaiian", "2076-8" },
    { "native hawaiian", "2076-8" }, { "pacific islander", "2076-8" }, { "other pacific islander", "2076-8" },
    { "caucasian", "2106-3" },       { "other", "2131-1" },           { "some other race", "2131-1" },
    { "asked but no answer", "ASKU" },
};

/* Where a category begins in the code set, which is a tree written down in the order of its numbers: a detailed race stands
 * behind its category and before the next one. */
static const struct {
    int64_t     first;
    int64_t     last;
    const char *category;
} RACE_RANGES[] = {
    { 1002, 2027, "1002-5" }, { 2028, 2053, "2028-9" }, { 2054, 2075, "2054-5" },
    { 2076, 2105, "2076-8" }, { 2500, 2500, "2076-8" }, { 2106, 2130, "2106-3" },
};

/* Codes of the set are four digits and Luhn's: 2034-7. The number, or 0. */
static int64_t
cdc_number(struct str text)
{
    int64_t number;
    if (text.size != 6 || text.data[4] != '-' || !all_digits(str_slice(text, 0, 4)) ||
        !ascii_is_digit(text.data[5]) || !str_to_int64(str_slice(text, 0, 4), &number))
        return 0;
    return luhn_digit(str_slice(text, 0, 4), 0) == (unsigned)(text.data[5] - '0') ? number : 0;
}

/* The row of `pairs` that the text says: by its code, its name, or a spelling. */
static const struct code_pair *
find_category(struct str text, const struct code_pair *pairs, size_t count, const struct code_pair *words, size_t word_count)
{
    const struct code_pair *word = find_pair(words, word_count, text);
    text                         = word != NULL ? str_from(word->to) : str_trim(text);
    for (size_t i = 0; i < count; i++)
        if (str_equal_ignore_case(text, str_from(pairs[i].from)) || str_equal_ignore_case(text, str_from(pairs[i].to)))
            return &pairs[i];
    return NULL;
}

static const struct code_pair *
find_race(struct str text)
{
    int64_t number = cdc_number(str_trim(text));
    for (size_t i = 0; i < COUNT(RACE_RANGES); i++)
        if (number >= RACE_RANGES[i].first && number <= RACE_RANGES[i].last)
            text = str_from(RACE_RANGES[i].category);
    return find_category(text, RACES, COUNT(RACES), RACE_WORDS, COUNT(RACE_WORDS));
}

static const struct code_pair ETHNICITIES[] = {
    { "2135-2", "hispanic or latino" },
    { "2186-5", "not hispanic or latino" },
    { "UNK", "unknown" },
    { "ASKU", "asked but unknown" },
};

/* HL7 v2 table 0189, words of Synthea, and other spellings. */
static const struct code_pair ETHNICITY_WORDS[] = {
    { "H", "2135-2" },           { "N", "2186-5" },       { "U", "UNK" },           { "hispanic", "2135-2" },
    { "nonhispanic", "2186-5" }, { "non-hispanic", "2186-5" }, { "not hispanic", "2186-5" },
    { "latino", "2135-2" },      { "latina", "2135-2" },  { "non-hispanic or latino", "2186-5" },
    { "non hispanic or latino", "2186-5" },
};

static const struct code_pair *
find_ethnicity(struct str text)
{
    /* 2137-8 (Spaniard) to 2184-0 (Dominican) are the detailed ones. */
    int64_t number = cdc_number(str_trim(text));
    if (number >= 2135 && number <= 2185)
        text = STR("2135-2");
    return find_category(text, ETHNICITIES, COUNT(ETHNICITIES), ETHNICITY_WORDS, COUNT(ETHNICITY_WORDS));
}

static size_t
copy_or_none(const struct code_pair *pair, bool is_name, char out[NORMAL_SIZE_MAX])
{
    if (pair == NULL)
        return 0;
    const char *text = is_name ? pair->to : pair->from;
    size_t      size = strlen(text);
    memcpy(out, text, size);
    return size;
}

static size_t
race_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_race(text), false, out);
}
NORMAL_KERNEL(race_code)

static size_t
race_name(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_race(text), true, out);
}
NORMAL_KERNEL(race_name)

static size_t
ethnicity_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_ethnicity(text), false, out);
}
NORMAL_KERNEL(ethnicity_code)

static size_t
ethnicity_name(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_ethnicity(text), true, out);
}
NORMAL_KERNEL(ethnicity_name)

/* HL7 v2 table 0002; L and UNK of HL7 v3 (MaritalStatus, NullFlavor), whose other letters are those of v2 but for A (annulled), P
 * (polygamous), T (domestic partner) and U (unmarried): a mapping of FHIR passes the display of those. */
static const struct code_pair MARITAL_CODES[] = {
    { "A", "separated" },      { "B", "unmarried" },     { "C", "common law" },   { "D", "divorced" },
    { "E", "legally separated" }, { "L", "legally separated" }, { "G", "living together" }, { "I", "interlocutory" },
    { "M", "married" },        { "N", "annulled" },      { "O", "other" },        { "P", "domestic partner" },
    { "R", "registered domestic partner" },              { "S", "single" },       { "T", "unreported" },
    { "U", "unknown" },        { "UNK", "unknown" },     { "W", "widowed" },      { "never married", "single" },
    { "separated", "separated" },         { "unmarried", "unmarried" },           { "common law", "common law" },
    { "divorced", "divorced" },           { "legally separated", "legally separated" },
    { "living together", "living together" },            { "interlocutory", "interlocutory" },
    { "married", "married" },  { "annulled", "annulled" }, { "other", "other" },  { "polygamous", "polygamous" },
    { "domestic partner", "domestic partner" },          { "registered domestic partner", "registered domestic partner" },
    { "single", "single" },    { "unreported", "unreported" }, { "unknown", "unknown" }, { "widowed", "widowed" },
};

KERNEL(marital_status)
{
    (void)context, (void)argument_count;
    run_pairs(MARITAL_CODES, COUNT(MARITAL_CODES), args, row_count, out);
}

/* ---- States ---- */

/* USPS Publication 28, appendix B: states, possessions, the freely associated states, and the three of the armed forces. */
static const struct code_pair STATES[] = {
    { "AL", "Alabama" },        { "AK", "Alaska" },         { "AZ", "Arizona" },       { "AR", "Arkansas" },
    { "CA", "California" },     { "CO", "Colorado" },       { "CT", "Connecticut" },   { "DE", "Delaware" },
    { "DC", "District of Columbia" },                       { "FL", "Florida" },       { "GA", "Georgia" },
    { "HI", "Hawaii" },         { "ID", "Idaho" },          { "IL", "Illinois" },      { "IN", "Indiana" },
    { "IA", "Iowa" },           { "KS", "Kansas" },         { "KY", "Kentucky" },      { "LA", "Louisiana" },
    { "ME", "Maine" },          { "MD", "Maryland" },       { "MA", "Massachusetts" }, { "MI", "Michigan" },
    { "MN", "Minnesota" },      { "MS", "Mississippi" },    { "MO", "Missouri" },      { "MT", "Montana" },
    { "NE", "Nebraska" },       { "NV", "Nevada" },         { "NH", "New Hampshire" }, { "NJ", "New Jersey" },
    { "NM", "New Mexico" },     { "NY", "New York" },       { "NC", "North Carolina" }, { "ND", "North Dakota" },
    { "OH", "Ohio" },           { "OK", "Oklahoma" },       { "OR", "Oregon" },        { "PA", "Pennsylvania" },
    { "RI", "Rhode Island" },   { "SC", "South Carolina" }, { "SD", "South Dakota" },  { "TN", "Tennessee" },
    { "TX", "Texas" },          { "UT", "Utah" },           { "VT", "Vermont" },       { "VA", "Virginia" },
    { "WA", "Washington" },     { "WV", "West Virginia" },  { "WI", "Wisconsin" },     { "WY", "Wyoming" },
    { "AS", "American Samoa" }, { "GU", "Guam" },           { "MP", "Northern Mariana Islands" },
    { "PR", "Puerto Rico" },    { "VI", "Virgin Islands" }, { "FM", "Federated States of Micronesia" },
    { "MH", "Marshall Islands" },                           { "PW", "Palau" },
    { "AA", "Armed Forces Americas" },                      { "AE", "Armed Forces Europe" },
    { "AP", "Armed Forces Pacific" },
};

/* Other spellings of names; never those that could be another place. */
static const struct code_pair STATE_SPELLINGS[] = {
    { "U.S. Virgin Islands", "VI" },       { "US Virgin Islands", "VI" },
    { "Virgin Islands, U.S.", "VI" },      { "Washington, D.C.", "DC" },
    { "Washington DC", "DC" },             { "D.C.", "DC" },
    { "Commonwealth of the Northern Mariana Islands", "MP" },
    { "Micronesia", "FM" },
};

static const struct code_pair *
find_state(struct str text)
{
    const struct code_pair *spelling = find_pair(STATE_SPELLINGS, COUNT(STATE_SPELLINGS), text);
    text                             = spelling != NULL ? str_from(spelling->to) : str_trim(text);
    for (size_t i = 0; i < COUNT(STATES); i++)
        if (str_equal_ignore_case(text, str_from(text.size == 2 ? STATES[i].from : STATES[i].to)))
            return &STATES[i];
    return NULL;
}

static size_t
state_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_state(text), false, out);
}
NORMAL_KERNEL(state_code)

static size_t
state_name(struct str text, char out[NORMAL_SIZE_MAX])
{
    return copy_or_none(find_state(text), true, out);
}
NORMAL_KERNEL(state_name)
