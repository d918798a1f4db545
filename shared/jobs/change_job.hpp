// Changes of a job that depend on its state.
#pragma once

#include <utility>

#include "shared/async.hpp"
#include "shared/db/database.hpp"
#include "shared/error.hpp"
#include "shared/models/existence.hpp"
#include "sql/jobs.hpp"

// Runs a change of the job `id` and returns the row of `changed`, one of its statements. If there
// is none it throws ApiError: 404 if the job does not exist, 409 if its state does not allow the
// change. One round trip.
template <class T>
Async<T> change_job(Database& database, Uuid id, db::Batch change, db::Slot<T> changed) {
    const auto found = change.add<Existence>(sql::job_exists, id);
    const auto results = co_await database.run(std::move(change));
    auto job = results.first(changed);
    if (!job) throw ApiError{results.one(found).exists ? Error::conflict : Error::not_found};
    co_return std::move(*job);
}
