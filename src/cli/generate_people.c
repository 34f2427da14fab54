#include "cli/generate_people.h"

#include <inttypes.h>

#include "base/time.h"
#include "config/json.h"

#define ADULT_AGE_YEARS 18
/* An encounter or order of so many days before explains an access (model/rules/unusual_access.json). */
#define DEALINGS_DAYS 30

/* The answer's lines, as they come. */
static enum status
collect(void *context, struct str bytes, struct error *err)
{
    struct str_builder *lines = context;

    str_builder_append(lines, bytes);
    return str_builder_status(lines, err);
}

/* One line: {"patient_system": …, "patient_id": …}. */
static enum status
read_person(struct str line, struct arena *arena, struct world_person *ret_person, struct error *err)
{
    const struct json *root = NULL, *system, *id;

    if (json_parse(line, "answer", arena, &root, err) != ST_OK)
        return ST_ERROR;
    system = json_find(root, "patient_system");
    id     = json_find(root, "patient_id");
    if (system == NULL || id == NULL || system->type != JSON_TEXT || id->type != JSON_TEXT)
        return error_set(err, ERR_INTERNAL, "the warehouse names a patient without identifier");
    *ret_person = (struct world_person){.system = system->text.data, .id = id->text.data};
    return ST_OK;
}

static enum status
read_people(struct str lines, struct arena *arena, struct world_person *people, int64_t count_max,
            int64_t *ret_count, struct error *err)
{
    struct str_split split = str_split_init(lines, '\n');
    struct str       line;
    enum status      status = ST_OK;
    int64_t          count  = 0;

    while (status == ST_OK && count < count_max && str_split_next(&split, &line) && line.size > 0)
        status = read_person(line, arena, &people[count++], err);
    *ret_count = count;
    return status;
}

enum status
generate_people(const struct ask *ask, struct str binding, int32_t start_date, int64_t count_min,
                int64_t count_max, struct arena *arena, const struct world_person **ret_people,
                int64_t *ret_count, struct error *err)
{
    struct str_builder   sql = STR_BUILDER_EMPTY, lines = STR_BUILDER_EMPTY;
    struct world_person *people = ARENA_ARRAY(arena, struct world_person, (size_t)count_max);
    char                 start[DATE_TEXT_SIZE];
    enum status          status = people == NULL ? error_no_memory(err) : ST_OK;

    date_print(start_date, start);
    str_builder_printf(
        &sql,
        "SELECT patient_system, patient_id FROM core.patient\n"
        "WHERE birth_date <= DATE '%s' - INTERVAL %d YEAR AND NOT death_flag\n"
        "QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY patient_system, patient_id) = 1\n"
        "ORDER BY coalesce(person_id IN (\n"
        "  SELECT person_id FROM core.encounter WHERE coalesce(encounter_end_time, encounter_start_time) >= DATE '%s' - INTERVAL %d DAY\n"
        "  UNION ALL SELECT person_id FROM core.clinical_order WHERE effective_time >= DATE '%s' - INTERVAL %d DAY), false),\n"
        "person_id LIMIT %" PRId64,
        start, ADULT_AGE_YEARS, start, DEALINGS_DAYS, start, DEALINGS_DAYS, count_max);
    if (status == ST_OK)
        status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = ask_warehouse_rows(ask, binding, (struct str){sql.data, sql.size}, collect, &lines, err);
    if (status == ST_OK)
        status = read_people((struct str){lines.data, lines.size}, arena, people, count_max, ret_count, err);
    if (status == ST_OK && *ret_count < count_min) {
        status =
            error_set(err, ERR_USAGE, "%.*s knows %" PRId64 " living adults on %s; the stories need %" PRId64,
                      STR_PRINTF(binding), *ret_count, start, count_min);
        error_hint(err, "heddle batch PIPELINE loads more");
    }
    *ret_people = people;
    str_builder_release(&sql);
    str_builder_release(&lines);
    return status;
}
