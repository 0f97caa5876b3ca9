// What a name server answers: RFC 1034 section 4.3.2 and its successors.
#include "tests/unit/dns/dns_harness.hpp"

namespace sluice::dns::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr const char* kSoa =
    "example.test. 60 SOA ns1.example.test. hostmaster.example.test. 1 3600 600 86400 60";

TEST(Semantics, PositiveAnswerHasTheSetAndNothingElse) {
  Server server("www A 192.0.2.80\nwww A 192.0.2.81\nwww AAAA 2001:db8::80\n");
  const Answer a = server.ask("www.example.test", "A");
  EXPECT_EQ(a.id, 0x1234);
  EXPECT_EQ(a.flags, 0x8500);  // QR AA RD
  EXPECT_EQ(a.question, "www.example.test. A");
  EXPECT_THAT(a.answer, UnorderedElementsAre("www.example.test. 300 A 192.0.2.80",
                                             "www.example.test. 300 A 192.0.2.81"));
  EXPECT_THAT(a.authority, IsEmpty());
  EXPECT_THAT(a.additional, IsEmpty());
  EXPECT_FALSE(a.edns);
}

TEST(Semantics, EveryTypeIsServedAsItsOctets) {
  Server server(
      "t MX 10 mail\nt TXT \"a b\" c\nt SRV 1 2 80 www\nt CAA 0 issue \"ca\"\n"
      "t TYPE65280 \\# 3 010203\nt SVCB 1 . alpn=h2\n");
  EXPECT_THAT(server.ask("t.example.test", "MX").answer,
              ElementsAre("t.example.test. 300 MX 10 mail.example.test."));
  EXPECT_THAT(server.ask("t.example.test", "TXT").answer,
              ElementsAre("t.example.test. 300 TXT 036120620163"));
  EXPECT_THAT(server.ask("t.example.test", "SRV").answer,
              ElementsAre("t.example.test. 300 SRV "
                          "00010002005003777777076578616d706c65047465737400"));
  EXPECT_THAT(server.ask("t.example.test", "TYPE65280").answer,
              ElementsAre("t.example.test. 300 TYPE65280 010203"));
  EXPECT_THAT(server.ask("t.example.test", "CAA").answer, SizeIs(1));
  EXPECT_THAT(server.ask("t.example.test", "SVCB").answer, SizeIs(1));
}

TEST(Semantics, CertificatesAndIpsecKeysAreReadFieldByField) {  // RFC 4398, RFC 4025
  Server server(
      "c CERT PKIX 4660 RSASHA256 AQID BA==\nc CERT 1 2 3 AQ==\n"
      "k IPSECKEY 10 0 2 . AQID\nk IPSECKEY 11 1 2 192.0.2.38 AQID\n"
      "k IPSECKEY 12 2 2 2001:db8::1 AQID\nk IPSECKEY 13 3 2 gw AQ ID\n"
      "k IPSECKEY 14 0 0 .\nk IPSECKEY \\# 3 0f0000\n");
  EXPECT_THAT(server.ask("c.example.test", "CERT").answer,
              UnorderedElementsAre("c.example.test. 300 CERT 000112340801020304",
                                   "c.example.test. 300 CERT 000100020301"));
  EXPECT_THAT(server.ask("k.example.test", "IPSECKEY").answer,
              UnorderedElementsAre("k.example.test. 300 IPSECKEY 0a0002010203",
                                   "k.example.test. 300 IPSECKEY 0b0102c0000226010203",
                                   "k.example.test. 300 IPSECKEY "
                                   "0c020220010db8000000000000000000000001010203",
                                   "k.example.test. 300 IPSECKEY "
                                   "0d0302026777076578616d706c65047465737400010203",
                                   "k.example.test. 300 IPSECKEY 0e0000",
                                   "k.example.test. 300 IPSECKEY 0f0000"));
}

