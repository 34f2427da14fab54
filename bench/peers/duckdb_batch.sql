-- The job of heddle's batch leg over Synthea's patients, encounters and observations, hand-written for DuckDB: read, cleanse, type, standardize,
-- set bad rows aside, drop repeats, keep versions, join persons. {folder} has the files, {date} is the logical date; the database is
-- the warehouse, empty on the first day. Run by bench/peers/duckdb_shell.py.
--
-- What heddle does besides, and this does not: input files' digests; every byte and row accounted for; positions of rows in files; raw fields
-- kept; findings at columns counted; a digest of each table; conversion of units in general (here a table of those that occur); a person key;
-- one transaction that a reader sees whole; a run that can be made again. It uses a 64-bit hash where heddle has 128 bits.
--
-- bench/batch.py --whole fills in what makes its rows of observations and results as wide as the ones of heddle: more columns, a hash of 128 bits
-- as text, and the fields as received of each day in a table of their own.
SET preserve_insertion_order = false;
SET threads = {threads};
SET memory_limit = '{memory}';
CREATE TABLE IF NOT EXISTS patient_version (patient_id VARCHAR, person_id VARCHAR, first_name VARCHAR, last_name VARCHAR, sex VARCHAR, race VARCHAR,
  ethnicity VARCHAR, birth_date DATE, death_date DATE, social_security_number VARCHAR, address VARCHAR, city VARCHAR, state VARCHAR, county VARCHAR,
  zip_code VARCHAR, latitude DECIMAL(18,6), longitude DECIMAL(18,6), name_key VARCHAR, content_hash UBIGINT, valid_from TIMESTAMP, valid_to TIMESTAMP,
  is_current BOOLEAN, recorded_on DATE);
CREATE TABLE IF NOT EXISTS encounter_version (patient_id VARCHAR, person_id VARCHAR, encounter_id VARCHAR, source_encounter_type VARCHAR,
  encounter_type VARCHAR, encounter_start_time TIMESTAMP, encounter_end_time TIMESTAMP, organization_id VARCHAR, attending_practitioner_id VARCHAR,
  source_reason_code VARCHAR, reason_description VARCHAR, source_code VARCHAR, code_description VARCHAR, base_cost DECIMAL(18,2),
  total_cost DECIMAL(18,2), payer_coverage DECIMAL(18,2), content_hash UBIGINT, is_current BOOLEAN, recorded_on DATE);
CREATE TABLE IF NOT EXISTS observation_version (patient_id VARCHAR, person_id VARCHAR, encounter_id VARCHAR, observation_id VARCHAR, category VARCHAR,
  source_code VARCHAR, description VARCHAR, result VARCHAR, source_value DECIMAL(18,6), source_units VARCHAR, event_time TIMESTAMP,
  normalized_code VARCHAR, normalized_units VARCHAR, normalized_value DECIMAL(18,6), content_hash {hash_type}, is_current BOOLEAN, recorded_on DATE{more});
CREATE TABLE IF NOT EXISTS lab_result_version (patient_id VARCHAR, person_id VARCHAR, encounter_id VARCHAR, observation_id VARCHAR, category VARCHAR,
  source_code VARCHAR, description VARCHAR, result VARCHAR, source_value DECIMAL(18,6), source_units VARCHAR, event_time TIMESTAMP,
  normalized_code VARCHAR, normalized_units VARCHAR, normalized_value DECIMAL(18,6), content_hash {hash_type}, is_current BOOLEAN, recorded_on DATE{more});
CREATE TABLE IF NOT EXISTS person_identifier (system VARCHAR, value VARCHAR, person_id VARCHAR, recorded_on DATE);
CREATE TABLE IF NOT EXISTS quarantine (file VARCHAR, reason VARCHAR, cells VARCHAR, recorded_on DATE);

CREATE TEMP TABLE patient_row AS
SELECT *, hash(patient_id, first_name, last_name, sex, race, ethnicity, birth_date, death_date, social_security_number, address, city, state, county,
  zip_code, latitude, longitude) AS content_hash
