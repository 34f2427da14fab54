/* Invariants of our own code, checked in every build.
 *
 * CHECK is never for data from outside (that is an error, base/error.h). A failed CHECK means that the program no
 * longer knows what it does; going on could commit wrong rows, so the process ends and the next one recovers. */
#ifndef HEDDLE_BASE_CHECK_H
#define HEDDLE_BASE_CHECK_H

/* Told of a failed check. It may end the process (the command line program exits with 70) or jump away (tests); when
 * it returns, the process aborts. Strings are static. */
typedef void (*check_handler)(const char *file, int line, const char *function, const char *condition);

/* NULL restores the default, which prints to stderr. Not thread-safe: set it at start. */
void check_handler_set(check_handler handler);

_Noreturn void check_failed(const char *file, int line, const char *function, const char *condition);

#define CHECK(condition) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #condition))

/* A place that cannot be reached, such as the default of a switch over all values of an enum. */
#define UNREACHABLE() check_failed(__FILE__, __LINE__, __func__, "unreachable")

#endif
