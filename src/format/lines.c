/* What the formats share whose records are lines. */
#include <string.h>

#include "format/format_int.h"

bool
line_find(const char *bytes, size_t at, size_t size, size_t size_max, bool is_last, size_t *ret_size, bool *ret_is_ended)
{
    size_t      seen = size - at > size_max ? size_max + 1 : size - at;
    const char *feed = memchr(bytes + at, '\n', seen);

    *ret_is_ended = feed != NULL;
    *ret_size     = feed != NULL ? (size_t)(feed - bytes) - at : seen;
    return feed != NULL || seen > size_max || is_last;
}

size_t
line_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position,
          bool is_last, bool *ret_is_end)
{
    const char *feed = memchr(bytes + begin, '\n', size - begin);
    (void)decoder;
    (void)position;
    (void)is_last;

    *ret_is_end = feed != NULL;
    return feed != NULL ? (size_t)(feed - bytes) - begin : size - begin;
}

enum status
line_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position,
           bool is_last, size_t place, size_t *ret_end, struct error *err)
{
    const char *feed = memchr(bytes.data + place - 1, '\n', bytes.size - place + 1);
    (void)plan;
    (void)layout;
    (void)position;
    (void)is_last;
    (void)err;

    *ret_end = feed != NULL ? (size_t)(feed - bytes.data) + 1 : 0;
    return ST_OK;
}
