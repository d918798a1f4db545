#include "shared/cache/cached_representation.hpp"

#include <functional>
#include <stdexcept>

#include "shared/digest.hpp"
#include "tests/support/expect.hpp"

namespace {

using namespace std::chrono_literals;

// Answers with its state at the time of the question, but only once the test releases the answer.
class HeldSource final : public RepresentationSource {
public:
    std::string current_revision = "1";
    std::string body = "one";
    std::vector<std::string> questions;
    std::vector<Clock::time_point> times;

    Async<std::string> revision() override {
        const auto answer = current_revision;
        co_await hold("revision");
        co_return answer;
    }

    Async<Reading> read(std::string known) override {
        Reading reading{.revision = current_revision, .body = body};
        if (reading.revision == known) reading.body.reset();
        co_await hold("read after " + known);
        co_return reading;
    }

    void change(const std::string& to) {
        current_revision = to;
        body = to == "1" ? "one" : "changed to " + to;
    }

    void release(std::size_t index, const std::exception_ptr& failure = nullptr) {
        held_.at(index)->deliver(failure);
    }

private:
    Async<> hold(std::string question) {
        questions.push_back(std::move(question));
        times.push_back(Clock::now());
        const auto promise = std::make_shared<Promise>();
        held_.push_back(promise);
        co_await promise->wait();
    }

    std::vector<std::shared_ptr<Promise>> held_;
};

class Stage {
public:
    HeldSource source;
    std::vector<std::string> answers;  // bodies and messages of failures, in the order of sending
    std::vector<CachedRepresentation::Content> contents;

    // Sends requests that arrive together.
    void send(int count = 1) {
        for (int i = 0; i < count; ++i) {
            answers.emplace_back();
            spawn(loop_, get(answers.size() - 1), rethrow);
        }
        run();
    }

    void release(std::size_t index) {
        source.release(index);
        run();
    }

    void fail(std::size_t index) {
        source.release(index, std::make_exception_ptr(std::runtime_error{"the source failed"}));
        run();
    }

    void wait_for_questions(std::size_t count) {
        const auto latest = Clock::now() + 20s;
        loop_.restart();
        while (source.questions.size() < count && Clock::now() < latest) loop_.run_one_for(10ms);
        cr_assert_eq(source.questions.size(), count);
    }

    // Answers a request that arrives alone.
    void answer_one() {
        const auto index = source.questions.size();
        send();
        wait_for_questions(index + 1);
        release(index);
    }

    ~Stage() {
        for (std::size_t i = 0; i < source.questions.size(); ++i) release(i);
    }

private:
    void run() {
        loop_.restart();
        loop_.poll();
    }

    Async<> get(std::size_t index) {
        try {
            auto content = co_await cache_.get(source);
            answers[index] = *content.body;
            contents.push_back(std::move(content));
        } catch (const std::exception& error) {
            answers[index] = error.what();
        }
    }

    Loop loop_{1};
    CachedRepresentation cache_;
};

}  // namespace

Test(cached_representation, is_read_once_while_its_revision_stands) {
    Stage stage;
    stage.answer_one();
    stage.answer_one();
    cr_assert_eq(stage.contents.size(), 2);
    EXPECT_TEXT(stage.source.questions[0], "read after ");
    EXPECT_TEXT(stage.source.questions[1], "read after 1");
    EXPECT_TEXT(stage.answers[1], "one");
    EXPECT_TEXT(stage.contents[1].etag, entity_tag("one"));
    cr_expect_eq(stage.contents[0].body, stage.contents[1].body);

    stage.source.change("2");
    stage.answer_one();
    EXPECT_TEXT(stage.answers[2], "changed to 2");
    EXPECT_TEXT(stage.contents[2].etag, entity_tag("changed to 2"));
}

