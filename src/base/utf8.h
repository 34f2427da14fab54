/* UTF-8 as Unicode defines it (The Unicode Standard 15, table 3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef HEDDLE_BASE_UTF8_H
#define HEDDLE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The size of the longest valid prefix: text.size when all of it is valid. ASCII goes by 8 bytes at a time. */
size_t utf8_valid_prefix(struct str text);

static inline bool
utf8_is_valid(struct str text)
{
    return utf8_valid_prefix(text) == text.size;
}

/* Whether all bytes are below 0x80. */
bool utf8_is_ascii(struct str text);

/* Decodes the character at the start of `text`. Returns its size in bytes (1 to 4), or 0 where the text is empty or
 * does not begin with a valid character; *ret_character is then untouched. */
size_t utf8_decode(struct str text, uint32_t *ret_character);

/* Writes the character's bytes (1 to 4) and returns how many. `character` must be a scalar value (no surrogate, at
 * most U+10FFFF). */
size_t utf8_encode(uint32_t character, char out[4]);

/* Characters that must not reach a terminal or a log: C0 and C1 controls, line and paragraph separators, and what turns
 * the direction of writing, so that a text reads as something else. */
bool utf8_is_unsafe(uint32_t character);

/* Characters in a text; a byte that is not UTF-8 counts as one. For columns of positions and for padding. */
size_t utf8_length(struct str text);

#endif
