#!/bin/bash
# Writes all payments to a new file in BACKUP_DIR; a file that is there is complete.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=$(sed -n 's/^BACKUP_DIR=//p' .env | tail -n 1)
target="$folder/payments-$(date -u +%Y%m%d-%H%M%S).jsonl.gz"

umask 077
mkdir -p "$folder"
trap 'rm -f "$target.part"' EXIT
node scripts/export.js | gzip >"$target.part"
gzip --test <"$target.part"
mv "$target.part" "$target"
echo "backup written: $target ($(wc -c <"$target") bytes)"
