// Checks responses against the OpenAPI document that the service publishes.
#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct Reply;

class Contract {
public:
    // Throws std::logic_error if the text is not an OpenAPI document.
    explicit Contract(const std::string& document, std::string api_prefix = "/api/v1");

    // Returns the openapi.json of the build's nginx as served with this API_PREFIX. Each is read
    // once.
    static const Contract& of(const std::string& api_prefix);

    // Returns how a response violates the document's description of this method and target: the
    // status, the media type, the body, or the headers. Empty if it does not. For HEAD and OPTIONS,
    // and for methods and paths that the document does not list, the rules that apply to all
    // endpoints are checked.
    std::string fault(std::string_view method, std::string_view target, const Reply& reply) const;

    // Returns the operation for a method and a target, or null.
    const rapidjson::Value* operation(std::string_view method, std::string_view target) const;

    const rapidjson::Document& document() const { return document_; }

    // Every path with its operations: those of the document, and those that it names as the same.
    const std::vector<std::pair<std::string, const rapidjson::Value*>>& paths() const {
        return all_;
    }

private:
    struct Path {
        std::vector<std::string> segments;
        const rapidjson::Value* item;
    };

    const rapidjson::Value* item_at(std::string_view path) const;
    // The response with which nginx may answer any request.
    const rapidjson::Value& refusal(bool is_enveloped) const;
    std::string unlisted_fault(bool is_known_path, std::string_view method, std::string_view path,
                               const Reply& reply) const;
    std::string response_fault(const rapidjson::Value& declared, bool is_default,
                               std::string_view method, const Reply& reply) const;

    std::string api_prefix_;
    rapidjson::Document document_;
    std::vector<std::pair<std::string, const rapidjson::Value*>> all_;
    std::vector<Path> paths_;  // in the order in which they are tried
};
