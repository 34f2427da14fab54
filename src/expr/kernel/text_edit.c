/* Texts cut, joined and filled. Positions and lengths count characters (code points), from 1. Where the result would be
 * longer than TEXT_MADE_SIZE_MAX it is null: a short call must not make a gigabyte of each row. */
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

#define KERNEL(NAME)                                                                                                    \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)

/* The byte behind `count` characters from the beginning, or the text's size. */
static size_t
skip_characters(struct str text, uint64_t count)
{
    size_t   at = 0;
    uint32_t character;
    for (; count > 0 && at < text.size; count--) {
        size_t length = utf8_decode(str_slice(text, at, text.size), &character);
        at += length > 0 ? length : 1;
    }
    return at;
}

/* The first `count` characters; a negative count: all but so many at the end. */
static size_t
head_size(struct str text, int64_t count)
{
    if (count >= 0)
        return skip_characters(text, (uint64_t)count);
    uint64_t length = utf8_length(text), dropped = (uint64_t)-(count + 1) + 1;
    return dropped >= length ? 0 : skip_characters(text, length - dropped);
}

/* Where the last `count` characters begin; a negative count: behind the first so many. */
static size_t
tail_begin(struct str text, int64_t count)
{
    if (count < 0)
        return skip_characters(text, (uint64_t)-(count + 1) + 1);
    uint64_t length = utf8_length(text);
    return (uint64_t)count >= length ? 0 : skip_characters(text, length - (uint64_t)count);
}

KERNEL(kernel_left)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        struct str text = vector_str(&args[0], row);
        vector_out_text_shared(out, row, text.data, head_size(text, vector_int64(&args[1], row)));
    }
}

KERNEL(kernel_right)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        struct str text = vector_str(&args[0], row);
        text = str_slice(text, tail_begin(text, vector_int64(&args[1], row)), text.size);
        vector_out_text_shared(out, row, text.data, text.size);
    }
}

/* position(text, wanted): where the wanted text first stands; 0 where it does not, 1 of the empty one. */
KERNEL(kernel_position)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vectors_are_valid(args, 2, row))
            continue;
        struct str text = vector_str(&args[0], row);
        size_t     at   = str_find(text, vector_str(&args[1], row));
        vector_out_int64(out, row, at == STR_NOT_FOUND ? 0 : (int64_t)utf8_length(str_slice(text, 0, at)) + 1);
    }
}

/* A text made piece by piece in scratch memory: first measured, then written. */
struct made {
    char  *bytes;
    size_t size;
};

static void
made_append(struct made *made, struct str piece)
{
    if (piece.size > 0)
        memcpy(made->bytes + made->size, piece.data, piece.size);
    made->size += piece.size;
}

/* Room for `size` bytes. False: the row has its null, or memory is out (out->failed). */
static bool
made_init(struct made *made, size_t size, const struct kernel_context *context, struct vector_out *out, uint32_t row)
{
    *made = (struct made){ 0 };
    if (size > TEXT_MADE_SIZE_MAX) {
        vector_out_null(out, row);
        return false;
    }
    made->bytes = arena_alloc(context->scratch, size > 0 ? size : 1, 1);
    out->failed = out->failed || made->bytes == NULL;
    return made->bytes != NULL;
}

static void
made_done(const struct made *made, const struct kernel_context *context, struct vector_out *out, uint32_t row)
{
    vector_out_text(out, row, made->bytes, made->size);
    arena_clear(context->scratch);
}

/* replace(text, from, to): each place, from left to right; an empty `from` stands nowhere. */
KERNEL(kernel_replace)
{
    (void)argument_count;
    for (uint32_t row = 0; row < row_count && !out->failed; row++) {
        if (!vectors_are_valid(args, 3, row))
            continue;
        struct str  text = vector_str(&args[0], row), from = vector_str(&args[1], row), to = vector_str(&args[2], row);
        size_t      count = 0, at;
        struct made made;
        for (struct str rest = text; from.size > 0 && (at = str_find(rest, from)) != STR_NOT_FOUND; count++)
            rest = str_slice(rest, at + from.size, rest.size);
        if (count == 0) {
            vector_out_text_shared(out, row, text.data, text.size);
            continue;
        }
        size_t kept = text.size - count * from.size;
        if (!made_init(&made, to.size > TEXT_MADE_SIZE_MAX / count ? SIZE_MAX : kept + count * to.size, context, out, row))
            continue;
        for (; count > 0; count--) {
            at = str_find(text, from);
            made_append(&made, str_slice(text, 0, at));
            made_append(&made, to);
            text = str_slice(text, at + from.size, text.size);
        }
        made_append(&made, text);
        made_done(&made, context, out, row);
    }
}

/* concat(…): what is null counts as empty, as in PostgreSQL and DuckDB; a || b is null then. */
KERNEL(kernel_concat)
{
    for (uint32_t row = 0; row < row_count && !out->failed; row++) {
        size_t      size = 0;
        struct made made;
        for (uint32_t i = 0; i < argument_count; i++)
            size += vector_is_valid(&args[i], row) ? vector_text(&args[i], row)->size : 0;
        if (!made_init(&made, size, context, out, row))
            continue;
        for (uint32_t i = 0; i < argument_count; i++)
            if (vector_is_valid(&args[i], row))
                made_append(&made, vector_str(&args[i], row));
        made_done(&made, context, out, row);
    }
}

