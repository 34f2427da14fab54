#include "warehouse/encryption.h"

#include <atomic>
#include <climits>
#include <cstring>
#include <memory>

#include <duckdb/common/encryption_state.hpp>
#include <duckdb/main/client_context.hpp>
#include <duckdb/main/config.hpp>
#include <duckdb/main/connection.hpp>
#include <duckdb/main/database.hpp>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace {

constexpr duckdb::idx_t KEY_SIZE = 32;

/* DuckDB catches what its interface throws and makes an error of it; it never reaches C. */
[[noreturn]] void
fail(const char *what)
{
    throw duckdb::IOException(std::string("OpenSSL cannot ") + what);
}

/* One piece: a block, a record of the log, a buffer that spills. DuckDB makes one for each, with a nonce of its own. */
class Sealing final : public duckdb::EncryptionState {
public:
    Sealing(duckdb::unique_ptr<duckdb::EncryptionStateMetadata> given, std::atomic<uint64_t> &counter)
        : EncryptionState(std::move(given)), context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free), count(counter)
    {
        if (!context)
            throw std::bad_alloc();
        if (metadata->GetCipher() != duckdb::EncryptionTypes::GCM || metadata->GetKeyLen() != KEY_SIZE)
            fail("do another cipher than AES-256-GCM here");
    }

    void
    InitializeEncryption(duckdb::EncryptionNonce &nonce, duckdb::const_data_ptr_t key, duckdb::const_data_ptr_t extra,
                         duckdb::idx_t extra_size) override
    {
        begin(nonce, key, extra, extra_size, true);
    }

    void
    InitializeDecryption(duckdb::EncryptionNonce &nonce, duckdb::const_data_ptr_t key, duckdb::const_data_ptr_t extra,
                         duckdb::idx_t extra_size) override
    {
        begin(nonce, key, extra, extra_size, false);
    }

    /* `out` may be `in`. */
    size_t
    Process(duckdb::const_data_ptr_t in, duckdb::idx_t in_size, duckdb::data_ptr_t out, duckdb::idx_t out_size) override
    {
        int written = 0;

        if (in_size > out_size || in_size > INT_MAX)
            fail("cipher a piece that does not fit");
        if (EVP_CipherUpdate(context.get(), out, &written, in, static_cast<int>(in_size)) != 1)
            fail("cipher");
        return static_cast<size_t>(written);
    }

    size_t
    Finalize(duckdb::data_ptr_t, duckdb::idx_t, duckdb::data_ptr_t tag, duckdb::idx_t tag_size) override
    {
        unsigned char rest[EVP_MAX_BLOCK_LENGTH]; /* GCM leaves nothing for it. */
        int           written = 0;
        const int     size    = static_cast<int>(tag_size);

        if (!is_sealing && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, size, tag) != 1)
            fail("take a tag");
        if (EVP_CipherFinal_ex(context.get(), rest, &written) != 1) {
            if (is_sealing)
                fail("end a seal");
            throw duckdb::IOException(std::string(ENCRYPTION_DAMAGED));
        }
        if (is_sealing && EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, size, tag) != 1)
            fail("give a tag");
        count.fetch_add(1, std::memory_order_relaxed);
        return 0;
    }

    void
    GenerateRandomData(duckdb::data_ptr_t data, duckdb::idx_t size) override
    {
        if (size > INT_MAX || RAND_bytes(data, static_cast<int>(size)) != 1)
            fail("give random bytes");
    }

private:
    void
    begin(duckdb::EncryptionNonce &nonce, duckdb::const_data_ptr_t key, duckdb::const_data_ptr_t extra,
          duckdb::idx_t extra_size, bool seals)
    {
        int        written    = 0;
        const int  mode       = seals ? 1 : 0;
        const auto nonce_size = static_cast<int>(nonce.total_size());

        is_sealing = seals;
        /* In two calls, for the nonce's size must be known before the nonce. */
        if (EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, nullptr, nullptr, mode) != 1 ||
            EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_IVLEN, nonce_size, nullptr) != 1 ||
            EVP_CipherInit_ex(context.get(), nullptr, nullptr, key, nonce.data(), mode) != 1)
            fail("start a cipher");
        if (extra_size > 0 && (extra_size > INT_MAX || EVP_CipherUpdate(context.get(), nullptr, &written, extra,
                                                                        static_cast<int>(extra_size)) != 1))
            fail("cover what is not encrypted");
    }

    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context;
    std::atomic<uint64_t>                                           &count;
    bool                                                             is_sealing = false;
};

