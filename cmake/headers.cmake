# SPDX-License-Identifier: Apache-2.0
# Headers that most files of some layers include, compiled once for all of them: reading them is a
# quarter of what a clean build takes.
#
# GCC takes a precompiled header only where nothing has been included before it, so what DPDK wants
# included first stands in it (dpdk.cmake), and -pthread and the level of optimisation must be the
# same as where it is used.
set(butterfly_std_headers <absl/status/statusor.h> <algorithm> <array> <atomic> <chrono> <cstring>
  <functional> <map> <memory> <mutex> <optional> <random> <set> <span> <sstream> <string> <thread>
  <vector>)
set(butterfly_dpdk_headers <rte_config.h> ${butterfly_std_headers} <rte_ethdev.h> <rte_mbuf.h>)
set(butterfly_api_headers ${butterfly_dpdk_headers} <grpcpp/grpcpp.h>
  <butterfly/v1/butterfly.grpc.pb.h>)
set(butterfly_test_headers ${butterfly_dpdk_headers} <gmock/gmock.h> <gtest/gtest.h>)

# butterfly_headers(NAME LINK libraries HEADERS headers), to be used by
# target_precompile_headers(target REUSE_FROM NAME).
function(butterfly_headers name)
  cmake_parse_arguments(ARG "" "" "LINK;HEADERS" ${ARGN})
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/cmake/headers.cc)
  target_link_libraries(${name} PRIVATE butterfly_flags ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()
