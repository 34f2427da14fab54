/* Units: lookup, repair, exact conversion. */
#include "health/units.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/int128.h"
#include "column/kernel.h"
#include "health/kernels_int.h"

/* As str_compare, without measuring the row's text first: the first bytes decide nearly always. */
static int
compare_row(struct str key, const char *text)
{
    for (size_t i = 0; i < key.size; i++)
        if (key.data[i] != text[i] || text[i] == '\0')
            return text[i] == '\0' || (unsigned char)key.data[i] > (unsigned char)text[i] ? 1 : -1;
    return text[key.size] == '\0' ? 0 : -1;
}

/* Binary search over a table whose rows begin with a `const char *` that they are sorted by. */
static const void *
find_row(const void *table, size_t row_count, size_t row_size, struct str key)
{
    size_t low  = 0;
    size_t high = row_count;
    while (low < high) {
        size_t      middle = low + (high - low) / 2;
        const void *row    = (const char *)table + middle * row_size;
        int         order  = compare_row(key, *(const char *const *)row);
        if (order == 0)
            return row;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct unit *
find_code(struct str code)
{
    return find_row(health_units, health_unit_count, sizeof(*health_units), code);
}

const struct unit *
unit_find(struct str text)
{
    text                    = str_trim(text);
    const struct unit *unit = find_code(text);
    if (unit != NULL)
        return unit;
    const struct unit_repair *repair =
        find_row(health_unit_repairs, health_unit_repair_count, sizeof(*health_unit_repairs), text);
    return repair == NULL ? NULL : find_code(str_from(repair->to));
}

const struct analyte *
analyte_find(struct str loinc)
{
    return find_row(health_analytes, health_analyte_count, sizeof(*health_analytes), loinc);
}

static int64_t
greatest_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a            = b;
        b            = rest;
    }
    return a;
}

/* The product of two fractions in lowest terms; factors of the tables are small enough that it fits (a unit test
 * goes over all pairs). */
static bool
multiply_fraction(struct unit_conversion *conversion, int64_t numerator, int64_t denominator)
{
    int64_t across  = greatest_divisor(conversion->numerator, denominator);
    int64_t across2 = greatest_divisor(numerator, conversion->denominator);
    int64_t top;
    int64_t bottom;
    if (__builtin_mul_overflow(conversion->numerator / across, numerator / across2, &top))
        return false;
    if (__builtin_mul_overflow(conversion->denominator / across2, denominator / across, &bottom))
        return false;
    conversion->numerator   = top;
    conversion->denominator = bottom;
    return true;
}

/* From one unit to another of the same kind. */
static bool
convert_within_kind(const struct unit *from, const struct unit *to, struct unit_conversion *ret_conversion)
{
    struct unit_conversion conversion = {
        .numerator = from->numerator, .denominator = from->denominator, .offset = from->offset, .offset_to = to->offset
    };
    if (!multiply_fraction(&conversion, to->denominator, to->numerator))
        return false;
    *ret_conversion = conversion;
    return true;
}

/* From mass (or equivalents) to the molar unit of the analyte. */
static bool
convert_by_analyte(const struct analyte *analyte, const struct unit *from, const struct unit *to,
                   struct unit_conversion *ret_conversion)
{
    struct unit_conversion conversion;
    if (from->kind == UNIT_MASS_CONCENTRATION && analyte->mass_unit != NULL) {
        const struct unit *mass = find_code(str_from(analyte->mass_unit));
        CHECK(mass != NULL);
        if (!convert_within_kind(from, mass, &conversion) ||
            !multiply_fraction(&conversion, analyte->mass_numerator, analyte->mass_denominator))
            return false;
    } else if (from->kind == UNIT_EQUIVALENT_CONCENTRATION && to->kind == UNIT_AMOUNT_CONCENTRATION &&
               analyte->meq_numerator != 0) {
        /* The bases are eq/L and mol/L: the factor between them is that between meq and mmol. */
        conversion = (struct unit_conversion){ from->numerator, from->denominator, 0, 0 };
        if (!multiply_fraction(&conversion, analyte->meq_numerator, analyte->meq_denominator) ||
            !multiply_fraction(&conversion, to->denominator, to->numerator))
            return false;
    } else {
        return false;
    }
    *ret_conversion = conversion;
    return true;
}

