#include "shared/db/statement.hpp"

#include <stdexcept>

namespace db {

namespace {

[[noreturn]] void refuse(const Query& query, std::string_view parameter, const char* reason) {
    throw std::logic_error{std::string{query.name} + ": parameter :" + std::string{parameter} +
                           reason};
}

constexpr std::string_view presence = "has_";

bool is_presence_of(std::string_view parameter, std::string_view name) {
    return parameter.size() == presence.size() + name.size() && parameter.starts_with(presence) &&
           parameter.ends_with(name);
}

}  // namespace

PartialStatement::PartialStatement(const Query& query)
    : statement_{&query, std::vector<Value>(query.parameters.size())} {
    if (query.parameters.size() > 64)
        throw std::logic_error{std::string{query.name} + " has more than 64 parameters"};
}

Statement PartialStatement::finish() && {
    const auto& query = *statement_.query;
    for (std::size_t i = 0; i < query.parameters.size(); ++i)
        if ((given_ >> i & 1) == 0) refuse(query, query.parameters[i], " is missing");
    return std::move(statement_);
}

std::size_t PartialStatement::index_of(std::string_view name) const {
    const auto& query = *statement_.query;
    for (std::size_t i = 0; i < query.parameters.size(); ++i)
        if (query.parameters[i] == name) return i;
    refuse(query, name, " is unknown");
}

void PartialStatement::set(std::size_t index, Value value) {
    const auto bit = std::uint64_t{1} << index;
    if ((given_ & bit) != 0)
        refuse(*statement_.query, statement_.query->parameters[index], " is given twice");
    given_ |= bit;
    statement_.parameters[index] = std::move(value);
}

void PartialStatement::add_only(Value value) {
    const auto& query = *statement_.query;
    if (query.parameters.size() != 1)
        throw std::logic_error{std::string{query.name} + " has " +
                               std::to_string(query.parameters.size()) +
                               " parameters: give them by name"};
    set(0, std::move(value));
}

bool PartialStatement::add_presence(std::string_view name, bool is_there) {
    const auto& parameters = statement_.query->parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i)
        if (is_presence_of(parameters[i], name)) {
            set(i, is_there);
            return true;
        }
    return false;
}

void PartialStatement::refuse_without_presence(std::string_view name) const {
    refuse(*statement_.query, std::string{presence}.append(name), " is unknown");
}

void PartialStatement::refuse_left_out(std::string_view name) const {
    throw std::logic_error{std::string{statement_.query->name} + ": no field " + std::string{name} +
                           " to leave out"};
}

}  // namespace db