FROM (SELECT nullif(trim(Id), '') AS patient_id, md5('E|' || trim(Id)) AS person_id, nullif(trim(FIRST), '') AS first_name, nullif(trim(LAST), '') AS last_name,
  CASE upper(trim(GENDER)) WHEN 'F' THEN 'female' WHEN 'M' THEN 'male' ELSE 'unknown' END AS sex, lower(nullif(trim(RACE), '')) AS race,
  lower(nullif(trim(ETHNICITY), '')) AS ethnicity, TRY_CAST(BIRTHDATE AS DATE) AS birth_date, TRY_CAST(DEATHDATE AS DATE) AS death_date,
  CASE WHEN length(regexp_replace(SSN, '[^0-9]', '', 'g')) = 9 THEN regexp_replace(SSN, '[^0-9]', '', 'g') END AS social_security_number,
  nullif(trim(ADDRESS), '') AS address, nullif(trim(CITY), '') AS city, nullif(trim(STATE), '') AS state, nullif(trim(COUNTY), '') AS county,
  CASE WHEN regexp_matches(ZIP, '^[0-9]{5}(-[0-9]{4})?$') THEN ZIP WHEN regexp_matches(ZIP, '^[0-9]{4}$') THEN '0' || ZIP END AS zip_code,
  TRY_CAST(LAT AS DECIMAL(18,6)) AS latitude, TRY_CAST(LON AS DECIMAL(18,6)) AS longitude,
  upper(regexp_replace(LAST, '[^A-Za-z]', '', 'g')) || ' ' || upper(regexp_replace(FIRST, '[^A-Za-z]', '', 'g')) AS name_key
  FROM read_csv('{folder}/patients.csv', all_varchar = true, header = true));
CREATE TEMP TABLE patient_new AS
SELECT DISTINCT ON (patient_id) n.* FROM patient_row n
LEFT JOIN (SELECT patient_id, content_hash FROM patient_version WHERE is_current) c USING (patient_id)
WHERE n.patient_id IS NOT NULL AND c.content_hash IS DISTINCT FROM n.content_hash;
UPDATE patient_version SET is_current = false, valid_to = TIMESTAMP '{date}' WHERE is_current AND patient_id IN (SELECT patient_id FROM patient_new);
INSERT INTO patient_version SELECT patient_id, person_id, first_name, last_name, sex, race, ethnicity, birth_date, death_date, social_security_number,
  address, city, state, county, zip_code, latitude, longitude, name_key, content_hash, TIMESTAMP '{date}', NULL, true, DATE '{date}' FROM patient_new;
INSERT INTO person_identifier SELECT DISTINCT 'E', patient_id, person_id, DATE '{date}' FROM patient_row n WHERE patient_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM person_identifier p WHERE p.value = n.patient_id);

CREATE TEMP TABLE encounter_row AS
SELECT *, hash(patient_id, encounter_id, source_encounter_type, encounter_start_time, encounter_end_time, organization_id, attending_practitioner_id,
  source_reason_code, reason_description, source_code, code_description, base_cost, total_cost, payer_coverage) AS content_hash
