/* heddle backtest, in parts: the verb (backtest.c), what it prints (backtest_print.c), and the store that it is compared with (backtest_compare.c). */
#ifndef HEDDLE_CLI_BACKTEST_H
#define HEDDLE_CLI_BACKTEST_H

#include "cli/ask.h"
#include "hybrid/backtest.h"

struct backtest_print {
    const struct backtest_options *options;
    const struct backtest_result  *result;
    bool                           is_json;
    bool                           shows_phi; /* Of the alerts; the audit has been told. */
};

/* Append to `out`. Counts by rule, severity and status. */
enum status backtest_print_summary(const struct backtest_print *print, struct str_builder *out, struct error *err);
/* The alerts, one a row. */
enum status backtest_print_alerts(const struct backtest_print *print, struct str_builder *out, struct error *err);

/* Compares with the pipeline's store and appends what differs; ERR_NO where something does. */
enum status backtest_compare(const struct ask *ask, const struct backtest_print *print, bool is_listed, struct str_builder *out, struct error *err);

#endif
