/* Time zones, from the bytes of a TZif file (RFC 8536, versions 2 to 4) that the caller has read (io/zone_file.h).
 *
 * A zone is read-only once parsed and may be shared by threads. Beyond the last transition of the file the rule in
 * its footer holds (a POSIX TZ text), before the first one the file's first type. */
#ifndef HEDDLE_BASE_ZONE_H
#define HEDDLE_BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct zone;

/* `name` is copied and only for zone_name. On success the caller owns *ret_zone and frees it with zone_free.
 * ERR_CORRUPT where the bytes are not a zone, or hold leap seconds (files of the "right" kind). */
enum status zone_parse(struct str name, const void *bytes, size_t size, struct zone **ret_zone, struct error *err);
void        zone_free(struct zone *zone);

/* The zone without offsets. Static: zone_free does nothing to it. */
const struct zone *zone_utc(void);

const char *zone_name(const struct zone *zone);

/* Seconds east of UTC at an instant. */
int32_t zone_offset_s(const struct zone *zone, int64_t time_us);

/* What the wall clock shows at an instant. */
int64_t zone_to_local(const struct zone *zone, int64_t time_us);

enum zone_match {
    ZONE_UNIQUE,
    ZONE_AMBIGUOUS, /* The clock showed this time twice: the first of the two instants is taken. */
    ZONE_GAP,       /* The clock never showed it: as if it had gone on unchanged, so that 02:30 becomes 03:30. */
};

/* The instant at which the wall clock showed `local_us`. Both rules above are those of Python's fold=0 and of
 * java.time. `ret_match` may be NULL. */
int64_t zone_to_utc(const struct zone *zone, int64_t local_us, enum zone_match *ret_match);

#endif
