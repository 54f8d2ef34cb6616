// SPDX-License-Identifier: Apache-2.0
// The state file over its life: kept, refused when it is not whole, never emptied.
#include "control/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "control/test_directory.h"

namespace butterfly {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Intent big_intent(int nics) {
  Intent intent;
  GroupIntent& group = intent.groups["web"];
  group.name = "web";
  for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  group.members = {IpAddress(Ipv4{{10, 9, 9, 9}}), *IpAddress::parse("fd00::9")};
  ProcedureIntent& slow = intent.procedures["slow"];
  slow.name = "slow";
  slow.bits_per_s = 1'000'000'000'000;
  slow.burst_ms = 7;
  RuleIntent rule;
  rule.procedure = "slow";
  group.rules[rule_id(rule)] = rule;
  group.reject = true;
  GuardIntent& guard = intent.guard["no-telnet"];
  guard.key = "no-telnet";
  guard.priority = 65535;
  guard.action = GuardIntent::Action::groups;
  guard.vni = Vni(42);
  guard.match.protocol = 6;
  intent.guard["all"].key = "all";
  SubnetIntent& subnet = intent.subnets["lan"];
  subnet.name = "lan";
  subnet.prefix = *Cidr::parse("10.0.0.0/8");
  subnet.gateway = Ipv4{{10, 255, 0, 1}};
  for (int i = 0; i < nics; ++i) {
    NicIntent nic;
    nic.id = "nic" + std::to_string(i);
    nic.mac = Mac::from_u64(0x525400000000 + static_cast<uint64_t>(i));
    nic.vni = Vni(42);
    nic.addresses = {Ipv4::from_u32(0x0a000000 + static_cast<uint32_t>(i) + 1)};
    nic.groups = {"web"};
    if (i % 2 == 0) nic.subnets = {"lan"};
    intent.nics[nic.id] = nic;
  }
  const IpAddress peer = Ipv4{{192, 0, 2, 2}};
  intent.peers[peer] = {peer, {Vni(42)}};
  const Mac far = Mac::from_u64(0x525500000000);
  intent.fdb[{Vni(42), far}] = {Vni(42), far, peer};
  return intent;
}

std::string read_all(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// What opening and loading the file comes to.
Status open_and_load(const std::string& path) {
  auto store = SqliteStore::open(path);
  if (!store.ok()) return store.status();
  return (*store)->load().status();
}

void write_intent(const std::string& path, const Intent& intent) {
  auto store = SqliteStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_EQ((*store)->save({}, intent, 1), ok_status());
}

TEST(SqliteStore, StartsEmptyAndKeepsWhatIsSaved) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  {
    auto store = SqliteStore::open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ((*store)->load()->intent, Intent{});
    ASSERT_EQ((*store)->save({}, big_intent(3), 7), ok_status());
  }
  auto store = SqliteStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->load()->intent, big_intent(3));
  EXPECT_EQ((*store)->load()->revision, 7u);
}

TEST(SqliteStore, KeepsTheLargestRevisionAndBeginsWithNone) {
  const TestDirectory directory;
  auto store = SqliteStore::open(directory.file("state.db"));
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->load()->revision, 0u);
  ASSERT_EQ((*store)->save({}, {}, ~Revision{0}), ok_status());
  EXPECT_EQ((*store)->load()->revision, ~Revision{0});
}

TEST(SqliteStore, RefusesADamagedRevision) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  write_intent(path, big_intent(1));
  {
    auto file = Database::open(path, SQLITE_OPEN_READWRITE);
    ASSERT_TRUE(file.ok());
    ASSERT_EQ(file->run("UPDATE object SET body = '9' WHERE kind = 'revision'"), ok_status());
  }
  const Status status = open_and_load(path);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("damaged: revision 'intent' is not what was written"));
}

TEST(SqliteStore, FollowsEveryKindOfChange) {
  const TestDirectory directory;
  auto store = SqliteStore::open(directory.file("state.db"));
  ASSERT_TRUE(store.ok()) << store.status();
  Intent before;
  const auto follow = [&](const Intent& next) {
    ASSERT_EQ((*store)->save(before, next, 1), ok_status());
    EXPECT_EQ((*store)->load()->intent, next);
    before = next;
  };
  Intent next = big_intent(4);
  follow(next);
  next.nics.erase("nic1");
  next.nics["nic2"].addresses.clear();
  auto& rules = next.groups["web"].rules;
  rules.erase(rules.begin()->first);
  rules[rules.begin()->first].description = "other words";
  next.groups["web"].members.erase(IpAddress(Ipv4{{10, 9, 9, 9}}));
  next.groups["web"].reject = false;
  next.procedures["slow"].random_id = true;
  next.guard["no-telnet"].match.direction = RuleDirection::egress;
  next.guard.erase("all");
  next.nics["nic2"].subnets.clear();
  next.subnets["lan"].mtu = 1400;
  follow(next);
  next.groups["db"].name = "db";
  next.groups.erase("web");
  next.procedures.clear();
  next.guard.clear();
  next.nics["nic0"].subnets.clear();
  next.subnets.clear();
  next.fdb.clear();
  follow(next);
  follow({});
}

