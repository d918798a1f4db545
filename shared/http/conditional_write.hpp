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
// throws ApiError: the refusal of the condition if the query `exists` finds the resource; forbidden
// if the query `is_of_others` does; and not_found otherwise. One round trip.
template <class T = void>
Async<T> conditional_write(Database& database, WriteCondition condition, db::PartialStatement write,
                           db::Statement exists,
                           std::optional<db::Statement> is_of_others = std::nullopt) {
    write.give(db::named("etags", condition.tags), db::named("among_etags", condition.is_among));
    db::Batch batch;
    const auto written = batch.add<T>(std::move(write).finish());
    // Without a condition, only a missing resource can stop the write.
    std::optional<db::Slot<Existence>> found;
    if (condition.tags) found = batch.add<Existence>(std::move(exists));
    std::optional<db::Slot<Existence>> of_others;
    if (is_of_others) of_others = batch.add<Existence>(*std::move(is_of_others));
    const auto results = co_await database.run(std::move(batch));
    if (results.rows(written).empty()) {
        if (found && results.one(*found).exists) throw ApiError{condition.refusal};
        const bool is_forbidden = of_others && results.one(*of_others).exists;
        throw ApiError{is_forbidden ? Error::forbidden : Error::not_found};
    }
    if constexpr (!std::is_void_v<T>) co_return results.one(written);
}