const struct unit *
unit_of_result(struct str loinc, struct str unit, struct unit_conversion *ret_conversion)
{
    const struct analyte *analyte = analyte_find(loinc);
    const struct unit    *from    = unit_find(unit);
    if (analyte == NULL) {
        if (from != NULL)
            *ret_conversion = (struct unit_conversion){ 1, 1, 0, 0 };
        return from;
    }
    const struct unit *to = find_code(str_from(analyte->unit));
    CHECK(to != NULL);
    if (analyte->is_unit_optional && str_trim(unit).size == 0)
        from = to;
    if (from == NULL)
        return NULL;
    bool is_convertible = from->kind == to->kind ? convert_within_kind(from, to, ret_conversion)
                                                 : convert_by_analyte(analyte, from, to, ret_conversion);
    return is_convertible ? to : NULL;
}

bool
unit_convert_value(const struct unit_conversion *conversion, int64_t value, int64_t *ret_value)
{
    int128 product;
    if (!int128_multiply((int128)value + conversion->offset, conversion->numerator, &product))
        return false;
    int128 result = int128_divide_rounded(product, conversion->denominator) - conversion->offset_to;
    if (result > DECIMAL_VALUE_MAX || result < -DECIMAL_VALUE_MAX)
        return false;
    *ret_value = (int64_t)result;
    return true;
}

/* ---- Kernels ---- */

/* What was found for codes and units already met in the call: a vector has few of them, and most rows repeat one. Texts are
 * those of the arguments. Direct-mapped: who comes later takes the place; four times the pairs of a vector keep that rare. */
#define MEMO_BITS  7
#define MEMO_COUNT (1 << MEMO_BITS)

struct memo {
    struct {
        const struct text     *loinc; /* NULL: free. */
        const struct text     *unit;
        const struct unit     *found;
        struct unit_conversion conversion;
    } entries[MEMO_COUNT];
};

static const struct text *
text_or_empty(const struct vector *vector, uint32_t row)
{
    static const struct text empty;
    return vector_is_valid(vector, row) ? vector_text(vector, row) : &empty;
}

/* Size and first four bytes are not enough, codes of one size differ behind them. The second word of a long text is a
 * pointer, which equal texts do not share. */
static uint64_t
text_mix(const struct text *text)
{
    uint64_t words[2];
    memcpy(words, text, sizeof words);
    return words[0] * UINT64_C(0x9E3779B97F4A7C15) ^ (text->size <= TEXT_INLINE_SIZE ? words[1] : 0);
}

static uint32_t
memo_place(const struct text *loinc, const struct text *unit)
{
    return (uint32_t)(((text_mix(loinc) ^ text_mix(unit) * UINT64_C(0xC2B2AE3D27D4EB4F)) * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - MEMO_BITS));
}

static const struct unit *
unit_of_row(struct memo *memo, const struct vector *loincs, const struct vector *units, uint32_t row,
            struct unit_conversion *ret_conversion)
{
    const struct text *loinc = text_or_empty(loincs, row), *unit = text_or_empty(units, row);
    uint32_t           place = memo_place(loinc, unit);
    if (memo->entries[place].loinc == NULL || !text_equal(memo->entries[place].loinc, loinc) ||
        !text_equal(memo->entries[place].unit, unit)) {
        memo->entries[place].loinc = loinc;
        memo->entries[place].unit  = unit;
        memo->entries[place].found = unit_of_result(str_of(text_data(loinc), loinc->size), str_of(text_data(unit), unit->size),
                                                    &memo->entries[place].conversion);
    }
    *ret_conversion = memo->entries[place].conversion;
    return memo->entries[place].found;
}

KERNEL(unit_standard)
{
    struct memo memo = { 0 };
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct unit_conversion conversion;
        const struct unit     *unit = unit_of_row(&memo, &args[0], &args[1], row, &conversion);
        if (unit == NULL)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, unit->code, strlen(unit->code));
    }
}

KERNEL(unit_convert)
{
    struct memo memo = { 0 };
    (void)context;
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        struct unit_conversion conversion;
        int64_t                value;
        if (!vector_is_valid(&args[0], row) || unit_of_row(&memo, &args[2], &args[1], row, &conversion) == NULL ||
            !unit_convert_value(&conversion, vector_int64(&args[0], row), &value)) {
            vector_out_null(out, row);
            continue;
        }
        vector_out_int64(out, row, value);
    }
}
