/* Names for expressions: a list of what each stands for. */
#ifndef HEDDLE_MODEL_SCOPE_INT_H
#define HEDDLE_MODEL_SCOPE_INT_H

#include "base/arena.h"
#include "expr/expr.h"
#include "model/model.h"

struct scope_entry {
    struct str       name;
    struct expr_name value;
    bool             is_later; /* There, but not to be used here: a standard column further down. */
};

struct scope {
    struct scope_entry *entries;
    uint32_t            count;
    uint32_t            capacity;
    const char         *later; /* What was asked for and stands further down; NULL: nothing. */
};

/* Room for `capacity` names; no more are added. */
enum status scope_init(struct scope *scope, struct arena *arena, uint32_t capacity, struct error *err);
void        scope_add_slot(struct scope *scope, struct str name, uint32_t slot, struct type type);
void        scope_add_bound(struct scope *scope, struct str name, struct expr *bound);
void        scope_add_text(struct scope *scope, struct str name, struct str text); /* An empty text is null. */
void        scope_add_timestamp(struct scope *scope, struct str name, bool is_null, int64_t time_us);
void        scope_add_later(struct scope *scope, struct str name);

/* Parses and binds the text of a file. A name that stands further down is told so. */
enum status scope_bind(struct scope *scope, struct arena *arena, const char *file, const struct model_text *text,
                       struct expr **ret_bound, struct error *err);
/* The same for a text of ours. */
enum status scope_bind_own(struct scope *scope, struct arena *arena, const char *text, struct expr **ret_bound,
                           struct error *err);

/* Whether a value of the expression becomes one of the type without being asked. */
bool scope_fits(const struct expr *bound, struct type type);

#endif
