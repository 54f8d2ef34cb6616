// SPDX-License-Identifier: Apache-2.0
// The settings of butterflyd, read from a TOML file.
#include "daemon/config.h"

#include <net/if.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/socket_file.h"
#include "daemon/config_reader.h"
#include "host/reports.h"

namespace butterfly {
namespace {

// Leaves room for short names at least; a nic whose name does not fit is refused when it comes.
constexpr size_t kMaxSocketDirectory = 90;

void read_path(ConfigReader& reader, const std::string& key, size_t max, std::string& value) {
  reader.read_as<std::string>(key, "an absolute path in quotes", [&](const std::string& text) {
    if (text.empty() || text[0] != '/') {
      return reader.fault(key, "not an absolute path", "a path that begins with /");
    }
    if (text.size() > max) {
      return reader.fault(key, "path too long", "at most " + std::to_string(max) + " bytes");
    }
    value = text;
  });
}

void read_api(ConfigReader& reader, std::string& value) {
  const std::string wanted =
      "unix:/PATH, the path at most " + std::to_string(kMaxSocketPath) + " bytes";
  reader.read_as<std::string>("api", wanted, [&](const std::string& text) {
    constexpr std::string_view kScheme = "unix:";
    if (!text.starts_with(std::string(kScheme) + "/")) {
      return reader.fault("api", "not a unix socket", wanted);
    }
    if (text.size() - kScheme.size() > kMaxSocketPath) {
      return reader.fault("api", "path too long", wanted);
    }
    value = text;
  });
}

// A mode as chmod(1) takes it; a string, since TOML has no leading zeros.
void read_mode(ConfigReader& reader, const std::string& key, unsigned& value) {
  const std::string wanted = "an octal mode in quotes, \"0600\" to \"0777\"";
  reader.read_as<std::string>(key, wanted, [&](const std::string& text) {
    unsigned mode = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, mode, 8);
    // The daemon itself must be able to use the socket.
    if (error != std::errc() || stop != end || mode > 0777 || (mode & 0600) != 0600) {
      return reader.fault(key, "not a usable mode", wanted);
    }
    value = mode;
  });
}

// One of a few words, each standing for a value.
template <typename T>
void read_word(ConfigReader& reader, const std::string& key, T& value,
               const std::vector<std::pair<std::string, T>>& words) {
  std::string wanted;
  for (const auto& [word, meaning] : words) wanted += (wanted.empty() ? "" : ", ") + word;
  reader.read_as<std::string>(key, "one of " + wanted, [&](const std::string& text) {
    const auto found = std::ranges::find(words, text, &std::pair<std::string, T>::first);
    if (found == words.end()) return reader.fault(key, "unknown word", "one of " + wanted);
    value = found->second;
  });
}

void read_daemon(ConfigReader reader, DaemonConfig& daemon) {
  read_api(reader, daemon.api);
  read_mode(reader, "api_mode", daemon.api_mode);
  reader.read("api_group", daemon.api_group);
  read_path(reader, "state", 4095, daemon.state);
  read_path(reader, "socket_directory", kMaxSocketDirectory, daemon.socket_directory);
  read_mode(reader, "socket_mode", daemon.socket_mode);
  reader.read("socket_group", daemon.socket_group);
  read_word<std::string>(reader, "log_level", daemon.log_level,
                         {{"trace", "trace"},
                          {"debug", "debug"},
                          {"info", "info"},
                          {"warning", "warning"},
                          {"error", "error"}});
  reader.refuse_unknown();
}

void read_log(ConfigReader reader, LogConfig& log) {
  reader.read("drops_per_second", log.drops_per_second, 0, LogQuery::kMaxPerSecond);
  reader.read("starts_per_second", log.starts_per_second, 0, LogQuery::kMaxPerSecond);
  reader.refuse_unknown();
}

std::string list_text(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) {
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  }
  return text;
}

void read_lcores(ConfigReader& reader, const std::vector<unsigned>& cpus,
                 std::vector<unsigned>& lcores) {
  lcores = {cpus.back()};
  const toml::node* node = reader.find("lcores");
  if (node == nullptr) return;
  const std::string wanted = "a list of different CPU numbers out of " + list_text(cpus);
  if (!node->is_array() || node->as_array()->empty()) {
    return reader.fault("lcores", "no list of CPUs", wanted);
  }
  std::vector<unsigned> numbers;
  for (const toml::node& item : *node->as_array()) {
    const auto number = item.value_exact<int64_t>();
    if (!number || std::ranges::find(cpus, *number) == cpus.end()) {
      return reader.fault("lcores", "not a usable CPU", wanted);
    }
    const auto cpu = static_cast<unsigned>(*number);
    if (std::ranges::find(numbers, cpu) != numbers.end()) {
      return reader.fault("lcores", "CPU " + std::to_string(cpu) + " listed twice", wanted);
    }
    numbers.push_back(cpu);
  }
  lcores = numbers;
}

