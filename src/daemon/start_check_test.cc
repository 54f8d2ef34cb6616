// SPDX-License-Identifier: Apache-2.0
// What `butterflyd --check` finds. Faults of interfaces that want root to be made are in
// tests/vm/test_daemon_start.py.
#include "daemon/start_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/fd.h"
#include "control/file_lock.h"
#include "control/sqlite_store.h"
#include "control/test_certificates.h"
#include "ports/kernel_interface.h"

namespace butterfly {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
namespace fs = std::filesystem;

class StartCheckTest : public testing::Test {
 protected:
  StartCheckTest() {
    std::string name = (fs::temp_directory_path() / "start-check-XXXXXX").string();
    directory = mkdtemp(name.data());
    surroundings.sysfs = directory + "/sys";
    surroundings.devices = directory + "/dev";
    surroundings.expression_program = "/bin/true";
    surroundings.capabilities = ~uint64_t{0};
    make_file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "32\n");
    fs::create_directories(directory + "/dev/vfio");
    config.daemon.api = "unix:" + directory + "/api.sock";
    config.daemon.state = directory + "/state.db";
    config.daemon.socket_directory = directory + "/ports";
    config.dataplane.lcores = {0};
    config.dataplane.memory_mb = 64;
  }
  ~StartCheckTest() override { fs::remove_all(directory); }

  void make_file(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(directory + path).parent_path());
    std::ofstream(directory + path) << text;
  }
  UplinkConfig& use_uplink(const std::string& device) {
    config.uplink.emplace();
    config.uplink->device = device;
    config.uplink->address = *IpAddress::parse("192.0.2.1");
    return *config.uplink;
  }
  void make_pci(const std::string& driver) {
    const fs::path device = directory + "/sys/bus/pci/devices/0000:3b:00.0";
    fs::create_directories(device);
    if (!driver.empty())
      fs::create_symlink("../../../bus/pci/drivers/" + driver, device / "driver");
    fs::create_symlink("../../../kernel/iommu_groups/17", device / "iommu_group");
  }
  // Every file below the directory, with what is in it.
  std::map<std::string, std::string> all_files() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      std::string text;
      if (entry.is_regular_file()) {
        std::ifstream file(entry.path());
        text.assign(std::istreambuf_iterator<char>(file), {});
      }
      files[entry.path()] = text;
    }
    return files;
  }
  std::vector<std::string> texts(Verdict verdict) {
    std::vector<std::string> result;
    for (const Finding& finding : check_start(config, surroundings)) {
      if (finding.verdict == verdict) result.push_back(finding.text);
    }
    return result;
  }
  std::vector<std::string> faults() { return texts(Verdict::fault); }
  std::vector<std::string> warnings() { return texts(Verdict::warning); }

  std::string directory;
  Config config;
  Surroundings surroundings;
};

TEST_F(StartCheckTest, FindsNothingWhereAllIsWellAndChangesNothing) {
  const auto before = all_files();
  const auto findings = check_start(config, surroundings);
  EXPECT_FALSE(has_fault(findings)) << findings_text(findings, "b.toml");
  EXPECT_EQ(findings_text(findings, "b.toml"),
            "fine     state file '" + directory +
                "/state.db': none yet, so there is no intent\n"
                "fine     API socket '" +
                directory +
                "/api.sock'\n"
                "fine     socket directory '" +
                directory +
                "/ports'\n"
                "fine     lcores: CPUs 0\n"
                "fine     hugepages: 64 MB wanted, 64 MB of 2 MiB pages free\n"
                "fine     uplink: none, guests of this host only\n"
                "b.toml: 0 faults, 0 warnings\n");
  EXPECT_EQ(all_files(), before);
}

TEST_F(StartCheckTest, LoadsTheStateAndLeavesItAsItIs) {
  ASSERT_TRUE(SqliteStore::open(config.daemon.state).ok());
  const auto before = all_files();
  EXPECT_THAT(texts(Verdict::fine), Contains(HasSubstr("its intent can be loaded")));
  EXPECT_EQ(all_files(), before);
}

