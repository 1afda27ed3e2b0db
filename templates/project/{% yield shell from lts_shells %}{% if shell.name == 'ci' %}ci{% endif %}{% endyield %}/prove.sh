#!/bin/sh
# Prove the update on the branch that ci/update.sh has proposed, and post the result there: a run of
# each component before and after the update, compared bit for bit. Without a proposal, do nothing.
set -eu

branch=$(git branch --show-current)
case $branch in
  update/*) ;;
  *) exit 0 ;;
esac

report=$(mktemp)
log=$(mktemp)
body=$(mktemp)
trap 'rm -f "$report" "$log" "$body"' EXIT

# The packages are those of the updated project, the files those of before: the update is planned
# again.
uv sync
git switch --quiet --detach HEAD^

# Status 1: something differs, as the report says. 2: no proof is possible, as the log says.
status=0
uv run --no-sync ltscaffold update --prove --dry-run >"$report" 2>"$log" || status=$?
cat "$log" "$report"
if [ "$status" -gt 1 ]; then
  tail -n 1 "$log" >"$report"
fi

{
  echo '`ltscaffold update --prove` repeated a run of each component, before and after the update:'
  echo
  echo '```text'
  cat "$report"
  echo '```'
} >"$body"

if [ -n "${GITLAB_CI:-}" ]; then
  requests="$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests"
  number=$(curl --silent --show-error --fail-with-body --header "PRIVATE-TOKEN: $UPDATE_TOKEN" \
    --get --data-urlencode "source_branch=$branch" "$requests" |
    grep -o '"iid": *[0-9]*' | head -n 1 | tr -dc 0-9)
  curl --silent --show-error --fail-with-body --header "PRIVATE-TOKEN: $UPDATE_TOKEN" \
    --data-urlencode "body@$body" "$requests/$number/notes"
else
  gh pr comment "$branch" --body-file "$body"
fi
