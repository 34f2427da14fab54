#include "io/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/memory.h"
#include "io/file.h"
#include "io/key_int.h"
#include "io/stream.h"

#define KEY_HEX_SIZE (2 * KEY_SIZE)
/* Room for hex and a line end; anything longer is not a key. */
#define KEY_TEXT_MAX (KEY_HEX_SIZE + 2)
#define CIPHER_PIECE_SIZE ((size_t)1 << 30)

void
key_clear(struct key *key)
{
    memory_wipe(key, sizeof *key);
}

static enum status
crypto_failed(const char *what, struct error *err)
{
    return error_set(err, ERR_INTERNAL, "OpenSSL failed to %s", what);
}

/* ---- Reading and making keys ---- */

static enum status
key_parse(struct str text, bool may_be_raw, const char *name, struct key *ret_key, struct error *err)
{
    struct str trimmed = str_trim(text);
    if (may_be_raw && text.size == KEY_SIZE) {
        memcpy(ret_key->bytes, text.data, KEY_SIZE);
        return ST_OK;
    }
    if (trimmed.size == KEY_HEX_SIZE && hex_decode(trimmed, ret_key->bytes, KEY_SIZE))
        return ST_OK;
    key_clear(ret_key);
    error_set(err, ERR_KEY, "%s does not hold a key", name);
    error_hint(err, "a key is 64 hex digits: make one with \"openssl rand -hex 32\"");
    return ST_ERROR;
}

static enum status
key_from_environment(const char *name, struct key *ret_key, struct error *err)
{
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        error_set(err, ERR_KEY, "the environment variable %s is not set", name);
        error_hint(err, "set it to the key: 64 hex digits");
        return ST_ERROR;
    }
    return key_parse(str_from(value), false, name, ret_key, err);
}

enum status
key_check_access(struct io *io, int fd, const char *path, struct error *err)
{
    struct stat info;
    if (io->fstat(io, fd, &info) != 0)
        return io_error(err, "look at", path);
    if ((info.st_mode & 077) != 0) {
        error_set(err, ERR_KEY, "the key file %s can be read by others (mode %03o)", path,
                  (unsigned)info.st_mode & 0777);
        error_hint(err, "chmod 600 %s", path);
        return ST_ERROR;
    }
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return error_set(err, ERR_KEY, "the key file %s belongs to another user", path);
    return ST_OK;
}

static enum status
read_key_file(struct file_reader *reader, struct io *io, const char *path, struct key *ret_key, struct error *err)
{
    char   text[KEY_TEXT_MAX + 1];
    size_t size;
    if (key_check_access(io, reader->fd, path, err) != ST_OK)
        return ST_ERROR;
    if (file_reader_read(reader, text, sizeof text, &size, err) != ST_OK)
        return ST_ERROR;
    enum status status = key_parse(str_of(text, size), true, path, ret_key, err);
    memory_wipe(text, sizeof text);
    return status;
}

static enum status
key_from_file(struct io *io, const char *path, struct key *ret_key, struct error *err)
{
    struct file_reader reader   = FILE_READER_EMPTY;
    struct error       open_err = ERROR_EMPTY;
    struct stat        info;
    if (file_reader_open(&reader, io, path, 0, &open_err) != ST_OK) {
        if (open_err.code == ERR_NOT_FOUND) {
            error_set(err, ERR_KEY, "there is no key file %s", path);
            error_hint(err, "make one with \"(umask 077; openssl rand -hex 32 > %s)\"", path);
        } else if (io->stat(io, path, &info) == 0 && !S_ISREG(info.st_mode)) {
            error_set(err, ERR_KEY, "the key %s is not a regular file", path);
        } else if (err != NULL) {
            *err = open_err;
        }
        return ST_ERROR;
    }
    enum status status = read_key_file(&reader, io, path, ret_key, err);
    file_reader_release(&reader);
    return status;
}

