/* The model with what the site adds to it or overrides: the files that "model" of the bindings names. */
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/walk.h"
#include "plan/plan_int.h"

struct file_list {
    struct model_file *items;
    size_t             count;
    size_t             capacity;
};

static void
file_list_release(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        memory_free((void *)(uintptr_t)list->items[i].text.data);
    memory_free(list->items);
}

static bool
add_item(struct builder *builder, struct model_file item, struct file_list *list)
{
    if (list->count == list->capacity) {
        size_t             capacity = list->capacity ? list->capacity * 2 : 16;
        struct model_file *items    = memory_resize_array(list->items, capacity, sizeof(*items));
        if (items == NULL)
            return plan_no_memory(builder);
        list->items    = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

static bool
add_file(struct builder *builder, const char *path, struct file_list *list, struct error *err)
{
    char  *bytes;
    size_t size;

    if (io_file_read(builder->io, path, FILE_TEXT_SIZE_MAX, &bytes, &size, err) != ST_OK)
        return false;
    if (add_item(builder, (struct model_file){ .path = path, .text = str_of(bytes, size) }, list))
        return true;
    memory_free(bytes);
    return false;
}

/* Files that whoever asked for the plan adds. */
static bool
add_given(struct builder *builder, struct file_list *list)
{
    const struct plan_request *request = builder->request;
    struct error               err     = ERROR_EMPTY;
    bool                       is_ok   = true;

    for (size_t i = 0; request != NULL && i < request->model_path_count && is_ok; i++)
        is_ok = add_file(builder, request->model_paths[i], list, &err);
    if (!is_ok && err.code != ERR_NONE)
        config_errors_add(builder->errors, &err);
    return is_ok;
}

/* JSON files only: a README beside them is welcome. */
static bool
add_pattern(struct builder *builder, const struct json *pattern, struct file_list *list, struct str *ret_path)
{
    struct error err   = ERROR_EMPTY;
    size_t       found = list->count;
    struct str   path;
    struct walk  walk;

    if (!plan_path(builder, pattern->text, &path))
        return false;
    *ret_path  = path;
    bool is_ok = walk_files(builder->io, path.data, builder->arena, &walk, &err) == ST_OK;
    for (size_t i = 0; is_ok && i < walk.count; i++)
        if (str_ends_with(str_from(walk.paths[i]), STR(".json")))
            is_ok = add_file(builder, walk.paths[i], list, &err);
    if (!is_ok && err.code != ERR_NONE) {
        json_error_place(pattern, builder->bindings.binder.file, &err);
        config_errors_add(builder->errors, &err);
    }
    if (!is_ok || list->count > found)
        return is_ok;
    error_hint(complain(&builder->bindings, pattern, "no model file matches \"%.*s\"", STR_PRINTF(pattern->text)),
               "a relative path starts from the folder of this file; names end in .json");
    return false;
}

static void
report(void *context, const struct error *err)
{
    config_errors_add(context, err);
}

struct model *
plan_model(struct builder *builder, const struct json *patterns)
{
    struct error     err   = ERROR_EMPTY;
    struct file_list list  = { 0 };
    struct model    *model = NULL;
    bool             is_ok = true;
    bool             is_list = patterns != NULL && patterns->type == JSON_ARRAY;
    struct str      *paths = ARENA_ARRAY(builder->arena, struct str, is_list ? patterns->count : 0);
    size_t           count = 0;

    if (paths == NULL) {
        plan_no_memory(builder);
        return NULL;
    }
    for (const struct json *pattern = is_list ? patterns->first : NULL; pattern; pattern = pattern->next)
        if (pattern->type == JSON_TEXT)
            is_ok &= add_pattern(builder, pattern, &list, &paths[count++]);
    builder->graph->model_patterns = (struct graph_names){ paths, count };
    is_ok &= add_given(builder, &list);
    const struct json *rules = plan_cleanse_list(builder);
    if (is_ok && rules != NULL)
        is_ok = add_item(builder, (struct model_file){ .path = builder->pipeline.binder.file, .cleanse_rules = rules }, &list);
    if (is_ok && model_load(list.items, list.count, report, builder->errors, &model, &err) != ST_OK)
        config_errors_add(builder->errors, &err);
    file_list_release(&list);
    return model;
}
