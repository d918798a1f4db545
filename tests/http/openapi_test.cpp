// The OpenAPI document, and the checks of responses against it.
#include <rapidjson/pointer.h>

#include <set>
#include <stdexcept>

#include "shared/json/reader.hpp"
#include "tests/support/stack/openapi.hpp"
#include "tests/support/stack/schema.hpp"
#include "tests/support/stack/stack.hpp"

namespace {

using rapidjson::Value;

const Contract& contract() { return Contract::of("/api/v1"); }

std::string fault_of(const char* schema, const char* value) {
    rapidjson::Document root, parsed;
    root.Parse(R"({"defs":{"short":{"maxLength":2}}})");
    // json::parse() would clamp large integers.
    parsed.Parse(value);
    return schema_fault(json::parse(schema), parsed, root);
}

// Returns the canonical JSON at a pointer (RFC 6901) into the document. A ':' stands for a '/' in a
// name.
std::string at(std::string pointer) {
    for (auto place = pointer.find(':'); place != pointer.npos; place = pointer.find(':'))
        pointer.replace(place, 1, "~1");
    const auto* const found = rapidjson::Pointer{pointer.c_str()}.Get(contract().document());
    return found ? json::canonical(*found) : "<absent>";
}

template <class Visit>
void for_each_operation(Visit visit) {
    for (const auto& [path, item] : contract().document()["paths"].GetObject())
        for (const auto& [method, operation] : item.GetObject())
            visit(std::string{json::text_of(path)}, std::string{json::text_of(method)}, operation);
}

// Calls visit(reference) for each "$ref" below a value.
template <class Visit>
void for_each_reference(const Value& value, Visit visit) {
    if (value.IsArray())
        for (const auto& one : value.GetArray()) for_each_reference(one, visit);
    if (!value.IsObject()) return;
    for (const auto& [name, member] : value.GetObject())
        if (json::text_of(name) == "$ref")
            visit(value);
        else
            for_each_reference(member, visit);
}

constexpr const char* task = R"({"created_at":"2026-01-08T12:34:56.123456Z","description":null,)"
                             R"("id":"00112233-4455-6677-8899-aabbccddeeff","title":"t",)"
                             R"("updated_at":"2026-01-08T12:34:56.123456Z","version":1})";

// A valid response to GET of a board task.
Reply sound() {
    return {
        .status = 200,
        .headers = {{"content-type", "application/json"}, {"etag", "\"x\""}, {"x-request-id", "r"}},
        .body = task,
        .failure = {}};
}

std::string fault_of(const Reply& reply, const char* method = "GET",
                     const char* target = "/collab/tasks/x?y") {
    const auto text = contract().fault(method, target, reply);
    return text.substr(0, text.find('\n'));
}

}  // namespace

