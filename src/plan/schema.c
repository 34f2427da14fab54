/* What editors need to complete and check both files, and what their reference pages say. */
#include "plan/plan.h"
#include "plan/tables_int.h"

static void
print_one(const char *name, const struct option_table *table, struct json_out *json)
{
    json_out_key(json, str_from(name));
    option_schema(table, json);
}

void
plan_print_schema(struct json_out *json)
{
    json_out_object_begin(json);
    print_one("pipeline", &PIPELINE_FILE_TABLE, json);
    print_one("bindings", &BINDINGS_FILE_TABLE, json);
    json_out_object_end(json);
}

void
plan_print_reference(enum plan_file file, struct str_builder *out)
{
    option_reference(file == PLAN_FILE_PIPELINE ? &PIPELINE_FILE_TABLE : &BINDINGS_FILE_TABLE, out);
}
