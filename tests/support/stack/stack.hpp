// The whole service as users run it: `steelthread run` with nginx and every handler, in a folder of
// its own, on a free port and with a database of its own. Also clients for it.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shared/error.hpp"
#include "tests/support/database.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/ports.hpp"

// A response. Header names are in lower case. A repeated header is a failure.
struct Reply {
    long status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
    std::string failure;  // why there is no valid response

    std::string header(const std::string& name) const;
};

// A request. Its body is application/json unless the headers say otherwise.
struct Call {
    std::string method = "GET";
    std::string path = "/";
    std::string body = {};
    std::vector<std::string> headers = {};  // "Name: value"
};

using Variables = std::map<std::string, std::string>;

// The result of a command.
struct Finished {
    int status = 0;  // 128 + the signal if one killed it
    std::string output;
    std::string errors;  // what it wrote to stderr
};

// A kept-alive connection, for one thread.
class Client {
public:
    // Each response is checked against the OpenAPI document for this API_PREFIX. If the prefix is
    // empty, the server is another one and nothing is checked.
    explicit Client(int port, std::string api_prefix = "/api/v1");
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // The response of an endless event stream is its head and the first chunk.
    Reply send(const Call& call);

private:
    struct State;
    std::unique_ptr<State> state_;
};

class Stack {
public:
    static constexpr const char* email = "dev@example.org";
    static constexpr const char* password = "correct horse battery";

    // Starts the service and waits until /healthz answers, or without HTTP until it logs that it is
    // ready. `variables` override the test's own.
    // `output` receives stdout and stderr instead of log().
    explicit Stack(Engine engine, const Variables& variables = {}, int output = -1);
    // Uses a database of the caller.
    explicit Stack(const std::string& database_url, const Variables& variables = {});
    // Sends SIGTERM and waits. Fails the test unless the service ends cleanly and every response
    // that this process has received from any stack conforms to the OpenAPI document.
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    // Sends a request on a new connection. May be called from any thread.
    Reply send(const Call& call) const;

    // Sends raw bytes to the port and returns everything until the server closes.
    std::string send_raw(const std::string& bytes) const;

    // Logs in and returns "Authorization: Bearer …".
    std::string authorization() const;

    // Returns "Authorization: Bearer …" for any user of another issuer, which has verified the
    // address.
    std::string authorization_of(const std::string& user_id, const std::string& address = "") const;

    // Creates a task and returns its path. Sets `etag` unless it is null.
    std::string create_task(const std::string& title, std::string* etag = nullptr) const;

    std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }
    const std::string& run_dir() const { return run_dir_; }
    const std::string& database_url() const { return database_url_; }

    pid_t supervisor() const { return supervisor_; }

    // Returns the supervisor's processes of one endpoint, or of "nginx" (its master).
    std::vector<pid_t> processes(const std::string& name) const;

    // Returns all running processes that the supervisor has started, including nginx's worker.
    std::vector<pid_t> descendants() const;

    // Returns everything that the stack has written to stdout and stderr so far.
    std::string log() const;

    // Stops like the destructor and returns the exit status.
    int stop();

    // Waits until the supervisor ends by itself and returns its exit status.
    int wait_for_end();

    // Starts again in the same folder, on the same port and database.
    void start();

    // Runs `steelthread WORDS…` with this stack's variables.
    Finished command(std::vector<std::string> words) const;

    // The variables of the stack's processes.
    const Variables& variables() const { return variables_; }

private:
    void prepare(const Variables& variables);
    bool is_ready() const;

    std::unique_ptr<TestDatabase> own_;
    std::string database_url_;
    std::string run_dir_;
    int port_ = 0;
    Variables variables_;
    int output_ = -1;
    pid_t supervisor_ = 0;
};

// A command that runs beside the test and is killed with it.
class Background {
public:
    // The output goes to the file `log`.
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

// Replaces one handler by a shell script, in a copy of the build that is used from now on. A test
// may call this once.
void replace_handler(const std::string& name, const std::string& script);

// Leaves these handlers alone, with an nginx for them, in a copy of the build that is used from now
// on. A test may call this once, instead of replace_handler().
void keep_handlers(const std::set<std::string>& names);

// The hard limit on open files for everything that tests start. The tests need about as many
// themselves.
inline constexpr int most_files = 2048;

// The names of all handlers, taken from their sources.
std::vector<std::string> all_handlers();

// The variables that every process of the build needs: PATH, TEST_DIR and the sanitizers' options.
Variables base_variables();

// The settings of a service in `run_dir`, with the tests' cheap hashes and fixed secret.
Variables service_variables(const std::string& database_url, const std::string& run_dir);

// Runs a command with exactly these variables and this stdin. Kills it after 60 s.
Finished run_command(const std::vector<std::string>& words, const Variables& variables,
                     const std::string& input = "");

// Returns the contents of a text file.
std::string read_text(const std::string& path);

// Parses a response as received.
Reply parse_reply(const std::string& raw);

// Returns a string member of a JSON text by its path: "error.request_id", "jobs.0.id". A number is
// returned as written. Returns "<absent>" if there is no such member.
std::string json_member(const std::string& text, const std::string& path);

// Fails the test unless the reply is exactly this error in the plain shape: status, type, message,
// and the request id of the header.
void expect_error(const Reply& reply, Error error);
