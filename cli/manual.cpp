#include "cli/manual.hpp"

#include <algorithm>
#include <cctype>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "shared/config/setting.hpp"
#include "shared/text.hpp"
#include "shared/version.hpp"

namespace {

// The text for man(7): `code` becomes bold, and nothing else has a meaning.
std::string roff(std::string_view text) {
    std::string escaped;
    bool is_code = false;
    for (const char c : text) {
        if (c == '`') {
            is_code = !is_code;
            escaped += is_code ? "\\fB" : "\\fR";
        } else if (c == '\\') {
            escaped += "\\e";
        } else if (c == '-') {
            escaped += "\\-";
        } else {
            escaped += c;
        }
    }
    if (escaped.starts_with('.') || escaped.starts_with('\'')) escaped.insert(0, "\\&");
    return escaped;
}

void print_title(std::string_view section, std::ostream& out) {
    out << ".\\\" Generated from the code.\n.TH STEELTHREAD " << section << " \"\" \"steelthread "
        << service_version << "\"\n";
}

// The words of a synopsis: "up|down [--yes]" has "up", "down" and "--yes".
std::vector<std::string> words_of(std::string_view arguments) {
    std::vector<std::string> words(1);
    for (const char c : arguments)
        if (std::string_view{"[]| "}.find(c) != std::string_view::npos)
            words.emplace_back();
        else
            words.back() += c;
    std::erase_if(words, [](const auto& word) {
        return word.empty() || std::isupper(static_cast<unsigned char>(word.front()));
    });
    return words;
}

bool takes(const Command& command, std::string_view value) {
    return command.arguments.find(value) != std::string_view::npos;
}

}  // namespace

void print_manual_of_commands(std::span<const Command> commands, std::ostream& out) {
    print_title("1", out);
    out << ".SH NAME\nsteelthread \\- task back end behind nginx, on PostgreSQL or SQLite\n"
           ".SH SYNOPSIS\n.B steelthread\n.I COMMAND\n"
           ".SH DESCRIPTION\n"
           "Runs the service, maintains its database, and helps those who operate it.\n"
           "All settings are variables of the environment: see\n.BR steelthread (5).\n"
           ".SH COMMANDS\n";
    for (const auto& command : commands) {
        out << ".TP\n.B " << roff(command.name) << '\n';
        if (!command.arguments.empty()) out << roff(command.arguments) << "\n.br\n";
        out << roff(command.summary) << '\n';
        if (command.details.empty()) continue;
        out << ".IP\n.nf\n";
        for (const auto line : split(command.details.substr(0, command.details.size() - 1), '\n'))
            out << roff(line.starts_with("  ") ? line.substr(2) : line) << '\n';
        out << ".fi\n";
    }
    out << ".SH EXIT STATUS\n0 after a success, 64 for a wrong command line, 78 for settings that\n"
           "cannot be used, and 1 for any other failure.\n"
           ".SH SIGNALS\n"
           "To \\fBsteelthread run\\fR: SIGTERM and SIGINT stop it cleanly, SIGHUP makes nginx "
           "load\n"
           "its configuration and its certificate again.\n"
           ".SH SEE ALSO\n.BR steelthread (5),\n.BR nginx (8)\n";
}

void print_manual_of_settings(std::ostream& out) {
    print_title("5", out);
    out << ".SH NAME\nsteelthread \\- settings of steelthread\n"
           ".SH DESCRIPTION\n"
           "Settings are variables of the environment. The package keeps them in\n"
           ".IR /etc/steelthread/steelthread.env .\n"
           "A value that begins with \\fB@/\\fR is read from that file. An empty value stands for "
           "the\n"
           "default.\n"
           ".SH SETTINGS\n";
    for (const auto& setting : settings()) {
        out << ".TP\n.B " << roff(setting.name);
        if (!setting.default_value.empty()) out << "=" << roff(setting.default_value);
        const auto form = setting.form();
        out << '\n'
            << roff(setting.description) << (form.empty() ? "" : " (" + roff(form) + ")") << ".\n";
    }
    out << ".TP\n.B WORKERS_AUTH_LOGIN=2\n"
           "Processes of one endpoint: its name in capitals.\n"
           ".SH SEE ALSO\n.BR steelthread (1)\n";
}

void print_completion(std::span<const Command> commands, std::ostream& out) {
    std::string names;
    for (const auto& command : commands) names.append(command.name).append(" ");
    out << "# Completion of steelthread for bash. Generated from the code.\n"
           "_steelthread() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "        words='"
        << names
        << "--help --version'\n"
           "    else\n"
           "        case ${COMP_WORDS[1]} in\n";
    for (const auto& command : commands) {
        auto words = joined(words_of(command.arguments), " ");
        if (takes(command, "COMMAND")) words = names;
        out << "            " << command.name << ") ";
        if (takes(command, "FILE"))
            out << "mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n";
        else if (takes(command, "ENDPOINT"))
            out << "words=$(steelthread endpoints names 2>/dev/null) ;;\n";
        else
            out << "words='" << words << (words.empty() ? "" : " ") << "--help' ;;\n";
    }
    out << "        esac\n"
           "    fi\n"
           "    [ -z \"$words\" ] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
           "}\n"
           "complete -F _steelthread steelthread\n";
}
