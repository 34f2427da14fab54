/* Threads, mutex, condition, waker. No test sleeps: each waits for what another thread does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/ring.h"
#include "io/thread.h"

struct counter {
    struct mutex     mutex;
    struct condition condition;
    int64_t          count;
    int64_t          goal;
};

static void
count_to_goal(void *context)
{
    struct counter *counter = context;
    for (int i = 0; i < 1000; i++) {
        mutex_lock(&counter->mutex);
        counter->count++;
        if (counter->count == counter->goal)
            condition_broadcast(&counter->condition);
        mutex_unlock(&counter->mutex);
    }
}

static void
threads_share_a_mutex_and_tell_by_a_condition(void **state)
{
    (void)state;
    struct thread  threads[4];
    struct counter counter = { .goal = 4000 };
    mutex_init(&counter.mutex);
    condition_init(&counter.condition);
    for (int i = 0; i < 4; i++)
        assert_int_equal(thread_start(&threads[i], count_to_goal, &counter, NULL), ST_OK);
    mutex_lock(&counter.mutex);
    while (counter.count < counter.goal)
        condition_wait(&counter.condition, &counter.mutex);
    mutex_unlock(&counter.mutex);
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
    assert_int_equal(counter.count, 4000);
    assert_false(threads[0].is_started);
    thread_join(&threads[0]); /* The empty one. */
    condition_release(&counter.condition);
    mutex_release(&counter.mutex);
}

static void
a_wait_ends_with_its_time(void **state)
{
    (void)state;
    struct counter counter = { .goal = 1 };
    mutex_init(&counter.mutex);
    condition_init(&counter.condition);
    mutex_lock(&counter.mutex);
    assert_false(condition_wait_for(&counter.condition, &counter.mutex, 0));
    while (condition_wait_for(&counter.condition, &counter.mutex, 1000))
        continue;
    mutex_unlock(&counter.mutex);
    condition_release(&counter.condition);
    mutex_release(&counter.mutex);
}

#define ITEM_COUNT 20000

struct pipe_line {
    struct ring  ring;
    struct waker consumer;
    struct waker producer;
};

static void
produce(void *context)
{
    struct pipe_line *line = context;
    for (uintptr_t i = 1; i <= ITEM_COUNT; i++) {
        for (;;) {
            uint32_t seen = waker_look(&line->producer);
            if (ring_push(&line->ring, (void *)i))
                break;
            waker_sleep(&line->producer, seen, INT64_C(3600000000));
        }
        waker_wake(&line->consumer);
    }
}

/* Both ends sleep for an hour unless they are woken: a lost wake would hang the test. */
static void
no_wake_is_lost(void **state)
{
    (void)state;
    static struct pipe_line line;
    struct thread           producer;
    assert_true(ring_init(&line.ring, 4));
    waker_init(&line.consumer);
    waker_init(&line.producer);
    assert_int_equal(thread_start(&producer, produce, &line, NULL), ST_OK);
    for (uintptr_t i = 1; i <= ITEM_COUNT;) {
        uint32_t  seen = waker_look(&line.consumer);
        uintptr_t item = (uintptr_t)ring_pop(&line.ring);
        if (item == 0) {
            waker_sleep(&line.consumer, seen, INT64_C(3600000000));
            continue;
        }
        assert_int_equal(item, i);
        i++;
        waker_wake(&line.producer);
    }
    thread_join(&producer);
    assert_null(ring_pop(&line.ring));
    waker_release(&line.producer);
    waker_release(&line.consumer);
    ring_release(&line.ring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_mutex_and_tell_by_a_condition),
        cmocka_unit_test(a_wait_ends_with_its_time),
        cmocka_unit_test(no_wake_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
