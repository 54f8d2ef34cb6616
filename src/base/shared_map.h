// SPDX-License-Identifier: Apache-2.0
// A sorted map and a sorted set with the interface of std::map and std::set, as far as it is used,
// whose copies cost nothing and whose differences are found at once (base/shared_tree.h).
#pragma once

#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>

#include "base/shared_tree.h"

namespace butterfly {

namespace shared {
struct KeyOfPair {
  template <typename Pair>
  const auto& operator()(const Pair& pair) const {
    return pair.first;
  }
};
struct KeyOfItself {
  template <typename T>
  const T& operator()(const T& item) const {
    return item;
  }
};
}  // namespace shared

template <typename Key, typename Value>
class SharedMap {
 public:
  using key_type = Key;
  using mapped_type = Value;
  using value_type = std::pair<const Key, Value>;
  using Tree = SharedTree<value_type, Key, shared::KeyOfPair>;
  using const_iterator = typename Tree::Iterator;
  using iterator = const_iterator;  // entries change through the map only

  SharedMap() = default;
  SharedMap(std::initializer_list<value_type> entries) {
    for (const value_type& entry : entries) set(entry.first, entry.second);
  }

  size_t size() const { return tree_.size(); }
  bool empty() const { return tree_.empty(); }
  const_iterator begin() const { return tree_.begin(); }
  const_iterator end() const { return tree_.end(); }
  const_iterator find(const Key& key) const { return tree_.find(key); }
  const_iterator lower_bound(const Key& key) const { return tree_.lower_bound(key); }
  bool contains(const Key& key) const { return find(key) != end(); }
  size_t count(const Key& key) const { return contains(key) ? 1 : 0; }
  // REQUIRES: it is there.
  const Value& at(const Key& key) const { return find(key)->second; }

  void set(const Key& key, Value value) {
    tree_.put(std::make_shared<const value_type>(key, std::move(value)));
  }
  // The value to change, made when it was not there. Good until the map is copied or changed again,
  // this call included: a copy made meanwhile would change with it.
  Value& operator[](const Key& key) {
    const auto found = find(key);
    auto entry = std::make_shared<value_type>(key, found == end() ? Value() : found->second);
    Value& value = entry->second;
    tree_.put(std::move(entry));
    return value;
  }
  // How many there were. The key may be that of an entry.
  size_t erase(const Key& key) { return tree_.erase(key) ? 1 : 0; }
  void clear() { tree_ = Tree(); }

  // Calls visit(const value_type* before, const value_type* after), null where there is none, for
  // each key whose values differ, in their order.
  template <typename Visit>
  static void for_each_difference(const SharedMap& before, const SharedMap& after,
                                  const Visit& visit) {
    Tree::for_each_difference(before.tree_, after.tree_, [&](const auto* old_one, const auto* now) {
      visit(old_one, now);
      return true;
    });
  }
  friend bool operator==(const SharedMap& a, const SharedMap& b) {
    return a.size() == b.size() &&
           Tree::for_each_difference(a.tree_, b.tree_, [](auto*, auto*) { return false; });
  }

 private:
  Tree tree_;
};

template <typename T>
class SharedSet {
 public:
  using value_type = T;
  using Tree = SharedTree<T, T, shared::KeyOfItself>;
  using const_iterator = typename Tree::Iterator;
  using iterator = const_iterator;

  SharedSet() = default;
  SharedSet(std::initializer_list<T> items) : SharedSet(items.begin(), items.end()) {}
  template <std::input_iterator It>
  SharedSet(It first, It last) {
    for (; first != last; ++first) insert(*first);
  }

  size_t size() const { return tree_.size(); }
  bool empty() const { return tree_.empty(); }
  const_iterator begin() const { return tree_.begin(); }
  const_iterator end() const { return tree_.end(); }
  const_iterator find(const T& item) const { return tree_.find(item); }
  bool contains(const T& item) const { return find(item) != end(); }

  void insert(const T& item) {
    if (!contains(item)) tree_.put(std::make_shared<const T>(item));
  }
  // How many there were.
  size_t erase(const T& item) { return tree_.erase(item) ? 1 : 0; }

  // Calls visit(const T* before, const T* after) for each item that only one of them has, null
  // where it is not, in their order.
  template <typename Visit>
  static void for_each_difference(const SharedSet& before, const SharedSet& after,
                                  const Visit& visit) {
    Tree::for_each_difference(before.tree_, after.tree_, [&](const T* old_one, const T* now) {
      visit(old_one, now);
      return true;
    });
  }
  friend bool operator==(const SharedSet& a, const SharedSet& b) {
    return a.size() == b.size() &&
           Tree::for_each_difference(a.tree_, b.tree_, [](auto*, auto*) { return false; });
  }

 private:
  Tree tree_;
};

}  // namespace butterfly
