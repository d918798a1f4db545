// Writes JSON in the canonical form of RFC 8785 (JCS): no white space, the shortest escapes,
// numbers as ECMAScript prints them. The caller must write the members of an object in JCS order
// (json/fields.hpp and canonical() do), so that every body of this service is canonical JSON and
// its ETag is the SHA-256 of the bytes that are sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace json {

class Writer {
public:
    // Appends to `out`, which must outlive the writer.
    explicit Writer(std::string& out) : out_(out) {}

    void begin_object();
    void end_object();
    void begin_array();
    void end_array();

    // Writes the name of a member. Its value must follow.
    void key(std::string_view name);

    void string(std::string_view utf8);
    // Writes a string that needs no escapes.
    void plain(std::string_view ascii);
    void integer(std::int64_t value);
    void number(double value);  // throws std::invalid_argument for NaN and infinities
    void boolean(bool value);
    void null();

    // Writes a value that is canonical JSON already.
    void raw(std::string_view canonical_json);

private:
    void separate();

    std::string& out_;
    bool first_ = true;  // the next value is the first one on its level
};

}  // namespace json
