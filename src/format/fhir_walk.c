/* From one resource to the next, through lines, bundles and bundles in bundles.
 *
 * W1  All bytes that are not of a record lie between; the place is a function of the bytes before it, not of how they are cut.
 * W2  An entry is told once it is here whole (or is too large), because fullUrl and request may stand behind its resource. A bundle is
 *     never held: of it the place is kept.
 * W3  What does not follow the structure costs the least that can be told: a line, an entry whose brackets close, else all that is left. */
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "format/fhir_int.h"

/* Bytes of the unit at hand: a line, or all. */
struct unit {
    const char *bytes;
    size_t      end;
    bool        is_complete; /* Nothing of the unit comes behind `end`. */
};

static struct unit
unit_at(struct fhir_walk *walk, const struct fhir_source *source, size_t at)
{
    const int64_t from = source->position + (int64_t)at;
    const int64_t to   = source->position + (int64_t)source->size;

    if (source->is_document)
        return (struct unit){ source->bytes, source->size, source->is_last };
    if (walk->line_end < from) {
        int64_t     seen = walk->line_seen > from ? walk->line_seen : from;
        size_t      skip = (size_t)(seen - source->position);
        const char *feed = seen < to ? memchr(source->bytes + skip, '\n', source->size - skip) : NULL;
        walk->line_end   = feed == NULL ? -1 : source->position + (feed - source->bytes);
        walk->line_seen  = feed == NULL ? to : walk->line_end + 1;
    }
    if (walk->line_end >= 0 && walk->line_end <= to)
        return (struct unit){ source->bytes, (size_t)(walk->line_end - source->position), true };
    return (struct unit){ source->bytes, source->size, source->is_last };
}

/* No more of the unit than a record may have, and a byte. */
static struct unit
unit_cut(struct unit unit, size_t at, size_t size_max)
{
    if (unit.end - at > size_max)
        return (struct unit){ unit.bytes, at + size_max + 1, false };
    return unit;
}

static inline bool
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static size_t
skip_space(const char *bytes, size_t at, size_t end)
{
    while (at < end && is_space(bytes[at]))
        at++;
    return at;
}

/* ---- Members ---- */

struct member {
    struct str key;         /* As written. */
    size_t     value;       /* Where its value begins. */
    size_t     value_end;
};

enum step {
    STEP_MEMBER, /* There is one; where it ends was not looked for. */
    STEP_END,    /* The object ends. */
    STEP_MORE,   /* The unit's bytes end. */
    STEP_BAD,    /* No member can be read. */
};

/* The member at `at`, behind what lies before it in its object. *ret_at: where it ends, of STEP_END behind the bracket. */
static enum step
read_member(struct unit unit, size_t at, struct member *ret_member, size_t *ret_at)
{
    struct fhir_scan text = { 0 };
    size_t           end  = 0;

    at = skip_space(unit.bytes, at, unit.end);
    if (at < unit.end && unit.bytes[at] == ',')
        at = skip_space(unit.bytes, at + 1, unit.end);
    if (at == unit.end)
        return STEP_MORE;
    *ret_at = at + 1;
    if (unit.bytes[at] == '}')
        return STEP_END;
    if (unit.bytes[at] != '"')
        return STEP_BAD;
    if (fhir_scan(&text, unit.bytes, at, unit.end, &end) != FOUND_END)
        return STEP_MORE;
    ret_member->key = str_of(unit.bytes + at + 1, end - at - 2);
    at              = skip_space(unit.bytes, end, unit.end);
    if (at == unit.end)
        return STEP_MORE;
    if (unit.bytes[at] != ':')
        return STEP_BAD;
    at = skip_space(unit.bytes, at + 1, unit.end);
    if (at == unit.end)
        return STEP_MORE;
    ret_member->value = at;
    return STEP_MEMBER;
}

static enum fhir_found
end_value(struct unit unit, size_t at, size_t *ret_end)
{
    struct fhir_scan scan = { 0 };
    return fhir_scan(&scan, unit.bytes, at, unit.end, ret_end);
}

