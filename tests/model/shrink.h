// SPDX-License-Identifier: Apache-2.0
// Delta debugging (Zeller and Hildebrandt, 2002): of a list that fails, a part that fails still and
// of which no single element can be left out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace butterfly::model {

// `fails` is asked about ever shorter lists, each in the order of `list`. REQUIRES: fails(list).
template <typename Element, typename Fails>
std::vector<Element> shrink(std::vector<Element> list, const Fails& fails) {
  size_t chunk = std::max<size_t>(list.size() / 2, 1);
  for (;;) {
    bool is_shorter = false;
    // From the end: what comes late matters most.
    for (size_t end = list.size(); end > 0;) {
      const size_t begin = end > chunk ? end - chunk : 0;
      std::vector<Element> less(list.begin(), list.begin() + static_cast<ptrdiff_t>(begin));
      less.insert(less.end(), list.begin() + static_cast<ptrdiff_t>(end), list.end());
      if (fails(less)) {
        list = std::move(less);
        is_shorter = true;
      }
      end = begin;
    }
    if (chunk == 1 && !is_shorter) return list;
    if (chunk > 1) chunk /= 2;
  }
}

}  // namespace butterfly::model
