/* Flat JSON lines against yyjson. */
#ifndef HEDDLE_SUPPORT_FLAT_SUPPORT_H
#define HEDDLE_SUPPORT_FLAT_SUPPORT_H

#include "format/json_int.h"
#include "support/decode_support.h"

#define FLAT_KEY_COUNT_MAX 16

/* A plan of members of the record, dispatched by `type`, and what reading goes by from line to line. */
struct flat_reader {
    struct test_plan  plan;
    struct json_state state;
    yyjson_val       *slots[FLAT_KEY_COUNT_MAX + 1];
    yyjson_val        flat[FLAT_KEY_COUNT_MAX + 1];
    uint16_t          follows[(FLAT_KEY_COUNT_MAX + 1) * JSON_ORDER_COUNT];
};

/* Aborts where the plan is none. */
void flat_reader_init(struct flat_reader *reader);
void flat_reader_release(struct flat_reader *reader);

/* Reads the line both ways. Whether it was taken as flat; then yyjson takes it too and has the same members, or the process aborts with a word. */
bool flat_reader_compare(struct flat_reader *reader, struct str line);

#endif
