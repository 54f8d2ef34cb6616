// SPDX-License-Identifier: Apache-2.0
#include "control/error_detail.h"

#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <vector>

namespace butterfly {
namespace {

// How facts begin that are about a field; `object`, where one word stands for several fields.
struct FieldWord {
  std::string_view word;
  std::string_view field;
  std::string_view object = {};
};
constexpr FieldWord kWords[] = {
    {"name ", "id", "nic"},
    {"name ", "key", "guard rule"},
    {"name ", "name"},
    {"MAC ", "mac"},
    {"VNI ", "vnis", "peer"},
    {"VNI ", "vni"},
    {"type ", "type"},
    {"tap name ", "tap_name"},
    {"vhost server ", "vhost_server"},
    {"packed rings ", "packed"},
    {"MTU ", "mtu"},
    {"queues ", "queues"},
    {"subnet ", "subnets", "nic"},
    {"subnets ", "subnets", "nic"},
    {"hostname ", "hostname"},
    {"does not have group ", "groups"},
    {"group ", "groups", "nic"},
    {"group ", "group", "segment"},
    {"VLANs ", "carry_vlans", "nic"},
    {"address ", "address", "peer"},
    {"address ", "members", "group"},
    {"address ", "addresses", "nic"},
    {"address ", "address", "connection"},
    {"address ", "address", "connections"},
    {"prefix ", "members", "group"},
    {"prefix ", "prefix", "subnet"},
    {"has no member ", "members"},
    {"has no rule with key ", "key"},
    {"has no rule ", "rule_id"},
    {"id ", "id"},
    {"direction ", "direction"},
    {"family ", "family"},
    {"protocol ", "protocol"},
    {"first port ", "first_port"},
    {"last port ", "last_port"},
    {"source port ", "source_port"},
    {"destination port ", "destination_port"},
    {"no destination port", "destination_port"},
    {"port ", "port"},
    {"ICMP type ", "icmp_type"},
    {"ICMP code ", "icmp_code"},
    {"CIDR ", "peer_cidr"},
    {"peer group ", "peer_group"},
    {"description ", "description"},
    {"key ", "key"},
    {"expression ", "expression"},
    {"procedure ", "procedure"},
    {"priority ", "priority"},
    {"action ", "action"},
    {"max MSS ", "max_mss"},
    {"min TTL ", "min_ttl"},
    {"packets a second ", "packets_per_second"},
    {"bits a second ", "bits_per_second"},
    {"burst ", "burst_ms"},
    {"lease ", "lease_s"},
    {"domain ", "domains"},
    {"peer ", "peer"},
    {"state ", "state"},
    {"role ", "role"},
    {"kind ", "kinds"},
    {"out ", "out"},
    {"page token ", "page_token"},
    {"is at revision ", "expected_revision"},
    {"allowed MAC ", "allowed"},
    {"route ", "routes", "subnet"},
    {"DNS server ", "dns"},
    {"neither gateway nor server", "gateway"},
    {"TCP state ", "tcp_state"},
    {"packets ", "packets", "connection"},
    {"bytes ", "bytes", "connection"},
    {"end ", "end", "connection"},
    {"one of ", "sample_every", "log"},
    {"no brick ", "out", "log"},
    {"match with key ", "key"},
    {"version ", "version"},
};

// Parts of an object that are fields of it.
constexpr FieldWord kParts[] = {
    {"gateway", "gateways", "segment"},
    {"gateway", "gateway"},
    {"server", "server"},
    {"DNS server", "dns"},
    {"allowed", "allowed"},
    {"route", "routes"},
    {"group ", "groups", "nic"},
    {"group ", "group", "segment"},
    {"VLANs ", "carry_vlans", "nic"},
};
// The same of rules, behind the rule's id.
constexpr std::string_view kRuleParts[][2] = {
    {": peer group '", "peer_group"}, {": key '", "key"}, {": expression '", "expression"}};

// The parts between the ": " that stand outside quotes.
std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      // A quotation ends before what may follow one: its text may hold quotes of its own.
      size_t end = i;
      do {
        end = text.find('\'', end + 1);
      } while (end != std::string_view::npos && end + 1 < text.size() && text[end + 1] != ' ' &&
               text[end + 1] != ':' && text[end + 1] != ')' && text[end + 1] != ',');
      if (end == std::string_view::npos) break;
      i = end;
    } else if (text.substr(i, 2) == ": ") {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 2;
    }
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// "nic 'web-1'", "segment 42", "fdb 42/52:54:00:00:00:01"; "log" has no id.
void read_object(std::string_view text, v1::ErrorDetail& detail) {
  const size_t quote = text.find(" '");
  if (quote != std::string_view::npos && text.ends_with('\'')) {
    detail.set_object(std::string(text.substr(0, quote)));
    detail.set_id(std::string(text.substr(quote + 2, text.size() - quote - 3)));
    return;
  }
  const size_t blank = text.find(' ');
  detail.set_object(std::string(text.substr(0, blank)));
  if (blank != std::string_view::npos) detail.set_id(std::string(text.substr(blank + 1)));
}

// "change 2 of 3" → 2; of anything else 0.
uint32_t change_of(std::string_view text) {
  constexpr std::string_view kChange = "change ";
  uint32_t number = 0;
  if (!text.starts_with(kChange)) return 0;
  const char* const begin = text.data() + kChange.size();
  const auto read = std::from_chars(begin, text.data() + text.size(), number);
  return read.ec == std::errc() ? number : 0;
}

// What is quoted in it, or its first number or address.
std::string value_in(std::string_view fact) {
  if (const size_t quote = fact.find('\''); quote != std::string_view::npos) {
    const size_t end = fact.find('\'', quote + 1);
    if (end != std::string_view::npos) return std::string(fact.substr(quote + 1, end - quote - 1));
  }
  size_t begin = 0;
  while (begin < fact.size()) {
    const size_t end = std::min(fact.find(' ', begin), fact.size());
    const std::string_view word = fact.substr(begin, end - begin);
    if (word.find_first_of("0123456789") != std::string_view::npos) return std::string(word);
    begin = end + 1;
  }
  return "";
}

// The first that `text` begins with; empty: none.
std::string_view field_of(std::span<const FieldWord> words, std::string_view text,
                          std::string_view object) {
  for (const FieldWord& one : words) {
    if (text.starts_with(one.word) && (one.object.empty() || one.object == object)) {
      return one.field;
    }
  }
  return {};
}

// "tcp_new_s": the fact begins with the field's own name.
std::string_view own_name_in(std::string_view fact) {
  const std::string_view word = fact.substr(0, fact.find(' '));
  const bool is_name = word.find('_') != std::string_view::npos &&
                       word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == word.npos;
  return is_name ? word : std::string_view();
}

// "17 queues", "10001 a second": the number comes first.
std::string_view counted_in(std::string_view fact, std::string_view object) {
  const std::string_view rest = fact.substr(std::min(fact.find(' '), fact.size()));
  if (object == "nic" && rest.starts_with(" queues")) return "queues";
  return object == "log" && rest == " a second" ? "per_second" : std::string_view();
}

// Whether the part says which field it is; then the value may stand there.
bool read_field_of_part(v1::ErrorDetail& detail) {
  std::string_view field = field_of(kParts, detail.part(), detail.object());
  size_t at = 0;
  for (const auto& [words, name] : kRuleParts) {
    if (!field.empty()) break;
    at = detail.part().find(words);
    if (at != std::string::npos) field = name;
  }
  if (field.empty()) return false;
  const std::string part = detail.part().substr(at == std::string::npos ? 0 : at);
  detail.set_field(std::string(field));
  detail.set_value(value_in(part.find('\'') != std::string::npos ? part : detail.fact()));
  return true;
}

void read_field(v1::ErrorDetail& detail) {
  if (read_field_of_part(detail)) return;
  const std::string_view fact = detail.fact();
  // Of a packet that is asked about there are two addresses, and neither is the nic's list.
  if (detail.part() == "check" && fact.starts_with("address ")) return;
  std::string_view field = own_name_in(fact);
  if (field.empty()) field = counted_in(fact, detail.object());
  if (field.empty()) field = field_of(kWords, fact, detail.object());
  if (field.empty()) return;
  detail.set_field(std::string(field));
  detail.set_value(value_in(fact));
}

}  // namespace