void read_dataplane(ConfigReader reader, const std::vector<unsigned>& cpus,
                    DataplaneConfig& dataplane) {
  read_lcores(reader, cpus, dataplane.lcores);
  read_word<PollMode>(reader, "mode", dataplane.mode,
                      {{"adaptive", PollMode::adaptive}, {"poll", PollMode::poll}});
  reader.read("memory_mb", dataplane.memory_mb, 64, 1048576);
  read_word<HugepageUse>(
      reader, "hugepages", dataplane.hugepages,
      {{"auto", HugepageUse::automatic}, {"on", HugepageUse::on}, {"off", HugepageUse::off}});
  reader.read("flows_per_lcore", dataplane.flows_per_lcore, 1024, 16777216);
  reader.read("shortcut", dataplane.shortcut);
  reader.read("fdb_capacity", dataplane.fdb_capacity, 1024, 16777216);
  reader.read("fdb_per_segment", dataplane.fdb_per_segment, 1, 16777216);
  reader.read("fdb_ageing_s", dataplane.fdb_ageing_s, 10, 1000000);  // 802.1Q-2018 table 8-6
  reader.refuse_unknown();
  if (dataplane.fdb_per_segment > dataplane.fdb_capacity) {
    reader.fault("fdb_per_segment", "more than the whole table holds",
                 "at most fdb_capacity, " + std::to_string(dataplane.fdb_capacity));
  }
}

bool is_usable_address(const IpAddress& address) {
  return !address.is_zero() && !address.is_multicast() &&
         !(address.is_v4() && address.v4().is_limited_broadcast());
}

// "192.0.2.1/24": our address and, in its prefix length, who is on link.
bool read_uplink_address(ConfigReader& reader, UplinkConfig& uplink) {
  const std::string wanted = "our unicast address with its prefix length, as in 192.0.2.1/24";
  if (reader.find("address") == nullptr) {
    reader.fault("address", "missing", wanted);
    return false;
  }
  bool good = false;
  reader.read_as<std::string>("address", wanted, [&](const std::string& text) {
    const size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || slash == std::string::npos) {
      return reader.fault("address", "malformed", wanted);
    }
    unsigned length = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, length);
    if (error != std::errc() || stop != end || length > (address->is_v4() ? 32u : 128u) ||
        length == 0) {
      return reader.fault("address", "bad prefix length", wanted);
    }
    if (!is_usable_address(*address)) return reader.fault("address", "not unicast", wanted);
    uplink.address = *address;
    uplink.on_link = Cidr(*address, length);
    good = true;
  });
  return good;
}

void read_gateway(ConfigReader& reader, bool address_is_good, UplinkConfig& uplink) {
  const std::string wanted = "another address of the uplink's own prefix";
  reader.read_as<std::string>("gateway", wanted, [&](const std::string& text) {
    const auto gateway = IpAddress::parse(text);
    if (!gateway || !is_usable_address(*gateway)) {
      return reader.fault("gateway", "malformed", wanted);
    }
    if (!address_is_good) return;  // on link of what?
    if (!uplink.on_link.contains(*gateway)) {
      return reader.fault("gateway", "not on link", wanted + " " + uplink.on_link.to_string());
    }
    if (*gateway == uplink.address) return reader.fault("gateway", "our own address", wanted);
    uplink.gateway = *gateway;
  });
}

void read_uplink(ConfigReader reader, UplinkConfig& uplink) {
  reader.read("device", uplink.device);
  if (uplink.device.empty()) {
    reader.fault("device", "missing", "a kernel interface, a PCI address or a DPDK device");
  }
  const bool address_is_good = read_uplink_address(reader, uplink);
  read_gateway(reader, address_is_good, uplink);
  reader.read("vxlan_port", uplink.vxlan_port, 1, 65535);
  if (reader.find("mtu") != nullptr) {
    uint16_t mtu = 1500;
    // RFC 791 and RFC 8200 §5: what every link must carry.
    reader.read("mtu", mtu, uplink.address.is_v4() ? 576 : 1280, 65535);
    uplink.mtu = mtu;
  }
  reader.read("force", uplink.force);
  reader.refuse_unknown();
}

// The table of that name, or null; a fault when the name is no table.
const toml::table* table_of(ConfigReader& root, const std::string& name) {
  const toml::node* node = root.find(name);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) root.fault(name, "not a table", "[" + name + "] and its keys");
  return node->as_table();
}

}  // namespace

std::vector<unsigned> usable_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

StatusOr<Config> parse_config(std::string_view text, const std::string& file,
                              const std::vector<unsigned>& cpus) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return invalid(file + ":" + std::to_string(error.source().begin.line) + ": " +
                   std::string(error.description()) + " (wanted TOML)");
  }
  std::vector<std::string> faults;
  ConfigReader root(&parsed.table(), file, "", faults);
  Config config;
  read_daemon({table_of(root, "daemon"), file, "daemon", faults}, config.daemon);
  read_log({table_of(root, "log"), file, "log", faults}, config.log);
  read_dataplane({table_of(root, "dataplane"), file, "dataplane", faults}, cpus, config.dataplane);
  if (const toml::table* table = table_of(root, "uplink"); table != nullptr) {
    read_uplink({table, file, "uplink", faults}, config.uplink.emplace());
  }
  root.refuse_unknown();
  if (faults.empty()) return config;
  std::string message;
  for (const std::string& fault : faults) message += (message.empty() ? "" : "\n") + fault;
  return invalid(message);
}

StatusOr<Config> load_config(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) {
    return not_found("configuration file '" + path + "': cannot be read: " + std::strerror(errno) +
                     " (wanted a TOML file)");
  }
  return parse_config(text.str(), path, usable_cpus());
}

}  // namespace butterfly
