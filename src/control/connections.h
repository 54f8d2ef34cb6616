// SPDX-License-Identifier: Apache-2.0
// Connections between API messages and the host's words.
#pragma once

#include <vector>

#include "base/status.h"
#include "butterfly/v1/butterfly.pb.h"
#include "host/host.h"

namespace butterfly {

inline constexpr uint32_t kExportVersion = 1;

// invalid_argument names the field that is out of range.
StatusOr<FlowQuery> from_proto(const v1::ConnectionFilter& filter);
// The same for what is to be flushed: refused when neither a filter nor `all` is set, or both.
StatusOr<FlowQuery> from_proto(const v1::FlushConnectionsRequest& request);
v1::Connection to_proto(const FlowReport& report);
v1::CountConnectionsResponse to_proto(const FlowCounts& counts);

// Exports a nic's connections in parts of which the last says how many there were.
Status write_export(Host& host, const v1::ExportConnectionsRequest& request,
                    const std::function<bool(const v1::ConnectionExport&)>& sink,
                    const std::function<bool()>& keep_going);
v1::ExportedConnection to_proto(const NicFlow& flow);
v1::ImportConnectionsResponse to_proto(const FlowImportReport& report);
// Of all lcores together.
uint64_t flow_capacity(const Host& host);
// One connection, with every field checked.
StatusOr<NicFlow> from_proto(const v1::ExportedConnection& message, Vni vni);

// Reads an export part by part, as it comes.
class ExportReader {
 public:
  // At most `limit` connections.
  explicit ExportReader(uint64_t limit) : limit_(limit) {}
  Status add(const v1::ConnectionExport& part);
  // After the last part: whether it is whole, and no connection is in it twice.
  Status finish();

  Vni vni() const { return vni_; }
  const std::vector<NicFlow>& flows() const { return flows_; }

 private:
  const uint64_t limit_;
  bool is_begun_ = false;
  Vni vni_;
  uint64_t total_ = 0;
  bool has_total_ = false;
  std::vector<NicFlow> flows_;
};

}  // namespace butterfly
