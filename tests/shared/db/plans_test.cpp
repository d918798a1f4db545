// The plans of the queries on large tables that hold mostly other data. A page must cost no more
// than a page, whoever requests it and wherever it begins.
#include <libpq-fe.h>
#include <sqlite3.h>

#include <charconv>
#include <filesystem>
#include <memory>

#include "shared/db/sqlite_functions.hpp"
#include "sql/conversations.hpp"
#include "sql/events.hpp"
#include "sql/jobs.hpp"
#include "sql/messages.hpp"
#include "sql/prune.hpp"
#include "sql/request_keys.hpp"
#include "sql/tasks.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"

namespace {

// The board's events come first, then those of a user and most of a million of jobs, among which
// one audience has a few. Most jobs have ended. All leases have expired: of the oldest jobs 50 have
// no attempt left, 900 have some, 9,000 have none, and 50 have some. One user owns a third of all
// tasks, conversations and messages. Half of the tasks of each user are due sometime. `series`
// stands for a table of the integers i from 1. to_timestamp() counts seconds, on SQLite as well.
constexpr const char* rows[] = {
    "INSERT INTO events (transaction_id, type, audience, subject, data, created_at) "
    "SELECT '1', 't', CASE WHEN i <= 300000 THEN 'public' "
    "WHEN i <= 400000 THEN 'user:user1' WHEN i % 100000 = 0 THEN 'user:user77' "
    "ELSE 'jobs' END, '/s', '{}', to_timestamp(i) FROM series(1200000)",
    "INSERT INTO jobs (id, title, payload, status, attempts, max_attempts, run_at, created_at, "
    "updated_at, worker, lease_id, lease_expires_at) SELECT id, 't', 'null', status, "
    "CASE WHEN i > 790050 AND i <= 790950 OR i > 799950 THEN 0 ELSE 3 END, 3, to_timestamp(i), "
    "to_timestamp(i), to_timestamp(i), CASE WHEN status = 'running' THEN 'w' END, "
    "CASE WHEN status = 'running' THEN id END, "
    "CASE WHEN status = 'running' THEN to_timestamp(i) END "
    "FROM (SELECT i, id, CASE WHEN i <= 600000 THEN 'completed' WHEN i <= 790000 THEN 'cancelled' "
    "WHEN i <= 800000 THEN 'running' WHEN i % 100000 = 0 THEN 'failed' ELSE 'pending' END AS "
    "status "
    "FROM (SELECT i, uuid(i) AS id FROM series(1000000)) AS numbered) AS jobs",
    "INSERT INTO users (id) SELECT 'user' || i FROM series(1000)",
    "INSERT INTO tasks (user_id, title, description, completed, due_date, priority, tags, "
    "folded_title, folded_text, folds, created_at, updated_at) "
    "SELECT 'user' || CASE WHEN i <= 50000 THEN 1 ELSE i % 1000 + 1 END, 'T' || i, '', false, "
    "CASE WHEN (i + i / 1000) % 2 = 0 THEN to_timestamp(i / 4) END, (i + i / 1000) % 5, '[]', 't' "
    "|| i, "
    "'t' || i || chr(30) || chr(30), 1, to_timestamp(i), to_timestamp(i) FROM series(150000)",
    "INSERT INTO conversations (user_id, created_at, updated_at) "
    "SELECT 'user' || CASE WHEN i <= 15000 THEN 1 ELSE i % 1000 + 1 END, to_timestamp(i), "
    "to_timestamp(i) FROM series(50000)",
    "INSERT INTO messages (conversation_id, user_id, role, content, client_message_id, created_at) "
    "SELECT CASE WHEN i <= 40000 THEN 1 WHEN i <= 50000 THEN 20000 ELSE i % 10000 + 2 END, "
    "'user1', 'user', 'c', 'm' || i, "
    "to_timestamp(i) FROM series(150000)",
    "INSERT INTO collab_tasks (id, title, created_at, updated_at) "
    "SELECT uuid(i), 't', to_timestamp(i), to_timestamp(i) FROM series(10000)",
    "INSERT INTO request_keys (user_id, key, request_digest, subject, answer, created_at) "
    "SELECT 'user' || CASE WHEN i <= 40000 THEN 1 ELSE i % 1000 + 1 END, 'k' || i, 'd', 's', 'a', "
    "to_timestamp(i) FROM series(100000)",
};

// Triggers are off, and all indexes but the primary keys are created afterwards. That halves the
// time.
constexpr const char* postgres_names[] = {
    "SET session_replication_role = replica; SET synchronous_commit = off; "
    "SET maintenance_work_mem = '256MB'",
    "CREATE FUNCTION series(last bigint) RETURNS TABLE (i bigint) LANGUAGE sql "
    "RETURN generate_series(1, last)",
    "CREATE FUNCTION uuid(i bigint) RETURNS uuid LANGUAGE sql "
    "RETURN ('00000000-0000-4000-8000-' || lpad(to_hex(i), 12, '0'))::uuid",
    "CREATE TABLE made_afterwards AS SELECT indexname, indexdef FROM pg_indexes "
    "WHERE schemaname = 'public' AND tablename <> 'events' AND NOT EXISTS "
    "(SELECT 1 FROM pg_constraint WHERE conname = indexname)",
    "DO $$ DECLARE name text; BEGIN FOR name IN SELECT indexname FROM made_afterwards LOOP "
    "EXECUTE format('DROP INDEX %I', name); END LOOP; END $$",
};
constexpr const char* postgres_ends[] = {
    "DO $$ DECLARE definition text; BEGIN FOR definition IN SELECT indexdef FROM made_afterwards "
    "LOOP EXECUTE definition; END LOOP; END $$",
    "RESET session_replication_role",
    "VACUUM ANALYZE",
};

void add_sqlite_names(sqlite3* connection) {
    const auto add = [&](const char* name, int arguments, auto* function) {
        sqlite3_create_function(connection, name, arguments, SQLITE_UTF8, nullptr, function,
                                nullptr, nullptr);
    };
    add(
        "to_timestamp", 1, +[](sqlite3_context* context, int, sqlite3_value** arguments) {
            sqlite3_result_int64(context, sqlite3_value_int64(arguments[0]) * 1'000'000);
        });
    static auto now = Timestamp::now();
    add_sqlite_functions(connection, &now);
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
        text.replace(at, what.size(), with);
    return text;
}

// The same statement in SQLite's dialect.
std::string in_sqlite(const std::string& sql) {
    auto text = replaced(sql, "uuid(i)", "printf('00000000-0000-4000-8000-%012x', i)");
    text = replaced(text, "(transaction_id, type,", "(type,");
    text = replaced(text, "SELECT '1', ", "SELECT ");
    const auto series = text.find("series(");
    if (series == text.npos) return text;
    const auto end = text.find(')', series);
    const auto last = text.substr(series + 7, end - series - 7);
    text.replace(series, end + 1 - series,
                 "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                     last + ") SELECT i FROM n) AS series");
    return text;
}

