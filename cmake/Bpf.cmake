# SPDX-License-Identifier: Apache-2.0
# Builds bpf/<name>.bpf.c into a skeleton header, <build>/bpf/include/bpf/skeleton/<name>.skel.h.
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
set(IDTRAIL_SKELETONS ${CMAKE_BINARY_DIR}/bpf/include)

# idtrail_bpf_skeleton(OUT name): OUT is the header's path.
function(idtrail_bpf_skeleton out name)
  set(source ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c)
  set(object ${CMAKE_BINARY_DIR}/bpf/${name}.bpf.o)
  set(skeleton ${IDTRAIL_SKELETONS}/bpf/skeleton/${name}.skel.h)
  file(MAKE_DIRECTORY ${IDTRAIL_SKELETONS}/bpf/skeleton)
  add_custom_command(OUTPUT ${skeleton}
    COMMAND ${IDTRAIL_BPF_CLANG} ${IDTRAIL_BPF_FLAGS} -MD -MF ${object}.d -MT ${skeleton}
      -c ${source} -o ${object}
    COMMAND ${IDTRAIL_LLVM_STRIP} -g ${object}
    COMMAND ${IDTRAIL_BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${skeleton}
    DEPENDS ${source} DEPFILE ${object}.d COMMENT "BPF ${name}" VERBATIM)
  set(${out} ${skeleton} PARENT_SCOPE)
endfunction()
