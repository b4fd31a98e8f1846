// All benchmarks in turn. Ratios are taken side by side in one run; machines differ.
await import('./startup.js');
await import('./list.js');
await import('./memory.js');
await import('./scan.js');
await import('./throughput.js');
