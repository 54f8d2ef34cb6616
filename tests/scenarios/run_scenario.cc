// SPDX-License-Identifier: Apache-2.0
#include "scenarios/run_scenario.h"

#include "scenarios/expectation.h"
#include "scenarios/line_reader.h"
#include "support/packet_dissect.h"
#include "support/packet_fields.h"
#include "support/packet_text.h"
#include "support/unfinished.h"

namespace butterfly::scenario {
namespace {

std::string listed(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n    " + line;
  return text;
}

// "expect db 3 of eth(…)" → three expectations; none for "expect nothing".
StatusOr<std::vector<Expectation>> read_expect(const Line& line) {
  if (line.word(1) == "nothing") return std::vector<Expectation>{};
  size_t times = 1;
  size_t at = 2;
  if (line.word(3) == "of") {
    const StatusOr<uint64_t> number = parse_number(line.word(2), 100'000);
    if (!number.ok()) return number.status();
    times = *number;
    at = 4;
  }
  const Expectation expectation{line.word(1), line.from_word(at)};
  RETURN_IF_ERROR(check_text(expectation));
  return std::vector<Expectation>(times, expectation);
}

// What the rules of a group have let start, together.
StatusOr<uint64_t> read_hits(const std::string& group, const Host& host) {
  const auto hits = host.rule_hits(group);
  if (!hits.ok()) return hits.status();
  uint64_t sum = 0;
  for (const RuleHits& one : *hits) sum += one.hits.value_or(0);
  return sum;
}

// Counters by name: "brick/out" ("firewall/out": of both sides), "flows" tracked, "fdb" learnt,
// "hits/group".
StatusOr<uint64_t> read_counter(const std::string& name, Host& host) {
  constexpr std::string_view kHits = "hits/";
  if (name.starts_with(kHits)) return read_hits(name.substr(kHits.size()), host);
  if (name == "fdb") return host.report().fdb_entries;
  if (name == "flows") {
    uint64_t flows = 0;
    for (const LcoreReport& lcore : host.report().lcores) flows += lcore.flows;
    return flows;
  }
  const CounterReport counters = host.counters();
  std::string known;
  uint64_t sum = 0;
  bool is_known = false;
  for (const OutReport& out : counters.outs) {
    const std::string both = out.node.starts_with("firewall-") ? "firewall" : out.node;
    if (out.node + "/" + out.out == name || both + "/" + out.out == name) {
      sum += out.packets;
      is_known = true;
    }
    if (name.starts_with(out.node + "/")) known += " " + out.out;
  }
  if (is_known) return sum;
  return invalid("counter '" + name + "' is not there (wanted brick/out" +
                 (known.empty() ? "" : ", out one of" + known) +
                 ", or flows, or fdb, or hits/GROUP)");
}

// The frame as a far guest's host sends it to us.
ScriptedLink::Frame in_tunnel(const FarGuest& guest, const ScriptedLink::Frame& frame) {
  return test::bytes_of(
      "eth(src=02:00:00:00:00:02, dst=02:00:00:00:00:01)/ipv4(src=192.0.2.2, dst=192.0.2.1)/"
      "udp(sport=50000)/vxlan(vni=" +
      std::to_string(guest.vni.value) + ")/raw(hex=" + test::to_hex(frame.data(), frame.size()) +
      ")");
}

// Strips the outer headers of what goes to a far guest's host. False when the frame does not.
bool leave_tunnel(const FarGuest& guest, ScriptedLink::Frame& frame) {
  const std::vector<test::Layer> layers = test::dissect(frame);
  if (layers.size() < 5 || layers[3].name != "vxlan") return false;
  const std::string* vni = layers[3].find("vni");
  const std::string* peer = layers[1].find("dst");
  if (!vni || *vni != std::to_string(guest.vni.value)) return false;
  if (!peer || *peer != IpAddress(kFarPeer).to_string()) return false;
  constexpr long kOuter = 14 + 20 + 8 + 8;
  frame.erase(frame.begin(), frame.begin() + kOuter);
  return true;
}

// Every drop so far, for the message of a failed expectation.
std::string drops(Host& host) {
  std::string text;
  for (const OutReport& out : host.counters().outs) {
    if (!out.drop || out.packets == 0) continue;
    text += " " + out.node + "/" + out.out + " " + std::to_string(out.packets);
  }
  return text.empty() ? " none" : text;
}

}  // namespace

ScenarioRun::ScenarioRun(const ScenarioFile& file, Mode mode, const Setting& setting)
    : file_(file), mode_(mode), is_crowded_(setting.is_crowded) {
  wanted_.options.cpus.assign(setting.lcores, 0);
  wanted_.options.shortcut = setting.shortcut;
  wanted_.is_far_remote = setting.is_far_remote;
}

Status ScenarioRun::run() {
  for (size_t i = 0; i < file_.lines.size(); ++i) RETURN_IF_ERROR(step(i));
  if (!host_) return invalid(file_.path + ": sends nothing (wanted a send, burst or after)");
  RETURN_IF_ERROR(host_->audit());
  return ok_status();
}

Status ScenarioRun::step(size_t& index) {
  const Line& line = file_.lines[index];
  if (is_intent_line(line)) {
    is_applied_ = false;
    const Status status = apply_intent_line(line, wanted_);
    return status.ok() ? status : fault(line, std::string(status.message()));
  }
  if (const Status status = apply_intent(); !status.ok()) {
    return fault(line, "intent refused: " + std::string(status.message()));
  }
  const std::string& verb = line.verb();
  if (verb == "count") return count(line);
  if (verb == "connected" || verb == "ring" || verb == "longest") return set_port(line);
  if (verb == "takes") return set_offloads(line);
  if (verb == "pass" || verb == "drop") return pass_or_drop(line);
  if (verb == "send" || verb == "queue") {
    RETURN_IF_ERROR(send(line, 2));
    if (verb == "queue") return ok_status();
  } else if (verb == "unfinished" || verb == "unsegmented") {
    RETURN_IF_ERROR(send_unfinished(line));
  } else if (verb == "burst") {
    RETURN_IF_ERROR(burst(line));
  } else if (verb == "after") {
    const StatusOr<uint32_t> duration = parse_duration(line.word(1));
    if (!duration.ok()) return fault(line, std::string(duration.status().message()));
    host_->advance(*duration);
  } else if (verb == "expect") {
    return fault(line, "expect stands alone (wanted right behind send, burst or after)");
  } else {
    return fault(
        line, "'" + verb +
                  "' is not known (wanted an intent line, pass, drop, send, queue, "
                  "unfinished, unsegmented, burst, after, expect, count, connected, ring, longest "
                  "or takes)");
  }
  return expect(index);
}

Status ScenarioRun::apply_intent() {
  if (is_applied_) return ok_status();
  if (!host_) {
    StatusOr<std::unique_ptr<ScriptedHost>> host = ScriptedHost::create(std::move(wanted_.options));
    if (!host.ok()) return host.status();
    host_ = *std::move(host);
  }
  is_applied_ = true;
  if (is_crowded_) Crowd::move_in(wanted_);
  return host_->apply(wanted_.intent, wanted_.neighbours);
}

std::vector<Sighting> ScenarioRun::take_sightings() {
  std::vector<Sighting> sightings = host_->take_sightings();
  if (is_crowded_) Crowd::leave_out(sightings);
  for (Sighting& sighting : sightings) {
    if (sighting.port != "uplink") continue;
    for (const auto& [name, guest] : wanted_.far) {
      if (leave_tunnel(guest, sighting.frame)) sighting.port = name;
    }
  }
  return sightings;
}

StatusOr<ScriptedLink*> ScenarioRun::port(const std::string& name) {
  if (ScriptedLink* link = host_->link(name)) return link;
  return invalid("no port '" + name +
                 "' (wanted a nic's id, or uplink on a host with an underlay)");
}

Status ScenarioRun::send(const Line& line, size_t packet_word) {
  const auto far = wanted_.far.find(line.word(1));
  const bool is_far = far != wanted_.far.end();
  const StatusOr<ScriptedLink*> link = port(is_far ? "uplink" : line.word(1));
  if (!link.ok()) return fault(line, std::string(link.status().message()));
  const auto bytes = test::build_packet(line.from_word(packet_word));
  if (!bytes.ok()) return fault(line, std::string(bytes.status().message()));
  const auto feed = [&] { (*link)->feed(is_far ? in_tunnel(far->second, *bytes) : *bytes); };
  if (is_crowded_ && line.verb() != "queue") {
    crowd_.send(*host_, feed);
    return ok_status();
  }
  feed();
  if (line.verb() != "queue") host_->settle();
  return ok_status();
}

Status ScenarioRun::send_unfinished(const Line& line) {
  const StatusOr<ScriptedLink*> link = port(line.word(1));
  if (!link.ok()) return fault(line, std::string(link.status().message()));
  ScriptedLink::Requests requests{.checksum = true};
  if (line.verb() == "unsegmented") {
    const StatusOr<uint64_t> size = parse_number(line.word(2), 65535);
    if (!size.ok()) return fault(line, "wanted: unsegmented PORT SIZE PACKET");
    requests.segment_size = static_cast<uint16_t>(*size);
  }
  const auto bytes = test::build_packet(line.from_word(line.verb() == "unsegmented" ? 3 : 2));
  if (!bytes.ok()) return fault(line, std::string(bytes.status().message()));
  (*link)->feed(test::unfinished(*bytes), requests);
  host_->settle();
  return ok_status();
}

Status ScenarioRun::pass_or_drop(const Line& line) {
  const bool passes = line.verb() == "pass";
  const size_t packet_word = passes ? 3 : 2;
  RETURN_IF_ERROR(send(line, packet_word));
  std::vector<Expectation> expected;
  if (passes) expected.push_back({line.word(2), line.from_word(packet_word)});
  const std::vector<Sighting> seen = take_sightings();
  if (match(expected, seen)) return ok_status();
  return fault(line, std::string(passes ? "wanted it to pass" : "wanted it dropped") +
                         ", but there came" + listed(as_lines(seen)) +
                         "\n  drops so far:" + drops(host_->host()));
}

Status ScenarioRun::burst(const Line& line) {
  const StatusOr<ScriptedLink*> link = port(line.word(1));
  if (!link.ok()) return fault(line, std::string(link.status().message()));
  const StatusOr<uint64_t> times = parse_number(line.word(2), 100'000);
  if (!times.ok() || line.word(3) != "of") return fault(line, "wanted: burst PORT N of PACKET");
  const auto bytes = test::build_packet(line.from_word(4));
  if (!bytes.ok()) return fault(line, std::string(bytes.status().message()));
  for (uint64_t i = 0; i < *times; ++i) (*link)->feed(*bytes);
  host_->settle();
  return ok_status();
}

Status ScenarioRun::set_port(const Line& line) {
  const StatusOr<ScriptedLink*> link = port(line.word(1));
  if (!link.ok()) return fault(line, std::string(link.status().message()));
  if (line.verb() == "connected") {
    (*link)->set_connected(line.word(2) != "no");
    return ok_status();
  }
  uint64_t limit = ScriptedLink::kNoLimit;
  if (line.word(2) != "unlimited") {
    const StatusOr<uint64_t> number = parse_number(line.word(2), ScriptedLink::kNoLimit);
    if (!number.ok()) return fault(line, std::string(number.status().message()));
    limit = *number;
  }
  const auto amount = static_cast<uint32_t>(limit);
  line.verb() == "ring" ? (*link)->set_room(amount) : (*link)->set_longest(amount);
  return ok_status();
}

Status ScenarioRun::set_offloads(const Line& line) {
  const StatusOr<ScriptedLink*> link = port(line.word(1));
  if (!link.ok()) return fault(line, std::string(link.status().message()));
  const std::string& what = line.word(2);
  if (what == "segments") {
    (*link)->set_offloads({.checksum = true, .tso4 = true, .tso6 = true});
  } else if (what == "checksums") {
    (*link)->set_offloads({.checksum = true});
  } else {
    return fault(line, "wanted: takes PORT checksums, or segments");
  }
  return ok_status();
}

Status ScenarioRun::count(const Line& line) {
  const bool is_of_all = line.word(1) == "flows" || line.word(1) == "fdb";
  if (is_crowded_ && is_of_all) return ok_status();  // the crowd's come and go with time
  StatusOr<uint64_t> value = read_counter(line.word(1), host_->host());
  if (value.ok()) *value -= crowd_.share(line.word(1));
  if (!value.ok()) return fault(line, std::string(value.status().message()));
  const StatusOr<uint64_t> expected = parse_number(line.word(2), ~uint64_t{0});
  if (expected.ok() && *expected == *value) return ok_status();
  if (mode_ == Mode::update) {
    changes_.push_back(
        {line.first, line.last, {"count " + line.word(1) + " " + std::to_string(*value)}});
    return ok_status();
  }
  return fault(line, line.word(1) + " is " + std::to_string(*value) + ", wanted " + line.word(2) +
                         "; drops:" + drops(host_->host()));
}

Status ScenarioRun::expect(size_t& index) {
  const Line& action = file_.lines[index];
  std::vector<Expectation> expected;
  std::vector<std::string> expected_lines;
  const size_t first = index + 1;
  while (index + 1 < file_.lines.size() && file_.lines[index + 1].verb() == "expect") {
    const Line& line = file_.lines[++index];
    StatusOr<std::vector<Expectation>> more = read_expect(line);
    if (!more.ok()) return fault(line, std::string(more.status().message()));
    expected.insert(expected.end(), more->begin(), more->end());
    expected_lines.push_back(line.text);
  }
  const std::vector<Sighting> seen = take_sightings();
  if (match(expected, seen)) return ok_status();
  if (mode_ == Mode::update) {
    const bool has_lines = first <= index;
    changes_.push_back({has_lines ? file_.lines[first].first : action.last + 1,
                        has_lines ? file_.lines[index].last : action.last, as_lines(seen)});
    return ok_status();
  }
  if (expected_lines.empty()) expected_lines.emplace_back("expect nothing");
  return fault(action, "expected" + listed(expected_lines) + "\n  but there came" +
                           listed(as_lines(seen)) + "\n  drops so far:" + drops(host_->host()));
}

std::vector<std::string> ScenarioRun::updated() const {
  std::vector<std::string> lines;
  size_t at = 0;
  for (const Change& change : changes_) {
    while (at + 1 < static_cast<size_t>(change.first)) lines.push_back(file_.raw[at++]);
    lines.insert(lines.end(), change.lines.begin(), change.lines.end());
    at = static_cast<size_t>(change.last);
  }
  while (at < file_.raw.size()) lines.push_back(file_.raw[at++]);
  return lines;
}

}  // namespace butterfly::scenario
