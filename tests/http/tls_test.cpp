// TLS_CERTIFICATE and TLS_KEY: the service speaks TLS and HTTP/2 itself.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "shared/exit_status.hpp"
#include "tests/support/stack/certificate.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

Variables with(const Certificate& certificate) {
    return {{"TLS_CERTIFICATE", certificate.file()}, {"TLS_KEY", certificate.key()}};
}

Finished curl(const std::string& words) {
    return run_command({"/bin/sh", "-c", "exec curl -s " + words}, base_variables());
}

// The subject of the certificate that the service shows.
std::string subject(const Stack& stack) {
    const auto shown =
        run_command({"/bin/sh", "-c",
                     "openssl s_client -connect 127.0.0.1:" + std::to_string(stack.port()) +
                         " </dev/null 2>/dev/null | openssl x509 -noout -subject"},
                    base_variables());
    return shown.output;
}

std::string url(const Stack& stack) { return "https://localhost:" + std::to_string(stack.port()); }

bool logs(const Stack& stack, const std::string& text) {
    return stack.log().find(text) != std::string::npos;
}

}  // namespace

ON_BOTH(tls, serves_over_tls_and_http_2, Engine, engine) {
    const Certificate certificate{"first"};
    const Stack stack{engine, with(certificate)};
    const auto trusted = "--cacert " + certificate.file() + " ";
    const auto login =
        curl(trusted + "--json '{\"email\":\"" + std::string{Stack::email} + "\",\"password\":\"" +
             Stack::password + "\"}' " + url(stack) + "/auth/login");
    const auto token = json_member(login.output, "access_token");
    cr_assert(token.starts_with("eyJ"), "%s", login.output.c_str());
    const auto auth = "-H 'Authorization: Bearer " + token + "' ";
    const auto created =
        curl(trusted + auth +
             "--http2 -o /dev/null -w '%{http_version} %{http_code} %{ssl_verify_result}' "
             "--json '{\"title\":\"x\"}' " +
             url(stack) + "/collab/tasks");
    EXPECT_TEXT(created.output, "2 200 0");
    // nginx's own answers have the service's shape over HTTP/2, too.
    for (const char* version : {"--http1.1", "--http2"})
        EXPECT_TEXT(
            json_member(curl(trusted + auth + version + " --json '\"" + std::string(70'000, 'x') +
                             "\"' " + url(stack) + "/collab/tasks")
                            .output,
                        "type"),
            "payload_too_large");
    for (const char* version : {"1.2", "1.3"})
        EXPECT_TEXT(
            curl(trusted + "--http1.1 -o /dev/null -w '%{http_version} %{http_code}' --tlsv" +
                 version + " --tls-max " + version + " " + url(stack) + "/healthz")
                .output,
            "1.1 200");
    for (const char* version : {"1.0", "1.1"})
        cr_expect_neq(curl(trusted + "--ciphers DEFAULT@SECLEVEL=0 --tlsv" + version +
                           " --tls-max " + version + " " + url(stack) + "/healthz")
                          .status,
                      0);
    cr_expect(logs(stack, "\"url\":\"https://127.0.0.1:"));
}

Test(tls, tells_http_to_use_https) {
    const Certificate certificate{"first"};
    const Stack stack{Engine::sqlite, with(certificate)};
    const auto plain = "http://127.0.0.1:" + std::to_string(stack.port());
    EXPECT_TEXT(json_member(curl(plain + "/healthz").output, "message"),
                "This port speaks TLS: use https");
    EXPECT_TEXT(json_member(curl(plain + "/api/tasks").output, "error.code"), "HTTPS_REQUIRED");
}

// SIGHUP loads new files. If they cannot be used, the old ones stay, and the log says why.
Test(tls, takes_a_new_certificate) {
    const Certificate certificate{"first"};
    const Stack stack{Engine::sqlite, with(certificate)};
    EXPECT_TEXT(subject(stack), "subject=CN = first\n");
    const Certificate second{"second"};
    fs::copy_file(second.file(), certificate.file(), fs::copy_options::overwrite_existing);
    kill(stack.supervisor(), SIGHUP);
    wait_until("the log says why", [&] {
        return logs(stack, certificate.key() + " is not the key of the certificate");
    });
    EXPECT_TEXT(subject(stack), "subject=CN = first\n");
    fs::copy_file(second.key(), certificate.key(), fs::copy_options::overwrite_existing);
    kill(stack.supervisor(), SIGHUP);
    wait_until("the new one is shown", [&] { return subject(stack) == "subject=CN = second\n"; });
}

Test(tls, refuses_files_that_nginx_could_not_use) {
    const Certificate good{"good"};
    const Certificate other{"other"};
    const auto folder = fs::path{good.file()}.parent_path().string();
    std::ofstream{folder + "/text"} << "no PEM";
    const struct {
        std::string certificate;
        std::string key;
        std::string fault;
    } cases[] = {
        {folder + "/none", good.key(), "TLS_CERTIFICATE: " + folder + "/none cannot be read: "},
        {good.file(), folder + "/none", "TLS_KEY: " + folder + "/none cannot be read: "},
        {folder + "/text", good.key(), "TLS_CERTIFICATE: " + folder + "/text is not a certificate"},
        {good.file(), folder + "/text", "TLS_KEY: " + folder + "/text is not a private key"},
        {good.file(), other.key(), other.key() + " is not the key of the certificate"},
    };
    for (const auto& [certificate, key, fault] : cases) {
        auto variables = service_variables("sqlite:///./x.db", folder + "/run");
        variables["TLS_CERTIFICATE"] = certificate;
        variables["TLS_KEY"] = key;
        variables["PORT"] = std::to_string(free_port());
        const auto refused = run_command({built("steelthread"), "run"}, variables);
        cr_expect_eq(refused.status, exit_config);
        cr_expect(refused.errors.find(fault) != std::string::npos, "%s: %s", fault.c_str(),
                  refused.errors.c_str());
        const auto doctor = run_command({built("steelthread"), "doctor"}, variables);
        cr_expect(doctor.output.find("FAULT  TLS: " + fault) != std::string::npos ||
                      doctor.output.find(fault) != std::string::npos,
                  "%s", doctor.output.c_str());
    }
}
