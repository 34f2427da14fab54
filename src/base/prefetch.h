/* Asks for a line of memory that is looked at soon. */
#ifndef HEDDLE_BASE_PREFETCH_H
#define HEDDLE_BASE_PREFETCH_H

/* A function that does nothing but prefetch has no effect in gcc's eyes (12), and its calls are dropped without a word: the empty
 * statement keeps them. */
#define PREFETCH(address)              \
    do {                               \
        __builtin_prefetch((address)); \
        __asm__ volatile("");          \
    } while (0)

#endif
