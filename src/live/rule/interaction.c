#include "live/rule/interaction.h"

#include "base/check.h"

int
drug_compare(const struct drug_version *a, const struct drug_version *b)
{
    if (a->event_us != b->event_us)
        return a->event_us < b->event_us ? -1 : 1;
    int order = str_compare(a->event_system, b->event_system);
    return order != 0 ? order : str_compare(a->event_id, b->event_id);
}

/* ---- One drug ---- */

/* Its end as the statement says it, of a drug that began at begin_us. */
static int64_t
end_of(const struct drug_version *version)
{
    switch (version->use) {
    case DRUG_STOPPED:
        return version->end_us < version->event_us ? version->end_us : version->event_us;
    case DRUG_COMPLETED:
        return version->end_us != DRUG_OPEN ? version->end_us : version->event_us;
    case DRUG_TAKEN:
    case DRUG_NEVER:
        return version->end_us;
    }
    CHECK(false);
    return DRUG_OPEN;
}

struct drug_state
drug_state_of(const struct drug_history *drug, uint64_t mask, int64_t open_us)
{
    struct drug_state state     = { .newest = UINT32_MAX };
    bool              has_begun = false; /* A statement before says when it began. */
    CHECK(drug->count <= DRUG_VERSION_COUNT_MAX);
    for (uint32_t i = 0; i < drug->count; i++) {
        const struct drug_version *version = &drug->versions[i];
        if ((mask >> i & 1) == 0)
            continue;
        state.newest   = i;
        state.is_taken = version->use != DRUG_NEVER;
        state.is_ended = version->use == DRUG_STOPPED || version->use == DRUG_COMPLETED;
        if (!state.is_ended || !has_begun)
            state.begin_us = version->begin_us;
        state.end_us = end_of(version);
        has_begun |= !state.is_ended && state.is_taken;
        if (version->names_drug)
            state.ingredients = version->ingredients;
    }
    state.is_open = state.end_us == DRUG_OPEN;
    if (state.is_open)
        state.end_us = state.begin_us + open_us;
    return state;
}

/* ---- Two drugs ---- */

struct judgement {
    const struct interaction_rule    *rule;
    const struct rule_interaction    *pair;
    const struct drug_history *const *drugs;
    int64_t                           open_us;
    bool                              is_one; /* Both drugs are the same. */
    /* Statements of both in the order of event times: which drug's, and which of it. */
    struct {
        uint8_t drug;
        uint8_t version;
    } order[2 * DRUG_VERSION_COUNT_MAX];
    uint32_t count;
};

/* What of two drugs interacts: the first ingredients that do. */
static bool
find_ingredients(const struct judgement *judgement, const struct drug_state states[2], uint32_t ret_ingredients[2])
{
    const struct rule_interaction *pair = judgement->pair;
    for (uint32_t a = 0; a < judgement->rule->ingredient_count; a++) {
        const bool is_left = ingredients_have(&pair->left, a), is_right = ingredients_have(&pair->right, a);
        if (!ingredients_have(&states[0].ingredients, a) || (!is_left && !is_right))
            continue;
        for (uint32_t b = 0; b < judgement->rule->ingredient_count; b++) {
            if (a == b || !ingredients_have(&states[1].ingredients, b))
                continue;
            if ((is_left && ingredients_have(&pair->right, b)) || (is_right && ingredients_have(&pair->left, b))) {
                ret_ingredients[0] = a;
                ret_ingredients[1] = b;
                return true;
            }
        }
    }
    return false;
}

static const struct drug_version *
version_at(const struct judgement *judgement, uint32_t index)
{
    return &judgement->drugs[judgement->order[index].drug]->versions[judgement->order[index].version];
}

