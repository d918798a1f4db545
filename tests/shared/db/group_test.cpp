// Batches that share a transaction: on PostgreSQL by shared/db/postgres_group.hpp, and on either
// engine without a client noticing.

#include <libpq-fe.h>

#include "shared/db/postgres_group.hpp"
#include "shared/db/sqlstate.hpp"
#include "sql/all.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/proxy.hpp"
#include "tests/support/task_statements.hpp"

namespace {

using Again = PostgresOperation::Again;
using Kind = PostgresGroup::Kind;

constexpr std::string_view thing_parameters[] = {"id", "name"};
constexpr Query add_thing{.name = "add_thing",
                          .postgres = "INSERT INTO things (id, name) VALUES ($1, $2) RETURNING id",
                          .sqlite = "INSERT INTO things (id, name) VALUES ($1, $2) RETURNING id",
                          .parameters = thing_parameters,
                          .appends = true};
constexpr Query rename_thing{.name = "rename_thing",
                             .postgres = "UPDATE things SET name = $2 WHERE id = $1",
                             .sqlite = "UPDATE things SET name = $2 WHERE id = $1",
                             .parameters = thing_parameters};
constexpr Query count_things{.name = "count_things",
                             .postgres = "SELECT count(*) AS number FROM things",
                             .sqlite = "SELECT count(*) AS number FROM things",
                             .reads_only = true};
constexpr Query transaction_time{
    .name = "transaction_time",
    .postgres = "SELECT CAST(extract(epoch FROM now()) * 1000000 AS bigint) AS number",
    .reads_only = true};

// The SQLSTATE that is the name of a thing is raised when the thing is added. "commit:" raises it
// at the commit, "once:" for the first time only. "end" ends the backend.
constexpr auto table_of_things = R"(
    CREATE TABLE things (id bigint PRIMARY KEY, name text);
    CREATE SEQUENCE calls;
    CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.name ~ '^[0-9A-Z]{5}$' THEN
            RAISE EXCEPTION 'by name' USING ERRCODE = NEW.name;
        ELSIF NEW.name LIKE 'once:%' THEN
            IF nextval('calls') = 1 THEN
                RAISE EXCEPTION 'once' USING ERRCODE = split_part(NEW.name, ':', 2);
            END IF;
        ELSIF NEW.name = 'end' THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        ELSIF NEW.name = 'sleep' THEN
            PERFORM pg_sleep(60);
        ELSIF NEW.name = 'nap' THEN
            PERFORM pg_sleep(0.1);
        END IF;
        RETURN NEW;
    END $$;
    CREATE FUNCTION act_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.name LIKE 'commit:%' THEN
            RAISE EXCEPTION 'at the commit' USING ERRCODE = split_part(NEW.name, ':', 2);
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER act BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION act();
    CREATE CONSTRAINT TRIGGER act_at_commit AFTER INSERT ON things
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION act_at_commit();)";

struct Number {
    std::int64_t number = 0;
    static consteval auto fields() { return std::tuple{json::field("number", &Number::number)}; }
};

template <class... Parts>
db::Batch batch_of(const Query& query, Parts&&... parts) {
    db::Batch batch;
    batch.add(query, std::forward<Parts>(parts)...);
    return batch;
}

db::Batch adding(std::int64_t id, std::string_view name) {
    return batch_of(add_thing, db::named("id", id), db::named("name", name));
}

// Things in a database of its own, with one connection open.
struct Things {
    explicit Things(const std::function<void(Config&)>& change = [](auto&) {}) {
        database.execute(table_of_things);
        auto config = test_config(database.url());
        change(config);
        open.emplace(config);
        open->wait(open->db().run(batch_of(sql::ping)));
    }

    // Adds things 1, 2, … with these names in one turn of the loop. Returns their SQLSTATEs.
    std::vector<std::string> add(const std::vector<std::string>& names) {
        std::vector<Async<db::Results>> batches;
        for (std::size_t i = 0; i < names.size(); ++i)
            batches.push_back(open->db().run(adding(static_cast<std::int64_t>(i) + 1, names[i])));
        return open->wait_for_all(std::move(batches));
    }

