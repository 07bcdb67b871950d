// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "core/baseline/baselines.h"
#include "core/baseline/behaviours.h"
#include "core/baseline/identity_baseline.h"
#include "core/common/hash.h"
#include "core/model/refs.h"

namespace idtrail {
namespace {

constexpr std::size_t kNormalTexts = 5;

std::string text_of(const BehaviourSet& set, const Behaviour& behaviour) {
  v1::SubjectRef subject;
  (void)subject.ParseFromString(std::string(set.text(behaviour.subject)));
  return behaviour_text(behaviour.family, from_ref(subject), set.text(behaviour.object));
}

struct Normal {
  std::uint64_t count = 0;
  std::string text;
};

/// The family's most frequent behaviours; equal counts by text, so that replays agree.
std::vector<Normal> most_frequent(const BehaviourSet& set, Family family) {
  std::vector<const Behaviour*> rows;
  for (const Behaviour& behaviour : set.all()) {
    if (behaviour.family == family) rows.push_back(&behaviour);
  }
  const auto by_count = [](const Behaviour* a, const Behaviour* b) { return a->count > b->count; };
  std::sort(rows.begin(), rows.end(), by_count);
  std::vector<Normal> normal;
  for (const Behaviour* row : rows) {
    // A text costs a parse: only of those that can be among the first.
    if (normal.size() >= kNormalTexts && row->count < normal[kNormalTexts - 1].count) break;
    normal.push_back({row->count, text_of(set, *row)});
  }
  std::sort(normal.begin(), normal.end(), [](const Normal& a, const Normal& b) {
    return std::tie(b.count, a.text) < std::tie(a.count, b.text);
  });
  if (normal.size() > kNormalTexts) normal.resize(kNormalTexts);
  return normal;
}

std::string time_text(WallTime at) {
  return at.time_since_epoch().count() == 0 ? std::string() : rfc3339(at);
}

std::string time_text(std::int64_t ns) { return rfc3339(WallTime(std::chrono::nanoseconds(ns))); }

bool selects(std::string_view selector, const IdentityBaseline& one) {
  if (selector.empty() || selector == hex64(one.id) || selector == one.name) return true;
  return one.name.size() > selector.size() && one.name.starts_with(selector) &&
         one.name[selector.size()] == '/';
}

v1::Behaviour view_of(const BehaviourSet& set, const Behaviour& behaviour) {
  v1::Behaviour view;
  view.set_family(family_name(behaviour.family));
  (void)view.mutable_subject()->ParseFromString(std::string(set.text(behaviour.subject)));
  view.set_object(std::string(set.text(behaviour.object)));
  view.set_text(behaviour_text(behaviour.family, from_ref(view.subject()), view.object()));
  view.set_first_seen(time_text(behaviour.first_seen_ns));
  view.set_last_seen(time_text(behaviour.last_seen_ns));
  view.set_count(behaviour.count);
  view.set_image_digest(std::string(set.text(behaviour.image_digest)));
  view.set_pod(std::string(set.text(behaviour.pod)));
  return view;
}

v1::BaselineView view_of(const IdentityBaseline& one, WallTime now) {
  v1::BaselineView view;
  (void)view.mutable_identity()->ParseFromString(one.identity_ref);
  view.set_state(state_name(one.state(now)));
  view.set_learning_since(time_text(one.learning_since));
  view.set_ready_since(one.state(now) == BaselineState::kReady ? time_text(one.ready_since) : "");
  view.set_overflow(one.behaviours.overflow());
  view.set_complete(one.complete);
  for (const Behaviour& behaviour : one.behaviours.all()) {
    *view.add_behaviours() = view_of(one.behaviours, behaviour);
  }
  std::sort(view.mutable_behaviours()->begin(), view.mutable_behaviours()->end(),
            [](const v1::Behaviour& a, const v1::Behaviour& b) {
              return std::forward_as_tuple(a.family(), b.count(), a.text(), a.first_seen()) <
                     std::forward_as_tuple(b.family(), a.count(), b.text(), b.first_seen());
            });
  return view;
}

}  // namespace

v1::BaselineDiff Baselines::diff(const Observation& seen) const {
  v1::BaselineDiff diff;
  const Family family = family_of(seen.event, seen.credential);
  diff.set_family(family_name(family));
  diff.set_state(state_name(seen.novelty.state));
  if (family != Family::kNone && seen.who.subject != nullptr) {
    const std::string object = object_text(family, seen.who, seen.event, seen.credential);
    diff.set_seen(behaviour_text(family, *seen.who.subject, object));
  }
  const IdentityBaseline* one = find(seen.who.identity_id);
  if (one == nullptr) return diff;
  diff.set_learning_since(time_text(one->learning_since));
  const auto all = one->behaviours.all();
  diff.set_known_behaviours(static_cast<std::uint32_t>(
      std::count_if(all.begin(), all.end(),
                    [family](const Behaviour& known) { return known.family == family; })));
  for (const Normal& normal : most_frequent(one->behaviours, family)) {
    diff.add_normal(
        fmt::format("{} ({} {})", normal.text, normal.count, normal.count == 1 ? "time" : "times"));
  }
  return diff;
}

std::vector<v1::BaselineView> Baselines::views(std::string_view selector) const {
  std::vector<const IdentityBaseline*> chosen;
  for (const auto& one : all_) {
    if (selects(selector, *one)) chosen.push_back(one.get());
  }
  std::sort(chosen.begin(), chosen.end(), [](const auto* a, const auto* b) {
    return std::tie(a->name, a->id) < std::tie(b->name, b->id);
  });
  std::vector<v1::BaselineView> views;
  views.reserve(chosen.size());
  for (const IdentityBaseline* one : chosen) views.push_back(view_of(*one, now_));
  return views;
}

}  // namespace idtrail
