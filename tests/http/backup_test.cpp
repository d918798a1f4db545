// `steelthread backup` beside a service under load, and `steelthread restore` elsewhere.
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/stack/empty_postgres.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

namespace fs = std::filesystem;

std::string folder() {
    const auto path = test_variable("TEST_DIR") + "/backup_" + std::to_string(getpid());
    fs::create_directories(path);
    return path;
}

Variables variables_for(const std::string& url, const std::string& run_dir = "elsewhere") {
    auto variables = service_variables(url, folder() + "/" + run_dir);
    variables["DEV_USER_EMAIL"] = "";
    return variables;
}

Finished steelthread(std::vector<std::string> words, const Variables& variables) {
    words.insert(words.begin(), built("steelthread"));
    return run_command(words, variables);
}

std::string done(const Finished& finished) {
    cr_assert_eq(finished.status, 0, "%s", finished.errors.c_str());
    return finished.output;
}

void expect_refused(const Finished& finished, const std::string& reason) {
    cr_expect_eq(finished.status, 1);
    cr_expect(finished.errors.find(reason) != std::string::npos, "%s: %s", reason.c_str(),
              finished.errors.c_str());
    EXPECT_TEXT(finished.output, "");
}

// A database that knows its engine.
struct Source : TestDatabase {
    explicit Source(Engine its_engine) : TestDatabase{its_engine}, engine(its_engine) {}

    const Engine engine;
    // For the names of files: both engines run in one process.
    const std::string suffix = engine == Engine::sqlite ? "_sqlite" : "_postgres";
};

// Another place for the data: a file that does not exist, or an empty database.
class Elsewhere {
public:
    explicit Elsewhere(Engine engine, const std::string& name = "elsewhere") {
        if (engine == Engine::sqlite)
            url_ = "sqlite:///" + folder() + "/" + name + ".db";
        else
            url_ = postgres_.emplace(name).url();
    }
    const std::string& url() const { return url_; }

private:
    std::optional<EmptyPostgres> postgres_;
    std::string url_;
};

// Writers that go on until the end, and count what was acknowledged.
class Writers {
public:
    explicit Writers(const Stack& stack) {
        for (int i = 0; i < 4; ++i)
            threads_.emplace_back([this, &stack] {
                while (!is_over_) {
                    stack.create_task(std::to_string(++last_));
                    ++acknowledged_;
                }
            });
    }
    ~Writers() {
        is_over_ = true;
        for (auto& thread : threads_) thread.join();
    }
    Writers(const Writers&) = delete;
    Writers& operator=(const Writers&) = delete;

    int acknowledged() const { return acknowledged_; }

private:
    std::atomic<bool> is_over_ = false;
    std::atomic<int> last_ = 0;
    std::atomic<int> acknowledged_ = 0;
    std::vector<std::thread> threads_;
};

int number_of_tasks(const Stack& stack) {
    const auto reply = stack.send({.path = "/collab/state/tasks"});
    rapidjson::Document board;
    board.Parse(reply.body.c_str());
    cr_assert(!board.HasParseError() && board["items"].IsArray(), "%s", reply.body.c_str());
    return static_cast<int>(board["items"].Size());
}

}  // namespace

