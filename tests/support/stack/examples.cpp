#include "tests/support/stack/examples.hpp"

#include <rapidjson/document.h>

#include <algorithm>

#include "shared/json/reader.hpp"

namespace {

void fill_in(std::string& path, const std::string& name, const std::string& value) {
    const auto at = path.find(name);
    if (at != path.npos) path.replace(at, name.size(), value);
}

}  // namespace

Examples::Examples(const Stack& stack, const std::string& user)
    : client_(stack.port()),
      token_(user.empty() ? stack.authorization() : stack.authorization_of(user)) {
    const auto location = create("/api/tasks");
    user_ = location.substr(8, location.find("/tasks") - 8);  // after "/api/v1/"
}

std::string Examples::filled(std::string path) {
    fill_in(path, "{user_id}", user_);
    fill_in(path, "{file}", "swagger-ui.css");
    const auto id = path.find("/{id}");
    if (id != path.npos) {
        const auto location = create(path.substr(0, id));
        fill_in(path, "{id}", location.substr(location.rfind('/') + 1));
    }
    return path;
}

Call Examples::call(std::string method, const std::string& filled_path) {
    std::transform(method.begin(), method.end(), method.begin(), ::toupper);
    const auto* const operation = contract_.operation(method, filled_path);
    cr_assert_not_null(operation, "%s %s", method.c_str(), filled_path.c_str());
    Call call{.method = method, .path = filled_path, .body = {}, .headers = {}};
    if (operation->HasMember("requestBody")) {
        rapidjson::Document body;
        body.CopyFrom((*operation)["requestBody"]["content"]["application/json"]["example"],
                      body.GetAllocator());
        if (body.HasMember("operations"))
            for (auto& one : body["operations"].GetArray())
                if (one.HasMember("id")) one["id"].SetInt64(create_task());
        call.body = json::canonical(body);
    }
    const auto& security = (*operation)["security"];
    if (!security.Empty())
        call.headers.push_back(
            security[0].HasMember("apiKey") ? std::string{"X-API-Key: "} + api_key : token_);
    return call;
}

std::string Examples::create(const std::string& path) {
    return send(call("POST", path)).header("location");
}

std::int64_t Examples::create_task() {
    const auto location = create("/api/tasks");
    return std::stoll(location.substr(location.rfind('/') + 1));
}