TEST_F(StartCheckTest, LooksAtWhatTheApiOverTcpNeeds) {
  TestCa ca("ours");
  const PemFiles files = ca.sign("server", "IP:192.0.2.1");
  config.api.listen = TcpAddress{"192.0.2.1", 7447};
  config.api.certificate = files.certificate;
  config.api.key = files.key;
  config.api.client_ca = files.ca;
  EXPECT_THAT(texts(Verdict::fine), Contains("API at tcp:192.0.2.1:7447"));
  config.api.crl = directory + "/crl";
  EXPECT_THAT(faults(), ElementsAre("API at tcp:192.0.2.1:7447: CRL '" + directory +
                                    "/crl': cannot be read: No such file or directory (wanted a "
                                    "PEM file)"));
  ca.revoke({}, config.api.crl, TestCa::List::overdue);
  EXPECT_THAT(faults(), IsEmpty());
  EXPECT_THAT(warnings(), Contains(HasSubstr("the next one was due at Feb  1 ")));
  ca.revoke({}, config.api.crl);
  EXPECT_THAT(texts(Verdict::fine), Contains("API at tcp:192.0.2.1:7447"));
  config.api.key = files.certificate;
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("no private key in it")));
}

TEST_F(StartCheckTest, NamesADamagedState) {
  make_file("/state.db", "nonsense");
  EXPECT_THAT(faults(), Contains(AllOf(StartsWith("state file '" + config.daemon.state + "': "),
                                       HasSubstr("not an SQLite database"), HasSubstr("wanted"))));
  EXPECT_EQ(all_files()[config.daemon.state], "nonsense");
}

TEST_F(StartCheckTest, NamesAStateThatIsGoneWhileItsLogIsThere) {
  make_file("/state.db-wal", "changes");
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("missing, but its log"),
                                       HasSubstr(config.daemon.state + "-wal"))));
}

TEST_F(StartCheckTest, NamesAStateThatIsNoFile) {
  fs::create_directory(config.daemon.state);
  EXPECT_THAT(faults(), Contains(HasSubstr("state.db': not a regular file")));
}

TEST_F(StartCheckTest, NamesDirectoriesThatAreMissing) {
  config.daemon.state = directory + "/no/state.db";
  config.daemon.api = "unix:" + directory + "/nowhere/api.sock";
  config.daemon.socket_directory = directory + "/none/ports";
  for (const char* missing : {"/no'", "/nowhere'", "/none'"}) {
    EXPECT_THAT(faults(), Contains(AllOf(HasSubstr(missing), HasSubstr("No such file"),
                                         HasSubstr("wanted: a directory that exists"))));
  }
}

TEST_F(StartCheckTest, NamesWhatIsInTheWayOfSockets) {
  make_file("/api.sock", "precious");
  make_file("/ports", "");
  EXPECT_THAT(faults(), Contains(HasSubstr("api.sock': something else is there")));
  EXPECT_THAT(faults(), Contains(HasSubstr("ports': is not a directory")));
}

TEST_F(StartCheckTest, NamesAForeignListenerAtTheApisPath) {
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (directory + "/api.sock").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(faults().size(), 0u) << "nobody listens yet: a start would replace it";
  ASSERT_EQ(listen(listener.get(), 1), 0);
  EXPECT_THAT(faults(), Contains(HasSubstr("somebody else listens there")));
}

TEST_F(StartCheckTest, NamesGroupsThatDoNotExist) {
  config.daemon.api_group = "no-such-group";
  config.daemon.socket_group = "nor-this";
  EXPECT_THAT(faults(), Contains(HasSubstr("group 'no-such-group' does not exist")));
  EXPECT_THAT(faults(), Contains(HasSubstr("group 'nor-this' does not exist")));
}

TEST_F(StartCheckTest, NamesAPathThatIsTooLong) {
  config.daemon.api = "unix:/" + std::string(120, 'x');
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("path has 121 bytes"), HasSubstr("at most 107"))));
}

TEST_F(StartCheckTest, ADaemonThatRunsIsNoFault) {
  const auto lock = FileLock::take("state", config.daemon.state + ".lock");
  ASSERT_TRUE(lock.ok());
  config.dataplane.hugepages = HugepageUse::on;
  config.dataplane.memory_mb = 1024;
  use_uplink("net_null0").host_port = "lo";
  EXPECT_THAT(faults(), testing::IsEmpty());
  EXPECT_THAT(warnings(), Contains(HasSubstr("in use by process " + std::to_string(getpid()))));
  EXPECT_THAT(warnings(), Contains(HasSubstr("hugepages: 1024 MB wanted")));
  EXPECT_THAT(warnings(), Contains(HasSubstr("host port 'lo'")));
}

