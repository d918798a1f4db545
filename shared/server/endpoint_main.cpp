#include "shared/server/endpoint_main.hpp"

#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "shared/context.hpp"
#include "shared/endpoint.hpp"
#include "shared/exit_status.hpp"
#include "shared/log.hpp"
#include "shared/metrics/counters.hpp"
#include "shared/server/listen.hpp"
#include "shared/server/serve.hpp"

namespace {

// The endpoint's name, which is that of the executable. A symbolic link does not rename it.
std::string name_of(const std::filesystem::path& program) {
    std::error_code is_not_there;  // if it was found in PATH
    const auto executable = std::filesystem::canonical(program, is_not_there);
    return (is_not_there ? program : executable).filename();
}

void print_usage(std::string_view name, const Endpoint& endpoint, std::ostream& out) {
    out << name << " answers " << endpoint.path << "\n\n"
        << "  REQUEST_METHOD=GET REQUEST_URI=" << endpoint.path << " " << name
        << "   answer once, as CGI (body on stdin)\n"
        << "  " << name << " --listen ADDRESS\n"
        << "      serve FastCGI until SIGTERM on unix:/path, 127.0.0.1:9000 or [::1]:9000\n"
        << "  " << name << " --describe      print the endpoint as JSON\n"
        << "  " << name << " --dump-config   print its settings, secrets masked\n"
        << "  " << name << " --help          print this\n"
        << "  With a listening socket as stdin it serves FastCGI there.\n";
}

int refuse(std::string_view name, std::string_view what, std::string_view word) {
    std::cerr << name << ": " << what << " \"" << word << "\"\nsee `" << name << " --help`\n";
    return exit_usage;
}

// Serves on a listening socket; without one answers the request in the environment.
int serve(std::string_view name, const Endpoint& endpoint, std::optional<int> listener) {
    auto config = load_config(environment_variables(), setting_groups(endpoint));
    ensure_secret(config);
    // A fixed threshold: glibc would raise it with the first large board and then keep freed
    // memory.
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    logging::set_level(config.log_level);
    logging::set_format(config.log_format);
    logging::set_endpoint(name);
    if (listener) metrics::open(config.run_dir, name);
    Loop loop{1};
    const auto database = open_database(config, loop);
    const Tokens tokens{config, open_key_set(config, loop)};
    const ApiKeys api_keys{config};
    Passwords passwords{config.bcrypt_cost};
    ProcessState state;
    Context context{config, *database, tokens, api_keys, passwords, state};
    if (listener)
        (endpoint.serve ? endpoint.serve : serve_fastcgi)(*listener, loop, endpoint, context);
    else
        answer_cgi(loop, endpoint, context);
    return EXIT_SUCCESS;
}

int serve_alone(std::string_view name, const Endpoint& endpoint, std::string_view address) {
    if (!is_listen_address(address))
        return refuse(name, "--listen needs unix:/path or address:port, not", address);
    const ListeningSocket listener{std::string{address}};
    return serve(name, endpoint, listener.descriptor());
}

int run(std::string_view name, const Endpoint& endpoint, std::span<char*> words) {
    const std::string_view option = words.empty() ? "" : words[0];
    const std::string_view second = words.size() < 2 ? "" : words[1];
    const bool is_alone = option == "--listen";
    if (words.size() > (is_alone ? 2 : 1)) return refuse(name, "unexpected argument", words.back());
    if (is_alone) return serve_alone(name, endpoint, second);
    if (option == "--help" || option == "-h") {
        print_usage(name, endpoint, std::cout);
        return EXIT_SUCCESS;
    }
    if (option == "--describe") {
        std::cout << describe(endpoint, name) << '\n';
        return EXIT_SUCCESS;
    }
    if (option == "--dump-config") {
        std::cout << dump_config(load_config(environment_variables(), setting_groups(endpoint)));
        return EXIT_SUCCESS;
    }
    if (!words.empty())
        return refuse(name, option.starts_with('-') ? "unknown option" : "unexpected argument",
                      option);
    if (is_listening(STDIN_FILENO)) return serve(name, endpoint, STDIN_FILENO);
    if (std::getenv("REQUEST_METHOD")) return serve(name, endpoint, std::nullopt);
    print_usage(name, endpoint, std::cerr);
    return exit_usage;
}

}  // namespace

int endpoint_main(Endpoint (*declare)(), int argc, char** argv) {
    umask(0077);  // its files and its socket are private to this user
    try {
        const auto name = name_of(argc > 0 ? argv[0] : "handler");
        return run(name, declare(),
                   std::span{argv, static_cast<std::size_t>(argc)}.subspan(argc > 0));
    } catch (const ConfigError& error) {
        std::cerr << error.what() << '\n';
        return exit_config;
    } catch (const std::exception& error) {
        logging::error("stopped", {{"reason", std::string_view{error.what()}}});
        return EXIT_FAILURE;
    }
}
