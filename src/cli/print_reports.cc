// SPDX-License-Identifier: Apache-2.0
// Status, counters, traces and the graph, for people.
#include <cstdio>
#include <sstream>

#include "cli/print.h"

namespace butterfly {
namespace {

std::string number(uint64_t value) { return std::to_string(value); }

std::string line(const std::string& head, const std::string& text) {
  std::string padded = head;
  padded.resize(std::max<size_t>(head.size() + 1, 10), ' ');
  return padded + text + "\n";
}

std::string uptime_text(uint64_t seconds) {
  if (seconds < 120) return number(seconds) + " s";
  if (seconds < 7200) return number(seconds / 60) + " min";
  if (seconds < 172800) return number(seconds / 3600) + " h";
  return number(seconds / 86400) + " days";
}

std::string uplink_text(const v1::UplinkState& uplink) {
  std::string device = uplink.device();
  for (int i = 1; i < uplink.members_size(); ++i) {
    device += (i + 1 == uplink.members_size() ? " and " : ", ") + uplink.members(i).device();
  }
  if (!uplink.active().empty()) device += " (" + uplink.active() + " in use)";
  return device + " " + (uplink.link_up() ? "up" : "down") +
         (uplink.driver().empty() ? "" : ", by " + uplink.driver()) + ", VTEP " + uplink.address() +
         ", MAC " + uplink.mac() + (uplink.vlan() == 0 ? "" : ", VLAN " + number(uplink.vlan())) +
         ", MTU " + number(uplink.mtu()) + ", inner MTU " + number(uplink.inner_mtu());
}

std::string member_text(const v1::UplinkMember& member, const std::string& active) {
  const bool is_standby = !active.empty() && active != member.device();
  return member.device() + ": " +
         (member.usable() ? (is_standby ? "standby" : "in use") : "not used, " + member.why()) +
         ", by " + member.driver() +
         (member.partner().empty() ? "" : ", partner " + member.partner()) + ", " +
         number(member.rx_packets()) + " packets in, " + number(member.tx_packets()) + " out";
}

std::string lcore_text(const v1::LcoreState& lcore) {
  char busy[16];
  const double rounds = lcore.rounds() == 0 ? 1 : static_cast<double>(lcore.rounds());
  std::snprintf(busy, sizeof busy, "%.1f", static_cast<double>(lcore.busy_rounds()) * 100 / rounds);
  return "CPU " + number(lcore.cpu()) + ", " + (lcore.sleeping() ? "asleep" : "awake") + ", " +
         number(lcore.busy_percent()) + " % busy, " + busy + " % of rounds busy, " +
         number(lcore.flows()) + " of " + number(lcore.flow_capacity()) + " flows" +
         (lcore.flows_evicted() == 0 ? "" : ", " + number(lcore.flows_evicted()) + " made way");
}

std::string megabytes(uint64_t bytes) { return number((bytes + (1 << 19)) >> 20); }

std::string buffers_text(const v1::GetStatusResponse& status) {
  uint64_t most = 0;
  for (const auto& use : status.buffer_uses()) most += use.buffers();
  return number(status.buffers_used()) + " of " + number(status.buffers()) + " used, hugepages " +
         (status.hugepages() ? "on" : "off") + ", at most " + number(most) +
         " in use at the same time:";
}

std::string memory_text(const v1::MemoryState& memory) {
  return megabytes(memory.total()) + " MiB" + (memory.computed() ? " (computed)" : "") +
         ": packets " + megabytes(memory.packets()) + ", super-frames " +
         megabytes(memory.super_frames()) + ", devices " + megabytes(memory.devices()) + ", free " +
         megabytes(memory.free());
}

std::string balance_text(const v1::BalanceState& balance) {
  std::string text =
      std::string(balance.on() ? "on" : "off") + ", " + number(balance.moves()) + " nics moved";
  if (!balance.has_last()) return text;
  const v1::NicMove& last = balance.last();
  return text + ", the last " + uptime_text(last.age_s()) + " ago: " + last.nic() + " from lcore " +
         number(last.from()) + " (" + number(last.from_busy_percent()) + " % busy) to lcore " +
         number(last.to()) + " (" + number(last.to_busy_percent()) + " %)";
}

std::string peer_view_text(const v1::PeerView& peer) {
  std::string text = peer.peer().address() + (peer.learnt() ? ", learnt, " : ", ") +
                     number(static_cast<uint64_t>(peer.peer().vnis_size())) + " VNIs";
  if (peer.next_hop_mac().empty()) return text + ", next hop unresolved";
  return text + ", next hop " + peer.next_hop() + " at " + peer.next_hop_mac();
}

}  // namespace

std::string status_text(const v1::GetStatusResponse& status) {
  std::string text = "butterflyd " + status.version() + ", up " + uptime_text(status.uptime_s()) +
                     ", generation " + number(status.generation()) + ", revision " +
                     number(status.revision()) + "\n";
  text +=
      line("nics", number(status.nics()) + ", " + number(status.nics_connected()) + " connected");
  text += line("groups", number(status.groups()));
  text += line("fdb", number(status.fdb_learnt()) + " learnt of " + number(status.fdb_capacity()) +
                          ", " + number(status.fdb_static()) + " static, " +
                          number(status.fdb_moved()) + " moves, " + number(status.fdb_held()) +
                          " held, " + number(status.fdb_not_learnt()) + " not learnt");
  text += line("buffers", buffers_text(status));
  for (const auto& use : status.buffer_uses()) {
    text += line("", number(use.buffers()) + " " + use.what() + ": " + use.why());
  }
  text += line("memory", memory_text(status.memory()));
  text += line("uplink",
               status.has_uplink() ? uplink_text(status.uplink()) : "none: local switching only");
  for (const auto& member : status.uplink().members()) {
    text += line("", member_text(member, status.uplink().active()));
  }
  for (const auto& lcore : status.lcores()) {
    text += line("lcore " + number(lcore.index()), lcore_text(lcore));
  }
  text += line("balance", balance_text(status.balance()));
  for (const auto& peer : status.peers()) text += line("peer", peer_view_text(peer));
  for (const auto& warning : status.warnings()) text += line("warning", warning);
  return text;
}

std::string counters_text(const v1::GetCountersResponse& counters) {
  Table table({"BRICK", "OUT", "PACKETS", "BYTES", "MEANING"});
  for (const auto& out : counters.outs()) {
    table.add({out.brick(), out.out(), number(out.packets()), number(out.bytes()),
               (out.drop() ? "dropped: " : "") + out.sentence()});
  }
  const v1::Ledger& ledger = counters.ledger();
  return table.to_string() + "\nreceived " + number(ledger.received()) + " + made " +
         number(ledger.made()) + " + copied " + number(ledger.copied()) + " + taken over " +
         number(ledger.taken_over()) + " = sent " + number(ledger.sent()) + " + merged " +
         number(ledger.merged()) + " + dropped " + number(ledger.dropped()) + " + handed over " +
         number(ledger.handed_over()) + " + held " + number(ledger.held()) +
         " (no buffer: " + number(ledger.no_buffer()) + ")\n";
}

std::string packet_text(const v1::TraceResponse& packet) {
  std::string text = "from " + packet.from() + (packet.to().empty() ? "" : " to " + packet.to()) +
                     ", " + number(packet.length_bytes()) + " bytes\n";
  Table steps({"  BRICK", "OUT", "MEANING", "NOTE"});
  for (const auto& step : packet.steps()) {
    steps.add({"  " + step.brick(), step.out(), (step.drop() ? "dropped: " : "") + step.sentence(),
               step.note()});
  }
  return text + steps.to_string();
}

std::string edges_text(const std::string& dot) {
  std::istringstream lines(dot);
  std::string text;
  for (std::string row; std::getline(lines, row);) {
    if (row.find("\" -> \"") == std::string::npos) continue;
    std::string from, to, out;
    std::istringstream words(row);
    // "from" -> "to" [label="out"];
    std::getline(words, from, '"');
    std::getline(words, from, '"');
    std::getline(words, to, '"');
    std::getline(words, to, '"');
    std::getline(words, out, '"');
    std::getline(words, out, '"');
    text += from + " -> " + to + (out.empty() ? "" : " (" + out + ")") + "\n";
  }
  return text;
}

}  // namespace butterfly
