# SPDX-License-Identifier: Apache-2.0
# DPDK as an imported target: headers as system headers (they are not C++20-clean), shared linking.
add_library(dpdk INTERFACE)
target_include_directories(dpdk SYSTEM INTERFACE ${DPDK_INCLUDE_DIRS})
# pkg-config asks for -march=corei7 (cmake/flags.cmake sets a newer one) and a forced include that
# rte headers need.
list(FILTER DPDK_CFLAGS_OTHER EXCLUDE REGEX "^-march|^-I")
string(REPLACE ";" " " DPDK_CFLAGS_TEXT "${DPDK_CFLAGS_OTHER}")
target_compile_options(dpdk INTERFACE "SHELL:${DPDK_CFLAGS_TEXT}")
target_link_libraries(dpdk INTERFACE ${DPDK_LINK_LIBRARIES} Threads::Threads)
