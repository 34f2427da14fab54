/* Persons: which identifiers are of one person.
 *
 * C1  The provisional person of an identifier (system, value) is hd_person_hash of it under the pipeline's person key: what
 *     the live leg computes for a patient that it does not know.
 * C2  A row of patient_identifier says that two identifiers are one person's: the record's patient and the identifier.
 *     Identifiers that are joined, over however many rows and runs, are one person. Numbers that people share, mistype or
 *     hand on (identifier_type SS, DL, PPN of HL7 table 0203) are kept and join nobody.
 * C3  A person keeps its id: where one of the joined was known before, the one known longest survives; where a merge says which
 *     identifier was replaced (identifier_use `old`), a known one that was not. Where none was known, it is the provisional
 *     person of the patient stated first (by event time, then by id).
 * C4  core.person_identifier has every identifier with its provisional person and its person; core.person_merge has every
 *     known person that became another. Rows of core carry the person as known now.
 *
 * Components are found by labels: each identifier takes the smallest label of its neighbours, then its label's label,
 * until nothing changes. Only identifiers of this run's new rows and the persons they belong to take part. */
#ifndef HEDDLE_WAREHOUSE_CONFORM_INT_H
#define HEDDLE_WAREHOUSE_CONFORM_INT_H

#include "model/model.h"
#include "warehouse/sql.h"

/* SQL of the provisional person over two columns; the key is a variable of the connection, so that it stands in no
 * statement. */
#define CONFORM_PERSON_SQL(system_, value_) "hd_person_hash(" system_ ", " value_ ", getvariable('person_key'))"

/* Names run, run_id and now must be set in `names`; has_… say which new_… views there are. Makes run_<n>.identifier, person
 * and moved. */
enum status conform_plan(struct db_connection *connection, struct sql_names *names, bool has_patient,
                         bool has_patient_identifier, struct error *err);
/* Inside the publishing transaction, before rows are inserted: the crosswalk, and rows of persons that changed. */
enum status conform_apply(struct db_connection *connection, struct sql_names *names, const struct model *model,
                          struct error *err);

#endif
