#include "tests/support/stack/certificate.hpp"

#include <unistd.h>

#include <filesystem>

#include "tests/support/stack/stack.hpp"

Certificate::Certificate(const std::string& name) {
    static int count = 0;
    const auto folder = test_variable("TEST_DIR") + "/certificate_" + std::to_string(getpid()) +
                        "_" + std::to_string(++count);
    std::filesystem::create_directory(folder);
    file_ = folder + "/certificate.pem";
    key_ = folder + "/key.pem";
    const auto made =
        run_command({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                     "-addext", "subjectAltName=DNS:localhost", "-keyout", key_, "-out", file_},
                    base_variables());
    cr_assert(made.status == 0, "%s", made.errors.c_str());
}