/* I4: the mask without what the warehouse said of a drug whose log has, in the mask, a statement of the same time or an earlier one. */
static uint64_t
without_replaced(const struct judgement *judgement, uint64_t mask)
{
    bool    is_logged[2] = { false, false };
    int64_t logged_us[2] = { 0, 0 }; /* The earliest. */
    for (uint32_t i = judgement->count; i-- > 0;) {
        if ((mask >> i & 1) == 0 || version_at(judgement, i)->is_history)
            continue;
        is_logged[judgement->order[i].drug] = true;
        logged_us[judgement->order[i].drug] = version_at(judgement, i)->event_us;
    }
    for (uint32_t i = 0; i < judgement->count; i++) {
        const uint8_t drug = judgement->order[i].drug;
        if (version_at(judgement, i)->is_history && is_logged[drug] && logged_us[drug] <= version_at(judgement, i)->event_us)
            mask &= ~(UINT64_C(1) << i);
    }
    return mask;
}

/* The states after the statements of the mask (by the common order), and whether the two interact then. */
static bool
interacts(const struct judgement *judgement, uint64_t mask, struct interaction_alert *ret_alert)
{
    uint64_t           masks[2] = { 0, 0 };
    struct drug_state *states   = ret_alert->states;
    for (uint32_t i = 0; i < judgement->count; i++)
        if ((mask >> i & 1) != 0)
            masks[judgement->order[i].drug] |= UINT64_C(1) << judgement->order[i].version;
    states[0] = drug_state_of(judgement->drugs[0], masks[0], judgement->open_us);
    states[1] = judgement->is_one ? states[0] : drug_state_of(judgement->drugs[1], masks[1], judgement->open_us);
    ret_alert->begin_us = states[0].begin_us > states[1].begin_us ? states[0].begin_us : states[1].begin_us;
    ret_alert->end_us   = states[0].end_us < states[1].end_us ? states[0].end_us : states[1].end_us;
    const bool is_overlap = states[0].is_taken && states[1].is_taken && ret_alert->begin_us < ret_alert->end_us;
    if (states[0].is_open && states[1].is_open)
        ret_alert->end_us = DRUG_OPEN;
    return is_overlap && find_ingredients(judgement, states, ret_alert->ingredients);
}

/* I2: which statement of the mask completes the first beginning of it, by event times, that interacts; UINT32_MAX: none. */
static uint32_t
find_firing(const struct judgement *judgement, uint64_t mask, struct interaction_alert *ret_alert)
{
    uint64_t before = 0;
    mask            = without_replaced(judgement, mask);
    for (uint32_t i = 0; i < judgement->count; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        before |= UINT64_C(1) << i;
        if (interacts(judgement, before, ret_alert))
            return i;
    }
    return UINT32_MAX;
}

static void
merge(struct judgement *judgement)
{
    const struct drug_history *a = judgement->drugs[0], *b = judgement->drugs[1];
    const uint32_t             b_count = judgement->is_one ? 0 : b->count;
    for (uint32_t i = 0, k = 0; i < a->count || k < b_count;) {
        const bool is_a = k == b_count || (i < a->count && drug_compare(&a->versions[i], &b->versions[k]) <= 0);
        judgement->order[judgement->count].drug      = is_a ? 0 : 1;
        judgement->order[judgement->count++].version = (uint8_t)(is_a ? i++ : k++);
    }
}

/* ---- Beginnings of partitions (I3) ---- */

/* Statements of one partition in the order of their positions. */
struct strand {
    uint32_t partition;
    bool     has_order;
    uint32_t indices[2 * DRUG_VERSION_COUNT_MAX];
    uint32_t count;
    uint32_t taken; /* Of the beginning in hand. */
};

struct strands {
    struct strand items[2 * DRUG_VERSION_COUNT_MAX];
    uint32_t      count;
    uint64_t      history; /* Always there. */
};

static void
strand_add(const struct judgement *judgement, struct strand *strand, uint32_t index)
{
    const struct drug_version *version = version_at(judgement, index);
    uint32_t                   at      = strand->count++;
    for (; strand->has_order && at > 0 && version_at(judgement, strand->indices[at - 1])->position > version->position; at--)
        strand->indices[at] = strand->indices[at - 1];
    strand->indices[at] = index;
}

