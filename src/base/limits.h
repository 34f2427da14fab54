/* Every maximum of heddle, with a sentence on why that number (I10, style rule 6).
 *
 * A limit that users may set is an option with a default (base/options.h) and stands here only for its bounds. Each
 * folder's limits stand together; whoever needs a new one adds it here. */
#ifndef HEDDLE_BASE_LIMITS_H
#define HEDDLE_BASE_LIMITS_H

/* ---- base ---- */

/* The bits of the mask in which a binder remembers what was given; the largest table of ours has half as many. */
#define OPTION_COUNT_MAX 64
/* Deeper nesting than any configuration of ours has by far; bounds the recursion of writers and parsers alike. */
#define JSON_DEPTH_MAX 64
/* Longer names are not typing errors of shorter ones, and the comparison's table stays on the stack. */
#define SUGGEST_NAME_SIZE_MAX 64

/* Rows of a table for eyes that are held until its columns are measured: some screens full. */
#define ROWS_OUT_HELD_COUNT_MAX 200
/* Text of rows that is gathered before it is written, to a terminal or into one message. */
#define ROWS_OUT_BLOCK_SIZE (64u << 10)

/* ---- config ---- */

/* Values of one configuration or model file: the largest of ours has 2,000; bounds the memory a hostile one takes. */
#define JSON_VALUE_COUNT_MAX 1000000
/* Errors kept of one check. Who has made more has made one mistake many times; the list says how many were left out. */
#define CONFIG_ERROR_COUNT_MAX 100

/* ---- column ---- */

/* DuckDB's vector size: chunks go through its C API without being cut or joined. 2,048 rows of ten columns of 16
 * bytes are 320 KB, which fits a second-level cache of today. */
#define CHUNK_ROW_COUNT_MAX 2048
/* An entity's row hash takes all its columns at once; the widest entity of the model has 40, the widest table of the
 * Tuva input layer 120. */
#define FUNCTION_ARGUMENT_COUNT_MAX 256

/* ---- health ---- */

/* Bytes of a name key; the longest names of people that are written down have a quarter of it. What is longer is cut at a
 * letter, in both legs alike. */
#define NAME_KEY_SIZE_MAX 512

/* ---- expr ---- */

/* The longest expression of the model has 300 bytes; a generated list of codes may have thousands. */
#define EXPR_TEXT_SIZE_MAX (64u << 10)
/* Bounds the recursion of parser, binder and printers: about 200 bytes of stack a level and function. A chain of the same
 * operator (a or b or c) is one level. */
#define EXPR_DEPTH_MAX 200

/* A text that a function makes (replace, lpad, concat): as large as the largest message that a column can come from. */
#define TEXT_MADE_SIZE_MAX (16u << 20)

/* Steps of PCRE2 for one text, in all: some tenths of a second at worst. What a text of 100 bytes may take at each of its places is
 * 200,000 steps, what honest patterns take is some hundred. */
#define REGEX_STEP_COUNT_MAX 20000000u
/* Longer texts are documents; the steps that were left for each of their places would do for nothing. */
#define REGEX_TEXT_SIZE_MAX (64u << 10)
/* A pattern that somebody can still read; PCRE2 needs a small multiple of it. */
#define REGEX_PATTERN_SIZE_MAX 4096
/* What PCRE2 may hold to come back to, in KiB. */
#define REGEX_HEAP_KB_MAX (16u << 10)
/* Groups of a pattern that can be asked for. */
#define REGEX_GROUP_COUNT_MAX 32

/* ---- format ---- */

