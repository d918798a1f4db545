#include "shared/error.hpp"

#include <array>
#include <utility>

namespace {

constexpr std::array registry = {
#define ERROR(name, ...) ErrorEntry{Error::name, #name, __VA_ARGS__},
#include "shared/error.def"
#undef ERROR
};

}  // namespace

std::span<const ErrorEntry> error_registry() { return registry; }

const ErrorEntry& entry(Error error) { return registry[static_cast<std::size_t>(error)]; }

ApiError invalid(std::vector<std::variant<std::string, long>> location, std::string message,
                 std::string type) {
    return ApiError{Error::validation_error,
                    {{std::move(location), std::move(message), std::move(type)}}};
}

const char* ApiError::what() const noexcept { return entry(error_).message.data(); }
