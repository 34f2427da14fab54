/* What a rule of drug interactions says: ingredients, which of them are not to be taken together, and which statuses mean that a drug is taken. */
#ifndef HEDDLE_MODEL_INTERACTION_RULE_H
#define HEDDLE_MODEL_INTERACTION_RULE_H

#include <stdbool.h>
#include <stdint.h>

struct entity;

/* Ingredients of a rule: as many as a set of them has bits. */
#define INGREDIENT_COUNT_MAX 256
#define INGREDIENT_WORDS     (INGREDIENT_COUNT_MAX / 64)

/* A bit each, by their place in the rule. */
struct ingredients {
    uint64_t words[INGREDIENT_WORDS];
};

static inline void
ingredients_add(struct ingredients *set, uint32_t index)
{
    set->words[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline bool
ingredients_have(const struct ingredients *set, uint32_t index)
{
    return (set->words[index / 64] >> (index % 64) & 1) != 0;
}

static inline void
ingredients_unite(struct ingredients *set, const struct ingredients *other)
{
    for (int i = 0; i < INGREDIENT_WORDS; i++)
        set->words[i] |= other->words[i];
}

static inline bool
ingredients_meet(const struct ingredients *a, const struct ingredients *b)
{
    uint64_t common = 0;
    for (int i = 0; i < INGREDIENT_WORDS; i++)
        common |= a->words[i] & b->words[i];
    return common != 0;
}

static inline bool
ingredients_any(const struct ingredients *set)
{
    return ingredients_meet(set, set);
}

struct rule_ingredient {
    const char        *name; /* Lower case. */
    const char        *code; /* RxCUI; "": none is known. */
    const char *const *products; /* RxCUIs of products that have it. */
    uint32_t           product_count;
    const char *const *names; /* What it is called besides; lower case. */
    uint32_t           name_count;
};

/* A drug of the one side with one of the other, whichever came first. An ingredient does not interact with itself. */
struct rule_interaction {
    const char        *name; /* "onc-11" */
    const char        *help;
    struct ingredients left;
    struct ingredients right;
    int32_t            severity; /* enum severity */
};

struct rule_words {
    const char *const *items; /* Lower case. */
    uint32_t           count;
};

struct interaction_rule {
    const char                    *source; /* Where the pairs are from; goes into each alert. */
    const struct rule_ingredient  *ingredients;
    uint32_t                       ingredient_count;
    const struct rule_interaction *pairs;
    uint32_t                       pair_count;
    const struct entity *const    *orders; /* Whose rows are judged beside those of the rule's entity. */
    uint32_t                       order_count;
    struct rule_words              types;       /* Of the entity's medication_type; others are passed by. */
    struct rule_words              order_types; /* Of order_type, likewise. None stated: looked at. */
    struct rule_words              not_taken;   /* Statuses: it never was. */
    struct rule_words              stopped;     /* It ended when that was said, or before by its stated end. */
    struct rule_words              completed;   /* It ended at its stated end, else when that was said. */
    int64_t                        single_dose_us; /* How long a drug counts whose stated end is its beginning. */
};

#endif