    std::string ids() const {
        return database.execute(
            "SELECT coalesce(string_agg(id::text, ' ' ORDER BY id), '') "
            "FROM things");
    }
    std::string transactions() const {
        return database.execute("SELECT count(DISTINCT xmin::text) FROM things");
    }

    TestDatabase database{Engine::postgres};
    std::optional<OpenDatabase> open;
};

Async<db::Results> note_time(OpenDatabase& open, std::vector<std::int64_t>& times) {
    const auto row = co_await open.db().one<Number>(transaction_time);
    times.push_back(row.number);
    co_return db::Results{};
}

Async<db::Results> note_answer(OpenDatabase& open, bool& is_answered) {
    auto results = co_await open.db().run(batch_of(sql::ping));
    is_answered = true;
    co_return results;
}

// Calls it in each turn of the loop until it returns true.
Async<db::Results> keep_calling(std::function<bool()> call) {
    while (!call()) co_await next_turn();
    co_return db::Results{};
}

Async<db::Results> run_after(OpenDatabase& open, std::function<bool(std::int64_t)> is_enough,
                             std::function<void()> then) {
    for (;;) {
        const auto count = co_await open.db().one<Number>(count_things);
        if (is_enough(count.number)) break;
    }
    then();
    auto results = co_await open.db().run(batch_of(sql::ping));
    co_return results;
}

}  // namespace

Test(group, appends_of_one_turn_commit_as_one) {
    Things things;
    for (const auto& state : things.add(std::vector<std::string>(20, "new")))
        EXPECT_TEXT(state, "");
    EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "20");
    EXPECT_TEXT(things.transactions(), "1");
}

Test(group, has_at_most_64_batches) {
    Things things;
    for (const auto& state : things.add(std::vector<std::string>(65, "new")))
        EXPECT_TEXT(state, "");
    EXPECT_TEXT(
        things.database.execute("SELECT string_agg(count::text, ' ' ORDER BY count DESC) FROM "
                                "(SELECT count(*) FROM things GROUP BY xmin::text) AS sizes"),
        "64 1");
}

Test(group, reads_of_one_turn_share_a_transaction) {
    Things things;
    std::vector<std::int64_t> times;
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 10; ++i) batches.push_back(note_time(*things.open, times));
    for (const auto& state : things.open->wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    cr_assert_eq(times.size(), 10UL);
    for (const auto time : times) cr_expect_eq(time, times.front());
}

Test(group, what_changes_rows_commits_alone) {
    Things things;
    things.add({"a", "b"});
    std::vector<Async<db::Results>> batches;
    for (std::int64_t id : {1, 2})
        batches.push_back(things.open->db().run(
            batch_of(rename_thing, db::named("id", id), db::named("name", "new"))));
    for (const auto& state : things.open->wait_for_all(std::move(batches))) EXPECT_TEXT(state, "");
    EXPECT_TEXT(things.transactions(), "2");
}

Test(group, an_error_reaches_its_own_batch_alone) {
    for (const std::size_t position : {0, 2, 4}) {
        Things things;
        std::vector<std::string> names(5, "good");
        names[position] = "22012";
        const auto states = things.add(names);
        for (std::size_t i = 0; i < states.size(); ++i)
            EXPECT_TEXT(states[i], i == position ? "22012" : "");
        EXPECT_TEXT(things.database.execute("SELECT count(*) FROM things"), "4");
    }
}

Test(group, every_batch_gets_its_own_error) {
    Things things;
    const std::vector<std::string> names = {"22012", "good",  "commit:23503", "40001", "22P05",
                                            "good",  "23514", "40P01",        "P0001", "good"};
    const auto states = things.add(names);
    for (std::size_t i = 0; i < states.size(); ++i)
        EXPECT_TEXT(states[i], names[i] == "good" ? "" : names[i].substr(names[i].size() - 5));
    EXPECT_TEXT(things.ids(), "2 6 10");
}

Test(group, an_error_of_the_commit_reaches_its_own_batch_alone) {
    Things things;
    const auto states = things.add({"good", "commit:23503", "good"});
    EXPECT_TEXT(states[0], "");
    EXPECT_TEXT(states[1], "23503");
    EXPECT_TEXT(states[2], "");
    EXPECT_TEXT(things.ids(), "1 3");
}

