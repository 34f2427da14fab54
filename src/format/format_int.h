/* What the files of this folder share: the compiled plan, the layout, the decoder's state.
 *
 * A format is a struct of functions (struct format_kind). decoder.c walks the bytes: it asks the format for the next
 * frame (what lies between, then a record, then what lies between), accounts for it, and has the format decode the
 * record into rows. So the accounting stands in one place. */
#ifndef HEDDLE_FORMAT_FORMAT_INT_H
#define HEDDLE_FORMAT_FORMAT_INT_H

#include "base/arena.h"
#include "format/charset.h"
#include "format/decoder.h"

/* ---- Plan ---- */

/* One value of the mapping's dispatch field, such as ORU of `message_type = 'ORU'`. */
struct dispatch_value {
    struct str text;
    uint32_t   mapping_index;
};

/* How to get one field. Paths lie in the format's own table; paths of a field stand side by side. */
struct plan_field {
    uint32_t first_path;
    uint32_t path_count;
    int32_t  member; /* JSON: the slot of the one member of the record that the field is, as nearly all are; else -1. */
    bool     is_required;
};

struct plan_mapping {
    const struct mapping *mapping;
    struct schema         schema;
    struct plan_field    *fields;
    uint32_t              first_each; /* Into the format's own table of each; count 0 = the record. */
    uint32_t              each_count;
    bool                  is_dispatched; /* Reads only records whose type is among its dispatch values. */
    bool                  is_element_typed; /* FHIR: the type is that of the element of `each`, not the record's. */
    const char          **missing_details; /* CSV: of each header of `detect`, what is said where it alone is what keeps a file from fitting. */
    bool                  may_be_self;      /* JSON: one of its `each` is the record itself. */
    bool                  reads_entries;    /* FHIR: asks for @method, so that it knows a deletion from a resource. */
};

struct csv_plan;
struct hl7_plan;
struct json_plan;
struct fixed_plan;

struct decode_plan {
    const struct format_kind *kind;
    struct arena              arena;
    struct plan_mapping      *mappings;
    uint32_t                  mapping_count;
    struct dispatch_value    *dispatch; /* Sorted by the text's size, then text, then mapping. */
    uint32_t                  dispatch_count;
    bool                      has_catch_all; /* Some mapping reads every record. */
    uint32_t                  record_size_max;
    enum charset              charset; /* CHARSET_UNKNOWN: not given. */
    char                      delimiter;
    struct str               *processing_ids;
    size_t                    processing_id_count;
    struct csv_plan          *csv; /* One of the four is set. */
    struct hl7_plan          *hl7;
    struct json_plan         *json; /* FHIR too. */
    struct fixed_plan        *fixed;
};

/* Collects errors of compiling: the first goes to the caller, all to the report. */
struct plan_errors {
    model_report_fn *report;
    void            *context;
    struct error    *err;
    uint32_t         count;
};

