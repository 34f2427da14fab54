/* What bindings.json may say. */
#include "base/limits.h"
#include "base/time.h"
#include "plan/tables_int.h"

#define USE_HELP                                                                                                       \
    "Borrows path, key and encryption of another binding of the same kind, where they are not given here."

static const struct option SITE_OPTIONS[] = {
    { .name = "name", .type = OPTION_TEXT, .min = 1, .max = PLAN_NAME_SIZE_MAX,
      .help = "The pipeline's identity (alert ids, locks). By default the name of the folder that pipeline.json is in; "
              "store and warehouse keep it, and refuse another one.",
      OPTION_FIELD(struct site_config, name), OPTION_GIVEN(struct site_config, has_name) },
    { .name = "environment", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = "\"production\", \"test\": for people.",
      OPTION_FIELD(struct site_config, environment) },
    { .name = "zone", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The time zone of local times without an offset, like \"America/New_York\", where an input names none.",
      OPTION_FIELD(struct site_config, zone) },
    { .name = "facility", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The facility of records that name none.", OPTION_FIELD(struct site_config, facility) },
    { .name = "owner", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX, .help = "Who answers for the pipeline: for people.",
      OPTION_FIELD(struct site_config, owner) },
    { .name = "person_key", .type = OPTION_SECRET, .default_text = "file:person.key",
      .help = "The key of person ids. Made at the first start where the file is missing; it must never change.",
      OPTION_FIELD(struct site_config, person_key) },
    { .name = "audit", .type = OPTION_PATH, .default_text = "audit.ndjson",
      .help = "The audit file: who was shown patient data, when. Each entry holds the digest of the one before.",
      OPTION_FIELD(struct site_config, audit) },
};
const struct option_table SITE_TABLE = OPTION_TABLE("pipeline", SITE_OPTIONS, struct site_config,
    .help = "Who and where the pipeline is.");

static const struct option EPOCH_OPTIONS[] = {
    { .name = "interval", .type = OPTION_DURATION, .default_text = "1s", .min = US_PER_SECOND / 100, .max = US_PER_HOUR,
      .help = "The longest time between two commits while there is anything to commit.",
      OPTION_FIELD(struct epoch_config, interval) },
    { .name = "rows", .type = OPTION_INT, .default_text = "200000", .min = 1, .max = 100000000, .unit = "rows",
      .help = "The most rows between two commits.", OPTION_FIELD(struct epoch_config, rows) },
};
static const struct option_table EPOCH_TABLE = OPTION_TABLE("epoch", EPOCH_OPTIONS, struct epoch_config,
    .help = "How often the streaming leg commits.");

static const struct option RUNTIME_OPTIONS[] = {
    { .name = "workers", .type = OPTION_INT, .default_text = "0", .max = PLAN_WORKER_COUNT_MAX, .unit = "threads",
      .help = "Threads of a leg; 0 is one for each processor.", OPTION_FIELD(struct runtime_config, workers) },
    { .name = "chunk_rows", .type = OPTION_INT, .default_text = "2048", .min = 1, .max = CHUNK_ROW_COUNT_MAX,
      .unit = "rows", .help = "Rows that are processed at once. Results do not depend on it; small values are for tests.",
      OPTION_FIELD(struct runtime_config, chunk_rows) },
    { .name = "memory", .type = OPTION_SIZE, .default_text = "2GiB", .min = BATCH_THREAD_MEMORY, .max = INT64_C(1) << 46,
      .help = "What a batch run may hold in memory before it spills to disk, buffers of decoding threads included. The process takes up to 160 MiB more: see ARCHITECTURE.md, Bounds.",
      OPTION_FIELD(struct runtime_config, memory) },
    { .name = "temp_space", .type = OPTION_SIZE, .default_text = "0", .max = INT64_C(1) << 50,
      .help = "What a batch run may spill to disk, beside the warehouse; 0 is 90 % of what is free there.",
      OPTION_FIELD(struct runtime_config, temp_space) },
    { .name = "ahead", .type = OPTION_DURATION, .default_text = "1h", .min = US_PER_SECOND, .max = 366 * US_PER_DAY,
      .help = "How far the events of one partition may be ahead of those of the slowest one that has more to read; it is not read on until then, "
              "for state lasts as long as the slowest one needs it.",
      OPTION_FIELD(struct runtime_config, ahead) },
    { .name = "state", .type = OPTION_SIZE, .default_text = "4GiB", .max = INT64_C(1) << 46,
      .help = "What the steps of the streaming leg may remember. Beyond it logs are read slowly, the slowest one first, what has expired is freed at once, and "
              "the largest step is named; the stream goes on. 0: any amount.",
      OPTION_FIELD(struct runtime_config, state) },
    { .name = "epoch", .type = OPTION_OBJECT, .table = &EPOCH_TABLE, .help = "How often the streaming leg commits.",
      OPTION_FIELD(struct runtime_config, epoch) },
};
static const struct option_table RUNTIME_TABLE = OPTION_TABLE("runtime", RUNTIME_OPTIONS, struct runtime_config,
    .help = "How much of the machine is used. Results do not depend on it.");

static const struct option TLS_OPTIONS[] = {
    { .name = "ca", .type = OPTION_SECRET,
      .help = "Who vouches for the other side: certificates in PEM. By default the system's authorities.",
      OPTION_FIELD(struct tls_config, ca) },
    { .name = "certificate", .type = OPTION_SECRET, .help = "Our own certificate in PEM, for who asks for one.",
      OPTION_FIELD(struct tls_config, certificate) },
    { .name = "key", .type = OPTION_SECRET, .help = "The private key of \"certificate\", in PEM; a file of mode 0600.",
      OPTION_FIELD(struct tls_config, key) },
};
static const struct option_table TLS_TABLE = OPTION_TABLE("tls", TLS_OPTIONS, struct tls_config,
    .help = "Certificates of a connection.");

static const char *const SASL_NAMES[] = { "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI", "OAUTHBEARER", NULL };

static const struct option SASL_OPTIONS[] = {
    { .name = "mechanism", .type = OPTION_ENUM, .names = SASL_NAMES, .is_required = true,
      .help = "How we say who we are, as the broker wants it. GSSAPI is Kerberos; OAUTHBEARER gets its tokens by client credentials.",
      OPTION_FIELD(struct sasl_config, mechanism) },
    { .name = "username", .type = OPTION_SECRET, .help = "Where the user's name is kept; OAUTHBEARER: the client's id.",
      OPTION_FIELD(struct sasl_config, username) },
    { .name = "password", .type = OPTION_SECRET, .help = "Where the password is kept; OAUTHBEARER: the client's secret.",
      OPTION_FIELD(struct sasl_config, password) },
    { .name = "principal", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX, .help = "GSSAPI: who we are, like \"heddle/host@REALM\".",
      OPTION_FIELD(struct sasl_config, principal) },
    { .name = "keytab", .type = OPTION_PATH, .help = "GSSAPI: the file of the principal's key.", OPTION_FIELD(struct sasl_config, keytab) },
    { .name = "service", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = "GSSAPI: the first part of the broker's own principal; by default \"kafka\".",
      OPTION_FIELD(struct sasl_config, service) },
    { .name = "token_url", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX, .help = "OAUTHBEARER: where tokens are given, https.",
      OPTION_FIELD(struct sasl_config, token_url) },
    { .name = "scope", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX, .help = "OAUTHBEARER: what the token is to be for.",
      OPTION_FIELD(struct sasl_config, scope) },
};
static const struct option_table SASL_TABLE = OPTION_TABLE("sasl", SASL_OPTIONS, struct sasl_config,
    .help = "Who we are to a broker of Kafka.");

static const char *const INPUT_TYPE_NAMES[] = { "file", "kafka", NULL };
static const char *const CLEAR_NAMES[]      = { "required", "none", NULL };
static const char *const FORMAT_NAMES[]     = { "auto", "csv", "hl7v2", "json", "fhir-r4", "fixed", NULL };
static const char *const EMPTY_NAMES[]      = { "ok", "error", NULL };
const char *const        PLAN_CHARSET_NAMES[] = { "auto", "utf-8", "windows-1252", "iso-8859-1", "iso-8859-15", NULL };

static const struct option INPUT_OPTIONS[] = {
    { .name = "type", .type = OPTION_ENUM, .names = INPUT_TYPE_NAMES, .default_text = "file",
      .help = "Where bytes come from: files, or topics of Kafka, which the streaming leg alone reads.", OPTION_FIELD(struct input_config, type) },
    { .name = "use", .type = OPTION_TEXT, .help = USE_HELP, OPTION_FIELD(struct input_config, use) },
    { .name = "path", .type = OPTION_PATH, .min = 1,
      .help = "file: a path with * (within a folder), ** (any folders), ? and [...]. A relative one starts from the "
              "folder of bindings.json. Required, unless \"use\" gives it.",
      OPTION_FIELD(struct input_config, path), OPTION_GIVEN(struct input_config, has_path) },
    { .name = "format", .type = OPTION_ENUM, .names = FORMAT_NAMES, .default_text = "auto",
      .help = "The format of the files. \"auto\" finds it from the content of each.",
      OPTION_FIELD(struct input_config, format) },
    { .name = "mapping", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The mapping, or what the names of several begin with (\"synthea\"). By default all that fit the content.",
      OPTION_FIELD(struct input_config, mapping) },
    { .name = "system", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX,
      .help = "Who assigned identifiers that name no system, like \"urn:oid:1.2.3\". By default the pipeline's own, the "
              "same for all its bindings.",
      OPTION_FIELD(struct input_config, system) },
    { .name = "data_source", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "Column data_source of every row. By default the binding's name.",
      OPTION_FIELD(struct input_config, data_source) },
    { .name = "zone", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The time zone of local times without an offset. By default the pipeline's.",
      OPTION_FIELD(struct input_config, zone) },
    { .name = "facility", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "The facility of records that name none. By default the pipeline's.",
      OPTION_FIELD(struct input_config, facility) },
    { .name = "labels", .type = OPTION_LIST, .item_type = OPTION_TEXT, .max = PLAN_LABEL_COUNT_MAX,
      .help = "Sensitivity labels that every row gets, like \"42CFRPart2\".", OPTION_FIELD(struct input_config, labels) },
    { .name = "processing_ids", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_LABEL_COUNT_MAX,
      .help = "HL7 v2: the values of MSH-11 that are read; others are filtered. By default [\"P\"]: production, neither "
              "training nor debugging.",
      OPTION_FIELD(struct input_config, processing_ids), OPTION_GIVEN(struct input_config, has_processing_ids) },
    { .name = "charset", .type = OPTION_ENUM, .names = PLAN_CHARSET_NAMES, .default_text = "auto",
      .help = "The character set. \"auto\" takes what the content says, else UTF-8.",
      OPTION_FIELD(struct input_config, charset) },
    { .name = "delimiter", .type = OPTION_TEXT, .max = 1,
      .help = "CSV: what separates fields, one ASCII character. By default found from the header line.",
      OPTION_FIELD(struct input_config, delimiter) },
    { .name = "empty", .type = OPTION_ENUM, .names = EMPTY_NAMES, .default_text = "ok",
      .help = "What it means that no file matches: \"ok\" counts 0 and is named in the summary, \"error\" fails the run.",
      OPTION_FIELD(struct input_config, empty) },
    { .name = "log_time", .type = OPTION_TEXT, .max = PLAN_TEXT_SIZE_MAX,
      .help = "Event logs: the member, or path, of an event that says when it was written to the log. An event whose time lies beyond that is a dead "
              "letter (future_time), and so is one that does not say. By default times are not compared.",
      OPTION_FIELD(struct input_config, log_time) },
    { .name = "log_time_skew", .type = OPTION_DURATION, .default_text = "5m", .max = US_PER_DAY,
      .help = "Event logs: how far an event's time may lie beyond its log_time.", OPTION_FIELD(struct input_config, log_time_skew) },
    { .name = "brokers", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_LABEL_COUNT_MAX,
      .help = "kafka: brokers that tell of all others, each \"host:port\". Required.", OPTION_FIELD(struct input_config, brokers) },
    { .name = "topics", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_LABEL_COUNT_MAX,
      .help = "kafka: what is read. One that begins with ^ is a pattern (a regular expression) that topics' names are held to, also of those that come later. Required.",
      OPTION_FIELD(struct input_config, topics) },
    { .name = "start", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "kafka: where the first start of a store begins: \"earliest\" (the default), \"latest\", or a time like \"2026-03-01T00:00:00Z\", at the first message that is not "
              "older. Later starts go on where the store's last epoch ended; partitions that appear later are read from their beginning.",
      OPTION_FIELD(struct input_config, start) },
    { .name = "offsets", .type = OPTION_MAP, .item_type = OPTION_INT,
      .help = "kafka: where the first start begins in some partitions, like { \"edw.events/0\": 1200 }; \"start\" is for the others.",
      OPTION_FIELD(struct input_config, offsets) },
    { .name = "group", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX,
      .help = "kafka: the consumer group under which positions are told to the brokers, for those who look at lags; heddle never goes by it. By default \"heddle-\" and the pipeline's name.",
      OPTION_FIELD(struct input_config, group) },
    { .name = "tls", .type = OPTION_OBJECT, .table = &TLS_TABLE, .help = "kafka: the connection is encrypted; {} takes the system's authorities.",
      OPTION_FIELD(struct input_config, tls), OPTION_GIVEN(struct input_config, has_tls) },
    { .name = "sasl", .type = OPTION_OBJECT, .table = &SASL_TABLE, .help = "kafka: who we are to the brokers.",
      OPTION_FIELD(struct input_config, sasl), OPTION_GIVEN(struct input_config, has_sasl) },
    { .name = "encryption", .type = OPTION_ENUM, .names = CLEAR_NAMES,
      .help = "kafka: \"none\" says in writing that the connection to brokers beyond this machine is not encrypted; otherwise \"tls\" is required.",
      OPTION_FIELD(struct input_config, encryption) },
    { .name = "message_time", .type = OPTION_BOOL,
      .help = "kafka: false says that an event's time is not held to its message's timestamp. Otherwise, where the binding names no log_time, that timestamp is it.",
      OPTION_FIELD(struct input_config, message_time), OPTION_GIVEN(struct input_config, has_message_time) },
};
const struct option_table INPUT_TABLE = OPTION_TABLE("input", INPUT_OPTIONS, struct input_config,
    .help = "Files of one kind, or topics.", .short_form = "path");

static const struct option SOURCE_OPTIONS[] = {
    { .name = "inputs", .type = OPTION_LIST, .item_type = OPTION_OBJECT, .table = &INPUT_TABLE, .is_required = true,
      .min = 1, .max = PLAN_INPUT_COUNT_MAX, .help = "What is read for the source.",
      OPTION_FIELD(struct source_config, inputs) },
};
const struct option_table SOURCE_TABLE = OPTION_TABLE("source", SOURCE_OPTIONS, struct source_config,
    .help = "A source of several inputs. A source of one input is written as that input.");

static const char *const WAREHOUSE_TYPE_NAMES[] = { "duckdb", NULL };
static const char *const STORE_TYPE_NAMES[]     = { "sqlite", "postgres", NULL };
static const char *const ENCRYPTION_NAMES[]     = { "key", "none", NULL };

#define DATABASE_OPTIONS(type_names_)                                                                                  \
    { .name = "type", .type = OPTION_ENUM, .names = (type_names_), .is_required = true, .help = "What kind it is.",   \
      OPTION_FIELD(struct database_config, type) },                                                                   \
    { .name = "use", .type = OPTION_TEXT, .help = USE_HELP, OPTION_FIELD(struct database_config, use) },              \
    { .name = "path", .type = OPTION_PATH, .min = 1,                                                                  \
      .help = "The file. A relative path starts from the folder of bindings.json. Required, unless \"use\" gives it.", \
      OPTION_FIELD(struct database_config, path), OPTION_GIVEN(struct database_config, has_path) },                   \
    { .name = "key", .type = OPTION_SECRET, .help = "Where its key is: a file of mode 0600, or a variable.",          \
      OPTION_FIELD(struct database_config, key), OPTION_GIVEN(struct database_config, has_key) },                     \
    { .name = "encryption", .type = OPTION_ENUM, .names = ENCRYPTION_NAMES, .default_text = "key",                    \
      .help = "\"none\" says in writing that the file is not encrypted; otherwise a key is required.",                \
      OPTION_FIELD(struct database_config, encryption), OPTION_GIVEN(struct database_config, has_encryption) }

static const struct option PUBLISH_OPTIONS[] = {
    { .name = "path", .type = OPTION_PATH, .min = 1, .is_required = true,
      .help = "The copy's file. A relative path starts from the folder of bindings.json. It is replaced whole by each published run.",
      OPTION_FIELD(struct publish_config, path) },
    { .name = "key", .type = OPTION_SECRET,
      .help = "Where the copy's key is, which its readers need. Default: the warehouse's own, if it has one. Its file is made with the first copy.",
      OPTION_FIELD(struct publish_config, key), OPTION_GIVEN(struct publish_config, has_key) },
};
static const struct option_table PUBLISH_TABLE = OPTION_TABLE("publish", PUBLISH_OPTIONS, struct publish_config,
    .help = "A copy of the warehouse for others to read, while heddle has the warehouse itself open.");

static const struct option WAREHOUSE_OPTIONS[] = {
    DATABASE_OPTIONS(WAREHOUSE_TYPE_NAMES),
    { .name = "publish", .type = OPTION_OBJECT, .table = &PUBLISH_TABLE,
      .help = "After each published run a copy is left here, that any DuckDB opens with its key. None without it.",
      OPTION_FIELD(struct database_config, publish), OPTION_GIVEN(struct database_config, has_publish) },
};
const struct option_table  WAREHOUSE_TABLE     = OPTION_TABLE("warehouse", WAREHOUSE_OPTIONS, struct database_config,
        .help = "Where the batch leg publishes.");

static const struct option STORE_OPTIONS[] = {
    DATABASE_OPTIONS(STORE_TYPE_NAMES),
    { .name = "conninfo", .type = OPTION_SECRET,
      .help = "PostgreSQL: where the text is that it is connected with, host, database, user and password (libpq's conninfo or URI): a file of mode 0600, "
              "or a variable. Required there. Beyond one machine sslmode is verify-full. \"path\" is then where lock, socket and patient master "
              "of this machine lie, by default the schema's name in the folder of bindings.json.",
      OPTION_FIELD(struct database_config, conninfo), OPTION_GIVEN(struct database_config, has_conninfo) },
    { .name = "schema", .type = OPTION_TEXT, .min = 1, .max = PLAN_SCHEMA_SIZE_MAX, .default_text = "realtime",
      .help = "PostgreSQL: the schema of the tables, small letters, digits and _. One pipeline has one of its own.",
      OPTION_FIELD(struct database_config, schema), OPTION_GIVEN(struct database_config, has_schema) },
};
const struct option_table  STORE_TABLE     = OPTION_TABLE("store", STORE_OPTIONS, struct database_config,
        .help = "Where the streaming leg commits results, alerts and positions.");

static const struct option RETRY_OPTIONS[] = {
    { .name = "first", .type = OPTION_DURATION, .default_text = "1s", .min = US_PER_SECOND / 10, .max = US_PER_HOUR,
      .help = "The wait after the first failure; it doubles with each further one.",
      OPTION_FIELD(struct retry_config, first) },
    { .name = "max", .type = OPTION_DURATION, .default_text = "5m", .min = US_PER_SECOND / 10, .max = US_PER_DAY,
      .help = "The longest wait.", OPTION_FIELD(struct retry_config, max) },
    { .name = "give_up", .type = OPTION_DURATION, .default_text = "24h", .min = US_PER_SECOND, .max = 30 * US_PER_DAY,
      .help = "After how long an alert counts as undeliverable.", OPTION_FIELD(struct retry_config, give_up) },
};
static const struct option_table RETRY_TABLE = OPTION_TABLE("retry", RETRY_OPTIONS, struct retry_config,
    .help = "How a delivery that failed is tried again.");

static const struct option RATE_OPTIONS[] = {
    { .name = "max", .type = OPTION_INT, .min = 1, .max = 1000000, .unit = "requests", .is_required = true,
      .help = "The most requests in the time \"per\"; what is more waits.", OPTION_FIELD(struct rate_config, max) },
    { .name = "per", .type = OPTION_DURATION, .default_text = "1s", .min = US_PER_SECOND, .max = US_PER_HOUR,
      .help = "The time that \"max\" is for.", OPTION_FIELD(struct rate_config, per) },
};
static const struct option_table RATE_TABLE = OPTION_TABLE("rate", RATE_OPTIONS, struct rate_config,
    .help = "How many requests a receiver gets.", .short_form = "max");

static const char *const ROUTE_TYPE_NAMES[] = { "file", "webhook", "alertmanager", "smtp", "kafka", NULL };
static const char *const ALERT_FORM_NAMES[] = { "json", "cloudevents", NULL };
static const char *const PHI_NAMES[]        = { "none", "minimum", "full", NULL };

static const struct option ROUTE_OPTIONS[] = {
    { .name = "rules", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_RULE_COUNT_MAX,
      .help = "The rules whose alerts go here, \"unevaluated_result\" among them. By default all.",
      OPTION_FIELD(struct route_config, rules) },
    { .name = "type", .type = OPTION_ENUM, .names = ROUTE_TYPE_NAMES, .is_required = true,
      .help = "How alerts leave: \"file\" appends one JSON object a line, \"webhook\" sends one in each HTTP request, "
              "\"alertmanager\" gives them to a Prometheus Alertmanager, resolved when they are retracted or closed, \"smtp\" sends mails, "
              "\"kafka\" writes a message a revision to a topic.",
      OPTION_FIELD(struct route_config, type) },
    { .name = "use", .type = OPTION_TEXT, .help = USE_HELP, OPTION_FIELD(struct route_config, use) },
    { .name = "path", .type = OPTION_PATH, .min = 1,
      .help = "file: the file. A relative path starts from the folder of bindings.json. Required, unless \"use\" gives it.",
      OPTION_FIELD(struct route_config, path), OPTION_GIVEN(struct route_config, has_path) },
    { .name = "url", .type = OPTION_TEXT, .min = 1, .max = PLAN_TEXT_SIZE_MAX,
      .help = "webhook: where requests go; alertmanager: where it is, without \"/api/v2/alerts\"; smtp: the mail server, \"smtp://host:587\" or "
              "\"smtps://host\". http only to this machine, or where phi is \"none\" and no secret goes along; smtp beyond this machine only with STARTTLS.",
      OPTION_FIELD(struct route_config, url) },
    { .name = "headers", .type = OPTION_MAP, .item_type = OPTION_TEXT,
      .help = "Further headers of each request. A value that begins with \"env:\" or \"file:\" is a secret kept there.",
      OPTION_FIELD(struct route_config, headers) },
    { .name = "sign", .type = OPTION_SECRET,
      .help = "webhook: the key of the header X-Heddle-Signature, \"t=SECONDS,v1=HEX\": HMAC-SHA-256 over SECONDS, a full stop and the body.",
      OPTION_FIELD(struct route_config, sign) },
    { .name = "from", .type = OPTION_TEXT, .max = PLAN_NAME_SIZE_MAX, .help = "smtp: the sender's address.", OPTION_FIELD(struct route_config, from) },
    { .name = "to", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_LABEL_COUNT_MAX, .help = "smtp: the receivers' addresses.",
      OPTION_FIELD(struct route_config, to) },
    { .name = "user", .type = OPTION_SECRET, .help = "smtp: whom the mail server knows us as.", OPTION_FIELD(struct route_config, user) },
    { .name = "password", .type = OPTION_SECRET, .help = "smtp: the password of \"user\".", OPTION_FIELD(struct route_config, password) },
    { .name = "group", .type = OPTION_INT, .default_text = "20", .min = 1, .max = 100, .unit = "alerts",
      .help = "smtp: the most alerts in one mail, of those that wait together.", OPTION_FIELD(struct route_config, group) },
    { .name = "tls", .type = OPTION_OBJECT, .table = &TLS_TABLE, .help = "Certificates of the connection.",
      OPTION_FIELD(struct route_config, tls), OPTION_GIVEN(struct route_config, has_tls) },
    { .name = "brokers", .type = OPTION_LIST, .item_type = OPTION_TEXT, .min = 1, .max = PLAN_LABEL_COUNT_MAX,
      .help = "kafka: brokers that tell of all others, each \"host:port\". Required, unless \"use\" gives them.", OPTION_FIELD(struct route_config, brokers) },
    { .name = "topic", .type = OPTION_TEXT, .min = 1, .max = PLAN_NAME_SIZE_MAX,
      .help = "kafka: where alerts are written; it must be there. The message's key is the subject, \"system|id\", where phi is \"full\", else the alert's id.",
      OPTION_FIELD(struct route_config, topic) },
    { .name = "sasl", .type = OPTION_OBJECT, .table = &SASL_TABLE, .help = "kafka: who we are to the brokers.",
      OPTION_FIELD(struct route_config, sasl), OPTION_GIVEN(struct route_config, has_sasl) },
    { .name = "encryption", .type = OPTION_ENUM, .names = CLEAR_NAMES,
      .help = "kafka: \"none\" says in writing that the connection to brokers beyond this machine is not encrypted; otherwise \"tls\" is required.",
      OPTION_FIELD(struct route_config, encryption) },
    { .name = "format", .type = OPTION_ENUM, .names = ALERT_FORM_NAMES, .default_text = "json",
      .help = "kafka: \"json\", the alert as a file has it, or \"cloudevents\", the same within a CloudEvent (1.0, structured mode).",
      OPTION_FIELD(struct route_config, format) },
    { .name = "timeout", .type = OPTION_DURATION, .default_text = "10s", .min = US_PER_SECOND / 10, .max = 5 * US_PER_MINUTE,
      .help = "How long a receiver may take for one request; then it counts as failed.",
      OPTION_FIELD(struct route_config, timeout) },
    { .name = "rate", .type = OPTION_OBJECT, .table = &RATE_TABLE, .help = "The most requests a second, or in another time. By default no limit.",
      OPTION_FIELD(struct route_config, rate) },
    { .name = "phi", .type = OPTION_ENUM, .names = PHI_NAMES, .default_text = "minimum",
      .help = "How much patient data leaves: \"none\", \"minimum\" (what finding the case needs) or \"full\" (the alert).",
      OPTION_FIELD(struct route_config, phi) },
    { .name = "retry", .type = OPTION_OBJECT, .table = &RETRY_TABLE, .help = "How a delivery that failed is tried again.",
      OPTION_FIELD(struct route_config, retry) },
};
const struct option_table ROUTE_TABLE = OPTION_TABLE("route", ROUTE_OPTIONS, struct route_config,
    .help = "Where alerts of some rules go.");

static const struct option ROUTES_OPTIONS[] = {
    { .name = "routes", .type = OPTION_LIST, .item_type = OPTION_OBJECT, .table = &ROUTE_TABLE, .is_required = true,
      .min = 1, .max = PLAN_ROUTE_COUNT_MAX, .help = "Which alerts go where.",
      OPTION_FIELD(struct routes_config, routes) },
};
const struct option_table ROUTES_TABLE = OPTION_TABLE("routes", ROUTES_OPTIONS, struct routes_config,
    .help = "An alerting service with several routes. One with a single route is written as that route.");

static const struct option_table *const BINDING_TABLES[] = { &INPUT_TABLE, &SOURCE_TABLE, &WAREHOUSE_TABLE, &STORE_TABLE,
                                                             &ROUTE_TABLE, &ROUTES_TABLE,    NULL };

static const struct option BINDINGS_FILE_OPTIONS[] = {
    { .name = "version", .type = OPTION_INT, .default_text = "1", .min = 1, .max = 1, .help = "The version of this file's form.",
      OPTION_FIELD(struct bindings_file_config, version) },
    { .name = "model", .type = OPTION_LIST, .item_type = OPTION_PATH, .max = PLAN_INPUT_COUNT_MAX,
      .help = "Files (with *, **, ?) that add to the built-in model or override it: entities, mappings, rules.",
      OPTION_FIELD(struct bindings_file_config, model) },
    { .name = "pipeline", .type = OPTION_OBJECT, .table = &SITE_TABLE, .help = "Who and where the pipeline is.",
      OPTION_FIELD(struct bindings_file_config, pipeline) },
    { .name = "runtime", .type = OPTION_OBJECT, .table = &RUNTIME_TABLE, .help = "How much of the machine is used.",
      OPTION_FIELD(struct bindings_file_config, runtime) },
    { .name = "bindings", .type = OPTION_MAP, .item_type = OPTION_ANY, .is_required = true,
      .alternatives = BINDING_TABLES, .help = "What each name of the pipeline stands for: a path, or an object.",
      OPTION_FIELD(struct bindings_file_config, bindings) },
};
const struct option_table BINDINGS_FILE_TABLE =
    OPTION_TABLE("bindings.json", BINDINGS_FILE_OPTIONS, struct bindings_file_config,
                 .help = "What the names of the pipeline stand for at one site.");
