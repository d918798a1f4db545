#include "cli/developer_account.hpp"

#include <ostream>

#include "shared/auth/password.hpp"
#include "shared/text.hpp"
#include "shared/unicode.hpp"
#include "shared/uuid.hpp"

bool make_developer_account(const Config& config, BlockingConnection& connection,
                            std::ostream& out) {
    if (config.dev_user_email.empty()) return false;
    const auto email = ascii_lower(config.dev_user_email);
    if (!connection.query("SELECT id FROM users WHERE email = $1", {email}).empty()) {
        out << "account " << email << " already exists; its password is unchanged\n";
        return false;
    }
    const auto hash = hash_password(nfc(config.dev_user_password.reveal()), config.bcrypt_cost);
    const auto made = connection.query(
        "INSERT INTO users (id, email, password_hash) VALUES ($1, $2, $3) "
        "ON CONFLICT (email) DO NOTHING RETURNING id",
        {Uuid::random().text(), email, hash});
    // Another `migrate up` may have created the account meanwhile.
    if (!made.empty()) out << "account " << email << '\n';
    return !made.empty();
}
