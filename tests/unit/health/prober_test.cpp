#include "control/health/prober.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/runtime/monotonic_clock.hpp"
#include "tests/unit/health/servers.hpp"
#include "tests/unit/health/targets.hpp"

namespace sluice::health {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProberTest : public testing::Test {
 protected:
  ProberTest() : prober_(*Prober::open(clock_)) {}

  /// "+connected", "-HTTP 503", "?not checked: ...".
  std::string ask(const std::string& check, std::uint16_t port) {
    return ask(target_of("be1", check + " timeout: '20s'", "127.0.0.1", port), 20 * kSecond);
  }
  /// As above, where no answer is expected in time; again if the machine left us none.
  std::string ask_shortly(const std::string& check, std::uint16_t port) {
    for (;;) {
      const auto said =
          ask(target_of("be1", check + " timeout: '200ms'", "127.0.0.1", port), 200 * kMillisecond);
      if (said.find("had no time") == std::string::npos) return said;
    }
  }
  std::string ask(Target target, Nanoseconds timeout) {
    target.rhythm.timeout = timeout;
    prober_->start(++last_, std::make_shared<const Target>(target));
    const Nanoseconds end = clock_.now() + 30 * kSecond;
    while (clock_.now() < end) {
      for (const auto& finished : prober_->wait(end)) {
        EXPECT_EQ(last_, finished.id);
        return text_of(finished.outcome);
      }
    }
    return "never finished";
  }
  static std::string text_of(const Outcome& outcome) {
    return std::string(1, "+-?"[static_cast<int>(outcome.kind)]) + outcome.reason;
  }
  /// What an HTTP server that says this is told.
  std::string ask_http(const std::string& check, const std::string& answer) {
    const Server server(SOCK_STREAM, [&](const std::string& request) {
      request_ = request;
      return answer;
    });
    return ask("http { " + check + " }", server.port());
  }

