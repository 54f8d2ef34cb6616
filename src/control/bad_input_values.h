// SPDX-License-Identifier: Apache-2.0
// Rows of bad_input_test.cc: what one is, and values that several fields refuse.
#pragma once

#include <grpcpp/grpcpp.h>

#include <string>
#include <vector>

namespace butterfly::bad_input {

using grpc::StatusCode;

// A value that is refused, and what the refusal says.
struct Bad {
  std::string value;
  std::string message;
  StatusCode code = StatusCode::INVALID_ARGUMENT;
};

struct Row {
  std::string field;    // "Nic.mtu"
  std::string call;     // of the API
  std::string request;  // as text, with $ where the value stands
  std::vector<Bad> bad;
  std::vector<std::string> good;  // the limits, and what is just within
};

inline const std::string kName =
    "(wanted 1..64 of [A-Za-z0-9._-], starting with a letter or digit)";
inline const std::string kVni = "(wanted 1..16777215)";
inline const std::string kMac = "(wanted six hexadecimal pairs, as in 52:54:00:12:34:56)";
inline const std::string kLong(65, 'x');

// Names, with what stands before them in the message.
inline std::vector<Bad> bad_names(const std::string& before, const std::string& after = "") {
  return {{"", before + after + ": name is empty " + kName},
          {kLong, before + kLong + after + ": name has 65 characters " + kName},
          {"-x", before + "-x" + after + ": name is malformed " + kName},
          {"x/y", before + "x/y" + after + ": name is malformed " + kName}};
}
inline const std::vector<std::string> kGoodNames{"x", std::string(64, 'x'), "0.a_b-c"};

inline std::vector<Bad> bad_macs(const std::string& what) {
  return {
      {"", what + ": MAC '' is malformed " + kMac},
      {"52:54:00:00:00", what + ": MAC '52:54:00:00:00' is malformed " + kMac},
      {"52:54:00:00:00:0g", what + ": MAC '52:54:00:00:00:0g' is malformed " + kMac},
      {"00:00:00:00:00:00", what + ": MAC is zero (wanted a unicast address)"},
      {"01:00:5e:00:00:01", what + ": MAC 01:00:5e:00:00:01 is a group address (wanted unicast)"}};
}

inline std::vector<Bad> bad_vnis(const std::string& what) {
  return {{"0", what + ": VNI 0 names no segment " + kVni},
          {"16777216", what + ": VNI 16777216 exceeds 24 bits " + kVni},
          {"4294967295", what + ": VNI 4294967295 exceeds 24 bits " + kVni}};
}
inline const std::vector<std::string> kGoodVnis{"1", "16777215"};

// A host's own addresses.
inline std::vector<Bad> bad_addresses(const std::string& what, bool may_be_prefix = false) {
  const std::string wanted = may_be_prefix
                                 ? "(wanted an IPv4 or IPv6 address, or ADDRESS/LENGTH with clear "
                                   "host bits)"
                                 : "(wanted an IPv4 or IPv6 address without prefix length)";
  std::vector<Bad> bad{
      {"", what + ": address '' is malformed " + wanted},
      {"10.0.0.300", what + ": address '10.0.0.300' is malformed " + wanted},
      {"0.0.0.0", what + ": address 0.0.0.0 is no host's own (wanted unicast)"},
      {"224.0.0.1", what + ": address 224.0.0.1 is no host's own (wanted unicast)"},
      {"ff02::1", what + ": address ff02::1 is no host's own (wanted unicast)"}};
  if (may_be_prefix) {
    bad.push_back({"10.0.0.1/8", what + ": address '10.0.0.1/8' is malformed " + wanted});
  } else {
    bad.push_back({"10.0.0.0/8", what + ": address '10.0.0.0/8' is malformed " + wanted});
  }
  return bad;
}

// Where the refusal is of one text, with $ for the value.
inline std::vector<Bad> each(const std::vector<std::string>& values, const std::string& message,
                             StatusCode code = StatusCode::INVALID_ARGUMENT) {
  std::vector<Bad> bad;
  for (const std::string& value : values) {
    bad.push_back({value, std::regex_replace(message, std::regex("\\$"), value), code});
  }
  return bad;
}
inline std::vector<Bad> operator+(std::vector<Bad> one, const std::vector<Bad>& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}
inline std::vector<Bad> nobody(const std::string& object) {
  return each({"", "nobody"}, object + " '$': not found (wanted one of ours)",
              StatusCode::NOT_FOUND);
}

inline std::string nic(const std::string& fields) {
  return "changes { nic_put { id: \"x\" mac: \"52:54:00:00:00:0f\" vni: 42 " + fields + " } }";
}
inline std::string update(const std::string& fields) {
  return "changes { nic_update { id: \"t\" " + fields + " } }";
}
inline std::string group(const std::string& fields) {
  return "changes { group_put { name: \"x\" " + fields + " } }";
}
inline std::string rule(const std::string& fields) {
  return "changes { rule_add { group: \"web\" rule { " + fields + " } } }";
}
inline std::string guard(const std::string& fields) {
  return "changes { guard_put { key: \"x\" action: GUARD_ACTION_DENY " + fields + " } }";
}
inline std::string procedure(const std::string& fields) {
  return "changes { procedure_put { name: \"x\" " + fields + " } }";
}
inline std::string subnet(const std::string& fields) {
  return "changes { subnet_put { name: \"x\" prefix: \"10.1.0.0/16\" gateway: \"10.1.0.1\" " +
         fields + " } }";
}
inline std::string import(const std::string& fields) {
  return "nic: \"a\" part { version: 1 vni: 42 " + fields + " }";
}
inline std::string imported(const std::string& fields, const std::string& initiator = "",
                            const std::string& tcp = "") {
  const std::string numbers = "tcp { end: 5 max_end: 9 window_log: 1 ";
  return import(
      "total: 1 connections { protocol: 6 nic_role: CONNECTION_ROLE_INITIATOR "
      "tcp_state: TCP_STATE_ESTABLISHED initiator { address: \"10.0.0.1\" port: 5 " +
      initiator + numbers + tcp + "} } responder { address: \"10.0.0.2\" " + numbers + "} } " +
      fields + "}");
}
inline std::string check(const std::string& fields) {
  return "nic: \"a\" peer: \"10.0.0.9\" " + fields;
}

}  // namespace butterfly::bad_input
