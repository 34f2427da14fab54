#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "format/format_int.h"

void
plan_error(struct plan_errors *errors, const struct mapping *mapping, const struct model_text *at, const char *format,
           ...)
{
    struct error own     = ERROR_EMPTY;
    struct error *target = errors->count == 0 && errors->err != NULL ? errors->err : &own;
    va_list      arguments;

    va_start(arguments, format);
    (void)error_set_va(target, ERR_CONFIG, format, arguments);
    va_end(arguments);
    error_at(target, mapping->file, at->line, at->column);
    error_context(target, "compiling mapping %s", mapping->name);
    errors->count++;
    if (errors->report != NULL)
        errors->report(errors->context, target);
}

static const struct format_kind *
kind_of(enum model_format format)
{
    static const struct format_kind *const KINDS[] = { &CSV_KIND, &HL7V2_KIND, &JSON_KIND, &FHIR_KIND, &FIXED_KIND };

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (KINDS[i]->format == format)
            return KINDS[i];
    }
    return NULL;
}

static enum status
copy_options(struct decode_plan *plan, const struct decode_plan_options *options, struct error *err)
{
    static const struct str PRODUCTION = STR_INIT("P");
    const struct str       *ids        = options->processing_ids;
    size_t                  count      = options->processing_id_count;

    plan->record_size_max = plan->kind->record_size_max;
    if (options->record_size_bytes_max > 0 && options->record_size_bytes_max < plan->record_size_max)
        plan->record_size_max = options->record_size_bytes_max;
    plan->delimiter = options->delimiter;
    if (options->charset.size > 0) {
        plan->charset = charset_find(options->charset);
        if (plan->charset == CHARSET_UNKNOWN) {
            (void)error_set(err, ERR_CONFIG, "unknown character set \"%.*s\"", STR_PRINTF(options->charset));
            error_hint(err, "utf-8, windows-1252, iso-8859-1 and iso-8859-15 are read");
            return ST_ERROR;
        }
    }
    if (count == 0) {
        ids   = &PRODUCTION;
        count = 1;
    }
    plan->processing_ids = ARENA_ARRAY(&plan->arena, struct str, count);
    if (plan->processing_ids == NULL)
        return error_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        if (!arena_text(&plan->arena, ids[i], &plan->processing_ids[i]))
            return error_no_memory(err);
    }
    plan->processing_id_count = count;
    return ST_OK;
}

static enum status
make_schema(struct decode_plan *plan, struct plan_mapping *entry, struct error *err)
{
    static const char *const NAMES[RAW_FIELD_OFFSET] = { "position", "length", "row_number" };
    const struct mapping    *mapping                 = entry->mapping;
    uint32_t                 count                   = RAW_FIELD_OFFSET + mapping->field_count;
    struct schema_column    *columns                 = ARENA_ARRAY(&plan->arena, struct schema_column, count);

    entry->fields = ARENA_ARRAY(&plan->arena, struct plan_field, mapping->field_count);
    if (columns == NULL || entry->fields == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < RAW_FIELD_OFFSET; i++)
        columns[i] = (struct schema_column){ NAMES[i], TYPE(TYPE_INT64) };
    for (uint32_t i = 0; i < mapping->field_count; i++) {
        columns[RAW_FIELD_OFFSET + i] = (struct schema_column){ mapping->fields[i].name, TYPE(TYPE_TEXT) };
        entry->fields[i].is_required  = mapping->fields[i].is_required;
    }
    entry->schema = (struct schema){ columns, count };
    return ST_OK;
}

static enum status
add_mappings(struct decode_plan *plan, const struct mapping *const *mappings, uint32_t count, struct error *err)
{
    if (count > FORMAT_MAPPING_COUNT_MAX)
        return error_set(err, ERR_FULL, "%u mappings of one format, at most %d", count, FORMAT_MAPPING_COUNT_MAX);
    plan->mappings = ARENA_ARRAY(&plan->arena, struct plan_mapping, count);
    if (plan->mappings == NULL)
        return error_no_memory(err);
    memset(plan->mappings, 0, count * sizeof plan->mappings[0]);
    plan->mapping_count = count;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(mappings[i]->format == plan->kind->format);
        plan->mappings[i].mapping = mappings[i];
        if (mappings[i]->field_count > FORMAT_FIELD_COUNT_MAX)
            return error_set(err, ERR_FULL, "mapping %s has %u fields, at most %d", mappings[i]->name,
                             mappings[i]->field_count, FORMAT_FIELD_COUNT_MAX);
        if (make_schema(plan, &plan->mappings[i], err) != ST_OK)
            return ST_ERROR;
    }
    return ST_OK;
}

