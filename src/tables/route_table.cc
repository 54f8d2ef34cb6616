// SPDX-License-Identifier: Apache-2.0
#include "tables/route_table.h"

namespace butterfly {

RouteMark RouteTable::walk(const RouteKey& key, const RouteAnswer& answer, TimeMs now,
                           uint64_t epoch) noexcept {
  Route& route = slot_for(key, now);
  if (route.version == 0 || !(route.key == key) || !(route.answer == answer)) {
    route.epoch = 0;
    if (!change(route)) return {};
    route.key = key;
    route.answer = answer;
  }
  route.walked = now;
  route.epoch = epoch;
  return {static_cast<uint16_t>(&route - routes_.data()), route.version};
}

// The route with that key; else a slot never used; else the one that was longest not walked.
Route& RouteTable::slot_for(const RouteKey& key, TimeMs now) noexcept {
  uint64_t words[2];
  std::memcpy(words, &key, sizeof key);
  const uint32_t hash = wire::hash_words(words, seed_);
  const uint32_t first = hash % (kRoutes / kWays) * kWays;
  Route* best = nullptr;
  for (uint32_t i = first; i < first + kWays; ++i) {
    Route& route = routes_[i];
    if (i == 0) continue;  // stands for "none"
    if (route.version != 0 && route.key == key) return route;
    if (!best || (best->version != 0 &&
                  (route.version == 0 || age_ms(now, route.walked) > age_ms(now, best->walked)))) {
      best = &route;
    }
  }
  return *best;
}

// A new version: whoever holds a mark of the old one walks again. False when it has to stay as it
// is until the old marks are swept away.
bool RouteTable::change(Route& route) noexcept {
  if (route.swept != swept_) {
    route.swept = swept_;
    route.version_swept = route.version;
  }
  if (static_cast<uint16_t>(route.version - route.version_swept) >= kMaxChanges) return false;
  if (++route.version == 0) route.version = 1;
  return true;
}

}  // namespace butterfly
