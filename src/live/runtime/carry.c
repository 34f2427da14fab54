/* Which steps keep their state (live/carry.h). */
#include "live/carry.h"

#include "live/runtime/runtime_int.h"

const char *
live_carried_name(enum live_carried carried)
{
    static const char *const names[LIVE_CARRIED_COUNT] = { "kept", "begins", "begins anew", "dropped" };
    return names[carried];
}

/* Steps with state: dedup, then the others. NULL: no more. */
static const struct operator *
step_at(const struct step_set *set, uint32_t *cursor)
{
    while (*cursor <= set->operator_count) {
        const struct operator *op = *cursor == 0 ? set->dedup : set->operators[*cursor - 1];
        ++*cursor;
        if (op->kind->state_names[0] != NULL || op->kind->set_names[0] != NULL)
            return op;
    }
    return NULL;
}

static struct str
definition_of(const struct operator *op)
{
    return op->definition == NULL ? STR_EMPTY : str_from(op->definition);
}

void
carry_write(const struct step_set *set, struct json_out *json)
{
    const struct operator *op;
    uint32_t               cursor = 0;

    json_out_key_object(json, "states");
    while ((op = step_at(set, &cursor)) != NULL)
        json_out_key_text(json, op->step_name, definition_of(op));
    json_out_object_end(json);
}

static const struct operator *
step_find(const struct step_set *set, struct str name)
{
    const struct operator *op;
    uint32_t               cursor = 0;

    while ((op = step_at(set, &cursor)) != NULL)
        if (str_equal(name, str_from(op->step_name)))
            break;
    return op;
}

enum status
carry_compare(const struct step_set *set, const struct json *states, struct arena *arena, struct live_carry *ret_carry, struct error *err)
{
    const struct operator  *op;
    uint32_t                cursor = 0;
    struct live_carry       carry  = { .is_known = states != NULL && states->type == JSON_OBJECT };
    struct live_carry_step *steps  = ARENA_ARRAY(arena, struct live_carry_step, (carry.is_known ? states->count : 0) + STEP_COUNT_MAX + 1);

    if (steps == NULL)
        return error_no_memory(err);
    for (const struct json *state = carry.is_known ? states->first : NULL; state != NULL; state = state->next) {
        op = step_find(set, state->key);
        steps[carry.count]           = (struct live_carry_step){ .name = state->key, .carried = op == NULL                                  ? LIVE_CARRIED_GONE
                                                                                               : str_equal(definition_of(op), state->text) ? LIVE_CARRIED_KEPT
                                                                                                                                             : LIVE_CARRIED_CHANGED };
        carry.lost_count += live_carry_is_lost(&steps[carry.count++]);
    }
    while ((op = step_at(set, &cursor)) != NULL)
        if (!carry.is_known || json_find_str(states, str_from(op->step_name)) == NULL)
            steps[carry.count++] = (struct live_carry_step){ .name = str_from(op->step_name), .carried = LIVE_CARRIED_NEW };
    carry.steps = steps;
    *ret_carry  = carry;
    return ST_OK;
}

enum status
live_carry_find(const struct graph *graph, struct str decisions, struct arena *arena, struct live_carry *ret_carry, struct error *err)
{
    const struct siphash_key     no_key = { { 0 } }; /* Steps go by it when rows come. */
    const struct partition_names none   = { graph->streaming.source.name, NULL, 0, 0 };
    struct decisions             decided;
    struct step_set              set    = { 0 };
    enum status                  status = decisions_read(decisions, arena, &decided, err);

    if (status == ST_OK)
        status = steps_create(graph, &no_key, &none, &set, err);
    if (status == ST_OK)
        status = carry_compare(&set, decided.states, arena, ret_carry, err);
    steps_release(&set);
    /* Names of steps are the graph's, but for dedup's, which is the program's. */
    return status;
}

/* ---- At a start ---- */

/* Whether the list, with commas between, has the name. */
static bool
is_accepted(struct str list, struct str name)
{
    for (bool is_last = false; !is_last;) {
        size_t end = str_find_byte(list, ',');
        is_last    = end == STR_NOT_FOUND;
        if (str_equal(str_trim(str_slice(list, 0, is_last ? list.size : end)), name))
            return true;
        list = is_last ? list : str_slice(list, end + 1, list.size);
    }
    return false;
}

enum status
carry_check(const struct runtime *runtime, const struct decisions *decisions, struct arena *arena, struct error *err)
{
    struct live_carry carry;

    if (carry_compare(&runtime->steps[0], decisions->states, arena, &carry, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < carry.count; i++) {
        const struct live_carry_step *step = &carry.steps[i];
        if (!live_carry_is_lost(step) || is_accepted(runtime->options->accepted_losses, step->name))
            continue;
        error_set(err, ERR_CONFIG, "the state of step %.*s would be lost: %s", STR_PRINTF(step->name),
                  step->carried == LIVE_CARRIED_GONE ? "the pipeline has no such step any more" : "its definition is another one, and it would begin anew");
        error_hint(err, "heddle check --against %.*s shows all steps; --accept-state-loss %.*s goes on without it, or change the pipeline back", STR_PRINTF(runtime->graph->streaming.store.name), STR_PRINTF(step->name));
        return ST_ERROR;
    }
    return ST_OK;
}
