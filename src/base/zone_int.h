/* The footer of a zone file: a POSIX TZ text such as "EST5EDT,M3.2.0,M11.1.0" (RFC 8536 section 3.3). */
#ifndef HEDDLE_BASE_ZONE_INT_H
#define HEDDLE_BASE_ZONE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A day of the year and a time of that day, by the wall clock just before the change. */
struct zone_day {
    enum {
        ZONE_DAY_JULIAN,   /* Jn: 1 to 365, 29 February is never counted. */
        ZONE_DAY_OF_YEAR,  /* n: 0 to 365, 29 February counts. */
        ZONE_DAY_OF_MONTH, /* Mm.w.d: weekday d (0 = Sunday) of week w of month m; week 5 is the last. */
    } kind;
    uint16_t day;
    uint8_t  month;
    uint8_t  week;
    int32_t  time_s; /* -167 to 167 hours. */
};

/* Offsets in seconds east of UTC (the text counts west). */
struct zone_rule {
    int32_t         standard_s;
    int32_t         summer_s;
    bool            has_summer;
    struct zone_day summer_begin;
    struct zone_day summer_end;
};

struct zone_change {
    int64_t time_s;
    int32_t before_s;
    int32_t after_s;
};

bool zone_rule_parse(struct str text, struct zone_rule *ret_rule);

/* The year's two changes in the order of time. The rule has a summer time. */
void zone_rule_changes(const struct zone_rule *rule, int32_t year, struct zone_change ret_changes[2]);

#endif
