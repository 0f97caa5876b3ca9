#include "control/model/validate_health.hpp"

#include <algorithm>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::model {
namespace {

constexpr Nanoseconds kShortest = 10 * kMillisecond;
constexpr Nanoseconds kLongest = 86'400 * kSecond;
constexpr std::size_t kTextMax = 1'024;      // of a path, a host, a body, an answer
constexpr std::size_t kDatagramMax = 1'200;  // passes every network without fragments

/// The fields of one check, and where they are.
class Checker {
 public:
  Checker(std::string path, Problems& problems) : path_(std::move(path)), problems_(problems) {}

  void check(v1::HealthCheck check) {
    fill_defaults(check);
    times(check);  // what is said of the whole check, after this, would hide what is wrong within
    switch (check.check_case()) {
      case v1::HealthCheck::kTcp:
        break;
      case v1::HealthCheck::kHttp:
        http(check.http());
        break;
      case v1::HealthCheck::kDns:
        dns(check.dns());
        break;
      case v1::HealthCheck::kUdp:
        udp(check.udp());
        break;
      case v1::HealthCheck::CHECK_NOT_SET:
        problems_.add(path_, "the check does not say what is asked",
                      "add tcp: {}, http, dns or udp");
    }
  }

 private:
  void report(const std::string& field, std::string what, std::string fix) {
    problems_.add(path_to(path_, field), std::move(what), std::move(fix));
  }

  /// The duration, or 0 where it cannot be used, which is said.
  Nanoseconds time(const std::string& text, const std::string& field) {
    const auto parsed = parse_duration(text);
    if (!parsed) return 0;  // its format says so
    if (*parsed >= kShortest && *parsed <= kLongest) return *parsed;
    report(field, quoted(text) + " is out of range", "use 10ms to 1d");
    return 0;
  }

  void times(const v1::HealthCheck& check) {
    const Nanoseconds interval = time(check.interval(), "interval");
    const Nanoseconds fast = time(check.fast_interval(), "fast_interval");
    const Nanoseconds timeout = time(check.timeout(), "timeout");
    if (interval == 0) return;
    if (timeout > interval) {
      report("timeout",
             "the timeout of " + check.timeout() + " is longer than the interval of " +
                 check.interval(),
             "make the timeout shorter, or the interval longer");
    }
    const auto& by_default = rules_of(*check.GetDescriptor()->FindFieldByName("fast_interval"));
    if (fast > interval && check.fast_interval() != by_default.default_value()) {
      report("fast_interval",
             "the fast interval of " + check.fast_interval() + " is longer than the interval of " +
                 check.interval(),
             "make it shorter, or leave it out");
    }
  }

  /// No character that would end a line, and not too many of them.
  void text(const std::string& value, const std::string& field, bool blanks) {
    const bool good = std::all_of(value.begin(), value.end(), [&](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte > 0x20 ? byte != 0x7f : (blanks && byte == 0x20);
    });
    if (!good) {
      report(field, quoted(value) + " has characters that cannot be sent there",
             blanks ? "leave out control characters" : "leave out spaces and control characters");
    } else if (value.size() > kTextMax) {
      report(field, "the text is " + std::to_string(value.size()) + " bytes long",
             "use at most " + std::to_string(kTextMax));
    }
  }

  void http(const v1::HttpCheck& check) {
    if (check.path().front() != '/') {
      report("http.path", quoted(check.path()) + " does not begin with '/'",
             "write the path as /health");
    }
    text(check.path(), "http.path", false);
    text(check.host(), "http.host", false);
    if (check.body().size() > kTextMax) {
      report("http.body", "the text is " + std::to_string(check.body().size()) + " bytes long",
             "use at most " + std::to_string(kTextMax));
    }
    if (!check.body().empty() && check.method() == v1::HttpCheck::HEAD) {
      report("http.body", "an answer to HEAD has no body", "use method GET, or leave body out");
    }
  }

  void dns(const v1::DnsCheck& check) {
    if (check.answer().empty()) return;
    text(check.answer(), "dns.answer", true);
    if (check.rcode() != v1::DnsCheck::NOERROR) {
      report("dns.answer", "an answer of response code other than NOERROR has no such record",
             "leave out rcode or answer");
    }
    const bool v4 = check.type() == v1::DnsCheck::A;
    if (!v4 && check.type() != v1::DnsCheck::AAAA) return;
    const auto address = IpAddress::parse(check.answer());
    if (address && address->is_v4() == v4) return;
    report("dns.answer",
           quoted(check.answer()) + " is not an " + (v4 ? "IPv4" : "IPv6") + " address",
           "write the data of a record of type " + v1::DnsCheck::Type_Name(check.type()));
  }

  void udp(const v1::UdpCheck& check) {
    const bool payload = !check.text().empty() || !check.hex().empty();
    if (!payload) {
      report("udp", "the datagram is empty, which few servers answer", "give text or hex");
    }
    either(check.text(), check.hex(), "text", "hex");
    either(check.reply_text(), check.reply_hex(), "reply_text", "reply_hex");
  }

  void either(const std::string& plain, const std::string& hex, const std::string& plain_name,
              const std::string& hex_name) {
    if (!plain.empty() && !hex.empty()) {
      report("udp." + hex_name, plain_name + " and " + hex_name + " exclude each other",
             "keep one of them");
    }
    if (plain.size() > kDatagramMax) too_long("udp." + plain_name, plain.size());
    if (hex.size() > 2 * kDatagramMax) too_long("udp." + hex_name, hex.size() / 2);
  }

  void too_long(const std::string& field, std::size_t bytes) {
    report(field, "the datagram has " + std::to_string(bytes) + " bytes",
           "use at most " + std::to_string(kDatagramMax));
  }

  std::string path_;
  Problems& problems_;
};

}  // namespace

void check_health_checks(const v1::DesiredState& state, Problems& problems) {
  for (const v1::Document& document : state.documents()) {
    if (!document.service().has_health_check()) continue;
    Checker(key_of(document) + ": spec.health_check", problems)
        .check(document.service().health_check());
  }
}

}  // namespace sluice::model
