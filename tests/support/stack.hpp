// The whole service as its users run it: `steelthread run` with nginx and every handler, in a folder of its
// own and on a free port, with a database of its own. And a client for it.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/database.hpp"

// What came back. The names of headers are in lower case; a header that occurs twice is an error.
struct Reply {
    long status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
    std::string failure;  // libcurl's words when there was no answer
};

struct Call {
    std::string method = "GET";
    std::string path = "/";
    std::string body = {};
    std::vector<std::string> headers = {};  // "Name: value"
};

using Variables = std::map<std::string, std::string>;

class Stack {
public:
    static constexpr const char* email = "dev@example.org";
    static constexpr const char* password = "correct horse battery";

    // Starts and waits until /healthz answers. `variables` come on top of the test's own.
    explicit Stack(Engine engine, const Variables& variables = {});
    // On a database of the caller's.
    explicit Stack(const std::string& database_url, const Variables& variables = {});
    // SIGTERM, and waits; fails the test when it does not end cleanly.
    ~Stack();
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;

    // One request on a connection of its own.
    Reply send(const Call& call) const;

    // Raw bytes to the port, and all that comes back until the server closes.
    std::string send_raw(const std::string& bytes) const;

    // Logs in and returns "Authorization: Bearer …".
    std::string authorization() const;

    // A new task's path, with the ETag in `etag` if wanted.
    std::string create_task(const std::string& title, std::string* etag = nullptr) const;

    std::string base_url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    int port() const { return port_; }
    const std::string& run_dir() const { return run_dir_; }
    const std::string& database_url() const { return database_url_; }

    pid_t supervisor() const { return supervisor_; }
    // The processes of one endpoint, or of "nginx" (its master).
    std::vector<pid_t> processes(const std::string& name) const;

    // All that the stack has written to stdout and stderr so far.
    std::string log() const;

    // Stops as the destructor does; the exit status.
    int stop();
    // Starts again in the same folder, on the same port and database.
    void start();

    // Runs `steelthread WORDS…` with this stack's variables; exit status and output.
    std::pair<int, std::string> command(const std::vector<std::string>& words) const;

    // The variables of its processes.
    Variables variables() const { return variables_; }

private:
    std::unique_ptr<TestDatabase> own_;
    std::string database_url_;
    std::string run_dir_;
    int port_ = 0;
    Variables variables_;
    pid_t supervisor_ = 0;
};

// An executable of the build under test: "handlers/healthz", "steelthread".
std::string built(const std::string& name);

// Runs a command with exactly these variables and this text on stdin; exit status and what it wrote to
// stdout (and stderr).
std::pair<int, std::string> run_command(const std::vector<std::string>& words,
                                        const Variables& variables, const std::string& input = "");

// Polls until `condition` is true; fails the test after `seconds`, naming `what`.
void wait_until(const char* what, const std::function<bool()>& condition, int seconds = 20);

// A free TCP port on loopback.
int free_port();
