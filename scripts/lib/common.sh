# Shared by the scripts: where things are, how they speak. Sourced, not run.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export root
export CCACHE_SLOPPINESS=pch_defines,time_macros

say() { printf '%s\n' "$*"; }
step() { printf '\033[1m==> %s\033[0m\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
usage_error() { printf '%s: %s; see %s --help\n' "$(basename "$0")" "$1" "$0" >&2; exit 2; }
is_root() { [ "$(id -u)" = 0 ]; }

# Names in scripts/packages.txt, comments left out.
packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$root/scripts/packages.txt"; }

# Those of them that are not installed.
missing_packages() {
  local known
  known=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 2>/dev/null | sed -n 's/^ii //p' | sort -u)
  comm -23 <(packages | sort -u) <(printf '%s\n' "$known")
}

# Runs a command with its output in a file; shows a line of progress, and the output if it fails.
quietly() {
  local what=$1 log
  shift
  log=$(mktemp)
  step "$what"
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    local status=$?
    tail -n 60 "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}
