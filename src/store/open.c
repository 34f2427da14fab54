#include "store/open.h"

#include <errno.h>

#include "base/check.h"
#include "base/str_builder.h"
#include "io/file.h"
#include "io/key.h"
#include "io/secret.h"
#include "store/postgres.h"
#include "store/sqlite.h"

static enum status
look_for_file(struct io *io, const char *path, bool *ret_is_there, struct error *err)
{
    struct stat info;

    *ret_is_there = io->stat(io, path, &info) == 0;
    return *ret_is_there || errno == ENOENT ? ST_OK : io_error(err, "look at", path);
}

/* The key is made before the file, so what a start leaves that ends in between is a key that nothing is sealed under. */
static enum status
take_key(struct io *io, const struct graph_store *bound, struct key *ret_key, struct error *err)
{
    bool        is_there = false, is_new = false;
    enum status status = look_for_file(io, bound->path.data, &is_there, err);

    if (status == ST_OK)
        status = is_there ? key_read_kept(io, bound->encryption.key.text, NULL, "the store", ret_key, err)
                          : key_obtain(io, bound->encryption.key.text, NULL, ret_key, &is_new, err);
    return status;
}

enum status
store_lock_graph(struct io *io, const struct graph *graph, struct lock *ret_lock, struct error *err)
{
    struct str_builder path = STR_BUILDER_EMPTY;
    enum status        status;

    str_builder_printf(&path, "%s.lock", graph->streaming.store.path.data);
    status = str_builder_status(&path, err);
    if (status == ST_OK)
        status = lock_take(ret_lock, io, str_builder_cstr(&path), 0, err);
    if (status != ST_OK)
        error_context(err, "taking ownership of the store %.*s", STR_PRINTF(graph->streaming.store.path));
    str_builder_release(&path);
    return status;
}

static enum status
open_sqlite(struct io *io, const struct graph *graph, struct store **ret_store, struct error *err)
{
    const struct graph_store   *bound   = &graph->streaming.store;
    struct key                  key     = { { 0 } };
    struct sqlite_store_options options = { .path = bound->path.data, .pipeline = graph->name.data };
    uint64_t                    size;
    enum status                 status  = io_file_check_regular(io, bound->path.data, &size, err);

    if (status == ST_OK && bound->encryption.is_encrypted) {
        status      = take_key(io, bound, &key, err);
        options.key = key.bytes;
    }
    if (status == ST_OK)
        status = sqlite_store_open(&options, ret_store, err);
    key_clear(&key);
    return status;
}

static enum status
open_postgres(struct io *io, const struct graph *graph, struct store **ret_store, struct error *err)
{
    const struct graph_store *bound    = &graph->streaming.store;
    struct secret             conninfo = SECRET_EMPTY;
    enum status               status   = secret_read(io, bound->conninfo.text, SECRET_LINE, &conninfo, err);

    if (status == ST_OK)
        status = postgres_store_open(&(struct postgres_options){ conninfo.text, bound->schema.data, graph->name.data }, ret_store, err);
    secret_release(&conninfo);
    return status;
}

enum status
store_open_graph(struct io *io, const struct graph *graph, struct store **ret_store, struct error *err)
{
    const struct graph_store *bound = &graph->streaming.store;
    enum status               status;

    CHECK(graph->has_streaming);
    status = bound->type == GRAPH_STORE_POSTGRES ? open_postgres(io, graph, ret_store, err) : open_sqlite(io, graph, ret_store, err);
    if (status != ST_OK)
        error_at(err, bound->origin.file.data, bound->origin.line, bound->origin.column);
    return status;
}

/* ---- Beside the owner ---- */

enum status
store_is_there(struct io *io, const struct graph_store *bound, bool *ret_is_there, struct error *err)
{
    struct secret conninfo = SECRET_EMPTY;
    enum status   status;

    if (bound->type == GRAPH_STORE_SQLITE)
        return look_for_file(io, bound->path.data, ret_is_there, err);
    status = secret_read(io, bound->conninfo.text, SECRET_LINE, &conninfo, err);
    if (status == ST_OK)
        status = postgres_store_look(&(struct postgres_options){ conninfo.text, bound->schema.data, NULL }, ret_is_there, err);
    secret_release(&conninfo);
    return status;
}

static enum status
query_sqlite(struct io *io, const struct graph_store *bound, struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    struct key  key = { { 0 } };
    uint64_t    size;
    enum status status = io_file_check_regular(io, bound->path.data, &size, err);

    query->path = bound->path.data;
    if (status == ST_OK && bound->encryption.is_encrypted) {
        status     = key_read(io, bound->encryption.key.text, NULL, &key, err);
        query->key = key.bytes;
    }
    if (status == ST_OK)
        status = store_query_run(query, ret_row_count, err);
    key_clear(&key);
    return status;
}

enum status
store_query_graph(struct io *io, const struct graph_store *bound, struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    struct secret conninfo = SECRET_EMPTY;
    enum status   status;

    if (bound->type == GRAPH_STORE_SQLITE)
        return query_sqlite(io, bound, query, ret_row_count, err);
    status = secret_read(io, bound->conninfo.text, SECRET_LINE, &conninfo, err);
    if (status == ST_OK)
        status = postgres_query_run(&(struct postgres_options){ conninfo.text, bound->schema.data, NULL }, query, ret_row_count, err);
    secret_release(&conninfo);
    return status;
}
