// All benchmarks in turn. Ratios are taken side by side in one run; machines differ.
//     npm run bench                        our own limits: start-up, memory, listing, throughput, scanning
//     npm run bench -- --compare           beside other tools; --quick: fewer blobs, some minutes
//     npm run bench -- --compare --write   the same into bench/RESULTS.md
//     npm run bench -- --serve             files over HTTP beside nginx and filedepot's middleware, a minute
//     npm run bench -- --administration    everyday commands on 100,000 blobs, some minutes
const [compare, quick, write, serve, administration] = [
  '--compare',
  '--quick',
  '--write',
  '--serve',
  '--administration',
].map((option) => process.argv.includes(option));

if (administration) {
  await import('./administration.js');
} else if (serve) {
  await (await import('./compare-serving.js')).compareServing();
} else if (compare) {
  const { compareDatabases } = await import('./compare-databases.js');
  const { compareServices } = await import('./compare-services.js');
  const { compareServing } = await import('./compare-serving.js');
  const { skipped, versions, writeResults } = await import('./results.js');
  for (const part of [compareDatabases, compareServices, compareServing]) {
    await part({ quick }).catch((error) => {
      process.exitCode = 1;
      console.error(error);
      skipped('The rest of this part', 'it failed');
    });
  }
  if (write) writeResults(quick, versions());
} else {
  await import('./startup.js');
  await import('./list.js');
  await import('./memory.js');
  await import('./throughput.js');
  await import('./scan.js');
}
