/* Opening a graph's store: when a key is made, and when one is needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "store/open.h"
#include "support/support.h"

static char         folder[TEMP_DIR_SIZE_MAX];
static char         store_path[TEMP_DIR_SIZE_MAX + 16], key_path[TEMP_DIR_SIZE_MAX + 16], key_reference[TEMP_DIR_SIZE_MAX + 32];
static struct graph graph;

static enum status
open_and_close(struct error *err)
{
    struct store *store  = NULL;
    enum status   status = store_open_graph(io_system(), &graph, &store, err);

    store_close(store);
    return status;
}

static void
test_key(void **state)
{
    struct error err = ERROR_EMPTY;
    size_t       size = 0;

    (void)state;
    assert_int_equal(open_and_close(&err), ST_OK); /* Neither is there: both are made. */
    unsigned char *key = support_read_file(key_path, &size);
    assert_non_null(key);
    assert_int_equal(open_and_close(&err), ST_OK);

    /* The store is there, its key is not: no other key is made in its place. */
    assert_int_equal(unlink(key_path), 0);
    assert_int_equal(open_and_close(&err), ST_ERROR);
    assert_int_equal(err.code, ERR_KEY);
    assert_non_null(strstr(err.message, key_path));
    assert_non_null(strstr(err.hint, "the store is there and was made with that key"));
    assert_int_equal(err.line, 7);
    assert_int_equal(access(key_path, F_OK), -1);

    assert_true(support_write_file(key_path, key, size));
    assert_int_equal(access(key_path, F_OK), 0);
    support_free(key);
}

static void
test_not_encrypted(void **state)
{
    struct error   err = ERROR_EMPTY;
    size_t         size = 0;
    unsigned char *bytes;

    (void)state;
    graph.streaming.store.encryption.is_encrypted = false;
    assert_int_equal(open_and_close(&err), ST_OK);
    assert_int_equal(access(key_path, F_OK), -1);
    bytes = support_read_file(store_path, &size);
    assert_non_null(bytes);
    assert_true(size > 16 && memcmp(bytes, "SQLite format 3", 15) == 0);
    support_free(bytes);
}

/* Each call that fails leaves something that the next start can open. */
static void
test_failing(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct io_failing failing;
        struct error      err = ERROR_EMPTY;
        struct store     *store = NULL;

        unlink(store_path);
        unlink(key_path);
        io_failing_init(&failing, n, EIO);
        enum status status = store_open_graph(&failing.io, &graph, &store, &err);
        store_close(store);
        assert_int_equal(failing.open_count, 0);
        error_clear(&err);
        assert_int_equal(open_and_close(&err), ST_OK);
        if (!failing.has_failed) {
            assert_int_equal(status, ST_OK);
            break;
        }
    }
}

static int
set_up(void **state)
{
    (void)state;
    temp_dir_init(folder);
    snprintf(store_path, sizeof store_path, "%s/store.db", folder);
    snprintf(key_path, sizeof key_path, "%s/store.key", folder);
    snprintf(key_reference, sizeof key_reference, "file:%s", key_path);
    graph = (struct graph){ .name = STR("edw"), .has_streaming = true };
    graph.streaming.store = (struct graph_store){
        .origin     = { .file = STR("bindings.json"), .line = 7, .column = 3 },
        .name       = STR("STORE"),
        .path       = str_from(store_path),
        .encryption = { .is_encrypted = true,
                        .key = { .kind = GRAPH_SECRET_FILE, .name = str_from(key_path), .text = str_from(key_reference) } },
    };
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    temp_dir_release(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_encrypted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
