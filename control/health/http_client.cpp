#include "control/health/http_client.hpp"

#include <algorithm>
#include <cctype>
#include <mutex>

#include <curl/curl.h>
#include <sys/epoll.h>

#include "control/health/sockets.hpp"
#include "control/model/format.hpp"

namespace sluice::health {
namespace {

constexpr std::size_t kBodyMax = 64 << 10;
constexpr std::size_t kHeadMax = 64 << 10;

void initialize() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

struct HttpClient::Transfer {
  std::uint64_t id = 0;
  std::shared_ptr<const Target> target;
  CURL* handle = nullptr;
  std::unique_ptr<curl_slist, FreeList> headers;
  std::string url;
  std::string body;
  std::size_t head_bytes = 0;
  bool enough = false;             ///< all that is asked for was seen
  std::optional<Outcome> not_run;  ///< why the socket could not be bound

  ~Transfer() { curl_easy_cleanup(handle); }

  [[nodiscard]] const v1::HttpCheck& check() const { return target->check->http(); }
  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) return;
    (void)headers.release();
    headers.reset(longer);
  }
  void set_up(void* callbacks_data);
  [[nodiscard]] Outcome judge(CURLcode code) const;
  [[nodiscard]] Outcome judge_failure(CURLcode code) const;
};

struct HttpClient::Callbacks {
  static int socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    const auto& client = *static_cast<HttpClient*>(self);
    epoll_event event{};
    event.data.u64 = client.tag_ | static_cast<std::uint64_t>(fd);
    if ((what & CURL_POLL_IN) != 0) event.events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0) event.events |= EPOLLOUT;
    if (what == CURL_POLL_REMOVE) {
      epoll_ctl(client.epoll_, EPOLL_CTL_DEL, fd, nullptr);
    } else if (epoll_ctl(client.epoll_, EPOLL_CTL_MOD, fd, &event) != 0) {
      epoll_ctl(client.epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    return 0;
  }
  static int timer(CURLM*, long milliseconds, void* self) {
    auto& client = *static_cast<HttpClient*>(self);
    client.due_.reset();
    if (milliseconds >= 0) {
      client.due_ = client.now_ + static_cast<Nanoseconds>(milliseconds) * kMillisecond;
    }
    return 0;
  }
  static int bind(void* data, curl_socket_t fd, curlsocktype) {
    auto& transfer = *static_cast<Transfer*>(data);
    transfer.not_run = bind_to_source(fd, *transfer.target);
    return transfer.not_run ? CURL_SOCKOPT_ERROR : CURL_SOCKOPT_OK;
  }
  static std::size_t head(char*, std::size_t size, std::size_t count, void* data) {
    auto& transfer = *static_cast<Transfer*>(data);
    transfer.head_bytes += size * count;
    return transfer.head_bytes > kHeadMax ? 0 : size * count;
  }
  static std::size_t body(char* bytes, std::size_t size, std::size_t count, void* data) {
    auto& transfer = *static_cast<Transfer*>(data);
    const std::size_t room = kBodyMax - transfer.body.size();
    transfer.body.append(bytes, std::min(room, size * count));
    const std::string& wanted = transfer.check().body();
    transfer.enough =
        wanted.empty() || size * count >= room || transfer.body.find(wanted) != std::string::npos;
    return transfer.enough ? 0 : size * count;  // 0 ends the transfer
  }
};

void HttpClient::Transfer::set_up(void* callbacks_data) {
  const auto set = [this](CURLoption option, auto value) {
    (void)curl_easy_setopt(handle, option, value);
  };
  add_header("Connection: close");
  if (!check().host().empty()) add_header("Host: " + check().host());
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROXY, "");  // whatever the environment says
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FORBID_REUSE, 1L);
  set(CURLOPT_USERAGENT, "sluice-health");
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(target->rhythm.timeout / kMillisecond));
  if (check().method() == v1::HttpCheck::HEAD) set(CURLOPT_NOBODY, 1L);
  if (check().method() == v1::HttpCheck::OPTIONS) set(CURLOPT_CUSTOMREQUEST, "OPTIONS");
  set(CURLOPT_SOCKOPTFUNCTION, &Callbacks::bind);
  set(CURLOPT_SOCKOPTDATA, callbacks_data);
  set(CURLOPT_HEADERFUNCTION, &Callbacks::head);
  set(CURLOPT_HEADERDATA, callbacks_data);
  set(CURLOPT_WRITEFUNCTION, &Callbacks::body);
  set(CURLOPT_WRITEDATA, callbacks_data);
}

