# SPDX-License-Identifier: Apache-2.0
idtrail_unit_test(core_common_test SOURCES core_redact_test.cpp core_text_test.cpp LIBS idtrail_common)
idtrail_unit_test(core_model_test SOURCES core_model_test.cpp LIBS idtrail_model)
idtrail_unit_test(core_baseline_test
  SOURCES core_baseline_test.cpp core_baseline_bounds_test.cpp core_baseline_views_test.cpp
  LIBS idtrail_baseline idtrail_detect)
idtrail_unit_test(core_store_test SOURCES core_store_test.cpp LIBS idtrail_store PkgConfig::SQLITE3)
idtrail_unit_test(core_sink_test SOURCES core_sink_test.cpp core_jsonl_reader_test.cpp LIBS idtrail_sink)
