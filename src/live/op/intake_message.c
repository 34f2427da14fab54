/* What a message of a log says beside its value: key, headers, and when it was written. */
#include "base/check.h"
#include "base/hash.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "live/op/intake_int.h"

/* Positions ascend, and numbers may be left out: the place is at most as far as the number. */
const struct message *
intake_message(const struct intake *intake, int64_t position)
{
    const struct record_batch *batch = intake->call.batch;
    uint32_t                   begin = 0, end = batch->record_count;

    while (end - begin > 1) {
        const uint32_t middle = begin + (end - begin) / 2;
        if (batch->messages[middle].position <= position)
            begin = middle;
        else
            end = middle;
    }
    CHECK(begin < batch->record_count && batch->messages[begin].position == position);
    return &batch->messages[begin];
}

/* Bytes that are no text are told as what they are. */
static void
append_hex(struct str_builder *out, struct str bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        str_builder_printf(out, "%02x", (unsigned char)bytes.data[i]);
}

static struct str
kept(struct str bytes)
{
    return bytes.size > MESSAGE_KEPT_TEXT_SIZE_MAX ? str_of(bytes.data, MESSAGE_KEPT_TEXT_SIZE_MAX) : bytes;
}

static bool
is_text(struct str bytes)
{
    return utf8_is_valid(bytes) && str_find_byte(bytes, '\0') == STR_NOT_FOUND;
}

static void
print_value(struct str_builder *out, struct json_out *json, struct str value)
{
    if (value.data == NULL) {
        json_out_null(json);
    } else if (is_text(value)) {
        json_out_text(json, value);
    } else {
        json_out_object_begin(json);
        json_out_key(json, STR("hex"));
        struct str_builder hex = STR_BUILDER_EMPTY;
        append_hex(&hex, value);
        json_out_text(json, str_builder_text(&hex));
        out->has_failed |= !str_builder_is_ok(&hex);
        str_builder_release(&hex);
        json_out_object_end(json);
    }
}

/* {"timestamp":…,"headers":[["name","value"],…]}; headers beyond the limit are left out, and that is said. */
static void
print_headers(struct str_builder *out, const struct record_batch *batch, const struct message *message)
{
    struct json_out json;
    struct str      name, value;
    const size_t    begin = out->size;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    if (message->time_us != INT64_MIN) {
        json_out_key(&json, STR("timestamp"));
        json_out_time(&json, message->time_us);
    }
    json_out_key_array(&json, "headers");
    size_t i = 0;
    for (; out->size - begin < MESSAGE_KEPT_HEADERS_SIZE_MAX && batch->header(message, i, &name, &value); i++) {
        json_out_array_begin(&json);
        print_value(out, &json, kept(name));
        print_value(out, &json, kept(value));
        json_out_array_end(&json);
    }
    json_out_array_end(&json);
    if (batch->header(message, i, &name, &value))
        json_out_key_bool(&json, "cut", true);
    json_out_object_end(&json);
}

enum status
intake_message_letter(struct intake *intake, int64_t position, struct store_dead_letter *letter, struct error *err)
{
    const struct record_batch *batch = intake->call.batch;
    struct str_builder        *text  = &intake->beside;

    if (batch->messages == NULL)
        return ST_OK;
    const struct message *message = intake_message(intake, position);
    const struct str      key     = kept(message->key);
    str_builder_clear(text);
    if (key.data != NULL && is_text(key))
        str_builder_append(text, key);
    else if (key.data != NULL)
        append_hex(text, key);
    const size_t key_size = text->size;
    print_headers(text, batch, message);
    if (str_builder_status(text, err) != ST_OK)
        return ST_ERROR;
    letter->event_key = str_slice(str_builder_text(text), 0, key_size);
    letter->headers   = str_slice(str_builder_text(text), key_size, text->size);
    return ST_OK;
}