/* A CSV header longer than this is no header: the widest of the data folder has 2 KB. */
#define FORMAT_HEAD_SIZE_MAX (64u << 10)
/* A CSV row or a JSON line: what Kafka takes as a message without being told otherwise. */
#define FORMAT_CSV_RECORD_SIZE_MAX  (1u << 20)
#define FORMAT_JSON_RECORD_SIZE_MAX (1u << 20)
/* A line of fixed width: the longest layout known to us (CMS's CCLF8) has 549 bytes. */
#define FORMAT_FIXED_RECORD_SIZE_MAX (64u << 10)
/* An HL7 v2 message: reports carry whole documents, base64-encoded, in OBX-5. */
#define FORMAT_HL7V2_RECORD_SIZE_MAX (16u << 20)
/* A FHIR resource, with the rest of its entry: a DocumentReference or Binary carries a document, base64-encoded. */
#define FORMAT_FHIR_RECORD_SIZE_MAX (16u << 20)
/* Bundles in bundles: a message that carries a document is two. And what is open around a resource then, with parts of Parameters. */
#define FHIR_BUNDLE_DEPTH_MAX 4
#define FHIR_LEVEL_COUNT_MAX  16
/* Of a record that is too long, or of an input that cannot be read, what is kept in quarantine: enough to see what it is. */
#define FORMAT_KEPT_SIZE_MAX (64u << 10)
/* A range of a file that a thread decodes by itself: some milliseconds of work, so that starting a decoder vanishes beside it.
 * What a thread holds of a file is a range and the record behind it, whatever the file's size. */
#define DECODE_RANGE_SIZE (4u << 20)
/* Of `runtime.memory`, the least for each thread of a batch run: DuckDB writes a row group of a wide table, and joins identifiers, with tens of MiB a thread that
 * cannot spill. Where there is less, fewer threads work. */
#define BATCH_THREAD_MEMORY (128u << 20)
/* More rows than a mapping makes of one record: those of the next mapping of the same dimension are counted from there. */
#define ROW_NUMBER_STEP 1000000
/* Of what `runtime.memory` has beyond the least for each thread, the part that rows may take on their way to core before further ones
 * are spilled; a divisor. */
#define STAGE_SHARE 2
/* Of `runtime.memory`, the part that the hashes of what core has of one fact may take (a part, as a divisor): where there are more, repeats
 * are found among rows instead of while they are decoded. 24 to 48 bytes a version. */
#define KNOWN_SHARE 8
/* Of that memory, the most that a thread holds itself while it decodes: a range of a file, and what is told of records and not handed to
 * its table yet (DuckDB's appender keeps it outside of its own bound). All of them together have at most a quarter of the memory. */
#define DECODE_APPEND_SIZE (16u << 20)
#define DECODE_THREAD_SIZE (DECODE_RANGE_SIZE + DECODE_APPEND_SIZE)
/* Of DuckDB's memory, what a row takes at most where the rows of a run are grouped by their records: two thirds are left for all else. */
#define VERDICT_ROW_SIZE 256
/* What a run's cost is told by: list, decode, then a step an activity. */
#define RUN_STEP_COUNT_MAX 16
/* What is read behind a range at first, to find where a record ends; rows have hundreds of bytes, messages some thousand. */
#define DECODE_RANGE_MARGIN (64u << 10)
/* Of a file, what is read before its first range and kept until its last: the longest header behind blank lines, and what the
 * quarantine shows of a file that is refused. */
#define DECODE_HEAD_SIZE (2 * FORMAT_HEAD_SIZE_MAX)
/* Texts held in one chunk before it is handed over though it is not full. */
#define FORMAT_CHUNK_TEXT_SIZE_MAX (4u << 20)
/* Steps of one JSON path; the longest of the model has six. */
#define FORMAT_PATH_STEP_COUNT_MAX 16
/* HL7 v2: number of a field, component or repetition in a path. The longest segment of the standard (2.8) has 91 fields. */
#define FORMAT_PATH_NUMBER_MAX 999
/* Mappings of one plan, and paths of one mapping: bound the plan's tables. */
#define FORMAT_MAPPING_COUNT_MAX 256
#define FORMAT_FIELD_COUNT_MAX   1024
/* Columns of a CSV file: DuckDB's own tables end near there, and a longer header is data. */
#define FORMAT_CSV_COLUMN_COUNT_MAX 16384

