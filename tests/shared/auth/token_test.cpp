#include "shared/auth/token.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string>
#include <vector>

#include "shared/config/config.hpp"
#include "shared/json/reader.hpp"
#include "shared/uuid.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/signer.hpp"

using namespace std::string_literals;

namespace {

constexpr std::int64_t now = 1'800'000'000;
const std::string secret = "a secret of at least thirty-two bytes";
const std::string header = R"({"alg":"HS256","typ":"JWT"})";

std::string mac_of(std::string_view key, std::string_view text, const EVP_MD* digest) {
    std::string mac(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    HMAC(digest, key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(mac.data()), &size);
    mac.resize(size);
    return mac;
}

// Signs the first two parts, whatever they contain.
std::string with_signature(const std::string& text, std::string_view key = secret) {
    return text + "." + base64url(mac_of(key, text, EVP_sha256()));
}

std::string token_of(std::string_view header_json, std::string_view payload,
                     std::string_view key = secret) {
    return with_signature(base64url(header_json) + "." + base64url(payload), key);
}

// A payload of valid claims. Each change replaces or adds a claim, or removes it if its JSON is
// empty.
std::string claims(const std::vector<std::pair<std::string, std::string>>& changes = {}) {
    std::vector<std::pair<std::string, std::string>> members = {
        {"iss", R"("steelthread")"},        {"aud", R"("steelthread")"},       {"sub", R"("ann")"},
        {"exp", std::to_string(now + 600)}, {"email", R"("ann@example.com")"},
    };
    for (const auto& change : changes) {
        std::erase_if(members, [&](const auto& member) { return member.first == change.first; });
        if (!change.second.empty()) members.push_back(change);
    }
    std::string text;
    for (const auto& [name, value] : members) {
        text += text.empty() ? "{\"" : ",\"";
        text.append(name).append("\":").append(value);
    }
    return text + "}";
}

Config configured() {
    Config config{};
    config.jwt_secret = Secret{secret};
    config.jwt_expire_minutes = 60;
    return config;
}

Tokens tokens_at(std::int64_t moment) {
    return Tokens{configured(), nullptr, [moment] { return moment; }};
}

// Returns why a token is refused, or "accepted".
std::string verdict(const Tokens& tokens, std::string_view token) {
    try {
        tokens.verify(token);
    } catch (const TokenError& error) {
        return error.what();
    }
    return "accepted";
}

std::string verdict(std::string_view token) { return verdict(tokens_at(now), token); }

std::string verdict_of_claims(const std::vector<std::pair<std::string, std::string>>& changes) {
    return verdict(token_of(header, claims(changes)));
}

std::string jws_verdict(std::string_view key, std::string_view token) {
    try {
        verify_jws(Key::from_secret(key), token);
    } catch (const TokenError& error) {
        return error.what();
    }
    return "accepted";
}

std::string user_of(const std::vector<std::pair<std::string, std::string>>& changes) {
    return tokens_at(now).verify(token_of(header, claims(changes))).user_id;
}

std::string decoded(std::string_view part) {
    std::string text{part};
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    const auto padding = (4 - text.size() % 4) % 4;
    text.append(padding, '=');
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    bytes.resize(static_cast<std::size_t>(size) - padding);
    return bytes;
}

std::vector<std::string> parts_of(const std::string& token) {
    const auto first = token.find('.');
    const auto last = token.rfind('.');
    return {token.substr(0, first), token.substr(first + 1, last - first - 1),
            token.substr(last + 1)};
}

// Flips a bit that the last character of an incomplete group does not use.
char with_trailing_bit(char c) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return alphabet[alphabet.find(c) | 1];
}

}  // namespace

// An endpoint without authentication has no keys.
Test(token, refuses_everything_without_a_key) {
    const Tokens tokens{Config{}, nullptr, [] { return now; }};
    cr_expect(throws<TokenError>([&] { tokens.verify(token_of(header, claims(), "")); }));
    cr_expect(throws<TokenError>([&] {
        tokens.verify_ticket(token_of(header, claims({{"aud", R"("steelthread:events")"}}), ""));
    }));
    cr_expect(throws<std::logic_error>([&] { tokens.issue({"ann", ""}); }));
    cr_expect(throws<std::logic_error>([&] { tokens.issue_ticket({"ann", ""}); }));
}

