/* Who looks at far more charts than others do: only where the options ask for it, behind everything else and from random numbers of its own, so that worlds
 * without it keep their bytes.
 *
 * All that such a user opens is explained (a stay of the department, or any stay where the department works for all), at normal hours: nothing speaks
 * against a single access. Beside each stands a colleague who is as busy as the busiest of the department that day, and no more. */
#include "source/generate/world.h"

#include "base/memory.h"
#include "base/time.h"

/* So many times what the busiest of the department opened on a day. */
#define TIMES 3
#define SHIFT_BEGIN_US (9 * US_PER_HOUR)
#define SHIFT_US       (8 * US_PER_HOUR)
/* Some audit systems tell what happened only then. */
#define TOLD_LATER_US (26 * US_PER_HOUR)
/* A stay explains an access for 30 days behind its end; some days are left for the unforeseen. */
#define EXPLAINS_US (25 * US_PER_DAY)

struct volume_story {
    struct world  *world;
    struct random *random;
    uint32_t       user;
    int64_t        day;
    uint32_t      *counts; /* Accesses by user and day. */
    uint32_t      *stays;  /* Patients with a stay that explains, each once. */
    uint32_t       stay_count;
    bool          *is_seen; /* By patient. */
};

static bool
is_house_wide(const struct world *world, uint32_t user)
{
    return user >= world->user_count && (user - world->user_count) / (world->extra_count / WORLD_EXTRA_COUNT) < WORLD_FORMER;
}

/* Users who are compared with one another, or nearly: of one department; here, of the same kind. */
static bool
are_colleagues(const struct world *world, uint32_t a, uint32_t b)
{
    return world->users[a].department == world->users[b].department && world->users[a].is_physician == world->users[b].is_physician;
}

static void
count_accesses(struct volume_story *story)
{
    struct world *world = story->world;
    for (size_t i = 0; i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i];
        const int64_t      day  = (fact->effective_us - world->start_us) / US_PER_DAY;
        if (fact->kind == FACT_ACCESS && fact->effective_us >= world->start_us && day < world->options.day_count)
            story->counts[fact->user * (size_t)world->options.day_count + (size_t)day]++;
    }
}

static uint32_t
count_of(const struct volume_story *story, uint32_t user, int64_t day)
{
    return story->counts[user * (size_t)story->world->options.day_count + (size_t)day];
}

/* Of all days, or (`day` not below 0) of one. */
static uint32_t
busiest(const struct volume_story *story, int64_t day)
{
    uint32_t most = 0;
    for (uint32_t user = 0; user < story->world->user_count + story->world->extra_count; user++)
        for (int64_t i = 0; are_colleagues(story->world, user, story->user) && i < story->world->options.day_count; i++)
            if ((day < 0 || i == day) && count_of(story, user, i) > most)
                most = count_of(story, user, i);
    return most;
}

/* Patients whose charts the user may open that day. */
static void
find_stays(struct volume_story *story)
{
    struct world *world    = story->world;
    const int64_t begin_us = world->start_us + story->day * US_PER_DAY;
    const bool    is_house = is_house_wide(world, story->user);
    story->stay_count      = 0;
    for (uint32_t i = 0; i < (uint32_t)world->options.patient_count; i++)
        story->is_seen[i] = world->patients[i].is_reserved;
    for (size_t i = 0; i < world->fact_count; i++) {
        const struct fact *fact = &world->facts[i];
        if (fact->kind != FACT_ENCOUNTER || story->is_seen[fact->patient] || !fact->is_history || fact->department != NULL || fact->event_us >= begin_us
            || fact->effective_us < begin_us - EXPLAINS_US || (!is_house && world->users[fact->user].department != world->users[story->user].department))
            continue;
        story->is_seen[fact->patient]     = true;
        story->stays[story->stay_count++] = fact->patient;
    }
}

/* The first access, or UINT32_MAX. */
static uint32_t
open_charts(struct volume_story *story, uint32_t count, int64_t told_later_us)
{
    struct world *world = story->world;
    uint32_t      first = UINT32_MAX;
    for (uint32_t i = 0; i < count && story->stay_count > 0 && !world->is_out_of_memory; i++) {
        const int64_t  at_us = world->start_us + story->day * US_PER_DAY + SHIFT_BEGIN_US + SHIFT_US / count * i;
        const uint32_t index = world_access(world, story->stays[i % story->stay_count], story->user, at_us);
        if (world->is_out_of_memory)
            return UINT32_MAX;
        world->facts[index].event_us += told_later_us;
        world->facts[index].arrival_us += told_later_us;
        first = first == UINT32_MAX ? index : first;
    }
    return first;
}

/* Somebody of the same kind of whom nothing is told yet; who works there, if the department has one. */
static bool
choose_colleague(struct volume_story *story, bool *is_told)
{
    struct world *world = story->world;
    for (uint32_t user = 0; user < world->user_count + world->extra_count; user++) {
        if (is_told[user] || !are_colleagues(world, user, story->user) || world->users[user].ends_on != INT32_MAX || count_of(story, user, story->day) == 0)
            continue;
        story->user   = user;
        is_told[user] = true;
        return true;
    }
    return false;
}

static void
tell(struct volume_story *story, int64_t number, bool *is_told)
{
    struct world  *world = story->world;
    const uint32_t each  = world->extra_count / WORLD_EXTRA_COUNT;
    do
        story->user = number % 2 == 0 ? world->user_count + (uint32_t)random_below(story->random, WORLD_FORMER * each)
                                      : (uint32_t)random_below(story->random, world->user_count);
    while (is_told[story->user]);
    is_told[story->user] = true;
    story->day           = random_between(story->random, world->options.day_count > 1, world->options.day_count - 1);
    find_stays(story);
    const int64_t later_us = number % 3 == 2 && story->day + 2 < world->options.day_count ? TOLD_LATER_US : 0;
    uint32_t      first    = open_charts(story, TIMES * busiest(story, -1) + 60, later_us);
    if (first != UINT32_MAX)
        world->plants[world_plant(world, later_us > 0 ? "snooping_volume_told_later" : "snooping_volume", first, "none")].alert = "access_volume";
    const uint32_t most = busiest(story, story->day);
    if (!choose_colleague(story, is_told))
        return;
    first = open_charts(story, most - count_of(story, story->user, story->day), 0);
    if (first != UINT32_MAX)
        world_plant(world, "as_busy_as_the_busiest", first, "none");
}

void
world_plant_volumes(struct world *world)
{
    struct random       random;
    const uint32_t      users = world->user_count + world->extra_count;
    struct volume_story story = { .world = world, .random = &random };
    bool               *is_told = arena_alloc_zero(&world->arena, users, 1);
    story.counts  = arena_alloc_zero(&world->arena, users * (size_t)world->options.day_count * sizeof(*story.counts), sizeof(*story.counts));
    story.stays   = arena_alloc_zero(&world->arena, (size_t)world->options.patient_count * sizeof(*story.stays), sizeof(*story.stays));
    story.is_seen = arena_alloc_zero(&world->arena, (size_t)world->options.patient_count, 1);
    if (is_told == NULL || story.counts == NULL || story.stays == NULL || story.is_seen == NULL) {
        world->is_out_of_memory = true;
        return;
    }
    random_init(&random, world->options.seed ^ 0xb1ead);
    count_accesses(&story);
    for (int64_t i = 0; i < world->options.snooper_count && i < users / 4 && !world->is_out_of_memory; i++)
        tell(&story, i, is_told);
}
