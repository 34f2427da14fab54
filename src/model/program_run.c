/* Runs a program over a chunk (live). */
#include "base/check.h"
#include "base/memory.h"
#include "model/program_int.h"

#define VALIDITY_WORDS (CHUNK_ROW_COUNT_MAX / 64)

/* Values of one condition: `when`, a filter, an issue, whether a column is emptied. */
struct truth {
    uint8_t  values[CHUNK_ROW_COUNT_MAX];
    uint64_t validity[VALIDITY_WORDS];
};

struct program_state {
    const struct program *program;
    struct expr_state     first;
    struct expr_state     second;
    struct truth         *truths; /* when (if any), filters, issues, emptied: the roots of `first` in their order. */
    uint32_t              truth_count;
    struct vector        *slots; /* As many as the wider of raw chunk and result has columns. */
    struct vector_out    *outs;  /* As many as the wider of the two programs has roots. */
    uint8_t               outcomes[CHUNK_ROW_COUNT_MAX];
    uint16_t              causes[CHUNK_ROW_COUNT_MAX];
    struct program_found *found;
    uint32_t              found_count;
    uint32_t              found_capacity;
};

enum status
program_state_create(const struct program *program, struct program_state **ret_state, struct error *err)
{
    uint32_t raw_count   = PROGRAM_RAW_FIELD_FIRST + program->mapping->field_count;
    uint32_t truth_count = (program->when == NULL ? 0 : 1) + program->filter_count + program->issue_count + program->emptied_count;
    uint32_t slot_count  = raw_count > program->schema.column_count ? raw_count : program->schema.column_count;

    struct program_state *state = memory_alloc_zero(sizeof(*state));
    if (state == NULL)
        return error_no_memory(err);
    state->program     = program;
    state->truth_count = truth_count;
    state->truths      = memory_alloc_array(truth_count + 1, sizeof(*state->truths));
    state->slots       = memory_alloc_array(slot_count, sizeof(*state->slots));
    state->outs        = memory_alloc_array(truth_count + program->schema.column_count, sizeof(*state->outs));
    if (state->truths == NULL || state->slots == NULL || state->outs == NULL) {
        program_state_free(state);
        return error_no_memory(err);
    }
    if (expr_state_init(&state->first, program->first, err) != ST_OK ||
        (program->second != NULL && expr_state_init(&state->second, program->second, err) != ST_OK)) {
        program_state_free(state);
        return ST_ERROR;
    }
    *ret_state = state;
    return ST_OK;
}

void
program_state_free(struct program_state *state)
{
    if (state == NULL)
        return;
    if (state->first.program != NULL)
        expr_state_release(&state->first);
    if (state->second.program != NULL)
        expr_state_release(&state->second);
    memory_free(state->truths);
    memory_free(state->slots);
    memory_free(state->outs);
    memory_free(state->found);
    memory_free(state);
}

/* ---- Evaluating ---- */

/* Conditions and values of set columns, from the raw chunk. */
static enum status
run_first(struct program_state *state, const struct chunk *raw, struct chunk *out, struct error *err)
{
    const struct program *program = state->program;
    for (uint32_t i = 0; i < raw->schema->column_count; i++)
        state->slots[i] = chunk_vector(raw, i);
    for (uint32_t i = 0; i < state->truth_count; i++)
        state->outs[i] = (struct vector_out){
            .type = TYPE(TYPE_BOOL), .data = state->truths[i].values, .validity = state->truths[i].validity
        };
    uint32_t count = state->truth_count;
    for (uint32_t i = 0; i < program->set_count; i++)
        if (program->is_computed[program->set[i].index])
            state->outs[count++] = chunk_out(out, program->set[i].index);
    if (expr_evaluate(&state->first, state->slots, raw->row_count, state->outs, err) != ST_OK)
        return ST_ERROR;
    count = state->truth_count;
    for (uint32_t i = 0; i < program->set_count; i++)
        if (program->is_computed[program->set[i].index])
            chunk_out_done(out, program->set[i].index, &state->outs[count++]);
    return ST_OK;
}

/* Standard columns, key, hash, from the result's own columns. */
static enum status
run_second(struct program_state *state, struct chunk *out, struct error *err)
{
    const struct program *program = state->program;
    if (program->second == NULL)
        return ST_OK;
    for (uint32_t i = 0; i < program->schema.column_count; i++)
        state->slots[i] = chunk_vector(out, i);
    uint32_t count = 0;
    for (uint32_t i = 0; i < program->derived_count; i++) {
        const uint32_t index = program->derived[i].index;
        if (!program->is_computed[index])
            continue;
        state->outs[count] = chunk_out(out, index);
        /* Others are computed from it before it is done: its nulls are in the words by then. */
        state->slots[index].validity = state->outs[count++].validity;
    }
    if (expr_evaluate(&state->second, state->slots, out->row_count, state->outs, err) != ST_OK)
        return ST_ERROR;
    count = 0;
    for (uint32_t i = 0; i < program->derived_count; i++)
        if (program->is_computed[program->derived[i].index])
            chunk_out_done(out, program->derived[i].index, &state->outs[count++]);
    return ST_OK;
}

/* ---- Judging ---- */

/* The next row from `row` on where the condition is true; `row_count` where there is none. Most conditions are true
 * nowhere, so the search is the cost: memchr goes by many bytes at a time. */
