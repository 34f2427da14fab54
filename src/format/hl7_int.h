/* HL7 v2: paths, the message split into segments and fields, values. */
#ifndef HEDDLE_FORMAT_HL7_INT_H
#define HEDDLE_FORMAT_HL7_INT_H

#include "base/limits.h"
#include "format/format_int.h"

/* ---- Plan ---- */

enum hl7_path_kind {
    HL7_VALUE,     /* SEG-f… */
    HL7_PRESENT,   /* SEG: "1" where one is in scope. */
    HL7_FOLLOWING, /* SEG>SEG-f…: of those that follow directly, joined by line feeds. */
    HL7_WITHIN,    /* SEG>>SEG-f…: of the one that follows before the next of the first, or the next order or person. */
    HL7_OF_MESSAGE, /* ^SEG-f…: of the first in the message, wherever the row stands. */
};

enum hl7_repetition {
    HL7_FIRST,
    HL7_INDEX, /* [2] */
    HL7_MATCH, /* [5=MR|PI|] */
    HL7_EACH,  /* [#] */
    HL7_ALL,   /* [*] */
};

/* What a path makes of a field that holds none of the inner delimiters: most fields, and then nothing needs a look. */
enum hl7_plain {
    HL7_PLAIN_UNKNOWN, /* Look. */
    HL7_PLAIN_FIELD,   /* The field itself. */
    HL7_PLAIN_EMPTY,   /* Nothing: it wants a part that such a field does not have. */
};

/* Components of a field that are found by one walk: of a coded element all, of an address most. */
#define HL7_PIECE_COUNT_MAX 12

struct hl7_path {
    enum hl7_path_kind  kind;
    enum hl7_plain      plain;
    bool                is_of_first; /* It leads into the first repetition (or that of [#], or the matched one), to a component that one walk finds, or to the whole. */
    enum hl7_repetition repetition;
    uint16_t            name;      /* Segment in scope: index into hl7_plan.names. */
    uint16_t            following; /* FOLLOWING, WITHIN: the segments that follow it; OF_MESSAGE: the segment (name is MSH). */
    uint16_t            field;
    uint16_t            repetition_number; /* INDEX: from 1. */
    uint16_t            match_component;   /* MATCH: from 1. */
    uint16_t            match_subcomponent; /* MATCH: 0 = the whole component. */
    const struct str   *alternatives;       /* MATCH: in order of preference; an empty one matches an empty component. */
    uint16_t            alternative_count;
    uint16_t            match_id;     /* MATCH: paths that match alike have the same; HL7_MATCH_COUNT_MAX: too many do otherwise. */
    bool                is_whole;     /* .*: the repetition as sent. */
    uint16_t            component;    /* From 1; of a coding 1 to 3. */
    uint16_t            subcomponent; /* 0 = the whole component. */
    struct str          coding;       /* @LN; empty: none. */
};

/* Matches whose repetition is remembered. */
#define HL7_MATCH_COUNT_MAX 8

/* What a row needs of a path to see that it leads to nothing or to a field without parts, as most do. */
struct hl7_probe {
    uint16_t name;
    uint16_t field;      /* As many separators stand before it; 0: ask the path. */
    uint8_t  repetition; /* enum hl7_repetition */
    uint8_t  plain;      /* enum hl7_plain */
    bool     is_of_first;
};

#define HL7_ROW_NAME_COUNT_MAX 64

struct hl7_row_field {
    uint64_t names; /* Segments that its paths stand on, a bit each as in hl7_row. */
    bool     has_each;
};

/* What makes rows of a mapping. */
struct hl7_row {
    uint16_t              names[HL7_ROW_NAME_COUNT_MAX]; /* Segments that its paths stand on. */
    uint32_t              name_count;
    struct hl7_row_field *fields;
};

/* What makes a row: the record (name -1), each segment of a name, or each repetition of a field of it. */
struct hl7_each {
    int32_t  name;
    uint16_t field; /* 0: the segment. */
};

