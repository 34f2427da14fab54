#include "column/vector.h"

void
vector_out_long_text(struct vector_out *out, uint32_t row, const char *bytes, size_t size)
{
    /* Beyond the limit there is no text: null, as for any value that does not fit its type. */
    const char *copy = size <= TEXT_SIZE_MAX ? out->text_copy(out->text_owner, bytes, size) : NULL;
    if (copy == NULL) {
        out->failed = out->failed || size <= TEXT_SIZE_MAX;
        vector_out_null(out, row);
        return;
    }
    text_set(&((struct text *)out->data)[row], copy, size);
}
