#include "base/counters.h"

int64_t
counter_read(const struct counter_info *info, const void *counters)
{
    const char *bytes = counters;
    return counter_get((const struct counter *)(const void *)(bytes + info->offset));
}

void
counters_print(const struct counter_info *infos, size_t count, const void *counters, struct str_builder *out)
{
    for (size_t i = 0; i < count; i++)
        str_builder_printf(out, "%s %lld\n", infos[i].name, (long long)counter_read(&infos[i], counters));
}

void
counters_print_json(const struct counter_info *infos, size_t count, const void *counters, struct json_out *json)
{
    json_out_object_begin(json);
    for (size_t i = 0; i < count; i++)
        json_out_key_int(json, infos[i].name, counter_read(&infos[i], counters));
    json_out_object_end(json);
}
