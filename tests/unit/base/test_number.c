/* int128, decimal, time, zone, random, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/int128.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/time.h"
#include "base/zone.h"
#include "support/support.h"

static void
test_decimal(void **state)
{
    (void)state;
    static const struct {
        const char         *text;
        unsigned            scale;
        enum decimal_result result;
        int64_t             value;
    } CASES[] = {
        { "1.90", 2, DECIMAL_EXACT, 190 },       { "-12.345", 2, DECIMAL_INEXACT, -1235 },
        { "0.005", 2, DECIMAL_INEXACT, 1 },      { "0.0049999999999999999999999999999999999999999", 2, DECIMAL_INEXACT, 0 },
        { ".5", 1, DECIMAL_EXACT, 5 },           { "5.", 0, DECIMAL_EXACT, 5 },
        { "1e3", 0, DECIMAL_EXACT, 1000 },       { "15E-1", 0, DECIMAL_INEXACT, 2 },
        { "1.900", 2, DECIMAL_EXACT, 190 },      { "999999999999999999", 0, DECIMAL_EXACT, DECIMAL_VALUE_MAX },
        { "999999999999999999.5", 0, DECIMAL_OVERFLOW, 0 }, { "1e18", 0, DECIMAL_OVERFLOW, 0 },
        { "1e-9999999999", 4, DECIMAL_INEXACT, 0 }, { "0e9999999999", 4, DECIMAL_EXACT, 0 },
        { "000000000000000000000000000000000000000000000001", 3, DECIMAL_EXACT, 1000 },
        { "", 2, DECIMAL_MALFORMED, 0 },         { ".", 2, DECIMAL_MALFORMED, 0 },
        { "1e", 2, DECIMAL_MALFORMED, 0 },       { "1,5", 2, DECIMAL_MALFORMED, 0 },
        { "--1", 2, DECIMAL_MALFORMED, 0 },      { " 1", 2, DECIMAL_MALFORMED, 0 },
        { "1.2.3", 2, DECIMAL_MALFORMED, 0 },    { "<0.01", 2, DECIMAL_MALFORMED, 0 },
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        int64_t value = -77;
        assert_int_equal(decimal_parse(str_from(CASES[i].text), CASES[i].scale, &value), CASES[i].result);
        assert_int_equal(value, decimal_is_ok(CASES[i].result) ? CASES[i].value : -77);
    }
    int64_t value;
    char    text[DECIMAL_TEXT_SIZE];
    assert_int_equal(decimal_print(-5, 2, text), 5);
    assert_string_equal(text, "-0.05");
    decimal_print(INT64_MIN, 18, text);
    assert_string_equal(text, "-9.223372036854775808");
    assert_int_equal(decimal_multiply(150, 2, 181559, 4, 2, &value), DECIMAL_INEXACT);
    assert_int_equal(value, 2723);
    assert_int_equal(decimal_divide(1, 0, 3, 0, 18, &value), DECIMAL_INEXACT);
    assert_int_equal(value, INT64_C(333333333333333333));
    assert_int_equal(decimal_divide(-1, 0, 2, 0, 0, &value), DECIMAL_INEXACT);
    assert_int_equal(value, -1);
    assert_int_equal(decimal_divide(1, 0, 0, 0, 0, &value), DECIMAL_MALFORMED);
    assert_int_equal(decimal_rescale(190, 2, 1, &value), DECIMAL_EXACT);
    assert_int_equal(value, 19);
    assert_true(decimal_compare(19, 1, 190, 2) == 0 && decimal_compare(-19, 1, 190, 2) < 0);
    unsigned scale;
    assert_true(decimal_text_scale(STR("1.90"), &scale) && scale == 2);
    assert_true(decimal_text_scale(STR("15e-1"), &scale) && scale == 1);
    assert_true(decimal_to_double(DECIMAL_VALUE_MAX, 18) == 1.0 && decimal_to_double(1, 1) == 0.1);
}

static void
test_int128(void **state)
{
    (void)state;
    char   text[INT128_TEXT_SIZE];
    int128 value;
    int128_print(INT128_MIN, 38, text);
    assert_string_equal(text, "-1.70141183460469231731687303715884105728");
    assert_true(int128_parse(str_from(text), 38, &value) && value == INT128_MIN);
    assert_false(int128_parse(STR("170141183460469231731687303715884105728"), 0, &value));
    assert_false(int128_parse(STR("1.23"), 1, &value) || int128_parse(STR("-"), 1, &value));
    assert_true(int128_divide_rounded(5, 2) == 3 && int128_divide_rounded(-5, 2) == -3);
    assert_true(int128_divide_rounded(5, -4) == -1 && int128_divide_rounded(INT128_MAX, INT128_MAX) == 1);
    assert_false(int128_add(INT128_MAX, 1, &value));
}

static void
test_time(void **state)
{
    (void)state;
    char             text[TIME_TEXT_SIZE];
    int64_t          time_us;
    int32_t          days;
    struct time_text parsed;
    assert_true(time_parse_utc(STR("2026-01-02T03:04:05.123456Z"), &time_us));
    assert_int_equal(time_us, INT64_C(1767323045123456));
    time_print(time_us, text);
    assert_string_equal(text, "2026-01-02T03:04:05.123456Z");
    assert_true(time_parse_utc(STR("2026-01-02 03:04-05:30"), &time_us));
    time_print(time_us, text);
    assert_string_equal(text, "2026-01-02T08:34:00.000000Z");
    time_print(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    assert_true(time_parse(STR("2024"), &parsed) && parsed.precision == TIME_YEAR);
    assert_true(time_parse(STR("2024-02-29T23:59:60"), &parsed) && !parsed.has_offset);
    time_print_local(parsed.local_us, text);
    assert_string_equal(text, "2024-03-01T00:00:00.000000");
    /* Days as CMS's claims files write them. */
    assert_true(time_parse(STR("17-Jan-1942"), &parsed) && parsed.precision == TIME_DAY && !parsed.has_offset);
    time_print_local(parsed.local_us, text);
    assert_string_equal(text, "1942-01-17T00:00:00.000000");
    assert_true(time_parse(STR("29-FEB-2024"), &parsed));
    static const char *const BAD[] = { "29-Feb-2023", "7-Jan-1942", "17-Jam-1942", "17-Jan-42", "17-Jan-1942T", "", "2023-02-29", "2024-13-01", "2024-01-01T", "2024-01-01T24:00Z", "0000-01-01",
                                       "2024-01-01T10", "2024-01-01T10:00:00.Z", "2024-01-01T10:00+1", "2024-01T10:00Z",
                                       "2024-01-01T10:00Zx", "202", "2024-1-1" };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(time_parse(str_from(BAD[i]), &parsed));
    /* The forms that nearly all write have a way of their own: with another spelling of UTC the general one must say the same. */
    static const char *const COMMON[] = { "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678901Z" };
    for (size_t i = 0; i < 2 * strlen(COMMON[1]); i++)
        for (int byte = 0; byte <= 255; byte++) {
            char             common[32], general[64];
            size_t           size = strlen(COMMON[i % 2]);
            struct time_text one, other;
            snprintf(common, sizeof common, "%s", COMMON[i % 2]);
            if (i / 2 + 1 < size)
                common[i / 2] = (char)byte;
            memcpy(general, common, size - 1);
            memcpy(general + size - 1, "+00:00", 6);
            bool is_good = time_parse(str_of(common, size), &one);
            assert_int_equal(is_good, time_parse(str_of(general, size + 5), &other));
            if (is_good) {
                assert_int_equal(one.local_us, other.local_us);
                assert_int_equal(one.precision, other.precision);
                assert_int_equal(one.has_offset, other.has_offset);
                assert_int_equal(one.offset_s, other.offset_s);
            }
        }
    for (int32_t day = -800000; day < 3000000; day += 13) {
        int32_t  year;
        unsigned month;
        unsigned dom;
        date_to_civil(day, &year, &month, &dom);
        assert_int_equal(date_from_civil(year, month, dom), day);
    }
    assert_true(date_parse(STR("1970-01-01"), &days) && days == 0 && date_weekday(days) == 4);
    assert_int_equal(time_to_date(-1), -1);
}

