# SPDX-License-Identifier: Apache-2.0
# What every target of ours is compiled with. Link idtrail_options PRIVATE.
add_library(idtrail_options INTERFACE)
target_compile_features(idtrail_options INTERFACE cxx_std_20)
target_include_directories(idtrail_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/include)
target_compile_options(idtrail_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -fno-omit-frame-pointer
  $<$<BOOL:${IDTRAIL_WERROR}>:-Werror>)

# Sanitizers apply to everything that is compiled here, generated code included.
if(IDTRAIL_SANITIZE)
  add_compile_options(-fsanitize=${IDTRAIL_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${IDTRAIL_SANITIZE})
endif()
if(IDTRAIL_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
