/* Regular expressions: PCRE2 over UTF-8, without its compiler to machine code.
 *
 * Invariants
 *   R1  A pattern of an expression is a constant: it is compiled once, and a bad one is an error of the configuration. SQL that
 *       somebody else writes may vary it: it is then compiled row by row, and a bad one gives null.
 *   R2  Work is bounded whatever text and pattern are. PCRE2 counts steps for each place where a match may begin, and every place
 *       is tried once; so the limit is REGEX_STEP_COUNT_MAX divided by the text's size. A row that needs more is null, in
 *       both legs alike, for the limit depends on the text alone.
 *   R3  A text that is longer than REGEX_TEXT_SIZE_MAX or not UTF-8 is null. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/limits.h"
#include "base/memory.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

#define KERNEL(NAME)                                                                                                    \
    static void NAME(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,         \
                     uint32_t row_count, struct vector_out *out)

static void *
regex_alloc(size_t size, void *data)
{
    (void)data;
    return memory_alloc(size);
}

static void
regex_free(void *memory, void *data)
{
    (void)data;
    memory_free(memory);
}

/* NULL: no memory, or `err` (if given) says what is wrong with the pattern. */
static pcre2_code *
compile(struct str pattern, struct error *err)
{
    int                    code   = 0;
    PCRE2_SIZE             offset = 0;
    pcre2_code            *made    = NULL;
    pcre2_general_context *memory  = pcre2_general_context_create(regex_alloc, regex_free, NULL);
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    if (context == NULL) {
        error_no_memory(err);
        goto out;
    }
    pcre2_set_max_pattern_length(context, REGEX_PATTERN_SIZE_MAX);
    made = pcre2_compile((PCRE2_SPTR)(pattern.size > 0 ? pattern.data : ""), pattern.size, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                         &offset, context);
    if (made == NULL && code == PCRE2_ERROR_HEAP_FAILED) {
        error_no_memory(err);
    } else if (made == NULL) {
        PCRE2_UCHAR message[128] = { 0 };
        pcre2_get_error_message(code, message, sizeof message);
        error_set(err, ERR_CONFIG, "the regular expression is wrong at its character %zu: %s", (size_t)offset + 1, (const char *)message);
    }

out:
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    return made;
}

static enum status
bind_regex(const struct vector *constants, uint32_t argument_count, void **ret_bound, struct error *err)
{
    (void)argument_count;
    *ret_bound = NULL;
    if (constants[1].data == NULL || !vector_is_valid(&constants[1], 0))
        return ST_OK;
    *ret_bound = compile(vector_str(&constants[1], 0), err);
    return *ret_bound == NULL ? ST_ERROR : ST_OK;
}

static void
unbind_regex(void *bound)
{
    pcre2_code_free(bound);
}

/* What one call of a kernel matches with. */
struct matcher {
    const pcre2_code      *bound;
    pcre2_code            *own; /* Of the row, where nothing is bound. */
    pcre2_general_context *memory;
    pcre2_match_context   *limits;
    pcre2_match_data      *data;
};

static bool
matcher_init(struct matcher *matcher, const struct kernel_context *context, struct vector_out *out)
{
    *matcher        = (struct matcher){ .bound = context->bound };
    matcher->memory = pcre2_general_context_create(regex_alloc, regex_free, NULL);
    if (matcher->memory != NULL) {
        matcher->limits = pcre2_match_context_create(matcher->memory);
        matcher->data   = pcre2_match_data_create(REGEX_GROUP_COUNT_MAX + 1, matcher->memory);
    }
    out->failed = matcher->limits == NULL || matcher->data == NULL;
    return !out->failed;
}

static void
matcher_release(struct matcher *matcher)
{
    pcre2_code_free(matcher->own);
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->limits);
    pcre2_general_context_free(matcher->memory);
}

/* The pattern of the row with its limits set for the row's text; NULL: the row is null. */
static const pcre2_code *
pattern_of(struct matcher *matcher, const struct vector *args, uint32_t row)
{
    size_t size = vector_text(&args[0], row)->size;
    if (size > REGEX_TEXT_SIZE_MAX)
        return NULL;
    pcre2_set_match_limit(matcher->limits, (uint32_t)(REGEX_STEP_COUNT_MAX / (size + 1)));
    pcre2_set_heap_limit(matcher->limits, REGEX_HEAP_KB_MAX);
    if (matcher->bound != NULL)
        return matcher->bound;
    pcre2_code_free(matcher->own);
    matcher->own = compile(vector_str(&args[1], row), NULL);
    return matcher->own;
}

static PCRE2_SPTR
bytes_of(struct str text)
{
    return (PCRE2_SPTR)(text.size > 0 ? text.data : "");
}

