#include "cli/certificate.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>

namespace {

[[noreturn]] void refuse(std::string_view setting, const std::string& file,
                         const std::string& reason) {
    throw ConfigError(std::string{setting} + ": " + file + " " + reason);
}

void check_readable(std::string_view setting, const std::string& file) {
    if (access(file.c_str(), R_OK) != 0)
        refuse(setting, file, std::string{"cannot be read: "} + std::strerror(errno));
}

std::string text_of(const ASN1_TIME* time) {
    tm parts{};
    char text[32];
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "an unknown time";
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

}  // namespace

std::string check_certificate(const Config& config) {
    const auto& file = config.tls_certificate;
    const auto& key = config.tls_key;
    check_readable("TLS_CERTIFICATE", file);
    check_readable("TLS_KEY", key);
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{
        SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
    if (SSL_CTX_use_certificate_chain_file(context.get(), file.c_str()) != 1)
        refuse("TLS_CERTIFICATE", file, "is not a certificate in PEM");
    // The first function also refuses a key that does not match.
    const bool is_key =
        SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) == 1;
    const auto code = ERR_peek_last_error();
    if (!is_key && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
        refuse("TLS_KEY", key, "is not the key of the certificate");
    if (!is_key) refuse("TLS_KEY", key, "is not a private key in PEM without a password");
    const auto* const until = X509_get0_notAfter(SSL_CTX_get0_certificate(context.get()));
    if (X509_cmp_current_time(until) < 0)
        refuse("TLS_CERTIFICATE", file, "has expired on " + text_of(until));
    return "valid until " + text_of(until);
}
