#include "io/zone_file.h"

#include <stdio.h>

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