/* The text as written between its quotes; empty where the value is none. */
static struct str
text_of(struct unit unit, size_t value, size_t end)
{
    if (end - value < 2 || unit.bytes[value] != '"')
        return STR_EMPTY;
    return str_of(unit.bytes + value + 1, end - value - 2);
}

/* The text of a member of the object unit.bytes[begin, end). */
static struct str
text_member(struct unit unit, size_t begin, size_t end, struct str name)
{
    struct unit   object = { unit.bytes, end, true };
    struct member member = { .value = 0 };
    size_t        at     = begin + 1;

    while (read_member(object, at, &member, &at) == STEP_MEMBER) {
        size_t stop = 0;
        if (end_value(object, member.value, &stop) != FOUND_END)
            break;
        if (str_equal(member.key, name))
            return text_of(object, member.value, stop);
        at = stop;
    }
    return STR_EMPTY;
}

/* ---- What an object is ---- */

enum peek { PEEK_MORE, PEEK_RECORD, PEEK_BUNDLE, PEEK_PARAMETERS };

/* Parameters are a record of their own unless they hold resources. */
static enum peek
peek_parameters(struct unit unit, size_t at, size_t size_max)
{
    struct unit     cut   = unit_cut(unit, at, size_max);
    size_t          end   = cut.end;
    enum fhir_found found = end_value(cut, at, &end);

    if (found == FOUND_MORE && !cut.is_complete)
        return unit.end - at > size_max ? PEEK_PARAMETERS : PEEK_MORE;
    return memmem(unit.bytes + at, end - at, "\"resource\"", 10) != NULL ? PEEK_PARAMETERS : PEEK_RECORD;
}

/* The object at `at`, by its resourceType, which may come behind other members. A bundle that shows no type within the size of a record
 * is known by its entries. */
static enum peek
peek_object(struct unit unit, size_t at, size_t size_max)
{
    struct unit   cut         = unit_cut(unit, at, size_max);
    struct member member      = { .value = 0 };
    size_t        next        = at + 1;
    bool          has_entries = false;
    enum step     step;

    while ((step = read_member(cut, next, &member, &next)) == STEP_MEMBER) {
        bool            is_type = str_equal(member.key, STR("resourceType"));
        enum fhir_found found   = FOUND_MORE;
        has_entries             = has_entries || (str_equal(member.key, STR("entry")) && cut.bytes[member.value] == '[');
        found                   = end_value(cut, member.value, &next);
        if (found == FOUND_LOST)
            return PEEK_RECORD;
        if (found == FOUND_MORE) {
            step = STEP_MORE;
            break;
        }
        if (is_type) {
            struct str type = text_of(cut, member.value, next);
            if (str_equal(type, STR("Parameters")))
                return peek_parameters(unit, at, size_max);
            return str_equal(type, STR("Bundle")) ? PEEK_BUNDLE : PEEK_RECORD;
        }
    }
    if (step != STEP_MORE || cut.is_complete)
        return PEEK_RECORD;
    if (unit.end - at <= size_max)
        return PEEK_MORE;
    return has_entries ? PEEK_BUNDLE : PEEK_RECORD;
}

/* ---- Levels ---- */

static void
leave_all(struct fhir_walk *walk)
{
    walk->level_count = walk->bundle_count = 0;
    walk->is_behind = false;
    walk->is_passing = walk->is_filled = false;
}

static void
enter(struct fhir_walk *walk, enum fhir_level level)
{
    CHECK(walk->level_count < FHIR_LEVEL_COUNT_MAX);
    walk->levels[walk->level_count++] = (uint8_t)level;
    walk->is_filled                   = false;
    if (level == LEVEL_BUNDLE)
        walk->bundles[walk->bundle_count++] = (struct fhir_bundle){ .type = "" };
}

static void
leave(struct fhir_walk *walk)
{
    if (walk->levels[--walk->level_count] == LEVEL_BUNDLE)
        walk->bundle_count--;
    walk->is_filled = true;
    walk->is_behind = walk->level_count == 0;
}

