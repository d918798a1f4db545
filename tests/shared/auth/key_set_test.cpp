#include "shared/auth/key_set.hpp"

#include <filesystem>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "shared/auth/fetch.hpp"
#include "shared/auth/token.hpp"
#include "shared/config/config.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/folder.hpp"
#include "tests/support/key_server.hpp"
#include "tests/support/signer.hpp"

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t now_seconds = 1'800'000'000;
const std::string good_claims =
    R"({"sub":"ann","iss":"https://issuer.test","aud":"us","exp":1800000600})";

const Signer& first() {
    static const Signer signer{"EdDSA", "first"};
    return signer;
}

const Signer& second() {
    static const Signer signer{"ES256", "second"};
    return signer;
}

Config configured() {
    Config config{};
    config.jwt_secret = Secret{"a secret of at least thirty-two bytes"};
    config.jwks_issuer = "https://issuer.test";
    config.jwks_audience = "us";
    return config;
}

// "503", with the seconds of Retry-After.
std::string status_of(const ApiError& error) {
    const auto seconds = error.retry_after();
    return std::to_string(entry(error.error()).status) +
           (seconds ? ", again after " + std::to_string(seconds->count()) + " s" : "");
}

// Verifies tokens whose keys come from a server in this process. The test sets the server's answers
// and moves the clock.
class Issuer {
public:
    explicit Issuer(Config config = configured()) : config_{std::move(config)} {
        answer(set_of({first().jwk()}));
    }

    void answer(std::string text) {
        const std::lock_guard lock{mutex_};
        answer_ = std::move(text);
    }
    void fail() { answer(""); }
    void hold() {
        while (gate_.try_acquire()) continue;
        is_held_ = true;
    }
    void release() {
        is_held_ = false;
        gate_.release(100);
    }
    void pass(std::chrono::milliseconds time) { now_ += time; }
    int asked() const { return asked_; }

    // Lets a background request finish.
    void settle() {
        spawn(loop_, tokens_.wait_for_keys(), rethrow);
        run();
    }

    // Returns the verdict on a token, and waits for keys like a request.
    std::string verdict(const std::string& token) { return verdicts({token}).front(); }

    std::vector<std::string> verdicts(const std::vector<std::string>& sent) {
        std::vector<std::string> all(sent.size());
        for (std::size_t i = 0; i < sent.size(); ++i) spawn(loop_, ask(sent[i], all[i]), rethrow);
        run();
        return all;
    }

    // Returns the verdict without waiting; "waits" if the request would have to wait.
    std::string verdict_at_once(const std::string& token) {
        return verdict_of([&] {
            const auto known = tokens_.try_verify(token);
            return known ? known->user_id : "waits";
        });
    }

private:
    template <class Call>
    static std::string verdict_of(Call call) {
        try {
            return call();
        } catch (const TokenError& error) {
            return error.what();
        } catch (const ApiError& error) {
            return status_of(error);
        }
    }

    Async<> ask(std::string token, std::string& told) {
        told = verdict_at_once(token);
        if (told != "waits") co_return;
        co_await tokens_.wait_for_keys();
        told = verdict_of([&] { return tokens_.verify(token).user_id; });
    }

    void run() {
        loop_.restart();
        loop_.run();
    }

    std::string fetch_here(const std::string& url) {
        ++asked_;
        if (is_held_) gate_.acquire();
        EXPECT_TEXT(url, "http://issuer.test/keys");
        const std::lock_guard lock{mutex_};
        if (answer_.empty()) throw std::runtime_error("the test wants it so");
        return answer_;
    }

    Config config_;
    std::mutex mutex_;
    std::string answer_;
    std::atomic<bool> is_held_ = false;
    std::counting_semaphore<> gate_{0};
    std::atomic<int> asked_ = 0;
    Clock::time_point now_ = Clock::now();
    Loop loop_{1};
    const Tokens tokens_{
        config_,
        KeySet::of_url(
            loop_, "http://issuer.test/keys", [this](const auto& url) { return fetch_here(url); },
            [this] { return now_; }),
        [] { return now_seconds; }};
};