/* ---- io ---- */

/* A configuration, model or key file larger than this is a mistake (a data file named by accident). */
#define FILE_TEXT_SIZE_MAX (64u << 20)
/* One read: large enough that the system call's cost vanishes, small enough to stay in the second-level cache. */
#define FILE_READ_SIZE (256u << 10)
/* Linux's own PATH_MAX; longer paths cannot be opened anyway. */
#define PATH_SIZE_MAX 4096
/* Folders below folders in a walk; with it a loop that the loop check missed (a bind mount) still ends. */
#define WALK_DEPTH_MAX 64
/* A message of the control socket: an SQL text, or one block of rows. Larger answers come in several messages. */
#define SOCKET_MESSAGE_SIZE_MAX (16u << 20)
/* Window of a zstd frame we are ready to hold (2^27 = 128 MiB, what the zstd tool itself accepts without --long). */
#define DECOMPRESS_WINDOW_LOG_MAX 27
/* The largest zone file of today has 4 KB; a larger one is something else. */
#define ZONE_FILE_SIZE_MAX (64u << 10)
/* The text of a progress line: terminals are wider, but nobody reads along further. */
#define PROGRESS_LINE_SIZE 160

/* What a receiver's answer may have before it is cut off. Nobody needs it: the status says all. */
#define TRANSFER_ANSWER_SIZE_MAX (64u << 10)
/* The lines before it, of all interim answers too; common servers refuse requests with a quarter of it. */
#define TRANSFER_HEAD_SIZE_MAX (64u << 10)
/* The longest wait that a receiver may ask for (Retry-After): more is a mistake, and would let alerts go stale. */
#define TRANSFER_RETRY_AFTER_S_MAX 3600
/* A secret text, like the value of a header; tokens of today have some thousand bytes. */
#define SECRET_TEXT_SIZE_MAX (16u << 10)
/* Certificates in one file: the whole list of authorities of a system has a quarter of it. */
#define CERTIFICATE_SIZE_MAX (1u << 20)

/* ---- source ---- */

/* What is fetched ahead of Kafka, over all partitions, and of one: a second's worth of a busy topic. Beyond so many partitions each has one
 * fetch's size all the same. */
#define KAFKA_AHEAD_SIZE_MAX           (64 << 20)
#define KAFKA_PARTITION_AHEAD_SIZE_MAX (16 << 20)
/* One fetch of a partition: larger ones cost more processor time a message (240 to 350 ns against 380 to 600 with 4 MiB), for they leave the caches. A
 * longer message comes by itself. */
#define KAFKA_FETCH_SIZE (256 << 10)
/* How long a broker keeps a fetch for which it has nothing: other questions to it wait behind that. */
#define KAFKA_FETCH_WAIT_MS 100
/* How long brokers may take to answer at a start, and how long one question waits, also while a stream runs. */
#define KAFKA_START_WAIT_MS 5000
#define KAFKA_ASK_MS        500
/* How long a client may take to end, and how often it is looked at meanwhile. */
#define KAFKA_CLOSE_WAIT_MS 2000
#define KAFKA_CLOSE_LOOK_MS 20
/* While a stream runs partitions are asked for each second; brokers are asked each so many times, and a topic that they do not know so many times is gone. */
#define KAFKA_LIST_SKIP         2
#define KAFKA_MISSING_COUNT_MAX 3
/* Topics that patterns may find: more is a pattern that takes what it should not. */
#define KAFKA_TOPIC_COUNT_MAX 1024

/* One read of an event log: a thousand events, and a batch stays in the second-level cache. */
#define EVENTLOG_READ_SIZE (256u << 10)
/* The buffer of a partition grows no further: of a longer line the beginning becomes a dead letter. */
#define EVENTLOG_LINE_SIZE_MAX (16u << 20)
/* First bytes of a log that tell it from another one in its place: the first event's own id lies there. */
#define EVENTLOG_HEAD_SIZE 256

