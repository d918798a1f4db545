#include "cli/relay.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "shared/log.hpp"

namespace {

constexpr std::size_t most_waiting = 65'536;

[[noreturn]] void fail() {
    throw std::system_error(errno, std::generic_category(), "cannot create a pipe for the log");
}

// A descriptor of the stream for this process alone.
int duplicate(int stream) { return fcntl(stream, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); }

// poll() promises room for PIPE_BUF bytes in a pipe, but for less in a terminal. A terminal is
// therefore opened again with O_NONBLOCK: set on the inherited descriptor, the flag would apply to
// every process that shares it.
int open_sink() {
    const int fd = isatty(STDERR_FILENO) ? open_terminal(STDERR_FILENO) : -1;
    return fd >= 0 ? fd : duplicate(STDERR_FILENO);
}

}  // namespace

int open_terminal(int stream) {
    const auto path = "/proc/self/fd/" + std::to_string(stream);
    return open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

Relay::Relay(int stream, Edit edit)
    : stream_(stream), edit_(std::move(edit)), original_(duplicate(stream)), sink_(open_sink()) {
    // The write end does not block either: a stopped supervisor must not block its children.
    int ends[2];
    if (original_ < 0 || sink_ < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) fail();
    pipe_ = ends[0];
    if (dup2(ends[1], stream) < 0) fail();  // without O_CLOEXEC: children inherit it
    close(ends[1]);
}

Relay::~Relay() {
    while (forward()) continue;
    dup2(original_, stream_);
    close(original_);
    close(sink_);
    close(pipe_);
}

void Relay::watch(std::vector<pollfd>& descriptors) const {
    descriptors.push_back({pipe_, POLLIN, 0});
    if (!next_chunk(0).empty()) descriptors.push_back({sink_, POLLOUT, 0});
}

bool Relay::forward() {
    std::array<char, most_waiting> buffer;
    const auto count = read(pipe_, buffer.data(), buffer.size());
    if (count > 0) take({buffer.data(), static_cast<std::size_t>(count)});
    put();
    return count > 0;
}

void Relay::take(std::string_view text) {
    line_ += text;
    std::size_t begin = 0;
    for (auto end = line_.find('\n'); end != line_.npos; end = line_.find('\n', begin)) {
        keep(edit_(std::string_view{line_}.substr(begin, end - begin)));
        begin = end + 1;
    }
    line_.erase(0, begin);
    if (line_.size() <= most_waiting) return;
    keep(edit_(line_));  // a line without an end
    line_.clear();
}

void Relay::keep(std::string_view lines) {
    if (text_.size() < most_waiting)
        text_ += lines;
    else if (!lines.empty())
        ++dropped_;
}

// As many whole lines as fit into one write; empty while there is only the beginning of one.
std::string_view Relay::next_chunk(std::size_t begin) const {
    const auto chunk = std::string_view{text_}.substr(begin, PIPE_BUF);
    const auto end = chunk.rfind('\n');
    if (end != chunk.npos) return chunk.substr(0, end + 1);
    return chunk.size() == PIPE_BUF ? chunk : "";
}

void Relay::put() {
    std::size_t done = 0;
    pollfd room{sink_, POLLOUT, 0};
    for (auto chunk = next_chunk(0); !chunk.empty() && poll(&room, 1, 0) == 1;
         chunk = next_chunk(done)) {
        const auto count = write(sink_, chunk.data(), chunk.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
        // Without a reader nothing is kept.
        done += count < 0 ? chunk.size() : static_cast<std::size_t>(count);
    }
    text_.erase(0, done);
    if (dropped_ > 0 && text_.size() < most_waiting)
        logging::warning("dropped lines of the log", {{"count", std::exchange(dropped_, 0)}});
}
