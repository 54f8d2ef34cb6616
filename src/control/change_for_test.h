// SPDX-License-Identifier: Apache-2.0
// Changes and intents of the API, written as protobuf text: shared by the tests of what they mean.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "control/change.h"
#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly::test {

template <typename Message>
Message text(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

inline Status change(Intent& intent, const std::string& words) {
  return make_change(text<v1::Change>(words), intent);
}

// One nic in one group, a group that another refers to, a peer with an entry.
inline Intent some_intent() {
  const auto intent = from_proto(text<v1::Intent>(R"(
    nics { id: "a" mac: "52:54:00:00:00:01" vni: 42 addresses: "10.0.0.1" groups: "web" }
    groups { name: "web" rules { protocol: 6 first_port: 80 last_port: 80 peer_group: "db" } }
    groups { name: "db" members: "10.0.0.9" }
    groups { name: "unused" }
    peers { address: "192.0.2.2" vnis: 42 }
    fdb { vni: 42 mac: "52:54:00:00:00:99" peer: "192.0.2.2" }
  )"));
  EXPECT_TRUE(intent.ok()) << intent.status();
  return *intent;
}

}  // namespace butterfly::test
