// All benchmarks in turn. Ratios are taken side by side in one run; machines differ.
//     npm run bench                        our own limits: start-up, memory, listing, throughput, scanning
//     npm run bench -- --compare           beside other tools; --quick: fewer blobs, some minutes
//     npm run bench -- --compare --write   the same into bench/RESULTS.md
//     npm run bench -- --administration    everyday commands on 100,000 blobs, some minutes
const [compare, quick, write, administration] = [
  '--compare',
  '--quick',
  '--write',
  '--administration',
].map((option) => process.argv.includes(option));

if (administration) {
  await import('./administration.js');
} else if (compare) {
  const { compareDatabases } = await import('./compare-databases.js');
  const { compareServices } = await import('./compare-services.js');
  const { skipped, versions, writeResults } = await import('./results.js');
  for (const part of [compareDatabases, compareServices]) {
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
