#include "tests/support/key_server.hpp"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/ports.hpp"

KeyServer::KeyServer() : listener_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    cr_assert(bind(listener_, generic, size) == 0 && listen(listener_, 64) == 0 &&
              getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    answer(200, "{}");
    thread_ = std::thread{[this] { serve(); }};
}

KeyServer::~KeyServer() {
    shutdown(listener_, SHUT_RDWR);  // ends accept()
    thread_.join();
    close(listener_);
}

std::string KeyServer::url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void KeyServer::say(const std::string& bytes) const {
    const std::lock_guard lock{mutex_};
    answer_ = bytes;
}

void KeyServer::answer(int status, const std::string& body, const std::string& headers) const {
    say("HTTP/1.1 " + std::to_string(status) + " Answer\r\nConnection: close\r\n" + headers +
        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
}

void KeyServer::answer_until_close(const std::string& body) const {
    say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body);
}

void KeyServer::say_nothing() const { say(""); }

std::string KeyServer::last_request() const {
    const std::lock_guard lock{mutex_};
    return last_request_;
}

void KeyServer::serve() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; close(fd)) {
        std::string request;
        char bytes[4096];
        for (ssize_t size; request.find("\r\n\r\n") == request.npos &&
                           (size = read(fd, bytes, sizeof bytes)) > 0;)
            request.append(bytes, static_cast<std::size_t>(size));
        ++requests_;
        std::string answer;
        {
            const std::lock_guard lock{mutex_};
            last_request_ = request;
            answer = answer_;
        }
        send_all(fd, answer);
        // Without an answer the connection stays open until the client closes it.
        if (answer.empty())
            while (read(fd, bytes, sizeof bytes) > 0) continue;
    }
}