Outcome HttpClient::Transfer::judge(CURLcode code) const {
  if (not_run) return *not_run;
  if (code != CURLE_OK && !enough) return judge_failure(code);
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  std::string seen = "HTTP " + std::to_string(status);
  if (!status_passes(check(), status)) return Outcome::fail(std::move(seen));
  if (body.find(check().body()) == std::string::npos) {
    return Outcome::fail(seen + ", but the body is without the text");
  }
  return Outcome::pass(std::move(seen));
}

Outcome HttpClient::Transfer::judge_failure(CURLcode code) const {
  long error = 0;
  curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &error);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return Outcome::silence(timeout_reason(*target));
    case CURLE_COULDNT_CONNECT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      if (error != 0) return Outcome::fail(reason_of(static_cast<int>(error)));
      return Outcome::fail("the connection broke");
    case CURLE_GOT_NOTHING:
      return Outcome::fail("closed without an answer");
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return Outcome::fail("the answer is not HTTP");
    case CURLE_OUT_OF_MEMORY:
      return Outcome::none("not checked: out of memory");
    default:
      return Outcome::fail(head_bytes > kHeadMax ? "the answer's head is too long"
                                                 : curl_easy_strerror(code));
  }
}

HttpClient::HttpClient(int epoll, std::uint64_t tag) : epoll_(epoll), tag_(tag) {
  initialize();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Callbacks::socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Callbacks::timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

HttpClient::~HttpClient() {
  for (auto& [handle, transfer] : transfers_) curl_multi_remove_handle(multi_, handle);
  transfers_.clear();
  curl_multi_cleanup(multi_);
}

void HttpClient::start(std::uint64_t id, std::shared_ptr<const Target> target, Nanoseconds now) {
  now_ = now;
  auto transfer = std::make_unique<Transfer>();
  transfer->id = id;
  transfer->target = std::move(target);
  transfer->url = url_of(*transfer->target);
  transfer->handle = curl_easy_init();
  if (transfer->handle == nullptr) {
    finished_.push_back({id, transfer->target, Outcome::none("not checked: out of memory")});
    return;
  }
  transfer->set_up(transfer.get());
  CURL* handle = transfer->handle;
  transfers_.emplace(handle, std::move(transfer));
  curl_multi_add_handle(multi_, handle);
}

void HttpClient::ready(int fd, std::uint32_t events) {
  int mask = 0;
  if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);
  collect();
}

void HttpClient::turn(Nanoseconds now) {
  now_ = now;
  if (!due_ || *due_ > now) return;
  due_.reset();
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  collect();
}

void HttpClient::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* handle = message->easy_handle;
    const auto found = transfers_.find(handle);
    if (found == transfers_.end()) continue;
    const Transfer& transfer = *found->second;
    finished_.push_back({transfer.id, transfer.target, transfer.judge(message->data.result)});
    curl_multi_remove_handle(multi_, handle);
    transfers_.erase(found);
  }
}

bool status_passes(const v1::HttpCheck& check, long status) {
  if (check.status().empty()) return status >= 200 && status <= 399;
  return std::any_of(check.status().begin(), check.status().end(), [&](const std::string& text) {
    const auto range = model::parse_status_range(text);
    return range && status >= static_cast<long>(range->first) &&
           status <= static_cast<long>(range->last);
  });
}

std::string url_of(const Target& target) {
  const std::string address = target.address().text();
  return "http://" + (target.address().is_v4() ? address : "[" + address + "]") + ":" +
         std::to_string(target.port) + target.check->http().path();
}

}  // namespace sluice::health
