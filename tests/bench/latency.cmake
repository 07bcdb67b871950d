# SPDX-License-Identifier: Apache-2.0
add_executable(latency_bench latency_bench.cpp)
target_link_libraries(latency_bench PRIVATE idtrail_options fmt::fmt)
set_target_properties(latency_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/bench)
