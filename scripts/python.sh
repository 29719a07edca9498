#!/usr/bin/env bash
# Makes .venv and installs one lock file into it, every hash checked. Of pip only errors are shown.
set -euo pipefail
cd "$(dirname "$0")/.."
lock=$1

die() { echo "cardnet: $*" >&2; exit 1; }

python=""
for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
  [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$candidate && break
done
[ -n "$python" ] || die "需要 Python 3.11 或更新的版本（在 Debian 12 上：apt-get install python3 python3-venv）。"

if [ ! -x .venv/bin/pip ]; then
  if ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
      "$python" -m venv .venv || die "python3-venv 装好后仍不能建立 .venv。"
    else
      die "不能建立 .venv：请安装 python3-venv（apt-get install python3-venv）后再试。"
    fi
  fi
fi
echo "cardnet: 正在安装 $lock …"
.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r "$lock" ||
  die "没有装上 $lock：请检查到 Python 软件源的网络后再试。"
.venv/bin/pip install -qq --disable-pip-version-check --no-deps -e . ||
  die "没有装上 cardnet 本身：请看上面的提示。"
