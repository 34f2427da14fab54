/* A run: one pass of the batch leg, from a list of files to published rows.
 *
 *   PLANNED ──▶ LISTED ──▶ DECODED ──▶ TRANSFORMED ──▶ CHECKED ──▶ PUBLISHED
 *      └───────────┴──────────┴─────────────┴─────────────┴──▶ FAILED
 *
 *   PLANNED      number and id are taken: meta.run has the row, status 'running'; the schema run_<n> exists in memory
 *   LISTED       run_list        every input with path, size and digest; nothing was decoded yet
 *   DECODED      run_decode      "<mapping>", row_E, aside (rows_int.h), record, note; the decoders' counts in C
 *   TRANSFORMED  run_stage       repeat_E, sequence_E, persons
 *   CHECKED      run_account     verdict, account, reason, quarantine; I1 holds by both counts; the gate has judged
 *   PUBLISHED    run_publish     one transaction: core, raw views, meta
 *   FAILED       meta tells why; core is as before (I9)
 *
 * R1  Only PUBLISHED changes core or raw. It is one transaction, so a reader sees the run whole or not at all.
 * R2  Until then everything lies in schema run_<n> of a database in memory, which spills but outlives no process. A crash leaves a
 *     row 'running' in meta.run; warehouse_open marks it 'failed'.
 * R3  raw.<mapping> has the fields as received of every row that a run took in, with its run_id; of a mapping without an entity,
 *     whose rows nothing tells apart, those of the last published run that read it.
 * R4  A run is a function (I5) of core, its inputs' bytes, the graph, the model, the program and the logical date. Its
 *     number, its times, threads and chunk sizes shape no content.
 * R5  Numbers ascend and are never used twice. An id is the logical date and how often it was run: 20260102-1. */
#ifndef HEDDLE_WAREHOUSE_RUN_INT_H
#define HEDDLE_WAREHOUSE_RUN_INT_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str_builder.h"
#include "format/decoder.h"
#include "io/lock.h"
#include "io/process.h"
#include "io/stream.h"
#include "model/program.h"
#include "warehouse/known_int.h"
#include "warehouse/stage_int.h"
#include "warehouse/sql.h"
#include "warehouse/warehouse.h"

struct warehouse {
    struct warehouse_options options;
    struct lock              lock;
    struct db               *db;
    struct db_connection    *connection; /* Of runs: no query of a user's is on it. */
    struct stage            *stage;      /* Of the run that goes on, or NULL. */
};

/* Leaves the patient master of what is published beside the store of the streaming leg, if it is not there yet. */
enum status warehouse_write_master(struct warehouse *warehouse, struct error *err);

/* How `runtime.memory` is shared out (I10): DuckDB has memory_bytes, each decoding thread a range and rows on their way to a table. */
struct run_bounds {
    uint32_t thread_count; /* Of DuckDB, and of decoding; at least 1. */
    uint32_t range_size;
    int64_t  append_size; /* Of rows that a thread has not handed over, in all tables. */
    int64_t  stage_size;  /* Of rows on their way to core, before they go to tables that spill. */
    int64_t  known_size;  /* Of the hashes of one fact, while files are decoded and DuckDB has little to do. */
    int64_t  memory_bytes;
};
struct run_bounds warehouse_bounds(const struct graph_runtime *runtime);

/* One input of a binding: many files in one context. */
struct run_spec {
    const struct graph_source *source;
    const struct graph_input  *input;
    struct decode_plan        *plans[MODEL_FORMAT_COUNT]; /* NULL: no mapping of the format is meant. */
};

/* One file. */
struct run_input {
    int64_t              number; /* input_number, from 1: by spec, then by path. */
    uint32_t             spec_index;
    const char          *path;       /* To open. */
    const char          *file;       /* As rows name it: below the bindings' folder, else the path. */
    int64_t              size_bytes; /* As stored. */
    struct file_info     info;       /* When it was digested. */
    char                 digest[65]; /* SHA-256 of the stored bytes. */
    const char          *format;     /* "csv"; "" where it could not be told. */
    const char          *reason_code; /* Why it is one refused record; NULL: it is not. */
    const char          *reason;
    bool                 is_withdrawn; /* Something had been decoded of it before it was refused. */
    int64_t              decoded_bytes; /* Size after decompression. */
    int64_t              record_count;
    int64_t              record_bytes;
    int64_t              between_bytes;
    int64_t              row_count;
};

