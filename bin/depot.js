#!/usr/bin/env node
// Only syntax that an old Node understands: it must get as far as saying that it is too old.
const oldest = '22.14';

// The first with this version of Node-API: the SQLite driver crashes without it.
if (Number(process.versions.napi) < 10) {
  console.error(`depot: needs Node ${oldest} or newer: this is ${process.versions.node}`);
  process.exitCode = 2;
} else {
  start(process.argv.slice(2)).catch((error) => {
    console.error(
      process.env.DEPOT_DEBUG === '1' ? error : `depot: cannot start: ${error.message}`,
    );
    process.exitCode = 1;
  });
}

async function start(args) {
  // Scripts ask for the version often: answered without loading the command line.
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    const { readVersion } = await import('../dist/cli/version.js');
    process.stdout.on('error', (error) => {
      if (error.code === 'EPIPE') return;
      console.error(`depot: cannot write to standard output: ${error.message}`);
      process.exitCode = 1;
    });
    process.stdout.write(`${readVersion()}\n`);
    return;
  }
  // Synchronizing many small files at once takes threads.
  if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = '32';
  const { enableCompileCache } = process.getBuiltinModule('node:module');
  if (enableCompileCache) enableCompileCache();
  const { main } = await import('../dist/cli/main.js');
  process.once('beforeExit', sayUnfinished);
  const code = await main(args);
  process.off('beforeExit', sayUnfinished);
  // Output that nobody takes would keep an interrupted process alive.
  if (code > 128) process.exit(code);
  process.exitCode = code;
}

// Nothing is left that could go on, such as where a storage of the user's own never answers: Node
// would end as if all were done.
function sayUnfinished() {
  console.error('depot: ended before it was done: it waits for what can never come');
  process.exitCode = 1;
}
