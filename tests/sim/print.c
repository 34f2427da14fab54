/* What one world came to, for the oracle. */
#include <stdio.h>

#include "base/check.h"
#include "base/json_out.h"
#include "sim/simulation.h"

/* Bytes, each as the character of its number. */
static void
put_bytes(struct str_builder *out, const char *bytes, size_t size)
{
    str_builder_append_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\' || byte < 0x20 || byte > 0x7e)
            str_builder_printf(out, "\\u%04x", byte);
        else
            str_builder_append_char(out, bytes[i]);
    }
    str_builder_append_char(out, '"');
}

static void
put_lines(struct str_builder *out, struct str text, bool *is_first)
{
    struct str_split split = str_split_init(text, '\n');
    struct str       line;
    while (str_split_next(&split, &line)) {
        if (line.size == 0)
            continue;
        if (!*is_first)
            str_builder_append_char(out, ',');
        *is_first = false;
        str_builder_append(out, line);
    }
}

/* What the epoch's header decided, and where each partition was then. */
static void
put_header(struct str_builder *out, const struct journal_epoch *epoch)
{
    str_builder_printf(out, "{\"decisions\":%s,\"cuts\":{", epoch->decisions);
    for (uint32_t i = 0; i < epoch->cut_count; i++)
        str_builder_printf(out, "%s\"%s\":%lld", i == 0 ? "" : ",", epoch->cuts[i].partition, (long long)epoch->cuts[i].position);
    str_builder_append_cstr(out, "}}");
}

void
simulation_print(struct simulation *simulation, struct str_builder *out)
{
    static const char *const names[]  = { "waiting", "delivered", "given_up" };
    const struct disk_file  *alerts   = disk_find(&simulation->disk, SIM_ALERTS);
    bool                     is_first = true;
    str_builder_printf(out, "{\"seed\":%llu,\"logs\":{", (unsigned long long)simulation->seed);
    for (uint32_t p = 0; p < simulation->events.plan.partition_count; p++) {
        str_builder_printf(out, "%s\"%s\":", p == 0 ? "" : ",", events_partition_name(p));
        put_bytes(out, simulation->events.logs[p].data, simulation->events.logs[p].size);
    }
    str_builder_append_cstr(out, "},\"headers\":[");
    for (size_t i = 0; i < simulation->journal.count; i++) {
        str_builder_append_cstr(out, i == 0 ? "" : ",");
        put_header(out, &simulation->journal.epochs[i]);
    }
    str_builder_append_cstr(out, "],\"said\":[");
    for (size_t i = 0; i < simulation->journal.count; i++)
        put_lines(out, str_builder_text(&simulation->journal.epochs[i].text), &is_first);
    str_builder_append_cstr(out, "],\"sink\":[");
    is_first = true;
    if (alerts != NULL)
        put_lines(out, str_builder_text(&alerts->bytes), &is_first);
    str_builder_append_cstr(out, "],\"deliveries\":[");
    for (size_t i = 0; i < simulation->server.delivery_count; i++) {
        const struct server_delivery *delivery = &simulation->server.deliveries[i];
        str_builder_printf(out, "%s[\"%.*s\",%lld,\"%s\"]", i == 0 ? "" : ",", STR_PRINTF(delivery->alert.alert_id),
                           (long long)delivery->alert.revision, names[delivery->status]);
    }
    str_builder_append_cstr(out, "]}\n");
    CHECK(str_builder_is_ok(out));
}
