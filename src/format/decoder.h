/* Bytes to raw chunks: one pass over an input yields the rows of all its mappings, and says what became of every byte.
 *
 *     plan     the mappings of one format, their paths compiled. Read-only, shared by threads, one a binding.
 *     layout   what the head of one input tells: BOM, character set, the CSV header. Read-only, shared by the threads
 *              that decode ranges of the input. Only CSV and FHIR need one.
 *     decoder  the working state of one thread over one range of one input, or over one partition of a log.
 *
 *     decode_plan_compile(&options, mappings, count, &plan, err);
 *     decode_layout_open(plan, name, bytes, size, is_whole, &sink, &layout, err);
 *     per range: decode_split(plan, layout, bytes, size, begin, is_whole, range_size, &end, err);
 *                decoder_open(plan, layout, &options, &sink, &decoder, err);
 *                decoder_decode(decoder, bytes + begin, end - begin, begin, true, 0, &used, err);
 *                decoder_flush(decoder, err);
 *
 * Accounting (I1). Every byte that is used is either of a record or between records: record_bytes + between_bytes =
 * what was used. A record reaches from its first byte to its last, without its terminator. Between lie a BOM, the CSV
 * header, line ends behind records, blank lines, MLLP framing, the batch segments FHS, BHS, BTS, FTS, and bundles. Every record
 * either yields rows or is told to `outcome` with its reason, never both and never neither. A row that the mapping's
 * `when` refuses was still yielded: `when` is evaluated with the program, not here.
 *
 * What is a record: CSV a row (line ends inside quotes do not end it); HL7 v2 a message, or a run of bytes that is no
 * message; JSON and fixed width a line; FHIR a resource, or a bundle's entry that has none, and what lies around entries is between. An input
 * that cannot be read as a whole (no_mapping, UTF-16) is one record.
 *
 * The result depends on the bytes alone: not on how they are cut into calls, ranges or chunks. */
#ifndef HEDDLE_FORMAT_DECODER_H
#define HEDDLE_FORMAT_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "column/chunk.h"
#include "model/model.h"

/* ---- Plan ---- */

/* Zeroed = the defaults. */
struct decode_plan_options {
    enum model_format format;
    struct str        charset; /* "utf-8", "windows-1252", "iso-8859-1" and their usual aliases. CSV: empty = UTF-8.
                                  HL7 v2: of messages without MSH-18; empty = UTF-8 where valid, else windows-1252. */
    char              delimiter;             /* CSV; 0 = found from the header among , ; tab | */
    const struct str *processing_ids;        /* HL7 v2: MSH-11 that is let in, besides an empty one; count 0 = P. */
    size_t            processing_id_count;
    uint32_t          record_size_bytes_max; /* 0 = the format's own, which is also the most (base/limits.h). */
};

struct decode_plan;

/* Compiles the paths of `mappings`, all of one format. Mappings and their texts must outlive the plan; options need
 * not. A path or `each` that is wrong is an ERR_CONFIG at its file:line:column; `report` (may be NULL) is told of all
 * of them, `err` has the first. X12 is refused. The caller frees *ret_plan. */
enum status decode_plan_compile(const struct decode_plan_options *options, const struct mapping *const *mappings,
                                uint32_t mapping_count, model_report_fn *report, void *report_context,
                                struct decode_plan **ret_plan, struct error *err);
void        decode_plan_free(struct decode_plan *plan);

uint32_t              decode_plan_mapping_count(const struct decode_plan *plan);
const struct mapping *decode_plan_mapping(const struct decode_plan *plan, uint32_t mapping_index);

/* The columns before a mapping's fields. */
#define RAW_POSITION     0
#define RAW_LENGTH       1
#define RAW_ROW_NUMBER   2
#define RAW_FIELD_OFFSET 3

/* Schema of the mapping's raw chunks: position, length, row_number (int64, never null), then its fields in the order of
 * the mapping (text). Lives as long as the plan. */
const struct schema *decode_plan_schema(const struct decode_plan *plan, uint32_t mapping_index);

/* The record's longest size in bytes; see decoder_decode. */
uint32_t decode_plan_record_size_max(const struct decode_plan *plan);

/* ---- What a decoder tells ---- */

