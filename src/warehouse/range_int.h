/* The bytes of one file, range by range: read once, decompressed as they come, never held whole (I10).
 *
 *     head | range 0 ....... | range 1 ....... | ...          read by whoever needs the next range, one thread at a time
 *                            ^ carry: the margin that was read to find the end begins the next range
 *
 * What is wrong with the file is no failure of a call but `fault_code`, and ends the ranges: the file is then one refused
 * record. Calls fail where memory does. */
#ifndef HEDDLE_WAREHOUSE_RANGE_INT_H
#define HEDDLE_WAREHOUSE_RANGE_INT_H

#include "format/decoder.h"
#include "io/decompress.h"

struct range_reader {
    struct decompress *stream; /* NULL: the file could not be opened. */
    char              *head;   /* DECODE_HEAD_SIZE bytes. */
    size_t             head_size;
    char              *carry;
    size_t             carry_size, carry_capacity;
    int64_t            position;    /* Of the next range. */
    struct file_info   listed;      /* What the file was when it was digested. */
    bool               is_listed;   /* It was; else nothing is known of it. */
    bool               is_at_end;   /* Of the bytes, for good or by a fault. */
    bool               is_done;     /* No further range comes. */
    const char        *fault_code;  /* A reason's code; NULL: none. */
    char               fault[96];   /* Why, in words. */
};
#define RANGE_READER_EMPTY ((struct range_reader){ .stream = NULL })

/* The buffer is the thread's, for the ranges of all files. */
struct range {
    char   *bytes;
    size_t  size, capacity;
    int64_t position;
    bool    is_last; /* Nothing of the range comes behind `bytes`. */
};
#define RANGE_EMPTY ((struct range){ .bytes = NULL })

/* Reads the head. A file that is not the `listed` one any more when its end is read is a fault: another size, another file of the name,
 * or written to meanwhile. NULL: it could not be read when it was listed. */
enum status range_reader_open(struct range_reader *reader, struct io *io, const char *path, const struct file_info *listed, struct error *err);
/* The next range, of about `range_size` bytes. Where no record ends within the largest size of one behind them (an HL7 v2 batch, an
 * input that is one record), the rest of the file is one range that comes in pieces: is_last is false. */
enum status range_reader_next(struct range_reader *reader, const struct decode_plan *plan, const struct decode_layout *layout,
                              size_t range_size, struct range *range, struct error *err);
/* The next piece of a range: what is behind `used`, and more behind it. */
enum status range_reader_more(struct range_reader *reader, struct range *range, size_t used, struct error *err);
/* Reads to the end, only to know how much there is. `range` is room. */
enum status range_reader_drain(struct range_reader *reader, struct range *range, struct error *err);
/* After decompression, and as stored; so far. */
int64_t range_reader_size(const struct range_reader *reader);
int64_t range_reader_stored_size(const struct range_reader *reader);
void    range_reader_release(struct range_reader *reader);
void    range_release(struct range *range);

#endif
