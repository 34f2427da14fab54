/* Keys and hashes of rows.
 *
 * The canonical encoding of a row is that of its values one after the other, each a byte that names the kind, then the
 * value, little-endian: 0 null; 1 bool, 1 byte; 2 int64, 8; 3 double, 8 (one NaN, no minus zero); 4 decimal, 1 of scale
 * and 8; 5 text, 4 of size and the bytes; 6 timestamp, 8; 7 date, 4. Its hash is XXH3-128. */
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/word.h"
#include "column/kernel.h"
#include "expr/kernel/tables.h"

/* Bytes that start on the stack and go on in the call's scratch memory. */
struct buffer {
    char         *data;
    size_t        size;
    size_t        capacity;
    struct arena *scratch;
};

static bool
buffer_grow(struct buffer *buffer, size_t size)
{
    size_t capacity = (buffer->size + size) * 2;
    char  *wider    = arena_alloc(buffer->scratch, capacity, 1);
    if (wider == NULL)
        return false;
    memcpy(wider, buffer->data, buffer->size);
    buffer->data     = wider;
    buffer->capacity = capacity;
    return true;
}

/* Room for `size` more bytes. False: memory is out. */
static inline bool
buffer_reserve(struct buffer *buffer, size_t size)
{
    return size <= buffer->capacity - buffer->size || buffer_grow(buffer, size);
}

static inline bool
buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (!buffer_reserve(buffer, size))
        return false;
    if (size > 0)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return true;
}

/* Compilers make one store of it where the machine's own order is this. */
static inline size_t
little_endian(uint64_t value, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return size;
}

#define ENCODED_SIZE_MAX 10 /* Kind, scale, value; a text's bytes are besides. */

static bool
encode(const struct vector *arg, uint32_t row, struct buffer *buffer)
{
    bool       is_valid = vector_is_valid(arg, row);
    struct str text     = is_valid && arg->type.kind == TYPE_TEXT ? vector_str(arg, row) : STR_EMPTY;
    if (!buffer_reserve(buffer, ENCODED_SIZE_MAX + text.size))
        return false;
    uint8_t *bytes = (uint8_t *)buffer->data + buffer->size;
    size_t   size  = 1;
    uint64_t bits;
    double   value;
    bytes[0] = is_valid ? (uint8_t)(arg->type.kind + 1) : 0;
    switch (is_valid ? arg->type.kind : TYPE_KIND_COUNT) {
    case TYPE_BOOL: bytes[size++] = vector_bool(arg, row) ? 1 : 0; break;
    case TYPE_DECIMAL: bytes[size++] = arg->type.scale; /* fall through */
    case TYPE_INT64:
    case TYPE_TIMESTAMP: size += little_endian((uint64_t)vector_int64(arg, row), 8, bytes + size); break;
    case TYPE_DATE: size += little_endian((uint32_t)vector_date(arg, row), 4, bytes + size); break;
    case TYPE_DOUBLE:
        value = vector_double(arg, row);
        value = isnan(value) ? (double)NAN : value == 0 ? 0 : value;
        memcpy(&bits, &value, sizeof bits);
        size += little_endian(bits, 8, bytes + size);
        break;
    case TYPE_TEXT:
        size += little_endian(text.size, 4, bytes + size);
        if (text.size > 0)
            memcpy(bytes + size, text.data, text.size);
        size += text.size;
        break;
    case TYPE_KIND_COUNT: break; /* Null. */
    }
    buffer->size += size;
    return true;
}

static void
kernel_row_hash(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                uint32_t row_count, struct vector_out *out)
{
    char          small[2048];
    struct buffer buffer = { .data = small, .capacity = sizeof small, .scratch = context->scratch };
    for (uint32_t row = 0; row < row_count; row++) {
        char hex[HASH128_TEXT_SIZE];
        bool ok     = true;
        buffer.size = 0;
        for (uint32_t i = 0; i < argument_count && ok; i++)
            ok = encode(&args[i], row, &buffer);
        if (!ok) {
            out->failed = true;
            return;
        }
        hash128_print(hash128(buffer.data, buffer.size), hex);
        vector_out_text(out, row, hex, HASH128_TEXT_SIZE - 1);
    }
}

/* Whether a byte of the word is '|' or '\\'. */
static inline bool
word_is_special(uint64_t word)
{
    const uint64_t bars = word ^ WORD_OF('|'), slashes = word ^ WORD_OF('\\');
    return ((((bars - WORD_OF(1)) & ~bars) | ((slashes - WORD_OF(1)) & ~slashes)) & WORD_OF(0x80)) != 0;
}

/* Parts joined by '|'; in a part '|' and '\' are preceded by '\'; a null part is '\0', so that it differs from an empty
 * one. Null only where all parts are. */
static bool
append_escaped(struct buffer *buffer, struct str text)
{
    size_t from = 0;
    for (size_t at = 0; at < text.size; at++) {
        if (at + 8 <= text.size && !word_is_special(word_load(text.data + at))) {
            at += 7;
            continue;
        }
        if (text.data[at] != '|' && text.data[at] != '\\')
            continue;
        if (!buffer_append(buffer, text.data + from, at - from) || !buffer_append(buffer, "\\", 1))
            return false;
        from = at;
    }
    return buffer_append(buffer, text.data + from, text.size - from);
}

/* The same of a text in a column: a short one, which most parts are, has its 12 bytes in place, zero behind its end. */
static inline bool
append_escaped_text(struct buffer *buffer, const struct text *text)
{
    if (text->size <= TEXT_INLINE_SIZE) {
        if (!word_is_special(word_load(text->inlined)) && !word_is_special(word_load(text->inlined + TEXT_INLINE_SIZE - 8))) {
            if (!buffer_reserve(buffer, TEXT_INLINE_SIZE))
                return false;
            memcpy(buffer->data + buffer->size, text->inlined, TEXT_INLINE_SIZE);
            buffer->size += text->size;
            return true;
        }
    }
    return append_escaped(buffer, str_of(text_data(text), text->size));
}

static void
kernel_business_key(const struct kernel_context *context, const struct vector *args, uint32_t argument_count,
                    uint32_t row_count, struct vector_out *out)
{
    char          small[1024];
    struct buffer buffer = { .data = small, .capacity = sizeof small, .scratch = context->scratch };
    for (uint32_t row = 0; row < row_count; row++) {
        bool ok = true, any = false;
        buffer.size = 0;
        for (uint32_t i = 0; i < argument_count && ok; i++) {
            ok = i == 0 || buffer_append(&buffer, "|", 1);
            if (!vector_is_valid(&args[i], row)) {
                ok = ok && buffer_append(&buffer, "\\0", 2);
                continue;
            }
            any = true;
            ok  = ok && append_escaped_text(&buffer, vector_text(&args[i], row));
        }
        if (!ok) {
            out->failed = true;
            return;
        }
        if (any)
            vector_out_text(out, row, buffer.data, buffer.size);
        else
            vector_out_null(out, row);
    }
}

const struct function key_functions[] = {
    { .name = "row_hash", .help = "XXH3-128 of the row's canonical encoding, 32 hexadecimal digits.",
      .signature = "(any...) -> text", .null_rule = NULL_SEEN, .kernel = kernel_row_hash },
    { .name = "business_key", .help = "One text of several parts: equal keys, equal parts; null where all parts are null.",
      .signature = "(text...) -> text", .null_rule = NULL_SEEN, .kernel = kernel_business_key },
};
const size_t key_function_count = sizeof key_functions / sizeof *key_functions;