TEST(Semantics, WrongCertificatesAndIpsecKeysAreRefused) {
  for (const char* wrong :
       {"CERT", "CERT 1 2 3", "CERT PXIX 1 8 AQ==", "CERT 65536 1 8 AQ==", "CERT 1 65536 8 AQ==",
        "CERT 1 1 256 AQ==", "CERT 1 1 NONE AQ==", "CERT 1 1 8 !!", "IPSECKEY", "IPSECKEY 1 0 2",
        "IPSECKEY 256 0 2 . AQ==", "IPSECKEY 1 4 2 . AQ==", "IPSECKEY 1 0 2 gw AQ==",
        "IPSECKEY 1 1 2 :: AQ==", "IPSECKEY 1 2 2 1.2.3.4 AQ==", "IPSECKEY 1 3 2 a..b AQ==",
        "IPSECKEY 1 0 2 .", "IPSECKEY 1 0 0 . AQ==", "IPSECKEY 1 0 2 . !!"}) {
    const std::string text = std::string(kApex).append("x ").append(wrong).append("\n");
    EXPECT_THAT(errors_of(text), SizeIs(1)) << wrong;
  }
}

TEST(Semantics, NoDataAndNameErrorCarrySoaWithTheLowerTtl) {  // RFC 2308 sections 2 and 5
  Server server("www A 192.0.2.80\n");
  const Answer nodata = server.ask("www.example.test", "TXT");
  EXPECT_EQ(nodata.rcode, rcode::kNoError);
  EXPECT_TRUE(nodata.aa());
  EXPECT_THAT(nodata.answer, IsEmpty());
  EXPECT_THAT(nodata.authority, ElementsAre(kSoa));
  const Answer absent = server.ask("deep.below.nothing.example.test", "A");
  EXPECT_EQ(absent.rcode, rcode::kNxDomain);
  EXPECT_TRUE(absent.aa());
  EXPECT_THAT(absent.authority, ElementsAre(kSoa));
}

TEST(Semantics, AliasesAreFollowedWithinTheZones) {
  Server server(
      "a CNAME b\nb CNAME www\nwww A 192.0.2.80\ndead CNAME gone\nout CNAME www.example.net.\n"
      "nodata CNAME ns1\n");
  EXPECT_THAT(server.ask("a.example.test", "A").answer,
              ElementsAre("a.example.test. 300 CNAME b.example.test.",
                          "b.example.test. 300 CNAME www.example.test.",
                          "www.example.test. 300 A 192.0.2.80"));
  EXPECT_THAT(server.ask("a.example.test", "CNAME").answer, SizeIs(1));
  EXPECT_THAT(server.ask("a.example.test", "ANY").answer, SizeIs(1));
  const Answer dead = server.ask("dead.example.test", "A");  // RFC 6604: the last name's rcode
  EXPECT_EQ(dead.rcode, rcode::kNxDomain);
  EXPECT_THAT(dead.answer, SizeIs(1));
  EXPECT_THAT(dead.authority, ElementsAre(kSoa));
  const Answer out = server.ask("out.example.test", "A");
  EXPECT_EQ(out.rcode, rcode::kNoError);
  EXPECT_THAT(out.answer, SizeIs(1));
  EXPECT_THAT(out.authority, IsEmpty());
  const Answer nodata = server.ask("nodata.example.test", "MX");
  EXPECT_EQ(nodata.rcode, rcode::kNoError);
  EXPECT_THAT(nodata.authority, ElementsAre(kSoa));
}

