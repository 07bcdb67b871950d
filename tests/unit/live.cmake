# SPDX-License-Identifier: Apache-2.0
# The live world around the pipeline: configuration, sources, node checks, the local socket.
set(live_tests config mountinfo owner volume bundle libpod containers seeds descriptors queue node api)
list(TRANSFORM live_tests REPLACE "(.+)" "${CMAKE_CURRENT_LIST_DIR}/live_\\1_test.cpp")
idtrail_unit_test(live_test SOURCES ${live_tests}
  LIBS idtrail_config idtrail_decode idtrail_sources idtrail_node idtrail_api idtrail_local_api idtrail_cri spdlog::spdlog fmt::fmt)
