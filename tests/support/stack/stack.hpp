// The whole service as its users run it: `steelthread run` with nginx and every handler, in a
// folder of its own and on a free port, with a database of its own. And clients for it.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/error.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

// What came back. The names of headers are in lower case; a header that occurs twice is a failure.
struct Reply {
    long status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
    std::string failure;  // what went wrong when there is no sound answer

    std::string header(const std::string& name) const;
};

// A request. A body goes as application/json unless the headers say otherwise.
struct Call {
    std::string method = "GET";
    std::string path = "/";
    std::string body = {};
    std::vector<std::string> headers = {};  // "Name: value"
};

using Variables = std::map<std::string, std::string>;

// How a command ended.
struct Finished {
    int status = 0;  // 128 + the signal when one killed it
    std::string output;
    std::string errors;  // what it wrote to stderr
};

// One kept-alive connection, for one thread.
class Client {
public:
    // Each answer is held against the OpenAPI document for this API_PREFIX, except for an empty
    // one: of a server that is not ours.
    explicit Client(int port, std::string api_prefix = "/api/v1");
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Of an event stream, which has no end, the answer is the head and what comes first.
    Reply send(const Call& call);

private:
    struct State;
    std::unique_ptr<State> state_;
};

class Stack {
public:
    static constexpr const char* email = "dev@example.org";
    static constexpr const char* password = "correct horse battery";

    // Starts and waits until /healthz answers. `variables` come on top of the test's own; `output`
    // is its stdout and stderr in the place of log().
    explicit Stack(Engine engine, const Variables& variables = {}, int output = -1);
    // On a database of the caller's.
    explicit Stack(const std::string& database_url, const Variables& variables = {});
    // SIGTERM, and waits; fails the test when it does not end cleanly, or when an answer that this
    // process has got from any stack broke the OpenAPI document.
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    // One request on a connection of its own. May be called from any thread.
    Reply send(const Call& call) const;

    // Raw bytes to the port, and all that comes back until the server closes.
    std::string send_raw(const std::string& bytes) const;

    // Logs in and returns "Authorization: Bearer …".
    std::string authorization() const;

    // "Authorization: Bearer …" for anybody, of another issuer, which has verified the address.
    std::string authorization_of(const std::string& user_id, const std::string& address = "") const;

    // A new task's path, with the ETag in `etag` if wanted.
    std::string create_task(const std::string& title, std::string* etag = nullptr) const;

    std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }
    const std::string& run_dir() const { return run_dir_; }
    const std::string& database_url() const { return database_url_; }

    pid_t supervisor() const { return supervisor_; }

    // The supervisor's processes of one endpoint, or of "nginx" (its master).
    std::vector<pid_t> processes(const std::string& name) const;

    // Everything that the supervisor has started and that still runs, nginx's worker included.
    std::vector<pid_t> descendants() const;

    // All that the stack has written to stdout and stderr so far.
    std::string log() const;

    // Stops as the destructor does; the exit status.
    int stop();

    // Waits until the supervisor has ended of itself; its exit status.
    int wait_for_end();

    // Starts again in the same folder, on the same port and database.
    void start();

    // Runs `steelthread WORDS…` with this stack's variables.
    Finished command(std::vector<std::string> words) const;

    // The variables of its processes.
    const Variables& variables() const { return variables_; }

private:
    void prepare(const Variables& variables);

    std::unique_ptr<TestDatabase> own_;
    std::string database_url_;
    std::string run_dir_;
    int port_ = 0;
    Variables variables_;
    int output_ = -1;
    pid_t supervisor_ = 0;
};

// A command that runs beside the test, and is killed with it.
class Background {
public:
    // What it writes goes to the file `log`.
    Background(const std::vector<std::string>& words, const Variables& variables,
               const std::string& log);
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

private:
    pid_t pid_ = 0;
};

// An executable of the build under test: "handlers/healthz", "steelthread".
std::string built(const std::string& name);

// From now on the build under test is a copy with another program in the place of one handler. Once
// in a test.
void replace_handler(const std::string& name, const std::string& script);

// The hard limit of open files of whatever tests start, which need as much themselves.
inline constexpr int most_files = 2048;

// The names of all handlers, by their sources.
std::vector<std::string> all_handlers();

// What every process of the build needs: PATH, TEST_DIR and the options of the sanitizers.
Variables base_variables();

// The settings of a service in `run_dir`, on the test's cheap hashes and fixed secret.
Variables service_variables(const std::string& database_url, const std::string& run_dir);

// Runs a command with exactly these variables and this text on stdin, and kills it after 60 s.
Finished run_command(const std::vector<std::string>& words, const Variables& variables,
                     const std::string& input = "");

// A text file, whole.
std::string read_text(const std::string& path);

// One answer as it came off the wire.
Reply parse_reply(const std::string& raw);

// A string member of a JSON text, found by its path: "error.request_id", "jobs.0.id". "<absent>"
// when there is none; a number as it is written.
std::string json_member(const std::string& text, const std::string& path);

// Fails the test unless the reply is this error, whole, in the plain shape: status,
// type, message, and the request id of the header.
void expect_error(const Reply& reply, Error error);