enum status
key_name(struct str reference, const char *folder, char name[PATH_SIZE_MAX], bool *ret_is_file, struct error *err)
{
    bool is_file = str_starts_with(reference, STR("file:"));
    if (!is_file && !str_starts_with(reference, STR("env:")))
        return error_set(err, ERR_CONFIG, "a key is written as \"file:PATH\" or \"env:NAME\"");
    struct str rest        = str_slice(reference, is_file ? strlen("file:") : strlen("env:"), reference.size);
    bool       is_relative = is_file && folder != NULL && !str_starts_with(rest, STR("/"));
    int size = snprintf(name, PATH_SIZE_MAX, "%s%s%.*s", is_relative ? folder : "", is_relative ? "/" : "", STR_PRINTF(rest));
    if (rest.size == 0 || size < 0 || size >= PATH_SIZE_MAX)
        return error_set(err, ERR_CONFIG, "a key's reference names nothing, or is too long");
    *ret_is_file = is_file;
    return ST_OK;
}

enum status
key_read(struct io *io, struct str reference, const char *folder, struct key *ret_key, struct error *err)
{
    char       name[PATH_SIZE_MAX];
    struct key key;
    bool       is_file;
    if (key_name(reference, folder, name, &is_file, err) != ST_OK)
        return ST_ERROR;
    enum status status = is_file ? key_from_file(io, name, &key, err) : key_from_environment(name, &key, err);
    if (status == ST_OK)
        *ret_key = key;
    key_clear(&key);
    return status;
}

enum status
key_read_kept(struct io *io, struct str reference, const char *folder, const char *what, struct key *ret_key, struct error *err)
{
    char        name[PATH_SIZE_MAX];
    struct stat info;
    bool        is_file;
    enum status status = key_read(io, reference, folder, ret_key, err);
    if (status != ST_OK && key_name(reference, folder, name, &is_file, NULL) == ST_OK && is_file && io->stat(io, name, &info) != 0
        && errno == ENOENT)
        error_hint(err, "%s is there and was made with that key: put it back, a new one would not fit", what);
    return status;
}

enum status
key_obtain(struct io *io, struct str reference, const char *folder, struct key *ret_key, bool *ret_is_new, struct error *err)
{
    char        name[PATH_SIZE_MAX];
    struct stat info;
    bool        is_file;
    if (key_name(reference, folder, name, &is_file, err) != ST_OK)
        return ST_ERROR;
    *ret_is_new = is_file && io->stat(io, name, &info) != 0 && errno == ENOENT;
    return *ret_is_new ? key_create(io, name, ret_key, err) : key_read(io, reference, folder, ret_key, err);
}

enum status
key_random(void *out, size_t size, struct error *err)
{
    if (size > INT_MAX || RAND_bytes(out, (int)size) != 1)
        return crypto_failed("give random bytes", err);
    return ST_OK;
}

enum status
key_create(struct io *io, const char *path, struct key *ret_key, struct error *err)
{
    struct key key;
    char       text[KEY_HEX_SIZE + 2];
    if (key_random(key.bytes, sizeof key.bytes, err) != ST_OK)
        return ST_ERROR;
    hex_encode(key.bytes, sizeof key.bytes, text);
    memcpy(text + KEY_HEX_SIZE, "\n", 2);
    enum status status = io_file_create(io, path, text, KEY_HEX_SIZE + 1, 0600, err);
    if (status == ST_OK)
        *ret_key = key;
    memory_wipe(text, sizeof text);
    key_clear(&key);
    return status;
}

/* ---- Digests ---- */

enum status
sha256(const void *data, size_t size, uint8_t out[SHA256_SIZE], struct error *err)
{
    unsigned written;
    return EVP_Digest(data, size, out, &written, EVP_sha256(), NULL) == 1 ? ST_OK : crypto_failed("digest", err);
}

enum status
hmac_sha256(const void *key, size_t key_size, const void *data, size_t size, uint8_t out[SHA256_SIZE],
            struct error *err)
{
    unsigned written;
    if (key_size > INT_MAX || HMAC(EVP_sha256(), key, (int)key_size, data, size, out, &written) == NULL)
        return crypto_failed("sign", err);
    return ST_OK;
}

struct sha256_stream {
    EVP_MD_CTX *context;
};

void
sha256_free(struct sha256_stream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    memory_free(stream);
}

