/* Sinks beyond the network (D5–D8). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "source/kafka/kafka.h"
#include "store/outbox_int.h"

/* ---- A receiver ---- */

static enum status
read_optional(struct io *io, const struct graph_secret *secret, enum secret_kind kind, struct secret *ret_secret, struct error *err)
{
    return secret->kind == GRAPH_SECRET_NONE ? ST_OK : secret_read(io, secret->text, kind, ret_secret, err);
}

static enum status
make_header(struct io *io, const struct graph_header *header, struct secret *line, struct error *err)
{
    struct str_builder text  = STR_BUILDER_EMPTY;
    struct secret      value = SECRET_EMPTY;
    enum status        status = read_optional(io, &header->secret, SECRET_LINE, &value, err);

    if (status == ST_OK) {
        const struct str given = header->secret.kind == GRAPH_SECRET_NONE ? header->text : secret_text(&value);
        /* At once in its full size, so that no part of a secret is left where it was moved from. */
        if (str_builder_reserve(&text, header->name.size + given.size + 3)) {
            str_builder_append(&text, header->name);
            /* "Name;" is how libcurl is told of a header without a value; "Name:" would take it out. */
            str_builder_append_cstr(&text, given.size > 0 ? ": " : ";");
            str_builder_append(&text, given);
        }
        status     = str_builder_status(&text, err);
        line->text = status == ST_OK ? str_builder_take(&text, &line->size) : NULL;
    }
    secret_release(&value);
    str_builder_release(&text);
    return status;
}

