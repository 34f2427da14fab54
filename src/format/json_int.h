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
    bool                    is_from_record; /* ^. inside an `each`. */
    bool                    has_all;        /* Some step is [*]. */
};

/* Members of the record that some path begins with, found by one probe. */
struct json_keys {
    struct str *names;
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
    struct str        type_name; /* The member that tells a record's type. */
    int32_t           type_slot; /* Of that member, where some mapping is dispatched by it; -1: none is. */
    int32_t           id_slot, contained_slot; /* FHIR: of `id` and `contained`. */
};

struct json_state {
    /* One a key of the plan, and a last one for members that no path asks for. */
    uint16_t    *follows; /* Events of one kind have their members in one order: the key that stood behind it last is looked for first. */
    char        *pool; /* For yyjson's values; grows to what the longest line needs. */
    size_t       pool_size;
    yyjson_val **slots; /* NULL where the record has no such member. */
    yyjson_val  *root;  /* NULL: the record is flat, no path of the plan asks for it. */
    yyjson_val  *flat;  /* Values of a flat record. */
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
bool json_flat_read(struct json_state *json, const struct json_keys *keys, struct str line);

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
    const uint32_t follows = json->follows[before];
    if (json_key_equal(&keys->names[follows], name, size))
        return follows;
    const int32_t slot = json_key_find(keys, name, size);
    if (slot < 0)
        return keys->count;
    json->follows[before] = (uint16_t)slot;
    return (uint32_t)slot;
}

/* The value one step on from `value`, or NULL. [*] is not a step for one value. */
yyjson_val *json_step_follow(const struct json_step *step, yyjson_val *value);

/* The text of a scalar (numbers as written). False: null, or no scalar; *ret_is_shape then says which. */
bool json_scalar_text(yyjson_val *value, struct str *ret_text, bool *ret_is_shape);

#endif
