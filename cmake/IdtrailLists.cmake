# SPDX-License-Identifier: Apache-2.0
# Reads a .def list: idtrail_read_list(OUT file MACRO) gives the first argument of each MACRO(...)
# line. Touching the list re-runs CMake.
function(idtrail_read_list out file macro)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} lines REGEX "^${macro}\\(")
  list(TRANSFORM lines REPLACE "^${macro}\\( *([a-z0-9_]+).*" "\\1")
  set(${out} ${lines} PARENT_SCOPE)
endfunction()

idtrail_read_list(IDTRAIL_PROBES ${CMAKE_SOURCE_DIR}/include/idtrail/probes.def PROBE)
idtrail_read_list(IDTRAIL_DETECTORS ${CMAKE_SOURCE_DIR}/core/detect/detectors.def DETECTOR)
idtrail_read_list(IDTRAIL_SINKS ${CMAKE_SOURCE_DIR}/core/sink/sinks.def SINK)

# Every line of a list has its test: idtrail_require_tests("probe" "${IDTRAIL_PROBES}" tests/bpf).
function(idtrail_require_tests what names folder)
  foreach(name IN LISTS names)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${folder}/${name}_test.cpp)
      message(FATAL_ERROR "${what} ${name} has no test: add ${folder}/${name}_test.cpp")
    endif()
  endforeach()
endfunction()
