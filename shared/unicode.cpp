#include "shared/unicode.hpp"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <new>

std::string nfc(std::string_view text) {
    utf8proc_uint8_t* composed = nullptr;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                     static_cast<utf8proc_ssize_t>(text.size()), &composed,
                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned{composed, std::free};
    if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc{};
    // The text is not UTF-8, so it has no composed form.
    if (size < 0) return std::string{text};
    return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size)};
}
