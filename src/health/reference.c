/* FHIR references to identities that are joined by equality (FHIR R4, References; Bundle, "Resolving references in Bundles").
 *
 *     Patient/7                       Patient/7          against the base of the entry's fullUrl, where that is RESTful
 *     http://a.b/fhir/Patient/7       Patient/7          system http://a.b/fhir: the same id under another base is another resource
 *     …/Patient/7/_history/2          the same: a version is not an identity
 *     urn:uuid:X, urn:oid:X           X                  unique by itself; a UUID in lower case
 *     #x                              OWN#x              OWN is the identity of the resource that holds it
 *     Patient?identifier=7            null               found by a search on a server, which nobody here can do
 *     any other URL                   as it is
 *
 * A resource's own identity is its fullUrl's, by the same rules, else Type/id. */
#include <string.h>

#include "health/kernels_int.h"

struct reference {
    struct str base; /* RESTful URL. */
    struct str type; /* Type/id, Type?query. */
    struct str id;   /* Type/id whole, or what a urn names, or the URL, or what follows #. */
    bool       is_contained;
    bool       is_uuid;
};

/* A type's name: a capital letter, then letters. */
static bool
is_type(struct str text)
{
    if (text.size < 3 || text.data[0] < 'A' || text.data[0] > 'Z')
        return false;
    for (size_t i = 1; i < text.size; i++)
        if (!ascii_is_letter(text.data[i]))
            return false;
    return true;
}

/* [base/]Type/id. False: it has another form. */
static bool
read_path(struct str text, struct reference *out)
{
    size_t slash = str_find_last_byte(text, '/');
    if (slash == STR_NOT_FOUND || slash + 1 == text.size)
        return false;
    struct str before = str_slice(text, 0, slash);
    size_t     parent = str_find_last_byte(before, '/');
    size_t     begin  = parent == STR_NOT_FOUND ? 0 : parent + 1;
    struct str type   = str_slice(before, begin, before.size);
    if (!is_type(type))
        return false;
    out->type = type;
    out->id   = str_slice(text, begin, text.size);
    out->base = parent == STR_NOT_FOUND ? STR_EMPTY : str_slice(before, 0, parent);
    return true;
}

static struct reference
read_reference(struct str text)
{
    struct reference out     = { .id = STR_EMPTY };
    bool             is_url  = false;
    size_t           history = 0, query = 0;

    text = str_trim(text);
    if (text.size > 0 && text.data[0] == '#') {
        out.is_contained = true;
        out.id           = str_slice(text, 1, text.size);
        return out;
    }
    if (str_starts_with(text, STR("urn:"))) {
        out.is_uuid = str_starts_with(text, STR("urn:uuid:"));
        out.id      = out.is_uuid ? str_slice(text, 9, text.size) : str_starts_with(text, STR("urn:oid:")) ? str_slice(text, 8, text.size) : text;
        return out;
    }
    history = str_find(text, STR("/_history/"));
    if (history != STR_NOT_FOUND)
        text = str_slice(text, 0, history);
    is_url = str_find(text, STR("://")) != STR_NOT_FOUND;
    query  = str_find_byte(text, '?');
    if (!is_url && query != STR_NOT_FOUND) {
        struct str type = str_slice(text, 0, query);
        out.type        = is_type(type) ? type : STR_EMPTY;
        return out;
    }
    if (!read_path(text, &out) && is_url)
        out.id = text;
    return out;
}

/* What a text holds before its #. */
static struct str
container_of(struct str id)
{
    size_t hash = str_find_byte(id, '#');
    return hash == STR_NOT_FOUND ? id : str_slice(id, 0, hash);
}

static struct str
argument(const struct vector *args, uint32_t argument_count, uint32_t index, uint32_t row)
{
    return index < argument_count && vector_is_valid(&args[index], row) ? vector_str(&args[index], row) : STR_EMPTY;
}

