// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <string_view>

using Digest = std::array<unsigned char, 32>;

// Throws std::runtime_error when OpenSSL fails.
Digest sha256(std::string_view bytes);

// The digest's bytes, to write or to compare. `digest` must outlive them.
inline std::string_view bytes_of(const Digest& digest) {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
