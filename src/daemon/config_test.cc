// SPDX-License-Identifier: Apache-2.0
// The configuration file as an operator writes it: what is taken, and what is said about mistakes.
#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "daemon/config_keys.h"
#include "daemon/config_manual.h"

namespace butterfly {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<unsigned> kCpus{0, 1, 2, 5};

StatusOr<Config> parse(const std::string& text) { return parse_config(text, "b.toml", kCpus); }

TEST(Config, IsWholeWithoutAnyKey) {
  const auto config = parse("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.api, "unix:/run/butterfly/api.sock");
  EXPECT_EQ(config->daemon.api_mode, 0660u);
  EXPECT_THAT(config->dataplane.lcores, ElementsAre(5));
  EXPECT_FALSE(config->uplink);
}

const char* const kUplinkOnly = "[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\n";

const char* const kEveryKey = R"(
[daemon]
api = "unix:/tmp/api.sock"
api_mode = "0600"
api_group = "kvm"
state = "/tmp/state.db"
socket_directory = "/tmp/ports"
socket_mode = "0666"
socket_group = "qemu"
log_level = "trace"
[api]
listen = "tcp:[2001:db8::1]:7447"
certificate = "/tmp/api.pem"
key = "/tmp/api.key"
crl = "/tmp/clients.crl"
client_ca = "/tmp/clients.pem"
writers = ["orchestrator", "spiffe://a/b"]
read_socket = "unix:/tmp/read.sock"
read_socket_mode = "0666"
read_socket_group = "adm"
[log]
drops_per_second = 10000
starts_per_second = 5
events = true
[dataplane]
lcores = [2, 0]
mode = "poll"
memory_mb = 1024
hugepages = "off"
flows_per_lcore = 1000000
balance = false
shortcut = false
fdb_capacity = 2048
fdb_per_segment = 4096
fdb_ageing_s = 300
[uplink]
device = "net_af_packet0,iface=eth0"
address = "2001:db8::1/64"
gateway = "2001:db8::ff"
vxlan_port = 8472
mtu = 9000
vlan = 4094
host_port = "host0"
backup = "eth1"
on_link = ["2001:db8:1::/64"]
bond = "balance"
bond_with = ["eth1", "eth2"]
lacp_rate = "slow"
kernel_driver = "af_xdp"
force = true
)";

TEST(Config, TakesEveryKey) {
  const auto config = parse(kEveryKey);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.api, "unix:/tmp/api.sock");
  EXPECT_EQ(config->daemon.api_mode, 0600u);
  EXPECT_EQ(config->daemon.api_group, "kvm");
  EXPECT_EQ(config->daemon.state, "/tmp/state.db");
  EXPECT_EQ(config->daemon.socket_directory, "/tmp/ports");
  EXPECT_EQ(config->daemon.socket_mode, 0666u);
  EXPECT_EQ(config->daemon.socket_group, "qemu");
  EXPECT_EQ(config->daemon.log_level, "trace");
  EXPECT_EQ(config->api.listen->host, "2001:db8::1");
  EXPECT_EQ(config->api.listen->port, 7447);
  EXPECT_EQ(config->api.certificate, "/tmp/api.pem");
  EXPECT_EQ(config->api.key, "/tmp/api.key");
  EXPECT_EQ(config->api.client_ca, "/tmp/clients.pem");
  EXPECT_EQ(config->api.crl, "/tmp/clients.crl");
  EXPECT_THAT(config->api.writers, ElementsAre("orchestrator", "spiffe://a/b"));
  EXPECT_EQ(config->api.read_socket, "unix:/tmp/read.sock");
  EXPECT_EQ(config->api.read_socket_mode, 0666u);
  EXPECT_EQ(config->api.read_socket_group, "adm");
  EXPECT_EQ(config->log.drops_per_second, 10000u);
  EXPECT_EQ(config->log.starts_per_second, 5u);
  EXPECT_TRUE(config->log.events);
  EXPECT_THAT(config->dataplane.lcores, ElementsAre(2, 0));
  EXPECT_EQ(config->dataplane.mode, PollMode::poll);
  EXPECT_EQ(config->dataplane.memory_mb, 1024u);
  EXPECT_EQ(config->dataplane.hugepages, HugepageUse::off);
  EXPECT_EQ(config->dataplane.flows_per_lcore, 1000000u);
  EXPECT_FALSE(config->dataplane.shortcut);
  EXPECT_EQ(config->dataplane.fdb_capacity, 2048u);
  ASSERT_TRUE(config->uplink);
  EXPECT_EQ(config->uplink->device, "net_af_packet0,iface=eth0");
  EXPECT_EQ(config->uplink->address.to_string(), "2001:db8::1");
  EXPECT_EQ(config->uplink->on_link.to_string(), "2001:db8::/64");
  EXPECT_EQ(config->uplink->gateway->to_string(), "2001:db8::ff");
  EXPECT_EQ(config->uplink->vxlan_port, 8472);
  EXPECT_EQ(config->uplink->mtu, 9000);
  EXPECT_EQ(config->uplink->vlan, 4094);
  EXPECT_EQ(config->uplink->host_port, "host0");
  EXPECT_TRUE(config->uplink->force);
  EXPECT_THAT(config->uplink->also_on_link, ElementsAre(*Cidr::parse("2001:db8:1::/64")));
  EXPECT_EQ(config->uplink->bond, BondMode::balance);
  EXPECT_THAT(config->uplink->bond_with, ElementsAre("eth1", "eth2"));
  EXPECT_FALSE(config->uplink->lacp_fast);
}

