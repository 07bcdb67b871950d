// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "core/common/hash.h"
#include "core/common/text.h"
#include "core/common/time.h"

namespace idtrail {
namespace {

using namespace std::string_literals;

TEST(Printable, LeavesReadableTextAlone) {
  EXPECT_EQ(printable("/usr/bin/python3 grün 日本 €"), "/usr/bin/python3 grün 日本 €");
}

TEST(Printable, ShowsWhatATerminalWouldActOn) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(printable("a\0b"s), "a\\x00b");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
}

TEST(Printable, ShowsBidirectionalAndInvisibleMarks) {
  EXPECT_EQ(printable("a\u202eb"), "a\\u202eb");
  EXPECT_EQ(printable("a\u2066b\u200b"), "a\\u2066b\\u200b");
  EXPECT_EQ(printable("\ufeff"), "\\ufeff");
  EXPECT_EQ(printable("\U000E0041"), "\\U000e0041");
}

TEST(Printable, ShowsInvalidUtf8ByByte) {
  EXPECT_EQ(printable("a\xff\xc0\xaf"), "a\\xff\\xc0\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut short
}

TEST(Printable, KeepsDifferentTextsDifferent) {
  EXPECT_NE(printable("\\x1b"), printable("\x1b"));
  EXPECT_NE(printable("\\n"), printable("\n"));
}

TEST(ValidUtf8, ReplacesEachByteThatIsNoCharacter) {
  EXPECT_EQ(valid_utf8("a\xff\xfe"
                       "b"),
            "a\uFFFD\uFFFDb");
  EXPECT_EQ(valid_utf8("€"), "€");
  EXPECT_TRUE(is_valid_utf8(valid_utf8("\xf0\x9f\x92")));
  EXPECT_FALSE(is_valid_utf8("\xf5\x80\x80\x80"));
}

TEST(ShellWord, QuotesWhateverAShellWouldRead) {
  EXPECT_EQ(shell_word("cart-7d9"), "cart-7d9");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("a'; rm -rf /; '"), "'a'\\''; rm -rf /; '\\'''");
  EXPECT_EQ(shell_word("$(id)"), "'$(id)'");
}

TEST(ErrnoName, KnowsBothSigns) {
  EXPECT_EQ(errno_name(ECONNREFUSED), "ECONNREFUSED");
  EXPECT_EQ(errno_name(-ETIMEDOUT), "ETIMEDOUT");
  EXPECT_EQ(errno_name(4711), "errno 4711");
}

TEST(Hash, TellsFieldsApartByTheirLength) {
  EXPECT_NE(hash_fields({"ab", "c"}), hash_fields({"a", "bc"}));
  EXPECT_NE(hash_fields({"a", ""}), hash_fields({"a"}));
  EXPECT_NE(hash_combine(1, 2), hash_combine(2, 1));
}

TEST(Hash, StaysTheSameOverBuildsBecauseItIsStored) {
  EXPECT_EQ(hex64(hash64("idtrail")), "6e25abb9b9304f0d");
  EXPECT_EQ(hex64(hash_fields({"shop", "cart"})), "440665646ada8be3");
  EXPECT_EQ(hex64(hash_combine(1, 2)), "f8f76353b6d877c5");
}

TEST(Hex64, ReadsBackWhatItWrote) {
  EXPECT_EQ(hex64(0x0123456789ABCDEFULL), "0123456789abcdef");
  EXPECT_EQ(parse_hex64("0123456789abcdef"), 0x0123456789ABCDEFULL);
  EXPECT_EQ(parse_hex64("0123"), std::nullopt);
  EXPECT_EQ(parse_hex64("0123456789ABCDEF"), std::nullopt);
}

TEST(Rfc3339, HasNanosecondsAndUtc) {
  EXPECT_EQ(rfc3339(WallTime(std::chrono::nanoseconds(0))), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(WallTime(std::chrono::nanoseconds(1795322462123456789LL))),
            "2026-11-22T04:41:02.123456789Z");
  EXPECT_EQ(rfc3339(WallTime(std::chrono::nanoseconds(-1))), "1969-12-31T23:59:59.999999999Z");
}

}  // namespace
}  // namespace idtrail
