/* Reading model files: what load.c and the reader of each kind share.
 *
 * A reader goes on after an error, so that all of a file's are reported; what it has read then is not used. */
#ifndef HEDDLE_MODEL_LOAD_INT_H
#define HEDDLE_MODEL_LOAD_INT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/suggest.h"
#include "config/json.h"
#include "model/model.h"

/* One file. Of files of the same kind and name the last one counts; rules are merged (`earlier`). */
struct document {
    const char            *file;
    const struct json     *root;
    struct str             name;    /* Value of the first key. */
    const struct document *earlier; /* Of the same kind and name. */
    bool                   is_overridden;
    bool                   is_embedded;
};

enum document_kind { DOCUMENT_ENTITY, DOCUMENT_MAPPING, DOCUMENT_RULE, DOCUMENT_TERMS, DOCUMENT_KIND_COUNT };

struct documents {
    struct document *items;
    uint32_t         count;
};

struct loader {
    struct arena   *arena; /* Of the model. */
    struct model   *model; /* Being made: what stands in it so far may be looked up. */
    const char     *file;  /* Being read. */
    model_report_fn *report;
    void           *report_context;
    struct error   *err; /* Of the caller; gets the first error. May be NULL. */
    uint32_t        error_count;
    bool            is_out_of_memory;
    struct documents documents[DOCUMENT_KIND_COUNT];
};

/* Reports ERR_CONFIG at the value's place. `suggestion` (may be NULL) becomes the hint. */
void load_error(struct loader *loader, const struct json *value, const struct suggestion *suggestion, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
/* The same at the key of a member. */
void load_error_key(struct loader *loader, const struct json *member, const struct suggestion *suggestion,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
void load_error_text(struct loader *loader, const struct model_text *text, const struct suggestion *suggestion,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Reports an error that somebody else made, with its place. */
void load_error_given(struct loader *loader, const struct error *err);

/* Zeroed items in the model's arena; NULL where count is 0 or memory is out (is_out_of_memory). */
void *load_array(struct loader *loader, size_t count, size_t item_size);
#define LOAD_ARRAY(loader, type, count) ((type *)load_array((loader), (count), sizeof(type)))
/* A copy that ends in NUL; "" where memory is out. */
const char *load_cstr(struct loader *loader, struct str text);

/* Reports keys that are not among `keys` (ends with NULL), and duplicates. False where `object` is no object. */
bool load_keys(struct loader *loader, const struct json *object, const char *const *keys);

/* Members by key. What is missing is the empty value, and an error where `is_required`. */
struct str        load_text(struct loader *loader, const struct json *object, const char *key, bool is_required);
struct model_text load_placed(struct loader *loader, const struct json *object, const char *key, bool is_required);
bool              load_bool(struct loader *loader, const struct json *object, const char *key);
/* NULL where it is missing or no list. */
const struct json *load_list(struct loader *loader, const struct json *object, const char *key, bool is_required);
/* An index into `names` (ends with NULL); `fallback` where it is missing or unknown. */
int load_name(struct loader *loader, const struct json *object, const char *key, const char *const *names, int fallback);
int64_t load_duration(struct loader *loader, const struct json *object, const char *key, int64_t fallback);

struct model_text placed(const struct json *value);

/* Lower-case letter, then letters, digits, underscores, at most 63: a name of SQL in any dialect. Reports. */
bool load_is_identifier(struct loader *loader, const struct json *value);

/* A reason by code, which may explain `outcome`; NULL, reported, where there is none. */
const struct reason *load_reason(struct loader *loader, const struct json *object, const char *key, enum outcome outcome);
const struct entity *load_entity_name(struct loader *loader, const struct json *value);

/* The readers of each kind. */
void load_reasons(struct loader *loader, const struct json *root);
void load_entity(struct loader *loader, const struct document *document, struct entity *entity);
/* Applies rules for columns to the entities, which are read already. */
void load_cleanse_rules(struct loader *loader, const struct model_file *file);
void load_mapping(struct loader *loader, const struct document *document, struct mapping *mapping);
void load_rule(struct loader *loader, const struct document *document, struct rule_pack *rule);
/* The rules that belong to a rule, once all are read: first those that its files name, of each rule; then theirs. `rules` are
 * the model's, in the order of `documents`. */
void load_rule_members(struct loader *loader, const struct document *const *documents, struct rule_pack *rules, uint32_t count);
/* What only rules of accesses have, but for what explains them (load_rule_access.c). */
void load_access_rule(struct loader *loader, const struct document *document, struct rule_pack *rule);
void load_access_volume(struct loader *loader, const struct document *document, struct rule_pack *rule);

/* The last file of a rule that gives the key: sets loader->file, so that what is wrong with it is told of that file. The first
 * file where none does. */
const struct json *find_in_files(struct loader *loader, const struct document *document, const char *key);

enum severity load_severity(struct loader *loader, const struct json *object, enum severity fallback);

/* Of rules about the course of results (load_series.c, load_series_checks.c). */
void load_kidney(struct loader *loader, const struct document *document, struct rule_pack *rule);
void load_series_checks(struct loader *loader, const struct document *document, struct rule_pack *rule);
/* The codes that `key` of the object lists; reports those that cannot be compared with the first. */
void load_series(struct loader *loader, const struct json *object, const char *key, struct rule_series *series);
/* A number above 0 in millionths, a whole one from 0 to `max`, and whether a limit that is met exactly counts. */
int64_t load_positive(struct loader *loader, const struct json *object, const char *key, int64_t fallback);
int32_t load_whole(struct loader *loader, const struct json *object, const char *key, int32_t fallback, int32_t max);
bool    load_reaches(struct loader *loader, const struct json *object, const char *key, bool fallback);
#define LOAD_YEARS_MAX 200
void load_interaction(struct loader *loader, const struct document *document, struct rule_pack *rule);

/* Expressions: that they parse, find their names and fit (check.c). */
void check_entity(struct loader *loader, const struct entity *entity);
/* What a rule adds to a column: `repair` (no text: nothing) and a check (NULL: none). */
void check_rule(struct loader *loader, const struct entity *entity, const struct entity_column *column, const struct model_text *repair,
                const struct entity_check *check);
void check_mapping(struct loader *loader, const struct mapping *mapping);

#endif
