#include "io/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/key_int.h"
#include "io/stream.h"

void
secret_release(struct secret *secret)
{
    if (secret->text != NULL)
        memory_wipe(secret->text, secret->size);
    memory_free(secret->text);
    *secret = SECRET_EMPTY;
}

static enum status
read_file(struct io *io, const char *path, enum secret_kind kind, struct secret *secret, struct error *err)
{
    const size_t       size_max = kind == SECRET_LINE ? SECRET_TEXT_SIZE_MAX : CERTIFICATE_SIZE_MAX;
    struct file_reader reader   = FILE_READER_EMPTY;
    enum status        status   = file_reader_open(&reader, io, path, 0, err);

    if (status == ST_OK && kind != SECRET_CERTIFICATE)
        status = key_check_access(io, reader.fd, path, err);
    if (status == ST_OK) {
        secret->text = memory_alloc(size_max + 2);
        status       = secret->text == NULL ? error_no_memory(err) : file_reader_read(&reader, secret->text, size_max + 1, &secret->size, err);
    }
    file_reader_release(&reader);
    if (status != ST_OK) { /* What was not found is a secret that is missing, not a file of the pipeline. */
        if (err != NULL && err->code == ERR_NOT_FOUND)
            error_set(err, ERR_KEY, "there is no file %s", path);
        return status;
    }
    secret->text[secret->size] = '\0';
    return secret->size <= size_max ? ST_OK : error_set(err, ERR_KEY, "%s has more than %zu bytes", path, size_max);
}

static enum status
read_environment(const char *name, struct secret *secret, struct error *err)
{
    const char *value = getenv(name);

    if (value == NULL || value[0] == '\0') {
        error_set(err, ERR_KEY, "the environment variable %s is not set", name);
        error_hint(err, "set it for the process, or name a file of mode 0600 as \"file:PATH\"");
        return ST_ERROR;
    }
    secret->size = strlen(value);
    secret->text = memory_copy(value, secret->size);
    return secret->text == NULL ? error_no_memory(err) : ST_OK;
}

/* Within a header a control character would begin another one. */
static enum status
check_line(struct secret *secret, const char *name, struct error *err)
{
    while (secret->size > 0 && (secret->text[secret->size - 1] == '\n' || secret->text[secret->size - 1] == '\r'))
        secret->text[--secret->size] = '\0';
    if (secret->size == 0)
        return error_set(err, ERR_KEY, "%s is empty", name);
    for (size_t i = 0; i < secret->size; i++)
        if ((unsigned char)secret->text[i] < ' ' || secret->text[i] == 0x7f)
            return error_set(err, ERR_KEY, "%s is not one line of text", name);
    return ST_OK;
}

static enum status
check_pem(const struct secret *secret, const char *name, struct error *err)
{
    if (strlen(secret->text) == secret->size && strstr(secret->text, "-----BEGIN ") != NULL)
        return ST_OK;
    error_set(err, ERR_KEY, "%s has nothing in PEM", name);
    error_hint(err, "a file that has \"-----BEGIN \" in it");
    return ST_ERROR;
}

enum status
secret_read(struct io *io, struct str reference, enum secret_kind kind, struct secret *ret_secret, struct error *err)
{
    struct secret secret = SECRET_EMPTY;
    char          name[PATH_SIZE_MAX];
    bool          is_file;
    enum status   status = key_name(reference, NULL, name, &is_file, err);

    if (status == ST_OK)
        status = is_file ? read_file(io, name, kind, &secret, err) : read_environment(name, &secret, err);
    if (status == ST_OK)
        status = kind == SECRET_LINE ? check_line(&secret, name, err) : check_pem(&secret, name, err);
    if (status == ST_OK)
        *ret_secret = secret;
    else
        secret_release(&secret);
    return status;
}
