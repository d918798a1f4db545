#include "shared/db/sqlstate.hpp"

#include "tests/support/expect.hpp"

Test(sqlstate, maps_what_a_client_can_act_on) {
    static constexpr struct {
        std::string_view sqlstate;
        Error error;
    } cases[] = {
        {"22021", Error::validation_error},    {"22P05", Error::validation_error},
        {"22003", Error::validation_error},    {"22001", Error::validation_error},
        {"40001", Error::service_unavailable}, {"40P01", Error::service_unavailable},
        {"08000", Error::service_unavailable}, {"08001", Error::service_unavailable},
        {"08006", Error::service_unavailable}, {"08P01", Error::service_unavailable},
        {"57P01", Error::service_unavailable}, {"57P02", Error::service_unavailable},
        {"57P03", Error::service_unavailable}, {"57P05", Error::service_unavailable},
        {"57014", Error::service_unavailable}, {"53000", Error::service_unavailable},
        {"53100", Error::service_unavailable}, {"53200", Error::service_unavailable},
        {"53300", Error::service_unavailable}, {"55P03", Error::service_unavailable},
        {"25006", Error::service_unavailable}, {"58000", Error::service_unavailable},
        {"58030", Error::service_unavailable}, {"XX001", Error::service_unavailable},
        {"XX002", Error::service_unavailable}, {"42P01", Error::service_unavailable},
        {"42703", Error::service_unavailable}, {"42883", Error::service_unavailable},
        {"42501", Error::service_unavailable},
    };
    for (const auto& [sqlstate, error] : cases)
        EXPECT_TEXT(entry(error_for_sqlstate(sqlstate)).name, entry(error).name);
}

// An internal fault must stay a 500. Blaming the client would hide it.
Test(sqlstate, leaves_everything_else_internal) {
    for (const std::string_view sqlstate :
         {"",      "0",     "2",     "23",    "2350",  "00000", "02000",       "22000",
          "22P02", "22012", "23000", "23502", "23503", "23505", "23514",       "25P02",
          "26000", "28P01", "40000", "40002", "42601", "42702", "42P02",       "42P05",
          "54000", "55000", "57000", "57P",   "XX000", "P0001", "no sqlstate", "123505"})
        EXPECT_TEXT(entry(error_for_sqlstate(sqlstate)).name, "internal_error");
}

Test(sqlstate, names_the_remedy_for_a_schema_that_lacks_something) {
    for (const std::string_view sqlstate : {"42P01", "42703", "42883"})
        cr_expect(remedy_for_sqlstate(sqlstate).find("steelthread migrate up") !=
                  std::string_view::npos);
    for (const std::string_view sqlstate : {"", "42", "42P02", "58030", "25006"})
        EXPECT_TEXT(remedy_for_sqlstate(sqlstate), "");
}

Test(sqlstate, repeats_only_what_was_rolled_back_for_sure) {
    cr_expect(is_serialization_failure("40001"));
    cr_expect(is_serialization_failure("40P01"));
    for (const std::string_view sqlstate :
         {"", "40000", "40002", "40003", "08006", "57P01", "400010"})
        cr_expect_not(is_serialization_failure(sqlstate), "%s", shown(sqlstate).c_str());
}

Test(sqlstate, knows_a_lost_connection) {
    for (const std::string_view sqlstate :
         {"08000", "08001", "08003", "08006", "57P01", "57P02", "57P03"})
        cr_expect(is_connection_failure(sqlstate), "%s", shown(sqlstate).c_str());
    for (const std::string_view sqlstate :
         {"", "0", "57", "57014", "53300", "23505", "40001", "XX000"})
        cr_expect_not(is_connection_failure(sqlstate), "%s", shown(sqlstate).c_str());
}
