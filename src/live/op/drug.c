#include "live/op/drug.h"

#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "health/codes.h"

/* So much of a drug's text is looked at: RxNorm's longest names, of products of a dozen ingredients, have some 500. */
#define WORDS_SIZE_MAX 600

/* ---- Words ---- */

/* Lower case; what is neither letter nor digit parts words, but an apostrophe is left out: "St. John's wort" is "st johns wort". Returns the size. */
static size_t
write_words(struct str text, char out[WORDS_SIZE_MAX])
{
    size_t size = 0;
    for (size_t i = 0; i < text.size && size < WORDS_SIZE_MAX; i++) {
        const char c = text.data[i];
        if (ascii_is_letter(c) || ascii_is_digit(c) || (uint8_t)c >= 0x80)
            out[size++] = ascii_to_lower(c);
        else if (c != '\'' && size > 0 && out[size - 1] != ' ')
            out[size++] = ' ';
    }
    while (size > 0 && out[size - 1] == ' ')
        size--;
    return size;
}

static struct str
word_at(struct str words, size_t begin)
{
    const size_t end = str_find_byte(str_slice(words, begin, words.size), ' ');
    return end > words.size - begin ? str_slice(words, begin, words.size) : str_slice(words, begin, begin + end);
}

/* Whether the words at `begin` are those of the name, to a word's end. */
static bool
has_name_at(struct str words, size_t begin, struct str name)
{
    struct str rest = str_slice(words, begin, words.size);
    return str_starts_with(rest, name) && (rest.size == name.size || rest.data[name.size] == ' ');
}

void
drug_find_names(const struct drug_lookup *lookup, struct str text, struct ingredients *out)
{
    char             buffer[WORDS_SIZE_MAX];
    const struct str words = str_of(buffer, write_words(text, buffer));
    for (size_t begin = 0; begin < words.size;) {
        const struct str word = word_at(words, begin);
        uint64_t         name;
        if (map_get_number(&lookup->words, word, &name))
            for (uint32_t i = (uint32_t)name; i != UINT32_MAX; i = lookup->names[i].next)
                if (has_name_at(words, begin, lookup->names[i].text))
                    ingredients_add(out, lookup->names[i].ingredient);
        begin += word.size + 1;
    }
}

/* ---- The lookup ---- */

static enum status
add_code(struct drug_lookup *lookup, const char *code, uint32_t ingredient, struct error *err)
{
    bool is_new;
    if (code[0] == '\0')
        return ST_OK;
    struct map_entry *entry = map_insert(&lookup->codes, str_from(code), &is_new);
    if (entry == NULL)
        return error_no_memory(err);
    if (is_new)
        entry->number = lookup->set_count++;
    ingredients_add(&lookup->sets[entry->number], ingredient); /* A product of several has them all. */
    return ST_OK;
}

static enum status
add_name(struct drug_lookup *lookup, const char *text, uint32_t ingredient, struct error *err)
{
    char             buffer[WORDS_SIZE_MAX];
    const size_t     size = write_words(str_from(text), buffer);
    char            *copy = arena_alloc(&lookup->arena, size + 1, 1);
    bool             is_new;
    if (copy == NULL)
        return error_no_memory(err);
    memcpy(copy, buffer, size);
    struct drug_name *name  = &lookup->names[lookup->name_count];
    *name                   = (struct drug_name){ str_of(copy, size), ingredient, UINT32_MAX };
    struct map_entry *entry = map_insert(&lookup->words, word_at(name->text, 0), &is_new);
    if (entry == NULL)
        return error_no_memory(err);
    if (!is_new)
        name->next = (uint32_t)entry->number;
    entry->number = lookup->name_count++;
    return ST_OK;
}

static enum status
add_ingredient(struct drug_lookup *lookup, uint32_t index, struct error *err)
{
    const struct rule_ingredient *ingredient = &lookup->rule->interaction.ingredients[index];
    enum status                   status     = add_code(lookup, ingredient->code, index, err);
    for (uint32_t i = 0; status == ST_OK && i < ingredient->product_count; i++)
        status = add_code(lookup, ingredient->products[i], index, err);
    if (status == ST_OK)
        status = add_name(lookup, ingredient->name, index, err);
    for (uint32_t i = 0; status == ST_OK && i < ingredient->name_count; i++)
        status = add_name(lookup, ingredient->names[i], index, err);
    return status;
}

enum status
drug_lookup_init(struct drug_lookup *lookup, const struct model *model, const struct rule_pack *rule, struct error *err)
{
    const struct interaction_rule *interaction = &rule->interaction;
    size_t                         code_count = 0, name_count = 0;
    enum status                    status = ST_OK;
    lookup->rule         = rule;
    lookup->entity_index = rule->entity - model->entities;
    arena_init(&lookup->arena, 0);
    map_init(&lookup->codes);
    map_init(&lookup->words);
    for (uint32_t i = 0; i < interaction->ingredient_count; i++) {
        code_count += 1 + interaction->ingredients[i].product_count;
        name_count += 1 + interaction->ingredients[i].name_count;
    }
    lookup->sets  = arena_alloc_zero(&lookup->arena, (code_count + 1) * sizeof(*lookup->sets), _Alignof(struct ingredients));
    lookup->names = ARENA_ARRAY(&lookup->arena, struct drug_name, name_count + 1);
    if (lookup->sets == NULL || lookup->names == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; status == ST_OK && i < interaction->ingredient_count; i++)
        status = add_ingredient(lookup, i, err);
    return status;
}

