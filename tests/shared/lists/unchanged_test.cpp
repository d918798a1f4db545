// What a settled revision promises: wherever and whenever it is read, the list is the same. Writers
// change lists in all the ways that transactions allow, while readers compare each answer with a
// fresh page in the same snapshot, and with what the revision named before.
#include <libpq-fe.h>
#include <sqlite3.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "shared/db/sqlite_functions.hpp"
#include "sql/conversations.hpp"
#include "sql/messages.hpp"
#include "sql/tasks.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

using Rows = std::vector<std::vector<std::string>>;
using Random = std::minstd_rand;

constexpr int users = 5;
constexpr int writers = 4;
constexpr int readers = 2;
constexpr double seconds = 3;
constexpr std::size_t least_known = 20;
constexpr const char* null = "NULL";

// A connection of the test's own. Cells are texts, and null is "NULL".
class Session {
public:
    virtual ~Session() = default;
    // Nullopt after an error, such as a deadlock.
    virtual std::optional<Rows> run(const std::string& sql) = 0;
    virtual const char* text_of(const Query& query) const = 0;
    virtual bool is_sqlite() const = 0;
};

class PostgresSession final : public Session {
public:
    explicit PostgresSession(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
        run("SET client_min_messages = error");
    }
    std::optional<Rows> run(const std::string& sql) override {
        const std::unique_ptr<PGresult, decltype(&PQclear)> result{
            PQexec(connection_.get(), sql.c_str()), &PQclear};
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            const std::string_view state{PQresultErrorField(result.get(), PG_DIAG_SQLSTATE)};
            // A deadlock, a constraint, and what follows from them.
            cr_expect(state == "40P01" || state.starts_with("23") || state == "25P02" ||
                          state == "42704" || state == "3B001",
                      "%s: %s", sql.c_str(), PQerrorMessage(connection_.get()));
            return std::nullopt;
        }
        Rows rows;
        for (int row = 0; row < PQntuples(result.get()); ++row) {
            auto& cells = rows.emplace_back();
            for (int column = 0; column < PQnfields(result.get()); ++column)
                cells.emplace_back(PQgetisnull(result.get(), row, column) != 0
                                       ? null
                                       : PQgetvalue(result.get(), row, column));
        }
        return rows;
    }
    const char* text_of(const Query& query) const override { return query.postgres; }
    bool is_sqlite() const override { return false; }

private:
    PgConnection connection_;
};

class SqliteSession final : public Session {
public:
    explicit SqliteSession(const std::string& path) {
        sqlite3* raw = nullptr;
        sqlite3_open(path.c_str(), &raw);
        connection_.reset(raw);
        sqlite3_busy_timeout(raw, 20'000);
        add_sqlite_functions(raw, &now_);
        run("PRAGMA journal_mode = WAL");
        run("PRAGMA synchronous = OFF");
        run("PRAGMA foreign_keys = ON");
        run("PRAGMA recursive_triggers = ON");
    }
    std::optional<Rows> run(const std::string& sql) override {
        now_ = Timestamp::now();
        Rows rows;
        const auto add = [](void* all, int count, char** values, char**) {
            auto& cells = static_cast<Rows*>(all)->emplace_back();
            for (int i = 0; i < count; ++i) cells.emplace_back(values[i] ? values[i] : null);
            return 0;
        };
        char* error = nullptr;
        sqlite3_exec(connection_.get(), sql.c_str(), add, &rows, &error);
        cr_expect(!error || std::string_view{error}.find("constraint") != std::string_view::npos,
                  "%s: %s", sql.c_str(), error ? error : "");
        const bool has_failed = error != nullptr;
        sqlite3_free(error);
        return has_failed ? std::nullopt : std::optional{std::move(rows)};
    }
    const char* text_of(const Query& query) const override { return query.sqlite; }
    bool is_sqlite() const override { return true; }

private:
    Timestamp now_;
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, &sqlite3_close};
};

