#include "io/zone_file.h"

#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"

/* Letters, digits, '_', '+', '-' in parts between single slashes: nothing that leaves the folder. */
static bool
is_zone_name(struct str name)
{
    char before = '/';
    if (name.size == 0 || name.size > 64)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!ascii_is_letter(c) && !ascii_is_digit(c) && c != '_' && c != '+' && c != '-' && c != '/')
            return false;
        if (c == '/' && before == '/')
            return false;
        before = c;
    }
    return before != '/';
}

enum status
zone_load(struct io *io, const char *folder, struct str name, struct zone **ret_zone, struct error *err)
{
    char   path[PATH_SIZE_MAX];
    char  *bytes = NULL;
    size_t size  = 0;
    if (!is_zone_name(name)) {
        error_set(err, ERR_CONFIG, "\"%.*s\" is not the name of a time zone", STR_PRINTF(str_slice(name, 0, 64)));
        error_hint(err, "write a name of the IANA database such as \"America/New_York\"");
        return ST_ERROR;
    }
    int length = snprintf(path, sizeof path, "%s/%.*s", folder != NULL ? folder : "/usr/share/zoneinfo",
                          STR_PRINTF(name));
    if (length < 0 || (size_t)length >= sizeof path)
        return error_set(err, ERR_CONFIG, "the folder of time zones has too long a name");
    struct error read_err = ERROR_EMPTY;
    if (io_file_read(io, path, ZONE_FILE_SIZE_MAX, &bytes, &size, &read_err) != ST_OK) {
        if (read_err.code != ERR_NOT_FOUND) {
            if (err != NULL)
                *err = read_err;
            return ST_ERROR;
        }
        error_set(err, ERR_CONFIG, "there is no time zone \"%.*s\"", STR_PRINTF(name));
        error_hint(err, "look for it in %s; the package tzdata brings it", folder ? folder : "/usr/share/zoneinfo");
        return ST_ERROR;
    }
    enum status status = zone_parse(name, bytes, size, ret_zone, err);
    memory_free(bytes);
    return status;
}

/* ---- Shared zones ---- */

/* A list, for a process names a handful. The mutex is held while a zone is read, so that two threads do not both read it. */
struct held_zone {
    struct held_zone *next;
    struct zone      *zone;
    uint64_t          hold_count;
};
static struct held_zone *held_zones;
static pthread_mutex_t   held_zones_lock = PTHREAD_MUTEX_INITIALIZER;

static enum status
hold_new(struct io *io, struct str name, struct held_zone **ret_held, struct error *err)
{
    struct held_zone *held = memory_alloc_zero(sizeof(*held));
    if (held == NULL)
        return error_no_memory(err);
    if (zone_load(io, NULL, name, &held->zone, err) != ST_OK) {
        memory_free(held);
        return ST_ERROR;
    }
    held->next = held_zones;
    held_zones = held;
    *ret_held = held;
    return ST_OK;
}

enum status
zone_hold(struct io *io, struct str name, const struct zone **ret_zone, struct error *err)
{
    enum status status = ST_OK;
    pthread_mutex_lock(&held_zones_lock);
    struct held_zone *held = held_zones;
    while (held != NULL && !str_equal(str_from(zone_name(held->zone)), name))
        held = held->next;
    if (held == NULL)
        status = hold_new(io, name, &held, err);
    if (status == ST_OK) {
        held->hold_count++;
        *ret_zone = held->zone;
    }
    pthread_mutex_unlock(&held_zones_lock);
    return status;
}

void
zone_drop(const struct zone *zone)
{
    if (zone == NULL)
        return;
    pthread_mutex_lock(&held_zones_lock);
    struct held_zone **link = &held_zones;
    while (*link != NULL && (*link)->zone != zone)
        link = &(*link)->next;
    CHECK(*link != NULL);
    struct held_zone *held = *link;
    if (--held->hold_count == 0) {
        *link = held->next;
        zone_free(held->zone);
        memory_free(held);
    }
    pthread_mutex_unlock(&held_zones_lock);
}
