#include "cli/ask.h"

#include <stdio.h>

#include "base/suggest.h"
#include "cli/pipeline.h"
#include "govern/audit.h"
#include "io/process.h"
#include "io/terminal.h"
#include "server/control.h"
#include "store/open.h"

enum status
ask_open(struct ask *ask, const struct ask_options *options, const struct verb_call *call, struct error *err)
{
    enum status status = pipeline_load(call, options->pipeline, options->bindings, &ask->plan, err);
    if (status != ST_OK && err->code == ERR_NOT_FOUND)
        error_hint(err, "go to the pipeline's folder, or name it: --pipeline FILE");
    ask->is_json = call->is_json;
    return status;
}

void
ask_release(struct ask *ask)
{
    plan_release(&ask->plan);
}

/* ---- Printing ---- */

static enum status
print(void *context, struct str bytes, struct error *err)
{
    (void)context;
    if (fwrite(bytes.data, 1, bytes.size, stdout) != bytes.size)
        return error_set(err, ERR_IO, "cannot write the output");
    return ST_OK;
}

static struct rows_out_options
rows_options(const struct ask *ask)
{
    struct terminal terminal = terminal_of(1);

    return (struct rows_out_options){ .format    = ask->is_json ? ROWS_JSON : ROWS_TABLE,
                                      .width_max = terminal.is_terminal ? terminal.width : 0,
                                      .write     = print };
}

/* ---- The audit ---- */

struct witness {
    struct audit audit;
    struct str   binding;
    struct str   as_of;
};

static struct witness
witness_of(const struct ask *ask, struct str binding, struct str as_of)
{
    return (struct witness){ { io_system(), process_clock(), ask->plan.graph->audit_path.data }, binding, as_of };
}

static enum status
witness_write(void *context, struct str sql, struct error *err)
{
    const struct witness *witness = context;

    return audit_query(&witness->audit, witness->binding, witness->as_of, sql, 0, err);
}

/* ---- Asking ---- */

static enum status
ask_owner_or_file(const struct ask *ask, const struct warehouse_ask *asked, struct error *err)
{
    const struct graph_warehouse *bound       = &ask->plan.graph->batch.warehouse;
    struct db                    *db          = NULL;
    struct db_connection         *connection  = NULL;
    bool                          is_answered = false;
    enum status                   status;

    if (!ask->plan.graph->has_batch)
        return error_set(err, ERR_USAGE, "the pipeline has no batch leg, and so no warehouse");
    status = control_ask(io_system(), bound->path.data, asked, &is_answered, err);
    if (status != ST_OK || is_answered)
        return status;
    status = warehouse_open_read_only(io_system(), bound, &db, err);
    if (status == ST_OK)
        status = db_connect(db, &connection, err);
    if (status == ST_OK)
        status = warehouse_answer(connection, ask->plan.model, asked, err);
    db_disconnect(connection);
    db_free(db);
    return status;
}

enum status
ask_warehouse(const struct ask *ask, enum warehouse_question question, struct str text, struct str as_of, struct error *err)
{
    struct witness             witness = witness_of(ask, ask->plan.graph->batch.warehouse.name, as_of);
    const struct warehouse_ask asked   = { .question = question, .text = text, .as_of = as_of, .rows = rows_options(ask),
                                           .audit = witness_write, .audit_context = &witness };

    return ask_owner_or_file(ask, &asked, err);
}

enum status
ask_diff(const struct ask *ask, struct str first, struct str second, struct str entity, bool shows_values, struct error *err)
{
    struct witness             witness = witness_of(ask, ask->plan.graph->batch.warehouse.name, STR_EMPTY);
    const struct warehouse_ask asked   = { .question = WAREHOUSE_DIFF, .text = first, .second = second, .entity = entity,
                                           .shows_values = shows_values, .rows = rows_options(ask), .audit = witness_write,
                                           .audit_context = &witness };

    return ask_owner_or_file(ask, &asked, err);
}

enum status
ask_warehouse_rows(const struct ask *ask, struct str binding, struct str sql,
                   enum status (*write)(void *context, struct str bytes, struct error *err), void *context, struct error *err)
{
    struct witness             witness = witness_of(ask, ask->plan.graph->batch.warehouse.name, STR_EMPTY);
    const struct warehouse_ask asked   = { .question = WAREHOUSE_QUERY, .text = sql, .rows = { .format = ROWS_JSON, .write = write, .context = context },
                                           .audit = witness_write, .audit_context = &witness };

