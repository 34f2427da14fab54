#include "io/transfer.h"

#include <curl/curl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

/* Addresses that do not answer cost no more than this, also where the whole may take longer. */
#define CONNECT_TIMEOUT_MS_MAX 10000
/* What one look at the sockets waits at most: keeps the number within libcurl's. */
#define POLL_MS_MAX 60000

struct transfers {
    CURLM           *multi;
    struct transfer *ended; /* Could not begin. */
};

/* ---- What comes back ---- */

static size_t
take_head(char *bytes, size_t item_size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const size_t     size     = item_size * count;

    (void)bytes;
    transfer->head_size += size; /* Of all answers of one request: a flood of 1xx ends, too. */
    return transfer->head_size > TRANSFER_HEAD_SIZE_MAX ? 0 : size;
}

static size_t
take_body(char *bytes, size_t item_size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const size_t     size     = item_size * count;

    (void)bytes;
    transfer->body_size += size;
    transfer->is_cut = transfer->body_size > TRANSFER_ANSWER_SIZE_MAX;
    return transfer->is_cut ? 0 : size;
}

static size_t
give_body(char *out, size_t item_size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const size_t     room = item_size * count, left = transfer->body.size - transfer->sent_size;
    const size_t     size = left < room ? left : room;

    memcpy(out, transfer->body.data + transfer->sent_size, size);
    transfer->sent_size += size;
    return size;
}

/* ---- Setting up ---- */

static bool
set_blob(CURL *handle, CURLoption option, struct str text)
{
    struct curl_blob blob = { .data = (void *)text.data, .len = text.size, .flags = CURL_BLOB_NOCOPY };

    return text.size == 0 || curl_easy_setopt(handle, option, &blob) == CURLE_OK;
}

/* Once NAME(handle, OPTION, value) fails the rest is left out. */
#define SET(option, value) (is_ok = is_ok && curl_easy_setopt(handle, (option), (value)) == CURLE_OK)

static bool
set_up_endpoint(CURL *handle, const struct transfer_endpoint *endpoint)
{
    const long timeout_ms = (long)(endpoint->timeout_us / 1000);
    bool       is_ok      = true;

    SET(CURLOPT_URL, endpoint->url);
    SET(CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_TIMEOUT_MS, timeout_ms);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_TIMEOUT_MS_MAX ? timeout_ms : CONNECT_TIMEOUT_MS_MAX);
    SET(CURLOPT_QUICK_EXIT, 1L); /* A name server that hangs must not hold the other transfers. */
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_USERAGENT, "heddle/" HEDDLE_VERSION);
    if (endpoint->parts.is_loopback)
        SET(CURLOPT_PROXY, "");
    if (!endpoint->parts.is_loopback || endpoint->ca.size > 0)
        SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL); /* SMTP: nothing is said before STARTTLS. */
    if (endpoint->user != NULL)
        SET(CURLOPT_USERNAME, endpoint->user);
    if (endpoint->password != NULL)
        SET(CURLOPT_PASSWORD, endpoint->password);
    return is_ok && set_blob(handle, CURLOPT_CAINFO_BLOB, endpoint->ca) && set_blob(handle, CURLOPT_SSLCERT_BLOB, endpoint->certificate)
           && set_blob(handle, CURLOPT_SSLKEY_BLOB, endpoint->key);
}

static bool
append(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool
set_up_http(CURL *handle, struct transfer *transfer)
{
    struct curl_slist *list  = NULL;
    bool               is_ok = append(&list, "Expect:"); /* No waiting for "100 Continue". */

    for (size_t i = 0; i < transfer->header_count && is_ok; i++)
        is_ok = append(&list, transfer->headers[i]);
    transfer->list = list;
    SET(CURLOPT_HTTPHEADER, list);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
    SET(CURLOPT_POSTFIELDS, transfer->body.data);
    return is_ok;
}

static bool
set_up_mail(CURL *handle, struct transfer *transfer)
{
    const struct transfer_endpoint *endpoint = transfer->endpoint;
    struct curl_slist              *list     = NULL;
    bool                            is_ok    = true;

    for (size_t i = 0; i < endpoint->to_count && is_ok; i++)
        is_ok = append(&list, endpoint->to[i]);
    transfer->list = list;
    SET(CURLOPT_MAIL_FROM, endpoint->from);
    SET(CURLOPT_MAIL_RCPT, list);
    SET(CURLOPT_READFUNCTION, give_body);
    SET(CURLOPT_READDATA, transfer);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->body.size);
    SET(CURLOPT_UPLOAD, 1L);
    return is_ok;
}

