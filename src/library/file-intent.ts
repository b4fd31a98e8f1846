import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { fileError } from '../files.js';
import type { Source } from '../storage.js';

/** What can be stored; a string is the path of a file. */
export type Content =
  | string
  | URL
  | Uint8Array
  | Blob
  | Request
  | Response
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | FileIntent;

/** Names that a content is to be stored with, whatever it says of itself. */
export interface FileAttributes {
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
}

/** A content together with the filename and type that it is meant to be stored with. */
export class FileIntent implements FileAttributes {
  readonly content: Exclude<Content, FileIntent>;
  readonly filename: string | undefined;
  readonly contentType: string | undefined;

  constructor(content: Exclude<Content, FileIntent>, filename?: string, contentType?: string) {
    this.content = content;
    this.filename = filename;
    this.contentType = contentType;
  }
}

/** Bytes to store, and what is known of them. */
export interface Upload extends FileAttributes {
  readonly chunks: Source;
  /** Bytes, where known beforehand. */
  readonly length?: number | undefined;
}

/**
 * What is to be stored, and under which names: those given go before what the content says of
 * itself, that of a file its own name, of a `File`, `Request` or `Response` its type.
 *
 * @throws DepotError `usage` for what is no content, `not-found` for a path where no file is
 */
export async function uploadOf(content: Content, given: FileAttributes = {}): Promise<Upload> {
  if (content instanceof FileIntent) {
    const { filename = content.filename, contentType = content.contentType } = given;
    return uploadOf(content.content, { filename, contentType });
  }
  const own = await describe(content);
  return {
    ...own,
    filename: given.filename ?? own.filename,
    contentType: given.contentType ?? own.contentType,
  };
}

async function describe(content: Exclude<Content, FileIntent>): Promise<Upload> {
  if (typeof content === 'string' || content instanceof URL) return ofFile(content);
  if (content instanceof Uint8Array) return { chunks: once(content), length: content.byteLength };
  if (content instanceof Blob) return ofBlob(content);
  if (content instanceof Request || content instanceof Response) return ofMessage(content);
  if (isIterable(content)) return { chunks: content };
  throw new DepotError('usage', `${typeof content} cannot be stored`, {
    hint: 'Give the path of a file, a Buffer, a Blob, a stream, a Request or a FileIntent.',
  });
}

async function ofFile(file: string | URL): Promise<Upload> {
  const what = `cannot read ${String(file)}`;
  const found = await stat(file).catch((error: unknown) => {
    throw fileError(error, what);
  });
  if (!found.isFile()) throw new DepotError('usage', `${what}: it is not a file`);
  const filename = path.basename(file instanceof URL ? decodeURIComponent(file.pathname) : file);
  return { chunks: readingFile(file, what), filename, length: found.size };
}

/** Opened when the first chunk is asked for, so that what is never stored is never open. */
async function* readingFile(file: string | URL, what: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw fileError(error, what);
  }
}

function ofBlob(blob: Blob): Upload {
  const named = 'name' in blob && typeof blob.name === 'string' && blob.name !== '';
  return {
    chunks: blob.stream(),
    length: blob.size,
    filename: named ? String(blob.name) : undefined,
    contentType: blob.type === '' ? undefined : blob.type,
  };
}

function ofMessage({ body, headers }: Request | Response): Upload {
  const length = headers.get('content-length');
  // What was compressed on its way has another length here.
  const counts = length !== null && /^\d+$/.test(length) && !headers.has('content-encoding');
  return {
    chunks: body ?? once(new Uint8Array()),
    length: counts ? Number(length) : undefined,
    contentType: headers.get('content-type') ?? undefined,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

function isIterable(content: unknown): content is AsyncIterable<Uint8Array> {
  return typeof content === 'object' && content !== null && Symbol.asyncIterator in content;
}
