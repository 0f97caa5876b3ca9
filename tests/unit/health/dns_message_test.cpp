#include "control/health/dns_message.hpp"

#include <gtest/gtest.h>

#include "tests/unit/health/targets.hpp"

namespace sluice::health {
namespace {

using namespace std::string_literals;

v1::DnsCheck dns(const std::string& text) {
  return check_of("dns { " + text + " }")->dns();
}

/// The query turned into a reply with these records (each from its name on).
std::string reply_to(const std::string& query, unsigned rcode,
                     const std::vector<std::string>& records = {}) {
  std::string out = query;
  out[2] = static_cast<char>(0x81);
  out[3] = static_cast<char>(0x80 | rcode);
  out[7] = static_cast<char>(records.size());
  for (const std::string& record : records) out += record;
  return out;
}

/// A record of the question's name, class IN.
std::string record(char type, const std::string& data) {
  return "\xc0\x0c\0"s + type + "\0\x01\0\0\0\x3c\0"s + static_cast<char>(data.size()) + data;
}

std::string said(const v1::DnsCheck& check, const std::string& reply) {
  const auto outcome = judge_dns(check, dns_query(check, 0x1234), reply);
  if (!outcome) return "none";
  return (outcome->kind == Outcome::Kind::passed ? "+" : "-") + outcome->reason;
}

TEST(DnsMessage, AQueryIsAsRfc1035HasIt) {
  EXPECT_EQ(
      "\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07"s
      "example\x04test\0\0\x1c\0\x01"s,
      dns_query(dns("name: 'www.example.test' type: AAAA"), 0x1234));
  EXPECT_EQ(dns_query(dns("name: 'a.b'"), 1), dns_query(dns("name: 'a.b.'"), 1));
  EXPECT_EQ("\0\x01\x01\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01"s,
            dns_query(dns("name: '.' type: NS"), 1));
}

TEST(DnsMessage, TheResponseCodeDecides) {
  const auto check = dns("name: 'www.example.test'");
  const std::string query = dns_query(check, 0x1234);
  EXPECT_EQ("+NOERROR", said(check, reply_to(query, 0)));
  EXPECT_EQ("-SERVFAIL", said(check, reply_to(query, 2)));
  EXPECT_EQ("-response code 9", said(check, reply_to(query, 9)));
  EXPECT_EQ("+NXDOMAIN", said(dns("name: 'www.example.test' rcode: NXDOMAIN"), reply_to(query, 3)));
}

TEST(DnsMessage, OtherDatagramsAreNoReplies) {
  const auto check = dns("name: 'www.example.test'");
  const std::string query = dns_query(check, 0x1234);
  const std::string reply = reply_to(query, 0);
  EXPECT_EQ("none", said(check, query)) << "an echo is no answer";
  EXPECT_EQ("none", said(check, {}));
  for (std::size_t size = 0; size < reply.size(); ++size) {
    EXPECT_EQ("none", said(check, reply.substr(0, size))) << size;
  }
  for (const std::size_t at : {0U, 1U, 2U, 4U, 13U, 20U}) {
    std::string other = reply;
    other[at] = static_cast<char>(other[at] ^ 0x41);
    EXPECT_EQ("none", said(check, other)) << at;
  }
}

TEST(DnsMessage, TheCaseOfTheNameDoesNotMatter) {
  const auto check = dns("name: 'www.example.test'");
  std::string reply = reply_to(dns_query(check, 0x1234), 0);
  reply[13] = 'W';
  EXPECT_EQ("+NOERROR", said(check, reply));
}

TEST(DnsMessage, AnExpectedAnswerIsOneOfTheRecords) {
  const auto check = dns("name: 'www.example.test' answer: '198.18.1.11'");
  const std::string query = dns_query(check, 0x1234);
  const std::string other = record(1, "\xc6\x12\x01\x0c");
  const std::string right = record(1, "\xc6\x12\x01\x0b");
  EXPECT_EQ("+NOERROR, as expected", said(check, reply_to(query, 0, {other, right})));
  EXPECT_EQ("-the answer is without 198.18.1.11", said(check, reply_to(query, 0, {other})));
  EXPECT_EQ("-the answer is without 198.18.1.11", said(check, reply_to(query, 0)));
}

TEST(DnsMessage, NamesAndTextsAreComparedAsPeopleWriteThem) {
  const auto ns = dns("name: 'example.test' type: NS answer: 'NS1.example.test'");
  EXPECT_EQ("+NOERROR, as expected",
            said(ns, reply_to(dns_query(ns, 0x1234), 0, {record(2, "\x03ns1\xc0\x0c")})));
  const auto txt = dns("name: 'example.test' type: TXT answer: 'ready now'");
  EXPECT_EQ("+NOERROR, as expected",
            said(txt, reply_to(dns_query(txt, 0x1234), 0, {record(16, "\x09ready now")})));
  const auto six = dns("name: 'example.test' type: AAAA answer: '2001:2:0:0::1'");
  EXPECT_EQ("+NOERROR, as expected",
            said(six, reply_to(dns_query(six, 0x1234), 0,
                               {record(28, "\x20\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\x01"s)})));
}

TEST(DnsMessage, MalformedAnswersFail) {
  const auto check = dns("name: 'www.example.test' answer: '198.18.1.11'");
  const std::string query = dns_query(check, 0x1234);
  std::string reply = reply_to(query, 0, {record(1, "\xc6\x12\x01\x0b")});
  reply.pop_back();
  EXPECT_EQ("-the reply is malformed", said(check, reply));
  reply = reply_to(query, 0, {"\xc0\x22" + record(1, "\xc6\x12\x01\x0b").substr(2)});
  EXPECT_EQ("-the reply is malformed", said(check, reply)) << "a name that points at itself";
}

}  // namespace
}  // namespace sluice::health
