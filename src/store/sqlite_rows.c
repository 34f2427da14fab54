/* Tables that steps write: <name>_revisions, and the view <name> of the newest revision a key. */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/str_builder.h"
#include "store/sqlite_int.h"

static const char *
affinity(struct type type)
{
    switch (type.kind) {
    case TYPE_BOOL:
    case TYPE_INT64:
    case TYPE_TIMESTAMP:
    case TYPE_DATE:
        return "integer";
    case TYPE_DOUBLE:
        return "real";
    case TYPE_DECIMAL: /* Exact, as text. */
    case TYPE_TEXT:
    case TYPE_KIND_COUNT:
        break;
    }
    return "text";
}

/* Names are SQL identifiers by configuration and come quoted all the same. */
static void
make_table_sql(const struct store_table *table, struct str_builder *sql)
{
    str_builder_printf(sql, "create table \"%s_revisions\" (", table->name);
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        str_builder_printf(sql, "\"%s\" %s%s, ", table->schema->columns[i].name, affinity(table->schema->columns[i].type),
                           i < table->key_count ? " not null" : "");
    str_builder_append_cstr(sql, "epoch integer not null, primary key (");
    for (uint32_t i = 0; i < table->key_count; i++)
        str_builder_printf(sql, "\"%s\", ", table->schema->columns[i].name);
    str_builder_printf(sql, "revision)) without rowid; create view \"%s\" as select a.* from \"%s_revisions\" a where a.revision = "
                            "(select max(b.revision) from \"%s_revisions\" b where ", table->name, table->name, table->name);
    for (uint32_t i = 0; i < table->key_count; i++)
        str_builder_printf(sql, "%sb.\"%s\" = a.\"%s\"", i > 0 ? " and " : "", table->schema->columns[i].name, table->schema->columns[i].name);
    str_builder_append_cstr(sql, ");");
}

/* Makes the table where it is not there; one of another definition moves aside first, under its digest. */
static enum status
ensure_table(struct sqlite_store *sqlite, const struct store_table *table, struct error *err)
{
    struct str_builder sql = STR_BUILDER_EMPTY;
    char               name[160], known[64], wanted[64];
    snprintf(name, sizeof(name), "table:%s", table->name);
    snprintf(wanted, sizeof(wanted), "%.*s", STR_PRINTF(table->definition_digest));
    enum status status = sqlite_meta(sqlite, name, known, sizeof(known), err);
    if (status != ST_OK || strcmp(known, wanted) == 0)
        return status;
    if (known[0] != '\0')
        str_builder_printf(&sql, "drop view \"%s\"; alter table \"%s_revisions\" rename to \"%s_%.8s_revisions\"; ", table->name, table->name,
                           table->name, known);
    make_table_sql(table, &sql);
    status = str_builder_status(&sql, err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, str_builder_cstr(&sql), err, "make a step's table");
    if (status == ST_OK)
        status = sqlite_meta_put(sqlite, name, wanted, err);
    str_builder_release(&sql);
    return status;
}

static void
bind_value(sqlite3_stmt *statement, int at, const struct vector *vector, uint32_t row, bool is_key)
{
    char text[DECIMAL_TEXT_SIZE];
    if (!vector_is_valid(vector, row)) {
        if (is_key)
            sqlite3_bind_text(statement, at, "", 0, SQLITE_STATIC);
        return; /* Unbound is NULL. */
    }
    switch (vector->type.kind) {
    case TYPE_BOOL:
        sqlite3_bind_int(statement, at, ((const uint8_t *)vector->data)[row]);
        break;
    case TYPE_INT64:
    case TYPE_TIMESTAMP:
        sqlite3_bind_int64(statement, at, ((const int64_t *)vector->data)[row]);
        break;
    case TYPE_DATE:
        sqlite3_bind_int(statement, at, ((const int32_t *)vector->data)[row]);
        break;
    case TYPE_DOUBLE:
        sqlite3_bind_double(statement, at, ((const double *)vector->data)[row]);
        break;
    case TYPE_DECIMAL:
        decimal_print(((const int64_t *)vector->data)[row], vector->type.scale, text);
        sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
        break;
    case TYPE_TEXT: {
        const struct text *value = &((const struct text *)vector->data)[row];
        sqlite3_bind_text64(statement, at, text_data(value), value->size, SQLITE_STATIC, SQLITE_UTF8);
        break;
    }
    case TYPE_KIND_COUNT:
        break;
    }
}

static enum status
insert_chunk(struct sqlite_store *sqlite, sqlite3_stmt *statement, const struct store_table *table, const struct chunk *chunk,
             uint64_t epoch, struct error *err)
{
    uint32_t    count = chunk->selection != NULL ? chunk->selected_count : chunk->row_count;
    uint32_t    column_count = table->schema->column_count;
    enum status status = ST_OK;
    for (uint32_t i = 0; i < count && status == ST_OK; i++) {
        uint32_t row = chunk->selection != NULL ? chunk->selection[i] : i;
        sqlite3_clear_bindings(statement);
        for (uint32_t column = 0; column < column_count; column++) {
            struct vector vector = chunk_vector(chunk, column);
            bind_value(statement, (int)column + 1, &vector, row, column < table->key_count);
        }
        sqlite3_bind_int64(statement, (int)column_count + 1, (sqlite3_int64)epoch);
        status = sqlite_step(sqlite, statement, err, "write a window's row");
    }
    return status;
}

enum status
sqlite_put_rows(struct sqlite_store *sqlite, const struct store_rows *rows, uint64_t epoch, struct error *err)
{
    const struct store_table *table = rows->table;
    struct str_builder        sql = STR_BUILDER_EMPTY;
    sqlite3_stmt             *statement = NULL;
    enum status               status = ensure_table(sqlite, table, err);
    if (status != ST_OK || rows->chunk_count == 0)
        return status;
    str_builder_printf(&sql, "insert into \"%s_revisions\" values (?", table->name);
    for (uint32_t i = 0; i < table->schema->column_count; i++)
        str_builder_append_cstr(&sql, ", ?");
    str_builder_append_char(&sql, ')');
    status = str_builder_status(&sql, err);
    if (status == ST_OK && sqlite3_prepare_v2(sqlite->db, sql.data, -1, &statement, NULL) != SQLITE_OK)
        status = sqlite_error(sqlite, err, "prepare a step's rows");
    for (size_t i = 0; i < rows->chunk_count && status == ST_OK; i++)
        status = insert_chunk(sqlite, statement, table, rows->chunks[i], epoch, err);
    sqlite3_finalize(statement);
    str_builder_release(&sql);
    return status;
}