struct sha256_stream *
sha256_begin(void)
{
    struct sha256_stream *stream = memory_alloc_zero(sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->context = EVP_MD_CTX_new();
    if (stream->context == NULL || EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1) {
        sha256_free(stream);
        return NULL;
    }
    return stream;
}

enum status
sha256_add(struct sha256_stream *stream, const void *data, size_t size, struct error *err)
{
    return EVP_DigestUpdate(stream->context, data, size) == 1 ? ST_OK : crypto_failed("digest", err);
}

enum status
sha256_end(struct sha256_stream *stream, uint8_t out[SHA256_SIZE], struct error *err)
{
    unsigned written;
    int      result = EVP_DigestFinal_ex(stream->context, out, &written);
    sha256_free(stream);
    return result == 1 ? ST_OK : crypto_failed("digest", err);
}

/* ---- Sealing ---- */

/* `out` NULL: what is only covered. */
static bool
cipher_feed(EVP_CIPHER_CTX *context, struct str text, void *out)
{
    int written;
    return text.size == 0 || EVP_CipherUpdate(context, out, &written, (const unsigned char *)text.data, (int)text.size) == 1;
}

static EVP_CIPHER_CTX *
cipher_begin(const struct key *key, const uint8_t *nonce, bool is_sealing, struct str extra, struct error *err)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL) {
        error_no_memory(err);
        return NULL;
    }
    if (extra.size > INT_MAX || EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, nonce, is_sealing ? 1 : 0) != 1
        || !cipher_feed(context, extra, NULL)) {
        EVP_CIPHER_CTX_free(context);
        crypto_failed("start a cipher", err);
        return NULL;
    }
    return context;
}

struct sealing {
    EVP_CIPHER_CTX *context;
};

void
sealing_free(struct sealing *sealing)
{
    if (sealing == NULL)
        return;
    EVP_CIPHER_CTX_free(sealing->context);
    memory_free(sealing);
}

struct sealing *
sealing_begin(const struct key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct str extra, struct error *err)
{
    struct sealing *sealing = memory_alloc_zero(sizeof *sealing);
    if (sealing == NULL) {
        error_no_memory(err);
        return NULL;
    }
    sealing->context = cipher_begin(key, nonce, true, extra, err);
    if (sealing->context == NULL) {
        sealing_free(sealing);
        return NULL;
    }
    return sealing;
}

enum status
sealing_add(struct sealing *sealing, struct str clear, void *out, struct error *err)
{
    CHECK(clear.size <= INT_MAX);
    return cipher_feed(sealing->context, clear, out) ? ST_OK : crypto_failed("seal", err);
}

enum status
sealing_end(struct sealing *sealing, uint8_t tag[SEAL_TAG_SIZE], struct error *err)
{
    uint8_t rest[16];
    int     written;
    bool    is_sealed = EVP_CipherFinal_ex(sealing->context, rest, &written) == 1
                     && EVP_CIPHER_CTX_ctrl(sealing->context, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_SIZE, tag) == 1;
    sealing_free(sealing);
    return is_sealed ? ST_OK : crypto_failed("seal", err);
}

enum status
unseal(const struct key *key, const uint8_t nonce[SEAL_NONCE_SIZE], struct str extra, struct str sealed,
       const uint8_t tag[SEAL_TAG_SIZE], uint8_t *out, struct error *err)
{
    uint8_t         expected[SEAL_TAG_SIZE];
    uint8_t         rest[16];
    int             written;
    bool            is_fed  = true;
    enum status     status  = ST_OK;
    EVP_CIPHER_CTX *context = cipher_begin(key, nonce, false, extra, err);
    if (context == NULL)
        return ST_ERROR;
    memcpy(expected, tag, sizeof expected);
    for (size_t at = 0, end; at < sealed.size && is_fed; at = end) { /* A call takes no more than an int. */
        end    = sealed.size - at > CIPHER_PIECE_SIZE ? at + CIPHER_PIECE_SIZE : sealed.size;
        is_fed = cipher_feed(context, str_slice(sealed, at, end), out + at);
    }
    if (!is_fed || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, SEAL_TAG_SIZE, expected) != 1)
        status = crypto_failed("unseal", err);
    else if (EVP_CipherFinal_ex(context, rest, &written) != 1)
        status = error_set(err, ERR_CORRUPT, "sealed bytes were changed, or sealed with another key");
    if (status != ST_OK)
        memory_wipe(out, sealed.size);
    EVP_CIPHER_CTX_free(context);
    return status;
}