static enum status
make_headers(struct outbox_receiver *receiver, struct io *io, struct error *err)
{
    const struct graph_receiver *bound = &receiver->route->receiver;

    receiver->headers = memory_alloc_array_zero(bound->header_count + 1, sizeof *receiver->headers);
    if (receiver->headers == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < bound->header_count; i++)
        if (make_header(io, &bound->headers[i], &receiver->headers[receiver->header_count++], err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static enum status
make_url(struct outbox_receiver *receiver, struct error *err)
{
    struct str_builder text = STR_BUILDER_EMPTY;
    struct str         url  = receiver->route->receiver.url;
    size_t             size;

    if (receiver->route->type == GRAPH_ROUTE_ALERTMANAGER) {
        while (str_ends_with(url, STR("/")))
            url = str_slice(url, 0, url.size - 1);
        str_builder_printf(&text, "%.*s/api/v2/alerts", STR_PRINTF(url));
    } else {
        str_builder_append(&text, url);
    }
    if (str_builder_status(&text, err) == ST_OK)
        receiver->url = str_builder_take(&text, &size);
    str_builder_release(&text);
    return receiver->url != NULL ? url_parse(receiver->route->receiver.url, &receiver->endpoint.parts, err) : ST_ERROR;
}

static enum status
make_memory(struct outbox_receiver *receiver, struct error *err)
{
    const struct graph_receiver *bound = &receiver->route->receiver;

    receiver->refused = memory_alloc_array(OUTBOX_REFUSED_COUNT_MAX, sizeof *receiver->refused);
    if (bound->rate_count > 0)
        receiver->sent_at_us = memory_alloc_array((size_t)bound->rate_count, sizeof *receiver->sent_at_us);
    receiver->to = memory_alloc_array(bound->to.count + 1, sizeof *receiver->to);
    for (size_t i = 0; receiver->to != NULL && i < bound->to.count; i++)
        receiver->to[i] = bound->to.items[i].data;
    if (receiver->refused == NULL || receiver->to == NULL || (bound->rate_count > 0 && receiver->sent_at_us == NULL))
        return error_no_memory(err);
    for (size_t i = 0; i < OUTBOX_REQUEST_COUNT_MAX; i++) {
        struct outbox_request *request = &receiver->requests[i];
        request->receiver              = receiver;
        request->transfer.endpoint     = &receiver->endpoint;
        request->transfer.context      = request;
        arena_init(&request->arena, 0);
        str_builder_init(&request->text);
    }
    return ST_OK;
}

static void
take_back(void *context, struct transfer *transfer)
{
    sender_put_ended(((struct outbox *)context)->sender, transfer);
}

static enum status
open_producer(struct outbox_receiver *receiver, struct outbox *outbox, struct io *io, struct error *err)
{
    const struct graph_receiver        *bound   = &receiver->route->receiver;
    const struct kafka_producer_options options = { .io         = io,
                                                    .connection = &bound->kafka,
                                                    .topic      = bound->topic.data,
                                                    .name       = receiver->route->name.data,
                                                    .timeout_us = bound->timeout_us,
                                                    .ended      = take_back,
                                                    .context    = outbox };

    snprintf(receiver->endpoint.parts.host, sizeof receiver->endpoint.parts.host, "%.*s", STR_PRINTF(bound->kafka.brokers));
    return kafka_producer_open(&options, &receiver->producer, err);
}

enum status
outbox_receiver_init(struct outbox_receiver *receiver, struct outbox *outbox, struct io *io, const struct graph_route *route, struct error *err)
{
    const struct graph_receiver *bound = &route->receiver;

    receiver->route               = route;
    receiver->endpoint.timeout_us = bound->timeout_us;
    if (make_memory(receiver, err) != ST_OK)
        return ST_ERROR;
    if (route->type == GRAPH_ROUTE_KAFKA)
        return open_producer(receiver, outbox, io, err);
    if (make_url(receiver, err) != ST_OK || make_headers(receiver, io, err) != ST_OK
        || read_optional(io, &bound->sign, SECRET_LINE, &receiver->sign, err) != ST_OK
        || read_optional(io, &bound->ca, SECRET_CERTIFICATE, &receiver->ca, err) != ST_OK
        || read_optional(io, &bound->certificate, SECRET_CERTIFICATE, &receiver->certificate, err) != ST_OK
        || read_optional(io, &bound->key, SECRET_KEY, &receiver->key, err) != ST_OK
        || read_optional(io, &bound->user, SECRET_LINE, &receiver->user, err) != ST_OK
        || read_optional(io, &bound->password, SECRET_LINE, &receiver->password, err) != ST_OK)
        return ST_ERROR;
    receiver->endpoint.from        = bound->from.data;
    receiver->endpoint.to          = receiver->to;
    receiver->endpoint.to_count    = bound->to.count;
    receiver->endpoint.user        = receiver->user.text;
    receiver->endpoint.password    = receiver->password.text;
    receiver->endpoint.url         = receiver->url;
    receiver->endpoint.ca          = secret_text(&receiver->ca);
    receiver->endpoint.certificate = secret_text(&receiver->certificate);
    receiver->endpoint.key         = secret_text(&receiver->key);
    return ST_OK;
}

void
outbox_receiver_stop(struct outbox_receiver *receiver)
{
    kafka_producer_free(receiver->producer);
    receiver->producer = NULL;
}

void
outbox_receiver_release(struct outbox_receiver *receiver)
{
    for (size_t i = 0; i < OUTBOX_REQUEST_COUNT_MAX && receiver->requests[i].receiver != NULL; i++) {
        arena_release(&receiver->requests[i].arena);
        str_builder_release(&receiver->requests[i].text);
    }
    for (size_t i = 0; i < receiver->header_count; i++)
        secret_release(&receiver->headers[i]);
    secret_release(&receiver->sign);
    secret_release(&receiver->ca);
    secret_release(&receiver->certificate);
    secret_release(&receiver->key);
    secret_release(&receiver->user);
    secret_release(&receiver->password);
    memory_free(receiver->to);
    memory_free(receiver->headers);
    memory_free(receiver->url);
    memory_free(receiver->sent_at_us);
    memory_free(receiver->refused);
}

/* As a source is looked at: brokers answer, know us, and have the topic. */
static enum status
probe_topic(struct io *io, const struct graph_route *route, struct error *err)
{
    struct graph_input         input   = { .type = GRAPH_INPUT_KAFKA, .kafka = route->receiver.kafka };
    const struct graph_source  source  = { .name = route->name, .inputs = &input, .input_count = 1 };
    const struct kafka_options options = { .io = io, .binding = &source, .is_for_writing = true };
    size_t                     topic_count = 0, partition_count = 0;

    input.kafka.topics = (struct graph_names){ &route->receiver.topic, 1 };
    input.kafka.group  = STR("heddle");
    return kafka_probe(&options, &topic_count, &partition_count, err);
}

enum status
outbox_probe(struct io *io, const struct graph_route *route, struct error *err)
{
    if (route->type == GRAPH_ROUTE_KAFKA)
        return probe_topic(io, route, err);
    struct outbox_receiver *receiver = memory_alloc_zero(sizeof *receiver);
    enum status             status   = receiver == NULL ? error_no_memory(err) : outbox_receiver_init(receiver, NULL, io, route, err);

    if (status == ST_OK)
        status = transfer_probe(&receiver->endpoint, err);
    if (receiver != NULL)
        outbox_receiver_release(receiver);
    memory_free(receiver);
    return status;
}

/* ---- What has become of a request ---- */

static uint64_t
salt_of(const struct outbox *outbox, const struct graph_route *route, struct str alert_id)
{
    return hash64_combine(hash64_combine(str_hash64(outbox->pipeline), str_hash64(route->name)), str_hash64(alert_id));
}

static uint64_t
hash_of_item(struct str alert_id, int64_t revision)
{
    return hash64_combine(str_hash64(alert_id), (uint64_t)revision);
}

static void
tell_failure(struct outbox *outbox, const struct graph_route *route, const char *host, const struct transfer *transfer)
{
    struct error *err = &outbox->last_error;

    error_set(err, ERR_UNAVAILABLE, "%.*s (%s) has not taken an alert: %s", STR_PRINTF(route->name), host, transfer->reason);
    error_at(err, route->origin.file.data, route->origin.line, route->origin.column);
    if (transfer->is_lasting || transfer->outcome == TRANSFER_REFUSED)
        error_hint(err, "look at the route's url and secrets, and at what the receiver has logged; alerts wait until it takes them");
    else
        error_hint(err, "alerts wait, and are tried again until \"give_up\"");
}

/* Requests that were under way together fail together: that is one failure. */
static void
hold(struct outbox *outbox, struct outbox_receiver *receiver, const struct outbox_request *request, int64_t now_us, bool *ret_is_new)
{
    const struct graph_route *route = receiver->route;
    int64_t                   wait_us;

    *ret_is_new = request->failures_seen == receiver->failures;
    if (!*ret_is_new)
        return;
    wait_us = request->transfer.is_lasting ? route->retry_max_us
                                           : outbox_wait_spread(route, receiver->failures, salt_of(outbox, route, STR_EMPTY));
    if (wait_us < request->transfer.retry_after_us)
        wait_us = request->transfer.retry_after_us;
    receiver->failures++;
    receiver->held_at_us      = now_us;
    receiver->hold_us         = wait_us;
    receiver->has_failed_last = true;
}

static struct store_outbox_mark
failed_mark(struct outbox *outbox, const struct outbox_request *request, const struct outbox_item *item, int64_t wait_us, int64_t now_us)
{
    const struct graph_route *route   = request->receiver->route;
    /* Not at the first failure: after a long pause of ours nobody has tried. */
    const bool is_over = (item->attempts > 0 || request->receiver->failures > 1) && now_us - item->since_us >= route->give_up_us;

    outbox->summary.given_up_count += is_over;
    outbox->summary.failed_count++;
    return (struct store_outbox_mark){ .alert_id           = item->alert_id,
                                       .revision           = item->revision,
                                       .sink               = route->name,
                                       .status             = is_over ? STORE_OUTBOX_GIVEN_UP : STORE_OUTBOX_WAITING,
                                       .next_attempt_at_us = is_over ? STORE_TIME_NONE : now_us + wait_us,
                                       .delivered_at_us    = STORE_TIME_NONE,
                                       .last_error         = str_from(request->transfer.reason) };
}

static void
remember_refused(struct outbox *outbox, struct outbox_receiver *receiver, const struct outbox_item *item)
{
    if (!outbox->is_last)
        return;
    if (receiver->refused_count == OUTBOX_REFUSED_COUNT_MAX)
        receiver->has_failed_last = true;
    else
        receiver->refused[receiver->refused_count++] = hash_of_item(item->alert_id, item->revision);
}

/* Writes a mark for each item. *ret_is_sick: the receiver has failed once more. */
static void
settle(struct outbox *outbox, struct outbox_request *request, int64_t now_us, struct store_outbox_mark *marks, bool *ret_is_sick)
{
    struct outbox_receiver   *receiver = request->receiver;
    const struct graph_route *route    = receiver->route;
    const struct transfer    *transfer = &request->transfer;

    *ret_is_sick = false;
    if (transfer->outcome == TRANSFER_TAKEN) {
        receiver->failures = 0;
        receiver->hold_us  = 0;
        outbox->summary.delivered_count += (int64_t)request->item_count;
    } else {
        tell_failure(outbox, route, receiver->endpoint.parts.host, transfer);
    }
    if (transfer->outcome == TRANSFER_FAILED)
        hold(outbox, receiver, request, now_us, ret_is_sick);
    for (size_t i = 0; i < request->item_count; i++) {
        const struct outbox_item *item = &request->items[i];
        if (transfer->outcome == TRANSFER_TAKEN) {
            marks[i] = outbox_delivered(item->alert_id, item->revision, route->name, now_us);
        } else if (transfer->outcome == TRANSFER_REFUSED) {
            /* Of several one may be at fault: each is tried alone, now. */
            marks[i] = failed_mark(outbox, request, item, request->item_count > 1 ? 0 : route->retry_max_us, now_us);
            if (request->item_count == 1)
                remember_refused(outbox, receiver, item);
        } else {
            marks[i] = failed_mark(outbox, request, item, receiver->hold_us, now_us);
        }
    }
}

static void
let_go(struct outbox_request *request)
{
    request->is_busy = false;
    request->receiver->busy_count--;
    request->receiver->busy_item_count -= request->item_count;
}

static bool
is_under_way(const struct outbox_receiver *receiver, struct str alert_id)
{
    for (size_t i = 0; i < OUTBOX_REQUEST_COUNT_MAX; i++)
        for (size_t j = 0; receiver->requests[i].is_busy && j < receiver->requests[i].item_count; j++)
            if (str_equal(receiver->requests[i].items[j].alert_id, alert_id))
                return true;
    return false;
}

/* A receiver that has failed again and again is not asked for each alert that waits: those that are too old are given up for
 * the reason that the last one failed with. */
static enum status
give_up_old(struct outbox *outbox, struct outbox_receiver *receiver, int64_t now_us, const char *reason, struct error *err)
{
    const struct graph_route *route = receiver->route;
    struct store_outbox_row  *rows  = NULL;
    struct store_outbox_mark *marks;
    size_t                    count = 0, mark_count = 0;

    if (outbox_due(outbox, route, now_us, OUTBOX_BATCH_COUNT_MAX, true, &rows, &count, err) != ST_OK)
        return ST_ERROR;
    marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, count + 1);
    if (marks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const struct store_outbox_row *row = &rows[i];
        if (now_us - row->since_us < route->give_up_us || is_under_way(receiver, row->alert.alert_id))
            continue;
        marks[mark_count++] = (struct store_outbox_mark){ .alert_id           = row->alert.alert_id,
                                                          .revision           = row->alert.revision,
                                                          .sink               = route->name,
                                                          .status             = STORE_OUTBOX_GIVEN_UP,
                                                          .next_attempt_at_us = STORE_TIME_NONE,
                                                          .delivered_at_us    = STORE_TIME_NONE,
                                                          .last_error         = str_from(reason) };
    }
    outbox->summary.given_up_count += (int64_t)mark_count;
    return outbox_mark(outbox, marks, mark_count, err);
}

/* All that has ended by now, marked in one transaction. Where nothing has it waits for timeout_us. */
static enum status
take_ended(struct outbox *outbox, int64_t timeout_us, int64_t now_us, struct error *err)
{
    struct outbox_request    *ended[OUTBOX_BATCH_COUNT_MAX];
    bool                      is_sick[OUTBOX_BATCH_COUNT_MAX];
    struct store_outbox_mark *marks;
    struct transfer          *transfer;
    size_t                    count = 0, mark_count = 0, at = 0;
    enum status               status;

    while (count < OUTBOX_BATCH_COUNT_MAX && (transfer = sender_take(outbox->sender, count == 0 ? timeout_us : 0)) != NULL) {
        ended[count] = transfer->context;
        mark_count += ended[count++]->item_count;
    }
    if (count == 0)
        return ST_OK;
    arena_clear(&outbox->arena);
    marks = ARENA_ARRAY(&outbox->arena, struct store_outbox_mark, mark_count);
    if (marks == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; at += ended[i++]->item_count)
        settle(outbox, ended[i], now_us, &marks[at], &is_sick[i]);
    status = outbox_mark(outbox, marks, mark_count, err);
    for (size_t i = 0; i < count; i++)
        let_go(ended[i]);
    for (size_t i = 0; i < count && status == ST_OK; i++)
        if (is_sick[i] && ended[i]->receiver->failures > 1)
            status = give_up_old(outbox, ended[i]->receiver, now_us, ended[i]->transfer.reason, err);
    return status;
}

/* ---- Sending ---- */

/* At most rate_count requests in any rate_per_us: the oldest of the last rate_count must be so long ago. A clock that was set back
 * forgets them. */
static bool
may_send(struct outbox_receiver *receiver, int64_t now_us)
{
    const struct graph_receiver *bound = &receiver->route->receiver;
    const uint64_t               count = (uint64_t)bound->rate_count;

    if (receiver->sent_at_us == NULL)
        return true;
    if (receiver->sent_count > 0 && receiver->sent_at_us[(receiver->sent_count - 1) % count] > now_us)
        receiver->sent_count = 0;
    if (receiver->sent_count >= count && now_us - receiver->sent_at_us[receiver->sent_count % count] < bound->rate_per_us)
        return false;
    receiver->sent_at_us[receiver->sent_count++ % count] = now_us;
    return true;
}

static struct outbox_request *
free_request(struct outbox_receiver *receiver)
{
    for (size_t i = 0; i < OUTBOX_REQUEST_COUNT_MAX; i++)
        if (!receiver->requests[i].is_busy)
            return &receiver->requests[i];
    UNREACHABLE();
}

/* Sends the first of the rows, with as many behind it as go together. */
static enum status
send_some(struct outbox *outbox, struct outbox_receiver *receiver, const struct store_outbox_row *const *rows, size_t count, int64_t now_us,
          size_t *ret_count, struct error *err)
{
    struct outbox_request *request = free_request(receiver);

    if (outbox_request_fill(request, outbox->pipeline, rows, count, now_us, err) != ST_OK)
        return ST_ERROR;
    request->failures_seen = receiver->failures;
    request->is_busy       = true;
    receiver->busy_count++;
    receiver->busy_item_count += request->item_count;
    *ret_count = request->item_count;
    if (receiver->producer != NULL)
        kafka_producer_send(receiver->producer, &request->transfer);
    else
        sender_send(outbox->sender, &request->transfer);
    return ST_OK;
}

static bool
was_refused(const struct outbox *outbox, const struct outbox_receiver *receiver, const struct store_outbox_row *row)
{
    const uint64_t hash = hash_of_item(row->alert.alert_id, row->alert.revision);

    for (size_t i = 0; outbox->is_last && i < receiver->refused_count; i++)
        if (receiver->refused[i] == hash)
            return true;
    return false;
}

/* How many more requests it may have under way. */
static size_t
room_of(const struct outbox_receiver *receiver)
{
    const size_t room = receiver->failures > 0 ? 1 : OUTBOX_REQUEST_COUNT_MAX; /* D7 */

    return room > receiver->busy_count ? room - receiver->busy_count : 0;
}

static enum status
send_due(struct outbox *outbox, struct outbox_receiver *receiver, int64_t now_us, struct error *err)
{
    const size_t                    room = room_of(receiver), together = outbox_request_row_count_max(receiver->route);
    struct store_outbox_row        *rows = NULL;
    const struct store_outbox_row **free_rows;
    size_t                          count = 0, free_count = 0, sent = 0;

    if (room == 0)
        return ST_OK;
    if (outbox_due(outbox, receiver->route, now_us, room * together + receiver->busy_item_count + receiver->refused_count, true, &rows, &count, err)
        != ST_OK)
        return ST_ERROR;
    free_rows = ARENA_ARRAY(&outbox->arena, const struct store_outbox_row *, count + 1);
    if (free_rows == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++)
        if (!is_under_way(receiver, rows[i].alert.alert_id) && !was_refused(outbox, receiver, &rows[i]))
            free_rows[free_count++] = &rows[i];
    for (size_t i = 0; i < room && free_count > 0 && may_send(receiver, now_us); i++, free_rows += sent, free_count -= sent)
        if (send_some(outbox, receiver, free_rows, free_count, now_us, &sent, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static enum status
send_all_due(struct outbox *outbox, int64_t now_us, struct error *err)
{
    for (size_t i = 0; i < outbox->receiver_count; i++) {
        struct outbox_receiver *receiver = &outbox->receivers[i];
        /* A clock that was set back ends a hold too. */
        const bool is_held = receiver->hold_us > 0 && now_us >= receiver->held_at_us && now_us - receiver->held_at_us < receiver->hold_us;
        if (outbox->is_last ? receiver->has_failed_last : is_held)
            continue;
        if (send_due(outbox, receiver, now_us, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
outbox_network_step(struct outbox *outbox, int64_t now_us, struct error *err)
{
    enum status status = take_ended(outbox, 0, now_us, err);

    return status == ST_OK ? send_all_due(outbox, now_us, err) : status;
}

/* ---- The end ---- */

static size_t
count_busy(const struct outbox *outbox)
{
    size_t count = 0;

    for (size_t i = 0; i < outbox->receiver_count; i++)
        count += outbox->receivers[i].busy_count;
    return count;
}

/* What is still under way has no outcome; it stays in the outbox as it is, and the summary tells of it. */
static void
tell_unanswered(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->receiver_count; i++) {
        const struct outbox_receiver *receiver = &outbox->receivers[i];
        if (receiver->busy_count == 0)
            continue;
        outbox->summary.failed_count += (int64_t)receiver->busy_item_count;
        error_set(&outbox->last_error, ERR_UNAVAILABLE, "%.*s (%s) had not answered when the program ended", STR_PRINTF(receiver->route->name),
                  receiver->endpoint.parts.host);
        error_hint(&outbox->last_error, "its alerts wait for the next start");
    }
}

enum status
outbox_network_last(struct outbox *outbox, int64_t now_us, struct error *err)
{
    const int64_t begin_us = clock_monotonic_us(outbox->clock);
    int64_t       left_us  = OUTBOX_LAST_US;

    for (size_t i = 0; i < outbox->receiver_count; i++)
        outbox->receivers[i].has_failed_last = false;
    for (;;) {
        const int64_t passed_us = OUTBOX_LAST_US - left_us;
        if (left_us > 0 && send_all_due(outbox, now_us + passed_us, err) != ST_OK)
            return ST_ERROR;
        if (left_us <= 0 || count_busy(outbox) == 0)
            break;
        if (take_ended(outbox, left_us, now_us + passed_us, err) != ST_OK)
            return ST_ERROR;
        left_us = OUTBOX_LAST_US - (clock_monotonic_us(outbox->clock) - begin_us);
    }
    tell_unanswered(outbox);
    return ST_OK;
}
