/* Decoding in tests: mappings written in C, and all that a decoder tells as one text. */
#ifndef HEDDLE_TESTS_DECODE_SUPPORT_H
#define HEDDLE_TESTS_DECODE_SUPPORT_H

#include "base/str_builder.h"
#include "format/decoder.h"

/* A field's paths are separated by a blank-less semicolon: "OBR-2.1;ORC-2.1". */
struct test_field {
    const char *name;
    const char *paths;
};

struct test_mapping {
    const char              *name;
    enum model_format        format;
    const char              *when;   /* NULL: none. */
    const char              *each;   /* NULL: none. */
    const char              *detect; /* CSV: one header; NULL: none. */
    const struct test_field *fields; /* Ends with a NULL name. */
};

struct test_plan {
    struct decode_plan       *plan;
    struct mapping           *mappings;
    const struct mapping    **pointers;
    struct mapping_field     *fields;
    struct model_text        *texts;
};

/* ST_ERROR with `err` where the plan does not compile. Release in either case. */
enum status test_plan_compile(const struct decode_plan_options *options, const struct test_mapping *mappings,
                              uint32_t count, struct test_plan *ret_plan, struct error *err);
void        test_plan_release(struct test_plan *plan);

/* How an input is cut. */
struct test_cut {
    uint32_t chunk_capacity; /* 0 = the default. */
    size_t   piece_size;     /* 0 = whole. */
    uint32_t range_count;    /* 0 or 1 = one. Not with pieces. */
    bool     is_borrowing;
};

/* Decodes and writes one text: for each mapping its rows ("name position length row_number|field|…", null is an empty
 * field), then the outcomes ("reason position length") and notes. Checks the accounting as it goes and aborts where it
 * does not hold. */
enum status test_decode(const struct decode_plan *plan, const void *bytes, size_t size, struct test_cut cut,
                        struct str_builder *out, struct decode_counts *ret_counts, struct error *err);

#endif
