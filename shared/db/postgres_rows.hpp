// The binary format of PostgreSQL's wire protocol: parameters to send, cells to read.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <vector>

#include "shared/db/database.hpp"

using PostgresResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

// The parameters of one statement in the form that libpq takes. The values must outlive the object.
class PostgresParameters {
public:
    explicit PostgresParameters(const std::vector<db::Value>& values);

    int count() const { return static_cast<int>(types_.size()); }
    const Oid* types() const { return types_.data(); }
    const char* const* values() const { return values_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

private:
    std::vector<Oid> types_;
    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
    std::vector<std::array<char, 8>> numbers_;
};

class PostgresRows final : public db::Rows {
public:
    explicit PostgresRows(PostgresResult result);

    std::size_t size() const override;
    std::size_t column_count() const override;
    std::string_view column_name(std::size_t column) const override;
    bool is_null(std::size_t row, std::size_t column) const override;
    bool boolean(std::size_t row, std::size_t column) const override;
    std::int64_t integer(std::size_t row, std::size_t column) const override;
    std::string_view text(std::size_t row, std::size_t column) const override;
    Uuid uuid(std::size_t row, std::size_t column) const override;
    Timestamp timestamp(std::size_t row, std::size_t column) const override;

private:
    std::string_view cell(std::size_t row, std::size_t column) const;
    [[noreturn]] void wrong_type(std::size_t column, const char* expected) const;

    PostgresResult result_;
    std::vector<Oid> types_;  // of the columns
};
