// A web server on loopback that says what a test wants, to one client at a time.
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

    // What it answers from now on; `headers` are whole lines.
    void answer(int status, const std::string& body, const std::string& headers = "") const;
    // The same without Content-Length.
    void answer_until_close(const std::string& body) const;
    // Takes connections and requests, and is silent.
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
