/* Ranges of one input that can be decoded side by side, and the guess of its format. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "format/format_int.h"

enum status
decode_split(const struct decode_plan *plan, const struct decode_layout *layout, const void *bytes, size_t size,
             uint32_t wanted_count, size_t *ends, uint32_t *ret_count, struct error *err)
{
    CHECK(wanted_count > 0);
    CHECK(layout != NULL || plan->kind->layout == NULL);

    uint32_t cut_count = layout != NULL && !layout->is_readable ? 0 : wanted_count - 1;
    uint32_t count     = 0;

    for (uint32_t i = 0; i < cut_count; i++)
        ends[i] = size / wanted_count * (i + 1);
    if (cut_count > 0 && plan->kind->split(plan, layout, str_of(bytes, size), ends, cut_count, err) != ST_OK)
        return ST_ERROR;
    /* Several cuts may have come to the same place, or to the end. */
    for (uint32_t i = 0; i < cut_count; i++) {
        CHECK(ends[i] <= size && (i == 0 || ends[i] >= ends[i - 1]));
        if (ends[i] > (count == 0 ? 0 : ends[count - 1]) && ends[i] < size)
            ends[count++] = ends[i];
    }
    ends[count++] = size;
    *ret_count    = count;
    return ST_OK;
}

/* ---- Detection ---- */

static bool
is_message_header(struct str text)
{
    return text.size > 3 && !ascii_is_letter(text.data[3]) && !ascii_is_digit(text.data[3])
           && (str_starts_with(text, STR("MSH")) || str_starts_with(text, STR("FHS"))
               || str_starts_with(text, STR("BHS")));
}

bool
format_detect(const void *head, size_t size, struct str name, enum model_format *ret_format)
{
    struct str text = str_of(head, size);

    if (str_starts_with(text, STR("\xEF\xBB\xBF")))
        text = str_slice(text, 3, text.size);
    while (text.size > 0 && (ascii_is_space(text.data[0]) || text.data[0] == '\x0B'))
        text = str_slice(text, 1, text.size);
    if (is_message_header(text)) {
        *ret_format = MODEL_HL7V2;
        return true;
    }
    if (text.size > 0 && text.data[0] == '{') {
        *ret_format = MODEL_JSON;
        return true;
    }

    /* Junk may lie before the first message. */
    for (size_t i = 0; i + 1 < text.size && i < FORMAT_HEAD_SIZE_MAX; i++)
        if ((text.data[i] == '\r' || text.data[i] == '\n') && is_message_header(str_slice(text, i + 1, text.size))) {
            *ret_format = MODEL_HL7V2;
            return true;
        }

    bool is_table = str_ends_with(name, STR(".csv")) || str_ends_with(name, STR(".tsv"));
    for (size_t i = 0; i < text.size && text.data[i] != '\n' && text.data[i] != '\r' && !is_table; i++)
        is_table = memchr(",;\t|", text.data[i], 4) != NULL;
    if (is_table)
        *ret_format = MODEL_CSV;
    return is_table;
}
