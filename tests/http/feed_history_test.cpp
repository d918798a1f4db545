// Readers of the feed when the database is put back: a restored backup, a promoted standby that has
// not received the newest events. Their cursors are refused, so that they miss nothing unawares.
#include <filesystem>

#include "tests/support/stack/cluster.hpp"
#include "tests/support/stack/event_stream.hpp"
#include "tests/support/stack/stack.hpp"
#include "tests/support/web_socket.hpp"

namespace {

Reply note(const Stack& stack, const std::string& name) {
    return stack.send({.method = "POST",
                       .path = "/events",
                       .body = R"({"event":"test","target":")" + name + R"(","details":null})",
                       .headers = {stack.authorization_of("ann")}});
}

// Publishes notes and returns the id of the last one.
std::string notes(const Stack& stack, int first, int last) {
    std::string id;
    for (int i = first; i <= last; ++i) {
        const auto reply = note(stack, std::to_string(i));
        cr_assert_eq(reply.status, 200, "%s", reply.body.c_str());
        id = json_member(reply.body, "id");
    }
    return id;
}

void read_through(EventStream& stream, int first, int last) {
    for (int i = first; i <= last; ++i) {
        const auto event = stream.next();
        cr_assert(event.has_value(), "%d", i);
        EXPECT_TEXT(json_member(event->data, "subject"), std::to_string(i));
    }
}

long page_status(const Stack& stack, const std::string& cursor) {
    return stack.send({.path = "/events?after=" + cursor}).status;
}

// Expects that every kind of reader with this cursor is told.
void expect_refused(const Stack& stack, const std::string& cursor) {
    cr_expect_eq(page_status(stack, cursor), 422, "%s", cursor.c_str());
    EventStream stream{stack.port(), "/events/tail", {"Last-Event-ID: " + cursor}};
    cr_expect(stream.opening().find("\nevent: reset\ndata: {") != std::string::npos, "%s: %s",
              cursor.c_str(), stream.opening().c_str());
    cr_expect_eq(page_status(stack, stream.last_id()), 200);
    WebSocketClient socket{stack.port(), "/ws?after=" + cursor, {stack.authorization_of("ann")}};
    EXPECT_TEXT(json_member(socket.next(), "type"), "connection");
    EXPECT_TEXT(json_member(socket.next(), "type"), "reset");
}

void expect_accepted(const Stack& stack, const std::string& cursor) {
    cr_expect_eq(page_status(stack, cursor), 200, "%s", cursor.c_str());
    EventStream stream{stack.port(), "/events/tail", {"Last-Event-ID: " + cursor}};
    cr_assert_neq(notes(stack, 1000, 1000), "");
    const auto first = stream.next();
    cr_assert(first.has_value());
    EXPECT_TEXT(first->type, "note.test");
}

}  // namespace

// Afterwards there are more events than before, so that the old cursor is none of the future.
Test(feed_history, a_restored_sqlite_backup_refuses_older_cursors, .timeout = 100) {
    const TestDatabase database{Engine::sqlite};
    Stack stack{database.url()};
    const auto file = database.url().substr(std::string{"sqlite:///"}.size());
    const auto backup = file + ".backup";
    const auto kept = notes(stack, 1, 5);
    expect_accepted(stack, kept.substr(0, kept.rfind('-')));  // of an earlier release
    database.execute("VACUUM INTO '" + backup + "'");
    const auto lost = notes(stack, 6, 10);
    EventStream reader{stack.port(), "/events/tail?after=" + kept};
    cr_assert(reader.next().has_value());
    for (int round = 0; round < 2; ++round) {
        // A restart alone changes nothing.
        cr_expect_eq(stack.stop(), 0);
        stack.start();
        const auto before = notes(stack, 11, 11);
        expect_accepted(stack, before);

        cr_expect_eq(stack.stop(), 0);
        for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file + suffix);
        std::filesystem::copy_file(backup, file);
        stack.start();
        // The first writes do not come through the feed.
        for (int i = 0; i < 20; ++i) stack.create_task("after");
        const auto after = notes(stack, 20, 40);
        for (const auto& cursor : {kept, lost, before, kept.substr(0, kept.rfind('-'))})
            expect_refused(stack, cursor);
        expect_accepted(stack, after);
        const auto all = stack.send({.path = "/events?after=0"});
        cr_assert_eq(all.status, 200);
    }
    std::filesystem::remove(backup);
}

