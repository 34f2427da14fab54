#include "live/op/access_volume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/time.h"
#include "io/io.h"
#include "io/zone_file.h"
#include "live/op/access_lookup.h"
#include "live/op/volume_int.h"

/* Goes up with each change of struct volume_unit, or of what its keys are made of. */
#define UNIT_LAYOUT "1"

/* Odd numbers that keep apart what is combined into one key (PCG's and xxHash's multipliers). */
#define MIX_A UINT64_C(0x5851f42d4c957f2d)
#define MIX_B UINT64_C(0x9e3779b185ebca87)
#define MIX_C UINT64_C(0xc2b2ae3d27d4eb4f)

/* ---- Days ---- */

static int64_t
begin_of(const struct access_volume *op, int64_t day)
{
    return zone_to_utc(op->zone, day * US_PER_DAY, NULL);
}

struct volume_day
volume_day_of(const struct access_volume *op, int64_t day)
{
    const struct access_volume_rule *limits = op->limits;
    const int64_t                    end_us = begin_of(op, day + 1);
    return (struct volume_day){ .day = day, .begin_us = begin_of(op, day), .end_us = end_us, .settled_us = end_us + limits->settle_us,
                                .final_us = end_us + limits->late_us, .expires_us = begin_of(op, day + limits->day_count) + limits->late_us };
}

/* The wall clock's date, but for a midnight that the clock shows twice: there the day has begun. */
struct volume_day
volume_day_at(const struct access_volume *op, int64_t time_us)
{
    int64_t day = access_day(zone_to_local(op->zone, time_us));
    if (time_us < begin_of(op, day))
        day--;
    else if (time_us >= begin_of(op, day + 1))
        day++;
    return volume_day_of(op, day);
}

int64_t
volume_next_moment(const struct access_volume *op, int64_t watermark_us)
{
    const struct access_volume_rule *limits = op->limits;
    const int64_t                    day    = access_day(watermark_us - limits->late_us) - 2;
    int64_t                          next   = INT64_MAX;
    for (int64_t i = day; begin_of(op, i + 1) + limits->settle_us <= watermark_us + 3 * US_PER_DAY; i++) {
        const int64_t moments[] = { begin_of(op, i + 1) + limits->settle_us, begin_of(op, i + 1) + limits->late_us };
        for (int k = 0; k < 2; k++)
            next = moments[k] > watermark_us && moments[k] < next ? moments[k] : next;
    }
    return next;
}

/* ---- Rows ---- */

/* Of a row that counts. */
struct row_keys {
    uint32_t       row;
    struct hash128 unit, patient, event; /* Of the state; the last two of VOLUME_FIRST. */
    struct hash128 user, role, department;
    int64_t        effective_us;
    int64_t        day;
    int64_t        expires_us, final_us;
    enum volume_stage stage;
};

static struct hash128
role_of(const struct chunk *chunk, uint32_t row)
{
    return rule_text_hash(event_text(chunk, EVENT_USER_ROLE, row));
}

static bool
access_volume_wants(const struct operator *base, const struct chunk *chunk, uint32_t row)
{
    const struct rule *rule = (const struct rule *)base;
    return event_int64(chunk, EVENT_ENTITY, row) == rule->entity_index && !event_is_null(chunk, EVENT_USER_ROLE, row)
           && !event_is_null(chunk, EVENT_USER_ID, row) && event_int64(chunk, EVENT_PARTITION, row) != EVENT_PARTITION_HISTORY;
}

static void
access_volume_exchange(const struct operator *base, const struct chunk *chunk, uint64_t *ret_hashes)
{
    for (uint32_t row = 0; row < chunk->row_count; row++)
        ret_hashes[row] = access_volume_wants(base, chunk, row) ? role_of(chunk, row).low : 0;
}

/* Its parts are hashes already, so they need only be kept apart. */
static struct hash128
unit_key(struct hash128 user, struct hash128 role, struct hash128 department, int64_t day)
{
    const uint64_t low = user.low ^ department.low * MIX_A ^ (uint64_t)day * MIX_B;
    return (struct hash128){ state_in_group_of(role.low, low), user.high ^ role.high * MIX_B ^ department.high * MIX_C ^ (uint64_t)day * MIX_A };
}

/* What the set knows of a unit's event or patient. An identifier may be the name of both. */
static struct hash128
seen_key(struct hash128 unit, struct hash128 what, uint64_t tag)
{
    return (struct hash128){ state_in_group_of(unit.low, unit.low ^ what.low), unit.high ^ what.high ^ tag };
}

