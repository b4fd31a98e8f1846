// Takes the lock on the file that its argument names, says so, and holds it until it is killed.
import { setImmediate } from 'node:timers/promises';
import { tryLock } from '../src/lock.js';

if (tryLock(process.argv[2] as string) === null) throw new Error('another process holds the lock');
// A lock is held until it is given back, also one that nobody has kept.
for (let round = 0; round < 3; round += 1) {
  globalThis.gc?.();
  await setImmediate();
}
console.log('locked');
setInterval(() => {}, 1_000_000);
