// Rules for combinations of settings.
#pragma once

#include "shared/config/setting_group.hpp"

struct Config;
class Faults;

// Adds a fault for every violated rule. A rule is skipped if a setting that it reads is itself
// invalid, or is in none of `groups`.
void check_rules(const Config& config, const SettingGroups& groups, Faults& faults);
