/* JSON: paths and how to follow them. */
#ifndef HEDDLE_FORMAT_JSON_INT_H
#define HEDDLE_FORMAT_JSON_INT_H

#include <yyjson.h>

#include "format/format_int.h"

enum json_step_kind {
    JSON_MEMBER, /* .name */
    JSON_INDEX,  /* [n] */
    JSON_MATCH,  /* [name=text] */
    JSON_ALL,    /* [*] */
};

struct json_step {
    enum json_step_kind kind;
    struct str          name; /* MEMBER, MATCH */
    struct str          text; /* MATCH */
    const struct str   *parts; /* MATCH: the name between its points. */
    uint32_t            part_count;
    uint32_t            index;
};

/* What a FHIR record is told besides its own members: paths that begin with @ (fhir_int.h). */
enum json_pseudo {
    PSEUDO_FULL_URL,
    PSEUDO_METHOD,
    PSEUDO_URL,
    PSEUDO_CONTAINED,
    PSEUDO_BUNDLE_TYPE,
    PSEUDO_BUNDLE_TIMESTAMP,
    PSEUDO_BUNDLE_ID,
    PSEUDO_COUNT,
    PSEUDO_NONE = PSEUDO_COUNT,
};

struct json_path {
    const struct json_step *steps;
    uint32_t                step_count;
    enum json_pseudo        pseudo;         /* PSEUDO_NONE: a path of the record. */
    int32_t                 slot;           /* Of the first step, where it is a member that starts at the record; else -1. */
    int32_t                 self_slot;      /* Of one that starts at the element, of a mapping whose element may be the record; else -1. */
    uint32_t                node_steps;     /* How many steps stand before any [*]. */
    bool                    is_from_record; /* ^. inside an `each`. */
    bool                    has_all;        /* Some step is [*]. */
};

/* Steps that paths have in common, so that each is taken once: a forest of the record's steps and of those of each mapping's elements.
 *
 *     record ── code ── coding ── [0] ─┬─ code           code.coding[0].code, code.coding[0].display
 *                                      └─ display
 */
struct json_node {
    struct json_step step;
    uint32_t         parent;        /* JSON_NODE_NONE: it is the record or an element. */
    uint32_t         first_child;   /* They stand side by side: members, then indices, then matches, those of one name together. */
    uint32_t         child_count;
    uint32_t         member_count;
    int32_t          slot;          /* Of a member of the record; else -1. */
    bool             is_of_element;
    uint64_t         names;         /* Of its children that are members: a bit of json_name_bit each. */
};

#define JSON_NODE_NONE UINT32_MAX

/* What was found at a node. */
struct json_found {
    uint64_t    number; /* Of the record or element in which it was looked for; another one than that in work: it was not yet. */
    yyjson_val *value;
    uint32_t    next;   /* Objects of one kind have their members in one order: the sibling that stood behind it last is looked for first, */
    uint32_t    first;  /* and of its children this one. */
};

/* Where a path's value is looked for. One a path, small, for each row asks for all of them. */
struct json_probe {
    uint32_t node[2];       /* Where its steps before any [*] lead; and the same where the element is the record itself. */
    int16_t  slot[2];       /* Of the first of these steps, where it is a member of the record; else -1. */
    bool     is_first;      /* There is no other step before any [*]. */
    bool     is_of_element; /* node[0]. */
    bool     has_all;
    uint8_t  pseudo; /* As in json_path. */
};

/* How a member's name stands behind another member's value where there are no blanks: ,"name": */
#define JSON_LITERAL_SIZE 32
struct json_literal {
    char     bytes[JSON_LITERAL_SIZE];
    uint32_t size;
    uint32_t mask; /* A bit for each of these bytes; 0: the name is too long. */
};

/* Members of the record that some path begins with, found by one probe. */
struct json_keys {
    struct str *names;
    struct json_literal *literals; /* Of names, one by one. */
    uint32_t    count;
    uint16_t   *slots; /* Index into names plus 1; 0: free. Linear probing, at most half full. */
    uint32_t    mask;
};

