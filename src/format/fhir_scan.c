/* Brackets and quotes of a JSON value. */
#include "base/limits.h"
#include "format/fhir_int.h"
#include "format/scan.h"

/* What may end a text or its plain part: sixteen bytes at a time. */
static size_t
pass_plain(const char *bytes, size_t at, size_t end)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), feed = _mm_set1_epi8('\n');
    while (end - at >= 16) {
        __m128i block = scan_load_16(bytes + at);
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, slash)),
                                     _mm_cmpeq_epi8(block, feed));
        int     bits  = _mm_movemask_epi8(found);
        if (bits != 0)
            return at + (size_t)__builtin_ctz((unsigned)bits);
        at += 16;
    }
#endif
    while (at < end && bytes[at] != '"' && bytes[at] != '\\' && bytes[at] != '\n')
        at++;
    return at;
}

/* Behind the text's end, or at `end`. */
static size_t
pass_text(struct fhir_scan *scan, const char *bytes, size_t at, size_t end)
{
    while (scan->is_quoted && at < end) {
        if (scan->is_escaped) {
            scan->is_escaped = false;
            at++;
            continue;
        }
        at = pass_plain(bytes, at, end);
        if (at == end)
            break;
        scan->is_escaped = bytes[at] == '\\';
        scan->is_quoted  = scan->is_escaped;
        at++;
    }
    return at;
}

static void
open_level(struct fhir_scan *scan, bool is_object)
{
    if (scan->depth < 64)
        scan->objects = scan->objects << 1 | (is_object ? 1 : 0);
    scan->depth++;
}

/* False: another kind is open. */
static bool
close_level(struct fhir_scan *scan, bool is_object)
{
    if (scan->depth == 0)
        return false;
    if (--scan->depth >= 64)
        return true;
    bool is_right = (scan->objects & 1) == (is_object ? 1u : 0u);
    scan->objects >>= 1;
    return is_right;
}

/* At what ends a number or word that stands alone, which is no part of it. */
static bool
ends_word(char c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static enum fhir_found
scan_bracket(struct fhir_scan *scan, char c)
{
    if (c == '{' || c == '[') {
        open_level(scan, c == '{');
        return FOUND_MORE;
    }
    if (!close_level(scan, c == '}'))
        return FOUND_LOST;
    return scan->depth == 0 ? FOUND_END : FOUND_MORE;
}

enum fhir_found
fhir_scan(struct fhir_scan *scan, const char *bytes, size_t at, size_t end, size_t *ret_at)
{
    while (at < end) {
        if (scan->is_quoted) {
            at = pass_text(scan, bytes, at, end);
            *ret_at = at;
            if (!scan->is_quoted && scan->depth == 0)
                return FOUND_END;
            continue;
        }
        char c = bytes[at];
        if (c == '"') {
            scan->is_quoted = true;
        } else if (scan->depth == 0 && ends_word(c)) {
            *ret_at = at;
            return FOUND_END;
        } else if (c == '{' || c == '[' || c == '}' || c == ']') {
            enum fhir_found found = scan_bracket(scan, c);
            if (found != FOUND_MORE) {
                *ret_at = found == FOUND_END ? at + 1 : at;
                return found;
            }
        }
        at++;
    }
    *ret_at = at;
    return FOUND_MORE;
}
