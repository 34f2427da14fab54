#include "warehouse/copy_int.h"

#include <errno.h>

#include "io/file.h"
#include "warehouse/file.h"
#include "warehouse/sql.h"

void
copy_path_beside(const struct graph_publish *publish, struct str_builder *out)
{
    str_builder_printf(out, "%.*s.new", STR_PRINTF(publish->path));
}

static enum status
take_key(struct io *io, const struct graph_publish *publish, struct key *ret_key, const struct key **ret_used, struct error *err)
{
    return encryption_take_key(io, &publish->encryption, publish->path.data, "the copy", ret_key, ret_used, err);
}

enum status
copy_check(struct io *io, const struct graph_publish *publish, struct error *err)
{
    struct key        key  = { { 0 } };
    const struct key *used = NULL;

    if (!publish->is_bound)
        return ST_OK;
    enum status status = take_key(io, publish, &key, &used, err);
    if (status != ST_OK)
        error_context(err, "reading the key of the warehouse's copy %.*s", STR_PRINTF(publish->path));
    key_clear(&key);
    return status;
}

/* A file and the log that belongs to it. */
static enum status
remove_file(struct io *io, const char *path, const char *end, struct error *err)
{
    struct str_builder name = STR_BUILDER_EMPTY;

    str_builder_printf(&name, "%s%s", path, end);
    enum status status = str_builder_status(&name, err);
    if (status == ST_OK && io->unlink(io, str_builder_cstr(&name)) != 0 && errno != ENOENT)
        status = io_error(err, "remove", str_builder_cstr(&name));
    str_builder_release(&name);
    return status;
}

static enum status
remove_both(struct io *io, const char *path, struct error *err)
{
    enum status status = remove_file(io, path, ".wal", err);
    return status == ST_OK ? remove_file(io, path, "", err) : status;
}

/* The log that somebody left who opened the old copy for writing would not fit the new one. */
static enum status
put_in_place(struct io *io, const char *from, const char *to, struct error *err)
{
    enum status status = remove_file(io, to, ".wal", err);

    if (status == ST_OK && io->rename(io, from, to) != 0)
        status = io_error(err, "rename to", to);
    return status == ST_OK ? io_folder_sync(io, to, err) : status;
}

/* ---- What the copy is of ---- */

#define COPIED_RUN "copied_run" /* In meta.warehouse: the run, the path and what the key is kept as, once the copy is in its place. */

static void
name_copy(const struct warehouse *warehouse, struct sql_names *names)
{
    const struct graph_publish *publish = &warehouse->options.graph->batch.warehouse.publish;

    sql_set_text(names, "path", publish->path);
    sql_set_text(names, "key", publish->encryption.is_encrypted ? publish->encryption.key.text : STR("none"));
}

enum copied { COPIED_NOT, COPIED_NEWEST, COPIED_NOTHING_THERE };

/* Whether what is noted is the last published run, where and how the binding wants it; COPIED_NOTHING_THERE: no run is published. */
static enum status
find_copied(struct warehouse *warehouse, int64_t *ret_copied, struct error *err)
{
    struct sql_names names;

    sql_names_init(&names);
    name_copy(warehouse, &names);
    sql_setf(&names, "newest", "%d", COPIED_NEWEST);
    sql_setf(&names, "nothing", "%d", COPIED_NOTHING_THERE);
    sql_setf(&names, "not", "%d", COPIED_NOT);
    enum status status = sql_int64(warehouse->connection, &names, ret_copied, err,
                                   "SELECT (CASE WHEN run_id IS NULL THEN {nothing}\n"
                                   "  WHEN concat_ws(' ', run_id, {path}, {key}) IN (SELECT value FROM meta.warehouse WHERE name = '" COPIED_RUN "') THEN {newest} ELSE {not} END)::BIGINT\n"
                                   "FROM (SELECT max_by(run_id, number) AS run_id FROM meta.run WHERE published)");
    sql_names_release(&names);
    return status;
}

static enum status
note_copied(struct warehouse *warehouse, struct error *err)
{
    struct sql_names names;

    sql_names_init(&names);
    name_copy(warehouse, &names);
    enum status status = sql_run(warehouse->connection, &names, err,
                                 "BEGIN; DELETE FROM meta.warehouse WHERE name = '" COPIED_RUN "';\n"
                                 "INSERT INTO meta.warehouse SELECT '" COPIED_RUN "', concat_ws(' ', max_by(run_id, number), {path}, {key}) FROM meta.run WHERE published; COMMIT");
    if (status != ST_OK)
        db_run(warehouse->connection, STR("ROLLBACK"), NULL);
    sql_names_release(&names);
    return status;
}

void
copy_catch_up(struct warehouse *warehouse)
{
    const struct graph_publish *publish = &warehouse->options.graph->batch.warehouse.publish;
    struct io                  *io      = warehouse->options.io;
    struct stat                 info;
    int64_t                     copied;

    if (!publish->is_bound || find_copied(warehouse, &copied, NULL) != ST_OK || copied == COPIED_NOTHING_THERE)
        return;
    if (copied == COPIED_NOT || (io->stat(io, publish->path.data, &info) != 0 && errno == ENOENT))
        copy_leave(warehouse, NULL);
}

enum status
copy_leave(struct warehouse *warehouse, struct error *err)
{
    const struct graph_publish *publish = &warehouse->options.graph->batch.warehouse.publish;
    struct io                  *io      = warehouse->options.io;
    struct str_builder          beside  = STR_BUILDER_EMPTY;
    struct key                  key     = { { 0 } };
    const struct key           *used    = NULL;

    if (!publish->is_bound)
        return ST_OK;
    copy_path_beside(publish, &beside);
    enum status status = str_builder_status(&beside, err);
    if (status == ST_OK)
        status = remove_both(io, str_builder_cstr(&beside), err);
    if (status == ST_OK)
        status = take_key(io, publish, &key, &used, err);
    if (status == ST_OK)
        status = db_copy(warehouse->connection, str_builder_cstr(&beside), used, err);
    key_clear(&key);
    if (status == ST_OK)
        status = put_in_place(io, str_builder_cstr(&beside), publish->path.data, err);
    if (status == ST_OK)
        status = note_copied(warehouse, err);
    if (status != ST_OK && str_builder_is_ok(&beside))
        remove_both(io, str_builder_cstr(&beside), NULL);
    str_builder_release(&beside);
    return status;
}
