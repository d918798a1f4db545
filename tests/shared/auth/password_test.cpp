#include "shared/auth/password.hpp"

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/crypt.hpp"
#include "tests/support/expect.hpp"

using namespace std::string_literals;
using namespace std::chrono_literals;

namespace {

// Observes and controls the calls of libxcrypt. Criterion runs each test in a process of its own.
struct Watch {
    std::mutex mutex;
    std::vector<std::string> settings;
    std::vector<std::thread::id> threads;
    std::vector<std::string> events;

    // While this gate is in use, each hash waits before it begins. A deadlock ends as a failure.
    std::atomic<bool> is_gated = false;
    std::atomic<bool> is_overdue = false;
    std::counting_semaphore<> begun{0};
    std::counting_semaphore<> gate{0};

    // These replace the hash: a fixed text, the setting itself, or a failure.
    std::string forged;
    bool is_echo = false;
    bool is_failing = false;

    void note(const std::string& event) {
        const std::lock_guard lock{mutex};
        events.push_back(event);
    }

    void pass_gate() {
        if (!is_gated || is_overdue) return;
        note("hash begins");
        begun.release();
        if (!gate.try_acquire_for(20s)) is_overdue = true;
        note("hash ends");
    }
};

Watch watch;

char* watched(const char* phrase, const char* setting, void* data, int size) {
    {
        const std::lock_guard lock{watch.mutex};
        watch.settings.emplace_back(setting);
        watch.threads.push_back(std::this_thread::get_id());
    }
    watch.pass_gate();
    if (watch.is_failing) return nullptr;
    if (watch.forged.empty() && !watch.is_echo) return real_crypt()(phrase, setting, data, size);
    auto* output = static_cast<crypt_data*>(data)->output;
    const std::string answer = watch.is_echo ? setting : watch.forged;
    output[answer.copy(output, CRYPT_OUTPUT_SIZE - 1)] = '\0';
    return output;
}

[[maybe_unused]] const bool is_watching = (crypt_in_place = watched) != nullptr;

// A loop and what runs on it.
struct Stage {
    Loop loop{1};
    std::optional<Passwords> passwords;
    int true_count = 0;
    int false_count = 0;
    std::vector<std::string> failures;
    std::vector<std::string> served;   // the networks of the comparisons, in their order
    std::vector<std::string> refused;  // those of the others

    explicit Stage(int cost = 4, std::chrono::milliseconds longest_wait = 1h) {
        passwords.emplace(cost, longest_wait);
    }

    void start(const std::string& password, const std::optional<std::string>& hash,
               const std::string& network = "192.0.2.1", bool is_known = false) {
        spawn(loop, compare({network, is_known}, password, hash),
              [this](const std::exception_ptr& failure) { finish(failure); });
    }

    // Starts a comparison for a client's network.
    void start_for(const std::string& network, bool is_known = false) {
        start("correct horse", std::nullopt, network, is_known);
    }

    Async<> compare(HashClient client, std::string password, std::optional<std::string> hash) {
        const auto network = client.network;
        std::exception_ptr failure;
        try {
            const bool is_same =
                co_await passwords->matches(client, std::move(password), std::move(hash));
            ++(is_same ? true_count : false_count);
            served.push_back(network);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) refused.push_back(network);
        if (failure) std::rethrow_exception(failure);
    }

    void finish(const std::exception_ptr& failure) {
        watch.note("answered");
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const ApiError& error) {
            failures.emplace_back(entry(error.error()).name);
        } catch (const std::exception& error) {
            failures.emplace_back(error.what());
        }
    }

    void run() {
        loop.restart();
        loop.run();
    }

    // Returns "true", "false" or the message of the failure.
    std::string matches(const std::string& password, const std::optional<std::string>& hash) {
        true_count = false_count = 0;
        failures.clear();
        start(password, hash);
        run();
        if (!failures.empty()) return failures.front();
        return true_count == 1 ? "true" : false_count == 1 ? "false" : "no answer";
    }
};

