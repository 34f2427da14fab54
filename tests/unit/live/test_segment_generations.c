/* The state's files: what is read back, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "io/io.h"
#include "live/segment.h"
#include "support/support.h"

static const uint8_t KEY[KEY_SIZE] = { 7 };

/* What was read back: "1a 2b " for epoch 1 with body "a" and so on. */
static enum status
note_record(void *context, uint64_t epoch, struct str body, struct error *err)
{
    (void)err;
    str_builder_printf(context, "%d%.*s ", (int)epoch, STR_PRINTF(body));
    return ST_OK;
}

static void
open_segment(struct segment *segment, const char *folder, uint64_t generation, const char *reference, const char *expected)
{
    struct str_builder read = STR_BUILDER_EMPTY;
    struct error       err  = ERROR_EMPTY;
    enum status        status = segment_open(segment, io_system(), folder, KEY, generation, str_from(reference), note_record, &read, &err);
    if (status != ST_OK)
        print_error("%s\n", err.message);
    assert_int_equal(status, ST_OK);
    assert_string_equal(str_builder_cstr(&read), expected);
    str_builder_release(&read);
}

static void
append(struct segment *segment, uint64_t epoch, const char *body, char reference[SEGMENT_REFERENCE_SIZE])
{
    struct error err = ERROR_EMPTY;
    assert_int_equal(segment_append(segment, epoch, epoch == 1, (struct str[]){ str_from(body) }, 1, reference, &err), ST_OK);
}

/* A process that does not know yet that another took the store over seals an epoch that it cannot commit: into a file that
 * was not there when its successor looked, or behind the place to which the successor cut. */
static void
records_of_a_fenced_generation_are_passed_over(void **state)
{
    char           folder[TEMP_DIR_SIZE_MAX], reference[SEGMENT_REFERENCE_SIZE] = "", lost[SEGMENT_REFERENCE_SIZE];
    struct segment one, two, three, four;
    (void)state;

    temp_dir_init(folder);
    open_segment(&one, folder, 1, "", "");
    append(&one, 1, "a", reference);
    open_segment(&two, folder, 2, reference, "1a ");
    open_segment(&three, folder, 3, reference, "1a ");
    append(&one, 2, "x", lost);
    append(&two, 2, "y", lost);
    append(&two, 3, "z", lost);
    append(&three, 2, "b", reference);
    append(&three, 3, "c", reference);
    open_segment(&four, folder, 4, reference, "1a 2b 3c ");
    append(&four, 4, "d", reference);
    segment_release(&four);
    open_segment(&four, folder, 5, reference, "1a 2b 3c 4d ");

    segment_release(&one);
    segment_release(&two);
    segment_release(&three);
    segment_release(&four);
    temp_dir_release(folder);
}

/* A process that was stopped between owning the store and looking at the folder, and overtaken meanwhile, took its successor's committed state
 * for leavings behind its own last reference, and removed it: nobody could start any more. */
static void
an_owner_that_is_overtaken_leaves_newer_files_alone(void **state)
{
    char           folder[TEMP_DIR_SIZE_MAX], before[SEGMENT_REFERENCE_SIZE] = "", reference[SEGMENT_REFERENCE_SIZE], lost[SEGMENT_REFERENCE_SIZE];
    struct segment one, two, three, four;
    (void)state;

    temp_dir_init(folder);
    open_segment(&one, folder, 1, "", "");
    append(&one, 1, "a", before);
    append(&one, 2, "x", lost);
    open_segment(&three, folder, 3, before, "1a ");
    append(&three, 2, "b", reference);
    open_segment(&two, folder, 2, before, "1a ");
    append(&two, 2, "y", lost);
    append(&three, 3, "c", reference);
    open_segment(&four, folder, 4, reference, "1a 2b 3c ");

    /* Stopped a moment earlier, it reads of the store what its successor has committed. */
    struct str_builder read = STR_BUILDER_EMPTY;
    struct error       err  = ERROR_EMPTY;
    segment_release(&two);
    assert_int_equal(segment_open(&two, io_system(), folder, KEY, 2, str_from(reference), note_record, &read, &err), ST_ERROR);
    assert_int_equal(err.code, ERR_FENCED);
    str_builder_release(&read);

    segment_release(&one);
    segment_release(&two);
    segment_release(&three);
    segment_release(&four);
    temp_dir_release(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_a_fenced_generation_are_passed_over),
        cmocka_unit_test(an_owner_that_is_overtaken_leaves_newer_files_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
