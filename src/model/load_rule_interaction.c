/* What only rules of drug interactions have: ingredients, groups of them, pairs, statuses. */
#include <stdio.h>

#include "base/map.h"
#include "base/time.h"
#include "model/load_int.h"

static const char *const INGREDIENT_KEYS[] = { "name", "code", "products", "names", NULL };
static const char *const PAIR_KEYS[]       = { "pair", "left", "right", "severity", "help", NULL };
static const char *const SEVERITIES[]      = { "low", "medium", "high", "critical", NULL };

/* Names of ingredients and of groups, each with what it stands for. */
struct names {
    struct map          map; /* The place among `sets`. */
    struct ingredients *sets;
    uint32_t            count;
    uint32_t            capacity;
};

/* ---- Texts ---- */

/* Names and statuses are compared in lower case. */
static const char *
load_lower(struct loader *loader, struct str text)
{
    char *copy = LOAD_ARRAY(loader, char, text.size + 1);
    for (size_t i = 0; copy != NULL && i < text.size; i++)
        copy[i] = ascii_to_lower(text.data[i]);
    return copy == NULL ? "" : copy;
}

/* A list of texts; a missing one is empty. */
static struct rule_words
load_words(struct loader *loader, const struct json *object, const char *key)
{
    const struct json *list  = json_find(object, key);
    struct rule_words  words = { NULL, 0 };
    if (list == NULL)
        return words;
    if (list->type != JSON_ARRAY) {
        load_error(loader, list, NULL, "\"%s\" is %s, not a list", key, json_type_name(list->type));
        return words;
    }
    const char **items = LOAD_ARRAY(loader, const char *, list->count);
    for (const struct json *item = list->first; items != NULL && item != NULL; item = item->next) {
        items[words.count++] = load_lower(loader, item->type == JSON_TEXT ? item->text : STR_EMPTY);
        if (item->type != JSON_TEXT || item->text.size == 0)
            load_error(loader, item, NULL, "\"%s\" is a list of texts", key);
    }
    words.items = items;
    return words;
}

static bool
is_rxcui(struct str code)
{
    bool is_valid = code.size > 0 && code.size <= 8 && code.data[0] != '0';
    for (size_t i = 0; i < code.size; i++)
        is_valid = is_valid && ascii_is_digit(code.data[i]);
    return is_valid;
}

/* ---- Names ---- */

static struct ingredients *
names_add(struct loader *loader, struct names *names, const struct json *place, struct str name)
{
    bool is_new;
    if (names->count == names->capacity)
        return NULL;
    struct map_entry *entry = map_insert(&names->map, name, &is_new);
    if (entry == NULL) {
        loader->is_out_of_memory = true;
        return NULL;
    }
    if (!is_new) {
        load_error(loader, place, NULL, "\"%.*s\" is named twice", STR_PRINTF(name));
        return NULL;
    }
    entry->number = names->count;
    return &names->sets[names->count++];
}

/* The union of what a list names. */
static void
load_members(struct loader *loader, const struct json *list, const char *key, const struct names *names, struct ingredients *out)
{
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0) {
        load_error(loader, list, NULL, "\"%s\" is no list of ingredients or groups", key);
        return;
    }
    for (const struct json *item = list->first; item != NULL; item = item->next) {
        uint64_t place;
        if (item->type == JSON_TEXT && map_get_number(&names->map, item->text, &place)) {
            ingredients_unite(out, &names->sets[place]);
            continue;
        }
        struct suggestion suggestion = suggestion_init(item->text);
        for (size_t i = 0; item->type == JSON_TEXT && i < names->map.entry_count; i++)
            suggestion_offer(&suggestion, names->map.entries[i].key);
        load_error(loader, item, item->type == JSON_TEXT ? &suggestion : NULL, "\"%.*s\" is no ingredient, and no group that stands above it",
                   STR_PRINTF(item->text));
    }
}

/* ---- Ingredients ---- */