// The parameters are SQL that both engines understand.
struct Case {
    const Query* query;
    const char* parameters;
    std::size_t page;  // rows that the query may read
    const char* index;
    const char* sqlite_index = nullptr;  // if it is another one
    bool is_sorted_besides = false;      // at most a page
};

std::size_t number_at(std::string_view text, std::size_t at) {
    std::size_t number = 0;
    std::from_chars(text.data() + at, text.data() + text.size(), number);
    return number;
}

// The sum of the numbers that follow a word.
std::size_t sum_of(std::string_view text, std::string_view word) {
    std::size_t sum = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != text.npos;) {
        at += word.size();
        sum += number_at(text, at);
    }
    return sum;
}

void expect_none_of(const std::string& plan, std::initializer_list<const char*> bad,
                    const char* name) {
    for (const char* text : bad)
        cr_expect(plan.find(text) == plan.npos, "%s: %s in\n%s", name, text, plan.c_str());
}

class Filled {
public:
    explicit Filled(Engine engine) : engine_(engine) {
        if (engine == Engine::postgres)
            fill_postgres();
        else
            fill_sqlite();
    }

    ~Filled() {
        if (engine_ == Engine::sqlite) std::filesystem::remove(path());
    }

    // A list that is known reads neither its page nor its total. Otherwise its page costs no more
    // than a page.
    void expect_list(const Case& wanted) {
        if (engine_ == Engine::sqlite) return expect_list_on_sqlite(wanted);
        for (const char* mode : {"force_custom_plan", "force_generic_plan", "auto"})
            expect_list_on_postgres(wanted, mode);
    }

    // The events that were removed stay in the index until it is vacuumed.
    void expect_no_walk_over_removed_events() {
        run("INSERT INTO events (transaction_id, type, audience, subject, data) "
            "SELECT (i + 1)::text::xid8, 't', 'user:user77', '/s', '{}' FROM series(50000)");
        run("DELETE FROM events WHERE audience = 'user:user77' AND transaction_id > '1'");
        prepare_on_postgres(sql::list_tasks_by_title_asc, "force_generic_plan");
        const auto plan = explain(
            "EXECUTE query('user77', ' ', false, false, true, 31, NULL, NULL, '', '', 0, 0, 0)");
        cr_expect_leq(buffers_of(plan), 60, "%s", plan.c_str());
    }