std::string replaced(std::string text, std::string_view what, const std::string& with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

// `…` stands for the user, and `?` for the known revisions.
struct List {
    const Query* query;
    std::vector<const char*> parameters;
    std::vector<const char*> sqlite_parameters;  // if they are others
    const char* total;
    const char* page;
};

#define TASK_COLUMNS \
    "id, user_id, title, description, completed, due_date, priority, tags, created_at, updated_at"

const std::vector<List> lists{
    {&sql::list_tasks_by_updated_at_desc,
     {"'…'", "'?'", "false", "false", "true", "31", "NULL", "NULL", "'9999-12-31'", "1", "4", "0"},
     {"'…'", "'?'", "0", "0", "1", "31", "NULL", "NULL", "9223372036854775807", "1", "4", "0"},
     "SELECT count(*) FROM tasks WHERE user_id = '…'",
     "SELECT " TASK_COLUMNS " FROM tasks WHERE user_id = '…' ORDER BY updated_at DESC, id DESC "
     "LIMIT 4"},
    {&sql::list_tasks_by_title_asc,
     {"'…'", "'?'", "true", "true", "true", "31", "NULL", "NULL", "''", "''", "0", "3", "1"},
     {},
     "SELECT count(*) FROM tasks WHERE user_id = '…' AND completed",
     "SELECT " TASK_COLUMNS " FROM tasks WHERE user_id = '…' AND completed "
     "ORDER BY folded_title, title, id LIMIT 3 OFFSET 1"},
    {&sql::list_tasks_by_due_date_desc,
     {"'…'", "'?'", "true", "false", "true", "6", "NULL", "NULL", "'0001-01-01'", "'9999-12-31'",
      "'9999-12-31'", "0", "5", "1", "9223372036854775807"},
     {"'…'", "'?'", "1", "0", "1", "6", "NULL", "NULL", "0", "9223372036854775807",
      "9223372036854775807", "0", "5", "1", "9223372036854775807"},
     "SELECT count(*) FROM tasks WHERE user_id = '…' AND priority IN (1, 2)",
     "SELECT " TASK_COLUMNS " FROM tasks WHERE user_id = '…' AND priority IN (1, 2) "
     "ORDER BY due_date IS NULL, due_date DESC, id DESC LIMIT 5 OFFSET 1"},
    {&sql::search_tasks_asc,
     {"'?'", "'…'", "'priority'", "'9999-12-31'", "'9999-12-31'", "-1", "''", "''", "false",
      "false", "true", "31", "NULL", "NULL", "'[\"5\",\"1\"]'", "0", "4", "0"},
     {"'?'", "'…'", "'priority'", "0", "0", "-1", "''", "''", "0", "0", "1", "31", "NULL", "NULL",
      "'[\"5\",\"1\"]'", "0", "4", "0"},
     "SELECT count(*) FROM tasks WHERE user_id = '…' AND title LIKE '%5%' AND title LIKE '%1%'",
     "SELECT " TASK_COLUMNS " FROM tasks WHERE user_id = '…' AND title LIKE '%5%' AND title LIKE "
     "'%1%' ORDER BY priority, id LIMIT 4"},
    {&sql::list_conversations_by_updated_at_desc,
     {"'…'", "'?'", "'9999-12-31'", "1", "5", "0"},
     {"'…'", "'?'", "9223372036854775807", "1", "5", "0"},
     "SELECT count(*) FROM conversations WHERE user_id = '…'",
     "SELECT id, user_id, title, created_at, updated_at FROM conversations WHERE user_id = '…' "
     "ORDER BY "
     "updated_at DESC, id DESC LIMIT 5"},
    {&sql::list_messages,
     {"1", "'…'", "'?'", "0", "4", "0"},
     {},
     "SELECT CASE WHEN EXISTS (SELECT 1 FROM conversations WHERE user_id = '…' AND id = 1) THEN "
     "(SELECT count(*) FROM messages WHERE user_id = '…' AND conversation_id = 1) END",
     "SELECT id, conversation_id, role, content, metadata, client_message_id, created_at FROM "
     "messages WHERE user_id = '…' AND "
     "conversation_id = 1 ORDER BY id LIMIT 4"},
    {&sql::list_last_messages,
     {"2", "'…'", "'?'", "3"},
     {},
     "SELECT CASE WHEN EXISTS (SELECT 1 FROM conversations WHERE user_id = '…' AND id = 2) THEN "
     "(SELECT count(*) FROM messages WHERE user_id = '…' AND conversation_id = 2) END",
     "SELECT * FROM (SELECT id, conversation_id, role, content, metadata, client_message_id, "
     "created_at FROM messages WHERE "
     "user_id = '…' AND conversation_id = 2 ORDER BY id DESC LIMIT 3) AS newest ORDER BY id"},
};

std::string joined(const Rows& rows, std::size_t first_row, std::size_t first_column) {
    std::string text;
    for (auto row = first_row; row < rows.size(); ++row) {
        for (auto column = first_column; column < rows[row].size(); ++column)
            text += rows[row][column] + "|";
        text += "\n";
    }
    return text;
}

// What each settled revision of each list of each user has named, for all readers.
class Named {
public:
    // Returns the revisions of a list as :known has them: the newest ones, and some older ones.
    std::string known(const std::string& list, Random& random) {
        const std::lock_guard lock{mutex_};
        const auto& order = order_[list];
        std::string text{" "};
        for (std::size_t i = 0; i < order.size(); ++i)
            if (i + 50 >= order.size() || random() % order.size() < 50) text += order[i] + " ";
        return text;
    }

    // Returns what the revision has named before, or else `content`, which it then names.
    std::string name(const std::string& list, const std::string& revision,
                     const std::string& content) {
        const std::lock_guard lock{mutex_};
        const auto [at, is_new] = contents_[list].emplace(revision, content);
        if (is_new) order_[list].push_back(revision);
        return at->second;
    }

private:
    std::mutex mutex_;
    std::map<std::string, std::vector<std::string>> order_;
    std::map<std::string, std::map<std::string, std::string>> contents_;
};

std::string user_of(Random& random) { return "u" + std::to_string(random() % users); }

class Stress {
public:
    Stress(Engine engine, unsigned seed) : engine_(engine), own_(engine), seed_(seed) {
        const auto session = connect();
        for (int i = 0; i < users; ++i) change(*session, 0, "u" + std::to_string(i));
    }

    void run() {
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < writers; ++i)
            threads.emplace_back([this, i] { write(seed_ + i); });
        for (unsigned i = 0; i < readers; ++i)
            threads.emplace_back([this, i] { read(seed_ + 100 + i); });
        const auto started = std::chrono::steady_clock::now();
        wait_until("lists are recognised", [&] {
            return known_ >= least_known && std::chrono::steady_clock::now() - started >=
                                                std::chrono::duration<double>{seconds};
        });
        is_over_ = true;
        for (auto& thread : threads) thread.join();
        std::fprintf(stderr, "seed %u: %zu answers, %zu settled, %zu known\n", seed_,
                     answers_.load(), settled_.load(), known_.load());
    }

private:
    std::unique_ptr<Session> connect() const {
        if (engine_ == Engine::sqlite)
            return std::make_unique<SqliteSession>(own_.url().substr(10));
        return std::make_unique<PostgresSession>(own_.url());
    }

    // One change of a user's data, or of events.
    static void change(Session& session, unsigned kind, const std::string& user) {
        const bool is_sqlite = session.is_sqlite();
        const auto of_user = [&](const std::string& table) {
            return "(SELECT id FROM " + table + " WHERE user_id = '" + user +
                   "' ORDER BY random() LIMIT 1)";
        };
        const std::string moment =
            is_sqlite ? "(random() & 1048575)" : "to_timestamp((random() * 1000)::int)";
        const std::string oldest =
            is_sqlite ? "" : " AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())";
        const std::string changes[] = {
            "INSERT INTO users (id) VALUES ('" + user + "') ON CONFLICT DO NOTHING",
            "INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) "
            "SELECT id, 't' || random(), '', random() > 0.5, now(), now() FROM users WHERE id = '" +
                user + "'",
            "UPDATE tasks SET title = 't' || random(), completed = NOT completed, priority = "
            "(priority + 1) % 5, due_date = CASE WHEN completed THEN " +
                moment + " END, updated_at = " + moment + " WHERE id = " + of_user("tasks"),
            "UPDATE tasks SET title = title WHERE user_id = '" + user + "'",
            "DELETE FROM tasks WHERE id = " + of_user("tasks"),
            "UPDATE tasks SET user_id = 'u0' WHERE id = " + of_user("tasks"),
            std::string{"INSERT INTO conversations (id, user_id, created_at, updated_at) "} +
                (is_sqlite ? "SELECT 1 + abs(random()) % 6"
                           : "OVERRIDING SYSTEM VALUE SELECT 1 + floor(random() * 6)::int") +
                ", id, now(), now() FROM users WHERE id = '" + user + "' ON CONFLICT DO NOTHING",
            "UPDATE conversations SET updated_at = " + moment +
                " WHERE id = " + of_user("conversations"),
            "UPDATE conversations SET title = 't' || random() WHERE id = " +
                of_user("conversations"),
            "INSERT INTO messages (conversation_id, user_id, role, content, created_at) SELECT id, "
            "user_id, 'user', 'c' || random(), now() FROM conversations WHERE user_id = '" +
                user + "'",
            "DELETE FROM messages WHERE id = " + of_user("messages"),
            "UPDATE messages SET content = 'd' || random() WHERE id = " + of_user("messages"),
            "UPDATE messages SET metadata = '[' || random() || ']' WHERE id = " +
                of_user("messages"),
            "DELETE FROM conversations WHERE id > 2 AND id = " + of_user("conversations"),
            "DELETE FROM users WHERE id = '" + user + "'",
            "DELETE FROM events WHERE id <= (SELECT min(id) + 30 FROM events)" + oldest,
            "DELETE FROM events WHERE id = (SELECT max(id) FROM events WHERE audience = 'user:" +
                user + "')",
            "DELETE FROM events WHERE audience = 'user:" + user + "'" + oldest,
        };
        session.run(changes[kind % std::size(changes)]);
    }

    static void pause(Random& random) {
        std::this_thread::sleep_for(std::chrono::microseconds{random() % 4000});
    }

    // A transaction of one to four changes for several users.
    void write(unsigned seed) {
        Random random{seed};
        const auto session = connect();
        for (int number = 0; !is_over_; ++number) {
            // Deletions of users, which are last of the row's own kinds, are rare.
            const auto kind = [&] {
                const auto chosen = random() % 16;
                return chosen == 12 && random() % 4 != 0 ? 1u : static_cast<unsigned>(chosen);
            };
            session->run(engine_ == Engine::sqlite ? "BEGIN IMMEDIATE" : "BEGIN");
            for (auto left = random() % 4 + 1; left > 0; --left) {
                const auto user = user_of(random);
                const auto fate = random() % 5;
                if (fate == 0) session->run("SAVEPOINT partial");
                change(*session, 0, user);
                change(*session, kind(), user);
                if (fate == 0)
                    session->run(random() % 2 ? "ROLLBACK TO partial" : "RELEASE partial");
                if (engine_ == Engine::postgres) pause(random);
            }
            end(*session, random, seed, number);
            if (random() % 3 == 0) pause(random);
        }
    }

    void end(Session& session, Random& random, unsigned seed, int number) const {
        const auto fate = random() % 8;
        if (fate == 0) {
            session.run("ROLLBACK");
        } else if (fate == 1 && engine_ == Engine::postgres && seed == seed_) {
            const auto name = "'" + std::to_string(getpid()) + "_" + std::to_string(number) + "'";
            if (!session.run("PREPARE TRANSACTION " + name)) return;
            pause(random);
            session.run((random() % 4 ? "COMMIT PREPARED " : "ROLLBACK PREPARED ") + name);
        } else {
            session.run("COMMIT");
        }
    }

    void read(unsigned seed) {
        Random random{seed};
        const auto session = connect();
        while (!is_over_) {
            const auto& list = lists[random() % lists.size()];
            const auto user = user_of(random);
            const auto name = user + " " + list.query->name;
            const auto known = random() % 4 ? named_.known(name, random) : " ";
            auto sql = std::string{session->text_of(*list.query)};
            const auto& parameters = session->is_sqlite() && !list.sqlite_parameters.empty()
                                         ? list.sqlite_parameters
                                         : list.parameters;
            for (auto i = parameters.size(); i > 0; --i)
                sql = replaced(sql, "$" + std::to_string(i),
                               replaced(replaced(parameters[i - 1], "…", user), "?", known));

            session->run(engine_ == Engine::sqlite ? "BEGIN"
                                                   : "BEGIN ISOLATION LEVEL REPEATABLE READ");
            const auto rows = session->run(sql);
            const auto total = session->run(replaced(list.total, "…", user));
            const auto page = session->run(replaced(list.page, "…", user));
            session->run("COMMIT");
            if (!rows || !total || !page || rows->empty()) {
                cr_expect(false, "seed %u: %s fails", seed_, name.c_str());
                return;
            }
            compare(name, *rows, joined(*total, 0, 0) + joined(*page, 0, 0));
        }
    }

    void compare(const std::string& name, const Rows& rows, const std::string& fresh) {
        const auto& state = rows.front();
        const auto is = [&](std::size_t column) {
            return state[column] == "t" || state[column] == "1";
        };
        ++answers_;
        if (is(1)) ++settled_;
        if (is(2)) {
            ++known_;
            cr_expect_eq(rows.size(), 1u);
            EXPECT_TEXT(state[3], null);
        } else {
            const auto read = state[3] + "|\n" + joined(rows, 1, 4);
            cr_expect(read == fresh, "seed %u, %s: read\n%s\ninstead of\n%s", seed_, name.c_str(),
                      read.c_str(), fresh.c_str());
        }
        if (!is(1)) return;
        const auto named = named_.name(name, state[0], fresh);
        if (named == fresh) return;
        ++faults_;
        cr_expect(faults_ > 3, "seed %u, %s: %s has named\n%s\nand names\n%s", seed_, name.c_str(),
                  state[0].c_str(), named.c_str(), fresh.c_str());
    }

    Engine engine_;
    TestDatabase own_;
    unsigned seed_;
    Named named_;
    std::atomic<bool> is_over_ = false;
    std::atomic<std::size_t> answers_ = 0;
    std::atomic<std::size_t> settled_ = 0;
    std::atomic<std::size_t> known_ = 0;
    std::atomic<std::size_t> faults_ = 0;
};

}  // namespace

// A failure names the seed.
Test(unchanged, is_what_a_settled_revision_says_on_postgres) {
    Stress{Engine::postgres, std::random_device{}() % 1'000'000}.run();
}
Test(unchanged, is_what_a_settled_revision_says_on_sqlite) {
    Stress{Engine::sqlite, std::random_device{}() % 1'000'000}.run();
}
