#include "cli/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "io/file.h"
#include "cli/keys.h"
#include "io/key.h"
#include "io/walk.h"
#include "source/kafka/kafka.h"
#include "store/outbox.h"
#include "store/open.h"
#include "warehouse/ask.h"
#include "warehouse/file.h"

struct connector {
    struct io         *io;
    struct arena      *arena;
    struct connections list;
    size_t             capacity;
    bool               has_no_memory;
};

/* Takes the error over; `found` counts where there is none. */
static void
add(struct connector *connector, struct str what, struct str where, const char *found, const struct error *err)
{
    struct connections *list = &connector->list;
    if (list->count == connector->capacity) {
        size_t             capacity = connector->capacity * 2 + 16;
        struct connection *items    = ARENA_ARRAY(connector->arena, struct connection, capacity);
        if (items == NULL) {
            connector->has_no_memory = true;
            return;
        }
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items         = items;
        connector->capacity = capacity;
    }
    connector->has_no_memory |= found == NULL;
    list->wrong_count += err->code != ERR_NONE;
    list->items[list->count++] = (struct connection){ what, where, err->code == ERR_NONE ? str_from(found) : STR_EMPTY, *err };
}

/* Whether a file's first bytes can be read. */
static enum status
read_head(struct io *io, const char *path, struct error *err)
{
    char        bytes[16];
    int         fd = io->open(io, path, O_RDONLY, 0);
    enum status status = ST_OK;
    if (fd < 0)
        return io_error(err, "open", path);
    if (io->read(io, fd, bytes, sizeof(bytes)) < 0)
        status = io_error(err, "read", path);
    io->close(io, fd);
    return status;
}

static void
connect_input(struct connector *connector, const struct graph_source *source, const struct graph_input *input)
{
    struct error err  = ERROR_EMPTY;
    struct walk  walk = { 0 };
    enum status  status = walk_files(connector->io, input->path.data, connector->arena, &walk, &err);
    /* A folder that is not there is an input without files, as for a run. */
    if (status != ST_OK && err.code == ERR_NOT_FOUND) {
        error_clear(&err);
        status = ST_OK;
    }
    for (size_t i = 0; i < walk.count && status == ST_OK; i++)
        status = read_head(connector->io, walk.paths[i], &err);
    if (status == ST_OK && walk.count == 0 && input->is_empty_error) {
        error_set(&err, ERR_NOT_FOUND, "no file matches");
        error_hint(&err, "\"empty\": \"error\" of the input asks for one");
    }
    const char *found = walk.count == 0 ? "no file: counts 0" : arena_printf(connector->arena, "%zu %s", walk.count, walk.count == 1 ? "file" : "files");
    add(connector, source->name, input->path, found, &err);
}

static void
connect_kafka(struct connector *connector, const struct graph_source *source)
{
    struct error               err  = ERROR_EMPTY;
    const struct kafka_options with = { .io = connector->io, .binding = source };
    size_t                     topics = 0, partitions = 0;

    (void)kafka_probe(&with, &topics, &partitions, &err);
    add(connector, source->name, source->inputs[0].path,
        arena_printf(connector->arena, "%zu %s, %zu %s", topics, topics == 1 ? "topic" : "topics", partitions, partitions == 1 ? "partition" : "partitions"), &err);
}

static void
connect_source(struct connector *connector, const struct graph_source *source)
{
    if (source->inputs[0].type == GRAPH_INPUT_KAFKA) {
        connect_kafka(connector, source);
        return;
    }
    for (size_t i = 0; i < source->input_count; i++)
        connect_input(connector, source, &source->inputs[i]);
}

/* Whether the file is there; else whether its folder is, in which it will be made. */
static bool
is_there(struct connector *connector, const char *path, struct error *err)
{
    struct stat info;
    uint64_t    size;
    if (connector->io->stat(connector->io, path, &info) == 0) {
        (void)io_file_check_regular(connector->io, path, &size, err);
        return true;
    }
    int        number = errno;
    struct str whole  = str_from(path);
    size_t     slash  = str_find_last_byte(whole, '/');
    char      *folder = arena_cstr(connector->arena, str_slice(whole, 0, slash == STR_NOT_FOUND || slash == 0 ? 1 : slash));
    if (folder == NULL)
        connector->has_no_memory = true;
    else if (number != ENOENT) {
        errno = number;
        (void)io_error(err, "examine", path);
    } else if (connector->io->stat(connector->io, folder, &info) != 0)
        (void)io_error(err, "find the folder", folder);
    return false;
}

/* A key of what is there already (`user`, such as "the store") must be there too; else it is made with what it opens. */
static bool
connect_key(struct connector *connector, struct str what, const struct graph_secret *secret, const char *user, struct key *ret_key)
{
    struct error err = ERROR_EMPTY;
    bool         is_absent_file = false;
    if (secret->kind == GRAPH_SECRET_FILE && user == NULL)
        is_absent_file = !is_there(connector, secret->name.data, &err);
    if (!is_absent_file && err.code == ERR_NONE && user != NULL)
        (void)key_read_kept(connector->io, secret->text, NULL, user, ret_key, &err);
    else if (!is_absent_file && err.code == ERR_NONE)
        (void)key_read(connector->io, secret->text, NULL, ret_key, &err);
    add(connector, what, secret->text, is_absent_file ? "is made at the first start" : "readable", &err);
    return err.code == ERR_NONE && !is_absent_file;
}

