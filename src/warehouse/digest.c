#include "warehouse/digest_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "warehouse/reproduce.h"
#include "warehouse/schema.h"

/* The tables without an entity; those of entities follow. */
enum { DIGEST_IDENTIFIER, DIGEST_MERGE, DIGEST_ENTITY };

/* ---- What is digested ---- */

static const char *
table_name(const struct model *model, uint32_t table, char out[160])
{
    if (table == DIGEST_IDENTIFIER)
        return "core.person_identifier";
    if (table == DIGEST_MERGE)
        return "core.person_merge";
    snprintf(out, 160, "core.\"%s_version\"", model->entities[table - DIGEST_ENTITY].name);
    return out;
}

/* What a change writes, as SQL; NULL: it leaves the column. */
struct changed {
    const char *person_id, *valid_to, *is_current;
};

static void
append_one(struct str_builder *out, const char *column, const char *changed)
{
    if (changed == NULL)
        str_builder_printf(out, ", c.%s", column);
    else
        str_builder_printf(out, ", %s", changed);
}

/* All that content means of the rows `c`: not when and by which run a row was recorded. In the order that hashes depend on. */
static void
append_columns(const struct model *model, uint32_t table, const struct changed *changed, struct str_builder *out)
{
    if (table == DIGEST_IDENTIFIER) {
        str_builder_append_cstr(out, "c.identifier_system, c.identifier_value, c.provisional_person_id");
        append_one(out, "person_id", changed->person_id);
        return;
    }
    if (table == DIGEST_MERGE) {
        str_builder_append_cstr(out, "c.from_person_id, c.to_person_id");
        return;
    }
    const struct entity *entity = &model->entities[table - DIGEST_ENTITY];
    columns_append(out, entity, NULL, entity->column_count, "c.", "", ", ");
    if (entity_has_person(entity))
        append_one(out, "person_id", changed->person_id);
    str_builder_append_cstr(out, ", c.source, c.file, c.position, c.length, c.row_number, c.content_hash");
    if (entity->kind == ENTITY_DIMENSION) {
        append_one(out, "valid_from", NULL);
        append_one(out, "valid_to", changed->valid_to);
    }
    append_one(out, "is_current", changed->is_current);
}

/* How many rows, and the sum of their hashes. */
#define SUM_OF(columns_) "count(*), hd_digest(hd_row_hash(" columns_ "))"

/* Fills in {table}, {hashed} and {becoming}, and runs a statement that gives one row: a count and `sum_count` sums. */
static enum status
sum(struct db_connection *connection, struct sql_names *names, const struct model *model, uint32_t table, const struct changed *changed,
    const char *sql, int64_t *ret_row_count, struct hash128 *ret_sums, uint32_t sum_count, struct error *err)
{
    static const struct changed NOTHING = { 0 };
    struct str_builder          columns = STR_BUILDER_EMPTY, becoming = STR_BUILDER_EMPTY;
    struct db_result            result    = DB_RESULT_EMPTY;
    uint32_t                    row_count = 0;
    char                        name[160];

    append_columns(model, table, &NOTHING, &columns);
    append_columns(model, table, changed, &becoming);
    sql_set(names, "table", str_from(table_name(model, table, name)));
    sql_set(names, "hashed", str_from(str_builder_cstr(&columns)));
    sql_set(names, "becoming", str_from(str_builder_cstr(&becoming)));
    enum status status = str_builder_is_ok(&columns) ? str_builder_status(&becoming, err) : error_no_memory(err);
    if (status == ST_OK)
        status = sql_query(connection, names, &result, err, sql);
    if (status == ST_OK)
        status = db_next(&result, &row_count, err);
    if (status == ST_OK && row_count != 1)
        status = error_set(err, ERR_INTERNAL, "the digest of %s has %u rows", table_name(model, table, name), row_count);
    if (status == ST_OK)
        *ret_row_count = db_int64(&result, 0, 0);
    for (uint32_t i = 0; status == ST_OK && i < sum_count; i++) {
        if (!hash128_parse(db_text(&result, 1 + i, 0), &ret_sums[i]))
            status = error_set(err, ERR_INTERNAL, "the digest of %s is none", table_name(model, table, name));
    }
    db_result_release(&result);
    str_builder_release(&columns);
    str_builder_release(&becoming);
    return status;
}

