# SPDX-License-Identifier: Apache-2.0
# idtrail_unit_test(name SOURCES file... LIBS target...): one GoogleTest program, every test of it
# registered with CTest under the label unit. No root, no network, seconds in all.
add_custom_target(unit_tests) # builds all of them

function(idtrail_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE idtrail_options ${ARG_LIBS} GTest::gtest_main GTest::gmock)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/tests)
  target_compile_definitions(${name} PRIVATE IDTRAIL_TEST_DATA="${CMAKE_SOURCE_DIR}/tests")
  add_dependencies(unit_tests ${name})
  gtest_discover_tests(${name} TEST_PREFIX "${name}." PROPERTIES LABELS unit DISCOVERY_TIMEOUT 60)
endfunction()
