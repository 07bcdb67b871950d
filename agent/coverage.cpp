// SPDX-License-Identifier: Apache-2.0
#include "agent/coverage.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace idtrail {
namespace {

// What no probe of this version sees, whatever the node.
constexpr const char* kNotCovered[] = {
    "sandboxed pods (gVisor, Kata): their kernel is not this node's",
    "secrets given as environment variables: no file is read",
    "credentials on a disk (hostPath, ConfigMaps, copies) in files whose names do not tell: keys "
    "of AWS, Kubernetes, registries, GCP, SSH, TLS and Vault are known by their usual names",
    "reads over a descriptor that was inherited: its opening is seen, and its passing to another "
    "process",
    "bytes of UDP, and of TCP connections that are older than the probe",
    "names that are resolved over TCP, TLS or HTTPS, or by another process (a local resolver)",
    "server names in an encrypted ClientHello, over QUIC, or behind STARTTLS or a proxy",
    "HTTP requests to metadata addresses but the first of a connection",
    "sockets that listen on a path of the file system or an abstract name",
    "whether a rename or link in a sensitive place was allowed: it is seen before the decision",
    "system calls that were made before the probe of them, and those that a seccomp filter refuses",
    "user namespaces that clone(2) makes without any other, until more is made or entered from "
    "there",
};

std::uint32_t narrow(std::uint64_t count) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Coverage::Coverage(const v1::SnapshotFact& snapshot, const Counters& counters,
                   const Baselines& baselines)
    : snapshot_(snapshot), counters_(counters), baselines_(baselines) {}

v1::BaselineDiff Coverage::baseline_diff(const Observation& seen) const {
  return baselines_.diff(seen);
}

v1::Coverage Coverage::node_wide(bool with_idle_classes) const {
  v1::Coverage coverage;
  for (const v1::ProbeFact& probe : snapshot_.probes()) {
    if (!probe.error().empty()) coverage.add_missing(probe.name() + ": " + probe.error());
  }
  for (std::size_t kind = 0; kind < EVENT_KINDS; ++kind) {
    const std::uint64_t seen = counters_.received[kind] + counters_.dropped[kind] +
                               counters_.limited[kind] + counters_.discarded[kind];
    if (kind_name(kind).empty() || (seen == 0 && !with_idle_classes)) continue;
    v1::ClassCoverage& row = *coverage.add_classes();
    row.set_event_class(std::string(kind_name(kind)));
    row.set_received(narrow(counters_.received[kind]));
    row.set_dropped(narrow(counters_.dropped[kind]));
    row.set_limited(narrow(counters_.limited[kind]));
    row.set_discarded(narrow(counters_.discarded[kind]));
    row.set_unresolved(narrow(counters_.unresolved[kind]));
  }
  return coverage;
}

v1::Coverage Coverage::coverage(const Observation& seen) const {
  v1::Coverage coverage = node_wide(false);
  coverage.set_complete(!seen.who.unresolved && baselines_.complete(seen.who.identity_id));
  return coverage;
}

v1::CoverageReply Coverage::reply() const {
  v1::CoverageReply reply;
  for (const v1::ProbeFact& probe : snapshot_.probes()) {
    v1::ProbeView& view = *reply.add_probes();
    view.set_name(probe.name());
    view.set_hook(probe.hook());
    view.set_error(probe.error());
  }
  v1::Coverage& coverage = *reply.mutable_coverage();
  coverage = node_wide(true);
  std::uint64_t lost = 0;
  for (std::size_t kind = 0; kind < EVENT_KINDS; ++kind) {
    lost += counters_.dropped[kind] + counters_.limited[kind] + counters_.discarded[kind] +
            counters_.unresolved[kind];
  }
  coverage.set_complete(lost == 0 && coverage.missing().empty());
  for (std::size_t i = 0; i < kCounters; ++i) {
    (*reply.mutable_counters())[std::string(kCounterNames[i])] = counters_.values[i];
  }
  for (const char* what : kNotCovered) reply.add_not_covered(what);
  return reply;
}

}  // namespace idtrail
