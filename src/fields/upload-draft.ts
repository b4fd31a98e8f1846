import type { Content, FileAttributes } from '../library/file-intent.js';
import type { StoredFile } from '../library/stored-file.js';
import type { StoreOptions } from '../manager.js';
import type { JsonObject, JsonValue } from '../python/json.js';

/** Where uploads are stored: a `Manager`, or a `UnitOfWork` of one. */
export interface FileStore {
  /** Where the application serves files, such as `/depot`. */
  readonly mountpoint: string;
  store(content: Content, options?: StoreOptions): Promise<StoredFile>;
  /** Deletes a file that nothing names. */
  discard(path: string): Promise<void>;
}

/** An upload on its way: what its reference will say, and the files that belong to it. */
export class UploadDraft {
  readonly store: FileStore;
  /** The reference so far, in the order of Python's keys. */
  readonly value: JsonObject = new Map<string, JsonValue>([
    ['depot_name', null],
    ['files', []],
  ]);
  #storage: string | undefined;
  #original: StoredFile | null = null;

  /** `storage`: name or alias; else the default one. */
  constructor(store: FileStore, storage?: string) {
    this.store = store;
    this.#storage = storage;
  }

  /** Paths `storage/id` of all files that belong to the upload. */
  get files(): string[] {
    return this.value.get('files') as string[];
  }

  /** The uploaded file as it was stored. */
  get original(): StoredFile {
    if (this.#original === null) throw new Error('the upload has not been stored yet');
    return this.#original;
  }

  /** Stores a further file that belongs to the upload, such as a thumbnail. */
  async storeContent(content: Content, attributes: FileAttributes = {}): Promise<StoredFile> {
    const file = await this.store.store(content, { ...attributes, storage: this.#storage });
    this.#storage = file.storage;
    this.value.set('depot_name', file.storage);
    this.files.push(file.path);
    return file;
  }

  /** Stores the uploaded file itself, and notes what a reference says of it. */
  async storeOriginal(content: Content, attributes: FileAttributes = {}): Promise<void> {
    const file = await this.storeContent(content, attributes);
    this.#original = file;
    this.value.set('file_id', file.id);
    this.value.set('path', file.path);
    this.value.set('filename', file.filename);
    this.value.set('content_type', file.contentType);
    this.value.set('uploaded_at', file.timestamp);
    this.value.set('_public_url', file.publicUrl);
  }

  /** Deletes what was stored, as far as that is possible: the upload has failed. */
  async discard(): Promise<void> {
    await Promise.allSettled(this.files.map((path) => this.store.discard(path)));
  }
}