// The right key signs each token, so that only the header decides.
Test(token, judges_the_header) {
    const std::pair<std::string, std::string> cases[] = {
        {R"({"alg":"HS256"})", "accepted"},
        {R"({"typ":"JWT","alg":"HS256"})", "accepted"},
        {R"({"alg":"HS256","typ":"jwt"})", "accepted"},
        {R"({"alg":"HS256","typ":"Jwt","kid":"1"})", "accepted"},
        {R"({ "alg" : "\u0048S256" })", "accepted"},
        {R"({})", "header: alg is missing"},
        {R"({"typ":"JWT"})", "header: alg is missing"},
        {R"({"alg":"none"})", "header: alg must be HS256"},
        {R"({"alg":"None"})", "header: alg must be HS256"},
        {R"({"alg":"NONE"})", "header: alg must be HS256"},
        {R"({"alg":"nOnE"})", "header: alg must be HS256"},
        {R"({"alg":""})", "header: alg must be HS256"},
        {R"({"alg":"hs256"})", "header: alg must be HS256"},
        {R"({"alg":"HS256 "})", "header: alg must be HS256"},
        {R"({"alg":"HS2567"})", "header: alg must be HS256"},
        {R"({"alg":"HS384"})", "header: alg must be HS256"},
        {R"({"alg":"HS512"})", "header: alg must be HS256"},
        {R"({"alg":"RS256"})", "header: alg must be HS256"},
        {R"({"alg":"ES256"})", "header: alg must be HS256"},
        {R"({"alg":"PS256"})", "header: alg must be HS256"},
        {R"({"alg":"EdDSA"})", "header: alg must be HS256"},
        {R"({"alg":null})", "header: alg is missing"},
        {R"({"alg":256})", "header: alg is missing"},
        {R"({"alg":["HS256"]})", "header: alg is missing"},
        {R"({"alg":{"HS256":1}})", "header: alg is missing"},
        {R"({"ALG":"HS256"})", "header: alg is missing"},
        {R"({"alg":"HS256","typ":"at+jwt"})", "accepted"},
        {R"({"alg":"HS256","typ":"AT+JWT"})", "accepted"},
        {R"({"alg":"HS256","typ":"application/jwt"})", "accepted"},
        {R"({"alg":"HS256","typ":"Application/JWT"})", "accepted"},
        {R"({"alg":"HS256","typ":"application/at+jwt"})", "accepted"},
        {R"({"alg":"HS256","typ":"application/"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"application/application/jwt"})",
         "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"text/jwt"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"at"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"secevent+jwt"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"application/dpop+jwt"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"ticket"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":"JWT2"})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":""})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":null})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","typ":["JWT"]})", "header: typ must be JWT or at+jwt"},
        {R"({"alg":"HS256","crit":["exp"]})", "header: crit is not allowed"},
        {R"({"alg":"HS256","crit":[]})", "header: crit is not allowed"},
        {R"({"alg":"HS256","crit":null})", "header: crit is not allowed"},
        {R"({"alg":"HS256","b64":false})", "header: b64 is not allowed"},
        {R"({"alg":"HS256","b64":true})", "header: b64 is not allowed"},
        {R"({"alg":"HS256","zip":"DEF"})", "header: zip is not allowed"},
        {R"({"alg":"HS256","jwk":{"kty":"oct","k":"AA"}})", "accepted"},
        {R"({"alg":"HS256","jku":"https://example.com"})", "accepted"},
        {R"({"alg":"HS256","x5u":"https://example.com"})", "accepted"},
        {R"({"alg":"HS256","x5c":["MII"]})", "accepted"},
        {R"({"alg":"HS256","alg":"HS256"})", "header: Value error, this member occurs twice"},
        {R"({"alg":"HS256","\u0061lg":"none"})", "header: Value error, this member occurs twice"},
        {R"({"alg":"HS256","a":{"b":1,"b":1}})", "header: Value error, this member occurs twice"},
        {R"(["HS256"])", "header: not an object"},
        {R"("HS256")", "header: not an object"},
        {"null", "header: not an object"},
    };
    for (const auto& [json, wanted] : cases)
        EXPECT_TEXT(json + " " + verdict(token_of(json, claims())), json + " " + wanted);
}

Test(token, refuses_a_header_that_is_no_json) {
    const std::string nested = std::string(40, '[') + std::string(40, ']');
    const std::string cases[] = {
        "",
        "{",
        "\xef\xbb\xbf" + header,
        header + "x",
        header + header,
        header + "\0"s,
        "{'alg':'HS256'}",
        R"({"alg":"HS256",})",
        R"({"alg":"HS256"}//)",
        "{\"alg\":\"HS256\",\"kid\":\"\xff\"}",
        R"({"alg":"HS256","kid":"\ud800"})",
        R"({"alg":"HS256","kid":"\u0000"})",
        R"({"alg":"HS256","kid":)" + nested + "}",
    };
    for (const auto& json : cases) {
        const auto reason = verdict(token_of(json, claims()));
        cr_expect(reason.starts_with("header: JSON decode error") ||
                      reason == "header: \\u0000 is not allowed" ||
                      reason == "header: a lone surrogate is not a character" ||
                      reason == "header: nested deeper than 32 levels",
                  "%s: %s", shown(json).c_str(), reason.c_str());
    }
}

