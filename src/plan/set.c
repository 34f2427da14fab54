/* --set path=value: one value of a file replaced, for this call. */
#include "base/check.h"
#include "base/limits.h"
#include "plan/plan_int.h"

struct setter {
    struct arena      *arena;
    const struct json *value; /* Type and content of what is set. */
    struct str         path;  /* The whole, for messages. */
    struct error      *err;
};

static enum status
fail(struct setter *setter, const char *why, struct str part)
{
    error_set(setter->err, ERR_USAGE, "cannot set %.*s: %s%.*s", STR_PRINTF(setter->path), why, STR_PRINTF(part));
    error_hint(setter->err, "write --set path=value, like --set runtime.workers=2; heddle explain shows the long form");
    return ST_ERROR;
}

/* The first part of a path, which is taken off it. */
static struct str
take_part(struct str *path)
{
    size_t     dot  = str_find_byte(*path, '.');
    size_t     end  = dot == STR_NOT_FOUND ? path->size : dot;
    struct str part = str_slice(*path, 0, end);
    *path           = str_slice(*path, dot == STR_NOT_FOUND ? end : end + 1, path->size);
    return part;
}

/* The items or members of `old`, copied one by one; *ret_found is the one to replace, a new member where there is none. */
static enum status
copy_items(struct setter *setter, const struct json *old, struct str part, struct json *copy, struct json **ret_found)
{
    struct json **link  = &copy->first;
    struct json  *found = NULL;
    int64_t       index = -1;

    *link = NULL;
    if (old->type == JSON_ARRAY && (!str_to_int64(part, &index) || index < 0 || index >= old->count))
        return fail(setter, "it is a list, and has no item ", part);
    for (const struct json *item = old->first; item; item = item->next, index--) {
        *link = ARENA_NEW(setter->arena, struct json);
        if (*link == NULL)
            return error_no_memory(setter->err);
        **link = *item;
        if (old->type == JSON_ARRAY ? index == 0 : found == NULL && str_equal(item->key, part))
            found = *link;
        link = &(*link)->next;
    }
    if (found == NULL) {
        found = *link = ARENA_NEW(setter->arena, struct json);
        if (found == NULL || !arena_text(setter->arena, part, &found->key))
            return error_no_memory(setter->err);
        found->type = JSON_OBJECT;
        copy->count++;
    }
    *ret_found = found;
    return ST_OK;
}

/* Replaces in *node (a copy already) what the path leads to. */
static enum status
set_below(struct setter *setter, struct json *node, struct str path, unsigned depth)
{
    struct json *found = NULL;

    if (path.size == 0) {
        struct json kept = *node;
        *node            = *setter->value;
        node->key        = kept.key;
        node->next       = kept.next;
        node->key_line   = kept.key_line;
        node->key_column = kept.key_column;
        return ST_OK;
    }
    struct str part = take_part(&path);
    if (part.size == 0 || depth > JSON_DEPTH_MAX)
        return fail(setter, "the path has an empty part", STR_EMPTY);
    if (node->type != JSON_OBJECT && node->type != JSON_ARRAY)
        return fail(setter, "its short form has no part ", part);
    struct json old = *node;
    if (copy_items(setter, &old, part, node, &found) != ST_OK)
        return ST_ERROR;
    return set_below(setter, found, path, depth + 1);
}

/* What is set stands in no file: the places of the value and of all in it become 0. */
static enum status
copy_without_places(const struct json *value, struct arena *arena, struct json *ret_copy, struct error *err)
{
    struct json **link = &ret_copy->first;

    *ret_copy            = *value;
    ret_copy->line       = ret_copy->column = 0;
    ret_copy->key_line   = ret_copy->key_column = 0;
    for (const struct json *item = value->first; item; item = item->next) {
        *link = ARENA_NEW(arena, struct json);
        if (*link == NULL)
            return error_no_memory(err);
        if (copy_without_places(item, arena, *link, err) != ST_OK)
            return ST_ERROR;
        (*link)->next = NULL;
        link          = &(*link)->next;
    }
    return ST_OK;
}

/* JSON where it is JSON, else the text itself: 5m needs no quotes. */
static enum status
parse_value(struct str text, struct arena *arena, struct json *ret_value, struct error *err)
{
    struct error       scratch = ERROR_EMPTY;
    const struct json *parsed;

    *ret_value = (struct json){ .type = JSON_TEXT };
    if (json_parse(text, "--set", arena, &parsed, &scratch) == ST_OK)
        return copy_without_places(parsed, arena, ret_value, err);
    if (scratch.code == ERR_NO_MEMORY || !arena_text(arena, text, &ret_value->text))
        return error_no_memory(err);
    return ST_OK;
}

enum status
plan_set(struct str set, const struct json *pipeline, const struct json *bindings, struct arena *arena,
         bool *ret_is_pipeline, const struct json **ret_root, struct error *err)
{
    size_t        equals = str_find_byte(set, '=');
    struct json   value;
    struct setter setter = { .arena = arena, .value = &value, .err = err };

    setter.path = str_slice(set, 0, equals == STR_NOT_FOUND ? set.size : equals);
    if (equals == STR_NOT_FOUND || equals == 0)
        return fail(&setter, "there is no ", equals == 0 ? STR("path") : STR("="));
    if (parse_value(str_slice(set, equals + 1, set.size), arena, &value, err) != ST_OK)
        return ST_ERROR;
    struct str rest   = setter.path;
    struct str first  = take_part(&rest);
    struct str second = take_part(&rest);
    /* Both files have a "pipeline"; the legs stand in one, who and where it is in the other. */
    bool is_pipeline = str_equal(first, STR("pipeline")) &&
                       (str_equal(second, STR("batch")) || str_equal(second, STR("streaming")));
    struct json *root = ARENA_NEW(arena, struct json);
    if (root == NULL)
        return error_no_memory(err);
    *root = is_pipeline ? *pipeline : *bindings;
    if (set_below(&setter, root, setter.path, 0) != ST_OK)
        return ST_ERROR;
    *ret_is_pipeline = is_pipeline;
    *ret_root        = root;
    return ST_OK;
}