ON_BOTH(group, a_key_that_two_batches_take_has_one_winner, OpenDatabase, open) {
    open.wait(open.db().run(
        batch_of(Query{"make_table", "CREATE TABLE things (id bigint PRIMARY KEY, name text)",
                       "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)", false})));
    std::vector<Async<db::Results>> batches;
    for (int i = 0; i < 6; ++i) batches.push_back(open.db().run(adding(i / 3, "new")));
    const auto states = open.wait_for_all(std::move(batches));
    for (int key : {0, 1}) {
        int winners = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            const auto& state = states[static_cast<std::size_t>(key) * 3 + i];
            if (state.empty())
                ++winners;
            else
                EXPECT_TEXT(state, "23505");
        }
        cr_expect_eq(winners, 1);
    }
    cr_expect_eq(open.wait(open.db().one<Number>(count_things)).number, 2);
}

Test(group, repeats_once_what_could_not_be_serialized) {
    for (const std::string state : {"40001", "40P01"}) {
        Things things;
        for (const auto& ending : things.add({"good", "once:" + state, "good"}))
            EXPECT_TEXT(ending, "");
        EXPECT_TEXT(things.ids(), "1 2 3");
    }
}

Test(group, repeats_what_found_its_statements_stale) {
    Things things;
    things.add({"first"});
    constexpr Query forget{.name = "forget", .postgres = "DEALLOCATE ALL"};
    constexpr Query all_things{
        .name = "all_things", .postgres = "SELECT * FROM things", .reads_only = true};
    things.open->wait(things.open->db().run(batch_of(all_things)));
    for (const auto* const spoil : {"forget", "alter"}) {
        if (std::string_view{spoil} == "forget")
            things.open->wait(things.open->db().run(batch_of(forget)));
        else  // "cached plan must not change result type"
            things.database.execute("ALTER TABLE things ADD COLUMN more text");
        things.database.execute("DELETE FROM things");
        std::vector<Async<db::Results>> batches;
        for (std::int64_t id = 1; id <= 10; ++id) {
            batches.push_back(things.open->db().run(adding(id, "good")));
            batches.push_back(things.open->db().run(batch_of(all_things)));
        }
        for (const auto& state : things.open->wait_for_all(std::move(batches)))
            EXPECT_TEXT(state, "");
        EXPECT_TEXT(things.ids(), "1 2 3 4 5 6 7 8 9 10");
    }
}

// A read has its answer as soon as its result has arrived, before the Sync of its group.
Test(group, a_read_does_not_wait_for_the_reads_behind_it) {
    Things things{[](Config& config) { config.db_pool_size = 1; }};
    constexpr Query sleep{
        .name = "sleep", .postgres = "SELECT pg_sleep(60)::text AS text", .reads_only = true};
    bool is_answered = false;
    const auto cancel =
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND "
        "state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()";
    std::vector<Async<db::Results>> batches;
    batches.push_back(note_answer(*things.open, is_answered));
    batches.push_back(things.open->db().run(batch_of(sleep)));
    batches.push_back(
        keep_calling([&] { return is_answered && things.database.execute(cancel) == "t"; }));
    const auto states = things.open->wait_for_all(std::move(batches));
    EXPECT_TEXT(states[0], "");
    EXPECT_TEXT(states[1], "57014");
}

// The outcome of writes on a lost connection is unknown. Reads are repeated.
Test(group, a_lost_connection_fails_its_writes_and_no_read) {
    Things things;
    std::vector<Async<db::Results>> batches;
    for (std::int64_t id = 1; id <= 5; ++id)
        batches.push_back(things.open->db().run(adding(id, id == 3 ? "end" : "good")));
    for (int i = 0; i < 5; ++i) batches.push_back(things.open->db().run(batch_of(count_things)));
    const auto states = things.open->wait_for_all(std::move(batches));
    for (std::size_t i = 0; i < 5; ++i)
        cr_expect_eq(error_for_sqlstate(states[i]), Error::service_unavailable, "%s",
                     states[i].c_str());
    for (std::size_t i = 5; i < 10; ++i) EXPECT_TEXT(states[i], "");
    EXPECT_TEXT(things.ids(), "");
    for (const auto& state : things.add({"good", "good"})) EXPECT_TEXT(state, "");
}

