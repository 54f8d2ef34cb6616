// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_writer.h"

#include <spdlog/spdlog.h>

#include <array>

namespace butterfly {
namespace {

template <typename T>
void add(std::string& line, const char* key, const T& value) {
  line += std::string(" ") + key + "=";
  if constexpr (requires { std::to_string(value); }) {
    line += std::to_string(value);
  } else if constexpr (requires { value.to_string(); }) {
    line += value.to_string();
  } else {
    line += value;
  }
}
template <typename T>
void add(std::string& line, const char* key, const std::optional<T>& value) {
  if (value) add(line, key, *value);
}

}  // namespace

std::string log_line(const LogReport& report) {
  const wire::FrameSummary& frame = report.frame;
  std::string line = report.is_drop ? "drop" : "start";
  add(line, "brick", report.brick);
  add(line, "out", report.out);
  if (!report.from.empty()) add(line, "from", report.from);
  if (!report.to.empty()) add(line, "to", report.to);
  if (report.vni != Vni{}) add(line, "vni", report.vni.value);
  add(line, "length", report.length);
  add(line, "smac", frame.source_mac);
  add(line, "dmac", frame.destination_mac);
  add(line, "ethertype", frame.ethertype);
  add(line, "proto", frame.protocol);
  add(line, "src", frame.source);
  add(line, "dst", frame.destination);
  add(line, "sport", frame.source_port);
  add(line, "dport", frame.destination_port);
  add(line, "icmp_type", frame.icmp_type);
  add(line, "icmp_code", frame.icmp_code);
  if (!report.rule.empty()) add(line, "rule", report.rule);
  if (!report.group.empty()) add(line, "group", report.group);
  if (!report.procedure.empty()) add(line, "procedure", report.procedure);
  if (report.kept_back != 0) add(line, "suppressed", report.kept_back);
  return line;
}

LogWriter::LogWriter(Host& host, const LogQuery& query)
    : thread_([this, &host, query] {
        const Status status = host.watch_log(
            query,
            [](const LogReport& report) {
              spdlog::info("{}", log_line(report));
              return true;
            },
            [this] { return !stopping_.load(std::memory_order_relaxed); });
        if (!status.ok()) spdlog::error("{}", std::string(status.message()));
      }) {}

LogWriter::~LogWriter() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
}

std::string log_line(const News& news) {
  static constexpr std::array<const char*, kNewsKinds> kWords{"lost",
                                                              "nic-added",
                                                              "nic-removed",
                                                              "guest-connected",
                                                              "guest-disconnected",
                                                              "intent-changed",
                                                              "address-learnt",
                                                              "address-moved",
                                                              "address-held",
                                                              "limit-reached",
                                                              "peer-up",
                                                              "peer-down",
                                                              "uplink-up",
                                                              "uplink-down",
                                                              "uplink-member-up",
                                                              "uplink-member-down"};
  std::string line = kWords[static_cast<size_t>(news.kind)];
  if (!news.nic.empty()) add(line, "nic", news.nic);
  if (news.vni != Vni{}) add(line, "vni", news.vni.value);
  add(line, "mac", news.mac);
  add(line, "peer", news.peer);
  if (news.revision != 0) add(line, "revision", news.revision);
  if (!news.limit.empty()) add(line, "limit", news.limit);
  if (!news.member.empty()) add(line, "member", news.member);
  if (news.count != 0) add(line, "count", news.count);
  return line;
}

NewsFollower::NewsFollower(Host& host)
    : thread_([this, &host] {
        NewsQuery query;
        // Lcores need not tell of addresses for the log alone.
        for (const NewsKind kind : {NewsKind::address_learnt, NewsKind::address_moved,
                                    NewsKind::address_held, NewsKind::limit_reached}) {
          query.kinds &= ~(1U << static_cast<unsigned>(kind));
        }
        const Status status = host.watch_news(
            query,
            [this](const News& news) {
              if (is_writing_.load(std::memory_order_relaxed)) spdlog::info("{}", log_line(news));
              return true;
            },
            [this] { return !stopping_.load(std::memory_order_relaxed); });
        if (!status.ok()) spdlog::error("{}", std::string(status.message()));
      }) {}

NewsFollower::~NewsFollower() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
}

}  // namespace butterfly
