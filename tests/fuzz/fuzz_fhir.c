/* FHIR: any bytes decode without a fault, every byte is accounted for, and pieces, ranges and small chunks give the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/decode_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct test_field PATIENT_FIELDS[] = {
    { "t", "resourceType" }, { "id", "id" }, { "name", "name[0].family" }, { "url", "@fullUrl" }, { "method", "@method" },
    { "bundle", "@bundle.type" }, { "time", "@bundle.timestamp" }, { "every", "extension[*].url" },
    { "chosen", "extension[valueCoding.code=M].url" }, { NULL, NULL },
};
static const struct test_field DRUG_FIELDS[] = { { "t", "resourceType" }, { "of", "^.id" }, { "id", "@contained" }, { NULL, NULL } };
static const struct test_mapping MAPPINGS[]  = {
    { "p", MODEL_FHIR_R4, "t = 'Patient'", NULL, NULL, PATIENT_FIELDS },
    { "m", MODEL_FHIR_R4, "t = 'Medication'", "contained;.", NULL, DRUG_FIELDS },
};

static struct str_builder
decode(const struct test_plan *plan, const uint8_t *bytes, size_t size, struct test_cut cut)
{
    struct str_builder   out    = STR_BUILDER_EMPTY;
    struct decode_counts counts = { 0 };
    if (test_decode(plan->plan, bytes, size, cut, &out, &counts, NULL) != ST_OK)
        abort();
    return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    /* The first byte chooses the largest record, so that resources and entries too large are met too: a blank lets others be. */
    const struct decode_plan_options options = { .format = MODEL_FHIR_R4,
                                                 .record_size_bytes_max = size == 0        ? 0
                                                                          : bytes[0] == '\n' ? 24
                                                                          : bytes[0] == ' '  ? 60
                                                                                             : 0 };
    const struct test_cut cuts[] = { { .piece_size = 3, .chunk_capacity = 1 }, { .range_count = 3, .is_borrowing = true } };
    struct test_plan      plan   = { 0 };

    if (size > 4096 || test_plan_compile(&options, MAPPINGS, 2, &plan, NULL) != ST_OK)
        return 0;
    struct str_builder whole = decode(&plan, bytes, size, (struct test_cut){ 0 });
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct str_builder cut = decode(&plan, bytes, size, cuts[i]);
        if (!str_equal(str_builder_text(&cut), str_builder_text(&whole)))
            abort();
        str_builder_release(&cut);
    }
    str_builder_release(&whole);
    test_plan_release(&plan);
    return 0;
}