    void expect(const Case& wanted) {
        if (engine_ == Engine::sqlite) return expect_sqlite(wanted);
        for (const char* mode : {"force_custom_plan", "force_generic_plan", "auto"})
            expect_postgres(wanted, mode);
    }

private:
    static std::string path() { return test_variable("TEST_DIR") + "/filled.db"; }

    void fill_postgres() {
        const auto server = test_variable("TEST_POSTGRES_URL");
        postgres_.reset(PQconnectdb(server.c_str()));
        run("CREATE DATABASE filled TEMPLATE steelthread_template");
        postgres_.reset(PQconnectdb((server.substr(0, server.rfind('/')) + "/filled").c_str()));
        for (const char* sql : postgres_names) run(sql);
        for (const char* sql : rows) run(sql);
        run("INSERT INTO message_counts (conversation_id, total) "
            "SELECT conversation_id, count(*) FROM messages GROUP BY conversation_id");
        for (const char* sql : postgres_ends) run(sql);
    }

    void fill_sqlite() {
        std::filesystem::copy_file(test_variable("TEST_DIR") + "/template.db", path());
        sqlite3* raw = nullptr;
        cr_assert_eq(sqlite3_open(path().c_str(), &raw), SQLITE_OK);
        sqlite_.reset(raw);
        add_sqlite_names(raw);
        for (const char* sql : {"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF",
                                "PRAGMA cache_size = -200000", "DROP TRIGGER collab_task_created",
                                "DROP TRIGGER task_created", "DROP TRIGGER message_created",
                                "DROP TRIGGER job_created"})
            run(sql);
        std::vector<std::string> indexes;
        std::vector<std::string> drops;
        {
            const auto found = prepare(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL");
            while (sqlite3_step(found.get()) == SQLITE_ROW) {
                drops.push_back("DROP INDEX " + text_of(found.get(), 0));
                indexes.push_back(text_of(found.get(), 1));
            }
        }
        for (const auto& sql : drops) run(sql);
        for (const char* sql : rows) run(in_sqlite(sql));
        for (const auto& sql : indexes) run(sql);
        run("ANALYZE");
        run("PRAGMA journal_mode = MEMORY");
    }

    std::string run(const std::string& sql) {
        if (engine_ == Engine::sqlite) {
            char* error = nullptr;
            sqlite3_exec(sqlite_.get(), sql.c_str(), nullptr, nullptr, &error);
            cr_assert_null(error, "%s: %s", sql.c_str(), error);
            return "";
        }
        const std::unique_ptr<PGresult, decltype(&PQclear)> result{
            PQexec(postgres_.get(), sql.c_str()), &PQclear};
        const auto status = PQresultStatus(result.get());
        cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql.c_str(),
                  PQerrorMessage(postgres_.get()));
        std::string lines;
        for (int row = 0; row < PQntuples(result.get()); ++row)
            lines.append(PQgetvalue(result.get(), row, 0)).append("\n");
        return lines;
    }

    void prepare_on_postgres(const Query& query, const char* mode) {
        run("DEALLOCATE ALL");
        run(std::string{"SET plan_cache_mode = "} + mode);
        run(std::string{"PREPARE query AS "} + query.postgres);
    }

    std::string explain(const std::string& call) {
        return run("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) " + call);
    }

    // The first line with buffers is the total.
    static std::size_t buffers_of(const std::string& plan) {
        const auto at = plan.find("Buffers: ");
        cr_assert_neq(at, plan.npos, "%s", plan.c_str());
        const auto buffers = plan.substr(at, plan.find('\n', at) - at);
        return sum_of(buffers, "hit=") + sum_of(buffers, "read=");
    }

    void expect_list_on_postgres(const Case& wanted, const char* mode) {
        const char* const name = wanted.query->name;
        const std::string parameters = wanted.parameters;
        prepare_on_postgres(*wanted.query, mode);
        const auto call = "EXECUTE query(" + parameters + ")";
        std::string answer;
        for (int i = 0; i < 6; ++i) answer = run(call);
        const auto plan = explain(call);
        cr_expect(plan.find(wanted.index) != plan.npos, "%s, %s: not %s in\n%s", name, mode,
                  wanted.index, plan.c_str());
        expect_none_of(plan, {"Seq Scan"}, name);
        if (!wanted.is_sorted_besides) expect_none_of(plan, {"Sort"}, name);
        if (std::string_view{name}.starts_with("list_tasks"))
            cr_expect(plan.find("Index Only Scan using tasks_by_") != plan.npos &&
                          sum_of(plan, "Heap Fetches: ") == 0,
                      "%s, %s: the total reads rows:\n%s", name, mode, plan.c_str());
        const auto without_page =
            explain("EXECUTE query(" + replaced(parameters, "101", "0") + ")");
        cr_expect_leq(buffers_of(plan), buffers_of(without_page) + 100 + 3 * wanted.page,
                      "%s, %s:\n%s", name, mode, plan.c_str());

        const auto known = answer.substr(0, answer.find('\n'));
        const auto unchanged =
            explain("EXECUTE query(" + replaced(parameters, "' '", "' " + known + " '") + ")");
        std::size_t never = 0;
        for (std::size_t at = 0; (at = unchanged.find("(never executed)", at)) != unchanged.npos;
             ++at)
            ++never;
        // The buffers include those of list_revision(), which finds an event by its index.
        cr_expect(never >= 2 && buffers_of(unchanged) <= 20, "%s, %s, unchanged:\n%s", name, mode,
                  unchanged.c_str());
    }

