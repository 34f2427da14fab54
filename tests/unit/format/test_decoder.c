/* Decoding of all formats: values of paths, outcomes, the accounting, and that cutting the input changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "support/decode_support.h"

/* ---- The three plans ---- */

static const struct test_field PEOPLE_FIELDS[] = { { "id", "Id" }, { "name", "Name" }, { "town", "City;Town" },
                                                   { NULL, NULL } };
static const struct test_mapping CSV_MAPPINGS[] = { { "people", MODEL_CSV, NULL, NULL, "Id", PEOPLE_FIELDS } };

static const struct test_field RESULT_FIELDS[] = {
    { "type", "MSH-9.1" },       { "patient", "PID-3[5=MR|PI|].1" }, { "visit", "PV1-19.1" },
    { "placer", "OBR-2.1;ORC-2.1" }, { "loinc", "OBX-3@LN.1" },      { "code", "OBX-3.1" },
    { "whole", "OBX-5.*" },      { "flag", "OBX-8" },                { "spm", "SPM" },
    { "notes", "OBX>NTE-3" },    { NULL, NULL },
};
static const struct test_field IDENTIFIER_FIELDS[] = { { "type", "MSH-9.1" }, { "value", "PID-3[#].1" },
                                                       { "assigner", "PID-3[#].4.2;PID-3[#].4.1" },
                                                       { "second", "PID-3[2].1" }, { "all", "PID-3[*]" },
                                                       { NULL, NULL } };
static const struct test_mapping HL7_MAPPINGS[] = {
    { "r", MODEL_HL7V2, "type = 'ORU' and spm is null", "OBX", NULL, RESULT_FIELDS },
    { "i", MODEL_HL7V2, "type = 'ORU'", "PID-3", NULL, IDENTIFIER_FIELDS },
};

static const struct test_field LAB_FIELDS[]    = { { "type", "type" }, { "id", "event_id" }, { "value", "value" },
                                                   { "deep", "a.b[1].c" }, { "by", "codes[system=loinc].code" },
                                                   { "every", "codes[*].code" }, { NULL, NULL } };
static const struct test_field ACCESS_FIELDS[] = { { "type", "type" }, { "user", "user;\"odd name\"" }, { NULL, NULL } };
static const struct test_field PART_FIELDS[]   = { { "type", "^.type" }, { "code", "code" }, { NULL, NULL } };
static const struct test_mapping JSON_MAPPINGS[] = {
    { "lab", MODEL_JSON, "type = 'lab_result'", NULL, NULL, LAB_FIELDS },
    { "access", MODEL_JSON, "type in ('access_event', 'access')", NULL, NULL, ACCESS_FIELDS },
    { "part", MODEL_JSON, "type = 'panel'", "parts;.", NULL, PART_FIELDS },
};

static const struct test_field PATIENT_FIELDS[] = { { "t", "resourceType" }, { "id", "id" }, { "name", "name[0].family" },
                                                    { "url", "@fullUrl" }, { "method", "@method" }, { "bundle", "@bundle.type" },
                                                    { NULL, NULL } };
static const struct test_field DRUG_FIELDS[]    = { { "t", "resourceType" }, { "of", "^.id" }, { "id", "@contained" }, { NULL, NULL } };
static const struct test_field VALUE_FIELDS[]   = { { "t", "resourceType" }, { "value", "valueQuantity.value" }, { NULL, NULL } };
static const struct test_mapping FHIR_MAPPINGS[] = {
    { "p", MODEL_FHIR_R4, "t = 'Patient'", NULL, NULL, PATIENT_FIELDS },
    { "m", MODEL_FHIR_R4, "t = 'Medication'", "contained;.", NULL, DRUG_FIELDS },
    { "o", MODEL_FHIR_R4, "t = 'Observation'", NULL, NULL, VALUE_FIELDS },
};
static const struct test_field   FIXED_FIELDS[]   = { { "kind", "1:1" }, { "name", "2:5" }, { "rest", "7:9;2:1" }, { NULL, NULL } };
static const struct test_mapping FIXED_MAPPINGS[] = { { "f", MODEL_FIXED, NULL, NULL, NULL, FIXED_FIELDS } };

