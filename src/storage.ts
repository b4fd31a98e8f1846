import type {
  Backend,
  BlobContent,
  BlobInfo,
  BlobMetadata,
  ByteRange,
  GivenHeaders,
  ListPage,
  NewBlob,
  Place,
  ServiceCopy,
  WholeBlob,
} from './backend.js';
import { DepotError, isNotFound } from './errors.js';
import { smallestOf } from './listing.js';
import { guessType } from './python/mimetypes.js';
import { readWithin } from './ranges.js';
import {
  abortable,
  type Count,
  gather,
  measured,
  newMeasure,
  paced,
  release,
  sha256Of,
  type Throttle,
} from './streams.js';
import { formatUtc } from './time.js';

/** Bytes to store: what iterates over chunks, such as any readable stream. */
export type Source = AsyncIterable<Uint8Array>;

export interface WriteOptions {
  readonly filename?: string | undefined;
  readonly contentType?: string | undefined;
  /** Default: now; null where it is not known. */
  readonly lastModified?: Date | null | undefined;
  /** Bytes, where known; a source of another length is an error and leaves nothing behind. */
  readonly length?: number | undefined;
  /** What the blob is called where it is copied from; kept by storages that name blobs otherwise. */
  readonly originalId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions {
  readonly range?: ByteRange;
  readonly signal?: AbortSignal;
}

/** What was written: bytes and their SHA-256 in hexadecimal. */
export interface Written {
  readonly id: string;
  readonly length: number;
  readonly sha256: string;
}

/** A blob's content, and what the bytes add up to that have been read of it. */
export interface MeasuredContent extends BlobContent {
  /** SHA-256 in hexadecimal. */
  sha256(): string;
}

/** A blob in memory, and its bytes' SHA-256 in hexadecimal. */
export interface HashedBlob extends WholeBlob {
  readonly sha256: string;
}

/**
 * One configured storage: the facade where identifiers are checked, defaults are filled in, and
 * lengths and hashes are taken, once for all backends.
 */
export class Storage {
  readonly name: string;
  /** The backend's short name, such as `local`. */
  readonly kind: string;
  readonly backend: Backend;
  readonly #throttle: Throttle | null;

  constructor(name: string, kind: string, backend: Backend, throttle: Throttle | null = null) {
    this.name = name;
    this.kind = kind;
    this.backend = backend;
    this.#throttle = throttle;
  }

  /** The same storage; what goes out of it waits for its turn. */
  throttledBy(throttle: Throttle): Storage {
    return new Storage(this.name, this.kind, this.backend, throttle);
  }

  /** `storage/id`, as it stands in references. */
  path(id: string): string {
    return `${this.name}/${id}`;
  }

  place(): Promise<Place> {
    return this.backend.place();
  }

  /** Throws unless the storage may be written to, as it is configured. */
  checkWritable(): void {
    const { readOnly } = this.backend;
    if (readOnly !== undefined) throw readOnly;
  }

  /** `YYYY-MM-DD HH:MM:SS`, as Python shows the times of this storage. */
  localTime(time: Date): string {
    return this.backend.localTime?.(time) ?? formatUtc(time);
  }

  publicUrl(id: string): string | null {
    return this.backend.publicUrl(id);
  }

  /** The identifier here of a copy of another storage's blob: its own, where it came from here. */
  idForCopy({ id, originalId }: BlobInfo): string {
    if (originalId !== undefined && this.backend.acceptsId(originalId)) return originalId;
    return this.idFor(id);
  }

  /** Whether `signedUrl` gives URLs. */
  get signsUrls(): boolean {
    return this.backend.signedUrl !== undefined;
  }

  /** Where whoever has the URL fetches the blob for a while, or null where none is to be given. */
  async signedUrl(id: string, headers: GivenHeaders): Promise<string | null> {
    this.#check(id);
    return (await this.backend.signedUrl?.(id, headers)) ?? null;
  }

  /** The identifier here of a blob that another storage calls `id`. */
  idFor(id: string): string {
    return this.backend.acceptsId(id) ? id : this.backend.idFor(id);
  }

