/* Steps that paths have in common. A row asks for many values that lie close together: of each object on the way all wanted members are
 * found by one walk over it, when the first of them is asked for. */
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "format/json_int.h"

/* ---- The plan ---- */

/* A node while the forest grows, its children a list. */
struct growing {
    const struct json_step *step; /* NULL: the record or an element. */
    uint32_t                first_child, next_sibling; /* JSON_NODE_NONE: none. */
    uint32_t                final; /* Its place in the plan. */
    int32_t                 slot;
    bool                    is_of_element;
};

struct forest {
    struct growing *nodes;
    size_t          capacity;
    uint32_t        count;
};

static enum status
add_node(struct forest *forest, const struct growing *node, uint32_t *ret_index, struct error *err)
{
    void *nodes = forest->nodes;

    if (scratch_grow(&nodes, &forest->capacity, forest->count + 1u, sizeof *node, err) != ST_OK)
        return ST_ERROR;
    forest->nodes                = nodes;
    forest->nodes[forest->count] = *node;
    *ret_index                   = forest->count++;
    return ST_OK;
}

static enum status
add_root(struct forest *forest, bool is_of_element, uint32_t *ret_index, struct error *err)
{
    const struct growing root = { .first_child = JSON_NODE_NONE, .next_sibling = JSON_NODE_NONE, .slot = -1, .is_of_element = is_of_element };
    return add_node(forest, &root, ret_index, err);
}

static bool
is_same_step(const struct json_step *a, const struct json_step *b)
{
    return a->kind == b->kind && a->index == b->index && str_equal(a->name, b->name) && str_equal(a->text, b->text);
}

/* Whether the step stands before the other among siblings. */
static bool
is_before(const struct json_step *a, const struct json_step *b)
{
    return a->kind != b->kind ? a->kind < b->kind : a->kind == JSON_MATCH && str_compare(a->name, b->name) < 0;
}

/* The child that the step leads to, added where it is new. */
static enum status
add_child(struct forest *forest, uint32_t parent, const struct json_step *step, int32_t slot, uint32_t *ret_index, struct error *err)
{
    struct growing child  = { .step = step, .first_child = JSON_NODE_NONE, .slot = slot, .is_of_element = forest->nodes[parent].is_of_element };
    uint32_t       before = JSON_NODE_NONE;
    uint32_t       at     = forest->nodes[parent].first_child;

    for (; at != JSON_NODE_NONE && !is_before(step, forest->nodes[at].step); at = forest->nodes[at].next_sibling) {
        if (is_same_step(forest->nodes[at].step, step)) {
            *ret_index = at;
            return ST_OK;
        }
        before = at;
    }
    child.next_sibling = at;
    if (add_node(forest, &child, ret_index, err) != ST_OK)
        return ST_ERROR;
    if (before == JSON_NODE_NONE)
        forest->nodes[parent].first_child = *ret_index;
    else
        forest->nodes[before].next_sibling = *ret_index;
    return ST_OK;
}

static enum status
add_path(struct forest *forest, uint32_t root, struct json_path *path, int32_t slot, uint32_t *ret_node, struct error *err)
{
    uint32_t at = root;

    path->node_steps = 0;
    while (path->node_steps < path->step_count && path->steps[path->node_steps].kind != JSON_ALL) {
        const struct json_step *step = &path->steps[path->node_steps];
        if (add_child(forest, at, step, path->node_steps == 0 ? slot : -1, &at, err) != ST_OK)
            return ST_ERROR;
        path->node_steps++;
    }
    *ret_node = at;
    return ST_OK;
}

static enum status
add_mapping(struct forest *forest, struct decode_plan *plan, const struct plan_mapping *entry, uint32_t record, struct error *err)
{
    uint32_t element = record;

    if (entry->each_count > 0 && add_root(forest, true, &element, err) != ST_OK)
        return ST_ERROR;
    for (uint32_t f = 0; f < entry->mapping->field_count; f++) {
        for (uint32_t k = 0; k < entry->fields[f].path_count; k++) {
            struct json_path  *path         = &plan->json->paths[entry->fields[f].first_path + k];
            struct json_probe *probe        = &plan->json->probes[entry->fields[f].first_path + k];
            bool               is_of_record = entry->each_count == 0 || path->is_from_record;
            if (add_path(forest, is_of_record ? record : element, path, path->slot, &probe->node[0], err) != ST_OK)
                return ST_ERROR;
            probe->node[1] = probe->node[0];
            probe->slot[0] = probe->slot[1] = (int16_t)path->slot;
            if (!is_of_record && entry->may_be_self) {
                probe->slot[1] = (int16_t)path->self_slot;
                if (add_path(forest, record, path, path->self_slot, &probe->node[1], err) != ST_OK)
                    return ST_ERROR;
            }
            probe->is_first      = path->node_steps == 1;
            probe->is_of_element = !is_of_record;
            probe->has_all       = path->has_all;
            probe->pseudo        = (uint8_t)path->pseudo;
        }
    }
    return ST_OK;
}