Test(openapi, bodies_that_break_their_schema_are_seen) {
    static constexpr struct {
        const char* schema;
        const char* good;
        const char* bad;
        const char* fault;
    } cases[] = {
        {R"({"type":"string"})", R"("")", "1", R"(/: not of type "string")"},
        {R"({"type":"integer"})", "1", "1.5", R"(/: not of type "integer")"},
        {R"({"type":["string","null"]})", "null", "{}", R"(/: not of type ["string","null"])"},
        {R"({"enum":["a","b"]})", R"("b")", R"("c")", R"(/: "c" is not among ["a","b"])"},
        {R"({"const":true})", "true", "false", "/: not true"},
        {R"({"properties":{"a":{"type":"null"}}})", R"({"a":null})", R"({"a":0})",
         R"(/a: not of type "null")"},
        {R"({"required":["a"]})", R"({"a":1})", R"({"b":1})", "/: no a"},
        {R"({"additionalProperties":false,"properties":{"a":{}}})", R"({"a":1})",
         R"({"a":1,"b":1})", "/: unknown b"},
        {R"({"items":{"minimum":3}})", "[3,4]", "[4,2]", "/1: less than 3"},
        {R"({"minItems":1})", "[1]", "[]", "/: fewer items than 1"},
        {R"({"maxItems":1})", "[1]", "[1,2]", "/: more items than 1"},
        {R"({"maximum":3})", "3", "4", "/: greater than 3"},
        {R"({"minLength":2})", R"("\u00fc\u00fc")", R"("\u00fc")", "/: shorter than 2"},
        {R"({"maxLength":1})", R"("\u00fc")", R"("ab")", "/: longer than 1"},
        {R"({"maxItems":1})", "[1]", "[1,2]", "/: more items than 1"},
        {R"({"minItems":2})", "[1,2]", "[1]", "/: fewer items than 2"},
        {R"({"$ref":"#/defs/short"})", R"("ab")", R"("abc")", "/: longer than 2"},
        {R"({"allOf":[{"minimum":1},{"maximum":3}]})", "2", "4", "/: greater than 3"},
        {R"({"anyOf":[{"type":"null"},{"type":"string"}]})", "null", "1",
         R"(none of several, the last: /: not of type "string")"},
        {R"({"oneOf":[{"minimum":1},{"maximum":3}]})", "4", "2",
         "/: 2 alternatives in the place of one"},
        {R"({"format":"uuid"})", R"("00112233-4455-6677-8899-aabbccddeeff")", R"("0")",
         R"(/: not in the format "uuid")"},
        {R"({"format":"date-time"})", R"("2026-01-08T12:34:56.123456Z")",
         R"("2026-01-08T12:34:56Z")", R"(/: not in the format "date-time")"},
        {R"({"format":"int64"})", "9223372036854775807", "9223372036854775808",
         R"(/: not in the format "int64")"},
    };
    for (const auto& [schema, good, bad, fault] : cases) {
        EXPECT_TEXT(fault_of(schema, good), "");
        EXPECT_TEXT(fault_of(schema, bad), fault);
    }
}

Test(openapi, unknown_keywords_are_no_pass) {
    for (const char* schema :
         {R"({"pattern":"a"})", R"({"format":"email"})", R"({"type":"text"})",
          R"({"additionalProperties":{}})", R"({"$ref":"#/defs/long"})", R"({"title":"x"})"})
        cr_expect((throws<std::logic_error>([&] { fault_of(schema, R"({"a":"b"})"); }) ||
                   throws<std::logic_error>([&] { fault_of(schema, R"("b")"); })),
                  "%s", schema);
}

Test(openapi, answers_that_break_the_document_are_seen) {
    EXPECT_TEXT(fault_of(sound()), "");
    auto reply = sound();
    reply.body = R"({"title":"t"})";
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 200: /: no created_at");
    reply = sound();
    reply.body.insert(1, R"("more":1,)");
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 200: /: unknown more");
    reply = sound();
    reply.headers["content-type"] = "text/html";
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 200: the media type is text/html");
    reply = sound();
    reply.headers.erase("etag");
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 200: no header ETag");
    reply = sound();
    reply.headers["location"] = "/";
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 200: an undeclared header Location");
    reply = sound();
    reply.status = 201;
    cr_expect(!fault_of(reply).empty(), "201 is not declared");
    EXPECT_TEXT(fault_of(sound(), "HEAD"),
                "HEAD /collab/tasks/x?y 200: a body where there should be none");
    reply = sound();
    reply.status = 304;
    EXPECT_TEXT(fault_of(reply), "GET /collab/tasks/x?y 304: a body where there should be none");
}

Test(openapi, errors_that_break_the_document_are_seen) {
    const auto error = [](long status, const char* type) {
        return Reply{
            .status = status,
            .headers = {{"content-type", "application/json"}, {"x-request-id", "r"}},
            .body = std::string{R"({"message":"m","request_id":"r","type":")"} + type + R"("})",
            .failure = {}};
    };
    EXPECT_TEXT(fault_of(error(404, "not_found")), "");
    EXPECT_TEXT(fault_of(error(404, "forbidden")),
                "GET /collab/tasks/x?y 404: /type: \"forbidden\" is not among [\"not_found\"]");
    // The operation does not declare these errors, and nginx does not refuse requests for these
    // reasons.
    cr_expect(!fault_of(error(403, "forbidden")).empty());
    cr_expect(!fault_of(error(409, "conflict")).empty());
    EXPECT_TEXT(fault_of(error(414, "uri_too_long")), "");
    cr_expect(!fault_of(error(404, "not_found"), "GET", "/api/x").empty(), "the other shape's");
    EXPECT_TEXT(fault_of(error(404, "not_found"), "GET", "/x"), "");
    cr_expect(!fault_of(sound(), "GET", "/x").empty(), "an unknown path");
    cr_expect(!fault_of(sound(), "POST").empty(), "an unknown method");
    EXPECT_TEXT(fault_of(error(405, "method_not_allowed"), "POST"),
                "POST /collab/tasks/x?y 405: no header Allow");
}

Test(openapi, the_document_follows_the_declarations) {
    const std::string one = "/paths/:collab:tasks:{id}";
    EXPECT_TEXT(at("/openapi"), R"("3.1.0")");
    EXPECT_TEXT(at("/servers/0/url"), R"(".")");
    EXPECT_TEXT(at(one + "/get/parameters/0/schema"), R"({"format":"uuid","type":"string"})");
    EXPECT_TEXT(at("/paths/:api:v1:{user_id}:tasks:{id}/get/parameters/1/schema"),
                R"({"format":"int64","minimum":1,"type":"integer"})");
    EXPECT_TEXT(at("/paths/:api:tasks:{id}/get/parameters/0/name"), R"("id")");
    EXPECT_TEXT(at(one + "/get/security"), R"([{},{"bearerAuth":[]}])");
    EXPECT_TEXT(at(one + "/patch/security"), R"([{"bearerAuth":[]}])");
    EXPECT_TEXT(at(one + "/patch/parameters/1"),
                R"({"$ref":"#/components/parameters/If-Match-Required"})");
    EXPECT_TEXT(at("/paths/:api:tasks:{id}/put/parameters/1"),
                R"({"$ref":"#/components/parameters/If-Match"})");
    EXPECT_TEXT(
        at("/paths/:api:tasks/get/parameters/3"),
        R"({"description":"The most tasks on a page","in":"query","name":"limit","required":false,)"
        R"("schema":{"default":100,"maximum":100,"minimum":1,"type":"integer"}})");
    EXPECT_TEXT(at(one + "/get/responses/304"), R"({"$ref":"#/components/responses/NotModified"})");
    EXPECT_TEXT(at(one + "/patch/responses/304"), "<absent>");
    EXPECT_TEXT(at(one + "/patch/responses/428"),
                R"({"$ref":"#/components/responses/PlainPreconditionRequiredLimited"})");
    EXPECT_TEXT(at("/paths/:api:tasks:{id}/put/responses/404"),
                R"({"$ref":"#/components/responses/EnvelopedNotFoundLimited"})");
    EXPECT_TEXT(at("/paths/:api:tasks:{id}/get/responses/404"),
                R"({"$ref":"#/components/responses/EnvelopedNotFound"})");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/responses/429"),
                R"({"$ref":"#/components/responses/PlainTooManyRequestsLimited"})");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/responses/403"),
                R"({"$ref":"#/components/responses/PlainForbiddenLimited"})");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/responses/413"),
                R"({"$ref":"#/components/responses/PlainContentTooLarge"})");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/responses/200/headers/RateLimit"),
                R"({"$ref":"#/components/headers/RateLimit"})");
    EXPECT_TEXT(at("/paths/:events:tail/get/responses/429"),
                R"({"$ref":"#/components/responses/PlainTooManyRequests"})");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/requestBody/required"), "true");
    EXPECT_TEXT(at("/paths/:api:tasks:{id}:complete/patch/requestBody/required"), "false");
    EXPECT_TEXT(at("/paths/:collab:tasks/post/responses/200/headers/Location"),
                R"({"$ref":"#/components/headers/Location"})");
    EXPECT_TEXT(at("/components/schemas/CollabState/properties/items/items"),
                R"({"$ref":"#/components/schemas/CollabTask"})");
    // A member that is optional in requests is present in every response.
    EXPECT_TEXT(at("/components/schemas/NewCollabTask/required"), R"(["title"])");
    EXPECT_TEXT(at("/components/schemas/CollabTask/required"),
                R"(["created_at","description","id","title","updated_at","version"])");
    EXPECT_TEXT(at("/components/schemas/TaskList/required"),
                R"(["data","message","pagination","success"])");
}

Test(openapi, operations_have_names_of_their_own) {
    std::set<std::string> ids;
    for_each_operation([&](const auto& path, const auto& method, const auto& operation) {
        const std::string id{json::text_of(operation["operationId"])};
        cr_expect(ids.insert(id).second, "%s %s: %s", method.c_str(), path.c_str(), id.c_str());
        cr_expect_eq(id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                     id.npos, "%s", id.c_str());
    });
    EXPECT_TEXT(at("/paths/:api:tasks/get/operationId"), R"("listTasks")");
    EXPECT_TEXT(at("/paths/:api:v1:{user_id}:tasks/get/operationId"), R"("listTasksOfUser")");
    EXPECT_TEXT(at("/paths/:jobs/post/operationId"), R"("createJob")");
}

// The other paths of the personal API.
Test(openapi, a_resource_is_listed_once_or_twice) {
    EXPECT_TEXT(at("/paths/:api:{user_id}:tasks"), "<absent>");
    EXPECT_TEXT(at("/paths/:api:v1:{user_id}:tasks/get/x-also-at"), R"(["/api/{user_id}/tasks"])");
    EXPECT_TEXT(at("/paths/:api:tasks/get/x-also-at"), "<absent>");
    cr_expect_neq(at("/paths/:api:v1:{user_id}:tasks/get/description")
                      .find("Also at `/api/{user_id}/tasks`."),
                  std::string::npos);
    cr_expect_neq(at("/paths/:api:tasks/get/description")
                      .find("The same as `/api/v1/{user_id}/tasks` for the user of the token."),
                  std::string::npos);
    cr_expect_not_null(contract().operation("GET", "/api/ada/tasks/1"));
    cr_expect_null(contract().operation("POST", "/api/ada/tasks/1"));
}

// A keyword `default` makes the member required in clients that openapi-typescript generates.
Test(openapi, defaults_of_request_members_are_in_their_descriptions) {
    const std::string job = "/components/schemas/NewJob/properties";
    EXPECT_TEXT(at(job + "/max_attempts/default"), "<absent>");
    EXPECT_TEXT(at(job + "/max_attempts/description"), R"("The most leases. Default: `3`")");
    EXPECT_TEXT(at("/components/schemas/NewTask/properties/completed/description"),
                R"("Default: `false`")");
    EXPECT_TEXT(at("/paths/:jobs/get/parameters/1/schema/default"), "20");
}

Test(openapi, everything_is_described) {
    for_each_operation([&](const auto& path, const auto& method, const auto& operation) {
        const auto where = method + " " + path;
        for (const char* what : {"summary", "description"})
            cr_expect_gt(json::text_of(operation[what]).size(), 0, "%s: no %s", where.c_str(),
                         what);
        cr_expect(operation["responses"].HasMember("400"), "%s", where.c_str());
        for (const auto& parameter : operation["parameters"].GetArray()) {
            const auto& resolved = dereferenced(parameter, contract().document());
            cr_expect(json::find(resolved, "description") &&
                          !json::text_of(resolved["description"]).empty(),
                      "%s: %s is not described", where.c_str(), json::canonical(resolved).c_str());
        }
    });
    for (const auto& tag : contract().document()["tags"].GetArray())
        cr_expect_gt(json::text_of(tag["description"]).size(), 0);
}

Test(openapi, nothing_is_missing_and_nothing_is_left_over) {
    const auto& document = contract().document();
    std::set<std::string> used;
    for_each_reference(document, [&](const Value& reference) {
        dereferenced(reference, document);  // throws for a dangling reference
        used.emplace(json::text_of(reference["$ref"]));
    });
    for (const auto& [section, components] : document["components"].GetObject()) {
        if (json::text_of(section) == "securitySchemes") continue;  // named without a reference
        for (const auto& component : components.GetObject()) {
            const auto reference = "#/components/" + std::string{json::text_of(section)} + "/" +
                                   std::string{json::text_of(component.name)};
            cr_expect(used.contains(reference), "nothing uses %s", reference.c_str());
        }
    }
}

Test(openapi, its_examples_are_valid) {
    for_each_operation([&](const auto& path, const auto& method, const auto& operation) {
        const auto check = [&](const Value& content) {
            for (const auto& [type, media] : content.GetObject()) {
                cr_assert(media.HasMember("example"), "%s %s", method.c_str(), path.c_str());
                const auto fault =
                    schema_fault(media["schema"], media["example"], contract().document());
                cr_expect(fault.empty(), "%s %s: %s", method.c_str(), path.c_str(), fault.c_str());
            }
        };
        if (operation.HasMember("requestBody")) check(operation["requestBody"]["content"]);
        for (const auto& [status, response] : operation["responses"].GetObject())
            if (json::text_of(status).starts_with('2') && response.HasMember("content"))
                check(response["content"]);
    });
}
