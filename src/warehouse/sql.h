/* SQL texts with names filled in, so that a statement reads as one text where it stands.
 *
 *     sql_run(connection, names, err, "DELETE FROM {version} WHERE run_id = {run_id}")
 *
 * A name in braces that is not there is a mistake of ours and fails a CHECK. What is filled in is SQL already: quoted
 * names, quoted literals, lists. No SQL of ours has a brace of its own. */
#ifndef HEDDLE_WAREHOUSE_SQL_H
#define HEDDLE_WAREHOUSE_SQL_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/str_builder.h"
#include "warehouse/db.h"

struct sql_names {
    struct map   map;
    struct arena arena;
    bool         has_failed; /* Memory ran out; sql_fill tells. */
};

void sql_names_init(struct sql_names *names);
void sql_names_release(struct sql_names *names);

/* Sets or replaces a name. Texts are copied. */
void sql_set(struct sql_names *names, const char *name, struct str text);
void sql_setf(struct sql_names *names, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As a quoted identifier, and as a quoted literal (NULL where text.data is). */
void sql_set_name(struct sql_names *names, const char *name, struct str text);
void sql_set_text(struct sql_names *names, const char *name, struct str text);

enum status sql_fill(const struct sql_names *names, const char *text, struct str_builder *out, struct error *err);
/* Fill, then run; fill, then run and give the one BIGINT of the result. */
enum status sql_run(struct db_connection *connection, const struct sql_names *names, struct error *err,
                    const char *text);
enum status sql_int64(struct db_connection *connection, const struct sql_names *names, int64_t *ret_value,
                      struct error *err, const char *text);
enum status sql_query(struct db_connection *connection, const struct sql_names *names, struct db_result *ret_result,
                      struct error *err, const char *text);

/* 'text' with its quotes doubled; NULL where text.data is. "name" likewise. */
void sql_append_text(struct str_builder *out, struct str text);
void sql_append_name(struct str_builder *out, struct str name);

#endif