/* Puts a node's children into the plan, side by side. *count: nodes that are there. */
static void
place_children(struct forest *forest, struct json_node *nodes, uint32_t index, uint32_t *count)
{
    struct json_node *parent = &nodes[forest->nodes[index].final];

    parent->first_child = *count;
    for (uint32_t at = forest->nodes[index].first_child; at != JSON_NODE_NONE; at = forest->nodes[at].next_sibling) {
        struct growing *child = &forest->nodes[at];
        child->final          = (*count)++;
        nodes[child->final]   = (struct json_node){ .step = *child->step, .parent = forest->nodes[index].final, .slot = child->slot,
                                                    .is_of_element = child->is_of_element };
        parent->child_count++;
        if (child->step->kind == JSON_MEMBER) {
            parent->member_count++;
            parent->names |= json_name_bit(child->step->name.data, child->step->name.size);
        }
    }
}

static enum status
place_nodes(struct forest *forest, struct decode_plan *plan, struct error *err)
{
    struct json_plan *json  = plan->json;
    uint32_t          count = 0;

    json->nodes      = ARENA_ARRAY(&plan->arena, struct json_node, forest->count);
    json->node_count = forest->count;
    if (json->nodes == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < forest->count; i++) {
        if (forest->nodes[i].step != NULL)
            continue;
        forest->nodes[i].final = count;
        json->nodes[count++]   = (struct json_node){ .parent = JSON_NODE_NONE, .slot = -1, .is_of_element = forest->nodes[i].is_of_element };
    }
    /* A node was added behind its parent, so that each has its place when its children get theirs. */
    for (uint32_t i = 0; i < forest->count; i++)
        place_children(forest, json->nodes, i, &count);
    CHECK(count == forest->count);
    for (uint32_t i = 0; i < json->path_count; i++) {
        json->probes[i].node[0] = forest->nodes[json->probes[i].node[0]].final;
        json->probes[i].node[1] = forest->nodes[json->probes[i].node[1]].final;
    }
    return ST_OK;
}

enum status
json_nodes_compile(struct decode_plan *plan, struct error *err)
{
    struct forest forest = { NULL, 0, 0 };
    uint32_t      record = 0;
    enum status   status = add_root(&forest, false, &record, err);

    plan->json->probes = ARENA_ARRAY(&plan->arena, struct json_probe, plan->json->path_count);
    if (status == ST_OK && plan->json->probes == NULL)
        status = error_no_memory(err);
    for (uint32_t i = 0; i < plan->mapping_count && status == ST_OK; i++)
        status = add_mapping(&forest, plan, &plan->mappings[i], record, err);
    if (status == ST_OK)
        status = place_nodes(&forest, plan, err);
    memory_free(forest.nodes);
    return status;
}

/* ---- Values ---- */

/* The child of that name, or JSON_NODE_NONE. */
static uint32_t
child_of_name(const struct json_node *nodes, const struct json_node *parent, uint32_t likely, const char *name, size_t size)
{
    uint32_t begin = parent->first_child, end = begin + parent->member_count;

    if (likely >= begin && likely < end && json_key_equal(&nodes[likely].step.name, name, size))
        return likely;
    for (uint32_t at = begin; at < end; at++)
        if (json_key_equal(&nodes[at].step.name, name, size))
            return at;
    return JSON_NODE_NONE;
}

