/* What an address is taken for: where it goes decides what may be sent there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "io/url.h"

static void
test_accepted(void **state)
{
    static const struct {
        const char     *text;
        enum url_scheme scheme;
        const char     *host;
        bool            is_loopback, is_clear;
    } cases[] = {
        { "https://pager.example/alerts?x=1", URL_HTTPS, "pager.example", false, false },
        { "http://pager.example:8080/", URL_HTTP, "pager.example", false, true },
        { "HTTP://LOCALHOST/", URL_HTTP, "LOCALHOST", true, false },
        { "http://localhost.example/", URL_HTTP, "localhost.example", false, true },
        { "http://127.0.0.1:80/", URL_HTTP, "127.0.0.1", true, false },
        { "http://127.1/", URL_HTTP, "127.0.0.1", true, false },
        { "http://127.0.0.1.example/", URL_HTTP, "127.0.0.1.example", false, true },
        { "http://128.0.0.1/", URL_HTTP, "128.0.0.1", false, true },
        { "http://[::1]:9/", URL_HTTP, "::1", true, false },
        { "http://[::2]/", URL_HTTP, "::2", false, true },
        { "smtp://mail.example:587", URL_SMTP, "mail.example", false, false },
        { "smtps://mail.example", URL_SMTPS, "mail.example", false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = ERROR_EMPTY;
        struct url   url;
        if (url_parse(str_from(cases[i].text), &url, &err) != ST_OK)
            fail_msg("%s: %s", cases[i].text, err.message);
        assert_int_equal(url.scheme, cases[i].scheme);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.is_loopback, cases[i].is_loopback);
        assert_int_equal(url_is_clear(&url), cases[i].is_clear);
    }
}

static void
test_refused(void **state)
{
    static const char *const cases[] = { "",      "alerts",           "https://", "ftp://pager.example/", "file:///etc/passwd", "http://127.0.0.1:80@pager.example/",
                                         "http://u:p@localhost/", "http://a b/", "https://pager.example:99999999/" };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = ERROR_EMPTY;
        struct url   url = { .scheme = URL_SMTPS };
        if (url_parse(str_from(cases[i]), &url, &err) == ST_OK)
            fail_msg("%s was taken", cases[i]);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_int_equal(url.scheme, URL_SMTPS);
        assert_null(strstr(err.message, "example")); /* Its path may be a secret. */
    }
    /* A byte 0 would end it early. */
    assert_int_equal(url_parse(str_of("http://localhost\0.example/", 26), &(struct url){ .scheme = URL_HTTP }, NULL), ST_ERROR);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
