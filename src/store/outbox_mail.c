/* A mail of some alerts (RFC 5322): for people, and in one thread for all revisions of an alert. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/time.h"
#include "store/outbox_int.h"

/* RFC 2045, 6.7: no line is longer than 76, its soft break included. */
#define LINE_SIZE_MAX 75

/* ---- Quoted-printable (RFC 2045): any bytes over any server ---- */

static void
put_quoted(struct str_builder *out, struct str text)
{
    size_t column = 0;

    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c          = (unsigned char)text.data[i];
        const bool          is_at_end  = i + 1 == text.size || text.data[i + 1] == '\n';
        const bool          is_literal = (c > ' ' && c < 0x7f && c != '=') || (c == ' ' && !is_at_end);
        if (c == '\n') {
            str_builder_append_cstr(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + (is_literal ? 1 : 3) > LINE_SIZE_MAX) {
            str_builder_append_cstr(out, "=\r\n");
            column = 0;
        }
        if (is_literal)
            str_builder_append_char(out, (char)c);
        else
            str_builder_printf(out, "=%02X", c);
        column += is_literal ? 1 : 3;
    }
}

/* ---- Headers ---- */

/* "Mon, 02 Mar 2026 12:00:00 +0000" */
static void
put_date(struct str_builder *out, int64_t now_us)
{
    static const char *const DAYS[]   = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    static const char *const MONTHS[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    const struct civil       civil    = time_to_civil(now_us);
    const int32_t            days     = date_from_civil(civil.year, civil.month, civil.day);

    str_builder_printf(out, "Date: %s, %02u %s %04d %02u:%02u:%02u +0000\r\n", DAYS[date_weekday(days) - 1], civil.day, MONTHS[civil.month - 1],
                       civil.year, civil.hour, civil.minute, civil.second);
}

/* All revisions of an alert refer to one mail, which never was: so mail programs show them as one thread, though several alerts may
 * share a mail. */
static void
put_references(struct str_builder *out, struct str pipeline, const struct store_outbox_row *const *rows, size_t row_count)
{
    str_builder_append_cstr(out, "References:");
    for (size_t i = 0; i < row_count; i++)
        str_builder_printf(out, "%s <%.*s@%.*s.heddle>", i == 0 ? "" : "\r\n", STR_PRINTF(rows[i]->alert.alert_id), STR_PRINTF(pipeline));
    str_builder_append_cstr(out, "\r\n");
    if (row_count == 1)
        str_builder_printf(out, "In-Reply-To: <%.*s@%.*s.heddle>\r\n", STR_PRINTF(rows[0]->alert.alert_id), STR_PRINTF(pipeline));
}

/* The same in a repeat of the same alerts, so that a mailbox may know it. */
static void
put_id(struct str_builder *out, struct str pipeline, const struct store_outbox_row *const *rows, size_t row_count)
{
    uint64_t hash = row_count;

    for (size_t i = 0; i < row_count; i++)
        hash = hash64_combine(hash64_combine(hash, str_hash64(rows[i]->alert.alert_id)), (uint64_t)rows[i]->alert.revision);
    if (row_count == 1)
        str_builder_printf(out, "Message-ID: <%.*s.%" PRId64 "@%.*s.heddle>\r\n", STR_PRINTF(rows[0]->alert.alert_id), rows[0]->alert.revision,
                           STR_PRINTF(pipeline));
    else
        str_builder_printf(out, "Message-ID: <%016" PRIx64 ".%zu@%.*s.heddle>\r\n", hash, row_count, STR_PRINTF(pipeline));
}

static void
put_subject(struct str_builder *out, struct str pipeline, const struct store_outbox_row *const *rows, size_t row_count)
{
    const struct store_alert *alert = &rows[0]->alert;

    if (row_count == 1)
        str_builder_printf(out, "Subject: [%.*s] %.*s %.*s: %.*s\r\n", STR_PRINTF(pipeline), STR_PRINTF(alert->severity), STR_PRINTF(alert->rule),
                           STR_PRINTF(alert->status));
    else
        str_builder_printf(out, "Subject: [%.*s] %zu alerts\r\n", STR_PRINTF(pipeline), row_count);
}

static void
put_addresses(struct str_builder *out, const struct graph_receiver *receiver)
{
    str_builder_printf(out, "From: <%.*s>\r\nTo:", STR_PRINTF(receiver->from));
    for (size_t i = 0; i < receiver->to.count; i++)
        str_builder_printf(out, "%s <%.*s>", i == 0 ? "" : ",\r\n", STR_PRINTF(receiver->to.items[i]));
    str_builder_append_cstr(out, "\r\n");
}

/* ---- The whole ---- */

enum status
outbox_mail(struct str_builder *out, struct str pipeline, const struct graph_route *route, const struct store_outbox_row *const *rows, size_t row_count,
            int64_t now_us, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    enum status        status;

    for (size_t i = 0; i < row_count; i++) {
        const struct store_alert *alert = &rows[i]->alert;
        str_builder_printf(&text, "%s%.*s %.*s: %.*s\n", i == 0 ? "" : "\n", STR_PRINTF(alert->severity), STR_PRINTF(alert->rule), STR_PRINTF(alert->status));
        outbox_block(&text, alert, route->name, route->phi);
    }
    put_addresses(out, &route->receiver);
    put_subject(out, pipeline, rows, row_count);
    put_date(out, now_us);
    put_id(out, pipeline, rows, row_count);
    put_references(out, pipeline, rows, row_count);
    str_builder_append_cstr(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    put_quoted(out, str_builder_text(&text));
    status = str_builder_status(&text, err);
    if (status == ST_OK)
        status = str_builder_status(out, err);
    str_builder_release(&text);
    return status;
}
