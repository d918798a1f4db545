#include "shared/digest.hpp"
#include "shared/promise.hpp"
#include "shared/server/serve.hpp"
#include "tests/support/literals.hpp"

namespace {

const std::string path = "/collab/state/tasks";

// Adds tasks first..last without the handler, as another process would.
void add_tasks(Service& service, int first, int last) {
    for (int i = first; i <= last; ++i) {
        const auto number = std::to_string(i);
        const auto moment = is_sqlite(service) ? "176787569612345" + number
                                               : "'2026-01-08T12:34:5" + number + ".123456Z'";
        // The ids are in the opposite order, so only created_at can give the expected order.
        service.database().execute(
            "INSERT INTO collab_tasks (id, title, created_at, updated_at) VALUES "
            "('0000000" +
            std::to_string(9 - i) + "-0000-4000-8000-000000000000', 'task " + number + "', " +
            moment + ", " + moment + ")");
    }
}

// Records the last query of every batch, and holds each batch until the test releases it.
class HeldDatabase final : public Database {
public:
    explicit HeldDatabase(Database& real) : real_(real) {}

    Async<db::Results> run(db::Batch batch) override {
        asked.push_back(batch.statements().back().query->name);
        held_.push_back(std::make_shared<Promise>());
        co_await std::shared_ptr { held_.back() } -> wait();
        auto results = co_await real_.run(std::move(batch));
        co_return results;
    }

    void close() override {}

    void release(std::size_t index) { held_[index]->deliver(); }

    std::vector<std::string> asked;

private:
    Database& real_;
    std::vector<std::shared_ptr<Promise>> held_;
};

// Overlapping requests to the endpoint, on a database that answers only when the test releases it.
struct Overlap {
    Service service{endpoint(), Engine::sqlite};
    HeldDatabase db{service.context().db};
    Tokens tokens{service.config()};
    Passwords passwords{4};
    ApiKeys api_keys{service.config()};
    ProcessState state;
    Context context{service.config(), db, tokens, api_keys, passwords, state};
    std::vector<std::string> bodies;
    std::vector<int> statuses;

    ~Overlap() {
        for (std::size_t i = 0; i < db.asked.size(); ++i) db.release(i);
        while (statuses.size() < sent_) service.loop().run_one();
    }

    // Starts a request. It begins a check of the revision, or shares one that is about to begin.
    void send() {
        ++sent_;
        spawn(service.loop(), get(), rethrow);
    }

    void wait_until(const std::function<bool()>& is_so) {
        const auto latest = Clock::now() + std::chrono::seconds{20};
        service.loop().restart();
        while (!is_so() && Clock::now() < latest)
            service.loop().run_one_for(std::chrono::milliseconds{10});
        cr_assert(is_so());
    }

    void wait_until_asked(std::size_t count) {
        wait_until([&] { return db.asked.size() >= count; });
    }

    void wait_until_answered(std::size_t count) {
        wait_until([&] { return statuses.size() >= count; });
    }

private:
    Async<> get() {
        RawRequest raw;
        raw.method = "GET";
        raw.target = path;
        const auto response = co_await answer(raw, service.served(), context);
        statuses.push_back(response.status());
        bodies.emplace_back(response.body());
    }

    std::size_t sent_ = 0;
};

std::vector<std::string> titles(const Response& response) {
    std::vector<std::string> list;
    const auto body = json_of(response);
    for (const auto& item : body["items"].GetArray()) list.push_back(member(item, "title"));
    return list;
}

}  // namespace

ON_BOTH_ENGINES(collab_state_tasks, is_empty_at_first) {
    const auto response = service.send({.target = path});
    cr_assert_eq(response.status(), 200, "%s", std::string{response.body()}.c_str());
    EXPECT_TEXT(std::string{response.body()}, R"({"items":[],"kind":"tasks"})");
    EXPECT_TEXT(std::string{response.etag()}, entity_tag(response.body()));
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "no-cache, no-transform");
}

ON_BOTH_ENGINES(collab_state_tasks, is_public_whatever_the_token_is) {
    cr_expect_eq(service.send({.target = path, .authorization = "Bearer x"}).status(), 200);
}

ON_BOTH_ENGINES(collab_state_tasks, needs_a_token_if_the_board_is_not_public) {
    service.config().board_public = false;
    add_tasks(service, 1, 1);
    expect_error(service.send({.target = path}), Error::auth_required);
    expect_error(service.send({.target = path, .api_key = api_key}), Error::auth_required);
    expect_error(service.send({.target = path, .authorization = "Bearer x"}), Error::invalid_token);
    Sent sent{.target = path, .authorization = service.bearer("ann")};
    const auto response = service.send(sent);
    cr_assert_eq(response.status(), 200);
    EXPECT_TEXT(std::string{response.header("Cache-Control")}, "private, no-cache, no-transform");
    sent.if_none_match = response.etag();
    cr_expect_eq(service.send(sent).status(), 304);
    cr_expect_eq(
        service.send({.target = path, .authorization = service.foreign_bearer("bob")}).status(),
        200);
    service.database().execute("DELETE FROM users");
    expect_error(service.send(sent), Error::invalid_token);
}

