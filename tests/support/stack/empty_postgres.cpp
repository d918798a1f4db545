#include "tests/support/stack/empty_postgres.hpp"

#include <libpq-fe.h>
#include <unistd.h>

namespace {

std::string run(PGconn* connection, const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result{PQexec(connection, sql.c_str()),
                                                               &PQclear};
    const auto status = PQresultStatus(result.get());
    cr_assert(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s: %s", sql.c_str(),
              PQerrorMessage(connection));
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
}

}  // namespace

EmptyPostgres::EmptyPostgres(const std::string& name)
    : name_("restored_" + name + "_" + std::to_string(getpid())),
      server_(PQconnectdb(test_variable("TEST_POSTGRES_URL").c_str())) {
    run(server_.get(), "CREATE DATABASE " + name_);
    connection_.reset(PQconnectdb(url().c_str()));
}

EmptyPostgres::~EmptyPostgres() {
    connection_.reset();
    PQclear(PQexec(server_.get(), ("DROP DATABASE " + name_ + " WITH (FORCE)").c_str()));
}

std::string EmptyPostgres::url() const {
    const auto server = test_variable("TEST_POSTGRES_URL");
    return server.substr(0, server.rfind('/') + 1) + name_;
}

std::string EmptyPostgres::execute(const std::string& sql) const {
    return run(connection_.get(), sql);
}
