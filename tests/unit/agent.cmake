# SPDX-License-Identifier: Apache-2.0
idtrail_unit_test(agent_decode_test SOURCES agent_behaviour_test.cpp agent_decoder_test.cpp agent_key_name_test.cpp
  agent_network_name_test.cpp agent_redact_test.cpp LIBS idtrail_decode)
idtrail_unit_test(agent_identity_test
  SOURCES agent_cgroup_path_test.cpp agent_containers_test.cpp agent_entry_test.cpp
          agent_flat_map_test.cpp agent_descent_test.cpp agent_lineage_test.cpp agent_processes_test.cpp
          agent_token_claims_test.cpp agent_volumes_test.cpp
  LIBS idtrail_decode idtrail_identity)
idtrail_unit_test(agent_recording_test SOURCES agent_recording_test.cpp LIBS idtrail_recording)
idtrail_unit_test(agent_pipeline_test
  SOURCES agent_acts_test.cpp agent_cache_test.cpp agent_gap_test.cpp agent_key_files_test.cpp agent_ledger_test.cpp agent_replay_test.cpp
          agent_waiting_test.cpp LIBS idtrail_pipeline)
idtrail_unit_test(agent_guard_test SOURCES agent_guard_test.cpp LIBS idtrail_guard)
idtrail_unit_test(agent_metrics_test SOURCES agent_metrics_test.cpp LIBS idtrail_api PkgConfig::PROMETHEUS fmt::fmt)
if(IDTRAIL_BPF)
  idtrail_unit_test(agent_known_test SOURCES agent_known_test.cpp LIBS idtrail_known)
  idtrail_unit_test(agent_stacks_test SOURCES agent_stacks_test.cpp LIBS idtrail_stacks)
endif()
