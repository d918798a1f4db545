#include "shared/auth/token.hpp"

#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <span>
#include <system_error>

#include "shared/config.hpp"
#include "shared/http/error.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "shared/uuid.hpp"

namespace {

constexpr char this_service[] = "steelthread";
constexpr std::int64_t leeway_seconds = 30;
constexpr std::int64_t end_of_time = std::int64_t{1} << 53;  // doubles are exact below it
constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t known_tokens = 512;

using Key = std::shared_ptr<EVP_MAC_CTX>;
using Mac = std::array<unsigned char, 32>;

[[noreturn]] void refuse(std::string_view part, std::string_view reason) {
    throw TokenError{std::string{part}.append(": ").append(reason)};
}

// --- signatures

// OpenSSL's HMAC() looks the algorithm up on each call, which takes longer than the HMAC itself.
Key prepare_key(std::string_view secret) {
    const std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> algorithm{
        EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr), EVP_MAC_free};
    Key key{algorithm ? EVP_MAC_CTX_new(algorithm.get()) : nullptr, EVP_MAC_CTX_free};
    char digest[] = OSSL_DIGEST_NAME_SHA2_256;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    const auto* bytes = reinterpret_cast<const unsigned char*>(secret.data());
    if (!key || EVP_MAC_init(key.get(), bytes, secret.size(), parameters) != 1)
        throw std::runtime_error("OpenSSL offers no HMAC-SHA-256");
    return key;
}

// Initialising without a key starts over with the one that was prepared.
Mac mac_of(const Key& key, std::string_view text) {
    Mac mac{};
    std::size_t size = 0;
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    if (EVP_MAC_init(key.get(), nullptr, 0, nullptr) != 1 ||
        EVP_MAC_update(key.get(), bytes, text.size()) != 1 ||
        EVP_MAC_final(key.get(), mac.data(), &size, mac.size()) != 1 || size != mac.size())
        throw std::runtime_error("OpenSSL failed to compute an HMAC");
    return mac;
}

// --- base64url (RFC 7515, section 2)

constexpr auto sextets = [] {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array<signed char, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
    return table;
}();

// Exactly one text stands for given bytes: two texts of one token would slip past whatever
// remembers tokens by their text.
std::string decode(std::string_view text, std::string_view part) {
    std::string bytes;
    bytes.reserve(text.size() * 3 / 4);
    std::uint32_t pending = 0;
    int bits = 0;
    for (const char c : text) {
        const auto sextet = sextets[static_cast<unsigned char>(c)];
        if (sextet < 0) refuse(part, "not base64url");
        pending = pending << 6 | static_cast<std::uint32_t>(sextet);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(pending >> bits & 0xff);
    }
    if (bits == 6) refuse(part, "cut off");
    if ((pending & ((1u << bits) - 1)) != 0) refuse(part, "not canonical base64url");
    return bytes;
}

// --- JSON

rapidjson::Document parse_object(std::string_view text, std::string_view part) {
    try {
        auto document = json::parse(text);
        if (!document.IsObject()) refuse(part, "no object");
        return document;
    } catch (const ApiError& error) {
        refuse(part, error.details().empty() ? "no JSON" : error.details().front().message);
    }
}

