#include "io/socket.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"

#define HEADER_SIZE 5

/* Waits until the events come, or the other end does; *ret_is_due false: the time is over first. */
static enum status
wait_for(struct io *io, int fd, short events, int timeout_ms, bool *ret_is_due, struct error *err)
{
    struct pollfd poll = { .fd = fd, .events = events };
    int           count;

    do
        count = io->poll(io, &poll, 1, timeout_ms);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return io_error(err, "wait for", "a socket");
    *ret_is_due = count > 0;
    return ST_OK;
}

/* Whether the other end may be talked to: this user, or root. */
static enum status
check_peer(struct socket *socket, bool *ret_is_ours, struct error *err)
{
    int64_t user_id;

    if (socket->io->socket_peer(socket->io, socket->fd, &user_id, &socket->process_id) != 0)
        return io_error(err, "find who is at the other end of", "a socket");
    *ret_is_ours = user_id == (int64_t)geteuid() || user_id == 0;
    return ST_OK;
}

/* ---- One end ---- */

enum status
socket_connect(struct socket *socket, struct io *io, const char *path, struct error *err)
{
    struct socket made    = { .io = io, .fd = io->socket_open(io) };
    bool          is_ours = false;
    int           result;
    enum status   status = ST_OK;

    if (made.fd < 0)
        return io_error(err, "make", "a socket");
    do
        result = io->socket_connect(io, made.fd, path);
    while (result != 0 && errno == EINTR);
    if (result != 0 && (errno == ECONNREFUSED || errno == EAGAIN))
        status = error_set(err, ERR_UNAVAILABLE, "nobody answers at %s", path);
    else if (result != 0)
        status = io_error(err, "connect to", path);
    if (status == ST_OK)
        status = check_peer(&made, &is_ours, err);
    if (status == ST_OK && !is_ours)
        status = error_set(err, ERR_UNAVAILABLE, "%s belongs to another user", path);
    if (status == ST_OK)
        *socket = made;
    else
        socket_release(&made);
    return status;
}

static enum status
send_all(struct socket *socket, const char *bytes, size_t size, int timeout_ms, struct error *err)
{
    while (size > 0) {
        ssize_t put = socket->io->socket_send(socket->io, socket->fd, bytes, size);
        if (put >= 0) {
            bytes += put;
            size -= (size_t)put;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return error_set(err, ERR_UNAVAILABLE, "the other side has gone");
        if (errno != EAGAIN)
            return io_error(err, "write to", "a socket");
        bool is_due;
        if (wait_for(socket->io, socket->fd, POLLOUT, timeout_ms, &is_due, err) != ST_OK)
            return ST_ERROR;
        if (!is_due)
            return error_set(err, ERR_UNAVAILABLE, "the other side has taken nothing for %d s", timeout_ms / 1000);
    }
    return ST_OK;
}

enum status
socket_send(struct socket *socket, uint8_t kind, struct str bytes, int timeout_ms, struct error *err)
{
    CHECK(kind != 0);
    CHECK(bytes.size <= SOCKET_MESSAGE_SIZE_MAX);
    const uint32_t size                = (uint32_t)bytes.size;
    const uint8_t  header[HEADER_SIZE] = { (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24), kind };

    if (send_all(socket, (const char *)header, sizeof header, timeout_ms, err) != ST_OK)
        return ST_ERROR;
    return send_all(socket, bytes.data, bytes.size, timeout_ms, err);
}

/* *ret_size < size: the other side ended there. */
static enum status
receive_all(struct socket *socket, char *out, size_t size, int timeout_ms, size_t *ret_size, struct error *err)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = socket->io->read(socket->io, socket->fd, out + done, size - done);
        if (got > 0) {
            done += (size_t)got;
            continue;
        }
        if (got == 0 || errno == ECONNRESET)
            break;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return io_error(err, "read from", "a socket");
        bool is_due;
        if (wait_for(socket->io, socket->fd, POLLIN, timeout_ms, &is_due, err) != ST_OK)
            return ST_ERROR;
        if (!is_due)
            return error_set(err, ERR_BUSY, "the other side has said nothing for %d s", timeout_ms / 1000);
    }
    *ret_size = done;
    return ST_OK;
}

static enum status
gone_within(struct error *err)
{
    return error_set(err, ERR_UNAVAILABLE, "the other side has gone in the middle of a message");
}