enum decode_reason {
    DECODE_MALFORMED,           /* malformed_record */
    DECODE_BAD_ENCODING,        /* bad_encoding */
    DECODE_TOO_LARGE,           /* too_large */
    DECODE_UNKNOWN_TYPE,        /* unknown_type */
    DECODE_NO_MAPPING,          /* no_mapping: the whole input */
    DECODE_TRUNCATED,           /* truncated */
    DECODE_WRONG_PROCESSING_ID, /* wrong_processing_id, filtered */
    DECODE_UNSUPPORTED_VERSION, /* unsupported_version */
    DECODE_NO_RESOURCE,         /* no_resource */
    DECODE_NO_ENTITY,           /* no_entity, filtered */
    DECODE_UNMAPPED_TYPE,       /* unmapped_type, filtered */
    DECODE_EMPTY,               /* empty_record */
    DECODE_TOMBSTONE,           /* tombstone, filtered */
    DECODE_REASON_COUNT
};

/* The code in model/terms/reasons.json. */
const char *decode_reason_code(enum decode_reason reason);
/* OUTCOME_QUARANTINED or OUTCOME_FILTERED. */
enum outcome decode_reason_outcome(enum decode_reason reason);

/* A record that yields no row. Texts live as long as the call. */
struct record_outcome {
    enum decode_reason reason;
    const char        *detail; /* What was wrong and where, without patient data: "7 cells, the header has 9". */
    int64_t            position;
    int64_t            length;
    struct str         bytes; /* The record as it came; of one that is too large, or of an input that cannot be read,
                                 the first FORMAT_KEPT_SIZE_MAX bytes. */
};

enum decode_note_kind {
    NOTE_MISSING_COLUMN, /* missing_column: the header lacks what the field reads. Once a file and field. */
    NOTE_WRONG_SHAPE,    /* wrong_shape: an object or array where the field wants one value. The field is null. */
    NOTE_BATCH_COUNT,    /* batch_count: BTS-1 or FTS-1 does not count what the batch or file held. */
    NOTE_STRAY_LINE,     /* stray_line: HL7 v2, a line inside a message that is no segment; it is skipped. */
    NOTE_UNENDED_BUNDLE, /* unended_bundle: FHIR, the input or line ends behind an entry, not behind the bundle. */
};

/* Something to be told that decides over no record. */
struct decode_note {
    enum decode_note_kind kind;
    int64_t               position;      /* Of the record; 0 for the header. */
    int32_t               mapping_index; /* -1: of no mapping. */
    int32_t               field_index;   /* Into mapping->fields; -1: of no field. */
    const char           *detail;        /* Without patient data. */
};

/* Whom a decoder tells. Each returns ST_ERROR to stop the decoding, which then returns the same error. `note` and
 * `outcome` may be NULL. */
struct decode_sink {
    void *context;
    /* Rows of one mapping in the order of the input: when its chunk is full, when decoder_flush is called, and where
     * texts are borrowed before decoder_decode returns. Never empty. The chunk and its texts are the decoder's: they
     * live as long as the call. */
    enum status (*rows)(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err);
    /* In the order of the input; not ordered with `rows`. */
    enum status (*outcome)(void *context, const struct record_outcome *outcome, struct error *err);
    enum status (*note)(void *context, const struct decode_note *note, struct error *err);
};

/* Running totals of one decoder. */
struct decode_counts {
    int64_t record_count;     /* record_count = yielded_count + the sum of reason_counts. */
    int64_t record_bytes;
    int64_t between_bytes;
    int64_t yielded_count;    /* Records with at least one row. */
    int64_t row_count;        /* Of all mappings. */
    int64_t reason_counts[DECODE_REASON_COUNT];
    int64_t kept_escape_count; /* HL7 v2: escapes that mean nothing to us and were kept as sent. */
    int64_t batch_segment_count;
};

/* ---- Layout ---- */

struct decode_layout;

/* Reads the head of an input. `name` is the file's, with or without its folders: it tells the mappings of fixed width, and
 * no others; empty: all of them. `size` is all of it (is_whole), or at least FORMAT_HEAD_SIZE_MAX bytes. An input that no
 * mapping of the plan fits, or that is UTF-16, is not an error: the layout says so, and decoding it gives one outcome.
 * Notes of missing columns go to sink->note (sink may be NULL). The caller frees the layout, after the decoders; the
 * plan outlives it. */
enum status decode_layout_open(const struct decode_plan *plan, struct str name, const void *head, size_t size,
                               bool is_whole, const struct decode_sink *sink, struct decode_layout **ret_layout, struct error *err);
