// Tokens that another issuer's keys sign, through the whole service.
#include "tests/support/folder.hpp"
#include "tests/support/signer.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

void expect_in_log(const Stack& stack, const std::string& text) {
    wait_until(text.c_str(), [&] { return stack.log().find(text) != std::string::npos; });
}

}  // namespace

// The log warns of the setting, and says why a token is refused.
Test(tokens, of_any_audience_and_one_client) {
    const Folder folder;
    const Signer signer{"ES384"};
    const Stack stack{Engine::sqlite,
                      {{"JWKS_FILE", folder.file("keys", set_of({signer.jwk()}))},
                       {"JWKS_AUDIENCE", "any"},
                       {"JWKS_CLIENT_ID", "app"}}};
    expect_in_log(stack, "JWKS_AUDIENCE is any");
    const auto create = [&](const std::string& client) {
        const auto token = signer.token(
            R"({"alg":"ES384","typ":"at+jwt","kid":"k"})",
            R"({"sub":"ann","exp":9000000000.5,"aud":"another service","client_id":")" + client +
                R"("})");
        return stack.send({.method = "POST",
                           .path = "/collab/tasks",
                           .body = R"({"title":"of any audience"})",
                           .headers = {"Authorization: Bearer " + token}});
    };
    cr_expect_eq(create("app").status, 200);
    expect_error(create("other"), Error::invalid_token);
    expect_in_log(stack, "azp: another client");
}
