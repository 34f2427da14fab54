#include "io/thread.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

static void *
thread_main(void *argument)
{
    struct thread *thread = argument;
    thread->run(thread->context);
    return NULL;
}

enum status
thread_start(struct thread *thread, void (*run)(void *context), void *context, struct error *err)
{
    sigset_t all, old;
    *thread = (struct thread){ .run = run, .context = context };
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0); /* A new thread has the mask of who makes it. */
    int number = pthread_create(&thread->handle, NULL, thread_main, thread);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (number != 0)
        return error_set(err, ERR_IO, "cannot start a thread: %s", strerror(number));
    thread->is_started = true;
    return ST_OK;
}

void
thread_join(struct thread *thread)
{
    if (!thread->is_started)
        return;
    CHECK(pthread_join(thread->handle, NULL) == 0);
    *thread = THREAD_EMPTY;
}

void
mutex_init(struct mutex *mutex)
{
    CHECK(pthread_mutex_init(&mutex->handle, NULL) == 0);
}

void
mutex_release(struct mutex *mutex)
{
    CHECK(pthread_mutex_destroy(&mutex->handle) == 0);
}

void
mutex_lock(struct mutex *mutex)
{
    CHECK(pthread_mutex_lock(&mutex->handle) == 0);
}

void
mutex_unlock(struct mutex *mutex)
{
    CHECK(pthread_mutex_unlock(&mutex->handle) == 0);
}

void
condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&condition->handle, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

void
condition_release(struct condition *condition)
{
    CHECK(pthread_cond_destroy(&condition->handle) == 0);
}

void
condition_wait(struct condition *condition, struct mutex *mutex)
{
    CHECK(pthread_cond_wait(&condition->handle, &mutex->handle) == 0);
}

bool
condition_wait_for(struct condition *condition, struct mutex *mutex, int64_t timeout_us)
{
    struct timespec until;
    if (timeout_us <= 0)
        return false;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
    int64_t nanoseconds = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += (time_t)(timeout_us / 1000000 + nanoseconds / 1000000000);
    until.tv_nsec = (long)(nanoseconds % 1000000000);
    int number    = pthread_cond_timedwait(&condition->handle, &mutex->handle, &until);
    CHECK(number == 0 || number == ETIMEDOUT);
    return number == 0;
}

void
condition_signal(struct condition *condition)
{
    CHECK(pthread_cond_signal(&condition->handle) == 0);
}

void
condition_broadcast(struct condition *condition)
{
    CHECK(pthread_cond_broadcast(&condition->handle) == 0);
}

void
waker_init(struct waker *waker)
{
    atomic_init(&waker->count, 0);
    atomic_init(&waker->is_sleeping, false);
    mutex_init(&waker->mutex);
    condition_init(&waker->condition);
}

void
waker_release(struct waker *waker)
{
    condition_release(&waker->condition);
    mutex_release(&waker->mutex);
}

/* Both sides write first and read then, in one order for all (the default of atomics): either the sleeper sees the new
 * count, or the waker sees the sleeper. */
void
waker_wake(struct waker *waker)
{
    atomic_fetch_add(&waker->count, 1);
    if (!atomic_load(&waker->is_sleeping))
        return;
    mutex_lock(&waker->mutex);
    condition_signal(&waker->condition);
    mutex_unlock(&waker->mutex);
}

void
waker_sleep(struct waker *waker, uint32_t seen, int64_t timeout_us)
{
    mutex_lock(&waker->mutex);
    atomic_store(&waker->is_sleeping, true);
    /* Woken for no reason it returns early, which who loops over actors does not mind. */
    if (atomic_load(&waker->count) == seen)
        condition_wait_for(&waker->condition, &waker->mutex, timeout_us);
    atomic_store(&waker->is_sleeping, false);
    mutex_unlock(&waker->mutex);
}
