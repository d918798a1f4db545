// Wycheproof's vectors for JSON Web Signatures. wycheproof_jws.json names their source.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "shared/auth/jws.hpp"
#include "shared/json/reader.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/signer.hpp"

namespace {

using rapidjson::Value;

// Vectors on which the service deviates from Wycheproof's verdict.
struct Deviation {
    int first_id;
    int last_id;
    const char* decision;
};

constexpr Deviation deviations[] = {
    // These are signed with PS384, but the key is for PS256.
    {346, 346, "signature: made with another key"},
    {350, 350, "signature: made with another key"},
    // The key names "ES521", which is not an algorithm (RFC 7518, section 3.1).
    {347, 347, "key: alg does not match the key"},
    {351, 351, "key: alg does not match the key"},
    // These contain a character outside base64url, which must not be skipped (RFC 7515, section 2).
    {372, 373, "signature: made with another key"},
    // These are marked as invalid but are identical to 357, which is valid (Wycheproof's issue
    // 236).
    {367, 367, "accepted"},
    {370, 370, "accepted"},
};

std::string text_of(const Value& object, std::string_view name) {
    return std::string{json::text_of(*json::find(object, name))};
}

// Key::from_jwk() does not take secrets. The bytes of a secret are encoded like a signature.
Key key_of(const Value& jwk) {
    if (text_of(jwk, "kty") != "oct") return Key::from_jwk(jwk);
    return Key::from_secret(split_jws(".." + text_of(jwk, "k")).signature);
}

// Returns "accepted", or the reason of a KeyError or TokenError. Any other exception fails the
// test.
std::string decide(const Value& jwk, const std::string& token) {
    try {
        const auto payload = verify_jws(key_of(jwk), token);
        const auto begin = token.find('.') + 1;
        EXPECT_TEXT(base64url(payload), token.substr(begin, token.rfind('.') - begin));
        return "accepted";
    } catch (const KeyError& error) {
        return std::string{"key: "} + error.what();
    } catch (const TokenError& error) {
        return error.what();
    }
}

const Deviation* deviation_of(int id) {
    const auto* found =
        std::find_if(std::begin(deviations), std::end(deviations),
                     [id](const auto& each) { return each.first_id <= id && id <= each.last_id; });
    return found == std::end(deviations) ? nullptr : found;
}

void check(const Value& vector, const std::string& decision) {
    const int id = json::find(vector, "tcId")->GetInt();
    const auto result = text_of(vector, "result");
    // Wycheproof has a third mark, "acceptable", which this file does not use.
    cr_expect(result == "valid" || result == "invalid", "%d is %s", id, result.c_str());
    const bool is_accepted = decision == "accepted";
    if (const auto* deviation = deviation_of(id)) {
        EXPECT_TEXT(std::to_string(id) + ": " + decision,
                    std::to_string(id) + ": " + deviation->decision);
        cr_expect(is_accepted != (result == "valid"), "%d is decided as it is marked", id);
    } else {
        cr_expect(is_accepted == (result == "valid"), "%d, %s, %s: %s", id,
                  text_of(vector, "comment").c_str(), result.c_str(), decision.c_str());
    }
}

// Calls `use` with the key and the vector, for each vector.
template <class Use>
void for_each_vector(Use use) {
    std::ifstream stream{"tests/shared/auth/wycheproof_jws.json"};
    const auto file = json::parse(std::string{std::istreambuf_iterator<char>{stream}, {}});
    for (const auto& group : json::find(file, "groups")->GetArray())
        for (const auto& vector : json::find(group, "tests")->GetArray())
            use(*json::find(group, "jwk"), vector);
}

}  // namespace

// Counts all vectors by reason: if a key itself were refused, its invalid vectors would prove
// nothing.
Test(wycheproof, decides_as_published) {
    std::map<std::string, int> decisions;
    for_each_vector([&](const Value& jwk, const Value& vector) {
        const auto decision = decide(jwk, text_of(vector, "jws"));
        check(vector, decision);
        const auto algorithm = json::find(jwk, "alg") ? text_of(jwk, "alg") + " " : "";
        ++decisions[decision == "accepted" ? algorithm + decision : decision];
    });
    std::string counts;
    for (const auto& [decision, count] : decisions)
        counts += std::to_string(count) + " " + decision + "\n";
    EXPECT_TEXT(counts,
                "2 ES256 accepted\n"
                "10 HS256 accepted\n"
                "6 PS256 accepted\n"
                "4 PS384 accepted\n"
                "4 PS512 accepted\n"
                "8 RS256 accepted\n"
                "4 RS384 accepted\n"
                "4 RS512 accepted\n"
                "2 header: not base64url\n"
                "2 key: alg does not match the key\n"
                "2 key: key_ops lacks verify\n"
                "2 key: use must be sig\n"
                "3 payload: not base64url\n"
                "1 payload: not canonical base64url\n"
                "324 signature: made with another key\n"
                "5 signature: not base64url\n"
                "18 token: not three parts\n");
}

// No vector of ES512 is accepted above, because its key names another algorithm.
Test(wycheproof, figure_27_of_rfc_7520_once_its_key_names_es512) {
    int count = 0;
    for_each_vector([&](const Value& jwk, const Value& vector) {
        if (text_of(vector, "comment") != "Figure27") return;
        rapidjson::Document corrected;
        corrected.CopyFrom(jwk, corrected.GetAllocator());
        corrected["alg"].SetString("ES512");
        EXPECT_TEXT(decide(corrected, text_of(vector, "jws")), "accepted");
        ++count;
    });
    cr_expect_eq(count, 2);
}