/* Files of the warehouse say nothing of what came first: all of them together are one strand. */
static void
find_strands(const struct judgement *judgement, struct strands *strands)
{
    strands->count   = 0;
    strands->history = 0;
    for (uint32_t i = 0; i < judgement->count; i++) {
        const struct drug_version *version = version_at(judgement, i);
        uint32_t                   k       = 0;
        if (version->is_history) {
            strands->history |= UINT64_C(1) << i;
            continue;
        }
        while (k < strands->count
               && (strands->items[k].has_order != version->has_order || (version->has_order && strands->items[k].partition != version->partition)))
            k++;
        if (k == strands->count) {
            struct strand *new = &strands->items[strands->count++];
            new->partition     = version->partition;
            new->has_order     = version->has_order;
            new->count = new->taken = 0;
        }
        strand_add(judgement, &strands->items[k], i);
    }
}

/* The next beginning, as one counts; false: that was the last. */
static bool
next_cut(struct strands *strands)
{
    for (uint32_t i = 0; i < strands->count; i++) {
        if (strands->items[i].taken < strands->items[i].count) {
            strands->items[i].taken++;
            return true;
        }
        strands->items[i].taken = 0;
    }
    return false;
}

static uint64_t
mask_of(const struct strands *strands)
{
    uint64_t mask = strands->history;
    for (uint32_t i = 0; i < strands->count; i++)
        for (uint32_t k = 0; k < strands->items[i].taken; k++)
            mask |= UINT64_C(1) << strands->items[i].indices[k];
    return mask;
}

/* Whether what came first always has the earlier event time: then a beginning of the log is one of history, and nothing can be superseded. */
static bool
is_in_order(const struct strands *strands)
{
    bool is_in_order = strands->count <= 1;
    for (uint32_t i = 0; is_in_order && i < strands->count; i++)
        for (uint32_t k = 1; k < strands->items[i].count; k++)
            is_in_order &= strands->items[i].indices[k - 1] < strands->items[i].indices[k];
    return is_in_order && strands->history == 0;
}

/* ---- Alerts ---- */

