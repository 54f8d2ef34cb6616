// SPDX-License-Identifier: Apache-2.0
// What is written about the configuration, made of its table of keys.
#pragma once

#include <string>

namespace butterfly {

std::string sample_config();  // dist/butterflyd.toml
std::string config_manual();  // docs/operate/configuration.md
std::string config_page();    // dist/man/butterflyd.toml.5

}  // namespace butterfly
