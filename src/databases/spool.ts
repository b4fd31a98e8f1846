import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileError } from '../files.js';
import { chunkSize } from '../streams.js';

/** Bytes in a temporary file, which can be read more than once. */
export interface Spool {
  /** Bytes. */
  readonly length: number;
  /** A chunk is valid until the next one is asked for. */
  chunks(): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Keeps bytes in a temporary file of this process alone, since their number must be known before
 * they are sent. It has no name any more when it is filled, so that a crash leaves nothing.
 *
 * @param checkLength throws where the file gets too large
 */
export async function spool(
  chunks: AsyncIterable<Uint8Array>,
  checkLength: (length: number) => void,
): Promise<Spool> {
  const file = path.join(tmpdir(), `depot-${randomUUID()}`);
  const attempt = <T>(action: Promise<T>): Promise<T> =>
    action.catch((error: unknown) => {
      throw fileError(error, `cannot write the temporary file ${file}`);
    });
  const handle = await attempt(open(file, 'wx+', 0o600));
  const close = async (): Promise<void> => {
    await handle.close();
    await rm(file, { force: true });
  };
  try {
    // Where an open file keeps its name, it goes when it is closed.
    await rm(file).catch(() => {});
    let length = 0;
    for await (const chunk of chunks) {
      checkLength(length + chunk.byteLength);
      await attempt(writeAll(handle, chunk, length));
      length += chunk.byteLength;
    }
    return { length, chunks: () => read(handle), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const left = bytes.byteLength - done;
    done += (await handle.write(bytes, done, left, position + done)).bytesWritten;
  }
}

async function* read(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(chunkSize);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, chunkSize, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