ON_BOTH_ENGINES(collab_state_tasks, lists_tasks_in_the_order_of_creation) {
    add_tasks(service, 1, 3);
    const auto list = titles(service.send({.target = path}));
    cr_assert_eq(list.size(), 3);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TEXT(list[i], ("task " + std::to_string(i + 1)));
}

ON_BOTH_ENGINES(collab_state_tasks, is_not_modified_until_somebody_changes_it) {
    add_tasks(service, 1, 2);
    const std::string etag{service.send({.target = path}).etag()};
    auto response = service.send({.target = path, .if_none_match = etag});
    cr_assert_eq(response.status(), 304);
    cr_assert(response.body().empty());
    EXPECT_TEXT(std::string{response.etag()}, etag);

    const char* changes[] = {"UPDATE collab_tasks SET title = 'changed' WHERE title = 'task 1'",
                             "DELETE FROM collab_tasks WHERE title = 'changed'"};
    for (const char* change : changes) {
        service.database().execute(change);
        response = service.send({.target = path, .if_none_match = etag});
        cr_assert_eq(response.status(), 200);
        cr_assert(response.etag() != etag);
    }
    cr_assert_eq(titles(response).size(), 1);
    add_tasks(service, 3, 3);
    cr_assert_eq(titles(service.send({.target = path})).size(), 2);
}

ON_BOTH_ENGINES(collab_state_tasks, gives_the_same_body_from_memory) {
    add_tasks(service, 1, 2);
    const auto read = service.send({.target = path});
    const auto kept = service.send({.target = path});
    EXPECT_TEXT(std::string{kept.body()}, std::string{read.body()});
    const auto head = service.send({.method = "HEAD", .target = path});
    cr_assert(head.body().empty());
    cr_assert_eq(head.content_length(), read.body().size());
}

// A cached body must stand for the stored tasks. Without the trigger no request notices the update.
ON_BOTH_ENGINES(collab_state_tasks, does_not_read_the_tasks_while_the_revision_stands) {
    add_tasks(service, 1, 1);
    const auto before = service.send({.target = path});
    service.database().execute(is_sqlite(service)
                                   ? "DROP TRIGGER collab_task_updated"
                                   : "DROP TRIGGER collab_task_changed ON collab_tasks");
    service.database().execute("UPDATE collab_tasks SET title = 'unnoticed'");
    const auto after = service.send({.target = path});
    EXPECT_TEXT(std::string{after.body()}, std::string{before.body()});
}

Test(collab_state_tasks, notices_a_truncate) {
    Service service{endpoint(), Engine::postgres};
    add_tasks(service, 1, 2);
    cr_assert_eq(titles(service.send({.target = path})).size(), 2);
    service.database().execute("TRUNCATE collab_tasks");
    cr_assert(titles(service.send({.target = path})).empty());
}

Test(collab_state_tasks, one_request_at_a_time_reads_the_tasks) {
    Overlap overlap;
    overlap.send();
    overlap.wait_until_asked(1);
    // The first check of the revision is slow. This request does not wait for it.
    overlap.send();
    overlap.wait_until_asked(2);
    EXPECT_TEXT(overlap.db.asked[0], "list_collab_tasks_since");
    EXPECT_TEXT(overlap.db.asked[1], "board_revision");
    cr_assert(overlap.statuses.empty());

    // The second check is answered first. The first one then returns the tasks of the revision that
    // the second one saw.
    overlap.db.release(1);
    overlap.db.release(0);
    overlap.wait_until_answered(2);
    cr_assert_eq(overlap.db.asked.size(), 2);
    for (const int status : overlap.statuses) cr_assert_eq(status, 200);
}

Test(collab_state_tasks, a_request_is_not_answered_from_before_its_time) {
    Overlap overlap;
    overlap.send();
    overlap.wait_until_asked(1);
    overlap.db.release(0);
    overlap.wait_until_answered(1);

    // The board changes after a read has started and before the next request arrives.
    add_tasks(overlap.service, 1, 1);
    overlap.send();
    overlap.wait_until_asked(2);
    overlap.send();
    overlap.wait_until_asked(3);
    overlap.db.release(1);
    overlap.wait_until_answered(2);
    add_tasks(overlap.service, 2, 2);
    overlap.db.release(2);
    // This request's check saw a newer revision than the read returned, so it reads the tasks
    // itself.
    overlap.wait_until_asked(4);
    EXPECT_TEXT(overlap.db.asked[3], "list_collab_tasks_since");
    overlap.db.release(3);
    overlap.wait_until_answered(3);
    cr_assert(overlap.bodies[0].find("task 1") == std::string::npos);
    cr_assert(overlap.bodies[1].find("task 2") == std::string::npos);
    cr_assert(overlap.bodies[2].find("task 2") != std::string::npos);
}

Test(collab_state_tasks, requests_that_come_together_share_one_look) {
    Overlap overlap;
    for (int i = 0; i < 5; ++i) overlap.send();
    overlap.wait_until_asked(1);
    overlap.db.release(0);
    overlap.wait_until_answered(5);
    cr_assert_eq(overlap.db.asked.size(), 1);
}
