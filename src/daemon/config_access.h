// SPDX-License-Identifier: Apache-2.0
// How a key of the configuration is read from TOML, told and copied: one function a kind of value.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "daemon/config_reader.h"

namespace butterfly {

// All functions want the key's table to be there (see ConfigTable).
struct ConfigAccess {
  std::string type;    // of TOML
  std::string wanted;  // the values that are taken
  std::function<void(ConfigReader&, const std::string& key, Config&)> read;
  std::function<std::string(const Config&)> text;  // as TOML; empty: not given, and no default
  std::function<void(const Config& from, Config& to)> copy;
};

std::string quoted(const std::string& text);
std::string mode_text(unsigned mode);
std::string list_text(const std::vector<unsigned>& numbers);
std::string list_text(const std::vector<std::string>& texts);  // in quotes

void read_path(ConfigReader& reader, const std::string& key, size_t max, std::string& value);
void read_mode(ConfigReader& reader, const std::string& key, unsigned& value);
void read_api(ConfigReader& reader, const std::string& key, std::string& value);
void read_listen(ConfigReader& reader, const std::string& key, ApiConfig& api);
void read_names(ConfigReader& reader, const std::string& key, std::vector<std::string>& names);
void read_lcores(ConfigReader& reader, const std::string& key, std::vector<unsigned>& lcores);
// "192.0.2.1/24": our address and, in its prefix length, who is on link.
void read_uplink_address(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
// REQUIRES, as the next: the address was read; a bad one is all zero.
void read_on_link(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
// REQUIRES: on_link was read.
void read_gateway(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
void read_memory(ConfigReader& reader, const std::string& key, DataplaneConfig& dataplane);
void read_uplink_mtu(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
void read_uplink_vlan(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
// REQUIRES: the device was read.
void read_backup(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
// REQUIRES: the device was read.
void read_bond_with(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);
void read_host_port(ConfigReader& reader, const std::string& key, UplinkConfig& uplink);

extern const char* const kModeWanted;
std::string api_wanted();

// `get` returns a reference to the field, of a Config that may be const.

template <typename Get>
auto copier(Get get) {
  return [get](const Config& from, Config& to) { get(to) = get(from); };
}

template <typename Get>
ConfigAccess text_key(Get get, std::string wanted) {
  return {"string", std::move(wanted),
          [get](ConfigReader& reader, const std::string& key, Config& config) {
            reader.read(key, get(config));
          },
          [get](const Config& config) { return quoted(get(config)); }, copier(get)};
}

template <typename Get>
ConfigAccess path_key(Get get, size_t max) {
  return {"string", "an absolute path of at most " + std::to_string(max) + " bytes",
          [get, max](ConfigReader& reader, const std::string& key, Config& config) {
            read_path(reader, key, max, get(config));
          },
          [get](const Config& config) { return quoted(get(config)); }, copier(get)};
}

template <typename Get>
ConfigAccess mode_key(Get get) {
  return {"string", kModeWanted,
          [get](ConfigReader& reader, const std::string& key, Config& config) {
            read_mode(reader, key, get(config));
          },
          [get](const Config& config) { return quoted(mode_text(get(config))); }, copier(get)};
}

template <typename Get>
ConfigAccess flag_key(Get get) {
  return {"boolean", "true or false",
          [get](ConfigReader& reader, const std::string& key, Config& config) {
            reader.read(key, get(config));
          },
          [get](const Config& config) { return std::string(get(config) ? "true" : "false"); },
          copier(get)};
}

// An integer from `low` to `high`, both included.
template <typename Get>
ConfigAccess number_key(Get get, int64_t low, int64_t high) {
  return {"integer", std::to_string(low) + " to " + std::to_string(high),
          [get, low, high](ConfigReader& reader, const std::string& key, Config& config) {
            reader.read(key, get(config), low, high);
          },
          [get](const Config& config) { return std::to_string(get(config)); }, copier(get)};
}

// One of a few words, each standing for a value.
template <typename T, typename Get>
ConfigAccess word_key(Get get, std::vector<std::pair<std::string, T>> words) {
  std::string wanted;
  for (const auto& [word, meaning] : words) wanted += (wanted.empty() ? "" : ", ") + word;
  const std::string one_of = "one of " + wanted;
  return {"string", one_of,
          [get, words, one_of](ConfigReader& reader, const std::string& key, Config& config) {
            reader.read_as<std::string>(key, one_of, [&](const std::string& text) {
              for (const auto& [word, meaning] : words) {
                if (word != text) continue;
                get(config) = meaning;
                return;
              }
              reader.fault(key, "unknown word", one_of);
            });
          },
          [get, words](const Config& config) {
            std::string text;
            for (const auto& [word, meaning] : words) {
              if (meaning == get(config)) text = quoted(word);
            }
            return text;
          },
          copier(get)};
}

}  // namespace butterfly
