// SPDX-License-Identifier: Apache-2.0
// Text of manual pages in man(7): words of ours become roff's, so that none is taken for a request.
#pragma once

#include <string>

namespace butterfly {

// Plain text, of one or more lines.
std::string roff(const std::string& text);
// In bold, as what is typed; underlined, as what stands for something else.
std::string roff_bold(const std::string& text);
std::string roff_italic(const std::string& text);

}  // namespace butterfly