    // In auto mode the plan changes after a few executions. The test checks the later one.
    void expect_postgres(const Case& wanted, const char* mode) {
        const char* const name = wanted.query->name;
        const bool has_parameters = *wanted.parameters != 0;
        const auto call = std::string{"EXECUTE query"} + (has_parameters ? "(" : "") +
                          wanted.parameters + (has_parameters ? ")" : "");
        prepare_on_postgres(*wanted.query, mode);
        run("BEGIN");
        const int warm = std::string_view{mode} == "auto" && wanted.query->reads_only ? 6 : 0;
        for (int i = 0; i < warm; ++i) run(call);
        const auto plan = explain(call);
        run("ROLLBACK");
        cr_expect(plan.find(wanted.index) != plan.npos && plan.find("Index Cond") != plan.npos,
                  "%s, %s: not %s in\n%s", name, mode, wanted.index, plan.c_str());
        expect_none_of(plan, {"Seq Scan"}, name);
        if (!wanted.is_sorted_besides) expect_none_of(plan, {"Sort"}, name);
        const auto removed = sum_of(plan, "Removed by Filter: ");
        cr_expect_leq(removed, wanted.page, "%s, %s: %zu rows are read in vain:\n%s", name, mode,
                      removed, plan.c_str());
        // A row costs one buffer, or two with the index. A written row costs several for each
        // index.
        const auto read = buffers_of(plan);
        const std::size_t per_row = wanted.query->reads_only ? 3 : 40;
        cr_expect_leq(read, 100 + per_row * wanted.page, "%s, %s: %zu buffers:\n%s", name, mode,
                      read, plan.c_str());
    }

    using Prepared = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;
    Prepared prepare(const std::string& sql) {
        sqlite3_stmt* raw = nullptr;
        sqlite3_prepare_v2(sqlite_.get(), sql.c_str(), -1, &raw, nullptr);
        cr_assert_not_null(raw, "%s: %s", sql.c_str(), sqlite3_errmsg(sqlite_.get()));
        return {raw, &sqlite3_finalize};
    }

    static std::string text_of(sqlite3_stmt* statement, int column) {
        return reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
    }

    void expect_sqlite(const Case& wanted) {
        const char* const name = wanted.query->name;
        std::string plan;
        const auto explained = prepare(std::string{"EXPLAIN QUERY PLAN "} + wanted.query->sqlite);
        while (sqlite3_step(explained.get()) == SQLITE_ROW)
            plan.append(text_of(explained.get(), 3)).append("\n");
        const char* const index = wanted.sqlite_index ? wanted.sqlite_index : wanted.index;
        cr_expect(plan.find(index) != plan.npos, "%s: not %s in\n%s", name, index, plan.c_str());
        if (!wanted.is_sorted_besides) expect_none_of(plan, {"TEMP B-TREE"}, name);

        run("BEGIN");
        const auto steps = steps_of(*wanted.query, wanted.parameters).steps;
        const std::size_t per_row = wanted.query->reads_only ? 60 : 500;
        cr_expect_leq(steps, 1000 + per_row * wanted.page, "%s: %zu steps:\n%s", name, steps,
                      plan.c_str());
        run("ROLLBACK");
    }

    struct Ran {
        std::size_t steps;       // SQLite's own: about twenty for a row, more with triggers
        std::string first_cell;  // of the first row
    };

