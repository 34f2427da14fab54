/* Runs a fuzz target over kept inputs instead of made ones: the empty input first,
 * then every file of the folders named on the command line, in order of name. A
 * folder that does not exist holds nothing. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int
is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many files of the folder went through, -1 where one could not be read. */
static int
replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int             count   = scandir(folder, &entries, is_shown, alphasort);
    int             ran     = 0;

    for (int i = 0; i < count; i++) {
        char           path[4096];
        size_t         size  = 0;
        unsigned char *bytes = NULL;

        int length = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (length > 0 && (size_t)length < sizeof path)
            bytes = support_read_file(path, &size);
        free(entries[i]);
        if (bytes == NULL) {
            fprintf(stderr, "replay: cannot read %s\n", path);
            ran = -1;
            continue;
        }
        LLVMFuzzerTestOneInput(bytes, size);
        support_free(bytes);
        if (ran >= 0)
            ran++;
    }
    free(entries);
    return ran;
}

int
main(int argc, char **argv)
{
    int failed = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        int ran = replay_folder(argv[i]);
        if (ran < 0)
            failed = 1;
        else
            printf("replay: %d inputs of %s\n", ran, argv[i]);
    }
    return failed;
}
