/* Drug interactions as a table: statements about two drugs on the left, what follows on the right. Each boundary of a period with its neighbours. And a plain
 * replay of random statements, in all orders in which partitions can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "live/rule/interaction.h"

#define STATEMENT_MAX 12
#define OPEN_DAYS     100

enum { S, C, K, Q, R, INGREDIENTS };
static const struct rule_ingredient ingredients[INGREDIENTS] = { { .name = "s" }, { .name = "c" }, { .name = "k" }, { .name = "q" }, { .name = "r" } };
#define BIT(I) (UINT64_C(1) << (I))
static const struct rule_interaction pairs[] = {
    { .name = "s-c", .left = { { BIT(S) } }, .right = { { BIT(C) | BIT(K) } } },
    { .name = "qt", .left = { { BIT(Q) | BIT(R) } }, .right = { { BIT(Q) | BIT(R) } } },
};
static const struct interaction_rule rule = { .ingredients = ingredients, .ingredient_count = INGREDIENTS, .pairs = pairs, .pair_count = 2 };

static const char *const STATUSES[] = { "open", "revised", "stopped", "undone", "corrected", "withdrawn", "superseded" };

/* A statement a word: "<day><drug A or B>". "=" and letters: which ingredients (x: one that the rule does not know); "!" it never was; "." stopped; "$" completed;
 * "@<begin>" and "-<end>": the period, else from the day on and open; "h": of the warehouse; "/<partition>". The position is the place in the text. */
struct statements {
    struct drug_version versions[2][DRUG_VERSION_COUNT_MAX];
    uint32_t            counts[2];
    char                ids[STATEMENT_MAX][8];
    uint32_t            count;
};

static void
insert(struct statements *statements, int drug, struct drug_version version)
{
    uint32_t at = statements->counts[drug]++;
    for (; at > 0 && drug_compare(&statements->versions[drug][at - 1], &version) > 0; at--)
        statements->versions[drug][at] = statements->versions[drug][at - 1];
    statements->versions[drug][at] = version;
}

static const char *
read_period(const char *text, struct drug_version *version)
{
    char *end = (char *)text;
    if (*text == '@')
        version->begin_us = strtol(text + 1, &end, 10) * US_PER_DAY;
    if (*end == '-')
        version->end_us = strtol(end + 1, &end, 10) * US_PER_DAY;
    return end;
}

static void
read_statements(const char *text, struct statements *out)
{
    *out = (struct statements){ .count = 0 };
    while (*text != '\0') {
        char               *end;
        struct drug_version version = { .event_us = strtol(text, &end, 10) * US_PER_DAY, .end_us = DRUG_OPEN, .has_order = true, .place = out->count, .position = out->count };
        const int           drug    = *end++ - 'A';
        assert_true(drug == 0 || drug == 1);
        version.begin_us = version.event_us;
        if (*end == '=')
            version.names_drug = true;
        for (end += *end == '='; *end != '\0' && strchr("scqkrx", *end) != NULL; end++)
            if (*end != 'x')
                ingredients_add(&version.ingredients, (uint32_t)(strchr("sckqr", *end) - "sckqr"));
        if (*end == '!' || *end == '.' || *end == '$')
            version.use = *end == '!' ? DRUG_NEVER : *end == '.' ? DRUG_STOPPED : DRUG_COMPLETED, end++;
        text = read_period(end, &version);
        version.is_history = *text == 'h';
        text += version.is_history;
        if (*text == '/')
            version.partition = (uint32_t)strtol(text + 1, &end, 10), text = end;
        snprintf(out->ids[out->count], sizeof(out->ids[0]), "e%02u", out->count);
        version.event_id = str_from(out->ids[out->count++]);
        insert(out, drug, version);
        text += strspn(text, " ");
    }
}

