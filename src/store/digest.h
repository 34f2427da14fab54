/* The digest of an epoch's outputs, `epoch_header.output_digest`: the sum of hashes of what the epoch tells the world, without wall-clock
 * columns and revisions. Order-free. The store makes it, for it adds to what it is given: retractions of resolved letters. Alerts count as
 * their rules tell them: what persons did, and when, is in no digest (alert_life.h, L5). */
#ifndef HEDDLE_STORE_DIGEST_H
#define HEDDLE_STORE_DIGEST_H

#include "base/hash.h"
#include "store/store.h"

/* Adds all rows, alerts, dead letters and late events. */
void digest_commit(const struct epoch_commit *commit, struct hash128 *sum);
/* Looks at alert_id, status and its reason, severity, subject, code, value, unit and event time. Not at the evidence: of two copies of an
 * event in two partitions either may come first in an epoch, so where it stands does not follow from cuts and decisions (P3). */
void digest_alert(const struct store_alert *alert, struct hash128 *sum);

#endif
