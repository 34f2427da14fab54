/* Texts. Positions and lengths count characters (code points), from 1. */
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "column/kernel.h"
#include "expr/expr_int.h"
#include "expr/kernel/tables.h"

#define KERNEL(NAME)                                                                                                    \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)

/* Simple case mapping, character by character: of ASCII by hand, of the rest by Unicode's tables (utf8proc). */
static void
change_case(const struct kernel_context *context, const struct vector *arg, uint32_t row_count, bool to_upper,
            struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(arg, row))
            continue;
        struct str text = vector_str(arg, row);
        char       small[256];
        /* A character of one byte never grows; others grow from 2 to 3 at most. */
        size_t room  = text.size * 2;
        char  *bytes = room <= sizeof small ? small : arena_alloc(context->scratch, room, 1);
        size_t size  = 0;
        if (bytes == NULL) {
            out->failed = true;
            return;
        }
        for (size_t i = 0; i < text.size;) {
            char     c = text.data[i];
            uint32_t character;
            size_t   length = 1;
            if ((unsigned char)c >= 0x80)
                length = utf8_decode(str_slice(text, i, text.size), &character);
            if ((unsigned char)c < 0x80 || length == 0) {
                bytes[size++] = to_upper ? ascii_to_upper(c) : ascii_to_lower(c);
                length        = 1;
            } else {
                utf8proc_int32_t mapped = to_upper ? utf8proc_toupper((utf8proc_int32_t)character)
                                                   : utf8proc_tolower((utf8proc_int32_t)character);
                size += utf8_encode((uint32_t)mapped, bytes + size);
            }
            i += length;
        }
        vector_out_text(out, row, bytes, size);
        if (bytes != small)
            arena_clear(context->scratch);
    }
}

KERNEL(kernel_upper)
{
    (void)argument_count;
    change_case(context, &args[0], row_count, true, out);
}

KERNEL(kernel_lower)
{
    (void)argument_count;
    change_case(context, &args[0], row_count, false, out);
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

/* White space: ASCII's, and the no-break space that spreadsheets leave (U+00A0). */
static size_t
blank_size_at(struct str text, bool at_end)
{
    if (text.size == 0)
        return 0;
    if (ascii_is_space(text.data[at_end ? text.size - 1 : 0]))
        return 1;
    struct str no_break = STR("\xc2\xa0");
    return (at_end ? str_ends_with(text, no_break) : str_starts_with(text, no_break)) ? 2 : 0;
}

/* Neither end can be blank, seen from one byte of each: '!' to '~', as nearly every text begins and ends. */
static inline bool
is_trimmed(const char *data, size_t size)
{
    unsigned first = (unsigned char)data[0], last = (unsigned char)data[size - 1];
    return first - '!' <= '~' - '!' && last - '!' <= '~' - '!';
}

/* One row trimmed at those sides, written as a text also where nothing is left; how many bytes are. */
static inline size_t
trim_row(const struct text *whole, uint32_t row, int sides, struct vector_out *out)
{
    struct str text = str_of(text_data(whole), whole->size);
    size_t     blank;
    if (text.size > 0 && is_trimmed(text.data, text.size)) {
        if (text.size <= TEXT_INLINE_SIZE || out->may_share)
            ((struct text *)out->data)[row] = *whole;
        else
            vector_out_long_text(out, row, text.data, text.size);
        return text.size;
    }
    while ((sides & TRIM_LEFT) != 0 && (blank = blank_size_at(text, false)) > 0)
        text = str_slice(text, blank, text.size);
    while ((sides & TRIM_RIGHT) != 0 && (blank = blank_size_at(text, true)) > 0)
        text = str_slice(text, 0, text.size - blank);
    vector_out_text_shared(out, row, text.data, text.size);
    return text.size;
}

static void
trim(const struct vector *arg, uint32_t row_count, int sides, struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (vector_is_valid(arg, row))
            trim_row(vector_text(arg, row), row, sides, out);
        else if (!arg->is_constant && (row & 63) == 0 && arg->validity[row >> 6] == 0)
            row += 63; /* All of the word's rows are null. */
    }
}

