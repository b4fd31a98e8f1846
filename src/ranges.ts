import type { Backend, BlobContent, BlobInfo, ByteRange } from './backend.js';
import { DepotError } from './errors.js';

/** A blob's bytes, or a range of them; fails with `usage` for a range that is not within the blob. */
export async function readWithin(
  backend: Backend,
  { id, range, path }: { id: string; range: ByteRange | undefined; path: string },
): Promise<BlobContent> {
  if (range === undefined) return backend.read(id);
  if (!isRange(range)) checkRange(range, await backend.info(id), path);
  let content: BlobContent;
  try {
    content = await backend.read(id, range);
  } catch (error) {
    // Services refuse such a range each in words of its own.
    if (error instanceof DepotError && ['failed', 'damaged', 'usage'].includes(error.kind))
      checkRange(range, await backend.info(id), path);
    throw error;
  }
  try {
    checkRange(range, content.info, path);
    return content;
  } catch (error) {
    await content.close();
    throw error;
  }
}

function isRange({ start, end }: ByteRange): boolean {
  const isWhole = Number.isSafeInteger(start) && Number.isSafeInteger(end);
  return isWhole && start >= 0 && start <= end;
}

function checkRange(range: ByteRange, { contentLength }: BlobInfo, path: string): void {
  const { start, end } = range;
  if (isRange(range) && end < contentLength) return;
  throw new DepotError(
    'usage',
    `the bytes ${start} to ${end} are not within ${path}, which has ${contentLength}`,
  );
}
