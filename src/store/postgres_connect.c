/* Connections to the server: with what, over what, and what it means when there is none. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "store/postgres_int.h"

#define VERSION_LEAST 130000

/* ---- What is said ---- */

struct condition {
    const char     *code; /* SQLSTATE, or its first two characters. */
    enum error_code error;
    const char     *says;
    const char     *hint; /* NULL: none. */
};

static const struct condition conditions[] = {
    { "42501", ERR_CONFIG, "the role has no right to do that", "docs/guide/postgres.md has the rights that the store needs, as SQL" },
    { "53100", ERR_FULL, "the server's disk is full", "free space on the server and try again: the last committed epoch stays" },
    { "53300", ERR_UNAVAILABLE, "the server has no connection left", "raise its max_connections, or end what holds them" },
    { "53", ERR_UNAVAILABLE, "the server lacks resources", NULL },
    { "55P03", ERR_BUSY, "another session holds what is needed", "an earlier owner's transaction may still be open: try again" },
    { "57P", ERR_UNAVAILABLE, "the server ended the session, or is not up yet", "try again when it is" },
    { "57014", ERR_UNAVAILABLE, "the server cancelled the statement", NULL },
    { "25006", ERR_UNAVAILABLE, "the server takes no writes: it is a standby", "name the primary in the connection, or all servers: the one that takes writes is found" },
    { "25P03", ERR_UNAVAILABLE, "the transaction was idle for too long", NULL },
    { "08", ERR_UNAVAILABLE, "the connection was lost", NULL },
    { "42P01", ERR_NOT_FOUND, "there is no such table", "heddle run or heddle stream makes the store at its first start" },
    { "3F000", ERR_CONFIG, "there is no such schema", NULL },
    { "58", ERR_IO, "the server's disk failed", NULL },
    { "XX001", ERR_CORRUPT, "the server found a damaged page", NULL },
};

static const struct condition *
condition_find(const char *code)
{
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (strncmp(code, conditions[i].code, strlen(conditions[i].code)) == 0)
            return &conditions[i];
    return NULL;
}

enum status
postgres_error(PGconn *conn, const PGresult *result, const char *what, struct error *err)
{
    const char             *code = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const struct condition *condition;

    if (code == NULL && PQstatus(conn) == CONNECTION_BAD)
        code = "08006";
    condition = code == NULL ? NULL : condition_find(code);
    if (condition == NULL)
        return error_set(err, ERR_IO, "the store cannot %s: PostgreSQL says %s", what, code == NULL ? "nothing of use" : code);
    error_set(err, condition->error, "the store cannot %s: %s (%s)", what, condition->says, code);
    if (condition->hint != NULL)
        error_hint(err, "%s", condition->hint);
    return ST_ERROR;
}

PGresult *
postgres_exec(PGconn *conn, const char *sql, int count, const char *const *values, const char *what, struct error *err)
{
    PGresult            *result = PQexecParams(conn, sql, count, NULL, values, NULL, NULL, 0);
    const ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    postgres_error(conn, result, what, err);
    PQclear(result);
    return NULL;
}

/* ---- With what ---- */

#define PARAMETER_COUNT_MAX 96

struct parameters {
    const char *names[PARAMETER_COUNT_MAX + 1];
    const char *values[PARAMETER_COUNT_MAX + 1];
    size_t      count;
};

static const char *
parameter(const struct parameters *parameters, const char *name)
{
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->names[i], name) == 0)
            return parameters->values[i];
    return NULL;
}

static void
add(struct parameters *parameters, const char *name, const char *value)
{
    CHECK(parameters->count < PARAMETER_COUNT_MAX);
    parameters->names[parameters->count]    = name;
    parameters->values[parameters->count++] = value;
}

static void
add_missing(struct parameters *parameters, const char *name, const char *value)
{
    if (parameter(parameters, name) == NULL)
        add(parameters, name, value);
}

static void
add_all(struct parameters *parameters, const PQconninfoOption *options)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (options->val != NULL && options->val[0] != '\0')
            add_missing(parameters, options->keyword, options->val);
}

/* Whether all of a list of hosts are this machine: a path is a socket of it. */
static bool
is_local(const char *hosts)
{
    struct str_split split = str_split_init(str_from(hosts == NULL ? "" : hosts), ',');
    struct str       host;

    while (str_split_next(&split, &host))
        if (host.size > 0 && host.data[0] != '/' && host.data[0] != '@' && !str_equal(host, STR("localhost")) && !str_starts_with(host, STR("127.")) &&
            !str_equal(host, STR("::1")))
            return false;
    return true;
}

/* What the tables hold is patient data, and so are the password's replies: beyond this machine only a server that proves to be the one that was
 * named gets to see them. */
