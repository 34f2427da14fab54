/* The live log: one NDJSON file a partition, in the order of arrival; and truth.json. */
#include "source/generate/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "io/file.h"

static const char event_letters[] = { 'E', 'O', 'L', 'A', 'M', 'X' };

void
world_fact_id(const struct fact *fact, char out[24])
{
    snprintf(out, 24, "%c%07u", event_letters[fact->kind], fact->serial);
}

const char *
world_unit(const struct fact *fact)
{
    const struct analyte *kind = &analytes[fact->analyte];
    return fact->uses_other_unit ? kind->other_unit : kind->unit;
}

void
world_value_text(const struct fact *fact, char out[32])
{
    const struct analyte *kind = &analytes[fact->analyte];
    int64_t               step = kind->digits == 0 ? 1000 : kind->digits == 1 ? 100 : 10;
    int64_t               value = (fact->value + step / 2) / step; /* Values are positive. */
    int64_t               unit = 1000 / step;
    if (fact->result_text != NULL)
        snprintf(out, 32, "%s", fact->result_text);
    else if (kind->digits == 0)
        snprintf(out, 32, "%lld", (long long)value);
    else
        snprintf(out, 32, "%lld.%0*lld", (long long)(value / unit), kind->digits, (long long)(value % unit));
}

/* One member, unless the fact's odd member takes its place. */
static void
member(struct str_builder *out, const struct fact *fact, const char *name, const char *value)
{
    size_t size = strlen(name);
    if (fact->odd_member != NULL && strncmp(fact->odd_member + 1, name, size) == 0 && fact->odd_member[size + 1] == '"') {
        str_builder_printf(out, ",%s", fact->odd_member);
        return;
    }
    str_builder_printf(out, ",\"%s\":", name);
    json_out_quote(out, str_from(value));
}

static void
member_time(struct str_builder *out, const struct fact *fact, const char *name, int64_t time_us)
{
    char text[TIME_TEXT_SIZE];
    time_print(time_us, text);
    member(out, fact, name, text);
}

static void
member_serial(struct str_builder *out, const struct fact *fact, const char *name, char letter, uint32_t serial)
{
    char text[24];
    if (serial == 0)
        return;
    snprintf(text, sizeof(text), "%c%07u", letter, serial);
    member(out, fact, name, text);
}

static void
write_result(const struct world *world, const struct fact *fact, struct str_builder *out)
{
    const struct analyte *kind = &analytes[fact->analyte];
    char                  value[32];
    world_value_text(fact, value);
    member_serial(out, fact, "encounter_id", 'V', fact->encounter);
    member_serial(out, fact, "lab_result_id", 'R', fact->result);
    member_serial(out, fact, "accession_number", 'A', fact->order);
    member(out, fact, "source_order_code", kind->panel == 1 ? "58410-2" : "51990-0");
    member(out, fact, "source_component_code", kind->loinc);
    member(out, fact, "result", value);
    if (fact->odd_member != NULL && strncmp(fact->odd_member, "\"source_value\"", 14) == 0)
        str_builder_printf(out, ",%s", fact->odd_member);
    member(out, fact, "source_units", world_unit(fact));
    member(out, fact, "source_abnormal_flag", fact->flag);
    member(out, fact, "status", fact->status);
    member(out, fact, "ordering_practitioner_id", world->users[fact->user].id);
}

static void
write_event(const struct world *world, const struct fact *fact, struct str_builder *out)
{
    static const char *const types[] = { "encounter", "clinical_order", "lab_result", "access_event", "appointment" };
    const struct user       *user = &world->users[fact->user];
    char                     id[24];
    if (fact->kind == FACT_RAW) {
        str_builder_append_cstr(out, fact->raw);
        str_builder_append_char(out, '\n');
        return;
    }
    world_fact_id(fact, id);
    size_t begin = out->size;
    member(out, fact, "event_id", id);
    if (str_builder_is_ok(out))
        out->data[begin] = '{'; /* In place of the first comma. */
    member(out, fact, "type", types[fact->kind]);
    member_time(out, fact, "event_time", fact->event_us);
    member_time(out, fact, "effective_time", fact->effective_us);
    member(out, fact, "facility", world_facilities[fact->facility]);
    if (world->patients[fact->patient].system != NULL)
        member(out, fact, "patient_system", world->patients[fact->patient].system);
    member(out, fact, "patient_id", world->patients[fact->patient].id);
    if (fact->kind == FACT_RESULT) {
        write_result(world, fact, out);
    } else if (fact->kind == FACT_ENCOUNTER) {
        member_serial(out, fact, "encounter_id", 'V', fact->encounter);
        member(out, fact, "source_encounter_type", "inpatient");
        member_time(out, fact, "encounter_start_time", fact->effective_us);
        member(out, fact, "department", fact->department != NULL ? fact->department : user->department);
        member(out, fact, "attending_practitioner_id", user->id);
        if (fact->is_vip)
            member(out, fact, "vip_indicator", "V");
    } else if (fact->kind == FACT_APPOINTMENT) {
        member_serial(out, fact, "appointment_id", 'M', fact->serial);
        member_time(out, fact, "start_time", fact->effective_us);
        member_time(out, fact, "end_time", fact->end_us);
        member(out, fact, "department", user->department);
        member(out, fact, "practitioner_id", user->id);
        member(out, fact, "status", "booked");
    } else if (fact->kind == FACT_ORDER) {
        member_serial(out, fact, "encounter_id", 'V', fact->encounter);
        member_serial(out, fact, "clinical_order_id", 'O', fact->order);
        member(out, fact, "department", user->department);
        member(out, fact, "ordering_practitioner_id", user->id);
        member(out, fact, "status", "NW");
    } else {
        member(out, fact, "user_id", user->id);
        member(out, fact, "user_role", user->is_physician ? "physician" : "nurse");
        member(out, fact, "user_department", user->department);
        member(out, fact, "action", "view");
        if (fact->purpose != NULL)
            member(out, fact, "purpose_of_use", fact->purpose);
        if (fact->reason != NULL)
            member(out, fact, "reason", fact->reason);
    }
    str_builder_append_cstr(out, "}\n");
}

