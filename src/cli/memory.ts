import v8 from 'node:v8';

/**
 * For commands that walk over many rows or blobs: without it the young generation grows by a hundred
 * megabytes that are soon garbage. Only as long as the program runs can V8 be told so.
 */
export function keepMemorySmall(): void {
  v8.setFlagsFromString('--semi-space-growth-factor=1');
}