void        decode_layout_free(struct decode_layout *layout);

/* Whether the input can be read at all; if not, the reason of its one outcome, and what is wrong (a constant). */
bool decode_layout_is_readable(const struct decode_layout *layout, enum decode_reason *ret_reason, const char **ret_detail);
/* Whether the input's records make rows of the mapping (CSV: its header fits). */
bool decode_layout_has(const struct decode_layout *layout, uint32_t mapping_index);

/* ---- Decoder ---- */

/* Zeroed = the defaults. */
struct decoder_options {
    uint32_t chunk_capacity;  /* 0 = CHUNK_ROW_COUNT_MAX. */
    bool     is_borrowing;    /* Long texts may point into the bytes given to decoder_decode; then all rows are handed
                                 over before it returns. Else texts are copied and chunks fill over several calls. */
    bool     is_flushed_together; /* When one chunk is full, those of all mappings are handed over, in the order of
                                     the plan: so what the sink has seen always ends at one position. */
};

struct decoder;

/* `layout` is NULL for JSON; for HL7 v2 it may be (then a UTF-16 input is junk); CSV and FHIR need it. The sink is copied. */
enum status decoder_open(const struct decode_plan *plan, const struct decode_layout *layout,
                         const struct decoder_options *options, const struct decode_sink *sink,
                         struct decoder **ret_decoder, struct error *err);

/* Decodes whole records at the beginning of `bytes`, which lie at `position` of the input. *ret_used bytes are done
 * with; what is behind them is the beginning of a record, to be given again with more behind it, at position + used.
 * `is_last`: nothing comes behind (the end of the input or of the range), so all is used unless record_count_max ends
 * the call. Without is_last, a call with at least decode_plan_record_size_max + 16 bytes always uses some.
 * record_count_max > 0: at most so many records; 0: no limit.
 * On failure (the sink's, or no memory) the decoder can only be freed. */
enum status decoder_decode(struct decoder *decoder, const void *bytes, size_t size, int64_t position, bool is_last,
                           uint32_t record_count_max, size_t *ret_used, struct error *err);

/* Decodes bytes that are one record, whatever is in them: a message of a log that keeps them apart, at `position`. `bytes` NULL: it has
 * no value. Rows wait until a chunk is full or decoder_flush is called, and so must the bytes where texts are borrowed. JSON only.
 * On failure the decoder can only be freed. */
enum status decoder_record(struct decoder *decoder, const char *bytes, size_t size, int64_t position, struct error *err);

/* Hands all rows over that wait in chunks. */
enum status decoder_flush(struct decoder *decoder, struct error *err);

/* Forgets a record that was begun, batches and rows that wait (after a seek). Counts stay. */
void decoder_reset(struct decoder *decoder);

/* Totals so far; rows that wait in chunks are counted. */
const struct decode_counts *decoder_counts(const struct decoder *decoder);

void decoder_free(struct decoder *decoder);

/* ---- Ranges ---- */

/* Where the range ends that begins with these bytes: at the first place, at or behind `place` > 0, that lies behind a
 * record (its line ends included). Ranges can be decoded side by side, each by its own decoder with is_last. `bytes` lie
 * at `position` of the input, where it begins or where the range before ends. *ret_end 0: more bytes must tell; with
 * is_last (nothing comes behind them) `size`. The answer does not depend on how many bytes lie behind the end. An HL7 v2
 * batch or file (BHS to BTS, FHS to FTS) is not cut, so that its counts can be reconciled; an input that cannot be read
 * is one record and has no place to cut. */
enum status decode_split(const struct decode_plan *plan, const struct decode_layout *layout, const void *bytes,
                         size_t size, int64_t position, bool is_last, size_t place, size_t *ret_end, struct error *err);

/* ---- Detection ---- */

/* The format of a binding that names none, from the first bytes: a message header is HL7 v2, `{` is FHIR where
 * a resourceType follows, else JSON; else CSV
 * where the first line has one of the delimiters or the name ends in .csv or .tsv. False: none of these. */
bool format_detect(const void *head, size_t size, struct str name, enum model_format *ret_format);

/* Whether the plan (NULL: no) is of fixed width and has a mapping for files of this name. */
bool decode_plan_names(const struct decode_plan *plan, struct str name);

#endif
