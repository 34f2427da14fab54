/* Inside the intake: what its files share.
 *
 *     intake.c          life, the decoder's calls, groups of rows
 *     intake_columns.c  which entity column gives which event column
 *     intake_rows.c     one group: order of positions, lateness, event rows, persons
 *     intake_log_time.c when an event was written, as it says itself
 *     intake_access.c   what rules of accesses go by besides
 *     intake_letters.c  dead letters, late events, unevaluated results
 *     intake_message.c  what a message says beside its value
 *
 * A group is what the decoder hands over together: of each mapping at most one chunk. Rows of one record may lie in two
 * groups, one behind the other, so what is known of the record in work outlives a group. */
#ifndef HEDDLE_LIVE_OP_INTAKE_INT_H
#define HEDDLE_LIVE_OP_INTAKE_INT_H

#include "base/str_builder.h"
#include "format/decoder.h"
#include "live/op/intake.h"
#include "model/program.h"

/* Where an event column comes from: the first of the two that is not null. -1: none. */
struct lane_source {
    int32_t first;
    int32_t second;
};

/* One mapping: its program and the rows of the group in hand. */
struct intake_lane {
    const struct mapping  *mapping;
    struct program        *program;
    struct program_state  *state;
    uint32_t               entity_index;
    bool                   is_lab_result; /* What it rejects must be told to somebody. */
    struct lane_source     sources[EVENT_COLUMN_COUNT];
    int32_t                range_low;  /* Bounds of the reference range, as received; -1: none. */
    int32_t                range_high;
    int32_t                source_value; /* With normalized_value: a number whose unit could not be brought to the limit's. */
    int32_t                normalized_value;
    int32_t                purpose; /* Of an access: purpose_of_use and reason; -1: none. */
    int32_t                reason;
    int32_t                vip;    /* Of an encounter: vip_indicator. */
    bool                   is_access;      /* A rule of accesses judges its rows, … */
    bool                   is_explanation; /* … or explains others by them. */
    const uint32_t        *needed; /* Key columns that are not required: null, they reject their row too. */
    uint32_t               needed_count;
    int64_t               *log_times; /* Of the raw rows: when they were written, as they say. NULL: nobody asks. */

    struct chunk           rows; /* program_schema; also rows that are rejected hold what mappings set. */
    struct program_result  result;
    int64_t               *positions; /* Of the raw rows. */
    int64_t               *lengths;
    uint32_t               cursor; /* The next row in the order of positions. */
    uint16_t              *loaded; /* Rows that go on, … */
    uint16_t              *places; /* … and their rows among the events. */
    uint32_t               loaded_count;
};

/* What is known of a record whose rows are being taken. Ranks are those of ARCHITECTURE.md, "Outcome of a record". */
enum record_rank {
    RECORD_LOADED,
    RECORD_QUARANTINED,
    RECORD_FILTERED,
    RECORD_REFUSED, /* By each mapping's `when`. */
};

struct record_work {
    bool                 is_open;
    int64_t              position;
    int64_t              length;
    enum record_rank     rank;
    uint32_t             reason_index; /* Of the row that gave the rank. */
    int64_t              row_count;    /* So far, the row in hand included. */
    const struct mapping *loaded_by;
};

/* What one call of intake_batch works for. */
struct intake_call {
    struct intake_partition   *partition;
    const struct record_batch *batch;
    int64_t                    received_us;
    struct epoch_output       *output;
    intake_rows_fn            *rows;
    void                      *context;
};

struct intake {
    struct intake_options options;
    const struct master  *master;
    struct decode_plan   *plan;
    struct decoder       *decoder;
    struct intake_lane   *lanes; /* By the plan's mapping index. */
    uint32_t              lane_count;
    int32_t               last_lane; /* Of the group; -1: it is empty. */
    struct record_work    record;
    struct chunk          events;
    char                (*persons)[HASH128_TEXT_SIZE]; /* Texts of EVENT_PERSON_ID. */
    struct arena          arena; /* Of the intake's life. */
    struct str_builder    text;  /* Of one alert. */
    struct str_builder    beside; /* Key and headers of one letter. */
    const struct zone    *zone; /* Of log times without an offset; NULL where nobody asks for them. */
    const struct str     *limit_codes; /* Codes that some critical-value rule of the graph has limits for. */
    uint32_t              limit_code_count;
    bool                  has_alerts;
    const struct reason  *unknown_type, *missing_required, *too_late, *source_idle, *unknown_unit, *future_time, *bad_timestamp, *deleted_unread;
    struct intake_call    call;
};

