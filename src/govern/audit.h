/* Who saw patient data, when, and by what: an append-only file, one JSON object a line, each chained to the one before.
 *
 *   {"sequence":2,"time":"…Z","user_id":1000,"user":"ann","host":"edw1","process_id":4711,"action":"query",
 *    "binding":"ENTERPRISE_DATA_WAREHOUSE","detail":"SELECT …","previous":"<hash of line 1>","hash":"<64 hex digits>"}
 *
 * What is always true:
 *
 *   A1  Audit first: audit_append returns ST_OK only when the entry is on disk; its caller shows nothing before, and
 *       nothing at all where it fails.
 *   A2  `hash` is the SHA-256 of the line without its `,"hash":"…"`; `previous` is that of the line before (zeros in the
 *       first); `sequence` counts from 1. So a changed, removed or added line breaks every line behind it.
 *   A3  PATH.head says where the chain ends (sequence, place and hash of the last line), for a chain cannot show that its
 *       own end was cut off. It is written after the line is on disk and before audit_append returns: lines behind the
 *       head come from an append that did not end, and permitted nothing. They are kept where whole, cut where not.
 *   A4  A chain that does not end as its head says is refused, by audit_append too: nothing is shown until a person has
 *       looked. Whoever can write both files can still forge both; keep copies of the head elsewhere against that.
 *
 * Any number of processes and threads may append; a lock on the file puts them in order. Entries may quote patient data
 * (an SQL text names whom it asks for): the file has mode 0600. */
#ifndef HEDDLE_GOVERN_AUDIT_H
#define HEDDLE_GOVERN_AUDIT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "io/io.h"

struct audit {
    struct io          *io;
    const struct clock *clock;
    const char         *path; /* The graph's audit_path. */
};

struct audit_entry {
    struct str action;  /* The verb: "query", "letters". */
    struct str binding; /* Whose data. */
    struct str detail;  /* The statement, or which letter and how; at most AUDIT_DETAIL_SIZE_MAX bytes. */
    int64_t    process_id; /* Who asked, where that is another process of the user; 0: this one. */
};

/* A1. The user is the process's. ERR_CORRUPT where the chain is damaged (A4), ERR_USAGE where the detail is too long. */
enum status audit_append(const struct audit *audit, const struct audit_entry *entry, struct error *err);

/* Of a query: the statement, and before it, as a comment, the time or run as of which it was asked (empty: now). */
enum status audit_query(const struct audit *audit, struct str binding, struct str as_of, struct str sql, int64_t process_id,
                        struct error *err);

struct audit_report {
    uint64_t entry_count;
    char     hash[65]; /* Of the last entry; zeros where there is none. */
};

/* Walks the whole chain. ERR_CORRUPT names the first line that is wrong. No file at all is a chain of 0 entries. */
enum status audit_verify(struct io *io, const char *path, struct audit_report *ret_report, struct error *err);

#endif
