#include "hybrid/compare.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/time.h"
#include "config/json.h"

static const struct {
    const char *name;
    const char *help;
} REASONS[DIFFERENCE_REASON_COUNT] = {
    [DIFFERENCE_UNKNOWN]      = { "unknown", "none of the known reasons holds" },
    [DIFFERENCE_RULE]         = { "rule", "the two go by other versions of the rule, or by other approval" },
    [DIFFERENCE_LETTERS]      = { "letters", "the live leg's alert goes by a letter that was tried again" },
    [DIFFERENCE_SUPERSEDED]   = { "superseded", "the live leg read a later version first, and took its alert back" },
    [DIFFERENCE_EXPLAINED]    = { "explained", "the explanation came late, but is dated before the access" },
    [DIFFERENCE_LATE]         = { "late", "what the rule counts came to the live leg when its day had been judged" },
    [DIFFERENCE_HISTORY_FROM] = { "history_from", "the live leg could not see as far back" },
    [DIFFERENCE_OUTSIDE]      = { "outside", "the stream has no events of that time" },
};

const char *
difference_reason_name(enum difference_reason reason)
{
    CHECK(reason < DIFFERENCE_REASON_COUNT);
    return REASONS[reason].name;
}

const char *
difference_reason_help(enum difference_reason reason)
{
    CHECK(reason < DIFFERENCE_REASON_COUNT);
    return REASONS[reason].help;
}

/* ---- Pairs ---- */

struct side {
    const struct store_alert *alert;
    bool                      is_personal;
    bool                      is_paired;
};

static int
compare_known(const struct store_alert *a, const struct store_alert *b)
{
    int order = str_compare(a->rule, b->rule);
    if (order == 0)
        order = str_compare(a->subject_system, b->subject_system);
    if (order == 0)
        order = str_compare(a->subject_id, b->subject_id);
    if (order == 0)
        order = str_compare(a->code, b->code);
    if (order == 0)
        order = a->effective_time_us < b->effective_time_us ? -1 : a->effective_time_us > b->effective_time_us;
    return order;
}

static int
compare_sides(const void *a, const void *b)
{
    const struct side *x = a, *y = b;
    int                order = compare_known(x->alert, y->alert);
    return order != 0 ? order : str_compare(x->alert->alert_id, y->alert->alert_id);
}

/* How unlike they are: 0 says the same. */
static int
unlike(const struct side *live, const struct side *history)
{
    const struct store_alert *a = live->alert, *b = history->alert;
    const bool                is_status = live->is_personal || (str_equal(a->status, b->status) && str_equal(a->status_reason, b->status_reason));
    return (is_status ? 0 : 4) + (str_equal(a->severity, b->severity) ? 0 : 2) + (str_equal(a->value, b->value) ? 0 : 1);
}

#define UNLIKE_MAX 7

/* ---- Reasons ---- */

/* The evidence is the rule's own JSON: {"events":[{"source":…},…],"history_from":TIME or null} */
struct evidence {
    bool    has_letters;
    int64_t history_from_us; /* INT64_MIN: null, or there is none. */
};

static struct evidence
evidence_of(const struct store_alert *alert, struct arena *arena)
{
    struct evidence    found = { false, INT64_MIN };
    const struct json *root  = NULL;

    if (json_parse(alert->evidence, "evidence", arena, &root, NULL) != ST_OK)
        return found;
    const struct json *events = json_find(root, "events");
    for (const struct json *event = events != NULL ? events->first : NULL; event != NULL; event = event->next) {
        const struct json *source = json_find(event, "source");
        found.has_letters |= source != NULL && str_equal(source->text, STR(STORE_LETTERS_SOURCE));
    }
    const struct json *from = json_find(root, "history_from");
    if (from != NULL && from->type == JSON_TEXT)
        time_parse_utc(from->text, &found.history_from_us);
    return found;
}

static bool
same_rule(const struct store_alert *a, const struct store_alert *b)
{
    return str_equal(a->rule_version, b->rule_version) && a->limits_approved == b->limits_approved;
}

/* Whether the alert's rule is known to the other side, but none of its alerts there is of this version and approval. */
static bool
is_of_other_rule(const struct store_alert *alert, const struct store_alert *others, size_t count)
{
    bool is_known = false;
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(others[i].rule, alert->rule))
            continue;
        if (same_rule(alert, &others[i]))
            return false;
        is_known = true;
    }
    return is_known;
}

