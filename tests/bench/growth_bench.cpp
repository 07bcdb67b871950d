// SPDX-License-Identifier: Apache-2.0
// Resident memory of the pipeline as containers and behaviours grow, as JSON lines: what stands at
// the start of an agent with that many containers and with baselines of that many behaviours. Four
// containers share an identity, as replicas do. Each size in a process of its own.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include <fmt/format.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pipeline.h"
#include "core/model/refs.h"
#include "tests/bench/result.h"
#include "tests/unit/agent_facts.h"

namespace idtrail::testing {
namespace {

constexpr std::uint64_t kReplicas = 4;
constexpr std::uint64_t kMost = 300;  // behaviours of one identity, about what its bound takes
constexpr std::uint64_t kSecondNs = 1'000'000'000;

struct Size {
  std::uint64_t containers = 0;
  std::uint64_t behaviours = 0;
};

double resident_mib() {
  malloc_trim(0);  // what is free is not kept
  unsigned long pages = 0;
  FILE* statm = std::fopen("/proc/self/statm", "re");
  if (statm == nullptr || std::fscanf(statm, "%*u %lu", &pages) != 1) std::abort();
  std::fclose(statm);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

Identity identity_of(std::uint64_t owner) {
  return {.kind = IdentityKind::kPod,
          .cluster = "lab",
          .namespace_name = fmt::format("team-{}", owner / 50),
          .owner_kind = "Deployment",
          .owner_name = fmt::format("web-{}", owner),
          .container = "app",
          .service_account = fmt::format("web-{}", owner)};
}

/// Connects of three programs to many places: more would not differ in what they take.
void learn(Pipeline& pipeline, std::uint64_t owner, std::uint64_t behaviours) {
  const std::string identity = to_ref(identity_of(owner)).SerializeAsString();
  v1::Fact fact;
  fact.mutable_baseline()->set_identity(identity);
  fact.mutable_baseline()->set_complete(true);
  pipeline.on_fact(fact);
  for (std::uint64_t i = 0; i < behaviours; ++i) {
    Subject subject;
    subject.executable = fmt::format("/usr/bin/program-{}", i % 3);
    v1::BehaviourFact& one = *fact.mutable_behaviour();
    one.set_identity(identity);
    one.set_behaviour(owner << 32U | (i + 1));
    one.set_family("destination");
    one.set_object(fmt::format("10.{}.{}.{}:443/tcp", owner % 200, i / 250, i % 250));
    one.set_subject(to_ref(subject).SerializeAsString());
    one.set_count(1);
    one.set_image_digest("sha256:11");
    one.set_pod(fmt::format("web-{}-6d4cf56db6-x2x7k", owner));
    pipeline.on_fact(fact);
  }
}

void start(Pipeline& pipeline, std::uint64_t i) {
  const std::string uid = fmt::format("{:08x}-aaaa-4bbb-8ccc-1234567890ab", i);
  const std::string id = fmt::format("{:064x}", i);
  const Identity identity = identity_of(i / kReplicas);
  const std::uint64_t cgroup = 1000 + 2 * i;
  const std::string pod = "/kubepods/burstable/pod" + uid;
  pipeline.on_fact(cgroup_fact(cgroup + 1, 1, pod));
  pipeline.on_fact(cgroup_fact(cgroup, cgroup + 1, pod + "/" + id));
  v1::Fact container = container_fact(id, uid);
  container.mutable_container()->set_namespace_(identity.namespace_name);
  container.mutable_container()->set_owner_name(identity.owner_name);
  pipeline.on_fact(container);
  pipeline.on_fact(process_fact({.tgid = static_cast<std::uint32_t>(10'000 + i),
                                 .start = kSecondNs + i,
                                 .parent = 1,
                                 .cgroup = cgroup,
                                 .executable = "/usr/bin/node"}));
}

int measure(const Size& size) {
  Pipeline pipeline(snapshot());
  const double before = resident_mib();
  const std::uint64_t owners =
      std::max(size.containers / kReplicas, (size.behaviours + kMost - 1) / kMost);
  for (std::uint64_t i = 0; i < owners; ++i) learn(pipeline, i, size.behaviours / owners);
  pipeline.on_fact(cgroup_fact(1, 0, "/"));
  for (std::uint64_t i = 0; i < size.containers; ++i) start(pipeline, i);
  (void)pipeline.take_look_ups();
  (void)pipeline.take_cache_orders();
  const double grown = resident_mib() - before;
  std::uint64_t refused = 0;
  const v1::BaselineReply held = pipeline.baseline("");
  for (const auto& one : held.baselines()) refused += one.overflow();
  if (refused != 0 || pipeline.coverage().counters().at("identities_without_baseline") != 0)
    return 1;
  bench::print_result(fmt::format("pipeline.mib.c{}.b{}", size.containers, size.behaviours), "MiB",
                      grown, 0, "growth_bench");
  return 0;
}

int run() {
  constexpr Size kSizes[] = {{10, 1'000}, {100, 10'000}, {1'000, 100'000}, {10'000, 1'000'000}};
  for (const Size& size : kSizes) {
    const pid_t child = fork();
    if (child == 0) {
      const int done = measure(size);
      std::fflush(stdout);
      _exit(done);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace idtrail::testing

int main() { return idtrail::testing::run(); }
