#include "shared/server/records.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "shared/text.hpp"
#include "tests/support/expect.hpp"

using namespace std::string_view_literals;

namespace {

// A pair of sockets that takes only a few kilobytes at a time.
class StreamPair {
public:
    // The kernel raises 1 to the smallest size that it allows.
    explicit StreamPair(int buffer_size = 1) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends_), 0);
        setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &buffer_size, sizeof buffer_size);
    }
    ~StreamPair() {
        close(ends_[0]);
        close_reader();
    }
    StreamPair(const StreamPair&) = delete;
    StreamPair& operator=(const StreamPair&) = delete;

    int writer() const { return ends_[0]; }

    void close_reader() {
        if (ends_[1] >= 0) close(ends_[1]);
        ends_[1] = -1;
    }

    // Returns what has arrived, up to `most` bytes.
    std::string read(std::size_t most) const {
        std::string text(most, '\0');
        const auto count = recv(ends_[1], text.data(), text.size(), 0);
        cr_assert(count >= 0 || errno == EAGAIN);
        text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
        return text;
    }

private:
    int ends_[2] = {-1, -1};
};

// Writes all records and returns their bytes. `times_full` counts how often the socket was full.
std::string written(ResponseRecords& records, std::size_t read_size = 1 << 20,
                    int* times_full = nullptr, int buffer_size = 1) {
    StreamPair stream{buffer_size};
    std::string all;
    while (!records.write_some(stream.writer())) {
        if (times_full) ++*times_full;
        all += stream.read(read_size);
    }
    for (;;) {
        const auto more = stream.read(read_size);
        if (more.empty()) return all;
        all += more;
    }
}

std::string written(std::uint16_t id, std::string_view head, std::string_view body) {
    ResponseRecords records{id, head, body};
    return written(records);
}

// The headers in hexadecimal, and the contents of all STDOUT records.
struct Parsed {
    std::string headers;
    std::string output;
};

Parsed parse(std::string_view bytes) {
    Parsed parsed;
    while (!bytes.empty()) {
        cr_assert_geq(bytes.size(), 8);
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
        const std::size_t length = byte(4) * 256U + byte(5);
        parsed.headers.append(hex(bytes.substr(0, 8))).append(" ");
        cr_assert_geq(bytes.size(), 8 + length);
        if (byte(1) == 6) parsed.output += bytes.substr(8, length);
        bytes.remove_prefix(8 + length);
    }
    return parsed;
}

constexpr auto end_of_1 = "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0"sv;

}  // namespace

Test(records, are_stdout_an_empty_stdout_and_the_end) {
    const std::string expected =
        std::string{
            "\1\6\0\1\0\4\0\0head"
            "\1\6\0\1\0\4\0\0body"
            "\1\6\0\1\0\0\0\0"sv} +
        std::string{end_of_1};
    EXPECT_TEXT(written(1, "head", "body"), expected);
}

// An empty STDOUT record ends the stream, so none may come before the end.
Test(records, leave_out_what_is_empty) {
    EXPECT_TEXT(written(1, "head", ""),
                std::string{"\1\6\0\1\0\4\0\0head\1\6\0\1\0\0\0\0"sv} + std::string{end_of_1});
    EXPECT_TEXT(written(1, "", "body"),
                std::string{"\1\6\0\1\0\4\0\0body\1\6\0\1\0\0\0\0"sv} + std::string{end_of_1});
    EXPECT_TEXT(written(1, "", ""), std::string{"\1\6\0\1\0\0\0\0"sv} + std::string{end_of_1});
}

Test(records, carry_the_request_id_in_two_bytes) {
    EXPECT_TEXT(written(255, "", "x"),
                "\1\6\0\xff\0\1\0\0x\1\6\0\xff\0\0\0\0\1\3\0\xff\0\10\0\0\0\0\0\0\0\0\0\0"sv);
    EXPECT_TEXT(written(256, "", "x"),
                "\1\6\1\0\0\1\0\0x\1\6\1\0\0\0\0\0\1\3\1\0\0\10\0\0\0\0\0\0\0\0\0\0"sv);
    EXPECT_TEXT(written(0xfedc, "", "x"),
                "\1\6\xfe\xdc\0\1\0\0x\1\6\xfe\xdc\0\0\0\0"
                "\1\3\xfe\xdc\0\10\0\0\0\0\0\0\0\0\0\0"sv);
}

