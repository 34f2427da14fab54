/* PUBLISHED: one transaction takes what was prepared into core, raw and meta. */
#include <inttypes.h>
#include <stdio.h>

#include "warehouse/conform_int.h"
#include "warehouse/digest_int.h"
#include "warehouse/history_int.h"
#include "warehouse/run_int.h"
#include "warehouse/schema.h"

/* ---- meta ---- */

static enum status
write_inputs(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    enum status         status   = sql_run(run->connection, &run->names, err,
                                           "CREATE TABLE {run}.input_told (input_number BIGINT, size_bytes BIGINT, digest VARCHAR, format VARCHAR,\n"
                                           "  status VARCHAR, reason_code VARCHAR, reason VARCHAR, record_count BIGINT, row_count BIGINT,\n"
                                           "  decoded_bytes BIGINT, record_bytes BIGINT, between_bytes BIGINT)");

    if (status == ST_OK)
        status = db_appender_open(run->connection, DB_STAGE, run->schema, "input_told", &appender, err);
    for (size_t i = 0; status == ST_OK && i < run->input_count; i++) {
        const struct run_input *input = &run->inputs[i];
        db_row_int64(appender, input->number);
        db_row_int64(appender, input->size_bytes);
        db_row_text(appender, str_from(input->digest));
        db_row_text(appender, str_from(input->format));
        db_row_text(appender, input->reason_code == NULL ? STR("read") : STR("refused"));
        db_row_text(appender, str_from(input->reason_code));
        db_row_text(appender, str_from(input->reason));
        db_row_int64(appender, input->record_count);
        db_row_int64(appender, input->row_count);
        db_row_int64(appender, input->decoded_bytes);
        db_row_int64(appender, input->record_bytes);
        db_row_int64(appender, input->between_bytes);
        status = db_row_end(appender, err);
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    return status;
}

/* What each issue of each program says, so that counts of issues can be named. */
static enum status
write_issues(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    enum status         status   = sql_run(run->connection, &run->names, err,
                                           "CREATE TABLE {run}.issue (mapping_number BIGINT, issue BIGINT, column_name VARCHAR, action VARCHAR, reason_code VARCHAR)");

    if (status == ST_OK)
        status = db_appender_open(run->connection, DB_STAGE, run->schema, "issue", &appender, err);
    for (size_t i = 0; status == ST_OK && i < run->program_count; i++) {
        uint32_t                    count;
        if (run->programs[i].program == NULL)
            continue;
        const struct program_issue *issues = program_issues(run->programs[i].program, &count);
        for (uint32_t k = 0; status == ST_OK && k < count; k++) {
            db_row_int64(appender, (int64_t)i);
            db_row_int64(appender, k);
            db_row_text(appender, str_from(program_schema(run->programs[i].program)->columns[issues[k].column].name));
            db_row_text(appender, str_from(model_action_name(issues[k].action)));
            db_row_text(appender, str_from(issues[k].reason->code));
            status = db_row_end(appender, err);
        }
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    return status;
}

/* Which column each field of each program is for, so that a decoder's notes can be counted at it. */
static enum status
write_fields(struct run *run, struct error *err)
{
    struct db_appender *appender = NULL;
    enum status         status   = sql_run(run->connection, &run->names, err,
                                           "CREATE TABLE {run}.field (mapping_number BIGINT, mapping VARCHAR, entity VARCHAR, field BIGINT, column_name VARCHAR)");

    if (status == ST_OK)
        status = db_appender_open(run->connection, DB_STAGE, run->schema, "field", &appender, err);
    for (size_t i = 0; status == ST_OK && i < run->program_count; i++) {
        const struct run_program *program = &run->programs[i];
        for (uint32_t k = 0; status == ST_OK && program->program != NULL && k < program->mapping->field_count; k++) {
            int32_t column = program_field_column(program->program, k);
            db_row_int64(appender, (int64_t)i);
            db_row_text(appender, str_from(program->mapping->name));
            db_row_text(appender, str_from(program->mapping->entity->name));
            db_row_int64(appender, k);
            db_row_text(appender, str_from(column < 0 ? NULL : program_schema(program->program)->columns[column].name));
            status = db_row_end(appender, err);
        }
    }
    if (status == ST_OK)
        status = db_appender_flush(appender, err);
    db_appender_free(appender);
    return status;
}

/* Places of the first findings, `file:position`, never what stands there. */
#define SAMPLE_COUNT "5"
#define SAMPLES                                                                                                                   \
    "array_to_string(list_slice(flatten(list([file || ':' || p FOR p IN list_sort(list_distinct(positions))] ORDER BY file, input_number)), " \
    "1, " SAMPLE_COUNT "), ', ')"

/* Findings at fields of loaded rows: what programs say, then what decoders noted. A column that a file lacks is one finding of
 * the file, at its head. */
static const char QUALITY[] =
    "INSERT INTO meta.quality\n"
    "SELECT {run_id}, source, {entity}, column_name, action, reason_code, sum(n), min(file) FILTER (place = 1), min(positions[1]) FILTER (place = 1),\n  " SAMPLES "\n"
    "FROM (SELECT *, rank() OVER (PARTITION BY source, column_name, action, reason_code ORDER BY file, input_number) AS place FROM (\n"
    "  SELECT f.input_number, s.column_name, s.action, s.reason_code, f.n, f.positions FROM (\n"
    "    SELECT n.input_number, n.mapping_number, CAST(substr(n.row_issues, CAST(3 * t.k + 1 AS BIGINT), 3) AS BIGINT) AS issue, count(*) AS n,\n"
    "      min(n.position, " SAMPLE_COUNT ") AS positions\n"
    "    FROM (SELECT * FROM {rows} WHERE row_code = '0' AND row_issues <> '') n, range(64) t(k) WHERE length(n.row_issues) > 3 * t.k GROUP BY ALL) f\n"
    "  JOIN {run}.issue s USING (mapping_number, issue)\n"
    "  UNION ALL SELECT n.input_number, f.column_name, 'null', n.reason_code, count(*), min(n.position, " SAMPLE_COUNT ") FROM {run}.note n\n"
    "  JOIN (SELECT DISTINCT input_number, position, mapping_number FROM {rows} WHERE row_code = '0') r USING (input_number, position)\n"
    "  JOIN {run}.field f USING (mapping_number, mapping, field) WHERE n.reason_code = 'wrong_shape' GROUP BY ALL\n"
    "  UNION ALL SELECT n.input_number, f.column_name, 'null', n.reason_code, count(*), min(n.position, " SAMPLE_COUNT ") FROM {run}.note n\n"
    "  JOIN (SELECT DISTINCT mapping, field, column_name FROM {run}.field WHERE entity = {entity}) f USING (mapping, field)\n"
    "  WHERE n.reason_code = 'missing_column' GROUP BY ALL)\n"
    "JOIN {run}.input USING (input_number))\n"
    "GROUP BY source, column_name, action, reason_code";

/* What decoders noted of no mapping stands at the source's records, as in meta.accounting. */
static const char RECORD_NOTES[] =
    "INSERT INTO meta.quality\n"
    "SELECT {run_id}, source, '', '', 'warn', reason_code, sum(n), min(file) FILTER (place = 1), min(positions[1]) FILTER (place = 1),\n  " SAMPLES "\n"
    "FROM (SELECT *, rank() OVER (PARTITION BY source, reason_code ORDER BY file, input_number) AS place FROM (\n"
    "  SELECT input_number, reason_code, count(*) AS n, min(position, " SAMPLE_COUNT ") AS positions FROM {run}.note WHERE mapping IS NULL GROUP BY ALL)\n"
    "JOIN {run}.input USING (input_number))\n"
    "GROUP BY source, reason_code";

static enum status
write_quality(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = sql_run(run->connection, &run->names, err, RECORD_NOTES);

    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++) {
        if (!run_has_entity(run, &model->entities[i]))
            continue;
        sql_set_text(&run->names, "entity", str_from(model->entities[i].name));
        sql_setf(&run->names, "rows", "%s.\"judged_%s\"", run->prefix, model->entities[i].name);
        status = sql_run(run->connection, &run->names, err, QUALITY);
    }
    return status;
}

static const char ACCOUNTING[] =
    "INSERT INTO meta.accounting\n"
    "SELECT {run_id}, source, entity, sum(n), coalesce(sum(n) FILTER (code[1] = '0'), 0), coalesce(sum(n) FILTER (code[1] = '2'), 0),\n"
    "  coalesce(sum(n) FILTER (code[1] = '3'), 0), coalesce(sum(n) FILTER (code[1] = '1'), 0), sum(bytes)\n"
    "FROM {run}.account GROUP BY source, entity";
static const char NO_FILES[] =
    "INSERT INTO meta.accounting SELECT {run_id}, {source}, '', 0, 0, 0, 0, 0, 0\n"
    "WHERE NOT EXISTS (SELECT 1 FROM {run}.account WHERE source = {source} AND entity = '')";
static const char REASONS[] =
    "INSERT INTO meta.accounting_reason\n"
    "SELECT {run_id}, source, entity, CASE code[1] WHEN '1' THEN 'quarantined' WHEN '2' THEN 'deduplicated' ELSE 'filtered' END,\n"
    "  substr(code, 2), n FROM {run}.account WHERE code <> '0'";
static const char QUARANTINED[] =
    "INSERT INTO meta.quarantine\n"
    "SELECT {run_id}, i.source, i.file, q.position, q.length, q.row_number, q.entity, q.path, substr(q.code, 2), q.reason,\n"
    "  coalesce(q.bytes, k.bytes)\n"
    "FROM {run}.quarantine q JOIN {run}.input i USING (input_number)\n"
    "LEFT JOIN {run}.kept k ON k.input_number = q.input_number AND k.position = q.position";
static const char INPUTS[] =
    "INSERT INTO meta.input SELECT {run_id}, i.source, i.file, t.size_bytes, t.digest, t.format, t.status, t.reason_code, t.reason,\n"
    "  t.record_count, t.row_count, t.decoded_bytes, t.record_bytes, t.between_bytes\n"
    "FROM {run}.input i JOIN {run}.input_told t USING (input_number)";

enum status
run_write_meta(struct run *run, struct error *err)
{
    static const char *const TEXTS[] = { ACCOUNTING, REASONS, QUARANTINED, INPUTS };
    const struct graph_batch *batch  = &run->graph->batch;
    enum status               status = ST_OK;

    for (size_t i = 0; status == ST_OK && i < sizeof TEXTS / sizeof *TEXTS; i++)
        status = sql_run(run->connection, &run->names, err, TEXTS[i]);
    for (size_t i = 0; status == ST_OK && i < batch->source_count; i++) {
        sql_set_text(&run->names, "source", batch->sources[i].name);
        status = sql_run(run->connection, &run->names, err, NO_FILES);
    }
    return status == ST_OK ? write_quality(run, err) : status;
}

/* ---- core ---- */

static enum status
apply_entity(struct run *run, const struct entity *entity, struct error *err)
{
    struct sql_names names;
    int64_t          gained = 0, loaded = 0;

    run_entity_names(run, entity, &names);
    run_step(run, "digest");
    enum status status = digest_close_versions(run, &names, entity, err);
    run_step(run, "publish");
    if (status == ST_OK)
        status = history_apply(run->connection, &names, entity, err);
    if (status == ST_OK)
        status = sql_int64(run->connection, &names, &gained, err, "SELECT count(*) FROM {version} WHERE run_id = {run_id}");
    if (status == ST_OK)
        status = sql_int64(run->connection, &names, &loaded, err, "SELECT count(*) FROM {judged} WHERE row_code = '0'");
    if (status == ST_OK && gained != loaded)
        status = error_set(err, ERR_INTERNAL, "I1: %" PRId64 " rows of %s are loaded, and the warehouse gained %" PRId64, loaded, entity->name, gained);
    sql_names_release(&names);
    return status;
}

static enum status
publish(struct run *run, struct error *err)
{
    const struct model *model  = run->graph->model;
    enum status         status = digest_begin(run, err);

    if (status == ST_OK)
        status = digest_join_persons(run, err);
    if (status == ST_OK)
        status = conform_apply(run->connection, &run->names, model, err);
    for (uint32_t i = 0; status == ST_OK && i < model->entity_count; i++)
        if (run_has_entity(run, &model->entities[i]))
            status = apply_entity(run, &model->entities[i], err);
    if (status == ST_OK)
        status = run_publish_raw(run, err);
    run_step(run, "digest");
    if (status == ST_OK)
        status = digest_write(run, err);
    run_step(run, "account");
    if (status == ST_OK)
        status = run_write_meta(run, err);
    run_step(run, "publish");
    if (status == ST_OK)
        status = sql_run(run->connection, &run->names, err,
                         "UPDATE meta.run SET status = 'published', published = true, recorded_at = {now}, finished_at = {finished} WHERE run_id = {run_id}");
    return status;
}

enum status
run_publish(struct run *run, struct error *err)
{
    const bool  is_passed = run->summary->gate.size == 0;
    enum status status    = write_inputs(run, err);

    if (status == ST_OK)
        status = write_issues(run, err);
    if (status == ST_OK)
        status = write_fields(run, err);
    if (status == ST_OK && is_passed)
        status = run_prepare_raw(run, err);
    if (status == ST_OK)
        status = run_pause(run, "publish", 0, 0, err);
    if (status == ST_OK)
        status = db_run(run->connection, STR("BEGIN"), err);
    if (status != ST_OK)
        return status;
    sql_setf(&run->names, "finished", "make_timestamp(%" PRId64 "::BIGINT)", clock_now_us(run->warehouse->options.clock));
    if (is_passed) {
        status = publish(run, err);
    } else {
        sql_set_text(&run->names, "reason", run->summary->gate);
        status = run_write_meta(run, err);
        if (status == ST_OK)
            status = sql_run(run->connection, &run->names, err,
                             "UPDATE meta.run SET status = 'refused', status_reason = {reason}, finished_at = {finished} WHERE run_id = {run_id}");
    }
    if (status == ST_OK)
        status = db_run(run->connection, STR("COMMIT"), err);
    if (status != ST_OK)
        db_run(run->connection, STR("ROLLBACK"), NULL);
    else
        run->summary->is_published = is_passed;
    return status;
}
