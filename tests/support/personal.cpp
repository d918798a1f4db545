#include "tests/support/personal.hpp"

#include "shared/models/task.hpp"
#include "tests/support/literals.hpp"

std::int64_t add_task(Service& service, const TaskRow& row) {
    service.database().add_user(row.user_id);
    NewTask task;
    task.title = row.title;
    task.description = row.description;
    task.tags = row.tags;
    const auto texts = folded_texts(task);
    return std::stoll(service.database().execute(
        "INSERT INTO tasks (user_id, title, description, completed, due_date, priority, tags, "
        "folded_title, folded_text, folds, created_at, updated_at) VALUES (" +
        quoted(row.user_id) + ", " + quoted(row.title) + ", " + quoted(row.description) + ", " +
        (row.completed ? "true" : "false") + ", " +
        (row.due_date ? literal(service, {*row.due_date}) : "NULL") + ", " +
        std::to_string(static_cast<std::int64_t>(row.priority)) + ", " +
        quoted(json::write(row.tags)) + ", " + quoted(*texts.folded_title) + ", " +
        quoted(*texts.folded_title + "\x1e" + *texts.folded_description + "\x1e" +
               *texts.folded_tags) +
        ", 1, " + literal(service, {row.created_at}) + ", " + literal(service, {row.updated_at}) +
        ") RETURNING id"));
}

std::int64_t add_conversation(Service& service, const std::string& user_id, std::int64_t created_at,
                              std::int64_t updated_at) {
    service.database().add_user(user_id);
    return std::stoll(service.database().execute(
        "INSERT INTO conversations (user_id, created_at, updated_at) VALUES (" + quoted(user_id) +
        ", " + literal(service, {created_at}) + ", " + literal(service, {updated_at}) +
        ") RETURNING id"));
}

std::int64_t add_message(Service& service, std::int64_t conversation_id, const std::string& content,
                         const std::string& user_id) {
    return std::stoll(service.database().execute(
        "INSERT INTO messages (conversation_id, user_id, role, content, created_at) VALUES (" +
        std::to_string(conversation_id) + ", " + quoted(user_id) + ", 'user', " + quoted(content) +
        ", " + literal(service, {a_moment}) + ") RETURNING id"));
}

void expect_owner_only(Service& service, Sent sent) {
    sent.authorization = service.bearer(other);
    expect_error(service.send(sent), Error::forbidden);
    sent.authorization = "Bearer x";
    expect_error(service.send(sent), Error::invalid_token);
    sent.authorization.clear();
    expect_error(service.send(sent), Error::auth_required);
}

std::vector<std::int64_t> ids_of(const Response& response) {
    cr_assert_eq(response.status(), 200, "%s", shown(response.body()).c_str());
    data_of(response);
    std::vector<std::int64_t> ids;
    const auto body = json_of(response);
    for (const auto& row : body["data"].GetArray()) ids.push_back(row["id"].GetInt64());
    return ids;
}

std::string next_cursor(const Response& response) {
    return member(json_of(response)["pagination"], "next_cursor");
}

void remove_all(Service& service, const std::string& table) {
    const bool is_sqlite = service.config().database_url.text.starts_with("sqlite");
    service.database().execute(
        (is_sqlite ? "PRAGMA foreign_keys = ON; DELETE FROM " : "DELETE FROM ") + table);
}

std::int64_t count(Service& service, const std::string& what) {
    return std::stoll(service.database().execute("SELECT count(*) FROM " + what));
}

std::string last_event(Service& service) {
    return service.database().execute(
        "SELECT type || ' ' || audience || ' ' || subject || ' ' || CAST(data AS text) "
        "FROM events ORDER BY id DESC LIMIT 1");
}