std::size_t thread_count() {
    const std::filesystem::directory_iterator tasks{"/proc/self/task"};
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

}  // namespace

Test(password, hashes_with_bcrypt_of_the_given_cost) {
    const auto hash = hash_password("correct horse", 4);
    EXPECT_TEXT(hash.substr(0, 7), "$2b$04$");
    cr_expect(hash.size() == 60);
    EXPECT_TEXT(hash_password("correct horse", 5).substr(0, 7), "$2b$05$");
}

Test(password, salts_every_hash) {
    cr_expect(hash_password("correct horse", 4) != hash_password("correct horse", 4));
}

Test(password, matches_only_the_password_of_the_hash) {
    for (const auto& password : {"correct horse"s, ""s, "pässwörd 中"s, std::string(72, 'x')}) {
        const auto hash = hash_password(password, 4);
        cr_expect(matches_password(password, hash));
        cr_expect(!matches_password(password + "x", hash));
        cr_expect(!matches_password("Correct horse", hash));
        cr_expect(password.empty() || !matches_password("", hash));
    }
}

// A test vector of crypt_blowfish. "$2b$" gives the same bytes as "$2a$".
Test(password, matches_a_published_hash) {
    const auto rest = "05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"s;
    cr_expect(matches_password("U*U", "$2b$" + rest));
    cr_expect(!matches_password("U*U*", "$2b$" + rest));
    cr_expect(!matches_password("U*U", "$2a$" + rest));
}

Test(password, tells_72_bytes_apart_and_refuses_more) {
    const std::string longest(72, 'x');
    const auto hash = hash_password(longest, 4);
    cr_expect(matches_password(longest, hash));
    cr_expect(!matches_password(longest.substr(1) + "y", hash));
    cr_expect(!matches_password(longest + "x", hash));
    cr_expect(throws<std::invalid_argument>([&] { hash_password(longest + "x", 4); }));
    // The limit counts bytes, not characters.
    std::string umlauts;
    for (int i = 0; i < 37; ++i) umlauts += "ä";
    cr_expect(throws<std::invalid_argument>([&] { hash_password(umlauts, 4); }));
    cr_expect(!throws<std::invalid_argument>([&] { hash_password(umlauts.substr(2), 4); }));
}

Test(password, refuses_a_nul) {
    cr_expect(throws<std::invalid_argument>([] { hash_password("abcdefgh\0ijk"s, 4); }));
    cr_expect(throws<std::invalid_argument>([] { hash_password("\0"s, 4); }));
    cr_expect(!matches_password("abcdefgh\0ijk"s, hash_password("abcdefgh", 4)));
    cr_expect(!matches_password("\0"s, hash_password("", 4)));
}

Test(password, refuses_costs_that_bcrypt_does_not_have) {
    for (const int cost : {-1, 0, 3, 32, 100}) {
        cr_expect(throws<std::runtime_error>([&] { hash_password("correct horse", cost); }), "%d",
                  cost);
        cr_expect(throws<std::invalid_argument>([&] { Passwords{cost}; }), "%d", cost);
    }
}

Test(password, keeps_no_hash_but_bcrypt_of_the_cost) {
    const auto good = hash_password("correct horse", 4);
    const std::string cases[] = {
        "abJnggxhB/yWI",  // DES
        "*0",
        "$2a" + good.substr(3),
        "$2b$05" + good.substr(6),
        good.substr(0, 59),
        good + ".",
    };
    for (const auto& forged : cases) {
        watch.forged = forged;
        cr_expect(throws<std::runtime_error>([] { hash_password("correct horse", 4); }), "%s",
                  forged.c_str());
    }
    watch.forged = good;
    EXPECT_TEXT(hash_password("correct horse", 4), good);
    watch.is_failing = true;
    cr_expect(throws<std::runtime_error>([] { hash_password("correct horse", 4); }));
}

