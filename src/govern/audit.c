#include "govern/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/str_builder.h"
#include "io/file.h"
#include "io/key.h"
#include "io/process.h"
#include "io/stream.h"

#define HASH_TEXT_SIZE (2 * SHA256_SIZE + 1)

static const char NO_HASH[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* The end of a chain: of the one in PATH.head, or of what was walked so far. */
struct chain {
    uint64_t sequence; /* Of the last line; 0: no line. */
    uint64_t begin;    /* Where that line begins, and where it ends, its line feed included. */
    uint64_t end;
    char     hash[HASH_TEXT_SIZE];
};

static struct chain
chain_new(void)
{
    struct chain chain = { 0 };
    memcpy(chain.hash, NO_HASH, sizeof NO_HASH);
    return chain;
}

static enum status
refuse(const char *path, uint64_t sequence, const char *why, struct error *err)
{
    error_set(err, ERR_CORRUPT, "the audit file %s is damaged behind entry %" PRIu64 ": %s", path, sequence, why);
    error_hint(err,
               "nothing is shown until this is settled: keep %s and its .head as evidence, move both aside, and tell "
               "whoever answers for access to the data; the next entry then begins a new chain",
               path);
    return ST_ERROR;
}

/* ---- One line ---- */

static enum status
hash_text(struct str body, char out[HASH_TEXT_SIZE], struct error *err)
{
    uint8_t digest[SHA256_SIZE];

    if (sha256(body.data, body.size, digest, err) != ST_OK)
        return ST_ERROR;
    hex_encode(digest, sizeof digest, out);
    return ST_OK;
}

/* The line without its line feed: body (an object that ends in "previous":"…"}), whose brace gives way to the hash. */
static enum status
line_write(const struct audit *audit, const struct audit_entry *entry, const struct chain *chain, struct str_builder *out,
           char hash[HASH_TEXT_SIZE], struct error *err)
{
    struct process_identity who;
    struct json_out         json;

    process_identity(&who);
    json_out_init(&json, out, 0);
    json_out_object_begin(&json);
    json_out_key_uint(&json, "sequence", chain->sequence + 1);
    json_out_key(&json, STR("time"));
    json_out_time(&json, clock_now_us(audit->clock));
    json_out_key_int(&json, "user_id", who.user_id);
    json_out_key_cstr(&json, "user", who.user);
    json_out_key_cstr(&json, "host", who.host);
    json_out_key_int(&json, "process_id", entry->process_id != 0 ? entry->process_id : who.process_id);
    json_out_key_text(&json, "action", entry->action);
    json_out_key_text(&json, "binding", entry->binding);
    json_out_key_text(&json, "detail", entry->detail);
    json_out_key_cstr(&json, "previous", chain->hash);
    json_out_object_end(&json);
    if (str_builder_status(out, err) != ST_OK || hash_text(str_builder_text(out), hash, err) != ST_OK)
        return ST_ERROR;
    str_builder_truncate(out, out->size - 1);
    str_builder_printf(out, ",\"hash\":\"%s\"}\n", hash);
    return str_builder_status(out, err);
}

#define TAIL_HASH  ",\"hash\":\""
#define TAIL_SIZE  (sizeof TAIL_HASH - 1 + HASH_TEXT_SIZE - 1 + 2)
#define PREVIOUS   ",\"previous\":\""

/* Whether the line (without line feed) is the one of that number, hashes to what it says, and, where `previous` is not
 * NULL, follows it. *ret_why is NULL where it is. */
static enum status
line_check(struct str line, uint64_t sequence, const char *previous, char ret_hash[HASH_TEXT_SIZE], const char **ret_why,
           struct error *err)
{
    char              head[48], hash[HASH_TEXT_SIZE];
    struct str_builder body   = STR_BUILDER_EMPTY;
    enum status        status = ST_OK;

    *ret_why = "the next line is not an entry";
    snprintf(head, sizeof head, "{\"sequence\":%" PRIu64 ",", sequence);
    if (line.size < TAIL_SIZE + sizeof PREVIOUS + HASH_TEXT_SIZE)
        return ST_OK;
    struct str tail = str_slice(line, line.size - TAIL_SIZE, line.size);
    struct str text = str_slice(line, 0, line.size - TAIL_SIZE);
    if (!str_starts_with(tail, STR(TAIL_HASH)) || !str_ends_with(tail, STR("\"}")))
        return ST_OK;
    *ret_why = "the next line has another number";
    if (!str_starts_with(line, str_from(head)))
        return ST_OK;
    /* Behind the text stand the previous hash and its quote. */
    struct str link = str_slice(text, text.size - (sizeof PREVIOUS - 1 + HASH_TEXT_SIZE), text.size);
    *ret_why        = "the next line does not follow the one before it";
    if (!str_starts_with(link, STR(PREVIOUS)) ||
        (previous != NULL && memcmp(link.data + sizeof PREVIOUS - 1, previous, HASH_TEXT_SIZE - 1) != 0))
        return ST_OK;
    str_builder_append(&body, text);
    str_builder_append_char(&body, '}');
    status = str_builder_status(&body, err);
    if (status == ST_OK)
        status = hash_text(str_builder_text(&body), hash, err);
    str_builder_release(&body);
    if (status != ST_OK)
        return status;
    *ret_why = "the next line is not what its hash says";
    if (memcmp(tail.data + sizeof TAIL_HASH - 1, hash, HASH_TEXT_SIZE - 1) != 0)
        return ST_OK;
    memcpy(ret_hash, hash, HASH_TEXT_SIZE);
    *ret_why = NULL;
    return ST_OK;
}

/* ---- The head ---- */

/* "heddle-audit 1 SEQUENCE BEGIN END HASH\n" */
#define HEAD_SIZE_MAX 256

static bool
head_parse(struct str text, struct chain *ret_chain)
{
    struct chain     chain;
    struct str       parts[6];
    size_t           count = 0;
    struct str_split split = str_split_init(text, ' ');

    while (count < 6 && str_split_next(&split, &parts[count]))
        count++;
    if (count != 6 || !split.is_done || !str_equal(parts[0], STR("heddle-audit")) || !str_equal(parts[1], STR("1")) ||
        !str_to_uint64(parts[2], &chain.sequence) || !str_to_uint64(parts[3], &chain.begin) ||
        !str_to_uint64(parts[4], &chain.end) || parts[5].size != HASH_TEXT_SIZE || parts[5].data[HASH_TEXT_SIZE - 1] != '\n' ||
        chain.begin > chain.end || chain.end - chain.begin > AUDIT_LINE_SIZE_MAX)
        return false;
    memcpy(chain.hash, parts[5].data, HASH_TEXT_SIZE - 1);
    chain.hash[HASH_TEXT_SIZE - 1] = '\0';
    *ret_chain                     = chain;
    return true;
}

static enum status
head_path(const char *path, struct str_builder *out, struct error *err)
{
    str_builder_printf(out, "%s.head", path);
    return str_builder_status(out, err);
}

static enum status
head_write(struct io *io, const char *path, const struct chain *chain, struct error *err)
{
    struct str_builder name = STR_BUILDER_EMPTY;
    char               text[HEAD_SIZE_MAX];
    enum status        status = head_path(path, &name, err);
    int                size = snprintf(text, sizeof text, "heddle-audit 1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", chain->sequence,
                                       chain->begin, chain->end, chain->hash);

    if (status == ST_OK)
        status = io_file_replace(io, str_builder_cstr(&name), text, (size_t)size, 0600, err);
    str_builder_release(&name);
    return status;
}

/* *ret_is_there false: there is no head. */
static enum status
head_read(struct io *io, const char *path, struct chain *ret_chain, bool *ret_is_there, struct error *err)
{
    struct str_builder name   = STR_BUILDER_EMPTY;
    struct error       found  = ERROR_EMPTY;
    char              *bytes  = NULL;
    size_t             size   = 0;
    enum status        status = head_path(path, &name, err);

    *ret_is_there = true;
    if (status != ST_OK)
        goto out;
    status = io_file_read(io, str_builder_cstr(&name), HEAD_SIZE_MAX, &bytes, &size, &found);
    if (status != ST_OK && found.code == ERR_NOT_FOUND) {
        *ret_chain    = chain_new();
        *ret_is_there = false;
        status        = ST_OK;
    } else if (status != ST_OK && found.code != ERR_FULL) {
        if (err != NULL)
            *err = found;
    } else if (status != ST_OK || !head_parse(str_of(bytes, size), ret_chain)) {
        status = refuse(path, 0, "its .head is not what heddle wrote", err);
    }
out:
    memory_free(bytes);
    str_builder_release(&name);
    return status;
}

/* ---- Walking ---- */

struct walk {
    struct file_reader reader;
    char              *buffer; /* AUDIT_LINE_SIZE_MAX bytes from `begin` on, the reader's offset behind them. */
    size_t             size;
    size_t             at; /* The next line begins here. */
    bool               is_end;
};
#define WALK_EMPTY ((struct walk){ .reader = FILE_READER_EMPTY })

static enum status
walk_open(struct walk *walk, struct io *io, const char *path, uint64_t begin, struct error *err)
{
    walk->buffer = memory_alloc(AUDIT_LINE_SIZE_MAX);
    if (walk->buffer == NULL)
        return error_no_memory(err);
    return file_reader_open(&walk->reader, io, path, begin, err);
}

static void
walk_release(struct walk *walk)
{
    file_reader_release(&walk->reader);
    memory_free(walk->buffer);
    *walk = WALK_EMPTY;
}

/* The next whole line, without its line feed. data NULL: there is none; *ret_rest_size bytes without an end are left. */
static enum status
walk_next(struct walk *walk, struct str *ret_line, size_t *ret_rest_size, struct error *err)
{
    for (;;) {
        struct str rest = str_of(walk->buffer + walk->at, walk->size - walk->at);
        size_t     end  = str_find_byte(rest, '\n');
        size_t     got  = 0;
        if (end != STR_NOT_FOUND) {
            *ret_line = str_slice(rest, 0, end);
            walk->at += end + 1;
            return ST_OK;
        }
        if (walk->is_end || rest.size == AUDIT_LINE_SIZE_MAX) {
            *ret_line      = STR_EMPTY;
            *ret_rest_size = rest.size;
            return ST_OK;
        }
        memmove(walk->buffer, rest.data, rest.size);
        if (file_reader_read(&walk->reader, walk->buffer + rest.size, AUDIT_LINE_SIZE_MAX - rest.size, &got, err) != ST_OK)
            return ST_ERROR;
        walk->is_end = got < AUDIT_LINE_SIZE_MAX - rest.size;
        walk->at     = 0;
        walk->size   = rest.size + got;
    }
}

/* Follows the chain from `chain` to the file's last whole line. */
static enum status
walk_chain(struct walk *walk, const char *path, struct chain *chain, const struct chain *head, size_t *ret_rest_size,
           struct error *err)
{
    for (;;) {
        struct str  line;
        const char *why;
        if (chain->sequence == head->sequence &&
            (chain->begin != head->begin || chain->end != head->end ||
             memcmp(chain->hash, head->hash, sizeof chain->hash) != 0))
            return refuse(path, chain->sequence, "it is not the entry that its .head names", err);
        if (walk_next(walk, &line, ret_rest_size, err) != ST_OK)
            return ST_ERROR;
        if (line.data == NULL && *ret_rest_size == AUDIT_LINE_SIZE_MAX)
            return refuse(path, chain->sequence, "the next line is longer than any entry", err);
        if (line.data == NULL)
            break;
        if (line_check(line, chain->sequence + 1, chain->hash, chain->hash, &why, err) != ST_OK)
            return ST_ERROR;
        if (why != NULL)
            return refuse(path, chain->sequence, why, err);
        chain->sequence++;
        chain->begin = chain->end;
        chain->end += line.size + 1;
    }
    if (chain->sequence < head->sequence)
        return refuse(path, chain->sequence, "entries that were there are missing", err);
    return ST_OK;
}

/* ---- Appending ---- */

/* Checks the last line that the head names, and follows what lies behind it. On success `chain` is the true end. */
static enum status
find_end(struct io *io, const char *path, struct file_writer *writer, struct chain *chain, struct error *err)
{
    struct walk  walk = WALK_EMPTY;
    struct chain head;
    struct str   line;
    size_t       rest_size = 0;
    char         hash[HASH_TEXT_SIZE];
    const char  *why = NULL;
    bool         is_there;
    enum status  status = head_read(io, path, &head, &is_there, err);

    if (status == ST_OK && !is_there)
        /* The head comes first, so that a file without one is always a fault. */
        status = writer->offset != 0 ? refuse(path, 0, "its .head is missing", err) : head_write(io, path, &head, err);
    if (status == ST_OK && writer->offset < head.end)
        status = refuse(path, head.sequence, "it is shorter than its .head says", err);
    if (status == ST_OK)
        status = walk_open(&walk, io, path, head.begin, err);
    if (status == ST_OK && head.sequence != 0) {
        status = walk_next(&walk, &line, &rest_size, err);
        if (status == ST_OK && (line.data == NULL || line.size + 1 != head.end - head.begin))
            status = refuse(path, head.sequence, "its last line is not where its .head says", err);
        if (status == ST_OK)
            status = line_check(line, head.sequence, NULL, hash, &why, err);
        if (status == ST_OK && (why != NULL || memcmp(hash, head.hash, sizeof hash) != 0))
            status = refuse(path, head.sequence - 1, why != NULL ? why : "the next line is not the one its .head names", err);
    }
    if (status == ST_OK) {
        *chain = head;
        status = walk_chain(&walk, path, chain, &head, &rest_size, err);
    }
    if (status == ST_OK && rest_size != 0)
        status = file_writer_truncate(writer, chain->end, err);
    walk_release(&walk);
    return status;
}

static enum status
append(const struct audit *audit, const struct audit_entry *entry, struct error *err)
{
    struct file_writer writer = FILE_WRITER_EMPTY;
    struct str_builder line   = STR_BUILDER_EMPTY;
    struct chain       chain  = chain_new();
    char               hash[HASH_TEXT_SIZE];
    enum status        status = file_writer_open(&writer, audit->io, audit->path, FILE_APPEND, err);

    if (status == ST_OK)
        status = file_writer_lock(&writer, err);
    if (status == ST_OK)
        status = find_end(audit->io, audit->path, &writer, &chain, err);
    if (status == ST_OK)
        status = line_write(audit, entry, &chain, &line, hash, err);
    if (status == ST_OK)
        status = file_writer_write(&writer, str_builder_text(&line), err);
    /* Where this fails the line may be in memory and not on disk. It permitted nothing; the next append takes it for an
     * entry, and a power cut after that shows as a damaged chain, never as a silent gap. */
    if (status == ST_OK)
        status = file_writer_sync(&writer, err);
    if (status == ST_OK) {
        chain.sequence++;
        chain.begin = chain.end;
        chain.end += line.size;
        memcpy(chain.hash, hash, sizeof hash);
        status = head_write(audit->io, audit->path, &chain, err);
    }
    if (writer.fd >= 0)
        file_writer_release(&writer);
    str_builder_release(&line);
    return status;
}

enum status
audit_append(const struct audit *audit, const struct audit_entry *entry, struct error *err)
{
    enum status status;

    if (entry->detail.size > AUDIT_DETAIL_SIZE_MAX) {
        error_set(err, ERR_USAGE, "a statement of %zu bytes is longer than the %u that the audit file takes", entry->detail.size,
                  AUDIT_DETAIL_SIZE_MAX);
        return ST_ERROR;
    }
    status = append(audit, entry, err);
    if (status != ST_OK)
        error_context(err, "writing to the audit file, without which nothing is shown");
    return status;
}

enum status
audit_query(const struct audit *audit, struct str binding, struct str as_of, struct str sql, int64_t process_id,
            struct error *err)
{
    struct str_builder detail = STR_BUILDER_EMPTY;
    enum status        status;

    if (as_of.size != 0)
        str_builder_printf(&detail, "-- as of %.*s\n", STR_PRINTF(as_of));
    str_builder_append(&detail, sql);
    status = str_builder_status(&detail, err);
    if (status == ST_OK) {
        const struct audit_entry entry = { STR("query"), binding, str_builder_text(&detail), process_id };
        status = audit_append(audit, &entry, err);
    }
    str_builder_release(&detail);
    return status;
}

enum status
audit_verify(struct io *io, const char *path, struct audit_report *ret_report, struct error *err)
{
    struct walk  walk  = WALK_EMPTY;
    struct chain chain = chain_new();
    struct chain head;
    struct error found     = ERROR_EMPTY;
    size_t       rest_size = 0;
    bool         is_there;
    /* The head first: entries that come while we walk lie behind it. */
    enum status status = head_read(io, path, &head, &is_there, err);

    if (status != ST_OK)
        goto out;
    status = walk_open(&walk, io, path, 0, &found);
    if (status != ST_OK && found.code == ERR_NOT_FOUND && head.sequence == 0)
        status = ST_OK;
    else if (status != ST_OK && found.code == ERR_NOT_FOUND)
        status = refuse(path, 0, "the file is missing", err);
    else if (status != ST_OK && err != NULL)
        *err = found;
    else if (status == ST_OK)
        status = walk_chain(&walk, path, &chain, &head, &rest_size, err);
    /* It may have been begun just now: then there is a head by this time. */
    if (status == ST_OK && !is_there && chain.sequence != 0)
        status = head_read(io, path, &head, &is_there, err);
    if (status == ST_OK && !is_there && chain.sequence != 0)
        status = refuse(path, chain.sequence, "its .head is missing", err);
    if (status == ST_OK) {
        ret_report->entry_count = chain.sequence;
        memcpy(ret_report->hash, chain.hash, sizeof ret_report->hash);
    }
out:
    walk_release(&walk);
    return status;
}
