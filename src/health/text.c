/* Texts: digits, postal codes, and names that are compared. */
#include <utf8proc.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "health/kernels_int.h"

KERNEL(digits)
{
    (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str text  = vector_str(&args[0], row);
        char      *digit = arena_alloc(context->scratch, text.size + 1, 1);
        if (digit == NULL) {
            out->failed = true;
            return;
        }
        size_t count = 0;
        for (size_t i = 0; i < text.size; i++)
            if (ascii_is_digit(text.data[i]))
                digit[count++] = text.data[i];
        if (count == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, digit, count);
    }
}

/* A ZIP code of the United States. Five digits, or nine as 5-4. Four have lost their leading zero in a spreadsheet (1730
 * stands for 01730 in Medicare's files); no other length can be told apart, so none is mended. */
static size_t
zip_code(struct str text, char out[NORMAL_SIZE_MAX])
{
    char   digits[9];
    size_t count = 0;
    text         = str_trim(text);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-' && i == 5 && text.size == 10)
            continue;
        if (!ascii_is_digit(text.data[i]) || count == sizeof(digits))
            return 0;
        digits[count++] = text.data[i];
    }
    switch (count) {
    case 4:
        out[0] = '0';
        memcpy(out + 1, digits, 4);
        return 5;
    case 5:
        memcpy(out, digits, 5);
        return 5;
    case 9:
        memcpy(out, digits, 5);
        out[5] = '-';
        memcpy(out + 6, digits + 5, 4);
        return 10;
    default:
        return 0;
    }
}

NORMAL_KERNEL(zip_code)

/* ---- Name keys ---- */

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
