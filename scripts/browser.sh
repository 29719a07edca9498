#!/usr/bin/env bash
# What the suite needs beside Python and Node: a Chromium and a Chinese font for the browser tests, curl for the guides.
# The system's, else the distribution's packages (as root), else Playwright's own. Quiet when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

browser() { command -v chromium-headless-shell || command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable; } >/dev/null 2>&1
install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
font() { command -v fc-list >/dev/null && [ -n "$(fc-list :lang=zh-cn family 2>/dev/null)" ]; }

wanted=()
if [ -z "${CARDNET_CHROMIUM:-}" ] && ! browser; then wanted+=(chromium); fi
if ! font; then wanted+=(fontconfig fonts-noto-cjk); fi
if ! command -v curl >/dev/null; then wanted+=(curl); fi
[ ${#wanted[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "cardnet: 正在安装 ${wanted[*]} …"
  apt-get update -qq >/dev/null 2>&1 || true
  # The shell is Chromium without the windows nobody sees: a page takes it a third of the time. Not every distribution has it.
  if install "${wanted[@]/#chromium/chromium-headless-shell}" || install "${wanted[@]}"; then
    exit 0
  fi
fi
if [[ " ${wanted[*]} " == *" chromium "* ]]; then
  .venv/bin/playwright install chromium >/dev/null 2>&1 ||
    echo "cardnet: 没有 Chromium，浏览器测试会跳过。请安装它（apt-get install chromium），或把 CARDNET_CHROMIUM 设为它的路径。" >&2
fi
command -v curl >/dev/null || echo "cardnet: 没有 curl，指南里的命令无法试运行。请安装它（apt-get install curl）。" >&2
font || echo "cardnet: 没有中文字体，截图里的汉字会是方块。请安装它（apt-get install fonts-noto-cjk）。" >&2
exit 0
