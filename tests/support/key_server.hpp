// A web server on loopback that sends the answer set by the test, to one client at a time.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

class KeyServer {
public:
    KeyServer();
    ~KeyServer();
    KeyServer(const KeyServer&) = delete;
    KeyServer& operator=(const KeyServer&) = delete;

    std::string url(const std::string& path) const;

    // Sets the answer. `headers` are complete lines.
    void answer(int status, const std::string& body, const std::string& headers = "") const;
    // Sets an answer without Content-Length.
    void answer_until_close(const std::string& body) const;
    // From now on accepts connections and reads requests, but does not answer.
    void say_nothing() const;

    int requests() const { return requests_; }
    std::string last_request() const;

private:
    void serve();
    void say(const std::string& bytes) const;

    int listener_ = -1;
    int port_ = 0;
    mutable std::mutex mutex_;
    mutable std::string answer_;
    std::string last_request_;
    std::atomic<int> requests_ = 0;
    std::thread thread_;
};