Test(cached_representation, is_read_again_after_a_change_between_revision_and_body) {
    Stage stage;
    stage.source.body = "changed to 2";
    stage.answer_one();
    stage.source.change("2");
    stage.answer_one();
    stage.answer_one();
    EXPECT_TEXT(stage.source.questions[1], "read after 1");
    EXPECT_TEXT(stage.source.questions[2], "read after 2");
    for (const auto& answer : stage.answers) EXPECT_TEXT(answer, "changed to 2");
}

Test(cached_representation, requests_that_arrive_together_share_a_check) {
    Stage stage;
    stage.send(3);
    cr_assert_eq(stage.source.questions.size(), 1);
    stage.release(0);
    for (const auto& answer : stage.answers) EXPECT_TEXT(answer, "one");
    cr_expect_eq(stage.source.questions.size(), 1);
}

Test(cached_representation, requests_share_the_check_after_the_one_in_progress) {
    Stage stage;
    stage.send();
    stage.source.change("2");
    stage.send(3);
    stage.release(0);
    stage.wait_for_questions(2);
    stage.release(1);
    if (stage.source.questions[1] == "revision") {  // the check began before the first one ended
        stage.wait_for_questions(3);
        stage.release(2);
    }
    EXPECT_TEXT(stage.answers[0], "one");
    for (std::size_t i = 1; i < 4; ++i) EXPECT_TEXT(stage.answers[i], "changed to 2");
}

Test(cached_representation, a_slow_source_is_checked_again_after_an_interval) {
    Stage stage;
    const auto began = Clock::now();
    stage.send();
    stage.send();
    stage.wait_for_questions(2);
    cr_expect(stage.source.times[1] - began >= CachedRepresentation::check_interval);
}

Test(cached_representation, a_check_uses_a_reading_that_reaches_its_revision) {
    for (const bool is_reading_first : {false, true}) {
        Stage stage;
        stage.send();
        stage.send();
        stage.wait_for_questions(2);
        EXPECT_TEXT(stage.source.questions[1], "revision");
        stage.release(is_reading_first ? 0 : 1);
        stage.release(is_reading_first ? 1 : 0);
        for (const auto& answer : stage.answers) EXPECT_TEXT(answer, "one");
        cr_expect_eq(stage.source.questions.size(), 2);
    }
}

Test(cached_representation, no_request_is_answered_from_before_its_time) {
    for (const bool is_reading_first : {false, true}) {
        Stage stage;
        stage.send();
        stage.source.change("2");
        stage.send();
        stage.wait_for_questions(2);
        stage.release(is_reading_first ? 0 : 1);
        stage.release(is_reading_first ? 1 : 0);
        stage.wait_for_questions(3);
        EXPECT_TEXT(stage.source.questions[2], "read after 1");
        stage.release(2);
        EXPECT_TEXT(stage.answers[0], "one");
        EXPECT_TEXT(stage.answers[1], "changed to 2");
    }
}

Test(cached_representation, a_failure_reaches_all_who_share_the_check) {
    Stage stage;
    stage.send(3);
    stage.fail(0);
    for (const auto& answer : stage.answers) EXPECT_TEXT(answer, "the source failed");
    stage.answer_one();
    EXPECT_TEXT(stage.answers[3], "one");
    EXPECT_TEXT(stage.source.questions[1], "read after ");
}

Test(cached_representation, a_failure_reaches_nobody_else) {
    Stage stage;
    stage.send();
    stage.send();
    stage.wait_for_questions(2);
    stage.fail(0);
    stage.release(1);
    stage.wait_for_questions(3);
    stage.release(2);
    EXPECT_TEXT(stage.answers[0], "the source failed");
    EXPECT_TEXT(stage.answers[1], "one");
}

Test(cached_representation, a_failed_check_leaves_the_reading_alone) {
    Stage stage;
    stage.send();
    stage.send();
    stage.wait_for_questions(2);
    stage.fail(1);
    stage.release(0);
    EXPECT_TEXT(stage.answers[0], "one");
    EXPECT_TEXT(stage.answers[1], "the source failed");
}
