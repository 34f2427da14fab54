/* The command line: finds the verb, fills its options from its table, runs it, prints its error. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/help.h"
#include "cli/verb.h"
#include "io/process.h"

#define OPTION_STRUCT_SIZE_MAX 1024

static enum status
take_set(struct verb_call *call, struct str value, struct arena *arena, struct error *err)
{
    if (call->set_count == VERB_SET_COUNT_MAX)
        return error_set(err, ERR_USAGE, "--set is given more than %d times", VERB_SET_COUNT_MAX);
    const char *text = arena_cstr(arena, value);
    if (text == NULL)
        return error_no_memory(err);
    call->sets[call->set_count++] = text;
    return ST_OK;
}

/* One `--name value`, `--name=value`, or the name of a flag alone; *index stands on it and is left on its last word. */
static enum status
take_option(const struct verb *verb, char **words, int word_count, int *index, struct verb_call *call, void *target,
            uint64_t *given, struct arena *arena, struct error *err)
{
    struct str word = str_from(words[*index] + 2);
    size_t     equals = str_find_byte(word, '=');
    struct str name = str_slice(word, 0, equals == STR_NOT_FOUND ? word.size : equals);
    struct str value = STR_EMPTY;
    const struct option *option = verb->options != NULL ? option_find(verb->options, name) : NULL;
    if (equals != STR_NOT_FOUND)
        value = str_slice(word, equals + 1, word.size);
    else if (option != NULL && option->type == OPTION_BOOL)
        value = STR("true");
    else if (*index + 1 < word_count)
        value = str_from(words[++*index]);
    else
        return error_set(err, ERR_USAGE, "--%.*s needs a value", STR_PRINTF(name));
    if (str_equal(name, STR("format"))) {
        call->is_json = str_equal(value, STR("json"));
        return call->is_json || str_equal(value, STR("text")) ? ST_OK : error_set(err, ERR_USAGE, "--format is text or json");
    }
    if (verb->reads_pipeline && str_equal(name, STR("set")))
        return take_set(call, value, arena, err);
    if (option == NULL) {
        if (verb->options == NULL)
            return error_set(err, ERR_USAGE, "heddle %s has no option --%.*s", verb->name, STR_PRINTF(name));
        return option_unknown(verb->options, name, err);
    }
    *given |= UINT64_C(1) << option_index(verb->options, option);
    return option_set_from_text(option, target, value, arena, err);
}

static enum status
run_verb(const struct verb *verb, char **words, int word_count, struct arena *arena, bool *ret_is_json, struct error *err)
{
    _Alignas(max_align_t) unsigned char target[OPTION_STRUCT_SIZE_MAX];
    struct verb_call call = { .options = target };
    uint64_t         given = 0;
    bool             is_help = false;
    enum status      status = ST_OK;
    if (verb->options != NULL)
        option_defaults(verb->options, target);
    for (int i = 0; i < word_count && status == ST_OK; i++) {
        if (strcmp(words[i], "--help") == 0)
            is_help = true;
        else if (verb->reads_pipeline && strcmp(words[i], "-v") == 0)
            call.is_verbose = true;
        else if (strncmp(words[i], "--", 2) == 0)
            status = take_option(verb, words, word_count, &i, &call, target, &given, arena, err);
        else if (verb->arguments[0] != '\0' && call.argument_count < VERB_ARGUMENT_COUNT_MAX)
            call.arguments[call.argument_count++] = words[i];
        else
            status = error_set(err, ERR_USAGE, "heddle %s does not take \"%.60s\"", verb->name, words[i]);
    }
    if (status == ST_OK && !is_help && verb->options != NULL)
        status = option_check_required(verb->options, given, err);
    if (status != ST_OK && err->code == ERR_CONFIG)
        err->code = ERR_USAGE; /* The option tables serve files too; here a command line is at fault. */
    *ret_is_json = call.is_json;
    if (status == ST_OK && is_help)
        return help_print(verb, call.is_json, err);
    if (status == ST_OK && verb->is_stoppable)
        status = process_signals_init(err);
    return status == ST_OK ? verb->run(&call, err) : status;
}

/* The one place where an error of a command is told, but for lists of them. */
static void
print_error(const struct error *err, bool is_json)
{
    char text[ERROR_TEXT_SIZE];
    if (err->message[0] == '\0')
        return;
    if (is_json)
        error_print_json(err, text, sizeof(text));
    else
        error_print(err, text, sizeof(text));
    fprintf(stderr, is_json ? "%s\n" : "heddle: %s\n", text);
}

int
main(int argument_count, char **arguments)
{
    struct error       err     = ERROR_EMPTY;
    const struct verb *verb    = NULL;
    const char        *name    = argument_count > 1 ? arguments[1] : "help";
    bool               is_json = false;
    struct arena       arena;
    enum status        status  = process_standard_files_init(&err);
    process_make_private();
    arena_init(&arena, 0);
    if (status == ST_OK)
        status = verb_find(strcmp(name, "--help") == 0 ? "help" : name, &verb, &err);
    if (status == ST_OK)
        status = run_verb(verb, arguments + 2, argument_count > 1 ? argument_count - 2 : 0, &arena, &is_json, &err);
    arena_release(&arena);
    /* A write that failed earlier is remembered by ferror only. */
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == ST_OK)
        status = error_set(&err, ERR_IO, "cannot write the output");
    if (status == ST_OK)
        return 0;
    print_error(&err, is_json);
    return error_exit_code(&err);
}
