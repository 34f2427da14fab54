/* Threads, and what they wait with. Thin on purpose: nothing here is needed on the row path.
 *
 * Mutex and condition never fail: they are of the default kind and lie in memory of ours, so POSIX gives no error. */
#ifndef HEDDLE_IO_THREAD_H
#define HEDDLE_IO_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* ---- Threads ---- */

/* Must not move while the thread runs. */
struct thread {
    pthread_t handle;
    void (*run)(void *context);
    void *context;
    bool  is_started;
};
#define THREAD_EMPTY ((struct thread){ .is_started = false })

/* Runs run(context) in a thread of its own. No signal is delivered to it: the main thread has them all. What the caller
 * wrote before is visible to it. ERR_IO where the system gives no thread; *thread is then empty. */
enum status thread_start(struct thread *thread, void (*run)(void *context), void *context, struct error *err);
/* Waits until it has returned; what it wrote is then visible. Accepts the empty thread, and leaves it empty. */
void thread_join(struct thread *thread);

/* ---- Mutex and condition ---- */

struct mutex {
    pthread_mutex_t handle;
};
void mutex_init(struct mutex *mutex);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition {
    pthread_cond_t handle;
};
void condition_init(struct condition *condition);
void condition_release(struct condition *condition);
/* The mutex is held, and is held again when they return. Waits wake up for no reason, too: ask in a loop. */
void condition_wait(struct condition *condition, struct mutex *mutex);
/* Waits at most so long (monotonic time; 0 or less: not at all). False: the time is over. */
bool condition_wait_for(struct condition *condition, struct mutex *mutex, int64_t timeout_us);
void condition_signal(struct condition *condition); /* One of those who wait. */
void condition_broadcast(struct condition *condition); /* All of them. */

/* ---- Waker ---- */

/* Lets one thread sleep until another has something for it, without a lock as long as nobody sleeps:
 *
 *     sleeper                                   others
 *     uint32_t seen = waker_look(&waker);       make something visible (a push into a ring)
 *     look for work; found: go on               waker_wake(&waker)
 *     waker_sleep(&waker, seen, timeout)
 *
 * A wake between look and sleep is not lost: the sleep then returns at once. */
struct waker {
    _Atomic(uint32_t) count; /* Of wakes. */
    _Atomic(bool)     is_sleeping;
    struct mutex      mutex;
    struct condition  condition;
};
void waker_init(struct waker *waker);
void waker_release(struct waker *waker);

static inline uint32_t
waker_look(struct waker *waker)
{
    return atomic_load(&waker->count);
}

void waker_wake(struct waker *waker);
/* Returns when somebody has woken it since `seen`, or after timeout_us. */
void waker_sleep(struct waker *waker, uint32_t seen, int64_t timeout_us);

#endif