enum status
socket_receive(struct socket *socket, int timeout_ms, uint8_t *ret_kind, struct str *ret_bytes, struct error *err)
{
    uint8_t header[HEADER_SIZE];
    size_t  got;

    if (receive_all(socket, (char *)header, sizeof header, timeout_ms, &got, err) != ST_OK)
        return ST_ERROR;
    if (got == 0) {
        *ret_kind  = 0;
        *ret_bytes = STR_EMPTY;
        return ST_OK;
    }
    if (got < sizeof header)
        return gone_within(err);
    const size_t size = (size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 | (size_t)header[3] << 24;
    if (size > SOCKET_MESSAGE_SIZE_MAX || header[4] == 0)
        return error_set(err, ERR_CORRUPT, "what came over the socket is not a message of heddle");
    if (size > socket->buffer_size) {
        char *buffer = memory_resize(socket->buffer, size);
        if (buffer == NULL)
            return error_no_memory(err);
        socket->buffer      = buffer;
        socket->buffer_size = size;
    }
    if (receive_all(socket, socket->buffer, size, timeout_ms, &got, err) != ST_OK)
        return ST_ERROR;
    if (got < size)
        return gone_within(err);
    *ret_kind  = header[4];
    *ret_bytes = str_of(socket->buffer, size);
    return ST_OK;
}

void
socket_shutdown(struct socket *socket)
{
    if (socket->fd >= 0)
        socket->io->socket_shutdown(socket->io, socket->fd);
}

void
socket_release(struct socket *socket)
{
    if (socket->fd >= 0)
        socket->io->close(socket->io, socket->fd);
    memory_free(socket->buffer);
    *socket = SOCKET_EMPTY;
}

/* ---- The listener ---- */

enum status
socket_listen(struct socket_listener *listener, struct io *io, const char *path, struct error *err)
{
    struct socket_listener made   = { .io = io, .fd = -1 };
    enum status            status = ST_OK;

    made.path = memory_copy(path, strlen(path));
    if (made.path == NULL)
        return error_no_memory(err);
    io->unlink(io, path); /* Fails where there is none; binding tells whether it worked. */
    made.fd = io->socket_open(io);
    if (made.fd < 0)
        status = io_error(err, "make", "a socket");
    else if (io->socket_bind(io, made.fd, path) != 0)
        status = io_error(err, "listen at", path);
    if (status == ST_OK)
        *listener = made;
    else
        socket_listener_release(&made);
    return status;
}

/* *ret_is_there false: whoever waited has gone again, or is another user's. */
static enum status
accept_client(struct socket_listener *listener, struct socket *ret_client, bool *ret_is_there, struct error *err)
{
    struct socket made    = { .io = listener->io, .fd = listener->io->socket_accept(listener->io, listener->fd) };
    bool          is_ours = false;

    *ret_is_there = false;
    if (made.fd < 0) {
        bool is_passing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED || errno == EINVAL;
        return is_passing ? ST_OK : io_error(err, "accept at", listener->path);
    }
    enum status status = check_peer(&made, &is_ours, err);
    if (status == ST_OK && is_ours) {
        *ret_client   = made;
        *ret_is_there = true;
    } else {
        socket_release(&made);
    }
    return status;
}

enum status
socket_listener_wait(struct socket_listener *listener, struct socket *watched, struct socket *ret_client,
                     enum socket_event *ret_event, struct error *err)
{
    for (;;) {
        struct pollfd poll[2]  = { { .fd = listener->fd, .events = watched == NULL ? POLLIN : 0 },
                                   { .fd = watched == NULL ? -1 : watched->fd, .events = POLLRDHUP } };
        bool          is_there = false;
        if (listener->io->poll(listener->io, poll, 2, SOCKET_FOREVER) < 0) {
            if (errno == EINTR)
                continue;
            return io_error(err, "wait at", listener->path);
        }
        if ((poll[0].revents & POLLHUP) != 0) {
            *ret_event = SOCKET_STOPPED;
            return ST_OK;
        }
        if (poll[1].revents != 0) {
            *ret_event = SOCKET_GONE;
            return ST_OK;
        }
        if (watched == NULL && accept_client(listener, ret_client, &is_there, err) != ST_OK)
            return ST_ERROR;
        if (is_there) {
            *ret_event = SOCKET_CLIENT;
            return ST_OK;
        }
    }
}

void
socket_listener_stop(struct socket_listener *listener)
{
    if (listener->fd >= 0)
        listener->io->socket_shutdown(listener->io, listener->fd);
}

void
socket_listener_release(struct socket_listener *listener)
{
    if (listener->fd >= 0) {
        listener->io->unlink(listener->io, listener->path);
        listener->io->close(listener->io, listener->fd);
    }
    memory_free(listener->path);
    *listener = SOCKET_LISTENER_EMPTY;
}