TEST(SqliteStore, KeepsTheSettings) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  Intent intent;
  intent.firewall.set(Knob::tcp_new, 60);
  intent.firewall.set(Knob::revalidate, 0);
  intent.switching.set(SwitchKnob::ageing, 60);
  intent.segments.set(Vni(7), {Vni(7), {Mac::from_u64(0x525400000001)}});
  write_intent(path, intent);
  auto store = SqliteStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  auto loaded = (*store)->load();
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->intent, intent);
  ASSERT_EQ((*store)->save(intent, {}, 2), ok_status());
  EXPECT_EQ((*store)->load()->intent, Intent());
}

TEST(SqliteStore, KeepsWhatWasSavedWhenTheProcessIsKilled) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  const pid_t child = fork();
  if (child == 0) {
    auto store = SqliteStore::open(path);
    if (store.ok() && (*store)->save({}, big_intent(5), 5).ok()) kill(getpid(), SIGKILL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  auto store = SqliteStore::open(path);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->load()->intent, big_intent(5));
}

TEST(SqliteStore, IsRefusedToASecondDaemon) {
  const TestDirectory directory;
  const auto first = SqliteStore::open(directory.file("state.db"));
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = SqliteStore::open(directory.file("state.db"));
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("state.db': in use by process " + std::to_string(getpid())));
}

TEST(SqliteStore, RefusesATruncatedFileAndLeavesItAlone) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  write_intent(path, big_intent(300));
  const std::string whole = read_all(path);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{15}, size_t{99}, size_t{512}, size_t{4096},
                            whole.size() / 2, whole.size() - 4096, whole.size() - 1}) {
    SCOPED_TRACE(size);
    write_all(path, whole.substr(0, size));
    const Status status = open_and_load(path);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(path), HasSubstr("nothing was changed (wanted a copy that is")));
    EXPECT_EQ(read_all(path).size(), size);
  }
  write_all(path, whole);
  EXPECT_EQ(open_and_load(path), ok_status());
}

TEST(SqliteStore, NeverTakesFlippedBitsForAnIntent) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  const Intent intent = big_intent(20);
  write_intent(path, intent);
  const std::string whole = read_all(path);
  for (size_t at = 0; at < whole.size(); at += 37) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    write_all(path, bytes);
    auto store = SqliteStore::open(path);
    if (!store.ok()) continue;
    const auto loaded = (*store)->load();
    if (loaded.ok()) {
      EXPECT_EQ(loaded->intent, intent) << "byte " << at;
    }
  }
}

TEST(SqliteStore, RefusesWhatIsNotItsOwn) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  write_all(path, "nics:\n  - web-1\n and more than sixteen bytes");
  EXPECT_THAT(std::string(open_and_load(path).message()), HasSubstr("not an SQLite database"));

  std::filesystem::remove(path);
  {
    auto other = Database::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    ASSERT_TRUE(other.ok() && other->run("CREATE TABLE songs(name TEXT)").ok());
  }
  EXPECT_THAT(std::string(open_and_load(path).message()),
              HasSubstr("a database of another program"));

  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_THAT(std::string(open_and_load(path).message()), HasSubstr("not a regular file"));
}

TEST(SqliteStore, RefusesANewerSchema) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  write_intent(path, big_intent(1));
  {
    auto newer = Database::open(path, SQLITE_OPEN_READWRITE);
    ASSERT_TRUE(newer.ok() && newer->run("PRAGMA user_version = 2").ok());
  }
  const Status status = open_and_load(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("schema 2, this butterflyd knows 1; nothing was changed"));
}

TEST(SqliteStore, RefusesToStartAfreshBesideAnOldLog) {
  const TestDirectory directory;
  const std::string path = directory.file("state.db");
  write_all(path + "-wal", "log");
  EXPECT_THAT(std::string(open_and_load(path).message()), HasSubstr("missing, but its log"));
}

TEST(SqliteStore, SaysThatItsDirectoryIsMissing) {
  const Status status = open_and_load("/nonexistent/state.db");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("state file '/nonexistent/state.db': cannot open its lock"),
                    HasSubstr("No such file or directory")));
}

}  // namespace
}  // namespace butterfly