    Ran steps_of(const Query& wanted, const std::string& parameters) {
        const auto query = prepare(wanted.sqlite);
        if (!parameters.empty()) {
            const auto values = prepare("SELECT " + parameters);
            cr_assert_eq(sqlite3_step(values.get()), SQLITE_ROW);
            for (int i = 0; i < sqlite3_column_count(values.get()); ++i) {
                const auto parameter = "$" + std::to_string(i + 1);
                const int at = sqlite3_bind_parameter_index(query.get(), parameter.c_str());
                if (at > 0)
                    sqlite3_bind_value(query.get(), at, sqlite3_column_value(values.get(), i));
            }
        }
        Ran ran{};
        int code = sqlite3_step(query.get());
        if (code == SQLITE_ROW && sqlite3_column_type(query.get(), 0) == SQLITE_TEXT)
            ran.first_cell = text_of(query.get(), 0);
        while (code == SQLITE_ROW) code = sqlite3_step(query.get());
        cr_expect_eq(code, SQLITE_DONE, "%s: %s", wanted.name, sqlite3_errmsg(sqlite_.get()));
        ran.steps = static_cast<std::size_t>(
            sqlite3_stmt_status(query.get(), SQLITE_STMTSTATUS_VM_STEP, 0));
        return ran;
    }

    void expect_list_on_sqlite(const Case& wanted) {
        const char* const name = wanted.query->name;
        std::string plan;
        const auto explained = prepare(std::string{"EXPLAIN QUERY PLAN "} + wanted.query->sqlite);
        while (sqlite3_step(explained.get()) == SQLITE_ROW)
            plan.append(text_of(explained.get(), 3)).append("\n");
        cr_expect(plan.find(wanted.index) != plan.npos, "%s: not %s in\n%s", name, wanted.index,
                  plan.c_str());
        expect_none_of(plan, {"AUTOMATIC"}, name);
        if (!wanted.is_sorted_besides) expect_none_of(plan, {"TEMP B-TREE"}, name);
        if (std::string_view{name}.starts_with("list_tasks"))
            cr_expect(plan.find("USING COVERING INDEX tasks_by_created_at") != plan.npos,
                      "%s: the total reads rows:\n%s", name, plan.c_str());
        const std::string parameters = wanted.parameters;
        const auto read = steps_of(*wanted.query, parameters);
        const auto without_page = steps_of(*wanted.query, replaced(parameters, "101", "0"));
        cr_expect_leq(read.steps, without_page.steps + 1000 + 60 * wanted.page, "%s:\n%s", name,
                      plan.c_str());
        const auto unchanged =
            steps_of(*wanted.query, replaced(parameters, "' '", "' " + read.first_cell + " '"));
        cr_expect_leq(unchanged.steps, 400, "%s: %zu steps:\n%s", name, unchanged.steps,
                      plan.c_str());
    }

    Engine engine_;
    PgConnection postgres_;
    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> sqlite_{nullptr, &sqlite3_close};
};

constexpr const char* by_id = "PRIMARY KEY (rowid>?";
constexpr const char* by_one_id = "PRIMARY KEY (rowid=?";

// Audiences with all events before the cursor, all after it, a few, or none.
constexpr Case feed[] = {
    {&sql::list_events, "'1', 300000, 100", 100, "events_in_commit_order", by_id},
    {&sql::list_events, "'1', 1199990, 100", 100, "events_in_commit_order", by_id},
    {&sql::list_events_of, "'public', '1', 300000, 100, NULL, NULL", 100, "events_of_audience",
     nullptr, true},
    {&sql::list_events_of, "'public', '0', 0, 100, 'user:user77', 'user:none'", 200,
     "events_of_audience", nullptr, true},
    {&sql::list_events_of, "'jobs', '0', 0, 100, 'user:none', 'user:user77'", 200,
     "events_of_audience", nullptr, true},
    {&sql::list_events_of, "'user:user1', '0', 0, 100, NULL, NULL", 100, "events_of_audience",
     nullptr, true},
    {&sql::list_events_of, "'user:none', '1', 700000, 1000, 'public', 'user:user77'", 100,
     "events_of_audience", nullptr, true},
    {&sql::list_event_heads, "'public', '1', 300000, 1000, NULL, NULL", 100, "events_of_audience",
     nullptr, true},
    {&sql::list_event_heads, "'user:none', '1', 700000, 1000, 'public', 'user:user77'", 100,
     "events_of_audience", nullptr, true},
    {&sql::list_event_heads, "'jobs', '0', 0, 1000, 'user:user1', 'public'", 3000,
     "events_of_audience", nullptr, true},
    {&sql::list_events_with_ids, "'[1,300000,700000,1200000]'", 4, "events_pkey", by_one_id, true},
    {&sql::list_events_with_ids, "'[1200000]'", 1, "events_pkey", by_one_id, true},
};