  async info(id: string): Promise<BlobInfo> {
    this.#check(id);
    return this.backend.info(id);
  }

  /** The info of a blob whose bytes are all there, as far as that is told without reading them. */
  async inspect(id: string): Promise<BlobInfo> {
    this.#check(id);
    return (await this.backend.inspect?.(id)) ?? this.backend.info(id);
  }

  /** The info, or null where there is no such blob or the storage could never have it. */
  async find(id: string): Promise<BlobInfo | null> {
    if (!this.backend.acceptsId(id)) return null;
    return this.backend.info(id).catch((error: unknown) => {
      if (isNotFound(error)) return null;
      throw error;
    });
  }

  /**
   * The blob's bytes; a blob that is shorter or longer than its info says ends in an error. Fails
   * with `usage` for a range that is not within the blob.
   */
  async read(id: string, options: ReadOptions = {}): Promise<MeasuredContent> {
    const measure = newMeasure();
    const content = await this.#read(id, options, measure);
    return { ...content, sha256: () => measure.hash.copy().digest('hex') };
  }

  /** As `read`, for who passes the bytes on and wants no hash of them. */
  async readUnhashed(id: string, options: ReadOptions = {}): Promise<BlobContent> {
    return this.#read(id, options, { length: 0 });
  }

  async #read(id: string, { range, signal }: ReadOptions, count: Count): Promise<BlobContent> {
    this.#check(id);
    await this.#throttle?.operations(1);
    const content = await readWithin(this.backend, { id, range, path: this.path(id) });
    const { info } = content;
    const chunks = this.#throttle === null ? content.chunks : paced(content.chunks, this.#throttle);
    const expected = range === undefined ? info.contentLength : range.end - range.start + 1;
    const whole = measured(chunks, count, expected, {
      kind: 'damaged',
      what: `damaged blob ${this.path(id)}`,
    });
    return { ...content, chunks: signal === undefined ? whole : abortable(whole, signal) };
  }

  /** SHA-256 of the bytes in hexadecimal, and the info that belongs to them. */
  async hash(id: string, signal?: AbortSignal): Promise<{ info: BlobInfo; sha256: string }> {
    const { info, chunks, sha256 } = await this.read(id, signal === undefined ? {} : { signal });
    for await (const chunk of chunks) release(chunk);
    return { info, sha256: sha256() };
  }

  /**
   * Infos of several blobs, as far as the storage gives them at once; `find` tells of the others.
   */
  async infos(ids: readonly string[]): Promise<BlobInfo[]> {
    return (await this.backend.infos?.(ids.filter((id) => this.backend.acceptsId(id)))) ?? [];
  }