#define HL7_MAPPING_WORDS (FORMAT_MAPPING_COUNT_MAX / 64)
#define HL7_KEY_COUNT_MAX 128

/* The mappings that read a type of message or an event, a bit each. */
struct hl7_key {
    uint64_t code; /* Its bytes. */
    uint64_t readers[HL7_MAPPING_WORDS];
};

struct hl7_keys {
    struct hl7_key keys[HL7_KEY_COUNT_MAX];
    uint32_t       count;
    uint64_t       any[HL7_MAPPING_WORDS]; /* Those that name none, and read every one. */
};

#define HL7_NAME_COUNT_MAX 255
#define HL7_NAME_SLOTS     1024

/* Names of segments that paths or scopes know. */
struct hl7_plan {
    struct hl7_path *paths;
    uint32_t         path_count;
    struct hl7_probe *probes; /* One a path. */
    struct hl7_row  *rows; /* One a mapping. */
    struct hl7_each *each; /* One a mapping. */
    uint32_t         names[HL7_NAME_COUNT_MAX]; /* Three letters, the first highest. */
    uint32_t         name_count;
    uint8_t          slots[HL7_NAME_SLOTS]; /* Index into names plus 1; 0: free. Linear probing. */
    uint16_t         msh, evn, pid, orc, obr;
    struct hl7_keys  types;    /* MSH-9.1 */
    struct hl7_keys  triggers; /* MSH-9.2, else EVN-1 */
    uint64_t        *readers_at; /* HL7_MAPPING_WORDS for the record, then for each name: the mappings whose `each` it is. */
};

static inline uint32_t
hl7_name_code(const char *letters)
{
    return (uint32_t)(unsigned char)letters[0] << 16 | (uint32_t)(unsigned char)letters[1] << 8
           | (unsigned char)letters[2];
}

static inline int32_t
hl7_name_find(const struct hl7_plan *plan, uint32_t code)
{
    for (uint32_t at = code * 2654435761u >> 22;; at = (at + 1) % HL7_NAME_SLOTS) {
        uint32_t slot = plan->slots[at];
        if (slot == 0)
            return -1;
        if (plan->names[slot - 1] == code)
            return (int32_t)slot - 1;
    }
}

enum status hl7_compile(struct decode_plan *plan, struct plan_errors *errors, struct error *err);

/* ---- Message ---- */

struct hl7_delimiters {
    char field;
    char component;
    char repetition;
    char escape;
    char subcomponent;
};

struct hl7_segment {
    uint32_t begin;     /* In the message. */
    uint32_t end;
    uint32_t separator; /* Index of its first field separator. */
    uint32_t separator_count;
    int32_t  name; /* Into hl7_plan.names; -1: one that no path knows. */
};

/* The first repetition of a field, walked once: a row asks for several components of OBX-3, one behind the other. */
struct hl7_pieces {
    const char *field; /* Which field: its first byte; NULL: none. */
    const char *ends[HL7_PIECE_COUNT_MAX]; /* Of the components. */
    uint32_t    count;
    bool        is_cut; /* There are more components. */
    bool        has_escape;
    bool        has_subcomponents;
};

/* The repetition of a field that a match chose. */
struct hl7_matched {
    const char *field; /* Which field: its first byte; NULL: none. */
    struct str  repetition;
};

struct hl7_message {
    const char           *bytes;
    struct hl7_matched    matched[HL7_MATCH_COUNT_MAX]; /* By match_id. */
    struct hl7_pieces     pieces;
    struct hl7_delimiters delimiters;
    struct hl7_segment   *segments;
    size_t                segment_count;
    size_t                segment_capacity;
    uint32_t             *separators; /* Places of all field separators. */
    size_t                separator_count;
    size_t                separator_capacity;
    uint64_t             *inner; /* A bit a byte of the message: it is the component, repetition, escape or subcomponent delimiter. */
    size_t                inner_capacity;
    uint32_t              stray_line_count;
    int32_t               first[HL7_NAME_COUNT_MAX]; /* For each name its first segment; -1: none. */
};