TEST(Config, TakesAGatewayInAFurtherPrefix) {
  const auto config = parse(
      "[uplink]\ndevice = 'e'\naddress = '192.0.2.1/32'\non_link = ['198.51.100.0/24']\n"
      "gateway = '198.51.100.254'");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->uplink->gateway->to_string(), "198.51.100.254");
}

struct Mistake {
  const char* text;
  const char* message;
};

const Mistake kMistakes[] = {
    {"[daemon]\nport = 1", "b.toml:2: daemon.port = 1: unknown key (wanted one of api, "},
    {"[deamon]\nstate = '/x'", "b.toml:1: deamon: unknown key (wanted one of api, daemon, "},
    {"state = '/x'", "b.toml:1: state = '/x': unknown key"},
    {"daemon = 7", "b.toml:1: daemon = 7: not a table (wanted [daemon] and its keys)"},
    {"[daemon]\n[daemon]", "b.toml:2: "},
    {"[daemon\n", "(wanted TOML)"},
    {"[daemon]\napi = 'tcp://0.0.0.0:9999'",
     "b.toml:2: daemon.api = 'tcp://0.0.0.0:9999': not a "
     "unix socket (wanted unix:/PATH"},
    {"[daemon]\napi = 5", "daemon.api = 5: wrong type (wanted unix:/PATH"},
    {"[daemon]\napi_mode = '0999'",
     "daemon.api_mode = '0999': not a usable mode (wanted an octal "
     "mode in quotes, \"0600\" to \"0777\")"},
    {"[daemon]\napi_mode = '0060'", "daemon.api_mode = '0060': not a usable mode"},
    {"[daemon]\napi_mode = 660", "daemon.api_mode = 660: wrong type (wanted an octal mode"},
    {"[daemon]\nstate = 'state.db'", "daemon.state = 'state.db': not an absolute path"},
    {"[daemon]\nsocket_directory = '/a/path/that/is/so/very/long/that/no/socket/can/be/put/into/it/"
     "since/unix/sockets/have/short/names'",
     "path too long (wanted at most 90 bytes)"},
    {"[daemon]\nlog_level = 'loud'",
     "daemon.log_level = 'loud': unknown word (wanted one of "
     "trace, debug, info, warning, error)"},
    {"[api]\nlisten = '192.0.2.1:7447'",
     "b.toml:2: api.listen = '192.0.2.1:7447': malformed (wanted tcp:ADDRESS:PORT"},
    {"[api]\nlisten = 'tcp:192.0.2.1:0'", "api.listen = 'tcp:192.0.2.1:0': malformed"},
    {"[api]\nlisten = 'tcp:localhost:7447'", "not an address (wanted tcp:ADDRESS:PORT"},
    {"[api]\nlisten = 7447", "api.listen = 7447: wrong type"},
    {"[api]\nlisten = 'tcp:192.0.2.1:7447'\ncertificate = '/c'\nclient_ca = '/c'",
     "b.toml: api.key: missing (wanted the path of a PEM file, since api.listen is given)"},
    {"[api]\nlisten = 'tcp:192.0.2.1:7447'", "api.client_ca: missing"},
    {"[api]\ncertificate = 'c'", "api.certificate = 'c': not an absolute path"},
    {"[api]\ncrl = 'c'", "api.crl = 'c': not an absolute path"},
    {"[api]\nwriters = 'me'", "api.writers = 'me': no list (wanted a list of names in quotes)"},
    {"[api]\nwriters = ['me', 7]", "not a name"},
    {"[api]\nwriters = ['']", "not a name"},
    {"[api]\nread_socket = '/run/r'", "api.read_socket = '/run/r': not a unix socket"},
    {"[api]\nread_socket = 'unix:/run/butterfly/api.sock'",
     "is daemon.api as well (wanted another path)"},
    {"[log]\ndrops_per_second = 10001",
     "b.toml:2: log.drops_per_second = 10001: out of range (wanted 0..10000)"},
    {"[log]\nstarts_per_second = true", "log.starts_per_second = true: wrong type"},
    {"[log]\ndrops = 1",
     "b.toml:2: log.drops = 1: unknown key (wanted one of drops_per_second, events, "
     "starts_per_second)"},
    {"[dataplane]\nlcores = []",
     "b.toml:2: dataplane.lcores = []: no list of CPUs (wanted a list "
     "of different CPU numbers out of 0, 1, 2, 5)"},
    {"[dataplane]\nlcores = 1", "dataplane.lcores = 1: no list of CPUs"},
    {"[dataplane]\nlcores = [3]", "dataplane.lcores = [ 3 ]: not a usable CPU"},
    {"[dataplane]\nlcores = [-1]", "not a usable CPU"},
    {"[dataplane]\nlcores = ['1']", "not a usable CPU"},
    {"[dataplane]\nlcores = [1, 1]", "CPU 1 listed twice"},
    {"[dataplane]\nmode = 'busy'", "unknown word (wanted one of adaptive, poll)"},
    {"[dataplane]\nmemory_mb = 3",
     "b.toml:2: dataplane.memory_mb = 3: out of range (wanted "
     "64..1048576)"},
    {"[dataplane]\nmemory_mb = 64.5",
     "dataplane.memory_mb = 64.5: wrong type (wanted 64..1048576)"},
    {"[dataplane]\nhugepages = true", "wrong type (wanted one of auto, on, off)"},
    {"[dataplane]\nfdb_per_segment = 100",
     "b.toml:2: dataplane.fdb_per_segment = 100: is a setting of the switch now (wanted no such "
     "line, and `butterfly switch set segment_macs=100`)"},
    {"[dataplane]\nfdb_ageing_s = 'long'",
     "b.toml:2: dataplane.fdb_ageing_s = 'long': is a setting of the switch now (wanted no such "
     "line, and `butterfly switch set ageing_s=300`)"},
    {"[uplink]\naddress = '192.0.2.1/24'", "b.toml: uplink.device: missing (wanted a kernel "},
    {"[uplink]\ndevice = 'e'", "b.toml: uplink.address: missing (wanted our unicast address"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1'", "uplink.address = '192.0.2.1': malformed"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/33'", "bad prefix length"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/'", "bad prefix length"},
    {"[uplink]\ndevice = 'e'\naddress = '239.0.0.1/24'", "not unicast"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\ngateway = '192.0.3.1'",
     "b.toml:4: uplink.gateway = '192.0.3.1': not on link (wanted another address of the uplink's "
     "own prefix or of those on link, 192.0.2.0/24)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\ngateway = '192.0.2.1'", "our own address"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = '198.51.100.0/24'",
     "uplink.on_link = '198.51.100.0/24': no list (wanted a list of prefixes of the family of our "
     "address)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['198.51.100.0']",
     "'198.51.100.0' is no prefix"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['198.51.100.1/24']",
     "'198.51.100.1/24' is no prefix"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = [24]", "not a prefix in quotes"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['0.0.0.0/0']",
     "0.0.0.0/0 is no prefix of a link"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['2001:db8::/64']",
     "2001:db8::/64 is of the other family"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['192.0.2.128/25']",
     "192.0.2.128/25 is on link by the uplink's own address"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = ['10.0.0.0/8', '10.0.0.0/8']",
     "10.0.0.0/8 listed twice"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nbond = 'tlb'",
     "uplink.bond = 'tlb': unknown word (wanted one of lacp, balance, active-backup)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nbond_with = 'f'",
     "uplink.bond_with = 'f': no list (wanted a list of 1 to 7 devices in quotes)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nbond_with = ['e']", "has the first device"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nbond_with = ['f', 'f']",
     "'f' listed twice"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nbond_with = [1]", "no device"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\n"
     "bond_with = ['a', 'b', 'c', 'd', 'f', 'g', 'h', 'i']",
     "too many (wanted a list of 1 to 7 devices"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nlacp_rate = 'never'",
     "uplink.lacp_rate = 'never': unknown word (wanted one of fast, slow)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\ngateway = 'fd00::1'", "not on link"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nvxlan_port = 70000",
     "uplink.vxlan_port = 70000: out of range (wanted 1..65535)"},
    {"[uplink]\ndevice = 'e'\naddress = 'fd00::1/64'\nmtu = 600",
     "uplink.mtu = 600: out of range (wanted 1280..16000)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nvlan = 4095",
     "uplink.vlan = 4095: out of range (wanted 1..4094)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nvlan = 0", "wanted 1..4094"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nhost_port = 'a/b'",
     "uplink.host_port = 'a/b': no interface name (wanted an interface name of 1 to 15 characters"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nhost_port = 'e'",
     "uplink.host_port = 'e': the uplink itself (wanted a name that is free)"},
    {"[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\nforce = 'yes'",
     "uplink.force = 'yes': wrong type (wanted true or false)"},
};

