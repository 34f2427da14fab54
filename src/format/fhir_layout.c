/* What the head of a FHIR input tells: whether a line ends what is on it, and whether the bundle that begins it is of an older version. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/fhir_int.h"

/* The size of the line that begins the text, without its end. */
static size_t
line_size(struct str text)
{
    size_t feed = str_find_byte(text, '\n');
    return feed == STR_NOT_FOUND ? text.size : feed;
}

/* Whether a line is one object that ends where the line does. */
static bool
is_object_line(struct str line)
{
    struct fhir_scan scan = { 0 };
    size_t           end  = 0;

    line = str_trim(line);
    return line.size > 0 && line.data[0] == '{' && fhir_scan(&scan, line.data, 0, line.size, &end) == FOUND_END && end == line.size;
}

/* A document, unless its first line is an object of its own or is longer than the head; or, where the first line is broken, a later one
 * is an object of its own that begins at the line's first byte with resourceType, as no line inside a value that is printed over several
 * lines does. */
static bool
is_document(struct str head)
{
    struct str first = str_slice(head, 0, line_size(head));

    if (first.size == head.size || is_object_line(first))
        return false;
    for (size_t at = first.size + 1; at < head.size;) {
        struct str line = str_slice(head, at, at + line_size(str_slice(head, at, head.size)));
        if (str_starts_with(line, STR("{\"resourceType\"")) && is_object_line(line))
            return false;
        at += line.size + 1;
    }
    return first.size > 0 && first.data[0] == '{';
}

static bool
is_old(yyjson_val *resource, struct str type, char ret_detail[DECODE_DETAIL_SIZE])
{
    const struct fhir_old old = fhir_old_of(type);
    return fhir_is_old(resource, type, &old, NULL, NULL, ret_detail);
}

/* Looks at the resources of the head's bundle; the first that is not of R4 tells of all. */
static enum status
find_version(struct decode_layout *layout, struct decoder *probe, struct str head, bool is_whole, struct error *err)
{
    const struct fhir_source source = { .bytes = head.data, .size = head.size, .is_last = is_whole,
                                        .is_document = layout->is_document, .record_size_max = layout->plan->record_size_max };
    struct fhir_walk        *walk   = &probe->fhir->walk;
    struct frame             frame  = { .kind = FRAME_BETWEEN };

    for (size_t at = 0; at < head.size; at += frame.before + frame.size + frame.after) {
        fhir_walk_next(walk, &source, at, &frame);
        if (frame.kind != FRAME_RECORD || frame.is_bad || walk->bundle_count == 0)
            return ST_OK;
        struct str       record = str_of(head.data + at + frame.before, frame.size);
        char            *copy   = json_copy(probe, record);
        yyjson_doc      *doc    = NULL;
        yyjson_read_err  read   = { 0 };
        struct str       type   = STR_EMPTY;
        bool             is_shape = false;
        if (copy == NULL)
            return error_no_memory(err);
        if (json_tree(probe->json, copy, record.size, &doc, &read, err) != ST_OK)
            return ST_ERROR;
        yyjson_val *root = doc == NULL ? NULL : yyjson_doc_get_root(doc);
        if (yyjson_is_obj(root) && json_scalar_text(json_member(root, STR("resourceType")), &type, &is_shape)
            && is_old(root, type, layout->old_version))
            return ST_OK;
    }
    return ST_OK;
}

enum status
fhir_layout(struct decode_layout *layout, struct str head, bool is_whole, const struct decode_sink *sink, struct error *err)
{
    struct decoder probe = { .plan = layout->plan, .layout = layout };
    (void)sink;

    /* No more than any caller gives: the answer depends on the input alone. */
    if (head.size > FORMAT_HEAD_SIZE_MAX) {
        head     = str_slice(head, 0, FORMAT_HEAD_SIZE_MAX);
        is_whole = false;
    }
    struct str text     = str_starts_with(head, STR("\xEF\xBB\xBF")) ? str_slice(head, 3, head.size) : head;
    layout->is_document = is_document(str_trim(text));

    enum status status = FHIR_KIND.open(&probe, err);
    arena_init(&probe.text_arena, 0);
    if (status == ST_OK)
        status = find_version(layout, &probe, head, is_whole, err);
    FHIR_KIND.close(&probe);
    arena_release(&probe.text_arena);
    return status;
}
