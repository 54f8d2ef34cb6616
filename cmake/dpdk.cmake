# SPDX-License-Identifier: Apache-2.0
# DPDK as an imported target: headers as system headers (they are not C++20-clean), shared linking.
add_library(dpdk INTERFACE)
target_include_directories(dpdk SYSTEM INTERFACE ${DPDK_INCLUDE_DIRS})
# pkg-config asks for -march=corei7 (cmake/flags.cmake sets a newer one) and for rte_config.h before
# anything else; precompiled headers begin with that (cmake/headers.cmake).
set(has_precompiled $<AND:$<NOT:$<BOOL:$<TARGET_PROPERTY:DISABLE_PRECOMPILE_HEADERS>>>,$<OR:$<BOOL:$<TARGET_PROPERTY:PRECOMPILE_HEADERS>>,$<BOOL:$<TARGET_PROPERTY:PRECOMPILE_HEADERS_REUSE_FROM>>>>)
target_compile_options(dpdk INTERFACE "SHELL:$<$<NOT:${has_precompiled}>:-include rte_config.h>")
target_link_libraries(dpdk INTERFACE ${DPDK_LINK_LIBRARIES} Threads::Threads)