class OpenSsl final : public duckdb::EncryptionUtil {
public:
    duckdb::shared_ptr<duckdb::EncryptionState>
    CreateEncryptionState(duckdb::unique_ptr<duckdb::EncryptionStateMetadata> metadata) const override
    {
        return duckdb::make_shared_ptr<Sealing>(std::move(metadata), count);
    }

    void
    OverrideEncryptionUtil() override
    {
    }

    mutable std::atomic<uint64_t> count{ 0 }; /* Outlives the states: the instance holds this as long as it lives. */
};

/* The Galois/Counter Mode of Operation, McGrew and Viega, test case 14: key, nonce and text are all zero. */
const unsigned char KNOWN_TEXT[16] = { 0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                       0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18 };
const unsigned char KNOWN_TAG[16]  = { 0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
                                       0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19 };

duckdb::shared_ptr<duckdb::EncryptionState>
state_of(const duckdb::EncryptionUtil &util)
{
    return util.CreateEncryptionState(duckdb::make_uniq<duckdb::EncryptionStateMetadata>(
        duckdb::EncryptionTypes::GCM, KEY_SIZE, duckdb::EncryptionTypes::V0_1));
}

/* As DuckDB does it: sealed, opened, and refused where one bit is another. */
bool
gives_known_answer(const duckdb::EncryptionUtil &util)
{
    const unsigned char     key[KEY_SIZE] = { 0 };
    unsigned char           text[16]      = { 0 };
    unsigned char           tag[16]       = { 0 };
    duckdb::EncryptionNonce nonce(duckdb::EncryptionTypes::GCM, duckdb::EncryptionTypes::V0_1);

    if (nonce.total_size() != 12)
        return false;
    memset(nonce.data(), 0, nonce.total_size());
    auto sealing = state_of(util);
    sealing->InitializeEncryption(nonce, key);
    if (sealing->Process(text, sizeof text, text, sizeof text) != sizeof text)
        return false;
    sealing->Finalize(text, 0, tag, sizeof tag);
    if (memcmp(text, KNOWN_TEXT, sizeof text) != 0 || memcmp(tag, KNOWN_TAG, sizeof tag) != 0)
        return false;

    auto opening = state_of(util);
    opening->InitializeDecryption(nonce, key);
    opening->Process(text, sizeof text, text, sizeof text);
    opening->Finalize(text, 0, tag, sizeof tag);
    for (unsigned char byte : text)
        if (byte != 0)
            return false;

    auto refusing = state_of(util);
    unsigned char changed[16];
    memcpy(changed, KNOWN_TEXT, sizeof changed);
    changed[3] ^= 1;
    refusing->InitializeDecryption(nonce, key);
    refusing->Process(changed, sizeof changed, changed, sizeof changed);
    try {
        refusing->Finalize(changed, 0, tag, sizeof tag);
    } catch (const duckdb::IOException &) {
        return true;
    }
    return false;
}

duckdb::ClientContext &
context_of(duckdb_connection connection)
{
    return *reinterpret_cast<duckdb::Connection *>(connection)->context;
}

} // namespace

const char *
encryption_install(duckdb_connection connection)
{
    try {
        auto  util    = duckdb::make_shared_ptr<OpenSsl>();
        auto &context = context_of(connection);

        if (!gives_known_answer(*util))
            return "OpenSSL's AES-256-GCM does not give the known answer of its specification";
        duckdb::DBConfig::GetConfig(context).encryption_util = util;
        if (context.db->GetEncryptionUtil(true).get() != util.get())
            return "libduckdb does not take the encryption that it is given";
        return nullptr;
    } catch (const std::exception &) {
        return "OpenSSL or libduckdb failed in the self-test of the encryption";
    }
}

uint64_t
encryption_count(duckdb_connection connection)
{
    const auto *util = dynamic_cast<const OpenSsl *>(duckdb::DBConfig::GetConfig(context_of(connection)).encryption_util.get());

    return util != nullptr ? util->count.load(std::memory_order_relaxed) : 0;
}
