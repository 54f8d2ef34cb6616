// SPDX-License-Identifier: Apache-2.0
#include "tables/address_set.h"

#include <immintrin.h>

#include <algorithm>
#include <iterator>

#include "wire/flow_key.h"

namespace butterfly {
namespace {

// Operators' clients choose members; nobody shall choose where they lie.
const wire::HashSeed kSeed = wire::random_hash_seed();

// AES rounds, as wire::hash_words(), of up to two blocks.
uint64_t hash_of(uint64_t a, uint64_t b, uint64_t c) {
  const __m128i secret = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kSeed.words));
  __m128i state =
      _mm_xor_si128(_mm_set_epi64x(static_cast<int64_t>(b), static_cast<int64_t>(a)), secret);
  state = _mm_aesenc_si128(state, secret);
  state = _mm_xor_si128(state, _mm_set_epi64x(0, static_cast<int64_t>(c)));
  state = _mm_aesenc_si128(state, secret);
  state = _mm_aesenc_si128(state, secret);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_aesenc_si128(state, secret)));
}

}  // namespace

uint64_t AddressSet::Hash4::operator()(uint64_t key) const { return hash_of(key, 0, 0); }
uint64_t AddressSet::Hash6::operator()(const Key6& key) const {
  return hash_of(static_cast<uint64_t>(key.address), static_cast<uint64_t>(key.address >> 64),
                 key.vni);
}

template <typename Number>
AddressSet::Prefixes<Number>::Prefixes(const std::vector<Cidr>& sorted) {
  std::vector<Number> firsts;
  for (const Cidr& prefix : sorted) {
    if (prefix.is_v4() != std::same_as<Number, Number4>) continue;
    const auto last = last_number_of<Number>(prefix);
    firsts.push_back(number_of<Number>(prefix.address()));
    furthest_.push_back(furthest_.empty() ? last : std::max(furthest_.back(), last));
  }
  firsts_ = RankIndex<Number>(firsts);
}

bool AddressSet::contains_v4(Vni vni, const IpAddress& address) const noexcept {
  const auto number = number_of<Number4>(address);
  return (of_segments_ != 0 && v4_.contains(key4(vni, number))) ||
         (everywhere_ != 0 && v4_.contains(key4(Vni{0}, number))) ||
         (listed_ && listed_->v4.contains(number));
}

bool AddressSet::contains_v6(Vni vni, const IpAddress& address) const noexcept {
  const auto number = number_of<Number6>(address);
  return (of_segments_ != 0 && v6_.contains({number, vni.value})) ||
         (everywhere_ != 0 && v6_.contains({number, 0})) ||
         (listed_ && listed_->v6.contains(number));
}

void AddressSet::put(const Member& member) {
  const IpAddress& address = member.prefix.address();
  const bool is_new = address.is_v4() ? v4_.insert(key4(member.vni, number_of<Number4>(address)))
                                      : v6_.insert({number_of<Number6>(address), member.vni.value});
  if (!is_new) {
    ++again_[member];
    return;
  }
  ++(member.vni.value == 0 ? everywhere_ : of_segments_);
}

void AddressSet::take(const Member& member) {
  if (const auto again = again_.find(member); again != again_.end()) {
    const uint32_t left = again->second - 1;
    left == 0 ? void(again_.erase(member)) : again_.set(member, left);
    return;
  }
  const IpAddress& address = member.prefix.address();
  const bool was_there = address.is_v4()
                             ? v4_.erase(key4(member.vni, number_of<Number4>(address)))
                             : v6_.erase({number_of<Number6>(address), member.vni.value});
  if (was_there) --(member.vni.value == 0 ? everywhere_ : of_segments_);
}

void AddressSet::edit(const std::vector<Member>& gone, const std::vector<Member>& came) {
  std::vector<Cidr> gone_prefixes;
  std::vector<Cidr> came_prefixes;
  for (const Member& member : gone) {
    member.prefix.is_single() ? take(member) : gone_prefixes.push_back(member.prefix);
  }
  for (const Member& member : came) {
    member.prefix.is_single() ? put(member) : came_prefixes.push_back(member.prefix);
  }
  if (gone_prefixes.empty() && came_prefixes.empty()) return;
  list(std::move(gone_prefixes), std::move(came_prefixes));
}

void AddressSet::list(std::vector<Cidr> gone, std::vector<Cidr> came) {
  auto listed = std::make_shared<Listed>();
  std::vector<Cidr>& all = listed->all;
  std::ranges::sort(gone);
  if (listed_) {
    std::ranges::copy_if(listed_->all, std::back_inserter(all), [&](const Cidr& prefix) {
      return !std::ranges::binary_search(gone, prefix);
    });
  }
  const auto kept = static_cast<std::ptrdiff_t>(all.size());
  std::ranges::sort(came);
  all.insert(all.end(), came.begin(), came.end());
  std::inplace_merge(all.begin(), all.begin() + kept, all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  listed->v4 = Prefixes<Number4>(all);
  listed->v6 = Prefixes<Number6>(all);
  listed_ = all.empty() ? nullptr : std::move(listed);
}

std::vector<AddressSet::Member> AddressSet::members() const {
  std::vector<Member> members;
  v4_.for_each([&](uint64_t key) {
    const Ipv4 address = Ipv4::from_u32(static_cast<uint32_t>(key));
    members.push_back({Vni{static_cast<uint32_t>(key >> 32)}, Cidr(address, 32)});
  });
  v6_.for_each([&](const Key6& key) {
    Ipv6 address;
    for (unsigned i = 0; i < 16; ++i) {
      address.bytes[i] = static_cast<uint8_t>(key.address >> (120 - 8 * i));
    }
    members.push_back({Vni{key.vni}, Cidr(address, 128)});
  });
  if (listed_) {
    for (const Cidr& prefix : listed_->all) members.push_back({Vni{0}, prefix});
  }
  std::ranges::sort(members);
  return members;
}

}  // namespace butterfly
