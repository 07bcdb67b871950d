# SPDX-License-Identifier: Apache-2.0
# Libraries, all Debian packages (tools/setup.packages), with the oldest version that is known to do.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Protobuf 3.21 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(simdjson REQUIRED)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3>=3.40)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++>=1.51)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET libcrypto>=3.0)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)

if(IDTRAIL_BPF)
  pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
  # BCC's symboliser without its compiler: libbcc_bpf needs no LLVM, libbcc does (and libbcc.pc names that one).
  find_library(BCC_BPF bcc_bpf REQUIRED)
endif()
