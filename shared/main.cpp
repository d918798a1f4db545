// The main() of every handler. HANDLER is the name of its file, and so of its namespace.

#include "shared/server/handler.hpp"

namespace HANDLER {
Endpoint endpoint();
}

// libpq brings libldap and that GnuTLS, which would set itself up in every process although nothing
// uses it: 0.8 MB and a tenth of the time to start. This is GnuTLS's own hook against that
// (gnutls.h, GNUTLS_SKIP_GLOBAL_INIT).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) int _gnutls_global_init_skip() { return 1; }

int main(int argc, char** argv) { return run_handler(HANDLER::endpoint, argc, argv); }
