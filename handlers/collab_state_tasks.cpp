// /collab/state/tasks: the whole board.
// GET → 200 board | 304
#include "shared/endpoint.hpp"
#include "shared/models/collab_task.hpp"
#include "shared/promise.hpp"
#include "sql/collab_tasks.hpp"

namespace {

// The board as it was last rendered. While its revision stands, a request costs the database one
// look at the revision, however many tasks there are.
struct Board {
    std::int64_t revision = -1;
    std::shared_ptr<const std::string> body;
    std::string etag;

    // Those who wait for the look that is about to be sent.
    std::optional<std::vector<Promise*>> joined;
};

struct Revision {
    std::int64_t revision = 0;
    static consteval auto fields() {
        return std::tuple{json::field("revision", &Revision::revision)};
    }
};

Async<> refresh(Board& board, Database& database) {
    // The revision is read first: if the board changes between the two, the tasks are newer than
    // the revision they are kept under, and the next request reads them again.
    db::Batch batch;
    batch.add(sql::board_revision);
    batch.add(sql::list_collab_tasks_since, board.revision);
    const auto results = co_await database.run(std::move(batch));
    const auto revision = db::first<Revision>(*results[0])->revision;

    // Looks overtake each other: one at an older board must not replace a newer one.
    if (revision <= board.revision) co_return;
    CollabState state;
    state.items = db::all<CollabTask>(*results[1]);
    board.body = std::make_shared<const std::string>(json::write(state));
    board.etag = entity_tag(*board.body);
    board.revision = revision;
}

// Requests that are there in the same turn of the loop share one look, which is sent after the last
// of them has come: none is answered from before its time.
Async<> look(Board& board, Database& database) {
    if (board.joined) {
        Promise promise;
        board.joined->push_back(&promise);
        co_await promise.wait();
        co_return;
    }
    board.joined.emplace();
    co_await boost::asio::post(use_awaitable);
    const auto joined = std::move(*board.joined);
    board.joined.reset();

    std::exception_ptr failure;
    try {
        co_await refresh(board, database);
    } catch (...) {
        failure = std::current_exception();
    }
    for (auto* const promise : joined) promise->deliver(failure);
    if (failure) std::rethrow_exception(failure);
}

Async<Response> get(const Request&, Context& context) {
    auto& board = context.kept<Board>();
    co_await look(board, context.db);
    co_return Response::cached(board.body, board.etag);
}

}  // namespace

const Endpoint endpoint{
    .path = "/collab/state/tasks",
    .family = Family::orchestrator,
    .operations = {{.method = Method::get,
                    .handler = get,
                    .summary = "The whole board",
                    .answer = {200, schema_of<CollabState>, true}}},
};
