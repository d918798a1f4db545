#include "shared/server/endpoint_main.hpp"

#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "shared/context.hpp"
#include "shared/endpoint.hpp"
#include "shared/exit_status.hpp"
#include "shared/log.hpp"
#include "shared/server/serve.hpp"

namespace {

bool is_listening(int fd) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

void print_usage(std::string_view name, const Endpoint& endpoint, std::ostream& out) {
    out << name << " answers " << endpoint.path << "\n\n"
        << "  REQUEST_METHOD=GET REQUEST_URI=" << endpoint.path << " " << name
        << "   answer once, as CGI (body on stdin)\n"
        << "  " << name << " --describe      print the endpoint as JSON\n"
        << "  " << name << " --dump-config   print its settings, secrets masked\n"
        << "  " << name << " --help          print this\n"
        << "  With a listening socket as stdin it serves FastCGI until SIGTERM.\n";
}

int refuse(std::string_view name, std::string_view what, std::string_view word) {
    std::cerr << name << ": " << what << " \"" << word << "\"\nsee `" << name << " --help`\n";
    return exit_usage;
}

int serve(std::string_view name, const Endpoint& endpoint) {
    umask(0077);  // its files are private to this user
    auto config = load_config(environment_variables(), setting_groups(endpoint));
    ensure_secret(config);
    // A fixed threshold: glibc would raise it with the first large board and then keep freed
    // memory.
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    logging::set_level(config.log_level);
    logging::set_endpoint(name);
    Loop loop{1};
    const auto database = open_database(config, loop);
    const Tokens tokens{config, open_key_set(config, loop)};
    const ApiKeys api_keys{config};
    Passwords passwords{config.bcrypt_cost};
    ProcessState state;
    Context context{config, *database, tokens, api_keys, passwords, state};
    if (is_listening(STDIN_FILENO))
        (endpoint.serve ? endpoint.serve : serve_fastcgi)(STDIN_FILENO, loop, endpoint, context);
    else
        answer_cgi(loop, endpoint, context);
    return EXIT_SUCCESS;
}

}  // namespace

int endpoint_main(Endpoint (*declare)(), int argc, char** argv) {
    std::string_view name = argc > 0 ? argv[0] : "handler";
    name.remove_prefix(name.rfind('/') + 1);
    const std::string_view option = argc > 1 ? argv[1] : "";
    try {
        const auto endpoint = declare();
        if (argc > 2) return refuse(name, "unexpected argument", argv[2]);
        if (option == "--help" || option == "-h") {
            print_usage(name, endpoint, std::cout);
            return EXIT_SUCCESS;
        }
        if (option == "--describe") {
            std::cout << describe(endpoint, name) << '\n';
            return EXIT_SUCCESS;
        }
        if (option == "--dump-config") {
            std::cout << dump_config(
                load_config(environment_variables(), setting_groups(endpoint)));
            return EXIT_SUCCESS;
        }
        if (argc > 1)
            return refuse(name, option.starts_with('-') ? "unknown option" : "unexpected argument",
                          option);
        if (!is_listening(STDIN_FILENO) && !std::getenv("REQUEST_METHOD")) {
            print_usage(name, endpoint, std::cerr);
            return exit_usage;
        }
        return serve(name, endpoint);
    } catch (const ConfigError& error) {
        std::cerr << error.what() << '\n';
        return exit_config;
    } catch (const std::exception& error) {
        logging::error("stopped", {{"reason", std::string_view{error.what()}}});
        return EXIT_FAILURE;
    }
}