static int
by_arrival(const void *a, const void *b)
{
    const struct fact *x = *(const struct fact *const *)a, *y = *(const struct fact *const *)b;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    if (x->arrival_us != y->arrival_us)
        return x->arrival_us < y->arrival_us ? -1 : 1;
    if (x->serial != y->serial)
        return x->serial < y->serial ? -1 : 1;
    return x->is_copy < y->is_copy ? -1 : x->is_copy > y->is_copy;
}

enum status
world_write_events(struct world *world, struct io *io, const char *directory, struct error *err)
{
    const struct fact **facts = memory_alloc_array(world->fact_count + 1, sizeof(const struct fact *));
    struct str_builder  out = STR_BUILDER_EMPTY;
    char                path[WORLD_PATH_SIZE];
    size_t              count = 0, at = 0;
    if (facts == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < world->fact_count; i++)
        if (world->facts[i].is_live)
            facts[count++] = &world->facts[i];
    qsort(facts, count, sizeof(const struct fact *), by_arrival);
    snprintf(path, sizeof(path), "%s/events", directory);
    enum status status = world_make_folder(io, path, err);
    for (uint8_t partition = 0; partition < WORLD_PARTITION_COUNT && status == ST_OK; partition++) {
        str_builder_clear(&out);
        for (; at < count && facts[at]->partition == partition; at++)
            write_event(world, facts[at], &out);
        snprintf(path, sizeof(path), "%s/events/part-%u.ndjson", directory, partition);
        status = world_save(io, path, &out, err);
    }
    str_builder_release(&out);
    memory_free(facts);
    return status;
}

static void
truth_fact(const struct world *world, const struct fact *fact, struct json_out *json)
{
    char id[24];
    world_fact_id(fact, id);
    if (fact->kind != FACT_RAW)
        json_out_key_cstr(json, "event_id", id);
    json_out_key_int(json, "partition", fact->partition);
    json_out_key(json, STR("event_time"));
    json_out_time(json, fact->event_us);
    json_out_key(json, STR("effective_time"));
    json_out_time(json, fact->effective_us);
    if (fact->kind == FACT_RAW)
        return;
    json_out_key_cstr(json, "patient_id", world->patients[fact->patient].id);
    json_out_key_cstr(json, "user_id", world->users[fact->user].id);
    if (fact->kind == FACT_RESULT) {
        char value[32];
        world_value_text(fact, value);
        json_out_key_cstr(json, "code", analytes[fact->analyte].loinc);
        json_out_key_cstr(json, "value", value);
        json_out_key_cstr(json, "status", fact->status);
        snprintf(id, sizeof(id), "R%07u", fact->result);
        json_out_key_cstr(json, "lab_result_id", id);
    }
}

static bool
is_known(const struct world *world, const struct plant *plant)
{
    if (plant->fact == UINT32_MAX)
        return true;
    const struct fact *fact = &world->facts[plant->fact];
    return fact->is_live || fact->is_history;
}

enum status
world_write_truth(struct world *world, struct io *io, const char *directory, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    struct json_out    json;
    char               path[WORLD_PATH_SIZE], date[DATE_TEXT_SIZE];
    date_print(world->options.start_date, date);
    json_out_init(&json, &out, 0);
    json_out_object_begin(&json);
    json_out_key_uint(&json, "seed", world->options.seed);
    json_out_key_int(&json, "patients", world->options.patient_count);
    json_out_key_int(&json, "days", world->options.day_count);
    json_out_key_cstr(&json, "start", date);
    json_out_key_cstr(&json, "zone", "America/New_York");
    json_out_key_array(&json, "planted");
    for (size_t i = 0; i < world->plant_count; i++) {
        const struct plant *plant = &world->plants[i];
        if (!is_known(world, plant))
            continue; /* It happened after the last midnight. */
        json_out_object_begin(&json);
        json_out_key_cstr(&json, "kind", plant->kind);
        json_out_key_cstr(&json, "expect", plant->expect);
        if (plant->reason != NULL)
            json_out_key_cstr(&json, "reason", plant->reason);
        if (plant->alert != NULL)
            json_out_key_cstr(&json, "alert", plant->alert);
        if (plant->file != NULL) {
            json_out_key_cstr(&json, "file", plant->file);
            json_out_key_uint(&json, "line", plant->line);
        }
        if (plant->fact != UINT32_MAX)
            truth_fact(world, &world->facts[plant->fact], &json);
        else if (plant->file == NULL)
            json_out_key_cstr(&json, "patient_id", world->patients[plant->other].id);
        if (plant->fact != UINT32_MAX && plant->other != UINT32_MAX) {
            json_out_key_object(&json, "other");
            truth_fact(world, &world->facts[plant->other], &json);
            json_out_object_end(&json);
        }
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_object_end(&json);
    str_builder_append_char(&out, '\n');
    snprintf(path, sizeof(path), "%s/truth.json", directory);
    enum status status = world_save(io, path, &out, err);
    str_builder_release(&out);
    return status;
}

void
world_plant_in_file(struct world *world, const char *kind, const char *file, uint32_t line, const char *reason)
{
    uint32_t index = world_plant(world, kind, UINT32_MAX, "history");
    if (world->is_out_of_memory)
        return;
    world->plants[index].file = file;
    world->plants[index].line = line;
    world->plants[index].reason = reason;
}
