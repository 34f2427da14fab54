#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "format/csv_int.h"

enum status
decode_layout_open(const struct decode_plan *plan, struct str name, const void *head, size_t size, bool is_whole,
                   const struct decode_sink *sink, struct decode_layout **ret_layout, struct error *err)
{
    struct decode_layout *layout = memory_alloc_zero(sizeof *layout);
    if (layout == NULL)
        return error_no_memory(err);

    const struct str text = str_of(head, size);
    enum status      status = ST_OK;

    layout->plan        = plan;
    layout->name        = name;
    layout->is_readable = true;
    if (str_starts_with(text, STR("\xFF\xFE")) || str_starts_with(text, STR("\xFE\xFF"))) {
        layout->is_readable = false;
        layout->reason      = DECODE_BAD_ENCODING;
        layout->detail      = "the input is UTF-16, which is not read: convert it to UTF-8";
    } else if (str_starts_with(text, STR("\xEF\xBB\xBF"))) {
        layout->records_begin = 3;
    }
    if (layout->is_readable && plan->kind->layout != NULL)
        status = plan->kind->layout(layout, text, is_whole, sink, err);
    if (status != ST_OK)
        decode_layout_free(layout);
    else
        *ret_layout = layout;
    return status;
}

void
decode_layout_free(struct decode_layout *layout)
{
    if (layout == NULL)
        return;
    if (layout->plan->kind->layout_free != NULL)
        layout->plan->kind->layout_free(layout);
    memory_free(layout);
}

bool
decode_layout_is_readable(const struct decode_layout *layout, enum decode_reason *ret_reason, const char **ret_detail)
{
    if (!layout->is_readable) {
        *ret_reason = layout->reason;
        *ret_detail = layout->detail;
    }
    return layout->is_readable;
}

bool
decode_layout_has(const struct decode_layout *layout, uint32_t mapping_index)
{
    CHECK(mapping_index < layout->plan->mapping_count);
    if (!layout->is_readable)
        return false;
    if (layout->fixed_fits != NULL)
        return layout->fixed_fits[mapping_index];
    return layout->csv == NULL || layout->csv->fits[mapping_index];
}
