// What settings must be together.
#pragma once

struct Config;
class Faults;

// Adds a fault for every rule that is broken. A rule is skipped when a setting that it reads is
// faulty by itself.
void check_rules(const Config& config, Faults& faults);