/* Whether the object is entered; one that is too deep is a record like others. */
static bool
enter_resource(struct fhir_walk *walk, enum peek peek)
{
    bool is_bundle = peek == PEEK_BUNDLE;

    if ((!is_bundle && peek != PEEK_PARAMETERS) || walk->level_count + 3 > FHIR_LEVEL_COUNT_MAX
        || (is_bundle && walk->bundle_count == FHIR_BUNDLE_DEPTH_MAX))
        return false;
    enter(walk, is_bundle ? LEVEL_BUNDLE : LEVEL_PARAMETERS);
    return true;
}

/* ---- Frames ---- */

static void
told_record(struct frame *frame, size_t begin, size_t at, size_t end, size_t after)
{
    frame->kind   = FRAME_RECORD;
    frame->before = at - begin;
    frame->size   = end - at;
    frame->after  = after - end;
}

static void
told_bad(struct frame *frame, enum decode_reason reason, const char *detail)
{
    frame->is_bad = true;
    frame->reason = reason;
    frame->detail = detail;
}

/* A record whose end fhir_walk_pass finds. */
static void
told_passed(struct fhir_walk *walk, struct frame *frame, size_t begin, size_t at, enum decode_reason reason, const char *detail)
{
    frame->kind   = FRAME_PASSED;
    frame->before = at - begin;
    frame->reason = reason;
    frame->detail = detail;
    walk->passing = (struct fhir_scan){ 0 };
}

static void
told_rest(struct fhir_walk *walk, const struct fhir_source *source, struct frame *frame, size_t begin, size_t at)
{
    walk->pass = source->is_document ? PASS_REST : PASS_LINE;
    told_passed(walk, frame, begin, at, DECODE_MALFORMED,
                source->is_document ? "the JSON's structure is lost here, so all behind it" : "the JSON's structure is lost here");
    leave_all(walk);
}

static void
told_too_large(struct fhir_walk *walk, struct frame *frame, size_t begin, size_t at)
{
    walk->pass = PASS_VALUE;
    told_passed(walk, frame, begin, at, DECODE_TOO_LARGE, "the resource is longer than the limit");
}

/* The unit ends inside what begins at `at`. */
static void
told_cut(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, struct frame *frame, size_t begin, size_t at)
{
    told_record(frame, begin, at, unit.end, unit.end);
    if (unit.end == source->size)
        told_bad(frame, DECODE_TRUNCATED, "the input ends inside a resource or entry");
    else
        told_bad(frame, DECODE_MALFORMED, "the line ends inside a resource or entry");
    leave_all(walk);
}

/* ---- Outside of bundles ---- */

static void
top_line(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t at, struct frame *frame)
{
    size_t end = unit.end;

    if (end - at > source->record_size_max) {
        told_passed(walk, frame, begin, at, DECODE_TOO_LARGE, "the line is longer than the limit");
        walk->pass = PASS_LINE;
    } else if (!unit.is_complete) {
        frame->kind   = FRAME_MORE;
        frame->before = at - begin;
    } else {
        end -= source->bytes[end - 1] == '\r' ? 1 : 0;
        told_record(frame, begin, at, end, unit.end < source->size ? unit.end + 1 : unit.end);
    }
}

static void
top_value(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t at, struct frame *frame)
{
    struct unit     cut   = unit_cut(unit, at, source->record_size_max);
    size_t          end   = at;
    enum fhir_found found = source->bytes[at] == '{' ? end_value(cut, at, &end) : FOUND_LOST;

    if (found == FOUND_END && end - at <= source->record_size_max)
        told_record(frame, begin, at, end, end);
    else if (found == FOUND_LOST)
        told_rest(walk, source, frame, begin, at);
    else if (unit.end - at > source->record_size_max)
        told_too_large(walk, frame, begin, at);
    else if (unit.is_complete)
        told_cut(walk, source, unit, frame, begin, at);
    else
        *frame = (struct frame){ .kind = FRAME_MORE, .before = at - begin };
}