/* nullif(trim(x), '') in one step, for it stands before nearly every column: by words of 64 rows, whose valid ones alone are
 * looked at. */
void
kernel_trim_to_null(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row_count,
                    struct vector_out *out)
{
    (void)context, (void)argument_count;
    const struct text *texts    = args[0].data;
    struct text       *to       = out->data;
    const uint32_t     step     = args[0].is_constant ? 0 : 1;
    const uint32_t     size_max = out->may_share ? UINT32_MAX : TEXT_INLINE_SIZE; /* Of a text that is copied as it lies. */
    for (uint32_t begin = 0; begin < row_count; begin += 64) {
        const uint64_t all   = row_count - begin < 64 ? ((uint64_t)1 << (row_count - begin)) - 1 : UINT64_MAX;
        uint64_t       valid = vector_block_validity(&args[0], begin);
        for (uint64_t rest = valid & all; rest != 0; rest &= rest - 1) {
            const uint32_t     row   = begin + (uint32_t)__builtin_ctzll(rest);
            const struct text *whole = &texts[row * step];
            if (whole->size - 1 < size_max && is_trimmed(text_data(whole), whole->size))
                to[row] = *whole;
            else if (trim_row(whole, row, TRIM_LEFT | TRIM_RIGHT, out) == 0)
                valid &= ~(rest & -rest);
        }
        out->validity[begin >> 6] = valid;
    }
}

#define TRIM(NAME, SIDES)                                                                                               \
    KERNEL(NAME)                                                                                                       \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        trim(&args[0], row_count, SIDES, out);                                                                         \
    }
TRIM(kernel_trim, TRIM_LEFT | TRIM_RIGHT)
TRIM(kernel_ltrim, TRIM_LEFT)
TRIM(kernel_rtrim, TRIM_RIGHT)

KERNEL(kernel_length)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++)
        if (vector_is_valid(&args[0], row))
            vector_out_int64(out, row, (int64_t)utf8_length(vector_str(&args[0], row)));
}

/* The byte behind `count` characters of the text. */
static size_t
skip_characters(struct str text, int64_t count)
{
    size_t   at = 0;
    uint32_t character;
    for (; count > 0 && at < text.size; count--) {
        size_t length = utf8_decode(str_slice(text, at, text.size), &character);
        at += length > 0 ? length : 1;
    }
    return at;
}

/* substring(text, from [, count]), as SQL defines it: positions before the first count, but hold nothing. */
KERNEL(kernel_substring)
{
    (void)context;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        struct str text  = vector_str(&args[0], row);
        int64_t    from  = vector_int64(&args[1], row);
        int64_t    count = argument_count > 2 ? vector_int64(&args[2], row) : INT64_MAX;
        int64_t    end;
        if (__builtin_add_overflow(from, count, &end))
            end = count < 0 ? 0 : INT64_MAX;
        if (from < 1)
            from = 1;
        size_t begin = skip_characters(text, from - 1);
        text         = str_slice(text, begin, text.size);
        text         = str_slice(text, 0, end <= from ? 0 : skip_characters(text, end - from));
        vector_out_text_shared(out, row, text.data, text.size);
    }
}

KERNEL(kernel_append)
{
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        struct str a = vector_str(&args[0], row), b = vector_str(&args[1], row);
        char       small[256];
        char      *bytes = a.size + b.size <= sizeof small ? small : arena_alloc(context->scratch, a.size + b.size, 1);
        if (bytes == NULL) {
            out->failed = true;
            return;
        }
        memcpy(bytes, a.data, a.size);
        memcpy(bytes + a.size, b.data, b.size);
        vector_out_text(out, row, bytes, a.size + b.size);
        if (bytes != small)
            arena_clear(context->scratch);
    }
}

#define TEST_OF_TEXTS(NAME, TEST)                                                                                       \
    KERNEL(NAME)                                                                                                       \
    {                                                                                                                  \
        (void)context, (void)argument_count;                                                                           \
        for (uint32_t row = 0; row < row_count; row++) {                                                               \
            if (!vectors_are_valid(args, 2, row))                                                                      \
                continue;                                                                                              \
            struct str text = vector_str(&args[0], row), other = vector_str(&args[1], row);                            \
            vector_out_bool(out, row, TEST);                                                                           \
        }                                                                                                              \
    }
