// SPDX-License-Identifier: Apache-2.0
// One table of a TOML file, read key by key; keeps every fault that it meets, with its line.
#pragma once

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace butterfly {

class ConfigReader {
 public:
  // `faults` collects lines; `cpus` are those that lcores may have; all must outlive the reader.
  // `name` is the table's. Without a `file` faults name no place.
  ConfigReader(const toml::table* table, std::string file, std::string name,
               std::vector<std::string>& faults, const std::vector<unsigned>& cpus)
      : table_(table),
        file_(std::move(file)),
        name_(std::move(name)),
        faults_(faults),
        cpus_(cpus) {}

  const std::vector<unsigned>& cpus() const { return cpus_; }

  // Null when the key is absent. Marks the key as known.
  const toml::node* find(const std::string& key) {
    known_.insert(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  void read(const std::string& key, std::string& value) {
    read_as<std::string>(key, "a string in quotes", [&](const auto& text) { value = text; });
  }
  void read(const std::string& key, bool& value) {
    read_as<bool>(key, "true or false", [&](bool flag) { value = flag; });
  }
  // An integer from `low` to `high`, both included.
  template <typename T>
  void read(const std::string& key, T& value, int64_t low, int64_t high) {
    const std::string wanted = std::to_string(low) + ".." + std::to_string(high);
    read_as<int64_t>(key, wanted, [&](int64_t number) {
      if (number < low || number > high) return fault(key, "out of range", wanted);
      value = static_cast<T>(number);
    });
  }

  // Calls `take` with the value when the key is there and of type T.
  template <typename T, typename Take>
  void read_as(const std::string& key, const std::string& wanted, Take take) {
    const toml::node* node = find(key);
    if (node == nullptr) return;
    if (!node->is<T>()) return fault(key, "wrong type", wanted);
    take(node->as<T>()->get());
  }

  void fault(const std::string& key, const std::string& fact, const std::string& wanted) {
    const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
    std::ostringstream line;
    if (!file_.empty()) line << file_ << ":";
    if (node != nullptr && !file_.empty()) line << node->source().begin.line << ":";
    if (!file_.empty()) line << " ";
    line << (name_.empty() ? "" : name_ + ".") << key;
    if (node != nullptr && !node->is_table()) line << " = " << text_of(*node);
    line << ": " << fact << " (wanted " << wanted << ")";
    faults_.push_back(line.str());
  }

  // Every key that nobody asked for is a fault: a misspelt key must not be ignored.
  void refuse_unknown() {
    if (table_ == nullptr) return;
    std::string wanted;
    for (const std::string& key : known_) wanted += (wanted.empty() ? "" : ", ") + key;
    for (const auto& [key, node] : *table_) {
      const std::string name(key.str());
      if (!known_.contains(name)) fault(name, "unknown key", "one of " + wanted);
    }
  }

 private:
  static std::string text_of(const toml::node& node) {
    std::ostringstream out;
    node.visit([&](const auto& value) { out << value; });
    return out.str();
  }

  const toml::table* table_;
  std::string file_;
  std::string name_;
  std::vector<std::string>& faults_;
  const std::vector<unsigned>& cpus_;
  std::set<std::string> known_;
};

}  // namespace butterfly