  MonotonicClock clock_;
  std::unique_ptr<Prober> prober_;
  std::uint64_t last_ = 0;
  std::string request_;
};

constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n";

TEST_F(ProberTest, TcpConnectsOrSaysWhyNot) {
  const Server server(SOCK_STREAM, [](const std::string&) { return std::string(); });
  EXPECT_EQ("+connected", ask("tcp {}", server.port()));
  EXPECT_EQ("-connection refused", ask("tcp {}", closed_port()));
}

TEST_F(ProberTest, WhatCannotBeSentFromTheDataPlanesAddressIsNotRun) {
  for (const char* check : {"tcp {}", "http {}", "udp { text: 'x' }"}) {
    Target target = target_of("be1", check, "127.0.0.1", 9);
    target.source = *IpAddress::parse("198.18.7.7");
    EXPECT_EQ("?not checked: the data plane's address 198.18.7.7 is not on this host",
              ask(target, kSecond));
    target.source.reset();
    EXPECT_EQ("?not checked: no port leads to 127.0.0.1", ask(target, kSecond));
  }
}

TEST_F(ProberTest, UdpIsAnsweredAsExpected) {
  const Server echo(SOCK_DGRAM, [](const std::string& request) { return request; });
  EXPECT_EQ("+answered", ask("udp { text: 'ping' }", echo.port()));
  EXPECT_EQ("+answered", ask("udp { text: 'ping' reply_text: 'pi' }", echo.port()));
  EXPECT_EQ("+answered", ask("udp { hex: '00ff01' reply_hex: '00FF' }", echo.port()));
  EXPECT_EQ("-the reply begins otherwise",
            ask("udp { text: 'ping' reply_text: 'pong' }", echo.port()));
}

TEST_F(ProberTest, UdpThatNobodyAnswersFails) {
  const Server silent(SOCK_DGRAM, [](const std::string&) { return std::string(); });
  EXPECT_EQ("-timed out after 200ms", ask_shortly("udp { text: 'ping' }", silent.port()));
  EXPECT_EQ("-connection refused", ask("udp { text: 'ping' }", closed_port()));
}

TEST_F(ProberTest, DnsIgnoresWhatIsNoReply) {
  const Server echo(SOCK_DGRAM, [](const std::string& request) { return request; });
  EXPECT_EQ("-timed out after 200ms", ask_shortly("dns { name: 'example.test' }", echo.port()));
  const Server server(SOCK_DGRAM, [](std::string request) {
    request[2] = static_cast<char>(0x80);
    return request;
  });
  EXPECT_EQ("+NOERROR", ask("dns { name: 'example.test' }", server.port()));
}

TEST_F(ProberTest, HttpAsksAsItIsTold) {
  EXPECT_EQ("+HTTP 200", ask_http("path: '/up?full=1' host: 'www.example.test'", kGood));
  EXPECT_THAT(request_, HasSubstr("GET /up?full=1 HTTP/1.1\r\n"));
  EXPECT_THAT(request_, HasSubstr("Host: www.example.test\r\n"));
  EXPECT_THAT(request_, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ("+HTTP 204", ask_http("method: OPTIONS", "HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_THAT(request_, HasSubstr("OPTIONS / HTTP/1.1\r\n"));
  EXPECT_EQ("+HTTP 200", ask_http("method: HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"));
}

TEST_F(ProberTest, HttpJudgesStatusAndBody) {
  EXPECT_EQ("-HTTP 503", ask_http("", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ("+HTTP 503",
            ask_http("status: '503'", "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ("-HTTP 200", ask_http("status: '201-299' status: '503'", kGood));
  EXPECT_EQ("+HTTP 200", ask_http("body: 'eady'", kGood));
  EXPECT_EQ("-HTTP 200, but the body is without the text", ask_http("body: 'steady'", kGood));
  EXPECT_EQ("+HTTP 302", ask_http("", "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"))
      << "it is not followed";
}

TEST_F(ProberTest, HttpThatIsNoneOrTooMuchFails) {
  EXPECT_EQ("-the answer is not HTTP", ask_http("", "SSH-2.0-OpenSSH\r\n"));
  EXPECT_EQ("-closed without an answer", ask_http("", ""));
  EXPECT_EQ("-the answer's head is too long",
            ask_http(
                "", "HTTP/1.1 200 OK\r\n" + std::string(200, 'x') + ": y\r\n" + [] {
                  std::string many;
                  for (int i = 0; i < 2'000; ++i) many += "X-Header: something\r\n";
                  return many + many;
                }() + "\r\n"));
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ("+HTTP 200", ask_http("body: 'ready'", chunked + "2\r\nre\r\n3\r\nady\r\n0\r\n\r\n"));
  EXPECT_THAT(ask_http("body: 'ready'", chunked + "zz\r\nready"), Not(HasSubstr("+")));
  EXPECT_EQ("-HTTP 200, but the body is without the text",
            ask_http("body: 'ready'", "HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, 'x')))
      << "only the first 64 KiB count";
}

TEST_F(ProberTest, HttpThatIsLateFails) {
  const Server slow(SOCK_STREAM, [](const std::string&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    return kGood;
  });
  EXPECT_EQ("-timed out after 200ms", ask_shortly("http {}", slow.port()));
  EXPECT_EQ("-connection refused", ask("http {}", closed_port()));
}

TEST_F(ProberTest, ManyAtOnceAreAllFinishedOnce) {
  const Server web(SOCK_STREAM, [](const std::string&) { return kGood; });
  const Server echo(SOCK_DGRAM, [](const std::string& request) { return request; });
  const std::uint16_t closed = closed_port();
  std::array<Target, 4> targets{target_of("a", "http {}", "127.0.0.1", web.port()),
                                target_of("b", "udp { text: 'x' }", "127.0.0.1", echo.port()),
                                target_of("c", "tcp {}", "127.0.0.1", closed),
                                target_of("d", "tcp {}", "127.0.0.1", web.port())};
  for (Target& target : targets) target.rhythm.timeout = 20 * kSecond;
  constexpr std::uint64_t kMany = 400;
  std::map<std::uint64_t, std::string> results;
  for (std::uint64_t id = 1; id <= kMany; ++id) {
    prober_->start(id, std::make_shared<const Target>(targets[id % targets.size()]));
  }
  const Nanoseconds end = clock_.now() + 20 * kSecond;
  while (results.size() < kMany && clock_.now() < end) {
    for (const auto& finished : prober_->wait(end)) {
      EXPECT_TRUE(results.emplace(finished.id, text_of(finished.outcome)).second);
    }
  }
  ASSERT_EQ(kMany, results.size());
  for (const auto& [id, result] : results) {
    EXPECT_EQ(id % targets.size() == 2 ? "-connection refused"[0] : '+', result[0]) << id << result;
  }
}

}  // namespace
}  // namespace sluice::health
