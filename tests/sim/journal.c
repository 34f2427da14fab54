#include "sim/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/json_out.h"
#include "base/memory.h"
#include "sim/disk.h"
#include "store/digest.h"

void
journal_init(struct journal *journal)
{
    *journal = (struct journal){ 0 };
}

void
journal_release(struct journal *journal)
{
    for (size_t i = 0; i < journal->count; i++)
        str_builder_release(&journal->epochs[i].text);
    str_builder_release(&journal->submitted.text);
    memory_free(journal->epochs);
    *journal = (struct journal){ 0 };
}

void
journal_problem(struct journal *journal, const char *format, ...)
{
    va_list arguments;
    if (journal->problem[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(journal->problem, sizeof(journal->problem), format, arguments);
    va_end(arguments);
}

/* ---- What an epoch says ---- */

static void
put_cell(struct json_out *json, const struct column *column, uint32_t row)
{
    size_t      size  = type_value_size(column->type);
    const void *value = (const char *)column->data + row * size;
    if (!column->all_valid && !validity_get(column->validity, row))
        json_out_null(json);
    else if (column->type.kind == TYPE_TEXT)
        json_out_text(json, str_of(text_data(value), ((const struct text *)value)->size));
    else if (column->type.kind == TYPE_BOOL)
        json_out_bool(json, *(const uint8_t *)value != 0);
    else
        json_out_int(json, *(const int64_t *)value); /* Decimals by their six places. */
}

static void
put_windows(struct json_out *json, const struct store_rows *rows)
{
    for (size_t i = 0; i < rows->chunk_count; i++)
        for (uint32_t row = 0; row < rows->chunks[i]->row_count; row++) {
            json_out_array_begin(json);
            json_out_text(json, STR("window"));
            for (uint32_t column = 0; column + 1 < rows->table->schema->column_count; column++) /* Without the revision. */
                put_cell(json, &rows->chunks[i]->columns[column], row);
            json_out_array_end(json);
        }
}

static void
put_alert(struct json_out *json, const struct store_alert *alert)
{
    const struct str texts[] = { alert->alert_id, alert->rule,       alert->status, alert->severity, alert->status_reason,
                                 alert->subject_id, alert->code,     alert->value,  alert->unit,     alert->evidence,
                                 alert->explanation };
    json_out_array_begin(json);
    json_out_text(json, STR("alert"));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        json_out_text(json, texts[i]);
    json_out_int(json, alert->event_time_us);
    json_out_int(json, alert->effective_time_us);
    json_out_array_end(json);
}

static void
put_account(struct json_out *json, const struct store_account *account)
{
    const int64_t numbers[] = { account->position_begin, account->position_end, account->received, account->loaded, account->deduplicated,
                                account->filtered,       account->quarantined,  account->late,     account->bytes };
    json_out_array_begin(json);
    json_out_text(json, STR("account"));
    json_out_text(json, account->partition_id);
    json_out_text(json, account->entity);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        json_out_int(json, numbers[i]);
    json_out_array_end(json);
}

static void
put_place(struct json_out *json, const char *what, struct str partition_id, int64_t position, struct str reason_code)
{
    json_out_array_begin(json);
    json_out_text(json, str_from(what));
    json_out_text(json, partition_id);
    json_out_int(json, position);
    json_out_text(json, reason_code);
    json_out_array_end(json);
}

static void
put_reason(struct json_out *json, const struct store_reason *reason)
{
    json_out_array_begin(json);
    json_out_text(json, STR("reason"));
    json_out_text(json, reason->entity);
    json_out_text(json, reason->outcome);
    json_out_text(json, reason->reason_code);
    json_out_int(json, reason->row_count);
    json_out_array_end(json);
}

static void
put_all(struct str_builder *out, const struct epoch_commit *commit)
{
    struct json_out json;
    json_out_init(&json, out, 0);
    for (size_t i = 0; i < commit->rows_count; i++)
        put_windows(&json, &commit->rows[i]);
    for (size_t i = 0; i < commit->alert_count; i++)
        put_alert(&json, &commit->alerts[i]);
    for (size_t i = 0; i < commit->account_count; i++)
        put_account(&json, &commit->accounts[i]);
    for (size_t i = 0; i < commit->reason_count; i++)
        put_reason(&json, &commit->reasons[i]);
    for (size_t i = 0; i < commit->dead_letter_count; i++)
        put_place(&json, "letter", commit->dead_letters[i].partition_id, commit->dead_letters[i].position, commit->dead_letters[i].reason_code);
    for (size_t i = 0; i < commit->late_event_count; i++)
        put_place(&json, "late", commit->late_events[i].partition_id, commit->late_events[i].position, commit->late_events[i].reason_code);
    CHECK(str_builder_is_ok(out));
}

void
journal_epoch_make(struct journal_epoch *made, const struct epoch_commit *commit)
{
    *made = (struct journal_epoch){ .epoch = commit->epoch, .generation = commit->generation };
    digest_commit(commit, &made->digest);
    CHECK(commit->decisions.size < sizeof(made->decisions) && commit->segment.size < sizeof(made->segment));
    memcpy(made->decisions, commit->decisions.data, commit->decisions.size);
    if (commit->segment.size > 0)
        memcpy(made->segment, commit->segment.data, commit->segment.size);
    for (size_t i = 0; i < commit->position_count; i++) {
        if (str_equal(commit->positions[i].source, STR(STORE_LETTERS_SOURCE)))
            continue;
        CHECK(made->cut_count < JOURNAL_PARTITION_MAX);
        struct journal_cut *cut = &made->cuts[made->cut_count++];
        snprintf(cut->partition, sizeof(cut->partition), "%.*s", STR_PRINTF(commit->positions[i].partition_id));
        cut->position = commit->positions[i].position;
    }
    put_all(&made->text, commit);
}

/* ---- The contract ---- */

void
journal_owned(struct journal *journal, uint64_t generation)
{
    if (generation <= journal->generation)
        journal_problem(journal, "P1: generation %llu after %llu", (unsigned long long)generation, (unsigned long long)journal->generation);
    journal->generation        = generation;
    journal->is_owner_in_doubt = false;
}

static void
take(struct journal *journal, struct journal_epoch *epoch)
{
    if (epoch->epoch != journal->count + 1)
        journal_problem(journal, "P7: epoch %llu was committed after %zu", (unsigned long long)epoch->epoch, journal->count);
    if (journal->count == journal->capacity) {
        journal->capacity = journal->capacity * 2 + 16;
        journal->epochs   = sim_grow(journal->epochs, journal->capacity, sizeof(*journal->epochs));
    }
    journal->epochs[journal->count++] = *epoch;
    *epoch                          = (struct journal_epoch){ 0 };
}

static void
drop(struct journal_epoch *epoch)
{
    str_builder_release(&epoch->text);
    *epoch = (struct journal_epoch){ 0 };
}

void
journal_outcome(struct journal *journal, struct journal_epoch *epoch, enum store_outcome outcome)
{
    if (outcome == STORE_COMMITTED) {
        if (epoch->generation != journal->generation)
            journal_problem(journal, "P7: generation %llu committed epoch %llu when %llu owned the store", (unsigned long long)epoch->generation,
                           (unsigned long long)epoch->epoch, (unsigned long long)journal->generation);
        take(journal, epoch);
    } else if (outcome == STORE_UNKNOWN && epoch->generation == journal->generation) {
        drop(&journal->submitted);
        journal->submitted = *epoch;
        *epoch            = (struct journal_epoch){ 0 };
    }
    drop(epoch);
}

void
journal_loaded(struct journal *journal, const struct store_state *state)
{
    if (journal->submitted.epoch != 0 && state->epoch == journal->submitted.epoch
        && str_equal(state->segment, str_from(journal->submitted.segment)))
        take(journal, &journal->submitted);
    drop(&journal->submitted);
    if (state->epoch != journal->count)
        journal_problem(journal, "P8: the store is at epoch %llu, %zu were committed", (unsigned long long)state->epoch, journal->count);
}
