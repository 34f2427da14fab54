/* str, str_builder, utf8, suggest, hash, map, arena, memory, error, ring, json_out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/counters.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json_out.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/ring.h"
#include "base/str.h"
#include "base/str_builder.h"
#include "base/suggest.h"
#include "base/utf8.h"

static void
assert_text(struct str text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data ? text.data : "", expected, text.size);
}

static void
test_str(void **state)
{
    (void)state;
    int64_t          number = 7;
    struct str       part;
    struct str_split split = str_split_init(STR("a,,b"), ',');
    assert_true(str_split_next(&split, &part));
    assert_text(part, "a");
    assert_true(str_split_next(&split, &part));
    assert_text(part, "");
    assert_true(str_split_next(&split, &part));
    assert_text(part, "b");
    assert_false(str_split_next(&split, &part));
    assert_text(str_trim(STR(" \t a b\r\n")), "a b");
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_int_equal(str_find(STR("heddle"), STR("dl")), 3);
    assert_int_equal(str_find_last_byte(STR("a/b/c"), '/'), 3);
    assert_true(str_ends_with(STR("x.csv"), STR(".csv")) && !str_ends_with(STR("csv"), STR(".csv")));
    assert_true(str_to_int64(STR("-9223372036854775808"), &number) && number == INT64_MIN);
    assert_false(str_to_int64(STR("9223372036854775808"), &number));
    assert_false(str_to_int64(STR("-+5"), &number) || str_to_int64(STR(""), &number) || str_to_int64(STR("+"), &number));
    assert_true(number == INT64_MIN);
}

static void
test_utf8(void **state)
{
    (void)state;
    uint32_t character;
    assert_true(utf8_is_valid(STR("na\xc3\xafve \xf0\x9f\x98\x80 \xe2\x82\xac and some more ascii")));
    assert_int_equal(utf8_valid_prefix(STR("abcdefghij\xc3")), 10);
    assert_false(utf8_is_valid(STR("\xc0\x80")) || utf8_is_valid(STR("\xed\xa0\x80")));
    assert_false(utf8_is_valid(STR("\xf4\x90\x80\x80")) || utf8_is_valid(STR("\xe0\x80\x80")));
    assert_int_equal(utf8_length(STR("\xc3\xa9\xff" "a")), 3);
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 97) {
        char   bytes[4];
        size_t size;
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        size = utf8_encode(c, bytes);
        assert_int_equal(utf8_decode(str_of(bytes, size), &character), size);
        assert_int_equal(character, c);
        for (size_t cut = 1; cut < size; cut++)
            assert_int_equal(utf8_decode(str_of(bytes, cut), &character), 0);
    }
}

static void
test_builder(void **state)
{
    (void)state;
    struct str_builder builder = STR_BUILDER_EMPTY;
    str_builder_printf(&builder, "%s-%d", "x", 5);
    str_builder_append_escaped(&builder, STR("\x1b[2J\n\xff\xe2\x80\xae" "k\xc3\xa9"));
    assert_string_equal(str_builder_cstr(&builder), "x-5\\x1b[2J\\n\\xff\\u{202e}k\xc3\xa9");
    str_builder_clear(&builder);
    for (int i = 0; i < 1000; i++)
        str_builder_printf(&builder, "%04d", i);
    assert_int_equal(str_builder_text(&builder).size, 4000);
    memory_fail_after(1);
    for (int i = 0; i < 5000; i++)
        str_builder_append_char(&builder, 'y');
    assert_true(memory_has_failed());
    memory_fail_after(0);
    struct error err;
    assert_int_equal(str_builder_status(&builder, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_NO_MEMORY);
    str_builder_release(&builder);
    assert_int_equal(memory_live_count(), 0);
}

static void
test_count_format(void **state)
{
    (void)state;
    char text[COUNT_TEXT_SIZE];
    assert_int_equal(count_format(0, text), 1);
    assert_string_equal(text, "0");
    count_format(999, text);
    assert_string_equal(text, "999");
    count_format(1000, text);
    assert_string_equal(text, "1,000");
    assert_int_equal(count_format(UINT64_MAX, text), 26);
    assert_string_equal(text, "18,446,744,073,709,551,615");
}

static void
test_suggest(void **state)
{
    (void)state;
    const struct str names[] = { STR_INIT("schedule"), STR_INIT("sources"), STR_INIT("source"), STR_INIT("id") };
    assert_int_equal(str_suggest(STR("sorce"), names, 4), 2);
    assert_int_equal(str_suggest(STR("scheduel"), names, 4), 0);
    assert_int_equal(str_suggest(STR("x"), names, 4), STR_NOT_FOUND);
    assert_int_equal(str_suggest(STR("window"), names, 4), STR_NOT_FOUND);
    assert_int_equal(str_edit_distance(STR("ab"), STR("ba")), 1);
    assert_int_equal(str_edit_distance(STR("kitten"), STR("sitting")), 3);
}

/* From the SipHash reference code: key 00..0f, message 00..n-1; the outputs as it prints them, in bytes. */
static void
test_hash(void **state)
{
    (void)state;
    struct siphash_key key;
    uint8_t            message[64];
    struct hash128     parsed;
    char               text[HASH128_TEXT_SIZE];
    for (uint8_t i = 0; i < 16; i++)
        key.bytes[i] = i;
    for (uint8_t i = 0; i < 64; i++)
        message[i] = i;
    assert_true(siphash64(&key, message, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(siphash64(&key, message, 1) == UINT64_C(0x74f839c593dc67fd));
    assert_true(siphash64(&key, message, 15) == UINT64_C(0xa129ca6149be45e5));
    struct hash128 hash = siphash128(&key, message, 0);
    assert_true(hash.low == UINT64_C(0xe6a825ba047f81a3) && hash.high == UINT64_C(0x930255c71472f66d));
    hash128_print(hash, text);
    assert_string_equal(text, "930255c71472f66de6a825ba047f81a3");
    assert_true(hash128_parse(str_from(text), &parsed) && parsed.low == hash.low && parsed.high == hash.high);
    assert_false(hash128_parse(STR("93"), &parsed));
    /* Every byte at a place of each half: a digit of either case counts as what it is, and nothing else is one. */
    for (int byte = 0; byte < 256; byte++) {
        const char  *digit = byte == 0 ? NULL : strchr("0123456789abcdefABCDEF", byte);
        const size_t at    = digit == NULL ? 0 : (size_t)(digit - "0123456789abcdefABCDEF");
        const uint64_t value = at < 16 ? at : at - 6;
        memcpy(text, "0123456789abcdef0123456789ABCDEF", 32);
        text[5] = text[26] = (char)byte;
        assert_true(hash128_parse(str_of(text, 32), &parsed) == (digit != NULL));
        if (digit != NULL)
            assert_true(parsed.high == ((UINT64_C(0x0123456789abcdef) & ~(UINT64_C(15) << 40)) | value << 40) &&
                        parsed.low == ((UINT64_C(0x0123456789abcdef) & ~(UINT64_C(15) << 20)) | value << 20));
    }
    /* Sums, there and back again over the carry. */
    parsed = (struct hash128){ .low = UINT64_MAX, .high = 5 };
    hash128_add(&parsed, (struct hash128){ .low = 2, .high = 1 });
    assert_true(parsed.low == 1 && parsed.high == 7);
    hash128_subtract(&parsed, (struct hash128){ .low = 2, .high = 1 });
    assert_true(parsed.low == UINT64_MAX && parsed.high == 5);
    /* All sizes of a tail, with and without whole words before it: the sum of the messages of 0 to 63 bytes, as OpenSSL's
     * SIPHASH gives them. */
    struct hash128 all = { 0 };
    for (size_t size = 0; size < sizeof message; size++)
        hash128_add(&all, siphash128(&key, message, size));
    assert_true(all.low == UINT64_C(0x6af0e45fc3f7193c) && all.high == UINT64_C(0xbcceff17f29cf095));
    hash128_print((struct hash128){ .low = UINT64_C(0x0123456789abcdef), .high = UINT64_C(0xf09a9a0f00ff55aa) }, text);
    assert_string_equal(text, "f09a9a0f00ff55aa0123456789abcdef");
    /* XXH3's own values for the empty input. */
    assert_true(hash64("", 0) == UINT64_C(0x2d06800538d394c2));
    hash = hash128("", 0);
    assert_true(hash.low == UINT64_C(0x6001c324468d497f) && hash.high == UINT64_C(0x99aa06d3014798d8));
    struct hash128 sum = { .low = UINT64_MAX, .high = 1 };
    hash128_add(&sum, (struct hash128){ .low = 1, .high = 0 });
    assert_true(sum.low == 0 && sum.high == 2);
}

static void
test_map(void **state)
{
    (void)state;
    struct map map;
    uint64_t   number;
    char       name[16];
    map_init(&map);
    assert_null(map_find(&map, STR("a")));
    for (unsigned i = 0; i < 5000; i++)
        assert_true(map_put_number(&map, str_of(name, (size_t)snprintf(name, sizeof name, "k%u", i)), i));
    for (unsigned i = 0; i < 5000; i += 2)
        assert_true(map_remove(&map, str_of(name, (size_t)snprintf(name, sizeof name, "k%u", i))));
    for (unsigned i = 5000; i < 9000; i++)
        assert_true(map_put_number(&map, str_of(name, (size_t)snprintf(name, sizeof name, "k%u", i)), i));
    assert_int_equal(map_count(&map), 6500);
    assert_false(map_get_number(&map, STR("k4"), &number));
    assert_true(map_get_number(&map, STR("k4999"), &number) && number == 4999);
    uint64_t expected = 1;
    for (const struct map_entry *entry = map_first(&map); entry != NULL; entry = map_next(&map, entry)) {
        assert_int_equal(entry->number, expected);
        expected += expected < 4999 ? 2 : 1;
    }
    assert_int_equal(expected, 9000);
    map_clear(&map);
    assert_null(map_first(&map));
    assert_true(map_put_pointer(&map, STR("p"), &map) && map_get_pointer(&map, STR("p")) == &map);
    map_release(&map);
    for (uint64_t n = 1;; n++) {
        memory_fail_after(n);
        bool is_put = map_put_number(&map, STR("k"), 1);
        if (!is_put)
            assert_int_equal(map_count(&map), 0);
        bool has_failed = memory_has_failed();
        memory_fail_after(0);
        map_release(&map);
        assert_int_equal(memory_live_count(), 0);
        assert_true(is_put != has_failed);
        if (!has_failed)
            break;
    }
}

static void
test_arena(void **state)
{
    (void)state;
    struct arena arena;
    struct str   copy;
    arena_init(&arena, 256);
    for (size_t i = 1; i < 200; i++) {
        char *bytes = arena_alloc(&arena, i, (size_t)1 << i % 7);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % ((size_t)1 << i % 7), 0);
        memset(bytes, 0xaa, i);
    }
    assert_true(arena_used_bytes(&arena) >= 199 * 100);
    size_t held = arena.held_bytes;
    arena_clear(&arena);
    assert_int_equal(arena_used_bytes(&arena), 0);
    for (size_t i = 1; i < 200; i++)
        assert_non_null(arena_alloc(&arena, i, (size_t)1 << i % 7));
    assert_int_equal(arena.held_bytes, held);
    assert_true(arena_text(&arena, STR("abc"), &copy));
    assert_string_equal(copy.data, "abc");
    assert_string_equal(arena_printf(&arena, "%d/%s", 5, "x"), "5/x");
    memory_fail_from(1);
    assert_null(arena_alloc(&arena, 10000, 8));
    memory_fail_from(0);
    arena_release(&arena);
    assert_int_equal(memory_live_count(), 0);
}

static void
test_error(void **state)
{
    (void)state;
    struct error err = ERROR_EMPTY;
    char         text[ERROR_TEXT_SIZE];
    assert_int_equal(error_set(&err, ERR_CONFIG, "unknown key \"%s\"", "so\x1b" "rce"), ST_ERROR);
    error_at(&err, "b.json", 3, 7);
    error_context(&err, "reading %s", "bindings");
    error_context(&err, "checking");
    error_hint(&err, "did you mean \"source\"?");
    error_print(&err, text, sizeof text);
    assert_string_equal(text, "b.json:3:7: unknown key \"so\\x1brce\", while reading bindings, while checking\n"
                              "  did you mean \"source\"?");
    error_print_json(&err, text, sizeof text);
    assert_string_equal(text,
                        "{\"code\":\"config\",\"class\":\"bad_configuration\",\"exit_code\":78,\"message\":\"unknown key "
                        "\\\"so\\u001brce\\\"\",\"context\":[\"reading bindings\",\"checking\"],\"hint\":\"did you mean "
                        "\\\"source\\\"?\",\"file\":\"b.json\",\"line\":3,\"column\":7}");
    assert_int_equal(error_set(NULL, ERR_IO, "x"), ST_ERROR);
    error_set(&err, ERR_CORRUPT, "%0600d", 1);
    error_at_offset(&err, "f.gz", 99);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_SIZE - 1);
    assert_int_equal(error_exit_code(&err), 74);
    assert_true(error_print(&err, text, 20) == 19);
    assert_string_equal(text, "f.gz, byte 99: 0000");
    for (int code = 0; code < ERR_CODE_COUNT; code++)
        assert_non_null(error_code_name((enum error_code)code));
}