Test(token, judges_the_times) {
    const auto at = [](std::int64_t seconds) { return std::to_string(now + seconds); };
    using Case = std::pair<std::pair<std::string, std::string>, std::string>;
    const Case cases[] = {
        {{"exp", at(1)}, "accepted"},
        {{"exp", at(-29)}, "accepted"},
        {{"exp", at(-30)}, "exp: past"},
        {{"exp", at(-31)}, "exp: past"},
        {{"exp", "1"}, "exp: past"},
        {{"exp", "9007199254740991"}, "accepted"},
        {{"exp", "9007199254740992"}, "exp: out of range"},
        {{"exp", "9223372036854775807"}, "exp: out of range"},
        {{"exp", "9223372036854775808"}, "exp: out of range"},
        {{"exp", "18446744073709551615"}, "exp: out of range"},
        {{"exp", "18446744073709551616"}, "exp: out of range"},
        {{"exp", ""}, "exp: missing"},
        {{"exp", "0"}, "exp: out of range"},
        {{"exp", "-0"}, "exp: out of range"},
        {{"exp", "-1"}, "exp: out of range"},
        {{"exp", "-9223372036854775808"}, "exp: out of range"},
        // A fraction of a second is cut off (RFC 7519, section 2).
        {{"exp", "1800000600.0"}, "accepted"},
        {{"exp", "1800000600.5"}, "accepted"},
        {{"exp", "1.8000006e9"}, "accepted"},
        {{"exp", "2e9"}, "accepted"},
        {{"exp", at(-29) + ".0"}, "accepted"},
        {{"exp", at(-29) + ".999999"}, "accepted"},
        {{"exp", at(-30) + ".0"}, "exp: past"},
        {{"exp", at(-30) + ".999999"}, "exp: past"},
        {{"exp", "0.9"}, "exp: out of range"},
        {{"exp", "-0.9"}, "exp: out of range"},
        {{"exp", "1.5"}, "exp: past"},
        {{"exp", "9007199254740991.0"}, "accepted"},
        {{"exp", "9007199254740992.0"}, "exp: out of range"},
        {{"exp", "1e19"}, "exp: out of range"},
        {{"exp", "1e300"}, "exp: out of range"},
        {{"exp", "-1e300"}, "exp: out of range"},
        {{"exp", R"("1800000600")"}, "exp: not a number"},
        {{"exp", R"("")"}, "exp: not a number"},
        {{"exp", "null"}, "exp: not a number"},
        {{"exp", "true"}, "exp: not a number"},
        {{"exp", "[1800000600]"}, "exp: not a number"},
        {{"exp", "{}"}, "exp: not a number"},
        {{"nbf", at(-600)}, "accepted"},
        {{"nbf", "0"}, "accepted"},
        {{"nbf", at(30)}, "accepted"},
        {{"nbf", at(31)}, "nbf: in the future"},
        {{"nbf", "9223372036854775807"}, "nbf: in the future"},
        {{"nbf", "9223372036854775808"}, "nbf: in the future"},
        {{"nbf", "-9223372036854775809"}, "accepted"},
        {{"iat", "18446744073709551615"}, "iat: in the future"},
        // Here a fraction counts as a whole second.
        {{"nbf", at(0) + ".0"}, "accepted"},
        {{"nbf", "1e9"}, "accepted"},
        {{"nbf", at(29) + ".000001"}, "accepted"},
        {{"nbf", at(30) + ".0"}, "accepted"},
        {{"nbf", at(30) + ".000001"}, "nbf: in the future"},
        {{"nbf", "-0.5"}, "accepted"},
        {{"nbf", "1e300"}, "nbf: in the future"},
        {{"nbf", "-1e300"}, "accepted"},
        {{"nbf", R"("0")"}, "nbf: not a number"},
        {{"nbf", "null"}, "nbf: not a number"},
        {{"iat", at(-600)}, "accepted"},
        {{"iat", at(30)}, "accepted"},
        {{"iat", at(31)}, "iat: in the future"},
        {{"iat", at(0) + ".0"}, "accepted"},
        {{"iat", at(30) + ".0"}, "accepted"},
        {{"iat", at(30) + ".000001"}, "iat: in the future"},
        {{"iat", R"("0")"}, "iat: not a number"},
        {{"iat", "null"}, "iat: not a number"},
    };
    for (const auto& [change, wanted] : cases) {
        const auto what = change.first + " " + change.second + " ";
        EXPECT_TEXT(what + verdict_of_claims({change}), what + wanted);
    }
}

Test(token, judges_issuer_and_audience) {
    using Case = std::pair<std::pair<std::string, std::string>, std::string>;
    const Case cases[] = {
        {{"iss", R"("steelthread")"}, "accepted"},
        {{"iss", ""}, "iss: another issuer"},
        {{"iss", R"("Steelthread")"}, "iss: another issuer"},
        {{"iss", R"("steelthread2")"}, "iss: another issuer"},
        {{"iss", R"("steelthrea")"}, "iss: another issuer"},
        {{"iss", R"("")"}, "iss: another issuer"},
        {{"iss", R"(["steelthread"])"}, "iss: another issuer"},
        {{"iss", "null"}, "iss: another issuer"},
        {{"iss", "1"}, "iss: another issuer"},
        {{"aud", R"(["steelthread"])"}, "accepted"},
        {{"aud", R"(["other","steelthread"])"}, "accepted"},
        {{"aud", ""}, "aud: another audience"},
        {{"aud", R"("other")"}, "aud: another audience"},
        {{"aud", R"("steelthread:ticket")"}, "aud: another audience"},
        {{"aud", R"("STEELTHREAD")"}, "aud: another audience"},
        {{"aud", "[]"}, "aud: another audience"},
        {{"aud", R"(["other"])"}, "aud: another audience"},
        {{"aud", R"([["steelthread"]])"}, "aud: another audience"},
        {{"aud", R"({"steelthread":true})"}, "aud: another audience"},
        {{"aud", "null"}, "aud: another audience"},
        {{"aud", "true"}, "aud: another audience"},
    };
    for (const auto& [change, wanted] : cases) {
        const auto what = change.first + " " + change.second + " ";
        EXPECT_TEXT(what + verdict_of_claims({change}), what + wanted);
    }
}

