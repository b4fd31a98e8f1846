#!/usr/bin/env node
// Plain JavaScript that an old Node understands: it must be able to say that it is too old.
const oldest = 22;

if (Number(process.versions.node.split('.')[0]) < oldest) {
  console.error(`depot: needs Node ${oldest} or newer: this is ${process.versions.node}`);
  process.exitCode = 2;
} else {
  await start();
}

async function start() {
  // Synchronizing many small files at once takes threads.
  process.env.UV_THREADPOOL_SIZE ??= '16';
  const [{ enableCompileCache }, v8] = await Promise.all([
    import('node:module'),
    import('node:v8'),
  ]);
  // Without it the young generation grows by a hundred megabytes that are soon garbage.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  enableCompileCache?.();
  const { main } = await import('../dist/cli/main.js');
  process.exitCode = await main(process.argv.slice(2));
}