void
drug_lookup_release(struct drug_lookup *lookup)
{
    map_release(&lookup->codes);
    map_release(&lookup->words);
    arena_release(&lookup->arena);
}

/* ---- Rows ---- */

static bool
has_word(const struct rule_words *words, struct str text)
{
    for (uint32_t i = 0; i < words->count; i++)
        if (str_equal_ignore_case(text, str_from(words->items[i])))
            return true;
    return false;
}

static const char *
system_word(struct drug_lookup *lookup, struct str system)
{
    if (lookup->system_size == system.size && system.size > 0 && memcmp(lookup->system, system.data, system.size) == 0)
        return lookup->system_word;
    const char *word = system.size == 0 ? NULL : code_system_word(system);
    if (system.size > 0 && system.size <= sizeof(lookup->system)) {
        memcpy(lookup->system, system.data, system.size);
        lookup->system_size = system.size;
        lookup->system_word = word;
    }
    return word;
}

/* Systems that have no drugs: what is coded so is another order. HCPCS and SNOMED CT have some. */
static bool
has_no_drugs(const char *word)
{
    static const char *const OTHERS[] = { "loinc", "cpt", "icd-10", "icd-10-cm", "icd-9-cm", "icd-10-pcs", "icd-9-pcs", "ucum", "nucc", "cvx" };
    for (size_t i = 0; word != NULL && i < sizeof(OTHERS) / sizeof(*OTHERS); i++)
        if (strcmp(word, OTHERS[i]) == 0)
            return true;
    return false;
}

static enum drug_use
use_of(const struct interaction_rule *rule, const struct chunk *chunk, uint32_t row)
{
    const struct str status = str_trim(event_text(chunk, EVENT_STATUS, row));
    if (str_equal(event_text(chunk, EVENT_STATUS_ACTION, row), STR("retract")) || has_word(&rule->not_taken, status))
        return DRUG_NEVER;
    if (has_word(&rule->stopped, status))
        return DRUG_STOPPED;
    if (!has_word(&rule->completed, status))
        return DRUG_TAKEN;
    /* A dispensing that is completed was handed over: the patient has the drug from then on (FHIR MedicationDispense.status). */
    return str_equal(event_text(chunk, EVENT_DRUG_TYPE, row), STR("dispense")) ? DRUG_TAKEN : DRUG_COMPLETED;
}

/* Orders have a beginning alone. */
static void
find_period(const struct drug_lookup *lookup, const struct chunk *chunk, uint32_t row, bool is_order, struct drug_row *drug)
{
    const int64_t days = is_order ? 0 : event_int64(chunk, EVENT_DRUG_DAYS, row);
    drug->begin_us     = event_int64(chunk, event_is_null(chunk, EVENT_BEGIN_TIME, row) ? EVENT_EFFECTIVE_TIME : EVENT_BEGIN_TIME, row);
    drug->end_us       = DRUG_OPEN;
    if (!is_order && !event_is_null(chunk, EVENT_END_TIME, row))
        drug->end_us = event_int64(chunk, EVENT_END_TIME, row);
    else if (days > 0)
        drug->end_us = drug->begin_us + (days < 36500 ? days : 36500) * US_PER_DAY;
    if (drug->end_us == drug->begin_us)
        drug->end_us = drug->begin_us + lookup->rule->interaction.single_dose_us;
}

static void
find_ingredients(struct drug_lookup *lookup, const char *word, struct str code, struct str name, struct drug_row *drug)
{
    uint64_t place;
    if (word != NULL && strcmp(word, "rxnorm") == 0 && map_get_number(&lookup->codes, code, &place)) {
        drug->ingredients = lookup->sets[place];
        drug->found       = DRUG_FOUND_BY_CODE;
        return;
    }
    drug_find_names(lookup, name, &drug->ingredients);
    if (ingredients_any(&drug->ingredients))
        drug->found = DRUG_FOUND_BY_NAME;
    drug->is_unknown = code.size > 0 && name.size == 0;
}

bool
drug_row_of(struct drug_lookup *lookup, const struct chunk *chunk, uint32_t row, struct drug_row *ret_row)
{
    const struct interaction_rule *rule     = &lookup->rule->interaction;
    const bool                     is_order = event_int64(chunk, EVENT_ENTITY, row) != lookup->entity_index;
    const struct str               type     = str_trim(event_text(chunk, EVENT_DRUG_TYPE, row)), action = event_text(chunk, EVENT_STATUS_ACTION, row);
    const struct str               code = str_trim(event_text(chunk, EVENT_DRUG_CODE, row)), name = str_trim(event_text(chunk, EVENT_DRUG_NAME, row));
    struct drug_row                drug = { .use = use_of(rule, chunk, row), .names_drug = code.size + name.size > 0 };

    if ((!drug.names_drug && drug.use == DRUG_TAKEN) || str_equal(action, STR("promote")) || str_equal(action, STR("ignore"))
        || (type.size > 0 && !has_word(is_order ? &rule->order_types : &rule->types, type)))
        return false;
    const char *word = system_word(lookup, str_trim(event_text(chunk, EVENT_DRUG_SYSTEM, row)));
    if (has_no_drugs(word))
        return false;
    find_period(lookup, chunk, row, is_order, &drug);
    if (drug.names_drug)
        find_ingredients(lookup, word, code, name, &drug);
    drug.is_unknown = drug.is_unknown && (!is_order || type.size > 0); /* An order without a type may be of anything. */
    *ret_row        = drug;
    return true;
}
