#include "format/charset.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* Windows-1252, 0x80 to 0x9F (WHATWG Encoding, index windows-1252). The rest is Latin-1. */
static const uint16_t WINDOWS_1252_HIGH[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

struct charset_name {
    const char  *name; /* Upper case without blanks, '-', '_', '/', ' '. */
    enum charset charset;
};

static const struct charset_name NAMES[] = {
    { "UTF8", CHARSET_UTF8 },
    { "UNICODE", CHARSET_UTF8 }, /* HL7 table 0211's "world wide character set"; by practice it is UTF-8. */
    { "UNICODEUTF8", CHARSET_UTF8 },
    { "WINDOWS1252", CHARSET_WINDOWS_1252 },
    { "CP1252", CHARSET_WINDOWS_1252 },
    { "88591", CHARSET_WINDOWS_1252 },
    { "ISO88591", CHARSET_WINDOWS_1252 },
    { "LATIN1", CHARSET_WINDOWS_1252 },
    { "885915", CHARSET_ISO_8859_15 },
    { "ISO885915", CHARSET_ISO_8859_15 },
    { "ASCII", CHARSET_ASCII },
    { "USASCII", CHARSET_ASCII },
};

enum charset
charset_find(struct str name)
{
    char   plain[24];
    size_t size = 0;

    for (size_t i = 0; i < name.size; i++) {
        char c = ascii_to_upper(name.data[i]);
        if (c == '-' || c == '_' || c == '/' || c == ' ')
            continue;
        if (size == sizeof plain)
            return CHARSET_UNKNOWN;
        plain[size++] = c;
    }
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (str_equal(str_of(plain, size), str_from(NAMES[i].name)))
            return NAMES[i].charset;
    }
    return CHARSET_UNKNOWN;
}

/* ISO 8859-15 is Latin-1 but for eight characters. */
static uint32_t
iso_8859_15(unsigned char byte)
{
    switch (byte) {
    case 0xA4: return 0x20AC;
    case 0xA6: return 0x0160;
    case 0xA8: return 0x0161;
    case 0xB4: return 0x017D;
    case 0xB8: return 0x017E;
    case 0xBC: return 0x0152;
    case 0xBD: return 0x0153;
    case 0xBE: return 0x0178;
    default: return byte;
    }
}

size_t
charset_to_utf8(enum charset charset, struct str text, char *out)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte      = (unsigned char)text.data[i];
        uint32_t      character = byte;

        if (byte < 0x80) {
            out[size++] = (char)byte;
            continue;
        }
        if (charset == CHARSET_ISO_8859_15)
            character = iso_8859_15(byte);
        else if (byte < 0xA0)
            character = WINDOWS_1252_HIGH[byte - 0x80];
        size += utf8_encode(character, out + size);
    }
    return size;
}
