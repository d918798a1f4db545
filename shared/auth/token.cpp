#include "shared/auth/token.hpp"

#include <jwt.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <system_error>

#include "shared/config/config.hpp"
#include "shared/control_characters.hpp"
#include "shared/digest.hpp"
#include "shared/email.hpp"
#include "shared/error.hpp"
#include "shared/json/reader.hpp"
#include "shared/text.hpp"
#include "shared/uuid.hpp"

namespace {

constexpr char this_service[] = "steelthread";
constexpr char this_feed[] = "steelthread:events";
constexpr std::int64_t leeway_seconds = 30;
constexpr std::int64_t end_of_time = std::int64_t{1} << 53;  // doubles are exact up to here
constexpr auto unbounded_time = static_cast<double>(end_of_time);
constexpr std::size_t max_name_bytes = 255;
constexpr std::size_t cache_size = 512;
constexpr int max_tried_keys = 8;  // for a token without kid

// --- claims

enum class Rounding { down, up };

// A NumericDate in whole seconds. It may have a fraction (RFC 7519, section 2).
std::optional<std::int64_t> date_claim(const rapidjson::Value& claims, std::string_view name,
                                       Rounding rounding) {
    const auto* value = json::find(claims, name);
    if (!value) return std::nullopt;
    if (value->IsInt64()) return value->GetInt64();
    if (!value->IsNumber()) refuse_token(name, "not a number");
    const double date = value->GetDouble();
    const double seconds = rounding == Rounding::down ? std::floor(date) : std::ceil(date);
    return static_cast<std::int64_t>(std::clamp(seconds, -unbounded_time, unbounded_time));
}

bool is_text(const rapidjson::Value& value, std::string_view expected) {
    return value.IsString() && json::text_of(value) == expected;
}

bool has_text(const rapidjson::Value& claims, std::string_view name, std::string_view expected) {
    const auto* claim = json::find(claims, name);
    return claim && is_text(*claim, expected);
}

// Whether `aud` is this text or a list with this text (RFC 7519, section 4.1.3).
bool has_audience(const rapidjson::Value& claims, std::string_view expected) {
    const auto* audience = json::find(claims, "aud");
    if (!audience) return false;
    if (!audience->IsArray()) return is_text(*audience, expected);
    return std::any_of(audience->Begin(), audience->End(),
                       [&](const auto& value) { return is_text(value, expected); });
}

// The client that a token was issued to is `azp` in OpenID Connect Core (section 2) and `client_id`
// in RFC 9068 (section 2.2).
void check_parties(const rapidjson::Value& claims, const TokenSource& source) {
    if (!source.issuer.empty() && !has_text(claims, "iss", source.issuer))
        refuse_token("iss", "another issuer");
    if (!source.audience.empty() && !has_audience(claims, source.audience))
        refuse_token("aud", "another audience");
    if (!source.client_id.empty() && !has_text(claims, "azp", source.client_id) &&
        !has_text(claims, "client_id", source.client_id))
        refuse_token("azp", "another client");
}

// Null if the text may be used in a database, a URL and a log.
const char* fault_of_name(std::string_view text) {
    if (text.size() > max_name_bytes) return "longer than 255 bytes";
    if (has_control_characters(text)) return "contains control characters";
    return nullptr;
}

std::string user_id_of(const rapidjson::Value& claims) {
    for (const std::string_view name : {"sub", "userId", "id"}) {
        const auto* value = json::find(claims, name);
        if (!value || !value->IsString() || value->GetStringLength() == 0) continue;
        if (const auto* fault = fault_of_name(json::text_of(*value))) refuse_token(name, fault);
        return std::string{json::text_of(*value)};
    }
    refuse_token("sub", "user id is missing");
}

// Null counts as absent: other issuers use it for accounts without an address.
std::string email_of(const rapidjson::Value& claims) {
    const auto* value = json::find(claims, "email");
    if (!value || value->IsNull()) return {};
    if (!value->IsString()) refuse_token("email", "not a string");
    if (const auto* fault = fault_of_name(json::text_of(*value))) refuse_token("email", fault);
    return std::string{json::text_of(*value)};
}

// Whether the issuer has verified that the address belongs to the user.
bool has_verified_email(const rapidjson::Value& claims) {
    for (const std::string_view name : {"email_verified", "emailVerified"})
        if (const auto* value = json::find(claims, name); value && value->IsTrue()) return true;
    return false;
}

void check_times(const TokenClaims& claims, std::int64_t now) {
    if (claims.user.expires_at <= now) refuse_token("exp", "past");
    if (claims.issued_at > now + leeway_seconds) refuse_token("iat", "in the future");
    if (claims.valid_from > now + leeway_seconds) refuse_token("nbf", "in the future");
}

// --- libjwt

// libjwt returns 0 or an errno.
void require(int failure) {
    if (failure != 0) throw std::system_error{failure, std::generic_category(), "libjwt"};
}

std::unique_ptr<jwt_t, decltype(&jwt_free)> new_jwt() {
    jwt_t* token = nullptr;
    require(jwt_new(&token));
    return {token, jwt_free};
}

void add_claim(jwt_t* jwt, const char* name, const std::string& value) {
    require(jwt_add_grant(jwt, name, value.c_str()));
}

void check_name(std::string_view name, std::string_view value) {
    if (!is_utf8(value)) throw std::invalid_argument(std::string{name}.append(": not UTF-8"));
    if (const auto* fault = fault_of_name(value))
        throw std::invalid_argument(std::string{name}.append(": ").append(fault));
}

// Without an audience none is checked.
std::string audience_of(const Config& config) {
    return config.jwks_audience == any_audience ? std::string{} : config.jwks_audience;
}

std::int64_t seconds_since_1970() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

}  // namespace