// libxcrypt would return each setting itself as its hash, so only the check of its form can refuse
// it.
Test(password, compares_with_no_hash_but_bcrypt) {
    const auto good = hash_password("correct horse", 4);
    watch.is_echo = true;
    cr_expect(matches_password("correct horse", good));
    const std::string cases[] = {
        "",
        "ab",
        "abJnggxhB/yWI",
        "*0",
        "!" + good.substr(1),
        "$2a" + good.substr(3),
        "$2y" + good.substr(3),
        "$2b$03" + good.substr(6),
        "$2b$32" + good.substr(6),
        "$2b$4$" + good.substr(6),
        "$2b$04." + good.substr(7),
        good.substr(0, 59),
        good + ".",
        good.substr(0, 59) + "$",
        good.substr(0, 20) + "\0"s + good.substr(21),
    };
    for (const auto& hash : cases)
        cr_expect(!matches_password("correct horse", hash), "%s", shown(hash).c_str());
}

Test(password, a_failure_of_libxcrypt_is_no_wrong_password) {
    const auto hash = hash_password("correct horse", 4);
    watch.is_failing = true;
    cr_expect(throws<std::runtime_error>([&] { matches_password("correct horse", hash); }));
    watch.is_failing = false;
    watch.forged = "*0";
    cr_expect(throws<std::runtime_error>([&] { matches_password("correct horse", hash); }));
}

Test(password, compares_off_the_loop) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    EXPECT_TEXT(stage.matches("correct horse", hash), "true");
    EXPECT_TEXT(stage.matches("wrong horse", hash), "false");
    EXPECT_TEXT(stage.matches("correct horse", hash), "true");
    cr_assert(watch.threads.size() == 4);
    cr_expect(watch.threads[0] == std::this_thread::get_id());
    cr_expect(watch.threads[1] != std::this_thread::get_id());
    cr_expect(watch.threads[2] == watch.threads[1]);
    cr_expect(watch.threads[3] == watch.threads[1]);
}

Test(password, the_loop_runs_while_a_hash_is_computed) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    watch.is_gated = true;
    stage.start("correct horse", hash);
    boost::asio::post(stage.loop, [] {
        if (!watch.begun.try_acquire_for(20s)) return;
        watch.note("loop runs");
        watch.gate.release();
    });
    stage.run();
    const std::vector<std::string> wanted = {"hash begins", "loop runs", "hash ends", "answered"};
    cr_expect(watch.events == wanted);
    cr_expect(!watch.is_overdue);
    cr_expect(stage.true_count == 1);
}

Test(password, starts_its_thread_with_the_first_comparison) {
    const auto before = thread_count();
    Stage stage;
    cr_expect(thread_count() == before);
    stage.matches("correct horse", std::nullopt);
    cr_expect(thread_count() == before + 1);
    stage.matches("correct horse", std::nullopt);
    cr_expect(thread_count() == before + 1);
    stage.passwords.reset();
    cr_expect(thread_count() == before);
}

Test(password, an_unknown_account_costs_one_hash_of_the_configured_cost) {
    Stage stage{5};
    for (std::size_t calls = 1; calls <= 3; ++calls) {
        EXPECT_TEXT(stage.matches("correct horse", std::nullopt), "false");
        cr_assert(watch.settings.size() == calls);
        EXPECT_TEXT(watch.settings.back().substr(0, 7), "$2b$05$");
        cr_expect(watch.threads.back() != std::this_thread::get_id());
    }
    // libxcrypt accepts this setting and does the full work.
    EXPECT_TEXT(hash_password("x", 5).substr(0, 7), "$2b$05$");
    crypt_data data{};
    const auto* made = crypt_rn("x", watch.settings.front().c_str(), &data, sizeof data);
    cr_assert(made);
    EXPECT_TEXT(std::string{made}.substr(0, 7), "$2b$05$");
}

