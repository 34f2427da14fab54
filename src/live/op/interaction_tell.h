/* Which alerts of drug interactions follow for a patient, and telling what is new of them. */
#ifndef HEDDLE_LIVE_OP_INTERACTION_TELL_H
#define HEDDLE_LIVE_OP_INTERACTION_TELL_H

#include "live/op/interaction_int.h"

/* An alert with the statements that it goes by, as places of the patient's groups; UINT32_MAX: none. */
struct interaction_find {
    struct interaction_alert alert;
    struct hash128           event; /* For its identity: the firing statement, the pair, both drugs. */
    uint32_t                 firing;
    uint32_t                 stated[2];  /* By which its drugs stand as it says. */
    uint32_t                 changed[2];
    int64_t                  kept_us;     /* The life's end. */
    uint32_t                 silenced_by; /* Index of another one; UINT32_MAX: none. */
    struct interaction_repeat repeat;
};

/* Keeps its memory from one use to the next. */
struct interaction_finds {
    struct interaction_find   *items; /* In the order of interaction_repeat_compare. */
    struct interaction_repeat *repeats;
    uint32_t                  *by;
    uint32_t                  *scratch;
    uint32_t                   count;
    uint32_t                   capacity;
};

void interaction_finds_release(struct interaction_finds *finds);

/* The alerts of all pairs of the patient's drugs, but for those that the warehouse's statements fired. */
enum status interaction_find(struct interaction_finds *finds, const struct rule *rule, const struct drug_groups *groups, struct error *err);

/* Tells what is not as it was told last, and remembers it. */
enum status interaction_tell(const struct interaction_finds *finds, struct rule *rule, const struct drug_groups *groups, struct state_entry *entry,
                             int64_t now_us, struct epoch_output *output, struct error *err);

/* What stands for the event in an alert's identity: several alerts may be fired by one. */
struct hash128 interaction_event(struct hash128 identity, const char *pair, struct hash128 a, struct hash128 b);

#endif
