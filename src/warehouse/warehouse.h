/* The batch leg: from files to a published run in the warehouse (I1, I5, I9). States and rules R1–R5 stand in run_int.h. */
#ifndef HEDDLE_WAREHOUSE_WAREHOUSE_H
#define HEDDLE_WAREHOUSE_WAREHOUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "graph/graph.h"
#include "io/io.h"

struct db;
struct warehouse;

struct warehouse_options {
    struct io                *io;
    const struct clock       *clock;
    const struct graph       *graph; /* Has a batch leg; lives as long as the warehouse. */
    const struct siphash_key *person_key;
};

/* Takes the lock (ERR_BUSY names the owner), opens or makes the file, recovers what a crash left (R2), makes schemas. The
 * pipeline's name must be the one it was made with. The caller closes it.
 *
 * Where the graph has a streaming leg, the patient master of what is published lies beside its store (match/master_files.h)
 * whenever warehouse_open or warehouse_run has returned ST_OK. */
enum status warehouse_open(const struct warehouse_options *options, struct warehouse **ret_warehouse, struct error *err);
void        warehouse_close(struct warehouse *warehouse); /* Accepts NULL. */
struct db  *warehouse_db(struct warehouse *warehouse);    /* For queries beside. */

struct batch_progress {
    const char *step; /* "list", "decode", "transform", "check", "publish" */
    int64_t     bytes, bytes_total; /* While decoding. */
};

/* The files of an earlier run. */
struct batch_manifest_input {
    struct str source;
    struct str file;   /* As meta.input names it. */
    struct str digest; /* Of its bytes; empty: it could not be read. */
};

struct batch_manifest {
    const struct batch_manifest_input *inputs; /* In the order of source and file. */
    size_t                             count;
};

struct batch_options {
    int32_t logical_date; /* Days since 1970. */
    const struct batch_manifest *manifest; /* Just these files, with these bytes, else ERR_NO; NULL: what the bindings find. */
    bool (*is_stopping)(void *context); /* Interrupted: nothing is published, ERR_INTERRUPTED. */
    void (*progress)(void *context, const struct batch_progress *progress); /* NULL: nobody looks. */
    void *context;
    uint32_t range_size; /* Of the files' bytes, decoded by one thread; 0 = by runtime.memory and workers. It shapes no content (R4). */
};

struct batch_source {
    struct str name;
    int64_t    input_count;
    int64_t    received, loaded, deduplicated, filtered, quarantined, bytes; /* Records (I1). */
};

struct batch_table {
    struct str name; /* "lab_result" */
    int64_t    version_added;
    int64_t    version_count; /* In core.<entity>_version. */
    int64_t    current_count;
};

/* A file that could not be read to its end, or that no mapping is for: it is one quarantined record. */
struct batch_refused {
    struct str source;
    struct str file; /* As meta.input names it. */
    struct str reason_code;
    struct str reason;
};

struct batch_summary {
    struct arena               arena; /* Of all below. */
    struct str                 run_id;
    bool                       is_published;
    struct str                 gate; /* Why not, where it is not. */
    const struct batch_source *sources;
    size_t                     source_count;
    const struct batch_refused *refused;
    size_t                     refused_count;
    const struct batch_table  *tables;
    size_t                     table_count;
    struct hash128             digest; /* Of all tables. */
    struct error               copy_error; /* Why the copy for others could not be left; the run is published all the same. */
    int64_t                    duration_us;
};

/* One run. A failed gate is not an error: is_published is false and `gate` says why. On an error meta.run has the run as
 * failed, and core is as before (I9); unless is_published is true: then only the patient master could not be written, which the
 * next warehouse_open makes good. A copy (`publish` of the binding) that could not be left is no error of the run: it stands in
 * copy_error. The caller releases the summary in both cases where it is filled. */
enum status warehouse_run(struct warehouse *warehouse, const struct batch_options *options, struct batch_summary *ret_summary,
                          struct error *err);
void        batch_summary_release(struct batch_summary *summary);

#endif