// 2^4 + (2^4 + 2^5 + 2^6) is 2^7.
Test(password, a_cheaper_hash_costs_as_much_as_the_current_one) {
    Stage stage{7};
    const auto hash = hash_password("correct horse", 4);
    for (const auto& [password, answer] :
         {std::pair{"correct horse", "true"}, {"wrong horse", "false"}}) {
        watch.settings.clear();
        EXPECT_TEXT(stage.matches(password, hash), answer);
        cr_assert(watch.settings.size() == 4);
        EXPECT_TEXT(watch.settings[0], hash);
        EXPECT_TEXT(watch.settings[1].substr(0, 7), "$2b$04$");
        EXPECT_TEXT(watch.settings[2].substr(0, 7), "$2b$05$");
        EXPECT_TEXT(watch.settings[3].substr(0, 7), "$2b$06$");
    }
    cr_expect(stage.passwords->is_current(hash_password("x", 7)));
    cr_expect(!stage.passwords->is_current(hash));
}

Test(password, an_unknown_account_matches_not_even_its_decoy) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    watch.is_echo = true;
    EXPECT_TEXT(stage.matches("correct horse", hash), "true");
    EXPECT_TEXT(stage.matches("correct horse", std::nullopt), "false");
    EXPECT_TEXT(stage.matches("correct horse", "!"), "false");
}

Test(password, what_cannot_match_costs_one_hash_too) {
    Stage stage;
    const auto hash = hash_password("", 5);
    const std::pair<std::string, std::string> cases[] = {
        {std::string(73, 'x'), hash},
        {std::string(100'000, 'x'), hash},
        {"\0"s, hash},
        {"a\0b"s, hash},
        {"correct horse", ""},
        {"correct horse", "!"},
        {"abc", "abJnggxhB/yWI"},
        {"U*U", "$2a" + hash.substr(3)},
    };
    for (const auto& [password, stored] : cases) {
        watch.settings.clear();
        EXPECT_TEXT(stage.matches(password, stored), "false");
        cr_assert(watch.settings.size() == 1);
        EXPECT_TEXT(watch.settings.front().substr(0, 7), stored == hash ? "$2b$05$" : "$2b$04$");
    }
    EXPECT_TEXT(stage.matches("", hash), "true");
}

Test(password, more_than_64_waiting_are_refused) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    watch.is_gated = true;
    for (int i = 0; i < max_waiting_passwords; ++i) stage.start("correct horse", hash);
    stage.start("correct horse", hash);
    stage.start("correct horse", std::nullopt);
    stage.loop.poll();
    cr_expect(stage.true_count == 0);
    cr_assert(stage.failures.size() == 2);
    EXPECT_TEXT(stage.failures[0], "service_unavailable");
    EXPECT_TEXT(stage.failures[1], "service_unavailable");

    watch.gate.release(max_waiting_passwords);
    stage.run();
    cr_expect(stage.true_count == 64);
    cr_expect(!watch.is_overdue);

    watch.is_gated = false;
    EXPECT_TEXT(stage.matches("correct horse", hash), "true");
}

Test(password, what_waited_too_long_is_given_up_and_costs_no_hash) {
    Stage stage{4, -1ms};
    const auto hash = hash_password("correct horse", 4);
    watch.settings.clear();
    EXPECT_TEXT(stage.matches("correct horse", hash), "service_unavailable");
    EXPECT_TEXT(stage.matches("correct horse", std::nullopt), "service_unavailable");
    cr_expect(watch.settings.empty());
}

Test(password, a_failed_comparison_waits_no_longer) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    watch.is_failing = true;
    for (int i = 0; i <= max_waiting_passwords; ++i)
        EXPECT_TEXT(stage.matches("correct horse", hash), "libxcrypt failed to hash");
    watch.is_failing = false;
    EXPECT_TEXT(stage.matches("correct horse", hash), "true");
}