/* The smallest label of all lists that comes after `before` (NULL data: any); false: there is none. */
static bool
next_label(const struct vector *args, uint32_t argument_count, uint32_t row, struct str before, struct str *ret_label)
{
    bool is_found = false;
    for (uint32_t i = 0; i < argument_count; i++) {
        if (!vector_is_valid(&args[i], row))
            continue;
        struct str_split split = str_split_init(vector_str(&args[i], row), ',');
        struct str       label = STR_EMPTY;
        while (str_split_next(&split, &label)) {
            label = str_trim(label);
            if (label.size == 0 || (before.data != NULL && str_compare(label, before) <= 0))
                continue;
            if (!is_found || str_compare(label, *ret_label) < 0)
                *ret_label = label;
            is_found = true;
        }
    }
    return is_found;
}

/* label_list(…): few labels and short, so that each is looked for anew; none is lost, however many there are. */
KERNEL(kernel_label_list)
{
    for (uint32_t row = 0; row < row_count && !out->failed; row++) {
        size_t      size  = 0;
        struct str  label = STR_EMPTY;
        struct made made;
        for (uint32_t i = 0; i < argument_count; i++)
            size += vector_is_valid(&args[i], row) ? vector_text(&args[i], row)->size + 1 : 0;
        label.data = NULL;
        if (!next_label(args, argument_count, row, label, &label)) {
            vector_out_null(out, row);
            continue;
        }
        if (!made_init(&made, size, context, out, row))
            continue;
        do {
            if (made.size > 0)
                made_append(&made, STR(","));
            made_append(&made, label);
        } while (next_label(args, argument_count, row, label, &label));
        made_done(&made, context, out, row);
    }
}

/* lpad(text, length, fill) and rpad: the fill repeated, cut to what is missing; a longer text is cut at its end; with an
 * empty fill nothing is added. */
static void
pad(const struct kernel_context *context, const struct vector *args, uint32_t row_count, bool is_left,
    struct vector_out *out)
{
    for (uint32_t row = 0; row < row_count && !out->failed; row++) {
        if (!vectors_are_valid(args, 3, row))
            continue;
        struct str  text = vector_str(&args[0], row), fill = vector_str(&args[2], row);
        uint64_t    wanted = vector_int64(&args[1], row) > 0 ? (uint64_t)vector_int64(&args[1], row) : 0;
        uint64_t    length = utf8_length(text), fill_length = utf8_length(fill);
        struct made made;
        if (wanted <= length || fill_length == 0) {
            vector_out_text_shared(out, row, text.data, wanted < length ? skip_characters(text, wanted) : text.size);
            continue;
        }
        uint64_t   missing = wanted - length, whole = missing / fill_length;
        struct str rest = str_slice(fill, 0, skip_characters(fill, missing % fill_length));
        bool       is_long = whole > TEXT_MADE_SIZE_MAX / fill.size;
        if (!made_init(&made, is_long ? SIZE_MAX : text.size + (size_t)whole * fill.size + rest.size, context, out, row))
            continue;
        if (!is_left)
            made_append(&made, text);
        for (; whole > 0; whole--)
            made_append(&made, fill);
        made_append(&made, rest);
        if (is_left)
            made_append(&made, text);
        made_done(&made, context, out, row);
    }
}

KERNEL(kernel_lpad)
{
    (void)argument_count;
    pad(context, args, row_count, true, out);
}

KERNEL(kernel_rpad)
{
    (void)argument_count;
    pad(context, args, row_count, false, out);
}

#define ROW(NAME, SIGNATURE, NULLS, HELP)                                                                               \
    { .name = #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULLS, .kernel = kernel_##NAME }

const struct function text_edit_functions[] = {
    ROW(concat, "(text...) -> text", NULL_SEEN, "All texts one behind the other; null counts as empty."),
    ROW(label_list, "(text...) -> text", NULL_SEEN,
        "The parts of all lists, which have commas between: each once, in the order of their bytes, without the blanks around them; null where there is none."),
    ROW(left, "(text, int64) -> text", NULL_STRICT, "The first so many characters; negative: all but the last so many."),
    ROW(lpad, "(text, int64, text) -> text", NULL_STRICT, "Filled at the beginning to so many characters; what is longer is cut."),
    ROW(position, "(text, text) -> int64", NULL_STRICT, "Where the second text first stands in the first, from 1; else 0."),
    ROW(replace, "(text, text, text) -> text", NULL_STRICT, "Each place of the second text replaced by the third."),
    ROW(right, "(text, int64) -> text", NULL_STRICT, "The last so many characters; negative: all but the first so many."),
    ROW(rpad, "(text, int64, text) -> text", NULL_STRICT, "Filled at the end to so many characters; what is longer is cut."),
};
const size_t text_edit_function_count = sizeof text_edit_functions / sizeof *text_edit_functions;