// Queries with a position ask for the newest or oldest page, and for one in the middle.
constexpr Case jobs[] = {
    {&sql::list_jobs, "to_timestamp(9000000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_created_at"},
    {&sql::list_jobs, "to_timestamp(500000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_created_at"},
    {&sql::list_jobs_of_status,
     "'completed', to_timestamp(9000000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::list_jobs_of_status,
     "'completed', to_timestamp(300000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::list_jobs_of_status,
     "'cancelled', to_timestamp(9000000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::list_jobs_of_status,
     "'failed', to_timestamp(9000000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::list_jobs_of_status,
     "'running', to_timestamp(9000000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::list_jobs_of_status,
     "'pending', to_timestamp(750000), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 101", 101,
     "jobs_by_status"},
    {&sql::fail_expired_jobs, "", 100, "jobs_exhausted"},
    {&sql::release_expired_jobs, "940", 940, "jobs_repeatable"},
    {&sql::lease_jobs, "100, 'w', '00000000-0000-4000-8000-000000000000', 60", 100, "jobs_due"},
};

constexpr Case pruning[] = {
    {&sql::prunable_events, "0, 1000", 1000, "events_pkey", by_id},
    {&sql::prunable_events, "1199000, 1000", 1000, "events_pkey", by_id},
    {&sql::prune_events, "0, 1000, to_timestamp(4000000)", 1000, "events_pkey", by_id},
    {&sql::prune_events, "900000, 1000, to_timestamp(4000000)", 1000, "events_pkey", by_id},
    {&sql::prune_events, "0, 1000, to_timestamp(0)", 1000, "events_pkey", by_id},
    {&sql::prunable_jobs,
     "'completed', to_timestamp(0), '00000000-0000-4000-8000-000000000000', "
     "to_timestamp(4000000), 1000",
     1000, "jobs_by_status"},
    {&sql::prunable_jobs,
     "'cancelled', to_timestamp(0), '00000000-0000-4000-8000-000000000000', "
     "to_timestamp(4000000), 1000",
     1000, "jobs_by_status"},
    {&sql::prunable_jobs,
     "'failed', to_timestamp(0), '00000000-0000-4000-8000-000000000000', to_timestamp(4000000), "
     "1000",
     1000, "jobs_by_status"},
    {&sql::prune_jobs,
     "to_timestamp(4000000), 'cancelled', to_timestamp(0), "
     "'00000000-0000-4000-8000-000000000000', 1000",
     1000, "jobs_by_status"},
    {&sql::prune_jobs,
     "to_timestamp(4000000), 'failed', to_timestamp(0), "
     "'00000000-0000-4000-8000-000000000000', 1000",
     1000, "jobs_by_status"},
    {&sql::prune_request_keys, "1000", 1000, "request_keys_by_created_at"},
};

// One is there already.
constexpr const char* two_messages =
    R"('[{"role":"user","content":"c","metadata":"null","client_message_id":"m39999"},)"
    R"({"role":"user","content":"c","metadata":"null","client_message_id":"new"}]')";

// `…` stands for the user: the one who owns a third of everything, and one who owns as much as each
// of the others; `@` for two messages. Only a page is sorted.
constexpr Case personal[] = {
    {&sql::count_tasks, "…", 60000, "tasks_by_"},
    {&sql::count_conversations, "…", 20000, "conversations_by_"},
    {&sql::last_of_next_messages, "1, …, 0, 1000", 1000, "messages_in_order"},
    {&sql::last_of_next_messages, "500, …, 0, 1000", 1000, "messages_in_order"},
    {&sql::delete_next_messages, "1, …, 0, 1000", 1000, "messages_in_order"},
    {&sql::delete_next_messages, "500, …, 0, 1000", 1000, "messages_in_order"},
    {&sql::delete_conversation, "…, 1, NULL, true, 1000", 1000, "messages_in_order"},
    {&sql::delete_conversation, "…, 20000, NULL, true, 1000", 1000, "messages_in_order"},
    {&sql::find_sent_messages, "…, 1, @", 4, "messages_of_clients"},
    {&sql::touch_conversation, "…, 1, @, 50000", 4, "messages_of_clients"},
    {&sql::insert_messages, "1, …, @, 50000", 4, "messages_of_clients", nullptr, true},
    {&sql::forget_keys, "…, 10000, 1000", 1000, "request_keys_of_user"},
};

