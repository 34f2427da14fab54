/* History as messages: ORU^R01 by local day and facility. STE and STW write offsets, STN writes bare local times. */
#include "source/generate/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"

static void
stamp(int64_t time_us, bool has_offset, char out[40])
{
    int32_t      offset = 0;
    struct civil local = time_to_civil(world_local_us(time_us, &offset));
    int          size = snprintf(out, 40, "%04d%02u%02u%02u%02u%02u", (int)local.year, local.month, local.day, local.hour, local.minute, local.second);
    if (local.microsecond != 0)
        size += snprintf(out + size, (size_t)(40 - size), ".%u", local.microsecond / 100000);
    if (has_offset)
        snprintf(out + size, (size_t)(40 - size), "-%02d%02d", -offset / 60, -offset % 60);
}

/* The quick sort of the C library needs no context here: everything compared stands in the fact. */
static int
by_message(const void *a, const void *b)
{
    const struct fact *x = *(const struct fact *const *)a, *y = *(const struct fact *const *)b;
    if (x->facility != y->facility)
        return x->facility < y->facility ? -1 : 1;
    if (x->event_us != y->event_us)
        return x->event_us < y->event_us ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    if (x->result != y->result)
        return x->result < y->result ? -1 : 1;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static void
header_segments(const struct world *world, const struct fact *fact, const char *now, uint32_t message, struct str_builder *out)
{
    const struct patient *patient = &world->patients[fact->patient];
    struct civil          birth = time_to_civil(date_to_time(patient->birth_date));
    str_builder_printf(out, "MSH|^~\\&|LIS|%s|EDW|HUB|%s||ORU^R01^ORU_R01|M%07u|P|2.5.1\r", world_facilities[fact->facility], now, message);
    str_builder_printf(out, "PID|1||%s^^^^MR||%s^%s^%s||%04d%02u%02u|%c|||%u %s^^%s^MA^%s\r", patient->id, patient->last, patient->first,
                       patient->middle, (int)birth.year, birth.month, birth.day, patient->is_female ? 'F' : 'M', patient->street_number,
                       patient->street, patient->city, patient->zip);
    if (fact->encounter != 0)
        str_builder_printf(out, "PV1|1|I|||||||||||||||||V%07u\r", fact->encounter);
}

/* A `^` in a unit (10^3/mm3) would part components. */
static void
append_escaped(const char *text, struct str_builder *out)
{
    for (; *text != '\0'; text++)
        if (*text == '^')
            str_builder_append_cstr(out, "\\S\\");
        else
            str_builder_append_char(out, *text);
}

static void
result_segment(const struct fact *fact, const char *collected, const char *available, unsigned set_id, struct str_builder *out)
{
    const struct analyte *kind = &analytes[fact->analyte];
    char                  value[32];
    world_value_text(fact, value);
    str_builder_printf(out, "OBX|%u|NM|%s^%s^LN||%s|", set_id, kind->loinc, kind->name, value);
    append_escaped(world_unit(fact), out);
    str_builder_printf(out, "|%lld.%lld-%lld.%lld|%s|||%s|||%s|||||%s||R%07u\r", (long long)(kind->low / 1000), (long long)(kind->low % 1000 / 100), (long long)(kind->high / 1000),
                       (long long)(kind->high % 1000 / 100), fact->flag, fact->status, collected, available, fact->result);
}

/* One message: the results of one order that became available together. Returns how many facts it took. */
static size_t
write_message(const struct world *world, const struct fact *const *facts, size_t count, uint32_t message, struct str_builder *out)
{
    const struct fact *first = facts[0];
    const struct user *user = &world->users[first->user];
    char               available[40], collected[40];
    bool               has_offset = first->facility != 2;
    size_t             taken = 0;
    stamp(first->event_us, has_offset, available);
    stamp(first->effective_us, has_offset, collected);
    header_segments(world, first, available, message, out);
    str_builder_printf(out, "ORC|RE|O%07u|A%07u\r", first->order, first->order);
    str_builder_printf(out, "OBR|1|O%07u|A%07u|%s^Panel^LN|||%s|||||||||%s^%s^%s||||||%s|||F\r", first->order, first->order,
                       analytes[first->analyte].panel == 1 ? "58410-2" : "51990-0", collected, user->id, user->last, user->first, available);
    while (taken < count && facts[taken]->order == first->order && facts[taken]->event_us == first->event_us &&
           facts[taken]->facility == first->facility) {
        result_segment(facts[taken], collected, available, (unsigned)taken + 1, out);
        taken++;
    }
    return taken;
}

/* Messages that a run must refuse, pass over or count once; at the end of the first file. */
static void
write_odd_messages(struct world *world, const char *file, struct str text, struct str_builder *out)
{
    static const struct {
        const char *kind, *reason, *message;
    } odd[] = {
        { "training_message", "wrong_processing_id", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|T0000001|T|2.5.1\rPID|1||P000001^^^^MR\rOBR|1|||2823-3^Potassium^LN\rOBX|1|NM|2823-3^Potassium^LN||9.9|mmol/L||HH|||F\r" },
        { "acknowledgement", "no_entity", "MSH|^~\\&|EDW|HUB|LIS|STE|20260302120000-0500||ACK^R01^ACK|K0000001|P|2.5.1\rMSA|AA|M0000001\r" },
        { "unread_type", "unknown_type", "MSH|^~\\&|ADT|STE|EDW|HUB|20260302120000-0500||MDM^T02^MDM_T02|D0000001|P|2.5.1\rPID|1||P000001^^^^MR\r" },
        { "message_without_patient", "missing_required", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000001|P|2.5.1\rPID|1||^^^^MR||NOBODY\rOBR|1||A9999991|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F\r" },
        { "bad_result_status", "bad_code", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000002|P|2.5.1\rPID|1||P000001^^^^MR||Smith^Mary\rOBR|1||A9999992|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||Q|||||||||R9999992\r" },
        { "cancelled_result", "status_ignored", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000003|P|2.5.1\rPID|1||P000001^^^^MR||Smith^Mary\rOBR|1||A9999993|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||\"\"|mmol/L||N|||X|||||||||R9999993\r" },
        { "result_without_value", "no_result", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000004|P|2.5.1\rPID|1||P000002^^^^MR||Smith^Mary\rOBR|1||A9999994|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN|||mmol/L||N|||F|||||||||R9999994\r" },
        { "strange_unit", "unknown_unit", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000005|P|2.5.1\rPID|1||P000003^^^^MR||Smith^Mary\rOBR|1||A9999995|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|furlong||N|||F|||||||||R9999995\r" },
        { "death_neither_true_nor_false", "bad_boolean", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000006|P|2.5.1\rPID|1||P000004^^^^MR||Smith^Mary|||||||||||||||||||||||||perhaps\rOBR|1||A9999996|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R9999996\r" },
        { "number_of_nobody", "stop_identifier", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000007|P|2.5.1\rPID|1||P000005^^^^MR~999-99-9999^^^SSA^SS||Smith^Mary\rOBR|1||A9999997|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R9999997\r" },
        { "line_end_in_a_text", "stray_line", "MSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000008|P|2.5.1\rPID|1||P000006^^^^MR||Smith^Mary\rOBR|1||A9999998|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R9999998\rNTE|1||The sample was\rhaemolysed.\r" },
        { "batch_counts_more", "batch_count", "BHS|^~\\&|LIS\rMSH|^~\\&|LIS|STE|EDW|HUB|20260302120000-0500||ORU^R01^ORU_R01|N0000009|P|2.5.1\rPID|1||P000007^^^^MR||Smith^Mary\rOBR|1||A9999999|2823-3^Potassium^LN|||20260302110000-0500\rOBX|1|NM|2823-3^Potassium^LN||4.0|mmol/L||N|||F|||||||||R9999999\rBTS|2\r" },
    };
    size_t second = str_find(str_slice(text, 1, text.size), STR("MSH|"));
    struct str first = str_slice(text, 0, second == STR_NOT_FOUND ? text.size : second + 1);
    char  *copy = memory_copy(first.data, first.size);
    if (copy == NULL) {
        world->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        str_builder_append_cstr(out, odd[i].message);
        world_plant_in_file(world, odd[i].kind, file, 0, odd[i].reason);
    }
    str_builder_append(out, str_of(copy, first.size));
    world_plant_in_file(world, "repeated_message", file, 0, "exact_repeat");
    memory_free(copy);
}

static enum status
save_both(struct io *io, const char *directory, const char *date, const char *facility, struct str_builder *out, struct error *err)
{
    char path[WORLD_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/days/%s/lab/%s.hl7", directory, date, facility);
    enum status status = world_save(io, path, out, err);
    snprintf(path, sizeof(path), "%s/in/lab/%s-%s.hl7", directory, date, facility);
    if (status == ST_OK)
        status = world_save(io, path, out, err);
    return status;
}

static enum status
write_day(struct world *world, struct io *io, const char *directory, int64_t day, const struct fact *const *facts, size_t count,
          uint32_t *message, struct error *err)
{
    struct str_builder out = STR_BUILDER_EMPTY;
    char               date[DATE_TEXT_SIZE], folder[WORLD_PATH_SIZE];
    enum status        status;
    size_t             at = 0;
    date_print(world->options.start_date + (int32_t)day, date);
    snprintf(folder, sizeof(folder), "%s/days/%s/lab", directory, date);
    status = world_make_folder(io, folder, err);
    for (uint8_t facility = 0; facility < 3 && status == ST_OK; facility++) {
        str_builder_clear(&out);
        if (facility == 0 && day == 0) { /* Before the first message; later it would belong to the one before it. */
            str_builder_append_cstr(&out, "*** printer restarted ***\r");
            world_plant_in_file(world, "junk_before_messages", "lab/STE", 1, "malformed_record");
        }
        size_t begin = out.size;
        while (at < count && facts[at]->facility == facility)
            at += write_message(world, facts + at, count - at, ++*message, &out);
        if (facility == 0 && day == 0 && out.size > begin)
            write_odd_messages(world, "lab/STE", str_of(out.data + begin, out.size - begin), &out);
        status = save_both(io, directory, date, world_facilities[facility], &out, err);
    }
    str_builder_release(&out);
    return status;
}

enum status
world_write_hl7(struct world *world, struct io *io, const char *directory, struct error *err)
{
    const struct fact **facts = memory_alloc_array(world->fact_count + 1, sizeof(const struct fact *));
    char                folder[WORLD_PATH_SIZE];
    uint32_t            message = 0;
    if (facts == NULL)
        return error_no_memory(err);
    snprintf(folder, sizeof(folder), "%s/in/lab", directory);
    enum status status = world_make_folder(io, folder, err);
    for (int64_t day = 0; day < world->options.day_count && status == ST_OK; day++) {
        int64_t begin_us = world->start_us + day * US_PER_DAY;
        size_t  count = 0;
        for (size_t i = 0; i < world->fact_count; i++) {
            const struct fact *fact = &world->facts[i];
            if (fact->kind == FACT_RESULT && fact->is_history && fact->event_us >= begin_us && fact->event_us < begin_us + US_PER_DAY)
                facts[count++] = fact;
        }
        qsort(facts, count, sizeof(const struct fact *), by_message);
        status = write_day(world, io, directory, day, facts, count, &message, err);
    }
    memory_free(facts);
    return status;
}