static struct hash128
late_key(struct hash128 first)
{
    return (struct hash128){ first.low, first.high ^ MIX_C };
}

/* False: it counts for nobody (V2). */
static bool
keys_of(struct access_volume *op, const struct chunk *chunk, uint32_t row, struct row_keys *keys)
{
    const int64_t known_us = rule_known_us(chunk, row);
    keys->row              = row;
    keys->effective_us     = event_int64(chunk, EVENT_EFFECTIVE_TIME, row);
    if (keys->effective_us < op->today.begin_us || keys->effective_us >= op->today.end_us)
        op->today = volume_day_at(op, keys->effective_us);
    const struct volume_day *day = &op->today;
    if (known_us >= day->final_us)
        return false;
    keys->day        = day->day;
    keys->expires_us = day->expires_us;
    keys->final_us   = day->final_us;
    keys->stage      = known_us < day->settled_us ? VOLUME_FIRST : VOLUME_LATE;
    keys->user       = event_user(&op->rule.person_key, chunk, EVENT_USER_ID, row);
    keys->role       = role_of(chunk, row);
    keys->department = (struct hash128){ 0, 0 };
    if (!event_is_null(chunk, EVENT_DEPARTMENT, row))
        keys->department = rule_text_hash(event_text(chunk, EVENT_DEPARTMENT, row));
    keys->unit    = unit_key(keys->user, keys->role, keys->department, keys->day);
    keys->patient = seen_key(keys->unit, rule_hash(chunk, EVENT_PATIENT_LOW, row), 0);
    keys->event   = seen_key(keys->unit, rule_hash(chunk, EVENT_IDENTITY_LOW, row), MIX_B);
    op->is_due |= op->judged_us >= (keys->stage == VOLUME_FIRST ? day->settled_us : day->final_us);
    return true;
}

static void
add_one(uint32_t *count)
{
    *count += *count < UINT32_MAX / 2;
}

/* Counts what is new, and moves what is known earlier than it was (V2). `counts` are the measure's. */
static enum status
count_one(struct access_volume *op, const struct row_keys *keys, const struct hash128 *first, uint32_t counts[VOLUME_STAGE_COUNT], bool *is_changed,
          struct error *err)
{
    struct state_set    *seen = &op->rule.op.sets[0];
    const struct hash128 late = late_key(*first);
    bool                 is_new;
    if (keys->stage == VOLUME_LATE && state_set_has(seen, first))
        return ST_OK;
    if (state_set_add(seen, keys->stage == VOLUME_FIRST ? first : &late, keys->final_us, INT64_MIN, &is_new, err) != ST_OK)
        return ST_ERROR;
    if (!is_new)
        return ST_OK;
    *is_changed = true;
    add_one(&counts[keys->stage]);
    if (keys->stage == VOLUME_FIRST && counts[VOLUME_LATE] > 0 && state_set_has(seen, &late))
        counts[VOLUME_LATE]--;
    return ST_OK;
}

/* The unit's first access is the evidence, of those that were known in time if there are any: of others it is not known when they come. Where the same
 * one comes by two partitions, the first of them by name. */
static bool
is_earlier(const struct access_volume *op, struct state_entry *entry, const struct row_keys *keys, const struct chunk *chunk)
{
    const struct volume_unit *unit = records_of(entry);
    if (keys->stage != (enum volume_stage)unit->first_stage)
        return keys->stage < (enum volume_stage)unit->first_stage;
    if (keys->effective_us != unit->effective_us)
        return keys->effective_us < unit->effective_us;
    const struct str partition = rule_partition_id(&op->rule, chunk, keys->row);
    const int        order     = str_compare(partition, records_text(entry, sizeof(*unit), unit, VOLUME_TEXT_PARTITION));
    return order < 0 || (order == 0 && event_int64(chunk, EVENT_POSITION, keys->row) < unit->position);
}