/* False: a bundle was entered, and the walk goes on at *at. */
static bool
walk_top(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, size_t *at, struct frame *frame)
{
    size_t from = *at;

    if (source->position + (int64_t)*at == 0 && source->size - *at >= 3 && memcmp(source->bytes + *at, "\xEF\xBB\xBF", 3) == 0)
        *at += 3;
    from          = *at;
    *at           = skip_space(source->bytes, *at, source->size);
    if (memchr(source->bytes + from, '\n', *at - from) != NULL)
        walk->is_behind = false;
    frame->kind   = FRAME_BETWEEN;
    frame->before = *at - begin;
    if (*at == source->size)
        return true;
    if (walk->is_behind && !source->is_document) { /* The line goes on behind its bundle. */
        told_rest(walk, source, frame, begin, *at);
        return true;
    }

    struct unit unit = unit_at(walk, source, *at);
    walk->is_behind  = false;
    enum peek   peek = source->bytes[*at] == '{' ? peek_object(unit, *at, source->record_size_max) : PEEK_RECORD;
    if (enter_resource(walk, peek)) {
        ++*at;
        return false;
    }
    if (peek == PEEK_MORE)
        frame->kind = FRAME_MORE;
    else if (source->is_document)
        top_value(walk, source, unit, begin, *at, frame);
    else
        top_line(walk, source, unit, begin, *at, frame);
    return true;
}

/* ---- Entries ---- */

/* What an entry or parameter has. */
struct item {
    size_t     end;
    size_t     resource, resource_end; /* 0: none. */
    size_t     nested;                 /* Where the object of a bundle begins, or the array of parts; then nothing else is told. */
    enum peek  peek;
    struct str full_url, method, url;
};

static void
item_member(struct unit unit, const struct member *member, size_t end, struct item *item)
{
    char first = unit.bytes[member->value];

    if (str_equal(member->key, STR("fullUrl"))) {
        item->full_url = text_of(unit, member->value, end);
    } else if (str_equal(member->key, STR("request")) && first == '{') {
        item->method = text_member(unit, member->value, end, STR("method"));
        item->url    = text_member(unit, member->value, end, STR("url"));
    } else if (str_equal(member->key, STR("resource")) && first == '{') {
        item->resource     = member->value;
        item->resource_end = end;
    }
}

/* Reads the members of an item, as far as a bundle in it. What is not seen within the size of a record is not looked for. */
static enum step
read_item(struct unit cut, size_t at, size_t size_max, struct item *item)
{
    struct member member = { .value = 0 };
    enum step     step;

    for (at++; (step = read_member(cut, at, &member, &at)) == STEP_MEMBER;) {
        char first = cut.bytes[member.value];
        if (str_equal(member.key, STR("resource")) && first == '{') {
            item->peek = peek_object(cut, member.value, size_max);
            if (item->peek == PEEK_MORE)
                return STEP_MORE;
            item->nested = item->peek == PEEK_RECORD ? 0 : member.value;
        } else if (str_equal(member.key, STR("part")) && first == '[') {
            item->peek   = PEEK_RECORD;
            item->nested = member.value;
        }
        if (item->nested > 0)
            return STEP_MEMBER;
        enum fhir_found found = end_value(cut, member.value, &at);
        if (found != FOUND_END)
            return found == FOUND_MORE ? STEP_MORE : STEP_BAD;
        item_member(cut, &member, at, item);
    }
    item->end = at;
    return step;
}

/* Its members cannot be read: as much of it as brackets tell. */
static bool
bad_item(struct fhir_walk *walk, const struct fhir_source *source, struct unit cut, size_t begin, size_t at, struct frame *frame)
{
    size_t end = at;

    switch (end_value(cut, at, &end)) {
    case FOUND_END:
        told_record(frame, begin, at, end, end);
        told_bad(frame, DECODE_MALFORMED, "an entry is not an object of members");
        walk->is_filled = true;
        return true;
    case FOUND_LOST: told_rest(walk, source, frame, begin, at); return true;
    default: return false;
    }
}

/* The item's bytes end before it does. */
static void
open_item(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t at, struct frame *frame)
{
    if (unit.end - at > source->record_size_max) {
        walk->is_filled = true;
        told_too_large(walk, frame, begin, at);
    } else if (unit.is_complete) {
        told_cut(walk, source, unit, frame, begin, at);
    } else {
        *frame = (struct frame){ .kind = FRAME_MORE, .before = at - begin };
    }
}

