// SPDX-License-Identifier: Apache-2.0
// Feeds hostile parts to FragmentTable and compares each answer with a list of all parts so far.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tables/fragment_table.h"

namespace {

using namespace butterfly;  // NOLINT: a program of one page
using wire::FragmentPart;

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

// What the table must say, the slow way. Parts are compared in units of 8 bytes, ends exactly.
FragmentTable::Fit judge(const std::vector<FragmentPart>& parts, const FragmentPart& part) {
  using Fit = FragmentTable::Fit;
  const auto units = [](uint32_t end) { return (end + 7) / 8; };
  bool contradicts = false;
  for (const FragmentPart& other : parts) {
    if (other.begin == part.begin && other.length == part.length && other.is_last == part.is_last) {
      return Fit::duplicate;
    }
    contradicts =
        contradicts || (other.begin / 8 < units(part.end()) && part.begin / 8 < units(other.end()));
    contradicts = contradicts || (other.is_last && (part.is_last || part.end() > other.end()));
    contradicts = contradicts || (part.is_last && other.end() > part.end());
  }
  return contradicts ? Fit::overlap : Fit::fits;
}

}  // namespace

// Five bytes a part: offset in units, length, whether it is the last, which datagram.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kDatagrams = 3;
  static FragmentTable table({.datagrams = kDatagrams}, {{1, 2}});
  std::vector<FragmentPart> parts[kDatagrams];
  FragmentTable::Datagram* datagrams[kDatagrams] = {};
  for (; size >= 5; data += 5, size -= 5) {
    FragmentPart part;
    part.begin = static_cast<uint32_t>(data[0] << 8 | data[1]) % 8190 * 8;
    part.is_last = (data[4] & 1) != 0;
    part.length = 1 + static_cast<uint32_t>(data[2] << 8 | data[3]) % (65'535 - part.begin);
    if (!part.is_last) part.length = part.length / 8 * 8;
    if (part.length == 0) continue;
    const size_t which = (data[4] >> 1) % kDatagrams;
    FragmentTable::Datagram*& datagram = datagrams[which];
    wire::FragmentId id;
    id.words[0] = which;
    const uint32_t hash = table.hash_of(id);
    if (!datagram) datagram = &table.begin(id, hash, 0, 1, 0);
    require(table.find(id, hash) == datagram, "what was begun is found");
    const FragmentTable::Fit wanted = judge(parts[which], part);
    require(table.fit(*datagram, part) == wanted, "the table says what the list says");
    if (wanted == FragmentTable::Fit::fits) parts[which].push_back(part);
    uint32_t units = 0;
    uint32_t end = 0;
    for (const FragmentPart& other : parts[which]) {
      units += (other.length + 7) / 8;
      if (other.is_last) end = other.end();
    }
    require(table.is_complete(*datagram) == (end != 0 && units == (end + 7) / 8),
            "complete is when every unit has come");
  }
  for (FragmentTable::Datagram* datagram : datagrams) {
    if (datagram) table.erase(*datagram);
  }
  require(table.size() == 0, "nothing is left");
  return 0;
}
