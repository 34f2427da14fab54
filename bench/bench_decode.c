/* Decoding generated CSV, HL7 v2 and JSON events: GB/s, and nanoseconds a record. One thread, texts borrowed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format/decoder.h"

#define FIELD_COUNT 12
#define INPUT_SIZE  (64u << 20)

struct load {
    const char       *name;
    enum model_format format;
    const char       *head;
    const char       *record;
    const char       *each;
    const char       *paths[FIELD_COUNT];
};

static const struct load LOADS[] = {
    { "csv", MODEL_CSV, "A,B,C,D,E,F,G,H,I,J,K,L\n",
      "2024-01-01T00:00:00Z,5b7f1e0a-0000-4000-8000-000000000001,encounter,laboratory,2823-3,Potassium,4.1,mmol/L,numeric,x,,z\n",
      NULL, { "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L" } },
    { "hl7v2", MODEL_HL7V2, "",
      "MSH|^~\\&|LAB|HOSP|EDW|HOSP|20240101||ORU^R01|17|P|2.5.1\rPID|1||7^^^H^MR||Doe^Jane||19700101|F\r"
      "OBR|1|P1|F1|24323-8^CMP^LN|||20240101\rOBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F|||20240101\r"
      "OBX|2|NM|2951-2^Sodium^LN||140|mmol/L|136-145|N|||F|||20240101\r",
      "OBX", { "MSH-9.1", "PID-3[5=MR|PI|].1", "OBR-3.1", "OBR-4@LN.1", "OBX-2", "OBX-3@LN.1", "OBX-3.2", "OBX-5.*", "OBX-6.1",
        "OBX-7", "OBX-8", "OBX-14.1" } },
    { "event", MODEL_JSON, "",
      "{\"type\":\"lab_result\",\"event_id\":\"e1000001\",\"event_time\":\"2024-01-01T00:00:00Z\",\"system\":\"urn:oid:1.2\","
      "\"patient_id\":\"P100001\",\"facility\":\"STE\",\"code\":\"2823-3\",\"value\":4.1,\"unit\":\"mmol/L\",\"low\":3.5,\"high\":5.1,"
      "\"status\":\"F\"}\n",
      NULL, { "type", "event_id", "event_time", "system", "patient_id", "facility", "code", "value", "unit", "low", "high", "status" } },
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

static int
run(const struct load *load)
{
    struct model_text            texts[FIELD_COUNT];
    struct mapping_field         fields[FIELD_COUNT];
    struct model_text            each    = { str_from(load->each), 1, 1 };
    struct mapping               mapping = { .name = load->name, .file = "bench", .format = load->format, .fields = fields,
                                             .field_count = FIELD_COUNT, .each = &each, .each_count = load->each != NULL };
    const struct mapping        *pointer = &mapping;
    struct decode_plan_options   plan_options = { .format = load->format };
    const struct decoder_options options      = { .is_borrowing = true };
    int64_t                      row_count    = 0;
    const struct decode_sink     sink         = { &row_count, drop_rows, NULL, NULL };
    struct decode_plan          *plan         = NULL;
    struct decode_layout        *layout       = NULL;
    struct decoder              *decoder      = NULL;
    struct error                 err          = ERROR_EMPTY;
    size_t                       size         = strlen(load->head);
    size_t                       record_size  = strlen(load->record);
    size_t                       used         = 0;
    char                        *bytes        = malloc(INPUT_SIZE);

    if (bytes == NULL)
        return 1;
    memcpy(bytes, load->head, size);
    for (; size + record_size <= INPUT_SIZE; size += record_size)
        memcpy(bytes + size, load->record, record_size);
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        texts[i]  = (struct model_text){ str_from(load->paths[i]), 1, 1 };
        fields[i] = (struct mapping_field){ .name = load->paths[i], .paths = &texts[i], .path_count = 1 };
    }
    int failed = decode_plan_compile(&plan_options, &pointer, 1, NULL, NULL, &plan, &err) != ST_OK
                 || decode_layout_open(plan, bytes, size, true, NULL, &layout, &err) != ST_OK
                 || decoder_open(plan, layout, &options, &sink, &decoder, &err) != ST_OK;
    for (unsigned round = 0; round < 4 && !failed; round++) {
        int64_t before = decoder_counts(decoder)->record_count;
        double  begin  = now_s();
        failed         = decoder_decode(decoder, bytes, size, 0, true, 0, &used, &err) != ST_OK;
        double taken   = now_s() - begin;
        double records = (double)(decoder_counts(decoder)->record_count - before);
        if (round > 0)
            printf("%-6s %.2f GB/s, %.0f ns a record of %zu bytes, %lld rows so far\n", load->name, (double)size / taken / 1e9,
                   taken / records * 1e9, record_size, (long long)row_count);
    }
    decoder_free(decoder);
    decode_layout_free(layout);
    decode_plan_free(plan);
    free(bytes);
    return failed;
}

int
main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof LOADS / sizeof LOADS[0]; i++)
        failed |= run(&LOADS[i]);
    return failed;
}
