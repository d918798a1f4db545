#include "shared/http/conditional_write.hpp"

#include "shared/models/existence.hpp"

Async<std::unique_ptr<db::Rows>> conditional_write(Database& database, WriteCondition condition,
                                                   db::Batch write, db::Batch exists) {
    const auto written = write.statements().size() - 1;
    // Without a condition nothing else than a missing resource stops the write.
    if (condition.tags) write.append(std::move(exists));
    auto results = co_await database.run(std::move(write));
    if (results[written]->empty()) {
        const bool is_there = condition.tags && db::first<Existence>(*results.back())->exists;
        throw ApiError{is_there ? condition.refusal : Error::not_found};
    }
    co_return std::move(results[written]);
}