static const struct {
    enum model_format          format;
    const struct test_mapping *mappings;
    uint32_t                   count;
} PLANS[] = {
    { MODEL_CSV, CSV_MAPPINGS, 1 },
    { MODEL_HL7V2, HL7_MAPPINGS, 2 },
    { MODEL_JSON, JSON_MAPPINGS, 3 },
    { MODEL_FHIR_R4, FHIR_MAPPINGS, 3 },
    { MODEL_FIXED, FIXED_MAPPINGS, 1 },
};

static struct test_plan
plan_of(enum model_format format, uint32_t record_size_max)
{
    const struct decode_plan_options options = { .format = format, .record_size_bytes_max = record_size_max };
    struct test_plan                 plan    = { 0 };
    struct error                     err     = ERROR_EMPTY;

    for (size_t i = 0; i < sizeof PLANS / sizeof PLANS[0]; i++) {
        if (PLANS[i].format == format)
            assert_int_equal(test_plan_compile(&options, PLANS[i].mappings, PLANS[i].count, &plan, &err), ST_OK);
    }
    return plan;
}

static struct str_builder
decode(const struct test_plan *plan, struct str bytes, struct test_cut cut)
{
    struct str_builder   out    = STR_BUILDER_EMPTY;
    struct decode_counts counts = { 0 };
    struct error         err    = ERROR_EMPTY;

    assert_int_equal(test_decode(plan->plan, bytes.data, bytes.size, cut, &out, &counts, &err), ST_OK);
    return out;
}

struct example {
    enum model_format format;
    const char       *bytes;
    const char       *expected;
};