/* "2:open 3:superseded", by the firing statements' places in the text; all pairs of the rule, both drugs together and each by itself. */
static const char *
judge_all(const struct statements *statements)
{
    static char               text[1000];
    const struct drug_history drugs[2] = { { statements->versions[0], statements->counts[0] }, { statements->versions[1], statements->counts[1] } };
    size_t                    used     = 0;
    text[0]                            = '\0';
    for (uint32_t wanted = 0; wanted < statements->count; wanted++) {
        for (uint32_t pair = 0; pair < rule.pair_count; pair++) {
            for (int i = 0; i < 3; i++) {
                static struct interaction_alert alerts[2 * DRUG_VERSION_COUNT_MAX];
                const struct drug_history *const two[2] = { &drugs[i == 2 ? 0 : i], &drugs[i == 2 ? 1 : i] }; /* Each by itself, then both. */
                const uint32_t                   count  = interaction_judge(&rule, pair, two, OPEN_DAYS * US_PER_DAY, alerts);
                for (uint32_t k = 0; k < count; k++) {
                    const struct drug_version *firing = &two[alerts[k].drug]->versions[alerts[k].version];
                    if (firing->place == wanted)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u:%s", used == 0 ? "" : " ", wanted, STATUSES[alerts[k].status]);
                }
            }
        }
    }
    return text;
}

struct example {
    const char *statements;
    const char *alerts;
};

static void
assert_all(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct statements statements;
        read_statements(examples[i].statements, &statements);
        const char *found = judge_all(&statements);
        if (strcmp(found, examples[i].alerts) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", examples[i].statements, found, examples[i].alerts);
    }
}
#define ASSERT_ALL(EXAMPLES) assert_all((EXAMPLES), sizeof(EXAMPLES) / sizeof(*(EXAMPLES)))

static void
ingredients_interact(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "1A=s 2B=c", "1:open" },
        { "1A=c 2B=s", "1:open" }, /* Whichever is which. */
        { "1A=s 2B=k", "1:open" },
        { "1A=s 2B=x", "" },
        { "1A=x 2B=x", "" },
        { "1A=s 2B=s", "" }, /* The same twice. */
        { "1A=c 2B=k", "" },
        { "1A=q 2B=r", "1:open" },
        { "1A=q 2B=q", "" },
        { "1A=qr 2B=x", "0:open" }, /* A product with both, by itself; … */
        { "1A=sc 2B=x", "0:open" },
        { "1A=sc 2B=k", "0:open 1:open" }, /* … and with another drug. */
        { "1A=qx 2B=xr", "1:open" },
        { "1A=s 2B", "" }, /* No drug is named. */
        { "2A=s 1B=c", "0:open" }, /* By event times, not as they came. */
    };
    ASSERT_ALL(examples);
}

static void
periods_overlap(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "1A=s@1-5 2B=c@5", "" },       /* It ends as the other begins. */
        { "1A=s@1-5 2B=c@4", "1:open" },
        { "1A=s@1-5 2B=c@6", "" },
        { "1A=s@1-5 2B=c@0-1", "" },
        { "1A=s@1-5 2B=c@0-2", "1:open" },
        { "1A=s@1-5 2B=c@2-3", "1:open" },
        { "1A=s@3-3 2B=c@1", "" },       /* No time at all. */
        { "1A=s 200B=c@100", "1:open" }, /* An open end lasts 100 days: to day 101, … */
        { "1A=s 200B=c@101", "" },       /* … which is not in it. */
        { "1A=s@1-500 200B=c@300", "1:open" }, /* A stated one lasts. */
        { "1A=s@50 2B=c@1-50", "" },
        { "1A=s@50 2B=c@1-51", "1:open" },
    };
    ASSERT_ALL(examples);
}

static void
later_statements_change_alerts(void **state)
{
    (void)state;
    static const struct example examples[] = {
        /* Stopped before, at and after the other's beginning. */
        { "1A=s 3A. 4B=c", "" },
        { "1A=s 4A. 4B=c@4", "" },
        { "1A=s 5A. 4B=c@4", "2:stopped" },
        { "1A=s 4B=c 5A.", "1:stopped" },
        { "1A=s 4B=c 5B.", "1:stopped" },
        { "1A=s 4B=c@9 5A.", "1:undone" }, /* Before the other began. */
        { "1A=s 4B=c 9A.@1-3", "1:undone" }, /* So it had ended before. */
        { "1A=s 4B=c 9A.@1-6", "1:stopped" },
        { "1A=s@1-6 4B=c 9A$", "1:stopped" },
        { "1A=s@1-6 9B=c@4 7A$@1-6", "1:open" }, /* It was over when the other was told; still they met. */
        { "1A=s$ 2B=c", "" },              /* Over as it was told. */
        { "1A=s$@1-3 2B=c", "1:open" },    /* Over at its stated end. */
        { "1A=s 2A. 3A=s 4B=c", "3:open" }, /* Taken again. */
        { "1A=s 4B=c 5A. 6A=s", "1:open" },
        /* Taken back. */
        { "1A=s 4B=c 5A!", "1:withdrawn" },
        { "1A=s 4B=c 5B!", "1:withdrawn" },
        { "1A=s 2A! 4B=c", "" },
        { "1A=s! 4B=c", "" },
        { "1A=s 4B=c 5B! 6B=c", "1:open" },
        /* Corrected. */
        { "1A=s 4B=c 5B=x", "1:corrected" },
        { "1A=s 4B=c 5B=k", "1:revised" },
        { "1A=s 4B=c 5B=c", "1:open" },      /* The same again. */
        { "1A=s 4B=c 5A=s@2-90", "1:open" }, /* Another period that still meets. */
        { "1A=s 4B=c 5A=s@1-4", "1:corrected" },
        { "1A=s 4B=x 5B=c", "2:open" },
        { "1A=x 4B=c 5A=s", "2:open" },
        { "1A=s 4B=x 5B=c 6B=x", "2:corrected" },
        { "1A=s 4B=c 5B=x.@4-9", "1:corrected" },
    };
    ASSERT_ALL(examples);
}

