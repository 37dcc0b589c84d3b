#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs, where that may be done, what some tests compare with or talk to: those are skipped without it.
missing=""
command -v docker-registry >/dev/null || missing="$missing docker-registry"
command -v getfattr >/dev/null || missing="$missing attr"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing$missing for the tests" >&2
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # one word each
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null
fi
command -v docker-registry >/dev/null || echo "NOT TESTED with docker-registry: it is not installed, and cannot be installed from here" >&2
command -v getfattr >/dev/null || echo "NOT TESTED with getfattr: it is not installed, and cannot be installed from here" >&2
exit 0
