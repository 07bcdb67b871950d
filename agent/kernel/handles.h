// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <bpf/libbpf.h>

namespace idtrail {

template <auto Close>
struct Closer {
  template <typename T>
  void operator()(T* handle) const {
    Close(handle);
  }
};
using BpfObject = std::unique_ptr<bpf_object, Closer<bpf_object__close>>;
using BpfLink = std::unique_ptr<bpf_link, Closer<bpf_link__destroy>>;
using RingBuffer = std::unique_ptr<ring_buffer, Closer<ring_buffer__free>>;

}  // namespace idtrail
