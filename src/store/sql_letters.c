/* Dead letters that are retried: queued by a request, taken by an epoch, settled in that epoch's transaction (store.h). */
#include "base/check.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "store/digest.h"
#include "store/sql_int.h"

/* ---- The request ---- */

static enum status
refuse(const struct store_letter_place *place, struct str status, struct error *err)
{
    if (status.size > 0) {
        error_set(err, ERR_USAGE, "the record %.*s:%lld was too large, and only its beginning is kept: it cannot be retried",
                  STR_PRINTF(place->partition_id), (long long)place->position);
        error_hint(err, "let its sender send it again, in parts");
    } else {
        error_set(err, ERR_USAGE, "%.*s:%lld is a late event, and only dead letters are retried into the stream", STR_PRINTF(place->partition_id),
                  (long long)place->position);
        error_hint(err, "the rules have judged it; only its window was closed already");
    }
    return ST_ERROR;
}

/* Whether the letter at the place is open; what else there is is counted. */
static enum status
look(struct sql_store *sql, const struct store_retry *retry, const struct store_letter_place *place, struct store_retry_result *result,
     bool *ret_is_open, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_LETTER_FIND, err);
    enum status           status    = ST_OK;
    enum sql_step         step;

    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, retry->source, false);
    sql_bind_text(sql, statement, 2, place->partition_id, false);
    sql->driver->bind_int(statement, 3, place->position);
    step         = sql->driver->step(statement, "look for a letter", err);
    *ret_is_open = false;
    if (step == SQL_ROW) {
        struct str found = sql->driver->column_text(statement, 0);
        bool       is_whole = !str_equal(sql->driver->column_text(statement, 1), STR("too_large"));
        *ret_is_open = str_equal(found, STR("open"));
        if (found.size == 0 || !is_whole)
            status = refuse(place, found, err);
        else if (str_equal(found, STR("retried")))
            result->waiting++;
        else if (!*ret_is_open)
            result->settled++;
    } else if (step == SQL_DONE) {
        status = error_set(err, ERR_NOT_FOUND, "there is no letter %.*s:%lld", STR_PRINTF(place->partition_id), (long long)place->position);
        error_hint(err, "heddle letters list shows the names in its first column");
    } else {
        status = ST_ERROR;
    }
    sql->driver->reset(statement);
    return status;
}

static enum status
last_number(struct sql_store *sql, struct str source, int64_t *ret_number, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_LETTER_NUMBER, err);
    enum status   status    = ST_OK;

    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, source, false);
    if (sql->driver->step(statement, "number a letter", err) == SQL_ROW)
        *ret_number = sql->driver->column_int(statement, 0);
    else
        status = ST_ERROR;
    sql->driver->reset(statement);
    return status;
}

/* Queues and marks the open letters that are meant; `place` NULL: by the reason. */
static enum status
queue(struct sql_store *sql, const struct store_retry *retry, const struct store_letter_place *place, struct store_retry_result *result,
      struct error *err)
{
    static const enum sql_statement_name steps[] = { SQL_LETTER_QUEUE, SQL_LETTER_MARK };
    int64_t                            number  = 0;

    if (last_number(sql, retry->source, &number, err) != ST_OK)
        return ST_ERROR;
    for (int i = 0; i < 2; i++) {
        struct sql_statement *statement = sql_prepare(sql, steps[i], err);
        if (statement == NULL)
            return ST_ERROR;
        sql_bind_text(sql, statement, 1, retry->source, false);
        sql_bind_text(sql, statement, 2, retry->reason_code, true);
        if (place != NULL) {
            sql_bind_text(sql, statement, 3, place->partition_id, false);
            sql->driver->bind_int(statement, 4, place->position);
        }
        if (steps[i] == SQL_LETTER_QUEUE) {
            sql->driver->bind_int(statement, 5, number);
            sql->driver->bind_int(statement, 6, retry->now_us);
        }
        if (sql->driver->step(statement, "queue letters", err) != SQL_DONE)
            return ST_ERROR;
        if (steps[i] == SQL_LETTER_QUEUE)
            result->retried += sql->driver->changed_count(statement);
    }
    return ST_OK;
}