TEST_OF_TEXTS(kernel_starts_with, str_starts_with(text, other))
TEST_OF_TEXTS(kernel_ends_with, str_ends_with(text, other))
TEST_OF_TEXTS(kernel_contains, str_find(text, other) != STR_NOT_FOUND)

/* split_part(text, separator, n): the n-th part, from 1; null where there is none or the separator is empty. */
KERNEL(kernel_split_part)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 3, row))
            continue;
        struct str text = vector_str(&args[0], row), separator = vector_str(&args[1], row);
        int64_t    part = vector_int64(&args[2], row);
        size_t     end  = separator.size == 0 ? STR_NOT_FOUND : str_find(text, separator);
        while (part > 1 && end != STR_NOT_FOUND) {
            text = str_slice(text, end + separator.size, text.size);
            end  = str_find(text, separator);
            part--;
        }
        if (part != 1 || separator.size == 0) {
            vector_out_null(out, row);
            continue;
        }
        text = str_slice(text, 0, end);
        vector_out_text_shared(out, row, text.data, text.size);
    }
}

/* % any characters, _ one; the escape character takes the next one literally. Greedy with one point of return, so that
 * the time is at most size times size of the pattern. */
static bool
like(struct str text, struct str pattern, struct str escape)
{
    size_t t = 0, p = 0, star = SIZE_MAX, star_text = 0;
    while (t < text.size) {
        bool is_escaped = escape.size > 0 && str_starts_with(str_slice(pattern, p, pattern.size), escape) &&
                          p + escape.size < pattern.size;
        size_t literal = p + (is_escaped ? escape.size : 0);
        if (!is_escaped && p < pattern.size && pattern.data[p] == '%') {
            star      = ++p;
            star_text = t;
        } else if (!is_escaped && p < pattern.size && pattern.data[p] == '_') {
            t += skip_characters(str_slice(text, t, text.size), 1);
            p++;
        } else if (literal < pattern.size && pattern.data[literal] == text.data[t]) {
            t++;
            p = literal + 1;
        } else if (star != SIZE_MAX) {
            star_text += skip_characters(str_slice(text, star_text, text.size), 1);
            t = star_text;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '%' && !(escape.size == 1 && escape.data[0] == '%'))
        p++;
    return p == pattern.size;
}

KERNEL(kernel_like)
{
    (void)context;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        struct str escape = argument_count > 2 ? vector_str(&args[2], row) : STR_EMPTY;
        vector_out_bool(out, row, like(vector_str(&args[0], row), vector_str(&args[1], row), escape));
    }
}

#define ROW(NAME, SIGNATURE, HELP)                                                                                      \
    { .name = #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULL_STRICT, .kernel = kernel_##NAME }

const struct function text_functions[] = {
    ROW(upper, "(text) -> text", "Upper case, by Unicode's simple mapping."),
    ROW(lower, "(text) -> text", "Lower case, by Unicode's simple mapping."),
    ROW(trim, "(text) -> text", "Without white space and no-break spaces at both ends."),
    ROW(ltrim, "(text) -> text", "Without white space and no-break spaces at the beginning."),
    ROW(rtrim, "(text) -> text", "Without white space and no-break spaces at the end."),
    ROW(length, "(text) -> int64", "How many characters."),
    ROW(substring, "(text, int64, int64?) -> text", "Characters from a position, counted from 1, at most so many."),
    ROW(append, "(text, text) -> text", "a || b."),
    ROW(starts_with, "(text, text) -> bool", "Whether the first text begins with the second."),
    ROW(ends_with, "(text, text) -> bool", "Whether the first text ends with the second."),
    ROW(contains, "(text, text) -> bool", "Whether the second text stands in the first."),
    ROW(split_part, "(text, text, int64) -> text", "The n-th part between separators, from 1; null where there is none."),
    ROW(like, "(text, text, text?) -> bool", "SQL's like: % any characters, _ one, and an escape character."),
};
const size_t text_function_count = sizeof text_functions / sizeof *text_functions;
