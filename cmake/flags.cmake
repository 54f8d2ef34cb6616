# SPDX-License-Identifier: Apache-2.0
# Flags of all our code. The floor is AVX2 and AES (the daemon says so on an older CPU).
add_library(butterfly_flags INTERFACE)
target_include_directories(butterfly_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(butterfly_flags INTERFACE
  -march=x86-64-v3 -maes -mpclmul -mtune=znver3
  -Wall -Wextra -Wshadow=local -Wnon-virtual-dtor -Wconversion -Wno-sign-conversion -Werror
  -fno-omit-frame-pointer -pthread)
# For ccache, which looks at what a precompiled header was made of.
target_compile_options(butterfly_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
# g++ 12 sees overlaps in std::string's operator+ that are not there (its bug 105651), at -O3.
target_compile_options(butterfly_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# rte_*.h macros and packed big-endian members.
target_compile_options(butterfly_flags INTERFACE -Wno-address-of-packed-member -Wno-psabi)
if(BUTTERFLY_SANITIZE_THREAD)
  target_compile_options(butterfly_flags INTERFACE -fsanitize=thread)
  target_link_options(butterfly_flags INTERFACE -fsanitize=thread)
endif()
if(BUTTERFLY_SANITIZE_ADDRESS)
  # Without the checks that AddressSanitizer makes superfluous: they are a fifth of what a build takes.
  target_compile_options(butterfly_flags INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=undefined -fno-sanitize=alignment,null,object-size,vptr)
  target_link_options(butterfly_flags INTERFACE -fsanitize=address,undefined)
endif()
