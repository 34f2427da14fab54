/* Dead letters that are retried: queued by a request, taken by an epoch, settled in that epoch's transaction (store.h). */
#include "base/check.h"
#include "base/json_out.h"
#include "base/str_builder.h"
#include "store/digest.h"
#include "store/sqlite_int.h"

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
look(struct sqlite_store *sqlite, const struct store_retry *retry, const struct store_letter_place *place, struct store_retry_result *result,
     bool *ret_is_open, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_LETTER_FIND, err);
    enum status   status    = ST_OK;
    int           code;

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, retry->source, false);
    sqlite_bind_text(statement, 2, place->partition_id, false);
    sqlite3_bind_int64(statement, 3, place->position);
    code         = sqlite3_step(statement);
    *ret_is_open = false;
    if (code == SQLITE_ROW) {
        struct str found = str_from((const char *)sqlite3_column_text(statement, 0));
        bool       is_whole = !str_equal(str_from((const char *)sqlite3_column_text(statement, 1)), STR("too_large"));
        *ret_is_open = str_equal(found, STR("open"));
        if (found.size == 0 || !is_whole)
            status = refuse(place, found, err);
        else if (str_equal(found, STR("retried")))
            result->waiting++;
        else if (!*ret_is_open)
            result->settled++;
    } else if (code == SQLITE_DONE) {
        status = error_set(err, ERR_NOT_FOUND, "there is no letter %.*s:%lld", STR_PRINTF(place->partition_id), (long long)place->position);
        error_hint(err, "heddle letters list shows the names in its first column");
    } else {
        status = sqlite_error(sqlite, err, "look for a letter");
    }
    sqlite3_reset(statement);
    return status;
}

static enum status
last_number(struct sqlite_store *sqlite, struct str source, int64_t *ret_number, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, SQL_LETTER_NUMBER, err);
    enum status   status    = ST_OK;

    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, source, false);
    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    else
        status = sqlite_error(sqlite, err, "number a letter");
    sqlite3_reset(statement);
    return status;
}

/* Queues and marks the open letters that are meant; `place` NULL: by the reason. */
static enum status
queue(struct sqlite_store *sqlite, const struct store_retry *retry, const struct store_letter_place *place, struct store_retry_result *result,
      struct error *err)
{
    static const enum sqlite_statement steps[] = { SQL_LETTER_QUEUE, SQL_LETTER_MARK };
    int64_t                            number  = 0;

    if (last_number(sqlite, retry->source, &number, err) != ST_OK)
        return ST_ERROR;
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *statement = sqlite_prepare(sqlite, steps[i], err);
        if (statement == NULL)
            return ST_ERROR;
        sqlite_bind_text(statement, 1, retry->source, false);
        sqlite_bind_text(statement, 2, retry->reason_code, true);
        if (place != NULL) {
            sqlite_bind_text(statement, 3, place->partition_id, false);
            sqlite3_bind_int64(statement, 4, place->position);
        }
        if (steps[i] == SQL_LETTER_QUEUE) {
            sqlite3_bind_int64(statement, 5, number);
            sqlite3_bind_int64(statement, 6, retry->now_us);
        }
        if (sqlite_step(sqlite, statement, err, "queue letters") != ST_OK)
            return ST_ERROR;
        if (steps[i] == SQL_LETTER_QUEUE)
            result->retried += sqlite3_changes(sqlite->db);
    }
    return ST_OK;
}

