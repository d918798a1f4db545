// The certificate of TLS_CERTIFICATE, which nginx uses.
#pragma once

#include <string>

#include "shared/config/config.hpp"

// Until when it is valid: "valid until 2027-01-31T12:00:00Z". Throws ConfigError with the setting
// and the reason if nginx could not use it: a file cannot be read, is not PEM, the key is of
// another certificate, or the certificate has expired.
std::string check_certificate(const Config& config);