// Lists, whose first statement is that of their state. The limit is 101.
constexpr Case lists[] = {
    {&sql::list_tasks_by_created_at_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), 0, 101, 0", 101,
     "tasks_by_created_at"},
    {&sql::list_tasks_by_created_at_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(149999), 0, 101, 0", 101,
     "tasks_by_created_at"},
    {&sql::list_tasks_by_created_at_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(9000000), 0, 101, 0", 101,
     "tasks_by_created_at"},
    {&sql::list_tasks_by_updated_at_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), 0, 101, 0", 101,
     "tasks_by_updated_at"},
    {&sql::list_tasks_by_updated_at_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(9000000), 0, 101, 0", 101,
     "tasks_by_updated_at"},
    {&sql::list_tasks_by_title_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, 't', 't', 0, 101, 0", 101,
     "tasks_by_folded_title"},
    {&sql::list_tasks_by_title_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, 'u', 'u', 0, 101, 0", 101,
     "tasks_by_folded_title"},
    {&sql::list_tasks_by_priority_asc, "…, ' ', false, false, true, 31, NULL, NULL, -1, 0, 101, 0",
     101, "tasks_by_priority"},
    {&sql::list_tasks_by_priority_asc, "…, ' ', false, false, true, 31, NULL, NULL, 2, 0, 101, 0",
     101, "tasks_by_priority"},
    {&sql::list_tasks_by_priority_desc, "…, ' ', false, false, true, 31, NULL, NULL, 5, 0, 101, 0",
     101, "tasks_by_priority"},
    // One priority of five. A filter that finds less reads on, up to the end of the list.
    {&sql::list_tasks_by_created_at_asc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), 0, 101, 0", 1010,
     "tasks_by_created_at"},
    {&sql::list_tasks_by_created_at_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(9000000), 0, 101, 0", 1010,
     "tasks_by_created_at"},
    {&sql::list_tasks_by_updated_at_asc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), 0, 101, 0", 1010,
     "tasks_by_updated_at"},
    {&sql::list_tasks_by_updated_at_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(9000000), 0, 101, 0", 1010,
     "tasks_by_updated_at"},
    {&sql::list_tasks_by_title_asc, "…, ' ', true, false, true, 2, NULL, NULL, 't', 't', 0, 101, 0",
     1010, "tasks_by_folded_title"},
    {&sql::list_tasks_by_title_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, 'u', 'u', 0, 101, 0", 1010,
     "tasks_by_folded_title"},
    {&sql::list_tasks_by_priority_asc, "…, ' ', true, false, true, 1, NULL, NULL, -1, 0, 101, 0",
     1010, "tasks_by_priority"},
    {&sql::list_tasks_by_priority_desc, "…, ' ', true, false, true, 16, NULL, NULL, 5, 0, 101, 0",
     1010, "tasks_by_priority"},
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), to_timestamp(9000000), "
     "to_timestamp(0), 0, 101, 0, 0",
     101, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(6000), to_timestamp(9000000), "
     "to_timestamp(6000), 5, 101, 0, 0",
     101, "tasks_by_due_date"},
    // Only tasks that are never due are left.
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(9000000), to_timestamp(9000000), "
     "to_timestamp(9000000), 9223372036854775807, 101, 0, 25000",
     101, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), to_timestamp(9000000), "
     "to_timestamp(9000000), 0, 101, 0, 9223372036854775807",
     101, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), to_timestamp(6000), "
     "to_timestamp(6000), 5, 101, 0, 9223372036854775807",
     101, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', false, false, true, 31, NULL, NULL, to_timestamp(0), to_timestamp(0), "
     "to_timestamp(0), 0, 101, 0, 25000",
     101, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), to_timestamp(9000000), "
     "to_timestamp(0), 0, 101, 0, 0",
     1010, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(6000), to_timestamp(9000000), "
     "to_timestamp(6000), 5, 101, 0, 0",
     1010, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(9000000), to_timestamp(9000000), "
     "to_timestamp(9000000), 9223372036854775807, 101, 0, 25000",
     1010, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), to_timestamp(9000000), "
     "to_timestamp(9000000), 0, 101, 0, 9223372036854775807",
     1010, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), to_timestamp(6000), "
     "to_timestamp(6000), 5, 101, 0, 9223372036854775807",
     1010, "tasks_by_due_date"},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', true, false, true, 2, NULL, NULL, to_timestamp(0), to_timestamp(0), to_timestamp(0), "
     "0, 101, 0, 25000",
     1010, "tasks_by_due_date"},
    // A filter by due dates reads these only. What PostgreSQL sorts is nothing.
    {&sql::list_tasks_by_due_date_asc,
     "…, ' ', true, false, true, 31, to_timestamp(5000), to_timestamp(6000), to_timestamp(5000), "
     "to_timestamp(6000), to_timestamp(0), 0, 101, 0, 9223372036854775807",
     202, "tasks_by_due_date", nullptr, true},
    {&sql::list_tasks_by_due_date_desc,
     "…, ' ', true, false, true, 31, to_timestamp(5000), to_timestamp(6000), to_timestamp(5000), "
     "to_timestamp(6000), to_timestamp(9000000), 0, 101, 0, 0",
     202, "tasks_by_due_date", nullptr, true},
    {&sql::list_conversations_by_created_at_asc, "…, ' ', to_timestamp(0), 0, 101, 0", 101,
     "conversations_by_created_at"},
    {&sql::list_conversations_by_created_at_desc, "…, ' ', to_timestamp(9000000), 0, 101, 0", 101,
     "conversations_by_created_at"},
    {&sql::list_conversations_by_updated_at_asc, "…, ' ', to_timestamp(0), 0, 101, 0", 101,
     "conversations_by_updated_at"},
    {&sql::list_conversations_by_updated_at_desc, "…, ' ', to_timestamp(9000000), 0, 101, 0", 101,
     "conversations_by_updated_at"},
    {&sql::list_messages, "1, …, ' ', 0, 101, 0", 101, "messages_in_order"},
    // The end of a long conversation that is older than most messages.
    {&sql::list_messages, "1, …, ' ', 39999, 101, 0", 101, "messages_in_order"},
    {&sql::list_messages, "20000, …, ' ', 0, 101, 0", 101, "messages_in_order"},
    {&sql::list_messages, "500, …, ' ', 0, 101, 0", 101, "messages_in_order"},
    {&sql::list_last_messages, "1, …, ' ', 101", 101, "messages_in_order", nullptr, true},
    {&sql::list_last_messages, "500, …, ' ', 101", 101, "messages_in_order", nullptr, true},
};

