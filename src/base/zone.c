/* Z1  `transitions` is sorted by time; between two of them the offset is the earlier one's `after`.
 * Z2  It holds the file's transitions, then those that the footer's rule gives up to the year EXPANDED_YEAR_MAX: 400
 *     years, after which the Gregorian calendar repeats, weekdays included (146,097 days are 20,871 weeks). A later
 *     time is moved back by a multiple of 400 years. So every row costs one binary search and nothing else.
 * Z3  `local_s` of a transition is the first reading of the wall clock that can only be behind it: the later of what
 *     the clock shows just before and just after. What lies between the two is ambiguous or a gap, and belongs to the
 *     offset before, which is the rule of zone_to_utc. */
#include "base/zone.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/time.h"
#include "base/zone_int.h"

#define EXPANDED_YEAR_MIN 1900
#define EXPANDED_YEAR_MAX 2500
#define HEADER_SIZE       44
/* 2499-01-01T00:00:00Z: times from here on are moved back, so that a transition always follows them in the table. */
#define REPEAT_FROM_S   INT64_C(16693689600)
#define REPEAT_PERIOD_S (INT64_C(146097) * 86400)
/* RFC 8536 section 3.2: offsets are between -25 and +26 hours. */
#define OFFSET_MIN_S (-89999)
#define OFFSET_MAX_S 93599
/* Keeps every sum of a time and an offset inside int64 (and is the value that zic writes for "the beginning"). */
#define TIME_ABS_MAX_S (INT64_C(1) << 59)

struct transition {
    int64_t time_s;
    int64_t local_s; /* Z3 */
    int32_t before_s;
    int32_t after_s;
};

struct zone {
    char              *name;
    struct transition *transitions;
    size_t             transition_count;
    int32_t            first_offset_s; /* Before the first transition. */
    bool               repeats; /* There is a rule, and Z2 holds. */
};

static char              UTC_NAME[] = "UTC";
static const struct zone UTC        = { .name = UTC_NAME };

const struct zone *
zone_utc(void)
{
    return &UTC;
}

const char *
zone_name(const struct zone *zone)
{
    return zone->name;
}

void
zone_free(struct zone *zone)
{
    if (zone == NULL || zone == &UTC)
        return;
    memory_free(zone->name);
    memory_free(zone->transitions);
    memory_free(zone);
}

/* ---- Reading TZif ---- */

struct header {
    uint64_t utc_count, standard_count, leap_count, time_count, type_count, char_count;
};

