-- The real-time store, part of the interface. No column is a reserved word of SQLite or PostgreSQL.
-- Times are microseconds since 1970-01-01T00:00:00Z (UTC); booleans are 0 and 1; decimals are text, exact.
-- No table is clustered on a random key (12 against 150 microseconds a row): alert_id begins with the event's time.

create table store_meta (          -- one row a fact: pipeline, schema_version, generation, key_check …
  name text primary key, value text not null ) without rowid;

create table epoch_header (
  epoch integer primary key, generation integer not null, watermark integer, cut_reason text not null,
  decisions text not null,         -- JSON: master_version, plan_digest, idle, drain …
  output_digest text not null, segment text not null, committed_at integer not null );

create table epoch (               -- entity '' = the source's records
  epoch integer not null, source text not null, partition_id text not null, entity text not null,
  position_begin integer not null, position_end integer not null,
  received integer not null, loaded integer not null, deduplicated integer not null, filtered integer not null, quarantined integer not null,
  bytes integer not null, late integer not null, watermark integer,
  primary key (epoch, source, partition_id, entity) ) without rowid;

create table source_position (     -- where each partition goes on; file identity tells a rotated or truncated log
  source text not null, partition_id text not null, position integer not null, watermark integer, identity text not null, epoch integer not null,
  primary key (source, partition_id) ) without rowid;

create table accounting_reason (
  epoch integer not null, source text not null, entity text not null, outcome text not null, reason_code text not null, row_count integer not null,
  primary key (epoch, source, entity, outcome, reason_code) ) without rowid;

-- Made by each window step; window_5m is the default name of the example's.
-- create table window_5m_revisions (window_start, window_end, facility, event_type, code, unit, event_count, patient_count, abnormal_count,
--   value_min, value_avg, value_max, closed, revision, epoch, primary key (window_start, facility, event_type, code, unit, revision)) without rowid;
-- create view window_5m as the newest revision a key.

-- A revision is a rule's, or a person's (acknowledged, or closed with status_reason by_person): its epoch is the last one committed before it.
create table alert_revisions (
  alert_id text not null, revision integer not null, rule text not null, rule_version text not null, limits_approved integer not null,
  mode text not null check (mode in ('live','shadow','replay','test')), severity text not null,
  status text not null check (status in ('open','revised','retracted','acknowledged','closed')), status_reason text,
  person_id text, subject_system text, subject_id text, encounter_id text, location text, ordering_practitioner_id text,
  code text, value text, unit text, reference_range text, event_time integer not null, effective_time integer, detected_at integer not null,
  acknowledged_by text, acknowledged_at integer, explanation text not null, evidence text not null, labels text, epoch integer not null,
  primary key (alert_id, revision) ) without rowid;
create index alert_unevaluated on alert_revisions (evidence) where rule = 'unevaluated_result';
create view alert as select a.* from alert_revisions a
  where a.revision = (select max(b.revision) from alert_revisions b where b.alert_id = a.alert_id);

create table alert_outbox (
  alert_id text not null, revision integer not null, sink text not null, status text not null check (status in ('waiting','delivered','given_up')),
  attempts integer not null, next_attempt_at integer, delivered_at integer, last_error text,
  primary key (alert_id, revision, sink) ) without rowid;
create index alert_outbox_due on alert_outbox (sink, next_attempt_at) where status = 'waiting';

create table dead_letter (
  source text not null, partition_id text not null, position integer not null, row_number integer not null, step text not null, entity text not null,
  path text, event_id text, event_key text, headers text, received_at integer not null, reason_code text not null, reason text not null, bytes blob not null,
  plan_digest text not null, status text not null check (status in ('open','retried','resolved','discarded')), attempts integer not null,
  resolved_by text, epoch integer not null,
  primary key (source, partition_id, position, row_number, step) ) without rowid;

create table dead_letter_retry (   -- what the source `letters` is made of: partition_id there = source here, position there = number, from 1
  source text not null, number integer not null, partition_id text not null, position integer not null, requested_at integer not null,
  primary key (source, number) ) without rowid;

create table late_event (
  source text not null, partition_id text not null, position integer not null, step text not null, event_time integer not null, watermark integer not null,
  reason_code text not null, reason text not null, bytes blob not null, received_at integer not null, status text not null, epoch integer not null,
  primary key (source, partition_id, position, step) ) without rowid;