static bool
is_mail(const struct transfer_endpoint *endpoint)
{
    return endpoint->parts.scheme == URL_SMTP || endpoint->parts.scheme == URL_SMTPS;
}

static bool
set_up(CURL *handle, struct transfer *transfer)
{
    bool is_ok = set_up_endpoint(handle, transfer->endpoint);

    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, take_head);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_PRIVATE, transfer);
    return is_ok && (is_mail(transfer->endpoint) ? set_up_mail(handle, transfer) : set_up_http(handle, transfer));
}

/* ---- What became of it ---- */

/* In words of libcurl's, the system's and OpenSSL's own: what the receiver wrote is not in them (I8). */
static void
describe(CURL *handle, CURLcode code, int status, char reason[TRANSFER_REASON_SIZE])
{
    long number = 0, verified = 0;

    (void)curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &number);
    (void)curl_easy_getinfo(handle, CURLINFO_SSL_VERIFYRESULT, &verified);
    if (code == CURLE_PEER_FAILED_VERIFICATION && verified != 0)
        snprintf(reason, TRANSFER_REASON_SIZE, "%s: %s", curl_easy_strerror(code), X509_verify_cert_error_string(verified));
    else if (code == CURLE_COULDNT_CONNECT && number != 0)
        snprintf(reason, TRANSFER_REASON_SIZE, "%s: %s", curl_easy_strerror(code), strerrordesc_np((int)number));
    else if (status != 0)
        snprintf(reason, TRANSFER_REASON_SIZE, "%s, status %d", curl_easy_strerror(code), status);
    else
        snprintf(reason, TRANSFER_REASON_SIZE, "%s", curl_easy_strerror(code));
}

static void
judge_http(CURL *handle, struct transfer *transfer)
{
    const int  status = transfer->status;
    curl_off_t wait_s = 0;

    snprintf(transfer->reason, sizeof transfer->reason, "HTTP %d%s", status,
             status >= 300 && status < 400 ? ", a redirect, and none is followed" : "");
    transfer->outcome    = status >= 200 && status < 300                                         ? TRANSFER_TAKEN
                           : status == 400 || status == 409 || status == 413 || status == 422 ? TRANSFER_REFUSED
                                                                                               : TRANSFER_FAILED;
    transfer->is_lasting = status >= 300 && status < 500 && status != 408 && status != 425 && status != 429;
    if ((status == 429 || status == 503) && curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &wait_s) == CURLE_OK && wait_s > 0)
        transfer->retry_after_us = wait_s > TRANSFER_RETRY_AFTER_S_MAX ? TRANSFER_RETRY_AFTER_S_MAX * INT64_C(1000000) : wait_s * INT64_C(1000000);
}

static void
judge(CURL *handle, struct transfer *transfer, CURLcode code)
{
    const bool mail   = is_mail(transfer->endpoint);
    long       status = 0;

    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    transfer->status = (int)status;
    /* An answer that is longer than anybody needs was still a whole head that said so. */
    if (!mail && (code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer->is_cut))) {
        judge_http(handle, transfer);
        return;
    }
    transfer->outcome    = code == CURLE_OK ? TRANSFER_TAKEN : TRANSFER_FAILED;
    transfer->is_lasting = mail && code != CURLE_OK && status >= 500;
    if (code != CURLE_OK)
        describe(handle, code, transfer->status, transfer->reason);
}

static void
finish(struct transfers *transfers, struct transfer *transfer)
{
    if (transfer->handle != NULL)
        (void)curl_multi_remove_handle(transfers->multi, transfer->handle);
    curl_easy_cleanup(transfer->handle);
    curl_slist_free_all(transfer->list);
    transfer->handle = transfer->list = NULL;
}

/* ---- The set ---- */

static enum status
begin_libcurl(struct error *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ST_OK : error_set(err, ERR_INTERNAL, "libcurl cannot be used");
}