TEST(Config, NamesFileLineKeyValueAndWhatWasWanted) {
  for (const Mistake& mistake : kMistakes) {
    SCOPED_TRACE(mistake.text);
    const auto config = parse(mistake.text);
    ASSERT_FALSE(config.ok());
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(mistake.message));
  }
}

TEST(Config, TakesSoManyFurtherPrefixesAndNoMore) {
  const auto with = [](int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += "'10." + std::to_string(i) + ".0.0/16', ";
    return parse("[uplink]\ndevice = 'e'\naddress = '192.0.2.1/24'\non_link = [" + list + "]");
  };
  EXPECT_TRUE(with(64).ok()) << with(64).status();
  EXPECT_THAT(std::string(with(65).status().message()),
              HasSubstr("too many (wanted at most 64 prefixes)"));
}

TEST(Config, ReportsAllFaultsAtOnce) {
  const auto config = parse("[daemon]\nlog_level = 'x'\nstat = ''\n[dataplane]\nmemory_mb = 1\n");
  EXPECT_THAT(std::string(config.status().message()),
              AllOf(HasSubstr("b.toml:2:"), HasSubstr("b.toml:3:"), HasSubstr("b.toml:5:")));
}

// What is made of the table of keys is as it is in the tree; UPDATE=1 writes it (tools/config).
void expect_file(const std::string& path, const std::string& wanted) {
  const std::string file = BUTTERFLY_SOURCE_DIR "/" + path;
  if (std::getenv("UPDATE") != nullptr) std::ofstream(file) << wanted;
  std::ostringstream there;
  there << std::ifstream(file).rdbuf();
  EXPECT_EQ(there.str(), wanted) << path << " is not as the keys say: tools/config makes it anew";
}