static void
check_codes(struct loader *loader, const struct json *row, const struct rule_ingredient *ingredient)
{
    if (ingredient->code[0] != '\0' && !is_rxcui(str_from(ingredient->code)))
        load_error(loader, json_find(row, "code"), NULL, "\"%s\" is no RxCUI: digits alone", ingredient->code);
    for (uint32_t i = 0; i < ingredient->product_count; i++)
        if (!is_rxcui(str_from(ingredient->products[i])))
            load_error(loader, json_find(row, "products"), NULL, "\"%s\" is no RxCUI: digits alone", ingredient->products[i]);
}

static void
load_ingredient(struct loader *loader, const struct json *row, uint32_t index, struct names *names, struct rule_ingredient *ingredient)
{
    *ingredient = (struct rule_ingredient){ .name = "", .code = "" };
    if (!load_keys(loader, row, INGREDIENT_KEYS))
        return;
    struct str              name     = load_text(loader, row, "name", true);
    struct str              code     = load_text(loader, row, "code", false);
    const struct rule_words products = load_words(loader, row, "products"), others = load_words(loader, row, "names");
    ingredient->name          = load_lower(loader, name);
    ingredient->code          = code.size == 0 ? "" : load_cstr(loader, code);
    ingredient->products      = products.items;
    ingredient->product_count = products.count;
    ingredient->names         = others.items;
    ingredient->name_count    = others.count;
    check_codes(loader, row, ingredient);
    struct ingredients *set = name.size == 0 ? NULL : names_add(loader, names, json_find(row, "name"), name);
    if (set != NULL)
        ingredients_add(set, index);
}

static void
load_ingredients(struct loader *loader, const struct document *document, struct names *names, struct interaction_rule *rule)
{
    const struct json *list = load_list(loader, find_in_files(loader, document, "ingredients"), "ingredients", true);
    if (list == NULL)
        return;
    if (list->count > INGREDIENT_COUNT_MAX) {
        load_error(loader, list, NULL, "%u ingredients; at most %d", list->count, INGREDIENT_COUNT_MAX);
        return;
    }
    struct rule_ingredient *ingredients = LOAD_ARRAY(loader, struct rule_ingredient, list->count);
    uint32_t                index       = 0;
    for (const struct json *row = list->first; ingredients != NULL && row != NULL; row = row->next, index++)
        load_ingredient(loader, row, index, names, &ingredients[index]);
    rule->ingredients      = ingredients;
    rule->ingredient_count = index;
}

static void
load_groups(struct loader *loader, const struct document *document, struct names *names)
{
    const struct json *groups = json_find(find_in_files(loader, document, "groups"), "groups");
    if (groups == NULL)
        return;
    if (groups->type != JSON_OBJECT) {
        load_error(loader, groups, NULL, "\"groups\" is %s, not an object", json_type_name(groups->type));
        return;
    }
    for (const struct json *group = groups->first; group != NULL; group = group->next) {
        struct ingredients set = { { 0 } };
        load_members(loader, group, group->key.data, names, &set);
        struct ingredients *stored = names_add(loader, names, group, group->key);
        if (stored != NULL)
            *stored = set;
    }
}

/* ---- Pairs ---- */

static void
load_pair(struct loader *loader, const struct json *row, const struct names *names, enum severity severity, struct rule_interaction *pair)
{
    *pair = (struct rule_interaction){ .name = "", .help = "" };
    if (!load_keys(loader, row, PAIR_KEYS))
        return;
    pair->name     = load_cstr(loader, load_text(loader, row, "pair", true));
    pair->help     = load_cstr(loader, load_text(loader, row, "help", true));
    pair->severity = load_name(loader, row, "severity", SEVERITIES, (int)severity);
    load_members(loader, json_find(row, "left") != NULL ? json_find(row, "left") : row, "left", names, &pair->left);
    load_members(loader, json_find(row, "right") != NULL ? json_find(row, "right") : row, "right", names, &pair->right);
}

