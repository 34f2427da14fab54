/* Messages between processes of one user, over a Unix socket beside a file that one of them owns.
 *
 *     message:  size of the bytes, 4 bytes little-endian │ kind, 1 byte │ bytes, at most SOCKET_MESSAGE_SIZE_MAX
 *
 * What is always true: the socket's file has mode 0600, and besides, both sides ask the kernel who is at the other end:
 * only the same user, or root, is heard. Every wait has an end: a time, or the other side's. Who sends to somebody that is
 * gone gets an error, never a signal. */
#ifndef HEDDLE_IO_SOCKET_H
#define HEDDLE_IO_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

#define SOCKET_FOREVER (-1)

/* ---- One end of a conversation ---- */

struct socket {
    struct io *io;
    int        fd;         /* -1: none. */
    int64_t    process_id; /* At the other end. */
    char      *buffer;     /* The message received last. */
    size_t     buffer_size;
};
#define SOCKET_EMPTY ((struct socket){ .fd = -1 })

/* ERR_NOT_FOUND where there is no such socket, ERR_UNAVAILABLE where nobody listens at it (any more). */
enum status socket_connect(struct socket *socket, struct io *io, const char *path, struct error *err);

/* The whole message, or ERR_UNAVAILABLE: the other side is gone, or has taken nothing for timeout_ms. */
enum status socket_send(struct socket *socket, uint8_t kind, struct str bytes, int timeout_ms, struct error *err);

/* Waits for a message. *ret_kind 0: the other side has ended the conversation between two messages. The bytes live until the
 * next call. ERR_BUSY after timeout_ms without a byte, ERR_UNAVAILABLE where it ends within a message, ERR_CORRUPT where the
 * size is more than it may be. No message has kind 0. */
enum status socket_receive(struct socket *socket, int timeout_ms, uint8_t *ret_kind, struct str *ret_bytes, struct error *err);

/* Ends the conversation for both sides, now, also while another thread waits in it. The socket is released later. */
void socket_shutdown(struct socket *socket);
void socket_release(struct socket *socket); /* Accepts the empty value. */

/* ---- The end that listens ---- */

struct socket_listener {
    struct io *io;
    int        fd;
    char      *path;
};
#define SOCKET_LISTENER_EMPTY ((struct socket_listener){ .fd = -1 })

/* Takes the path's place from one that a process left when it ended: the caller holds the lock of what the socket stands for,
 * so nobody else listens there. */
enum status socket_listen(struct socket_listener *listener, struct io *io, const char *path, struct error *err);

enum socket_event {
    SOCKET_CLIENT,  /* *ret_client is somebody new. */
    SOCKET_GONE,    /* `watched` has ended its side. */
    SOCKET_STOPPED, /* socket_listener_stop was called. */
};

/* Waits for what comes first. `watched` NULL: accepts the next client of this user (others are turned away). Else nobody is
 * accepted, new ones wait in line, and it is watched whether `watched` ends. */
enum status socket_listener_wait(struct socket_listener *listener, struct socket *watched, struct socket *ret_client,
                                 enum socket_event *ret_event, struct error *err);
/* From any thread: whoever waits now or later is told SOCKET_STOPPED. */
void socket_listener_stop(struct socket_listener *listener);
/* Removes the socket's file too. Accepts the empty value. */
void socket_listener_release(struct socket_listener *listener);

#endif
