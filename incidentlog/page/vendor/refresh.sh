#!/bin/sh
# Fetch every package of packages.txt with `npm pack`, and take its files. Change a version there, run this, read the diff.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
grep -v '^#' packages.txt | while read -r package version licence files; do
  folder=$(basename "$package")
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null && tar -xzf ./*.tgz && rm ./*.tgz)
  [ "$(node -p "require('$work/package/package.json').license")" = "$licence" ] || { echo "$package: not $licence" >&2; exit 1; }
  rm -rf "$folder" && mkdir "$folder"
  for file in $files; do cp "$work/package/$file" "$folder/"; chmod 644 "$folder/$(basename "$file")"; done
  rm -rf "$work/package"
done
find . -mindepth 2 -type f | LC_ALL=C sort | xargs sha256sum > SHA256SUMS