static uint32_t
next_true(const struct truth *truth, uint32_t row, uint32_t row_count)
{
    while (row < row_count) {
        const uint8_t *hit = memchr(truth->values + row, 1, row_count - row);
        if (hit == NULL)
            return row_count;
        row = (uint32_t)(hit - truth->values);
        if (validity_get(truth->validity, row))
            return row;
        row++;
    }
    return row_count;
}

static void
judge_when(struct program_state *state, uint32_t row_count)
{
    if (state->program->when == NULL) {
        memset(state->outcomes, PROGRAM_LOADED, row_count);
        return;
    }
    memset(state->outcomes, PROGRAM_NO_ROW, row_count);
    const struct truth *when = &state->truths[0];
    for (uint32_t row = next_true(when, 0, row_count); row < row_count; row = next_true(when, row + 1, row_count))
        state->outcomes[row] = PROGRAM_LOADED;
}

/* The first cause that comes keeps the row. */
static void
judge(struct program_state *state, const struct truth *truth, enum program_outcome outcome, uint32_t cause,
      uint32_t row_count)
{
    for (uint32_t row = next_true(truth, 0, row_count); row < row_count; row = next_true(truth, row + 1, row_count)) {
        if (state->outcomes[row] != PROGRAM_LOADED)
            continue;
        state->outcomes[row] = (uint8_t)outcome;
        state->causes[row]   = (uint16_t)cause;
    }
}

static enum status
reserve_found(struct program_state *state, uint32_t count, struct error *err)
{
    if (state->found_count + count <= state->found_capacity)
        return ST_OK;
    uint32_t              capacity = (state->found_count + count) * 2;
    struct program_found *found    = memory_resize_array(state->found, capacity, sizeof(*found));
    if (found == NULL)
        return error_no_memory(err);
    state->found          = found;
    state->found_capacity = capacity;
    return ST_OK;
}

/* What loaded rows were repaired, nulled and warned of; nulls the value where that is the action. */
static enum status
tell_issue(struct program_state *state, uint32_t issue, const struct truth *truth, struct chunk *out, struct error *err)
{
    const struct program_issue *what      = &state->program->issues[issue];
    uint32_t                    row_count = out->row_count;
    for (uint32_t row = next_true(truth, 0, row_count); row < row_count; row = next_true(truth, row + 1, row_count)) {
        if (state->outcomes[row] != PROGRAM_LOADED)
            continue;
        if (reserve_found(state, 1, err) != ST_OK)
            return ST_ERROR;
        state->found[state->found_count++] = (struct program_found){ .row = (uint16_t)row, .issue = (uint16_t)issue };
        if (what->action == ACTION_NULLED)
            chunk_set_null(out, what->column, row);
    }
    return ST_OK;
}

static enum status
judge_rows(struct program_state *state, struct chunk *out, struct error *err)
{
    const struct program *program = state->program;
    const struct truth   *filters = state->truths + (program->when == NULL ? 0 : 1);
    const struct truth   *issues  = filters + program->filter_count;
    judge_when(state, out->row_count);
    for (uint32_t i = 0; i < program->filter_count; i++)
        judge(state, &filters[i], PROGRAM_FILTERED, i, out->row_count);
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].action == ACTION_QUARANTINE)
            judge(state, &issues[i], PROGRAM_QUARANTINED, i, out->row_count);
    state->found_count = 0;
    for (uint32_t i = 0; i < program->issue_count; i++)
        if (program->issues[i].action != ACTION_QUARANTINE && tell_issue(state, i, &issues[i], out, err) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

static void
select_loaded(const struct program_state *state, struct chunk *out)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < out->row_count; row++)
        if (state->outcomes[row] == PROGRAM_LOADED)
            out->selection_memory[count++] = (uint16_t)row;
    out->selection      = count == out->row_count ? NULL : out->selection_memory;
    out->selected_count = count;
}

enum status
program_run(struct program_state *state, const struct chunk *raw, struct chunk *out, struct program_result *ret_result,
            struct error *err)
{
    CHECK(raw->row_count <= out->capacity && out->schema->column_count == state->program->schema.column_count);
    CHECK(raw->schema->column_count == PROGRAM_RAW_FIELD_FIRST + state->program->mapping->field_count);
    chunk_clear(out);
    out->row_count = raw->row_count;
    for (uint32_t i = 0; i < out->schema->column_count; i++)
        if (!state->program->is_computed[i])
            chunk_set_all_null(out, i);
    if (run_first(state, raw, out, err) != ST_OK || judge_rows(state, out, err) != ST_OK ||
        run_second(state, out, err) != ST_OK)
        return ST_ERROR;
    select_loaded(state, out);
    *ret_result = (struct program_result){ .outcomes     = state->outcomes,
                                           .causes       = state->causes,
                                           .found        = state->found,
                                           .found_count  = state->found_count,
                                           .loaded_count = out->selected_count };
    return ST_OK;
}

void
program_row_emptied(const struct program_state *state, uint32_t row, struct str_builder *out)
{
    const struct program *program = state->program;
    const struct truth   *truth   = state->truths + state->truth_count - program->emptied_count;

    for (uint32_t i = 0; program->emptied_count != 0 && i < program->set_count; i++) {
        if (program->set[i].empties == NULL)
            continue;
        if (truth->values[row] != 0 && validity_get(truth->validity, row))
            str_builder_printf(out, "|%s|", program->set[i].column->name);
        truth++;
    }
}
