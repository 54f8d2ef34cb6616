// SPDX-License-Identifier: Apache-2.0
// DHCP messages for IPv4, as a layer of packet text.
#pragma once

#include "support/packet_build.h"
#include "support/packet_dissect.h"

namespace butterfly::test {

void build_dhcp(Fields& fields, Bytes& bytes);
// False for what is no DHCP message; what it holds beyond that may not be built again.
bool dissect_dhcp(ByteSpan bytes, Layer& layer);

}  // namespace butterfly::test
