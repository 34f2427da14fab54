#include "base/markdown.h"

void
markdown_cell(struct str_builder *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            str_builder_append_char(out, '\\');
        str_builder_append_char(out, *text == '\n' ? ' ' : *text);
    }
}

void
markdown_table_head(struct str_builder *out, const char *titles)
{
    size_t column_count = 1;
    str_builder_append_cstr(out, "| ");
    for (const char *title = titles; *title != '\0'; title++) {
        if (*title == '|') {
            column_count++;
            str_builder_append_cstr(out, " | ");
        } else {
            str_builder_append_char(out, *title);
        }
    }
    str_builder_append_cstr(out, " |\n|");
    for (size_t i = 0; i < column_count; i++)
        str_builder_append_cstr(out, " --- |");
    str_builder_append_char(out, '\n');
}