static void
test_duration(void **state)
{
    (void)state;
    int64_t us;
    char    text[DURATION_TEXT_SIZE];
    assert_true(duration_parse(STR("1h30m"), &us) && us == 90 * US_PER_MINUTE);
    duration_print(us, text);
    assert_string_equal(text, "1h30m");
    assert_true(duration_parse(STR("2w"), &us) && us == 14 * US_PER_DAY);
    assert_true(duration_parse(STR("500ms"), &us) && us == 500000);
    assert_true(duration_parse(STR("0"), &us) && us == 0);
    assert_false(duration_parse(STR("5"), &us) || duration_parse(STR("m"), &us) || duration_parse(STR("5m1h"), &us));
    assert_false(duration_parse(STR("-5m"), &us) || duration_parse(STR("99999999999999d"), &us));
    assert_false(duration_parse(STR(""), &us) || duration_parse(STR("5 m"), &us));
}

/* Computed by Python's zoneinfo from the same database: the offset at an instant; the instant of the wall time shown
 * then (fold=0); and the instant of the wall time an hour later. */
static const struct {
    const char *zone;
    int64_t     time_s;
    int32_t     offset_s;
    int64_t     back_s;
    int64_t     later_s;
} ZONE_CASES[] = {
#include "zone_cases.inc"
};

static struct zone *
zone_load(const char *name)
{
    char path[128];
    size_t size;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    unsigned char *bytes = support_read_file(path, &size);
    struct zone   *zone  = NULL;
    if (bytes != NULL)
        assert_int_equal(zone_parse(str_from(name), bytes, size, &zone, NULL), ST_OK);
    support_free(bytes);
    return zone;
}

