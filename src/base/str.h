/* Text that somebody else owns: a pointer and a size.
 *
 * A `struct str` owns nothing and need not end in NUL. Its bytes may be anything; where they must be UTF-8, the
 * function says so. Passed by value. The empty text may have a NULL pointer. */
#ifndef HEDDLE_BASE_STR_H
#define HEDDLE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data;
    size_t      size; /* In bytes. */
};

#define STR_EMPTY ((struct str){ NULL, 0 })
/* From a string literal, without counting at run time. STR_INIT is for static tables. */
#define STR(literal)      ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_INIT(literal) { "" literal, sizeof(literal) - 1 }
/* printf("%.*s", STR_PRINTF(text)); texts beyond INT_MAX are cut. */
#define STR_PRINTF(text) (int)((text).size > 0x7fffffff ? 0x7fffffff : (text).size), ((text).data ? (text).data : "")

#define STR_NOT_FOUND SIZE_MAX

/* A view of a NUL-terminated string; NULL gives the empty text. */
static inline struct str
str_from(const char *text)
{
    return (struct str){ text, text ? strlen(text) : 0 };
}

static inline struct str
str_of(const char *data, size_t size)
{
    return (struct str){ data, size };
}

static inline bool
str_equal(struct str a, struct str b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Order of bytes, as strcmp gives it: negative, 0 or positive. A prefix comes first. */
int str_compare(struct str a, struct str b);
/* ASCII letters only; other bytes must be equal. */
bool str_equal_ignore_case(struct str a, struct str b);
bool str_starts_with(struct str text, struct str prefix);
bool str_ends_with(struct str text, struct str suffix);

/* Position of the first occurrence, or STR_NOT_FOUND. An empty `wanted` is found at 0. */
size_t str_find(struct str text, struct str wanted);
size_t str_find_byte(struct str text, char wanted);
size_t str_find_last_byte(struct str text, char wanted);

/* From `begin` up to, not including, `end`; both are cut to the text's size. */
struct str str_slice(struct str text, size_t begin, size_t end);
/* Without leading and trailing ASCII white space (space, \t, \n, \v, \f, \r). */
struct str str_trim(struct str text);

/* Parts between separators: "a,,b" has "a", "" and "b"; the empty text has one empty part.
 *
 *     struct str_split split = str_split_init(text, ',');
 *     struct str       part;
 *     while (str_split_next(&split, &part)) ... */
struct str_split {
    struct str rest;
    char       separator;
    bool       is_done;
};
struct str_split str_split_init(struct str text, char separator);
bool             str_split_next(struct str_split *split, struct str *ret_part);

/* Decimal digits with an optional sign ("-5", "+5"), nothing else: no blanks, no "0x". False where that is not so or
 * the number does not fit; *ret_value is then untouched. uint64 takes no minus. */
bool str_to_int64(struct str text, int64_t *ret_value);
bool str_to_uint64(struct str text, uint64_t *ret_value);

/* A count for people: 1234567 becomes "1,234,567". NUL-terminated; returns the size without the NUL. */
#define COUNT_TEXT_SIZE 27
size_t count_format(uint64_t count, char out[COUNT_TEXT_SIZE]);

/* ASCII only, without the locale. */
static inline bool
ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool
ascii_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline char
ascii_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char
ascii_to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

#endif