static const struct example EXAMPLES[] = {
    { MODEL_FIXED, "Xabcdefgh  \r\n \nYab\n",
      "f 0 11 0|X|abcde|fgh\nf 15 3 0|Y|ab|a\n" },
    /* CSV: names in any order, quotes, doubled quotes, line ends in quotes and of all kinds, BOM, blank lines. */
    { MODEL_CSV, "\xEF\xBB\xBFName , Id\r\nAda,1\r\n\r\n\"Smith, \"\"J\"\"\nJr\",2\rpipe 5\",3",
      "people 14 5 0|1|Ada|\npeople 23 19 0|2|Smith, \"J\"\nJr|\npeople 43 9 0|3|pipe 5\"|\nmissing_column 0 2\n" },
    { MODEL_CSV, "Id;Town\n1;X\n2;\n", "people 8 3 0|1||X\npeople 12 2 0|2||\nmissing_column 0 1\n" },
    { MODEL_CSV, "Id,City,Town\n1,,B\n2,A,B\n", "people 13 4 0|1||B\npeople 18 5 0|2||A\nmissing_column 0 1\n" },
    { MODEL_CSV, "Id,Name\n1\n2,b,\n3,c,x\n4,\"d\"e\n5,\xFF\n6,f\n",
      "people 10 4 0|2|b|\npeople 32 3 0|6|f|\nmissing_column 0 2\nmalformed_record 8 1\nmalformed_record 15 5\n"
      "malformed_record 21 6\nbad_encoding 28 3\n" },
    { MODEL_CSV, "Id,Name\n1,\"open\n2,b\n", "people 16 3 0|2|b|\nmissing_column 0 2\nmalformed_record 8 7\n" },
    { MODEL_CSV, "Id,Name\n1,\"cut", "missing_column 0 2\ntruncated 8 6\n" },
    { MODEL_CSV, "x,y\n1,2\n", "no_mapping 0 8\n" },
    { MODEL_CSV, "\xFF\xFEI\0", "bad_encoding 0 3\n" },
    { MODEL_CSV, "", "" },
    /* HL7 v2 */
    { MODEL_HL7V2,
      "MSH|^~\\&|A|B|||20240101||ORU^R01|1|P|2.5.1\rPID|1||7^^^H&1.2&ISO^PI~8^^^G^MR\rPV1||I|||||||||||||||||V9\r"
      "ORC|RE|PL1\rOBR|1\rOBX|1|NM|10^K^L^2823-3^K^LN||4.1||3-5|H^High\rNTE|1||first\rNTE|2||a \\T\\ b\\.br\\c\r"
      "OBX|2|ST|X||C:\\dir\\F\\|||N\rSPM|1\rOBX|3|CE|Y||A^B\\S\\C\rOBR|2|PL2\rOBX|1|ST|Z\r",
      "r 0 270 0|ORU|8|V9|PL1|2823-3|10|4.1|H||first\na & b\nc\n"
      "r 0 270 1|ORU|8|V9|PL1||X|C:\\dir||N||\n"
      "r 0 270 2|ORU|8|V9|PL1||Y|A^B\\S\\C||1|\n"
      "r 0 270 3|ORU|8|V9|PL2||Z||||\n"
      "i 0 270 0|ORU|7|1.2|8|7^^^H&1.2&ISO^PI~8^^^G^MR\n"
      "i 0 270 1|ORU|8|G|8|7^^^H&1.2&ISO^PI~8^^^G^MR\n" },
    { MODEL_HL7V2, "junk\nmore\n\x0BMSH|^~\\&|||||||ADT^A01||P\r\x1C\rMSH|^~\\&|||||||ACK||P\nMSH|^~\\&|||||||ORU||T^T\n"
                   "MSH|^~\\|x\n",
      "malformed_record 0 9\nunknown_type 11 25\nno_entity 39 21\nwrong_processing_id 61 23\nmalformed_record 85 9\n" },
    { MODEL_HL7V2, "FHS|^~\\&\rBHS|^~\\&\rMSH|^~\\&|||||||ACK||P\rBTS|2\rFTS|1\r",
      "no_entity 18 21\nbatch_count -1 -1\n" },
    { MODEL_HL7V2, "\x0BMSH|^~\\&|||||||ACK||P\r", "truncated 1 21\n" },
    { MODEL_HL7V2, "MSH|^~\\&|||||||ORU||P\rPID|||1\xE9^^^A^MR\rOBX|||MSH|\n",
      "r 0 48 0|ORU|1\xC3\xA9||||MSH||||\ni 0 48 0|ORU|1\xC3\xA9|A||1\xC3\xA9^^^A^MR\n" },
    /* JSON lines */
    { MODEL_JSON,
      "{\"type\":\"lab_result\",\"event_id\":\"1\",\"value\":1.90,\"a\":{\"b\":[0,{\"c\":true}]}}\n\n"
      "{\"type\":\"lab_result\",\"value\":{},\"codes\":[{\"system\":\"x\",\"code\":\"1\"},{\"system\":\"loinc\",\"code\":\"2\"}]}\r\n"
      "{\"type\":\"access\",\"user\":\"\",\"odd name\":\"u\\u00e9\"}",
      "lab 0 74 0|lab_result|1|1.90|true||\nlab 76 98 0|lab_result||||2|1,2\n"
      "access 176 48 0|access|u\xC3\xA9\nwrong_shape 0 2\n" },
    { MODEL_JSON, "{\"type\":\"x\"}\n{}\n[1]\n{\"type\"\n\"\xFF\"\n{\"type\":\"lab_result\",",
      "unknown_type 0 12\nmalformed_record 13 2\nmalformed_record 16 3\nmalformed_record 20 7\nbad_encoding 28 3\n"
      "truncated 32 21\n" },
    { MODEL_JSON, "{\"type\":\"panel\",\"code\":\"p\",\"parts\":[{\"code\":1},{\"code\":2}]}\n",
      "part 0 59 0|panel|1\npart 0 59 1|panel|2\npart 0 59 2|panel|p\n" },
    { MODEL_JSON, "{\"type\":\"x\",\"type\":\"access\",\"user\":1,\"user\":2}\n", "access 0 46 0|access|2\n" },
    /* FHIR lines: each costs itself alone. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Patient\",\"id\":\"1\"}\r\n"
      "\n"
      "{\"resourceType\":\"Patient\",\n"
      "{\"resourceType\":\"Patient\",\"id\":\"2\"}\n"
      "{\"id\":\"3\"}\n"
      "{\"resourceType\":\"Device\"}\n"
      "{\"resourceType\":\"Devise\"}\n"
      "[1]\n"
      "{\"resourceType\":\"Patient\",\"id\":\"4\"",
      "p 0 35 0|Patient|1||||\n"
      "p 65 35 0|Patient|2||||\n"
      "malformed_record 38 26\n"
      "malformed_record 101 10\n"
      "unmapped_type 112 25\n"
      "unknown_type 138 25\n"
      "malformed_record 164 3\n"
      "truncated 168 34\n" },
    /* One document over several lines, and another behind it. */
    { MODEL_FHIR_R4,
      "{\n"
      "  \"resourceType\" : \"Patient\",\n"
      "  \"name\": [ { \"family\": \"O\\\"Ne}il\" } ]\n"
      "}\n"
      "{\n"
      " \"resourceType\": \"Observation\", \"valueQuantity\":{\"value\":1.90}\n"
      "}\n",
      "p 0 72 0|Patient||O\"Ne}il|||\n"
      "o 73 66 0|Observation|1.90\n" },
    /* Bundles: type, fullUrl behind the resource, an entry without resource, a deletion, of a type without @method too. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Bundle\",\"meta\":{\"a\":[1]},\"type\":\"history\",\"entry\":[ {\"fullUrl\":\"http:\\/\\/a\\/Patient\\/1\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}},{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"2\"},\"request\":{\"method\":\"PUT\",\"url\":\"Patient/2\"},\"fullUrl\":\"urn:uuid:2\"},{\"response\":{\"status\":\"200\"}},{\"request\":{\"method\":\"DELETE\",\"url\":\"Patient/7/_history/3\"}},{\"request\":{\"method\":\"DELETE\",\"url\":\"Observation/8\"}},{\"request\":{\"method\":\"DELETE\",\"url\":\"Flag/8\"}}],\"total\":3}\n"
      "{\"resourceType\":\"Patient\",\"id\":\"5\"}\n",
      "p 116 35 0|Patient|1||http://a/Patient/1||history\n"
      "p 165 35 0|Patient|2||urn:uuid:2|PUT|history\n"
      "p 300 60 0|Patient|7|||DELETE|history\n"
      "p 474 35 0|Patient|5||||\n"
      "no_entity 270 29\n"
      "no_resource 361 53\n"
      "unmapped_type 415 46\n" },
    /* A bundle in Parameters, in parts, and in an entry. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"n\",\"valueString\":\"x\"},{\"name\":\"a\",\"resource\":{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}}]}},{\"name\":\"b\",\"part\":[{\"name\":\"c\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"2\"}}]}]}\n"
      "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"id\":\"i\",\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"3\"}}]}},{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"4\"}}],\"type\":\"message\"}\n"
      "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"n\"}]}",
      "p 157 35 0|Patient|1||||batch\n"
      "p 240 35 0|Patient|2||||\n"
      "p 400 35 0|Patient|3||||document\n"
      "p 452 35 0|Patient|4||||\n"
      "unmapped_type 508 56\n" },
    /* Contained resources are rows of the record; old versions are told. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"MedicationRequest\",\"id\":\"r\",\"contained\":[{\"resourceType\":\"Medication\",\"id\":\"a\"},{\"resourceType\":\"Patient\",\"id\":\"b\"}]}\n"
      "{\"resourceType\":\"Medication\",\"id\":\"x\"}\n"
      "{\"resourceType\":\"MedicationOrder\"}\n"
      "{\"resourceType\":\"Patient\",\"animal\":{}}\n"
      "{\"resourceType\":\"Patient\",\"name\":[{\"family\":[\"A\"]}]}\n",
      "m 0 134 0|Medication|r|a\n"
      "m 135 38 0|Medication|x|\n"
      "unsupported_version 174 34\n"
      "unsupported_version 209 38\n"
      "unsupported_version 248 52\n" },
    /* A bad entry costs itself; where brackets do not close, the line. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}},{\"resource\":{\"resourceType\":\"Patient\",\"id\":01}},{\"resource\" {\"resourceType\":\"Patient\",\"id\":\"2\"}},7,{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"3\"}},{\"resource\":{\"a\":[}]}}]}\n"
      "{\"resourceType\":\"Patient\",\"id\":\"4\"}\n"
      "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"5\"}},\n"
      "{\"resourceType\":\"Patient\",\"id\":\"6\"}\n"
      "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Pat\n",
      "p 46 35 0|Patient|1||||\n"
      "p 194 35 0|Patient|3||||\n"
      "p 256 35 0|Patient|4||||\n"
      "p 338 35 0|Patient|5||||\n"
      "p 376 35 0|Patient|6||||\n"
      "malformed_record 95 34\n"
      "malformed_record 131 48\n"
      "malformed_record 180 1\n"
      "malformed_record 231 24\n"
      "unended_bundle -1 -1\n"
      "malformed_record 446 32\n" },
    /* A document that loses its structure is lost from there. */
    { MODEL_FHIR_R4,
      "{ \"resourceType\":\"Bundle\",\n"
      " \"entry\":[\n"
      " {\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}},\n"
      " {\"resource\":{\"id\":\"2}},\n"
      " {\"resource\":{\"resourceType\":\"Patient\",\"id\":\"3\"}},\n"
      " ]]\n"
      "}\n",
      "p 51 35 0|Patient|1||||\n"
      "malformed_record 90 81\n" },
    /* An old bundle is refused as a whole; an empty one has no record. */
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}},{\"resource\":{\"resourceType\":\"MedicationOrder\"}}]}",
      "unsupported_version 46 35\n"
      "unsupported_version 95 34\n" },
    { MODEL_FHIR_R4,
      "{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"total\":0}\n",
      "" },
};

