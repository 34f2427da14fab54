/* Names that are compared, and the suffixes and titles that stand beside them. */
#include <utf8proc.h>

#include "base/utf8.h"
#include "health/kernels_int.h"

struct name_writer {
    char   bytes[NAME_KEY_SIZE_MAX];
    size_t size;
    bool   is_blank_due; /* Something parted two words; written before the next letter. */
};

/* Letters that Unicode does not take apart, but that are written without their mark elsewhere. */
static const struct {
    uint32_t    letter;
    const char *plain;
} LETTERS[] = {
    { 0x00E6, "AE" }, { 0x0153, "OE" }, { 0x00F8, "O" }, { 0x0142, "L" },  { 0x0111, "D" },
    { 0x00F0, "D" },  { 0x00FE, "TH" }, { 0x0131, "I" }, { 0x0127, "H" },
};

static void
name_write(struct name_writer *writer, const char *bytes, size_t size)
{
    size_t blank = writer->is_blank_due && writer->size > 0 ? 1 : 0;
    if (writer->size + blank + size > sizeof(writer->bytes))
        return;
    if (blank != 0)
        writer->bytes[writer->size++] = ' ';
    writer->is_blank_due = false;
    memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

/* One letter after decomposition and case folding. */
static void
name_write_letter(struct name_writer *writer, uint32_t letter)
{
    for (size_t i = 0; i < sizeof(LETTERS) / sizeof(*LETTERS); i++) {
        if (LETTERS[i].letter == letter) {
            name_write(writer, LETTERS[i].plain, strlen(LETTERS[i].plain));
            return;
        }
    }
    char bytes[4];
    name_write(writer, bytes, utf8_encode((uint32_t)utf8proc_toupper((utf8proc_int32_t)letter), bytes));
}

static void
name_write_character(struct name_writer *writer, uint32_t character)
{
    /* Enough for the longest decomposition of Unicode 15 (18, U+FDFA). */
    utf8proc_int32_t parts[32];
    int              boundary = 0;
    utf8proc_ssize_t count    = utf8proc_decompose_char(
        (utf8proc_int32_t)character, parts, 32,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK | UTF8PROC_IGNORE, &boundary);
    for (utf8proc_ssize_t i = 0; i < count && i < 32; i++) {
        switch (utf8proc_category(parts[i])) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_ND:
            name_write_letter(writer, (uint32_t)parts[i]);
            break;
        default:
            /* An apostrophe or a point belongs to its word (O'Brien, St.); all else parts words. */
            if (parts[i] != '\'' && parts[i] != 0x2019 && parts[i] != '.' && parts[i] != '`')
                writer->is_blank_due = true;
            break;
        }
    }
}

static void
name_write_word(struct name_writer *writer, struct str text)
{
    writer->is_blank_due = true;
    while (text.size > 0) {
        char     first = text.data[0];
        uint32_t character;
        size_t   size = 1;
        if (ascii_is_letter(first) || ascii_is_digit(first)) {
            char upper = ascii_to_upper(first);
            name_write(writer, &upper, 1);
        } else {
            size = utf8_decode(text, &character);
            if (size == 0)
                size = 1; /* Not UTF-8: no letter of anybody. */
            else
                name_write_character(writer, character);
        }
        text = str_slice(text, size, text.size);
    }
}

KERNEL(name_key)
{
    (void)context;
    for (uint32_t row = 0; row < row_count; row++) {
        struct name_writer writer;
        writer.size         = 0;
        writer.is_blank_due = false;
        for (uint32_t i = 0; i < argument_count; i++)
            if (vector_is_valid(&args[i], row))
                name_write_word(&writer, vector_str(&args[i], row));
        if (writer.size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, writer.bytes, writer.size);
    }
}

size_t
name_words(struct str text, char out[NAME_KEY_SIZE_MAX])
{
    struct name_writer writer;
    writer.size         = 0;
    writer.is_blank_due = false;
    name_write_word(&writer, text);
    memcpy(out, writer.bytes, writer.size);
    return writer.size;
}

/* ---- Suffixes ---- */

/* What CAQH CORE's rule 258 takes away from a last name: generations, degrees, titles; besides JUNIOR, SENIOR, 2ND to 4TH
 * and more degrees. I is left out: as the last word it is an initial as often. */
static const struct code_pair SUFFIXES[] = {
    { "JR", "JR" },   { "JUNIOR", "JR" }, { "SR", "SR" },   { "SENIOR", "SR" }, { "II", "II" },   { "2ND", "II" },
    { "III", "III" }, { "3RD", "III" },   { "IV", "IV" },   { "4TH", "IV" },    { "V", "V" },     { "MD", "MD" },
    { "DO", "DO" },   { "RN", "RN" },     { "NP", "NP" },   { "PA", "PA" },     { "PHD", "PHD" }, { "DDS", "DDS" },
    { "DMD", "DMD" }, { "DPM", "DPM" },   { "OD", "OD" },   { "ESQ", "ESQ" },   { "DVM", "DVM" }, { "PHARMD", "PHARMD" },
};

static const char *const TITLES[] = { "MR", "MRS", "MS", "MISS", "DR", "REV", "PROF" };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Where the last word begins. */
static size_t
last_word(struct str words)
{
    size_t blank = str_find_last_byte(words, ' ');
    return blank == STR_NOT_FOUND ? 0 : blank + 1;
}

/* The suffix that the words end in; NULL: none. A sole word is one only where the column is of suffixes. */
static const struct code_pair *
suffix_of(struct str words)
{
    return find_pair(SUFFIXES, COUNT(SUFFIXES), str_slice(words, last_word(words), words.size));
}

/* All suffixes at the end in their order, one blank between them: "Smith, Jr., M.D." has JR MD. */
KERNEL(name_suffix)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        char                    bytes[NAME_KEY_SIZE_MAX], found[NAME_KEY_SIZE_MAX];
        size_t                  at = sizeof found;
        const struct code_pair *suffix;
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str words = str_of(bytes, name_words(vector_str(&args[0], row), bytes));
        while (words.size > 0 && (suffix = suffix_of(words)) != NULL) {
            size_t size = strlen(suffix->to);
            at -= at < sizeof found ? size + 1 : size;
            memcpy(found + at, suffix->to, size);
            if (at + size < sizeof found)
                found[at + size] = ' ';
            words = str_trim(str_slice(words, 0, last_word(words)));
        }
        if (at == sizeof found)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, found + at, sizeof found - at);
    }
}

/* Without titles before and suffixes behind, as long as a word is left; then without blanks, so that particles (de la Cruz,
 * DeLaCruz), hyphens and apostrophes make no difference. */
KERNEL(last_name_key)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        char   bytes[NAME_KEY_SIZE_MAX], joined[NAME_KEY_SIZE_MAX];
        size_t size = 0, blank;
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str words = str_of(bytes, name_words(vector_str(&args[0], row), bytes));
        while (last_word(words) > 0 && suffix_of(words) != NULL)
            words = str_trim(str_slice(words, 0, last_word(words)));
        for (size_t i = 0; i < COUNT(TITLES) && (blank = str_find_byte(words, ' ')) != STR_NOT_FOUND; i++)
            if (str_equal(str_slice(words, 0, blank), str_from(TITLES[i])))
                words = str_slice(words, blank + 1, words.size);
        for (size_t i = 0; i < words.size; i++)
            if (words.data[i] != ' ')
                joined[size++] = words.data[i];
        if (size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, joined, size);
    }
}
