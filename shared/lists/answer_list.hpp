// Answers with a page of a list, which is read only if it has changed since the client, or this
// process, has seen it (docs/adr/0013-unchanged-lists.md).
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "shared/context.hpp"
#include "shared/db/rows.hpp"
#include "shared/http/request.hpp"
#include "shared/http/response.hpp"

// Makes the answer from the page's rows and the list's total.
using WriteRows = std::function<Response(const db::Rows& rows, std::int64_t total)>;

Async<Response> answer_rows(const Request& request, Context& context, db::PartialStatement select,
                            WriteRows write);

// `select` is one of the lists of sql/queries and lacks only its parameter :known. Its other
// parameters and the user must determine the answer, which `write(db::TypedRows<T>, total)` makes.
// Throws ApiError (not_found) if the list does not exist. One round trip.
template <class T, class Write>
Async<Response> answer_list(const Request& request, Context& context, db::PartialStatement select,
                            Write write) {
    const char* const name = select.query().name;
    return answer_rows(request, context, std::move(select),
                       [name, write = std::move(write)](const db::Rows& rows, std::int64_t total) {
                           return write(db::TypedRows<T>{rows, name}, total);
                       });
}
