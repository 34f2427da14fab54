/* Whether a result is critical, and by what: the rule's limits, and the flags of its laboratory. */
#ifndef HEDDLE_LIVE_OP_CRITICAL_LIMIT_H
#define HEDDLE_LIVE_OP_CRITICAL_LIMIT_H

#include "live/event.h"
#include "model/model.h"

/* A rule's limits and flags, with their texts as a column has them: each row looks at all of them, and two words decide. */
struct critical_limits {
    const struct rule_pack *pack;
    struct text            *codes; /* Of pack->limits, whose bytes long ones point to. */
    struct text            *units;
    struct text            *flags; /* Of pack->laboratory_flags. */
};

/* `limits` is zeroed. On failure it can be released. */
enum status critical_limits_init(struct critical_limits *limits, const struct rule_pack *pack, struct error *err);
void        critical_limits_release(struct critical_limits *limits);

struct critical_cause {
    const struct rule_limit *limit; /* The most severe that the value is beyond; NULL: none. */
    bool                     is_flagged;
    bool                     is_haemolysed; /* Its specimen. Looked at where something fires. */
    enum severity            severity; /* The highest of what fires; LOW where nothing does. */
};

/* A value with a comparator is beyond a limit only where every number that it may stand for is. Limits of adults hold for
 * who has no known birth date. The age is that of the effective time's day in UTC. */
struct critical_cause critical_cause(const struct critical_limits *limits, const struct chunk *chunk, uint32_t row);

/* The limit that says how haemolysis changes results of the code; NULL: none does. */
const struct rule_limit *critical_limit_of_haemolysis(const struct critical_limits *limits, struct str code);

#endif
