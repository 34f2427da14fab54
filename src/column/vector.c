#include "column/vector.h"

#include "base/check.h"

void
vector_out_text(struct vector_out *out, uint32_t row, const char *bytes, size_t size)
{
    CHECK(out->type.kind == TYPE_TEXT);
    if (size > TEXT_INLINE_SIZE) {
        /* Beyond the limit there is no text: null, as for any value that does not fit its type. */
        const char *copy = size <= TEXT_SIZE_MAX ? out->text_copy(out->text_owner, bytes, size) : NULL;
        if (copy == NULL) {
            out->failed = out->failed || size <= TEXT_SIZE_MAX;
            vector_out_null(out, row);
            return;
        }
        bytes = copy;
    }
    ((struct text *)out->data)[row] = text_view(bytes, size);
}

void
vector_out_text_shared(struct vector_out *out, uint32_t row, const char *bytes, size_t size)
{
    if (out->may_share)
        ((struct text *)out->data)[row] = text_view(bytes, size);
    else
        vector_out_text(out, row, bytes, size);
}