#define EXAMPLE_COUNT (sizeof EXAMPLES / sizeof EXAMPLES[0])

static void
examples_give_what_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct test_plan   plan = plan_of(EXAMPLES[i].format, 0);
        struct str_builder out  = decode(&plan, str_from(EXAMPLES[i].bytes), (struct test_cut){ 0 });
        assert_string_equal(str_builder_cstr(&out), EXAMPLES[i].expected);
        str_builder_release(&out);
        test_plan_release(&plan);
    }
}

/* Decodes in several cuts and demands the same text of each. */
static void
same_in_every_cut(const struct test_plan *plan, struct str bytes)
{
    static const struct test_cut CUTS[] = {
        { .chunk_capacity = 1 },     { .chunk_capacity = 7, .is_borrowing = true }, { .piece_size = 1 },
        { .piece_size = 5, .chunk_capacity = 7 }, { .range_count = 2 }, { .range_count = 5, .is_borrowing = true },
    };
    struct str_builder whole = decode(plan, bytes, (struct test_cut){ 0 });

    for (size_t i = 0; i < sizeof CUTS / sizeof CUTS[0]; i++) {
        struct str_builder cut = decode(plan, bytes, CUTS[i]);
        assert_int_equal(cut.size, whole.size);
        assert_memory_equal(str_builder_cstr(&cut), str_builder_cstr(&whole), whole.size);
        str_builder_release(&cut);
    }
    str_builder_release(&whole);
}