enum status
transfers_new(struct transfers **ret_transfers, struct error *err)
{
    struct transfers *transfers = NULL;

    if (begin_libcurl(err) != ST_OK)
        return ST_ERROR;
    transfers = memory_alloc_zero(sizeof *transfers);
    if (transfers == NULL)
        return error_no_memory(err);
    transfers->multi = curl_multi_init();
    if (transfers->multi == NULL) {
        memory_free(transfers);
        return error_no_memory(err);
    }
    *ret_transfers = transfers;
    return ST_OK;
}

static struct transfer *
owner_of(CURL *handle)
{
    char *transfer = NULL;

    CHECK(curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK && transfer != NULL);
    return (struct transfer *)transfer;
}

void
transfers_free(struct transfers *transfers)
{
    if (transfers == NULL)
        return;
    curl_multi_cleanup(transfers->multi);
    memory_free(transfers);
}

void
transfers_begin(struct transfers *transfers, struct transfer *transfer)
{
    CHECK(transfer->handle == NULL);
    transfer->status         = 0;
    transfer->is_lasting     = false;
    transfer->is_cut         = false;
    transfer->retry_after_us = 0;
    transfer->sent_size = transfer->head_size = transfer->body_size = 0;
    transfer->list                                                  = NULL;
    transfer->handle                                                = curl_easy_init();
    if (transfer->handle != NULL && set_up(transfer->handle, transfer) && curl_multi_add_handle(transfers->multi, transfer->handle) == CURLM_OK)
        return;
    transfer->outcome = TRANSFER_FAILED;
    snprintf(transfer->reason, sizeof transfer->reason, "the request could not be set up");
    transfer->next   = transfers->ended;
    transfers->ended = transfer;
}

void
transfers_abandon(struct transfers *transfers, struct transfer *transfer)
{
    finish(transfers, transfer);
}

static struct transfer *
take_ended(struct transfers *transfers)
{
    struct transfer *transfer = transfers->ended;
    int              left     = 0;

    if (transfer != NULL) {
        transfers->ended = transfer->next;
        finish(transfers, transfer);
        return transfer;
    }
    for (CURLMsg *message; (message = curl_multi_info_read(transfers->multi, &left)) != NULL;)
        if (message->msg == CURLMSG_DONE) {
            transfer = owner_of(message->easy_handle);
            judge(message->easy_handle, transfer, message->data.result);
            finish(transfers, transfer);
            return transfer;
        }
    return NULL;
}

struct transfer *
transfers_next(struct transfers *transfers, int64_t timeout_us)
{
    const int64_t    timeout_ms = timeout_us / 1000;
    struct transfer *transfer   = NULL;
    int              running    = 0;

    (void)curl_multi_perform(transfers->multi, &running);
    transfer = take_ended(transfers);
    if (transfer != NULL)
        return transfer;
    (void)curl_multi_poll(transfers->multi, NULL, 0, (int)(timeout_ms < POLL_MS_MAX ? timeout_ms : POLL_MS_MAX), NULL);
    (void)curl_multi_perform(transfers->multi, &running);
    return take_ended(transfers);
}

void
transfers_wake(struct transfers *transfers)
{
    (void)curl_multi_wakeup(transfers->multi);
}

/* ---- Only looking ---- */

static bool
set_up_probe(CURL *handle, struct transfer *nothing)
{
    bool is_ok = true;

    SET(CURLOPT_HEADERFUNCTION, take_head);
    SET(CURLOPT_HEADERDATA, nothing);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, nothing);
    SET(CURLOPT_CONNECT_ONLY, 1L);
    return is_ok;
}

enum status
transfer_probe(const struct transfer_endpoint *endpoint, struct error *err)
{
    struct transfer nothing = { .endpoint = endpoint };
    char            reason[TRANSFER_REASON_SIZE];
    long            status = 0;

    if (begin_libcurl(err) != ST_OK)
        return ST_ERROR;
    CURL    *handle = curl_easy_init();
    CURLcode code   = CURLE_OUT_OF_MEMORY;
    if (handle != NULL && set_up_endpoint(handle, endpoint) && set_up_probe(handle, &nothing))
        code = curl_easy_perform(handle);
    if (code != CURLE_OK) {
        (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
        describe(handle, code, (int)status, reason);
        error_set(err, ERR_UNAVAILABLE, "%s does not answer: %s", endpoint->parts.host, reason);
    }
    curl_easy_cleanup(handle);
    return code == CURLE_OK ? ST_OK : ST_ERROR;
}
