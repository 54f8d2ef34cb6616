// SPDX-License-Identifier: Apache-2.0
// Sorted entries in a tree whose copies share all that they have in common: what SharedMap and
// SharedSet are made of.
//
// A copy costs nothing; a change makes the nodes on one path anew, O(log n), and leaves every copy
// as it is; two trees of one history are compared in the time of their difference. An AVL tree
// (Knuth, TAOCP 6.2.3) without parent links, so that subtrees can be shared (Okasaki, "Purely
// Functional Data Structures", ch. 2).
//
// A tree is a value: as with std::map, one thread may change one object while others use their
// copies. Entries never change. Nothing throws but the allocator.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace butterfly {

// `KeyOf` is a callable: const Entry& → const Key&.
template <typename Entry, typename Key, typename KeyOf>
class SharedTree {
 public:
  using EntryPtr = std::shared_ptr<const Entry>;
  class Iterator;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator begin() const { return Iterator::first(root_.get()); }
  Iterator end() const { return Iterator(); }
  Iterator find(const Key& key) const {
    const Iterator at = Iterator::not_before(root_.get(), key);
    return at != end() && !(key < KeyOf{}(*at)) ? at : end();
  }
  // The first entry whose key is not less.
  Iterator lower_bound(const Key& key) const { return Iterator::not_before(root_.get(), key); }

  // Replaces an entry of the same key. Whether there was none.
  bool put(EntryPtr entry) {
    bool is_new = false;
    root_ = with(root_, std::move(entry), is_new);
    size_ += is_new;
    return is_new;
  }
  // Whether there was one.
  bool erase(const Key& key) {
    if (find(key) == end()) return false;
    root_ = without(root_, key);
    --size_;
    return true;
  }

  // Calls visit(const Entry* before, const Entry* after), null where there is none, for each key
  // whose entries differ, in the order of the keys, until it returns false. Whether it never did.
  template <typename Visit>
  static bool for_each_difference(const SharedTree& before, const SharedTree& after,
                                  const Visit& visit);

 private:
  struct Node;
  using Link = std::shared_ptr<const Node>;
  struct Node {
    EntryPtr entry;
    Link left, right;
    uint8_t height;
  };
  class Rest;

  // An AVL tree of this height has more entries than a process has bytes.
  static constexpr size_t kMaxHeight = 64;

  static const Key& key_of(const Node& node) { return KeyOf{}(*node.entry); }
  static int height(const Link& link) { return link ? link->height : 0; }

  static Link make(Link left, EntryPtr entry, Link right) {
    const int taller = std::max(height(left), height(right));
    return std::make_shared<const Node>(Node{std::move(entry), std::move(left), std::move(right),
                                             static_cast<uint8_t>(taller + 1)});
  }
  // The heights of the two sides differ by two at most.
  static Link balanced(Link left, EntryPtr entry, Link right) {
    if (height(left) > height(right) + 1) {
      const Node& l = *left;
      if (height(l.left) >= height(l.right)) {
        return make(l.left, l.entry, make(l.right, std::move(entry), std::move(right)));
      }
      const Node& middle = *l.right;
      return make(make(l.left, l.entry, middle.left), middle.entry,
                  make(middle.right, std::move(entry), std::move(right)));
    }
    if (height(right) > height(left) + 1) {
      const Node& r = *right;
      if (height(r.right) >= height(r.left)) {
        return make(make(std::move(left), std::move(entry), r.left), r.entry, r.right);
      }
      const Node& middle = *r.left;
      return make(make(std::move(left), std::move(entry), middle.left), middle.entry,
                  make(middle.right, r.entry, r.right));
    }
    return make(std::move(left), std::move(entry), std::move(right));
  }

  static Link with(const Link& node, EntryPtr entry, bool& is_new) {
    if (!node) {
      is_new = true;
      return make(nullptr, std::move(entry), nullptr);
    }
    if (KeyOf{}(*entry) < key_of(*node)) {
      return balanced(with(node->left, std::move(entry), is_new), node->entry, node->right);
    }
    if (key_of(*node) < KeyOf{}(*entry)) {
      return balanced(node->left, node->entry, with(node->right, std::move(entry), is_new));
    }
    return make(node->left, std::move(entry), node->right);
  }

