/* The schemas of the warehouse: raw (as received), core (the model), meta (what runs did). Part of the interface.
 *
 *     core.<entity>_version   every version: the entity's columns, then
 *                             person_id      where the entity has a patient
 *                             labels, source, file, position, length, row_number, content_hash
 *                             valid_from, valid_to                dimensions: when it held, by the source's own time
 *                             recorded_from, recorded_to          when we held it to be current
 *                             is_current, run_id
 *     core.<entity>           its current rows
 *     core.person_identifier  which identifier is whose
 *     core.person_merge       which person became which
 *
 * How a warehouse follows a model that has changed since it was made, in one transaction, or not at all:
 *
 * S1  A column that the model has gained is added, and null in what is stored. What is sent again has another content by it: a new version.
 * S2  A column that it has lost stays, and is null in what comes. A column of another type is refused.
 * S3  Another kind, key, order or time of an entity is refused, and an entity that gains or loses its persons: what is stored was told apart,
 *     ordered and joined by them.
 * S4  An entity that is new gets its table. One that is gone loses it where it is empty; with rows it is refused.
 * S5  Runs from before are reproduced under their own model only (cli/reproduce.c).
 *
 * A version that was never current (it came late, or retracts) has recorded_to = recorded_from. So at any time T the
 * current rows were those with recorded_from <= T < recorded_to, and what --as-of shows needs no copy. */
#ifndef HEDDLE_WAREHOUSE_SCHEMA_H
#define HEDDLE_WAREHOUSE_SCHEMA_H

#include "base/error.h"
#include "model/model.h"
#include "warehouse/db.h"
#include "warehouse/sql.h"

/* Raised whenever a table of meta or a column that the program adds changes. */
#define SCHEMA_VERSION 1

/* Creates what is missing, adds columns that the model has gained. ERR_CONFIG where the model changed in a way that stored rows
 * cannot follow (S2–S4), or the file was written by a newer program. */
enum status schema_prepare(struct db_connection *connection, const struct model *model, struct error *err);
/* The statements that make an empty warehouse of the model, as the reference page has them. */
void schema_print(const struct model *model, struct str_builder *out);
/* For readers that name its columns: ERR_CONFIG where the file does not have all of the model's yet. */
enum status schema_check_stored(struct db_connection *connection, const struct model *model, struct error *err);
/* Only the check of the version, for readers. */
enum status schema_check_version(struct db_connection *connection, struct error *err);

/* Whether the entity has patient_system and patient_id, and so person_id. */
bool entity_has_person(const struct entity *entity);
/* Index of status_action, or -1. */
int32_t entity_status_action(const struct entity *entity);

/* A list of column names by a printf-like template a column, %s being the quoted name, separated by `separator`. */
void columns_append(struct str_builder *out, const struct entity *entity, const uint32_t *indices, uint32_t count,
                    const char *before, const char *after, const char *separator);

#endif