/* ---- A run's ---- */

static const char BEFORE[] =
    "SELECT table_name, row_count, digest FROM meta.run_digest WHERE run_id = (\n"
    "  SELECT b.run_id FROM meta.run b, meta.run r WHERE r.run_id = {run_id} AND b.run_id = r.parent_run_id\n"
    "  AND b.model_digest = r.model_digest AND b.program_version = r.program_version)";

static void
take_before(struct run *run, struct str name, int64_t row_count, struct str digest)
{
    const struct model *model = run->graph->model;
    struct hash128      sum   = { 0 };
    char                own[160];

    if (!hash128_parse(digest, &sum))
        return;
    for (uint32_t table = 0; table < DIGEST_ENTITY + model->entity_count; table++)
        if (str_equal(name, str_from(table_name(model, table, own))))
            run->digests[table] = (struct run_digest){ .is_known = true, .row_count = row_count, .sum = sum };
}

enum status
digest_begin(struct run *run, struct error *err)
{
    struct db_result result    = DB_RESULT_EMPTY;
    uint32_t         row_count = 1;
    enum status      status    = ST_OK;

    run->digests = ARENA_ARRAY(&run->arena, struct run_digest, DIGEST_ENTITY + run->graph->model->entity_count);
    if (run->digests == NULL)
        return error_no_memory(err);
    if (run->options->manifest != NULL) /* G3 */
        return ST_OK;
    status = sql_query(run->connection, &run->names, &result, err, BEFORE);
    while (status == ST_OK && row_count != 0) {
        status = db_next(&result, &row_count, err);
        for (uint32_t row = 0; status == ST_OK && row < row_count; row++)
            take_before(run, db_text(&result, 0, row), db_int64(&result, 1, row), db_text(&result, 2, row));
    }
    db_result_release(&result);
    return status;
}

/* G2: rows of `c`, each joined to one row that says what it becomes. */
static enum status
change(struct run *run, struct sql_names *names, uint32_t table, const struct changed *changed, const char *sql, struct error *err)
{
    struct hash128 sums[2];
    int64_t        row_count = 0;

    if (!run->digests[table].is_known)
        return ST_OK;
    enum status status = sum(run->connection, names, run->graph->model, table, changed, sql, &row_count, sums, 2, err);
    if (status == ST_OK) {
        hash128_subtract(&run->digests[table].sum, sums[0]);
        hash128_add(&run->digests[table].sum, sums[1]);
    }
    return status;
}

#define OLD_AND_NEW "SELECT " SUM_OF("{hashed}") ", hd_digest(hd_row_hash({becoming})) FROM {table} c\n"

enum status
digest_join_persons(struct run *run, struct error *err)
{
    static const struct changed MOVED       = { .person_id = "m.to_person_id" };
    const struct model         *model       = run->graph->model;
    int64_t                     moved_count = 0;
    enum status                 status      = sql_int64(run->connection, &run->names, &moved_count, err, "SELECT count(*) FROM {run}.person_moved");

    if (status != ST_OK || moved_count == 0)
        return status;
    status = change(run, &run->names, DIGEST_IDENTIFIER, &MOVED, OLD_AND_NEW "JOIN {run}.person_moved m ON c.person_id = m.from_person_id AND m.is_known", err);
    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++)
        if (entity_has_person(&model->entities[i]))
            status = change(run, &run->names, DIGEST_ENTITY + i, &MOVED, OLD_AND_NEW "JOIN {run}.person_moved m ON c.person_id = m.from_person_id", err);
    return status;
}

enum status
digest_close_versions(struct run *run, struct sql_names *names, const struct entity *entity, struct error *err)
{
    static const struct changed CLOSED = { .valid_to = "n.next_time", .is_current = "false" };

    return change(run, names, DIGEST_ENTITY + (uint32_t)(entity - run->graph->model->entities), &CLOSED,
                  OLD_AND_NEW "JOIN {closed} n ON c.rowid = n.stored_id", err);
}

