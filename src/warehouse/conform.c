#include "warehouse/conform_int.h"

#include "warehouse/schema.h"

/* ---- Before publishing ---- */

#define OF_PATIENT                                                                                                  \
    "SELECT patient_system AS identifier_system, patient_id AS identifier_value, person_id AS stated, event_time, false AS is_old\n"
static const char PATIENT_PAIRS[]    = OF_PATIENT "FROM {run}.new_patient";
static const char IDENTIFIER_PAIRS[] = OF_PATIENT
    "FROM {run}.new_patient_identifier UNION ALL\n"
    "SELECT identifier_system, identifier_value, person_id, event_time, coalesce(identifier_use = 'old', false)\n"
    "FROM {run}.new_patient_identifier\n"
    "WHERE identifier_type IS NULL OR identifier_type NOT IN ('SS', 'DL', 'PPN')";
static const char NO_PAIRS[] =
    "SELECT NULL::VARCHAR AS identifier_system, NULL::VARCHAR AS identifier_value, NULL::VARCHAR AS stated,\n"
    "  NULL::TIMESTAMP AS event_time, NULL::BOOLEAN AS is_old WHERE false";

static const char IDENTIFIER[] =
    "CREATE TABLE {run}.identifier AS\n"
    "SELECT identifier_system, identifier_value, stated, min(event_time) AS first_time, max(is_old) AS is_old,\n"
    "  " CONFORM_PERSON_SQL("identifier_system", "identifier_value") " AS provisional\n"
    "FROM ({pairs}) GROUP BY identifier_system, identifier_value, stated";

/* What the identifiers that are joined now belonged to before. */
static const char KNOWN[] =
    "CREATE TABLE {run}.person_known AS\n"
    "SELECT DISTINCT k.provisional_person_id AS provisional, k.person_id FROM core.person_identifier k\n"
    "SEMI JOIN (SELECT provisional AS id FROM {run}.identifier WHERE provisional <> stated UNION\n"
    "  SELECT stated FROM {run}.identifier WHERE provisional <> stated) e ON k.provisional_person_id = e.id";

static const char LINK[] =
    "CREATE TABLE {run}.person_link AS\n"
    "SELECT DISTINCT provisional AS a, stated AS b FROM {run}.identifier WHERE provisional <> stated\n"
    "UNION SELECT provisional, person_id FROM {run}.person_known WHERE provisional <> person_id";

/* Identifiers that were replaced, and the persons they were, unless they are already those that replaced them. */
static const char OLD[] =
    "CREATE TABLE {run}.person_old AS\n"
    "SELECT provisional AS id FROM {run}.identifier WHERE is_old AND provisional <> stated\n"
    "UNION SELECT o.person_id FROM {run}.identifier i JOIN {run}.person_known o ON o.provisional = i.provisional\n"
    "LEFT JOIN {run}.person_known s ON s.provisional = i.stated\n"
    "WHERE i.is_old AND i.provisional <> i.stated AND o.person_id IS DISTINCT FROM s.person_id";

/* C3 as a rank: known persons, those that were replaced last, by age, then stated patients by time, then the rest. */
static const char NODE[] =
    "CREATE TABLE {run}.person_node AS\n"
    "SELECT id, row_number() OVER (ORDER BY since IS NULL, id IN (SELECT id FROM {run}.person_old), since, first_time NULLS LAST, id) AS rank\n"
    "FROM (SELECT a AS id FROM {run}.person_link UNION SELECT b FROM {run}.person_link)\n"
    "LEFT JOIN (SELECT k.person_id, min(k.recorded_from) AS since FROM core.person_identifier k\n"
    "  SEMI JOIN {run}.person_known n ON n.person_id = k.person_id GROUP BY k.person_id) k ON k.person_id = id\n"
    "LEFT JOIN (SELECT stated, min(first_time) AS first_time FROM {run}.identifier GROUP BY stated) s ON s.stated = id";

static const char EDGE[] =
    "CREATE TABLE {run}.person_edge AS\n"
    "SELECT a.rank AS a, b.rank AS b FROM {run}.person_link l JOIN {run}.person_node a ON a.id = l.a\n"
    "JOIN {run}.person_node b ON b.id = l.b\n"
    "UNION SELECT b.rank, a.rank FROM {run}.person_link l JOIN {run}.person_node a ON a.id = l.a\n"
    "JOIN {run}.person_node b ON b.id = l.b";

static const char LABEL[]  = "CREATE TABLE {run}.person_label AS SELECT rank, rank AS label FROM {run}.person_node";
static const char HOOKED[] =
    "CREATE OR REPLACE TABLE {run}.person_hooked AS\n"
    "SELECT l.rank, least(l.label, min(m.label)) AS label FROM {run}.person_label l\n"
    "JOIN {run}.person_edge e ON e.a = l.rank JOIN {run}.person_label m ON m.rank = e.b GROUP BY l.rank, l.label";
static const char JUMPED[] =
    "CREATE OR REPLACE TABLE {run}.person_jumped AS\n"
    "SELECT h.rank, j.label FROM {run}.person_hooked h JOIN {run}.person_hooked j ON j.rank = h.label";
static const char CHANGED[] =
    "SELECT count(*) FROM {run}.person_jumped n JOIN {run}.person_label o ON o.rank = n.rank WHERE n.label <> o.label";
