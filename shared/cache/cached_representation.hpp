// A representation that is kept in memory and stays valid until its revision changes. An unchanged
// one costs a check of the revision, however large it is, and concurrent requests share that check.
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/async.hpp"
#include "shared/promise.hpp"

// The source of the representation.
class RepresentationSource {
public:
    struct Reading {
        std::string revision;             // never empty
        std::optional<std::string> body;  // canonical JSON; nullopt if `revision` is the known one
    };

    virtual ~RepresentationSource() = default;

    // The current revision.
    virtual Async<std::string> revision() = 0;

    // The current revision and, unless it is `known`, the representation. The body must be at least
    // as new as the revision: if a change falls between the two, the next check reads it again.
    // `known` is empty before the first reading.
    virtual Async<Reading> read(std::string known) = 0;

protected:
    RepresentationSource() = default;
    RepresentationSource(const RepresentationSource&) = default;
    RepresentationSource& operator=(const RepresentationSource&) = default;
};

class CachedRepresentation {
public:
    struct Content {
        std::shared_ptr<const std::string> body;
        std::string etag;
    };

    // Checks go out one at a time, so that the busier the source is, the more requests share one. A
    // check that takes longer than this no longer holds up the next one: the source is far away.
    static constexpr std::chrono::milliseconds check_interval{1};

    // Returns the content, no older than this call. Requests share a check that begins after the
    // last of them has arrived, and throw what it throws. Only one check at a time reads the
    // representation; `source` must outlive the call.
    Async<Content> get(RepresentationSource& source);

private:
    using Waiters = std::vector<Promise*>;

    static void wake(Waiters& waiters, const std::exception_ptr& failure);
    static Async<> wait_among(Waiters& waiters);

    Async<> check(RepresentationSource& source);
    Async<> wait_for_turn();
    Async<> refresh(RepresentationSource& source);
    Async<> read(RepresentationSource& source);
    Async<> query(RepresentationSource& source);

    std::string revision_;
    Content content_;

    bool is_being_read_ = false;
    Waiters readers_;  // wait for the reading to end

    std::optional<Waiters> next_check_;  // share the check that is about to begin
    Timer* check_timer_ = nullptr;       // delays that check, if anything does
    int checks_ = 0;                     // in progress
    Clock::time_point last_check_{};
};