static uint64_t
load_big(const uint8_t *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static int32_t
load_offset(const uint8_t *bytes)
{
    return (int32_t)(uint32_t)load_big(bytes, 4);
}

static bool
header_read(const uint8_t *bytes, size_t size, struct header *header)
{
    if (size < HEADER_SIZE || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2' || bytes[4] > '4')
        return false;
    header->utc_count      = load_big(bytes + 20, 4);
    header->standard_count = load_big(bytes + 24, 4);
    header->leap_count     = load_big(bytes + 28, 4);
    header->time_count     = load_big(bytes + 32, 4);
    header->type_count     = load_big(bytes + 36, 4);
    header->char_count     = load_big(bytes + 40, 4);
    return true;
}

/* Bytes of the data block behind the header; times take 4 bytes in the first block, 8 in the second. */
static uint64_t
block_size(const struct header *header, unsigned time_size)
{
    return header->time_count * (time_size + 1) + header->type_count * 6 + header->char_count +
           header->leap_count * (time_size + 4) + header->standard_count + header->utc_count;
}

static int64_t
larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void
transition_add(struct zone *zone, int64_t time_s, int32_t before_s, int32_t after_s)
{
    zone->transitions[zone->transition_count++] = (struct transition){
        .time_s   = time_s,
        .local_s  = time_s + larger(before_s, after_s),
        .before_s = before_s,
        .after_s  = after_s,
    };
}

/* The 64-bit data block. `zone->transitions` has room for all. */
static bool
transitions_read(struct zone *zone, const uint8_t *block, const struct header *header)
{
    const uint8_t *times   = block;
    const uint8_t *indices = times + header->time_count * 8;
    const uint8_t *types   = indices + header->time_count;
    for (uint64_t i = 0; i < header->type_count; i++) {
        int32_t offset_s = load_offset(types + i * 6);
        if (offset_s < OFFSET_MIN_S || offset_s > OFFSET_MAX_S)
            return false;
    }
    zone->first_offset_s = load_offset(types);
    int32_t before_s     = zone->first_offset_s;
    for (uint64_t i = 0; i < header->time_count; i++) {
        int64_t time_s = (int64_t)load_big(times + i * 8, 8);
        if (indices[i] >= header->type_count || time_s > TIME_ABS_MAX_S || time_s < -TIME_ABS_MAX_S)
            return false;
        if (i > 0 && time_s <= zone->transitions[zone->transition_count - 1].time_s)
            return false;
        int32_t after_s = load_offset(types + indices[i] * 6);
        transition_add(zone, time_s, before_s, after_s);
        before_s = after_s;
    }
    return true;
}

/* The last offset that the file itself gives. */
static int32_t
last_offset_s(const struct zone *zone)
{
    return zone->transition_count > 0 ? zone->transitions[zone->transition_count - 1].after_s : zone->first_offset_s;
}

/* Z2: appends what the rule gives behind the file's last transition. Room is there for two a year. */
static void
rule_expand(struct zone *zone, const struct zone_rule *rule)
{
    int64_t last_s = zone->transition_count > 0 ? zone->transitions[zone->transition_count - 1].time_s : INT64_MIN;
    if (zone->transition_count == 0)
        zone->first_offset_s = rule->standard_s;
    zone->repeats = rule->has_summer;
    for (int32_t year = EXPANDED_YEAR_MIN; year <= EXPANDED_YEAR_MAX && rule->has_summer; year++) {
        struct zone_change changes[2];
        zone_rule_changes(rule, year, changes);
        for (size_t i = 0; i < 2; i++)
            if (changes[i].time_s > last_s && changes[i].after_s != last_offset_s(zone))
                transition_add(zone, changes[i].time_s, last_offset_s(zone), changes[i].after_s);
    }
}

static enum status
not_a_zone(struct str name, const char *reason, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "time zone %.*s: the file is not a zone file: %s", STR_PRINTF(name), reason);
}

/* Finds the second header and what follows it. */
static enum status
blocks_find(struct str name, const uint8_t *bytes, size_t size, struct header *header, const uint8_t **ret_block,
            struct str *ret_footer, struct error *err)
{
    struct header first;
    if (!header_read(bytes, size, &first))
        return not_a_zone(name, "no TZif header of version 2 to 4", err);
    uint64_t second_at = HEADER_SIZE + block_size(&first, 4);
    if (second_at > size || !header_read(bytes + second_at, size - second_at, header))
        return not_a_zone(name, "no second header", err);
    uint64_t block_at  = second_at + HEADER_SIZE;
    uint64_t footer_at = block_at + block_size(header, 8);
    if (footer_at > size)
        return not_a_zone(name, "it is cut off", err);
    if (header->type_count == 0 || header->type_count > 256)
        return not_a_zone(name, "no offsets", err);
    if (header->leap_count != 0)
        return not_a_zone(name, "it counts leap seconds", err);

    struct str footer = str_of((const char *)bytes + footer_at, size - footer_at);
    if (footer.size < 2 || footer.data[0] != '\n' || footer.data[footer.size - 1] != '\n')
        return not_a_zone(name, "no footer", err);
    *ret_block  = bytes + block_at;
    *ret_footer = str_slice(footer, 1, footer.size - 1);
    return ST_OK;
}

enum status
zone_parse(struct str name, const void *bytes, size_t size, struct zone **ret_zone, struct error *err)
{
    struct zone   *zone = NULL;
    struct header  header;
    const uint8_t *block  = NULL;
    struct str     footer = STR_EMPTY;
    enum status    status = blocks_find(name, bytes, size, &header, &block, &footer, err);
    if (status != ST_OK)
        goto out;

    zone = memory_alloc_zero(sizeof *zone);
    if (zone == NULL) {
        status = error_no_memory(err);
        goto out;
    }
    size_t room       = (size_t)header.time_count + 2 * (EXPANDED_YEAR_MAX - EXPANDED_YEAR_MIN + 1);
    zone->name        = memory_copy(name.data, name.size);
    zone->transitions = memory_alloc_array(room, sizeof *zone->transitions);
    if (zone->name == NULL || zone->transitions == NULL) {
        status = error_no_memory(err);
        goto out;
    }
    if (!transitions_read(zone, block, &header)) {
        status = not_a_zone(name, "its transitions make no sense", err);
        goto out;
    }
    /* An empty footer: nothing is known beyond the last transition, whose offset then stays. */
    if (footer.size > 0) {
        struct zone_rule rule;
        if (!zone_rule_parse(footer, &rule)) {
            status = not_a_zone(name, "its footer is not a POSIX time zone", err);
            goto out;
        }
        rule_expand(zone, &rule);
    }
    *ret_zone = zone;
    zone      = NULL;
out:
    zone_free(zone);
    return status;
}

/* ---- Asking ---- */

static int64_t
floor_seconds(int64_t time_us)
{
    int64_t seconds = time_us / US_PER_SECOND;
    return time_us % US_PER_SECOND < 0 ? seconds - 1 : seconds;
}

/* How many transitions are at or before a time, of UTC's clock or the one on the wall. */
static size_t
count_until(const struct zone *zone, int64_t time_s, bool is_local)
{
    size_t low  = 0;
    size_t high = zone->transition_count;
    while (low < high) {
        size_t  middle = low + (high - low) / 2;
        int64_t at_s   = is_local ? zone->transitions[middle].local_s : zone->transitions[middle].time_s;
        if (at_s <= time_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Z2 */
static int64_t
move_into_table(const struct zone *zone, int64_t time_s)
{
    if (!zone->repeats || time_s < REPEAT_FROM_S)
        return time_s;
    return time_s - ((time_s - REPEAT_FROM_S) / REPEAT_PERIOD_S + 1) * REPEAT_PERIOD_S;
}

static int32_t
offset_after(const struct zone *zone, size_t transition_count)
{
    return transition_count > 0 ? zone->transitions[transition_count - 1].after_s : zone->first_offset_s;
}

int32_t
zone_offset_s(const struct zone *zone, int64_t time_us)
{
    int64_t time_s = move_into_table(zone, floor_seconds(time_us));
    return offset_after(zone, count_until(zone, time_s, false));
}

/* At the very ends of what an int64 of microseconds holds (292,000 years from now) the result stops at the end. */
static int64_t
add_offset(int64_t time_us, int64_t offset_s)
{
    int64_t moved_us;
    if (__builtin_add_overflow(time_us, offset_s * US_PER_SECOND, &moved_us))
        return offset_s > 0 ? INT64_MAX : INT64_MIN;
    return moved_us;
}

int64_t
zone_to_local(const struct zone *zone, int64_t time_us)
{
    return add_offset(time_us, zone_offset_s(zone, time_us));
}

int64_t
zone_to_utc(const struct zone *zone, int64_t local_us, enum zone_match *ret_match)
{
    int64_t         local_s  = move_into_table(zone, floor_seconds(local_us));
    size_t          count    = count_until(zone, local_s, true);
    int32_t         offset_s = offset_after(zone, count);
    enum zone_match match    = ZONE_UNIQUE;
    if (count < zone->transition_count) {
        const struct transition *next = &zone->transitions[count];
        /* Z3: local_s is before the later reading; is it behind the earlier one? */
        if (next->before_s < next->after_s && local_s >= next->time_s + next->before_s)
            match = ZONE_GAP;
        if (next->before_s > next->after_s && local_s >= next->time_s + next->after_s)
            match = ZONE_AMBIGUOUS;
    }
    if (ret_match != NULL)
        *ret_match = match;
    return add_offset(local_us, -(int64_t)offset_s);
}