/* The element at *at of entries. False: it is no record, and the walk goes on at *at. */
static bool
walk_item(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t *at, struct frame *frame)
{
    struct unit cut  = unit_cut(unit, *at, source->record_size_max);
    struct item item = { .end = 0 };
    enum step   step = source->bytes[*at] == '{' ? read_item(cut, *at, source->record_size_max, &item) : STEP_BAD;

    if (step == STEP_MEMBER) {
        bool can_enter = walk->level_count + 4 <= FHIR_LEVEL_COUNT_MAX
                         && (item.peek != PEEK_BUNDLE || walk->bundle_count < FHIR_BUNDLE_DEPTH_MAX);
        if (can_enter) {
            enter(walk, LEVEL_ITEM);
            if (item.peek == PEEK_RECORD)
                enter(walk, LEVEL_ENTRIES);
            else
                (void)enter_resource(walk, item.peek);
            *at = item.nested + 1;
            return false;
        }
        step = STEP_BAD;
    }
    if (step == STEP_BAD && bad_item(walk, source, cut, begin, *at, frame))
        return true;
    if (step != STEP_END) {
        open_item(walk, source, unit, begin, *at, frame);
        return true;
    }

    walk->is_filled = true;
    walk->full_url  = item.full_url;
    walk->method    = item.method;
    walk->url       = item.url;
    if (item.resource > 0) {
        told_record(frame, begin, item.resource, item.resource_end, item.end);
        return true;
    }
    if (walk->levels[walk->level_count - 2] != LEVEL_BUNDLE) {
        *at = item.end;
        return false;
    }
    walk->is_entry = true;
    told_record(frame, begin, *at, item.end, item.end);
    return true;
}

/* ---- Inside of bundles ---- */

/* Copies a text of a bundle that fits; escapes in it, which nobody writes, leave it out. */
static void
keep_text(char *room, size_t room_size, struct str text)
{
    if (text.size < room_size && memchr(text.data, '\\', text.size) == NULL) {
        memcpy(room, text.data, text.size);
        room[text.size] = '\0';
    }
}

/* False: more bytes must tell. */
static bool
bundle_member(struct fhir_walk *walk, struct unit unit, const struct member *member, size_t *at)
{
    struct fhir_bundle *bundle = &walk->bundles[walk->bundle_count - 1];
    bool                is_type = str_equal(member->key, STR("type")), is_id = str_equal(member->key, STR("id"));
    size_t              end     = 0;

    if ((!is_type && !is_id && !str_equal(member->key, STR("timestamp"))) || unit.bytes[member->value] != '"')
        return true;
    struct unit cut = unit_cut(unit, member->value, FORMAT_HEAD_SIZE_MAX);
    if (end_value(cut, member->value, &end) != FOUND_END)
        return cut.is_complete || cut.end < unit.end;
    struct str text = text_of(unit, member->value, end);
    if (is_type)
        keep_text(bundle->type, sizeof bundle->type, text);
    else if (is_id)
        keep_text(bundle->id, sizeof bundle->id, text);
    else
        keep_text(bundle->timestamp, sizeof bundle->timestamp, text);
    *at              = end;
    walk->is_passing = false;
    return true;
}

/* A member of a bundle, of Parameters, or of an item that is entered. False: `frame` is told. */
static bool
walk_member(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t *at, struct frame *frame)
{
    enum fhir_level level  = walk->levels[walk->level_count - 1];
    struct member   member = { .value = 0 };
    size_t          next   = *at;
    enum step       step   = read_member(unit_cut(unit, *at, source->record_size_max), *at, &member, &next);

    if (step == STEP_END) {
        leave(walk);
        *at = next;
        return true;
    }
    if (step == STEP_MEMBER) {
        bool is_list = unit.bytes[member.value] == '['
                       && str_equal(member.key, level == LEVEL_BUNDLE       ? STR("entry")
                                                : level == LEVEL_PARAMETERS ? STR("parameter")
                                                                            : STR("part"));
        walk->passing    = (struct fhir_scan){ 0 };
        walk->is_passing = !is_list;
        next             = member.value;
        if (level == LEVEL_BUNDLE && !is_list && !bundle_member(walk, unit, &member, &next)) {
            walk->is_passing = false;
            *frame           = (struct frame){ .kind = FRAME_MORE, .before = *at - begin };
            return false;
        }
        walk->is_filled = true;
        if (is_list)
            enter(walk, LEVEL_ENTRIES);
        *at = next + (is_list ? 1 : 0);
        return true;
    }
    if (step == STEP_BAD || unit.end - *at > source->record_size_max)
        told_rest(walk, source, frame, begin, *at);
    else if (unit.is_complete)
        told_cut(walk, source, unit, frame, begin, *at);
    else
        *frame = (struct frame){ .kind = FRAME_MORE, .before = *at - begin };
    return false;
}

