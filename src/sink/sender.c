#include "sink/sender.h"

#include <stdatomic.h>

#include "base/memory.h"
#include "io/thread.h"

/* How long the thread waits for the network before it looks around, woken or not. */
#define LOOK_US INT64_C(10000000)

/* First in, first out. */
struct queue {
    struct transfer *first, *last;
};

struct sender {
    struct transfers *transfers;
    struct thread     thread;

    struct mutex     mutex; /* Of all that follows. */
    struct condition has_one; /* Something ended. */
    struct queue     given;
    struct queue     ended;
    bool             is_stopping;
    _Atomic(bool)    has_ended; /* `ended` is not empty. */

    struct transfer *under_way; /* The thread's own. */
};

static void
put(struct queue *queue, struct transfer *transfer)
{
    transfer->next = NULL;
    if (queue->first == NULL)
        queue->first = transfer;
    else
        queue->last->next = transfer;
    queue->last = transfer;
}

static struct transfer *
take(struct queue *queue)
{
    struct transfer *transfer = queue->first;

    if (transfer != NULL)
        queue->first = transfer->next;
    return transfer;
}

/* ---- The thread ---- */

static void
forget(struct sender *sender, const struct transfer *transfer)
{
    struct transfer **link = &sender->under_way;

    while (*link != transfer)
        link = &(*link)->next_under_way;
    *link = transfer->next_under_way;
}

/* False: it is time to stop. */
static bool
begin_given(struct sender *sender)
{
    struct transfer *transfer;
    struct queue     given;

    mutex_lock(&sender->mutex);
    given              = sender->given;
    sender->given      = (struct queue){ NULL, NULL };
    const bool is_over = sender->is_stopping;
    mutex_unlock(&sender->mutex);
    while (!is_over && (transfer = take(&given)) != NULL) {
        transfer->next_under_way = sender->under_way;
        sender->under_way        = transfer;
        transfers_begin(sender->transfers, transfer);
    }
    return !is_over;
}

void
sender_put_ended(struct sender *sender, struct transfer *transfer)
{
    mutex_lock(&sender->mutex);
    put(&sender->ended, transfer);
    atomic_store(&sender->has_ended, true);
    condition_signal(&sender->has_one);
    mutex_unlock(&sender->mutex);
}

static void
run(void *context)
{
    struct sender *sender = context;

    while (begin_given(sender)) {
        struct transfer *transfer = transfers_next(sender->transfers, LOOK_US);
        if (transfer == NULL)
            continue;
        forget(sender, transfer);
        sender_put_ended(sender, transfer);
    }
    for (struct transfer *transfer = sender->under_way; transfer != NULL; transfer = transfer->next_under_way)
        transfers_abandon(sender->transfers, transfer);
}

/* ---- Its owner ---- */

enum status
sender_start(struct sender **ret_sender, struct error *err)
{
    struct sender *sender = memory_alloc_zero(sizeof *sender);

    if (sender == NULL)
        return error_no_memory(err);
    mutex_init(&sender->mutex);
    condition_init(&sender->has_one);
    if (transfers_new(&sender->transfers, err) != ST_OK || thread_start(&sender->thread, run, sender, err) != ST_OK) {
        sender_free(sender);
        return ST_ERROR;
    }
    *ret_sender = sender;
    return ST_OK;
}

void
sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    mutex_lock(&sender->mutex);
    sender->is_stopping = true;
    mutex_unlock(&sender->mutex);
    if (sender->transfers != NULL)
        transfers_wake(sender->transfers);
    thread_join(&sender->thread);
    transfers_free(sender->transfers);
    condition_release(&sender->has_one);
    mutex_release(&sender->mutex);
    memory_free(sender);
}

void
sender_send(struct sender *sender, struct transfer *transfer)
{
    mutex_lock(&sender->mutex);
    put(&sender->given, transfer);
    mutex_unlock(&sender->mutex);
    transfers_wake(sender->transfers);
}

struct transfer *
sender_take(struct sender *sender, int64_t timeout_us)
{
    struct transfer *transfer;
    bool             is_over = timeout_us <= 0;

    mutex_lock(&sender->mutex);
    while ((transfer = take(&sender->ended)) == NULL && !is_over)
        is_over = !condition_wait_for(&sender->has_one, &sender->mutex, timeout_us);
    atomic_store(&sender->has_ended, sender->ended.first != NULL);
    mutex_unlock(&sender->mutex);
    return transfer;
}

bool
sender_has_ended(const struct sender *sender)
{
    return atomic_load_explicit(&sender->has_ended, memory_order_relaxed);
}
