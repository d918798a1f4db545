// verify: measures the CPU microseconds that it takes to verify the token of a request, for each
// kind of key: the first time ("new") and every later time ("known"), with all secrets set. `make
// bench-verify` runs it.

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include "shared/auth/token.hpp"
#include "shared/config/config.hpp"
#include "shared/log.hpp"
#include "tests/support/signer.hpp"

namespace {

constexpr int rounds = 200;
constexpr int tokens_a_round = 100;

std::string claims(int number, const std::string& issuer = "http://localhost:3000") {
    return R"({"iss":")" + issuer + R"(","aud":")" + issuer + R"(","sub":"user)" +
           std::to_string(number) +
           R"(","name":"Somebody With A Name","email":"somebody@example.org","emailVerified":false,)"
           R"("createdAt":"2026-01-08T12:34:56.123Z","iat":1700000000,"exp":9000000000})";
}

// CPU time does not depend on what else runs on the machine.
double cpu_microseconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// The median over the rounds of the mean of one round.
double microseconds(const Config& config, const std::string& set_path,
                    const std::vector<std::string>& tokens, bool are_known) {
    std::vector<double> means;
    for (int round = 0; round < rounds; ++round) {
        const Tokens verifier{config, set_path.empty() ? nullptr : KeySet::of_file(set_path)};
        verifier.verify(tokens.back());  // sets everything up
        const auto& first = tokens.front();
        if (are_known) verifier.verify(first);
        const double started = cpu_microseconds();
        for (int i = 0; i < tokens_a_round; ++i)
            verifier.verify(are_known ? first : tokens[static_cast<std::size_t>(i)]);
        means.push_back((cpu_microseconds() - started) / tokens_a_round);
    }
    std::nth_element(means.begin(), means.begin() + rounds / 2, means.end());
    return means[rounds / 2];
}

void row(const std::string& name, const Config& config, const std::string& set_path,
         const std::vector<std::string>& tokens) {
    std::cout << name << "  new " << microseconds(config, set_path, tokens, false) << "  known "
              << microseconds(config, set_path, tokens, true) << std::endl;
}

}  // namespace

int main() {
    logging::set_level(logging::Level::error);
    Config config{};
    config.jwt_secret = Secret{"the secret of this service, long enough"};
    config.jwt_secret_previous = Secret{"the secret of the month before this one"};
    config.better_auth_secret = Secret{"a secret that a front end shares with it"};
    const std::string header = R"({"alg":"HS256","typ":"JWT"})";
    std::vector<std::string> tokens;
    for (int i = 0; i <= tokens_a_round; ++i)
        tokens.push_back(hmac_token(header, claims(i, "steelthread"), config.jwt_secret.reveal()));
    row("HS256, own", config, "", tokens);
    for (int i = 0; i <= tokens_a_round; ++i)
        tokens[static_cast<std::size_t>(i)] =
            hmac_token(header, claims(i), config.better_auth_secret.reveal());
    row("HS256, shared secret", config, "", tokens);

    config.jwks_issuer = config.jwks_audience = "http://localhost:3000";
    const auto path =
        std::filesystem::temp_directory_path() / ("verify." + std::to_string(getpid()));
    for (const auto* algorithm : {"EdDSA", "ES256", "ES512", "RS256", "PS256"}) {
        const Signer signer{algorithm, "a7Gh3kLm9PqR2sTu5vWx8yZa1bCd4eFg"};
        std::ofstream{path} << set_of({signer.jwk()});
        for (int i = 0; i <= tokens_a_round; ++i)
            tokens[static_cast<std::size_t>(i)] = signer.token(claims(i));
        row(algorithm, config, path, tokens);
    }
    std::filesystem::remove(path);
}