static void
load_pairs(struct loader *loader, const struct document *document, const struct names *names, struct rule_pack *rule)
{
    const struct json *list = load_list(loader, find_in_files(loader, document, "pairs"), "pairs", true);
    if (list == NULL)
        return;
    struct rule_interaction *pairs = LOAD_ARRAY(loader, struct rule_interaction, list->count);
    uint32_t                 index = 0;
    for (const struct json *row = list->first; pairs != NULL && row != NULL; row = row->next, index++) {
        load_pair(loader, row, names, rule->severity, &pairs[index]);
        for (uint32_t i = 0; i < index; i++)
            if (str_equal(str_from(pairs[i].name), str_from(pairs[index].name)))
                load_error(loader, json_find(row, "pair"), NULL, "pair \"%s\" is there twice", pairs[i].name);
    }
    rule->interaction.pairs      = pairs;
    rule->interaction.pair_count = index;
}

/* ---- Orders ---- */

static void
load_orders(struct loader *loader, const struct document *document, struct interaction_rule *rule)
{
    static const char *const COLUMNS[] = { "patient_system", "patient_id", "clinical_order_id", "order_type",     "source_code_type",
                                           "source_code",    "source_description", "status",    "status_action", "effective_time", NULL };
    const struct json *list = json_find(find_in_files(loader, document, "orders"), "orders");
    if (list == NULL)
        return;
    if (list->type != JSON_ARRAY) {
        load_error(loader, list, NULL, "\"orders\" is %s, not a list", json_type_name(list->type));
        return;
    }
    const struct entity **entities = LOAD_ARRAY(loader, const struct entity *, list->count);
    for (const struct json *item = list->first; entities != NULL && item != NULL; item = item->next) {
        const struct entity *entity = load_entity_name(loader, item);
        for (size_t i = 0; entity != NULL && COLUMNS[i] != NULL; i++)
            if (entity_column_find(entity, COLUMNS[i]) < 0)
                load_error(loader, item, NULL, "entity \"%s\" has no column \"%s\", by which orders of drugs are told", entity->name, COLUMNS[i]);
        if (entity != NULL)
            entities[rule->order_count++] = entity;
    }
    rule->orders = entities;
}

/* ---- The rule ---- */

/* Each of its keys may come from another file. */
#define WORDS(KEY) load_words(loader, find_in_files(loader, document, (KEY)), (KEY))

/* Room for all ingredients and groups. */
static void
reserve_names(struct loader *loader, const struct document *document, struct names *names)
{
    const struct json *ingredients = json_find(find_in_files(loader, document, "ingredients"), "ingredients");
    const struct json *groups      = json_find(find_in_files(loader, document, "groups"), "groups");
    names->capacity = (ingredients == NULL ? 0 : ingredients->count) + (groups == NULL ? 0 : groups->count);
    names->sets     = LOAD_ARRAY(loader, struct ingredients, names->capacity);
    if (names->sets == NULL)
        names->capacity = 0;
}

void
load_interaction(struct loader *loader, const struct document *document, struct rule_pack *rule)
{
    struct interaction_rule *interaction = &rule->interaction;
    struct names             names       = { .count = 0 };
    map_init(&names.map);
    reserve_names(loader, document, &names);
    load_ingredients(loader, document, &names, interaction);
    load_groups(loader, document, &names);
    load_pairs(loader, document, &names, rule);
    map_release(&names.map);
    load_orders(loader, document, interaction);
    interaction->source         = load_text(loader, find_in_files(loader, document, "source"), "source", true).data;
    interaction->types          = WORDS("types");
    interaction->order_types    = WORDS("order_types");
    interaction->not_taken      = WORDS("not_taken");
    interaction->stopped        = WORDS("stopped");
    interaction->completed      = WORDS("completed");
    interaction->single_dose_us = load_duration(loader, find_in_files(loader, document, "single_dose"), "single_dose", US_PER_DAY);
    if (rule->cooldown_us > rule->history_us)
        load_error(loader, find_in_files(loader, document, "cooldown"), NULL, "the cooldown is longer than the history");
}
