/* What an epoch decided, as the JSON of its header (P3). A replay, and the next start, use the same decisions. */
#include "base/json_out.h"
#include "config/json.h"
#include "live/runtime/runtime_int.h"

/* Partitions whose watermark is still the one that idleness raised it to. */
static void
write_raised(const struct runtime *runtime, uint64_t epoch, struct json_out *json)
{
    const uint32_t count = atomic_load(&runtime->partition_count);
    json_out_key_object(json, "idle_raised");
    for (uint32_t i = 0; i < count; i++) {
        const struct partition_report *report = &runtime->partitions[i]->reports[epoch % EPOCHS_UNDER_WAY];
        if (report->raised_us != INT64_MIN)
            json_out_key_int(json, runtime->partitions[i]->id, report->raised_us);
    }
    json_out_object_end(json);
}

enum status
decisions_write(struct runtime *runtime, uint64_t epoch, const struct epoch_decision *decision, struct str *ret_text,
                struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct json_out    json;
    uint32_t           count = atomic_load(&runtime->partition_count);
    json_out_init(&json, &text, 0);
    json_out_object_begin(&json);
    json_out_key_int(&json, "watermark", decision->watermark_us);
    json_out_key_int(&json, "min_watermark", decision->min_watermark_us);
    json_out_key_uint(&json, "master_version", runtime->has_master ? runtime->master.version : 0);
    json_out_key_uint(&json, "shards", runtime->worker_count);
    json_out_key_text(&json, "plan_digest", runtime->graph->digest);
    json_out_key_bool(&json, "drain", decision->is_drain);
    json_out_key_object(&json, "history_from");
    for (size_t i = 0; i < runtime->graph->streaming.rule_count; i++)
        if (runtime->history_from_us[i] != INT64_MIN)
            json_out_key_int(&json, runtime->graph->streaming.rules[i].step.name.data, runtime->history_from_us[i]);
    json_out_object_end(&json);
    json_out_key_array(&json, "idle");
    for (uint32_t i = 0; i < count; i++)
        if (runtime->partitions[i]->reports[epoch % EPOCHS_UNDER_WAY].is_idle && !is_letters(runtime, runtime->partitions[i]))
            json_out_text(&json, str_from(runtime->partitions[i]->id));
    json_out_array_end(&json);
    write_raised(runtime, epoch, &json);
    carry_write(&runtime->steps[0], &json);
    json_out_object_end(&json);
    enum status status = str_builder_status(&text, err);
    if (status == ST_OK && !arena_text(&runtime->commit_arena, str_builder_text(&text), ret_text))
        status = error_no_memory(err);
    str_builder_release(&text);
    return status;
}

static bool
read_int(const struct json *root, const char *key, int64_t *ret_value)
{
    const struct json *value = json_find(root, key);
    return value != NULL && value->type == JSON_NUMBER && str_to_int64(value->text, ret_value);
}

enum status
decisions_read(struct str text, struct arena *arena, struct decisions *ret_decisions, struct error *err)
{
    struct decisions   decisions = { .watermark_us = INT64_MIN, .min_watermark_us = INT64_MIN };
    const struct json *root      = NULL, *digest;
    int64_t            version = 0, shard_count = 0;
    if (text.size == 0) {
        *ret_decisions = decisions;
        return ST_OK;
    }
    if (json_parse(text, "epoch_header.decisions", arena, &root, err) != ST_OK)
        return ST_ERROR;
    digest = json_find(root, "plan_digest");
    if (!read_int(root, "watermark", &decisions.watermark_us) || !read_int(root, "min_watermark", &decisions.min_watermark_us)
        || !read_int(root, "master_version", &version) || !read_int(root, "shards", &shard_count) || digest == NULL)
        return error_set(err, ERR_CORRUPT, "the decisions of the store's last epoch are not of this program");
    decisions.history_from   = json_find(root, "history_from");
    decisions.raised         = json_find(root, "idle_raised");
    decisions.states         = json_find(root, "states");
    decisions.master_version = (uint64_t)version;
    decisions.shard_count    = (uint32_t)shard_count;
    decisions.plan_digest    = digest->text;
    *ret_decisions           = decisions;
    return ST_OK;
}

int64_t
decisions_raised(const struct decisions *decisions, const char *partition_id)
{
    int64_t raised_us = INT64_MIN;
    if (decisions != NULL && decisions->raised != NULL)
        read_int(decisions->raised, partition_id, &raised_us);
    return raised_us;
}

void
decisions_history(const struct decisions *decisions, const struct graph *graph, int64_t *ret_from_us)
{
    for (size_t i = 0; i < graph->streaming.rule_count; i++) {
        const struct str        name = graph->streaming.rules[i].step.name;
        const struct rule_pack *rule = model_rule(graph->model, name);
        const struct json      *from = decisions->history_from;
        ret_from_us[i]               = INT64_MIN;
        if (from != NULL && from->type == JSON_OBJECT)
            read_int(from, name.data, &ret_from_us[i]);
        else if (from != NULL && from->type == JSON_NUMBER && rule != NULL && rule->explained_by_count > 0)
            str_to_int64(from->text, &ret_from_us[i]); /* Once it was one number, and only explanations came from the warehouse. */
    }
}
