// SPDX-License-Identifier: Apache-2.0
// Decision records 0012 and 0017: what the question costs whether a first packet may pass, with few
// and many rules and members, and what a change of them does; and what the guard list adds to it.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/stopwatch.h"
#include "tables/guard_list.h"
#include "tables/ruleset.h"
#include "wire/headers.h"

namespace butterfly::bench {
namespace {

constexpr uint32_t kQuestions = 200'000;
constexpr Vni kTenant{7};

IpAddress address_of(bool is_v4, uint32_t number) {
  if (is_v4) return Ipv4::from_u32(0x0a000000 + number);
  Ipv6 address{{0xfd}};
  for (unsigned i = 0; i < 4; ++i) {
    address.bytes[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  }
  return address;
}

// A third each for anyone, for a prefix of eight addresses, and for the group of friends.
std::shared_ptr<const Rule> rule_of(bool is_v4, uint32_t number) {
  auto rule = std::make_shared<Rule>();
  rule->id = std::to_string(number);
  rule->family = is_v4 ? wire::Family::v4 : wire::Family::v6;
  rule->protocol = wire::kProtoTcp;
  rule->first_port = static_cast<uint16_t>(1 + number);
  rule->last_port = static_cast<uint16_t>(1 + number + number % 4);
  if (number % 3 == 1) rule->peer = Cidr(address_of(is_v4, number * 8), is_v4 ? 29 : 125);
  if (number % 3 == 2) rule->peer_group = "friends";
  return rule;
}

std::shared_ptr<const AddressSet> members_of(bool is_v4, uint32_t count) {
  std::vector<AddressSet::Member> members;
  for (uint32_t i = 0; i < count; ++i) members.push_back({kTenant, address_of(is_v4, i * 3)});
  return std::make_shared<const AddressSet>(members);
}

struct World {
  RuleGroup group;
  std::shared_ptr<const AddressSet> members;
};

World make_world(bool is_v4, uint32_t rules, uint32_t members) {
  World world;
  world.members = members_of(is_v4, members);
  std::vector<RuleGroup::Change> changes;
  for (uint32_t i = 0; i < rules; ++i) changes.push_back({nullptr, rule_of(is_v4, i)});
  world.group.edit(changes, [&](const std::string&) { return world.members; });
  return world;
}

// Random peers and ports, of which about a half are allowed.
double nanoseconds(const World& world, bool is_v4, uint32_t rules, uint32_t members) {
  Random random(0x1234'5678'9abc'def1);
  std::vector<FlowStart> starts(4096);
  for (FlowStart& start : starts) {
    start.family = is_v4 ? wire::Family::v4 : wire::Family::v6;
    start.vni = kTenant;
    start.tuple.protocol = wire::kProtoTcp;
    start.tuple.source = {address_of(is_v4, random.below(3 * members)), 40'000};
    start.tuple.destination = {address_of(is_v4, 5),
                               static_cast<uint16_t>(1 + random.below(rules + rules / 2))};
  }
  Policy policy;
  policy.groups.push_back(std::make_shared<RuleGroup>(world.group));
  uint64_t allowed = 0;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const uint64_t begin = begin_stretch();
    for (uint32_t i = 0; i < kQuestions; ++i) {
      allowed += !!find_allowing_rule(policy, Direction::ingress, starts[i % starts.size()]);
    }
    best = std::min(best, static_cast<double>(end_stretch() - begin) / kQuestions);
  }
  if (allowed == 0) std::abort();
  return best;
}

// The worst case: of so many rules for other prefixes and ports none fits.
double guard_nanoseconds(bool is_v4, uint32_t rules) {
  std::vector<std::shared_ptr<const GuardRule>> list;
  for (uint32_t i = 0; i < rules; ++i) {
    auto rule = std::make_shared<GuardRule>();
    rule->match = *rule_of(is_v4, 3 * i + 1);
    rule->match.id = std::to_string(i);
    rule->match.first_port = 0;
    rule->match.last_port = 65535;
    list.push_back(std::move(rule));
  }
  const GuardList guard(std::move(list));
  Random random(0x1234'5678'9abc'def1);
  std::vector<FlowStart> starts(4096);
  for (FlowStart& start : starts) {
    start.family = is_v4 ? wire::Family::v4 : wire::Family::v6;
    start.vni = kTenant;
    start.tuple.protocol = wire::kProtoTcp;
    start.tuple.source = {address_of(is_v4, 0x00800000 + random.below(1000)), 40'000};
    start.tuple.destination = {address_of(is_v4, 5), static_cast<uint16_t>(random.below(65536))};
  }
  const uint32_t questions = kQuestions / 10;
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    uint64_t found = 0;
    const uint64_t begin = begin_stretch();
    for (uint32_t i = 0; i < questions; ++i) {
      found += guard.find(Direction::ingress, starts[i % starts.size()],
                          [](const Rule*) { return true; }) != nullptr;
    }
    best = std::min(best, static_cast<double>(end_stretch() - begin) / questions);
    if (found != 0) std::abort();
  }
  return best;
}

void run_guard(double cycles_a_us) {
  std::printf("guard list, no rule fits: rules   IPv4 ns   IPv6 ns\n");
  for (const uint32_t rules : {1U, 10U, 100U, 1'000U}) {
    std::printf("                          %5u %9.0f %9.0f\n", rules,
                guard_nanoseconds(true, rules) / cycles_a_us * 1000,
                guard_nanoseconds(false, rules) / cycles_a_us * 1000);
  }
}

template <typename Do>
double microseconds(const Do& change, double cycles_a_us) {
  double best = 1e12;
  for (int i = 0; i < 20; ++i) {
    const uint64_t begin = begin_stretch();
    change();
    best = std::min(best, static_cast<double>(end_stretch() - begin) / cycles_a_us);
  }
  return best;
}

double cycles_a_microsecond() {
  timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  const uint64_t begin = begin_stretch();
  do {
    clock_gettime(CLOCK_MONOTONIC, &after);
  } while (after.tv_sec - before.tv_sec < 1);
  const double us = static_cast<double>(after.tv_sec - before.tv_sec) * 1e6 +
                    static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e3;
  return static_cast<double>(end_stretch() - begin) / us;
}

void run(bool is_v4, double cycles_a_us) {
  std::printf("IPv%d   rules members  question ns   rule change us   member change us\n",
              is_v4 ? 4 : 6);
  for (const uint32_t count : {10U, 1'000U, 10'000U}) {
    World world = make_world(is_v4, count, count);
    const double question = nanoseconds(world, is_v4, count, count) / cycles_a_us * 1000;
    const auto find = [&](const std::string&) { return world.members; };
    const double rule = microseconds(
        [&] {
          RuleGroup next = world.group;
          const auto before = next.rule("0");
          next.edit({{before, rule_of(is_v4, 0)}}, find);
        },
        cycles_a_us);
    const double member = microseconds(
        [&] {
          AddressSet next = *world.members;
          next.edit({}, {{kTenant, address_of(is_v4, 0x00ff'ffff)}});
          RuleGroup group = world.group;
          group.set_members("friends", std::make_shared<const AddressSet>(std::move(next)));
        },
        cycles_a_us);
    std::printf("      %7u %7u %12.0f %16.1f %18.1f\n", count, count, question, rule, member);
  }
}

}  // namespace
}  // namespace butterfly::bench

int main() {
  const double cycles_a_us = butterfly::bench::cycles_a_microsecond();
  butterfly::bench::run(true, cycles_a_us);
  butterfly::bench::run(false, cycles_a_us);
  butterfly::bench::run_guard(cycles_a_us);
}
