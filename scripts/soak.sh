#!/usr/bin/env bash
# The programmes of quality.md at their full length. With names, only those: scripts/soak.sh T5 T6
set -uo pipefail
cd "$(dirname "$0")/.."
wanted=" $* "
failed=()

run() { # run T5 "VARIABLE=value …" tests…
  local name=$1 variables=$2
  shift 2
  case "$wanted" in "  " | *" $name "*) ;; *) return ;; esac
  echo "== $name ($(date +%H:%M:%S))"
  # shellcheck disable=SC2086 - several assignments
  env $variables .venv/bin/pytest -q "$@" || failed+=("$name")
}

run T1 "CARDNET_EXAMPLES=2000" tests/benefits/test_rules.py
# The length quality.md names for CI, which has twelve minutes for everything; a submission runs 8 x 25.
run T2-CI "CARDNET_EXAMPLES=300 CARDNET_STEPS=40" tests/merchant_api/model
run T2 "CARDNET_EXAMPLES=5000 CARDNET_STEPS=60" tests/merchant_api/model
run T2 "CARDNET_EXAMPLES=300" tests/issuance/test_state_machine.py
run T3 "CARDNET_ROUNDS=200" tests/benefits/test_races.py tests/merchant_api/test_races.py tests/merchants/test_partner_races.py tests/issuance/test_races.py \
  tests/issuance/test_card_races.py tests/issuance/test_member_races.py tests/issuance/test_quota_races.py tests/issuance/test_review_races.py
run T4 "CARDNET_KILLS=8 CARDNET_KILL_SECONDS=40" tests/merchant_api/test_killed_database.py
run T5 "CARDNET_FAILPOINTS=all" tests/merchant_api/test_failpoints.py
run T5 "CARDNET_KILLS=12 CARDNET_SALES=500" tests/merchant_api/test_killed_web.py
run T6 "CARDNET_LOSSY_REQUESTS=10000 CARDNET_LOST_COMMITS=200" tests/merchant_api/test_lost_commits.py tests/merchant_api/test_bad_line.py
run T9 "CARDNET_FEED_SECONDS=40" tests/merchant_api/test_events.py
run T12 "CARDNET_CASES=150" tests/merchant_api/test_openapi.py
run T12 "CARDNET_CASES=20" tests/api/test_openapi.py
run STALL "CARDNET_STALL=0.6" tests/browser
run STALL "CARDNET_SLOW_TEST=150" tests/browser
run T13 "CARDNET_SOAK=1 CARDNET_FUZZ=100000" tests/credential
run T14 "CARDNET_MESSY_SEEDS=400" tests/membership/test_messy_rosters.py

if [ ${#failed[@]} -gt 0 ]; then
  echo "cardnet: not reached: ${failed[*]}" >&2
  exit 1
fi
echo "cardnet: every programme that ran reached its figure."