FROM (SELECT nullif(trim(PATIENT), '') AS patient_id, md5('E|' || trim(PATIENT)) AS person_id, nullif(trim(Id), '') AS encounter_id,
  nullif(trim(ENCOUNTERCLASS), '') AS source_encounter_type,
  CASE lower(trim(ENCOUNTERCLASS)) WHEN 'emergency' THEN 'EMER' WHEN 'inpatient' THEN 'IMP' ELSE 'AMB' END AS encounter_type,
  TRY_CAST(START AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS encounter_start_time, TRY_CAST(STOP AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS encounter_end_time,
  nullif(trim(ORGANIZATION), '') AS organization_id, nullif(trim(PROVIDER), '') AS attending_practitioner_id,
  nullif(trim(REASONCODE), '') AS source_reason_code, nullif(trim(REASONDESCRIPTION), '') AS reason_description, nullif(trim(CODE), '') AS source_code,
  nullif(trim(DESCRIPTION), '') AS code_description, TRY_CAST(BASE_ENCOUNTER_COST AS DECIMAL(18,2)) AS base_cost,
  TRY_CAST(TOTAL_CLAIM_COST AS DECIMAL(18,2)) AS total_cost, TRY_CAST(PAYER_COVERAGE AS DECIMAL(18,2)) AS payer_coverage
  FROM read_csv('{folder}/encounters.csv', all_varchar = true, header = true));
CREATE TEMP TABLE encounter_new AS
SELECT DISTINCT n.* FROM encounter_row n
ANTI JOIN encounter_version c ON c.encounter_id = n.encounter_id AND c.content_hash = n.content_hash
WHERE n.patient_id IS NOT NULL AND n.encounter_id IS NOT NULL AND encounter_start_time IS NOT NULL;
UPDATE encounter_version SET is_current = false WHERE is_current AND encounter_id IN (SELECT encounter_id FROM encounter_new);
INSERT INTO encounter_version SELECT *, true, DATE '{date}' FROM encounter_new;

CREATE TEMP TABLE code AS
SELECT source_code, CASE WHEN regexp_matches(source_code, '^[0-9]+-[0-9]$')
  AND (10 - (list_sum(list_transform(string_split(reverse(split_part(source_code, '-', 1)), ''), lambda d, i:
    CASE WHEN i % 2 = 0 THEN CAST(d AS INTEGER) WHEN CAST(d AS INTEGER) >= 5 THEN CAST(d AS INTEGER) * 2 - 9 ELSE CAST(d AS INTEGER) * 2 END)) % 10)) % 10
    = CAST(split_part(source_code, '-', 2) AS INTEGER) THEN source_code END AS normalized_code
FROM (SELECT DISTINCT nullif(trim(CODE), '') AS source_code FROM read_csv('{folder}/observations.csv', all_varchar = true, header = true));
CREATE TEMP TABLE unit (source_units VARCHAR, normalized_units VARCHAR);
INSERT INTO unit SELECT u, u FROM (VALUES ('cm'), ('kg'), ('kg/m2'), ('mm[Hg]'), ('/min'), ('{score}'), ('mg/dL'), ('mmol/L'), ('g/dL'), ('10*3/uL')) t(u);
CREATE TEMP TABLE observation_row AS
SELECT r.patient_id, md5('E|' || patient_id) AS person_id, encounter_id, md5(concat_ws('|', DATE, encounter_id, source_code)) AS observation_id, category, source_code, description, result,
  source_value, source_units, event_time, normalized_code, CASE WHEN normalized_code IS NOT NULL THEN normalized_units END AS normalized_units,
  CASE WHEN normalized_code IS NOT NULL AND normalized_units IS NOT NULL THEN source_value END AS normalized_value,
  {hash}patient_id, encounter_id, category, source_code, description, result, source_value, source_units, event_time{hash_end} AS content_hash, DATE, is_bad
FROM (SELECT nullif(trim(PATIENT), '') AS patient_id, nullif(trim(ENCOUNTER), '') AS encounter_id, nullif(trim(CATEGORY), '') AS category,
  nullif(trim(CODE), '') AS source_code, nullif(trim(DESCRIPTION), '') AS description, nullif(trim(VALUE), '') AS result, DATE,
  CASE WHEN TYPE = 'numeric' THEN TRY_CAST(VALUE AS DECIMAL(18,6)) END AS source_value, nullif(trim(UNITS), '') AS source_units,
  TRY_CAST(DATE AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS event_time,
  event_time IS NULL OR patient_id IS NULL OR source_code IS NULL AS is_bad
  FROM read_csv('{folder}/observations.csv', all_varchar = true, header = true)) r
LEFT JOIN code USING (source_code) LEFT JOIN unit USING (source_units);
INSERT INTO quarantine SELECT 'observations.csv', 'bad_timestamp', concat_ws(',', DATE, patient_id, encounter_id, category, source_code, description, result),
  DATE '{date}' FROM observation_row WHERE is_bad;

CREATE TEMP TABLE observation_new AS
SELECT DISTINCT n.* EXCLUDE (DATE, is_bad) FROM observation_row n
ANTI JOIN observation_version c ON c.observation_id = n.observation_id AND c.content_hash = n.content_hash
WHERE NOT is_bad AND category IS DISTINCT FROM 'laboratory' AND result IS NOT NULL;
UPDATE observation_version SET is_current = false WHERE is_current AND observation_id IN (SELECT observation_id FROM observation_new);
INSERT INTO observation_version SELECT *, true, DATE '{date}'{more_values} FROM observation_new;

CREATE TEMP TABLE lab_result_new AS
SELECT DISTINCT n.* EXCLUDE (DATE, is_bad) FROM observation_row n
ANTI JOIN lab_result_version c ON c.observation_id = n.observation_id AND c.content_hash = n.content_hash
WHERE NOT is_bad AND category = 'laboratory' AND result IS NOT NULL;
UPDATE lab_result_version SET is_current = false WHERE is_current AND observation_id IN (SELECT observation_id FROM lab_result_new);
INSERT INTO lab_result_version SELECT *, true, DATE '{date}'{more_values} FROM lab_result_new;
{raw}
CHECKPOINT;