enum status
decode_plan_compile(const struct decode_plan_options *options, const struct mapping *const *mappings,
                    uint32_t mapping_count, model_report_fn *report, void *report_context,
                    struct decode_plan **ret_plan, struct error *err)
{
    const struct format_kind *kind = kind_of(options->format);
    if (kind == NULL)
        return error_set(err, ERR_CONFIG, "this format is not read by this version");

    struct decode_plan *plan = memory_alloc_zero(sizeof *plan);
    if (plan == NULL)
        return error_no_memory(err);

    struct plan_errors errors = { report, report_context, err, 0 };
    enum status        status;

    arena_init(&plan->arena, 0);
    plan->kind = kind;
    status     = copy_options(plan, options, err);
    if (status != ST_OK)
        goto out;
    status = add_mappings(plan, mappings, mapping_count, err);
    if (status != ST_OK)
        goto out;
    status = kind->compile(plan, &errors, err);
    if (status == ST_OK && errors.count > 0)
        status = ST_ERROR;

out:
    if (status == ST_OK)
        *ret_plan = plan;
    else
        decode_plan_free(plan);
    return status;
}

void
decode_plan_free(struct decode_plan *plan)
{
    if (plan == NULL)
        return;
    arena_release(&plan->arena);
    memory_free(plan);
}

uint32_t
decode_plan_mapping_count(const struct decode_plan *plan)
{
    return plan->mapping_count;
}

const struct mapping *
decode_plan_mapping(const struct decode_plan *plan, uint32_t mapping_index)
{
    CHECK(mapping_index < plan->mapping_count);
    return plan->mappings[mapping_index].mapping;
}

const struct schema *
decode_plan_schema(const struct decode_plan *plan, uint32_t mapping_index)
{
    CHECK(mapping_index < plan->mapping_count);
    return &plan->mappings[mapping_index].schema;
}

uint32_t
decode_plan_record_size_max(const struct decode_plan *plan)
{
    return plan->record_size_max;
}

/* ---- Dispatch ---- */

/* By size first: texts of different sizes need no look at their bytes. */
static int
compare_types(struct str a, struct str b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size == 0 ? 0 : memcmp(a.data, b.data, a.size);
}

static int
compare_dispatch(const void *a, const void *b)
{
    const struct dispatch_value *left  = a;
    const struct dispatch_value *right = b;
    int                          order = compare_types(left->text, right->text);

    if (order != 0)
        return order;
    return (left->mapping_index > right->mapping_index) - (left->mapping_index < right->mapping_index);
}

enum status
plan_dispatch(struct decode_plan *plan, is_type_field_fn *is_type_field, struct error *err)
{
    struct str *values[FORMAT_MAPPING_COUNT_MAX];
    uint32_t    counts[FORMAT_MAPPING_COUNT_MAX];
    uint32_t    total = 0;

    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        struct type_field_query query = { plan, i };
        if (when_dispatch(plan->mappings[i].mapping, is_type_field, &query, &plan->arena, &values[i], &counts[i],
                          err)
            != ST_OK)
            return ST_ERROR;
        plan->mappings[i].is_dispatched = counts[i] > 0;
        plan->has_catch_all             = plan->has_catch_all || counts[i] == 0;
        total += counts[i];
    }
    plan->dispatch = ARENA_ARRAY(&plan->arena, struct dispatch_value, total);
    if (plan->dispatch == NULL)
        return error_no_memory(err);
    for (uint32_t i = 0; i < plan->mapping_count; i++) {
        for (uint32_t k = 0; k < counts[i]; k++)
            plan->dispatch[plan->dispatch_count++] = (struct dispatch_value){ values[i][k], i };
    }
    qsort(plan->dispatch, plan->dispatch_count, sizeof plan->dispatch[0], compare_dispatch);

    /* `in ('a', 'a')` must not give two rows. */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < plan->dispatch_count; i++) {
        if (kept == 0 || compare_dispatch(&plan->dispatch[kept - 1], &plan->dispatch[i]) != 0)
            plan->dispatch[kept++] = plan->dispatch[i];
    }
    plan->dispatch_count = kept;
    return ST_OK;
}

void
dispatch_find(const struct decode_plan *plan, struct str type, uint32_t *ret_begin, uint32_t *ret_end)
{
    uint32_t low  = 0;
    uint32_t high = plan->dispatch_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_types(plan->dispatch[middle].text, type) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_begin = low;
    while (low < plan->dispatch_count && str_equal(plan->dispatch[low].text, type))
        low++;
    *ret_end = low;
}
