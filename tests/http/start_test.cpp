// The conditions that `steelthread run` checks before it writes anything, the same checks in
// `doctor`, and the commands that write nothing at all.
#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "shared/exit_status.hpp"
#include "shared/version.hpp"
#include "tests/support/stack/stack.hpp"

namespace fs = std::filesystem;

namespace {

std::string test_folder() {
    return test_variable("TEST_DIR") + "/start_" + std::to_string(getpid());
}

Variables variables_for(const std::string& url) {
    auto variables = service_variables(url, test_folder());
    variables["DEV_USER_EMAIL"] = "";
    variables["PORT"] = std::to_string(free_port());
    return variables;
}

Finished steelthread(std::vector<std::string> words, const Variables& variables) {
    words.insert(words.begin(), built("steelthread"));
    return run_command(words, variables);
}

// Expects that `run` ends with this status and message, that `doctor` reports the same, and that
// neither has written anything.
void expect_refused(const Variables& variables, const std::string& check, int status,
                    const std::string& fault) {
    const bool was_there = fs::exists(variables.at("RUN_DIR"));
    const auto run = steelthread({"run"}, variables);
    cr_expect_eq(run.status, status, "%s: %s", check.c_str(), run.errors.c_str());
    cr_expect_neq(run.errors.find(fault), std::string::npos, "%s in %s", fault.c_str(),
                  run.errors.c_str());
    const auto doctor = steelthread({"doctor"}, variables);
    cr_expect_eq(doctor.status, 1);
    cr_expect_neq(doctor.output.find("FAULT  " + check + ": " + fault), std::string::npos,
                  "%s: %s in %s", check.c_str(), fault.c_str(), doctor.output.c_str());
    cr_expect_eq(fs::exists(variables.at("RUN_DIR")), was_there, "%s: written to", check.c_str());
}

std::string sqlite_url(const std::string& path) { return "sqlite:///" + path; }

}  // namespace

Test(start, overwrites_nothing_of_others) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database.url());
    const auto folder = test_folder();
    fs::create_directories(folder + "/public/docs");
    std::ofstream{folder + "/nginx.conf"} << "my site";
    fs::permissions(folder, fs::perms{0755});
    expect_refused(variables, "RUN_DIR", exit_config,
                   "RUN_DIR " + folder + " is not empty and is not the folder of a steelthread");
    EXPECT_TEXT(read_text(folder + "/nginx.conf"), "my site");
    cr_expect(fs::status(folder).permissions() == fs::perms{0755});
    cr_expect_eq(std::distance(fs::directory_iterator{folder}, {}), 2);
    // Creating the database there would leave a mark in the folder.
    variables["DATABASE_URL"] = "sqlite:///./steelthread.db";
    const auto migrated = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(migrated.status, exit_config, "%s", migrated.errors.c_str());
    cr_expect_eq(std::distance(fs::directory_iterator{folder}, {}), 2);
}

Test(start, looks_before_it_writes) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database.url());
    const auto path = database.url().substr(sqlite_url("").size());

    const int taken = listen_on_port(std::stoi(variables["PORT"]));
    expect_refused(variables, "port", 1, "cannot listen on 127.0.0.1:" + variables["PORT"]);
    close(taken);

    fs::permissions(path, fs::perms{0666});
    expect_refused(variables, "SQLite file", exit_config,
                   path + " may be written to by others: `chmod go-w` it");
    const auto migrated = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(migrated.status, exit_config, "%s", migrated.errors.c_str());
    fs::permissions(path, fs::perms{0600});

    auto misspelt = variables;
    misspelt["WORKERS_ROOT"] = "2";
    misspelt["WORKERS_COLLAB_TASK_S"] = "9";
    misspelt["WORKERS_root"] = "2";
    expect_refused(misspelt, "workers", exit_config,
                   "no endpoint has the name in WORKERS_COLLAB_TASK_S, WORKERS_root: the names are "
                   "in docs/endpoints.md");

    if (geteuid() == 0) {
        auto production = variables;
        production["ENVIRONMENT"] = "production";
        production["BCRYPT_COST"] = "10";
        expect_refused(production, "user", exit_config,
                       "ENVIRONMENT=production must not run as root");
    }
    const auto copy = test_folder() + "_copy";
    fs::create_directories(copy);
    fs::copy_file(built("steelthread"), copy + "/steelthread");
    fs::create_symlink(built("handlers"), copy + "/handlers");
    setenv("TEST_BUILD", copy.c_str(), 1);  // a test is a process of its own
    expect_refused(variables, "programs", 1, "the folder " + copy + "/nginx is missing");
}

