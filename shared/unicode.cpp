#include "shared/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

namespace {

constexpr unsigned nfkc_casefold =
    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

// Returns a text that is not UTF-8, and so has no other form, as it is.
std::string mapped(std::string_view text, unsigned options) {
    utf8proc_uint8_t* result = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                                   static_cast<utf8proc_option_t>(options));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned{result, std::free};
    if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc{};
    if (size < 0) return std::string{text};
    return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

std::string without_controls(std::string text) {
    std::replace_if(
        text.begin(), text.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, ' ');
    return text;
}

}  // namespace

std::string nfc(std::string_view text) { return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); }

std::string case_folded(std::string_view text) {
    return without_controls(mapped(text, nfkc_casefold));
}

std::string folded(std::string_view text) {
    return without_controls(mapped(text, nfkc_casefold | UTF8PROC_STRIPMARK));
}
