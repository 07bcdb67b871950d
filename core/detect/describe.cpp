// SPDX-License-Identifier: Apache-2.0
#include "core/detect/describe.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/common/hash.h"
#include "core/common/text.h"
#include "core/model/destination.h"
#include "core/model/refs.h"
#include "idtrail/events.h"

namespace idtrail {
namespace {

constexpr const char* kAtStart = "when the agent started";

v1::Object executable_object(const Exec& exec, const Subject& subject) {
  v1::Object object;
  object.set_kind("executable");
  object.set_name(valid_utf8(subject.executable));
  v1::ExecutableRef& ref = *object.mutable_executable();
  ref.set_path(valid_utf8(exec.path));
  ref.set_filename(valid_utf8(exec.filename));
  ref.set_script(valid_utf8(subject.script));
  ref.set_origin(origin_name(subject.origin));
  ref.set_cwd(valid_utf8(exec.cwd));
  std::string_view rest = exec.arguments;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    ref.add_arguments(valid_utf8(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return object;
}

v1::Object credential_object(const Credential& credential) {
  v1::Object object;
  object.set_kind("credential");
  const std::string file = credential.volume.empty()
                               ? credential.file
                               : fmt::format("{}/{}", credential.volume, credential.file);
  object.set_name(valid_utf8(fmt::format("{} {}", credential.kind, file)));
  *object.mutable_credential() = to_ref(credential);
  return object;
}

v1::Object destination_object(const Connect& connect) {
  const Destination to = destination_of(connect);
  v1::Object object;
  object.set_kind("destination");
  object.set_name(display_name(to));
  v1::DestinationRef& ref = *object.mutable_destination();
  ref.set_protocol(protocol_name(to.protocol));
  ref.set_address(address_text(to));
  ref.set_port(to.port);
  ref.set_result(connect_result(connect));
  return object;
}

v1::Object gap_object(const Gap& gap) {
  v1::Object object;
  object.set_kind("sensor");
  object.set_name(valid_utf8(fmt::format("{} {}", cause_name(gap.cause), gap.object)));
  v1::GapRef& ref = *object.mutable_gap();
  ref.set_cause(cause_name(gap.cause));
  ref.set_object(valid_utf8(gap.object));
  ref.set_lost(gap.lost);
  return object;
}

std::string command_line(const Exec& exec) {
  const std::string text = printable(exec.arguments.empty() ? exec.path : exec.arguments);
  constexpr std::string_view kNul = "\\x00";  // between arguments
  std::string line;
  for (std::string_view rest = text; !rest.empty();) {
    const auto at = std::min(rest.find(kNul), rest.size());
    line += rest.substr(0, at);
    rest.remove_prefix(at);
    if (rest.empty()) break;
    line += ' ';
    rest.remove_prefix(kNul.size());
  }
  return line;
}

std::string event_text(const Observation& seen) {
  if (const auto* gap = std::get_if<Gap>(&seen.event.body)) {
    return fmt::format(
        "{} {}: {}", cause_name(gap->cause), printable(gap->object),
        gap->lost != 0 ? fmt::format("{} events lost", gap->lost) : printable(gap->text));
  }
  std::string who = display_name(*seen.who.subject);
  if (const auto* exec = std::get_if<Exec>(&seen.event.body)) {
    return fmt::format("{} ran: {}", who, command_line(*exec));
  }
  if (const auto* connect = std::get_if<Connect>(&seen.event.body)) {
    const std::string to = display_name(destination_of(*connect));
    if (seen.event.at_start) return fmt::format("{} was connected to {} {}", who, to, kAtStart);
    return fmt::format("{} connected to {}: {}", who, to, connect_result(*connect));
  }
  if (seen.credential != nullptr) {
    const auto* read = std::get_if<CredentialRead>(&seen.event.body);
    if (seen.event.at_start) {
      return fmt::format("{} held {} open {}", who, credential_phrase(*seen.credential), kAtStart);
    }
    const bool received = read != nullptr && (read->flags & CREDENTIAL_RECEIVED) != 0;
    return fmt::format("{} {} {}", who, received ? "was passed a descriptor of" : "opened",
                       credential_phrase(*seen.credential));
  }
  return who;
}

}  // namespace

std::string_view event_class(const Event& event) {
  if (std::holds_alternative<Gap>(event.body)) return "gap";
  switch (event.kind) {
#define PROBE(name, number, summary) \
  case number:                       \
    return #name;
#include "idtrail/probes.def"
#undef PROBE
    default:
      return "unknown";
  }
}

std::string event_id(const Event& event) {
  const auto ns = [](BootTime at) {
    return static_cast<std::uint64_t>(at.time_since_epoch().count());
  };
  std::uint64_t hash = ns(event.at);
  for (const std::uint64_t field :
       {static_cast<std::uint64_t>(event.cgroup), ns(event.process.started),
        std::uint64_t{event.process.tgid} << 32U | event.tid,
        std::uint64_t{event.sequence} << 32U | std::uint64_t{event.kind} << 16U | event.cpu}) {
    hash = hash_combine(hash, field);
  }
  return hex64(hash);
}

v1::Object object_of(const Observation& seen) {
  if (const auto* exec = std::get_if<Exec>(&seen.event.body)) {
    return executable_object(*exec, *seen.who.subject);
  }
  if (const auto* connect = std::get_if<Connect>(&seen.event.body)) {
    return destination_object(*connect);
  }
  if (const auto* gap = std::get_if<Gap>(&seen.event.body)) return gap_object(*gap);
  return seen.credential != nullptr ? credential_object(*seen.credential) : v1::Object();
}

v1::Evidence evidence_of(const Observation& seen, const ClockOffset& clock) {
  v1::Evidence evidence;
  evidence.set_event_id(event_id(seen.event));
  evidence.set_event_class(std::string(event_class(seen.event)));
  evidence.set_time(rfc3339(clock.wall(seen.event.at)));
  evidence.set_text(event_text(seen));
  return evidence;
}

std::string place_text(const Who& who) {
  std::string text = display_name(*who.identity);
  if (who.instance != nullptr && !who.instance->pod_name.empty()) {
    text += fmt::format(" (pod {})", printable(who.instance->pod_name));
  }
  return text;
}

std::string credential_phrase(const Credential& credential) {
  if (credential.volume.empty()) {
    const char* form = credential.kind == "environment" ? "the {} of {}" : "the {} {}";
    return fmt::format(fmt::runtime(form), printable(credential.kind), printable(credential.file));
  }
  const std::string owner =
      fmt::format("{}/{}", printable(credential.namespace_name), printable(credential.pod_name));
  if (credential.kind == "service-account-token") {
    return fmt::format("the service account token of {}", owner);
  }
  return fmt::format("{} of {} volume {} of {}", printable(credential.file),
                     printable(credential.kind), printable(credential.volume), owner);
}

bool in_session(const Observation& seen) {
  const bool told = seen.who.subject->tty || seen.novelty.state == BaselineState::kReady;
  return seen.novelty.session && told;
}

}  // namespace idtrail
