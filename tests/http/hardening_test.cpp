// Measures that make a fault in a handler less useful to an attacker.
#include "tests/support/stack/stack.hpp"

namespace {

std::string proc(pid_t pid, const char* file) {
    return read_text("/proc/" + std::to_string(pid) + "/" + file);
}

// Returns the first line of `text` that contains `word`, with single blanks.
std::string line_with(const std::string& text, const std::string& word) {
    const auto at = text.find(word);
    if (at == text.npos) return "no " + word;
    const auto start = text.rfind('\n', at) + 1;
    std::string line;
    for (const char c : text.substr(start, text.find('\n', at) - start))
        if (c != ' ' || !line.ends_with(' ')) line += c;
    return line;
}

std::string output_of(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/env");
    const auto finished = run_command(words, base_variables());
    cr_assert(finished.status == 0, "%s: %s", words[1].c_str(), finished.errors.c_str());
    return finished.output;
}

}  // namespace

Test(hardening, processes_gain_no_privileges_dump_no_core_and_show_no_secret) {
    const TestDatabase database{Engine::postgres};
    auto url = database.url();
    url.insert(url.find('@'), ":database-password");
    const Stack stack{url, {{"PRESTART", "on"}}};
    auto processes = stack.descendants();
    cr_assert_gt(processes.size(), all_handlers().size());
    processes.push_back(stack.supervisor());
    for (const pid_t pid : processes) {
        const auto command = proc(pid, "cmdline");
        cr_expect(!command.empty());
        EXPECT_TEXT(line_with(proc(pid, "status"), "NoNewPrivs:"), "NoNewPrivs:\t1");
        EXPECT_TEXT(line_with(proc(pid, "limits"), "Max core file size"),
                    "Max core file size 0 0 bytes ");
        for (const auto& secret : {stack.variables().at("JWT_SECRET"), std::string{Stack::password},
                                   std::string{"database-password"}})
            cr_expect_eq(command.find(secret), command.npos, "%s", shown(command).c_str());
    }
}

Test(hardening, programs_are_built_to_resist) {
    auto programs = all_handlers();
    for (auto& name : programs) name.insert(0, "handlers/");
    programs.push_back("steelthread");
    for (const auto& name : programs) {
        const auto headers = output_of({"readelf", "-W", "-h", "-l", "-d", built(name)});
        const auto has = [&](const char* word, const char* wanted) {
            const auto line = line_with(headers, word);
            cr_expect(line.find(wanted) != line.npos, "%s: %s", name.c_str(), line.c_str());
        };
        has("Type:", "DYN");
        has("(FLAGS_1)", " PIE");
        has("(FLAGS_1)", " NOW");
        has("GNU_RELRO ", " R ");
        has("GNU_STACK ", " RW ");
        cr_expect_eq(headers.find(" RWE "), headers.npos, "%s: %s", name.c_str(), headers.c_str());
        const auto symbols = output_of({"nm", "-D", built(name)});
        cr_expect_neq(symbols.find("__stack_chk_fail"), symbols.npos, "%s", name.c_str());
    }
}
