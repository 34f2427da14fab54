#include "warehouse/sql.h"

#include <stdarg.h>

#include "base/check.h"

void
sql_names_init(struct sql_names *names)
{
    *names = (struct sql_names){.has_failed = false};
    map_init(&names->map);
    arena_init(&names->arena, 0);
}

void
sql_names_release(struct sql_names *names)
{
    map_release(&names->map);
    arena_release(&names->arena);
}

void
sql_set(struct sql_names *names, const char *name, struct str text)
{
    char *copy = arena_cstr(&names->arena, text);

    if (copy == NULL || !map_put_pointer(&names->map, str_from(name), copy))
        names->has_failed = true;
}

/* Takes the builder's text and releases it. */
static void
set_built(struct sql_names *names, const char *name, struct str_builder *built)
{
    if (!str_builder_is_ok(built))
        names->has_failed = true;
    else
        sql_set(names, name, str_builder_text(built));
    str_builder_release(built);
}

void
sql_setf(struct sql_names *names, const char *name, const char *format, ...)
{
    struct str_builder built = STR_BUILDER_EMPTY;
    va_list            arguments;

    va_start(arguments, format);
    str_builder_vprintf(&built, format, arguments);
    va_end(arguments);
    set_built(names, name, &built);
}

static void
append_quoted(struct str_builder *out, struct str text, char quote)
{
    str_builder_append_char(out, quote);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == quote)
            str_builder_append_char(out, quote);
        str_builder_append_char(out, text.data[i]);
    }
    str_builder_append_char(out, quote);
}

void
sql_append_text(struct str_builder *out, struct str text)
{
    if (text.data == NULL)
        str_builder_append_cstr(out, "NULL");
    else
        append_quoted(out, text, '\'');
}

void
sql_append_name(struct str_builder *out, struct str name)
{
    append_quoted(out, name, '"');
}

void
sql_set_name(struct sql_names *names, const char *name, struct str text)
{
    struct str_builder built = STR_BUILDER_EMPTY;

    sql_append_name(&built, text);
    set_built(names, name, &built);
}

void
sql_set_text(struct sql_names *names, const char *name, struct str text)
{
    struct str_builder built = STR_BUILDER_EMPTY;

    sql_append_text(&built, text);
    set_built(names, name, &built);
}

enum status
sql_fill(const struct sql_names *names, const char *text, struct str_builder *out, struct error *err)
{
    struct str rest = str_from(text);

    if (names->has_failed)
        return error_no_memory(err);
    while (rest.size != 0) {
        size_t begin = str_find_byte(rest, '{');
        size_t end   = str_find_byte(rest, '}');

        if (begin == STR_NOT_FOUND) {
            str_builder_append(out, rest);
            break;
        }
        CHECK(end != STR_NOT_FOUND && end > begin);
        const struct map_entry *entry = map_find(&names->map, str_slice(rest, begin + 1, end));
        CHECK(entry != NULL);
        str_builder_append(out, str_slice(rest, 0, begin));
        str_builder_append_cstr(out, entry->pointer);
        rest = str_slice(rest, end + 1, rest.size);
    }
    return str_builder_status(out, err);
}

enum status
sql_run(struct db_connection *connection, const struct sql_names *names, struct error *err, const char *text)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status = sql_fill(names, text, &sql, err);

    if (status == ST_OK)
        status = db_run(connection, str_builder_text(&sql), err);
    str_builder_release(&sql);
    return status;
}

enum status
sql_query(struct db_connection *connection, const struct sql_names *names, struct db_result *ret_result,
          struct error *err, const char *text)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status = sql_fill(names, text, &sql, err);

    if (status == ST_OK)
        status = db_query(connection, str_builder_text(&sql), ret_result, err);
    str_builder_release(&sql);
    return status;
}

enum status
sql_int64(struct db_connection *connection, const struct sql_names *names, int64_t *ret_value, struct error *err,
          const char *text)
{
    struct str_builder sql    = STR_BUILDER_EMPTY;
    enum status        status = sql_fill(names, text, &sql, err);

    if (status == ST_OK)
        status = db_query_int64(connection, ret_value, err, "%s", str_builder_cstr(&sql));
    str_builder_release(&sql);
    return status;
}
