// SPDX-License-Identifier: Apache-2.0
// Connections that go from host to host: what is written, and what is believed.
#include <algorithm>
#include <cstring>

#include "control/connections.h"

namespace butterfly {
namespace {

constexpr uint64_t kMaxPackets = (uint64_t{1} << 38) - 1;
constexpr uint64_t kMaxBytes = (uint64_t{1} << 50) - 1;
constexpr uint64_t kMaxIdleMs = 3 * 86'400'000ULL;
constexpr uint32_t kMaxWindow = 15;
constexpr uint32_t kMaxSeen = 0x3f;

Status check_at_most(const std::string& field, uint64_t value, uint64_t max) {
  if (value <= max) return ok_status();
  return invalid(field + " " + std::to_string(value) + " is too large (wanted 0.." +
                 std::to_string(max) + ")");
}

v1::ExportedEnd end_of(const FlowRecord& record, Role role) {
  v1::ExportedEnd message;
  message.set_address(record.end(role).address.to_string());
  message.set_port(record.end(role).port);
  message.set_packets(record.tally(role).packets);
  message.set_bytes(record.tally(role).bytes);
  if (record.tcp.state == tcp::State::none) return message;
  const auto side = static_cast<size_t>(role);
  v1::TcpEnd& tcp = *message.mutable_tcp();
  tcp.set_end(record.tcp_track.end[side]);
  tcp.set_max_end(record.tcp_track.max_end[side]);
  tcp.set_last_ack(record.tcp_track.last_ack[side]);
  tcp.set_window_log(record.tcp.windows[side].log);
  tcp.set_window_scale(record.tcp.windows[side].scale);
  return message;
}

static_assert(static_cast<int>(tcp::State::syn_sent) == v1::TCP_STATE_SYN_SENT &&
              static_cast<int>(tcp::State::established) == v1::TCP_STATE_ESTABLISHED &&
              static_cast<int>(tcp::State::time_wait) == v1::TCP_STATE_TIME_WAIT);

// Address, port and counters of one end.
Status read_end(const v1::ExportedEnd& message, wire::Endpoint& end, Tally& tally) {
  const auto address = IpAddress::parse(message.address());
  if (!address) {
    return invalid("address '" + message.address() +
                   "' is malformed (wanted an IPv4 or IPv6 address)");
  }
  RETURN_IF_ERROR(check_at_most("port", message.port(), 65535));
  RETURN_IF_ERROR(check_at_most("packets", message.packets(), kMaxPackets));
  RETURN_IF_ERROR(check_at_most("bytes", message.bytes(), kMaxBytes));
  end = {*address, static_cast<uint16_t>(message.port())};
  tally = {message.packets(), message.bytes()};
  return ok_status();
}

Status read_tcp_end(const v1::ExportedEnd& message, size_t side, FlowRecord& record) {
  if (!message.has_tcp()) return invalid("no TCP numbers (wanted those of both ends)");
  const v1::TcpEnd& tcp = message.tcp();
  // An offer of a SYN may be none; what counts afterwards is a scale.
  const bool may_be_none = record.tcp.state == tcp::State::syn_sent && side == 0;
  RETURN_IF_ERROR(check_at_most("last_ack", tcp.last_ack(), 65535));
  RETURN_IF_ERROR(check_at_most("window_log", tcp.window_log(), kMaxWindow));
  RETURN_IF_ERROR(check_at_most("window_scale", tcp.window_scale(), may_be_none ? 15 : 14));
  if (record.tcp.state != tcp::State::syn_sent && tcp::is_after(tcp.end(), tcp.max_end())) {
    return invalid("end " + std::to_string(tcp.end()) + " lies behind max_end " +
                   std::to_string(tcp.max_end()) + " (wanted what its peer lets it send)");
  }
  record.tcp_track.end[side] = tcp.end();
  record.tcp_track.max_end[side] = tcp.max_end();
  record.tcp_track.last_ack[side] = static_cast<uint16_t>(tcp.last_ack());
  record.tcp.windows[side] = tcp::Window::of(tcp.window_scale());
  record.tcp.windows[side].log = tcp.window_log() & 0x0f;
  return ok_status();
}

Status read_tcp(const v1::ExportedConnection& message, FlowRecord& record) {
  const bool is_tcp = record.tuple.protocol == wire::kProtoTcp;
  if (!is_tcp) {
    const bool has_tcp = message.tcp_state() != v1::TCP_STATE_UNSPECIFIED ||
                         message.tcp_seen() != 0 || message.initiator().has_tcp() ||
                         message.responder().has_tcp();
    if (!has_tcp) return ok_status();
    return invalid("TCP fields with protocol " + std::to_string(record.tuple.protocol) +
                   " (wanted none)");
  }
  if (message.tcp_state() < v1::TCP_STATE_SYN_SENT ||
      message.tcp_state() > v1::TCP_STATE_TIME_WAIT) {
    return invalid("TCP state " + std::to_string(message.tcp_state()) + " is unknown (wanted " +
                   std::to_string(v1::TCP_STATE_SYN_SENT) + ".." +
                   std::to_string(v1::TCP_STATE_TIME_WAIT) + ")");
  }
  RETURN_IF_ERROR(check_at_most("tcp_seen", message.tcp_seen(), kMaxSeen));
  record.tcp.state = static_cast<tcp::State>(message.tcp_state());
  record.tcp.seen = static_cast<uint8_t>(message.tcp_seen());
  RETURN_IF_ERROR(read_tcp_end(message.initiator(), 0, record));
  return read_tcp_end(message.responder(), 1, record);
}

Status at_connection(const Status& status, size_t number) {
  if (status.ok()) return status;
  return Status(status.code(),
                "connection " + std::to_string(number) + ": " + std::string(status.message()));
}

}  // namespace

v1::ExportedConnection to_proto(const NicFlow& flow) {
  v1::ExportedConnection message;
  message.set_protocol(flow.record.tuple.protocol);
  message.set_nic_role(flow.role == Role::initiator ? v1::CONNECTION_ROLE_INITIATOR
                                                    : v1::CONNECTION_ROLE_RESPONDER);
  *message.mutable_initiator() = end_of(flow.record, Role::initiator);
  *message.mutable_responder() = end_of(flow.record, Role::responder);
  message.set_idle_ms(flow.record.idle_ms);
  message.set_tcp_state(static_cast<v1::TcpState>(flow.record.tcp.state));
  message.set_tcp_seen(flow.record.tcp.seen);
  return message;
}

v1::ImportConnectionsResponse to_proto(const FlowImportReport& report) {
  v1::ImportConnectionsResponse message;
  message.set_imported(report.imported);
  message.set_renewed(report.renewed);
  message.set_kept(report.kept);
  message.set_expired(report.expired);
  return message;
}

uint64_t flow_capacity(const Host& host) {
  uint64_t capacity = 0;
  for (const LcoreReport& lcore : host.report().lcores) capacity += lcore.flow_capacity;
  return capacity;
}

Status write_export(Host& host, const v1::ExportConnectionsRequest& request,
                    const std::function<bool(const v1::ConnectionExport&)>& sink,
                    const std::function<bool()>& keep_going) {
  const std::string& nic = request.nic();
  if (request.when_gone()) RETURN_IF_ERROR(host.wait_until_gone(nic, keep_going));
  const auto intent = host.intent();
  const auto found = intent->nics.find(nic);
  if (found == intent->nics.end()) {
    return not_found("nic '" + nic + "': not found (wanted one of ours)");
  }
  v1::ConnectionExport part;
  const auto begin_part = [&](Vni vni) {
    part.Clear();
    part.set_version(kExportVersion);
    part.set_nic(nic);
    part.set_vni(vni.value);
  };
  uint64_t total = 0;
  bool goes_on = true;
  RETURN_IF_ERROR(host.export_flows(
      nic,
      [&](Vni vni, const std::vector<NicFlow>& flows) {
        begin_part(vni);
        for (const NicFlow& flow : flows) *part.add_connections() = to_proto(flow);
        total += flows.size();
        goes_on = sink(part);
        return goes_on;
      },
      keep_going));
  if (!goes_on) return absl::CancelledError("connections: nobody waits for the answer");
  begin_part(found->second.vni);
  part.set_total(total);
  sink(part);
  return ok_status();
}

StatusOr<NicFlow> from_proto(const v1::ExportedConnection& message, Vni vni) {
  NicFlow flow;
  FlowRecord& record = flow.record;
  RETURN_IF_ERROR(check_at_most("protocol", message.protocol(), 255));
  if (message.nic_role() != v1::CONNECTION_ROLE_INITIATOR &&
      message.nic_role() != v1::CONNECTION_ROLE_RESPONDER) {
    return invalid("nic_role " + std::to_string(message.nic_role()) +
                   " (wanted initiator or responder)");
  }
  flow.role =
      message.nic_role() == v1::CONNECTION_ROLE_INITIATOR ? Role::initiator : Role::responder;
  record.vni = vni;
  record.tuple.protocol = static_cast<uint8_t>(message.protocol());
  RETURN_IF_ERROR(read_end(message.initiator(), record.tuple.source, record.tallies[0]));
  RETURN_IF_ERROR(read_end(message.responder(), record.tuple.destination, record.tallies[1]));
  if (record.tuple.source.address.is_v4() != record.tuple.destination.address.is_v4()) {
    return invalid("ends of both families (wanted one)");
  }
  RETURN_IF_ERROR(check_at_most("idle_ms", message.idle_ms(), kMaxIdleMs));
  record.idle_ms = static_cast<uint32_t>(message.idle_ms());
  RETURN_IF_ERROR(read_tcp(message, record));
  return flow;
}

Status ExportReader::add(const v1::ConnectionExport& part) {
  if (part.version() != kExportVersion) {
    return invalid("connections: version " + std::to_string(part.version()) +
                   " of the format is unknown (wanted " + std::to_string(kExportVersion) + ")");
  }
  if (part.vni() == 0 || part.vni() > kVniMax) {
    return invalid("connections: VNI " + std::to_string(part.vni()) + " (wanted 1.." +
                   std::to_string(kVniMax) + ")");
  }
  if (has_total_) return invalid("connections: more behind the last part (wanted nothing)");
  if (is_begun_ && part.vni() != vni_.value) {
    return invalid("connections: parts of VNI " + std::to_string(vni_.value) + " and " +
                   std::to_string(part.vni()) + " (wanted one)");
  }
  is_begun_ = true;
  vni_ = Vni{part.vni()};
  if (flows_.size() + static_cast<uint64_t>(part.connections_size()) > limit_) {
    return exhausted("connections: more than this host can track (wanted at most " +
                     std::to_string(limit_) + ")");
  }
  for (const v1::ExportedConnection& message : part.connections()) {
    auto flow = from_proto(message, vni_);
    if (!flow.ok()) return at_connection(flow.status(), flows_.size() + 1);
    flows_.push_back(*std::move(flow));
  }
  has_total_ = part.has_total();
  total_ = part.total();
  return ok_status();
}

Status ExportReader::finish() {
  if (!has_total_)
    return invalid("connections: the last part is missing (wanted the whole export)");
  if (total_ != flows_.size()) {
    return invalid("connections: " + std::to_string(flows_.size()) + " of " +
                   std::to_string(total_) + " are there (wanted the whole export)");
  }
  // Keys of both families differ: only one of IPv6 has a last word.
  struct Numbered {
    wire::FlowKey key;
    size_t number;
  };
  std::vector<Numbered> keys;
  for (const NicFlow& flow : flows_) {
    bool is_high = false;
    keys.push_back({wire::make_flow_key(flow.record.tuple, vni_, is_high), keys.size() + 1});
  }
  const auto compare = [](const Numbered& a, const Numbered& b) {
    return std::memcmp(a.key.words, b.key.words, sizeof a.key.words);
  };
  std::sort(keys.begin(), keys.end(), [&](const Numbered& a, const Numbered& b) {
    const int order = compare(a, b);
    return order != 0 ? order < 0 : a.number < b.number;
  });
  const auto twin =
      std::adjacent_find(keys.begin(), keys.end(),
                         [&](const Numbered& a, const Numbered& b) { return compare(a, b) == 0; });
  if (twin == keys.end()) return ok_status();
  return at_connection(
      invalid("the same as connection " + std::to_string(twin->number) + " (wanted each once)"),
      std::next(twin)->number);
}

}  // namespace butterfly