struct json_plan {
    struct json_path *paths; /* Of fields. */
    uint32_t          path_count;
    struct json_path *each;
    uint32_t          each_count;
    struct json_keys  keys;
    struct json_probe *probes; /* Of paths. */
    struct json_node *nodes;
    uint32_t          node_count;
    const uint16_t   *old_slots; /* FHIR: of the members that tell older versions. */
    struct str        type_name; /* The member that tells a record's type. */
    int32_t           type_slot; /* Of that member, where some mapping is dispatched by it; -1: none is. */
    int32_t           id_slot, contained_slot; /* FHIR: of `id` and `contained`. */
};

/* Types are told apart by a few bits of theirs: those that share them only guess each other's order. */
#define JSON_ORDER_COUNT 16

struct json_state {
    /* One a key of the plan, and a last one for members that no path asks for. */
    uint16_t    *follows; /* Of each JSON_ORDER_COUNT: records of one type have their members in one order, so the key that stood behind it last
                             in such a record is looked for first. */
    uint32_t     order;   /* Of the record in work, known behind its type. */
    char        *pool; /* For yyjson's values; grows to what the longest line needs. */
    size_t       pool_size;
    yyjson_val **slots; /* NULL where the record has no such member. */
    yyjson_val  *root;  /* NULL: the record is flat, no path of the plan asks for it. */
    yyjson_val  *flat;  /* Values of a flat record. */
    yyjson_val  *element;         /* That the row in work is of. */
    struct json_found *found;     /* One a node. */
    uint64_t     number;          /* The last one given to a record or element. */
    uint32_t     last_begin, last_end; /* JSON lines: where plan->dispatch has the type of the record before; equal: it has none. */
    uint64_t     numbers[2];      /* Of the record and the element in work. */
    char        *joined; /* Texts of [*]. */
    size_t       joined_size;
    size_t       joined_capacity;
    bool         may_be_flat; /* All paths of the plan begin with a member of the record, and all names are plain ASCII. */
    bool         is_unended; /* The line in work has no line end behind it. */
    bool         is_deletion;     /* FHIR: the record is an entry that deletes; only mappings that ask for @method make a row. */
    bool         is_in_contained; /* FHIR: the row in work is of an element of `contained`. */
    struct str   pseudo[PSEUDO_COUNT]; /* FHIR: as they are for the record in work; empty: not there. */
};

/* Whether a flat record has all that the plan asks for in its slots. */
bool json_plan_may_be_flat(const struct decode_plan *plan);

/* Fills the slots from a line that is one object of texts, numbers and words, in plain ASCII without escapes: what nearly all events are.
 * No tree of values is made, and texts stay where they lie. False: it is something else, right or wrong,
 * and yyjson's to tell; the slots are then of no use. */
bool json_flat_read(struct json_state *json, const struct json_plan *plan, struct str line);

/* ---- Shared by JSON lines and FHIR ---- */

enum status json_open(struct decoder *decoder, struct error *err);
void        json_close(struct decoder *decoder);
/* A copy of the record that lives until no row waits, with room behind it for yyjson. NULL: no memory. */
char *json_copy(struct decoder *decoder, struct str record);
/* yyjson's tree of the record, whose copy it takes apart: json->root is then an object. Where it is none, the outcome is told and
 * *ret_is_read stays false. */
enum status json_read(struct decoder *decoder, struct str record, char *copy, bool *ret_is_read, struct error *err);
/* Parses a copy of a text, taking it apart. *ret_doc NULL: it is no JSON, *ret_read says why. It lives until the next call. */
enum status json_tree(struct json_state *json, char *copy, size_t size, yyjson_doc **ret_doc, yyjson_read_err *ret_read,
                       struct error *err);
/* Fills the slots from the members of the root. */
void json_find_members(struct json_state *json, const struct json_keys *keys);
/* Rows of the mappings in plan->dispatch[begin, end) and of those that read every record, in the order of the plan: what is taken from
 * one record does not change its order where a full chunk comes between. */
enum status json_rows_of_mappings(struct decoder *decoder, uint32_t begin, uint32_t end, struct error *err);
/* The last member of that name, or NULL. */
yyjson_val *json_member(yyjson_val *object, struct str name);

enum status json_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err);

/* Parses a path; what is wrong goes to `errors`, *ret_path is then empty. */
enum status json_path_parse(const struct mapping *mapping, const struct model_text *text, bool is_in_each,
                            struct arena *arena, struct plan_errors *errors, struct json_path *ret_path,
                            struct error *err);