TEST(ConfigKeys, MakeTheSampleInTheTree) { expect_file("dist/butterflyd.toml", sample_config()); }

TEST(ConfigKeys, MakeTheManualInTheTree) {
  expect_file("docs/operate/configuration.md", config_manual());
}

TEST(ConfigKeys, MakeTheManualPageInTheTree) {
  expect_file("dist/man/butterflyd.toml.5", config_page());
}

TEST(ConfigKeys, SayEverythingAboutThemselves) {
  for (const ConfigKey& key : config_keys()) {
    SCOPED_TRACE(key.full_name());
    EXPECT_TRUE(key.sentence.ends_with("."));
    EXPECT_FALSE(key.access.type.empty());
    EXPECT_FALSE(key.access.wanted.empty());
    // A default, or words about it and an example.
    EXPECT_NE(key.standard().empty(), key.standard_in_words.empty());
    EXPECT_EQ(key.standard_in_words.empty(), key.example.empty());
    EXPECT_EQ(find_config_key(key.full_name()), &key);
  }
  EXPECT_EQ(find_config_key("daemon.nothing"), nullptr);
}

// Written as it says itself, a configuration is read back equal.
TEST(ConfigKeys, AreReadAsTheyAreTold) {
  const auto config = parse(kEveryKey);
  ASSERT_TRUE(config.ok()) << config.status();
  std::string text;
  for (const ConfigTable& table : config_tables()) {
    text += "[" + table.name + "]\n";
    for (const ConfigKey& key : config_keys()) {
      if (key.table == table.name) text += key.name + " = " + key.text(*config) + "\n";
    }
  }
  const auto again = parse(text);
  ASSERT_TRUE(again.ok()) << again.status() << text;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_EQ(key.text(*again), key.text(*config)) << key.full_name();
    EXPECT_TRUE(config->given.contains(key.full_name())) << key.full_name() << ": not in kEveryKey";
    Config copy = *parse(kUplinkOnly);
    key.access.copy(*config, copy);
    EXPECT_EQ(key.text(copy), key.text(*config)) << key.full_name();
  }
}

