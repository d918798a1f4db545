// JSON Schema (2020-12), as far as the OpenAPI document uses it.
#pragma once

#include <rapidjson/document.h>

#include <string>

// What is wrong with a value, and where: "/data/title: shorter than 1". Empty when it is valid.
// References are looked up in `root`. Knows type, enum, const, properties, required,
// additionalProperties, items, anyOf, oneOf, allOf, $ref, the lengths and bounds, and the formats
// date-time (as this service writes it), uuid and int64; throws std::logic_error for any other
// keyword that is no annotation.
std::string schema_fault(const rapidjson::Value& schema, const rapidjson::Value& value,
                         const rapidjson::Value& root);

// What "$ref" of a value refers to; the value itself when it has none. Throws std::logic_error when
// there is nothing.
const rapidjson::Value& dereferenced(const rapidjson::Value& value, const rapidjson::Value& root);
