// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "agent/decode/decoder.h"
#include "agent/decode/network_name.h"
#include "idtrail/events.h"

// The first byte chooses the kind and whether there was more; the rest went over the network. Any
// bytes become a record that the decoder takes, no longer than it was and without those bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > EVENT_RAW_MAX) return 0;
  constexpr std::uint16_t kKinds[] = {EVENT_dns, EVENT_tls, EVENT_http};
  event_header header{};
  name_payload payload{};
  header.kind = kKinds[(data[0] & 0x7FU) % std::size(kKinds)];
  header.size = static_cast<__u32>(sizeof(header) + sizeof(payload) + size - 1);
  payload.family = 2;
  payload.flags = NAME_RAW;
  if ((data[0] & 0x80U) != 0) payload.flags |= NAME_CUT;
  payload.name_size = static_cast<std::uint16_t>(size - 1);
  std::vector<std::byte> record(header.size);
  std::memcpy(record.data(), &header, sizeof(header));
  std::memcpy(record.data() + sizeof(header), &payload, sizeof(payload));
  if (size > 1) std::memcpy(record.data() + sizeof(header) + sizeof(payload), data + 1, size - 1);
  const std::size_t shorter = idtrail::take_network_name(record);
  if (shorter > record.size()) std::abort();
  idtrail::Event event;
  if (idtrail::decode_record(std::span(record).first(shorter), event) != idtrail::Refusal::kNone) {
    std::abort();
  }
  return 0;
}
