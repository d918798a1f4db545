// What a worker's report did to a job.
#pragma once

#include "shared/db/database.hpp"
#include "shared/error.hpp"
#include "shared/models/existence.hpp"
#include "shared/models/job.hpp"

// What a change of a job left of it: the row of the first statement, or why there is none by that
// of the second, job_exists. Throws ApiError: 404 for no such job, 409 for one that does not allow
// it.
template <class T>
T changed_job(const db::Results& results) {
    auto job = db::first<T>(*results[0]);
    if (!job)
        throw ApiError{db::first<Existence>(*results[1])->exists ? Error::conflict
                                                                 : Error::not_found};
    return std::move(*job);
}
