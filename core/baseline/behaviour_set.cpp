// SPDX-License-Identifier: Apache-2.0
#include "core/baseline/behaviour_set.h"

#include <algorithm>

#include "core/common/hash.h"

namespace idtrail {
namespace {

// Vectors grow by steps and not by doubling: what they hold ready counts against the bound.
constexpr std::size_t kRowsStep = 16;
constexpr std::size_t kArenaStep = 1024;
constexpr std::size_t kPiecesOfOne = 4;

template <typename Vector>
void make_room(Vector& vector, std::size_t more, std::size_t step) {
  if (vector.size() + more > vector.capacity())
    vector.reserve(vector.size() + std::max(more, step));
}

template <typename Vector>
std::size_t bytes_with(const Vector& vector, std::size_t more, std::size_t step) {
  const bool enough = vector.size() + more <= vector.capacity();
  const std::size_t rows = enough ? vector.capacity() : vector.size() + std::max(more, step);
  return rows * sizeof(typename Vector::value_type);
}

}  // namespace

BehaviourSet::BehaviourSet(std::size_t max_bytes, std::size_t reserved_bytes)
    : max_bytes_(max_bytes), reserved_bytes_(reserved_bytes + sizeof(BehaviourSet)) {}

Behaviour* BehaviourSet::find(std::uint64_t key) {
  const std::uint32_t row = table_.find(key);
  return row == KeyTable::kNone ? nullptr : &behaviours_[row];
}

Behaviour* BehaviourSet::add(const NewBehaviour& one) {
  if (!fits(one)) {
    ++overflow_;
    return nullptr;
  }
  const Behaviour row{.key = one.key,
                      .first_seen_ns = one.first_seen_ns,
                      .last_seen_ns = one.last_seen_ns,
                      .count = one.count,
                      .subject = intern(one.subject),
                      .object = intern(one.object),
                      .image_digest = intern(one.image_digest),
                      .pod = intern(one.pod),
                      .family = one.family};
  make_room(behaviours_, 1, kRowsStep);
  table_.insert(one.key, static_cast<std::uint32_t>(behaviours_.size()));
  return &behaviours_.emplace_back(row);
}

void BehaviourSet::alias(std::uint64_t key, const Behaviour& behaviour) {
  if (bytes() - table_.bytes() + table_.bytes_with_one_more() > max_bytes_) return;
  table_.insert(key, static_cast<std::uint32_t>(&behaviour - behaviours_.data()));
}

void BehaviourSet::touch(Behaviour& behaviour, std::int64_t at_ns, std::uint64_t count) {
  behaviour.count += count;
  behaviour.last_seen_ns = std::max(behaviour.last_seen_ns, at_ns);
  mark(behaviour);
}

void BehaviourSet::mark(Behaviour& behaviour) {
  if (behaviour.dirty) return;
  behaviour.dirty = true;
  behaviour.next_dirty = dirty_;
  dirty_ = static_cast<std::uint32_t>(&behaviour - behaviours_.data());
}

std::string_view BehaviourSet::text(std::uint32_t piece) const {
  return {arena_.data() + pieces_[piece].at, pieces_[piece].size};
}

std::uint32_t BehaviourSet::piece(std::string_view text) const {
  const std::uint64_t hash = hash64(text);
  const auto found = std::find_if(pieces_.begin(), pieces_.end(),
                                  [hash](const Piece& piece) { return piece.hash == hash; });
  if (found == pieces_.end()) return KeyTable::kNone;
  return static_cast<std::uint32_t>(found - pieces_.begin());
}

std::uint32_t BehaviourSet::intern(std::string_view text) {
  if (const std::uint32_t known = piece(text); known != KeyTable::kNone) return known;
  make_room(arena_, text.size(), kArenaStep);
  make_room(pieces_, 1, kRowsStep);
  pieces_.push_back({hash64(text), static_cast<std::uint32_t>(arena_.size()),
                     static_cast<std::uint32_t>(text.size())});
  arena_.insert(arena_.end(), text.begin(), text.end());
  return static_cast<std::uint32_t>(pieces_.size() - 1);
}

std::size_t BehaviourSet::bytes() const {
  return reserved_bytes_ + behaviours_.capacity() * sizeof(Behaviour) +
         pieces_.capacity() * sizeof(Piece) + arena_.capacity() + table_.bytes();
}

bool BehaviourSet::fits(const NewBehaviour& one) const {
  std::size_t text_bytes = 0;
  for (const std::string_view text : {one.subject, one.object, one.image_digest, one.pod}) {
    if (piece(text) == KeyTable::kNone) text_bytes += text.size();
  }
  const std::size_t after = reserved_bytes_ + bytes_with(behaviours_, 1, kRowsStep) +
                            bytes_with(pieces_, kPiecesOfOne, kRowsStep) +
                            bytes_with(arena_, text_bytes, kArenaStep) +
                            table_.bytes_with_one_more();
  // These are what a workload can multiply at will; the last quarter is for the rest.
  const bool plenty = one.family == Family::kDestination || one.family == Family::kSyscalls;
  return after <= (plenty ? max_bytes_ / 4 * 3 : max_bytes_);
}

}  // namespace idtrail
