#include "tests/support/stack/stack.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>

#include "shared/json/fields.hpp"
#include "shared/text.hpp"
#include "tests/support/signer.hpp"
#include "tests/support/stack/openapi.hpp"

namespace {

namespace fs = std::filesystem;

// The supervisor itself kills processes that have not ended after 9 s.
constexpr int longest_stop_ms = 15'000;
constexpr int longest_command_ms = 60'000;

std::vector<std::string> environment_of(const Variables& variables) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : variables) {
        lines.push_back(name);
        lines.back().append("=").append(value);
    }
    return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// The soft limit is lower, so that a service has to raise it. nginx prepares a connection for each
// file that it may open; with 20,000 files that would be half of its startup time.
constexpr rlimit limit_of_files{1024, most_files};

// Starts a command that ends with the thread that started it. Everything is allocated before
// fork(): the child of a process with threads may make only these calls.
pid_t spawn(std::vector<std::string> words, const Variables& variables, int input, int output,
            int errors) {
    auto environment = environment_of(variables);
    const auto arguments = pointers_to(words);
    const auto names = pointers_to(environment);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(127);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    close_range(3, ~0U, 0);  // otherwise the child would keep Asio's sockets open
    if (setrlimit(RLIMIT_NOFILE, &limit_of_files) != 0) _exit(127);
    execve(arguments[0], arguments.data(), names.data());
    _exit(127);
}

int status_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Returns the exit status of a child. Kills the child first if it takes too long.
int wait_for(pid_t pid, int timeout_ms) {
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    pollfd descriptor{fd, POLLIN, 0};
    if (poll(&descriptor, 1, timeout_ms) == 0) kill(pid, SIGKILL);
    close(fd);
    int status = 0;
    waitpid(pid, &status, 0);
    return status_of(status);
}

std::string contents_of(int fd) {
    std::string text(static_cast<std::size_t>(lseek(fd, 0, SEEK_END)), '\0');
    const auto size = pread(fd, text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
}

// Returns the parent of a process, or 0 if the process has ended or is a zombie.
pid_t parent_of(pid_t pid) {
    const auto stat = read_text("/proc/" + std::to_string(pid) + "/stat");
    const auto name_end = stat.rfind(')');
    if (name_end == stat.npos || stat.size() < name_end + 4 || stat[name_end + 2] == 'Z') return 0;
    return std::atoi(stat.c_str() + name_end + 4);
}

std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    for (const auto& entry : fs::directory_iterator{"/proc"}) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0 && parent_of(pid) == parent) children.push_back(pid);
    }
    std::sort(children.begin(), children.end());
    return children;
}

void add_header(Reply& reply, std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos) return;
    const auto name = ascii_lower(line.substr(0, colon));
    const bool is_new = reply.headers.emplace(name, trimmed(line.substr(colon + 1))).second;
    if (!is_new) reply.failure = "the header " + name + " occurs twice";
}

std::size_t take_header(char* data, std::size_t, std::size_t size, void* kept) {
    auto& reply = *static_cast<Reply*>(kept);
    const std::string_view line{data, size};
    if (line.starts_with("HTTP/"))
        reply.headers.clear();  // of an interim answer
    else
        add_header(reply, line);
    return size;
}

bool is_stream(const Reply& reply) {
    return reply.header("content-type").starts_with("text/event-stream");
}

std::size_t take_body(char* data, std::size_t, std::size_t size, void* kept) {
    auto& reply = *static_cast<Reply*>(kept);
    reply.body.append(data, size);
    return is_stream(reply) ? CURL_WRITEFUNC_ERROR : size;
}

// Collects the violations in all responses so far. They are checked in any thread, but a test can
// fail only in its own.
class Breaches {
public:
    void check(const std::string& api_prefix, std::string_view method, std::string_view target,
               const Reply& reply) {
        if (!reply.failure.empty() || reply.status == 0) return;
        auto fault = Contract::of(api_prefix).fault(method, target, reply);
        if (fault.empty()) return;
        const std::lock_guard lock{mutex_};
        faults_.push_back(std::move(fault));
    }

    std::vector<std::string> take() {
        const std::lock_guard lock{mutex_};
        return std::exchange(faults_, {});
    }

private:
    std::mutex mutex_;
    std::vector<std::string> faults_;
};

Breaches& breaches() {
    static Breaches kept;
    return kept;
}

// Checks the first response to a request that begins with a valid request line.
void check_raw(const std::string& api_prefix, const std::string& request,
               const std::string& answer) {
    static const std::regex line{R"(^([A-Z]+) (/[^ \r\n]*) HTTP/1\.[01]\r\n)"};
    std::smatch parts;
    const auto head = request.substr(0, request.find('\n') + 1);
    if (!std::regex_search(head, parts, line)) return;
    auto reply = parse_reply(answer);
    const auto length = reply.header("content-length");
    if (!length.empty() && parts[1] != "HEAD")
        reply.body.resize(std::min<std::size_t>(reply.body.size(), std::stoul(length)));
    breaches().check(api_prefix, parts[1].str(), parts[2].str(), reply);
}

