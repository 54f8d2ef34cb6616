// SPDX-License-Identifier: Apache-2.0
#include "host/learnt_peers.h"

#include <algorithm>

namespace butterfly {
namespace {

bool is_learning(const Intent& intent, Vni vni) {
  const auto segment = intent.segments.find(vni);
  return segment != intent.segments.end() && segment->second.learn_peers;
}

}  // namespace

bool learns_peers(const Intent& intent) {
  return std::ranges::any_of(intent.segments,
                             [](const auto& segment) { return segment.second.learn_peers; });
}

bool LearntPeers::take(const std::vector<StrangerTable::Stranger>& strangers, const Intent& intent,
                       const std::function<bool(const IpAddress&)>& may_be_peer, TimeMs now) {
  const size_t most = intent.switching[SwitchKnob::learnt_peers];
  bool has_news = false;
  for (const auto& [address, vni] : strangers) {
    if (!is_learning(intent, vni) || intent.peers.contains(address) || !may_be_peer(address)) {
      continue;
    }
    if (!peers_.contains(address) && peers_.size() >= most) continue;
    Learnt& learnt = peers_.try_emplace(address, Learnt{{}, now}).first->second;
    has_news = learnt.vnis.insert(vni).second || has_news;
  }
  return has_news;
}

bool LearntPeers::forget(const Intent& intent,
                         const std::function<bool(const IpAddress&)>& is_in_use, TimeMs now) {
  bool has_forgotten = false;
  for (auto& [address, learnt] : peers_) {
    has_forgotten =
        std::erase_if(learnt.vnis, [&](Vni vni) { return !is_learning(intent, vni); }) != 0 ||
        has_forgotten;
  }
  const auto gone = std::erase_if(peers_, [&](const auto& peer) {
    const auto& [address, learnt] = peer;
    const bool is_old = age_ms(now, learnt.since) >= kLeastMs;
    return learnt.vnis.empty() || intent.peers.contains(address) || (is_old && !is_in_use(address));
  });
  return gone != 0 || has_forgotten;
}

Intent LearntPeers::add_to(const Intent& intent) const {
  Intent whole = intent;
  for (const auto& [address, learnt] : peers_) {
    if (!whole.peers.contains(address)) whole.peers.set(address, {address, learnt.vnis});
  }
  return whole;
}

}  // namespace butterfly
