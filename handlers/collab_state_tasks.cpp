// /collab/state/tasks: the whole board.
// GET → 200 board | 304 | 412
#include "shared/digest.hpp"
#include "shared/handler.hpp"
#include "shared/models/collab_task.hpp"
#include "shared/promise.hpp"
#include "sql/collab_tasks.hpp"

namespace {

using Waiting = std::vector<Promise*>;

void wake(Waiting& waiting, const std::exception_ptr& failure = nullptr) {
    for (auto* const promise : std::exchange(waiting, {})) promise->deliver(failure);
}

Async<> wait_among(Waiting& waiting) {
    Promise promise;
    waiting.push_back(&promise);
    co_await promise.wait();
}

// The board as it was last rendered. While its revision stands, a request costs the database one
// look at the revision, however many tasks there are.
struct Board {
    std::int64_t revision = -1;
    std::shared_ptr<const std::string> body;
    std::string etag;

    bool is_being_read = false;
    Waiting readers;  // those who wait for the reading to end

    std::optional<Waiting> joined;  // those who share the look that is about to begin
    Timer* until_look = nullptr;    // what it waits for, if it waits
    int looks = 0;                  // under way
    Clock::time_point last_look{};
};

// A look that is under way after this time is not waited for: the database is far away.
constexpr auto between_looks = std::chrono::milliseconds{1};

struct Revision {
    std::int64_t revision = 0;
    static consteval auto fields() {
        return std::tuple{json::field("revision", &Revision::revision)};
    }
};

// Asks for the revision, and for the tasks as well where it is not the known one.
Async<> query_board(Board& board, Database& database) {
    // The revision is read first: if the board changes between the two, the tasks are newer than
    // the revision they are kept under, and the next request reads them again.
    db::Batch batch;
    const auto current = batch.add<Revision>(sql::board_revision);
    const auto tasks = batch.add<CollabTask>(sql::list_collab_tasks_since, board.revision);
    const auto results = co_await database.run(std::move(batch));
    const auto revision = results.one(current).revision;
    if (revision == board.revision) co_return;
    CollabState state;
    state.items = results.all(tasks);
    board.body = std::make_shared<const std::string>(json::write(state));
    board.etag = entity_tag(*board.body);
    board.revision = revision;
}

Async<> read(Board& board, Database& database) {
    board.is_being_read = true;
    std::exception_ptr failure;
    try {
        co_await query_board(board, database);
    } catch (...) {
        failure = std::current_exception();
    }
    board.is_being_read = false;
    wake(board.readers, failure);
    if (failure) std::rethrow_exception(failure);
}

// Leaves a board that is no older than this call. The tasks are read by one at a time: whoever
// comes meanwhile asks for the revision only, which that reading may have reached.
Async<> refresh(Board& board, Database& database) {
    if (board.is_being_read) {
        const auto now = co_await database.one<Revision>(sql::board_revision);
        if (board.revision == now.revision) co_return;
        if (board.is_being_read) co_await wait_among(board.readers);
        if (board.revision == now.revision) co_return;
    }
    // Another one began since, and that is late enough.
    if (board.is_being_read) {
        co_await wait_among(board.readers);
        co_return;
    }
    co_await read(board, database);
}

// Returns when the next look may begin. Looks go out one at a time, so that the busier the database
// is, the more requests share one; or one each millisecond, so that a distant one costs no waiting.
Async<> wait_for_turn(Board& board) {
    co_await next_turn();
    if (board.looks == 0) co_return;
    const auto executor = co_await boost::asio::this_coro::executor;
    Timer timer{executor, board.last_look + between_looks};
    board.until_look = &timer;
    co_await expired(timer);
    board.until_look = nullptr;
}

// Requests share a look that begins after the last of them has come: none is answered from before
// its time.
Async<> look(Board& board, Database& database) {
    if (board.joined) {
        co_await wait_among(*board.joined);
        co_return;
    }
    board.joined.emplace();
    co_await wait_for_turn(board);
    auto joined = std::move(*board.joined);
    board.joined.reset();

    ++board.looks;
    board.last_look = Clock::now();
    std::exception_ptr failure;
    try {
        co_await refresh(board, database);
    } catch (...) {
        failure = std::current_exception();
    }
    --board.looks;
    if (board.until_look) board.until_look->cancel();
    wake(joined, failure);
    if (failure) std::rethrow_exception(failure);
}

Async<Response> get(const Request&, Context& context) {
    auto& board = context.state.get<Board>();
    co_await look(board, context.db);
    co_return Response::cached(board.body, board.etag);
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/collab/state/tasks",
        .operations = {{.method = Method::get,
                        .handler = get,
                        .summary = "The whole board",
                        .answer = ok<CollabState>().with_etag()}},
    };
}