const rapidjson::Value* member_at(const rapidjson::Value& root, std::string_view path) {
    const auto* value = &root;
    while (!path.empty()) {
        const auto name = path.substr(0, path.find('.'));
        path.remove_prefix(std::min(name.size() + 1, path.size()));
        if (value->IsArray()) {
            const auto index = static_cast<unsigned>(std::atoi(std::string{name}.c_str()));
            if (index >= value->Size()) return nullptr;
            value = &(*value)[index];
            continue;
        }
        if (!value->IsObject()) return nullptr;
        const auto found = value->FindMember(std::string{name}.c_str());
        if (found == value->MemberEnd()) return nullptr;
        value = &found->value;
    }
    return value;
}

}  // namespace

std::string Reply::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
}

struct Client::State {
    CURL* curl = nullptr;
    std::string base_url;
    std::string api_prefix;
};

Client::Client(int port, std::string api_prefix) : state_(std::make_unique<State>()) {
    state_->api_prefix = std::move(api_prefix);
    static const bool is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    state_->curl = is_ready ? curl_easy_init() : nullptr;
    state_->base_url = "http://127.0.0.1:" + std::to_string(port);
}

Client::~Client() { curl_easy_cleanup(state_->curl); }

Reply Client::send(const Call& call) {
    CURL* const curl = state_->curl;
    curl_easy_reset(curl);  // connections stay
    Reply reply;
    curl_slist* lines = curl_slist_append(nullptr, "Expect:");
    bool has_type = false;
    for (const auto& header : call.headers) {
        lines = curl_slist_append(lines, header.c_str());
        has_type = has_type || ascii_lower(header).starts_with("content-type:");
    }
    if (!has_type)
        lines = curl_slist_append(
            lines, call.body.empty() ? "Content-Type:" : "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, (state_->base_url + call.path).c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    if (call.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (!call.body.empty() || call.method == "POST" || call.method == "PATCH") {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.data());
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
    const auto code = curl_easy_perform(curl);
    const bool is_cut = code == CURLE_WRITE_ERROR && is_stream(reply);
    if (code != CURLE_OK && !is_cut) reply.failure = curl_easy_strerror(code);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
    curl_slist_free_all(lines);
    if (!state_->api_prefix.empty())
        breaches().check(state_->api_prefix, call.method, call.path, reply);
    return reply;
}

Stack::Stack(Engine engine, const Variables& variables, int output)
    : own_(std::make_unique<TestDatabase>(engine)), database_url_(own_->url()), output_(output) {
    prepare(variables);
}

Stack::Stack(const std::string& database_url, const Variables& variables)
    : database_url_(database_url) {
    prepare(variables);
}

Stack::~Stack() {
    for (const auto& fault : breaches().take())
        cr_expect(false, "an answer breaks nginx/openapi.json: %s", shown(fault).c_str());
    if (supervisor_ == 0) return;
    const int status = stop();
    cr_expect(status == 0, "the stack ended with status %d:\n%s", status, log().c_str());
}

void Stack::prepare(const Variables& variables) {
    static std::atomic<int> count = 0;
    run_dir_ = test_variable("TEST_DIR") + "/stack_" + std::to_string(getpid()) + "_" +
               std::to_string(++count);
    port_ = free_port();
    variables_ = service_variables(database_url_, run_dir_);
    variables_["PORT"] = std::to_string(port_);
    for (const auto& [name, value] : variables) variables_[name] = value;
    run_dir_ = variables_["RUN_DIR"];
    start();
}

void Stack::start() {
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int log_file =
        open((run_dir_ + ".log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert(nothing >= 0 && log_file >= 0, "no log beside %s", run_dir_.c_str());
    const int output = output_ < 0 ? log_file : output_;
    supervisor_ =
        spawn({built("steelthread"), "run", "--migrate"}, variables_, nothing, output, output);
    close(nothing);
    close(log_file);
    cr_assert(supervisor_ > 0, "fork failed");
    int status = 0;
    bool has_ended = false;
    wait_until("the service is ready", [&] {
        has_ended = waitpid(supervisor_, &status, WNOHANG) != 0;
        return has_ended || is_ready();
    });
    if (!has_ended) return;
    supervisor_ = 0;
    cr_assert(false, "the service ends with status %d at once:\n%s", status_of(status),
              log().c_str());
}

// A service that speaks TLS, or that has no nginx, cannot be asked by a Client.
bool Stack::is_ready() const {
    if (variables_.contains("TLS_KEY") || variables_.contains("NGINX"))
        return log().find(R"("message":"ready")") != std::string::npos;
    return send({.path = "/healthz"}).status == 200;
}

int Stack::stop() {
    kill(supervisor_, SIGTERM);
    return wait_for_end();
}

int Stack::wait_for_end() {
    const int status = wait_for(supervisor_, longest_stop_ms);
    supervisor_ = 0;
    return status;
}

Reply Stack::send(const Call& call) const {
    return Client{port_, variables_.at("API_PREFIX")}.send(call);
}

std::string Stack::send_raw(const std::string& bytes) const {
    const int fd = connect_to(port_);
    cr_assert(fd >= 0, "nothing listens on port %d", port_);
    const timeval timeout{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    // A server that refuses early resets the connection. Its response can be read nevertheless.
    send_all(fd, bytes);
    std::string answer;
    char buffer[16 * 1024];
    for (ssize_t count = 0; (count = recv(fd, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(count));
    close(fd);
    check_raw(variables_.at("API_PREFIX"), bytes, answer);
    return answer;
}

std::string Stack::authorization() const {
    const auto reply = send(
        {.method = "POST",
         .path = "/auth/login",
         .body = std::string{R"({"email":")"} + email + R"(","password":")" + password + R"("})"});
    cr_assert(reply.status == 200, "login: %ld %s%s", reply.status, reply.body.c_str(),
              reply.failure.c_str());
    return "Authorization: Bearer " + json_member(reply.body, "access_token");
}

std::string Stack::authorization_of(const std::string& user_id, const std::string& address) const {
    std::string claims;
    if (!address.empty()) claims = R"(,"email_verified":true,"email":)" + json::write(address);
    return "Authorization: Bearer " + foreign_token(user_id, claims);
}

std::string Stack::create_task(const std::string& title, std::string* etag) const {
    const auto reply = send({.method = "POST",
                             .path = "/collab/tasks",
                             .body = R"({"title":")" + title + R"("})",
                             .headers = {authorization()}});
    cr_assert(reply.status == 200, "create: %ld %s%s", reply.status, reply.body.c_str(),
              reply.failure.c_str());
    if (etag) *etag = reply.header("etag");
    return reply.header("location");
}

std::vector<pid_t> Stack::processes(const std::string& name) const {
    std::vector<pid_t> found;
    for (const pid_t pid : children_of(supervisor_)) {
        std::error_code error;
        const auto executable = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", error);
        if (executable.filename() == name) found.push_back(pid);
    }
    return found;
}

std::vector<pid_t> Stack::descendants() const {
    auto found = children_of(supervisor_);
    for (const pid_t child : children_of(supervisor_))
        for (const pid_t pid : children_of(child)) found.push_back(pid);
    return found;
}

std::string Stack::log() const { return read_text(run_dir_ + ".log"); }

Finished Stack::command(std::vector<std::string> words) const {
    words.insert(words.begin(), built("steelthread"));
    return run_command(words, variables_);
}

Background::Background(const std::vector<std::string>& words, const Variables& variables,
                       const std::string& log) {
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert(nothing >= 0 && output >= 0, "no %s", log.c_str());
    pid_ = spawn(words, variables, nothing, output, output);
    close(nothing);
    close(output);
    cr_assert(pid_ > 0, "fork failed");
}

Background::~Background() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
}

std::string built(const std::string& name) { return test_variable("TEST_BUILD") + "/" + name; }

namespace {

// A copy of the build with the handlers that `keeps` accepts, which is used from now on.
fs::path copy_build(const std::function<bool(const std::string&)>& keeps) {
    const fs::path original = test_variable("TEST_BUILD");
    const auto copy = fs::path{test_variable("TEST_DIR")} / ("build_" + std::to_string(getpid()));
    fs::create_directories(copy / "handlers");
    // Not a hard link, because /tmp may be another file system.
    fs::copy_file(original / "steelthread", copy / "steelthread");
    for (const auto& handler : fs::directory_iterator{original / "handlers"})
        if (const auto name = handler.path().filename(); keeps(name))
            fs::create_symlink(handler.path(), copy / "handlers" / name);
    setenv("TEST_BUILD", copy.c_str(), 1);  // a test is a process of its own
    return copy;
}

}  // namespace

void replace_handler(const std::string& name, const std::string& script) {
    const auto copy = copy_build([&](const std::string& other) { return other != name; });
    fs::create_symlink(fs::absolute("nginx"), copy / "nginx");
    std::ofstream{copy / "handlers" / name} << "#!/bin/sh\n" << script << "\n";
    fs::permissions(copy / "handlers" / name, fs::perms::owner_all);
}

void keep_handlers(const std::set<std::string>& names) {
    const auto copy = copy_build([&](const std::string& name) { return names.contains(name); });
    fs::copy("nginx", copy / "nginx", fs::copy_options::recursive);
    const auto generated =
        run_command({"cli/generate", copy, "--nginx", copy / "nginx"}, base_variables());
    cr_assert_eq(generated.status, 0, "%s", generated.errors.c_str());
}

std::vector<std::string> all_handlers() {
    std::vector<std::string> names;
    for (const auto& source : fs::directory_iterator{"handlers"})
        if (source.path().extension() == ".cpp") names.push_back(source.path().stem());
    return names;
}

Variables base_variables() {
    Variables variables;
    for (const char* name : {"PATH", "TEST_DIR", "ASAN_OPTIONS", "GCOV_PREFIX"})
        if (const char* value = std::getenv(name)) variables[name] = value;
    return variables;
}

Variables service_variables(const std::string& database_url, const std::string& run_dir) {
    auto variables = base_variables();
    variables["API_KEYS"] = std::string{api_key} + "," + other_api_key;
    variables["API_PREFIX"] = "/api/v1";
    variables["BCRYPT_COST"] = "4";
    variables["BETTER_AUTH_SECRET"] = issuer_secret;
    variables["DATABASE_URL"] = database_url;
    variables["DEV_USER_EMAIL"] = Stack::email;
    variables["DEV_USER_PASSWORD"] = Stack::password;
    variables["HOST"] = "127.0.0.1";
    variables["JWT_SECRET"] = "a secret of the tests, long enough for HS256";
    variables["LOGIN_RATE_LIMIT"] = unlimited;
    variables["RATE_LIMIT"] = unlimited;
    variables["RUN_DIR"] = run_dir;
    variables["USER_RATE_LIMIT"] = unlimited;
    return variables;
}

Finished run_command(const std::vector<std::string>& words, const Variables& variables,
                     const std::string& input) {
    const int in = memfd_create("stdin", MFD_CLOEXEC);
    const int out = memfd_create("stdout", MFD_CLOEXEC);
    const int err = memfd_create("stderr", MFD_CLOEXEC);
    const bool is_ready =
        write(in, input.data(), input.size()) == static_cast<ssize_t>(input.size()) &&
        lseek(in, 0, SEEK_SET) == 0;
    cr_assert(is_ready && out >= 0 && err >= 0, "no files for a command");
    const pid_t pid = spawn(words, variables, in, out, err);
    cr_assert(pid > 0, "fork failed");
    Finished finished{.status = wait_for(pid, longest_command_ms),
                      .output = contents_of(out),
                      .errors = contents_of(err)};
    for (const int fd : {in, out, err}) close(fd);
    return finished;
}

std::string read_text(const std::string& path) {
    const std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    text << file.rdbuf();  // an iterator would throw if the process ends during the read
    return text.str();
}

Reply parse_reply(const std::string& raw) {
    Reply reply;
    const auto end = raw.find("\r\n\r\n");
    if (!raw.starts_with("HTTP/1.1 ") || end == raw.npos) {
        reply.failure = "no HTTP/1.1 answer: " + raw.substr(0, 200);
        return reply;
    }
    reply.status = std::atol(raw.c_str() + 9);
    for (std::size_t at = raw.find("\r\n"); at < end;) {
        const auto line_end = raw.find("\r\n", at + 2);
        add_header(reply, std::string_view{raw}.substr(at + 2, line_end - at - 2));
        at = line_end;
    }
    reply.body = raw.substr(end + 4);
    return reply;
}

std::string json_member(const std::string& text, const std::string& path) {
    rapidjson::Document document;
    document.Parse(text.data(), text.size());
    if (document.HasParseError()) return "<no JSON>";
    const auto* const value = member_at(document, path);
    if (!value) return "<absent>";
    if (value->IsNull()) return "<null>";
    if (value->IsString()) return value->GetString();
    if (value->IsInt64()) return std::to_string(value->GetInt64());
    if (value->IsBool()) return value->GetBool() ? "true" : "false";
    return "<" + std::to_string(value->IsArray() ? value->Size() : value->MemberCount()) + ">";
}

void expect_error(const Reply& reply, Error error) {
    const auto& row = entry(error);
    cr_assert(reply.failure.empty() && reply.status == row.status, "status %ld instead of %d: %s%s",
              reply.status, row.status, reply.body.c_str(), reply.failure.c_str());
    EXPECT_TEXT(reply.header("content-type"), "application/json");
    EXPECT_TEXT(json_member(reply.body, "type"), std::string{row.type});
    EXPECT_TEXT(json_member(reply.body, "message"), std::string{row.message});
    EXPECT_TEXT(json_member(reply.body, "request_id"), reply.header("x-request-id"));
    cr_expect(!reply.header("x-request-id").empty(), "no request id");
}
