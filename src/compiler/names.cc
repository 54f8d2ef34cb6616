// SPDX-License-Identifier: Apache-2.0
// The C library's name service, as libpcap finds it in this program: numbers only.
//
// A rule means the same on every host and for ever, so hosts, networks, ports and Ethernet stations
// have no names here, and nobody is asked for one. Protocols have those that pcap-filter(7) lists,
// with the numbers of IANA's register.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <netinet/in.h>

#include <cstdlib>
#include <cstring>

namespace {

struct Answer {
  addrinfo info;
  sockaddr_in6 address;  // or sockaddr_in, which is smaller
};

struct Protocol {
  const char* name;
  int number;
};
constexpr Protocol kProtocols[] = {{"icmp", 1},  {"igmp", 2},  {"igrp", 9},       {"pim", 103},
                                   {"ah", 51},   {"esp", 50},  {"vrrp", 112},     {"udp", 17},
                                   {"tcp", 6},   {"gre", 47},  {"ipv6-icmp", 58}, {"icmp6", 58},
                                   {"ospf", 89}, {"sctp", 132}};

}  // namespace

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (!node || service) return EAI_NONAME;
  auto* const answer = static_cast<Answer*>(std::calloc(1, sizeof(Answer)));
  if (!answer) return EAI_MEMORY;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&answer->address);
  addrinfo& info = answer->info;
  if (inet_pton(AF_INET, node, &v4->sin_addr) == 1) {
    info.ai_family = v4->sin_family = AF_INET;
    info.ai_addrlen = sizeof(sockaddr_in);
  } else if (inet_pton(AF_INET6, node, &answer->address.sin6_addr) == 1) {
    info.ai_family = answer->address.sin6_family = AF_INET6;
    info.ai_addrlen = sizeof(sockaddr_in6);
  }
  const int wanted = hints ? hints->ai_family : AF_UNSPEC;
  if (info.ai_family == 0 || (wanted != AF_UNSPEC && wanted != info.ai_family)) {
    std::free(answer);
    return EAI_NONAME;
  }
  if (hints) info.ai_socktype = hints->ai_socktype;
  info.ai_addr = reinterpret_cast<sockaddr*>(&answer->address);
  *result = &info;
  return 0;
}

void freeaddrinfo(addrinfo* info) noexcept { std::free(info); }

int getprotobyname_r(const char* name, protoent* entry, char*, size_t, protoent** result) {
  static char* no_aliases[] = {nullptr};
  *result = nullptr;
  for (const Protocol& protocol : kProtocols) {
    if (std::strcmp(protocol.name, name) != 0) continue;
    *entry = {const_cast<char*>(protocol.name), no_aliases, protocol.number};
    *result = entry;
  }
  return 0;
}

int getnetbyname_r(const char*, netent*, char*, size_t, netent** result, int* error) {
  *result = nullptr;
  *error = HOST_NOT_FOUND;
  return 0;
}

hostent* gethostbyname(const char*) { return nullptr; }
int ether_hostton(const char*, ether_addr*) noexcept { return -1; }

}  // extern "C"
