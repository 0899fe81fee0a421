#!/bin/sh
# Prints one line for each check; exits with 1 when one of them failed.
cd "$(dirname "$0")/.." && exec node scripts/monitor.js
