/* HL7 v2 messages to rows.
 *
 * The segments are read in their order. For each name the latest one is in scope; a new PID ends what came behind the PID
 * before it, a new ORC what came with the order before it, an OBR that no ORC opened what came with the OBR before it. A
 * row is made where its `each` stands, from what is in scope there. A mapping without `each` makes one row at the end. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "format/hl7_int.h"

static enum status
hl7_open(struct decoder *decoder, struct error *err)
{
    const struct decode_plan *plan  = decoder->plan;
    struct hl7_state         *state = memory_alloc_zero(sizeof *state);
    if (state == NULL)
        return error_no_memory(err);

    decoder->hl7       = state;
    state->scope       = memory_alloc_array_zero(plan->hl7->name_count, sizeof state->scope[0]);
    state->row_scopes  = memory_alloc_array_zero((size_t)plan->mapping_count * HL7_ROW_NAME_COUNT_MAX, sizeof state->row_scopes[0]);
    state->row_message = memory_alloc_array_zero(plan->mapping_count, sizeof state->row_message[0]);
    state->row_numbers = memory_alloc_array_zero(plan->mapping_count, sizeof state->row_numbers[0]);
    if (state->scope == NULL || state->row_scopes == NULL || state->row_message == NULL || state->row_numbers == NULL)
        return error_no_memory(err);
    return ST_OK;
}

static void
hl7_reset(struct decoder *decoder)
{
    decoder->hl7->between = (struct hl7_between){ 0 };
}

static void
hl7_close(struct decoder *decoder)
{
    struct hl7_state *state = decoder->hl7;
    if (state == NULL)
        return;
    hl7_message_release(&state->message);
    memory_free(state->scratch.bytes);
    memory_free(state->converted);
    memory_free(state->scope);
    memory_free(state->row_scopes);
    memory_free(state->row_message);
    memory_free(state->row_numbers);
    memory_free(state);
}

/* ---- Rows ---- */

