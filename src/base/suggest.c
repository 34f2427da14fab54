#include "base/suggest.h"

#include "base/limits.h"

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
str_edit_distance(struct str a, struct str b)
{
    if (a.size > SUGGEST_NAME_SIZE_MAX || b.size > SUGGEST_NAME_SIZE_MAX)
        return SIZE_MAX;
    /* Three rows of the dynamic program: distance of the first i bytes of `a` from the first j of `b`. */
    size_t  rows[3][SUGGEST_NAME_SIZE_MAX + 1];
    size_t *before = rows[0];
    size_t *above  = rows[1];
    size_t *row    = rows[2];
    for (size_t j = 0; j <= b.size; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char   x    = ascii_to_lower(a.data[i - 1]);
            char   y    = ascii_to_lower(b.data[j - 1]);
            size_t best = smaller(above[j] + 1, row[j - 1] + 1);
            best        = smaller(best, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == ascii_to_lower(b.data[j - 2]) && ascii_to_lower(a.data[i - 2]) == y)
                best = smaller(best, before[j - 2] + 1);
            row[j] = best;
        }
        size_t *oldest = before;
        before         = above;
        above          = row;
        row            = oldest;
    }
    return above[b.size];
}

struct suggestion
suggestion_init(struct str name)
{
    return (struct suggestion){ .name = name, .best = STR_EMPTY, .distance = SIZE_MAX };
}

void
suggestion_offer(struct suggestion *suggestion, struct str candidate)
{
    size_t longer   = suggestion->name.size > candidate.size ? suggestion->name.size : candidate.size;
    size_t allowed  = longer < 6 ? 1 : longer / 3;
    size_t distance = str_edit_distance(suggestion->name, candidate);
    /* Where every byte would have to change, the names have nothing in common. */
    if (distance <= allowed && distance < longer && distance < suggestion->distance) {
        suggestion->best     = candidate;
        suggestion->distance = distance;
    }
}

void
suggestion_hint(const struct suggestion *suggestion, struct error *err)
{
    if (suggestion->best.size > 0)
        error_hint(err, "did you mean \"%.*s\"?", STR_PRINTF(suggestion->best));
}

size_t
str_suggest(struct str name, const struct str *candidates, size_t count)
{
    struct suggestion suggestion = suggestion_init(name);
    size_t            best       = STR_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        size_t distance = suggestion.distance;
        suggestion_offer(&suggestion, candidates[i]);
        if (suggestion.distance < distance)
            best = i;
    }
    return best;
}