static enum status
settle_tls(struct parameters *parameters, struct error *err)
{
    const char *mode = parameter(parameters, "sslmode");

    if (parameter(parameters, "service") != NULL) {
        error_set(err, ERR_CONFIG, "the store's conninfo names a service, and what that says is not checked");
        error_hint(err, "write host, dbname and user into the conninfo itself");
        return ST_ERROR;
    }
    if (is_local(parameter(parameters, "host")) && is_local(parameter(parameters, "hostaddr")))
        return ST_OK;
    if (mode == NULL || strcmp(mode, "verify-full") == 0) {
        add_missing(parameters, "sslmode", "verify-full");
        return ST_OK;
    }
    error_set(err, ERR_CONFIG, "the store is on another machine, and \"sslmode=%s\" does not prove which one answers", mode);
    error_hint(err, "write sslmode=verify-full and sslrootcert=/path/of/the/authority.pem into its conninfo");
    return ST_ERROR;
}

static void
add_ours(struct parameters *parameters, enum postgres_use use, const char *application)
{
    add_missing(parameters, "connect_timeout", "10");
    add_missing(parameters, "keepalives_idle", "15");
    add_missing(parameters, "keepalives_interval", "5");
    add_missing(parameters, "keepalives_count", "3");
    add_missing(parameters, "tcp_user_timeout", "30000");
    add_missing(parameters, "application_name", application);
    if (use == POSTGRES_OWNS)
        add_missing(parameters, "target_session_attrs", "read-write");
    for (size_t i = 0; i < parameters->count; i++)
        if (strcmp(parameters->names[i], "client_encoding") == 0)
            parameters->values[i] = "UTF8";
    add_missing(parameters, "client_encoding", "UTF8");
}

/* ---- Connecting ---- */

struct refusal {
    const char     *says; /* A part of what libpq or the server says. */
    enum error_code code;
    const char     *hint;
};

static const struct refusal refusals[] = {
    { "password authentication failed", ERR_KEY, "the login is wrong: look at user and password where the binding's \"conninfo\" is kept" },
    { "no password supplied", ERR_KEY, "add password=… where the binding's \"conninfo\" is kept" },
    { "authentication failed", ERR_KEY, "the login is wrong: look where the binding's \"conninfo\" is kept" },
    { "role \"", ERR_KEY, "make the role on the server, or name another user: docs/guide/postgres.md has it as SQL" },
    { "database \"", ERR_CONFIG, "make the database on the server, or name another: docs/guide/postgres.md has it as SQL" },
    { "permission denied for database", ERR_CONFIG, "grant connect on the database to the role" },
    { "certificate verify failed", ERR_CONFIG, "sslrootcert must be the authority that signed the server's certificate" },
    { "root certificate file", ERR_CONFIG, "write sslrootcert=/path/of/the/authority.pem into the conninfo" },
    { "server certificate for", ERR_CONFIG, "the server's certificate is for another name: write the name it has as host" },
    { "does not support SSL", ERR_CONFIG, "turn TLS on at the server (ssl = on): beyond one machine nothing goes without" },
    { "no pg_hba.conf entry", ERR_CONFIG, "let the role in from this machine: a line hostssl in the server's pg_hba.conf" },
};

/* What libpq says names hosts, ports, users and databases, but no password. */
static enum status
refuse(PGconn *conn, struct error *err)
{
    struct str said = str_trim(str_from(PQerrorMessage(conn)));

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (str_find(said, str_from(refusals[i].says)) != STR_NOT_FOUND) {
            error_set(err, refusals[i].code, "the store's server refuses: %.*s", STR_PRINTF(said));
            error_hint(err, "%s", refusals[i].hint);
            return ST_ERROR;
        }
    error_set(err, ERR_UNAVAILABLE, "the store's server does not answer: %.*s", STR_PRINTF(said));
    error_hint(err, "is it up, and is the way to it open? look at host and port where the binding's \"conninfo\" is kept");
    return ST_ERROR;
}

static void
hear_nothing(void *context, const PGresult *result)
{
    (void)context, (void)result;
}

/* The session, whatever the server's or the role's settings are. */
static enum status
settle_session(PGconn *conn, const char *schema, enum postgres_use use, struct error *err)
{
    static const char *const settings[] = {
        "select set_config('search_path', quote_ident($1), false)",
        /* A commit that returned is on the server's disk; on its standby's too, where it waits for that. */
        "select set_config('synchronous_commit', case when current_setting('synchronous_commit') = 'remote_apply' then 'remote_apply' else 'on' end, false), $1",
        "select set_config('idle_in_transaction_session_timeout', '60s', false), set_config('lock_timeout', '10s', false), $1",
        "select set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '3', false), $1",
        "select set_config('jit', 'off', false), set_config('standard_conforming_strings', 'on', false), set_config('TimeZone', 'UTC', false), $1",
        "select set_config('default_transaction_isolation', 'read committed', false), set_config('default_transaction_read_only', 'off', false), $1",
    };

    if (PQserverVersion(conn) < VERSION_LEAST)
        return error_set(err, ERR_CONFIG, "the store's server is PostgreSQL %d, and heddle needs 13 or later", PQserverVersion(conn) / 10000);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        PGresult *result = postgres_exec(conn, settings[i], 1, &schema, "settle its session", err);
        if (result == NULL)
            return ST_ERROR;
        PQclear(result);
    }
    if (use == POSTGRES_READS) {
        PGresult *result = postgres_exec(conn, "set default_transaction_read_only = on", 0, NULL, "settle its session", err);
        if (result == NULL)
            return ST_ERROR;
        PQclear(result);
    }
    return ST_OK;
}