// Without a terminal there are only lines of JSON, all of them on stderr.
Test(start, logs_what_it_does) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database.url());
    const auto log = test_folder() + ".log";
    const auto has = [&](const char* words) {
        return read_text(log).find(words) != std::string::npos;
    };
    const Background service{{built("steelthread"), "run", "--migrate"}, variables, log};
    Client client{std::stoi(variables.at("PORT"))};
    wait_until("the service answers",
               [&] { return client.send({.path = "/healthz"}).status == 200; });
    cr_expect_eq(steelthread({"restart", "healthz"}, variables).status, 0);
    wait_until("the request is logged", [&] { return has(R"("path":"/healthz")"); });
    cr_assert_eq(kill(std::stoi(read_text(test_folder() + "/supervisor.pid")), SIGTERM), 0);
    wait_until("the end is logged", [&] { return has(R"("message":"stopped")"); });
    const auto text = read_text(log);
    for (const char* message : {R"("message":"starting")", R"("message":"process started")",
                                R"("message":"ready")", R"("message":"endpoint replaced")",
                                R"("message":"stopping","signal":"SIGTERM","sender_pid":)",
                                R"("message":"stopped","exit_status":0})"})
        cr_expect(text.find(message) != text.npos, "%s in %s", message, text.c_str());
    for (const auto line : split(text, '\n'))
        cr_expect(line.empty() || (line.starts_with('{') && line.ends_with('}')), "%s",
                  std::string{line}.c_str());
}

Test(start, is_stopped_by_a_key) {
    const TestDatabase database{Engine::sqlite};
    std::vector<std::string> lines;
    for (const auto& [name, value] : variables_for(database.url()))
        lines.push_back(name + "=" + value);
    const auto program = built("steelthread");
    int terminal = -1;
    const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (pid == 0) {
        std::vector<const char*> environment;
        for (const auto& line : lines) environment.push_back(line.c_str());
        environment.push_back(nullptr);
        const char* const words[] = {program.c_str(), "run", nullptr};
        execve(program.c_str(), const_cast<char* const*>(words),
               const_cast<char* const*>(environment.data()));
        _exit(127);
    }
    cr_assert_gt(pid, 0);
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    std::string shown;
    wait_until("it names the key", [&] {
        char bytes[1024];
        const auto count = read(terminal, bytes, sizeof bytes);
        if (count > 0) shown.append(bytes, static_cast<std::size_t>(count));
        return shown.find("Ctrl-C stops it.") != shown.npos;
    });
    cr_assert_eq(write(terminal, "\x03", 1), 1);
    int status = 0;
    wait_until("it has stopped", [&] { return waitpid(pid, &status, WNOHANG) == pid; });
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d: %s", status, shown.c_str());
    close(terminal);
}

static void insist_on_schema(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    const std::string advice = ": run `steelthread migrate up`";
    database.execute("UPDATE schema_migrations SET functions_digest = 'of another release'");
    expect_refused(variables, "migrations", exit_config, "pending: functions" + advice);
    EXPECT_TEXT(steelthread({"migrate", "up"}, variables).output,
                "replaced the functions and triggers\n");
    database.execute("DELETE FROM schema_migrations WHERE name LIKE '0002%'");
    expect_refused(variables, "migrations", exit_config, "pending: 0002_events" + advice);
    database.execute("DROP TABLE schema_migrations");
    expect_refused(variables, "migrations", exit_config, "pending: 0001_users, 0002_events, ");
    const auto run = steelthread({"run"}, variables);
    cr_expect(run.errors.find(advice + " or `steelthread run --migrate`") != std::string::npos,
              "%s", run.errors.c_str());
}

Test(start, needs_the_schema_on_sqlite) { insist_on_schema(Engine::sqlite); }
Test(start, needs_the_schema_on_postgres) { insist_on_schema(Engine::postgres); }

Test(start, needs_a_database_that_was_made) {
    const auto variables = variables_for("sqlite:///./steelthread.db");
    const auto run = steelthread({"run"}, variables);
    cr_expect_eq(run.status, exit_config, "%s", run.errors.c_str());
    cr_expect(run.errors.find("pending: 0001_users") != std::string::npos, "%s",
              run.errors.c_str());
    cr_expect_not(fs::exists(test_folder()));
}