v1::ErrorDetail detail_of(const std::string& message) {
  v1::ErrorDetail detail;
  std::string_view text = message;
  constexpr std::string_view kWanted = " (wanted ";
  if (const size_t wanted = text.rfind(kWanted);
      wanted != std::string_view::npos && text.ends_with(')')) {
    const size_t begin = wanted + kWanted.size();
    detail.set_wanted(std::string(text.substr(begin, text.size() - begin - 1)));
    text = text.substr(0, wanted);
  }
  std::vector<std::string_view> parts = split(text);
  if (const uint32_t change = change_of(parts.front()); change != 0 && parts.size() > 1) {
    detail.set_change(change);
    parts.erase(parts.begin());
  }
  detail.set_fact(std::string(parts.back()));
  if (parts.size() == 1) return detail;
  read_object(parts.front(), detail);
  for (size_t i = 1; i + 1 < parts.size(); ++i) {
    detail.set_part(detail.part() + (detail.part().empty() ? "" : ": ") + std::string(parts[i]));
  }
  read_field(detail);
  return detail;
}

std::string details_of(const Status& status) {
  // Clients take 8 KiB of metadata, the message itself included.
  constexpr size_t kMaxMessage = 1024;
  if (status.message().size() > kMaxMessage) return "";
  v1::ErrorStatus all;
  all.set_code(static_cast<int>(status.code()));
  all.set_message(std::string(status.message()));
  all.add_details()->PackFrom(detail_of(all.message()));
  return all.SerializeAsString();
}

}  // namespace butterfly