Test(token, takes_the_first_text_among_sub_user_id_and_id) {
    EXPECT_TEXT(user_of({{"sub", R"("a")"}, {"userId", R"("b")"}, {"id", R"("c")"}}), "a");
    EXPECT_TEXT(user_of({{"sub", R"("")"}, {"userId", R"("b")"}, {"id", R"("c")"}}), "b");
    EXPECT_TEXT(user_of({{"sub", "null"}, {"userId", R"("b")"}}), "b");
    EXPECT_TEXT(user_of({{"sub", "7"}, {"userId", "{}"}, {"id", R"("c")"}}), "c");
    EXPECT_TEXT(user_of({{"sub", ""}, {"userId", ""}, {"id", R"("c")"}}), "c");
    EXPECT_TEXT(verdict_of_claims({{"sub", ""}}), "sub: user id is missing");
    EXPECT_TEXT(verdict_of_claims({{"sub", R"("")"}, {"userId", "1"}, {"id", "[]"}}),
                "sub: user id is missing");
    EXPECT_TEXT(verdict_of_claims({{"sub", ""}, {"user_id", R"("d")"}}), "sub: user id is missing");
}

Test(token, bounds_the_user_id) {
    const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
    const std::string longest(255, 'x');
    EXPECT_TEXT(user_of({{"sub", quoted(longest)}}), longest);
    EXPECT_TEXT(user_of({{"sub", R"("\u00e4\u0100 \u00a0\u4e2d")"}}), "ä\u0100 \u00a0中");
    EXPECT_TEXT(verdict_of_claims({{"sub", quoted(longest + "x")}}), "sub: longer than 255 bytes");
    EXPECT_TEXT(verdict_of_claims({{"sub", R"("")"}, {"id", quoted(longest + "x")}}),
                "id: longer than 255 bytes");
    for (const auto* text : {R"("a\nb")", R"("\u001f")", "\"\x7f\"", R"("\u0080")", R"("x\u009f")",
                             R"("\u4e2d\u0085")"})
        EXPECT_TEXT(text + " "s + verdict_of_claims({{"sub", text}}),
                    text + " sub: contains control characters"s);
    EXPECT_TEXT(verdict_of_claims({{"sub", R"("a\u0000b")"}}), "payload: \\u0000 is not allowed");
}

Test(token, reads_the_email) {
    const auto email_of = [](const std::string& json) {
        return tokens_at(now).verify(token_of(header, claims({{"email", json}}))).email;
    };
    EXPECT_TEXT(email_of(R"("bob@example.com")"), "bob@example.com");
    EXPECT_TEXT(email_of(""), "");
    EXPECT_TEXT(email_of("null"), "");
    EXPECT_TEXT(verdict_of_claims({{"email", "1"}}), "email: not a string");
    EXPECT_TEXT(verdict_of_claims({{"email", R"(["a@b"])"}}), "email: not a string");
    EXPECT_TEXT(verdict_of_claims({{"email", R"("a@b\r\n")"}}),
                "email: contains control characters");
    EXPECT_TEXT(verdict_of_claims({{"email", "\"" + std::string(256, 'x') + "\""}}),
                "email: longer than 255 bytes");
}

Test(token, refuses_a_payload_that_is_no_object) {
    EXPECT_TEXT(verdict(token_of(header, "[]")), "payload: not an object");
    EXPECT_TEXT(verdict(token_of(header, "null")), "payload: not an object");
    EXPECT_TEXT(verdict(token_of(header, R"("x")")), "payload: not an object");
    EXPECT_TEXT(verdict(token_of(header, claims() + "x")).substr(0, 26),
                "payload: JSON decode error");
    EXPECT_TEXT(verdict(token_of(header, "")).substr(0, 26), "payload: JSON decode error");
    EXPECT_TEXT(verdict(token_of(header, "\xff")).substr(0, 26), "payload: JSON decode error");
    // A nested token (RFC 7519, section 5.2) is not decoded.
    EXPECT_TEXT(verdict(token_of(header, token_of(header, claims()))).substr(0, 26),
                "payload: JSON decode error");
}

Test(token, refuses_a_claim_that_occurs_twice) {
    const auto twice = claims();
    for (const auto* again : {R"(,"sub":"eve"})", R"(,"exp":9999999999})", R"(,"a\u0075d":"x"})"})
        EXPECT_TEXT(verdict(token_of(header, twice.substr(0, twice.size() - 1) + again)),
                    "payload: Value error, this member occurs twice");
}

Test(token, refuses_everything_but_three_parts) {
    const auto good = token_of(header, claims());
    const auto parts = parts_of(good);
    for (const auto& text : {""s, "."s, "x"s, parts[0], parts[0] + "." + parts[1], good + ".",
                             "." + good, good + "." + parts[2], "...."s, good + "..AA"})
        EXPECT_TEXT(text + " " + verdict(text), text + " token: not three parts");
    EXPECT_TEXT(verdict(".."), "signature: made with another key");
    EXPECT_TEXT(verdict(parts[0] + "." + parts[1] + "."), "signature: made with another key");
    EXPECT_TEXT(verdict(with_signature("." + parts[1])).substr(0, 25), "header: JSON decode error");
    EXPECT_TEXT(verdict(with_signature(parts[0] + ".")).substr(0, 26),
                "payload: JSON decode error");
}

Test(token, refuses_a_change_of_any_byte) {
    const auto tokens = tokens_at(now);
    const auto good = token_of(header, claims());
    cr_assert(verdict(tokens, good) == "accepted");
    for (std::size_t i = 0; i < good.size(); ++i)
        for (const char other : {'A', 'z', '.', '=', ' ', '\0', '\xff'}) {
            if (good[i] == other) continue;
            auto changed = good;
            changed[i] = other;
            cr_expect(verdict(tokens, changed) != "accepted", "byte %zu as %d", i, other);
        }
}

