#include "cli/users.hpp"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <vector>

#include "cli/consent.hpp"
#include "cli/database.hpp"
#include "cli/migrate.hpp"
#include "shared/auth/password.hpp"
#include "shared/control_characters.hpp"
#include "shared/error.hpp"
#include "shared/json/writer.hpp"
#include "shared/log.hpp"
#include "shared/models/account.hpp"
#include "shared/models/existence.hpp"
#include "shared/text.hpp"
#include "shared/unicode.hpp"
#include "shared/uuid.hpp"
#include "sql/users.hpp"

namespace {

constexpr std::int64_t batch_rows = 1000;
constexpr std::size_t max_line_bytes = 1024;

struct User {
    std::string id;
    std::optional<std::string> email;
    std::optional<std::string> name;
    bool has_password = false;
    Timestamp created_at;
    std::optional<Timestamp> disabled_at;
    std::int64_t tasks = 0;

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("id", &User::id),
            field("email", &User::email),
            field("name", &User::name),
            field("has_password", &User::has_password),
            field("created_at", &User::created_at),
            field("disabled_at", &User::disabled_at),
            field("tasks", &User::tasks),
        };
    }

    // As messages name the user.
    std::string label() const {
        return email ? printable(*email) + " (id " + printable(id) + ")"
                     : "the user with the id " + printable(id);
    }
};

void with_users(const Config& config, const std::function<Async<>(Database&)>& work) {
    if (!look_at_schema(config).pending.empty())
        throw std::runtime_error("the schema is not up to date: run `steelthread migrate up`");
    with_database(config, work);
}

Async<User> find(Database& database, UserName name) {
    const auto email = name.is_id ? std::nullopt : std::optional{ascii_lower(name.text)};
    const auto found = co_await database.all<User>(sql::find_users, db::named("id", name.text),
                                                   db::named("email", email));
    if (found.size() == 1) co_return found.front();
    const auto shown = '"' + printable(name.text) + '"';
    if (found.empty())
        throw std::runtime_error("there is no user with the " +
                                 std::string{name.is_id ? "id " : "e-mail or id "} + shown);
    std::string message = shown + " is the e-mail address of one user and the id of another one:\n";
    for (const auto& user : found) message.append("  ").append(user.label()).append("\n");
    throw std::runtime_error(message + "repeat the command with --id and the id of the one meant");
}

// What signing up accepts, as it is stored.
NewAccount checked(const std::string& email, const std::optional<std::string>& name,
                   const std::string& password) {
    try {
        auto account = json::read<NewAccount>(json::write(NewAccount{email, name, password}));
        account.email = ascii_lower(account.email);
        account.password = nfc(account.password);
        return account;
    } catch (const ApiError& error) {
        std::vector<std::string> faults;
        for (const auto& detail : error.details()) {
            // A position in the text means nothing to the user.
            const auto* const field = std::get_if<std::string>(&detail.location.back());
            faults.push_back((field ? *field + ": " : "") + detail.message);
        }
        throw std::runtime_error(joined(faults, "; "));
    }
}

std::string make_password() {
    std::array<unsigned char, 12> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("no random bytes");
    return hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void print_made(const std::optional<std::string>& given, const std::string& password,
                std::ostream& out) {
    if (!given) out << "password: " << password << '\n';
}

using Line = std::array<std::string, 6>;

Line line_of(const User& user) {
    return {printable(user.id),
            printable(user.email.value_or("-")),
            printable(user.name.value_or("-")),
            user.disabled_at ? "disabled" : "active",
            user.created_at.text().substr(0, std::size("2026-01-08T12:34:56") - 1) + "Z",
            std::to_string(user.tasks)};
}

void print_table(const std::vector<User>& users, std::ostream& out) {
    std::vector<Line> lines{{"ID", "E-MAIL", "NAME", "STATE", "CREATED", "TASKS"}};
    for (const auto& user : users) lines.push_back(line_of(user));
    std::array<std::size_t, std::tuple_size_v<Line>> widths{};
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i)
            widths[i] = std::max(widths[i], code_points(line[i]));
    for (const auto& line : lines) {
        for (std::size_t i = 0; i + 1 < line.size(); ++i)
            out << line[i] << std::string(widths[i] - code_points(line[i]) + 2, ' ');
        out << line.back() << '\n';
    }
}

void print_json(const std::vector<User>& users, std::ostream& out) {
    out << '[';
    for (std::size_t i = 0; i < users.size(); ++i)
        out << (i ? ",\n " : "") << json::write(users[i]);
    out << "]\n";
}

Async<> list(Database& database, std::vector<User>& users) {
    for (;;) {
        const auto after = users.empty() ? Timestamp::first() : users.back().created_at;
        const auto after_id = users.empty() ? std::string{} : users.back().id;
        const auto page = co_await database.all<User>(sql::list_users, db::named("after", after),
                                                      db::named("after_id", after_id),
                                                      db::named("limit", batch_rows));
        if (page.empty()) co_return;
        users.insert(users.end(), page.begin(), page.end());
    }
}

// Adds the event that a change is about to cause.
void add_event(db::Batch& batch, const User& user, const std::string& type, bool is_disabled) {
    std::string data;
    json::Writer writer{data};
    writer.begin_object();
    writer.key("id");
    writer.string(user.id);
    writer.end_object();
    batch.add(sql::insert_account_event, db::named("id", user.id), db::named("type", type),
              db::named("data", json::Raw{data}), db::named("is_disabled", is_disabled));
}

