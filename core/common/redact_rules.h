// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace idtrail {

// What counts as a secret. Every group of a match is masked; bytes are Latin-1 to RE2, so any byte
// is a character. \x00 parts arguments and is never part of a value. The rules run until nothing
// changes, so their order does not matter. What is masked too much costs a word in a finding; what
// is missed is a leak.
//
// <word>, <suffix> and <value> are replaced by the pieces below.

/// Names a secret, also as the end of a longer name: DB_PASSWORD, --client-secret.
inline constexpr const char* kSecretWord =
    R"((?:pass(?:word|wd|phrase|code)?|pwd|secrets?|tokens?|credentials?|cookie|)"
    R"((?:api|access|account|private|secret|signing|shared|encryption|master|storage|license))"
    R"([_.-]?keys?))";

/// May follow such a word and still name the secret itself, not the place where it lies.
inline constexpr const char* kSecretSuffix =
    R"((?:[_.-]?(?:access|key|value|data|hash|base64|b64|string|[0-9]+))*)";

/// A value: quoted, or up to the next blank or separator of the text around it. `$(cat FILE)` is
/// no secret but the very evidence that a finding shows, so it stays.
inline constexpr const char* kSecretValue =
    R"re((?:\\"((?:[^"\\\x00$]|\\[^"\x00]|\$[^"\\\x00({])(?:[^"\\\x00]|\\[^"\x00])*))re"
    R"re(|"((?:[^"\\\x00$]|\\[^\x00]|\$[^"\x00({])(?:[^"\\\x00]|\\[^\x00])*))re"
    R"re(|'((?:[^'\x00$]|\$[^'\x00({])[^'\x00]*))re"
    R"re(|((?:[^\s\x00"'&;|$`]|\$[^\s\x00"'&;|({])[^\s\x00"'&;|]*)))re";

inline constexpr const char* kSecretRules[] = {
    // --password=value as an argument of its own: to the argument's end, whatever it holds.
    R"((?i)(?:^|\x00)-{1,2}[a-z0-9_.-]*<word><suffix>=([^\x00]+))",
    // PASSWORD=value likewise, unless the argument is a script.
    R"((?i)(?:^|\x00)[a-z0-9_.-]*<word><suffix>=([^\x00;|&$()`<>]+)(?:\x00|$))",
    // --password NUL value: the next argument.
    R"re((?i)(?:^|[\s\x00"'])-{1,2}[a-z0-9_.-]*<word><suffix>\x00+([^\x00]+))re",
    // The same in the middle of a text: sh -c "tool --password value".
    R"((?i)-{1,2}[a-z0-9_.-]*<word><suffix>[\s=]+<value>)",
    // name = value, name: value, "name": "value", name => value.
    R"((?i)<word><suffix>(?:\\?["'])?\s*(?:=>|:=|[=:])[\s\x00]*<value>)",
    // aws configure set aws_secret_access_key value; npm config set …_authToken value.
    R"((?i)_(?:[a-z0-9_]*_)?(?:auth)?<word><suffix>[\s\x00]+<value>)",
    R"((?i)--from-literal[=\s\x00]+["']?[a-z0-9_.-]+=<value>)",
    // Bearer value, with or without the header's name.
    R"re((?i)\b(?:bearer|basic|negotiate|apikey)[\s\x00:="'\\]+([a-z0-9+/=_.~%-]{4,}))re",
    R"re((?i)\bauthorization\\?["']?[\s\x00]*[=:][\s\x00]*\\?["']?(?:[a-z0-9-]+[ \x00]+)?)re"
    R"re(([^\s\x00"'\\$`][^\s\x00"'\\]*))re",
    R"re((?i)\b(?:x-[a-z0-9-]*(?:auth|key|token|secret)[a-z0-9-]*|private-token)\\?["']?)re"
    R"re([\s\x00]*[=:][\s\x00]*\\?["']?([^\s\x00"'\\$`][^\s\x00"'\\]*))re",
    // JSON web tokens, whole or cut short, and any other base64 of a JSON object.
    R"((eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_=-]*){0,4}))",
    // scheme://user:password@host; the password may hold '@' and, where it does not look like a
    // port, '/'. Over http a lone user is more often a token than a name.
    R"re(://[^\s\x00/:@"']*:(\d+|\d*[^\d\s\x00"'/@?#][^\s\x00"'@]*(?:@[^\s\x00"'@/]*)*)@)re",
    R"re((?i)https?://([^\s\x00/:@"']+)@)re",
    // Keys that tell by their form whose they are.
    R"(((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{8,}))",
    R"(((?:gh[pousr]_|github_pat_|glpat-|gldt-|glrt-|npm_|pypi-|dop_v1_|hvs\.|hvb\.|AIza|SG\.))"
    R"([A-Za-z0-9_.-]{6,}))",
    R"((xox[a-z]-[A-Za-z0-9-]{6,}))",
    R"(\b((?:sk|rk|pk)[-_][A-Za-z0-9_-]{12,}))",
    // PEM: the key's body, also where its end was cut off.
    R"((?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(.*?)(?:-----END|$))",
    // -u user:password of curl and its kin.
    R"re((?:^|[\s\x00])(?:-[uU]|--user|--proxy-user)[\s\x00=]*["']?[^\s\x00:"'-][^\s\x00:"']*:)re"
    R"re(([^\x00\s"']+))re",
    // Tools whose short option is a password.
    R"((?s)\b(?:sshpass|mysql[a-z]*|mariadb[a-z-]*|mongo[a-z]*)\b.*?[\s\x00]-p[\s\x00=]*)"
    R"(([^\s\x00]+))",
    R"((?s)\b(?:docker|podman|nerdctl|buildah|skopeo|helm|oras|az|oc)\b.{0,200}?\blogin\b.*?)"
    R"([\s\x00]-p[\s\x00=]*([^\s\x00]+))",
    R"((?s)\b(?:redis-cli|cqlsh)\b.*?[\s\x00]-[ap][\s\x00=]*([^\s\x00]+))",
    R"((?s)\bldap[a-z]+\b.*?[\s\x00]-w[\s\x00=]*([^\s\x00]+))",
    // A long opaque value after a word that says key, where no name above tells.
    R"re((?i)(?:key|auth|sig|signature|nonce|salt|cert)[a-z0-9_.-]*(?:\\?["'])?[\s\x00]*[=: \x00])re"
    R"re([\s\x00]*(?:\\?["'])?([a-z0-9_+-][a-z0-9_+/-]{23,}={0,2}))re",
};

/// Every match of a rule holds one of these, and most texts hold none.
inline constexpr const char* kSecretTrigger =
    R"((?i)pass|pwd|secret|token|credential|cookie|key|literal|bearer|basic|negotiate|auth|eyJ|://|)"
    R"(AKIA|ASIA|ABIA|ACCA|gh[pousr]_|github_pat_|gl(?:pat|dt|rt)-|npm_|pypi-|dop_v1_|hv[sb]\.|)"
    R"(AIza|SG\.|xox[a-z]-|[srp]k[-_]|-u|--user|--proxy-user|mysql|mariadb|mongo|login|redis|cqlsh|)"
    R"(ldap|sig|nonce|salt|cert)";

}  // namespace idtrail
