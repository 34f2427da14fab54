/* Messages over a Unix socket: whole, in order, bounded; who ends is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/socket.h"
#include "support/support.h"
#include "support/sweep.h"

#define WAIT_MS 10000

static char folder[TEMP_DIR_SIZE_MAX];
static char path[512];

static void
check(enum status status, const struct error *err)
{
    if (status != ST_OK)
        fail_msg("%s", err->message);
}

/* A listener and both ends of one conversation. */
struct pair {
    struct socket_listener listener;
    struct socket          client, server;
};

static enum status
pair_open(struct pair *pair, struct io *io, struct error *err)
{
    enum socket_event event;
    *pair = (struct pair){ SOCKET_LISTENER_EMPTY, SOCKET_EMPTY, SOCKET_EMPTY };
    if (socket_listen(&pair->listener, io, path, err) != ST_OK || socket_connect(&pair->client, io, path, err) != ST_OK ||
        socket_listener_wait(&pair->listener, NULL, &pair->server, &event, err) != ST_OK)
        return ST_ERROR;
    assert_int_equal(event, SOCKET_CLIENT);
    return ST_OK;
}

static void
pair_release(struct pair *pair)
{
    socket_release(&pair->client);
    socket_release(&pair->server);
    socket_listener_release(&pair->listener);
}

static enum status
scenario(struct io *io, void *context, struct error *err)
{
    struct pair pair;
    uint8_t     kind;
    struct str  bytes;
    (void)context;
    enum status status = pair_open(&pair, io, err);
    if (status == ST_OK)
        status = socket_send(&pair.client, 7, STR("hello"), WAIT_MS, err);
    if (status == ST_OK)
        status = socket_receive(&pair.server, WAIT_MS, &kind, &bytes, err);
    if (status == ST_OK)
        assert_true(kind == 7 && str_equal(bytes, STR("hello")));
    pair_release(&pair);
    return status;
}

static void
test_sweep(void **state)
{
    (void)state;
    sweep_run(scenario, NULL);
}

