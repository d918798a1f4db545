#include "shared/email.hpp"

#include <string>

#include "tests/support/expect.hpp"

Test(email, is_an_address_of_ascii_with_a_domain) {
    for (const char* address : {"ada@example.org", "a.b+c@x.y", "--json@example.org"})
        EXPECT_TEXT(std::string{fault_of_email(address)}, "");
    for (const char* text : {"", "Bob", "bob@", "@example.org", "bob@localhost", "a b@example.org",
                             "zo\u00eb@example.org", " ada@example.org", "a@b@example.org"})
        cr_expect(!fault_of_email(text).empty(), "%s", text);
}