/* The rows that a mapping makes of the segment in scope: one, or one for each repetition of the field. */
static enum status
make_rows_of(struct decoder *decoder, uint32_t mapping_index, size_t segment_index, struct error *err)
{
    struct hl7_message   *message = &decoder->hl7->message;
    const struct hl7_each *each   = &decoder->plan->hl7->each[mapping_index];

    if (each->field == 0)
        return hl7_make_row(decoder, mapping_index, STR_EMPTY, err);
    struct str field = hl7_field(decoder->plan->hl7, message, segment_index, each->field);
    if (field.size == 0)
        return ST_OK;
    struct str_split split      = str_split_init(field, message->delimiters.repetition);
    struct str       repetition = STR_EMPTY;
    while (str_split_next(&split, &repetition)) {
        if (hl7_make_row(decoder, mapping_index, repetition, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

/* Rows of the active mappings whose `each` is of the name (-1: the record), in the order of the plan. */
static enum status
make_rows_at(struct decoder *decoder, int32_t name, size_t segment_index, struct error *err)
{
    const struct hl7_state *state   = decoder->hl7;
    const uint64_t         *readers = decoder->plan->hl7->readers_at + (size_t)(name + 1) * HL7_MAPPING_WORDS;

    for (uint32_t word = 0; word < HL7_MAPPING_WORDS; word++) {
        for (uint64_t bits = readers[word] & state->active[word]; bits != 0; bits &= bits - 1) {
            uint32_t mapping_index = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (make_rows_of(decoder, mapping_index, segment_index, err) != ST_OK)
                return ST_ERROR;
        }
    }
    return ST_OK;
}

/* ---- Scopes ---- */

/* Ends the scope of all segments at or behind `from`. */
static void
scope_cut(struct hl7_state *state, const struct hl7_plan *plan, int32_t from)
{
    for (uint32_t i = 0; i < plan->name_count; i++) {
        if (state->scope[i] >= from)
            state->scope[i] = -1;
    }
}

static void
scope_enter(struct hl7_state *state, const struct hl7_plan *plan, int32_t segment_index)
{
    int32_t name = state->message.segments[segment_index].name;

    if (name == plan->pid) {
        if (state->scope[name] >= 0)
            scope_cut(state, plan, state->scope[name]);
        state->order_begin = -1;
    } else if (name == plan->orc) {
        if (state->order_begin >= 0)
            scope_cut(state, plan, state->order_begin);
        state->order_begin = segment_index;
    } else if (name == plan->obr) {
        if (state->scope[name] >= 0)
            scope_cut(state, plan, state->scope[name]);
        if (state->order_begin < 0)
            state->order_begin = segment_index;
    }
    state->scope[name] = segment_index;
}

static enum status
make_rows(struct decoder *decoder, struct error *err)
{
    struct hl7_state      *state = decoder->hl7;
    const struct hl7_plan *plan  = decoder->plan->hl7;

    memset(state->scope, 0xFF, plan->name_count * sizeof state->scope[0]); /* -1 */
    state->order_begin = -1;
    for (size_t i = 0; i < state->message.segment_count; i++) {
        if (state->message.segments[i].name < 0)
            continue;
        scope_enter(state, plan, (int32_t)i);
        if (make_rows_at(decoder, state->message.segments[i].name, i, err) != ST_OK)
            return ST_ERROR;
    }
    return make_rows_at(decoder, -1, 0, err);
}

/* ---- The message ---- */

/* MSH-f of a message that is not split yet: the first repetition. */
static struct str
header_field(struct str message, const struct hl7_delimiters *delimiters, uint32_t field)
{
    size_t size = 0;
    while (size < message.size && message.data[size] != '\r' && message.data[size] != '\n')
        size++;
    return hl7_part(hl7_part(str_of(message.data, size), delimiters->field, field), delimiters->repetition, 1);
}

/* The character set of a message with bytes beyond ASCII: MSH-18, else the binding's, else UTF-8 where it is valid, else
 * Windows-1252, which is what undeclared messages usually are. */
static enum charset
message_charset(const struct decode_plan *plan, struct str message, const struct hl7_delimiters *delimiters)
{
    struct str declared = str_trim(header_field(message, delimiters, 18));

    if (declared.size > 0)
        return charset_find(declared);
    if (plan->charset != CHARSET_UNKNOWN)
        return plan->charset;
    return utf8_is_valid(message) ? CHARSET_UTF8 : CHARSET_WINDOWS_1252;
}

/* Brings the message to UTF-8. *ret_detail: why that cannot be; NULL: it is. */
static enum status
convert(struct decoder *decoder, struct str *message, const struct hl7_delimiters *delimiters, const char **ret_detail,
        struct error *err)
{
    struct hl7_state *state = decoder->hl7;

    *ret_detail         = NULL;
    state->is_converted = false;
    if (!state->has_high || utf8_is_ascii(*message))
        return ST_OK;

    enum charset charset = message_charset(decoder->plan, *message, delimiters);
    if (charset == CHARSET_UNKNOWN) {
        *ret_detail = "MSH-18 names a character set that is not read";
    } else if (charset == CHARSET_ASCII) {
        *ret_detail = "the message says ASCII and has other bytes";
    } else if (charset == CHARSET_UTF8) {
        size_t valid = utf8_valid_prefix(*message);
        if (valid < message->size)
            *ret_detail = decoder_detail(decoder, "byte %zu of the message is not UTF-8", valid);
    } else {
        void *converted = state->converted;
        if (scratch_grow(&converted, &state->converted_capacity, 3 * message->size, 1, err) != ST_OK)
            return ST_ERROR;
        state->converted    = converted;
        state->is_converted = true;
        *message            = str_of(state->converted, charset_to_utf8(charset, *message, state->converted));
    }
    return ST_OK;
}

static bool
is_processed(const struct decode_plan *plan, struct str processing_id)
{
    if (processing_id.size == 0)
        return true;
    for (size_t i = 0; i < plan->processing_id_count; i++) {
        if (str_equal(plan->processing_ids[i], processing_id))
            return true;
    }
    return false;
}

/* Type and event are shown where they look like ones: three letters or digits hold no patient. */
static bool
is_shown(struct str key)
{
    bool is_plain = key.size == 3;
    for (size_t i = 0; i < key.size; i++)
        is_plain = is_plain && ((key.data[i] >= 'A' && key.data[i] <= 'Z') || (i > 0 && ascii_is_digit(key.data[i])));
    return is_plain;
}

/* Events of ADT that change what the model keeps in a way that is not applied, so that a message of theirs must not be read as
 * a plain update (HL7 2.5 chapter 3). */
static const struct {
    const char *event;
    const char *what;
} NOT_APPLIED[] = {
    { "A19", "it is a query" },           { "A20", "it tells of a bed" },        { "A23", "it deletes a visit" },
    { "A24", "it links two patients" },   { "A29", "it deletes a person" },      { "A35", "it merges accounts" },
    { "A37", "it unlinks two patients" }, { "A39", "it merges persons by their external identifier" },
    { "A41", "it merges accounts" },      { "A42", "it merges visits" },         { "A43", "it moves identifiers to another patient" },
    { "A44", "it moves an account to another patient" },                         { "A45", "it moves a visit to another patient" },
    { "A46", "it changes an identifier" }, { "A47", "it changes identifiers" },  { "A48", "it changes an identifier" },
    { "A49", "it changes an account's number" },                                 { "A50", "it changes a visit's number" },
    { "A51", "it changes a visit's number" },
};

static const char *
not_applied(struct str type, struct str event)
{
    for (size_t i = 0; i < sizeof NOT_APPLIED / sizeof *NOT_APPLIED && str_equal(type, STR("ADT")); i++) {
        if (str_equal(event, str_from(NOT_APPLIED[i].event)))
            return NOT_APPLIED[i].what;
    }
    return NULL;
}

static const char *
unknown_type_detail(struct decoder *decoder, struct str type, struct str event)
{
    if (type.size == 0)
        return "MSH-9 is empty";
    if (!is_shown(type))
        return "no mapping reads messages of this type";
    const char *what = not_applied(type, event);
    if (what != NULL)
        return decoder_detail(decoder, "no mapping reads messages of type ADT^%.3s: %s, which is not applied", event.data, what);
    return is_shown(event) ? decoder_detail(decoder, "no mapping reads messages of type %.3s^%.3s", type.data, event.data)
                           : decoder_detail(decoder, "no mapping reads messages of type %.3s", type.data);
}

static enum status
decode_message(struct decoder *decoder, struct str record, struct str message, struct hl7_delimiters delimiters,
               struct error *err)
{
    struct hl7_state      *state = decoder->hl7;
    const struct hl7_plan *plan  = decoder->plan->hl7;

    if (hl7_message_split(plan, message, delimiters, &state->message, err) != ST_OK)
        return ST_ERROR;
    CHECK(state->message.segment_count > 0 && state->message.segments[0].name == plan->msh);
    if (state->message.stray_line_count > 0
        && decoder_note(decoder, NOTE_STRAY_LINE, -1, -1,
                        decoder_detail(decoder, "%u lines of the message are no segments",
                                       state->message.stray_line_count),
                        err)
               != ST_OK)
        return ST_ERROR;

    struct str processing_id = hl7_part(hl7_field(plan, &state->message, 0, 11), delimiters.component, 1);
    if (!is_processed(decoder->plan, processing_id))
        return decoder_outcome(decoder, DECODE_WRONG_PROCESSING_ID, record,
                               "MSH-11 is not among the binding's processing_ids", err);
    struct str type = hl7_part(hl7_part(hl7_field(plan, &state->message, 0, 9), delimiters.repetition, 1),
                               delimiters.component, 1);
    struct str event = hl7_message_event(plan, &state->message);
    if (!hl7_dispatch(plan, type, event, state->active)) {
        if (str_equal(type, STR("ACK")))
            return decoder_outcome(decoder, DECODE_NO_ENTITY, record, "an acknowledgement", err);
        return decoder_outcome(decoder, DECODE_UNKNOWN_TYPE, record, unknown_type_detail(decoder, type, event), err);
    }
    state->message_number++;
    memset(state->row_numbers, 0, decoder->plan->mapping_count * sizeof state->row_numbers[0]);

    int64_t     kept_before = state->scratch.kept_escape_count;
    enum status status      = make_rows(decoder, err);
    decoder->counts.kept_escape_count += state->scratch.kept_escape_count - kept_before;
    return status;
}

static enum status
hl7_decode(struct decoder *decoder, struct str record, int64_t position, struct error *err)
{
    struct hl7_delimiters delimiters = { 0 };
    struct str            message    = record;
    const char           *detail     = NULL;
    (void)position;

    if (!hl7_read_delimiters(record, &delimiters))
        return decoder_outcome(decoder, DECODE_MALFORMED, record,
                               "MSH-1 and MSH-2 do not give a field separator and four or five encoding characters",
                               err);
    if (convert(decoder, &message, &delimiters, &detail, err) != ST_OK)
        return ST_ERROR;
    if (detail != NULL)
        return decoder_outcome(decoder, DECODE_BAD_ENCODING, record, detail, err);
    return decode_message(decoder, record, message, delimiters, err);
}

const struct format_kind HL7V2_KIND = {
    .format = MODEL_HL7V2,
    .record_size_max = FORMAT_HL7V2_RECORD_SIZE_MAX,
    .compile = hl7_compile,
    .open = hl7_open,
    .reset = hl7_reset,
    .close = hl7_close,
    .frame = hl7_frame,
    .decode = hl7_decode,
    .skip = hl7_skip,
    .split = hl7_split,
};
