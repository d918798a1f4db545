#include "cli/database_gauges.hpp"

#include <utility>

#include "sql/metrics.hpp"

Async<> read_database_gauges(Database& database, std::optional<DatabaseGauges>& gauges) {
    gauges.reset();
    try {
        db::Batch batch;
        const auto found = batch.add<DatabaseGauges>(sql::database_gauges);
        const auto results = co_await database.run(std::move(batch));
        gauges = results.one(found);
    } catch (const DbError&) {
        co_return;
    }
}