TEST(Semantics, DelegationIsReferredWithGlueAndWithoutAuthority) {
  Server server("sub NS ns.sub\nsub NS ns1\nns.sub A 192.0.2.5\nx.sub TXT hidden\n");
  for (const char* name :
       {"sub.example.test", "a.b.sub.example.test", "ns.sub.example.test", "x.sub.example.test"}) {
    for (const char* type : {"A", "TXT", "NS", "ANY"}) {
      const Answer a = server.ask(name, type);
      EXPECT_FALSE(a.aa());
      EXPECT_EQ(a.rcode, rcode::kNoError);
      EXPECT_THAT(a.answer, IsEmpty());
      EXPECT_THAT(a.authority, ElementsAre("sub.example.test. 300 NS ns.sub.example.test.",
                                           "sub.example.test. 300 NS ns1.example.test."));
      EXPECT_THAT(a.additional, ElementsAre("ns.sub.example.test. 300 A 192.0.2.5",
                                            "ns1.example.test. 300 A 192.0.2.1"));
    }
  }
}

TEST(Semantics, DsAtACutIsTheParents) {  // RFC 4035 section 3.1.4.1
  const std::string ds = "sub NS ns.sub\nplain NS ns.sub\nsub DS 1 13 2 " + std::string(64, 'a');
  Server server({zone(ds + "\n"), zone("www A 192.0.2.80\n", "sub.example.test")});
  const Answer held = server.ask("sub.example.test", "DS");
  EXPECT_TRUE(held.aa());
  EXPECT_THAT(held.answer, SizeIs(1));
  const Answer none = server.ask("plain.example.test", "DS");
  EXPECT_TRUE(none.aa());
  EXPECT_THAT(none.authority, ElementsAre(kSoa));
  EXPECT_FALSE(server.ask("x.plain.example.test", "DS").aa());
  EXPECT_THAT(server.ask("www.sub.example.test", "A").answer, SizeIs(1));
  EXPECT_THAT(server.ask("sub.example.test", "NS").answer, SizeIs(1));
}

TEST(Semantics, WildcardRules) {  // RFC 4592 section 2.2.1
  Server server(
      "*.w A 192.0.2.1\n*.w MX 10 host.w\nhost1.w A 192.0.2.2\n_ssh._tcp.host1.w SRV 0 0 22 x\n"
      "sub.w NS ns1\na.*.w TXT below\n");
  EXPECT_THAT(server.ask("Any.W.example.test", "A").answer,
              ElementsAre("Any.W.example.test. 300 A 192.0.2.1"));
  EXPECT_THAT(server.ask("a.b.c.w.example.test", "MX").answer,
              ElementsAre("a.b.c.w.example.test. 300 MX 10 host.w.example.test."));
  EXPECT_THAT(server.ask("x.w.example.test", "TXT").authority, ElementsAre(kSoa));
  EXPECT_EQ(server.ask("x.w.example.test", "TXT").rcode, rcode::kNoError);
  EXPECT_THAT(server.ask("host1.w.example.test", "MX").authority, ElementsAre(kSoa));
  EXPECT_THAT(server.ask("_tcp.host1.w.example.test", "A").authority, ElementsAre(kSoa));
  EXPECT_EQ(server.ask("_telnet._tcp.host1.w.example.test", "SRV").rcode, rcode::kNxDomain);
  EXPECT_FALSE(server.ask("x.sub.w.example.test", "A").aa());
  EXPECT_THAT(server.ask("*.w.example.test", "A").answer,
              ElementsAre("*.w.example.test. 300 A 192.0.2.1"));
  EXPECT_EQ(server.ask("b.*.w.example.test", "A").rcode, rcode::kNxDomain);
  EXPECT_THAT(server.ask("a.*.w.example.test", "TXT").answer, SizeIs(1));
}

TEST(Semantics, ForeignNamesAreRefused) {
  Server server("www A 192.0.2.80\n");
  for (const char* name : {"example.net", "test", ".", "xexample.test", "www.example.test.x"}) {
    const Answer a = server.ask(name, "A");
    EXPECT_EQ(a.rcode, rcode::kRefused) << name;
    EXPECT_FALSE(a.aa());
    EXPECT_THAT(a.authority, IsEmpty());
  }
}

}  // namespace
}  // namespace sluice::dns::test