static enum status
retry_all(struct sqlite_store *sqlite, const struct store_retry *retry, struct store_retry_result *result, struct error *err)
{
    if (sqlite_check_generation(sqlite, sqlite->generation, err) != ST_OK)
        return ST_ERROR;
    if (retry->place_count == 0)
        return queue(sqlite, retry, NULL, result, err);
    for (size_t i = 0; i < retry->place_count; i++) {
        bool is_open = false;
        if (look(sqlite, retry, &retry->places[i], result, &is_open, err) != ST_OK)
            return ST_ERROR;
        if (is_open && queue(sqlite, retry, &retry->places[i], result, err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
sqlite_letters_retry(struct store *store, const struct store_retry *retry, struct store_retry_result *ret_result, struct error *err)
{
    struct sqlite_store      *sqlite = (struct sqlite_store *)store;
    struct store_retry_result result = { 0 };
    enum status               status = sqlite_run(sqlite, "begin immediate", err, "begin");

    if (status != ST_OK)
        return status;
    CHECK(sqlite->generation != 0); /* The caller owns it. */
    status = retry_all(sqlite, retry, &result, err);
    if (status == ST_OK)
        status = sqlite_run(sqlite, "commit", err, "commit what is to be retried");
    if (status == ST_OK)
        *ret_result = result;
    else
        sqlite3_exec(sqlite->db, "rollback", NULL, NULL, NULL);
    return status;
}

/* ---- What waits ---- */

static enum status
read_letter(sqlite3_stmt *statement, int64_t expected, struct arena *arena, struct store_letter *ret_letter, struct error *err)
{
    const void *bytes = sqlite3_column_blob(statement, 3);
    struct str  text  = str_of(bytes == NULL ? "" : bytes, (size_t)sqlite3_column_bytes(statement, 3));

    ret_letter->number   = sqlite3_column_int64(statement, 0);
    ret_letter->position = sqlite3_column_int64(statement, 1);
    if (ret_letter->number != expected)
        return error_set(err, ERR_CORRUPT, "the store has no letter for its retry %lld", (long long)expected);
    if (!sqlite_column_str(arena, statement, 2, &ret_letter->partition_id) || !arena_text(arena, text, &ret_letter->bytes))
        return error_no_memory(err);
    return ST_OK;
}

enum status
sqlite_letters_waiting(struct store *store, struct str source, int64_t number, size_t count_max, size_t bytes_max, struct arena *arena,
                       const struct store_letter **ret_letters, size_t *ret_count, struct error *err)
{
    struct sqlite_store *sqlite    = (struct sqlite_store *)store;
    sqlite3_stmt        *statement = sqlite_prepare(sqlite, SQL_LETTER_WAITING, err);
    struct store_letter *letters   = ARENA_ARRAY(arena, struct store_letter, count_max);
    enum status          status    = ST_OK;
    size_t               count = 0, bytes = 0;
    int                  code  = SQLITE_ROW;

    if (statement == NULL)
        return ST_ERROR;
    if (letters == NULL)
        return error_no_memory(err);
    sqlite_bind_text(statement, 1, source, false);
    sqlite3_bind_int64(statement, 2, number);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)count_max);
    while (status == ST_OK && bytes < bytes_max && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        status = read_letter(statement, number + (int64_t)count, arena, &letters[count], err);
        if (status == ST_OK)
            bytes += letters[count++].bytes.size;
    }
    if (status == ST_OK && code != SQLITE_ROW && code != SQLITE_DONE)
        status = sqlite_error(sqlite, err, "read the letters that wait");
    sqlite3_reset(statement);
    if (status == ST_OK) {
        *ret_letters = letters;
        *ret_count   = count;
    }
    return status;
}

/* ---- What became of them ---- */

static enum status
put_failed(struct sqlite_store *sqlite, enum sqlite_statement which, const struct store_dead_letter *letter, const struct epoch_commit *commit, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, which, err);
    if (statement == NULL)
        return ST_ERROR;
    sqlite_bind_text(statement, 1, letter->partition_id, false);
    sqlite3_bind_int64(statement, 2, letter->position);
    sqlite_bind_text(statement, 3, letter->step, false);
    sqlite_bind_text(statement, 4, letter->entity, false);
    sqlite_bind_text(statement, 5, letter->path, true);
    sqlite_bind_text(statement, 6, letter->event_id, true);
    sqlite_bind_text(statement, 7, letter->reason_code, false);
    sqlite_bind_text(statement, 8, letter->reason, false);
    sqlite_bind_text(statement, 9, commit->plan_digest, false);
    sqlite3_bind_int64(statement, 10, letter->row_number);
    if (which == SQL_LETTER_FAILED_MORE)
        sqlite3_bind_int64(statement, 11, (sqlite3_int64)commit->epoch);
    return sqlite_step(sqlite, statement, err, "write a letter that failed again");
}

enum status
sqlite_letter_failed(struct sqlite_store *sqlite, const struct store_dead_letter *letter, const struct epoch_commit *commit, struct error *err)
{
    enum status status = put_failed(sqlite, SQL_LETTER_FAILED, letter, commit, err);
    if (status == ST_OK && sqlite3_changes(sqlite->db) == 0)
        status = put_failed(sqlite, SQL_LETTER_FAILED_MORE, letter, commit, err);
    return status;
}

/* As the intake prints it (live/op/intake_letters.c). */
static void
print_evidence(sqlite3_stmt *taken, struct str_builder *out)
{
    struct json_out json;

    str_builder_clear(out);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_array(&json, "events");
    json_out_object_begin(&json);
    json_out_key_text(&json, "source", str_from((const char *)sqlite3_column_text(taken, 0)));
    json_out_key_text(&json, "partition_id", str_from((const char *)sqlite3_column_text(taken, 1)));
    json_out_key_int(&json, "position", sqlite3_column_int64(taken, 2));
    json_out_object_end(&json);
    json_out_array_end(&json);
    json_out_object_end(&json);
}

static void
add_retraction(sqlite3_stmt *statement, struct retractions *retractions)
{
    const struct store_alert alert = { .alert_id = sqlite_column_view(statement, 0), .status = STR("retracted"), .severity = sqlite_column_view(statement, 1),
                                       .value = sqlite_column_view(statement, 2), .evidence = sqlite_column_view(statement, 3),
                                       .event_time_us = sqlite3_column_int64(statement, 4) };
    retractions->count++;
    digest_alert(&alert, &retractions->digest);
}

/* Nobody needs to look any more at a result that has come in after all. */
static enum status
retract(struct sqlite_store *sqlite, struct str evidence, const struct epoch_commit *commit, struct retractions *retractions, struct error *err)
{
    static const enum sqlite_statement steps[] = { SQL_LETTER_RETRACT, SQL_LETTER_RETRACT_SEND };
    int                                code    = SQLITE_DONE;

    for (int i = 0; i < 2 && code == SQLITE_DONE; i++) {
        sqlite3_stmt *statement = sqlite_prepare(sqlite, steps[i], err);
        if (statement == NULL)
            return ST_ERROR;
        sqlite_bind_text(statement, 1, evidence, false);
        sqlite3_bind_int64(statement, 2, commit->committed_at_us);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)commit->epoch);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            add_retraction(statement, retractions);
        sqlite3_reset(statement);
    }
    return code == SQLITE_DONE ? ST_OK : sqlite_error(sqlite, err, "retract what was told of a letter");
}