static void
what_comes_late_is_told(void **state)
{
    (void)state;
    static const struct example examples[] = {
        { "4B=c 1A=s", "0:open" },          /* Late, but nothing had fired. */
        { "1A=s 4B=c 2B=c", "1:superseded 2:open" },
        { "1A=s 4B=c 2A!", "1:superseded" },  /* At day 4 it had been taken back, as was said later. */
        { "1A=s 2A! 4B=c", "" },
        { "2A! 1A=s 4B=c", "" },
        { "1A=s 5B=c 4B=x", "1:open" },
        { "1A=s 4B=c 3B=k", "1:superseded 2:revised" },
        { "1A=s 2B=c 1A!", "1:superseded" }, /* The same time, and behind by its id. */
        /* Two partitions: what one says may be read before what the other says. */
        { "1A=s/1 2A!/2 4B=c/1", "2:superseded" },
        { "1A=s/1 2A!/1 4B=c/2", "2:superseded" },
        { "1A=s/1 4B=c/2", "1:open" },
        { "1A=s/1 5A./2 4B=c/1", "2:stopped" },
        /* The warehouse knew before. */
        { "1A=sh 4B=c", "1:open" },
        { "1A=sh 4B=ch", "1:open" },            /* The caller passes by what history fired. */
        { "3A=sh 4B=c 3A=s", "1:open" },        /* The log says it, too. */
        { "1A=sh 4B=ch 1A=s 4B=c", "1:superseded 3:open" }, /* All of it. */
        { "1A=sh 4B=ch 4B=c 1A=s", "1:superseded 2:open" },
        { "3A=sh 4B=c 1A=x", "1:superseded" },  /* The log knows better from its first statement on, … */
        { "3A=sh 4B=c 5A=x", "1:corrected" },   /* … unless it begins behind. */
    };
    ASSERT_ALL(examples);
}

/* ---- All orders of reading ---- */

static void
put(char *text, size_t size, const char *part)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", part);
}

/* Of the statements in `mask` what is told: the alert's identity is the firing statement's place. -1: none. */
static int32_t
firing_of(const struct statements *all, uint32_t mask)
{
    static struct interaction_alert alerts[2 * DRUG_VERSION_COUNT_MAX];
    static struct statements        some;
    some = (struct statements){ .count = all->count };
    for (int drug = 0; drug < 2; drug++)
        for (uint32_t i = 0; i < all->counts[drug]; i++)
            if ((mask >> all->versions[drug][i].place & 1) != 0)
                some.versions[drug][some.counts[drug]++] = all->versions[drug][i];
    const struct drug_history        drugs[2] = { { some.versions[0], some.counts[0] }, { some.versions[1], some.counts[1] } };
    const struct drug_history *const both[2]  = { &drugs[0], &drugs[1] };
    const uint32_t                   count    = interaction_judge(&rule, 0, both, OPEN_DAYS * US_PER_DAY, alerts);
    for (uint32_t i = 0; i < count; i++)
        if (alerts[i].status != INTERACTION_SUPERSEDED)
            return (int32_t)drugs[alerts[i].drug].versions[alerts[i].version].place;
    return -1;
}