Test(records, hold_at_most_65528_bytes_each) {
    static constexpr struct {
        std::size_t size;
        const char* stdout_headers;
    } cases[] = {
        {65'527, "01060001fff70000 "},
        {65'528, "01060001fff80000 "},
        {65'529, "01060001fff80000 0106000100010000 "},
        {65'536, "01060001fff80000 0106000100080000 "},
        {131'056, "01060001fff80000 01060001fff80000 "},
        {131'057, "01060001fff80000 01060001fff80000 0106000100010000 "},
    };
    for (const auto& [size, stdout_headers] : cases) {
        std::string body(size, 'b');
        body.front() = 'a';
        body.back() = 'c';
        const auto parsed = parse(written(1, "", body));
        EXPECT_TEXT(parsed.headers,
                    std::string{stdout_headers} + "0106000100000000 0103000100080000 ");
        cr_expect(parsed.output == body, "%zu bytes", size);
        // A large head is split in the same way.
        cr_expect(parse(written(1, body, "")).output == body, "%zu bytes", size);
    }
}

Test(records, are_followed_by_the_stop_record_once) {
    ResponseRecords records{7, "", "x"};
    records.add_stop_record();
    records.add_stop_record();
    EXPECT_TEXT(written(records),
                "\1\6\0\7\0\1\0\0x\1\6\0\7\0\0\0\0\1\3\0\7\0\10\0\0\0\0\0\0\0\0\0\0"
                "\1\7\0\1\0\0\0\0"sv);
}

Test(records, take_the_stop_record_while_they_are_written) {
    const std::string body(100'000, 'x');
    ResponseRecords records{1, "", body};
    StreamPair stream;
    cr_assert_not(records.write_some(stream.writer()));
    records.add_stop_record();
    std::string all;
    while (!records.write_some(stream.writer())) all += stream.read(4096);
    for (std::string more = "-"; !more.empty(); all += more) more = stream.read(1 << 20);
    cr_expect_eq(all.size(), 100'000U + 2 * 8 + 8 + 16 + 8);
    cr_expect(all.ends_with(std::string{end_of_1} + std::string{stop_record}));
}

Test(records, come_whole_through_a_socket_that_takes_little) {
    std::string body(200'000, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 % 251);
    for (const std::size_t read_size : {1'000, 4'097, 65'536}) {
        ResponseRecords records{1, "head", body};
        int times_full = 0;
        const auto parsed = parse(written(records, read_size, &times_full));
        cr_expect(parsed.output == "head" + body);
        cr_expect(parsed.headers.ends_with("0106000100000000 0103000100080000 "));
        cr_expect_geq(times_full, 3);
    }
}

// More parts than one call of sendmsg() accepts.
Test(records, may_be_thousands) {
    std::string body(40'000'000, 'x');
    for (std::size_t i = 0; i < body.size(); i += 1'000) body[i] = static_cast<char>(i / 1'000);
    ResponseRecords records{1, "", body};
    cr_expect(parse(written(records, 1 << 20, nullptr, 200'000)).output == body);
}

Test(records, write_nothing_twice) {
    StreamPair stream;
    ResponseRecords records{1, "head", "body"};
    cr_expect(records.write_some(stream.writer()));
    cr_expect_eq(stream.read(1'000).size(), 48U);
    cr_expect(records.write_some(stream.writer()));
    EXPECT_TEXT(stream.read(1'000), "");
}

Test(records, report_a_peer_that_has_gone) {
    const std::string body(1'000'000, 'x');
    StreamPair stream;
    ResponseRecords records{1, "head", body};
    cr_expect_not(records.write_some(stream.writer()));
    stream.close_reader();
    // write_some() must neither return false forever nor raise SIGPIPE, which would end this
    // process.
    cr_expect(throws<std::system_error>([&] { records.write_some(stream.writer()); }));
}