// The sample beside the sources, with the lines that are commented out as well.
TEST(Config, TakesTheSampleThatDocumentsIt) {
  std::ifstream sample(BUTTERFLY_SOURCE_DIR "/dist/butterflyd.toml");
  ASSERT_TRUE(sample);
  std::string shown, whole;
  for (std::string line; std::getline(sample, line);) {
    shown += line + "\n";
    const bool is_setting = line.starts_with("# ") && line.find(' ', 2) != std::string::npos &&
                            line.compare(line.find(' ', 2), 3, " = ") == 0;
    whole += (is_setting || line == "# [uplink]" ? line.substr(2) : line) + "\n";
  }
  const auto defaults = parse(shown);
  ASSERT_TRUE(defaults.ok()) << defaults.status();
  EXPECT_FALSE(defaults->uplink);
  const auto everything = parse(whole);
  ASSERT_TRUE(everything.ok()) << everything.status();
  EXPECT_EQ(everything->uplink->gateway->to_string(), "192.0.2.254");
  EXPECT_THAT(everything->dataplane.lcores, ElementsAre(1));
}

TEST(Config, SaysThatTheFileIsMissing) {
  EXPECT_THAT(std::string(load_config("/nonexistent/b.toml").status().message()),
              HasSubstr("'/nonexistent/b.toml': cannot be read: No such file or directory"));
}

TEST(Config, FindsTheCpusOfThisMachine) { EXPECT_FALSE(usable_cpus().empty()); }

}  // namespace
}  // namespace butterfly
