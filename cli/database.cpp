#include "cli/database.hpp"

void with_database(const Config& config, const std::function<Async<>(Database&)>& work) {
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
