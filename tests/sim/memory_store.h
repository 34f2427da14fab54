/* A store in memory that keeps the contract of store/store.h: what a database server would hold, for several processes one after the
 * other or side by side. It commits, refuses, or leaves unknown what it did, as the process's host says (HOST_STORE). */
#ifndef HEDDLE_TESTS_SIM_MEMORY_STORE_H
#define HEDDLE_TESTS_SIM_MEMORY_STORE_H

#include "base/arena.h"
#include "sim/host.h"
#include "sim/journal.h"
#include "store/store.h"

struct server_delivery {
    struct store_alert       alert; /* Its revision as numbered here. */
    struct str               sink;
    enum store_outbox_status status;
    int64_t                  attempts, next_at_us, since_us;
};

struct server {
    struct arena            arena; /* Of all that it holds. */
    uint64_t                generation;
    uint64_t                epoch;
    struct str              segment, decisions;
    struct store_position   positions[JOURNAL_PARTITION_MAX];
    size_t                  position_count;
    struct server_delivery *deliveries;
    size_t                  delivery_count;
    struct store_alert     *alerts; /* All revisions. */
    size_t                  alert_count;
};

void server_init(struct server *server);
void server_release(struct server *server);

/* A process's connection; store_close ends it. All is borrowed. */
struct store *memory_store_open(struct server *server, struct journal *journal, struct host *host, const char *segment_folder);

/* A connection to another store, of which a journal is kept: every call goes to `inner`, which it owns. */
struct store *recorded_store_open(struct store *inner, struct journal *journal, struct host *host);

#endif