static void
test_zone(void **state)
{
    (void)state;
    struct zone *zone = NULL;
    for (size_t i = 0; i < sizeof ZONE_CASES / sizeof *ZONE_CASES; i++) {
        if (zone == NULL || strcmp(zone_name(zone), ZONE_CASES[i].zone) != 0) {
            zone_free(zone);
            zone = zone_load(ZONE_CASES[i].zone);
            if (zone == NULL)
                skip();
        }
        int64_t time_us  = ZONE_CASES[i].time_s * US_PER_SECOND;
        int64_t local_us = time_us + ZONE_CASES[i].offset_s * US_PER_SECOND;
        assert_int_equal(zone_offset_s(zone, time_us), ZONE_CASES[i].offset_s);
        assert_int_equal(zone_to_local(zone, time_us), local_us);
        assert_int_equal(zone_to_utc(zone, local_us, NULL), ZONE_CASES[i].back_s * US_PER_SECOND);
        assert_int_equal(zone_to_utc(zone, local_us + US_PER_HOUR, NULL), ZONE_CASES[i].later_s * US_PER_SECOND);
    }
    zone_free(zone);
    zone = zone_load("America/New_York");
    enum zone_match match;
    struct time_text wall;
    assert_true(time_parse(STR("2024-03-10T02:30:00"), &wall));
    assert_int_equal(zone_to_utc(zone, wall.local_us, &match), INT64_C(1710055800) * US_PER_SECOND);
    assert_int_equal(match, ZONE_GAP);
    assert_true(time_parse(STR("2024-11-03T01:30:00"), &wall));
    assert_int_equal(zone_to_utc(zone, wall.local_us, &match), INT64_C(1730611800) * US_PER_SECOND);
    assert_int_equal(match, ZONE_AMBIGUOUS);
    zone_to_utc(zone, 0, &match);
    assert_int_equal(match, ZONE_UNIQUE);
    zone_free(zone);
    assert_int_equal(zone_to_utc(zone_utc(), 5, NULL), 5);
}

static void
test_zone_damaged(void **state)
{
    (void)state;
    size_t         size;
    unsigned char *bytes = support_read_file("/usr/share/zoneinfo/Europe/Dublin", &size);
    struct random  random;
    struct zone   *zone = NULL;
    struct error   err;
    if (bytes == NULL)
        skip();
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = support_read_file("/usr/share/zoneinfo/Europe/Dublin", &(size_t){ 0 });
        char          *exact = memory_copy(part, cut);
        assert_int_equal(zone_parse(STR("x"), exact, cut, &zone, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        memory_free(exact);
        support_free(part);
    }
    random_init(&random, 3);
    for (int round = 0; round < 3000; round++) {
        size_t        at  = (size_t)random_below(&random, size);
        unsigned char old = bytes[at];
        bytes[at]         = (unsigned char)random_next(&random);
        if (zone_parse(STR("x"), bytes, size, &zone, NULL) == ST_OK) {
            zone_to_utc(zone, (int64_t)random_next(&random), NULL);
            zone_to_local(zone, (int64_t)random_next(&random));
            zone_free(zone);
        }
        bytes[at] = old;
    }
    for (uint64_t n = 1; n < 4; n++) {
        memory_fail_after(n);
        assert_int_equal(zone_parse(STR("x"), bytes, size, &zone, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    memory_fail_after(0);
    support_free(bytes);
    assert_int_equal(memory_live_count(), 0);
}

static void
test_random(void **state)
{
    (void)state;
    struct random random;
    struct random other;
    random_init(&random, 42);
    random_init(&other, 42);
    for (int i = 0; i < 100; i++)
        assert_true(random_next(&random) == random_next(&other));
    random_init_stream(&other, 42, 1);
    assert_false(random_next(&random) == random_next(&other));
    double   sum     = 0.0;
    double   squares = 0.0;
    double   waits   = 0.0;
    unsigned counts[6] = { 0 };
    for (int i = 0; i < 100000; i++) {
        double x = random_normal(&random, 10.0, 2.0);
        sum += x;
        squares += (x - 10.0) * (x - 10.0);
        waits += random_exponential(&random, 3.0);
        counts[random_between(&random, 1, 6) - 1]++;
    }
    assert_true(sum / 1e5 > 9.97 && sum / 1e5 < 10.03 && squares / 1e5 > 3.9 && squares / 1e5 < 4.1);
    assert_true(waits / 1e5 > 2.95 && waits / 1e5 < 3.05);
    for (int i = 0; i < 6; i++)
        assert_in_range(counts[i], 16200, 17100);
    const double weights[] = { 0.0, 1.0, 0.0 };
    assert_int_equal(random_weighted(&random, weights, 3), 1);
    struct manual_clock manual;
    manual_clock_init(&manual, 100);
    manual_clock_advance(&manual, 5);
    manual_clock_set(&manual, 50);
    assert_int_equal(clock_now_us(&manual.clock), 50);
    assert_int_equal(clock_monotonic_us(&manual.clock), 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal),  cmocka_unit_test(test_int128), cmocka_unit_test(test_time),
        cmocka_unit_test(test_duration), cmocka_unit_test(test_zone),   cmocka_unit_test(test_zone_damaged),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("base: numbers and time", tests, NULL, NULL);
}
