// Tokens of a real Better Auth server (tests/better_auth), through nginx and real FastCGI.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "tests/support/stack/stack.hpp"

namespace {

// Runs `node server.mjs`. The first line of its output is its port.
class BetterAuth {
public:
    BetterAuth() {
        int in[2];
        int out[2];
        cr_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        pid_ = fork();
        cr_assert_geq(pid_, 0);
        if (pid_ == 0) {
            dup2(in[0], STDIN_FILENO);
            dup2(out[1], STDOUT_FILENO);
            execlp("node", "node", "tests/better_auth/server.mjs", nullptr);
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        to_ = in[1];
        from_ = out[0];
        const auto port = line();
        cr_assert(!port.empty(), "no Better Auth server: `npm ci` in tests/better_auth?");
        port_ = std::stoi(port);
    }

    ~BetterAuth() {
        close(to_);
        close(from_);
        kill(pid_, SIGTERM);
        waitpid(pid_, nullptr, 0);
    }
    BetterAuth(const BetterAuth&) = delete;
    BetterAuth& operator=(const BetterAuth&) = delete;

    std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }

    // Withdraws the keys. From now on a new key of this algorithm signs.
    void rotate(const std::string& algorithm) {
        const auto text = algorithm + "\n";
        cr_assert(write(to_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        EXPECT_TEXT(line(), "rotated");
    }

    // Signs a new user up, keeps the session's cookie and returns the user's id.
    std::string sign_up() {
        const auto reply = Client{port_, ""}.send(
            {.method = "POST",
             .path = "/api/auth/sign-up/email",
             .body = R"({"email":"ann@example.org","password":"correct horse",)"
                     R"("name":"Ann"})",
             .headers = {"Origin: " + origin()}});
        cr_assert_eq(reply.status, 200, "%s%s", reply.body.c_str(), reply.failure.c_str());
        const auto cookie = reply.header("set-cookie");
        cookie_ = "Cookie: " + cookie.substr(0, cookie.find(';'));
        return json_member(reply.body, "user.id");
    }

    // Returns "Authorization: Bearer …" with a new token of the session.
    std::string authorization() {
        const auto reply =
            Client{port_, ""}.send({.path = "/api/auth/token", .headers = {cookie_}});
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        return "Authorization: Bearer " + json_member(reply.body, "token");
    }

private:
    std::string line() const {
        std::string text;
        for (char c = 0; read(from_, &c, 1) == 1 && c != '\n';) text += c;
        return text;
    }

    pid_t pid_ = -1;
    int to_ = -1;
    int from_ = -1;
    int port_ = 0;
    std::string cookie_;
};

Reply create(const Stack& stack, const std::string& authorization) {
    return stack.send({.method = "POST",
                       .path = "/collab/tasks",
                       .body = R"({"title":"by way of Better Auth"})",
                       .headers = {authorization}});
}

std::string spoiled(std::string authorization) {
    auto& byte = authorization[authorization.size() - 10];
    byte = byte == 'A' ? 'B' : 'A';
    return authorization;
}

}  // namespace

// One server serves the whole test, because it takes a second to start.
Test(better_auth, tokens_of_a_real_server_work) {
    auto server = std::make_unique<BetterAuth>();
    const Variables variables = {{"JWKS_URL", server->origin() + "/api/auth/jwks"}};
    const auto user_id = server->sign_up();
    cr_expect_eq(user_id.size(), 32, "%s", user_id.c_str());
    const auto first = server->authorization();

    const Stack stack{Engine::sqlite, variables};
    const auto created = create(stack, first);
    cr_assert_eq(created.status, 200, "%s", created.body.c_str());
    expect_error(create(stack, spoiled(first)), Error::invalid_token);
    const auto tasks_of = [&](const std::string& id) {
        return stack.send({.path = "/api/v1/" + id + "/tasks", .headers = {first}}).status;
    };
    cr_expect_eq(tasks_of(user_id), 200);
    cr_expect_eq(tasks_of("somebody-else"), 403);
    // The service's own tokens remain valid.
    cr_expect_eq(create(stack, stack.authorization()).status, 200);

    // A new key is found after the cool-down of ten seconds. The old one is gone by then.
    server->rotate("ES256");
    const auto second = server->authorization();
    wait_until(
        "a token of the new key", [&] { return create(stack, second).status == 200; }, 12);
    expect_error(create(stack, first), Error::invalid_token);
    expect_error(create(stack, spoiled(second)), Error::invalid_token);

    // Each process fetches the keys itself, so a new process knows the next key at once.
    server->rotate("RS256");
    const auto third = server->authorization();
    cr_expect_eq(stack.command({"restart", "collab_tasks"}).status, 0);
    cr_expect_eq(create(stack, third).status, 200);

    // Without the server, processes that have its keys continue, and others answer 503.
    server.reset();
    cr_expect_eq(create(stack, third).status, 200);
    const Stack cut_off{Engine::sqlite, variables};
    const auto reply = create(cut_off, third);
    expect_error(reply, Error::service_unavailable);
    cr_expect(!reply.header("retry-after").empty());
    expect_error(create(cut_off, "Authorization: Bearer x.y.z"), Error::invalid_token);
    cr_expect_eq(create(cut_off, cut_off.authorization()).status, 200);
    cr_expect_eq(cut_off.send({.path = "/healthz"}).status, 200);
}
