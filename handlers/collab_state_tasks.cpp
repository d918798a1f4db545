// /collab/state/tasks: the whole board.
// GET → 200 board | 304 | 401 with BOARD_PUBLIC=off | 412
#include "shared/cache/cached_representation.hpp"
#include "shared/handler.hpp"
#include "shared/models/collab_task.hpp"
#include "shared/number.hpp"
#include "sql/collab_tasks.hpp"

namespace {

struct Revision {
    std::int64_t revision = 0;
    static consteval auto fields() {
        return std::tuple{json::field("revision", &Revision::revision)};
    }
};

class Board final : public RepresentationSource {
public:
    explicit Board(Database& database) : database_(database) {}

    Async<std::string> revision() override {
        const auto current = co_await database_.one<Revision>(sql::board_revision);
        co_return std::to_string(current.revision);
    }

    Async<Reading> read(std::string known) override {
        // The revision is read first, so the tasks are never older than it.
        db::Batch batch;
        const auto current = batch.add<Revision>(sql::board_revision);
        const auto tasks = batch.add<CollabTask>(sql::list_collab_tasks_since,
                                                 parse_number<std::int64_t>(known).value_or(-1));
        const auto results = co_await database_.run(std::move(batch));
        Reading reading{.revision = std::to_string(results.one(current).revision), .body = {}};
        if (reading.revision == known) co_return reading;
        CollabState state;
        state.items = results.all(tasks);
        reading.body = json::write(state);
        co_return reading;
    }

private:
    Database& database_;
};

Async<Response> get(const Request&, Context& context) {
    // Requests share one reading, so it must not depend on the account of one of them. Unless the
    // board is public, the account is checked in a second round trip.
    Board board{context.db.lasting()};
    auto content = co_await context.state.get<CachedRepresentation>().get(board);
    co_return Response::cached(std::move(content.body), std::move(content.etag));
}

}  // namespace

Endpoint endpoint() {
    return {
        .path = "/collab/state/tasks",
        .operations = {{.method = Method::get,
                        .handler = get,
                        .auth = Auth::board,
                        .name = "getBoard",
                        .summary = "Get the whole board",
                        .description =
                            "Returns all tasks of the shared board in order of creation. "
                            "Poll it with `If-None-Match`: an unchanged board is 304.",
                        .answer = ok<CollabState>().with_etag()}},
    };
}
