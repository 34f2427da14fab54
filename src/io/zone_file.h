/* Time zones of the system, by name. */
#ifndef HEDDLE_IO_ZONE_FILE_H
#define HEDDLE_IO_ZONE_FILE_H

#include "base/error.h"
#include "base/str.h"
#include "base/zone.h"
#include "io/io.h"

/* Reads a zone such as "America/New_York" from `folder` (NULL: /usr/share/zoneinfo). A name that is none, or not
 * there, is ERR_CONFIG. The caller frees with zone_free. */
enum status zone_load(struct io *io, const char *folder, struct str name, struct zone **ret_zone, struct error *err);

/* The same from the system's folder, shared: while anybody in the process holds a zone, it is read no second time. Every
 * thread of every mapping binds the same few zones. Thread-safe; each hold is ended by a drop. */
enum status zone_hold(struct io *io, struct str name, const struct zone **ret_zone, struct error *err);
void        zone_drop(const struct zone *zone); /* NULL is allowed. */

#endif
