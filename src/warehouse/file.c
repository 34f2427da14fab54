#include "warehouse/file.h"

#include <errno.h>
#include <string.h>

#include "io/file.h"
#include "io/stream.h"

/* How a DuckDB file begins: a checksum of 8 bytes, the magic, the version (8 bytes), flags (8 bytes, little-endian). This is
 * not encrypted. */
#define MAGIC_AT       8
#define FLAGS_AT       20
#define HEAD_SIZE      28
#define FLAG_ENCRYPTED 1

static const char MAGIC[] = "DUCK";

/* DuckDB opens a CSV, JSON or Parquet file, too: as views in memory, so that a run would be published and lost. */
static enum status
read_head(struct io *io, const char *path, bool *ret_is_encrypted, struct error *err)
{
    char               head[HEAD_SIZE] = "";
    size_t             size   = 0;
    struct file_reader reader = FILE_READER_EMPTY;
    enum status        status = file_reader_open(&reader, io, path, 0, err);

    if (status == ST_OK)
        status = file_reader_read(&reader, head, sizeof head, &size, err);
    file_reader_release(&reader);
    if (status == ST_OK && (size < sizeof head || memcmp(head + MAGIC_AT, MAGIC, sizeof MAGIC - 1) != 0)) {
        status = error_set(err, ERR_CORRUPT, "the file is there and is no DuckDB database");
        error_hint(err, "bind another path, or put the warehouse back that was there");
    }
    *ret_is_encrypted = (head[FLAGS_AT] & FLAG_ENCRYPTED) != 0;
    return status;
}

/* DuckDB would refuse both, too; this says what to write instead. */
static enum status
check_encryption(const struct graph_warehouse *bound, bool is_encrypted, struct error *err)
{
    if (is_encrypted == bound->encryption.is_encrypted)
        return ST_OK;
    if (is_encrypted) {
        error_set(err, ERR_KEY, "the warehouse is encrypted, and its binding says \"encryption\": \"none\"");
        error_hint(err, "write its \"key\" there instead, like \"key\": \"file:warehouse.key\"");
    } else {
        error_set(err, ERR_KEY, "the warehouse is not encrypted, and its binding has a key");
        error_hint(err, "bind another path, where the next run makes it anew and encrypted; or write \"encryption\": \"none\" in place of \"key\"");
    }
    return ST_ERROR;
}

enum status
warehouse_check_file(struct io *io, const struct graph_warehouse *bound, struct error *err)
{
    uint64_t    size         = 0;
    bool        is_encrypted = false;
    enum status status       = io_file_check_regular(io, bound->path.data, &size, err);

    if (status != ST_OK || size == 0)
        return status;
    status = read_head(io, bound->path.data, &is_encrypted, err);
    return status == ST_OK ? check_encryption(bound, is_encrypted, err) : status;
}

/* The key is made before the file, so what a start leaves that ends in between is a key that nothing is sealed under. */
enum status
encryption_take_key(struct io *io, const struct graph_encryption *encryption, const char *path, const char *what, struct key *ret_key,
                    const struct key **ret_used, struct error *err)
{
    const struct str reference = encryption->key.text;
    struct stat      info;
    bool             is_new = false;

    *ret_used = encryption->is_encrypted ? ret_key : NULL;
    if (!encryption->is_encrypted)
        return ST_OK;
    if (io->stat(io, path, &info) == 0)
        return key_read_kept(io, reference, NULL, what, ret_key, err);
    if (errno != ENOENT)
        return io_error(err, "look at", path);
    return key_obtain(io, reference, NULL, ret_key, &is_new, err);
}

enum status
warehouse_take_key(struct io *io, const struct graph_warehouse *bound, struct key *ret_key, const struct key **ret_used,
                   struct error *err)
{
    return encryption_take_key(io, &bound->encryption, bound->path.data, "the warehouse", ret_key, ret_used, err);
}
