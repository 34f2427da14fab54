/* Decoding generated CSV, HL7 v2, JSON events and FHIR: GB/s, and nanoseconds a record. One thread, texts borrowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yyjson.h>

#include "base/limits.h"
#include "fhir_loads.h"
#include "format/decoder.h"

#define FIELD_COUNT 12
#define INPUT_SIZE  (32u << 20)
#define RECORD_SIZE_MAX (16u << 10)
/* The machine does other things too: the best of several rounds is what the code can do. */
#define ROUND_COUNT 10

struct load {
    const char       *name;
    enum model_format format;
    const char       *head;
    const char       *record;
    const char       *each;
    const char       *paths[FIELD_COUNT]; /* None: with the mappings of the model only. */
    /* Behind `record`, which then is a head. */
    const char       *item;
    unsigned          item_count;
    const char       *tail;
};

static const struct load LOADS[] = {
    { "csv", MODEL_CSV, "A,B,C,D,E,F,G,H,I,J,K,L\n",
      "2024-01-01T00:00:00Z,5b7f1e0a-0000-4000-8000-000000000001,encounter,laboratory,2823-3,Potassium,4.1,mmol/L,numeric,x,,z\n",
      NULL, { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L" }, NULL, 0, NULL },
    { "hl7v2", MODEL_HL7V2, "",
      "MSH|^~\\&|LAB|HOSP|EDW|HOSP|20240101||ORU^R01|17|P|2.5.1\rPID|1||7^^^H^MR||Doe^Jane||19700101|F\r"
      "OBR|1|P1|F1|24323-8^CMP^LN|||20240101\rOBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F|||20240101\r"
      "OBX|2|NM|2951-2^Sodium^LN||140|mmol/L|136-145|N|||F|||20240101\r",
      "OBX", { "MSH-9.1", "PID-3[5=MR|PI|].1", "OBR-3.1", "OBR-4@LN.1", "OBX-2", "OBX-3@LN.1", "OBX-3.2", "OBX-5.*", "OBX-6.1",
        "OBX-7", "OBX-8", "OBX-14.1" }, NULL, 0, NULL },
    /* What a laboratory sends: 2 KB, of which a third is of interest. */
    { "oru2k", MODEL_HL7V2, "",
      "MSH|^~\\&|LABSYS^2.16.840.1.113883.19.3.1^ISO|GENERAL HOSPITAL^2.16.840.1.113883.19.3^ISO|EDW|HOSP|20240101083012-0500||"
      "ORU^R01^ORU_R01|MSG20240101083012000017|P|2.5.1|||AL|NE|USA\r"
      "PID|1||700017^^^GENERAL HOSPITAL&2.16.840.1.113883.19.3&ISO^MR~999-00-1234^^^SSA^SS||Doe^Jane^Marie^^Mrs^^L||19700101|F|||"
      "4711 Main Street^Apt 3^Springfield^MA^01101^USA^H||^PRN^PH^^1^413^5550101|||M||700017001^^^GENERAL HOSPITAL^AN\r"
      "PV1|1|I|4W^412^A^GENERAL HOSPITAL||||1234567893^Smith^John^^^Dr^^^NPI|||MED||||7|||1234567893^Smith^John^^^Dr^^^NPI|IN|"
      "V0017^^^GENERAL HOSPITAL^VN\r"
      "ORC|RE|ORD4711^EHR|FIL4711^LABSYS||CM||||20240101070000-0500|||1234567893^Smith^John^^^Dr^^^NPI\r"
      "OBR|1|ORD4711^EHR|FIL4711^LABSYS|24323-8^Comprehensive metabolic 2000 panel^LN^CMP^Comp Metabolic^L|||20240101071500-0500|||"
      "NURSE7^Flow^Nadine||||20240101074500-0500|SER^Serum^HL70487|1234567893^Smith^John^^^Dr^^^NPI||||||20240101083000-0500||CH|F\r"
      "OBX|1|NM|2951-2^Sodium [Moles/volume] in Serum^LN^NA^Sodium^L||140|mmol/L^mmol/L^UCUM|136-145|N|||F|||20240101071500-0500||TECH3\r"
      "OBX|2|NM|2823-3^Potassium [Moles/volume] in Serum^LN^K^Potassium^L||4.1|mmol/L^mmol/L^UCUM|3.5-5.1|N|||F|||20240101071500-0500||TECH3\r"
      "OBX|3|NM|2075-0^Chloride [Moles/volume] in Serum^LN^CL^Chloride^L||101|mmol/L^mmol/L^UCUM|98-107|N|||F|||20240101071500-0500||TECH3\r"
      "OBX|4|NM|2160-0^Creatinine [Mass/volume] in Serum^LN^CREA^Creatinine^L||0.9|mg/dL^mg/dL^UCUM|0.6-1.1|N|||F|||20240101071500-0500||TECH3\r"
      "OBX|5|NM|2345-7^Glucose [Mass/volume] in Serum^LN^GLU^Glucose^L||134|mg/dL^mg/dL^UCUM|70-99|H|||F|||20240101071500-0500||TECH3\r"
      "NTE|1|L|Fasting state of the patient was not stated with the order.\r",
      "OBX", { "MSH-9.1", "PID-3[5=MR|PI|].1", "OBR-3.1", "OBR-4@LN.1", "OBX-2", "OBX-3@LN.1", "OBX-3.2", "OBX-5.*", "OBX-6.1",
        "OBX-7", "OBX-8", "OBX-14.1" }, NULL, 0, NULL },
    { "event", MODEL_JSON, "",
      "{\"type\":\"lab_result\",\"event_id\":\"e1000001\",\"event_time\":\"2024-01-01T00:00:00Z\",\"system\":\"urn:oid:1.2\","
      "\"patient_id\":\"P100001\",\"facility\":\"STE\",\"code\":\"2823-3\",\"value\":4.1,\"unit\":\"mmol/L\",\"low\":3.5,\"high\":5.1,"
      "\"status\":\"F\"}\n",
      NULL, { "type", "event_id", "event_time", "system", "patient_id", "facility", "code", "value", "unit", "low", "high", "status" }, NULL, 0, NULL },
    /* An Encounter of a bulk export of Synthea's. */
    { "fhir", MODEL_FHIR_R4, "",
      "{\"resourceType\":\"Encounter\",\"id\":\"00c7f717-4030-5582-2ed8-888ad2bc878e\",\"meta\":{\"profile\":[\"http://hl7.or"
      "g/fhir/us/core/StructureDefinition/us-core-encounter\"]},\"identifier\":[{\"use\":\"official\",\"system\":\"https://gi"
      "thub.com/synthetichealth/synthea\",\"value\":\"00c7f717-4030-5582-2ed8-888ad2bc878e\"}],\"status\":\"finished\",\"clas"
      "s\":{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":\"AMB\"},\"type\":[{\"coding\":[{\"syste"
      "m\":\"http://snomed.info/sct\",\"code\":\"185347001\",\"display\":\"Encounter for problem (procedure)\"}],\"text\":\"E"
      "ncounter for problem (procedure)\"}],\"subject\":{\"reference\":\"Patient/79a66c97-6131-3213-f3c9-4606946ab056\",\"dis"
      "play\":\"Mrs. Marine542 Ai120 Upton904\"},\"participant\":[{\"type\":[{\"coding\":[{\"system\":\"http://terminology.hl"
      "7.org/CodeSystem/v3-ParticipationType\",\"code\":\"PPRF\",\"display\":\"primary performer\"}],\"text\":\"primary perfo"
      "rmer\"}],\"period\":{\"start\":\"1989-10-04T02:25:16-04:00\",\"end\":\"1989-10-04T06:20:16-04:00\"},\"individual\":{\""
      "reference\":\"Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|9999974493\",\"display\":\"Dr. Chelsey293 Simonis"
      "280\"}}],\"period\":{\"start\":\"1989-10-04T02:25:16-04:00\",\"end\":\"1989-10-04T06:20:16-04:00\"},\"reasonCode\":[{\""
      "coding\":[{\"system\":\"http://snomed.info/sct\",\"code\":\"46177005\",\"display\":\"End-stage renal disease (disorder"
      ")\"}]}],\"location\":[{\"location\":{\"reference\":\"Location?identifier=https://github.com/synthetichealth/synthea|3b"
      "23bdf7-5bd6-30bf-85a9-a37d7d74938a\",\"display\":\"NEWMAN MEMORIAL COUNTY HOSPITAL\"}}],\"serviceProvider\":{\"referen"
      "ce\":\"Organization?identifier=https://github.com/synthetichealth/synthea|a261e1fc-9361-3633-a2c4-8569a04b818d\",\"dis"
      "play\":\"NEWMAN MEMORIAL COUNTY HOSPITAL\"}}\n",
      NULL, { "resourceType", "id", "status", "class.code", "type[0].coding[0].code", "subject.reference", "participant[0].individual.reference",
        "period.start", "period.end", "location[0].location.display", "serviceProvider.reference", "@fullUrl" }, NULL, 0, NULL },
    { .name = "observation", .format = MODEL_FHIR_R4, .head = "", .record = OBSERVATION },
    { .name = "condition", .format = MODEL_FHIR_R4, .head = "", .record = CONDITION },
    { .name = "patient", .format = MODEL_FHIR_R4, .head = "", .record = PATIENT },
    { .name = "claim", .format = MODEL_FHIR_R4, .head = "", .record = CLAIM_HEAD, .item = CLAIM_ITEM, .item_count = 3, .tail = CLAIM_TAIL },
    { .name = "eob", .format = MODEL_FHIR_R4, .head = "", .record = EOB_HEAD, .item = EOB_ITEM, .item_count = 3, .tail = EOB_TAIL },
};

static enum status
drop_rows(void *context, uint32_t mapping_index, struct chunk *chunk, struct error *err)
{
    (void)mapping_index;
    (void)err;
    *(int64_t *)context += chunk->row_count;
    return ST_OK;
}

static double
now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Appends to a record; quotes are written as fhir_loads.h says. */
static size_t
append(const struct load *load, char *record, size_t size, const char *text)
{
    for (; *text != '\0'; text++) {
        if (load->paths[0] == NULL && *text == '`')
            record[size++] = '\\';
        record[size++] = load->paths[0] == NULL && (*text == '\'' || *text == '`') ? '"' : *text;
    }
    return size;
}

/* The size of the load's record. */
static size_t
make_record(const struct load *load, char record[RECORD_SIZE_MAX])
{
    size_t size = append(load, record, 0, load->record);
    for (unsigned i = 0; i < load->item_count; i++)
        size = append(load, record, size, load->item);
    return append(load, record, size, load->tail != NULL ? load->tail : "");
}

/* The load's records, as many as fit. The caller frees; NULL: no memory. */
static char *
make_input(const struct load *load, size_t *ret_size, size_t *ret_record_size)
{
    static char record[RECORD_SIZE_MAX];
    size_t      head_size   = strlen(load->head);
    size_t      record_size = make_record(load, record);
    size_t      size        = head_size;
    char       *bytes       = malloc(INPUT_SIZE);

    if (bytes == NULL)
        return NULL;
    memcpy(bytes, load->head, head_size);
    for (; size + record_size <= INPUT_SIZE; size += record_size)
        memcpy(bytes + size, record, record_size);
    *ret_size        = size;
    *ret_record_size = record_size;
    return bytes;
}

static int
decode(const struct load *load, const struct mapping *const *mappings, uint32_t mapping_count)
{
    struct decode_plan_options   plan_options = { .format = load->format };
    const struct decoder_options options      = { .is_borrowing = true };
    int64_t                      row_count    = 0;
    const struct decode_sink     sink         = { &row_count, drop_rows, NULL, NULL };
    struct decode_plan          *plan         = NULL;
    struct decode_layout        *layout       = NULL;
    struct decoder              *decoder      = NULL;
    struct error                 err          = ERROR_EMPTY;
    size_t                       size         = 0;
    size_t                       used         = 0;
    double                       best_s = 0, best_records = 1;
    size_t                       record_size  = 0;
    char                        *bytes        = make_input(load, &size, &record_size);

    int failed = bytes == NULL
                 || decode_plan_compile(&plan_options, mappings, mapping_count, NULL, NULL, &plan, &err) != ST_OK
                 || decode_layout_open(plan, STR_EMPTY, bytes, size, true, NULL, &layout, &err) != ST_OK
                 || decoder_open(plan, layout, &options, &sink, &decoder, &err) != ST_OK;
    for (unsigned round = 0; round < ROUND_COUNT && !failed; round++) {
        decoder_reset(decoder); /* It goes back to the beginning. */
        int64_t before = decoder_counts(decoder)->record_count;
        double  begin  = now_s();
        failed         = decoder_decode(decoder, bytes, size, 0, true, 0, &used, &err) != ST_OK;
        double taken   = now_s() - begin;
        double records = (double)(decoder_counts(decoder)->record_count - before);
        if (round == 0 || taken < best_s) {
            best_s       = taken;
            best_records = records;
        }
    }
    printf("%-17s %.2f GB/s, %.0f ns a record of %zu bytes, %.1f rows a record; best of %d\n", load->name,
           (double)size / best_s / 1e9, best_s / best_records * 1e9, record_size,
           (double)row_count / best_records / ROUND_COUNT, ROUND_COUNT);
    decoder_free(decoder);
    decode_layout_free(layout);
    decode_plan_free(plan);
    free(bytes);
    return failed;
}

/* The same members by yyjson alone, each line copied and read in place, numbers as text: what a decoder that keeps no rows would cost. */
static int
read_by_yyjson(const struct load *load)
{
    static char pool[64u << 10];
    size_t      size = 0, record_size = 0, found = 0;
    double      best_s = 0;
    char       *bytes  = make_input(load, &size, &record_size), *copy = malloc(record_size + YYJSON_PADDING_SIZE);
    size_t      count  = size / record_size;

    for (unsigned round = 0; round < ROUND_COUNT && bytes != NULL && copy != NULL; round++) {
        double begin = now_s();
        for (size_t i = 0; i < count; i++) {
            yyjson_alc alc;
            yyjson_alc_pool_init(&alc, pool, sizeof pool);
            memcpy(copy, bytes + i * record_size, record_size);
            memset(copy + record_size, 0, YYJSON_PADDING_SIZE);
            yyjson_doc *doc = yyjson_read_opts(copy, record_size, YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, NULL);
            for (unsigned field = 0; doc != NULL && field < FIELD_COUNT; field++)
                found += yyjson_obj_get(yyjson_doc_get_root(doc), load->paths[field]) != NULL;
        }
        double taken = now_s() - begin;
        best_s       = round == 0 || taken < best_s ? taken : best_s;
    }
    printf("%-10s yyjson %.2f GB/s, %.0f ns a record of %zu bytes, %zu members a record; best of %d\n", load->name, (double)size / best_s / 1e9,
           best_s / (double)count * 1e9, record_size, found / count / ROUND_COUNT, ROUND_COUNT);
    int failed = found != count * ROUND_COUNT * FIELD_COUNT;
    free(bytes);
    free(copy);
    return failed;
}

/* One mapping of the load's twelve paths. */
static int
run_paths(const struct load *load)
{
    struct model_text     texts[FIELD_COUNT];
    struct mapping_field  fields[FIELD_COUNT];
    struct model_text     each    = { str_from(load->each), 1, 1 };
    struct mapping        mapping = { .name = load->name, .file = "bench", .format = load->format, .fields = fields,
                                      .field_count = FIELD_COUNT, .each = &each, .each_count = load->each != NULL };
    const struct mapping *pointer = &mapping;

    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        texts[i]  = (struct model_text){ str_from(load->paths[i]), 1, 1 };
        fields[i] = (struct mapping_field){ .name = load->paths[i], .paths = &texts[i], .path_count = 1 };
    }
    return decode(load, &pointer, 1);
}

/* All mappings of the model that read the format, as a run has them. */
static int
run_model(const struct load *load)
{
    const struct mapping *mappings[FORMAT_MAPPING_COUNT_MAX];
    uint32_t              count  = 0;
    struct model         *model  = NULL;
    struct load           of_all = *load;
    char                  name[32];

    if (model_load(NULL, 0, NULL, NULL, &model, NULL) != ST_OK)
        return 1;
    for (uint32_t i = 0; i < model->mapping_count && count < FORMAT_MAPPING_COUNT_MAX; i++) {
        if (model->mappings[i].format == load->format)
            mappings[count++] = &model->mappings[i];
    }
    snprintf(name, sizeof name, "%s model", load->name);
    of_all.name = name;
    int failed  = decode(&of_all, mappings, count);
    model_free(model);
    return failed;
}

/* bench_decode [NAME]: all loads, or one. CSV has no model's mapping: its header is none of the world. */
int
main(int argument_count, char **arguments)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof LOADS / sizeof LOADS[0]; i++) {
        if (argument_count > 1 && strcmp(arguments[1], LOADS[i].name) != 0)
            continue;
        if (LOADS[i].paths[0] != NULL)
            failed |= run_paths(&LOADS[i]);
        if (LOADS[i].format != MODEL_CSV)
            failed |= run_model(&LOADS[i]);
        if (LOADS[i].format == MODEL_JSON)
            failed |= read_by_yyjson(&LOADS[i]);
    }
    return failed;
}