// Returns whether the user was in the other state.
Async<bool> set_disabled(Database& database, const User& user, bool is_disabled) {
    db::Batch batch;
    add_event(batch, user, is_disabled ? "account.disabled" : "account.enabled", !is_disabled);
    const auto changed = batch.add(is_disabled ? sql::disable_user : sql::enable_user, user.id);
    const auto results = co_await database.run(std::move(batch));
    co_return !results.rows(changed).empty();
}

// One transaction. Returns whether anything is left, which may also be rows that another
// transaction is deleting.
Async<bool> delete_some(Database& database, const User& user) {
    db::Batch batch;
    batch.add(sql::delete_messages_of_user, db::named("user_id", user.id),
              db::named("limit", batch_rows));
    batch.add(sql::delete_conversation_of_user, user.id);
    batch.add(sql::delete_tasks_of_user, db::named("user_id", user.id),
              db::named("limit", batch_rows));
    const auto left = batch.add<Existence>(sql::user_owns_rows, user.id);
    const auto results = co_await database.run(std::move(batch));
    co_return results.one(left).exists;
}

Async<> delete_all(Database& database, const User& user) {
    db::Batch batch;
    add_event(batch, user, "account.deleted", user.disabled_at.has_value());
    batch.add(sql::disable_user, user.id);
    co_await database.run(std::move(batch));
    for (bool is_any_left = true; is_any_left;) {
        const auto before = Clock::now();
        is_any_left = co_await delete_some(database, user);
        // Others want to write, too.
        co_await sleep_for(Clock::now() - before);
    }
    db::Batch last;
    last.add(sql::delete_user, user.id);
    co_await database.run(std::move(last));
}

// For whoever collects what commands write to stderr. At a terminal, stdout says it already.
void audit(std::string_view action, const std::string& id) {
    if (isatty(STDERR_FILENO) == 0) logging::audit({}, action, {{"user", id}});
}

std::string effect_of_deleting(const User& user) {
    return "this deletes " + user.label() + " with " + std::to_string(user.tasks) +
           (user.tasks == 1 ? " task" : " tasks") + " and all conversations";
}

}  // namespace

void list_users(const Config& config, bool as_json, std::ostream& out) {
    std::vector<User> users;
    with_users(config, [&](Database& database) { return list(database, users); });
    (as_json ? print_json : print_table)(users, out);
}

void create_user(const Config& config, const std::string& email,
                 const std::optional<std::string>& name, const std::optional<std::string>& password,
                 std::ostream& out) {
    const auto account = checked(email, name, password ? *password : make_password());
    const auto hash = hash_password(account.password, config.bcrypt_cost);
    with_users(config, [&](Database& database) -> Async<> {
        const auto made = co_await database.maybe<AccountView>(
            sql::insert_account, db::named("id", Uuid::random().text()),
            db::named("email", account.email), db::named("name", account.name),
            db::named("password_hash", hash));
        if (!made) {
            const auto taken = co_await database.maybe<User>(
                sql::find_users, db::named("id", std::optional<std::string>{}),
                db::named("email", account.email));
            throw std::runtime_error((taken ? taken->label() : account.email) + " is taken");
        }
        audit("account.created", made->id);
        out << "created " << account.email << " with the id " << made->id << '\n';
        print_made(password, account.password, out);
    });
}

void set_password(const Config& config, const UserName& name,
                  const std::optional<std::string>& password, std::ostream& out) {
    with_users(config, [&](Database& database) -> Async<> {
        const auto found = co_await find(database, name);
        if (!found.email)
            throw std::runtime_error(found.label() + " has no e-mail address to log in with");
        const auto account =
            checked(*found.email, std::nullopt, password ? *password : make_password());
        db::Batch batch;
        batch.add(sql::set_password_hash, db::named("id", found.id),
                  db::named("password_hash", hash_password(account.password, config.bcrypt_cost)));
        co_await database.run(std::move(batch));
        audit("password.set", found.id);
        out << "changed the password of " << found.label() << '\n';
        print_made(password, account.password, out);
    });
}

void disable_user(const Config& config, const UserName& name, std::ostream& out) {
    with_users(config, [&](Database& database) -> Async<> {
        const auto found = co_await find(database, name);
        const bool has_changed = co_await set_disabled(database, found, true);
        if (has_changed) audit("account.disabled", found.id);
        out << (has_changed ? "disabled " : "already disabled: ") << found.label() << '\n';
    });
}

void enable_user(const Config& config, const UserName& name, std::ostream& out) {
    with_users(config, [&](Database& database) -> Async<> {
        const auto found = co_await find(database, name);
        const bool has_changed = co_await set_disabled(database, found, false);
        if (has_changed) audit("account.enabled", found.id);
        out << (has_changed ? "enabled " : "already enabled: ") << found.label() << '\n';
    });
}

void delete_user(const Config& config, const UserName& name, bool is_confirmed, std::ostream& out) {
    with_users(config, [&](Database& database) -> Async<> {
        const auto found = co_await find(database, name);
        require_consent(effect_of_deleting(found), is_confirmed, "user delete --yes");
        co_await delete_all(database, found);
        audit("account.deleted", found.id);
        out << "deleted " << found.label() << '\n';
    });
}

std::optional<std::string> read_password() {
    if (isatty(STDIN_FILENO) != 0) return std::nullopt;
    std::string line;
    for (char c = 0; std::cin.get(c) && c != '\n'; line += c)
        if (line.size() == max_line_bytes)
            throw std::runtime_error("the password has more than 1,024 bytes");
    if (line.ends_with('\r')) line.pop_back();
    if (!is_utf8(line)) throw std::runtime_error("the password is not UTF-8");
    if (line.find('\0') != line.npos) throw std::runtime_error("the password contains a NUL");
    if (line.empty()) return std::nullopt;
    return line;
}