static void
connect_warehouse(struct connector *connector, const struct graph_warehouse *warehouse)
{
    struct error err = ERROR_EMPTY;
    struct key   key = { { 0 } };
    struct db   *db  = NULL;
    bool         has_key = true;
    bool         is_made = is_there(connector, warehouse->path.data, &err);
    const char  *found   = is_made ? "a warehouse" : "is made by the first run";
    if (is_made && err.code == ERR_NONE)
        (void)warehouse_check_file(connector->io, warehouse, &err);
    if (warehouse->encryption.is_encrypted && err.code == ERR_NONE)
        has_key = connect_key(connector, warehouse->name, &warehouse->encryption.key, is_made ? "the warehouse" : NULL, &key);
    key_clear(&key);
    if (is_made && has_key && err.code == ERR_NONE && warehouse_open_read_only(connector->io, warehouse, &db, &err) != ST_OK &&
        err.code == ERR_BUSY) {
        found = "a warehouse that a process owns just now";
        error_clear(&err);
    }
    db_free(db);
    if (has_key || !is_made)
        add(connector, warehouse->name, warehouse->path, found, &err);
}

static void
connect_copy(struct connector *connector, const struct graph_publish *publish)
{
    struct error err     = ERROR_EMPTY;
    struct key   key     = { { 0 } };
    bool         is_made = is_there(connector, publish->path.data, &err);
    if (publish->encryption.is_encrypted)
        (void)connect_key(connector, STR("the warehouse's copy"), &publish->encryption.key, is_made ? "the copy" : NULL, &key);
    key_clear(&key);
    add(connector, STR("the warehouse's copy"), publish->path, is_made ? "is replaced by the next run" : "is made by the first run", &err);
}

static enum status
drop_rows(void *context, struct str bytes, struct error *err)
{
    (void)context, (void)bytes, (void)err;
    return ST_OK;
}

/* A constant shows nobody's data, so there is nothing to witness. */
static enum status
witness_nothing(void *context, struct str sql, struct error *err)
{
    (void)context, (void)sql, (void)err;
    return ST_OK;
}

/* Reading tells whether login, TLS, database and rights will do; what only the first start makes is said. */
static void
connect_server(struct connector *connector, const struct graph_store *store)
{
    struct error       err      = ERROR_EMPTY;
    uint64_t           count    = 0;
    bool               is_there = false;
    struct store_query query    = { .sql = STR("SELECT 1"), .rows = { .format = ROWS_JSON, .write = drop_rows }, .audit = witness_nothing };

    if (store_is_there(connector->io, store, &is_there, &err) == ST_OK && is_there)
        (void)store_query_graph(connector->io, store, &query, &count, &err);
    add(connector, store->name, store->schema, is_there ? "a store" : "is made at the first start", &err);
}

static void
connect_store(struct connector *connector, const struct graph_store *store)
{
    if (store->type == GRAPH_STORE_POSTGRES) {
        connect_server(connector, store);
        return;
    }
    struct error       err     = ERROR_EMPTY;
    struct key         key     = { { 0 } };
    uint64_t           count   = 0;
    bool               is_made = is_there(connector, store->path.data, &err);
    struct store_query query   = { .path = store->path.data, .sql = STR("SELECT 1"), .rows = { .format = ROWS_JSON, .write = drop_rows },
                                   .audit = witness_nothing };
    bool               has_key = true;
    if (store->encryption.is_encrypted) {
        has_key   = connect_key(connector, store->name, &store->encryption.key, is_made ? "the store" : NULL, &key);
        query.key = key.bytes;
    }
    if (is_made && has_key && err.code == ERR_NONE)
        (void)store_query_run(&query, &count, &err);
    if (has_key || !is_made)
        add(connector, store->name, store->path, is_made ? "a store" : "is made at the first start", &err);
    key_clear(&key);
}

static void
connect_file(struct connector *connector, struct str what, struct str path)
{
    struct error err     = ERROR_EMPTY;
    bool         is_made = is_there(connector, path.data, &err);
    int          fd      = is_made && err.code == ERR_NONE ? connector->io->open(connector->io, path.data, O_WRONLY | O_APPEND, 0) : -1;
    if (is_made && err.code == ERR_NONE && fd < 0)
        (void)io_error(&err, "append to", path.data);
    if (fd >= 0)
        connector->io->close(connector->io, fd);
    add(connector, what, path, is_made ? "can be appended to" : "is made when it is needed", &err);
}

static void
connect_route(struct connector *connector, const struct graph_route *route)
{
    struct error err = ERROR_EMPTY;

    if (route->type == GRAPH_ROUTE_FILE) {
        connect_file(connector, route->name, route->path);
        return;
    }
    (void)outbox_probe(connector->io, route, &err);
    add(connector, route->name, route->receiver.url, "answers", &err);
}

enum status
connect_all(struct io *io, const struct graph *graph, struct arena *arena, struct connections *ret_connections, struct error *err)
{
    struct connector connector = { .io = io, .arena = arena };
    struct key       key       = { { 0 } };
    for (size_t i = 0; graph->has_batch && i < graph->batch.source_count; i++)
        connect_source(&connector, &graph->batch.sources[i]);
    if (graph->has_batch)
        connect_warehouse(&connector, &graph->batch.warehouse);
    if (graph->has_batch && graph->batch.warehouse.publish.is_bound)
        connect_copy(&connector, &graph->batch.warehouse.publish);
    if (graph->has_streaming) {
        connect_source(&connector, &graph->streaming.source);
        connect_store(&connector, &graph->streaming.store);
        for (size_t i = 0; i < graph->streaming.route_count; i++)
            connect_route(&connector, &graph->streaming.routes[i]);
    }
    (void)connect_key(&connector, STR("the person key"), &graph->person_key, person_key_user(connector.io, graph), &key);
    key_clear(&key);
    connect_file(&connector, STR("the audit file"), graph->audit_path);
    if (connector.has_no_memory)
        return error_no_memory(err);
    *ret_connections = connector.list;
    return ST_OK;
}
