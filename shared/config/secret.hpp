// Bytes that neither a log nor a dump may show. Nothing prints a Secret; search for reveal() if one
// has leaked.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}

    const std::string& reveal() const { return bytes_; }
    bool empty() const { return bytes_.empty(); }
    std::size_t size() const { return bytes_.size(); }

    bool operator==(const Secret&) const = default;

private:
    std::string bytes_;
};
