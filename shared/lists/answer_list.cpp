#include "shared/lists/answer_list.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include "shared/error.hpp"
#include "shared/lists/list_cache.hpp"
#include "shared/lists/list_tag.hpp"

namespace {

// The first row of a list. It has the page's columns behind its own.
struct ListState {
    std::string revision;
    bool is_settled = false;
    bool is_known = false;
    std::optional<std::int64_t> total;  // null if it is known, or if the list does not exist

    static constexpr std::size_t columns = 4;

    explicit ListState(const db::Rows& rows) {
        if (rows.empty() || rows.column_count() < columns || rows.is_null(0, 0))
            throw std::logic_error("the first row of a list must be its state");
        db::read_cell(rows, 0, 0, revision);
        db::read_cell(rows, 0, 1, is_settled);
        db::read_cell(rows, 0, 2, is_known);
        db::read_cell(rows, 0, 3, total);
    }
};

// The rows behind the state, without its columns. A view: the rows must outlive it.
class PageRows final : public db::Rows {
public:
    explicit PageRows(const db::Rows& rows) : rows_(rows) {}

    std::size_t size() const override { return rows_.size() - 1; }
    std::size_t column_count() const override { return rows_.column_count() - first; }
    std::string_view column_name(std::size_t column) const override {
        return rows_.column_name(column + first);
    }
    bool is_null(std::size_t row, std::size_t column) const override {
        return rows_.is_null(row + 1, column + first);
    }
    bool boolean(std::size_t row, std::size_t column) const override {
        return rows_.boolean(row + 1, column + first);
    }
    std::int64_t integer(std::size_t row, std::size_t column) const override {
        return rows_.integer(row + 1, column + first);
    }
    std::string_view text(std::size_t row, std::size_t column) const override {
        return rows_.text(row + 1, column + first);
    }
    Uuid uuid(std::size_t row, std::size_t column) const override {
        return rows_.uuid(row + 1, column + first);
    }
    Timestamp timestamp(std::size_t row, std::size_t column) const override {
        return rows_.timestamp(row + 1, column + first);
    }

private:
    static constexpr auto first = ListState::columns;
    const db::Rows& rows_;
};

db::Statement with_known(db::PartialStatement select, const std::string& known) {
    select.give(db::named("known", known));
    return std::move(select).finish();
}

// The value of :known.
std::string known_revisions(const ListConditions& conditions, const KeptList* kept) {
    std::string known;
    for (const auto& revision : conditions.revisions()) known.append(" ").append(revision);
    if (kept) known.append(" ").append(kept->revision);
    return known + " ";
}

}  // namespace

Async<Response> answer_rows(const Request& request, Context& context, db::PartialStatement select,
                            WriteRows write) {
    const auto digits = list_digits(with_known(select, ""));
    const ListConditions conditions{request.if_match(), request.if_none_match(), digits};
    auto& cache = context.state.get<ListCache>();
    const auto key = digits + request.user_id();
    const auto kept = cache.find(key);

    db::Batch batch;
    const auto listed =
        batch.add(with_known(std::move(select), known_revisions(conditions, kept.get())));
    const auto results = co_await context.db.run(std::move(batch));
    const auto& rows = results.rows(listed);
    const ListState state{rows};
    auto tag = list_tag(digits, state.revision);
    if (state.is_known && conditions.names_revision(state.revision))
        co_return Response::not_modified(std::move(tag));
    if (!state.is_known && !state.total) throw ApiError{Error::not_found};

    // What is known and was not named by the client is kept.
    auto response = state.is_known ? Response::cached({kept, &kept->items}, {}, kept->pagination)
                                   : write(PageRows{rows}, *state.total);
    // Without a tag of its own it gets that of its body.
    if (!state.is_settled) co_return response;
    if (!state.is_known)
        cache.keep(
            key, {state.revision, std::string{response.body()}, std::string{response.pagination()}},
            static_cast<std::size_t>(context.config.list_cache_mib) << 20);
    // A client that got the tag of the body before the list was settled may still use it.
    if (conditions.names_bodies()) response.tag();
    if (!conditions.names_body(response.etag())) response.tag(std::move(tag));
    co_return response;
}
