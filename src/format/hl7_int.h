/* HL7 v2: paths, the message split into segments and fields, values. */
#ifndef HEDDLE_FORMAT_HL7_INT_H
#define HEDDLE_FORMAT_HL7_INT_H

#include "format/format_int.h"

/* ---- Plan ---- */

enum hl7_path_kind {
    HL7_VALUE,     /* SEG-f… */
    HL7_PRESENT,   /* SEG: "1" where one is in scope. */
    HL7_FOLLOWING, /* SEG>SEG-f…: of those that follow directly, joined by line feeds. */
};

enum hl7_repetition {
    HL7_FIRST,
    HL7_INDEX, /* [2] */
    HL7_MATCH, /* [5=MR|PI|] */
    HL7_EACH,  /* [#] */
    HL7_ALL,   /* [*] */
};

struct hl7_path {
    enum hl7_path_kind  kind;
    enum hl7_repetition repetition;
    uint16_t            name;      /* Segment in scope: index into hl7_plan.names. */
    uint16_t            following; /* FOLLOWING: the segments that follow it. */
    uint16_t            field;
    uint16_t            repetition_number; /* INDEX: from 1. */
    uint16_t            match_component;   /* MATCH: from 1. */
    uint16_t            match_subcomponent; /* MATCH: 0 = the whole component. */
    const struct str   *alternatives;       /* MATCH: in order of preference; an empty one matches an empty component. */
    uint16_t            alternative_count;
    bool                is_whole;     /* .*: the repetition as sent. */
    uint16_t            component;    /* From 1; of a coding 1 to 3. */
    uint16_t            subcomponent; /* 0 = the whole component. */
    struct str          coding;       /* @LN; empty: none. */
};

/* What makes a row: the record (name -1), each segment of a name, or each repetition of a field of it. */
struct hl7_each {
    int32_t  name;
    uint16_t field; /* 0: the segment. */
};

#define HL7_NAME_COUNT_MAX 255
#define HL7_NAME_SLOTS     1024

/* Names of segments that paths or scopes know. */
struct hl7_plan {
    struct hl7_path *paths;
    uint32_t         path_count;
    struct hl7_each *each; /* One a mapping. */
    uint32_t         names[HL7_NAME_COUNT_MAX]; /* Three letters, the first highest. */
    uint32_t         name_count;
    uint8_t          slots[HL7_NAME_SLOTS]; /* Index into names plus 1; 0: free. Linear probing. */
    uint16_t         msh, pid, orc, obr;
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

struct hl7_message {
    const char           *bytes;
    struct hl7_delimiters delimiters;
    struct hl7_segment   *segments;
    size_t                segment_count;
    size_t                segment_capacity;
    uint32_t             *separators; /* Places of all field separators. */
    size_t                separator_count;
    size_t                separator_capacity;
    uint32_t              stray_line_count;
};

/* Field separator and encoding characters of a message that begins with MSH. False: they cannot be (fewer than four
 * encoding characters, a letter, two alike). */
bool hl7_read_delimiters(struct str message, struct hl7_delimiters *ret_delimiters);

/* Splits into segments and fields. The arrays are reused. */
enum status hl7_message_split(const struct hl7_plan *plan, struct str bytes, struct hl7_delimiters delimiters,
                              struct hl7_message *message, struct error *err);
void        hl7_message_release(struct hl7_message *message);

/* The field as sent, all its repetitions; empty where the segment ends before it. */
struct str hl7_field(const struct hl7_plan *plan, const struct hl7_message *message, size_t segment_index,
                     uint32_t field);

/* Part `number` (from 1) between delimiters; empty beyond the last. */
struct str hl7_part(struct str text, char delimiter, uint32_t number);

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
    int32_t           *scope;       /* For each name the segment in scope, or -1. */
    int32_t            order_begin; /* First segment of the order in work; -1: none. */
    int32_t           *path_scope;  /* For each path the segment from which the mapping's last row took it. */
    uint64_t          *row_message; /* For each mapping the message of its last row. */
    uint32_t          *row_numbers; /* For each mapping. */
    bool              *is_active;   /* For each mapping: it reads the message in work. */
    uint64_t           message_number;
};

enum status hl7_frame(struct decoder *decoder, const char *bytes, size_t begin, size_t size, int64_t position,
                      bool is_last, struct frame *ret_frame, struct error *err);
size_t      hl7_skip(struct decoder *decoder, const char *bytes, size_t begin, size_t size, bool is_last,
                     bool *ret_is_end);
enum status hl7_split(const struct decode_plan *plan, const struct decode_layout *layout, struct str bytes, size_t *ends,
                      uint32_t count, struct error *err);

#endif