// Searches, which read all tasks of a user who owns a hundred, and sort them.
constexpr Case searches[] = {
    {&sql::search_tasks_asc,
     "' ', …, 'created_at', to_timestamp(0), to_timestamp(0), 0, '', '', false, false, true, 31, "
     "NULL, NULL, '[\"t\"]', 0, 101, 0",
     200, "tasks_by_", nullptr, true},
    {&sql::search_tasks_asc,
     "' ', …, 'title', to_timestamp(0), to_timestamp(0), 0, '', '', true, false, false, 6, NULL, "
     "NULL, '[\"t\",\"1\"]', 0, 101, 0",
     200, "tasks_by_", nullptr, true},
    {&sql::search_tasks_desc,
     "' ', …, 'due_date', to_timestamp(0), to_timestamp(9000000), 0, '', '', false, false, true, "
     "31, NULL, NULL, '[\"none\"]', 0, 101, 0",
     200, "tasks_by_", nullptr, true},
    {&sql::search_tasks_desc,
     "' ', …, 'priority', to_timestamp(0), to_timestamp(0), 5, '', '', true, false, true, 31, "
     "to_timestamp(0), to_timestamp(9000000), '[\"t\"]', 0, 101, 0",
     200, "tasks_by_", nullptr, true},
};

void expect_all(Engine engine) {
    Filled filled{engine};
    for (const std::span<const Case> cases :
         {std::span<const Case>{feed}, std::span<const Case>{jobs}, std::span<const Case>{pruning}})
        for (const auto& wanted : cases) filled.expect(wanted);
    for (const char* user : {"'user1'", "'user77'"})
        for (const auto& wanted : personal) {
            const auto parameters =
                replaced(replaced(wanted.parameters, "…", user), "@", two_messages);
            auto of_user = wanted;
            of_user.parameters = parameters.c_str();
            filled.expect(of_user);
        }
    for (const char* user : {"'user1'", "'user77'"})
        for (const auto& wanted : lists) {
            const auto parameters = replaced(wanted.parameters, "…", user);
            auto of_user = wanted;
            of_user.parameters = parameters.c_str();
            filled.expect_list(of_user);
        }
    for (const auto& wanted : searches) {
        const auto parameters = replaced(wanted.parameters, "…", "'user77'");
        auto of_user = wanted;
        of_user.parameters = parameters.c_str();
        filled.expect(of_user);
        filled.expect_list(of_user);
    }
    if (engine == Engine::postgres) filled.expect_no_walk_over_removed_events();
}

}  // namespace

Test(plans, serve_every_page_from_an_index_on_sqlite) { expect_all(Engine::sqlite); }
Test(plans, serve_every_page_from_an_index_on_postgres) { expect_all(Engine::postgres); }

Test(plans, know_each_personal_list) {
    const std::span<const Query* const> files[] = {sql::tasks_queries, sql::conversations_queries,
                                                   sql::messages_queries};
    for (const auto& queries : files)
        for (const auto* query : queries) {
            const std::string_view name = query->name;
            if (!name.starts_with("list_") && !name.starts_with("count_") &&
                !name.starts_with("search_"))
                continue;
            const auto is_wanted = [&](const auto& wanted) { return wanted.query == query; };
            cr_expect(std::any_of(std::begin(personal), std::end(personal), is_wanted) ||
                          std::any_of(std::begin(lists), std::end(lists), is_wanted) ||
                          std::any_of(std::begin(searches), std::end(searches), is_wanted),
                      "%s has no row in `personal`, `lists` or `searches`", query->name);
        }
}
