// sluice, the operator's command: the command line, and nothing else. CLI11 costs twenty seconds to
// compile, so it is seen by this file alone.
#include <functional>
#include <iostream>
#include <map>
#include <unordered_map>

// A false alarm of g++ 12 where CLI11 copies a std::function.
#pragma GCC diagnostic ignored "-Wnull-dereference"
#include <CLI/CLI.hpp>

#include "control/cli/commands.hpp"
#include "control/cli/invocation.hpp"

namespace sluice::cli {
namespace {

using Command = std::function<Exit(const Invocation&)>;

/// Puts options into an Invocation and remembers which command was named.
class CommandLine {
 public:
  CommandLine()
      : app_("Steers Sluice: load balancer, firewall and name server of a rack.", "sluice") {
    app_.require_subcommand(1);
    app_.fallthrough();
    add_common();
    add_state_commands();
    add_get_commands();
    add_live_commands();
    add_replay();
    add_other_commands();
    app_.footer("Exit status: 0 done, 1 refused or failed (diff: a difference), 2 wrong usage.");
  }

  int run(int count, const char* const* values) {
    try {
      app_.parse(count, values);
    } catch (const CLI::CallForHelp& e) {
      return app_.exit(e);
    } catch (const CLI::ParseError& e) {
      std::cerr << "sluice: " << e.what() << "; see `sluice --help`\n";
      return static_cast<int>(Exit::usage);
    }
    return static_cast<int>(command_(invocation_));
  }

 private:
  CLI::App& add(const std::string& name, const std::string& help, Command command) {
    CLI::App& sub = *app_.add_subcommand(name, help);
    sub.callback([this, command = std::move(command)] { command_ = command; });
    return sub;
  }

  void add_common() {
    const std::map<std::string, Output> outputs{
        {"table", Output::table}, {"json", Output::json}, {"yaml", Output::yaml}};
    app_.add_option("-o,--output", invocation_.output, "table, json or yaml")
        ->transform(CLI::CheckedTransformer(outputs).description(""))
        ->type_name("FORM");
    app_.add_option("--control", invocation_.target.address,
                    "socket of sluice-control, or ADDRESS:PORT")
        ->envname("SLUICE_CONTROL");
    app_.add_option("--certificate", invocation_.target.certificate, "for ADDRESS:PORT")
        ->envname("SLUICE_CERTIFICATE");
    app_.add_option("--key", invocation_.target.key, "of the certificate")->envname("SLUICE_KEY");
    app_.add_option("--authority", invocation_.target.authority, "of the daemon's certificate")
        ->envname("SLUICE_AUTHORITY");
  }

  void add_files(CLI::App& sub) {
    sub.add_option("-f,--file", invocation_.files, "YAML or JSON; - is the standard input")
        ->required()
        ->type_name("FILE");
  }
  void add_wait(CLI::App& sub) {
    sub.add_option("--wait", invocation_.wait, "for data planes to take it; 0: do not wait")
        ->capture_default_str()
        ->type_name("DURATION");
  }
  void add_kind(CLI::App& sub, bool name_required) {
    sub.add_option("kind", invocation_.kind, "as `sluice explain` lists them")->required();
    auto* name = sub.add_option("name", invocation_.name, "one document");
    if (name_required) name->required();
  }
  void add_node(CLI::App& sub) {
    sub.add_option("--node", invocation_.node, "the data plane; the only one if absent");
  }

  void add_state_commands() {
    CLI::App& apply_app = add("apply", "Add or replace documents", apply);
    add_files(apply_app);
    apply_app.add_flag("--dry-run", invocation_.dry_run, "only say what would change");
    apply_app
        .add_option("--stagger", invocation_.stagger,
                    "in as few steps as max_disruption of the services allows, this long between "
                    "them; with --dry-run, say which")
        ->type_name("PAUSE");
    apply_app.add_flag("--replace", invocation_.replace, "delete documents that are not given");
    apply_app.add_option("--base-revision", invocation_.base_revision,
                         "refuse if another is in force");
    apply_app.add_option("-m,--comment", invocation_.comment, "shown by history");
    add_wait(apply_app);
    apply_app.footer(
        "With --stagger, Ctrl-C between two steps leaves the last one in force. The same command "
        "goes on from there; `sluice rollback` goes back.");

    CLI::App& diff_app =
        add("diff",
            "Say what apply would change, and move of services' flows; exit status 1 if anything",
            diff);
    add_files(diff_app);
    diff_app.add_flag("--replace", invocation_.replace, "as of apply");

    add_files(add("validate", "Check a whole state, without a daemon", validate));

    CLI::App& delete_app = add("delete", "Delete a document", remove);
    add_kind(delete_app, true);
    add_wait(delete_app);

    CLI::App& history_app = add("history", "List revisions, newest first", history);
    history_app.add_option("-n,--limit", invocation_.limit, "how many; 50 if absent");

    CLI::App& rollback_app =
        add("rollback", "Make the state of an earlier revision the desired one", rollback);
    rollback_app.add_option("revision", invocation_.revision)->required();
    add_wait(rollback_app);
  }

