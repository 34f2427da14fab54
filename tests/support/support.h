/* What tests share: where the sample data is, a folder to write into, whole files. */
#ifndef HEDDLE_TESTS_SUPPORT_H
#define HEDDLE_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a file below the repository. The text is a static buffer of the
 * thread, good until the thread's next call of this or of `data_path`. */
const char *source_path(const char *relative);

/* The path of a file below the folder of sample data (HEDDLE_DATA in the
 * environment, else the folder that was set when configuring). Buffer as above. */
const char *data_path(const char *relative);

/* Whether the folder of sample data is there: a test that needs it calls cmocka's
 * skip() where it is not. */
bool data_present(void);

/* Makes an empty folder of the caller's own, below TMPDIR. Fails the program if
 * that is impossible. `ret_path` holds at least TEMP_DIR_SIZE_MAX bytes. */
#define TEMP_DIR_SIZE_MAX 256
void temp_dir_init(char *ret_path);

/* Removes the folder and everything below it, without following links. */
void temp_dir_release(const char *path);

/* Reads a whole file. A NUL follows the bytes and is not counted in `*ret_size`.
 * NULL where the file cannot be read. The caller frees with `support_free`. */
unsigned char *support_read_file(const char *path, size_t *ret_size);
void           support_free(void *memory);

/* Writes a whole file, false where that fails. */
bool support_write_file(const char *path, const void *bytes, size_t size);

#endif
