// Filters and searches of personal tasks as clients write them in URLs, through nginx.
#include "tests/support/stack/stack.hpp"

namespace {

class Tasks {
public:
    explicit Tasks(Engine engine) : stack_(engine), client_(stack_.port()) {}

    // Returns the id of the new task.
    std::string add(const std::string& body) {
        const auto reply = send("POST", "/api/tasks", body);
        cr_assert_eq(reply.status, 201, "%s", reply.body.c_str());
        return json_member(reply.body, "data.id");
    }

    void change(const std::string& id, const std::string& body) {
        const auto reply = send("PATCH", "/api/tasks/" + id, body);
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
    }

    // The ids of the list, separated by spaces.
    std::string found(const std::string& query) {
        const auto reply = send("GET", "/api/tasks?sort=created_at&order=asc&" + query);
        cr_assert_eq(reply.status, 200, "%s: %s", query.c_str(), reply.body.c_str());
        std::string ids;
        const auto total = std::stoi(json_member(reply.body, "pagination.total"));
        for (int i = 0; i < total; ++i)
            ids += json_member(reply.body, "data." + std::to_string(i) + ".id") + " ";
        return ids;
    }

    // The place and the type of the only fault.
    std::string fault(const std::string& query) {
        const auto reply = send("GET", "/api/tasks?" + query);
        cr_assert_eq(reply.status, 422, "%s: %s", query.c_str(), reply.body.c_str());
        EXPECT_TEXT(json_member(reply.body, "error.details.1.type"), "<absent>");
        return json_member(reply.body, "error.details.0.loc.1") + " " +
               json_member(reply.body, "error.details.0.type") + ": " +
               json_member(reply.body, "error.details.0.msg");
    }

private:
    Reply send(const std::string& method, const std::string& path, const std::string& body = "") {
        return client_.send(
            {.method = method, .path = path, .body = body, .headers = {authorization_}});
    }

    Stack stack_;
    Client client_;
    std::string authorization_ = stack_.authorization_of("ann");
};

}  // namespace

ON_BOTH(search, reads_urls_as_clients_write_them, Tasks, tasks) {
    const auto eclair = tasks.add(
        R"({"title":"Éclair au chocolat","tags":["Pâtisserie","à la carte"],"priority":"high"})");
    const auto milk = tasks.add(
        R"({"title":"Buy milk","description":"two bottles","due_date":"2026-01-09T17:00:00Z"})");
    const auto both = eclair + " " + milk + " ";
    for (const char* query :
         {"q=%C3%89clair", "q=e%CC%81CLAIR", "q=eclair", "q=%C3%A9clair+chocolat",
          "q=chocolat%20%C3%89clair", "q=%20chocolat++eclair%20", "q=patisserie",
          "tag=p%C3%A2tisserie", "tag=P%C3%82TISSERIE,%C3%A0+la+carte",
          "tag=%C3%A0%20la%20carte%2Cp%C3%A2tisserie", "priority=HIGH,urgent", "priority=high"})
        cr_expect(tasks.found(query) == eclair + " ", "%s: %s", query, tasks.found(query).c_str());
    for (const char* query :
         {"q=milk+bottles", "q=two%20MILK", "priority=none,low", "due_after=2026-01-09T16:59:59Z",
          "due_after=2026-01-09T18:59:59%2B02:00", "due_before=2026-01-09T12:00:01-05:00"})
        cr_expect(tasks.found(query) == milk + " ", "%s: %s", query, tasks.found(query).c_str());
    for (const char* query : {"q=milk+eclair", "q=milkbottles", "tag=patisserie",
                              "tag=p%C3%A2tisserie,x", "due_after=2026-01-09T17:00:00Z",
                              "due_before=2026-01-09T19:00:00%2B02:00", "q=%25", "q=_"})
        cr_expect(tasks.found(query).empty(), "%s: %s", query, tasks.found(query).c_str());
    EXPECT_TEXT(tasks.found("q=C"), eclair + " ");
    EXPECT_TEXT(tasks.found("q=b"), milk + " ");
    EXPECT_TEXT(tasks.found("q=t"), both);
}

// In a query, a plus sign stands for a space, which no time has.
ON_BOTH(search, refuses_what_it_cannot_read, Tasks, tasks) {
    EXPECT_TEXT(tasks.fault("due_after=2026-01-09T18:59:59+02:00"),
                "due_after datetime_parsing: Input should be a valid datetime: "
                "2026-01-08T12:34:56Z");
    EXPECT_TEXT(tasks.fault("q=%CC%81"),
                "q value_error: Value error, it has no letter, digit or sign to search");
    EXPECT_TEXT(tasks.fault("tag=a,,b"),
                "tag value_error: Value error, a value before or after a comma is missing");
    EXPECT_TEXT(tasks.fault("priority=high;low"),
                "priority enum: Input should be 'none', 'low', 'medium', 'high' or 'urgent'");
}

ON_BOTH(search, follows_each_change, Tasks, tasks) {
    const auto id = tasks.add(R"({"title":"Äpfel","description":"kaufen","tags":["Markt"]})");
    const auto found = [&](const std::string& q) { return !tasks.found("q=" + q).empty(); };
    cr_expect(found("apfel+kaufen+markt"));
    tasks.change(id, R"({"title":"Birnen"})");
    cr_expect(found("birnen+kaufen+markt") && !found("apfel"));
    tasks.change(id, R"({"description":"ernten"})");
    cr_expect(found("birnen+ernten+markt") && !found("kaufen"));
    tasks.change(id, R"({"tags":["Garten","Öl"]})");
    cr_expect(found("birnen+ernten+garten+ol") && !found("markt"));
    EXPECT_TEXT(tasks.found("tag=%C3%B6l"), id + " ");
    tasks.change(id, R"({"tags":[]})");
    cr_expect(found("birnen+ernten") && !found("garten"));
    EXPECT_TEXT(tasks.found("tag=garten"), "");
    tasks.change(id, R"({"completed":true})");
    cr_expect(found("birnen+ernten") && tasks.found("q=birnen&status=pending").empty());
}
