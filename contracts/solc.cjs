#!/usr/bin/env node
// npm's solc (WebAssembly) behind the command line of the native compiler, as far as py-solc-x, forge and ape use it:
// `--version`, and `--standard-json` from standard input or a file. No native solc is on any registry that we can pin.
'use strict';
const fs = require('fs');
const path = require('path');
const home = path.dirname(require.resolve('solc/package.json', { paths: [path.join(__dirname, '..')] }));

function fail(sentence) {
  process.stderr.write(`solc.cjs: ${sentence}\n`);
  process.exit(1);
}

// The repository is the last root: ape compiles in a copy of the project that has no node_modules.
const roots = [process.cwd(), path.join(__dirname, '..')];
let mode, file;
const args = process.argv.slice(2).flatMap((a) => (/^--[\w-]+=/.test(a) ? [a.slice(0, a.indexOf('=')), a.slice(a.indexOf('=') + 1)] : [a]));
while (args.length) {
  const arg = args.shift();
  if (arg === '--version' || arg === '-V') mode = 'version';
  else if (arg === '--standard-json') mode = mode || 'json';
  else if (arg === '--base-path') roots[0] = args.shift();
  else if (arg === '--include-path' || arg === '-I') roots.push(args.shift());
  else if (arg === '--allow-paths') args.shift(); // every import below a root is allowed
  else if (mode === 'json' && !arg.startsWith('--') && !file) file = arg;
  else fail(`unsupported option ${arg}`);
}

if (mode === 'version') {
  // Loading 9 MB of WebAssembly to say a version would cost every caller a second. The commit is in the metadata of what
  // is compiled.
  const { version } = require(path.join(home, 'package.json'));
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}+commit.00000000.Linux.g++\n`);
} else if (mode === 'json') {
  const read = (name) => {
    const found = roots.map((root) => path.resolve(root, name)).find((p) => fs.existsSync(p));
    return found ? { contents: fs.readFileSync(found, 'utf8') } : { error: `File not found: ${name}` };
  };
  const input = fs.readFileSync(!file || file === '-' ? 0 : file, 'utf8');
  process.stdout.write(require(home).compile(input, { import: read }), () => process.exit(0));
} else fail('only --version and --standard-json');
