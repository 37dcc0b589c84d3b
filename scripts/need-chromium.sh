#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes sure that there is a Chromium for the browser tests: installs Debian's where it is missing and may be installed.
for name in "${CHROMIUM:-chromium}" chromium-browser google-chrome google-chrome-stable; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium for the browser tests" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null
  command -v chromium >/dev/null && exit 0
fi
echo "NOT TESTED in Chromium: it is not installed, and cannot be installed from here" >&2
exit 1
