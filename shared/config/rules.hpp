// Rules for combinations of settings.
#pragma once

struct Config;
class Faults;

// Adds a fault for every violated rule. A rule is skipped if a setting that it reads is itself
// invalid or was not read.
void check_rules(const Config& config, Faults& faults);