/* Field separator and encoding characters of a message that begins with MSH. False: they cannot be (fewer than four
 * encoding characters, a letter, two alike). */
bool hl7_read_delimiters(struct str message, struct hl7_delimiters *ret_delimiters);

/* Splits into segments and fields. The arrays are reused. */
enum status hl7_message_split(const struct hl7_plan *plan, struct str bytes, struct hl7_delimiters delimiters,
                              struct hl7_message *message, struct error *err);
void        hl7_message_release(struct hl7_message *message);

/* The field as sent, all its repetitions; empty where the segment ends before it. MSH-1 is the separator itself, so that
 * the text behind the first one is MSH-2. */
static inline struct str
hl7_field(const struct hl7_plan *plan, const struct hl7_message *message, size_t segment_index, uint32_t field)
{
    const struct hl7_segment *segment = &message->segments[segment_index];

    if (segment->name == plan->msh) {
        if (field == 1)
            return str_of(message->bytes + segment->begin + 3, segment->end - segment->begin > 3 ? 1 : 0);
        field--;
    }
    if (field > segment->separator_count)
        return STR_EMPTY;

    const uint32_t *separators = message->separators + segment->separator;
    uint32_t        begin      = separators[field - 1] + 1;
    uint32_t        end        = field < segment->separator_count ? separators[field] : segment->end;
    return str_of(message->bytes + begin, end - begin);
}

/* The place of the first inner delimiter in [at, end) of the message, or `end`. */
static inline size_t
hl7_inner_next(const struct hl7_message *message, size_t at, size_t end)
{
    if (at >= end)
        return end;
    size_t   word = at >> 6;
    uint64_t bits = message->inner[word] & (~(uint64_t)0 << (at & 63));
    while (bits == 0) {
        if (++word << 6 >= end)
            return end;
        bits = message->inner[word];
    }
    size_t found = (word << 6) + (size_t)__builtin_ctzll(bits);
    return found < end ? found : end;
}

/* Where the delimiter `wanted` first stands in a text that is a piece of the message, or the text's size. */
static inline size_t
hl7_inner_find(const struct hl7_message *message, struct str piece, char wanted)
{
    if (piece.size == 0)
        return 0;
    size_t begin = (size_t)(piece.data - message->bytes);
    size_t end   = begin + piece.size;
    size_t at    = hl7_inner_next(message, begin, end);
    while (at < end && message->bytes[at] != wanted)
        at = hl7_inner_next(message, at + 1, end);
    return at - begin;
}

/* Part `number` (from 1) of a piece of the message between inner delimiters; empty beyond the last. */
static inline struct str
hl7_piece(const struct hl7_message *message, struct str piece, char delimiter, uint32_t number)
{
    if (piece.size == 0)
        return STR_EMPTY;
    const char *bytes = message->bytes;
    size_t      begin = (size_t)(piece.data - bytes);
    size_t      end   = begin + piece.size;
    size_t      word  = begin >> 6;
    uint64_t    bits  = message->inner[word] & (~(uint64_t)0 << (begin & 63));
    for (;; bits &= bits - 1) {
        while (bits == 0 && ++word << 6 < end)
            bits = message->inner[word];
        size_t at = bits != 0 ? (word << 6) + (size_t)__builtin_ctzll(bits) : end;
        if (at >= end)
            return number == 1 ? str_of(bytes + begin, end - begin) : STR_EMPTY;
        if (bytes[at] != delimiter)
            continue;
        if (--number == 0)
            return str_of(bytes + begin, at - begin);
        begin = at + 1;
    }
}

/* Part `number` (from 1) of any text between delimiters; empty beyond the last. */
struct str hl7_part(struct str text, char delimiter, uint32_t number);

/* ---- Dispatch ---- */