static void bring_back(Engine engine) {
    const TestDatabase database{engine};
    const auto file = folder() + "/backup";
    const Elsewhere elsewhere{engine};
    std::string cursor;
    int acknowledged = 0;
    {
        const Stack stack{database.server_url(), {{"MAX_BOARD_TASKS", "off"}}};
        const Writers writers{stack};
        wait_until("some writes are acknowledged", [&] { return writers.acknowledged() > 50; });
        acknowledged = writers.acknowledged();
        const auto output = done(stack.command({"backup", file}));
        cr_expect(output.starts_with("wrote " + file + ", "), "%s", output.c_str());
        wait_until("the writers go on", [&] { return writers.acknowledged() > acknowledged + 10; });
        cursor = json_member(stack.send({.path = "/events?after=0"}).body, "next_cursor");
    }
    struct stat status {};
    cr_assert_eq(stat(file.c_str(), &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0600U);
    cr_expect(!fs::exists(file + "-wal") && !fs::exists(file + ".partial"));

    const auto output = done(steelthread({"restore", file}, variables_for(elsewhere.url())));
    cr_expect(output.starts_with("restored " + file + " to "), "%s", output.c_str());
    const Stack stack{elsewhere.url(), {{"MAX_BOARD_TASKS", "off"}}};
    cr_expect(number_of_tasks(stack) >= acknowledged, "%d of %d", number_of_tasks(stack),
              acknowledged);
    stack.create_task("after");
    cr_expect_eq(stack.send({.path = "/events?after=" + cursor}).status, 422);
    EventStream reader{stack.port(), "/events/tail", {"Last-Event-ID: " + cursor}};
    cr_expect(reader.opening().find("\nevent: reset\ndata: {") != std::string::npos, "%s",
              reader.opening().c_str());
    cr_expect(done(stack.command({"migrate", "status"})).find("pending") == std::string::npos);
    const auto doctor = stack.command({"doctor"}).output;
    cr_expect(doctor.find("FAULT") == doctor.npos, "%s", doctor.c_str());
}

Test(backup, brings_back_every_acknowledged_row_on_sqlite, .timeout = 100) {
    bring_back(Engine::sqlite);
}
Test(backup, brings_back_every_acknowledged_row_on_postgres, .timeout = 100) {
    bring_back(Engine::postgres);
}

// The restored database is brought up to this release.
ON_BOTH(backup, comes_back_from_an_earlier_schema, Source, database) {
    const auto file = folder() + "/earlier" + database.suffix;
    const auto variables = variables_for(database.server_url());
    while (done(steelthread({"migrate", "down", "--yes"}, variables)) != "undone 0011_feed_epoch\n")
        continue;
    done(steelthread({"backup", file}, variables));
    const Elsewhere elsewhere{database.engine, "earlier" + database.suffix};
    const auto output = done(steelthread({"restore", file}, variables_for(elsewhere.url())));
    cr_expect(output.find("applied 0011_feed_epoch\n") != output.npos, "%s", output.c_str());
}

ON_BOTH(backup, overwrites_nothing, Source, database) {
    const auto file = folder() + "/twice" + database.suffix;
    const auto variables = variables_for(database.server_url());
    done(steelthread({"backup", file}, variables));
    const auto before = read_text(file);
    expect_refused(steelthread({"backup", file}, variables), file + " exists: name a new file");
    cr_expect(read_text(file) == before);
    expect_refused(steelthread({"backup", folder() + "/none/x"}, variables),
                   "the folder " + folder() + "/none does not exist: create it");
    expect_refused(steelthread({"restore", file}, variables), database.engine == Engine::sqlite
                                                                  ? " exists: move it away"
                                                                  : " has the tables of the "
                                                                    "service already");
}

ON_BOTH(backup, refuses_what_is_no_backup, Source, database) {
    const auto whole = folder() + "/whole" + database.suffix;
    const auto part = folder() + "/part" + database.suffix;
    done(steelthread({"backup", whole}, variables_for(database.server_url())));
    const Elsewhere elsewhere{database.engine, "refused" + database.suffix};
    const auto variables = variables_for(elsewhere.url());
    const auto text = read_text(whole);
    for (const std::size_t size :
         {std::size_t{0}, text.size() / 20, text.size() / 2, text.size() - 1})
        for (const char filler : {'\0', 'x'}) {
            std::ofstream{part, std::ios::binary} << text.substr(0, size)
                                                  << std::string(filler ? 512 : 0, filler);
            const auto refused = steelthread({"restore", part}, variables);
            cr_expect_eq(refused.status, 1, "%zu: %s", size, refused.output.c_str());
        }
    expect_refused(steelthread({"restore", folder() + "/nothing"}, variables), "there is no file ");
    // Nothing was changed, so the whole one can be restored now.
    done(steelthread({"restore", whole}, variables));
}

Test(backup, is_not_restored_beside_a_running_service) {
    const TestDatabase database{Engine::postgres};
    const Stack stack{database.server_url()};
    const auto file = folder() + "/running";
    done(stack.command({"backup", file}));
    expect_refused(stack.command({"restore", file}), "another service is running in ");
}

Test(backup, needs_the_tools_of_postgres) {
    const TestDatabase database{Engine::postgres};
    auto variables = variables_for(database.server_url());
    variables["PATH"] = "/nowhere";
    expect_refused(steelthread({"backup", folder() + "/none"}, variables),
                   "pg_dump is not installed: apt-get install postgresql-client");
}

// A role that may only read and write rows can make a backup, and its password is in no command.
Test(backup, needs_no_more_than_the_rows_and_hides_the_password) {
    const TestDatabase database{Engine::postgres};
    const auto role = "backup_" + std::to_string(getpid());
    database.execute("CREATE ROLE " + role +
                     " LOGIN PASSWORD 'hunter2 & co'; "
                     "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " +
                     role + "; GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO " + role);
    const auto tools = folder() + "/tools";
    fs::create_directories(tools);
    std::ofstream{tools + "/pg_dump"} << "#!/bin/sh\nenv | grep ^PG > " << folder()
                                      << "/environment; echo \"$@\" > " << folder()
                                      << "/words; exec /usr/bin/pg_dump \"$@\"\n";
    fs::permissions(tools + "/pg_dump", fs::perms::owner_all);
    auto url = database.server_url();
    url.replace(url.find("postgres@"), std::string{"postgres@"}.size(),
                role + ":hunter2%20%26%20co@");
    auto variables = variables_for(url);
    variables["PATH"] = tools + ":" + variables["PATH"];
    const auto output = done(steelthread({"backup", folder() + "/rows"}, variables));
    cr_expect(read_text(folder() + "/environment").find("PGPASSWORD=hunter2 & co\n") !=
              std::string::npos);
    for (const auto& text : {output, read_text(folder() + "/words")})
        cr_expect(text.find("hunter2") == text.npos, "%s", text.c_str());
    database.execute("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

// It would leave the service without a search_path.
Test(backup, does_not_go_through_a_pooler) {
    const TestDatabase database{Engine::postgres};
    const auto variables = variables_for(database.pooler_url());
    const auto reason = " is a pooler: name the server itself in DATABASE_URL";
    const auto file = folder() + "/through_a_pooler";
    expect_refused(steelthread({"backup", file}, variables), reason);
    cr_expect(!fs::exists(file));
    done(steelthread({"backup", file}, variables_for(database.server_url())));
    expect_refused(steelthread({"restore", file}, variables), reason);
}