TEST_F(StartCheckTest, SaysWhetherThereAreEnoughHugepages) {
  config.dataplane.memory_mb = 256;
  const std::string fact = "hugepages: 256 MB wanted, 64 MB of 2 MiB pages free";
  const auto told = AllOf(StartsWith(fact), HasSubstr("sysctl vm.nr_hugepages=136"));
  EXPECT_THAT(faults(), testing::IsEmpty());
  EXPECT_THAT(warnings(), Contains(told));
  config.dataplane.hugepages = HugepageUse::on;
  EXPECT_THAT(faults(), Contains(told));
  config.dataplane.hugepages = HugepageUse::off;
  EXPECT_THAT(faults(), testing::IsEmpty());
  EXPECT_THAT(warnings(), testing::IsEmpty());
}

TEST_F(StartCheckTest, NamesEachCapabilityThatIsMissing) {
  surroundings.capabilities = 0;
  EXPECT_THAT(faults(), testing::IsEmpty()) << "without an uplink none is needed to start";
  EXPECT_THAT(warnings(), Contains(StartsWith("nics of type tap: CAP_NET_ADMIN is missing")));
  use_uplink("lo").host_port = "host0";
  EXPECT_THAT(faults(), Contains(StartsWith("uplink 'lo': CAP_NET_RAW is missing (wanted: ")));
  EXPECT_THAT(faults(), Contains(StartsWith("uplink 'lo': CAP_NET_ADMIN is missing (wanted: ")));
  EXPECT_THAT(faults(), Contains(StartsWith("host port 'host0': CAP_NET_ADMIN is missing")));
  const Status status = check_capabilities(config, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("uplink 'lo': CAP_NET_RAW is missing"));
  EXPECT_TRUE(check_capabilities(config, uint64_t{3} << 12).ok()) << "bits 12 and 13";
  use_uplink("0000:3b:00.0");
  EXPECT_TRUE(check_capabilities(config, 0).ok()) << "a card of DPDK's needs rights of its file";
}

TEST_F(StartCheckTest, NamesTheMissingExpressionProgram) {
  surroundings.expression_program = directory + "/nothing";
  EXPECT_THAT(warnings(), Contains(AllOf(HasSubstr(directory + "/nothing' cannot be run"),
                                         HasSubstr("expressions are refused"))));
  EXPECT_THAT(faults(), testing::IsEmpty());
}

TEST_F(StartCheckTest, NamesAnInterfaceThatIsNotThere) {
  use_uplink("nope0");
  EXPECT_THAT(faults(),
              Contains(AllOf(HasSubstr("uplink 'nope0': no such device"), HasSubstr("lo"))));
}

TEST_F(StartCheckTest, NamesAnUnderlayThatIsTooSmall) {
  use_uplink("lo").mtu = 1300;
  config.uplink->force = true;
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("MTU of 1300"), HasSubstr("at least 1330"))));
  config.uplink->mtu = 1500;
  EXPECT_THAT(warnings(), Contains(AllOf(HasSubstr("MTU of 1500"), HasSubstr("1450"))));
}

TEST_F(StartCheckTest, NamesAnInterfaceThatIsAnotherDaemonsUplink) {
  use_uplink("lo").force = true;
  const auto claim = claim_interface("lo");  // if that fails, somebody else has it: as good
  EXPECT_THAT(faults(), Contains(HasSubstr("uplink 'lo': in use by another process")));
}

TEST_F(StartCheckTest, NamesTheHostPortsNameThatIsTaken) {
  use_uplink("net_null0").host_port = "lo";
  EXPECT_THAT(faults(), Contains(StartsWith("host port 'lo': there is an interface of that name")));
}