    if (ask->plan.graph->has_batch && !str_equal(binding, witness.binding))
        return error_set(err, ERR_USAGE, "%.*s is not the warehouse of this pipeline, which is %.*s", STR_PRINTF(binding),
                         STR_PRINTF(witness.binding));
    return ask_owner_or_file(ask, &asked, err);
}

static enum status
run_on_store(const struct ask *ask, struct store_query *query, uint64_t *ret_row_count, struct error *err)
{
    if (query->rows.write == NULL)
        query->rows = rows_options(ask);
    return store_query_graph(io_system(), &ask->plan.graph->streaming.store, query, ret_row_count, err);
}

static enum status
shows_nothing(void *context, struct str sql, struct error *err)
{
    (void)context;
    (void)sql;
    (void)err;
    return ST_OK;
}

enum status
ask_store_rows(const struct ask *ask, struct str sql, enum status (*write)(void *context, struct str bytes, struct error *err), void *context,
               struct error *err)
{
    uint64_t           row_count = 0;
    struct store_query query     = { .sql = sql, .rows = { .format = ROWS_JSON, .write = write, .context = context }, .audit = shows_nothing };

    return run_on_store(ask, &query, &row_count, err);
}

static enum status
query_store(const struct ask *ask, struct str sql, struct error *err)
{
    struct witness     witness   = witness_of(ask, ask->plan.graph->streaming.store.name, STR_EMPTY);
    uint64_t           row_count = 0;
    struct store_query query     = { .sql = sql, .audit = witness_write, .audit_context = &witness };

    return run_on_store(ask, &query, &row_count, err);
}

struct named_witness {
    struct audit       audit;
    struct audit_entry entry;
};

static enum status
named_witness_write(void *context, struct str sql, struct error *err)
{
    const struct named_witness *witness = context;

    (void)sql; /* heddle's own. */
    return witness->entry.detail.size == 0 ? ST_OK : audit_append(&witness->audit, &witness->entry, err);
}

enum status
ask_store(const struct ask *ask, struct str action, struct str detail, struct str sql, uint64_t *ret_row_count, struct error *err)
{
    const struct graph  *graph   = ask->plan.graph;
    struct named_witness witness = { .audit = { io_system(), process_clock(), graph->audit_path.data },
                                     .entry = { .action = action, .binding = graph->streaming.store.name, .detail = detail } };
    struct store_query   query   = { .sql = sql, .audit = named_witness_write, .audit_context = &witness };

    if (!graph->has_streaming)
        return error_set(err, ERR_USAGE, "the pipeline has no streaming leg, and so no store");
    return run_on_store(ask, &query, ret_row_count, err);
}

static enum status
append(void *context, struct str bytes, struct error *err)
{
    str_builder_append(context, bytes);
    return str_builder_status(context, err);
}

enum status
ask_store_text(const struct ask *ask, struct str sql, struct str_builder *out, uint64_t *ret_row_count, struct error *err)
{
    struct named_witness witness = { .entry = { .detail = STR_EMPTY } };
    struct store_query   query   = { .sql = sql, .audit = named_witness_write, .audit_context = &witness,
                                     .rows = { .format = ROWS_JSON, .write = append, .context = out } };

    return run_on_store(ask, &query, ret_row_count, err);
}

enum status
ask_query(const struct ask *ask, struct str binding, struct str sql, struct str as_of, struct error *err)
{
    const struct graph *graph = ask->plan.graph;
    struct str          names[2];
    size_t              count = 0;

    if (graph->has_batch)
        names[count++] = graph->batch.warehouse.name;
    if (graph->has_streaming)
        names[count++] = graph->streaming.store.name;
    if (graph->has_batch && str_equal(binding, graph->batch.warehouse.name))
        return ask_warehouse(ask, WAREHOUSE_QUERY, sql, as_of, err);
    if (graph->has_streaming && str_equal(binding, graph->streaming.store.name)) {
        if (as_of.size == 0)
            return query_store(ask, sql, err);
        error_set(err, ERR_USAGE, "%.*s is a store, and --as-of is for a warehouse", STR_PRINTF(binding));
        error_hint(err, "its tables of revisions hold what was known before, by epoch");
        return ST_ERROR;
    }
    error_set(err, ERR_USAGE, "%.*s is neither the warehouse nor the store of this pipeline", STR_PRINTF(binding));
    size_t nearest = str_suggest(binding, names, count);
    if (nearest != STR_NOT_FOUND)
        error_hint(err, "did you mean %.*s?", STR_PRINTF(names[nearest]));
    else
        error_hint(err, "it has %.*s%s%.*s", STR_PRINTF(names[0]), count > 1 ? " and " : "", STR_PRINTF(names[count - 1]));
    return ST_ERROR;
}
