#include "cli/database.hpp"

#include <filesystem>
#include <stdexcept>

void with_database(const Config& config, const std::function<Async<>(Database&)>& work) {
    const auto path = config.sqlite_path();
    if (path && *path != ":memory:" && !std::filesystem::exists(*path))
        throw std::runtime_error(*path + " is not there: run `steelthread migrate up`");
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