static void
cuts_change_nothing(void **state)
{
    static const uint32_t SIZES_MAX[] = { 0, 20, 60 };
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct test_plan plan = plan_of(EXAMPLES[i].format, SIZES_MAX[k]);
            same_in_every_cut(&plan, str_from(EXAMPLES[i].bytes));
            test_plan_release(&plan);
        }
    }
}

static void
truncations_survive(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        struct test_plan plan = plan_of(EXAMPLES[i].format, 0);
        struct str       all  = str_from(EXAMPLES[i].bytes);
        for (size_t size = 0; size <= all.size; size++)
            same_in_every_cut(&plan, str_of(all.data, size));
        test_plan_release(&plan);
    }
}

static void
mutations_survive(void **state)
{
    static const char SPECIAL[] = "\"\n\r,|^~\\&\x0B\x1C{}[]MSH\xEF\xBB\xBF\xFF";
    struct random     random;
    (void)state;

    random_init(&random, 7);
    for (unsigned round = 0; round < 21000; round++) {
        const struct example *example = &EXAMPLES[round % EXAMPLE_COUNT];
        struct test_plan      plan    = plan_of(example->format, round % 3 == 0 ? 40 : 0);
        char                  bytes[1024];
        size_t                size = strlen(example->bytes);

        memcpy(bytes, example->bytes, size);
        for (unsigned k = 0; size > 0 && k < 1 + round % 4; k++)
            bytes[random_below(&random, size)] = SPECIAL[random_below(&random, sizeof SPECIAL - 1)];
        if (round % 10 == 0) {
            same_in_every_cut(&plan, str_of(bytes, size));
        } else {
            struct str_builder out = decode(&plan, str_of(bytes, size), (struct test_cut){ 0 });
            str_builder_release(&out);
        }
        test_plan_release(&plan);
    }
}

