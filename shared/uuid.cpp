#include "shared/uuid.hpp"

#include <sys/random.h>

#include <iterator>
#include <stdexcept>

#include "shared/text.hpp"

namespace {

constexpr bool hyphen_before(std::size_t byte) {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

}  // namespace

Uuid Uuid::random() {
    Uuid uuid;
    if (getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) != std::ssize(uuid.bytes))
        throw std::runtime_error("no random bytes from the operating system");
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
    if (text.size() != 36) return std::nullopt;
    Uuid uuid;
    std::size_t at = 0;
    for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
        if (hyphen_before(i) && text[at++] != '-') return std::nullopt;
        const int byte = hex_byte(text.substr(at, 2));
        if (byte < 0) return std::nullopt;
        uuid.bytes[i] = static_cast<std::uint8_t>(byte);
        at += 2;
    }
    return uuid;
}

std::string Uuid::text() const {
    auto text = hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    for (const std::size_t hyphen : {8, 13, 18, 23}) text.insert(hyphen, 1, '-');
    return text;
}