/* intake_columns.c. By the entity's columns, which ones the intake looks at. */
enum status intake_columns_wanted(struct intake *intake, const struct entity *entity, const bool **ret_wanted, struct error *err);
/* Fills sources and what else the lane reads by column; the lists lie in the intake's arena. */
enum status intake_columns_find(struct intake *intake, struct intake_lane *lane, struct error *err);

/* intake_rows.c. All rows of the group, in the order of their positions; the lanes are then empty. */
enum status intake_group(struct intake *intake, struct error *err);
/* The outcome of the record in work, if there is one. */
enum status intake_record_end(struct intake *intake, struct error *err);

/* intake_access.c. Whether rules of accesses go by the lane's rows. */
void intake_access_find(const struct intake *intake, struct intake_lane *lane);
/* EVENT_ACCESS_FACTS of the lane's rows, which are null so far; behind the persons. */
void intake_access_facts(struct intake *intake, const struct intake_lane *lane);

/* intake_log_time.c. Where the binding names a log_time. The mapping with one more field, which is that; in the intake's arena. */
enum status intake_log_time_field(struct intake *intake, const struct mapping **mapping, struct error *err);
enum status intake_log_time_open(struct intake *intake, struct intake_lane *lane, struct error *err);
void        intake_log_time_take(const struct intake *intake, struct intake_lane *lane, const struct chunk *raw);
/* Why the row is no event: its time lies beyond its log time, or it has none. NULL: it is one. *ret_column: of what is wrong. */
const struct reason *intake_log_time_refusal(const struct intake *intake, const struct intake_lane *lane, uint32_t row, uint32_t *ret_column);
/* In place of a column: what is wrong is the log time. */
#define INTAKE_COLUMN_LOG_TIME UINT32_MAX

/* intake_letters.c */
enum status intake_letter_record(struct intake *intake, const struct record_outcome *outcome, struct error *err);
enum status intake_letter_unknown(struct intake *intake, const struct record_work *record, struct error *err);
/* `column` is of the lane's rows. Raises unevaluated_result for a laboratory result. */
enum status intake_letter_row(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason,
                              uint32_t column, struct error *err);
enum status intake_late(struct intake *intake, const struct intake_lane *lane, uint32_t row, int64_t event_us, struct error *err);
enum status intake_unevaluated(struct intake *intake, const struct intake_lane *lane, uint32_t row, const struct reason *reason,
                               uint32_t column, struct error *err);

/* intake_message.c. The message of the batch in hand that stands there. */
const struct message *intake_message(const struct intake *intake, int64_t position);
/* Key and headers of the message, in text that lives as long as the call; empty where the batch in hand has no messages. */
enum status intake_message_letter(struct intake *intake, int64_t position, struct store_dead_letter *letter, struct error *err);

/* Bytes of a record of the batch in hand. */
struct str intake_record_bytes(const struct intake *intake, int64_t position, int64_t length);
struct str intake_partition_id(const struct intake *intake);

/* Values of a lane's rows; a column of -1 and a null are empty, or 0. */
struct str lane_text(const struct intake_lane *lane, int32_t column, uint32_t row);
bool       lane_has(const struct intake_lane *lane, int32_t column, uint32_t row);
int64_t    lane_int64(const struct intake_lane *lane, int32_t column, uint32_t row);
/* The text that the event column would have. */
struct str lane_event_text(const struct intake_lane *lane, enum event_column column, uint32_t row);
/* The reference range as received: "3.5-5.1"; with one bound "<5.1" or ">3.5", as HL7 v2 writes it (OBX-7). Size 0: none. */
size_t lane_range_size(const struct intake_lane *lane, uint32_t row);
void   lane_range_print(const struct intake_lane *lane, uint32_t row, char *out);

#endif
