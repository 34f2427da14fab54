/* Character sets of inputs, brought to UTF-8. */
#ifndef HEDDLE_FORMAT_CHARSET_H
#define HEDDLE_FORMAT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum charset {
    CHARSET_UNKNOWN,
    CHARSET_UTF8,
    CHARSET_WINDOWS_1252, /* Also for ISO 8859-1, as browsers do: senders that say the one send the other. */
    CHARSET_ISO_8859_15,
    CHARSET_ASCII,
};

/* By name, any case: of IANA, of HL7 table 0211, and of usual practice. CHARSET_UNKNOWN where it is none. */
enum charset charset_find(struct str name);

/* UTF-8 of a text in a single-byte set (not UTF8, not UNKNOWN). Total: every byte has a character (those that
 * Windows-1252 leaves open become the C1 controls of the same number, as the WHATWG encoding standard says). `out` has
 * room for 3 * text.size. Returns the size written. */
size_t charset_to_utf8(enum charset charset, struct str text, char *out);

#endif