Test(start, makes_no_folder_for_a_misspelt_path) {
    const auto folder = test_folder() + "_typo";
    const auto variables = variables_for(sqlite_url(folder + "/x.db"));
    const auto fault = "DATABASE_URL: the folder " + folder + " does not exist: create it";
    expect_refused(variables, "SQLite file", exit_config, fault);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"run", "--migrate"}, {"migrate", "up"}}) {
        const auto refused = steelthread(words, variables);
        cr_expect_eq(refused.status, exit_config, "%s", refused.errors.c_str());
        cr_expect_neq(refused.errors.find(fault), std::string::npos, "%s", refused.errors.c_str());
        cr_expect_not(fs::exists(folder));
    }
}

Test(start, names_the_file_that_is_no_database) {
    const auto folder = test_folder() + "_other";
    fs::create_directory(folder);
    fs::permissions(folder, fs::perms::owner_all);
    const auto file = folder + "/other.db";
    std::ofstream{file} << std::string(4096, 'x');
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    expect_refused(variables_for(sqlite_url(file)), "database", exit_config,
                   "SQLite (" + file + "): file is not a database");
}

Test(start, waits_for_room_on_the_disk_of_sqlite) {
    const auto folder = test_folder() + "_small";
    fs::create_directory(folder);
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=3m,mode=0700") != 0)
        cr_skip_test("mounts are not allowed here");
    fs::copy(test_variable("TEST_DIR") + "/template.db", folder + "/full.db");
    std::ofstream{folder + "/ballast"} << std::string(3 << 20, 'x');
    const auto variables = variables_for(sqlite_url(folder + "/full.db"));
    const auto log = test_folder() + ".log";
    const Background service{{built("steelthread"), "run"}, variables, log};
    Client client{std::stoi(variables.at("PORT"))};
    const auto answers = [&](long health) {
        wait_until("the service answers",
                   [&] { return client.send({.path = "/healthz"}).status == health; });
    };
    answers(503);
    const auto warned = read_text(log);
    cr_expect(warned.find("the schema cannot be read") != warned.npos, "%s", warned.c_str());
    fs::remove(folder + "/ballast");
    answers(200);
}

// Starts without --migrate and returns the log up to the moment when it serves.
static std::string log_of_start(const Variables& variables, long health) {
    const auto log = test_folder() + ".log";
    const Background service{{built("steelthread"), "run"}, variables, log};
    Client client{std::stoi(variables.at("PORT"))};
    wait_until("the service answers",
               [&] { return client.send({.path = "/healthz"}).status == health; });
    return read_text(log);
}

Test(start, warns_of_a_newer_schema) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database.url());
    database.execute(
        "INSERT INTO schema_migrations (name, applied_at) VALUES ('9999_future', 'now')");
    const auto log = log_of_start(variables, 200);
    cr_expect(log.find(R"("message":"the schema is newer than this release")") != log.npos &&
                  log.find(R"("migrations":"9999_future")") != log.npos,
              "%s", log.c_str());
    const auto doctor = steelthread({"doctor"}, variables);
    cr_expect(doctor.output.find("ok     migrations: all applied, and 9999_future, newer than "
                                 "this release\n") != std::string::npos,
              "%s", doctor.output.c_str());
}

// The newer release has recorded which releases its migrations work with.
static void look_at_newer_schema(Engine engine) {
    const TestDatabase database{engine};
    const auto variables = variables_for(database.url());
    database.execute(
        "INSERT INTO schema_migrations (name, applied_at, oldest_release) VALUES "
        "('9998_future', 'now', '1.9.9'), ('9999_future', 'now', '" +
        std::string{service_version} + "')");
    EXPECT_TEXT(steelthread({"migrate", "up"}, variables).output, "nothing to apply\n");
    const auto log = log_of_start(variables, 200);
    cr_expect(log.find("the schema is newer than this release") != log.npos, "%s", log.c_str());
    database.execute(
        "UPDATE schema_migrations SET oldest_release = '10.0.0' WHERE name LIKE '9998%'");
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"run"}, {"run", "--migrate"}, {"doctor"}}) {
        const auto refused = steelthread(words, variables);
        cr_expect(refused.status != 0);
        const auto text = refused.output + refused.errors;
        cr_expect(text.find("the schema is that of a newer release (9998_future, 9999_future) and "
                            "needs steelthread 10.0.0 or later, not ") != text.npos,
                  "%s", text.c_str());
    }
}

