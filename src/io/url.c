#include "io/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static const char *const SCHEMES[] = { "http", "https", "smtp", "smtps" };

/* libcurl takes "localhost" for this machine whatever a name server says, and writes numbers of all forms (127.1) as four. */
static bool
is_loopback(const char *host)
{
    unsigned parts[4];
    char     more;

    if (str_equal_ignore_case(str_from(host), STR("localhost")) || strcmp(host, "::1") == 0)
        return true;
    return sscanf(host, "%3u.%3u.%3u.%3u%c", &parts[0], &parts[1], &parts[2], &parts[3], &more) == 4 && parts[0] == 127;
}

static enum status
take_scheme(const char *scheme, struct url *url, struct error *err)
{
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++)
        if (strcmp(scheme, SCHEMES[i]) == 0) {
            url->scheme = (enum url_scheme)i;
            return ST_OK;
        }
    error_set(err, ERR_CONFIG, "the url has the scheme \"%.20s\"", scheme);
    error_hint(err, "https, http, smtps or smtp");
    return ST_ERROR;
}

static enum status
take_host(const char *host, struct url *url, struct error *err)
{
    size_t size  = strlen(host);
    bool   is_v6 = size > 1 && host[0] == '[' && host[size - 1] == ']';
    int    put   = snprintf(url->host, sizeof url->host, "%.*s", (int)(is_v6 ? size - 2 : size), host + (is_v6 ? 1 : 0));

    if (put <= 0 || (size_t)put >= sizeof url->host)
        return error_set(err, ERR_CONFIG, "the url names no host, or one that is too long");
    url->is_loopback = is_loopback(url->host);
    return ST_OK;
}

static enum status
take_parts(CURLU *handle, struct url *url, struct error *err)
{
    char       *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
    enum status status;

    (void)curl_url_get(handle, CURLUPART_USER, &user, 0);
    (void)curl_url_get(handle, CURLUPART_PASSWORD, &password, 0);
    if (curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK || curl_url_get(handle, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        status = error_set(err, ERR_CONFIG, "the url has no scheme or no host");
        error_hint(err, "write it as \"https://host/path\"");
    } else if (user != NULL || password != NULL) {
        status = error_set(err, ERR_CONFIG, "the url has a user or a password in it");
        error_hint(err, "give a secret by reference: a header with \"env:NAME\" or \"file:PATH\"");
    } else {
        status = take_scheme(scheme, url, err);
    }
    if (status == ST_OK)
        status = take_host(host, url, err);
    curl_free(scheme), curl_free(host), curl_free(user), curl_free(password);
    return status;
}

enum status
url_parse(struct str text, struct url *ret_url, struct error *err)
{
    struct url  url    = { .scheme = URL_HTTP };
    char       *copy   = memory_copy(text.data, text.size);
    CURLU      *handle = curl_url();
    enum status status = ST_OK;

    if (copy == NULL || handle == NULL)
        status = error_no_memory(err);
    /* A byte 0 would end the text early for libcurl, and not for whoever reads the file. */
    else if (strlen(copy) != text.size || curl_url_set(handle, CURLUPART_URL, copy, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
        status = error_set(err, ERR_CONFIG, "this is not a url");
        error_hint(err, "write it as \"https://host/path\"");
    }
    if (status == ST_OK)
        status = take_parts(handle, &url, err);
    if (status == ST_OK)
        *ret_url = url;
    curl_url_cleanup(handle);
    memory_free(copy);
    return status;
}

bool
url_is_clear(const struct url *url)
{
    return url->scheme == URL_HTTP && !url->is_loopback;
}
