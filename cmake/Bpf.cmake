# SPDX-License-Identifier: Apache-2.0
# Builds bpf/<name>.bpf.c into a skeleton header, <build>/<folder>/include/bpf/skeleton/<name>.skel.h.
# The programs see no header of the build host's kernel, only uapi and libbpf (bpf/lib/kernel.h).
find_program(IDTRAIL_BPF_CLANG NAMES clang-16 clang DOC "Compiler of the kernel half" REQUIRED)
find_program(IDTRAIL_LLVM_STRIP NAMES llvm-strip-16 llvm-strip DOC "Strips them" REQUIRED)
find_program(IDTRAIL_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin DOC "Makes skeletons" REQUIRED)

if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  set(IDTRAIL_BPF_ARCH x86) # for libbpf's register macros
elseif(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(IDTRAIL_BPF_ARCH arm64)
else()
  message(FATAL_ERROR "no register macros for ${CMAKE_SYSTEM_PROCESSOR}: see cmake/Bpf.cmake")
endif()

set(IDTRAIL_BPF_FLAGS -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror
  -D__TARGET_ARCH_${IDTRAIL_BPF_ARCH} -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/include
  -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})
# idtrail_bpf_library(target clang folder): every probe's object and the shared maps', made by that
# compiler into that folder of the build. Link the target and include "bpf/skeleton/all.h".
function(idtrail_bpf_library target clang folder)
  set(place ${CMAKE_BINARY_DIR}/${folder})
  set(skeletons)
  set(includes)
  file(MAKE_DIRECTORY ${place}/include/bpf/skeleton)
  foreach(name IN ITEMS shared ${IDTRAIL_PROBES})
    set(source ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c)
    set(object ${place}/${name}.bpf.o)
    set(skeleton ${place}/include/bpf/skeleton/${name}.skel.h)
    add_custom_command(OUTPUT ${skeleton}
      COMMAND ${clang} ${IDTRAIL_BPF_FLAGS} -MD -MF ${object}.d -MT ${skeleton}
        -c ${source} -o ${object}
      COMMAND ${IDTRAIL_LLVM_STRIP} -g ${object}
      COMMAND ${IDTRAIL_BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "BPF ${folder}/${name}" VERBATIM)
    list(APPEND skeletons ${skeleton})
    string(APPEND includes "#include \"bpf/skeleton/${name}.skel.h\"\n")
  endforeach()
  file(CONFIGURE OUTPUT ${place}/include/bpf/skeleton/all.h CONTENT "#pragma once\n${includes}")
  add_custom_target(${target}_skeletons DEPENDS ${skeletons})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_skeletons)
  target_include_directories(${target} SYSTEM INTERFACE ${place}/include)
endfunction()
