// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"

#include <cassert>

namespace butterfly {

Node& Graph::add_node(const std::string& name, const BrickInfo& info, void* brick, RunBurst run,
                      RunBurst run_traced, std::string (*format)(const void*), Node::Rim rim) {
  assert(nodes_.size() < kMaxNodes);
  return nodes_.emplace_back(name, info, brick, run, run_traced, format, rim,
                             static_cast<uint8_t>(nodes_.size()));
}

Node& Graph::add_sink(const std::string& name, const BrickInfo& info, void* sink, RunBurst run,
                      RunBurst run_traced) {
  return add_node(name, info, sink, run, run_traced, nullptr, Node::Rim::yes);
}

void Graph::connect_index(Node& from, size_t out, Node& to) {
  assert(out < from.info_.outs.size() && !from.is_drop(out) && from.index_ < to.index_);
  from.targets_[out] = &to;
}

Status Graph::seal(Lcore& lcore) {
  for (Node& node : nodes_) {
    node.counts_ = lcore.counters().node(node.index_);
    for (size_t out = 0; out < node.info_.outs.size(); ++out) {
      const OutInfo& info = node.info_.outs[out];
      if (info.edge == Edge::forward && !node.targets_[out] && node.rim_ == Node::Rim::no) {
        return precondition("graph: out '" + std::string(info.name) + "' of '" + node.name_ +
                            "' leads nowhere");
      }
    }
  }
  return ok_status();
}

std::string Graph::to_dot() const {
  std::string dot =
      "digraph butterfly {\n"
      "  rankdir=LR;\n"
      "  node [shape=plain fontname=\"Helvetica\" fontsize=11];\n"
      "  edge [fontname=\"Helvetica\" fontsize=9];\n";
  for (const Node& node : nodes_) {
    dot += "  \"" + node.name_ +
           "\" [label=<<table border=\"0\" cellborder=\"1\" cellspacing=\"0\">" +
           "<tr><td bgcolor=\"#dbe9f6\"><b>" + node.name_ + "</b></td></tr>";
    std::string drops;
    for (const OutInfo& out : node.info_.outs) {
      if (out.edge != Edge::drop) continue;
      drops += std::string(out.name) + "<br align=\"left\"/>";
    }
    if (!drops.empty()) {
      dot += "<tr><td align=\"left\" balign=\"left\"><font point-size=\"8\" color=\"#a03030\">" +
             drops + "</font></td></tr>";
    }
    dot += "</table>>];\n";
  }
  for (const Node& node : nodes_) {
    for (size_t out = 0; out < node.info_.outs.size(); ++out) {
      if (!node.targets_[out]) continue;
      dot += "  \"" + node.name_ + "\" -> \"" + node.targets_[out]->name_ + "\" [label=\"" +
             node.info_.outs[out].name + "\"];\n";
    }
  }
  return dot + "}\n";
}

}  // namespace butterfly