/* Puts a record in the place of the entry's own, if it has one, with the texts of this row. */
static enum status
put_unit(struct access_volume *op, struct state_entry **entry, const struct row_keys *keys, const struct chunk *chunk, struct error *err)
{
    char               buffer[RECORD_TEXT_SIZE_MAX + 1];
    struct volume_unit unit = { .told = VOLUME_UNTOLD };
    const struct str   texts[VOLUME_TEXT_COUNT] = {
        [VOLUME_TEXT_USER_SYSTEM] = rule_text(chunk, EVENT_USER_SYSTEM, keys->row),
        [VOLUME_TEXT_USER_ID]     = rule_identifier(chunk, EVENT_USER_ID, keys->row, buffer),
        [VOLUME_TEXT_ROLE]        = rule_text(chunk, EVENT_USER_ROLE, keys->row),
        [VOLUME_TEXT_DEPARTMENT]  = rule_text(chunk, EVENT_DEPARTMENT, keys->row),
        [VOLUME_TEXT_PARTITION]   = rule_partition_id(&op->rule, chunk, keys->row),
    };
    if (*entry != NULL) {
        unit = *(struct volume_unit *)records_of(*entry);
        records_remove(*entry, sizeof(unit), 0);
    }
    if (records_insert(&op->rule.op.states[0], *entry, state_hash(&keys->unit, sizeof(keys->unit)), &keys->unit, sizeof(keys->unit), sizeof(unit), 0, texts,
                       VOLUME_TEXT_COUNT, keys->expires_us, entry, err)
        != ST_OK)
        return ST_ERROR;
    struct volume_unit *put = records_of(*entry);
    unit.texts              = put->texts;
    unit.user               = keys->user;
    unit.role               = keys->role;
    unit.department         = keys->department;
    unit.day                = keys->day;
    unit.effective_us       = keys->effective_us;
    unit.first_stage        = (uint8_t)keys->stage;
    unit.position           = event_int64(chunk, EVENT_POSITION, keys->row);
    *put                    = unit;
    return ST_OK;
}

static enum status
take_row(struct access_volume *op, const struct chunk *chunk, const struct row_keys *keys, uint64_t hash, struct error *err)
{
    struct state_table *table      = &op->rule.op.states[0];
    struct state_entry *entry      = state_find(table, hash, &keys->unit, sizeof(keys->unit));
    bool                is_changed = false;
    if ((entry == NULL || is_earlier(op, entry, keys, chunk)) && put_unit(op, &entry, keys, chunk, err) != ST_OK)
        return ST_ERROR;
    struct volume_unit *unit = records_of(entry);
    if (count_one(op, keys, &keys->event, unit->counts[ACCESS_MEASURE_VOLUME], &is_changed, err) != ST_OK
        || count_one(op, keys, &keys->patient, unit->counts[ACCESS_MEASURE_BREADTH], &is_changed, err) != ST_OK)
        return ST_ERROR;
    return is_changed && !state_is_changed(entry) ? state_touch(table, entry, entry->value_size, entry->expires_us, err) : ST_OK;
}

/* In batches, so that what each row looks at is on its way while others are looked at. */
static enum status
access_volume_rows(struct operator *base, struct chunk *chunk, struct epoch_output *output, struct error *err)
{
    struct access_volume *op    = (struct access_volume *)base;
    const uint32_t        count = event_count(chunk);
    (void)output;
    for (uint32_t next = 0; next < count;) {
        struct row_keys    keys[STATE_PREFETCH_COUNT];
        struct state_ahead ahead = { .count = 0 };
        for (; next < count && ahead.count < STATE_PREFETCH_COUNT; next++) {
            struct row_keys *of = &keys[ahead.count];
            if (!access_volume_wants(base, chunk, event_row(chunk, next)) || !keys_of(op, chunk, event_row(chunk, next), of))
                continue;
            state_ahead_add(&ahead, &base->states[0], of->row, state_hash(&of->unit, sizeof(of->unit)));
            state_set_prefetch(&base->sets[0], &of->patient);
            state_set_prefetch(&base->sets[0], &of->event);
        }
        state_ahead_entries(&ahead, &base->states[0]);
        for (uint32_t i = 0; i < ahead.count; i++)
            if (take_row(op, chunk, &keys[i], ahead.hashes[i], err) != ST_OK)
                return ST_ERROR;
    }
    return ST_OK;
}

/* ---- Barriers ---- */