/* Notes an ERR_CONFIG at the text's place in the mapping's file. */
void plan_error(struct plan_errors *errors, const struct mapping *mapping, const struct model_text *at,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Which field of a mapping tells the type of a record. */
struct type_field_query {
    const struct decode_plan *plan;
    uint32_t                  mapping_index;
};
typedef bool is_type_field_fn(const struct type_field_query *query, uint32_t field_index);

/* The values to which `when` holds the mapping's type field, from a conjunct of the form `field = 'a'` or `field in
 * ('a', 'b')`. Count 0: there is no such conjunct, or the expression is of a form that is not understood here (or,
 * case): then the mapping reads every record. The values are copied into the arena. */
enum status when_dispatch(const struct mapping *mapping, is_type_field_fn *is_type_field,
                          const struct type_field_query *query, struct arena *arena, struct str **ret_values,
                          uint32_t *ret_count, struct error *err);

/* Fills plan->dispatch from all mappings. */
enum status plan_dispatch(struct decode_plan *plan, is_type_field_fn *is_type_field, struct error *err);

/* The mappings' indices for a type, as a range of plan->dispatch. */
void dispatch_find(const struct decode_plan *plan, struct str type, uint32_t *ret_begin, uint32_t *ret_end);

/* ---- Layout ---- */

#define DECODE_DETAIL_SIZE 160

struct csv_layout;

struct decode_layout {
    const struct decode_plan *plan;
    bool                      is_readable;
    enum decode_reason        reason; /* Where it is not. */
    const char               *detail; /* The plan's, or a constant. */
    uint64_t                  records_begin; /* Position of the first byte behind BOM and header. */
    struct csv_layout        *csv;
    bool                      is_document; /* FHIR: values over several lines; else a line ends what is on it. */
    char                      old_version[DECODE_DETAIL_SIZE]; /* FHIR: why the bundle that begins the input is not of R4; empty: it may be. */
    struct str                name;       /* Only while it is opened. */
    bool                     *fixed_fits; /* Fixed width: for each mapping; else NULL. */
};

/* ---- Decoder ---- */

enum frame_kind {
    FRAME_MORE,       /* Nothing whole is there; more bytes are needed. */
    FRAME_BETWEEN,    /* `before` bytes lie between records. */
    FRAME_RECORD,     /* `before`, then a record of `size`, then `after`. */
    FRAME_PASSED,     /* `before`, then a bad record whose end `skip` finds: it is too large, or nothing tells where it ends. */
};

struct frame {
    enum frame_kind    kind;
    size_t             before;
    size_t             size;
    size_t             after;
    bool               is_bad; /* The record yields no row, for `reason`. */
    enum decode_reason reason;
    const char        *detail;
};

/* A record too large, or an input not readable: passed over until its end. */
struct skip {
    bool               is_active;
    enum decode_reason reason;
    const char        *detail;
    int64_t            position;
    int64_t            length;
    size_t             kept_size;
    char              *kept; /* FORMAT_KEPT_SIZE_MAX bytes, allocated when first needed. */
};

struct format_kind {
    enum model_format format;
    uint32_t          record_size_max;

    /* Compiles paths of all mappings of the plan (wrong ones go to `errors`) and their dispatch. */
    enum status (*compile)(struct decode_plan *plan, struct plan_errors *errors, struct error *err);
    /* Optional. */
    enum status (*layout)(struct decode_layout *layout, struct str head, bool is_whole, const struct decode_sink *sink,
                          struct error *err);
    void (*layout_free)(struct decode_layout *layout);

    enum status (*open)(struct decoder *decoder, struct error *err);
    void (*reset)(struct decoder *decoder);
    void (*close)(struct decoder *decoder);

    /* The next frame at `begin` of bytes[0, size). `position` is that of bytes[0]. */
    enum status (*frame)(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position,
                         bool is_last, struct frame *ret_frame, struct error *err);
    /* Makes rows of the record just framed, or calls decoder_outcome. */
    enum status (*decode)(struct decoder *decoder, struct str record, int64_t position, struct error *err);
    /* How many bytes of [begin, size) belong to a record that is too large; *ret_is_end says that it ends there. */
    size_t (*skip)(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
                   bool *ret_is_end);
    /* Where a range may end at or behind `place` > 0; 0: nowhere in these bytes, which lie at `position`. */
    enum status (*split)(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes,
                         int64_t position, bool is_last, size_t place, size_t *ret_end, struct error *err);
};

extern const struct format_kind CSV_KIND;
extern const struct format_kind HL7V2_KIND;
extern const struct format_kind JSON_KIND;
extern const struct format_kind FHIR_KIND;
extern const struct format_kind FIXED_KIND;

struct csv_state;
struct hl7_state;
struct json_state;
struct fhir_state;
struct fixed_state;

struct decoder {
    const struct decode_plan   *plan;
    const struct decode_layout *layout;
    const struct format_kind   *kind;
    struct decoder_options      options;
    struct decode_sink          sink;
    struct decode_counts        counts;
    struct chunk               *chunks; /* One a mapping. */
    struct skip                 skip;
    bool                        has_failed;
    uint64_t                    call_number; /* Of decoder_decode: what is remembered of its bytes ends with it. */
    /* The record in work. */
    int64_t  record_position;
    int64_t  record_length;
    uint32_t record_rows;
    bool     record_has_outcome;
    char     detail[DECODE_DETAIL_SIZE];
    /* Bytes that texts of waiting rows point into; cleared when no rows wait. */
    struct arena       text_arena;
    uint64_t           waiting_rows;
    struct csv_state  *csv;
    struct hl7_state  *hl7;
    struct json_state *json;
    struct fhir_state *fhir;
    struct fixed_state *fixed;
};

/* Tells the outcome of the record in work. */
enum status decoder_outcome(struct decoder *decoder, enum decode_reason reason, struct str bytes, const char *detail,
                            struct error *err);
enum status decoder_note(struct decoder *decoder, enum decode_note_kind kind, int32_t mapping_index,
                         int32_t field_index, const char *detail, struct error *err);
/* printf into decoder->detail, which it returns. */
const char *decoder_detail(struct decoder *decoder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- Lines ---- */

/* The line at `at`: its size without the line feed. False: it is not whole. A size above size_max: it is too large. */
bool        line_find(const char *bytes, size_t at, size_t size, size_t size_max, bool is_last, size_t *ret_size,
                      bool *ret_is_ended);
/* `skip` and `split` of formats whose records are lines. */
size_t      line_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position,
                      bool is_last, bool *ret_is_end);
enum status line_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes,
                       int64_t position, bool is_last, size_t place, size_t *ret_end, struct error *err);

/* ---- Rows ---- */

/* How long the bytes of a value live. */
enum value_life {
    LIFE_CALL,  /* Until the row is done: copy. */
    LIFE_INPUT, /* As long as the bytes given to decoder_decode: copy unless borrowing. */
    LIFE_TEXT,  /* In decoder->text_arena. */
};

/* Sets a value of the row being built; an empty one is null. False: it is long and does not live long enough, so that it
 * has to be copied. Each field of a row is set once: the row's bits of validity are still ones.
 *
 * It takes what it needs as arguments, because bytes are stored into the column: the compiler must then read again whatever
 * it reaches through a pointer. */
static inline bool
row_put(struct column *column, uint32_t row, struct str value, bool lives_long)
{
    if (value.size == 0) {
        column->all_valid = false;
        column->validity[row >> 6] &= ~((uint64_t)1 << (row & 63));
        return true;
    }
    if (!lives_long && value.size > TEXT_INLINE_SIZE)
        return false;
    text_set(&((struct text *)column->data)[row], value.data, value.size);
    return true;
}

/* Sets a field of the row being built. */
static inline enum status
row_set(struct decoder *decoder, struct chunk *chunk, uint32_t field_index, struct str value, enum value_life life,
        struct error *err)
{
    bool     lives_long = life == LIFE_TEXT || (life == LIFE_INPUT && decoder->options.is_borrowing);
    uint32_t column     = RAW_FIELD_OFFSET + field_index;

    if (row_put(&chunk->columns[column], chunk->row_count, value, lives_long))
        return ST_OK;
    return chunk_set_text(chunk, column, chunk->row_count, value.data, value.size, err);
}

/* The row is complete: hands the chunk over when it is full. */
enum status row_end(struct decoder *decoder, uint32_t mapping_index, uint32_t row_number, struct error *err);

/* Room for `count` items in a scratch array that only grows. */
enum status scratch_grow(void **array, size_t *capacity, size_t count, size_t item_size, struct error *err);

#endif
