// JSON Schema (2020-12), as far as the OpenAPI document uses it.
#pragma once

#include <rapidjson/document.h>

#include <string>

// Returns the fault of a value with its place: "/data/title: shorter than 1". Empty if the value is
// valid. References are looked up in `root`. Supports type, enum, const, properties, required,
// additionalProperties, items and their number, anyOf, oneOf, allOf, $ref, the lengths and bounds,
// and the formats date-time (as this service writes it), uuid and int64. Throws std::logic_error
// for any other keyword that is not an annotation.
std::string schema_fault(const rapidjson::Value& schema, const rapidjson::Value& value,
                         const rapidjson::Value& root);

// Returns what "$ref" of a value refers to, or the value itself if it has none. Throws
// std::logic_error for a dangling reference.
const rapidjson::Value& dereferenced(const rapidjson::Value& value, const rapidjson::Value& root);
