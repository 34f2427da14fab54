#include "config/errors.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

void
config_errors_release(struct config_errors *errors)
{
    memory_free(errors->items);
    *errors = CONFIG_ERRORS_EMPTY;
}

static bool
is_same(const struct error *a, const struct error *b)
{
    return a->line == b->line && a->column == b->column && strcmp(a->file, b->file) == 0 &&
           strcmp(a->message, b->message) == 0;
}

/* Room for one more; NULL where the list is full or memory has run out. */
static struct error *
errors_next(struct config_errors *errors)
{
    if (errors->count == CONFIG_ERROR_COUNT_MAX) {
        errors->left_out_count++;
        return NULL;
    }
    if (errors->count == errors->capacity) {
        size_t        capacity = errors->capacity ? errors->capacity * 2 : 8;
        struct error *items    = memory_resize_array(errors->items, capacity, sizeof(*items));
        if (items == NULL) {
            errors->has_no_memory = true;
            return NULL;
        }
        errors->items    = items;
        errors->capacity = capacity;
    }
    return &errors->items[errors->count++];
}

static struct error *
errors_keep(struct config_errors *errors, const struct error *err)
{
    CHECK(err->code != ERR_NONE);
    if (err->code == ERR_NO_MEMORY) {
        errors->has_no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < errors->count; i++)
        if (is_same(&errors->items[i], err))
            return NULL;
    struct error *kept = errors_next(errors);
    if (kept)
        *kept = *err;
    return kept;
}

void
config_errors_add(struct config_errors *errors, const struct error *err)
{
    errors_keep(errors, err);
}

struct error *
config_errors_at(struct config_errors *errors, const struct json *value, const char *file, const char *format, ...)
{
    struct error err = ERROR_EMPTY;
    va_list      arguments;

    va_start(arguments, format);
    error_set_va(&err, ERR_CONFIG, format, arguments);
    va_end(arguments);
    json_error_place(value, file, &err);
    return errors_keep(errors, &err);
}

struct error *
config_errors_at_key(struct config_errors *errors, const struct json *member, const char *file, const char *format, ...)
{
    struct error err = ERROR_EMPTY;
    va_list      arguments;

    va_start(arguments, format);
    error_set_va(&err, ERR_CONFIG, format, arguments);
    va_end(arguments);
    json_error_place_key(member, file, &err);
    return errors_keep(errors, &err);
}

size_t
config_errors_count(const struct config_errors *errors)
{
    return errors->count + errors->left_out_count + (errors->has_no_memory ? 1 : 0);
}

/* The place of the first error of the same file: files keep the order in which they came. */
static size_t
file_rank(const struct config_errors *errors, const struct error *err)
{
    for (size_t i = 0; i < errors->count; i++)
        if (strcmp(errors->items[i].file, err->file) == 0)
            return i;
    UNREACHABLE();
}

void
config_errors_sort(struct config_errors *errors)
{
    size_t       ranks[CONFIG_ERROR_COUNT_MAX];
    struct error moved;

    CHECK(errors->count <= CONFIG_ERROR_COUNT_MAX);
    for (size_t i = 0; i < errors->count; i++)
        ranks[i] = file_rank(errors, &errors->items[i]);
    /* Insertion: a hundred items at most, nearly in order, and equal ones stay as they came. */
    for (size_t i = 1; i < errors->count; i++) {
        moved         = errors->items[i];
        size_t rank   = ranks[i];
        size_t target = i;
        for (; target > 0; target--) {
            const struct error *before = &errors->items[target - 1];
            bool                is_after =
                ranks[target - 1] != rank ? ranks[target - 1] > rank
                                                         : before->line != moved.line ? before->line > moved.line
                                                                                      : before->column > moved.column;
            if (!is_after)
                break;
            errors->items[target] = *before;
            ranks[target]         = ranks[target - 1];
        }
        errors->items[target] = moved;
        ranks[target]         = rank;
    }
}

void
config_errors_print(const struct config_errors *errors, struct str_builder *out)
{
    char text[ERROR_TEXT_SIZE];

    for (size_t i = 0; i < errors->count; i++) {
        size_t size = error_print(&errors->items[i], text, sizeof(text));
        str_builder_append(out, str_of(text, size));
        str_builder_append_char(out, '\n');
    }
    if (errors->left_out_count > 0)
        str_builder_printf(out, "%zu more errors are not shown\n", errors->left_out_count);
}

void
config_errors_print_json(const struct config_errors *errors, struct json_out *json)
{
    char text[ERROR_TEXT_SIZE];

    for (size_t i = 0; i < errors->count; i++) {
        size_t size = error_print_json(&errors->items[i], text, sizeof(text));
        json_out_raw(json, str_of(text, size));
    }
}

enum status
config_errors_status(struct config_errors *errors, struct error *err)
{
    if (errors->has_no_memory)
        return error_no_memory(err);
    if (errors->count == 0)
        return ST_OK;
    config_errors_sort(errors);
    if (err) {
        size_t more = config_errors_count(errors) - 1;
        *err        = errors->items[0];
        if (more > 0)
            error_context(err, "checking the configuration, which has %zu more error%s", more, more == 1 ? "" : "s");
    }
    return ST_ERROR;
}