Test(token, refuses_every_truncation) {
    const auto tokens = tokens_at(now);
    const auto good = token_of(header, claims());
    cr_assert(verdict(tokens, good) == "accepted");
    for (std::size_t size = 0; size < good.size(); ++size) {
        cr_expect(verdict(tokens, good.substr(0, size)) != "accepted", "the first %zu", size);
        cr_expect(verdict(tokens, good.substr(good.size() - size)) != "accepted", "the last %zu",
                  size);
    }
}

Test(token, refuses_parts_of_two_good_tokens) {
    const auto tokens = tokens_at(now);
    const auto ann = parts_of(token_of(header, claims()));
    const auto eve = parts_of(token_of(R"({"alg":"HS256"})", claims({{"sub", R"("eve")"}})));
    const auto wanted = "signature: made with another key";
    EXPECT_TEXT(verdict(tokens, ann[0] + "." + eve[1] + "." + ann[2]), wanted);
    EXPECT_TEXT(verdict(tokens, eve[0] + "." + ann[1] + "." + ann[2]), wanted);
    EXPECT_TEXT(verdict(tokens, ann[0] + "." + ann[1] + "." + eve[2]), wanted);
}

Test(token, refuses_signatures_that_the_key_did_not_make) {
    const auto text = base64url(header) + "." + base64url(claims());
    const auto refused = [&](const std::string& signature) {
        return verdict(text + "." + base64url(signature));
    };
    const auto wanted = "signature: made with another key";
    EXPECT_TEXT(refused(mac_of(secret, text, EVP_sha256())), "accepted");
    EXPECT_TEXT(refused(mac_of("another secret of thirty-two bytes", text, EVP_sha256())), wanted);
    EXPECT_TEXT(refused(mac_of("", text, EVP_sha256())), wanted);
    EXPECT_TEXT(refused(mac_of(secret.substr(1), text, EVP_sha256())), wanted);
    EXPECT_TEXT(refused(std::string(32, '\0')), wanted);
    EXPECT_TEXT(refused(mac_of(secret, text + " ", EVP_sha256())), wanted);
    const auto wide = mac_of(secret, text, EVP_sha512());
    EXPECT_TEXT(refused(wide), "signature: made with another key");
    EXPECT_TEXT(refused(wide.substr(0, 32)), wanted);
    const auto mac = mac_of(secret, text, EVP_sha256());
    EXPECT_TEXT(refused(mac.substr(0, 31)), "signature: made with another key");
    EXPECT_TEXT(refused(mac.substr(0, 1)), "signature: made with another key");
    EXPECT_TEXT(refused(mac + "\0"s), "signature: made with another key");
    EXPECT_TEXT(refused(mac + mac), "signature: made with another key");
}

// The parts are signed as written here, so that only their encoding is wrong.
Test(token, refuses_everything_but_canonical_base64url) {
    const auto h = base64url(header);
    const auto p = base64url(claims());
    const auto refused = [](const std::string& text) { return verdict(with_signature(text)); };
    EXPECT_TEXT(refused(h + "." + p), "accepted");
    EXPECT_TEXT(refused(h + "=." + p), "header: not base64url");
    EXPECT_TEXT(refused(h + "." + p + "="), "payload: not base64url");
    EXPECT_TEXT(refused(h + "." + p + "=="), "payload: not base64url");
    EXPECT_TEXT(refused(" " + h + "." + p), "header: not base64url");
    for (const char stray : {' ', '\n', '\t', '\r', '+', '/', '=', '\0', '~', '\x80', '\xff'}) {
        auto spoiled = p;
        spoiled[4] = stray;
        EXPECT_TEXT(refused(h + "." + spoiled), "payload: not base64url");
        auto spoiled_header = h;
        spoiled_header[4] = stray;
        EXPECT_TEXT(refused(spoiled_header + "." + p), "header: not base64url");
    }
    const auto whole = base64url(R"({"alg":"HS256" })");
    cr_assert(whole.size() % 4 == 2 || whole.size() % 4 == 3);
    EXPECT_TEXT(refused(whole + "." + p), "accepted");
    auto trailing = whole;
    trailing.back() = with_trailing_bit(trailing.back());
    EXPECT_TEXT(refused(trailing + "." + p), "header: not canonical base64url");
    EXPECT_TEXT(refused("A." + p), "header: truncated");
    EXPECT_TEXT(refused("AAAAA." + p), "header: truncated");
}

Test(token, refuses_another_text_of_a_good_signature) {
    const auto good = token_of(header, claims());
    auto trailing = good;
    trailing.back() = with_trailing_bit(trailing.back());
    cr_assert(trailing != good);
    EXPECT_TEXT(decoded(parts_of(trailing)[2]), decoded(parts_of(good)[2]));
    EXPECT_TEXT(verdict(trailing), "signature: not canonical base64url");
    EXPECT_TEXT(verdict(good + "="), "signature: not base64url");
    EXPECT_TEXT(verdict(good + "\n"), "signature: not base64url");
    EXPECT_TEXT(verdict(good + "AA"), "signature: truncated");
}