std::string kinds(const ParsedKeys& parsed) {
    std::string text;
    for (const auto& key : parsed.keys)
        text += (text.empty() ? "" : " ") + key.id() + ":" + std::string{key.algorithm()};
    return text;
}

std::string set_refusal(std::string_view json) {
    try {
        parse_key_set(json);
    } catch (const KeyError& error) {
        return error.what();
    }
    return "accepted";
}

const std::string no_key = "kid: not a key of the set";

}  // namespace

// --- parsing

Test(key_set, takes_what_it_can_use_and_skips_the_rest) {
    const Signer weak{"RS256", "weak", 1024};
    const std::string other_curve = R"({"kty":"EC","crv":"secp256k1","kid":"other"})";
    const auto parsed =
        parse_key_set(set_of({weak.jwk(), first().jwk(), R"({"kty":"oct","k":"AA","kid":"first"})",
                              other_curve, second().jwk(), R"({"kty":"AKP","kid":"later"})", "null",
                              "7", R"({"kty":"EC"})", first().jwk(R"(,"use":"enc")")}));
    EXPECT_TEXT(kinds(parsed), "first:EdDSA second:ES256");
    cr_expect_eq(parsed.skipped.size(), 8);
    EXPECT_TEXT(parsed.skipped.at(0), "RSA key is shorter than 2048 bits");
    EXPECT_TEXT(parsed.skipped.at(1), "secret key in a set of public keys");
}

// No private key is needed: with a point of order 1 such a signature verifies for every text, with
// one of order 4 for one text in four.
Test(key_set, nobody_signs_for_a_key_of_small_order) {
    const std::string neutral = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const std::string fourth = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (const auto& x : {neutral, fourth}) {
        Issuer issuer;
        issuer.answer(set_of(
            {first().jwk(), R"({"kty":"OKP","crv":"Ed25519","kid":"small","x":")" + x + R"("})"}));
        const auto log = written_by([&] {
            for (int i = 0; i < 16; ++i) {
                const auto payload = R"({"sub":"ann","iss":"https://issuer.test","aud":"us",)"
                                     R"("exp":1800000600,"n":)" +
                                     std::to_string(i) + "}";
                const auto token = base64url(R"({"alg":"EdDSA","kid":"small"})") + "." +
                                   base64url(payload) + "." +
                                   base64url("\x01" + std::string(63, '\0'));
                EXPECT_TEXT(issuer.verdict(token), no_key);
            }
        });
        cr_expect_neq(log.find("Ed25519 key has small order"), log.npos, "%s", log.c_str());
        EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    }
}

Test(key_set, bounds_the_number_of_keys) {
    std::string all;
    for (int i = 0; i < 70; ++i) all += (i ? "," : "") + first().jwk();
    const auto parsed = parse_key_set(R"({"keys":[)" + all + "]}");
    cr_expect_eq(parsed.keys.size(), max_keys);
    cr_expect_eq(parsed.skipped.size(), 70 - max_keys);
}

Test(key_set, refuses_what_is_no_set) {
    EXPECT_TEXT(set_refusal(R"({"keys":[]})"), "accepted");
    EXPECT_TEXT(set_refusal(R"({"keys":[],"more":1})"), "accepted");
    for (const auto* json : {"{}", R"({"keys":{}})", R"({"keys":null})", R"({"Keys":[]})"})
        EXPECT_TEXT(set_refusal(json), "key set: keys is not an array");
    EXPECT_TEXT(set_refusal("[]"), "key set: not an object");
    EXPECT_TEXT(set_refusal(R"({"keys":[],"keys":[]})"),
                "key set: Value error, this member occurs twice");
    for (const auto* json : {"", "<html>", R"({"keys":[)", R"({"keys":[]}x)"})
        cr_expect(set_refusal(json).starts_with("key set: JSON decode error"), "%s", json);
}

// --- a server

Test(key_set, is_fetched_with_the_first_token_that_needs_it) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict("x.y.z"), "signature: truncated");
    EXPECT_TEXT(
        issuer.verdict(hmac_token(R"({"alg":"HS256","kid":"first"})", good_claims, "wrong")),
        "header: alg must be a public key algorithm");
    cr_expect_eq(issuer.asked(), 0);
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    EXPECT_TEXT(issuer.verdict_at_once(first().token(good_claims)), "ann");
    cr_expect_eq(issuer.asked(), 1);
}

