// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/dns_answer.h"

#include <algorithm>
#include <cstring>

#include <arpa/nameser.h>

#include "agent/decode/fields.h"

namespace idtrail {
namespace {

constexpr std::size_t kMessageMax = EVENT_RAW_MAX;
constexpr std::size_t kCounts = 6;  // offset of the number of answers in a message's header

/// A message that the library has walked through once.
class Message {
 public:
  /// `bytes` must outlive it.
  explicit Message(std::span<const unsigned char> bytes)
      : good_(ns_initparse(bytes.data(), static_cast<int>(bytes.size()), &handle_) == 0) {}

  explicit operator bool() const { return good_; }
  [[nodiscard]] bool answers_one_question() const {
    return ns_msg_getflag(handle_, ns_f_qr) != 0 && ns_msg_count(handle_, ns_s_qd) == 1;
  }
  [[nodiscard]] std::uint16_t code() const {
    return static_cast<std::uint16_t>(ns_msg_getflag(handle_, ns_f_rcode));
  }
  [[nodiscard]] int answers() const { return ns_msg_count(handle_, ns_s_an); }
  bool read(ns_sect section, int index, ns_rr& into) {
    return ns_parserr(&handle_, section, index, &into) == 0;
  }

 private:
  ns_msg handle_{};
  bool good_;
};

void take_address(const ns_rr& record, DnsAnswer& answer) {
  const std::size_t size = address_size(answer.question_type);
  if (ns_rr_type(record) != answer.question_type || ns_rr_class(record) != ns_c_in) return;
  if (size == 0 || ns_rr_rdlen(record) != size) return;
  if (answer.address_count == EVENT_ADDRESSES_MAX) {
    answer.cut = true;
    return;
  }
  std::memcpy(answer.addresses.data() + answer.address_count * size, ns_rr_rdata(record), size);
  ++answer.address_count;
}

std::optional<DnsAnswer> read(Message& message) {
  ns_rr record{};
  if (!message.answers_one_question() || !message.read(ns_s_qd, 0, record)) return std::nullopt;
  const std::string_view name = ns_rr_name(record);
  std::optional<DnsAnswer> answer(std::in_place);
  if (name.empty() || name.size() > DnsAnswer::kNameMax) return std::nullopt;
  name.copy(answer->name.data(), DnsAnswer::kNameMax);
  answer->question_type = ns_rr_type(record);
  answer->answer_code = message.code();
  for (int i = 0; i < message.answers(); ++i) {
    if (message.read(ns_s_an, i, record)) take_address(record, *answer);
  }
  return answer;
}

/// The library takes no part of a message. So one is made of this part: with as many answers as are
/// whole, and nothing behind them.
std::optional<DnsAnswer> read_part(std::span<unsigned char> bytes) {
  if (bytes.size() < NS_HFIXEDSZ) return std::nullopt;
  const unsigned char* const end = bytes.data() + bytes.size();
  const unsigned stated = ns_get16(bytes.data() + kCounts);
  unsigned whole = 0;
  const unsigned char* at = bytes.data() + NS_HFIXEDSZ;
  int size = ns_skiprr(at, end, ns_s_qd, 1);
  while (size > 0) {
    at += size;
    size = whole < stated ? ns_skiprr(at, end, ns_s_an, 1) : 0;
    if (size > 0) ++whole;
  }
  std::fill_n(bytes.begin() + kCounts, 3 * sizeof(std::uint16_t), 0);
  ns_put16(whole, bytes.data() + kCounts);
  Message message(bytes.first(static_cast<std::size_t>(at - bytes.data())));
  auto answer = message ? read(message) : std::nullopt;
  if (answer) answer->cut = true;
  return answer;
}

}  // namespace

std::optional<DnsAnswer> read_dns_answer(std::span<const std::byte> message, bool whole) {
  std::array<unsigned char, kMessageMax> copy{};
  const std::span<unsigned char> bytes(copy.data(), std::min(message.size(), copy.size()));
  if (bytes.empty()) return std::nullopt;
  std::memcpy(bytes.data(), message.data(), bytes.size());
  if (!whole || message.size() > copy.size()) return read_part(bytes);
  Message all(bytes);
  return all ? read(all) : std::nullopt;
}

}  // namespace idtrail
