#!/bin/sh
# Prove the update on the branch that ci/update.sh has proposed, and post the result there: a run of
# each component that it touches, before and after, compared bit for bit. Without a proposal, do
# nothing.
set -eu

branch=$(git branch --show-current)
case $branch in
  update/*) ;;
  *) exit 0 ;;
esac

templates=$(sed -n 's/^_commit: *"\(.*\)"$/\1/p' .copier-answers.yml)
report=$(mktemp)
log=$(mktemp)
body=$(mktemp)
trap 'rm -f "$report" "$log" "$body"' EXIT

# The packages are those of the updated project, the files those of before: the update is planned
# again. Code of packages and of the project sees no token.
prove() {
  env -u GH_TOKEN -u UPDATE_TOKEN uv sync &&
    git switch --quiet --detach HEAD^ &&
    env -u GH_TOKEN -u UPDATE_TOKEN \
      uv run --no-sync ltscaffold update --prove --dry-run --to "$templates"
}
status=0
prove >"$report" 2>"$log" || status=$?
cat "$log" "$report"

{
  # Status 1: something differs, as the report says.
  if [ "$status" -le 1 ] && [ -s "$report" ]; then
    echo '`ltscaffold update --prove` repeated a run of each component that this update touches:'
  else
    echo "\`ltscaffold update --prove\` ended without a proof (status $status):"
    tail -n 1 "$log" >"$report"
  fi
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
