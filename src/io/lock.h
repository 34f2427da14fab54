/* Who owns a warehouse or a store: a lock file beside it, with the owner's process id and generation inside.
 *
 * The kernel's lock (flock) decides, and ends with the process, however that ends; what the file says is for messages.
 * The file stays, but of what is made for a moment (lock_remove). Who had it open then and locks it finds that the name is no
 * longer its own, and has not got it. */
#ifndef HEDDLE_IO_LOCK_H
#define HEDDLE_IO_LOCK_H

#include <stdint.h>

#include "base/error.h"
#include "io/io.h"

struct lock {
    struct io *io;
    int        fd; /* -1: not held. */
};
#define LOCK_EMPTY ((struct lock){ .fd = -1 })

/* Takes the lock and writes this process's id and `generation` into the file. ERR_BUSY, naming the owner, where another
 * process (or this one already) holds it. */
enum status lock_take(struct lock *lock, struct io *io, const char *path, uint64_t generation, struct error *err);
/* Empties the file and lets go. */
void lock_release(struct lock *lock);
/* Lets go and takes the file away; `path` as lock_take had it. Where it cannot be removed it stays, as with lock_release. */
void lock_remove(struct lock *lock, const char *path);

enum lock_state {
    LOCK_FREE,  /* Nobody owns it, and the last owner let go. */
    LOCK_HELD,
    LOCK_STALE, /* Nobody owns it; the last owner ended without letting go, so there may be something to recover. */
};

struct lock_owner {
    enum lock_state state;
    int64_t         process_id; /* 0: not known. */
    uint64_t        generation;
};

/* A file that is not there is LOCK_FREE. */
enum status lock_look(struct io *io, const char *path, struct lock_owner *ret_owner, struct error *err);

#endif
