#include "shared/http/error_body.hpp"

#include "shared/json/writer.hpp"
#include "shared/text.hpp"

namespace {

void write_details(json::Writer& writer, const std::vector<ErrorDetail>& details) {
    if (details.empty()) return;
    writer.key("details");
    writer.begin_array();
    for (const auto& detail : details) {
        writer.begin_object();
        writer.key("loc");
        writer.begin_array();
        for (const auto& step : detail.location)
            if (const auto* name = std::get_if<std::string>(&step))
                writer.string(*name);
            else
                writer.integer(std::get<long>(step));
        writer.end_array();
        writer.key("msg");
        writer.string(detail.message);
        writer.key("type");
        writer.string(detail.type);
        writer.end_object();
    }
    writer.end_array();
}

void put(json::Writer& writer, std::string_view name, std::string_view text) {
    writer.key(name);
    writer.string(text);
}

}  // namespace

ErrorShape error_shape(bool is_enveloped, std::string_view accept) {
    if (ascii_lower(accept).find("application/problem+json") != std::string::npos)
        return ErrorShape::problem;
    return is_enveloped ? ErrorShape::enveloped : ErrorShape::plain;
}

std::string_view media_type(ErrorShape shape) {
    return shape == ErrorShape::problem ? "application/problem+json" : "application/json";
}

std::string error_body(ErrorShape shape, const ApiError& error, std::string_view request_id) {
    const auto& row = entry(error.error());
    std::string body;
    json::Writer writer{body};
    writer.begin_object();
    switch (shape) {
        case ErrorShape::plain:
            write_details(writer, error.details());
            put(writer, "message", row.message);
            put(writer, "request_id", request_id);
            put(writer, "type", row.type);
            break;
        case ErrorShape::enveloped:
            writer.key("error");
            writer.begin_object();
            put(writer, "code", row.code);
            write_details(writer, error.details());
            put(writer, "message", row.message);
            put(writer, "request_id", request_id);
            writer.end_object();
            writer.key("success");
            writer.boolean(false);
            break;
        case ErrorShape::problem:
            put(writer, "code", row.code);
            put(writer, "detail", row.message);
            write_details(writer, error.details());
            put(writer, "instance", request_id);
            writer.key("status");
            writer.integer(row.status);
            put(writer, "title", row.title);
            put(writer, "type", "about:blank");
            break;
    }
    writer.end_object();
    return body;
}
