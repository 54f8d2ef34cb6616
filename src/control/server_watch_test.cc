// SPDX-License-Identifier: Apache-2.0
// Calls of the API that last: traces, the log, events.
#include <gmock/gmock.h>

#include <thread>

#include "control/server_for_test.h"

namespace butterfly {
namespace {

using ServerWatchTest = test::ServerFixture;

TEST_F(ServerWatchTest, TracesUntilTheClientGoesAway) {
  v1::ApplyResponse response;
  ASSERT_TRUE(put_nic("web-1", response).ok());
  grpc::ClientContext context;
  v1::TraceRequest request;
  request.set_nic("web-1");
  request.set_count(100);
  const auto reader = stub->Trace(&context, request);
  v1::TraceResponse packet;
  ASSERT_TRUE(reader->Read(&packet));
  EXPECT_EQ(packet.steps(1).out(), "wrong-mac");
  context.TryCancel();
  while (reader->Read(&packet)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerWatchTest, EndsATraceWhenTheDaemonStops) {
  v1::ApplyResponse response;
  ASSERT_TRUE(put_nic("web-1", response).ok());
  grpc::ClientContext context;
  v1::TraceRequest request;
  request.set_nic("web-1");
  request.set_count(100);
  const auto reader = stub->Trace(&context, request);
  v1::TraceResponse packet;
  ASSERT_TRUE(reader->Read(&packet));
  server.reset();
  while (reader->Read(&packet)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(ServerWatchTest, TellsOfDropsAndStartsUntilTheClientGoesAway) {
  grpc::ClientContext context;
  const auto reader = stub->WatchLog(&context, v1::WatchLogRequest());
  v1::LogEvent event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::LOG_KIND_DROP);
  EXPECT_EQ(event.brick() + "/" + event.out(), "firewall-to/denied");
  EXPECT_EQ(event.time_ms(), 1'700'000'000'123);
  EXPECT_EQ(event.family(), v1::FAMILY_V4);
  EXPECT_EQ(event.source(), "10.0.0.9");
  EXPECT_EQ(event.destination_port(), 22u);
  EXPECT_FALSE(event.has_icmp_type());
  EXPECT_EQ(event.suppressed(), 7u);
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::LOG_KIND_START);
  EXPECT_EQ(event.rule(), "0123456789abcdef");
  EXPECT_EQ(event.group(), "web");
  context.TryCancel();
  while (reader->Read(&event)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServerWatchTest, EndsAWatchWhenTheDaemonStops) {
  grpc::ClientContext context;
  const auto reader = stub->WatchLog(&context, v1::WatchLogRequest());
  v1::LogEvent event;
  ASSERT_TRUE(reader->Read(&event));
  server.reset();
  while (reader->Read(&event)) {
  }
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(ServerWatchTest, RefusesWatchesThatMakeNoSense) {
  const auto refusal = [&](const v1::WatchLogRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub->WatchLog(&context, request);
    v1::LogEvent event;
    while (reader->Read(&event)) {
    }
    const grpc::Status status = reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  v1::WatchLogRequest request;
  request.set_out("firewall-to");
  EXPECT_EQ(refusal(request),
            "log: out 'firewall-to' is malformed (wanted BRICK/OUT, as counters name them)");
  request.set_out("fireball/denied");
  EXPECT_EQ(refusal(request), "log: no brick 'fireball' drops anything (wanted firewall-to)");
  request.Clear();
  request.add_kinds(static_cast<v1::LogKind>(9));
  EXPECT_EQ(refusal(request), "log: kind 9 is unknown (wanted 1 drop or 2 start)");
}

TEST_F(ServerWatchTest, TellsOfEventsFromWhereOneLeftOff) {
  v1::ApplyResponse response;
  ASSERT_TRUE(put_nic("web-1", response).ok());
  grpc::ClientContext context;
  v1::WatchEventsRequest request;
  request.set_follow(true);
  const auto reader = stub->WatchEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::EVENT_KIND_INTENT_CHANGED);
  EXPECT_EQ(event.revision(), 1u);
  EXPECT_EQ(event.sequence(), 1u);
  EXPECT_GT(event.time_ms(), 1'700'000'000'000);

  News news;
  news.kind = NewsKind::address_moved;
  news.nic = "web-1";
  news.vni = Vni{42};
  news.mac = Mac::from_u64(0x525400000009);
  news.count = 4;
  host.journal.add(news);
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::EVENT_KIND_ADDRESS_MOVED);
  EXPECT_EQ(event.nic(), "web-1");
  EXPECT_EQ(event.vni(), 42u);
  EXPECT_EQ(event.mac(), "52:54:00:00:00:09");
  EXPECT_EQ(event.count(), 4u);
  context.TryCancel();
  while (reader->Read(&event)) {
  }

  grpc::ClientContext later;
  request.set_follow(false);
  request.set_after(1);
  const auto rest = stub->WatchEvents(&later, request);
  ASSERT_TRUE(rest->Read(&event));
  EXPECT_EQ(event.sequence(), 2u);
  EXPECT_FALSE(rest->Read(&event));
  EXPECT_TRUE(rest->Finish().ok());
}

TEST_F(ServerWatchTest, RefusesEventsThatThereAreNot) {
  const auto refusal = [&](const v1::WatchEventsRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub->WatchEvents(&context, request);
    v1::Event event;
    EXPECT_FALSE(reader->Read(&event));
    const grpc::Status status = reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  v1::WatchEventsRequest request;
  request.set_vni(1 << 24);
  EXPECT_EQ(refusal(request), "events: VNI 16777216 is out of range (wanted 1..16777215)");
  request.Clear();
  request.add_kinds(static_cast<v1::EventKind>(99));
  EXPECT_EQ(refusal(request), "events: kind 99 is unknown (wanted 1..16)");
  request.Clear();
  request.add_kinds(v1::EVENT_KIND_UNSPECIFIED);
  EXPECT_EQ(refusal(request), "events: kind 0 is unknown (wanted 1..16)");
}

}  // namespace
}  // namespace butterfly
