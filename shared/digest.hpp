// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <string>
#include <string_view>

using Digest = std::array<unsigned char, 32>;

// Throws std::runtime_error if OpenSSL fails.
Digest sha256(std::string_view bytes);

// The bytes of a digest, to write or to compare. `digest` must outlive them.
inline std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// A strong ETag (RFC 9110, section 8.8.3), quotes included: the hex SHA-256 of the bytes that are
// sent, which are canonical JSON (RFC 8785). Throws what sha256() throws.
std::string entity_tag(std::string_view canonical_json);