const rapidjson::Value* find(const rapidjson::Value& object, std::string_view name) {
    const auto found = object.FindMember(rapidjson::Value(
        rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
    return found == object.MemberEnd() ? nullptr : &found->value;
}

// --- the JWS

// `crit` names extensions that must be understood, and none is; `b64` and `zip` change what the
// payload means; the others bring the signer's own key along.
constexpr std::string_view refused_headers[] = {"b64", "crit", "jku", "jwk", "x5c", "x5u", "zip"};

void check_header(std::string_view text) {
    const auto header = parse_object(text, "header");
    const auto* algorithm = find(header, "alg");
    if (!algorithm || !algorithm->IsString() || json::text_of(*algorithm) != "HS256")
        refuse("header", "alg is not HS256");
    for (const auto name : refused_headers)
        if (find(header, name)) refuse("header", std::string{name} + " is not allowed");
    const auto* type = find(header, "typ");
    if (type && (!type->IsString() || !ascii_iequals(json::text_of(*type), "JWT")))
        refuse("header", "typ is not JWT");
}

struct SignedParts {
    std::string_view header;
    std::string_view payload;
    Mac mac;
};

// The signature comes first: nothing that a stranger wrote reaches the parsers.
SignedParts check_signature(std::span<const Key> keys, std::string_view token) {
    if (token.size() > max_token_bytes) refuse("token", "longer than 8 KiB");
    const auto first = token.find('.');
    const auto last = token.rfind('.');
    if (first == last || token.find('.', first + 1) != last) refuse("token", "not three parts");

    const auto signature = decode(token.substr(last + 1), "signature");
    if (signature.size() != sizeof(Mac)) refuse("signature", "not 32 bytes");
    for (const auto& key : keys) {
        const auto mac = mac_of(key, token.substr(0, last));
        if (CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0)
            return {token.substr(0, first), token.substr(first + 1, last - first - 1), mac};
    }
    refuse("signature", "made with another key");
}

std::string payload_of(const SignedParts& parts) {
    check_header(decode(parts.header, "header"));
    return decode(parts.payload, "payload");
}

// --- claims

std::optional<std::int64_t> integer_claim(const rapidjson::Value& claims, std::string_view name) {
    const auto* value = find(claims, name);
    if (!value) return std::nullopt;
    if (!value->IsInt64()) refuse(name, "no integer");
    return value->GetInt64();
}

bool is_this_service(const rapidjson::Value& value) {
    return value.IsString() && json::text_of(value) == this_service;
}

void check_parties(const rapidjson::Value& claims) {
    const auto* issuer = find(claims, "iss");
    if (!issuer || !is_this_service(*issuer)) refuse("iss", "another issuer");
    const auto* audience = find(claims, "aud");
    const bool is_for_us =
        audience &&
        (audience->IsArray() ? std::any_of(audience->Begin(), audience->End(), is_this_service)
                             : is_this_service(*audience));
    if (!is_for_us) refuse("aud", "another audience");
}

// In UTF-8 the control characters U+0080 to U+009F are two bytes.
bool has_control_characters(std::string_view utf8) {
    if (has_control_bytes(utf8)) return true;
    for (auto at = utf8.find('\xc2'); at != utf8.npos; at = utf8.find('\xc2', at + 1))
        if (at + 1 < utf8.size() && static_cast<unsigned char>(utf8[at + 1]) < 0xa0) return true;
    return false;
}

// Nullptr when the text may stand in a database, a URL and a log.
const char* fault_of_name(std::string_view text) {
    if (text.size() > max_name_bytes) return "longer than 255 bytes";
    if (has_control_characters(text)) return "control characters";
    return nullptr;
}

std::string user_id_of(const rapidjson::Value& claims) {
    for (const std::string_view name : {"sub", "userId", "id"}) {
        const auto* value = find(claims, name);
        if (!value || !value->IsString() || value->GetStringLength() == 0) continue;
        if (const auto* fault = fault_of_name(json::text_of(*value))) refuse(name, fault);
        return std::string{json::text_of(*value)};
    }
    refuse("sub", "no user id");
}

// Null stands for none: other issuers write the claims of an account without an address that way.
std::string email_of(const rapidjson::Value& claims) {
    const auto* value = find(claims, "email");
    if (!value || value->IsNull()) return {};
    if (!value->IsString()) refuse("email", "no string");
    if (const auto* fault = fault_of_name(json::text_of(*value))) refuse("email", fault);
    return std::string{json::text_of(*value)};
}

TokenClaims read_claims(std::string_view payload) {
    const auto document = parse_object(payload, "payload");
    check_parties(document);
    const auto expires_at = integer_claim(document, "exp");
    if (!expires_at) refuse("exp", "missing");
    if (*expires_at <= 0 || *expires_at >= end_of_time) refuse("exp", "out of range");
    return {.user = {user_id_of(document), email_of(document)},
            .expires_at = *expires_at,
            .issued_at = integer_claim(document, "iat").value_or(0),
            .valid_from = integer_claim(document, "nbf").value_or(0)};
}

void check_times(const TokenClaims& claims, std::int64_t now) {
    if (claims.expires_at <= now - leeway_seconds) refuse("exp", "past");
    if (claims.issued_at > now + leeway_seconds) refuse("iat", "in the future");
    if (claims.valid_from > now + leeway_seconds) refuse("nbf", "in the future");
}

// --- libjwt

// libjwt answers 0 or an errno.
void require(int failure) {
    if (failure != 0) throw std::system_error{failure, std::generic_category(), "libjwt"};
}

void add_claim(jwt_t* jwt, const char* name, const std::string& value) {
    require(jwt_add_grant(jwt, name, value.c_str()));
}

void check_name(std::string_view name, std::string_view value) {
    if (!is_utf8(value)) throw std::invalid_argument(std::string{name}.append(": no UTF-8"));
    if (const auto* fault = fault_of_name(value))
        throw std::invalid_argument(std::string{name}.append(": ").append(fault));
}

std::int64_t seconds_since_1970() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

std::string verify_jws(std::string_view key, std::string_view token) {
    if (key.empty()) refuse("signature", "an empty key proves nothing");
    const Key prepared = prepare_key(key);
    return payload_of(check_signature({&prepared, 1}, token));
}

Tokens::Tokens(const Config& config) : Tokens{config, seconds_since_1970} {}

Tokens::Tokens(const Config& config, Clock clock)
    : secrets_{config.jwt_secret},
      lifetime_seconds_{config.jwt_expire_minutes * 60},
      clock_{std::move(clock)} {
    if (config.jwt_secret.empty()) throw std::invalid_argument("JWT_SECRET is empty");
    if (!config.jwt_secret_previous.empty()) secrets_.push_back(config.jwt_secret_previous);
}

std::string Tokens::issue(const Identity& user) const {
    if (user.user_id.empty()) throw std::invalid_argument("sub: no user id");
    check_name("sub", user.user_id);
    check_name("email", user.email);

    jwt_t* made = nullptr;
    require(jwt_new(&made));
    const std::unique_ptr<jwt_t, decltype(&jwt_free)> jwt{made, jwt_free};
    require(jwt_set_alg(made, JWT_ALG_HS256,
                        reinterpret_cast<const unsigned char*>(secrets_.front().data()),
                        static_cast<int>(secrets_.front().size())));
    add_claim(made, "iss", this_service);
    add_claim(made, "aud", this_service);
    add_claim(made, "sub", user.user_id);
    if (!user.email.empty()) add_claim(made, "email", user.email);
    add_claim(made, "jti", Uuid::random().text());
    const std::int64_t now = clock_();
    require(jwt_add_grant_int(made, "iat", now));
    require(jwt_add_grant_int(made, "exp", now + lifetime_seconds_));

    const std::unique_ptr<char, decltype(&std::free)> text{jwt_encode_str(made), std::free};
    if (!text) require(errno);
    return text.get();
}

Identity Tokens::verify(std::string_view token) const {
    if (keys_.empty())
        std::transform(secrets_.begin(), secrets_.end(), std::back_inserter(keys_), prepare_key);
    const auto parts = check_signature(keys_, token);
    if (known_.empty()) known_.resize(known_tokens);
    auto& known = known_[(parts.mac[0] << 8 | parts.mac[1]) % known_tokens];
    if (known.mac != parts.mac) known = {parts.mac, read_claims(payload_of(parts))};
    check_times(known.claims, clock_());
    return known.claims.user;
}