  /**
   * Several small blobs, each of at most `largest` bytes, in any order; without those of which
   * `read` has something to tell.
   */
  async readMany(ids: readonly string[], largest: number): Promise<HashedBlob[]> {
    const { backend } = this;
    // Where others are to breathe, no blobs come in bursts.
    if (this.#throttle !== null) return [];
    const known = ids.filter((id) => backend.acceptsId(id));
    const blobs = backend.readMany
      ? await backend.readMany(known)
      : (await Promise.all(known.map((id) => this.#readWhole(id, largest)))).flat();
    return blobs
      .filter(({ info, bytes }) => bytes.byteLength === info.contentLength)
      .map((blob) => ({ ...blob, sha256: sha256Of(blob.bytes) }));
  }

  async #readWhole(id: string, largest: number): Promise<WholeBlob[]> {
    const refuseMore = (length: number): void => {
      if (length > largest) throw new RangeError('it is no small blob');
    };
    try {
      const { info, chunks, close } = await this.backend.read(id);
      const source = { chunks, length: info.contentLength };
      const bytes = await gather(source, refuseMore).finally(close);
      return [{ info, bytes }];
    } catch {
      // Whoever reads it alone is told why.
    }
    return [];
  }

  /** Whether `infos` does more than leave all to `find`. */
  get givesInfos(): boolean {
    return this.backend.infos !== undefined;
  }

  /** Whether `createMany` does more than leave all to `create`. */
  get createsMany(): boolean {
    return this.backend.createMany !== undefined;
  }

  /** Stores several small blobs at once; says which ones. `create` tells of the others. */
  async createMany(blobs: readonly NewBlob[]): Promise<boolean[]> {
    this.checkWritable();
    for (const { id } of blobs) this.#check(id);
    const stored = (await this.backend.createMany?.(blobs)) ?? [];
    return blobs.map(({ bytes }, index) => stored[index] === bytes.byteLength);
  }

  /** Stores a new blob, under `id` or a new identifier. */
  async create(
    source: Source,
    options: WriteOptions & { id?: string | undefined } = {},
  ): Promise<Written> {
    this.checkWritable();
    const id = options.id ?? this.backend.newId();
    this.#check(id);
    const filename = options.filename ?? 'unnamed';
    return this.#write('create', id, source, options, {
      filename,
      contentType: options.contentType ?? typeOf(filename),
      lastModified: options.lastModified === undefined ? new Date() : options.lastModified,
    });
  }

  /**
   * New content under the same identifier. Without a filename, filename and type stay; with a
   * filename alone the type is guessed from it.
   */
  async replace(id: string, source: Source, options: WriteOptions = {}): Promise<Written> {
    this.checkWritable();
    const old = await this.info(id);
    const { filename } = options;
    const contentType = filename === undefined ? old.contentType : typeOf(filename);
    const { originalId = old.originalId } = options;
    return this.#write(
      'replace',
      id,
      source,
      { ...options, originalId },
      {
        filename: filename ?? old.filename,
        contentType: options.contentType ?? contentType,
        lastModified: options.lastModified === undefined ? new Date() : options.lastModified,
      },
    );
  }

  /**
   * Copies a blob of another storage with its metadata to a new identifier here, inside the
   * service that holds both; null, having done nothing, where no service can.
   */
  async copyFrom(source: Storage, sourceId: string, id: string): Promise<ServiceCopy | null> {
    this.checkWritable();
    this.#check(id);
    if (this.backend.copyFrom !== undefined) await this.#throttle?.operations(1);
    return (await this.backend.copyFrom?.(source.backend, sourceId, id)) ?? null;
  }

  async delete(id: string): Promise<void> {
    this.#check(id);
    await this.#throttle?.operations(1);
    await this.backend.delete(id);
  }

  list(): AsyncIterable<string> {
    return this.backend.list();
  }

  /**
   * A part of the list, in an order that stays, of at most `count` identifiers: the first one, or
   * what follows the part whose `next` was `after`.
   */
  async page(after: string | null, count: number): Promise<ListPage> {
    const { backend } = this;
    return (await backend.page?.(after, count)) ?? smallestOf(backend.list(), after, count);
  }

  async #write(
    action: 'create' | 'replace',
    id: string,
    source: Source,
    options: WriteOptions,
    metadata: BlobMetadata,
  ): Promise<Written> {
    const measure = newMeasure();
    const length = options.length ?? null;
    const input = options.signal === undefined ? source : abortable(source, options.signal);
    const chunks = measured(input, measure, length, {
      kind: 'failed',
      what: `cannot store ${this.path(id)}`,
    });
    const { originalId } = options;
    const copied = originalId === undefined ? metadata : { ...metadata, originalId };
    const stored = await this.backend[action](id, { chunks, length }, copied);
    if (stored !== measure.length) {
      const counts = `it counts ${stored} bytes, ${measure.length} were written`;
      throw new DepotError('damaged', `storage ${this.name} stored ${id} wrongly: ${counts}`);
    }
    return { id, length: measure.length, sha256: measure.hash.digest('hex') };
  }

  #check(id: string): void {
    if (this.backend.acceptsId(id)) return;
    throw new DepotError(
      'usage',
      `storage ${this.name} cannot have the identifier ${JSON.stringify(id)}`,
      {
        hint: `List the identifiers with: depot list ${this.name}`,
      },
    );
  }
}

function typeOf(filename: string): string {
  return guessType(filename) ?? 'application/octet-stream';
}