static void
test_ring(void **state)
{
    (void)state;
    struct ring ring;
    int         items[4];
    assert_true(ring_init(&ring, 4));
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 4; i++)
            assert_true(ring_push(&ring, &items[i]));
        assert_false(ring_push(&ring, &items[0]));
        assert_int_equal(ring_count(&ring), 4);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(ring_pop(&ring), &items[i]);
        assert_null(ring_pop(&ring));
    }
    ring_release(&ring);
}

struct sample_counters {
    struct counter rows;
    struct counter queue;
};

static void
test_json_out(void **state)
{
    (void)state;
    struct str_builder     out = STR_BUILDER_EMPTY;
    struct json_out        json;
    struct sample_counters counters;
    const struct counter_info infos[] = { { COUNTER(struct sample_counters, rows), .help = "" },
                                          { GAUGE(struct sample_counters, queue), .help = "" } };
    counter_set(&counters.rows, 0);
    counter_set(&counters.queue, -1);
    counter_add(&counters.rows, 5);
    counter_add_own(&counters.rows, 2);
    json_out_init(&json, &out, 0);
    json_out_object_begin(&json);
    json_out_key_text(&json, "a", STR("q\"\\\n\x01\xff\xc3\xa9"));
    json_out_key_array(&json, "b");
    json_out_int(&json, INT64_MIN);
    json_out_decimal(&json, -5, 2);
    json_out_double(&json, 0.1);
    json_out_double(&json, 1.0 / 0.0);
    json_out_array_end(&json);
    json_out_key(&json, STR("c"));
    counters_print_json(infos, 2, &counters, &json);
    json_out_object_end(&json);
    json_out_null(&json);
    assert_string_equal(str_builder_cstr(&out), "{\"a\":\"q\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\",\"b\":[-9223372036854775808,"
                                                "-0.05,0.1,null],\"c\":{\"rows\":7,\"queue\":-1}}\nnull");
    str_builder_clear(&out);
    json_out_init(&json, &out, 2);
    json_out_object_begin(&json);
    json_out_key_int(&json, "a", 1);
    json_out_key_object(&json, "b");
    json_out_object_end(&json);
    json_out_object_end(&json);
    assert_string_equal(str_builder_cstr(&out), "{\n  \"a\": 1,\n  \"b\": {}\n}");
    str_builder_release(&out);
}

