# SPDX-License-Identifier: Apache-2.0
add_executable(replay_bench replay_bench.cpp)
target_link_libraries(replay_bench PRIVATE idtrail_options idtrail_pipeline)
add_executable(growth_bench growth_bench.cpp)
target_link_libraries(growth_bench PRIVATE idtrail_options idtrail_pipeline)
