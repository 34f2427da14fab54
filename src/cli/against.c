#include "cli/against.h"

#include <stdio.h>

#include "config/json.h"

static enum status
read_header(struct str rows, const struct graph *graph, struct arena *arena, struct live_carry *ret_carry, struct error *err)
{
    const struct json *row = NULL;

    if (rows.size == 0)
        return live_carry_find(graph, STR_EMPTY, arena, ret_carry, err);
    if (json_parse(rows, "epoch_header", arena, &row, err) != ST_OK)
        return ST_ERROR;
    const struct json *decisions = json_find(row, "decisions");
    if (decisions == NULL || decisions->type != JSON_TEXT)
        return error_set(err, ERR_CORRUPT, "the store's last epoch has no decisions");
    return live_carry_find(graph, decisions->text, arena, ret_carry, err);
}

enum status
against_find(const struct ask *ask, struct str store, struct arena *arena, struct live_carry *ret_carry, struct error *err)
{
    const struct graph *graph = ask->plan.graph;
    struct str_builder  rows  = STR_BUILDER_EMPTY;
    struct str          text  = STR_EMPTY;
    uint64_t            row_count;

    if (!graph->has_streaming || !str_equal(store, graph->streaming.store.name)) {
        error_set(err, ERR_USAGE, "the pipeline has no store \"%.*s\"", STR_PRINTF(store));
        error_hint(err, graph->has_streaming ? "its store is %.*s" : "it has no streaming leg%.*s", STR_PRINTF(graph->streaming.store.name));
        return ST_ERROR;
    }
    enum status status = ask_store_text(ask, STR("select decisions from epoch_header order by epoch desc limit 1"), &rows, &row_count, err);
    if (status != ST_OK && err->code == ERR_NOT_FOUND) {
        error_clear(err); /* No stream has begun yet. */
        str_builder_clear(&rows);
        status = ST_OK;
    }
    if (status == ST_OK && !arena_text(arena, str_builder_text(&rows), &text))
        status = error_no_memory(err);
    if (status == ST_OK)
        status = read_header(str_trim(text), graph, arena, ret_carry, err);
    str_builder_release(&rows);
    return status;
}

void
against_print(const struct live_carry *carry, struct str store)
{
    if (!carry->is_known)
        printf("%.*s does not say which steps have state: no epoch of this version is in it yet\n", STR_PRINTF(store));
    for (size_t i = 0; i < carry->count; i++)
        printf("state of %.*s: %s\n", STR_PRINTF(carry->steps[i].name), live_carried_name(carry->steps[i].carried));
}

void
against_print_json(const struct live_carry *carry, struct json_out *json)
{
    json_out_key_bool(json, "is_state_known", carry->is_known);
    json_out_key_array(json, "state");
    for (size_t i = 0; i < carry->count; i++) {
        json_out_object_begin(json);
        json_out_key_text(json, "step", carry->steps[i].name);
        json_out_key_cstr(json, "becomes", live_carried_name(carry->steps[i].carried));
        json_out_object_end(json);
    }
    json_out_array_end(json);
}

enum status
against_check(const struct live_carry *carry, struct error *err)
{
    for (size_t i = 0; i < carry->count; i++)
        if (live_carry_is_lost(&carry->steps[i])) {
            error_set(err, ERR_NO, "a start would lose the state of %zu of the steps", carry->lost_count);
            error_hint(err, "change the pipeline back, or start with --accept-state-loss %.*s%s", STR_PRINTF(carry->steps[i].name), carry->lost_count > 1 ? ",…" : "");
            return ST_ERROR;
        }
    return ST_OK;
}
