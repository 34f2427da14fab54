/* The table of units: the same in C and in model/terms/units.json, sorted, and without a conversion that overflows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/embedded.h"
#include "config/json.h"
#include "health/codes.h"
#include "health/units.h"

static const struct json *
load(struct arena *arena)
{
    struct error       err  = ERROR_EMPTY;
    const struct json *root = NULL;
    for (size_t i = 0; i < embedded_file_count; i++)
        if (strcmp(embedded_files[i].path, "model/terms/units.json") == 0)
            assert_int_equal(json_parse(str_of((const char *)embedded_files[i].bytes, embedded_files[i].size),
                                        embedded_files[i].path, arena, &root, &err),
                             ST_OK);
    assert_non_null(root);
    return root;
}

static struct str
text_of(const struct json *object, const char *key)
{
    const struct json *value = json_find(object, key);
    return value == NULL ? STR_EMPTY : value->text;
}

/* "5/9", "0.05551", "-32": as a fraction in lowest terms is compared with one by cross multiplication. */
static void
assert_fraction(struct str text, int64_t numerator, int64_t denominator)
{
    int64_t    top    = 0;
    int64_t    bottom = 1;
    bool       is_negative = str_starts_with(text, STR("-"));
    size_t     slash  = str_find_byte(text, '/');
    struct str left   = slash == STR_NOT_FOUND ? text : str_slice(text, 0, slash);
    bool       is_behind_point = false;
    for (size_t i = is_negative ? 1 : 0; i < left.size; i++) {
        if (left.data[i] == '.') {
            is_behind_point = true;
            continue;
        }
        top = top * 10 + (left.data[i] - '0');
        if (is_behind_point)
            bottom *= 10;
    }
    if (slash != STR_NOT_FOUND) {
        int64_t divisor;
        assert_true(str_to_int64(str_slice(text, slash + 1, text.size), &divisor));
        bottom *= divisor;
    }
    if (is_negative)
        top = -top;
    assert_true((__int128)top * denominator == (__int128)numerator * bottom);
}

static void
test_agrees_with_the_file(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    const struct json *root  = load(&arena);
    const struct json *items = json_find(root, "units");
    assert_int_equal(items->count, health_unit_count);
    size_t i = 0;
    for (const struct json *item = items->first; item != NULL; item = item->next, i++) {
        assert_string_equal(text_of(item, "code").data, health_units[i].code);
        assert_fraction(text_of(item, "factor"), health_units[i].numerator, health_units[i].denominator);
        struct str offset = text_of(item, "offset");
        assert_fraction(offset.size == 0 ? STR("0") : offset, health_units[i].offset, 1000000);
        /* Same name of the kind, same number, and the other way round. */
        size_t j = 0;
        for (const struct json *other = items->first; other != item; other = other->next, j++)
            assert_int_equal(str_equal(text_of(item, "kind"), text_of(other, "kind")),
                             health_units[i].kind == health_units[j].kind);
    }
    i     = 0;
    items = json_find(root, "repairs");
    assert_int_equal(items->count, health_unit_repair_count);
    for (const struct json *item = items->first; item != NULL; item = item->next, i++) {
        assert_string_equal(text_of(item, "from").data, health_unit_repairs[i].from);
        assert_string_equal(text_of(item, "to").data, health_unit_repairs[i].to);
    }
    i     = 0;
    items = json_find(root, "analytes");
    assert_int_equal(items->count, health_analyte_count);
    for (const struct json *item = items->first; item != NULL; item = item->next, i++) {
        const struct analyte *analyte = &health_analytes[i];
        const struct json    *mass    = json_find(item, "from_mass");
        const struct json    *meq     = json_find(item, "per_meq");
        assert_string_equal(text_of(item, "loinc").data, analyte->loinc);
        assert_string_equal(text_of(item, "unit").data, analyte->unit);
        assert_int_equal(mass != NULL, analyte->mass_unit != NULL);
        if (mass != NULL) {
            assert_string_equal(text_of(mass, "unit").data, analyte->mass_unit);
            assert_fraction(text_of(mass, "factor"), analyte->mass_numerator, analyte->mass_denominator);
        }
        assert_int_equal(meq != NULL, analyte->meq_numerator != 0);
        if (meq != NULL)
            assert_fraction(meq->text, analyte->meq_numerator, analyte->meq_denominator);
        assert_int_equal(json_find(item, "unit_optional") != NULL, analyte->is_unit_optional);
    }
    arena_release(&arena);
}

static void
test_tables_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < health_unit_count; i++) {
        assert_ptr_equal(unit_find(str_from(health_units[i].code)), &health_units[i]);
        assert_true(health_units[i].numerator > 0 && health_units[i].denominator > 0);
        assert_true(health_units[i].kind < UNIT_KIND_COUNT);
    }
    for (size_t i = 0; i < health_unit_repair_count; i++) {
        const struct unit *unit = unit_find(str_from(health_unit_repairs[i].from));
        assert_non_null(unit);
        assert_string_equal(unit->code, health_unit_repairs[i].to);
    }
    for (size_t i = 0; i < health_analyte_count; i++) {
        assert_ptr_equal(analyte_find(str_from(health_analytes[i].loinc)), &health_analytes[i]);
        assert_true(loinc_is_valid(str_from(health_analytes[i].loinc)));
        assert_non_null(unit_find(str_from(health_analytes[i].unit)));
    }
}

/* Any unit of a kind goes to any analyte of that kind, and only there; no factor overflows. */
static void
test_conversions(void **state)
{
    (void)state;
    for (size_t i = 0; i < health_analyte_count; i++) {
        const struct unit *to = unit_find(str_from(health_analytes[i].unit));
        for (size_t j = 0; j < health_unit_count; j++) {
            struct unit_conversion conversion;
            const struct unit     *unit =
                unit_of_result(str_from(health_analytes[i].loinc), str_from(health_units[j].code), &conversion);
            bool is_mass = health_units[j].kind == UNIT_MASS_CONCENTRATION && health_analytes[i].mass_unit != NULL;
            bool is_meq  = health_units[j].kind == UNIT_EQUIVALENT_CONCENTRATION && health_analytes[i].meq_numerator != 0;
            bool is_same = health_units[j].kind == to->kind;
            assert_ptr_equal(unit, is_same || is_mass || is_meq ? to : NULL);
            if (unit != NULL)
                assert_true(conversion.numerator > 0 && conversion.denominator > 0);
        }
    }
}

/* What one unit makes of a value, the way back undoes to the last place. */
static void
test_there_and_back(void **state)
{
    (void)state;
    static const char *const PAIRS[][3] = {
        { "8310-5", "[degF]", "Cel" }, { "718-7", "g/L", "g/dL" }, { "777-3", "10*9/L", "10*3/uL" }
    };
    for (size_t i = 0; i < sizeof(PAIRS) / sizeof(*PAIRS); i++) {
        struct unit_conversion there;
        assert_non_null(unit_of_result(str_from(PAIRS[i][0]), str_from(PAIRS[i][1]), &there));
        for (int64_t value = -5000000; value <= 5000000; value += 1234567) {
            int64_t converted;
            assert_true(unit_convert_value(&there, value, &converted));
            /* value = converted * denominator / numerator - offset, within the rounding of one millionth. */
            __int128 back = (__int128)converted * there.denominator / there.numerator - there.offset;
            __int128 off  = back - value;
            assert_true(off <= there.denominator / there.numerator + 1 && off >= -(there.denominator / there.numerator + 1));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_file),
        cmocka_unit_test(test_tables_are_sound),
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
