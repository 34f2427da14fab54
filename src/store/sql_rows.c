/* Tables that steps write: <name>_revisions, and the view <name> of the newest revision a key. */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "store/sql_int.h"

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
ensure_table(struct sql_store *sql, const struct store_table *table, struct str known, struct error *err)
{
    struct str_builder script = STR_BUILDER_EMPTY;
    char               name[160], wanted[64];
    enum status        status;

    if (str_equal(known, table->definition_digest))
        return ST_OK;
    snprintf(name, sizeof name, "table:%s", table->name);
    snprintf(wanted, sizeof wanted, "%.*s", STR_PRINTF(table->definition_digest));
    if (known.size > 0)
        str_builder_printf(&script, "drop view \"%s\"; alter table \"%s_revisions\" rename to \"%s_%.*s_revisions\"; ", table->name, table->name,
                           table->name, known.size > 8 ? 8 : (int)known.size, known.data);
    make_table_sql(table, &script);
    status = str_builder_status(&script, err);
    if (status == ST_OK)
        status = sql->driver->run(sql, str_builder_cstr(&script), "make a step's table", err);
    if (status == ST_OK)
        status = sql_meta_put(sql, name, wanted, err);
    str_builder_release(&script);
    return status;
}

/* Of the type's letter in struct sql_text. */
static char
letter_of(struct type type)
{
    const char *name = affinity(type);

    return *name == 'r' ? 'd' : *name;
}

static void
bind_value(struct sql_store *sql, struct sql_statement *statement, int at, const struct vector *vector, uint32_t row, bool is_key,
           char decimal[DECIMAL_TEXT_SIZE])
{
    const struct text *value;

    if (!vector_is_valid(vector, row)) {
        if (is_key && letter_of(vector->type) == 't')
            sql->driver->bind_text(statement, at, STR(""));
        return; /* Unbound is NULL. */
    }
    switch (vector->type.kind) {
    case TYPE_BOOL:
        sql->driver->bind_int(statement, at, ((const uint8_t *)vector->data)[row]);
        break;
    case TYPE_INT64:
    case TYPE_TIMESTAMP:
        sql->driver->bind_int(statement, at, ((const int64_t *)vector->data)[row]);
        break;
    case TYPE_DATE:
        sql->driver->bind_int(statement, at, ((const int32_t *)vector->data)[row]);
        break;
    case TYPE_DOUBLE:
        sql->driver->bind_double(statement, at, ((const double *)vector->data)[row]);
        break;
    case TYPE_DECIMAL:
        decimal_print(((const int64_t *)vector->data)[row], vector->type.scale, decimal);
        sql->driver->bind_text(statement, at, str_from(decimal));
        break;
    case TYPE_TEXT:
        value = &((const struct text *)vector->data)[row];
        sql->driver->bind_text(statement, at, str_of(text_data(value), value->size));
        break;
    case TYPE_KIND_COUNT:
        break;
    }
}

static enum status
insert_chunk(struct sql_store *sql, struct sql_statement *statement, const struct store_table *table, const struct chunk *chunk,
             uint64_t epoch, char (*decimals)[DECIMAL_TEXT_SIZE], struct error *err)
{
    uint32_t    count        = chunk->selection != NULL ? chunk->selected_count : chunk->row_count;
    uint32_t    column_count = table->schema->column_count;
    enum status status       = ST_OK;

    for (uint32_t i = 0; i < count && status == ST_OK; i++) {
        uint32_t row = chunk->selection != NULL ? chunk->selection[i] : i;
        for (uint32_t column = 0; column < column_count; column++) {
            struct vector vector = chunk_vector(chunk, column);
            bind_value(sql, statement, (int)column + 1, &vector, row, column < table->key_count, decimals[column]);
        }
        sql->driver->bind_int(statement, (int)column_count + 1, (int64_t)epoch);
        status = sql->driver->put(statement, "write a window's row", err);
    }
    return status;
}

static void
print_insert(const struct store_table *table, struct str_builder *text, struct str_builder *types)
{
    str_builder_printf(text, "insert into \"%s_revisions\" select ?1", table->name);
    for (uint32_t i = 0; i < table->schema->column_count; i++) {
        str_builder_printf(text, ", ?%u", i + 2);
        str_builder_append_char(types, letter_of(table->schema->columns[i].type));
    }
    str_builder_append_cstr(text, SQL_ROWS);
    str_builder_append_char(types, 'i');
}

enum status
sql_put_rows(struct sql_store *sql, const struct store_rows *rows, struct str known, uint64_t epoch, struct error *err)
{
    struct str_builder    text = STR_BUILDER_EMPTY, types = STR_BUILDER_EMPTY;
    struct sql_statement *statement = NULL;
    struct sql_text       insert;
    char(*decimals)[DECIMAL_TEXT_SIZE] = memory_alloc_array(rows->table->schema->column_count, DECIMAL_TEXT_SIZE);
    enum status status                 = decimals == NULL ? error_no_memory(err) : ensure_table(sql, rows->table, known, err);

    if (status == ST_OK && rows->chunk_count > 0) {
        print_insert(rows->table, &text, &types);
        status = str_builder_status(&text, err);
        if (status == ST_OK)
            status = str_builder_status(&types, err);
        if (status == ST_OK) {
            insert    = (struct sql_text){ str_builder_cstr(&text), str_builder_cstr(&types) };
            statement = sql->driver->prepare(sql, &insert, err);
            status    = statement == NULL ? ST_ERROR : ST_OK;
        }
        for (size_t i = 0; i < rows->chunk_count && status == ST_OK; i++)
            status = insert_chunk(sql, statement, rows->table, rows->chunks[i], epoch, decimals, err);
        sql->driver->finalize(statement);
    }
    memory_free(decimals);
    str_builder_release(&text);
    str_builder_release(&types);
    return status;
}