static sqlite3_stmt *
prepare_range(struct sqlite_store *sqlite, enum sqlite_statement which, const struct store_account *account, struct error *err)
{
    sqlite3_stmt *statement = sqlite_prepare(sqlite, which, err);

    if (statement == NULL)
        return NULL;
    sqlite_bind_text(statement, 1, account->partition_id, false);
    sqlite3_bind_int64(statement, 2, account->position_begin);
    sqlite3_bind_int64(statement, 3, account->position_end);
    return statement;
}

enum status
sqlite_letters_resolved(struct sqlite_store *sqlite, const struct store_account *account, const struct epoch_commit *commit,
                        struct retractions *retractions, struct error *err)
{
    struct str_builder evidence  = STR_BUILDER_EMPTY;
    sqlite3_stmt      *statement = prepare_range(sqlite, SQL_LETTER_TAKEN, account, err);
    enum status        status    = statement == NULL ? ST_ERROR : ST_OK;
    int                code      = SQLITE_DONE;

    while (status == ST_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        print_evidence(statement, &evidence);
        status = str_builder_status(&evidence, err);
        if (status == ST_OK)
            status = retract(sqlite, str_builder_text(&evidence), commit, retractions, err);
    }
    if (status == ST_OK && code != SQLITE_DONE)
        status = sqlite_error(sqlite, err, "read the letters that were taken");
    sqlite3_reset(statement);
    str_builder_release(&evidence);
    if (status != ST_OK)
        return status;
    statement = prepare_range(sqlite, SQL_LETTER_RESOLVED, account, err);
    return statement == NULL ? ST_ERROR : sqlite_step(sqlite, statement, err, "resolve letters");
}
