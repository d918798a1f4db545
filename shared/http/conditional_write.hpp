// Writes that depend on If-Match and If-None-Match.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/error.hpp"
#include "shared/http/conditional.hpp"
#include "shared/models/existence.hpp"

// Runs a write that compares the row with `condition`, and returns the row as a T, or nothing if T
// is void. Sets the parameters :etags and :among_etags of the write. If the write returns no row,
// throws ApiError: the refusal of the condition if the query `exists` finds the resource, and
// not_found otherwise. One round trip.
template <class T = void>
Async<T> conditional_write(Database& database, WriteCondition condition, db::PartialStatement write,
                           db::Statement exists) {
    write.give(db::named("etags", condition.tags), db::named("among_etags", condition.is_among));
    db::Batch batch;
    const auto written = batch.add<T>(std::move(write).finish());
    // Without a condition, only a missing resource can stop the write.
    std::optional<db::Slot<Existence>> found;
    if (condition.tags) found = batch.add<Existence>(std::move(exists));
    const auto results = co_await database.run(std::move(batch));
    if (results.rows(written).empty()) {
        const bool is_there = found && results.one(*found).exists;
        throw ApiError{is_there ? condition.refusal : Error::not_found};
    }
    if constexpr (!std::is_void_v<T>) co_return results.one(written);
}
