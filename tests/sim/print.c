/* What one world came to, for the oracle. */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "base/check.h"
#include "base/json_out.h"
#include "sim/simulation.h"
#include "sim/sqlite_vfs.h"

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

/* ---- The real store ---- */

static int
put_row(void *context, int count, char **values, char **names)
{
    struct str_builder *out = context;
    (void)names;
    str_builder_append_cstr(out, out->data[out->size - 1] == '[' ? "[" : ",[");
    for (int i = 0; i < count; i++) {
        str_builder_append_cstr(out, i == 0 ? "" : ",");
        put_bytes(out, values[i] == NULL ? "" : values[i], values[i] == NULL ? 0 : strlen(values[i]));
    }
    str_builder_append_char(out, ']');
    return 0;
}

/* What its tables say, for it must be what the epochs said; all values as texts. */
static void
put_tables(struct simulation *simulation, struct str_builder *out)
{
    static const char *const queries[][2] = {
        { "deliveries", "select alert_id, revision, status from alert_outbox" },
        { "alerts", "select alert_id, status, severity from alert" },
        { "windows", "select window_start, facility, event_type, code, unit, event_count, closed from window_5m" },
        { "letters", "select partition_id, position, reason_code from dead_letter" },
        { "late", "select partition_id, position from late_event" },
        { "sums", "select coalesce(sum(received), 0), coalesce(sum(loaded), 0), coalesce(sum(deduplicated), 0) from epoch where entity = ''" },
        { "epochs", "select count(*), max(epoch) from epoch_header" },
    };
    struct host host;
    sqlite3    *db = NULL;
    host_init(&host, &simulation->disk, &simulation->time);
    sqlite_vfs_use(&host);
    CHECK(sqlite3_open(SIM_STORE, &db) == SQLITE_OK);
    sqlite3_exec(db, "pragma key = \"x'0102030000000000000000000000000000000000000000000000000000000000'\"", NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        str_builder_printf(out, "%s\"%s\":[", i == 0 ? "" : ",", queries[i][0]);
        CHECK(sqlite3_exec(db, queries[i][1], put_row, out, NULL) == SQLITE_OK);
        str_builder_append_char(out, ']');
    }
    sqlite3_close(db);
    host_release(&host);
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
    str_builder_append_cstr(out, "],\"sink\":");
    put_bytes(out, alerts == NULL ? "" : alerts->bytes.data, alerts == NULL ? 0 : alerts->bytes.size);
    str_builder_append_cstr(out, ",\"deliveries\":[");
    for (size_t i = 0; i < simulation->server.delivery_count; i++) {
        const struct server_delivery *delivery = &simulation->server.deliveries[i];
        str_builder_printf(out, "%s[\"%.*s\",%lld,\"%s\"]", i == 0 ? "" : ",", STR_PRINTF(delivery->alert.alert_id),
                           (long long)delivery->alert.revision, names[delivery->status]);
    }
    str_builder_append_cstr(out, "],\"tables\":{");
    if (simulation->is_sqlite)
        put_tables(simulation, out);
    str_builder_append_cstr(out, "}}\n");
    CHECK(str_builder_is_ok(out));
}
