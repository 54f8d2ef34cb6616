// SPDX-License-Identifier: Apache-2.0
// An unordered set whose copies share their contents: a change makes one page of some hundred keys
// anew and leaves every copy as it is. A lookup reads a pointer and, nearly always, one or two
// cache lines behind it.
//
// Key:      trivially copyable; equality and a hash of 64 bits, `Hash{}(key)`, which nobody who
//           chooses keys can foresee, or one may fill a page with them.
// Capacity: as memory lasts. Pages are a quarter to three quarters full, so 1.4 to 4 places of a
// key
//           each; they double when they are full and do not become fewer.
// Cost:     a change copies a page and the list of them, 16 bytes for every 32 to 96 keys; while
//           nobody shares them, neither. Doubling looks at every key, once in as many insertions.
//
// A set is a value: one thread may change one object while others use their copies.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace butterfly {

template <typename Key, typename Hash>
class SharedHashSet {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  bool contains(const Key& key) const {
    if (size_ == 0) return false;
    const uint64_t hash = Hash{}(key);
    return pages_[page_of(hash)]->contains(key, hash);
  }
  // Whether it was not there.
  bool insert(const Key& key) {
    if (contains(key)) return false;
    if (pages_.empty()) pages_.push_back(std::make_shared<Page>());
    const uint64_t hash = Hash{}(key);
    while (pages_[page_of(hash)]->count >= kMostInPage) split();
    own(pages_[page_of(hash)]).insert(key, hash);
    ++size_;
    return true;
  }
  // Whether it was there.
  bool erase(const Key& key) {
    if (!contains(key)) return false;
    const uint64_t hash = Hash{}(key);
    own(pages_[page_of(hash)]).erase(key, hash);
    --size_;
    return true;
  }
  // In no order that means anything.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const auto& page : pages_) page->for_each(visit);
  }

 private:
  static constexpr size_t kPlaces = 128;
  static constexpr size_t kMostInPage = kPlaces * 3 / 4;

  // Linear probing; an erased key's successors move up, so there are no graves.
  struct Page {
    std::array<uint64_t, kPlaces / 64> taken{};
    size_t count = 0;
    std::array<Key, kPlaces> keys;

    bool is_taken(size_t place) const { return taken[place / 64] >> place % 64 & 1; }
    void mark(size_t place, bool is) {
      const uint64_t bit = uint64_t{1} << place % 64;
      taken[place / 64] = is ? taken[place / 64] | bit : taken[place / 64] & ~bit;
    }
    static size_t home_of(uint64_t hash) { return hash >> 57; }
    static size_t after(size_t place) { return (place + 1) % kPlaces; }

    bool contains(const Key& key, uint64_t hash) const {
      for (size_t place = home_of(hash); is_taken(place); place = after(place)) {
        if (keys[place] == key) return true;
      }
      return false;
    }
    // REQUIRES: room, and that it is not there.
    void insert(const Key& key, uint64_t hash) {
      size_t place = home_of(hash);
      while (is_taken(place)) place = after(place);
      keys[place] = key;
      mark(place, true);
      ++count;
    }
    // REQUIRES: it is there. What stands behind it is taken out and put in again.
    void erase(const Key& key, uint64_t hash) {
      size_t place = home_of(hash);
      while (!(keys[place] == key)) place = after(place);
      mark(place, false);
      --count;
      for (place = after(place); is_taken(place); place = after(place)) {
        mark(place, false);
        --count;
        insert(keys[place], Hash{}(keys[place]));
      }
    }
    template <typename Visit>
    void for_each(const Visit& visit) const {
      for (size_t place = 0; place < kPlaces; ++place) {
        if (is_taken(place)) visit(keys[place]);
      }
    }
  };
  static_assert(kPlaces == size_t{1} << (64 - 57));

  size_t page_of(uint64_t hash) const { return hash & (pages_.size() - 1); }
  static Page& own(std::shared_ptr<Page>& page) {
    if (page.use_count() != 1) page = std::make_shared<Page>(*page);
    return *page;
  }
  void split() {
    const auto old = std::move(pages_);
    pages_.assign(old.size() * 2, nullptr);
    for (auto& page : pages_) page = std::make_shared<Page>();
    for (const auto& page : old) {
      page->for_each([&](const Key& key) {
        const uint64_t hash = Hash{}(key);
        pages_[page_of(hash)]->insert(key, hash);
      });
    }
  }

  std::vector<std::shared_ptr<Page>> pages_;  // a power of two of them
  size_t size_ = 0;
};

}  // namespace butterfly
