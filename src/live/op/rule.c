#include "live/op/rule.h"

#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/time.h"
#include "base/utf8.h"

static enum status
join_labels(struct rule *rule, struct error *err)
{
    const struct graph_source *source = &rule->graph->streaming.source;
    for (size_t i = 0; i < source->input_count; i++) {
        for (size_t k = 0; k < source->inputs[i].labels.count; k++) {
            if (rule->labels.size > 0)
                str_builder_append_char(&rule->labels, ',');
            str_builder_append(&rule->labels, source->inputs[i].labels.items[k]);
        }
    }
    return str_builder_status(&rule->labels, err);
}

enum status
rule_init(struct rule *rule, const struct operator_kind *kind, const struct graph *graph, const struct rule_pack *pack,
          const struct siphash_key *person_key, const struct partition_names *partitions, struct error *err)
{
    rule->op.kind      = kind;
    rule->op.step_name = pack->name;
    rule->graph        = graph;
    rule->pack         = pack;
    rule->partitions   = partitions;
    rule->person_key   = *person_key;
    rule->history_from_us = INT64_MIN;
    rule->entity_index = pack->entity - graph->model->entities;
    for (size_t i = 0; i < graph->streaming.rule_count; i++)
        if (str_equal(graph->streaming.rules[i].step.name, str_from(pack->name)))
            rule->index = i;
    str_builder_init(&rule->labels);
    str_builder_init(&rule->evidence);
    str_builder_init(&rule->explanation);
    for (uint32_t i = 0; kind->state_names[i] != NULL; i++)
        state_table_init(&rule->op.states[i]);
    for (uint32_t i = 0; kind->set_names[i] != NULL; i++)
        state_set_init(&rule->op.sets[i]);
    CHECK(rule->entity_index >= 0 && rule->entity_index < graph->model->entity_count);
    return join_labels(rule, err);
}

void
rule_release(struct rule *rule)
{
    for (uint32_t i = 0; rule->op.kind != NULL && rule->op.kind->state_names[i] != NULL; i++)
        state_table_release(&rule->op.states[i]);
    for (uint32_t i = 0; rule->op.kind != NULL && rule->op.kind->set_names[i] != NULL; i++)
        state_set_release(&rule->op.sets[i]);
    str_builder_release(&rule->labels);
    str_builder_release(&rule->evidence);
    str_builder_release(&rule->explanation);
}

void
rule_take_decision(struct rule *rule, const struct epoch_decision *decision)
{
    rule->history_from_us = decision->history_from_us == NULL ? INT64_MIN : decision->history_from_us[rule->index];
}

void
rule_exchange(const struct operator *op, const struct chunk *chunk, uint64_t *ret_hashes)
{
    (void)op;
    if (chunk->row_count > 0)
        memcpy(ret_hashes, chunk->columns[EVENT_PATIENT_LOW].data, chunk->row_count * sizeof(*ret_hashes));
}

/* ---- What is kept of a row ---- */

int64_t
rule_known_us(const struct chunk *chunk, uint32_t row)
{
    int64_t event_us     = event_int64(chunk, EVENT_TIME, row);
    int64_t watermark_us = event_is_null(chunk, EVENT_WATERMARK, row) ? INT64_MIN : event_int64(chunk, EVENT_WATERMARK, row);
    return watermark_us > event_us ? watermark_us : event_us;
}

static struct str
cut(struct str text, size_t size_max)
{
    while (size_max > 0 && ((uint8_t)text.data[size_max] & 0xc0) == 0x80) /* Not inside a character. */
        size_max--;
    return str_slice(text, 0, size_max);
}

struct str
rule_text(const struct chunk *chunk, enum event_column column, uint32_t row)
{
    struct str text = event_text(chunk, column, row);
    return text.size <= RECORD_TEXT_SIZE_MAX ? text : cut(text, RECORD_TEXT_SIZE_MAX);
}

struct str
rule_identifier(const struct chunk *chunk, enum event_column column, uint32_t row, char buffer[RECORD_TEXT_SIZE_MAX + 1])
{
    struct str text = event_text(chunk, column, row);
    if (text.size <= RECORD_TEXT_SIZE_MAX)
        return text;
    struct str begin = cut(text, RECORD_TEXT_SIZE_MAX + 1 - HASH128_TEXT_SIZE);
    memcpy(buffer, begin.data, begin.size);
    hash128_print(rule_text_hash(text), buffer + begin.size);
    return str_of(buffer, begin.size + HASH128_TEXT_SIZE - 1);
}