static void
random_statements(struct random *random, char *text, size_t size)
{
    static const char *const WHAT[] = { "=s", "=c", "=s", "=c", "=k", "=x", "!", ".", "$", "=s-9", "=c@3-6" };
    const uint32_t count = 3 + (uint32_t)random_below(random, 4);
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        char part[40];
        snprintf(part, sizeof(part), "%s%u%c%s%s/%u", i == 0 ? "" : " ", (unsigned)random_below(random, 9), (char)('A' + random_below(random, 2)),
                 WHAT[random_below(random, sizeof(WHAT) / sizeof(*WHAT))], random_below(random, 6) == 0 ? "h" : "", (unsigned)random_below(random, 2));
        put(text, size, part);
    }
}

static void
every_way_of_reading_is_told(void **state)
{
    (void)state;
    struct random random;
    uint32_t      superseded = 0;
    random_init(&random, 7);
    for (int world = 0; world < 4000; world++) {
        static struct statements statements;
        char                     text[400];
        uint32_t                 wanted = 0, found = 0, masks[3] = { 0, 0, 0 }; /* The last one is history's, which is always there. */
        random_statements(&random, text, sizeof(text));
        read_statements(text, &statements);
        for (int drug = 0; drug < 2; drug++)
            for (uint32_t i = 0; i < statements.counts[drug]; i++)
                masks[statements.versions[drug][i].is_history ? 2 : statements.versions[drug][i].partition] |= 1u << statements.versions[drug][i].place;
        /* Any beginning of each partition: the statements of it whose place is below. */
        for (uint32_t a = 0; a <= statements.count; a++) {
            for (uint32_t b = 0; b <= statements.count; b++) {
                const int32_t firing = firing_of(&statements, masks[2] | (masks[0] & ((1u << a) - 1)) | (masks[1] & ((1u << b) - 1)));
                if (firing >= 0)
                    wanted |= 1u << firing;
            }
        }
        const struct drug_history        drugs[2] = { { statements.versions[0], statements.counts[0] }, { statements.versions[1], statements.counts[1] } };
        const struct drug_history *const both[2]  = { &drugs[0], &drugs[1] };
        struct interaction_alert         alerts[2 * DRUG_VERSION_COUNT_MAX];
        const uint32_t                   count = interaction_judge(&rule, 0, both, OPEN_DAYS * US_PER_DAY, alerts);
        for (uint32_t i = 0; i < count; i++) {
            found |= 1u << drugs[alerts[i].drug].versions[alerts[i].version].place;
            superseded += alerts[i].status == INTERACTION_SUPERSEDED;
        }
        if (found != wanted)
            fail_msg("%s: fired by %x, not %x", text, found, wanted);
    }
    assert_in_range(superseded, 100, 4000);
}

/* ---- Repeats ---- */

static void
repeats_are_silenced(void **state)
{
    (void)state;
    static const struct {
        struct interaction_repeat repeats[4];
        uint32_t                  by[4];
    } examples[] = {
#define REPEAT(DAY, A, B, FIRING, SHADOW) { 0, { A, B }, (DAY) * US_PER_DAY, { 0, 0 }, FIRING, SHADOW }
#define NONE UINT32_MAX
        { { REPEAT(1, S, C, true, false), REPEAT(2, S, C, true, false), REPEAT(90, S, C, true, false), REPEAT(91, S, C, true, false) }, { NONE, 0, 0, NONE } },
        { { REPEAT(1, S, C, true, false), REPEAT(2, C, S, true, false), REPEAT(3, S, K, true, false), REPEAT(4, S, K, true, false) }, { NONE, 0, NONE, 2 } },
        { { REPEAT(1, S, C, false, false), REPEAT(2, S, C, true, false), REPEAT(3, S, C, false, false), REPEAT(4, S, C, true, false) }, { NONE, NONE, NONE, 1 } },
        { { REPEAT(1, S, C, true, true), REPEAT(2, S, C, true, false), REPEAT(3, S, C, true, true), REPEAT(100, S, C, true, true) }, { NONE, NONE, 0, NONE } },
    };
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        uint32_t by[4], scratch[4];
        interaction_silence(examples[i].repeats, 4, 90 * US_PER_DAY, scratch, by);
        for (int k = 0; k < 4; k++)
            assert_int_equal(by[k], examples[i].by[k]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingredients_interact),          cmocka_unit_test(periods_overlap),      cmocka_unit_test(later_statements_change_alerts),
        cmocka_unit_test(what_comes_late_is_told),       cmocka_unit_test(every_way_of_reading_is_told), cmocka_unit_test(repeats_are_silenced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
