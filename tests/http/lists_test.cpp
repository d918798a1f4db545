// Personal lists that have not changed, with a server that restarts and a standby that is promoted
// without the newest changes.
#include "tests/support/stack/cluster.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

Reply list(const Stack& stack, const std::string& tag = "") {
    std::vector<std::string> headers{stack.authorization_of("ann")};
    if (!tag.empty()) headers.push_back("If-None-Match: " + tag);
    return stack.send({.path = "/api/tasks", .headers = headers});
}

void add_task(const Stack& stack, const std::string& title) {
    const auto reply = stack.send({.method = "POST",
                                   .path = "/api/tasks",
                                   .body = R"({"title":")" + title + R"("})",
                                   .headers = {stack.authorization_of("ann")}});
    cr_assert_eq(reply.status, 201, "%s", reply.body.c_str());
}

// Polls until the list has a tag of its own: no older transaction runs.
std::string settled_tag(const Stack& stack) {
    std::string tag;
    wait_until("the list is settled", [&] {
        tag = list(stack).header("etag");
        return tag.size() != 66;
    });
    return tag;
}

}  // namespace

Test(lists, are_read_again_after_a_restart_of_postgres) {
    const Cluster cluster;
    const Stack stack{cluster.url()};
    add_task(stack, "first");
    const auto tag = settled_tag(stack);
    cr_expect_eq(list(stack, tag).status, 304);
    cluster.restart();
    wait_until("the service has reconnected", [&] { return list(stack).status == 200; });
    const auto after = list(stack, tag);
    cr_expect_eq(after.status, 200);
    cr_expect_neq(after.header("etag"), tag);
}

// The standby has everything up to the tag, and then other changes.
Test(lists, are_read_again_from_a_promoted_standby) {
    const Cluster primary;
    std::string tag;
    {
        const Stack stack{primary.url()};
        add_task(stack, "first");
        tag = settled_tag(stack);
    }
    const Cluster standby{primary, "standby"};
    primary.stop();
    standby.promote();
    const Stack stack{standby.url()};
    const auto after = list(stack, tag);
    cr_expect_eq(after.status, 200, "%ld %s", after.status, after.body.c_str());
    cr_expect_neq(after.header("etag"), tag);
}
