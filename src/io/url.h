/* Addresses of receivers, read by libcurl, which is also who uses them: so what is checked is where it goes. */
#ifndef HEDDLE_IO_URL_H
#define HEDDLE_IO_URL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

#define URL_HOST_SIZE_MAX 256

enum url_scheme {
    URL_HTTP,
    URL_HTTPS,
    URL_SMTP,  /* STARTTLS beyond loopback. */
    URL_SMTPS, /* TLS from the first byte. */
};

struct url {
    enum url_scheme scheme;
    char            host[URL_HOST_SIZE_MAX]; /* Without brackets. */
    bool            is_loopback; /* localhost, 127.0.0.0/8, ::1: never leaves this machine. */
};

/* ERR_CONFIG: not a URL, of another scheme, or with a user or password in it, which would then stand in files and messages.
 * The message has no part of the URL but its scheme, for a path may be a secret. */
enum status url_parse(struct str text, struct url *ret_url, struct error *err);

/* Whether what is sent there can be read on the way: clear text that leaves this machine. */
bool url_is_clear(const struct url *url);

#endif
