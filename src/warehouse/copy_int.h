/* The copy that a published run leaves for others to read (`publish` of the binding).
 *
 *   C1  Who opens it finds one published run whole: it is written beside, under "<path>.new", and renamed.
 *   C2  A copy that fails undoes nothing: the run stays published, the copy before it stays, and the error is told.
 *   C3  What a killed process left beside is removed before the next one.
 *   C4  Where the copy is of an older run than the last one, for a process was killed between the two, or it is bound anew (first, elsewhere, with another key's name),
 *       it is left when the warehouse is opened. */
#ifndef HEDDLE_WAREHOUSE_COPY_INT_H
#define HEDDLE_WAREHOUSE_COPY_INT_H

#include "base/str_builder.h"
#include "warehouse/run_int.h"

/* Appends "<path>.new". */
void copy_path_beside(const struct graph_publish *publish, struct str_builder *out);

/* Before a run works for what cannot be left: that the key is there, or can be made. ST_OK where no copy is bound. */
enum status copy_check(struct io *io, const struct graph_publish *publish, struct error *err);

/* Leaves the copy of what is published now. ST_OK where none is bound. */
enum status copy_leave(struct warehouse *warehouse, struct error *err);

/* C4. Where it fails nothing is said: the next run leaves its own copy, and tells. */
void copy_catch_up(struct warehouse *warehouse);

#endif
