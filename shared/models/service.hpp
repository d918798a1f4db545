// What the probes and the root report about the service.
#pragma once

#include "shared/json/fields.hpp"
#include "shared/version.hpp"

struct ServiceInfo {
    std::string message = "steelthread: tasks over HTTP";
    std::string version{service_version};
    std::string docs = "/docs";

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("message", &ServiceInfo::message).example("steelthread: tasks over HTTP"),
            field("version", &ServiceInfo::version).example(service_version),
            field("docs", &ServiceInfo::docs).example("/docs"),
        };
    }
};

struct Readiness {
    std::string status = "ok";

    static consteval auto fields() {
        return std::tuple{json::field("status", &Readiness::status).example("ok")};
    }
};

struct Health {
    std::string status;    // "healthy" or "degraded"
    std::string database;  // "connected" or "disconnected"
    std::string service = "steelthread";
    std::string version{service_version};

    static consteval auto fields() {
        using json::field;
        return std::tuple{
            field("status", &Health::status).example("healthy"),
            field("database", &Health::database).example("connected"),
            field("service", &Health::service).example("steelthread"),
            field("version", &Health::version).example(service_version),
        };
    }
};