/* The last member of a name counts. */
static void
find_members(struct json_state *json, const struct json_node *nodes, uint32_t index, yyjson_val *object)
{
    const struct json_node *parent = &nodes[index];
    struct json_found      *found  = json->found;
    yyjson_val             *key    = unsafe_yyjson_get_first(object);
    uint32_t               *likely = &found[index].first;

    for (size_t count = unsafe_yyjson_get_len(object); count > 0; count--, key = unsafe_yyjson_get_next(key + 1)) {
        const char *name = unsafe_yyjson_get_str(key);
        size_t      size = unsafe_yyjson_get_len(key);
        if ((parent->names & json_name_bit(name, size)) == 0)
            continue;
        uint32_t child = child_of_name(nodes, parent, *likely, name, size);
        if (child == JSON_NODE_NONE)
            continue;
        found[child].value = key + 1; /* A member's value stands behind its key. */
        *likely            = child;
        likely             = &found[child].next;
    }
}

/* The matches of one name: children[begin, end). */
struct matches {
    struct json_state      *json;
    const struct json_node *nodes;
    uint32_t                begin, end;
    yyjson_val             *element;
};

/* Gives the element to all matches whose text the name's parts from `part` on lead to; of an array on the way any element may be. The first
 * element of a text counts. Recursion is bounded by the name. */
static void
match_element(const struct matches *matches, uint32_t part, yyjson_val *value)
{
    const struct json_step *step     = &matches->nodes[matches->begin].step;
    yyjson_val             *member   = json_member(value, step->parts[part]);
    struct str              text     = STR_EMPTY;
    bool                    is_shape = false;

    if (part + 1 == step->part_count) {
        if (!json_scalar_text(member, &text, &is_shape))
            return;
        for (uint32_t at = matches->begin; at < matches->end; at++)
            if (matches->json->found[at].value == NULL && str_equal(matches->nodes[at].step.text, text))
                matches->json->found[at].value = matches->element;
        return;
    }
    if (!yyjson_is_arr(member)) {
        match_element(matches, part + 1, member);
        return;
    }
    yyjson_arr_iter iter    = yyjson_arr_iter_with(member);
    yyjson_val     *element = NULL;
    while ((element = yyjson_arr_iter_next(&iter)) != NULL)
        match_element(matches, part + 1, element);
}

static void
find_elements(struct json_state *json, const struct json_node *nodes, const struct json_node *parent, yyjson_val *array)
{
    uint32_t end = parent->first_child + parent->child_count;
    uint32_t at  = parent->first_child + parent->member_count;

    for (; at < end && nodes[at].step.kind == JSON_INDEX; at++)
        json->found[at].value = yyjson_arr_get(array, nodes[at].step.index);
    while (at < end) {
        struct matches  matches = { .json = json, .nodes = nodes, .begin = at, .end = at + 1 };
        yyjson_arr_iter iter    = yyjson_arr_iter_with(array);
        while (matches.end < end && str_equal(nodes[matches.end].step.name, nodes[at].step.name))
            matches.end++;
        while ((matches.element = yyjson_arr_iter_next(&iter)) != NULL)
            match_element(&matches, 0, matches.element);
        at = matches.end;
    }
}

/* Looks for all children of a node at once. Not inlined, for most calls of json_node_find need none of its many variables. */
static __attribute__((noinline)) void
expand(struct json_state *json, const struct json_node *nodes, uint32_t index, yyjson_val *value, uint64_t number)
{
    const struct json_node *parent = &nodes[index];
    struct json_found      *found  = &json->found[parent->first_child];

    for (uint32_t left = parent->child_count; left > 0; left--, found++) {
        found->number = number;
        found->value  = NULL;
    }
    if (unsafe_yyjson_is_obj(value))
        find_members(json, nodes, index, value);
    else if (unsafe_yyjson_is_arr(value))
        find_elements(json, nodes, parent, value);
}

yyjson_val *
json_node_find(struct json_state *json, const struct json_node *nodes, uint32_t index)
{
    const struct json_node *node   = &nodes[index];
    struct json_found      *found  = &json->found[index];
    const uint64_t          number = json->numbers[node->is_of_element];
    yyjson_val             *parent = NULL;

    if (found->number == number)
        return found->value;
    found->number = number;
    found->value  = NULL;
    if (node->slot >= 0)
        return found->value = json->slots[node->slot];
    if (node->parent == JSON_NODE_NONE)
        return found->value = node->is_of_element ? json->element : json->root;
    parent = json_node_find(json, nodes, node->parent);
    if (parent != NULL)
        expand(json, nodes, node->parent, parent, number);
    return found->value;
}
