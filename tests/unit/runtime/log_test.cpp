#include "dataplane/runtime/log.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Log, TextQuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(
      R"(port up port=wan queues=2 reason="link \"is\" up")",
      log_line_text("port up", {{"port", "wan"}, {"queues", 2}, {"reason", "link \"is\" up"}}));
  EXPECT_EQ(R"(x empty="" line="a\u000ab")", log_line_text("x", {{"empty", ""}, {"line", "a\nb"}}));
}

TEST(Log, JsonIsOneObjectWhateverTheFieldsHold) {
  EXPECT_EQ(R"("message":"port up","port":"w\"\\\u000a","queues":2,"up":true)",
            log_line_json("port up", {{"port", "w\"\\\n"}, {"queues", 2}, {"up", true}}));
}

TEST(Log, UnknownLevelsAndFormatsAreRefused) {
  EXPECT_FALSE(configure_log("loud", "text"));
  EXPECT_FALSE(configure_log("info", "xml"));
  EXPECT_TRUE(configure_log("info", "text"));
}

TEST(Log, WritesLinesOfTheConfiguredForm) {
  ASSERT_TRUE(configure_log("warning", "json"));
  testing::internal::CaptureStderr();
  log_info("not written");
  log_warning("disk full", {{"folder", "/var/lib/sluice"}});
  const std::string out = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(configure_log("info", "text"));
  EXPECT_EQ(1, std::count(out.begin(), out.end(), '\n'));
  EXPECT_THAT(out, testing::StartsWith(R"({"time":"2)"));
  EXPECT_THAT(out, testing::EndsWith(
                       R"("level":"warning","message":"disk full","folder":"/var/lib/sluice"})"
                       "\n"));
}

}  // namespace
}  // namespace sluice