Test(start, a_newer_schema_must_work_with_this_release_on_sqlite) {
    look_at_newer_schema(Engine::sqlite);
}
Test(start, a_newer_schema_must_work_with_this_release_on_postgres) {
    look_at_newer_schema(Engine::postgres);
}

Test(start, needs_no_living_database) {
    const auto refused = log_of_start(variables_for("postgresql://x@127.0.0.1:1/x"), 503);
    cr_expect(refused.find("the schema cannot be read") != std::string::npos, "%s",
              refused.c_str());
}

Test(start, waits_for_no_database_that_is_silent) {
    const int port = free_port();
    const int silent = listen_on_port(port);
    auto variables = variables_for("postgresql://x@127.0.0.1:" + std::to_string(port) + "/x");
    variables["DB_CONNECT_TIMEOUT_MS"] = "100";
    const auto log = log_of_start(variables, 503);
    cr_expect(log.find("the schema cannot be read") != log.npos, "%s", log.c_str());
    close(silent);
}

namespace {

// A role that may do what the service does, but not change the schema.
class Worker {
public:
    explicit Worker(const TestDatabase& database)
        : database_(database), name_("worker_" + std::to_string(getpid())) {
        database_.execute("CREATE ROLE " + name_ + " LOGIN; GRANT USAGE ON SCHEMA public TO " +
                          name_ +
                          "; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public "
                          "TO " +
                          name_ + "; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + name_);
    }
    ~Worker() { database_.execute("DROP OWNED BY " + name_ + "; DROP ROLE " + name_); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    const std::string& name() const { return name_; }
    std::string url() const {
        auto url = database_.url();
        const auto begin = url.find("://") + 3;
        return url.replace(begin, url.find('@') - begin, name_);
    }

private:
    const TestDatabase& database_;
    std::string name_;
};

}  // namespace

Test(start, needs_no_right_to_change_a_schema_that_is_up_to_date) {
    if (std::getenv("TEST_POOLER_URL")) cr_skip_test("the pooler knows no roles");
    const TestDatabase database{Engine::postgres};
    const Worker worker{database};
    auto variables = variables_for(worker.url());
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"migrate", "status"}, {"migrate", "up"}, {"doctor"}}) {
        const auto finished = steelthread(words, variables);
        cr_expect_eq(finished.status, 0, "%s: %s%s", words.back().c_str(), finished.output.c_str(),
                     finished.errors.c_str());
    }
    variables["DEV_USER_EMAIL"] = Stack::email;
    variables.erase("PORT");
    Stack stack{worker.url(), variables};  // run --migrate
    stack.create_task("done by the worker");
    stack.stop();
    // With a pending migration, the command reports the reason.
    database.execute("DELETE FROM schema_migrations WHERE name LIKE '0003%'");
    const auto up = steelthread({"migrate", "up"}, variables);
    cr_expect_eq(up.status, 1);
    cr_expect(up.errors.find("permission denied") != std::string::npos ||
                  up.errors.find("must be owner") != std::string::npos,
              "%s", up.errors.c_str());
    const auto doctor = steelthread({"doctor"}, variables).output;
    cr_expect(doctor.find(": this role may not create tables: as their owner, run `steelthread "
                          "migrate up`\n") != std::string::npos,
              "%s", doctor.c_str());
}

Test(start, the_doctor_names_missing_grants) {
    if (std::getenv("TEST_POOLER_URL")) cr_skip_test("the pooler knows no roles");
    const TestDatabase database{Engine::postgres};
    const Worker worker{database};
    // A table that the doctor does not know would be missed.
    database.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, " + worker.name() +
                     "; GRANT SELECT ON schema_migrations TO " + worker.name());
    const auto without = steelthread({"doctor"}, variables_for(worker.url())).output;
    const auto tables = database.execute(
        "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relnamespace = "
        "'public'::regnamespace AND relname <> 'schema_migrations'");
    for (const auto table : split(tables, ' '))
        cr_expect(without.find("SELECT on " + std::string{table}) != std::string::npos, "%s: %s",
                  std::string{table}.c_str(), without.c_str());
    database.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " +
                     worker.name() + "; REVOKE INSERT ON tasks, jobs FROM " + worker.name());
    const auto doctor = steelthread({"doctor"}, variables_for(worker.url()));
    cr_expect_eq(doctor.status, 1, "%s", doctor.output.c_str());
    cr_expect(doctor.output.find("the role " + worker.name() +
                                 " lacks INSERT on jobs, INSERT on tasks. As the owner") !=
                  std::string::npos,
              "%s", doctor.output.c_str());
}