/* PCRE2's count of groups, 0 for more than there is room for, or a negative number: no match, or none that can be told. */
static int
match(struct matcher *matcher, const pcre2_code *pattern, struct str text)
{
    return pcre2_match(pattern, bytes_of(text), text.size, 0, 0, matcher->data, matcher->limits);
}

KERNEL(kernel_regexp_matches)
{
    struct matcher matcher;
    bool           is_ready = matcher_init(&matcher, context, out);
    for (uint32_t row = 0; is_ready && row < row_count; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        const pcre2_code *pattern = pattern_of(&matcher, args, row);
        int               count   = pattern == NULL ? PCRE2_ERROR_INTERNAL : match(&matcher, pattern, vector_str(&args[0], row));
        if (count < 0 && count != PCRE2_ERROR_NOMATCH)
            vector_out_null(out, row);
        else
            vector_out_bool(out, row, count >= 0);
    }
    matcher_release(&matcher);
}

/* Group 0, the default, is all that matched. */
KERNEL(kernel_regexp_extract)
{
    struct matcher matcher;
    bool           is_ready = matcher_init(&matcher, context, out);
    for (uint32_t row = 0; is_ready && row < row_count; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        struct str        text    = vector_str(&args[0], row);
        int64_t           group   = argument_count > 2 ? vector_int64(&args[2], row) : 0;
        const pcre2_code *pattern = pattern_of(&matcher, args, row);
        int               count   = pattern == NULL ? PCRE2_ERROR_INTERNAL : match(&matcher, pattern, text);
        if (count == 0)
            count = REGEX_GROUP_COUNT_MAX + 1;
        const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(matcher.data);
        if (group < 0 || group >= count || ends[2 * group] == PCRE2_UNSET || ends[2 * group] > ends[2 * group + 1])
            vector_out_null(out, row); /* \K in a lookahead can put the end before the beginning. */
        else
            vector_out_text_shared(out, row, text.data + ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
    }
    matcher_release(&matcher);
}

/* One row replaced into scratch memory. The room of the first try does for most; PCRE2 tells what it would have needed. */
static bool
substitute(struct matcher *matcher, const pcre2_code *pattern, struct str text, struct str by, struct arena *scratch, struct str *ret_made,
           struct vector_out *out)
{
    PCRE2_SIZE size = text.size * 2 + 256;
    for (int tries = 0; tries < 2 && size <= TEXT_MADE_SIZE_MAX; tries++) {
        PCRE2_SIZE room  = size;
        char      *bytes = arena_alloc(scratch, room, 1);
        if (bytes == NULL) {
            out->failed = true;
            return false;
        }
        int count = pcre2_substitute(pattern, bytes_of(text), text.size, 0,
                                     PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH, matcher->data,
                                     matcher->limits, bytes_of(by), by.size, (PCRE2_UCHAR *)bytes, &size);
        if (count >= 0) {
            *ret_made = str_of(bytes, size);
            return true;
        }
        if (count != PCRE2_ERROR_NOMEMORY)
            return false;
    }
    return false;
}

KERNEL(kernel_regexp_replace)
{
    struct matcher matcher;
    bool           is_ready = matcher_init(&matcher, context, out);
    for (uint32_t row = 0; is_ready && row < row_count && !out->failed; row++) {
        if (!vectors_are_valid(args, argument_count, row))
            continue;
        const pcre2_code *pattern = pattern_of(&matcher, args, row);
        struct str        made;
        if (pattern == NULL || !substitute(&matcher, pattern, vector_str(&args[0], row), vector_str(&args[2], row), context->scratch, &made, out))
            vector_out_null(out, row);
        else
            vector_out_text(out, row, made.data, made.size);
        arena_clear(context->scratch);
    }
    matcher_release(&matcher);
}

#define ROW(NAME, SIGNATURE, HELP)                                                                                      \
    { .name = #NAME, .help = HELP, .signature = SIGNATURE, .null_rule = NULL_STRICT, .kernel = kernel_##NAME,          \
      .constants = 1u << 1, .bind = bind_regex, .unbind = unbind_regex }

const struct function regex_functions[] = {
    ROW(regexp_matches, "(text, text) -> bool",
        "Whether the regular expression (PCRE2's, a constant) matches somewhere in the text; null where that needs too much work, or the "
        "text is longer than 64 KiB."),
    ROW(regexp_extract, "(text, text, int64?) -> text",
        "What the regular expression (PCRE2's, a constant) first matches, or a group of it; null where it does not, or as regexp_matches."),
    ROW(regexp_replace, "(text, text, text) -> text",
        "Each match of the regular expression (PCRE2's, a constant) replaced, $1 and ${name} standing for groups; null as regexp_matches."),
};
const size_t regex_function_count = sizeof regex_functions / sizeof *regex_functions;
