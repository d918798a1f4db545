#include "cli/development.hpp"

#include <array>
#include <optional>
#include <ostream>
#include <stdexcept>

#include "cli/database.hpp"
#include "cli/migrate.hpp"
#include "shared/accounts/users.hpp"
#include "shared/auth/token.hpp"
#include "shared/conversations/add_messages.hpp"
#include "shared/models/account.hpp"
#include "shared/models/collab_task.hpp"
#include "shared/models/conversation.hpp"
#include "shared/models/existence.hpp"
#include "shared/models/task.hpp"
#include "shared/text.hpp"
#include "sql/collab_tasks.hpp"
#include "sql/conversations.hpp"
#include "sql/tasks.hpp"
#include "sql/users.hpp"

namespace {

constexpr std::optional<std::int64_t> no_limit;

constexpr const char* board_titles[] = {"Agree on the next release", "Write the announcement",
                                        "Thank everybody who reported a bug"};

enum class Due { never, yesterday, today, next_week };

constexpr struct {
    const char* title;
    const char* description;
    bool is_completed;
    Due due;
    Priority priority;
    std::array<const char*, 2> tags;  // null where there are fewer
} personal_tasks[] = {
    {"Buy milk", "Two bottles", true, Due::never, Priority::low, {"shopping"}},
    {"Water the plants", "", false, Due::today, Priority::medium, {"home"}},
    {"Call the dentist", "", false, Due::yesterday, Priority::urgent, {"health", "by phone"}},
    {"Renew the passport",
     "Two photos; the office is behind the Café Zoë",
     false,
     Due::next_week,
     Priority::high,
     {"paperwork"}},
    {"Read the documentation at /docs", "", false, Due::never, Priority::none, {}},
};

// Metadata is canonical JSON.
constexpr struct {
    const char* role;
    const char* content;
    const char* metadata;
} conversation_messages[] = {
    {"system", "Answer briefly. Look tasks up with list_tasks.", "null"},
    {"user", "What is due today?", "null"},
    {"assistant", "",
     R"({"model":"example-1","tool_calls":[{"arguments":{"status":"pending"},"id":"call-1",)"
     R"("name":"list_tasks"}]})"},
    {"tool", R"(["Water the plants","Call the dentist"])", R"({"tool_call_id":"call-1"})"},
    {"assistant", "Water the plants, then call the dentist.",
     R"({"model":"example-1","usage":{"input_tokens":86,"output_tokens":11}})"},
};

void refuse_production(const Config& config, const char* command) {
    if (config.is_production())
        throw std::runtime_error(std::string{command} +
                                 " is for development: ENVIRONMENT is production");
}

void require_schema(const Config& config) {
    if (!look_at_schema(config).pending.empty())
        throw std::runtime_error("the schema is not up to date: run `steelthread migrate up`");
}

Async<> make_user(Database& database, std::string user_id) {
    db::Batch batch;
    batch.add(sql::ensure_user, db::named("id", user_id),
              db::named("email", db::Null<std::string>{}));
    co_await database.run(std::move(batch));
}

Async<std::string> user_to_seed(const Config& config, Database& database, std::string user_id) {
    if (!user_id.empty()) co_return user_id;
    if (config.dev_user_email.empty()) co_return demo_user;
    const auto account = co_await database.maybe<Account>(
        sql::find_account, db::named("email", ascii_lower(config.dev_user_email)),
        db::named("network", ""));
    if (!account)
        throw std::runtime_error("DEV_USER_EMAIL has no account: run `steelthread migrate up`");
    co_return account->id;
}

// These return whether they added something.
Async<bool> seed_board(Database& database, std::ostream& out) {
    const auto counted = co_await database.one<Total>(sql::count_collab_tasks);
    if (counted.total > 0) co_return false;
    db::Batch batch;
    for (const auto* title : board_titles) {
        NewCollabTask task;
        task.title = title;
        batch.add(sql::insert_collab_task, db::named("id", Uuid::random()), db::fields_of(task),
                  db::named("max_tasks", no_limit));
    }
    co_await database.run(std::move(batch));
    out << "added " << std::size(board_titles) << " tasks to the board\n";
    co_return true;
}

// Yesterday and next week at 17:00, today at its last second, all in UTC.
std::optional<Timestamp> moment_of(Due due, Timestamp now) {
    constexpr std::int64_t second = 1'000'000;
    constexpr auto hour = 3600 * second;
    constexpr auto day = 24 * hour;
    const auto midnight = now.microseconds - now.microseconds % day;
    switch (due) {
        case Due::yesterday: return Timestamp{midnight - day + 17 * hour};
        case Due::today: return Timestamp{midnight + day - second};
        case Due::next_week: return Timestamp{midnight + 7 * day + 17 * hour};
        case Due::never: break;
    }
    return std::nullopt;
}

Async<bool> seed_tasks(Database& database, const std::string& user_id, std::ostream& out) {
    const auto counted = co_await database.one<Total>(sql::count_tasks, user_id);
    if (counted.total > 0) co_return false;
    db::Batch batch;
    const auto now = Timestamp::now();
    for (const auto& [title, description, is_completed, due, priority, tags] : personal_tasks) {
        NewTask task;
        task.title = title;
        task.description = description;
        task.completed = is_completed;
        task.due_date = moment_of(due, now);
        task.priority = priority;
        for (const auto* tag : tags)
            if (tag) task.tags.emplace_back(tag);
        batch.add(sql::insert_task, db::named("user_id", user_id), db::fields_of(task),
                  db::fields_of(folded_texts(task)), db::named("max_tasks", no_limit));
    }
    co_await database.run(std::move(batch));
    out << "added " << std::size(personal_tasks) << " tasks for " << user_id << '\n';
    co_return true;
}

Async<bool> seed_conversation(Database& database, const std::string& user_id, std::ostream& out) {
    const auto counted = co_await database.one<Total>(sql::count_conversations, user_id);
    if (counted.total > 0) co_return false;
    const auto made = co_await database.one<Conversation>(
        sql::insert_conversation, db::named("user_id", user_id),
        db::named("title", "Plans for today"), db::named("max_conversations", no_limit));
    std::vector<NewMessage> messages;
    for (const auto& [role, content, metadata] : conversation_messages)
        messages.push_back({role, content, {metadata}, {}});
    co_await add_messages(database, user_id, made.id, std::move(messages), no_limit);
    out << "added a conversation for " << user_id << '\n';
    co_return true;
}

Async<> seed_all(const Config& config, Database& database, std::string asked_for,
                 std::ostream& out) {
    Identity user;
    user.user_id = co_await user_to_seed(config, database, std::move(asked_for));
    KnownUsers known;
    UserDatabase own{database, known, user};
    const bool has_board = co_await seed_board(own, out);
    const bool has_tasks = co_await seed_tasks(own, user.user_id, out);
    const bool has_conversation = co_await seed_conversation(own, user.user_id, out);
    if (!has_board && !has_tasks && !has_conversation) out << "nothing to add\n";
}

}  // namespace

void print_token(const Config& config, const std::string& user_id, std::ostream& out) {
    refuse_production(config, "token");
    if (config.jwt_secret.empty())
        throw std::runtime_error(
            "no service has run here, so there is no secret to sign the token with: set "
            "JWT_SECRET, or RUN_DIR to the folder of a service");
    const auto token = Tokens{config}.issue({user_id, {}});
    require_schema(config);
    with_database(config, [&](Database& database) { return make_user(database, user_id); });
    out << token << '\n';
}

void seed(const Config& config, const std::string& user_id, std::ostream& out) {
    refuse_production(config, "seed");
    require_schema(config);
    with_database(config,
                  [&](Database& database) { return seed_all(config, database, user_id, out); });
}
