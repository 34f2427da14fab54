/* What a row says of a drug: which ingredients that a rule knows, whether it is taken, and from when until when.
 *
 * A drug is told by its RxNorm code, where the rule has that as an ingredient's or a product's; else by the rule's names as whole words of its text. What is
 * named by a code alone that the rule does not have is not understood. */
#ifndef HEDDLE_LIVE_OP_DRUG_H
#define HEDDLE_LIVE_OP_DRUG_H

#include "base/error.h"
#include "base/map.h"
#include "live/event.h"
#include "live/rule/interaction.h"
#include "model/model.h"

/* A name of several words, by its first one. */
struct drug_name {
    struct str text; /* As drug_words writes it. */
    uint32_t   ingredient;
    uint32_t   next; /* Another name of the same first word; UINT32_MAX: none. */
};

struct drug_lookup {
    const struct rule_pack *rule;
    struct arena            arena;
    struct map              codes; /* RxCUI to its place among the sets. */
    struct ingredients     *sets;
    uint32_t                set_count;
    struct map              words; /* First words to their first name. */
    struct drug_name       *names;
    uint32_t                name_count;
    int64_t                 entity_index;  /* Of the rule's entity; all others that it judges are orders. */
    char                    system[64];    /* Last asked for, */
    size_t                  system_size;   /* as senders name one or two over and over, */
    const char             *system_word;   /* and its word; NULL: none. */
};

/* `lookup` is zeroed. On failure it can be released. */
enum status drug_lookup_init(struct drug_lookup *lookup, const struct model *model, const struct rule_pack *rule, struct error *err);
void        drug_lookup_release(struct drug_lookup *lookup);

enum drug_found { DRUG_FOUND_NOTHING, DRUG_FOUND_BY_CODE, DRUG_FOUND_BY_NAME };

struct drug_row {
    enum drug_use      use;
    enum drug_found    found;
    bool               names_drug;
    bool               is_unknown; /* A drug is named by a code alone that the rule does not have. */
    int64_t            begin_us;
    int64_t            end_us; /* DRUG_OPEN: not stated. */
    struct ingredients ingredients;
};

/* False: the rule has nothing of the row: it is of something else than drugs, of a type that is not judged, or names no drug and takes none back. */
bool drug_row_of(struct drug_lookup *lookup, const struct chunk *chunk, uint32_t row, struct drug_row *ret_row);

/* Ingredients by whole words of a text. */
void drug_find_names(const struct drug_lookup *lookup, struct str text, struct ingredients *out);

#endif
