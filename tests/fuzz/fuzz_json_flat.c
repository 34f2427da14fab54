/* Lines that are taken as flat: yyjson takes each of them too, with the same members. What earlier lines taught of the order of members is
 * kept over the lines of an input. */
#include <stdint.h>
#include <string.h>

#include "support/flat_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct flat_reader reader;
    const char               *at = (const char *)bytes, *end = at + size;

    if (reader.plan.plan == NULL)
        flat_reader_init(&reader);
    memset(reader.follows, 0, sizeof reader.follows);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop             = stop != NULL ? stop : end;
        flat_reader_compare(&reader, str_of(at, (size_t)(stop - at)));
        at = stop < end ? stop + 1 : end;
    }
    return 0;
}
