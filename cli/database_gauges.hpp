// What the metrics and `steelthread top` say about the database.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/json/fields.hpp"

struct DatabaseGauges {
    std::int64_t pending = 0;  // jobs in these states
    std::int64_t running = 0;
    std::int64_t failed = 0;
    std::int64_t oldest_due_us = 0;  // how long the job that waits longest could have been leased
    std::int64_t feed_lag_us = 0;    // age of the oldest event that readers cannot have yet
    std::int64_t oldest_transaction_us = 0;  // of other programs, too

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("pending", &DatabaseGauges::pending),
                          field("running", &DatabaseGauges::running),
                          field("failed", &DatabaseGauges::failed),
                          field("oldest_due_us", &DatabaseGauges::oldest_due_us),
                          field("feed_lag_us", &DatabaseGauges::feed_lag_us),
                          field("oldest_transaction_us", &DatabaseGauges::oldest_transaction_us)};
    }
};

// Reads them in one batch. `gauges` has no value afterwards if the database does not answer.
Async<> read_database_gauges(Database& database, std::optional<DatabaseGauges>& gauges);