TEST_F(StartCheckTest, LooksAtEveryDeviceOfABond) {
  auto& uplink = use_uplink("net_null0");
  uplink.bond = BondMode::lacp;
  uplink.bond_with = {"nope1", "net_null1", "nope2"};
  EXPECT_THAT(faults(), Contains(HasSubstr("uplink 'nope1': no such device")));
  EXPECT_THAT(faults(), Contains(HasSubstr("uplink 'nope2': no such device")));
  surroundings.capabilities = 0;
  EXPECT_THAT(faults(), Contains(StartsWith("uplink 'nope1': CAP_NET_RAW is missing")));
}

TEST_F(StartCheckTest, NamesKeysOfTheUplinkThatDoNotGoTogether) {
  auto& uplink = use_uplink("net_null0");
  uplink.bond = BondMode::balance;
  EXPECT_THAT(faults(), testing::ElementsAre(
                            "uplink: a bond of one device (wanted: the others in bond_with)"));
  uplink.bond_with = {"net_null1"};
  EXPECT_THAT(faults(), testing::IsEmpty());
  uplink.host_port = "host0";
  EXPECT_THAT(faults(), Contains("uplink: a host_port beside a bond (wanted: one of the two)"));
  uplink.backup = "net_null2";
  EXPECT_THAT(faults(), Contains("uplink: a backup beside a bond (wanted: one of the two)"));
  uplink.bond.reset();
  EXPECT_THAT(faults(), Contains(StartsWith("uplink: bond_with without a bond (wanted: bond = ")));
  uplink.bond_with.clear();
  EXPECT_THAT(faults(), Contains("uplink: a host_port beside a backup (wanted: one of the two)"));
}

TEST_F(StartCheckTest, NamesAPciDeviceThatIsNotThere) {
  use_uplink("0000:7f:1f.7");
  EXPECT_THAT(faults(), Contains(StartsWith("uplink '0000:7f:1f.7': no such PCI device")));
}

TEST_F(StartCheckTest, NamesAPciDeviceThatTheKernelHas) {
  make_pci("ixgbe");
  use_uplink("0000:3b:00.0");
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("the kernel's ixgbe has it"),
                                       HasSubstr("--bind=vfio-pci 0000:3b:00.0"))));
}

TEST_F(StartCheckTest, NamesAPciDeviceThatNobodyHas) {
  make_pci("");
  use_uplink("0000:3b:00.0,representor=0");
  EXPECT_THAT(faults(), Contains(HasSubstr("no driver has it")));
}

TEST_F(StartCheckTest, NamesTheVfioGroupThatMayNotBeUsed) {
  make_pci("vfio-pci");
  use_uplink("0000:3b:00.0");
  EXPECT_THAT(faults(),
              Contains(AllOf(HasSubstr("/dev/vfio/17 may not be read"), HasSubstr("udev"))));
  make_file("/dev/vfio/17", "");
  EXPECT_THAT(texts(Verdict::fine), Contains(HasSubstr("bound to vfio-pci")));
}

TEST_F(StartCheckTest, NamesTheLimitOfLockedMemory) {
  make_pci("vfio-pci");
  make_file("/dev/vfio/17", "");
  use_uplink("0000:3b:00.0");
  surroundings.lockable_bytes = 8 << 20;
  EXPECT_THAT(faults(), testing::IsEmpty()) << "CAP_IPC_LOCK knows no limit";
  surroundings.capabilities = 0;
  EXPECT_THAT(faults(), Contains(AllOf(HasSubstr("8 MB may be locked in memory, 64 MB are to be"),
                                       HasSubstr("LimitMEMLOCK=infinity"))));
  surroundings.lockable_bytes = 64 << 20;
  EXPECT_THAT(faults(), testing::IsEmpty());
}

TEST_F(StartCheckTest, TakesADeviceThatIsDrivenBesideTheKernel) {
  make_pci("mlx5_core");
  use_uplink("0000:3b:00.0");
  EXPECT_THAT(texts(Verdict::fine), Contains(HasSubstr("driven beside mlx5_core")));
}

TEST_F(StartCheckTest, CannotTellOfADpdkDevice) {
  use_uplink("net_pcap0,iface=eth1");
  EXPECT_THAT(faults(), testing::IsEmpty());
  EXPECT_THAT(texts(Verdict::fine), Contains(HasSubstr("only a start can tell")));
}

}  // namespace
}  // namespace butterfly