static inline uint32_t
json_key_hash(const char *name, size_t size)
{
    if (size == 0)
        return 0;
    const unsigned char *bytes = (const unsigned char *)name;
    uint32_t             hash  = (uint32_t)size * 0x9E3779B1u;
    hash ^= (uint32_t)bytes[0] * 0x85EBCA6Bu;
    hash ^= (uint32_t)bytes[size - 1] * 0xC2B2AE35u;
    hash ^= (uint32_t)bytes[size / 2] * 0x27D4EB2Fu;
    return hash ^ (hash >> 15);
}

/* Whether two names are the same: pieces of a fixed size that overlap, since names are short and a call of memcmp is not. */
static inline bool
json_key_equal(const struct str *known, const char *name, size_t size)
{
    const char *other = known->data;
    if (known->size != size)
        return false;
    if (size > 16)
        return memcmp(other, name, size) == 0;
    if (size >= 8) {
        uint64_t a[2], b[2];
        memcpy(&a[0], other, 8);
        memcpy(&a[1], other + size - 8, 8);
        memcpy(&b[0], name, 8);
        memcpy(&b[1], name + size - 8, 8);
        return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
    }
    if (size >= 4) {
        uint32_t a[2], b[2];
        memcpy(&a[0], other, 4);
        memcpy(&a[1], other + size - 4, 4);
        memcpy(&b[0], name, 4);
        memcpy(&b[1], name + size - 4, 4);
        return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
    }
    return size == 0 || (other[0] == name[0] && other[size / 2] == name[size / 2] && other[size - 1] == name[size - 1]);
}

/* The slot of a member's name, or -1. */
static inline int32_t
json_key_find(const struct json_keys *keys, const char *name, size_t size)
{
    for (uint32_t at = json_key_hash(name, size) & keys->mask;; at = (at + 1) & keys->mask) {
        uint32_t slot = keys->slots[at];
        if (slot == 0)
            return -1;
        const struct str *known = &keys->names[slot - 1];
        if (json_key_equal(known, name, size))
            return (int32_t)slot - 1;
    }
}

/* The same, of the member behind the one in slot `before`. A plan has keys. keys->count: before the first one; no path asks for it. */
static inline uint32_t
json_member_slot(struct json_state *json, const struct json_keys *keys, uint32_t before, const char *name, size_t size)
{
    uint16_t *follows = &json->follows[before * JSON_ORDER_COUNT + json->order];
    if (json_key_equal(&keys->names[*follows], name, size))
        return *follows;
    const int32_t slot = json_key_find(keys, name, size);
    if (slot < 0)
        return keys->count;
    *follows = (uint16_t)slot;
    return (uint32_t)slot;
}

/* ---- Nodes (json_node.c) ---- */

/* Fills nodes and probes; slots are there. */
enum status json_nodes_compile(struct decode_plan *plan, struct error *err);
/* Looks for what is at a node that was not looked at yet. */
yyjson_val *json_node_find(struct json_state *json, const struct json_node *nodes, uint32_t index);

/* Nearly all members that no path wants are told from those of a node's children by a look at their name. */
static inline uint64_t
json_name_bit(const char *name, size_t size)
{
    return size == 0 ? 1 : (uint64_t)1 << (((unsigned char)name[0] * 5u + (unsigned char)name[size - 1] * 11u + size) & 63);
}

/* The value where a path's steps before any [*] lead, for the record and element in work; or NULL. */
static inline yyjson_val *
json_probe_value(struct json_state *json, const struct json_node *nodes, const struct json_probe *probe, bool is_self)
{
    /* Most of what paths ask for is not there, and nearly always its first member is not. */
    const int slot = probe->slot[is_self];
    if (slot >= 0 && (probe->is_first || json->slots[slot] == NULL))
        return json->slots[slot];
    const uint32_t           node  = probe->node[is_self];
    const struct json_found *found = &json->found[node];
    return found->number == json->numbers[probe->is_of_element && !is_self] ? found->value : json_node_find(json, nodes, node);
}

/* The value one step on from `value`, or NULL. [*] is not a step for one value. */
yyjson_val *json_step_follow(const struct json_step *step, yyjson_val *value);

/* The text of a scalar (numbers as written). False: null, or no scalar; *ret_is_shape then says which. */
bool json_scalar_text(yyjson_val *value, struct str *ret_text, bool *ret_is_shape);

#endif