/* The next thing in the array of entries. False: `frame` is told. */
static bool
walk_entries(struct fhir_walk *walk, const struct fhir_source *source, struct unit unit, size_t begin, size_t *at, struct frame *frame)
{
    char c = source->bytes[*at];

    if (c == ']') {
        leave(walk);
        ++*at;
        return true;
    }
    if (walk->is_filled && c == ',') {
        walk->is_filled = false;
        ++*at;
        return true;
    }
    if (!walk->is_filled && c != ',' && c != '}' && c != ':')
        return !walk_item(walk, source, unit, begin, at, frame);
    told_rest(walk, source, frame, begin, *at);
    return false;
}

/* One step inside of what is open. False: `frame` is told. */
static bool
walk_inside(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, size_t *at, struct frame *frame)
{
    struct unit     unit  = unit_at(walk, source, *at);
    enum fhir_found found = FOUND_END;

    if (walk->is_passing) {
        found            = fhir_scan(&walk->passing, unit.bytes, *at, unit.end, at);
        walk->is_passing = found == FOUND_MORE;
    }
    if (found == FOUND_LOST) {
        told_rest(walk, source, frame, begin, *at);
        return false;
    }
    *at = walk->is_passing ? *at : skip_space(unit.bytes, *at, unit.end);
    if (*at == unit.end) {
        *frame = (struct frame){ .kind = FRAME_BETWEEN, .before = *at - begin };
        if (unit.is_complete) {
            walk->is_unended = true;
            leave_all(walk);
        }
        return false;
    }
    if (walk->levels[walk->level_count - 1] == LEVEL_ENTRIES)
        return walk_entries(walk, source, unit, begin, at, frame);
    return walk_member(walk, source, unit, begin, at, frame);
}

void
fhir_walk_next(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, struct frame *ret_frame)
{
    size_t at = begin;

    *ret_frame       = (struct frame){ .kind = FRAME_BETWEEN };
    walk->is_entry   = false;
    walk->is_unended = false;
    walk->full_url = walk->method = walk->url = STR_EMPTY;
    while (at < source->size) {
        if (walk->level_count > 0 ? !walk_inside(walk, source, begin, &at, ret_frame) : walk_top(walk, source, begin, &at, ret_frame))
            break;
        ret_frame->before = at - begin;
    }
    size_t end = begin + ret_frame->before + ret_frame->size + ret_frame->after;
    if (ret_frame->kind == FRAME_RECORD && source->is_last && end == source->size && walk->level_count > 0)
        walk->is_unended = true;
}

size_t
fhir_walk_pass(struct fhir_walk *walk, const struct fhir_source *source, size_t begin, bool *ret_is_end)
{
    struct unit unit = { source->bytes, source->size, false };
    size_t      at   = begin;

    if (walk->pass == PASS_REST)
        return source->size - begin;
    unit = unit_at(walk, source, begin);
    if (walk->pass == PASS_VALUE) {
        enum fhir_found found = fhir_scan(&walk->passing, source->bytes, begin, unit.end, &at);
        *ret_is_end           = found == FOUND_END;
        if (found == FOUND_END)
            return at - begin;
        if (found == FOUND_LOST)
            walk->pass = source->is_document ? PASS_REST : PASS_LINE;
        if (found == FOUND_LOST || (unit.is_complete && unit.end < source->size))
            leave_all(walk);
        if (found == FOUND_LOST && source->is_document)
            return source->size - begin;
    }
    *ret_is_end = unit.end < source->size;
    return unit.end - begin;
}