Tokens::Tokens(const Config& config, std::shared_ptr<KeySet> keys)
    : Tokens{config, std::move(keys), seconds_since_1970} {}

Tokens::Tokens(const Config& config, std::shared_ptr<KeySet> keys, Time time)
    : secret_{config.jwt_secret.reveal()},
      previous_secret_{config.jwt_secret_previous.reveal()},
      shared_secret_{config.better_auth_secret.reveal()},
      own_{.issuer = this_service, .audience = this_service, .client_id = {}},
      published_{.issuer = config.jwks_issuer,
                 .audience = audience_of(config),
                 .client_id = config.jwks_client_id},
      needs_uuid_{config.user_id_format == UserIdFormat::uuid},
      lifetime_seconds_{config.jwt_expire_minutes * 60},
      time_{std::move(time)},
      key_set_{std::move(keys)} {}

std::string Tokens::issue(const Identity& user) const {
    if (user.user_id.empty()) throw std::invalid_argument("sub: user id is missing");
    check_name("sub", user.user_id);
    check_name("email", user.email);

    const auto jwt = new_jwt();
    add_claim(jwt.get(), "iss", this_service);
    add_claim(jwt.get(), "aud", this_service);
    add_claim(jwt.get(), "sub", user.user_id);
    if (!user.email.empty()) add_claim(jwt.get(), "email", user.email);
    add_claim(jwt.get(), "jti", Uuid::random().text());
    const std::int64_t now = time_();
    require(jwt_add_grant_int(jwt.get(), "iat", now));
    require(jwt_add_grant_int(jwt.get(), "exp", now + lifetime_seconds_));
    return sign(*jwt);
}

std::string Tokens::issue_ticket(const Identity& bearer) const {
    const auto jwt = new_jwt();
    add_claim(jwt.get(), "aud", this_feed);
    if (!bearer.user_id.empty()) add_claim(jwt.get(), "sub", bearer.user_id);
    if (bearer.needs_account) require(jwt_add_grant_bool(jwt.get(), "account", 1));
    if (!bearer.api_key.empty())
        add_claim(jwt.get(), "key", bearer.api_key.substr(0, shown_key_digits));
    require(jwt_add_grant_int(jwt.get(), "until", bearer.expires_at));
    require(jwt_add_grant_int(jwt.get(), "exp", time_() + ticket_seconds));
    return sign(*jwt);
}

Identity Tokens::verify_ticket(std::string_view ticket) const {
    if (cache_.empty()) prepare();
    const auto jws = split_jws(ticket);
    std::optional<std::string> payload;
    for (const auto& [key, source] : secret_keys_)
        if (!payload && source == &own_) payload = open_jws(key, jws);
    if (!payload) refuse_token("signature", "made with another key");
    const auto claims = parse_part(*payload, "payload");
    if (!has_audience(claims, this_feed)) refuse_token("aud", "another audience");
    if (date_claim(claims, "exp", Rounding::down).value_or(0) <= time_())
        refuse_token("exp", "past");
    const auto* const subject = json::find(claims, "sub");
    const auto* const key = json::find(claims, "key");
    const auto* const needs_account = json::find(claims, "account");
    Identity bearer;
    if (subject && subject->IsString()) bearer.user_id = json::text_of(*subject);
    if (key && key->IsString()) bearer.api_key = json::text_of(*key);
    bearer.needs_account = needs_account && needs_account->IsTrue();
    bearer.expires_at = date_claim(claims, "until", Rounding::down).value_or(0);
    if (bearer.expires_at != 0 && bearer.expires_at <= time_()) refuse_token("until", "past");
    return bearer;
}

