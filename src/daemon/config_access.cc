// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_access.h"

#include <net/if.h>

#include <algorithm>
#include <charconv>

#include "base/socket_file.h"

namespace butterfly {
namespace {

bool is_usable_address(const IpAddress& address) {
  return !address.is_zero() && !address.is_multicast() &&
         !(address.is_v4() && address.v4().is_limited_broadcast());
}

// Each is looked at for every peer.
constexpr size_t kMaxOnLink = 64;
constexpr size_t kMaxBondWith = kMaxBondMembers - 1;

// The whole of `text` from `first` on as a number.
std::optional<unsigned> parse_number(const std::string& text, size_t first, int base) {
  unsigned number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + first, end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

// `fault` is what is said of one that is no string or empty.
void read_strings(ConfigReader& reader, const std::string& key, const std::string& wanted,
                  const std::string& fault, std::vector<std::string>& strings) {
  const toml::node* node = reader.find(key);
  if (node == nullptr) return;
  if (!node->is_array()) return reader.fault(key, "no list", wanted);
  std::vector<std::string> all;
  for (const toml::node& item : *node->as_array()) {
    const auto text = item.value_exact<std::string>();
    if (!text || text->empty()) return reader.fault(key, fault, wanted);
    all.push_back(*text);
  }
  strings = std::move(all);
}

}  // namespace

const char* const kModeWanted = "an octal mode in quotes, \"0600\" to \"0777\"";

std::string api_wanted() {
  return "unix:/PATH, the path at most " + std::to_string(kMaxSocketPath) + " bytes";
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string mode_text(unsigned mode) {
  std::string text = "0000";
  for (size_t i = text.size(); i > 1; --i, mode >>= 3) {
    text[i - 1] = static_cast<char>('0' + (mode & 7));
  }
  return text;
}

std::string list_text(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) {
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  }
  return text;
}

std::string list_text(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + quoted(text);
  return list;
}

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

void read_api(ConfigReader& reader, const std::string& key, std::string& value) {
  reader.read_as<std::string>(key, api_wanted(), [&](const std::string& text) {
    constexpr std::string_view kScheme = "unix:";
    if (!text.starts_with(std::string(kScheme) + "/")) {
      return reader.fault(key, "not a unix socket", api_wanted());
    }
    if (text.size() - kScheme.size() > kMaxSocketPath) {
      return reader.fault(key, "path too long", api_wanted());
    }
    value = text;
  });
}

void read_listen(ConfigReader& reader, const std::string& key, ApiConfig& api) {
  const std::string wanted = "tcp:ADDRESS:PORT, an IPv6 address in brackets";
  reader.read_as<std::string>(key, wanted, [&](const std::string& text) {
    auto address = parse_tcp_address(text);
    if (!address || address->port == 0) return reader.fault(key, "malformed", wanted);
    if (!IpAddress::parse(address->host)) return reader.fault(key, "not an address", wanted);
    api.listen = *std::move(address);
  });
}

void read_names(ConfigReader& reader, const std::string& key, std::vector<std::string>& names) {
  read_strings(reader, key, "a list of names in quotes", "not a name", names);
}

// A mode as chmod(1) takes it; a string, since TOML has no leading zeros.
void read_mode(ConfigReader& reader, const std::string& key, unsigned& value) {
  reader.read_as<std::string>(key, kModeWanted, [&](const std::string& text) {
    const auto mode = parse_number(text, 0, 8);
    // The daemon itself must be able to use the socket.
    if (!mode || *mode > 0777 || (*mode & 0600) != 0600) {
      return reader.fault(key, "not a usable mode", kModeWanted);
    }
    value = *mode;
  });
}

void read_lcores(ConfigReader& reader, const std::string& key, std::vector<unsigned>& lcores) {
  const std::vector<unsigned>& cpus = reader.cpus();
  lcores = {cpus.back()};
  const toml::node* node = reader.find(key);
  if (node == nullptr) return;
  const std::string wanted = "a list of different CPU numbers out of " + list_text(cpus);
  if (!node->is_array() || node->as_array()->empty()) {
    return reader.fault(key, "no list of CPUs", wanted);
  }
  std::vector<unsigned> numbers;
  for (const toml::node& item : *node->as_array()) {
    const auto number = item.value_exact<int64_t>();
    if (!number || std::ranges::find(cpus, *number) == cpus.end()) {
      return reader.fault(key, "not a usable CPU", wanted);
    }
    const auto cpu = static_cast<unsigned>(*number);
    if (std::ranges::find(numbers, cpu) != numbers.end()) {
      return reader.fault(key, "CPU " + std::to_string(cpu) + " listed twice", wanted);
    }
    numbers.push_back(cpu);
  }
  lcores = numbers;
}

void read_uplink_address(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  const std::string wanted = "our unicast address with its prefix length, as in 192.0.2.1/24";
  if (reader.find(key) == nullptr) return reader.fault(key, "missing", wanted);
  reader.read_as<std::string>(key, wanted, [&](const std::string& text) {
    const size_t slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address || slash == std::string::npos) return reader.fault(key, "malformed", wanted);
    const auto length = parse_number(text, slash + 1, 10);
    if (!length || *length > (address->is_v4() ? 32u : 128u) || *length == 0) {
      return reader.fault(key, "bad prefix length", wanted);
    }
    if (!is_usable_address(*address)) return reader.fault(key, "not unicast", wanted);
    uplink.address = *address;
    uplink.on_link = Cidr(*address, *length);
  });
}

void read_on_link(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  const std::string wanted = "a list of prefixes of the family of our address";
  std::vector<std::string> texts;
  read_strings(reader, key, wanted, "not a prefix in quotes", texts);
  std::vector<Cidr> prefixes;
  for (const std::string& text : texts) {
    const auto prefix = Cidr::parse(text);
    if (!prefix || text.find('/') == std::string::npos) {
      return reader.fault(key, "'" + text + "' is no prefix", wanted);
    }
    if (prefix->length() == 0 || prefix->address().is_multicast()) {
      return reader.fault(key, text + " is no prefix of a link", wanted);
    }
    if (uplink.address.is_zero()) continue;  // of what family?
    if (prefix->is_v4() != uplink.address.is_v4()) {
      return reader.fault(key, text + " is of the other family", wanted);
    }
    if (uplink.on_link.contains(prefix->address()) && prefix->length() >= uplink.on_link.length()) {
      return reader.fault(key, text + " is on link by the uplink's own address", wanted);
    }
    if (std::ranges::find(prefixes, *prefix) != prefixes.end()) {
      return reader.fault(key, text + " listed twice", wanted);
    }
    prefixes.push_back(*prefix);
  }
  if (prefixes.size() > kMaxOnLink) {
    return reader.fault(key, "too many", "at most " + std::to_string(kMaxOnLink) + " prefixes");
  }
  uplink.also_on_link = std::move(prefixes);
}

void read_gateway(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  const std::string wanted = "another address of the uplink's own prefix or of those on link";
  reader.read_as<std::string>(key, wanted, [&](const std::string& text) {
    const auto gateway = IpAddress::parse(text);
    if (!gateway || !is_usable_address(*gateway)) return reader.fault(key, "malformed", wanted);
    if (uplink.address.is_zero()) return;  // on link of what?
    const bool is_on_link = uplink.on_link.contains(*gateway) ||
                            std::ranges::any_of(uplink.also_on_link, [&](const Cidr& prefix) {
                              return prefix.contains(*gateway);
                            });
    if (!is_on_link) {
      return reader.fault(key, "not on link", wanted + ", " + uplink.on_link.to_string());
    }
    if (*gateway == uplink.address) return reader.fault(key, "our own address", wanted);
    uplink.gateway = *gateway;
  });
}

void read_memory(ConfigReader& reader, const std::string& key, DataplaneConfig& dataplane) {
  if (reader.find(key) == nullptr) return;
  uint32_t mb = 64;
  reader.read(key, mb, 64, 1048576);
  dataplane.memory_mb = mb;
}

void read_uplink_mtu(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  if (reader.find(key) == nullptr) return;
  uint16_t mtu = 1500;
  // RFC 791 and RFC 8200 §5: what every link must carry.
  reader.read(key, mtu, uplink.address.is_v4() ? 576 : 1280, 16000);
  uplink.mtu = mtu;
}

void read_uplink_vlan(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  if (reader.find(key) == nullptr) return;
  uint16_t vlan = 0;
  reader.read(key, vlan, 1, 4094);  // 802.1Q-2018 table 9-2: the others mean something else
  uplink.vlan = vlan;
}

void read_backup(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  reader.read_as<std::string>(key, "a device in quotes", [&](const std::string& device) {
    if (device.empty()) {
      return reader.fault(key, "no device", "a kernel interface, a PCI address or a DPDK device");
    }
    if (device == uplink.device) return reader.fault(key, "the first device", "another one");
    uplink.backup = device;
  });
}

void read_bond_with(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  const std::string wanted =
      "a list of 1 to " + std::to_string(kMaxBondWith) + " devices in quotes";
  std::vector<std::string> devices;
  read_strings(reader, key, wanted, "no device", devices);
  for (size_t i = 0; i < devices.size(); ++i) {
    if (devices[i] == uplink.device) return reader.fault(key, "has the first device", "others");
    const auto before = devices.begin() + static_cast<ptrdiff_t>(i);
    if (std::find(devices.begin(), before, devices[i]) != before) {
      return reader.fault(key, "'" + devices[i] + "' listed twice", wanted);
    }
  }
  if (devices.size() > kMaxBondWith) return reader.fault(key, "too many", wanted);
  uplink.bond_with = std::move(devices);
}

void read_host_port(ConfigReader& reader, const std::string& key, UplinkConfig& uplink) {
  reader.read_as<std::string>(key, "a name in quotes", [&](const std::string& name) {
    const std::string wanted =
        "an interface name of 1 to 15 characters, without blanks and slashes";
    if (name.empty() || name.size() >= IFNAMSIZ ||
        name.find_first_of(" \t\n/%:") != std::string::npos || name == "." || name == "..") {
      return reader.fault(key, "no interface name", wanted);
    }
    if (name == uplink.device) {
      return reader.fault(key, "the uplink itself", "a name that is free");
    }
    uplink.host_port = name;
  });
}

}  // namespace butterfly