Test(password, ends_while_comparisons_wait) {
    Stage stage;
    const auto hash = hash_password("correct horse", 4);
    watch.is_gated = true;
    for (int i = 0; i < 5; ++i) stage.start("correct horse", hash);
    stage.loop.poll();
    cr_assert(watch.begun.try_acquire_for(20s));
    watch.gate.release(5);
    stage.passwords.reset();
    cr_expect(!watch.is_overdue);
}

// The hash that is computed first holds up the others until the gate opens.
Test(password, networks_take_turns) {
    Stage stage;
    watch.is_gated = true;
    for (const char* network : {"a", "a", "a", "a", "b", "b", "c"}) stage.start_for(network);
    stage.loop.poll();
    cr_assert(watch.begun.try_acquire_for(20s));
    watch.gate.release(7);
    stage.run();
    const std::vector<std::string> wanted = {"a", "b", "c", "a", "b", "a", "a"};
    cr_expect(stage.served == wanted);
    // A network that has had no turn, or an older one, goes first.
    stage.served.clear();
    for (const char* network : {"a", "a", "b", "c", "new"}) stage.start_for(network);
    stage.loop.restart();
    stage.loop.poll();
    watch.gate.release(5);
    stage.run();
    const std::vector<std::string> then = {"a", "new", "c", "b", "a"};
    cr_expect(stage.served == then);
    cr_expect(!watch.is_overdue);
}

Test(password, a_full_queue_drops_the_newest_of_the_network_with_the_most) {
    Stage stage;
    watch.is_gated = true;
    const auto name = [](int number) { return "n" + std::to_string(number); };
    stage.start_for("running");
    for (int i = 0; i < 30; ++i) stage.start_for(name(i));
    for (int i = 0; i < 20; ++i) stage.start_for("greedy");
    for (int i = 0; i < 13; ++i) stage.start_for("eager");
    stage.loop.poll();
    cr_expect(stage.refused.empty());
    // The queue is full.
    for (int i = 0; i < 3; ++i) stage.start_for("greedy");
    stage.start_for("honest");
    for (int i = 0; i < 2; ++i) stage.start_for("eager");
    stage.loop.poll();
    const std::vector<std::string> wanted(6, "greedy");
    cr_expect(stage.refused == wanted);
    watch.gate.release(64);
    stage.run();
    cr_assert_eq(stage.served.size(), 64u);
    cr_expect_eq(std::count(stage.served.begin(), stage.served.end(), "greedy"), 17);
    cr_expect_eq(std::count(stage.served.begin(), stage.served.end(), "eager"), 15);
    // After the one that was running, each of the 33 networks has a turn before anyone's second.
    cr_expect_lt(
        std::find(stage.served.begin(), stage.served.end(), "honest") - stage.served.begin(), 34);
    cr_expect(!watch.is_overdue);
}

Test(password, the_only_one_of_a_network_is_never_dropped_for_another) {
    Stage stage;
    watch.is_gated = true;
    for (int i = 0; i < max_waiting_passwords; ++i) stage.start_for(std::to_string(i));
    stage.start_for("late");
    stage.loop.poll();
    cr_expect(stage.refused == std::vector<std::string>{"late"});
    watch.gate.release(max_waiting_passwords);
    stage.run();
    cr_expect_eq(stage.served.size(), 64u);
}

// However many strangers wait, a known network has every second turn and a place of its own.
Test(password, known_networks_have_a_queue_of_their_own) {
    Stage stage;
    watch.is_gated = true;
    for (int i = 0; i < max_waiting_passwords; ++i) stage.start_for(std::to_string(i));
    for (const char* network : {"home", "home", "work"}) stage.start_for(network, true);
    stage.loop.poll();
    cr_expect(stage.refused.empty());
    watch.gate.release(max_waiting_passwords + 3);
    stage.run();
    cr_assert_eq(stage.served.size(), 67u);
    const std::vector<std::string> first{stage.served.begin(), stage.served.begin() + 7};
    const std::vector<std::string> wanted = {"0", "home", "1", "work", "2", "home", "3"};
    cr_expect(first == wanted);
    cr_expect(!watch.is_overdue);
}
