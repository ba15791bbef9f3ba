# One image for everything that Piecework runs: the indexer, the API, and the devnet for trying. What is in it is what `make setup`
# installs, by the same locks.
FROM python:3.12-slim-bookworm AS build
COPY --from=node:22-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=node:22-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && apt-get update && apt-get install --no-install-recommends --yes make && rm -rf /var/lib/apt/lists/*
WORKDIR /piecework
# Locks first: a change of code installs nothing again.
COPY Makefile requirements.lock package.json package-lock.json ./
RUN make .venv/installed node_modules/.installed
COPY . .
RUN make setup

FROM python:3.12-slim-bookworm
RUN useradd --create-home --uid 10001 piecework \
 && install --directory --owner=piecework /data /deployment /chain
COPY --from=build --chown=piecework /piecework /piecework
WORKDIR /piecework
ENV PATH=/piecework/.venv/bin:/piecework/node_modules/.bin:$PATH PYTHONUNBUFFERED=1
USER piecework
EXPOSE 8000
CMD ["python", "-m", "backend"]