static const char NEXT[] =
    "CREATE OR REPLACE TABLE {run}.person_label AS SELECT rank, label FROM {run}.person_jumped";

static const char PERSON[] =
    "CREATE TABLE {run}.person AS SELECT n.id AS provisional, r.id AS person_id\n"
    "FROM {run}.person_node n JOIN {run}.person_label l ON l.rank = n.rank JOIN {run}.person_node r ON r.rank = l.label";
static const char MOVED[] =
    "CREATE TABLE {run}.person_moved AS\n"
    "SELECT DISTINCT coalesce(k.person_id, p.provisional) AS from_person_id, p.person_id AS to_person_id,\n"
    "  k.person_id IS NOT NULL AS is_known\n"
    "FROM {run}.person p LEFT JOIN {run}.person_known k ON k.provisional = p.provisional\n"
    "WHERE coalesce(k.person_id, p.provisional) <> p.person_id";

static enum status
label_components(struct db_connection *connection, const struct sql_names *names, struct error *err)
{
    int64_t changed_count = 1;

    if (sql_run(connection, names, err, LABEL) != ST_OK)
        return ST_ERROR;
    while (changed_count != 0) /* Ends: labels only fall. */
        if (sql_run(connection, names, err, HOOKED) != ST_OK || sql_run(connection, names, err, JUMPED) != ST_OK ||
            sql_int64(connection, names, &changed_count, err, CHANGED) != ST_OK ||
            sql_run(connection, names, err, NEXT) != ST_OK)
            return ST_ERROR;
    return ST_OK;
}

enum status
conform_plan(struct db_connection *connection, struct sql_names *names, bool has_patient, bool has_patient_identifier,
             struct error *err)
{
    static const char *const BEFORE[] = {IDENTIFIER, KNOWN, LINK, OLD, NODE, EDGE};
    struct str_builder       pairs    = STR_BUILDER_EMPTY;
    enum status              status   = ST_OK;

    str_builder_append_cstr(&pairs, NO_PAIRS);
    if (has_patient)
        str_builder_printf(&pairs, " UNION ALL %s", PATIENT_PAIRS);
    if (has_patient_identifier)
        str_builder_printf(&pairs, " UNION ALL %s", IDENTIFIER_PAIRS);
    /* The pairs name {run} themselves. */
    struct str_builder filled = STR_BUILDER_EMPTY;
    status                    = sql_fill(names, str_builder_cstr(&pairs), &filled, err);
    if (status == ST_OK)
        sql_set(names, "pairs", str_builder_text(&filled));
    for (size_t i = 0; status == ST_OK && i < sizeof BEFORE / sizeof *BEFORE; i++)
        status = sql_run(connection, names, err, BEFORE[i]);
    if (status == ST_OK)
        status = label_components(connection, names, err);
    if (status == ST_OK)
        status = sql_run(connection, names, err, PERSON);
    if (status == ST_OK)
        status = sql_run(connection, names, err, MOVED);
    if (status != ST_OK)
        error_context(err, "joining identifiers of one person");
    str_builder_release(&filled);
    str_builder_release(&pairs);
    return status;
}

/* ---- Publishing ---- */

static const char MERGE[] =
    "INSERT INTO core.person_merge SELECT from_person_id, to_person_id, {now}, {run_id} FROM {run}.person_moved WHERE "
    "is_known";
static const char FOLLOW[] =
    "UPDATE core.person_identifier AS k SET person_id = m.to_person_id FROM {run}.person_moved m\n"
    "WHERE m.is_known AND k.person_id = m.from_person_id";
static const char CROSSWALK[] =
    "INSERT INTO core.person_identifier\n"
    "SELECT DISTINCT i.identifier_system, i.identifier_value, i.provisional, coalesce(p.person_id, i.provisional), {now},\n"
    "  {run_id}\n"
    "FROM {run}.identifier i LEFT JOIN {run}.person p ON p.provisional = i.provisional\n"
    "ANTI JOIN core.person_identifier k ON k.provisional_person_id = i.provisional";
static const char MOVED_COUNT[] = "SELECT count(*) FROM {run}.person_moved";

enum status
conform_apply(struct db_connection *connection, struct sql_names *names, const struct model *model, struct error *err)
{
    int64_t     moved_count = 0;
    enum status status      = sql_run(connection, names, err, MERGE);

    if (status == ST_OK)
        status = sql_run(connection, names, err, FOLLOW);
    if (status == ST_OK)
        status = sql_run(connection, names, err, CROSSWALK);
    if (status == ST_OK)
        status = sql_int64(connection, names, &moved_count, err, MOVED_COUNT);
    for (uint32_t i = 0; status == ST_OK && moved_count != 0 && i < model->entity_count; i++) {
        if (!entity_has_person(&model->entities[i]))
            continue;
        sql_setf(names, "version", "core.\"%s_version\"", model->entities[i].name);
        status = sql_run(connection, names, err,
                         "UPDATE {version} AS c SET person_id = m.to_person_id FROM {run}.person_moved m "
                         "WHERE c.person_id = m.from_person_id");
    }
    if (status != ST_OK)
        error_context(err, "writing the persons");
    return status;
}
