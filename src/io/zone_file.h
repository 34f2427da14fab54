/* Time zones of the system, by name. */
#ifndef HEDDLE_IO_ZONE_FILE_H
#define HEDDLE_IO_ZONE_FILE_H

#include "base/error.h"
#include "base/str.h"
#include "base/zone.h"
#include "io/io.h"

/* Reads a zone such as "America/New_York" from `folder` (NULL: /usr/share/zoneinfo). A name that is none, or not
 * there, is ERR_CONFIG. The caller frees with zone_free and keeps one zone for each name: nothing is cached here. */
enum status zone_load(struct io *io, const char *folder, struct str name, struct zone **ret_zone, struct error *err);

#endif