/* Fills types, triggers and readers_at; names, paths and `each` are there. */
enum status hl7_dispatch_compile(struct decode_plan *plan, struct error *err);
/* MSH-9.2, else EVN-1: the structure (MSH-9.3) is shared by several events. */
struct str hl7_message_event(const struct hl7_plan *plan, const struct hl7_message *message);
/* The mappings that read such a message. False: none. */
bool hl7_dispatch(const struct hl7_plan *plan, struct str type, struct str event, uint64_t ret_active[HL7_MAPPING_WORDS]);

/* ---- Values ---- */

/* Scratch for values that are not a piece of the message. */
struct hl7_scratch {
    char   *bytes;
    size_t  size;
    size_t  capacity;
    int64_t kept_escape_count; /* Escapes that mean nothing here. */
};

/* The value of a path. `segment_index` is that of the segment in scope, -1: none. `repetition` is what `each` stands on.
 * *ret_is_scratch: the text lies in the scratch, until its next use. */
enum status hl7_value(const struct hl7_plan *plan, const struct hl7_message *message, const struct hl7_path *path,
                      int32_t segment_index, struct str repetition, struct hl7_scratch *scratch,
                      struct str *ret_text, bool *ret_is_scratch, struct error *err);

/* Walks the first repetition of a field of the message that is not empty. */
void hl7_pieces_walk(struct hl7_message *message, struct str field);

/* The repetition of a field that the path matches; empty: none does. */
struct str hl7_match(struct hl7_message *message, const struct hl7_path *path, struct str field);
/* The value of a path that is_of_first, where it needs no change, in a text whose parts were walked. False: it does; ask hl7_value. */
bool hl7_pieces_value(const struct hl7_message *message, const struct hl7_path *path, struct str *ret_text);

/* ---- Rows ---- */

/* Fills probes and rows; paths are there. */
enum status hl7_rows_compile(struct decode_plan *plan, struct error *err);
/* The row of a mapping, from what is in scope. `repetition` is what `each` stands on. */
enum status hl7_make_row(struct decoder *decoder, uint32_t mapping_index, struct str repetition, struct error *err);

/* ---- Frames ---- */

enum hl7_mark {
    HL7_NO_HEADER,
    HL7_MAYBE,   /* More bytes must tell. */
    HL7_MESSAGE, /* MSH */
    HL7_BATCH,   /* FHS, BHS, BTS, FTS */
};

/* What stands between messages and where in batches we are. */
struct hl7_between {
    bool    is_framed; /* An MLLP frame was opened (0x0B) and its message not yet read. */
    bool    is_in_file;
    bool    is_in_batch;
    int64_t message_count; /* Since BHS. */
    int64_t batch_count;   /* Since FHS. */
};

struct hl7_state {
    struct hl7_between between;
    struct hl7_message message;
    struct hl7_scratch scratch;
    char              *converted; /* The message in UTF-8, where it came in another set. */
    size_t             converted_capacity;
    bool               is_converted;
    bool               has_high;    /* The message just framed may hold bytes that are not ASCII. */
    int32_t           *scope;       /* For each name the segment in scope, or -1. */
    int32_t            order_begin; /* First segment of the order in work; -1: none. */
    int32_t           *row_scopes;  /* For each mapping and name of its row: the segment in scope at its last row. HL7_ROW_NAME_COUNT_MAX a mapping. */
    uint64_t          *row_message; /* For each mapping the message of its last row. */
    uint32_t          *row_numbers; /* For each mapping. */
    uint64_t           active[HL7_MAPPING_WORDS]; /* The mappings that read the message in work. */
    uint64_t           message_number;
};

enum status hl7_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position,
                      bool is_last, struct frame *ret_frame, struct error *err);
size_t      hl7_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position, bool is_last,
                     bool *ret_is_end);
enum status hl7_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, int64_t position,
                      bool is_last, size_t place, size_t *ret_end, struct error *err);

#endif