static enum status
write_one(struct run *run, uint32_t table, struct error *err)
{
    static const struct changed NOTHING = { 0 };
    struct run_digest          *digest  = &run->digests[table];
    struct hash128              gained  = { 0 };
    int64_t                     count   = 0;
    char                        name[160], text[HASH128_TEXT_SIZE];
    enum status                 status = sum(run->connection, &run->names, run->graph->model, table, &NOTHING,
                                             digest->is_known ? "SELECT " SUM_OF("{hashed}") " FROM {table} c WHERE c.recorded_from = {now}"
                                                              : "SELECT " SUM_OF("{hashed}") " FROM {table} c",
                                             &count, &gained, 1, err);

    if (status != ST_OK)
        return status;
    digest->row_count += count;
    hash128_add(&digest->sum, gained);
    hash128_print(digest->sum, text);
    sql_set_text(&run->names, "name", str_from(table_name(run->graph->model, table, name)));
    sql_setf(&run->names, "count", "%" PRId64, digest->row_count);
    sql_set_text(&run->names, "digest", str_from(text));
    return sql_run(run->connection, &run->names, err, "INSERT INTO meta.run_digest VALUES ({run_id}, {name}, {count}, {digest})");
}

enum status
digest_write(struct run *run, struct error *err)
{
    enum status status = ST_OK;

    for (uint32_t table = 0; status == ST_OK && table < DIGEST_ENTITY + run->graph->model->entity_count; table++)
        status = write_one(run, table, err);
    return status;
}

/* ---- What lies in the file ---- */

static const char LAST[] = "SELECT row_count, digest FROM meta.run_digest WHERE table_name = {name}\n"
                           "AND run_id = (SELECT max_by(run_id, number) FROM meta.run WHERE published)";

/* The table as the last run left it, read whole, against what that run said of it. */
static enum status
check_table(struct db_connection *connection, struct sql_names *names, const struct model *model, uint32_t table, struct error *err)
{
    static const struct changed NOTHING = { 0 };
    struct db_result            last = DB_RESULT_EMPTY;
    struct hash128              is   = { 0 };
    int64_t                     count = 0;
    uint32_t                    row_count = 0;
    char                        buffer[160], text[HASH128_TEXT_SIZE];
    const char                 *name = table_name(model, table, buffer);

    sql_set_text(names, "name", str_from(name));
    enum status status = sql_query(connection, names, &last, err, LAST);
    if (status == ST_OK)
        status = db_next(&last, &row_count, err);
    if (status == ST_OK && row_count == 1)
        status = sum(connection, names, model, table, &NOTHING, "SELECT " SUM_OF("{hashed}") " FROM {table} c", &count, &is, 1, err);
    hash128_print(is, text);
    if (status == ST_OK && row_count == 1 && (db_int64(&last, 0, 0) != count || !str_equal(db_text(&last, 1, 0), str_from(text)))) {
        status = error_set(err, ERR_NO, "the warehouse is not as its last run left it: %s has %" PRId64 " rows, digest %s, and had %" PRId64
                           " rows, digest %.*s", name, count, text, db_int64(&last, 0, 0), STR_PRINTF(db_text(&last, 1, 0)));
        error_hint(err, "the file was written to by something besides heddle: put a copy of it back, or make it anew from the same files");
    }
    db_result_release(&last);
    return status;
}

enum status
digest_check(struct db_connection *connection, const struct model *model, struct error *err)
{
    struct sql_names names;
    char             digest[HASH128_TEXT_SIZE];
    int64_t          is_same = 0;

    hash128_print(model->digest, digest);
    enum status status = db_query_int64(connection, &is_same, err,
                                        "SELECT count(*) FROM (SELECT max_by(model_digest, number) AS digest FROM meta.run WHERE published) WHERE digest = '%s'",
                                        digest);
    if (status != ST_OK || is_same == 0)
        return status;
    sql_names_init(&names);
    for (uint32_t table = 0; status == ST_OK && table < DIGEST_ENTITY + model->entity_count; table++)
        status = check_table(connection, &names, model, table, err);
    sql_names_release(&names);
    return status;
}