// The first writes are those of a command, before the service starts. Afterwards there are more
// events than before.
Test(feed_history, a_command_notices_a_restored_sqlite_backup, .timeout = 100) {
    const TestDatabase database{Engine::sqlite};
    Stack stack{database.url()};
    const auto file = database.url().substr(std::string{"sqlite:///"}.size());
    const auto backup = file + ".backup";
    const auto mark = stack.run_dir() + "/feed_mark";
    const auto kept = notes(stack, 1, 1);
    database.execute("VACUUM INTO '" + backup + "'");
    const auto lost = notes(stack, 2, 3);
    cr_expect_eq(page_status(stack, lost), 200);  // the mark is at the last note
    cr_expect_eq(stack.stop(), 0);
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file + suffix);
    std::filesystem::rename(backup, file);

    // A command that only reads writes nothing.
    const auto before = read_text(mark);
    const auto listed = stack.command({"user", "list"});
    cr_expect_eq(listed.status, 0, "%s", listed.errors.c_str());
    EXPECT_TEXT(read_text(mark), before);
    const auto seeded = stack.command({"seed"});  // adds eight events
    cr_expect_eq(seeded.status, 0, "%s", seeded.errors.c_str());
    cr_expect_neq(seeded.errors.find("readers start again"), std::string::npos, "%s",
                  seeded.errors.c_str());
    stack.start();
    for (const auto& cursor : {kept, lost}) expect_refused(stack, cursor);
    expect_accepted(stack, notes(stack, 20, 21));
}

// Without the mark nothing is known of earlier events, and RUN_DIR stays as it is.
Test(feed_history, a_command_makes_no_mark) {
    const TestDatabase database{Engine::sqlite};
    const auto folder = test_variable("TEST_DIR") + "/no_mark";
    auto variables = service_variables(database.url(), folder);
    variables["DEV_USER_EMAIL"] = "";
    const auto seeded = run_command({built("steelthread"), "seed"}, variables);
    cr_expect_eq(seeded.status, 0, "%s", seeded.errors.c_str());
    cr_expect_not(std::filesystem::exists(folder));
}

// The standby has not received the last notes, which were acknowledged and read. One stream stays
// open while it is promoted.
Test(feed_history, a_promotion_refuses_older_cursors, .timeout = 100) {
    const Cluster primary;
    const Cluster standby{primary, "standby"};
    const auto place = [](const Cluster& cluster) {
        const auto& url = cluster.url();
        const auto begin = url.find('@') + 1;
        return url.substr(begin, url.find('/', begin) - begin);
    };
    const Stack stack{"postgresql://postgres@" + place(primary) + "," + place(standby) +
                      "/postgres?target_session_attrs=read-write"};
    EventStream reader{stack.port(), "/events/tail"};
    const auto kept = notes(stack, 1, 5);
    read_through(reader, 1, 5);
    wait_until("the standby has the notes", [&] {
        return standby.execute("SELECT coalesce((SELECT max(subject) FROM events), '')") == "5";
    });
    standby.execute("ALTER SYSTEM SET primary_conninfo = ''");
    standby.execute("SELECT pg_reload_conf()");
    wait_until("the standby receives nothing",
               [&] { return standby.execute("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; });
    // A standby and its primary have one history.
    EXPECT_TEXT(standby.execute("SELECT feed_timeline()"), "00000001");
    EXPECT_TEXT(primary.execute("SELECT feed_timeline()"), "00000001");
    const auto lost = notes(stack, 6, 10);
    read_through(reader, 6, 10);
    primary.stop();
    standby.promote();
    EXPECT_TEXT(standby.execute("SELECT feed_timeline()"), "00000002");
    wait_until("a note is taken", [&] { return note(stack, "20").status == 200; });
    const auto after = notes(stack, 21, 60);
    // Its place in the order of events is behind those that are lost.
    cr_expect(std::stol(after) > std::stol(lost));
    const auto next = reader.next();
    cr_expect(!next.has_value(), "%s", next ? next->data.c_str() : "");
    cr_expect(reader.has_ended());
    for (const auto& cursor : {kept, lost, reader.last_id(), kept.substr(0, kept.rfind('-'))})
        expect_refused(stack, cursor);
    expect_accepted(stack, after);
}