struct str
rule_partition_id(const struct rule *rule, const struct chunk *chunk, uint32_t row)
{
    int64_t partition = event_int64(chunk, EVENT_PARTITION, row);
    if (partition == EVENT_PARTITION_HISTORY)
        return STR("history");
    CHECK(partition >= 0 && partition < rule->partitions->count);
    struct str id = rule->partitions->ids[partition];
    return id.size <= RECORD_TEXT_SIZE_MAX ? id : cut(id, RECORD_TEXT_SIZE_MAX);
}

/* Full years; below 0 before birth, which only a wrong clock or birth date gives: then it is a newborn. */
static int32_t
age_years(int32_t birth, int64_t at_us)
{
    int32_t  birth_year, at_year;
    unsigned birth_month, birth_day, at_month, at_day;
    date_to_civil(birth, &birth_year, &birth_month, &birth_day);
    date_to_civil(time_to_date(at_us), &at_year, &at_month, &at_day);
    int32_t years = at_year - birth_year - (at_month * 32 + at_day < birth_month * 32 + birth_day);
    return years < 0 ? 0 : years;
}

bool
rule_is_haemolysed(const struct chunk *chunk, uint32_t row)
{
    struct str_split split = str_split_init(event_text(chunk, EVENT_CONDITION, row), ',');
    struct str       code;
    bool             is_haemolysed = false;
    while (!is_haemolysed && !event_is_null(chunk, EVENT_CONDITION, row) && str_split_next(&split, &code))
        is_haemolysed = str_equal(code, STR("HEM"));
    return is_haemolysed;
}

bool
rule_age_years(const struct chunk *chunk, uint32_t row, int32_t *ret_years)
{
    if (event_is_null(chunk, EVENT_BIRTH_DATE, row))
        return false;
    *ret_years = age_years(((const int32_t *)chunk->columns[EVENT_BIRTH_DATE].data)[row], event_int64(chunk, EVENT_EFFECTIVE_TIME, row));
    return true;
}

/* ---- What is told ---- */

struct str
rule_print_evidence(struct rule *rule, const struct rule_evidence *events, uint32_t count)
{
    struct json_out json;
    str_builder_clear(&rule->evidence);
    json_out_init(&json, &rule->evidence, 0);
    json_out_object_begin(&json);
    json_out_key_array(&json, "events");
    for (uint32_t i = 0; i < count; i++) {
        json_out_object_begin(&json);
        json_out_key_text(&json, "source", partition_source_of_id(rule->partitions, events[i].partition_id));
        json_out_key_text(&json, "partition_id", events[i].partition_id);
        json_out_key_int(&json, "position", events[i].position);
        json_out_object_end(&json);
    }
    json_out_array_end(&json);
    json_out_key(&json, STR("history_from"));
    if (rule->history_from_us == INT64_MIN)
        json_out_null(&json);
    else
        json_out_time(&json, rule->history_from_us);
    json_out_object_end(&json);
    return str_builder_text(&rule->evidence);
}

enum status
rule_tell(const struct rule *rule, struct store_alert *alert, const struct alert_identity *identity, bool is_live,
          struct epoch_output *output, struct error *err)
{
    char id[ALERT_ID_TEXT_SIZE];
    if (str_builder_status(&rule->evidence, err) != ST_OK || str_builder_status(&rule->explanation, err) != ST_OK)
        return ST_ERROR;
    alert_id_print(&rule->person_key, identity, id);
    alert->alert_id        = str_from(id);
    alert->rule            = str_from(rule->pack->name);
    alert->rule_version    = str_from(rule->pack->version);
    alert->limits_approved = rule->pack->is_approved;
    alert->mode            = is_live ? STR("live") : STR("shadow");
    alert->labels          = str_builder_text(&rule->labels);
    alert->explanation     = str_builder_text(&rule->explanation);
    alert->event_time_us   = identity->event_us;
    return output_alert(output, alert, err);
}
