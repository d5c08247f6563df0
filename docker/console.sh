#!/bin/sh
# Builds the pages: console/dist, from console/ and schema/schema.graphql.
#
#   sh docker/console.sh              run in the project's folder
set -eu
cd console
npm ci --loglevel=error
npm run --silent build -- --logLevel warn
