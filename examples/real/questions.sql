-- Twenty questions to the warehouse of examples/real. tests/integration/real.py answers each from the raw files by other means.

-- 1. Patients of the two hospitals by sex and decade of birth
SELECT sex, year(birth_date) // 10 * 10 AS decade, count(*) AS patients
FROM core.patient WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1, 2 ORDER BY 1, 2;

-- 2. Encounters of the two hospitals by class
SELECT patient_system, source_encounter_type, count(*) AS encounters
FROM core.encounter WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1, 2 ORDER BY 1, 2;

-- 3. The five commonest diagnoses, by patients
SELECT source_code, count(DISTINCT patient_id) AS patients
FROM core.condition WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;

-- 4. The last HbA1c of each patient with diabetes or prediabetes (SNOMED CT 44054006, 15777000) of hospital A
SELECT patient_id, source_value AS hba1c, source_units
FROM core.lab_result l
WHERE patient_system = 'urn:example:hospital-a' AND source_component_code = '4548-4'
  AND patient_id IN (SELECT patient_id FROM core.condition WHERE patient_system = 'urn:example:hospital-a' AND source_code IN ('44054006', '15777000'))
QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY effective_time DESC, lab_result_id) = 1 ORDER BY 1;

-- 5. Medicare claims: how many, allowed and paid, by type
SELECT source_claim_type, count(*) AS claims, sum(allowed_amount) AS allowed, sum(paid_amount) AS paid
FROM core.claim WHERE claim_system = 'urn:example:medicare' AND claim_type = 'professional'
GROUP BY 1 ORDER BY 1;

-- 6. The living and the dead of the two hospitals
SELECT patient_system, death_flag, count(*) AS patients
FROM core.patient WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1, 2 ORDER BY 1, 2;

-- 7. The ten commonest medications, by orders
SELECT source_code, count(*) AS orders
FROM core.medication WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10;

-- 8. Immunizations by vaccine
SELECT source_code AS cvx, count(*) AS given
FROM core.immunization WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 1;

-- 9. Patients with an allergy, and allergies
SELECT patient_system, count(DISTINCT patient_id) AS patients, count(*) AS allergies
FROM core.allergy WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 1;

-- 10. Procedures by year
SELECT year(procedure_start_time) AS year, count(*) AS procedures
FROM core.procedure WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 1;

-- 11. Patients with diabetes and hypertension (SNOMED CT 59621000)
SELECT patient_system, count(*) AS patients FROM (
    SELECT patient_system, patient_id FROM core.condition
    WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b') AND source_code IN ('44054006', '59621000')
    GROUP BY 1, 2 HAVING count(DISTINCT source_code) = 2)
GROUP BY 1 ORDER BY 1;

-- 12. Who came to the emergency department most often
SELECT patient_id, count(*) AS visits
FROM core.encounter WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b') AND encounter_type = 'EMER'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;

-- 13. Inpatient stays: how many, and seconds in all
SELECT patient_system, count(*) AS stays, sum(date_diff('second', encounter_start_time, encounter_end_time)) AS seconds
FROM core.encounter WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b') AND encounter_type = 'IMP'
GROUP BY 1 ORDER BY 1;

-- 14. Inpatient stays that began within 30 days of the end of the one before
SELECT patient_system, count(*) AS readmissions FROM (
    SELECT patient_system, encounter_start_time,
           lag(encounter_end_time) OVER (PARTITION BY patient_system, patient_id ORDER BY encounter_start_time, encounter_id) AS ended
    FROM core.encounter WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b') AND encounter_type = 'IMP')
WHERE encounter_start_time >= ended AND encounter_start_time <= ended + INTERVAL 30 DAY
GROUP BY 1 ORDER BY 1;

-- 15. What encounters cost, by class
SELECT source_encounter_type, sum(total_cost) AS cost, sum(payer_coverage) AS covered
FROM core.encounter WHERE patient_system = 'urn:example:hospital-a'
GROUP BY 1 ORDER BY 1;

-- 16. The five busiest practitioners
SELECT attending_practitioner_id, count(*) AS encounters
FROM core.encounter WHERE patient_system IN ('urn:example:hospital-a', 'urn:example:hospital-b')
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5;

-- 17. Conditions of clinic C (FHIR) by clinical status
SELECT status, count(*) AS conditions
FROM core.condition WHERE patient_system = 'urn:example:clinic-c'
GROUP BY 1 ORDER BY 1;

-- 18. The ten commonest laboratory tests of clinic E (FHIR bundles)
SELECT source_component_code AS loinc, count(*) AS results
FROM core.lab_result WHERE patient_system = 'urn:example:clinic-e'
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10;

-- 19. Each patient's last body mass index above 30 (hospital A)
SELECT patient_id, source_value AS bmi FROM (
    SELECT patient_id, source_value, effective_time, observation_id FROM core.observation
    WHERE patient_system = 'urn:example:hospital-a' AND source_code = '39156-5'
    QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY effective_time DESC, observation_id) = 1)
WHERE source_value > 30 ORDER BY 1;

-- 20. Money moved on claims of hospital A, by kind
SELECT payment_type, count(*) AS entries, sum(paid_amount) AS paid, sum(transferred_amount) AS transferred
FROM core.claim_payment WHERE patient_system = 'urn:example:hospital-a'
GROUP BY 1 ORDER BY 1;