static uint64_t
mask_all(uint32_t count)
{
    return count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static void
set_firing(const struct judgement *judgement, uint32_t index, struct interaction_alert *alert)
{
    alert->drug       = judgement->order[index].drug;
    alert->version    = judgement->order[index].version;
    alert->changed[0] = alert->changed[1] = UINT32_MAX;
}

/* Whether the drug's newest statement came behind the one that fired: where, by the common order. */
static bool
is_behind(const struct judgement *judgement, uint32_t drug, uint32_t newest, uint32_t firing)
{
    for (uint32_t i = firing + 1; i < judgement->count; i++)
        if (judgement->order[i].drug == drug && judgement->order[i].version == newest)
            return true;
    return false;
}

/* What became of the alert since it fired. `now`: the whole. */
static enum interaction_status
status_of(const struct judgement *judgement, bool still_interacts, const bool behind[2], const struct interaction_alert *alert,
          const struct interaction_alert *now)
{
    uint32_t   ingredients[2];
    const bool is_ended = (behind[0] && now->states[0].is_ended) || (behind[1] && now->states[1].is_ended);
    if (still_interacts && is_ended)
        return INTERACTION_STOPPED;
    if (still_interacts)
        return alert->ingredients[0] == now->ingredients[0] && alert->ingredients[1] == now->ingredients[1] ? INTERACTION_OPEN : INTERACTION_REVISED;
    if (!now->states[0].is_taken || !now->states[1].is_taken)
        return INTERACTION_WITHDRAWN;
    return is_ended && find_ingredients(judgement, now->states, ingredients) ? INTERACTION_UNDONE : INTERACTION_CORRECTED;
}

static void
set_status(const struct judgement *judgement, uint32_t firing, struct interaction_alert *alert)
{
    struct interaction_alert now             = *alert;
    const bool               still_interacts = interacts(judgement, without_replaced(judgement, mask_all(judgement->count)), &now);
    const uint32_t           second          = judgement->is_one ? 0 : 1;
    const bool               behind[2]       = { is_behind(judgement, 0, now.states[0].newest, firing),
                                                 is_behind(judgement, second, now.states[1].newest, firing) };
    now.status = status_of(judgement, still_interacts, behind, alert, &now);
    if (now.status == INTERACTION_OPEN)
        return;
    if (!still_interacts) { /* What interacted is what there is to say. */
        now.ingredients[0] = alert->ingredients[0];
        now.ingredients[1] = alert->ingredients[1];
    }
    for (int i = 0; i < 2; i++)
        now.changed[i] = behind[i] ? now.states[i].newest : UINT32_MAX;
    *alert = now;
}

/* Adds the alerts that a reader may have told of a beginning of the partitions, and that the whole does not bear out, each as it was first. */
static uint32_t
add_superseded(const struct judgement *judgement, uint32_t firing, uint32_t count, struct interaction_alert *alerts)
{
    struct interaction_alert alert = { .pair = alerts[0].pair };
    struct strands           strands;
    uint64_t                 told      = firing == UINT32_MAX ? 0 : UINT64_C(1) << firing;
    uint32_t                 cut_count = 1;
    find_strands(judgement, &strands);
    for (uint32_t i = 0; i < strands.count && cut_count <= INTERACTION_CUT_COUNT_MAX; i++)
        cut_count *= strands.items[i].count + 1;
    if (is_in_order(&strands) || cut_count > INTERACTION_CUT_COUNT_MAX)
        return count;
    do {
        const uint32_t index = find_firing(judgement, mask_of(&strands), &alert);
        if (index == UINT32_MAX || (told >> index & 1) != 0)
            continue;
        told |= UINT64_C(1) << index;
        set_firing(judgement, index, &alert);
        alert.status    = INTERACTION_SUPERSEDED;
        alerts[count++] = alert;
    } while (next_cut(&strands));
    return count;
}

uint32_t
interaction_judge(const struct interaction_rule *rule, uint32_t pair, const struct drug_history *const drugs[2], int64_t open_us,
                  struct interaction_alert *ret_alerts)
{
    struct judgement judgement = { .rule = rule, .pair = &rule->pairs[pair], .drugs = drugs, .open_us = open_us, .is_one = drugs[0] == drugs[1] };
    merge(&judgement);
    ret_alerts[0]         = (struct interaction_alert){ .pair = pair, .status = INTERACTION_OPEN };
    const uint32_t firing = find_firing(&judgement, mask_all(judgement.count), &ret_alerts[0]);
    if (firing != UINT32_MAX) {
        set_firing(&judgement, firing, &ret_alerts[0]);
        set_status(&judgement, firing, &ret_alerts[0]);
    }
    return add_superseded(&judgement, firing, firing == UINT32_MAX ? 0 : 1, ret_alerts);
}

/* ---- Repeats ---- */

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int
interaction_repeat_compare(const struct interaction_repeat *a, const struct interaction_repeat *b)
{
    if (a->event_us != b->event_us)
        return a->event_us < b->event_us ? -1 : 1;
    int order = compare_numbers(a->order[0], b->order[0]);
    return order != 0 ? order : compare_numbers(a->order[1], b->order[1]);
}

static bool
is_same_danger(const struct interaction_repeat *a, const struct interaction_repeat *b)
{
    return a->pair == b->pair
           && ((a->ingredients[0] == b->ingredients[0] && a->ingredients[1] == b->ingredients[1])
               || (a->ingredients[0] == b->ingredients[1] && a->ingredients[1] == b->ingredients[0]));
}

void
interaction_silence(const struct interaction_repeat *repeats, uint32_t count, int64_t cooldown_us, uint32_t *scratch, uint32_t *ret_by)
{
    uint32_t loud_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        ret_by[i] = UINT32_MAX;
        for (uint32_t k = 0; k < loud_count && repeats[i].is_firing && ret_by[i] == UINT32_MAX; k++) {
            const struct interaction_repeat *loud = &repeats[scratch[k]];
            if (is_same_danger(&repeats[i], loud) && repeats[i].event_us - loud->event_us < cooldown_us && (!loud->is_shadow || repeats[i].is_shadow))
                ret_by[i] = scratch[k];
        }
        if (repeats[i].is_firing && ret_by[i] == UINT32_MAX)
            scratch[loud_count++] = i;
    }
}
