#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "warehouse/db.h"
#include "warehouse/db_int.h"

struct db_appender {
    duckdb_appender appender;
    int64_t         waiting_bytes;
    bool            has_failed; /* A value of the current row was refused. */
};

static enum status
fail_append(struct db_appender *appender, struct error *err)
{
    duckdb_error_data data   = duckdb_appender_error_data(appender->appender);
    enum status       status = db_fail(err, duckdb_error_data_error_type(data), duckdb_error_data_message(data));

    duckdb_destroy_error_data(&data);
    error_context(err, "appending rows");
    return status;
}

enum status
db_appender_open(struct db_connection *connection, const char *catalog, const char *schema_name, const char *table_name,
                 struct db_appender **ret_appender, struct error *err)
{
    struct db_appender *appender = memory_alloc_zero(sizeof *appender);

    if (appender == NULL)
        return error_no_memory(err);
    if (duckdb_appender_create_ext(db_handle(connection), catalog, schema_name, table_name,
                                   &appender->appender) == DuckDBSuccess) {
        *ret_appender = appender;
        return ST_OK;
    }
    fail_append(appender, err);
    error_context(err, "opening table %s.%s for appending", schema_name, table_name);
    db_appender_free(appender);
    return ST_ERROR;
}

/* Of a value of a row; those of other kinds are not counted, for rows that are appended value by value have texts. */
#define ROW_VALUE_SIZE 16

static void
note(struct db_appender *appender, duckdb_state state)
{
    if (state != DuckDBSuccess)
        appender->has_failed = true;
}

void
db_row_int64(struct db_appender *appender, int64_t value)
{
    note(appender, duckdb_append_int64(appender->appender, value));
}

void
db_row_bool(struct db_appender *appender, bool value)
{
    note(appender, duckdb_append_bool(appender->appender, value));
}

void
db_row_text(struct db_appender *appender, struct str text)
{
    if (text.data == NULL)
        db_row_null(appender);
    else
        note(appender, duckdb_append_varchar_length(appender->appender, text.data, text.size));
    appender->waiting_bytes += (int64_t)text.size + ROW_VALUE_SIZE;
}

void
db_row_blob(struct db_appender *appender, struct str bytes)
{
    note(appender, duckdb_append_blob(appender->appender, bytes.data, bytes.size));
    appender->waiting_bytes += (int64_t)bytes.size + ROW_VALUE_SIZE;
}

void
db_row_time(struct db_appender *appender, int64_t time_us)
{
    note(appender, duckdb_append_timestamp(appender->appender, (duckdb_timestamp){.micros = time_us}));
}

void
db_row_date(struct db_appender *appender, int32_t days)
{
    note(appender, duckdb_append_date(appender->appender, (duckdb_date){.days = days}));
}

void
db_row_null(struct db_appender *appender)
{
    note(appender, duckdb_append_null(appender->appender));
}

enum status
db_row_end(struct db_appender *appender, struct error *err)
{
    note(appender, duckdb_appender_end_row(appender->appender));
    return appender->has_failed ? fail_append(appender, err) : ST_OK;
}

int64_t
db_appender_waiting(const struct db_appender *appender)
{
    return appender->waiting_bytes;
}

enum status
db_appender_flush(struct db_appender *appender, struct error *err)
{
    appender->waiting_bytes = 0;
    if (duckdb_appender_flush(appender->appender) != DuckDBSuccess)
        return fail_append(appender, err);
    return ST_OK;
}

void
db_appender_free(struct db_appender *appender)
{
    if (appender == NULL)
        return;
    if (appender->appender != NULL) {
        duckdb_appender_clear(appender->appender);
        duckdb_appender_destroy(&appender->appender);
    }
    memory_free(appender);
}