/* Each bracket costs the parser more than a valid document of the same size may: the line is at fault, not the leg. */
static void
a_line_that_only_opens_is_malformed(void **state)
{
    static const char  *const OPENS[] = { "[", "{\"a\":", "[1,[" };
    static const size_t SIZE = 340000;
    (void)state;
    for (size_t i = 0; i < sizeof OPENS / sizeof OPENS[0]; i++) {
        struct test_plan   plan = plan_of(MODEL_JSON, 0);
        struct str_builder line = STR_BUILDER_EMPTY;
        struct str_builder expected = STR_BUILDER_EMPTY;
        while (line.size < SIZE)
            str_builder_append_cstr(&line, OPENS[i]);
        size_t size = line.size;
        str_builder_append_cstr(&line, "\n{\"type\":\"access\",\"user\":1}\n");
        str_builder_printf(&expected, "access %zu 26 0|access|1\nmalformed_record 0 %zu\n", size + 1, size);
        struct str_builder out = decode(&plan, str_of(str_builder_cstr(&line), line.size), (struct test_cut){ 0 });
        assert_string_equal(str_builder_cstr(&out), str_builder_cstr(&expected));
        str_builder_release(&expected);
        str_builder_release(&out);
        str_builder_release(&line);
        test_plan_release(&plan);
    }
}