  void add_get_commands() {
    CLI::App& get_app = add("get",
                            "Show documents with their counters; or all, counters, flows, "
                            "flow-counts, connections, neighbours, route-table",
                            get);
    add_kind(get_app, false);
    get_app.add_option("--revision", invocation_.revision, "of an earlier one");
    get_app.add_option("-n,--limit", invocation_.limit, "rows of a live table");
    add_node(get_app);
    add_kind(add("describe", "Show one document with its counters", describe), true);
  }

  void add_live_commands() {
    add("status", "Show the data planes and what they have in force", status);
    CLI::App& top_app = add("top", "Show rates, each second", top);
    top_app.add_flag("--once", invocation_.once, "one second, then end");

    add_filter(add("trace", "Show what each stage decides for matching packets", trace));

    CLI::App& capture_app = add(
        "capture",
        "Write matching packets as they come in to a pcapng, each with what became of it", capture);
    add_filter(capture_app);
    capture_app.add_option("--out", invocation_.out_file, "file to write; - is standard output")
        ->required()
        ->type_name("FILE");
    capture_app.add_option("--snap", invocation_.snap, "bytes of each packet")
        ->check(CLI::Range(14, 1522));

    CLI::App& why_app = add("why", "Say what would happen to a packet", why);
    why_app.add_option("flow", invocation_.flow, "PROTOCOL SOURCE[:PORT] DESTINATION[:PORT]")
        ->expected(3)
        ->required();
    why_app.add_option("--port", invocation_.in_port,
                       "port that it comes in by; the one that routes to the source if absent");
    why_app.add_option("--flags", invocation_.tcp_flags, "of TCP, as syn,ack; syn if absent");
    why_app.add_option("--query", invocation_.query_name, "name that a DNS query asks for");
    why_app.add_option("--type", invocation_.query_type, "record type that it asks for");
    add_node(why_app);
  }

  /// Which packets, and how many.
  void add_filter(CLI::App& app) {
    v1::TraceFilter& filter = invocation_.filter;
    app.add_option_function<std::string>(
        "--proto", [&](const std::string& text) { filter.set_protocol(text); },
        "tcp, udp, icmp, arp or a number");
    app.add_option_function<std::string>(
        "--src", [&](const std::string& text) { filter.set_source(text); }, "address or prefix");
    app.add_option_function<std::string>(
        "--dst", [&](const std::string& text) { filter.set_destination(text); },
        "address or prefix");
    app.add_option_function<std::uint16_t>(
        "--sport", [&](std::uint16_t port) { filter.set_source_port(port); }, "source port");
    app.add_option_function<std::uint16_t>(
        "--dport", [&](std::uint16_t port) { filter.set_destination_port(port); },
        "destination port");
    app.add_option_function<std::string>(
        "--port", [&](const std::string& text) { filter.set_port(text); },
        "port that it comes in by");
    app.add_flag_callback(
        "--dropped", [&] { filter.set_dropped_only(true); }, "only what is dropped");
    app.add_option("-n,--limit", invocation_.limit, "packets; until Ctrl-C if absent");
    add_node(app);
  }

  void add_replay() {
    CLI::App& replay_app =
        add("replay",
            "Run the data plane's pipeline over a capture, with its time stamps as the clock, "
            "without NIC, root or daemon",
            replay_capture);
    replay_app.add_option("--state", invocation_.files, "desired state, as apply takes it")
        ->required()
        ->type_name("FILE");
    replay_app.add_option("--in", invocation_.in_file, "pcap or pcapng of Ethernet frames")
        ->required()
        ->type_name("FILE");
    replay_app
        .add_option("--port", invocation_.in_port,
                    "all packets come in by it; if absent: the port that the interface of a "
                    "pcapng is called after, else the one to whose Ethernet address a packet "
                    "is sent, else the first")
        ->type_name("NAME");
    replay_app
        .add_option("--out", invocation_.out_file,
                    "packets that leave; pcapng with interface names if the state has several "
                    "ports, else pcap")
        ->required()
        ->type_name("FILE");
    replay_app
        .add_option("--verdicts", invocation_.verdicts_file,
                    "what became of each, a JSON line each")
        ->type_name("FILE");
    replay_app.add_flag("--cycles", invocation_.cycles,
                        "measure the cycles of each packet; they are null without this, so that "
                        "two runs give the same bytes");
    replay_app
        .add_option("--burst", invocation_.burst,
                    "packets of one time stamp that the pipeline is given at once")
        ->check(CLI::Range(1, 16))
        ->capture_default_str();
    replay_app.footer(
        "Next hops have the Ethernet address 02:00:00:00:00:01, unless the Port lists the "
        "neighbour. A Port has that of its document; without one it sends from 02:00:00:00:01:NN, "
        "NN from 00, and takes frames to any.");
  }

  void add_other_commands() {
    CLI::App& explain_app = add("explain", "Show the fields of a kind", explain);
    explain_app.add_option("path", invocation_.kind, "KIND[.FIELD...]; all kinds if absent");
    add("doctor", "Check this machine; changes nothing", doctor);
    add("version", "Show versions", version);
  }

  CLI::App app_;
  Invocation invocation_;
  Command command_;
};

}  // namespace
}  // namespace sluice::cli

int main(int count, char** values) {
  return sluice::cli::CommandLine().run(count, values);
}