// The commands run with every default and in an empty folder.
Test(start, looking_writes_nothing) {
    const auto folder = test_folder();
    auto variables = base_variables();
    variables["RUN_DIR"] = folder;
    variables["PORT"] = std::to_string(free_port());
    const auto pending = steelthread({"migrate", "status"}, variables);
    cr_expect_eq(pending.status, 0, "%s", pending.errors.c_str());
    cr_expect(pending.output.starts_with("0001_users  pending\n"), "%s", pending.output.c_str());
    cr_expect_eq(steelthread({"config"}, variables).status, 0);
    cr_expect_eq(steelthread({"doctor"}, variables).status, 1);
    cr_expect_eq(run_command({built("handlers/healthz"), "--dump-config"}, variables).status, 0);
    EXPECT_TEXT(steelthread({"migrate", "down", "--yes"}, variables).output, "nothing to undo\n");
    EXPECT_TEXT(
        steelthread({"token", "--user", "ada"}, variables).errors,
        "steelthread: no service has run here, so there is no secret to sign the token with: "
        "set JWT_SECRET, or RUN_DIR to the folder of a service\n");
    EXPECT_TEXT(steelthread({"prune", "--events-older-than", "7d"}, variables).errors,
                "steelthread: " + folder +
                    "/steelthread.db does not exist: run `steelthread migrate up`\n");
    cr_expect_not(fs::exists(folder));

    // They do not change existing files either.
    cr_assert_eq(steelthread({"migrate", "up"}, variables).status, 0);
    sqlite3* database = nullptr;  // as made by VACUUM INTO
    cr_assert_eq(sqlite3_open((folder + "/steelthread.db").c_str(), &database), SQLITE_OK);
    sqlite3_exec(database, "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
    sqlite3_close(database);
    const auto listed = [&] {
        std::string all;
        for (const auto& entry : fs::directory_iterator{folder})
            all += entry.path().filename().string() + " " +
                   std::to_string(entry.last_write_time().time_since_epoch().count()) + "\n";
        return all;
    };
    const auto before = listed();
    cr_expect_eq(steelthread({"migrate", "status"}, variables).status, 0);
    cr_expect_eq(steelthread({"config"}, variables).status, 0);
    const auto sound = steelthread({"doctor"}, variables);
    cr_expect_eq(sound.status, 0, "%s", sound.output.c_str());
    EXPECT_TEXT(listed(), before);
}

// Anybody who could write to the folder of an earlier release may have left a link there.
Test(start, follows_no_link_in_its_folder) {
    const TestDatabase database{Engine::sqlite};
    auto variables = variables_for(database.url());
    const auto folder = test_folder();
    const auto other = folder + "_other";
    fs::create_directories(folder + "/public");
    fs::create_directories(other);
    std::ofstream{folder + "/.steelthread"} << "";
    std::ofstream{other + "/file"} << "kept";
    const char* links[] = {"nginx.conf",     "routes.conf",
                           "nginx.conf.new", "public/openapi.json",
                           "public/docs",    "public/openapi.json.new",
                           "sockets"};
    for (const char* name : links)
        fs::create_symlink(std::string_view{name} == "sockets" ? other : other + "/file",
                           folder + "/" + name);
    auto refused = steelthread({"run"}, variables);
    cr_expect_eq(refused.status, 1);
    EXPECT_TEXT(refused.errors, "steelthread: " + folder +
                                    "/sockets is not a directory owned by this user: remove it\n");
    fs::remove(folder + "/sockets");
    fs::create_directory(folder + "/maps.conf");
    refused = steelthread({"run"}, variables);
    EXPECT_TEXT(refused.errors, "steelthread: " + folder +
                                    "/maps.conf is a folder but must be a file: remove it\n");
    fs::remove(folder + "/maps.conf");
    {
        variables.erase("PORT");
        const Stack stack{database.url(), variables};
        cr_expect_eq(stack.send({.path = "/openapi.json"}).status, 200);
        cr_expect_eq(stack.send({.path = "/docs"}).status, 200);
    }
    EXPECT_TEXT(read_text(other + "/file"), "kept");
    cr_expect_eq(std::distance(fs::directory_iterator{other}, {}), 1);
}

namespace {

// A command as PID 1 of a container, which ignores the signals that it does not handle.
class Init {
public:
    // Skips the test if the machine does not allow this.
    Init(std::vector<std::string> words, const Variables& variables) {
        int pipe_fds[2];
        cr_assert_eq(pipe(pipe_fds), 0);
        std::vector<std::string> lines;
        for (const auto& [name, value] : variables) lines.push_back(name + "=" + value);
        const auto pointers = [](std::vector<std::string>& texts) {
            std::vector<char*> all;
            for (auto& text : texts) all.push_back(text.data());
            all.push_back(nullptr);
            return all;
        };
        const auto arguments = pointers(words);
        const auto environment = pointers(lines);
        outside_ = fork();
        if (outside_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pid_t inside = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
            if (inside == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execve(arguments[0], arguments.data(), environment.data());
                _exit(127);
            }
            int status = 0;
            if (write(pipe_fds[1], &inside, sizeof inside) != sizeof inside || inside < 0)
                _exit(127);
            waitpid(inside, &status, 0);
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
        }
        const bool is_told = read(pipe_fds[0], &inside_, sizeof inside_) == sizeof inside_;
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        cr_assert(is_told);
        if (inside_ > 0) return;
        waitpid(outside_, nullptr, 0);
        cr_skip_test("namespaces of processes are not allowed here");
    }
    ~Init() {
        if (outside_ == 0) return;
        kill(inside_, SIGKILL);
        waitpid(outside_, nullptr, 0);
    }
    Init(const Init&) = delete;
    Init& operator=(const Init&) = delete;

    // Returns its exit status after a signal, or 99 if the signal killed it.
    int status_after(int signal) {
        kill(inside_, signal);
        int status = 0;
        wait_until("PID 1 has ended",
                   [&] { return waitpid(outside_, &status, WNOHANG) == outside_; });
        outside_ = 0;
        return WEXITSTATUS(status);
    }

private:
    pid_t outside_ = 0;  // its parent, which waits for it
    pid_t inside_ = 0;
};

}  // namespace

// Each command waits for a database that accepts connections but stays silent.
Test(start, pid_1_ends_with_a_signal) {
    const int port = free_port();
    const int silent = listen_on_port(port);
    auto variables = variables_for("postgresql://x@127.0.0.1:" + std::to_string(port) + "/x");
    variables["DB_CONNECT_TIMEOUT_MS"] = variables["DB_DEADLINE_MS"] = "60000";
    variables["REQUEST_METHOD"] = "GET";
    variables["REQUEST_URI"] = "/healthz";
    const auto program = built("steelthread");
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{program, "run", "--migrate"},
                                               {program, "run"},
                                               {program, "migrate", "up"},
                                               {program, "migrate", "status"},
                                               {program, "prune", "--events-older-than", "7d"},
                                               {program, "doctor"},
                                               {built("handlers/healthz")}})
        for (const int signal : {SIGTERM, SIGINT}) {
            Init init{words, variables};
            const int connection = accept(silent, nullptr, nullptr);
            cr_expect_geq(connection, 0);
            cr_expect_eq(init.status_after(signal), 128 + signal, "%s", words.back().c_str());
            close(connection);
        }
    close(silent);
}

Test(start, pid_1_stops_cleanly_once_it_serves) {
    const TestDatabase database{Engine::sqlite};
    const auto variables = variables_for(database.url());
    Init init{{built("steelthread"), "run", "--migrate"}, variables};
    Client client{std::stoi(variables.at("PORT"))};
    wait_until("the service answers",
               [&] { return client.send({.path = "/healthz"}).status == 200; });
    // Its process id means another process here, or one of another user.
    const auto restart = steelthread({"restart", "healthz"}, variables);
    cr_expect_eq(restart.status, 1);
    cr_expect(restart.errors.find("runs in another container") != std::string::npos ||
                  restart.errors.find("no service is running") != std::string::npos,
              "%s", restart.errors.c_str());
    cr_expect_eq(init.status_after(SIGTERM), 0);
}