Test(token, refuses_more_than_8_kib) {
    const auto largest = token_of(header, std::string(6083, 'x'));
    cr_assert(largest.size() == max_token_bytes);
    EXPECT_TEXT(jws_verdict(secret, largest), "accepted");
    const auto larger = token_of(header, std::string(6084, 'x'));
    cr_assert(larger.size() == max_token_bytes + 1);
    EXPECT_TEXT(jws_verdict(secret, larger), "token: longer than 8 KiB");
    EXPECT_TEXT(verdict(std::string(100'000, '.')), "token: longer than 8 KiB");
    EXPECT_TEXT(verdict(token_of(header, claims({{"note", "\"" + std::string(9000, 'x') + "\""}}))),
                "token: longer than 8 KiB");
}

Test(token, accepts_the_previous_secret_during_a_rotation) {
    auto config = configured();
    config.jwt_secret_previous = Secret{"the secret of the month before this"};
    const Tokens tokens{config, nullptr, [] { return now; }};
    EXPECT_TEXT(verdict(tokens, token_of(header, claims(), config.jwt_secret.reveal())),
                "accepted");
    EXPECT_TEXT(verdict(tokens, token_of(header, claims(), config.jwt_secret_previous.reveal())),
                "accepted");
    EXPECT_TEXT(verdict(tokens, token_of(header, claims(), "neither of the two")),
                "signature: made with another key");
    EXPECT_TEXT(verdict(tokens, token_of(header, claims(), "")),
                "signature: made with another key");
    EXPECT_TEXT(jws_verdict(config.jwt_secret.reveal(), tokens.issue({"ann", ""})), "accepted");

    const auto rotated = tokens_at(now);
    EXPECT_TEXT(verdict(rotated, token_of(header, claims(), config.jwt_secret_previous.reveal())),
                "signature: made with another key");
    EXPECT_TEXT(verdict(rotated, token_of(header, claims(), "")),
                "signature: made with another key");
}

Test(token, checks_a_known_token_each_time) {
    std::int64_t moment = now;
    const Tokens tokens{configured(), nullptr, [&moment] { return moment; }};
    const auto token = token_of(header, claims({{"nbf", std::to_string(now)}}));
    EXPECT_TEXT(verdict(tokens, token), "accepted");
    EXPECT_TEXT(verdict(tokens, token), "accepted");
    moment = now + 629;
    EXPECT_TEXT(verdict(tokens, token), "accepted");
    moment = now + 630;
    EXPECT_TEXT(verdict(tokens, token), "exp: past");
    moment = now - 31;
    EXPECT_TEXT(verdict(tokens, token), "nbf: in the future");
    moment = now;
    const auto parts = parts_of(token);
    EXPECT_TEXT(verdict(tokens, base64url(R"({"alg":"none"})") + "." + parts[1] + "." + parts[2]),
                "signature: made with another key");
    EXPECT_TEXT(verdict(tokens, token), "accepted");
}

// These are more tokens than the cache holds, so they displace each other.
Test(token, keeps_the_users_of_many_tokens_apart) {
    const auto tokens = tokens_at(now);
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 1500; ++i) {
            const auto name = "user-" + std::to_string(i);
            const auto token = token_of(header, claims({{"sub", "\"" + name + "\""}}));
            cr_assert(tokens.verify(token).user_id == name);
            cr_assert(tokens.verify(token).user_id == name);
        }
}

Test(token, issues_what_it_verifies) {
    const auto tokens = tokens_at(now);
    const std::string user_id = "Jürgen \"\\/\u4e2d";
    const auto user = tokens.verify(tokens.issue({user_id, "j@example.com"}));
    EXPECT_TEXT(user.user_id, user_id);
    EXPECT_TEXT(user.email, "j@example.com");
    cr_expect(tokens.lifetime_seconds() == 3600);
}

Test(token, reads_the_clock_of_the_machine) {
    const auto seconds = static_cast<std::int64_t>(std::time(nullptr));
    EXPECT_TEXT(verdict(tokens_at(seconds), Tokens{configured()}.issue({"ann", ""})), "accepted");
    const auto token = tokens_at(seconds).issue({"ann", ""});
    EXPECT_TEXT(verdict(Tokens{configured()}, token), "accepted");
    EXPECT_TEXT(verdict(Tokens{configured()}, tokens_at(seconds - 7200).issue({"ann", ""})),
                "exp: past");
}

Test(token, issues_every_claim) {
    const auto token = tokens_at(now).issue({"ann", "ann@example.com"});
    const auto parts = parts_of(token);
    EXPECT_TEXT(json::canonical(json::parse(decoded(parts[0]))), R"({"alg":"HS256","typ":"JWT"})");
    auto payload = json::parse(decoded(parts[1]));
    const auto jti = Uuid::parse(payload["jti"].GetString());
    cr_assert(jti.has_value());
    payload.EraseMember("jti");
    EXPECT_TEXT(json::canonical(payload),
                R"({"aud":"steelthread","email":"ann@example.com","exp":1800003600,)"
                R"("iat":1800000000,"iss":"steelthread","sub":"ann"})");
}

Test(token, leaves_an_empty_email_out) {
    const auto payload = json::parse(decoded(parts_of(tokens_at(now).issue({"ann", ""}))[1]));
    cr_expect(!payload.HasMember("email"));
    cr_expect(payload.HasMember("jti"));
}

Test(token, issues_no_two_tokens_alike) {
    const auto tokens = tokens_at(now);
    std::set<std::string> issued;
    for (int i = 0; i < 100; ++i) issued.insert(tokens.issue({"ann", ""}));
    cr_expect(issued.size() == 100);
}

Test(token, issued_tokens_expire) {
    auto config = configured();
    config.jwt_expire_minutes = 1;
    const auto token = Tokens{config, nullptr, [] { return now; }}.issue({"ann", ""});
    EXPECT_TEXT(verdict(tokens_at(now - 30), token), "accepted");
    EXPECT_TEXT(verdict(tokens_at(now - 31), token), "iat: in the future");
    EXPECT_TEXT(verdict(tokens_at(now + 89), token), "accepted");
    EXPECT_TEXT(verdict(tokens_at(now + 90), token), "exp: past");
}

Test(token, issues_nothing_that_it_would_refuse) {
    const auto tokens = tokens_at(now);
    const auto is_refused = [&](const std::string& user_id, const std::string& email) {
        return throws<std::invalid_argument>([&] { tokens.issue({user_id, email}); });
    };
    cr_expect(!is_refused(std::string(255, 'x'), ""));
    cr_expect(is_refused("", ""));
    cr_expect(is_refused(std::string(256, 'x'), ""));
    cr_expect(is_refused("a\nb", ""));
    cr_expect(is_refused("a\0b"s, ""));
    cr_expect(is_refused("ann", "a@b\0c"s));
    cr_expect(is_refused("ann", std::string(256, 'x')));
    // Malformed UTF-8 cannot be written as JSON.
    cr_expect(is_refused("\xff", ""));
}

// --- other sources

namespace {

const std::string shared_secret = "the secret that Better Auth shares with us";

Config with_shared_secret() {
    auto config = configured();
    config.better_auth_secret = Secret{shared_secret};
    return config;
}

}  // namespace

Test(token, of_the_shared_secret_may_be_of_any_issuer) {
    const Tokens tokens{with_shared_secret(), nullptr, [] { return now; }};
    const auto verdict_with = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
        return verdict(tokens, token_of(R"({"alg":"HS256"})", claims(changes), shared_secret));
    };
    EXPECT_TEXT(verdict_with({{"iss", ""}, {"aud", ""}}), "accepted");
    EXPECT_TEXT(verdict_with({{"iss", R"("https://app.example.org")"}, {"aud", R"(["a","b"])"}}),
                "accepted");
    EXPECT_TEXT(verdict_with({{"iss", "1"}, {"aud", "null"}}), "accepted");
    EXPECT_TEXT(verdict_with({{"exp", ""}}), "exp: missing");
    EXPECT_TEXT(verdict_with({{"exp", std::to_string(now - 60)}}), "exp: past");
    EXPECT_TEXT(verdict_with({{"sub", ""}}), "sub: user id is missing");
    EXPECT_TEXT(verdict_with({{"sub", ""}, {"userId", R"("b")"}}), "accepted");
    // Tokens signed with another secret are judged as before.
    EXPECT_TEXT(verdict(tokens, token_of(header, claims({{"iss", R"("other")"}}))),
                "iss: another issuer");
    EXPECT_TEXT(verdict(tokens, token_of(header, claims())), "accepted");
    EXPECT_TEXT(verdict(tokens_at(now), token_of(header, claims(), shared_secret)),
                "signature: made with another key");
    // A session from Better Auth's cookie cache, and tokens of other types, are refused.
    EXPECT_TEXT(
        verdict(tokens, token_of(R"({"alg":"HS256","typ":"session"})", claims(), shared_secret)),
        "header: typ must be JWT or at+jwt");
    EXPECT_TEXT(verdict(tokens, token_of(R"({"alg":"HS512"})", claims(), shared_secret)),
                "header: alg must be HS256");
}

// Otherwise anybody could claim another person's address and keep its owner from signing up.
Test(token, of_another_issuer_has_an_address_only_when_it_is_verified) {
    const Tokens tokens{with_shared_secret(), nullptr, [] { return now; }};
    const auto email_with = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
        return tokens.verify(token_of(header, claims(changes), shared_secret)).email;
    };
    EXPECT_TEXT(email_with({}), "");
    for (const auto* name : {"email_verified", "emailVerified"}) {
        EXPECT_TEXT(email_with({{name, "true"}}), "ann@example.com");
        for (const auto* value : {"false", "null", "1", R"("true")", "[true]", R"({"true":true})"})
            EXPECT_TEXT(email_with({{name, value}}), "");
    }
    EXPECT_TEXT(email_with({{"email_verified", "false"}, {"emailVerified", "true"}}),
                "ann@example.com");
    EXPECT_TEXT(email_with({{"email", ""}, {"email_verified", "true"}}), "");
}

Test(token, of_another_issuer_has_no_text_that_is_not_an_address) {
    const Tokens tokens{with_shared_secret(), nullptr, [] { return now; }};
    for (const auto* email :
         {R"("Bob")", R"("bob@localhost")", R"(" bob@example.com")", R"("zo\u00eb@example.com")"}) {
        const auto user = tokens.verify(token_of(
            header, claims({{"email", email}, {"email_verified", "true"}}), shared_secret));
        EXPECT_TEXT(user.email, "");
        cr_expect(!user.user_id.empty());
    }
}

Test(token, of_this_service_alone_needs_an_account) {
    const Tokens tokens{with_shared_secret(), nullptr, [] { return now; }};
    cr_expect(tokens.verify(tokens.issue({"ann", ""})).needs_account);
    cr_expect_not(tokens.verify(token_of(header, claims(), shared_secret)).needs_account);
}

// --- tickets

namespace {

std::string ticket_verdict(const Tokens& tokens, std::string_view ticket) {
    try {
        tokens.verify_ticket(ticket);
    } catch (const TokenError& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

Test(token, a_ticket_is_refused_as_soon_as_its_token) {
    const auto token = token_of(header, claims({{"exp", std::to_string(now)}}));
    // Within the leeway a token can still be exchanged for a ticket.
    const auto bearer = tokens_at(now + 22).verify(token);
    cr_expect_eq(bearer.expires_at, now + 30);
    const auto ticket = tokens_at(now + 22).issue_ticket(bearer);
    for (const auto& [moment, wanted] : {std::pair{22, std::pair{"accepted", "accepted"}},
                                         {29, {"accepted", "accepted"}},
                                         {30, {"exp: past", "until: past"}},
                                         {31, {"exp: past", "until: past"}},
                                         {81, {"exp: past", "until: past"}},
                                         {82, {"exp: past", "exp: past"}}}) {
        EXPECT_TEXT(verdict(tokens_at(now + moment), token), wanted.first);
        EXPECT_TEXT(ticket_verdict(tokens_at(now + moment), ticket), wanted.second);
    }
    EXPECT_TEXT(std::to_string(tokens_at(now + 22).verify_ticket(ticket).expires_at),
                std::to_string(now + 30));
}

Test(token, a_fraction_shortens_a_ticket) {
    const auto verdict_of = [](const std::string& expires, const std::string& until) {
        return ticket_verdict(tokens_at(now),
                              token_of(header, R"({"aud":"steelthread:events","sub":"ann","exp":)" +
                                                   expires + R"(,"until":)" + until + "}"));
    };
    const auto passed = std::to_string(now) + ".999";
    const auto coming = std::to_string(now + 1) + ".0";
    EXPECT_TEXT(verdict_of(coming, coming), "accepted");
    EXPECT_TEXT(verdict_of(passed, coming), "exp: past");
    EXPECT_TEXT(verdict_of(coming, passed), "until: past");
}

Test(token, a_ticket_is_good_for_a_minute) {
    Identity bearer;
    bearer.api_key = "0123456789abcdef0123456789abcdef";
    const auto ticket = tokens_at(now).issue_ticket(bearer);
    EXPECT_TEXT(ticket_verdict(tokens_at(now + 59), ticket), "accepted");
    EXPECT_TEXT(ticket_verdict(tokens_at(now + 60), ticket), "exp: past");
}

Test(token, a_ticket_says_whom_it_stands_for) {
    Identity bearer{"ann", "ann@example.com"};
    bearer.api_key = "0123456789abcdef0123456789abcdef";
    bearer.expires_at = now + 600;
    for (const bool needs_account : {true, false}) {
        bearer.needs_account = needs_account;
        const auto stands_for = tokens_at(now).verify_ticket(tokens_at(now).issue_ticket(bearer));
        EXPECT_TEXT(stands_for.user_id, "ann");
        EXPECT_TEXT(stands_for.email, "");
        EXPECT_TEXT(stands_for.api_key, "01234567");
        cr_expect_eq(stands_for.expires_at, now + 600);
        cr_expect_eq(stands_for.needs_account, needs_account);
    }
}

Test(token, issues_with_its_own_secret_only) {
    const Tokens tokens{with_shared_secret(), nullptr, [] { return now; }};
    const auto token = tokens.issue({"ann", ""});
    EXPECT_TEXT(jws_verdict(secret, token), "accepted");
    EXPECT_TEXT(jws_verdict(shared_secret, token), "signature: made with another key");
}

Test(token, ids_may_have_to_be_uuids) {
    auto config = configured();
    config.user_id_format = UserIdFormat::uuid;
    const Tokens tokens{config, nullptr, [] { return now; }};
    const auto verdict_of = [&](const std::string& id) {
        return verdict(tokens, token_of(header, claims({{"sub", '"' + id + '"'}})));
    };
    EXPECT_TEXT(verdict_of("11111111-2222-4333-8444-555555555555"), "accepted");
    EXPECT_TEXT(verdict_of("A1111111-2222-4333-8444-555555555555"), "accepted");
    for (const auto* id :
         {"ann", "a7Gh3kLm9PqR2sTu5vWx8yZa1bCd4eFg", "demo-user",
          "11111111222243338444555555555555", "{11111111-2222-4333-8444-555555555555}"})
        EXPECT_TEXT(verdict_of(id), "sub: not a UUID");
    EXPECT_TEXT(user_of({{"sub", R"("a7Gh3kLm9PqR2sTu5vWx8yZa1bCd4eFg")"}}),
                "a7Gh3kLm9PqR2sTu5vWx8yZa1bCd4eFg");
}

// Without a key set the service refuses tokens that were signed with a private key.
Test(token, needs_a_key_set_for_public_keys) {
    const Signer signer{"ES256"};
    EXPECT_TEXT(verdict(signer.token(claims())), "signature: made with another key");
    EXPECT_TEXT(verdict(hmac_token(header, claims(), signer.pem())),
                "signature: made with another key");
}
