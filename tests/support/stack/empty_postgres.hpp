// An empty PostgreSQL database next to the test's own, dropped at the end.
#pragma once

#include <string>

#include "tests/support/database.hpp"

class EmptyPostgres {
public:
    // `name` distinguishes several ones of a test.
    explicit EmptyPostgres(const std::string& name);
    ~EmptyPostgres();
    EmptyPostgres(const EmptyPostgres&) = delete;
    EmptyPostgres& operator=(const EmptyPostgres&) = delete;

    std::string url() const;

    // Runs SQL as the superuser. Returns the first cell as text.
    std::string execute(const std::string& sql) const;

private:
    std::string name_;
    PgConnection server_;
    PgConnection connection_;
};
