# SPDX-License-Identifier: Apache-2.0
# The command line: what it prints and how it ends. IDTRAIL_CLI is the program itself.
set(cli_tests table json run)
list(TRANSFORM cli_tests REPLACE "(.+)" "${CMAKE_CURRENT_LIST_DIR}/cli_\\1_test.cpp")
idtrail_unit_test(cli_test SOURCES ${cli_tests}
  LIBS idtrail_cli idtrail_api idtrail_local_api idtrail_sources idtrail_recording idtrail_detect fmt::fmt)
target_compile_definitions(cli_test PRIVATE IDTRAIL_CLI="$<TARGET_FILE:idtrail>")
add_dependencies(cli_test idtrail)
