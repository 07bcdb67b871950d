// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "agent/decode/decoder.h"
#include "agent/decode/redact_record.h"
#include "tests/unit/agent_records.h"

namespace idtrail {
namespace {

using testing::Bytes;

std::string text_of(const Bytes& record) {
  return {reinterpret_cast<const char*>(record.data()), record.size()};
}

TEST(RedactRecord, MasksSecretsInArgumentsAndKeepsTheRecordWhole) {
  Redactor redactor;
  Bytes record = testing::exec_record(
      {}, {.path = "/usr/bin/curl",
           .args = std::string("curl\0--password\0hunter2hunter2\0https://x", 40)});
  const std::size_t size = record.size();
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(record.size(), size);
  EXPECT_EQ(text_of(record).find("hunter2"), std::string::npos);
  Event event;
  EXPECT_EQ(decode_record(record, event), Refusal::kNone);
}

TEST(RedactRecord, MasksSecretsInTheNameOfAPrivilege) {
  Redactor redactor;
  Bytes record = testing::privilege_record({}, EVENT_setid, "AKIAIOSFODNN7EXAMPLE");
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(text_of(record).find("AKIAIOSFODNN7"), std::string::npos);
  Event event;
  EXPECT_EQ(decode_record(record, event), Refusal::kNone);
}

TEST(RedactRecord, MasksSecretsInSocketNames) {
  Redactor redactor;
  const std::string name = "/tmp/password=hunter2hunter2";
  Bytes record = testing::unix_record({}, {.path = "/bin/nc"}, name, name);
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(text_of(record).find("hunter2"), std::string::npos);
}

TEST(RedactRecord, MasksSecretsInAWrittenPath) {
  Redactor redactor;
  Bytes record =
      testing::write_record({}, {.path = "/bin/sh"}, "/etc/cron.d/password=hunter2hunter2");
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(text_of(record).find("hunter2"), std::string::npos);
}

TEST(RedactRecord, MasksSecretsInARequestLine) {
  Redactor redactor;
  Bytes record = testing::name_record({}, EVENT_http, "GET /token=AKIAIOSFODNN7EXAMPLE");
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(text_of(record).find("AKIAIOSFODNN7"), std::string::npos);
}

TEST(RedactRecord, MasksSecretsInTheNameOfAKey) {
  Redactor redactor;
  Bytes record =
      testing::keyfile_record({}, {.path = "/bin/cat"}, "/k/password=hunter2hunter2.key");
  EXPECT_GT(redact_record(record, redactor), 0U);
  EXPECT_EQ(text_of(record).find("hunter2"), std::string::npos);
}

TEST(RedactRecord, BlanksTheTextOfARecordThatIsRefusedAndKeepsItRefused) {
  Redactor redactor;
  for (const Bytes& good : testing::one_of_each()) {
    Bytes bad = good;
    bad.push_back(std::byte{'!'});
    bad.insert(bad.end(), 20, std::byte{'S'});
    Event event;
    const Refusal before = decode_record(bad, event);
    (void)redact_record(bad, redactor);
    EXPECT_EQ(decode_record(bad, event), before);
    EXPECT_EQ(text_of(bad).find("SS"), std::string::npos);
  }
}

TEST(RedactRecord, TakesAnyPrefix) {
  Redactor redactor;
  for (const Bytes& record : testing::one_of_each()) {
    for (std::size_t size = 0; size < record.size(); ++size) {
      Bytes cut(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(redact_record(cut, redactor), 0U);
    }
  }
}

}  // namespace
}  // namespace idtrail
