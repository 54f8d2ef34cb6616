// SPDX-License-Identifier: Apache-2.0
// DHCPv6 messages, as a layer of packet text.
#pragma once

#include "support/packet_build.h"
#include "support/packet_dissect.h"

namespace butterfly::test {

void build_dhcp6(Fields& fields, Bytes& bytes);
// False for what is no DHCPv6 message, or not built of one association and options in their order.
bool dissect_dhcp6(ByteSpan bytes, Layer& layer);

}  // namespace butterfly::test
