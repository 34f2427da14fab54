/* Texts: digits, postal codes, digests. */
#include "health/kernels_int.h"
#include "io/key.h"

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

KERNEL(sha256)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        static const char hex[] = "0123456789abcdef";
        uint8_t           digest[SHA256_SIZE];
        char              text[2 * SHA256_SIZE];
        if (!vector_is_valid(&args[0], row))
            continue;
        struct str bytes = vector_str(&args[0], row);
        if (sha256(bytes.data, bytes.size, digest, NULL) != ST_OK) {
            out->failed = true;
            return;
        }
        for (size_t i = 0; i < sizeof digest; i++) {
            text[2 * i]     = hex[digest[i] >> 4];
            text[2 * i + 1] = hex[digest[i] & 15];
        }
        vector_out_text(out, row, text, sizeof text);
    }
}
