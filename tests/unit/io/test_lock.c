/* Ownership by lock file, and the process's clocks and signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/lock.h"
#include "io/process.h"
#include "support/support.h"
#include "support/sweep.h"

static char folder[TEMP_DIR_SIZE_MAX];
static char path[512];

static void
test_take_and_look(void **state)
{
    (void)state;
    struct lock       lock  = LOCK_EMPTY;
    struct lock       other = LOCK_EMPTY;
    struct lock_owner owner;
    struct error      err = ERROR_EMPTY;
    char              named[64];
    assert_int_equal(lock_look(io_system(), path, &owner, NULL), ST_OK);
    assert_int_equal(owner.state, LOCK_FREE);
    assert_int_equal(lock_take(&lock, io_system(), path, 7, NULL), ST_OK);
    assert_int_equal(lock_take(&other, io_system(), path, 8, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_BUSY);
    snprintf(named, sizeof named, "process %d (generation 7)", (int)getpid());
    assert_non_null(strstr(err.message, named));
    assert_int_equal(other.fd, -1);
    assert_int_equal(lock_look(io_system(), path, &owner, NULL), ST_OK);
    assert_int_equal(owner.state, LOCK_HELD);
    assert_int_equal(owner.process_id, getpid());
    assert_int_equal(owner.generation, 7);
    lock_release(&lock);
    assert_int_equal(lock_look(io_system(), path, &owner, NULL), ST_OK);
    assert_int_equal(owner.state, LOCK_FREE);
}

/* Somebody else's end: between our opening and our locking the file goes. */
static int
lock_what_goes(struct io *io, int fd, bool is_exclusive)
{
    (void)io;
    assert_int_equal(unlink(path), 0);
    return io_system()->lock(io_system(), fd, is_exclusive);
}

static void
test_remove(void **state)
{
    (void)state;
    struct io    io   = *io_system();
    struct lock  lock = LOCK_EMPTY;
    struct error err  = ERROR_EMPTY;
    assert_int_equal(lock_take(&lock, io_system(), path, 0, NULL), ST_OK);
    lock_remove(&lock, path);
    assert_int_equal(access(path, F_OK), -1);
    lock_remove(&lock, path);
    io.lock = lock_what_goes;
    assert_int_equal(lock_take(&lock, &io, path, 0, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(lock.fd, -1);
}

/* A process that ends without letting go leaves a stale lock, which the next one takes. */
static void
test_stale(void **state)
{
    (void)state;
    struct lock       lock = LOCK_EMPTY;
    struct lock_owner owner;
    pid_t             child = fork();
    if (child == 0) {
        _exit(lock_take(&lock, io_system(), path, 9, NULL) == ST_OK ? 0 : 1);
    }
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(lock_look(io_system(), path, &owner, NULL), ST_OK);
    assert_int_equal(owner.state, LOCK_STALE);
    assert_int_equal(owner.process_id, child);
    assert_int_equal(lock_take(&lock, io_system(), path, 10, NULL), ST_OK);
    lock_release(&lock);
}

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    struct lock       lock = LOCK_EMPTY;
    struct lock_owner owner;
    (void)context;
    enum status status = lock_take(&lock, io, path, 1, err);
    if (status == ST_OK)
        status = lock_look(io, path, &owner, err);
    lock_release(&lock);
    return status;
}

static void
test_sweep(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
}

static void
test_process(void **state)
{
    (void)state;
    const struct clock *clock = process_clock();
    int64_t             first = clock_monotonic_us(clock);
    assert_true(clock_monotonic_us(clock) >= first);
    assert_true(clock_now_us(clock) > INT64_C(1577836800000000)); /* 2020 */
    assert_true(process_usage().cpu_us > 0 && process_usage().resident_bytes_max > 0);
    assert_true(process_cpu_count() >= 1);
    assert_int_equal(process_signals_init(NULL), ST_OK);
    assert_int_equal(process_stop_signal(), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(process_stop_signal(), SIGTERM);
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/lock", folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_look),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_process),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
