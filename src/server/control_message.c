/* The control socket's messages as JSON. */
#include <string.h>

#include "base/json_out.h"
#include "config/json.h"
#include "server/control_int.h"

static const char *const QUESTIONS[] = { [WAREHOUSE_QUERY] = "query", [WAREHOUSE_RUNS] = "runs", [WAREHOUSE_RUN] = "run",
                                         [WAREHOUSE_DIFF] = "diff" };
static const char *const FORMATS[]   = { [ROWS_TABLE] = "table", [ROWS_JSON] = "json", [ROWS_CSV] = "csv" };
#define COUNT(names) (sizeof(names) / sizeof(names)[0])

enum status
control_socket_path(const char *path, struct str_builder *out, struct error *err)
{
    str_builder_printf(out, "%s.socket", path);
    return str_builder_status(out, err);
}

enum status
control_hear_question(struct socket *socket, struct str *ret_bytes, struct error *err)
{
    struct str_builder hello = STR_BUILDER_EMPTY;
    uint8_t            kind;
    enum status        status;

    str_builder_printf(&hello, "{\"heddle\":\"%s\",\"protocol\":%d}", HEDDLE_VERSION, CONTROL_PROTOCOL);
    status = str_builder_status(&hello, err);
    if (status == ST_OK)
        status = socket_send(socket, CONTROL_HELLO, str_builder_text(&hello), CONTROL_GREETING_MS, err);
    str_builder_release(&hello);
    if (status == ST_OK)
        status = socket_receive(socket, CONTROL_GREETING_MS, &kind, ret_bytes, err);
    if (status == ST_OK && kind != CONTROL_QUESTION)
        status = error_set(err, ERR_CORRUPT, "no question came over the control socket");
    return status;
}

enum status
control_connect(struct io *io, const char *path, struct socket *ret_socket, bool *ret_is_there, struct error *err)
{
    struct str_builder socket_path = STR_BUILDER_EMPTY;
    struct error       found       = ERROR_EMPTY;
    enum status        status      = control_socket_path(path, &socket_path, err);

    if (status == ST_OK && socket_connect(ret_socket, io, str_builder_cstr(&socket_path), &found) == ST_OK) {
        *ret_is_there = true;
    } else if (status == ST_OK && (found.code == ERR_NOT_FOUND || found.code == ERR_UNAVAILABLE)) {
        *ret_is_there = false;
    } else if (status == ST_OK) {
        status = ST_ERROR;
        if (err != NULL)
            *err = found;
    }
    str_builder_release(&socket_path);
    return status;
}

enum status
control_put_question(struct socket *socket, struct str question, const char *owned, struct error *err)
{
    uint8_t     kind;
    struct str  bytes;
    enum status status = socket_receive(socket, CONTROL_GREETING_MS, &kind, &bytes, err);

    if (status != ST_OK && err != NULL && err->code == ERR_BUSY)
        error_hint(err, "the owner of the %s answers one question after the other: try again", owned);
    if (status == ST_OK && kind != CONTROL_HELLO)
        status = error_set(err, ERR_BUSY, "the process that owns the %s is ending; try again", owned);
    return status == ST_OK ? socket_send(socket, CONTROL_QUESTION, question, CONTROL_GREETING_MS, err) : status;
}

void
control_print_question(const struct warehouse_ask *ask, struct str_builder *out)
{
    struct json_out json;

    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_cstr(&json, "question", QUESTIONS[ask->question]);
    json_out_key_text(&json, "text", ask->text);
    json_out_key_text(&json, "as_of", ask->as_of);
    json_out_key_text(&json, "second", ask->second);
    json_out_key_text(&json, "entity", ask->entity);
    json_out_key_uint(&json, "shows_values", ask->shows_values);
    json_out_key_cstr(&json, "format", FORMATS[ask->rows.format]);
    json_out_key_uint(&json, "width", ask->rows.width_max);
    json_out_object_end(&json);
}

/* Empty where the member is missing or no text. */
static struct str
member_text(const struct json *root, const char *key)
{
    const struct json *member = json_find(root, key);

    return member != NULL && member->type == JSON_TEXT ? member->text : STR_EMPTY;
}

static bool
member_number(const struct json *root, const char *key, uint64_t max, uint64_t *ret_value)
{
    const struct json *member = json_find(root, key);
    uint64_t           value;

    if (member == NULL || member->type != JSON_NUMBER || !str_to_uint64(member->text, &value) || value > max)
        return false;
    *ret_value = value;
    return true;
}

static bool
find_name(struct str name, const char *const *names, size_t count, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, str_from(names[i]))) {
            *ret_index = i;
            return true;
        }
    return false;
}

enum status
control_parse_question(struct str bytes, struct arena *arena, struct warehouse_ask *ret_ask, struct error *err)
{
    const struct json *root;
    uint64_t           width, shows_values;
    size_t             question, format;

    if (json_parse(bytes, "question", arena, &root, err) != ST_OK)
        return ST_ERROR;
    if (!find_name(member_text(root, "question"), QUESTIONS, COUNT(QUESTIONS), &question) ||
        !find_name(member_text(root, "format"), FORMATS, COUNT(FORMATS), &format) ||
        !member_number(root, "width", UINT32_MAX, &width) || !member_number(root, "shows_values", 1, &shows_values))
        return error_set(err, ERR_CORRUPT, "what came over the control socket is not a question that this heddle knows");
    ret_ask->question       = (enum warehouse_question)question;
    ret_ask->text           = member_text(root, "text");
    ret_ask->as_of          = member_text(root, "as_of");
    ret_ask->second         = member_text(root, "second");
    ret_ask->entity         = member_text(root, "entity");
    ret_ask->shows_values   = shows_values != 0;
    ret_ask->rows.format    = (enum rows_format)format;
    ret_ask->rows.width_max = (uint32_t)width;
    return ST_OK;
}

enum status
control_parse_error(struct str bytes, struct error *err)
{
    struct arena       arena;
    const struct json *root = NULL;
    enum error_code    code = ERR_NONE;
    struct error       fault = ERROR_EMPTY;

    arena_init(&arena, 0);
    if (json_parse(bytes, "answer", &arena, &root, &fault) == ST_OK)
        for (int i = 1; i < ERR_CODE_COUNT; i++)
            if (str_equal(member_text(root, "code"), str_from(error_code_name((enum error_code)i))))
                code = (enum error_code)i;
    if (code == ERR_NONE) {
        error_set(err, ERR_CORRUPT, "what came over the control socket is not an answer");
    } else {
        struct str hint = member_text(root, "hint");
        error_set(err, code, "%.*s", STR_PRINTF(member_text(root, "message")));
        if (hint.size != 0)
            error_hint(err, "%.*s", STR_PRINTF(hint));
    }
    arena_release(&arena);
    return ST_ERROR;
}
