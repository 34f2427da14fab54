#include "base/utf8.h"

#include <string.h>

#include "base/check.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes of ASCII at the start of the text. */
static size_t
ascii_prefix(const char *data, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        if ((word & HIGH_BITS) != 0)
            break;
    }
    while (i < size && (unsigned char)data[i] < 0x80)
        i++;
    return i;
}

bool
utf8_is_ascii(struct str text)
{
    return ascii_prefix(text.data, text.size) == text.size;
}

size_t
utf8_decode(struct str text, uint32_t *ret_character)
{
    if (text.size == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned             lead  = bytes[0];
    uint32_t             character;
    size_t               size;
    if (lead < 0x80) {
        *ret_character = lead;
        return 1;
    }
    /* 0x80 to 0xc1 continue a character or start an overlong one. */
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    size      = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    character = lead & (0x7fu >> size);
    if (text.size < size)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (bytes[i] & 0x3fu);
    }
    if ((size == 3 && (character < 0x800 || (character >= 0xd800 && character <= 0xdfff))) ||
        (size == 4 && (character < 0x10000 || character > 0x10ffff)))
        return 0;
    *ret_character = character;
    return size;
}

size_t
utf8_valid_prefix(struct str text)
{
    size_t i = 0;
    if (text.size == 0)
        return 0;
    for (;;) {
        uint32_t character;
        i += ascii_prefix(text.data + i, text.size - i);
        if (i == text.size)
            return i;
        size_t size = utf8_decode(str_of(text.data + i, text.size - i), &character);
        if (size == 0)
            return i;
        i += size;
    }
}

size_t
utf8_encode(uint32_t character, char out[4])
{
    CHECK(character <= 0x10ffff && (character < 0xd800 || character > 0xdfff));
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xc0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xe0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3f));
        out[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | character >> 18);
    out[1] = (char)(0x80 | (character >> 12 & 0x3f));
    out[2] = (char)(0x80 | (character >> 6 & 0x3f));
    out[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

bool
utf8_is_unsafe(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x061c || character == 0x200e ||
           character == 0x200f || (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2066 && character <= 0x2069);
}

size_t
utf8_length(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; count++) {
        uint32_t character;
        size_t   size = utf8_decode(str_of(text.data + i, text.size - i), &character);
        i += size > 0 ? size : 1;
    }
    return count;
}
