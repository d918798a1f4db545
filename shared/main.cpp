// The main() of every handler: serves FastCGI when stdin is a listening socket, answers once as CGI
// when REQUEST_METHOD is set, and otherwise describes itself.

#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "shared/endpoint.hpp"
#include "shared/exit_status.hpp"
#include "shared/log.hpp"
#include "shared/server/serve.hpp"

// libpq brings libldap and that GnuTLS, which would set itself up in every process although nothing
// uses it: 0.8 MB and a tenth of the time to start. This is GnuTLS's own hook against that
// (gnutls.h, GNUTLS_SKIP_GLOBAL_INIT).
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" __attribute__((visibility("default"))) int _gnutls_global_init_skip() { return 1; }

namespace {

bool is_listening(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

int usage(std::string_view name) {
    std::cerr << name << " answers " << endpoint.path << "\n\n"
              << "  REQUEST_METHOD=GET REQUEST_URI=" << endpoint.path << " " << name
              << "   answer once, as CGI (body on stdin)\n"
              << "  " << name << " --describe      print the endpoint as JSON\n"
              << "  " << name << " --dump-config   print the configuration, secrets masked\n"
              << "  With a listening socket as stdin it serves FastCGI until SIGTERM.\n";
    return exit_usage;
}

int serve(std::string_view name, const Config& config) {
    umask(0077);  // what it writes is nobody else's to read
    // Fixed, or glibc would raise it with the first large board, and keep the memory of the others.
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    logging::set_level(config.log_level);
    logging::set_endpoint(name);
    Loop loop{1};
    const auto database = open_database(config, loop);
    const Tokens tokens{config, open_key_set(config, loop)};
    Passwords passwords{static_cast<int>(config.bcrypt_cost)};
    Kept kept;
    Context context{config, *database, tokens, passwords, kept};
    if (is_listening(STDIN_FILENO))
        (endpoint.serve ? endpoint.serve : serve_fastcgi)(STDIN_FILENO, loop, endpoint, context);
    else
        answer_cgi(loop, endpoint, context);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
    std::string_view name = argc > 0 ? argv[0] : "handler";
    name.remove_prefix(name.rfind('/') + 1);
    const std::string_view option = argc > 1 ? argv[1] : "";
    try {
        if (option == "--describe") {
            std::cout << describe(endpoint, name) << '\n';
            return EXIT_SUCCESS;
        }
        if (option == "--dump-config") {
            std::cout << dump_config(load_config());
            return EXIT_SUCCESS;
        }
        if (argc > 1 || (!is_listening(STDIN_FILENO) && !std::getenv("REQUEST_METHOD")))
            return usage(name);
        return serve(name, load_config());
    } catch (const ConfigError& error) {
        std::cerr << error.what() << '\n';
        return exit_config;
    } catch (const std::exception& error) {
        logging::error("stopped", {{"reason", std::string_view{error.what()}}});
        return EXIT_FAILURE;
    }
}
