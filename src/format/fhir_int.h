/* FHIR R4: where resources lie in an input, and of what version they are.
 *
 *     lines       a line is a resource or a bundle; a line end ends whatever is on it (bulk NDJSON, minified documents)
 *     document    values one behind the other, over any number of lines (pretty-printed)
 *
 *     {"resourceType":"Bundle", … "entry":[ {"fullUrl":…, "resource":{ … }, "request":{…}}, {…} ], …}
 *      between ..................................................^ record ^ between ..........
 *
 * fhir_walk.c follows brackets and quotes only, and keeps its place from one call to the next in a struct of a fixed size, so that a
 * bundle of any size goes through in pieces. What is inside a resource is json_read.c's to judge. */
#ifndef HEDDLE_FORMAT_FHIR_INT_H
#define HEDDLE_FORMAT_FHIR_INT_H

#include "format/json_int.h"

/* ---- Structure ---- */

/* A value that is followed: where in it the bytes end that were seen. */
struct fhir_scan {
    uint64_t objects; /* A bit a level, the outermost last: set for an object. Deeper levels than 64 are only counted. */
    uint32_t depth;
    bool     is_quoted;
    bool     is_escaped;
};

enum fhir_found {
    FOUND_END,  /* The value ends; *ret_at is behind it. */
    FOUND_MORE, /* The bytes end inside it. */
    FOUND_LOST, /* A bracket closes what another kind opened; *ret_at is at it. */
};

/* Follows a value that begins, or was begun, at `at`; scan is zeroed before its first byte. A line end ends a text, for none may stand
 * in it: so a quote that is missing costs a line. */
enum fhir_found fhir_scan(struct fhir_scan *scan, const char *bytes, size_t at, size_t end, size_t *ret_at);

/* ---- The walk ---- */

/* What is open around the place. */
enum fhir_level {
    LEVEL_BUNDLE,         /* The object of a Bundle. */
    LEVEL_PARAMETERS,     /* The object of Parameters that holds resources. */
    LEVEL_ENTRIES,        /* An array of entries or parameters. */
    LEVEL_ITEM,           /* An entry or parameter with a bundle or parts in it. */
};

/* What a bundle says of itself before its entries. */
struct fhir_bundle {
    char type[24];      /* The longest of R4 has 20 bytes. */
    char timestamp[40]; /* An instant with nanoseconds has 35. */
    char id[72];        /* An id has at most 64. */
};

struct fhir_walk {
    /* Where the walk stands; position and bytes of the input alone decide it. */
    uint8_t            levels[FHIR_LEVEL_COUNT_MAX];
    uint32_t           level_count; /* 0: between values. */
    bool               is_filled;   /* A member or element of the innermost level was read: a comma or its end comes. */
    bool               is_behind;   /* The outermost level was left, and its line has not ended. */
    bool               is_passing;  /* Inside a member's value that nobody wants. */
    struct fhir_scan   passing;
    struct fhir_bundle bundles[FHIR_BUNDLE_DEPTH_MAX];
    uint32_t           bundle_count;
    /* How the record that was told as FRAME_PASSED is passed over. */
    enum { PASS_VALUE, PASS_LINE, PASS_REST } pass;
    /* Line ends are looked for once: there is none in […, line_seen) but at line_end; -1: not found. */
    int64_t            line_seen, line_end;
    /* Of the record that was told last: as written, in its bytes. */
    struct str         full_url, method, url;
    bool               is_entry;  /* It is an entry without resource. */
    bool               is_unended; /* The bytes end behind an entry, and its bundle goes on. */
};

struct fhir_source {
    const char *bytes;
    size_t      size;
    int64_t     position; /* Of bytes[0]. */
    bool        is_last;
    bool        is_document;
    size_t      record_size_max;
};

/* The next frame at `begin`; see format_kind. */
void fhir_walk_next(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, struct frame *ret_frame);
/* Of a record that was told as FRAME_PASSED: how many bytes of [begin, size) are of it. */
size_t fhir_walk_pass(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, bool *ret_is_end);

/* ---- Layout ---- */

enum status fhir_layout(struct decode_layout *layout, struct str head, bool is_whole, const struct decode_sink *sink, struct error *err);

/* ---- Types and versions ---- */

bool fhir_type_is_r4(struct str type);

/* Members that tell an older version, of all types. */
uint32_t   fhir_old_member_count(void);
struct str fhir_old_member(uint32_t index);

/* What of a type tells an older version. */
struct fhir_old {
    const char *type_version; /* The type itself does: of which version it is; else NULL. */
    uint32_t    begin, end;   /* Its members. */
};
struct fhir_old fhir_old_of(struct str type);

/* Whether a resource is of DSTU2 or STU3: it has a type or a member that R4 has not. Then ret_detail says which of them and by what:
 * "STU3: Claim.information". `json` finds the members where the slots hold them; NULL: they are looked for. */
bool fhir_is_old(yyjson_val *resource, struct str type, const struct fhir_old *old, const struct json_plan *plan,
                 const struct json_state *json, char ret_detail[DECODE_DETAIL_SIZE]);

/* Of resourceType, which is the first key of every plan. */
#define FHIR_TYPE_SLOT 0

/* What is known of a type that was met. */
struct fhir_type {
    char            name[48]; /* The longest of R4 has 33 bytes. */
    size_t          size;     /* 0: none was met. */
    struct fhir_old old;
    uint32_t        begin, end; /* Of plan->dispatch. */
};

#define FHIR_TYPE_SLOTS 64

struct fhir_state {
    struct fhir_walk walk;
    struct fhir_type types[FHIR_TYPE_SLOTS]; /* By the hash of the name; the last one met. */
};

#endif