/* Two texts and a byte between them; a text without data is left out with its byte. */
static void
out_joined(const struct kernel_context *context, struct vector_out *out, uint32_t row, struct str a, char between, struct str b)
{
    char *text = arena_alloc(context->scratch, a.size + b.size + 1, 1);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    memcpy(text, a.data, a.size);
    text[a.size] = between;
    if (b.size > 0)
        memcpy(text + a.size + 1, b.data, b.size);
    vector_out_text(out, row, text, a.size + b.size + (b.size > 0 ? 1 : 0));
}

/* The identity as text: of a UUID in lower case. False: no memory. */
static bool
identity_of(const struct kernel_context *context, const struct reference *reference, struct str *ret_id)
{
    struct str id = reference->id;

    *ret_id = id;
    if (!reference->is_uuid)
        return true;
    char *lower = arena_alloc(context->scratch, id.size, 1);
    if (lower == NULL)
        return false;
    for (size_t i = 0; i < id.size; i++)
        lower[i] = (char)(id.data[i] >= 'A' && id.data[i] <= 'Z' ? id.data[i] + ('a' - 'A') : id.data[i]);
    *ret_id = str_of(lower, id.size);
    return true;
}

KERNEL(reference_id)
{
    for (uint32_t row = 0; row < row_count && !out->failed; row++) {
        struct reference reference = read_reference(argument(args, argument_count, 0, row));
        struct str       id        = STR_EMPTY;
        struct str       own       = container_of(argument(args, argument_count, 2, row));
        if (reference.is_contained && own.size > 0)
            out_joined(context, out, row, own, '#', reference.id);
        else if (reference.is_contained || reference.id.size == 0)
            vector_out_null(out, row);
        else if (identity_of(context, &reference, &id))
            vector_out_text(out, row, id.data, id.size);
        else
            out->failed = true;
    }
}

KERNEL(reference_system)
{
    (void)context;
    for (uint32_t row = 0; row < row_count; row++) {
        struct reference reference = read_reference(argument(args, argument_count, 0, row));
        struct reference entry     = read_reference(argument(args, argument_count, 1, row));
        bool             is_relative = reference.is_contained || (reference.type.size > 0 && reference.id.size > 0 && reference.base.size == 0);
        struct str       base        = is_relative ? entry.base : reference.base;
        if (base.size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, base.data, base.size);
    }
}

KERNEL(reference_type)
{
    (void)context, (void)argument_count;
    for (uint32_t row = 0; row < row_count; row++) {
        if (!vector_is_valid(&args[0], row))
            continue;
        struct reference reference = read_reference(vector_str(&args[0], row));
        if (reference.type.size == 0)
            vector_out_null(out, row);
        else
            vector_out_text(out, row, reference.type.data, reference.type.size);
    }
}

/* Of the resource itself, or of what it contains. */
static void
resource_row(const struct kernel_context *context, const struct vector *args, uint32_t argument_count, uint32_t row, struct vector_out *out)
{
    struct str       type = argument(args, argument_count, 0, row), id = argument(args, argument_count, 1, row);
    struct reference own  = read_reference(argument(args, argument_count, 2, row));
    struct str       part = argument(args, argument_count, 3, row);

    if (own.is_contained || own.id.size == 0) {
        if (type.size == 0 || id.size == 0) {
            vector_out_null(out, row);
            return;
        }
        char *text = arena_alloc(context->scratch, type.size + id.size + 1, 1);
        if (text == NULL) {
            out->failed = true;
            return;
        }
        memcpy(text, type.data, type.size);
        text[type.size] = '/';
        memcpy(text + type.size + 1, id.data, id.size);
        own = (struct reference){ .id = str_of(text, type.size + id.size + 1) };
    }
    if (!identity_of(context, &own, &id))
        out->failed = true;
    else if (part.size > 0)
        out_joined(context, out, row, id, '#', part);
    else
        vector_out_text(out, row, id.data, id.size);
}

KERNEL(resource_id)
{
    for (uint32_t row = 0; row < row_count && !out->failed; row++)
        resource_row(context, args, argument_count, row, out);
}
