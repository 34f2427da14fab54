/* Where a range of an input ends that can be decoded beside the others, and the guess of its format. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "format/format_int.h"

enum status
decode_split(const struct decode_plan *plan, const struct decode_layout *layout, const void *bytes, size_t size,
             int64_t position, bool is_last, size_t place, size_t *ret_end, struct error *err)
{
    size_t end = 0;

    CHECK(place > 0);
    CHECK(layout != NULL || plan->kind->layout == NULL);
    if (place < size && (layout == NULL || layout->is_readable)
        && plan->kind->split(plan, layout, str_of(bytes, size), position, is_last, place, &end, err) != ST_OK)
        return ST_ERROR;
    CHECK(end == 0 || (end >= place && end <= size));
    *ret_end = end == 0 && is_last ? size : end;
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
        /* Events have no such member. It may stand behind others, but within the head. */
        bool is_fhir = str_find(str_slice(text, 0, FORMAT_HEAD_SIZE_MAX), STR("\"resourceType\"")) != STR_NOT_FOUND;
        *ret_format  = is_fhir ? MODEL_FHIR_R4 : MODEL_JSON;
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
