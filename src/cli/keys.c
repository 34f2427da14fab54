#include "cli/keys.h"

#include <string.h>

#include "base/memory.h"
#include "io/key.h"

enum status
person_key_obtain(struct io *io, const struct graph *graph, struct siphash_key *ret_key, struct error *err)
{
    struct key         key;
    struct siphash_key out;
    bool               is_new;

    if (key_obtain(io, graph->person_key.text, NULL, &key, &is_new, err) != ST_OK) {
        error_context(err, "reading the pipeline's person key");
        return ST_ERROR;
    }
    memcpy(&out, key.bytes, sizeof out);
    *ret_key = out;
    memory_wipe(&out, sizeof out);
    key_clear(&key);
    return ST_OK;
}
