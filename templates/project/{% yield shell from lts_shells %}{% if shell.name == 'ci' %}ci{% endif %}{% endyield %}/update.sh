#!/bin/sh
# Bring the project to the latest templates on a branch of its own, and open a pull request.
# The body lists the lines to review. A branch that exists is left alone: it was proposed already.
# No token is stored: git takes it from PUSH_URL, or asks gh.
set -eu

report=$(mktemp)
body=$(mktemp)
trap 'rm -f "$report" "$body"' EXIT

# Status 1: the update wrote conflict markers, which the report lists.
status=0
ltscaffold update >"$report" || status=$?
cat "$report"
[ "$status" -le 1 ] || exit "$status"
if [ -f uv.lock ]; then
  uv lock
fi
if [ -z "$(git status --porcelain)" ]; then
  exit 0
fi

package=$(ltscaffold --version | tr ' ' '-')
templates=$(sed -n 's/^_commit: *"\(.*\)"$/\1/p' .copier-answers.yml)
branch=update/$package-templates-$templates
title="Update to $package, templates $templates"
if git ls-remote --exit-code --heads origin "$branch" >/dev/null; then
  echo "$branch exists: it was proposed already"
  exit 0
fi

{
  echo '`ltscaffold update` merged the latest templates with the edits in this project.'
  echo
  if grep -Eq '^(REVIEW|CONFLICT) ' "$report"; then
    echo 'To review:'
    echo
    sed -En 's/^(REVIEW|CONFLICT) ([^ ]+) (.*)/- [ ] \1 `\2`: \3/p' "$report"
  else
    echo 'There is nothing to review: no change met an edit.'
  fi
  if grep -q '^note: ' "$report"; then
    echo
    echo 'Notes:'
    echo
    sed -n 's/^note: /- /p' "$report"
  fi
} >"$body"

git switch --quiet --create "$branch"
git add --all
git -c user.name=ltscaffold -c user.email=ltscaffold@localhost commit --quiet --message "$title"
git push --quiet "${PUSH_URL:-origin}" "$branch"

if [ -n "${GITLAB_CI:-}" ]; then
  curl --silent --show-error --fail-with-body --header "PRIVATE-TOKEN: $UPDATE_TOKEN" \
    --data-urlencode "source_branch=$branch" --data-urlencode "target_branch=$CI_DEFAULT_BRANCH" \
    --data-urlencode "title=$title" --data-urlencode "description@$body" \
    "$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests"
else
  gh pr create --head "$branch" --title "$title" --body-file "$body"
fi
