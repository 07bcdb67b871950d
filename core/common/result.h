// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace idtrail {

/// What the caller can do about it, not where it happened.
enum class Errc {
  kInvalid,      // the input is wrong: correct it
  kNotFound,     // it is not there
  kPermission,   // we lack a right
  kUnsupported,  // this node cannot do it
  kUnavailable,  // not now: try again
  kCorrupt,      // stored bytes are damaged
  kExhausted,    // a bound or the disk is full
  kInternal,     // our defect
};

/// A recoverable error. The message says what was tried, on what, why it failed and what to do.
struct Error {
  Errc code = Errc::kInternal;
  std::string message;
};

/// A value or an Error. Must be looked at.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return value(); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &std::get<0>(state_); }
  [[nodiscard]] const Error& error() const {
    assert(!*this);
    return std::get<1>(state_);
  }

 private:
  T& value() {
    assert(*this);
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}

  explicit operator bool() const { return !failed_; }
  [[nodiscard]] const Error& error() const {
    assert(failed_);
    return error_;
  }

 private:
  bool failed_ = false;
  Error error_;
};

}  // namespace idtrail
