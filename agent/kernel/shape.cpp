// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/shape.h"

#include <algorithm>
#include <cstring>

#include "agent/kernel/probe.h"
#include "idtrail/siphash.h"

namespace idtrail {

std::uint64_t shape_of(const SensorOptions& options) {
  sip_state hash{};
  const auto add = [&](std::string_view text) {
    for (std::size_t at = 0; at <= text.size(); at += sizeof(__u64)) {  // and a last word of zeros
      __u64 word = 0;
      std::memcpy(&word, text.data() + at, std::min(sizeof(word), text.size() - at));
      sip_absorb(&hash, word);
    }
  };
  for (const ProbeSpec& spec : probe_specs()) {
    std::size_t size = 0;
    const auto* elf = static_cast<const char*>(spec.elf(&size));
    add({elf, size});
  }
  for (const std::string& text : options.only) add(text);
  add("/");
  for (const std::string& text : options.avoid) add(text);
  sip_absorb(&hash, options.ring_bytes);
  sip_absorb(&hash, options.syscalls ? 1 : 0);
  for (int i = 0; i < 3; ++i) sip_round(&hash);
  return hash.v0 ^ hash.v1 ^ hash.v2 ^ hash.v3;
}

}  // namespace idtrail