/* The child tells by its exit code what the handler was given. */
static void
exit_with_70(const char *file, int line, const char *function, const char *condition)
{
    (void)file;
    (void)function;
    _exit(line > 0 && strcmp(condition, "1 + 1 == 3") == 0 ? 70 : 1);
}

static void
test_check(void **state)
{
    (void)state;
    int   result = 0;
    pid_t child  = fork();
    if (child == 0) {
        check_handler_set(exit_with_70);
        CHECK(1 + 1 == 2);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 70);
}

#define RING_ITEM_COUNT 200000

static void *
produce(void *context)
{
    struct ring *ring = context;
    for (uintptr_t i = 1; i <= RING_ITEM_COUNT;)
        if (ring_push(ring, (void *)i))
            i++;
        else
            sched_yield();
    return NULL;
}

/* Between two threads: everything once, in order. */
static void
test_ring_threads(void **state)
{
    (void)state;
    struct ring ring;
    pthread_t   producer;
    assert_true(ring_init(&ring, 64));
    assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
    for (uintptr_t expected = 1; expected <= RING_ITEM_COUNT;) {
        void *item = ring_pop(&ring);
        if (item == NULL) {
            sched_yield();
            continue;
        }
        assert_int_equal((uintptr_t)item, expected);
        expected++;
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    ring_release(&ring);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str),   cmocka_unit_test(test_utf8), cmocka_unit_test(test_builder),
        cmocka_unit_test(test_count_format), cmocka_unit_test(test_suggest), cmocka_unit_test(test_hash), cmocka_unit_test(test_map),
        cmocka_unit_test(test_arena), cmocka_unit_test(test_error), cmocka_unit_test(test_ring),
        cmocka_unit_test(test_json_out), cmocka_unit_test(test_check),
        cmocka_unit_test(test_ring_threads),
    };
    return cmocka_run_group_tests_name("base: text and memory", tests, NULL, NULL);
}
