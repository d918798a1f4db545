#include "shared/error.hpp"

#include <array>

namespace {

constexpr std::array registry = {
#define ERROR(name, ...) ErrorEntry{Error::name, #name, __VA_ARGS__},
#include "shared/error.def"
#undef ERROR
};

}  // namespace

std::span<const ErrorEntry> error_registry() { return registry; }

const ErrorEntry& entry(Error error) { return registry[static_cast<std::size_t>(error)]; }

const char* ApiError::what() const noexcept { return entry(error_).message.data(); }