static enum status
lay_out(struct access_volume *op, struct error *err)
{
    struct volume_bench *bench = op->bench;
    bench->count               = 0;
    for (uint32_t group = 0; group < STATE_GROUP_COUNT; group++) {
        struct state_entry *entry;
        uint32_t            cursor = 0;
        while ((entry = state_next(&op->rule.op.states[0], group, &cursor)) != NULL) {
            if (bench->count == bench->capacity) {
                size_t               capacity = bench->capacity == 0 ? 256 : bench->capacity * 2;
                struct volume_place *places   = memory_resize_array(bench->places, capacity, sizeof(*places));
                if (places == NULL)
                    return error_no_memory(err);
                bench->places   = places;
                bench->capacity = capacity;
            }
            const struct volume_unit *unit = records_of(entry);
            bench->places[bench->count++]  = (struct volume_place){ unit->role.low, unit->department.low, unit->user.low, unit->day, entry, records_of(entry), NULL };
        }
    }
    return ST_OK;
}

static enum status
access_volume_barrier(struct operator *base, const struct epoch_decision *decision, struct epoch_output *output, struct error *err)
{
    struct access_volume *op = (struct access_volume *)base;
    rule_take_decision(&op->rule, decision);
    const bool has_time = decision->watermark_us != INT64_MIN;
    if (!decision->is_drain && (!has_time || (op->judged_us != INT64_MIN && !op->is_due && decision->watermark_us < op->next_us)))
        return ST_OK;
    if (lay_out(op, err) != ST_OK || volume_judge(op, decision, err) != ST_OK)
        return ST_ERROR;
    for (size_t i = 0; i < op->bench->count; i++)
        if (op->bench->places[i].verdicts != NULL && volume_tell(op, &op->bench->places[i], decision, output, err) != ST_OK)
            return ST_ERROR;
    op->is_due = false;
    if (has_time) {
        op->judged_us = decision->watermark_us;
        op->next_us   = volume_next_moment(op, decision->watermark_us);
    }
    return ST_OK;
}

/* ---- The step ---- */

static void
access_volume_free(struct operator *base)
{
    struct access_volume *op = (struct access_volume *)base;
    rule_release(&op->rule);
    zone_drop(op->held);
    volume_bench_release(op->bench);
    memory_free(op->bench);
    memory_free(op);
}

static const struct operator_kind kind = {
    .name        = "access_volume",
    .state_names = { "units" },
    .set_names   = { "seen" },
    .exchange    = access_volume_exchange,
    .wants       = access_volume_wants,
    .rows        = access_volume_rows,
    .barrier     = access_volume_barrier,
    .free        = access_volume_free,
};

/* The rule's zone, else the pipeline's, else UTC. */
static enum status
hold_zone(struct access_volume *op, const struct graph *graph, struct error *err)
{
    const struct str name = op->limits->zone != NULL ? str_from(op->limits->zone) : graph->zone;
    op->zone              = zone_utc();
    if (name.size == 0)
        return ST_OK;
    if (zone_hold(io_system(), name, &op->held, err) != ST_OK) {
        error_context(err, "reading the days of rule %s", op->rule.pack->name);
        return ST_ERROR;
    }
    op->zone = op->held;
    return ST_OK;
}

/* What counts were made by: with other days and moments they would say something else. */
static void
define(struct access_volume *op)
{
    char text[200];
    int  size = snprintf(text, sizeof(text), "%.80s %" PRId64 " %" PRId64 " %d", zone_name(op->zone), op->limits->settle_us, op->limits->late_us,
                         (int)op->limits->day_count);
    CHECK(size > 0 && (size_t)size < sizeof(text));
    snprintf(op->definition, sizeof(op->definition), UNIT_LAYOUT "-%016" PRIx64, hash64(text, (size_t)size));
    op->rule.op.definition = op->definition;
}

enum status
access_volume_create(const struct graph *graph, const struct rule_pack *rule, const struct siphash_key *person_key,
                     const struct partition_names *partitions, struct operator **ret_operator, struct error *err)
{
    struct access_volume *op = memory_alloc_zero(sizeof(*op));
    CHECK(rule->kind == RULE_ACCESS_VOLUME);
    if (op == NULL)
        return error_no_memory(err);
    op->limits    = &rule->volume;
    op->judged_us = INT64_MIN;
    op->bench     = memory_alloc_zero(sizeof(*op->bench));
    enum status status = op->bench == NULL ? error_no_memory(err) : rule_init(&op->rule, &kind, graph, rule, person_key, partitions, err);
    if (status != ST_OK || hold_zone(op, graph, err) != ST_OK) {
        access_volume_free(&op->rule.op);
        return ST_ERROR;
    }
    define(op);
    *ret_operator = &op->rule.op;
    return ST_OK;
}
