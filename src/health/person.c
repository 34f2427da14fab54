/* person_id: a keyed hash of an identifier. */
#include "health/person.h"

#include "base/memory.h"
#include "health/kernels_int.h"

bool
person_id_print(const struct siphash_key *key, struct str system, struct str value, struct arena *scratch,
                char out[HASH128_TEXT_SIZE])
{
    /* The system's size goes first, so that no two pairs have the same bytes. */
    size_t size  = 4 + system.size + value.size;
    char   small[256];
    char  *bytes = size <= sizeof(small) ? small : arena_alloc(scratch, size, 1);
    if (bytes == NULL)
        return false;
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (char)(unsigned char)((system.size >> (8 * i)) & 0xff);
    if (system.size > 0)
        memcpy(bytes + 4, system.data, system.size);
    if (value.size > 0)
        memcpy(bytes + 4 + system.size, value.data, value.size);
    hash128_print(siphash128(key, bytes, size), out);
    return true;
}

/* NULL where the text is not 32 hexadecimal digits: then the function gives null. */
enum status
bind_person_hash(const struct vector *constants, uint32_t argument_count, void **ret_bound, struct error *err)
{
    (void)argument_count;
    *ret_bound = NULL;
    if (constants[2].data == NULL || !vector_is_valid(&constants[2], 0))
        return ST_OK;
    struct siphash_key *key = memory_alloc(sizeof(*key));
    if (key == NULL)
        return error_no_memory(err);
    if (hex_decode(vector_str(&constants[2], 0), key->bytes, sizeof(key->bytes)))
        *ret_bound = key;
    else
        memory_free(key);
    return ST_OK;
}

void
unbind_person_hash(void *bound)
{
    if (bound != NULL)
        memory_wipe(bound, sizeof(struct siphash_key));
    memory_free(bound);
}

KERNEL(person_hash)
{
    for (uint32_t row = 0; row < row_count; row++) {
        const struct siphash_key *key = context->bound;
        struct siphash_key        own;
        char                      id[HASH128_TEXT_SIZE];
        if (!vectors_are_valid(args, argument_count, row)) {
            vector_out_null(out, row);
            continue;
        }
        if (key == NULL) {
            if (!hex_decode(vector_str(&args[2], row), own.bytes, sizeof(own.bytes))) {
                vector_out_null(out, row);
                continue;
            }
            key = &own;
        }
        if (!person_id_print(key, vector_str(&args[0], row), vector_str(&args[1], row), context->scratch, id)) {
            out->failed = true;
            return;
        }
        vector_out_text(out, row, id, HASH128_TEXT_SIZE - 1);
    }
}

struct hash128
person_key_check(const struct siphash_key *key)
{
    static const char TEXT[] = "heddle patient master"; /* Where it was first kept. */

    return siphash128(key, TEXT, sizeof TEXT - 1);
}
