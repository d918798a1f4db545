#include "cli/database.hpp"

#include <filesystem>
#include <stdexcept>

bool lacks_sqlite_file(const Config& config) {
    const auto path = config.sqlite_path();
    return path && *path != ":memory:" && !std::filesystem::exists(*path);
}

void require_sqlite_file(const Config& config) {
    const auto path = config.sqlite_path();
    if (path && lacks_sqlite_file(config))
        throw std::runtime_error(*path + " does not exist: run `steelthread migrate up`");
}

void with_database(const Config& config, const std::function<Async<>(Database&)>& work) {
    require_sqlite_file(config);
    Loop loop{1};
    const auto database = open_database(config, loop);
    std::exception_ptr failure;
    spawn(loop, work(*database), [&](const std::exception_ptr& reason) {
        failure = reason;
        database->close();
    });
    loop.run();
    rethrow(failure);
}
