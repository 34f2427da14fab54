#include "store/digest.h"

static void
digest_texts(struct hash128 *sum, const struct str *texts, size_t count, int64_t number)
{
    uint64_t low = hash64_integer((uint64_t)number), high = count;
    for (size_t i = 0; i < count; i++) {
        struct hash128 hash = hash128(texts[i].data == NULL ? "" : texts[i].data, texts[i].size);
        low  = hash64_combine(low, hash.low);
        high = hash64_combine(high, hash.high);
    }
    hash128_add(sum, (struct hash128){ low, high });
}

static void
digest_window_row(struct hash128 *sum, const struct chunk *chunk, uint32_t row)
{
    uint64_t low = row == UINT32_MAX, high = 1;
    for (uint32_t i = 0; i + 1 < chunk->schema->column_count; i++) { /* Without the revision. */
        const struct column *column = &chunk->columns[i];
        size_t               size   = type_value_size(column->type);
        struct hash128       hash   = { 0, i };
        if (column->all_valid || validity_get(column->validity, row)) {
            const void *value = (const char *)column->data + row * size;
            if (column->type.kind == TYPE_TEXT)
                hash = hash128(text_data(value), ((const struct text *)value)->size);
            else
                hash = hash128(value, size);
        }
        low  = hash64_combine(low, hash.low);
        high = hash64_combine(high, hash.high);
    }
    hash128_add(sum, (struct hash128){ low, high });
}

void
digest_alert(const struct store_alert *alert, struct hash128 *sum)
{
    const struct str texts[] = { alert->alert_id, alert->status, alert->status_reason, alert->severity, alert->subject_id,
                                 alert->code,     alert->value,  alert->unit };
    digest_texts(sum, texts, sizeof(texts) / sizeof(texts[0]), alert->event_time_us);
}

void
digest_commit(const struct epoch_commit *commit, struct hash128 *sum)
{
    for (size_t i = 0; i < commit->rows_count; i++)
        for (size_t j = 0; j < commit->rows[i].chunk_count; j++)
            for (uint32_t row = 0; row < commit->rows[i].chunks[j]->row_count; row++)
                digest_window_row(sum, commit->rows[i].chunks[j], row);
    for (size_t i = 0; i < commit->alert_count; i++)
        digest_alert(&commit->alerts[i], sum);
    for (size_t i = 0; i < commit->dead_letter_count; i++) {
        const struct store_dead_letter *letter  = &commit->dead_letters[i];
        const struct str                texts[] = { letter->partition_id, letter->step, letter->reason_code };
        digest_texts(sum, texts, 3, letter->position);
    }
    for (size_t i = 0; i < commit->late_event_count; i++) {
        const struct store_late_event *event   = &commit->late_events[i];
        const struct str               texts[] = { event->partition_id, event->step, event->reason_code };
        digest_texts(sum, texts, 3, event->position);
    }
}