Test(key_set, checks_the_claims_of_the_issuer) {
    Issuer issuer;
    const auto verdict_with = [&](const std::string& claims) {
        return issuer.verdict(first().token(claims));
    };
    EXPECT_TEXT(verdict_with(good_claims), "ann");
    EXPECT_TEXT(
        verdict_with(
            R"({"sub":"ann","iss":"https://issuer.test","aud":["x","us"],"exp":1800000600})"),
        "ann");
    EXPECT_TEXT(verdict_with(R"({"sub":"ann","iss":"https://issuer.test","exp":1800000600})"),
                "aud: another audience");
    EXPECT_TEXT(
        verdict_with(R"({"sub":"ann","iss":"https://issuer.test","aud":["x"],"exp":1800000600})"),
        "aud: another audience");
    EXPECT_TEXT(
        verdict_with(R"({"sub":"ann","iss":"https://issuer.test/","aud":"us","exp":1800000600})"),
        "iss: another issuer");
    EXPECT_TEXT(
        verdict_with(R"({"sub":"ann","iss":["https://issuer.test"],"aud":"us","exp":1800000600})"),
        "iss: another issuer");
    EXPECT_TEXT(
        verdict_with(R"({"sub":"ann","iss":"steelthread","aud":"steelthread","exp":1800000600})"),
        "iss: another issuer");
    EXPECT_TEXT(verdict_with(R"({"sub":"ann","iss":"https://issuer.test","aud":"us"})"),
                "exp: missing");
    EXPECT_TEXT(
        verdict_with(R"({"sub":"ann","iss":"https://issuer.test","aud":"us","exp":1799999000})"),
        "exp: past");
}

Test(key_set, any_audience_may_be_enough) {
    auto config = configured();
    config.jwks_audience = "any";
    Issuer issuer{config};
    for (const auto* audience : {"", R"(,"aud":"them")", R"(,"aud":["a","b"])", R"(,"aud":null)"})
        EXPECT_TEXT(issuer.verdict(first().token(
                        R"({"sub":"ann","iss":"https://issuer.test","exp":1800000600)" +
                        std::string{audience} + "}")),
                    "ann");
    EXPECT_TEXT(issuer.verdict(first().token(R"({"sub":"ann","aud":"us","exp":1800000600})")),
                "iss: another issuer");
}

// AWS Cognito has `client_id` in its access tokens, Clerk and Keycloak have `azp`.
Test(key_set, checks_the_client_where_one_is_set) {
    auto config = configured();
    config.jwks_audience = "any";
    config.jwks_client_id = "app";
    Issuer issuer{config};
    const auto verdict_with = [&](const std::string& more) {
        return issuer.verdict(first().token(
            R"({"sub":"ann","iss":"https://issuer.test","exp":1800000600)" + more + "}"));
    };
    for (const auto* more :
         {R"(,"azp":"app")", R"(,"client_id":"app")", R"(,"azp":"app","client_id":"other")",
          R"(,"azp":"other","client_id":"app")", R"(,"azp":"app","aud":"them")"})
        EXPECT_TEXT(verdict_with(more), "ann");
    for (const auto* more :
         {"", R"(,"azp":"App")", R"(,"azp":"")", R"(,"azp":null)", R"(,"azp":["app"])",
          R"(,"client_id":["app"])", R"(,"azp":"other","client_id":"other")", R"(,"aud":"app")"})
        EXPECT_TEXT(verdict_with(more), "azp: another client");
    // The audience is checked as well, unless that is switched off.
    config.jwks_audience = "us";
    Issuer strict{config};
    EXPECT_TEXT(strict.verdict(first().token(
                    R"({"sub":"ann","iss":"https://issuer.test","exp":1800000600,"azp":"app"})")),
                "aud: another audience");
    EXPECT_TEXT(
        strict.verdict(first().token(
            R"({"sub":"ann","iss":"https://issuer.test","exp":1800000600,"azp":"app","aud":"us"})")),
        "ann");
}

Test(key_set, takes_every_algorithm_from_an_issuer) {
    for (const auto* name : {"EdDSA", "ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256",
                             "PS384", "PS512"}) {
        const Signer signer{name, "only"};
        Issuer issuer;
        issuer.answer(set_of({signer.jwk()}));
        EXPECT_TEXT(issuer.verdict(signer.token(good_claims)), "ann");
    }
    const auto header = R"({"alg":"Ed25519","kid":"first"})";
    Issuer issuer;
    issuer.answer(set_of({first().jwk(R"(,"alg":"Ed25519","kid":"first")")}));
    EXPECT_TEXT(issuer.verdict(first().token(header, good_claims)), "ann");
}

Test(key_set, never_fetched_is_no_verdict_on_the_token) {
    Issuer issuer;
    issuer.fail();
    const auto token = first().token(good_claims);
    EXPECT_TEXT(issuer.verdict(token), "503, again after 10 s");
    EXPECT_TEXT(issuer.verdict_at_once(token), "503, again after 10 s");
    cr_expect_eq(issuer.asked(), 1);
    issuer.pass(2500ms);
    EXPECT_TEXT(issuer.verdict_at_once(token), "503, again after 8 s");
    issuer.pass(7499ms);
    EXPECT_TEXT(issuer.verdict_at_once(token), "503, again after 1 s");
    cr_expect_eq(issuer.asked(), 1);
    issuer.answer(set_of({first().jwk()}));
    issuer.pass(1ms);
    EXPECT_TEXT(issuer.verdict(token), "ann");
    cr_expect_eq(issuer.asked(), 2);
}

Test(key_set, one_request_serves_all_who_wait) {
    Issuer issuer;
    const auto token = first().token(good_claims);
    const auto told = issuer.verdicts({token, second().token(good_claims), token, token, "x.y.z"});
    EXPECT_TEXT(told[0], "ann");
    EXPECT_TEXT(told[1], no_key);
    EXPECT_TEXT(told[2], "ann");
    EXPECT_TEXT(told[3], "ann");
    EXPECT_TEXT(told[4], "signature: truncated");
    cr_expect_eq(issuer.asked(), 1);
}

Test(key_set, an_unknown_key_is_asked_for_once_per_cool_down) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    const auto rotated = second().token(good_claims);
    // The set was fetched before the key was missed, so nobody knows yet.
    for (int i = 0; i < 5; ++i)
        EXPECT_TEXT(issuer.verdict_at_once(rotated), "503, again after 10 s");
    cr_expect_eq(issuer.asked(), 1);
    issuer.pass(10s);
    EXPECT_TEXT(issuer.verdict(rotated), no_key);
    EXPECT_TEXT(issuer.verdict(rotated), no_key);
    cr_expect_eq(issuer.asked(), 2);
    issuer.answer(set_of({first().jwk(), second().jwk()}));
    issuer.pass(9999ms);
    EXPECT_TEXT(issuer.verdict_at_once(rotated), no_key);
    issuer.pass(1ms);
    EXPECT_TEXT(issuer.verdict(rotated), "ann");
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    cr_expect_eq(issuer.asked(), 3);
}

Test(key_set, many_unknown_keys_are_one_request) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    issuer.pass(10s);
    std::vector<std::string> sent;
    for (int i = 0; i < 1000; ++i)
        sent.push_back(first().token(
            R"({"alg":"EdDSA","kid":"made-up-)" + std::to_string(i) + "\"}", good_claims));
    // More ids than a process remembers remain undecided.
    const auto told = issuer.verdicts(sent);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto wanted = i < KeySet::max_unknown ? no_key : "503, again after 10 s";
        EXPECT_TEXT(told[i], wanted);
        EXPECT_TEXT(issuer.verdict_at_once(sent[i]), wanted);
    }
    EXPECT_TEXT(issuer.verdict_at_once(first().token(good_claims)), "ann");
    cr_expect_eq(issuer.asked(), 2);
}

// Anybody can use up a request with a made-up id. A token whose key has been added since is not
// refused, and the next request decides on it, whoever starts that.
Test(key_set, a_new_key_is_undecided_until_the_next_request) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    issuer.pass(10s);
    const auto made_up = [](const std::string& id) {
        return first().token(R"({"alg":"EdDSA","kid":")" + id + R"("})", good_claims);
    };
    EXPECT_TEXT(issuer.verdict(made_up("a")), no_key);
    issuer.answer(set_of({first().jwk(), second().jwk()}));
    issuer.pass(2s);
    EXPECT_TEXT(issuer.verdict_at_once(second().token(good_claims)), "503, again after 8 s");
    EXPECT_TEXT(issuer.verdict_at_once(made_up("b")), "503, again after 8 s");
    EXPECT_TEXT(issuer.verdict_at_once(made_up("a")), no_key);
    issuer.pass(8s);
    EXPECT_TEXT(issuer.verdict(made_up("c")), no_key);
    EXPECT_TEXT(issuer.verdict_at_once(second().token(good_claims)), "ann");
    EXPECT_TEXT(issuer.verdict_at_once(made_up("b")), no_key);
    cr_expect_eq(issuer.asked(), 3);
}

Test(key_set, a_request_that_fails_decides_nothing) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    issuer.pass(10s);
    issuer.fail();
    const auto rotated = second().token(good_claims);
    EXPECT_TEXT(issuer.verdict(rotated), "503, again after 10 s");
    issuer.pass(9001ms);
    EXPECT_TEXT(issuer.verdict_at_once(rotated), "503, again after 1 s");
    issuer.pass(999ms);
    issuer.answer(set_of({first().jwk()}));
    EXPECT_TEXT(issuer.verdict(rotated), no_key);
    cr_expect_eq(issuer.asked(), 3);
}

// Without `kid`, the next request decides as well.
Test(key_set, a_token_without_a_kid_is_undecided_as_long) {
    Issuer issuer;
    issuer.answer(set_of({first().jwk("")}));
    const Signer stranger{"EdDSA", "stranger"};
    const auto token = stranger.token(R"({"alg":"EdDSA"})", good_claims);
    EXPECT_TEXT(issuer.verdict(first().token(R"({"alg":"EdDSA"})", good_claims)), "ann");
    issuer.pass(1s);
    EXPECT_TEXT(issuer.verdict_at_once(token), no_key);
    issuer.pass(9s);
    EXPECT_TEXT(issuer.verdict(token), no_key);
    issuer.pass(10s);
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), no_key);
    issuer.pass(1s);
    EXPECT_TEXT(issuer.verdict_at_once(token), "503, again after 9 s");
}

// While another unknown key is being fetched, a token whose key has just been missing is refused at
// once.
Test(key_set, remembers_which_keys_are_not_there) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    issuer.pass(10s);
    const auto unknown = second().token(good_claims);
    issuer.hold();
    EXPECT_TEXT(issuer.verdict_at_once(unknown), "waits");
    issuer.pass(2s);  // the server takes this long
    issuer.release();
    issuer.settle();
    issuer.pass(8s);
    issuer.hold();
    EXPECT_TEXT(issuer.verdict_at_once(first().token(R"({"alg":"EdDSA","kid":"x"})", good_claims)),
                "waits");
    EXPECT_TEXT(issuer.verdict_at_once(unknown), no_key);
    issuer.pass(2s);
    EXPECT_TEXT(issuer.verdict_at_once(unknown), "waits");
    issuer.release();
    issuer.settle();
    cr_expect_eq(issuer.asked(), 3);
}

Test(key_set, a_wrong_signature_asks_nobody) {
    Issuer issuer;
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), "ann");
    issuer.pass(20s);
    const Signer stranger{"EdDSA", "first"};
    EXPECT_TEXT(issuer.verdict_at_once(stranger.token(good_claims)),
                "signature: made with another key");
    EXPECT_TEXT(
        issuer.verdict_at_once(second().token(R"({"alg":"ES256","kid":"first"})", good_claims)),
        "signature: made with another key");
    cr_expect_eq(issuer.asked(), 1);
}

Test(key_set, without_a_kid_all_keys_of_the_algorithm_are_tried) {
    Issuer issuer;
    const Signer another{"EdDSA", "another"};
    issuer.answer(set_of({second().jwk(), another.jwk(), first().jwk()}));
    EXPECT_TEXT(issuer.verdict(first().token(R"({"alg":"EdDSA"})", good_claims)), "ann");
    EXPECT_TEXT(issuer.verdict(second().token(R"({"alg":"ES256"})", good_claims)), "ann");
    EXPECT_TEXT(issuer.verdict(second().token(R"({"alg":"EdDSA"})", good_claims)), no_key);
    EXPECT_TEXT(issuer.verdict(first().token(R"({"alg":"ES256"})", good_claims)), no_key);
    // A key without an id does not match a token that names one.
    issuer.answer(set_of({first().jwk("")}));
    issuer.pass(301s);
    EXPECT_TEXT(issuer.verdict(first().token(R"({"alg":"EdDSA"})", good_claims)), "ann");
    issuer.settle();
    EXPECT_TEXT(issuer.verdict(first().token(R"({"alg":"EdDSA"})", good_claims)), "ann");
    EXPECT_TEXT(issuer.verdict(first().token(good_claims)), no_key);
}

Test(key_set, the_old_set_stays_when_the_server_fails) {
    Issuer issuer;
    const auto token = first().token(good_claims);
    EXPECT_TEXT(issuer.verdict(token), "ann");
    for (const auto* nonsense : {"", "<html>", "{}", R"({"keys":7})"}) {
        issuer.answer(nonsense);
        issuer.pass(400s);
        EXPECT_TEXT(issuer.verdict(token), "ann");
        issuer.settle();
        EXPECT_TEXT(issuer.verdict(token), "ann");
        EXPECT_TEXT(issuer.verdict(second().token(good_claims)), "503, again after 10 s");
    }
    cr_expect_eq(issuer.asked(), 5);
}

Test(key_set, is_refreshed_in_the_background_and_forgets_withdrawn_keys) {
    Issuer issuer;
    const auto token = first().token(good_claims);
    EXPECT_TEXT(issuer.verdict(token), "ann");
    issuer.answer(set_of({second().jwk()}));
    issuer.pass(299s);
    EXPECT_TEXT(issuer.verdict_at_once(token), "ann");
    issuer.settle();
    cr_expect_eq(issuer.asked(), 1);
    issuer.pass(1s);
    issuer.hold();
    // A token with a known key never waits for the refresh.
    for (int i = 0; i < 3; ++i) EXPECT_TEXT(issuer.verdict_at_once(token), "ann");
    issuer.release();
    issuer.settle();
    cr_expect_eq(issuer.asked(), 2);
    EXPECT_TEXT(issuer.verdict_at_once(token), no_key);
    EXPECT_TEXT(issuer.verdict_at_once(second().token(good_claims)), "ann");
}

Test(key_set, an_end_while_keys_are_fetched_is_clean) {
    Loop loop{1};
    std::counting_semaphore<> gate{0};
    bool is_woken = false;
    {
        auto keys = KeySet::of_url(
            loop, "http://issuer.test",
            [&](const auto&) -> std::string {
                gate.acquire();
                return "{}";
            },
            Clock::now);
        cr_assert(keys->may_come("k"));
        spawn(loop, keys->wait_for_fetch(), [&](const std::exception_ptr&) { is_woken = true; });
        loop.poll();
        cr_expect(!is_woken);
        gate.release();
    }
    loop.restart();
    loop.run();
    cr_expect(is_woken);
}

// --- a file

Test(key_set, a_file_is_read_again_when_it_changes) {
    const Folder folder;
    const auto path = folder.path("keys");
    auto moment = Clock::now();
    const Tokens tokens{configured(), KeySet::of_file(path, [&] { return moment; }),
                        [] { return now_seconds; }};
    const auto verdict = [&](const Signer& signer) -> std::string {
        try {
            const auto known = tokens.try_verify(signer.token(good_claims));
            return known ? known->user_id : "waits";
        } catch (const TokenError& error) {
            return error.what();
        } catch (const ApiError& error) {
            return status_of(error);
        }
    };
    const std::string not_read = "503, again after 1 s";
    EXPECT_TEXT(verdict(first()), not_read);
    folder.file("keys", "{");
    moment += 1s;
    EXPECT_TEXT(verdict(first()), not_read);
    folder.file("keys", set_of({first().jwk()}));
    EXPECT_TEXT(verdict(first()), not_read);
    moment += 1s;
    EXPECT_TEXT(verdict(first()), "ann");
    EXPECT_TEXT(verdict(second()), no_key);
    fs::rename(folder.file("keys.new", set_of({second().jwk()})), path);
    EXPECT_TEXT(verdict(first()), "ann");
    moment += 1s;
    EXPECT_TEXT(verdict(first()), no_key);
    EXPECT_TEXT(verdict(second()), "ann");
    for (const auto& nonsense :
         {std::string{"nonsense"}, std::string(max_fetched_bytes + 1, ' ')}) {
        folder.file("keys", nonsense);
        moment += 1s;
        EXPECT_TEXT(verdict(second()), "ann");
    }
    fs::remove(path);
    moment += 1s;
    EXPECT_TEXT(verdict(second()), "ann");
}

// --- fetching

namespace {

std::string fetch_verdict(const std::string& url) {
    try {
        return fetch(url);
    } catch (const std::runtime_error& error) {
        return "! " + std::string{error.what()};
    }
}

}  // namespace

Test(fetch, gives_the_body_of_a_200) {
    const KeyServer server;
    server.answer(200, R"({"keys":[]})");
    EXPECT_TEXT(fetch(server.url("/api/auth/jwks?x=1")), R"({"keys":[]})");
    cr_expect(server.last_request().starts_with("GET /api/auth/jwks?x=1 HTTP/1.1\r\n"), "%s",
              server.last_request().c_str());
}

Test(fetch, takes_no_other_status) {
    const KeyServer server;
    for (const int status : {201, 204, 304, 401, 404, 500, 503}) {
        server.answer(status, status == 204 || status == 304 ? "" : "{}");
        EXPECT_TEXT(fetch_verdict(server.url("/")), "! status " + std::to_string(status));
    }
}

Test(fetch, follows_no_redirect) {
    const KeyServer server;
    const KeyServer other;
    other.answer(200, "stolen");
    for (const auto& to : {other.url("/"), server.url("/other"), std::string{"/other"}})
        for (const int status : {301, 302, 303, 307, 308}) {
            server.answer(status, "", "Location: " + to + "\r\n");
            EXPECT_TEXT(fetch_verdict(server.url("/")), "! status " + std::to_string(status));
        }
    cr_expect_eq(other.requests(), 0);
    cr_expect_eq(server.requests(), 15);
}

Test(fetch, takes_no_more_than_256_kib) {
    const KeyServer server;
    server.answer(200, std::string(max_fetched_bytes, ' '));
    cr_expect_eq(fetch(server.url("/")).size(), max_fetched_bytes);
    server.answer(200, std::string(max_fetched_bytes + 1, ' '));
    EXPECT_TEXT(fetch_verdict(server.url("/")).substr(0, 1), "!");
    // The server does not announce the length.
    server.answer_until_close(std::string(max_fetched_bytes + 1, ' '));
    EXPECT_TEXT(fetch_verdict(server.url("/")), "! larger than 256 KiB");
}

Test(fetch, gives_a_slow_server_two_seconds) {
    const KeyServer server;
    server.say_nothing();
    const auto started = Clock::now();
    EXPECT_TEXT(fetch_verdict(server.url("/")).substr(0, 1), "!");
    const auto took = Clock::now() - started;
    cr_expect(took >= 1900ms && took < 6s);
}

Test(fetch, speaks_http_only) {
    const Folder folder;
    const auto path = folder.file("keys", set_of({first().jwk()}));
    for (const auto& url :
         {"file://" + path, std::string{"ftp://127.0.0.1/keys"}, std::string{"gopher://127.0.0.1/"},
          std::string{"not a url"}, std::string{"http://127.0.0.1:1/"}})
        EXPECT_TEXT(fetch_verdict(url).substr(0, 1), "!");
}
