/* What went wrong, where, why, and what to do about it.
 *
 * A function that can fail returns `enum status` and fills a `struct error` that its caller owns, usually on the
 * stack. The struct has a fixed size and never allocates, so that "out of memory" can be reported like anything
 * else. Everywhere below `err` may be NULL: the caller wants only the status.
 *
 * Patient data never goes into an error (I8): name the column, the line and the offset, never the value. */
#ifndef HEDDLE_BASE_ERROR_H
#define HEDDLE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status {
    ST_OK = 0,
    ST_ERROR = 1,
};

/* What the caller should do. The runtime acts on this alone, never on the code or the message. */
enum error_class {
    ERROR_RETRY,             /* The same call may succeed later: a busy lock, a broker that is away. */
    ERROR_BAD_RECORD,        /* This record alone is at fault: quarantine it and go on. */
    ERROR_BAD_CONFIGURATION, /* A person has to change a file, a key or a command line. */
    ERROR_FATAL,             /* Stop; the last good state stays. */
};

/* What happened. Each code has one exit code of the program (docs/reference/commands.md) and a class it starts with. */
enum error_code {
    ERR_NONE = 0,
    ERR_NO,          /* 1   The answer is no: differences, a failed gate, a failed test. */
    ERR_USAGE,       /* 2   The command line is wrong. */
    ERR_UNAVAILABLE, /* 69  A bound system does not answer. */
    ERR_INTERNAL,    /* 70  A defect in heddle. */
    ERR_NO_MEMORY,   /* 70 */
    ERR_IO,          /* 74  Input or output failed. */
    ERR_FULL,        /* 74  No space left on the device, or a limit of ours is reached. */
    ERR_NOT_FOUND,   /* 74  A file or a row that should be there is not. */
    ERR_CORRUPT,     /* 74  Bytes of a file that should be ours, or a compressed stream, make no sense. */
    ERR_RECORD,      /* 74  One record of the input is unusable (class ERROR_BAD_RECORD). */
    ERR_BUSY,        /* 75  Owned by another process, try again. */
    ERR_FENCED,      /* 75  A newer generation owns the store; this process must stop. */
    ERR_KEY,         /* 77  No key, or not the right one. */
    ERR_CONFIG,      /* 78  The configuration is wrong. */
    ERR_INTERRUPTED, /* 130 Stopped by SIGINT. */
    ERR_TERMINATED,  /* 143 Stopped by SIGTERM. */
    ERR_CODE_COUNT
};

#define ERROR_MESSAGE_SIZE 480
#define ERROR_CONTEXT_SIZE 320
#define ERROR_HINT_SIZE    240
#define ERROR_FILE_SIZE    256

/* Texts that do not fit are cut at a character's end and close with "...". */
struct error {
    enum error_code  code;
    enum error_class class;
    uint32_t         line;   /* From 1; 0: not known. */
    uint32_t         column; /* From 1, in characters of the line; 0: not known. */
    uint64_t         offset; /* Byte position in the source, counted after decompression; see has_offset. */
    bool             has_offset;
    char             message[ERROR_MESSAGE_SIZE]; /* What and why: "column birth_date is not a date". */
    char             context[ERROR_CONTEXT_SIZE]; /* One line a step, the innermost first, without "while". */
    char             hint[ERROR_HINT_SIZE];       /* What to do next: "did you mean "sources"?" */
    char             file[ERROR_FILE_SIZE];       /* The file or source; empty: not known. */
};

/* An error that says nothing has happened. Also the state after error_clear. */
#define ERROR_EMPTY ((struct error){ .code = ERR_NONE })

void error_clear(struct error *err);

/* Fills `err` anew (position, context and hint of an earlier error are forgotten) with the code's own class.
 * Returns ST_ERROR always, so that a function can end in `return error_set(err, ERR_IO, "...")`. The arguments
 * must not point into `*err`. */
enum status error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum status error_set_va(struct error *err, enum error_code code, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* `return error_no_memory(err);` where an allocation gave NULL. Returns ST_ERROR. */
enum status error_no_memory(struct error *err);

/* The following add to an error that is already set; on NULL or an empty error they do nothing. */

/* Overrides the class that came with the code, where the caller knows better what to do. */
void error_class_set(struct error *err, enum error_class class);

/* Replaces the hint. */
void error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where in a text file. `file` may be NULL (keeps what is there); line and column from 1, 0 for not known. */
void error_at(struct error *err, const char *file, uint32_t line, uint32_t column);

/* Where in a source of bytes, counted after decompression. `file` may be NULL (keeps what is there). */
void error_at_offset(struct error *err, const char *file, uint64_t offset);

/* Adds one step of "while ...", written without the word: error_context(err, "publishing run %s", id).
 * Callers add from the inside out; what no longer fits is left out, the innermost steps stay. */
void error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of the program for this error; 0 for NULL or an empty error. */
int error_exit_code(const struct error *err);

/* Stable names for output and the reference pages: "config", "retry", ... */
const char *error_code_name(enum error_code code);
const char *error_class_name(enum error_class class);
/* One sentence on what a code means, and its exit code, for the reference pages. */
const char *error_code_help(enum error_code code);
int         error_code_exit(enum error_code code);

/* Writes at most capacity - 1 bytes and a NUL (capacity > 0). Control characters, and bytes that are not UTF-8, are
 * written as \xNN, so that text from outside cannot steer a terminal; as text, further lines of a message (databases write
 * such) stand indented behind the contexts. Returns the length written.
 *
 * Text:  bindings.json:3:7: unknown key "sorce", while reading bindings
 *          did you mean "source"?
 * JSON:  {"code":"config","class":"bad_configuration","exit_code":78,"message":"...","context":["..."],
 *         "hint":"...","file":"...","line":3,"column":7,"offset":12}   (what is not known is left out) */
size_t error_print(const struct error *err, char *buffer, size_t capacity);
size_t error_print_json(const struct error *err, char *buffer, size_t capacity);

/* A buffer of this size holds every error printed, escapes included. */
#define ERROR_TEXT_SIZE 8192

#endif
