#include "shared/db/postgres_rows.hpp"

#include <algorithm>
#include <cstring>

namespace {

// From src/include/catalog/pg_type.dat; these never change.
constexpr Oid bool_oid = 16, name_oid = 19, int8_oid = 20, int2_oid = 21, int4_oid = 23,
              text_oid = 25, json_oid = 114, varchar_oid = 1043, timestamptz_oid = 1184,
              uuid_oid = 2950;

// timestamptz counts microseconds since 2000-01-01T00:00:00Z.
constexpr std::int64_t postgres_epoch = 946'684'800'000'000;

std::array<char, 8> big_endian(std::int64_t value) {
    std::array<char, 8> bytes;
    for (auto i = bytes.size(); i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xff);
    return bytes;
}

std::int64_t from_big_endian(std::string_view bytes) {
    // Starts with the sign, which extends shorter integers.
    std::uint64_t value =
        (static_cast<unsigned char>(bytes.front()) & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(value);
}

struct OidOf {
    Oid operator()(bool) const { return bool_oid; }
    Oid operator()(std::int64_t) const { return int8_oid; }
    Oid operator()(const std::string&) const { return text_oid; }
    Oid operator()(const Uuid&) const { return uuid_oid; }
    Oid operator()(const Timestamp&) const { return timestamptz_oid; }
    template <class T>
    Oid operator()(db::Null<T>) const {
        return (*this)(T{});
    }
};

}  // namespace

PostgresParameters::PostgresParameters(const std::vector<db::Value>& values)
    : values_(values.size(), nullptr), lengths_(values.size(), 0), formats_(values.size(), 1) {
    numbers_.reserve(values.size());
    types_.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto& value = values[i];
        types_.push_back(std::visit(OidOf{}, value));
        const auto put = [&](const void* data, std::size_t size) {
            values_[i] = static_cast<const char*>(data);
            lengths_[i] = static_cast<int>(size);
        };
        const auto put_number = [&](std::int64_t number) {
            put(numbers_.emplace_back(big_endian(number)).data(), 8);
        };
        if (const auto* flag = std::get_if<bool>(&value))
            put(flag, 1);
        else if (const auto* number = std::get_if<std::int64_t>(&value))
            put_number(*number);
        else if (const auto* text = std::get_if<std::string>(&value))
            put(text->data(), text->size());
        else if (const auto* uuid = std::get_if<Uuid>(&value))
            put(uuid->bytes.data(), uuid->bytes.size());
        else if (const auto* moment = std::get_if<Timestamp>(&value))
            put_number(moment->microseconds - postgres_epoch);
    }
}

PostgresRows::PostgresRows(PostgresResult result) : result_(std::move(result)) {
    for (int column = 0; column < PQnfields(result_.get()); ++column)
        types_.push_back(PQftype(result_.get(), column));
}

std::size_t PostgresRows::size() const {
    return static_cast<std::size_t>(PQntuples(result_.get()));
}

std::size_t PostgresRows::column_count() const {
    return static_cast<std::size_t>(PQnfields(result_.get()));
}

std::string_view PostgresRows::column_name(std::size_t column) const {
    return PQfname(result_.get(), static_cast<int>(column));
}

bool PostgresRows::is_null(std::size_t row, std::size_t column) const {
    return PQgetisnull(result_.get(), static_cast<int>(row), static_cast<int>(column)) != 0;
}

bool PostgresRows::boolean(std::size_t row, std::size_t column) const {
    if (types_[column] != bool_oid || is_null(row, column)) wrong_type(column, "boolean");
    return cell(row, column).front() != 0;
}

std::int64_t PostgresRows::integer(std::size_t row, std::size_t column) const {
    const auto oid = types_[column];
    if ((oid != int8_oid && oid != int4_oid && oid != int2_oid) || is_null(row, column))
        wrong_type(column, "integer");
    return from_big_endian(cell(row, column));
}

std::string_view PostgresRows::text(std::size_t row, std::size_t column) const {
    const auto oid = types_[column];
    if ((oid != text_oid && oid != varchar_oid && oid != json_oid && oid != name_oid) ||
        is_null(row, column))
        wrong_type(column, "text");
    return cell(row, column);
}

Uuid PostgresRows::uuid(std::size_t row, std::size_t column) const {
    if (types_[column] != uuid_oid || is_null(row, column)) wrong_type(column, "uuid");
    Uuid uuid;
    std::memcpy(uuid.bytes.data(), cell(row, column).data(), uuid.bytes.size());
    return uuid;
}

Timestamp PostgresRows::timestamp(std::size_t row, std::size_t column) const {
    if (types_[column] != timestamptz_oid || is_null(row, column))
        wrong_type(column, "timestamptz");
    return {from_big_endian(cell(row, column)) + postgres_epoch};
}

std::string_view PostgresRows::cell(std::size_t row, std::size_t column) const {
    const int r = static_cast<int>(row);
    const int c = static_cast<int>(column);
    return {PQgetvalue(result_.get(), r, c),
            static_cast<std::size_t>(PQgetlength(result_.get(), r, c))};
}

void PostgresRows::wrong_type(std::size_t column, const char* expected) const {
    throw std::logic_error("column " + std::string{column_name(column)} + " is null or no " +
                           expected);
}