/* One mapping in one spec: a part of an entity's rows. Its index is its mapping_number. */
struct run_program {
    struct program       *program; /* NULL: the mapping has no entity. */
    const struct mapping *mapping; /* NULL: no file of the spec fits it. */
    uint32_t              spec_index;
    int64_t               row_number_first;
    const char          **issue_codes;  /* row_code of what each issue quarantines, each filter filters. */
    const char          **filter_codes;
};

/* An entity of the model, in a run. */
struct run_entity {
    struct stage_table *table;       /* row_E; NULL: no file has rows of it. */
    bool                has_emptied; /* Some mapping tells an empty value from none (H6). */
    struct known        known;       /* Of a fact. */
};

/* What a run leaves of one table of core (digest_int.h). */
struct run_digest {
    bool           is_known; /* Else the table is read whole. */
    int64_t        row_count;
    struct hash128 sum;
};

/* What a step cost; a step may be gone through several times (a time an entity). */
struct run_step {
    const char *name;
    int64_t     wall_us, user_us, system_us;
    int64_t     resident_bytes_max; /* Of the process since it began, at the step's end. */
};

struct run_meter {
    struct run_step      steps[RUN_STEP_COUNT_MAX];
    uint32_t             count;
    uint32_t             current;
    struct process_usage before;
    int64_t              wall_us;
};

struct run {
    struct warehouse           *warehouse;
    struct db_connection       *connection;
    const struct graph         *graph;
    const struct batch_options *options;
    struct arena                arena;
    int64_t                     number;
    char                        id[48];
    char                        schema[32]; /* run_<n> */
    char                        prefix[64]; /* The same with its catalog, as statements name it. */
    int64_t                     started_us;
    int64_t                     recorded_us; /* recorded_from of its rows; later than any before it. */
    struct run_input           *inputs;
    size_t                      input_count;
    struct run_spec            *specs;
    size_t                      spec_count;
    struct run_program         *programs; /* By spec, then by mapping. */
    size_t                      program_count;
    struct run_entity          *entities; /* By entity of the model. */
    struct stage_table        **raw;      /* By mapping of the model; NULL: no file fits it. */
    struct stage_table         *aside;
    struct run_digest          *digests;  /* Once publishing began: by table. */
    struct sql_names            names;       /* run, run_id, now and what one statement adds. */
    struct batch_summary       *summary;
    struct run_meter            meter;
};

/* From here on the run's cost is that of the step `name`, a constant text. */
void run_step(struct run *run, const char *name);
/* meta.run_step, up to now. Once, at the run's end. */
enum status run_write_steps(struct run *run, struct error *err);

/* SHA-256 and size of the bytes as stored. A file that cannot be read is left without a digest: decoding tells why. `buffer`
 * has FILE_READ_SIZE bytes. */
enum status run_digest_file(struct io *io, struct run_input *input, char *buffer, struct error *err);

/* Whether the run is to read the file, and, behind the listing, whether it lists all that it is to read, unchanged. */
bool        run_is_meant(const struct run *run, struct str source, struct str file);
enum status run_check_manifest(const struct run *run, struct error *err);

/* ERR_INTERRUPTED where somebody asked to stop; tells the step. */
enum status run_pause(struct run *run, const char *step, int64_t bytes, int64_t bytes_total, struct error *err);

/* Whether the binding's input means the mapping: by its name or its beginning. */
bool run_means(const struct graph_input *input, const struct mapping *mapping);

/* Part of run_decode: plans, tables and the list of inputs are there; every file is decoded. */
enum status run_decode_files(struct run *run, struct error *err);

/* Each takes the run from one state to the next. */
enum status run_list(struct run *run, struct error *err);
enum status run_decode(struct run *run, struct error *err);
enum status run_stage(struct run *run, struct error *err);
enum status run_account(struct run *run, struct error *err);
enum status run_publish(struct run *run, struct error *err);

/* meta.input, accounting, reasons, quarantine, quality; inside the caller's transaction. */
enum status run_write_meta(struct run *run, struct error *err);
/* Names of history_names for the entity, the run's own time and id. Released by the caller. */
void run_entity_names(const struct run *run, const struct entity *entity, struct sql_names *names);
bool run_has_entity(const struct run *run, const struct entity *entity);
/* Part of run_publish: raw.<mapping>. Before its transaction, for DuckDB writes rows of a table that the transaction made twice; in it. */
enum status run_prepare_raw(struct run *run, struct error *err);
enum status run_publish_raw(struct run *run, struct error *err);

#endif
