// What `steelthread doctor` asks PostgreSQL.
#include "sql/doctor.hpp"

#include <unistd.h>

#include <algorithm>

#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

struct OldTransaction {
    std::string holder;
    std::int64_t seconds{};
    std::string remedy;
    bool holds_events{};

    static consteval auto fields() {
        using json::field;
        return std::tuple{field("holder", &OldTransaction::holder),
                          field("seconds", &OldTransaction::seconds),
                          field("remedy", &OldTransaction::remedy),
                          field("holds_events", &OldTransaction::holds_events)};
    }
};

// The remedy for the transaction of any age whose holder contains this text; empty without one.
std::string remedy_for(OpenDatabase& open, const std::string& part) {
    const auto found = open.wait(open.db().all<OldTransaction>(
        sql::old_transactions, db::named("seconds", std::int64_t{0})));
    const auto one = std::find_if(found.begin(), found.end(), [&](const auto& transaction) {
        return transaction.holds_events && transaction.holder.find(part) != std::string::npos;
    });
    return one == found.end() ? "" : one->remedy;
}

}  // namespace

Test(doctor, finds_prepared_transactions_that_hold_events) {
    const TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    const auto name = "held_" + std::to_string(getpid());
    database.execute("BEGIN; INSERT INTO users (id) VALUES ('u'); PREPARE TRANSACTION '" + name +
                     "'");
    const auto remedy = remedy_for(open, name);
    EXPECT_TEXT(remedy, "ROLLBACK PREPARED '" + name + "'");
    database.execute(remedy);
    EXPECT_TEXT(remedy_for(open, name), "");
}
