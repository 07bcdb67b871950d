// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "core/common/redact.h"

namespace idtrail {
namespace {

using namespace std::string_literals;

std::string redacted(std::string text) {
  static Redactor redactor;  // its rules take milliseconds to compile
  redactor.redact(text);
  return text;
}

struct Form {
  const char* name;
  std::string before;
  std::string secret;
  std::string after;
  bool own_argument = false;  // in the middle of a text a blank would end the value
};

void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }

const Form kForms[] = {
    {"Jwt", "", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl", ""},
    {"JwtOfTwoParts", "", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0i", ""},
    {"JwtCutShort", "curl ", "eyJhbGciOiJSUzI1", ""},
    {"BearerHeader", "Authorization: Bearer ", "abcdef0123456789", ""},
    {"BearerInQuotes", "-H \"authorization: bearer ", "abcdef", "\" https://x/"},
    {"BasicHeader", "Authorization: Basic ", "dXNlcjpwYXNz", ""},
    {"OwnHeader", "X-Vault-Token: ", "hello-world", ""},
    {"GitlabHeader", "PRIVATE-TOKEN: ", "hello-world", ""},
    {"PasswordFlag", "--password ", "hunter2", " --verbose"},
    {"PasswordFlagEquals", "--password=", "hunter2", ""},
    {"PasswordArgument", "--password\0"s, "hunter 2; really", "\0--verbose"s},
    {"PasswordArgumentOneDash", "-password\0"s, "hunter2", "\0-v"s},
    {"LongFlagArgument", "--db-root-password\0"s, "hunter2", ""},
    {"TokenFlagWithBlanks", "--token=", "two words", "\0next"s, true},
    {"TokenFlag", "--token=", "s3cr3t", ""},
    {"Environment", "DB_PASSWORD=", "hunter2", ""},
    {"EnvironmentWithBlanks", "DB_PASSWORD=", "hunter two", "\0next"s, true},
    {"LowerCase", "password=", "hunter2", "&user=me"},
    {"ClientSecret", "client_secret=", "hunter2", "&x=1"},
    {"ApiKey", "api_key=", "abc123", ""},
    {"ApiKeyDash", "--api-key\0"s, "abc123", ""},
    {"AwsSecret", "AWS_SECRET_ACCESS_KEY=", "wJalrXUtnFEMI/K7MDENG", ""},
    {"AwsConfigure", "aws configure set aws_secret_access_key ", "wJalrXUtnFEMI/K7", ""},
    {"AwsAccessKeyId", "id ", "AKIAIOSFODNN7EXAMPLE", ""},
    {"AwsTemporaryKeyId", "id ", "ASIAIOSFODNN7EXAMPLE", ""},
    {"GithubToken", "x ", "ghp_0123456789abcdefghij0123456789abcdef", ""},
    {"GithubOauth", "x ", "gho_0123456789abcdefghij", ""},
    {"GitlabToken", "x ", "glpat-0123456789abcdefghij", ""},
    {"SlackToken", "x ", "xoxb-1234567890-abcdef", ""},
    {"OpenAiKey", "x ", "sk-0123456789abcdef0123", ""},
    {"Pem", "-----BEGIN RSA PRIVATE KEY-----", "\nMIIEowIBAAKCAQEA\nabc==\n",
     "-----END RSA PRIVATE KEY-----"},
    {"PemCutShort", "-----BEGIN PRIVATE KEY-----", "\nMIIEowIBAAKCAQEA", ""},
    {"UrlPassword", "postgres://app:", "hunter2", "@db:5432/shop"},
    {"UrlPasswordWithAt", "postgres://app:", "hunt@r2", "@db:5432/shop"},
    {"UrlPasswordWithSlash", "postgres://app:", "hunt/er2", "@db/shop"},
    {"UrlPasswordOfDigits", "redis://:", "123456", "@cache:6379"},
    {"UrlLoneToken", "https://", "0123456789abcdef", "@git.example/x"},
    {"Json", R"({"password": ")", "hunter two", R"(", "user": "me"})"},
    {"JsonEscaped", R"({\"token\":\")", "hunter two", R"(\"})"},
    {"JsonWithQuote", R"({"password": ")", R"(hun\"ter)", R"("})"},
    {"Yaml", "password: ", "hunter2", ""},
    {"SingleQuoted", "sh -c tool --password '", "hunter two", "' --verbose"},
    {"CurlUser", "curl -u admin:", "hunter2", " https://x/"},
    {"CurlUserArgument", "curl\0-u\0admin:"s, "hunter2", "\0https://x/"s},
    {"MysqlAttached", "mysql\0-uroot\0-p"s, "hunter2", "\0db"s},
    {"SshpassArgument", "sshpass\0-p\0"s, "hunter2", "\0ssh\0host"s},
    {"DockerLogin", "docker\0login\0-u\0me\0-p\0"s, "hunter2", "\0registry"s},
    {"RedisCli", "redis-cli -h cache -a ", "hunter2", " ping"},
    {"Literal", "kubectl create secret generic x --from-literal=user=", "hunter2", ""},
    {"OpaqueAfterKey", "--encryption-cfg-key ", "dGhpcyBpcyBhIGxvbmcgb3BhcXVlIHZhbHVl", ""},
};

class RedactForm : public ::testing::TestWithParam<Form> {};

TEST_P(RedactForm, IsMaskedInEveryPositionAndNothingMoves) {
  const Form& form = GetParam();
  for (const std::string& lead : {""s, "tool\0run\0"s, "a "s}) {
    if (form.own_argument && lead.ends_with(' ')) continue;
    for (const std::string& tail : {""s, "\0last"s}) {
      const std::string before = lead + form.before;
      const std::string after = form.after + tail;
      const std::string text = before + form.secret + after;
      const std::string got = redacted(text);
      ASSERT_EQ(got.size(), text.size());
      EXPECT_EQ(got.find(form.secret), std::string::npos) << got;
      const std::string value = got.substr(before.size(), form.secret.size());
      EXPECT_EQ(value, std::string(form.secret.size(), '*')) << got;
      for (std::size_t at = 0; at < text.size(); ++at) {
        EXPECT_EQ(text[at] == '\0', got[at] == '\0') << "a NUL moved in " << got;
      }
      // One byte more, so that the answer does not come from what it remembers.
      EXPECT_EQ(redacted(got + '\0'), got + '\0') << "not idempotent";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, RedactForm, ::testing::ValuesIn(kForms),
                         [](const auto& row) { return std::string(row.param.name); });

class RedactNothing : public ::testing::TestWithParam<std::string> {};

TEST_P(RedactNothing, LeavesOrdinaryTextAlone) { EXPECT_EQ(redacted(GetParam()), GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Texts, RedactNothing,
    ::testing::Values("/app/server\0--port\0008080\0--config\0/etc/app/config.yaml"s,
                      "cat\0/var/run/secrets/kubernetes.io/serviceaccount/token"s,
                      "ls -la /etc/ssl/certs", "mkdir -p /tmp/x", "docker run -p 8080:80 nginx",
                      "https://example.com:8443/path?x=1", "--token-file=/run/token",
                      "--password-file\0/run/password"s, "kubectl get secrets -n shop",
                      "TOKEN=$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)",
                      "sh\0-c\0TOKEN=$(cat /run/token); wget -q -O- https://10.0.0.1/"s,
                      "git clone ssh://git@example.com/x.git", "postgres://db:5432/shop"));

TEST(Redactor, CountsTheBytesThatItMasks) {
  Redactor redactor;
  std::string text = "--password=hunter2";
  EXPECT_EQ(redactor.redact(text), 7U);
  EXPECT_EQ(redactor.redact(text), 0U);
}

TEST(Redactor, MasksASecretThatFollowsKnownText) {
  Redactor redactor;
  std::string clean = "tool --verbose";
  EXPECT_EQ(redactor.redact(clean), 0U);
  EXPECT_EQ(redactor.redact(clean), 0U);
  std::string text = "tool --password x";
  EXPECT_EQ(redactor.redact(text), 1U);
}

TEST(Redactor, MasksSeveralSecretsInOneBlock) {
  EXPECT_EQ(redacted("a\0--password\0one\0--token\0two\0-k\0ghp_0123456789abcdef"s),
            "a\0--password\0***\0--token\0***\0-k\0********************"s);
}

TEST(Redactor, EndsSoonOnTextThatRepeatsItself) {
  for (const std::string_view part :
       {"password=", "--token\0", "://a:b@", "eyJ", "mysql -p ", "-----BEGIN PRIVATE KEY-----",
        "key=aaaaaaaaaaaaaaaaaaaaaaaa "}) {
    std::string text;
    while (text.size() < 8192) text += part;
    const std::string once = redacted(text);
    EXPECT_EQ(once.size(), text.size());
    EXPECT_EQ(redacted(once + '\0'), once + '\0');
  }
}

TEST(Redactor, TakesEmptyAndBinaryText) {
  EXPECT_EQ(redacted(""), "");
  EXPECT_EQ(redacted("\0\0\0"s), "\0\0\0"s);
  EXPECT_EQ(redacted("\xff\xfe\x80 password=\xff\xff"s), "\xff\xfe\x80 password=**"s);
}

}  // namespace
}  // namespace idtrail
