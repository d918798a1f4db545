#include "shared/json/reader.hpp"

#include <rapidjson/encodedstream.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "shared/error.hpp"
#include "shared/json/writer.hpp"
#include "shared/text.hpp"

namespace json {

namespace {

[[noreturn]] void refuse(const std::string& root, std::size_t offset, const std::string& message) {
    throw invalid({root, static_cast<long>(offset)}, "JSON decode error: " + message,
                  "json_invalid");
}

// UTF-16 code unit order (RFC 8785, section 3.2.3). It differs from UTF-8 byte order only where a
// supplementary character (lead byte 0xF0 and up) meets one in U+E000..U+FFFF (0xEE, 0xEF).
bool utf16_less(std::string_view a, std::string_view b) {
    const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
    const auto rank = [](char c) {
        const int byte = static_cast<unsigned char>(c);
        return byte >= 0xf0 ? byte - 2 : byte >= 0xee ? byte + 5 : byte;
    };
    return rank(*x) < rank(*y);
}

// Parses numbers itself: RapidJSON's own conversion is wrong in the last digits, and its
// full-precision one crashes on some long numbers.
struct Builder : rapidjson::Document {
    bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
        const char* const end = text + length;
        std::int64_t integer = 0;
        const auto whole = std::from_chars(text, end, integer);
        if (whole.ptr == end) {
            if (whole.ec == std::errc::result_out_of_range)
                integer = *text == '-' ? std::numeric_limits<std::int64_t>::min()
                                       : std::numeric_limits<std::int64_t>::max();
            return Int64(integer);
        }
        double number = 0;
        return std::from_chars(text, end, number).ec == std::errc{} && Double(number);
    }
};

std::string message_of(rapidjson::ParseErrorCode code) {
    // The handler stops the parser at a number only.
    if (code == rapidjson::kParseErrorTermination || code == rapidjson::kParseErrorNumberTooBig)
        return "a number beyond the range of a double";
    return rapidjson::GetParseError_En(code);
}

// Refuses what the parser accepts but a database could not return unchanged. max_depth bounds the
// recursion.
class Checker {
public:
    explicit Checker(std::string_view root) : steps_{root} {}

    void check(const rapidjson::Value& value, int depth) {
        if ((value.IsArray() || value.IsObject()) && depth == max_depth)
            fail("nested deeper than 32 levels", "json_invalid");
        if (value.IsString()) check_text(text_of(value));
        if (value.IsArray())
            for (rapidjson::SizeType i = 0; i < value.Size(); ++i)
                descend(static_cast<long>(i), value[i], depth);
        if (value.IsObject()) check_members(value, depth);
    }

private:
    using Step = std::variant<std::string_view, long>;

    static std::string owned(std::string_view name) { return std::string{name}; }
    static long owned(long index) { return index; }

    void descend(Step step, const rapidjson::Value& value, int depth) {
        steps_.push_back(step);
        check(value, depth + 1);
        steps_.pop_back();
    }

    void check_members(const rapidjson::Value& object, int depth) {
        std::vector<std::string_view> names;
        for (const auto& member : object.GetObject()) {
            check_text(text_of(member.name));
            names.push_back(text_of(member.name));
        }
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end()) {
            steps_.emplace_back(*twice);
            fail("Value error, this member occurs twice", "value_error");
        }
        for (const auto& member : object.GetObject())
            descend(text_of(member.name), member.value, depth);
    }

    void check_text(std::string_view text) const {
        if (text.find('\0') != text.npos) fail("\\u0000 is not allowed", "json_invalid");
        if (!is_utf8(text)) fail("a lone surrogate is not a character", "json_invalid");
    }

    [[noreturn]] void fail(const std::string& message, const char* type) const {
        std::vector<std::variant<std::string, long>> location;
        for (const auto& step : steps_)
            std::visit([&](auto part) { location.emplace_back(owned(part)); }, step);
        throw ApiError{Error::validation_error, {{std::move(location), message, type}}};
    }

    std::vector<Step> steps_;  // the path from the root to the value that is being checked
};

void write_canonical(Writer& writer, const rapidjson::Value& value) {
    if (value.IsObject()) {
        std::vector<const rapidjson::Value::Member*> members;
        for (const auto& member : value.GetObject()) members.push_back(&member);
        std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
            return utf16_less(text_of(a->name), text_of(b->name));
        });
        writer.begin_object();
        for (const auto* member : members) {
            writer.key(text_of(member->name));
            write_canonical(writer, member->value);
        }
        writer.end_object();
    } else if (value.IsArray()) {
        writer.begin_array();
        for (const auto& element : value.GetArray()) write_canonical(writer, element);
        writer.end_array();
    } else if (value.IsString()) {
        writer.string(text_of(value));
    } else if (value.IsInt64()) {
        writer.integer(value.GetInt64());
    } else if (value.IsNumber()) {
        writer.number(value.GetDouble());
    } else if (value.IsBool()) {
        writer.boolean(value.GetBool());
    } else {
        writer.null();
    }
}

}  // namespace

rapidjson::Document parse(std::string_view text, const std::string& root) {
    if (text.starts_with("\xef\xbb\xbf")) refuse(root, 0, "a byte order mark is not allowed");
    if (const auto nul = text.find('\0'); nul != text.npos)
        refuse(root, nul, "a NUL is not allowed");

    // The iterative parser uses no stack for nested values.
    constexpr unsigned flags = rapidjson::kParseValidateEncodingFlag |
                               rapidjson::kParseIterativeFlag |
                               rapidjson::kParseNumbersAsStringsFlag;
    Builder document;
    rapidjson::Reader reader;
    auto parse_all = [&](rapidjson::Document&) {
        rapidjson::MemoryStream bytes{text.data(), text.size()};
        rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream{bytes};
        return !reader.Parse<flags>(stream, document).IsError();
    };
    document.Populate(parse_all);
    if (reader.HasParseError())
        refuse(root, reader.GetErrorOffset(), message_of(reader.GetParseErrorCode()));
    Checker{root}.check(document, 0);
    return document;
}

std::string canonical(const rapidjson::Value& value) {
    std::string out;
    Writer writer{out};
    write_canonical(writer, value);
    return out;
}

const rapidjson::Value* find(const rapidjson::Value& object, std::string_view name) {
    const auto found = object.FindMember(rapidjson::Value(
        rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
    return found == object.MemberEnd() ? nullptr : &found->value;
}

}  // namespace json