std::string Tokens::sign(jwt& token) const {
    // Anyone can sign with an empty key.
    if (secret_.empty()) throw std::logic_error("JWT_SECRET is empty: declare .issues_tokens");
    require(jwt_set_alg(&token, JWT_ALG_HS256,
                        reinterpret_cast<const unsigned char*>(secret_.data()),
                        static_cast<int>(secret_.size())));
    const std::unique_ptr<char, decltype(&std::free)> text{jwt_encode_str(&token), std::free};
    if (!text) require(errno);
    return text.get();
}

void Tokens::prepare() const {
    for (const auto& [secret, source] :
         {std::pair{&secret_, &own_}, {&previous_secret_, &own_}, {&shared_secret_, &shared_}})
        if (!secret->empty()) secret_keys_.push_back({Key::from_secret(*secret), source});
    cache_.resize(cache_size);
}

Identity Tokens::verify(std::string_view token) const {
    auto identity = decide(token, false);
    if (!identity) throw std::logic_error("a token was neither accepted nor refused");
    return std::move(*identity);
}

std::optional<Identity> Tokens::try_verify(std::string_view token) const {
    return decide(token, key_set_ != nullptr);
}

Async<> Tokens::wait_for_keys() const { return key_set_->wait_for_fetch(); }

std::optional<Identity> Tokens::decide(std::string_view token, bool may_wait) const {
    if (token.size() > max_token_bytes) refuse_token("token", "longer than 8 KiB");
    if (cache_.empty()) prepare();
    if (key_set_) {
        key_set_->look();
        if (cache_generation_ != key_set_->generation()) {
            cache_.assign(cache_size, {});
            cache_generation_ = key_set_->generation();
        }
    }
    const auto digest = sha256(token);
    auto& entry = cache_[(digest[0] << 8 | digest[1]) % cache_size];
    if (entry.digest != digest) {
        auto claims = read(token, may_wait);
        if (!claims) return std::nullopt;
        entry = {digest, std::move(*claims)};
    }
    check_times(entry.claims, time_());
    return entry.claims.user;
}

// The secrets are tried first, and the signature is checked before everything else: the parsers
// never see text from a stranger, except the header if there is a key set.
std::optional<TokenClaims> Tokens::read(std::string_view token, bool may_wait) const {
    const auto jws = split_jws(token);
    for (auto secret = secret_keys_.begin(); secret != secret_keys_.end(); ++secret) {
        const auto payload = open_jws(secret->key, jws);
        if (!payload) continue;
        const auto& source = *secret->source;
        // Most tokens of a service come from one issuer, so its secret is tried first from now on.
        std::rotate(secret_keys_.begin(), secret, secret + 1);
        return read_claims(*payload, source);
    }
    if (!key_set_) refuse_token("signature", "made with another key");
    const auto payload = find_payload(jws, may_wait);
    if (!payload) return std::nullopt;
    return read_claims(*payload, published_);
}

std::optional<std::string> Tokens::find_payload(const Jws& jws, bool may_wait) const {
    const auto header = read_header(jws);
    if (!Key::is_public(header.algorithm))
        refuse_token("header", "alg must be a public key algorithm");
    bool is_key_known = false;
    int tried = 0;
    for (const auto& key : key_set_->keys()) {
        const bool is_named = !header.key_id.empty() && key.id() == header.key_id;
        is_key_known |= is_named;
        if (key.algorithm() != header.algorithm || (!header.key_id.empty() && !is_named)) continue;
        if (++tried > max_tried_keys) break;
        if (auto payload = open_jws(key, jws)) return payload;
    }
    if (is_key_known) refuse_token("signature", "made with another key");
    if (may_wait && key_set_->may_come(header.key_id)) return std::nullopt;
    if (!key_set_->lacks(header.key_id))
        throw ApiError{Error::service_unavailable, key_set_->time_to_next_fetch()};
    refuse_token("kid", "not a key of the set");
}

TokenClaims Tokens::read_claims(std::string_view payload, const TokenSource& source) const {
    const auto document = parse_part(payload, "payload");
    check_parties(document, source);
    const auto expires_at = date_claim(document, "exp", Rounding::down);
    if (!expires_at) refuse_token("exp", "missing");
    if (*expires_at <= 0 || *expires_at >= end_of_time) refuse_token("exp", "out of range");
    auto user_id = user_id_of(document);
    if (needs_uuid_ && !Uuid::parse(user_id)) refuse_token("sub", "not a UUID");
    Identity user{std::move(user_id), email_of(document)};
    user.needs_account = &source == &own_;
    const bool has_address = fault_of_email(user.email).empty() && has_verified_email(document);
    if (!user.needs_account && !has_address) user.email.clear();
    user.expires_at = *expires_at + leeway_seconds;
    return {.user = std::move(user),
            .issued_at = date_claim(document, "iat", Rounding::up).value_or(0),
            .valid_from = date_claim(document, "nbf", Rounding::up).value_or(0)};
}
