#include "live/op/alert.h"

#include "store/store.h"

static void
put_number(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static void
put_hash(uint8_t *bytes, struct hash128 value)
{
    put_number(bytes, value.low);
    put_number(bytes + 8, value.high);
}

void
alert_id_print(const struct siphash_key *key, const struct alert_identity *identity, char out[ALERT_ID_TEXT_SIZE])
{
    /* Names go in by their hashes, so that no two of them run into one another; their secrecy is the key's. */
    uint8_t        bytes[64];
    struct hash128 keyed;

    put_hash(bytes, hash128(identity->pipeline.data, identity->pipeline.size));
    put_hash(bytes + 16, hash128(identity->rule.data, identity->rule.size));
    put_hash(bytes + 32, identity->subject);
    put_hash(bytes + 48, identity->event);
    keyed = siphash128(key, bytes, sizeof(bytes));

    uint8_t  id[24];
    uint64_t when = (uint64_t)identity->event_us ^ (UINT64_C(1) << 63);
    for (int i = 0; i < 8; i++)
        id[i] = (uint8_t)(when >> (56 - 8 * i));
    put_hash(id + 8, keyed);
    hex_encode(id, sizeof(id), out);
}

struct str
partition_source(const struct partition_names *names, uint32_t partition)
{
    return names->letters == partition + 1 ? STR(STORE_LETTERS_SOURCE) : names->source;
}

struct str
partition_source_of_id(const struct partition_names *names, struct str partition_id)
{
    return names->letters != 0 && str_equal(partition_id, names->ids[names->letters - 1]) ? STR(STORE_LETTERS_SOURCE) : names->source;
}