static enum difference_reason
reason_of_live(const struct store_alert *live, const struct store_alert *history, const struct comparison_input *input, struct arena *arena)
{
    const struct evidence evidence = evidence_of(live, arena);

    if (history != NULL ? !same_rule(live, history) : is_of_other_rule(live, input->result->alerts, input->result->alert_count))
        return DIFFERENCE_RULE;
    if (evidence.has_letters)
        return DIFFERENCE_LETTERS;
    if (history == NULL && str_equal(live->status_reason, STR("superseded")))
        return DIFFERENCE_SUPERSEDED;
    if (history == NULL && str_equal(live->status_reason, STR("explained")))
        return DIFFERENCE_EXPLAINED;
    if (str_equal(live->status_reason, STR("late")))
        return DIFFERENCE_LATE;
    if (evidence.history_from_us > input->result->history_us)
        return DIFFERENCE_HISTORY_FROM;
    return DIFFERENCE_UNKNOWN;
}

static enum difference_reason
reason_of(const struct difference *difference, const struct comparison_input *input, struct arena *arena)
{
    const int64_t event_us = difference->live != NULL ? difference->live->event_time_us : difference->history->event_time_us;

    if (difference->live != NULL)
        return reason_of_live(difference->live, difference->history, input, arena);
    if (is_of_other_rule(difference->history, input->live, input->live_count))
        return DIFFERENCE_RULE;
    return event_us < input->stream_begin_us || event_us >= input->stream_end_us ? DIFFERENCE_OUTSIDE : DIFFERENCE_UNKNOWN;
}

/* ---- The whole ---- */

static void
add_difference(struct comparison *comparison, const struct side *live, const struct side *history)
{
    comparison->differences[comparison->difference_count++]
        = (struct difference){ live != NULL ? live->alert : NULL, history != NULL ? history->alert : NULL, DIFFERENCE_UNKNOWN };
}

/* Alerts that are known by the same: the most alike first. Mostly there is one on each side. */
static void
pair_group(struct side *live, size_t live_count, struct side *history, size_t history_count, struct comparison *comparison)
{
    for (int most = 0; most <= UNLIKE_MAX; most++) {
        for (size_t i = 0; i < live_count; i++) {
            for (size_t k = 0; k < history_count && !live[i].is_paired; k++) {
                if (history[k].is_paired || unlike(&live[i], &history[k]) != most)
                    continue;
                live[i].is_paired = history[k].is_paired = true;
                if (most == 0)
                    comparison->same_count++;
                else
                    add_difference(comparison, &live[i], &history[k]);
            }
        }
    }
    for (size_t i = 0; i < live_count; i++)
        if (!live[i].is_paired)
            add_difference(comparison, &live[i], NULL);
    for (size_t k = 0; k < history_count; k++)
        if (!history[k].is_paired)
            add_difference(comparison, NULL, &history[k]);
}

static size_t
group_end(const struct side *sides, size_t begin, size_t count, const struct store_alert *known)
{
    while (begin < count && compare_known(sides[begin].alert, known) == 0)
        begin++;
    return begin;
}

static void
pair_all(struct side *live, size_t live_count, struct side *history, size_t history_count, struct comparison *comparison)
{
    for (size_t i = 0, k = 0; i < live_count || k < history_count;) {
        const bool is_live = k == history_count || (i < live_count && compare_known(live[i].alert, history[k].alert) <= 0);
        const struct store_alert *known = is_live ? live[i].alert : history[k].alert;
        const size_t              live_end = group_end(live, i, live_count, known), history_end = group_end(history, k, history_count, known);
        pair_group(live + i, live_end - i, history + k, history_end - k, comparison);
        i = live_end;
        k = history_end;
    }
}

static struct side *
sides_of(struct arena *arena, const struct store_alert *alerts, const bool *is_personal, size_t count)
{
    struct side *sides = ARENA_ARRAY(arena, struct side, count + 1);

    for (size_t i = 0; sides != NULL && i < count; i++)
        sides[i] = (struct side){ &alerts[i], is_personal != NULL && is_personal[i], false };
    if (sides != NULL && count > 0)
        qsort(sides, count, sizeof(*sides), compare_sides);
    return sides;
}

enum status
compare_alerts(const struct comparison_input *input, struct arena *arena, struct comparison *ret_comparison, struct error *err)
{
    const struct backtest_result *result     = input->result;
    struct side                  *live       = sides_of(arena, input->live, input->is_personal, input->live_count);
    struct side                  *history    = sides_of(arena, result->alerts, NULL, result->alert_count);
    struct comparison             comparison = { .same_count = 0 };
    struct arena                  scratch;

    comparison.differences = ARENA_ARRAY(arena, struct difference, input->live_count + result->alert_count + 1);
    if (live == NULL || history == NULL || comparison.differences == NULL)
        return error_no_memory(err);
    pair_all(live, input->live_count, history, result->alert_count, &comparison);
    arena_init(&scratch, 0);
    for (size_t i = 0; i < comparison.difference_count; i++) {
        arena_clear(&scratch);
        comparison.differences[i].reason = reason_of(&comparison.differences[i], input, &scratch);
    }
    arena_release(&scratch);
    *ret_comparison = comparison;
    return ST_OK;
}
