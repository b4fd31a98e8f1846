// Takes the lock on the file that its argument names, says so, and holds it until it is killed.
import { tryLock } from '../src/lock.js';

const lock = tryLock(process.argv[2] as string);
if (lock === null) throw new Error('another process holds the lock');
console.log('locked');
setInterval(() => {}, 1_000_000);