/* ---- live ---- */

/* An entry of the state with its key: a patient of 5,000 remembered results has 1 MB; bounds what one key may cost an
 * epoch's record. */
#define STATE_ENTRY_SIZE_MAX (2 << 20)
/* What a state table asks of the system at once: some thousand entries, and not a megabyte for a step without any. */
#define STATE_SLAB_BLOCK_SIZE (256u << 10)
/* Of a message's key, and of the name and value of each of its headers, what a dead letter keeps; and of all its headers. */
#define MESSAGE_KEPT_TEXT_SIZE_MAX    1024
#define MESSAGE_KEPT_HEADERS_SIZE_MAX (8u << 10)
/* A file of the state's records: old ones are removed whole, so it bounds what is kept beyond need. */
#define SEGMENT_FILE_SIZE_MAX (64 << 20)
/* Partitions of one stream: a large Kafka topic has some hundreds. Tables of the runtime are made for so many. */
#define LIVE_PARTITION_COUNT_MAX 1024
/* Retried letters that the committer gives a worker at once: they are held in memory, and no epoch is cut before they are taken. */
#define LIVE_LETTER_COUNT_MAX 256
#define LIVE_LETTER_BYTES_MAX (4u << 20)
/* Rows of a chunk of events: one is 470 bytes wide besides its long texts, and is looked at by one step after the other, so that chunk, program and state are to
 * share the second-level cache. Chunks of 2,048 rows take 4 % more processor time. */
#define LIVE_CHUNK_ROW_COUNT_MAX 256
/* Chunks under way in a lane between two actors: one is filled, one read, two wait. More only take memory. */
#define LIVE_LANE_CHUNK_COUNT 4
/* Results of one patient and analyte that a rule remembers: hourly glucose of a month. What is more comes from a test patient,
 * and judging takes time that grows with its square. */
#define RULE_RECORD_COUNT_MAX 1000
/* Versions of one result, none of them critical, that a rule remembers: preliminary, final, a few corrections. */
#define RULE_VERSION_COUNT_MAX 32
/* Results of which a line is drawn: 496 slopes between them, sorted for each result that comes. */
#define TREND_POINT_COUNT_MAX 32
/* A line over more than a year is no course of an illness; and its minutes keep the slopes exact (live/rule/trend.h). */
#define TREND_DAYS_MAX 366
/* Encounters, orders and accesses of one patient that a rule remembers: a chart that a whole hospital opens in a month. */
#define RULE_ACCESS_COUNT_MAX 4000
/* Days over which users are compared: a quarter. More would say how a department worked then, and holds a counter for each user and day. */
#define VOLUME_DAY_COUNT_MAX 92
/* A text of an alert (a narrative result); 1,000 records of identifiers and some long texts fit an entry of the state. */
#define RECORD_TEXT_SIZE_MAX 200
/* Keyed steps behind dedup: the window and the rules of a pipeline. */
#define STEP_COUNT_MAX 32
/* Rows that are shown of a step of a stream that runs, and bytes of a text of theirs: more than anybody reads, and 4 MB at most. */
#define LIVE_TAP_ROW_COUNT_MAX 1000
#define LIVE_TAP_TEXT_SIZE     96

/* Of a store behind a network: the state's record of an epoch goes there in pieces, for the server holds each several times over. Rows wait until
 * there are so many, or so many bytes of them, for one statement. */
#define STATE_PART_SIZE        (8u << 20)
#define SQL_BATCH_COUNT_MAX    8192
#define SQL_BATCH_SIZE_MAX     (16u << 20)
/* Key groups that an epoch writes wholly: a round takes 128 epochs, and an epoch writes 1/128 of the state besides its delta. */
#define LIVE_SNAPSHOT_GROUP_COUNT 8

/* ---- hybrid ---- */