static enum status
retry_all(struct sql_store *sql, const struct store_retry *retry, struct store_retry_result *result, struct error *err)
{
    if (retry->place_count == 0)
        return queue(sql, retry, NULL, result, err);
    for (size_t i = 0; i < retry->place_count; i++) {
        bool is_open = false;
        if (look(sql, retry, &retry->places[i], result, &is_open, err) != ST_OK)
            return ST_ERROR;
        if (is_open && queue(sql, retry, &retry->places[i], result, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
sql_letters_retry(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err)
{
    struct sql_store      *sql = (struct sql_store *)store;
    struct store_retry_result result = { 0 };
    enum status               status;

    CHECK(sql->generation != 0); /* The caller owns it. */
    status = sql_begin(sql, sql->generation, true, err);
    if (status == ST_OK)
        status = sql_end(sql, retry_all(sql, retry, &result, err), "commit what is to be retried", err);
    if (status == ST_OK)
        *ret_result = result;
    return status;
}

/* ---- What waits ---- */

static enum status
read_letter(struct sql_store *sql, struct sql_statement *statement, int64_t expected, struct arena *arena, struct store_letter *ret_letter, struct error *err)
{
    ret_letter->number   = sql->driver->column_int(statement, 0);
    ret_letter->position = sql->driver->column_int(statement, 1);
    if (ret_letter->number != expected || sql->driver->is_null(statement, 3))
        return error_set(err, ERR_CORRUPT, "the store has no letter for its retry %lld", (long long)expected);
    if (!sql_column_copy(sql, arena, statement, 2, &ret_letter->partition_id) || !sql_column_copy(sql, arena, statement, 3, &ret_letter->bytes))
        return error_no_memory(err);
    return ST_OK;
}

static enum status
read_waiting(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max, struct arena *arena,
                       const struct store_letter **ret_letters, size_t *ret_count, struct error *err)
{
    struct sql_store *sql    = (struct sql_store *)store;
    struct sql_statement *statement = sql_prepare(sql, SQL_LETTER_WAITING, err);
    struct store_letter *letters   = ARENA_ARRAY(arena, struct store_letter, count_max);
    enum status          status    = ST_OK;
    size_t               count = 0, bytes = 0;
    enum sql_step        step  = SQL_ROW;

    if (statement == NULL)
        return ST_ERROR;
    if (letters == NULL)
        return error_no_memory(err);
    sql_bind_text(sql, statement, 1, source, false);
    sql->driver->bind_int(statement, 2, number);
    sql->driver->bind_int(statement, 3, (int64_t)count_max);
    while (status == ST_OK && bytes < bytes_max && (step = sql->driver->step(statement, "read the letters that wait", err)) == SQL_ROW) {
        status = read_letter(sql, statement, number + (int64_t)count, arena, &letters[count], err);
        if (status == ST_OK)
            bytes += letters[count++].bytes.size;
    }
    if (step == SQL_FAILED)
        status = ST_ERROR;
    sql->driver->reset(statement);
    if (status == ST_OK) {
        *ret_letters = letters;
        *ret_count   = count;
    }
    return status;
}

/* Nothing is on its way but the question, so a connection that was lost is made anew. */
enum status
sql_letters_waiting(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max, struct arena *arena,
                       const struct store_letter **ret_letters, size_t *ret_count, struct error *err)
{
    struct sql_store *sql = (struct sql_store *)store;

    while (read_waiting(store, source, number, count_max, bytes_max, arena, ret_letters, ret_count, err) != ST_OK)
        if (sql->driver->is_mended == NULL || !sql->driver->is_mended(sql, err))
            return ST_ERROR;
    return ST_OK;
}

/* ---- What became of them ---- */

static enum status
put_failed(struct sql_store *sql, enum sql_statement_name which, const struct store_dead_letter *letter, const struct epoch_commit *commit,
           int64_t *ret_count, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, which, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, letter->partition_id, false);
    sql->driver->bind_int(statement, 2, letter->position);
    sql_bind_text(sql, statement, 3, letter->step, false);
    sql_bind_text(sql, statement, 4, letter->entity, false);
    sql_bind_text(sql, statement, 5, letter->path, true);
    sql_bind_text(sql, statement, 6, letter->event_id, true);
    sql_bind_text(sql, statement, 7, letter->reason_code, false);
    sql_bind_text(sql, statement, 8, letter->reason, false);
    sql_bind_text(sql, statement, 9, commit->plan_digest, false);
    sql->driver->bind_int(statement, 10, letter->row_number);
    if (which == SQL_LETTER_FAILED_MORE)
        sql->driver->bind_int(statement, 11, (int64_t)commit->epoch);
    enum sql_step step = sql->driver->step(statement, "write a letter that failed again", err);
    *ret_count         = step == SQL_DONE ? sql->driver->changed_count(statement) : 0;
    sql->driver->reset(statement);
    return step == SQL_DONE ? ST_OK : ST_ERROR;
}

static enum status
drop_twins(struct sql_store *sql, const struct store_dead_letter *letter, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, SQL_LETTER_FAILED_TWINS, err);
    if (statement == NULL)
        return ST_ERROR;
    sql_bind_text(sql, statement, 1, letter->partition_id, false);
    sql->driver->bind_int(statement, 2, letter->position);
    sql_bind_text(sql, statement, 3, letter->step, false);
    return sql->driver->put(statement, "write a letter that failed again", err);
}

enum status
sql_letter_failed(struct sql_store *sql, const struct store_dead_letter *letter, const struct epoch_commit *commit, struct error *err)
{
    int64_t     count  = 0;
    enum status status = letter->entity.size == 0 ? drop_twins(sql, letter, err) : ST_OK;

    if (status == ST_OK)
        status = put_failed(sql, SQL_LETTER_FAILED, letter, commit, &count, err);
    if (status == ST_OK && count == 0)
        status = put_failed(sql, SQL_LETTER_FAILED_MORE, letter, commit, &count, err);
    return status;
}

/* As the intake prints it (live/op/intake_letters.c). */
static void
print_evidence(struct sql_store *sql, struct sql_statement *taken, struct str_builder *out)
{
    struct json_out json;

    str_builder_clear(out);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_array(&json, "events");
    json_out_object_begin(&json);
    json_out_key_text(&json, "source", sql->driver->column_text(taken, 0));
    json_out_key_text(&json, "partition_id", sql->driver->column_text(taken, 1));
    json_out_key_int(&json, "position", sql->driver->column_int(taken, 2));
    json_out_object_end(&json);
    json_out_array_end(&json);
    json_out_object_end(&json);
}

static void
add_retraction(struct sql_store *sql, struct sql_statement *statement, struct retractions *retractions)
{
    const struct store_alert alert = { .alert_id = sql->driver->column_text(statement, 0), .status = STR("retracted"), .severity = sql->driver->column_text(statement, 1),
                                       .value = sql->driver->column_text(statement, 2), .evidence = sql->driver->column_text(statement, 3),
                                       .event_time_us = sql->driver->column_int(statement, 4) };
    retractions->count++;
    digest_alert(&alert, &retractions->digest);
}

/* Nobody needs to look any more at a result that has come in after all. */
static enum status
retract(struct sql_store *sql, struct str evidence, const struct epoch_commit *commit, struct retractions *retractions, struct error *err)
{
    static const enum sql_statement_name steps[] = { SQL_LETTER_RETRACT, SQL_LETTER_RETRACT_SEND };
    enum sql_step                        step    = SQL_DONE;

    for (int i = 0; i < 2 && step == SQL_DONE; i++) {
        struct sql_statement *statement = sql_prepare(sql, steps[i], err);
        if (statement == NULL)
            return ST_ERROR;
        sql_bind_text(sql, statement, 1, evidence, false);
        sql->driver->bind_int(statement, 2, commit->committed_at_us);
        sql->driver->bind_int(statement, 3, (int64_t)commit->epoch);
        while ((step = sql->driver->step(statement, "retract what was told of a letter", err)) == SQL_ROW)
            add_retraction(sql, statement, retractions);
        sql->driver->reset(statement);
    }
    return step == SQL_DONE ? ST_OK : ST_ERROR;
}

static struct sql_statement *
prepare_range(struct sql_store *sql, enum sql_statement_name which, const struct store_account *account, struct error *err)
{
    struct sql_statement *statement = sql_prepare(sql, which, err);

    if (statement == NULL)
        return NULL;
    sql_bind_text(sql, statement, 1, account->partition_id, false);
    sql->driver->bind_int(statement, 2, account->position_begin);
    sql->driver->bind_int(statement, 3, account->position_end);
    return statement;
}

enum status
sql_letters_resolved(struct sql_store *sql, const struct store_account *account, const struct epoch_commit *commit,
                        struct retractions *retractions, struct error *err)
{
    struct str_builder evidence  = STR_BUILDER_EMPTY;
    struct sql_statement *statement = prepare_range(sql, SQL_LETTER_TAKEN, account, err);
    enum status        status    = statement == NULL ? ST_ERROR : ST_OK;
    enum sql_step      step      = SQL_DONE;

    while (status == ST_OK && (step = sql->driver->step(statement, "read the letters that were taken", err)) == SQL_ROW) {
        print_evidence(sql, statement, &evidence);
        status = str_builder_status(&evidence, err);
        if (status == ST_OK)
            status = retract(sql, str_builder_text(&evidence), commit, retractions, err);
    }
    if (step == SQL_FAILED)
        status = ST_ERROR;
    if (statement != NULL)
        sql->driver->reset(statement);
    str_builder_release(&evidence);
    if (status != ST_OK)
        return status;
    statement = prepare_range(sql, SQL_LETTER_RESOLVED, account, err);
    return statement == NULL ? ST_ERROR : sql->driver->put(statement, "resolve letters", err);
}