/* Paths that lead elsewhere than from where the row stands. */
static void
paths_lead_where_they_say(void **state)
{
#define APPOINTMENT "MSH|^~\\&|A|B|C|D|20260101||SIU^S12|1|P|2.5\rPID|1||p\rRGS|1\rAIL|1||OPD^2\\T\\3~X\rRGS|2\rAIL|2||LAB\r"
#define TOTALS "{\"a\":[{\"c\":{\"d\":[{\"e\":\"x\"},{\"e\":\"y\"}]},\"v\":1.50},{\"c\":{\"d\":[{\"e\":\"z\"}]},\"v\":2}]}\n"
#define ORDERS \
    "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5\rPID|1||p\rORC|RE\rOBR|1||F1\rOBX|1|NM|K\rNTE|1\rSPM|1|||||||||||||||||||||||HEM^x~ROOM\rORC|RE\rOBR|2||F2\rOBX|1|NM|NA\r"
#define TWO_SPECIMENS "MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5\rPID|1||p\rOBR|1||F1\rOBX|1|NM|K\rSPM|1|||A\rOBX|2|NM|W\rSPM|2|||B\r"
    static const struct {
        enum model_format format;
        const char       *each, *path, *bytes, *value;
    } PATHS[] = {
        { MODEL_HL7V2, "OBR", "OBR>>SPM-24[*]", ORDERS, "HEM^x~ROOM" }, { MODEL_HL7V2, "OBX", "OBR>>SPM-24", ORDERS, "HEM" },
        { MODEL_HL7V2, "OBX", "OBR>>SPM-24[2]", ORDERS, "ROOM" },      { MODEL_HL7V2, "PID", "PID>>SPM-24", ORDERS, "" }, /* An order's end is its own. */
        { MODEL_HL7V2, "OBR", "OBR>>SPM-4", TWO_SPECIMENS, "" },       { MODEL_HL7V2, "OBX", "OBX>>SPM-4", TWO_SPECIMENS, "A" },
        { MODEL_HL7V2, "OBR", "OBR>>TQ1-1", ORDERS, "" },              { MODEL_HL7V2, "SPM", "SPM>>OBX-3", TWO_SPECIMENS, "W" },
        { MODEL_HL7V2, "PID", "^AIL-3.1", APPOINTMENT, "OPD" },      { MODEL_HL7V2, "PID", "^AIL-3.2", APPOINTMENT, "2&3" },
        { MODEL_HL7V2, "PID", "^AIL-3[2].1", APPOINTMENT, "X" },     { MODEL_HL7V2, "AIL", "^AIL-3", APPOINTMENT, "OPD" },
        { MODEL_HL7V2, "PID", "^AIP-3", APPOINTMENT, "" },           { MODEL_HL7V2, "PID", "^MSH-9.2", APPOINTMENT, "S12" },
        { MODEL_HL7V2, "PID", "AIL-3", APPOINTMENT, "" },            { MODEL_JSON, NULL, "a[c.d.e=y].v", TOTALS, "1.50" },
        { MODEL_JSON, NULL, "a[c.d.e=z].v", TOTALS, "2" },           { MODEL_JSON, NULL, "a[c.d.e=q].v", TOTALS, "" },
        { MODEL_JSON, NULL, "a[c.d=x].v", TOTALS, "" },              { MODEL_JSON, NULL, "a[v.c=1].v", TOTALS, "" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
        const struct test_field          fields[] = { { "x", PATHS[i].path }, { NULL, NULL } };
        const struct test_mapping        mapping  = { "m", PATHS[i].format, NULL, PATHS[i].each, NULL, fields };
        const struct decode_plan_options options  = { .format = PATHS[i].format };
        const struct test_cut            cut      = { 0 };
        struct test_plan                 plan     = { 0 };
        struct error                     err      = ERROR_EMPTY;
        assert_int_equal(test_plan_compile(&options, &mapping, 1, &plan, &err), ST_OK);
        struct str_builder out  = decode(&plan, str_from(PATHS[i].bytes), cut);
        const char        *text = strchr(str_builder_cstr(&out), '|');
        char               wanted[40];
        snprintf(wanted, sizeof wanted, "|%s\n", PATHS[i].value);
        if (text == NULL || strncmp(text, wanted, strlen(wanted)) != 0)
            fail_msg("%s gives %s", PATHS[i].path, str_builder_cstr(&out));
        str_builder_release(&out);
        test_plan_release(&plan);
    }
}

static void
wrong_paths_are_refused_at_their_place(void **state)
{
    static const char *const HL7_WRONG[]  = { "PI-3", "PID", "PID-0", "PID-3[", "PID-3[5=MR", "PID-3@.1", "PID-3@LN.4",
                                              "PID-3.", "PID-3.1.1.1", "PID-3[#].1", "PID>NTE", "^NTE", "^NTE>OBX-3", "" };
    static const char *const JSON_WRONG[] = { "", "a..b", "a[", "a[x]", "a.[0]", "\"a", "^.a", "a b" };
    (void)state;

    for (size_t i = 0; i < 14 + 8; i++) {
        bool                             is_hl7   = i < 14;
        enum model_format                format   = is_hl7 ? MODEL_HL7V2 : MODEL_JSON;
        const struct test_field          fields[] = { { "x", is_hl7 ? HL7_WRONG[i] : JSON_WRONG[i - 14] }, { NULL, NULL } };
        const struct test_mapping        mapping  = { "m", format, NULL, NULL, NULL, fields };
        const struct decode_plan_options options  = { .format = format };
        struct test_plan                 plan     = { 0 };
        struct error                     err      = ERROR_EMPTY;
        enum status                      status   = test_plan_compile(&options, &mapping, 1, &plan, &err);

        if (strcmp(fields[0].paths, "PID") == 0) {
            assert_int_equal(status, ST_OK); /* A segment alone is a path. */
        } else {
            assert_int_equal(status, ST_ERROR);
            assert_int_equal(err.code, ERR_CONFIG);
            assert_string_equal(err.file, "test.json");
            assert_int_equal(err.line, 2);
            assert_int_equal(err.column, 3);
        }
        test_plan_release(&plan);
    }
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLE_COUNT; i++) {
        uint64_t live = memory_live_count();
        for (uint64_t n = 1;; n++) {
            const struct decode_plan_options options = { .format = EXAMPLES[i].format };
            struct test_plan                 plan    = { 0 };
            struct str_builder               out     = STR_BUILDER_EMPTY;
            struct decode_counts             counts  = { 0 };
            struct error                     err     = ERROR_EMPTY;
            size_t                           which   = 0;

            while (PLANS[which].format != options.format)
                which++;
            memory_fail_after(n);
            if (test_plan_compile(&options, PLANS[which].mappings, PLANS[which].count, &plan, &err) == ST_OK)
                (void)test_decode(plan.plan, EXAMPLES[i].bytes, strlen(EXAMPLES[i].bytes), (struct test_cut){ 0 }, &out,
                                  &counts, &err);
            bool has_failed = memory_has_failed();
            memory_fail_after(0);
            str_builder_release(&out);
            test_plan_release(&plan);
            assert_int_equal(memory_live_count(), live);
            if (!has_failed)
                break;
        }
    }
}

static void
formats_are_detected(void **state)
{
    enum model_format format = MODEL_X12;
    (void)state;

    assert_true(format_detect("\xEF\xBB\xBFMSH|^~", 8, STR("x"), &format) && format == MODEL_HL7V2);
    assert_true(format_detect("\x0B""FHS|^~", 7, STR("x"), &format) && format == MODEL_HL7V2);
    assert_true(format_detect(" {\"a\"", 5, STR("x"), &format) && format == MODEL_JSON);
    assert_true(format_detect("a;b\n", 4, STR("x"), &format) && format == MODEL_CSV);
    assert_true(format_detect("a\n", 2, STR("x.csv"), &format) && format == MODEL_CSV);
    assert_false(format_detect("a\n", 2, STR("x"), &format));
    assert_false(format_detect("", 0, STR("x"), &format));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_give_what_is_written),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(truncations_survive),
        cmocka_unit_test(mutations_survive),
        cmocka_unit_test(a_line_that_only_opens_is_malformed),
        cmocka_unit_test(paths_lead_where_they_say),
        cmocka_unit_test(wrong_paths_are_refused_at_their_place),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(formats_are_detected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