/* Facts of an entity that a backtest reads and sorts at once: a gigabyte at the widest, mostly a quarter of it. */
#define BACKTEST_SLICE_ROW_COUNT 524288
/* Alerts of a backtest, all held in memory: what a hospital's people look at in a lifetime. A rule that fires more is no rule. */
#define BACKTEST_ALERT_COUNT_MAX 1000000

/* ---- store ---- */

/* Alerts that are written and marked together: one fsync and one commit carry them all, and so many lines of a file are
 * looked at after a crash. */
#define OUTBOX_BATCH_COUNT_MAX 256
/* Batches a sink gets between two epochs: the next epoch must not wait for a long queue. */
#define OUTBOX_BATCHES_PER_STEP 4
/* Requests to one receiver at the same time: hides its round trip, and is no storm. */
#define OUTBOX_REQUEST_COUNT_MAX 16
/* Messages that one producer of Kafka holds: more than requests to a receiver are under way at once. */
#define KAFKA_PRODUCER_MESSAGE_COUNT_MAX 1000
/* How long librdkafka may take to tell of what was purged: it waits for nobody then. */
#define KAFKA_PRODUCER_FLUSH_MS 2000
/* How long a program that ends gives the receivers to take what waits; half of what service managers commonly allow. */
#define OUTBOX_LAST_US INT64_C(10000000)
/* Alerts that a receiver refused at the end, each tried once: then it has its answer for the rest. */
#define OUTBOX_REFUSED_COUNT_MAX 1024
/* 8 bytes of time and 16 of hash, in hexadecimal. */
#define ALERT_ID_SIZE_MAX 48
/* Alerts that one command acknowledges or closes: so many arguments a command line takes. */
#define ALERT_HANDLE_COUNT_MAX 64
/* A person's name, and what he says of an alert: some sentences, not a letter, for it goes out with each later copy of the row. */
#define ALERT_BY_SIZE_MAX      128
#define ALERT_COMMENT_SIZE_MAX 1000

/* ---- govern ---- */

/* What an audit entry says was done: an SQL text, mostly of some hundred bytes; a generated list of patients fits. */
#define AUDIT_DETAIL_SIZE_MAX (128u << 10)
/* A line of the audit file: a detail of control characters only, each written as six bytes, and what stands around it. */
#define AUDIT_LINE_SIZE_MAX (1u << 20)

/* ---- plan ---- */

/* Names of pipelines, bindings, steps and zones: they become parts of file names, tables and columns. */
#define PLAN_NAME_SIZE_MAX 128
/* Free texts of a configuration (who owns it, a system's URI). */
#define PLAN_TEXT_SIZE_MAX 1024
/* A name of PostgreSQL has 63 bytes at most; longer ones it cuts. */
#define PLAN_SCHEMA_SIZE_MAX 63
/* Sources of a leg: one a system that a hospital runs, and large ones run some hundreds. */
#define PLAN_SOURCE_COUNT_MAX 1000
/* Inputs of a source, and patterns of model files. */
#define PLAN_INPUT_COUNT_MAX 1000
/* Steps of a leg. */
#define PLAN_STEP_COUNT_MAX 32
/* Rules of a pipeline or a route. */
#define PLAN_CLEANSE_RULE_COUNT_MAX 1000
#define PLAN_RULE_COUNT_MAX 256
/* Routes of an alerting service. */
#define PLAN_ROUTE_COUNT_MAX 256
/* A binding that borrows from one that borrows: more than a few steps nobody can follow. */
#define PLAN_USE_DEPTH_MAX 8
/* Labels of an input: they are written into every row. */
#define PLAN_LABEL_COUNT_MAX 32
/* Threads of a leg: rings are made for each pair of them, so the number counts twice. */
#define PLAN_WORKER_COUNT_MAX 64

/* ---- cli ---- */

/* Columns of a table for people: more do not fit a screen; `heddle query` of a wide table wraps, or is asked for JSON. */
#define TABLE_COLUMN_COUNT_MAX 256

#endif
