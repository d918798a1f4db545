#include "cli/layout.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

namespace {

namespace fs = std::filesystem;

fs::path first_of(std::span<const char* const> places, const char* content, const char* what) {
    const auto program = fs::path{own_executable()}.parent_path();
    for (const char* place : places)
        if (auto folder = (program / place).lexically_normal(); fs::exists(folder / content))
            return folder;
    throw std::runtime_error("the folder " + (program / places.front()).string() +
                             " is missing: it must be beside the program, with " + what);
}

}  // namespace

std::string own_executable() { return fs::read_symlink("/proc/self/exe").string(); }

fs::path handlers_folder() {
    constexpr std::array places = {"handlers", "../lib/steelthread/handlers"};
    return first_of(places, ".", "the handlers");
}

fs::path nginx_folder() {
    constexpr std::array places = {"nginx", "../nginx", "../../nginx",
                                   "../share/steelthread/nginx"};
    return first_of(places, "nginx.conf.in", "the templates of nginx");
}
