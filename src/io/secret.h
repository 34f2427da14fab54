/* Texts that stand elsewhere than in the configuration, by reference: "file:PATH", absolute, or "env:NAME". No function here
 * says anything about what they hold. */
#ifndef HEDDLE_IO_SECRET_H
#define HEDDLE_IO_SECRET_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

enum secret_kind {
    SECRET_LINE,        /* A token, a password: one line, its end cut off. A file must be of mode 0600, as a key's. */
    SECRET_KEY,         /* A private key in PEM. Likewise of mode 0600. */
    SECRET_CERTIFICATE, /* Certificates in PEM, which are no secret. */
};

struct secret {
    char  *text; /* With a NUL; NULL: empty. */
    size_t size;
};
#define SECRET_EMPTY ((struct secret){ NULL, 0 })

/* ERR_KEY where there is none, it is open to others, empty or too long, or no text of its kind. */
enum status secret_read(struct io *io, struct str reference, enum secret_kind kind, struct secret *ret_secret, struct error *err);

static inline struct str
secret_text(const struct secret *secret)
{
    return str_of(secret->text, secret->size);
}

/* Wipes it. Accepts the empty value. */
void secret_release(struct secret *secret);

#endif