static void
test_listener(void **state)
{
    (void)state;
    struct pair   pair;
    struct error  err = ERROR_EMPTY;
    struct stat   info;
    struct socket other = SOCKET_EMPTY;
    assert_int_equal(socket_connect(&other, io_system(), path, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    mode_t mask = umask(0);
    check(pair_open(&pair, io_system(), &err), &err);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(pair.server.process_id, getpid());
    pair_release(&pair);
    assert_int_equal(stat(path, &info), -1);
}

/* What a killed process left is refused by nobody and taken by the next. */
static void
test_left_behind(void **state)
{
    (void)state;
    struct pair   pair;
    struct error  err   = ERROR_EMPTY;
    struct socket other = SOCKET_EMPTY;
    int           result;
    pid_t         child = fork();
    if (child == 0) {
        struct socket_listener listener = SOCKET_LISTENER_EMPTY;
        _exit(socket_listen(&listener, io_system(), path, NULL) == ST_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(socket_connect(&other, io_system(), path, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    check(pair_open(&pair, io_system(), &err), &err);
    pair_release(&pair);
}

static void
test_long_path(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    struct pair  pair;
    char         kept[512], deep[512];
    memcpy(kept, path, sizeof kept);
    snprintf(deep, sizeof deep, "%.200s/%0100d", folder, 1);
    assert_int_equal(mkdir(deep, 0700), 0);
    snprintf(path, sizeof path, "%.400s/socket", deep);
    assert_true(strlen(path) > 108);
    check(pair_open(&pair, io_system(), &err), &err);
    pair_release(&pair);
    memcpy(path, kept, sizeof kept);
}

static void *
send_large(void *context)
{
    struct socket *socket = context;
    char          *bytes  = malloc(SOCKET_MESSAGE_SIZE_MAX);
    memset(bytes, 'x', SOCKET_MESSAGE_SIZE_MAX);
    bytes[SOCKET_MESSAGE_SIZE_MAX - 1] = 'y';
    enum status status = socket_send(socket, 1, str_of(bytes, SOCKET_MESSAGE_SIZE_MAX), WAIT_MS, NULL);
    if (status == ST_OK)
        status = socket_send(socket, 2, STR_EMPTY, WAIT_MS, NULL);
    free(bytes);
    return status == ST_OK ? socket : NULL;
}

static void
test_largest(void **state)
{
    (void)state;
    struct pair  pair;
    struct error err = ERROR_EMPTY;
    pthread_t    thread;
    uint8_t      kind;
    struct str   bytes;
    void        *sent;
    check(pair_open(&pair, io_system(), &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, send_large, &pair.client), 0);
    check(socket_receive(&pair.server, WAIT_MS, &kind, &bytes, &err), &err);
    assert_int_equal(kind, 1);
    assert_int_equal(bytes.size, SOCKET_MESSAGE_SIZE_MAX);
    assert_int_equal(bytes.data[bytes.size - 1], 'y');
    check(socket_receive(&pair.server, WAIT_MS, &kind, &bytes, &err), &err);
    assert_int_equal(kind, 2);
    assert_int_equal(bytes.size, 0);
    pthread_join(thread, &sent);
    assert_non_null(sent);
    pair_release(&pair);
}

/* A message cut after every byte, and what is none. */
static void
test_cut(void **state)
{
    (void)state;
    static const char message[]   = { 3, 0, 0, 0, 9, 'a', 'b', 'c' };
    static const char too_large[] = { 0, 0, 0, 2, 9 };
    static const char no_kind[]   = { 0, 0, 0, 0, 0 };
    struct pair       pair;
    struct error      err = ERROR_EMPTY;
    uint8_t           kind;
    struct str        bytes;
    for (size_t cut = 0; cut <= sizeof message; cut++) {
        check(pair_open(&pair, io_system(), &err), &err);
        assert_int_equal(send(pair.client.fd, message, cut, 0), cut);
        socket_shutdown(&pair.client);
        enum status status = socket_receive(&pair.server, WAIT_MS, &kind, &bytes, &err);
        if (cut == 0 || cut == sizeof message) {
            check(status, &err);
            assert_int_equal(kind, cut == 0 ? 0 : 9);
        } else {
            assert_int_equal(status, ST_ERROR);
            assert_int_equal(err.code, ERR_UNAVAILABLE);
        }
        pair_release(&pair);
    }
    for (int i = 0; i < 2; i++) {
        check(pair_open(&pair, io_system(), &err), &err);
        assert_int_equal(send(pair.client.fd, i == 0 ? too_large : no_kind, 5, 0), 5);
        assert_int_equal(socket_receive(&pair.server, WAIT_MS, &kind, &bytes, &err), ST_ERROR);
        assert_int_equal(err.code, ERR_CORRUPT);
        pair_release(&pair);
    }
}

/* Who is gone is told by an error; who is silent or takes nothing, after the time. */
static void
test_gone_and_silent(void **state)
{
    (void)state;
    static char       block[1 << 20];
    struct pair       pair;
    struct error      err = ERROR_EMPTY;
    enum socket_event event;
    uint8_t           kind;
    struct str        bytes;
    enum status       status = ST_OK;
    check(pair_open(&pair, io_system(), &err), &err);
    assert_int_equal(socket_receive(&pair.server, 1, &kind, &bytes, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_BUSY);
    for (int i = 0; i < 64 && status == ST_OK; i++)
        status = socket_send(&pair.server, 1, str_of(block, sizeof block), 1, &err);
    assert_int_equal(status, ST_ERROR);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    socket_release(&pair.client);
    check(socket_listener_wait(&pair.listener, &pair.server, NULL, &event, &err), &err);
    assert_int_equal(event, SOCKET_GONE);
    assert_int_equal(socket_send(&pair.server, 1, STR("a"), 1, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    socket_listener_stop(&pair.listener);
    check(socket_listener_wait(&pair.listener, NULL, NULL, &event, &err), &err);
    assert_int_equal(event, SOCKET_STOPPED);
    check(socket_listener_wait(&pair.listener, &pair.server, NULL, &event, &err), &err);
    assert_int_equal(event, SOCKET_STOPPED);
    pair_release(&pair);
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(path, sizeof path, "%s/socket", folder);
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
        cmocka_unit_test(test_listener), cmocka_unit_test(test_left_behind), cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_largest),  cmocka_unit_test(test_cut),         cmocka_unit_test(test_gone_and_silent),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