  // REQUIRES: the key is there.
  static Link without(const Link& node, const Key& key) {
    if (key < key_of(*node)) {
      return balanced(without(node->left, key), node->entry, node->right);
    }
    if (key_of(*node) < key) {
      return balanced(node->left, node->entry, without(node->right, key));
    }
    if (!node->left) return node->right;
    if (!node->right) return node->left;
    const Node* next = node->right.get();
    while (next->left) next = next->left.get();
    return balanced(node->left, next->entry, without_first(node->right));
  }
  static Link without_first(const Link& node) {
    if (!node->left) return node->right;
    return balanced(without_first(node->left), node->entry, node->right);
  }

  Link root_;
  size_t size_ = 0;
};

// Forward only. Good as long as the tree, or a copy of it, is not changed.
template <typename Entry, typename Key, typename KeyOf>
class SharedTree<Entry, Key, KeyOf>::Iterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = Entry;
  using difference_type = std::ptrdiff_t;
  using pointer = const Entry*;
  using reference = const Entry&;

  Iterator() = default;
  // Only the path counts, so only it is copied.
  Iterator(const Iterator& other) { *this = other; }
  Iterator& operator=(const Iterator& other) {
    depth_ = other.depth_;
    std::copy_n(other.path_.begin(), depth_, path_.begin());
    return *this;
  }

  reference operator*() const { return *path_[depth_ - 1]->entry; }
  pointer operator->() const { return path_[depth_ - 1]->entry.get(); }
  Iterator& operator++() {
    const Node* node = path_[--depth_];
    descend(node->right.get());
    return *this;
  }
  Iterator operator++(int) {
    const Iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Iterator& a, const Iterator& b) {
    return a.depth_ == b.depth_ &&
           (a.depth_ == 0 || a.path_[a.depth_ - 1] == b.path_[b.depth_ - 1]);
  }

 private:
  friend class SharedTree;
  static Iterator first(const Node* root) {
    Iterator it;
    it.descend(root);
    return it;
  }
  static Iterator not_before(const Node* node, const Key& key) {
    Iterator it;
    while (node) {
      if (key_of(*node) < key) {
        node = node->right.get();
        continue;
      }
      it.path_[it.depth_++] = node;
      if (!(key < key_of(*node))) break;
      node = node->left.get();
    }
    return it;
  }
  void descend(const Node* node) {
    for (; node; node = node->left.get()) path_[depth_++] = node;
  }

  size_t depth_ = 0;
  std::array<const Node*, kMaxHeight> path_;  // the current node last; before it, those to come
};

// What a walk has not come to yet: subtrees, and entries whose subtrees are listed by themselves.
template <typename Entry, typename Key, typename KeyOf>
class SharedTree<Entry, Key, KeyOf>::Rest {
 public:
  struct Part {
    const Node* node;
    bool is_whole;
    friend bool operator==(const Part&, const Part&) = default;
  };
  explicit Rest(const Node* root) { add(root); }
  bool is_empty() const { return parts_.empty(); }
  const Part& next() const { return parts_.back(); }
  void skip() { parts_.pop_back(); }
  void open() {
    const Node* node = parts_.back().node;
    parts_.pop_back();
    add(node->right.get());
    parts_.push_back({node, false});
    add(node->left.get());
  }

 private:
  void add(const Node* node) {
    if (node) parts_.push_back({node, true});
  }
  std::vector<Part> parts_;
};

// Whatever both walks come to at the same time and share is skipped whole.
template <typename Entry, typename Key, typename KeyOf>
template <typename Visit>
bool SharedTree<Entry, Key, KeyOf>::for_each_difference(const SharedTree& before,
                                                        const SharedTree& after,
                                                        const Visit& visit) {
  Rest olds(before.root_.get());
  Rest news(after.root_.get());
  while (!olds.is_empty() || !news.is_empty()) {
    const auto* o = olds.is_empty() ? nullptr : &olds.next();
    const auto* n = news.is_empty() ? nullptr : &news.next();
    if (o && n && *o == *n) {
      olds.skip();
      news.skip();
    } else if (o && o->is_whole && (!n || !n->is_whole || o->node->height >= n->node->height)) {
      olds.open();
    } else if (n && n->is_whole) {
      news.open();
    } else {
      const bool is_old = o && (!n || !(key_of(*n->node) < key_of(*o->node)));
      const bool is_new = n && (!o || !(key_of(*o->node) < key_of(*n->node)));
      const Entry* const old_entry = is_old ? o->node->entry.get() : nullptr;
      const Entry* const new_entry = is_new ? n->node->entry.get() : nullptr;
      if (is_old) olds.skip();
      if (is_new) news.skip();
      const bool same = is_old && is_new && (old_entry == new_entry || *old_entry == *new_entry);
      if (!same && !visit(old_entry, new_entry)) return false;
    }
  }
  return true;
}

}  // namespace butterfly