// Holds a lock on the key of the first of several batches, until the others are done.
static void wait_for_key(const char* ending, const char* wanted) {
    Things things;
    const PgConnection holder{PQconnectdb(things.database.url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; INSERT INTO things VALUES (1, 'held')"));
    std::vector<Async<db::Results>> batches;
    for (std::int64_t id = 1; id <= 10; ++id)
        batches.push_back(things.open->db().run(adding(id, "good")));
    batches.push_back(run_after(
        *things.open, [](std::int64_t count) { return count == 9; },
        [&] { PQclear(PQexec(holder.get(), ending)); }));
    const auto states = things.open->wait_for_all(std::move(batches));
    EXPECT_TEXT(states[0], wanted);
    for (std::size_t i = 1; i < states.size(); ++i) EXPECT_TEXT(states[i], "");
    EXPECT_TEXT(things.ids(), "1 2 3 4 5 6 7 8 9 10");
}

Test(group, nobody_waits_for_the_lock_of_another) {
    wait_for_key("ROLLBACK", "");
    wait_for_key("COMMIT", "23505");
}

Test(group, a_lock_that_is_never_released_fails_its_own_batch) {
    Things things{[](Config& config) { config.db_deadline_ms = 1000; }};
    const PgConnection holder{PQconnectdb(things.database.url().c_str())};
    PQclear(PQexec(holder.get(), "BEGIN; INSERT INTO things VALUES (3, 'held')"));
    const auto states = things.add(std::vector<std::string>(6, "good"));
    for (std::size_t i = 0; i < states.size(); ++i) EXPECT_TEXT(states[i], i == 2 ? "57014" : "");
    PQclear(PQexec(holder.get(), "ROLLBACK"));
    EXPECT_TEXT(things.ids(), "1 2 4 5 6");
}

// Each has locked its first key when it comes to the second one.
Test(group, groups_that_lock_in_opposite_order_part) {
    Things things;
    const auto config = test_config(things.database.url());
    const auto other = open_database(config, things.open->loop());
    things.open->wait(other->run(batch_of(sql::ping)));
    std::vector<Async<db::Results>> batches;
    for (const bool is_first : {true, false}) {
        auto& db = is_first ? things.open->db() : *other;
        batches.push_back(db.run(adding(is_first ? 1 : 2, "good")));
        batches.push_back(db.run(adding(is_first ? 3 : 4, "nap")));
        batches.push_back(db.run(adding(is_first ? 2 : 1, "good")));
    }
    const auto states = things.open->wait_for_all(std::move(batches));
    for (const auto& state : states)
        if (!state.empty()) EXPECT_TEXT(state, "23505");
    cr_expect_eq(std::count(states.begin(), states.end(), ""), 4);
    EXPECT_TEXT(things.ids(), "1 2 3 4");
    EXPECT_TEXT(states[1] + states[4], "");
    // Cancelled timers still refer to the database: run their handlers.
    other->close();
    things.open->loop().restart();
    things.open->loop().poll();
}

// What an appending statement promises. The counters are those of quotas and of the board.
Test(group, statements_that_append_change_no_row) {
    const TestDatabase database{Engine::postgres};
    OpenDatabase open{database.url()};
    database.add_user("ada");
    const auto append = [&](const Query& query) {
        const auto id = Uuid::random();
        db::Batch batch;
        if (&query == &sql::insert_task)
            batch.add(inserted_task("ada", "t", 9));
        else if (&query == &sql::insert_collab_task)
            batch.add(query, db::named("id", id), db::named("title", "t"),
                      db::named("description", db::Null<std::string>{}),
                      db::named("max_tasks", std::int64_t{9}));
        else if (&query == &sql::insert_conversation)
            batch.add(query, db::named("user_id", "ada"),
                      db::named("title", db::Null<std::string>{}),
                      db::named("max_conversations", std::int64_t{9}));
        else if (&query == &sql::insert_job)
            batch.add(query, db::named("id", id), db::named("title", "t"),
                      db::named("payload", "{}"), db::named("max_attempts", std::int64_t{3}),
                      db::named("run_at", db::Null<Timestamp>{}));
        else if (&query == &sql::insert_note)
            batch.add(query, db::named("type", "note"), db::named("subject", "/notes"),
                      db::named("data", "{}"));
        cr_assert_eq(batch.statements().size(), 1UL, "no parameters for %s", query.name);
        open.wait(open.db().run(std::move(batch)));
    };
    // All rows of all other tables, with the transaction that wrote them.
    const auto tables = database.execute(
        "SELECT string_agg(format('SELECT %L || ctid || xmin AS row FROM %I', relname, relname), "
        "' UNION ALL ') FROM pg_class WHERE relkind = 'r' AND relnamespace = "
        "current_schema()::regnamespace AND relname <> ALL ('{task_counts,board_counts,"
        "board_revisions,message_counts}')");
    int appending = 0;
    for (int round = 0; round < 2; ++round) {
        database.execute("DROP TABLE IF EXISTS before_it");
        database.execute("CREATE TEMPORARY TABLE before_it AS " + tables);
        for (const auto& queries : all_queries)
            for (const auto* query : queries)
                if (query->appends) {
                    append(*query);
                    ++appending;
                }
        EXPECT_TEXT(
            database.execute("SELECT count(*) FROM before_it WHERE row NOT IN (" + tables + ")"),
            "0");
    }
    cr_expect_gt(appending, 0);
}

namespace {

// A group of batches that append one thing each, as it was sent.
struct SentGroup {
    SentGroup(bool reads_only, std::size_t size)
        : group(reads_only ? Kind::reads : Kind::appends, true) {
        for (std::size_t i = 0; i < size; ++i) {
            batches.push_back(reads_only ? batch_of(count_things) : adding(1, "a"));
            operations.emplace_back(batches.back(), Clock::now() + std::chrono::seconds{3}, false);
            group.add(operations.back());
        }
        group.mark_sent(Clock::now());
        for (std::size_t i = 0; i < size; ++i) group.expect_rows(i);
    }

    void take(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) group.take(nullptr, Clock::now());
    }

    PostgresGroup group;
    std::deque<db::Batch> batches;
    std::deque<PostgresOperation> operations;
};

const DbError conflict{"23505", "taken"};

}  // namespace

Test(group, knows_whose_fault_an_error_is) {
    // Of a read: that of the failing one. Those before it have their answers.
    SentGroup reads{true, 3};
    reads.take(1);
    cr_expect_eq(reads.group.unanswered(), 2UL);
    reads.group.fail(conflict);
    reads.group.finish();
    cr_expect(!reads.operations[0].failure && reads.operations[1].failure);
    cr_expect(reads.operations[1].again == Again::no);
    cr_expect(reads.operations[2].again == Again::in_group);

    // Of an append: that of the first one, or of one that was alone.
    SentGroup first{false, 2};
    first.group.fail(conflict);
    first.group.finish();
    cr_expect(first.operations[0].failure && first.operations[0].again == Again::no);
    cr_expect(first.operations[1].again == Again::in_group);

    // At a later one it may come of what others wrote, and at the commit as well.
    SentGroup later{false, 3};
    later.take(1);
    later.group.fail(conflict);
    later.group.finish();
    cr_expect(later.operations[0].again == Again::in_group);
    cr_expect(later.operations[1].again == Again::alone);
    cr_expect(later.operations[2].again == Again::in_group);
    SentGroup commit{false, 2};
    commit.take(2);
    commit.group.fail(conflict);
    commit.group.finish();
    for (const auto& operation : commit.operations) cr_expect(operation.again == Again::alone);

    // Only a group limits the wait for a lock, and the time by that of another member.
    for (const auto state : {sqlstate::lock_not_available, sqlstate::query_canceled}) {
        SentGroup limited{false, 2};
        limited.group.fail({state, "limited"});
        limited.group.finish();
        cr_expect(limited.operations[0].again == Again::alone);
        // One that has used up its time has itself to blame.
        SentGroup late{false, 2};
        late.operations[0].deadline = Clock::now();
        late.group.fail({sqlstate::query_canceled, "late"});
        late.group.finish();
        cr_expect(late.operations[0].again == Again::no);
        SentGroup alone{false, 1};
        alone.group.fail({state, "late"});
        alone.group.finish();
        cr_expect(alone.operations[0].again == Again::no);
    }
}

Test(group, knows_what_a_lost_connection_leaves_unknown) {
    const DbError lost{sqlstate::connection_failure, "lost"};
    // The outcome is unknown.
    SentGroup sent{false, 2};
    sent.take(2);
    sent.group.lose(lost);
    for (const auto& operation : sent.operations) {
        EXPECT_TEXT(operation.failure->sqlstate(), sqlstate::connection_failure);
        cr_expect(operation.again == Again::no);
    }
    // So it is if the server, or libpq, gave up after the last result.
    SentGroup given_up{false, 2};
    given_up.take(2);
    given_up.group.fail(lost);
    given_up.group.finish();
    for (const auto& operation : given_up.operations) cr_expect(operation.again == Again::no);
    // The server had undone the transaction before.
    SentGroup undone{false, 2};
    undone.group.fail(conflict);
    undone.group.lose(lost);
    EXPECT_TEXT(undone.operations[0].failure->sqlstate(), "23505");
    cr_expect(undone.operations[1].again == Again::in_group);
    // It was never sent.
    PostgresGroup unsent{Kind::appends, true};
    const auto batch = adding(1, "a");
    PostgresOperation operation{batch, Clock::now(), false};
    unsent.add(operation);
    unsent.lose(lost);
    cr_expect(operation.again == Again::in_group && !operation.was_sent);
}

Test(group, is_watched_until_its_end) {
    SentGroup reads{true, 1};
    reads.take(1);
    cr_expect_eq(reads.group.unanswered(), 0UL);
    cr_expect(reads.group.mark_late(Clock::now() + std::chrono::seconds{3}));
    cr_expect_not(reads.group.mark_late(Clock::now()));
}

Test(group, becomes_smaller_with_each_error) {
    PostgresGrouping grouping;
    const auto batch = adding(1, "a");
    const PostgresOperation append{batch, Clock::now(), false};
    cr_expect_eq(grouping.most(Kind::appends), 64UL);
    for (const std::size_t most : {32UL, 16UL, 8UL, 4UL, 2UL}) {
        cr_expect(grouping.may_group(append, Clock::now()));
        grouping.count_appends(5, true);
        cr_expect_eq(grouping.most(Kind::appends), most);
    }
    grouping.count_appends(2, true);
    grouping.count_appends(1, true);
    cr_expect_eq(grouping.most(Kind::appends), 1UL);
    cr_expect(!grouping.may_group(append, Clock::now()));
    cr_expect_eq(grouping.most(Kind::reads), 64UL);
    // What is alone counts as a full group then.
    grouping.count_appends(1, false);
    grouping.count_appends(1, false);
    cr_expect_eq(grouping.most(Kind::appends), 2UL);
    for (int i = 0; i < 100; ++i) grouping.count_appends(64, false);
    cr_expect_eq(grouping.most(Kind::appends), 64UL);
}

Test(group, a_slow_read_is_not_grouped_for_a_while) {
    PostgresGrouping grouping;
    const auto batch = batch_of(count_things);
    const PostgresOperation read{batch, Clock::now(), false};
    const auto other_batch = batch_of(sql::ping);
    const PostgresOperation other_read{other_batch, Clock::now(), false};
    const auto now = Clock::now();
    cr_expect(grouping.may_group(read, now));
    grouping.count_slow(batch, now);
    cr_expect(!grouping.may_group(read, now + std::chrono::milliseconds{1999}));
    cr_expect(grouping.may_group(other_read, now));
    cr_expect(grouping.may_group(read, now + std::chrono::milliseconds{2001}));

    SentGroup reads{true, 2};
    cr_expect_null(reads.group.slow_read(now, std::chrono::seconds{1}));
    reads.take(1);
    cr_expect_eq(
        reads.group.slow_read(Clock::now() + std::chrono::seconds{2}, std::chrono::seconds{1}),
        &reads.operations[1]);
}
