/* Keys and what is done with them, through OpenSSL.
 *
 * A key is 32 random bytes. Its reference stands in the configuration, never the key: "file:PATH" (64 hex digits,
 * or 32 raw bytes) or "env:NAME" (64 hex digits). A key file must be a regular file of mode 0600 or stricter that
 * belongs to this user or to root. No function here says anything about a key's bytes. */
#ifndef HEDDLE_IO_KEY_H
#define HEDDLE_IO_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

#define KEY_SIZE 32

struct key {
    uint8_t bytes[KEY_SIZE];
};

/* Reads a key. `folder` is where a relative PATH starts (NULL: the working folder). ERR_KEY where there is none,
 * it is open to others, or it is not a key. The caller wipes it with key_clear. */
enum status key_read(struct io *io, struct str reference, const char *folder, struct key *ret_key, struct error *err);

/* Makes a new random key and writes it to a new file of mode 0600, as hex, on disk when it returns; ERR_IO where
 * the file is there already. The file is there with the whole key or not at all, for a cut one would be refused by all further starts. */
enum status key_create(struct io *io, const char *path, struct key *ret_key, struct error *err);

/* Reads the key; a file that is not there is made. For what is opened for the first time: whoever has sealed something must
 * use key_read_kept, for a new key opens nothing. */
enum status key_obtain(struct io *io, struct str reference, const char *folder, struct key *ret_key, bool *ret_is_new,
                       struct error *err);

/* As key_read, of the key of something that is there already, such as "the store": where the file is not there the hint is to
 * put it back instead of making one. */
enum status key_read_kept(struct io *io, struct str reference, const char *folder, const char *what, struct key *ret_key,
                          struct error *err);

void key_clear(struct key *key);

/* Bytes from the system's cryptographic generator. */
enum status key_random(void *out, size_t size, struct error *err);

#define SHA256_SIZE 32
enum status sha256(const void *data, size_t size, uint8_t out[SHA256_SIZE], struct error *err);
enum status hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, uint8_t out[SHA256_SIZE],
                        struct error *err);

/* SHA-256 of bytes that come in pieces. */
struct sha256_stream;
struct sha256_stream *sha256_begin(void); /* NULL: no memory. */
enum status           sha256_add(struct sha256_stream *stream, const void *data, size_t size, struct error *err);
/* Frees the stream in any case. */
enum status sha256_end(struct sha256_stream *stream, uint8_t out[SHA256_SIZE], struct error *err);
void        sha256_free(struct sha256_stream *stream);

/* AES-256-GCM (NIST SP 800-38D) of bytes that come in pieces. A nonce must never be used twice with one key; the tag also covers `extra`,
 * which is not encrypted. */
#define SEAL_NONCE_SIZE 12
#define SEAL_TAG_SIZE   16
struct sealing;
/* NULL: failed. */
struct sealing *sealing_begin(const struct key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct str extra, struct error *err);
/* `out` has room for as many bytes. */
enum status     sealing_add(struct sealing *sealing, struct str clear, void *out, struct error *err);
/* Frees it in any case. */
enum status     sealing_end(struct sealing *sealing, uint8_t tag[SEAL_TAG_SIZE], struct error *err);
void            sealing_free(struct sealing *sealing);
/* ERR_CORRUPT where the bytes, the tag, the nonce, the extra text and the key do not belong together; `out` is
 * then wiped. */
enum status unseal(const struct key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct str extra, struct str sealed,
                   const uint8_t tag[SEAL_TAG_SIZE], uint8_t *out, struct error *err);

#endif
