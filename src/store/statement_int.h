/* What statements of heddle's own over the store have in common. */
#ifndef HEDDLE_STORE_STATEMENT_INT_H
#define HEDDLE_STORE_STATEMENT_INT_H

#include "base/str_builder.h"

/* A column of microseconds as people and programs read it. */
#define SQL_TIME(column) "strftime('%Y-%m-%dT%H:%M:%SZ', " column " / 1000000, 'unixepoch')"

/* A literal of SQL. A NUL would end the statement early, so it is left out; no name of ours has one. */
static inline void
sql_append_quoted(struct str_builder *sql, struct str text)
{
    str_builder_append_char(sql, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'')
            str_builder_append_char(sql, '\'');
        if (text.data[i] != '\0')
            str_builder_append_char(sql, text.data[i]);
    }
    str_builder_append_char(sql, '\'');
}

#endif