static PGconn *
connect_with(const struct parameters *parameters, const char *schema, enum postgres_use use, struct error *err)
{
    PGconn *conn = PQconnectdbParams(parameters->names, parameters->values, 0);

    if (conn == NULL) {
        error_no_memory(err);
        return NULL;
    }
    PQsetNoticeReceiver(conn, hear_nothing, NULL);
    if (PQstatus(conn) == CONNECTION_OK ? settle_session(conn, schema, use, err) == ST_OK : refuse(conn, err) == ST_OK)
        return conn;
    PQfinish(conn);
    return NULL;
}

PGconn *
postgres_connect(const struct postgres_options *options, enum postgres_use use, struct error *err)
{
    struct parameters parameters = { .count = 0 };
    PQconninfoOption *given      = PQconninfoParse(options->conninfo, NULL);
    PQconninfoOption *defaults   = PQconndefaults();
    PGconn           *conn       = NULL;
    char              application[64];

    snprintf(application, sizeof application, "heddle %s", options->pipeline == NULL ? "" : options->pipeline);
    add_all(&parameters, given);
    /* libpq's own default of sslmode is none of ours; one that was set in the environment is. */
    for (PQconninfoOption *option = defaults; option != NULL && option->keyword != NULL; option++)
        if (option->val != NULL && option->val[0] != '\0' && !(strcmp(option->keyword, "sslmode") == 0 && strcmp(option->val, "prefer") == 0))
            add_missing(&parameters, option->keyword, option->val);
    if (given == NULL) {
        error_set(err, ERR_CONFIG, "what the store is to be connected with is no conninfo of PostgreSQL");
        error_hint(err, "write host=… port=… dbname=… user=… password=…, or postgresql://user:password@host:port/dbname");
    } else if (settle_tls(&parameters, err) == ST_OK) {
        add_ours(&parameters, use, application);
        conn = connect_with(&parameters, options->schema, use, err);
    }
    PQconninfoFree(given);
    PQconninfoFree(defaults);
    return conn;
}

/* ---- What is there ---- */

enum status
postgres_look(PGconn *conn, const char *schema, bool *ret_is_there, bool *ret_has_schema, struct error *err)
{
    PGresult *result = postgres_exec(conn,
                                     "select count(*) > 0, count(*) filter (where exists (select 1 from pg_catalog.pg_class c where c.relnamespace = n.oid and "
                                     "c.relname = 'store_meta')) > 0 from pg_catalog.pg_namespace n where n.nspname = $1",
                                     1, &schema, "look for its tables", err);

    if (result == NULL)
        return ST_ERROR;
    if (ret_has_schema != NULL)
        *ret_has_schema = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    *ret_is_there = strcmp(PQgetvalue(result, 0, 1), "t") == 0;
    PQclear(result);
    return ST_OK;
}

/* ---- The lock ---- */

/* Who holds it, where the server tells. */
static void
name_holder(PGconn *conn, const char *const *key, struct error *err)
{
    struct error ignored = ERROR_EMPTY;
    PGresult    *result  = postgres_exec(conn,
                                         "select l.pid, coalesce(host(a.client_addr), 'a socket of the server'), coalesce(a.application_name, '') from pg_locks l left join "
                                          "pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and "
                                          "l.database = (select oid from pg_database where datname = current_database()) and "
                                          "((l.classid::bigint << 32) | l.objid::bigint) = $1::bigint limit 1",
                                         1, key, "find who holds it", &ignored);

    error_set(err, ERR_BUSY, "another process owns the store");
    if (result != NULL && PQntuples(result) == 1) {
        error_set(err, ERR_BUSY, "another process owns the store: session %s of \"%s\", from %s", PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 2),
                  PQgetvalue(result, 0, 1));
        error_hint(err, "end it; where it is gone for good and the server does not know yet: select pg_terminate_backend(%s) on the server",
                   PQgetvalue(result, 0, 0));
    }
    PQclear(result);
}

enum status
postgres_lock(PGconn *conn, const char *schema, struct error *err)
{
    char        number[32];
    const char *key    = number;
    PGresult   *result;
    enum status status = ST_OK;

    snprintf(number, sizeof number, "%lld", (long long)hash64_seeded(schema, strlen(schema), UINT64_C(0x686564646c65)));
    result = postgres_exec(conn, "select pg_try_advisory_lock($1::bigint)", 1, &key, "take its lock", err);
    if (result == NULL)
        return ST_ERROR;
    if (strcmp(PQgetvalue(result, 0, 0), "t") != 0) {
        name_holder(conn, &key, err);
        status = ST_ERROR;
    }
    PQclear(result);
    return status;
}
